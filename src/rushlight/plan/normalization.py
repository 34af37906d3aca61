"""How normalisation goes through an array: integers only. Nothing here depends on threads, so bits do not either.

An array (samples, channels, positions) without gaps has its channels or its positions as neighbours. What one mean is
of never leaves an `outer`: the whole array where the batch is one, else a sample, so that a sample's bits do not depend
on its neighbours. An outer is cut as the sum of a bias's gradient is (`plan.bias`), and every pass goes through the
same pieces.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

from . import bias
from .bias import BiasPlan, plan_bias

ROW_ITEM = 8 * 1024
"""Numbers of rows that a thread takes at once, about."""

ROW_LEAST = 64
"""Rows of one partial sum of a gradient, at least."""


class Layout(NamedTuple):
    """What are neighbours; and how many outers of so many images of channels and positions."""

    inner: str
    outers: int
    images: int
    channels: int
    positions: int


def inner_of(shape: Sequence[int], strides: Sequence[int]) -> str | None:
    """What are neighbours in an array without gaps, strides in numbers; None for any other array."""
    if _dense(shape, strides, range(len(shape))):
        return "positions" if prod(shape[2:]) > 1 else "channels"
    return "channels" if _dense(shape, strides, [0, *range(2, len(shape)), 1]) else None


def _dense(shape: Sequence[int], strides: Sequence[int], order: Sequence[int]) -> bool:
    step = 1
    for axis in reversed(order):
        if shape[axis] != 1:
            if strides[axis] != step:
                return False
            step *= shape[axis]
    return True


def layout_of(shape: Sequence[int], inner: str, merged: bool) -> Layout:
    """The layout of an array of this shape; `merged` where a mean is of all samples."""
    samples, channels, positions = shape[0], shape[1], prod(shape[2:])
    if inner == "channels":
        if channels == 1:
            inner = "positions"
        elif merged:
            return Layout(inner, 1, 1, channels, samples * positions)
        else:
            return Layout(inner, samples, 1, channels, positions)
    if not merged:
        return Layout(inner, samples, 1, channels, positions)
    return (
        Layout(inner, 1, samples, channels, positions) if channels > 1 else Layout(inner, 1, 1, 1, samples * positions)
    )


def plan_channels(layout: Layout) -> BiasPlan:
    """The pieces of an outer."""
    inner, _, images, channels, positions = layout
    step = channels if inner == "channels" else positions
    outer = ((images, channels * positions),) if images > 1 else ()
    return plan_bias(bias.Layout(inner, channels, positions, step, outer))


def rows_at_once(rows: int, width: int) -> int:
    """Rows that a thread takes at once."""
    return max(1, min(rows, ROW_ITEM // width))


def rows_of_sum(rows: int, width: int) -> int:
    """Rows that one partial sum of weight's and bias's gradients is of."""
    return min(rows, max(ROW_LEAST, ROW_ITEM // width))
