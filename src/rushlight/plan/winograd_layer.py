"""The plan of a layer that runs by Winograd's algorithm, or why it does not.

In: a ConvSpec, which kernel (fprop or dgrad), a `Target` and a number of threads. Out: a `WinogradPlan`, from which
`backends.cpu.winograd` makes the words of the kernels of `kernels.winograd_loops`; or a sentence.

A transposed layer's results fall into phases (`plan.axes`), each of which is a layer of stride 1 with taps of its own
and is planned as one. The source of a layer with a stride falls into classes, each with taps of its own, which are
summed like the depths of a 3-D layer. Whether a layer runs so, and the order of its sums, follow from the layer and
its spatial size; batch and threads only decide how tiles are grouped.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import prod
from typing import NamedTuple

from ..rules.in_bounds import in_bounds
from ..rules.spec import ConvSpec
from .axes import forward_phase, transposed_phases
from .blocking import AxisBlocks, PackedTiles, cut_axis
from .product import FEW, register_blocks
from .target import Target
from .tiling import TileAxis, classes, tile_axis, tiles_of_class
from .winograd import Tiling, Winograd, tile, winograd

INPUTS = {1: 8, 2: 6}
"""Inputs of a tile along an axis, by the number of transformed axes. Errors grow with it: 36 points a tile of an image
leave 1e-6 to 2e-6 in the norm, 8 points a tile of a line 1e-6."""

FEWER, LARGE_BYTES = {1: 8, 2: 4}, 32 << 20
"""Inputs of tiles where one tile would cover an image and its transformed weights were larger than this: smaller tiles
multiply more, but a few images read fewer weights (16 instead of 36 for 9)."""

TAPS = {1: range(2, 8), 2: range(2, 6)}
"""Taps along a transformed axis."""

FILTER_BYTES = 64 << 20
"""Transformed weights may take this much, kept or not; they are four times the weight."""


GAIN, STRIDED_GAIN = 1.15, 1.5
"""From which gain by count Winograd's algorithm is used; the classes of a layer with a stride take more memory traffic
than is counted (1.2 to 1.3 by count were 0.9 by the clock)."""

CLASSES = 64
"""Dilated axes fall into classes; the tiles of all of them are done together, so there must not be many."""


MANY = 28
"""Tiles of an item from which weights that few items need are transformed at every use."""


class Line(NamedTuple):
    """One axis of one phase: result u reads the source at `u − low`, `u − low + dilation`, …, with the taps
    `first`, `first + tap_step`, … of the weight, and lies at `start + u·step` of the result."""

    taps: int
    dilation: int
    size: int
    extent: int
    low: int
    first: int = 0
    tap_step: int = 1
    step: int = 1
    start: int = 0
    stride: int = 1  # of the source; `taps` are then those of each of its classes
    kernel: int = 0  # all taps

    @property
    def least(self) -> int:
        """The taps of the class that has the fewest."""
        return self.kernel // self.stride if self.stride > 1 else self.taps

    @property
    def pairs(self) -> int:
        """The (result, tap) pairs inside the source: the direct sum leaves out the others."""
        offsets = (k * self.dilation - self.low for k in range(self.kernel or self.taps))
        return sum(len(range(*in_bounds(offset, self.stride, self.size, 0, self.extent))) for offset in offsets)


class PhasePlan(NamedTuple):
    """How one phase of a layer is computed; all distances in numbers."""

    lines: tuple[Line, Line, Line]
    rows: Winograd
    columns: Winograd
    packed_tiles: PackedTiles
    images: int  # of an item
    tiles: tuple[TileAxis, TileAxis]  # along rows and columns
    vectors: int
    heights: tuple[int, ...]
    panels: int  # of a group
    parts: int

    @property
    def extents(self) -> tuple[int, ...]:
        """Results of the phase along each axis."""
        return tuple(line.extent for line in self.lines)

    @property
    def classes(self) -> int:
        """Classes of the source."""
        return prod(line.stride for line in self.lines)

    @property
    def depth_taps(self) -> int:
        """What is summed one by one: taps of the first axis, or classes of the source."""
        return self.lines[0].taps * self.classes

    def once(self, batch: int) -> bool:
        """Whether weights that are used once are transformed panel by panel where they are needed: few blocks of
        images do."""
        return -(-batch // self.images) * self.packed_tiles.blocks <= FEW

    @property
    def kept(self) -> bool:
        """Whether those are kept from the second use on. Where an item has many tiles, transforming them anew is a few
        hundredths of its time, and kept they are up to four times the weight."""
        return self.images * prod(len(axis.starts) for axis in self.tiles) < MANY

    @property
    def points(self) -> int:
        """Multiplications a tile and channel pair, of all depth taps."""
        return self.rows.inputs * self.columns.inputs * self.depth_taps


class WinogradPlan(NamedTuple):
    """How one layer is computed."""

    kernel: str
    groups: int
    reduced_channels: int  # channels of a group that are reduced
    output_channels: int  # channels of a group that come out
    order: tuple[int, int, int]  # which of the layer's three axes each line is
    phases: tuple[PhasePlan, ...]


def plan_winograd(spec: ConvSpec, kernel: str, target: Target, threads: int) -> WinogradPlan | str:
    """The plan, or the reason why another algorithm is better."""
    reason = refusal_of_layer(spec, kernel)
    if reason:
        return reason
    reduced_channels, output_channels = spec.in_channels // spec.groups, spec.out_channels // spec.groups
    reduced_channels, output_channels = (
        (reduced_channels, output_channels) if kernel == "fprop" else (output_channels, reduced_channels)
    )
    if min(*spec.size, *spec.out) < 1:
        return "there are no results"
    order = order_of(spec)
    phases = [tuple(lines[i] for i in order) for lines in lines_of(spec, kernel)]
    forms = [_forms(lines, spec.groups * reduced_channels * output_channels) for lines in phases]
    direct = winograd_ = 0.0
    for lines, form in zip(phases, forms):
        before, after = _cycles(lines, form, reduced_channels, output_channels, target)
        direct, winograd_ = direct + before, winograd_ + after
    if not direct:
        return "no tap is inside the source: nothing is multiplied"
    gain = direct / winograd_
    if gain < (STRIDED_GAIN if any(line.stride > 1 for line in phases[0]) else GAIN):
        return f"Winograd's multiplications and transforms are {1 / gain:.2f} of the direct sum's: too little is gained"
    plans = tuple(
        _plan_phase(spec, *phase, reduced_channels, output_channels, target, threads) for phase in zip(phases, forms)
    )
    if 4 * spec.groups * reduced_channels * output_channels * sum(plan.points for plan in plans) > FILTER_BYTES:
        return "the transformed weights would take too much memory"
    return WinogradPlan(kernel, spec.groups, reduced_channels, output_channels, order, plans)


def lines_of(spec: ConvSpec, kernel: str) -> list[tuple[Line, Line, Line]]:
    """The three lines of each phase; axes that are missing come first.

    >>> [line[2][:2] + line[2][5:9] for line in lines_of(ConvSpec.of(1, 8, 8, (9,), (3,), stride=2), "dgrad")]
    [(2, 1, 2, -2, 2, 0), (1, 1, 1, -2, 2, 1)]
    """
    axes: list[list[Line]] = [[Line(1, 1, 1, 1, 0)] for _ in range(3 - spec.rank)]
    for taps, stride, dilation, (lo, _), size, out in zip(
        spec.taps, spec.stride, spec.dilation, spec.padding, spec.size, spec.out
    ):
        if kernel == "fprop":
            each = -(-taps // stride)
            axes.append([Line(each, dilation if taps > 1 else 1, size, out, lo, stride=stride, kernel=taps)])
            continue
        axes.append([
            Line(
                len(p.taps), dilation if len(p.taps) > 1 else 1, out, p.end - p.begin, -(p.begin + p.offsets[-1]),
                p.taps[-1], -stride, p.target_step, p.target_step * p.begin + p.target_start,
            )
            for p in transposed_phases(taps, stride, dilation, lo, size)
        ])  # fmt: skip
    return list(product(*axes))


def order_of(spec: ConvSpec) -> tuple[int, int, int]:
    """Three axes, those with taps last where the layer's last has none; missing axes come first.

    >>> order_of(ConvSpec.of(1, 16, 16, (8, 9, 9), (3, 1, 1))), order_of(ConvSpec.of(1, 16, 16, (8, 9), (1, 3)))
    ((1, 2, 0), (0, 1, 2))
    """
    taps = (1,) * (3 - spec.rank) + spec.taps
    return (0, 1, 2) if taps[2] > 1 else tuple(sorted(range(3), key=lambda i: taps[i] > 1))


def refusal_of_layer(spec: ConvSpec, kernel: str) -> str:
    """Why the layer's rules exclude it; empty where they do not."""
    order = (0, 1, 2) if kernel == "wgrad" else order_of(spec)
    moving = [i - 3 + spec.rank for i in order[1:] if i - 3 + spec.rank >= 0]
    if spec.dtype not in ("f32", "f16", "bf16"):
        return "Winograd serves float32 and what is computed as float32"
    strides = spec.stride
    if any(step != 1 for step in strides):
        if kernel == "wgrad" or any(s > 1 and d > 1 for s, d in zip(strides, spec.dilation)):
            return "Winograd serves strides of layers without dilation, and not for the gradient of the weight"
        if kernel == "fprop" and (spec.rank > 2 or order != (0, 1, 2)):
            return "Winograd serves strides of one and two axes"
        if any(taps < step for taps, step in zip(spec.taps, strides)):
            return "some positions have no taps"
    taps = [-(-spec.taps[i] // strides[i]) for i in moving]
    moved = [count for count in taps if count > 1]
    if not moved or taps[-1] == 1 or any(count not in TAPS[len(moved)] for count in moved):
        return "Winograd serves 2 to 5 taps along two axes, 2 to 7 along one alone"
    if prod(spec.dilation[i] for i in moving if spec.taps[i] > 1) > CLASSES:
        return "dilation splits the positions into too many classes"
    if min(spec.in_channels, spec.out_channels) // spec.groups < 16:
        return "Winograd serves groups of 16 channels and more"
    return ""


def forms_of(lines: Sequence[tuple[int, int, int]], inputs: dict[int, int] = INPUTS) -> list[tuple[int, int]]:
    """Results and taps of a tile along the last two axes, given as (taps, dilation, extent): the tiles that multiply
    least often; the largest of equals.

    >>> forms_of(((3, 1, 56), (3, 1, 56))), forms_of(((3, 12, 33), (3, 1, 9))), forms_of(((1, 1, 5), (7, 1, 90)))
    ([(4, 3), (4, 3)], [(3, 3), (3, 3)], [(1, 1), (2, 7)])
    """
    transformed = sum(taps > 1 for taps, _, _ in lines)
    found = []
    for taps, dilation, extent in lines:
        most = inputs[transformed] + 1 - taps if taps > 1 else 1
        _, results = min((tiles_of_class(extent, dilation, m) * (m + taps - 1), -m) for m in range(1, most + 1))
        found.append((-results, taps))
    return found


def _forms(lines: tuple[Line, Line, Line], weights: int) -> tuple[Winograd, Winograd]:
    """The forms of a phase along rows and columns, for so many weights a tap."""
    moving = [(n.taps, n.dilation, n.extent) for n in lines[1:]]
    forms = forms_of(moving)
    alone = lines[0].extent == 1 and all(extent <= results for (results, _), (_, _, extent) in zip(forms, moving))
    points = prod(results + taps - 1 for results, taps in forms)
    if alone and 4 * points * lines[0].taps * weights > LARGE_BYTES and max(n.taps for n in lines[1:]) <= 3:
        forms = forms_of(moving, FEWER)
    return tuple(winograd(*form) for form in forms)


def _cycles(
    lines: tuple[Line, Line, Line],
    forms: tuple[Winograd, Winograd],
    reduced_channels: int,
    output_channels: int,
    target: Target,
) -> tuple[float, float]:
    """Cycles of the direct sum and of Winograd's, for one image; both by multiply-adds."""
    rows, columns = forms
    lanes = target.lanes(4)
    wide = -(-output_channels // _panel(output_channels, lanes)) * _panel(output_channels, lanes)
    tiles = prod(
        tiles_of_class(n.extent, n.dilation, form.results) * classes(n.extent, n.dilation)
        for n, form in zip(lines[1:], forms)
    )
    points, depth, parts = rows.inputs * columns.inputs, lines[0], prod(n.stride for n in lines)
    pairs = prod(n.pairs for n in lines)
    products = tiles * points * depth.extent * depth.taps * parts * reduced_channels * wide / lanes / 0.85
    transforms = tiles * points * depth.extent * (4 * reduced_channels * parts + 5 * wide) / lanes
    if target.registers < 32:
        transforms *= 1.5  # tiles do not fit into the registers
    return pairs * reduced_channels * output_channels / lanes / 0.9, products + transforms


def _panel(output_channels: int, lanes: int) -> int:
    """Result channels that are computed together."""
    return 2 * lanes if output_channels > lanes else lanes


def _plan_phase(
    spec: ConvSpec, lines: tuple[Line, Line, Line], forms: tuple[Winograd, Winograd], reduced_channels: int,
    output_channels: int,
    target: Target, threads: int,
) -> PhasePlan:  # fmt: skip
    rows, columns = forms
    lanes = target.lanes(4)
    panel = _panel(output_channels, lanes)
    panels = -(-output_channels // panel)
    register = next(b for b in register_blocks(target, 4) if (b.lanes, b.vectors) == (lanes, panel // lanes))
    moving = lines[1:]
    count = tuple(tiles_of_class(n.extent, n.dilation, form.results) for n, form in zip(moving, forms))
    parts = prod(classes(n.extent, n.dilation) for n in moving)
    wanted = _tiles_wanted(target, rows, columns, reduced_channels * spec.groups * prod(n.stride for n in lines))
    tiling = tile(count, spec.batch, max(1, wanted // parts))
    chunk = min(-(-reduced_channels * spec.groups // lanes) * lanes, 64)
    tiles = _tiles(moving, tiling, forms)
    packed_tiles = packed_tiles_of(_depths(lines[0]), tiles, chunk)
    items = -(-spec.batch // tiling.images) * packed_tiles.blocks
    parts = 1 if threads == 1 or items >= 3 * threads else min(spec.groups * panels, -(-2 * threads // items))
    heights = _heights(register.heights)
    return PhasePlan(
        lines, rows, columns, packed_tiles, tiling.images, tiles, panel // lanes, heights, panels, parts
    )  # fmt: skip


def _tiles_wanted(target: Target, rows: Winograd, columns: Winograd, reduced_channels: int) -> int:
    """Tiles of an item: their transformed data fill about a quarter of the second cache, yet use the weights often."""
    bytes_a_tile = 4 * rows.inputs * columns.inputs * reduced_channels
    least = 28 if rows.inputs * columns.inputs > 1 else 112  # single points: as for a product
    return max(least, min(112, target.l2 // 4 // bytes_a_tile // 14 * 14))


def _heights(heights: tuple[int, ...]) -> tuple[int, ...]:
    """Three heights of products, the greatest first, about halving: enough for every rest."""
    most = heights[0]
    half = next(h for h in heights if h <= most // 2 + 1)
    quarter = next(h for h in heights if h <= max(1, half // 2))
    return tuple(dict.fromkeys((most, half, quarter)))


def _tiles(lines: tuple[Line, ...], tiling: Tiling, forms: tuple[Winograd, ...]) -> tuple[TileAxis, TileAxis]:
    """Rows and columns in blocks of whole tiles."""
    return tuple(
        tile_axis(n.extent, n.size, n.low, n.dilation, form.results, form.inputs, tiles, n.stride)
        for n, form, tiles in zip(lines, forms, (tiling.rows, tiling.columns))
    )


def _depths(line: Line) -> AxisBlocks:
    """The first of three axes, whose taps are summed one by one."""
    phase = forward_phase(line.taps, 1, line.dilation, line.low, line.extent)
    return cut_axis([phase], line.size, max(1, min(line.extent, 4)) if line.taps > 1 else 1)


def packed_tiles_of(depths: AxisBlocks, tiles: tuple[TileAxis, TileAxis], chunk: int) -> PackedTiles:
    """The packed tile of a block for chunks of `chunk` channels."""
    packed_w = len(tiles[1].blocks.packing.coordinates)
    return PackedTiles((depths, tiles[0].blocks, tiles[1].blocks), chunk, chunk, (packed_w + 1) * chunk)
