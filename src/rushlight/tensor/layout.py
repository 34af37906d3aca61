"""Strides and memory formats: how the elements of a tensor lie in memory.

In: tensors. Out: strides in elements, yes/no answers, and copies in another order. Shapes stay PyTorch's: channels_last
changes strides only.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import index

import numpy as np

from rushlight.autograd.graph import record
from rushlight.autograd.operation import Gradients, Needs, define
from rushlight.backends.array import strided
from rushlight.core.errors import message
from rushlight.rules.results import Layout, Layouts, as_first
from rushlight.runtime.allocation import allocate, check_axes, empty_like_array, zeros_beside
from rushlight.runtime.copying import copy_into
from rushlight.tensor.core import (
    Tensor,
    elements,
    memory,
    wrap,
    wrap_like,
    wrap_unordered,
    wrap_view,
)
from rushlight.tensor.size import backend_of, device
from rushlight.tensor.views import Region, add, part_at, read


class MemoryFormat:
    """An order of the axes in memory."""

    __slots__ = ("name", "ndim")

    def __init__(self, name: str, ndim: int | None = None) -> None:
        self.name = name
        self.ndim = ndim  # the rank that the format is for

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str:
        return self.name


contiguous_format = MemoryFormat("contiguous_format")
preserve_format = MemoryFormat("preserve_format")
channels_last = MemoryFormat("channels_last", 4)
channels_last_3d = MemoryFormat("channels_last_3d", 5)
CHANNELS_LAST = {4: channels_last, 5: channels_last_3d}
_FORMATS = {order.name: order for order in (contiguous_format, preserve_format, channels_last, channels_last_3d)}


def _check_rank(ndim: int, memory_format: MemoryFormat) -> None:
    if not isinstance(memory_format, MemoryFormat):
        raise TypeError(f"memory_format must be a torch.memory_format, not {type(memory_format).__name__}")
    if memory_format.ndim is not None and ndim != memory_format.ndim:
        raise RuntimeError(
            message(
                f"required rank {memory_format.ndim} tensor to use {memory_format.name} format",
                f"this one has {ndim} axes",
            )
        )


def empty_in_format(
    shape: tuple[int, ...], kind: np.dtype, memory_format: MemoryFormat, on: str | device | None = None
) -> np.ndarray:
    """An uninitialised array in a memory format, on a device (None: the CPU)."""
    _check_rank(len(shape), memory_format)
    backend = backend_of(on)
    room = allocate if backend is None else backend.empty
    if memory_format.ndim is None:
        return room(shape, kind)
    memory = room((shape[0], *shape[2:], shape[1]), kind)  # (n, *size, c)
    return np.moveaxis(memory, -1, 1)


def device_of(array: np.ndarray) -> str | None:
    """The device of an array by its name; None: the CPU."""
    return None if type(array) is np.ndarray else array.backend.name


def in_channels_last(array: np.ndarray) -> bool:
    """Whether the elements of an array of 3 to 5 axes lie without gaps, channels (axis 1) innermost."""
    return array.ndim >= 3 and np.moveaxis(array, 1, -1).flags.c_contiguous


def is_channels_last(tensor: Tensor) -> bool:
    """Whether PyTorch would suggest channels_last for results of this tensor: by its strides, gaps or not."""
    lying = tensor._lying
    if lying is None:
        array = tensor._ordered
        strides = array.strides
    elif lying.is_entire():
        return False
    else:
        array, strides = lying.array, lying.strides()
    if len(strides) < 4 or strides[1] > strides[-1] or not strides[1]:  # the usual answer first
        return False
    extent = 0
    for axis in (1, *range(array.ndim - 1, 1, -1), 0):
        step, size = strides[axis], array.shape[axis]
        if not size or step < extent or (axis == 0 and extent == strides[1]):
            return False
        extent = step * size
    return array.ndim in CHANNELS_LAST


def wrap_formatted(array: np.ndarray, *sources: Tensor) -> Tensor:
    """A Tensor in the memory format that PyTorch gives the result of an operation over positions.

    Channels-last where a source is so, else contiguous; `array`, which nobody else holds, may lie in any order.
    """
    for source in sources:
        if is_channels_last(source):
            break
    else:
        return wrap_unordered(array)
    if array.ndim != memory(source).ndim:
        return wrap_unordered(array)
    if not in_channels_last(array):
        ordered = empty_in_format(array.shape, array.dtype, CHANNELS_LAST[array.ndim], device_of(array))
        copy_into(ordered, array)
        array = ordered
    return wrap(array)


class Strided:
    """How tensors lie in memory: by a step for each axis. `torch.strided` is the only one, and there are no others."""

    def __repr__(self) -> str:
        return "torch.strided"


STRIDED = Strided()


def layout_of(self: Tensor) -> Strided:
    """`torch.strided`: there are no others."""
    return STRIDED


def stride(self: Tensor, dim: int | None = None) -> tuple[int, ...] | int:
    """How many elements apart neighbours along each axis lie in memory.

    >>> import rushlight as torch
    >>> torch.zeros(2, 3).stride(), torch.zeros(2, 3).t().stride(0)
    ((3, 1), 1)
    """
    lying = self._lying
    if lying is not None and lying.is_entire():
        strides = contiguous_strides(lying.array.shape)
    else:
        strides = strides_of(self._array)
    return strides if dim is None else strides[check_dim(dim, len(strides))]


def strides_of(array: np.ndarray) -> tuple[int, ...]:
    """An array's strides in elements, with PyTorch's values where an axis has no neighbours."""
    if array.size == 0:
        return contiguous_strides(array.shape)
    strides = [step // array.itemsize for step in array.strides]
    for axis in range(array.ndim - 1, -1, -1):
        if array.shape[axis] == 1 and strides[axis] == 0:
            strides[axis] = 1 if axis == array.ndim - 1 else array.shape[axis + 1] * strides[axis + 1]
    return tuple(strides)


def contiguous_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The strides of a tensor that lies in memory in the order of its axes.

    >>> contiguous_strides((2, 3, 4))
    (12, 4, 1)
    """
    strides, step = [], 1
    for size in reversed(shape):
        strides.append(step)
        step *= max(size, 1)
    return tuple(reversed(strides))


def check_dim(dim: int, ndim: int) -> int:
    """An axis counted from the front; IndexError where there is none. A 0-dim tensor takes 0 and -1."""
    if dim.__class__ is not int:
        dim = _whole(dim)
    limit = max(ndim, 1)
    if not -limit <= dim < limit:
        raise IndexError(
            message(f"Dimension out of range (expected to be in range of [{-limit}, {limit - 1}], but got {dim})")
        )
    return dim % limit


def _whole(dim: object) -> int:
    if not isinstance(dim, bool) and hasattr(dim, "__index__"):
        return index(dim)
    raise TypeError(message(f"argument 'dim' must be int, not {type(dim).__name__}", fix="dim=0, or -1"))


def is_contiguous(self: Tensor, memory_format: MemoryFormat = contiguous_format) -> bool:
    """Whether the elements lie in memory without gaps, in the order of that format."""
    if not isinstance(memory_format, MemoryFormat):
        raise TypeError(f"memory_format must be a torch.memory_format, not {type(memory_format).__name__}")
    lying = self._lying
    if lying is not None and lying.is_entire():
        return memory_format.ndim is None
    if memory_format.ndim is None:
        return self._array.flags.c_contiguous
    return self._array.ndim == memory_format.ndim and in_channels_last(self._array)


def contiguous(self: Tensor, memory_format: MemoryFormat = contiguous_format) -> Tensor:
    """The tensor in that memory order: itself where it is already, else a copy.

    >>> import rushlight as torch
    >>> torch.zeros(1, 3, 4, 5).contiguous(memory_format=torch.channels_last).stride()
    (60, 1, 15, 3)
    """
    if memory_format is preserve_format:
        if self.is_contiguous():
            return self
        raise RuntimeError("preserve memory format is unsupported by the contiguous operator")
    _check_rank(memory(self).ndim, memory_format)
    return self if self.is_contiguous(memory_format=memory_format) else clone(self, memory_format=memory_format)


def clone(input: Tensor, *, memory_format: MemoryFormat | None = preserve_format) -> Tensor:
    """A copy, recorded; in the same memory order unless told."""
    if memory_format is preserve_format or memory_format is None:
        memory_format = preserve_format
        result = wrap_like(_copy(elements(input), preserve_format.name), input)
    else:
        _check_rank(memory(input).ndim, memory_format)
        result = wrap(_copy(memory(input), memory_format.name))
    record(CLONE, (memory_format.name,), result, (input,))
    return result


def _copy(array: np.ndarray, order: str) -> np.ndarray:
    if order == "preserve_format":
        copy = empty_like_array(array, array.dtype)
    else:
        copy = empty_in_format(array.shape, array.dtype, _FORMATS[order], device_of(array))
    copy_into(copy, array)
    return copy


CLONE = define(
    "clone",
    "CloneBackward0",
    derivative=lambda order, needs, grad: (grad,),
    results=as_first,
    lowering=_copy,
)


def as_strided(input: Tensor, size: Sequence[int], stride: Sequence[int], storage_offset: int | None = None) -> Tensor:
    """A view with strides of one's own, in elements, of the memory that this tensor is a part of.

    `storage_offset` counts from the beginning of that memory; without one the view begins where this tensor does.
    RuntimeError where it leaves the memory.
    """
    check_axes(len(size))
    base = input if input._base is None else input._base
    owner, array, itemsize = base._array, input._array, input._array.itemsize
    if storage_offset is None:
        storage_offset = input.storage_offset()
    last = storage_offset + sum((n - 1) * s for n, s in zip(size, stride))
    span = sum((n - 1) * s for n, s in zip(owner.shape, strides_of(owner))) + 1 if owner.size else 0
    if min(stride, default=0) < 0 or storage_offset < 0 or (0 not in size and last >= span):
        raise RuntimeError(
            f"setStorage: sizes {list(size)}, strides {list(stride)}, storage offset {storage_offset}, and itemsize "
            f"{itemsize} requiring a storage size of {(last + 1) * itemsize} are out of bounds for storage of size "
            f"{span * itemsize}"
        )
    flat = strided(owner, (span,), (itemsize,))
    steps = tuple(s * itemsize for s in stride)
    result = wrap_view(strided(flat[storage_offset:], tuple(size), steps), input)
    region, within = Region.of(result._array, owner), Region.of(array, owner)
    record(AS_STRIDED, (region, within), result, (input,))
    return result


def _strided(array: np.ndarray, region: Region, within: Region) -> np.ndarray:
    """The part of memory at `region` as far as `array`, which lies at `within`, holds it; zeros where it does not."""
    whole, place = within.lay_out(array)
    place[...] = array
    return part_at(whole, region)


def _as_strided_rule(region: Region, within: Region, needs: Needs, grad: Tensor) -> Gradients:
    whole = add(grad, region)
    if within.overlaps():  # an element that is in memory once shares the gradient of its address evenly
        ones = wrap(zeros_beside(grad._array, *needs[0]))._filled_like(1)
        whole = whole / add(ones, within).clamp(min=1)
    return (read(whole, within),)


def _strided_layout(inputs: Layouts, region: Region, within: Region) -> list[Layout]:
    return [(region.view_shape, inputs[0][1])]


AS_STRIDED = define(
    "as_strided",
    "AsStridedBackward0",
    derivative=_as_strided_rule,
    results=_strided_layout,
    lowering=_strided,
)
