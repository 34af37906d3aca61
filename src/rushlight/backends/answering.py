"""Devices with arrays of another library that answer NumPy's functions, as CuPy's do.

In: two functions, which see memory as such an array and find the memory of one. Out: a device on which functions of
NumPy run as the library has them. What it lacks (TypeError, NotImplementedError, AttributeError) falls through to the
host.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rushlight.backends.array import Array, Shape
from rushlight.backends.device import Device, indices_aside
from rushlight.backends.protocol import Refused, refusals

_LACKING = (NotImplementedError, TypeError, AttributeError)


class Answering(Device):
    """The base of such devices; beside `room`, `read` and `write` it asks for `seen` and `memory`."""

    def seen(self, base: Any, shape: Shape, dtype: Any, strides: Shape, offset: int) -> Any:
        """The library's array of this shape and these strides (bytes), `offset` bytes into the memory `base`."""
        raise NotImplementedError

    def memory(self, native: Any) -> tuple[object, int]:
        """The memory of an array of the library, and how many bytes into it the array begins."""
        raise NotImplementedError

    def native(self, value: Any) -> Any:
        """A value, its arrays as the library's."""
        if type(value) is Array:
            return self.seen(value.base, value.shape, value.dtype, value.strides, value.offset)
        if type(value) in (tuple, list):
            return type(value)([self.native(entry) for entry in value])
        return value

    def wrapped(self, native: Any) -> Any:
        """What a function of the library gave, its arrays as ours."""
        if hasattr(native, "__array_function__") and hasattr(native, "strides"):
            base, offset = self.memory(native)
            return Array(self, base, tuple(native.shape), native.dtype, tuple(native.strides), offset)
        if isinstance(native, tuple | list):
            found = [self.wrapped(entry) for entry in native]
            return type(native)(*found) if hasattr(native, "_fields") else type(native)(found)
        return native

    def call(self, function: Callable, args: tuple, options: dict[str, Any]) -> Any:
        """A NumPy function as the library has it, else on the host."""
        self.check(indices_aside(function, args), options)
        try:
            result = function(*[self.native(a) for a in args], **{key: self.native(v) for key, v in options.items()})
        except _LACKING as lacking:
            name = getattr(function, "__name__", "?")
            refusals.append(Refused(self.name, name, "", f"{self.name}'s library has no {name}: {lacking}"))
            return self._call_on_host(function, args, options)
        out = options.get("out")
        if out is not None:
            return out[0] if isinstance(out, tuple) and len(out) == 1 else out
        return self.wrapped(result)

    def take(self, array: Array, index: tuple) -> Array:
        """The elements at an advanced index, copied."""
        return self.wrapped(self.native(array)[self.native(index)])

    def put(self, array: Array, index: tuple, value: Any) -> None:
        """Set the elements at an index."""
        self.native(array)[self.native(index)] = self.native(value)
