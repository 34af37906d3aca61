"""Cross entropy of what is not normalised yet: losses and probabilities in one pass, the gradient in another.

In: x as lines of n numbers (see `kernels.softmax`), the class of each line, or a probability for each number, and a
factor for each class. Out: the function that does one item.

    q = weight·((1 − smoothing)·[class is the target's] + smoothing / n)        (or the target's probability for [ ])
    loss = Σ q·(ln Σ exp(x − top) − (x − top))
    gradient = g·(p·Σ q − q),  p = exp(x − top) / Σ exp(x − top)

Lines whose class is `ignore` have no loss, no weight and no gradient.
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

TOGETHER = 64
"""Lines, or columns, under way at once."""


class Form(NamedTuple):
    """What a kernel depends on: the numbers' type in memory, and what is given or wanted."""

    stored: Type
    gradient: bool
    neighbours: bool
    soft: bool  # whether targets are probabilities
    weighted: bool
    smoothed: bool
    kept: bool  # whether probabilities are wanted

    def __str__(self) -> str:
        words = [name for name, value in zip(self._fields[1:], self[1:]) if value]
        return " ".join([self.stored.name, *words])

    @property
    def number(self) -> Type:
        """What numbers are in registers."""
        return in_registers(self.stored)


def cross_entropy_params(form: Form) -> Params:
    """The words. Of a loss: losses and weights of lines, probabilities, and what was no class; of a gradient: it, the
    probabilities, the sum of the factors of classes, and the factor of each line, `step` apart."""
    stored, target = ptr(form.stored), ptr(form.stored if form.soft else i64)
    if form.gradient:
        arrays = {"y": stored, "x": stored, "target": target, "weight": stored, "whole": ptr(f64), "factors": ptr(f64)}
    else:
        arrays = {
            "x": stored, "target": target, "weight": stored, "y": stored, "losses": ptr(f64), "weights": ptr(f64),
            "wrong": ptr(i64),
        }  # fmt: skip
    sizes = ["mode", "items", "outers", "n", "inner", "group", "span", "chunks", "ignore", "step"]
    return Params(**arrays, **dict.fromkeys(sizes, i64), smoothing=f64)


def emit_cross_entropy(k: Module, form: Form) -> Function:
    """The function that does an item: `group` lines, or `span` columns of the lines of one outer position."""
    params = cross_entropy_params(form)
    arrays = [(name, type) for name, type in params.types.items() if type.kind == "p"]
    with k.function("item", [("words", ptr(i64)), *arrays, ("index", i64)], inline=False, distinct=False) as (
        f,
        words,
        *pointers,
        index,
    ):
        p = params.read(f, words)
        for (name, _), pointer in zip(arrays, pointers):
            setattr(p, name, pointer)
        make = _Gradients if form.gradient else _Losses
        if form.neighbours:
            first = index * p.group
            last = f.min(first + p.group, p.outers)
            lines = make(f, form, p)
            with f.loop(first, last, TOGETHER) as start:
                lines.several(start, f.min(last - start, TOGETHER))
        else:
            outer, chunk = divide(index, p.chunks)
            first = chunk * p.span
            last, lanes = f.min(first + p.span, p.inner), k.lanes(form.number)
            columns = make(f, form, p)
            with f.loop(first, last, lanes) as c:
                columns.across(outer, c, f.min(last - c, lanes))
    return f


class _Lines(Line):
    """Lines of neighbours, or lines across a vector of columns."""

    def __init__(self, f: Function, form: Form, p: Fields) -> None:
        super().__init__(f, form.stored, form.number)
        self.form, self.p = form, p
        # (1 − smoothing) and smoothing / n
        self.share = p.smoothing / p.n.to(f64)
        self.rest = 1.0 - p.smoothing

    # -- numbers

    def broadcast(self, value: Value) -> Value:
        """A double in every lane, as a number."""
        return value.to(self.form.number).splat(self.lanes)

    def along(self, body: Callable) -> None:
        """A line of neighbours, a vector at a time: where, and the tail."""
        f, p, lanes = self.f, self.p, self.lanes
        whole = p.n // lanes * lanes
        with f.loop(0, whole, lanes) as i:
            body(i, None)
        with f.if_(whole < p.n):
            body(whole, Tail(f, p.n - whole, lanes))

    def wanted(self, target: Pointer | None, weight: Value | None, tail: Tail | None) -> Value:
        """q of probabilities, or of all classes but the target's own share."""
        q = self.broadcast(self.share)
        if self.form.soft:
            given = self.load(target, tail) * self.broadcast(self.rest)
            q = given + q if self.form.smoothed else given
        return q if weight is None else q * weight

    def weight_along(self, i: Value, tail: Tail | None) -> Value | None:
        """The factors of neighbouring classes."""
        return self.load(self.p.weight[i], tail) if self.form.weighted else None

    def weight_across(self, i: Value) -> Value | None:
        """The factor of one class, in every lane."""
        return self.p.weight[i].load().to(self.form.number).splat(self.lanes) if self.form.weighted else None

    def class_of(self, line: Value) -> tuple[Value, Value, Value]:
        """The class of a line or 0, whether it counts, and its factor; what is no class is told."""
        f, p = self.f, self.p
        given = p.target[line].load()
        counts = given.compare("!=", p.ignore)
        there = f.both(given >= 0, given < p.n)
        if not self.form.gradient:
            with f.if_(f.both(counts, f.select(there, f.const(i64, 0), f.const(i64, 1)) != 0)):
                p.wrong[0].store(1)
                p.wrong[1].store(given)
        counts = f.both(counts, there)
        at = f.select(counts, given, f.const(i64, 0))
        weight = p.weight[at].load().to(self.form.number).to(f64) if self.form.weighted else f.const(f64, 1.0)
        return at, counts, weight


class _Losses(_Lines):
    """Losses of lines, and their probabilities."""

    def __init__(self, f: Function, form: Form, p: Fields) -> None:
        super().__init__(f, form, p)
        room = TOGETHER + 16
        self.tops = f.local(form.number, room)
        self.totals, self.logs, self.shares = (f.local(f64, room) for _ in range(3))
        self.sums = [f.local(f64, room) for _ in range(2)]  # Σ q and Σ q·(x − top), but for the target's own share

    @property
    def summed(self) -> bool:
        """Whether all classes have a share in the loss."""
        return self.form.soft or self.form.smoothed

    def several(self, first: Value, count: Value) -> None:
        """Some lines of neighbours."""
        f, p, form = self.f, self.p, self.form
        with f.loop(0, count, sure=True) as n:
            at = (first + n) * p.n
            x, y = p.x[at], p.y[at]
            top = self.largest(x)
            self.tops[n].store(top)
            near = top.splat(self.lanes)
            sums = [f.var(vec(f64, self.lanes), 0.0) for _ in range(3)]

            def add(i: Value, tail: Tail | None) -> None:
                off = self.load(x[i], tail) - near
                power = exp(f, off)
                if form.kept and form.stored is form.number:
                    self.store(y[i], power, tail)
                terms = [power]
                if self.summed:
                    q = self.wanted(p.target[at + i] if form.soft else None, self.weight_along(i, tail), tail)
                    terms += [q, q * off]
                for total, term in zip(sums, terms):
                    total.value = total.value + self.inside(term, tail, 0.0).to(f64)

            self.along(add)
            for pointer, total in zip((self.totals, *self.sums), sums):
                pointer[n].store(f.sum_lanes(total.value))
        self.settle(count)
        with f.loop(0, count, sure=True) as n:
            line = first + n
            self.finish(line, n, lambda at: p.x[line * p.n + at])
            if form.kept:
                share, near = self.broadcast(self.shares[n].load()), self.tops[n].load().splat(self.lanes)
                x, y = p.x[line * p.n], p.y[line * p.n]
                self.along(lambda i, tail: self.store(y[i], self.power(x[i], y[i], near, tail) * share, tail))

    def power(self, x: Pointer, y: Pointer, near: Value, tail: Tail | None) -> Value:
        """A power, kept before where that rounds nothing."""
        if self.form.stored is self.form.number:
            return self.load(y, tail)
        return exp(self.f, self.load(x, tail) - near)

    def largest(self, x: Pointer) -> Value:
        """The largest number of a line."""
        f = self.f
        best = f.var(self.type, -math.inf)

        def compare(i: Value, tail: Tail | None) -> None:
            best.value = f.max(self.inside(self.load(x[i], tail), tail, -math.inf), best.value)

        self.along(compare)
        top = best.value
        while top.type.lanes > 1:
            half = top.type.lanes // 2
            top = f.max(f.part(top, 0, half), f.part(top, half, half))
        return top[0]

    def across(self, outer: Value, c: Value, count: Value) -> None:
        """A vector of columns."""
        f, p, form = self.f, self.p, self.form
        start = outer * p.n * p.inner + c
        tail = Tail(f, count, self.lanes)
        best = f.var(self.type, -math.inf)
        with f.loop(0, p.n, sure=True) as i:
            best.value = f.max(self.load(p.x[start + i * p.inner], tail), best.value)
        near = best.value
        sums = [f.var(vec(f64, self.lanes), 0.0) for _ in range(3)]
        with f.loop(0, p.n, sure=True) as i:
            at = start + i * p.inner
            off = self.load(p.x[at], tail) - near
            terms = [exp(f, off)]
            if form.kept and form.stored is form.number:
                self.store(p.y[at], terms[0], tail)
            if self.summed:
                q = self.wanted(p.target[at] if form.soft else None, self.weight_across(i), tail)
                terms += [q, q * off]
            for total, term in zip(sums, terms):
                total.value = total.value + term.to(f64)
        self.tops[0].store(near)
        for pointer, total in zip((self.totals, *self.sums), sums):
            pointer[0].store(total.value)
        self.settle(count)
        line = outer * p.inner + c
        with f.loop(0, count, sure=True) as n:
            self.finish(line + n, n, lambda at: p.x[start + at * p.inner + n])
        if form.kept:
            share = self.shares[0].load(self.lanes).to(form.number)
            with f.loop(0, p.n, sure=True) as i:
                at = start + i * p.inner
                self.store(p.y[at], self.power(p.x[at], p.y[at], near, tail) * share, tail)

    def settle(self, count: Value) -> None:
        """Of totals their logarithms and what they are divided by."""
        f = self.f
        lanes = f.module.lanes(f64)
        with f.loop(0, count, lanes, sure=True) as n:
            total = self.totals[n].load(lanes)
            self.logs[n].store(log(f, total))
            self.shares[n].store(1.0 / total)

    def finish(self, line: Value, n: Value, where: Callable) -> None:
        """The loss of a line, and its weight."""
        f, p, form = self.f, self.p, self.form
        logarithm = self.logs[n].load()
        loss = f.const(f64, 0.0)
        if self.summed:
            loss = self.sums[0][n].load() * logarithm - self.sums[1][n].load()
        if form.soft:
            p.losses[line].store(loss)
            return
        at, counts, weight = self.class_of(line)
        off = where(at).load().to(form.number) - self.tops[n].load()
        own = weight * (logarithm - off.to(f64))
        loss = own * self.rest + loss if self.summed else own
        p.losses[line].store(f.select(counts, loss, f.const(f64, 0.0)))
        p.weights[line].store(f.select(counts, weight, f.const(f64, 0.0)))


class _Gradients(_Lines):
    """The gradient of x, from probabilities."""

    def factor(self, line: Value) -> Value:
        """g of a line."""
        return self.p.factors[line * self.p.step].load()

    def several(self, first: Value, count: Value) -> None:
        """Some lines of neighbours."""
        f, p, form = self.f, self.p, self.form
        with f.loop(0, count, sure=True) as n:
            line = first + n
            start, factor = line * p.n, self.factor(line)
            y, x = p.y[start], p.x[start]
            if form.soft:
                total = f.var(vec(f64, self.lanes), 0.0)

                def add(i: Value, tail: Tail | None) -> None:
                    q = self.wanted(p.target[start + i], self.weight_along(i, tail), tail)
                    total.value = total.value + self.inside(q, tail, 0.0).to(f64)

                self.along(add)
                slope, own = self.broadcast(f.sum_lanes(total.value) * factor), self.broadcast(factor)

                def write(i: Value, tail: Tail | None) -> None:
                    q = self.wanted(p.target[start + i], self.weight_along(i, tail), tail)
                    self.store(y[i], self.load(x[i], tail) * slope - q * own, tail)

                self.along(write)
            else:
                at, slope, share, shift = self.parts(line, factor)
                slope_, share_ = self.broadcast(slope), self.broadcast(share)

                def plain(i: Value, tail: Tail | None) -> None:
                    self.store(y[i], self.slope(x[i], slope_, share_, self.weight_along(i, tail), tail), tail)

                self.along(plain)
                self.put(y[at], x[at], at, slope, share, shift)

    def parts(self, line: Value, factor: Value) -> tuple[Value, Value, Value, Value]:
        """Of a line: its class, what probabilities are multiplied by, and what is taken off all classes' and its."""
        f, p = self.f, self.p
        at, counts, weight = self.class_of(line)
        factor = f.select(counts, factor, f.const(f64, 0.0))
        shift = factor * weight
        slope, share = shift, f.const(f64, 0.0)
        if self.form.smoothed:
            shift = shift * self.rest
            share = factor * self.share
            slope = shift + share * p.whole[0].load()
        return at, slope, share, shift

    def slope(self, x: Pointer, slope: Value, share: Value, weight: Value | None, tail: Tail | None) -> Value:
        """The gradient, but for the class of the target."""
        value = self.load(x, tail) * slope
        if not self.form.smoothed:
            return value
        return value - (share if weight is None else share * weight)

    def put(self, y: Pointer, x: Pointer, at: Value, slope: Value, share: Value, shift: Value) -> None:
        """The gradient at the class of the target."""
        f, number = self.f, self.form.number
        value = x.load().to(number).to(f64) * slope
        if self.form.smoothed:
            weight = self.p.weight[at].load().to(number).to(f64) if self.form.weighted else f.const(f64, 1.0)
            value = value - share * weight
        y.store((value - shift).to(number).to(self.form.stored))

    def across(self, outer: Value, c: Value, count: Value) -> None:
        """A vector of columns."""
        f, p, form, lanes = self.f, self.p, self.form, self.lanes
        start, line = outer * p.n * p.inner + c, outer * p.inner + c
        tail = Tail(f, count, lanes)
        pointers = [f.local(f64, lanes) for _ in range(3)]
        for pointer in pointers:
            pointer.store(f.const(vec(f64, lanes), 0.0))
        if form.soft:
            total = f.var(vec(f64, lanes), 0.0)
            with f.loop(0, p.n, sure=True) as i:
                q = self.wanted(p.target[start + i * p.inner], self.weight_across(i), tail)
                total.value = total.value + q.to(f64)
            with f.loop(0, count, sure=True) as n:
                pointers[1][n].store(self.factor(line + n))
            own = pointers[1].load(lanes)
            slope, own = (total.value * own).to(form.number), own.to(form.number)
            with f.loop(0, p.n, sure=True) as i:
                at = start + i * p.inner
                q = self.wanted(p.target[at], self.weight_across(i), tail)
                self.store(p.y[at], self.load(p.x[at], tail) * slope - q * own, tail)
            return
        with f.loop(0, count, sure=True) as n:
            _, *found = self.parts(line + n, self.factor(line + n))
            for pointer, value in zip(pointers, found):
                pointer[n].store(value)
        slope, share = (pointer.load(lanes).to(form.number) for pointer in pointers[:2])
        with f.loop(0, p.n, sure=True) as i:
            at = start + i * p.inner
            self.store(p.y[at], self.slope(p.x[at], slope, share, self.weight_across(i), tail), tail)
        with f.loop(0, count, sure=True) as n:
            at, *_ = self.class_of(line + n)
            here = start + at * p.inner + n
            self.put(p.y[here], p.x[here], at, *[pointer[n].load() for pointer in pointers])
