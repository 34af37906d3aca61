"""Shapes and the order of axes of results, against PyTorch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rushlight.backends.array import steps_in_order
from rushlight.rules.layout import axis_order, broadcast


@st.composite
def operands(draw):
    """A shape, and some operands' shapes and element strides that broadcast to it."""
    shape = draw(st.lists(st.integers(1, 4), min_size=0, max_size=4).map(tuple))
    found = []
    for _ in range(draw(st.integers(1, 3))):
        own = tuple([draw(st.sampled_from([n, n, n, 1])) for n in shape])
        order = draw(st.permutations(range(len(shape))))
        strides = steps_in_order(own, order, 1)
        if draw(st.booleans()):
            strides = tuple([stride * draw(st.sampled_from([1, 2])) for stride in strides])
        cut = draw(st.integers(0, next((i for i, n in enumerate(own) if n != 1), len(own))))
        found.append((own[cut:], strides[cut:]))
    return shape, found


@given(operands())
def test_shapes_meet_as_numpys(given_):
    _, found = given_
    assert broadcast(*[shape for shape, _ in found]) == np.broadcast_shapes(*[shape for shape, _ in found])


def test_shapes_that_do_not_meet():
    with pytest.raises(ValueError, match=r"shapes \[2, 3\], \[4\] do not broadcast"):
        broadcast((2, 3), (4,))


@pytest.mark.live
@given(given_=operands())
def test_results_lie_as_pytorchs(torch, given_):
    _, found = given_
    tensors = [torch.zeros(sum(n * s for n, s in zip(*pair)) + 1).as_strided(*pair) for pair in found]
    wanted = torch.where(tensors[0] > 0, tensors[-1], tensors[len(tensors) // 2])
    used = [found[0], found[-1], found[len(found) // 2]]
    shape = broadcast(*[own for own, _ in used])
    order = axis_order(shape, [(*pair, 1) for pair in used])
    assert tuple(wanted.shape) == shape
    assert wanted.stride() == steps_in_order(shape, order, 1)
