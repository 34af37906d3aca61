"""Channels moved: to positions (pixel_shuffle), back (pixel_unshuffle), or among groups (channel_shuffle).

In comes a tensor, out comes a new one of the same memory format, recorded. Each only moves numbers, so its gradient is
the move back. Source: W. Shi et al., 2016 (sub-pixel convolution); X. Zhang et al., 2018 (ShuffleNet).
"""

from __future__ import annotations

import numpy as np

from rushlight.autograd.graph import record
from rushlight.autograd.operation import Operation, define
from rushlight.core.errors import message
from rushlight.core.memory import worded
from rushlight.rules.results import Layout, Layouts, as_first
from rushlight.tensor.core import Tensor, memory
from rushlight.tensor.layout import wrap_formatted


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """Channels become positions: (…, C·r², H, W) → (…, C, H·r, W·r) with r the factor.

    RuntimeError for fewer than three axes, a factor below 1, or channels that r² does not divide.

    >>> import rushlight as torch
    >>> torch.pixel_shuffle(torch.arange(4).reshape(4, 1, 1), 2)
    tensor([[[0, 1],
             [2, 3]]])
    """
    _check_pixels("pixel_shuffle", "upscale_factor", input, upscale_factor)
    channels, square = memory(input).shape[-3], upscale_factor * upscale_factor
    if channels % square:
        raise RuntimeError(
            message(
                "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of "
                f"upscale_factor, but input.size(-3)={channels} is not divisible by {square}",
                fix=f"{max(channels // square, 1) * square} channels",
            )
        )
    return _moved(PIXEL_SHUFFLE, input, upscale_factor)


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """Positions become channels: (…, C, H·r, W·r) → (…, C·r², H, W) with r the factor.

    RuntimeError for fewer than three axes, a factor below 1, or a height or width that it does not divide.

    >>> import rushlight as torch
    >>> torch.pixel_unshuffle(torch.arange(4).reshape(1, 2, 2), 2).flatten()
    tensor([0, 1, 2, 3])
    """
    _check_pixels("pixel_unshuffle", "downscale_factor", input, downscale_factor)
    for axis, name in ((-2, "height"), (-1, "width")):
        size = memory(input).shape[axis]
        if size % downscale_factor:
            raise RuntimeError(
                f"pixel_unshuffle expects {name} to be divisible by downscale_factor, but input.size({axis})={size} is "
                f"not divisible by {downscale_factor}"
            )
    return _moved(PIXEL_UNSHUFFLE, input, downscale_factor)


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """The channels of all groups in turn: channel i of group g goes to i·groups + g. Input (N, C, …).

    RuntimeError for fewer than three axes, groups below 1, or channels that groups do not divide.

    >>> import rushlight as torch
    >>> torch.channel_shuffle(torch.arange(6).reshape(1, 6, 1), 2).flatten()
    tensor([0, 3, 1, 4, 2, 5])
    """
    shape = tuple(memory(input).shape)
    if len(shape) < 3:
        raise RuntimeError(f"channel_shuffle expects input with > 2 dims, but got input with sizes {list(shape)}")
    if groups < 1:
        raise RuntimeError(f"Number of groups to divide channels in must be positive. Value of groups:{groups}")
    if shape[1] % groups:
        raise RuntimeError(
            f"Number of channels must be divisible by groups. Got {shape[1]} channels and {groups} groups."
        )
    return _moved(CHANNEL_SHUFFLE, input, groups)


def native_channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """`channel_shuffle` under PyTorch's other name for it.

    Shapes: (N, C, …) → (N, C, …).
    """
    return channel_shuffle(input, groups)


def _check_pixels(op: str, name: str, input: Tensor, factor: int) -> None:
    if memory(input).ndim < 3:
        raise RuntimeError(
            f"{op} expects input to have at least 3 dimensions, but got input with {memory(input).ndim} dimension(s)"
        )
    if factor <= 0:
        raise RuntimeError(f"{op} expects a positive {name}, but got {factor}")


def _moved(row: Operation, input: Tensor, by: int) -> Tensor:
    result = wrap_formatted(row.lowering(memory(input), by), input)
    record(row, (by,), result, (input,))
    return result


@worded
def _shuffled(array: np.ndarray, by: int) -> np.ndarray:
    *lead, channels, height, width = array.shape
    parts = array.reshape(*lead, channels // (by * by), by, by, height, width)
    at = len(lead)
    order = (*range(at + 1), at + 3, at + 1, at + 4, at + 2)
    return np.transpose(parts, order).reshape(*lead, channels // (by * by), height * by, width * by).copy()


@worded
def _unshuffled(array: np.ndarray, by: int) -> np.ndarray:
    *lead, channels, height, width = array.shape
    parts = array.reshape(*lead, channels, height // by, by, width // by, by)
    at = len(lead)
    order = (*range(at + 1), at + 2, at + 4, at + 1, at + 3)
    return np.transpose(parts, order).reshape(*lead, channels * by * by, height // by, width // by).copy()


@worded
def _regrouped(array: np.ndarray, groups: int) -> np.ndarray:
    batch, channels, *rest = array.shape
    parts = array.reshape(batch, groups, channels // groups, *rest)
    return np.moveaxis(parts, 1, 2).reshape(array.shape).copy()


def _shuffled_layout(inputs: Layouts, by: int) -> list[Layout]:
    (*lead, channels, height, width), kind = inputs[0]
    return [((*lead, channels // (by * by), height * by, width * by), kind)]


def _unshuffled_layout(inputs: Layouts, by: int) -> list[Layout]:
    (*lead, channels, height, width), kind = inputs[0]
    return [((*lead, channels * by * by, height // by, width // by), kind)]


PIXEL_SHUFFLE = define(
    "pixel_shuffle",
    "PixelShuffleBackward0",
    derivative=lambda by, needs, grad: (pixel_unshuffle(grad, by),),
    results=_shuffled_layout,
    lowering=_shuffled,
)
PIXEL_UNSHUFFLE = define(
    "pixel_unshuffle",
    "PixelUnshuffleBackward0",
    derivative=lambda by, needs, grad: (pixel_shuffle(grad, by),),
    results=_unshuffled_layout,
    lowering=_unshuffled,
)
CHANNEL_SHUFFLE = define(
    "channel_shuffle",
    "ChannelShuffleBackward0",
    derivative=lambda groups, needs, grad: (channel_shuffle(grad, max(grad.shape[1] // groups, 1)),),
    results=as_first,
    lowering=_regrouped,
)
