"""A weight gradient by Winograd's algorithm, ready to be called.

In: a ConvSpec and arrays like those to come. Out: a callable that takes (x, y) and gives w.
"""

from __future__ import annotations

from array import array
from math import prod

import numpy as np

from ... import runtime
from ...compiler import jit
from ...kernels.pack import Gather
from ...kernels.winograd_gradient import (
    SUM,
    GradientForm,
    TransformFields,
    emit_finish,
    emit_operand,
    emit_sum,
    finish_params,
    transform_params,
)
from ...language.ir import BY_NAME, index_of
from ...plan.target import Target
from ...plan.winograd_gradient import GradientPlan
from ...rules.spec import ConvSpec

_F32 = np.dtype(np.float32)
_SOURCE, _TRANSFORMED, _SCRATCH, _FIRST, _COUNT, _ENERGIES = (
    index_of(TransformFields, name) for name in ("source", "transformed", "scratch", "first", "count", "energies")
)


class _Operand:
    """x or y: how it is packed and where its transformed tiles go."""

    def __init__(self, name: str, source: np.ndarray, plan: GradientPlan, form: GradientForm) -> None:
        packed_tiles, tiles = (plan.x, plan.tiles_x) if name == "x" else (plan.y, plan.tiles_y)
        self.tile_tables = [np.array(axis.starts, np.int64) for axis in tiles]
        self.packed_tiles, self.form, self.plan = packed_tiles, form, plan
        self.image, self.channel, *spatial = (stride // source.itemsize for stride in source.strides)
        strides = (*[0] * (3 - len(spatial)), *spatial, self.channel)
        self.gather = Gather(packed_tiles, strides, form.lanes)
        self.channels = source.shape[1]
        self.panel = form.left_panel if name == "x" else form.panel
        self.packed_d = len(packed_tiles.axes[0].packing.coordinates)
        self.next = plan.units * plan.tiles * self.panel + form.lanes
        self.point = -(-self.channels // self.panel) * self.next + form.lanes  # see WinogradCall: no shared cache sets
        self.size = self.packed_d * form.points * self.point
        self.name = name

    def load(self, target: Target) -> None:
        """Its kernel."""
        form, pack = self.form, self.gather.form
        key = f"winograd transformed {self.name} {_sizes(form)} {form.lanes} {pack} {form.stored}"
        self.entry = jit.kernel(key, lambda: emit_operand(target, form, self.name, pack), target)["transformed"]

        self.words = self._words()

    def _words(self) -> array:
        """The words but for addresses and units."""
        packed_tiles, (table_h, table_w) = self.packed_tiles, self.tile_tables
        packed_h = len(packed_tiles.axes[1].packing.coordinates)
        return transform_params(self.form.stored).pack(
            descriptor=self.gather.address, source=None, transformed=None, scratch=None, first=0, count=0,
            blocks=[axis.count for axis in packed_tiles.axes], image_stride=self.image, channel_stride=self.channel,
            channels=self.channels, chunk=packed_tiles.channels, packed_d=self.packed_d, rows=len(table_h),
            columns=len(table_w), tile_table_h=table_h, tile_table_w=table_w,
            packed_plane=packed_h * packed_tiles.row, packed_row=packed_tiles.row,
            leading_dimension=packed_tiles.leading_dimension, packed_size=-(-packed_tiles.size // 64) * 64,
            panel=self.panel, hop=self.next, point=self.point, energies=None,
        )  # fmt: skip

    def words_for(self, first: int, count: int, *addresses: int) -> array:
        """The words for units `first` … `first + count`, of source, transformed, scratch and energies."""
        words = self.words[:]
        words[_FIRST], words[_COUNT] = first, count
        words[_SOURCE], words[_TRANSFORMED], words[_SCRATCH], words[_ENERGIES] = addresses
        return words


def _sizes(form: GradientForm) -> tuple[int, ...]:
    """What the matrices follow from."""
    return tuple(size for axis in (form.rows, form.columns) for size in (axis.results, axis.taps))


class WinogradGradientCall:
    """One prepared weight gradient; call it with (x, y)."""

    def __init__(
        self, plan: GradientPlan, spec: ConvSpec, x: np.ndarray, y: np.ndarray, target: Target, threads: int
    ) -> None:
        self.plan, self.spec, self.threads = plan, spec, threads
        sizes = plan.depth_taps, target.lanes(4), plan.vectors, plan.height
        form = self.form = GradientForm(plan.row_form, plan.column_form, *sizes, BY_NAME[spec.dtype])
        self.dtype = x.dtype
        self.x, self.y = _Operand("x", x, plan, form), _Operand("y", y, plan, form)
        for operand in (self.x, self.y):
            operand.load(target)
        key = f"{_sizes(form)} {form.depth_taps} {form.lanes} {form.vectors} {form.height}"
        self.sum = jit.kernel(f"winograd sum {key}", lambda: emit_sum(target, form), target)["sum"]
        key = f"winograd finish {key} {form.stored}"
        self.finish = jit.kernel(key, lambda: emit_finish(target, form), target)["finish"]
        self.depth_index = np.array(plan.x.axes[0].packing.base[0], np.int64)
        self.channels, self.results = spec.in_channels, spec.out_channels
        self.rows = -(-self.channels // form.height) * form.height
        self.panels = -(-self.results // form.panel)
        self.point = self.rows * form.panel
        self.sums = plan.depth_taps * form.points * plan.panels * self.point

    def __call__(self, x: np.ndarray, y: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        return self.watched(x, y, out)[0]

    def watched(self, x: np.ndarray, y: np.ndarray, out: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The gradient; of x and of y, for every unit, the energies of its tiles: their sum, and the largest."""
        plan, address = self.plan, runtime.address
        w = runtime.empty(self.spec.w_shape, self.dtype) if out is None else out
        sums = runtime.empty((self.sums,), _F32)
        transformed = [runtime.empty((operand.size,), _F32) for operand in (self.x, self.y)]
        packed_tiles = [-(-operand.packed_tiles.size // 64) * 64 for operand in (self.x, self.y)]
        scratch = runtime.empty((max(packed_tiles) * self.threads,), _F32)
        units = self.spec.batch * prod(axis.count for axis in plan.y.axes)
        energies = np.empty((2, units, 2), _F32)
        for first in range(0, units, plan.units):
            count = min(plan.units, units - first)
            for operand, source, into, found in zip((self.x, self.y), (x, y), transformed, energies):
                words = operand.words_for(first, count, *map(address, (source, into, scratch, found)))
                runtime.launch(operand.entry, words, self.threads)
            for panel in range(0, self.panels, plan.panels):
                panels = min(plan.panels, self.panels - panel)
                self._sum(*map(address, (*transformed, sums)), panel, panels, count * plan.tiles, first > 0)
                if first + count == units:
                    self._finish(address(sums), address(w), panel, panels)
        return w, energies

    def _sum(self, x: int, y: int, sums: int, panel: int, panels: int, tiles: int, add: bool) -> None:
        """The sums of some panels of output channels over the tiles that are transformed."""
        words = SUM.pack(
            x=x, y=y + panel * self.y.next * _F32.itemsize, sums=sums, taps=self.plan.depth_taps,
            depth_index=self.depth_index, points=self.form.points, panels=panels, channels=self.channels,
            rows=self.rows, depths=self.plan.y.axes[0].block, tiles=tiles, next_x=self.x.next, next_y=self.y.next,
            point_x=self.x.point, point_y=self.y.point, add=add,
        )  # fmt: skip
        runtime.launch(self.sum, words, self.threads)

    def _finish(self, sums: int, w: int, panel: int, panels: int) -> None:
        """The weight's output channels of these panels."""
        form, stride = self.form, self.channels * self.form.taps
        first = panel * form.panel
        results = min(panels * form.panel, self.results - first)
        w += first * stride * self.dtype.itemsize
        words = finish_params(form.stored).pack(
            sums=sums, w=w, channels=self.channels, results=results, panels=panels, point=self.point, stride=stride
        )
        runtime.launch(self.finish, words, self.threads)

    def describe(self) -> str:
        """The plan for people."""
        plan = self.plan
        return (
            f"Winograd F({plan.row_form.results}×{plan.column_form.results}, "
            f"{plan.row_form.taps}×{plan.column_form.taps}): tiles of y are the filter, taps the results\n"
            f"units of {plan.tiles} tiles, {plan.units} units at a time"
        )
