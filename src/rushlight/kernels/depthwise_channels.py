"""Kernels in which every lane is a result channel of its own: depthwise, channel multipliers, small groups.

In: what a `DepthwiseChannelsPlan` fixes. Out: a module with the kernel `depthwise_channels`, in one of two forms;
`backends.cpu` makes its words and tables. Weights come packed as [panel][taps d][taps h][taps w][source channel][lane].

In place (depthwise, channels-last): nothing is copied; taps outside the source are left out.

    for item (image, rows, piece of the last axis, panels):  for row:  for panel:  for phase of the last axis:
        interior: tiles of pixels;  for the row's taps d, h:  load each source vector once, use it for every tap w
        borders:  single pixels over the taps that are inside

Packed: see `pack`; a tile runs along the packed indices of a row and over one list of all taps and source channels.

    for item (image, block, panel):  pack;  for phases:  for row:  tiles of pixels:
        for (packed index, weight) in taps:  sums[pixel] += packed_tile[packed index + pixel] · weight
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from ..language.ir import (
    Array,
    Axes,
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
    vec,
)
from ..language.loops import divide


class Tile(NamedTuple):
    """What both forms share: the vectors of a tile, the numbers of pixels it may hold, the epilogue; and for packed
    tiles, whether taps outside the source are skipped instead of multiplied by zero, how many channels of a group are
    broadcast over its lanes in registers (1: none are), and how many tiles lie side by side in a panel."""

    lanes: int
    vectors: int
    pixels: tuple[int, ...]
    relu: bool
    skips: bool = False
    broadcast: int = 1
    unroll: int = 1

    @property
    def width(self) -> int:
        """Lanes of a panel."""
        return self.vectors * self.lanes * self.unroll


class RowPhase(NamedTuple):
    """One phase of the last axis: `taps[j]` of the weight reads `offsets[j]` positions on. `left` and `right` are the
    positions some of whose taps are outside the source: for each, the first tap inside and how many are."""

    taps: tuple[int, ...]
    offsets: tuple[int, ...]
    step: int
    left: tuple[tuple[int, int], ...]
    right: tuple[tuple[int, int], ...]


# -------------------------------------------------------------------- in place


class InPlaceFields(Fields):
    """The words of the kernel in place.

    prefetch_rows: rows of the source to prefetch, as many as the next row of results has new ones;
    table_d, table_h: a result row's taps inside the source, as (how many, source offset, weight offset) of the first;
    table_w: of a phase (first position, begin and end of the interior, offset of position 0 in the row of results)."""

    source: Array
    weight: Array
    bias: Array
    result: Array
    images: Word
    rows: Word
    height: Word
    first: Word
    pieces: Word
    piece: Word
    row_blocks: Word
    row_block: Word
    panels: Word
    panel_group: Word
    panel_groups: Word
    channels: Word
    source_image: Word
    result_image: Word
    result_row: Word
    panel_size: Word
    delta_d: Word
    delta_h: Word
    weight_d: Word
    weight_h: Word
    prefetch_rows: Word
    table_d: Table
    table_h: Table
    table_w: Table

    # Beside the words, while the kernel is emitted.
    number: Type
    leading_dimension: int
    result_leading_dimension: int
    first_panel: Value
    last_panel: Value


def in_place_params(source: Type, number: Type) -> Params[InPlaceFields]:
    """The words of the kernel in place for these types."""
    return Params(InPlaceFields, source=source, weight=number, bias=number, result=source)


def emit_in_place(
    k: Module,
    tile: Tile,
    source: Type,
    number: Type,
    phases: Sequence[RowPhase],
    leading_dimension: int,
    result_leading_dimension: int,
) -> None:
    """The kernel in place. `leading_dimension` and `result_leading_dimension`: numbers from one position of the last
    axis to the next, of the source and, within a phase, of the result."""
    with k.kernel("depthwise_channels", in_place_params(source, number)) as (f, p):
        p.leading_dimension, p.result_leading_dimension, p.number = leading_dimension, result_leading_dimension, number
        items = p.images * p.row_blocks * p.pieces * p.panel_groups
        with f.dynamic_loop(p.next, items) as item:
            rest, panels = divide(item, p.panel_groups)
            rest, piece = divide(rest, p.pieces)
            image, block = divide(rest, p.row_blocks)
            p.first_panel = panels * p.panel_group
            p.last_panel = f.min(p.first_panel + p.panel_group, p.panels)
            source, result = p.source[image * p.source_image], p.result[image * p.result_image]
            begin = block * p.row_block
            with f.loop(begin, f.min(begin + p.row_block, p.rows)) as row:
                _in_place_row(f, p, tile, phases, source, result, row, piece)


class _Rows(NamedTuple):
    """The rows of taps that one row of results needs."""

    count_d: Value
    count_h: Value
    source: Pointer
    weights: Pointer


def _in_place_row(f: Function, p: InPlaceFields, tile: Tile, phases, source, result, row: Value, piece: Value) -> None:  # noqa: ANN001
    d, h = divide(row, p.height)
    entry_d, entry_h = p.table_d[d * 3], p.table_h[h * 3]
    rows = _Rows(
        count_d=entry_d[0].load(), count_h=entry_h[0].load(),
        source=source[entry_d[1].load() + entry_h[1].load()],
        weights=p.weight[entry_d[2].load() + entry_h[2].load()],
    )  # fmt: skip
    begin = p.first + piece * p.piece
    end = begin + p.piece
    for index, phase in enumerate(phases):
        entry = p.table_w[index * 4]
        line = result[row * p.result_row + entry[3].load()]
        everything = [(0, len(phase.taps))]
        start, lo, hi = (entry[i].load() for i in range(3))

        def compute(t: Value, inside: Sequence[tuple[int, int]], phase=phase, line=line) -> None:  # noqa: ANN001
            _compute_panels(f, p, tile, rows, phase, t, inside, line[t * p.result_leading_dimension])

        if phase.left:
            with f.if_(piece == 0):
                compute(start, phase.left)
        _tiled(
            f, f.max(lo, begin), f.min(hi, end), tile.pixels,
            lambda t, pixels: compute(t, everything * pixels),  # noqa: B023
        )  # fmt: skip
        if phase.right:
            with f.if_(piece == p.pieces - 1):
                compute(hi, phase.right)


def _compute_panels(
    f: Function, p: InPlaceFields, tile: Tile, rows: _Rows, phase: RowPhase, t: Value, inside: Sequence, line: Pointer
) -> None:
    """The positions from t on, as many as `inside` has entries: which taps of each (first, how many) are inside."""
    most = tile.pixels[0]
    for first in range(0, len(inside), most):
        some = inside[first : first + most]
        with f.loop(p.first_panel, p.last_panel, sure=True) as panel:
            # The last panel is moved back, so that all are full; what two panels compute, they compute alike.
            channel = f.min(panel * tile.width, p.channels - tile.width)
            bias = [p.bias[channel + v * tile.lanes].load(tile.lanes) for v in range(tile.vectors)]
            sums = _start(f, tile, len(some), p.number, bias)
            here = rows._replace(
                source=rows.source[(t + first) * (phase.step * p.leading_dimension) + channel],
                weights=rows.weights[panel * p.panel_size],
            )
            if phase.taps:
                with f.loop(0, p.prefetch_rows) as row:
                    _prefetch_next_row(p, tile, here.source[(rows.count_h + row) * p.delta_h], phase, len(some))
            _sum_rows(f, p, tile, here, phase, sums, some)
            _finish(f, tile, sums, line[channel + first * p.result_leading_dimension], p.result_leading_dimension, None)


def _prefetch_next_row(p: InPlaceFields, tile: Tile, below: Pointer, phase: RowPhase, pixels: int) -> None:
    """Prefetch what the next row of results will read first: a row of the source below those of this one.

    What reads memory in pieces of a pixel is not foreseen well by the machine: a fifth of the time, measured."""
    for position in range(phase.step * pixels):
        for v in range(tile.vectors):
            below[(position + min(phase.offsets)) * p.leading_dimension + v * tile.lanes].prefetch()


def _sum_rows(f: Function, p: InPlaceFields, tile: Tile, rows: _Rows, phase: RowPhase, sums: list, inside) -> None:  # noqa: ANN001
    """for taps d, h:  for positions under the tile, in order:  load once;  every (pixel, tap) at it"""
    pairs_at: dict[int, list[tuple[int, int]]] = {}
    for r, (first, count) in enumerate(inside):
        for j in range(first, first + count):
            pairs_at.setdefault(r * phase.step + phase.offsets[j], []).append((r, j))
    if not pairs_at:
        return
    used = sorted({j for pairs in pairs_at.values() for _, j in pairs})
    with f.loop(0, rows.count_d) as d, f.loop(0, rows.count_h) as h:
        source = rows.source[d * p.delta_d + h * p.delta_h]
        weights = rows.weights[d * p.weight_d + h * p.weight_h]
        factors = {
            j: [weights[phase.taps[j] * tile.width + v * tile.lanes].load(tile.lanes) for v in range(tile.vectors)]
            for j in used
        }
        for position in sorted(pairs_at):
            for v in range(tile.vectors):
                value = source[position * p.leading_dimension + v * tile.lanes].load(tile.lanes).to(p.number)
                for r, j in pairs_at[position]:
                    sums[r][v].value = f.fma(value, factors[j][v], sums[r][v].value)


# -------------------------------------------------------------------- packed


class PackedFields(Fields):
    """The words of the kernel on packed tiles.

    phase_table: for each combination of phases (begin, end of d, of h, of w, offset of position 0 in the result, steps
    in the result of d, h, w, first tap, taps, first row of taps, rows, first of in_bounds); taps: (packed index offset,
    weight offset); tap_rows: (packed index offset, weight offset, first and last position inside of d, of h);
    in_bounds: for each position of w the first and last of a row's taps inside."""

    source: Array
    weight: Array
    bias: Array
    result: Array
    scratch: Array
    packer: Word
    images: Word
    block: Axes
    count: Axes
    panels: Word
    useful: Word
    channels: Word
    first: Axes
    source_image: Word
    source_channel: Word
    panel_channels: Word
    source_channels: Word
    panel_size: Word
    phases: Word
    row: Word
    plane: Word
    packed_size: Word
    rows: Word
    packed_w: Word
    raw_row: Word
    raw_leading_dimension: Word
    result_image: Word
    result_step: Axes
    scratch_size: Word
    descriptor: Table
    phase_table: Table
    taps: Table
    tap_rows: Table
    in_bounds: Table


def packed_params(source: Type, number: Type) -> Params[PackedFields]:
    """The words of the kernel on packed tiles for these types."""
    return Params(PackedFields, source=source, weight=number, bias=number, result=source, scratch=number)


def emit_packed(k: Module, tile: Tile, source: Type, number: Type, expand: tuple[int, int] | None) -> None:
    """The kernel on packed tiles. `expand`: channels a group of source and result, or None where lanes are channels."""
    with k.kernel("depthwise_channels", packed_params(source, number)) as (f, p):
        packed_tile = p.scratch[p.ticket.fetch_add(1) * p.scratch_size]
        raw = packed_tile[p.packed_size * expand[0]] if expand else packed_tile
        items = p.images * p.count.d * p.count.h * p.count.w * p.panels
        with f.dynamic_loop(p.next, items) as item:
            rest, w = divide(item, p.count.w)
            rest, h = divide(rest, p.count.h)
            rest, d = divide(rest, p.count.d)
            image, panel = divide(rest, p.panels)
            from_channel = panel * p.panel_channels
            here = p.source[image * p.source_image + from_channel * p.source_channel]
            many = f.min(p.panel_channels, p.source_channels - from_channel)
            f.call_address(p.packer, p.descriptor, here, raw, d, h, w, many)
            if expand:
                expand_packed_tile(f, p, tile.lanes, tile.vectors * tile.unroll, raw, packed_tile, *expand)
            starts = [first + number_ * size for first, number_, size in zip(p.first, (d, h, w), p.block)]
            _packed_phases(f, p, tile, source, number, packed_tile, image, panel, starts)


def expand_packed_tile(
    f: Function, p: PackedFields, lanes: int, vectors: int, raw: Pointer, packed_tile: Pointer, deep: int, wide: int,
) -> None:  # fmt: skip
    """for each packed index, for j:  band_j[index][lane] = raw[index][lane // wide · deep + j]"""
    width = lanes * vectors
    useful = width // wide * wide
    needed = useful // wide * deep
    pieces = -(-needed // lanes)
    with f.loop(0, p.rows) as r, f.loop(0, p.packed_w) as s:
        at, to = raw[r * p.raw_row + s * p.raw_leading_dimension], packed_tile[r * p.row + s * width]
        held = [at[i * lanes].load(lanes) for i in range(pieces)]
        for j in range(deep):
            for v in range(vectors):
                which = [min(lane, useful - 1) // wide * deep + j for lane in range(v * lanes, (v + 1) * lanes)]
                to[j * p.packed_size + v * lanes].store(_choose(f, held, which, lanes))


def _choose(f: Function, vectors: list[Value], which: list[int], lanes: int) -> Value:
    """Lane l is number `which[l]` of the vectors laid end to end."""
    used = sorted({number // lanes for number in which})
    result = vectors[used[0]]
    second = vectors[used[1]] if len(used) > 1 else None
    order = [
        number % lanes + (lanes if len(used) > 1 and number // lanes == used[1] else 0)
        if number // lanes in used[:2]
        else -1
        for number in which
    ]
    result = f.shuffle(result, second, order)
    for piece in used[2:]:
        order = [lanes + number % lanes if number // lanes == piece else lane for lane, number in enumerate(which)]
        result = f.shuffle(result, vectors[piece], order)
    return result


def _packed_phases(f, p: PackedFields, tile, source, number, packed_tile, image, panel, starts) -> None:  # noqa: ANN001
    channel, weights = panel * p.useful, p.weight[panel * p.panel_size]
    with f.loop(0, p.phases) as phase:
        entry = p.phase_table[phase * 15]
        words = [entry[i].load() for i in range(15)]
        base = p.result[image * p.result_image + words[6] + channel]
        lows, highs = [], []
        for i, size in enumerate(p.block):
            lows.append(f.max(words[2 * i], starts[i]))
            highs.append(f.min(words[2 * i + 1], starts[i] + size))
        lists = _Taps(p.taps[words[10] * 2], words[11], p.tap_rows[words[12] * 6], words[13])
        in_bounds = p.in_bounds[(words[14] - words[4]) * 2]
        with (
            f.loop(lows[0], highs[0]) as d,
            f.loop(lows[1], highs[1]) as h,
            _unrolled(f, p, tile, channel) as (lane, left),
        ):
            masks = [f.mask(left - v * tile.lanes, tile.lanes, source) for v in range(tile.vectors)]
            bias = [p.bias[channel + lane + v * tile.lanes].load(tile.lanes) for v in range(tile.vectors)]
            line = packed_tile[(d - starts[0]) * p.plane + (h - starts[1]) * p.row + lane]
            out = base[d * words[7] + h * words[8] + lane]
            factors = weights[lane]

            def compute(t: Value, pixels: int) -> None:
                sums = _start(f, tile, pixels, number, bias)
                pixel = line[(t - starts[2]) * tile.width]
                if tile.skips:
                    _sum_inside(f, tile, lists, pixel, factors, sums, (d, h), in_bounds[t * 2])
                else:
                    _sum_taps(f, tile, lists.taps, (0, lists.count), pixel, factors, sums)
                _finish(f, tile, sums, out[t * words[9]], words[9], masks)

            _tiled(f, lows[2], highs[2], tile.pixels, compute)


@contextmanager
def _unrolled(f: Function, p: PackedFields, tile: Tile, channel: Value) -> Iterator[tuple[Value | int, Value]]:
    """The tiles side by side in a panel: first lane, channels from there on."""
    left = f.min(p.channels - channel, p.useful)
    if tile.unroll == 1:
        yield 0, left
        return
    with f.loop(0, f.min(left, tile.width), tile.vectors * tile.lanes) as lane:
        yield lane, left - lane


class _Taps(NamedTuple):
    """The taps of a combination of phases: all in one list, or rows of them, each with the list of a row's taps."""

    taps: Pointer
    count: Value
    rows: Pointer
    row_count: Value


def _sum_inside(
    f: Function,
    tile: Tile,
    lists: _Taps,
    pixel: Pointer,
    weights: Pointer,
    sums: list,
    where: tuple,
    in_bounds: Pointer,
) -> None:
    """The rows of taps inside the source from here, and of each the taps that some pixel of the tile needs."""
    last = in_bounds[2 * (len(sums) - 1)]
    begin, end = f.min(in_bounds[0].load(), last[0].load()), f.max(in_bounds[1].load(), last[1].load())
    with f.loop(0, lists.row_count) as r:
        entry = lists.rows[r * 6]
        inside = [entry[2 + 2 * i].load() <= position for i, position in enumerate(where)]
        inside += [position < entry[3 + 2 * i].load() for i, position in enumerate(where)]
        with f.if_(f.both(f.both(inside[0], inside[1]), f.both(inside[2], inside[3]))):
            here, factors = pixel[entry[0].load()], weights[entry[1].load()]
            _sum_taps(f, tile, lists.taps, (begin, end), here, factors, sums)


def _sum_taps(
    f: Function, tile: Tile, taps: Pointer, span: tuple, pixel: Pointer, weights: Pointer, sums: list
) -> None:
    """for (packed index, weight) of the taps:  one vector of weights, a vector of the packed tile for every pixel"""
    with f.loop(*span) as tap:
        at, factor = pixel[taps[tap * 2].load()], weights[taps[tap * 2 + 1].load()]
        for channels in channel_sets(tile.broadcast, tile.lanes):
            factors = {
                (j, v): factor[j * tile.width + v * tile.lanes].load(tile.lanes)
                for j in channels
                for v in range(tile.vectors)
            }
            for r, row in enumerate(sums):
                for v, total in enumerate(row):
                    values = broadcast_channels(
                        f, at[r * tile.width + v * tile.lanes], tile.lanes, tile.broadcast, channels
                    )
                    for j, value in zip(channels, values):
                        total.value = f.fma(value, factors[j, v], total.value)


def channel_sets(broadcast: int, lanes: int) -> list[range]:
    """The channels of a group whose weights are held together: all, or one by one where a number fills a vector, as it
    then comes from memory and needs no register before it is multiplied."""
    return [range(j, j + 1) for j in range(lanes)] if broadcast == lanes else [range(broadcast)]


def broadcast_channels(f: Function, at: Pointer, lanes: int, broadcast: int, channels: Sequence[int]) -> list[Value]:
    """Channels j of the groups of `broadcast` that begin at `at`, each over all lanes of its group."""
    if broadcast == lanes:
        return [at[j].broadcast(lanes) for j in channels]
    value = at.load(lanes)
    if broadcast == 1:
        return [value]
    return [f.shuffle(value, None, [lane // broadcast * broadcast + j for lane in range(lanes)]) for j in channels]


# -------------------------------------------------------------------- weights


class GatherFields(Fields):
    """The words of the kernel `gather`."""

    source: Array
    result: Array
    count: Word
    table: Table


def gather_params(source: Type, number: Type) -> Params[GatherFields]:
    """The words of the kernel `gather` for these types."""
    return Params(GatherFields, source=source, result=number)


def emit_gather(k: Module, source: Type, number: Type) -> None:
    """result[i] = source[table[i]], 0 where the table has −1."""
    chunk = 1024
    with (
        k.kernel("gather", gather_params(source, number)) as (f, p),
        f.dynamic_loop(p.next, f.ceil_div(p.count, chunk)) as item,
    ):
        begin = item * chunk
        with f.loop(begin, f.min(begin + chunk, p.count)) as i:
            index = p.table[i].load()
            value = p.source[f.max(index, 0)].load().to(number)
            p.result[i].store(f.select(index < 0, f.const(number, 0.0), value))


# -------------------------------------------------------------------- both


def _tiled(f: Function, lo: Value, hi: Value, sizes: Sequence[int], compute) -> None:  # noqa: ANN001
    """Positions lo … hi in tiles, the greatest first."""
    start = lo
    for size in sizes:
        stop = start + f.max(hi - start, 0) // size * size
        with f.loop(start, stop, size) as t:
            compute(t, size)
        start = f.max(start, stop) if size > 1 else start


def _start(f: Function, tile: Tile, pixels: int, number: Type, bias: list[Value]) -> list[list]:
    """Sums in registers, the bias in them."""
    type = vec(number, tile.lanes)
    return [[f.var(type, bias[v]) for v in range(tile.vectors)] for _ in range(pixels)]


def _finish(
    f: Function, tile: Tile, sums: list[list], out: Pointer, step: Value | int, masks: list[Mask] | None
) -> None:
    def stored(masks: list[Mask | None]) -> None:
        for r, row in enumerate(sums):
            for v, total in enumerate(row):
                value = total.value
                if tile.relu:
                    value = f.max(0.0, value)
                out[r * step][v * tile.lanes].store(value.to(out.of), mask=masks[v])

    whole = [None] * tile.vectors
    if masks is None or f.target.isa == "avx512":
        stored(masks or whole)
        return
    with f.if_(masks[-1].count >= tile.lanes):
        stored(whole)
    with f.else_():
        stored(masks)
