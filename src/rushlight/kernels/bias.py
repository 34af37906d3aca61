"""The bias's gradient: the sum of an array over everything but its channels.

In: an array whose channels, or whose positions, are neighbours in memory, in the pieces of a `plan.bias.BiasPlan`. Out:
the kernel `sums`, which writes partial sums [chunk][width], for the kernel `totals` (`kernels.partial_sums`).
"""

from __future__ import annotations

from collections.abc import Callable

from ..language.ir import (
    Array,
    Fields,
    Function,
    Mask,
    Module,
    Params,
    Pointer,
    Table,
    Type,
    Value,
    Word,
    f64,
    vec,
)
from ..language.loops import divide
from ..plan.bias import LINES

UNROLL = 4
"""Vectors under way at once."""

ROWS = 4
"""Rows added to each other before they are added to the sums: those are read and written less often."""

RUN = 1024
"""Neighbours that are added up before their sum joins others, in double precision: long sums round more."""


class SumsFields(Fields):
    """The words of `sums`: image i begins at y[offsets[i]]; the other words are a BiasPlan's."""

    y: Array
    sums: Array
    offsets: Table
    items: Word
    images: Word
    group: Word
    positions: Word
    pieces: Word
    piece: Word
    width: Word
    spans: Word
    span: Word
    step: Word
    extra: Word

    # Beside the words, while the kernel is emitted.
    number: Type
    lanes: int


def bias_params(source: Type, number: Type) -> Params[SumsFields]:
    """The words of `sums` for these types."""
    return Params(SumsFields, y=source, sums=number)


class Piece:
    """What a thread takes of a `BiasPlan`: of this chunk, images `first` to `last` and `count` positions from `start`
    on; of its width, this part, from `left` to `right`."""

    def __init__(self, f: Function, p: Fields, chunk: Value, part: Value) -> None:
        self.chunk = chunk
        group, piece = divide(chunk, p.pieces)
        self.first = group * p.group
        self.last = f.min(self.first + p.group, p.images)
        self.start = piece * p.piece
        self.count = f.min(p.piece, p.positions - self.start)
        self.left = part * p.span
        self.right = f.min(self.left + p.span, p.width)


# -------------------------------------------------------------------- channels are neighbours


def emit_rows(k: Module, source: Type, number: Type) -> None:
    """Exports `sums` for neighbouring channels.

    for items, dynamically, for images, rows of channels, four at a time:
        for vectors c of the span:  sums[chunk][c] += (row₀[c] + row₁[c]) + (row₂[c] + row₃[c])
    """
    with k.kernel("sums", bias_params(source, number)) as (f, p), f.dynamic_loop(p.next, p.items) as number_of_item:
        p.number, p.lanes = number, k.lanes(number)
        item = Piece(f, p, *divide(number_of_item, p.spans))
        sums, whole = p.sums[item.chunk * p.width], item.left + (item.right - item.left) // p.lanes * p.lanes
        with f.loop(item.left, whole, p.lanes) as c:
            sums[c].store(f.const(vec(number, p.lanes), 0.0))
        with f.loop(item.first, item.last) as image:
            rows = p.y[p.offsets[image].load() + item.start * p.step]
            _each_rows(f, p, rows, item.count, lambda some: _add_rows(f, p, some, item.left, whole, sums))
            with f.if_(item.start + item.count == p.positions):
                rest = rows[item.count * p.step]
                with f.loop(item.left, f.min(item.right, p.extra), p.lanes) as c:
                    mask = f.mask(p.extra - c, p.lanes, source)
                    _add(p, [rest], c, sums, mask)
        with f.if_(whole < item.right):
            _sum_column(f, p, source, item, whole, sums)


def _each_rows(f: Function, p: SumsFields, rows: Pointer, count: Value, do: Callable[[list[Pointer]], None]) -> None:
    """`do` for all rows: four at a time, then one."""
    many = count // ROWS * ROWS
    with f.loop(0, many, ROWS) as r:
        do([rows[(r + j) * p.step] for j in range(ROWS)])
    with f.loop(many, count) as r:
        do([rows[r * p.step]])


def _add_rows(f: Function, p: SumsFields, rows: list[Pointer], left: Value, whole: Value, sums: Pointer) -> None:
    """The whole vectors of some rows, added to the sums."""
    block = UNROLL * p.lanes
    many = left + (whole - left) // block * block
    with f.loop(left, many, block) as c:
        for v in range(UNROLL):
            _add(p, rows, c + v * p.lanes, sums)
    with f.loop(many, whole, p.lanes) as c:
        _add(p, rows, c, sums)


def _add(p: SumsFields, rows: list[Pointer], c: Value, sums: Pointer, mask: Mask | None = None) -> None:
    """One vector of some rows, added to the sums."""
    sums[c].store(sums[c].load(p.lanes) + _tree([row[c].load(p.lanes, mask=mask).to(p.number) for row in rows]))


def _sum_column(f: Function, p: SumsFields, source: Type, item: Piece, c: Value, sums: Pointer) -> None:
    """The channels behind the last whole vector, whose sums stay in a register: a part of one is dear to store."""
    left = item.right - c
    mask, total = f.mask(left, p.lanes, source), f.var(vec(p.number, p.lanes), 0.0)

    def add(rows: list[Pointer]) -> None:
        total.value = total.value + _tree([row.load(p.lanes, mask=mask).to(p.number) for row in rows])

    with f.loop(item.first, item.last) as image:
        _each_rows(f, p, p.y[p.offsets[image].load() + item.start * p.step + c], item.count, add)
    sums[c].store(total.value, mask=f.mask(left, p.lanes, p.number))


# -------------------------------------------------------------------- positions are neighbours


def emit_lines(k: Module, source: Type, number: Type) -> None:
    """Exports `sums` for neighbouring positions.

    for items, dynamically, for images, channels of the span:
        for runs of the channel's line:  vector[channel] += Σ over vectors of the run
    sums[chunk][channel] = Σ over lanes vector[channel]
    """
    with k.kernel("sums", bias_params(source, number)) as (f, p):
        p.number, p.lanes = number, k.lanes(number)
        vectors = f.local(f64, LINES * p.lanes)
        with f.dynamic_loop(p.next, p.items) as number_of_item:
            item = Piece(f, p, *divide(number_of_item, p.spans))
            channels, mask = item.right - item.left, f.mask(item.count % p.lanes, p.lanes, source)
            with f.loop(0, channels) as c:
                vectors[c * p.lanes].store(f.const(vec(f64, p.lanes), 0.0))
            with f.loop(item.first, item.last) as image:
                lines = p.y[p.offsets[image].load() + item.left * p.step + item.start]
                with f.loop(0, channels) as c:
                    line, pointer = lines[c * p.step], vectors[c * p.lanes]
                    with f.loop(0, item.count, RUN) as i:
                        run = _sum_run(f, p, line[i], f.min(item.count - i, RUN), mask)
                        pointer.store(pointer.load(p.lanes) + run.to(f64))
            sums = p.sums[item.chunk * p.width + item.left]
            with f.loop(0, channels) as c:
                sums[c].store(f.sum_lanes(vectors[c * p.lanes].load(p.lanes)).to(number))


def _sum_run(f: Function, p: SumsFields, line: Pointer, count: Value, mask: Mask) -> Value:
    """Σ over `count` neighbours, lane by lane; `mask` is of those behind the last whole vector."""
    block = UNROLL * p.lanes
    totals = [f.var(vec(p.number, p.lanes), 0.0) for _ in range(UNROLL)]

    def add(total: object, pointer: Pointer, mask: Mask | None = None) -> None:
        total.value = total.value + pointer.load(p.lanes, mask=mask).to(p.number)

    many, whole = count // block * block, count // p.lanes * p.lanes
    with f.loop(0, many, block) as i:
        for v, total in enumerate(totals):
            add(total, line[i + v * p.lanes])
    with f.loop(many, whole, p.lanes) as i:
        add(totals[0], line[i])
    with f.if_(whole < count):
        add(totals[1], line[whole], mask)
    return _tree([total.value for total in totals])


def _tree(values: list[Value]) -> Value:
    """The sum of one, two or four values, in pairs."""
    while len(values) > 1:
        values = [a + b for a, b in zip(values[::2], values[1::2])]
    return values[0]
