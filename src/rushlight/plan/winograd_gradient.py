"""The plan of a weight gradient that runs by Winograd's algorithm, or why it does not.

In: a ConvSpec and a `Target`. Out: a `GradientPlan`, or a sentence. Nothing in it depends on the number of threads.
"""

from __future__ import annotations

from math import lcm, prod
from typing import NamedTuple

from ..rules.spec import ConvSpec
from .axes import Phase, forward_phase, pack_axis
from .blocking import UNIT, AxisBlocks, PackedTiles
from .target import Target
from .tiling import TileAxis, classes, tile_axis, tiles_of_class
from .winograd import Winograd, tile, winograd
from .winograd_layer import GAIN, forms_of, packed_tiles_of, refusal_of_layer

SUM_BYTES = 16 << 20
"""The sums of all ξ, four times the weight, must stay near: they are read and written for each chunk of tiles. Larger
ones are made a quarter of this at a time, where the transformed tiles of each operand take no more than all of it."""

TRANSFORMED_BYTES = 2 << 20
"""Transformed tiles of each operand at a time."""


class GradientPlan(NamedTuple):
    """How one gradient is computed."""

    row_form: Winograd
    column_form: Winograd
    depth_taps: int
    x: PackedTiles
    y: PackedTiles
    tiles_x: tuple[TileAxis, TileAxis]  # along rows and columns
    tiles_y: tuple[TileAxis, TileAxis]
    units: int  # at a time
    panels: int  # of output channels whose sums are held at a time: all, but where all units are transformed at once
    vectors: int
    height: int

    @property
    def tiles(self) -> int:
        """Tiles of a unit."""
        return len(self.tiles_x[0].starts) * len(self.tiles_x[1].starts)


def plan_gradient(spec: ConvSpec, target: Target) -> GradientPlan | str:
    """The plan, or the reason why another algorithm is better."""
    reason = refusal_of_layer(spec, "wgrad")
    if reason:
        return reason
    if spec.groups > 1 or min(spec.in_channels, spec.out_channels) < 32:
        return "the sums have too few rows"
    if min(spec.out) < 1 or spec.batch < 1:
        return "there are no results"
    rank = spec.rank
    taps, extents = (1,) * (3 - rank) + spec.taps, (1,) * (3 - rank) + spec.out
    dilations = ((1, 1, 1) + spec.dilation)[-2:]
    forms = [winograd(k, m) for m, k in forms_of(tuple(zip(taps[1:], dilations, extents[1:])))]
    points = forms[0].inputs * forms[1].inputs
    if prod(form.results * form.taps for form in forms) < GAIN * points:
        return "too few positions follow each other: no multiplications are saved"
    count = tuple(tiles_of_class(n, d, form.taps) for n, d, form in zip(extents[1:], dilations, forms))
    parts = [classes(n, d) for n, d in zip(extents[1:], dilations)]
    covered = count[0] * parts[0] * forms[0].taps * count[1] * parts[1] * forms[1].taps
    if covered > 1.8 * extents[1] * extents[2] or spec.batch * covered * extents[0] < 512:
        return "too few positions fill tiles"
    most = max(spec.in_channels, spec.out_channels)
    wanted = max(1, TRANSFORMED_BYTES // (4 * points * most))
    tiling = tile(count, 1, max(1, max(4, min(wanted, 64)) // (parts[0] * parts[1])))
    depths = max(1, min(extents[0], 4)) if taps[0] > 1 else 1
    lanes = target.lanes(4)
    vectors = 2 if spec.out_channels > lanes else 1
    height = 8 if target.registers >= 32 else 6 if target.fma else 4
    widths = {"x": lcm(height, lanes), "y": vectors * lanes}
    (x, tiles_x), (y, tiles_y) = (
        _packed_tiles(spec, operand, forms, tiling[1:], depths, width) for operand, width in widths.items()
    )
    tiles = len(tiles_x[0].starts) * len(tiles_x[1].starts) * len(x.axes[0].packing.coordinates)
    units, panels = max(1, wanted // tiles), -(-spec.out_channels // widths["y"])
    sums = 4 * points * taps[0] * spec.in_channels * spec.out_channels
    if sums > SUM_BYTES:
        units = spec.batch * prod(axis.count for axis in y.axes)
        if units * tiles * 4 * points * most > SUM_BYTES:
            return "the sums would take too much memory"
        panels = max(1, panels * SUM_BYTES // 4 // sums)
    return GradientPlan(*forms, taps[0], x, y, tiles_x, tiles_y, units, panels, vectors, height)


def _packed_tiles(
    spec: ConvSpec, operand: str, forms: list[Winograd], tiles: tuple[int, int], depths: int, panel: int
) -> tuple[PackedTiles, tuple[TileAxis, TileAxis]]:
    """The packed tile of one operand: blocks of whole tiles; beyond the result y is zero."""
    whole = operand == "x"
    found = []
    for axis, form, count in zip((1, 2), forms, tiles):
        i = axis - 3 + spec.rank
        if i < 0:
            found.append(tile_axis(1, 1, 0, 1, 1, 1, 1))
            continue
        lo, size = (spec.padding[i][0], spec.size[i]) if whole else (0, spec.out[i])
        dilation = spec.dilation[i] if spec.taps[i] > 1 else 1
        found.append(tile_axis(spec.out[i], size, lo, dilation, form.taps, form.inputs if whole else form.taps, count))
    channels = spec.in_channels if whole else spec.out_channels
    chunk = min(-(-channels // panel), max(1, 64 // panel)) * panel
    return packed_tiles_of(_depths(spec, whole, depths), tuple(found), chunk), tuple(found)


def _depths(spec: ConvSpec, whole: bool, depths: int) -> AxisBlocks:
    """The first of three axes in blocks of `depths` results; y is its own source."""
    if spec.rank < 3:
        return AxisBlocks((UNIT,), pack_axis([UNIT], 1), 0, 1, 1)
    count = -(-spec.out[0] // depths)
    phase, size = Phase((0,), (0,), 1, 0, count * depths, 1, 0), spec.out[0]
    if whole:
        phase = forward_phase(spec.taps[0], 1, spec.dilation[0], spec.padding[0][0], count * depths)
        size = spec.size[0]
    return AxisBlocks((phase,), pack_axis([phase], depths), 0, count, size)
