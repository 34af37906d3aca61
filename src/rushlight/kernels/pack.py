"""Packing: a block of the source as a dense band, whatever its layout, with its padding as zeros in place.

In: a `Bands` (how the three spatial axes of one problem fall into blocks and slots, from `plan.blocking`) and the
strides of an array. Out: `Gather`, the tables of one array as memory, and `emit_pack`, a function in a module that
fills a band from them. The product, lane and weight-gradient kernels then read

    band[slot_d][slot_h][slot_w][channel]      slot_w < slots_w, channel < channels of the chunk
    band + ((slot_d·slots_h + slot_h)·row + slot_w·pitch + channel)·size of an accumulator

`pitch` is the distance of neighbouring slots and `row` that of rows, in numbers, both chosen by the planner
(`row ≥ (slots_w + 1)·pitch`: the slot after the last of a row takes what nobody needs). For tap j of phase p of the
plan, block-relative result r lies in slot `slots.base[p][j] + r` of its axis. Numbers between the channels of the
chunk and `pitch` are undefined; slots that only results outside the problem would read are not written.

Calling it: `pack(job, source, band, block_d, block_h, block_w, channels)`. `job` is the address of the words of
`Gather.words`, `source` the array at its image and first channel, and the block numbers count from 0 along each axis.

How the source lies in memory decides which of five functions serves (`form_of`):
* rows: channels are neighbours (channels-last): every slot is a copy of a piece of memory;
* panels: the same into several bands `next` numbers apart, one for every `panel` channels, in one pass over the source
  (for the other forms that is a call a panel);
* columns: positions along w are neighbours (contiguous PyTorch layout): squares of lanes × lanes are turned in
  registers, and each position's vector of channels goes to its slot;
* across: the same where positions along h are neighbours, those along w are not (contiguous arrays whose axes have
  changed places: taps along depth alone);
* scattered: any strides, number by number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..language.ir import Function, Mask, Module, Params, Pointer, Value, i64, ptr, vec

if TYPE_CHECKING:
    from ..language.types import Type
    from ..plan.blocking import AxisBlocks, Bands

FORMS = ("rows", "panels", "columns", "across", "scattered")

# The words of a job. `places`, for each axis a pair a block: its line in the axis' table, and what its source offsets
# lie further on (blocks without padding share one line, so that tables are small whatever the size). A line is,
# along d and h, [slot]: the offset of the slot's source row in numbers, −1 for zeros, −2 where nobody needs it;
# along w `line` words:
#   panels, scattered: [slot] the same;
#   rows: [slot] the same; the first slot of a run whose sources are `pitch` apart as they are, and how many those are;
#   columns: first source offset, how many positions, how many zero slots, [slots_w] the zero slots' places in the
#   band's row, [position] the places of the positions, padded with that of the last one to whole vectors.
# Where panels may `overlap`, the last one is moved back so that it is as long as the others. `plane`, `row` and `pitch`
# are the distances of slots along d, h and w, `room` is what a slot has room for. Of `across`, h and w have changed
# places in all of these.
JOB = Params(
    slots_d=i64, slots_h=i64, slots_w=i64, plane=i64, row=i64, pitch=i64, room=i64, stride_c=i64, line=i64,
    table_d=ptr(i64), table_h=ptr(i64), table_w=ptr(i64),
    places_d=ptr(i64), places_h=ptr(i64), places_w=ptr(i64),
    panel=i64, next=i64, overlap=i64,
)  # fmt: skip

_SPARSE = 4
"""Positions that are read for nothing a needed one, from which on single numbers are cheaper than squares."""


_AHEAD = 12
"""Slots ahead of which the source's lines are asked for."""


class Gather:
    """The tables of one source array: `form` names the function, `words.ctypes.data` is its `job`.

    `strides` are those of d, h, w and the channels, in numbers. The image and the group are the caller's business.
    `panels`: the band is one panel of several, (channels of each, distance, whether they overlap)."""

    __slots__ = ("_tables", "address", "form", "words")

    def __init__(
        self, bands: Bands, strides: tuple[int, int, int, int], lanes: int, panels: tuple[int, int, int] | None = None
    ) -> None:
        self.form = form_of(bands, strides)
        if self.form == "rows" and panels and panels[0] >= lanes:
            self.form = "panels"
        slots = [len(axis.slots.coordinates) for axis in bands.axes]
        steps = [slots[1] * bands.row, bands.row, bands.pitch]
        clip = [True, self.form != "across", True]  # which has no room for what nobody needs
        lines = [axis_lines(*some) for some in zip(bands.axes, strides, clip)]
        sizes = [axis.size for axis in bands.axes]
        if self.form == "across":
            for rows in (lines, slots, steps, sizes):
                rows[1], rows[2] = rows[2], rows[1]
        tables, places = [table for table, _ in lines], [place for _, place in lines]
        if self.form in ("columns", "across"):
            tables[2] = columns_table(tables[2], sizes[2], steps[2], lanes)
        elif self.form == "rows":
            tables[2] = np.hstack([tables[2], runs(tables[2], bands.pitch, lanes)])
        self._tables = tables + places
        addresses = [table.ctypes.data for table in self._tables]
        packed = JOB.pack(
            *slots, *steps, bands.pitch, strides[3], tables[2].shape[1], *addresses, *(panels or (0, 0, 0))
        )
        self.words = np.frombuffer(packed, np.int64)
        self.address = self.words.ctypes.data


def form_of(bands: Bands, strides: tuple[int, int, int, int]) -> str:
    """Which pack function suits an array with these strides of d, h, w and channels."""
    _, stride_h, stride_w, stride_c = strides
    if stride_c == 1 or bands.channels == 1:
        return "rows"
    if stride_w == 1 and spread(bands.axes[2].slots.coordinates) < _SPARSE:
        return "columns"
    return "across" if stride_h == 1 and spread(bands.axes[1].slots.coordinates) == 1 else "scattered"


def spread(coordinates: tuple[int, ...]) -> float:
    """How many positions there are from the first to the last for each of them."""
    return (max(coordinates) - min(coordinates) + 1) / len(coordinates) if coordinates else 1


def axis_lines(axis: AxisBlocks, stride: int, clip: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """The lines of an axis, and for each block its line and its shift: −1 on the padding, −2 where not needed, which
    is told apart if asked to `clip`."""
    coordinates = np.array(axis.slots.coordinates, np.int64)
    starts = (axis.first + np.arange(axis.count, dtype=np.int64) * axis.block) * axis.slots.step
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
    places = np.zeros((axis.count, 2), np.int64)
    places[own, 0] = np.arange(len(own))
    places[whole, 0], places[whole, 1] = len(own), (starts[whole] + least) * stride
    return np.vstack([table, (coordinates - least) * stride]), places


def columns_table(offsets: np.ndarray, size: int, pitch: int, lanes: int) -> np.ndarray:
    """The lines of `columns` for an axis of `size` source positions that are neighbours in memory.

    Positions between others that nobody needs go to the spare slot (`across` has none, and needs all of them); those
    behind the last one, which fill a square, go where the last one goes after them."""
    used = offsets >= 0
    first = np.where(used, offsets, size).min(axis=1, initial=size)
    last = offsets.max(axis=1, initial=-1)
    counts = np.maximum(last + 1 - first, 0)
    slots = offsets.shape[1]
    table = np.full((len(offsets), 3 + slots + counts.max(initial=0) + lanes), slots * pitch, np.int64)
    table[:, 0], table[:, 1], table[:, 2] = np.minimum(first, size - 1), counts, (offsets == -1).sum(axis=1)
    line, slot = np.nonzero(offsets == -1)
    table[line, 3 + (np.cumsum(offsets == -1, axis=1) - 1)[line, slot]] = slot * pitch
    line, slot = np.nonzero(used)
    table[line, 3 + slots + offsets[line, slot] - first[line]] = slot * pitch
    ends = 3 + slots + counts[:, None]
    return np.where(np.arange(table.shape[1]) < ends, table, np.take_along_axis(table, ends - 1, axis=1))


def runs(offsets: np.ndarray, pitch: int, lanes: int) -> np.ndarray:
    """Of each line the first run of slots whose sources are `pitch` apart: where it begins, and how long it is.

    >>> runs(np.array([[-1, 0, 8, 16, -2], [0, 3, 6, 9, 12]]), 8, 8)
    array([[1, 3],
           [0, 0]])
    """
    found = np.zeros((len(offsets), 2), np.int64)
    for line, follows in zip(found, (offsets[:, :-1] >= 0) & (np.diff(offsets) == pitch)):
        if follows.any():
            begin = int(follows.argmax())
            stops = np.flatnonzero(~follows[begin:])
            count = 1 + (int(stops[0]) if len(stops) else len(follows) - begin)
            line[:] = (begin, count) if count * pitch >= lanes else 0  # vectors at least: the last one overlaps
    return found


# -------------------------------------------------------------------- machine code


def emit_pack(k: Module, form: str, source: Type, number: Type, export: bool = False) -> Function:
    """The pack function for sources of type `source` and bands of type `number` (halves are widened)."""
    signature = [
        ("job", ptr(i64)), ("source", ptr(source)), ("band", ptr(number)),
        ("block_d", i64), ("block_h", i64), ("block_w", i64), ("channels", i64),
    ]  # fmt: skip
    body = _BODIES["columns" if form == "across" else form]
    name = f"pack_{form}_{source.name}_{number.name}"
    with k.function(name, signature, inline=False, export=export) as made:
        f, job, source_, band, block_d, block_h, block_w, channels = made
        if form == "across":
            block_h, block_w = block_w, block_h
        p = JOB.read(f, job)
        p.number, p.lanes, p.channels, p.band = number, k.lanes(number), channels, band
        places = [p.places_d[block_d * 2], p.places_h[block_h * 2], p.places_w[block_w * 2]]
        line_d, line_h, line_w = (place[0].load() for place in places)
        p.source = source_[places[0][1].load() + places[1][1].load() + places[2][1].load()]
        p.left = channels % p.lanes  # of the last, partial vector of channels, whose masks are made once
        p.tail, p.source_tail = (f.mask(p.left, p.lanes, of) for of in (number, source))
        p.table_d = p.table_d[line_d * p.slots_d]
        p.table_h = p.table_h[line_h * p.slots_h]
        p.table_w = p.table_w[line_w * p.line]
        body(f, p)
    return f


def _each_row(f: Function, p, fill, clear) -> None:  # noqa: ANN001
    """For every row of the band: `fill(source row, band row)`, or `clear(band row)` on the padding."""
    with f.loop(0, p.slots_d) as d:
        from_d = p.table_d[d].load()
        plane = p.band[d * p.plane]
        with f.loop(0, p.slots_h) as h:
            from_h, line = p.table_h[h].load(), plane[h * p.row]
            skipped = f.min(from_d, from_h)
            with f.if_(skipped >= 0):
                fill(p.source[from_d + from_h], line)
            with f.if_(skipped == -1):
                clear(line)


def _vectors(f: Function, p, body) -> None:  # noqa: ANN001
    """`body(channel, partial)` for whole vectors of channels, then for what is left."""
    whole = p.channels - p.left
    with f.loop(0, whole, p.lanes) as c:
        body(c, False)
    with f.if_(p.left > 0):
        body(whole, True)


def _clear_slot(f: Function, p, slot: Pointer) -> None:  # noqa: ANN001
    zero = f.const(vec(p.number, p.lanes), 0.0)
    _vectors(f, p, lambda c, partial: slot[c].store(zero, mask=p.tail if partial else None))


def _clear_row(f: Function, p, line: Pointer) -> None:  # noqa: ANN001
    with f.loop(0, p.slots_w) as j:
        _clear_slot(f, p, line[j * p.pitch])


def _pack_rows(f: Function, p) -> None:  # noqa: ANN001
    """for each slot:  band[slot][0:channels] = source[position of the slot][0:channels]

    A run of slots that lie in the source as in the band is one copy."""
    dense = p.channels == p.pitch
    begin, count = (f.select(dense, p.table_w[p.slots_w + i].load(), 0) for i in (0, 1))

    def fill(source: Pointer, line: Pointer) -> None:
        with f.if_(count > 0):
            last = count * p.pitch - p.lanes
            start, to = source[p.table_w[begin].load()], line[begin * p.pitch]
            with f.loop(0, last, p.lanes) as i:
                to[i].store(start[i].load(p.lanes).to(p.number))
            to[last].store(start[last].load(p.lanes).to(p.number))
        with f.loop(0, p.slots_w - count) as i:
            j = f.select(i < begin, i, i + count)
            offset, slot = p.table_w[j].load(), line[j * p.pitch]
            # The channels of one group are a line or two, far from the next slot's.
            later = p.table_w[f.min(j + _AHEAD, p.slots_w - 1)].load()
            source[f.max(later, 0)].prefetch()
            with f.if_(offset >= 0):
                _copy(f, p, source[offset], slot)
            with f.if_(offset == -1):
                _clear_slot(f, p, slot)

    _each_row(f, p, fill, lambda line: _clear_row(f, p, line))


def _copy(f: Function, p, source: Pointer, slot: Pointer) -> None:  # noqa: ANN001
    def move(c: Value, partial: bool) -> None:
        value = source[c].load(p.lanes, mask=p.source_tail if partial else None).to(p.number)
        slot[c].store(value, mask=p.tail if partial else None)

    _vectors(f, p, move)


def _pack_panels(f: Function, p) -> None:  # noqa: ANN001
    """for each slot, each panel:  bands[panel][slot][0:panel] = source[position of the slot][panel's channels]

    A panel is a vector wide at least, and slots have room for whole vectors."""
    lanes = p.lanes
    whole, panels = (p.panel + (lanes - 1)) // lanes * lanes, f.ceil_div(p.channels, p.panel)
    zero = f.const(vec(p.number, lanes), 0.0)
    most = f.select(p.overlap != 0, p.channels - p.panel, p.channels)
    # Panels that are copied as whole vectors, whatever follows their channels.
    plain = f.select(p.channels >= whole, f.min((p.channels - whole) // p.panel + 1, panels), 0)

    def each(slot: Pointer, body) -> None:  # noqa: ANN001
        """`body(channel, place, mask of the source)` for every vector of every panel; junk may follow the channels."""
        with f.loop(plain, panels) as panel:
            first, place = f.min(panel * p.panel, most), slot[panel * p.next]
            there = p.channels - first
            full = f.select(there >= whole, p.panel, f.min(p.panel, there) // lanes * lanes)
            with f.loop(0, full, lanes) as i:
                body(first + i, place[i], None)
            with f.if_(full < f.min(p.panel, there)):
                body(first + full, place[full], f.mask(there - full, lanes, p.source.of))

    def copy(start: Pointer, slot: Pointer) -> None:
        source, place = f.var(start.type, start), f.var(slot.type, slot)
        with f.loop(0, plain):
            here, there = source.value, place.value
            with f.loop(0, whole, lanes, sure=True) as i:
                there[i].store(here[i].load(lanes).to(p.number))
            source.value, place.value = here[p.panel], there[p.next]
        each(slot, lambda c, place, mask: place.store(start[c].load(lanes, mask=mask).to(p.number)))

    def clear(slot: Pointer) -> None:
        with f.loop(0, plain) as panel, f.loop(0, whole, lanes, sure=True) as i:
            slot[panel * p.next][i].store(zero)
        each(slot, lambda c, place, mask: place.store(zero))

    def fill(source: Pointer, line: Pointer) -> None:
        with f.loop(0, p.slots_w) as j:
            offset, slot = p.table_w[j].load(), line[j * p.pitch]
            with f.if_(offset >= 0):
                copy(source[offset], slot)
            with f.if_(offset == -1):
                clear(slot)

    def clear_row(line: Pointer) -> None:
        with f.loop(0, p.slots_w) as j:
            clear(line[j * p.pitch])

    _each_row(f, p, fill, clear_row)


def _pack_scattered(f: Function, p) -> None:  # noqa: ANN001
    """for each slot, each channel:  band[slot][c] = source[position of the slot + c·stride_c]"""

    def fill(source: Pointer, line: Pointer) -> None:
        with f.loop(0, p.slots_w) as j:
            offset, slot = p.table_w[j].load(), line[j * p.pitch]
            with f.if_(offset >= 0), f.loop(0, p.channels) as c:
                slot[c].store(source[offset + c * p.stride_c].load().to(p.number))
            with f.if_(offset == -1):
                _clear_slot(f, p, slot)

    _each_row(f, p, fill, lambda line: _clear_row(f, p, line))


def _pack_columns(f: Function, p) -> None:  # noqa: ANN001
    """for lanes channels × lanes positions:  turn the square;  band[place of the position][channels] = its vector

    Channels are the outer loop, so that each channel's rows are read in the order of memory."""
    p.places, p.count, p.zeros = p.table_w[p.slots_w + 3], p.table_w[1].load(), p.table_w[2].load()
    p.first = p.table_w[0].load()
    p.last, p.here = f.max(p.count - p.lanes, 0), f.mask(p.count, p.lanes, p.source.of)

    def clear(line: Pointer) -> None:
        _clear_row(f, p, line)

    def squares(c: Value | int, rows: int, mask: Mask | None) -> None:
        def fill(source: Pointer, line: Pointer) -> None:
            _turn(f, p, source[p.first], line[c], c, rows, mask)

        _each_row(f, p, fill, lambda line: None)

    def pad(source: Pointer, line: Pointer) -> None:
        with f.loop(0, p.zeros) as z:
            _clear_slot(f, p, line[p.table_w[z + 3].load()])

    _each_row(f, p, pad, clear)
    # Junk may follow the last channels where a slot has room for a whole vector; else few are stored at a time.
    whole, few = p.channels - p.left, min(4, p.lanes)
    stop = f.select(p.room >= whole + p.lanes, p.channels, whole)
    with f.loop(0, stop, p.lanes) as c:
        squares(c, p.lanes, None)
    with f.loop(stop, p.channels, few) as c:
        squares(c, few, f.mask(f.min(p.channels - c, few), p.lanes, p.number))


def _turn(f: Function, p, source: Pointer, line: Pointer, c: Value, rows: int, mask: Mask | None) -> None:  # noqa: ANN001
    """One row of the band, `rows` channels from c on; the chunk's last channel stands in for those beyond it.

    The last square is moved back to where it is whole, so that only rows shorter than a square need their mask. Such a
    row's last position is stored after what fills the square behind it. The next channels are asked for meanwhile."""
    lanes = p.lanes
    starts = [source[f.min(c + r, p.channels - 1) * p.stride_c] for r in range(rows)]
    ahead = f.select(c + 2 * rows <= p.channels, p.stride_c * rows, 0)
    with f.loop(0, p.count, lanes) as counter:
        i = f.min(counter, p.last)
        for start in starts:
            start[i + ahead].prefetch()
        turned = f.transpose([start[i].load(lanes, mask=p.here).to(p.number) for start in starts])
        if mask is None:
            for lane, value in reversed(list(enumerate(turned))):
                line[p.places[i + lane].load()].store(value)
        else:
            kept = f.local(p.number, lanes * lanes)
            for lane, value in enumerate(turned):
                kept[lane * lanes].store(value)
            with f.loop(0, lanes) as count:
                lane = lanes - 1 - count
                line[p.places[i + lane].load()].store(kept[lane * lanes].load(lanes), mask=mask)


_BODIES = {"rows": _pack_rows, "panels": _pack_panels, "columns": _pack_columns, "scattered": _pack_scattered}
