"""Comparisons and logic: bool tensors out of two operands, and whole tensors compared.

In: tensors and numbers. Out: bool tensors, or a Python bool from `equal` and `allclose`. Nothing here has a gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from rushlight.autograd.graph import record
from rushlight.autograd.operation import Operation, define
from rushlight.backends.array import as_array
from rushlight.core import dtypes
from rushlight.core.dtypes import FLOATING, INTEGER
from rushlight.core.errors import message
from rushlight.rules.results import as_first, broadcast, of_dtype, promoted
from rushlight.tensor.core import Tensor, memory, wrap
from rushlight.tensor.numerics import quiet
from rushlight.tensor.operands import (
    Operand,
    array_in_dtype,
    by_numpy,
    check_some_tensor,
    check_tensors,
    dtype_of,
    is_number,
    layout_of,
    lowering_of_pair,
    pair,
    parted,
    result_type,
    word,
)

_TRUTHS = np.dtype(np.bool_)


def _named(operation: Callable, name: str, doc: str) -> Callable:
    operation.__name__ = operation.__qualname__ = name
    operation.__doc__ = doc
    operation.__module__ = __name__
    return operation


def _define(name: str, ufunc: Callable, doc: str) -> Callable:
    row = define(name, "", derivative=None, results=of_dtype(_TRUTHS), lowering=lowering_of_pair(ufunc))

    def operation(input: Operand, other: Operand) -> Tensor:
        if not isinstance(input, Tensor):
            check_tensors(name, input=input)
        result = pair(ufunc, input, other)
        tensors, number = parted(input, other)
        record(row, (number,), result, tensors)
        return result

    return _named(operation, name, doc)


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


def _logical(row: Operation, a: Tensor, b: Tensor) -> Tensor:
    check_tensors(row.name, input=a, other=b)
    result = wrap(row.lowering(a._array, b._array))
    record(row, (), result, (a, b))
    return result


def _truths(ufunc: Callable, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    kind = promoted([layout_of(a), layout_of(b)])
    return as_array(quiet(ufunc, array_in_dtype(a, kind), array_in_dtype(b, kind)), np.bool_)


LOGICAL_AND, LOGICAL_OR, LOGICAL_XOR = (
    define(ufunc.__name__, "", derivative=None, results=of_dtype(_TRUTHS), lowering=partial(_truths, ufunc))
    for ufunc in (np.logical_and, np.logical_or, np.logical_xor)
)


def logical_and(input: Tensor, other: Tensor) -> Tensor:
    """True where both are not 0."""
    return _logical(LOGICAL_AND, input, other)


def logical_or(input: Tensor, other: Tensor) -> Tensor:
    """True where one is not 0."""
    return _logical(LOGICAL_OR, input, other)


def logical_xor(input: Tensor, other: Tensor) -> Tensor:
    """True where exactly one is not 0."""
    return _logical(LOGICAL_XOR, input, other)


def logical_not(input: Tensor) -> Tensor:
    """True where the element is 0."""
    result = wrap(np.logical_not(input._array))
    record(LOGICAL_NOT, (), result, (input,))
    return result


LOGICAL_NOT = define("logical_not", "", derivative=None, results=of_dtype(_TRUTHS), lowering=np.logical_not)


def _check_bits(kernel: str, *operands: Operand) -> None:
    for operand in operands:
        if dtype_of(operand).category == FLOATING:
            raise NotImplementedError(
                message(
                    f"\"{kernel}\" not implemented for '{'Float' if isinstance(operand, Tensor) else 'Double'}'",
                    fix="logical_and, logical_or, logical_not; or .bool() first",
                )
            )


def _check_shift(kernel: str, *operands: Operand) -> None:
    kind = result_type(*operands)
    if kind.category != INTEGER:
        name = "Bool" if kind is dtypes.bool else "Double" if kind is dtypes.float64 else "Float"
        raise NotImplementedError(message(f"\"{kernel}\" not implemented for '{name}'", fix=".long() first"))


_LOGIC = "; logic for bool tensors"


def _define_bits(name: str, ufunc: Callable, sign: str, check: Callable, kernel: str) -> Callable:
    row = define(name, "", derivative=None, results=broadcast, lowering=lowering_of_pair(ufunc))

    def operation(input: Operand, other: Operand) -> Tensor:
        check_some_tensor(name, input, other)
        check(kernel, input, other)
        result = pair(ufunc, input, other)
        tensors, number = parted(input, other)
        record(row, (number,), result, tensors)
        return result

    return _named(operation, name, f"`input {sign} other`, bit by bit{'' if check is _check_shift else _LOGIC}.")


bitwise_and = _define_bits("bitwise_and", np.bitwise_and, "&", _check_bits, "bitwise_and_cpu")
bitwise_or = _define_bits("bitwise_or", np.bitwise_or, "|", _check_bits, "bitwise_or_cpu")
bitwise_xor = _define_bits("bitwise_xor", np.bitwise_xor, "^", _check_bits, "bitwise_xor_cpu")


bitwise_left_shift = _define_bits("bitwise_left_shift", np.left_shift, "<<", _check_shift, "lshift_cpu")
bitwise_right_shift = _define_bits("bitwise_right_shift", np.right_shift, ">>", _check_shift, "rshift_cpu")


def bitwise_not(input: Tensor) -> Tensor:
    """`~input`, bit by bit; `not` for bool tensors."""
    _check_bits("bitwise_not_cpu", input)
    result = wrap(quiet(np.invert, input._array))
    record(BITWISE_NOT, (), result, (input,))
    return result


BITWISE_NOT = define("bitwise_not", "", derivative=None, results=as_first, lowering=partial(quiet, np.invert))


# -- kinds of numbers


def _define_kind(name: str, function: Callable, for_integers: bool, doc: str) -> Callable:
    def lower(array: np.ndarray) -> np.ndarray:
        if dtypes.of_numpy(array.dtype).category == FLOATING:
            return quiet(function, array)
        return np.full_like(array, for_integers, dtype=np.bool_, subok=False)

    row = define(name, "", derivative=None, results=of_dtype(_TRUTHS), lowering=lower)

    def operation(input: Tensor) -> Tensor:
        result = wrap(lower(input._array))
        record(row, (), result, (input,))
        return result

    return _named(operation, name, doc)


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
    attributes = (rtol, atol, equal_nan)
    result = wrap(_close(input._array, other._array, *attributes))
    record(ISCLOSE, attributes, result, (input, other))
    return result


def _close(a: np.ndarray, b: np.ndarray, rtol: float, atol: float, equal_nan: bool) -> np.ndarray:
    kind = dtypes.of_numpy(a.dtype)
    if kind.category != FLOATING and kind is not dtypes.bool:
        a, b = a.astype(np.float64), b.astype(np.float64)
    elif kind.itemsize == 2 or kind is dtypes.bool:
        a, b = a.astype(np.float32), b.astype(np.float32)
    return quiet(np.isclose, a, b, rtol=rtol, atol=atol, equal_nan=equal_nan)


ISCLOSE = define("isclose", "", derivative=None, results=of_dtype(_TRUTHS), lowering=_close)


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
