"""Devices of their own: whose arrays are not NumPy's, with kernels and functions as far as they go.

In: a `Device` and calls on its `Array`s. Out: arrays of the same device. What the device does not have falls through to
the host: its arrays are copied there, the host's backends or NumPy compute, and the result is copied back. Each time
`protocol.refusals` keeps why. A device is known by its name (`torch.device("name")`) as soon as it is registered with
`devices.register`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from rushlight.backends import registry
from rushlight.backends.array import Array, Shape, steps_in_order
from rushlight.backends.preparing import Preparing
from rushlight.backends.protocol import Refusal, Refused, Task, refusals
from rushlight.core import memory
from rushlight.core.errors import message
from rushlight.rules.layout import order_of_copy

_CHANGED = {np.copyto: 0, np.put_along_axis: 0, np.fill_diagonal: 0, np.put: 0, np.place: 0, np.putmask: 0}
"""Functions that change an argument, and which; of the methods of ufuncs, `at` changes the first."""

_INDEXED = (np.take, np.take_along_axis, np.put_along_axis)


class Device(Preparing):
    """The base of devices. One gives `name`, `room`, `read` and `write`; and, for what it does itself, `prepare` and
    `functions`."""

    name = "device"
    has_numbers = True
    """Whether its arrays hold any."""
    is_bounded = False
    """Whether sizes must fit the host's memory."""
    functions: Mapping[Callable, Callable] = {}
    """NumPy functions that the device does itself: called with the same arguments, `out=` aside; they may raise
    Refusal."""

    # -- memory

    def room(self, count: int, dtype: np.dtype) -> object:
        """Memory for so many elements, which may hold anything."""
        raise NotImplementedError

    def read(self, array: Array) -> np.ndarray:
        """The elements of a view, as a NumPy array of its own."""
        raise NotImplementedError

    def write(self, array: Array, values: np.ndarray) -> None:
        """Set the elements of a view to those of a NumPy array of its shape and dtype."""
        raise NotImplementedError

    def limits(self) -> AbstractContextManager:
        """Within it sizes are not held against the memory of the host."""
        return nullcontext() if self.is_bounded else memory.elsewhere()

    # -- arrays

    def empty(self, shape: Shape, dtype: np.dtype, strides: Shape | None = None) -> Array:
        """An array that may hold anything; contiguous, or with strides that leave no gaps."""
        result = Array(self, None, tuple(shape), np.dtype(dtype), strides)
        result.base = self.room(result.size, result.dtype)
        return result

    def zeros(self, shape: Shape, dtype: np.dtype) -> Array:
        """An array of zeros."""
        result = self.empty(shape, dtype)
        result.fill(0)
        return result

    def empty_like(self, array: Array, dtype: np.dtype | None = None, shape: Shape | None = None) -> Array:
        """An array whose axes follow each other in memory as those of another do."""
        kind, wanted = array.dtype if dtype is None else np.dtype(dtype), array.shape if shape is None else tuple(shape)
        if len(wanted) != array.ndim or array.flags.c_contiguous:
            return self.empty(wanted, kind)
        order = order_of_copy(array.shape, array.strides, array.itemsize)
        return self.empty(wanted, kind, steps_in_order(wanted, order, kind.itemsize))

    def from_host(self, values: np.ndarray) -> Array:
        """A copy of a NumPy array here, its axes in the same order in memory."""
        order = sorted(range(values.ndim), key=lambda axis: -values.strides[axis])
        strides = None if values.flags.c_contiguous else steps_in_order(values.shape, order, values.itemsize)
        result = self.empty(values.shape, values.dtype, strides)
        self.write(result, values)
        return result

    def to_host(self, array: Array) -> np.ndarray:
        """A copy of an array as NumPy's."""
        return self.read(array)

    def number(self, array: Array) -> Any:
        """The one element of an array, as Python's."""
        return self.to_host(array).item()

    def read_unasked(self, array: Array) -> np.ndarray:
        """What a NumPy function gets that takes this array for one of its own: TypeError."""
        raise TypeError(
            message(
                f"can't convert {self.name} device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host "
                "memory first."
            )
        )

    def cast(self, array: Array, dtype: np.dtype, order: str = "K") -> Array:
        """A copy in another dtype; with "C" contiguous, with "K" in the same order of the axes."""
        result = self.empty_like(array, dtype) if order == "K" else self.empty(array.shape, dtype)
        self.call(np.copyto, (result, array), {"casting": "unsafe"})
        return result

    def take(self, array: Array, index: tuple) -> Array:
        """The elements at an advanced index, copied."""
        return self.from_host(self.to_host(array)[_on_host(index)])

    def put(self, array: Array, index: tuple, value: Any) -> None:
        """Set the elements at an index."""
        values = self.to_host(array)
        values[_on_host(index)] = _on_host(value)
        self.write(array, values)

    # -- functions of NumPy

    def call(self, function: Callable, args: tuple, options: dict[str, Any]) -> Any:
        """A NumPy function of arrays of this device: by `functions`, else on the host."""
        self.check(indices_aside(function, args), options)
        own = self.functions.get(function)
        if own is None:
            reason = f"{self.name} has no function of its own for it"
        else:
            try:
                return self._own(own, args, dict(options))
            except Refusal as refusal:
                reason = str(refusal)
        refusals.append(Refused(self.name, getattr(function, "__name__", "?"), _problem(args), reason))
        return self._call_on_host(function, args, options)

    def _own(self, function: Callable, args: tuple, options: dict[str, Any]) -> Any:
        """A function of the device; what it gives goes where `out=` says."""
        out, casting = options.pop("out", None), options.pop("casting", "unsafe")
        result = function(*args, **options)
        if out is None:
            return result
        outs = out if isinstance(out, tuple) else (out,)
        for array, value in zip(outs, result if isinstance(result, tuple) else (result,)):
            self.call(np.copyto, (array, value), {"casting": casting})
        return outs[0] if len(outs) == 1 else outs

    def check(self, args: Any, options: dict[str, Any]) -> None:
        """RuntimeError where an array of several elements is on another device."""
        for value in arrays_in((*args, *options.values())):
            if type(value) is Array and value.backend is not self:
                raise self.elsewhere(value.backend.name, args)
            if type(value) is np.ndarray and value.ndim:
                raise self.elsewhere("cpu", args)

    def elsewhere(self, other: str, args: Any) -> RuntimeError:
        """The error for arrays of which one is on another device."""
        return RuntimeError(
            f"Expected all tensors to be on the same device, but found at least two devices, {self.name} and {other}!"
        )

    def _call_on_host(self, function: Callable, args: tuple, options: dict[str, Any]) -> Any:
        on_host, named = [_on_host(value) for value in args], {key: _on_host(value) for key, value in options.items()}
        result = function(*on_host, **named)
        if function in _CHANGED or getattr(function, "__name__", "") == "at":
            at = _CHANGED.get(function, 0)
            self.write(args[at], on_host[at])
            return None
        out = options.get("out")
        if out is not None:
            outs, values = (v if isinstance(v, tuple) else (v,) for v in (out, named["out"]))
            for array, value in zip(outs, values):
                self.write(array, value)
            return outs[0] if len(outs) == 1 else outs
        return self._here(result)

    def _here(self, result: Any) -> Any:
        if isinstance(result, np.ndarray | np.generic):
            return self.from_host(np.asarray(result))
        if isinstance(result, tuple | list):
            here = [self._here(value) for value in result]
            return type(result)(*here) if hasattr(result, "_fields") else type(result)(here)
        return result

    # -- kernels

    def pointwise(self, expressions: tuple, *arrays: Any, out: Sequence[Any] | None = None) -> list[Any]:
        """The value of each expression; into `out` it is copied."""
        results = self.run(Task("pointwise", (expressions, None)), arrays)
        for target, result in zip(out or (), results):
            self.call(np.copyto, (target, result), {"casting": "unsafe"})
        return results if out is None else list(out)

    def run(self, task: Task, inputs: Sequence[Any], weights_cache: dict | None = None) -> list[Any]:
        """The results of a task, by the device or else by the host's backends."""
        self.check(inputs, {})
        try:
            return super().run(task, inputs, weights_cache)
        except Refusal as refusal:
            refusals.append(Refused(self.name, task.kernel, str(task.attributes[0]), str(refusal)))
        results = registry.run(task, [_on_host(array) for array in inputs])
        return [self._here(result) for result in results]


def _on_host(value: Any) -> Any:
    """A value with its arrays as NumPy's."""
    if type(value) is Array:
        return value.backend.to_host(value)
    if type(value) in (tuple, list):
        return type(value)([_on_host(entry) for entry in value])
    return value


def arrays_in(values: Any) -> Iterator[Any]:
    """The arrays among values, those in lists and tuples too."""
    for value in values:
        if type(value) in (tuple, list):
            yield from arrays_in(value)
        elif type(value) in (Array, np.ndarray):
            yield value


def indices_aside(function: Callable, args: tuple) -> tuple:
    """The arguments that must be here; indices may be the host's."""
    indexed = function in _INDEXED or getattr(function, "__name__", "") == "at"
    return (args[0], *args[2:]) if indexed else args


def _problem(args: tuple) -> str:
    return " ".join(str(list(value.shape)) for value in arrays_in(args))
