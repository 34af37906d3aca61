"""The loops around Winograd's transforms: the kernel of a layer.

In: a `Form`, the pack form of the source. Out: a module with the kernel "winograd".

    for item in (image group, depth block, row block, column block, part of the panels):      # dynamic
        for image in group, for chunk of channels:
            pack the block;  for each packed depth, tile: data → transformed[packed depth][ξ][tile][channel]
            what the tiles hold → statistics[image][block], windows[packed depth][group][tile]
        for panel in part, for depth in block:                # its weights transformed first, unless all were before
            for ξ: for tap in depth taps, for rows of tiles: product → sums[ξ][tile][panel]
            for each tile: result → out;  where a window is all zeros, the bias alone
Every output is summed over the channels in their order within one product, the depth taps in theirs: the bits
do not depend on how tiles are grouped into items.
"""

from __future__ import annotations

import math
from functools import cache

from ..language.ir import (
    Array,
    Axes,
    Fields,
    Function,
    Module,
    Params,
    Pointer,
    Real,
    Table,
    Type,
    Value,
    Word,
    f32,
    f64,
    i64,
    vec,
)
from ..plan.target import Target
from .pack import emit_pack
from .winograd import Form, emit_data, emit_empty, emit_product, emit_result
from .winograd_watch import (
    CONTRAST,
    PEAK,
    STATISTICS,
    Axis,
    Statistics,
    emit_pixels,
    emit_windows,
    gain,
    lattice_positions,
    there,
)


class LayerFields(Fields):
    """The words of "winograd".

    `capacity` is the number of tiles that transformed data and sums have room for, `thread_size` the scratch of one
    thread, both in numbers; `point` is the distance from one ξ to the next in the transformed data, `weight` in the
    filter, `width` that from one tile to the next; `channels` all of them, `reduced_channels` and `output_channels`
    those of a group; `base_d` the packed depth of each depth tap, `depth_table` where each packed depth (a depth, or a
    class of the source) begins in the packed tile; `tile_table` the first packed index and first position of each tile
    of a block, `block_extent` the positions of a block, `step` those from one result of a tile to the next. Where
    `fuse` is not 0, it is `filter_panel` (`kernels.winograd_weights`), which transforms each panel as it is needed, for
    its words `weight_descriptor`, all its `weight_blocks`, at `weight_offset` of a thread's scratch, by way of
    `transposed_offset` there.

    `statistics` are those of `kernels.winograd_watch`, for every image and block; behind them stand two words, 1 where
    a block is loud and where a weight is not finite. `windows` is where, in a thread's scratch, it says which windows
    hold anything. Result u reads the source at `u·stride − low`, `+ dilation`, …, of `size` positions; `kernel` are the
    taps of all classes together."""

    descriptor: Table
    source: Array
    filter: Array
    bias: Array
    out: Array
    scratch: Array
    low: Real
    images: Word
    group: Word
    blocks: Axes
    parts: Word
    image_stride: Word
    channel_stride: Word
    channels: Word
    chunk: Word
    width: Word
    reduced_channels: Word
    output_channels: Word
    packed_d: Word
    depths: Word
    block_d: Word
    taps_d: Word
    base_d: Table
    depth_table: Table
    rows: Word
    columns: Word
    tile_table_h: Table
    tile_table_w: Table
    extent_h: Word
    extent_w: Word
    step_h: Word
    step_w: Word
    out_h: Word
    out_w: Word
    panels: Word
    group_panels: Word
    out_image: Word
    out_d: Word
    out_row: Word
    out_pixel: Word
    packed_row: Word
    leading_dimension: Word
    packed_size: Word
    capacity: Word
    point: Word
    weight: Word
    thread_size: Word
    statistics: Array
    windows: Word
    kernel_h: Word
    stride_h: Word
    low_h: Word
    dilation_h: Word
    size_h: Word
    kernel_w: Word
    stride_w: Word
    low_w: Word
    dilation_w: Word
    size_w: Word
    fuse: Word
    weight_descriptor: Table
    weight_blocks: Word
    weight_offset: Word
    transposed_offset: Word


@cache
def layer_params(stored: Type) -> Params[LayerFields]:
    """The words of "winograd" for arrays of this type."""
    return Params(LayerFields, source=stored, filter=f32, bias=f32, out=stored, scratch=f32, statistics=f64)


def emit_layer(target: Target, form: Form, pack_form: str) -> Module:
    """The kernel "winograd"; `chunk` channels are packed at once."""
    k = Module(target)
    pack = emit_pack(k, pack_form, form.stored, f32)
    data, pixels = emit_data(k, form), emit_pixels(k, *map(len, form.lattices), form.lanes)
    windows = emit_windows(k, form.rows, form.columns, form.lanes)
    products = [(count, emit_product(k, form, count)) for count in form.heights]
    result, empty = emit_result(k, form), emit_empty(k, form)
    with k.kernel("winograd", layer_params(form.stored)) as (f, p):
        mine = p.scratch[p.ticket.fetch_add(1) * p.thread_size]
        packed_tile, transformed = mine, mine[p.packed_size]
        point = p.point  # numbers from one ξ to the next
        sums = transformed[p.packed_d * point * form.points]
        p.own, p.transposed, p.held = mine[p.weight_offset], mine[p.transposed_offset], mine[p.windows].to(i64)
        p.groups, statistics = p.channels // p.reduced_channels, Statistics(f)
        blocks = p.blocks.d * p.blocks.h * p.blocks.w
        groups = f.ceil_div(p.images, p.group)
        ends = p.statistics[p.images * blocks * len(STATISTICS)]
        with f.dynamic_loop(p.next, groups * blocks * p.parts) as item:
            part, rest = item % p.parts, item // p.parts
            block, group = rest % blocks, rest // blocks
            w, upper = block % p.blocks.w, block // p.blocks.w
            h, d = upper % p.blocks.h, upper // p.blocks.h
            first = group * p.group
            count = f.min(p.images - first, p.group)
            origin = (d, h, w)
            with f.loop(0, count, sure=True) as image:
                source, tile = p.source[(first + image) * p.image_stride], image * p.rows * p.columns
                statistics.begin()
                calls = (pack, data, pixels, windows)
                _transform(
                    f,
                    p,
                    form,
                    calls,
                    source,
                    packed_tile,
                    transformed[tile * p.width],
                    origin,
                    statistics,
                    p.held[tile],
                )
                found = p.statistics[((first + image) * blocks + block) * len(STATISTICS)]
                statistics.store(found, PEAK * gain(form.rows.data, form.columns.data), ends[0])
            begin = part * p.panels // p.parts
            with f.loop(begin, (part + 1) * p.panels // p.parts) as panel:
                calls = products, result, empty
                _panel(f, p, form, calls, transformed, sums, panel, p.out[first * p.out_image], count, origin)
                with f.if_(p.statistics[(first * blocks + block) * len(STATISTICS) + 3].load() < 1e38):
                    _watch_weights(f, p, form, sums, p.output_channels - panel % p.group_panels * form.panel, ends[1])
    return k


def _transform(
    f: Function, p: LayerFields, form: Form, calls: tuple, source: Pointer, packed_tile: Pointer,
    transformed: Pointer, origin: tuple,
    statistics: Statistics, windows: Pointer,
) -> None:  # fmt: skip
    """The data of one image's block, transformed and looked at, chunk by chunk of channels."""
    pack, data, *looks = calls
    point = p.point
    axes = Axis(p.stride_h, p.low_h, p.dilation_h, p.size_h), Axis(p.stride_w, p.low_w, p.dilation_w, p.size_w)
    with f.loop(0, p.channels, p.chunk, sure=True) as c:
        channels = f.min(p.chunk, p.channels - c)
        f.call(pack, p.descriptor, source[c * p.channel_stride], packed_tile, *origin, channels)
        with f.loop(0, p.packed_d, sure=True) as depth_index:
            plane, target = (
                packed_tile[p.depth_table[depth_index].load()],
                transformed[c][depth_index * point * form.points],
            )
            with f.loop(0, p.rows, sure=True) as i:
                line, into = plane[p.tile_table_h[i * 2].load() * p.packed_row], target[i * p.columns * p.width]
                y, above = (
                    origin[1] * p.extent_h + p.tile_table_h[i * 2 + 1].load(),
                    depth_index // p.stride_w % p.stride_h,
                )
                down, inside = lattice_positions(f, axes[0], form.rows.inputs, form.lattices[0], y, above)
                with f.loop(0, p.columns, sure=True) as j:
                    start = line[p.tile_table_w[j * 2].load() * p.leading_dimension]
                    energy = f.call(data, start, p.packed_row, p.leading_dimension, into[j * p.width], point, channels)
                    x, beside = origin[2] * p.extent_w + p.tile_table_w[j * 2 + 1].load(), depth_index % p.stride_w
                    along, in_image = lattice_positions(f, axes[1], form.columns.inputs, form.lattices[1], x, beside)
                    steps = [*(q * p.packed_row for q in down), *(q * p.leading_dimension for q in along)]
                    statistics.add_tile(energy)
                    here = windows[depth_index * p.groups * p.capacity + i * p.columns + j]
                    taps = [
                        f.ceil_div(kernel - part, stride)
                        for kernel, part, stride in ((p.kernel_h, above, p.stride_h), (p.kernel_w, beside, p.stride_w))
                    ]
                    watched = (y < p.out_h) & (x < p.out_w) & (inside + in_image > 1)
                    _look(f, p, form, looks, (c, channels), start, energy, steps, taps, watched, statistics, here)


def _look(
    f: Function, p: LayerFields, form: Form, calls: list, chunk: tuple, start: Pointer, energy: Value,
    steps: list[Value], taps: list[Value], watched: Value, statistics: Statistics, windows: Pointer,
) -> None:  # fmt: skip
    """What the chunk's channels of a tile hold, group by group, where the tile is in the image."""
    pixels, bits = calls
    c, channels = chunk
    count = math.prod(map(len, form.lattices))
    statistics.count.value = statistics.count.value + f.select(watched, f.const(i64, count), 0)
    with f.loop(c // p.reduced_channels, f.ceil_div(c + channels, p.reduced_channels), sure=True) as group:
        begin, end = (
            f.max(c, group * p.reduced_channels),
            f.min(c + channels, group * p.reduced_channels + p.reduced_channels),
        )
        found, here = f.var(i64, -1), windows[group * p.capacity]
        with f.if_(watched):
            least = f.call(pixels, start[begin - c], end - begin, statistics.sums, *steps)
            with f.if_((least > 0) & (energy <= least * (CONTRAST * gain(form.rows.data, form.columns.data)))):
                pass
            with f.else_():
                shape = p.packed_row, p.leading_dimension, end - begin, *taps
                found.value = f.call(bits, start[begin - c], *shape, statistics.sums[2], energy)
        with f.if_(begin > group * p.reduced_channels):
            found.value = found.value | here.load()
        here.store(found.value)


def _panel(
    f: Function, p: LayerFields, form: Form, calls: tuple, transformed: Pointer, sums: Pointer, panel: Value,
    out: Pointer, count: Value, origin: tuple,
) -> None:  # fmt: skip
    """All depths and tiles of one panel of output channels."""
    products, result, empty = calls
    d, h, w = origin
    tiles = count * p.rows * p.columns
    group, part = panel // p.group_panels, panel % p.group_panels
    first_channel = group * p.output_channels + part * form.panel
    transformed = transformed[group * p.reduced_channels]
    with f.if_(p.fuse != 0):
        f.call_address(p.fuse, p.weight_descriptor, panel, f.const(i64, 0), p.weight_blocks, p.own, p.transposed)
    weights = f.select(p.fuse != 0, p.own, p.filter[panel * p.taps_d * form.points * p.weight])
    depth = d * p.block_d
    with f.loop(0, f.min(p.block_d, p.depths - depth), sure=True) as z:
        with f.loop(0, form.points, sure=True) as xi, f.loop(0, p.taps_d, sure=True) as tap:
            depth_index = p.base_d[tap].load() + z
            factors = transformed[(depth_index * form.points + xi) * p.point]
            weight = weights[(tap * form.points + xi) * p.weight]
            _products(f, p, form, products, factors, weight, sums[xi * p.capacity * form.panel], tap, tiles)
        with f.loop(0, count, sure=True) as image:
            base = out[image * p.out_image + (depth + z) * p.out_d + first_channel]
            channels = (p.output_channels - part * form.panel, p.bias[first_channel])
            first = image * p.rows * p.columns
            held = p.held[group * p.capacity + first]
            _results(f, p, form, (result, empty), sums[first * form.panel], base, channels, (h, w), (held, z))


def _watch_weights(f: Function, p: LayerFields, form: Form, sums: Pointer, channels: Value, found: Pointer) -> None:
    """Finds 1 where the sums of an item's first tile, whose data are finite, are not."""
    with f.loop(0, form.panel, form.lanes) as v:
        total = f.var(vec(f32, form.lanes), 0.0)
        with f.loop(0, form.points, sure=True) as xi:
            total.value = f.fma(sums[xi * p.capacity * form.panel + v].load(form.lanes), 0.0, total.value)
        one = f.sum_lanes(there(f, total.value, channels - v))
        with f.if_(one != 0):  # not finite times 0
            found.store(1.0)


def _products(
    f: Function, p: LayerFields, form: Form, products: list, transformed: Pointer, weight: Pointer, sums: Pointer,
    add: Value, tiles: Value,
) -> None:  # fmt: skip
    """All tiles: many rows at a time while there are many, then the smallest count that takes the rest."""
    most, whole = products[0]
    done = tiles // most * most
    with f.loop(0, done, most) as t:
        f.call(whole, transformed[t * p.width], p.width, weight, p.reduced_channels, sums[t * form.panel], add)
    rest = tiles - done
    for i, (rows, product) in enumerate(products):
        fewer = products[i + 1][0] if i + 1 < len(products) else 0
        with f.if_((rest > fewer) & (rest <= rows)):
            f.call(
                product, transformed[done * p.width], p.width, weight, p.reduced_channels, sums[done * form.panel], add
            )


def _results(
    f: Function, p: LayerFields, form: Form, calls: tuple, sums: Pointer, out: Pointer, channels: tuple, origin: tuple,
    held: tuple,
) -> None:  # fmt: skip
    """The tiles of one image's block that have results; `channels` are how many, and their bias; `held` which windows
    of each packed depth hold anything, and the depth."""
    result, empty = calls
    windows, z = held
    h, w = origin
    count, bias = channels
    low = p.low.to(f32)
    with f.loop(0, p.rows, sure=True) as i:
        y = h * p.extent_h + p.tile_table_h[i * 2 + 1].load()
        with f.loop(0, p.columns, sure=True) as j:
            x = w * p.extent_w + p.tile_table_w[j * 2 + 1].load()
            with f.if_((y < p.out_h) & (x < p.out_w)):
                tile = sums[(i * p.columns + j) * form.panel]
                to = out[y * p.out_row + x * p.out_pixel]
                steps = (p.out_row * p.step_h, p.out_pixel * p.step_w, p.step_h, p.step_w)
                size = (p.out_h - y, p.out_w - x, count)
                point = p.capacity * form.panel
                f.call(result, tile, point, to, *steps, *size, bias, low)
                some = f.var(i64, 0)
                with f.loop(0, p.taps_d, sure=True) as tap:
                    depth_index = p.base_d[tap].load() + z
                    some.value = some.value | windows[depth_index * p.groups * p.capacity + i * p.columns + j].load()
                with f.if_((some.value & form.windows) != form.windows):
                    f.call(empty, some.value, to, *steps, *size, bias, low)
