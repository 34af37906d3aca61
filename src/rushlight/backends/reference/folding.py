"""Unfold and fold in NumPy: the gather and the scatter half of a convolution.

In come `Windows` and an array (batch, C, *size), or without batch, and out goes (batch, C·taps, blocks), or the other
way; fold adds where blocks overlap. Each is the adjoint of the other.
"""

from __future__ import annotations

from math import prod

import numpy as np

from rushlight.core.memory import worded
from rushlight.rules.in_bounds import iterate_taps
from rushlight.rules.windows import Windows


def _steps(grid: Windows) -> tuple:
    """The arguments of `iterate_taps` over the taps of windows."""
    return grid.taps, grid.dilation, grid.padding, grid.stride, grid.out, grid.size


@worded
def unfold(grid: Windows, x: np.ndarray) -> np.ndarray:
    """The blocks that windows see, as columns."""
    rank = len(grid.size)
    lead = x.shape[:-rank]  # (batch, channels) or (channels,)
    columns = np.zeros((*lead, *grid.taps, *grid.out), x.dtype)
    for tap, outputs, inputs in iterate_taps(*_steps(grid)):
        columns[(..., *tap, *outputs)] = x[(..., *inputs)]
    return columns.reshape(*lead[:-1], lead[-1] * prod(grid.taps), prod(grid.out))


@worded
def fold(grid: Windows, columns: np.ndarray) -> np.ndarray:
    """The image in which each position is the sum of the blocks' entries there, of halves in single precision."""
    lead = (*columns.shape[:-2], columns.shape[-2] // prod(grid.taps))
    blocks = columns.reshape(*lead, *grid.taps, *grid.out)
    half = columns.itemsize == 2
    image = np.zeros((*lead, *grid.size), np.float32 if half else columns.dtype)
    for tap, outputs, inputs in iterate_taps(*_steps(grid)):
        image[(..., *inputs)] += blocks[(..., *tap, *outputs)]
    return image.astype(columns.dtype, copy=False)
