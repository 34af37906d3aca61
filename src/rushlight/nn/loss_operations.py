"""The losses that are operations of their own: rows of the table, arrays in and arrays out.

In: predictions, targets and weights that `functional_loss` has checked. Out: a loss, recorded. `reduction` is "mean",
"sum" or "none". Halves are computed in float32 and rounded once.
"""

from __future__ import annotations

import numpy as np

from rushlight.autograd.graph import in_single, record
from rushlight.autograd.operation import Gradients, Needs, define
from rushlight.backends.array import as_array
from rushlight.core import dtypes
from rushlight.core.dtypes import HALVES
from rushlight.rules.results import Layout, Layouts, of_shape, promoted
from rushlight.runtime.allocation import zeros_beside
from rushlight.tensor.core import Tensor, memory, wrap
from rushlight.tensor.fusing import as_they_lie
from rushlight.tensor.numerics import quiet
from rushlight.tensor.operands import layout_of, pair_arrays


def _computed_in(kind: np.dtype) -> np.dtype:
    """The dtype in which losses of a dtype are computed."""
    return np.dtype(np.float32) if dtypes.of_numpy(kind) in HALVES else kind


def _reduced(losses: np.ndarray, reduction: str, divisor: np.ndarray | None = None) -> np.ndarray:
    """The losses, their sum, or that divided: by their number, or what is given."""
    if reduction == "none":
        return losses
    total = np.add.reduce(losses, axis=None)
    if reduction == "sum":
        return total
    return np.divide(total, losses.dtype.type(losses.size) if divisor is None else divisor)


def _rounded(losses: np.ndarray, kind: np.dtype) -> np.ndarray:
    return as_array(losses).astype(kind, copy=False)


def _reduced_layout(shape: tuple[int, ...], kind: np.dtype, reduction: str) -> list[Layout]:
    return [(shape if reduction == "none" else (), kind)]


# -- the logarithm of the probability of a class


def nll(input: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, reduction: str) -> Tensor:
    """−weight·input at each target's class, on axis 1, or on the only one.

    The mean is over the weights of the targets' classes. Targets of `ignore_index` weigh nothing.
    """
    given, attributes = (input, target, weight), (ignore_index, reduction)
    result = wrap(_nll(*[None if tensor is None else tensor._array for tensor in given], *attributes))
    row = NLL_LOSS if memory(input).ndim < 3 else NLL_LOSS_2D
    record(row, attributes, result, given, (target, weight))
    return result


def _nll(
    input: np.ndarray, target: np.ndarray, weight: np.ndarray | None, ignore_index: int, reduction: str
) -> np.ndarray:
    batch, classes = (input, target) if input.ndim > 1 else (input[None], target.reshape(1))
    losses = quiet(_nll_of_batch, batch, classes, weight, ignore_index, reduction)
    losses = _rounded(losses, input.dtype)
    return losses.reshape(target.shape) if reduction == "none" else losses


def _nll_of_batch(
    input: np.ndarray, target: np.ndarray, weight: np.ndarray | None, ignore_index: int, reduction: str
) -> np.ndarray:
    counted, places, weights = _weighed(target, weight, ignore_index, _computed_in(input.dtype))
    if input.shape[1]:
        picked = np.take_along_axis(input, places[:, None], axis=1)[:, 0]
        losses = np.where(counted, -picked.astype(weights.dtype, copy=False) * weights, 0)
    else:  # no class, so that no target counts
        losses = weights
    return _reduced(losses, reduction, weights.sum() if reduction == "mean" else None)


def _weighed(
    target: np.ndarray, weight: np.ndarray | None, ignore_index: int, kind: np.dtype
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which targets count, where their classes are, and the weight of each."""
    classes = target.astype(np.int64, copy=False)
    counted = classes != ignore_index
    places = np.where(counted, classes, 0)
    if weight is None or not weight.shape[0]:
        return counted, places, counted.astype(kind)
    return counted, places, np.where(counted, weight[places], 0).astype(kind, copy=False)


def _nll_rule(
    ignore_index: int, reduction: str, needs: Needs, grad: Tensor, target: Tensor, weight: Tensor | None
) -> Gradients:
    given, attributes = (grad, target, weight), (needs[0][0], ignore_index, reduction)
    result = wrap(_nll_slope(*[None if tensor is None else tensor._array for tensor in given], *attributes))
    row = NLL_LOSS_BACKWARD if len(needs[0][0]) < 3 else NLL_LOSS_2D_BACKWARD
    record(row, attributes, result, given, (target, weight))
    return (result,)


def _nll_slope(
    grad: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray | None,
    shape: tuple[int, ...],
    ignore_index: int,
    reduction: str,
) -> np.ndarray:
    slopes = zeros_beside(grad, shape, grad.dtype)
    batch, classes = (slopes, target) if len(shape) > 1 else (slopes[None], target.reshape(1))
    if batch.shape[1]:
        grad = grad if reduction != "none" else grad.reshape(classes.shape)
        quiet(_put_nll_slopes, batch, grad, classes, weight, ignore_index, reduction)
    return slopes


def _put_nll_slopes(
    slopes: np.ndarray,
    grad: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray | None,
    ignore_index: int,
    reduction: str,
) -> None:
    counted, places, weights = _weighed(target, weight, ignore_index, _computed_in(grad.dtype))
    values = -weights * grad.astype(weights.dtype, copy=False)
    if reduction == "mean":
        values = values / weights.sum()
    values = np.where(counted, values, 0).astype(grad.dtype, copy=False)
    np.put_along_axis(slopes, places[:, None], values[:, None], axis=1)


def _nll_twice(
    shape: tuple[int, ...],
    ignore_index: int,
    reduction: str,
    needs: Needs,
    grad: Tensor,
    target: Tensor,
    weight: Tensor | None,
) -> Gradients:
    return (nll(grad, target, weight, ignore_index, reduction),)


def _nll_layout(inputs: Layouts, ignore_index: int, reduction: str) -> list[Layout]:
    return _reduced_layout(inputs[1][0], inputs[0][1], reduction)


_of_nll = {"derivative": _nll_rule, "results": _nll_layout, "lowering": _nll, "differentiable": 1}
NLL_LOSS = define("nll_loss", "NllLossBackward0", **_of_nll)
NLL_LOSS_2D = define("nll_loss2d", "NllLoss2DBackward0", **_of_nll)
_of_nll = {"derivative": _nll_twice, "results": of_shape, "lowering": _nll_slope, "differentiable": 1}
NLL_LOSS_BACKWARD = define("nll_loss_backward", "NllLossBackwardBackward0", **_of_nll)
NLL_LOSS_2D_BACKWARD = define("nll_loss2d_backward", "NllLoss2DBackwardBackward0", **_of_nll)


# -- the square of a difference


def mse(input: Tensor, target: Tensor, reduction: str) -> Tensor:
    """(input − target)², of tensors of one shape."""
    arrays, wrapped = as_they_lie([input, target])
    result = wrapped(_mse(*arrays, reduction))
    record(MSE_LOSS, (reduction,), result, (input, target), (input, target))
    return result


def _mse(input: np.ndarray, target: np.ndarray, reduction: str) -> np.ndarray:
    kind, wide = _kinds_of_pair(input, target)
    difference = pair_arrays(np.subtract, input, target, wide)
    squares = quiet(np.multiply, difference, difference)
    return _rounded(quiet(_reduced, squares, reduction), kind)


def _kinds_of_pair(input: np.ndarray, target: np.ndarray) -> tuple[np.dtype, dtypes.dtype]:
    """The dtype of a loss, and the one that it is computed in."""
    kind = promoted([layout_of(input), layout_of(target)]).numpy
    return kind, dtypes.of_numpy(_computed_in(kind))


def _mse_rule(reduction: str, needs: Needs, grad: Tensor, input: Tensor, target: Tensor) -> Gradients:
    slope = (input - target) * (2 / _divisor(reduction, input)) * grad
    return slope if needs[0] else None, -slope if needs[1] else None


def _divisor(reduction: str, input: Tensor) -> int:
    """What the sum of the losses is divided by; there is no gradient to divide where there are no losses."""
    return memory(input).size or 1 if reduction == "mean" else 1


def _mse_layout(inputs: Layouts, reduction: str) -> list[Layout]:
    return _reduced_layout(inputs[0][0], promoted(inputs).numpy, reduction)


MSE_LOSS = define("mse_loss", "MseLossBackward0", derivative=in_single(_mse_rule), results=_mse_layout, lowering=_mse)


# -- the logarithm of the probability of one of two


def bce(input: Tensor, target: Tensor, weight: Tensor | None, reduction: str) -> Tensor:
    """−weight·(target·ln input + (1 − target)·ln(1 − input)), of tensors of one shape and dtype.

    The logarithms are no less than −100.
    """
    given = (input, target, weight)
    arrays, wrapped = as_they_lie([tensor for tensor in given if tensor is not None])
    result = wrapped(_bce(*arrays[:2], arrays[2] if weight is not None else None, reduction))
    record(BINARY_CROSS_ENTROPY, (reduction,), result, given, given)
    return result


def _bce(input: np.ndarray, target: np.ndarray, weight: np.ndarray | None, reduction: str) -> np.ndarray:
    return _rounded(quiet(_bce_in_one_dtype, input, target, weight, reduction), input.dtype)


def _bce_in_one_dtype(input: np.ndarray, target: np.ndarray, weight: np.ndarray | None, reduction: str) -> np.ndarray:
    kind = _computed_in(input.dtype)
    x, t = input.astype(kind, copy=False), target.astype(kind, copy=False)
    losses = (t - 1) * np.maximum(quiet(np.log1p, -x), -100) - t * np.maximum(quiet(np.log, x), -100)
    if weight is not None:
        losses = losses * weight.astype(kind, copy=False)
    return _reduced(losses, reduction)


def _bce_rule(
    reduction: str, needs: Needs, grad: Tensor, input: Tensor, target: Tensor, weight: Tensor | None
) -> Gradients:
    grad = grad if weight is None else grad * weight
    divisor = _divisor(reduction, input)
    grad = grad if divisor == 1 else grad / divisor
    slope = grad * (input - target) / (input * (1 - input)).clamp(min=1e-12) if needs[0] else None
    return slope, grad * ((1 - input).log() - input.log()) if needs[1] else None


def _bce_layout(inputs: Layouts, reduction: str) -> list[Layout]:
    return _reduced_layout(*inputs[0], reduction)


BINARY_CROSS_ENTROPY = define(
    "binary_cross_entropy",
    "BinaryCrossEntropyBackward0",
    derivative=in_single(_bce_rule),
    results=_bce_layout,
    lowering=_bce,
    differentiable=2,
)
