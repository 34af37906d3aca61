"""Blocks: how the positions of a result fall into pieces of work whose packed source stays in the cache.

In: the phases of three axes (`plan.axes`), channel counts, and a `Target`. Out: `PackedTiles`, which says how a block's
source is packed (`kernels.pack` makes the tables from it), and numbers for the loops of the kernels. One-pixel
results, taps far outside the source and axes without taps are all just short lists here.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

from .axes import PackedAxis, Phase, pack_axis, pack_axis_in_order

UNIT = Phase((0,), (0,), 1, 0, 1, 1, 0)
"""The phase of an axis that is not there."""


class AxisBlocks(NamedTuple):
    """One axis in blocks: block b holds the result positions t from `first + b·block`, each phase those it has."""

    phases: tuple[Phase, ...]
    packing: PackedAxis
    first: int
    count: int
    size: int  # of the source

    @property
    def block(self) -> int:
        """Result positions a block."""
        return self.packing.block

    def clipped(self) -> list[tuple[int, frozenset[int]]]:
        """The blocks some of whose positions are outside a phase, and the packed indices that they need
        nevertheless."""
        found = []
        for b in sorted({0, self.count - 1} | {self._block_of(phase.begin) for phase in self.phases}
                        | {self._block_of(phase.end - 1) for phase in self.phases}):  # fmt: skip
            needed = self._needed(b)
            if 0 <= b < self.count and len(needed) < len(self.packing.coordinates):
                found.append((b, needed))
        return found

    def _block_of(self, t: int) -> int:
        return (t - self.first) // self.block

    def _needed(self, b: int) -> frozenset[int]:
        start = self.first + b * self.block
        needed: set[int] = set()
        for phase, bases in zip(self.phases, self.packing.base):
            lo, hi = max(phase.begin - start, 0), min(phase.end - start, self.block)
            for base in bases:
                needed.update(base + t * self.packing.stride for t in range(lo, hi))
        return frozenset(needed)


class PackedTiles(NamedTuple):
    """How the source of one problem is packed, block by block.

    `channels` of a group make a chunk (the last one may be smaller); `leading_dimension` and `row` are the distances of
    packed indices and rows in the packed tile, `size` is that of a whole packed tile, all in numbers.
    """

    axes: tuple[AxisBlocks, AxisBlocks, AxisBlocks]
    channels: int
    leading_dimension: int
    row: int

    @property
    def rows(self) -> int:
        """Rows of a packed tile."""
        return prod(len(axis.packing.coordinates) for axis in self.axes[:2])

    @property
    def size(self) -> int:
        """Numbers in a packed tile, with room for a vector behind it."""
        return self.rows * self.row + 64

    @property
    def blocks(self) -> int:
        """Blocks of an image."""
        return prod(axis.count for axis in self.axes)


def cut_axis(phases: Sequence[Phase], size: int, block: int, as_it_is: bool = False, multiple: int = 1) -> AxisBlocks:
    """An axis in blocks of about `block` positions at most, all of nearly the same length and of a `multiple` where
    there are several; its packed indices in the order of the source where asked for.

    >>> from .axes import forward_phase
    >>> cut_axis([forward_phase(3, 1, 1, 1, 28)], 28, 10)[2:]
    (0, 3, 28)
    """
    first, extent = min(phase.begin for phase in phases), span_axis(phases)
    count = -(-extent // block)
    even = -(-extent // count)
    if count > 1:
        even = -(-even // multiple) * multiple
        count = -(-extent // even)
    packing = pack_axis_in_order(phases[0], even) if as_it_is else pack_axis(phases, even)
    return AxisBlocks(tuple(phases), packing, first, count, size)


def span_axis(phases: Sequence[Phase]) -> int:
    """How many t the phases of an axis cover together."""
    return max(phase.end for phase in phases) - min(phase.begin for phase in phases)


def lay_packed_tile(axes: Sequence[AxisBlocks], channels: int, lanes: int, itemsize: int) -> PackedTiles:
    """The packed tile of these axes for chunks of `channels` channels."""
    leading_dimension = choose_leading_dimension(channels, lanes, itemsize, merges(axes[2]))
    row = (len(axes[2].packing.coordinates) + 1) * leading_dimension
    return PackedTiles(tuple(axes), channels, leading_dimension, row)


def merges(axis: AxisBlocks) -> bool:
    """Whether taps of this axis lie in neighbouring packed indices, so that a few channels of each can be summed as one
    run."""
    return any(b - a == 1 for bases in axis.packing.base for a, b in zip(sorted(bases), sorted(bases)[1:]))


def choose_leading_dimension(channels: int, lanes: int, itemsize: int, merged: bool) -> int:
    """The distance of neighbouring packed indices: dense where runs merge, else whole vectors.

    Neighbours 4096 bytes apart would share a set of the first cache, so such leading dimensions get a cache line more.
    """
    if channels < lanes and merged:
        return channels
    leading_dimension = -(-channels // lanes) * lanes if channels >= lanes else channels
    return leading_dimension + 64 // itemsize if leading_dimension * itemsize % 512 == 0 else leading_dimension
