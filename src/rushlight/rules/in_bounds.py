"""The in-bounds range: for a tap (or an output position) the outputs and inputs that belong together.

`in_bounds` is the rule, which windows, plans and pictures use, too. The reference kernels have slices of it, with which
nothing is padded, dilated or unrolled in memory: convolution, pooling, unfold and fold all go through their taps with
`iterate_taps`.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import gcd

EMPTY = slice(0, 0), slice(0, 0)


def in_bounds(offset: int, step: int, size: int, begin: int | None = None, end: int | None = None) -> tuple[int, int]:
    """The t from `begin` to `end` − 1 (where given) with 0 ≤ offset + step·t < size, as the first and one behind the
    last.

    >>> in_bounds(-1, 2, 5), in_bounds(-1, 2, 5, 0, 2), in_bounds(9, 2, 5, 0, 2)
    ((1, 3), (1, 2), (0, 0))
    """
    first, last = -(offset // step), (size - 1 - offset) // step + 1
    if begin is not None:
        first, last = max(begin, first), max(begin, last)
    if end is not None:
        first, last = min(first, end), min(last, end)
    return first, max(first, last)


def in_bounds_range(offset: int, stride: int, count: int, size: int, input_dilation: int = 1) -> tuple[slice, slice]:
    """Which of `count` outputs read one of `size` inputs through the tap at `offset` (k·dilation − padding).

    Output o reads input i where `offset + o·stride = i·input_dilation` with 0 ≤ i < size. Those o are an arithmetic
    progression, and so are the i; both come back as slices, `EMPTY` where there are none.

    >>> in_bounds_range(-1, 2, 4, 5)  # outputs 0 … 3 at -1, 1, 3, 5 over inputs 0 … 4
    (slice(1, 3, 1), slice(1, 4, 2))
    """
    common = gcd(stride, input_dilation)
    if offset % common:
        return EMPTY
    period = input_dilation // common
    first = -(offset // common) * pow(stride // common, -1, period) % period  # the smallest o ≥ 0 on an input
    start, stop = in_bounds(offset, stride, (size - 1) * input_dilation + 1, 0, count)
    start = first + max(0, -((first - start) // period)) * period
    if start >= stop:
        return EMPTY
    more = (stop - 1 - start) // period
    i, step = (offset + start * stride) // input_dilation, stride // common
    return slice(start, start + more * period + 1, period), slice(i, i + more * step + 1, step)


def iterate_taps(
    taps: tuple[int, ...], dilation: tuple[int, ...], padding: tuple[int, ...], stride: tuple[int, ...], *rest: tuple
) -> Iterator[tuple[tuple[int, ...], tuple[slice, ...], tuple[slice, ...]]]:
    """Every tap of a grid that reads anything: (tap, slices of the outputs, slices of the inputs).

    `rest` are the outputs, the inputs and, where it is not 1, the input dilation, each with a number an axis. With
    outputs and stride in the stead of taps and dilation, and the other way round, it goes through the outputs.
    """
    axes = [
        [(k, *in_bounds_range(k * gap - low, step, *sizes)) for k in range(count)]
        for count, gap, low, step, *sizes in zip(taps, dilation, padding, stride, *rest)
    ]
    for combination in product(*axes):
        tap, outputs, inputs = zip(*combination) if combination else ((), (), ())
        if EMPTY[0] not in outputs:
            yield tap, outputs, inputs
