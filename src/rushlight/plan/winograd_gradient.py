"""The plan of a weight gradient that runs by Winograd's algorithm, or why it does not.

In: a ConvSpec and a `Target`. Out: a `GradientPlan`, or a sentence. Nothing in it depends on the number of threads.
"""

from __future__ import annotations

from typing import NamedTuple

from ..ops.spec import ConvSpec
from .axes import Phase, forward_phase, lay_slots
from .blocking import UNIT, AxisBlocks, Bands
from .target import Target
from .winograd import Winograd, tile, winograd
from .winograd_layer import refusal_of_layer

TILE = 4
"""Results of the layer along an axis of a tile: the filter's taps, seen from the gradient."""

SUM_BYTES = 16 << 20
"""The sums of all ξ, four times the weight, must stay near: they are read and written for each chunk of tiles."""

SPREAD_BYTES = 2 << 20
"""Transformed tiles of each operand at a time."""


class GradientPlan(NamedTuple):
    """How one gradient is computed."""

    row_form: Winograd
    column_form: Winograd
    depth_taps: int
    x: Bands
    y: Bands
    rows: int  # tiles of a unit
    columns: int
    units: int  # at a time
    vectors: int
    height: int


def plan_gradient(spec: ConvSpec, target: Target) -> GradientPlan | str:
    """The plan, or the reason why another algorithm is better."""
    reason = refusal_of_layer(spec)
    if reason:
        return reason
    if min(spec.out) < 1 or spec.batch < 1:
        return "there are no results"
    rank = spec.rank
    taps, extents = (1,) * (3 - rank) + spec.taps, (1,) * (3 - rank) + spec.out
    forms = [winograd(3, TILE) if count == 3 else winograd(1, 1) for count in taps[1:]]
    points = forms[0].inputs * forms[1].inputs
    if 4 * points * taps[0] * spec.in_channels * spec.out_channels // spec.groups > SUM_BYTES:
        return "the sums would take too much memory"
    count = tuple(-(-extent // form.taps) for extent, form in zip(extents[1:], forms))
    covered = count[0] * forms[0].taps * count[1] * forms[1].taps
    if covered > 1.8 * extents[1] * extents[2] or spec.batch * count[0] * count[1] * extents[0] < 32:
        return "too few positions fill tiles"
    most = max(spec.in_channels, spec.out_channels)
    wanted = max(1, SPREAD_BYTES // (4 * points * most))
    tiling = tile(count, 1, max(4, min(wanted, 64)))
    depths = max(1, min(extents[0], 4)) if taps[0] > 1 else 1
    lanes = target.lanes(4)
    vectors = 2 if spec.out_channels // spec.groups > lanes else 1
    x, y = (_bands(spec, operand, forms, tiling[1:], depths, lanes) for operand in ("x", "y"))
    slots = len(x.axes[0].slots.coordinates)
    units = max(1, wanted // (tiling.rows * tiling.columns * slots))
    height = 8 if target.registers >= 32 else 4
    return GradientPlan(*forms, taps[0], x, y, tiling.rows, tiling.columns, units, vectors, height)


def _bands(
    spec: ConvSpec, operand: str, forms: list[Winograd], tiles: tuple[int, int], depths: int, lanes: int
) -> Bands:
    """The band of one operand: blocks of whole tiles; beyond the result y is zero."""
    axes, channels = [], spec.in_channels if operand == "x" else spec.out_channels
    for axis, (form, block) in enumerate(zip((None, *forms), (None, *tiles))):
        i = axis - 3 + spec.rank
        step = depths if form is None else block * form.taps
        if i < 0:
            axes.append(AxisBlocks((UNIT,), lay_slots([UNIT], 1), 0, 1, 1))
            continue
        count = -(-spec.out[i] // step)
        if operand == "x":
            phase = forward_phase(spec.taps[i], 1, spec.dilation[i], spec.padding[i][0], count * step)
            size = spec.size[i]
        else:
            phase, size = Phase((0,), (0,), 1, 0, count * step, 1, 0), spec.out[i]
        axes.append(AxisBlocks((phase,), lay_slots([phase], step), 0, count, size))
    chunk = min(-(-channels // lanes) * lanes, 64)
    row = (len(axes[2].slots.coordinates) + 1) * chunk
    return Bands(tuple(axes), chunk, chunk, row)
