"""Plans of reductions: loops that go through every number once, in pieces that geometry alone decides."""

import itertools
import random

from rushlight.plan.reduction import COLUMNS, OUTPUTS, WHOLE, plan_reduction
from rushlight.rules.layout import axis_order


def strides_of(shape, order, itemsize=4):
    strides, step = [0] * len(shape), itemsize
    for axis in reversed(order):
        strides[axis] = step
        step *= shape[axis]
    return tuple(strides)


def planned(shape, axes, order=None):
    strides = strides_of(shape, order or range(len(shape)))
    return plan_reduction(shape, axis_order(shape, [(shape, strides, 4)]), frozenset(axes), [strides], (4,))


def test_few_long_loops():
    rows = planned((32, 64, 56, 56), (2, 3))
    assert (rows.reduced, rows.inner, rows.near, rows.rest, rows.kept) == (True, 3136, 1, 1, 2048)
    channels = planned((32, 64, 56, 56), (0, 2, 3))
    assert (channels.reduced, channels.inner, channels.near, channels.kept) == (True, 3136, 32, 64)
    last = planned((32, 64, 56, 56), (0, 2, 3), (0, 2, 3, 1))
    assert (last.reduced, last.inner, last.near, last.kept) == (False, 64, 32 * 56 * 56, 1)
    whole = planned((32, 64, 56, 56), (0, 1, 2, 3))
    assert (whole.inner, whole.near, whole.outputs) == (32 * 64 * 56 * 56, 1, 1) and whole.pieces > 64


def test_every_number_is_in_one_item():
    rng = random.Random(0)
    for _ in range(300):
        rank = rng.randint(1, 4)
        shape = tuple(rng.choice([1, 2, 3, 17, 40, 70, 700, 5000]) for _ in range(rank))
        axes = rng.sample(range(rank), rng.randint(1, rank))
        plan = planned(shape, axes, rng.sample(range(rank), rank))
        size, many = 1, 1
        for axis, n in enumerate(shape):
            size, many = size * n, many * (n if axis in axes else 1)
        assert plan.inner * plan.near * plan.rest * plan.kept == size
        assert plan.outputs * many == size
        spans = [
            (plan.inner, plan.inner_span), (plan.near, plan.near_span), (plan.rest, plan.rest_group),
            (plan.kept, plan.kept_group),
        ]  # fmt: skip
        assert all(1 <= span <= n for n, span in spans)
        assert plan.items == -(-plan.kept // plan.kept_group) * plan.rest_chunks * plan.near_chunks * plan.inner_chunks
        assert plan.pieces == 1 or size > WHOLE
        assert not plan.reduced or plan.kept_group <= OUTPUTS
        assert plan.reduced or plan.inner_span <= COLUMNS or plan.inner_span % COLUMNS == 0 or plan.inner_chunks == 1


def test_axes_of_one_entry_change_nothing():
    for where in itertools.product((0, 1), repeat=3):
        shape, axes = (), []
        for n, single in zip((6, 7, 8), where):
            axes += [len(shape)] * (n == 7)
            shape += (n, *[1] * single)
        assert planned(shape, axes)[:6] == planned((6, 7, 8), (1,))[:6]
