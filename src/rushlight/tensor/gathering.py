"""Elements by index along an axis: gather, scatter, index_select, index_add and their like.

In: a tensor and indices. Out: a new tensor, recorded. gather and scatter_add are each other's gradients, and so are
index_select and index_add.
"""

from __future__ import annotations

import numpy as np

from rushlight.autograd.graph import record
from rushlight.autograd.operation import Gradients, Needs, define
from rushlight.core import dtypes
from rushlight.core.errors import message
from rushlight.core.memory import worded
from rushlight.rules.results import Layout, Layouts, as_first
from rushlight.runtime.allocation import zeros_beside
from rushlight.tensor.core import Tensor, memory, wrap, wrap_beside
from rushlight.tensor.indexing import scatter_into_zeros
from rushlight.tensor.layout import check_dim
from rushlight.tensor.numerics import quiet
from rushlight.tensor.operands import array_in_dtype, number_in_dtype, word
from rushlight.tensor.ordering import unique
from rushlight.tensor.selection import where
from rushlight.tensor.shape import ravel
from rushlight.tensor.size import carried

# -- by index along an axis


def _vector(array: np.ndarray) -> np.ndarray:
    """An array with axes: a 0-dim tensor is, along its axis 0, a vector of one."""
    return array if array.ndim else array.reshape(1)


def _sizes(tensor: Tensor) -> tuple[int, ...]:
    """The shape, of a 0-dim tensor that of a vector of one."""
    return memory(tensor).shape or (1,)


def _check_index(index: Tensor, size: int, name: str) -> None:
    array = memory(index)
    if array.dtype not in (np.int64, np.int32):
        raise RuntimeError(message(f"{name}(): Expected dtype int64 for index", f"got {index.dtype}", fix=".long()"))
    if type(array) is np.ndarray and array.size and (int(array.min()) < 0 or int(array.max()) >= size):
        wrong = int(array.min()) if int(array.min()) < 0 else int(array.max())
        raise RuntimeError(f"index {wrong} is out of bounds for dimension with size {size}\n{name}")


def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """The entries of one axis at these indices, copied."""
    at = check_dim(dim, memory(input).ndim)
    if memory(index).ndim > 1:
        raise IndexError("index_select(): Index is supposed to be a vector")
    try:
        _check_index(index, _sizes(input)[at], "index_select")
    except RuntimeError as error:
        if "bounds" not in str(error):
            raise
        raise IndexError("index out of range in self") from None
    result = wrap(_entries(input._array, index._array, at))
    record(INDEX_SELECT, (at,), result, (input, index), (index,))
    return result


def _entries(array: np.ndarray, index: np.ndarray, at: int) -> np.ndarray:
    found = np.take(_vector(array), _vector(index).astype(np.intp, copy=False), axis=at)
    return found if array.ndim else found.reshape(())


def _index_select_rule(dim: int, needs: Needs, grad: Tensor, index: Tensor) -> Gradients:
    return (index_add(_zeros(grad, needs[0]), dim, index, grad),)


def _zeros(grad: Tensor, layout: Layout) -> Tensor:
    """Zeros of the shape of an input, in the dtype of the gradient."""
    return wrap(zeros_beside(memory(grad), layout[0], memory(grad).dtype))


def _entries_layout(inputs: Layouts, at: int) -> list[Layout]:
    (shape, kind), (entries, _) = inputs
    return [((*shape[:at], *(entries or (1,)), *shape[at + 1 :]) if shape else (), kind)]


INDEX_SELECT = define(
    "index_select",
    "IndexSelectBackward0",
    derivative=_index_select_rule,
    results=_entries_layout,
    lowering=_entries,
    differentiable=1,
)


def index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: float = 1) -> Tensor:
    """A copy with the entries of `source` added at these indices of one axis."""
    at = check_dim(dim, memory(input).ndim)
    _check_index_add(input, at, index, source)
    _check_index(index, _sizes(input)[at], "index_add")
    result = wrap(_entries_added(input._array, source._array, index._array, at, alpha))
    record(INDEX_ADD, (at, alpha), result, (input, source, index), (index,))
    return result


@worded
def _entries_added(array: np.ndarray, source: np.ndarray, index: np.ndarray, at: int, alpha: float) -> np.ndarray:
    total = array.copy()
    view = np.moveaxis(_vector(total), at, 0)
    added = np.moveaxis(_vector(source), at, 0)
    added = added if alpha == 1 else added * number_in_dtype(alpha, dtypes.of_numpy(source.dtype))
    quiet(np.add.at, view, _vector(index).astype(np.intp, copy=False), added)
    return total


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


def _index_add_rule(dim: int, alpha: float, needs: Needs, grad: Tensor, index: Tensor) -> Gradients:
    picked = index_select(grad, dim, index) if needs[1] else None
    return grad, picked if picked is None or alpha == 1 else picked * alpha


INDEX_ADD = define(
    "index_add",
    "IndexAddBackward0",
    derivative=_index_add_rule,
    results=as_first,
    lowering=_entries_added,
    differentiable=2,
)


@worded
def _grid(index: np.ndarray, dim: int) -> tuple[np.ndarray, ...]:
    """NumPy's index for "this axis by `index`, the others by position"."""
    index = _vector(index).astype(np.intp, copy=False)
    grid = list(np.ogrid[tuple(slice(n) for n in index.shape)])
    grid[dim] = index
    return tuple(grid)


def _check_index_shape(name: str, input: Tensor, dim: int, index: Tensor, source: Tensor | None = None) -> None:
    index_sizes = _vector(index._array).shape
    for word_, tensor in (("input" if name == "gather" else "self", input), ("src", source)):
        if tensor is not None and _vector(tensor._array).ndim != len(index_sizes):
            raise RuntimeError(f"Index tensor must have the same number of dimensions as {word_} tensor")
    if source is not None and source.dtype is not input.dtype:
        raise RuntimeError(f"{name}(): Expected self.dtype to be equal to src.dtype")
    sizes = _vector(input._array).shape
    limits = index_sizes if source is None else _vector(source._array).shape
    for axis, n in enumerate(index_sizes):
        if (axis != dim and n > sizes[axis]) or n > limits[axis]:
            raise RuntimeError(
                f"Size does not match at dimension {axis} expected index {list(index.shape)} to be no larger than self "
                f"{list(input.shape)} apart from dimension {dim}"
                + ("" if source is None else f" and to be no larger size than src {list(source.shape)}")
            )


def gather(input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False) -> Tensor:
    """For each position of `index`, the element of `input` there, with the axis `dim` replaced by the index."""
    at = check_dim(dim, memory(input).ndim)
    if memory(index).size:  # else it may be of any dtype and rank
        _check_index_shape("gather", input, at, index)
        _check_index(index, _sizes(input)[at], "gather")
    result = wrap(_gathered(input._array, index._array, at))
    record(GATHER, (at,), result, (input, index), (index,))
    return result


def _gathered(array: np.ndarray, index: np.ndarray, at: int) -> np.ndarray:
    if not index.size:
        return zeros_beside(array, index.shape, array.dtype)
    return _vector(array)[_grid(index, at)].reshape(index.shape)


def _gather_rule(dim: int, needs: Needs, grad: Tensor, index: Tensor) -> Gradients:
    return (scatter_add(_zeros(grad, needs[0]), dim, index, grad),)


GATHER = define(
    "gather",
    "GatherBackward0",
    derivative=_gather_rule,
    results=lambda inputs, at: [(inputs[1][0], inputs[0][1])],
    lowering=_gathered,
    differentiable=1,
)


def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """A copy with each element of `src` added where `index` says; the reverse of `gather`."""
    at = check_dim(dim, memory(input).ndim)
    _check_scattered(input, at, index, src)
    result = wrap(_scatter_added(input._array, src._array, index._array, at))
    record(SCATTER_ADD, (at,), result, (input, src, index), (index,))
    return result


def _scatter_added(array: np.ndarray, source: np.ndarray, index: np.ndarray, at: int) -> np.ndarray:
    return _scattered(array, source, index, at, None, "add")


def _scatter_add_rule(dim: int, needs: Needs, grad: Tensor, index: Tensor) -> Gradients:
    return grad, _padded(gather(grad, dim, index), needs[1][0]) if needs[1] else None


SCATTER_ADD = define(
    "scatter_add",
    "ScatterAddBackward0",
    derivative=_scatter_add_rule,
    results=as_first,
    lowering=_scatter_added,
    differentiable=2,
)


def _padded(grad: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Zeros behind each axis, where `src` was larger than the index."""
    if memory(grad).shape == shape:
        return grad
    return scatter_into_zeros(grad, shape, tuple([slice(n) for n in memory(grad).shape]))


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
    at = check_dim(dim, memory(input).ndim)
    source, number = (src, value) if isinstance(src, Tensor) else (None, value if src is None else src)
    _check_scattered(input, at, index, source)
    given = (input, source, index)
    arrays = [None if tensor is None else tensor._array for tensor in given]
    result = wrap(_scattered(*arrays, at, number, reduce))
    row = SCATTER_REDUCE if reduce is not None else SCATTER_NUMBER if source is None else SCATTER
    record(row, (at, number, reduce), result, given, (index,))
    return result


_REDUCTIONS = {"add": np.add, "multiply": np.multiply}


def _check_scattered(input: Tensor, dim: int, index: Tensor, source: Tensor | None) -> None:
    if memory(index).size:
        _check_index_shape("scatter", input, dim, index, source)
        _check_index(index, _sizes(input)[dim], "scatter")


@worded
def _scattered(
    array: np.ndarray,
    source: np.ndarray | None,
    index: np.ndarray,
    at: int,
    number: float | None,
    reduce: str | None,
) -> np.ndarray:
    """A copy with numbers put, or added or multiplied, where the index says; as it is for an empty index."""
    result = array.copy()
    if not index.size:
        return result
    total, grid = _vector(result), _grid(index, at)
    if source is None:
        part = number_in_dtype(number, dtypes.of_numpy(array.dtype))
    else:
        part = _vector(source)[tuple([slice(n) for n in _vector(index).shape])]
    if reduce is None:
        total[grid] = part
    else:
        quiet(_REDUCTIONS[reduce].at, total, grid, part)
    return result


def _scatter_rule(dim: int, number: None, reduce: None, needs: Needs, grad: Tensor, index: Tensor) -> Gradients:
    of_input = scatter(grad, dim, index, 0.0) if needs[0] else None
    return of_input, _padded(gather(grad, dim, index), needs[1][0]) if needs[1] else None


def _scatter_number_rule(dim: int, number: float, reduce: None, needs: Needs, grad: Tensor, index: Tensor) -> Gradients:
    return (scatter(grad, dim, index, 0.0),)


def _not_differentiable(*told: object) -> Gradients:
    raise RuntimeError(message("derivative for aten::scatter is not implemented", fix="scatter_add, or no reduce"))


_of_scatter = {"results": as_first, "lowering": _scattered}
SCATTER = define("scatter", "ScatterBackward0", derivative=_scatter_rule, **_of_scatter, differentiable=2)
SCATTER_NUMBER = define(
    "scatter.value", "ScatterBackward1", derivative=_scatter_number_rule, **_of_scatter, differentiable=1
)
SCATTER_REDUCE = define(
    "scatter.reduce", "ScatterBackward0", derivative=_not_differentiable, **_of_scatter, differentiable=2
)


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
    sizes, index_sizes = input._array.shape, indices._array.shape
    if len(sizes) != len(index_sizes):
        raise RuntimeError(
            "torch.take_along_dim(): input and indices should have the same number of dimensions, "
            f"but got {len(sizes)} dimensions for input, and {len(index_sizes)} dimensions for indices"
        )
    at = check_dim(dim, len(sizes))
    if not sizes:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    if not indices.is_cpu or (indices._array.size and indices._array.min() < 0):
        indices = where(indices < 0, indices + sizes[at], indices)
    common = np.broadcast_shapes(sizes[:at] + (1,) + sizes[at + 1 :], index_sizes[:at] + (1,) + index_sizes[at + 1 :])
    seen, index_sizes = ([*common[:at], shape[at], *common[at + 1 :]] for shape in (sizes, index_sizes))
    return gather(input.expand(seen), at, indices.expand(index_sizes))


def index_fill(input: Tensor, dim: int, index: Tensor, value: float | Tensor) -> Tensor:
    """A copy with the entries at these indices of one axis set to a value."""
    at = check_dim(dim, memory(input).ndim)
    if memory(index).dtype != np.int64:
        raise IndexError("index_fill_(): Expected dtype int64 for index.")
    if memory(index).ndim > 1:
        raise IndexError(f"index_fill_(): Index is supposed to be a vector, but got dim: {memory(index).ndim}")
    tensor, number = (value, None) if isinstance(value, Tensor) else (None, value)
    if tensor is not None and memory(tensor).ndim:
        raise RuntimeError(
            "index_fill_ only supports a 0-dimensional value tensor, but got tensor with "
            f"{memory(tensor).ndim} dimension(s)."
        )
    given = (input, tensor, index)
    result = wrap(_entries_filled(*[None if t is None else t._array for t in given], at, number))
    record(INDEX_FILL if tensor is None else INDEX_FILL_TENSOR, (at, number), result, given, (index,))
    return result


def _entries_filled(
    array: np.ndarray, value: np.ndarray | None, index: np.ndarray, at: int, number: float | None
) -> np.ndarray:
    result = array.copy()
    value = array_in_dtype(number if value is None else value, dtypes.of_numpy(array.dtype))
    _vector(result)[(slice(None),) * at + (_vector(index),)] = value
    return result


def _index_fill_rule(dim: int, number: float, needs: Needs, grad: Tensor, index: Tensor) -> Gradients:
    return (index_fill(grad, dim, index, 0),)


def _index_fill_tensor_rule(dim: int, number: None, needs: Needs, grad: Tensor, index: Tensor) -> Gradients:
    of_input = index_fill(grad, dim, index, 0) if needs[0] else None
    return of_input, index_select(grad, dim, unique(index)).sum() if needs[1] else None


_of_fill = {"results": as_first, "lowering": _entries_filled}
INDEX_FILL = define("index_fill", "IndexFillBackward0", derivative=_index_fill_rule, **_of_fill, differentiable=1)
INDEX_FILL_TENSOR = define(
    "index_fill.tensor", "IndexFillBackward1", derivative=_index_fill_tensor_rule, **_of_fill, differentiable=2
)


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
        return _repeated(repeats if input is None else input, None)
    source = ravel(input) if dim is None else input
    at = 0 if dim is None else check_dim(dim, memory(source).ndim)
    if isinstance(repeats, Tensor) and repeats.is_meta and output_size is not None:
        return index_select(source, at, repeats.new_empty(output_size, dtype=dtypes.int64))
    length = memory(source).shape[at]
    if isinstance(repeats, Tensor):
        indices = _repeated(repeats, length)
    else:
        indices = wrap_beside(np.repeat(np.arange(length), repeats), source)
    if output_size is not None and output_size != memory(indices).size:
        raise RuntimeError(
            f"repeat_interleave: Invalid output_size, expected {memory(indices).size} but got {output_size}"
        )
    return index_select(source, at, indices)


def _repeated(counts: Tensor, length: int | None) -> Tensor:
    """The numbers below `length` (None: that of the counts), each so often as counted."""
    result = wrap(_counted_out(counts._array, length))
    record(REPEAT_INTERLEAVE, (length,), result, (counts,))
    return result


def _counted_out(counts: np.ndarray, length: int | None) -> np.ndarray:
    found = np.repeat(np.arange(counts.size if length is None else length), carried(counts, "cpu"))
    return found if type(counts) is np.ndarray else counts.backend.from_host(found)


REPEAT_INTERLEAVE = define("repeat_interleave", "", derivative=None, results=None, lowering=_counted_out)


def repeat_interleave_method(
    self: Tensor, repeats: int | Tensor, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """Each element along an axis several times, one after the other."""
    return repeat_interleave(self, repeats, dim, output_size=output_size)
