"""Padding in slices, against its definition: position by position, what each is a copy of, and the adjoint of that."""

from itertools import product

import numpy as np
import pytest

import rushlight
from rushlight.backends.reference.padding import source
from rushlight.nn import functional as F

MODES = ["reflect", "replicate", "circular"]
PADS = [(1, 1), (2, 0), (-1, 3), (3, -2), (-2, -1), (0, 0), (4, -4)]


def matrices(mode, sizes, pairs):
    """One matrix an axis: row p has its 1 at the position that p is a copy of."""
    return [np.eye(n, dtype=np.float32)[source(mode, n, lo, hi)] for n, (lo, hi) in zip(sizes, pairs)]


def apply(maps, x):
    for axis, matrix in enumerate(maps, x.ndim - len(maps)):
        x = np.moveaxis(np.tensordot(matrix, x, (1, axis)), 0, axis)
    return x


def check(mode, x, pairs):
    maps = matrices(mode, x.shape[2:], pairs)
    y = F.pad(x, [n for pair in reversed(pairs) for n in pair], mode)
    np.testing.assert_array_equal(y.detach().numpy(), apply(maps, x.detach().numpy()))
    draw = np.random.default_rng(1)
    grad = rushlight.tensor(draw.integers(-3, 4, y.shape).astype(np.float32)).requires_grad_()
    (down,) = rushlight.autograd.grad(y, x, grad, create_graph=True)
    np.testing.assert_array_equal(down.detach().numpy(), apply([m.T for m in maps], grad.detach().numpy()))
    again = rushlight.tensor(draw.integers(-3, 4, x.shape).astype(np.float32))
    (up,) = rushlight.autograd.grad(down, grad, again)
    np.testing.assert_array_equal(up.numpy(), apply(maps, again.numpy()))


def draw(*shape):
    return rushlight.tensor(np.random.default_rng(0).integers(-9, 9, shape).astype(np.float32)).requires_grad_()


@pytest.mark.parametrize("mode", MODES)
def test_every_position_is_its_copy_and_every_copy_is_added_up(mode):
    for pairs in product(PADS, PADS):
        check(mode, draw(2, 3, 5, 6), pairs)
    for pairs in product(PADS[:4], PADS[1:3], PADS[2:5]):
        check(mode, draw(1, 2, 5, 6, 5), pairs)


def test_few_positions_that_come_round_often():
    check("circular", draw(1, 2, 40, 40), ((30, -38), (30, -37)))
    check("circular", draw(1, 1, 12, 12, 12), ((10, -10), (9, -9), (12, -10)))


@pytest.mark.parametrize("mode", MODES)
def test_halves_are_added_up_in_single_precision(mode):
    x = rushlight.ones(1, 1, 3, dtype=rushlight.float16, requires_grad=True)
    y = F.pad(x, (2, 2), mode)
    grad = rushlight.tensor([[[1.0, 2048.0, 1.0, 1.0, 1.0, 2048.0, 1.0]]], dtype=rushlight.float16)
    (down,) = rushlight.autograd.grad(y, x, grad)
    maps = [m.T for m in matrices(mode, (3,), ((2, 2),))]
    expected = apply(maps, grad.numpy().astype(np.float32)).astype(np.float16)
    np.testing.assert_array_equal(down.numpy(), expected)


@pytest.mark.parametrize("mode", MODES)
def test_the_gradient_keeps_the_memory_format(mode):
    x = draw(2, 3, 5, 6)
    y = F.pad(x, (1, 1, 1, 1), mode)
    grad = draw(*y.shape).detach().to(memory_format=rushlight.channels_last)
    (down,) = rushlight.autograd.grad(y, x, grad)
    assert down.is_contiguous(memory_format=rushlight.channels_last) == (mode != "circular")  # as PyTorch's
