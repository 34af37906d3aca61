"""Winograd's weights: taps transposed so that lanes hold channels, then transformed; a kernel of its own.

In: a `Form`, and a weight of which taps, channels or lanes are neighbours in memory. Out: the kernel "filter", which
writes `filter[panel][depth tap][ξ][channel][lane of the panel]`.

    for item in (panel, block of channels):                               # taken by threads
        transposed[channel][tap][lane] = the block's weights                  # a thread's own, in the first cache
        for channel, for depth tap: filter[…][ξ][channel] = G g Gᵀ        # all lanes at once

Which taps a depth tap (or a class of the source) has, and in which order, a table says: a phase of a transposed layer
has every second one, say, from the last to the first. Taps that a class lacks are 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from ..language.ir import (
    Array,
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
    vec,
)
from ..plan.target import Target
from ..plan.winograd import Step, Transform
from .transpose import tile_rows, transpose_rest
from .weights import PREFETCH_DISTANCE
from .winograd import Form, both_ways


class FilterFields(Fields):
    """The words of "filter"; distances are in numbers.

    `panels` counts those of all groups; `channels` and `results` are those of one; `point` is the distance from one ξ
    to the next; `block` channels are transposed at a time, in a thread's part of `scratch`, which is `room`; `order`
    has the index of each tap of each depth tap among the `taps`, −1 for none; the others are a `TransposeLoop`."""

    w: Array
    filter: Array
    scratch: Array
    room: Word
    order: Table
    channels: Word
    results: Word
    panels: Word
    group_panels: Word
    depth_taps: Word
    taps: Word
    point: Word
    blocks: Word
    block: Word
    group: Word
    lane: Word
    channel: Word
    inner: Word
    inner_channel: Word
    inner_step: Word
    inner_row: Word
    outer: Word
    outer_channel: Word
    outer_step: Word
    outer_row: Word


@cache
def filter_params(stored: Type) -> Params[FilterFields]:
    """The words of "filter" for a weight of this type."""
    return Params(FilterFields, w=stored, filter=f32, scratch=f32)


class TransposeLoop(NamedTuple):
    """How a block of n channels is iterated over: `outer + outer_channel·n` runs of `inner + inner_channel·n` numbers;
    how far neighbours of a run, and runs, are from each other in the weight (`step`) and in what is transposed
    (`row`)."""

    inner: int
    inner_channel: int
    inner_step: int
    inner_row: int
    outer: int
    outer_channel: int
    outer_step: int
    outer_row: int


def transpose_loop(lane: int, channel: int, tap: int, taps: int) -> TransposeLoop | None:
    """The loop along what is contiguous, by the distances in the weight; None where nothing is.

    >>> tuple(transpose_loop(4608, 9, 1, 9)), tuple(transpose_loop(9, 4608, 1, 9))
    ((0, 9, 1, 1, 1, 0, 0, 0), (9, 0, 1, 1, 0, 1, 4608, 9))
    """
    if tap == 1 and channel == taps:
        return TransposeLoop(0, taps, 1, 1, 1, 0, 0, 0)
    if tap == 1 or lane == 1:
        return TransposeLoop(taps, 0, tap, 1, 0, 1, channel, taps)
    if channel == 1:
        return TransposeLoop(0, 1, 1, taps, taps, 0, tap, 1)
    return None


def emit_weight(target: Target, form: Form) -> Module:
    """The kernel "filter", and `filter_panel(words, panel, begin, end, target, transposed)`, which transforms blocks
    `begin` to `end` of the channels of one panel alone."""
    k = Module(target)
    panel_of = _emit_panel(k, form, _emit_transform(k, form))
    with k.kernel("filter", filter_params(form.stored)) as (f, p):
        transposed = p.scratch[p.ticket.fetch_add(1) * p.room]
        with f.dynamic_loop(p.next, p.panels * p.blocks, 4) as item:
            panel, block = item // p.blocks, item % p.blocks
            into = p.filter[panel * p.depth_taps * form.points * p.point]
            f.call(panel_of, p.words, panel, block, block + 1, into, transposed)
    return k


def _emit_panel(k: Module, form: Form, transform: Function) -> Function:
    signature = [("words", ptr(i64)), *((name, i64) for name in ("panel", "begin", "end"))]
    signature += [("target", ptr(f32)), ("transposed", ptr(f32))]
    with k.function("filter_panel", signature, inline=False, export=True, distinct=False) as made:
        f, words, panel, begin, end, target, transposed = made
        p = filter_params(form.stored).read(f, words)
        zeros = f.local(f32, form.lanes)
        zeros.store(f.const(vec(f32, form.lanes), 0.0))
        group, lane = panel // p.group_panels, panel % p.group_panels * form.panel
        with f.loop(begin, end, sure=True) as block:
            first = block * p.block
            count = f.min(p.block, p.channels - first)
            source = p.w[group * p.group + lane * p.lane + first * p.channel]
            with f.loop(0, form.panel, form.lanes, sure=True) as v:
                _transpose_lanes(f, p, source, v, p.results - lane, transposed[v], count, form)
            with f.loop(0, count, sure=True) as c, f.loop(0, p.depth_taps, sure=True) as tap:
                into = target[tap * form.points * p.point + (first + c) * form.panel]
                order, taps = p.order[tap * (form.rows.taps * form.columns.taps)], transposed[c * p.taps * form.panel]
                with f.loop(0, form.panel, form.lanes, sure=True) as v:
                    f.call(transform, taps[v], zeros, order, into[v], p.point)
    return f


def _transpose_lanes(
    f: Function, p: FilterFields, source: Pointer, v: Value, there: Value, transposed: Pointer, count: Value,
    form: Form,
) -> None:  # fmt: skip
    """A vector of the panel for all channels and taps of a block: lanes v, v + 1, … of the `there` that exist; lanes
    beyond hold any number. Where lanes are no neighbours, those of a run are."""
    inner, outer = p.inner + p.inner_channel * count, p.outer + p.outer_channel * count
    with f.if_(p.lane == 1):
        mask = f.mask(there - v, form.lanes, source.of)
        with f.loop(0, outer, sure=True) as o, f.loop(0, inner, sure=True) as i:
            vector = source[v + o * p.outer_step + i * p.inner_step].load(form.lanes, mask=mask)
            transposed[(o * p.outer_row + i * p.inner_row) * form.panel].store(vector.to(f32))
    with f.else_():
        starts = tile_rows(f, source, v, there, p.lane, form.lanes)
        distance = f.select(p.outer_channel == 0, PREFETCH_DISTANCE, p.outer_step * 8)
        with f.loop(0, outer, sure=True) as o, f.loop(0, inner, form.lanes, sure=True) as i:
            here = [start[o * p.outer_step] for start in starts]
            row = transposed[(o * p.outer_row + i * p.inner_row) * form.panel]
            for start in here:
                start[i + distance].prefetch()
            with f.if_(inner - i == 1):  # the ninth of 3×3 taps
                last = f.const(vec(form.stored, form.lanes), 0.0)
                for r, start in enumerate(here):
                    last = f.insert(last, r, start[i].load())
                row.store(last.to(f32))
            with f.else_():
                for q, vector in enumerate(transpose_rest(f, here, i, inner, f32)):
                    row[q * p.inner_row * form.panel].store(vector)


def _emit_transform(k: Module, form: Form) -> Function:
    """`filter(transposed, zeros, order, target, point)`: target[ξ·point] = (G g Gᵀ)[ξ], g being the taps in `order`."""
    rows, columns = _plain(form.rows.filter), _plain(form.columns.filter)
    signature = [
        ("transposed", ptr(f32)),
        ("zeros", ptr(f32)),
        ("order", ptr(i64)),
        ("target", ptr(f32)),
        ("point", i64),
    ]
    with k.function("winograd_filter", signature, inline=False) as (f, transposed, zeros, order, target, point):
        grid = []
        for i in range(form.rows.taps):
            indices = [order[i * form.columns.taps + j].load() for j in range(form.columns.taps)]
            taps = [f.select(index < 0, zeros, transposed[index * form.panel]) for index in indices]
            grid.append([tap.load(form.lanes) for tap in taps])
        for line in both_ways(f, rows, columns, grid):
            for value in line:
                target.store(value)
                target = target[point]
    return f


def _plain(matrix: Sequence) -> Transform:
    """G as plain steps, a row each: it is applied once a weight, so shared sums are not worth their rounding."""
    rows = tuple(Step(tuple((x, j) for j, x in enumerate(row) if x)) for row in matrix)
    return Transform(len(matrix[0]), (), rows)
