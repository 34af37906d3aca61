"""The plan of a layer that runs by Winograd's algorithm, or why it does not.

In: a ConvSpec, which kernel (fprop or dgrad), a `Target` and a number of threads. Out: a `WinogradPlan`, from which
`engines.winograd_call` makes the words of the kernels of `codegen.winograd_loops`; or a sentence.

Whether a layer runs so, and the order of its sums, follow from the layer and its spatial size; batch and threads
only decide how tiles are grouped.
"""

from __future__ import annotations

from math import prod
from typing import NamedTuple

from ..ops.spec import ConvSpec
from .axes import forward_phase
from .blocking import UNIT, AxisBlocks, Bands, cut_axis
from .product import register_blocks
from .target import Target
from .tiling import TileAxis, classes, tile_axis, tiles_of_class
from .winograd import Tiling, Winograd, tile, winograd

INPUTS = {1: 8, 2: 6}
"""Inputs of a tile along an axis, by the number of transformed axes. Errors grow with it: 36 points a tile of an image
leave 1e-6 to 2e-6 in the norm, 8 points a tile of a line 1e-6."""

TAPS = {1: range(2, 8), 2: range(2, 6)}
"""Taps along a transformed axis."""

FILTER_BYTES = 64 << 20
"""Transformed weights may take this much; they are four times the weight."""


CLASSES = 64
"""Dilated axes fall into classes; the tiles of all of them are done together, so there must not be many."""


class WinogradPlan(NamedTuple):
    """How one layer is computed; all distances in numbers."""

    kernel: str
    rows: Winograd
    columns: Winograd
    groups: int
    summed: int  # channels of a group that are summed over
    made: int  # channels of a group that come out
    bands: Bands
    images: int  # of an item
    tiles: tuple[TileAxis, TileAxis]  # along rows and columns
    depth_taps: int
    extents: tuple[int, int, int]  # of the result
    vectors: int
    heights: tuple[int, ...]
    panels: int  # of a group
    parts: int


def plan_winograd(spec: ConvSpec, kernel: str, target: Target, threads: int) -> WinogradPlan | str:
    """The plan, or the reason why another algorithm is better."""
    forward = kernel == "fprop"
    reason = refusal_of_layer(spec)
    if reason:
        return reason
    summed, made = spec.in_channels // spec.groups, spec.out_channels // spec.groups
    summed, made = (summed, made) if forward else (made, summed)
    sizes, extents = (spec.size, spec.out) if forward else (spec.out, spec.size)
    if min(*extents, *sizes) < 1:
        return "there are no results"
    rank = spec.rank
    taps = (1,) * (3 - rank) + spec.taps
    extents = (1,) * (3 - rank) + extents
    rows, columns = (winograd(results_of(taps[1:], i), taps[1:][i]) for i in range(2))
    lanes = target.lanes(4)
    vectors = 2 if made > lanes else 1
    register = next(b for b in register_blocks(target, 4) if (b.lanes, b.vectors) == (lanes, vectors))
    panel = vectors * lanes
    panels = -(-made // panel)
    apart = ((1, 1, 1) + spec.dilation)[-2:]
    count = tuple(tiles_of_class(n, d, form.results) for n, d, form in zip(extents[1:], apart, (rows, columns)))
    parts_h, parts_w = (classes(n, d) for n, d in zip(extents[1:], apart))
    all_tiles = count[0] * parts_h, count[1] * parts_w
    gain = _gain(spec, (rows, columns), all_tiles, extents, (summed, made), (lanes, panels * panel), taps[0])
    gain *= prod(_useful(spec, kernel, sizes[i], extents[i - rank], i) for i in range(rank))
    if gain < 1.15:
        return f"Winograd would take {1 / gain:.2f} times as long: too few channels or positions"
    wanted = _tiles_wanted(target, rows, columns, summed * spec.groups)
    tiling = tile(count, spec.batch, max(1, wanted // (parts_h * parts_w)))
    chunk = min(-(-summed * spec.groups // lanes) * lanes, 64)
    tiles = _tiles(spec, kernel, sizes, extents, tiling, (rows, columns))
    bands = band_of(_depths(spec, kernel, sizes, extents), tiles, chunk)
    items = -(-spec.batch // tiling.images) * bands.blocks
    parts = 1 if threads == 1 or items >= 3 * threads else min(spec.groups * panels, -(-2 * threads // items))
    return WinogradPlan(
        kernel, rows, columns, spec.groups, summed, made, bands, tiling.images, tiles, taps[0], extents,
        vectors, _heights(register.heights), panels, parts,
    )  # fmt: skip


def refusal_of_layer(spec: ConvSpec) -> str:
    """Why the layer's rules exclude it; empty where they do not."""
    moving = range(max(0, spec.rank - 2), spec.rank)
    if spec.dtype != "f32":
        return "Winograd serves float32"
    moved = [spec.taps[i] for i in moving if spec.taps[i] > 1]
    if not moved or spec.taps[-1] == 1 or any(count not in TAPS[len(moved)] for count in moved):
        return "Winograd serves 2 to 5 taps along the last two axes, 2 to 7 along the last alone"
    if any(step != 1 for step in spec.stride):
        return "Winograd serves stride 1"
    if prod(spec.dilation[i] for i in moving if spec.taps[i] > 1) > CLASSES:
        return "dilation splits the positions into too many classes"
    if min(spec.in_channels, spec.out_channels) // spec.groups < 16:
        return "Winograd serves groups of 16 channels and more"
    if (
        4 * spec.in_channels // spec.groups * spec.out_channels * 36 * (spec.taps[0] if spec.rank == 3 else 1)
        > FILTER_BYTES
    ):
        return "the transformed weights would take too much memory"
    return ""


def results_of(taps: tuple[int, int], axis: int) -> int:
    """Results of a tile along one of the last two axes, which have so many taps; 1 where the axis is not transformed.

    >>> results_of((3, 3), 0), results_of((1, 7), 1), results_of((1, 7), 0)
    (4, 2, 1)
    """
    transformed = sum(count > 1 for count in taps)
    return INPUTS[transformed] + 1 - taps[axis] if taps[axis] > 1 else 1


def _gain(
    spec: ConvSpec, forms: tuple[Winograd, Winograd], count: tuple[int, int], extents: tuple[int, ...],
    channels: tuple[int, int], width: tuple[int, int], depth_taps: int,
) -> float:  # fmt: skip
    """Cycles of the direct sum over those of Winograd's, for one image and depth; both by multiply-adds."""
    rows, columns = forms
    summed, made = channels
    lanes, wide = width
    tiles, points = count[0] * count[1], rows.inputs * columns.inputs
    direct = extents[1] * extents[2] * rows.taps * columns.taps * depth_taps * summed * made / lanes / 0.9
    products = tiles * points * depth_taps * summed * wide / lanes / 0.85
    transforms = tiles * points * (4 * summed + 5 * wide) / lanes
    return direct / (products + transforms)


def _useful(spec: ConvSpec, kernel: str, size: int, extent: int, i: int) -> float:
    """The share of (result, tap) pairs along an axis that meet the source: the direct sum leaves out the others."""
    lo, step = _low(spec, kernel, i), spec.dilation[i]
    met = (min(extent, size + lo - k * step) - max(0, lo - k * step) for k in range(spec.taps[i]))
    return sum(max(0, count) for count in met) / (extent * spec.taps[i])


def _tiles_wanted(target: Target, rows: Winograd, columns: Winograd, summed: int) -> int:
    """Tiles of an item: their spread data fill about a quarter of the second cache, yet use the weights often."""
    bytes_a_tile = 4 * rows.inputs * columns.inputs * summed
    return max(28, min(112, target.l2 // 4 // bytes_a_tile // 14 * 14))


def _heights(heights: tuple[int, ...]) -> tuple[int, ...]:
    """Three heights of products, the greatest first, about halving: enough for every rest."""
    most = heights[0]
    half = next(h for h in heights if h <= most // 2 + 1)
    quarter = next(h for h in heights if h <= max(1, half // 2))
    return tuple(dict.fromkeys((most, half, quarter)))


def _tiles(
    spec: ConvSpec, kernel: str, sizes: tuple[int, ...], extents: tuple[int, ...], tiling: Tiling,
    forms: tuple[Winograd, Winograd],
) -> tuple[TileAxis, TileAxis]:  # fmt: skip
    """Rows and columns in blocks of whole tiles."""
    axes = []
    for axis, form, tiles in zip((1, 2), forms, (tiling.rows, tiling.columns)):
        i = axis - 3 + spec.rank
        if i < 0:
            axes.append(tile_axis(1, 1, 0, 1, 1, 1, 1))
            continue
        lo = _low(spec, kernel, i)
        dilation = spec.dilation[i] if spec.taps[i] > 1 else 1
        axes.append(tile_axis(extents[axis], sizes[i], lo, dilation, form.results, form.inputs, tiles))
    return tuple(axes)


def _low(spec: ConvSpec, kernel: str, i: int) -> int:
    """The padding before axis i of the source; seen from dgrad, the taps run backwards."""
    lo = spec.padding[i][0]
    return lo if kernel == "fprop" else spec.dilation[i] * (spec.taps[i] - 1) - lo


def _depths(spec: ConvSpec, kernel: str, sizes: tuple[int, ...], extents: tuple[int, ...]) -> AxisBlocks:
    """The first of three axes, whose taps are summed one by one."""
    if spec.rank < 3:
        return cut_axis([UNIT], 1, 1)
    taps = spec.taps[0]
    phase = forward_phase(taps, 1, spec.dilation[0], _low(spec, kernel, 0), extents[0])
    return cut_axis([phase], sizes[0], max(1, min(extents[0], 4)) if taps > 1 else 1)


def band_of(depths: AxisBlocks, tiles: tuple[TileAxis, TileAxis], chunk: int) -> Bands:
    """The band of a block for chunks of `chunk` channels."""
    slots_w = len(tiles[1].blocks.slots.coordinates)
    return Bands((depths, tiles[0].blocks, tiles[1].blocks), chunk, chunk, (slots_w + 1) * chunk)
