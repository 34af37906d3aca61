"""A row-vectorised depthwise layer, ready to be called: its plan as words and tables, its kernel as an address.

In: a ConvSpec and an array like those to come, rows contiguous. Out: a callable that takes arrays of these strides and
gives results, contiguous as the source's images are.
"""

from __future__ import annotations

from itertools import product
from math import prod

import numpy as np

from ... import runtime
from ...kernels.depthwise_rows import DepthwiseRowsFields, Form, depthwise_rows_params, emit_depthwise_rows
from ...kernels.pack import axis_lines
from ...language.ir import index_of
from ...plan.blocking import AxisBlocks, cut_axis
from ...plan.depthwise_channels import gather_axes, gather_groups
from ...plan.depthwise_rows import DepthwiseRowsPlan, plan_depthwise_rows
from ...plan.target import Target
from ...plan.threads import DEPTHWISE_MACS
from ...rules.spec import ConvSpec
from ..protocol import Layout
from .gathered import GatheredWeight, first_taps
from .kernels import kernel, laid, number_types

_SOURCE, _WEIGHTS, _BIAS, _OUT, _SCRATCH = (
    index_of(DepthwiseRowsFields, name) for name in ("source", "weights", "bias", "out", "scratch")
)


class DepthwiseRowsCall:
    """One prepared layer; call it with (source, weight, bias, weights_cache)."""

    def __init__(
        self, role: str, spec: ConvSpec, source: np.ndarray, activation: str | None, target: Target, threads: int
    ) -> None:
        spec, self.result_dtype = spec._replace(role=role), source.dtype
        self.stored, self.number, self.dtype = number_types(spec.dtype)
        plan, groups, axes = plan_depthwise_rows(spec, target), gather_groups(spec), gather_axes(spec)
        self.plan, self.channels = plan, groups.count * groups.result
        image, channel, *steps = (stride // source.itemsize for stride in source.strides)
        blocks = [cut_axis(axis.phases, axis.source, block) for axis, block in zip(axes, plan.block)]
        sizes, extents = [axis.result for axis in axes], [len(axis.packing.coordinates) for axis in blocks]
        self.shape = (spec.batch, self.channels, *sizes[3 - spec.rank :])
        # Tiles read rows behind the packed tile where their own are fewer, and a vector behind the last.
        packed_plane = extents[0] * extents[1] * plan.leading_dimension
        self.scratch_size = groups.source * packed_plane + (plan.rows + 1) * plan.leading_dimension
        entries, table = lay_taps(spec, plan, blocks, packed_plane)
        taps = tuple(axis.phases[0].taps for axis in axes)
        key = ("depthwise_rows", role, spec.groups, plan.groups, taps)
        self.weights = GatheredWeight(key, table, self.stored, self.number, target, threads)
        lines = [axis_lines(axis, step) for axis, step in zip(blocks, [0] * (3 - spec.rank) + steps)]
        deep = groups.source * len(axes[0].phases[0].taps)
        starts = np.cumsum([0, *(len(taps) * deep for taps in plan.groups)])
        self.tables = [
            lines[0][0], lines[1][0], lines[0][1], lines[1][1], runs(row_offsets(*lines[2])),
            starts.astype(np.int64), entries, np.array(blocks[2].packing.base[0], np.int64),
        ]  # fmt: skip
        options = activation == "relu", spec.bytes > target.l3 // 2
        form = Form(plan.lanes, plan.rows, plan.patterns, len(self.tables[4]), *options)
        self.entry = kernel(target, "depthwise_rows", emit_depthwise_rows, form, self.stored, self.number)[
            "depthwise_rows"
        ]
        pieces = -(-self.channels // plan.piece)
        self.items = spec.batch * pieces * plan.parts
        self.threads_used = DEPTHWISE_MACS.threads(spec.macs, threads, self.items)
        table_d, table_h, block_table_d, block_table_h, run_table, starts, entries, columns = self.tables
        self.words = depthwise_rows_params(self.stored, self.number).pack(
            source=None, weights=None, bias=None, out=None, scratch=None,
            items=self.items, parts=plan.parts, pieces=pieces, piece=plan.piece, channels=self.channels,
            output_channels=groups.result, reduced_channels=groups.source, image=image, channel=channel,
            scratch_size=self.scratch_size, packed_plane=packed_plane, weight_size=len(table) // self.channels,
            out_plane=prod(sizes), packed_d=extents[0], packed_h=extents[1], leading_dimension=plan.leading_dimension,
            blocks_d=blocks[0].count, blocks_h=blocks[1].count, block_d=plan.block[0], block_h=plan.block[1],
            out_d=sizes[0], out_h=sizes[1], out_w=sizes[2], taps_w=len(columns),
            table_d=table_d, table_h=table_h, block_table_d=block_table_d, block_table_h=block_table_h,
            run_table=run_table, starts=starts, entries=entries, columns=columns,
        )  # fmt: skip
        self.no_bias = np.zeros(self.channels, self.dtype)

    @property
    def layout(self) -> Layout:
        """How the result lies."""
        return laid(self.shape, None, self.result_dtype)

    @property
    def scratch_bytes(self) -> int:
        """Memory that the threads work in."""
        return self.threads_used * self.scratch_size * self.dtype.itemsize

    def __call__(
        self, source: np.ndarray, w: np.ndarray, bias: np.ndarray | None, weights_cache: dict | None,
        out: np.ndarray | None = None, scratch: np.ndarray | None = None,
    ) -> np.ndarray:  # fmt: skip
        address = runtime.address
        packed, _ = self.weights(w, weights_cache)
        result = runtime.empty(self.shape, source.dtype) if out is None else out
        if scratch is None:
            scratch = runtime.empty((self.threads_used * self.scratch_size,), self.dtype)
        bias = self.no_bias if bias is None else np.ascontiguousarray(bias, self.dtype)
        words = self.words[:]
        words[_SOURCE], words[_WEIGHTS], words[_BIAS] = address(source), address(packed), address(bias)
        words[_OUT], words[_SCRATCH] = address(result), address(scratch)
        runtime.launch(self.entry, words, self.threads_used)
        return result

    def describe(self) -> str:
        """The plan for people."""
        plan = self.plan
        return "\n".join([
            f"vectors along rows: {self.channels} channels, copied in blocks of {plan.block}",
            f"tiles of {plan.rows} rows × 1 vector of {plan.lanes}, taps above each other: {plan.patterns}",
            f"{self.items} items ({plan.piece} channels, {plan.parts} parts of the rows), {self.threads_used} threads",
        ])  # fmt: skip


def lay_taps(
    spec: ConvSpec, plan: DepthwiseRowsPlan, blocks: list[AxisBlocks], packed_plane: int
) -> tuple[np.ndarray, np.ndarray]:
    """For each group of taps of each source channel and depth, its offsets in the packed tile and among a result
    channel's weights; and where in the weight each packed number comes from: [channel][group][tap along w][tap of the
    group]."""
    (d, h, w), extents = (axis.phases[0] for axis in blocks), (1, 1, 1, *spec.taps)[-3:]
    base_d, base_h = (axis.packing.base[0] for axis in blocks[:2])
    rows, channels = len(blocks[1].packing.coordinates), gather_groups(spec)
    first, stride = first_taps(spec, np.arange(channels.count * channels.result))
    entries: list[tuple[int, int]] = []
    order: list[int] = []
    for groups in plan.groups:
        for j, (i, tap_d), group in product(range(channels.source), enumerate(d.taps), groups):
            entries.append(
                (j * packed_plane + (base_d[i] * rows + base_h[group[0]]) * plan.leading_dimension, len(order))
            )
            tap_index = [(tap_d * extents[1] + h.taps[g]) * extents[2] + tap_w for tap_w in w.taps for g in group]
            order += [j * stride + index for index in tap_index]
    table = first[:, None] + np.array(order)
    return np.array(entries, np.int64), table.reshape(-1)


def row_offsets(table: np.ndarray, tap_index: np.ndarray) -> np.ndarray:
    """Where the packed indices of a whole row come from; negative on the padding."""
    line, shift = tap_index[0]
    return np.where(table[line] < 0, table[line], table[line] + shift)


def runs(offsets: np.ndarray) -> np.ndarray:
    """The runs of packed indices whose sources are neighbours: first packed index, how many, first source.

    >>> runs(np.array([-1, 0, 1, 2, -1, 5, 6])).tolist()
    [[1, 3, 0], [5, 2, 5]]
    """
    found: list[list[int]] = []
    for index, offset in enumerate(offsets.tolist()):
        if offset < 0:
            continue
        if found and found[-1][0] + found[-1][1] == index and found[-1][2] + found[-1][1] == offset:
            found[-1][1] += 1
        else:
            found.append([index, 1, offset])
    return np.array(found, np.int64).reshape(-1, 3)
