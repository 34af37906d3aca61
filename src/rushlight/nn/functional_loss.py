"""Losses as functions: from predictions and targets to one number (or, with reduction="none", one for each).

`functional` shows them to users. `reduction` is "mean", "sum" or "none"; the older size_average and reduce
are still understood.
"""

from __future__ import annotations

import math
import warnings

import numpy as np

from rushlight.autograd.graph import widen
from rushlight.autograd.modes import is_grad_enabled
from rushlight.backends.array import found
from rushlight.core.dtypes import CODES
from rushlight.core.errors import message
from rushlight.core.memory import worded
from rushlight.nn.functional_activation import logsigmoid
from rushlight.nn.fused_losses import define_loss
from rushlight.nn.loss_operations import cross_entropy as one_pass
from rushlight.nn.loss_operations import nll
from rushlight.ops.conv import code
from rushlight.rules.arguments import TYPE_NAMES, unsupported_type
from rushlight.tensor.arithmetic import rounded_once
from rushlight.tensor.autocasting import in_float32
from rushlight.tensor.core import Tensor, elements, memory
from rushlight.tensor.operands import result_type
from rushlight.tensor.reducing import RANGE
from rushlight.tensor.reducing import reduced as extent
from rushlight.tensor.shape import broadcast_tensors

Flag = bool | None


def legacy_reduction(size_average: Flag, reduce: Flag, reduction: str) -> str:
    """The reduction that the two older arguments ask for, with PyTorch's warning; `reduction` where they do not."""
    if size_average is None and reduce is None:
        return reduction
    for value in (size_average, reduce):
        if isinstance(value, Tensor) and value.numel() != 1:
            sentence = "Boolean value of Tensor with more than one value is ambiguous"
            fact = "a loss is made first, without tensors, and then called with input and target"
            raise RuntimeError(message(sentence, fact, fix="loss = CrossEntropyLoss(), then loss(input, target)"))
    if reduce is not None and not reduce:
        reduction = "none"
    else:
        reduction = "mean" if size_average is None or size_average else "sum"
    warnings.warn(
        f"size_average and reduce args will be deprecated, please use reduction='{reduction}' instead.", stacklevel=3
    )
    return reduction


def checked_reduction(size_average: Flag, reduce: Flag, reduction: str, *more: str) -> str:
    reduction = legacy_reduction(size_average, reduce, reduction)
    if reduction not in ("none", "mean", "sum", *more):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    return reduction


def reduced(losses: Tensor, reduction: str) -> Tensor:
    if reduction == "none":
        return losses
    return losses.mean() if reduction == "mean" else losses.sum()


# -- classes


@in_float32
def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: Flag = None,
    ignore_index: int = -100,
    reduce: Flag = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """−ln softmax(input)[target], over the class axis.

    input (batch, classes), (batch, classes, *positions) or (classes), not yet normalised; target class
    numbers (int64) of the input's shape without the class axis, or probabilities of the input's shape.
    `weight` is one factor a class; targets of `ignore_index` do not count; `label_smoothing` mixes that much
    of the uniform distribution in. The mean is over the weights of the targets.

    Raises IndexError for a class that is not there, ValueError and RuntimeError for shapes that do not fit.

    >>> import rushlight as torch
    >>> torch.nn.functional.cross_entropy(torch.zeros(3, 10), torch.tensor([1, 2, 3]))
    tensor(2.3026)
    """
    reduction = checked_reduction(size_average, reduce, reduction)
    _check_tensors("cross_entropy_loss", input=input, target=target)
    if not 0.0 <= label_smoothing <= 1.0:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing:g}")
    if weight is not None:
        _check_class_weight(input, weight)
    axis = 0 if input.dim() == 1 else 1
    if _is_one_pass(input, target, weight):
        return _in_one_pass(input, target, weight, ignore_index, reduction, label_smoothing)
    if input.shape == target.shape:
        return _soft_cross_entropy(input, target, weight, reduction, label_smoothing)
    logs = input.log_softmax(axis)
    loss = nll_loss(logs, target, weight, ignore_index=ignore_index, reduction=reduction)
    if label_smoothing == 0:
        return loss
    smooth = _smoothness(logs, target, weight, ignore_index, reduction, axis)
    classes = input.shape[axis]
    return loss * (1 - label_smoothing) + smooth * (label_smoothing / classes if classes else math.inf)


def _is_one_pass(input: Tensor, target: Tensor, weight: Tensor | None) -> bool:
    """Whether a loss is one operation: of a batch of floats on the host, targets that want no gradient."""
    arrays = [memory(tensor) for tensor in (input, target, weight) if tensor is not None]
    if not all(type(array) is np.ndarray for array in arrays) or arrays[0].ndim < 2 or not arrays[0].size:
        return False
    soft = arrays[0].shape == arrays[1].shape
    if soft != target.dtype.is_floating_point or (soft and (target.requires_grad or target.dtype is not input.dtype)):
        return False
    return input.dtype.is_floating_point


def _in_one_pass(
    input: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, reduction: str, label_smoothing: float
) -> Tensor:
    if not target.dtype.is_floating_point:
        _check_class_shapes(input, target)
    try:
        return one_pass(input, target, weight, ignore_index, reduction, float(label_smoothing))
    except IndexError as error:
        raise _no_class(error.args[0], input.shape[1]) from None


def _no_class(number: int, count: int) -> IndexError:
    sentence = f"Target {number} is out of bounds."
    return IndexError(message(sentence, f"there are {count} classes, 0 … {count - 1}"))


def _smoothness(
    logs: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, reduction: str, axis: int
) -> Tensor:
    """What the uniform distribution adds: −Σ over the classes of weight·ln p, where the target counts."""
    target = target.long().reshape(logs.shape[:axis] + logs.shape[axis + 1 :])
    weighted = logs if weight is None else logs * _along(weight, axis, logs.dim())
    ignored = target == ignore_index
    losses = (-weighted.sum(axis)).masked_fill(ignored, 0)
    if reduction != "mean":
        return losses if reduction == "none" else losses.sum()
    if weight is None or not weight.shape[0]:
        return losses.sum() / (~ignored).sum()
    return losses.sum() / weight[target.masked_fill(ignored, 0)].masked_fill(ignored, 0).sum()


def _soft_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None, reduction: str, label_smoothing: float
) -> Tensor:
    """The targets are probabilities."""
    if not target.dtype.is_floating_point:
        raise RuntimeError(
            message(
                f"Expected floating point type for target with class probabilities, got {TYPE_NAMES[code(target)][1]}",
                fix="target class numbers of the input's shape without the class axis",
            )
        )
    axis = 0 if input.dim() == 1 else 1
    classes = input.shape[axis]
    if label_smoothing > 0:
        target = target * (1 - label_smoothing) + label_smoothing / classes
    losses = input.log_softmax(axis) * target
    if weight is not None:
        losses = losses * _along(weight, axis, input.dim())
    if reduction == "none":
        return -losses.sum(axis)
    total = -losses.sum()
    return total if reduction == "sum" else total / (input.numel() // classes if classes else math.nan)


@in_float32
def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: Flag = None,
    ignore_index: int = -100,
    reduce: Flag = None,
    reduction: str = "mean",
) -> Tensor:
    """−input[target] over the class axis, the input being logarithms of probabilities.

    Arguments and errors are those of `cross_entropy` with class numbers.
    """
    reduction = checked_reduction(size_average, reduce, reduction)
    _check_tensors("nll_loss_nd", input=input, target=target)
    _check_class_shapes(input, target)
    if weight is not None:
        _check_class_weight(input, weight)
    if type(memory(target)) is np.ndarray:  # other devices are not waited for
        _check_classes(target._array, ignore_index, input.shape[0 if input.dim() == 1 else 1])
    return nll(input, target, weight, ignore_index, reduction)


def _along(weight: Tensor, axis: int, dim: int) -> Tensor:
    """One number a class, in the place of the class axis."""
    return weight.reshape([1] * axis + [-1] + [1] * (dim - axis - 1))


def _check_tensors(name: str, **values: Tensor) -> None:
    for position, (argument, value) in enumerate(values.items()):
        if not isinstance(value, Tensor):
            raise TypeError(
                f"{name}(): argument '{argument}' (position {position + 1}) must be Tensor, not {type(value).__name__}"
            )


def _check_class_shapes(input: Tensor, target: Tensor) -> None:
    shape, wanted = tuple(input.shape), tuple(target.shape)
    if not shape:
        raise ValueError("Expected 1 or more dimensions (got 0)")
    if len(shape) == 1:
        if wanted not in ((), (1,)):
            raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    elif wanted and shape[0] != wanted[0]:
        raise ValueError(f"Expected input batch_size ({shape[0]}) to match target batch_size ({wanted[0]}).")
    elif wanted != (shape[0], *shape[2:]):
        raise RuntimeError(_class_shape_sentence(shape, wanted))
    if code(target) not in ("i64", "u8"):
        kind = TYPE_NAMES[code(target)][1]
        raise RuntimeError(
            message(f"expected target dtype to be Long or Byte, but got {kind}", fix="target.long(), class numbers")
        )


def _class_shape_sentence(shape: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    fit = (shape[0], *shape[2:])
    if len(shape) == 2:
        sentence = "0D or 1D target tensor expected, multi-target not supported"
    elif len(shape) == 4 and len(wanted) != 3:
        sentence = f"only batches of spatial targets supported (3D tensors) but got targets of dimension: {len(wanted)}"
    elif len(shape) == 4:
        sentence = f"size mismatch (got input: {list(shape)} , target: {list(wanted)}"
    else:
        sentence = f"Expected target size {list(fit)}, got {list(wanted)}"
    return message(
        sentence,
        f"input {shape} has its classes on axis 1, so targets have the shape {fit}, or {shape} as probabilities",
    )


def _check_is_constant(function: str, weight: Tensor) -> None:
    if weight.requires_grad and is_grad_enabled():
        raise RuntimeError(
            message(
                f"The function '{function}' is not differentiable with respect to argument 'weight'. "
                "This input cannot have requires_grad True.",
                fix="weight.detach()",
            )
        )


def _check_class_weight(input: Tensor, weight: Tensor) -> None:
    _check_is_constant("nll_loss_forward", weight)
    classes = input.shape[0 if input.dim() == 1 else 1] if input.dim() else 1
    if tuple(weight.shape) != (classes,):
        raise RuntimeError(
            f"weight tensor should be defined either for all {classes} classes or no classes "
            f"but got weight tensor of shape: {list(weight.shape)}"
        )
    if weight.dtype is not input.dtype:
        wanted, got = TYPE_NAMES[code(input)][1], TYPE_NAMES[code(weight)][1]
        raise RuntimeError(message(f"expected scalar type {wanted} but found {got}", fix=f"weight.to({input.dtype})"))


def _check_classes(target: np.ndarray, ignore_index: int, count: int) -> None:
    classes = target.astype(np.int64, copy=False)
    wrong = (classes != ignore_index) & ((classes < 0) | (classes >= count))
    if wrong.any():
        raise _no_class(classes[wrong][0], count)


# -- numbers


def _warn_of_sizes(input: Tensor, target: Tensor) -> None:
    if input.shape != target.shape:
        warnings.warn(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}). "
            "This will likely lead to incorrect results due to broadcasting. "
            "Please ensure they have the same size.",
            stacklevel=3,
        )


def _check_weight(input: Tensor, weight: Tensor | None) -> None:
    if weight is not None and weight.shape != input.shape:
        sentence = "Weights and input must have the same size."
        raise ValueError(message(sentence, f"weight {tuple(weight.shape)}, input {tuple(input.shape)}"))


def _weighted(losses: Tensor, weight: Tensor | None, reduction: str) -> Tensor:
    """Losses times weights, reduced; the mean is over the weights."""
    if weight is None:
        return reduced(losses, reduction)
    losses = losses * weight
    return losses.sum() / weight.sum() if reduction == "mean" else reduced(losses, reduction)


@in_float32
def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: Flag = None,
    reduce: Flag = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """(input − target)².

    >>> import rushlight as torch
    >>> torch.nn.functional.mse_loss(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0]))
    tensor(2.)
    """
    reduction = checked_reduction(size_average, reduce, reduction)
    _check_tensors("mse_loss", input=input, target=target)
    _warn_of_sizes(input, target)
    _check_weight(input, weight)
    input, target = broadcast_tensors(input, target)
    kind = result_type(input, target)
    if not kind.is_floating_point:
        raise unsupported_type("mse_cpu", CODES[kind.name])
    if weight is not None:
        return _weighted((input - target) ** 2, weight, reduction)
    return _MSE(reduction, (), input, target)


def _square(input: Tensor, target: Tensor) -> Tensor:
    return rounded_once(lambda input, target: (input - target) * (input - target), input, target)


_MSE = define_loss("mse_loss", "MseLossBackward0", _square)


@in_float32
def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: Flag = None,
    reduce: Flag = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """|input − target|."""
    reduction = checked_reduction(size_average, reduce, reduction)
    _warn_of_sizes(input, target)
    _check_weight(input, weight)
    return _weighted((input - target).abs(), weight, reduction)


@in_float32
def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: Flag = None,
    reduce: Flag = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """d² / (2·beta) where |d| < beta, |d| − beta / 2 elsewhere, d = input − target."""
    reduction = checked_reduction(size_average, reduce, reduction)
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    _warn_of_sizes(input, target)
    if beta == 0:
        return l1_loss(input, target, reduction=reduction)
    return _SMOOTH_L1(reduction, (float(beta),), input, target)


@in_float32
def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0, weight: Tensor | None = None
) -> Tensor:
    """d² / 2 where |d| < delta, delta·(|d| − delta / 2) elsewhere, d = input − target."""
    reduction = checked_reduction(None, None, reduction)
    if delta <= 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    _warn_of_sizes(input, target)
    _check_weight(input, weight)
    if weight is None:
        return _HUBER(reduction, (float(delta),), input, target)
    return reduced(_huber_of(input, target, delta) * weight, reduction)


def _huber(difference: Tensor, delta: float) -> Tensor:
    size = difference.abs()
    near = size.clamp(max=delta)
    # near² / 2 within, plus delta for each unit beyond.
    return near * near * 0.5 + (size - near) * delta


def _huber_of(input: Tensor, target: Tensor, delta: float) -> Tensor:
    return rounded_once(lambda input, target: _huber(input - target, delta), input, target)


def _smooth_l1(input: Tensor, target: Tensor, beta: float) -> Tensor:
    return rounded_once(lambda input, target: _huber(input - target, beta) / beta, input, target)


_HUBER = define_loss("huber_loss", "HuberLossBackward0", _huber_of)
_SMOOTH_L1 = define_loss("smooth_l1_loss", "SmoothL1LossBackward0", _smooth_l1)


@in_float32
@worded
def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: Flag = None,
    reduce: Flag = None,
    reduction: str = "mean",
) -> Tensor:
    """−(target·ln(input) + (1 − target)·ln(1 − input)), the logarithms no less than −100."""
    reduction = checked_reduction(size_average, reduce, reduction)
    if target.shape != input.shape:
        raise ValueError(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}) is "
            "deprecated. Please ensure they have the same size."
        )
    for other in (target, weight):
        if other is not None and other.dtype is not input.dtype:
            raise RuntimeError(f"Found dtype {TYPE_NAMES[code(other)][1]} but expected {TYPE_NAMES[code(input)][1]}")
    if weight is not None:
        _check_is_constant("binary_cross_entropy", weight)
        weight = weight.expand(target.shape)
    if not _is_within(input):
        raise RuntimeError("all elements of input should be between 0 and 1")
    return _BINARY(reduction, (), input, target, weight)


def _is_within(input: Tensor) -> bool:
    """Whether all elements are between 0 and 1, and none is NaN."""
    array = elements(input)
    ends = extent(RANGE, tuple(range(array.ndim)), False, array)
    if ends is None:
        return not found((array < 0) | (array > 1) | np.isnan(array))
    return bool(ends[0] >= 0 and ends[1] <= 1)


def _binary(input: Tensor, target: Tensor, *weight: Tensor) -> Tensor:
    return rounded_once(_binary_in_one_dtype, input, target, *weight)


def _binary_in_one_dtype(input: Tensor, target: Tensor, *weight: Tensor) -> Tensor:
    losses = (target - 1) * (-input).log1p().clamp(min=-100) - target * input.log().clamp(min=-100)
    return losses * weight[0] if weight else losses


def _binary_slopes(
    wanted: list[bool], slope: Tensor, input: Tensor, target: Tensor, *weight: Tensor
) -> list[Tensor]:  # fmt: skip
    """PyTorch's, in which no denominator is less than 1e-12, and logarithms have no floor."""
    slope, input, target, *weight = map(widen, (slope, input, target, *weight))
    slope = slope * weight[0] if weight else slope
    found = []
    if wanted[0]:
        found.append(slope * (input - target) / (input * (1 - input)).clamp(min=1e-12))
    if wanted[1]:
        found.append(slope * ((1 - input).log() - input.log()))
    return found


_BINARY = define_loss("binary_cross_entropy", "BinaryCrossEntropyBackward0", _binary, _binary_slopes)


@in_float32
def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: Flag = None,
    reduce: Flag = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """The binary cross-entropy of sigmoid(input), computed without overflow; pos_weight scales target = 1."""
    reduction = checked_reduction(size_average, reduce, reduction)
    if target.shape != input.shape:
        raise ValueError(f"Target size ({target.shape}) must be the same as input size ({input.shape})")
    has = weight is not None, pos_weight is not None
    return _WITH_LOGITS(reduction, has, input, target, weight, pos_weight)


def _with_logits(input: Tensor, target: Tensor, *more: Tensor | bool) -> Tensor:
    *factors, weighted, scaled = more
    losses = logsigmoid(input)
    if scaled:
        losses = losses * ((factors[-1] - 1) * target + 1)
    losses = (1 - target) * input - losses
    return losses * factors[0] if weighted else losses


_WITH_LOGITS = define_loss(
    "binary_cross_entropy_with_logits", "BinaryCrossEntropyWithLogitsBackward0", _with_logits
)  # fmt: skip


@in_float32
def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: Flag = None,
    reduce: Flag = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """target·(ln target − input), the input (and with log_target the target) being logarithms.

    reduction="batchmean" divides the sum by the first axis alone, which is the divergence.
    """
    reduction = checked_reduction(size_average, reduce, reduction, "batchmean")
    if reduction == "mean":
        warnings.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support size."
            "'batchmean' divides only by the batch size, and aligns with the KL div math definition."
            "'mean' will be changed to behave the same as 'batchmean' in the next major release.",
            stacklevel=2,
        )
    if reduction == "batchmean":
        return _KL_DIV("sum", (log_target,), input, target) / input.shape[0]
    return _KL_DIV(reduction, (log_target,), input, target)


def _divergence(input: Tensor, target: Tensor, log_target: bool) -> Tensor:
    if log_target:
        return target.exp() * (target - input)
    logs = target.masked_fill(target == 0, 1).log()  # 0·ln 0 is 0
    return target * logs - target * input


_KL_DIV = define_loss("kl_div", "KlDivBackward0", _divergence)
