"""Where Winograd's algorithm would be seen, the sums are computed plainly.

In: a prepared Winograd call, how to prepare the plain one, and the arrays of a call. Out: the result of one of the two,
image by image.

Winograd's algorithm adds and subtracts neighbours before it multiplies. With learned weights and activations it rounds
little more than a plain sum. It is seen where

* a weight has a filter of whole numbers, halves, … sixteenths (masks, Sobel, ones), whose sums of whole numbers are
  exact, or of one sign, whose sums of positive numbers are positive: all images are summed plainly;
* a number is not finite, or far larger than the others of its image: the kernel looks at every tile
  (`kernels.winograd_watch`), and those images are summed plainly;
* a window is all zeros, or lies wholly in padding: its sum is 0, exactly. The kernel sees to the former.

So what an image's results are depends on nothing but the image.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable

import numpy as np

from ...kernels.winograd_watch import PEAK, STATISTICS, gain
from ...rules.spec import ConvSpec
from ..protocol import Layout
from .kernels import keep
from .winograd import WinogradCall
from .winograd_gradient import WinogradGradientCall

_GRID = 16.0
"""Weights that are multiples of 1/16 are on a grid."""
_FEW, _MANY = 64, 1024
"""Numbers that tell whether an array is on it: at first, and where those are."""
_SAME = "winograd: learned"


class GuardedCall:
    """A prepared layer: by Winograd's algorithm where that is not seen, else plainly."""

    def __init__(
        self, fast: WinogradCall, plain: Callable[..., Callable], kernel: str, spec: ConvSpec, activation: str | None
    ) -> None:
        self.fast, self._make_plain, self._plain = fast, plain, {}
        self.kernel, self.spec, self.activation = kernel, spec, activation
        self.outside = outside(kernel, spec)
        self.key = (_SAME, kernel, spec.groups)
        self.limits = [PEAK * gain(phase.plan.rows.data, phase.plan.columns.data) for phase in fast.phases]

    @property
    def layout(self) -> Layout:
        """How the result lies."""
        return self.fast.layout

    @property
    def scratch_bytes(self) -> int:
        """Memory that the threads work in."""
        return self.fast.scratch_bytes

    def __call__(
        self, source: np.ndarray, w: np.ndarray, bias: np.ndarray | None, weights_cache: dict | None,
        out: np.ndarray | None = None, scratch: np.ndarray | None = None,
    ) -> np.ndarray:  # fmt: skip
        if not self._is_learned(w, weights_cache):
            return self._sum_plainly(len(source))(source, w, bias, weights_cache)
        result, found = self.fast.watched(source, w, bias, weights_cache, out, scratch)
        if any(some[-2] or some[-1] for some in found):
            loud = np.any([_loud(*some, len(source)) for some in zip(found, self.limits)], axis=0)
            if loud.all():
                return self._sum_plainly(len(source))(source, w, bias, weights_cache)
            for image in np.flatnonzero(loud):
                part = slice(image, image + 1)
                result[part] = self._sum_plainly(1)(source[part], w, bias, weights_cache)
        for axis, positions in self.outside:
            empty = 0.0 if bias is None else bias.reshape(-1, *(1,) * (result.ndim - 2))
            result[(slice(None),) * axis + (positions,)] = np.maximum(empty, 0) if self.activation == "relu" else empty
        return result

    def _sum_plainly(self, images: int) -> Callable:
        """The call that sums so many images plainly."""
        if images not in self._plain:
            self._plain[images] = self._make_plain(spec=self.spec._replace(batch=images))
        return self._plain[images]

    def _is_learned(self, w: np.ndarray, weights_cache: dict | None) -> bool:
        if weights_cache is None:
            return is_learned(w, self.kernel, self.spec.groups)
        found = weights_cache.get(self.key)
        if found is None:
            found = is_learned(w, self.kernel, self.spec.groups)
            keep(weights_cache, self.key, found, w)
        return found

    def describe(self) -> str:
        """The plan for people."""
        return self.fast.describe()


def _loud(found: array, limit: float, images: int) -> np.ndarray:
    """Which images have a tile that is far stronger than their pixels, or not finite; all, where weights are not."""
    if found[-1]:
        return np.ones(images, bool)
    total, largest, count, tile = np.frombuffer(found)[:-2].reshape(images, -1, len(STATISTICS)).transpose(2, 0, 1)
    strongest, most = largest.max(axis=1), tile.max(axis=1)
    with np.errstate(invalid="ignore"):
        others = (total.sum(axis=1) - strongest) / np.maximum(count.sum(axis=1) - 1, 1)
        return ~(most <= limit * others) | np.isinf(most)


class GuardedGradient:
    """A prepared weight gradient: by Winograd's algorithm where that is not seen, else plainly.

    All of an image reaches each tap, but for the image's edge: a number that is not finite, or far larger than all
    others, is seen there alone."""

    def __init__(self, fast: WinogradGradientCall, plain: Callable[[], Callable]) -> None:
        self.fast, self._make_plain, self._plain = fast, plain, None

    def __call__(self, x: np.ndarray, y: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        if not (_is_whole(x) or _is_whole(y)):
            result, energies = self.fast.watched(x, y, out)
            if not _stands_out(energies, self.fast.plan.tiles):
                return result
        if self._plain is None:
            self._plain = self._make_plain()
        return self._plain(x, y, out)

    def describe(self) -> str:
        """The plan for people."""
        return self.fast.describe()


def _stands_out(energies: np.ndarray, tiles: int) -> bool:
    """Whether one tile is far stronger than the others in the mean, or not finite; True for NaN too."""
    total, largest = energies[..., 0].sum(axis=1), energies[..., 1].max(axis=1)
    others = (total - largest) / max(1, energies.shape[1] * tiles - 1)
    return not (largest <= PEAK * others).all() or not np.isfinite(total).all()


def _is_whole(array: np.ndarray) -> bool:
    return all(on_grid(_sample(array, count)).all() for count in (_FEW, _MANY))


def _sample(array: np.ndarray, count: int) -> np.ndarray:
    """About so many numbers of an array, of all its channels and positions."""
    steps = [1] * array.ndim
    sizes = list(array.shape)
    while math.prod(sizes) > 2 * count:
        axis = max(range(array.ndim), key=lambda axis: sizes[axis])
        steps[axis] = steps[axis] * 3 if steps[axis] > 1 else 3
        sizes[axis] = -(-array.shape[axis] // steps[axis])
    return array[tuple([slice(step // 2, None, step) for step in steps])]


def on_grid(values: np.ndarray) -> np.ndarray:
    """Which values are multiples of a sixteenth."""
    scaled = values.astype(np.float32, copy=False) * _GRID
    return np.rint(scaled) == scaled


def is_learned(w: np.ndarray, kernel: str, groups: int) -> bool:
    """Whether every filter has both signs and numbers off the grid."""
    if kernel == "dgrad":
        filters = w.reshape(groups, -1, *w.shape[1:]).swapaxes(1, 2)
        filters = filters.reshape(filters.shape[0] * filters.shape[1], *filters.shape[2:])
    else:
        filters = w
    learned = _are_learned(filters[:, 0])  # by their taps of one channel; the others are looked at in full
    return bool(learned.all() or _are_learned(filters[~learned]).all())


def _are_learned(filters: np.ndarray) -> np.ndarray:
    rows = filters.reshape(len(filters), -1)
    return ~on_grid(rows).all(axis=1) & (rows.max(axis=1) > 0) & (rows.min(axis=1) < 0)


def outside(kernel: str, spec: ConvSpec) -> list[tuple[int, np.ndarray]]:
    """By axis of the result, the positions whose windows lie wholly in padding."""
    found = []
    for axis, (size, taps, step, dilation, (low, _), out) in enumerate(
        zip(spec.size, spec.taps, spec.stride, spec.dilation, spec.padding, spec.out, strict=True), 2
    ):
        position = (
            np.arange(out)[:, None] * step - low + np.arange(taps) * dilation
        )  # output by tap: the input position
        inside = (position >= 0) & (position < size)
        if kernel == "fprop":
            reached = inside.any(axis=1)
        else:
            reached = np.zeros(size, bool)
            reached[position[inside]] = True
        if not reached.all():
            found.append((axis, np.flatnonzero(~reached)))
    return found
