"""Reductions in NumPy: what `rules.reduction` means.

In: a reduction, axes, and arrays, which broadcast. Out: an array for each of its results; nothing warns.
"""

from __future__ import annotations

from math import prod

import numpy as np

from rushlight.backends.reference.pointwise import evaluated
from rushlight.core.dtypes import code_of, of_code
from rushlight.core.memory import worded
from rushlight.rules.expression import lowered
from rushlight.rules.layout import broadcast
from rushlight.rules.reduction import Reduction, held

_UFUNCS = {"sum": np.add, "prod": np.multiply, "max": np.maximum, "min": np.minimum}


@worded
@np.errstate(all="ignore")  # overflow and NaN are results here, not warnings
def reduction(
    formula: Reduction, axes: tuple[int, ...], keepdim: bool, numbers: tuple[float, ...], *arrays: np.ndarray
) -> tuple[np.ndarray, ...]:
    """The results of a reduction over axes; positions are those in the axes taken together."""
    shape = broadcast(*[array.shape for array in arrays])
    codes = tuple([code_of(array.dtype) for array in arrays])
    befores = formula.values(codes)
    program = lowered(befores, codes)
    found: list[np.ndarray] = []
    for kind, dtype, values in zip(formula.kinds, program.outputs, evaluated(program, arrays)):
        found += _gathered(kind, dtype, np.broadcast_to(values, shape), axes, keepdim)
    told = [np.float64(prod([shape[axis] for axis in axes])), *map(np.float64, numbers)]
    behind = lowered(formula.results(codes), (*formula.held(codes), *["f64"] * len(told)))
    return tuple([np.asarray(result) for result in evaluated(behind, [*found, *told])])


def _gathered(kind: str, dtype: str, values: np.ndarray, axes: tuple[int, ...], keepdim: bool) -> list[np.ndarray]:
    types = [of_code(code).numpy for code in held(kind, dtype)]
    if kind in ("sum", "prod"):
        return [_UFUNCS[kind].reduce(values, axes, types[0], keepdims=keepdim)]
    if not kind.startswith("arg"):
        return [_UFUNCS[kind].reduce(values, axes, keepdims=keepdim)]
    kept = [axis for axis in range(values.ndim) if axis not in axes]
    flat = values.transpose(*kept, *axes).reshape(*[values.shape[axis] for axis in kept], -1)
    where = getattr(np, kind)(flat, axis=-1)
    extreme = np.take_along_axis(flat, where[..., None], -1)[..., 0]
    shape = [1 if axis in axes else n for axis, n in enumerate(values.shape)] if keepdim else where.shape
    return [extreme.reshape(shape), where.astype(np.int64).reshape(shape)]
