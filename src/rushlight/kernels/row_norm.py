"""Normalisation of rows: layer norm and RMS norm over the last axes, and their gradients.

In: rows of neighbours, each with a mean and a variance of its own, and a weight and a bias for each column. Out: the
kernels `rows`, which reads each row thrice from the nearest cache, and `row_grads`, which writes x's gradient and,
block by block, partial sums of weight's and bias's (added by `partial_sums`). Four rows go together; each is
computed as if it were alone, so its bits do not depend on others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

from ..language.ir import Fields, Function, Mask, Module, Params, Pointer, Type, Value, f64, i64, ptr, vec
from .channel_pieces import kept, loaded, tree, typed

ROWS = 4
"""Rows under way at once."""

RUN = 1024
"""Neighbours that are added up before their sum joins others, in double precision: long sums round more."""


def rows_params(stored: Type, scale: Type) -> Params:
    """The words of `rows`: `block` rows are taken at once; `share` is 1 / width."""
    pointers = dict.fromkeys(["x", "y", "residual"], ptr(stored))
    return Params(
        **pointers, statistics=ptr(f64), weight=ptr(scale), bias=ptr(scale), eps=f64, share=f64,
        **dict.fromkeys(["rows", "width", "block"], i64),
    )  # fmt: skip


def row_grads_params(stored: Type, number: Type, scale: Type) -> Params:
    """The words of `row_grads`: x's gradient goes to `y`, sums of each block of rows to `weights` and `biases`."""
    return Params(
        x=ptr(stored), grad=ptr(stored), y=ptr(stored), statistics=ptr(f64), weight=ptr(scale), weights=ptr(number),
        biases=ptr(number), share=f64, **dict.fromkeys(["rows", "width", "block"], i64),
    )  # fmt: skip


def emit_rows(
    k: Module,
    stored: Type,
    number: Type,
    scale: Type,
    short: bool,
    centred: bool,
    has: tuple[bool, bool, bool],
    activation: str | None,
) -> None:
    """Exports `rows`:  y = activation((x − mean)·scale·weight + bias + residual); `has` weight, bias, residual.

    `short`: rows are of no more than a run."""
    has_weight, has_bias, has_residual = has
    with k.kernel("rows", rows_params(stored, scale)) as (f, p), _blocks(f, p) as (first, last):
        typed(k, p, stored, number)
        _masks(f, p, scale)

        def some(rows: list[Value]) -> None:
            starts = [row * p.width for row in rows]
            near = _near(f, p, short, starts) if centred else None
            means, scales = [], []
            sums = _sums_off(f, p, short, starts, near)
            for n, row in enumerate(rows):
                if centred:
                    off = sums[0][n].to(f64) * p.share
                    mean = near[n].to(f64) + off
                    variance = f.max(0.0, sums[1][n].to(f64) * p.share - off * off)
                else:
                    mean, variance = f.const(f64, 0.0), sums[0][n].to(f64) * p.share
                slope = 1.0 / f.sqrt(variance + p.eps)
                for i, value in enumerate((mean, variance, slope)):
                    p.statistics[p.rows * i + row].store(value)
                means.append(mean)
                scales.append(slope)
            normal = [_Normal(f, p, mean, slope, centred) for mean, slope in zip(means, scales)]

            def result(i: Value, mask: Mask | None, scale_mask: Mask | None) -> None:
                weight = _parameter(p, p.weight, i, scale_mask) if has_weight else None
                bias = _parameter(p, p.bias, i, scale_mask) if has_bias else None
                for start, of in zip(starts, normal):
                    y = of(loaded(p, p.x[start + i], mask))
                    if has_weight and has_bias:
                        y = f.fma(y, weight, bias)
                    else:
                        y = y * weight if has_weight else y + bias if has_bias else y
                    y = y + loaded(p, p.residual[start + i], mask) if has_residual else y
                    y = f.max(0.0, y) if activation == "relu" else y
                    p.y[start + i].store(y.to(stored), mask=mask)

            _each(f, p, result)

        _in_fours(f, first, last, some)


def emit_row_grads(
    k: Module,
    stored: Type,
    number: Type,
    scale: Type,
    short: bool,
    centred: bool,
    has_weight: bool,
    wanted: tuple[bool, bool, bool],
) -> None:
    """Exports `row_grads`:

    y = scale·(u − mean(u) − normal·mean(u·normal)),  u = g·weight,  normal = (x − mean)·scale
    weights = Σ g·normal,  biases = Σ g     over the rows of a block
    """
    of_x, of_weight, of_bias = wanted
    sums = [name for name, asked in (("weights", of_weight), ("biases", of_bias)) if asked]
    with k.kernel("row_grads", row_grads_params(stored, number, scale)) as (f, p), _blocks(f, p) as (first, last):
        typed(k, p, stored, number)
        _masks(f, p, scale)
        own = (first // p.block) * p.width
        pointers = {name: getattr(p, name)[own] for name in sums}
        zero = f.const(vec(number, p.lanes), 0.0)

        def clear(i: Value, mask: Mask | None, scale_mask: Mask | None) -> None:
            for pointer in pointers.values():
                pointer[i].store(zero, mask=None if mask is None else p.number_tail)

        if pointers:
            _each(f, p, clear)

        def some(rows: list[Value]) -> None:
            starts = [row * p.width for row in rows]
            slopes = [p.statistics[2 * p.rows + row].load() for row in rows]
            normal = [_Normal(f, p, p.statistics[row].load(), slope, centred) for row, slope in zip(rows, slopes)]

            def scaled(i: Value, n: int, mask: Mask | None, scale_mask: Mask | None) -> Value:
                grad = loaded(p, p.grad[starts[n] + i], mask)
                return grad * _parameter(p, p.weight, i, scale_mask) if has_weight else grad

            def terms(i: Value, n: int, mask: Mask | None) -> list[Value]:
                u = scaled(i, n, mask, None if mask is None else p.scale_tail)
                tilt = u * kept(f, p, normal[n](loaded(p, p.x[starts[n] + i], mask)), mask)
                return [u, tilt] if centred else [tilt]

            means = []
            if of_x:
                totals = _sums(f, p, short, len(rows), 2 if centred else 1, terms)
                means = [[(total.to(f64) * p.share).to(number).splat(p.lanes) for total in each] for each in totals]
            scales = [slope.to(number).splat(p.lanes) for slope in slopes]

            def result(i: Value, mask: Mask | None, scale_mask: Mask | None) -> None:
                weight = _parameter(p, p.weight, i, scale_mask) if has_weight and of_x else None
                grads, tilts = [], []
                for n, (start, of) in enumerate(zip(starts, normal)):
                    grad, x = loaded(p, p.grad[start + i], mask), of(loaded(p, p.x[start + i], mask))
                    grads.append(grad)
                    tilts.append(grad * x)
                    if of_x:
                        u = grad if weight is None else grad * weight
                        u = u - means[0][n] if centred else u
                        y = (u - x * means[-1][n]) * scales[n]
                        p.y[start + i].store(y.to(stored), mask=mask)
                number_mask = None if mask is None else p.number_tail
                for name, values in (("weights", tilts), ("biases", grads)):
                    if name in pointers:
                        pointer = pointers[name][i]
                        pointer.store(pointer.load(p.lanes, mask=number_mask) + tree(values), mask=number_mask)

            _each(f, p, result)

        _in_fours(f, first, last, some)


class _Normal:
    """(x − mean)·scale of vectors of one row. The mean's rounding is added again."""

    def __init__(self, f: Function, p: Fields, mean: Value, slope: Value, centred: bool) -> None:
        self.f, self.centred = f, centred
        near = mean.to(p.number)
        self.near = near.splat(p.lanes)
        self.slope = slope.to(p.number).splat(p.lanes)
        self.rest = ((near.to(f64) - mean) * slope).to(p.number).splat(p.lanes) if centred else None

    def __call__(self, x: Value) -> Value:
        return self.f.fma(x - self.near, self.slope, self.rest) if self.centred else x * self.slope


@contextmanager
def _blocks(f: Function, p: Fields) -> Iterator[tuple[Value, Value]]:
    """Takes blocks of rows: the first one, and the one behind the last."""
    with f.dynamic_loop(p.next, f.ceil_div(p.rows, p.block)) as block:
        first = block * p.block
        yield first, f.min(first + p.block, p.rows)


def _in_fours(f: Function, first: Value, last: Value, some: Callable[[list[Value]], None]) -> None:
    """`some(rows)` for all rows: four at a time, then one."""
    many = first + (last - first) // ROWS * ROWS
    with f.loop(first, many, ROWS) as row:
        some([row + n for n in range(ROWS)])
    with f.loop(many, last) as row:
        some([row])


def _masks(f: Function, p: Fields, scale: Type) -> None:
    """Masks of what is behind the last whole vector, for each type in memory."""
    left = p.width % p.lanes
    p.tail = f.mask(left, p.lanes, p.stored)
    p.scale_tail, p.number_tail = f.mask(left, p.lanes, scale), f.mask(left, p.lanes, p.number)
    p.whole = p.width - left


def _each(f: Function, p: Fields, do: Callable[[Value, Mask | None, Mask | None], None]) -> None:
    """`do(column, mask, mask of parameters)` for all vectors of a row."""
    with f.loop(0, p.whole, p.lanes) as i:
        do(i, None, None)
    with f.if_(p.whole < p.width):
        do(p.whole, p.tail, p.scale_tail)


def _parameter(p: Fields, of: Pointer, i: Value, mask: Mask | None) -> Value:
    return of[i].load(p.lanes, mask=mask).to(p.number)


def _sums(
    f: Function, p: Fields, short: bool, rows: int, of: int, terms: Callable[[Value, int, Mask | None], list[Value]]
) -> list[list[Value]]:
    """For each of the `of` vectors that `terms(column, row, mask)` gives, their sum over each row."""
    kind = p.number if short else f64
    totals = [[f.var(vec(kind, p.lanes), 0.0) for _ in range(rows)] for _ in range(of)]
    parts = totals if short else [[f.var(vec(p.number, p.lanes), 0.0) for _ in range(rows)] for _ in range(of)]

    def add(i: Value, mask: Mask | None) -> None:
        for n in range(rows):
            for part, term in zip(parts, terms(i, n, mask)):
                part[n].value = part[n].value + term

    with nullcontext(0) if short else f.loop(0, p.width, RUN, sure=True) as start:
        stop = p.whole if short else f.min(start + RUN, p.whole)
        with f.loop(start, stop, p.lanes) as i:
            add(i, None)
        if not short:
            for total, part in zip(totals, parts):
                for n in range(rows):
                    total[n].value = total[n].value + part[n].value.to(f64)
                    part[n].value = f.const(vec(p.number, p.lanes), 0.0)
    with f.if_(p.whole < p.width):
        add(p.whole, p.tail)
    if not short:
        for total, part in zip(totals, parts):
            for n in range(rows):
                total[n].value = total[n].value + part[n].value.to(f64)
    return [f.sum_each([some.value for some in total]) for total in totals]


def _near(f: Function, p: Fields, short: bool, starts: list[Value]) -> list[Value]:
    """A number near those of each row: its mean, roughly."""
    totals = _sums(f, p, short, len(starts), 1, lambda i, n, mask: [loaded(p, p.x[starts[n] + i], mask)])
    return [(total.to(f64) * p.share).to(p.number) for total in totals[0]]


def _sums_off(f: Function, p: Fields, short: bool, starts: list[Value], near: list[Value] | None) -> list[list[Value]]:
    """Σ and Σ of squares of what each row's numbers are off a number near them; Σ of squares alone without one."""
    shifts = None if near is None else [shift.splat(p.lanes) for shift in near]

    def terms(i: Value, n: int, mask: Mask | None) -> list[Value]:
        x = loaded(p, p.x[starts[n] + i], mask)
        if shifts is None:
            return [x * x]
        off = kept(f, p, x - shifts[n], mask)
        return [off, off * off]

    return _sums(f, p, short, len(starts), 1 if near is None else 2, terms)
