"""Indexing: `x[...]` and `x[...] = value`, basic and advanced.

In: ints, slices, None, ..., bools, lists and tensors. Out: a view for a basic index, a copy for an advanced one. As in
PyTorch the ints and slices are applied first, the tensors to what is left; NumPy would broadcast the ints with them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rushlight.autograd.graph import record
from rushlight.autograd.modes import mode
from rushlight.autograd.operation import Gradients, Needs, define
from rushlight.autograd.version import bump
from rushlight.backends.array import ARRAYS, Array, taken_shape
from rushlight.core.errors import message
from rushlight.rules.results import TENSOR, as_first, indexed, of_shape
from rushlight.runtime.allocation import check_axes, zeros_beside
from rushlight.tensor.change import change, check_writeable
from rushlight.tensor.copying import COPY, with_axes_of
from rushlight.tensor.core import Tensor, memory, wrap, wrap_view
from rushlight.tensor.numerics import quiet
from rushlight.tensor.operands import is_number, number_in_dtype, word


def get(self: Tensor, index: object) -> Tensor:
    """The part of the tensor at `index`."""
    basic, advanced = parse(index, memory(self).shape)
    if advanced is None:
        return view_at(self, basic)
    return take(self if _is_whole(basic) else view_at(self, basic), advanced)


def _is_whole(basic: tuple) -> bool:
    return basic.count(_ALL) == len(basic) - 1  # the last is ...


_ALL = slice(None)


def view_at(self: Tensor, basic: tuple) -> Tensor:
    """The part of the tensor at a basic index, as a view."""
    result = wrap_view(memory(self)[basic], self)
    record(SELECT if int in map(type, basic) else SLICE, (_plain(basic),), result, (self,))
    return result


def _at(array: np.ndarray, *arrays_and_index: object) -> np.ndarray:
    *arrays, index = arrays_and_index
    found = array[_together(index, arrays)]
    if not arrays:
        return found
    return np.asarray(found, order="C") if type(found) is np.ndarray else found  # NumPy may put indexed axes last


def _view_rule(index: tuple, needs: Needs, grad: Tensor) -> Gradients:
    return (_into_zeros(grad, needs[0][0], index),)


def scatter_into_zeros(part: Tensor, shape: tuple[int, ...], basic: tuple) -> Tensor:
    """Zeros of `shape` with `part` at a basic index; the adjoint of taking that part."""
    return _into_zeros(part, shape, _plain(basic))


def _into_zeros(part: Tensor, shape: tuple[int, ...], index: tuple) -> Tensor:
    result = wrap(_in_zeros(part._array, shape, index))
    record(SLICE_BACKWARD, (shape, index), result, (part,))
    return result


def _in_zeros(part: np.ndarray, shape: tuple[int, ...], index: tuple) -> np.ndarray:
    whole = zeros_beside(part, shape, part.dtype)
    whole[_together(index)] = part
    return whole


SELECT, SLICE = (
    define(name, f"{name.title()}Backward0", derivative=_view_rule, results=indexed, lowering=_at)
    for name in ("select", "slice")
)
SLICE_BACKWARD = define(
    "slice_backward",
    "SliceBackward0",
    derivative=lambda shape, index, needs, grad: (view_at(grad, _together(index)),),
    results=of_shape,
    lowering=_in_zeros,
)


def take(self: Tensor, advanced: tuple) -> Tensor:
    """The elements at an advanced index, copied."""
    return _take(self, *_apart(advanced))


def _take(self: Tensor, index: tuple, tensors: tuple[Tensor, ...]) -> Tensor:
    result = wrap(_at(self._array, *[tensor._array for tensor in tensors], index))
    record(INDEX, (index,), result, (self, *tensors), tensors)
    return result


def add_into_zeros(part: Tensor, shape: tuple[int, ...], advanced: tuple) -> Tensor:
    """Zeros of `shape` with `part` added at an advanced index; the adjoint of taking that part."""
    return _add_into_zeros(part, shape, *_apart(advanced))


def _take_rule(index: tuple, needs: Needs, grad: Tensor, *tensors: Tensor) -> Gradients:
    return (_add_into_zeros(grad, needs[0][0], index, tensors),)


def _add_into_zeros(part: Tensor, shape: tuple[int, ...], index: tuple, tensors: tuple[Tensor, ...]) -> Tensor:
    result = wrap(_added_in_zeros(part._array, *[tensor._array for tensor in tensors], shape, index))
    record(INDEX_BACKWARD, (shape, index), result, (part, *tensors), tensors)
    return result


def _added_in_zeros(part: np.ndarray, *arrays_and_attributes: object) -> np.ndarray:
    *arrays, shape, index = arrays_and_attributes
    whole = zeros_beside(part, shape, part.dtype)
    np.add.at(whole, _together(index, arrays), part)
    return whole


INDEX = define("index", "IndexBackward0", derivative=_take_rule, results=indexed, lowering=_at, differentiable=1)
INDEX_BACKWARD = define(
    "index_backward",
    "IndexPutBackward0",
    derivative=lambda shape, index, needs, grad, *tensors: (_take(grad, index, tensors),),
    results=of_shape,
    lowering=_added_in_zeros,
    differentiable=1,
)


# -- an index as a value


def _plain(basic: tuple) -> tuple:
    """A basic index of NumPy's as an attribute: its slices are tuples."""
    return tuple([(i.start, i.stop, i.step) if type(i) is slice else i for i in basic])


def _apart(index: tuple) -> tuple[tuple, tuple[Tensor, ...]]:
    """An advanced index as an attribute, and its arrays as tensors."""
    plain, tensors = [], []
    for item in index:
        if type(item) is slice:
            plain.append((item.start, item.stop, item.step))
        elif item is None or item is Ellipsis or type(item) is int:
            plain.append(item)
        else:
            plain.append(TENSOR)
            tensors.append(wrap(item))
    return tuple(plain), tuple(tensors)


def _together(index: tuple, arrays: Sequence[np.ndarray] = ()) -> tuple:
    """The index for NumPy."""
    rest = iter(arrays)
    return tuple([slice(*i) if type(i) is tuple else next(rest) if i == TENSOR else i for i in index])


# -- reading an index


def parse(index: object, shape: tuple[int, ...]) -> tuple[tuple, tuple | None]:
    """An index as two for NumPy: a basic one, and an advanced one for what that gives (None if there is none)."""
    if type(index) is int:
        return (_checked(index, 0, shape), ...), None
    if type(index) is slice and shape:
        return (_checked_slice(index), ...), None
    items = list(index) if isinstance(index, tuple) else [index]
    items = [_as_item(item) for item in items]
    used = sum(_consumes(item) for item in items)
    if used > len(shape):
        raise IndexError(f"too many indices for tensor of dimension {len(shape)}")
    _put_ellipsis(items, len(shape) - used)
    basic: list = []
    advanced: list = []
    axis = 0
    for item in items:
        axis = _add_item(item, axis, shape, basic, advanced)
    check_axes(len(shape) + basic.count(None) - sum(type(item) is int for item in basic))
    basic.append(...)  # so that NumPy gives a 0-dim view, not a scalar
    any_advanced = any(isinstance(item, ARRAYS) for item in advanced)
    return tuple(basic), tuple(advanced) if any_advanced else None


def _as_item(item: object) -> object:
    """An int, slice, None, ..., or an array of ints or bools."""
    if item is None or item is Ellipsis or isinstance(item, (slice, bool)):
        return item
    if isinstance(item, Tensor):
        item = item._array
    elif isinstance(item, (list, range)):
        item = np.asarray([_as_number(entry) for entry in item]) if len(item) else np.zeros(0, np.int64)
    if isinstance(item, ARRAYS):
        return _index_array(item)
    if hasattr(item, "__index__"):
        return item.__index__()
    raise (TypeError if isinstance(item, str) else IndexError)(
        message(
            f"only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices (got "
            f"{type(item).__name__})"
        )
    )


def _as_number(entry: object) -> object:
    if isinstance(entry, Tensor):
        return entry._array
    return [_as_number(e) for e in entry] if isinstance(entry, (list, tuple)) else entry


def _index_array(array: np.ndarray) -> object:
    if array.dtype == np.uint8:
        array = array.astype(np.bool_)
    if array.dtype.kind not in "iub":
        raise IndexError(
            f"tensors used as indices must be long, int, byte or bool tensors\ngot {array.dtype}; Try: .long()"
        )
    if array.ndim == 0:
        return bool(array) if array.dtype == np.bool_ else int(array)
    return array


def _consumes(item: object) -> int:
    """How many axes of the tensor an item speaks of."""
    if item is None or item is Ellipsis or isinstance(item, bool):
        return 0
    return item.ndim if isinstance(item, ARRAYS) and item.dtype == np.bool_ else 1


def _put_ellipsis(items: list, missing: int) -> None:
    ellipses = [i for i, item in enumerate(items) if item is Ellipsis]
    if len(ellipses) > 1:
        raise IndexError("an index can only have a single ellipsis ('...')")
    at = ellipses[0] if ellipses else len(items)
    items[at : at + len(ellipses)] = [slice(None)] * missing


def _add_item(item: object, axis: int, shape: tuple[int, ...], basic: list, advanced: list) -> int:
    """Write one item into both indices; returns the next axis."""
    if item is None:
        basic.append(None)
        advanced.append(slice(None))
        return axis
    if isinstance(item, bool):
        basic.append(None)
        advanced.append(np.zeros(int(item), np.intp))
        return axis
    if isinstance(item, slice):
        basic.append(_checked_slice(item))
        advanced.append(slice(None))
        return axis + 1
    if isinstance(item, ARRAYS):
        arrays = _axes_of_mask(item, axis, shape) if item.dtype == np.bool_ else (_wrapped(item, axis, shape),)
        basic.extend([slice(None)] * len(arrays))
        advanced.extend(arrays)
        return axis + len(arrays)
    basic.append(_checked(item, axis, shape))
    return axis + 1


def _checked(item: int, axis: int, shape: tuple[int, ...]) -> int:
    if not shape:
        raise IndexError("invalid index of a 0-dim tensor. Use `tensor.item()` to convert it to a number")
    if not -shape[axis] <= item < shape[axis]:
        raise IndexError(f"index {item} is out of bounds for dimension {axis} with size {shape[axis]}")
    return item


def _checked_slice(item: slice) -> slice:
    if item == _ALL:
        return item
    parts = [p if p is None else int(p) for p in (item.start, item.stop, item.step)]
    if parts[2] is not None and parts[2] <= 0:
        sentence = "slice step cannot be zero" if parts[2] == 0 else "step must be greater than zero"
        raise ValueError(message(sentence, fix="x.flip(dim) to go backwards"))
    return slice(*parts)


def _wrapped(item: np.ndarray, axis: int, shape: tuple[int, ...]) -> np.ndarray:
    if type(item) is Array:  # whose numbers are looked at where it is used
        return item.astype(np.intp)
    if item.size and not -shape[axis] <= int(item.min()) <= int(item.max()) < shape[axis]:
        wrong = int(item.max()) if int(item.max()) >= shape[axis] else int(item.min())
        raise IndexError(f"index {wrong} is out of bounds for dimension {axis} with size {shape[axis]}")
    return item.astype(np.intp)


def _axes_of_mask(mask: np.ndarray, axis: int, shape: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    for offset, n in enumerate(mask.shape):
        if n != shape[axis + offset]:
            raise IndexError(
                f"The shape of the mask {list(mask.shape)} at index {offset} does not match the shape of the indexed "
                f"tensor {list(shape)} at index {axis + offset}"
            )
    return mask.nonzero()


# -- writing


def put(self: Tensor, index: object, value: Tensor | float) -> None:
    """Set the part of the tensor at `index`; the value is broadcast and cast."""
    value = _as_value(self, value)
    if isinstance(index, Tensor) and index.is_meta and index._array.dtype == np.bool_ and not value._array.ndim:
        self.masked_fill_(index, value)  # which numbers change need not be known
        return
    basic, advanced = parse(index, self._array.shape)
    if mode.watcher is None and not (mode.enabled and (self.requires_grad or value.requires_grad)):
        check_writeable(self)
        target = self._array[basic]
        target[... if advanced is None else advanced] = _fitting(value._array, target, advanced)
        bump(self)
        return
    part = self if _is_whole(basic) else view_at(self, basic)
    change(part, _with_part, ... if advanced is None else advanced, value)


def _as_value(self: Tensor, value: object) -> Tensor:
    if isinstance(value, Tensor):
        return value
    if is_number(value):
        return wrap(number_in_dtype(value, self.dtype))
    if isinstance(value, np.ndarray) and value.ndim == 0:
        return wrap(value)
    raise TypeError(f"can't assign a {type(value).__name__} to a torch.{self.dtype.name} tensor")


def _fitting(array: np.ndarray, target: np.ndarray, advanced: tuple | None) -> np.ndarray:
    """A value's array in a shape that broadcasts to the part; RuntimeError where it does not."""
    shape = target.shape if advanced is None or advanced is Ellipsis else taken_shape(target.shape, advanced)
    while array.ndim > len(shape) and array.shape[0] == 1:
        array = array[0]
    if array.ndim > len(shape) or any(a not in (1, b) for a, b in zip(array.shape[::-1], shape[::-1])):
        if advanced is None or advanced is Ellipsis:
            raise RuntimeError(_does_not_expand(array.shape, shape))
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(array.shape)} cannot be broadcast to indexing result of "
            f"shape {list(shape)}"
        )
    return quiet(array.astype, target.dtype, copy=False)


def _does_not_expand(have: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    facts = f"Target sizes: {list(wanted)}.  Tensor sizes: {list(have)}"
    if len(have) > len(wanted):
        return (
            f"The number of sizes provided ({len(wanted)}) must be greater or equal to the number of dimensions in the "
            f"tensor ({len(have)}).  {facts}"
        )
    lead = len(wanted) - len(have)
    axis = max(i for i, n in enumerate(have) if n not in (1, wanted[lead + i]))
    return (
        f"The expanded size of the tensor ({wanted[lead + axis]}) must match the existing size ({have[axis]}) at "
        f"non-singleton dimension {lead + axis}.  {facts}"
    )


def _with_part(self: Tensor, index: object, value: Tensor) -> Tensor:
    """A copy of the tensor with the part at an index replaced: all of it (...) or an advanced index."""
    if index is Ellipsis:
        array = self._array.copy()
        array[...] = _fitting(value._array, array, index)
        result = wrap(array)
        record(COPY, (), result, (self, value))
        return result
    return _put(self, value, *_apart(index))


def _put(self: Tensor, value: Tensor, index: tuple, tensors: tuple[Tensor, ...], accumulate: bool = False) -> Tensor:
    arrays = [tensor._array for tensor in (self, value, *tensors)]
    result = wrap(_replaced(*arrays, index, accumulate))
    record(INDEX_PUT, (index, accumulate), result, (self, value, *tensors), tensors)
    return result


def _replaced(array: np.ndarray, value: np.ndarray, *arrays_and_attributes: object) -> np.ndarray:
    *arrays, index, accumulate = arrays_and_attributes
    whole, at = array.copy(), _together(index, arrays)
    value = _fitting(value, whole, at)
    if accumulate:
        np.add.at(whole, at, value)
    else:
        whole[at] = value
    return whole


def _put_rule(index: tuple, accumulate: bool, needs: Needs, grad: Tensor, *tensors: Tensor) -> Gradients:
    of_self = of_value = None
    if needs[0]:
        zero = wrap(zeros_beside(grad._array, (), grad._array.dtype))
        of_self = grad if accumulate else _put(grad, zero, index, tensors)
    if needs[1]:
        of_value = with_axes_of(needs[1], _take(grad, index, tensors))
    return of_self, of_value


INDEX_PUT = define(
    "index_put", "IndexPutBackward0", derivative=_put_rule, results=as_first, lowering=_replaced, differentiable=2
)


def index_put(self: Tensor, indices: tuple, values: Tensor, accumulate: bool = False) -> Tensor:
    """A copy with the elements at `indices` replaced, or added to."""
    if self.is_meta and any(isinstance(item, Tensor) and item._array.dtype == np.bool_ for item in indices):
        return self.clone()  # which elements are meant need not be known
    if values.dtype is not self.dtype:
        raise RuntimeError(
            message(
                f"Index put requires the source and destination dtypes match, got {word(self.dtype)} for the "
                f"destination and {word(values.dtype)} for the source.",
                fix=f"values.to({self.dtype})",
            )
        )
    # A number is a tensor like the others, which meets them.
    indices = [item.reshape(1) if isinstance(item, Tensor) and not item.ndim else item for item in indices]
    advanced = parse(tuple(indices), self._array.shape)[1]
    return _put(self, values, *_apart(advanced or (...,)), accumulate)


def iterate(self: Tensor) -> object:
    if not self._array.ndim:
        raise TypeError("iteration over a 0-d tensor")
    return iter(self.unbind(0))


def contains(self: Tensor, element: object) -> bool:
    if not (isinstance(element, Tensor) or is_number(element)):
        raise RuntimeError(
            f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(element).__name__}."
        )
    return bool(np.any((self == element)._array))
