"""The order in which convolution weights lie in memory."""

from __future__ import annotations

from typing import TypeVar

from rushlight.nn.conv import Conv2d, Conv3d, ConvTranspose2d, ConvTranspose3d
from rushlight.nn.module import Module
from rushlight.tensor.layout import MemoryFormat

Network = TypeVar("Network", bound=Module)


def convert_conv2d_weight_memory_format(module: Network, memory_format: MemoryFormat) -> Network:
    """Lay the weights of all Conv2d and ConvTranspose2d of a network out in an order, in place; returns the network.

    >>> import rushlight as torch
    >>> layer = torch.nn.Conv2d(8, 4, 3)
    >>> _ = torch.nn.utils.convert_conv2d_weight_memory_format(layer, torch.channels_last)
    >>> layer.weight.stride()
    (72, 1, 24, 8)
    """
    return _convert(module, memory_format, (Conv2d, ConvTranspose2d))


def convert_conv3d_weight_memory_format(module: Network, memory_format: MemoryFormat) -> Network:
    """Lay the weights of all Conv3d and ConvTranspose3d of a network out in an order, in place; returns the network."""
    return _convert(module, memory_format, (Conv3d, ConvTranspose3d))


def _convert(module: Network, memory_format: MemoryFormat, kinds: tuple[type, ...]) -> Network:
    for layer in module.modules():
        if isinstance(layer, kinds):
            layer.weight.data = layer.weight.detach().clone(memory_format=memory_format)
    return module
