"""Loops over strided operands: walked in Python they visit each element once, at the right places."""

from math import prod

from hypothesis import given
from hypothesis import strategies as st

from rushlight.backends.array import steps_in_order
from rushlight.plan import pointwise
from rushlight.plan.pointwise import SAME, STRIDED, TRANSPOSED, UNIT, plan_pointwise

ITEMSIZE = 4


@st.composite
def operands(draw):
    """A shape of up to five axes; the strides of a dense result, and of inputs that are dense, broadcast or cut."""
    shape = draw(st.lists(st.sampled_from([1, 2, 3, 5, 40]), min_size=0, max_size=5).map(tuple))
    result = steps_in_order(shape, draw(st.permutations(range(len(shape)))), ITEMSIZE)
    strides = [result]
    for _ in range(draw(st.integers(0, 2))):
        own = steps_in_order(shape, draw(st.permutations(range(len(shape)))), ITEMSIZE)
        strides.append(tuple([stride * draw(st.sampled_from([1, 1, 1, 0, 2, -1])) for stride in own]))
    return shape, strides


def visited(plan):
    """The offsets of each operand for each element, in the order of the loops."""
    for item in range(plan.items):
        part, inner_chunk = divmod(item, plan.inner_chunks)
        group, middle_chunk = divmod(part, plan.middle_chunks)
        for outer in range(group * plan.group, min((group + 1) * plan.group, plan.outers)):
            rest, base = outer, [0] * len(plan.moves)
            for size, steps in plan.axes:
                rest, position = divmod(rest, size)
                base = [b + position * s for b, s in zip(base, steps)]
            for j in range(middle_chunk * plan.middle_span, min((middle_chunk + 1) * plan.middle_span, plan.middle)):
                for i in range(inner_chunk * plan.inner_span, min((inner_chunk + 1) * plan.inner_span, plan.inner)):
                    steps = zip(base, plan.middle_strides, plan.inner_strides)
                    yield tuple([b + j * m + i * n for b, m, n in steps])


def places(shape, strides):
    """The same by the axes of the shape."""
    found = [(0,) * len(strides)]
    for axis, size in enumerate(shape):
        found = [
            tuple([at + position * own[axis] for at, own in zip(base, strides)])
            for base in found
            for position in range(size)
        ]
    return found


@given(operands(), st.sampled_from([16, 64, 1 << 14]))
def test_each_element_once(given_, block):
    shape, strides = given_
    if prod(shape) > 4000:
        return
    before, pointwise.BLOCK = pointwise.BLOCK, block
    try:
        plan = plan_pointwise(shape, strides, [ITEMSIZE] * len(strides), 1)
    finally:
        pointwise.BLOCK = before
    assert sorted(visited(plan)) == sorted(places(shape, strides))
    for n, move in enumerate(plan.moves):
        step = plan.inner_strides[n]
        assert (step == ITEMSIZE, step == 0) == (move == UNIT, move == SAME)
        assert move != TRANSPOSED or plan.middle_strides[n] == ITEMSIZE


def plan_of(shape, *orders):
    strides = [steps_in_order(shape, order, ITEMSIZE) for order in orders]
    return plan_pointwise(shape, strides, [ITEMSIZE] * len(strides), 1)


def test_contiguous_operands_are_one_loop():
    plan = plan_of((8, 64, 56, 56), *[range(4)] * 3)
    assert (plan.inner, plan.middle, plan.outers) == (8 * 64 * 56 * 56, 1, 1)
    assert plan.items == -(-plan.inner // pointwise.BLOCK)


def test_a_channels_last_image_and_its_vector_are_two():
    last = steps_in_order((8, 64, 56, 56), (0, 2, 3, 1), ITEMSIZE)
    plan = plan_pointwise((8, 64, 56, 56), [last, last, (0, ITEMSIZE, 0, 0)], [ITEMSIZE] * 3, 1)
    assert (plan.inner, plan.middle, plan.outers) == (64, 8 * 56 * 56, 1)
    assert plan.moves == (UNIT, UNIT, UNIT)


def test_a_contiguous_image_and_its_vector_are_three():
    shape = (8, 64, 56, 56)
    image = steps_in_order(shape, range(4), ITEMSIZE)
    plan = plan_pointwise(shape, [image, image, (0, ITEMSIZE, 0, 0)], [ITEMSIZE] * 3, 1)
    assert (plan.inner, plan.middle, plan.outers) == (56 * 56, 64, 8)
    assert plan.moves == (UNIT, UNIT, SAME)


def test_transposed_operands_go_through_tiles():
    plan = plan_of((500, 600), (0, 1), (1, 0), (0, 1))
    assert plan.moves == (UNIT, TRANSPOSED, UNIT)
    mixed = plan_of((4, 64, 30, 30), (0, 2, 3, 1), (0, 1, 2, 3))
    assert mixed.moves == (UNIT, TRANSPOSED) and (mixed.inner, mixed.middle, mixed.outers) == (64, 900, 4)
    assert plan_of((3, 500), (0, 1), (1, 0)).moves == (UNIT, STRIDED)  # too few to transpose
