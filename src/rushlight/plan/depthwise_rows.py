"""Layers of few channels over images whose rows are contiguous: lanes are neighbouring positions of a row.

In: a ConvSpec (fprop or dgrad, by its role) and a `Target`. Out: a `DepthwiseRowsPlan`. Next: `kernels.depthwise_rows`
emits its kernel.

    y[c][i][t … t + lanes) = Σ over j, taps   w[c][j][tap] · x[j of c's group][row of (i, tap)][column of tap + t …]

The channels of a group are copied into the first cache with their padding, a block of rows at a time, and results leave
contiguous: nothing is transposed, and a source number that is loaded serves the taps above each other, each for a
result row of its own.
"""

from __future__ import annotations

from math import prod
from typing import NamedTuple

from ..rules.spec import ITEM_BYTES, ConvSpec
from .blocking import AxisBlocks, cut_axis
from .depthwise_channels import Axis, gather_axes, gather_groups, leaves_out
from .depthwise_channels import serves as channels_serve
from .target import Target

LEAST = 4
"""Rows of a result below which registers stay empty."""

FULL = 0.8
"""The share of a row's vectors that its positions must fill."""

TAPS = 7
"""Taps above each other that are summed from one load; their weights are in registers meanwhile."""

PIECE = 16 << 10
"""Bytes of results that a thread takes at a time, where there are enough for all."""


class DepthwiseRowsPlan(NamedTuple):
    """How one call is computed."""

    lanes: int
    rows: int  # of results, below each other, that are summed at once
    block: tuple[int, int, int]  # positions whose source is copied at once; rows are whole
    patterns: tuple[tuple[int, ...], ...]  # of taps above each other: packed indices from the first of them to each
    groups: tuple[tuple[tuple[int, ...], ...], ...]  # for each pattern, the taps (indices in the phase) of each group
    leading_dimension: int  # numbers from one row of the packed tile to the next
    piece: int  # channels of an item
    parts: int  # items that share the blocks of those channels


def serves(spec: ConvSpec, target: Target) -> bool:
    """Whether vectors along rows are the way for this spec, if rows of the source are contiguous and its channels are
    not.

    >>> serves(ConvSpec.of(8, 32, 32, (112, 112), (3, 3), padding=1, groups=32), Target.named("avx2"))
    True
    """
    if spec.rank < 2 or not _few(spec):
        return False
    axes = gather_axes(spec)
    if any(len(axis.phases) != 1 or not axis.phases[0].taps for axis in axes):
        return False
    itemsize, positions = max(4, ITEM_BYTES[spec.dtype]), axes[2].result
    lanes = row_lanes(positions, target, itemsize)
    filled = positions / (-(-positions // lanes) * lanes)
    if axes[2].phases[0].step > 1 or axes[1].result < LEAST or filled < FULL or leaves_out(spec, axes):
        return False
    least = _blocks(axes, (1, min(axes[1].result, 8), axes[2].result))
    rows = prod(len(axis.packing.coordinates) for axis in least)
    return rows * gather_groups(spec).source * itemsize <= target.l2 // 2


def _few(spec: ConvSpec) -> bool:
    """Whether channels are so few, and taps so many, that neither vectors of channels nor a product does better."""
    channel_groups = gather_groups(spec)
    if spec.taps[-2] < 2 or prod(spec.taps) < 6:  # little is summed from one load
        return False
    if channel_groups.count > 1:
        return channels_serve(spec) and channel_groups.source <= 4
    return channel_groups.result <= 4 and channel_groups.source <= (20 if channel_groups.result == 1 else 8)


def plan_depthwise_rows(spec: ConvSpec, target: Target) -> DepthwiseRowsPlan:
    """The plan for a spec that vectors along rows serve."""
    axes = gather_axes(spec)
    itemsize = max(4, ITEM_BYTES[spec.dtype])
    lanes = row_lanes(axes[2].result, target, itemsize)
    leading_dimension = _leading_dimension(_blocks(axes, (1, 1, axes[2].result))[2], lanes)
    channel_groups = gather_groups(spec)
    block = choose_block(axes, leading_dimension, target.l1 * 5 // 8 // itemsize // channel_groups.source)
    cut = _blocks(axes, block)
    block = tuple(axis.block for axis in cut)
    found = tap_groups(cut[1], TAPS)
    patterns = tuple(dict.fromkeys(pattern for pattern, _ in found))
    groups = tuple(tuple(taps for other, taps in found if other == pattern) for pattern in patterns)
    rows = tile_rows(block[1], patterns, target)
    channels, result_bytes = channel_groups.count * channel_groups.result, prod(axis.result for axis in axes) * itemsize
    wanted = 8 * max(1, target.cores)
    enough = -(-channels * spec.batch // wanted)
    piece = max(1, min(channels, enough, -(-PIECE // result_bytes)))
    piece = -(-piece // channel_groups.result) * channel_groups.result if piece > channel_groups.result // 2 else piece
    # Where images and channels are few, items share their rows; vectors longer than rows extend into the next block.
    blocks = cut[0].count * cut[1].count if axes[2].result >= lanes else 1
    parts = min(blocks, -(-wanted // (spec.batch * -(-channels // piece))))
    return DepthwiseRowsPlan(lanes, rows, block, patterns, groups, leading_dimension, piece, parts)


def row_lanes(positions: int, target: Target, itemsize: int) -> int:
    """The shortest vector that needs no more of itself for a row than the longest.

    >>> avx512 = Target.named("avx512")
    >>> row_lanes(7, avx512, 4), row_lanes(28, avx512, 4), row_lanes(56, Target.named("avx2"), 4)
    (8, 16, 8)
    """
    lanes = full = target.lanes(itemsize)
    while lanes * itemsize > 16 and -(-positions // (lanes // 2)) == -(-positions // full):
        lanes //= 2
    return lanes


def tap_groups(axis: AxisBlocks, most: int) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Taps along h whose source rows are near each other, at most so many: (packed indices from the first, taps).

    >>> from .axes import forward_phase
    >>> tap_groups(cut_axis([forward_phase(3, 1, 1, 1, 28)], 28, 28), 7)
    [((0, 1, 2), (0, 1, 2))]
    >>> tap_groups(cut_axis([forward_phase(3, 2, 1, 1, 28)], 55, 28), 7)
    [((0, 1), (0, 2)), ((0,), (1,))]
    """
    base = axis.packing.base[0]
    runs: list[list[int]] = []
    for tap in sorted(range(len(base)), key=lambda tap: base[tap]):
        if runs and base[tap] - base[runs[-1][-1]] <= 2:
            runs[-1].append(tap)
        else:
            runs.append([tap])
    found = []
    for run in runs:
        size = -(-len(run) // -(-len(run) // most))
        for taps in (tuple(run[i : i + size]) for i in range(0, len(run), size)):
            found.append((tuple(base[tap] - base[taps[0]] for tap in taps), taps))
    return found


def tile_rows(block: int, patterns: tuple[tuple[int, ...], ...], target: Target) -> int:
    """Result rows of a tile: as many as registers hold beside a group's weights, so that few are computed for nothing.

    >>> tile_rows(14, ((0, 1, 2),), Target.named("avx2")), tile_rows(28, ((0, 1, 2, 3, 4),), Target.named("avx2"))
    (7, 7)
    """
    most = target.registers - max(map(len, patterns)) - (2 if target.fma else 3)

    def cost(rows: int) -> float:
        """Cycles a tile and column of taps, times the tiles."""
        each = sum(0.5 * rows * len(p) + 0.75 * (rows + p[-1]) + 0.5 * len(p) + 2 for p in patterns)
        latency = 4 * max(map(len, patterns))  # each sum is a chain; others go on meanwhile, but not for ever
        return -(-block // rows) * max(each, latency)

    return min(range(min(block, most, 12), 0, -1), key=cost)


def choose_block(axes: list[Axis], leading_dimension: int, room: int) -> tuple[int, int, int]:
    """Positions (d, h, w) of a block, whole rows, whose packed tile has at most `room` numbers if it can."""

    def needed(d: int, h: int) -> int:
        return prod(len(axis.packing.coordinates) for axis in _blocks(axes[:2], (d, h))) * leading_dimension

    depth, height = axes[0].result, axes[1].result
    pieces = 1
    while needed(1, -(-height // pieces)) > room and -(-height // pieces) > 8:
        pieces += 1
    height = -(-height // pieces)
    pieces = 1
    while -(-depth // pieces) > 1 and needed(-(-depth // pieces), height) > room:
        pieces += 1
    return -(-depth // pieces), height, axes[2].result


def _blocks(axes: list[Axis], block: tuple[int, ...]) -> list[AxisBlocks]:
    return [cut_axis(axis.phases, axis.source, size) for axis, size in zip(axes, block)]


def _leading_dimension(axis: AxisBlocks, lanes: int) -> int:
    """Room for the packed indices of a row, and for what a vector reads or a copy writes behind them."""
    return (len(axis.packing.coordinates) + lanes - 1) // lanes * lanes + lanes
