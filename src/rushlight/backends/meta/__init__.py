"""The device of shapes alone: arrays with a shape, a dtype and strides, and no memory.

In comes any task or NumPy function; out comes what its result would look like. Nothing is computed and no memory is
taken, whatever the sizes. Asked for a number it raises PyTorch's error; only in a run for the sake of shapes
(`numbers_are_zero`) it says 0, and arrays of the host may stand beside its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import local
from typing import Any

import numpy as np

from rushlight.backends.array import ARRAYS, Array, taken_shape
from rushlight.backends.device import Device, arrays_in, indices_aside
from rushlight.backends.devices import register
from rushlight.backends.meta.functions import RULES, copied_onto, in_order, of_ufunc
from rushlight.backends.protocol import Layout, Task, layout_of, results_of
from rushlight.core.errors import message


class _Here(local):
    """What holds in this thread. (Functions of NumPy run in contexts of their own, where no ContextVar is seen.)"""

    zero = False


_here = _Here()


class Shaped:
    """A call that writes nothing."""

    scratch_bytes = 0

    def __init__(self, outputs: Sequence[Layout]) -> None:
        self.outputs = outputs

    def run(
        self, outputs: Sequence[Any], inputs: Sequence[Any], scratch: Any = None, weights_cache: dict | None = None
    ) -> None:
        """Nothing."""


class Meta(Device):
    """Computes shapes alone."""

    name = "meta"
    has_numbers = False

    def room(self, count: int, dtype: np.dtype) -> object:
        """A token that views of one tensor share."""
        return object()

    def read(self, array: Array) -> np.ndarray:
        """Zeros in the memory of one where numbers are zero; else NotImplementedError, for there are none."""
        if _here.zero:
            return np.lib.stride_tricks.as_strided(np.zeros((), array.dtype), array.shape, (0,) * array.ndim)
        raise NotImplementedError("Cannot copy out of meta tensor; no data!")

    def number(self, array: Array) -> Any:
        """0 where numbers are zero; else RuntimeError."""
        if _here.zero:
            return array.dtype.type(0).item()
        raise RuntimeError(message("Tensor.item() cannot be called on meta tensors", "they have no numbers"))

    @property
    def is_bounded(self) -> bool:  # type: ignore[override]
        """In a run for the sake of shapes, whose errors are those of a call on the host."""
        return _here.zero

    def write(self, array: Array, values: np.ndarray) -> None:
        """Nothing."""

    def read_unasked(self, array: Array) -> np.ndarray:
        """Zeros where numbers are zero; else TypeError."""
        return self.read(array) if _here.zero else super().read_unasked(array)

    def prepare(self, task: Task, layouts: Sequence[Layout | None]) -> Shaped:
        """A call that writes nothing."""
        return Shaped(results_of(task, layouts))

    def take(self, array: Array, index: tuple) -> Array:
        """What an advanced index takes."""
        return self.empty(taken_shape(array.shape, index), array.dtype)

    def put(self, array: Array, index: tuple, value: Any) -> None:
        """RuntimeError where the value does not fit; else nothing."""
        basic = not any(isinstance(item, ARRAYS) for item in index)
        copied_onto(array[index].shape if basic else taken_shape(array.shape, index), np.shape(value))

    def check(self, args: Any, options: dict[str, Any]) -> None:
        """Arrays of the host may stand beside those of the device where numbers are zero."""
        if not _here.zero:
            super().check(args, options)

    def elsewhere(self, other: str, args: Any) -> RuntimeError:
        """PyTorch's error, in which the first argument says what is expected."""
        first = next(value for value in arrays_in(args) if value.ndim)
        found, expected = (other, "meta") if type(first) is Array and first.backend is self else ("meta", other)
        return RuntimeError(f"Tensor on device {found} is not on the expected device {expected}!")

    def run(self, task: Task, inputs: Sequence[Any], weights_cache: dict | None = None) -> list[Any]:
        """Shapes of a task's results; convolutions take arrays of the host beside, as in PyTorch."""
        if task.kernel not in ("fprop", "dgrad") or not task.attributes[0].rank:
            self.check(inputs, {})
        return [self.empty(*layout) for layout in results_of(task, [layout_of(array) for array in inputs])]

    def call(self, function: Callable, args: tuple, options: dict[str, Any]) -> Any:
        """What a NumPy function would give; NotImplementedError for one that nobody has said it of."""
        self.check(indices_aside(function, args), options)
        out = options.pop("out", None)
        rule = None if function is np.nonzero and _here.zero else RULES.get(function)
        if rule is not None:
            results = rule(*args, **options)
        elif getattr(function, "keeps_layout", False):
            results = Layout(args[0].shape, args[0].dtype, in_order(args[0].shape, args, args[0].itemsize))
        elif function is np.nonzero and _here.zero:
            results = [Layout((0,), np.dtype(np.int64))] * args[0].ndim
        elif isinstance(function, np.ufunc) or isinstance(getattr(function, "__self__", None), np.ufunc):
            results = of_ufunc(function, args, options)
        else:
            name = getattr(function, "__name__", str(function))
            raise NotImplementedError(
                message(
                    f"{name}: the shape of its result is not known for tensors on the meta device", fix=".to('cpu')"
                )
            )
        if out is not None:
            outs = out if isinstance(out, tuple) else (out,)
            for array, found in zip(outs, results if isinstance(results, list) else [results]):
                copied_onto(array.shape, found.shape)
            return outs[0] if len(outs) == 1 else outs
        if isinstance(results, list):
            return tuple([self.empty(*layout) for layout in results])
        return self.empty(*results) if isinstance(results, Layout) else results


META = Meta()
register(META)


@contextmanager
def numbers_are_zero() -> Iterator[None]:
    """A run for the sake of shapes: who asks for a number gets 0, and tensors of the host may stand beside."""
    before, _here.zero = _here.zero, True
    try:
        yield
    finally:
        _here.zero = before
