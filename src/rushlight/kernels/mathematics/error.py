"""erf, erfc and erfinv.

erf x = x·(1 + ERF(x²))                                       near 0
erf x = 1 − exp(LOG_ERFC(x)), or 1 − erfc x for float64       elsewhere
erfc x = exp(−x²)·ERFCX((x − 4) / (x + 4)) / (1 + 2x)         for x ≥ 0; else 2 − erfc |x|
"""

from __future__ import annotations

from rushlight.language.ir import Function, Value

from .coefficients import ERF, ERFCX, ERFINV, ERFINV_FAR, ERFINV_FARTHEST, LOG_ERFC
from .exponential import exp_parts, expm1_reduced, reduced
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
    sign_bit,
    square_of,
    where,
)
from .logarithm import joined, normal_parts


def erf(f: Function, x: Value) -> Value:
    """2/√π · ∫₀ˣ exp(−t²) dt."""
    precision, size = format_of(x).precision, f.abs(x)
    small = f.fma(size, polynomial(f, square_of(f, size), ERF[precision]), size)
    if precision == SINGLE:
        far = f.min(4.0, size)  # erf is 1 there
        y, n = exp_parts(f, polynomial(f, far, LOG_ERFC[precision]))
        large, end = 1.0 - y * power_of_two(n, x), 0.922
    else:
        large, end = 1.0 - _erfc_positive(f, f.min(6.0, size), precision), 1.0
    return flipped(f.select(size < end, small, large), sign_bit(x))


def erfc(f: Function, x: Value) -> Value:
    """1 − erf x."""
    if format_of(x).precision == SINGLE:
        return in_double(f, lambda d: _erfc(f, d, MIDDLE), x)
    # Below 1 the other's argument has lost two bits, while 1 − x is exact, or nearly.
    near = f.fma(-x, polynomial(f, square_of(f, f.abs(x)), ERF[DOUBLE]), 1.0 - x)
    return f.select(f.abs(x) < 1.0, near, _erfc(f, x, DOUBLE))


def _erfc(f: Function, x: Value, precision: int) -> Value:
    size, end = f.abs(x), 27.5 if precision == DOUBLE else 10.5
    y = where(f, size > end, 0.0, _erfc_positive(f, where(f, size > end, 0.0, size), precision, precision == DOUBLE))
    return f.select(x < 0.0, 2.0 - y, y)


def _erfc_positive(f: Function, x: Value, precision: int, careful: bool = False) -> Value:
    """erfc x for x ≥ 0; `careful` puts back what product and quotient lose, 2 of 4 units in the last place."""
    square = x * x
    r, n = reduced(f, -square)
    if precision == DOUBLE:
        r = r - product_error(f, x, x, square)
    rest = expm1_reduced(f, r, precision)
    y, under = 1.0 + rest, 1.0 + 2.0 * x
    p = polynomial(f, (x - 4.0) / (x + 4.0), ERFCX[precision])
    over = y * p
    if careful:
        inverse = 1.0 / under
        quotient = over * inverse
        product = quotient * under
        lost = product_error(f, y, p, over) + (rest - (y - 1.0)) * p
        lost = lost - product_error(f, quotient, under, product) - quotient * (1.0 - (under - 2.0 * x))
        quotient = f.fma((over - product) + lost, inverse, quotient)
    else:
        quotient = over / under
    return scaled(quotient, n) if precision == DOUBLE else quotient * power_of_two(n, x)


def erfinv(f: Function, x: Value) -> Value:
    """The y with erf(y) = x: infinite at ±1, NaN beyond. float32 is computed in float64 and rounded once."""
    if format_of(x).precision == SINGLE:
        return in_double(f, lambda d: _erfinv(f, d, MIDDLE), x)
    return _erfinv(f, x, DOUBLE)


def _erfinv(f: Function, x: Value, precision: int) -> Value:
    size = f.abs(x)
    inside = f.max(2.0**-60, (1.0 - size) * (1.0 + size))  # what is not inside is not looked at
    w = -joined(f, *normal_parts(f, inside), precision)
    root = f.sqrt(f.max(0.0, w))
    slope = polynomial(f, root - 3.25, ERFINV_FAR[precision])
    if precision == DOUBLE:  # no float32 is so near to 1
        slope = f.select(root < 4.0, slope, polynomial(f, root - 5.0625, ERFINV_FARTHEST[precision]))
    slope = f.select(w < 6.25, polynomial(f, w - 3.125, ERFINV[precision]), slope)
    y = f.select(size < 1.0, size * slope, f.select(size == 1.0, f.const(x.type, INFINITY), NAN))
    return flipped(y, sign_bit(x))
