"""Kernels as operations call them, made of the calls that a backend prepares.

In: a backend's `prepare`. Out: its methods `fprop`, `max_pool`, `fold` and so on, which allocate the results and run
the call, remembered by its task and by how its inputs lie. `Host` is the base of engines of the host, whose arrays are
NumPy's; `device.Device` that of devices with arrays of their own.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from functools import partialmethod
from typing import Any

from rushlight.backends.protocol import KERNELS, Call, Layout, Refusal, Task, layout_of
from rushlight.runtime.memory import empty

_REMEMBERED = 1024


class Preparing:
    """A backend that says `name` and `prepare`, and has every kernel thereby."""

    name = "backend"

    def __init__(self) -> None:
        self._calls: OrderedDict[tuple, Call] = OrderedDict()

    def prepare(self, task: Task, layouts: Sequence[Layout | None]) -> Call:
        """The call for a task; Refusal for what this backend does not do."""
        raise Refusal(f"{self.name} has no kernel {task.kernel}")

    def empty(self, shape: tuple[int, ...], dtype: Any, strides: tuple[int, ...] | None = None) -> Any:
        """An array that may hold anything; contiguous, or with strides that leave no gaps."""
        raise NotImplementedError

    def run(self, task: Task, inputs: Sequence[Any], weights_cache: dict | None = None) -> list[Any]:
        """The results of a task; Refusal for what this backend does not do."""
        call = self._prepared(task, tuple([layout_of(array) for array in inputs]))
        outputs = [self.empty(*layout) for layout in call.outputs]
        call.run(outputs, inputs, None, weights_cache)
        return outputs

    def _prepared(self, task: Task, layouts: tuple) -> Call:
        call = self._calls.get((task, layouts))
        if call is None:
            call = self._calls[task, layouts] = self.prepare(task, layouts)
            while len(self._calls) > _REMEMBERED:
                self._calls.popitem(last=False)
        return call

    def drawing(self, algorithm: str) -> Any:
        """What makes random numbers; Refusal, for a backend that does not say otherwise."""
        raise Refusal(f"{self.name} draws no random numbers")

    # -- as operations call them: attributes, arrays

    def fprop(
        self, spec: Any, x: Any, w: Any, bias: Any = None, activation: Any = None, weights_cache: Any = None
    ) -> Any:
        """x and w to y."""
        return self.run(Task("fprop", (spec, activation)), (x, w, bias), weights_cache)[0]

    def dgrad(
        self, spec: Any, y: Any, w: Any, bias: Any = None, activation: Any = None, weights_cache: Any = None
    ) -> Any:
        """y and w to x."""
        return self.run(Task("dgrad", (spec, activation)), (y, w, bias), weights_cache)[0]

    def max_pool(self, grid: Any, x: Any, wanted: bool) -> tuple[Any, Any]:
        """The largest entry of each window, and the winners if wanted."""
        values, *winners = self.run(Task("max_pool", (grid, wanted)), (x,))
        return values, winners[0] if wanted else None

    def pointwise(self, expressions: tuple, *arrays: Any, out: Sequence[Any] | None = None) -> list[Any]:
        """The value of each expression, element by element; written into `out` where it is given."""
        if out is None:
            return self.run(Task("pointwise", (expressions, None)), arrays)
        task = Task("pointwise", (expressions, tuple([array.strides for array in out])))
        self._prepared(task, tuple([layout_of(array) for array in arrays])).run(out, arrays)
        return list(out)

    def _by_name(self, kernel: str, *arguments: Any) -> Any:
        count = KERNELS[kernel].attributes
        results = self.run(Task(kernel, arguments[:count]), arguments[count:])
        return tuple(results) if KERNELS[kernel].several else results[0]


for _kernel in KERNELS.keys() - {"fprop", "dgrad", "max_pool", "pointwise"}:
    setattr(Preparing, _kernel, partialmethod(Preparing._by_name, _kernel))


class Host(Preparing):
    """The base of an engine whose arrays are NumPy's."""

    def empty(self, shape: tuple[int, ...], dtype: Any, strides: tuple[int, ...] | None = None) -> Any:
        """An array of recycled memory whose axes follow each other as the strides say."""
        if strides is None:
            return empty(shape, dtype)
        order = sorted(range(len(shape)), key=lambda axis: -strides[axis])
        back = sorted(range(len(shape)), key=order.__getitem__)
        return empty(tuple([shape[axis] for axis in order]), dtype).transpose(back)
