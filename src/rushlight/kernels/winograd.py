"""Winograd's transforms as machine code: data in, products over channels, results out.

In: a `Form`, which holds what a layer fixes. Out: functions in a module, called for each block by
`kernels.winograd_loops`. Every function handles one tile (or one block of channels) and all its lanes:

    data    6×6 inputs of a tile, channels innermost     →  36 numbers a channel, `transformed[ξ][tile][channel]`
    product transformed[ξ] (tiles × channels) · filter[ξ] (channels × outputs), one small matrix product a ξ
    result  36 sums a tile and output channel            →  4×4 results, bias and ReLU, stored where they belong
    filter  (`kernels.winograd_weights`) 3×3 taps        →  36 numbers a pair, `[panel][depth tap][ξ][ci][NR]`

Along an axis that is not transformed (the rows of a 1-D layer) F(1, 1) stands in, whose matrices are 1. What is
transformed is float32: halves are widened as tiles are packed and as taps are read, and results are rounded to
them, to nearest even, as they are stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..language.ir import Function, Module, Pointer, Type, Value, f32, i64, ptr, vec
from ..plan.winograd import Matrix, Step, Transform, Winograd, by_columns, by_rows
from .microkernel import Microkernel, broadcast, lines, store, vectors
from .winograd_watch import there, watched


class Form(NamedTuple):
    """What the kernels are specialised on."""

    rows: Winograd
    columns: Winograd
    lanes: int  # numbers in a vector register
    vectors: int  # registers across a panel of output channels
    heights: tuple[int, ...]  # tiles that one product sums at once, the greatest first
    stored: Type  # what source, weight and result are in memory
    lattices: tuple[tuple[int, ...], tuple[int, ...]]  # of rows and of columns (`winograd_watch.lattice`)

    @property
    def panel(self) -> int:
        """Output channels that are computed together."""
        return self.lanes * self.vectors

    @property
    def windows(self) -> int:
        """The bits of all results of a tile (`winograd_watch.emit_windows`)."""
        return sum(
            1 << i * self.columns.inputs + j for i in range(self.rows.results) for j in range(self.columns.results)
        )

    @property
    def points(self) -> int:
        """Multiplications a tile and channel pair (36 for F(4×4, 3×3))."""
        return self.rows.inputs * self.columns.inputs


def apply(f: Function, transform: Transform, values: Sequence[Value]) -> list[Value]:
    """The transform's rows over vectors: every step is a chain of multiply-adds in the order of its terms."""
    shared: list[Value] = []

    def run(step: Step) -> Value:
        total = None
        for coefficient, index in sorted(step.terms, key=lambda term: abs(term[0]) != 1):
            value = values[index] if index >= 0 else shared[-1 - index]
            if total is None:
                total = value if coefficient == 1 else value * float(coefficient)
            elif abs(coefficient) == 1:
                total = total + value if coefficient == 1 else total - value
            else:
                total = f.fma(f.const(value.type, float(coefficient)), value, total)
        return total

    for step in transform.shared:
        shared.append(run(step))
    return [run(step) for step in transform.rows]


def both_ways(f: Function, rows: Transform, columns: Transform, grid: list[list[Value]]) -> list[list[Value]]:
    """`rows` down each column of the grid, then `columns` along each row: R · grid · Cᵀ."""
    down = [apply(f, rows, [line[j] for line in grid]) for j in range(len(grid[0]))]
    return [apply(f, columns, [column[i] for column in down]) for i in range(len(down[0]))]


def emit_transform(
    k: Module, name: str, matrices: tuple[Matrix, Matrix], lanes: int, panelled: bool = False
) -> Function:
    """`name(source, row, leading_dimension, transformed, point, channels)`: one tile from a packed tile whose pixels
    have that leading dimension.

    Gives its energy (`kernels.winograd_watch`).

    for c in vectors of channels:
        grid[i][j] = source[i·row + j·leading_dimension + c]      # row: from one row of the packed tile to the next
        transformed[ξ·point + c] = (R grid Cᵀ)[ξ]                 # point: numbers from one ξ to the next

    `panelled`: two arguments more, `panel` channels after which the next ones are `next` numbers further on.
    """
    rows, columns = map(by_rows, matrices)
    energies = [(i, j) for i in watched(matrices[0]) for j in watched(matrices[1])]
    signature = [
        ("source", ptr(f32)), ("row", i64), ("leading_dimension", i64), ("transformed", ptr(f32)), ("point", i64),
        ("channels", i64),
    ]  # fmt: skip
    signature += [("panel", i64), ("next", i64)] if panelled else []
    with k.function(name, signature, f32, inline=False) as (
        f,
        source,
        row,
        leading_dimension,
        transformed,
        point,
        channels,
        *panels,
    ):
        energy = f.var(vec(f32, lanes), 0.0)

        def vector(source: Pointer, target: Pointer, left: Value) -> None:
            grid, start = [], source
            for _ in range(rows.inputs):
                grid.append([start[leading_dimension * j].load(lanes) for j in range(columns.inputs)])
                start = start[row]
            transformed = both_ways(f, rows, columns, grid)
            for line in transformed:
                for value in line:
                    target.store(value)
                    target = target[point]
            total = None
            for value in (transformed[i][j] for i, j in energies):
                total = value * value if total is None else f.fma(value, value, total)
            energy.value = energy.value + there(f, total, left)

        if panelled:
            panel, next_panel = panels
            into = f.var(ptr(f32), transformed)
            with f.loop(0, channels, panel, sure=True) as c:
                with f.loop(0, f.min(panel, channels - c), lanes, sure=True) as i:
                    vector(source[c + i], into.value[i], channels - c - i)
                into.value = into.value[next_panel]
        else:
            with f.loop(0, channels, lanes, sure=True) as c:
                vector(source[c], transformed[c], channels - c)
        f.ret(f.sum_lanes(energy.value))
    return f


def emit_data(k: Module, form: Form) -> Function:
    """`emit_transform` with Bᵀ: the inputs of a tile."""
    return emit_transform(k, "winograd_data", (form.rows.data, form.columns.data), form.lanes)


def emit_product(k: Module, form: Form, count: int) -> Function:
    """`product(transformed, width, filter, channels, sums, add)`: `count` tiles × one panel, summed over the channels.

    sums[tile][0:panel] (+)= Σ_c transformed[tile·width + c] · filter[c][0:panel]      # adds to sums where add ≠ 0
    """
    signature = [
        ("transformed", ptr(f32)), ("width", i64), ("filter", ptr(f32)), ("channels", i64), ("sums", ptr(f32)),
        ("add", i64),
    ]  # fmt: skip
    with k.function(f"winograd_product{count}", signature, inline=False) as made:
        f, transformed, width, filter, channels, sums, add = made
        load_a, load_b = broadcast(count, form.lanes, lambda tile: tile[width]), vectors(form.vectors, form.lanes)
        product = Microkernel(f, f32, form.lanes, count, form.vectors, load_a, load_b, [0.0] * form.vectors)
        with f.if_(add != 0):
            product.load(lines(sums, form.panel, count))
        with f.loop(0, channels, sure=True) as c:
            weights, tile = filter[c * form.panel], transformed[c]
            product.step(tile, weights)
        store(product.values(), lines(sums, form.panel, count))
    return f


def emit_result(k: Module, form: Form) -> Function:
    """`result(sums, point, out, row, pixel, down, along, height, width, channels, bias, low)`: one tile of a panel.

    `out` is the tile's first result, `row` and `pixel` the distances of its neighbours, which are `down` and `along`
    positions distant; `height` and `width` are the positions from the first result to the end of the image, `channels`
    how many of the panel's channels exist. max(·, low) is the ReLU (low 0) or nothing (low −∞).
    """
    rows, columns = by_columns(form.rows.result), by_columns(form.columns.result)
    signature = [
        ("sums", ptr(f32)), ("point", i64), ("out", ptr(form.stored)), ("row", i64), ("pixel", i64),
        ("down", i64), ("along", i64), ("height", i64), ("width", i64),
        ("channels", i64), ("bias", ptr(f32)), ("low", f32),
    ]  # fmt: skip
    with k.function("winograd_result", signature, inline=False) as made:
        f, sums, point, out, row, pixel, down, along, height, width, channels, bias, low = made
        floor, wide = low.splat(form.lanes), form.columns.inputs
        with f.loop(0, form.panel, form.lanes) as v:
            values, pointer = [], sums[v]
            for _ in range(form.points):
                values.append(pointer.load(form.lanes))
                pointer = pointer[point]
            grid = [values[i * wide : (i + 1) * wide] for i in range(form.rows.inputs)]
            start, line, there = bias[v].load(form.lanes), out[v], channels - v
            results = [
                [f.max(floor, value + start).to(form.stored) for value in values]
                for values in both_ways(f, rows, columns, grid)
            ]
            last_row, last_pixel = form.rows.results - 1, form.columns.results - 1
            whole = (there >= form.lanes) & (height > down * last_row) & (width > along * last_pixel)
            with f.if_(whole):
                for values in results:
                    pointer = line
                    for value in values:
                        pointer.store(value)
                        pointer = pointer[pixel]
                    line = line[row]
            with f.else_():  # one partial store in a loop: sixteen of them are most of the time to compile this kernel
                _store_part(f, results, out[v], (row, pixel), (down, along), (height, width), there)
    return f


def emit_empty(k: Module, form: Form) -> Function:
    """`empty(windows, out, …)`: the bias alone where a window holds nothing (`winograd_watch.emit_windows`).

    The other arguments are those of "winograd_result"."""
    signature = [
        ("windows", i64), ("out", ptr(form.stored)), ("row", i64), ("pixel", i64), ("down", i64), ("along", i64),
        ("height", i64), ("width", i64), ("channels", i64), ("bias", ptr(f32)), ("low", f32),
    ]  # fmt: skip
    wide = form.columns.inputs
    with k.function("winograd_empty", signature, inline=False) as made:
        f, windows, out, row, pixel, down, along, height, width, channels, bias, low = made
        with f.loop(0, form.rows.results) as i, f.loop(0, form.columns.results) as j:
            held = (windows >> (i * wide + j)) & 1
            with f.if_((held < 1) & (height > down * i) & (width > along * j)), f.loop(0, form.panel, form.lanes) as v:
                value = f.max(low.splat(form.lanes), bias[v].load(form.lanes)).to(form.stored)
                mask = f.mask(channels - v, form.lanes, form.stored)
                out[i * row + v][j * pixel].store(value, mask=mask)
    return f


def _store_part(
    f: Function, results: list[list[Value]], out: Pointer, steps: tuple[Value, Value], strides: tuple[Value, Value],
    left: tuple[Value, Value], channels: Value,
) -> None:  # fmt: skip
    """Those results of a tile that are inside the image and of one of the `channels`, by way of memory."""
    lanes, wide = results[0][0].type.lanes, len(results[0])
    kept = f.local(out.of, lanes * wide * len(results))
    for index, value in enumerate(value for values in results for value in values):
        kept[index * lanes].store(value)
    mask = f.mask(channels, lanes, out.of)
    with f.loop(0, len(results)) as i, f.if_(left[0] > strides[0] * i):
        with f.loop(0, wide) as j, f.if_(left[1] > strides[1] * j):
            value = kept[(i * wide + j) * lanes].load(lanes)
            out[i * steps[0]][j * steps[1]].store(value, mask=mask)
