"""Normalisation of arrays of channels and positions: statistics, results, gradients.

In: an array without gaps whose channels, or whose positions, are neighbours, in the pieces of `plan.normalization`.
Out: kernels that are launched one after the other:

    moments   of each piece, channel by channel: the mean, and the squares of what lies off it      → partial, doubles
    settle    of each mean: all its pieces and channels as one                                      → statistics
    apply     y = activation((x − mean)·scale·weight + bias + residual)
    slopes    of each piece, channel by channel: Σ g and Σ g·(x − mean)                             → partial
    gather    of each mean: what x's gradient takes of these sums; of each channel: those of weight and bias
    input_gradient   x's gradient = g·a + (x − mean)·b + c

With an activation, the last three take the gradient of its result, and that result.

What a piece is, the geometry decides alone, so any team gives the same bits. Squares are taken off a number near the
first ones of a piece, in one pass: so a mean a million times the deviation costs no digits, and where that number is
far off, it is itself part of the variance and bounds what is lost. Means go with their rounding (`rest`), so that
nothing is lost at x − mean.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

from ..language.ir import Fields, Function, Mask, Module, Params, Pointer, Type, Value, f64, i64, ptr, vec
from ..language.loops import divide
from ..plan.bias import LINES
from ..rules.normalization import ENDS
from .channel_pieces import (
    GEOMETRY,
    ROWS,
    Item,
    each_column,
    each_line,
    each_rows,
    each_vector,
    fill,
    kept,
    loaded,
    local,
    sums_of_line,
    tree,
    typed,
)

RUN = 1024
"""Neighbours that are added up before their sum joins others, in double precision: long sums round more."""

BLOCK = 64
"""Means, or channels, that a thread takes at once."""


def _params(**pointers: Type) -> Params:
    return Params(**pointers, **dict.fromkeys(GEOMETRY, i64))


# -------------------------------------------------------------------- partial sums


def moments_params(stored: Type) -> Params:
    """The words of `moments`: rows of means, and as many of squares."""
    return _params(x=ptr(stored), first=ptr(f64), second=ptr(f64))


def slopes_params(stored: Type, activation: str | None = None) -> Params:
    """The words of `slopes`: rows of Σ g, and as many of Σ g·(x − mean)."""
    results = {} if activation is None else {"result": ptr(stored)}
    return _params(x=ptr(stored), grad=ptr(stored), statistics=ptr(f64), first=ptr(f64), second=ptr(f64), **results)


def emit_moments(k: Module, stored: Type, number: Type, inner: str, short: bool) -> None:
    """Exports `moments`; `short`: lines are of no more than a run."""
    with k.kernel("moments", moments_params(stored)) as (f, p):
        typed(k, p, stored, number)
        near = local(f, p, inner)

        def terms(at: Value, shift: Value, mask: Mask | None) -> list[Value]:
            off = kept(f, p, loaded(p, p.x[at], mask) - shift, mask)
            return [off, off * off]

        def settled(item: Item, column: Value, sums: list[Value], count: Value) -> list[Value]:
            off, square = sums
            shift = near[column].load(off.type.lanes).to(f64) if off.type.lanes else near[column].load().to(f64)
            part = off / count
            return [shift + part, f.max(0.0, square - off * part)]

        def prepare(item: Item) -> None:
            if inner == "channels":
                _near_rows(f, p, item, near)

        def begin(at: Value, c: Value) -> None:
            near[c].store(_near_line(f, p, p.x[at], p.tail, p.count))

        _partial_sums(f, p, inner, short, near, prepare, begin, terms, settled)


def emit_slopes(
    k: Module, stored: Type, number: Type, inner: str, short: bool, grouped: bool, activation: str | None = None
) -> None:
    """Exports `slopes`; `grouped`: several channels have one mean."""
    with k.kernel("slopes", slopes_params(stored, activation)) as (f, p):
        typed(k, p, stored, number)
        near, rest = local(f, p, inner), local(f, p, inner)

        def terms(at: Value, mean: Value, mask: Mask | None) -> list[Value]:
            grad = _arriving(f, p, at, mask, activation)
            return [grad, grad * (loaded(p, p.x[at], mask) - mean)]

        def settled(item: Item, column: Value, sums: list[Value], count: Value) -> list[Value]:
            off = rest[column].load(sums[0].type.lanes).to(f64) if sums[0].type.lanes else rest[column].load().to(f64)
            return [sums[0], sums[1] - off * sums[0]]

        def prepare(item: Item) -> None:
            def make(statistic: Callable, parameter: Callable) -> list[Value]:
                return list(_mean_and_rest(p, statistic(p.statistics)))

            fill(f, p, item, grouped, make, [near, rest])

        _partial_sums(f, p, inner, short, near, prepare, None, terms, settled)


def _partial_sums(
    f: Function,
    p: Fields,
    inner: str,
    short: bool,
    near: Pointer,
    prepare: Callable,
    begin: Callable | None,
    terms: Callable,
    settled: Callable,
) -> None:
    """Two sums a channel for each item: of what `terms` gives, made what is stored by `settled`.

    Where positions are neighbours, `begin` is called for the first line of each channel."""
    of = p.number if inner == "channels" or short else f64
    lanes = 1 if inner == "channels" else p.lanes
    sums = [f.local(of, LINES * lanes) if lanes > 1 else local(f, p, inner) for _ in range(2)]
    with f.dynamic_loop(p.next, p.items) as number_of_item:
        item = Item(f, p, number_of_item)
        prepare(item)
        row = item.row * p.leading_dimension
        if inner == "channels":
            _row_sums(f, p, item, near, sums, terms)
            with f.loop(item.left, item.right, p.lanes) as c:
                at = c - item.left
                count = _count_of_columns(f, p, item, c)
                found = settled(item, at, [some[at].load(p.lanes).to(f64) for some in sums], count)
                for pointer, value in zip((p.first, p.second), found):
                    pointer[row + c].store(value)
        else:
            _line_sums(f, p, item, near, sums, short, begin, terms)
            count = ((item.last - item.first) * item.count).to(f64)
            with f.loop(0, item.right - item.left) as c:
                totals = [f.sum_lanes(some[c * p.lanes].load(p.lanes).to(f64)) for some in sums]
                for pointer, value in zip((p.first, p.second), settled(item, c, totals, count)):
                    pointer[row + item.left + c].store(value)


def _row_sums(f: Function, p: Fields, item: Item, near: Pointer, sums: list[Pointer], terms: Callable) -> None:
    zero = f.const(vec(p.number, p.lanes), 0.0)

    def clear(c: Value) -> None:
        for some in sums:
            some[c - item.left].store(zero)

    def add(rows: list[Value], c: Value, mask: Mask | None) -> None:
        at = c - item.left
        shift = near[at].load(p.lanes)
        parts = [terms(row + c, shift, mask) for row in rows]
        for some, values in zip(sums, zip(*parts)):
            some[at].store(some[at].load(p.lanes) + tree(values))

    each_column(f, p, item, clear)
    each_rows(f, p, item, add)


def _count_of_columns(f: Function, p: Fields, item: Item, c: Value) -> Value:
    """How many numbers each column of an item is of: one more where positions are left."""
    extra = f.select(item.ends, p.extra, f.const(i64, 0)) - c
    more = f.iota(i64, p.lanes) < extra.splat(p.lanes)
    count = item.count.to(f64)
    return f.select(more, (count + 1.0).splat(p.lanes), count.splat(p.lanes))


def _near_rows(f: Function, p: Fields, item: Item, near: Pointer) -> None:
    """A number near those of each column: the mean of the first rows."""
    base = item.base + item.start * p.width
    many = item.count >= ROWS
    other = f.select(many, p.width, f.const(i64, 0))
    with f.loop(item.left, item.right, p.lanes) as c:
        mask = f.mask(item.right - c, p.lanes, p.stored)
        rows = [loaded(p, p.x[base + other * j + c], mask) for j in range(ROWS)]
        # Quarters first: the sum of large numbers is no number.
        near[c - item.left].store(tree([row * 0.25 for row in rows]))


def _near_line(f: Function, p: Fields, line: Pointer, tail: Mask, count: Value) -> Value:
    """A number near the first ones of a line: their mean."""
    some = f.min(count, p.lanes)
    first = loaded(p, line, f.mask(some, p.lanes, p.stored))
    share = f.const(f64, 1.0) / some.to(f64)
    return f.sum_lanes(first * share.to(p.number).splat(p.lanes))


def _line_sums(
    f: Function,
    p: Fields,
    item: Item,
    near: Pointer,
    sums: list[Pointer],
    short: bool,
    begin: Callable | None,
    terms: Callable,
) -> None:
    p.tail, p.count = f.mask(item.count % p.lanes, p.lanes, p.stored), item.count
    with f.loop(0, item.right - item.left) as c:
        for some in sums:
            some[c * p.lanes].store(f.const(vec(some.of, p.lanes), 0.0))

    def add(at: Value, c: Value, image: Value) -> None:
        if begin is not None:
            with f.if_(image == item.first):
                begin(at, c)
        shift = near[c].broadcast(p.lanes)
        with nullcontext(0) if short else f.loop(0, item.count, RUN, sure=True) as i:
            count = item.count if short else f.min(item.count - i, RUN)

            def here(n: Value, mask: Mask | None) -> list[Value]:
                return terms(at + i + n, shift, mask)

            for some, value in zip(sums, sums_of_line(f, p, count, p.tail, here, 2)):
                pointer = some[c * p.lanes]
                pointer.store(pointer.load(p.lanes) + value.to(pointer.of))

    each_line(f, p, item, add)


def _mean_and_rest(p: Fields, mean: Value) -> tuple[Value, Value]:
    """A mean as a number, and what that lacks."""
    near = mean.to(p.number)
    return near, (mean - near.to(f64)).to(p.number)


# -------------------------------------------------------------------- statistics


def settle_params() -> Params:
    """The words of `settle`: `rows` means of an outer's width each, `fold` positions side by side."""
    words = ["outers", "fold", "left", "count"]
    return Params(
        first=ptr(f64), second=ptr(f64), statistics=ptr(f64), eps=f64,
        **dict.fromkeys([*GEOMETRY, *words], i64),
    )  # fmt: skip


def emit_settle(k: Module, grouped: bool) -> None:
    """Exports `settle`:  statistics = means, variances, 1 / √(variance + eps).

    mean = Σ count·mean / n;  variance = (Σ squares + count·(mean of the piece − mean)²) / n
    """
    with k.kernel("settle", settle_params()) as (f, p):
        p.lanes = k.lanes(f64)
        total = p.outers * p.groups
        numbers = p.count.to(f64)

        def statistics(at: Value, mean: Value, squares: Value, mask: Mask | None) -> None:
            n = numbers.splat(mean.type.lanes) if mean.type.lanes else numbers
            variance = squares / n
            eps = p.eps.splat(mean.type.lanes) if mean.type.lanes else p.eps
            scale = f.const(mean.type, 1.0) / f.sqrt(variance + eps)
            for n, value in enumerate((mean, variance, scale)):
                p.statistics[total * n + at].store(value, mask=mask)

        if grouped:
            with f.dynamic_loop(p.next, total, 4) as mean_of:
                outer, group = divide(mean_of, p.groups)
                mean = _over_group(f, p, outer, group, lambda count, at: count * p.first[at].load(p.lanes))
                mean = mean / numbers

                def square(count: Value, at: Value) -> Value:
                    off = p.first[at].load(p.lanes) - mean.splat(p.lanes)
                    return p.second[at].load(p.lanes) + count * off * off

                statistics(mean_of, mean, _over_group(f, p, outer, group, square), None)
            return
        blocks = f.ceil_div(p.channels, BLOCK)
        with f.dynamic_loop(p.next, p.outers * blocks) as block:
            outer, start = divide(block, blocks)
            start = start * BLOCK
            stop = f.min(start + BLOCK, p.channels)
            with f.loop(start, stop, p.lanes) as c:
                mask = f.mask(stop - c, p.lanes, f64)
                mean = _over_pieces(f, p, outer, c, lambda count, at: count * p.first[at].load(p.lanes))
                mean = mean / numbers.splat(p.lanes)

                def square(count: Value, at: Value) -> Value:
                    off = p.first[at].load(p.lanes) - mean
                    return p.second[at].load(p.lanes) + count * off * off

                squares = _over_pieces(f, p, outer, c, square)
                statistics(outer * p.channels + c, mean, squares, mask)


def _over_pieces(f: Function, p: Fields, outer: Value, c: Value, term: Callable) -> Value:
    """Σ over the pieces of a vector of channels, in order, of `term(numbers of the piece, where it is)`."""
    total = f.var(vec(f64, p.lanes), 0.0)
    with f.loop(0, p.chunks) as chunk:
        group, piece = divide(chunk, p.pieces)
        images = f.min(p.group, p.images - group * p.group)
        positions = f.min(p.piece, p.positions - piece * p.piece)
        ends = piece == p.pieces - 1
        row = (outer * p.chunks + chunk) * p.leading_dimension + c
        with f.loop(0, p.fold) as fold:
            more = f.select(f.both(ends, fold < p.left), f.const(i64, 1), f.const(i64, 0))
            count = (images * positions + more).to(f64).splat(p.lanes)
            total.value = total.value + term(count, row + fold * p.channels)
    return total.value


def _over_group(f: Function, p: Fields, outer: Value, group: Value, term: Callable) -> Value:
    """The same over all channels of a group, as one number."""
    total = f.var(vec(f64, p.lanes), 0.0)
    start = group * p.each
    with f.loop(0, p.each, p.lanes) as c:
        some = _over_pieces(f, p, outer, start + c, term)
        inside = f.mask(p.each - c, p.lanes, f64).i1(f64)
        total.value = total.value + f.select(inside, some, f.const(some.type, 0.0))
    return f.sum_lanes(total.value)


def given_params(kind: Type) -> Params:
    """The words of `given`: `total` means."""
    return Params(mean=ptr(kind), variance=ptr(kind), statistics=ptr(f64), eps=f64, total=i64)


def emit_given(k: Module, kind: Type) -> None:
    """Exports `given`:  statistics of means and variances that are given."""
    with k.kernel("given", given_params(kind)) as (f, p):
        lanes = k.lanes(f64)
        with f.dynamic_loop(p.next, f.ceil_div(p.total, BLOCK)) as block:
            start = block * BLOCK
            stop = f.min(start + BLOCK, p.total)
            with f.loop(start, stop, lanes) as c:
                mask, of = f.mask(stop - c, lanes, f64), f.mask(stop - c, lanes, kind)
                mean, variance = (some[c].load(lanes, mask=of).to(f64) for some in (p.mean, p.variance))
                scale = 1.0 / f.sqrt(variance + p.eps.splat(lanes))
                for n, value in enumerate((mean, variance, scale)):
                    p.statistics[p.total * n + c].store(value, mask=mask)


# -------------------------------------------------------------------- results


def apply_params(stored: Type, scale: Type) -> Params:
    """The words of `apply`."""
    return _params(
        x=ptr(stored), y=ptr(stored), residual=ptr(stored), statistics=ptr(f64), scales=ptr(f64), weight=ptr(scale),
        bias=ptr(scale),
    )  # fmt: skip


def emit_apply(
    k: Module,
    stored: Type,
    number: Type,
    scale: Type,
    inner: str,
    grouped: bool,
    has: tuple[bool, bool, bool],
    activation: str | None,
) -> None:
    """Exports `apply`; `has` weight, bias, residual."""
    has_weight, has_bias, has_residual = has
    with k.kernel("apply", apply_params(stored, scale)) as (f, p):
        typed(k, p, stored, number)
        pointers = [local(f, p, inner) for _ in range(3)]

        def make(statistic: Callable, parameter: Callable) -> list[Value]:
            mean, slope = statistic(p.statistics), statistic(p.scales)
            near = mean.to(p.number)
            slope = slope * parameter(p.weight) if has_weight else slope
            shift = (near.to(f64) - mean) * slope
            shift = parameter(p.bias) + shift if has_bias else shift
            return [near, slope.to(p.number), shift.to(p.number)]

        def result(at: Value, values: list[Value], mask: Mask | None) -> None:
            near, slope, shift = values
            y = f.fma(loaded(p, p.x[at], mask) - near, slope, shift)
            y = y + loaded(p, p.residual[at], mask) if has_residual else y
            y = y if activation is None else f.max(0.0, y)
            y = f.min(ENDS[activation], y) if ENDS.get(activation) else y
            p.y[at].store(y.to(stored), mask=mask)

        _elementwise(f, p, inner, grouped, pointers, make, result)


def _elementwise(
    f: Function, p: Fields, inner: str, grouped: bool, pointers: list[Pointer], make: Callable, result: Callable
) -> None:
    """`result(number, vectors of what its channel has, mask)` for all vectors of an array."""
    with f.dynamic_loop(p.next, p.items) as number_of_item:
        item = Item(f, p, number_of_item)
        fill(f, p, item, grouped, make, pointers)

        def rows(some: list[Value], c: Value, mask: Mask | None) -> None:
            values = [pointer[c - item.left].load(p.lanes) for pointer in pointers]
            for row in some:
                result(row + c, values, mask)

        if inner == "channels":
            each_rows(f, p, item, rows)
            tail = None
        else:
            tail = f.mask(item.count % p.lanes, p.lanes, p.stored)

        def line(at: Value, c: Value, image: Value) -> None:
            values = [pointer[c].broadcast(p.lanes) for pointer in pointers]
            each_vector(f, p, item.count, tail, lambda i, v, mask: result(at + i, values, mask))

        if inner == "positions":
            each_line(f, p, item, line)


# -------------------------------------------------------------------- gradients


def _arriving(f: Function, p: Fields, at: Value, mask: Mask | None, activation: str | None) -> Value:
    """A vector of the gradient, 0 where the activation's result is at one of its ends."""
    grad = loaded(p, p.grad[at], mask)
    if activation is None:
        return grad
    result, none = loaded(p, p.result[at], mask), f.const(grad.type, 0.0)
    grad = f.select(result <= none, none, grad)
    end = ENDS[activation]
    return grad if end is None else f.select(result >= f.const(grad.type, end), none, grad)


def gather_params(scale: Type) -> Params:
    """The words of `gather`: `level` and `slope` are what x's gradient takes, a double for each mean; `weights`,
    `biases` rows of an outer's sums, `width` doubles each."""
    words = ["outers", "fold", "left", "count"]
    return Params(
        first=ptr(f64), second=ptr(f64), scales=ptr(f64), weight=ptr(scale), level=ptr(f64), slope=ptr(f64),
        weights=ptr(f64), biases=ptr(f64), **dict.fromkeys([*GEOMETRY, *words], i64),
    )  # fmt: skip


def emit_gather(k: Module, scale: Type, grouped: bool, has_weight: bool) -> None:
    """Exports `gather`:

    level = Σ weight·Σ g / n,  slope = Σ weight·Σ g·(x − mean) / n · scale²   over the channels of a mean
    biases = Σ g,  weights = Σ g·(x − mean) · scale                            of each channel
    """
    with k.kernel("gather", gather_params(scale)) as (f, p):
        p.lanes = k.lanes(f64)
        numbers = p.count.to(f64).splat(p.lanes)

        def channels(outer: Value, c: Value, stop: Value, slope: Value) -> list[Value]:
            """The sums of a vector of channels, stored, and what they add to their mean's."""
            mask = f.mask(stop - c, p.lanes, f64)
            level, tilt = (
                _over_pieces(f, p, outer, c, lambda count, at, some=some: some[at].load(p.lanes))
                for some in (p.first, p.second)
            )
            p.biases[outer * p.channels + c].store(level, mask=mask)
            p.weights[outer * p.channels + c].store(tilt * slope, mask=mask)
            if has_weight:
                weight = p.weight[c].load(p.lanes, mask=f.mask(stop - c, p.lanes, scale)).to(f64)
                level, tilt = level * weight, tilt * weight
            return [level / numbers, tilt / numbers * slope * slope]

        if grouped:
            with f.dynamic_loop(p.next, p.outers * p.groups, 4) as mean_of:
                outer, group = divide(mean_of, p.groups)
                start, slope = group * p.each, p.scales[mean_of].broadcast(p.lanes)
                totals = [f.var(vec(f64, p.lanes), 0.0) for _ in range(2)]
                with f.loop(0, p.each, p.lanes) as c:
                    inside = f.mask(p.each - c, p.lanes, f64).i1(f64)
                    for total, value in zip(totals, channels(outer, start + c, start + p.each, slope)):
                        total.value = total.value + f.select(inside, value, f.const(value.type, 0.0))
                for pointer, total in zip((p.level, p.slope), totals):
                    pointer[mean_of].store(f.sum_lanes(total.value))
            return
        blocks = f.ceil_div(p.channels, BLOCK)
        with f.dynamic_loop(p.next, p.outers * blocks) as block:
            outer, start = divide(block, blocks)
            start = start * BLOCK
            stop = f.min(start + BLOCK, p.channels)
            with f.loop(start, stop, p.lanes) as c:
                mask, at = f.mask(stop - c, p.lanes, f64), outer * p.channels + c
                found = channels(outer, c, stop, p.scales[at].load(p.lanes, mask=mask))
                for pointer, value in zip((p.level, p.slope), found):
                    pointer[at].store(value, mask=mask)


def input_gradient_params(stored: Type, scale: Type, activation: str | None = None) -> Params:
    """The words of `input_gradient`; x's gradient goes to `y`."""
    results = {} if activation is None else {"result": ptr(stored)}
    return _params(
        x=ptr(stored), grad=ptr(stored), y=ptr(stored), statistics=ptr(f64), scales=ptr(f64), weight=ptr(scale),
        level=ptr(f64), slope=ptr(f64), **results,
    )  # fmt: skip


def emit_input_gradient(
    k: Module,
    stored: Type,
    number: Type,
    scale: Type,
    inner: str,
    grouped: bool,
    has_weight: bool,
    fixed: bool,
    activation: str | None = None,
) -> None:
    """Exports `input_gradient`:  y = scale·(g·weight − level − (x − mean)·slope); neither of these for `fixed`
    statistics."""
    with k.kernel("input_gradient", input_gradient_params(stored, scale, activation)) as (f, p):
        typed(k, p, stored, number)
        pointers = [local(f, p, inner) for _ in range(1 if fixed else 4)]

        def make(statistic: Callable, parameter: Callable) -> list[Value]:
            slope = statistic(p.scales)
            direct = slope * parameter(p.weight) if has_weight else slope
            if fixed:
                return [direct.to(p.number)]
            mean = statistic(p.statistics)
            near = mean.to(p.number)
            tilt = -(slope * statistic(p.slope))
            level = (near.to(f64) - mean) * tilt - slope * statistic(p.level)
            return [direct.to(p.number), near, tilt.to(p.number), level.to(p.number)]

        def result(at: Value, values: list[Value], mask: Mask | None) -> None:
            grad = _arriving(f, p, at, mask, activation)
            if fixed:
                y = grad * values[0]
            else:
                direct, near, tilt, level = values
                y = f.fma(grad, direct, f.fma(loaded(p, p.x[at], mask) - near, tilt, level))
            p.y[at].store(y.to(stored), mask=mask)

        _elementwise(f, p, inner, grouped, pointers, make, result)
