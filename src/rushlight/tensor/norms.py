"""Norms over axes, of vectors and of matrices, and the logarithm of a sum of exponentials.

In: a tensor, axes (none means all) and `keepdim`. Out: a tensor without those axes, recorded.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from rushlight.autograd.graph import in_single, record
from rushlight.autograd.operation import Gradients, Needs, define
from rushlight.backends.array import as_array
from rushlight.core import dtypes
from rushlight.core.dtypes import FLOATING
from rushlight.core.errors import message
from rushlight.rules.results import reduced
from rushlight.tensor import reducing, stretching
from rushlight.tensor.composed import composed
from rushlight.tensor.core import Tensor, elements, memory, wrap, wrap_unordered
from rushlight.tensor.extremes import AMAX, amax, amin
from rushlight.tensor.reductions import Dims, axes_of, expand_reduced, reduce_along


def norm(
    input: Tensor,
    p: float | str | None = "fro",
    dim: Dims = None,
    keepdim: bool = False,
    dtype: dtypes.dtype | None = None,
) -> Tensor:
    """The p-norm over axes: `p` a number, `inf`, or "fro" for 2; computed in `dtype` where one is given."""
    if input.dtype.category != FLOATING:
        raise RuntimeError(
            message(
                f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {input.dtype}",
                fix=".float() first",
            )
        )
    input = input if dtype is None else input.to(dtype)
    p = 2 if p in ("fro", None) else p
    if p == "nuc":
        return _nuclear_norm(input, dim, keepdim)
    if isinstance(p, str):
        raise RuntimeError(f"only valid if p is 'fro' or 'nuc', got {p}")
    return _p_norm(input, p, dim, keepdim)


def _p_norm(input: Tensor, p: float, dim: Dims, keepdim: bool) -> Tensor:
    axes = axes_of(dim, memory(input).ndim)
    p = p.item() if isinstance(p, Tensor) else p
    result = wrap_unordered(_norm_along(elements(input), p, axes, keepdim))
    record(VECTOR_NORM, (p, axes, keepdim), result, (input,), (input, result))
    return result


@composed
def _largest(input: Tensor, axes: tuple[int, ...], keepdim: bool, p: float) -> Tensor:
    """The largest magnitude, or, where p is −∞, the smallest."""
    return (amax if p > 0 else amin)(input.abs(), () if len(axes) == input.dim() else axes, keepdim)


def _norm_along(array: np.ndarray, p: float, axes: tuple[int, ...], keepdim: bool) -> np.ndarray:
    if abs(p) == math.inf:
        return _largest(array, axes, keepdim, p)
    return reduce_along(partial(_norm_in_one_dtype, p), reducing.NORMS.get(p), array, axes, keepdim)


def _norm_in_one_dtype(p: float, array: np.ndarray, axis: tuple[int, ...], keepdims: bool) -> np.ndarray:
    if p == 0:
        return np.sum(array != 0, axis=axis, keepdims=keepdims, dtype=array.dtype)
    if p == 2:
        return np.sqrt(np.sum(array * array, axis=axis, keepdims=keepdims))
    return np.sum(np.abs(array) ** p, axis=axis, keepdims=keepdims) ** (1 / p)


def _p_norm_rule(
    p: float, axes: tuple, keepdim: bool, needs: Needs, grad: Tensor, input: Tensor, result: Tensor
) -> Gradients:
    shape = memory(input).shape
    if p == 0:
        return (None,)
    if abs(p) == math.inf:
        (of_size,) = AMAX.derivative(axes, keepdim, needs, grad, input.abs(), result)
        return (of_size * input.sign(),)
    if p == 1:
        return (expand_reduced(grad, shape, axes, keepdim) * input.sign(),)
    found = stretching.of_norm(input, grad, result, axes) if p == 2 else None
    if found is not None:
        return found
    total, grad = expand_reduced(result, shape, axes, keepdim), expand_reduced(grad, shape, axes, keepdim)
    direction = input if p == 2 else input.sign() * input.abs() ** (p - 1)
    slope = grad * direction / total ** (1 if p == 2 else p - 1)
    return (slope.masked_fill(total.detach() == 0, 0),)


VECTOR_NORM = define(
    "linalg_vector_norm",
    "LinalgVectorNormBackward0",
    derivative=in_single(_p_norm_rule),
    results=lambda inputs, p, axes, keepdim: reduced(inputs, axes, keepdim),
    lowering=_norm_along,
)


def _nuclear_norm(input: Tensor, dim: Dims, keepdim: bool) -> Tensor:
    """The sum of the singular values of matrices, along two axes; differentiable once."""
    axes = axes_of(dim, memory(input).ndim)
    if len(axes) != 2:
        raise RuntimeError(
            message(
                "linalg.matrix_norm: dim must be a 2-tuple"
                if dim
                else "linalg.matrix_norm: The input tensor A must have at least 2 dimensions.",
                f"p='nuc' over the axes {list(axes)}",
            )
        )
    total, turned = map(wrap, _sum_of_singular_values(input._array, axes, keepdim))
    record(MATRIX_NORM, (axes, keepdim), total, (input,), (input, turned))
    return total


def _sum_of_singular_values(array: np.ndarray, axes: tuple[int, ...], keepdim: bool) -> tuple[np.ndarray, np.ndarray]:
    """The nuclear norms, and their slopes at the matrices."""
    wide = np.float64 if array.dtype == np.float64 else np.float32
    matrices = np.moveaxis(array, axes, (-2, -1)).astype(wide)
    left, values, right = np.linalg.svd(matrices, full_matrices=False)
    total = as_array(values.sum(-1), array.dtype)
    total = np.expand_dims(total, tuple(sorted(axes))) if keepdim else total
    return total, np.moveaxis(left @ right, (-2, -1), axes).astype(array.dtype)


def _nuclear_rule(
    axes: tuple[int, ...], keepdim: bool, needs: Needs, grad: Tensor, input: Tensor, turned: Tensor
) -> Gradients:
    found = wrap(_nuclear_slope(grad._array, None, turned._array, axes, keepdim))
    record(MATRIX_NORM_BACKWARD, (axes, keepdim), found, (grad, input, turned))
    return (found,)


def _nuclear_slope(
    grad: np.ndarray, array: np.ndarray | None, turned: np.ndarray, axes: tuple[int, ...], keepdim: bool
) -> np.ndarray:
    return memory(expand_reduced(wrap(grad), turned.shape, axes, keepdim)) * turned


def _not_twice(axes: tuple[int, ...], keepdim: bool, needs: Needs, grad: Tensor) -> Gradients:
    raise RuntimeError("the nuclear norm is differentiable once")


MATRIX_NORM = define(
    "linalg_matrix_norm",
    "LinalgMatrixNormBackward0",
    derivative=_nuclear_rule,
    results=reduced,
    lowering=lambda array, axes, keepdim: _sum_of_singular_values(array, axes, keepdim)[0],
)
MATRIX_NORM_BACKWARD = define(
    "linalg_matrix_norm_backward",
    "LinalgMatrixNormBackwardBackward0",
    derivative=_not_twice,
    results=lambda inputs, axes, keepdim: [(inputs[2][0], inputs[0][1])],
    lowering=_nuclear_slope,
    differentiable=2,
)


def logsumexp(input: Tensor, dim: Dims, keepdim: bool = False) -> Tensor:
    """log(sum(exp(x))) along axes, without overflow; of integers as floats."""
    input = input if input.dtype.is_floating_point else input.to(dtypes.get_default_dtype())
    if not memory(input).size:
        return input.exp().sum(dim, keepdim).log()
    axes = axes_of(dim, memory(input).ndim)
    result = wrap_unordered(_log_of_sum(elements(input), axes, keepdim))
    record(LOGSUMEXP, (axes, keepdim), result, (input,), (input, result))
    return result


@composed
def _logsumexp(input: Tensor, axes: tuple[int, ...], keepdim: bool) -> Tensor:
    peak = amax(input, axes, True)
    peak = peak.masked_fill(wrap(~np.isfinite(peak._array)), 0)
    total = (input - peak).exp().sum(axes, True).log() + peak
    return total if keepdim else total.squeeze(axes)


def _log_of_sum(array: np.ndarray, axes: tuple[int, ...], keepdim: bool) -> np.ndarray:
    peak = reducing.reduced(reducing.PEAK, axes, True, array)
    found = None if peak is None else reducing.reduced(reducing.LOGSUMEXP, axes, keepdim, array, peak[0])
    return _logsumexp(array, axes, keepdim) if found is None else found[0]


def _logsumexp_rule(axes: tuple, keepdim: bool, needs: Needs, grad: Tensor, input: Tensor, result: Tensor) -> Gradients:
    found = stretching.of_logsumexp(input, grad, result, axes)
    if found is not None:
        return found
    shape = memory(input).shape
    return (expand_reduced(grad, shape, axes, keepdim) * (input - expand_reduced(result, shape, axes, keepdim)).exp(),)


LOGSUMEXP = define("logsumexp", "LogsumexpBackward0", derivative=_logsumexp_rule, results=reduced, lowering=_log_of_sum)
