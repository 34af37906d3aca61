"""Functions of one tensor, element by element: exp, log, sqrt, relu, … and casts.

In: a tensor. Out: a new tensor of the same shape, recorded. Half precision is computed in float32 and rounded once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from rushlight.autograd.graph import in_single, record
from rushlight.autograd.operation import Gradients, Needs, define
from rushlight.backends.array import Array
from rushlight.core import dtypes
from rushlight.core.dtypes import FLOATING, HALVES
from rushlight.core.error_function import erfinv as inverse_of_erf
from rushlight.core.errors import message
from rushlight.rules.expression import alike, inputs
from rushlight.rules.expression import function as function_of
from rushlight.rules.expression import maximum as greater
from rushlight.rules.expression import minimum as lesser
from rushlight.rules.expression import where as where_expression
from rushlight.rules.results import Layout, Layouts, as_first, floating, is_floating, promoted, shape_of
from rushlight.tensor.composed import composed
from rushlight.tensor.core import Tensor, elements, memory, wrap, wrap_like
from rushlight.tensor.fusing import define_pointwise
from rushlight.tensor.layout import MemoryFormat, preserve_format
from rushlight.tensor.numerics import MANY, cast_many, expressed, quiet
from rushlight.tensor.operands import Operand, array_in_dtype, constant_like, in_dtype, layout_of, recast, result_type


def apply_floating(function: Callable, input: Tensor) -> Tensor:
    """`function` of a floating array; integers become the default dtype, half precision is computed in float32."""
    if not isinstance(input, Tensor):
        raise TypeError(f"expected a Tensor, got {type(input).__name__}")
    return wrap_like(floating_array(function, elements(input)), input)


def floating_array(function: Callable, array: np.ndarray, *attributes: object) -> np.ndarray:
    """The same of arrays; `partial(floating_array, function)` is such an operation's lowering."""
    kind = dtypes._by_number[array.dtype.num]
    if kind in HALVES:
        return quiet(quiet(function, array.astype(np.float32), *attributes).astype, array.dtype)
    if kind.category != FLOATING:
        array = array.astype(dtypes.get_default_dtype().numpy)
    return quiet(function, array, *attributes)


def _define(name: str, function: Callable, rule: Callable, *, from_output: bool = False, doc: str) -> Callable:
    """Make a floating-point function with a rule that takes its input (or its output)."""
    lowering = partial(floating_array, function)
    row = define_pointwise(name, f"{name.title()}Backward0", derivative=rule, results=floating, lowering=lowering)

    def operation(input: Tensor) -> Tensor:
        result = apply_floating(function, input)
        record(row, (), result, (input,), (result if from_output else input,))
        return result

    return _named(operation, name, doc)


def _named(operation: Callable, name: str, doc: str) -> Callable:
    operation.__name__ = operation.__qualname__ = name
    operation.__doc__ = doc
    operation.__module__ = __name__
    return operation


def _sigmoid(x: np.ndarray) -> np.ndarray:
    """Written so that neither end overflows."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e))


_X, _Y, _Z = inputs(3)
expressed(_sigmoid, function_of("sigmoid", _X))

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
    "rsqrt",
    expressed(lambda x: 1 / np.sqrt(x), function_of("rsqrt", _X), rounds=False),
    lambda n, g, y: (g * y * y * y * -0.5,),
    from_output=True,
    doc="1 / sqrt(x).",
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
expressed(np.reciprocal, 1 / _X, rounds=False)
reciprocal = _define(
    "reciprocal", np.reciprocal, lambda n, g, y: (-g * y * y,), from_output=True, doc="1 / x; integers give floats."
)


def _by_number(name: str, function: Callable[[float], float]) -> Callable[[np.ndarray], np.ndarray]:
    """A function of Python's floats as one of arrays; kernels compute it where there are any."""

    def by_number(x: np.ndarray) -> np.ndarray:
        return np.vectorize(function, otypes=[x.dtype])(x) if x.size else x.copy()

    by_number.keeps_layout = True  # as the meta device may know
    return expressed(
        lambda x: x.backend.call(by_number, (x,), {}) if type(x) is Array else by_number(x), function_of(name, _X)
    )


erf = _define(
    "erf",
    _by_number("erf", math.erf),
    lambda n, g, x: (g * (-x * x).exp() * 1.1283791670955126,),
    doc="The error function of each element.",
)
erfc = _define(
    "erfc",
    _by_number("erfc", math.erfc),
    lambda n, g, x: (g * (-x * x).exp() * -1.1283791670955126,),
    doc="1 - erf(x), exact where erf is near 1.",
)


def _erfinv_rule(needs: Needs, grad: Tensor, input: Tensor) -> Gradients:
    y = input.erfinv()
    return (grad * (y * y).exp() * 0.886226925452758,)


erfinv = _define(
    "erfinv",
    _by_number("erfinv", inverse_of_erf),
    _erfinv_rule,
    doc="The inverse of the error function: infinite at ±1, NaN beyond.",
)


# -- functions that keep the dtype


def apply(function: Callable, input: Tensor) -> Tensor:
    """`function` of an array of any dtype, in that dtype."""
    return wrap_like(quiet(function, elements(input)), input)


def neg(input: Tensor) -> Tensor:
    """`-input`; not for bool tensors."""
    if memory(input).dtype.kind == "b":
        raise RuntimeError(
            message(
                "Negation, the `-` operator, on a bool tensor is not supported.",
                fix="the `~` or `logical_not()` operator",
            )
        )
    result = apply(np.negative, input)
    record(NEG, (), result, (input,))
    return result


NEG = define(
    "neg",
    "NegBackward0",
    derivative=lambda needs, grad: (-grad,),
    results=as_first,
    lowering=partial(quiet, np.negative),
)


def positive(input: Tensor) -> Tensor:
    """The tensor itself."""
    return input


def abs(input: Tensor) -> Tensor:
    """The absolute value of each element; its gradient at 0 is 0."""
    if memory(input).dtype.kind == "b":
        raise NotImplementedError("\"abs_cpu\" not implemented for 'Bool'")
    result = apply(np.absolute, input)
    record(ABS, (), result, (input,), (input,))
    return result


ABS = define_pointwise(
    "abs",
    "AbsBackward0",
    derivative=lambda needs, grad, input: (grad * input.sign(),),
    results=as_first,
    lowering=partial(quiet, np.absolute),
)


def square(input: Tensor) -> Tensor:
    """`input ** 2`."""
    return input**2


def _zero_rule(*attributes_and_needs: object) -> Gradients:
    return (attributes_and_needs[-1]._filled_like(0),)


def _define_step(name: str, function: Callable, doc: str) -> Callable:
    """A function that is constant between steps: its gradient is zero."""
    row = define(name, f"{name.title()}Backward0", derivative=_zero_rule, results=as_first, lowering=function)

    def operation(input: Tensor) -> Tensor:
        if memory(input).dtype.kind == "b" and name != "sign":
            raise NotImplementedError(f"\"{name}\" not implemented for 'Bool'")
        result = wrap_like(function(elements(input)), input)
        record(row, (), result, (input,))
        return result

    return _named(operation, name, doc)


def _step(function: Callable, x: np.ndarray) -> np.ndarray:
    return quiet(function, x) if is_floating(x.dtype) else x.copy()


def _sign(x: np.ndarray) -> np.ndarray:
    if x.dtype == np.bool_:
        return x.copy()
    return quiet(np.sign if x.dtype.kind in "iu" else _sign_of_floats, x)


def _sign_of_floats(x: np.ndarray) -> np.ndarray:
    return _finite(np.sign(x))


_SIGN = where_expression(_X > 0, 1.0, where_expression(_X < 0, -1.0, 0.0))
expressed(_sign_of_floats, alike(_SIGN, _X))


floor = _define_step("floor", partial(_step, np.floor), "Each element rounded down.")
ceil = _define_step("ceil", partial(_step, np.ceil), "Each element rounded up.")
trunc = _define_step("trunc", partial(_step, np.trunc), "Each element rounded towards 0.")
sign = _define_step("sign", _sign, "-1, 0 or 1 for each element; 0 for NaN.")


def round(input: Tensor, *, decimals: int = 0) -> Tensor:
    """Each element rounded to `decimals` places, halves to even."""
    result = wrap(quiet(np.round, input._array, decimals))
    record(ROUND if decimals == 0 else ROUND_DECIMALS, (decimals,), result, (input,))
    return result


_of_round = {"derivative": _zero_rule, "results": as_first, "lowering": partial(quiet, np.round)}
ROUND = define("round", "RoundBackward0", **_of_round)
ROUND_DECIMALS = define("round.decimals", "RoundBackward1", **_of_round)


def frac(input: Tensor) -> Tensor:
    """The part of each element behind the point."""
    result = wrap_like(_fraction(elements(input)), input)
    record(FRAC, (), result, (input,))
    return result


_fraction = composed(lambda x: x - x.trunc())
FRAC = define("frac", "FracBackward0", derivative=lambda needs, grad: (grad,), results=as_first, lowering=_fraction)


# -- clamping


def clamp(input: Tensor, min: Operand | None = None, max: Operand | None = None) -> Tensor:
    """Each element, at least `min` and at most `max` (numbers or tensors; one may be left out).

    The gradient passes where the element lies between them, ends included; NaN lies nowhere.

    >>> import rushlight as torch
    >>> torch.tensor([-2.0, 0.5, 3.0]).clamp(0, 1)
    tensor([0.0000, 0.5000, 1.0000])
    """
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    kind = result_type(*[t for t in (input, min, max) if t is not None])
    result = wrap(_between(*[None if t is None else in_dtype(t, kind) for t in (input, min, max)]))
    low, min = (min, None) if isinstance(min, Tensor) else (None, min)
    high, max = (max, None) if isinstance(max, Tensor) else (None, max)
    if low is None and high is None:
        record(CLAMP, (min, max), result, (input,), (input,))
    else:
        record(CLAMP_TENSOR, (min, max), result, (input, low, high), (input, low, high))
    return result


def _between(x: np.ndarray, low: np.ndarray | None, high: np.ndarray | None) -> np.ndarray:
    if low is None:
        return quiet(np.minimum, x, high)
    return quiet(np.maximum, x, low) if high is None else quiet(_clamped, x, low, high)


def _clamped(x: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    return np.minimum(np.maximum(x, low), high)


expressed(_clamped, lesser(greater(_X, _Y), _Z), floating=False, rounds=False)


def _lower_clamp(
    x: np.ndarray, low: np.ndarray | None, high: np.ndarray | None, min: float | None, max: float | None
) -> np.ndarray:
    kind = promoted([layout_of(array) for array in (x, low, high)], (min, max))
    bounds = (min if low is None else low, max if high is None else high)
    return _between(*[None if t is None else array_in_dtype(t, kind) for t in (x, *bounds)])


def _clamp_rule(
    min: float | None,
    max: float | None,
    needs: Needs,
    grad: Tensor,
    input: Tensor,
    low: Tensor | None,
    high: Tensor | None,
) -> Gradients:
    x, low, high = _beside(grad, None, input), _beside(grad, min, low), _beside(grad, max, high)
    of_input = of_low = of_high = None
    if needs[0]:
        inside = [x >= low] if low is not None else []
        inside += [x <= high] if high is not None else []
        of_input = grad.masked_fill(~(inside[0] & inside[-1]), 0)
    if needs[1]:
        lifted = x < low if high is None else (x < low) & (low < high)
        of_low = grad.masked_fill(~lifted, 0)
    if needs[2]:
        lowered = x > high if low is None else (x > high) | (high < low)
        of_high = grad.masked_fill(~lowered, 0)
    return of_input, of_low, of_high


def _beside(grad: Tensor, number: float | None, tensor: Tensor | None) -> Operand | None:
    """An operand of clamp as it was compared, in the dtype of the result."""
    kind = grad.dtype
    if tensor is not None:
        return tensor if tensor.dtype is kind else cast(tensor, kind.numpy)
    return number if number is None or kind not in HALVES else constant_like(number, grad)


def _clamp_by_numbers_rule(min: float | None, max: float | None, needs: Needs, grad: Tensor, x: Tensor) -> Gradients:
    return _clamp_rule(min, max, (*needs, None, None), grad, x, None, None)[:1]


def _clamped_layout(inputs: Layouts, min: float | None, max: float | None) -> list[Layout]:
    return [(shape_of(inputs), promoted(inputs, (min, max)).numpy)]


CLAMP = define(
    "clamp",
    "ClampBackward1",
    derivative=_clamp_by_numbers_rule,
    results=_clamped_layout,
    lowering=lambda x, min, max: _lower_clamp(x, None, None, min, max),
)
CLAMP_TENSOR = define_pointwise(
    "clamp.tensor", "ClampBackward0", derivative=_clamp_rule, results=_clamped_layout, lowering=_lower_clamp
)


def clamp_min(input: Tensor, min: Operand) -> Tensor:
    """Each element, at least `min`."""
    return clamp(input, min=min)


def clamp_max(input: Tensor, max: Operand) -> Tensor:
    """Each element, at most `max`."""
    return clamp(input, max=max)


def relu(input: Tensor) -> Tensor:
    """Each element, or 0 where it is negative; the gradient at 0 is 0."""
    array = elements(input)
    if array.dtype.kind == "b":
        raise RuntimeError("Boolean inputs not supported for relu")
    result = wrap_like(_rectified(array), input)
    record(RELU, (), result, (input,), (result,))
    return result


def _rectified(array: np.ndarray) -> np.ndarray:
    return quiet(np.maximum, array, array.dtype.type(0))


RELU = define_pointwise(
    "relu",
    "ReluBackward0",
    derivative=lambda needs, grad, result: (_where_positive(grad, result),),
    results=as_first,
    lowering=_rectified,
)


def _where_positive(grad: Tensor, result: Tensor) -> Tensor:
    """The gradient, 0 where the result was not positive (NaN passes it); linear, so it is its own gradient."""
    out = wrap_like(_masked(elements(grad), elements(result)), grad)
    record(THRESHOLD_BACKWARD, (), out, (grad, result), (result,))
    return out


def _masked(array: np.ndarray, result: np.ndarray) -> np.ndarray:
    return quiet(_kept, array, result)


def _kept(array: np.ndarray, result: np.ndarray) -> np.ndarray:
    return np.where(result <= 0, array.dtype.type(0), array)


expressed(_kept, where_expression(_Y <= 0, 0, _X), rounds=False)


THRESHOLD_BACKWARD = define_pointwise(
    "threshold_backward",
    "ThresholdBackwardBackward0",
    derivative=lambda needs, grad, result: (_where_positive(grad, result), None),
    results=as_first,
    lowering=_masked,
)


def nan_to_num(input: Tensor, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Tensor:
    """NaN and the infinities replaced: by `nan`, and by the largest and smallest finite numbers unless given."""
    result = wrap(_finite(input._array, nan, posinf, neginf))
    record(NAN_TO_NUM, (nan, posinf, neginf), result, (input,), (input,))
    return result


def _finite(
    array: np.ndarray, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> np.ndarray:
    if array.dtype.kind == "V":  # bfloat16, which NumPy's function hands back as it is
        largest = dtypes.finfo(dtypes.bfloat16).max
        limits = (largest if posinf is None else posinf, -largest if neginf is None else neginf)
        return quiet(_finite(array.astype(np.float32), nan, *limits).astype, array.dtype)
    return quiet(np.nan_to_num, array, copy=True, nan=nan, posinf=posinf, neginf=neginf)


NAN_TO_NUM = define(
    "nan_to_num",
    "NanToNumBackward0",
    derivative=lambda nan, posinf, neginf, needs, grad, input: (grad * input.isfinite(),),
    results=as_first,
    lowering=_finite,
)


# -- casts

_UINT64, _FLOAT32 = np.dtype(np.uint64).num, np.dtype(np.float32).num


def cast(input: Tensor, kind: np.dtype) -> Tensor:
    """A copy in another NumPy dtype, recorded."""
    result = wrap_like(_converted(elements(input), kind), input)
    record(TO_COPY if kind.kind == "f" or is_floating(kind) else TO_INTEGERS, (kind,), result, (input,))
    return result


def _converted(array: np.ndarray, kind: np.dtype) -> np.ndarray:
    if type(array) is np.ndarray and array.size >= MANY and kind.num != _UINT64:
        return cast_many(array, kind)
    if kind.itemsize == 2 and kind.kind not in "iu" and array.dtype.itemsize > 2 and array.dtype.num != _FLOAT32:
        array = quiet(array.astype, np.float32)  # as PyTorch rounds, and the engine
    if kind.kind in "iu" and array.dtype.kind not in "iub":
        # C leaves a float beyond the integer's range undefined; through int64 narrow integers wrap around.
        array = quiet(array.astype, np.int64)
    return recast(array, kind)


_cast = {"results": lambda inputs, kind: [(inputs[0][0], kind)], "lowering": _converted}
# The engine casts the gradient back.
TO_COPY = define("to_copy", "ToCopyBackward0", derivative=lambda kind, needs, grad: (grad,), **_cast)
TO_INTEGERS = define("to_copy.integers", "ToCopyBackward0", derivative=None, **_cast)


def caster(name: str, kind: dtypes.dtype) -> Callable:
    """The method `name`, which casts to a dtype."""

    def convert(self: Tensor, memory_format: MemoryFormat = preserve_format) -> Tensor:
        if memory_format is not preserve_format:
            return self.to(kind, memory_format=memory_format)
        return self if memory(self).dtype is kind.numpy else cast(self, kind.numpy)

    convert.__name__ = name
    convert.__doc__ = f"The tensor in {kind}; itself where it is that already, in that memory order."
    return convert
