"""Every operation against finite differences, first and second derivatives; no PyTorch needed."""

import math

import pytest

import rushlight as torch
from tests.tensor.operations import SAMPLES, arrays

KINKED = {"norm_inf"}  # the second difference quotient of a maximum is not its derivative


@pytest.mark.parametrize("name", SAMPLES)
def test_gradients(name):
    inputs = [torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in arrays(name)]
    assert torch.autograd.gradcheck(lambda *tensors: SAMPLES[name][0](torch, *tensors), inputs)


@pytest.mark.parametrize("name", sorted(set(SAMPLES) - KINKED))
def test_gradients_of_gradients(name):
    inputs = [torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in arrays(name)]
    assert torch.autograd.gradgradcheck(lambda *tensors: SAMPLES[name][0](torch, *tensors), inputs)


@pytest.mark.parametrize("name", SAMPLES)
def test_inputs_are_left_alone(name):
    given = arrays(name)
    inputs = [torch.tensor(a, dtype=torch.float64) for a in given]
    SAMPLES[name][0](torch, *inputs)
    for tensor, array in zip(inputs, given):
        assert tensor.numpy().tolist() == array.tolist()


def test_integers_to_infinite_powers_are_floats():
    assert (torch.tensor([2, 1, 0]) ** math.inf).tolist() == [math.inf, 1.0, 0.0]
    assert (torch.tensor([2, 1, 0]) ** -math.inf).tolist() == [0.0, 1.0, math.inf]
    with pytest.raises(RuntimeError, match="without overflow"):
        torch.tensor([2], dtype=torch.int8) ** 300
