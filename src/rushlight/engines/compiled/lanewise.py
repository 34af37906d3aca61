"""A lane convolution ready to be called: the plan of one geometry and layout, its kernel, tables and words.

In: a ConvSpec (fprop or dgrad by its role), strides of source and weight, epilogue. Out: `LaneCall`, which
`engines.compiled` keeps and calls with arrays of the same shapes and strides.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from ..plan.blocking import Bands, cut_axis
from ..plan.lanewise import Axis, LanePlan, gather_axes, gather_groups, interior, plan_lanes
from . import jit
from .ir import BY_NAME, f32
from .lanewise import RowPhase, Tile, emit_gather, emit_in_place, emit_packed
from .pack import Gather

if TYPE_CHECKING:
    from ..ops.spec import ConvSpec
    from ..plan.target import Target

Launch = Callable[[jit.Entry, np.ndarray], None]


class LaneCall:
    """`call(source, w, bias, launch)` → result, for arrays of the geometry and strides that it was made for.

    The source is x for a spec of role fprop and y for one of role dgrad; the result is the other one, channels-last.
    """

    def __init__(
        self, spec: ConvSpec, strides: tuple[int, ...], w_strides: tuple[int, ...], target: Target,
        bias: bool = False, relu: bool = False,
    ) -> None:  # fmt: skip
        self.spec, self.target = spec, target
        self.source_type = BY_NAME[spec.dtype]
        self.number = self.source_type if self.source_type.kind == "f" else f32
        self.groups, self.axes = gather_groups(spec), gather_axes(spec)
        self.strides = [strides[0], strides[1], *[0] * (5 - len(strides)), *strides[2:]]
        plain = strides[1] == 1 and self.number is self.source_type
        self.plan = plan_lanes(spec, target, plain)
        self.channels = self.groups.count * self.groups.result
        self.tile = Tile(self.plan.lanes, self.plan.vectors, self.plan.tiles, bias, relu)
        sizes = [axis.result for axis in self.axes]
        self.shape = (spec.batch, *sizes[3 - spec.rank :], self.channels)
        self.result_strides = [prod(sizes[i + 1 :]) * self.channels for i in range(3)]
        self._pack_weight_by(weight_table(spec, self.plan, w_strides))
        self.scratch_size = 0
        (self._prepare_in_place if self.plan.in_place else self._prepare_packed)()

    def _pack_weight_by(self, table: np.ndarray) -> None:
        source, number = self.source_type, self.number
        self.weight_table = table
        key = f"gather {source} {number}"
        self.gather = jit.kernel(key, lambda: emit_gather(self.target, source, number), self.target)["gather"]

    def _prepare_in_place(self) -> None:
        plan, (d, h, w) = self.plan, self.axes
        image, _, *steps = self.strides
        phases = [RowPhase(p.taps, p.offsets, p.step) for p in w.phases]
        reach = w.phases[0].target_step * self.channels
        key = f"lanes in place {self.number} {self.tile} {phases} {steps[2]} {reach}"
        code = jit.kernel(
            key, lambda: emit_in_place(self.target, self.tile, self.number, phases, steps[2], reach), self.target
        )
        self.entry = code["lanes"]
        taps = (1, 1, 1, *self.spec.taps)[-3:]
        weight_steps = [taps[1] * taps[2] * plan.width, taps[2] * plan.width, plan.width]
        table_d, delta_d = row_table(d, steps[0], weight_steps[0])
        table_h, delta_h = row_table(h, steps[1], weight_steps[1])
        table_w, borders = phase_table(w, steps[2], weight_steps[2], self.channels)
        self._tables = [table_d, table_h, table_w, borders]
        rows = d.result * h.result
        first = min(p.begin for p in w.phases)
        extent = max(p.end for p in w.phases) - first
        row_block, piece = share_rows(self.spec.batch, rows, extent)
        words = [
            self.spec.batch, rows, h.result, first, -(-extent // piece), piece, -(-rows // row_block), row_block,
            plan.panels, plan.panels, 1, self.channels,
            image, self.result_strides[0] * d.result, self.result_strides[1], prod(taps) * plan.width,
            delta_d[0], delta_h[0], delta_d[1], delta_h[1],
        ]  # fmt: skip
        self.words = np.array([0] * 6 + words + [table.ctypes.data for table in self._tables], np.int64)
        self.pointers = 4

    def _prepare_packed(self) -> None:
        plan, groups = self.plan, self.groups
        lanes = self.target.lanes(self.number.bytes)
        blocks = [cut_axis(axis.phases, axis.source, block) for axis, block in zip(self.axes, plan.block)]
        slots = [len(axis.slots.coordinates) for axis in blocks]
        channels = plan.useful // groups.result * groups.source
        pitch = plan.width if groups.identity else -(-channels // plan.lanes) * plan.lanes
        bands = Bands(tuple(blocks), channels, pitch, (slots[2] + 1) * pitch)
        job = Gather(bands, (*self.strides[2:], self.strides[1]), lanes)
        row = bands.row if groups.identity else slots[2] * plan.width
        band_size = slots[0] * slots[1] * row + plan.width
        expand = None if groups.identity else (groups.source, groups.result)
        self.scratch_size = band_size + 64 if groups.identity else band_size * groups.source + bands.size
        key = f"lanes packed {self.source_type} {self.number} {self.tile} {job.form} {expand}"
        code = jit.kernel(
            key,
            lambda: emit_packed(self.target, self.tile, self.source_type, self.number, job.form, expand),
            self.target,
        )
        self.entry = code["lanes"]
        table, taps = combinations(self, blocks, (slots[1] * row, row, plan.width), band_size)
        self._tables = [job, table, taps]
        words = [
            self.spec.batch, *(axis.block for axis in blocks), *(axis.count for axis in blocks),
            plan.panels, plan.useful, self.channels, *(axis.first for axis in blocks),
            self.strides[0], self.strides[1], channels, groups.count * groups.source,
            prod(self.spec.taps) * groups.source * plan.width, len(table),
            row, slots[1] * row, band_size, slots[0] * slots[1], slots[2], bands.row, pitch,
            self.result_strides[0] * self.axes[0].result, *self.result_strides, self.scratch_size,
        ]  # fmt: skip
        addresses = [job.address, table.ctypes.data, taps.ctypes.data]
        self.words = np.array([0] * 7 + words + addresses, np.int64)
        self.pointers = 5

    def packed_weight(self, w: np.ndarray, launch: Launch, memo: dict | None) -> np.ndarray:
        """The weight as the kernel reads it, from the memo where it is there."""
        if memo is not None and self in memo:
            return memo[self]
        count = len(self.weight_table)
        packed = np.empty(count, NUMPY[self.number.name])
        words = [0, 0, w.ctypes.data, packed.ctypes.data, count, self.weight_table.ctypes.data]
        launch(self.gather, np.array(words, np.int64))
        if memo is not None:
            memo[self] = packed
        return packed

    def __call__(
        self, source: np.ndarray, w: np.ndarray, bias: np.ndarray | None, launch: Launch,
        threads: int = 1, memo: dict | None = None,
    ) -> np.ndarray:  # fmt: skip
        """The result, (batch, channels, *size) with channels innermost in memory."""
        packed = self.packed_weight(w, launch, memo)
        result = np.empty(self.shape, source.dtype)
        if bias is not None:
            bias = np.ascontiguousarray(bias, packed.dtype)
        words = self.words.copy()
        words[2:6] = source.ctypes.data, packed.ctypes.data, 0 if bias is None else bias.ctypes.data, result.ctypes.data
        scratch = None
        if self.scratch_size:
            scratch = np.empty(threads * self.scratch_size + 64, packed.dtype)
            words[6] = scratch.ctypes.data
        launch(self.entry, words)
        return np.moveaxis(result, -1, 1)


NUMPY = {"f32": np.float32, "f64": np.float64}


def weight_table(spec: ConvSpec, plan: LanePlan, strides: tuple[int, ...]) -> np.ndarray:
    """Where in the weight each packed number comes from, −1 for none: [panel][taps][source channel][lane]."""
    groups = gather_groups(spec)
    taps = np.zeros((), np.int64)
    for count, stride in zip(spec.taps, strides[2:]):
        taps = taps[..., None] + np.arange(count) * stride
    lane = np.arange(plan.width)
    channel = np.arange(plan.panels)[:, None] * plan.useful + lane
    if plan.in_place:  # the last panel is moved back
        channel = np.minimum(np.arange(plan.panels)[:, None] * plan.width, groups.count - plan.width) + lane
    used = (lane < plan.useful) & (channel < groups.count * groups.result)
    group, inside = channel // groups.result, channel % groups.result
    deep = np.arange(groups.source)
    if spec.role == "dgrad":  # w[group · cog + j][inside]
        base = (group * groups.source * strides[0] + inside * strides[1])[:, None, :] + (deep * strides[0])[:, None]
    else:
        base = (channel * strides[0])[:, None, :] + (deep * strides[1])[:, None]
    table = base[:, None] + taps.reshape(1, -1, 1, 1)
    return np.where(used[:, None, None, :], table, -1).reshape(-1)


def row_table(axis: Axis, stride: int, weight_step: int) -> tuple[np.ndarray, tuple[int, int]]:
    """For each result: taps inside the source, and offsets of the first in source and weight; and their distances."""
    table = np.zeros((axis.result, 3), np.int64)
    gap = (0, 0)
    for phase in axis.phases:
        if len(phase.taps) > 1:
            gap = ((phase.offsets[1] - phase.offsets[0]) * stride, (phase.taps[1] - phase.taps[0]) * weight_step)
        for t in range(phase.begin, phase.end):
            first, count = inside(phase, t, axis.source)
            if count:
                entry = count, (phase.step * t + phase.offsets[first]) * stride, phase.taps[first] * weight_step
                table[phase.target_step * t + phase.target_start] = entry
    return table, gap


def inside(phase, t: int, size: int) -> tuple[int, int]:  # noqa: ANN001
    """The first tap that finds result t's source inside, and how many do."""
    found = [j for j, offset in enumerate(phase.offsets) if 0 <= phase.step * t + offset < size]
    return (found[0], len(found)) if found else (0, 0)


def phase_table(axis: Axis, stride: int, weight_step: int, channels: int) -> tuple[np.ndarray, np.ndarray]:
    """The phases of the last axis: interior, place in the result, borders; and the borders."""
    table, borders = [], []
    for phase in axis.phases:
        begin, end = interior(phase, axis.source)
        first = len(borders)
        for t in [*range(phase.begin, begin), *range(end, phase.end)]:
            j, count = inside(phase, t, axis.source)
            at = (phase.step * t + phase.offsets[j]) * stride if count else 0
            borders.append((t, at, phase.taps[j] * weight_step if count else 0, count))
        table.append((begin, end, phase.target_start * channels, len(borders) - first, first))
    return np.array(table, np.int64), np.array(borders or [(0, 0, 0, 0)], np.int64)


def share_rows(images: int, rows: int, extent: int) -> tuple[int, int]:
    """Rows and positions of an item, so that there are some dozen items, fixed by the geometry."""
    wanted = -(-16 // max(images, 1))
    blocks = min(wanted, max(1, rows // 2))
    pieces = min(-(-wanted // blocks), max(1, extent // 64))
    return -(-rows // blocks), -(-extent // pieces)


def combinations(call: LaneCall, blocks: list, steps: tuple[int, int, int], band_size: int) -> tuple:
    """The phases of three axes combined, and their taps as (slot offset, weight offset)."""
    deep, width = call.groups.source, call.plan.width
    kernel = (1, 1, 1, *call.spec.taps)[-3:]
    table, taps = [], []
    for places in product(*(enumerate(axis.phases) for axis in blocks)):
        phases = [phase for _, phase in places]
        bases = [axis.slots.base[number] for (number, _), axis in zip(places, blocks)]
        first = len(taps)
        for combination in product(*(range(len(phase.taps)) for phase in phases)):
            slot = sum(base[j] * step for base, j, step in zip(bases, combination, steps))
            tap = 0
            for phase, j, count in zip(phases, combination, kernel):
                tap = tap * count + phase.taps[j]
            taps += [(slot + j * band_size, (tap * deep + j) * width) for j in range(deep)]
        start = sum(phase.target_start * step for phase, step in zip(phases, call.result_strides))
        reach = [phase.target_step * step for phase, step in zip(phases, call.result_strides)]
        ranges = [bound for phase in phases for bound in (phase.begin, phase.end)]
        table.append((*ranges, start, *reach, first, len(taps) - first))
    return np.array(table, np.int64), np.array(taps or [(0, 0)], np.int64)
