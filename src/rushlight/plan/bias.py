"""The bias's gradient: how an array lies, and the pieces that it is summed in.

In: shape and strides of y (batch, channels, *positions), in numbers. Out: a `BiasPlan`, which says what one thread adds
up at a time. Next: `kernels.bias` emits the kernels. Nothing here depends on threads, so bits do not either.

Everything but the channels is one sum. Its axes that follow each other at one distance are `positions`; those in front
of them, as a slice leaves them, count `images`, which may lie anywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd
from typing import NamedTuple

UNIT = 16
"""Numbers that every vector's length divides."""

WIDE = 256
"""Columns that a row has at least, of several positions where one has fewer channels: else lanes would be empty, or
sums wait for each other."""

NARROW = 128
"""Channels, up to which rows are made of several positions so that they are whole vectors."""

SPAN = 1024
"""Columns added up at a time: their sums stay in the first cache."""

ITEM = 32 * 1024
"""Numbers that a thread takes at once, about."""

ROWS = (64, 128)
"""Rows of neighbouring channels in one sum, least and most: few partial sums, and short ones, which round less."""

SHORT = 4096
"""Neighbouring positions, up to which lines of several images make one sum; longer ones are read through."""

LINES = 64
"""Images in such a sum, at most, and channels that a thread takes at once, at most."""


class Layout(NamedTuple):
    """How y lies: what are neighbours (`inner`: channels or positions); the stride of the other ones (`step`); the
    axes, (size, distance) each, that count images."""

    inner: str
    channels: int
    positions: int
    step: int
    images: tuple[tuple[int, int], ...]


class BiasPlan(NamedTuple):
    """A chunk is a `group` of images and a `piece` of their positions; its sums are a row of `width`, `span` of which
    are dynamic at once. `fold` positions lie side by side in that row; `extra` numbers are left of the last one."""

    inner: str
    step: int
    images: int
    group: int
    positions: int
    piece: int
    width: int
    span: int
    fold: int = 1
    extra: int = 0

    @property
    def pieces(self) -> int:
        """Pieces of an image."""
        return _parts(self.positions, self.piece)

    @property
    def chunks(self) -> int:
        """Rows of sums."""
        return _parts(self.images, self.group) * self.pieces

    @property
    def spans(self) -> int:
        """Items a chunk."""
        return _parts(self.width, self.span)


def layout_of(shape: Sequence[int], strides: Sequence[int]) -> Layout | None:
    """The layout of an array of no negative strides whose channels or positions are neighbours; None: neither are."""
    channels, stride = shape[1], strides[1]
    axes = [(size, stride) for size, stride in zip(shape[:1] + shape[2:], strides[:1] + strides[2:]) if size > 1]
    axes.sort(key=lambda axis: -axis[1])
    positions, step = axes.pop() if axes else (1, channels)
    while axes and axes[-1][1] == positions * step:
        positions *= axes.pop()[0]
    images = tuple(axes)
    if step == 1 and positions > 1 and (channels == 1 or stride != 1):
        return Layout("positions", channels, positions, stride, images)
    if channels == 1 or stride == 1:
        return Layout("channels", channels, positions, step, images)
    return None


def plan_bias(layout: Layout) -> BiasPlan:
    """The pieces in which an array of this layout is summed."""
    images = 1
    for size, _ in layout.images:
        images *= size
    return _plan_rows(layout, images) if layout.inner == "channels" else _plan_lines(layout, images)


def _plan_rows(layout: Layout, images: int) -> BiasPlan:
    """Channels are neighbours: rows of them are added to a row of sums."""
    fold = _fold(layout)
    width, rows = fold * layout.channels, layout.positions // fold
    span = width if width <= SPAN else _even(width, SPAN)
    least, most = ROWS
    high = min(max(ITEM // span, least), most)
    piece = _even(rows, high, 4) if rows > high else rows
    group = min(max(high // piece, 1), images)
    extra = layout.positions % fold * layout.channels
    return BiasPlan("channels", fold * layout.step, images, group, rows, piece, width, span, fold, extra)


def _fold(layout: Layout) -> int:
    """How many positions side by side make a row of whole vectors; 1 where channels alone do, or where it is short."""
    channels, positions = layout.channels, layout.positions
    whole = channels >= WIDE and channels % UNIT == 0
    if whole or channels > NARROW or layout.step != channels:
        return 1
    fold = UNIT // gcd(channels, UNIT)
    fold *= _parts(WIDE, fold * channels)
    return fold if positions >= 16 * fold else 1


def _plan_lines(layout: Layout, images: int) -> BiasPlan:
    """Positions are neighbours: lines of them are added up, channel by channel."""
    positions, channels = layout.positions, layout.channels
    piece = _even(positions, ITEM) if positions > ITEM else positions
    group = min(max(SHORT // piece, 1), images, LINES)
    most = min(max(ITEM // (piece * group), 1), LINES)
    span = _parts(channels, _parts(channels, most))
    return BiasPlan("positions", layout.step, images, group, positions, piece, channels, span)


def _even(whole: int, most: int, unit: int = 64) -> int:
    """The size of equal parts of at most `most` (a multiple of the unit), in units."""
    part = _parts(whole, _parts(whole, most))
    return _parts(part, unit) * unit


def _parts(whole: int, part: int) -> int:
    return -(-whole // part)
