"""Losses in one pass forward and one backward: the same numbers as in operations on tensors."""

import numpy as np
import pytest

import rushlight as torch
from rushlight.backends.protocol import refusals
from rushlight.nn import functional as F

LOSSES = {
    "mse": lambda x, y, **how: F.mse_loss(x, y, **how),
    "huber": lambda x, y, **how: F.huber_loss(x, y, delta=0.7, **how),
    "smooth_l1": lambda x, y, **how: F.smooth_l1_loss(x, y, beta=0.5, **how),
    "binary": lambda x, y, **how: F.binary_cross_entropy(x.sigmoid(), y.sigmoid(), **how),
    "kl_div": lambda x, y, **how: F.kl_div(x, y.exp(), **how),
    "kl_div of logarithms": lambda x, y, **how: F.kl_div(x, y, log_target=True, **how),
    "logits": lambda x, y, **how: F.binary_cross_entropy_with_logits(x, y, **how),
    "logits, weighted": lambda x, y, **how: F.binary_cross_entropy_with_logits(x, y, y.detach().abs(), **how),
    "logits, scaled": lambda x, y, **how: F.binary_cross_entropy_with_logits(x, y, pos_weight=y.detach()[0], **how),
}
BOUNDS = {torch.float32: 1e-5, torch.float64: 1e-12, torch.float16: 4e-3, torch.bfloat16: 4e-2}


@pytest.mark.filterwarnings("ignore:reduction")
@pytest.mark.parametrize("dtype", BOUNDS, ids=str)
@pytest.mark.parametrize("name", LOSSES)
def test_one_pass_or_several(name, dtype):
    rng, bound = np.random.default_rng(0), BOUNDS[dtype]
    refusals.clear()
    for shape, last in (((6, 20), False), ((2, 5, 4, 7), True), ((3, 4), False), ((90,), False)):
        arrays = [torch.tensor(rng.standard_normal(shape)).to(dtype) for _ in range(2)]
        if last:
            arrays = [array.to(memory_format=torch.channels_last) for array in arrays]
        for reduction in ("none", "sum", "mean"):
            found = []
            for graph in (False, True):
                x, y = (array.clone().requires_grad_() for array in arrays)
                loss = LOSSES[name](x, y, reduction=reduction)
                wide = LOSSES[name](x.double(), y.double(), reduction=reduction)
                assert loss.dtype == dtype and loss.shape == wide.shape
                np.testing.assert_allclose(
                    loss.detach().double().numpy(), wide.detach().numpy(), 4 * bound, 4 * bound, err_msg=reduction
                )
                slope = torch.ones(loss.shape).to(dtype)
                grads = torch.autograd.grad(loss, (x, y), slope, create_graph=graph)
                assert [g.dtype for g in grads] == [dtype] * 2
                found.append([g.detach().double().numpy() for g in grads])
            for one, other in zip(*found):
                scale = max(float(np.abs(other).max()), 1e-3)
                np.testing.assert_allclose(one, other, 4 * bound, 4 * bound * scale, err_msg=f"{shape} {reduction}")
    assert not [refused for refused in refusals if refused.engine == "tracing"]


def test_second_derivatives():
    x, y = (torch.randn(30, 4, dtype=torch.float64, requires_grad=True) for _ in range(2))
    for name, loss in LOSSES.items():
        if "," in name:  # what depends on y behind the derivative's back
            continue
        assert torch.autograd.gradcheck(lambda x, y, loss=loss: loss(x, y, reduction="sum"), (x, y)), name
        assert torch.autograd.gradgradcheck(lambda x, y, loss=loss: loss(x, y, reduction="sum"), (x, y)), name


@pytest.mark.filterwarnings("ignore:Using a target size")
def test_losses_of_what_is_broadcast():
    x, y = torch.randn(40, 5, requires_grad=True), torch.randn(5, requires_grad=True)
    for loss in (F.mse_loss, F.huber_loss, F.smooth_l1_loss):
        x.grad = y.grad = None
        loss(x, y).backward()
        found = x.grad.clone(), y.grad.clone()
        x.grad = y.grad = None
        loss(x, y.expand(40, 5).clone()).backward()
        for one, other in zip(found, (x.grad, y.grad)):
            assert torch.allclose(one, other, atol=1e-6)


def test_there_is_nothing():
    x = torch.zeros(0, 3, requires_grad=True)
    assert F.mse_loss(x, torch.zeros(0, 3), reduction="sum").item() == 0
    loss = F.mse_loss(x, torch.zeros(0, 3))
    assert loss.isnan()
    loss.backward()
    assert x.grad.shape == (0, 3)
