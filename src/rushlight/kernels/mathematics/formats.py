"""How floats are made of bits, and what the vector functions share: polynomials, halves of a register, powers of two.

In and out: values of the kernel language, float32 or float64, numbers or vectors of any length. Everything here is
arithmetic on registers: no table, no branch, no call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from rushlight.language.ir import Function, Type, Value, f32, f64, i32, i64
from rushlight.language.types import element

INFINITY, NAN = float("inf"), float("nan")
SINGLE, MIDDLE, DOUBLE = 24, 34, 53
"""Precisions, in bits: float32 computed in float32; float32 computed in float64, rounded once; float64."""


class Format(NamedTuple):
    """A float's parts."""

    integer: Type  # of the same size
    mantissa: int  # bits
    bias: int  # of the exponent
    precision: int

    @property
    def magic(self) -> float:
        """What is added to a number below 2^(mantissa − 2) to round it: its lowest bits are then the integer."""
        return 1.5 * 2.0**self.mantissa

    @property
    def magic_bits(self) -> int:
        """Its bits."""
        return (self.bias + self.mantissa << self.mantissa) + (1 << self.mantissa - 1)

    @property
    def sign(self) -> int:
        """The sign's bit, alone."""
        return -1 << self.integer.bits - 1

    @property
    def smallest_normal(self) -> float:
        """The least number that has all its bits."""
        return 2.0 ** (1 - self.bias)


_FORMATS = {"f32": Format(i32, 23, 127, SINGLE), "f64": Format(i64, 52, 1023, DOUBLE)}


def format_of(x: Value) -> Format:
    """The format of a value's numbers."""
    return _FORMATS[x.type.name]


def polynomial(f: Function, x: Value, numbers: Sequence[float]) -> Value:
    """numbers[0] + numbers[1]·x + … by Horner's rule."""
    result: Value | float = numbers[-1]
    for number in reversed(numbers[:-1]):
        result = f.fma(result, x, number)
    return result


def square_of(f: Function, size: Value) -> Value:
    """size², or a normal number too small to count: subnormal results cost some machines 150 cycles each."""
    size = f.max(2.0**-40, size)
    return size * size


def where(f: Function, condition: Value, number: float, otherwise: Value) -> Value:
    """A number where a condition holds, else a value."""
    return f.select(condition, f.const(otherwise.type, number), otherwise)


def rounded(f: Function, x: Value) -> tuple[Value, Value]:
    """The nearest whole number as a float and as an integer, for |x| < 2^(mantissa − 2).

    Adding a large number and taking it away again rounds on every machine; SSE2 has no instruction that does."""
    form = format_of(x)
    moved = x + form.magic
    return moved - form.magic, moved.bits(form.integer) - form.magic_bits


def power_of_two(n: Value, like: Value) -> Value:
    """2ⁿ in the format of `like`, for exponents of normal numbers."""
    form = format_of(like)
    return (n + form.bias << form.mantissa).bits(element(like.type))


def scaled(y: Value, n: Value) -> Value:
    """y·2ⁿ, rounded once, for |n| < 2·bias: in two steps, since 2ⁿ itself may be no float."""
    form = format_of(y)
    total = n + 2 * form.bias
    half = total >> 1
    for part in (half, total - half):
        y = y * (part << form.mantissa).bits(element(y.type))
    return y


def sign_bit(x: Value) -> Value:
    """The sign of x, alone, as an integer."""
    form = format_of(x)
    return x.bits(form.integer) & form.sign


def flipped(x: Value, signs: Value) -> Value:
    """x, negated where `signs` (an integer) has the sign's bit."""
    return (x.bits(format_of(x).integer) ^ signs).bits(element(x.type))


def product_error(f: Function, a: Value, b: Value, product: Value) -> Value:
    """a·b − product, exactly (Dekker's, where the machine has no fused multiply-add)."""
    if f.target.fma:
        return f.fma(a, b, -product)
    (high_a, low_a), (high_b, low_b) = _halved(a), _halved(b)
    return ((high_a * high_b - product) + high_a * low_b + low_a * high_b) + low_a * low_b


def _halved(a: Value) -> tuple[Value, Value]:
    """Two numbers of half as many bits, whose sum it is: the upper one by cutting bits off, which never overflows."""
    form = format_of(a)
    high = (a.bits(form.integer) & (-1 << (form.mantissa + 2) // 2)).bits(element(a.type))
    return high, a - high


def in_double(f: Function, compute: Callable[..., Value], *values: Value) -> Value:
    """float32 numbers through a function of float64 ones, a register of them at a time."""
    lanes, width = values[0].type.lanes, f.module.lanes(f64)
    if lanes <= width:
        return compute(*(value.to(f64) for value in values)).to(f32)
    parts = [
        compute(*(f.part(value, start, width).to(f64) for value in values)).to(f32) for start in range(0, lanes, width)
    ]
    while len(parts) > 1:
        parts = [f.concat(a, b) for a, b in zip(parts[::2], parts[1::2])]
    return parts[0]
