"""The reference engine: the definition of the three kernels, in NumPy.

In come a `ConvSpec` and arrays of any strides and dtype, out goes an array of the same dtype. There is one
routine, `correlate`; dgrad and wgrad are correlations with the specs that `spec.dgrad()` and `spec.wgrad()`
give. Every test of the package holds other engines against this one, and it is the fallback where nothing
can be compiled.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import prod

import numpy as np

from rushlight.backends.protocol import Layout, Task, results_of
from rushlight.backends.reference import averaging
from rushlight.backends.reference.averaging import adaptive_avg_pool, adaptive_avg_pool_grad
from rushlight.backends.reference.calls import NumPyCall
from rushlight.backends.reference.folding import fold, unfold
from rushlight.backends.reference.normalizing import norm, norm_apply, norm_grad
from rushlight.backends.reference.padding import pad_constant, pad_copies, pad_copies_grad
from rushlight.backends.reference.pointwise import pointwise
from rushlight.backends.reference.pooling import (
    max_pool,
    max_pool_gather,
    max_pool_grad,
    positions,
    window_sums,
    window_sums_grad,
)
from rushlight.backends.reference.reduction import reduction
from rushlight.backends.reference.sampling import grid_sample, grid_sample_grad, grid_sample_grid_grad
from rushlight.core.dtypes import of_numpy
from rushlight.core.memory import worded
from rushlight.rules.in_bounds import iterate_taps
from rushlight.rules.spec import ConvSpec

__all__ = [
    "adaptive_avg_pool", "adaptive_avg_pool_grad", "avg_pool", "avg_pool_grad", "bias_grad", "dgrad", "drawing", "fold",
    "fprop", "grid_sample", "grid_sample_grad", "grid_sample_grid_grad", "max_pool", "max_pool_gather", "max_pool_grad",
    "name", "norm", "norm_apply", "norm_grad", "pad_constant", "pad_copies", "pad_copies_grad", "pointwise",
    "positions", "prepare", "reduction", "unfold", "wgrad",
]  # fmt: skip

avg_pool = partial(averaging.avg_pool, window_sums)
avg_pool_grad = partial(averaging.avg_pool_grad, window_sums_grad)
name = "reference"


def drawing(algorithm: str) -> None:
    """No kernels draw random numbers: the words are Python's own generator's, and `draws` makes numbers of them."""


def prepare(task: Task, layouts: Sequence[Layout | None]) -> NumPyCall:
    """The call for any task."""
    return NumPyCall(globals()[task.kernel], task, results_of(task, layouts))


@worded
@np.errstate(all="ignore")
def matmul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The products of matrices (…, n, k) and (…, k, m), whose batches broadcast; halves in float32, rounded once."""
    if a.dtype.itemsize == 2 and of_numpy(a.dtype).is_floating_point:
        return np.asarray(np.matmul(a.astype(np.float32), b.astype(np.float32))).astype(a.dtype)
    return np.asarray(np.matmul(a, b))


@worded
def fprop(
    spec: ConvSpec,
    x: np.ndarray,
    w: np.ndarray,
    bias: np.ndarray | None = None,
    activation: str | None = None,
    weights_cache: dict | None = None,
) -> np.ndarray:
    """`y[n, co, o] = bias[co] + Σ x[n, ci, i]·w[co, ci, k]` over the channels of co's group and the taps."""
    if any(map(any, spec.padding)) and x.dtype.kind not in "iub" and not _finite(w):
        spec, x = _padded(spec, x)  # a padded zero really multiplies: 0·∞ is NaN
    return _finish(correlate(spec, x, w), x, bias, activation)


@worded
def dgrad(
    spec: ConvSpec,
    y: np.ndarray,
    w: np.ndarray,
    bias: np.ndarray | None = None,
    activation: str | None = None,
    weights_cache: dict | None = None,
) -> np.ndarray:
    """The adjoint in x: `x[n, ci, i] = bias[ci] + Σ y[n, co, o]·w[co, ci, k]` over all o, k that meet at i."""
    grouped = w.reshape(spec.groups, spec.out_channels // spec.groups, *w.shape[1:]).swapaxes(1, 2)
    flipped = np.flip(grouped, range(3, grouped.ndim))  # (g, ci, co, *taps)
    swapped = flipped.reshape(spec.in_channels, spec.out_channels // spec.groups, *spec.taps)
    return _finish(correlate(spec.dgrad(), y, swapped), y, bias, activation)


@worded
def wgrad(spec: ConvSpec, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The adjoint in w: `w[co, ci, k] = Σ x[n, ci, i]·y[n, co, o]` over the batch and all o, i that meet at k."""
    channels = spec.in_channels // spec.groups
    grouped = x.reshape(spec.batch, spec.groups, channels, *spec.size).swapaxes(0, 2)
    examples = grouped.reshape(channels, spec.groups * spec.batch, *spec.size)
    total = correlate(spec.wgrad(), examples, y.swapaxes(0, 1))
    return np.ascontiguousarray(total.swapaxes(0, 1)).astype(x.dtype, copy=False)


@worded
def bias_grad(spec: ConvSpec, y: np.ndarray) -> np.ndarray:
    """The adjoint in the bias: the sum of y over everything but its channels."""
    return np.add.reduce(y, (0, *range(2, y.ndim)), _accumulator(y.dtype)).astype(y.dtype, copy=False)


@np.errstate(all="ignore")  # overflow and NaN are results here, not warnings
def correlate(spec: ConvSpec, x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """The sum over taps, as one matrix product a tap, or one an output position where those are fewer.

    The inputs that a tap meets are a slice an axis, so nothing is padded, dilated or unrolled in memory.
    Half precisions are summed in float32, which is the dtype of the result then.

        for tap in taps:        y[:, :, tap's outputs] += w[:, :, tap] · x[:, :, tap's inputs]
        for o in positions:     y[:, :, o] = Σ over o's taps  w[:, :, taps] · x[:, :, their inputs]
    """
    groups, out, wide = spec.groups, spec.out, _accumulator(x.dtype)
    inputs, outputs = spec.in_channels // groups, spec.out_channels // groups
    # Channels lead, then the batch: x (g, ci, n, *size), w (g, co, ci, *taps), y (g, co, n, *out).
    x = x.reshape(spec.batch, groups, inputs, *spec.size)
    x = np.ascontiguousarray(np.moveaxis(x, 0, 2), dtype=wide)
    w = w.reshape(groups, outputs, inputs, *spec.taps).astype(wide, copy=False)
    y = np.zeros((groups, outputs, spec.batch, *out), wide)
    if prod(spec.taps) <= prod(out):
        _by_taps(spec, x, w, y)
    else:
        _by_positions(spec, x, w, y)
    return np.moveaxis(y, 2, 0).reshape(spec.batch, spec.out_channels, *out)


def _by_taps(spec: ConvSpec, x: np.ndarray, w: np.ndarray, y: np.ndarray) -> None:
    lows = tuple(lo for lo, _ in spec.padding)
    inputs = spec.size, spec.input_dilation
    for k, at_y, at_x in iterate_taps(spec.taps, spec.dilation, lows, spec.stride, spec.out, *inputs):
        here = x[(..., *at_x)]
        flat = here.reshape(*here.shape[:2], prod(here.shape[2:]))  # (g, ci, n·positions)
        target = y[(..., *at_y)]
        target += (w[(..., *k)] @ flat).reshape(target.shape)


def _by_positions(spec: ConvSpec, x: np.ndarray, w: np.ndarray, y: np.ndarray) -> None:
    lows = tuple(lo for lo, _ in spec.padding)
    inputs = spec.size, spec.input_dilation
    batch_last = np.moveaxis(x, 2, -1)  # (g, ci, *size, n)
    for o, at_w, at_x in iterate_taps(spec.out, spec.stride, lows, spec.dilation, spec.taps, *inputs):
        here = batch_last[(slice(None), slice(None), *at_x)]
        some, terms = w[(..., *at_w)], prod(here.shape[1:-1])
        y[(..., *o)] = some.reshape(*some.shape[:2], terms) @ here.reshape(spec.groups, terms, spec.batch)


def _accumulator(dtype: np.dtype) -> np.dtype:
    """float32 for the half precisions (bfloat16 has a kind of its own), the dtype itself for all others."""
    return np.dtype(np.float32) if dtype.itemsize == 2 and dtype.kind not in "iu" else dtype


def _finite(w: np.ndarray) -> bool:
    return bool(np.isfinite(w.astype(_accumulator(w.dtype), copy=False)).all())


def _padded(spec: ConvSpec, x: np.ndarray) -> tuple[ConvSpec, np.ndarray]:
    """The same convolution on an input whose zeros are in memory (input_dilation is 1 in an fprop)."""
    widths = [(max(lo, 0), max(hi, 0)) for lo, hi in spec.padding]
    wide = np.pad(x, [(0, 0), (0, 0), *widths])
    left = tuple((min(lo, 0), min(hi, 0)) for lo, hi in spec.padding)
    return spec._replace(size=wide.shape[2:], padding=left), wide


@np.errstate(all="ignore")
def _finish(total: np.ndarray, x: np.ndarray, bias: np.ndarray | None, activation: str | None) -> np.ndarray:
    """Epilogue, then x's dtype and memory format."""
    if bias is not None:
        total = total + bias.astype(total.dtype, copy=False).reshape(-1, *[1] * (total.ndim - 2))
    if activation == "relu":
        total = np.maximum(total, 0)
    channels_last = np.moveaxis(total, 1, -1)
    if not x.flags.c_contiguous and np.moveaxis(x, 1, -1).flags.c_contiguous:
        return np.moveaxis(np.ascontiguousarray(channels_last, dtype=x.dtype), -1, 1)
    return np.ascontiguousarray(total, dtype=x.dtype)
