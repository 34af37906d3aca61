"""Choosing elements by condition: where, masked_fill, masked_select, nonzero; triangles and diagonals.

In: a tensor and a mask. Out: a new tensor, recorded.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from rushlight.autograd.graph import record
from rushlight.autograd.operation import Gradients, Needs, Operation, define
from rushlight.core import dtypes
from rushlight.core.memory import worded
from rushlight.rules.results import Layout, Layouts, as_first, promoted, shape_of
from rushlight.runtime.allocation import zeros_beside
from rushlight.tensor.core import Tensor, memory, wrap, wrap_unordered
from rushlight.tensor.indexing import add_into_zeros, parse
from rushlight.tensor.numerics import quiet, shape_mismatch
from rushlight.tensor.operands import (
    Operand,
    array_in_dtype,
    in_dtype,
    layout_of,
    result_type,
)

# -- by condition


def where(condition: Tensor, input: Operand | None = None, other: Operand | None = None) -> Tensor | tuple[Tensor, ...]:
    """`input` where the condition is true, `other` elsewhere, broadcast; with one argument, where it is true.

    >>> import rushlight as torch
    >>> torch.where(torch.tensor([True, False]), torch.tensor([1.0, 2.0]), 0.0)
    tensor([1., 0.])
    """
    if input is None:
        return nonzero(condition, as_tuple=True)
    if condition._array.dtype not in (np.bool_, np.uint8):
        raise RuntimeError(
            f"where expected condition to be a boolean tensor, but got a tensor with dtype {condition.dtype.name}"
        )
    kind = result_type(input, other)
    result = wrap(_chosen(in_dtype(input, kind), in_dtype(other, kind), condition._array))
    tensors = tuple([operand if isinstance(operand, Tensor) else None for operand in (input, other)])
    numbers = tuple([None if isinstance(operand, Tensor) else operand for operand in (input, other)])
    record(WHERE, numbers, result, (*tensors, condition), (condition,))
    return result


def where_method(self: Tensor, condition: Tensor, other: Operand) -> Tensor:
    """This tensor where the condition is true, `other` elsewhere."""
    return where(condition, self, other)


def _chosen(a: np.ndarray, b: np.ndarray, condition: np.ndarray) -> np.ndarray:
    return quiet(np.where, condition.astype(np.bool_, copy=False), a, b)


def _lower_where(
    a: np.ndarray | None, b: np.ndarray | None, condition: np.ndarray, x: float | None, y: float | None
) -> np.ndarray:
    kind = promoted([layout_of(a), layout_of(b)], (x, y))
    return _chosen(*[array_in_dtype(n if t is None else t, kind) for t, n in ((a, x), (b, y))], condition)


def _where_layout(inputs: Layouts, x: float | None, y: float | None) -> list[Layout]:
    return [(shape_of(inputs), promoted(inputs[:2], (x, y)).numpy)]


def _where_rule(x: float | None, y: float | None, needs: Needs, grad: Tensor, condition: Tensor) -> Gradients:
    return where(condition, grad, 0) if needs[0] else None, where(condition, 0, grad) if needs[1] else None


WHERE = define(
    "where",
    "WhereBackward0",
    derivative=_where_rule,
    results=_where_layout,
    lowering=_lower_where,
    differentiable=2,
)


def masked_fill(input: Tensor, mask: Tensor, value: float | Tensor) -> Tensor:
    """A copy with `value` where the mask is true."""
    if mask._array.dtype != np.bool_:
        raise RuntimeError("masked_fill only supports boolean masks, but got mask with dtype " + mask.dtype.name)
    if isinstance(value, Tensor) and value._array.ndim:
        raise RuntimeError(
            "masked_fill only supports a 0-dimensional value tensor, but got tensor with "
            f"{value._array.ndim} dimension(s)."
        )
    tensor, number = (value, None) if isinstance(value, Tensor) else (None, value)
    filled = _filled(input._array, None if tensor is None else tensor._array, mask._array, number)
    result = wrap_unordered(filled)
    if tensor is None:
        record(MASKED_FILL, (number,), result, (input, None, mask), (mask,))
    else:
        record(MASKED_FILL_TENSOR, (None,), result, (input, tensor, mask), (mask,))
    return result


def _filled(array: np.ndarray, value: np.ndarray | None, mask: np.ndarray, number: float | None) -> np.ndarray:
    value = array_in_dtype(number if value is None else value, dtypes.of_numpy(array.dtype))
    return quiet(np.where, mask, value, array)


def _masked_fill_rule(number: float, needs: Needs, grad: Tensor, mask: Tensor) -> Gradients:
    return (masked_fill(grad, mask, 0),)


def _masked_fill_tensor_rule(number: None, needs: Needs, grad: Tensor, mask: Tensor) -> Gradients:
    of_input = masked_fill(grad, mask, 0) if needs[0] else None
    return of_input, where(mask, grad, 0).sum() if needs[1] else None


_of_masked_fill = {"results": lambda inputs, number: [(shape_of(inputs), inputs[0][1])], "lowering": _filled}
MASKED_FILL = define(
    "masked_fill", "MaskedFillBackward0", derivative=_masked_fill_rule, **_of_masked_fill, differentiable=1
)
MASKED_FILL_TENSOR = define(
    "masked_fill.tensor",
    "MaskedFillBackward1",
    derivative=_masked_fill_tensor_rule,
    **_of_masked_fill,
    differentiable=2,
)


def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """The elements where the mask is true, in one axis."""
    if mask._array.dtype != np.bool_:
        raise RuntimeError("masked_select: expected BoolTensor for mask")
    wrong = shape_mismatch([memory(input).shape, memory(mask).shape])
    if wrong is not None:
        raise RuntimeError(wrong)
    result = wrap(_selected(input._array, mask._array))
    record(MASKED_SELECT, (), result, (input, mask), (mask,))
    return result


def _selected(array: np.ndarray, mask: np.ndarray) -> np.ndarray:
    shape = shape_of([layout_of(array), layout_of(mask)]) or (1,)
    return np.broadcast_to(array, shape)[np.broadcast_to(mask, shape).nonzero()]


def _masked_select_rule(needs: Needs, grad: Tensor, mask: Tensor) -> Gradients:
    """In the shape that the two broadcast to: the engine sums over what was broadcast."""
    shape = shape_of((needs[0], mask._layout()))
    _, index = parse(mask.expand(shape) if shape else mask.reshape(1), shape or (1,))
    return (add_into_zeros(grad, shape or (1,), index).reshape(shape),)


MASKED_SELECT = define(
    "masked_select",
    "MaskedSelectBackward0",
    derivative=_masked_select_rule,
    results=None,
    lowering=_selected,
    differentiable=1,
)


def nonzero(input: Tensor, *, as_tuple: bool = False) -> Tensor | tuple[Tensor, ...]:
    """Where the elements are not 0: a row of indices each, or a tensor an axis."""
    if as_tuple:
        axes = tuple(map(wrap, _nonzero_of_axes(input._array)))
        record(NONZERO_OF_AXES, (), axes, (input,))
        return axes
    result = wrap(_nonzero(input._array))
    record(NONZERO, (), result, (input,))
    return result


@worded
def _nonzero_of_axes(array: np.ndarray) -> tuple[np.ndarray, ...]:
    return tuple([index.astype(np.int64) for index in np.nonzero(np.atleast_1d(array))])


@worded
def _nonzero(array: np.ndarray) -> np.ndarray:
    found = _nonzero_of_axes(array)
    if array.ndim == 0:
        return zeros_beside(found[0], (found[0].shape[0], 0), np.dtype(np.int64))
    return np.stack(found, axis=1)


NONZERO = define("nonzero", "", derivative=None, results=None, lowering=_nonzero)
NONZERO_OF_AXES = define("nonzero_numpy", "", derivative=None, results=None, lowering=_nonzero_of_axes)


def argwhere(input: Tensor) -> Tensor:
    """Where the elements are not 0: a row of indices each."""
    return nonzero(input)


# -- triangles and diagonals


def tril(input: Tensor, diagonal: int = 0) -> Tensor:
    """The lower triangle of matrices, zeros above."""
    return _triangle(TRIL, input, diagonal)


def triu(input: Tensor, diagonal: int = 0) -> Tensor:
    """The upper triangle of matrices, zeros below."""
    return _triangle(TRIU, input, diagonal)


def _triangle(row: Operation, input: Tensor, diagonal: int) -> Tensor:
    if memory(input).ndim < 2:
        raise RuntimeError(f"{row.name}: input tensor must have at least 2 dimensions")
    result = wrap_unordered(row.lowering(input._array, diagonal))
    record(row, (diagonal,), result, (input,))
    return result


TRIL, TRIU = (
    define(
        name,
        f"{name.title()}Backward0",
        derivative=lambda diagonal, needs, grad, of=of: (of(grad, diagonal),),
        results=as_first,
        lowering=partial(quiet, function),
    )
    for name, function, of in (("tril", np.tril, tril), ("triu", np.triu, triu))
)


def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """The diagonal of a matrix, or a matrix with this diagonal."""
    if memory(input).ndim == 2:
        return input.diagonal(diagonal).clone()
    if memory(input).ndim != 1:
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {memory(input).ndim}D")
    result = wrap(_with_diagonal(input._array, diagonal))
    record(DIAG_EMBED, (diagonal,), result, (input,))
    return result


@worded
def _with_diagonal(vector: np.ndarray, diagonal: int) -> np.ndarray:
    return np.diag(vector, diagonal)


def _matrix_layout(inputs: Layouts, diagonal: int) -> list[Layout]:
    (length,), kind = inputs[0]
    return [((length + abs(diagonal),) * 2, kind)]


DIAG_EMBED = define(
    "diag_embed",
    "DiagEmbedBackward0",
    derivative=lambda diagonal, needs, grad: (grad.diagonal(diagonal),),
    results=_matrix_layout,
    lowering=_with_diagonal,
)
