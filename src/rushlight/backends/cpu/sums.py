"""Sums over windows, and their adjoint: depthwise convolutions all of whose weights are 1.

In: `Windows` without dilation, and an array whose last axes are theirs. Out: the sums, or their adjoint. Average
pooling is this and a division. What no convolution serves NumPy adds (integers, halves, windows of thousands).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import prod

import numpy as np

from ...rules.spec import ConvSpec
from ...rules.windows import Windows
from ..reference import pooling

MOST = 1024
"""Entries of a window, from which on passes over slices are as good."""


def window_sums(grid: Windows, x: np.ndarray, fprop: Callable) -> np.ndarray:
    """The sum of each window; `fprop` is the engine's."""
    if not _serves(grid, x, x.shape):
        return pooling.window_sums(grid, x)
    return _as_channels(x, len(grid.size), lambda x: _through(fprop, grid, x))


def window_sums_grad(grid: Windows, shape: tuple[int, ...], y: np.ndarray, dgrad: Callable) -> np.ndarray:
    """The adjoint: an array of this shape with the sum of its windows' entries of y at each position."""
    if not _serves(grid, y, shape):
        return pooling.window_sums_grad(grid, shape, y)
    return _as_channels(y, len(grid.size), lambda y: _through(dgrad, grid, y))


def _serves(grid: Windows, a: np.ndarray, shape: tuple[int, ...]) -> bool:
    sizes = 0 not in a.shape and 0 not in shape and prod(grid.taps) <= MOST
    return sizes and a.dtype.char in "fd" and a.dtype.isnative and all(d == 1 for d in grid.dilation)


def _as_channels(a: np.ndarray, rank: int, run: Callable) -> np.ndarray:
    """`run` on (batch, channels, *size): a lone channel of many images is many channels of one."""
    unbatched = a.ndim == rank + 1
    a = a[None] if unbatched else a
    swapped = a.shape[1] == 1
    result = run(a.swapaxes(0, 1) if swapped else a)
    result = result.swapaxes(0, 1) if swapped else result
    return result[0] if unbatched else result


def _through(kernel: Callable, grid: Windows, a: np.ndarray) -> np.ndarray:
    batch, channels = a.shape[:2]
    spec = _spec(grid, batch, channels, {"f": "f32", "d": "f64"}[a.dtype.char])
    ones, weights_cache = _ones(channels, grid.taps, a.dtype)
    return kernel(spec, a, ones, None, None, weights_cache)


@lru_cache(maxsize=256)
def _spec(grid: Windows, batch: int, channels: int, dtype: str) -> ConvSpec:
    """The convolution with these windows; the padding behind is what the last of them reads, negative if less."""
    rows = zip(grid.size, grid.taps, grid.stride, grid.padding, grid.out)
    padding = tuple((lo, (out - 1) * step + taps - size - lo) for size, taps, step, lo, out in rows)
    return ConvSpec.of(
        batch, channels, channels, grid.size, grid.taps,
        stride=grid.stride, padding=padding, groups=channels, dtype=dtype,
    )  # fmt: skip


@lru_cache(maxsize=64)
def _ones(channels: int, taps: tuple[int, ...], dtype: np.dtype) -> tuple[np.ndarray, dict]:
    """Weights of 1 with room for what kernels make of them."""
    return np.ones((channels, 1, *taps), dtype), {}
