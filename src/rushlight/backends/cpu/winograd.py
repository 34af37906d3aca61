"""A Winograd layer, ready to be called: its plan as words and tables, its kernels as addresses.

In: a `WinogradPlan` and an array like those to come. Out: a callable that takes arrays of these strides and gives
results.
"""

from __future__ import annotations

import math
from array import array
from itertools import pairwise, product
from operator import mul

import numpy as np

from ... import runtime
from ...compiler import jit
from ...kernels.pack import Gather
from ...kernels.winograd import Form
from ...kernels.winograd_loops import LayerFields, emit_layer, layer_params
from ...kernels.winograd_watch import STATISTICS, lattice
from ...kernels.winograd_weights import FilterFields, emit_weight, filter_params, transpose_loop
from ...language.ir import BY_NAME, index_of
from ...plan.target import Target
from ...plan.threads import FILTERS
from ...plan.winograd_layer import Line, PhasePlan, WinogradPlan
from ...rules.spec import ConvSpec
from ..protocol import Layout
from .kernels import KEEPING, laid, packed_in_use, remembered, worth_packing

_F32 = np.dtype(np.float32)
_SOURCE, _FILTER, _BIAS, _OUT, _SCRATCH, _SIZE, _STATISTICS, _FUSE = (
    index_of(LayerFields, name)
    for name in ("source", "filter", "bias", "out", "scratch", "thread_size", "statistics", "fuse")
)
_WEIGHT, _INTO, _ROOM = (index_of(FilterFields, name) for name in ("w", "filter", "scratch"))
_TRANSPOSED = 12 << 10
"""Bytes of a weight that are transposed at a time: they are to stay in the first cache."""
_LOW = {None: float("-inf"), "relu": 0.0}


class WinogradCall:
    """One prepared layer; call it with (source, weight, bias, weights_cache)."""

    def __init__(
        self,
        plan: WinogradPlan,
        spec: ConvSpec,
        source: np.ndarray,
        activation: str | None,
        target: Target,
        threads: int,
    ) -> None:
        self.plan, self.threads, self.dtype = plan, threads, source.dtype
        self.output_channels = plan.groups * plan.output_channels
        extents = spec.out if plan.kernel == "fprop" else spec.size
        self.shape = (spec.batch, *extents, self.output_channels)
        self.order = (0, len(self.shape) - 1, *range(1, len(self.shape) - 1))
        self.phases = [
            _Phase(plan, phase, spec, (1,) * (3 - spec.rank) + extents, source, activation, target, threads)
            for phase in plan.phases
        ]

    @property
    def layout(self) -> Layout:
        """How the result lies."""
        return laid(self.shape, self.order, self.dtype)

    @property
    def scratch_bytes(self) -> int:
        """Memory that the threads work in."""
        return max(max(phase.fused_size, phase.thread_size) for phase in self.phases) * self.threads * _F32.itemsize

    def __call__(
        self, source: np.ndarray, w: np.ndarray, bias: np.ndarray | None, weights_cache: dict | None,
        out: np.ndarray | None = None, scratch: np.ndarray | None = None,
    ) -> np.ndarray:  # fmt: skip
        return self.watched(source, w, bias, weights_cache, out, scratch)[0]

    def watched(
        self, source: np.ndarray, w: np.ndarray, bias: np.ndarray | None, weights_cache: dict | None,
        out: np.ndarray | None = None, scratch: np.ndarray | None = None,
    ) -> tuple[np.ndarray, list[array]]:  # fmt: skip
        """The result, and for each phase the statistics of all images and blocks (`kernels.winograd_watch`)."""
        result = runtime.empty(self.shape, self.dtype).transpose(self.order) if out is None else out
        weights = [phase.weights(w, weights_cache) for phase in self.phases]
        sizes = [
            phase.fused_size if packed is None else phase.thread_size for phase, packed in zip(self.phases, weights)
        ]
        if scratch is None:
            scratch = runtime.empty((max(sizes) * self.threads,), _F32)
        padded = self._bias(bias)
        found = [phase.run(source, w, packed, padded, result, scratch) for phase, packed in zip(self.phases, weights)]
        return result, found

    def _bias(self, bias: np.ndarray | None) -> np.ndarray:
        """The bias with room for a panel behind it; zeros where there is none."""
        padded = np.zeros(self.output_channels + max(phase.form.panel for phase in self.phases), _F32)
        if bias is not None:
            padded[: self.output_channels] = bias
        return padded

    def describe(self) -> str:
        """The plan for people."""
        plan = self.plan
        channels = f"{plan.reduced_channels} by {plan.output_channels} channels"
        head = f"Winograd of {channels}, {plan.groups} groups, {len(plan.phases)} phases"
        return "\n".join([head, *(line for phase in self.phases for line in phase.describe())])


def _axis(axis: str, line: Line) -> dict[str, int]:
    """Its words: all taps, stride, padding, the stride of neighbours of a tile, how many positions there are."""
    kernel = line.kernel if line.stride > 1 else line.taps
    words = dict(kernel=kernel, stride=line.stride, low=line.low, dilation=line.stride * line.dilation, size=line.size)
    return {f"{name}_{axis}": number for name, number in words.items()}


class _Phase:
    """One phase of the results: kernels, words, and how its weights are transformed."""

    def __init__(
        self, layer: WinogradPlan, plan: PhasePlan, spec: ConvSpec, extents: tuple[int, ...], source: np.ndarray,
        activation: str | None, target: Target, threads: int,
    ) -> None:  # fmt: skip
        self.layer, self.plan, self.target, self.threads, self.spec = layer, plan, target, threads, spec
        self.panels, self.taps = layer.groups * plan.panels, math.prod(spec.taps)
        stored = BY_NAME[spec.dtype]
        lattices = tuple(
            lattice(form.inputs, line.least) for form, line in zip((plan.rows, plan.columns), plan.lines[1:])
        )
        self.form = Form(plan.rows, plan.columns, target.lanes(4), plan.vectors, plan.heights, stored, lattices)
        self.gather = Gather(plan.packed_tiles, self._strides(source), target.lanes(4))
        self._load()
        # Not a multiple of 4096 bytes: the ξ of a weight share no cache set.
        self.point = layer.reduced_channels * self.form.panel + 16
        self.words = self._words(source, extents, activation)
        self._prepare_weights()
        forms = plan.rows.results, plan.columns.results
        taps = tuple((line.taps, line.first, line.tap_step) for line in plan.lines)
        self.key = ("winograd", layer.kernel, spec.groups, forms, taps, tuple(line.stride for line in plan.lines))

    def _prepare_weights(self) -> None:
        plan, panel, taps = self.plan, self.form.panel, self.taps
        self.tap_order, self.descriptors = self._tap_order(), {}
        self.weight_block = max(1, min(self.layer.reduced_channels, _TRANSPOSED // (taps * panel * 4)))
        self.weight_blocks = -(-self.layer.reduced_channels // self.weight_block)
        # A tile that is transposed may end as many channels behind the last one as a vector has lanes.
        self.transposed = (self.weight_block + self.form.lanes) * taps * panel
        self.filter_size = self.panels * plan.points * self.point
        self.fused_size = -(-(self.thread_size + plan.points * self.point + self.transposed) // 64) * 64
        self.keep = remembered
        if plan.once(self.spec.batch):
            # With several phases, each transposes the taps of all of them again.
            several = len(self.layer.phases) > 1
            self.keep = worth_packing if several or plan.kept else packed_in_use

    def run(
        self, source: np.ndarray, w: np.ndarray, packed: np.ndarray | None, bias: np.ndarray, result: np.ndarray,
        scratch: np.ndarray,
    ) -> array:  # fmt: skip
        """Writes the phase's part of the result, with packed weights or, without, packing each panel as it goes.

        Gives the statistics, and behind them 1 where a block is loud, 1 where a weight is not finite."""
        words, address, statistics = self.words[:], runtime.address, array("d", self.nothing)
        words[_SOURCE], words[_BIAS] = address(source), address(bias)
        words[_OUT], words[_SCRATCH] = address(result) + self.start, address(scratch)
        words[_STATISTICS] = statistics.buffer_info()[0]
        if packed is None:
            w, descriptor = self._weight_descriptor(w)
            offsets = self.thread_size, self.thread_size + self.plan.points * self.point
            words[_SIZE] = self.fused_size
            # What packs a panel, its words, all blocks of the weight, and two offsets in the scratch: the last words.
            words[_FUSE:] = array("q", (self.panel_entry, descriptor.buffer_info()[0], self.weight_blocks, *offsets))
        else:
            words[_FILTER] = address(packed)
        runtime.launch(self.entry, words, self.threads)
        return statistics

    # ---------------------------------------------------------------- weights

    def weights(self, w: np.ndarray, weights_cache: dict | None) -> np.ndarray | None:
        """The transformed weights; None where they are transformed in use."""
        return self.keep(weights_cache, self.key, self._transform, w)

    def _transform(self, w: np.ndarray) -> np.ndarray:
        """The transformed weights of all panels."""
        weights, scratch = (
            runtime.empty((self.filter_size,), _F32),
            runtime.empty((self.transposed * self.threads,), _F32),
        )
        w, words = self._weight_descriptor(w)
        words[_INTO], words[_ROOM] = runtime.address(weights), runtime.address(scratch)
        runtime.launch(self.filter_entry, words, FILTERS.threads(weights.size, self.threads))
        return weights

    def _weight_descriptor(self, w: np.ndarray) -> tuple[np.ndarray, array]:
        """The weight as it will be read, and the words for its transform (made once for weights of its strides)."""
        if w.strides not in self.descriptors:
            self.descriptors[w.strides] = self._transpose_words(w)
        words = self.descriptors[w.strides]
        if words is None:
            return self._weight_descriptor(np.ascontiguousarray(w))
        words = words[:]
        words[_WEIGHT] = runtime.address(w)
        return w, words

    def _transpose_words(self, w: np.ndarray) -> array | None:
        """The words of a loop along what is dense in a weight of these strides; None where nothing is."""
        layer, plan = self.layer, self.plan
        co, ci, *steps = (stride // w.itemsize for stride in w.strides)
        lane, channel = (ci, co) if layer.kernel == "dgrad" else (co, ci)
        moved = [(step, count) for step, count in zip(steps, self.spec.taps) if count > 1]  # others have any stride
        follows = all(step == after * count for (step, _), (after, count) in pairwise(moved))
        loop = transpose_loop(lane, channel, moved[-1][0], self.taps) if follows else None
        if loop is None:
            return None
        return filter_params(self.form.stored).pack(
            w=None, filter=None, scratch=None, room=self.transposed, order=self.tap_order,
            channels=layer.reduced_channels, results=layer.output_channels, panels=self.panels,
            group_panels=plan.panels, depth_taps=plan.depth_taps, taps=self.taps, point=self.point,
            blocks=self.weight_blocks, block=self.weight_block, group=co * (self.spec.out_channels // layer.groups),
            lane=lane, channel=channel, **loop._asdict(),
        )  # fmt: skip

    def _tap_order(self) -> np.ndarray:
        """For each depth tap (or class) the index of each of its taps in the weight, −1 where it has none."""
        lines, three = self.plan.lines, (1,) * (3 - self.spec.rank) + self.spec.taps
        sizes, strides = self._in_order(three), self._in_order([math.prod(three[axis + 1 :]) for axis in range(3)])
        found = [
            [line.first + line.tap_step * (tap * line.stride + part) for line, tap, part in zip(lines, taps, parts)]
            for parts in product(*(range(line.stride) for line in lines))
            for taps in product(*(range(line.taps) for line in lines))
        ]
        return np.array([
            sum(map(mul, taps, strides)) if all(tap < size for tap, size in zip(taps, sizes)) else -1 for taps in found
        ], np.int64)  # fmt: skip

    # ---------------------------------------------------------------- preparation

    def _strides(self, source: np.ndarray) -> tuple[int, int, int, int]:
        """Those of the three lines and the channels, in numbers."""
        _, channel, *spatial = (stride // source.itemsize for stride in source.strides)
        return (*self._in_order([0] * (3 - len(spatial)) + spatial), channel)

    def _in_order(self, steps: list[int]) -> list[int]:
        return [steps[i] for i in self.layer.order]

    def _load(self) -> None:
        target, form, pack = self.target, self.form, self.gather.form
        key = f"{form.rows.results} {form.columns.results} {form.rows.taps} {form.columns.taps} "
        key += f"{form.lanes} {form.vectors} {form.heights} {form.stored}"
        layer = jit.kernel(f"winograd {key} {form.lattices} {pack}", lambda: emit_layer(target, form, pack), target)
        weight = jit.kernel(f"winograd filter {key}", lambda: emit_weight(target, form), target)
        self.entry, self.filter_entry = layer["winograd"], weight["filter"]
        self.panel_entry = weight["filter_panel"].address

    def _words(self, source: np.ndarray, extents: tuple[int, ...], activation: str | None) -> object:
        layer, plan, form, packed_tiles = self.layer, self.plan, self.form, self.plan.packed_tiles
        _, packed_h, _ = (len(axis.packing.coordinates) for axis in packed_tiles.axes)
        self.depth_table, self.depth_index = self._depth_tables(packed_h * packed_tiles.row)
        packed_d = len(self.depth_table)
        most = form.heights[0]
        channels = layer.groups * layer.reduced_channels
        self.width = -(-channels // form.lanes) * form.lanes
        tiles = plan.images * len(plan.tiles[0].starts) * len(plan.tiles[1].starts)
        capacity = -(-tiles // most) * most
        self.tile_tables = [np.array(axis.starts, np.int64) for axis in plan.tiles]
        point = capacity * self.width + form.lanes  # not a multiple of 4096 bytes: neighbours share no cache set
        transformed, sums = packed_d * form.points * point, form.points * capacity * form.panel
        packed_tile = -(-packed_tiles.size // 64) * 64
        windows = -(-(packed_tile + transformed + sums) // 64) * 64
        self.thread_size = windows + -(-2 * packed_d * layer.groups * capacity // 64) * 64
        self.nothing = bytes(8 * (self.spec.batch * packed_tiles.blocks * len(STATISTICS) + 2))
        image, channel = (stride // source.itemsize for stride in source.strides[:2])
        pixel = layer.groups * layer.output_channels
        row = pixel * extents[2]
        plane = row * extents[1]
        distances = self._in_order([plane, row, pixel])
        steps = [distance * line.step for distance, line in zip(distances, plan.lines)]
        self.start = source.itemsize * sum(distance * line.start for distance, line in zip(distances, plan.lines))
        (tiles_h, tiles_w), (table_h, table_w) = plan.tiles, self.tile_tables
        return layer_params(form.stored).pack(
            descriptor=self.gather.address, source=None, filter=None, bias=None, out=None, scratch=None,
            low=_LOW[activation], images=self.spec.batch, group=plan.images,
            blocks=[axis.count for axis in packed_tiles.axes], parts=plan.parts, image_stride=image,
            channel_stride=channel, channels=channels, chunk=packed_tiles.channels, width=self.width,
            reduced_channels=layer.reduced_channels, output_channels=layer.output_channels, packed_d=packed_d,
            depths=plan.extents[0], block_d=packed_tiles.axes[0].block, taps_d=plan.depth_taps,
            base_d=self.depth_index, depth_table=self.depth_table, rows=len(table_h), columns=len(table_w),
            tile_table_h=table_h, tile_table_w=table_w, extent_h=tiles_h.block_extent, extent_w=tiles_w.block_extent,
            step_h=tiles_h.step, step_w=tiles_w.step, out_h=plan.extents[1], out_w=plan.extents[2],
            panels=self.panels, group_panels=plan.panels, out_image=plane * extents[0], out_d=steps[0],
            out_row=steps[1], out_pixel=steps[2], packed_row=packed_tiles.row,
            leading_dimension=packed_tiles.leading_dimension, packed_size=packed_tile, capacity=capacity, point=point,
            weight=self.point, thread_size=self.thread_size, statistics=None, windows=windows,
            **_axis("h", plan.lines[1]), **_axis("w", plan.lines[2]),
            fuse=0, weight_descriptor=None, weight_blocks=0, weight_offset=0, transposed_offset=0,
        )  # fmt: skip

    def _depth_tables(self, plane: int) -> tuple[np.ndarray, np.ndarray]:
        """Where each packed depth begins in the packed tile, and the packed index of each depth tap."""
        plan, packed_tiles = self.plan, self.plan.packed_tiles
        if plan.classes == 1:
            depths = packed_tiles.axes[0].packing
            return np.arange(len(depths.coordinates)) * plane, np.array(depths.base[0], np.int64)
        rows, columns = (
            np.arange(line.stride) * axis.length * distance
            for line, axis, distance in zip(
                plan.lines[1:], plan.tiles, (packed_tiles.row, packed_tiles.leading_dimension)
            )
        )
        return (rows[:, None] + columns).reshape(-1), np.arange(plan.classes)

    def describe(self) -> list[str]:
        """The plan for people."""
        plan, (rows, columns) = self.plan, (self.plan.rows, self.plan.columns)
        sums = rows.results * columns.results * rows.taps * columns.taps
        return [
            f"F({rows.results}×{columns.results}, {rows.taps}×{columns.taps}): {rows.inputs * columns.inputs} "
            f"multiplications a tile for {sums}",
            f"items of {plan.images}×{len(self.tile_tables[0])}×{len(self.tile_tables[1])} tiles, source packed "
            f"({self.gather.form}), {self.panels} panels in {plan.parts} parts for {self.threads} threads; "
            f"weights {KEEPING[self.keep]}",
        ]
