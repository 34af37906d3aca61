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
from typing import TYPE_CHECKING

from ..language.ir import Function, Module, Params, Pointer, Type, Value, i64, ptr, vec
from ..language.loops import divide
from .microkernel import Microkernel, broadcast, lines, store, vectors

if TYPE_CHECKING:
    from ..plan.wgrad import RegisterBlock

_AXES = "ndhw"
_FRAME = 3 * len(_AXES)


def product_params(source: Type, number: Type, direct: bool) -> Params:
    """The words of `product`. `left_*` and `right_*` with an axis are the strides of one result step, in numbers.

    Of a packed operand these are the packed tile's, whose panels of `*_panel` channels lie `*_next` apart; of one that
    is read in place the array's. `*_image`, `*_group` and `*_channel` are always the array's. `direct` sums are the
    weight."""
    fields: dict[str, Type] = {"left": ptr(source), "right": ptr(source)}
    fields |= {"sums": ptr(source if direct else number), "scratch": ptr(number)}
    words = [
        "scratch_size",
        "left_size",
        "chunks",
        "groups",
        "right_parts",
        "left_parts",
        "tiles",
        "taps",
        "panels",
        "row",
        "weight",
    ]
    words += ["images", "blocks"]
    words += [f"{name}_{axis}" for name in ("out", "block", "count") for axis in _AXES]
    for side in ("left", "right"):
        words += [f"{side}_{axis}" for axis in _AXES]
        words += [
            f"{side}_image",
            f"{side}_group",
            f"{side}_channel",
            f"{side}_part",
            f"{side}_channels",
            f"{side}_pack",
            f"{side}_panel",
            f"{side}_next",
            f"{side}_extent",
        ]
    fields |= dict.fromkeys(words, i64)
    tables = [
        "tile_table",
        "tap_table",
        "taps_d",
        "taps_h",
        "taps_w",
        "panel_table",
        "left_descriptor",
        "right_descriptor",
    ]
    return Params(**fields, **dict.fromkeys(tables, ptr(i64)))


def finish_params(number: Type, result: Type) -> Params:
    """The words of `finish`: see `_emit_finish`."""
    words = ["items", "panels", "parts", "part", "group", "chunks", "chunk_size", "item_size", "rows", "result_group"]
    fields = {"sums": ptr(number), "result": ptr(result), **dict.fromkeys(words, i64)}
    return Params(**fields, row_table=ptr(i64), panel_table=ptr(i64))


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
                target_ = (
                    (chunk * p.groups + group) * p.right_parts + right_part
                ) * p.panels * p.left_parts + left_part
                p.here = p.sums[target_ * p.tiles * p.size]
                p.next_panel = p.left_parts * p.tiles * p.size
            begin, end = (chunk * p.blocks) // p.chunks, ((chunk + 1) * p.blocks) // p.chunks
            with f.loop(begin, end) as block:
                _emit_block(f, p, tile, packed, direct, block, block == begin, group, left_part, right_part)


def _emit_block(f, p, tile, packed, direct, block, first, group, left_part, right_part) -> None:  # noqa: ANN001
    rest, w = divide(block, p.count_w)
    rest, h = divide(rest, p.count_h)
    n, d = divide(rest, p.count_d)
    numbers = (n, d, h, w)
    origin = [number * getattr(p, f"block_{axis}") for number, axis in zip(numbers, _AXES)]
    extent = [f.min(getattr(p, f"block_{axis}"), getattr(p, f"out_{axis}") - o) for axis, o in zip(_AXES, origin)]
    operands, others = [], []
    for side, is_packed, scratch, part in (
        ("left", packed[0], p.scratch_left, left_part),
        ("right", packed[1], p.scratch_right, right_part),
    ):
        get = lambda name: getattr(p, f"{side}_{name}")  # noqa: B023, E731
        # The last part is moved back so that it is as long as the others.
        channel = f.min(part * get("part"), get("channels") - get("part"))
        if direct:
            p.here = p.here[channel * (p.row if side == "left" else 1)]
            others.append(part * get("part") - channel)
        start = getattr(p, side)[origin[0] * get("image") + group * get("group") + channel * get("channel")]
        if not is_packed:
            for o, axis in zip(origin[1:], _AXES[1:]):
                start = start[o * get(axis)]
            operands.append(start)
            continue
        with f.loop(0, extent[0]) as i, f.loop(0, get("part"), get("extent")) as c:
            # The last panel of a result's own tiles is moved back so that it is as long as the others.
            first_channel = f.min(c, get("part") - get("panel")) if direct else c
            packed_tile = scratch[i * get("n") + c // get("panel") * get("next")]
            source = start[i * get("image") + first_channel * get("channel")]
            count = f.min(get("extent"), get("part") - first_channel)
            f.call_address(get("pack"), get("descriptor"), source, packed_tile, *numbers[1:], count)
        operands.append(scratch)
    _emit_tiles(f, p, tile, packed, direct, operands, origin, extent, first, others)


def _emit_tiles(f, p, tile, packed, direct, operands, origin, extent, first, others) -> None:  # noqa: ANN001
    """All tiles of a block: for each panel of the right operand, tap by tap. Of a `direct` result the first rows and
    columns of a part are those of `others`, as many as the part was moved back."""
    with f.loop(0, p.panels) as panel:
        column = p.panel_table[panel].load()
        for i, count in enumerate(others):
            skipped = f.min(f.max(count - column, 0), p.tile_width) if i else count
            p.frame[_FRAME + i].store(skipped)
        right = operands[1][panel * p.right_next if packed[1] else column]
        tiles, sums = f.var(ptr(i64), p.tile_table), f.var(p.here.type, p.here)
        sums.value = p.here[column if direct else panel * p.next_panel]
        with f.loop(0, p.taps) as tap:
            entry = p.tap_table[tap * 4]
            left, across, counts = operands[0], right, [extent[0]]
            for index, axis in enumerate(_AXES[1:], 1):
                target_ = getattr(p, f"taps_{axis}")[entry[index - 1].load() * 3]
                begin = f.max(target_[1].load(), origin[index])
                counts.append(f.max(f.min(target_[2].load(), origin[index] + extent[index]) - begin, 0))
                moved = begin - origin[index]
                left = left[target_[0].load() + moved * getattr(p, f"left_{axis}")]
                across = across[moved * getattr(p, f"right_{axis}")]
            steps = [[getattr(p, f"{side}_{axis}") for axis in _AXES] for side in ("left", "right")]
            _flatten(f, counts, steps)
            for i, word in enumerate([*counts, *steps[0], *steps[1]]):
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


def _chunk_sums(f: Function, p, targets: list[Pointer], lanes: int, number: Type) -> list[Value]:  # noqa: ANN001
    """The sums at some offsets, chunk after chunk."""
    totals = [f.var(vec(number, lanes), target_.load(lanes)) for target_ in targets]
    with f.loop(1, p.chunks) as chunk:
        for total, target_ in zip(totals, targets):
            total.value = total.value + target_[chunk * p.chunk_size].load(lanes)
    return [total.value for total in totals]


def _emit_straight(k: Module, register: RegisterBlock, number: Type, result: Type) -> None:
    """Rows of the sums are rows of the result.

    for item (group, right part, panel), for row:  result[row][panel's columns] = Σ chunks sums[row][columns]
    """
    lanes = register.lanes
    with k.kernel("finish", finish_params(number, result)) as (f, p), f.dynamic_loop(p.next, p.items) as item:
        column, own, limit, sums, target = _finish_item(f, p, item, register.width)
        with f.loop(0, p.rows) as row:
            target_, line = sums[p.row_table[row].load() + own - column], target[row * p.group + own]
            totals = _chunk_sums(f, p, [target_[v * lanes] for v in range(register.vectors)], lanes, number)
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
            targets = [sums[p.row_table[row + r].load()][v] for r in range(lanes)]
            tiles = _chunk_sums(f, p, targets, lanes, number)
            mask = f.mask(p.rows - row, lanes, result)
            for r, value in enumerate(f.transpose(tiles)):
                with f.if_(f.both(own <= column + v + r, column + v + r < limit)):
                    target[(column + v + r) * p.rows + row].store(value.to(result), mask=mask)


def _finish_item(f: Function, p, item: Value, width: int) -> tuple:  # noqa: ANN001
    """First column of the item, the first that is its own and the end of those (parts and panels that were moved back
    begin with another's), its sums, and the weight of its group."""
    rest, panel = divide(item, p.panels)
    group, part = divide(rest, p.parts)
    start = f.min(part * p.part, p.group - p.part)
    column = start + p.panel_table[panel].load()
    end = f.min(start + p.part, column + width)
    own = f.min(f.max(part * p.part, start + panel * width), end)
    return column, own, end, p.sums[item * p.item_size], p.result[group * p.result_group]
