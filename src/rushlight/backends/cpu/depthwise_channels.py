"""A lane convolution, ready to be called: its plan as words and tables, its kernels as addresses.

In: a ConvSpec and an array like those to come. Out: a callable that takes arrays of these strides and gives results.
"""

from __future__ import annotations

from itertools import product
from math import prod

import numpy as np

from ... import runtime
from ...kernels.depthwise_channels import (
    PackedFields,
    RowPhase,
    Tile,
    emit_in_place,
    emit_packed,
    in_place_params,
    packed_params,
)
from ...kernels.pack import Gather
from ...language.ir import index_of
from ...plan.axes import Phase, interior
from ...plan.blocking import AxisBlocks, PackedTiles, cut_axis
from ...plan.depthwise_channels import Axis, DepthwiseChannelsPlan, gather_axes, gather_groups, plan_depthwise_channels
from ...plan.target import Target
from ...plan.threads import DEPTHWISE_MACS
from ...rules.in_bounds import in_bounds
from ...rules.spec import ConvSpec
from ..protocol import Layout
from .gathered import GatheredWeight, first_taps
from .kernels import kernel, laid, number_types, pack_entry
from .product import ProductCall

# The first ones are the same of both kernels.
_SOURCE, _WEIGHT, _BIAS, _RESULT, _SCRATCH = (
    index_of(PackedFields, name) for name in ("source", "weight", "bias", "result", "scratch")
)


class DepthwiseChannelsCall:
    """One prepared layer; call it with (source, weight, bias, weights_cache)."""

    def __init__(
        self, role: str, spec: ConvSpec, source: np.ndarray, activation: str | None, target: Target, threads: int
    ) -> None:
        self.spec = spec = spec._replace(role=role)
        self.result_dtype = source.dtype
        self.target, self.threads = target, threads
        self.stored, self.number, self.dtype = number_types(spec.dtype)
        self.groups, self.axes = gather_groups(spec), gather_axes(spec)
        image, self.channel_stride, *steps = (stride // source.itemsize for stride in source.strides)
        self.image_stride, self.steps = image, [0] * (3 - len(steps)) + steps
        plan = self.plan = plan_depthwise_channels(spec, target, self.channel_stride == 1)
        padded = any(side > 0 for pair in spec.padding for side in pair)
        self.leaves_out = role == "fprop" and padded and (plan.in_place or plan.skips)
        self.channels = self.groups.count * self.groups.result
        self.tile = Tile(
            plan.lanes, plan.vectors, plan.tiles, activation == "relu", plan.skips, max(1, plan.broadcast), plan.unroll
        )
        sizes = [axis.result for axis in self.axes]
        self.shape = (spec.batch, *sizes[3 - spec.rank :], self.channels)
        self.order = (0, spec.rank + 1, *range(1, spec.rank + 1))
        self.result_steps = [prod(sizes[i + 1 :]) * self.channels for i in range(3)]
        self.no_bias = np.zeros(self.channels + plan.width, self.dtype)
        key = ("depthwise_channels", role, spec.groups, plan.in_place, plan.width, plan.useful)
        table = weight_table(spec, plan)
        self.weights = GatheredWeight(key, table, self.stored, self.number, target, threads)
        (self._prepare_in_place if plan.in_place else self._prepare_packed)()
        self.threads_used = DEPTHWISE_MACS.threads(spec.macs, threads, self.items)

    @property
    def layout(self) -> Layout:
        """How the result lies."""
        return laid(self.shape, self.order, self.result_dtype)

    @property
    def scratch_bytes(self) -> int:
        """Memory that the threads work in."""
        return 0 if self.plan.in_place else self.threads_used * self.scratch_size * self.dtype.itemsize

    def __call__(
        self, source: np.ndarray, w: np.ndarray, bias: np.ndarray | None, weights_cache: dict | None,
        out: np.ndarray | None = None, scratch: np.ndarray | None = None,
    ) -> np.ndarray:  # fmt: skip
        (packed, finite), address = self.weights(w, weights_cache), runtime.address
        if not finite and self.leaves_out:
            return self._strictly(source, w, bias, out)
        result = runtime.empty(self.shape, source.dtype).transpose(self.order) if out is None else out
        words = self.words[:]
        if bias is None:
            bias = self.no_bias
        else:
            padded = self.no_bias.copy()
            padded[: self.channels] = bias
            bias = padded
        words[_SOURCE], words[_WEIGHT], words[_BIAS] = address(source), address(packed), address(bias)
        words[_RESULT] = address(result)
        if not self.plan.in_place:
            if scratch is None:
                scratch = runtime.empty((self.threads_used * self.scratch_size,), self.dtype)
            words[_SCRATCH] = address(scratch)
        runtime.launch(self.entry, words, self.threads_used)
        return result

    def _strictly(
        self, source: np.ndarray, w: np.ndarray, bias: np.ndarray | None, out: np.ndarray | None
    ) -> np.ndarray:
        """A padded zero times an infinite weight is NaN: by the product, which then multiplies every zero."""
        activation = "relu" if self.tile.relu else None
        call = ProductCall("fprop", self.spec, source, activation, self.target, self.threads)
        return call(source, w, bias, None, out)

    # ---------------------------------------------------------------- preparation

    def _prepare_in_place(self) -> None:
        plan, spec, (d, h, w) = self.plan, self.spec, self.axes
        phases = [row_phase(phase, w.source) for phase in w.phases]
        in_bounds = w.phases[0].target_step * self.channels
        arguments = self.tile, self.stored, self.number, phases, self.steps[2], in_bounds
        code = kernel(self.target, "depthwise channels in place", emit_in_place, *arguments)
        self.entry = code["depthwise_channels"]
        taps = (1, 1, 1, *spec.taps)[-3:]
        weight_steps = [taps[1] * taps[2] * plan.width, taps[2] * plan.width, plan.width]
        table_d, delta_d = row_table(d, self.steps[0], weight_steps[0])
        table_h, delta_h = row_table(h, self.steps[1], weight_steps[1])
        self.tables = [table_d, table_h, phase_table(w, self.channels)]
        rows = d.result * h.result
        first = min(p.begin for p in w.phases)
        extent = max(p.end for p in w.phases) - first
        row_block, piece = share_rows(spec.batch, rows, extent)
        row_blocks, pieces = -(-rows // row_block), -(-extent // piece)
        self.items = spec.batch * row_blocks * pieces
        self.words = in_place_params(self.stored, self.number).pack(
            source=None, weight=None, bias=None, result=None,
            images=spec.batch, rows=rows, height=h.result, first=first, pieces=pieces, piece=piece,
            row_blocks=row_blocks, row_block=row_block, panels=plan.panels, panel_group=plan.panels, panel_groups=1,
            channels=self.channels, source_image=self.image_stride, result_image=self.result_steps[0] * d.result,
            result_row=self.result_steps[1], panel_size=prod(taps) * plan.width,
            delta_d=delta_d[0], delta_h=delta_h[0], weight_d=delta_d[1], weight_h=delta_h[1],
            prefetch_rows=self._prefetch_rows(h),
            table_d=self.tables[0], table_h=self.tables[1], table_w=self.tables[2],
        )  # fmt: skip

    def _prefetch_rows(self, h: Axis) -> int:
        """Rows of the source that the next row of results adds, where arrays come from beyond the second cache."""
        if self.spec.bytes <= 4 * self.target.l2:
            return 0
        offsets = h.phases[0].offsets
        dense = len(offsets) > 1 and abs(offsets[1] - offsets[0]) == 1
        return min(h.phases[0].step, len(offsets)) if dense else 1

    def _prepare_packed(self) -> None:
        plan, groups, spec = self.plan, self.groups, self.spec
        blocks = [cut_axis(axis.phases, axis.source, block) for axis, block in zip(self.axes, plan.block)]
        extents = [len(axis.packing.coordinates) for axis in blocks]
        channels = plan.useful // groups.result * groups.source
        leading_dimension = plan.width if plan.broadcast else -(-channels // plan.lanes) * plan.lanes
        packed_tiles = PackedTiles(tuple(blocks), channels, leading_dimension, (extents[2] + 1) * leading_dimension)
        descriptor = Gather(packed_tiles, (*self.steps, self.channel_stride), self.target.lanes(self.number.bytes))
        row = packed_tiles.row if plan.broadcast else extents[2] * plan.width
        packed_size = extents[0] * extents[1] * row + plan.width
        expand = None if plan.broadcast else (groups.source, groups.result)
        self.scratch_size = packed_size + 64 if plan.broadcast else packed_size * groups.source + packed_tiles.size
        code = kernel(
            self.target, "depthwise channels packed", emit_packed, self.tile, self.stored, self.number, expand
        )
        self.entry, self.packer = (
            code["depthwise_channels"],
            pack_entry(self.target, descriptor.form, self.stored, self.number),
        )
        lists = self._combinations(blocks, (extents[1] * row, row, plan.width), packed_size)
        self.tables = [descriptor, *lists]
        self.items = spec.batch * prod(axis.count for axis in blocks) * plan.panels
        phase_table, taps, tap_rows, in_bounds = lists
        self.words = packed_params(self.stored, self.number).pack(
            source=None, weight=None, bias=None, result=None, scratch=None, packer=self.packer.address,
            images=spec.batch, block=[axis.block for axis in blocks], count=[axis.count for axis in blocks],
            panels=plan.panels, useful=plan.useful, channels=self.channels, first=[axis.first for axis in blocks],
            source_image=self.image_stride, source_channel=self.channel_stride, panel_channels=channels,
            source_channels=groups.count * groups.source, panel_size=prod(spec.taps) * groups.source * plan.width,
            phases=len(phase_table), row=row, plane=extents[1] * row, packed_size=packed_size,
            rows=extents[0] * extents[1], packed_w=extents[2], raw_row=packed_tiles.row,
            raw_leading_dimension=leading_dimension, result_image=self.result_steps[0] * self.axes[0].result,
            result_step=self.result_steps, scratch_size=self.scratch_size,
            descriptor=descriptor.address, phase_table=phase_table, taps=taps, tap_rows=tap_rows, in_bounds=in_bounds,
        )  # fmt: skip

    def _combinations(
        self, blocks: list[AxisBlocks], steps: tuple[int, int, int], packed_size: int
    ) -> list[np.ndarray]:
        """The phases of three axes combined; the taps of each, in one list or by rows; what is inside the source."""
        table, taps, rows, in_bounds = [], [], [], []
        for chosen in product(*(enumerate(axis.phases) for axis in blocks)):
            phases = [phase for _, phase in chosen]
            bases = [axis.packing.base[number] for (number, _), axis in zip(chosen, blocks)]
            counts = len(taps), len(rows), len(in_bounds)
            if self.plan.skips:
                taps += self._taps(phases, bases, steps, packed_size, (2,))
                for (offset, weight), d, h in self._tap_rows(phases, bases, steps):
                    rows.append((offset, weight, *d, *h))
                in_bounds += in_bounds_taps(phases[2], blocks[2].size, self.listed)
            else:
                taps += self._taps(phases, bases, steps, packed_size, (0, 1, 2))
            start = sum(phase.target_start * step for phase, step in zip(phases, self.result_steps))
            result_steps = [phase.target_step * step for phase, step in zip(phases, self.result_steps)]
            spans = [bound for phase in phases for bound in (phase.begin, phase.end)]
            lengths = len(taps) - counts[0], counts[1], len(rows) - counts[1], counts[2]
            table.append((*spans, start, *result_steps, counts[0], *lengths))
        return [np.array(entries or [[0] * 6], np.int64) for entries in (table, taps, rows, in_bounds)]

    def _taps(self, phases: list, bases: list, steps: tuple, packed_size: int, axes: tuple) -> list[tuple[int, int]]:
        """(packed index offset, weight offset) of the taps of some axes with all source channels of a group that packed
        tiles hold."""
        deep, width = self.groups.source, self.plan.width
        extents = (1, 1, 1, *self.spec.taps)[-3:]
        found = []
        for chosen in product(*(range(len(phases[axis].taps)) for axis in axes)):
            offset, tap = 0, 0
            for axis, j in zip(axes, chosen):
                offset += bases[axis][j] * steps[axis]
                tap = tap * extents[axis] + phases[axis].taps[j]
            found += [(offset + j * packed_size, (tap * deep + j) * width) for j in range(self.listed)]
        return found

    @property
    def listed(self) -> int:
        """Source channels of a group that have entries of their own among the taps."""
        return 1 if self.plan.broadcast else self.groups.source

    def _tap_rows(self, phases: list, bases: list, steps: tuple) -> list[tuple]:
        """Rows of taps as ((packed index offset, weight offset), positions inside along d, along h)."""
        (d, h, _), extents = phases, (1, 1, 1, *self.spec.taps)[-3:]
        line = extents[2] * self.groups.source * self.plan.width
        return [
            (
                (bases[0][i] * steps[0] + bases[1][j] * steps[1], (d.taps[i] * extents[1] + h.taps[j]) * line),
                positions_inside(d, i, self.axes[0].source),
                positions_inside(h, j, self.axes[1].source),
            )
            for i in range(len(d.taps))
            for j in range(len(h.taps))
        ]

    def describe(self) -> str:
        """The plan for people."""
        plan = self.plan
        how = "read in place" if plan.in_place else f"packed in blocks of {plan.block}, {self.scratch_size} numbers"
        return "\n".join([
            f"lanes: {self.groups.count} groups of {self.groups.source} → {self.groups.result} channels",
            f"source {how}",
            f"tiles of {plan.tiles} pixels × {plan.vectors} vectors of {plan.lanes}, {plan.unroll} unroll; "
            f"{plan.panels} panels",
            f"{self.items} items for {self.threads_used} threads",
        ])  # fmt: skip


def weight_table(spec: ConvSpec, plan: DepthwiseChannelsPlan) -> np.ndarray:
    """Where in the weight each packed number comes from, −1 for none: [panel][taps][source channel][lane]."""
    groups, count = gather_groups(spec), prod(spec.taps)
    lane = np.arange(plan.width)
    channel = np.arange(plan.panels)[:, None] * plan.useful + lane
    if plan.in_place:  # the last panel is moved back
        channel = np.minimum(np.arange(plan.panels)[:, None] * plan.width, groups.count - plan.width) + lane
    used = (lane < plan.useful) & (channel < groups.count * groups.result)
    chosen, stride = first_taps(spec, channel)
    base = chosen[:, None, :] + (np.arange(groups.source) * stride)[:, None]
    table = base[:, None] + np.arange(count).reshape(1, -1, 1, 1)
    return np.where(used[:, None, None, :], table, -1).reshape(-1)


def row_table(axis: Axis, stride: int, weight_step: int) -> tuple[np.ndarray, tuple[int, int]]:
    """For each result: taps inside the source, and offsets of the first in source and weight; and their distances."""
    table = np.zeros((axis.result, 3), np.int64)
    gap = (0, 0)
    for phase in axis.phases:
        if len(phase.taps) > 1:
            gap = ((phase.offsets[1] - phase.offsets[0]) * stride, (phase.taps[1] - phase.taps[0]) * weight_step)
        for t in range(phase.begin, phase.end):
            first, count = taps_inside(phase, t, axis.source)
            if count:
                entry = count, (phase.step * t + phase.offsets[first]) * stride, phase.taps[first] * weight_step
                table[phase.target_step * t + phase.target_start] = entry
    return table, gap


def taps_inside(phase: Phase, t: int, size: int) -> tuple[int, int]:
    """The first tap that finds result t's source inside, and how many do."""
    found = [j for j, offset in enumerate(phase.offsets) if 0 <= phase.step * t + offset < size]
    return (found[0], len(found)) if found else (0, 0)


def positions_inside(phase: Phase, j: int, size: int) -> tuple[int, int]:
    """The positions from which a tap falls inside the source."""
    return in_bounds(phase.offsets[j], phase.step, size)


def in_bounds_taps(phase: Phase, size: int, deep: int) -> list[tuple[int, int]]:
    """For each position of a phase, which part of a row's list of taps is inside.

    Tiles look at their first and last position only, so those that no tap reads (in the gaps of a dilation) have the
    part of a neighbour: the parts move one way along the row."""
    found = [taps_inside(phase, t, size) for t in range(phase.begin, phase.end)]
    part = next((entry for entry in found if entry[1]), (0, 0))
    for t, entry in enumerate(found):
        part = found[t] = entry if entry[1] else part
    return [(first * deep, (first + count) * deep) for first, count in found]


def row_phase(phase: Phase, size: int) -> RowPhase:
    """A phase of the last axis, and what is inside of its borders."""
    begin, end = interior(phase, size)
    left, right = (
        tuple(taps_inside(phase, t, size) for t in positions)
        for positions in (range(phase.begin, begin), range(end, phase.end))
    )
    return RowPhase(phase.taps, phase.offsets, phase.step, left, right)


def phase_table(axis: Axis, channels: int) -> np.ndarray:
    """The phases of the last axis: first position, interior, offset of position 0 in the result."""
    rows = [(p.begin, *interior(p, axis.source), p.target_start * channels) for p in axis.phases]
    return np.array(rows, np.int64)


def share_rows(images: int, rows: int, extent: int) -> tuple[int, int]:
    """Rows and positions of an item, so that there are some dozen items, fixed by the geometry."""
    wanted = -(-16 // max(images, 1))
    blocks = min(wanted, max(1, rows // 2))
    pieces = min(-(-wanted // blocks), max(1, extent // 64))
    return -(-rows // blocks), -(-extent // pieces)
