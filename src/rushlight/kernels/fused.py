"""Products and sums rounded once, with the same bits on machines that have no fused multiply-add.

In: numbers or vectors of one floating type. Out: a·b + c, rounded once. `f.fma` rounds twice on such machines, which is
good enough for layers; random numbers are compared bit by bit.
"""

from __future__ import annotations

from ..language.ir import Function, Value, f32, f64, i64

_SPLITTER = float(2**27 + 1)  # Dekker's: cuts a 53-bit significand into two halves

LARGEST = 2.0**480
"""The magnitude up to which b and c of float64 may be, where the sum is emulated: the halves must not overflow."""

SMALLEST = 2.0**-480
"""The magnitude from which on b may be there, if it is not 0: what the product loses must not underflow."""


def fused(f: Function, a: Value, b: Value, c: Value) -> Value:
    """a·b + c in one rounding on every target. Of float64 without the instruction: within the limits above."""
    if f.target.fma:
        return f.fma(a, b, c)
    if a.type.bits == 32:
        product = a.to(f64) * b.to(f64)  # exact: 24 + 24 bits fit into 53
        return _to_odd(f, *_two_sum(product, c.to(f64))).to(f32)
    product, product_rest = _two_product(a, b)
    middle, middle_rest = _two_sum(c, product_rest)
    total, total_rest = _two_sum(product, middle)
    return total + _to_odd(f, *_two_sum(middle_rest, total_rest))


def _two_sum(a: Value, b: Value) -> tuple[Value, Value]:
    """a + b, and what rounding it lost (Knuth)."""
    total = a + b
    shadow = total - a
    return total, (a - (total - shadow)) + (b - shadow)


def _two_product(a: Value, b: Value) -> tuple[Value, Value]:
    """a · b, and what rounding it lost (Dekker)."""
    (a_high, a_low), (b_high, b_low) = _split(a), _split(b)
    product = a * b
    return product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low


def _split(a: Value) -> tuple[Value, Value]:
    scaled = a * _SPLITTER
    high = scaled - (scaled - a)
    return high, a - high


def _to_odd(f: Function, total: Value, lost: Value) -> Value:
    """The sum cut so that an inexact one ends in an odd bit: rounding it again then cannot go wrong."""
    bits = total.bits(i64)
    toward_zero = (bits ^ lost.bits(i64)) >> 63
    step = f.const(bits.type, 1) - toward_zero * 2
    wanted = (f.abs(lost) > 0.0) & ((bits & 1) == 0)
    return (bits + f.select(wanted, step, f.const(bits.type, 0))).bits(f64)
