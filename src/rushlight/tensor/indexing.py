"""Indexing: `x[...]` and `x[...] = value`, basic and advanced.

In: ints, slices, None, ..., bools, lists and tensors. Out: a view for a basic index, a copy for an advanced one. As in
PyTorch the ints and slices are applied first, the tensors to what is left; NumPy would broadcast the ints with them.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from rushlight.autograd.graph import Gradients, Needs, record
from rushlight.autograd.modes import mode
from rushlight.autograd.version import version_of
from rushlight.backends.array import ARRAYS, Array, taken_shape
from rushlight.core.errors import message
from rushlight.runtime.allocation import check_axes, zeros_beside
from rushlight.tensor.change import change, check_writeable
from rushlight.tensor.core import Tensor, memory, wrap, wrap_view
from rushlight.tensor.numerics import quiet
from rushlight.tensor.operands import is_number, number_in_dtype


def get(self: Tensor, index: object) -> Tensor:
    """The part of the tensor at `index`."""
    basic, advanced = parse(index, memory(self).shape)
    result = _view(self, basic)
    return result if advanced is None else take(result, advanced)


def _view(self: Tensor, basic: tuple) -> Tensor:
    array = memory(self)
    result = wrap_view(array[basic], self)
    ints = any(type(item) is int for item in basic)
    record("SelectBackward0" if ints else "SliceBackward0", result, (self,), partial(_view_rule, array.shape, basic))
    return result


def _view_rule(shape: tuple[int, ...], basic: tuple, needs: Needs, grad: Tensor) -> Gradients:
    return (scatter_into_zeros(grad, shape, basic),)


def scatter_into_zeros(part: Tensor, shape: tuple[int, ...], basic: tuple) -> Tensor:
    """Zeros of `shape` with `part` at a basic index; the adjoint of taking that part."""
    whole = zeros_beside(part._array, shape, part._array.dtype)
    whole[basic] = part._array
    result = wrap(whole)
    record("SliceBackward0", result, (part,), lambda needs, grad: (_part(grad, basic),))
    return result


def _part(whole: Tensor, basic: tuple) -> Tensor:
    return _view(whole, basic)


def take(self: Tensor, advanced: tuple) -> Tensor:
    """The elements at an advanced index, copied."""
    taken = self._array[advanced]  # NumPy may put the indexed axes last in memory
    result = wrap(np.asarray(taken, order="C") if type(taken) is np.ndarray else taken)
    record("IndexBackward0", result, (self,), partial(_take_rule, self._array.shape, advanced))
    return result


def _take_rule(shape: tuple[int, ...], advanced: tuple, needs: Needs, grad: Tensor) -> Gradients:
    return (_add_into_zeros(grad, shape, advanced),)


def _add_into_zeros(part: Tensor, shape: tuple[int, ...], advanced: tuple) -> Tensor:
    whole = zeros_beside(part._array, shape, part._array.dtype)
    np.add.at(whole, advanced, part._array)
    result = wrap(whole)
    record("IndexPutBackward0", result, (part,), lambda needs, grad: (take(grad, advanced),))
    return result


# -- reading an index


def parse(index: object, shape: tuple[int, ...]) -> tuple[tuple, tuple | None]:
    """An index as two for NumPy: a basic one, and an advanced one for what that gives (None if there is none)."""
    if type(index) is int:
        return (_checked(index, 0, shape), ...), None
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
        axis = _place(item, axis, shape, basic, advanced)
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
    places = [i for i, item in enumerate(items) if item is Ellipsis]
    if len(places) > 1:
        raise IndexError("an index can only have a single ellipsis ('...')")
    at = places[0] if places else len(items)
    items[at : at + len(places)] = [slice(None)] * missing


def _place(item: object, axis: int, shape: tuple[int, ...], basic: list, advanced: list) -> int:
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
    if not (mode.enabled and (self.requires_grad or value.requires_grad)):
        check_writeable(self)
        target = self._array[basic]
        target[... if advanced is None else advanced] = _fitting(value, target, advanced)
        version_of(self).bump()
        return
    if advanced is not None and all(item is Ellipsis or item == slice(None) for item in basic):
        change(self, _with_part, advanced, value)
    else:
        change(_view(self, basic), _with_part, ... if advanced is None else advanced, value)


def _as_value(self: Tensor, value: object) -> Tensor:
    if isinstance(value, Tensor):
        return value
    if is_number(value):
        return wrap(number_in_dtype(value, self.dtype))
    if isinstance(value, np.ndarray) and value.ndim == 0:
        return wrap(value)
    raise TypeError(f"can't assign a {type(value).__name__} to a torch.{self.dtype.name} tensor")


def _fitting(value: Tensor, target: np.ndarray, advanced: tuple | None) -> np.ndarray:
    """The value's array in a shape that broadcasts to the part; RuntimeError where it does not."""
    shape = target.shape if advanced is None or advanced is Ellipsis else _shape_of_part(target, advanced)
    array = value._array
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


def _shape_of_part(target: np.ndarray, advanced: tuple) -> tuple[int, ...]:
    return taken_shape(target.shape, advanced)


def _with_part(self: Tensor, advanced: object, value: Tensor) -> Tensor:
    """A copy of the tensor with the part at an index replaced."""
    whole = self._array.copy()
    whole[advanced] = _fitting(value, whole, advanced)
    result = wrap(whole)
    name = "CopyBackwards" if advanced is Ellipsis else "IndexPutBackward0"
    record(name, result, (self, value), partial(_with_part_rule, advanced))
    return result


def _with_part_rule(advanced: object, needs: Needs, grad: Tensor) -> Gradients:
    of_self = of_value = None
    if needs[0]:
        zero = wrap(zeros_beside(grad._array, (), grad._array.dtype))
        of_self = wrap(np.zeros_like(grad._array)) if advanced is Ellipsis else _with_part(grad, advanced, zero)
    if needs[1]:
        of_value = grad if advanced is Ellipsis else take(grad, advanced)
    return of_self, of_value


def index_put(self: Tensor, indices: tuple, values: Tensor, accumulate: bool = False) -> Tensor:
    """A copy with the elements at `indices` replaced, or added to."""
    if self.is_meta and any(isinstance(item, Tensor) and item._array.dtype == np.bool_ for item in indices):
        return self.clone()  # which elements are meant need not be known
    basic, advanced = parse(tuple(indices), self._array.shape)
    if not accumulate:
        return _with_part(self, advanced if advanced is not None else basic, values)
    return self + _add_into_zeros(values.expand(_shape_of_part(self._array, advanced)), self._array.shape, advanced)


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
