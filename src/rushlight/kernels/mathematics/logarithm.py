"""log and its kin: log2, log10, log1p, softplus, log_sigmoid.

With x = 2ᵏ·m, √½ ≤ m < √2, and t = m − 1:

    log x = k·ln 2 + t + t²·(t·LOG(t) − ½)
"""

from __future__ import annotations

from rushlight.language.ir import Function, Value
from rushlight.language.types import element

from .coefficients import LOG
from .exponential import LN2, exp
from .formats import DOUBLE, INFINITY, MIDDLE, NAN, SINGLE, Format, format_of, in_double, polynomial, where

_ROOT_HALF = {SINGLE: 0x3F3504F3, DOUBLE: 0x3FE6A09E667F3BCD}  # √½, as bits
_LOG2_E = (1.4426950408889634, 2.0355273740931033e-17)
_LOG10_E = (0.4342944819032518, 1.098319650216765e-17)
_LOG10_2 = (0.30102999566361177, 3.694239077158931e-13)  # the upper part short enough that its product with k is exact


def parts(f: Function, x: Value) -> tuple[Value, Value, Value]:
    """k as a float, t and k's biased integer, of a normal x > 0."""
    form = format_of(x)
    bits = x.bits(form.integer).wrapping("+", (form.bias << form.mantissa) - _ROOT_HALF[form.precision])
    k = bits >> form.mantissa
    m = ((bits & (1 << form.mantissa) - 1) + _ROOT_HALF[form.precision]).bits(element(x.type))
    return _as_float(form, k, x) - (2.0**form.mantissa + form.bias), m - 1.0, k


def _as_float(form: Format, k: Value, like: Value) -> Value:
    """2^mantissa + k, for 0 ≤ k < 2^mantissa: no machine before AVX-512 converts integers of 64 bits."""
    return (k | (form.bias + form.mantissa << form.mantissa)).bits(element(like.type))


def normal_parts(f: Function, x: Value) -> tuple[Value, Value]:
    """k as a float and t, of any x > 0."""
    form = format_of(x)
    tiny, shift = x < form.smallest_normal, form.mantissa + 1
    k, t, _ = parts(f, f.select(tiny, x * 2.0**shift, x))
    return f.select(tiny, k - float(shift), k), t


def tail(f: Function, t: Value, precision: int) -> Value:
    """log(1 + t) − t."""
    return t * t * f.fma(t, polynomial(f, t, LOG[precision]), -0.5)


def joined(f: Function, k: Value, t: Value, precision: int = 0) -> Value:
    """k·ln 2 + log(1 + t)."""
    own = format_of(t).precision
    high, low = LN2[own]
    return f.fma(k, high, t + f.fma(k, low, tail(f, t, precision or own)))


def finished(f: Function, y: Value, x: Value, pole: float = 0.0) -> Value:
    """The result y for x between the pole and infinity; −∞ at the pole, NaN below it."""
    y = f.select(x > pole, y, f.select(x == pole, f.const(x.type, -INFINITY), NAN))
    return f.select(x < INFINITY, y, x)


def log(f: Function, x: Value) -> Value:
    """The natural logarithm."""
    return finished(f, joined(f, *normal_parts(f, x)), x)


def log2(f: Function, x: Value) -> Value:
    """The logarithm to base 2; whole for powers of two."""
    return _of_base(f, x, _LOG2_E, (1.0, 0.0))


def log10(f: Function, x: Value) -> Value:
    """The logarithm to base 10."""
    return _of_base(f, x, _LOG10_E, _LOG10_2)


def _of_base(f: Function, x: Value, unit: tuple[float, float], two: tuple[float, float]) -> Value:
    """log(x)·unit, where two = log(2)·unit; both in two parts."""
    if format_of(x).precision == SINGLE:
        return in_double(f, lambda d: _in_base(f, d, parts(f, d)[:2], MIDDLE, unit, two), x)
    return _in_base(f, x, normal_parts(f, x), DOUBLE, unit, two)


def _in_base(f: Function, x: Value, kt: tuple, precision: int, unit: tuple, two: tuple) -> Value:
    k, t = kt
    rest = tail(f, t, precision)
    near = t + rest
    low = f.fma(near, unit[1], ((t - near) + rest) * unit[0])
    y = f.fma(k, two[0], f.fma(near, unit[0], f.fma(k, two[1], low)))
    return finished(f, y, x)


def log1p(f: Function, x: Value) -> Value:
    """log(1 + x)."""
    tiny = f.abs(x) < 2.0 ** -format_of(x).precision
    return f.select(tiny, x, finished(f, log1p_finite(f, where(f, tiny, 0.0, x)), x, -1.0))


def log1p_finite(f: Function, x: Value) -> Value:
    """log(1 + x) for −1 < x < ∞, but for the sign of 0: what rounding 1 + x loses goes into t."""
    form = format_of(x)
    u = 1.0 + x
    seen = u - 1.0
    lost = (1.0 - (u - seen)) + (x - seen)
    # Of u/2, since 2⁻ᵏ might be no float otherwise; where even 2¹⁻ᵏ is none, nothing was lost that counts.
    k, t, biased = parts(f, u * 0.5)
    unit = (2 * form.bias - biased << form.mantissa).bits(element(x.type))
    return joined(f, k + 1.0, f.fma(lost * 0.5, unit, t))


def softplus(f: Function, x: Value) -> Value:
    """log(1 + eˣ)."""
    e = exp(f, -f.abs(x))
    tiny = e < 2.0 ** -format_of(x).precision
    return f.max(x, f.const(x.type, 0.0)) + f.select(tiny, e, log1p_finite(f, where(f, tiny, 0.0, e)))


def log_sigmoid(f: Function, x: Value) -> Value:
    """log(1 / (1 + e⁻ˣ))."""
    return -softplus(f, -x)
