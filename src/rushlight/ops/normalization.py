"""Normalisation that can be differentiated: by the statistics of the input itself, or by those that are given.

In come tensors that have been checked, and a `Norm`; out comes the result, and with the own statistics these. The first
gradient is a kernel of the engine; where it is to be differentiated again it is written in operations.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from rushlight.autograd.graph import Node, record, widen
from rushlight.autograd.modes import is_grad_enabled
from rushlight.autograd.operation import Gradients, Needs, Operation, define
from rushlight.autograd.version import bump
from rushlight.backends import registry
from rushlight.backends.reference.normalizing import statistics_of
from rushlight.rules.normalization import Norm
from rushlight.rules.results import as_first
from rushlight.tensor.core import Tensor, alias, memory, wrap, wrap_unordered
from rushlight.tensor.layout import wrap_formatted


class After(NamedTuple):
    """An activation behind a normalisation, computed in its passes: how it is recorded by itself."""

    row: Operation
    numbers: tuple[float, ...]
    in_place: bool = False


def by_own(
    row: Operation,
    norm: Norm,
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    keeps_format: bool = True,
    after: After | None = None,
) -> tuple[Tensor, np.ndarray]:
    """x normalised by its own statistics, and these: means, variances and their scales, in double precision.

    The result is channels-last where x is, unless not `keeps_format`."""
    array = memory(x)
    result, statistics = registry.beside(array).norm(_ending(norm, after), array, _of(weight), _of(bias), None)
    y = wrap_formatted(result, x) if keeps_format else wrap_unordered(result)
    node = record(row, (norm,), y, (x, weight, bias), (x, weight, wrap(statistics)))
    _activated(node, y, after)
    return y, statistics


def by_given(
    norm: Norm,
    x: Tensor,
    mean: Tensor,
    variance: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    after: After | None = None,
) -> Tensor:
    """x normalised by a mean and a variance for each channel, which are constants."""
    array = memory(x)
    result = registry.beside(array).norm_apply(
        _ending(norm, after), array, memory(mean), memory(variance), _of(weight), _of(bias), None
    )
    y = wrap_formatted(result, x)
    given = x, mean, variance, weight, bias
    node = record(BATCH_NORM_BY_GIVEN, (norm,), y, given, (x, weight, mean, variance))
    _activated(node, y, after)
    return y


# -- an activation behind it: two nodes in the graph, one pass over memory each way


def _ending(norm: Norm, after: After | None) -> Norm:
    return norm if after is None else norm._replace(activation=_NAMES[after.row.name])


_NAMES = {"relu": "relu", "hardtanh": "relu6"}  # one of `ENDS` for a row's name


def _activated(node: Node | None, y: Tensor, after: After | None) -> None:
    """Record the activation whose result y is, too, as that of what nobody has: the normalisation's own result."""
    if after is None:
        return
    if after.in_place:
        bump(y)
    if node is not None:
        record(after.row, after.numbers, y, (y,), (y,)).__class__ = _Activation


class Unmasked(Tensor):
    """A gradient that the next node is to set to 0 where the activation's `result` is at one of its ends."""


class _Activation(Node):
    """An activation's node that leaves it to the normalisation's, to which alone it leads, to mask the gradient."""

    __slots__ = ()

    def apply(self, grads: list[Tensor | None], needs: Needs) -> Gradients:
        """The gradient as it is, with the result; masked where either node has hooks, or it is differentiated."""
        if is_grad_enabled() or self.hooks is not None or self.edges[0][0].hooks is not None:
            return super().apply(grads, needs)
        (result,) = self.unpack()
        grad = alias(grads[0], Unmasked)
        grad.activation, grad.result = _NAMES[self.operation.name], result
        return (grad,)


def _of(tensor: Tensor | None) -> np.ndarray | None:
    return None if tensor is None else memory(tensor)


def _own_rule(
    norm: Norm, needs: Needs, grad: Tensor, x: Tensor, weight: Tensor | None, statistics: Tensor
) -> Gradients:
    if is_grad_enabled():
        return _by_operations(norm, needs, grad, x, weight)
    return _by_kernel(norm, False, needs, grad, x, weight, memory(statistics))


def _given_rule(
    norm: Norm, needs: Needs, grad: Tensor, x: Tensor, weight: Tensor | None, mean: Tensor, variance: Tensor
) -> Gradients:
    needs = needs[0], needs[3], needs[4]
    if is_grad_enabled():
        kind = widen(x).dtype
        statistics = mean.to(kind), (variance.to(kind) + norm.eps).rsqrt()
        found = _by_operations(norm, needs, grad, x, weight, statistics)
    else:
        found = _by_kernel(norm, True, needs, grad, x, weight, statistics_of(memory(mean), memory(variance), norm.eps))
    return found[0], None, None, *found[1:]


def _by_kernel(
    norm: Norm, fixed: bool, needs: Needs, grad: Tensor, x: Tensor, weight: Tensor | None, statistics: np.ndarray
) -> Gradients:
    """Each gradient that is wanted."""
    array = memory(x)
    wanted = tuple([need is not None for need in needs])
    given = array, memory(grad), statistics, _of(weight)
    if type(grad) is Unmasked:
        norm, given = norm._replace(activation=grad.activation), (*given, memory(grad.result))
    found = iter(registry.beside(array).norm_grad(norm, fixed, wanted, *given))
    of_x = wrap_formatted(next(found), x) if wanted[0] else None
    return (of_x, *[wrap(next(found)) if asked else None for asked in wanted[1:]])


def _by_operations(
    norm: Norm,
    needs: Needs,
    grad: Tensor,
    x: Tensor,
    weight: Tensor | None,
    given: tuple[Tensor, Tensor] | None = None,
) -> Gradients:
    """The same in operations, which can be differentiated: halves in float32, to be rounded once."""
    x, grad, weight = widen(x), widen(grad), widen(weight)
    shape = tuple(x.shape)
    axes, split = _axes(norm, shape)
    if norm.kind == "last":
        others, along = tuple(range(len(shape) - norm.count)), norm.scales(shape)
    else:
        others, along = (0, *range(2, len(shape))), (1, -1, *[1] * (len(shape) - 2))
    grouped = x.reshape(split)
    if given is None:
        centred = grouped - grouped.mean(axes, keepdim=True) if norm.centred else grouped
        scale = ((centred * centred).mean(axes, keepdim=True) + norm.eps).rsqrt()
    else:
        mean, scale = (statistic.reshape(along) for statistic in given)
        centred = grouped - mean
    normal = centred * scale
    of_x = of_weight = of_bias = None
    if needs[0] is not None:
        scaled = (grad if weight is None else grad * weight.reshape(along)).reshape(split)
        if given is None:
            off = scaled - normal * (scaled * normal).mean(axes, keepdim=True)
            scaled = off - scaled.mean(axes, keepdim=True) if norm.centred else off
        of_x = (scaled * scale).reshape(shape)
    if needs[1] is not None:
        of_weight = (grad * normal.reshape(shape)).sum(others).reshape(needs[1][0])
    if needs[2] is not None:
        of_bias = grad.sum(others).reshape(needs[2][0])
    return of_x, of_weight, of_bias


def _axes(norm: Norm, shape: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The axes that a mean is over, and the shape that has them."""
    if norm.kind == "batch":
        return (0, *range(2, len(shape))), shape
    if norm.kind == "last":
        return tuple(range(len(shape) - norm.count, len(shape))), shape
    return (2,), (shape[0], norm.count, math.prod(shape[1:]) // norm.count)


def _lower(x: np.ndarray, weight: np.ndarray | None, bias: np.ndarray | None, norm: Norm) -> np.ndarray:
    return registry.beside(x).norm(norm, x, weight, bias, None)[0]


def _lower_given(
    x: np.ndarray,
    mean: np.ndarray,
    variance: np.ndarray,
    weight: np.ndarray | None,
    bias: np.ndarray | None,
    norm: Norm,
) -> np.ndarray:
    return registry.beside(x).norm_apply(norm, x, mean, variance, weight, bias, None)


def _row(name: str, node: str) -> Operation:
    return define(name, node, derivative=_own_rule, results=as_first, lowering=_lower)


BATCH_NORM = _row("batch_norm", "NativeBatchNormBackward0")
LAYER_NORM = _row("layer_norm", "NativeLayerNormBackward0")
GROUP_NORM = _row("group_norm", "NativeGroupNormBackward0")
INSTANCE_NORM = _row("instance_norm", "NativeBatchNormBackward0")
RMS_NORM = _row("rms_norm", "FusedRmsNormBackward0")
BATCH_NORM_BY_GIVEN = define(
    "batch_norm.given", "NativeBatchNormBackward0", derivative=_given_rule, results=as_first, lowering=_lower_given
)
