"""Choosing elements by condition or by index along an axis: where, gather, scatter, sort, topk, one another.

In: a tensor and a mask or indices. Out: a new tensor, recorded. gather and scatter_add are each other's gradients.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from rushlight.autograd.graph import Gradients, Needs, record
from rushlight.autograd.operation import Operation
from rushlight.backends.array import as_array, contiguous
from rushlight.core import dtypes
from rushlight.core.errors import message
from rushlight.core.memory import worded
from rushlight.runtime.allocation import zeros_beside
from rushlight.tensor.core import Tensor, memory, wrap, wrap_beside, wrap_unordered
from rushlight.tensor.indexing import scatter_into_zeros
from rushlight.tensor.layout import check_dim
from rushlight.tensor.numerics import quiet
from rushlight.tensor.operands import (
    Operand,
    check_some_tensor,
    in_dtype,
    is_number,
    number_in_dtype,
    refuse_bools,
    result_type,
    word,
)
from rushlight.tensor.reductions import _PAIRS, PICKED, picked
from rushlight.tensor.shape import ravel
from rushlight.tensor.size import carried

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
    mask = condition._array.astype(np.bool_, copy=False)
    result = wrap(quiet(np.where, mask, in_dtype(input, kind), in_dtype(other, kind)))
    tensors = tuple(t if isinstance(t, Tensor) else None for t in (input, other))
    record("WhereBackward0", result, tensors, _where_rule, (condition,))
    return result


def where_method(self: Tensor, condition: Tensor, other: Operand) -> Tensor:
    """This tensor where the condition is true, `other` elsewhere."""
    return where(condition, self, other)


def _where_rule(needs: Needs, grad: Tensor, condition: Tensor) -> Gradients:
    return where(condition, grad, 0) if needs[0] else None, where(condition, 0, grad) if needs[1] else None


def masked_fill(input: Tensor, mask: Tensor, value: float | Tensor) -> Tensor:
    """A copy with `value` where the mask is true."""
    if mask._array.dtype != np.bool_:
        raise RuntimeError("masked_fill only supports boolean masks, but got mask with dtype " + mask.dtype.name)
    if isinstance(value, Tensor) and value._array.ndim:
        raise RuntimeError(
            "masked_fill only supports a 0-dimensional value tensor, but got tensor with "
            f"{value._array.ndim} dimension(s)."
        )
    if not isinstance(value, Tensor):
        value = wrap(number_in_dtype(value, input.dtype))
    result = wrap_unordered(memory(where(mask, value.to(input.dtype), input.detach())))
    record("MaskedFillBackward0", result, (input, value), _masked_fill_rule, (mask,))
    return result


def _masked_fill_rule(needs: Needs, grad: Tensor, mask: Tensor) -> Gradients:
    return masked_fill(grad, mask, 0) if needs[0] else None, where(mask, grad, 0).sum() if needs[1] else None


def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """The elements where the mask is true, in one axis."""
    if mask._array.dtype != np.bool_:
        raise RuntimeError("masked_select: expected BoolTensor for mask")
    shape = np.broadcast_shapes(input._array.shape, mask._array.shape)
    result = input.expand(shape)[mask.expand(shape)]
    if result._node is not None:
        row = result._node.operation
        result._node.operation = Operation("masked_select", "MaskedSelectBackward0", row.derivative)
    return result


@worded
def nonzero(input: Tensor, *, as_tuple: bool = False) -> Tensor | tuple[Tensor, ...]:
    """Where the elements are not 0: a row of indices each, or a tensor an axis."""
    found = np.nonzero(np.atleast_1d(input._array))
    if as_tuple:
        return tuple(wrap(index.astype(np.int64)) for index in found)
    if input._array.ndim == 0:
        return wrap(np.zeros((len(found[0]), 0), np.int64))
    return wrap(np.stack(found, axis=1).astype(np.int64))


def argwhere(input: Tensor) -> Tensor:
    """Where the elements are not 0: a row of indices each."""
    return nonzero(input)


def tril(input: Tensor, diagonal: int = 0) -> Tensor:
    """The lower triangle of matrices, zeros above."""
    return _triangle(np.tril, input, diagonal)


def triu(input: Tensor, diagonal: int = 0) -> Tensor:
    """The upper triangle of matrices, zeros below."""
    return _triangle(np.triu, input, diagonal)


def _triangle(function: callable, input: Tensor, diagonal: int) -> Tensor:
    if input._array.ndim < 2:
        raise RuntimeError(f"{function.__name__}: input tensor must have at least 2 dimensions")
    result = wrap_unordered(function(input._array, diagonal))
    name = f"{function.__name__.title()}Backward0"
    record(name, result, (input,), lambda needs, grad: (_triangle(function, grad, diagonal),))
    return result


@worded
def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """The diagonal of a matrix, or a matrix with this diagonal."""
    if input._array.ndim == 2:
        return input.diagonal(diagonal).clone()
    if input._array.ndim != 1:
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {input._array.ndim}D")
    result = wrap(np.diag(input._array, diagonal))
    record("DiagEmbedBackward0", result, (input,), lambda needs, grad: (grad.diagonal(diagonal),))
    return result


# -- by index along an axis


def _vector(array: np.ndarray) -> np.ndarray:
    """An array with axes: a 0-dim tensor is, along its axis 0, a vector of one."""
    return array if array.ndim else array.reshape(1)


def _checked_index(index: Tensor, size: int, name: str) -> np.ndarray:
    if index._array.dtype not in (np.int64, np.int32):
        raise RuntimeError(message(f"{name}(): Expected dtype int64 for index", f"got {index.dtype}", fix=".long()"))
    array = index._array
    if type(array) is np.ndarray and array.size and (int(array.min()) < 0 or int(array.max()) >= size):
        wrong = int(array.min()) if int(array.min()) < 0 else int(array.max())
        raise RuntimeError(f"index {wrong} is out of bounds for dimension with size {size}\n{name}")
    return array.astype(np.intp, copy=False)


def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """The entries of one axis at these indices, copied."""
    at = check_dim(dim, input._array.ndim)
    if index._array.ndim > 1:
        raise IndexError("index_select(): Index is supposed to be a vector")
    array = _vector(input._array)
    size = array.shape[at]
    try:
        where_ = _checked_index(index, size, "index_select")
    except RuntimeError as error:
        if "bounds" not in str(error):
            raise
        raise IndexError("index out of range in self") from None
    found = np.take(array, np.atleast_1d(where_), axis=at)
    result = wrap(found if input._array.ndim else found.reshape(()))
    record("IndexSelectBackward0", result, (input,), partial(_index_select_rule, input._array.shape, at, index))
    return result


def _index_select_rule(shape: tuple[int, ...], dim: int, index: Tensor, needs: Needs, grad: Tensor) -> Gradients:
    return (index_add(wrap(zeros_beside(grad._array, shape, grad._array.dtype)), dim, index, grad),)


@worded
def index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: float = 1) -> Tensor:
    """A copy with the entries of `source` added at these indices of one axis."""
    at = check_dim(dim, input._array.ndim)
    _check_index_add(input, at, index, source)
    total = input._array.copy()
    view = np.moveaxis(_vector(total), at, 0)
    added = np.moveaxis(_vector(source._array), at, 0)
    where_ = _vector(_checked_index(index, view.shape[0], "index_add"))
    np.add.at(view, where_, added if alpha == 1 else added * number_in_dtype(alpha, source.dtype))
    result = wrap(total)
    record("IndexAddBackward0", result, (input, source), partial(_index_add_rule, at, index, alpha))
    return result


def _check_index_add(input: Tensor, dim: int, index: Tensor, source: Tensor) -> None:
    if index._array.ndim > 1:
        raise IndexError(f"index_add_(): Index is supposed to be a vector, but got dim: {index._array.ndim}")
    if input.dtype is not source.dtype:
        raise RuntimeError("index_add_(): self and source expected to have the same dtype")
    shapes = [list(t._array.shape) for t in (input, source)]
    for shape in shapes:
        del shape[dim : dim + 1]
    entries = 1 if not source._array.ndim else source._array.shape[dim : dim + 1]
    if source._array.ndim and (source._array.ndim != input._array.ndim or shapes[0] != shapes[1]):
        raise RuntimeError(
            "source tensor shape must match self tensor shape, excluding the specified dimension. Got self.shape = "
            f"{list(input.shape)} source.shape = {list(source.shape)}"
        )
    if entries not in (index._array.size, (index._array.size,)):
        raise IndexError(
            f"index_add_(): Number of indices ({index._array.size}) should be equal to source.size(dim): "
            f"({list(source.shape)}), for dim: {dim}"
        )


def _index_add_rule(dim: int, index: Tensor, alpha: float, needs: Needs, grad: Tensor) -> Gradients:
    picked = index_select(grad, dim, index) if needs[1] else None
    return grad, picked if picked is None or alpha == 1 else picked * alpha


@worded
def _grid(index: np.ndarray, dim: int) -> tuple[np.ndarray, ...]:
    """NumPy's index for "this axis by `index`, the others by position"."""
    index = _vector(index)
    places = list(np.ogrid[tuple(slice(n) for n in index.shape)])
    places[dim] = index
    return tuple(places)


def _check_index_shape(name: str, input: Tensor, dim: int, index: Tensor, source: Tensor | None = None) -> None:
    places = _vector(index._array).shape
    for word_, tensor in (("input" if name == "gather" else "self", input), ("src", source)):
        if tensor is not None and _vector(tensor._array).ndim != len(places):
            raise RuntimeError(f"Index tensor must have the same number of dimensions as {word_} tensor")
    if source is not None and source.dtype is not input.dtype:
        raise RuntimeError(f"{name}(): Expected self.dtype to be equal to src.dtype")
    sizes = _vector(input._array).shape
    limits = places if source is None else _vector(source._array).shape
    for axis, n in enumerate(places):
        if (axis != dim and n > sizes[axis]) or n > limits[axis]:
            raise RuntimeError(
                f"Size does not match at dimension {axis} expected index {list(index.shape)} to be no larger than self "
                f"{list(input.shape)} apart from dimension {dim}"
                + ("" if source is None else f" and to be no larger size than src {list(source.shape)}")
            )


def gather(input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False) -> Tensor:
    """For each place of `index`, the element of `input` there, with the axis `dim` replaced by the index."""
    at = check_dim(dim, input._array.ndim)
    if not index._array.size:  # of any dtype and rank
        result = wrap(zeros_beside(input._array, index._array.shape, input._array.dtype))
    else:
        _check_index_shape("gather", input, at, index)
        array = _vector(input._array)
        where_ = _checked_index(index, array.shape[at], "gather")
        result = wrap(array[_grid(where_, at)].reshape(where_.shape))
    record("GatherBackward0", result, (input,), partial(_gather_rule, input._array.shape, at, index))
    return result


def _gather_rule(shape: tuple[int, ...], dim: int, index: Tensor, needs: Needs, grad: Tensor) -> Gradients:
    return (scatter_add(wrap(zeros_beside(grad._array, shape, grad._array.dtype)), dim, index, grad),)


def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """A copy with each element of `src` added where `index` says; the reverse of `gather`."""
    at = check_dim(dim, input._array.ndim)
    result = wrap(_scattered("scatter", np.add, input, at, index, src))
    record("ScatterAddBackward0", result, (input, src), partial(_scatter_add_rule, at, index, src._array.shape))
    return result


def _scatter_add_rule(dim: int, index: Tensor, shape: tuple[int, ...], needs: Needs, grad: Tensor) -> Gradients:
    return grad, _padded(gather(grad, dim, index), shape) if needs[1] else None


def _padded(grad: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Zeros behind each axis, where `src` was larger than the index."""
    if grad._array.shape == shape:
        return grad
    return scatter_into_zeros(grad, shape, tuple(slice(n) for n in grad._array.shape))


def scatter(
    input: Tensor,
    dim: int,
    index: Tensor,
    src: Tensor | float | None = None,
    *,
    value: float | None = None,
    reduce: str | None = None,
) -> Tensor:
    """A copy with each element of `src`, or one number (`value`), put where `index` says.

    `reduce` is "add" or "multiply": put together with what is there; there is no gradient then.
    """
    if (src is None) is (value is None):
        raise TypeError("scatter() takes either src or value")
    if reduce not in (None, *_REDUCTIONS):
        raise RuntimeError(message("reduce argument must be either add or multiply.", f"got {reduce!r}"))
    src = value if src is None else src
    at = check_dim(dim, input._array.ndim)
    source = src if isinstance(src, Tensor) else None
    result = wrap(_scattered("scatter", None if reduce is None else _REDUCTIONS[reduce], input, at, index, src))
    rule = partial(_scatter_rule, at, index, None if source is None else source._array.shape)
    record("ScatterBackward0", result, (input, source), rule if reduce is None else _no_rule)
    return result


_REDUCTIONS = {"add": np.add, "multiply": np.multiply}


@worded
def _scattered(
    name: str, ufunc: np.ufunc | None, input: Tensor, dim: int, index: Tensor, src: Tensor | float
) -> np.ndarray:
    """A copy of the input with `src` put (or brought by a ufunc) where the index says; as it is for an empty index."""
    result = input._array.copy()
    if not index._array.size:
        return result
    source = src if isinstance(src, Tensor) else None
    _check_index_shape(name, input, dim, index, source)
    total = _vector(result)
    grid = _grid(_checked_index(index, total.shape[dim], name), dim)
    if source is None:
        part = number_in_dtype(src, input.dtype)
    else:
        part = _vector(source._array)[tuple(slice(n) for n in _vector(index._array).shape)]
    if ufunc is None:
        total[grid] = part
    else:
        quiet(ufunc.at, total, grid, part)
    return result


def _no_rule(needs: Needs, grad: Tensor) -> Gradients:
    raise RuntimeError(message("derivative for aten::scatter is not implemented", fix="scatter_add, or no reduce"))


def _scatter_rule(dim: int, index: Tensor, shape: tuple[int, ...] | None, needs: Needs, grad: Tensor) -> Gradients:
    of_input = scatter(grad, dim, index, 0.0) if needs[0] else None
    return of_input, _padded(gather(grad, dim, index), shape) if needs[1] else None


def take(input: Tensor, index: Tensor) -> Tensor:
    """The elements at these positions of the flattened tensor."""
    return input.reshape(-1)[index.reshape(-1)].reshape(index.shape)


def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """The elements at the indices that `argsort` or `argmax` gave, broadcast to each other along the other axes."""
    if indices._array.dtype != np.int64:
        raise RuntimeError(
            f"torch.take_along_dim(): dtype of indices should be Long but got {word(indices.dtype)} instead."
        )
    if dim is None:
        return gather(input.reshape(-1), 0, indices.reshape(-1))
    sizes, places = input._array.shape, indices._array.shape
    if len(sizes) != len(places):
        raise RuntimeError(
            "torch.take_along_dim(): input and indices should have the same number of dimensions, "
            f"but got {len(sizes)} dimensions for input, and {len(places)} dimensions for indices"
        )
    at = check_dim(dim, len(sizes))
    if not sizes:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    if not indices.is_cpu or (indices._array.size and indices._array.min() < 0):
        indices = where(indices < 0, indices + sizes[at], indices)
    common = np.broadcast_shapes(sizes[:at] + (1,) + sizes[at + 1 :], places[:at] + (1,) + places[at + 1 :])
    seen, places = ([*common[:at], shape[at], *common[at + 1 :]] for shape in (sizes, places))
    return gather(input.expand(seen), at, indices.expand(places))


def index_fill(input: Tensor, dim: int, index: Tensor, value: float) -> Tensor:
    """A copy with the entries at these indices of one axis set to a value."""
    at = check_dim(dim, input._array.ndim)
    if index._array.dtype != np.int64:
        raise IndexError("index_fill_(): Expected dtype int64 for index.")
    if index._array.ndim > 1:
        raise IndexError(f"index_fill_(): Index is supposed to be a vector, but got dim: {index._array.ndim}")
    array = _vector(input._array)
    mask = zeros_beside(array, (array.shape[at],), np.dtype(np.bool_))
    mask[index._array] = True
    mask = mask.reshape([-1 if a == at else 1 for a in range(array.ndim)])
    return masked_fill(input, wrap(mask if input._array.ndim else mask.reshape(())), value)


# -- order


@worded
def argsort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Tensor:
    """The indices that sort along an axis; equal elements keep their order."""
    array = input._array
    if array.ndim == 0:
        return wrap(zeros_beside(array, (), np.dtype(np.int64)))
    at = check_dim(dim, array.ndim)
    if not descending:
        return wrap(np.argsort(array, axis=at, kind="stable").astype(np.int64))
    # Sorted backwards and read backwards: descending, equal elements still in their order, NaN first.
    found = np.argsort(np.flip(array, at), axis=at, kind="stable")
    return wrap(contiguous(array.shape[at] - 1 - np.flip(found, at)).astype(np.int64))


def sort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> tuple[Tensor, Tensor]:
    """The elements sorted along an axis and where they were, as `(values, indices)`."""
    indices = argsort(input, dim, descending)
    at = check_dim(dim, input._array.ndim)
    return _PAIRS["sort"](picked(PICKED["sort"], input, indices, at, True), indices)


def topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> tuple[Tensor, Tensor]:
    """The `k` largest (or smallest) elements along an axis and where they are, as `(values, indices)`."""
    if input.dtype is dtypes.bool:
        raise RuntimeError(message("topk does not support bool dtypes on CPU", fix=".int() first"))
    at = check_dim(dim, input._array.ndim)
    if not 0 <= k <= (input._array.shape or (1,))[at]:
        raise RuntimeError("selected index k out of range")
    if not input._array.ndim:
        return _PAIRS["topk"](input.clone(), wrap(zeros_beside(input._array, (), np.dtype(np.int64))))
    order = argsort(input, at, largest)._array
    indices = wrap(contiguous(order[(slice(None),) * at + (slice(k),)]))
    return _PAIRS["topk"](picked(PICKED["topk"], input, indices, at, True), indices)


def median(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor | tuple[Tensor, Tensor]:
    """The middle element (the lower of two); with `dim` also where it is."""
    refuse_bools("median_cpu" if dim is None else "median_out", input)
    flat = input.reshape(-1) if dim is None else input
    if dim is None and not flat._array.size:
        return wrap(np.full((), np.nan, input._array.dtype))
    at = check_dim(0 if dim is None else dim, flat._array.ndim)
    values, indices = sort(flat, at)
    if not flat._array.ndim:
        return _PAIRS["median"](values, indices)
    middle = (flat._array.shape[at] - 1) // 2
    value, index = (t.narrow(at, middle, 1) if keepdim else t.select(at, middle) for t in (values, indices))
    return value if dim is None else _PAIRS["median"](value, index)


@worded
def unique(
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Tensor | tuple[Tensor, ...]:
    """The distinct elements, or the distinct entries of an axis, sorted; where each went; how often each occurs.

    >>> import rushlight as torch
    >>> torch.unique(torch.tensor([[1, 2], [0, 1], [1, 2]]), dim=0, return_counts=True)
    (tensor([[0, 1],
            [1, 2]]), tensor([1, 2]))
    """
    array = input._array
    if dim is not None and not array.ndim:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    at = None if dim is None else check_dim(dim, array.ndim)
    if at is not None and 0 in array.shape[:at] + array.shape[at + 1 :]:
        raise RuntimeError("There are 0 sized dimensions, and they aren't selected, so unique cannot be applied")
    values, inverse, counts = np.unique(array, return_inverse=True, return_counts=True, axis=at, equal_nan=False)
    found = [wrap(contiguous(values))]
    if return_inverse:
        found.append(wrap(inverse.reshape(array.shape if at is None else array.shape[at]).astype(np.int64)))
    if return_counts:
        found.append(wrap(counts.astype(np.int64)))
    return found[0] if len(found) == 1 else tuple(found)


@worded
def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often each integer from 0 on occurs, or the sum of its weights."""
    if input._array.ndim != 1 or input.dtype.is_floating_point or (input._array.size and input._array.min() < 0):
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    refuse_bools("bincount_cpu", input)
    if weights is None:
        return wrap(np.bincount(input._array, minlength=minlength).astype(np.int64))
    total = np.bincount(input._array, weights._array.astype(np.float64), minlength)
    return wrap(total.astype(np.float32 if weights._array.dtype == np.float32 else np.float64))


@worded
def searchsorted(
    sorted_sequence: Tensor,
    input: Operand,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Tensor | None = None,
) -> Tensor:
    """Where values would be inserted into a sorted vector, or each row of them into the row beside it.

    `side="right"`, or `right=True`, means behind equal elements. `sorter` are the indices that sort the sequence.

    >>> import rushlight as torch
    >>> torch.searchsorted(torch.tensor([[1, 3, 5], [2, 4, 6]]), torch.tensor([[3], [3]]), side="right")
    tensor([[2],
            [1]])
    """
    name, sequence = "torch.searchsorted()", sorted_sequence._array
    if side not in (None, "left", "right"):
        raise RuntimeError(f"{name}: side can only be 'left' or 'right' but got {side}")
    if side == "left" and right:
        raise RuntimeError(f"{name}: side and right can't be set to opposites, got side of left while right was True")
    values = np.asarray(input) if is_number(input) else input._array
    _check_searched(name, sequence, values, is_number(input))
    if sorter is not None:
        if sorter._array.shape != sequence.shape:
            raise RuntimeError(
                f"{name}: boundary and sorter must have the same size, but got boundary tensor {list(sequence.shape)}"
                f"and got sorter tensor {list(sorter.shape)}"
            )
        if sorter._array.size and not 0 <= sorter._array.min() <= sorter._array.max() < sequence.shape[-1]:
            raise RuntimeError(f"{name}: sorter index out of range")
        sequence = np.take_along_axis(sequence, sorter._array, -1)
    way = "right" if right or side == "right" else "left"
    if sequence.ndim == 1:
        found = np.searchsorted(sequence, values, way)
    else:
        lead = math.prod(sequence.shape[:-1])
        rows = zip(sequence.reshape(lead, sequence.shape[-1]), values.reshape(lead, values.shape[-1]))
        found = np.array([np.searchsorted(row, part, way) for row, part in rows], np.int64).reshape(values.shape)
    return wrap(as_array(found).astype(np.int32 if out_int32 else np.int64))


def _check_searched(name: str, sequence: np.ndarray, values: np.ndarray, number: bool) -> None:
    if sequence.ndim == 1:
        return
    if number or not values.ndim:
        raise RuntimeError(
            f"{name}: input value can be a scalar only when boundaries tensor dimension is 1, but we got boundaries "
            f"tensor dim({sequence.ndim}) and input value's dim({values.ndim}) numel({values.size})"
        )
    if sequence.ndim != values.ndim or sequence.shape[:-1] != values.shape[:-1]:
        raise RuntimeError(
            f"{name}: boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries tensor and "
            f"input value tensor must match, but we got boundaries tensor {list(sequence.shape)} and input value "
            f"tensor {list(values.shape)}"
        )


def isin(elements: Operand, test_elements: Operand, *, assume_unique: bool = False, invert: bool = False) -> Tensor:
    """Whether each element is among others; with `invert`, whether it is not. Either may be a number."""
    check_some_tensor("isin", elements, test_elements)
    a, b = (t._array if isinstance(t, Tensor) else t for t in (elements, test_elements))
    return wrap(as_array(quiet(np.isin, a, b, assume_unique=assume_unique, invert=invert)))


@worded
def repeat_interleave(
    input: Tensor | None = None,
    repeats: int | Tensor | None = None,
    dim: int | None = None,
    *,
    output_size: int | None = None,
) -> Tensor:
    """Each element along an axis several times, one after the other; of counts alone, the indices that do so.

    RuntimeError where `output_size` is not the length that comes out.

    >>> import rushlight as torch
    >>> torch.repeat_interleave(torch.tensor([5, 6]), torch.tensor([1, 2]))
    tensor([5, 6, 6])
    """
    if input is None or repeats is None:
        counts = repeats if input is None else input
        return wrap_beside(np.repeat(np.arange(memory(counts).size), carried(counts._array, "cpu")), counts)
    source = ravel(input) if dim is None else input
    at = 0 if dim is None else check_dim(dim, memory(source).ndim)
    if isinstance(repeats, Tensor) and repeats.is_meta and output_size is not None:
        return index_select(source, at, repeats.new_empty(output_size, dtype=dtypes.int64))
    times = carried(repeats._array, "cpu") if isinstance(repeats, Tensor) else repeats
    places = wrap_beside(np.repeat(np.arange(memory(source).shape[at]), times), source)
    if output_size is not None and output_size != memory(places).size:
        raise RuntimeError(
            f"repeat_interleave: Invalid output_size, expected {memory(places).size} but got {output_size}"
        )
    return index_select(source, at, places)


def repeat_interleave_method(
    self: Tensor, repeats: int | Tensor, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """Each element along an axis several times, one after the other."""
    return repeat_interleave(self, repeats, dim, output_size=output_size)
