"""Activations as formulas: what each computes and its derivative, written once.

In: a tensor and the activation's numbers. Out: a tensor, recorded. Values are expressions (`rules.expression`), which
the engine computes in one pass; so are gradients, unless they are to be differentiated again: then the same formula is
computed by tensors. So slopes use what both have: operators, and the functions below.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import numpy as np

from rushlight.autograd.graph import record, widen
from rushlight.autograd.modes import is_grad_enabled
from rushlight.autograd.operation import Gradients, Operation, define
from rushlight.rules import expression
from rushlight.rules.expression import Expression, inputs
from rushlight.rules.results import as_first
from rushlight.tensor import selection
from rushlight.tensor.core import Tensor, elements, is_in_order, settled, wrap, wrap_like, wrap_unordered
from rushlight.tensor.elementwise import evaluated
from rushlight.tensor.operands import constant_like

Either = TypeVar("Either", Expression, Tensor)


class Slope(NamedTuple):
    """A slope that is 0 in places: where, and what a gradient is multiplied by elsewhere (None is 1).

    In those it becomes 0 without being multiplied: an infinite gradient would give NaN.
    """

    flat: Expression | Tensor
    factor: float | Expression | Tensor | None = None


Formula = Callable[..., Expression]


def _function(name: str) -> Callable[[Either], Either]:
    def apply(x: Either) -> Either:
        return expression.function(name, x) if type(x) is Expression else getattr(x, name)()

    return apply


exp, erf, tanh, sigmoid, log1p = map(_function, ("exp", "erf", "tanh", "sigmoid", "log1p"))


def where(condition: Either, a: Either | float, b: Either | float) -> Either:
    """a where the condition holds, else b."""
    return (expression if type(condition) is Expression else selection).where(condition, a, b)


def softplus(x: Either) -> Either:
    """ln(1 + eˣ)."""
    if type(x) is Expression:
        return expression.function("softplus", x)
    return activation(ROWS["scaled_softplus"], x, 1.0, math.inf)


@functools.lru_cache(maxsize=256)
def _value(value: Formula, numbers: tuple[float, ...], text: str) -> tuple[Expression]:
    """`text` is that of the numbers: 1, 1.0 and True, and 0.0 and -0.0, are equal but not the same."""
    return (value(*inputs(1), *numbers),)


@functools.lru_cache(maxsize=256)
def _gradient(slope: Formula, numbers: tuple[float, ...], text: str) -> tuple[Expression]:
    x, grad = inputs(2)
    return (_sloped(grad, slope(x, *numbers)),)


def _sloped(grad: Either, slope: Either | Slope) -> Either:
    """The gradient, times the slope."""
    if type(slope) is not Slope:
        return grad * slope
    return where(slope.flat, 0.0, grad if slope.factor is None else grad * slope.factor)


def activation(row: Operation, input: Tensor, *numbers: float) -> Tensor:
    """The activation of that row."""
    numbers = plain(numbers)
    result = wrap_like(row.lowering(elements(input), *numbers), input)
    record(row, numbers, result, (input,), (input,))
    return result


def plain(numbers: tuple) -> tuple[float, ...]:
    """Numbers as Python's."""
    return tuple([n if type(n) in (int, float) else float(n) for n in numbers])


def _define(name: str, node: str, value: Formula, slope: Formula) -> Operation:
    """The row of `value(input, *numbers)`, whose derivative is `slope(input, *numbers)`."""

    def lower(x: np.ndarray, *numbers: float) -> np.ndarray:
        return evaluated(_value(value, numbers, repr(numbers)), x)[0]

    rule = functools.partial(_rule, slope)
    return define(name, f"{node}Backward0", derivative=rule, results=as_first, lowering=lower)


def _rule(slope: Formula, *told: Any) -> Gradients:
    *numbers, _, grad, x = told
    if is_grad_enabled():
        return (_sloped(widen(grad), slope(widen(x), *numbers)),)
    return (_one_pass(_gradient(slope, tuple(numbers), repr(tuple(numbers))), x, grad),)


def _one_pass(expressions: tuple[Expression], x: Tensor, grad: Tensor) -> Tensor:
    """The value of an expression of two tensors of one shape. Nothing is moved where both are contiguous."""
    if x._lying is None and grad._lying is None:
        return wrap(evaluated(expressions, x._array, grad._array)[0])
    if is_in_order(x) and is_in_order(grad):
        return wrap_unordered(evaluated(expressions, elements(x), elements(grad))[0])
    return wrap(evaluated(expressions, settled(x)._array, settled(grad)._array)[0])


# -- the activations: value and slope


def hardtanh(x: Expression, low: float, high: float) -> Expression:
    """x between two ends."""
    return expression.minimum(expression.maximum(x, low), high)


def hardtanh_slope(x: Either, low: float, high: float) -> Slope:
    """Its slope."""
    return Slope((x <= low) | (x >= high))


def leaky_relu(x: Expression, slope: float) -> Expression:
    """x, or slope·x."""
    return where(x > 0, x, x * slope)


def leaky_relu_slope(x: Either, slope: float) -> Either:
    """Its slope."""
    return where(x > 0, 1.0 if type(x) is Expression else constant_like(1.0, x), slope)


def elu(x: Expression, alpha: float, scale: float) -> Expression:
    """scale·x, or scale·alpha·(eˣ − 1)."""
    return where(x > 0, x * scale, expression.expm1(expression.minimum(0, x)) * (alpha * scale))


def elu_slope(x: Either, alpha: float, scale: float) -> Either:
    """Its slope."""
    return where(x > 0, scale, exp(where(x > 0, 0.0, x)) * (alpha * scale))


def celu(x: Expression, alpha: float) -> Expression:
    """x, or alpha·(e^(x / alpha) − 1)."""
    return where(x > 0, x, expression.expm1(where(x > 0, 0.0, x) * (1 / alpha)) * alpha)


def celu_slope(x: Either, alpha: float) -> Either:
    """Its slope."""
    return where(x > 0, 1.0, exp(where(x > 0, 0.0, x) * (1 / alpha)))


def hardshrink(x: Expression, bound: float) -> Expression:
    """x, or 0 between −bound and bound."""
    return where((x >= -bound) & (x <= bound), 0.0, x)


def hardshrink_slope(x: Either, bound: float) -> Slope:
    """Its slope."""
    return Slope((x >= -bound) & (x <= bound))


def softshrink(x: Expression, bound: float) -> Expression:
    """x nearer to 0 by the bound, 0 where that passes it."""
    return where(x > bound, x - bound, where(x < -bound, x + bound, x * 0.0))


def threshold(x: Expression, least: float, value: float) -> Expression:
    """x, or the value where x is not above the least."""
    return where(x <= least, value, x)


def threshold_slope(x: Either, least: float, value: float) -> Slope:
    """Its slope."""
    return Slope(x <= least)


_ROOT_HALF, _DENSITY = math.sqrt(0.5), 1 / math.sqrt(2 * math.pi)
_TANH_GELU, _TANH_GELU_CUBE = math.sqrt(2 / math.pi), 0.044715


def gelu(x: Expression) -> Expression:
    """x·Φ(x)."""
    return x * (erf(x * _ROOT_HALF) + 1) * 0.5


def gelu_slope(x: Either) -> Either:
    """Its slope."""
    return (erf(x * _ROOT_HALF) + 1) * 0.5 + x * (exp(x * x * -0.5) * _DENSITY)


def _tanh_gelu(x: Either) -> Either:
    return tanh((x + x * x * x * _TANH_GELU_CUBE) * _TANH_GELU)


def gelu_tanh(x: Expression) -> Expression:
    """Hendrycks' approximation of it."""
    return x * 0.5 * (_tanh_gelu(x) + 1)


def gelu_tanh_slope(x: Either) -> Either:
    """Its slope."""
    t = _tanh_gelu(x)
    inner = (x * x * (3 * _TANH_GELU_CUBE) + 1) * _TANH_GELU
    return (t + 1) * 0.5 + x * 0.5 * (1 - t * t) * inner


def silu(x: Expression) -> Expression:
    """x·sigmoid(x)."""
    return x * sigmoid(x)


def silu_slope(x: Either) -> Either:
    """Its slope."""
    s = sigmoid(x)
    return s * (x * (1 - s) + 1)


def mish(x: Expression) -> Expression:
    """x·tanh(softplus(x))."""
    return x * tanh(softplus(x))


def mish_slope(x: Either) -> Either:
    """Its slope."""
    t = tanh(softplus(x))
    return t + x * sigmoid(x) * (1 - t * t)


def scaled_softplus(x: Expression, beta: float, threshold: float) -> Expression:
    """softplus(beta·x) / beta, or x."""
    scaled = x * beta
    return where(scaled > threshold, x, softplus(scaled) / beta)


def scaled_softplus_slope(x: Either, beta: float, threshold: float) -> Either:
    """Its slope."""
    scaled = x * beta
    return where(scaled > threshold, 1.0, sigmoid(scaled))


def hardsigmoid(x: Expression) -> Expression:
    """(x + 3) / 6 between 0 and 1."""
    return hardtanh(x + 3, 0, 6) / 6


def hardsigmoid_slope(x: Either) -> Slope:
    """Its slope."""
    return Slope(~((x > -3) & (x < 3)), 1 / 6)


def hardswish(x: Expression) -> Expression:
    """x·hardsigmoid(x)."""
    return x * hardsigmoid(x)


def hardswish_slope(x: Either) -> Slope:
    """Its slope."""
    return Slope(x <= -3, where(x < 3, x / 3 + 0.5, 1.0))


def log_sigmoid(x: Expression) -> Expression:
    """ln sigmoid(x)."""
    return expression.function("log_sigmoid", x)


def log_sigmoid_slope(x: Either) -> Either:
    """Its slope."""
    return sigmoid(-x)


ROWS = {
    name: _define(name, node, value, slope)
    for name, node, value, slope in (
        ("hardtanh", "Hardtanh", hardtanh, hardtanh_slope),
        ("leaky_relu", "LeakyRelu", leaky_relu, leaky_relu_slope),
        ("elu", "Elu", elu, elu_slope),
        ("celu", "Celu", celu, celu_slope),
        ("hardshrink", "Hardshrink", hardshrink, hardshrink_slope),
        ("softshrink", "Softshrink", softshrink, hardshrink_slope),
        ("threshold", "Threshold", threshold, threshold_slope),
        ("gelu", "Gelu", gelu, gelu_slope),
        ("gelu_tanh", "Gelu", gelu_tanh, gelu_tanh_slope),
        ("silu", "Silu", silu, silu_slope),
        ("mish", "Mish", mish, mish_slope),
        ("scaled_softplus", "Softplus", scaled_softplus, scaled_softplus_slope),
        ("hardsigmoid", "Hardsigmoid", hardsigmoid, hardsigmoid_slope),
        ("hardswish", "Hardswish", hardswish, hardswish_slope),
        ("log_sigmoid", "LogSigmoid", log_sigmoid, log_sigmoid_slope),
    )
}
"""The rows of the table of operations."""
