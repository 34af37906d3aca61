"""The weight gradient of a lane convolution, ready to be called.

In: a ConvSpec whose groups are small, and arrays like those to come. Out: a callable that takes arrays of these
strides and gives w.
"""

from __future__ import annotations

from itertools import product
from math import prod
from typing import Any

import numpy as np

from ... import runtime
from ...kernels.depthwise_channels_wgrad import (
    FinishFields,
    PackedFields,
    emit_finish,
    emit_in_place,
    emit_packed,
    finish_params,
    in_place_params,
    packed_params,
)
from ...kernels.pack import Gather
from ...language.ir import index_of
from ...plan.axes import interior, plain_phase, results_inside
from ...plan.blocking import PackedTiles, cut_axis
from ...plan.depthwise_channels import gather_axes, gather_groups, plan_depthwise_channels_wgrad
from ...plan.target import Target
from ...plan.threads import DEPTHWISE_MACS, SUMS
from ...rules.spec import ConvSpec
from .depthwise_channels import row_phase
from .kernels import kernel, number_types, pack_entry

# The first ones are the same of both kernels.
_X, _Y, _SUMS, _SCRATCH = (index_of(PackedFields, name) for name in ("x", "y", "sums", "scratch"))
_FINISHED, _RESULT = (index_of(FinishFields, name) for name in ("sums", "result"))


class DepthwiseChannelsWgradCall:
    """One prepared weight gradient; call it with (x, y)."""

    def __init__(self, spec: ConvSpec, x: np.ndarray, y: np.ndarray, target: Target, threads: int) -> None:
        self.spec = spec = spec._replace(role="fprop")
        self.target = target
        self.stored, self.number, self.dtype = number_types(spec.dtype)
        self.groups, self.axes = gather_groups(spec), gather_axes(spec)
        (self.x_image, self.x_channel, *self.x_steps), (self.y_image, self.y_channel, *self.y_steps) = (
            _strides(array) for array in (x, y)
        )
        plan = self.plan = plan_depthwise_channels_wgrad(spec, target, (self.x_channel == 1, self.y_channel == 1))
        self.channels = self.groups.count * self.groups.result
        terms = prod(spec.taps) * self.groups.source
        self.tap_groups = 1 if plan.in_place else -(-terms // plan.group)
        self.listed = 1 if plan.broadcast else self.groups.source  # channels with packed indices of their own
        self.taps_size = (terms if plan.in_place else self.tap_groups * plan.group) * plan.width
        self.chunk_size = plan.panels * self.taps_size
        self.scratch_size = 0
        (self._prepare_in_place if plan.in_place else self._prepare_packed)()
        self.items = plan.chunks * -(-plan.panels // plan.panel_group)
        self.threads_used = DEPTHWISE_MACS.threads(spec.macs, threads, self.items)
        self.indices = self._indices()
        self.finish = kernel(target, "depthwise channels wgrad finish", emit_finish, self.number, self.stored)["finish"]
        self.finish_words = finish_params(self.number, self.stored).pack(
            sums=None, result=None, count=len(self.indices), chunks=plan.chunks, chunk_size=self.chunk_size,
            indices=self.indices,
        )  # fmt: skip
        self.result_dtype = x.dtype

    def __call__(self, x: np.ndarray, y: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        address = runtime.address
        result = runtime.empty(self.spec.w_shape, self.result_dtype) if out is None else out
        sums = runtime.empty((self.plan.chunks * self.chunk_size,), self.dtype)
        words = self.words[:]
        words[_X], words[_Y], words[_SUMS] = address(x), address(y), address(sums)
        if not self.plan.in_place:
            scratch = runtime.empty((self.threads_used * self.scratch_size,), self.dtype)
            words[_SCRATCH] = address(scratch)
        runtime.launch(self.entry, words, self.threads_used)
        words = self.finish_words[:]
        words[_FINISHED], words[_RESULT] = address(sums), address(result)
        runtime.launch(self.finish, words, SUMS.threads(self.plan.chunks * result.size, self.threads_used))
        return result

    # ---------------------------------------------------------------- preparation

    def _prepare_in_place(self) -> None:
        plan, last = self.plan, self.axes[2]
        phase, leading_dimensions = row_phase(last.phases[0], last.source), (self.x_steps[2], self.y_steps[2])
        arguments = plan.lanes, plan.vectors, plan.rows, self.stored, self.number, phase, leading_dimensions
        self.entry = kernel(self.target, "depthwise channels wgrad in place", emit_in_place, *arguments)["sums"]
        steps = [axis.phases[0].step * stride for axis, stride in zip(self.axes, self.x_steps)]
        self.tables = []
        for axis, stride in zip(self.axes[:2], self.x_steps):
            phase = axis.phases[0]
            rows = [(o * stride, *results_inside(phase, o, axis.source)) for o in phase.offsets]
            self.tables.append(np.array(rows, np.int64))
        counts = [-(-axis.result // block) for axis, block in zip(self.axes, plan.block)]
        taps = (1, 1, 1, *self.spec.taps)[-3:]
        delta = (self.tables[1][1, 0] - self.tables[1][0, 0]).item() if taps[1] > 1 else 0
        inner_begin, inner_end = interior(last.phases[0], last.source)
        self.words = in_place_params(self.stored, self.number).pack(
            **self._common(counts, plan.block, steps, self.y_steps), taps_d=taps[0], taps_h=taps[1],
            inner_begin=inner_begin, inner_end=inner_end, delta_h=delta,
            prefetch=int(self.spec.bytes > 4 * self.target.l2), tap_d=self.tables[0], tap_h=self.tables[1],
        )  # fmt: skip

    def _prepare_packed(self) -> None:
        plan, groups, lanes = self.plan, self.groups, self.target.lanes(self.number.bytes)
        blocks = [cut_axis(axis.phases, axis.source, block) for axis, block in zip(self.axes, plan.block)]
        extents_x = [len(axis.packing.coordinates) for axis in blocks]
        channels = plan.useful // groups.result * groups.source
        leading_dimension = plan.width if plan.broadcast else -(-channels // plan.lanes) * plan.lanes
        packed_tiles = PackedTiles(tuple(blocks), channels, leading_dimension, (extents_x[2] + 1) * leading_dimension)
        descriptor_x = Gather(packed_tiles, (*self.x_steps, self.x_channel), lanes)
        row = packed_tiles.row if plan.broadcast else extents_x[2] * plan.width
        packed_size = extents_x[0] * extents_x[1] * row + plan.width
        raw_offset = 0 if plan.broadcast else packed_size * groups.source
        y_offset = raw_offset + packed_tiles.size
        y_steps, descriptor_y, y_size = self.y_steps, None, 0
        if plan.y_packed:
            pieces = [cut_axis([plain_phase(a.result)], a.result, block) for a, block in zip(self.axes, plan.block)]
            extents = [piece.block for piece in pieces]
            y_tiles = PackedTiles(tuple(pieces), plan.useful, plan.width, (extents[2] + 1) * plan.width)
            descriptor_y = Gather(y_tiles, (*self.y_steps, self.y_channel), lanes)
            y_steps, y_size = [extents[1] * y_tiles.row, y_tiles.row, plan.width], y_tiles.size
        self.scratch_size = y_offset + y_size
        expand = None if plan.broadcast else (groups.source, groups.result)
        broadcast = max(1, plan.broadcast)
        arguments = plan.lanes, plan.vectors, self.stored, self.number, plan.group, broadcast, expand, plan.y_packed
        self.entry = kernel(self.target, "depthwise channels wgrad packed", emit_packed, *arguments)["sums"]
        self.packers = [
            pack_entry(self.target, descriptor.form, self.stored, self.number) if descriptor else None
            for descriptor in (descriptor_x, descriptor_y)
        ]
        taps = self._tap_offsets(blocks, (extents_x[1] * row, row, plan.width), packed_size)
        self.tables = [descriptor_x, descriptor_y, taps]
        counts = [axis.count for axis in blocks]
        packer_x, packer_y = (packer.address if packer else 0 for packer in self.packers)
        self.words = packed_params(self.stored, self.number).pack(
            **self._common(counts, [axis.block for axis in blocks], [0, 0, 0], y_steps), scratch=None,
            packer_x=packer_x, packer_y=packer_y, x_channel=self.x_channel, y_channel=self.y_channel,
            panel_channels=channels, source_channels=groups.count * groups.source, tap_groups=self.tap_groups,
            scratch_size=self.scratch_size, raw_offset=raw_offset, y_offset=y_offset, row=row, plane=extents_x[1] * row,
            packed_size=packed_size, rows=extents_x[0] * extents_x[1], packed_w=extents_x[2], raw_row=packed_tiles.row,
            raw_leading_dimension=leading_dimension, descriptor_x=descriptor_x.address,
            descriptor_y=descriptor_y.address if descriptor_y else None, taps=taps,
        )  # fmt: skip

    def _common(self, counts: list[int], block: list[int], x_steps: list[int], y_steps: list[int]) -> dict[str, Any]:
        """The words that both kernels have."""
        plan = self.plan
        return dict(
            x=None, y=None, sums=None, chunks=plan.chunks, panels=plan.panels,
            panel_groups=-(-plan.panels // plan.panel_group), panel_group=plan.panel_group, useful=plan.useful,
            channels=self.channels, taps_size=self.taps_size, blocks=self.spec.batch * prod(counts),
            count=counts, block=block, out=[axis.result for axis in self.axes], x_image=self.x_image,
            y_image=self.y_image, x_step=x_steps, y_step=y_steps,
        )  # fmt: skip

    def _tap_offsets(self, blocks: list, steps: tuple[int, ...], packed_size: int) -> np.ndarray:
        """The packed index of each tap and source channel; the last one again where the last group is not full."""
        bases = [axis.packing.base[0] for axis in blocks]
        extents_x = [
            sum(base * step for base, step in zip(tap, steps)) + j * packed_size
            for tap in product(*bases)
            for j in range(self.listed)
        ]
        missing = self.tap_groups * self.plan.group // max(1, self.plan.broadcast) - len(extents_x)
        return np.array(extents_x + extents_x[-1:] * missing, np.int64)

    def _indices(self) -> np.ndarray:
        """Where each number of the weight is among the sums of a chunk."""
        plan, deep, taps = self.plan, self.groups.source, prod(self.spec.taps)
        channel = np.arange(self.channels)
        if plan.in_place:  # the last panel is moved back
            panel = np.minimum(channel // plan.width, plan.panels - 1)
            lane = channel - np.minimum(panel * plan.width, self.channels - plan.width)
        else:
            panel, lane = channel // plan.useful, channel % plan.useful
        start = (panel * self.taps_size + lane)[:, None, None]
        inner = (np.arange(taps) * deep + np.arange(deep)[:, None]) * plan.width  # (j, tap)
        return (start + inner).reshape(-1).astype(np.int64)

    def describe(self) -> str:
        """The plan for people."""
        plan = self.plan
        how = "read in place" if plan.in_place else f"packed in blocks of {plan.block}"
        return "\n".join([
            f"by lanes: {self.groups.count} groups of {self.groups.source} by {self.groups.result}, {how}",
            f"{plan.group} taps at once × {plan.vectors} vectors of {plan.lanes}, {plan.panels} panels",
            f"{self.items} items ({plan.chunks} chunks of the pixels) for {self.threads_used} threads",
        ])  # fmt: skip


def _strides(array: np.ndarray) -> tuple[int, ...]:
    """Strides in numbers: image, channel, and three axes."""
    image, channel, *steps = (stride // array.itemsize for stride in array.strides)
    return image, channel, *[0] * (3 - len(steps)), *steps
