"""Vector functions of our own: float32 and float64 in, the same out, for numbers and vectors of any length.

At most 2 units in the last place off in float32, 4 in float64, with the same bits on every machine that has a fused
multiply-add. Subnormal numbers are computed with: a kernel that means them isn't `flushed`.
"""

from __future__ import annotations

from collections.abc import Callable

from rushlight.language.ir import Function, Value

from .error import erf, erfc, erfinv
from .exponential import cosh, exp, exp2, expm1, sigmoid, sinh, tanh
from .logarithm import log, log1p, log2, log10, log_sigmoid, softplus
from .power import pow
from .trigonometric import acos, asin, atan, cos, sin, tan


def sqrt(f: Function, x: Value) -> Value:
    """√x, correctly rounded."""
    return f.sqrt(x)


def rsqrt(f: Function, x: Value) -> Value:
    """1 / √x, both rounded."""
    return 1.0 / f.sqrt(x)


_ALL = (
    sqrt, rsqrt, exp, exp2, expm1, log, log2, log10, log1p,
    sinh, cosh, tanh, sigmoid, softplus, log_sigmoid, erf, erfc, erfinv,
    sin, cos, tan, asin, acos, atan,
)  # fmt: skip
FUNCTIONS: dict[str, Callable[[Function, Value], Value]] = {function.__name__: function for function in _ALL}
"""Of one number, by their names in PyTorch."""
FUNCTIONS_OF_TWO: dict[str, Callable[[Function, Value, Value], Value]] = {"pow": pow}
"""Of two."""
