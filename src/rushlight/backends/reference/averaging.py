"""Averages over windows in NumPy: sums, divided; and averages to a given size.

In come `Windows` with what to divide by, or the size wanted, and an array whose last axes are theirs. The sums are
those of the backend that asks. Halves are summed in single precision and rounded once.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, reduce
from math import prod

import numpy as np

from rushlight.backends.reference.pooling import arranged, order_of
from rushlight.rules.windows import Counts, Windows, adaptive_windows
from rushlight.runtime.allocation import allocate
from rushlight.runtime.copying import copy_into

Sums = Callable[..., np.ndarray]
"""`window_sums` or `window_sums_grad` of a backend."""
_SMALL = 4096  # bytes of an array for which memory is not looked for in the pool


def avg_pool(sums: Sums, grid: Windows, divisor: Counts | int, x: np.ndarray) -> np.ndarray:
    """The mean of each window."""
    y = sums(grid, x.astype(_wide(x.dtype), copy=False))
    return _divided(y, divisor, y).astype(x.dtype, copy=False)


def avg_pool_grad(sums: Sums, grid: Windows, divisor: Counts | int, y: np.ndarray) -> np.ndarray:
    """The adjoint: each position has its share of its windows' entries of y."""
    wide = y.astype(_wide(y.dtype), copy=False)
    large = wide.nbytes >= _SMALL
    shares = _divided(wide, divisor, arranged(order_of(y), y.shape, wide.dtype, allocate) if large else None)
    x = sums(grid, (*y.shape[: -len(grid.size)], *grid.size), shares)
    return x.astype(y.dtype, copy=False)


def _divided(sums: np.ndarray, divisor: Counts | int, out: np.ndarray | None) -> np.ndarray:
    """Integers are divided towards zero, as in C."""
    divisor = _counted(divisor) if isinstance(divisor, Counts) else divisor
    if sums.dtype.kind in "iu":
        return np.trunc(sums / divisor).astype(sums.dtype)
    return np.divide(sums, np.asarray(divisor, sums.dtype), out=out)


def divisors(grid: Windows, divisor: Counts | int, dtype: np.dtype) -> np.ndarray:
    """What each window's sum is divided by, for all positions of a plane of results."""
    counts = _counted(divisor) if isinstance(divisor, Counts) else divisor
    return np.ascontiguousarray(np.broadcast_to(counts, grid.out), dtype)


def lengths(size: tuple[int, ...], out: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """How many positions each window of an adaptive pooling has."""
    axes = [[stop - start for start, stop in adaptive_windows(*numbers)] for numbers in zip(size, out)]
    return reduce(np.multiply.outer, map(np.array, axes)).astype(dtype)


@lru_cache(256)
def _counted(counts: Counts) -> np.ndarray:
    return reduce(np.multiply.outer, map(np.array, counts.by_axis()))


def _wide(dtype: np.dtype) -> np.dtype:
    return np.dtype(np.float32) if dtype.itemsize == 2 else dtype


def adaptive_avg_pool(out: tuple[int, ...], x: np.ndarray) -> np.ndarray:
    """Means of windows that cover the input evenly, axis by axis, since a window is a product of intervals."""
    result = x.astype(_wide(x.dtype), copy=False)
    if all(count == 1 for count in out):
        return result.mean(tuple(range(-len(out), 0)), keepdims=True).astype(x.dtype, copy=False)
    for axis, count in enumerate(out, x.ndim - len(out)):
        lines = np.moveaxis(result, axis, 0)
        means = np.empty((count, *lines.shape[1:]), result.dtype)
        for index, (start, stop) in enumerate(adaptive_windows(lines.shape[0], count)):
            means[index] = lines[start:stop].mean(0)
        result = np.moveaxis(means, 0, axis)
    return np.ascontiguousarray(result, dtype=x.dtype)


def adaptive_avg_pool_grad(size: tuple[int, ...], y: np.ndarray) -> np.ndarray:
    """The adjoint, of an input whose last axes have this size."""
    result, lead, out = y.astype(_wide(y.dtype), copy=False), y.shape[: -len(size)], y.shape[-len(size) :]
    if all(n and count % n == 0 for n, count in zip(out, size)):
        return _repeated(size, lead, out, result).astype(y.dtype, copy=False)
    for axis, count in enumerate(size, len(lead)):
        lines = np.moveaxis(result, axis, 0)
        shares = np.zeros((count, *lines.shape[1:]), result.dtype)
        for index, (start, stop) in enumerate(adaptive_windows(count, lines.shape[0])):
            shares[start:stop] += lines[index] / np.asarray(stop - start, shares.dtype)
        result = np.moveaxis(shares, 0, axis)
    return np.ascontiguousarray(result, dtype=y.dtype)


def _repeated(size: tuple[int, ...], lead: tuple[int, ...], out: tuple[int, ...], y: np.ndarray) -> np.ndarray:
    """Windows of one size side by side: each has its share at all its positions."""
    lengths = [count // n for n, count in zip(out, size)]
    shares = y / np.asarray(prod(lengths), y.dtype)
    x = allocate((*lead, *size), y.dtype)
    windows = x.reshape(*lead, *(extent for pair in zip(out, lengths) for extent in pair))
    copy_into(
        windows, np.broadcast_to(np.expand_dims(shares, tuple(range(len(lead) + 1, windows.ndim, 2))), windows.shape)
    )
    return x
