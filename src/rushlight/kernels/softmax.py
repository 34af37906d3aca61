"""softmax and log_softmax along one axis, and their gradients: a line stays in the nearest caches between its passes.

In: arrays without gaps, as lines of n numbers that are neighbours (`inner` 1), or `inner` apart. Out: the function that
does one item, some lines or columns of lines.

    y = exp(x − top) / Σ exp(x − top)               gradient = y·(g − Σ g·y)
    y = x − top − ln Σ exp(x − top)                 gradient = g − exp(y)·Σ g

Sums are float64, so that long lines lose nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from ..language.ir import Fields, Function, Module, Params, Pointer, Type, Value, f64, i64, ptr, vec
from ..language.loops import divide
from ..language.types import in_registers
from .mathematics import log
from .mathematics.exponential import exp_of_negative as exp
from .tails import Line, Tail

UNROLL = 4
"""Vectors under way at once: of a line where its largest number is looked for, of columns always."""


TOGETHER = 64
"""Lines under way at once; an item has fewer where they are long."""


class Form(NamedTuple):
    """What a kernel depends on: the numbers' type in memory, and what it computes of which lines."""

    stored: Type
    log: bool
    gradient: bool
    neighbours: bool

    def __str__(self) -> str:
        what = "log" * self.log + "gradient" * self.gradient
        return f"{self.stored.name} {what} {'lines' if self.neighbours else 'columns'}"

    @property
    def number(self) -> Type:
        """What numbers are in registers."""
        return in_registers(self.stored)


def softmax_params(form: Form) -> Params:
    """The words: results and operands (x, or the results before and their gradient), sizes, and what an item has."""
    arrays = ["y", "x", "grad"] if form.gradient else ["y", "x"]
    sizes = ["mode", "items", "outers", "n", "inner", "group", "span", "chunks"]
    return Params(**dict.fromkeys(arrays, ptr(form.stored)), **dict.fromkeys(sizes, i64))


def emit_softmax(k: Module, form: Form) -> Function:
    """The function that does an item: `group` lines, or `span` columns of the lines of one outer position."""
    params = softmax_params(form)
    arrays = [(name, type) for name, type in params.types.items() if type.kind == "p"]
    with k.function("item", [("words", ptr(i64)), *arrays, ("index", i64)], inline=False, distinct=False) as (
        f,
        words,
        *pointers,
        index,
    ):
        p = params.read(f, words)
        if form.neighbours:
            lines, first = _Lines(f, form, p, pointers), index * p.group
            last = f.min(first + p.group, p.outers)
            with f.loop(first, last, TOGETHER) as start:
                lines.some(start, f.min(last - start, TOGETHER))
        else:
            outer, chunk = divide(index, p.chunks)
            first = chunk * p.span
            last, lanes = f.min(first + p.span, p.inner), k.lanes(form.number)
            wide = 2 * UNROLL if form.gradient else UNROLL
            block = wide * lanes
            many = first + (last - first) // block * block
            starts = [pointer[outer * p.n * p.inner] for pointer in pointers]
            with f.loop(first, many, block) as c:
                _columns(f, form, p, [start[c] for start in starts], wide, None)
            with f.loop(many, last, lanes) as c:
                _columns(f, form, p, [start[c] for start in starts], 1, Tail(f, f.min(last - c, lanes), lanes))
    return f


class _Lines:
    """Lines of neighbours: some of them, then what their sums need, then these lines again."""

    def __init__(self, f: Function, form: Form, p: Fields, pointers: list[Pointer]) -> None:
        self.f, self.form, self.p, self.pointers = f, form, p, pointers
        self.part = Line(f, form.stored, form.number)
        self.lanes = self.part.lanes
        self.whole = p.n // self.lanes * self.lanes
        self.tops, self.totals = f.local(form.number, TOGETHER), f.local(f64, TOGETHER)

    def some(self, first: Value, count: Value) -> None:
        """As many lines as there is room for, from the first on."""
        f = self.f
        with f.loop(0, count, sure=True) as n:
            self.sum(n, self.line(first + n))
        if not self.form.gradient:
            lanes = f.module.lanes(f64)
            with f.loop(0, count, lanes, sure=True) as n:
                total = self.totals[n].load(lanes)
                self.totals[n].store(log(f, total) if self.form.log else 1.0 / total)
        with f.loop(0, count, sure=True) as n:
            self.write(n, self.line(first + n))

    def line(self, number: Value) -> list[Pointer]:
        """Where a line begins, in each array."""
        return [pointer[number * self.p.n] for pointer in self.pointers]

    def each(self, body: Callable) -> None:
        """A line's vectors."""
        f = self.f
        with f.loop(0, self.whole, self.lanes) as i:
            body(i, None)
        with f.if_(self.whole < self.p.n):
            body(self.whole, Tail(f, self.p.n - self.whole, self.lanes))

    def sum(self, n: Value, line: list[Pointer]) -> None:
        """What the results need of a line."""
        f, part, form = self.f, self.part, self.form
        total = f.var(vec(f64, self.lanes), 0.0)
        if form.gradient:
            term = self.product(line)
        else:
            top = _largest(f, part, line[1], self.whole, self.p.n)
            self.tops[n].store(top)
            term = self.power(line, top.splat(self.lanes))

        def add(i: Value, tail: Tail | None) -> None:
            total.value = total.value + part.inside(term(i, tail), tail, 0.0).to(f64)

        self.each(add)
        self.totals[n].store(f.sum_lanes(total.value))

    def product(self, line: list[Pointer]) -> Callable:
        """A gradient's terms."""
        _, y, grad = line

        def term(i: Value, tail: Tail | None) -> Value:
            value = self.part.load(grad[i], tail)
            return value if self.form.log else value * self.part.load(y[i], tail)

        return term

    def power(self, line: list[Pointer], top: Value) -> Callable:
        """Powers, kept where the results will be if that rounds nothing."""
        y, x = line

        def term(i: Value, tail: Tail | None) -> Value:
            value = exp(self.f, self.part.load(x[i], tail) - top)
            if _kept(self.form):
                self.part.store(y[i], value, tail)
            return value

        return term

    def write(self, n: Value, line: list[Pointer]) -> None:
        """A line's results."""
        f, part, form, lanes = self.f, self.part, self.form, self.lanes
        total = self.totals[n].load().to(form.number).splat(lanes)
        if form.gradient:
            y, x, grad = line
            self.each(lambda i, tail: part.store(
                y[i], _slope(f, form, part.load(x[i], tail), part.load(grad[i], tail), total), tail
            ))  # fmt: skip
            return
        (y, x), top = line, self.tops[n].load().splat(lanes)
        if form.log:
            self.each(lambda i, tail: part.store(y[i], (part.load(x[i], tail) - top) - total, tail))
        else:
            self.each(lambda i, tail: part.store(y[i], _power(f, form, part, y[i], x[i], top, tail) * total, tail))


def _kept(form: Form) -> bool:
    """Whether the powers are kept where the results will be; halves would round them."""
    return not form.log and form.stored is form.number


def _power(f: Function, form: Form, part: Line, y: Pointer, x: Pointer, near: Value, tail: Tail | None) -> Value:
    return part.load(y, tail) if _kept(form) else exp(f, part.load(x, tail) - near)


def _slope(f: Function, form: Form, y: Value, grad: Value, total: Value) -> Value:
    return grad - exp(f, y) * total if form.log else y * (grad - total)


def _largest(f: Function, part: Line, x: Pointer, whole: Value, n: Value) -> Value:
    """The largest number of a line; NaN or not where one is."""
    lanes = part.lanes
    tops = [f.var(part.type, -math.inf) for _ in range(UNROLL)]
    many = whole // (UNROLL * lanes) * (UNROLL * lanes)
    with f.loop(0, many, UNROLL * lanes) as i:
        for at, top in enumerate(tops):
            top.value = f.max(part.load(x[i + at * lanes], None), top.value)
    with f.loop(many, whole, lanes) as i:
        tops[0].value = f.max(part.load(x[i], None), tops[0].value)
    with f.if_(whole < n):
        tail = Tail(f, n - whole, lanes)
        tops[0].value = f.max(part.inside(part.load(x[whole], tail), tail, -math.inf), tops[0].value)
    a, b, c, d = (top.value for top in tops)
    top = f.max(f.max(a, b), f.max(c, d))
    while top.type.lanes > 1:
        half = top.type.lanes // 2
        top = f.max(f.part(top, 0, half), f.part(top, half, half))
    return top[0]


def _columns(f: Function, form: Form, p: Fields, pointers: list[Pointer], count: int, tail: Tail | None) -> None:
    """Some vectors of columns, whose lines go across."""
    part = Line(f, form.stored, form.number)
    lanes = part.lanes

    def each(body: Callable) -> None:
        with f.loop(0, p.n, sure=True) as i:
            here = [pointer[i * p.inner] for pointer in pointers]
            for n in range(count):
                body(n, *[pointer[n * lanes] for pointer in here])

    def totals_of(term: Callable) -> list[Value]:
        totals = [f.var(vec(f64, lanes), 0.0) for _ in range(count)]

        def add(n: int, *here: Pointer) -> None:
            totals[n].value = totals[n].value + term(n, *here).to(f64)

        each(add)
        return [total.value for total in totals]

    if form.gradient:

        def term(n: int, y: Pointer, x: Pointer, grad: Pointer) -> Value:
            value = part.load(grad, tail)
            y.prefetch(write=True)
            return value if form.log else value * part.load(x, tail)

        totals = [total.to(form.number) for total in totals_of(term)]
        each(lambda n, y, x, grad: part.store(
            y, _slope(f, form, part.load(x, tail), part.load(grad, tail), totals[n]), tail
        ))  # fmt: skip
        return
    tops = [f.var(part.type, -math.inf) for _ in range(count)]

    def compare(n: int, y: Pointer, x: Pointer) -> None:
        tops[n].value = f.max(part.load(x, tail), tops[n].value)

    each(compare)
    near = [top.value for top in tops]

    def power(n: int, y: Pointer, x: Pointer) -> Value:
        value = exp(f, part.load(x, tail) - near[n])
        if _kept(form):
            part.store(y, value, tail)
        else:
            y.prefetch(write=True)
        return value

    totals = totals_of(power)
    if form.log:
        shifts = [log(f, total).to(form.number) for total in totals]
        each(lambda n, y, x: part.store(y, (part.load(x, tail) - near[n]) - shifts[n], tail))
        return
    shares = [(1.0 / total).to(form.number) for total in totals]
    each(lambda n, y, x: part.store(y, _power(f, form, part, y, x, near[n], tail) * shares[n], tail))
