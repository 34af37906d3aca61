"""Prepared calls of the compiled engine as the protocol has them: who runs them gives results and scratch.

In: a call of an algorithm, which allocates its result only where none is given. Out: a `protocol.Call`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..protocol import Layout, layout_of, strides_of


class LayerCall:
    """fprop or dgrad: of a source, a weight and a bias."""

    def __init__(self, call: Any) -> None:
        self.call = call
        self.outputs = (call.layout,)
        self.scratch_bytes = call.scratch_bytes

    def run(
        self, outputs: Sequence[Any], inputs: Sequence[Any], scratch: Any = None, weights_cache: dict | None = None
    ) -> None:
        """Write the result. It is computed aside where the algorithm has to be another for these numbers."""
        (out,), (source, w, bias) = outputs, inputs
        result = self.call(source, w, bias, weights_cache, out, scratch)
        if result is not out:
            out[...] = result


class SumCall:
    """A sum: a weight's or a bias's gradient, or that of a pooling; its scratch is its own."""

    scratch_bytes = 0

    def __init__(self, call: Callable, outputs: Sequence[Layout]) -> None:
        self.call, self.outputs = call, outputs

    def run(
        self, outputs: Sequence[Any], inputs: Sequence[Any], scratch: Any = None, weights_cache: dict | None = None
    ) -> None:
        """Write the result."""
        result = self.call(*inputs, outputs[0])
        if result is not outputs[0]:
            outputs[0][...] = result


class PoolCall:
    """Maximum pooling: the maxima, and the winners if they are wanted."""

    scratch_bytes = 0

    def __init__(self, call: Any) -> None:
        self.call = call
        self.outputs = [layout for array in call.results(np.empty) if (layout := layout_of(array)) is not None]

    def run(
        self, outputs: Sequence[Any], inputs: Sequence[Any], scratch: Any = None, weights_cache: dict | None = None
    ) -> None:
        """Write the results."""
        self.call(inputs[0], (outputs[0], outputs[1] if len(outputs) > 1 else None))


class NormTask:
    """A normalisation or its gradient; its scratch is its own."""

    scratch_bytes = 0

    def __init__(self, call: Any) -> None:
        self.call, self.outputs = call, [layout for array in call.empty() if (layout := layout_of(array)) is not None]

    def run(
        self, outputs: Sequence[Any], inputs: Sequence[Any], scratch: Any = None, weights_cache: dict | None = None
    ) -> None:
        """Write the results."""
        self.call.into(outputs, *inputs)


class Copying:
    """A call for a source that kernels cannot read: they get a copy."""

    def __init__(self, call: Any) -> None:
        self.call, self.layout, self.scratch_bytes = call, call.layout, call.scratch_bytes

    def __call__(self, source: np.ndarray, *others: Any) -> np.ndarray:
        return self.call(np.ascontiguousarray(source), *others)

    def describe(self) -> str:
        """The plan for people."""
        return self.call.describe()


def stand_in(layout: Layout) -> np.ndarray:
    """An array that lies so, of memory that nobody touches."""
    strides = strides_of(layout)
    low = sum(min((n - 1) * s, 0) for n, s in zip(layout.shape, strides))
    extent = sum(abs(n - 1) * abs(s) for n, s in zip(layout.shape, strides)) + layout.dtype.itemsize
    if 0 in layout.shape:
        return np.empty(layout.shape, layout.dtype)
    return np.ndarray(layout.shape, layout.dtype, np.empty(extent, np.uint8), -low, strides)
