"""The losses that are operations of their own: rows of the table, arrays in and arrays out.

In: predictions, targets and weights that `functional_loss` has checked. Out: a loss, recorded. `reduction` is "mean",
"sum" or "none". Halves are computed in float32 and rounded once.
"""

from __future__ import annotations

import math

import numpy as np

from rushlight.autograd.graph import record, widen
from rushlight.autograd.modes import mode
from rushlight.autograd.operation import Gradients, Needs, define
from rushlight.backends.array import as_array
from rushlight.core import dtypes
from rushlight.core.dtypes import HALVES
from rushlight.rules.results import Layout, Layouts, of_shape
from rushlight.runtime.allocation import zeros_beside
from rushlight.tensor.core import Tensor, elements, memory, wrap, wrap_unordered
from rushlight.tensor.numerics import quiet
from rushlight.tensor.reducing import SUM, by_engine, reduced


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
    counted, indices, weights = _weighed(target, weight, ignore_index, _computed_in(input.dtype))
    if input.shape[1]:
        picked = np.take_along_axis(input, indices[:, None], axis=1)[:, 0]
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
    indices = np.where(counted, classes, 0)
    if weight is None or not weight.shape[0]:
        return counted, indices, counted.astype(kind)
    return counted, indices, np.where(counted, weight[indices], 0).astype(kind, copy=False)


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
    counted, indices, weights = _weighed(target, weight, ignore_index, _computed_in(grad.dtype))
    values = -weights * grad.astype(weights.dtype, copy=False)
    if reduction == "mean":
        values = values / weights.sum()
    values = np.where(counted, values, 0).astype(grad.dtype, copy=False)
    np.put_along_axis(slopes, indices[:, None], values[:, None], axis=1)


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


# -- the same of what is no logarithm yet


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None,
    ignore_index: int,
    reduction: str,
    label_smoothing: float,
) -> Tensor:
    """−Σ q·log_softmax(input) over the classes, on axis 1, of arrays of the host that have a batch.

    q is a class's share in the target: all of it at class numbers, or the probabilities that it has. IndexError,
    with the class as its argument, where one is not there. Beside the losses, their node has the probabilities, which
    are all that it keeps of the input.
    """
    attributes = ignore_index, reduction, label_smoothing
    kept = mode.watcher is not None or (mode.enabled and input.requires_grad)
    arrays = [None if tensor is None else elements(tensor) for tensor in (input, weight)]
    losses, weights, probabilities = _cross_entropy(kept, *attributes, arrays[0], target._array, arrays[1])
    count = _counted(weights, memory(target), memory(input).shape)
    result = wrap(_summed(losses, count, reduction, memory(input)))
    if kept:
        outputs, given = (result, wrap_unordered(probabilities)), (input, target, weight)
        row = CROSS_ENTROPY if memory(input).ndim == 2 else CROSS_ENTROPY_2D
        record(row, attributes, outputs, given, (outputs[1], target, weight, wrap(np.array(count, np.float64))))
    return result


def _cross_entropy(
    kept: bool,
    ignore_index: int,
    reduction: str,
    smoothing: float,
    input: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """The loss of each position and its weight, in float64, one after the other; and probabilities."""
    attributes = kept, smoothing, ignore_index, weight
    found = by_engine("cross_entropy", attributes, input, target, least=0)
    return quiet(_cross_entropy_of, *attributes, input, target) if found is None else found


def _cross_entropy_of(
    kept: bool, smoothing: float, ignore_index: int, weight: np.ndarray | None, input: np.ndarray, target: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x = input.astype(np.float64)
    off = x - x.max(axis=1, keepdims=True)
    powers = np.exp(off)
    total = powers.sum(axis=1, keepdims=True)
    q, weights = _shares_of_classes(x.shape, smoothing, ignore_index, weight, target)
    losses = (np.where(q == 0, 0, q) * (np.log(total) - off)).sum(axis=1) if target.dtype.kind in "iu" else (
        (q * (np.log(total) - off)).sum(axis=1)
    )  # fmt: skip
    return losses.reshape(-1), weights, (powers / total).astype(input.dtype)


def _shares_of_classes(
    shape: tuple[int, ...], smoothing: float, ignore_index: int, weight: np.ndarray | None, target: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """q, and the weight of each position."""
    factors = np.ones(shape[1]) if weight is None else weight.astype(np.float64)
    along = factors.reshape(-1, *[1] * (len(shape) - 2))
    if target.dtype.kind not in "iu":
        q = target.astype(np.float64) * (1 - smoothing) + smoothing / shape[1]
        return q * along, np.ones(target.size // shape[1])
    classes = target.astype(np.int64)
    counted = classes != ignore_index
    wrong = counted & ((classes < 0) | (classes >= shape[1]))
    if wrong.any():
        raise IndexError(int(classes[wrong][0]))
    indices = np.where(counted, classes, 0)
    q = np.full(shape, smoothing / shape[1])
    np.put_along_axis(q, indices[:, None], 1 - smoothing + smoothing / shape[1], axis=1)
    q = q * along * counted[:, None]
    return q, np.where(counted, factors[indices], 0).reshape(-1)


def _counted(weights: np.ndarray, target: np.ndarray, shape: tuple[int, ...]) -> float:
    """What a mean is over: the weights of the targets' classes, or the positions of probabilities."""
    if target.dtype.kind not in "iu":
        return target.size // shape[1]
    return _total(weights)


def _total(numbers: np.ndarray) -> float:
    found = reduced(SUM, (0,), False, numbers)
    return float(np.add.reduce(numbers) if found is None else found[0])


def _summed(losses: np.ndarray, count: float, reduction: str, input: np.ndarray) -> np.ndarray:
    if reduction == "none":
        return quiet(losses.astype, input.dtype).reshape(input.shape[0], *input.shape[2:])
    total = _total(losses)
    if reduction == "mean":
        total = total / count if count else math.nan
    return quiet(np.array(total).astype, input.dtype)


def _cross_entropy_rule(
    ignore_index: int,
    reduction: str,
    smoothing: float,
    needs: Needs,
    grad: Tensor | None,
    slopes: Tensor | None,
    probabilities: Tensor,
    target: Tensor,
    weight: Tensor | None,
    count: Tensor,
) -> Gradients:
    """g·(p·Σ q − q) of the losses, and what the probabilities' own gradient gives."""
    found = None
    if grad is not None:
        divisor = float(count._array) if reduction == "mean" else 1.0
        given = smoothing, ignore_index, None if weight is None else weight._array
        if not mode.enabled:
            found = _cross_entropy_slope(*given, elements(probabilities), target._array, grad._array, divisor)
            found = None if found is None else wrap_unordered(found)
        if found is None:
            q = _shares_of_classes(memory(probabilities).shape, *given, target._array)[0]
            q = wrap(q.astype(_computed_in(memory(probabilities).dtype)))
            along = grad / divisor
            along = along.unsqueeze(1) if reduction == "none" else along
            found = (widen(probabilities) * q.sum(1, True) - q) * along
    if slopes is not None:
        own = probabilities * (slopes - (slopes * probabilities).sum(1, True))
        found = own if found is None else found + own
    return (found,)


def _cross_entropy_slope(
    smoothing: float,
    ignore_index: int,
    weight: np.ndarray | None,
    probabilities: np.ndarray,
    target: np.ndarray,
    grad: np.ndarray,
    divisor: float,
) -> np.ndarray | None:
    """The gradient of x by the engine, if it has a kernel for it."""
    factors = np.divide(grad.reshape(-1), divisor, dtype=np.float64, casting="unsafe") if divisor else (
        np.full(1, math.nan)
    )  # fmt: skip
    return by_engine("cross_entropy_grad", (smoothing, ignore_index, weight), probabilities, target, factors, least=0)


def _cross_entropy_layout(inputs: Layouts, ignore_index: int, reduction: str, smoothing: float) -> list[Layout]:
    shape, kind = inputs[0]
    return [*_reduced_layout((shape[0], *shape[2:]), kind, reduction), (shape, kind)]


def _cross_entropy_lowering(
    input: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray | None,
    ignore_index: int,
    reduction: str,
    smoothing: float,
) -> tuple[np.ndarray, np.ndarray]:
    given = ignore_index, reduction, smoothing, input, target, weight
    losses, weights, probabilities = _cross_entropy(True, *given)
    return _summed(losses, _counted(weights, target, input.shape), reduction, input), probabilities


_of_cross_entropy = {
    "derivative": _cross_entropy_rule, "results": _cross_entropy_layout, "lowering": _cross_entropy_lowering,
    "differentiable": 1,
}  # fmt: skip
CROSS_ENTROPY = define("cross_entropy_loss", "NllLossBackward0", **_of_cross_entropy)
CROSS_ENTROPY_2D = define("cross_entropy_loss2d", "NllLoss2DBackward0", **_of_cross_entropy)
