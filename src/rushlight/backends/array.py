"""Arrays of devices of their own: a view (shape, strides, offset) of memory that only its backend can read.

In: a `Device`, its memory, and how the elements lie there. Out: what tensors use of NumPy's arrays. Views are reckoned
here, the same for all devices; whatever computes goes to the device, through the protocols by which NumPy's functions
ask their arguments (`__array_ufunc__`, `__array_function__`). So `np.add(a, b)` of two such arrays is the device's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, Protocol

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from rushlight.rules.layout import is_contiguous
from rushlight.rules.results import TENSOR, indexed_shape

Shape = tuple[int, ...]


class Owner(Protocol):
    """What arrays and tensors ask of a device (`device.Device`): everything that needs to see its memory."""

    name: str
    has_numbers: bool

    def take(self, array: Array, index: tuple) -> Array:
        """What an advanced index takes of an array."""

    def put(self, array: Array, index: tuple, value: Any) -> None:
        """Set what an index takes of an array."""

    def cast(self, array: Array, dtype: np.dtype, order: str) -> Array:
        """The elements in another dtype, in memory of their own."""

    def number(self, array: Array) -> Any:
        """The one element, as Python's number."""

    def empty(self, shape: Shape, dtype: np.dtype, strides: Shape | None = None) -> Array:
        """An array that may hold anything."""

    def zeros(self, shape: Shape, dtype: np.dtype) -> Array:
        """An array of zeros."""

    def limits(self) -> AbstractContextManager:
        """Within it sizes are held against the device's memory."""

    def from_host(self, values: np.ndarray) -> Array:
        """A copy of an array of NumPy's."""

    def to_host(self, array: Array) -> np.ndarray:
        """The elements as an array of NumPy's."""

    def read_unasked(self, array: Array) -> np.ndarray:
        """What NumPy gets that asks for an array of its own: an error."""

    def call(self, function: Callable, args: Any, options: dict) -> Any:
        """A function of NumPy's."""


class Flags:
    """What an array's `flags` say of it."""

    __slots__ = ("c_contiguous",)
    writeable = aligned = True

    def __init__(self, c_contiguous: bool) -> None:
        self.c_contiguous = c_contiguous


class Array(NDArrayOperatorsMixin):
    """A view of a device's memory. `base` is that memory, the same object for all its views; `strides` are in bytes."""

    __slots__ = ("__weakref__", "backend", "base", "dtype", "offset", "shape", "strides")

    def __init__(
        self,
        backend: Owner,
        base: object,
        shape: Shape,
        dtype: np.dtype,
        strides: Shape | None = None,
        offset: int = 0,
    ) -> None:
        self.backend, self.base, self.shape, self.dtype, self.offset = backend, base, shape, dtype, offset
        self.strides = steps(shape, dtype.itemsize) if strides is None else strides

    # -- what it is

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    @property
    def itemsize(self) -> int:
        """Bytes an element."""
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return self.size * self.dtype.itemsize

    @property
    def flags(self) -> Flags:
        """Whether it is contiguous; it may always be written."""
        return Flags(is_contiguous(self.shape, self.strides, self.dtype.itemsize))

    def setflags(self, write: bool | None = None) -> None:
        """Nothing: it may always be written."""

    def offsets(self) -> Iterator[int]:
        """Where the elements are in the memory, counted in elements, in the order of the axes."""
        yield from _offsets(self.shape, self.strides, self.offset, self.dtype.itemsize)

    # -- views

    def seen(self, shape: Shape, strides: Shape, offset: int = 0) -> Array:
        """Another view of the same memory, which begins `offset` bytes behind this one."""
        return Array(self.backend, self.base, shape, self.dtype, strides, self.offset + offset)

    def transpose(self, *axes: Any) -> Array:
        """The axes in another order; reversed without one."""
        if len(axes) == 1 and not isinstance(axes[0], int):
            axes = tuple(axes[0]) if axes[0] is not None else ()
        order = [axis % self.ndim for axis in axes] if axes else range(self.ndim - 1, -1, -1)
        return self.seen(tuple([self.shape[i] for i in order]), tuple([self.strides[i] for i in order]))

    @property
    def T(self) -> Array:
        """The axes reversed."""
        return self.transpose()

    def swapaxes(self, a: int, b: int) -> Array:
        """Two axes exchanged."""
        order = list(range(self.ndim))
        order[a], order[b] = order[b], order[a]
        return self.transpose(order)

    def squeeze(self, axis: Any = None) -> Array:
        """Without axes of one entry: all, or those named."""
        axes = range(self.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        dropped = {a % self.ndim for a in axes}
        kept = [i for i, n in enumerate(self.shape) if n != 1 or i not in dropped]
        return self.seen(tuple([self.shape[i] for i in kept]), tuple([self.strides[i] for i in kept]))

    def reshape(self, *shape: Any, order: str = "C", copy: bool | None = None) -> Array:
        """The elements in another shape: a view where their memory allows it, else a copy (ValueError if forbidden)."""
        wanted = tuple(shape[0]) if len(shape) == 1 and not isinstance(shape[0], int) else tuple(map(int, shape))
        if -1 in wanted:
            known = -math.prod(wanted)
            wanted = tuple([self.size // known if n == -1 else n for n in wanted])
        if math.prod(wanted) != self.size:
            raise ValueError(f"cannot reshape array of size {self.size} into shape {wanted}")
        strides = reshaped(self.shape, self.strides, wanted, self.dtype.itemsize)
        if strides is not None:
            return self.seen(wanted, strides)
        if copy is False:
            raise ValueError("Unable to avoid creating a copy while reshaping.")
        return self.copy().reshape(wanted)

    def ravel(self) -> Array:
        """All axes as one."""
        return self.reshape(-1) if self.size else self.reshape(0)

    def view(self, dtype: np.dtype | None = None) -> Array:
        """The same memory, its bytes read as another dtype."""
        kind = self.dtype if dtype is None else np.dtype(dtype)
        if kind.itemsize == self.itemsize:
            return Array(self.backend, self.base, self.shape, kind, self.strides, self.offset)
        if not self.flags.c_contiguous or not self.shape or self.shape[-1] * self.itemsize % kind.itemsize:
            raise ValueError("to change to a dtype of another size, the last axis must be contiguous and come out even")
        last = self.shape[-1] * self.itemsize // kind.itemsize
        return Array(self.backend, self.base, (*self.shape[:-1], last), kind, None, self.offset)

    def __getitem__(self, index: Any) -> Array:
        index = index if isinstance(index, tuple) else (index,)
        if any(isinstance(item, ARRAYS) for item in index):
            return self.backend.take(self, index)
        return self.seen(*_indexed(self, index))

    def __setitem__(self, index: Any, value: Any) -> None:
        self.backend.put(self, index if isinstance(index, tuple) else (index,), value)

    # -- what the device does

    def astype(
        self, dtype: Any, order: str = "K", casting: str = "unsafe", subok: bool = True, copy: bool = True
    ) -> Array:
        """The elements in another dtype, in the same order of the axes; itself where it has it, unless `copy`."""
        kind = np.dtype(dtype)
        if kind == self.dtype and not copy:
            return self
        return self.backend.cast(self, kind, order)

    def copy(self, order: str = "C") -> Array:
        """A copy: contiguous, or for "K" in the same order of the axes."""
        return self.backend.cast(self, self.dtype, order)

    def fill(self, value: Any) -> None:
        """Set all elements."""
        self[...] = value

    def item(self) -> Any:
        """The one element, as Python's number."""
        return self.backend.number(self)

    def tolist(self) -> Any:
        """The elements as Python's numbers, in lists."""
        return self.backend.to_host(self).tolist()

    def tobytes(self) -> bytes:
        """The elements' bytes."""
        return self.backend.to_host(self).tobytes()

    def __bool__(self) -> bool:
        return bool(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __float__(self) -> float:
        return float(self.item())

    def __index__(self) -> int:
        return self.item().__index__()

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """TypeError, for NumPy's functions must not read a device's memory unasked: `backend.to_host` reads it."""
        return self.backend.read_unasked(self)

    def __repr__(self) -> str:
        return f"<{self.backend.name} array of shape {self.shape}, {self.dtype}>"

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        function = ufunc if method == "__call__" else getattr(ufunc, method)
        return self.backend.call(function, inputs, options)

    def __array_function__(self, function: Callable, types: Any, args: tuple, options: dict) -> Any:
        view = VIEWS.get(function)
        if view is not None and isinstance(args[0], Array):
            return view(*args, **options)
        return self.backend.call(function, args, options)


def _method(name: str) -> Callable:
    function = getattr(np, name)

    def method(self: Array, *args: Any, **options: Any) -> Any:
        return self.backend.call(function, (self, *args), options)

    method.__name__, method.__doc__ = name, f"As NumPy's `{name}`."
    return method


_METHODS = "all any argmax argmin argsort clip cumprod cumsum max mean min nonzero prod repeat round std sum take var"
for _name in _METHODS.split():
    setattr(Array, _name, _method(_name))


ARRAYS = (np.ndarray, Array)
"""What holds the elements of a tensor."""


# -- views by NumPy's functions


def _moved(a: Array, source: Any, destination: Any) -> Array:
    sources, targets = (
        [n % a.ndim for n in (v if isinstance(v, tuple | list) else (v,))] for v in (source, destination)
    )
    order = [axis for axis in range(a.ndim) if axis not in sources]
    for target, axis in sorted(zip(targets, sources)):
        order.insert(target, axis)
    return a.transpose(order)


def _with_axes(a: Array, axis: Any) -> Array:
    axes = axis if isinstance(axis, tuple) else (axis,)
    ndim = a.ndim + len(axes)
    positions = {n % ndim for n in axes}
    return a[tuple([None if i in positions else slice(None) for i in range(ndim)])]


def _flipped(m: Array, axis: Any = None) -> Array:
    axes = range(m.ndim) if axis is None else axis if isinstance(axis, tuple | list | range) else (axis,)
    flipped = {n % m.ndim for n in axes}
    return m[tuple([slice(None, None, -1) if i in flipped else slice(None) for i in range(m.ndim)])]


def _expanded(array: Array, shape: Any, subok: bool = False) -> Array:
    wanted = tuple(shape) if isinstance(shape, tuple | list) else (shape,)
    lead = len(wanted) - array.ndim
    if lead < 0 or any(n not in (1, w) for n, w in zip(array.shape, wanted[lead:])):
        raise ValueError(f"could not broadcast array of shape {array.shape} to {wanted}")
    strides = [0 if n == 1 != w else s for n, w, s in zip(array.shape, wanted[lead:], array.strides)]
    return array.seen(wanted, (*[0] * lead, *strides))


def _diagonal(a: Array, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Array:
    first, second = axis1 % a.ndim, axis2 % a.ndim
    rows, columns = a.shape[first] - max(-offset, 0), a.shape[second] - max(offset, 0)
    n = max(min(rows, columns), 0)
    start = max(-offset, 0) * a.strides[first] + max(offset, 0) * a.strides[second] if n else 0
    kept = [i for i in range(a.ndim) if i not in (first, second)]
    shape = (*[a.shape[i] for i in kept], n)
    return a.seen(shape, (*[a.strides[i] for i in kept], a.strides[first] + a.strides[second]), start)


VIEWS: dict[Callable, Callable] = {
    np.transpose: Array.transpose, np.reshape: Array.reshape, np.ravel: Array.ravel, np.squeeze: Array.squeeze,
    np.swapaxes: Array.swapaxes, np.moveaxis: _moved, np.expand_dims: _with_axes, np.flip: _flipped,
    np.broadcast_to: _expanded, np.diagonal: _diagonal,
    np.atleast_1d: lambda a: a if a.shape else a.reshape(1),
    np.ndim: lambda a: a.ndim, np.shape: lambda a: a.shape, np.size: lambda a: a.size,
}  # fmt: skip


# -- how elements lie


def steps(shape: Shape, itemsize: int) -> Shape:
    """The strides in bytes of a contiguous array.

    >>> steps((2, 3), 4)
    (12, 4)
    """
    found, step = [], itemsize
    for n in reversed(shape):
        found.append(step)
        step *= max(n, 1)
    return tuple(found[::-1])


def steps_in_order(shape: Shape, order: list[int], itemsize: int) -> Shape:
    """The strides in bytes of an array without gaps whose axes follow each other so, the last innermost."""
    found, step = [0] * len(shape), itemsize
    for axis in reversed(order):
        found[axis] = step
        step *= max(shape[axis], 1)
    return tuple(found)


def order_of(strides: Shape) -> list[int]:
    """The axes as they follow each other in memory; equal ones keep their order."""
    return sorted(range(len(strides)), key=lambda axis: -abs(strides[axis]))


def reshaped(shape: Shape, strides: Shape, wanted: Shape, itemsize: int) -> Shape | None:
    """The strides with which a view has another shape; None where there is no such view.

    >>> reshaped((4, 3), (12, 4), (2, 6), 4), reshaped((4, 3), (4, 16), (12,), 4)
    ((24, 4), None)
    """
    if 0 in wanted:
        return steps(wanted, itemsize)
    runs: list[list[int]] = []  # (entries, stride of the last) of axes that follow each other at one distance
    for n, stride in zip(shape, strides):
        if n == 1:
            continue
        if runs and runs[-1][1] == n * stride:
            runs[-1] = [runs[-1][0] * n, stride]
        else:
            runs.append([n, stride])
    found, at = [], len(wanted) - 1
    for entries, stride in reversed(runs):
        left, step = entries, stride
        while left > 1:
            if at < 0 or left % wanted[at]:
                return None
            found.append(step)
            step *= wanted[at]
            left //= wanted[at]
            at -= 1
    while at >= 0:  # what is left are axes of one entry
        found.append(found[-1] * wanted[at + 1] if found else itemsize)
        at -= 1
    return tuple(found[::-1])


def _indexed(a: Array, index: tuple) -> tuple[Shape, Shape, int]:
    """Shape, strides and offset of what a basic index takes."""
    items = list(index)
    used = sum(item is not None and item is not Ellipsis for item in items)
    rest = [slice(None)] * (a.ndim - used)
    if any(item is Ellipsis for item in items):
        at = next(i for i, item in enumerate(items) if item is Ellipsis)
        items[at : at + 1] = rest
    else:
        items += rest
    shape, strides, offset, axis = [], [], 0, 0
    for item in items:
        if item is None:
            shape.append(1)
            strides.append(0)
            continue
        n, step = a.shape[axis], a.strides[axis]
        axis += 1
        if isinstance(item, slice):
            span = range(*item.indices(n))
            shape.append(len(span))
            strides.append(step * span.step)
            offset += span.start * step if len(span) else 0
        else:
            position = item.__index__()
            if not -n <= position < n:
                raise IndexError(f"index {position} is out of bounds for axis {axis - 1} with size {n}")
            offset += position % n * step
    return tuple(shape), tuple(strides), offset


def as_array(value: Any, dtype: Any = None) -> Any:
    """A number or scalar as an array of the host, an array of whatever device as it is."""
    if type(value) is Array:
        return value if dtype is None else value.astype(dtype, copy=False)
    return np.asarray(value, dtype)


def contiguous(array: Any) -> Any:
    """The array, or a contiguous copy."""
    if type(array) is Array:
        return array if array.flags.c_contiguous else array.copy()
    return np.ascontiguousarray(array)


def found(condition: Any) -> bool:
    """Whether a condition of an error holds somewhere. Devices are not asked, for that would mean to wait for them."""
    return type(condition) is not Array and bool(np.any(condition))


def strided(array: Any, shape: Shape, strides: Shape) -> Any:
    """A view of an array's memory from its first element on; nothing is checked."""
    if type(array) is Array:
        return array.seen(tuple(shape), tuple(strides))
    return np.lib.stride_tricks.as_strided(array, shape, strides, writeable=array.flags.writeable)


def broadcast(*shapes: Shape) -> Shape:
    """The common shape; ValueError as NumPy's functions raise it."""
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        shown = " ".join(map(str, shapes))
        raise ValueError(f"operands could not be broadcast together with shapes {shown}") from None


def taken_shape(shape: Shape, index: tuple) -> Shape:
    """The shape that an advanced index of whole slices and integer arrays takes of an array."""
    plain = [(i.start, i.stop, i.step) if isinstance(i, slice) else i if i is Ellipsis else TENSOR for i in index]
    shapes = [np.shape(item) for item, word in zip(index, plain) if word is TENSOR]
    try:
        common = broadcast(*shapes)
    except ValueError:
        shown = " ".join(map(str, shapes))
        raise IndexError(
            f"shape mismatch: indexing arrays could not be broadcast together with shapes {shown}"
        ) from None
    return indexed_shape(shape, tuple(plain), common)


def _offsets(shape: Shape, strides: Shape, start: int, itemsize: int) -> Iterator[int]:
    if not shape:
        yield start // itemsize
        return
    for i in range(shape[0]):
        yield from _offsets(shape[1:], strides[1:], start + i * strides[0], itemsize)
