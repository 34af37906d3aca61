"""Linear operations on one tensor: pad, unfold, fold, average pooling, gather and scatter.

In come a tensor and a pair of kernels that are adjoint to each other; out comes a tensor that can be differentiated any
number of times, because the gradient of one kernel is the other. A kernel is its name in the backends and what it takes
before the array.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rushlight.autograd.graph import Needs, record
from rushlight.backends import registry
from rushlight.tensor.core import Tensor, memory, wrap_unordered
from rushlight.tensor.layout import wrap_formatted

Kernel = tuple  # (name, *attributes)


def bounded_itemsize(array: Any) -> int:
    """Bytes an element, for sizes that must fit this machine's memory; 0 where they need not."""
    return array.itemsize if type(array) is np.ndarray or array.backend.is_bounded else 0


def linear_map(
    name: str,
    x: Tensor,
    shape: tuple[int, ...],
    forward: Kernel,
    adjoint: Kernel,
    linear_part: Kernel | None = None,
    keeps_format: bool = True,
) -> Tensor:
    """What the kernel `forward` makes of x, of this shape; its gradient is `adjoint`, its node `{name}Backward0`.

    `linear_part` is `forward` without what it adds to the linear map (the value that a pad fills with). The result is
    channels-last where x is, unless not `keeps_format`.
    """
    array = memory(x)
    before = array.shape
    result = registry.apply(forward, array)
    y = wrap_formatted(result, x) if keeps_format else wrap_unordered(result)

    def rule(needs: Needs, grad: Tensor) -> tuple[Tensor | None]:
        return (
            linear_map(f"{name}Backward", grad, before, adjoint, linear_part or forward, keeps_format=keeps_format),
        )

    record(f"{name}Backward0", y, (x,), rule)
    return y
