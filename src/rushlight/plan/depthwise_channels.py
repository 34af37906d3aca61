"""Convolutions whose groups have few channels: every lane of a vector is a result channel of its own.

In: a ConvSpec (fprop or dgrad, by its role) and a `Target`. Out: a `DepthwiseChannelsPlan`. Next:
`kernels.depthwise_channels` emits its kernel.

    y[pixel, c] = Σ over taps, j   w[tap, j, c] · x[pixel at tap, source channel j of c's group]

With one channel a group (depthwise) the source's channels are the result's, and a channels-last array is read where it
is, rows of taps at a time. Everything else is packed into packed tiles first, in which lane c holds channel j of its
group.
"""

from __future__ import annotations

from math import prod
from typing import NamedTuple

from ..rules.spec import ITEM_BYTES, ConvSpec
from .axes import Phase, forward_phase, interior, results_inside, transposed_phases
from .blocking import UNIT
from .target import Target

MOST = 8
"""Channels a group, of source or result, up to which lanes are the better way."""

ITEMS = 16
"""Pieces of work wanted."""


class Axis(NamedTuple):
    """One axis of the gather: its phases, and the sizes of source and result."""

    phases: tuple[Phase, ...]
    source: int
    result: int


class DepthwiseChannelsPlan(NamedTuple):
    """How one call is computed. A panel has `unroll` tiles of `vectors · lanes` lanes, of which `useful` are result
    channels; `tiles` are the numbers of pixels that tiles hold, the greatest first; `block` the positions packed at
    once."""

    in_place: bool
    lanes: int
    vectors: int
    unroll: int
    useful: int
    panels: int
    tiles: tuple[int, ...]
    block: tuple[int, int, int]
    skips: bool  # taps outside the source, instead of multiplying their zeros
    broadcast: int  # source channels of a group, which registers broadcast over its lanes; 0 where packed tiles do

    @property
    def width(self) -> int:
        """Lanes of a panel."""
        return self.vectors * self.lanes * self.unroll


class Groups(NamedTuple):
    """Channels of the gather: groups, and channels of source and result in each."""

    count: int
    source: int
    result: int

    @property
    def identity(self) -> bool:
        """Whether channel c of the result reads channel c of the source, and only that."""
        return self.source == 1 and self.result == 1

    def broadcast(self, lanes: int) -> int:
        """How many channels of a group lie in a register of source channels below the lanes of the group's results,
        from where each is broadcast over them; 0 where channels and lanes do not match, so that packed tiles must be
        widened.

        >>> Groups(64, 1, 1).broadcast(8), Groups(32, 4, 4).broadcast(8), Groups(32, 4, 2).broadcast(8)
        (1, 4, 0)
        """
        return self.source if self.source == self.result and lanes % self.source == 0 else 0


def serves(spec: ConvSpec) -> bool:
    """Whether lanes are the way for this spec."""
    cig, cog = spec.in_channels // spec.groups, spec.out_channels // spec.groups
    return spec.groups > 1 and spec.rank > 0 and (max(cig, cog) <= MOST)


def gather_groups(spec: ConvSpec) -> Groups:
    """The channels of the gather that `spec.role` asks for."""
    cig, cog = spec.in_channels // spec.groups, spec.out_channels // spec.groups
    return Groups(spec.groups, cog, cig) if spec.role == "dgrad" else Groups(spec.groups, cig, cog)


def gather_axes(spec: ConvSpec) -> list[Axis]:
    """Three axes of the gather that `spec.role` asks for; those that are missing come first."""
    axes = []
    rows = zip(spec.taps, spec.stride, spec.dilation, spec.padding, spec.size, spec.out)
    for taps, stride, dilation, (lo, _), size, out in rows:
        if spec.role == "dgrad":
            axes.append(Axis(transposed_phases(taps, stride, dilation, lo, size), out, size))
        else:
            axes.append(Axis((forward_phase(taps, stride, dilation, lo, out),), size, out))
    return [Axis((UNIT,), 1, 1)] * (3 - len(axes)) + axes


def plan_depthwise_channels(spec: ConvSpec, target: Target, channels_last: bool) -> DepthwiseChannelsPlan:
    """The plan for a spec; `channels_last`: the source's channels are neighbours."""
    groups, axes = gather_groups(spec), gather_axes(spec)
    channels = groups.count * groups.result
    itemsize = max(4, ITEM_BYTES[spec.dtype])
    lanes = best_lanes(channels, groups.result, target, itemsize)
    in_place = channels_last and groups.identity and channels >= lanes and reads_in_place(spec, axes[2], target)
    # Two vectors: of memory, to read more at a time; of a narrow packed tile, to have more sums under way.
    skips = not in_place and leaves_out(spec, axes)
    narrow = skips or axes[2].result // max(1, len(axes[2].phases)) < 10
    wide = (in_place or narrow) and target.registers > 16
    # Results leave in whole cache lines, or two threads write to the halves of one.
    lines = not in_place and not skips and lanes * itemsize < 64 and groups.source == 1
    vectors = 2 if (wide or lines) and channels >= 2 * lanes else 1
    vectors = max(vectors, -(-groups.result // lanes))
    unroll = 1 if groups.source == 1 else unroll_of_lines(vectors * lanes, itemsize, channels)
    width = vectors * lanes * unroll
    useful = width if groups.result == 1 else width // groups.result * groups.result
    broadcast = groups.broadcast(lanes)
    held = 2 * broadcast if 1 < broadcast < lanes else 1  # a group's weights, and what its channels are broadcast in
    tiles = tile_sizes(axes[2], vectors, target, in_place, held)
    panels = -(-channels // useful)
    block = choose_block(spec, axes, width * itemsize * packed_copies(groups, lanes), panels, target)
    sizes = tiles[1:] if skips else tiles
    return DepthwiseChannelsPlan(in_place, lanes, vectors, unroll, useful, panels, sizes, block, skips, broadcast)


def unroll_of_lines(lanes: int, itemsize: int, channels: int) -> int:
    """How many tiles of so many lanes make a cache line, where there are as many channels.

    >>> unroll_of_lines(8, 4, 64), unroll_of_lines(8, 4, 12), unroll_of_lines(16, 4, 64)
    (2, 1, 1)
    """
    unroll = max(1, 64 // (lanes * itemsize))
    while unroll * lanes > channels and unroll > 1:
        unroll //= 2
    return unroll


def packed_copies(groups: Groups, lanes: int) -> int:
    """How many packed tiles of whole panels are held: the packed one, and one more for each channel that is widened."""
    return 1 if groups.broadcast(lanes) else 1 + groups.source


def leaves_out(spec: ConvSpec, axes: list[Axis]) -> bool:
    """Whether so many long rows of taps fall on padding that it pays to leave those out one by one."""
    return spec.taps[-1] >= 8 and share_inside(axes) < 0.9


def share_inside(axes: list[Axis]) -> float:
    """Which share of (result, tap) pairs is inside the source, not its padding; counted along the last two axes.

    >>> round(share_inside([Axis((forward_phase(3, 1, 1, 1, 3),), 3, 3)] * 3), 2)
    0.6
    """
    share = 1.0
    for axis in axes[1:]:
        total = sum((p.end - p.begin) * len(p.offsets) for p in axis.phases)
        found = sum(len(range(*results_inside(p, o, axis.source))) for p in axis.phases for o in p.offsets)
        share *= found / total if total else 1.0
    return share


def best_lanes(channels: int, result: int, target: Target, itemsize: int) -> int:
    """The vector length that wastes the fewest lanes; the longest one of equals."""
    lanes = full = target.lanes(itemsize)
    best, cost = full, float("inf")
    while lanes * itemsize >= 16 and lanes >= result:
        useful = lanes // result * result
        if useful:
            price = -(-channels // useful) * lanes * (1.0 if lanes == full else 1.1)
            if price < cost:
                best, cost = lanes, price
        lanes //= 2
    return best


def reads_in_place(spec: ConvSpec, axis: Axis, target: Target) -> bool:
    """Whether reading in place pays. Each row of taps widens halves again, for which there must be instructions, or
    registers to spare."""
    return is_mostly_interior(axis) and (spec.dtype not in ("f16", "bf16") or target.half)


def is_mostly_interior(axis: Axis) -> bool:
    """Whether reading in place pays: few taps a row, few phases, and few results at the borders."""
    if len(axis.phases) > 4 or max(len(phase.taps) for phase in axis.phases) > 8:
        return False
    inside = sum(end - begin for begin, end in (interior(phase, axis.source) for phase in axis.phases))
    return 2 * inside >= axis.result and axis.result - inside <= 16


def tile_sizes(axis: Axis, vectors: int, target: Target, in_place: bool, held: int = 1) -> tuple[int, ...]:
    """Pixels a tile, from as many as registers hold down to one.

    In place a row's weights take registers, and what is left between borders is rarely a multiple of anything: 8, 5, 3
    lose little on any width. A packed tile has no borders, and `held` registers at a time besides its sums."""
    taps = max(len(phase.taps) for phase in axis.phases) if in_place else held
    # One for the source, two where it is multiplied separately; without operands in memory more are on their way at
    # once.
    spare = {"x86-64": 2, "neon": 4}.get(target.isa, 1)
    most = max(1, (target.registers - spare - taps * vectors) // vectors)
    return tuple(size for size in ((8, 5, 3, 2, 1) if in_place else (14, 7, 6, 4, 2, 1)) if size <= most)


def choose_block(
    spec: ConvSpec, axes: list[Axis], pixel_bytes: int, panels: int, target: Target
) -> tuple[int, int, int]:
    """Positions (d, h, w) of a block whose packed tile stays in the second cache, and enough of them to share out."""
    extents = [max(p.end for p in a.phases) - min(p.begin for p in a.phases) for a in axes]
    room = max(64, target.l2 // 4 // pixel_bytes)
    block = [1, 1, 1]
    for axis in (2, 1, 0):
        pieces = 1
        while True:
            block[axis] = -(-extents[axis] // pieces)
            if block[axis] == 1 or prod(_needed(a, b) for a, b in zip(axes, block)) <= room:
                break
            pieces += 1
    while prod(-(-e // b) for e, b in zip(extents, block)) * panels * spec.batch < ITEMS:
        axis = max(range(3), key=lambda i: block[i])
        if block[axis] < 4:
            break
        block[axis] = -(-block[axis] // 2)
    return tuple(block)


def _needed(axis: Axis, block: int) -> int:
    """Source coordinates that a block needs, at most."""
    offsets = {offset for phase in axis.phases for offset in phase.offsets} or {0}
    return (block - 1) * axis.phases[0].step + max(offsets) - min(offsets) + 1


# -------------------------------------------------------------------- weight gradient


class DepthwiseChannelsWgradPlan(NamedTuple):
    """How one weight gradient is computed. Packed, `group` taps are summed at once; in place, `rows` rows of taps."""

    in_place: bool
    y_packed: bool
    lanes: int
    vectors: int
    useful: int
    panels: int
    panel_group: int
    group: int
    rows: int
    block: tuple[int, int, int]
    chunks: int
    broadcast: int  # see LanePlan; a group of taps is then `group // broadcast` of them

    @property
    def width(self) -> int:
        """Lanes of a panel."""
        return self.vectors * self.lanes


def plan_depthwise_channels_wgrad(
    spec: ConvSpec, target: Target, channels_last: tuple[bool, bool]
) -> DepthwiseChannelsWgradPlan:
    """The plan for a spec (of role fprop); `channels_last`: x, y have neighbouring channels."""
    groups, axes = gather_groups(spec), gather_axes(spec)
    channels = groups.count * groups.result
    itemsize = max(4, ITEM_BYTES[spec.dtype])
    lanes = best_lanes(channels, groups.result, target, itemsize)
    in_place = all(channels_last) and groups.identity and channels >= lanes and reads_in_place(spec, axes[2], target)
    # Whole cache lines are read where a row of taps leaves room for the sums of two vectors.
    taps, lines = spec.taps[-1], lanes * itemsize < 64 and target.fma
    pair = taps < 4 or (lines and 2 * (taps + 1) <= target.registers)
    vectors = 2 if in_place and pair and channels >= 2 * lanes else 1
    vectors = max(vectors, -(-groups.result // lanes))
    width = vectors * lanes
    useful = width if groups.result == 1 else width // groups.result * groups.result
    panels = -(-channels // useful)
    wide = itemsize == ITEM_BYTES[spec.dtype]
    y_packed = not (wide and channels_last[1] and useful == width and channels % width == 0)
    sums = prod(spec.taps) * groups.source
    room = target.registers - (7 if target.fma else 8)
    most = max(1, min(9, room // vectors))  # each tap has an address in a register, too
    group = -(-sums // -(-sums // most))
    broadcast = groups.broadcast(lanes)
    if broadcast > 1:  # taps share an address, the last group may repeat some
        taps = max(1, (target.registers - 4) // (vectors * broadcast))
        group = broadcast * -(-prod(spec.taps) // -(-prod(spec.taps) // taps))
    rows = max(1, min((1, 1, *spec.taps)[-2], room // (vectors * spec.taps[-1])))
    if in_place:
        block = rows_in_cache(axes, width * itemsize, target)
    else:
        pixel = 2 * width * itemsize * packed_copies(groups, lanes)
        block = choose_block(spec._replace(batch=ITEMS), axes, pixel, panels, target)
    blocks = spec.batch * prod(-(-axis.result // b) for axis, b in zip(axes, block))
    # Chunks cost a pass over their sums, groups of panels cost reading memory in pieces: chunks while they are cheap.
    cheap = (prod(spec.x_shape) + prod(spec.y_shape)) // (64 * panels * sums * width)
    chunks = max(1, min(blocks, ITEMS, cheap))
    panel_group = max(1, panels * chunks // ITEMS) if in_place else 1
    return DepthwiseChannelsWgradPlan(
        in_place, y_packed, lanes, vectors, useful, panels, panel_group, group, rows, block, chunks, broadcast
    )


def rows_in_cache(axes: list[Axis], pixel_bytes: int, target: Target) -> tuple[int, int, int]:
    """Blocks of whole rows (pieces of very long ones) whose x and y stay near over the taps."""
    width = min(axes[2].result, 512)
    row = pixel_bytes * width * (1 + axes[2].phases[0].step)
    return 1, max(1, min(axes[1].result, target.l2 // 8 // row)), width
