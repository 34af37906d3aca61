"""A product layer, ready to be called: its plan as words and tables, its kernels as addresses.

In: a ConvSpec and an array like those to come. Out: a callable that takes arrays of these strides and gives results.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable

import numpy as np

from ... import runtime
from ...codegen import jit
from ...codegen.ir import BY_NAME, f32
from ...codegen.pack import Gather
from ...codegen.product import PHASE, emit_dots, emit_loops, emit_tiles, loops_params, tile_steps
from ...codegen.weights import WeightOrder, emit_weights, row_tables, weight_words, weights_params
from ...ops.spec import ConvSpec
from ...plan.product import ProductPlan, Register, Source, plan_product, tap_slots, tile_cycles
from ...plan.target import Target
from .kernels import kernel as load_kernel
from .kernels import pack_entry


class ProductCall:
    """One prepared layer; call it with (source, weight, bias, memo)."""

    def __init__(
        self, kernel: str, spec: ConvSpec, source: np.ndarray, activation: str | None, target: Target, threads: int
    ) -> None:
        self.target, self.threads, self.spec, self.kernel = target, threads, spec, kernel
        self.stored = BY_NAME[spec.dtype]
        self.number = f32 if self.stored.kind == "h" else self.stored
        self.dtype = np.dtype(np.float32 if self.number is f32 else np.float64)
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

    def __call__(self, source: np.ndarray, w: np.ndarray, bias: np.ndarray | None, memo: dict | None) -> np.ndarray:
        result = runtime.empty(self.shape, source.dtype)
        if self.empty:
            return result.transpose(self.order)
        packed = self._packed(w, memo)
        scratch = runtime.empty((self.scratch,), self.dtype)
        words = self.words[:]
        address = runtime.address
        words[2], words[3], words[4], words[6] = address(source), address(packed), address(result), address(scratch)
        if bias is not None:
            bias = np.ascontiguousarray(bias, self.dtype)
            words[5] = address(bias)
        runtime.launch(self.entry, words, self.threads_used)
        return result.transpose(self.order)

    # ---------------------------------------------------------------- weights

    def _packed(self, w: np.ndarray, memo: dict | None) -> np.ndarray:
        """The packed weight: from the memo, or packed now."""
        if memo is None:
            return self._pack(w)
        packed = memo.get(self.weights)
        if packed is None:
            packed = memo[self.weights] = self._pack(w)
        return packed

    def _pack(self, w: np.ndarray) -> np.ndarray:
        packed = runtime.empty((self.weights.size,), self.dtype)
        w = np.ascontiguousarray(w)
        words = self.weight_words[:]
        words[2], words[3] = runtime.address(w), runtime.address(packed)
        threads = self.threads if self.weights.size > 32768 else 1
        runtime.launch(self.weight_entry, words, threads)
        return packed

    # ---------------------------------------------------------------- preparation

    def _load(self, activation: str | None) -> None:
        plan, stored, number = self.plan, self.stored, self.number
        channels = (plan.made, plan.summed) if plan.kernel == "fprop" else (plan.summed, plan.made)
        self.weights = WeightOrder(
            plan.kernel, plan.groups, *channels, plan.places,
            plan.chunk, plan.register.width, plan.tail.width, plan.panels, plan.tail.dots,
        )  # fmt: skip
        widths = [register.width for register in (plan.register, plan.tail) if not register.dots]
        lanes = math.gcd(*widths, self.target.lanes(number.bytes))
        self.weight_entry = self._kernel("weights", emit_weights, stored, number, lanes)["weights"]
        self.row_tables = row_tables(self.weights, lanes)
        words = weight_words(self.weights, self.row_tables, lanes)
        self.weight_words = weights_params(stored, number).pack(0, 0, *words)
        self.entry = self._kernel("loops", emit_loops, stored, number, stored)["product"]
        self.scratch = 64 if plan.direct else plan.bands.size * self.threads
        self.threads_used = min(self.threads, plan.items) if self.spec.macs > 200_000 else 1
        self.words = self._words(activation)

    def _kernel(self, title: str, emit: Callable[..., None], *arguments: object) -> jit.Code:
        return load_kernel(self.target, title, emit, *arguments)

    def _words(self, activation: str | None) -> array:
        plan, bands = self.plan, self.plan.bands
        pack, job = self._pack_words()
        steps, limit = self._steps(plan.register)
        tail_steps, tail_limit = self._steps(plan.tail)
        self.tables = [steps, tail_steps, self._phases()]
        axes, blocks = plan.axes, bands.axes
        targets = [axis.result * axis.phases[0].target_step for axis in axes]
        sources = self._distances()
        words = [
            0, 0, 0, 0, 0, bands.size, pack, job,
            plan.items, plan.batch, plan.parts, *(axis.count for axis in blocks),
            *(axis.block for axis in blocks), *(axis.first for axis in blocks),
            plan.image, plan.channel, math.prod(self.shape[1:]),
            *sources, *targets,
            plan.groups, plan.summed, plan.made, plan.chunk, plan.chunks,
            plan.panels, plan.register.width, plan.tail.width, int(plan.tail.dots),
            plan.summed * plan.tap_count, plan.tap_count,
            len(self.tables[2]), *(table.ctypes.data for table in (self.tables[2], steps, tail_steps)),
            max(limit, tail_limit), int(activation == "relu"),
        ]  # fmt: skip
        return loops_params(self.stored, self.number, self.stored).pack(*words)

    def _distances(self) -> list[int]:
        """From one result to the next in what the microkernels read, along d, h and w."""
        plan, bands = self.plan, self.plan.bands
        if plan.direct:
            return [axis.source * axis.phases[0].step for axis in plan.axes]
        return [len(bands.axes[1].slots.coordinates) * bands.row, bands.row, bands.pitch]

    def _pack_words(self) -> tuple[int, int]:
        plan = self.plan
        if plan.direct:
            return 0, 0
        lanes = self.target.lanes(self.number.bytes)
        self.gather = Gather(plan.bands, (*(axis.source for axis in plan.axes), plan.channel), lanes)
        form = self.gather.form
        self.pack = pack_entry(self.target, form, self.stored, self.number)
        return self.pack.address, self.gather.address

    def _steps(self, register: Register) -> tuple[np.ndarray, int]:
        """The table of microkernels by pixels left: (height, address)."""
        types, shape = (self.number, self.stored), (register.vectors, register.heights)
        if register.dots:
            code = self._kernel("dots", emit_dots, *types, *shape)
        else:
            code = self._kernel("tiles", emit_tiles, *types, register.lanes, *shape)
        self.codes = [*getattr(self, "codes", []), code]
        heights = tile_steps(register.heights, tile_cycles(register, self.number.bytes))
        limit = 2 * 14 - 1
        heights += [register.heights[0]] * (limit + 1 - len(heights))
        rows = [(height, code[f"tile{height}"].address if height else 0) for height in heights]
        return np.array(rows, np.int64), limit

    def _phases(self) -> np.ndarray:
        """The table of phases, with their runs behind it."""
        plan = self.plan
        rows, tap = [], 0
        self.runs = []
        slots = tap_slots(self.spec.taps, plan.axes, plan.bands)
        grid = [(d, h, w) for d in range(len(plan.axes[0].phases)) for h in range(len(plan.axes[1].phases))
                for w in range(len(plan.axes[2].phases))]  # fmt: skip
        last = plan.summed - (plan.chunks - 1) * plan.chunk
        for which, taps in zip(grid, slots):
            phases = [axis.phases[p] for axis, p in zip(plan.axes, which)]
            runs, last_runs = (self._runs(which, taps, channels) for channels in (plan.chunk, last))
            self.runs += [runs, last_runs]
            offset = sum(axis.result * phase.target_start for axis, phase in zip(plan.axes, phases))
            spans = [bound for phase in phases for bound in (phase.begin, phase.end)]
            rows.append(
                PHASE.pack(
                    *spans, offset, tap, len(taps), runs.ctypes.data, last_runs.ctypes.data, len(runs), len(last_runs)
                )
            )
            tap += len(taps)
        return np.array(rows, np.int64)

    def _runs(self, which: tuple[int, ...], taps: list, channels: int) -> np.ndarray:
        """(offset in bytes, length) of each run of a phase: taps whose channels are neighbours are one."""
        plan, size = self.plan, self.number.bytes
        distances = self._distances()
        runs: list[list[int]] = []
        for js, _ in taps:
            if plan.direct:
                places = [axis.phases[p].offsets[j] * axis.source for axis, p, j in zip(plan.axes, which, js)]
            else:
                bases = [axis.slots.base[p][j] for axis, p, j in zip(plan.bands.axes, which, js)]
                places = [base * distance for base, distance in zip(bases, distances)]
            offset = sum(places)
            if runs and runs[-1][0] + runs[-1][1] == offset:
                runs[-1][1] += channels
            else:
                runs.append([offset, channels])
        return np.array([[offset * size, length] for offset, length in runs] or np.zeros((0, 2)), np.int64)

    def describe(self) -> str:
        """The plan for people."""
        if self.empty:
            return "an empty result: nothing to compute"
        plan = self.plan
        bands = plan.bands
        how = (
            "read in place"
            if plan.direct
            else f"packed ({self.gather.form}), {bands.size * self.number.bytes >> 10} KB"
        )
        return "\n".join([
            f"product of {plan.summed}×{plan.tap_count} by {plan.made} channels, {plan.groups} groups",
            f"source {how}; chunks of {plan.chunk} channels; block {[axis.block for axis in bands.axes]}",
            f"registers {plan.register.heights[0]}×{plan.register.vectors} of {plan.register.lanes}, "
            f"last panel {plan.tail.heights[0]}×{plan.tail.vectors} of {plan.tail.lanes}, {plan.panels} panels",
            f"{plan.items} items ({plan.parts} parts of the panels) for {self.threads_used} threads",
        ])  # fmt: skip


def addressable(a: np.ndarray) -> bool:
    """Whether all strides are whole numbers, none negative."""
    return all(stride >= 0 and stride % a.itemsize == 0 for stride in a.strides) and a.flags.aligned
