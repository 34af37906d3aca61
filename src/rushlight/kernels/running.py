"""Running sums and products along one axis, from its first entry or from its last.

In: an array without gaps, as lines of n numbers that are neighbours (`inner` 1), or `inner` apart. Out: the function
that does one item, some lines or columns of lines. Floats are added in float64 and rounded where they are written;
integers wrap around.
"""

from __future__ import annotations

from typing import NamedTuple

from ..language.ir import Function, Module, Params, Pointer, Type, Value, f64, i64, ptr, vec
from ..language.loops import divide
from ..rules.expression import is_float
from .steps import in_memory
from .tails import Tail, load, store

UNROLL = 4
"""Vectors of columns under way at once."""


class Form(NamedTuple):
    """What a kernel depends on: the dtype, "sum" or "prod", where lines begin, and whether they are of neighbours."""

    dtype: str
    kind: str
    backwards: bool
    neighbours: bool

    def __str__(self) -> str:
        way = "backwards" if self.backwards else "forwards"
        return f"{self.dtype} {self.kind} {way} {'lines' if self.neighbours else 'columns'}"

    @property
    def number(self) -> Type:
        """What numbers are added in."""
        return f64 if is_float(self.dtype) else i64


def running_params(form: Form) -> Params:
    """The words: results, operands, sizes, and what an item has."""
    sizes = ["mode", "items", "outers", "n", "inner", "group", "span", "chunks"]
    return Params(**dict.fromkeys(["y", "x"], ptr(in_memory(form.dtype))), **dict.fromkeys(sizes, i64))


def emit_running(k: Module, form: Form) -> Function:
    """The function that does an item: `group` lines, or `span` columns of the lines of one outer position."""
    of = ptr(in_memory(form.dtype))
    parameters = [("words", ptr(i64)), ("y", of), ("x", of), ("index", i64)]
    with k.function("item", parameters, inline=False, distinct=False) as (f, words, y, x, index):
        p = running_params(form).read(f, words)
        lanes = k.lanes(form.number)
        if form.neighbours:
            first = index * p.group
            with f.loop(first, f.min(first + p.group, p.outers)) as line:
                _line(f, form, lanes, y[line * p.n], x[line * p.n], p.n)
        else:
            outer, chunk = divide(index, p.chunks)
            first, start = chunk * p.span, outer * p.n * p.inner
            last = f.min(first + p.span, p.inner)
            block = UNROLL * lanes
            many = first + (last - first) // block * block
            for begin, end, count in ((first, many, UNROLL), (many, last, 1)):
                with f.loop(begin, end, count * lanes) as c:
                    tail = None if count > 1 else Tail(f, f.min(last - c, lanes), lanes)
                    _columns(f, form, lanes, y[start + c], x[start + c], p.n, p.inner, count, tail)
    return f


def _joined(form: Form, a: Value, b: Value) -> Value:
    op = "+" if form.kind == "sum" else "*"
    return a.binary(op, b) if form.number is f64 else a.wrapping(op, b)


def _line(f: Function, form: Form, lanes: int, y: Pointer, x: Pointer, n: Value) -> None:
    """A line of neighbours: in each vector the sums of its first lanes, and what came before."""
    neutral = f.const(vec(form.number, lanes), int(form.kind == "prod"))
    carry = f.var(neutral.type, neutral)
    whole = n // lanes * lanes

    def some(at: Value, tail: Tail | None) -> None:
        value, step = load(x[at], lanes, tail).to(form.number), 1
        if tail is not None and form.kind == "prod":  # lanes that are not there come as 0
            value = f.select(f.mask(tail.count, lanes, form.number).i1(form.number), value, neutral)
        while step < lanes:
            moved = [lane + step if form.backwards else lane - step for lane in range(lanes)]
            inside = [lane if 0 <= lane < lanes else lanes for lane in moved]  # `lanes`: of what changes nothing
            value = _joined(form, value, f.shuffle(value, neutral, inside))
            step *= 2
        value = _joined(form, value, carry.value)
        store(y[at], value.to(y.of), tail)
        carry.value = f.lane(value, 0 if form.backwards else lanes - 1)

    with f.loop(0, whole, lanes) as i:
        some(n - lanes - i if form.backwards else i, None)
    with f.if_(whole < n):
        some(f.const(i64, 0) if form.backwards else whole, Tail(f, n - whole, lanes))


def _columns(
    f: Function,
    form: Form,
    lanes: int,
    y: Pointer,
    x: Pointer,
    n: Value,
    inner: Value,
    count: int,
    tail: Tail | None,
) -> None:
    """Some vectors of columns, whose lines go across."""
    neutral = f.const(vec(form.number, lanes), int(form.kind == "prod"))
    totals = [f.var(neutral.type, neutral) for _ in range(count)]
    with f.loop(0, n, sure=True) as i:
        row = (n - 1 - i if form.backwards else i) * inner
        for v, total in enumerate(totals):
            at = row + v * lanes
            total.value = _joined(form, total.value, load(x[at], lanes, tail).to(form.number))
            store(y[at], total.value.to(y.of), tail)
