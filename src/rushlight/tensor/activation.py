"""softmax and log_softmax, each one node with its own rule.

In: a tensor and an axis. Out: a tensor of the same shape, recorded. The losses and `rushlight.nn.functional` use them.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from rushlight.autograd.graph import Needs, in_single, record
from rushlight.core import dtypes
from rushlight.core.errors import message
from rushlight.tensor.core import Tensor, memory, wrap_unordered
from rushlight.tensor.layout import check_dim
from rushlight.tensor.pointwise import apply_floating


def _shifted(axis: int, x: np.ndarray) -> np.ndarray:
    """Less the largest entry, so that no exponential overflows."""
    return x if x.ndim == 0 or x.shape[axis] == 0 else x - x.max(axis=axis, keepdims=True)


def _softmax(axis: int, x: np.ndarray) -> np.ndarray:
    if x.ndim == 0:
        return np.ones_like(x)
    e = np.exp(_shifted(axis, x))
    return e / e.sum(axis=axis, keepdims=True)


def _log_softmax(axis: int, x: np.ndarray) -> np.ndarray:
    if x.ndim == 0:
        return np.zeros_like(x)
    shifted = _shifted(axis, x)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))


def _prepared(name: str, input: Tensor, dim: int, dtype: dtypes.dtype | None) -> tuple[Tensor, int]:
    input = input if dtype is None else input.to(dtype)
    if not input.dtype.is_floating_point:
        kind = {"int64": "Long", "int32": "Int", "bool": "Bool"}.get(input.dtype.name, input.dtype.name)
        raise NotImplementedError(
            message(f"\"{name}_lastdim_kernel_impl\" not implemented for '{kind}'", fix=".float() first")
        )
    return input, check_dim(dim, input._array.ndim)


def softmax(input: Tensor, dim: int, dtype: dtypes.dtype | None = None) -> Tensor:
    """exp(x) / sum(exp(x)) along an axis, without overflow.

    >>> import rushlight as torch
    >>> torch.softmax(torch.zeros(4), 0)
    tensor([0.2500, 0.2500, 0.2500, 0.2500])
    """
    input, axis = _prepared("softmax", input, dim, dtype)
    result = wrap_unordered(memory(apply_floating(partial(_softmax, axis), input)))
    record("SoftmaxBackward0", result, (input,), in_single(partial(_softmax_rule, axis)), (result,))
    return result


def _softmax_rule(axis: int, needs: Needs, grad: Tensor, result: Tensor) -> tuple[Tensor]:
    return (result * (grad - (grad * result).sum(axis, True)),)


def log_softmax(input: Tensor, dim: int, dtype: dtypes.dtype | None = None) -> Tensor:
    """log(softmax(x)) along an axis, exact where softmax would be 0."""
    input, axis = _prepared("log_softmax", input, dim, dtype)
    result = wrap_unordered(memory(apply_floating(partial(_log_softmax, axis), input)))
    record("LogSoftmaxBackward0", result, (input,), in_single(partial(_log_softmax_rule, axis)), (result,))
    return result


def _log_softmax_rule(axis: int, needs: Needs, grad: Tensor, result: Tensor) -> tuple[Tensor]:
    return (grad - result.exp() * grad.sum(axis, True),)
