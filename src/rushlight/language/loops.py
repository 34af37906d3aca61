"""Small pieces of loops that several kernels share."""

from __future__ import annotations

from .ir import Value


def divide(a: Value, b: Value) -> tuple[Value, Value]:
    """Quotient and remainder of numbers ≥ 0, by one division."""
    quotient = a // b
    return quotient, a - quotient * b
