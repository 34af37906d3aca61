"""exp and its kin: exp2, expm1, sigmoid, tanh, sinh, cosh.

With n = round(x / ln 2) and r = x − n·ln 2, |r| ≤ ln 2 / 2:

    exp x = 2ⁿ · (1 + r + r²·EXP(r))
"""

from __future__ import annotations

import math
from collections.abc import Callable

from rushlight.language.ir import Function, Value

from .coefficients import EXP, SINH, TANH
from .formats import (
    DOUBLE,
    MIDDLE,
    SINGLE,
    flipped,
    format_of,
    in_double,
    polynomial,
    power_of_two,
    rounded,
    scaled,
    sign_bit,
    square_of,
    where,
)

# ln 2 in two parts, the upper one short enough that its product with n is exact.
LN2 = {SINGLE: (0.693145751953125, 1.428606765330187e-06), DOUBLE: (0.6931471805592082, 7.371002565167799e-13)}
# Where exp is 0 and infinity to the last bit.
_ENDS = {SINGLE: (-104.0, 89.0), DOUBLE: (-746.0, 710.0)}


def clamped(f: Function, x: Value, low: float, high: float) -> Value:
    """x within two ends; NaN stays NaN."""
    return f.max(low, f.min(high, x))


def reduced(f: Function, x: Value) -> tuple[Value, Value]:
    """r and n, an integer, of x = n·ln 2 + r."""
    high, low = LN2[format_of(x).precision]
    whole, n = rounded(f, x * (1 / math.log(2)))
    return f.fma(whole, -low, f.fma(whole, -high, x)), n


def expm1_reduced(f: Function, r: Value, precision: int) -> Value:
    """exp r − 1 for |r| ≤ ln 2 / 2."""
    return f.fma(r * r, polynomial(f, r, EXP[precision]), r)


def exp_parts(f: Function, x: Value, precision: int = 0) -> tuple[Value, Value]:
    """y and n, an integer, of exp x = y·2ⁿ with y near 1; |x| below 2^(mantissa − 2)."""
    r, n = reduced(f, x)
    return 1.0 + expm1_reduced(f, r, precision or format_of(x).precision), n


def exp(f: Function, x: Value) -> Value:
    """eˣ."""
    low, high = _ENDS[format_of(x).precision]
    return _above(f, x, low, lambda x: exp_parts(f, f.min(high, x)))


def exp_of_negative(f: Function, x: Value) -> Value:
    """eˣ of what is at most 0, in two thirds of the time; 0 where it would be subnormal, and NaN of NaN."""
    form = format_of(x)
    least = (1 - form.bias) * math.log(2)
    y, n = exp_parts(f, f.max(least, x))
    return where(f, x < least, 0.0, y * power_of_two(n, x))


def exp2(f: Function, x: Value) -> Value:
    """2ˣ."""
    form = format_of(x)

    def parts(x: Value) -> tuple[Value, Value]:
        whole, n = rounded(f, f.min(2.0 + form.bias, x))
        return 1.0 + expm1_reduced(f, (x - whole) * math.log(2), form.precision), n

    return _above(f, x, -2.0 - form.bias - form.mantissa, parts)


def _above(f: Function, x: Value, low: float, parts: Callable[[Value], tuple[Value, Value]]) -> Value:
    """y·2ⁿ with `parts` of x, and 0 where x is below `low`: rounding to 0 would cost some machines 150 cycles."""
    below = x < low
    return where(f, below, 0.0, scaled(*parts(where(f, below, 0.0, x))))


def expm1(f: Function, x: Value) -> Value:
    """eˣ − 1 = 2ⁿ·(exp r − 1) + (2ⁿ − 1), halved on the way, because 2ⁿ alone may overflow."""
    precision = format_of(x).precision
    tiny = f.abs(x) < 2.0**-precision
    r, n = reduced(f, clamped(f, where(f, tiny, 0.0, x), -0.75 * precision, _ENDS[precision][1]))
    half = power_of_two(n - 1, x)
    y = 2.0 * f.fma(half, expm1_reduced(f, r, precision), half - 0.5)
    return f.select(tiny, x, y)


def sigmoid(f: Function, x: Value) -> Value:
    """1 / (1 + e⁻ˣ), by e = e^−|x|, which can't overflow: 1 / (1 + e), or e / (1 + e) for x < 0.

    Three roundings in a row would come to more than 2 units: what those of e and of 1 + e have lost is put back."""
    precision, size = format_of(x).precision, f.abs(x)
    none = size > -_ENDS[precision][0]
    r, n = reduced(f, where(f, none, 0.0, -size))
    rest = expm1_reduced(f, r, precision)
    y = 1.0 + rest
    e = where(f, none, 0.0, scaled(y, n))
    total = 1.0 + e
    lost = e - (total - 1.0)
    positive = x >= 0.0
    quotient = where(f, positive, 1.0, e) / total
    return f.fma(quotient, where(f, positive, 0.0, rest - (y - 1.0)) - lost, quotient)


def tanh(f: Function, x: Value) -> Value:
    """1 − 2 / (e²ˣ + 1), and a polynomial where that would cancel."""
    precision, size = format_of(x).precision, f.abs(x)
    y, n = exp_parts(f, f.min(0.4 * precision, size) * 2.0)
    large = 1.0 - 2.0 / (y * power_of_two(n, x) + 1.0)
    square = square_of(f, size)
    small = f.fma(square * polynomial(f, square, TANH[precision]), size, size)
    return flipped(f.select(size < 0.6, small, large), sign_bit(x))


def sinh(f: Function, x: Value) -> Value:
    """e^|x|/2 − ¼ / (e^|x|/2), and a polynomial where that would cancel."""
    if format_of(x).precision == SINGLE:
        return in_double(f, lambda d: _sinh(f, d, MIDDLE), x)
    return _sinh(f, x, DOUBLE)


def _sinh(f: Function, x: Value, precision: int) -> Value:
    size = f.abs(x)
    e = _half_exp(f, size, precision)
    square = square_of(f, size)
    small = f.fma(square * polynomial(f, square, SINH[precision]), size, size)
    return flipped(f.select(size < 1.0, small, e - 0.25 / e), sign_bit(x))


def cosh(f: Function, x: Value) -> Value:
    """e^|x|/2 + ¼ / (e^|x|/2)."""
    if format_of(x).precision == SINGLE:
        return in_double(f, lambda d: _cosh(f, d, MIDDLE), x)
    return _cosh(f, x, DOUBLE)


def _cosh(f: Function, x: Value, precision: int) -> Value:
    e = _half_exp(f, f.abs(x), precision)
    return e + 0.25 / e


def _half_exp(f: Function, size: Value, precision: int) -> Value:
    """exp(size) / 2, whose double may be infinite."""
    y, n = exp_parts(f, f.min(711.0 if precision == DOUBLE else 91.0, size), precision)
    return scaled(y, n - 1) if precision == DOUBLE else y * power_of_two(n - 1, y)
