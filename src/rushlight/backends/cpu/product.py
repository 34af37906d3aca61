"""A product layer, ready to be called: its plan as words and tables, its kernels as addresses.

In: a ConvSpec and an array like those to come. Out: a callable that takes arrays of these strides and gives results.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable
from typing import Any

import numpy as np

from ... import runtime
from ...compiler import jit
from ...kernels.pack import Gather
from ...kernels.product import PHASE, LoopsFields, emit_dots, emit_loops, emit_tiles, loops_params
from ...kernels.weights import (
    WeightOrder,
    WeightsFields,
    emit_weights,
    row_tables,
    weight_words,
    weights_params,
)
from ...language.ir import index_of
from ...plan.product import ProductPlan, Register, Source, TapOrder, plan_product, tile_cycles
from ...plan.target import Target
from ...plan.threads import MACS, WEIGHTS
from ...plan.tiles import Segment, row_costs, segments, tap_sets, tile_steps
from ...rules.spec import ConvSpec
from ..protocol import Layout
from .kernels import KEEPING, laid, number_types, pack_entry, remembered, worth_packing
from .kernels import kernel as load_kernel

_X, _W, _Y, _BIAS, _SCRATCH, _PACKED_SIZE, _PHASE, _FUSE, _WEIGHT_DESCRIPTOR, _SCRATCH_OFFSET = (
    index_of(LoopsFields, name)
    for name in (
        "x", "w", "y", "bias", "scratch", "packed_size", "phase", "fuse", "weight_descriptor", "scratch_offset",
    )
)  # fmt: skip
_WEIGHT, _PACKED, _NOT_FINITE = (index_of(WeightsFields, name) for name in ("w", "packed", "not_finite"))
_SEGMENT_CYCLES = 90
"""What a piece of a row with taps of its own costs before it multiplies anything."""
FAR = 1024
"""Bytes between the pixels of an array from which the machine does not foresee what is read next."""
LIMIT = 63
"""The last entry of a table of tiles: more results than that begin like so many."""


class ProductCall:
    """One prepared layer; call it with (source, weight, bias, weights_cache). `widened`: halves give float32."""

    def __init__(
        self, kernel: str, spec: ConvSpec, source: np.ndarray, activation: str | None, target: Target, threads: int,
        widened: bool = False,
    ) -> None:  # fmt: skip
        self.target, self.threads, self.spec, self.kernel = target, threads, spec, kernel
        self.stored, self.number, self.dtype = number_types(spec.dtype)
        self.result, self.result_dtype = (self.number, self.dtype) if widened else (self.stored, source.dtype)
        channels, extents = (spec.out_channels, spec.out) if kernel == "fprop" else (spec.in_channels, spec.size)
        self.shape = (spec.batch, *extents, channels)
        self.order = (0, len(self.shape) - 1, *range(1, len(self.shape) - 1))
        self.empty = 0 in self.shape
        if not self.empty:
            self.plan = self._plan(source)
            self._load(activation)

    def _plan(self, source: np.ndarray) -> ProductPlan:
        image, channel, *spatial = (stride // source.itemsize for stride in source.strides)
        wide = self.stored is self.number
        return plan_product(
            self.spec, self.kernel, Source(image, channel, tuple(spatial), wide), self.target, self.threads,
            self.number.bytes,
        )  # fmt: skip

    @property
    def layout(self) -> Layout:
        """How the result lies."""
        return laid(self.shape, self.order, self.result_dtype)

    @property
    def scratch_bytes(self) -> int:
        """Memory that the threads work in."""
        return 0 if self.empty else max(self.scratch, self._fused_scratch()) * self.dtype.itemsize

    def __call__(
        self, source: np.ndarray, w: np.ndarray, bias: np.ndarray | None, weights_cache: dict | None,
        out: np.ndarray | None = None, scratch: np.ndarray | None = None,
    ) -> np.ndarray:  # fmt: skip
        result = out
        if result is None:
            result = runtime.empty(self.shape, self.result_dtype)
            if len(self.order) > 2:
                result = result.transpose(self.order)
        if self.empty:
            return result
        kept = self.keep(weights_cache, self.weights, self._pack, w)
        words, address = self.words[:], runtime.address
        words[_X], words[_Y] = address(source), address(result)
        if bias is not None:
            bias = np.ascontiguousarray(bias, self.dtype)
            words[_BIAS] = address(bias)
        if kept is None:
            finite = self._launch_fused(words, w, scratch)
            if not self.strictness_matters or finite:
                return result
            kept = remembered(weights_cache, self.weights, self._pack, w)
        packed, finite = kept
        if scratch is None:
            scratch = self.unused if self.plan.direct else runtime.empty((self.scratch,), self.dtype)
        words[_W], words[_SCRATCH] = address(packed), address(scratch)
        if self.strictness_matters and not finite:
            words[_PHASE] = self._strictly()
        runtime.launch(self.entry, words, self.threads_used)
        return result

    def _fused_scratch(self) -> int:
        return (self.scratch_offset + self.panel_size) * self.threads_used

    def _launch_fused(self, words: array, w: np.ndarray, scratch: np.ndarray | None) -> bool:
        """Run with weights that are packed panel by panel where they are used; whether they are finite."""
        w = self._lying(w)
        flag, each = np.zeros(1, self.dtype), self.scratch_offset + self.panel_size
        if scratch is None:
            scratch = runtime.empty((each * self.threads_used,), self.dtype)
        descriptor = self.weight_words[:]
        descriptor[_WEIGHT], descriptor[_NOT_FINITE] = runtime.address(w), runtime.address(flag)
        mine = words[:]
        mine[_SCRATCH], mine[_PACKED_SIZE] = runtime.address(scratch), each
        mine[_FUSE], mine[_WEIGHT_DESCRIPTOR] = self.panel_entry, descriptor.buffer_info()[0]
        mine[_SCRATCH_OFFSET] = self.scratch_offset
        runtime.launch(self.entry, mine, self.threads_used)
        return not flag[0]

    # ---------------------------------------------------------------- weights

    def _pack(self, w: np.ndarray) -> tuple[np.ndarray, bool]:
        """The packed weight, and whether it is finite."""
        packed = runtime.empty((self.weights.size,), self.dtype)
        packed[-1] = 0
        w = self._lying(w)
        words = self.weight_words[:]
        words[_WEIGHT], words[_PACKED] = runtime.address(w), runtime.address(packed)
        words[_NOT_FINITE] = words[_PACKED] + packed.nbytes - packed.itemsize
        runtime.launch(self.weight_entry, words, WEIGHTS.threads(self.weights.size, self.threads))
        return packed, not packed[-1]

    def _lying(self, w: np.ndarray) -> np.ndarray:
        """A weight as the words of its kernel say."""
        return np.ascontiguousarray(w)

    def _strictly(self) -> int:
        """The table of phases for weights that are not finite."""
        table = self.strict_phases
        if table is None:
            table = self.strict_phases = self._phases(strict=True)
            self.kept.append(table)  # two threads may make one at once, and both are in use
        return table.ctypes.data

    # ---------------------------------------------------------------- preparation

    def _load(self, activation: str | None) -> None:
        plan, stored, number = self.plan, self.stored, self.number
        channels = (
            (plan.output_channels, plan.reduced_channels)
            if plan.kernel == "fprop"
            else (plan.reduced_channels, plan.output_channels)
        )
        self.weights = WeightOrder(
            plan.kernel, plan.groups, *channels, plan.tap_index,
            plan.chunk, plan.register.width, plan.tail.width, plan.panels, plan.last, plan.tail.dots,
        )  # fmt: skip
        widths = [register.width for register in (plan.register, plan.tail) if not register.dots]
        lanes = math.gcd(*widths, self.target.lanes(number.bytes))
        code = self._kernel("weights", emit_weights, stored, number, lanes, self.weights.form(lanes), plan.tail.dots)
        self.weight_entry, self.panel_entry = code["weights"], code["weights_panel"].address
        self.row_tables = row_tables(self.weights, lanes)
        words = weight_words(self.weights, self.row_tables, lanes)
        self.weight_words = weights_params(stored, number).pack(w=None, packed=None, not_finite=None, **words)
        self.entry = self._kernel("loops", emit_loops, stored, number, self.result)["product"]
        self.unused = np.empty(64, self.dtype)  # what kernels are told that pack nothing
        self.scratch = len(self.unused) if plan.direct else plan.packed_tiles.size * self.threads
        self.keep = worth_packing if plan.once else remembered
        self.scratch_offset = 0 if plan.direct else -(-plan.packed_tiles.size // 16) * 16
        self.panel_size = -(-((plan.reduced_channels * plan.tap_count + 1) * plan.register.width + 64) // 16) * 16
        self.threads_used = MACS.threads(self.spec.macs, self.threads, plan.items)
        self.kept: list[np.ndarray] = []  # tables whose addresses are in others
        self.strictness_matters, self.strict_phases = False, None
        self.words = self._words(activation)

    def _kernel(self, title: str, emit: Callable[..., None], *arguments: object) -> jit.Code:
        return load_kernel(self.target, title, emit, *arguments)

    def _words(self, activation: str | None) -> array:
        plan, packed_tiles = self.plan, self.plan.packed_tiles
        packer, descriptor = self._pack_words()
        steps, tail_steps = self._steps(plan.register), self._steps(plan.tail)
        self.tables = [steps, tail_steps, self._phases(strict=False)]
        axes, blocks = plan.axes, packed_tiles.axes
        targets = [axis.result * axis.phases[0].target_step for axis in axes]
        phases = self.tables[2]
        return loops_params(self.stored, self.number, self.result).pack(
            x=None, w=None, y=None, bias=0, scratch=None, packed_size=packed_tiles.size, packer=packer,
            descriptor=descriptor, items=plan.items, batch=plan.batch, parts=plan.parts,
            blocks=[axis.count for axis in blocks], block=[axis.block for axis in blocks],
            first=[axis.first for axis in blocks], x_image=plan.image, x_channel=plan.channel,
            y_image=math.prod(self.shape[1:]), source_step=self._distances(), result_step=targets,
            groups=plan.groups, group_in=plan.reduced_channels, group_out=plan.output_channels,
            x_group=plan.source_group, y_group=plan.result_group, chunk=plan.chunk, chunks=plan.chunks,
            panels=plan.panels, width=plan.register.width, tail=plan.tail.width, last=plan.last, dots=plan.tail.dots,
            rows=plan.reduced_channels * plan.tap_count, taps=plan.tap_count,
            phases=len(phases), phase=phases, steps=steps, tail_steps=tail_steps, limit=LIMIT,
            relu=activation == "relu", prefetch=self.prefetches, fuse=0, weight_descriptor=None, scratch_offset=0,
        )  # fmt: skip

    def _distances(self) -> list[int]:
        """From one result to the next in what the microkernels read, along d, h and w."""
        plan, packed_tiles = self.plan, self.plan.packed_tiles
        if plan.direct:
            return [axis.source * axis.phases[0].step for axis in plan.axes]
        return [
            len(packed_tiles.axes[1].packing.coordinates) * packed_tiles.row,
            packed_tiles.row,
            packed_tiles.leading_dimension * packed_tiles.axes[2].packing.stride,
        ]

    def _pack_words(self) -> tuple[int, int]:
        plan = self.plan
        if plan.direct:
            return 0, 0
        lanes = self.target.lanes(self.number.bytes)
        self.gather = Gather(plan.packed_tiles, (*(axis.source for axis in plan.axes), plan.channel), lanes)
        form = self.gather.form
        self.pack = pack_entry(self.target, form, self.stored, self.number)
        return self.pack.address, self.gather.address

    @property
    def prefetches(self) -> bool:
        """Whether tiles prefetch their source: pixels at a large stride in an array that comes from beyond the
        caches."""
        far = self.plan.axes[2].source * self.number.bytes >= FAR
        return self.plan.direct and far and self.spec.bytes > 4 * self.target.l2

    def _steps(self, register: Register) -> np.ndarray:
        """The table of microkernels by pixels left: (height, address, how many)."""
        types, shape = (self.number, self.result), (register.vectors, register.heights)
        if register.dots:
            code = self._kernel("dots", emit_dots, *types, *shape)
        else:
            code = self._kernel("tiles", emit_tiles, *types, register.lanes, *shape, self.prefetches)
        self.codes = [*getattr(self, "codes", []), code]
        steps = tile_steps(register.heights, tile_cycles(register, self.number.bytes), LIMIT)
        return np.array([(h, code[f"tile{h}"].address if h else 0, count) for h, count in steps], np.int64)

    def _phases(self, strict: bool) -> np.ndarray:
        """The table of phases. Taps that read padding alone are left out.

        `strict` is for weights that are not finite: a padded zero of fprop really multiplies (0·∞ is NaN), while a
        result of dgrad has exactly those taps that read a source."""
        plan, rows, tap = self.plan, [], 0
        register, every = plan.register, strict and plan.kernel == "fprop"
        costs = row_costs(register.heights, tile_cycles(register, self.number.bytes))
        for order in plan.orders:
            phases = [axis.phases[p] for axis, p in zip(plan.axes, order.phases)]
            once = _SEGMENT_CYCLES / max(1, len(order.pairs) * plan.chunk)
            along_d, along_h, along_w = (tap_sets(phase, axis.size, every) for axis, phase in zip(plan.axes, phases))
            pieces = along_w if strict else segments(along_w, costs, register.heights[0], once)
            if plan.kernel == "dgrad":
                self.strictness_matters |= pieces != along_w
            else:
                sets = zip((along_d, along_h, pieces), phases)
                self.strictness_matters |= any(len(p.taps) < len(phase.taps) for some, phase in sets for p in some)
            offset = sum(axis.result * phase.target_start for axis, phase in zip(plan.axes, phases))
            bounds = {f"begin_{axis}": phase.begin for axis, phase in zip("dhw", phases)}
            bounds |= {f"end_{axis}": phase.end for axis, phase in zip("dhw", phases)}
            rows.append(PHASE.pack(
                **bounds, y_offset=offset, tap=tap, **self._tap_tables(order, along_d, along_h, pieces),
                segment_count=len(pieces),
            ))  # fmt: skip
            tap += len(order.taps)
        return np.array(rows, np.int64)

    def _tap_tables(self, order: TapOrder, along_d: list, along_h: list, pieces: list) -> dict[str, Any]:
        """The kinds of rows along d and h (and how many along h), their pairs of taps, and segments."""
        tap_offsets = [self._tap_offsets(axis, p) for axis, p in enumerate(order.phases)]
        numbered = [(number * len(order.last), pair) for number, pair in enumerate(order.pairs)]
        pairs = [
            self._table(
                [(tap_offsets[0][d] + tap_offsets[1][h], i) for i, (d, h) in numbered if d in a.taps and h in b.taps], 2
            )
            for a in along_d
            for b in along_h
        ]
        runs = [self._runs(order, tap_offsets[2], piece) for piece in pieces]
        kinds = [
            self._table([kind for kind, piece in enumerate(some) for _ in range(piece.begin, piece.end)])
            for some in (along_d, along_h)
        ]
        rows = [(table.ctypes.data, len(table)) for table in pairs]
        cut = [(piece.begin, piece.end, table.ctypes.data, len(table)) for piece, table in zip(pieces, runs)]
        return dict(
            class_d=kinds[0], class_h=kinds[1], classes_h=len(along_h), pairs=self._table(rows),
            segments=self._table(cut),
        )  # fmt: skip

    def _table(self, rows: list, columns: int = 0) -> np.ndarray:
        """Rows as memory that lives as long as this call."""
        table = np.array(rows, np.int64)
        self.kept.append(table)
        return table.reshape(-1, columns) if columns else table

    def _tap_offsets(self, axis: int, p: int) -> list[int]:
        """Where each tap of a phase finds the first result's source, in bytes."""
        plan = self.plan
        if plan.direct:
            tap_offsets, step = plan.axes[axis].phases[p].offsets, plan.axes[axis].source
        else:
            packing = plan.packed_tiles.axes[axis].packing
            tap_offsets, step = packing.base[p], self._distances()[axis] // packing.stride
        return [offset * step * self.number.bytes for offset in tap_offsets]

    def _runs(self, order: TapOrder, tap_offsets: list[int], piece: Segment) -> np.ndarray:
        """(offset in bytes, taps, number of the first) of each run: taps whose channels are neighbours are one."""
        step = self.plan.reduced_channels * self.number.bytes if self.plan.chunks == 1 else 0
        runs: list[list[int]] = []
        for number, j in enumerate(order.last):
            if j not in piece.taps:
                continue
            if runs and step and runs[-1][0] + runs[-1][1] * step == tap_offsets[j] and sum(runs[-1][1:]) == number:
                runs[-1][1] += 1
            else:
                runs.append([tap_offsets[j], 1, number])
        return self._table(runs, 3)

    def describe(self) -> str:
        """The plan for people."""
        if self.empty:
            return "an empty result: nothing to compute"
        plan = self.plan
        packed_tiles = plan.packed_tiles
        how = (
            "read in place"
            if plan.direct
            else f"packed ({self.gather.form}), {packed_tiles.size * self.number.bytes >> 10} KB"
        )
        return "\n".join([
            f"product of {plan.reduced_channels}×{plan.tap_count} by {plan.output_channels} channels, "
            f"{plan.groups} groups",
            f"source {how}; chunks of {plan.chunk} channels; block {[axis.block for axis in packed_tiles.axes]}",
            f"registers {plan.register.heights[0]}×{plan.register.vectors} of {plan.register.lanes}, "
            f"last panel {plan.tail.heights[0]}×{plan.tail.vectors} of {plan.tail.lanes}, {plan.panels} panels",
            f"{plan.items} items ({plan.parts} parts of the panels) for {self.threads_used} threads; "
            f"weights {KEEPING[self.keep]}",
        ])  # fmt: skip
