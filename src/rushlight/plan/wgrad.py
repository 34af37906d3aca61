"""The weight gradient as a matrix product over pixels: which registers, blocks, parts and chunks.

In: a ConvSpec and a `Target`. Out: a `ProductPlan`. Next: `kernels.wgrad` emits the kernel of its register block, and
`backends.cpu` makes tables of the rest.

    w[co, ci, k] = Σ over pixels  x[pixel at tap k, ci] · y[pixel, co]

The sum runs over pixels, so of both operands only the channels need to be neighbours in memory. Where pixels are near
each other, channels-last arrays are read where they are, at any stride, and a tap's share of the padding is left out
of its loop instead of being multiplied by zero. Pixels at large strides share few sets of the first cache and few
pages: such operands are packed, a panel of a few channels at a time. A register tile holds `height` channels of one
operand (the left one, broadcast) times `vectors · lanes` channels of the other (the right one); of an operand in place,
tiles that do not divide its channels overlap.

Work is split over parts of the result and over chunks of the pixels. Both numbers follow from the geometry alone, and
chunks are added in order: the bits depend on nothing else.
"""

from __future__ import annotations

from itertools import product
from math import inf, prod
from typing import NamedTuple

from ..rules.spec import ITEM_BYTES, ConvSpec
from .axes import Phase, forward_phase
from .blocking import UNIT
from .target import Target

PIXELS, LEAST_PIXELS = 192, 48
"""Pixels a block, about: enough to hide the cost of loading and storing a tile, few enough for the cache; and how few
they may become where operands that are read in place stay in the first cache then."""

ITEMS = 16
"""Pieces of work from which a few threads finish together."""

PACKING, SUMS = 1.5, 1.0
"""Cycles to pack a number of an operand, and to write and read a sum of a chunk."""

_SPLITS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)

DIRECT = 2048
"""Pixels up to which a tile's sum is not interrupted by blocks, where it may be a part of the result itself."""

DIRECT_PACKED = 1024
"""The same, where panels of that many pixels are packed and should stay in the second cache."""

FAR, PAGE = 256, 4096
"""Bytes between pixels from which an operand is packed, and from which it is so for less."""

PANEL = 24
"""Channels of a packed panel of the left operand, about: few enough that its pixels stay in the first cache."""


class RegisterBlock(NamedTuple):
    """A tile of `height` × (`vectors` · `lanes`) sums in registers."""

    height: int
    vectors: int
    lanes: int

    @property
    def width(self) -> int:
        """Columns of a tile."""
        return self.vectors * self.lanes


class Side(NamedTuple):
    """One operand: `channels` a group, cut into `parts` pieces of `part` channels that overlap where need be."""

    name: str  # x or y
    channels: int
    part: int
    parts: int
    panel: int  # channels that are packed together; 0 in place

    @property
    def panels(self) -> int:
        """Packed panels of a part."""
        return -(-self.part // self.panel) if self.panel else 0

    def starts(self, overlap: bool) -> list[int]:
        """The first channel of each packed panel of a part; the last is moved back where panels may `overlap`."""
        most = self.part - self.panel if overlap else self.part
        return [min(i * self.panel, most) for i in range(self.panels)]


class ProductPlan(NamedTuple):
    """How one weight gradient is computed.

    `left` and `right` are the operands in the tile's rows and columns; `runs` are the taps of the last axis, those
    together whose channels are one run of the left operand's memory. `pixels` are the block's extents (image, d, h, w).
    """

    register: RegisterBlock
    left: Side
    right: Side
    runs: tuple[tuple[int, ...], ...]
    outer_taps: int  # taps of the axes before the last
    pixels: tuple[int, int, int, int]
    chunks: int
    direct: bool  # tiles are parts of the result, each computed at once

    @property
    def tiles(self) -> int:
        """Tiles of a part of the left operand's channels, for all taps."""
        return self.outer_taps * sum(len(self.tiles_of(run)) for run in self.runs)

    def tiles_of(self, run: tuple[int, ...]) -> list[tuple[int, int, int]]:
        """The tiles of a part and a run of taps: packed panel, offset in it, and first row (a channel of a tap).

        Only tiles of one packed panel may extend beyond it: nobody looks at what they sum there."""
        height, side = self.register.height, self.left
        length = len(run) * side.part
        if side.panels <= 1 and not (side.panel and self.direct):
            return [(0, first, first) for first in (min(i, max(0, length - height)) for i in range(0, length, height))]
        return [
            (panel, inside, start + inside)
            for panel, start in enumerate(side.starts(self.direct))
            for inside in range(0, min(side.panel, side.part - start), height)
        ]

    @property
    def panels(self) -> int:
        """Tiles that cover a part of the right operand's channels."""
        return -(-self.right.part // self.register.width)


def axes_of(spec: ConvSpec) -> list[tuple[Phase, int, int]]:
    """Three axes as (phase, size of x, size of y); Linear's batch is the last one."""
    if not spec.rank:
        return [(UNIT, 1, 1), (UNIT, 1, 1), (forward_phase(1, 1, 1, 0, spec.batch), spec.batch, spec.batch)]
    rows = zip(spec.taps, spec.stride, spec.dilation, spec.padding, spec.out, spec.size)
    axes = [(forward_phase(k, s, d, lo, o), n, o) for k, s, d, (lo, _), o, n in rows]
    return [(UNIT, 1, 1)] * (3 - len(axes)) + axes


COPIED = 0.87
"""What tiles of a packed operand must cost of those in place, so that its copy pays."""

FEW = 8
"""Pixels up to which a weight gradient costs no more than writing it."""


def plan_product(spec: ConvSpec, target: Target, packed: tuple[bool, bool]) -> ProductPlan:
    """The plan for a spec whose x and y are packed or read in place, as `packed` says."""
    cig, cog = spec.in_channels // spec.groups, spec.out_channels // spec.groups
    itemsize = max(4, ITEM_BYTES[spec.dtype])
    runs = tap_runs(spec, packed[0])
    single = prod(spec.taps) == 1
    lengths = [len(run) * cig for run in runs]
    best, cost = best_register(lengths, cog, target, itemsize, packed[1])
    swapped = False
    if single:
        other, price = best_register([cog], cig, target, itemsize, packed[0])
        # Rows of the result are then written as they are: worth a little more arithmetic.
        if price <= cost * 1.1:
            best, swapped = other, True
            if spec.batch * prod(spec.out) <= FEW:  # writing it is all the work: long pieces of rows
                best, _ = best_register([cog], cig, target, itemsize, packed[0], (8, 4, 2, 1))
    left, right = (("y", cog), ("x", cig)) if swapped else (("x", cig), ("y", cog))
    if swapped:
        packed = packed[1], packed[0]
    positions = spec.batch * prod(spec.out)
    most = DIRECT_PACKED if any(packed) else DIRECT
    direct = swapped and positions <= most
    panels = left_panel(best, left[1], runs, packed[0], PANEL // 2), best.width if packed[1] else 0
    if direct:  # tiles that are parts of the result stay inside it
        direct = panels[0] <= left[1] and panels[1] <= right[1]
    pixels = (
        (spec.batch if spec.rank else 1, *(axis[2] for axis in axes_of(spec)))
        if direct
        else pixel_block(spec, block_of(spec, packed, itemsize, target))
    )
    work = Work(spec, best, left, right, runs, pixels, packed, direct, itemsize, target.l2)
    parts, chunks = split(work)
    units = panels if direct and all(panels) else (best.height, best.width)
    sides = [cut_side(*side, n, panel, unit) for side, n, panel, unit in zip((left, right), parts, panels, units)]
    if not direct:
        sides[0] = sides[0]._replace(panel=left_panel(best, sides[0].part, runs, packed[0], PANEL))
    return ProductPlan(best, *sides, runs, prod(spec.taps[:-1]), pixels, chunks, direct)


def left_panel(register: RegisterBlock, channels: int, runs: tuple, packed: bool, most: int) -> int:
    """Channels of the left operand that are packed together: whole tiles, about `most`, panels of nearly one size."""
    if not packed:
        return 0
    if any(len(run) > 1 for run in runs):
        return channels
    tiles = -(-channels // register.height)
    panels = -(-tiles // max(1, most // register.height))
    return register.height * -(-tiles // panels)


def tap_runs(spec: ConvSpec, packed: bool) -> tuple[tuple[int, ...], ...]:
    """The taps of the last axis in runs: those of few channels whose packed indices are neighbours in a packed tile.

    >>> tap_runs(ConvSpec.of(1, 3, 64, size=(9,), taps=(5,), stride=2), packed=True)
    ((0, 2, 4), (1, 3))
    """
    phase = axes_of(spec)[-1][0]
    if not packed or not is_narrow(spec):
        return tuple((k,) for k in range(len(phase.taps)))
    tap_at = {offset: k for k, offset in enumerate(phase.offsets)}
    runs = []
    for offset in phase.offsets:
        if offset - phase.step not in tap_at:
            run = []
            while offset in tap_at:
                run.append(tap_at[offset])
                offset += phase.step
            runs.append(tuple(run))
    return tuple(runs)


def is_narrow(spec: ConvSpec) -> bool:
    """Whether x has so few channels that its taps should be merged into runs."""
    return bool(spec.rank) and spec.in_channels // spec.groups < 8 and spec.taps[-1] > 1


def is_far(spec: ConvSpec, distance: int) -> bool:
    """Whether pixels have too large a stride to be read in place again and again; those of a page and more share
    one set of the first cache."""
    again = min(spec.in_channels * prod(spec.taps), spec.out_channels) // spec.groups
    return distance >= FAR and again >= (32 if distance >= PAGE else 48) and spec.batch * prod(spec.out) > 4 * FEW


def wants_room(spec: ConvSpec, target: Target, itemsize: int) -> bool:
    """Whether y is packed for the sake of its last vector: where it has fewer channels a group than the shortest
    vector, or a number (33) that fills tiles badly without a partial vector, and enough is done with the copy."""
    rows, columns = [spec.in_channels // spec.groups], spec.out_channels // spec.groups
    packed, in_place = (best_register(rows, columns, target, itemsize, padded)[1] for padded in (True, False))
    return in_place == inf or (prod(spec.taps) > 4 and packed < COPIED * in_place)


def best_register(
    rows: list[int],
    columns: int,
    target: Target,
    itemsize: int,
    padded: bool,
    choices: tuple[int, ...] = (2, 1, 3, 4, 5),
) -> tuple:
    """The tile of the least time over a result of `rows` × `columns`, and that time in cycles a pixel.

    With `padded` columns a tile may be wider than the result. `choices` are the numbers of vectors to try."""
    best: tuple = (None, inf)
    lanes = target.lanes(itemsize)
    while lanes * itemsize >= 16:
        per_cycle = 2 if lanes * itemsize < 64 else 1
        for vectors in choices:
            if vectors * lanes > (-(-columns // lanes) * lanes if padded else columns):
                continue
            spare = 1 if target.fma else 2
            most = (target.registers - vectors - spare) // vectors
            if target.isa == "neon":
                most = min(most, 12)  # with more, LLVM moves sums between registers
            if most < 1:
                continue
            found = _register_cost(rows, columns, most, vectors, lanes, per_cycle)
            if found[1] < best[1] * 0.98:
                best = found
        lanes //= 2
    return best


def _register_cost(rows: list[int], columns: int, most: int, vectors: int, lanes: int, per_cycle: int) -> tuple:
    height = max(-(-row // -(-row // most)) for row in rows)
    tiles = sum(-(-row // height) for row in rows)
    products, loads = height * vectors, (height + vectors) / 2 + (vectors / 2 if per_cycle == 1 else 0)
    cycles = max(products / per_cycle, loads, 5.0, (products + height + vectors + 5) / 6) + 0.4
    return RegisterBlock(height, vectors, lanes), tiles * -(-columns // (vectors * lanes)) * cycles


def block_of(spec: ConvSpec, packed: tuple[bool, bool], itemsize: int, target: Target) -> int:
    """How many pixels of a group's channels, read in place, the first cache holds; counted in lines of 64 bytes."""
    lines = 0.0
    for channels, is_packed in zip((spec.in_channels, spec.out_channels), packed):
        if not is_packed:
            run = channels // spec.groups * itemsize / 64
            lines += run if spec.groups == 1 else run + 1
    most = target.l1 / 64
    fitting = int(0.75 * most / lines) if lines else PIXELS
    return PIXELS if PIXELS * lines <= most or fitting < LEAST_PIXELS else min(PIXELS, fitting)


def pixel_block(spec: ConvSpec, wanted: int) -> tuple[int, int, int, int]:
    """Extents (images, d, h, w) of a block of about `wanted` pixels."""
    out = (1, 1, 1, *spec.out)[-3:] if spec.rank else (1, 1, spec.batch)
    block = []
    for extent in reversed(out):
        count = -(-extent // max(1, wanted))
        even = -(-extent // count) if extent < 2 * wanted else wanted
        block.append(min(extent, even))
        wanted //= block[-1]
    images = max(1, min(spec.batch, wanted)) if spec.rank else 1
    return (images, *reversed(block))


class Work(NamedTuple):
    """What `split` looks at."""

    spec: ConvSpec
    register: RegisterBlock
    left: tuple[str, int]  # x or y, and its channels a group
    right: tuple[str, int]
    runs: tuple[tuple[int, ...], ...]
    pixels: tuple[int, int, int, int]
    packed: tuple[bool, bool]
    direct: bool
    itemsize: int
    l2: int


def split(work: Work) -> tuple[tuple[int, int], int]:
    """Parts of the left and right channels, and chunks of the pixels, of the least estimated time.

    More parts pack operands more often, more chunks write more sums, and fewer pieces end less evenly."""
    spec, register = work.spec, work.register
    blocks = 1
    for extent, block in zip(([spec.batch] if spec.rank else [1]) + [axis[2] for axis in axes_of(spec)], work.pixels):
        blocks *= -(-extent // block)
    weight = prod(spec.w_shape) * work.itemsize
    room = max(1, spec.bytes * 2 // (3 * weight))  # leaves a third of what operands and result take to the packed tiles
    merged = any(len(run) > 1 for run in work.runs)
    most = (
        1 if merged else max(1, work.left[1] // (2 * register.height)),
        max(1, work.right[1] // register.width),
        1 if work.direct else max(1, min(blocks, ITEMS, room)),
    )
    lefts, rights, chunks = ([n for n in _SPLITS if n <= limit] for limit in most)
    best = min((_split_cost(work, *choice), choice) for choice in product(lefts, rights, chunks))
    *parts, count = best[1]
    return tuple(parts), count


def _split_cost(work: Work, parts_left: int, parts_right: int, chunks: int) -> float:
    """The estimated time of a split, in cycles of one core."""
    spec = work.spec
    positions = spec.batch * prod(spec.out)
    read = positions if prod(spec.taps) == 1 else spec.batch * prod(spec.size)  # pixels of x that are packed
    left, right = (read if name == "x" else positions for name, _ in (work.left, work.right))
    packing = left * parts_right * work.left[1] * work.packed[0] + right * parts_left * work.right[1] * work.packed[1]
    sums = 0 if work.direct else chunks * prod(spec.w_shape) // spec.groups
    height, width = (
        parts * _part(channels, parts, unit)
        for parts, channels, unit in (
            (parts_left, work.left[1], work.register.height),
            (parts_right, work.right[1], work.register.width),
        )
    )
    products = positions * prod(spec.taps) * height * width * work.itemsize / 56
    packed_tile = work.left[1] / parts_left * prod(work.pixels) * left / positions * work.itemsize * work.packed[0]
    crowded = 1 + 0.1 * max(0.0, min(2.0, packed_tile / work.l2 - 0.6))
    items = parts_left * parts_right * chunks * spec.groups
    uneven = 1 + 1 / min(items, ITEMS)
    return (products * crowded + packing * PACKING + sums * SUMS) * uneven


def cut_side(name: str, channels: int, parts: int, panel: int, unit: int) -> Side:
    """A side in parts of equal length, whole `unit`s where there are several."""
    part = min(channels, _part(channels, parts, unit))
    return Side(name, channels, part, -(-channels // part), panel and min(panel, part))


def _part(channels: int, parts: int, unit: int) -> int:
    """Channels of a part, in whole units."""
    return -(-channels // (parts * unit)) * unit
