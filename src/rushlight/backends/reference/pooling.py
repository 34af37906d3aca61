"""Pooling in NumPy: its definition, and what computes it where nothing is compiled.

In come `Windows` and arrays whose last axes are the windows'; out come the maxima, with the winners: the number of the
tap that is each window's maximum, counted through all taps in their order. The gradient is a scatter to the winners,
its adjoint a gather. Averages (`averaging`) are sums over windows, divided.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from rushlight.backends.protocol import winner_dtype
from rushlight.rules.in_bounds import iterate_taps

if TYPE_CHECKING:
    from rushlight.rules.windows import Windows


def max_pool(grid: Windows, x: np.ndarray, wanted: bool) -> tuple[np.ndarray, np.ndarray | None]:
    """The largest entry of each window, and the winners if wanted, in the memory order of x."""
    values = _maxima(grid, x)
    return values, _winners(grid, x, values) if wanted else None


def max_pool_grad(grid: Windows, shape: tuple[int, ...], winners: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The adjoint: an array of this shape with the sum of what each position's windows have in y."""
    x = laid_like(winners, shape, np.dtype(np.float32) if y.dtype.itemsize == 2 else y.dtype)
    x.fill(0)
    bits = y.view(np.dtype(f"u{y.itemsize}"))  # times 0 they are 0, which infinity and NaN are not
    for number, outputs, inputs in numbered_taps(grid):
        x[(..., *inputs)] += (bits[(..., *outputs)] * (winners[(..., *outputs)] == number)).view(y.dtype)
    return x.astype(y.dtype, copy=False)


def max_pool_gather(grid: Windows, winners: np.ndarray, x: np.ndarray) -> np.ndarray:
    """What x has where each window's maximum was; 0 for a window that lies in the padding alone."""
    y = laid_like(winners, winners.shape, x.dtype)
    y.fill(0)
    for number, outputs, inputs in numbered_taps(grid):
        np.copyto(y[(..., *outputs)], x[(..., *inputs)], where=winners[(..., *outputs)] == number)
    return y


def positions(grid: Windows, winners: np.ndarray) -> np.ndarray:
    """The flat position in its plane of each window's maximum."""
    indices = np.zeros(winners.shape, np.int64)
    plane = np.arange(prod(grid.size)).reshape(grid.size)
    for number, outputs, inputs in numbered_taps(grid):
        np.copyto(indices[(..., *outputs)], plane[inputs], where=winners[(..., *outputs)] == number)
    return indices


def window_sums(grid: Windows, x: np.ndarray) -> np.ndarray:
    """The sum of each window's entries, tap after tap."""
    y = np.zeros((*x.shape[: -len(grid.size)], *grid.out), x.dtype)
    for _, outputs, inputs in numbered_taps(grid):
        y[(..., *outputs)] += x[(..., *inputs)]
    return y


def window_sums_grad(grid: Windows, shape: tuple[int, ...], y: np.ndarray) -> np.ndarray:
    """The adjoint: an array of this shape with the sum of what each position's windows have in y."""
    x = np.zeros(shape, y.dtype)
    for _, outputs, inputs in numbered_taps(grid):
        x[(..., *inputs)] += y[(..., *outputs)]
    return x


def numbered_taps(grid: Windows) -> Iterator[tuple[int, tuple[slice, ...], tuple[slice, ...]]]:
    """Every tap that reads an input: its number among all taps, and the slices of outputs and inputs."""
    for tap, outputs, inputs in iterate_taps(grid.taps, grid.dilation, grid.padding, grid.stride, grid.out, grid.size):
        number = 0
        for k, count in zip(tap, grid.taps):
            number = number * count + k
        yield number, outputs, inputs


def order_of(a: np.ndarray, last: int | None = None) -> tuple[list[int], list[int]]:
    """The axes as they follow each other in memory, `last` behind the others where given; and the way back."""
    order = sorted(range(a.ndim), key=lambda axis: (axis == last, -a.strides[axis]))
    return order, sorted(range(a.ndim), key=order.__getitem__)


def arranged(order: tuple, shape: Sequence[int], dtype: np.dtype, empty: Callable = np.empty) -> np.ndarray:
    """An empty array of this shape whose axes follow each other so."""
    order, back = order
    return empty(tuple([shape[axis] for axis in order]), dtype).transpose(back)


def laid_like(x: np.ndarray, shape: Sequence[int], dtype: np.dtype) -> np.ndarray:
    """An empty array whose axes follow each other in memory as those of x do."""
    return arranged(order_of(x), shape, dtype)


def _maxima(grid: Windows, x: np.ndarray) -> np.ndarray:
    lowest = -np.inf if x.dtype.kind not in "iu" else np.iinfo(x.dtype).min
    values = laid_like(x, (*x.shape[: -len(grid.size)], *grid.out), x.dtype)
    values.fill(lowest)
    for _, outputs, inputs in numbered_taps(grid):
        np.maximum(values[(..., *outputs)], x[(..., *inputs)], out=values[(..., *outputs)])
    return values


def _winners(grid: Windows, x: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Which tap of each window is its maximum: the first of equals, the last of several NaN."""
    taps = list(numbered_taps(grid))
    winners = laid_like(values, values.shape, winner_dtype(grid))
    winners.fill(0)
    for number, outputs, inputs in reversed(taps):
        hit = x[(..., *inputs)] == values[(..., *outputs)]
        np.copyto(winners[(..., *outputs)], winners.dtype.type(number), where=hit)
    if x.dtype.kind not in "iu" and (values != values).any():
        for number, outputs, inputs in taps:
            here = x[(..., *inputs)]
            np.copyto(winners[(..., *outputs)], winners.dtype.type(number), where=here != here)
    return winners
