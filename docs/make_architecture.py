"""Draws the floors of the package, from the list that the structure test holds: `python docs/make_architecture.py`."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
PICTURE = HERE / "pictures" / "floors.svg"
WIDTH, HEIGHT, GAP = 760, 30, 6


def floors() -> list[str]:
    """From the top to the ground."""
    sys.path.insert(0, str(HERE.parent))
    from tests.arch.test_structure import FLOORS

    return [line for line in reversed(FLOORS.strip().split("\n")) if not line.startswith("__")]


def picture() -> str:
    """Boxes on one another, the commands and users' surface at the top."""
    rows, y = [], 10
    for line in floors():
        label = ", ".join(line.split()) if "/" not in line else f"{line.partition('/')[0]}: what fills arrays"
        rows.append(
            f'<rect x="10" y="{y}" width="{WIDTH - 20}" height="{HEIGHT}" rx="4" fill="#f3f0ea" stroke="#8a8276"/>'
            f'<text x="{WIDTH // 2}" y="{y + 20}" text-anchor="middle" font-family="sans-serif" font-size="14" '
            f'fill="#222222">{label}</text>'
        )
        y += HEIGHT + GAP
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y + 4}" viewBox="0 0 {WIDTH} {y + 4}">'
    return "\n".join([head, "<title>The floors of the package</title>", *rows, "</svg>", ""])


if __name__ == "__main__":
    PICTURE.write_text(picture())
