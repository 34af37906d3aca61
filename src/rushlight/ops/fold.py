"""Unfold and fold for one, two and three spatial axes: the gather and the scatter half of a convolution.

In comes (batch, C, *size) and out goes (batch, C·taps, blocks), or the other way; fold adds where blocks overlap.
Each is the gradient of the other.
"""

from __future__ import annotations

from rushlight.tensor.core import Tensor, memory

from ..rules import windows
from ..rules.arguments import not_a_tensor, unsupported_type
from .conv import code
from .linear_map import Maps, bounded_itemsize, linear_map, linear_row

IM2COL, COL2IM = linear_row("im2col", "Im2Col"), linear_row("col2im", "Col2Im")


def unfold(x: Tensor, kernel_size: object, dilation: object = 1, padding: object = 0, stride: object = 1) -> Tensor:
    """The blocks that the kernel slides over, as columns."""
    _check_tensor("unfold", "im2col_out_cpu", x)
    shape = memory(x).shape
    grid = windows.unfold(shape, kernel_size, dilation, padding, stride, bounded_itemsize(memory(x)))
    return linear_map(IM2COL, x, Maps(("unfold", grid), ("fold", grid)))


def fold(
    x: Tensor,
    output_size: object,
    kernel_size: object,
    dilation: object = 1,
    padding: object = 0,
    stride: object = 1,
) -> Tensor:
    """The image in which each position is the sum of the blocks' entries there."""
    _check_tensor("fold", "col2im_out_cpu", x)
    shape = memory(x).shape
    grid = windows.fold(shape, output_size, kernel_size, dilation, padding, stride, bounded_itemsize(memory(x)))
    return linear_map(COL2IM, x, Maps(("fold", grid), ("unfold", grid)))


def _check_tensor(op: str, kernel: str, x: Tensor) -> None:
    if not isinstance(x, Tensor):
        raise not_a_tensor(op, "input", 1, x)
    if memory(x).dtype.kind in "iu":
        raise unsupported_type(kernel, code(x))
