"""Elements in order: argsort, sort, topk, kthvalue, median, unique; counting, and searching among sorted ones.

In: a tensor and an axis. Out: new tensors, recorded; the gradient of sorted elements goes where they were.
"""

from __future__ import annotations

import math

import numpy as np

from rushlight.autograd.graph import record
from rushlight.autograd.operation import define
from rushlight.backends.array import as_array, contiguous
from rushlight.core import dtypes
from rushlight.core.errors import message
from rushlight.core.memory import worded
from rushlight.rules.results import Layout, Layouts, positions
from rushlight.runtime.allocation import zeros_beside
from rushlight.tensor import ordered
from rushlight.tensor.core import Tensor, memory, wrap
from rushlight.tensor.extremes import _PAIRS, PICKED, check_not_empty, picked, shared_rule
from rushlight.tensor.layout import check_dim
from rushlight.tensor.numerics import quiet
from rushlight.tensor.operands import Operand, check_some_tensor, is_number, refuse_bools


def argsort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Tensor:
    """The indices that sort along an axis; equal elements keep their order."""
    at = check_dim(dim, memory(input).ndim)
    result = wrap(_order(input._array, at, descending))
    record(ARGSORT, (at, descending), result, (input,))
    return result


@worded
def _order(array: np.ndarray, at: int, descending: bool) -> np.ndarray:
    if array.ndim == 0:
        return zeros_beside(array, (), np.dtype(np.int64))
    if type(array) is np.ndarray:
        return ordered.positions_in_order(array, at, descending)
    found = np.argsort(np.flip(array, at) if descending else array, axis=at, kind="stable")
    return contiguous(array.shape[at] - 1 - np.flip(found, at)) if descending else found


def _as_positions(inputs: Layouts, *attributes: object) -> list[Layout]:
    return [(inputs[0][0], np.dtype(np.int64))]


ARGSORT = define("argsort", "", derivative=None, results=_as_positions, lowering=_order)


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
    indices = wrap(_largest(input._array, at, k, largest))
    record(LARGEST, (at, k, largest), indices, (input,))
    return _PAIRS["topk"](picked(PICKED["topk"], input, indices, at, True), indices)


@worded
def _largest(array: np.ndarray, at: int, k: int, largest: bool) -> np.ndarray:
    if type(array) is np.ndarray and array.ndim:
        return ordered.positions_of_largest(array, at, k, largest)
    found = _order(array, at, largest)
    return contiguous(found[(slice(None),) * at + (slice(k),)]) if array.ndim else found


def _as_few_positions(inputs: Layouts, at: int, k: int, *rest: object) -> list[Layout]:
    shape = inputs[0][0]
    return [((*shape[:at], k, *shape[at + 1 :]) if shape else (), np.dtype(np.int64))]


LARGEST = define("topk_positions", "", derivative=None, results=_as_few_positions, lowering=_largest)


def kthvalue(input: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> tuple[Tensor, Tensor]:
    """The k-th smallest element along an axis, counted from 1, and where it is, as `(values, indices)`.

    RuntimeError for a `k` that is not there.

    >>> import rushlight as torch
    >>> torch.kthvalue(torch.tensor([4.0, 1.0, 3.0]), 2).values
    tensor(3.)
    """
    refuse_bools("kthvalue_cpu", input)
    at = check_dim(dim, input._array.ndim)
    check_not_empty("kthvalue", input, at)
    if not 1 <= k <= (input._array.shape or (1,))[at]:
        raise RuntimeError(f"kthvalue(): selected number k out of range for dimension {at}")
    indices = wrap(_kth_position(input._array, at, keepdim, k - 1))
    record(KTH, (at, keepdim, k - 1), indices, (input,))
    return _PAIRS["kthvalue"](picked(PICKED["kthvalue"], input, indices, at, keepdim), indices)


@worded
def _kth_position(array: np.ndarray, at: int, keepdim: bool, k: int) -> np.ndarray:
    if not array.ndim:
        return zeros_beside(array, (), np.dtype(np.int64))
    if type(array) is np.ndarray:
        found = ordered.position_of_kth(array, at, k)
    else:
        found = contiguous(_order(array, at, False)[(slice(None),) * at + (k,)])
    return np.expand_dims(found, at) if keepdim else as_array(found)


def _as_position(inputs: Layouts, at: int, keepdim: bool, *rest: object) -> list[Layout]:
    return positions(inputs, at, keepdim)


KTH = define("kthvalue_position", "", derivative=None, results=_as_position, lowering=_kth_position)


def median(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor | tuple[Tensor, Tensor]:
    """The middle element (the lower of two), NaN where there is one; with `dim` also where it is."""
    refuse_bools("median_cpu" if dim is None else "median_out", input)
    if dim is None:
        result = wrap(_middle(input._array))
        record(MEDIAN, (), result, (input,), (input, result))
        return result
    at = check_dim(dim, input._array.ndim)
    check_not_empty("median", input, at)
    indices = wrap(_middle_position(input._array, at, keepdim))
    record(MIDDLE, (at, keepdim), indices, (input,))
    return _PAIRS["median"](picked(PICKED["median"], input, indices, at, keepdim), indices)


@worded
def _middle(array: np.ndarray) -> np.ndarray:
    if not array.size:
        floats = dtypes.of_numpy(array.dtype).is_floating_point
        return np.full((), math.nan if floats else np.iinfo(array.dtype).min, array.dtype)
    flat = array.reshape(-1)
    return np.take_along_axis(flat, _middle_position(flat, 0, True), 0).reshape(())


@worded
def _middle_position(array: np.ndarray, at: int, keepdim: bool) -> np.ndarray:
    if not array.ndim:
        return zeros_beside(array, (), np.dtype(np.int64))
    found = _kth_position(array, at, False, (array.shape[at] - 1) // 2)
    unknown = quiet(np.not_equal, array, array)
    found = np.where(unknown.any(axis=at), unknown.argmax(axis=at), found)
    return np.expand_dims(found, at) if keepdim else as_array(found)


MEDIAN = define(
    "median",
    "MedianBackward0",
    derivative=shared_rule,
    results=lambda inputs: [((), inputs[0][1])],
    lowering=_middle,
)
MIDDLE = define(
    "median_position",
    "",
    derivative=None,
    results=positions,
    lowering=_middle_position,
)


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
    attributes = (at, bool(return_inverse), bool(return_counts))
    found = tuple(map(wrap, _distinct(array, *attributes)))
    record(UNIQUE, attributes, found, (input,))
    return found[0] if len(found) == 1 else found


@worded
def _distinct(array: np.ndarray, at: int | None, return_inverse: bool, return_counts: bool) -> list[np.ndarray]:
    values, inverse, counts = np.unique(array, return_inverse=True, return_counts=True, axis=at, equal_nan=False)
    found = [contiguous(values)]
    if return_inverse:
        found.append(inverse.reshape(array.shape if at is None else array.shape[at]).astype(np.int64))
    if return_counts:
        found.append(counts.astype(np.int64))
    return found


UNIQUE = define("unique", "", derivative=None, results=None, lowering=_distinct)


def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often each integer from 0 on occurs, or the sum of its weights."""
    if input._array.ndim != 1 or input.dtype.is_floating_point or (input._array.size and input._array.min() < 0):
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    refuse_bools("bincount_cpu", input)
    result = wrap(_counts(input._array, None if weights is None else weights._array, minlength))
    record(BINCOUNT, (minlength,), result, (input, weights))
    return result


@worded
def _counts(array: np.ndarray, weights: np.ndarray | None, minlength: int) -> np.ndarray:
    if weights is None:
        return np.bincount(array, minlength=minlength).astype(np.int64, copy=False)
    total = np.bincount(array, weights.astype(np.float64), minlength)
    return total.astype(np.float32 if weights.dtype == np.float32 else np.float64)


BINCOUNT = define("bincount", "", derivative=None, results=None, lowering=_counts)


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
    tensor, number = (None, input) if is_number(input) else (input, None)
    attributes = (number, "right" if right or side == "right" else "left", bool(out_int32))
    given = (sorted_sequence, tensor, sorter)
    result = wrap(_searched(*[None if t is None else t._array for t in given], *attributes))
    record(SEARCHSORTED, attributes, result, given)
    return result


@worded
def _searched(
    sequence: np.ndarray,
    values: np.ndarray | None,
    sorter: np.ndarray | None,
    number: float | None,
    way: str,
    out_int32: bool,
) -> np.ndarray:
    values = np.asarray(number) if values is None else values
    sequence = sequence if sorter is None else np.take_along_axis(sequence, sorter, -1)
    if sequence.ndim == 1:
        found = np.searchsorted(sequence, values, way)
    else:
        lead = math.prod(sequence.shape[:-1])
        rows = zip(sequence.reshape(lead, sequence.shape[-1]), values.reshape(lead, values.shape[-1]))
        found = np.array([np.searchsorted(row, part, way) for row, part in rows], np.int64).reshape(values.shape)
    return as_array(found).astype(np.int32 if out_int32 else np.int64)


def _searched_layout(inputs: Layouts, number: float | None, way: str, out_int32: bool) -> list[Layout]:
    return [(inputs[1][0] if number is None else (), np.dtype(np.int32 if out_int32 else np.int64))]


SEARCHSORTED = define("searchsorted", "", derivative=None, results=_searched_layout, lowering=_searched)


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
    tensors = tuple([t if isinstance(t, Tensor) else None for t in (elements, test_elements)])
    numbers = tuple([None if isinstance(t, Tensor) else t for t in (elements, test_elements)])
    attributes = (*numbers, bool(assume_unique), bool(invert))
    result = wrap(_among(*[None if t is None else t._array for t in tensors], *attributes))
    record(ISIN, attributes, result, tensors)
    return result


def _among(
    a: np.ndarray | None,
    b: np.ndarray | None,
    x: float | None,
    y: float | None,
    assume_unique: bool,
    invert: bool,
) -> np.ndarray:
    a, b = x if a is None else a, y if b is None else b
    return as_array(quiet(np.isin, a, b, assume_unique=assume_unique, invert=invert))


def _truths_layout(inputs: Layouts, *attributes: object) -> list[Layout]:
    return [(() if inputs[0] is None else inputs[0][0], np.dtype(np.bool_))]


ISIN = define("isin", "", derivative=None, results=_truths_layout, lowering=_among)
