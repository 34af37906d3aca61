"""Packed weights: panels of output channels, each a matrix of K rows × width that a microkernel reads from end to end.

In: a weight `(out_channels, in_channels / groups, *taps)`, contiguous, and the order in which a plan sums.
Out: for each group and panel, `rows + 1` rows of `width` numbers (`tail` in the last panel of a group):

    row  chunk·chunk_size·taps + index of the tap·channels of the chunk + channel in the chunk

With `dots` the last panel is transposed, so that each of its few channels is a row of `rows + 1` numbers.

The last row is not used: it separates panels, whose sizes are often powers of two. The lanes of a row are output
channels in fprop, input channels in dgrad: the same memory read with the roles exchanged, so one function serves both.
It iterates over three axes of the weight, lanes, `inner` (neighbours in memory) and `outer`:

    fprop: lanes = co, inner = (ci, tap), no outer        dgrad: lanes = ci, inner = tap, outer = co
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any, NamedTuple

import numpy as np

from ..language.ir import (
    Array,
    Fields,
    Function,
    Module,
    Params,
    Pointer,
    Table,
    Value,
    Word,
    i64,
    ptr,
    vec,
)
from ..language.types import Type
from .product import panel_offset, unravel
from .transpose import tile_rows, transpose_rest, transpose_tile

PREFETCH_DISTANCE = 128
"""Numbers of a lane from those that are packed to those that are prefetched."""

_PIECE, _ROWS = 512, 16
"""What is packed of a panel at a time: numbers of a lane in fprop; channels in dgrad, each a row of all panels."""


class WeightsFields(Fields):
    """The words of the kernel `weights`. An item is a panel of a group and a `piece` of the channels that are reduced;
    the last piece has the few channels besides that would not fill a vector.

    Those of a channel are `inner` neighbours, or `inner_channel` of a run through all channels; runs are `stride_outer`
    apart. `not_finite` becomes 1 where some weight is infinite or NaN."""

    w: Array
    packed: Array
    not_finite: Array
    items: Word
    panels: Word
    pieces: Word
    piece: Word
    lanes: Word
    reduced_channels: Word
    chunk: Word
    taps: Word
    inner: Word
    inner_channel: Word
    outer_channel: Word
    stride_group: Word
    stride_lane: Word
    stride_outer: Word
    stride_channel: Word
    width: Word
    tail: Word
    last: Word
    rows: Word
    row_inner: Table
    row_outer: Table
    scale: Table
    tap_index: Table


def weights_params(source: Type, number: Type) -> Params[WeightsFields]:
    """The words of `weights` for these types."""
    return Params(WeightsFields, w=source, packed=number, not_finite=number)


class WeightOrder(NamedTuple):
    """What decides where a weight goes: `tap_index[tap]` is the index of the tap in the order of summation."""

    kernel: str  # fprop or dgrad
    groups: int
    out_channels: int  # a group
    in_channels: int  # a group
    tap_index: tuple[int, ...]
    chunk: int  # channels reduced at a time
    width: int
    tail: int
    panels: int  # a group
    last: int  # the first channel of the last panel
    dots: bool  # whether the last panel is transposed

    @property
    def taps(self) -> int:
        """Taps in all."""
        return len(self.tap_index)

    @property
    def reduced_channels(self) -> int:
        """Channels of a group that are reduced."""
        return self.in_channels if self.kernel == "fprop" else self.out_channels

    def form(self, lanes: int) -> str:
        """How panels are packed: rows copied, one tap's channels transposed into rows that follow each other, or
        any."""
        if self.taps > 1 or (self.kernel == "fprop" and self.reduced_channels < lanes):
            return "emit_tile"
        return "line" if self.kernel == "fprop" else "copy"

    @property
    def rows(self) -> int:
        """Rows of a panel, the spare one left out."""
        return self.reduced_channels * self.taps

    @property
    def size(self) -> int:
        """Numbers in all panels, with room for a vector behind them."""
        return self.groups * (self.rows + 1) * ((self.panels - 1) * self.width + self.tail) + 64


def row_tables(order: WeightOrder, lanes: int) -> tuple[np.ndarray, ...]:
    """`row_inner`, `row_outer`, `scale` and `tap_index`: number j of run o goes to row_outer[o] +
    row_inner[j]·scale[o]. Those beyond the run's end go where its last one goes, which is written after them."""
    channel = np.arange(order.reduced_channels, dtype=np.int64)
    chunk = channel // order.chunk
    scale = np.minimum(order.chunk, order.reduced_channels - chunk * order.chunk)
    base = chunk * order.chunk * order.taps + channel % order.chunk
    tap_index = np.array(order.tap_index, np.int64)
    if order.kernel == "fprop":
        inner = (base[:, None] + tap_index[None, :] * scale[:, None]).ravel()
        base, scale = np.zeros(1, np.int64), np.ones(1, np.int64)
    else:
        inner = tap_index
    padding = np.full(-len(inner) % lanes + lanes, inner[-1], np.int64)
    tables = np.concatenate([inner, padding]), base, scale, tap_index
    return tuple(np.ascontiguousarray(table) for table in tables)


def weight_words(order: WeightOrder, tables: tuple[np.ndarray, ...], lanes: int) -> dict[str, Any]:
    """All words but the three pointers."""
    taps, ci, co = order.taps, order.in_channels, order.out_channels
    forward = order.kernel == "fprop"
    piece = max(lanes, _PIECE // taps // lanes * lanes) if forward else _ROWS
    pieces = max(1, -(-(order.reduced_channels - lanes + 1) // piece))
    inner, inner_channel, outer_channel = (0, taps, 0) if forward else (taps, 0, 1)
    row_inner, row_outer, scale, tap_index = tables
    return dict(
        items=order.groups * order.panels * pieces, panels=order.panels, pieces=pieces, piece=piece,
        lanes=co if forward else ci, reduced_channels=order.reduced_channels, chunk=order.chunk, taps=taps,
        inner=inner, inner_channel=inner_channel, outer_channel=outer_channel, stride_group=co * ci * taps,
        stride_lane=ci * taps if forward else taps, stride_outer=ci * taps,
        stride_channel=taps if forward else ci * taps, width=order.width, tail=order.tail, last=order.last,
        rows=order.rows, row_inner=row_inner, row_outer=row_outer, scale=scale, tap_index=tap_index,
    )  # fmt: skip


def emit_weights(k: Module, source: Type, number: Type, lanes: int, form: str, dots: bool) -> None:
    """Exports the kernel `weights`, and `weights_panel(words, group, panel, first, stop, target)`, which packs channels
    `first` to `stop` of one panel alone; `lanes` divides the panels' widths. `form` is that of the order."""
    params = weights_params(source, number)
    pack = _emit_panel(k, params, lanes, form, dots)
    with k.kernel("weights", params) as (f, p), f.dynamic_loop(p.next, p.items, 16) as item:
        # Panels are the fastest: in dgrad they are neighbours in memory.
        group, piece, panel = unravel(f, item, p.pieces, p.panels)
        first, target = piece * p.piece, p.packed[panel_offset(p, group, panel)]
        f.call(
            pack,
            p.words,
            group,
            panel,
            first,
            f.select(piece == p.pieces - 1, p.reduced_channels, first + p.piece),
            target,
        )


def _emit_panel(k: Module, params: Params[WeightsFields], lanes: int, form: str, dots: bool) -> Function:
    """Channels `first` to `stop` (pieces and chunks are whole vectors of them) of one panel, which is at `target`. A
    few rows before `first` may be written, too, with what belongs there."""
    number = params.types["packed"].of
    signature = [("words", ptr(i64)), *((name, i64) for name in ("group", "panel", "first", "stop"))]
    signature.append(("target", ptr(number)))
    with k.function("weights_panel", signature, inline=False, export=True, distinct=False) as made:
        f, words, group, panel, first, stop, target = made
        p = params.read(f, words)
        p.sum = f.var(vec(number, lanes), 0.0)  # of weight · 0: NaN from the first that is not finite
        is_last = panel == p.panels - 1
        width, lane = f.select(is_last, p.tail, p.width), f.select(is_last, p.last, panel * p.width)
        start = p.w[group * p.stride_group]
        if dots:
            with f.if_(is_last), f.loop(0, width, sure=True) as v:
                _channel(f, p, start[(lane + v) * p.stride_lane], target[v * (p.rows + 1)], first, stop, lanes)
        with f.else_() if dots else nullcontext():
            span = first * p.inner_channel, p.inner + stop * p.inner_channel
            outer = first * p.outer_channel, f.max(stop * p.outer_channel, 1)
            if form == "copy":
                with f.loop(0, width, lanes, sure=True) as v:
                    _copy(f, p, start[lane + v], target[v], width, p.lanes - lane - v, outer, lanes)
            else:
                emit_tile = _line if form == "line" else _transpose
                with f.loop(*outer, sure=True) as o, f.loop(0, width, lanes, sure=True) as v:
                    emit_tile(f, p, start[o * p.stride_outer], target[v], width, lane + v, o, span, lanes)
        total = f.sum_lanes(p.sum.value)
        with f.if_(total != total):
            p.not_finite.store(1.0)
    return f


def _noted(f: Function, p: WeightsFields, values: list[Value]) -> list[Value]:
    """These vectors; `p.sum` remembers whether some number of them is not finite: their sum is not, then. (Nor may it
    be where they are very large; what is done about it does no harm.)"""
    total = values
    while len(total) > 1:
        total = [a + b for a, b in zip(total[::2], total[1::2])] + total[len(total) & -2 :]
    p.sum.value = f.fma(total[0], f.const(total[0].type, 0.0), p.sum.value)
    return values


def _channel(
    f: Function, p: WeightsFields, start: Pointer, target: Pointer, first: Value, stop: Value, lanes: int
) -> None:
    """A row of a transposed panel, whose vectors hold reduced channels: tiles of them × taps, transposed."""
    with f.if_(p.stride_channel == 1), f.loop(first, stop, lanes, sure=True) as c:
        some = f.mask(stop - c, lanes, start.of)
        [value] = _noted(f, p, [start[c].load(lanes, mask=some).to(target.of)])
        target[c].store(value, mask=f.mask(stop - c, lanes, target.of))
    with f.else_(), f.loop(first, stop, lanes, sure=True) as c:
        chunk = c // p.chunk * p.chunk
        line, stride = target[chunk * (p.taps - 1) + c], f.min(p.chunk, p.reduced_channels - chunk)
        sources = tile_rows(f, start, c, stop, p.stride_channel, lanes)
        mask = f.mask(stop - c, lanes, target.of)
        transposed = f.local(target.of, lanes * lanes)
        with f.loop(0, p.taps, lanes, sure=True) as t:
            for q, value in enumerate(_noted(f, p, transpose_rest(f, sources, t, p.taps, target.of))):
                transposed[q * lanes].store(value)
            with f.loop(0, f.min(p.taps - t, lanes), sure=True) as q:
                line[p.tap_index[t + q].load() * stride].store(transposed[q * lanes].load(lanes), mask=mask)


def _copy(f: Function, p: WeightsFields, start: Pointer, target: Pointer, width, there, outer, lanes: int) -> None:  # noqa: ANN001
    """Lanes are neighbours in memory (a single tap's dgrad): a row a channel."""
    mask = f.mask(there, lanes, start.of)
    with f.loop(*outer, sure=True) as o:
        row = start[o * p.stride_outer]
        row[PREFETCH_DISTANCE].prefetch()
        [value] = _noted(f, p, [row.load(lanes, mask=mask).to(target.of)])
        target[o * width].store(value)


def _line(f: Function, p: WeightsFields, start: Pointer, target: Pointer, width, lane, o, span, lanes: int) -> None:  # noqa: ANN001
    """One tap: tiles of lanes × channels, transposed into rows that follow each other; the last tile is moved back."""
    sources = tile_rows(f, start, lane, p.lanes, p.stride_lane, lanes)
    with f.loop(*span, lanes, sure=True) as first:
        j = f.min(first, span[1] - lanes)
        row = target[j * width]
        for source in sources:
            source[j + PREFETCH_DISTANCE].prefetch()
        for value in _noted(f, p, transpose_tile(f, sources, j, lanes, target.of)):
            row.store(value)
            row = row[width]


def _transpose(
    f: Function, p: WeightsFields, start: Pointer, target: Pointer, width: Value, lane: Value, o: Value, span: tuple,
    lanes: int,
) -> None:  # fmt: skip
    """Tiles of lanes × inner, transposed, into the rows that the tables say; the last lane stands in for those
    beyond."""
    sources = tile_rows(f, start, lane, p.lanes, p.stride_lane, lanes)
    base, scale = p.row_outer[o].load(), p.scale[o].load()
    with f.loop(*span, lanes, sure=True) as j:
        values = _noted(f, p, transpose_rest(f, sources, j, span[1], target.of))
        for q in reversed(range(lanes)):  # the last of the run after those beyond it
            target[(base + p.row_inner[j + q].load() * scale) * width].store(values[q])
