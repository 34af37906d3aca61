"""Gradients of reductions in one pass over memory: what came of many numbers is stretched while it is read.

In: a formula of the input, of reduced tensors (gradient, result) and of numbers. Out: the input's gradient; None where
it will be differentiated again, and where no engine has it, so that it is computed in operations on tensors.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rushlight.autograd.modes import mode
from rushlight.autograd.operation import Gradients
from rushlight.core.dtypes import code_of
from rushlight.rules.expression import Expression, cast, equal, exp, inputs, not_equal, where
from rushlight.rules.reduction import Reduction
from rushlight.tensor.core import Tensor, elements, wrap_unordered
from rushlight.tensor.fusing import computed
from rushlight.tensor.reducing import MEAN, TINY, reduced

_x, _g, _r, _n, _m = inputs(5)

_SAME = equal(_x, _r)
_SAME_OR_NAN = _SAME | (not_equal(_x, _x) & not_equal(_r, _r))
_COUNTS = {mask: Reduction.of("sum", before=cast(mask, "f32")) for mask in (_SAME, _SAME_OR_NAN)}
_VAR = _g * _n * (_x - _m)
_STD = where(equal(_r, 0), 0.0, _g / _r * _n * (_x - _m))
_NORM = where(equal(_r, 0), 0.0, _g * _x / _r)
_LOGSUMEXP = _g * exp(_x - _r)


def of_extremes(input: Tensor, grad: Tensor, result: Tensor, axes: tuple[int, ...], nan: bool) -> Gradients | None:
    """g, shared by those that are equal to the extreme; with `nan` NaN are among each other."""
    if not _serves(input, grad, result):
        return None
    mask, extremes = _SAME_OR_NAN if nan else _SAME, _stretched(result, input, axes)
    x = elements(input)
    # in the order of the formula, whose second input is the gradient
    counts = reduced(_COUNTS[mask], axes, True, x, extremes, extremes)
    return None if counts is None else _slope(where(mask, 1.0, 0.0) / _n * _g, input, axes, grad, result, counts[0])


def of_variance(input: Tensor, grad: Tensor, axes: tuple[int, ...], factor: float) -> Gradients | None:
    """g·factor·(x − mean)."""
    mean = _mean(input, axes, grad)
    return None if mean is None else _slope(_VAR, input, axes, grad, grad, factor, mean)


def of_deviation(
    input: Tensor, grad: Tensor, result: Tensor, axes: tuple[int, ...], factor: float
) -> Gradients | None:  # fmt: skip
    """g·factor·(x − mean) / deviation; 0 where that is."""
    mean = _mean(input, axes, grad, result)
    return None if mean is None else _slope(_STD, input, axes, grad, result, factor, mean)


def of_norm(input: Tensor, grad: Tensor, result: Tensor, axes: tuple[int, ...]) -> Gradients | None:
    """g·x / norm; 0 where that is."""
    return _slope(_NORM, input, axes, grad, result) if _serves(input, grad, result) else None


def of_logsumexp(input: Tensor, grad: Tensor, result: Tensor, axes: tuple[int, ...]) -> Gradients | None:
    """g·exp(x − result)."""
    return _slope(_LOGSUMEXP, input, axes, grad, result) if _serves(input, grad, result) else None


def _serves(*tensors: Tensor) -> bool:
    """Whether one pass is possible, and worth it."""
    if mode.enabled:
        return False
    arrays = [elements(tensor) for tensor in tensors]
    return all(type(array) is np.ndarray for array in arrays) and arrays[0].size > TINY


def _mean(input: Tensor, axes: tuple[int, ...], *others: Tensor) -> np.ndarray | None:
    """The mean, its axes kept; of halves in single precision."""
    if not _serves(input, *others):
        return None
    x = elements(input)
    found = reduced(MEAN if x.itemsize > 2 else _MEAN_OF_HALVES, axes, True, x)
    return None if found is None else found[0]


_MEAN_OF_HALVES = Reduction(MEAN.kinds, MEAN.before, MEAN.after, ("f32",))


def _stretched(tensor: Tensor, input: Tensor, axes: tuple[int, ...]) -> np.ndarray:
    """A reduced tensor with axes of one entry where the input was reduced."""
    array = elements(tensor)
    return array if array.ndim == elements(input).ndim else np.expand_dims(array, axes)


def _slope(formula: Expression, input: Tensor, axes: tuple[int, ...], *narrow: Any) -> Gradients | None:
    x = elements(input)
    kind = np.dtype(np.float32) if x.itemsize == 2 else x.dtype
    arrays = [x]
    for value in narrow:
        if isinstance(value, Tensor):
            value = _stretched(value, input, axes)
        arrays.append(value if isinstance(value, np.ndarray) else np.array(value, kind))
    found = computed((cast(formula, code_of(x.dtype)),), arrays)
    return None if found is None else (wrap_unordered(found[0]),)
