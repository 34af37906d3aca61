"""Which entries a pooling reads for each of its results, axis by axis, as tables that kernels walk.

In: the windows' numbers along one axis, and how far apart entries lie. Out: a list of integers. A result position i has
its entries between words table[i] and table[i + 1] of the table, two words each: how far the entry lies from the first,
and the tap through which they meet, times what a tap of this axis counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ..rules.windows import Windows


class Axis(NamedTuple):
    """Windows along one axis: output o and tap k meet input `o·stride + k·dilation − padding`."""

    size: int
    taps: int
    stride: int
    dilation: int
    padding: int
    out: int

    def inputs(self, o: int) -> list[tuple[int, int]]:
        """The (input, tap) that output o meets, taps ascending."""
        start = o * self.stride - self.padding
        return [(i, k) for k in range(self.taps) if 0 <= (i := start + k * self.dilation) < self.size]

    def outputs(self, i: int) -> list[tuple[int, int]]:
        """The (output, tap) that input i meets, taps ascending."""
        places = [(i + self.padding - k * self.dilation, k) for k in range(self.taps)]
        return [(p // self.stride, k) for p, k in places if p % self.stride == 0 and 0 <= p // self.stride < self.out]

    def whole(self) -> tuple[int, int]:
        """The first output whose window lies inside, and one behind the last."""
        first = -(-self.padding // self.stride)
        last = (self.size - 1 + self.padding - self.dilation * (self.taps - 1)) // self.stride
        return (first, min(last + 1, self.out)) if first <= last else (0, 0)


def covered(windows: Windows) -> bool:
    """Whether every window holds an input."""
    return all(axis.inputs(o) for axis in map(Axis._make, zip(*windows)) for o in range(axis.out))


def table(lists: Iterable[list[tuple[int, int]]], distance: int, weight: int) -> list[int]:
    """The table of lists of (entry, tap) of an axis: entries are `distance` apart, taps count `weight`."""
    lists = list(lists)
    starts, pairs = [len(lists) + 1], []
    for entries in lists:
        for entry, tap in entries:
            pairs += [entry * distance, tap * weight]
        starts.append(len(lists) + 1 + len(pairs))
    return starts + pairs
