"""Running sums and products along an axis.

In: a tensor and an axis. Out: a tensor of its shape, recorded; those of integers and bools are int64.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from rushlight.autograd.graph import record
from rushlight.autograd.modes import mode
from rushlight.autograd.operation import Gradients, Needs, define
from rushlight.core import dtypes
from rushlight.core.dtypes import HALVES
from rushlight.rules.results import as_first
from rushlight.tensor import reducing
from rushlight.tensor.core import Tensor, elements, memory, wrap_unordered
from rushlight.tensor.layout import check_dim
from rushlight.tensor.numerics import quiet
from rushlight.tensor.parts import stack, unbind
from rushlight.tensor.reductions import widened


def cumsum(input: Tensor, dim: int, *, dtype: dtypes.dtype | None = None) -> Tensor:
    """The running sum along an axis."""
    input = widened(input, dtype)
    at = check_dim(dim, memory(input).ndim)
    result = wrap_unordered(_summed_up(elements(input), at))
    record(CUMSUM, (at,), result, (input,))
    return result


def _running(function: Callable, kind: str, array: np.ndarray, at: int) -> np.ndarray:
    if array.ndim == 0:
        return array.copy()
    found = reducing.by_engine("running", (kind, False, at), array)
    if found is not None:
        return found
    if array.itemsize == 2 and dtypes.of_numpy(array.dtype) in HALVES:
        return quiet(quiet(function, array.astype(np.float32), axis=at).astype, array.dtype)
    return quiet(function, array, axis=at, dtype=array.dtype)


_summed_up, _multiplied_up = partial(_running, np.cumsum, "sum"), partial(_running, np.cumprod, "prod")


def _cumsum_rule(dim: int, needs: Needs, grad: Tensor) -> Gradients:
    array = memory(grad)
    if not mode.enabled and array.ndim:
        found = reducing.by_engine("running", ("sum", True, dim), elements(grad))
        if found is not None:
            return (wrap_unordered(found),)
    return (cumsum(grad.flip(dim), dim).flip(dim) if memory(grad).ndim else grad,)


CUMSUM = define("cumsum", "CumsumBackward0", derivative=_cumsum_rule, results=as_first, lowering=_summed_up)


def cumprod(input: Tensor, dim: int, *, dtype: dtypes.dtype | None = None) -> Tensor:
    """The running product along an axis."""
    input = widened(input, dtype)
    at = check_dim(dim, memory(input).ndim)
    result = wrap_unordered(_multiplied_up(elements(input), at))
    record(CUMPROD, (at,), result, (input,), (input,))
    return result


def _cumprod_rule(dim: int, needs: Needs, grad: Tensor, input: Tensor) -> Gradients:
    """Built entry by entry from differentiable steps, exact with zeros."""
    if memory(input).ndim == 0:
        return (grad,)
    entries, grads = unbind(input, dim), unbind(grad, dim)
    slopes = []
    for i in range(len(entries)):
        product, total = None, None
        for j in range(len(entries)):
            if j != i:
                product = entries[j] if product is None else product * entries[j]
            if j >= i:
                term = grads[j] if product is None else grads[j] * product
                total = term if total is None else total + term
        slopes.append(total)
    return (stack(slopes, dim),) if slopes else (grad,)


CUMPROD = define("cumprod", "CumprodBackward0", derivative=_cumprod_rule, results=as_first, lowering=_multiplied_up)
