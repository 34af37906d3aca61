"""The weight gradient by Winograd's algorithm: F(3, 4), whose filter is a tile of y and whose results are the taps.

In: what a layer fixes (`GradientForm`). Out: modules with the kernels that `backends.cpu.winograd_gradient`
launches one after the other, chunk by chunk of tiles:

    transform for every tile of x (6×6 inputs) and of y (4×4): 36 numbers a channel, [index][ξ][panel][tile][channel];
             the energies of a unit's tiles (`kernels.winograd_watch`): their sum, and the largest
    sum      sums[depth tap][ξ][panel][ci][co] += Σ_tiles transformed x[ξ][tile][ci] · transformed y[ξ][tile][co]
    finish   w[co][ci][taps] = the 3×3 results of the 36 sums, transposed so that the taps are neighbours in memory

Tiles are summed in their order, the sums of chunks in theirs (two levels, which keeps the rounding of long sums
small), so threads do not change the bits. Tiles that do not exist are
zero in y.
"""

from __future__ import annotations

from functools import cache
from math import lcm
from typing import NamedTuple

from ..language.ir import (
    Array,
    Axes,
    Fields,
    Function,
    Module,
    Params,
    Pointer,
    Table,
    Type,
    Value,
    Word,
    f32,
    i64,
    ptr,
)
from ..plan.target import Target
from ..plan.winograd import Winograd, by_columns
from .microkernel import Microkernel, broadcast, lines, store, vectors
from .pack import emit_pack
from .transpose import transpose_tile
from .winograd import both_ways, emit_transform


class TransformFields(Fields):
    """The words of "transform".

    Units `first` … `first + count` of (image, block); `point` numbers from one ξ to the next, `hop` from one panel of
    `panel` channels to the next; `chunk` is a multiple of `panel`. `energies` are two numbers a unit."""

    descriptor: Table
    source: Array
    transformed: Array
    scratch: Array
    first: Word
    count: Word
    blocks: Axes
    image_stride: Word
    channel_stride: Word
    channels: Word
    chunk: Word
    packed_d: Word
    rows: Word
    columns: Word
    tile_table_h: Table
    tile_table_w: Table
    packed_plane: Word
    packed_row: Word
    leading_dimension: Word
    packed_size: Word
    panel: Word
    hop: Word
    point: Word
    energies: Array


class SumFields(Fields):
    """The words of "sum"; `rows` are the channels rounded up: the rows of a panel's sums."""

    x: Array
    y: Array
    sums: Array
    taps: Word
    depth_index: Table
    points: Word
    panels: Word
    channels: Word
    rows: Word
    depths: Word
    tiles: Word
    next_x: Word
    next_y: Word
    point_x: Word
    point_y: Word
    add: Word


class FinishFields(Fields):
    """The words of "finish"."""

    sums: Array
    w: Array
    channels: Word
    results: Word
    panels: Word
    point: Word
    stride: Word


SUM = Params(SumFields, x=f32, y=f32, sums=f32)


@cache
def transform_params(stored: Type) -> Params[TransformFields]:
    """The words of "transformed" for arrays of this type."""
    return Params(TransformFields, source=stored, transformed=f32, scratch=f32, energies=f32)


@cache
def finish_params(stored: Type) -> Params[FinishFields]:
    """The words of "finish" for a weight of this type."""
    return Params(FinishFields, sums=f32, w=stored)


class GradientForm(NamedTuple):
    """What the kernels are specialised on."""

    rows: Winograd
    columns: Winograd
    depth_taps: int
    lanes: int
    vectors: int
    height: int  # input channels that one product sums at once
    stored: Type  # what x, y and w are in memory; all between is float32

    @property
    def panel(self) -> int:
        """Output channels of a panel."""
        return self.lanes * self.vectors

    @property
    def left_panel(self) -> int:
        """Input channels of a panel: whole tiles and whole vectors."""
        return lcm(self.height, self.lanes)

    @property
    def points(self) -> int:
        """Products a tile and channel pair."""
        return self.rows.inputs * self.columns.inputs

    @property
    def taps(self) -> int:
        """Taps of the weight."""
        return self.depth_taps * self.rows.results * self.columns.results


def emit_operand(target: Target, form: GradientForm, operand: str, pack_form: str) -> Module:
    """The kernel "transform" of x (with Bᵀ) or y (with G)."""
    k = Module(target)
    pack = emit_pack(k, pack_form, form.stored, f32)
    matrices = [getattr(axis, "data" if operand == "x" else "filter") for axis in (form.rows, form.columns)]
    one = emit_transform(k, "winograd_transform", tuple(matrices), form.lanes, panelled=True)
    with k.kernel("transformed", transform_params(form.stored)) as (f, p):
        packed_tile = p.scratch[p.ticket.fetch_add(1) * p.packed_size]
        with f.dynamic_loop(p.next, p.count) as item:
            unit = p.first + item
            w, above = unit % p.blocks.w, unit // p.blocks.w
            h, above = above % p.blocks.h, above // p.blocks.h
            d, image = above % p.blocks.d, above // p.blocks.d
            target_ = p.transformed[item * p.rows * p.columns * p.panel]
            total, largest = f.var(f32, 0.0), f.var(f32, 0.0)
            with f.loop(0, p.channels, p.chunk, sure=True) as c:
                channels = f.min(p.chunk, p.channels - c)
                source = p.source[image * p.image_stride][c * p.channel_stride]
                f.call(pack, p.descriptor, source, packed_tile, d, h, w, channels)
                with f.loop(0, p.packed_d, sure=True) as depth:
                    plane, into = packed_tile[depth * p.packed_plane], target_[depth * p.point * form.points]
                    into = into[c // p.panel * p.hop]
                    with f.loop(0, p.rows, sure=True) as i, f.loop(0, p.columns, sure=True) as j:
                        tile = into[(i * p.columns + j) * p.panel]
                        start = plane[
                            p.tile_table_h[i * 2].load() * p.packed_row
                            + p.tile_table_w[j * 2].load() * p.leading_dimension
                        ]
                        energy = f.call(
                            one, start, p.packed_row, p.leading_dimension, tile, p.point, channels, p.panel, p.hop
                        )
                        total.value, largest.value = total.value + energy, f.max(largest.value, energy)
            p.energies[unit * 2].store(total.value)
            p.energies[unit * 2 + 1].store(largest.value)
    return k


def emit_sum(target: Target, form: GradientForm) -> Module:
    """The kernel "sum": an item is a depth tap, a ξ and a panel."""
    k = Module(target)
    product = _emit_product(k, form)
    with k.kernel("sum", SUM) as (f, p), f.dynamic_loop(p.next, p.taps * p.points * p.panels) as item:
        panel, above = item % p.panels, item // p.panels
        xi, tap = above % p.points, above // p.points
        sums = p.sums[item * p.rows * form.panel]
        y = p.y[xi * p.point_y + panel * p.next_y]
        left = f.var(ptr(f32), p.x[(p.depth_index[tap].load() * p.points + xi) * p.point_x])
        steps = p.points * p.point_x, p.points * p.point_y
        with f.loop(0, p.channels, form.left_panel, sure=True) as c:
            with f.loop(0, f.min(p.channels - c, form.left_panel), form.height, sure=True) as i:
                f.call(product, left.value[i], y, *steps, p.depths, p.tiles, sums[(c + i) * form.panel], p.add)
            left.value = left.value[p.next_x]
    return k


def _emit_product(k: Module, form: GradientForm) -> Function:
    """sums[0:height][panel] (+)= Σ_z Σ_t x[z·depth_x + t·left_panel + 0:height] · y[z·depth_y + t·panel + 0:panel]."""
    signature = [
        ("x", ptr(f32)), ("y", ptr(f32)), ("depth_x", i64), ("depth_y", i64),
        ("depths", i64), ("tiles", i64), ("sums", ptr(f32)), ("add", i64),
    ]  # fmt: skip
    with k.function("winograd_outer", signature, inline=False) as made:
        f, x, y, depth_x, depth_y, depths, tiles, sums, add = made
        load_a, load_b = broadcast(form.height, form.lanes), vectors(form.vectors, form.lanes)
        product = Microkernel(f, f32, form.lanes, form.height, form.vectors, load_a, load_b, [0.0] * form.vectors)
        with f.loop(0, depths, sure=True) as z:
            left, right = f.var(ptr(f32), x[z * depth_x]), f.var(ptr(f32), y[z * depth_y])
            with f.loop(0, tiles, sure=True):
                here = left.value, right.value
                product.step(*here)
                left.value, right.value = here[0][form.left_panel], here[1][form.panel]
        with f.if_(add != 0):
            product.load(lines(sums, form.panel, form.height), add=True)
        store(product.values(), lines(sums, form.panel, form.height))
    return f


def emit_finish(target: Target, form: GradientForm) -> Module:
    """The kernel "finish": an item is a vector of output channels × as many input channels."""
    k = Module(target)
    rows, columns = by_columns(form.rows.result), by_columns(form.columns.result)
    wide, lanes = form.columns.inputs, form.lanes
    with k.kernel("finish", finish_params(form.stored)) as (f, p):
        transposed = f.local(f32, lanes * lanes * form.taps)
        blocks, vectors = f.ceil_div(p.channels, lanes), f.ceil_div(p.results, lanes)
        with f.dynamic_loop(p.next, blocks * vectors) as item:
            block, v = item % blocks, item // blocks
            first, count = block * lanes, f.min(p.channels - block * lanes, lanes)
            sums = p.sums[v // form.vectors * p.point + (v % form.vectors) * lanes][first * form.panel]
            row = p.w[v * lanes * p.stride + first * form.taps]
            with f.loop(0, count, sure=True) as c:
                for d in range(form.depth_taps):
                    pointer = sums[c * form.panel][d * form.points * p.panels * p.point]
                    grid = []
                    for _ in range(form.points):
                        grid.append(pointer.load(lanes))
                        pointer = pointer[p.panels * p.point]
                    values = both_ways(
                        f, rows, columns, [grid[i * wide : (i + 1) * wide] for i in range(form.rows.inputs)]
                    )
                    into = transposed[(c * form.depth_taps + d) * (form.taps // form.depth_taps) * lanes]
                    for t, value in enumerate(value for line in values for value in line):
                        into[t * lanes].store(value)
            _transpose_taps(f, p, form, transposed, row, count, p.results - v * lanes)
    return k


def _transpose_taps(
    f: Function, p: FinishFields, form: GradientForm, transposed: Pointer, w: Pointer, count: Value, results: Value,
) -> None:  # fmt: skip
    """Tiles of `lanes` taps × `lanes` output channels, transposed, so that a channel's taps are neighbours."""
    lanes, numbers = form.lanes, count * form.taps
    with f.loop(0, numbers, lanes, sure=True) as q:
        mask = f.mask(numbers - q, lanes)
        for r, value in enumerate(transpose_tile(f, list(lines(transposed[q * lanes], lanes, lanes)), 0, lanes, f32)):
            with f.if_(results > r):
                w[r * p.stride][q].store(value.to(form.stored), mask=mask)
