"""softmax and log_softmax, each an operation of its own.

In: a tensor and an axis. Out: a tensor of the same shape, recorded. The losses and `rushlight.nn.functional` use them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from rushlight.autograd.graph import in_single, record
from rushlight.autograd.modes import mode
from rushlight.autograd.operation import Gradients, Needs, Operation, define
from rushlight.core import dtypes
from rushlight.core.errors import message
from rushlight.rules.results import as_first
from rushlight.tensor.core import Tensor, elements, memory, wrap_unordered
from rushlight.tensor.layout import check_dim
from rushlight.tensor.pointwise import floating_array
from rushlight.tensor.reducing import by_engine


def _shifted(x: np.ndarray, axis: int) -> np.ndarray:
    """Less the largest entry, so that no exponential overflows."""
    return x if x.ndim == 0 or x.shape[axis] == 0 else x - x.max(axis=axis, keepdims=True)


def _softmax(x: np.ndarray, axis: int) -> np.ndarray:
    if x.ndim == 0:
        return np.ones_like(x)
    e = np.exp(_shifted(x, axis))
    return e / e.sum(axis=axis, keepdims=True)


def _log_softmax(x: np.ndarray, axis: int) -> np.ndarray:
    if x.ndim == 0:
        return np.zeros_like(x)
    shifted = _shifted(x, axis)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))


def _lowered(log: bool, function: Callable, x: np.ndarray, axis: int) -> np.ndarray:
    found = by_engine("softmax", (log, axis), x)
    return floating_array(function, x, axis) if found is None else found


def _derivative(log: bool, rule: Callable, axis: int, needs: Needs, grad: Tensor, result: Tensor) -> Gradients:
    """By the engine where nobody differentiates it again, else in operations on tensors."""
    if not mode.enabled and needs[0][1] == memory(result).dtype:
        found = by_engine("softmax_grad", (log, axis), elements(result), elements(grad))
        if found is not None:
            return (wrap_unordered(found),)
    return rule(axis, needs, grad, result)


def _applied(row: Operation, input: Tensor, dim: int, dtype: dtypes.dtype | None) -> Tensor:
    input = input if dtype is None else input.to(dtype)
    if not input.dtype.is_floating_point:
        kind = {"int64": "Long", "int32": "Int", "bool": "Bool"}.get(input.dtype.name, input.dtype.name)
        raise NotImplementedError(
            message(f"\"{row.name}_lastdim_kernel_impl\" not implemented for '{kind}'", fix=".float() first")
        )
    array = elements(input)
    axis = check_dim(dim, array.ndim)
    result = wrap_unordered(row.lowering(array, axis))
    record(row, (axis,), result, (input,), (result,))
    return result


def softmax(input: Tensor, dim: int, dtype: dtypes.dtype | None = None) -> Tensor:
    """exp(x) / sum(exp(x)) along an axis, without overflow.

    >>> import rushlight as torch
    >>> torch.softmax(torch.zeros(4), 0)
    tensor([0.2500, 0.2500, 0.2500, 0.2500])
    """
    return _applied(SOFTMAX, input, dim, dtype)


def _softmax_rule(axis: int, needs: Needs, grad: Tensor, result: Tensor) -> Gradients:
    return (result * (grad - (grad * result).sum(axis, True)),)


SOFTMAX = define(
    "softmax",
    "SoftmaxBackward0",
    derivative=partial(_derivative, False, in_single(_softmax_rule)),
    results=as_first,
    lowering=partial(_lowered, False, _softmax),
)


def log_softmax(input: Tensor, dim: int, dtype: dtypes.dtype | None = None) -> Tensor:
    """log(softmax(x)) along an axis, exact where softmax would be 0."""
    return _applied(LOG_SOFTMAX, input, dim, dtype)


def _log_softmax_rule(axis: int, needs: Needs, grad: Tensor, result: Tensor) -> Gradients:
    return (grad - result.exp() * grad.sum(axis, True),)


LOG_SOFTMAX = define(
    "log_softmax",
    "LogSoftmaxBackward0",
    derivative=partial(_derivative, True, in_single(_log_softmax_rule)),
    results=as_first,
    lowering=partial(_lowered, True, _log_softmax),
)
