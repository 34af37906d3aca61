"""Normalisation as functions: mean 0 and variance 1 over some axes, then a scale and a shift.

All four are one operation over different axes: batch norm over everything but the channels, layer norm over
the last axes, group norm over groups of channels, instance norm over the positions of each channel.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from rushlight.autograd.graph import record, widen
from rushlight.autograd.modes import no_grad
from rushlight.core.dtypes import CODES, HALVES, float32
from rushlight.core.errors import message
from rushlight.core.memory import worded
from rushlight.nn.functional_activation import check_floating
from rushlight.rules.arguments import TYPE_NAMES
from rushlight.tensor.core import Tensor, is_in_order, memory, wrap, wrap_unordered
from rushlight.tensor.layout import CHANNELS_LAST, is_channels_last, wrap_formatted
from rushlight.tensor.output import into


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise each channel (axis 1) over all other axes; from Ioffe & Szegedy (2015).

    In training with the mean and variance of this batch, which also move running_mean and running_var by
    `momentum` (the variance there with n − 1); otherwise with these two.

    Raises ValueError in training with one value a channel, RuntimeError for statistics of another length.
    """
    check_floating("batch_norm", input)
    _check_kinds(input, weight, bias)
    if not input.numel():
        return _scaled_empty(input, weight, bias)
    if training:
        _check_values_a_channel(input.shape)
    elif running_mean is None or running_var is None:
        raise RuntimeError("Expected running_mean and running_var to be defined when not training")
    _check_channels(input, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    shape = (1, -1, *[1] * (input.dim() - 2))
    if not training:
        scale = (widen(running_var) + eps).rsqrt()
        normal = (_formatted(widen(input)) - widen(running_mean).reshape(shape)) * scale.reshape(shape)
        return _scaled(normal, weight, bias, shape, input)
    axes = (0, *range(2, input.dim()))
    normal, mean, variance = _normalized(widen(input), axes, eps, wrap_formatted)
    count = input.numel() // input.shape[1]
    with no_grad():
        _move(running_mean, mean, momentum)
        _move(running_var, variance * (count / (count - 1)), momentum)
    return _scaled(normal, weight, bias, shape, input)


def _move(running: Tensor | None, measured: np.ndarray, momentum: float) -> None:
    """Move a running statistic towards what was measured."""
    if running is not None:
        old = widen(running)
        running.copy_(old * (1 - momentum) + wrap(measured.reshape(-1).astype(old._array.dtype)) * momentum)


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise each channel of each sample over its positions."""
    shape = (1, -1, *[1] * (input.dim() - 2))
    if not input.numel():
        return _scaled_empty(input, weight, bias)
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    check_floating("instance_norm", input)
    _check_kinds(input, weight, bias)
    count = math.prod(input.shape[2:])
    if count == 1:
        raise ValueError(f"Expected more than 1 spatial element when training, got input size {input.shape}")
    normal, mean, variance = _normalized(widen(input), tuple(range(2, input.dim())), eps)
    with no_grad():
        _move(running_mean, mean.mean(axis=0), momentum)
        _move(running_var, variance.mean(axis=0) * (count / (count - 1)), momentum)
    return _scaled(normal, weight, bias, shape, input)


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise over the last axes, those of normalized_shape; RuntimeError where the input ends otherwise."""
    check_floating("LayerNormKernelImpl", input)
    _check_kinds(input, weight, bias)
    wanted = tuple(normalized_shape)
    if not wanted or tuple(input.shape[-len(wanted) :]) != wanted:
        shown = "".join(f", {n}" for n in wanted)
        raise RuntimeError(
            f"Given normalized_shape={list(wanted)}, expected input with shape [*{shown}], "
            f"but got input of size{list(input.shape)}"
        )
    normal, _, _ = _normalized(widen(input), tuple(range(input.dim() - len(wanted), input.dim())), eps)
    return _scaled(normal, weight, bias, wanted, input)


def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise each group of channels of each sample; RuntimeError where the groups do not come out even."""
    check_floating("GroupNormKernelImpl", input)
    _check_kinds(input, weight, bias)
    if input.dim() < 2:
        raise RuntimeError(f"Expected at least 2 dimensions for input tensor but received {input.dim()}")
    if input.shape[1] % num_groups:
        raise RuntimeError(
            "Expected number of channels in input to be divisible by num_groups, "
            f"but got input of shape {list(input.shape)} and num_groups={num_groups}"
        )
    grouped = widen(input).reshape(input.shape[0], num_groups, math.prod(input.shape[1:]) // num_groups)
    normal = _normalized(grouped, (2,), eps)[0].reshape(input.shape)
    if is_channels_last(input):
        normal = normal.contiguous(memory_format=CHANNELS_LAST[input.dim()])
    return _scaled(normal, weight, bias, (1, -1, *[1] * (input.dim() - 2)), input)


def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12, out: Tensor | None = None) -> Tensor:
    """Divide by the p-norm along an axis, or by eps where that is larger; into `out` where it is given."""
    if out is not None:
        return into("normalize", normalize, (input, p, dim, eps), {}, out, has_dtype=False)
    return input / input.norm(p, dim, True).clamp(min=eps)


def _contiguous(array: np.ndarray, source: Tensor) -> Tensor:
    return wrap_unordered(array)


def _formatted(input: Tensor) -> Tensor:
    """The input, contiguous unless it is channels-last."""
    return input if is_in_order(input) or is_channels_last(input) else input.contiguous()


@worded
def _normalized(
    x: Tensor, axes: tuple[int, ...], eps: float, wrapped: Callable = _contiguous
) -> tuple[Tensor, np.ndarray, np.ndarray]:
    """(x − mean) / √(var + eps) over the axes, and the mean and variance (of n) that were used.

    `wrapped` makes the tensor of that array, in the memory format of PyTorch's result, which is contiguous for most.
    """
    array = memory(x)
    if not array.size:
        return x.clone(), array, array
    mean = array.mean(axis=axes, keepdims=True)
    centred = array - mean
    variance = np.square(centred).mean(axis=axes, keepdims=True)
    result = wrapped(centred / np.sqrt(variance + eps), x)
    record("NormalizeBackward0", result, (x,), lambda needs, grad, x: (_gradient(grad, x, axes, eps),), (x,))
    return result, mean, variance


def _gradient(grad: Tensor, x: Tensor, axes: tuple[int, ...], eps: float) -> Tensor:
    """scale·(g − mean(g) − y·mean(g·y)), written on x, so that it can be differentiated again."""
    centred = x - x.mean(axes, keepdim=True)
    scale = ((centred * centred).mean(axes, keepdim=True) + eps).rsqrt()
    normal = centred * scale
    return (grad - grad.mean(axes, keepdim=True) - normal * (grad * normal).mean(axes, keepdim=True)) * scale


def _scaled(
    normal: Tensor, weight: Tensor | None, bias: Tensor | None, shape: tuple[int, ...], input: Tensor
) -> Tensor:
    """What was normalised, scaled and shifted; halves come here in float32 and are rounded to the input's type."""
    if weight is not None:
        normal = normal * widen(weight).reshape(shape)
    if bias is not None:
        normal = normal + widen(bias).reshape(shape)
    return normal.to(input.dtype) if input.dtype in HALVES else normal


def _scaled_empty(input: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """No numbers, which take what they are scaled with into their history; running statistics stay."""
    one = [t if t is None else t.reshape(-1)[0] for t in (weight, bias)]
    return _scaled(input.clone(), *one, (), input)


def _check_kinds(input: Tensor, weight: Tensor | None, bias: Tensor | None) -> None:
    """Weight and bias have the input's type; beside halves they may both be float32."""
    given = [tensor for tensor in (weight, bias) if tensor is not None]
    if all(tensor.dtype is input.dtype for tensor in given):
        return
    word = {tensor.dtype.name: TYPE_NAMES[CODES[tensor.dtype.name]][1] for tensor in (input, *given)}
    fix = f".to({input.dtype}) of the layer, or of its weight and bias"
    if given[0].dtype is input.dtype:
        found = f"expected scalar type {word[input.dtype.name]} but found {word[bias.dtype.name]}"
        raise RuntimeError(message(found, fix=fix))
    if any(tensor.dtype is not float32 for tensor in given):
        raise RuntimeError(message("mixed dtype (CPU): expect parameter to have scalar type of Float", fix=fix))
    if input.dtype not in HALVES:
        raise RuntimeError(message("mixed dtype (CPU): all inputs must share same datatype.", fix=fix))


def _check_values_a_channel(shape: tuple[int, ...]) -> None:
    if shape[0] * math.prod(shape[2:]) == 1:
        raise ValueError(
            message(
                f"Expected more than 1 value per channel when training, got input size {shape}",
                "the variance of one number is not defined",
                fix="a larger batch, drop_last=True in the DataLoader, or model.eval()",
            )
        )


def _check_channels(input: Tensor, **statistics: Tensor | None) -> None:
    for name, tensor in statistics.items():
        if tensor is not None and tensor.numel() != input.shape[1]:
            channels, made_for = input.shape[1], tensor.numel()
            raise RuntimeError(
                message(
                    f"{name} should contain {channels} elements not {made_for}",
                    f"axis 1 (channels): {channels}, the layer is made for {made_for}",
                    fix=f"a layer for {channels} channels, or an input with {made_for} channels on axis 1",
                )
            )
