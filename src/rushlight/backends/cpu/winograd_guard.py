"""Whether Winograd's algorithm may serve a call: where it would be seen, the sums are computed plainly.

In: a prepared Winograd call, how to prepare the plain one, and the arrays of a call. Out: the result of one of the two.

Winograd's algorithm adds and subtracts neighbours before it multiplies. With learned weights and activations it rounds
little more than a plain sum. It is seen where

* a weight has a filter of whole numbers, halves, … sixteenths (masks, Sobel, ones), whose sums of whole numbers are
  exact, or of one sign, whose sums of positive numbers are positive;
* a number is not finite: it would reach other windows of its tile;
* one number is far larger than the others: its rounding would reach its neighbours;
* a window lies wholly in padding: its sum is 0, exactly.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ...rules.spec import ConvSpec
from .bias import BiasCall

_GRID = 16.0
"""Weights that are multiples of 1/16 are on a grid."""
_RANGE = 100.0
"""How often the mean magnitude the largest number may be. Normal noise has 7, activations behind a ReLU 10 to 40."""
_SAMPLE = 1024
"""Numbers that the mean magnitude is taken of."""
_SAME = "winograd: learned"


class GuardedCall:
    """A prepared layer: by Winograd's algorithm where that is not seen, else plainly."""

    def __init__(
        self, fast: Callable, plain: Callable[[], Callable], kernel: str, spec: ConvSpec, source: np.ndarray,
        activation: str | None, sums: BiasCall,
    ) -> None:  # fmt: skip
        self.fast, self._make_plain, self._plain = fast, plain, None
        self.kernel, self.groups, self.activation = kernel, spec.groups, activation
        self.fits = _Fits(source, sums)
        self.outside = outside(kernel, spec)
        self.key = (_SAME, kernel, spec.groups)

    def __call__(self, source: np.ndarray, w: np.ndarray, bias: np.ndarray | None, memo: dict | None) -> np.ndarray:
        if not (self._is_learned(w, memo) and self.fits(source)):
            if self._plain is None:
                self._plain = self._make_plain()
            return self._plain(source, w, bias, memo)
        result = self.fast(source, w, bias, memo)
        for axis, positions in self.outside:
            empty = 0.0 if bias is None else bias.reshape(-1, *(1,) * (result.ndim - 2))
            result[(slice(None),) * axis + (positions,)] = np.maximum(empty, 0) if self.activation == "relu" else empty
        return result

    def _is_learned(self, w: np.ndarray, memo: dict | None) -> bool:
        if memo is None:
            return is_learned(w, self.kernel, self.groups)
        found = memo.get(self.key)
        if found is None:
            found = memo[self.key] = is_learned(w, self.kernel, self.groups)
        return found

    def describe(self) -> str:
        """The plan for people."""
        return self.fast.describe()


class GuardedGradient:
    """A prepared weight gradient: by Winograd's algorithm where that is not seen, else plainly."""

    def __init__(
        self, fast: Callable, plain: Callable[[], Callable], x: np.ndarray, y: np.ndarray, sums: list[BiasCall]
    ) -> None:
        self.fast, self._make_plain, self._plain = fast, plain, None
        self.fits = [_Fits(array, each) for array, each in zip((x, y), sums)]

    def __call__(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        whole = on_grid(_sample(x)).all() or on_grid(_sample(y)).all()
        if not whole and all(fits(array) for fits, array in zip(self.fits, (x, y))):
            return self.fast(x, y)
        if self._plain is None:
            self._plain = self._make_plain()
        return self._plain(x, y)

    def describe(self) -> str:
        """The plan for people."""
        return self.fast.describe()


class _Fits:
    """Whether all numbers of an array are finite and of one magnitude."""

    def __init__(self, source: np.ndarray, sums: BiasCall) -> None:
        self.sums = sums  # of halves, of which NumPy finds the largest slowly; their results are rounded further

    def __call__(self, source: np.ndarray) -> bool:
        if not source.size:
            return True
        if source.itemsize < 4:
            return bool(np.isfinite(self.sums(source).astype(np.float32)).all())
        largest = max(float(source.max()), -float(source.min()))
        return largest <= _RANGE * float(np.abs(_sample(source)).mean())  # False for NaN, and for infinities


def _sample(array: np.ndarray) -> np.ndarray:
    """About so many numbers of an array, of all its channels and places."""
    steps = [1] * array.ndim
    sizes = list(array.shape)
    while math.prod(sizes) > 2 * _SAMPLE:
        axis = max(range(array.ndim), key=lambda axis: sizes[axis])
        steps[axis] = steps[axis] * 3 if steps[axis] > 1 else 3
        sizes[axis] = -(-array.shape[axis] // steps[axis])
    return array[tuple([slice(step // 2, None, step) for step in steps])]


def on_grid(values: np.ndarray) -> np.ndarray:
    """Which values are multiples of a sixteenth."""
    scaled = values.astype(np.float32, copy=False) * _GRID
    return np.rint(scaled) == scaled


def is_learned(w: np.ndarray, kernel: str, groups: int) -> bool:
    """Whether every filter has both signs and numbers off the grid, all of them finite."""
    if kernel == "dgrad":
        filters = w.reshape(groups, -1, *w.shape[1:]).swapaxes(1, 2)
        filters = filters.reshape(filters.shape[0] * filters.shape[1], *filters.shape[2:])
    else:
        filters = w
    if not _are_learned(filters[:, 0]).all():  # by their taps of one channel; the others are looked at in full
        doubtful = filters[~_are_learned(filters[:, 0])]
        if not _are_learned(doubtful).all():
            return False
    return math.isfinite(float(np.sum(w, dtype=np.float32)))


def _are_learned(filters: np.ndarray) -> np.ndarray:
    rows = filters.reshape(len(filters), -1)
    return ~on_grid(rows).all(axis=1) & (rows > 0).any(axis=1) & (rows < 0).any(axis=1)


def outside(kernel: str, spec: ConvSpec) -> list[tuple[int, np.ndarray]]:
    """By axis of the result, the positions whose windows lie wholly in padding."""
    found = []
    for axis, (size, taps, step, apart, (low, _), out) in enumerate(
        zip(spec.size, spec.taps, spec.stride, spec.dilation, spec.padding, spec.out, strict=True), 2
    ):
        met = np.arange(out)[:, None] * step - low + np.arange(taps) * apart  # output by tap: the input position
        inside = (met >= 0) & (met < size)
        if kernel == "fprop":
            reached = inside.any(axis=1)
        else:
            reached = np.zeros(size, bool)
            reached[met[inside]] = True
        if not reached.all():
            found.append((axis, np.flatnonzero(~reached)))
    return found
