"""Whole numbers: floor, ceil, trunc and round (half to even), each a float of the same type, the sign of 0 kept.

One instruction where the machine has it; SSE2 has none, and LLVM would call C's library.
"""

from __future__ import annotations

from rushlight.language.ir import Function, Value

from .formats import flipped, format_of, sign_bit


def round(f: Function, x: Value) -> Value:
    """The nearest whole number, the even one of two."""
    if f.target.isa != "x86-64":
        return f.intrinsic(x.type, "roundeven", x)
    return flipped(_rounded_size(f, f.abs(x)), sign_bit(x))


def floor(f: Function, x: Value) -> Value:
    """The greatest whole number ≤ x."""
    if f.target.isa != "x86-64":
        return f.intrinsic(x.type, "floor", x)
    near = round(f, x)
    return f.select(near > x, near - 1.0, near)


def ceil(f: Function, x: Value) -> Value:
    """The least whole number ≥ x."""
    if f.target.isa != "x86-64":
        return f.intrinsic(x.type, "ceil", x)
    near = round(f, x)
    return flipped(f.abs(f.select(near < x, near + 1.0, near)), sign_bit(x))


def trunc(f: Function, x: Value) -> Value:
    """The whole part."""
    if f.target.isa != "x86-64":
        return f.intrinsic(x.type, "trunc", x)
    size = f.abs(x)
    near = _rounded_size(f, size)
    return flipped(f.select(near > size, near - 1.0, near), sign_bit(x))


def _rounded_size(f: Function, size: Value) -> Value:
    """The nearest whole number of one ≥ 0, by adding what leaves no bits below the point."""
    large = 2.0 ** format_of(size).mantissa
    return f.select(size < large, (size + large) - large, size)
