"""Functions of one tensor, element by element: exp, log, sqrt, relu, … and casts.

In: a tensor. Out: a new tensor of the same shape, recorded. Half precision is computed in float32 and rounded once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from rushlight.autograd.graph import Gradients, Needs, in_single, record
from rushlight.backends.array import Array
from rushlight.core import dtypes
from rushlight.core.dtypes import FLOATING, HALVES
from rushlight.core.errors import message
from rushlight.runtime.allocation import empty_like_array
from rushlight.tensor.core import Tensor, elements, memory, wrap, wrap_like
from rushlight.tensor.layout import MemoryFormat, preserve_format
from rushlight.tensor.numerics import quiet
from rushlight.tensor.operands import Operand, in_dtype, result_type


def apply_floating(function: Callable, input: Tensor) -> Tensor:
    """`function` of a floating array; integers become the default dtype, half precision is computed in float32."""
    if not isinstance(input, Tensor):
        raise TypeError(f"expected a Tensor, got {type(input).__name__}")
    array, kind = elements(input), input.dtype
    if kind in HALVES:
        return wrap_like(quiet(quiet(function, array.astype(np.float32)).astype, array.dtype), input)
    if kind.category != FLOATING:
        array = array.astype(dtypes.get_default_dtype().numpy)
    return wrap_like(quiet(function, array), input)


def _define(name: str, function: Callable, rule: Callable, *, from_output: bool = False, doc: str) -> Callable:
    """Make a floating-point function with a rule that takes its input (or its output)."""
    node = f"{name.title()}Backward0"

    def operation(input: Tensor) -> Tensor:
        result = apply_floating(function, input)
        record(node, result, (input,), rule, (result if from_output else input,))
        return result

    operation.__name__ = operation.__qualname__ = name
    operation.__doc__ = doc
    operation.__module__ = __name__
    return operation


def _sigmoid(x: np.ndarray) -> np.ndarray:
    """Written so that neither end overflows."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e))


exp = _define("exp", np.exp, lambda n, g, y: (g * y,), from_output=True, doc="e to the power of each element.")
exp2 = _define(
    "exp2",
    np.exp2,
    lambda n, g, y: (g * y * 0.6931471805599453,),
    from_output=True,
    doc="2 to the power of each element.",
)
expm1 = _define("expm1", np.expm1, lambda n, g, y: (g * (y + 1),), from_output=True, doc="exp(x) - 1, exact near 0.")
log = _define("log", np.log, lambda n, g, x: (g / x,), doc="The natural logarithm of each element.")
log2 = _define("log2", np.log2, lambda n, g, x: (g / (x * 0.6931471805599453),), doc="The logarithm to base 2.")
log10 = _define("log10", np.log10, lambda n, g, x: (g / (x * 2.302585092994046),), doc="The logarithm to base 10.")
log1p = _define("log1p", np.log1p, lambda n, g, x: (g / (x + 1),), doc="log(1 + x), exact near 0.")
sqrt = _define(
    "sqrt", np.sqrt, lambda n, g, y: (g / (y * 2),), from_output=True, doc="The square root of each element."
)
rsqrt = _define(
    "rsqrt", lambda x: 1 / np.sqrt(x), lambda n, g, y: (g * y * y * y * -0.5,), from_output=True, doc="1 / sqrt(x)."
)
sin = _define("sin", np.sin, lambda n, g, x: (g * x.cos(),), doc="The sine of each element (radians).")
cos = _define("cos", np.cos, lambda n, g, x: (-g * x.sin(),), doc="The cosine of each element (radians).")
tan = _define("tan", np.tan, lambda n, g, y: (g * (y * y + 1),), from_output=True, doc="The tangent (radians).")
asin = _define("asin", np.arcsin, lambda n, g, x: (g * (1 - x * x).rsqrt(),), doc="The arc sine, in radians.")
acos = _define("acos", np.arccos, lambda n, g, x: (-g * (1 - x * x).rsqrt(),), doc="The arc cosine, in radians.")
atan = _define("atan", np.arctan, lambda n, g, x: (g / (x * x + 1),), doc="The arc tangent, in radians.")
sinh = _define("sinh", np.sinh, lambda n, g, x: (g * x.cosh(),), doc="The hyperbolic sine.")
cosh = _define("cosh", np.cosh, lambda n, g, x: (g * x.sinh(),), doc="The hyperbolic cosine.")
tanh = _define(
    "tanh",
    np.tanh,
    in_single(lambda n, g, y: (g * (1 - y * y),)),
    from_output=True,
    doc="The hyperbolic tangent.",
)
sigmoid = _define(
    "sigmoid",
    _sigmoid,
    in_single(lambda n, g, y: (g * (1 - y) * y,)),
    from_output=True,
    doc="1 / (1 + exp(-x)), without overflow.",
)
reciprocal = _define(
    "reciprocal", np.reciprocal, lambda n, g, y: (-g * y * y,), from_output=True, doc="1 / x; integers give floats."
)


def _erf(x: np.ndarray) -> np.ndarray:
    return x.backend.call(_erf_by_number, (x,), {}) if type(x) is Array else _erf_by_number(x)


def _erf_by_number(x: np.ndarray) -> np.ndarray:
    return np.vectorize(math.erf, otypes=[x.dtype])(x) if x.size else x.copy()


_erf_by_number.keeps_layout = True  # as the meta device may know


erf = _define(
    "erf", _erf, lambda n, g, x: (g * (-x * x).exp() * 1.1283791670955126,), doc="The error function of each element."
)


# -- functions that keep the dtype


def apply(function: Callable, input: Tensor) -> Tensor:
    """`function` of an array of any dtype, in that dtype."""
    return wrap_like(quiet(function, elements(input)), input)


def neg(input: Tensor) -> Tensor:
    """`-input`; not for bool tensors."""
    if memory(input).dtype == np.bool_:
        raise RuntimeError(
            message(
                "Negation, the `-` operator, on a bool tensor is not supported.",
                fix="the `~` or `logical_not()` operator",
            )
        )
    result = apply(np.negative, input)
    record("NegBackward0", result, (input,), _neg_rule)
    return result


def _neg_rule(needs: Needs, grad: Tensor) -> Gradients:
    return (-grad,)


def positive(input: Tensor) -> Tensor:
    """The tensor itself."""
    return input


def abs(input: Tensor) -> Tensor:
    """The absolute value of each element; its gradient at 0 is 0."""
    if memory(input).dtype == np.bool_:
        raise NotImplementedError("\"abs_cpu\" not implemented for 'Bool'")
    result = apply(np.absolute, input)
    record("AbsBackward0", result, (input,), _abs_rule, (input,))
    return result


def _abs_rule(needs: Needs, grad: Tensor, input: Tensor) -> Gradients:
    return (grad * input.sign(),)


def square(input: Tensor) -> Tensor:
    """`input ** 2`."""
    return input**2


def _define_step(name: str, function: Callable, doc: str) -> Callable:
    """A function that is constant between steps: its gradient is zero."""
    node = f"{name.title()}Backward0"

    def operation(input: Tensor) -> Tensor:
        if memory(input).dtype == np.bool_ and name != "sign":
            raise NotImplementedError(f"\"{name}\" not implemented for 'Bool'")
        result = (
            apply(function, input) if input.dtype.category == FLOATING or name == "sign" else wrap(input._array.copy())
        )
        record(node, result, (input,), _zero_rule)
        return result

    operation.__name__ = operation.__qualname__ = name
    operation.__doc__ = doc
    operation.__module__ = __name__
    return operation


def _zero_rule(needs: Needs, grad: Tensor) -> Gradients:
    return (wrap(np.zeros_like(grad._array)),)


def _sign(x: np.ndarray) -> np.ndarray:
    return (
        x.copy()
        if x.dtype == np.bool_
        else np.nan_to_num(np.sign(x)).astype(x.dtype)
        if x.dtype.kind != "i"
        else np.sign(x)
    )


floor = _define_step("floor", np.floor, "Each element rounded down.")
ceil = _define_step("ceil", np.ceil, "Each element rounded up.")
trunc = _define_step("trunc", np.trunc, "Each element rounded towards 0.")
sign = _define_step("sign", _sign, "-1, 0 or 1 for each element; 0 for NaN.")


def round(input: Tensor, *, decimals: int = 0) -> Tensor:
    """Each element rounded to `decimals` places, halves to even."""
    result = wrap(quiet(np.round, input._array, decimals))
    record("RoundBackward0", result, (input,), _zero_rule)
    return result


def frac(input: Tensor) -> Tensor:
    """The part of each element behind the point."""
    return input - input.trunc().detach()


# -- clamping


def clamp(input: Tensor, min: Operand | None = None, max: Operand | None = None) -> Tensor:
    """Each element, at least `min` and at most `max` (numbers or tensors; one may be left out).

    The gradient passes where the element lies between them, ends included.

    >>> import rushlight as torch
    >>> torch.tensor([-2.0, 0.5, 3.0]).clamp(0, 1)
    tensor([0.0000, 0.5000, 1.0000])
    """
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    kind = result_type(*[t for t in (input, min, max) if t is not None])
    x, low, high = (None if t is None else in_dtype(t, kind) for t in (input, min, max))
    result = x if low is None else quiet(np.maximum, x, low)
    result = result if high is None else quiet(np.minimum, result, high)
    result = wrap(result)
    bounds = tuple(t if isinstance(t, Tensor) else None for t in (min, max))
    rule = partial(_clamp_rule, low, high)
    name = "ClampBackward0" if any(t is not None for t in bounds) else "ClampBackward1"
    record(name, result, (input, *bounds), rule, (input,))
    return result


def _clamp_rule(
    low: np.ndarray | None, high: np.ndarray | None, needs: Needs, grad: Tensor, input: Tensor
) -> Gradients:
    x = input._array
    below = np.False_ if low is None else quiet(np.less, x, low)
    above = np.False_ if high is None else quiet(np.greater, x, high)
    crossed = np.False_ if low is None or high is None else quiet(np.greater, low, high)
    masks = (~(below | above), below & ~crossed if low is not None else below, above | crossed)
    return tuple(grad * wrap(mask.astype(memory(grad).dtype)) if need else None for need, mask in zip(needs, masks))


def clamp_min(input: Tensor, min: Operand) -> Tensor:
    """Each element, at least `min`."""
    return clamp(input, min=min)


def clamp_max(input: Tensor, max: Operand) -> Tensor:
    """Each element, at most `max`."""
    return clamp(input, max=max)


def relu(input: Tensor) -> Tensor:
    """Each element, or 0 where it is negative; the gradient at 0 is 0."""
    if memory(input).dtype == np.bool_:
        raise RuntimeError("Boolean inputs not supported for relu")
    array = elements(input)
    result = wrap_like(quiet(np.maximum, array, array.dtype.type(0)), input)
    record("ReluBackward0", result, (input,), _relu_rule, (result,))
    return result


def _relu_rule(needs: Needs, grad: Tensor, result: Tensor) -> Gradients:
    return (_where_kept(grad, elements(result) > 0),)


def _where_kept(grad: Tensor, kept: np.ndarray) -> Tensor:
    """The gradient where the result was positive, else 0; linear, so it is its own gradient."""
    array = elements(grad)
    out = wrap_like(quiet(np.multiply, array, kept, out=empty_like_array(array, array.dtype)), grad)
    record("ThresholdBackwardBackward0", out, (grad,), lambda needs, g: (_where_kept(g, kept),))
    return out


def nan_to_num(input: Tensor, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Tensor:
    """NaN and the infinities replaced: by `nan`, and by the largest and smallest finite numbers unless given."""
    result = wrap(quiet(np.nan_to_num, input._array, copy=True, nan=nan, posinf=posinf, neginf=neginf))
    mask = wrap(np.isfinite(input._array).astype(memory(input).dtype)) if input.requires_grad else None
    record("NanToNumBackward0", result, (input,), lambda needs, grad, mask: (grad * mask,), (mask,))
    return result


# -- casts


def cast(input: Tensor, kind: np.dtype) -> Tensor:
    """A copy in another NumPy dtype, recorded."""
    result = wrap_like(_converted(elements(input), kind), input)
    if kind.kind == "f" or dtypes.of_numpy(kind).category == FLOATING:
        record("ToCopyBackward0", result, (input,), _cast_rule)
    return result


def _cast_rule(needs: Needs, grad: Tensor) -> Gradients:
    return (grad,)  # the engine casts it back


def _converted(array: np.ndarray, kind: np.dtype) -> np.ndarray:
    if kind.kind in "iu" and array.dtype.kind not in "iub":
        # C leaves a float beyond the integer's range undefined; through int64 narrow integers wrap around.
        array = quiet(array.astype, np.int64)
    return quiet(array.astype, kind)


def caster(name: str, kind: dtypes.dtype) -> Callable:
    """The method `name`, which casts to a dtype."""

    def convert(self: Tensor, memory_format: MemoryFormat = preserve_format) -> Tensor:
        if memory_format is not preserve_format:
            return self.to(kind, memory_format=memory_format)
        return self if memory(self).dtype is kind.numpy else cast(self, kind.numpy)

    convert.__name__ = name
    convert.__doc__ = f"The tensor in {kind}; itself where it is that already, in that memory order."
    return convert
