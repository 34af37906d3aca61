"""Which positions meet: for a tap (or an output position) the slices of outputs and inputs that belong together.

In come steps and sizes of an axis, out come pairs of slices. With them no kernel needs its input padded, dilated or
unrolled in memory. Convolution, pooling, unfold and fold all walk their taps with `walk`.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import gcd

NOWHERE = slice(0, 0), slice(0, 0)


def meet(offset: int, step: int, count: int, size: int, spacing: int = 1) -> tuple[slice, slice]:
    """Which of `count` places, `step` apart from `offset`, fall on one of `size` inputs `spacing` apart.

    Place t falls on input i where `offset + t·step = i·spacing` with 0 ≤ i < size. Those t are an arithmetic
    progression, and so are the i; both come back as slices.

    >>> meet(-1, 2, 4, 5)  # places -1, 1, 3, 5 over inputs 0 … 4
    (slice(1, 3, 1), slice(1, 4, 2))
    """
    common = gcd(step, spacing)
    if offset % common:
        return NOWHERE
    period = spacing // common
    first = -(offset // common) * pow(step // common, -1, period) % period  # the smallest t ≥ 0 on an input
    start = -(offset // step)  # the smallest t with offset + t·step ≥ 0
    start = first + max(0, -((first - start) // period)) * period
    stop = min(count, ((size - 1) * spacing - offset) // step + 1)
    if start >= stop:
        return NOWHERE
    more = (stop - 1 - start) // period
    i, stride = (offset + start * step) // spacing, step // common
    return slice(start, start + more * period + 1, period), slice(i, i + more * stride + 1, stride)


def walk(
    places: tuple[int, ...], gaps: tuple[int, ...], lows: tuple[int, ...], steps: tuple[int, ...], *others: tuple
) -> Iterator[tuple[tuple[int, ...], tuple[slice, ...], tuple[slice, ...]]]:
    """Every place of a grid (the taps, say) with the slices of what it meets: (place, their places, inputs).

    `gaps` apart lie the places, `steps` apart what they meet; `others` are count, size and spacing for `meet`.
    """
    axes = [
        [(k, *meet(k * gap - low, step, *rest)) for k in range(count)]
        for count, gap, low, step, *rest in zip(places, gaps, lows, steps, *others)
    ]
    for combination in product(*axes):
        place, there, inputs = zip(*combination) if combination else ((), (), ())
        if NOWHERE[0] not in there:
            yield place, there, inputs
