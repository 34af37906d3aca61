"""sin, cos, tan and their inverses; float32 is computed in float64 and rounded once.

With n = round(|x| / (π/2)) and r = |x| − n·π/2, |r| ≤ π/4, the last two bits of n say whether sine or cosine of r,
and the sign. Beyond `_FAR` the products with the parts of π/2 are no longer exact: there r comes from the bits of 2/π
(Payne and Hanek's), number by number.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

from rushlight.language.ir import Function, Module, Value, f64, i64, i128, ptr

from .coefficients import ASIN, ATAN, COS, SIN
from .formats import (
    DOUBLE,
    MIDDLE,
    SINGLE,
    flipped,
    format_of,
    in_double,
    polynomial,
    product_error,
    rounded,
    sign_bit,
    square_of,
)

_FAR = 8e5
# π/2 in parts, all but the last of 33 bits: n, below 2²⁰, times one of them is exact.
_HALF_PI = {
    MIDDLE: (1.5707963267341256, 6.077100506506192e-11),
    DOUBLE: (1.5707963267341256, 6.077100506303966e-11, 2.0222662487111665e-21, 8.4784276603689e-32),
}
_TWO_OVER_PI = int(
    "A2F9836E4E441529FC2757D1F534DDC0DB6295993C439041FE5163ABDEBBC561B7246E3A424DD2E0"
    "06492EEA09D1921CFE1DEB1CB129A73EE88235F52EBB4484E99C7026B45F7E413991D639835339F4"
    "9C845F8BBDF9283B1FF897FFDE05980FEF2F118B5A0A6D1F6D367ECF27CB09B74F463F669E5FEA2D"
    "7527BAC7EBE5F17B3D0739F78A5292EA6BFB5FB11F8D5D0856033046FC7B6BABF0CFBC209AF4361D",
    16,
)  # its first 1280 bits
_PI_2, _PI_2_REST = math.pi / 2, 6.123233995736766e-17
_PI_4, _PI_4_REST = math.pi / 4, _PI_2_REST / 2


def _by_precision(f: Function, compute: Callable[[Function, Value, int], Value], x: Value) -> Value:
    if format_of(x).precision == SINGLE:
        return in_double(f, lambda d: compute(f, d, MIDDLE), x)
    return compute(f, x, DOUBLE)


def sin(f: Function, x: Value) -> Value:
    """The sine."""
    return _by_precision(f, _sin, x)


def cos(f: Function, x: Value) -> Value:
    """The cosine."""
    return _by_precision(f, _cos, x)


def tan(f: Function, x: Value) -> Value:
    """The tangent."""
    return _by_precision(f, _tan, x)


def _sin(f: Function, x: Value, precision: int) -> Value:
    sine, cosine, n = _sine_cosine(f, x, precision)
    return flipped(f.select((n & 1) != 0, cosine, sine), ((n & 2) << 62) ^ sign_bit(x))


def _cos(f: Function, x: Value, precision: int) -> Value:
    sine, cosine, n = _sine_cosine(f, x, precision)
    return flipped(f.select((n & 1) != 0, sine, cosine), (n + 1 & 2) << 62)


def _tan(f: Function, x: Value, precision: int) -> Value:
    sine, cosine, n = _sine_cosine(f, x, precision)
    odd = (n & 1) != 0
    return flipped(f.select(odd, cosine, sine) / f.select(odd, sine, cosine), (n << 63) ^ sign_bit(x))


def _sine_cosine(f: Function, x: Value, precision: int) -> tuple[Value, Value, Value]:
    """Sine and cosine of r, and n."""
    size = f.abs(x)
    whole, n = rounded(f, size * (2 / math.pi))
    if precision == DOUBLE:
        r, rest, n = _far_or(f, size, *_remainder(f, size, whole), n)
        square = square_of(f, f.abs(r))
        sine = r + f.fma(square * polynomial(f, square, SIN[precision]), r, rest)
        small = f.fma(square * square, polynomial(f, square, COS[precision]), -(r * rest))
        return sine, f.fma(square, -0.5, 1.0) + small, n
    first, second = _HALF_PI[precision]
    r = f.fma(whole, -second, f.fma(whole, -first, size))
    r, _, n = _far_or(f, size, r, f.const(r.type, 0.0), n)
    square = r * r
    sine = f.fma(square * polynomial(f, square, SIN[precision]), r, r)
    cosine = f.fma(square * square, polynomial(f, square, COS[precision]), f.fma(square, -0.5, 1.0))
    return sine, cosine, n


def _remainder(f: Function, size: Value, whole: Value) -> tuple[Value, Value]:
    """size − whole·π/2, and what rounding it loses."""
    first, second, third, fourth = _HALF_PI[DOUBLE]
    above, product = f.fma(whole, -first, size), whole * second
    near = above - product
    lost = (above - near) - product
    small = f.fma(whole, -fourth, f.fma(whole, -third, lost))
    r = near + small
    return r, (near - r) + small


def _far_or(f: Function, size: Value, *near: Value) -> list[Value]:
    """r, the rest and n, which are right where size is not beyond `_FAR`; where it is, what is right there."""
    far = size > _FAR
    found = [f.var(value.type, value) for value in near]
    with f.if_(f.any_lane(far) if size.type.lanes else far):
        function, lanes = f.module.shared("reduce_far", _define_far), size.type.lanes or 1
        sizes, *pointers = (f.local(of, lanes) for of in (f64, f64, f64, i64))
        for pointer, value in zip((sizes, *pointers), (size, *near)):
            pointer.store(value)
        with f.loop(0, lanes) as lane:
            x = sizes[lane].load()
            with f.if_(x > _FAR):
                f.call(function, x, *(pointer[lane] for pointer in pointers))
        for variable, pointer in zip(found, pointers):
            variable.value = pointer.load(size.type.lanes)
    return [variable.value for variable in found]


def _define_far(module: Module, name: str) -> Function:
    """x → r, what rounding it loses, and n (its last two bits), for one finite number x ≥ 2¹⁹; NaN for infinity.

    x = m·2ᵉ with an integer m. Of 2/π = Σ bᵢ·2⁻ⁱ the bits up to p = e − 2 make multiples of 4 of x, which n does not
    see. So n + r/(π/2) is, modulo 4, 4·m·F modulo 1, where F is the fraction of the bits from p + 1 on; of them 192
    are taken, and of the product modulo 1 its upper 128 bits: n in the first two, and r, signed."""
    parameters = [("x", f64), ("r", ptr(f64)), ("rest", ptr(f64)), ("n", ptr(i64))]
    with module.function(name, parameters, inline=False) as (f, x, r, rest, n):
        words = [0] + [_TWO_OVER_PI >> 64 * (19 - i) & (1 << 64) - 1 for i in range(20)]
        table = module.table(f, i64, [word - (word >> 63 << 64) for word in words])
        bits = x.bits(i64)
        m, at = (bits & (1 << 52) - 1) | 1 << 52, (bits >> 52) + (64 - 2 - 1075)
        word, shift = at >> 6, at & 63
        held = [table[word + i].load() for i in range(4)]
        first, second, third = (a << shift | (b >> 1) >> (63 - shift) for a, b in pairwise(held))
        wide = m.unsigned_to(i128)
        product = (wide.wrapping("*", first.unsigned_to(i128)) << 64).wrapping("+", _product(wide, second))
        product = product.wrapping("+", _product(wide, third) >> 64)
        quadrant = product.wrapping("+", 1 << 125) >> 126
        fraction = product.wrapping("-", quadrant << 126)
        high, low = (fraction >> 64).to(i64), fraction.to(i64)
        n.store(quadrant.to(i64))
        near = high.to(f64)
        lost = (high - near.to(i64)).to(f64) + (low >> 1).to(f64) * 2.0**-63
        turned = near * _PI_2
        small = f.fma(near, _PI_2_REST, lost * _PI_2) + product_error(f, near, f.const(f64, _PI_2), turned)
        total = turned + small
        r.store(total * 2.0**-62 + (x - x))
        rest.store(((turned - total) + small) * 2.0**-62)
        f.ret()
    return f


def _product(wide: Value, word: Value) -> Value:
    return wide.wrapping("*", word.unsigned_to(i128))


def asin(f: Function, x: Value) -> Value:
    """The angle whose sine is x; NaN outside −1 … 1."""
    return _by_precision(f, _asin, x)


def acos(f: Function, x: Value) -> Value:
    """The angle whose cosine is x; NaN outside −1 … 1."""
    return _by_precision(f, _acos, x)


def _asin(f: Function, x: Value, precision: int) -> Value:
    size = f.abs(x)
    angle, large = _small_asin(f, size, precision)
    return flipped(f.select(large, _PI_2 - (2.0 * angle - _PI_2_REST), angle), sign_bit(x))


def _acos(f: Function, x: Value, precision: int) -> Value:
    angle, large = _small_asin(f, f.abs(x), precision)
    near = _PI_2 - (flipped(angle, sign_bit(x)) - _PI_2_REST)
    twice = 2.0 * angle
    return f.select(large, f.select(x < 0.0, math.pi - (twice - 2 * _PI_2_REST), twice), near)


def _small_asin(f: Function, size: Value, precision: int) -> tuple[Value, Value]:
    """The angle whose sine is `size`; above 1/2 half the angle whose cosine it is. And whether it is above."""
    large = size > 0.5
    square = f.select(large, 0.5 - 0.5 * size, square_of(f, size) if precision == DOUBLE else size * size)
    base = f.select(large, f.sqrt(square), size)
    return f.fma(square * polynomial(f, square, ASIN[precision]), base, base), large


def atan(f: Function, x: Value) -> Value:
    """The angle whose tangent is x."""
    return _by_precision(f, _atan, x)


def _atan(f: Function, x: Value, precision: int) -> Value:
    """Of |x| above tan π/8, of (|x| − 1) / (|x| + 1), plus π/4; above 1 / tan π/8 of −1 / |x|, plus π/2."""
    size = f.abs(x)
    middle, large = size > math.tan(math.pi / 8), size > 1 / math.tan(math.pi / 8)
    over = f.select(large, f.const(x.type, -1.0), f.select(middle, size - 1.0, size))
    under = f.select(large, size, f.select(middle, size + 1.0, f.const(x.type, 1.0)))
    t = over / under
    square = square_of(f, f.abs(t)) if precision == DOUBLE else t * t
    angle = f.fma(square * polynomial(f, square, ATAN[precision]), t, t)
    whole, rest = (
        f.select(large, f.const(x.type, two), f.select(middle, f.const(x.type, one), 0.0))
        for two, one in ((_PI_2, _PI_4), (_PI_2_REST, _PI_4_REST))
    )
    return flipped(whole + (angle + rest), sign_bit(x))
