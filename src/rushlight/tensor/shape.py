"""Shape operations: views where the memory allows it, copies where not. `parts` cuts and joins.

In: a tensor and axes or sizes. Out: all its elements in another shape or order, recorded. A view keeps `_base`, so that
in-place changes are seen on both sides.
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Sequence

import numpy as np

from rushlight.autograd.graph import record
from rushlight.autograd.operation import Gradients, Needs, Operation, define
from rushlight.core import dtypes
from rushlight.core.errors import message
from rushlight.rules.results import as_first, of_shape, permuted, reinterpreted, repeated, with_axis, without_axes
from rushlight.runtime.allocation import MOST_AXES, allocate, empty_like_array, too_many_axes, zeros_beside
from rushlight.runtime.copying import MANY, copy_into
from rushlight.tensor.core import (
    Tensor,
    elements,
    memory,
    wrap,
    wrap_like,
    wrap_maybe_view,
    wrap_view,
)
from rushlight.tensor.creation import shape_of
from rushlight.tensor.keywords import either
from rushlight.tensor.layout import check_dim
from rushlight.tensor.numerics import quiet, shape_mismatch
from rushlight.tensor.size import Size


def ints(args: tuple, function: str = "", name: str = "", named: object = None) -> tuple[int, ...]:
    """Axes or sizes from `f(0, 1)`, `f((0, 1))` or `f(name=(0, 1))`, whose value is `named`."""
    if named is not None or not args:
        args = either(function, name, args, named)
    if len(args) == 1 and isinstance(args[0], (tuple, list)):
        args = args[0]
    if len(args) > MOST_AXES:
        raise too_many_axes(len(args))
    return tuple([operator.index(n) for n in args])


def check_dims(dims: int | Sequence[int], ndim: int) -> tuple[int, ...]:
    """Axes counted from the front, each once; one axis may stand for itself."""
    if not isinstance(dims, list | tuple | range):
        return (check_dim(dims, ndim),)
    found = tuple([check_dim(dim, ndim) for dim in dims])
    for dim in found:
        if found.count(dim) > 1:
            raise RuntimeError(f"dim {dim} appears multiple times in the list of dims")
    return found


# -- sizes


def size(self: Tensor, dim: int | None = None) -> Size | int:
    """The shape, or the length of one axis."""
    if dim is None:
        return self.shape
    shape = memory(self).shape
    axis = check_dim(dim, len(shape))
    if not shape:
        raise IndexError(message(f"Dimension specified as {dim} but tensor has no dimensions"))
    return shape[axis]


def dim(self: Tensor) -> int:
    """The number of axes."""
    return memory(self).ndim


def numel(input: Tensor) -> int:
    """The number of elements."""
    return memory(input).size


def element_size(self: Tensor) -> int:
    """Bytes an element."""
    return memory(self).itemsize


# -- reshaping


def reshape(input: Tensor, *sizes: int | Sequence[int], shape: Sequence[int] | None = None) -> Tensor:
    """The same elements in another shape; one size may be -1. A view where the memory allows it.

    >>> import rushlight as torch
    >>> torch.arange(6).reshape(2, -1)
    tensor([[0, 1, 2],
            [3, 4, 5]])
    """
    return _reshaped(input, infer_size(ints(sizes, "reshape", "shape", shape), memory(input).size))


def view(
    self: Tensor, *sizes: int | Sequence[int], size: Sequence[int] | None = None, dtype: dtypes.dtype | None = None
) -> Tensor:
    """The same memory in another shape; `view(dtype)` reinterprets the bytes.

    RuntimeError where that takes a copy: of a transpose, say.
    """
    if dtype is not None or (len(sizes) == 1 and isinstance(sizes[0], dtypes.dtype)):
        return _reinterpreted(self, sizes[0] if dtype is None else dtype)
    if size is not None or not sizes:
        sizes = either("view", "size", sizes, size)
    array = self._array
    shape = infer_size(ints(sizes, "view", "size", None), array.size)
    try:
        result = wrap_view(array.reshape(shape, copy=False), self)
    except ValueError:
        raise RuntimeError(_not_a_view(self)) from None
    record(VIEW, (shape,), result, (self,))
    return result


def _reinterpreted(self: Tensor, dtype: dtypes.dtype) -> Tensor:
    if self.requires_grad:
        raise RuntimeError("view(dtype) of a tensor that requires grad is not supported")
    result = wrap_view(self._array.view(dtype.numpy), self)
    record(VIEW_DTYPE, (dtype.numpy,), result, (self,))
    return result


VIEW_DTYPE = define(
    "view.dtype",
    "ViewBackward1",
    derivative=None,
    results=reinterpreted,
    lowering=lambda array, kind: array.view(kind),
)


def _not_a_view(self: Tensor) -> str:
    return message(
        "view size is not compatible with input tensor's size and stride (at least one dimension spans across two "
        "contiguous subspaces). Use .reshape(...) instead.",
        f"shape {list(memory(self).shape)}, stride {self.stride()}",
    )


def view_as(self: Tensor, other: Tensor) -> Tensor:
    """`view` in the shape of another tensor."""
    return view(self, memory(other).shape)


def reshape_as(self: Tensor, other: Tensor) -> Tensor:
    """`reshape` in the shape of another tensor."""
    return reshape(self, memory(other).shape)


def infer_size(shape: tuple[int, ...], count: int) -> tuple[int, ...]:
    """A shape with its -1 replaced; RuntimeError where it does not fit `count` elements."""
    known = math.prod(shape)
    if known == count and min(shape, default=0) >= 0:
        return shape
    if known < 0 and not count % known and min(shape) == -1 and shape.count(-1) == 1:
        return tuple([count // -known if n == -1 else n for n in shape])
    return _infer_size(shape, count)


def _infer_size(shape: tuple[int, ...], count: int) -> tuple[int, ...]:
    """The same where something is unusual, and says what is wrong."""
    unknown = [axis for axis, n in enumerate(shape) if n == -1]
    if len(unknown) > 1:
        raise RuntimeError("only one dimension can be inferred")
    if any(n < -1 for n in shape):
        wrong = next(axis for axis, n in enumerate(shape) if n < -1)
        raise RuntimeError(f"invalid shape dimension {shape[wrong]} at index {wrong} of shape {list(shape)}")
    known = math.prod(n for n in shape if n != -1)
    if not unknown:
        if known != count:
            raise RuntimeError(_does_not_fit(shape, count))
        return shape
    if known == 0 and count == 0:
        raise RuntimeError(
            f"cannot reshape tensor of 0 elements into shape {list(shape)} because the unspecified dimension size -1 "
            "can be any value and is ambiguous"
        )
    if known == 0 or count % known:
        raise RuntimeError(_does_not_fit(shape, count))
    return tuple([count // known if n == -1 else n for n in shape])


def _does_not_fit(shape: tuple[int, ...], count: int) -> str:
    known = math.prod(n for n in shape if n != -1)
    return message(
        f"shape '{list(shape)}' is invalid for input of size {count}",
        f"{count} is not {known}" + " · n" * (-1 in shape),
    )


def _reshaped(input: Tensor, shape: tuple[int, ...]) -> Tensor:
    result = wrap_maybe_view(input._array.reshape(shape), input)
    record(VIEW, (shape,), result, (input,))
    return result


def _reshape_rule(attribute: object, needs: Needs, grad: Tensor) -> Gradients:
    return (_reshaped(grad, needs[0][0]),)


VIEW = define(
    "view",
    "ViewBackward0",
    derivative=_reshape_rule,
    results=of_shape,
    lowering=lambda array, shape: array.reshape(shape),
)


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Axes `start_dim` to `end_dim` as one.

    IndexError for an axis that is not there, RuntimeError for start after end.

    >>> import rushlight as torch
    >>> torch.zeros(2, 3, 4).flatten(1).shape
    torch.Size([2, 12])
    """
    shape = memory(input).shape
    start, end = check_dim(start_dim, len(shape)), check_dim(end_dim, len(shape))
    if start > end:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if not shape:
        return reshape(input, 1)
    if start == end:
        return input
    return _reshaped(input, (*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :]))


def ravel(input: Tensor) -> Tensor:
    """All axes as one."""
    return reshape(input.contiguous(), memory(input).size)


def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """One axis as several; one of `sizes` may be -1."""
    shape = memory(input).shape
    if not shape:
        raise RuntimeError(
            message(f"unflatten got an unexpected error: Dimension specified as {dim} but tensor has no dimensions")
        )
    at = check_dim(dim, len(shape))
    if not sizes:
        raise RuntimeError("unflatten: sizes must be non-empty")
    sizes = ints((tuple(sizes),))
    known = math.prod(n for n in sizes if n != -1)
    if (-1 not in sizes and known != shape[at]) or (-1 in sizes and (known == 0 or shape[at] % known)):
        raise RuntimeError(
            message(
                f"unflatten: Provided sizes {list(sizes)} don't multiply up to the size of dim {dim} ({shape[at]}) "
                "in the input tensor"
            )
        )
    return _reshaped(input, (*shape[:at], *infer_size(sizes, shape[at]), *shape[at + 1 :]))


def squeeze(input: Tensor, dim: int | Sequence[int] | None = None, *more: int) -> Tensor:
    """Without the axes of length 1: all, or those named."""
    shape = memory(input).shape
    if dim is None:
        dims: Sequence[int] = range(len(shape))
    else:
        dims = check_dims((dim, *more) if more else dim, len(shape))
    dropped = tuple([axis for axis in dims if axis < len(shape) and shape[axis] == 1])
    result = wrap_view(memory(input).squeeze(dropped), input)
    record(SQUEEZE, (dropped,), result, (input,))
    return result


SQUEEZE = define(
    "squeeze",
    "SqueezeBackward0",
    derivative=_reshape_rule,
    results=without_axes,
    lowering=lambda array, dropped: array.squeeze(dropped),
)


def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """With a new axis of length 1 at `dim`."""
    array = memory(input)
    if array.ndim == MOST_AXES:
        raise too_many_axes(MOST_AXES + 1)
    at = check_dim(dim, array.ndim + 1)
    result = wrap_view(_with_axis(array, at), input)
    record(UNSQUEEZE, (at,), result, (input,))
    return result


def _with_axis(array: np.ndarray, at: int) -> np.ndarray:
    return array[(*(slice(None),) * at, None)]


UNSQUEEZE = define("unsqueeze", "UnsqueezeBackward0", derivative=_reshape_rule, results=with_axis, lowering=_with_axis)


def atleast_1d(*tensors: Tensor | Sequence[Tensor]) -> Tensor | tuple[Tensor, ...]:
    """The tensor, or each of several (one by one or in a sequence), with an axis at least."""
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        return tuple(atleast_1d(t) for t in tensors[0])
    found = tuple(reshape(t, 1) if memory(t).ndim == 0 else t for t in tensors)
    return found[0] if len(found) == 1 else found


# -- order of the axes


def permute(input: Tensor, *order: int | Sequence[int], dims: Sequence[int] | None = None) -> Tensor:
    """The axes in another order."""
    dims = ints(order, "permute", "dims", dims)
    ndim = memory(input).ndim
    if len(dims) != ndim:
        raise RuntimeError(
            "permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired "
            f"ordering of dimensions i.e. input.dim() = {ndim} is not equal to len(dims) = {len(dims)}"
        )
    found = tuple([check_dim(dim, ndim) for dim in dims])
    if len(set(found)) != len(found):
        raise RuntimeError(message("permute(): duplicate dims are not allowed.", f"dims {dims}"))
    return _permuted(input, found, PERMUTE)


def _permuted(input: Tensor, order: tuple[int, ...], row: Operation) -> Tensor:
    result = wrap_view(memory(input).transpose(order), input)
    record(row, (order,), result, (input,))
    return result


def _permute_rule(order: tuple[int, ...], needs: Needs, grad: Tensor) -> Gradients:
    back = [0] * len(order)
    for position, axis in enumerate(order):
        back[axis] = position
    return (_permuted(grad, tuple(back), PERMUTE),)


PERMUTE, TRANSPOSE, T = (
    define(
        name,
        f"{name.title()}Backward0",
        derivative=_permute_rule,
        results=permuted,
        lowering=lambda array, order: array.transpose(order),
    )
    for name in ("permute", "transpose", "t")
)


def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Two axes exchanged."""
    ndim = memory(input).ndim
    a, b = check_dim(dim0, ndim), check_dim(dim1, ndim)
    order = list(range(ndim))
    if ndim:
        order[a], order[b] = b, a
    return _permuted(input, tuple(order), TRANSPOSE)


def swapaxes(input: Tensor, axis0: int, axis1: int) -> Tensor:
    """Two axes exchanged, as `transpose`."""
    return transpose(input, axis0, axis1)


def t(input: Tensor) -> Tensor:
    """The transpose of a matrix; a tensor of fewer axes is itself."""
    ndim = memory(input).ndim
    if ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {ndim}D")
    return _permuted(input, (1, 0) if ndim == 2 else tuple(range(ndim)), T)


def all_axes_reversed(self: Tensor) -> Tensor:
    """The axes in reverse."""
    return _permuted(self, tuple(range(memory(self).ndim))[::-1], PERMUTE)


def matrix_transpose(self: Tensor) -> Tensor:
    """The last two axes exchanged."""
    if memory(self).ndim < 2:
        raise RuntimeError(
            f"tensor.mT is only supported on matrices or batches of matrices. Got {memory(self).ndim}-D tensor."
        )
    return transpose(self, -2, -1)


def movedim(input: Tensor, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
    """Axes moved to other places, the others kept in order."""
    ndim = memory(input).ndim
    sources = check_dims(source, ndim)
    targets = check_dims(destination, ndim)
    if len(sources) != len(targets):
        raise RuntimeError(
            "movedim: Invalid source or destination dims: source and destination must have the same number of elements"
        )
    if not ndim:
        return input
    order = [axis for axis in range(ndim) if axis not in sources]
    for target, axis in sorted(zip(targets, sources)):
        order.insert(target, axis)
    return _permuted(input, tuple(order), PERMUTE)


# -- expanding


def expand(
    self: Tensor, *sizes: int | Sequence[int], size: Sequence[int] | None = None, implicit: bool = False
) -> Tensor:
    """Axes of length 1 seen as longer, without a copy; -1 keeps an axis. `implicit` says nothing."""
    sizes, shape = ints(sizes, "expand", "size", size), memory(self).shape
    lead = len(sizes) - len(shape)
    if lead < 0:
        raise RuntimeError(
            f"expand(torch.{self.dtype.name}{list(shape)}, size={list(sizes)}): the number of sizes provided "
            f"({len(sizes)}) must be greater or equal to the number of dimensions in the tensor ({len(shape)})"
        )
    target = tuple([_expanded_size(n, axis - lead, shape, sizes) for axis, n in enumerate(sizes)])
    result = wrap_view(_expanded(self._array, target), self)
    record(EXPAND, (target,), result, (self,))
    return result


def _expanded(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    view = quiet(np.broadcast_to, array, shape)
    writeable_as(view, array)
    return view


# The engine sums the gradient to the input's shape.
EXPAND = define(
    "expand",
    "ExpandBackward0",
    derivative=lambda shape, needs, grad: (grad,),
    results=of_shape,
    lowering=_expanded,
)


def writeable_as(view: np.ndarray, source: np.ndarray) -> None:
    """NumPy marks such views read-only; which element is written twice is checked where one writes."""
    if source.flags.writeable:
        view.setflags(write=True)


def _expanded_size(n: int, axis: int, shape: tuple[int, ...], sizes: tuple[int, ...]) -> int:
    if axis < 0:
        if n < 0:
            raise RuntimeError(
                f"The expanded size of the tensor ({n}) isn't allowed in a leading, non-existing dimension "
                f"{axis + len(sizes) - len(shape)}"
            )
        return n
    if n == -1 or n == shape[axis]:
        return shape[axis]
    if shape[axis] != 1 or n < 0:
        raise RuntimeError(
            f"The expanded size of the tensor ({n}) must match the existing size ({shape[axis]}) at non-singleton "
            f"dimension {axis + len(sizes) - len(shape)}.  Target sizes: {list(sizes)}.  Tensor sizes: {list(shape)}"
        )
    return n


def expand_as(self: Tensor, other: Tensor) -> Tensor:
    """`expand` to the shape of another tensor."""
    return expand(self, memory(other).shape)


def broadcast_to(input: Tensor, size: Sequence[int]) -> Tensor:
    """`expand` as a function."""
    return expand(input, tuple(size))


def broadcast_shapes(*shapes: Sequence[int]) -> Size:
    """The shape that tensors of these shapes broadcast to; RuntimeError where they do not."""
    try:
        return Size(np.broadcast_shapes(*[tuple(s) if not isinstance(s, int) else (s,) for s in shapes]))
    except ValueError:
        listed = ", ".join(str(list(s)) for s in shapes)
        raise RuntimeError(f"Shape mismatch: objects cannot be broadcast to a single shape: {listed}") from None


def broadcast_tensors(*tensors: Tensor) -> tuple[Tensor, ...]:
    """The tensors expanded to their common shape."""
    shapes = [memory(tensor).shape for tensor in tensors]
    wrong = shape_mismatch(shapes)
    if wrong is not None:
        raise RuntimeError(wrong)
    shape = broadcast_shapes(*shapes)
    return tuple(tensor if own == shape else expand(tensor, shape) for tensor, own in zip(tensors, shapes))


def repeat(self: Tensor, *sizes: int | Sequence[int], repeats: Sequence[int] | None = None) -> Tensor:
    """The tensor several times along each axis, copied."""
    sizes = shape_of("repeat", sizes, repeats, "repeats")
    lead = len(sizes) - memory(self).ndim
    if lead < 0:
        raise RuntimeError("Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor")
    result = wrap(_tiled(self._array, sizes))
    record(REPEAT, (sizes,), result, (self,))
    return result


def _tiled(array: np.ndarray, sizes: tuple[int, ...]) -> np.ndarray:
    return quiet(np.tile, array, sizes)


def _repeat_rule(sizes: tuple[int, ...], needs: Needs, grad: Tensor) -> Gradients:
    shape = (1,) * (len(sizes) - len(needs[0][0])) + needs[0][0]
    pairs = [n for pair in zip(sizes, shape) for n in pair]  # (times, length) for each axis
    if 0 in sizes:
        return (wrap(zeros_beside(memory(grad), shape, memory(grad).dtype)),)
    return (reshape(grad, pairs).sum(tuple(range(0, len(pairs), 2))),) if sizes else (grad,)


REPEAT = define("repeat", "RepeatBackward0", derivative=_repeat_rule, results=repeated, lowering=_tiled)


def tile(input: Tensor, *counts: int | Sequence[int], dims: Sequence[int] | None = None) -> Tensor:
    """As `repeat`; missing leading counts are 1."""
    dims = ints(counts, "tile", "dims", dims)
    return repeat(input, (1,) * (memory(input).ndim - len(dims)) + dims)


def sum_to_size(self: Tensor, *sizes: int | Sequence[int], size: Sequence[int] | None = None) -> Tensor:
    """The sum over the axes that broadcasting from `size` to this shape would add or stretch."""
    target, shape = ints(sizes, "sum_to_size", "size", size), memory(self).shape
    if not target:
        return self.sum()
    if target == shape:
        return self
    lead = len(shape) - len(target)
    stretched = [lead + axis for axis, n in enumerate(target) if n == 1 and shape[lead + axis] != 1]
    if lead < 0 or any(n not in (1, shape[lead + axis]) for axis, n in enumerate(target)):
        raise RuntimeError(f"size {list(target)} is not expandable to size {list(shape)}.")
    result = self.sum((*range(lead), *stretched), keepdim=True)
    return reshape(result, target) if lead else result


# -- rearranging copies


def flip(input: Tensor, *axes: int | Sequence[int], dims: Sequence[int] | None = None) -> Tensor:
    """The entries of these axes in reverse, copied."""
    array = elements(input)
    dims = check_dims(ints(axes, "flip", "dims", dims), array.ndim)
    result = wrap_like(_flipped(array, dims), input)
    record(FLIP, (dims,), result, (input,))
    return result


def _flipped(array: np.ndarray, dims: tuple[int, ...]) -> np.ndarray:
    flipped = empty_like_array(array, array.dtype)
    copy_into(flipped, np.flip(array, dims if array.ndim else ()))
    return flipped


FLIP = define(
    "flip",
    "FlipBackward0",
    derivative=lambda dims, needs, grad: (flip(grad, dims),),
    results=as_first,
    lowering=_flipped,
)


def roll(input: Tensor, shifts: int | Sequence[int], dims: int | Sequence[int] | None = None) -> Tensor:
    """The entries moved along axes, those that leave coming back at the other end."""
    counts = [1 if isinstance(given, int) else len(given or ()) for given in (shifts, dims)]
    if not counts[0]:
        raise RuntimeError("`shifts` required")
    if counts[0] != counts[1] and (counts[1] or counts[0] > 1):
        raise RuntimeError(f"shifts and dimensions must align. shifts: {counts[0]}, dims:{counts[1]}")
    if counts[1] and not memory(input).ndim:
        raise IndexError(f"Dimension specified as {dims} but tensor has no dimensions")
    shifts, dims = (tuple(given) if isinstance(given, list) else given for given in (shifts, dims))
    result = wrap(_rolled(input._array, shifts, dims))
    record(ROLL, (shifts, dims), result, (input,))
    return result


def _rolled(array: np.ndarray, shifts: int | tuple, dims: int | tuple | None) -> np.ndarray:
    """NumPy's roll; of large arrays in pieces that are copied on all threads."""
    if dims is None:
        return np.roll(array, shifts)
    shifts, dims = (given if isinstance(given, tuple) else (given,) for given in (shifts, dims))
    if type(array) is not np.ndarray or array.nbytes < MANY or not all(-array.ndim <= d < array.ndim for d in dims):
        return np.roll(array, shifts, dims)
    moved = [0] * array.ndim
    for shift, axis in zip(shifts, dims):
        moved[axis] += shift
    pieces = []
    for axis, n in enumerate(array.shape):
        by = moved[axis] % n if n else 0
        pieces.append([(slice(by, n), slice(0, n - by)), (slice(0, by), slice(n - by, n))][: 2 if by else 1])
    rolled = allocate(array.shape, array.dtype)
    for piece in itertools.product(*pieces):
        there, here = zip(*piece)
        copy_into(rolled[there], array[here])
    return rolled


def _roll_rule(shifts: int | tuple, dims: int | tuple | None, needs: Needs, grad: Tensor) -> Gradients:
    return (roll(grad, -shifts if isinstance(shifts, int) else tuple([-n for n in shifts]), dims),)


ROLL = define("roll", "RollBackward0", derivative=_roll_rule, results=as_first, lowering=_rolled)


def meshgrid(*tensors: Tensor, indexing: str | None = None) -> tuple[Tensor, ...]:
    """Coordinates of a grid from those of its axes; `indexing` is "ij" or "xy"."""
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tuple(tensors[0])
    shape = tuple(memory(t).size for t in tensors)
    grids = [expand(reshape(t, [-1 if i == a else 1 for i in range(len(shape))]), shape) for a, t in enumerate(tensors)]
    return tuple(transpose(g, 0, 1) for g in grids) if indexing == "xy" and len(shape) > 1 else tuple(grids)
