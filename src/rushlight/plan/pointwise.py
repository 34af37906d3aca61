"""Loops over strided and broadcast operands: few, long, and innermost along neighbours in memory.

In: the shape of the results, and each operand's strides in it. Out: a `Plan`. Axes of one entry are dropped, the others
ordered as the first result lies in memory, and merged where all operands allow it: contiguous operands of any shape
become one loop, a channels-last image and its channel vector two.

    for item in items (threads take them):
        for outer in the item's part of all other axes, by their number:
            for j in the item's part of the middle axis:
                for i in the item's part of the inner axis:  a vector at a time

An operand whose neighbours run along another axis than the results' (a transposed one) makes that axis the middle one,
and is transposed in tiles.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

UNIT, SAME, STRIDED, TRANSPOSED = "unit", "same", "strided", "transposed"
"""How an operand moves along the inner axis: to its neighbour, not at all, further on, or as neighbours of the middle
axis do."""

BLOCK = 1 << 14
"""Elements of an item: a few microseconds of work, which fit the nearest caches."""
TILE = 64, 256
"""Of the middle and of the inner axis, where an operand is transposed: few pages, whole cache lines of either side."""
FEW = 4
"""Entries of an axis from which on transposing tiles is quicker than fetching numbers one by one."""

Strides = tuple[int, ...]


class Plan(NamedTuple):
    """Loops, and how each operand, the results first, moves in them, in bytes."""

    moves: tuple[str, ...]
    inner: int
    middle: int
    outers: int
    inner_span: int
    middle_span: int
    group: int  # outer positions of an item
    inner_strides: Strides
    middle_strides: Strides
    axes: tuple[tuple[int, Strides], ...]  # the other axes, innermost first: size and strides

    @property
    def inner_chunks(self) -> int:
        """Parts of the inner axis."""
        return -(-self.inner // self.inner_span)

    @property
    def middle_chunks(self) -> int:
        """Parts of the middle axis."""
        return -(-self.middle // self.middle_span)

    @property
    def items(self) -> int:
        """Pieces of work."""
        return -(-self.outers // self.group) * self.middle_chunks * self.inner_chunks


def plan_pointwise(shape: Sequence[int], strides: Sequence[Strides], itemsizes: Sequence[int], results: int) -> Plan:
    """The loops for operands with these strides in bytes, the first `results` of which are written.

    >>> plan_pointwise((8, 3, 4), [(48, 16, 4)] * 3, (4,) * 3, 1)[:4]
    (('unit', 'unit', 'unit'), 96, 1, 1)
    >>> channels_last, vector = (3072, 4, 384, 48), (0, 4, 0, 0)
    >>> plan_pointwise((2, 12, 8, 8), [channels_last, channels_last, vector], (4,) * 3, 1)[:4]
    (('unit', 'unit', 'unit'), 12, 128, 1)
    """
    axes = _merged(_ordered(shape, strides))
    inner = axes.pop() if axes else (1, (0,) * len(strides))
    moves = [_move(stride, itemsize) for stride, itemsize in zip(inner[1], itemsizes)]
    at = _turning_axis(inner, axes, itemsizes, moves, results)
    if at is not None:
        middle = axes.pop(at)
        moves = [
            TRANSPOSED if move == STRIDED and number >= results and middle[1][number] == itemsize else move
            for number, (move, itemsize) in enumerate(zip(moves, itemsizes))
        ]
    else:
        middle = axes.pop() if axes else (1, (0,) * len(strides))
    outers = 1
    for size, _ in axes:
        outers *= size
    spans = _spans(inner[0], middle[0], outers, TRANSPOSED in moves)
    return Plan(tuple(moves), inner[0], middle[0], outers, *spans, inner[1], middle[1], tuple(reversed(axes)))


def _ordered(shape: Sequence[int], strides: Sequence[Strides]) -> list[tuple[int, Strides]]:
    """The axes with several entries, as the first result has them in memory: the innermost last."""
    axes = [(n, tuple([own[axis] for own in strides])) for axis, n in enumerate(shape) if n != 1]
    return sorted(axes, key=lambda axis: -abs(axis[1][0]))


def _merged(axes: list[tuple[int, Strides]]) -> list[tuple[int, Strides]]:
    """Axes that are one for every operand, as one."""
    merged: list[tuple[int, Strides]] = []
    for size, steps in axes:
        if merged and all(outer == inner * size for outer, inner in zip(merged[-1][1], steps)):
            merged[-1] = (merged[-1][0] * size, steps)
        else:
            merged.append((size, steps))
    return merged


def _move(stride: int, itemsize: int) -> str:
    return UNIT if stride == itemsize else STRIDED if stride else SAME


def _turning_axis(
    inner: tuple[int, Strides],
    axes: list[tuple[int, Strides]],
    itemsizes: Sequence[int],
    moves: list[str],
    results: int,
) -> int | None:
    """The axis along which the first input that does not run along the inner axis has its neighbours."""
    for number in range(results, len(moves)):
        if moves[number] == STRIDED and inner[0] >= FEW:
            for at, (size, steps) in enumerate(axes):
                if steps[number] == itemsizes[number] and size >= FEW:
                    return at
    return None


def _spans(inner: int, middle: int, outers: int, transposed: bool) -> tuple[int, int, int]:
    """How much of the inner axis, of the middle one and of all others an item has."""
    if transposed:
        middle_span, inner_span = min(middle, TILE[0]), min(inner, TILE[1])
    else:
        inner_span = min(inner, BLOCK)
        middle_span = min(middle, max(1, BLOCK // inner_span))
    whole = inner_span == inner and middle_span == middle
    return inner_span, middle_span, min(outers, max(1, BLOCK // (inner * middle))) if whole else 1
