"""Padding in NumPy: a constant around an array, or copies of its own positions (reflect, replicate, circular).

In come an array and pairs (before, after) of its last axes, negative to crop; out comes a new array of the same memory
format. Copies are a linear map, whose adjoint adds every output up at the input that it was copied from. Both are done
in slices: the inner positions in one, then the borders, of which every box is one slice of the input, too.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from math import prod
from types import EllipsisType
from typing import NamedTuple

import numpy as np

from rushlight.core.memory import worded
from rushlight.rules.rules import Pairs
from rushlight.runtime.allocation import allocate
from rushlight.runtime.copying import copy_into

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


@worded
def pad_constant(shape: tuple[int, ...], pairs: Pairs, value: float, x: np.ndarray) -> np.ndarray:
    """x inside a larger (or smaller) array that is `value` elsewhere."""
    wide = _empty_like(x, shape, x.dtype)
    lead = (slice(None),) * (x.ndim - len(pairs))
    sizes = x.shape[x.ndim - len(pairs) :]
    there = [slice(max(lo, 0), max(lo, 0) + n + min(lo, 0) + min(hi, 0)) for n, (lo, hi) in zip(sizes, pairs)]
    here = [slice(max(-lo, 0), n + min(hi, 0)) for n, (lo, hi) in zip(sizes, pairs)]
    around = [*lead, *[slice(None)] * len(pairs)]
    for axis, inside in enumerate(there, len(lead)):  # what lies outside along one axis, then inside it along the next
        for outside in (slice(0, inside.start), slice(max(inside.start, inside.stop), None)):
            wide[(*around[:axis], outside, *around[axis + 1 :])] = value
        around[axis] = inside
    copy_into(wide[(*lead, *there)], x[(*lead, *here)])
    return wide


@worded
def pad_copies(mode: str, sizes: tuple[int, ...], pairs: Pairs, x: np.ndarray) -> np.ndarray:
    """x, whose last axes have these sizes, amid copies of its own positions."""
    for stage in _stages(mode, sizes, pairs):
        wide = _empty_like(x, (*x.shape[: x.ndim - len(stage.after)], *stage.after), x.dtype)
        for block in stage.blocks:
            part = wide[block.there]
            copy_into(part, np.broadcast_to(x[block.here], part.shape))
        x = wide
    return x


@worded
def pad_copies_grad(mode: str, sizes: tuple[int, ...], pairs: Pairs, y: np.ndarray) -> np.ndarray:
    """The adjoint: every position has the sum of its copies, of halves in single precision."""
    half = y.itemsize == 2 and y.dtype.kind not in "iu"
    total = y
    for stage in reversed(_stages(mode, sizes, pairs)):
        total = _sum_copies(stage, total, np.dtype(np.float32) if half else y.dtype)
    if not half:
        return total
    narrow = _empty_like(y, total.shape, y.dtype)
    narrow[...] = total
    return narrow


def source(mode: str, size: int, lo: int, hi: int) -> np.ndarray:
    """For each position of the padded axis, the position that it is a copy of."""
    if mode == "circular":  # what a negative side crops does not come round again
        start, kept = max(-lo, 0), size + min(lo, 0) + min(hi, 0)
        return start + np.arange(-max(lo, 0), kept + max(hi, 0)) % max(kept, 1)
    positions = np.arange(-lo, size + hi)
    if mode == "replicate":
        return positions.clip(0, size - 1)
    return size - 1 - np.abs(size - 1 - np.abs(positions))


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


def _empty_like(x: np.ndarray, shape: tuple[int, ...], kind: np.dtype) -> np.ndarray:
    """An uninitialised array in x's memory format."""
    _, back = _contiguous_axes(x)
    lying = [0] * x.ndim
    for axis, position in enumerate(back):
        lying[position] = shape[axis]
    return allocate(lying, kind).transpose(back)
