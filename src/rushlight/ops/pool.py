"""Pooling for one, two and three spatial axes: maximum, average, and average to a given size.

In comes (batch, C, *size) or (C, *size); out comes the same with smaller spatial axes. Average pooling is a linear
map with its adjoint; the maximum is a gather at the indices it found, so its gradient scatters to them.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from rushlight.autograd.graph import Needs, record
from rushlight.autograd.modes import is_grad_enabled
from rushlight.backends import registry
from rushlight.core.errors import message
from rushlight.tensor.core import Tensor, memory
from rushlight.tensor.layout import wrap_formatted

from ..rules import windows
from ..rules.arguments import integer, not_a_tensor, unsupported_type, wrong_type
from ..rules.windows import Windows
from .conv import code
from .linear_map import linear_map

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
    grid = windows.pool(op, rank, shape, kernel_size, stride, padding, dilation, ceil_mode).met()
    wanted = return_indices or (x.requires_grad and is_grad_enabled())
    values, winners = registry.beside(memory(x)).max_pool(grid, memory(x), wanted)
    y = wrap_formatted(values, x)
    if wanted:
        record(f"MaxPool{max(rank, 2)}DWithIndicesBackward0", y, (x,), partial(_max_rule, grid, shape, winners))
    return (y, wrap_formatted(registry.beside(winners).positions(grid, winners), x)) if return_indices else y


def _max_rule(grid: Windows, whole: tuple[int, ...], winners: np.ndarray, needs: Needs, grad: Tensor) -> tuple[Tensor]:
    scatter, gather = ("max_pool_grad", grid, whole, winners), ("max_pool_gather", grid, winners)
    return (linear_map("MaxPoolBackward", grad, whole, scatter, gather),)


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
    grid = windows.pool(op, rank, shape, kernel_size, stride, padding, 1, ceil_mode)
    divisor = divisor_override or windows.Counts(grid, count_include_pad)
    grid = grid.met()
    forward, adjoint = ("avg_pool", grid, divisor), ("avg_pool_grad", grid, divisor)
    name, out = f"AvgPool{max(rank, 2)}D", (*shape[:-rank], *grid.out)
    return linear_map(name, x, out, forward, adjoint, keeps_format=rank < 3)


# -- average to a given size


def adaptive_avg_pool(op: str, rank: int, x: Tensor, output_size: object) -> Tensor:
    """Means of windows that cover the input evenly, so many as output_size says."""
    _check_tensor(op, x, "biu")
    shape = memory(x).shape
    out = windows.adaptive(op, rank, shape, output_size)
    name, forward, adjoint = (
        f"AdaptiveAvgPool{max(rank, 2)}D",
        ("adaptive_avg_pool", out),
        ("adaptive_avg_pool_grad", shape[-rank:]),
    )
    return linear_map(name, x, (*shape[:-rank], *out), forward, adjoint, keeps_format=rank < 3)


def _check_tensor(op: str, x: Tensor, refused: str) -> None:
    """`refused`: the kinds of elements that PyTorch does not pool."""
    if not isinstance(x, Tensor):
        raise not_a_tensor(op, "input", 1, x)
    if memory(x).dtype.kind in refused:
        raise unsupported_type(op, code(x))
