"""Reductions that the engine has as formulas.

In: arrays, and axes. Out: what becomes of them, by the engine that runs calls now; None where NumPy's functions
compute it: arrays of other devices, and arrays of few numbers or none.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from rushlight.rules.expression import cast, exp, inputs, log, maximum, not_equal, sqrt, where
from rushlight.rules.reduction import MEAN, Reduction

TINY = 64
"""Numbers up to which NumPy reduces them: a program that has no more does without the engine, and its start."""

_x, _y, _z, _w = inputs(4)

SUM = Reduction.of("sum")
SUM_OF_INTEGERS = Reduction.of("sum", before=cast(_x, "i64"), gives="i64")
PROD = Reduction.of("prod")
PROD_OF_INTEGERS = Reduction.of("prod", before=cast(_x, "i64"), gives="i64")
AMAX, AMIN = Reduction.of("max"), Reduction.of("min")
RANGE = Reduction(("min", "max"), (_x, _x), (_x, _y), (None, None))
ARGMAX, ARGMIN = (Reduction((kind,), (_x,), (_y,), ("i64",)) for kind in ("argmax", "argmin"))
MAX, MIN = (Reduction((kind,), (_x,), (_x, _y), (None, "i64")) for kind in ("argmax", "argmin"))
"""The extremes along an axis, and where they are."""
ANY = Reduction.of("max", before=cast(_x, "b1"), gives="b1")
ALL = Reduction.of("min", before=cast(_x, "b1"), gives="b1")
COUNT_NONZERO = Reduction.of("sum", before=cast(cast(_x, "b1"), "i64"), gives="i64")
NORMS = {
    0: Reduction.of("sum", before=cast(not_equal(_x, 0), "f32")),
    1: Reduction.of("sum", before=abs(_x)),
    2: Reduction.of("sum", before=_x * _x, after=sqrt(_x)),
}
PEAK = Reduction.of("max", after=where(abs(_x) < math.inf, _x, 0.0))
"""The largest number, as what exponentials are taken off; 0 for one that is not finite."""
LOGSUMEXP = Reduction(("sum", "max"), (exp(_x - _y), _y), (log(_x) + cast(_y, "f64"),), (None,))


def _of_squares(after: Any) -> Reduction:
    """Of numbers, and others near them (a mean, or one of them): of sums of differences and of their squares."""
    off = cast(_x, "f64") - cast(_y, "f64")
    return Reduction(("sum", "sum"), (off, off * off), (after,), (None,))


_SQUARES = maximum(_y - _x * _x / _z, 0)  # what lies off the mean: Σ d² − (Σ d)² / n
VAR, STD = _of_squares(_SQUARES / _w), _of_squares(sqrt(_SQUARES / _w))


def reduced(
    formula: Reduction, axes: tuple[int, ...], keepdim: bool, *arrays: Any, numbers: tuple[float, ...] = ()
) -> Any:
    """The results of a reduction by the engine; None where NumPy's functions compute it."""
    return by_engine("reduction", (formula, axes, keepdim, numbers), *arrays)


def by_engine(kernel: str, attributes: tuple, *arrays: Any, least: int = TINY) -> Any:
    """What a kernel gives where the engine that runs calls now has it; None where NumPy's functions compute it.

    Those do where the first array has no more elements than `least`: one of them takes less time than a launch."""
    for array in arrays:
        if type(array) is not np.ndarray:
            return None
    if arrays[0].size <= least:
        return None
    registry = _loaded or _load()
    current = registry.current()
    engine = getattr(current, "engines", (current,))[0]
    if engine is registry.reference or not hasattr(engine, kernel):
        return None
    try:
        return getattr(engine, kernel)(*attributes, *arrays)
    except registry.Unavailable as unavailable:
        if current is not engine:
            current.do_without(engine, str(unavailable))
    except registry.Refusal:
        pass
    return None


def _load() -> Any:
    """What knows the engines, loaded when something first needs one."""
    global _loaded
    from rushlight.backends import registry

    _loaded = registry
    return registry


_loaded = None


def variance(
    formula: Reduction, array: Any, axes: tuple[int, ...], keepdim: bool, free: float
) -> np.ndarray | None:  # fmt: skip
    """A variance or a deviation.

    Differences from one of the numbers lose no more than the digits of the count, in float64: where that number is far
    from the others it is part of the variance itself. Of float64 that is too much, so the mean is taken first."""
    if type(array) is not np.ndarray or array.size <= TINY:
        return None
    if array.dtype.itemsize == 8:
        near = reduced(MEAN, axes, True, array)
        near = None if near is None else near[0]
    else:
        near = array[tuple([slice(0, 1) if axis in axes else slice(None) for axis in range(array.ndim)])]
    found = None if near is None else reduced(formula, axes, keepdim, array, near, numbers=(free,))
    return None if found is None else found[0]
