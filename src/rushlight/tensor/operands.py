"""Bringing two operands to their common dtype before NumPy sees them.

In: tensors and Python numbers. Out: arrays (or Python numbers) of one dtype, by PyTorch's promotion: a number, or a
0-dim tensor beside one with axes, changes the dtype only where it is of a higher category.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rushlight.backends.array import ARRAYS
from rushlight.core import dtypes
from rushlight.core.dtypes import FLOATING, HALVES, INTEGER
from rushlight.core.errors import message
from rushlight.rules.arguments import TYPE_NAMES, not_a_tensor
from rushlight.rules.results import Layout, promoted, promoted_kinds
from rushlight.runtime.allocation import empty_like_array
from rushlight.tensor.core import Tensor, elements, is_in_order, memory, settled, wrap, wrap_unordered
from rushlight.tensor.numerics import quiet

Operand = Tensor | float | int | bool

_NUMBERS = (float, int, bool)
_PLAIN_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
_BOOL = np.dtype(np.bool_)
_EXACT = 2.0**53
_by_number = dtypes._by_number


def is_number(value: object) -> bool:
    """Whether `value` is a real number of Python or NumPy."""
    return type(value) in _NUMBERS or isinstance(value, (int, float, np.integer, np.floating, np.bool_))


def parted(a: Operand, b: Operand) -> tuple[tuple[Tensor | None, Tensor | None], float | None]:
    """Two operands as tensors, None for the one that is a number; and the number, or None."""
    if isinstance(a, Tensor):
        return ((a, b), None) if isinstance(b, Tensor) else ((a, None), b)
    return (None, b), a


def pair(ufunc: Callable, a: Operand, b: Operand) -> Tensor:
    """`ufunc` of two operands in their common dtype: rounded once, without NumPy's warnings."""
    if isinstance(a, Tensor):
        if a._lying is not None:
            return _pair_as_they_lie(ufunc, a, b)
        x = a._ordered
        if isinstance(b, Tensor):
            if b._lying is not None:
                return _pair_as_they_lie(ufunc, a, b)
            y = b._ordered
            if x.dtype is y.dtype:
                return wrap(_as_first(quiet(ufunc, x, y), x, y))
            if y.dtype is _BOOL and x.dtype in _PLAIN_FLOATS and x.ndim:  # a mask: NumPy reads it without a copy
                result = quiet(ufunc, x, y)
                return wrap(result if result.strides == x.strides else _as_first(result, x, y))
        elif x.dtype in _PLAIN_FLOATS and type(b) in (float, int) and -_EXACT < b < _EXACT:
            return wrap(quiet(ufunc, x, float(b)))  # a Python float takes the array's dtype
    elif isinstance(b, Tensor) and b._lying is not None:
        return _pair_as_they_lie(ufunc, a, b)
    return _pair_of_kinds(ufunc, a, b, result_type(a, b))


def _as_first(result: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The result of two operands in the order that PyTorch gives it: of the first, where they have one shape."""
    if x.strides == y.strides or x.shape != y.shape or result.size < 2:
        return result
    ordered = empty_like_array(x, result.dtype)
    if ordered.strides == result.strides:
        return result
    ordered[...] = result
    return ordered


def _pair_as_they_lie(ufunc: Callable, a: Operand, b: Operand) -> Tensor:
    """`pair` where an operand's memory is not in order: nothing is moved if all are contiguous, and so the result."""
    tensors = [operand for operand in (a, b) if isinstance(operand, Tensor)]
    arrays = [elements(tensor) for tensor in tensors]
    kinds = {array.dtype for array in arrays}
    if len(kinds) == 1 and all(map(is_in_order, tensors)):
        if len(tensors) == 2:
            return wrap_unordered(quiet(ufunc, *arrays))
        number = b if tensors[0] is a else a
        if kinds <= set(_PLAIN_FLOATS) and type(number) in (float, int) and -_EXACT < number < _EXACT:
            operands = (arrays[0], float(number)) if tensors[0] is a else (float(number), arrays[0])
            return wrap_unordered(quiet(ufunc, *operands))
    for tensor in tensors:
        settled(tensor)
    return pair(ufunc, a, b)


def pair_floating(ufunc: Callable, a: Operand, b: Operand) -> Tensor:
    """As `pair`, with integers and bools turned into the default floating dtype first."""
    kind = result_type(a, b)
    if kind.category == FLOATING:
        return pair(ufunc, a, b)
    return _pair_of_kinds(ufunc, a, b, dtypes.get_default_dtype())


def _pair_of_kinds(ufunc: Callable, a: Operand, b: Operand, kind: dtypes.dtype) -> Tensor:
    a, b = (operand._array if isinstance(operand, Tensor) else operand for operand in (a, b))
    return wrap(pair_arrays(ufunc, a, b, kind))


def pair_arrays(ufunc: Callable, a: np.ndarray | float, b: np.ndarray | float, kind: dtypes.dtype) -> np.ndarray:
    """`ufunc` of two arrays or numbers in dtype `kind`, rounded once."""
    if kind in HALVES:  # numbers and 0-dim tensors are not rounded to half precision before they are used
        result = quiet(ufunc, array_in_dtype(a, dtypes.float32), array_in_dtype(b, dtypes.float32))
        return result if result.dtype == np.bool_ else quiet(result.astype, kind.numpy)
    x, y = array_in_dtype(a, kind), array_in_dtype(b, kind)
    return _as_first(quiet(ufunc, x, y), x, y)


def lowering_of_pair(ufunc: Callable, floating: bool = False) -> Callable:
    """The lowering of a function of two operands, one of which may be None: the number that is the last attribute.

    With `floating`, integers and bools are turned into the default dtype first.
    """

    def lower(a: np.ndarray | None, b: np.ndarray | None, *attributes: object) -> np.ndarray:
        number = attributes[-1]
        kind = promoted([layout_of(a), layout_of(b)], (number,))
        if floating and kind.category != FLOATING:
            kind = dtypes.get_default_dtype()
        return pair_arrays(ufunc, number if a is None else a, number if b is None else b, kind)

    return lower


def layout_of(array: np.ndarray | None) -> Layout | None:
    """The shape and dtype of an operand's array."""
    return None if array is None else (array.shape, array.dtype)


def in_dtype(operand: Operand, kind: dtypes.dtype) -> np.ndarray | float:
    """An operand as NumPy takes it beside arrays of dtype `kind`."""
    return array_in_dtype(operand._array if isinstance(operand, Tensor) else operand, kind)


def array_in_dtype(operand: np.ndarray | float, kind: dtypes.dtype) -> np.ndarray | float:
    """An array or number as NumPy takes it beside arrays of dtype `kind`."""
    if not isinstance(operand, ARRAYS):
        return number_in_dtype(operand, kind)
    target = kind.numpy
    return operand if operand.dtype is target or operand.dtype == target else recast(operand, target)


def recast(array: np.ndarray, kind: np.dtype) -> np.ndarray:
    """An array in another dtype, its axes in the same order in memory; expanded ones, which NumPy moves, stay."""
    if type(array) is not np.ndarray or 0 not in array.strides:
        return quiet(array.astype, kind)
    copy = empty_like_array(array, kind)
    quiet(np.copyto, copy, array, casting="unsafe")
    return copy


def number_in_dtype(value: float, kind: dtypes.dtype) -> np.ndarray:
    """A Python number as a 0-dim array of dtype `kind`; integers wrap around, as PyTorch's do."""
    if kind.category == INTEGER and not isinstance(value, (float, np.floating)):
        bits = 8 * kind.itemsize
        value = int(value) & ((1 << bits) - 1)
        if kind.is_signed and value >> (bits - 1):
            value -= 1 << bits
    if kind is dtypes.bfloat16:
        return quiet(np.asarray(float(value), np.float32).astype, kind.numpy)
    return quiet(np.array, value, kind.numpy)


def check_tensors(name: str, **arguments: object) -> None:
    """TypeError for the first of the arguments, in their order, that is a number or something else than a tensor."""
    for position, (argument, value) in enumerate(arguments.items()):
        if not isinstance(value, Tensor):
            raise not_a_tensor(name, argument, position + 1, value)


def check_some_tensor(name: str, a: Operand, b: Operand) -> None:
    """TypeError for two numbers, where PyTorch takes a number on either side but not on both."""
    if not (isinstance(a, Tensor) or isinstance(b, Tensor)):
        raise TypeError(
            message(
                f"{name}() received an invalid combination of arguments - got ({type(a).__name__}, {type(b).__name__})",
                fix="rushlight.tensor(...) of one of them",
            )
        )


def word(kind: dtypes.dtype) -> str:
    """PyTorch's word for a dtype in its sentences.

    >>> word(dtypes.int64)
    'Long'
    """
    return TYPE_NAMES[dtypes.CODES[kind.name]][1]


def dtype_of(operand: Operand) -> dtypes.dtype:
    """The dtype of an operand; TypeError for what is neither a tensor nor a real number."""
    if isinstance(operand, Tensor):
        return _by_number[memory(operand).dtype.num]
    if not is_number(operand):
        raise TypeError(
            message(
                f"argument must be Tensor or Number, not {type(operand).__name__}",
                fix="torch.tensor(...) or torch.from_numpy(...) of it first",
            )
        )
    return dtypes.of_scalar(operand)


def result_type(*operands: Operand) -> dtypes.dtype:
    """The dtype that an operation on these operands computes in."""
    return promoted_kinds(
        [(dtype_of(operand), memory(operand).ndim if isinstance(operand, Tensor) else None) for operand in operands]
    )


def result_type_of_two(tensor: Operand, other: Operand) -> dtypes.dtype:
    """The dtype that an operation on two operands computes in.

    >>> import rushlight as torch
    >>> torch.result_type(torch.ones(2, dtype=torch.int32), 1.5)
    torch.float32
    """
    return result_type(tensor, other)


def constant_like(value: float, like: Tensor) -> Tensor:
    """A 0-dim tensor of a number in the dtype of another tensor."""
    return wrap(number_in_dtype(value, like.dtype))


def by_numpy(function: Callable, array: np.ndarray, tensor: Tensor) -> Tensor:
    """`function(array, tensor)` in NumPy's dtype, as a tensor; RuntimeError where the tensor requires a gradient."""
    result = np.asarray(quiet(function, array, tensor.__array__()))
    if dtypes.of_numpy(result.dtype) is None:
        raise TypeError(f"an array of {array.dtype} and a tensor of {tensor.dtype} have no tensor for a result")
    return wrap(result)


def operator(function: Callable) -> Callable:
    """A function of two operands as `a + b` and its like, which leave what is no operand to Python."""

    def operate(self: Tensor, other: Operand) -> Tensor:
        if not (isinstance(other, Tensor) or is_number(other)):
            return NotImplemented
        return function(self, other)

    return operate


def reflected(function: Callable, ufunc: Callable, commutes: bool = False) -> Callable:
    """The same with the tensor on the right; where it `commutes`, of the tensor and a number, as in PyTorch's graphs.

    `tensor * array` is NumPy's, and `array * tensor`, which NumPy leaves to the tensor, is made to be the same.
    """

    def operate(self: Tensor, other: Operand) -> Tensor:
        if isinstance(other, np.ndarray):
            return by_numpy(ufunc, other, self)
        if not (isinstance(other, Tensor) or is_number(other)):
            return NotImplemented
        return function(self, other) if commutes else function(other, self)

    return operate


def refuse_bools(name: str, *tensors: Tensor) -> None:
    """NotImplementedError, as PyTorch's kernel of this name gives it, where a tensor holds bools."""
    if any(tensor.dtype is dtypes.bool for tensor in tensors):
        raise NotImplementedError(message(f"\"{name}\" not implemented for 'Bool'", fix=".int() first"))
