"""The weight gradient as a matrix product over pixels, and the pass that lays its sums out as a weight.

In: a `ProductPlan` and the arrays' strides. Out: `emit_product`, a module with the kernels `product` (tiles of sums,
one set a chunk of the pixels) and `finish` (chunks added in order, transposed into (co, ci, *taps)), and the tables
that both use. `backends.cpu` reaches all of it through `prepare_wgrad`.

    for item (chunk, group, part of the right channels, part of the left channels):
        for block of the chunk's pixels:
            pack the left and the right operand, unless they are read in place
            for panel of right channels:  for tile (taps, left channels):
                sums[tile] += Σ over the block's pixels  left[pixel at tap, height] ⊗ right[pixel, width]

Sums lie as [chunk][group][right part][panel][left part][tile][height][width]. The right operand's panel stays in the
first cache while the tiles pass by.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, NamedTuple

from ..language.ir import (
    Array,
    AxisTables,
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
    word_group,
)
from ..language.loops import divide
from .in_bounds import first_within
from .microkernel import Microkernel, broadcast, lines, store, vectors
from .partial_sums import add_partial_sums

if TYPE_CHECKING:
    from ..plan.wgrad import RegisterBlock

_AXES = "ndhw"
_FRAME = 3 * len(_AXES)


@word_group
class PixelAxes(NamedTuple):
    """A number for the images and for each spatial axis."""

    n: Value
    d: Value
    h: Value
    w: Value


@word_group
class OperandWords(NamedTuple):
    """An operand: the distances of one result step along each axis; of image, group and channel; the channels of a
    part and all; who packs it (0: nobody), panels of `panel` channels `panel_step` apart, `extent` channels at once.

    The distances along axes are those of the packed tile where it is packed, else the array's; `image`, `group` and
    `channel` are always the array's."""

    n: Value
    d: Value
    h: Value
    w: Value
    image: Value
    group: Value
    channel: Value
    part: Value
    channels: Value
    packer: Value
    panel: Value
    panel_step: Value
    extent: Value


class ProductFields(Fields):
    """The words of `product`; distances are in numbers.

    tap_tables: of each tap along an axis (offset, first and last result inside); tile_table, tap_table, panel_table: as
    `backends.cpu.product_wgrad` makes them. Sums that are direct are the weight."""

    left: Array
    right: Array
    sums: Array
    scratch: Array
    scratch_size: Word
    left_size: Word
    chunks: Word
    groups: Word
    right_parts: Word
    left_parts: Word
    tiles: Word
    taps: Word
    panels: Word
    row: Word
    weight: Word
    images: Word
    blocks: Word
    out: PixelAxes
    block: PixelAxes
    count: PixelAxes
    left_side: OperandWords
    right_side: OperandWords
    tile_table: Table
    tap_table: Table
    tap_tables: AxisTables
    panel_table: Table
    left_descriptor: Table
    right_descriptor: Table

    # Beside the words, while the kernel is emitted.
    frame: Pointer
    scratch_left: Pointer
    scratch_right: Pointer
    here: Pointer
    tile_width: int
    size: int
    next_panel: Value


class FinishFields(Fields):
    """The words of `finish`: see `_emit_straight`."""

    sums: Array
    result: Array
    items: Word
    panels: Word
    parts: Word
    part: Word
    group: Word
    chunks: Word
    chunk_size: Word
    item_size: Word
    rows: Word
    result_group: Word
    row_table: Table
    panel_table: Table


def product_params(source: Type, number: Type, direct: bool) -> Params[ProductFields]:
    """The words of `product` for these types; `direct` sums are the weight."""
    return Params(ProductFields, left=source, right=source, sums=source if direct else number, scratch=number)


def finish_params(number: Type, result: Type) -> Params[FinishFields]:
    """The words of `finish` for these types."""
    return Params(FinishFields, sums=number, result=result)


def emit_wgrad(
    k: Module,
    register: RegisterBlock,
    source: Type,
    number: Type,
    packed: tuple[bool, bool],
    transposed: bool,
    direct: bool,
) -> None:
    """Exports `product` and, unless it is `direct`, `finish`. `packed`: left and right; `transposed`: rows of the sums
    are columns of the weight; `direct`: the sums are the weight, and there is one block of pixels."""
    tile = _emit_tile(k, register, number, source if direct else None)
    _emit_product(k, register, source, number, tile, packed, direct)
    if not direct:
        (_emit_transposed if transposed else _emit_straight)(k, register, number, source)


def _emit_tile(k: Module, register: RegisterBlock, number: Type, result: Type | None) -> Function:
    """Some tiles of sums over the pixels of a block; `frame` holds the extents and both operands' steps. With a type
    of the `result` they are parts of it, and the block is the only one.

    for tile (left offset, first row):  for n:  for d:  for h:  for w:
        sums[r][c] += left[r] · right[c];   left, right one pixel on
    """
    signature = [("left", ptr(number)), ("right", ptr(number)), ("sums", ptr(result or number)), ("frame", ptr(i64))]
    signature += [("tiles", ptr(i64)), ("count", i64), ("first", i64), ("row", i64)]
    with k.function("tile", signature, inline=False) as (f, base, right, target, frame, tiles, count, first, row_step):
        words = [frame[i].load() for i in range(_FRAME)]
        extents, step_left, step_right = words[:4], words[4:8], words[8:]
        lanes, height, count_ = register.lanes, register.height, register.vectors
        sums = Microkernel(f, number, lanes, height, count_, broadcast(height, lanes), vectors(count_, lanes))

        def nest(level: int, left: Pointer, right: Pointer) -> None:
            a, b = f.var(ptr(number), left), f.var(ptr(number), right)
            with f.loop(0, extents[level]):
                here = a.value, b.value
                if level < 3:
                    nest(level + 1, *here)
                else:
                    sums.step(*here)
                a.value = here[0][step_left[level]]
                b.value = here[1][step_right[level]]

        with f.loop(0, count) as t:
            entry = tiles[t * 2]
            if result:  # the first rows and columns may be another item's
                above, before = f.max(frame[_FRAME].load() - entry[1].load(), 0), frame[_FRAME + 1].load()
                own = f.both(above < register.height, before < register.width)
            with f.if_(own) if result else nullcontext():
                to = target[entry[1].load() * row_step if result else t * (height * register.width)]
                sums.clear()
                nest(0, base[entry[0].load()], right)
                if result:
                    _leave(f, register, sums, to, row_step, above, before)
                else:  # what earlier blocks left is only needed now: it need not be waited for before
                    with f.if_(first != 0):
                        store(sums.values(), lines(to, row_step, height))
                    with f.else_():
                        store(sums.values(), lines(to, row_step, height), add=True)
    return f


def _leave(
    f: Function, register: RegisterBlock, sums: Microkernel, to: Pointer, step: Value, above: Value, before: Value
) -> None:
    """A tile of the result; its rows `above` and the columns `before` are another item's."""
    lanes = register.lanes
    with f.if_((above | before) == 0):
        store(sums.values(), lines(to, step, register.height))
    with f.else_():
        kept = f.local(sums.number, register.width * (register.height + 1))
        store(sums.values(), lines(kept, register.width, register.height))
        with f.loop(above, register.height) as r:
            for v in range(register.vectors):
                value = kept[before + r * register.width + v * lanes].load(lanes).to(to.of)
                mask = f.mask(register.width - before - v * lanes, lanes, to.of)
                to[before + r * step + v * lanes].store(value, mask=mask)


def _emit_product(
    k: Module,
    register: RegisterBlock,
    source: Type,
    number: Type,
    tile: Function,
    packed: tuple[bool, bool],
    direct: bool,
) -> None:
    with k.kernel("product", product_params(source, number, direct)) as (f, p):
        p.frame, p.tile_width = f.local(i64, _FRAME + 2), register.width
        p.scratch_left = p.scratch[p.ticket.fetch_add(1) * p.scratch_size]
        p.scratch_right = p.scratch_left[p.left_size]
        items = p.chunks * p.groups * p.right_parts * p.left_parts
        with f.dynamic_loop(p.next, items) as item:
            rest, left_part = divide(item, p.left_parts)
            rest, right_part = divide(rest, p.right_parts)
            chunk, group = divide(rest, p.groups)
            if direct:
                p.here = p.sums[group * p.weight]
            else:
                p.size = register.height * register.width
                offset = ((chunk * p.groups + group) * p.right_parts + right_part) * p.panels * p.left_parts + left_part
                p.here = p.sums[offset * p.tiles * p.size]
                p.next_panel = p.left_parts * p.tiles * p.size
            begin, end = (chunk * p.blocks) // p.chunks, ((chunk + 1) * p.blocks) // p.chunks
            with f.loop(begin, end) as block:
                _emit_block(f, p, tile, packed, direct, block, block == begin, group, left_part, right_part)


def _emit_block(
    f: Function, p: ProductFields, tile: Function, packed: tuple[bool, bool], direct: bool, block: Value, first: Value,
    group: Value, left_part: Value, right_part: Value,
) -> None:  # fmt: skip
    rest, w = divide(block, p.count.w)
    rest, h = divide(rest, p.count.h)
    n, d = divide(rest, p.count.d)
    numbers = (n, d, h, w)
    origin = [number * size for number, size in zip(numbers, p.block)]
    extent = [f.min(size, out - o) for size, out, o in zip(p.block, p.out, origin)]
    operands, others = [], []
    for is_left, array, side, descriptor, scratch, part in (
        (True, p.left, p.left_side, p.left_descriptor, p.scratch_left, left_part),
        (False, p.right, p.right_side, p.right_descriptor, p.scratch_right, right_part),
    ):
        # The last part is moved back so that it is as long as the others.
        channel = f.min(part * side.part, side.channels - side.part)
        if direct:
            p.here = p.here[channel * (p.row if is_left else 1)]
            others.append(part * side.part - channel)
        start = array[origin[0] * side.image + group * side.group + channel * side.channel]
        if not packed[0 if is_left else 1]:
            for o, step in zip(origin[1:], (side.d, side.h, side.w)):
                start = start[o * step]
            operands.append(start)
            continue
        with f.loop(0, extent[0]) as i, f.loop(0, side.part, side.extent) as c:
            # The last panel of a result's own tiles is moved back so that it is as long as the others.
            first_channel = f.min(c, side.part - side.panel) if direct else c
            packed_tile = scratch[i * side.n + c // side.panel * side.panel_step]
            source = start[i * side.image + first_channel * side.channel]
            count = f.min(side.extent, side.part - first_channel)
            f.call_address(side.packer, descriptor, source, packed_tile, *numbers[1:], count)
        operands.append(scratch)
    _emit_tiles(f, p, tile, packed, direct, operands, origin, extent, first, others)


def _emit_tiles(
    f: Function, p: ProductFields, tile: Function, packed: tuple[bool, bool], direct: bool, operands: list[Pointer],
    origin: list[Value], extent: list[Value], first: Value, others: list[Value],
) -> None:  # fmt: skip
    """All tiles of a block: for each panel of the right operand, tap by tap. Of a `direct` result the first rows and
    columns of a part are those of `others`, as many as the part was moved back."""
    with f.loop(0, p.panels) as panel:
        column = p.panel_table[panel].load()
        for i, count in enumerate(others):
            skipped = f.min(f.max(count - column, 0), p.tile_width) if i else count
            p.frame[_FRAME + i].store(skipped)
        right = operands[1][panel * p.right_side.panel_step if packed[1] else column]
        tiles, sums = f.var(ptr(i64), p.tile_table), f.var(p.here.type, p.here)
        sums.value = p.here[column if direct else panel * p.next_panel]
        with f.loop(0, p.taps) as tap:
            entry = p.tap_table[tap * 4]
            left, across, counts = operands[0], right, [extent[0]]
            left_steps, right_steps = list(p.left_side[: len(_AXES)]), list(p.right_side[: len(_AXES)])
            for index, table in enumerate(p.tap_tables, 1):
                bounds = table[entry[index - 1].load() * 3]
                begin, count = first_within(f, bounds, origin[index], origin[index] + extent[index])
                counts.append(count)
                moved = begin - origin[index]
                left = left[bounds[0].load() + moved * left_steps[index]]
                across = across[moved * right_steps[index]]
            _flatten(f, counts, [left_steps, right_steps])
            for i, word in enumerate([*counts, *left_steps, *right_steps]):
                p.frame[i].store(word)
            here, table, count = sums.value, tiles.value, entry[3].load()
            f.call(tile, left, across, here, p.frame, table, count, first.to(i64), p.row)
            tiles.value = table[count * 2]
            if not direct:
                sums.value = here[count * p.size]


def _flatten(f: Function, counts: list, steps: list[list]) -> None:
    """Join axes, from the last one outwards, where the pixels of both operands go on at one distance."""
    for outer in (2, 1, 0):
        joined = None
        for side in steps:
            follows = side[outer] == side[3] * counts[3]
            joined = follows if joined is None else f.both(joined, follows)
        for inner in range(outer + 1, 3):
            joined = f.both(joined, counts[inner] == 1)
        counts[3] = f.select(joined, counts[3] * counts[outer], counts[3])
        counts[outer] = f.select(joined, f.min(counts[outer], 1), counts[outer])


def _emit_straight(k: Module, register: RegisterBlock, number: Type, result: Type) -> None:
    """Rows of the sums are rows of the result.

    for item (group, right part, panel), for row:  result[row][panel's columns] = Σ chunks sums[row][columns]
    """
    lanes = register.lanes
    with k.kernel("finish", finish_params(number, result)) as (f, p), f.dynamic_loop(p.next, p.items) as item:
        column, own, limit, sums, target = _finish_item(f, p, item, register.width)
        with f.loop(0, p.rows) as row:
            row_sums, line = sums[p.row_table[row].load() + own - column], target[row * p.group + own]
            first = [row_sums[v * lanes] for v in range(register.vectors)]
            totals = add_partial_sums(f, first, p.chunks, p.chunk_size, lanes, number)
            for v, total in enumerate(totals):
                line[v * lanes].store(total.to(result), mask=f.mask(limit - own - v * lanes, lanes, result))


def _emit_transposed(k: Module, register: RegisterBlock, number: Type, result: Type) -> None:
    """Rows of the sums are columns of the result: tiles are transposed in registers.

    for item (group, right part, panel), for lanes of its columns, for lanes rows:
        transpose;  result[column][rows] = the tile
    """
    lanes = register.lanes
    with k.kernel("finish", finish_params(number, result)) as (f, p), f.dynamic_loop(p.next, p.items) as item:
        column, own, limit, sums, target = _finish_item(f, p, item, register.width)
        with f.loop(0, register.width, lanes) as v, f.loop(0, p.rows, lanes) as row:
            first = [sums[p.row_table[row + r].load()][v] for r in range(lanes)]
            rows = add_partial_sums(f, first, p.chunks, p.chunk_size, lanes, number)
            mask = f.mask(p.rows - row, lanes, result)
            for r, value in enumerate(f.transpose(rows)):
                with f.if_(f.both(own <= column + v + r, column + v + r < limit)):
                    target[(column + v + r) * p.rows + row].store(value.to(result), mask=mask)


def _finish_item(f: Function, p: FinishFields, item: Value, width: int) -> tuple:
    """First column of the item, the first that is its own and the end of those (parts and panels that were moved back
    begin with another's), its sums, and the weight of its group."""
    rest, panel = divide(item, p.panels)
    group, part = divide(rest, p.parts)
    start = f.min(part * p.part, p.group - p.part)
    column = start + p.panel_table[panel].load()
    end = f.min(start + p.part, column + width)
    own = f.min(f.max(part * p.part, start + panel * width), end)
    return column, own, end, p.sums[item * p.item_size], p.result[group * p.result_group]
