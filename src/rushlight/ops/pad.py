"""Padding in the modes constant, reflect, replicate and circular, for the last axes of a tensor.

In come a tensor and pairs (before, after), negative to crop; out comes a new tensor of the same memory format. Each
mode is a linear map: its gradient adds every output up at the input that it was copied from.
"""

from __future__ import annotations

from rushlight.tensor.core import Tensor, memory

from ..rules.arguments import not_a_tensor
from ..rules.rules import Pairs
from ..rules.windows import pad as geometry
from .linear_map import Maps, bounded_itemsize, linear_map, linear_row

_NODES = {"reflect": "ReflectionPad", "replicate": "ReplicationPad", "circular": "CircularPad"}
CONSTANT_PAD = linear_row("constant_pad_nd", "ConstantPadNd")
PADS = {
    (mode, rank): linear_row(f"{mode}_pad{rank}d", f"{node}{rank}D")
    for mode, node in _NODES.items()
    for rank in (1, 2, 3)
}


def pad(x: Tensor, pad: object, mode: object = "constant", value: object = None) -> Tensor:
    """`pad` in PyTorch's order: (before, after) of the last axis first."""
    if not isinstance(x, Tensor):
        raise not_a_tensor("pad", "input", 1, x)
    pairs = geometry(memory(x).shape, pad, mode, value, bounded_itemsize(memory(x)))
    return pad_axes(x, pairs, mode, 0 if value is None else value)


def pad_axes(x: Tensor, pairs: Pairs, mode: str, value: float = 0) -> Tensor:
    """Pad the last axes by checked pairs, one an axis in the axes' order."""
    shape = memory(x).shape
    lead = len(shape) - len(pairs)
    wide = (*shape[:lead], *(n + lo + hi for n, (lo, hi) in zip(shape[lead:], pairs)))
    if mode == "constant":
        forward, linear = (("pad_constant", wide, pairs, filling) for filling in (value, 0))
        back = tuple((-lo, -hi) for lo, hi in pairs)
        return linear_map(CONSTANT_PAD, x, Maps(forward, ("pad_constant", shape, back, 0), linear))
    copies = mode, shape[lead:], pairs
    maps = Maps(("pad_copies", *copies), ("pad_copies_grad", *copies), keeps_format=mode != "circular")
    return linear_map(PADS[mode, len(pairs)], x, maps)
