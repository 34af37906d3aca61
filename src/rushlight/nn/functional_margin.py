"""Losses with a margin, as functions: what is better than another by less than the margin costs.

`functional` shows them to users. All of them are compositions of operations on tensors, so they can be differentiated
any number of times; halves are computed in float32 and rounded once.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rushlight.core.dtypes import int64
from rushlight.core.errors import message
from rushlight.nn.functional_activation import logsigmoid
from rushlight.nn.functional_distance import pairwise_distance
from rushlight.nn.functional_loss import Flag, checked_reduction, reduced
from rushlight.ops.conv import code
from rushlight.rules.arguments import TYPE_NAMES
from rushlight.tensor.arithmetic import minimum, rounded_once
from rushlight.tensor.autocasting import in_float32
from rushlight.tensor.core import Tensor, wrap_beside
from rushlight.tensor.selection import where


@in_float32
def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: Flag = None,
    reduce: Flag = None,
    reduction: str = "mean",
) -> Tensor:
    """max(0, margin − target·(input1 − input2)): target 1 wants input1 to be the larger, −1 input2.

    >>> import rushlight as torch
    >>> one, two, target = torch.tensor([1.0, 2.0]), torch.tensor([0.0, 5.0]), torch.tensor([1.0, 1.0])
    >>> torch.nn.functional.margin_ranking_loss(one, two, target)
    tensor(1.5000)
    """
    reduction = checked_reduction(size_average, reduce, reduction)
    if not input1.dim() == input2.dim() == target.dim():
        raise RuntimeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: "
            f"input1: {input1.size()}, input2: {input2.size()}, target: {target.size()} "
        )
    losses = rounded_once(lambda a, b, t: (-t * (a - b) + margin).clamp(min=0), input1, input2, target)
    return reduced(losses, reduction)


@in_float32
def hinge_embedding_loss(
    input: Tensor,
    target: Tensor,
    margin: float = 1.0,
    size_average: Flag = None,
    reduce: Flag = None,
    reduction: str = "mean",
) -> Tensor:
    """The input, a distance, where the target is 1; max(0, margin − input) where it is −1."""
    reduction = checked_reduction(size_average, reduce, reduction)

    def losses(x: Tensor, t: Tensor) -> Tensor:
        return where(t != 1, (margin - x).clamp(min=0), 0.0) + where(t != -1, x, 0.0)

    return reduced(rounded_once(losses, input, target), reduction)


@in_float32
def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: Flag = None,
    reduce: Flag = None,
    reduction: str = "mean",
) -> Tensor:
    """1 − cos(input1, input2) where the target is 1; max(0, cos − margin) where it is −1.

    Shapes: inputs (batch, features) and target (batch), or (features) and (). RuntimeError for others.
    """
    reduction = checked_reduction(size_average, reduce, reduction)
    axes = target.dim()
    if axes > 1:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if not input1.dim() == input2.dim() == axes + 1:
        raise RuntimeError(
            f"{axes}D target tensor expects {axes + 1}D input tensors, but found inputs with sizes "
            f"{list(input1.shape)} and {list(input2.shape)}."
        )

    def losses(a: Tensor, b: Tensor) -> Tensor:
        lengths = ((a * a).sum(axes) + 1e-12) * ((b * b).sum(axes) + 1e-12)
        cosine = (a * b).sum(axes) / lengths.sqrt()
        return where(target == 1, 1 - cosine, 0.0) + where(target == -1, (cosine - margin).clamp(min=0), 0.0)

    return reduced(rounded_once(losses, input1, input2), reduction)


@in_float32
def soft_margin_loss(
    input: Tensor, target: Tensor, size_average: Flag = None, reduce: Flag = None, reduction: str = "mean"
) -> Tensor:
    """ln(1 + exp(−target·input)), target being 1 or −1; without overflow, unlike PyTorch's."""
    reduction = checked_reduction(size_average, reduce, reduction)
    return reduced(rounded_once(lambda x, t: -logsigmoid(x * t), input, target), reduction)


def multilabel_soft_margin_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: Flag = None,
    reduce: Flag = None,
    reduction: str = "mean",
) -> Tensor:
    """The binary cross-entropy of sigmoid(input), weighted by class and averaged over the classes (the last axis)."""
    reduction = checked_reduction(size_average, reduce, reduction)

    def losses(x: Tensor, t: Tensor, *weights: Tensor) -> Tensor:
        found = -(t * logsigmoid(x) + (1 - t) * logsigmoid(-x))
        for factor in weights:
            found = found * factor
        return found.sum(x.dim() - 1) / x.shape[-1]

    return reduced(rounded_once(losses, input, target, *([] if weight is None else [weight])), reduction)


@in_float32
def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    size_average: Flag = None,
    reduce: Flag = None,
    reduction: str = "mean",
) -> Tensor:
    """Σ over the other classes j of weight[y]·max(0, margin − x[y] + x[j])ᵖ / classes, y being the target.

    Shapes: input (batch, classes) or (classes), target (batch) or one class number; weight (classes). p is 1 or 2.
    """
    reduction = checked_reduction(size_average, reduce, reduction)
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    if weight is not None and weight.dim() != 1:
        raise ValueError("weight must be one-dimensional")
    _check_rows("multi_margin_loss", input)
    batch, classes = _rows(input)
    if target.dim() > 1 or target.numel() != batch:
        raise RuntimeError(
            "multi_margin_loss: target tensor should be 1-D with size equal to the number of input samples (batch "
            f"size). Expected target size [{batch}], but got {list(target.shape)}. Input has shape {list(input.shape)}."
        )
    if weight is not None and weight.numel() != classes:
        raise RuntimeError(f"inconsistent weight size, expected {classes} but got {list(weight.shape)}")
    _check_class_numbers(target, 0, classes)

    def losses(x: Tensor, *weights: Tensor) -> Tensor:
        x, wanted = x.reshape(batch, classes), target.reshape(batch, 1)
        lacking = (margin - x.gather(1, wanted) + x).clamp(min=0)
        lacking = lacking if p == 1 else lacking * lacking
        for factor in weights:
            lacking = lacking * factor[wanted]
        return lacking.scatter(1, wanted, 0.0).sum(1) / classes

    found = rounded_once(losses, input, *([] if weight is None else [weight]))
    return reduced(found if input.dim() == 2 else found.reshape(()), reduction)


@in_float32
def multilabel_margin_loss(
    input: Tensor, target: Tensor, size_average: Flag = None, reduce: Flag = None, reduction: str = "mean"
) -> Tensor:
    """Σ over the labels y and the classes j that are none of max(0, 1 − x[y] + x[j]) / classes.

    Shapes: input (batch, classes) or (classes), target the same: class numbers, those before the first −1.
    """
    reduction = checked_reduction(size_average, reduce, reduction)
    _check_rows("multilabel_margin_loss", input)
    if target.shape != input.shape and not (target.dim() <= 1 >= input.dim() and target.numel() == input.numel()):
        raise RuntimeError(f"inconsistent target size: {list(target.shape)} for input of size: {list(input.shape)}")
    if target.dtype is not int64:
        raise RuntimeError(f"expected scalar type Long but found {TYPE_NAMES[code(target)][1]}")
    batch, classes = _rows(input)
    _check_class_numbers(target, -1, classes)
    labels = target._array.reshape(batch, classes)
    counts = np.logical_and.accumulate(labels >= 0, axis=1)  # those before the first −1
    labels = np.where(counts, labels, 0)
    is_label = np.zeros((batch, classes), bool)
    rows = np.broadcast_to(np.arange(batch)[:, None], labels.shape)
    is_label[rows[counts], labels[counts]] = True
    wanted, pairs = (wrap_beside(a, input) for a in (labels, counts[:, :, None] & ~is_label[:, None, :]))

    def losses(x: Tensor) -> Tensor:
        x = x.reshape(batch, classes)
        lacking = (1 - x.gather(1, wanted).unsqueeze(2) + x.unsqueeze(1)).clamp(min=0)  # batch, labels, classes
        return where(pairs, lacking, 0.0).sum((1, 2)) / classes

    found = rounded_once(losses, input)
    return reduced(found if input.dim() == 2 else found.reshape(()), reduction)


def _check_rows(name: str, input: Tensor) -> None:
    """What losses of classes take: a row for each of a batch, which may be empty, or one row."""
    if input.dim() > 2 or (input.dim() and not input.shape[-1]):
        raise RuntimeError(
            message(
                f"Expected non-empty vector or matrix with optional 0-dim batch size, but got: {list(input.shape)}",
                f"{name} takes (batch, classes) or (classes)",
            )
        )


def _rows(input: Tensor) -> tuple[int, int]:
    return tuple(input.shape) if input.dim() == 2 else (1, input.numel())


def _check_class_numbers(target: Tensor, least: int, classes: int) -> None:
    numbers = target._array
    wrong = (numbers < least) | (numbers >= classes)
    if wrong.any():
        raise RuntimeError(message("target out of range", f"{int(numbers[wrong][0])} with {classes} classes"))


Distance = Callable[[Tensor, Tensor], Tensor]


@in_float32
def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: Flag = None,
    reduce: Flag = None,
    reduction: str = "mean",
) -> Tensor:
    """max(0, margin + d(anchor, positive) − d(anchor, negative)), d the distance of order p along the last axis.

    With `swap` the negative's distance is the less of those to the anchor and to the positive. From Balntas et al.,
    "Learning shallow convolutional feature descriptors with triplet losses" (2016). ValueError for a margin ≤ 0.

    >>> import rushlight as torch
    >>> torch.nn.functional.triplet_margin_loss(torch.zeros(1, 2), torch.zeros(1, 2), torch.full((1, 2), 0.5))
    tensor(0.2929)
    """
    reduction = checked_reduction(size_average, reduce, reduction)
    given = anchor, positive, negative
    return _triplet(lambda a, b: pairwise_distance(a, b, p, eps), *given, margin, swap, reduction)


def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Distance | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """`triplet_margin_loss` with a distance of the user's; `pairwise_distance` where there is none."""
    reduction = checked_reduction(None, None, reduction)
    return _triplet(distance_function or pairwise_distance, anchor, positive, negative, margin, swap, reduction)


def _triplet(
    distance: Distance, anchor: Tensor, positive: Tensor, negative: Tensor, margin: float, swap: bool, reduction: str
) -> Tensor:
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    axes = [tensor.dim() for tensor in (anchor, positive, negative)]
    if len(set(axes)) > 1:
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: "
            f"anchor {axes[0]}D, positive {axes[1]}D, and negative {axes[2]}D inputs"
        )

    def losses(anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        near, far = distance(anchor, positive), distance(anchor, negative)
        if swap:
            far = minimum(far, distance(positive, negative))
        return (near - far + margin).clamp(min=0)

    return reduced(rounded_once(losses, anchor, positive, negative), reduction)
