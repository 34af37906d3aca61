"""x to the power y, as C's pow has it.

exp(y·log|x|), where the logarithm needs as many bits more as the result has in its exponent: float32 takes it from
float64, float64 from pairs of numbers whose sum it is. With m and k of log.py and s = (m − 1) / (m + 1):

    log m = 2s + s³·(2/3 + s²·ATANH(s²))
"""

from __future__ import annotations

from rushlight.language.ir import Function, Value

from .coefficients import ATANH
from .exponential import LN2, clamped, exp_parts, expm1_reduced, reduced
from .formats import (
    DOUBLE,
    INFINITY,
    MIDDLE,
    NAN,
    SINGLE,
    flipped,
    format_of,
    in_double,
    polynomial,
    power_of_two,
    product_error,
    scaled,
    where,
)
from .logarithm import finished, joined, normal_parts, parts

_TWO_THIRDS = (0.6666666666666666, 3.700743415417188e-17)
Pair = tuple[Value, Value]  # a number as a float64 and what is missing


def pow(f: Function, x: Value, y: Value) -> Value:
    """x to the power y: NaN for x < 0 unless y is whole; 1 where y is 0 or x is 1, whatever the other is."""
    if format_of(x).precision == SINGLE:
        size = in_double(f, lambda a, b: _single(f, a, b), f.abs(x), y)
    else:
        size = _double(f, f.abs(x), y)
    size = where(f, f.abs(x) == 1.0, 1.0, size)
    whole, odd = _whole_and_odd(f, y)
    result = flipped(size, odd & x.bits(format_of(x).integer))
    impossible = (x < 0.0) & (x > -INFINITY) & (whole ^ 1)
    return where(f, y == 0.0, 1.0, where(f, impossible, NAN, result))


def _whole_and_odd(f: Function, y: Value) -> tuple[Value, Value]:
    """Whether y is a whole number; and the sign's bit where it is an odd one."""
    form, size = format_of(y), f.abs(y)
    limit = 2.0**form.mantissa  # from here on all numbers are whole, and from twice it even
    moved = f.select(size < limit, size + limit, size)
    whole = (size >= limit) | (moved - limit == size)
    odd = moved.bits(form.integer) << form.integer.bits - 1
    return whole, f.select(whole & (size < 2 * limit), odd, 0)


def _single(f: Function, x: Value, y: Value) -> Value:
    """x ≥ 0 to the power y, of float32 numbers in float64."""
    k, t, _ = parts(f, x)
    power = clamped(f, y * finished(f, joined(f, k, t, MIDDLE), x), -160.0, 140.0)
    z, n = exp_parts(f, power, MIDDLE)
    return z * power_of_two(n, z)


def _double(f: Function, x: Value, y: Value) -> Value:
    """x ≥ 0 to the power y."""
    high, low = _log_pair(f, x)
    high = f.select(x > 0.0, f.select(x < INFINITY, high, x), f.select(x == 0.0, f.const(x.type, -INFINITY), x))
    power = y * high
    rest = f.fma(y, low, product_error(f, y, high, power))
    rest = where(f, f.abs(power) >= 1000.0, 0.0, rest)
    below = power < -746.0
    r, n = reduced(f, where(f, below, 0.0, f.min(710.0, power)))
    return where(f, below, 0.0, scaled(1.0 + expm1_reduced(f, r + rest, DOUBLE), n))


def _log_pair(f: Function, x: Value) -> Pair:
    """log x for 0 < x < ∞, to 2⁻⁶⁶ of itself."""
    k, t = normal_parts(f, x)
    s = _divided(f, t)
    square = _product(f, s, s)
    coefficient = _sum(_TWO_THIRDS[0], square[0] * polynomial(f, square[0], ATANH[DOUBLE]), _TWO_THIRDS[1])
    cube = _product(f, _product(f, s, square), coefficient)
    of_m = _sum(2.0 * s[0], cube[0], f.fma(2.0, s[1], cube[1]))
    high, low = LN2[DOUBLE]
    return _sum(k * high, of_m[0], f.fma(k, low, of_m[1]))


def _divided(f: Function, t: Value) -> Pair:
    """t / (2 + t)."""
    under = 2.0 + t
    lost = t - (under - 2.0)
    inverse = 1.0 / under
    high = t * inverse
    product = high * under
    rest = (t - product) - product_error(f, high, under, product) - high * lost
    return high, rest * inverse


def _product(f: Function, a: Pair, b: Pair) -> Pair:
    high = a[0] * b[0]
    return high, f.fma(a[0], b[1], f.fma(a[1], b[0], product_error(f, a[0], b[0], high)))


def _sum(a: Value | float, b: Value, rest: Value | float) -> Pair:
    """a + b + rest for |a| ≥ |b| or a = 0, and a small rest."""
    high = a + b
    return high, (b - (high - a)) + rest
