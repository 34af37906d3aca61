"""Arithmetic on two operands: + − × ÷ and powers, with broadcasting and PyTorch's promotion.

In: tensors and numbers. Out: a new tensor, recorded. The rules give gradients of the broadcast shape; the engine
sums them to the shape of each input.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from rushlight.autograd.graph import record, widen
from rushlight.autograd.modes import no_grad
from rushlight.autograd.operation import Gradients, Needs, Operation, define
from rushlight.backends.array import ARRAYS, Array, found
from rushlight.core import dtypes
from rushlight.core.dtypes import HALVES
from rushlight.core.errors import message
from rushlight.rules.expression import inputs, where
from rushlight.rules.results import Layout, Layouts, broadcast, floating, promoted
from rushlight.runtime.allocation import zeros_beside
from rushlight.tensor.core import Tensor, elements, memory, wrap, wrap_beside, wrap_like
from rushlight.tensor.fusing import define_pointwise
from rushlight.tensor.numerics import expressed, quiet
from rushlight.tensor.operands import (
    Operand,
    array_in_dtype,
    check_some_tensor,
    check_tensors,
    is_number,
    layout_of,
    lowering_of_pair,
    pair,
    pair_floating,
    parted,
    result_type,
)

_X, _Y, _Z = inputs(3)


def _saved_product(a: Operand, b: Operand) -> tuple[Tensor | None, Tensor | None]:
    """Each factor, where the other one needs it for its gradient."""
    return (
        a if isinstance(a, Tensor) and isinstance(b, Tensor) and b.requires_grad else None,
        b if isinstance(b, Tensor) and isinstance(a, Tensor) and a.requires_grad else None,
    )


# -- sums


def add(input: Operand, other: Operand, *, alpha: float = 1) -> Tensor:
    """`input + alpha * other`, broadcast.

    >>> import rushlight as torch
    >>> torch.add(torch.tensor([1, 2]), 3)
    tensor([4, 5])
    """
    alpha = _checked_alpha(alpha, input, other)
    result = pair(np.add, input, other if alpha == 1 else _scaled(other, alpha))
    tensors, number = parted(input, other)
    record(ADD, (alpha, number), result, tensors)
    return result


def _scaled(other: Operand, alpha: float) -> Operand:
    return pair(np.multiply, other, alpha) if isinstance(other, Tensor) else other * alpha


def _add_rule(alpha: float, number: float | None, needs: Needs, grad: Tensor) -> Gradients:
    return grad, grad if alpha == 1 else grad * alpha if needs[1] else None


def _sub_rule(alpha: float, number: float | None, needs: Needs, grad: Tensor) -> Gradients:
    return grad, grad * -alpha if needs[1] else None


def _lower_scaled(ufunc: np.ufunc) -> Callable:
    """The lowering of `ufunc(a, alpha * b)`."""
    lower = lowering_of_pair(ufunc)

    def lower_scaled(a: np.ndarray | None, b: np.ndarray | None, alpha: float, number: float | None) -> np.ndarray:
        if alpha != 1:
            b = None if b is None else MUL.lowering(b, None, alpha)
            number = number * alpha if b is None else number
        return lower(a, b, number)

    return lower_scaled


_sum = {"results": broadcast, "lowering": _lower_scaled(np.add)}
_difference = {"results": broadcast, "lowering": _lower_scaled(np.subtract), "derivative": _sub_rule}
ADD = define("add", "AddBackward0", derivative=_add_rule, **_sum)
SUB = define("sub", "SubBackward0", **_difference)
RSUB = define(
    "rsub",
    "RsubBackward1",
    derivative=lambda alpha, number, needs, grad: (grad * -alpha,),
    results=broadcast,
    lowering=lambda a, alpha, number: _difference["lowering"](None, a, alpha, number),
)


def sub(input: Operand, other: Operand, *, alpha: float = 1) -> Tensor:
    """`input - alpha * other`, broadcast; not for bool tensors."""
    alpha = _checked_alpha(alpha, input, other)
    if _is_bool(input) or _is_bool(other):
        _refuse_bool_subtraction(input, other)
    result = pair(np.subtract, input, other if alpha == 1 else _scaled(other, alpha))
    tensors, number = parted(input, other)
    if isinstance(input, Tensor):
        record(SUB, (alpha, number), result, tensors)
    else:
        record(RSUB, (alpha, number), result, (other,))
    return result


def _is_bool(operand: Operand) -> bool:
    return memory(operand).dtype == np.bool_ if isinstance(operand, Tensor) else type(operand) is bool


def _refuse_bools(name: str, a: Operand, b: Operand) -> None:
    if _is_bool(a) and _is_bool(b):
        raise NotImplementedError(message(f"\"{name}\" not implemented for 'Bool'", fix=".int() first"))


def _refuse_bool_subtraction(a: Operand, b: Operand) -> None:
    both = _is_bool(a) and _is_bool(b)
    raise RuntimeError(
        message(
            "Subtraction, the `-` operator, with two bool tensors is not supported."
            if both
            else "Subtraction, the `-` operator, with a bool tensor is not supported.",
            fix="the `^` or `logical_xor()` operator, or `~` / `logical_not()` to invert a mask",
        )
    )


def _checked_alpha(alpha: float | Tensor, a: Operand, b: Operand) -> float:
    if type(alpha) is int and alpha == 1:
        return alpha
    alpha = alpha.item() if isinstance(alpha, Tensor) else alpha
    if isinstance(alpha, float) and not result_type(a, b).is_floating_point:
        raise RuntimeError("For integral input tensors, argument alpha must not be a floating point number.")
    return alpha


def rsub(input: Tensor, other: Operand, *, alpha: float = 1) -> Tensor:
    """`other - alpha * input`."""
    check_tensors("rsub", input=input)
    return sub(other, input, alpha=alpha)


# -- products


def mul(input: Operand, other: Operand) -> Tensor:
    """`input * other`, broadcast."""
    result = pair(np.multiply, input, other)
    tensors, number = parted(input, other)
    record(MUL, (number,), result, tensors, _saved_product(input, other) if number is None else ())
    return result


def _mul_rule(
    number: float | None, needs: Needs, grad: Tensor, a: Tensor | None = None, b: Tensor | None = None
) -> Gradients:
    if number is not None:
        return (grad * number,) * 2
    return grad * b if needs[0] else None, grad * a if needs[1] else None


MUL = define_pointwise(
    "mul", "MulBackward0", derivative=_mul_rule, results=broadcast, lowering=lowering_of_pair(np.multiply)
)


def div(input: Operand, other: Operand, *, rounding_mode: str | None = None) -> Tensor:
    """`input / other`; integers give floats, unless `rounding_mode` is "floor" or "trunc".

    >>> import rushlight as torch
    >>> torch.tensor([7, -7]) / 2, torch.div(torch.tensor([7, -7]), 2, rounding_mode="trunc")
    (tensor([ 3.5000, -3.5000]), tensor([ 3, -3]))
    """
    if rounding_mode is not None:
        return _div_rounded(input, other, rounding_mode)
    result = pair_floating(np.divide, input, other)
    saved = ()
    if isinstance(other, Tensor):
        saved = (input if other.requires_grad and isinstance(input, Tensor) else None, other)
    tensors, number = parted(input, other)
    record(DIV, (number,), result, tensors, saved)
    return result


def true_divide(input: Operand, other: Operand) -> Tensor:
    """`input / other`."""
    return div(input, other)


def _div_rule(
    number: float | None, needs: Needs, grad: Tensor, a: Tensor | None = None, b: Tensor | None = None
) -> Gradients:
    if b is None:
        return grad / number, None
    numerator = number if a is None else a
    return (
        grad / b if needs[0] else None,
        -grad * (numerator / b / b) if needs[1] else None,
    )


def _quotient(inputs: Layouts, number: float | None) -> list[Layout]:
    ((shape, kind),) = broadcast(inputs, number)
    return floating([(shape, kind)])


DIV = define_pointwise(
    "div",
    "DivBackward0",
    derivative=_div_rule,
    results=_quotient,
    lowering=lowering_of_pair(np.divide, floating=True),
)


def _div_rounded(a: Operand, b: Operand, mode: str) -> Tensor:
    if mode == "floor":
        return floor_divide(a, b)
    if mode != "trunc":
        raise RuntimeError(
            message(f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{mode}'")
        )
    _check_integer_divisor(a, b)
    tensors, number = parted(a, b)
    result = wrap(_lower_truncated(*[None if t is None else t._array for t in tensors], number))
    record(DIV_TRUNC, (number,), result, tensors)
    return result


def _lower_truncated(a: np.ndarray | None, b: np.ndarray | None, number: float | None) -> np.ndarray:
    if promoted([layout_of(a), layout_of(b)], (number,)) in HALVES:  # the quotient is rounded first
        return quiet(np.trunc, DIV.lowering(a, b, number))
    return lowering_of_pair(_truncated_quotient)(a, b, number)


def _truncated_quotient(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    if x.dtype.kind == "f":
        return np.trunc(np.divide(x, y))
    quotient = np.floor_divide(x, y)
    return quotient + ((np.remainder(x, y) != 0) & (quotient < 0)).astype(quotient.dtype)


def _zero_rule(number: float | None, needs: Needs, grad: Tensor) -> Gradients:
    return tuple(wrap(zeros_beside(memory(grad), *need)) if need else None for need in needs)


DIV_TRUNC = define("div.trunc", "DivBackward2", derivative=_zero_rule, results=broadcast, lowering=_lower_truncated)


def floor_divide(input: Operand, other: Operand) -> Tensor:
    """`input // other`, rounded down; RuntimeError for an integer division by zero."""
    _refuse_bools("div_floor_cpu", input, other)
    _check_integer_divisor(input, other)
    result = pair(np.floor_divide, input, other)
    tensors, number = parted(input, other)
    record(FLOOR_DIVIDE, (number,), result, tensors)
    return result


FLOOR_DIVIDE = define(
    "floor_divide",
    "FloorDivideBackward0",
    derivative=_zero_rule,
    results=broadcast,
    lowering=lowering_of_pair(np.floor_divide),
)


def remainder(input: Operand, other: Operand) -> Tensor:
    """`input % other` with the sign of `other`."""
    check_some_tensor("remainder", input, other)
    _refuse_bools("remainder_cpu", input, other)
    _check_integer_divisor(input, other)
    result = pair(np.remainder, input, other)
    quotient = floor_divide(input, other) if isinstance(other, Tensor) and other.requires_grad else None
    _record_remainder(REMAINDER, REMAINDER_TENSOR, result, input, other, quotient)
    return result


def _record_remainder(
    row: Operation, of_tensor: Operation, result: Tensor, a: Operand, b: Operand, quotient: Tensor | None
) -> None:
    tensors, number = parted(a, b)
    if isinstance(b, Tensor):
        record(of_tensor, (number,), result, tensors, (quotient,))
    else:
        record(row, (number,), result, tensors)


def _remainder_rule(number: float | None, needs: Needs, grad: Tensor, quotient: Tensor | None) -> Gradients:
    return grad, -grad * quotient if needs[1] else None


def _remainders(name: str, ufunc: np.ufunc) -> tuple[Operation, Operation]:
    """The rows of remainders of a division by a number, and by a tensor."""
    node, row = f"{name.title()}Backward", {"results": broadcast, "lowering": lowering_of_pair(ufunc)}
    by_number = define(name, f"{node}0", derivative=lambda number, needs, grad: (grad,), **row, differentiable=1)
    return by_number, define(f"{name}.tensor", f"{node}1", derivative=_remainder_rule, **row)


REMAINDER, REMAINDER_TENSOR = _remainders("remainder", np.remainder)
FMOD, FMOD_TENSOR = _remainders("fmod", np.fmod)


def fmod(input: Tensor, other: Operand) -> Tensor:
    """The remainder with the sign of `input`."""
    check_tensors("fmod", input=input)
    _check_integer_divisor(input, other)
    result = pair(np.fmod, input, other)
    quotient = None
    if isinstance(other, Tensor) and other.requires_grad:
        quotient = div(input, other, rounding_mode="trunc").detach()
    _record_remainder(FMOD, FMOD_TENSOR, result, input, other, quotient)
    return result


def _check_integer_divisor(a: Operand, b: Operand) -> None:
    if result_type(a, b).is_floating_point:
        return
    if found((b._array if isinstance(b, Tensor) else b) == 0):
        raise RuntimeError(message("ZeroDivisionError", "an integer division has a zero in its divisor"))


# -- powers


def pow(input: Operand, exponent: Operand) -> Tensor:
    """`input ** exponent`, broadcast; integers to negative powers are a RuntimeError.

    >>> import rushlight as torch
    >>> torch.tensor([1.0, 2.0, 3.0]) ** 2
    tensor([1., 4., 9.])
    """
    if is_number(exponent):
        return _pow_number(input, exponent)
    _refuse_bools("pow", input, exponent)
    result = pair(_power, input, exponent)
    tensors, number = parted(input, exponent)
    base_needed = exponent.requires_grad or (number is None and input.requires_grad)
    saved = (input if base_needed and number is None else None, exponent, result if exponent.requires_grad else None)
    if number is None:
        record(POW, (None,), result, tensors, saved)
    else:
        record(POW_OF_NUMBER, (number,), result, (exponent,), saved[1:])
    return result


def _power(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """np.power, with 1 / x ** -y truncated where integers meet negative exponents."""
    if y.dtype.kind != "i" or (type(y) is not Array and not (y < 0).any()):
        return np.power(x, y)
    inverse = np.where(x == 1, 1, np.where(x == -1, 1 - 2 * (y & 1), 0))
    return np.where(y < 0, inverse, np.power(x, np.maximum(y, 0))).astype(y.dtype)


def _pow_number(base: Tensor, exponent: float) -> Tensor:
    if isinstance(exponent, (int, np.integer)) and exponent < 0 and not base.dtype.is_floating_point:
        raise RuntimeError("Integers to negative integer powers are not allowed.")
    kind = memory(base).dtype
    if kind.kind in "iu" and np.iinfo(kind).max < abs(exponent) < math.inf and exponent == int(exponent):
        raise RuntimeError(f"value cannot be converted to type {base.dtype.name} without overflow")
    if _is_bool(base) and _is_bool(exponent):
        return wrap(base._array.copy() if exponent else np.ones_like(base._array))
    result = wrap_like(_raised(elements(base), exponent), base)
    record(POW_BY_NUMBER, (exponent,), result, (base,), (base,))
    return result


def _raised(base: np.ndarray, exponent: float) -> np.ndarray:
    short = _SHORT_POWERS.get(exponent)
    if short is None:
        return lowering_of_pair(np.power)(base, None, exponent)
    kind = promoted([layout_of(base)], (exponent,))
    if kind in HALVES:
        return quiet(quiet(short, array_in_dtype(base, dtypes.float32)).astype, kind.numpy)
    return quiet(short, array_in_dtype(base, kind))


def _squared(x: np.ndarray) -> np.ndarray:
    return x * x


def _cubed(x: np.ndarray) -> np.ndarray:
    return x * x * x


# Multiplying is faster than np.power and rounds as PyTorch does.
_SHORT_POWERS = {
    2: expressed(_squared, _X * _X, floating=False, rounds=False),
    3: expressed(_cubed, _X * _X * _X, floating=False, rounds=False),
    0.5: np.sqrt,
}


def _pow_number_rule(exponent: float, needs: Needs, grad: Tensor, base: Tensor) -> Gradients:
    if exponent == 0:
        return (wrap(np.zeros_like(base._array)),)
    return (grad * (exponent * (base if exponent == 2 else base ** (exponent - 1))),)


def _pow_rule(
    number: float | None, needs: Needs, grad: Tensor, base: Tensor | None, exponent: Tensor, result: Tensor | None
) -> Gradients:
    of_base = of_exponent = None
    if needs[0]:
        slope = exponent * base ** (exponent - 1)
        of_base = grad * _where_not(exponent._array == 0, slope)
    if needs[1]:
        base = wrap_beside(np.asarray(number, memory(exponent).dtype), exponent) if base is None else base
        flat = (base._array == 0) & (exponent._array >= 0)
        of_exponent = grad * _where_not(flat, result * base.log())
    return of_base, of_exponent


_power_rows = {"derivative": _pow_rule, "results": broadcast, "lowering": lowering_of_pair(_power)}
POW = define_pointwise("pow", "PowBackward1", **_power_rows)
POW_OF_NUMBER = define_pointwise(
    "pow.of_number",
    "PowBackward2",
    derivative=lambda number, needs, grad, *saved: _pow_rule(number, (None, *needs), grad, None, *saved)[1:],
    results=broadcast,
    lowering=lambda exponent, number: lowering_of_pair(_power)(None, exponent, number),
)
POW_BY_NUMBER = define_pointwise(
    "pow.by_number",
    "PowBackward0",
    derivative=_pow_number_rule,
    results=broadcast,
    lowering=_raised,
)


def _where_not(mask: np.ndarray, value: Tensor) -> Tensor:
    return value.masked_fill(wrap(mask), 0) if type(mask) is Array or mask.any() else value


def float_power(input: Operand, exponent: Operand) -> Tensor:
    """`input ** exponent` in float64."""
    check_some_tensor("float_power", input, exponent)
    double = [t.to(dtypes.float64) if isinstance(t, Tensor) else float(t) for t in (input, exponent)]
    return pow(*double)


# -- extremes and friends


def _extreme(ufunc: np.ufunc, row: Operation, a: Tensor, b: Tensor) -> Tensor:
    result = pair(ufunc, a, b)
    record(row, (None,), result, (a, b), (a, b))
    return result


def _extreme_rule(first: np.ufunc, number: None, needs: Needs, grad: Tensor, a: Tensor, b: Tensor) -> Gradients:
    """Equal values share the gradient equally, as in PyTorch."""
    tie = quiet(np.equal, a._array, b._array)
    wins = quiet(first, a._array, b._array)
    share = np.where(tie, 0.5, wins).astype(memory(grad).dtype)
    return grad * wrap(share), grad * wrap((1 - share).astype(share.dtype))


MAXIMUM, MINIMUM = (
    define_pointwise(
        name,
        f"{name.title()}Backward0",
        derivative=partial(_extreme_rule, first),
        results=broadcast,
        lowering=lowering_of_pair(ufunc),
    )
    for name, ufunc, first in (("maximum", np.maximum, np.greater), ("minimum", np.minimum, np.less))
)


def maximum(input: Tensor, other: Tensor) -> Tensor:
    """The larger of each pair of elements; NaN wins."""
    check_tensors("maximum", input=input, other=other)
    return _extreme(np.maximum, MAXIMUM, input, other)


def minimum(input: Tensor, other: Tensor) -> Tensor:
    """The smaller of each pair of elements; NaN wins."""
    check_tensors("minimum", input=input, other=other)
    return _extreme(np.minimum, MINIMUM, input, other)


def lerp(input: Tensor, end: Tensor, weight: Operand) -> Tensor:
    """`input + weight * (end - input)`; from a weight of 0.5 on reckoned from `end`, so that a weight of 1 gives it."""
    check_tensors("lerp", input=input, end=end)
    if end.dtype is not input.dtype:
        raise RuntimeError(f"expected dtype {input.dtype.name} for `end` but got dtype {end.dtype.name}")
    if not input.dtype.is_floating_point:
        raise NotImplementedError(message(f"\"lerp_kernel\" not implemented for '{input.dtype}'", fix=".float() first"))
    tensor = weight if isinstance(weight, Tensor) else None
    result = wrap(_lerp(input._array, end._array, *((None, weight) if tensor is None else (tensor._array, None))))
    if tensor is None:
        record(LERP, (weight,), result, (input, end))
    else:
        record(LERP_TENSOR, (), result, (input, end, tensor), (tensor, input, end))
    return result


def _lerp(start: np.ndarray, end: np.ndarray, weight: np.ndarray | None, number: float | None = None) -> np.ndarray:
    kind = promoted([layout_of(start), layout_of(end), layout_of(weight)], () if number is None else (number,))
    wide = dtypes.float32 if kind in HALVES else kind
    given = [array_in_dtype(value, wide) for value in (start, end, number if weight is None else weight)]
    result = quiet(_between_ends, *given)
    return result if wide is kind else quiet(result.astype, kind.numpy)


def _between_ends(start: np.ndarray, end: np.ndarray, weight: np.ndarray) -> np.ndarray:
    way = end - start
    return np.where(abs(weight) < 0.5, start + way * weight, end - way * (1 - weight))


expressed(_between_ends, where(abs(_Z) < 0.5, _X + (_Y - _X) * _Z, _Y - (_Y - _X) * (1 - _Z)), rounds=False)


def without_history(formula: Callable, *operands: Operand) -> Tensor:
    """`rounded_once` of operands without their history."""
    return rounded_once(formula, *[t.detach() if isinstance(t, Tensor) else t for t in operands])


def lowering_of(formula: Callable) -> Callable:
    """The lowering of a formula in terms of other operations; an operand that is None is the number that comes last."""

    def lower(*given: object) -> np.ndarray:
        arrays = [value for value in given if isinstance(value, ARRAYS)]
        rest = [value for value in given if value is not None and not isinstance(value, ARRAYS)]
        with no_grad():
            return without_history(formula, *map(wrap, arrays), *rest)._array

    return lower


def rounded_once(formula: Callable, *operands: Operand) -> Tensor:
    """`formula` of operands; of halves, in float32 and rounded once."""
    kind = result_type(*operands)
    if kind not in HALVES:
        return formula(*operands)
    return formula(*[widen(t) if isinstance(t, Tensor) else t for t in operands]).to(kind)


def _lerp_rule(weight: float | Tensor, needs: Needs, grad: Tensor) -> Gradients:
    return grad * (1 - weight) if needs[0] else None, grad * weight if needs[1] else None


def _lerp_tensor_rule(needs: Needs, grad: Tensor, weight: Tensor, start: Tensor, end: Tensor) -> Gradients:
    return *_lerp_rule(weight, needs, grad), grad * (end - start) if needs[2] else None


LERP = define(
    "lerp",
    "LerpBackward0",
    derivative=_lerp_rule,
    results=broadcast,
    lowering=lambda start, end, number: _lerp(start, end, None, number),
)
LERP_TENSOR = define(
    "lerp.tensor",
    "LerpBackward1",
    derivative=_lerp_tensor_rule,
    results=lambda inputs: broadcast(inputs, None),
    lowering=_lerp,
)


def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """`input + value * tensor1 * tensor2`."""
    check_tensors("addcmul", input=input, tensor1=tensor1, tensor2=tensor2)
    if not result_type(input, tensor1, tensor2).is_floating_point:
        value = int(value)
    result = without_history(_addcmul, input, tensor1, tensor2, value)
    record(ADDCMUL, (value,), result, (input, tensor1, tensor2), (tensor1, tensor2))
    return result


def _addcmul(x: Tensor, a: Tensor, b: Tensor, value: float) -> Tensor:
    return x + a * b * value


def _addcmul_rule(value: float, needs: Needs, grad: Tensor, a: Tensor, b: Tensor) -> Gradients:
    return grad, grad * (b * value) if needs[1] else None, grad * (a * value) if needs[2] else None


ADDCMUL = define(
    "addcmul", "AddcmulBackward0", derivative=_addcmul_rule, results=broadcast, lowering=lowering_of(_addcmul)
)


def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """`input + value * tensor1 / tensor2`."""
    check_tensors("addcdiv", input=input, tensor1=tensor1, tensor2=tensor2)
    if not (tensor1.dtype.is_floating_point or tensor2.dtype.is_floating_point):
        raise RuntimeError(message("Integer division with addcdiv is no longer supported", fix=".float() first"))
    result = without_history(_addcdiv, input, tensor1, tensor2, value)
    record(ADDCDIV, (value,), result, (input, tensor1, tensor2), (tensor1, tensor2))
    return result


def _addcdiv(x: Tensor, a: Tensor, b: Tensor, value: float) -> Tensor:
    return x + a / b * value


def _addcdiv_rule(value: float, needs: Needs, grad: Tensor, a: Tensor, b: Tensor) -> Gradients:
    return (
        grad,
        grad * (value / b) if needs[1] else None,
        -grad * (value * a / (b * b)) if needs[2] else None,
    )


ADDCDIV = define(
    "addcdiv", "AddcdivBackward0", derivative=_addcdiv_rule, results=broadcast, lowering=lowering_of(_addcdiv)
)
