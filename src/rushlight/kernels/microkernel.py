"""The matrix microkernel: a register block of sums, to which every step of a reduction adds a column times a row.

In: how the numbers of both operands are loaded (`broadcast`, `vectors`), and pointers to them, step by step. Out: the
sums as values, for an epilogue of the caller's or for `store`. Product tiles, dot products, Winograd's products over
channels and the weight gradients' over pixels differ in these parameters alone.

    c[m][v] = start[v] + Σ over steps  a[m] · b[v]        m < height, v < vectors
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from ..language.ir import Function, Mask, Pointer, Type, Value, vec

Load = Callable[[Pointer, Mask | None], Iterable[Value]]
Advance = Callable[[Pointer], Pointer]


def broadcast(count: int, lanes: int, advance: Advance | None = None) -> Load:
    """`count` numbers, each in all lanes: neighbours, or the next one where `advance` leads from the last."""

    def load(at: Pointer, mask: Mask | None) -> Iterator[Value]:
        for m in range(count):
            yield (at if advance else at[m]).broadcast(lanes)
            at = advance(at) if advance else at

    return load


def vectors(count: int, lanes: int, advance: Advance | None = None) -> Load:
    """`count` vectors: neighbours, or the next one where `advance` leads from the last."""

    def load(at: Pointer, mask: Mask | None) -> Iterator[Value]:
        for v in range(count):
            yield (at if advance else at[v * lanes]).load(lanes, mask=mask)
            at = advance(at) if advance else at

    return load


class Microkernel:
    """The sums of a register block, `height` × `count` vectors of `lanes` numbers.

    They start from `start`, one value or number for each column; from whatever `clear` gives them where it is None."""

    def __init__(
        self, f: Function, number: Type, lanes: int, height: int, count: int, load_a: Load, load_b: Load,
        start: Sequence[Value | float] | None = None,
    ) -> None:  # fmt: skip
        self.f, self.number, self.lanes, self.load_a, self.load_b = f, number, lanes, load_a, load_b
        first = [None] * count if start is None else start
        self.sums = [[f.var(vec(number, lanes), value) for value in first] for _ in range(height)]

    def clear(self) -> None:
        """Begin again from 0."""
        for row in self.sums:
            for total in row:
                total.value = 0.0

    def load(self, c: Iterable[Pointer], add: bool = False) -> None:
        """Begin with what earlier steps left in the rows of c, or add it."""
        for line, row in zip(c, self.sums):
            for v, total in enumerate(row):
                here = line[v * self.lanes]
                total.value = total.value + here.load(self.lanes) if add else here.load(self.lanes)

    def step(self, a: Pointer, b: Pointer, mask: Mask | None = None) -> None:
        """Add the products of `height` rows of a with `count` vectors of b; every number of a is used as it is loaded,
        so that it needs no register of its own."""
        columns = list(self.load_b(b, mask))
        for row, sums in zip(self.load_a(a, mask), self.sums):
            for column, total in zip(columns, sums):
                total.value = self.f.fma(row, column, total.value)

    def values(self) -> Iterator[Iterator[Value]]:
        """The sums, row by row, each read when it is asked for."""
        return ((total.value for total in row) for row in self.sums)


def lines(c: Pointer, step: Value | int, count: int) -> Iterator[Pointer]:
    """The rows of a result, `step` numbers from each to the next."""
    for _ in range(count):
        yield c
        c = c[step]


def store(values: Iterable[Iterable[Value]], c: Iterable[Pointer], add: bool = False) -> None:
    """The epilogue of whole tiles: sums into the rows of c, or added to what is there."""
    for line, row in zip(c, values):
        for v, value in enumerate(row):
            lanes = value.type.lanes
            line[v * lanes].store((value + line[v * lanes].load(lanes) if add else value).to(line.of))
