"""Tensors to and from others: NumPy, DLPack, Python numbers and lists, pickle and copy.

In: arrays and DLPack objects. Out: tensors that share their memory, and the reverse. Who can write memory without
telling us is its guest (`guests`), so that what was packed from it is not trusted blindly.
"""

from __future__ import annotations

import copy
import warnings
from typing import SupportsIndex

import numpy as np

from rushlight.autograd import modes
from rushlight.autograd.graph import record
from rushlight.autograd.operation import define
from rushlight.autograd.version import version_of
from rushlight.backends.devices import find
from rushlight.core import dtypes
from rushlight.core.errors import message
from rushlight.rules.results import as_first
from rushlight.tensor.core import Tensor, alias, wrap
from rushlight.tensor.guests import lent, owner
from rushlight.tensor.layout import MemoryFormat, preserve_format
from rushlight.tensor.operands import word
from rushlight.tensor.pointwise import cast
from rushlight.tensor.size import carried, check_device, device

# -- NumPy


def from_numpy(ndarray: np.ndarray) -> Tensor:
    """A tensor in the memory of a NumPy array: a change of one is a change of the other.

    TypeError: not an array, or a dtype that no tensor has. ValueError: negative strides, foreign byte order.

    >>> import numpy as np, rushlight as torch
    >>> a = np.zeros(2, np.float32)
    >>> t = torch.from_numpy(a); a[0] = 7; t
    tensor([7., 0.])
    """
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    check_kind(ndarray)
    check_strides(ndarray)
    if any(step % ndarray.itemsize for step in ndarray.strides) or not ndarray.flags.aligned:
        raise ValueError(
            message(
                "given numpy array strides not a multiple of the element byte size. Copy the numpy array to reallocate "
                "the memory."
            )
        )
    if not ndarray.flags.writeable:
        _warn_of_read_only()
    result = wrap(np.asarray(ndarray))
    version_of(result).admit(owner)
    return result


def frombuffer(
    buffer: object, *, dtype: dtypes.dtype, count: int = -1, offset: int = 0, requires_grad: bool = False
) -> Tensor:
    """A one-dimensional tensor in the memory of any object with Python's buffer protocol.

    `count` elements (below 0: all that there are) from `offset` bytes on. ValueError where they do not fit.

    >>> import rushlight as torch
    >>> torch.frombuffer(bytearray(b"abc"), dtype=torch.uint8, offset=1)
    tensor([98, 99], dtype=torch.uint8)
    """
    if not isinstance(dtype, dtypes.dtype):
        raise TypeError(
            message(
                f"frombuffer(): argument 'dtype' must be torch.dtype, not {type(dtype).__name__}", fix="torch.uint8"
            )
        )
    try:
        length = memoryview(buffer).nbytes
    except TypeError:
        raise ValueError("object does not implement Python buffer protocol.") from None
    size, left = dtype.itemsize, length - offset
    if length == 0 or count == 0:
        raise ValueError(f"both buffer length ({length}) and count ({count}) must not be 0")
    if not 0 <= offset < length:
        raise ValueError(
            f"offset ({offset} bytes) must be non-negative and no greater than buffer length ({length} bytes) minus 1"
        )
    if count < 0 and left % size:
        raise ValueError(
            f"buffer length ({left} bytes) after offset ({offset} bytes) must be a multiple of element size ({size})"
        )
    if count * size > left:
        raise ValueError(
            f"requested buffer length ({count} * {size} bytes) after offset ({offset} bytes) must not be greater than "
            f"actual buffer length ({length} bytes)"
        )
    if requires_grad and not dtype.is_floating_point:
        raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
    count = left // size if count < 0 else count
    result = from_numpy(np.frombuffer(memoryview(buffer).cast("B"), np.uint8, count * size, offset).view(dtype.numpy))
    return result.requires_grad_() if requires_grad else result


def check_strides(array: np.ndarray) -> None:
    """ValueError for an array that runs backwards."""
    if min(array.strides, default=0) < 0:
        raise ValueError(
            message(
                "At least one stride in the given numpy array is negative, and tensors with negative strides are not "
                "currently supported. (You can probably work around this by making a copy of your array with "
                "array.copy().)"
            )
        )


def check_kind(array: np.ndarray, foreign_order: bool = False) -> dtypes.dtype:
    """The dtype of an array, or TypeError; a foreign byte order is ValueError unless it will be converted."""
    kind = dtypes.of_numpy(array.dtype)
    if kind is None and foreign_order and not array.dtype.isnative:
        kind = dtypes.of_numpy(array.dtype.newbyteorder("="))
    if kind is not None:
        return kind
    if not array.dtype.isnative:
        raise ValueError(
            message(
                "given numpy array has byte order different from the native byte order. Conversion between byte orders "
                "is currently not supported.",
                fix="array.astype(array.dtype.newbyteorder('='))",
            )
        )
    raise TypeError(
        message(
            f"can't convert np.ndarray of type {array.dtype.type.__module__}.{array.dtype.type.__name__}. The only "
            "supported types are: float64, float32, float16, int64, int32, int16, int8, uint64, uint32, uint16, uint8, "
            "and bool."
        )
    )


def _warn_of_read_only() -> None:
    warnings.warn(
        "The given NumPy array is not writable, and PyTorch does not support non-writable tensors. Rushlight refuses "
        "in-place operations on this tensor. You may want to copy the array to protect its data or make it writable "
        "before converting it to a tensor.",
        UserWarning,
        stacklevel=3,
    )


def _check_no_gradient(self: Tensor) -> None:
    if modes.mode.enabled and self.requires_grad:
        raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")


def _shared_array(self: Tensor) -> np.ndarray:
    _check_no_gradient(self)
    if self.dtype is dtypes.bfloat16:
        raise TypeError(message("Got unsupported ScalarType BFloat16", fix=".float().numpy()"))
    if not self.is_cpu:
        return np.asarray(self._array)  # which is a TypeError
    return lent(self._array, version_of(self))


def numpy(self: Tensor, *, force: bool = False) -> np.ndarray:
    """The tensor's memory as a NumPy array; `force=True` also where a gradient is required.

    RuntimeError where the tensor requires a gradient that would be recorded, TypeError for bfloat16.
    """
    return _shared_array(self.detach() if force else self)


def as_array(self: Tensor, dtype: np.dtype | None = None, copy: bool | None = None) -> np.ndarray:
    _check_no_gradient(self)
    if copy or (dtype is not None and np.dtype(dtype) != self._array.dtype):
        if copy is False:
            raise ValueError("Unable to avoid copy while creating an array as requested.")
        return np.array(self._array, dtype=dtype)
    return _shared_array(self)


def from_array(self: Tensor, array: np.ndarray, context: object = None, return_scalar: bool = False) -> Tensor:
    check_kind(np.asarray(array))
    return wrap(np.asarray(array))


# -- DLPack


def dlpack(self: Tensor, *, stream: object = None, max_version: tuple | None = None, **options: object) -> object:
    if self.requires_grad:
        raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
    if self.dtype is dtypes.bfloat16:
        raise BufferError("bfloat16 cannot be exported through NumPy's DLPack; Try: .float()")
    return lent(self._array, version_of(self)).__dlpack__(max_version=max_version, **options)


def dlpack_device(self: Tensor) -> tuple[int, int]:
    if not self.is_cpu:
        raise ValueError(f"Unknown device type {self.device} for Dlpack")
    return (1, 0)  # kDLCPU


def from_dlpack(ext_tensor: object, *, device: object = None, copy: bool | None = None) -> Tensor:
    """A tensor in the memory of any object with `__dlpack__` (NumPy, PyTorch, JAX, … on the CPU), or in a copy of it.

    >>> import numpy as np, rushlight as torch
    >>> torch.from_dlpack(np.arange(3))
    tensor([0, 1, 2])
    """
    check_device(device)
    if type(ext_tensor).__name__ == "PyCapsule":
        ext_tensor = _Capsule(ext_tensor)
    if not hasattr(ext_tensor, "__dlpack__"):
        raise TypeError(f"from_dlpack: expected an object with __dlpack__, got {type(ext_tensor).__name__}")
    if ext_tensor.__dlpack_device__()[0] != 1:
        raise RuntimeError(message("from_dlpack: the data is not on the CPU", fix=".cpu() of it first"))
    array = np.from_dlpack(ext_tensor)
    check_kind(array)
    result = wrap(array)
    version_of(result).admit(owner)
    return result.clone() if copy else result


class _Capsule:
    """A bare capsule, as `to_dlpack` gives it, as an object with the protocol's two methods."""

    def __init__(self, capsule: object) -> None:
        self._capsule = capsule

    def __dlpack__(self, **options: object) -> object:
        return self._capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)


def to_dlpack(tensor: Tensor) -> object:
    """The tensor's memory as a DLPack capsule."""
    return tensor.__dlpack__()


# -- Python numbers


def item(self: Tensor) -> float | int | bool:
    """The only element as a Python number; RuntimeError where there are more."""
    if self._array.size != 1:
        raise RuntimeError(
            message(
                f"a Tensor with {self._array.size} elements cannot be converted to Scalar",
                f"shape {list(self.shape)}",
                fix=".tolist()" if self._array.size else None,
            )
        )
    value = self._array.item()
    return value if isinstance(value, (bool, int, float)) else float(value)


def tolist(self: Tensor) -> list | float | int | bool:
    """The elements as nested lists of Python numbers."""
    if self.dtype is dtypes.bfloat16:
        return self._array.astype(np.float32).tolist()
    return self._array.tolist()


def as_float(self: Tensor) -> float:
    return float(_only_element(self))


def as_int(self: Tensor) -> int:
    return int(_only_element(self))


def _only_element(self: Tensor) -> float:
    if self._array.size != 1:
        raise ValueError(f"only one element tensors can be converted to Python scalars\nshape {list(self.shape)}")
    return item(self)


def as_index(self: Tensor) -> int:
    if self.dtype.is_floating_point or self._array.size != 1:
        raise TypeError("only integer tensors of a single element can be converted to an index")
    return int(self._array.item())


# -- dtype, device and memory order


def to(self: Tensor, *args: object, **kwargs: object) -> Tensor:
    """The tensor in another dtype or memory order, or on another device.

    Called as `to(dtype)`, `to("meta")`, `to(other)`, `to(memory_format=…)`.

    Itself where nothing changes, unless `copy=True`.
    """
    kind, memory_format, force, target = _read_to(args, kwargs)
    kind = self.dtype if kind is None else kind
    result = self if kind is self.dtype else cast(self, kind.numpy)
    if target is not None and target != self.device:
        result = moved(result, target)
    if memory_format is not None and memory_format is not preserve_format:
        result = result.contiguous(memory_format=memory_format)
    return result.clone() if force and result is self else result


def moved(input: Tensor, target: device) -> Tensor:
    """A copy on another device, recorded."""
    result = wrap(carried(input._array, target))
    record(TO_DEVICE, (str(target), str(input.device)), result, (input,))
    return result


TO_DEVICE = define(
    "to_copy.device",
    "ToCopyBackward0",
    derivative=lambda target, before, needs, grad: (moved(grad, device(before)),),
    results=as_first,
    lowering=lambda array, target, before: carried(array, target),
)


def _read_to(args: tuple, kwargs: dict) -> tuple[dtypes.dtype | None, MemoryFormat | None, bool, device | None]:
    kind, memory_format = None, kwargs.get("memory_format")
    unknown = set(kwargs) - {"dtype", "device", "memory_format", "copy", "non_blocking", "other"}
    if unknown:
        raise TypeError(f"to() received an invalid keyword: {sorted(unknown)[0]}")
    target = kwargs.get("device")
    flags = []
    for value in (*args, *[kwargs[name] for name in ("dtype", "other") if name in kwargs]):
        if isinstance(value, Tensor):
            kind, target = value.dtype, value.device
        elif isinstance(value, dtypes.dtype):
            kind = value
        elif isinstance(value, type) and dtypes.of_python(value):
            kind = dtypes.of_python(value)
        elif isinstance(value, (str, device)):
            target = value
        elif isinstance(value, bool):
            flags.append(value)
        elif value is not None:
            raise TypeError(f"to() received an invalid combination of arguments - got {type(value).__name__}")
    target = None if target is None else device(target)
    return kind, memory_format, bool(kwargs.get("copy") or (len(flags) > 1 and flags[1])), target


def type_as(self: Tensor, other: Tensor) -> Tensor:
    """The tensor in the dtype of another."""
    return to(self, other.dtype)


def type_(self: Tensor, dtype: dtypes.dtype | str | type | None = None, non_blocking: bool = False) -> Tensor | str:
    """The tensor in another dtype; without one, the name of its type."""
    if dtype is None:
        return f"torch.{'' if self.is_cpu else f'{self.device.type}.'}{word(self.dtype)}Tensor"
    if isinstance(dtype, str):
        found = [kind for kind in dtypes.ALL if f"torch.{word(kind)}Tensor" == dtype]
        if not found:
            raise ValueError(f"invalid type: '{dtype}'")
        dtype = found[0]
    elif isinstance(dtype, type):  # FloatTensor, which is above this file
        dtype = getattr(dtype, "dtype", dtype)
    return to(self, dtype)


def cpu(self: Tensor, memory_format: MemoryFormat = preserve_format) -> Tensor:
    """The tensor on the CPU: itself where it is there and lies in the order asked for."""
    return to(self, "cpu", memory_format=memory_format)


def cuda(
    self: Tensor, device: object = None, non_blocking: bool = False, memory_format: MemoryFormat = preserve_format
) -> Tensor:
    """RuntimeError: there is no other device."""
    check_device("cuda")
    return self


def data_ptr(self: Tensor) -> int:
    """The address of the first element."""
    return self._array.__array_interface__["data"][0] if self._array.size and self.is_cpu else 0


def storage_offset(self: Tensor) -> int:
    """How many elements into the memory of its base a view begins."""
    if self._base is None:
        return 0
    if not self.is_cpu:
        return (self._array.offset - self._base._array.offset) // self._array.itemsize
    return (data_ptr(self) - data_ptr(self._base)) // self._array.itemsize


def get_device(self: Tensor) -> int:
    """The number of its device; -1 on the CPU."""
    return -1 if self.is_cpu or self.is_meta else 0


# -- copies and pickles


def deep_copy(self: Tensor, memo: dict) -> Tensor:
    if self.grad_fn is not None:
        raise RuntimeError(
            message(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the "
                "moment.",
                fix=".detach() first",
            )
        )
    if id(self) in memo:
        return memo[id(self)]
    result = _rebuild(type(self), _copied(self._array), self._requires_grad, {})
    memo[id(self)] = result
    result._grad = copy.deepcopy(self._grad, memo)
    result.__dict__.update(copy.deepcopy(self.__dict__, memo))
    return result


def _copied(array: np.ndarray) -> np.ndarray:
    return np.array(array, order="K") if type(array) is np.ndarray else array.copy("K")


def shallow_copy(self: Tensor) -> Tensor:
    result = _rebuild(type(self), self._array, self._requires_grad, self.__dict__)
    result._memory_version = version_of(self)
    return result


def pickled(self: Tensor, protocol: SupportsIndex) -> tuple:
    if self.is_meta:
        state = tuple(self.shape), self.dtype.name, self._array.strides, self._requires_grad, dict(self.__dict__)
        return _unpickle_meta, (type(self), *state)
    if not self.is_cpu:
        return _unpickle_elsewhere, (
            str(self.device),
            self.detach().cpu(),
            type(self),
            self._requires_grad,
            self.__dict__,
        )
    return reduced(self, np.array(self._array, order="K"))


def reduced(self: Tensor, array: np.ndarray) -> tuple:
    """What pickle keeps of a tensor whose numbers are `array`; RuntimeError for one with a history."""
    if self.grad_fn is not None:
        raise RuntimeError(message("a tensor with a history cannot be pickled", fix=".detach() first"))
    if self.dtype is dtypes.bfloat16:
        array = array.view(np.uint16)  # it travels as its bits: the reader may lack ml_dtypes
    state = (type(self), array, self.dtype.name, self._requires_grad, dict(self.__dict__))
    if array.flags.c_contiguous:
        return _unpickle, state
    # NumPy's pickles keep no order of the axes but two.
    order = sorted(range(array.ndim), key=lambda axis: -array.strides[axis])
    return _unpickle, (state[0], array.transpose(order), *state[2:], order)


def _unpickle(
    cls: type, array: np.ndarray, dtype: str, requires_grad: bool, attributes: dict, order: list[int] | None = None
) -> Tensor:
    if dtype == "bfloat16":
        array = array.view(dtypes.bfloat16.numpy)
    if order is not None:
        array = array.transpose(sorted(range(array.ndim), key=order.__getitem__))
    return _rebuild(cls, array, requires_grad, attributes)


def _unpickle_meta(
    cls: type, shape: tuple, dtype: str, strides: tuple, requires_grad: bool, attributes: dict
) -> Tensor:  # fmt: skip
    array = find("meta").empty(shape, getattr(dtypes, dtype).numpy, strides)
    return _rebuild(cls, array, requires_grad, attributes)


def _unpickle_elsewhere(device: str, values: Tensor, cls: type, requires_grad: bool, attributes: dict) -> Tensor:
    return _rebuild(cls, carried(values._array, device), requires_grad, attributes)


def _rebuild(cls: type, array: np.ndarray, requires_grad: bool, attributes: dict) -> Tensor:
    result = alias(wrap(array), cls)
    result._requires_grad = requires_grad
    result.__dict__.update(attributes)
    return result
