"""Prepared calls of the reference: each computes its results and copies them where it is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rushlight.backends.protocol import Layout, Task


class NumPyCall:
    """A task done by a function of this backend. NumPy allocates what it computes, so this is copied."""

    scratch_bytes = 0

    def __init__(self, function: Callable, task: Task, outputs: Sequence[Layout]) -> None:
        self.function, self.task, self.outputs = function, task, outputs

    def run(
        self, outputs: Sequence[Any], inputs: Sequence[Any], scratch: Any = None, weights_cache: dict | None = None
    ) -> None:
        """Compute, and copy."""
        attributes = self.task.attributes
        if self.task.kernel == "pointwise":
            self.function(attributes[0], *inputs, out=outputs)
            return
        if self.task.kernel in ("fprop", "dgrad", "max_pool"):  # whose last attribute is behind the arrays
            result = self.function(attributes[0], *inputs, attributes[1])
        else:
            result = self.function(*attributes, *inputs)
        for out, array in zip(outputs, result if isinstance(result, tuple) else (result,)):
            out[...] = array
