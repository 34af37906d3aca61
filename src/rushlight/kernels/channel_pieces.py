"""How normalisation's kernels go through arrays of channels and positions: items, rows, lines, and what is the same for
all numbers of a channel.

In: the words of a `plan.bias.BiasPlan` for one outer (`plan.normalization`). Out: emitters that call back for vectors
of rows where channels are neighbours, and of lines where positions are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..language.ir import Fields, Function, Mask, Module, Pointer, Type, Value, f64, i64, vec
from ..language.loops import divide
from ..plan.bias import LINES, SPAN
from .bias import Piece

ROWS = 4
"""Rows of neighbouring channels under way at once, and vectors of a line."""

ROW_MULTIPLE = 16
"""Numbers that rows of partial sums are rounded up to, so that vectors of them need no masks."""

GEOMETRY = (
    "items", "outer_stride", "images", "group", "positions", "pieces", "piece", "width", "spans", "span", "extra",
    "chunks", "leading_dimension", "channels", "groups", "each",
)  # fmt: skip
"""Words: `outer_stride` from one outer to the next, `each` channels in one of `groups` of an outer,
`leading_dimension` from one row of partial sums to the next; the others are a BiasPlan's."""


class Item(Piece):
    """What a thread takes: a piece of one outer. `row` counts the chunks of all outers."""

    def __init__(self, f: Function, p: Fields, item: Value) -> None:
        self.row, part = divide(item, p.spans)
        self.outer, chunk = divide(self.row, p.chunks)
        super().__init__(f, p, chunk, part)
        self.base = self.outer * p.outer_stride
        self.ends = self.start + self.count == p.positions


def local(f: Function, p: Fields, inner: str, of: Type | None = None) -> Pointer:
    """Room for a number a column (`channels`), or a channel of the span (`positions`)."""
    return f.local(of or p.number, (SPAN if inner == "channels" else LINES) + 2 * p.lanes)


# -------------------------------------------------------------------- what channels have of their own


def fill(f: Function, p: Fields, item: Item, grouped: bool, make: Callable, pointers: Sequence[Pointer]) -> None:
    """Store what `make(statistic, parameter)` gives, a vector a pointer, for the columns of an item.

    `statistic(pointer)` loads doubles of the columns' means, `parameter(pointer)` what channels have, as doubles. A
    column is a channel, or where rows hold several positions that of its position. Some numbers behind the last column
    are written, too."""
    j = f.var(i64, item.left)
    left = f.var(i64, item.right - item.left)
    with f.while_(left):
        column, first = j.value, divide(j.value, p.channels)[1]
        if grouped:
            group, inside = divide(first, p.each)
            count = f.min(p.each - inside, left.value)
            index = item.outer * p.groups + group
        else:
            count = f.min(p.channels - first, left.value)
            index = item.outer * p.groups + first
        with f.loop(0, count, p.lanes) as c:
            mask = f.mask(count - c, p.lanes, f64)

            def statistic(of: Pointer, index: Value = index, c: Value = c, mask: Mask = mask) -> Value:
                if grouped:
                    return of[index].broadcast(p.lanes)
                return of[index + c].load(p.lanes, mask=mask)

            def parameter(of: Pointer, first: Value = first, c: Value = c, count: Value = count) -> Value:
                return of[first + c].load(p.lanes, mask=f.mask(count - c, p.lanes, of.of)).to(f64)

            at = column - item.left + c
            for where, value in zip(pointers, make(statistic, parameter)):
                where[at].store(value)
        j.value = column + count
        left.value = left.value - count


# -------------------------------------------------------------------- channels are neighbours


def each_rows(f: Function, p: Fields, item: Item, do: Callable[[list[Value], Value, Mask | None], None]) -> None:
    """`do(where some rows begin, column, mask)` for all vectors of an item: four rows at a time, then one.

    Positions that are left of the last row of several are a row of `extra` numbers."""
    base = item.base + item.start * p.width
    whole = item.left + (item.right - item.left) // p.lanes * p.lanes
    tail = f.mask(item.right - whole, p.lanes, p.stored)

    def columns(rows: list[Value]) -> None:
        with f.loop(item.left, whole, p.lanes) as c:
            do(rows, c, None)
        with f.if_(whole < item.right):
            do(rows, whole, tail)

    many = item.count // ROWS * ROWS
    with f.loop(0, many, ROWS) as r:
        columns([base + (r + j) * p.width for j in range(ROWS)])
    with f.loop(many, item.count) as r:
        columns([base + r * p.width])
    with f.if_(item.ends):
        stop = f.min(item.right, p.extra)
        with f.loop(item.left, stop, p.lanes) as c:
            do([base + item.count * p.width], c, f.mask(stop - c, p.lanes, p.stored))


def each_column(f: Function, p: Fields, item: Item, do: Callable[[Value], None]) -> None:
    """`do(column)` for all vectors of columns of an item, the last of which may go beyond it."""
    with f.loop(item.left, item.right, p.lanes) as c:
        do(c)


def tree(values: Sequence[Value]) -> Value:
    """The sum of one, two or four values, in pairs."""
    values = list(values)
    while len(values) > 1:
        values = [a + b for a, b in zip(values[::2], values[1::2])]
    return values[0]


# -------------------------------------------------------------------- positions are neighbours


def each_line(f: Function, p: Fields, item: Item, do: Callable[[Value, Value, Value], None]) -> None:
    """`do(where the line begins, which channel of the span, image)` for all lines of an item, as they lie in memory."""
    with f.loop(item.first, item.last) as image:
        base = item.base + (image * p.channels + item.left) * p.positions + item.start
        with f.loop(0, item.right - item.left) as c:
            do(base + c * p.positions, c, image)


def each_vector(f: Function, p: Fields, count: Value, tail: Mask, do: Callable) -> None:
    """`do(number, which of those under way, mask)` for the vectors of a line of `count` numbers."""
    block = ROWS * p.lanes
    many, whole = count // block * block, count // p.lanes * p.lanes
    with f.loop(0, many, block) as i:
        for v in range(ROWS):
            do(i + v * p.lanes, v, None)
    with f.loop(many, whole, p.lanes) as i:
        do(i, 0, None)
    with f.if_(whole < count):
        do(whole, 1, tail)


def sums_of_line(f: Function, p: Fields, count: Value, tail: Mask, terms: Callable, of: int) -> list[Value]:
    """Σ over `count` numbers of each of the `of` vectors that `terms(number, mask)` gives, lane by lane."""
    totals = [[f.var(vec(p.number, p.lanes), 0.0) for _ in range(of)] for _ in range(ROWS)]

    def add(i: Value, v: int, mask: Mask | None) -> None:
        for total, term in zip(totals[v], terms(i, mask)):
            total.value = total.value + term

    each_vector(f, p, count, tail, add)
    return [tree([total[n].value for total in totals]) for n in range(of)]


# -------------------------------------------------------------------- numbers


def loaded(p: Fields, pointer: Pointer, mask: Mask | None = None) -> Value:
    """A vector of an array, as numbers."""
    return pointer.load(p.lanes, mask=mask).to(p.number)


def kept(f: Function, p: Fields, value: Value, mask: Mask | None) -> Value:
    """A value where the mask is, else 0."""
    return value if mask is None else f.select(mask.i1(p.number), value, f.const(value.type, 0.0))


def typed(k: Module, p: Fields, stored: Type, number: Type) -> None:
    """What these emitters ask of the fields: types, and how many numbers a vector holds."""
    p.stored, p.number, p.lanes = stored, number, k.lanes(number)
