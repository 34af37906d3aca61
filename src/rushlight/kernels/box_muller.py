"""Normal numbers of float32 by PyTorch's vectorised Box–Muller transform, in vectors of any length.

In: uniform numbers in [0, 1). Out: the normal numbers. Every step, and which products are fused with which sums, is
that of `backends.reference.box_muller`; the bits are the same.
"""

from __future__ import annotations

from ..language.ir import Function, Value, f32, i32
from ..rules.polynomials import COSINE, FOUR_OVER_PI, LN2_HIGH, LN2_LOW, LOG, QUARTER_PI, SINE, SQRT_HALF, TWO_PI
from .fused import fused


def standard_normal(f: Function, radial: Value, angular: Value) -> tuple[Value, Value]:
    """radius · cos, radius · sin, of the uniforms that give the radius and the angle."""
    radius = f.sqrt(_log(f, 1.0 - radial) * -2.0)
    sine, cosine = _sine_and_cosine(f, angular * TWO_PI)
    return radius * cosine, radius * sine


def _polynomial(f: Function, coefficients: tuple[float, ...], x: Value) -> Value:
    """Horner's rule, each step rounded once."""
    value, *others = (f.const(x.type, coefficient) for coefficient in coefficients)
    for coefficient in others:
        value = fused(f, x, value, coefficient)
    return value


def _log(f: Function, x: Value) -> Value:
    """ln x of positive normal numbers."""
    bits = x.bits(i32)
    mantissa = ((bits & 0x007FFFFF) | 0x3F000000).bits(f32)  # ½ ≤ mantissa < 1
    below = mantissa < SQRT_HALF
    exponent = ((bits >> 23) - f.select(below, f.const(bits.type, 127), f.const(bits.type, 126))).to(f32)
    m = (mantissa - 1.0) + f.select(below, mantissa, f.const(x.type, 0.0))
    square = m * m
    cube = _polynomial(f, LOG, m) * m
    value = fused(f, cube, square, exponent * LN2_LOW) - square * 0.5
    return (m + value) + exponent * LN2_HIGH


def _sine_and_cosine(f: Function, angle: Value) -> tuple[Value, Value]:
    octant = ((angle * FOUR_OVER_PI).to(i32) + 1) & -2
    turns = octant.to(f32)
    for part in QUARTER_PI:
        angle = fused(f, turns, f.const(angle.type, -part), angle)
    square = angle * angle
    half = square * 0.5
    cosine = fused(f, _polynomial(f, COSINE, square) * square, square, -half) + 1.0
    sine = fused(f, _polynomial(f, SINE, square) * square, angle, angle)
    crossed = (octant & 2) == 0
    sine, cosine = f.select(crossed, sine, cosine), f.select(crossed, cosine, sine)
    return _negated(sine, octant & 4), _negated(cosine, (octant + 2) & 4)


def _negated(number: Value, where: Value) -> Value:
    """With the other sign where the bit 4 is set."""
    return (number.bits(i32) ^ (where << 29)).bits(f32)
