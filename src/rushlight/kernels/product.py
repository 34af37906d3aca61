"""The product kernels: tiles of pixels × channels in registers, and the loops over a convolution's work.

In: packed weights (`kernels.weights`), a source, and tables that say where things are (`backends.cpu` makes them
from `plan`). Out: the result, channels innermost. Two kinds of modules, joined by addresses when they run:

* `emit_tiles`: the microkernels. `height` pixels × `vectors` registers of channels; they know neither sizes nor
  strides, so one set a register block serves all layers (`emit_dots`: one to three channels);
* `emit_loops`: the kernel `product`, which takes items of work, packs, and calls microkernels.

What an item computes (an image n, a block of positions, a range of panels of output channels):

    for group, for chunk of its channels:
        pack the block's source into the packed tile                       # unless the source is read where it is
        for phase, for panel of output channels:
            pack the panel's weights                                # unless all were packed before
            for each row of the block's results, for each tile of it:
                tile += Σ over runs (offset, length), k < length:  packed tile[pixel + offset + k] · weights[panel][k]

Every result is summed by one thread in an order that only the layer decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from ..language.ir import (
    Array,
    Axes,
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
    size_of,
    vec,
)
from .microkernel import Microkernel, broadcast, lines, store, vectors

if TYPE_CHECKING:
    from ..language.types import Type


class FrameFields(Fields):
    """What a tile is told besides its three addresses.

    It sums over `pairs` of taps of the first two axes, (offset in bytes, number of their first tap), and for each over
    `runs` along the third, (offset in bytes, taps, number of the first): runs of taps · `k` numbers, whose weights
    begin the sum of both tap numbers · `tap` bytes on. `pixel` is the distance of pixels in the packed tile in bytes,
    `result` in the result in numbers; `bias` is 0 where there is none. `add` says to add to what is there; where not
    `plain`, there are fewer `columns` than a tile has, a `relu` besides, or the first columns are another item's:
    `skip` so many. `channel` is the distance of channels among the weights of a dot tile. Where `prefetch` is not 0,
    the source comes from far: while a tile is summed, the next one's pixels are prefetched.
    """

    pairs: Table
    pair_count: Word
    runs: Table
    run_count: Word
    k: Word
    tap: Word
    pixel: Word
    result: Word
    bias: Word
    columns: Word
    skip: Word
    plain: Word
    add: Word
    relu: Word
    channel: Word
    prefetch: Word

    # Beside the words, while the kernel is emitted.
    number: Type


FRAME = Params(FrameFields)


def emit_tiles(
    k: Module, number: Type, result: Type, lanes: int, count: int, heights: Sequence[int], prefetches: bool = False
) -> None:
    """Exports `tile<height>` for each height: `tile(a, b, c, frame)`; all tiles share one slow way out. Where one
    `prefetches`, it looks at the frame's `prefetch`."""
    finish = _emit_finish(k, number, result, lanes, count)
    for height in heights:
        _emit_tile(k, number, result, lanes, count, height, finish, prefetches)


def _emit_tile(
    k: Module, number: Type, result: Type, lanes: int, count: int, height: int, finish: Function, prefetches: bool
) -> None:
    """for each of `count` tiles:  c[m][0:width] = bias + Σ a[m·pixel + run offset + i] · b[i][0:width]"""
    with _tiles(k, number, result, height) as (f, p, a, b, c):
        load_a, load_b = broadcast(height, lanes, lambda pixel: pixel.bytes(p.pixel)), vectors(count, lanes)
        tile = Microkernel(f, number, lanes, height, count, load_a, load_b, _bias(f, p, number, lanes, count))
        with _runs(f, p, a, b) as (start, weights, length):
            panel = f.var(ptr(number), weights)
            with _pieces(f, p, number, height, start, length) if prefetches else nullcontext((0, length)) as piece:
                with f.loop(*piece, sure=True) as i:
                    pixel, row = start[i], panel.value
                    tile.step(pixel, row)
                    panel.value = row[count * lanes]
        _leave(f, p, c, list(map(list, tile.values())), number, lanes, finish)


@contextmanager
def _tiles(k: Module, number: Type, result: Type, height: int) -> Iterator[tuple]:
    """The function `tile<height>(a, b, c, frame, count)`; the block is one of its tiles."""
    signature = [("a", ptr(number)), ("b", ptr(number)), ("c", ptr(result)), ("frame", ptr(i64)), ("count", i64)]
    with k.function(f"tile{height}", signature, inline=False, export=True) as (f, a, b, c, frame, count):
        p = FRAME.read(f, frame)
        with f.loop(0, count, sure=True) as tile:
            yield f, p, a.bytes(tile * (p.pixel * height)), b, c[tile * (p.result * height)]


@contextmanager
def _pieces(f: Function, p: FrameFields, number: Type, height: int, start: Pointer, length: Value) -> Iterator[tuple]:
    """A run whole, or in pieces of a line, with each of which the next tile's pixels are prefetched that far."""
    line = f.select(p.prefetch != 0, 64 // number.bytes, length)
    with f.loop(0, length, line, sure=True) as first:
        with f.if_(p.prefetch != 0):
            for m in range(height):
                start[first].bytes(p.pixel * (height + m)).prefetch()
        yield first, f.min(first + line, length)


@contextmanager
def _runs(f: Function, p: FrameFields, a: Pointer, b: Pointer) -> Iterator[tuple[Pointer, Pointer, Value]]:
    """Every run: where its first number is, its weights, its length."""
    with f.loop(0, p.pair_count) as i:
        pair = p.pairs[i * 2]
        line, weights = a.bytes(pair[0].load()), b.bytes(pair[1].load() * p.tap)
        with f.loop(0, p.run_count) as j:
            run = p.runs[j * 3]
            yield line.bytes(run[0].load()), weights.bytes(run[2].load() * p.tap), run[1].load() * p.k


def _bias(f: Function, p: FrameFields, number: Type, lanes: int, count: int) -> list[Value]:
    """The bias of each column, 0 where there is none."""
    start = [f.var(vec(number, lanes), 0.0) for _ in range(count)]
    with f.if_(p.bias != 0):
        bias = pointer(f, p.bias, number)
        for j in range(count):
            mask = f.mask(p.columns - j * lanes, lanes, number)
            start[j].value = bias[j * lanes].load(lanes, mask=mask)
    return [variable.value for variable in start]


def _leave(f: Function, p: FrameFields, c: Pointer, values: list, number: Type, lanes: int, finish: Function) -> None:
    """Store at once where nothing else is to be done, else by way of memory."""
    if c.of != number:
        _leave_slowly(f, p, c, values, number, lanes, finish)
        return
    with f.if_(p.plain != 0):
        with f.if_(p.add == 0):
            store(values, lines(c, p.result, len(values)))
        with f.else_():
            store(values, lines(c, p.result, len(values)), add=True)
    with f.else_():
        _leave_slowly(f, p, c, values, number, lanes, finish)


def _leave_slowly(
    f: Function, p: FrameFields, c: Pointer, values: list, number: Type, lanes: int, finish: Function
) -> None:
    width = lanes * len(values[0])
    buffer = f.local(number, width * (len(values) + 1))
    for m, row in enumerate(values):
        for j, value in enumerate(row):
            buffer[m * width + j * lanes].store(value)
    words = [p.result, p.columns - p.skip, p.add, p.relu]
    f.call(finish, buffer[p.skip], c[p.skip], f.const(i64, len(values)), *words)


def emit_dots(k: Module, number: Type, result: Type, width: int, heights: Sequence[int]) -> None:
    """Tiles of so few channels that vectors run along k instead; exports `tile<height>` like `emit_tiles`.

    The weights of a channel are a row: b[j·channel + i]. Lanes are summed at the end, always in the same order.
    """
    finish = _emit_finish(k, number, result, 4, 1)
    for height in heights:
        _emit_dot(k, number, result, width, height, finish)


def _emit_dot(k: Module, number: Type, result: Type, width: int, height: int, finish: Function) -> None:
    """c[m][j] = bias[j] + Σ over lanes (Σ over vectors of i  a[m·pixel + run offset + i] · b[j·channel + i])"""
    with _tiles(k, number, result, height) as (f, p, a, b, c):
        lanes = k.lanes(number)
        load_a = vectors(height, lanes, lambda pixel: pixel.bytes(p.pixel))
        load_b = vectors(width, lanes, lambda weights: weights[p.channel])
        tile = Microkernel(f, number, lanes, height, width, load_a, load_b, [0.0] * width)
        with _runs(f, p, a, b) as (start, weights, length):
            left = length % lanes
            with f.loop(0, length - left, lanes) as i:
                tile.step(start[i], weights[i])
            with f.if_(left > 0):
                i = length - left
                tile.step(start[i], weights[i], f.mask(left, lanes, number))
        buffer = f.local(number, 4 * height)
        for j in range(width):
            bias = f.var(number, 0.0)
            with f.if_(p.bias != 0):
                bias.value = pointer(f, p.bias, number)[j].load()
            first = bias.value
            for m in range(height):
                buffer[m * 4 + j].store(f.sum_lanes(tile.sums[m][j].value) + first)
        f.call(finish, buffer, c, f.const(i64, height), p.result, p.columns, p.add, p.relu)


def _emit_finish(k: Module, number: Type, result: Type, lanes: int, vectors: int) -> Function:
    """The slow way out: c[m][0:columns] = relu(buffer[m] + c[m]), each part where wanted."""
    signature = [("buffer", ptr(number)), ("c", ptr(result)), *((name, i64) for name in _FINISH)]
    with k.function("finish", signature, inline=False) as (f, buffer, c, height, step, columns, add, relu):
        masks = [f.mask(columns - j * lanes, lanes, number) for j in range(vectors)]
        halves = [f.mask(columns - j * lanes, lanes, result) for j in range(vectors)]
        with f.loop(0, height, sure=True) as m:
            line = c[m * step]
            for j in range(vectors):
                total = f.var(vec(number, lanes), buffer[(m * vectors + j) * lanes].load(lanes))
                with f.if_(add != 0):
                    total.value = total.value + line[j * lanes].load(lanes, mask=halves[j]).to(number)
                with f.if_(relu != 0):
                    total.value = f.max(f.const(vec(number, lanes), 0.0), total.value)
                mask = masks[j] if result == number else halves[j]
                line[j * lanes].store(total.value.to(result), mask=mask)
    return f


_FINISH = ("height", "step", "columns", "add", "relu")


def pointer(f: Function, address: Value, of: Type) -> Pointer:
    """An address as a pointer."""
    return Pointer(f, f.emit_text(f"inttoptr i64 {address.text} to ptr"), of)


# -------------------------------------------------------------------- loops


class PhaseFields(Fields):
    """A phase: the results of each axis that it has (in units of t), where its first result lies, its first tap.

    Results near the borders need fewer taps: `class_d` and `class_h` number the kinds of rows; `pairs` has (address,
    count) for each pair of kinds; `segments` has (begin, end, address of runs, count) a piece of w.
    """

    begin_d: Word
    end_d: Word
    begin_h: Word
    end_h: Word
    begin_w: Word
    end_w: Word
    y_offset: Word
    tap: Word
    class_d: Table
    class_h: Table
    classes_h: Word
    pairs: Table
    segments: Table
    segment_count: Word


PHASE = Params(PhaseFields)
PHASE_WORDS = size_of(PhaseFields)


class LoopsFields(Fields):
    """The words of the kernel `product`. Distances are in numbers.

    items: images × parts × blocks; `source_step`: from one result to the next in the packed tile (or in the source
    itself, where `packer` is 0), `result_step`: in the result; `rows`: K of a whole panel; `steps`: see `tile_steps`,
    `limit` its entries; `last`: the last panel's first channel; `dots`: whether its weights are a row a channel, for
    `emit_dots`. Where `fuse` is not 0, it is `weights_panel` (`kernels.weights`), which packs each panel as it is
    needed, for its words `weight_descriptor`, into `scratch_offset` of a thread's scratch; `packed_size` is how much of
    that a thread has.
    """

    x: Array
    w: Array
    y: Array
    bias: Word
    scratch: Array
    packed_size: Word
    packer: Word
    descriptor: Table
    items: Word
    batch: Word
    parts: Word
    blocks: Axes
    block: Axes
    first: Axes
    x_image: Word
    x_channel: Word
    y_image: Word
    source_step: Axes
    result_step: Axes
    groups: Word
    group_in: Word
    group_out: Word
    x_group: Word
    y_group: Word
    chunk: Word
    chunks: Word
    panels: Word
    width: Word
    tail: Word
    last: Word
    dots: Word
    rows: Word
    taps: Word
    phases: Word
    phase: Table
    steps: Table
    tail_steps: Table
    limit: Word
    relu: Word
    prefetch: Word
    fuse: Word
    weight_descriptor: Table
    scratch_offset: Word

    # Beside the words, while the kernel is emitted.
    number: Type
    size: int
    frame: Pointer
    panel: Pointer


def loops_params(source: Type, number: Type, result: Type) -> Params[LoopsFields]:
    """The words of the kernel `product` for these types."""
    return Params(LoopsFields, x=source, w=number, y=result, scratch=number)


def emit_loops(k: Module, source: Type, number: Type, result: Type) -> None:
    """Exports the kernel `product`."""
    with k.kernel("product", loops_params(source, number, result)) as (f, p):
        p.number, p.size = number, number.bytes
        p.frame = f.local(i64, size_of(FrameFields))
        packed_tile = p.scratch[p.ticket.fetch_add(1) * p.packed_size]
        p.panel = packed_tile[p.scratch_offset]
        with f.dynamic_loop(p.next, p.items) as item:
            _item(f, p, packed_tile, item)


def panel_offset(p: LoopsFields, group: Value, panel: Value) -> Value:
    """Where a panel begins among the packed weights: each has a row that takes what nobody needs, and the last of a
    group its own width."""
    rows = p.rows + 1
    return group * rows * ((p.panels - 1) * p.width + p.tail) + panel * rows * p.width


def unravel(f: Function, index: Value, *extents: Value) -> list[Value]:
    """index as digits in mixed radix, the last one fastest; the first extent is not needed."""
    digits = []
    for extent in reversed(extents):
        digits.append(index % extent)
        index = index // extent
    return [index, *reversed(digits)]


def _item(f: Function, p: LoopsFields, packed_tile: Pointer, item: Value) -> None:
    """One item: its image, block and units (a unit is a panel of a group)."""
    part, n, *block = unravel(f, item, p.batch, *p.blocks)
    sizes, firsts = p.block, p.first
    start = [first + b * size for first, b, size in zip(firsts, block, sizes)]
    image, target = p.x[n * p.x_image], p.y[n * p.y_image]
    units = p.groups * p.panels
    unit, stop = units * part // p.parts, units * (part + 1) // p.parts
    with f.loop(unit // p.panels, (stop + (p.panels - 1)) // p.panels) as group:
        first_panel = f.max(unit - group * p.panels, 0)
        last_panel = f.min(stop - group * p.panels, p.panels)
        with f.loop(0, p.chunks, sure=True) as chunk:
            work = {"group": group, "chunk": chunk, "start": start, "block": block}
            a, channels = _source(f, p, packed_tile, image, work)
            with f.loop(0, p.phases) as number:
                phase = PHASE.read(f, p.phase[number * PHASE_WORDS])
                work["channels"] = channels
                _phase(f, p, phase, a, target, work, first_panel, last_panel)


def _source(f: Function, p: LoopsFields, packed_tile: Pointer, image: Pointer, work: dict) -> tuple[Pointer, Value]:
    """Where the block's source lies for the microkernels, packed if need be; and how many channels the chunk has."""
    channel = work["chunk"] * p.chunk
    channels = f.min(p.chunk, p.group_in - channel)
    source = image[work["group"] * p.x_group + channel * p.x_channel]
    with f.if_(p.packer != 0):
        f.call_address(p.packer, p.descriptor, source, packed_tile, *work["block"], channels)
    if source.of != p.number:
        return packed_tile, channels
    direct = source
    for t, step in zip(work["start"], p.source_step):
        direct = direct[t * step]
    return f.select(p.packer != 0, packed_tile, direct), channels


def _phase(f: Function, p: LoopsFields, phase, a, target, work: dict, first_panel, last_panel) -> None:  # noqa: ANN001
    """The panels of one phase over the block; the first reads the source from where it comes."""
    start, sizes = work["start"], p.block
    begins, ends = (phase.begin_d, phase.begin_h, phase.begin_w), (phase.end_d, phase.end_h, phase.end_w)
    low = [f.max(begin, t) for begin, t in zip(begins, start)]
    high = [f.min(end, t + size) for end, t, size in zip(ends, start, sizes)]
    target = target[phase.y_offset]
    frame = _frame(p)
    frame["k"].store(work["channels"])
    frame["pixel"].store(p.source_step.w * p.size)
    frame["result"].store(p.result_step.w)
    row = p.taps * work["chunk"] * p.chunk + phase.tap * work["channels"]
    with f.loop(first_panel, last_panel) as panel:
        b, c, steps = _panel(f, p, frame, work, panel, row, target, panel == first_panel)
        frame["prefetch"].store(f.select(panel == first_panel, p.prefetch, 0))
        with f.loop(low[0], high[0]) as d, f.loop(low[1], high[1]) as h:
            kind = phase.class_d[d - phase.begin_d].load() * phase.classes_h + phase.class_h[h - phase.begin_h].load()
            frame["pairs"].store(phase.pairs[kind * 2].load())
            frame["pair_count"].store(phase.pairs[kind * 2 + 1].load())
            line, there = (
                a[(d - start[0]) * p.source_step.d + (h - start[1]) * p.source_step.h],
                c[d * p.result_step.d + h * p.result_step.h],
            )
            with f.loop(0, phase.segment_count, sure=True) as number:
                segment = phase.segments[number * 4]
                lo, hi = f.max(low[2], segment[0].load()), f.min(high[2], segment[1].load())
                frame["runs"].store(segment[2].load())
                frame["run_count"].store(segment[3].load())
                _row(f, p, line[(lo - start[2]) * p.source_step.w], b, there[lo * p.result_step.w], steps, hi - lo)


def _frame(p: LoopsFields) -> dict[str, Pointer]:
    return {name: p.frame[2 + at] for at, name in enumerate(FRAME.types)}


def _panel(f: Function, p: LoopsFields, frame, work, panel, row, target, is_first) -> tuple:  # noqa: ANN001
    """A panel's weights, results, microkernels, and its words of the frame. What a panel that was moved back shares
    with the one before it is written again by an item that has both, and left to the other by one that begins here."""
    group, is_tail = work["group"], panel == p.panels - 1
    width = f.select(is_tail, p.tail, p.width)
    first = f.select(is_tail, p.last, panel * p.width)
    columns = f.min(width, p.group_out - first)
    channel, target = group * p.group_out + first, target[group * p.y_group + first]
    across = f.select(f.both(is_tail, p.dots != 0), f.const(i64, 1), width)
    with f.if_(p.fuse != 0):
        channel_ = work["chunk"] * p.chunk
        f.call_address(p.fuse, p.weight_descriptor, group, panel, channel_, channel_ + work["channels"], p.panel)
    b = f.select(p.fuse != 0, p.panel, p.w[panel_offset(p, group, panel)])[row * across]
    zero, begins, ends = f.const(i64, 0), work["chunk"] == 0, work["chunk"] == p.chunks - 1
    bias = f.select(p.bias == 0, zero, p.bias + channel * p.size)
    add, relu = f.select(begins, zero, f.const(i64, 1)), f.select(ends, p.relu, zero)
    skip = f.select(is_first, panel * p.width - first, zero)
    plain = f.select(columns - skip == width, f.const(i64, 1), zero) & (1 - relu)
    frame["tap"].store(work["channels"] * across * p.size)
    frame["bias"].store(f.select(begins, bias, zero))
    words = {"columns": columns, "skip": skip, "channel": p.rows + 1, "add": add, "relu": relu, "plain": plain}
    for name, value in words.items():
        frame[name].store(value)
    return b, target, f.select(is_tail, p.tail_steps, p.steps)


def _row(f: Function, p: LoopsFields, a: Pointer, b: Pointer, c: Pointer, steps: Pointer, count: Value) -> None:
    """One row of results, tile by tile: as `steps` says for so many pixels that are left, (height, address, count)."""
    left, a_, c_ = f.var(i64, count), f.var(a.type, a), f.var(c.type, c)
    with f.while_(left) as some:
        step = steps[f.min(some, p.limit) * 3]
        height, address, tiles = (step[at].load() for at in range(3))
        here, there = a_.value, c_.value
        f.call_address(address, here, b, there, p.frame, tiles)
        pixels = tiles * height
        a_.value, c_.value = here[pixels * p.source_step.w], there[pixels * p.result_step.w]
        left.value = some - pixels
