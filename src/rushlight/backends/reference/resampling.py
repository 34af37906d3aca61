"""Resampling as a linear map of each axis: which positions each output reads, with which weights.

In: a `Resampling` of rules/. Out: tables (taps, positions) of indices and weights, and what they make of an array. The
adjoint map has a table of the same form, so it runs in the same way, and no two threads or batches add up differently.

Positions and weights are computed in float32, as PyTorch does, for all but float64: which neighbour is nearest depends
on it. Sources: R. Keys, "Cubic convolution interpolation", 1981 (the cubic with a = -3/4, and with -1/2 where it also
filters).
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from rushlight.core.memory import worded
from rushlight.rules.resampling import Resampling


class Table(NamedTuple):
    """For each tap and output position the position it reads and its weight (None: one tap, of weight 1)."""

    indices: np.ndarray
    weights: np.ndarray | None


@worded
@np.errstate(all="ignore")
def resampled(array: np.ndarray, how: Resampling, adjoint: bool = False) -> np.ndarray:
    """The array with its last axes resampled, or what the adjoint map makes of it; computed in float32 at least."""
    kind = array.dtype
    fixed = kind == np.uint8 and len(how.size) == 2
    exact = np.dtype(np.float64 if kind == np.float64 or fixed else np.float32)
    axes = range(array.ndim - len(how.size), array.ndim)
    given = zip(axes, how.size, how.out, how.scales)
    tables = {
        axis: axis_table(how.rule, size, out, how.align_corners, how.antialias, scale, exact, adjoint)
        for axis, size, out, scale in given
    }
    if not any(tables.values()) or (how.rule == "nearest" and len(how.size) == 2 and how.size == how.out):
        return array.astype(kind)
    copies = all(table is None or table.weights is None for table in tables.values())
    found = array if copies else array.astype(np.int32 if fixed else exact, copy=False)
    last = _channels_last(array)
    if last:  # a position's channels lie together: its neighbours are read as vectors
        found = np.moveaxis(found, 1, -1)
    for axis in reversed(axes):
        if tables[axis] is not None:
            found = (_along if copies or not fixed else _along_bytes)(found, axis - last, tables[axis])
    return (np.moveaxis(found, -1, 1) if last else found).astype(kind, copy=False)


def _channels_last(array: np.ndarray) -> bool:
    return type(array) is np.ndarray and array.ndim > 3 and array.strides[1] == array.itemsize and array.shape[1] > 1


def _along(array: np.ndarray, axis: int, table: Table) -> np.ndarray:
    indices, weights = table
    if weights is None:
        return np.take(array, indices[0], axis=axis)
    shape = (len(weights), *[-1 if at == axis else 1 for at in range(array.ndim)])
    weights = weights.reshape(shape) if type(array) is np.ndarray else array.backend.from_host(weights.reshape(shape))
    total = np.take(array, indices[0], axis=axis) * weights[0]
    for tap in range(1, len(indices)):
        total += np.take(array, indices[tap], axis=axis) * weights[tap]
    return total


def _along_bytes(array: np.ndarray, axis: int, table: Table) -> np.ndarray:
    """Pictures of bytes, in fixed point: weights of 16 bits, each axis rounded to bytes, as PyTorch and Pillow do."""
    indices, given = table.indices, table.weights.copy()
    for tap in range(1, len(indices)):  # the weights of a position that is read twice, at an end, are rounded together
        same = indices[tap] == indices[tap - 1]
        given[tap] += np.where(same, given[tap - 1], 0)
        given[tap - 1][same] = 0
    bits = 0
    while bits < 22 and int(0.5 + given.max() * (1 << (bits + 1))) < 1 << 15:
        bits += 1
    scaled = given * (1 << bits)
    weights = np.trunc(scaled + np.where(scaled < 0, -0.5, 0.5)).astype(np.int32)
    total = _along(array, axis, Table(indices, weights))
    return np.clip((total + (1 << (bits - 1))) >> bits, 0, 255)


@lru_cache(maxsize=256)
def axis_table(
    rule: str,
    size: int,
    out: int,
    align_corners: bool,
    antialias: bool,
    scale: float | None,
    kind: np.dtype,
    adjoint: bool = False,
) -> Table | None:
    """What each position of the result reads along one axis; of the adjoint map, each position of the input.

    None where each reads its own, as it is.
    """
    if adjoint:
        table = axis_table(rule, size, out, align_corners, antialias, scale, kind)
        return table and _transposed(table, size, kind)
    if rule in ("nearest", "nearest-exact"):
        indices = _nearest(rule, size, out, scale)
        return None if size == out and np.array_equal(indices, np.arange(out)) else Table(indices[None], None)
    if size == out and (rule == "linear" or antialias):
        return None
    step = _step(size, out, align_corners, scale, kind)
    if antialias:
        return _filtered(rule, size, out, step, kind)
    return _smooth(rule, size, out, align_corners, step, kind)


def _step(size: int, out: int, align_corners: bool, scale: float | None, kind: np.dtype) -> np.number:
    """Positions of the input for one of the output."""
    if align_corners:
        return kind.type(size - 1) / kind.type(out - 1) if out > 1 else kind.type(0)
    return kind.type(scale) if scale is not None else kind.type(size) / kind.type(out)


def _nearest(rule: str, size: int, out: int, scale: float | None) -> np.ndarray:
    step = _step(size, out, False, scale, np.dtype(np.float32))
    positions = np.arange(out).astype(np.float32) + np.float32(0.5 if rule == "nearest-exact" else 0)
    return np.minimum(np.floor(positions * step).astype(np.intp), size - 1)


def _smooth(rule: str, size: int, out: int, align_corners: bool, step: np.number, kind: np.dtype) -> Table:
    half = kind.type(0 if align_corners else 0.5)
    positions = step * (np.arange(out).astype(kind) + half) - half
    if rule == "linear":
        positions = np.maximum(positions, kind.type(0))
    floor = np.floor(positions)
    first = np.minimum(floor.astype(np.intp), size - 1)
    part = np.clip(positions - first.astype(kind), kind.type(0), kind.type(1))
    if rule == "linear":
        return Table(np.stack([first, np.minimum(first + 1, size - 1)]), np.stack([1 - part, part]))
    indices = np.stack([np.clip(first + tap, 0, size - 1) for tap in (-1, 0, 1, 2)])
    return Table(indices, np.stack([cubic(part + 1), cubic(part), cubic(1 - part), cubic(2 - part)]))


def cubic(distance: np.ndarray, a: float = -0.75) -> np.ndarray:
    """Keys' cubic convolution kernel at distances of at least 0; 0 from 2 on."""
    a = distance.dtype.type(a)
    near = ((a + 2) * distance - (a + 3)) * distance * distance + 1
    far = ((distance - 5) * distance + 8) * distance * a - 4 * a
    return np.where(distance < 1, near, np.where(distance < 2, far, distance.dtype.type(0)))


def _triangle(distance: np.ndarray) -> np.ndarray:
    return np.maximum(1 - distance, distance.dtype.type(0))


def _lanczos(distance: np.ndarray) -> np.ndarray:
    return np.where(distance < 3, np.sinc(distance) * np.sinc(distance / 3), 0).astype(distance.dtype)


# By rule: the filter as a function of the distance, and how far it reaches.
_FILTERS = {"linear": (_triangle, 1), "cubic": (lambda d: cubic(d, -0.5), 2), "lanczos": (_lanczos, 3)}


def _filtered(rule: str, size: int, out: int, step: np.number, kind: np.dtype) -> Table:
    """Every input that the filter reaches, which is stretched where the result is smaller."""
    function, reach = _FILTERS[rule]
    stretch = max(step, kind.type(1))
    support = kind.type(reach) * stretch
    center = step * (np.arange(out).astype(kind) + kind.type(0.5))
    first = np.maximum(np.trunc(center - support + kind.type(0.5)).astype(np.intp), 0)
    end = np.minimum(np.trunc(center + support + kind.type(0.5)).astype(np.intp), size)
    taps = np.arange(max(int((end - first).max()), 1))[:, None]
    distance = np.abs(((taps + first).astype(kind) - center + kind.type(0.5)) / stretch)
    weights = np.where(taps < end - first, function(distance), kind.type(0))
    weights = weights / weights.sum(axis=0)
    return Table(np.minimum(taps + first, size - 1), weights.astype(kind))


def _transposed(table: Table, size: int, kind: np.dtype) -> Table:
    """The table of the adjoint map: each input's outputs, filled up with weights of 0."""
    indices, weights = table
    weights = np.ones(indices.shape, kind) if weights is None else weights
    taps, out = indices.shape
    reads, writes, weight = indices.T.ravel(), np.repeat(np.arange(out), taps), weights.T.ravel()
    kept = weight != 0
    reads, writes, weight = reads[kept], writes[kept], weight[kept]
    order = np.argsort(reads, kind="stable")
    reads, writes, weight = reads[order], writes[order], weight[order]
    counts = np.bincount(reads, minlength=size)
    rank = np.arange(len(reads)) - np.repeat(np.cumsum(counts) - counts, counts)
    shape = max(int(counts.max(initial=0)), 1), size
    back, by = np.zeros(shape, np.intp), np.zeros(shape, kind)
    back[rank, reads], by[rank, reads] = writes, weight
    return Table(back, by)
