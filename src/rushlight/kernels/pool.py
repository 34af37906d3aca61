"""Pooling: the maxima with their winners, the gradient's scatter to them, and averages.

In: arrays whose channels, or whose positions along the last axis, are neighbours in memory, and tables of which entries
each result position reads (`plan.pool`). Out: one kernel each. A result is computed by one thread, its entries in the
order of the taps, so any team gives the same bits. Subnormals are kept.

    for images, rows of results, dynamically, positions, blocks of channels:
        for taps (d, h, w) of the position's lists:  best, winner = the better of (best, x[entry])
                                                     or sum += x[entry], and at last sum / divisor[position]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..language.ir import (
    Array,
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
    i8,
    i32,
    i64,
    vec,
)
from ..language.loops import divide

MOST = 4
"""Vectors of channels under way at once."""

FEW = 2
"""Vectors under way where there are no more than this many."""

ROWS = 4
"""Rows of a plane that a thread takes at once."""


class PoolFields(Fields):
    """The words of `pool`. `to_image`, … are the strides of results, `from_image`, … of entries; `winners` lie as what
    they belong to does. For planes, windows from `begin` to `end` of a row lie inside, with a stride of `step`
    entries. `divisors` has a number for each position of a plane of results, for averages."""

    source: Array
    result: Array
    winners: Array
    depths: Table
    heights: Table
    widths: Table
    images: Word
    channels: Word
    depth: Word
    height: Word
    width: Word
    from_image: Word
    from_channel: Word
    to_image: Word
    to_channel: Word
    to_depth: Word
    to_height: Word
    to_width: Word
    begin: Word
    end: Word
    step: Word
    divisors: Array

    # Beside the words, while the kernel is emitted.
    number: Type
    winner: Type
    lanes: int
    wanted: bool


def pool_params(number: Type, winner: Type) -> Params[PoolFields]:
    """The words of `pool` for these types."""
    return Params(PoolFields, source=number, result=number, winners=winner, divisors=number)


def emit_pool(k: Module, number: Type, winner: Type, inner: str, most: int, wanted: bool) -> None:
    """Exports `pool`: the maxima, and the winners if wanted; `inner` is what are neighbours: channels or positions.
    Vectors have no more than `most` lanes."""
    _emit(k, number, winner, inner, most, _Best, wanted)


def emit_average(k: Module, number: Type, inner: str, most: int) -> None:
    """Exports `pool`: the sums of the windows' entries over their divisors."""
    _emit(k, number, i8, inner, most, _Mean)


def _emit(k: Module, number: Type, winner: Type, inner: str, most: int, fold: type, wanted: bool = False) -> None:
    lanes = min(k.lanes(number), most)
    with k.kernel("pool", pool_params(number, winner), flushed=False) as (f, p):
        p.number, p.winner, p.lanes, p.wanted = number, winner, lanes, wanted
        if inner == "channels":
            with _rows(f, p) as (source, index, lists, position):
                with f.loop(0, p.width) as w:
                    here = [*lists, _list(p.widths, w)]
                    to = index + w * p.to_width
                    _channels(f, p, lambda at, mask: _folded(f, p, fold, source, to, here, position + w, at, mask))
            return
        with _plane_rows(f, p) as (source, index, lists, position):
            _positions(f, p, fold, source, index, lists, position)


def emit_scatter(k: Module, number: Type, winner: Type) -> None:
    """Exports `scatter` for neighbouring channels: each input position adds what its windows hold, if it won them."""
    with k.kernel("scatter", pool_params(number, winner), flushed=False) as (f, p):
        p.number, p.winner, p.lanes = number, winner, k.lanes(number)
        with _rows(f, p, winners=True) as (source, index, lists, _):
            with f.loop(0, p.width) as w:
                here = [*lists, _list(p.widths, w)]
                _channels(f, p, lambda at, mask: _won(f, p, source, index + w * p.to_width, here, at, mask))


# -------------------------------------------------------------------- rows of results


@contextmanager
def _rows(f: Function, p: PoolFields, winners: bool = False) -> Iterator[tuple]:
    """Each row of results once: where its image's entries begin, where it begins, its lists along d and h, and the
    number of its first position in the plane."""
    with f.dynamic_loop(p.next, p.images * p.depth * p.height) as item:
        rest, h = divide(item, p.height)
        image, d = divide(rest, p.depth)
        begin = image * p.from_image
        index = image * p.to_image + d * p.to_depth + h * p.to_height
        source = (p.source[begin], p.winners[begin]) if winners else p.source[begin]
        yield source, index, [_list(p.depths, d), _list(p.heights, h)], (d * p.height + h) * p.width


@contextmanager
def _plane_rows(f: Function, p: PoolFields) -> Iterator[tuple]:
    """The same where every channel is a plane of its own."""
    with f.dynamic_loop(p.next, p.images * p.channels * p.depth * p.height, ROWS) as item:
        rest, h = divide(item, p.height)
        plane, d = divide(rest, p.depth)
        image, channel = divide(plane, p.channels)
        source = p.source[image * p.from_image + channel * p.from_channel]
        index = image * p.to_image + channel * p.to_channel + d * p.to_depth + h * p.to_height
        yield source, index, [_list(p.depths, d), _list(p.heights, h)], (d * p.height + h) * p.width


def _list(table: Pointer, position: Value) -> tuple[Pointer, Value, Value]:
    """The list of a position: its table, first word and the word behind it."""
    return table, table[position].load(), table[position + 1].load()


@contextmanager
def _entries(f: Function, lists: list) -> Iterator[tuple[Value, Value]]:
    """Every entry that is in the lists of all three axes, taps ascending: how far it lies off, its tap's number."""
    (depths, d0, d1), (heights, h0, h1), (widths, w0, w1) = lists
    with f.loop(d0, d1, 2) as d, f.loop(h0, h1, 2) as h:
        offset, number = depths[d].load() + heights[h].load(), depths[d][1].load() + heights[h][1].load()
        with f.loop(w0, w1, 2) as w:
            yield offset + widths[w].load(), number + widths[w][1].load()


def _first_tap(lists: list) -> Value:
    """The number of the first entry's tap."""
    numbers = [table[start][1].load() for table, start, _ in lists]
    return numbers[0] + numbers[1] + numbers[2]


# -------------------------------------------------------------------- blocks of channels


def _channels(f: Function, p: PoolFields, block) -> None:  # noqa: ANN001
    """`block(first channels of vectors, mask)` for all channels. Where whole vectors end behind the last channel they
    begin earlier, and compute some results twice."""
    last = p.channels - p.lanes
    with f.if_(p.channels > FEW * p.lanes):
        with f.loop(0, p.channels, MOST * p.lanes) as c:
            block([f.min(c + v * p.lanes, last) for v in range(MOST)], None)
    with f.else_():
        with f.if_(last >= 0):
            block([f.min(f.const(i64, v * p.lanes), last) for v in range(FEW)], None)
        with f.else_():
            block([f.const(i64, 0)], f.mask(p.channels, p.lanes, p.number))


def _folded(
    f: Function, p: PoolFields, fold: type, source: Pointer, index: Value, lists: list, position: Value, at: list,
    mask: Mask | None,
) -> None:  # fmt: skip
    """result[c] over the entries of one position, for the vectors of channels that begin at `at`."""
    folded = fold(f, p, lists, len(at))
    with _entries(f, lists) as (offset, number):
        entry = source[offset]
        folded.update([entry[c].load(p.lanes, mask=mask) for c in at], number)
    folded.finish(lambda: p.divisors[position].broadcast(p.lanes))
    for v, c in enumerate(at):
        folded.store(v, index + c, mask)


def _won(f: Function, p: PoolFields, source: tuple, index: Value, lists: list, at: list, mask: Mask | None) -> None:
    """result[c] = Σ over the windows of one position: source[c] where it is the winner."""
    totals = [f.var(vec(p.number, p.lanes), 0.0) for _ in at]
    with _entries(f, lists) as (offset, number):
        values, winners = source[0][offset], source[1][offset]
        # Winners are bytes that come with a sign; so does the number that they are compared with.
        tap = _as_stored(number, p).splat(p.lanes)
        for total, c in zip(totals, at):
            hit = winners[c].load(p.lanes, mask=mask).to(_wide(p)) == tap
            total.value = total.value + f.select(hit, values[c].load(p.lanes, mask=mask), 0.0)
    for total, c in zip(totals, at):
        p.result[index + c].store(total.value, mask=mask)


class _Best:
    """The best of the entries seen, in `count` vectors, with the taps that it came through."""

    def __init__(self, f: Function, p: PoolFields, lists: list, count: int = 1) -> None:
        self.f, self.p = f, p
        self.best = [f.var(vec(p.number, p.lanes), float("-inf")) for _ in range(count)]
        if p.wanted:
            first = self._number(_first_tap(lists))
            self.winner = [f.var(first.type, first) for _ in range(count)]

    def _number(self, number: Value) -> Value:
        return number.to(_wide(self.p)).splat(self.p.lanes)

    def update(self, values: list[Value], number: Value) -> None:
        """Greater ones win, and NaN always does; so the first of equals stays, and the last of several NaN."""
        tap = self._number(number) if self.p.wanted else None
        for v, value in enumerate(values):
            better = (value > self.best[v].value) | (value != value)
            self.best[v].value = self.f.select(better, value, self.best[v].value)
            if self.p.wanted:
                self.winner[v].value = self.f.select(better, tap, self.winner[v].value)

    def finish(self, divisors: Callable[[], Value]) -> None:
        """Nothing is left to do."""

    def store(self, v: int, index: Value, mask: Mask | None = None) -> None:
        """Vector v into the results that begin at `index`."""
        self.p.result[index].store(self.best[v].value, mask=mask)
        if self.p.wanted:
            self.p.winners[index].store(self.winner[v].value.to(self.p.winner), mask=mask)

    def store_one(self, index: Value) -> None:
        """The first lane alone."""
        self.p.result[index].store(self.best[0].value[0])
        if self.p.wanted:
            self.p.winners[index].store(self.winner[0].value[0].to(self.p.winner))


class _Mean:
    """The sum of the entries seen, in `count` vectors, divided at last."""

    def __init__(self, f: Function, p: PoolFields, lists: list, count: int = 1) -> None:
        self.p = p
        self.sums = [f.var(vec(p.number, p.lanes), 0.0) for _ in range(count)]

    def update(self, values: list[Value], number: Value) -> None:
        """One entry more."""
        for total, value in zip(self.sums, values):
            total.value = total.value + value

    def finish(self, divisors: Callable[[], Value]) -> None:
        """Divide by what belongs to the positions."""
        loaded = divisors()
        for total in self.sums:
            total.value = total.value / loaded

    def store(self, v: int, index: Value, mask: Mask | None = None) -> None:
        """Vector v into the results that begin at `index`."""
        self.p.result[index].store(self.sums[v].value, mask=mask)

    def store_one(self, index: Value) -> None:
        """The first lane alone."""
        self.p.result[index].store(self.sums[0].value[0])


def _wide(p: PoolFields) -> Type:
    """Integers of the numbers' size, so that comparisons of one choose among the other."""
    return i64 if p.number.bits == 64 else i32


def _as_stored(number: Value, p: PoolFields) -> Value:
    return number.to(p.winner).to(_wide(p))


# -------------------------------------------------------------------- rows of planes


def _positions(
    f: Function, p: PoolFields, fold: type, source: Pointer, index: Value, lists: list, position: Value
) -> None:
    """A row of a plane: vectors of positions where windows lie inside, numbers at its ends.

    Single numbers are compared in vectors, too: the choice among numbers is a branch, and nobody can predict it."""
    fits = p.end - p.begin >= p.lanes
    begin, end = f.select(fits, p.begin, p.width), f.select(fits, p.end, p.width)
    for start, stop in ((0, begin), (end, p.width)):
        with f.loop(start, stop) as w:
            folded = fold(f, p, here := [*lists, _list(p.widths, w)])
            with _entries(f, here) as (offset, number):
                folded.update([source[offset].broadcast(p.lanes)], number)
            folded.finish(lambda w=w: p.divisors[position + w].broadcast(p.lanes))
            folded.store_one(index + w)

    def vectors(load) -> None:  # noqa: ANN001
        with f.loop(begin, end, p.lanes) as some:
            w = f.min(some, end - p.lanes)
            folded = fold(f, p, here := [*lists, _list(p.widths, w)])
            with _entries(f, here) as (offset, number):
                folded.update([load(source[offset])], number)
            folded.finish(lambda: p.divisors[position + w].load(p.lanes))
            folded.store(0, index + w)

    with f.if_(p.step == 1):
        vectors(lambda entry: entry.load(p.lanes))
    with f.else_():
        with f.if_(p.step == 2):
            vectors(lambda entry: _pairs(f, entry, p.lanes))
        with f.else_():
            vectors(lambda entry: f.gather(entry, p.step, p.lanes))


def _pairs(f: Function, entry: Pointer, lanes: int) -> Value:
    """Every second of 2·lanes − 1 numbers; nothing behind them is read."""
    low, high = entry.load(lanes), entry[lanes - 1].load(lanes)
    return f.shuffle(low, high, [*range(0, lanes, 2), *range(lanes + 1, 2 * lanes, 2)])


# -------------------------------------------------------------------- the gradient of planes


class PlaneFields(Fields):
    """The words of `scatter` for planes: results of `rows_depth`·`rows` rows of `row` numbers; `offsets` says how far
    from its window's first index a tap lies, `step_depth`, … the distances of those indices."""

    source: Array
    winners: Array
    result: Array
    offsets: Table
    images: Word
    channels: Word
    from_image: Word
    from_channel: Word
    to_image: Word
    to_channel: Word
    depth: Word
    height: Word
    width: Word
    from_depth: Word
    from_height: Word
    step_depth: Word
    step_height: Word
    step_width: Word
    rows_depth: Word
    rows: Word
    row: Word
    to_depth: Word
    to_height: Word


def plane_params(number: Type, winner: Type) -> Params[PlaneFields]:
    """The words of `scatter` for planes, for these types."""
    return Params(PlaneFields, source=number, result=number, winners=winner)


def emit_plane_scatter(k: Module, number: Type, winner: Type) -> None:
    """Exports `scatter` for neighbouring positions. Windows are taken from the last to the first: so a position adds
    in the order of its taps.

    for planes, dynamically:  result = 0;  for windows, last first:  result[index of its winner] += source
    """
    lanes = k.lanes(number)
    with (
        k.kernel("scatter", plane_params(number, winner), flushed=False) as (f, p),
        f.dynamic_loop(p.next, p.images * p.channels) as plane,
    ):
        image, channel = divide(plane, p.channels)
        source = image * p.from_image + channel * p.from_channel
        result = p.result[image * p.to_image + channel * p.to_channel]
        with f.loop(0, p.rows_depth) as d, f.loop(0, p.rows) as h:
            _clear(f, result[d * p.to_depth + h * p.to_height], p.row, lanes)
        with f.loop(0, p.depth) as before_d, f.loop(0, p.height) as before_h:
            d, h = p.depth - 1 - before_d, p.height - 1 - before_h
            row = source + d * p.from_depth + h * p.from_height
            first = result[d * p.step_depth + h * p.step_height]
            with f.loop(0, p.width) as before_w:
                w = p.width - 1 - before_w
                tap = p.winners[row + w].load().to(i64)
                tap = tap & 0xFF if winner.bits == 8 else tap
                index = first[w * p.step_width + p.offsets[tap].load()]
                index.store(index.load() + p.source[row + w].load())


def _clear(f: Function, row: Pointer, count: Value, lanes: int) -> None:
    whole = count // lanes * lanes
    with f.loop(0, whole, lanes) as w:
        row[w].store(f.const(vec(row.of, lanes), 0))
    with f.loop(whole, count) as w:
        row[w].store(0.0)
