"""Expressions in NumPy, a step at a time: what each of their operations is.

In: expressions and arrays, which broadcast. Out: an array for each, its axes in the order of memory that
`rules.layout` gives. Steps are those of `rules.expression.lowered`; nothing warns.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rushlight.backends.protocol import Layout, Task, layout_of, results_of
from rushlight.core.dtypes import code_of, of_code
from rushlight.core.error_function import erfinv
from rushlight.core.memory import worded
from rushlight.rules.expression import Expression, Program, Step, lowered


def pointwise(
    expressions: tuple[Expression, ...], *arrays: np.ndarray, out: Sequence[np.ndarray] | None = None
) -> list[np.ndarray]:
    """The value of each expression for these arrays as its inputs; written into `out` where it is given, which may
    share memory with the inputs."""
    program = lowered(expressions, tuple([code_of(array.dtype) for array in arrays]))
    values = evaluated(program, arrays)
    if out is None:
        layouts = results_of(Task("pointwise", (expressions, None)), [layout_of(array) for array in arrays])
        out = [_laid(layout) for layout in layouts]
    for target, value in zip(out, values):
        target[...] = value
    return list(out)


def _laid(layout: Layout) -> np.ndarray:
    order = sorted(range(len(layout.shape)), key=lambda axis: -layout.strides[axis])
    array = np.empty([layout.shape[axis] for axis in order], layout.dtype)
    return array.transpose(np.argsort(order))


@worded
@np.errstate(all="ignore")  # overflow and NaN are results here, not warnings
def evaluated(program: Program, arrays: Sequence[np.ndarray]) -> list[Any]:
    """The results of a program: arrays, or numbers where nothing has axes."""
    values: list[Any] = []
    for step in program.steps:
        values.append(_taken(step, values, arrays))
    return [values[result] for result in program.results]


def _taken(step: Step, values: list[Any], arrays: Sequence[np.ndarray]) -> Any:
    if step.op == "input":
        return arrays[step.value]
    if step.op == "constant":
        return of_code(step.dtype).numpy.type(step.value)
    args = [values[number] for number in step.args]
    if step.op == "convert":
        return _converted(args[0], step.dtype)
    return _OPERATIONS[step.op](*args)


def _converted(a: Any, dtype: str) -> Any:
    return a != 0 if dtype == "b1" else a.astype(of_code(dtype).numpy)


# -- the operations


def _maximum(a: Any, b: Any) -> Any:
    """NumPy's own leaves open which of two zeros it gives."""
    return np.where((a > b) | (a != a), a, b)


def _minimum(a: Any, b: Any) -> Any:
    return np.where((a < b) | (a != a), a, b)


def _sigmoid(x: Any) -> Any:
    """Written so that neither end overflows."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e))


def _softplus(x: Any) -> Any:
    """log(1 + exp(x)), written so that it does not overflow."""
    return np.where(x > 0, x, 0) + np.log1p(np.exp(-np.abs(x)))


def _by_number(function: Callable[[float], float]) -> Callable[[Any], Any]:
    return lambda x: np.vectorize(function, otypes=[x.dtype])(x) if np.size(x) else x


_OPERATIONS: dict[str, Callable] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "neg": np.negative, "abs": np.absolute,
    "maximum": _maximum, "minimum": _minimum, "where": np.where, "copysign": np.copysign,
    "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal, "eq": np.equal, "ne": np.not_equal,
    "and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor, "invert": np.invert,
    "shift_left": np.left_shift, "shift_right": np.right_shift,
    "floor": np.floor, "ceil": np.ceil, "trunc": np.trunc, "round": np.rint,
    "exp": np.exp, "exp2": np.exp2, "expm1": np.expm1, "log": np.log, "log2": np.log2, "log10": np.log10,
    "log1p": np.log1p, "sqrt": np.sqrt, "sin": np.sin, "cos": np.cos, "tan": np.tan, "asin": np.arcsin,
    "acos": np.arccos, "atan": np.arctan, "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh, "asinh": np.arcsinh,
    "acosh": np.arccosh, "atanh": np.arctanh, "sigmoid": _sigmoid, "softplus": _softplus,
    "log_sigmoid": lambda x: -_softplus(-x), "rsqrt": lambda x: 1 / np.sqrt(x), "erf": _by_number(math.erf),
    "erfc": _by_number(math.erfc), "erfinv": _by_number(erfinv),
    "pow": np.power, "atan2": np.arctan2, "fmod": np.fmod, "remainder": np.remainder, "floor_divide": np.floor_divide,
}  # fmt: skip
