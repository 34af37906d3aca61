"""Parts of a tensor: cutting (narrow, split, unbind, windows, diagonals) and joining (cat, stack, hstack, vstack).

In: a tensor and an axis, or tensors that fit together. Out: views of the parts, or one new tensor that holds all,
recorded. The gradient of a cut is a join, and that of a join a cut.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Sequence
from math import prod

import numpy as np

from rushlight.autograd.graph import record
from rushlight.autograd.operation import Gradients, Needs, define
from rushlight.backends.array import order_of, strided
from rushlight.core.errors import message
from rushlight.rules.results import (
    Layout,
    diagonal_of,
    entries_of,
    joined_of,
    pieces_of,
    promoted,
    stacked_of,
    windows_of,
)
from rushlight.runtime.allocation import allocate, check_axes, zeros_beside
from rushlight.runtime.copying import MANY, copy_into
from rushlight.tensor.autocasting import in_widest
from rushlight.tensor.core import Tensor, memory, wrap, wrap_unordered, wrap_view
from rushlight.tensor.indexing import view_at
from rushlight.tensor.layout import check_dim, is_channels_last, wrap_formatted
from rushlight.tensor.numerics import quiet
from rushlight.tensor.operands import layout_of
from rushlight.tensor.shape import check_dims, ints, reshape, writeable_as
from rushlight.tensor.views import Region, add

# -- cutting


def narrow(input: Tensor, dim: int, start: int, length: int) -> Tensor:
    """`length` entries of one axis from `start` on, as a view."""
    shape = input._array.shape
    if not shape:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    at = check_dim(dim, len(shape))
    if length < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    if isinstance(start, Tensor):
        if start._array.ndim or start._array.dtype.kind not in "iu":
            raise RuntimeError("start must be an 0-dim integral Tensor.")
        start = start.item()
    if not -shape[at] <= start <= shape[at]:
        raise IndexError(
            f"start out of range (expected to be in range of [{-shape[at]}, {shape[at]}], but got {start})"
        )
    start += shape[at] if start < 0 else 0
    if start + length > shape[at]:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({shape[at]}).")
    return _sliced(input, at, start, start + length)


def _sliced(input: Tensor, dim: int, start: int, stop: int) -> Tensor:
    return view_at(input, (slice(None),) * dim + (slice(start, stop),))


def select(input: Tensor, dim: int, index: int) -> Tensor:
    """One entry of an axis, as a view without that axis."""
    at = check_dim(dim, input._array.ndim)
    if not input._array.ndim:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    return input[(slice(None),) * at + (operator.index(index),)]


def split(tensor: Tensor, split_size_or_sections: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Pieces of one axis: of `split_size` entries each (the last may be shorter), or of the sizes listed."""
    shape = memory(tensor).shape
    if not shape:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    at, size = check_dim(dim, len(shape)), split_size_or_sections
    total = shape[at]
    if isinstance(size, int):
        if size < 0:
            raise RuntimeError(f"split expects split_size be non-negative, but got split_size={size}")
        if size == 0 and total:
            raise RuntimeError(f"split_size can only be 0 if dimension size is 0, but got dimension size of {total}")
        sizes = [min(size, total - start) for start in range(0, total, size)] if total else [0]
    else:
        sizes = list(ints((tuple(size),)))
        if sum(sizes) != total or min(sizes, default=0) < 0:
            raise RuntimeError(
                f"split_with_sizes expects split_sizes to sum exactly to {total} (input tensor's size at dimension {at}"
                f"), but got split_sizes={sizes}"
            )
    sizes, row = tuple(sizes), SPLIT if isinstance(size, int) else SPLIT_WITH_SIZES
    pieces = tuple([wrap_view(piece, tensor) for piece in _pieces(memory(tensor), at, sizes)])
    record(row, (at, sizes), pieces, (tensor,))
    return pieces


def _pieces(array: np.ndarray, dim: int, sizes: tuple[int, ...]) -> list[np.ndarray]:
    """Views of one axis, one behind the other."""
    lead, start, found = (slice(None),) * dim, 0, []
    for n in sizes:
        found.append(array[(*lead, slice(start, start + n))])
        start += n
    return found


def _split_rule(dim: int, sizes: tuple[int, ...], needs: Needs, *grads: Tensor | None) -> Gradients:
    whole = _with_zeros(grads, pieces_of(needs, dim, sizes))
    return (cat([grad for grad in whole if memory(grad).shape[dim]] or whole, dim),)


def _with_zeros(grads: Sequence[Tensor | None], layouts: Sequence[Layout]) -> list[Tensor]:
    """The gradients of all outputs: zeros for those that had no part in the result."""
    like = next(memory(grad) for grad in grads if grad is not None)
    return [
        wrap(zeros_beside(like, shape, like.dtype)) if grad is None else grad
        for grad, (shape, _) in zip(grads, layouts)
    ]


SPLIT, SPLIT_WITH_SIZES = (
    define(name, f"{node}Backward0", derivative=_split_rule, results=pieces_of, lowering=_pieces)
    for name, node in (("split", "Split"), ("split_with_sizes", "SplitWithSizes"))
)


def split_method(self: Tensor, split_size: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Pieces of one axis, as `torch.split`."""
    return split(self, split_size, dim)


def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most `chunks` pieces of one axis, of equal size except the last."""
    if not input._array.ndim:
        raise RuntimeError("chunk expects at least a 1-dimensional tensor")
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    shape = memory(input).shape
    total = shape[check_dim(dim, len(shape))]
    each = -(-total // chunks)
    return split(input, each, dim) if each else split(input, [0] * chunks, dim)


def tensor_split(
    input: Tensor,
    indices_or_sections: int | Sequence[int] | None = None,
    dim: int = 0,
    *,
    indices: Sequence[int] | None = None,
    sections: int | None = None,
    tensor_indices_or_sections: Tensor | None = None,
) -> tuple[Tensor, ...]:
    """Pieces of one axis, cut at the indices, or into a number of nearly equal ones.

    By keyword the second argument is `indices`, `sections` or `tensor_indices_or_sections`, as in PyTorch.
    """
    given = [v for v in (indices_or_sections, indices, sections, tensor_indices_or_sections) if v is not None]
    if len(given) != 1:
        raise TypeError("tensor_split() takes one of indices and sections")
    if not input._array.ndim:
        raise RuntimeError("tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims")
    at = check_dim(dim, input._array.ndim)
    total, cuts = input._array.shape[at], given[0]
    if isinstance(cuts, Tensor):
        if cuts._array.dtype != np.int64 or cuts._array.ndim > 1:
            raise RuntimeError(
                "tensor_split expected tensor_indices_or_sections to be a zero-dimensional or one-dimensional tensor "
                f"of dtype long, but got {cuts.dtype} with {cuts._array.ndim} dims"
            )
        cuts = cuts.tolist()
    if isinstance(cuts, int):
        if cuts <= 0:
            raise RuntimeError(f"number of sections must be larger than 0, got {cuts}")
        each, more = divmod(total, cuts)
        cuts = [each * i + min(i, more) for i in range(1, cuts)]
    edges = [0, *[slice(None, cut).indices(total)[1] for cut in cuts], total]
    return tuple(_sliced(input, at, a, max(a, b)) for a, b in itertools.pairwise(edges))


def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """The entries of one axis, each a view."""
    at = check_dim(dim, input._array.ndim)
    if not input._array.ndim:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    entries = tuple([wrap_view(entry, input) for entry in _entries(input._array, at)])
    if entries:
        record(UNBIND, (at,), entries, (input,))
    return entries


def _entries(array: np.ndarray, dim: int) -> list[np.ndarray]:
    lead = (slice(None),) * dim
    return [array[(*lead, i, ...)] for i in range(array.shape[dim])]


def _unbind_rule(dim: int, needs: Needs, *grads: Tensor | None) -> Gradients:
    return (stack(_with_zeros(grads, entries_of(needs, dim)), dim),)


UNBIND = define("unbind", "UnbindBackward0", derivative=_unbind_rule, results=entries_of, lowering=_entries)


def unfold(self: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """All windows of `size` entries of one axis, `step` apart, along a new last axis: a view.

    RuntimeError for a window longer than the axis, a negative size or a step below one.

    >>> import rushlight as torch
    >>> torch.arange(5).unfold(0, 3, 2)
    tensor([[0, 1, 2],
            [2, 3, 4]])
    """
    shape = self._array.shape
    at = check_dim(dimension, len(shape))
    n = shape[at] if shape else 1
    if size > n:
        raise RuntimeError(f"maximum size for tensor at dimension {at} is {n} but size is {size}")
    if size < 0:
        raise RuntimeError(f"size is {size} but must be >= 0")
    if step <= 0:
        raise RuntimeError(f"step is {step} but must be > 0")
    check_axes(len(shape) + 1)
    result = wrap_view(_windows(self._array, at, size, step), self)
    record(UNFOLD, (at, size, step), result, (self,))
    return result


def _windows(array: np.ndarray, at: int, size: int, step: int) -> np.ndarray:
    if not array.ndim:
        return strided(array[None], (size,), (array.itemsize,))
    ((shape, _),) = windows_of([layout_of(array)], at, size, step)
    strides = [*array.strides, array.strides[at]]
    strides[at] *= step
    return strided(array, shape, tuple(strides))


def _unfold_rule(at: int, size: int, step: int, needs: Needs, grad: Tensor) -> Gradients:
    return (add(grad, Region.cut(*needs[0], lambda whole: _windows(whole, at, size, step))),)


UNFOLD = define("unfold", "UnfoldBackward0", derivative=_unfold_rule, results=windows_of, lowering=_windows)


def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """The diagonal of two axes, as the last axis of a view."""
    axes = check_dims((dim1, dim2), input._array.ndim)
    result = wrap_view(_diagonal(input._array, offset, *axes), input)
    record(DIAGONAL, (offset, *axes), result, (input,))
    return result


def _diagonal(array: np.ndarray, offset: int, a: int, b: int) -> np.ndarray:
    found = np.diagonal(array, offset, a, b)
    writeable_as(found, array)
    return found


def _diagonal_rule(offset: int, a: int, b: int, needs: Needs, grad: Tensor) -> Gradients:
    return (add(grad, Region.cut(*needs[0], lambda whole: _diagonal(whole, offset, a, b))),)


DIAGONAL = define("diagonal", "DiagonalBackward0", derivative=_diagonal_rule, results=diagonal_of, lowering=_diagonal)


# -- joining


@in_widest
def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """The tensors one after the other along an axis they have.

    >>> import rushlight as torch
    >>> torch.cat([torch.zeros(1), torch.ones(2)])
    tensor([0., 1., 1.])
    """
    tensors = _listed("cat", tensors)
    _check_tensors("cat", tensors)
    # PyTorch skips empty one-dimensional tensors beside tensors of other ranks.
    parts = [t for t in tensors if memory(t).shape != (0,)] or list(tensors[:1])
    ndim = memory(parts[0]).ndim
    if ndim == 0:
        raise RuntimeError("zero-dimensional tensor (at position 0) cannot be concatenated")
    at = check_dim(dim, ndim)
    for position, part in enumerate(parts):
        _check_joins(memory(parts[0]).shape, memory(part).shape, at, position)
    skipped = ndim > 1 or len(parts) == 1
    sizes = tuple([None if skipped and memory(t).shape == (0,) else memory(t).shape[at] for t in tensors])
    joined = _joined(*map(memory, tensors), at, sizes)
    result = wrap_formatted(joined, parts[0]) if all(map(is_channels_last, parts)) else wrap_unordered(joined)
    record(CAT, (at, sizes), result, tensors)
    return result


def _joined(*arrays_and_attributes: object) -> np.ndarray:
    *arrays, dim, sizes = arrays_and_attributes
    arrays = _of_one_kind(arrays)
    parts = [array for array, n in zip(arrays, sizes) if n is not None]
    return _concatenated(parts or arrays[:1], dim)


def _concatenated(parts: Sequence[np.ndarray], axis: int, contiguous: bool = False) -> np.ndarray:
    """Arrays of one dtype side by side, in the order of memory that all of them have, else contiguous."""
    shape = list(parts[0].shape)
    shape[axis] = sum(part.shape[axis] for part in parts)
    if type(parts[0]) is not np.ndarray or prod(shape) * parts[0].itemsize < MANY:
        return quiet(np.concatenate, parts, axis=axis)
    orders = set() if contiguous else {tuple(order_of(part.strides)) for part in parts}
    order = orders.pop() if len(orders) == 1 else range(len(shape))
    whole = allocate([shape[at] for at in order], parts[0].dtype).transpose(np.argsort(order))
    start = 0
    for part in parts:
        stop = start + part.shape[axis]
        copy_into(whole[(slice(None),) * axis + (slice(start, stop),)], part)
        start = stop
    return whole


concat = concatenate = cat


def _of_one_kind(arrays: list[np.ndarray]) -> list[np.ndarray]:
    first = arrays[0].dtype
    for array in arrays:
        if array.dtype is not first:
            kind = promoted([layout_of(array) for array in arrays]).numpy
            return [array.astype(kind, copy=False) for array in arrays]
    return arrays


def _listed(name: str, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """The tensors of a call; one tensor is none, though its rows could be meant."""
    if isinstance(tensors, Tensor):
        sentence = f"{name}(): argument 'tensors' (position 1) must be tuple of Tensors, not Tensor"
        raise TypeError(message(sentence, fix=f"{name}([a, b]), with the tensors in a list"))
    tensors = tuple(tensors)
    if not tensors and name != "cat":
        raise RuntimeError(f"{name} expects a non-empty TensorList")
    return tensors


def _check_tensors(name: str, tensors: tuple) -> None:
    if not tensors:
        raise ValueError(f"torch.{name}(): expected a non-empty list of Tensors")
    for position, tensor in enumerate(tensors):
        if not isinstance(tensor, Tensor):
            raise TypeError(f"expected Tensor as element {position} in argument 0, but got {type(tensor).__name__}")


def _check_joins(first: tuple[int, ...], shape: tuple[int, ...], dim: int, position: int) -> None:
    if len(first) != len(shape):
        raise RuntimeError(f"Tensors must have same number of dimensions: got {len(first)} and {len(shape)}")
    for axis, (a, b) in enumerate(zip(first, shape)):
        if axis != dim and a != b:
            raise RuntimeError(
                f"Sizes of tensors must match except in dimension {dim}. Expected size {a} but got size {b} for "
                f"tensor number {position} in the list."
            )


def _cat_rule(dim: int, sizes: tuple[int | None, ...], needs: Needs, grad: Tensor) -> Gradients:
    """The slice of each part; none of one that was passed over (its size is None)."""
    slopes, start = [], 0
    for need, n in zip(needs, sizes):
        if n is None:
            slopes.append(wrap(zeros_beside(grad._array, (0,), grad._array.dtype)) if need else None)
        else:
            slopes.append(_sliced(grad, dim, start, start + n) if need else None)
            start += n
    return tuple(slopes)


CAT = define("cat", "CatBackward0", derivative=_cat_rule, results=joined_of, lowering=_joined)


@in_widest
def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """The tensors, of one shape, along a new axis."""
    tensors = _listed("stack", tensors)
    _check_tensors("stack", tensors)
    first = tensors[0]._array.shape
    for position, tensor in enumerate(tensors):
        if tensor._array.shape != first:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(first)} at entry 0 and "
                f"{list(tensor._array.shape)} at entry {position}"
            )
    at = check_dim(dim, len(first) + 1)
    check_axes(len(first) + 1)
    result = wrap(_stacked(*[t._array for t in tensors], at))
    record(STACK, (at,), result, tensors)
    return result


def _stacked(*arrays_and_dim: object) -> np.ndarray:
    *arrays, dim = arrays_and_dim
    arrays = [np.expand_dims(array, dim) for array in _of_one_kind(arrays)]
    return _concatenated(arrays, dim, contiguous=True)


STACK = define(
    "stack",
    "StackBackward0",
    derivative=lambda dim, needs, grad: unbind(grad, dim),
    results=stacked_of,
    lowering=_stacked,
)


def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """Joined along axis 1 (axis 0 for one-dimensional tensors)."""
    tensors = [reshape(t, 1) if t._array.ndim == 0 else t for t in _listed("hstack", tensors)]
    return cat(tensors, 0 if tensors[0]._array.ndim == 1 else 1)


def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """Joined as rows."""
    return cat([t if t._array.ndim > 1 else reshape(t, 1, -1) for t in _listed("vstack", tensors)], 0)
