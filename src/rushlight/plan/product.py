"""The plan of a product layer: register blocks, panels, chunks, blocks, and whether the source needs packing.

In: a ConvSpec, which kernel (fprop or dgrad), how the source lies in memory, a `Target` and a number of threads.
Out: a `ProductPlan`, from which `backends.cpu` makes the words of the kernels of `kernels.product`.

What decides the order of summation (chunks, the order of taps) follows from the layer alone. What may depend on batch
and threads (blocks, parts) only decides who computes what.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from math import prod
from typing import NamedTuple

from ..rules.spec import ConvSpec
from .axes import Phase, forward_phase, transposed_phases
from .blocking import UNIT, PackedTiles, cut_axis, lay_packed_tile, span_axis
from .target import Target
from .tiles import Segment, cost_of, row_costs, segments, tap_sets

CHUNK_ROWS, CHUNK_CHANNELS = 2400, 1024
"""Rows of a panel that are summed at a time (300 KB of a panel 32 wide, which then stays in the second cache), and
channels (so that a block of 64 positions stays there, too)."""

FEW, RUN = 2, 128
"""Blocks up to which, and numbers in a row from which, a weight is packed where it is used the first time."""

WORTH = 0.95
"""What other tiles must cost of the usual ones to be used."""


class Source(NamedTuple):
    """How the array that is read lies in memory: strides in numbers; `wide` where its numbers need no widening.

    Groups' channels follow each other, in the result too; or, where `group` says how far apart, each group's results
    are an array of their own (a batch of matrix products, without spatial axes)."""

    image: int
    channel: int
    spatial: tuple[int, ...]
    wide: bool = True
    group: int | None = None


class Axis(NamedTuple):
    """One axis of the problem: its phases, sizes, strides, and which spatial axis' taps it has (−1: none)."""

    phases: tuple[Phase, ...]
    size: int  # of the source
    extent: int  # of the result
    source: int
    result: int
    index: int

    @property
    def plain(self) -> bool:
        """Whether result t just reads source t."""
        phase = self.phases[0]
        return len(self.phases) == 1 and phase == UNIT._replace(end=self.extent) and self.size == self.extent


class Register(NamedTuple):
    """A register block: tiles of up to `heights[0]` pixels × `vectors` registers of `lanes` channels.

    With one lane, vectors run along the sum instead (`kernels.product.emit_dots`)."""

    lanes: int
    vectors: int
    heights: tuple[int, ...]

    @property
    def width(self) -> int:
        """Channels of a panel."""
        return self.lanes * self.vectors

    @property
    def dots(self) -> bool:
        """Whether vectors run along the sum."""
        return self.lanes == 1


class TapOrder(NamedTuple):
    """The taps of one combination of phases, in the order of summation: for each pair of taps of the first two axes
    all those of the third, by ascending packed indices. Entries count the taps of an axis' phase."""

    phases: tuple[int, int, int]
    pairs: tuple[tuple[int, int], ...]
    last: tuple[int, ...]
    taps: tuple[int, ...]  # as indices into the flattened taps of the weight


class ProductPlan(NamedTuple):
    """How one layer is computed; all distances in numbers."""

    kernel: str
    batch: int
    groups: int
    reduced_channels: int  # channels of a group that are reduced
    output_channels: int  # channels of a group that come out
    axes: tuple[Axis, Axis, Axis]
    packed_tiles: PackedTiles
    image: int  # the source's distance between images
    channel: int  # and between channels
    source_group: int  # and between groups
    result_group: int  # and the result's between its groups
    direct: bool
    chunk: int
    register: Register
    tail: Register
    panels: int
    parts: int
    tap_count: int
    orders: tuple[TapOrder, ...]

    @property
    def chunks(self) -> int:
        """Chunks of channels."""
        return -(-self.reduced_channels // self.chunk)

    @property
    def last(self) -> int:
        """The first channel of the last panel: moved back where it is then full, as partial vectors leave slowly. What
        two panels compute, they compute alike, and an item that has the last alone leaves it to the other's; but they
        must not add to it both."""
        behind = (self.panels - 1) * self.register.width
        moved = self.panels > 1 and self.chunks == 1 and not self.tail.dots
        return self.output_channels - self.tail.width if moved else behind

    @property
    def items(self) -> int:
        """Pieces of work."""
        return self.batch * self.packed_tiles.blocks * self.parts

    @property
    def once(self) -> bool:
        """Whether a weight that is used once is packed panel by panel where it is needed, not all before: few blocks
        need it, and a panel is read in runs that are long enough (in dgrad its channels have a large stride)."""
        run = self.tap_count * (self.reduced_channels if self.kernel == "fprop" else self.register.width)
        few = self.batch * self.packed_tiles.blocks <= FEW and all(len(axis.phases) == 1 for axis in self.axes)
        return few and run >= RUN

    @property
    def tap_index(self) -> tuple[int, ...]:
        """The index of each tap in the order of summation; taps without results come last."""
        order = [tap for phase in self.orders for tap in phase.taps]
        known = dict(zip(order, range(len(order))))
        rest = iter(range(len(order), self.tap_count))
        return tuple(known[tap] if tap in known else next(rest) for tap in range(self.tap_count))


def plan_product(spec: ConvSpec, kernel: str, source: Source, target: Target, threads: int, size: int) -> ProductPlan:
    """The plan for numbers of `size` bytes."""
    forward = kernel == "fprop"
    reduced_channels, output_channels = spec.in_channels // spec.groups, spec.out_channels // spec.groups
    if not forward:
        reduced_channels, output_channels = output_channels, reduced_channels
    batch, image, axes = problem_axes(spec, kernel, source)
    lanes = target.lanes(size)
    taps = prod(spec.taps)
    halves = spec.dtype in ("f16", "bf16")
    register, tail, panels = choose_panels(output_channels, reduced_channels * taps, axes[2], target, size)
    weights = spec.groups * panels * register.width * reduced_channels * taps * size
    chunk = reduced_channels if halves else chunk_of(reduced_channels, taps_of_result(axes), lanes)
    direct = is_direct(axes, source, output_channels, size, lanes)
    packed_tiles = choose_packed_tiles(
        axes, batch, chunk, spec.groups * panels, register.heights[0], target, threads, size
    )
    parts = parts_of(batch * packed_tiles.blocks, spec.groups * panels, threads, weights, target)
    order = tuple(tap_orders(spec.taps, axes, packed_tiles))
    groups = reduced_channels * source.channel, output_channels
    if source.group is not None:
        groups = source.group, output_channels * spec.batch
    return ProductPlan(
        kernel, batch, spec.groups, reduced_channels, output_channels, axes, packed_tiles, image, source.channel,
        *groups, direct, chunk,
        register, tail, panels, parts, taps, order,
    )  # fmt: skip


# -------------------------------------------------------------------- axes


def problem_axes(spec: ConvSpec, kernel: str, source: Source) -> tuple[int, int, tuple[Axis, Axis, Axis]]:
    """The batch, its stride in the source, and three axes: plain ones that follow each other in memory are one."""
    sizes, extents = (spec.size, spec.out) if kernel == "fprop" else (spec.out, spec.size)
    channels = spec.out_channels if kernel == "fprop" else spec.in_channels
    if source.group is not None:
        channels //= spec.groups
    result = [channels * prod(extents[i + 1 :]) for i in range(spec.rank)]
    axes = [
        Axis(axis_phases(spec, kernel, i), sizes[i], extents[i], source.spatial[i], result[i], i)
        for i in range(spec.rank)
    ]
    axes = longest_last(merge_plain(axes))
    images = plain_axis(spec.batch, source.image, channels * prod(extents))
    merged = merge_plain([images, *axes])
    if len(merged) > 1 and merged[0] == images:
        batch, stride, rest = spec.batch, source.image, merged[1:]
    else:
        batch, stride, rest = 1, 0, merged
    unit = Axis((UNIT,), 1, 1, 0, 0, -1)
    return batch, stride, tuple([unit] * (3 - len(rest)) + rest)


def plain_axis(size: int, source: int, result: int) -> Axis:
    """An axis without taps."""
    return Axis((UNIT._replace(end=size),), size, size, source, result, -1)


def axis_phases(spec: ConvSpec, kernel: str, i: int) -> tuple[Phase, ...]:
    """The phases of spatial axis i."""
    steps = spec.taps[i], spec.stride[i], spec.dilation[i], spec.padding[i][0]
    if kernel == "fprop":
        return (forward_phase(*steps, spec.out[i]),)
    return transposed_phases(*steps, spec.size[i])


def merge_plain(axes: list[Axis]) -> list[Axis]:
    """Neighbouring plain axes as one, where the strides of source and result allow it."""
    merged = axes[:1]
    for axis in axes[1:]:
        before = merged[-1]
        if before.plain and axis.plain and axis.extent == 1:
            continue
        follows = before.source == axis.source * axis.extent and before.result == axis.result * axis.extent
        if before.plain and axis.plain and (follows or before.extent == 1):
            merged[-1] = plain_axis(before.extent * axis.extent, axis.source, axis.result)
        else:
            merged.append(axis)
    return merged


def longest_last(axes: list[Axis]) -> list[Axis]:
    """Tiles run along the last axis: where it is very short, it is exchanged with the longest."""
    lengths = [row_length(axis) for axis in axes]
    if axes and lengths[-1] < 4 and max(lengths) >= 2 * lengths[-1]:
        long = lengths.index(max(lengths))
        axes[-1], axes[long] = axes[long], axes[-1]
    return axes


def row_length(axis: Axis) -> int:
    """Results of one phase along an axis."""
    return -(-axis.extent // axis.phases[0].target_step)


def is_direct(axes: tuple[Axis, ...], source: Source, output_channels: int, size: int, lanes: int) -> bool:
    """Whether microkernels read the source where it is: channels are neighbours, and no padding is read.

    Pixels at large strides share few sets of the first cache, and a tile of them is more streams from memory than the
    machine prefetches; then a copy is cheaper, if there is enough to be done with it. Tiles of short vectors are 6
    pixels, which prefetch for themselves."""
    step = axes[2].source * axes[2].phases[0].step * size
    near = step < 1024 or (step % 2048 != 0 and output_channels <= 32) or axes[2].extent == 1
    near = near or (lanes * size < 64 and output_channels <= 2048 and axes[2].phases[0].step == 1)
    inside = all(
        0 <= phase.step * t + offset < axis.size
        for axis in axes
        for phase in axis.phases
        for offset in phase.offsets
        for t in (phase.begin, phase.end - 1)
    )
    return source.wide and source.channel == 1 and inside and near


def tap_orders(taps: tuple[int, ...], axes: tuple[Axis, ...], packed_tiles: PackedTiles) -> list[TapOrder]:
    """For each combination of phases, the last axis fastest."""
    steps = [prod(taps[axis.index + 1 :]) if axis.index >= 0 else 0 for axis in axes]
    found = []
    for phases in product(*(range(len(axis.phases)) for axis in axes)):
        ds, hs, ws = (
            sorted(range(len(axis.phases[p].taps)), key=blocks.packing.base[p].__getitem__)
            for axis, blocks, p in zip(axes, packed_tiles.axes, phases)
        )
        # The order is that of the layer's axes, even where two of them are exchanged.
        transposed = axes[0].index > axes[1].index >= 0
        pairs = [(d, h) for h in hs for d in ds] if transposed else [(d, h) for d in ds for h in hs]
        numbers = [
            sum(axis.phases[p].taps[j] * step for axis, p, j, step in zip(axes, phases, (d, h, w), steps))
            for d, h in pairs
            for w in ws
        ]
        found.append(TapOrder(phases, tuple(pairs), tuple(ws), tuple(numbers)))
    return found


# -------------------------------------------------------------------- sizes


def taps_of_result(axes: tuple[Axis, ...]) -> int:
    """The most taps that one result has."""
    return prod(max(len(phase.taps) for phase in axis.phases) for axis in axes)


def chunk_of(channels: int, taps: int, lanes: int) -> int:
    """Channels summed at a time: whole vectors, chunks of nearly the same size.

    >>> chunk_of(512, 9, 16), chunk_of(3, 49, 16), chunk_of(2048, 1, 16)
    (256, 3, 1024)
    """
    most = max(lanes, min(CHUNK_ROWS // max(taps, 1), CHUNK_CHANNELS))
    if channels <= most:
        return channels
    count = -(-channels // most)
    return -(-channels // count // lanes) * lanes


def choose_panels(
    output_channels: int, rows: int, axis: Axis, target: Target, size: int
) -> tuple[Register, Register, int]:
    """The register block of all panels, that of the last one, and how many panels cover `output_channels` channels.

    Rows that leave much of the usual tiles empty (7 results of tiles of 6) have lower and wider ones. Dot products sum
    in an order of their own, and images that follow each other are one row: layers with dot products keep the usual
    tiles, or their bits would depend on the batch."""
    found = [panels_of(output_channels, rows, target, size, widest) for widest in widest_blocks(target, size)]
    if len(found) == 1 or any(tail.dots for _, tail, _ in found):
        return found[0]
    sets = [tap_sets(phase, axis.size) for phase in axis.phases]
    usual, other = (row_price(sets, *panels, size) for panels in found)
    return found[1] if other < WORTH * usual else found[0]


def panels_of(
    output_channels: int, rows: int, target: Target, size: int, widest: Register
) -> tuple[Register, Register, int]:
    """The same for panels of the `widest` block.

    Up to three channels left over, of long sums, are dot products: vectors along k waste nothing then."""
    blocks = [block for block in register_blocks(target, size) if block.width <= widest.width]
    panels = -(-output_channels // widest.width)
    left = output_channels - (panels - 1) * widest.width
    tail = next(block for block in blocks if block.width >= left)
    if left <= 3 and rows >= 4 * target.lanes(size):
        tail = Register(1, left, (8, 4, 2, 1) if target.registers >= 32 else _DOT_HEIGHTS[left])
    return (tail if panels == 1 else widest), tail, panels


_DOT_HEIGHTS = {1: (8, 4, 2, 1), 2: (6, 3, 2, 1), 3: (3, 2, 1)}
"""Heights of dot tiles in 16 registers, by their channels."""


def row_price(sets: list[list[Segment]], register: Register, tail: Register, panels: int, size: int) -> float:
    """What a row of results of all panels costs, in cycles a reduced channel, for the tap sets of its phases."""
    price = 0.0
    for block, count in ((register, panels - 1), (tail, 1)):
        costs = row_costs(block.heights, tile_cycles(block, size))
        for phase in sets:
            pieces = segments(phase, costs, block.heights[0])
            price += count * sum(cost_of(p.end - p.begin, costs, block.heights[0]) * len(p.taps) for p in pieces)
    return price


def widest_blocks(target: Target, size: int) -> list[Register]:
    """The blocks of panels that are not the last: of two vectors, and of three where those make lower tiles."""
    return [b for b in register_blocks(target, size) if b.lanes == target.lanes(size) and b.vectors > 1]


def register_blocks(target: Target, size: int) -> list[Register]:
    """Register blocks by ascending width."""
    lanes = target.lanes(size)
    shapes = [(lanes, 1), (lanes, 2)]
    if lanes * size >= 32:
        shapes += [(lanes // 2, 1), (lanes // 2, 3)]
    if lanes * size == 32:
        shapes += [(lanes, 3)]
    found = []
    for width, vectors in sorted(shapes, key=lambda shape: shape[0] * shape[1]):
        spare = 1 if target.fma else 2
        most = min(12 if target.isa == "neon" else 14, (target.registers - vectors - spare) // vectors)
        heights = sorted({most, most // 2 + 1, most // 2, 4, 2, 1} - {0}, reverse=True)
        found.append(Register(width, vectors, tuple(h for h in heights if h <= most)))
    return found


def tile_cycles(register: Register, size: int) -> list[float]:
    """What one k of a tile of each height takes: multiplying, loading, or waiting for the previous sum."""
    if register.dots:
        return [height * register.vectors + 0.5 for height in register.heights]
    share = register.lanes * size / 64
    return [
        max(height * register.vectors * max(share, 0.5), (height + register.vectors) / 2, 4.0) + 0.3
        for height in register.heights
    ]


def choose_packed_tiles(
    axes: tuple[Axis, ...], batch: int, chunk: int, units: int, height: int, target: Target, threads: int, size: int
) -> PackedTiles:
    """Blocks whose packed tile fits into the second cache, large enough to use the weights often, and enough of them;
    rows are cut into whole tiles of `height`."""
    extents = [span_axis(axis.phases) for axis in axes]
    block = [1, 1, min(extents[2], 256)]
    budget = target.l2 * 3 // 8
    lanes = target.lanes(size)
    as_they_are = False, False, keeps_order(axes[2], chunk, lanes)

    def tiles_of_block(block: list[int]) -> PackedTiles:
        sized = zip(axes, block, as_they_are, (1, 1, height))
        cut = [cut_axis(axis.phases, axis.size, b, kept, multiple) for axis, b, kept, multiple in sized]
        return lay_packed_tile(cut, chunk, lanes, size)

    def fits(block: list[int]) -> bool:
        return tiles_of_block(block).size * size <= budget

    while block[2] > 28 and not fits(block):
        block[2] = max(28, -(-block[2] // 2))
    enough = items_wanted(batch, extents, threads)
    while (
        block[2] > 28 and threads > 1 and batch * units * -(-extents[2] // block[2]) * prod(extents[:2]) < 4 * threads
    ):
        block[2] = max(28, -(-block[2] // 2))
    for i in (1, 0):
        best = block[i]
        while best < extents[i] and prod(block) < 4096:
            block[i] = min(extents[i], best + max(1, best // 2))
            if not fits(block) or not enough(block):
                break
            best = block[i]
        block[i] = best
    return tiles_of_block(block)


def keeps_order(axis: Axis, channels: int, lanes: int) -> bool:
    """Whether all taps of a row with a stride should be one run of neighbouring packed indices, as their channels are
    few."""
    phase = axis.phases[0]
    if not 1 < phase.step < len(phase.offsets):
        return False
    return channels < lanes and phase.offsets == tuple(range(phase.offsets[0], phase.offsets[-1] + 1))


def items_wanted(batch: int, extents: list[int], threads: int) -> Callable[[list[int]], bool]:
    """A test whether blocks of a size leave enough work to share; small blocks may always grow to 64 results."""

    def enough(block: list[int]) -> bool:
        blocks = prod(-(-extent // b) for extent, b in zip(extents, block))
        return threads == 1 or prod(block) <= 64 or batch * blocks >= 8 * threads

    return enough


def parts_of(items: int, units: int, threads: int, weights: int, target: Target) -> int:
    """Into how many ranges of panels the work of a block is split: all threads have some, and weights that would fill
    an eighth of the last cache, which others use too, are read in pieces of half of that, each for all blocks."""
    pieces = -(-16 * weights // target.l3) if 8 * weights >= target.l3 and items > 1 else 1
    if threads > 1 and items < 4 * threads:
        pieces = max(pieces, -(-4 * threads // items))
    return max(1, min(units, pieces))
