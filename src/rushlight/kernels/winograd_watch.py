"""Where Winograd's algorithm would be seen: every tile is looked at while its data are transformed.

In: the transforms of a layer, and where the packed tile of a block lies in its image. Out: functions in a module that
find what a tile holds.

The results of a tile share its rounding, so a number that is not finite would reach all of them, and one that is far
larger than the others of its image would spoil them. The energy of a tile, a sum of tiles of those transformed
numbers that `watched` names (four or nine of 36, for which every input counts), is held against those of pixels, which
are summed and counted for each image: `STATISTICS`.

Windows that are all zeros have results that are exactly the bias, and those that are not must not be far weaker than
their tile. Every window holds one pixel of a lattice whose steps are the taps (`lattice`); those are looked at in every
tile, and where one is weak all pixels are. At an image's edge the lattice moves to where the image is.
"""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

from ..language.ir import Function, Module, Pointer, Value, f32, f64, i32, i64, ptr, vec
from ..plan.winograd import Matrix, Winograd

CONTRAST = 1e4
"""How often the energy of a window that of its tile may be, a pixel in the mean."""
PEAK = 32.0
"""How often the mean energy of an image's pixels that of a tile's may be. Rounding grows with the root: a sixfold of
Winograd's own. Activations and gradients of trained networks stay below 22."""
STATISTICS = ("total", "largest", "count", "tile")
"""Numbers (float64) that are kept of an image's block: the energies of the pixels that were looked at, the largest of
them, how many they are; the energy of the strongest tile, infinite where one is not finite or has a window that is far
weaker."""


class Axis(NamedTuple):
    """What is known about an axis of a layer: result u reads the source at `u·stride − low`, `+ dilation`, …"""

    stride: Value
    low: Value
    dilation: Value
    size: Value


def watched(matrix: Matrix) -> tuple[int, ...]:
    """The rows of Bᵀ (or G) that are watched: the first and the last, and where those do not see an even field the one
    that sees it best. Every input counts in one of them.

    >>> from ..plan.winograd import winograd
    >>> watched(winograd(4, 3).data), watched(winograd(2, 3).data), watched(winograd(1, 1).data)
    ((0, 5), (0, 1, 3), (0,))
    """
    found = {0, len(matrix) - 1}
    if not any(sum(matrix[i]) for i in found):
        found.add(max(range(len(matrix)), key=lambda i: abs(sum(matrix[i]))))
    return tuple(sorted(found))


def gain(rows: Matrix, columns: Matrix) -> float:
    """How often the energy of a pixel that of a tile is, where all pixels are alike and nothing else is."""
    return float(_gain(rows) * _gain(columns))


def _gain(matrix: Matrix) -> float:
    return sum(x * x for i in watched(matrix) for x in matrix[i])


def lattice(inputs: int, taps: int) -> tuple[int, ...]:
    """Inputs of a tile one of which every window of so many taps holds.

    >>> lattice(6, 3), lattice(8, 7), lattice(6, 2)
    ((2, 5), (6,), (1, 3, 5))
    """
    return tuple(range(taps - 1, inputs, taps))


def lattice_positions(
    f: Function, axis: Axis, inputs: int, chosen: tuple[int, ...], position: Value, part: Value
) -> tuple[list[Value], Value]:
    """Which inputs of a tile the lattice has along an axis, and whether the tile is in the image there (1, else 0).

    The tile's first result is at `position`, and `part` is the class of the source."""
    first, last = position * axis.stride - axis.low + part, inputs - 1
    found, inside = [f.var(i64, index) for index in chosen], f.var(i64, 1)
    with f.if_((first < 0) | (first + axis.dilation * last >= axis.size)):
        low = f.ceil_div(f.max(0 - first, 0), axis.dilation)
        high = f.min(f.max(axis.size - 1 - first + axis.dilation, 0) // axis.dilation - 1, last)
        for variable, index in zip(found, chosen):
            variable.value = f.max(f.min(high, index), low)
        inside.value = f.select(low <= high, 1, 0)
    return [variable.value for variable in found], inside.value


def emit_pixels(k: Module, down: int, along: int, lanes: int) -> Function:
    """`pixels(tile, channels, sums, row …, column …)`: the least energy of the lattice's pixels.

    They are `down` × `along` and lie at the sums of the rows' and columns' distances from the tile's first. The
    energies are added to sums[0], and sums[1] is raised to the largest."""
    names = [f"row{i}" for i in range(down)] + [f"column{j}" for j in range(along)]
    signature = [("tile", ptr(f32)), ("channels", i64), ("sums", ptr(f32)), *((name, i64) for name in names)]
    with k.function("winograd_pixels", signature, returns=f32, inline=False) as (f, tile, channels, sums, *steps):
        pixels = [tile[row][column] for row, column in product(steps[:down], steps[down:])]
        totals = [f.var(vec(f32, lanes), 0.0) for _ in pixels]
        with f.loop(0, channels, lanes, sure=True) as c:
            for pixel, total in zip(pixels, totals):
                value = there(f, pixel[c].load(lanes), channels - c)
                total.value = f.fma(value, value, total.value)
        energies = f.sum_each([total.value for total in totals])
        total, least, most = sums[0].load(), energies[0], sums[1].load()
        for energy in energies:
            total, least, most = total + energy, f.min(least, energy), f.max(most, energy)
        sums[0].store(total)
        sums[1].store(most)
        f.ret(least)
    return f


def emit_windows(k: Module, rows: Winograd, columns: Winograd, lanes: int) -> Function:
    """`windows(tile, row, leading_dimension, channels, down, along, weak, energy)`: bit `i·inputs + j` says whether the
    window of result (i, j) holds a number other than zero. Sets `weak` to infinity where one does that is far weaker
    than the tile, whose energy is given.

    A class of the source has `down` of the taps along the rows and `along` of those along the columns."""
    numbers = [(name, i64) for name in ("row", "leading_dimension", "channels", "down", "along")]
    signature = [("tile", ptr(f32)), *numbers, ("weak", ptr(f32)), ("energy", f32)]
    wide, most = columns.inputs, CONTRAST * gain(rows.data, columns.data)
    with k.function("winograd_windows", signature, returns=i64, inline=False) as made:
        f, tile, row, leading_dimension, channels, down, along, weak, energy = made
        energies, found = f.local(f32, rows.inputs * wide), f.var(i64, 0)
        pixels, bit = f.var(i64, 0), f.var(i64, 1)
        with f.loop(0, rows.inputs) as i, f.loop(0, wide) as j:
            pixel, bits, total = (
                tile[i * row][j * leading_dimension],
                f.var(vec(i32, lanes), 0),
                f.var(vec(f32, lanes), 0.0),
            )
            with f.loop(0, channels, lanes, sure=True) as c:
                value = there(f, pixel[c].load(lanes), channels - c)
                bits.value = bits.value | value.bits(i32)
                total.value = f.fma(value, value, total.value)
            some = f.any_lane((bits.value << 1) != 0)  # without the sign
            pixels.value = pixels.value | f.select(some, bit.value, 0)
            bit.value = bit.value << 1
            energies[i * wide + j].store(f.sum_lanes(total.value))
        with f.loop(0, rows.results) as i, f.loop(0, columns.results) as j:
            index, held, sum_ = i * wide + j, f.var(i64, 0), f.var(f32, 0.0)
            with f.loop(0, down) as y, f.loop(0, along) as x:
                at = index + y * wide + x
                held.value = held.value | ((pixels.value >> at) & 1)
                sum_.value = sum_.value + energies[at].load()
            found.value = found.value | (held.value << index)
            with f.if_(f.both(held.value > 0, energy > sum_.value * most)):
                weak.store(float("inf"))
        f.ret(found.value)
    return f


def there(f: Function, value: Value, count: Value) -> Value:
    """The first `count` lanes, and zeros."""
    return f.select(f.mask(count, value.type.lanes).i1(value.type), value, f.const(value.type, 0.0))


class Statistics:
    """The numbers of one image's block while its tiles are looked at."""

    def __init__(self, f: Function) -> None:
        self.f, self.sums = f, f.local(f32, 3)  # the sum of energies, the largest, infinity where a window is weak
        self.count, self.tile, self.sound = f.var(i64), f.var(f32), f.var(f32)

    def begin(self) -> None:
        """Of another block."""
        self.count.value, self.tile.value, self.sound.value = 0, 0.0, 0.0
        for index in range(3):
            self.sums[index].store(0.0)

    def add_tile(self, energy: Value) -> None:
        """A tile, or a chunk of its channels."""
        self.tile.value = self.f.max(self.tile.value, energy)
        self.sound.value = self.f.fma(energy, 0.0, self.sound.value)  # NaN from what is not finite

    def store(self, to: Pointer, limit: float, loud: Pointer) -> None:
        """All `STATISTICS`; and 1 where `loud` points if the tile's energy exceeds `limit` times that of the others."""
        f, total, largest, count = self.f, self.sums[0].load(), self.sums[1].load(), self.count.value.to(f32)
        others = (total - largest) / f.max(count - 1.0, 1.0)
        tile = f.select(self.sound.value == 0, self.tile.value + self.sums[2].load(), float("inf"))
        for index, value in enumerate((total, largest, count, tile)):
            to[index].store(value.to(f64))
        with f.if_((tile <= others * limit) & (tile < float("inf"))):
            pass
        with f.else_():
            loud.store(1.0)
