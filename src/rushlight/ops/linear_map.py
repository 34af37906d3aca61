"""Linear operations on one tensor: pad, unfold, fold, average pooling, gather and scatter.

In come a tensor and a pair of kernels that are adjoint to each other; out comes a tensor that can be differentiated any
number of times, because the gradient of one kernel is the other. A kernel is its name in the backends and its
attributes; `operands` are arrays that it takes before the tensor's, such as the winners of a maximum.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from rushlight.autograd.graph import record
from rushlight.autograd.operation import OPERATIONS, Gradients, Operation, define
from rushlight.backends import registry
from rushlight.backends.protocol import KERNELS, Layout
from rushlight.tensor.core import Tensor, memory, wrap_unordered
from rushlight.tensor.layout import wrap_formatted

Kernel = tuple  # (name, *attributes)


class Maps(NamedTuple):
    """The attributes of a linear map: its kernel and the adjoint one.

    `linear` is `forward` without what it adds to the linear map (the value that a pad fills with), if anything. The
    result is channels-last where the tensor is, unless not `keeps_format`.
    """

    forward: Kernel
    adjoint: Kernel
    linear: Kernel | None = None
    keeps_format: bool = True

    def swapped(self) -> Maps:
        """The map that is the gradient of this one."""
        return Maps(self.adjoint, self.linear or self.forward, None, self.keeps_format)


def bounded_itemsize(array: Any) -> int:
    """Bytes an element, for sizes that must fit this machine's memory; 0 where they need not."""
    return array.itemsize if type(array) is np.ndarray or array.backend.is_bounded else 0


def linear_map(row: Operation, x: Tensor, maps: Maps, *operands: Tensor) -> Tensor:
    """What the kernel `maps.forward` makes of x, as the operation `row`."""
    result = _lower(memory(x), *map(memory, operands), *maps)
    y = wrap_formatted(result, x) if maps.keeps_format else wrap_unordered(result)
    record(row, maps, y, (x, *operands), operands)
    return y


def linear_row(name: str, node: str) -> Operation:
    """The row of a linear map, with that of its gradient behind it: `{node}Backward0` and `{node}BackwardBackward0`."""
    second = f"{name}_backward"
    define(second, f"{node}BackwardBackward0", derivative=partial(_rule, second), results=_results, lowering=_lower)
    return define(name, f"{node}Backward0", derivative=partial(_rule, second), results=_results, lowering=_lower)


def _rule(second: str, *given: Any) -> Gradients:
    maps, (needs, grad, *operands) = Maps(*given[:4]), given[4:]
    return (linear_map(OPERATIONS[second], grad, maps.swapped(), *operands), *needs[1:])


def _results(inputs: list, forward: Kernel, *rest: object) -> list:
    name, *attributes = forward
    x, *operands = [Layout(*layout) for layout in inputs]
    return [(layout.shape, layout.dtype) for layout in KERNELS[name].results([*operands, x], *attributes)]


def _lower(*given: Any) -> Any:
    x, *operands, forward, _, _, _ = given
    name, *attributes = forward
    return getattr(registry.beside(x), name)(*attributes, *operands, x)
