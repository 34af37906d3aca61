"""Normalisation as functions: mean 0 and variance 1 over some axes, then a scale and a shift.

All are one operation over different axes (`ops.normalization`): batch norm over everything but the channels, layer norm
over the last axes, group norm over groups of channels, instance norm over the positions of each channel, RMS norm over
the last axes without a mean.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from rushlight.autograd.graph import record_write, widen
from rushlight.autograd.modes import no_grad
from rushlight.autograd.operation import define
from rushlight.core.dtypes import CODES, HALVES, finfo, float32
from rushlight.core.errors import message
from rushlight.nn.functional_activation import check_floating
from rushlight.ops.normalization import (
    BATCH_NORM,
    GROUP_NORM,
    INSTANCE_NORM,
    LAYER_NORM,
    RMS_NORM,
    After,
    by_given,
    by_own,
)
from rushlight.rules.arguments import TYPE_NAMES
from rushlight.rules.normalization import Norm
from rushlight.rules.results import as_first
from rushlight.tensor.arithmetic import ADD
from rushlight.tensor.core import Tensor, memory, wrap
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
    return normalized_batch(input, running_mean, running_var, weight, bias, training, momentum, eps)


def normalized_batch(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
    after: After | None = None,
) -> Tensor:
    """The same, with an activation behind it, for inputs that hold something."""
    check_floating("batch_norm", input)
    _check_kinds(input, weight, bias)
    shape = memory(input).shape
    if 0 in shape:
        return _scaled_empty(input, weight, bias)
    if training:
        _check_values_a_channel(shape)
    elif running_mean is None or running_var is None:
        raise RuntimeError("Expected running_mean and running_var to be defined when not training")
    _check_channels(shape[1], running_mean, running_var, weight, bias)
    norm = Norm("batch", 1, float(eps))
    if not training:
        return by_given(norm, input, running_mean, running_var, weight, bias, after)
    result, statistics = by_own(BATCH_NORM, norm, input, weight, bias, after=after)
    count = math.prod(shape) // shape[1]
    if running_mean is not None:
        _move(running_mean, statistics[0], momentum)
    if running_var is not None:
        _move(running_var, statistics[1], momentum, count / (count - 1))
    return result


def _moved(old: np.ndarray, measured: np.ndarray, momentum: float, factor: float) -> np.ndarray:
    return old * (1.0 - momentum) + measured * (momentum * factor)


RUNNING = define(
    "running_statistic",
    "",
    derivative=None,
    results=as_first,
    lowering=lambda old, *told: _moved(old, *told).astype(old.dtype),
)


def _move(running: Tensor, measured: np.ndarray, momentum: float, factor: float = 1.0) -> None:
    """Move a running statistic towards `factor` times what was measured."""
    old = memory(running)
    if type(old) is np.ndarray and old.flags.writeable:
        old[...] = _moved(old, measured, momentum, factor)
        record_write(RUNNING, (momentum, factor), running, lambda: (running, wrap(measured)))
        return
    with no_grad():
        moved = wrap(measured.astype(np.float32 if old.itemsize == 2 else old.dtype)) * (momentum * factor)
        running.copy_(widen(running) * (1 - momentum) + moved)


def count_batch(tracked: Tensor) -> None:
    """Count one more batch."""
    count = memory(tracked)
    if type(count) is np.ndarray and count.flags.writeable:
        count += 1
        record_write(ADD, (1, 1), tracked, (tracked, None))
    else:
        tracked.add_(1)


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
    shape = memory(input).shape
    if 0 in shape:
        return _scaled_empty(input, weight, bias)
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    check_floating("instance_norm", input)
    _check_kinds(input, weight, bias)
    count = math.prod(shape[2:])
    if count == 1:
        raise ValueError(f"Expected more than 1 spatial element when training, got input size {input.shape}")
    _check_channels(shape[1], running_mean, running_var, weight, bias)
    norm = Norm("groups", shape[1], float(eps))
    result, statistics = by_own(INSTANCE_NORM, norm, input, weight, bias, keeps_format=False)
    if running_mean is not None:
        _move(running_mean, statistics[0].mean(axis=0), momentum)
    if running_var is not None:
        _move(running_var, statistics[1].mean(axis=0), momentum, count / (count - 1))
    return result


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
    norm = Norm("last", _last_axes(input, normalized_shape, weight, bias), float(eps))
    if 0 in memory(input).shape:
        return _scaled_empty(input, weight, bias)
    return by_own(LAYER_NORM, norm, input, weight, bias, keeps_format=False)[0]


def rms_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """Divide by the root of the mean square over the last axes, those of normalized_shape, then scale.

    Without `eps` that of the input's type (`finfo(dtype).eps`, of halves float32's) is added to the mean square.
    RuntimeError where the input ends otherwise. From Zhang & Sennrich, "Root mean square layer normalization" (2019).

    >>> import rushlight as torch
    >>> torch.nn.functional.rms_norm(torch.tensor([[3.0, 3.0], [0.0, 2.0]]), (2,))
    tensor([[1.0000, 1.0000],
            [0.0000, 1.4142]])
    """
    check_floating("rms_norm", input)
    count = _last_axes(input, normalized_shape, weight, None)
    kind = input.dtype
    eps = finfo(float32 if kind in HALVES else kind).eps if eps is None else float(eps)
    if 0 in memory(input).shape:
        return _scaled_empty(input, weight, None)
    norm = Norm("last", count, eps, centred=False)
    return by_own(RMS_NORM, norm, input, weight, None, keeps_format=False)[0]


def _last_axes(input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None, bias: Tensor | None) -> int:
    """How many last axes a shape names; RuntimeError where the input has others, or the parameters."""
    wanted, shape = tuple(normalized_shape), memory(input).shape
    if not wanted:
        raise RuntimeError(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but got "
            "normalized_shape = []"
        )
    for name, tensor in (("weight", weight), ("bias", bias)):
        if tensor is not None and memory(tensor).shape != wanted:
            raise RuntimeError(
                f"Expected {name} to be of same shape as normalized_shape, but got {name} of shape "
                f"{list(tensor.shape)} and normalized_shape = {list(wanted)}"
            )
    if shape[-len(wanted) :] != wanted:
        shown = "".join(f", {n}" for n in wanted)
        raise RuntimeError(
            f"Given normalized_shape={list(wanted)}, expected input with shape [*{shown}], "
            f"but got input of size{list(shape)}"
        )
    return len(wanted)


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
    if 0 in memory(input).shape:
        return _scaled_empty(input, weight, bias)
    for name, tensor in (("weight", weight), ("bias", bias)):
        if tensor is not None and memory(tensor).shape != input.shape[1:2]:
            raise RuntimeError(
                f"Expected {name} to be a vector of size equal to the number of channels in input, but got {name} of "
                f"shape {list(tensor.shape)} and input of shape {list(input.shape)}"
            )
    norm = Norm("groups", num_groups, float(eps))
    return by_own(GROUP_NORM, norm, input, weight, bias)[0]


def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12, out: Tensor | None = None) -> Tensor:
    """Divide by the p-norm along an axis, or by eps where that is larger; into `out` where it is given."""
    if out is not None:
        return into("normalize", normalize, (input, p, dim, eps), {}, out, has_dtype=False)
    return input / input.norm(p, dim, True).clamp(min=eps)


def _scaled_empty(input: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """No numbers, which take what they are scaled with into their history; running statistics stay."""
    result = input.clone()
    if weight is not None:
        result = result * weight.reshape(-1)[:1].sum()
    if bias is not None:
        result = result + bias.reshape(-1)[:1].sum()
    return result.to(input.dtype)


def _check_kinds(input: Tensor, weight: Tensor | None, bias: Tensor | None) -> None:
    """Weight and bias have the input's type; beside halves they may both be float32."""
    kind = memory(input).dtype
    if (weight is None or memory(weight).dtype == kind) and (bias is None or memory(bias).dtype == kind):
        return
    given = [tensor for tensor in (weight, bias) if tensor is not None]
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


def _check_channels(channels: int, *tensors: Tensor | None) -> None:
    """RuntimeError where one of these (in the order of `_OF_CHANNELS`) has no number for each channel."""
    for name, tensor in zip(_OF_CHANNELS, tensors):
        if tensor is not None and memory(tensor).size != channels:
            made_for = memory(tensor).size
            raise RuntimeError(
                message(
                    f"{name} should contain {channels} elements not {made_for}",
                    f"axis 1 (channels): {channels}, the layer is made for {made_for}",
                    fix=f"a layer for {channels} channels, or an input with {made_for} channels on axis 1",
                )
            )


_OF_CHANNELS = ("running_mean", "running_var", "weight", "bias")
