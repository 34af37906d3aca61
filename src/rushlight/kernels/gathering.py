"""How many numbers become one, in registers: sums, products and extremes of vectors, and where extremes are.

In: the kind of a `rules.reduction.Reduction`, and the dtype of its numbers. Out: what is kept of the numbers while they
come (`near`: a vector, for an argmax two), what that is added to after a run of them (`far`, in the dtypes that the
reduction holds: sums of float32 in float64), and how two become one.
"""

from __future__ import annotations

import math

from ..language.ir import Function, Type, Value, f64, i1, i32, i64, like, vec
from ..rules.expression import bits_of, is_float, is_signed
from ..rules.reduction import held
from .steps import REGISTERS

LAST = (1 << 63) - 1
"""A position behind all others."""


class Gathering:
    """One kind, of numbers of one dtype."""

    def __init__(self, f: Function, kind: str, dtype: str) -> None:
        self.f, self.kind, self.dtype = f, kind, dtype
        self.held = held(kind, dtype)
        self.position = i64 if bits_of(dtype) == 64 else i32  # as many bits as a number has
        of = REGISTERS[dtype]
        self.near: tuple[Type, ...] = (of, self.position) if self.asks_where else (of,)
        self.far: tuple[Type, ...] = tuple([REGISTERS[kind] for kind in self.held])
        self.grows = kind in ("sum", "prod") and is_float(dtype)
        """Whether long runs lose bits, so that they are cut."""

    @property
    def asks_where(self) -> bool:
        """Whether there is a position, too."""
        return self.kind.startswith("arg")

    @property
    def neutral(self) -> int | float:
        """What changes nothing."""
        if self.kind in ("sum", "prod"):
            return int(self.kind == "prod")
        low = self.kind.endswith("max")
        if is_float(self.dtype):
            return -math.inf if low else math.inf
        bits = bits_of(self.dtype)
        if is_signed(self.dtype):
            return -(1 << bits - 1) if low else (1 << bits - 1) - 1
        return 0 if low else -1  # all bits set

    def no_near(self, lanes: int, first: int = 0) -> list[Value]:
        """Of no numbers; positions are those of the lanes from `first` on, so that they are right where all numbers
        are the neutral one."""
        found = [self.f.const(vec(self.near[0], lanes), self.neutral)]
        if self.asks_where:
            found.append(self.f.iota(self.position, lanes) + first)
        return found

    def no_far(self, lanes: int) -> list[Value]:
        """Of no numbers, as they are held."""
        found = [self.f.const(vec(self.far[0], lanes), self.neutral)]
        if self.asks_where:
            found.append(self.f.const(vec(i64, lanes), LAST))
        return found

    def added(self, near: list[Value], x: Value, at: Value | None) -> list[Value]:
        """With one vector of numbers more, whose positions are behind all that came."""
        if not self.asks_where:
            return [self._one(near[0], x)]
        better = self._better(x, near[0])
        return [self.f.select(better, x, near[0]), self.f.select(better, at, near[1])]

    def merged(self, a: list[Value], b: list[Value]) -> list[Value]:
        """Two that were kept apart, near ones or far ones, as one."""
        if not self.asks_where:
            return [self._one(a[0], b[0])]
        f = self.f
        level = self._compare("oeq", b[0], a[0])
        if is_float(self.dtype):
            level = level | (self._compare("uno", a[0], a[0]) & self._compare("uno", b[0], b[0]))
        better = self._better(b[0], a[0]) | (level & (b[1] < a[1]))
        return [f.select(better, b[0], a[0]), f.select(better, b[1], a[1])]

    def widened(self, near: list[Value], start: Value | None) -> list[Value]:
        """A near one as it is held; positions from `start` on."""
        if self.asks_where:
            lanes = near[0].type.lanes
            return [near[0], (near[1].to(i64) if self.position is not i64 else near[1]) + _splat(start, lanes)]
        return [near[0].to(f64)] if self.grows else near

    def across(self, far: list[Value]) -> list[Value]:
        """The lanes of a far one as one."""
        f = self.f
        while far[0].type.lanes > 1:
            half = far[0].type.lanes // 2
            far = self.merged([f.part(v, 0, half) for v in far], [f.part(v, half, half) for v in far])
        return [v[0] for v in far]

    def across_each(self, rows: list[list[Value]]) -> list[Value]:
        """The lanes of each of as many near ones as there are lanes, as one: a lane for each."""
        f, lanes = self.f, rows[0][0].type.lanes
        width = lanes
        while len(rows) > 1:
            low = [group + i for group in range(0, 2 * lanes, width) for i in range(width // 2)]
            high = [lane + width // 2 for lane in low]
            rows = [
                self.merged(
                    [f.shuffle(*pair, low) for pair in zip(a, b)], [f.shuffle(*pair, high) for pair in zip(a, b)]
                )
                for a, b in zip(rows[::2], rows[1::2])
            ]
            width //= 2
        return rows[0]

    def _one(self, a: Value, b: Value) -> Value:
        f = self.f
        if self.kind in ("sum", "prod"):
            op = "+" if self.kind == "sum" else "*"
            return a.binary(op, b) if is_float(self.dtype) else a.wrapping(op, b)
        if not is_float(self.dtype):
            return f.intrinsic(a.type, ("s" if is_signed(self.dtype) else "u") + self.kind, a, b)
        return f.select(self._better(b, a), b, a)

    def _better(self, x: Value, than: Value) -> Value:
        """Where x is beyond the other, or the first NaN."""
        more = "gt" if self.kind.endswith("max") else "lt"
        if not is_float(self.dtype):
            return self._compare(("s" if is_signed(self.dtype) else "u") + more, x, than)
        return self._compare("u" + more, x, than) & self._compare("ord", than, than)

    def _compare(self, test: str, a: Value, b: Value) -> Value:
        verb, test = ("fcmp", test) if is_float(self.dtype) else ("icmp", test.removeprefix("o"))
        return self.f.emit(like(a.type, i1), f"{verb} {test} {a.type.text} {a.text}, {b.text}")


def _splat(value: Value, lanes: int) -> Value:
    return value.splat(lanes) if lanes else value
