"""Pooling for one, two and three spatial axes: maximum, average, and average to a given size.

In comes (batch, C, *size) or (C, *size); out comes the same with smaller spatial axes. Average pooling is a linear
map with its adjoint; the maximum is a gather at the indices it found, so its gradient scatters to them.
"""

from __future__ import annotations

import numpy as np

from rushlight.autograd.graph import record
from rushlight.autograd.modes import is_grad_enabled
from rushlight.autograd.operation import Gradients, Needs, define
from rushlight.backends import registry
from rushlight.core.errors import message
from rushlight.tensor.core import Tensor, memory, wrap
from rushlight.tensor.layout import wrap_formatted

from ..rules import windows
from ..rules.arguments import integer, not_a_tensor, unsupported_type, wrong_type
from ..rules.windows import Windows
from .conv import code
from .linear_map import Maps, linear_map, linear_row

# -- maximum


def max_pool(
    op: str,
    rank: int,
    x: Tensor,
    kernel_size: object,
    stride: object = None,
    padding: object = 0,
    dilation: object = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """The largest entry of each window (NaN wins), and where it is in its plane if asked."""
    _check_tensor(op, x, "b")
    shape = memory(x).shape
    _, grid = windows.known_pool(op, rank, shape, kernel_size, stride, padding, dilation, ceil_mode)
    wanted = return_indices or (x.requires_grad and is_grad_enabled())
    values, winners = registry.beside(memory(x)).max_pool(grid, memory(x), wanted)
    y = wrap_formatted(values, x)
    record(MAX_POOL[max(rank, 2)], (grid,), y, (x,), (wrap(winners),) if wanted else ())
    return (y, wrap_formatted(registry.beside(winners).positions(grid, winners), x)) if return_indices else y


def _max_rule(grid: Windows, needs: Needs, grad: Tensor, winners: Tensor) -> Gradients:
    whole, _ = needs[0]
    maps = Maps(("max_pool_grad", grid, whole), ("max_pool_gather", grid))
    return (linear_map(_MAX_POOL_BACKWARD, grad, maps, winners),)


def _lower_max(x: np.ndarray, grid: Windows) -> np.ndarray:
    return registry.beside(x).max_pool(grid, x, False)[0]


_MAX_POOL_BACKWARD = linear_row("max_pool_backward", "MaxPoolBackward")
MAX_POOL = {
    rank: define(
        f"max_pool{rank}d_with_indices",
        f"MaxPool{rank}DWithIndicesBackward0",
        derivative=_max_rule,
        results=lambda inputs, grid: [((*inputs[0][0][: -len(grid.out)], *grid.out), inputs[0][1])],
        lowering=_lower_max,
    )
    for rank in (2, 3)
}


# -- average


def avg_pool(
    op: str,
    rank: int,
    x: Tensor,
    kernel_size: object,
    stride: object = None,
    padding: object = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window; padded zeros count unless told otherwise."""
    _check_tensor(op, x, "bu" if memory(x).dtype.itemsize == 8 else "biu")
    if not isinstance(count_include_pad, bool):
        raise wrong_type(op, "count_include_pad", "bool", count_include_pad)
    if divisor_override is not None and integer(op, "divisor_override", divisor_override) == 0:
        raise RuntimeError(message("divisor must be not zero", f"raised by {op}"))
    shape = memory(x).shape
    whole, grid = windows.known_pool(op, rank, shape, kernel_size, stride, padding, 1, ceil_mode)
    divisor = divisor_override or windows.Counts(whole, count_include_pad)
    maps = Maps(("avg_pool", grid, divisor), ("avg_pool_grad", grid, divisor), keeps_format=rank < 3)
    return linear_map(AVG_POOL[max(rank, 2)], x, maps)


# -- average to a given size


def adaptive_avg_pool(op: str, rank: int, x: Tensor, output_size: object) -> Tensor:
    """Means of windows that cover the input evenly, so many as output_size says."""
    _check_tensor(op, x, "biu")
    shape = memory(x).shape
    out = windows.adaptive(op, rank, shape, output_size)
    maps = Maps(("adaptive_avg_pool", out), ("adaptive_avg_pool_grad", shape[-rank:]), keeps_format=rank < 3)
    return linear_map(ADAPTIVE_AVG_POOL[max(rank, 2)], x, maps)


AVG_POOL, ADAPTIVE_AVG_POOL = (
    {rank: linear_row(f"{name}{rank}d", f"{node}{rank}D") for rank in (2, 3)}
    for name, node in (("avg_pool", "AvgPool"), ("adaptive_avg_pool", "AdaptiveAvgPool"))
)


def _check_tensor(op: str, x: Tensor, refused: str) -> None:
    """`refused`: the kinds of elements that PyTorch does not pool."""
    if not isinstance(x, Tensor):
        raise not_a_tensor(op, "input", 1, x)
    if memory(x).dtype.kind in refused:
        raise unsupported_type(op, code(x))
