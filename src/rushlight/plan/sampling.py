"""How sampling at places of a grid falls into items: blocks of places, and groups of channels.

In: how many images, channels and places there are, and threads. Out: places of a block and channels of a group, from
integers alone. No sum depends on them: an item adds what it alone writes, in the order of the places.
"""

from __future__ import annotations

BLOCK = 256
"""Places of an item at most: their coordinates and what they read stay in the nearest cache."""
ITEMS = 4
"""Items a thread that a launch should have, so that none waits long for another."""
FEWEST = 8
"""Channels of a group at least: what places read is found anew for each group."""


def group(outer: int, channels: int, unit: int, threads: int) -> int:
    """Channels of a group, a multiple of `unit`, where there are `outer` items of all channels.

    >>> group(1, 64, 1, 2), group(8, 64, 1, 2), group(1, 6, 1, 2), group(1, 24, 16, 2)
    (8, 64, 8, 16)
    """
    groups = -(-ITEMS * threads // max(outer, 1))
    least = max(-(-channels // groups), FEWEST)
    return -(-least // unit) * unit
