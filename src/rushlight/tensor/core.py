"""The Tensor: one NumPy array, and what autograd and the engines need to know about it.

In: a NumPy array (`wrap`). Out: a Tensor. The operations live in the other files of this package, one a
responsibility; `methods.py` lists which are methods, so that `x.exp()` and `rushlight.exp(x)` are one function.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rushlight.autograd import modes
from rushlight.autograd.value import STATE, Layout, Value
from rushlight.autograd.version import UNTOUCHED_INFERENCE, Version, version_of
from rushlight.backends.array import Array
from rushlight.core import dtypes
from rushlight.core.errors import message
from rushlight.tensor.guests import Watched
from rushlight.tensor.size import CPU, Size, device
from rushlight.tensor.storage import Lying, settle


class Tensor(Value):
    """A strided n-dimensional array that can be differentiated.

    Made by `rushlight.tensor`, `rushlight.zeros` and their like. `Tensor(2, 3)` is an uninitialised float tensor of
    that shape and `Tensor([1, 2])` a float tensor of those values, as in PyTorch.

    >>> import rushlight as torch
    >>> x = torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    >>> (x * x).sum().backward(); x.grad
    tensor([[2., 4.],
            [6., 8.]])
    """

    __slots__ = (
        *STATE,
        "__dict__",
        "_kept_weights",  # (writes, array, dict) of `_weights_cache`
        "_lying",  # where the numbers are while they lie in another order than the strides say, else None
        "_ordered",  # the numbers with PyTorch's strides; not set where `_lying` is
    )

    __array_priority__ = 1000  # so that `ndarray + tensor` asks the tensor

    @property
    def _array(self) -> np.ndarray:
        """The numbers, with PyTorch's strides. Hot code reads the slots."""
        return self._ordered if self._lying is None else settle(self)

    @_array.setter
    def _array(self, array: np.ndarray) -> None:
        self._ordered, self._lying = array, None

    # -- what it is

    @property
    def shape(self) -> Size:
        """The shape, a `Size`."""
        return Size(memory(self).shape)

    @property
    def dtype(self) -> dtypes.dtype:
        """The element type."""
        return dtypes._by_number[memory(self).dtype.num]

    @property
    def device(self) -> device:
        """Where its numbers are: the CPU, or a device of its own."""
        array = memory(self)
        return CPU if type(array) is np.ndarray else device(array.backend.name)

    @property
    def is_meta(self) -> bool:
        """Whether it has a shape alone, and no numbers."""
        return self.device.type == "meta"

    @property
    def is_cpu(self) -> bool:
        """Whether its numbers are on the CPU."""
        return type(memory(self)) is np.ndarray

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return memory(self).ndim

    @property
    def itemsize(self) -> int:
        """Bytes an element."""
        return memory(self).itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return memory(self).nbytes

    is_cuda = is_sparse = is_sparse_csr = is_quantized = is_mps = is_xpu = is_ipu = is_mtia = is_maia = False
    is_vulkan = is_xla = is_mkldnn = is_nested = False

    @property
    def data(self) -> Tensor:
        """The same memory without history; changes through it are not seen by autograd."""
        result = _sharing(wrap(memory(self)), self)
        version = version_of(self)
        result._memory_version = Version(version._memory or version)
        return result

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(value).__name__}")
        if self._requires_grad and value.dtype.category != dtypes.FLOATING:
            raise RuntimeError(
                message(
                    "data set to a tensor that requires gradients must be floating point or complex dtype",
                    f"the new data is {value.dtype}",
                )
            )
        version = version_of(value)
        take_memory(self, value)
        self._memory_version = Version(version._memory or version)
        self._kept_weights = None

    def detach(self) -> Tensor:
        """The same memory without history; a change of either is seen by both, and by autograd."""
        return alias(self)

    def _layout(self) -> Layout:
        lying = self._lying
        array = self._ordered if lying is None else lying.array
        return array.shape, array.dtype

    def _filled_like(self, number: float) -> Tensor:
        return wrap(np.full_like(self._array, number, subok=False))

    def _blank(self) -> Callable[[], Tensor]:
        (shape, kind), backend = self._layout(), getattr(memory(self), "backend", None)
        return lambda: wrap(np.zeros(shape, kind) if backend is None else backend.zeros(shape, kind))

    def as_subclass(self, cls: type) -> Tensor:
        """The same memory as an object of a subclass of Tensor, without history."""
        return alias(self, cls)

    def _weights_cache(self) -> dict:
        """A dict that is emptied whenever this tensor's memory changes."""
        version = version_of(self)
        if version.guests and version.has_guests():
            return self._watched_weights_cache(version.writes)
        cache = self._kept_weights
        if cache is None or cache[0] != version.writes or cache[1] is not self._array:
            self._kept_weights = cache = (version.writes, self._array, {})
        return cache[2]

    def _watched_weights_cache(self, writes: int) -> dict:
        """The cache while others may change the memory unseen."""
        cache = self._kept_weights
        if cache is None or cache[0] != writes or cache[1] is not self._array or type(cache[2]) is not Watched:
            self._kept_weights = cache = (writes, self._array, Watched(self._array))
        cache[2].doubt()
        return cache[2]

    # -- Python's protocols

    def __len__(self) -> int:
        shape = memory(self).shape
        if not shape:
            raise TypeError("len() of a 0-d tensor")
        return shape[0]

    def __hash__(self) -> int:
        return id(self)

    def __format__(self, spec: str) -> str:
        """One number as Python writes it, as in PyTorch; several take no format, which is a TypeError."""
        if self._array.ndim == 0 and not self.is_meta and (spec or type(self) is Tensor):
            return format(self.item(), spec)
        return object.__format__(self, spec)


_new = object.__new__
_ndarray = np.ndarray
_mode = modes.mode


def wrap(array: np.ndarray, cls: type = Tensor) -> Tensor:
    """A Tensor of an array: no copy, no checks, no history. (NumPy gives scalars for 0-dim results; they are taken.)"""
    result = _new(cls)
    result._base = None
    result._grad = None
    result._hooks = None
    result._index = 0
    result._kept_weights = None
    result._lying = None
    result._node = None
    kind = type(array)
    result._ordered = array if kind is _ndarray or kind is Array else np.asarray(array)
    result._requires_grad = False
    result._seen = 0
    result._memory_version = UNTOUCHED_INFERENCE if _mode.inference else None
    return result


def wrap_beside(array: np.ndarray, source: Tensor) -> Tensor:
    """A Tensor of an array of the host, carried to the device of another."""
    beside = memory(source)
    return wrap(array if type(beside) is np.ndarray else beside.backend.from_host(array))


def wrap_unordered(array: np.ndarray) -> Tensor:
    """A Tensor that is contiguous, of an array that nobody else holds and that may lie in memory in another order."""
    result = wrap(array)
    if array.flags.c_contiguous:
        if array.ndim > 2 and 1 in array.shape:  # axes of one entry may have any stride
            result._ordered = array.reshape(-1).reshape(array.shape)
    elif type(array) is Array:  # what lies otherwise stays so on the host alone
        result._ordered = array.copy()
    elif any(array.strides):
        result._lying = Lying(array)
        del result._ordered
    return result


def wrap_like(array: np.ndarray, source: Tensor) -> Tensor:
    """A Tensor of what was computed element by element from `elements(source)`, with the strides of PyTorch's."""
    return wrap(array) if source._lying is None else wrap_unordered(array)


def memory(tensor: Tensor) -> np.ndarray:
    """A tensor's numbers as they lie, of which to take the shape or a view; `_array` without moving anything."""
    lying = tensor._lying
    return tensor._ordered if lying is None else lying.array


def elements(tensor: Tensor) -> np.ndarray:
    """A tensor's numbers in any order, for what computes with them one by one and makes its result by `wrap_like`."""
    lying = tensor._lying
    return tensor._ordered if lying is None else lying.array if lying.is_in_order() else settle(tensor)


def settled(tensor: Tensor) -> Tensor:
    """The tensor, its memory in the order of its strides from now on."""
    if tensor._lying is not None:
        settle(tensor)
    return tensor


def is_in_order(tensor: Tensor) -> bool:
    """Whether what is made of a tensor element by element is contiguous: contiguous ones and, of layers, slices."""
    lying = tensor._lying
    return tensor._ordered.flags.c_contiguous if lying is None else lying.is_in_order()


def take_memory(tensor: Tensor, source: Tensor) -> None:
    """Let a tensor see the memory of another from now on."""
    lying = source._lying
    if lying is None:
        tensor._array = source._ordered
    else:
        tensor._array = lying.array
        lying.share(source, tensor, lying.array)


def _sharing(result: Tensor, source: Tensor) -> Tensor:
    """A tensor of `memory(source)`, or of a view of it, that follows when that memory is put in order."""
    if source._lying is not None:
        source._lying.share(source, result, result._ordered)
    return result


def alias(source: Tensor, cls: type = Tensor) -> Tensor:
    """Another tensor object, of class `cls`, for the same memory: no history, same version.

    >>> import rushlight as torch
    >>> class Parameter(torch.Tensor):
    ...     pass
    >>> type(alias(torch.ones(1), Parameter)).__name__
    'Parameter'
    """
    result = _sharing(wrap(memory(source), cls), source)
    result._memory_version = version_of(source)
    return result


def wrap_view(array: np.ndarray, source: Tensor) -> Tensor:
    """A Tensor of an array that lies in `memory(source)`: a change of one is a change of the other."""
    result = _sharing(wrap(array), source)
    result._memory_version = version = version_of(source)
    result._base = source if source._base is None else source._base
    result._seen = version.count if _mode.enabled else -1
    return result


def wrap_maybe_view(array: np.ndarray, source: Tensor) -> Tensor:
    """As `wrap_view` where NumPy gave a view of the source's memory, as `wrap` where it copied."""
    memory, owner = array.base, source._array
    if array is owner or (memory is not None and (memory is owner or memory is owner.base)):
        return wrap_view(array, source)
    return wrap(array)
