"""Arithmetic on two operands: + − × ÷ and powers, with broadcasting and PyTorch's promotion.

In: tensors and numbers. Out: a new tensor, recorded. The rules give gradients of the broadcast shape; the engine
sums them to the shape of each input.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from rushlight.autograd.graph import Gradients, Needs, record, widen
from rushlight.backends.array import Array, found
from rushlight.core import dtypes
from rushlight.core.dtypes import HALVES
from rushlight.core.errors import message
from rushlight.tensor.core import Tensor, memory, wrap, wrap_beside
from rushlight.tensor.numerics import quiet
from rushlight.tensor.operands import (
    Operand,
    check_some_tensor,
    check_tensors,
    is_number,
    pair,
    pair_floating,
    result_type,
)


def _tensors(*operands: Operand) -> tuple[Tensor | None, ...]:
    return tuple([operand if isinstance(operand, Tensor) else None for operand in operands])


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
    _check_alpha(alpha, input, other)
    result = pair(np.add, input, other if alpha == 1 else _scaled(other, alpha))
    record("AddBackward0", result, _tensors(input, other), _add_rule if alpha == 1 else partial(_scaled_rule, alpha))
    return result


def _scaled(other: Operand, alpha: float) -> Operand:
    return mul(other, alpha) if isinstance(other, Tensor) or isinstance(alpha, Tensor) else other * alpha


def _add_rule(needs: Needs, grad: Tensor) -> Gradients:
    return grad, grad


def _scaled_rule(alpha: float, needs: Needs, grad: Tensor) -> Gradients:
    return grad, grad * alpha if needs[1] else None


def sub(input: Operand, other: Operand, *, alpha: float = 1) -> Tensor:
    """`input - alpha * other`, broadcast; not for bool tensors."""
    _check_alpha(alpha, input, other)
    if _is_bool(input) or _is_bool(other):
        _refuse_bool_subtraction(input, other)
    result = pair(np.subtract, input, other if alpha == 1 else _scaled(other, alpha))
    name = "SubBackward0" if isinstance(input, Tensor) else "RsubBackward1"
    record(name, result, _tensors(input, other), partial(_scaled_rule, -alpha))
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


def _check_alpha(alpha: float, a: Operand, b: Operand) -> None:
    if alpha == 1 and type(alpha) is int:
        return
    if isinstance(alpha, float) and not result_type(a, b).is_floating_point:
        raise RuntimeError("For integral input tensors, argument alpha must not be a floating point number.")


def rsub(input: Tensor, other: Operand, *, alpha: float = 1) -> Tensor:
    """`other - alpha * input`."""
    check_tensors("rsub", input=input)
    return sub(other, input, alpha=alpha)


# -- products


def mul(input: Operand, other: Operand) -> Tensor:
    """`input * other`, broadcast."""
    result = pair(np.multiply, input, other)
    if is_number(other):
        record("MulBackward0", result, (input,), partial(_mul_number_rule, other))
    elif is_number(input):
        record("MulBackward0", result, (other,), partial(_mul_number_rule, input))
    else:
        record("MulBackward0", result, (input, other), _mul_rule, _saved_product(input, other))
    return result


def _mul_number_rule(number: float, needs: Needs, grad: Tensor) -> Gradients:
    return (grad * number,)


def _mul_rule(needs: Needs, grad: Tensor, a: Tensor | None, b: Tensor | None) -> Gradients:
    return grad * b if needs[0] else None, grad * a if needs[1] else None


def div(input: Operand, other: Operand, *, rounding_mode: str | None = None) -> Tensor:
    """`input / other`; integers give floats, unless `rounding_mode` is "floor" or "trunc".

    >>> import rushlight as torch
    >>> torch.tensor([7, -7]) / 2, torch.div(torch.tensor([7, -7]), 2, rounding_mode="trunc")
    (tensor([ 3.5000, -3.5000]), tensor([ 3, -3]))
    """
    if rounding_mode is not None:
        return _div_rounded(input, other, rounding_mode)
    result = pair_floating(np.divide, input, other)
    if is_number(other):
        record("DivBackward0", result, (input,), partial(_div_number_rule, other))
    else:
        needed = isinstance(other, Tensor) and other.requires_grad
        saved = (input if needed and isinstance(input, Tensor) else None, other)
        number = None if isinstance(input, Tensor) else input
        record("DivBackward0", result, _tensors(input, other), partial(_div_rule, number), saved)
    return result


def true_divide(input: Operand, other: Operand) -> Tensor:
    """`input / other`."""
    return div(input, other)


def _div_number_rule(number: float, needs: Needs, grad: Tensor) -> Gradients:
    return (grad / number,)


def _div_rule(number: float | None, needs: Needs, grad: Tensor, a: Tensor | None, b: Tensor) -> Gradients:
    numerator = number if a is None else a
    return (
        grad / b if needs[0] else None,
        -grad * (numerator / b / b) if needs[1] else None,
    )


def _div_rounded(a: Operand, b: Operand, mode: str) -> Tensor:
    if mode == "floor":
        return floor_divide(a, b)
    if mode != "trunc":
        raise RuntimeError(
            message(f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{mode}'")
        )
    _check_integer_divisor(a, b)
    if result_type(a, b) in HALVES:  # the quotient is rounded first
        result = wrap(quiet(np.trunc, div(*[t.detach() if isinstance(t, Tensor) else t for t in (a, b)])._array))
    else:
        result = pair(_truncated_quotient, a, b)
    record("DivBackward1", result, _tensors(a, b), _zero_rule, _tensors(a, b))
    return result


def _truncated_quotient(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    if x.dtype.kind == "f":
        return np.trunc(np.divide(x, y))
    quotient = np.floor_divide(x, y)
    return quotient + ((np.remainder(x, y) != 0) & (quotient < 0)).astype(quotient.dtype)


def _zero_rule(needs: Needs, grad: Tensor, *inputs: Tensor | None) -> Gradients:
    return tuple(wrap(np.zeros_like(t._array)) if need else None for need, t in zip(needs, inputs))


def floor_divide(input: Operand, other: Operand) -> Tensor:
    """`input // other`, rounded down; RuntimeError for an integer division by zero."""
    _refuse_bools("div_floor_cpu", input, other)
    _check_integer_divisor(input, other)
    result = pair(np.floor_divide, input, other)
    record("FloorDivideBackward0", result, _tensors(input, other), _zero_rule, _tensors(input, other))
    return result


def remainder(input: Operand, other: Operand) -> Tensor:
    """`input % other` with the sign of `other`."""
    check_some_tensor("remainder", input, other)
    _refuse_bools("remainder_cpu", input, other)
    _check_integer_divisor(input, other)
    result = pair(np.remainder, input, other)
    quotient = floor_divide(input, other) if isinstance(other, Tensor) and other.requires_grad else None
    record("RemainderBackward0", result, _tensors(input, other), _remainder_rule, (quotient,))
    return result


def _remainder_rule(needs: Needs, grad: Tensor, quotient: Tensor | None) -> Gradients:
    return grad, -grad * quotient if needs[1] else None


def fmod(input: Tensor, other: Operand) -> Tensor:
    """The remainder with the sign of `input`."""
    check_tensors("fmod", input=input)
    _check_integer_divisor(input, other)
    result = pair(np.fmod, input, other)
    quotient = None
    if isinstance(other, Tensor) and other.requires_grad:
        quotient = div(input, other, rounding_mode="trunc").detach()
    record("FmodBackward0", result, _tensors(input, other), _remainder_rule, (quotient,))
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
    number = None if isinstance(input, Tensor) else input
    base_needed = exponent.requires_grad or (isinstance(input, Tensor) and input.requires_grad)
    saved = (input if base_needed and number is None else None, exponent, result if exponent.requires_grad else None)
    record(
        "PowBackward1" if number is None else "PowBackward2",
        result,
        _tensors(input, exponent),
        partial(_pow_rule, number),
        saved,
    )
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
    if kind.kind in "iu" and abs(exponent) > np.iinfo(kind).max and exponent == int(exponent):
        raise RuntimeError(f"value cannot be converted to type {base.dtype.name} without overflow")
    if _is_bool(base) and _is_bool(exponent):
        return wrap(base._array.copy() if exponent else np.ones_like(base._array))
    result = pair(_SHORT_POWERS.get(exponent, np.power), base, exponent)
    record("PowBackward0", result, (base,), partial(_pow_number_rule, exponent), (base,))
    return result


# Multiplying is faster than np.power and rounds as PyTorch does.
_SHORT_POWERS = {
    2: lambda x, _: np.multiply(x, x),
    3: lambda x, _: np.multiply(np.multiply(x, x), x),
    0.5: lambda x, _: np.sqrt(x),
}


def _pow_number_rule(exponent: float, needs: Needs, grad: Tensor, base: Tensor) -> Gradients:
    if exponent == 0:
        return (wrap(np.zeros_like(base._array)),)
    return (grad * (exponent * base ** (exponent - 1)),)


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


def _where_not(mask: np.ndarray, value: Tensor) -> Tensor:
    return value.masked_fill(wrap(mask), 0) if type(mask) is Array or mask.any() else value


def float_power(input: Operand, exponent: Operand) -> Tensor:
    """`input ** exponent` in float64."""
    check_some_tensor("float_power", input, exponent)
    double = [t.to(dtypes.float64) if isinstance(t, Tensor) else float(t) for t in (input, exponent)]
    return pow(*double)


# -- extremes and friends


def _extreme(ufunc: np.ufunc, name: str, a: Tensor, b: Tensor) -> Tensor:
    result = pair(ufunc, a, b)
    first = np.less if ufunc is np.minimum else np.greater
    record(name, result, (a, b), partial(_extreme_rule, first), (a, b))
    return result


def _extreme_rule(first: np.ufunc, needs: Needs, grad: Tensor, a: Tensor, b: Tensor) -> Gradients:
    """Equal values share the gradient equally, as in PyTorch."""
    tie = quiet(np.equal, a._array, b._array)
    wins = quiet(first, a._array, b._array)
    share = np.where(tie, 0.5, wins).astype(memory(grad).dtype)
    return grad * wrap(share), grad * wrap((1 - share).astype(share.dtype))


def maximum(input: Tensor, other: Tensor) -> Tensor:
    """The larger of each pair of elements; NaN wins."""
    check_tensors("maximum", input=input, other=other)
    return _extreme(np.maximum, "MaximumBackward0", input, other)


def minimum(input: Tensor, other: Tensor) -> Tensor:
    """The smaller of each pair of elements; NaN wins."""
    check_tensors("minimum", input=input, other=other)
    return _extreme(np.minimum, "MinimumBackward0", input, other)


def lerp(input: Tensor, end: Tensor, weight: Operand) -> Tensor:
    """`input + weight * (end - input)`."""
    check_tensors("lerp", input=input, end=end)
    if end.dtype is not input.dtype:
        raise RuntimeError(f"expected dtype {input.dtype.name} for `end` but got dtype {end.dtype.name}")
    if not input.dtype.is_floating_point:
        raise NotImplementedError(message(f"\"lerp_kernel\" not implemented for '{input.dtype}'", fix=".float() first"))
    result = without_history(lambda a, b, w: a + (b - a) * w, input, end, weight)
    tensor = weight if isinstance(weight, Tensor) else None
    saved = (tensor, input if tensor is not None else None, end if tensor is not None else None)
    rule = partial(_lerp_rule, None if tensor is not None else weight)
    record("LerpBackward0" if tensor is None else "LerpBackward1", result, (input, end, tensor), rule, saved)
    return result


def without_history(formula: Callable, *operands: Operand) -> Tensor:
    """`rounded_once` of operands without their history."""
    return rounded_once(formula, *[t.detach() if isinstance(t, Tensor) else t for t in operands])


def rounded_once(formula: Callable, *operands: Operand) -> Tensor:
    """`formula` of operands; of halves, in float32 and rounded once."""
    kind = result_type(*operands)
    if kind not in HALVES:
        return formula(*operands)
    return formula(*[widen(t) if isinstance(t, Tensor) else t for t in operands]).to(kind)


def _lerp_rule(
    number: float | None, needs: Needs, grad: Tensor, weight: Tensor | None, start: Tensor | None, end: Tensor | None
) -> Gradients:
    weight = number if weight is None else weight
    return (
        grad * (1 - weight) if needs[0] else None,
        grad * weight if needs[1] else None,
        grad * (end - start) if needs[2] else None,
    )


def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """`input + value * tensor1 * tensor2`."""
    check_tensors("addcmul", input=input, tensor1=tensor1, tensor2=tensor2)
    if not result_type(input, tensor1, tensor2).is_floating_point:
        value = int(value)
    result = without_history(lambda x, a, b: x + a * b * value, input, tensor1, tensor2)
    record("AddcmulBackward0", result, (input, tensor1, tensor2), partial(_addcmul_rule, value), (tensor1, tensor2))
    return result


def _addcmul_rule(value: float, needs: Needs, grad: Tensor, a: Tensor, b: Tensor) -> Gradients:
    return grad, grad * (b * value) if needs[1] else None, grad * (a * value) if needs[2] else None


def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """`input + value * tensor1 / tensor2`."""
    check_tensors("addcdiv", input=input, tensor1=tensor1, tensor2=tensor2)
    if not (tensor1.dtype.is_floating_point or tensor2.dtype.is_floating_point):
        raise RuntimeError(message("Integer division with addcdiv is no longer supported", fix=".float() first"))
    result = without_history(lambda x, a, b: x + a / b * value, input, tensor1, tensor2)
    record("AddcdivBackward0", result, (input, tensor1, tensor2), partial(_addcdiv_rule, value), (tensor1, tensor2))
    return result


def _addcdiv_rule(value: float, needs: Needs, grad: Tensor, a: Tensor, b: Tensor) -> Gradients:
    return (
        grad,
        grad * (value / b) if needs[1] else None,
        -grad * (value * a / (b * b)) if needs[2] else None,
    )
