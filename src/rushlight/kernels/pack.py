"""Packing: a block of the source as a dense packed tile, whatever its layout, with its padding as zeros in it.

In: a `PackedTiles` (how the three spatial axes of one problem fall into blocks and packed indices, from
`plan.blocking`) and the strides of an array. Out: `Gather`, the tables of one array as memory, and `emit_pack`, a
function in a module that fills a packed tile from them. The product, depthwise and weight-gradient kernels then read

    packed_tile[d][h][w][channel]      w < packed_w, channel < channels of the chunk
    packed_tile + ((d·packed_h + h)·row + w·leading_dimension + channel)·size of an accumulator

`leading_dimension` is the distance of neighbouring packed indices and `row` that of rows, in numbers, both chosen by
the planner (`row ≥ (packed_w + 1)·leading_dimension`: the packed index after the last of a row takes what nobody
needs). For tap j of phase p of the plan, block-relative result r lies in packed index `packing.base[p][j] + r` of its
axis. Numbers between the channels of the chunk and `leading_dimension` are undefined; packed indices that only results
outside the problem would read are not written.

Calling it: `pack(descriptor, source, packed_tile, block_d, block_h, block_w, channels)`. `descriptor` is the address of
the words of `Gather.words`, `source` the array at its image and first channel, and the block numbers count from 0 along
each axis.

How the source lies in memory decides which of five functions serves (`form_of`):
* rows: channels are neighbours (channels-last): every packed index is a copy of a piece of memory;
* panels: the same into several packed tiles with a stride of `panel_step`, one for every `panel` channels, in one pass
  over the source (for the other forms that is a call a panel);
* columns: positions along w are neighbours (contiguous PyTorch layout): tiles of lanes × lanes are transposed in
  registers, and each position's vector of channels goes to its packed index;
* across: the same where positions along h are neighbours, those along w are not (contiguous arrays whose axes are
  exchanged: taps along depth alone);
* scattered: any strides, number by number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..language.ir import (
    Axes,
    AxisTables,
    Fields,
    Function,
    Mask,
    Module,
    Params,
    Pointer,
    Value,
    Word,
    i64,
    ptr,
    vec,
)
from .transpose import tile_rows, transpose_tile

if TYPE_CHECKING:
    from ..language.types import Type
    from ..plan.blocking import AxisBlocks, PackedTiles

FORMS = ("rows", "panels", "columns", "across", "scattered")


class DescriptorFields(Fields):
    """The words of a descriptor.

    `block_table`, for each axis a pair a block: its line in the axis' table, and what its source offsets lie further on
    (blocks without padding share one line, so that tables are small whatever the size). A line is, along d and h,
    [index]: the offset of the packed index's source row in numbers, −1 for zeros, −2 where nobody needs it; along w
    `line` words:
      panels, scattered: [index] the same;
      rows: [index] the same; of a run whose sources have the stride `leading_dimension`, the first and how many;
      columns: first source offset, how many positions, how many zeros, [packed.w] the offsets of the zeros in the row
      of the packed tile, [position] the offsets of the positions, padded with that of the last one to whole vectors.
    Where panels may `overlap`, the last one is moved back so that it is as long as the others. `plane`, `row` and
    `leading_dimension` are the distances of packed indices along d, h and w, `room` is what a packed index has room
    for. Of `across`, h and w are exchanged in all of these.
    """

    packed: Axes
    plane: Word
    row: Word
    leading_dimension: Word
    room: Word
    stride_c: Word
    line: Word
    table: AxisTables
    block_table: AxisTables
    panel: Word
    panel_step: Word
    overlap: Word

    # Beside the words, while the kernel is emitted.
    number: Type
    lanes: int
    channels: Value
    source: Pointer
    packed_tile: Pointer
    left: Value
    tail: Mask
    source_tail: Mask
    offsets: Pointer
    count: Value
    zeros: Value
    first: Value
    last: Value
    here: Mask


DESCRIPTOR = Params(DescriptorFields)


_SPARSE = 4
"""Positions that are read for nothing a needed one, from which on single numbers are cheaper than tiles."""


_PREFETCH_DISTANCE = 12
"""Packed indices from what is copied to what is prefetched."""


class Gather:
    """The tables of one source array: `form` names the function, `words.ctypes.data` is its `descriptor`.

    `strides` are those of d, h, w and the channels, in numbers. The image and the group are the caller's business.
    `panels`: the packed tile is one panel of several, (channels of each, distance, whether they overlap)."""

    __slots__ = ("_tables", "address", "form", "words")

    def __init__(
        self,
        packed_tiles: PackedTiles,
        strides: tuple[int, int, int, int],
        lanes: int,
        panels: tuple[int, int, int] | None = None,
    ) -> None:
        self.form = form_of(packed_tiles, strides)
        if self.form == "rows" and panels and panels[0] >= lanes:
            self.form = "panels"
        extents = [len(axis.packing.coordinates) for axis in packed_tiles.axes]
        steps = [extents[1] * packed_tiles.row, packed_tiles.row, packed_tiles.leading_dimension]
        clip = [True, self.form != "across", True]  # which has no room for what nobody needs
        lines = [axis_lines(*some) for some in zip(packed_tiles.axes, strides, clip)]
        sizes = [axis.size for axis in packed_tiles.axes]
        if self.form == "across":
            for rows in (lines, extents, steps, sizes):
                rows[1], rows[2] = rows[2], rows[1]
        tables, block_tables = [table for table, _ in lines], [table for _, table in lines]
        if self.form in ("columns", "across"):
            tables[2] = columns_table(tables[2], sizes[2], steps[2], lanes)
        elif self.form == "rows":
            tables[2] = np.hstack([tables[2], runs(tables[2], packed_tiles.leading_dimension, lanes)])
        self._tables = tables + block_tables
        panel, panel_step, overlap = panels or (0, 0, 0)
        packed = DESCRIPTOR.pack(
            packed=extents, plane=steps[0], row=steps[1], leading_dimension=steps[2],
            room=packed_tiles.leading_dimension, stride_c=strides[3], line=tables[2].shape[1],
            table=tables, block_table=block_tables, panel=panel, panel_step=panel_step, overlap=overlap,
        )  # fmt: skip
        self.words = np.frombuffer(packed, np.int64)
        self.address = self.words.ctypes.data


def form_of(packed_tiles: PackedTiles, strides: tuple[int, int, int, int]) -> str:
    """Which pack function suits an array with these strides of d, h, w and channels."""
    _, stride_h, stride_w, stride_c = strides
    if stride_c == 1 or packed_tiles.channels == 1:
        return "rows"
    if stride_w == 1 and sparsity(packed_tiles.axes[2].packing.coordinates) < _SPARSE:
        return "columns"
    return "across" if stride_h == 1 and sparsity(packed_tiles.axes[1].packing.coordinates) == 1 else "scattered"


def sparsity(coordinates: tuple[int, ...]) -> float:
    """How many positions there are from the first to the last for each of them."""
    return (max(coordinates) - min(coordinates) + 1) / len(coordinates) if coordinates else 1


def axis_lines(axis: AxisBlocks, stride: int, clip: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """The lines of an axis, and for each block its line and its shift: −1 on the padding, −2 where not needed, which
    is distinguished if told to `clip`."""
    coordinates = np.array(axis.packing.coordinates, np.int64)
    starts = (axis.first + np.arange(axis.count, dtype=np.int64) * axis.block) * axis.packing.step
    clipped = dict(axis.clipped()) if clip else {}
    least, most = (coordinates.min(), coordinates.max()) if len(coordinates) else (0, 0)
    whole = (starts + least >= 0) & (starts + most < axis.size)
    whole[list(clipped)] = False
    own = np.flatnonzero(~whole)
    absolute = starts[own, None] + coordinates
    table = np.where((absolute >= 0) & (absolute < axis.size), absolute * stride, -1)
    for line, block in enumerate(own):
        if block in clipped:
            table[line, ~np.isin(np.arange(len(coordinates)), list(clipped[block]))] = -2
    block_table = np.zeros((axis.count, 2), np.int64)
    block_table[own, 0] = np.arange(len(own))
    block_table[whole, 0], block_table[whole, 1] = len(own), (starts[whole] + least) * stride
    return np.vstack([table, (coordinates - least) * stride]), block_table


def columns_table(offsets: np.ndarray, size: int, leading_dimension: int, lanes: int) -> np.ndarray:
    """The lines of `columns` for an axis of `size` source positions that are neighbours in memory.

    Positions between others that nobody needs go to the spare packed index (`across` has none, and needs all of them);
    those behind the last one, which fill a tile, go where the last one goes after them."""
    used = offsets >= 0
    first = np.where(used, offsets, size).min(axis=1, initial=size)
    last = offsets.max(axis=1, initial=-1)
    counts = np.maximum(last + 1 - first, 0)
    count = offsets.shape[1]
    table = np.full((len(offsets), 3 + count + counts.max(initial=0) + lanes), count * leading_dimension, np.int64)
    table[:, 0], table[:, 1], table[:, 2] = np.minimum(first, size - 1), counts, (offsets == -1).sum(axis=1)
    line, index = np.nonzero(offsets == -1)
    table[line, 3 + (np.cumsum(offsets == -1, axis=1) - 1)[line, index]] = index * leading_dimension
    line, index = np.nonzero(used)
    table[line, 3 + count + offsets[line, index] - first[line]] = index * leading_dimension
    ends = 3 + count + counts[:, None]
    return np.where(np.arange(table.shape[1]) < ends, table, np.take_along_axis(table, ends - 1, axis=1))


def runs(offsets: np.ndarray, leading_dimension: int, lanes: int) -> np.ndarray:
    """Of each line the first run of packed indices whose sources have the stride `leading_dimension`: where it begins,
    and how long it is.

    >>> runs(np.array([[-1, 0, 8, 16, -2], [0, 3, 6, 9, 12]]), 8, 8)
    array([[1, 3],
           [0, 0]])
    """
    found = np.zeros((len(offsets), 2), np.int64)
    for line, follows in zip(found, (offsets[:, :-1] >= 0) & (np.diff(offsets) == leading_dimension)):
        if follows.any():
            begin = int(follows.argmax())
            stops = np.flatnonzero(~follows[begin:])
            count = 1 + (int(stops[0]) if len(stops) else len(follows) - begin)
            line[:] = (
                (begin, count) if count * leading_dimension >= lanes else 0
            )  # vectors at least: the last one overlaps
    return found


# -------------------------------------------------------------------- machine code


def emit_pack(k: Module, form: str, source: Type, number: Type, export: bool = False) -> Function:
    """The pack function for sources of type `source` and packed tiles of type `number` (halves are widened)."""
    signature = [
        ("descriptor", ptr(i64)), ("source", ptr(source)), ("packed_tile", ptr(number)),
        ("block_d", i64), ("block_h", i64), ("block_w", i64), ("channels", i64),
    ]  # fmt: skip
    body = _BODIES["columns" if form == "across" else form]
    name = f"pack_{form}_{source.name}_{number.name}"
    with k.function(name, signature, inline=False, export=export) as made:
        f, descriptor, source_, packed_tile, block_d, block_h, block_w, channels = made
        if form == "across":
            block_h, block_w = block_w, block_h
        p = DESCRIPTOR.read(f, descriptor)
        p.number, p.lanes, p.channels, p.packed_tile = number, k.lanes(number), channels, packed_tile
        entries = [p.block_table.d[block_d * 2], p.block_table.h[block_h * 2], p.block_table.w[block_w * 2]]
        line_d, line_h, line_w = (entry[0].load() for entry in entries)
        p.source = source_[entries[0][1].load() + entries[1][1].load() + entries[2][1].load()]
        p.left = channels % p.lanes  # of the last, partial vector of channels, whose masks are made once
        p.tail, p.source_tail = (f.mask(p.left, p.lanes, of) for of in (number, source))
        p.table = AxisTables(p.table.d[line_d * p.packed.d], p.table.h[line_h * p.packed.h], p.table.w[line_w * p.line])
        body(f, p)
    return f


def _each_row(f: Function, p: DescriptorFields, fill, clear) -> None:  # noqa: ANN001
    """For every row of the packed tile: `fill(source row, packed_tile row)`, or `clear(packed_tile row)` on the
    padding."""
    with f.loop(0, p.packed.d) as d:
        from_d = p.table.d[d].load()
        plane = p.packed_tile[d * p.plane]
        with f.loop(0, p.packed.h) as h:
            from_h, line = p.table.h[h].load(), plane[h * p.row]
            skipped = f.min(from_d, from_h)
            with f.if_(skipped >= 0):
                fill(p.source[from_d + from_h], line)
            with f.if_(skipped == -1):
                clear(line)


def _vectors(f: Function, p: DescriptorFields, body) -> None:  # noqa: ANN001
    """`body(channel, partial)` for whole vectors of channels, then for what is left."""
    whole = p.channels - p.left
    with f.loop(0, whole, p.lanes) as c:
        body(c, False)
    with f.if_(p.left > 0):
        body(whole, True)


def _clear_pixel(f: Function, p: DescriptorFields, pixel: Pointer) -> None:
    zero = f.const(vec(p.number, p.lanes), 0.0)
    _vectors(f, p, lambda c, partial: pixel[c].store(zero, mask=p.tail if partial else None))


def _clear_row(f: Function, p: DescriptorFields, line: Pointer) -> None:
    with f.loop(0, p.packed.w) as j:
        _clear_pixel(f, p, line[j * p.leading_dimension])


def _pack_rows(f: Function, p: DescriptorFields) -> None:
    """for each packed index:  packed tile[index][0:channels] = source[position of the packed index][0:channels]

    A run of packed indices that lie in the source as in the packed tile is one copy."""
    dense = p.channels == p.leading_dimension
    begin, count = (f.select(dense, p.table.w[p.packed.w + i].load(), 0) for i in (0, 1))

    def fill(source: Pointer, line: Pointer) -> None:
        with f.if_(count > 0):
            last = count * p.leading_dimension - p.lanes
            start, to = source[p.table.w[begin].load()], line[begin * p.leading_dimension]
            with f.loop(0, last, p.lanes) as i:
                to[i].store(start[i].load(p.lanes).to(p.number))
            to[last].store(start[last].load(p.lanes).to(p.number))
        with f.loop(0, p.packed.w - count) as i:
            j = f.select(i < begin, i, i + count)
            offset, pixel = p.table.w[j].load(), line[j * p.leading_dimension]
            # The channels of one group are a line or two, far from the next pixel's.
            later = p.table.w[f.min(j + _PREFETCH_DISTANCE, p.packed.w - 1)].load()
            source[f.max(later, 0)].prefetch()
            with f.if_(offset >= 0):
                _copy(f, p, source[offset], pixel)
            with f.if_(offset == -1):
                _clear_pixel(f, p, pixel)

    _each_row(f, p, fill, lambda line: _clear_row(f, p, line))


def _copy(f: Function, p: DescriptorFields, source: Pointer, pixel: Pointer) -> None:
    def move(c: Value, partial: bool) -> None:
        value = source[c].load(p.lanes, mask=p.source_tail if partial else None).to(p.number)
        pixel[c].store(value, mask=p.tail if partial else None)

    _vectors(f, p, move)


def _pack_panels(f: Function, p: DescriptorFields) -> None:
    """for each packed index, panel:  packed_tile[panel][index][0:panel] = source[its position][channels of the panel]

    A panel is a vector wide at least, and packed indices have room for whole vectors."""
    lanes = p.lanes
    whole, panels = (p.panel + (lanes - 1)) // lanes * lanes, f.ceil_div(p.channels, p.panel)
    zero = f.const(vec(p.number, lanes), 0.0)
    most = f.select(p.overlap != 0, p.channels - p.panel, p.channels)
    # Panels that are copied as whole vectors, whatever follows their channels.
    plain = f.select(p.channels >= whole, f.min((p.channels - whole) // p.panel + 1, panels), 0)

    def each(pixel: Pointer, body) -> None:  # noqa: ANN001
        """`body(channel, target, mask of the source)` for every vector of every panel; junk may follow the channels."""
        with f.loop(plain, panels) as panel:
            first, target = f.min(panel * p.panel, most), pixel[panel * p.panel_step]
            there = p.channels - first
            full = f.select(there >= whole, p.panel, f.min(p.panel, there) // lanes * lanes)
            with f.loop(0, full, lanes) as i:
                body(first + i, target[i], None)
            with f.if_(full < f.min(p.panel, there)):
                body(first + full, target[full], f.mask(there - full, lanes, p.source.of))

    def copy(start: Pointer, pixel: Pointer) -> None:
        source, target = f.var(start.type, start), f.var(pixel.type, pixel)
        with f.loop(0, plain):
            here, there = source.value, target.value
            with f.loop(0, whole, lanes, sure=True) as i:
                there[i].store(here[i].load(lanes).to(p.number))
            source.value, target.value = here[p.panel], there[p.panel_step]
        each(pixel, lambda c, target, mask: target.store(start[c].load(lanes, mask=mask).to(p.number)))

    def clear(pixel: Pointer) -> None:
        with f.loop(0, plain) as panel, f.loop(0, whole, lanes, sure=True) as i:
            pixel[panel * p.panel_step][i].store(zero)
        each(pixel, lambda c, target, mask: target.store(zero))

    def fill(source: Pointer, line: Pointer) -> None:
        with f.loop(0, p.packed.w) as j:
            offset, pixel = p.table.w[j].load(), line[j * p.leading_dimension]
            with f.if_(offset >= 0):
                copy(source[offset], pixel)
            with f.if_(offset == -1):
                clear(pixel)

    def clear_row(line: Pointer) -> None:
        with f.loop(0, p.packed.w) as j:
            clear(line[j * p.leading_dimension])

    _each_row(f, p, fill, clear_row)


def _pack_scattered(f: Function, p: DescriptorFields) -> None:
    """for each packed index, each channel:  packed_tile[index][c] = source[its position + c·stride_c]"""

    def fill(source: Pointer, line: Pointer) -> None:
        with f.loop(0, p.packed.w) as j:
            offset, pixel = p.table.w[j].load(), line[j * p.leading_dimension]
            with f.if_(offset >= 0), f.loop(0, p.channels) as c:
                pixel[c].store(source[offset + c * p.stride_c].load().to(p.number))
            with f.if_(offset == -1):
                _clear_pixel(f, p, pixel)

    _each_row(f, p, fill, lambda line: _clear_row(f, p, line))


def _pack_columns(f: Function, p: DescriptorFields) -> None:
    """for lanes channels × lanes positions:  transpose;  packed_tile[offset of the position][channels] = its vector

    Channels are the outer loop, so that each channel's rows are read in the order of memory."""
    p.offsets, p.count, p.zeros = p.table.w[p.packed.w + 3], p.table.w[1].load(), p.table.w[2].load()
    p.first = p.table.w[0].load()
    p.last, p.here = f.max(p.count - p.lanes, 0), f.mask(p.count, p.lanes, p.source.of)

    def clear(line: Pointer) -> None:
        _clear_row(f, p, line)

    def tiles(c: Value | int, rows: int, mask: Mask | None) -> None:
        def fill(source: Pointer, line: Pointer) -> None:
            _pack_tile(f, p, source[p.first], line[c], c, rows, mask)

        _each_row(f, p, fill, lambda line: None)

    def pad(source: Pointer, line: Pointer) -> None:
        with f.loop(0, p.zeros) as z:
            _clear_pixel(f, p, line[p.table.w[z + 3].load()])

    _each_row(f, p, pad, clear)
    # Junk may follow the last channels where a packed index has room for a whole vector; else few are stored at a time.
    whole, few = p.channels - p.left, min(4, p.lanes)
    stop = f.select(p.room >= whole + p.lanes, p.channels, whole)
    with f.loop(0, stop, p.lanes) as c:
        tiles(c, p.lanes, None)
    with f.loop(stop, p.channels, few) as c:
        tiles(c, few, f.mask(f.min(p.channels - c, few), p.lanes, p.number))


def _pack_tile(
    f: Function, p: DescriptorFields, source: Pointer, line: Pointer, c: Value, rows: int, mask: Mask | None
) -> None:
    """One row of the packed tile, `rows` channels from c on; the chunk's last channel stands in for those beyond it.

    The last tile is moved back to where it is whole, so that only rows shorter than a tile need their mask. Such a
    row's last position is stored after what fills the tile behind it. The next channels are prefetched meanwhile."""
    lanes = p.lanes
    starts = tile_rows(f, source, c, p.channels, p.stride_c, rows)
    prefetch = f.select(c + 2 * rows <= p.channels, p.stride_c * rows, 0)
    with f.loop(0, p.count, lanes) as counter:
        i = f.min(counter, p.last)
        for start in starts:
            start[i + prefetch].prefetch()
        transposed = transpose_tile(f, starts, i, lanes, p.number, p.here)
        if mask is None:
            for lane, value in reversed(list(enumerate(transposed))):
                line[p.offsets[i + lane].load()].store(value)
        else:
            kept = f.local(p.number, lanes * lanes)
            for lane, value in enumerate(transposed):
                kept[lane * lanes].store(value)
            with f.loop(0, lanes) as count:
                lane = lanes - 1 - count
                line[p.offsets[i + lane].load()].store(kept[lane * lanes].load(lanes), mask=mask)


_BODIES = {"rows": _pack_rows, "panels": _pack_panels, "columns": _pack_columns, "scattered": _pack_scattered}
