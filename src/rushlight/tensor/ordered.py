"""Where the elements of an array lie in order: whole sorts, the largest few, the k-th, along an axis.

In: arrays of the host and an axis. Out: positions, int64. NaN is larger than all numbers, as in PyTorch; equal elements
keep their order. NumPy's quickest sorts are not stable and its stable ones compare one by one, so positions are sorted
quickly and equal neighbours put in order afterwards, and what has 16 bits is sorted by its digits.
"""

from __future__ import annotations

import numpy as np

from rushlight.core.dtypes import HALVES, of_numpy
from rushlight.tensor.numerics import quiet

_FEW = 2048
"""Elements up to which one stable sort is quicker than what follows."""
_BLOCK = 64
"""Elements of which only the largest is looked at first, where a few of many are wanted."""


def positions_in_order(array: np.ndarray, at: int, descending: bool = False) -> np.ndarray:
    """The positions that sort along an axis."""
    if descending:  # sorted backwards and read backwards: equal elements still in their order, NaN first
        found = positions_in_order(np.flip(array, at), at)
        return np.ascontiguousarray(array.shape[at] - 1 - np.flip(found, at))
    if array.size <= _FEW:
        return np.argsort(_plain(array), axis=at, kind="stable").astype(np.int64, copy=False)
    lines = np.moveaxis(array, at, -1)
    digits = _digits(lines)
    found = _sorted(lines) if digits is None else np.argsort(digits, axis=-1, kind="stable")
    return np.ascontiguousarray(np.moveaxis(found, -1, at), np.int64)


def positions_of_largest(array: np.ndarray, at: int, k: int, largest: bool = True) -> np.ndarray:
    """The positions of the k largest or smallest elements along an axis, in order."""
    lines = np.moveaxis(array, at, -1)
    if array.size <= _FEW or 4 * k >= lines.shape[-1]:
        found = positions_in_order(lines, lines.ndim - 1, largest)[..., :k]
    else:
        flat = _plain(lines.reshape(-1, lines.shape[-1]))
        found = _few_of_many(flat, k, largest) if k else np.empty((len(flat), 0), np.int64)
        found = found.reshape(*lines.shape[:-1], k)
    return np.ascontiguousarray(np.moveaxis(found, -1, at), np.int64)


def position_of_kth(array: np.ndarray, at: int, k: int) -> np.ndarray:
    """Where along an axis the k-th smallest element is, counted from 0."""
    lines = _plain(np.moveaxis(array, at, -1))
    kth = np.take(np.partition(lines, k, axis=-1), [k], axis=-1)
    less, equal = lines < kth, lines == kth
    unknown = quiet(np.not_equal, kth, kth)
    if unknown.any():  # everything but NaN is less than NaN
        missing = quiet(np.not_equal, lines, lines)
        less, equal = np.where(unknown, ~missing, less), np.where(unknown, missing, equal)
    wanted = k - np.count_nonzero(less, axis=-1, keepdims=True)
    return (np.cumsum(equal, axis=-1) > wanted).argmax(axis=-1)


def _plain(array: np.ndarray) -> np.ndarray:
    """The same numbers in a type that NumPy compares quickly."""
    return array.astype(np.float32) if of_numpy(array.dtype) in HALVES else array


def _digits(lines: np.ndarray) -> np.ndarray | None:
    """Integers of 16 bits in the same order, if the elements are of so many, or integers of so small a range."""
    if of_numpy(lines.dtype) in HALVES:
        return _digits_of_halves(np.ascontiguousarray(lines))
    if lines.dtype.kind not in "iu":
        return lines.view(np.uint8) if lines.dtype.kind == "b" else None
    if lines.itemsize <= 2:
        return lines
    least = lines.min()
    return (lines - least).astype(np.uint16) if int(lines.max()) - int(least) < 1 << 16 else None


def _digits_of_halves(lines: np.ndarray) -> np.ndarray:
    """Of a half the bits are in order but for the sign, for zeros, which are equal, and for NaN."""
    bits, infinity = lines.view(np.uint16), np.array(np.inf, lines.dtype).view(np.uint16)
    size = bits & 0x7FFF
    digits = np.where((bits > 0x7FFF) & (size != 0), 0x7FFF - size, size + 0x8000).astype(np.uint16)
    digits[size > infinity] = 0xFFFF
    return digits


def _sorted(lines: np.ndarray) -> np.ndarray:
    """Positions of elements in order along the last axis, equal ones in theirs."""
    found = np.argsort(lines, axis=-1)
    values = np.take_along_axis(lines, found, -1)
    before, behind = values[..., :-1], values[..., 1:]
    same = (before == behind) | (quiet(np.not_equal, before, before) & quiet(np.not_equal, behind, behind))
    ties = np.count_nonzero(same)
    if not ties:
        return found
    if 4 * ties > same.size:
        return np.argsort(lines, axis=-1, kind="stable")
    tied = np.zeros(found.shape, bool)
    tied[..., :-1] = same
    tied[..., 1:] |= same
    begins = np.ones(found.shape, bool)
    begins[..., 1:] = ~same
    runs = np.cumsum(begins.reshape(-1)).reshape(found.shape)[tied]
    some = found[tied]
    found[tied] = some[np.lexsort((some, runs))]
    return found


def _few_of_many(lines: np.ndarray, k: int, largest: bool) -> np.ndarray:
    """The positions of the k largest or smallest of each line of two axes, in order.

    The k-th largest of the blocks' extremes bounds the k-th largest element, and few elements are beyond it."""
    rows, count = lines.shape
    blocks, extreme = count // _BLOCK, np.max if largest else np.min
    if blocks >= 2 * k:
        heads = extreme(lines[:, : blocks * _BLOCK].reshape(rows, _BLOCK, blocks), axis=1)
        if quiet(np.not_equal, heads, heads).any() or _has_nan(lines[:, blocks * _BLOCK :]):
            heads = None
    else:
        heads = None
    if heads is None:
        found = np.argpartition(lines, count - k if largest else k - 1, axis=-1)
        found = np.sort(found[:, count - k :] if largest else found[:, :k], axis=-1)
        order = positions_in_order(np.take_along_axis(lines, found, -1), 1, largest)
        return np.take_along_axis(found, order, -1)
    bound = np.partition(heads, blocks - k if largest else k - 1, axis=-1)
    bound = bound[:, [blocks - k if largest else k - 1]]
    row, column = np.nonzero(lines >= bound if largest else lines <= bound)
    starts = np.searchsorted(row, np.arange(rows))
    values = lines[row, column]
    order = positions_in_order(values, 0, largest)
    order = order[np.argsort(row[order], kind="stable")]
    return column[order[starts[:, None] + np.arange(k)]]


def _has_nan(array: np.ndarray) -> bool:
    return bool(quiet(np.not_equal, array, array).any())
