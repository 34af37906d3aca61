"""One axis of a Winograd layer in blocks of whole tiles, dilation included.

In: the integers of an axis. Out: a `TileAxis`, which says where each tile of a block begins in the packed tile and in
the result. A dilated axis falls into `dilation` classes of positions that share nothing; tiles lie within a class,
whose positions are neighbours in the packed tile, so the transforms see an axis without dilation. Along an axis with a
stride it is the source that falls into classes, each with taps of its own, and every tile reads all of them.
"""

from __future__ import annotations

from typing import NamedTuple

from .axes import PackedAxis, Phase
from .blocking import AxisBlocks


class TileAxis(NamedTuple):
    """The blocks of an axis. `starts` holds, for each tile of a block, its first packed index and its first
    position."""

    blocks: AxisBlocks
    starts: tuple[tuple[int, int], ...]
    block_extent: int  # positions of a block
    step: int  # from one position of a tile to the next
    length: int  # packed indices of a class


def classes(extent: int, dilation: int) -> int:
    """Into how many classes `extent` positions fall."""
    return min(extent, dilation)


def tiles_of_class(extent: int, dilation: int, results: int) -> int:
    """Tiles that cover the largest class.

    >>> tiles_of_class(28, 2, 4), tiles_of_class(33, 12, 4)
    (4, 1)
    """
    longest = -(-extent // dilation)
    return -(-longest // results)


def tile_axis(
    extent: int, size: int, lo: int, dilation: int, results: int, inputs: int, tiles: int, stride: int = 1
) -> TileAxis:
    """Blocks of `tiles` tiles of every class; each tile has `results` positions and reads `inputs` of the source.

    Position o reads the source at `o·stride − lo`, `o·stride − lo + dilation`, …; positions beyond `extent` read on
    (into zeros). One of dilation and stride is 1.

    >>> tile_axis(extent=10, size=10, lo=1, dilation=2, results=4, inputs=6, tiles=1).starts
    ((0, 0), (6, 1))
    """
    count = -(-tiles_of_class(extent, dilation, results) // tiles)
    length = results * (tiles - 1) + inputs
    parts = range(classes(extent, dilation))
    read = range(stride) if stride > 1 else parts
    coordinates = tuple(r + max(dilation, stride) * j - lo for r in read for j in range(length))
    starts = tuple((r * length + q * results, r + dilation * results * q) for r in parts for q in range(tiles))
    block_extent = dilation * results * tiles
    return TileAxis(_whole(coordinates, block_extent, count, size, stride), starts, block_extent, dilation, length)


def _whole(coordinates: tuple[int, ...], block_extent: int, count: int, size: int, stride: int) -> AxisBlocks:
    """Blocks all of whose packed indices are needed, the last one's too."""
    last = len(coordinates) - block_extent
    bases = tuple(sorted({*range(0, max(last, 0) + 1, block_extent), max(last, 0)}))
    phase = Phase((0,), (0,), stride, 0, count * block_extent, 1, 0)
    return AxisBlocks((phase,), PackedAxis(block_extent, stride, coordinates, (bases,)), 0, count, size)
