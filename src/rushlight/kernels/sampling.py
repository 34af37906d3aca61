"""Sampling at places of a grid, its adjoint in the input, and its gradient in the grid.

In: images, and places for each of them, (x, y) or (x, y, z) side by side. Out: the kernel of a form, which reads places
a vector at a time: for each the positions that it reads (its taps), which of them are inside, and their weights, as
`backends.reference.sampling` says. Then, for all channels,

    sample   y[place] = Σ weight[tap]·x[tap]
    scatter  x[tap] += weight[tap]·y[place]
    slope    grid[place, axis] = Σ weight'[axis, tap]·(Σ over channels  y[place]·x[tap])

where lanes are places (the positions of one channel lie side by side), or channels do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from typing import NamedTuple

from ..language.ir import (
    BY_NAME,
    Array,
    Axes,
    Fields,
    Function,
    Module,
    Params,
    Pointer,
    Type,
    Value,
    Word,
    f32,
    f64,
    i32,
    i64,
    like,
    vec,
)
from ..language.loops import divide
from ..plan.sampling import BLOCK
from ..rules.sampling import TAPS, WEIGHTS
from .pointwise import Tail
from .steps import rounding


class Form(NamedTuple):
    """What a kernel depends on. `orders` are those of the weights' derivatives along each axis."""

    kind: str
    dtype: str
    rule: str
    padding: str
    align_corners: bool
    orders: tuple[int, ...]
    channels: bool

    def __str__(self) -> str:
        ends = "corners" if self.align_corners else "ends"
        lanes = "channels" if self.channels else "places"
        return f"{self.kind} {self.dtype} {self.rule} {self.padding} {ends} {self.orders} {lanes}"

    @property
    def rank(self) -> int:
        """How many axes places have."""
        return len(self.orders)

    @property
    def stored(self) -> Type:
        """What numbers are in memory."""
        return BY_NAME[self.dtype]

    @property
    def number(self) -> Type:
        """What they are computed in."""
        return f64 if self.dtype == "f64" else f32

    @property
    def index(self) -> Type:
        """Integers of the numbers' size, for indices and masks."""
        return i64 if self.dtype == "f64" else i32

    @property
    def strict(self) -> bool:
        """Whether places of volumes that are no numbers read nothing."""
        return self.rank == 3 and (self.kind != "sample" or any(self.orders))


class SamplingFields(Fields):
    """The words: `x` is what is read at places, `y` what belongs to places, `grid` are the places and `out` is the
    result: y's, x's or the grid's. Distances are those of x; y and what is scattered lie without gaps."""

    x: Array
    y: Array
    grid: Array
    out: Array
    images: Word
    channels: Word
    places: Word
    block: Word
    blocks: Word
    group: Word
    groups: Word
    from_image: Word
    from_channel: Word
    size: Axes
    step: Axes
    volume: Word


def sampling_params(form: Form) -> Params[SamplingFields]:
    """The words of a form's kernel."""
    stored = form.stored
    return Params(SamplingFields, x=stored, y=stored, grid=stored, out=stored if form.kind == "sample" else form.number)


class _Tap(NamedTuple):
    """What a vector of places reads along one axis: offsets, all ones where inside, weights by order."""

    offset: Value
    inside: Value
    weights: tuple[Value, ...]


class _Read(NamedTuple):
    """What it reads through one combination of taps: the weights are those of each result."""

    offset: Value
    inside: Value
    weights: tuple[Value, ...]


def emit_sampling(k: Module, form: Form) -> None:
    """Exports `sampling`."""
    with k.kernel("sampling", sampling_params(form), flushed=False) as (f, p):
        _ROLES[form.kind](_Places(f, p, form))


class _Places:
    """The vectors of places of a kernel, and what they read."""

    def __init__(self, f: Function, p: SamplingFields, form: Form) -> None:
        self.f, self.p, self.form = f, p, form
        self.lanes = f.module.lanes(form.number)
        self.vector = vec(form.number, self.lanes)
        self.staged = f.local(form.number, form.rank * (BLOCK + self.lanes))
        self.count = TAPS[form.rule] ** form.rank
        first = 3 - form.rank
        self.last, self.factor, self.step = [], [], []
        for n, step in list(zip(p.size, p.step))[first:]:
            whole = n.to(form.number)
            self.last.append((whole - 1.0).splat(self.lanes))
            self.factor.append(((whole - 1.0 if form.align_corners else whole) * 0.5).splat(self.lanes))
            self.step.append(step.to(form.index).splat(self.lanes))

    # -- places

    @contextmanager
    def vectors(self, image: Value, start: Value, stop: Value) -> Iterator[tuple[Value, Value]]:
        """The places start … stop of an image, a vector at a time: the first one's number, and how many are left."""
        f, p, rank, lanes = self.f, self.p, self.form.rank, self.lanes
        count = stop - start
        source = p.grid[(image * p.places + start) * rank]
        whole = count // lanes * lanes
        with f.loop(0, whole, lanes) as i:
            for axis, value in enumerate(self._loaded(source[i * rank])):
                self._staged(axis, i).store(value.to(self.form.number))
        with f.if_(whole < count):
            for axis in range(rank):
                self._staged(axis, whole).store(f.const(self.vector, 0.0))
            with f.loop(whole, count) as i:
                for axis in range(rank):
                    self._staged(axis, i).store(source[i * rank + axis].load().to(self.form.number))
        with f.loop(0, count, lanes) as i:
            self.at = i
            yield start + i, count - i

    def _staged(self, axis: int, i: Value) -> Pointer:
        return self.staged[i + axis * (BLOCK + self.lanes)]

    def _loaded(self, source: Pointer) -> list[Value]:
        """The coordinates of a vector of places, each from a vector of its own."""
        f, lanes = self.f, self.lanes
        if self.form.rank == 2:
            return list(f.deinterleave(source.load(lanes), source[lanes].load(lanes)))
        return [f.gather(source[axis], 3, lanes) for axis in range(3)]

    # -- what they read

    def reads(self, orders: list[tuple[int, ...]]) -> list[_Read]:
        """Every combination of taps of the vector, with weights for each of these orders of derivatives."""
        axes = []
        for axis in range(self.form.rank):
            place = self._staged(self.form.rank - 1 - axis, self.at).load(self.lanes)
            axes.append(self._taps(axis, place, max(order[axis] for order in orders)))
        found = []
        for taps in product(*axes):
            offset, inside = taps[0].offset, taps[0].inside
            for tap in taps[1:]:
                offset, inside = offset + tap.offset, inside & tap.inside
            weights = []
            for order in orders:
                weight = taps[0].weights[order[0]]
                for tap, more in zip(taps[1:], order[1:]):
                    weight = weight * tap.weights[more]
                weights.append(self.masked(weight, inside) if self.form.rank == 3 else weight)
            found.append(_Read(offset, inside, tuple(weights)))
        return found

    def masked(self, value: Value, inside: Value) -> Value:
        """A value where the mask holds ones, else 0."""
        return (value.bits(self.form.index) & inside).bits(self.form.number)

    def _taps(self, axis: int, place: Value, order: int) -> list[_Tap]:
        f, form, last = self.f, self.form, self.last[axis]
        at = (place + 1.0) * self.factor[axis]
        at = at if form.align_corners else at - 0.5
        slope = known = None
        if form.strict:
            known = at - at == 0.0 if form.padding == "reflection" and form.rule != "cubic" else at == at
        if form.rule != "cubic":
            at, slope = self._brought(axis, at)
        first = rounding("round" if form.rule == "nearest" else "floor")(f, form.number.name, at)
        part = at - first
        slopes = self.factor[axis] if slope is None else slope * self.factor[axis]
        by_order, taps = WEIGHTS[form.rule], []
        for tap in range(TAPS[form.rule]):
            position = first + float(tap - (form.rule == "cubic"))
            if form.rule == "cubic":
                position = self._brought(axis, position)[0]
            inside = f.both(position >= 0.0, position <= last)
            if known is not None:
                inside = inside & known
            index = f.select(inside, position, f.const(self.vector, 0.0)).to(i32).to(form.index)
            weights, by = [], None
            for some in range(order + 1):
                weight = self._weight(by_order[some][tap], part) if some < len(by_order) else f.const(self.vector, 0.0)
                by = None if some == 0 else slopes if by is None else by * slopes
                weights.append(weight if by is None else weight * by)
            taps.append(_Tap(index * self.step[axis], self._ones(inside), tuple(weights)))
        return taps

    def _ones(self, condition: Value) -> Value:
        type = like(condition.type, self.form.index)
        return self.f.emit(type, f"sext {condition.type.text} {condition.text} to {type.text}")

    def _weight(self, coefficients: Sequence[float], part: Value) -> Value:
        weight = self.f.const(self.vector, float(coefficients[-1]))
        for number in coefficients[-2::-1]:
            weight = weight * part + float(number)
        return weight

    def _brought(self, axis: int, at: Value) -> tuple[Value, Value | None]:
        """Positions inside by the padding's rule, and their derivative."""
        f, form, last = self.f, self.form, self.last[axis]
        if form.padding == "zeros":
            return at, None
        one, none = f.const(self.vector, 1.0), f.const(self.vector, 0.0)
        slope = one
        if form.padding == "reflection":
            low = 0.0 if form.align_corners else -0.5
            period = f.max((last - 2.0 * low) * 2.0, one)
            away = f.abs(at - low)
            away = away - rounding("trunc")(f, form.number.name, away / period) * period
            near = away < period - away
            slope = f.select(at < low, -one, one) * f.select(near, one, -one)
            at = f.select(near, away, period - away) + low
        slope = f.select(f.both(at > 0.0, at < last), slope, none)
        # What is no number becomes the first position of a picture, the last of a volume.
        at = f.max(at, 0.0) if form.rank == 2 else f.max(0.0, at)
        return f.min(at, last), slope

    # -- items

    @contextmanager
    def items(self) -> Iterator[tuple[Value, Value, Value, Value, Value]]:
        """Blocks of places and groups of channels: image, first place, behind the last; first channel, behind it."""
        f, p = self.f, self.p
        with f.dynamic_loop(p.next, p.images * p.groups * p.blocks) as item:
            rest, block = divide(item, p.blocks)
            image, group = divide(rest, p.groups)
            start, first = block * p.block, group * p.group
            yield image, start, f.min(start + p.block, p.places), first, f.min(first + p.group, p.channels)

    @contextmanager
    def all_places(self) -> Iterator[tuple[Value, Value, Value, Value, Value]]:
        """Groups of channels, of all places of an image in their order: image, first channel, behind the last."""
        f, p = self.f, self.p
        with f.dynamic_loop(p.next, p.images * p.groups) as item:
            image, group = divide(item, p.groups)
            first = group * p.group
            yield image, first, f.min(first + p.group, p.channels)

    def gathered(self, source: Pointer, offset: Value) -> Value:
        """Numbers at the offsets."""
        return self.f.gather_at(source, offset).to(self.form.number)

    def added(self, value: Value, weight: Value, total: Value | None) -> Value:
        """total + value·weight."""
        return value * weight if total is None else self.f.fma(value, weight, total)


class _Kept:
    """What a vector of places reads, in memory, from where it is taken place by place."""

    def __init__(self, places: _Places, weights: int) -> None:
        self.places, self.count = places, places.count
        f, size, form = places.f, places.count * places.lanes, places.form
        self.offsets, self.insides = f.local(form.index, size), f.local(form.index, size)
        self.weights = [f.local(form.number, size) for _ in range(weights)]

    def keep(self, reads: list[_Read]) -> None:
        """Write what was read."""
        for n, read in enumerate(reads):
            at = n * self.places.lanes
            self.offsets[at].store(read.offset)
            self.insides[at].store(read.inside)
            for row, weight in zip(self.weights, read.weights):
                row[at].store(weight)

    def of(self, row: Pointer, lane: Value) -> list[Pointer]:
        """What a place has in a row, for each combination of taps."""
        return [row[lane + n * self.places.lanes] for n in range(self.count)]


# -------------------------------------------------------------------- values


def _sample(places: _Places) -> None:
    (_sample_channels if places.form.channels else _sample_places)(places, places.f, places.p, places.form)


def _sample_places(places: _Places, f: Function, p: SamplingFields, form: Form) -> None:
    with places.items() as (image, start, stop, first, behind), places.vectors(image, start, stop) as (place, left):
        reads, source, tail = places.reads([form.orders]), p.x[image * p.from_image], Tail(f, left, places.lanes)
        with f.loop(first, behind) as c:
            channel, total = source[c * p.from_channel], None
            for read in reads:
                value = places.masked(places.gathered(channel, read.offset), read.inside)
                total = places.added(value, read.weights[0], total)
            tail.store(p.out[(image * p.channels + c) * p.places + place], total.to(form.stored))


def _sample_channels(places: _Places, f: Function, p: SamplingFields, form: Form) -> None:
    kept, lanes = _Kept(places, 1), places.lanes
    with places.items() as (image, start, stop, first, behind), places.vectors(image, start, stop) as (place, left):
        kept.keep(places.reads([form.orders]))
        source = p.x[image * p.from_image]
        with f.loop(0, f.min(left, lanes)) as lane:
            rows = [source[offset.load()] for offset in kept.of(kept.offsets, lane)]
            masks = [one.broadcast(lanes) for one in kept.of(kept.insides, lane)]
            weights = [one.broadcast(lanes) for one in kept.of(kept.weights[0], lane)]
            out = p.out[(image * p.places + place + lane) * p.channels]
            for c, tail in _channels(f, first, behind, lanes):
                total = None
                for row, mask, weight in zip(rows, masks, weights):
                    value = places.masked(_loaded(row[c], lanes, tail).to(form.number), mask)
                    total = places.added(value, weight, total)
                _store(out[c], total.to(form.stored), tail)


def _channels(f: Function, first: Value, behind: Value, lanes: int) -> Iterator[tuple[Value, Tail | None]]:
    """Vectors of channels, and what is left: two bodies, for use in `for`."""
    whole = first + (behind - first) // lanes * lanes
    with f.loop(first, whole, lanes) as c:
        yield c, None
    with f.if_(whole < behind):
        yield whole, Tail(f, behind - whole, lanes)


def _loaded(where: Pointer, lanes: int, tail: Tail | None) -> Value:
    return where.load(lanes) if tail is None else tail.load(where, lanes)


def _store(where: Pointer, value: Value, tail: Tail | None) -> None:
    if tail is None:
        where.store(value)
    else:
        tail.store(where, value)


# -------------------------------------------------------------------- the adjoint


def _scatter(places: _Places) -> None:
    (_scatter_channels if places.form.channels else _scatter_places)(places, places.f, places.p, places.form)


def _scatter_places(places: _Places, f: Function, p: SamplingFields, form: Form) -> None:
    """A group's planes belong to its item, which adds to them place by place."""
    kept, lanes = _Kept(places, 1), places.lanes
    products = f.local(form.number, places.count * lanes)
    with places.all_places() as (image, first, behind):
        _clear(f, p.out[(image * p.channels + first) * p.volume], (behind - first) * p.volume, lanes)
        with (
            f.loop(0, p.places, BLOCK) as start,
            places.vectors(image, start, f.min(start + BLOCK, p.places)) as (place, left),
        ):
            reads = places.reads([form.orders])
            kept.keep(reads)
            tail, some = Tail(f, left, lanes), f.min(left, lanes)
            with f.loop(first, behind) as c:
                plane = image * p.channels + c
                grad = tail.load(p.y[plane * p.places + place], lanes).to(form.number)
                for n, read in enumerate(reads):
                    products[n * lanes].store(places.masked(grad * read.weights[0], read.inside))
                out = p.out[plane * p.volume]
                with f.loop(0, some) as lane:
                    for offset, value in zip(kept.of(kept.offsets, lane), kept.of(products, lane)):
                        to = out[offset.load()]
                        to.store(to.load() + value.load())


def _scatter_channels(places: _Places, f: Function, p: SamplingFields, form: Form) -> None:
    """A group's channels belong to its item, which adds to them place by place."""
    kept, lanes = _Kept(places, 1), places.lanes
    with places.all_places() as (image, first, behind):
        image_out = p.out[image * p.channels * p.volume]
        with f.loop(0, p.volume) as position:
            _clear(f, image_out[position * p.channels + first], behind - first, lanes)
        with (
            f.loop(0, p.places, BLOCK) as start,
            places.vectors(image, start, f.min(start + BLOCK, p.places)) as (place, left),
        ):
            kept.keep(places.reads([form.orders]))
            with f.loop(0, f.min(left, lanes)) as lane:
                rows = [image_out[offset.load()] for offset in kept.of(kept.offsets, lane)]
                masks = [one.broadcast(lanes) for one in kept.of(kept.insides, lane)]
                weights = [one.broadcast(lanes) for one in kept.of(kept.weights[0], lane)]
                source = p.y[(image * p.places + place + lane) * p.channels]
                for c, tail in _channels(f, first, behind, lanes):
                    grad = _loaded(source[c], lanes, tail).to(form.number)
                    for row, mask, weight in zip(rows, masks, weights):  # two taps may be one position
                        to = row[c]
                        _store(to, _loaded(to, lanes, tail) + places.masked(grad * weight, mask), tail)


def _clear(f: Function, where: Pointer, count: Value, lanes: int) -> None:
    whole = count // lanes * lanes
    with f.loop(0, whole, lanes) as i:
        where[i].store(f.const(vec(where.of, lanes), 0.0))
    with f.loop(whole, count) as i:
        where[i].store(0.0)


# -------------------------------------------------------------------- the gradient in the grid


def _slope(places: _Places) -> None:
    (_slope_channels if places.form.channels else _slope_places)(places, places.f, places.p, places.form)


def _first_orders(form: Form) -> list[tuple[int, ...]]:
    """The first derivative along each coordinate of a place, that of the last axis first."""
    return [tuple([int(axis == other) for other in range(form.rank)]) for axis in reversed(range(form.rank))]


def _slope_places(places: _Places, f: Function, p: SamplingFields, form: Form) -> None:
    lanes, rank = places.lanes, form.rank
    slopes = f.local(form.number, rank * lanes)
    with places.items() as (image, start, stop, _, _), places.vectors(image, start, stop) as (place, left):
        reads, source, tail = places.reads(_first_orders(form)), p.x[image * p.from_image], Tail(f, left, lanes)
        sums = [f.var(places.vector, 0.0) for _ in reads]
        with f.loop(0, p.channels) as c:
            channel = source[c * p.from_channel]
            grad = tail.load(p.y[(image * p.channels + c) * p.places + place], lanes).to(form.number)
            for read, total in zip(reads, sums):
                total.value = f.fma(grad, places.gathered(channel, read.offset), total.value)
        sums = [places.masked(total.value, read.inside) for read, total in zip(reads, sums)]
        for n in range(rank):
            total = None
            for read, one in zip(reads, sums):
                total = places.added(one, read.weights[n], total)
            slopes[n * lanes].store(total)
        with f.loop(0, f.min(left, lanes)) as lane:
            for n in range(rank):
                to = p.out[(image * p.places + place + lane) * rank + n]
                to.store(slopes[lane + n * lanes].load())


def _slope_channels(places: _Places, f: Function, p: SamplingFields, form: Form) -> None:
    lanes, rank = places.lanes, form.rank
    kept = _Kept(places, rank)
    with places.items() as (image, start, stop, _, _), places.vectors(image, start, stop) as (place, left):
        kept.keep(places.reads(_first_orders(form)))
        source = p.x[image * p.from_image]
        with f.loop(0, f.min(left, lanes)) as lane:
            rows = [source[offset.load()] for offset in kept.of(kept.offsets, lane)]
            at = image * p.places + place + lane
            sums = [f.var(places.vector, 0.0) for _ in rows]
            for c, tail in _channels(f, f.const(i64, 0), p.channels, lanes):
                grad = _loaded(p.y[at * p.channels + c], lanes, tail).to(form.number)
                for row, total in zip(rows, sums):
                    total.value = f.fma(grad, _loaded(row[c], lanes, tail).to(form.number), total.value)
            # Positions outside were read elsewhere, and count nothing.
            found = f.sum_each([total.value for total in sums])
            found = [places.masked(one, mask.load()) for one, mask in zip(found, kept.of(kept.insides, lane))]
            for n, weights in enumerate(kept.weights):
                total = None
                for one, weight in zip(found, kept.of(weights, lane)):
                    total = places.added(one, weight.load(), total)
                p.out[at * rank + n].store(total)


_ROLES = {"sample": _sample, "scatter": _scatter, "slope": _slope}
