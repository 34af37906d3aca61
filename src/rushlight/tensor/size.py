"""Shapes and devices: `Size`, the tuple a shape is, and `device`: the CPU, meta (shapes alone), or a backend's own."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from typing import Any, SupportsIndex, overload

import numpy as np

from rushlight.backends.array import Owner
from rushlight.backends.devices import find
from rushlight.core.errors import message


class Size(tuple[int, ...]):
    """A shape: a tuple of ints that knows how many elements it spans.

    >>> import rushlight as torch
    >>> torch.zeros(2, 3).shape, torch.Size([2, 3]).numel()
    (torch.Size([2, 3]), 6)
    """

    __slots__ = ()

    def numel(self) -> int:
        """The number of elements of a tensor of this shape."""
        return math.prod(self)

    def __repr__(self) -> str:
        return f"torch.Size([{', '.join(map(str, self))}])"

    @overload
    def __getitem__(self, index: SupportsIndex) -> int: ...

    @overload
    def __getitem__(self, index: slice) -> Size: ...

    def __getitem__(self, index: SupportsIndex | slice) -> int | Size:
        found = tuple.__getitem__(self, index)
        return Size(found) if isinstance(index, slice) else found

    def __add__(self, other: tuple) -> Size:
        return Size(tuple.__add__(self, tuple(other)))

    def __mul__(self, count: SupportsIndex) -> Size:
        return Size(tuple.__mul__(self, count))

    __rmul__ = __mul__

    def __reduce__(self) -> tuple:
        return (Size, (tuple(self),))


ELSEWHERE = ("cuda", "xpu", "mps", "hip", "hpu", "ipu", "maia", "mtia", "vulkan", "xla", "privateuseone")
"""Devices that PyTorch knows and that are not here: they can be named, but nothing can be made there."""


class device:
    """Where a tensor lives: the CPU, or `meta`, where tensors have a shape and no numbers.

    PyTorch's other devices can be named, so that code that mentions them runs; a tensor that is asked for there is a
    RuntimeError.

    >>> import rushlight as torch
    >>> torch.device("cpu"), torch.zeros(1).device.type
    (device(type='cpu'), 'cpu')
    """

    __slots__ = ("index", "type")

    def __init__(self, type: str | device = "cpu", index: int | None = None) -> None:
        if isinstance(type, device):
            type, index = type.type, type.index
        if not isinstance(type, str):
            raise TypeError(f"device(): argument 'type' must be str, not {type.__class__.__name__}")
        kind, _, number = type.partition(":")
        if kind != "cpu" and kind not in ELSEWHERE and find(kind) is None:
            raise RuntimeError(
                message(
                    f"Expected one of cpu, meta device type at start of device string: {kind}",
                    "Rushlight computes on the CPU only",
                    fix=f"a dtype: rushlight.{kind}" if kind in _DTYPES else "device='cpu', or leave device out",
                )
            )
        if number and not number.isdigit():
            raise RuntimeError(message(f"Invalid device string: '{type}'", fix="device='cpu'"))
        self.type = kind
        self.index = int(number) if number else index

    def __enter__(self) -> device:
        """Within `with torch.device("meta"):` tensors are made there unless they are told elsewhere."""
        default_devices.set((*default_devices.get(), self))
        return self

    def __exit__(self, *error: object) -> None:
        default_devices.set(default_devices.get()[:-1])

    def __repr__(self) -> str:
        return (
            f"device(type='{self.type}')" if self.index is None else f"device(type='{self.type}', index={self.index})"
        )

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __reduce__(self) -> tuple:
        return (device, (self.type, self.index))


# Words that are written where a dtype is meant.
_DTYPES = ("float", "double", "half", "int", "long", "short", "bool", "float16", "float32", "float64", "int32", "int64")
CPU = device("cpu")
default_devices: ContextVar[tuple[device | None, ...]] = ContextVar("rushlight_default_devices", default=(None,))
"""Where tensors are made, the last one: the default device, and those that the context is within."""


def get_default_device() -> device:
    """Where tensors are made in this context."""
    return device_of_new(None) or CPU


def set_default_device(device: str | device | None) -> None:
    """Make tensors on this device from now on in this context, unless they are told elsewhere; None: on the CPU.

    >>> import rushlight as torch
    >>> torch.set_default_device("meta"); torch.zeros(2)
    tensor(..., device='meta', size=(2,))
    >>> torch.set_default_device(None)
    """
    default_devices.set((None if device is None else _device(device), *default_devices.get()[1:]))


_device = device


def device_of_new(given: str | device | None) -> str | device | None:
    """Where a new tensor goes that was given this device, or none."""
    return default_devices.get()[-1] if given is None else given


def check_device(given: str | device | None) -> None:
    """Raise unless `given` is a device that is here (or None, which means the CPU)."""
    backend_of(given)


def carried(array: Any, given: str | device) -> Any:
    """An array's numbers on a device: itself where it is there already. NotImplementedError for one without numbers."""
    backend = backend_of(given)
    its = None if type(array) is np.ndarray else array.backend
    if backend is its:
        return array
    values = array if its is None else its.to_host(array)
    return values if backend is None else backend.from_host(values)


def limits_of(given: str | device | None) -> AbstractContextManager:
    """Within it sizes are held against the memory of a device."""
    backend = backend_of(device_of_new(given))
    return nullcontext() if backend is None else backend.limits()


def backend_of(given: str | device | None) -> Owner | None:
    """Who has a device's memory; None for the CPU. RuntimeError for a device that is not here."""
    if given is None or given is CPU:
        return None
    kind = device(given).type
    found = find(kind)
    if found is None and kind != "cpu":
        raise RuntimeError(
            message(
                f"Torch not compiled with {kind.upper()} enabled",
                "Rushlight computes on the CPU only",
                fix="device='cpu', or leave device out",
            )
        )
    return found
