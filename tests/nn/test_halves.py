"""Activations, losses and normalisation of float16 and bfloat16: computed in float32 and rounded once."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rushlight as torch
import rushlight.nn.functional as F

HALVES = (torch.float16, torch.bfloat16)
ACTIVATIONS = {
    "gelu": F.gelu,
    "gelu tanh": lambda x: F.gelu(x, approximate="tanh"),
    "elu": lambda x: F.elu(x, 0.7),
    "selu": F.selu,
    "silu": F.silu,
    "mish": F.mish,
    "softplus": lambda x: F.softplus(x, 2, 3),
    "hardtanh": F.hardtanh,
    "relu6": F.relu6,
    "hardsigmoid": F.hardsigmoid,
    "hardswish": F.hardswish,
    "leaky_relu": lambda x: F.leaky_relu(x, 0.3),
    "logsigmoid": F.logsigmoid,
    "sigmoid": F.sigmoid,
    "tanh": F.tanh,
    "glu": lambda x: F.glu(x, -1),
    "prelu": lambda x: F.prelu(x, torch.tensor([0.375], dtype=x.dtype)),
    "softmax": lambda x: F.softmax(x, -1),
    "log_softmax": lambda x: F.log_softmax(x, -1),
    "smooth_l1": lambda x: F.smooth_l1_loss(x, x.detach() * 0 + 0.5, reduction="none"),
    "huber": lambda x: F.huber_loss(x, x.detach() * 0 + 0.5, reduction="none", delta=0.75),
    "layer_norm": lambda x: F.layer_norm(x, x.shape[-1:]),
    "group_norm": lambda x: F.group_norm(x, 2),
    "batch_norm": lambda x: F.batch_norm(x, None, None, training=True),
    "instance_norm": lambda x: F.instance_norm(x.reshape(2, 4, 8)).reshape(8, 8),
}

# Their gradients are computed from the result, which has been rounded.
FROM_THEIR_RESULT = ("sigmoid", "tanh", "glu", "softmax", "log_softmax")


def _both_ways(function, x, slope):
    x = x.detach().clone().requires_grad_()
    y = function(x)
    y.backward(slope[:, : y.shape[1]].to(y.dtype))
    return y.detach(), x.grad


def test_gelu_of_a_half_keeps_its_digits():
    x = torch.tensor([-2.7], dtype=torch.float16)
    assert F.gelu(x).item() == np.float16(-0.009377)


@pytest.mark.parametrize("kind", HALVES, ids=str)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_what_a_half_gives_is_the_float32_result_rounded(name, kind):
    rng = np.random.default_rng(len(name))
    x, slope = (torch.tensor(rng.normal(size=(8, 8)) * 2).to(kind) for _ in range(2))
    found, slopes = _both_ways(ACTIVATIONS[name], x, slope)
    right, right_slopes = _both_ways(ACTIVATIONS[name], x.float(), slope.float())
    assert found.dtype is slopes.dtype is kind
    assert torch.equal(found, right.to(kind))
    if name in FROM_THEIR_RESULT:
        torch.testing.assert_close(slopes.float(), right_slopes, atol=4 * torch.finfo(kind).eps, rtol=0)
    else:
        assert torch.equal(slopes, right_slopes.to(kind))


@pytest.mark.parametrize("kind", HALVES, ids=str)
@pytest.mark.parametrize("training", [True, False])
def test_norms_of_halves_with_float32_parameters_return_the_type_of_the_input(kind, training):
    x = torch.randn(4, 6, 3, 3, generator=torch.Generator().manual_seed(1)).to(kind)
    layers = [
        torch.nn.BatchNorm2d(6),
        torch.nn.InstanceNorm2d(6, affine=True, track_running_stats=True),
        torch.nn.GroupNorm(2, 6),
        torch.nn.LayerNorm([3, 3]),
    ]
    for layer in layers:
        layer.train(training)
        given_x = x.clone().requires_grad_()
        y = layer(given_x)
        y.sum().backward()
        assert y.dtype is given_x.grad.dtype is kind
        assert {p.grad.dtype for p in layer.parameters()} == {torch.float32}
        wide = layer.float()(x.float())
        assert torch.allclose(y.float(), wide, atol=0.05, rtol=0.01)
        if hasattr(layer, "running_mean"):
            assert layer.running_mean.dtype is layer.running_var.dtype is torch.float32


def test_a_running_mean_of_halves_is_rounded_once():
    running = torch.full((1,), 0.3, dtype=torch.float16)
    F.batch_norm(torch.full((2, 1), 0.7, dtype=torch.float16), running, running.clone(), training=True, momentum=0.1)
    assert running.item() == np.float16(np.float32(np.float16(0.3)) * 0.9 + np.float32(np.float16(0.7)) * 0.1)


def test_the_divergence_of_a_negative_target_is_no_number():
    input, target = torch.tensor([0.5, 0.5, 0.5]), torch.tensor([-1.0, 0.0, 2.0])
    found = F.kl_div(input, target, reduction="none")
    assert torch.isnan(found[0]) and found[1] == 0 and found[2].item() == pytest.approx(2 * np.log(2) - 1)


@pytest.mark.live
@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
@given(seed=st.integers(0, 1 << 20))
def test_halves_are_pytorchs(kind, seed):
    other = pytest.importorskip("torch")
    rng = np.random.default_rng(seed)
    x, slope = (rng.normal(size=(8, 8)).astype(np.float32) * 2 for _ in range(2))
    eps = torch.finfo(getattr(torch, kind)).eps
    for name in ("gelu", "silu", "mish", "selu", "elu", "tanh", "hardswish", "leaky_relu", "softplus", "relu6"):
        results = []
        for library in (torch, other):
            its = getattr(library, kind)
            given_x = library.tensor(x).to(its).requires_grad_()
            y = getattr(library.nn.functional, name)(given_x)
            y.backward(library.tensor(slope).to(its))
            results.append([np.array(t.detach().float().numpy()) for t in (y, given_x.grad)])
        for ours, theirs in zip(*results):
            np.testing.assert_allclose(ours, theirs, rtol=2 * eps, atol=eps / 20, err_msg=name)


NORMS = {
    "layer_norm": lambda F, x, w, b: F.layer_norm(x.transpose(1, 2), (4,), w, b),
    "group_norm": lambda F, x, w, b: F.group_norm(x, 2, w, b),
    "batch_norm": lambda F, x, w, b: F.batch_norm(x, None, None, w, b, True),
    "instance_norm": lambda F, x, w, b: F.instance_norm(x, None, None, w, b),
}


@pytest.mark.live
@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("name", sorted(NORMS))
def test_norms_take_the_types_that_pytorch_takes(name, kind):
    """And refuse the others with its sentences."""
    theirs = pytest.importorskip("torch")
    kinds = ["float16", "bfloat16", "float32", "float64", None]
    for of_weight, of_bias in itertools.product(kinds, kinds):
        found = []
        for library in (torch, theirs):
            x = library.ones(2, 4, 3, dtype=getattr(library, kind))
            w, b = (None if of is None else library.ones(4, dtype=getattr(library, of)) for of in (of_weight, of_bias))
            try:
                found.append(str(NORMS[name](library.nn.functional, x, w, b).dtype).rpartition(".")[2])
            except RuntimeError as error:
                found.append(str(error).partition("\n")[0])
        assert found[0] == found[1], (of_weight, of_bias)
