"""Row-vectorised depthwise convolution: lanes are neighbouring positions of a row, one result channel at a time.

In: a `Form`, which holds what a plan fixes. Out: the kernel `depthwise_rows`.

    for item (some channels and blocks of rows of an image):  for group of channels, for block:
        copy the block's rows of the group's source channels into the packed tile; padding is zeros
        for result channel, for depth, for rows of a tile, for vectors along the row:
            sums = bias
            for source channel, for depth of taps, for group of taps above each other, for column of taps:
                for source row:  load once;  for each tap of the group:  sums[row − index of tap] += weight · loaded
            results

Rows and columns of the packed tile are in packed order (`plan.axes`): neither dilation nor the stride of rows is known
here. Along the rows the stride is 1: taking every second number of a row costs more than transposing tiles does.
"""

from __future__ import annotations

from typing import NamedTuple

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
    i64,
    vec,
)
from ..language.loops import divide

PREFETCH_DISTANCE = 2048
"""Bytes of the source that are prefetched before they are copied, where arrays come from memory."""


class Form(NamedTuple):
    """What the kernel is specialised on."""

    lanes: int
    rows: int
    patterns: tuple[tuple[int, ...], ...]  # of groups of taps: packed indices from the first tap to each
    runs: int  # of packed indices along w whose sources are neighbours
    relu: bool
    prefetch: bool  # whether what comes next is prefetched: source channels behind this one, result rows below


class DepthwiseRowsFields(Fields):
    """The words of `depthwise_rows`. An item is `piece` channels of an image and one of `parts` of its blocks;
    `output_channels` channels read the same `reduced_channels` source channels, whose packed tiles are `packed_plane`
    apart.

    table_d, table_h, block_table_d, block_table_h: as `kernels.pack` has them. run_table: of each run of packed indices
    along w, its first packed index, how many they are, and the source offset of the first. starts: of each pattern's
    groups among the `entries`, each (offset in the packed tile, offset among a channel's weights). columns: the packed
    index of each tap along w."""

    source: Array
    weights: Array
    bias: Array
    out: Array
    scratch: Array
    items: Word
    parts: Word
    pieces: Word
    piece: Word
    channels: Word
    output_channels: Word
    reduced_channels: Word
    image: Word
    channel: Word
    scratch_size: Word
    packed_plane: Word
    weight_size: Word
    out_plane: Word
    packed_d: Word
    packed_h: Word
    leading_dimension: Word
    blocks_d: Word
    blocks_h: Word
    block_d: Word
    block_h: Word
    out_d: Word
    out_h: Word
    out_w: Word
    taps_w: Word
    table_d: Table
    table_h: Table
    block_table_d: Table
    block_table_h: Table
    run_table: Table
    starts: Table
    entries: Table
    columns: Table

    # Beside the words, while the kernel is emitted.
    form: Form
    zero: Value
    last: Value
    copies: list
    starting: list
    tail: Mask


def depthwise_rows_params(stored: Type, number: Type) -> Params[DepthwiseRowsFields]:
    """The words of `depthwise_rows` for these types."""
    return Params(DepthwiseRowsFields, source=stored, weights=number, bias=number, out=stored, scratch=number)


def emit_depthwise_rows(k: Module, form: Form, stored: Type, number: Type) -> None:
    """Exports `depthwise_rows`."""
    with k.kernel("depthwise_rows", depthwise_rows_params(stored, number)) as (f, p):
        p.form, p.zero = form, f.const(vec(number, form.lanes), 0.0)
        packed_tile = p.scratch[p.ticket.fetch_add(1) * p.scratch_size]
        with f.loop(0, p.scratch_size, form.lanes, sure=True) as i:  # zeros beside the rows stay for every plane
            packed_tile[i].store(p.zero)
        p.copies = [_run(f, p, r, stored) for r in range(form.runs)]
        p.starting = [p.starts[i].load() for i in range(len(form.patterns) + 1)]
        p.last, p.tail = f.max(p.out_w - form.lanes, 0), f.mask(p.out_w, form.lanes, stored)
        with f.dynamic_loop(p.next, p.items) as item:
            some, part = divide(item, p.parts)
            image, piece = divide(some, p.pieces)
            begin = piece * p.piece
            end = f.min(begin + p.piece, p.channels)
            source, out = p.source[image * p.image], p.out[image * p.channels * p.out_plane]
            blocks = p.blocks_d * p.blocks_h
            first_block, last_block = blocks * part // p.parts, blocks * (part + 1) // p.parts
            at = divide(first_block, p.blocks_h)
            with f.loop(begin // p.output_channels, f.ceil_div(end, p.output_channels), sure=True) as g:
                sources = source[g * p.reduced_channels * p.channel]
                first, last = f.max(begin, g * p.output_channels), f.min(end, (g + 1) * p.output_channels)
                d_, h_ = (f.var(i64, value) for value in at)
                with f.loop(first_block, last_block, sure=True):
                    d, h = d_.value, h_.value
                    with f.loop(0, p.reduced_channels, sure=True) as j:
                        _copy_block(f, p, sources[j * p.channel], packed_tile[j * p.packed_plane], d, h)
                    start = d * p.block_d, h * p.block_h
                    with f.loop(first, last, sure=True) as c:
                        weights, plane = p.weights[c * p.weight_size], out[c * p.out_plane]
                        left = f.select(blocks == 1, end - c, 1) * p.out_plane
                        _sum_block(f, p, packed_tile, weights, p.bias[c], plane, left, start)
                    h_.value = f.select(h + 1 == p.blocks_h, 0, h + 1)
                    d_.value = f.select(h + 1 == p.blocks_h, d + 1, d)


def _copy_block(f: Function, p: DepthwiseRowsFields, plane: Pointer, packed_tile: Pointer, d: Value, h: Value) -> None:
    """The source rows of a block: copied, or zeros on the padding; what nobody needs keeps what it has."""
    at_d, at_h = p.block_table_d[d * 2], p.block_table_h[h * 2]
    line_d, line_h = p.table_d[at_d.load() * p.packed_d], p.table_h[at_h.load() * p.packed_h]
    source = plane[at_d[1].load() + at_h[1].load()]
    with f.loop(0, p.packed_d, sure=True) as i:
        from_d, rows = line_d[i].load(), packed_tile[i * p.packed_h * p.leading_dimension]
        with f.loop(0, p.packed_h, sure=True) as j:
            from_h, row = line_h[j].load(), rows[j * p.leading_dimension]
            outside = f.min(from_d, from_h)
            with f.if_(outside >= 0):
                _copy_row(f, p, source[from_d + from_h], row)
            with f.if_(outside == -1), f.loop(0, p.leading_dimension, p.form.lanes, sure=True) as t:
                row[t].store(p.zero)


class _Run(NamedTuple):
    """Neighbouring packed indices whose sources are neighbours: the first, how many, the first one's source; and the
    mask of one vector of them."""

    index: Value
    count: Value
    offset: Value
    mask: Mask | None


def _run(f: Function, p: DepthwiseRowsFields, r: int, stored: Type) -> _Run:
    index, count, offset = (p.run_table[r * 3 + i].load() for i in range(3))
    return _Run(index, count, offset, f.mask(count, p.form.lanes, stored))


def _copy_row(f: Function, p: DepthwiseRowsFields, source: Pointer, row: Pointer) -> None:
    """Its runs, in order: vectors, the last one moved back; of short ones, what follows is zero or copied next."""
    lanes, number = p.form.lanes, row.of
    for run in p.copies:
        start, to = source[run.offset], row[run.index]
        with f.if_(run.count >= lanes), f.loop(0, run.count, lanes, sure=True) as counter:
            i = f.min(counter, run.count - lanes)
            if p.form.prefetch:
                start[i].bytes(PREFETCH_DISTANCE).prefetch()
            to[i].store(start[i].load(lanes).to(number))
        with f.else_():
            to.store(start.load(lanes, mask=run.mask).to(number))


def _sum_block(
    f: Function, p: DepthwiseRowsFields, packed_tile: Pointer, weights: Pointer, bias: Pointer, out: Pointer,
    left: Value, start: tuple,
) -> None:  # fmt: skip
    """All results of a channel's block: depth by depth, some rows at a time, vectors along them.

    A vector longer than its row writes on behind it, where this item comes later: the `left` numbers from the plane's
    start, if blocks follow each other in memory. They do not where a block of several depths has some of their rows;
    there it may write as far as its own rows extend."""
    lanes, first = p.form.lanes, bias.broadcast(p.form.lanes)
    depths, height = f.min(p.block_d, p.out_d - start[0]), f.min(p.block_h, p.out_h - start[1])
    interrupted = f.both(p.block_d > 1, p.blocks_h > 1)
    with f.loop(0, depths, sure=True) as z, f.loop(0, height, p.form.rows, sure=True) as i:
        rows, row = (
            packed_tile[(z * p.packed_h + i) * p.leading_dimension],
            ((start[0] + z) * p.out_h + start[1] + i) * p.out_w,
        )
        behind = f.select(interrupted, (height - i) * p.out_w, left - row)
        with f.loop(0, p.out_w, lanes, sure=True) as counter:
            t = f.min(counter, p.last)
            sums = [f.var(first.type, first) for _ in range(p.form.rows)]
            _sum_tile(f, p, sums, rows[t], weights)
            low = f.const(first.type, 0.0)
            results = [(f.max(low, v.value) if p.form.relu else v.value).to(out.of) for v in sums]
            _store_rows(f, p, results, out[row + t], height - i, behind - t)


def _sum_tile(f: Function, p: DepthwiseRowsFields, sums: list, rows: Pointer, weights: Pointer) -> None:
    """All taps of some rows of vectors."""
    for number, pattern in enumerate(p.form.patterns):
        with f.loop(p.starting[number], p.starting[number + 1], sure=True) as e:
            start, weight = rows[p.entries[e * 2].load()], weights[p.entries[e * 2 + 1].load()]
            with f.loop(0, p.taps_w, sure=True) as j:
                pointer, factors = start[p.columns[j].load()], weight[j * len(pattern)]
                factors = [factors[g].broadcast(p.form.lanes) for g in range(len(pattern))]
                for r in range(len(sums) + pattern[-1]):
                    if any(0 <= r - index < len(sums) for index in pattern):
                        value = pointer.load(p.form.lanes)
                        for factor, index in zip(factors, pattern):
                            if 0 <= r - index < len(sums):
                                total = sums[r - index]
                                total.value = f.fma(factor, value, total.value)
                    pointer = pointer[p.leading_dimension]


def _store_rows(
    f: Function, p: DepthwiseRowsFields, results: list[Value], out: Pointer, rows: Value, left: Value
) -> None:
    """Those of the rows that exist. What a vector has beyond its row is overwritten by the next one, so that only the
    last rows of the `left` numbers are stored in part (channels of such rows are in one part)."""
    lanes, behind = p.form.lanes, left - p.form.lanes
    with f.if_((rows >= len(results)) & (p.out_w * (len(results) - 1) <= behind)):
        pointer = out
        for value in results:
            if p.form.prefetch:
                pointer[p.out_w * len(results)].prefetch(write=True)
            pointer.store(value)
            pointer = pointer[p.out_w]
    with f.else_():
        kept = f.local(out.of, lanes * len(results))
        for r, value in enumerate(results):
            kept[r * lanes].store(value)
        with f.loop(0, f.min(rows, len(results)), sure=True) as r:
            value, pointer = kept[r * lanes].load(lanes), out[r * p.out_w]
            with f.if_(r * p.out_w <= behind):
                pointer.store(value)
            with f.else_():
                pointer.store(value, mask=p.tail)
