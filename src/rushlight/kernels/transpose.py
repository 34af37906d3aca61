"""The tile transpose: rows of a tile as they lie in memory, in registers as columns.

In: where the rows of a tile begin, and the type of numbers to compute with. Out: one vector for each column. Packing,
weights and their gradients differ in where rows come from and where columns go, which they say themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..language.ir import Function, Mask, Pointer, Type, Value
from .tails import Tail


def tile_rows(f: Function, start: Pointer, first: Value, stop: Value, stride: Value, count: int) -> list[Pointer]:
    """`count` rows from row `first` on, `stride` numbers from each to the next; the last one before `stop` stands in
    for those beyond it."""
    return [start[f.min(first + r, stop - 1) * stride] for r in range(count)]


def transpose_tile(
    f: Function, rows: Iterable[Pointer], at: Value | int, lanes: int, number: Type, part: Mask | Tail | None = None
) -> list[Value]:
    """Numbers at, at + 1, … of every row, as numbers of type `number`: vector q holds number at + q of each row, in
    the order of the rows. What the mask, or the end of the rows, leaves out is 0."""
    if isinstance(part, Tail):
        return f.transpose([part.load(row[at], lanes).to(number) for row in rows])
    return f.transpose([row[at].load(lanes, mask=part).to(number) for row in rows])


def transpose_rest(f: Function, rows: Sequence[Pointer], at: Value, stop: Value, number: Type) -> list[Value]:
    """The same of as many rows as a vector has lanes; numbers from `stop` on are 0."""
    return transpose_tile(f, rows, at, len(rows), number, f.mask(stop - at, len(rows), rows[0].of))
