"""Cross entropy in one pass: against its definition in double precision, and against PyTorch with all its options."""

import itertools
import random

import numpy as np
import pytest

import rushlight as torch
from rushlight.autograd.check import gradcheck, gradgradcheck
from rushlight.backends import cpu as compiled
from rushlight.nn import functional
from rushlight.runtime.guard import guarded_copy, guarding
from tests import instruction_sets

ISAS = instruction_sets.asked()
SHAPES = (5, 3), (200, 10), (64, 300), (2, 21, 13, 12), (30, 5, 7), (2, 4, 3, 5, 6)
BOUNDS = {torch.float32: 2e-5, torch.float64: 1e-11, torch.float16: 1e-2, torch.bfloat16: 5e-2}
OPTIONS = tuple(itertools.product((False, True), (False, True), ("mean", "sum", "none"), (0.0, 0.1), (-100, 1)))


def targets(rng, shape, soft):
    return rng.random(shape) if soft else rng.integers(0, shape[1], (shape[0], *shape[2:]))


def defined(x, target, weight, reduction, smoothing, ignore):
    """The loss and the gradient of its sum, by formulas, in float64."""
    classes = x.shape[1]
    weight = np.ones(classes) if weight is None else weight
    along = weight.reshape(-1, *[1] * (x.ndim - 2))
    off = x - x.max(1, keepdims=True)
    logs = off - np.log(np.exp(off).sum(1, keepdims=True))
    if target.shape == x.shape:
        q, count = target * (1 - smoothing) + smoothing / classes, target.size / classes
    else:
        q = np.eye(classes)[target] * (1 - smoothing) + smoothing / classes  # (batch, *positions, classes)
        counted = target != ignore
        q, count = np.moveaxis(q * counted[..., None], -1, 1), (weight[target] * counted).sum()
    q = q * along
    losses, slope = -(q * logs).sum(1), np.exp(logs) * q.sum(1, keepdims=True) - q
    if reduction == "mean":
        return losses.sum() / count, slope / count
    return (losses if reduction == "none" else losses.sum()), slope


@pytest.mark.parametrize("dtype", BOUNDS, ids=str)
@pytest.mark.parametrize("isa", ISAS)
def test_all_options(isa, dtype, monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_TARGET", isa)
    compiled._calls.clear()
    rng, bound = np.random.default_rng(0), BOUNDS[dtype]
    for shape in SHAPES:
        for soft, weighted, reduction, smoothing, ignore in random.Random(str(shape)).sample(OPTIONS, 12):
            x = torch.tensor(rng.standard_normal(shape)).to(dtype)
            x = x.to(memory_format=torch.channels_last) if len(shape) == 4 and rng.random() < 0.5 else x
            target = torch.tensor(targets(rng, shape, soft))
            target = target.to(dtype) if soft else target
            weight = torch.tensor(rng.random(shape[1]) + 0.1).to(dtype) if weighted else None
            given = [None if t is None else t.double().numpy() for t in (x, target, weight)]
            given[1] = given[1] if soft else target.numpy()
            want, slope = defined(*given, reduction, smoothing, ignore)
            x.requires_grad_()
            loss = functional.cross_entropy(
                x, target, weight, ignore_index=ignore, reduction=reduction, label_smoothing=smoothing
            )
            loss.sum().backward()
            case = f"{shape} {soft} {weighted} {reduction} {smoothing} {ignore}"
            assert loss.dtype == x.dtype and x.grad.dtype == x.dtype
            np.testing.assert_allclose(loss.detach().double().numpy(), want, bound, bound, err_msg=case)
            np.testing.assert_allclose(x.grad.double().numpy(), slope, bound, bound * np.abs(slope).max(), err_msg=case)


@pytest.mark.parametrize("soft", [False, True])
def test_derivatives(soft):
    rng = np.random.default_rng(0)
    x = torch.tensor(rng.standard_normal((22, 3)), requires_grad=True)
    target, weight = torch.tensor(targets(rng, (22, 3), soft)), torch.tensor([0.2, 0.7, 1.5], dtype=torch.float64)
    for reduction in ("mean", "none"):

        def loss(x, reduction=reduction):
            return functional.cross_entropy(x, target, weight, reduction=reduction, label_smoothing=0.2)

        assert gradcheck(loss, (x,)) and gradgradcheck(loss, (x,))


def test_inputs_may_change_afterwards():
    x = torch.randn(40, 5, requires_grad=True)
    logits = x * 1
    loss = functional.cross_entropy(logits, torch.arange(40) % 5)
    want = torch.softmax(x.detach(), 1)
    with torch.no_grad():
        logits.zero_()
    loss.backward()
    want[torch.arange(40), torch.arange(40) % 5] -= 1
    np.testing.assert_allclose(x.grad.numpy(), want.numpy() / 40, 1e-5, 1e-7)


def test_a_class_that_is_not_there():
    for shape in ((3, 4), (30, 5), (2, 5, 40)):
        for wrong in (-1, 5):
            target = torch.zeros((shape[0], *shape[2:]), dtype=torch.long)
            target[-1] = wrong
            with pytest.raises(IndexError, match=f"Target {wrong} is out of bounds."):
                functional.cross_entropy(torch.zeros(shape), target)
    assert functional.cross_entropy(torch.zeros(30, 5), torch.full((30,), -100)).isnan()


@pytest.mark.parametrize("isa", ISAS)
def test_nothing_is_read_or_written_beside_the_arrays(isa, monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_TARGET", isa)
    compiled._calls.clear()
    for shape in ((70, 9), (3, 50), (2, 3, 67)):
        x = guarded_copy(np.arange(np.prod(shape), dtype=np.float32).reshape(shape) % 5)
        for target in (guarded_copy(np.ones((shape[0], *shape[2:]), np.int64)), x):
            weight = guarded_copy(np.ones(shape[1], np.float32))
            with guarding():
                losses, _, y = compiled.cross_entropy(True, 0.1, -100, weight, x, target)
                compiled.cross_entropy_grad(0.1, -100, weight, y, target, losses)


@pytest.mark.live
def test_against_pytorch():
    other = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    for shape in SHAPES:
        for soft, weighted, reduction, smoothing, ignore in OPTIONS:
            x, target = rng.standard_normal(shape), targets(rng, shape, soft)
            weight, options = rng.random(shape[1]), {"reduction": reduction, "label_smoothing": smoothing}
            if not soft:
                options["ignore_index"] = ignore
            found = []
            for side in (torch, other):
                logits = side.tensor(x, requires_grad=True)
                given = side.tensor(target), side.tensor(weight) if weighted else None
                loss = side.nn.functional.cross_entropy(logits, *given, **options)
                loss.sum().backward()
                found.append((loss.detach().numpy(), logits.grad.numpy()))
            for ours, theirs in zip(*found):
                np.testing.assert_allclose(ours, theirs, 1e-11, 1e-13)
