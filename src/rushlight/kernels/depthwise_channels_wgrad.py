"""The weight gradient of depthwise layers, channel multipliers and small groups: lanes are result channels.

In: what a `DepthwiseChannelsWgradPlan` fixes. Out: the kernels `sums`, in one of two forms, and `finish`, which adds
the chunks and puts each sum where it belongs in the weight.

    for item (chunk of the pixels, panels):  for block of the chunk:  for panel:
        [pack x and y]
        for group of taps:  sums[tap][lane] += Σ over the block's pixels  y[pixel][lane] · x[pixel at tap][lane]

In place (depthwise, both channels-last) a group is a row of taps: neighbouring pixels share what they load, and what
falls outside x is left out. Packed, a group is any few taps, each with an address of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..language.ir import (
    Array,
    Axes,
    Fields,
    Function,
    Module,
    Params,
    Pointer,
    Table,
    Type,
    Value,
    Word,
    i64,
    ptr,
    vec,
)
from ..language.loops import divide
from .depthwise_channels import RowPhase, broadcast_channels, expand_packed_tile
from .in_bounds import first_within, within
from .partial_sums import add_partial_sums

_CHAINS = 6
"""Sums that must be under way at once to hide the latency of a multiply-add."""


class _Sums:
    """Running sums in registers: one a tap and vector, in several sets where there are too few to hide latency."""

    def __init__(self, f: Function, number: Type, lanes: int, vectors: int, taps: int) -> None:
        self.f, self.number, self.lanes, self.vectors, self.taps = f, number, lanes, vectors, taps
        self.sets = max(1, -(-_CHAINS // (taps * vectors)))
        self.held = [
            [[f.var(vec(number, lanes), 0.0) for _ in range(vectors)] for _ in range(taps)] for _ in range(self.sets)
        ]

    def add(self, which: int, tap: int, factors: Sequence[Value], x: Pointer, broadcast: int) -> None:
        """One pixel of one tap, all vectors; of its `broadcast` channels, each a sum of its own."""
        for v, factor in enumerate(factors):
            channels = range(broadcast)
            for j, value in zip(
                channels, broadcast_channels(self.f, x[v * self.lanes], self.lanes, broadcast, channels)
            ):
                self.add_value(which, tap * len(channels) + j, v, factor, value)

    def add_value(self, which: int, tap: int, v: int, factor: Value, value: Value) -> None:
        """One pixel of one tap and vector."""
        total = self.held[which % self.sets][tap][v]
        total.value = self.f.fma(factor, value, total.value)

    def leave(self, target: Pointer, first: Value) -> None:
        """Add the sets up, and to what is in memory unless this is the first block."""
        f, width = self.f, self.vectors * self.lanes
        for tap in range(self.taps):
            for v in range(self.vectors):
                total = self.held[0][tap][v]
                for held in self.held[1:]:
                    total.value = total.value + held[tap][v].value
                here = target[tap * width + v * self.lanes]
                with f.if_(first == 0):
                    total.value = total.value + here.load(self.lanes)
                here.store(total.value)


# -------------------------------------------------------------------- in place


class PartialFields(Fields):
    """The words of both kernels `sums`: x, y, the sums of each chunk, and how they are cut into items."""

    x: Array
    y: Array
    sums: Array
    chunks: Word
    panels: Word
    panel_groups: Word
    panel_group: Word
    useful: Word
    channels: Word
    taps_size: Word
    blocks: Word
    count: Axes
    block: Axes
    out: Axes
    x_image: Word
    y_image: Word
    x_step: Axes
    y_step: Axes


class InPlaceFields(PartialFields):
    """The words of `sums` in place. tap_d, tap_h: of each tap (offset in x, first and last result inside); delta_h:
    from the row of one tap to that of the next."""

    taps_d: Word
    taps_h: Word
    inner_begin: Word
    inner_end: Word
    delta_h: Word
    prefetch: Word
    tap_d: Table
    tap_h: Table

    # Beside the words, while the kernel is emitted.
    row_sums: int


def in_place_params(source: Type, number: Type) -> Params[InPlaceFields]:
    """The words of `sums` in place for these types."""
    return Params(InPlaceFields, x=source, y=source, sums=number)


def emit_in_place(
    k: Module, lanes: int, vectors: int, rows: int, source: Type, number: Type, phase: RowPhase,
    leading_dimensions: tuple[int, int],
) -> None:  # fmt: skip
    """Exports `sums`. `rows` of taps are summed at once; `phase` is the last axis, `leading_dimensions` the numbers
    from one position of it to the next in x and y."""
    tiles = {
        r: _emit_rows_tile(k, lanes, vectors, source, number, r, phase, leading_dimensions)
        for r in dict.fromkeys((rows, 1))
    }
    width = lanes * vectors

    def panels(block: dict, first: Value, panel: Value, sums: Pointer) -> None:
        channel = f.min(panel * width, p.channels - width)
        x, y = block["x"][channel], block["y"][channel]
        with f.loop(0, p.taps_d) as d:
            entry = p.tap_d[d * 3]
            begin, count = first_within(f, entry, block["begin_d"], block["end_d"])
            plane = {
                "x": x[entry[0].load() + begin * p.x_step.d],
                "y": y[begin * p.y_step.d],
                "count": count,
                "block": block,
            }
            _plane(f, p, tiles, rows, plane, sums[d * p.taps_h * (len(phase.taps) * width)], first)

    with k.kernel("sums", in_place_params(source, number)) as (f, p):
        p.row_sums = len(phase.taps) * width
        _each_block(f, p, width, panels)


def _plane(f: Function, p: InPlaceFields, tiles: dict, rows: int, plane: dict, sums: Pointer, first: Value) -> None:
    """The taps of one depth: `rows` rows of them where all are inside x, else row by row."""
    block = plane["block"]

    def run(height: int, h: Value | int, low: Value, high: Value, fresh: Value | int) -> None:
        at = plane["x"][p.tap_h[h * 3].load() + low * p.x_step.h]
        count = f.max(high - low, 0)
        span = [block["begin_w"], block["end_w"], p.out.w, p.inner_begin, p.inner_end]
        steps = [p.x_step.d, p.x_step.h, p.y_step.d, p.y_step.h, p.delta_h, p.prefetch]
        fresh = fresh.to(i64) if isinstance(fresh, Value) else f.const(i64, fresh)
        across, target = plane["y"][low * p.y_step.h], sums[h * p.row_sums]
        f.call(tiles[height], at, across, target, fresh, plane["count"], count, *span, *steps)

    def inside(h: Value | int) -> tuple[Value, Value]:
        return within(f, p.tap_h[h * 3], block["begin_h"], block["end_h"])

    whole = p.taps_h // rows * rows
    if rows > 1:
        with f.loop(0, whole, rows) as group:
            low, high = inside(group)[0], inside(group + (rows - 1))[1]
            high = f.max(low, high)
            run(rows, group, low, high, first)
            with f.loop(group, group + rows) as h:
                begin, end = inside(h)
                for start, stop in ((begin, f.min(low, end)), (f.max(begin, high), end)):
                    with f.if_(start < stop):
                        run(1, h, start, stop, 0)
    with f.loop(whole if rows > 1 else 0, p.taps_h) as h:
        run(1, h, *inside(h), first)


def _emit_rows_tile(k, lanes, vectors, source, number, rows, phase, leading_dimensions) -> Function:  # noqa: ANN001
    """Some rows of taps over the rows of a block, along which all of them are inside x.

    for d, h:  left border;  interior, some pixels at a time: load once, every (pixel, tap) there;  right border
    """
    names = ["first", "count_d", "count_h", "begin", "end", "out", "inner_begin", "inner_end"]
    names += ["x_d", "x_h", "y_d", "y_h", "delta", "prefetch"]
    signature = [("x", ptr(source)), ("y", ptr(source)), ("target", ptr(number)), *((name, i64) for name in names)]
    taps = len(phase.taps)
    with k.function(f"tile{rows}", signature, inline=False) as made:
        f, x, y, target, first, count_d, count_h, begin, end, out, inner_begin, inner_end, *steps = made
        x_d, x_h, y_d, y_h, delta, prefetch = steps
        sums = _Sums(f, number, lanes, vectors, rows * taps)
        lo = f.max(inner_begin, begin)
        hi = f.max(lo, f.min(inner_end, end))
        everything = [(0, taps)]
        with f.loop(0, count_d) as d, f.loop(0, count_h) as h:
            at, across = x[d * x_d + h * x_h], y[d * y_d + h * y_h]

            def accumulate(t: Value | int, inside: Sequence, at=at, across=across) -> None:  # noqa: ANN001
                starts = [at[t * (phase.step * leading_dimensions[0]) + r * delta] for r in range(rows)]
                _accumulate(f, sums, starts, across[t * leading_dimensions[1]], inside, phase, leading_dimensions)

            if phase.left:
                with f.if_(begin == 0):
                    accumulate(0, phase.left)
            middle, room = lo, k.target.registers - rows * taps * vectors
            most = next(pixels for pixels in (4, 2, 1) if pixels == 1 or pixels * vectors < room)
            for pixels in dict.fromkeys((most, 1)):
                stop = middle + (hi - middle) // pixels * pixels
                with f.loop(middle, stop, pixels) as t:
                    if pixels == most:
                        with f.if_(prefetch != 0):
                            below = at[t * (phase.step * leading_dimensions[0]) + (rows - 1) * delta + x_h]
                            _prefetch_next_row(
                                sums, below, across[t * leading_dimensions[1] + y_h], pixels, phase, leading_dimensions
                            )
                    accumulate(t, everything * pixels)
                middle = stop
            if phase.right:
                with f.if_(end == out):
                    accumulate(inner_end, phase.right)
        sums.leave(target, first)
    return f


def _prefetch_next_row(
    sums: _Sums, x: Pointer, y: Pointer, pixels: int, phase: RowPhase, leading_dimensions: tuple[int, int]
) -> None:
    """Prefetch what the next row of results will be the first to read."""
    for v in range(0, sums.vectors, max(1, 64 // (sums.lanes * x.of.bytes))):
        for position in range(phase.step * pixels):
            x[(position + min(phase.offsets)) * leading_dimensions[0] + v * sums.lanes].prefetch()
        for position in range(pixels):
            y[position * leading_dimensions[1] + v * sums.lanes].prefetch()


def _accumulate(f, sums, starts, across, inside, phase, leading_dimensions) -> None:  # noqa: ANN001
    """Some pixels: those of `inside`, each with (first tap, how many)."""
    taps = len(phase.taps)
    pairs_at: dict[int, list[tuple[int, int]]] = {}
    for r, (first, count) in enumerate(inside):
        for j in range(first, first + count):
            pairs_at.setdefault(r * phase.step + phase.offsets[j], []).append((r, j))
    factors = [
        [
            across[r * leading_dimensions[1] + v * sums.lanes].load(sums.lanes).to(sums.number)
            for v in range(sums.vectors)
        ]
        for r in range(len(inside))
    ]
    for row, start in enumerate(starts):
        for position in sorted(pairs_at):
            for v in range(sums.vectors):
                value = start[position * leading_dimensions[0] + v * sums.lanes].load(sums.lanes).to(sums.number)
                for r, j in pairs_at[position]:
                    sums.add_value(r, row * taps + j, v, factors[r][v], value)


# -------------------------------------------------------------------- packed


class PackedFields(PartialFields):
    """The words of `sums` on packed tiles. taps: the packed index of each tap and source channel, in groups of equal
    length."""

    scratch: Array
    packer_x: Word
    packer_y: Word
    x_channel: Word
    y_channel: Word
    panel_channels: Word
    source_channels: Word
    tap_groups: Word
    scratch_size: Word
    raw_offset: Word
    y_offset: Word
    row: Word
    plane: Word
    packed_size: Word
    rows: Word
    packed_w: Word
    raw_row: Word
    raw_leading_dimension: Word
    descriptor_x: Table
    descriptor_y: Table
    taps: Table


def packed_params(source: Type, number: Type) -> Params[PackedFields]:
    """The words of `sums` on packed tiles for these types."""
    return Params(PackedFields, x=source, y=source, sums=number, scratch=number)


def emit_packed(
    k: Module, lanes: int, vectors: int, source: Type, number: Type, group: int, broadcast: int,
    expand: tuple[int, int] | None, y_packed: bool,
) -> None:  # fmt: skip
    """Exports `sums`. `group`: sums at once; `broadcast`: channels a group that registers broadcast over its lanes (1:
    none); `expand`: channels a group of x and y where the packed tile is widened, else None."""
    width = lanes * vectors
    tile = _emit_group_tile(k, lanes, vectors, number, group, broadcast)
    with k.kernel("sums", packed_params(source, number)) as (f, p):
        packed_tile = p.scratch[p.ticket.fetch_add(1) * p.scratch_size]
        raw = packed_tile[p.raw_offset]

        def panels(block: dict, first: Value, panel: Value, sums: Pointer) -> None:
            from_channel = panel * p.panel_channels
            x, numbers = block["x"][from_channel * p.x_channel], [block[f"number_{axis}"] for axis in "dhw"]
            many = f.min(p.panel_channels, p.source_channels - from_channel)
            f.call_address(p.packer_x, p.descriptor_x, x, raw, *numbers, many)
            if expand:
                expand_packed_tile(f, p, lanes, vectors, raw, packed_tile, *expand)
            y = block["y"][panel * p.useful * p.y_channel]
            counts = [block[f"end_{axis}"] - block[f"begin_{axis}"] for axis in "dhw"]
            if y_packed:
                many = f.min(p.useful, p.channels - panel * p.useful)
                f.call_address(p.packer_y, p.descriptor_y, y, packed_tile[p.y_offset], *numbers, many)
                y = packed_tile[p.y_offset]
            else:
                for axis, step in zip("dhw", p.y_step):
                    y = y[block[f"begin_{axis}"] * step]
            steps = [p.plane, p.row, p.y_step.d, p.y_step.h, p.y_step.w]
            with f.loop(0, p.tap_groups) as g:
                taps = p.taps[g * (group // broadcast)]
                f.call(tile, packed_tile, y, sums[g * (group * width)], taps, first.to(i64), *counts, *steps)

        _each_block(f, p, width, panels)


def _emit_group_tile(k: Module, lanes: int, vectors: int, number: Type, group: int, broadcast: int) -> Function:
    """A group of taps over the pixels of a block: for d, h, w:  y once, every tap's x."""
    names = ["first", "count_d", "count_h", "count_w", "x_d", "x_h", "y_d", "y_h", "y_w"]
    signature = [("x", ptr(number)), ("y", ptr(number)), ("target", ptr(number)), ("taps", ptr(i64))]
    width = lanes * vectors
    with k.function("tile", [*signature, *((name, i64) for name in names)], inline=False) as made:
        f, x, y, target, taps, first, count_d, count_h, count_w, x_d, x_h, y_d, y_h, y_w = made
        sums = _Sums(f, number, lanes, vectors, group)
        starts = [x[taps[j].load()] for j in range(group // broadcast)]
        with f.loop(0, count_d) as d, f.loop(0, count_h) as h:
            moved, across = d * x_d + h * x_h, y[d * y_d + h * y_h]
            middle: Value | int = 0
            for pixels in dict.fromkeys((sums.sets, 1)):
                stop = middle + (count_w - middle) // pixels * pixels
                with f.loop(middle, stop, pixels) as t:
                    for r in range(pixels):
                        pixel = across[(t + r) * y_w]
                        factors = [pixel[v * lanes].load(lanes) for v in range(vectors)]
                        for j, start in enumerate(starts):
                            sums.add(r, j, factors, start[moved + t * width][r * width], broadcast)
                middle = stop
        sums.leave(target, first)
    return f


# -------------------------------------------------------------------- both


def _each_block(f: Function, p: PartialFields, width: int, body) -> None:  # noqa: ANN001
    """`body(block, first block?, panel, its sums)` for every item of the work."""
    with f.dynamic_loop(p.next, p.chunks * p.panel_groups) as item:
        chunk, group = divide(item, p.panel_groups)
        begin, end = chunk * p.blocks // p.chunks, (chunk + 1) * p.blocks // p.chunks
        first_panel = group * p.panel_group
        last_panel = f.min(first_panel + p.panel_group, p.panels)
        sums = p.sums[chunk * p.panels * p.taps_size]
        with f.loop(begin, end) as number:
            block = _block(f, p, number)
            with f.loop(first_panel, last_panel) as panel:
                body(block, number == begin, panel, sums[panel * p.taps_size])


def _block(f: Function, p: PartialFields, number: Value) -> dict:
    rest, w = divide(number, p.count.w)
    rest, h = divide(rest, p.count.h)
    image, d = divide(rest, p.count.d)
    block = {"x": p.x[image * p.x_image], "y": p.y[image * p.y_image]}
    for axis, number_, size, out in zip("dhw", (d, h, w), p.block, p.out):
        start = number_ * size
        block[f"number_{axis}"], block[f"begin_{axis}"] = number_, start
        block[f"end_{axis}"] = f.min(start + size, out)
    return block


class FinishFields(Fields):
    """The words of `finish`; indices: of each number of the weight among the sums of a chunk."""

    sums: Array
    result: Array
    count: Word
    chunks: Word
    chunk_size: Word
    indices: Table


def finish_params(number: Type, result: Type) -> Params[FinishFields]:
    """The words of `finish` for these types."""
    return Params(FinishFields, sums=number, result=result)


def emit_finish(k: Module, number: Type, result: Type) -> None:
    """Exports `finish`:  result[i] = Σ over chunks, in order,  sums[chunk][indices[i]]."""
    with k.kernel("finish", finish_params(number, result)) as (f, p):
        piece = 1024
        with f.dynamic_loop(p.next, f.ceil_div(p.count, piece)) as item:
            with f.loop(item * piece, f.min((item + 1) * piece, p.count)) as i:
                first = [p.sums[p.indices[i].load()]]
                [total] = add_partial_sums(f, first, p.chunks, p.chunk_size, 0, number)
                p.result[i].store(total.to(result))
