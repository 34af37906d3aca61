"""Inputs in any order of memory, with guards around the arrays of the compiled engine: same numbers, nothing stray."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rushlight as torch
from rushlight.nn import functional as F
from rushlight.runtime.guard import guarding
from tests.parity.measure import call_function
from tests.parity.problem import inputs
from tests.parity.strategies import FAMILIES

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="guard pages are POSIX")


def lying(array: np.ndarray, order: list[int]) -> torch.Tensor:
    """A tensor whose axes lie in memory in this order, outermost first."""
    back = np.argsort(order).tolist()
    return torch.from_numpy(np.ascontiguousarray(array.transpose(order))).permute(back)


@pytest.mark.parametrize("family", ["conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "linear"])
def test_the_order_of_axes_in_memory_changes_nothing(family):
    @settings(max_examples=60)
    @given(FAMILIES[family], st.data())
    def run(problem, data):
        p = problem.but(form="functional", data="ints", padding_mode="zeros", output_size=None, dtype="float32")
        arrays = {name: array.astype(np.float32) for name, array in inputs(p).items()}
        order = data.draw(st.permutations(range(arrays["x"].ndim)), label="order")
        side = data.draw(st.sampled_from(["start", "end"]), label="side")
        plain = {name: torch.from_numpy(array).requires_grad_() for name, array in arrays.items()}
        try:
            expected = call_function(torch, p, plain)
        except RuntimeError:  # legal only with the padding mode or the output size that was taken away
            return
        wanted = torch.autograd.grad(expected, list(plain.values()), torch.ones_like(expected))
        with guarding(side):
            moved = plain | {"x": lying(arrays["x"], order).requires_grad_()}
            got = call_function(torch, p, moved)
            grads = torch.autograd.grad(got, list(moved.values()), torch.ones_like(got))
        assert torch.equal(got, expected)
        assert all(torch.equal(a, b) for a, b in zip(grads, wanted))

    run()


@settings(max_examples=150)
@given(st.lists(st.integers(1, 8), min_size=3, max_size=5), st.integers(1, 20), st.data())
def test_a_pointwise_convolution_merges_axes_that_follow_each_other(shape, out, data):
    """Axes that lie one after the other are walked as one, and a short last one changes places with another."""
    rng = np.random.RandomState(sum(shape) + out)
    x = rng.randint(-3, 4, shape).astype(np.float32)
    w = rng.randint(-3, 4, (out, shape[1], *[1] * (len(shape) - 2))).astype(np.float32)
    order = data.draw(st.permutations(range(len(shape))), label="order")
    with guarding(data.draw(st.sampled_from(["start", "end"]), label="side")):
        got = getattr(F, f"conv{len(shape) - 2}d")(lying(x, order), torch.from_numpy(w))
    assert np.array_equal(got.numpy(), np.einsum("bc...,oc->bo...", x, w.reshape(out, -1)))
