"""Comparisons and logic: bool tensors out of two operands, and whole tensors compared.

In: tensors and numbers. Out: bool tensors, or a Python bool from `equal` and `allclose`. Nothing here has a gradient.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rushlight.backends.array import as_array
from rushlight.core import dtypes
from rushlight.core.dtypes import FLOATING
from rushlight.core.errors import message
from rushlight.tensor.core import Tensor, memory, wrap, wrap_beside
from rushlight.tensor.numerics import quiet
from rushlight.tensor.operands import (
    Operand,
    by_numpy,
    check_some_tensor,
    check_tensors,
    dtype_of,
    in_dtype,
    is_number,
    pair,
    result_type,
    word,
)


def _define(name: str, ufunc: Callable, doc: str) -> Callable:
    def operation(input: Operand, other: Operand) -> Tensor:
        if not isinstance(input, Tensor):
            check_tensors(name, input=input)
        return pair(ufunc, input, other)

    operation.__name__ = operation.__qualname__ = name
    operation.__doc__ = doc
    operation.__module__ = __name__
    return operation


eq = _define("eq", np.equal, "Whether elements are equal.")
ne = _define("ne", np.not_equal, "Whether elements differ.")
lt = _define("lt", np.less, "Whether elements are less.")
le = _define("le", np.less_equal, "Whether elements are less or equal.")
gt = _define("gt", np.greater, "Whether elements are greater.")
ge = _define("ge", np.greater_equal, "Whether elements are greater or equal.")


def equality(function: Callable, ufunc: Callable) -> Callable:
    """`eq` or `ne` as an operator; beside an array it is NumPy's, since the order of the two says nothing."""

    def operate(self: Tensor, other: Operand) -> Tensor:
        if isinstance(other, np.ndarray):
            return by_numpy(ufunc, other, self)
        if not (isinstance(other, Tensor) or is_number(other)):
            return NotImplemented
        return function(self, other)

    return operate


# -- logic


def _logical(ufunc: Callable, a: Tensor, b: Tensor) -> Tensor:
    check_tensors(ufunc.__name__, input=a, other=b)
    kind = result_type(a, b)
    return wrap(as_array(quiet(ufunc, in_dtype(a, kind), in_dtype(b, kind)), np.bool_))


def logical_and(input: Tensor, other: Tensor) -> Tensor:
    """True where both are not 0."""
    return _logical(np.logical_and, input, other)


def logical_or(input: Tensor, other: Tensor) -> Tensor:
    """True where one is not 0."""
    return _logical(np.logical_or, input, other)


def logical_xor(input: Tensor, other: Tensor) -> Tensor:
    """True where exactly one is not 0."""
    return _logical(np.logical_xor, input, other)


def logical_not(input: Tensor) -> Tensor:
    """True where the element is 0."""
    return wrap(np.logical_not(input._array))


def _check_bits(name: str, *operands: Operand) -> None:
    for operand in operands:
        if dtype_of(operand).category == FLOATING:
            raise NotImplementedError(
                message(
                    f"\"{name}_cpu\" not implemented for '{'Float' if isinstance(operand, Tensor) else 'Double'}'",
                    fix="logical_and, logical_or, logical_not; or .bool() first",
                )
            )


def _define_bits(name: str, ufunc: Callable, sign: str) -> Callable:
    def operation(input: Operand, other: Operand) -> Tensor:
        check_some_tensor(name, input, other)
        _check_bits(name, input, other)
        return pair(ufunc, input, other)

    operation.__name__ = operation.__qualname__ = name
    operation.__doc__ = f"`input {sign} other`, bit by bit; logic for bool tensors."
    operation.__module__ = __name__
    return operation


bitwise_and = _define_bits("bitwise_and", np.bitwise_and, "&")
bitwise_or = _define_bits("bitwise_or", np.bitwise_or, "|")
bitwise_xor = _define_bits("bitwise_xor", np.bitwise_xor, "^")


def bitwise_not(input: Tensor) -> Tensor:
    """`~input`, bit by bit; `not` for bool tensors."""
    _check_bits("bitwise_not", input)
    return wrap(np.invert(input._array))


def bitwise_left_shift(input: Tensor, other: Operand) -> Tensor:
    """`input << other`."""
    check_some_tensor("bitwise_left_shift", input, other)
    return pair(np.left_shift, input, other)


def bitwise_right_shift(input: Tensor, other: Operand) -> Tensor:
    """`input >> other`."""
    check_some_tensor("bitwise_right_shift", input, other)
    return pair(np.right_shift, input, other)


# -- kinds of numbers


def _define_kind(name: str, function: Callable, for_integers: bool, doc: str) -> Callable:
    def operation(input: Tensor) -> Tensor:
        if input.dtype.category != FLOATING:
            return wrap_beside(np.full(memory(input).shape, for_integers), input)
        return wrap(quiet(function, input._array))

    operation.__name__ = operation.__qualname__ = name
    operation.__doc__ = doc
    operation.__module__ = __name__
    return operation


isnan = _define_kind("isnan", np.isnan, False, "Whether elements are NaN.")
isinf = _define_kind("isinf", np.isinf, False, "Whether elements are infinite.")
isfinite = _define_kind("isfinite", np.isfinite, True, "Whether elements are finite numbers.")
isposinf = _define_kind("isposinf", np.isposinf, False, "Whether elements are plus infinity.")
isneginf = _define_kind("isneginf", np.isneginf, False, "Whether elements are minus infinity.")


# -- whole tensors


def equal(input: Tensor, other: Tensor) -> bool:
    """Whether two tensors have one shape and the same elements.

    >>> import rushlight as torch
    >>> torch.equal(torch.ones(2), torch.ones(2))
    True
    """
    check_tensors("equal", input=input, other=other)
    return memory(input).shape == memory(other).shape and bool(np.all(eq(input, other)._array))


def _check_same_kind(name: str, a: Tensor, b: Tensor) -> None:
    if a.dtype is not b.dtype:
        raise RuntimeError(
            message(
                f"{word(a.dtype)} did not match {word(b.dtype)}",
                f"{name}: {a.dtype} and {b.dtype}",
                fix=f".to({a.dtype})",
            )
        )


def isclose(input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Tensor:
    """Whether |input - other| <= atol + rtol * |other|, element by element."""
    check_tensors("isclose", input=input, other=other)
    _check_same_kind("isclose", input, other)
    for limit, value in (("rtol", rtol), ("atol", atol)):
        if value < 0:
            raise RuntimeError(f"{limit} must be greater than or equal to zero, but got {value}")
    a, b = input._array, other._array
    if input.dtype.category != FLOATING and input.dtype is not dtypes.bool:
        a, b = a.astype(np.float64), b.astype(np.float64)
    elif input.dtype.itemsize == 2 or input.dtype is dtypes.bool:
        a, b = a.astype(np.float32), b.astype(np.float32)
    return wrap(quiet(np.isclose, a, b, rtol=rtol, atol=atol, equal_nan=equal_nan))


def allclose(input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    """Whether all elements are close, as `isclose` says."""
    return bool(np.all(isclose(input, other, rtol, atol, equal_nan)._array))


def is_tensor(obj: object) -> bool:
    """Whether an object is a tensor."""
    return isinstance(obj, Tensor)


def is_floating_point(input: Tensor) -> bool:
    """Whether the dtype is a floating one."""
    return input.dtype.is_floating_point


def is_complex(input: Tensor) -> bool:
    """False: there are no complex tensors."""
    return False


def is_nonzero(input: Tensor) -> bool:
    """Whether the only element is not 0."""
    return bool(input)


def truth(self: Tensor) -> bool:
    if memory(self).size != 1:
        raise RuntimeError(
            message(
                "Boolean value of Tensor with no values is ambiguous"
                if memory(self).size == 0
                else "Boolean value of Tensor with more than one value is ambiguous",
                f"shape {list(self.shape)}",
                fix=".any() or .all()",
            )
        )
    return bool(self._array.item())
