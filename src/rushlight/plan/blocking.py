"""Blocks: how the positions of a result fall into pieces of work whose packed source stays in the cache.

In: the phases of three axes (`plan.axes`), channel counts, and a `Target`. Out: `Bands`, which says how a block's
source is packed (`kernels.pack` makes the tables from it), and numbers for the loops of the kernels. One-pixel
results, taps far outside the source and axes without taps are all just short lists here.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

from .axes import Phase, Slots, lay_slots, lay_slots_as_they_are

UNIT = Phase((0,), (0,), 1, 0, 1, 1, 0)
"""The phase of an axis that is not there."""


class AxisBlocks(NamedTuple):
    """One axis in blocks: block b holds the result positions t from `first + b·block`, each phase those it has."""

    phases: tuple[Phase, ...]
    slots: Slots
    first: int
    count: int
    size: int  # of the source

    @property
    def block(self) -> int:
        """Result positions a block."""
        return self.slots.block

    def clipped(self) -> list[tuple[int, frozenset[int]]]:
        """The blocks some of whose positions are outside a phase, and the slots that they need nevertheless."""
        found = []
        for b in sorted({0, self.count - 1} | {self._block_of(phase.begin) for phase in self.phases}
                        | {self._block_of(phase.end - 1) for phase in self.phases}):  # fmt: skip
            needed = self._needed(b)
            if 0 <= b < self.count and len(needed) < len(self.slots.coordinates):
                found.append((b, needed))
        return found

    def _block_of(self, t: int) -> int:
        return (t - self.first) // self.block

    def _needed(self, b: int) -> frozenset[int]:
        start = self.first + b * self.block
        needed: set[int] = set()
        for phase, bases in zip(self.phases, self.slots.base):
            lo, hi = max(phase.begin - start, 0), min(phase.end - start, self.block)
            for base in bases:
                needed.update(base + t * self.slots.apart for t in range(lo, hi))
        return frozenset(needed)


class Bands(NamedTuple):
    """How the source of one problem is packed, block by block.

    `channels` of a group make a chunk (the last one may be smaller); `pitch` and `row` are the distances of slots
    and rows in the band, `size` is that of a whole band, all in numbers.
    """

    axes: tuple[AxisBlocks, AxisBlocks, AxisBlocks]
    channels: int
    pitch: int
    row: int

    @property
    def rows(self) -> int:
        """Rows of a band."""
        return prod(len(axis.slots.coordinates) for axis in self.axes[:2])

    @property
    def size(self) -> int:
        """Numbers in a band, with room for a vector behind it."""
        return self.rows * self.row + 64

    @property
    def blocks(self) -> int:
        """Blocks of an image."""
        return prod(axis.count for axis in self.axes)


def cut_axis(phases: Sequence[Phase], size: int, block: int, as_it_is: bool = False, multiple: int = 1) -> AxisBlocks:
    """An axis in blocks of about `block` positions at most, all of nearly the same length and of a `multiple` where
    there are several; its slots in the order of the source where asked for.

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
    slots = lay_slots_as_they_are(phases[0], even) if as_it_is else lay_slots(phases, even)
    return AxisBlocks(tuple(phases), slots, first, count, size)


def span_axis(phases: Sequence[Phase]) -> int:
    """How many t the phases of an axis cover together."""
    return max(phase.end for phase in phases) - min(phase.begin for phase in phases)


def lay_band(axes: Sequence[AxisBlocks], channels: int, lanes: int, itemsize: int) -> Bands:
    """The band of these axes for chunks of `channels` channels."""
    pitch = slot_pitch(channels, lanes, itemsize, merges(axes[2]))
    row = (len(axes[2].slots.coordinates) + 1) * pitch
    return Bands(tuple(axes), channels, pitch, row)


def merges(axis: AxisBlocks) -> bool:
    """Whether taps of this axis lie in neighbouring slots, so that a few channels of each can be summed as one run."""
    return any(b - a == 1 for bases in axis.slots.base for a, b in zip(sorted(bases), sorted(bases)[1:]))


def slot_pitch(channels: int, lanes: int, itemsize: int, merged: bool) -> int:
    """The distance of neighbouring slots: dense where runs merge, else whole vectors.

    Neighbours 4096 bytes apart would share a set of the first cache, so such pitches get a cache line more.
    """
    if channels < lanes and merged:
        return channels
    pitch = -(-channels // lanes) * lanes if channels >= lanes else channels
    return pitch + 64 // itemsize if pitch * itemsize % 512 == 0 else pitch
