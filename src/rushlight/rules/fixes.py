"""The likely fix: given the shape a user has and the one that fits, what to write.

Used only when an error is already certain.
"""

from __future__ import annotations

from math import prod


def channels(x_shape: tuple[int, ...], rank: int, have: int, need: int) -> str:
    """What makes the channel axis `need` long: an expression of x, or what to change, as words of an error."""
    batched = len(x_shape) == rank + 2
    axis = len(x_shape) - rank - 1
    if need in x_shape[axis + 1 :]:
        return permutation(x_shape, axis, axis + 1 + x_shape[axis + 1 :].index(need))
    if batched is False and need == 1 and x_shape[0] != 1:
        return "x.unsqueeze(1), if the first axis is the batch"
    if batched is False and x_shape[1] == need and rank == 1:
        return "x.unsqueeze(0).transpose(1, 2)"
    return f"a layer with in_channels={have}, or an input with {need} channels on axis {axis}"


def permutation(x_shape: tuple[int, ...], to: int, source: int) -> str:
    """The permute that moves axis `source` to index `to`."""
    order = [axis for axis in range(len(x_shape)) if axis != source]
    order.insert(to, source)
    return f"x.permute({', '.join(map(str, order))})"


def dimensions(x_shape: tuple[int, ...], rank: int, in_channels: int) -> str:
    """What makes an input of `rank + 2` axes (or one less)."""
    dim = len(x_shape)
    if dim == rank:
        return "x.unsqueeze(0) for one channel, and once more for a batch of one"
    if dim == rank + 3:
        return "x.flatten(0, 1), which joins the first two axes into the batch"
    if dim in (rank + 4, rank + 5) or dim > 5:
        return f"x.flatten(0, {dim - rank - 2}), which joins the first axes into the batch"
    return f"an input of shape (batch, {in_channels}, {', '.join('DHW'[3 - rank :] if rank > 1 else 'L')})"


def features(x_shape: tuple[int, ...], need: int) -> str:
    """What makes the last axis `need` long, for a Linear layer."""
    if len(x_shape) > 1 and need in x_shape[:-1]:
        axes = [axis for axis in range(len(x_shape)) if x_shape[axis] == need]
        return f"x.transpose({axes[-1]}, -1)"
    if len(x_shape) > 2 and prod(x_shape[1:]) == need:
        return "x.flatten(1)"
    if prod(x_shape) == need:
        return "x.flatten()"
    return f"a layer with in_features={x_shape[-1]}, or an input whose last axis is {need} long"
