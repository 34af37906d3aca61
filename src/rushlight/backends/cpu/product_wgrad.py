"""A weight gradient, ready to be called: its plan as words and tables, its kernels as addresses.

In: a ConvSpec and arrays like those to come. Out: a callable that takes arrays of these strides and gives w.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np

from ... import runtime
from ...kernels.pack import Gather, form_of
from ...kernels.wgrad import (
    FinishFields,
    OperandWords,
    ProductFields,
    emit_wgrad,
    finish_params,
    product_params,
)
from ...language.ir import Type, index_of
from ...plan.axes import Phase, interior, plain_phase, results_inside
from ...plan.blocking import PackedTiles, cut_axis, lay_packed_tile
from ...plan.target import Target
from ...plan.threads import MACS, SUMS
from ...plan.wgrad import ProductPlan, Side, axes_of, is_far, is_narrow, plan_product, wants_room
from ...rules.spec import ConvSpec
from .kernels import kernel, number_types, pack_entry

EXTENT = 512
"""Channels that are packed in one pass over the pixels."""

_LEFT, _RIGHT, _SUMS, _SCRATCH = (index_of(ProductFields, name) for name in ("left", "right", "sums", "scratch"))
_FINISHED, _RESULT = (index_of(FinishFields, name) for name in ("sums", "result"))


class Operand:
    """x or y as the kernel reads it: image, channel and axis strides in numbers, packed block by block or in place."""

    def __init__(
        self, spec: ConvSpec, source: np.ndarray, phases: Sequence[Phase], sizes: Sequence[int], must_pack: bool
    ) -> None:
        strides = [stride // source.itemsize for stride in source.strides]
        image, self.channel, *rest = strides if spec.rank else (0, strides[1], strides[0])
        self.image = image
        self.axes = [0] * (3 - len(rest)) + list(rest)
        self.phases, self.sizes = phases, sizes
        far = is_far(spec, phases[2].step * self.axes[2] * source.itemsize)
        self.packed = must_pack or self.channel != 1 or far
        self.packed_tiles: PackedTiles | None = None

    def lay(self, pixels: tuple[int, ...], side: Side, lanes: int, itemsize: int, merged: bool, overlap: bool) -> None:
        """Choose the packed tile of a panel, where the operand is packed; `merged`: packed indices follow each other
        without a gap."""
        if not self.packed:
            return
        blocks = [cut_axis([phase], size, block) for phase, size, block in zip(self.phases, self.sizes, pixels[1:])]
        packed_tiles = lay_packed_tile(blocks, side.panel, lanes, itemsize)
        leading_dimension, extent = (
            side.panel if merged else packed_tiles.leading_dimension,
            len(blocks[2].packing.coordinates),
        )
        strides = (*self.axes, self.channel)
        # Rows need no spare packed index between them, nor do images, where nothing is written behind them but zeros,
        # or what the next row overwrites. Tiles that are transposed write there what a stride leaves out: not above
        # padding.
        inside = [interior(phase, size) == (phase.begin, phase.end) for phase, size in zip(self.phases, self.sizes)]
        alone = len(self.phases[2].taps) == 1 and inside[2] and (self.phases[2].step == 1 or all(inside))
        dense = not merged and (form_of(packed_tiles, strides) == "rows" or alone)
        self.packed_tiles = packed_tiles._replace(
            leading_dimension=leading_dimension, row=(extent if dense else extent + 1) * leading_dimension
        )
        self.image_step = self.packed_tiles.rows * self.packed_tiles.row if dense else self.packed_tiles.size
        self.panel_step = pixels[0] * self.image_step + 64
        self.size = self.panel_step * side.panels
        self.descriptor = Gather(
            self.packed_tiles, strides, lanes, None if merged else (side.panel, self.panel_step, int(overlap))
        )
        self.extent = max(1, EXTENT // side.panel) * side.panel if self.form == "panels" else side.panel

    @property
    def form(self) -> str:
        """How it is packed; "" in place."""
        return self.descriptor.form if self.packed else ""

    @property
    def steps(self) -> list[int]:
        """Numbers from one result to the next, along image, d, h, w."""
        if not self.packed:
            return [self.image] + [phase.step * stride for phase, stride in zip(self.phases, self.axes)]
        rows = len(self.packed_tiles.axes[1].packing.coordinates)
        return [
            self.image_step,
            rows * self.packed_tiles.row,
            self.packed_tiles.row,
            self.packed_tiles.leading_dimension,
        ]

    def tap_offsets(self, axis: int) -> list[int]:
        """Numbers from the first result of a block to what a tap reads there."""
        if not self.packed:
            return [offset * self.axes[axis] for offset in self.phases[axis].offsets]
        return [base * self.steps[axis + 1] for base in self.packed_tiles.axes[axis].packing.base[0]]


class EmptyWgrad:
    """The gradient of a weight that read no input."""

    def __init__(self, spec: ConvSpec, dtype: np.dtype) -> None:
        self.shape, self.dtype = spec.w_shape, dtype

    def __call__(self, x: np.ndarray, y: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        if out is None:
            return np.zeros(self.shape, self.dtype)
        out[...] = 0
        return out

    def describe(self) -> str:
        """The plan for people."""
        return "an empty batch: zeros"


class WgradCall:
    """One prepared weight gradient; call it with (x, y)."""

    def __init__(self, spec: ConvSpec, x: np.ndarray, y: np.ndarray, target: Target, threads: int) -> None:
        self.shape, self.result_dtype = spec.w_shape, x.dtype
        self.threads_used = MACS.threads(spec.macs, threads)
        self.spec, x, y = flattened(spec, x, y)
        source, number, self.dtype = number_types(spec.dtype)
        self._plan(x, y, source, number, target)
        plan, (left, right) = self.plan, self.operands
        packed = (left.packed, right.packed)
        arguments = plan.register, source, number, packed, self.transposed, plan.direct
        code = kernel(target, "wgrad", emit_wgrad, *arguments)
        self.product = code["product"]
        axes = axes_of(self.spec)
        self._tabulate(axes)
        self.product_words = product_params(source, number, plan.direct).pack(**self._product_words(axes))
        if not plan.direct:
            self.finish = code["finish"]
            self.finish_words = finish_params(number, source).pack(**self._finish_words())
            self.finish_threads = SUMS.threads(self.chunks * prod(self.shape), self.threads_used)

    def __call__(self, x: np.ndarray, y: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        address = runtime.address
        result = runtime.empty(self.shape, self.result_dtype) if out is None else out
        words = self.product_words[:]
        if self.transposed:
            words[_LEFT], words[_RIGHT] = address(x), address(y)
        else:
            words[_LEFT], words[_RIGHT] = address(y), address(x) + self.shift
        scratch = runtime.empty((self.threads_used * self.scratch_size + 64,), self.dtype)
        words[_SCRATCH] = address(scratch)
        if self.plan.direct:
            words[_SUMS] = address(result)
            runtime.launch(self.product, words, self.threads_used)
            return result
        sums = runtime.empty((self.chunks * self.chunk_size + self.plan.register.width + 64,), self.dtype)
        words[_SUMS] = address(sums)
        runtime.launch(self.product, words, self.threads_used)
        words = self.finish_words[:]
        words[_FINISHED], words[_RESULT] = address(sums), address(result)
        runtime.launch(self.finish, words, self.finish_threads)
        return result

    # ---------------------------------------------------------------- preparation

    def _plan(self, x: np.ndarray, y: np.ndarray, source: Type, number: Type, target: Target) -> None:
        """The operands and the plan, and the functions that pack what cannot be read in place."""
        spec, half = self.spec, number is not source
        phases, sizes, outs = zip(*axes_of(spec))
        narrow, size = is_narrow(spec), number.bytes
        sides = {
            "x": Operand(spec, x, phases, sizes, half or narrow),
            "y": Operand(spec, y, [plain_phase(out) for out in outs], outs, half or wants_room(spec, target, size)),
        }
        plan = self.plan = plan_product(spec, target, (sides["x"].packed, sides["y"].packed))
        self.transposed = plan.left.name == "x"
        self.operands = tuple(sides[side.name] for side in (plan.left, plan.right))
        for side, operand in zip((plan.left, plan.right), self.operands):
            merged = side.name == "x" and narrow
            operand.lay(plan.pixels, side, target.lanes(number.bytes), number.bytes, merged, plan.direct)
            operand.pack = pack_entry(target, operand.form, source, number) if operand.packed else None

    def _tabulate(self, axes: list) -> None:
        plan, spec, (left, right) = self.plan, self.spec, self.operands
        x = left if self.transposed else right
        whole = x.packed  # padding is packed as zeros
        ranges = [
            [(0, out) if whole else results_inside(phase, o, size) for o in phase.offsets] for phase, size, out in axes
        ]
        # A left operand y has no taps: the offset of x's only one moves x's address instead.
        offsets = [x.tap_offsets(axis) if self.transposed else [0] for axis in range(3)]
        shift = 0 if self.transposed else sum(x.tap_offsets(axis)[0] for axis in range(3))
        self.shift = shift * self.dtype.itemsize
        taps = [np.array([(o, *r) for o, r in zip(*pair)], np.int64) for pair in zip(offsets, ranges)]
        tiles, groups, self.row_table = result_tables(plan, spec.taps, left.panel_step if left.packed else 0)
        width, columns = plan.register.width, plan.right.part
        starts = [min(p * width, columns - width) for p in range(plan.panels)]
        if right.packed:
            starts = plan.right.starts(plan.direct)
        self.tables = [np.array(tiles, np.int64), np.array(groups, np.int64), *taps, np.array(starts, np.int64)]

    def _product_words(self, axes: list) -> dict[str, Any]:
        plan, spec, (left, right) = self.plan, self.spec, self.operands
        register = plan.register
        out = [spec.batch if spec.rank else 1, *(axis[2] for axis in axes)]
        block = [plan.pixels[0]] + [-(-n // -(-n // b)) for n, b in zip(out[1:], plan.pixels[1:])]
        counts = [-(-n // b) for n, b in zip(out, block)]
        packed_tiles = [side.size if side.packed else 0 for side in (left, right)]
        # Tiles of a packed operand may read a little past what was packed.
        packed_tiles[0] += register.height + register.width
        self.scratch_size = sum(packed_tiles) + register.width
        self.chunks = min(plan.chunks, prod(counts))
        self.item = plan.left.parts * plan.tiles * register.height * register.width
        self.chunk_size = spec.groups * plan.right.parts * plan.panels * self.item
        tile_table, tap_table, *tap_tables, panel_table = self.tables
        left_side, right_side = (
            OperandWords(
                *operand.steps, image=operand.image, group=side.channels * operand.channel, channel=operand.channel,
                part=side.part, channels=side.channels, packer=operand.pack.address if operand.packed else 0,
                panel=side.panel if operand.packed else 0, panel_step=operand.panel_step if operand.packed else 0,
                extent=operand.extent if operand.packed else 0,
            )
            for side, operand in ((plan.left, left), (plan.right, right))
        )  # fmt: skip
        left_descriptor, right_descriptor = (
            operand.descriptor.address if operand.packed else None for operand in (left, right)
        )
        return dict(
            left=None, right=None, sums=None, scratch=None, scratch_size=self.scratch_size, left_size=packed_tiles[0],
            chunks=self.chunks, groups=spec.groups, right_parts=plan.right.parts, left_parts=plan.left.parts,
            tiles=plan.tiles, taps=len(tap_table), panels=plan.panels,
            row=plan.right.channels if plan.direct else register.width,
            weight=plan.left.channels * plan.right.channels, images=out[0], blocks=prod(counts),
            out=out, block=block, count=counts, left_side=left_side, right_side=right_side,
            tile_table=tile_table, tap_table=tap_table, tap_tables=tap_tables, panel_table=panel_table,
            left_descriptor=left_descriptor, right_descriptor=right_descriptor,
        )  # fmt: skip

    def _finish_words(self) -> dict[str, Any]:
        plan, spec = self.plan, self.spec
        return dict(
            sums=None, result=None, items=spec.groups * plan.right.parts * plan.panels, panels=plan.panels,
            parts=plan.right.parts, part=plan.right.part, group=plan.right.channels, chunks=self.chunks,
            chunk_size=self.chunk_size, item_size=self.item, rows=plan.left.channels * prod(spec.taps),
            result_group=prod(spec.w_shape) // spec.groups, row_table=self.row_table, panel_table=self.tables[5],
        )  # fmt: skip

    def describe(self) -> str:
        """The plan for people."""
        plan = self.plan
        sides = [
            f"{side.name} {operand.form or 'read in place'}"
            for side, operand in zip((plan.left, plan.right), self.operands)
        ]
        return "\n".join([
            f"weight gradient as a product over pixels: {sides[0]} by {sides[1]}",
            f"tiles {plan.register.height}×{plan.register.vectors} of {plan.register.lanes}, blocks of {plan.pixels}",
            f"{self.chunks} chunks, {plan.left.parts}×{plan.right.parts} parts, for {self.threads_used} threads",
        ])  # fmt: skip


def flattened(spec: ConvSpec, x: np.ndarray, y: np.ndarray) -> tuple[ConvSpec, np.ndarray, np.ndarray]:
    """A layer of one tap whose positions follow each other at one distance, as one of a single axis: long rows. Of one
    position alone, as one without axes: its rows are the images."""
    positions = prod(spec.size)
    axes = 1 if positions > 1 else 0
    plain = prod(spec.taps) == 1 and (not axes or set(spec.stride) == {1}) and not any(map(any, spec.padding))
    if not plain or spec.rank <= axes or not all(is_even(array) for array in (x, y)):
        return spec, x, y
    ones, rest = (1,) * axes, (positions,) * axes
    flat = spec._replace(
        size=rest, taps=ones, stride=ones, dilation=ones, padding=((0, 0),) * axes, input_dilation=ones
    )
    return flat, *(array.reshape(*array.shape[:2], *rest) for array in (x, y))


def is_even(array: np.ndarray) -> bool:
    """Whether the positions of an array follow each other at one distance, so that they are one axis without a copy."""
    axes = [(size, stride) for size, stride in zip(array.shape[2:], array.strides[2:]) if size > 1]
    return all(outer == size * inner for (_, outer), (size, inner) in pairwise(axes))


def result_tables(plan: ProductPlan, taps: tuple[int, ...], panel: int) -> tuple[list, list, np.ndarray]:
    """The tiles of a part as (offset in the left operand, first row), how many of them each tap (d, h, w) has, and
    where each row of the result is among the sums: rows are the left channels, each with all its taps, padded to whole
    vectors. `panel` is the distance of packed panels."""
    register, left = plan.register, plan.left
    depth, height, width = (1, 1, 1, *taps)[-3:]
    tiles: list[tuple[int, int]] = []
    groups: list[tuple[int, int, int, int]] = []
    where = np.zeros((left.channels, depth, height, width), np.int64)
    starts = np.minimum(np.arange(left.parts) * left.part, left.channels - left.part)
    size = plan.tiles * register.height * register.width
    for d in range(depth):
        for h in range(height):
            for run in plan.runs:
                found = plan.tiles_of(run)
                offsets = np.zeros(len(run) * left.part, np.int64)
                for tile, (_, _, first) in enumerate(found, len(tiles)):
                    rows = np.arange(first, min(first + register.height, len(offsets)))
                    offsets[rows] = (tile * register.height + rows - first) * register.width
                for part, start in enumerate(starts):
                    block = (offsets + part * size).reshape(len(run), left.part)
                    where[start : start + left.part, d, h, list(run)] = block.T
                tiles += [(number * panel + inside, first) for number, inside, first in found]
                groups.append((d, h, run[0], len(found)))
    rows = where.reshape(-1)
    return tiles, groups, np.concatenate([rows, np.repeat(rows[-1:], 64)])
