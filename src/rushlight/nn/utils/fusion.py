"""Folding batch norm in evaluation into the layer before it: one layer that computes both."""

from __future__ import annotations

import copy
from typing import TypeVar

from rushlight.nn.module import Module
from rushlight.nn.parameter import Parameter
from rushlight.tensor.core import Tensor

Layer = TypeVar("Layer", bound=Module)


def fuse_conv_bn_eval(conv: Layer, bn: Module, transpose: bool = False) -> Layer:
    """A copy of a convolution that computes what it and the batch norm behind it do in evaluation.

    `transpose` says that the layer is transposed, whose weights have the outputs on axis 1. Raises AssertionError
    where one of both is in training.

    >>> import rushlight as torch
    >>> conv, norm = torch.nn.Conv2d(2, 3, 3).eval(), torch.nn.BatchNorm2d(3).eval()
    >>> both, x = torch.nn.utils.fuse_conv_bn_eval(conv, norm), torch.rand(1, 2, 5, 5)
    >>> torch.allclose(both(x), norm(conv(x)), atol=1e-6)
    True
    """
    return _fused(conv, bn, 1 if transpose else 0)


def fuse_conv_bn_weights(
    conv_w: Tensor,
    conv_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
    transpose: bool = False,
) -> tuple[Parameter, Parameter]:
    """Weight and bias of the one layer, from those of the convolution and the batch norm's mean, variance and scale."""
    return _weights(conv_w, conv_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, 1 if transpose else 0)


def fuse_linear_bn_eval(linear: Layer, bn: Module) -> Layer:
    """A copy of a linear layer that computes what it and the batch norm behind it do in evaluation.

    Raises AssertionError where one of both is in training, or the batch norm has another number of features (not 1).
    """
    if bn.num_features not in (linear.out_features, 1):
        raise AssertionError("To fuse, linear.out_features == bn.num_features or bn.num_features == 1")
    return _fused(linear, bn, 0)


def fuse_linear_bn_weights(
    linear_w: Tensor,
    linear_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor,
    bn_b: Tensor,
) -> tuple[Parameter, Parameter]:
    """Weight and bias of the one layer, from those of the linear one and the batch norm's."""
    return _weights(linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, 0)


def _fused(layer: Layer, bn: Module, axis: int) -> Layer:
    if layer.training or bn.training:
        raise AssertionError("Fusion only for eval!")
    if bn.running_mean is None or bn.running_var is None:
        raise AssertionError("Expected bn.running_mean and bn.running_var to be not None")
    result = copy.deepcopy(layer)
    statistics = bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias
    result.weight, result.bias = _weights(result.weight, result.bias, *statistics, axis)
    return result


def _weights(
    weight: Tensor,
    bias: Tensor | None,
    mean: Tensor,
    variance: Tensor,
    eps: float,
    scale: Tensor | None,
    shift: Tensor | None,
    axis: int,
) -> tuple[Parameter, Parameter]:
    """weight·s and (bias − mean)·s + shift, s being scale / √(variance + eps)."""
    kind = weight.dtype
    factor = (variance + eps).rsqrt()
    factor = factor if scale is None else scale * factor
    offset = -mean if bias is None else bias - mean
    moved = offset * factor if shift is None else offset * factor + shift
    along = [1] * weight.dim()
    along[axis] = -1
    fused = (weight * factor.reshape(along)).to(kind)
    needs = weight.requires_grad, weight.requires_grad if bias is None else bias.requires_grad
    return Parameter(fused.detach(), needs[0]), Parameter(moved.to(kind).detach(), needs[1])
