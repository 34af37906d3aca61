"""Which entries a pooling reads for each of its results, axis by axis, as tables that kernels iterate over.

In: the windows' numbers along one axis, and the stride of entries. Out: a list of integers. A result position i has
its entries between words table[i] and table[i + 1] of the table, two words each: how far the entry lies from the first,
and the tap that reads it, times what a tap of this axis counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from ..rules.in_bounds import in_bounds, in_bounds_range
from ..rules.windows import adaptive_windows, readers

if TYPE_CHECKING:
    from ..rules.windows import Windows


MOST = 1 << 20
"""Entries of tables: a third of a second to make, and 16 MB."""


class Axis(NamedTuple):
    """Windows along one axis: output o and tap k read input `o·stride + k·dilation − padding`."""

    size: int
    taps: int
    stride: int
    dilation: int
    padding: int
    out: int

    def inputs(self, o: int) -> list[tuple[int, int]]:
        """The (input, tap) that output o reads, taps ascending."""
        start = o * self.stride - self.padding
        return [(start + k * self.dilation, k) for k in self._taps_inside(o)]

    def _taps_inside(self, o: int) -> range:
        """The taps through which output o reads an input."""
        return range(*in_bounds(o * self.stride - self.padding, self.dilation, self.size, 0, self.taps))

    def covered(self) -> bool:
        """Whether every window holds an input: windows move over the input one way, so that those do which end on it
        and no dilation steps over it."""
        if self.dilation <= self.size:
            return self.out == 0 or (len(self._taps_inside(0)) > 0 and len(self._taps_inside(self.out - 1)) > 0)
        return all(len(self._taps_inside(o)) for o in range(self.out))

    def outputs(self, i: int) -> list[tuple[int, int]]:
        """The (output, tap) that input i is read by, taps ascending."""
        last = self.taps - 1  # taps counted from the last one, which lies furthest below
        below = i + self.padding - self.dilation * last
        taps, outputs = in_bounds_range(below, self.dilation, self.taps, self.out, self.stride)
        pairs = zip(range(self.out)[outputs], range(self.taps)[taps])
        return [(o, last - k) for o, k in pairs][::-1]

    def whole(self) -> tuple[int, int]:
        """The first output whose window lies inside, and one behind the last."""
        first, _ = in_bounds(-self.padding, self.stride, self.size, 0, self.out)
        _, end = in_bounds(self.dilation * (self.taps - 1) - self.padding, self.stride, self.size, 0, self.out)
        return (first, end) if first < end else (0, 0)


class AdaptiveAxis(NamedTuple):
    """Windows of an adaptive pooling along one axis, which cover it; `adjoint`: each entry reads its windows."""

    size: int
    out: int
    adjoint: bool

    @property
    def taps(self) -> int:
        """Entries that a result reads, at most."""
        return -(-self.size // self.out) + 1

    @property
    def stride(self) -> int:
        """The distance of windows that are all alike; 0 of others."""
        return 0 if self.adjoint or self.size % self.out else self.size // self.out

    def inputs(self, o: int) -> list[tuple[int, int]]:
        """The entries that result o reads, each as (entry, 0)."""
        if self.adjoint:
            return [(entry, 0) for entry in readers(self.out, self.size)[o]]
        return [(entry, 0) for entry in range(*adaptive_windows(self.size, self.out)[o])]

    def whole(self) -> tuple[int, int]:
        """All results where windows are alike."""
        return (0, self.out) if self.stride else (0, 0)


class AdaptiveWindows(NamedTuple):
    """Windows of an adaptive pooling: entries and results along each axis."""

    size: tuple[int, ...]
    out: tuple[int, ...]
    adjoint: bool = False

    @property
    def axes(self) -> list[AdaptiveAxis]:
        """Axis by axis."""
        return [AdaptiveAxis(size, out, self.adjoint) for size, out in zip(self.size, self.out)]

    @property
    def taps(self) -> tuple[int, ...]:
        """Entries that a result reads along each axis, at most."""
        return tuple([axis.taps for axis in self.axes])


def covered(windows: Windows) -> bool:
    """Whether every window holds an input."""
    return all(axis.covered() for axis in map(Axis._make, zip(*windows)))


def listed(windows: Windows) -> bool:
    """Whether tables of all entries are small enough to be made: of long windows one by one they are not."""
    return sum(axis.out * axis.taps for axis in map(Axis._make, zip(*windows))) <= MOST


def table(lists: Iterable[list[tuple[int, int]]], distance: int, weight: int) -> list[int]:
    """The table of lists of (entry, tap) of an axis: entries have the stride `distance`, taps count `weight`."""
    lists = list(lists)
    starts, pairs = [len(lists) + 1], []
    for entries in lists:
        for entry, tap in entries:
            pairs += [entry * distance, tap * weight]
        starts.append(len(lists) + 1 + len(pairs))
    return starts + pairs
