"""Plans of the bias's gradient: every number is counted once, pieces are as small as they promise."""

import random
from collections import Counter
from itertools import product

import pytest

from rushlight.plan.bias import ITEM, LINES, ROWS, SHORT, SPAN, BiasPlan, Layout, layout_of, plan_bias


def strides_of(shape: list[int], order: list[int], room: int) -> list[int]:
    """Strides of an array whose axes follow each other so, each with `room` more entries in memory than it shows."""
    strides, distance = [0] * len(shape), 1
    for axis in reversed(order):
        strides[axis] = distance
        distance *= shape[axis] + room
    return strides


def counted(layout: Layout, plan: BiasPlan) -> Counter:
    """(channel, offset in memory) as the kernels come to them."""
    begins = [0]
    for size, distance in layout.images:
        begins = [begin + i * distance for begin in begins for i in range(size)]
    assert len(begins) == plan.images
    across, along = (1, plan.step) if plan.inner == "channels" else (plan.step, 1)
    found = Counter()
    for first, start in product(range(0, plan.images, plan.group), range(0, plan.positions, plan.piece)):
        for left in range(0, plan.width, plan.span):
            columns = range(left, min(left + plan.span, plan.width))
            for begin in begins[first : first + plan.group]:
                stop = min(start + plan.piece, plan.positions)
                for position, c in product(range(start, stop), columns):
                    found[c % layout.channels, begin + position * along + c * across] += 1
                if stop == plan.positions:
                    rest = range(left, min(left + plan.span, plan.extra))
                    found.update((c % layout.channels, begin + stop * along + c) for c in rest)
    return found


@pytest.mark.parametrize("seed", range(40))
def test_every_number_is_counted_once(seed):
    rng = random.Random(seed)
    shape = [rng.choice([1, 2, 70]), rng.choice([1, 2, 3, 10, 17, 48, 70]), *(rng.choice([1, 3, 40]) for _ in "hw")]
    shape = shape[: rng.choice([2, 3, 4])]
    rest = [axis for axis in range(len(shape)) if axis != 1]
    order = rng.choice([list(range(len(shape))), [*rest, 1], [1, *rest]])
    strides = strides_of(shape, order, rng.choice([0, 0, 1]))
    layout = layout_of(shape, strides)
    want = Counter(
        (at[1], sum(i * stride for i, stride in zip(at, strides))) for at in product(*(range(size) for size in shape))
    )
    # Where a channel's only position or a position's only channel is not at its stride's multiple, it is at 0.
    if layout is None:
        assert all(stride != 1 for size, stride in zip(shape, strides) if size > 1)
        return
    assert counted(layout, plan_bias(layout)) == want


def test_what_are_no_neighbours_has_no_layout():
    assert layout_of((4, 6, 5), (60, 10, 2)) is None
    assert layout_of((1, 6), (12, 2)) is None


@pytest.mark.parametrize("seed", range(40))
def test_pieces_are_small(seed):
    rng = random.Random(seed)
    shape = [rng.randint(1, 4000), rng.randint(1, 4000), rng.randint(1, 90), rng.randint(1, 90)]
    lines = plan_bias(layout_of(shape, strides_of(shape, [0, 1, 2, 3], 0)))
    assert lines.piece <= max(ITEM, 64) and lines.span <= LINES and lines.group <= LINES
    assert lines.group == 1 or lines.group * lines.piece <= SHORT
    rows = plan_bias(layout_of(shape, strides_of(shape, [0, 2, 3, 1], 0)))
    assert rows.piece * rows.group <= ROWS[1] and rows.span <= SPAN
    assert rows.fold == 1 or rows.width % 16 == 0
