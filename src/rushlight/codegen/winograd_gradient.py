"""The weight gradient by Winograd's algorithm: F(3, 4), whose filter is a tile of y and whose results are the taps.

In: what a layer fixes (`GradientForm`). Out: modules with the kernels that `engines.compiled.winograd_gradient`
launches in turn, chunk by chunk of tiles:

    spread   for every tile of x (6×6 inputs) and of y (4×4): 36 numbers a channel, [slot][ξ][tile][channel]
    sum      sums[depth tap][ξ][panel][ci][co] += Σ_tiles spread x[ξ][tile][ci] · spread y[ξ][tile][co]
    finish   w[co][ci][taps] = the 3×3 results of the 36 sums, turned so that the taps are neighbours in memory

Tiles are summed in their order, the sums of chunks in theirs (two levels, which keeps the rounding of long sums
small), so threads do not change the bits. Tiles that do not exist are
zero in y.
"""

from __future__ import annotations

from typing import NamedTuple

from ..plan.target import Target
from ..plan.winograd import Winograd, by_columns, by_rows
from .ir import Function, Module, Params, Pointer, Value, f32, i64, ptr, vec
from .pack import emit_pack
from .winograd import both_ways, emit_spread

SPREAD = Params(
    job=ptr(i64), source=ptr(f32), spread=ptr(f32), scratch=ptr(f32),
    first=i64, count=i64, blocks_d=i64, blocks_h=i64, blocks_w=i64,
    image_stride=i64, channel_stride=i64, channels=i64, chunk=i64,
    slots=i64, rows=i64, columns=i64, places_h=ptr(i64), places_w=ptr(i64),
    band_plane=i64, band_row=i64, pitch=i64, band_size=i64, width=i64, point=i64,
)  # fmt: skip
"""Units `first` … `first + count` of (image, block); `point` numbers from one ξ to the next, `width` a tile."""

SUM = Params(
    x=ptr(f32), y=ptr(f32), sums=ptr(f32), taps=i64, slots=ptr(i64), points=i64, panels=i64, group_panels=i64,
    channels=i64, results=i64, rows=i64, depths=i64, tiles=i64,
    width_x=i64, width_y=i64, point_x=i64, point_y=i64, add=i64,
)  # fmt: skip

"""`channels` and `results` are those of a group, `rows` the channels rounded up: the rows of a panel's sums."""

FINISH = Params(
    sums=ptr(f32), w=ptr(f32), channels=i64, results=i64, panels=i64, group_panels=i64, point=i64, stride=i64,
)  # fmt: skip


class GradientForm(NamedTuple):
    """What the kernels are specialised on."""

    rows: Winograd
    columns: Winograd
    depth_taps: int
    lanes: int
    vectors: int
    height: int  # input channels that one product sums at once; divides the padded channels

    @property
    def panel(self) -> int:
        """Output channels of a panel."""
        return self.lanes * self.vectors

    @property
    def points(self) -> int:
        """Products a tile and channel pair."""
        return self.rows.inputs * self.columns.inputs

    @property
    def taps(self) -> int:
        """Taps of the weight."""
        return self.depth_taps * self.rows.results * self.columns.results


def emit_operand(target: Target, form: GradientForm, operand: str, pack_form: str) -> Module:
    """The kernel "spread" of x (with Bᵀ) or y (with G)."""
    k = Module(target)
    pack = emit_pack(k, pack_form, f32, f32)
    matrices = [getattr(axis, "data" if operand == "x" else "filter") for axis in (form.rows, form.columns)]
    one = emit_spread(k, "winograd_spread", tuple(map(by_rows, matrices)), form.lanes)
    with k.kernel("spread", SPREAD) as (f, p):
        band = p.scratch[p.ticket.fetch_add(1) * p.band_size]
        with f.claim(p.next, p.count) as item:
            unit = p.first + item
            w, above = unit % p.blocks_w, unit // p.blocks_w
            h, above = above % p.blocks_h, above // p.blocks_h
            d, image = above % p.blocks_d, above // p.blocks_d
            target_ = p.spread[item * p.rows * p.columns * p.width]
            with f.loop(0, p.channels, p.chunk, sure=True) as c:
                channels = f.min(p.chunk, p.channels - c)
                source = p.source[image * p.image_stride][c * p.channel_stride]
                f.call(pack, p.job, source, band, d, h, w, channels)
                with f.loop(0, p.slots, sure=True) as slot:
                    plane, into = band[slot * p.band_plane], target_[slot * p.point * form.points][c]
                    with f.loop(0, p.rows, sure=True) as i, f.loop(0, p.columns, sure=True) as j:
                        tile = into[(i * p.columns + j) * p.width]
                        start = plane[p.places_h[i * 2].load() * p.band_row + p.places_w[j * 2].load() * p.pitch]
                        f.call(one, start, p.band_row, p.pitch, tile, p.point, channels)
    return k


def emit_sum(target: Target, form: GradientForm) -> Module:
    """The kernel "sum": an item is a depth tap, a ξ and a panel."""
    k = Module(target)
    product = _emit_product(k, form)
    with k.kernel("sum", SUM) as (f, p), f.claim(p.next, p.taps * p.points * p.panels) as item:
        panel, above = item % p.panels, item // p.panels
        xi, tap = above % p.points, above // p.points
        group, part = panel // p.group_panels, panel % p.group_panels
        sums = p.sums[item * p.rows * form.panel]
        slot = p.slots[tap].load()
        x, y = p.x[group * p.channels], p.y[xi * p.point_y + group * p.results + part * form.panel]
        left = x[(slot * p.points + xi) * p.point_x]
        steps = (p.width_x, p.width_y, p.points * p.point_x, p.points * p.point_y)
        with f.loop(0, p.rows, form.height, sure=True) as c:
            f.call(product, left[c], y, *steps, p.depths, p.tiles, sums[c * form.panel], p.add)
    return k


def _emit_product(k: Module, form: GradientForm) -> Function:
    """sums[0:height][panel] (+)= Σ_z Σ_t x[z·depth_x + t·width_x + 0:height] · y[z·depth_y + t·width_y + 0:panel]."""
    vector = vec(f32, form.lanes)
    signature = [
        ("x", ptr(f32)), ("y", ptr(f32)), ("width_x", i64), ("width_y", i64), ("depth_x", i64), ("depth_y", i64),
        ("depths", i64), ("tiles", i64), ("sums", ptr(f32)), ("add", i64),
    ]  # fmt: skip
    with k.function("winograd_outer", signature, inline=False) as made:
        f, x, y, width_x, width_y, depth_x, depth_y, depths, tiles, sums, add = made
        places = [(m, v) for m in range(form.height) for v in range(form.vectors)]
        total = {place: f.var(vector, 0.0) for place in places}
        with f.loop(0, depths, sure=True) as z:
            left, right = f.var(ptr(f32), x[z * depth_x]), f.var(ptr(f32), y[z * depth_y])
            with f.loop(0, tiles, sure=True):
                factors = [right.value[v * form.lanes].load(form.lanes) for v in range(form.vectors)]
                for m in range(form.height):
                    number = left.value[m].broadcast(form.lanes)
                    for v in range(form.vectors):
                        total[m, v].value = f.fma(number, factors[v], total[m, v].value)
                left.value, right.value = left.value[width_x], right.value[width_y]
        with f.if_(add != 0):
            for (m, v), variable in total.items():
                variable.value = variable.value + sums[m * form.panel + v * form.lanes].load(form.lanes)
        for (m, v), variable in total.items():
            sums[m * form.panel + v * form.lanes].store(variable.value)
    return f


def emit_finish(target: Target, form: GradientForm) -> Module:
    """The kernel "finish": an item is a vector of output channels × as many input channels."""
    k = Module(target)
    rows, columns = by_columns(form.rows.result), by_columns(form.columns.result)
    wide, lanes = form.columns.inputs, form.lanes
    with k.kernel("finish", FINISH) as (f, p):
        turned = f.local(f32, lanes * lanes * form.taps)
        blocks, vectors = f.ceil_div(p.channels, lanes), f.ceil_div(p.results, lanes)
        groups = p.panels // p.group_panels
        with f.claim(p.next, blocks * vectors * groups) as item:
            block, above = item % blocks, item // blocks
            v, group = above % vectors, above // vectors
            first, count = block * lanes, f.min(p.channels - block * lanes, lanes)
            panel = group * p.group_panels + v // form.vectors
            sums = p.sums[panel * p.point + (v % form.vectors) * lanes][first * form.panel]
            row = p.w[(group * p.results + v * lanes) * p.stride + first * form.taps]
            with f.loop(0, count, sure=True) as c:
                for d in range(form.depth_taps):
                    place = sums[c * form.panel][d * form.points * p.panels * p.point]
                    grid = []
                    for _ in range(form.points):
                        grid.append(place.load(lanes))
                        place = place[p.panels * p.point]
                    values = both_ways(
                        f, rows, columns, [grid[i * wide : (i + 1) * wide] for i in range(form.rows.inputs)]
                    )
                    into = turned[(c * form.depth_taps + d) * (form.taps // form.depth_taps) * lanes]
                    for t, value in enumerate(value for line in values for value in line):
                        into[t * lanes].store(value)
            _turn(f, p, form, turned, row, count, p.results - v * lanes)
    return k


def _turn(f: Function, p, form: GradientForm, turned: Pointer, w: Pointer, count: Value, results: Value) -> None:  # noqa: ANN001
    """Squares of `lanes` taps × `lanes` output channels, turned, so that a channel's taps are neighbours."""
    lanes, numbers = form.lanes, count * form.taps
    with f.loop(0, numbers, lanes, sure=True) as q:
        mask = f.mask(numbers - q, lanes)
        for r, value in enumerate(f.transpose([turned[q * lanes][j * lanes].load(lanes) for j in range(lanes)])):
            with f.if_(results > r):
                w[r * p.stride][q].store(value, mask=mask)
