"""Packed weights: panels of output channels, each a matrix of K rows × width that a microkernel reads from end to end.

In: a weight `(out_channels, in_channels / groups, *taps)`, contiguous, and the order in which a plan sums.
Out: for each group and panel, `rows + 1` rows of `width` numbers (`tail` in the last panel of a group):

    row  chunk·chunk_size·taps + place of the tap·channels of the chunk + channel in the chunk

With `dots` the last panel is turned, so that each of its few channels is a row of `rows + 1` numbers.

The last row takes what nobody needs. The lanes of a row are output channels in fprop, input channels in dgrad: the
same memory read with the roles exchanged, so one function serves both. It walks three axes of the weight, lanes,
`inner` (neighbours in memory) and `outer`:

    fprop: lanes = co, inner = (ci, tap), no outer        dgrad: lanes = ci, inner = tap, outer = co
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .ir import Function, Module, Params, Pointer, Value, i64, ptr, vec
from .product import unravel
from .types import Type


# row = row_outer[o] + row_inner[j]·scale[o]; inner entries below 0 (padding to whole vectors) go to the spare row.
def weights_params(source: Type, number: Type) -> Params:
    """The words of the kernel `weights`. An item is a panel of a group and a piece of inner and outer.

    `not_finite` becomes 1 where some weight is infinite or NaN."""
    return Params(
        w=ptr(source), packed=ptr(number), not_finite=ptr(number),
        items=i64, panels=i64, pieces_o=i64, pieces_j=i64, piece_o=i64, piece_j=i64,
        lanes=i64, inner=i64, outer=i64, stride_group=i64, stride_lane=i64, stride_outer=i64,
        width=i64, tail=i64, last=i64, dots=i64, rows=i64, row_inner=ptr(i64), row_outer=ptr(i64), scale=ptr(i64),
    )  # fmt: skip


class WeightOrder(NamedTuple):
    """What decides where a weight goes: `places[tap]` is the tap's place in the order of summation."""

    kernel: str  # fprop or dgrad
    groups: int
    out_channels: int  # a group
    in_channels: int  # a group
    places: tuple[int, ...]
    chunk: int  # channels summed over at a time
    width: int
    tail: int
    panels: int  # a group
    last: int  # the first channel of the last panel
    dots: bool  # whether the last panel is turned

    @property
    def taps(self) -> int:
        """Taps in all."""
        return len(self.places)

    @property
    def summed(self) -> int:
        """Channels of a group that are summed over."""
        return self.in_channels if self.kernel == "fprop" else self.out_channels

    @property
    def rows(self) -> int:
        """Rows of a panel, the spare one left out."""
        return self.summed * self.taps

    @property
    def size(self) -> int:
        """Numbers in all panels, with room for a vector behind them."""
        return self.groups * (self.rows + 1) * ((self.panels - 1) * self.width + self.tail) + 64


def row_tables(order: WeightOrder, lanes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`row_inner` (padded to whole vectors), `row_outer` and `scale`."""
    channel = np.arange(order.summed, dtype=np.int64)
    chunk = channel // order.chunk
    scale = np.minimum(order.chunk, order.summed - chunk * order.chunk)
    base = chunk * order.chunk * order.taps + channel % order.chunk
    places = np.array(order.places, np.int64)
    if order.kernel == "fprop":
        inner = (base[:, None] + places[None, :] * scale[:, None]).ravel()
        base, scale = np.zeros(1, np.int64), np.ones(1, np.int64)
    else:
        inner = places
    padding = np.full(-len(inner) % lanes + lanes, -1, np.int64)
    return np.concatenate([inner, padding]), np.ascontiguousarray(base), np.ascontiguousarray(scale)


def weight_words(order: WeightOrder, tables: tuple[np.ndarray, ...], lanes: int) -> list[int]:
    """The words after the two pointers."""
    taps, ci, co = order.taps, order.in_channels, order.out_channels
    forward = order.kernel == "fprop"
    inner, outer = (ci * taps, 1) if forward else (taps, co)
    across, stride_lane = (co, ci * taps) if forward else (ci, taps)
    piece_j = max(lanes, 256) // lanes * lanes
    piece_o = max(1, 256 // inner)
    pieces_j, pieces_o = -(-inner // piece_j), -(-outer // piece_o)
    items = order.groups * order.panels * pieces_o * pieces_j
    addresses = [table.ctypes.data for table in tables]
    return [
        items, order.panels, pieces_o, pieces_j, piece_o, piece_j,
        across, inner, outer, co * ci * taps, stride_lane, ci * taps,
        order.width, order.tail, order.last, int(order.dots), order.rows, *addresses,
    ]  # fmt: skip


def emit_weights(k: Module, source: Type, number: Type, lanes: int) -> None:
    """Exports the kernel `weights`; `lanes` divides the panels' widths."""
    with k.kernel("weights", weights_params(source, number)) as (f, p), f.claim(p.next, p.items) as item:
        group, panel, piece_o, piece_j = unravel(f, item, p.panels, p.pieces_o, p.pieces_j)
        width = f.select(panel == p.panels - 1, p.tail, p.width)
        rows = p.rows + 1
        target = p.packed[group * rows * ((p.panels - 1) * p.width + p.tail) + panel * rows * p.width]
        first, stop = piece_o * p.piece_o, piece_j * p.piece_j
        span = (stop, f.min(stop + p.piece_j, p.inner))
        turned = f.both(panel == p.panels - 1, p.dots != 0)
        step = f.select(turned, f.const(i64, 1), f.const(i64, lanes))
        p.sum = f.var(vec(number, lanes), 0.0)  # of weight · 0: NaN from the first that is not finite
        with f.loop(0, width, step) as v, f.loop(first, f.min(first + p.piece_o, p.outer)) as o:
            lane = f.select(panel == p.panels - 1, p.last, panel * p.width) + v
            start = p.w[group * p.stride_group + o * p.stride_outer]
            with f.if_(turned):
                _scatter(f, p, start[lane * p.stride_lane], target[v * rows], o, span)
            with f.else_():
                with f.if_(p.stride_lane == 1):
                    _copy(f, p, start, target[v], width, lane, o, span, lanes)
                with f.else_():
                    _turn(f, p, start, target[v], width, lane, o, span, lanes)
        total = f.sum_lanes(p.sum.value)
        with f.if_(total != total):
            p.not_finite.store(1.0)


def _note(f: Function, p, value: Value) -> Value:  # noqa: ANN001
    """Remember whether the weights of a vector are finite."""
    p.sum.value = f.fma(value, f.const(value.type, 0.0), p.sum.value)
    return value


def _row(f: Function, p, o: Value, j: Value) -> Value:  # noqa: ANN001
    inner = p.row_inner[j].load()
    row = p.row_outer[o].load() + inner * p.scale[o].load()
    return f.select(inner < 0, p.rows, row)


def _scatter(f: Function, p, start: Pointer, target: Pointer, o: Value, span) -> None:  # noqa: ANN001
    """One channel of a turned panel: its row, number by number."""
    with f.loop(*span) as j:
        number = start[j].load().to(target.of)
        _note(f, p, number.splat(p.sum.type.lanes))
        target[_row(f, p, o, j)].store(number)


def _copy(f: Function, p, start: Pointer, target: Pointer, width, lane, o, span, lanes: int) -> None:  # noqa: ANN001
    """Lanes are neighbours in memory (a single tap's dgrad): rows are copied."""
    mask = f.mask(p.lanes - lane, lanes, start.of)
    with f.loop(*span) as j:
        value = start[lane].load(lanes, mask=mask).to(target.of)
        target[_row(f, p, o, j) * width].store(_note(f, p, value))


def _turn(f: Function, p, start: Pointer, target: Pointer, width, lane, o, span, lanes: int) -> None:  # noqa: ANN001
    """Squares of lanes × inner, turned; the last lane stands in for those beyond it."""
    sources = [start[f.min(lane + r, p.lanes - 1) * p.stride_lane] for r in range(lanes)]
    with f.loop(*span, lanes) as j:
        for q, value in enumerate(square(f, sources, j, span[1], target.of)):
            target[_row(f, p, o, j + q) * width].store(_note(f, p, value))


def square(f: Function, sources: list[Pointer], j: Value, stop: Value, number: Type) -> list[Value]:
    """Numbers j, j + 1, … of every source, turned: vector q holds number j + q of each. From `stop` on they are 0."""
    lanes = len(sources)
    mask = f.mask(stop - j, lanes, sources[0].of)
    return f.transpose([source[j].load(lanes, mask=mask).to(number) for source in sources])
