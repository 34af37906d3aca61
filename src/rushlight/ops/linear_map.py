"""Linear operations on one tensor: pad, unfold, fold, average pooling, gather and scatter.

In come a tensor and a pair of array functions that are adjoint to each other; out comes a tensor that can be
differentiated any number of times, because the gradient of one function is the other.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rushlight.autograd.graph import Needs, record
from rushlight.backends import registry
from rushlight.tensor.core import Tensor, memory, wrap_unordered
from rushlight.tensor.layout import wrap_formatted

ArrayFunction = Callable[[np.ndarray], np.ndarray]


def linear_map(
    name: str,
    x: Tensor,
    shape: tuple[int, ...],
    forward: ArrayFunction,
    adjoint: ArrayFunction,
    linear_part: ArrayFunction | None = None,
    keeps_format: bool = True,
) -> Tensor:
    """`forward(x)` of the given shape, whose gradient is `adjoint`; its node is `{name}Backward0`.

    `linear_part` is `forward` without what it adds to the linear map (the value that a pad fills with). The result is
    channels-last where x is, unless not `keeps_format`.
    """
    array = memory(x)
    before = array.shape
    result = registry.evaluate(shape, array.dtype, forward, array)
    y = wrap_formatted(result, x) if keeps_format else wrap_unordered(result)

    def rule(needs: Needs, grad: Tensor) -> tuple[Tensor | None]:
        return (
            linear_map(f"{name}Backward", grad, before, adjoint, linear_part or forward, keeps_format=keeps_format),
        )

    record(f"{name}Backward0", y, (x,), rule)
    return y
