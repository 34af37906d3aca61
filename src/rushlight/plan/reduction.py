"""Loops of reductions over strided and broadcast operands: few, long, and innermost along neighbours in memory.

In: the shape of the operands, which of its axes are reduced, and each operand's strides. Out: a `Plan`. Axes of one
entry are dropped, the others ordered as the operands lie in memory, and merged where all of them allow it.

    for item in items (threads take them):
        for kept in the item's part of the kept axes, by their number:
            for rest in the item's part of the other reduced axes, by their number:
                for near in its part of the innermost one of them:
                    for i in its part of the inner axis:  a vector at a time

The inner axis is reduced (the sum of a row is a number), or kept (rows are added to each other, and `kept` are the
other axes). Where few numbers become of many, the reduced axes are taken in pieces, and what the pieces give is
brought together afterwards, in their order. What a piece is, shape and strides decide, never the number of threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

from .pointwise import SAME, STRIDED, UNIT, Strides

BLOCK = 1 << 14
"""Elements of an item at least: a few microseconds of work."""
PIECE = 1 << 15
"""Elements of a piece at least."""
PARTS = 128
"""Items of large arrays: each new one is a jump in memory, which costs 0.1 µs until the machine prefetches again."""
WHOLE = 96 << 10
"""Elements up to which nothing is taken in pieces: one thread does them."""
ENOUGH = 64
"""Items from which on every team is busy without pieces."""
COLUMNS = 512
"""Kept neighbours that are gone through together: what is brought together of them stays in the nearest cache."""
SHORT_LINE = 512
"""Numbers of a line up to which several lines are brought together at once."""
OUTPUTS = 256
"""Results of an item at most, where the inner axis is reduced."""

Axis = tuple[int, Strides]


class Plan(NamedTuple):
    """Loops, and how each operand moves in them, in bytes."""

    moves: tuple[str, ...]  # along the inner axis: see `plan.pointwise`
    reduced: bool  # whether the inner axis is
    inner: int
    near: int
    rest: int
    kept: int
    inner_span: int
    near_span: int
    rest_group: int
    kept_group: int
    inner_strides: Strides
    near_strides: Strides
    rest_axes: tuple[Axis, ...]  # innermost first
    kept_axes: tuple[Axis, ...]
    positions: tuple[int, ...]  # the sizes of reduced axes, the inner one's last: 1 at most where they are counted

    @property
    def inner_chunks(self) -> int:
        """Parts of the inner axis."""
        return -(-self.inner // self.inner_span)

    @property
    def near_chunks(self) -> int:
        """Parts of the near axis."""
        return -(-self.near // self.near_span)

    @property
    def rest_chunks(self) -> int:
        """Parts of the other reduced axes."""
        return -(-self.rest // self.rest_group)

    @property
    def short(self) -> bool:
        """Whether each result is of one short line."""
        return self.reduced and self.near * self.rest == 1 and self.inner <= SHORT_LINE

    @property
    def pieces(self) -> int:
        """Parts of which a result is made."""
        return self.rest_chunks * self.near_chunks * (self.inner_chunks if self.reduced else 1)

    @property
    def outputs(self) -> int:
        """How many results there are."""
        return self.kept * (1 if self.reduced else self.inner)

    @property
    def items(self) -> int:
        """Pieces of work."""
        kept_groups = -(-self.kept // self.kept_group)
        return kept_groups * self.rest_chunks * self.near_chunks * self.inner_chunks


def plan_reduction(
    shape: Sequence[int], order: Sequence[int], reduced: frozenset[int], strides: Sequence[Strides],
    itemsizes: Sequence[int],
) -> Plan:  # fmt: skip
    """The loops for operands with these strides in bytes, whose axes lie in this order, the innermost last.

    >>> plan_reduction((8, 3, 4), (0, 1, 2), frozenset({2}), [(48, 16, 4)], (4,))[1:6]
    (True, 4, 1, 1, 24)
    >>> plan_reduction((8, 3, 4), (0, 1, 2), frozenset({0}), [(48, 16, 4)], (4,))[1:6]
    (False, 12, 8, 1, 1)
    """
    axes = _merged([(axis in reduced, shape[axis], tuple([own[axis] for own in strides])) for axis in order])
    still = (0,) * len(strides)
    is_reduced, inner, steps = axes.pop() if axes else (True, 1, still)
    lines = [axis[1:] for axis in axes if axis[0]]
    kept_axes = [axis[1:] for axis in axes if not axis[0]]
    near = lines.pop() if lines else (1, still)
    rest, kept = prod([n for n, _ in lines]), prod([n for n, _ in kept_axes])
    split = _rows if is_reduced else _columns
    spans = split(inner, near[0], rest, kept)
    moves = tuple([_move(stride, itemsize) for stride, itemsize in zip(steps, itemsizes)])
    counted = (*[n for n, _ in lines], *[near[0]] * (near[0] > 1), *[inner] * is_reduced)
    return Plan(
        moves, is_reduced, inner, near[0], rest, kept, *spans, steps, near[1], tuple(reversed(lines)),
        tuple(reversed(kept_axes)), tuple([n for n in counted if n != 1]),
    )  # fmt: skip


def _merged(axes: Sequence[tuple[bool, int, Strides]]) -> list[tuple[bool, int, Strides]]:
    """Axes of several entries; those that are one for every operand, and reduced or not alike, as one."""
    merged: list[tuple[bool, int, Strides]] = []
    for reduced, size, steps in axes:
        if size == 1:
            continue
        last = merged[-1] if merged else None
        if last and last[0] == reduced and all(outer == inner * size for outer, inner in zip(last[2], steps)):
            merged[-1] = (reduced, last[1] * size, steps)
        else:
            merged.append((reduced, size, steps))
    return merged


def _move(stride: int, itemsize: int) -> str:
    return UNIT if stride == itemsize else STRIDED if stride else SAME


def _rows(inner: int, near: int, rest: int, kept: int) -> tuple[int, int, int, int]:
    """How much of the inner axis, of the near one, of all other reduced ones and of the kept ones an item has."""
    each = inner * near * rest
    part = kept * each // PARTS
    if kept * each <= WHOLE or kept >= ENOUGH or each < 2 * PIECE:
        return inner, near, rest, min(kept, OUTPUTS, max(1, max(BLOCK, part) // each))
    return *_parts(inner, near, rest, max(PIECE, part)), 1


def _parts(inner: int, near: int, rest: int, piece: int) -> tuple[int, int, int]:
    inner_span = min(inner, piece)
    near_span = min(near, max(1, piece // inner_span)) if inner_span == inner else 1
    whole = inner_span == inner and near_span == near
    return inner_span, near_span, min(rest, max(1, piece // (inner * near))) if whole else 1


def _columns(inner: int, near: int, rest: int, kept: int) -> tuple[int, int, int, int]:
    lines = near * rest
    part = inner * lines * kept // PARTS
    span = min(inner, COLUMNS * max(1, max(BLOCK, part) // (COLUMNS * lines)))
    items = kept * -(-inner // span)
    if items * span * lines <= WHOLE or items >= ENOUGH or span * lines < 2 * PIECE:
        group = max(1, max(BLOCK, part) // (span * lines)) if span == inner else 1
        return span, near, rest, min(kept, group)
    _, near_span, rest_group = _parts(span, near, rest, max(PIECE, part))
    return span, near_span, rest_group, 1
