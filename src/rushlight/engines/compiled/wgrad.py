"""A weight gradient ready to be called: the plan of one geometry and layout, its kernels, tables and words.

In: a ConvSpec, the dtype's types and the strides of x and y. Out: `WgradCall`, which `engines.compiled` keeps and
calls with arrays of the same shapes and strides.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from ..plan.axes import Phase
from ..plan.blocking import Bands, cut_axis, lay_band
from ..plan.wgrad import ProductPlan, axes_of, is_narrow, plan_product, tap_range
from . import jit
from .ir import BY_NAME, f32
from .pack import Gather
from .wgrad import emit_wgrad, finish_params, product_params

if TYPE_CHECKING:
    from ..ops.spec import ConvSpec
    from ..plan.target import Target

Strides = tuple[int, ...]
Launch = Callable[[jit.Entry, np.ndarray], None]


class Operand:
    """x or y as the kernel walks it: image, channel and axis strides in numbers, packed block by block or in place."""

    def __init__(
        self, spec: ConvSpec, strides: Strides, phases: list[Phase], sizes: list[int], must_pack: bool
    ) -> None:
        image, self.channel, *rest = strides if spec.rank else (0, strides[1], strides[0])
        self.image = image
        self.axes = [0] * (3 - len(rest)) + list(rest)
        self.phases, self.sizes = phases, sizes
        self.packed = must_pack or self.channel != 1
        self.bands: Bands | None = None

    def lay(self, pixels: tuple[int, ...], part: int, lanes: int, itemsize: int, merged: bool) -> None:
        """Choose the band, where the operand is packed; `merged`: slots follow each other without a gap."""
        if self.packed:
            blocks = [cut_axis([phase], size, block) for phase, size, block in zip(self.phases, self.sizes, pixels)]
            self.bands = lay_band(blocks, part, lanes, itemsize)
            if merged:
                row = (len(blocks[2].slots.coordinates) + 1) * part
                self.bands = self.bands._replace(pitch=part, row=row)
            self.job = Gather(self.bands, (*self.axes, self.channel), lanes)

    @property
    def form(self) -> str:
        """How it is packed; "" in place."""
        return self.job.form if self.packed else ""

    @property
    def steps(self) -> list[int]:
        """Numbers from one result to the next, along image, d, h, w."""
        if not self.packed:
            return [self.image] + [phase.step * stride for phase, stride in zip(self.phases, self.axes)]
        rows = len(self.bands.axes[1].slots.coordinates)
        return [self.bands.size, rows * self.bands.row, self.bands.row, self.bands.pitch]

    def tap_offsets(self, axis: int) -> list[int]:
        """Numbers from the first result of a block to what a tap reads there."""
        if not self.packed:
            return [offset * self.axes[axis] for offset in self.phases[axis].offsets]
        return [base * self.steps[axis + 1] for base in self.bands.axes[axis].slots.base[0]]


class WgradCall:
    """`call(x, y, launch)` → w, for arrays of the geometry and strides that it was made for."""

    def __init__(self, spec: ConvSpec, x_strides: Strides, y_strides: Strides, target: Target) -> None:
        self.spec = spec
        source = BY_NAME[spec.dtype]
        number = source if source.kind == "f" else f32
        half = source is not number
        axes = axes_of(spec)
        sides = {
            "x": Operand(spec, x_strides, [a[0] for a in axes], [a[1] for a in axes], half or is_narrow(spec)),
            "y": Operand(
                spec, y_strides, [_plain(a[2]) for a in axes], [a[2] for a in axes], half or _few(spec, target)
            ),
        }
        plan = self.plan = plan_product(spec, target, (sides["x"].packed, sides["y"].packed))
        lanes = target.lanes(number.bytes)
        left, right = (sides[side.name] for side in (plan.left, plan.right))
        for side, operand in ((plan.left, left), (plan.right, right)):
            operand.lay(plan.pixels[1:], side.part, lanes, number.bytes, side.name == "x" and is_narrow(spec))
        self.turned = plan.left.name == "x"
        key = f"wgrad product {source} {number} {'x'.join(map(str, plan.register))} {left.form} {right.form} {self.turned}"
        forms = (left.form, right.form)
        self.code = jit.kernel(
            key, lambda: emit_wgrad(target, plan.register, source, number, forms, self.turned), target
        )
        self.number = np.dtype({4: np.float32, 8: np.float64}[number.bytes])
        self._tabulate(axes, left, right)

    def _tabulate(self, axes: list, left: Operand, right: Operand) -> None:
        plan, spec, x = self.plan, self.spec, left if self.turned else right
        whole = x.packed  # padding is packed as zeros
        ranges = [
            [(0, out) if whole else tap_range(o, phase.step, size, out) for o in phase.offsets]
            for phase, size, out in axes
        ]
        # A left operand y has no taps: the offset of x's only one moves x's address instead.
        offsets = [x.tap_offsets(axis) if self.turned else [0] for axis in range(3)]
        self.shift = 0 if self.turned else sum(x.tap_offsets(axis)[0] for axis in range(3))
        taps = [np.array([(o, *r) for o, r in zip(*pair)], np.int64) for pair in zip(offsets, ranges)]
        tiles, self.row_table = result_tables(plan, spec.taps, left.steps[3] if self.turned else 0)
        width, columns = plan.register.width, plan.right.part
        starts = [p * width if right.packed else min(p * width, columns - width) for p in range(plan.panels)]
        self._tables = [np.array(tiles, np.int64), *taps, np.array(starts, np.int64)]
        self._operands = left, right
        self.words = self._product_words(axes, left, right)

    def _product_words(self, axes: list, left: Operand, right: Operand) -> np.ndarray:
        plan, spec = self.plan, self.spec
        register = plan.register
        out = [spec.batch if spec.rank else 1, *(axis[2] for axis in axes)]
        block = [plan.pixels[0]] + [-(-n // -(-n // b)) for n, b in zip(out[1:], plan.pixels[1:])]
        counts = [-(-n // b) for n, b in zip(out, block)]
        bands = [block[0] * side.bands.size if side.packed else 0 for side in (left, right)]
        # Tiles of a packed operand may read a little past what was packed.
        bands[0] += register.height + register.width
        self.scratch_size = sum(bands) + register.width
        self.chunks = min(plan.chunks, _product(counts))
        self.item = plan.left.parts * plan.tiles * register.height * register.width
        self.chunk_size = spec.groups * plan.right.parts * plan.panels * self.item
        words = [self.scratch_size, bands[0], self.chunks, spec.groups, plan.right.parts, plan.left.parts]
        words += [plan.tiles, plan.panels, out[0], _product(counts), *out, *block, *counts]
        for side, operand in ((plan.left, left), (plan.right, right)):
            words += [*operand.steps, operand.image, side.channels * operand.channel, operand.channel]
            words += [side.part, side.channels, 0]
        words += [table.ctypes.data for table in self._tables]
        words += [operand.job.address if operand.packed else 0 for operand in (left, right)]
        return np.array([0, 0, 0, 0, 0, 0, *words], np.int64)

    def __call__(self, x: np.ndarray, y: np.ndarray, launch: Launch, threads: int = 1) -> np.ndarray:
        """The weight gradient, (co, ci, *taps) contiguous."""
        spec, plan, itemsize = self.spec, self.plan, self.number.itemsize
        result = np.empty(spec.w_shape, x.dtype)
        sums = np.empty(self.chunks * self.chunk_size + 64, self.number)
        scratch = np.empty(threads * self.scratch_size + 64, self.number)
        addresses = {"x": x.ctypes.data + self.shift * itemsize, "y": y.ctypes.data}
        words = self.words.copy()
        words[2:6] = addresses[plan.left.name], addresses[plan.right.name], sums.ctypes.data, scratch.ctypes.data
        launch(self.code["product"], words)
        launch(self.code["finish"], self._finish_words(sums, result))
        return result

    def _finish_words(self, sums: np.ndarray, result: np.ndarray) -> np.ndarray:
        plan, spec = self.plan, self.spec
        items = spec.groups * plan.right.parts * plan.panels
        rows = plan.left.channels * prod(spec.taps)
        words = [sums.ctypes.data, result.ctypes.data, items, plan.panels, plan.right.parts, plan.right.part]
        words += [plan.right.channels, self.chunks, self.chunk_size, self.item, rows, result.size // spec.groups]
        return np.array([0, 0, *words, self.row_table.ctypes.data, self._tables[4].ctypes.data], np.int64)


def _plain(out: int) -> Phase:
    return Phase((0,), (0,), 1, 0, out, 1, 0)


def _few(spec: ConvSpec, target: Target) -> bool:
    """Whether y has fewer channels a group than the shortest vector, so that it must be padded."""
    return spec.out_channels // spec.groups < 4


def _product(numbers: list[int]) -> int:
    return prod(numbers)


def result_tables(plan: ProductPlan, taps: tuple[int, ...], pitch: int) -> tuple[list, np.ndarray]:
    """The tiles of a part as (offset in the left operand, tap d, tap h, tap w), and where each row of the result is
    among the sums: rows are the left channels, each with all its taps, padded to whole vectors."""
    register, left = plan.register, plan.left
    depth, height, width = (1, 1, 1, *taps)[-3:]
    tiles: list[tuple[int, int, int, int]] = []
    where = np.zeros((left.channels, depth, height, width), np.int64)
    starts = np.minimum(np.arange(left.parts) * left.part, left.channels - left.part)
    for d in range(depth):
        for h in range(height):
            for run in plan.runs:
                length = len(run) * left.part
                many = -(-length // register.height)
                firsts = np.minimum(np.arange(many) * register.height, max(0, length - register.height))
                elements = np.arange(length)
                tile = np.minimum(elements // register.height, many - 1)
                places = ((len(tiles) + tile) * register.height + elements - firsts[tile]) * register.width
                for part, start in enumerate(starts):
                    size = part * plan.tiles * register.height * register.width
                    block = (places + size).reshape(len(run), left.part)
                    where[start : start + left.part, d, h, list(run)] = block.T
                tiles += [(int(first), d, h, run[0]) for first in firsts]
    rows = where.reshape(-1)
    return tiles, np.concatenate([rows, np.repeat(rows[-1:], 64)])
