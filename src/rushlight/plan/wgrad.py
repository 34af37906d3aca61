"""The weight gradient as a matrix product over pixels: which registers, blocks, parts and chunks.

In: a ConvSpec and a `Target`. Out: a `ProductPlan`. Next: `codegen.wgrad` emits the kernel that its `key` names and
turns the rest into tables.

    w[co, ci, k] = Σ over pixels  x[pixel at tap k, ci] · y[pixel, co]

The sum runs over pixels, so of both operands only the channels need to be neighbours in memory: channels-last arrays
are read where they are, at any stride, and a tap's share of the padding is left out of its loop instead of being
multiplied by zero. A register tile holds `height` channels of one operand (the left one, broadcast) times
`vectors · lanes` channels of the other (the right one); tiles of a result that do not divide its channels overlap.

Work is split over parts of the result and over chunks of the pixels. Both numbers follow from the geometry alone, and
chunks are added in order: the bits depend on nothing else.
"""

from __future__ import annotations

from math import prod
from typing import NamedTuple

from ..ops.spec import ITEM_BYTES, ConvSpec
from .axes import Phase, forward_phase
from .blocking import UNIT
from .target import Target

PIXELS = 192
"""Pixels a block, about: enough to hide the cost of loading and storing a tile, few enough for the cache."""

ITEMS = 16
"""Pieces of work wanted, so that a few threads finish together; half as many where each packs its operands anew."""

DIRECT = 2048
"""Pixels up to which a tile's sum is not interrupted by blocks, where it may be a part of the result itself."""


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


class ProductPlan(NamedTuple):
    """How one weight gradient is computed.

    `left` and `right` are the operands in the tile's rows and columns; `runs` are the taps of the last axis, those
    together whose channels are one run of the left operand's memory. `pixels` are the block's extents (image, d, h, w).
    """

    register: RegisterBlock
    left: Side
    right: Side
    runs: tuple[tuple[int, ...], ...]
    planes: int  # taps of the axes before the last
    pixels: tuple[int, int, int, int]
    chunks: int
    direct: bool  # tiles are parts of the result, each computed at once

    @property
    def tiles(self) -> int:
        """Tiles of a part of the left operand's channels, for all taps."""
        return self.planes * sum(-(-len(run) * self.left.part // self.register.height) for run in self.runs)

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


def tap_range(offset: int, step: int, size: int, out: int) -> tuple[int, int]:
    """The results t in [begin, end) for which `step·t + offset` is inside the source.

    >>> tap_range(offset=-1, step=2, size=5, out=3)
    (1, 3)
    """
    begin = max(0, -(offset // step))
    return begin, max(begin, min(out, (size - 1 - offset) // step + 1))


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
    positions = spec.batch * prod(spec.out)
    direct = swapped and not any(packed) and positions <= DIRECT and spec.dtype in ("f32", "f64")
    pixels = (spec.batch if spec.rank else 1, *(axis[2] for axis in axes_of(spec))) if direct else pixel_block(spec)
    wanted = ITEMS // 2 if any(packed) else ITEMS
    parts, chunks = split(spec, best, left[1], right[1], runs, pixels, itemsize, wanted)
    sides = cut_side(*left, parts[0]), cut_side(*right, parts[1])
    return ProductPlan(best, *sides, runs, prod(spec.taps[:-1]), pixels, chunks, direct)


def tap_runs(spec: ConvSpec, packed: bool) -> tuple[tuple[int, ...], ...]:
    """The taps of the last axis in runs: those of few channels whose slots are neighbours in a packed band.

    >>> tap_runs(ConvSpec.of(1, 3, 64, size=(9,), taps=(5,), stride=2), packed=True)
    ((0, 2, 4), (1, 3))
    """
    phase = axes_of(spec)[-1][0]
    if not packed or not is_narrow(spec):
        return tuple((k,) for k in range(len(phase.taps)))
    place = {offset: k for k, offset in enumerate(phase.offsets)}
    runs = []
    for offset in phase.offsets:
        if offset - phase.step not in place:
            run = []
            while offset in place:
                run.append(place[offset])
                offset += phase.step
            runs.append(tuple(run))
    return tuple(runs)


def is_narrow(spec: ConvSpec) -> bool:
    """Whether x has so few channels that its taps should be merged into runs."""
    return bool(spec.rank) and spec.in_channels // spec.groups < 8 and spec.taps[-1] > 1


def best_register(
    rows: list[int], columns: int, target: Target, itemsize: int, padded: bool, choices: tuple[int, ...] = (2, 1, 3, 4)
) -> tuple:
    """The tile of the least time over a result of `rows` × `columns`, and that time in cycles a pixel.

    With `padded` columns a tile may be wider than the result. `choices` are the numbers of vectors to try."""
    best: tuple = (None, float("inf"))
    lanes = target.lanes(itemsize)
    while lanes * itemsize >= 16:
        per_cycle = 2 if lanes * itemsize < 64 else 1
        for vectors in choices:
            if vectors * lanes > columns and not (padded and vectors == 1):
                continue
            spare = 1 if target.fma else 2
            most = (target.registers - vectors - spare) // vectors
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
    cycles = max(products / per_cycle, loads, 4.0, (products + height + vectors + 5) / 6)
    return RegisterBlock(height, vectors, lanes), tiles * -(-columns // (vectors * lanes)) * cycles


def pixel_block(spec: ConvSpec) -> tuple[int, int, int, int]:
    """Extents (images, d, h, w) of a block of about PIXELS pixels."""
    out = (1, 1, 1, *spec.out)[-3:] if spec.rank else (1, 1, spec.batch)
    wanted, block = PIXELS, []
    for extent in reversed(out):
        count = -(-extent // max(1, wanted))
        even = -(-extent // count) if extent < 2 * wanted else wanted
        block.append(min(extent, even))
        wanted //= block[-1]
    images = max(1, min(spec.batch, wanted)) if spec.rank else 1
    return (images, *reversed(block))


def split(
    spec: ConvSpec,
    register: RegisterBlock,
    left: int,
    right: int,
    runs: tuple,
    pixels: tuple,
    itemsize: int,
    items: int,
) -> tuple[tuple[int, int], int]:
    """Parts of the left and right channels, and chunks of the pixels, for about `items` pieces of work."""
    blocks = -(-spec.batch // pixels[0]) if spec.rank else 1
    for axis, block in zip(axes_of(spec), pixels[1:]):
        blocks *= -(-axis[2] // block)
    weight = prod(spec.w_shape) * itemsize
    room = max(1, spec.bytes * 2 // (3 * weight))  # leaves a third of what operands and result take to the bands
    chunks = max(1, min(blocks, items, room))
    wanted = -(-items // (chunks * spec.groups))
    most_left, most_right = max(1, left // (2 * register.height)), max(1, right // register.width)
    parts_right = min(wanted, most_right)
    parts_left = min(-(-wanted // parts_right), most_left)
    while parts_right > 2 * parts_left and parts_left < most_left:
        parts_right, parts_left = -(-parts_right // 2), min(2 * parts_left, most_left)
    if any(len(run) > 1 for run in runs):
        parts_left = 1
    return (parts_left, parts_right), chunks


def cut_side(name: str, channels: int, parts: int) -> Side:
    """A side in parts of equal length."""
    part = -(-channels // parts)
    return Side(name, channels, part, -(-channels // part))
