"""The result of a training as text: labels and predictions come in, a confusion table goes out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

LONGEST_NAME = 12


def confusion(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """(classes, classes): how many images of class i the network takes for class j.

    >>> confusion(np.array([0, 1, 1]), np.array([0, 1, 0]), 2).tolist()
    [[1, 0], [1, 1]]
    """
    table = np.zeros((classes, classes), dtype=int)
    np.add.at(table, (labels, predicted), 1)
    return table


def confusion_text(table: np.ndarray, classes: Sequence[str]) -> str:
    """The table with a row for each true class and the share of it that was recognised.

    >>> print(confusion_text(np.array([[3, 0], [1, 4]]), ("cat", "dog")))
    true ↓  predicted →
           cat  dog
      cat    3    ·   100.0%
      dog    1    4    80.0%
    """
    names = [name[:LONGEST_NAME] for name in classes]
    left = max(5, *[len(name) for name in names])
    heads = _heads(names, table)
    width = max(len(head) for head in heads)
    lines = ["true ↓  predicted →", " " * left + "".join(f"  {head:>{width}}" for head in heads)]
    for name, row, label in zip(names, table, range(len(names))):
        cells = "".join(f"  {count or '·':>{width}}" for count in row.tolist())
        share = f"{100 * row[label] / row.sum():6.1f}%" if row.sum() else "      –"
        lines.append(f"{name:>{left}}{cells}  {share}".rstrip())
    return "\n".join(lines)


def _heads(names: list[str], table: np.ndarray) -> list[str]:
    """Column heads as wide as the counts need; long names are cut, the rows spell them out."""
    room = max(4, len(str(table.max(initial=0))))
    return [name[:room] for name in names]
