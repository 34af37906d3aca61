"""Sampling at places of a grid, its adjoint and its derivatives in the places: the definition, in NumPy.

In: a `Sampling` of rules/ and, for each axis, of which order the derivative in the place is (0: the value itself).
Out: y[n, c, o] = Σ w(place[n, o], tap)·x[n, c, position of tap] over the positions that a place reads: one, two or four
along each axis. So weights alone depend on the places, and all derivatives are sums of this form again.

A place that is no number, or infinite, reads as PyTorch does: of pictures the first position where the padding is
'border' or 'reflection' and weights that are no numbers elsewhere; of volumes the last position, or nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import prod
from typing import NamedTuple

import numpy as np

from rushlight.core.memory import worded
from rushlight.rules.sampling import WEIGHTS, Sampling


class _Tap(NamedTuple):
    """What places read along an axis through one tap."""

    position: np.ndarray
    inside: np.ndarray
    weight: np.ndarray


def coordinates(how: Sampling, axis: int) -> tuple[float, float]:
    """The factor and the summand that make a position of a place: (place + 1)·factor + summand."""
    n = how.size[axis]
    return ((n - 1) / 2, 0.0) if how.align_corners else (n / 2, -0.5)


def _brought(how: Sampling, axis: int, at: np.ndarray) -> tuple[np.ndarray, np.ndarray | int]:
    """Positions inside by the padding's rule, and their derivative: -1, 0 or 1."""
    if how.padding == "zeros":
        return at, 1
    slope: np.ndarray | int = 1
    if how.padding == "reflection":
        low = 0.0 if how.align_corners else -0.5
        period = at.dtype.type(max(2 * (how.size[axis] - 1 - 2 * low), 1))
        away = np.abs(at - low)
        away = away - np.trunc(away / period) * period
        slope = np.where(at < low, -1, 1) * np.where(away < period - away, 1, -1)
        at = np.where(away < period - away, away, period - away) + low
    last = at.dtype.type(how.size[axis] - 1)
    slope = np.where((at > 0) & (at < last), slope, 0)
    at = np.where(at > 0, at, 0) if len(how.size) == 2 else np.where(at < 0, 0, at)
    return np.where(at < last, at, last), slope


def _taps(how: Sampling, axis: int, order: int, place: np.ndarray, strict: bool) -> list[_Tap]:
    """What is read along one axis; `strict`: nothing where a place of a volume is no number."""
    factor, summand = coordinates(how, axis)
    at = raw = (place + 1) * place.dtype.type(factor) + place.dtype.type(summand)
    slope: np.ndarray | int = 1
    if how.rule != "cubic":
        if how.padding == "reflection" and strict:
            raw = np.where(np.isinf(at), np.nan, at)
        at, slope = _brought(how, axis, at)
    first = np.rint(at) if how.rule == "nearest" else np.floor(at)
    part = at - first
    taps = []
    for tap, coefficients in enumerate(WEIGHTS[how.rule][order]):
        position = first + (tap - (how.rule == "cubic"))
        if how.rule == "cubic":
            position = _brought(how, axis, position)[0]
        weight = np.full_like(part, coefficients[-1])
        for number in coefficients[-2::-1]:
            weight = weight * part + number
        inside = (position >= 0) & (position <= how.size[axis] - 1)
        if strict:
            inside &= ~np.isnan(raw)
        for _ in range(order):
            weight = weight * (slope * place.dtype.type(factor))
        taps.append(_Tap(np.where(inside, position, 0).astype(np.intp), inside, weight))
    return taps


def _read(how: Sampling, orders: tuple[int, ...], grid: np.ndarray, strict: bool) -> Iterator[tuple]:
    """For each combination of taps the flat positions, whether they are inside, and the weights: (N, places) each."""
    rank = len(how.size)
    places = grid.reshape(grid.shape[0], prod(grid.shape[1:-1]), rank)
    strict = strict and rank == 3
    axes = [_taps(how, axis, orders[axis], places[..., rank - 1 - axis], strict) for axis in range(rank)]
    for taps in product(*axes):
        flat, inside, weight = 0, True, 1
        for axis, tap in enumerate(taps):
            flat, inside, weight = flat * how.size[axis] + tap.position, inside & tap.inside, weight * tap.weight
        if rank == 3:
            weight = np.where(inside, weight, 0)
        yield flat, inside, weight


def wide(kind: np.dtype) -> np.dtype:
    """What numbers of a dtype are computed in."""
    return np.dtype(np.float64 if kind == np.float64 else np.float32)


@worded
@np.errstate(all="ignore")
def grid_sample(how: Sampling, orders: tuple[int, ...], x: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """x at the places of the grid, or a derivative of that in the places."""
    number = wide(x.dtype)
    flat = x.reshape(*x.shape[:2], prod(how.size)).astype(number, copy=False)
    y = np.zeros((*x.shape[:2], prod(grid.shape[1:-1])), number)
    for at, inside, weight in _read(how, orders, grid.astype(number, copy=False), any(orders)):
        y += np.where(inside[:, None], np.take_along_axis(flat, at[:, None], 2), 0) * weight[:, None]
    return y.astype(x.dtype, copy=False).reshape(*x.shape[:2], *grid.shape[1:-1])


@worded
@np.errstate(all="ignore")
def grid_sample_grad(how: Sampling, orders: tuple[int, ...], y: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """The adjoint in x."""
    number = wide(y.dtype)
    flat = y.reshape(*y.shape[:2], prod(y.shape[2:])).astype(number, copy=False)
    x = np.zeros((*y.shape[:2], prod(how.size)), number)
    images, channels = (np.arange(n).reshape(shape) for n, shape in zip(y.shape, ((-1, 1, 1), (1, -1, 1))))
    for at, inside, weight in _read(how, orders, grid.astype(number, copy=False), True):
        np.add.at(x, (images, channels, at[:, None]), np.where(inside[:, None], flat * weight[:, None], 0))
    return x.astype(y.dtype, copy=False).reshape(*y.shape[:2], *how.size)


@worded
@np.errstate(all="ignore")
def grid_sample_grid_grad(how: Sampling, x: np.ndarray, grid: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The gradient in the grid, y being that of the result."""
    number, rank = wide(x.dtype), len(how.size)
    x, places, y = (array.astype(number, copy=False) for array in (x, grid, y))
    result = np.zeros(grid.shape, number)
    for axis in range(rank):
        orders = tuple([int(axis == other) for other in range(rank)])
        if not how.vanishes(orders):
            result[..., rank - 1 - axis] = (grid_sample(how, orders, x, places) * y).sum(1)
    return result.astype(grid.dtype, copy=False)
