"""Maximum pooling, its gradient, and average pooling, ready to be called."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from math import prod

import numpy as np

from ... import runtime
from ...kernels.pool import (
    PlaneFields,
    PoolFields,
    emit_average,
    emit_plane_scatter,
    emit_pool,
    emit_scatter,
    plane_params,
    pool_params,
)
from ...language.ir import Type, f32, f64, i8, i32, index_of
from ...plan.pool import AdaptiveAxis, AdaptiveWindows, Axis, table
from ...plan.target import Target
from ...plan.threads import WINDOWS
from ...rules.windows import Windows
from ..protocol import winner_dtype
from ..reference.pooling import arranged, order_of
from .kernels import addressable, kernel

_SOURCE, _RESULT, _WINNERS = (index_of(PoolFields, name) for name in ("source", "result", "winners"))


class PoolCall:
    """One prepared pooling; call it with x: (maxima, winners or None). With `divisors`, one for each position of a
    plane of results, these are averages."""

    def __init__(
        self,
        grid: Windows | AdaptiveWindows,
        x: np.ndarray,
        wanted: bool,
        target: Target,
        threads: int,
        divisors: np.ndarray | None = None,
    ) -> None:
        self.lead = x.ndim - len(grid.size) == 1  # channels lead: no batch
        self.wanted, self.dtype, self.chosen = wanted, x.dtype, winner_dtype(grid)
        x = self._batched(x)
        inner = neighbours(x)
        self.copies = inner is None
        if inner is None:
            x, inner = np.ascontiguousarray(x), "positions"
        self.order = order_of(x, last_axis(x, inner))
        self.shape = (*x.shape[:2], *grid.out)
        number, winner, axes = _number(x.dtype), _winner(self.chosen), axes_of(grid)
        self.laid, self.back = tuple([self.shape[axis] for axis in self.order[0]]), self.order[1]
        self.plain = self.back == sorted(self.back)
        y = arranged(self.order, self.shape, x.dtype)
        image, channel, *steps = element_strides(x)
        self.tables = tables([map(a.inputs, range(a.out)) for a in axes], _three(steps), axes)
        begin, end = axes[2].whole()
        self.words = pool_params(number, winner).pack(
            source=None, result=None, winners=None, **_tables(self.tables),
            **_sizes(x.shape, [a.out for a in axes], image, channel), **_to(element_strides(y)),
            begin=begin, end=end, step=axes[2].stride, divisors=divisors,
        )  # fmt: skip
        self.divisors = divisors
        most = 64 if inner == "channels" else 8 if end - begin >= 8 else 4  # as many as fit into a row of a plane
        if divisors is None:
            self.entry = kernel(target, "pool", emit_pool, number, winner, inner, most, wanted)["pool"]
        else:
            self.entry = kernel(target, "average", emit_average, number, inner, most)["pool"]
        self.threads = WINDOWS.threads(y.size * prod(grid.taps), threads)

    def results(self, empty: Callable = runtime.empty) -> tuple[np.ndarray, np.ndarray | None]:
        """Memory for the maxima, and for the winners if they are wanted."""
        y, winners = empty(self.laid, self.dtype), empty(self.laid, self.chosen) if self.wanted else None
        if not self.plain:
            y, winners = y.transpose(self.back), winners.transpose(self.back) if self.wanted else None
        if self.lead:
            return y[0], winners[0] if self.wanted else None
        return y, winners

    def __call__(
        self, x: np.ndarray, outs: tuple[np.ndarray, np.ndarray | None] | None = None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        x = self._batched(x)
        if self.copies:
            x = np.ascontiguousarray(x)
        y, winners = self.results() if outs is None else outs
        words = self.words[:]
        words[_SOURCE], words[_RESULT] = runtime.address(x), runtime.address(y)
        words[_WINNERS] = runtime.address(winners) if self.wanted else 0
        runtime.launch(self.entry, words, self.threads)
        return y, winners

    def _batched(self, x: np.ndarray) -> np.ndarray:
        return x[None] if self.lead else x


class PoolGradCall:
    """One prepared gradient; call it with winners and y: the array of shape `whole` that y is scattered to."""

    def __init__(
        self, grid: Windows, whole: tuple[int, ...], winners: np.ndarray, y: np.ndarray, target: Target, threads: int
    ) -> None:
        self.lead, self.dtype = len(whole) - len(grid.size) == 1, y.dtype
        whole = (1, *whole) if self.lead else whole
        winners = self._batched(winners)
        inner = neighbours(winners) or "positions"
        self.order, self.shape, self.outputs = order_of(winners, last_axis(winners, inner)), whole, winners.shape
        self.steps = element_strides(arranged(self.order, winners.shape, y.dtype))
        x = arranged(self.order, whole, y.dtype)
        make = self._of_channels if inner == "channels" else self._of_planes
        make(axes_of(grid), _number(y.dtype), _winner(winners.dtype), element_strides(x), target)
        self.threads = WINDOWS.threads(y.size * prod(grid.taps), threads)

    def _of_channels(self, axes: list[Axis], number: Type, winner: Type, to: list[int], target: Target) -> None:
        image, channel, *steps = self.steps
        self.tables = tables([map(a.outputs, range(a.size)) for a in axes], _three(steps), axes)
        self.words = pool_params(number, winner).pack(
            source=None, result=None, winners=None, **_tables(self.tables),
            **_sizes(self.shape, [a.size for a in axes], image, channel), **_to(to), begin=0, end=0, step=0,
            divisors=None,
        )  # fmt: skip
        self.words_of = _SOURCE, _WINNERS, _RESULT
        self.entry = kernel(target, "pool scatter", emit_scatter, number, winner)["scatter"]

    def _of_planes(self, axes: list[Axis], number: Type, winner: Type, to: list[int], target: Target) -> None:
        image, channel, *steps = _five(self.steps)
        to_image, to_channel, *far = _five(to)
        taps = product(*(range(axis.taps) for axis in axes))
        offsets = [sum((k * a.dilation - a.padding) * s for k, a, s in zip(tap, axes, far)) for tap in taps]
        self.tables = [np.array(offsets, np.int64)]
        self.words = plane_params(number, winner).pack(
            source=None, winners=None, result=None, offsets=self.tables[0],
            **_sizes(self.shape, [a.out for a in axes], image, channel), to_image=to_image, to_channel=to_channel,
            from_depth=steps[0], from_height=steps[1],
            **dict(zip(("step_depth", "step_height", "step_width"), (a.stride * s for a, s in zip(axes, far)))),
            **dict(zip(("rows_depth", "rows", "row"), (a.size for a in axes))), to_depth=far[0], to_height=far[1],
        )  # fmt: skip
        self.words_of = tuple(index_of(PlaneFields, name) for name in ("source", "winners", "result"))
        self.entry = kernel(target, "pool scatter planes", emit_plane_scatter, number, winner)["scatter"]

    def result(self, empty: Callable = runtime.empty) -> np.ndarray:
        """Memory for what is scattered to."""
        x = arranged(self.order, self.shape, self.dtype, empty)
        return x[0] if self.lead else x

    def __call__(self, winners: np.ndarray, y: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        winners, y = self._laid(winners), self._laid(y)
        x = self.result() if out is None else out
        words = self.words[:]
        for index, array in zip(self.words_of, (y, winners, x)):
            words[index] = runtime.address(array)
        runtime.launch(self.entry, words, self.threads)
        return x

    def _laid(self, a: np.ndarray) -> np.ndarray:
        """The same numbers where the kernel looks for them: winners and what belongs to them lie alike, densely."""
        a = self._batched(a)
        if addressable(a) and element_strides(a) == self.steps:
            return a
        copy = arranged(self.order, self.outputs, a.dtype, runtime.empty)
        copy[...] = a
        return copy

    def _batched(self, a: np.ndarray) -> np.ndarray:
        return a[None] if self.lead else a


# -- how arrays lie


def neighbours(a: np.ndarray) -> str | None:
    """What lies side by side in (batch, channels, …): channels, or positions along the last axis; None: neither."""
    if not addressable(a):
        return None
    if a.strides[1] == a.itemsize and a.shape[1] > 1:
        return "channels"
    if a.strides[-1] == a.itemsize:
        return "positions"
    return "channels" if a.shape[1] == 1 else None


def last_axis(a: np.ndarray, inner: str) -> int:
    """The axis of what lies side by side."""
    return 1 if inner == "channels" else a.ndim - 1


def element_strides(a: np.ndarray) -> list[int]:
    """Strides in numbers; 0 along axes of one entry."""
    return [0 if size == 1 else stride // a.itemsize for size, stride in zip(a.shape, a.strides)]


# -- three axes from one, two or three


def axes_of(grid: Windows | AdaptiveWindows) -> list[Axis | AdaptiveAxis]:
    """The windows along depth, height and width; of those that are not there, a single tap."""
    given = grid.axes if type(grid) is AdaptiveWindows else [Axis(*numbers) for numbers in zip(*grid)]
    return _three(given, Axis(1, 1, 1, 1, 0, 1))


def _three(numbers: list, missing: object = 0) -> list:
    return [missing] * (3 - len(numbers)) + list(numbers)


def _five(steps: list[int]) -> list[int]:
    return [*steps[:2], *_three(steps[2:])]


def _sizes(shape: tuple[int, ...], size: list[int], image: int, channel: int) -> dict[str, int]:
    """How many there are, and where what is read lies."""
    depth, height, width = size
    return dict(
        images=shape[0], channels=shape[1], depth=depth, height=height, width=width, from_image=image,
        from_channel=channel,
    )  # fmt: skip


def _to(steps: list[int]) -> dict[str, int]:
    """Where results lie."""
    return dict(zip(("to_image", "to_channel", "to_depth", "to_height", "to_width"), _five(steps)))


def _tables(tables: list[np.ndarray]) -> dict[str, np.ndarray]:
    return dict(zip(("depths", "heights", "widths"), tables))


def tables(lists: list, steps: list[int], axes: list[Axis]) -> list[np.ndarray]:
    """One table an axis; the taps of the last axis count singly."""
    weights = [axes[1].taps * axes[2].taps, axes[2].taps, 1]
    return [np.array(table(some, *rest), np.int64) for some, *rest in zip(lists, steps, weights)]


def _number(dtype: np.dtype) -> Type:
    return f64 if dtype.itemsize == 8 else f32


def _winner(dtype: np.dtype) -> Type:
    return i8 if dtype.itemsize == 1 else i32
