"""Pooling for one, two and three spatial axes: maximum, average, and average to a given size.

In comes (batch, C, *size) or (C, *size); out comes the same with smaller spatial axes. Average pooling is a linear
map with its adjoint; the maximum is a gather at the indices it found, so its gradient scatters to them.
"""

from __future__ import annotations

from functools import partial, reduce
from math import prod

import numpy as np

from rushlight.autograd.graph import Needs, record
from rushlight.autograd.modes import is_grad_enabled
from rushlight.backends import registry
from rushlight.backends.reference.pooling import arranged, max_pool_gather, meetings, order_of
from rushlight.core.errors import message
from rushlight.tensor.allocation import allocate
from rushlight.tensor.core import Tensor, memory, wrap
from rushlight.tensor.layout import wrap_formatted

from ..rules import formula, windows
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
    out = (*shape[:-rank], *grid.out)
    if isinstance(registry.current(), registry.Shapes):
        y, indices = wrap(registry.hollow(out, memory(x).dtype)), registry.hollow(out, np.dtype(np.int64))
        record(f"MaxPool{max(rank, 2)}DWithIndicesBackward0", y, (x,), partial(_max_rule, grid, shape, indices))
        return (y, wrap(indices)) if return_indices else y
    wanted = return_indices or (x.requires_grad and is_grad_enabled())
    values, winners = registry.current().max_pool(grid, memory(x), wanted)
    y = wrap_formatted(values, x)
    if wanted:
        record(f"MaxPool{max(rank, 2)}DWithIndicesBackward0", y, (x,), partial(_max_rule, grid, shape, winners))
    return (y, wrap_formatted(_positions(grid, winners), x)) if return_indices else y


def _max_rule(grid: Windows, whole: tuple[int, ...], winners: np.ndarray, needs: Needs, grad: Tensor) -> tuple[Tensor]:
    gather = partial(max_pool_gather, grid, winners)
    return (linear_map("MaxPoolBackward", grad, whole, partial(_scatter, grid, whole, winners), gather),)


def _scatter(grid: Windows, shape: tuple[int, ...], winners: np.ndarray, y: np.ndarray) -> np.ndarray:
    return registry.current().max_pool_grad(grid, shape, winners, y)


def _positions(grid: Windows, winners: np.ndarray) -> np.ndarray:
    """The flat position in its plane of each window's maximum."""
    indices = np.zeros(winners.shape, np.int64)
    plane = np.arange(prod(grid.size)).reshape(grid.size)
    for number, outputs, inputs in meetings(grid):
        np.copyto(indices[(..., *outputs)], plane[inputs], where=winners[(..., *outputs)] == number)
    return indices


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
    divisor = divisor_override or _divisors(grid, count_include_pad)
    grid = grid.met()
    forward, adjoint = partial(_means, grid, divisor), partial(_spread, grid, divisor)
    name, out = f"AvgPool{max(rank, 2)}D", (*shape[:-rank], *grid.out)
    return linear_map(name, x, out, forward, adjoint, keeps_format=rank < 3)


def _divisors(grid: Windows, count_include_pad: bool) -> np.ndarray:
    """How many positions each window counts: those in the input, or in the input and its padding."""
    counts = []
    for n, k, s, p, out in zip(grid.size, grid.taps, grid.stride, grid.padding, grid.out):
        start = np.arange(out) * s - p
        stop = np.minimum(start + k, n + p)
        counts.append(stop - start if count_include_pad else np.minimum(stop, n) - np.maximum(start, 0))
    return reduce(np.multiply.outer, counts)


def _means(grid: Windows, divisor: np.ndarray | int, x: np.ndarray) -> np.ndarray:
    sums = registry.current().window_sums(grid, x.astype(_wide(x.dtype), copy=False))
    return _divided(sums, divisor, sums).astype(x.dtype, copy=False)


def _spread(grid: Windows, divisor: np.ndarray | int, y: np.ndarray) -> np.ndarray:
    wide = y.astype(_wide(y.dtype), copy=False)
    shares = _divided(wide, divisor, arranged(order_of(y), y.shape, wide.dtype, allocate))
    x = registry.current().window_sums_grad(grid, (*y.shape[: -len(grid.size)], *grid.size), shares)
    return x.astype(y.dtype, copy=False)


def _divided(sums: np.ndarray, divisor: np.ndarray | int, out: np.ndarray) -> np.ndarray:
    """Integers are divided towards zero, as in C."""
    if sums.dtype.kind in "iu":
        return np.trunc(sums / divisor).astype(sums.dtype)
    return np.divide(sums, np.asarray(divisor, sums.dtype), out=out)


def _wide(dtype: np.dtype) -> np.dtype:
    return np.dtype(np.float32) if dtype.itemsize == 2 else dtype


# -- average to a given size


def adaptive_avg_pool(op: str, rank: int, x: Tensor, output_size: object) -> Tensor:
    """Means of windows that cover the input evenly, so many as output_size says."""
    _check_tensor(op, x, "biu")
    shape = memory(x).shape
    out = windows.adaptive(op, rank, shape, output_size)
    forward = partial(_adaptive_means, out)
    return linear_map(
        f"AdaptiveAvgPool{max(rank, 2)}D",
        x,
        (*shape[:-rank], *out),
        forward,
        partial(_adaptive_spread, shape[-rank:]),
        keeps_format=rank < 3,
    )


def _bounds(size: int, out: int) -> list[tuple[int, int]]:
    return [
        (
            formula.ADAPTIVE_START(index=index, size=size, out=out),
            formula.ADAPTIVE_STOP(index=index, size=size, out=out),
        )
        for index in range(out)
    ]


def _adaptive_means(out: tuple[int, ...], x: np.ndarray) -> np.ndarray:
    """Axis by axis, since a window is a product of intervals."""
    result = x.astype(_wide(x.dtype), copy=False)
    for axis, count in enumerate(out, x.ndim - len(out)):
        lines = np.moveaxis(result, axis, 0)
        means = np.empty((count, *lines.shape[1:]), result.dtype)
        for index, (start, stop) in enumerate(_bounds(lines.shape[0], count)):
            means[index] = lines[start:stop].mean(0)
        result = np.moveaxis(means, 0, axis)
    return np.ascontiguousarray(result, dtype=x.dtype)


def _adaptive_spread(size: tuple[int, ...], y: np.ndarray) -> np.ndarray:
    result, lead, out = y.astype(_wide(y.dtype), copy=False), y.shape[: -len(size)], y.shape[-len(size) :]
    if all(n and count % n == 0 for n, count in zip(out, size)):
        return _repeated(size, lead, out, result).astype(y.dtype, copy=False)
    for axis, count in enumerate(size, len(lead)):
        lines = np.moveaxis(result, axis, 0)
        spread = np.zeros((count, *lines.shape[1:]), result.dtype)
        for index, (start, stop) in enumerate(_bounds(count, lines.shape[0])):
            spread[start:stop] += lines[index] / np.asarray(stop - start, spread.dtype)
        result = np.moveaxis(spread, 0, axis)
    return np.ascontiguousarray(result, dtype=y.dtype)


def _repeated(size: tuple[int, ...], lead: tuple[int, ...], out: tuple[int, ...], y: np.ndarray) -> np.ndarray:
    """Windows of one size side by side: each has its share in all its places."""
    lengths = [count // n for n, count in zip(out, size)]
    shares = y / np.asarray(prod(lengths), y.dtype)
    x = allocate((*lead, *size), y.dtype)
    places = x.reshape(*lead, *(extent for pair in zip(out, lengths) for extent in pair))
    places[...] = np.expand_dims(shares, tuple(range(len(lead) + 1, places.ndim, 2)))
    return x


def _check_tensor(op: str, x: Tensor, refused: str) -> None:
    """`refused`: the kinds of elements that PyTorch does not pool."""
    if not isinstance(x, Tensor):
        raise not_a_tensor(op, "input", 1, x)
    if memory(x).dtype.kind in refused:
        raise unsupported_type(op, code(x))
