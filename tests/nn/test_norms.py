"""Normalisation: gradients of every order, running statistics, precision beside PyTorch's."""

import numpy as np
import pytest

import rushlight as torch
from rushlight.autograd.version import version_of
from rushlight.nn import functional as F

FUNCTIONS = {
    "batch": lambda x, w, b: F.batch_norm(x, None, None, w, b, True),
    "batch, given": lambda x, w, b: F.batch_norm(x, torch.ones(4), torch.arange(4.0) + 1, w, b),
    "group": lambda x, w, b: F.group_norm(x, 2, w, b),
    "instance": lambda x, w, b: F.instance_norm(x, None, None, w, b),
    "layer": lambda x, w, b: F.layer_norm(x.transpose(1, 2), (4,), w, b),
    "rms": lambda x, w, b: F.rms_norm(x.transpose(1, 2), (4,), w) + b,
}


def leaves(*shapes):
    numbers = np.random.default_rng(0)
    return [torch.tensor(numbers.standard_normal(shape)).requires_grad_() for shape in shapes]


@pytest.mark.parametrize("order", [0, 1, 2], ids=["contiguous", "transposed", "without scale"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients_of_both_orders(name, order):
    x, w, b = leaves((3, 5, 4) if order == 1 else (3, 4, 5), (4,), (4,))
    function = FUNCTIONS[name]
    if order == 2:
        assert torch.autograd.gradcheck(lambda x: function(x, None, b.detach()), (x,))
        return

    def call(x, w, b):
        return function(x.transpose(1, 2) if order else x, w, b)

    assert torch.autograd.gradcheck(call, (x, w, b))
    assert torch.autograd.gradgradcheck(call, (x, w, b))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_kernel_and_the_operations_give_one_gradient(name):
    x, w, b = leaves((3, 4, 5), (4,), (4,))
    y = FUNCTIONS[name](x, w, b)
    weights = torch.tensor(np.random.default_rng(1).standard_normal(y.shape))
    plain = torch.autograd.grad((y * weights).sum(), (x, w, b), retain_graph=True)
    again = torch.autograd.grad((y * weights).sum(), (x, w, b), create_graph=True)
    for one, other in zip(plain, again):
        np.testing.assert_allclose(one.numpy(), other.detach().numpy(), 1e-12, 1e-12)


def test_an_in_place_change_of_what_is_saved_is_noticed():
    x = torch.rand(3, 4).requires_grad_()
    middle = x * 1
    y = F.layer_norm(middle, (4,))
    middle.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_running_statistics_are_seen_to_change():
    layer = torch.nn.BatchNorm1d(3)
    buffers = layer.running_mean, layer.running_var, layer.num_batches_tracked
    before = [version_of(buffer).count for buffer in buffers]
    layer(torch.rand(4, 3))
    assert [version_of(buffer).count for buffer in buffers] == [count + 1 for count in before]
    assert layer.num_batches_tracked.item() == 1


@pytest.mark.live
@pytest.mark.parametrize("mean", [0, 3, 1000])
@pytest.mark.parametrize("shape", [(8, 6, 30, 31), (64, 48), (4, 6, 2000)], ids=str)
def test_no_less_precise_than_pytorch(shape, mean):
    reference = pytest.importorskip("torch")
    numbers = np.random.default_rng(mean)
    x, grad = (numbers.standard_normal(shape).astype(np.float32) for _ in range(2))
    x += mean
    calls = {
        "batch": lambda t, x: t.nn.functional.batch_norm(x, None, None, training=True),
        "group": lambda t, x: t.nn.functional.group_norm(x, 3),
        "layer": lambda t, x: t.nn.functional.layer_norm(x, x.shape[-1:]),
        "rms": lambda t, x: t.nn.functional.rms_norm(x, x.shape[-1:]),
    }
    for name, call in calls.items():
        exact = _both(reference, call, x.astype(np.float64), grad.astype(np.float64))
        ours, theirs = (_both(t, call, x, grad) for t in (torch, reference))
        for found, other, right in zip(ours, theirs, exact):
            errors = [np.linalg.norm(some - right) / np.linalg.norm(right) for some in (found, other)]
            assert errors[0] <= max(1.2 * errors[1], 2e-7), (name, errors)


def _both(t, call, x, grad):
    x = t.tensor(x).requires_grad_()
    y = call(t, x)
    y.backward(t.tensor(grad))
    return y.detach().numpy(), x.grad.numpy()
