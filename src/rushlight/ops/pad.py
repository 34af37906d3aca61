"""Padding in the modes constant, reflect, replicate and circular, for the last axes of a tensor.

In come a tensor and pairs (before, after), negative to crop; out comes a new tensor of the same memory format. Each
mode is a linear map: its gradient adds every output up at the input that it was copied from.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from rushlight.tensor.core import Tensor

from .arguments import not_a_tensor
from .linear_map import linear_map
from .rules import Pairs
from .windows import pad as geometry

NODES = {"reflect": "ReflectionPad", "replicate": "ReplicationPad", "circular": "CircularPad"}


def pad(x: Tensor, pad: object, mode: object = "constant", value: object = None) -> Tensor:
    """`pad` in PyTorch's order: (before, after) of the last axis first."""
    if not isinstance(x, Tensor):
        raise not_a_tensor("pad", "input", 1, x)
    pairs = geometry(x._array.shape, pad, mode, value, x._array.itemsize)
    return pad_axes(x, pairs, mode, 0 if value is None else value)


def pad_axes(x: Tensor, pairs: Pairs, mode: str, value: float = 0) -> Tensor:
    """Pad the last axes by checked pairs, one an axis in the axes' order."""
    shape = x._array.shape
    lead = len(shape) - len(pairs)
    wide = (*shape[:lead], *(n + lo + hi for n, (lo, hi) in zip(shape[lead:], pairs)))
    if mode == "constant":
        forward, linear = (partial(_constant, wide, pairs, filling) for filling in (value, 0))
        adjoint = partial(_constant, shape, _negative(pairs), 0)
        return linear_map("ConstantPadNd", x, wide, forward, adjoint, linear)
    sources = [source(mode, n, lo, hi) for n, (lo, hi) in zip(shape[lead:], pairs)]
    name = f"{NODES[mode]}{len(pairs)}D"
    return linear_map(name, x, wide, partial(_gather, sources), partial(_scatter, sources, shape))


def _negative(pairs: Pairs) -> Pairs:
    return tuple((-lo, -hi) for lo, hi in pairs)


def _constant(shape: tuple[int, ...], pairs: Pairs, value: float, x: np.ndarray) -> np.ndarray:
    """x inside a larger (or smaller) array that is `value` elsewhere."""
    wide = _filled_like(x, shape, value)
    lead = (slice(None),) * (x.ndim - len(pairs))
    sizes = x.shape[x.ndim - len(pairs) :]
    there = [slice(max(lo, 0), max(lo, 0) + n + min(lo, 0) + min(hi, 0)) for n, (lo, hi) in zip(sizes, pairs)]
    here = [slice(max(-lo, 0), n + min(hi, 0)) for n, (lo, hi) in zip(sizes, pairs)]
    wide[(*lead, *there)] = x[(*lead, *here)]
    return wide


def source(mode: str, size: int, lo: int, hi: int) -> np.ndarray:
    """For each position of the padded axis, the position that it is a copy of."""
    if mode == "circular":  # what a negative side crops does not come round again
        start, kept = max(-lo, 0), size + min(lo, 0) + min(hi, 0)
        return start + np.arange(-max(lo, 0), kept + max(hi, 0)) % max(kept, 1)
    places = np.arange(-lo, size + hi)
    if mode == "replicate":
        return places.clip(0, size - 1)
    return size - 1 - np.abs(size - 1 - np.abs(places))


def _gather(sources: list[np.ndarray], x: np.ndarray) -> np.ndarray:
    moved, back = _contiguous_axes(x)
    for axis, source in enumerate(sources, x.ndim - len(sources)):
        moved = moved.take(source, back[axis])
    return moved.transpose(back)


def _scatter(sources: list[np.ndarray], shape: tuple[int, ...], y: np.ndarray) -> np.ndarray:
    """The adjoint of `_gather`: every position receives the sum of its copies."""
    moved, back = _contiguous_axes(y)
    wide = np.float32 if y.itemsize == 2 and y.dtype.kind not in "iu" else y.dtype
    moved = moved.astype(wide, copy=False)
    for axis, source in enumerate(sources, y.ndim - len(sources)):
        moved = _sum_copies(moved, source, shape[axis], back[axis])
    return moved.astype(y.dtype, copy=False).transpose(back)


def _sum_copies(y: np.ndarray, source: np.ndarray, size: int, axis: int) -> np.ndarray:
    shape = (*y.shape[:axis], size, *y.shape[axis + 1 :])
    total = np.zeros(shape, y.dtype)
    if y.size:
        order = np.argsort(source, kind="stable")
        found, starts = np.unique(source[order], return_index=True)
        total[(slice(None),) * axis + (found,)] = np.add.reduceat(y.take(order, axis), starts, axis)
    return total


def _contiguous_axes(x: np.ndarray) -> tuple[np.ndarray, tuple[int, ...]]:
    """x with its axes in the order they lie in memory (channels-last or not), and where each axis went."""
    if x.ndim > 2 and not x.flags.c_contiguous and np.moveaxis(x, 1, -1).flags.c_contiguous:
        return np.moveaxis(x, 1, -1), (0, x.ndim - 1, *range(1, x.ndim - 1))
    return x, tuple(range(x.ndim))


def _filled_like(x: np.ndarray, shape: tuple[int, ...], value: float) -> np.ndarray:
    """An array of `value` in x's memory format and dtype."""
    _, back = _contiguous_axes(x)
    lying = [0] * x.ndim
    for axis, place in enumerate(back):
        lying[place] = shape[axis]
    return np.full(lying, value, x.dtype).transpose(back)
