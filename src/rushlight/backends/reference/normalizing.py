"""Normalisation in NumPy: its definition, and what computes it where nothing is compiled.

In come a `Norm` and arrays of any strides; out come results of the input's type and `statistics`, float64: the means,
the variances (of n) and 1 / √(variance + eps), each of the shape that `Norm.statistics` gives. Everything is computed
in double precision and rounded once.
"""

from __future__ import annotations

import numpy as np

from rushlight.backends.protocol import scale_dtype
from rushlight.core.memory import worded
from rushlight.rules.normalization import ENDS, Norm


@worded
@np.errstate(all="ignore")
def norm(
    norm: Norm,
    x: np.ndarray,
    weight: np.ndarray | None = None,
    bias: np.ndarray | None = None,
    residual: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """x normalised with its own mean and variance; and the statistics."""
    grouped = _grouped(norm, x).astype(np.float64)
    centre = grouped.mean(axis=1) if norm.centred else np.zeros(len(grouped))
    variance = np.square(grouped - centre[:, None]).mean(axis=1)
    statistics = statistics_of(centre, variance, norm.eps).reshape(3, *norm.statistics(x.shape))
    return _applied(norm, x, statistics, weight, bias, residual), statistics


@worded
@np.errstate(all="ignore")
def norm_apply(
    norm: Norm,
    x: np.ndarray,
    mean: np.ndarray,
    variance: np.ndarray,
    weight: np.ndarray | None = None,
    bias: np.ndarray | None = None,
    residual: np.ndarray | None = None,
) -> np.ndarray:
    """x normalised with a mean and a variance that are given."""
    return _applied(norm, x, statistics_of(mean, variance, norm.eps), weight, bias, residual)


@worded
@np.errstate(all="ignore")
def norm_grad(
    norm: Norm,
    fixed: bool,
    wanted: tuple[bool, bool, bool],
    x: np.ndarray,
    grad: np.ndarray,
    statistics: np.ndarray,
    weight: np.ndarray | None = None,
    result: np.ndarray | None = None,
) -> tuple[np.ndarray, ...]:
    """The gradients of x, weight and bias, those that are wanted; statistics that are `fixed` do not depend on x.

    Of an activation at the end its `result` is given, too."""
    centre, scale = (_broadcast(norm, some, x) for some in (statistics[0], statistics[2]))
    normal = (x.astype(np.float64) - centre) * scale
    wide = grad.astype(np.float64)
    if norm.activation is not None:
        end = ENDS[norm.activation]
        wide[(result <= 0) | (False if end is None else result >= end)] = 0
    axes = tuple(range(x.ndim - norm.count)) if norm.kind == "last" else (0, *range(2, x.ndim))
    found = []
    if wanted[0]:
        scaled = wide if weight is None else wide * _along(norm, weight, x)
        if not fixed:
            parts = scaled, scaled * normal
            level, slope = (
                _broadcast(norm, _grouped(norm, part).mean(axis=1).reshape(statistics[0].shape), x) for part in parts
            )
            scaled = scaled - normal * slope - (level if norm.centred else 0)
        found.append((scaled * scale).astype(x.dtype))
    kind = scale_dtype(x.dtype, weight)
    found += [s.sum(axis=axes).astype(kind) for s, asked in ((wide * normal, wanted[1]), (wide, wanted[2])) if asked]
    return tuple(found)


def statistics_of(mean: np.ndarray, variance: np.ndarray, eps: float) -> np.ndarray:
    """Statistics from means and variances."""
    variance = variance.astype(np.float64)
    with np.errstate(all="ignore"):
        return np.stack([mean.astype(np.float64), variance, 1 / np.sqrt(variance + eps)])


def _grouped(norm: Norm, x: np.ndarray) -> np.ndarray:
    """A row for each mean."""
    x = x.swapaxes(0, 1) if norm.kind == "batch" else x
    return x.reshape(-1, norm.numbers(x.shape if norm.kind != "batch" else x.swapaxes(0, 1).shape))


def _broadcast(norm: Norm, statistic: np.ndarray, x: np.ndarray) -> np.ndarray:
    """A number for each mean, in a shape that broadcasts to that of x."""
    if norm.kind == "last":
        return statistic.reshape(*statistic.shape, *[1] * norm.count)
    if norm.kind == "groups":
        statistic = np.repeat(statistic, x.shape[1] // norm.count, axis=1)
    return statistic.reshape(-1, x.shape[1], *[1] * (x.ndim - 2))


def _along(norm: Norm, parameter: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Weight or bias, in a shape that broadcasts to that of x."""
    wide = parameter.astype(np.float64)
    return wide.reshape(norm.scales(x.shape)) if norm.kind == "last" else wide.reshape(-1, *[1] * (x.ndim - 2))


def _applied(
    norm: Norm,
    x: np.ndarray,
    statistics: np.ndarray,
    weight: np.ndarray | None,
    bias: np.ndarray | None,
    residual: np.ndarray | None,
) -> np.ndarray:
    y = (x.astype(np.float64) - _broadcast(norm, statistics[0], x)) * _broadcast(norm, statistics[2], x)
    if weight is not None:
        y *= _along(norm, weight, x)
    if bias is not None:
        y += _along(norm, bias, x)
    if residual is not None:
        y += residual
    if norm.activation is not None:
        y = np.maximum(y, 0)
    if ENDS[norm.activation]:
        y = np.minimum(y, ENDS[norm.activation])
    return y.astype(x.dtype)
