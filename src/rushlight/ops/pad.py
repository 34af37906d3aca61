"""Padding in the modes constant, reflect, replicate and circular, for the last axes of a tensor.

In come a tensor and pairs (before, after), negative to crop; out comes a new tensor of the same memory format. Each
mode is a linear map: its gradient adds every output up at the input that it was copied from. Both are done in slices:
the inner positions in one, then the borders, of which every box is one slice of the input, too.
"""

from __future__ import annotations

from functools import lru_cache, partial
from itertools import product
from math import prod
from types import EllipsisType
from typing import NamedTuple

import numpy as np

from rushlight.tensor.allocation import allocate
from rushlight.tensor.core import Tensor, memory

from ..rules.arguments import not_a_tensor
from ..rules.rules import Pairs
from ..rules.windows import pad as geometry
from .linear_map import linear_map

NODES = {"reflect": "ReflectionPad", "replicate": "ReplicationPad", "circular": "CircularPad"}

_STEP = {"reflect": -1, "replicate": 0, "circular": 1}
"""From one position of a border to the next, how far what they are copies of moves on."""

_MANY = 64
"""Blocks that one pass is cut into, at most: three runs an axis make 27."""

Run = tuple[slice, slice, bool]
"""Neighbours along an axis, what they are copies of, and whether that is one position for several of them."""


class Block(NamedTuple):
    """A box of the padded tensor: where it lies, which slice of the input it copies, and the axes along which one
    position of the input is copied to several."""

    there: tuple[EllipsisType | slice, ...]
    here: tuple[EllipsisType | slice, ...]
    repeated: tuple[int, ...]


class Stage(NamedTuple):
    """One pass of copying: the sizes of the padded axes before and after it, and its blocks."""

    before: tuple[int, ...]
    after: tuple[int, ...]
    blocks: tuple[Block, ...]


def pad(x: Tensor, pad: object, mode: object = "constant", value: object = None) -> Tensor:
    """`pad` in PyTorch's order: (before, after) of the last axis first."""
    if not isinstance(x, Tensor):
        raise not_a_tensor("pad", "input", 1, x)
    pairs = geometry(memory(x).shape, pad, mode, value, memory(x).itemsize)
    return pad_axes(x, pairs, mode, 0 if value is None else value)


def pad_axes(x: Tensor, pairs: Pairs, mode: str, value: float = 0) -> Tensor:
    """Pad the last axes by checked pairs, one an axis in the axes' order."""
    shape = memory(x).shape
    lead = len(shape) - len(pairs)
    wide = (*shape[:lead], *(n + lo + hi for n, (lo, hi) in zip(shape[lead:], pairs)))
    if mode == "constant":
        forward, linear = (partial(_constant, wide, pairs, filling) for filling in (value, 0))
        adjoint = partial(_constant, shape, _negative(pairs), 0)
        return linear_map("ConstantPadNd", x, wide, forward, adjoint, linear)
    stages = _stages(mode, shape[lead:], pairs)
    forward, adjoint = partial(_gather, stages), partial(_scatter, stages)
    return linear_map(f"{NODES[mode]}{len(pairs)}D", x, wide, forward, adjoint, keeps_format=mode != "circular")


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


@lru_cache(512)
def _stages(mode: str, sizes: tuple[int, ...], pairs: Pairs) -> tuple[Stage, ...]:
    """One pass over all axes; axis after axis where cropping leaves so few positions that they come round often."""
    sources = [source(mode, n, lo, hi) for n, (lo, hi) in zip(sizes, pairs)]
    wide = tuple(map(len, sources))
    axes = [_runs(mode, copies, *pair) for copies, pair in zip(sources, pairs)]
    if prod(map(len, axes)) <= _MANY:
        return (Stage(sizes, wide, _blocks(axes)),)
    around = [[(slice(None), slice(None), False)]] * len(axes)
    return tuple(
        Stage((*wide[:i], *sizes[i:]), (*wide[: i + 1], *sizes[i + 1 :]), _blocks([runs, *around[i + 1 :]]))
        for i, runs in enumerate(axes)
    )


def _blocks(axes: list[list[Run]]) -> tuple[Block, ...]:
    """The boxes that runs along the axes span."""
    blocks = []
    for box in product(*axes):
        there, here, repeated = zip(*box)
        axes_of_one = tuple(axis - len(box) for axis, one in enumerate(repeated) if one)
        blocks.append(Block((..., *there), (..., *here), axes_of_one))
    return tuple(blocks)


def _runs(mode: str, source: np.ndarray, lo: int, hi: int) -> list[Run]:
    """An axis in runs of even steps, those between the borders first."""
    size = len(source)
    begin = min(max(lo, 0), size)
    end = max(size - max(hi, 0), begin)
    runs = []
    for first, stop, step in ((begin, end, 1), (0, begin, _STEP[mode]), (end, size, _STEP[mode])):
        cuts = np.flatnonzero(np.diff(source[first:stop]) != step) + first + 1
        starts = [first, *cuts.tolist()] if first < stop else []
        runs += [_run(start, after, int(source[start]), step) for start, after in zip(starts, [*starts[1:], stop])]
    return runs


def _run(start: int, stop: int, first: int, step: int) -> Run:
    after = first + (stop - start) * step
    if step == 0:
        return slice(start, stop), slice(first, first + 1), stop - start > 1
    return slice(start, stop), slice(first, None if after < 0 else after, step), False


def _gather(stages: tuple[Stage, ...], x: np.ndarray) -> np.ndarray:
    for stage in stages:
        wide = _empty_like(x, (*x.shape[: x.ndim - len(stage.after)], *stage.after), x.dtype)
        for block in stage.blocks:
            wide[block.there] = x[block.here]
        x = wide
    return x


def _scatter(stages: tuple[Stage, ...], y: np.ndarray) -> np.ndarray:
    """The adjoint of `_gather`: every position receives the sum of its copies, of halves in single precision."""
    half = y.itemsize == 2 and y.dtype.kind not in "iu"
    total = y
    for stage in reversed(stages):
        total = _sum_copies(stage, total, np.dtype(np.float32) if half else y.dtype)
    if not half:
        return total
    narrow = _empty_like(y, total.shape, y.dtype)
    narrow[...] = total
    return narrow


def _sum_copies(stage: Stage, y: np.ndarray, kind: np.dtype) -> np.ndarray:
    total = _empty_like(y, (*y.shape[: y.ndim - len(stage.before)], *stage.before), kind)
    first, *rest = stage.blocks or (None,)
    if first is not None and total[first.here].shape == total.shape == y[first.there].shape:
        total[...] = y[first.there]
    else:
        total[...], rest = 0, stage.blocks
    for block in rest:
        copies = y[block.there]
        total[block.here] += copies.sum(block.repeated, kind, keepdims=True) if block.repeated else copies
    return total


def _contiguous_axes(x: np.ndarray) -> tuple[np.ndarray, tuple[int, ...]]:
    """x with its axes in the order they lie in memory (channels-last or not), and where each axis went."""
    if x.ndim > 2 and not x.flags.c_contiguous and np.moveaxis(x, 1, -1).flags.c_contiguous:
        return np.moveaxis(x, 1, -1), (0, x.ndim - 1, *range(1, x.ndim - 1))
    return x, tuple(range(x.ndim))


def _filled_like(x: np.ndarray, shape: tuple[int, ...], value: float) -> np.ndarray:
    """An array of `value` in x's memory format and dtype."""
    wide = _empty_like(x, shape, x.dtype)
    wide[...] = value
    return wide


def _empty_like(x: np.ndarray, shape: tuple[int, ...], kind: np.dtype) -> np.ndarray:
    """An uninitialised array in x's memory format."""
    _, back = _contiguous_axes(x)
    lying = [0] * x.ndim
    for axis, place in enumerate(back):
        lying[place] = shape[axis]
    return allocate(lying, kind).transpose(back)
