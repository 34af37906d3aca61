"""What is saved for backward in the hands of hooks, and checkpointing, with fixed right values."""

import pytest

import rushlight as torch
from rushlight import nn
from rushlight.autograd.graph import disable_saved_tensors_hooks, save_on_cpu, saved_tensors_hooks
from rushlight.utils.checkpoint import CheckpointError, checkpoint, checkpoint_sequential, set_checkpoint_early_stop


def network():
    torch.manual_seed(2)
    return nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.4), nn.Flatten(), nn.Linear(36, 5), nn.GELU()
    )


def gradients(run):
    model, x = network(), torch.linspace(-1, 1, 100).reshape(2, 2, 5, 5).requires_grad_()
    torch.manual_seed(7)
    y = run(model, x)
    (y * y).sum().backward()
    return [y.detach(), x.grad, *[p.grad for p in model.parameters()], torch.rand(1)]


def same(ours, expected):
    for a, b in zip(ours, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)


RUNS = {
    "plain": lambda m, x: checkpoint(m, x, use_reentrant=False),
    "reentrant": lambda m, x: checkpoint(m, x, use_reentrant=True),
    "to the end": lambda m, x: checkpoint(m, x, use_reentrant=False, early_stop=False),
    "nested": lambda m, x: checkpoint(
        lambda t: checkpoint(m[3:], checkpoint(m[:3], t, use_reentrant=False), use_reentrant=False),
        x,
        use_reentrant=False,
    ),
    "nested reentrant": lambda m, x: checkpoint(
        lambda t: m[3:](checkpoint(m[:3], t, use_reentrant=True)), x, use_reentrant=True
    ),
    "sequential": lambda m, x: checkpoint_sequential(m, 3, x, use_reentrant=False),
    "sequential reentrant": lambda m, x: checkpoint_sequential(list(m), 2, x, use_reentrant=True),
}


@pytest.mark.parametrize("name", RUNS)
def test_gives_what_it_gives_without(name):
    same(gradients(RUNS[name]), gradients(lambda m, x: m(x)))


def test_keeps_nothing_but_what_goes_in():
    counts = {"first": 0, "again": 0}

    def function(t):
        counts["again" if torch.is_grad_enabled() and counts["first"] else "first"] += 1
        return (t.exp() * t.sin()).cos()

    x = torch.ones(3, requires_grad=True)
    y = checkpoint(function, x, use_reentrant=False)
    assert counts == {"first": 1, "again": 0}
    y.sum().backward(retain_graph=True)
    assert counts == {"first": 1, "again": 1}
    y.sum().backward()  # another pass computes again
    assert counts == {"first": 1, "again": 2}


def test_gradients_of_gradients():
    def function(t):
        return (t.sin() * t).exp()

    x = torch.linspace(-1, 1, 5, dtype=torch.float64).requires_grad_()
    found = []
    for y in (function(x), checkpoint(function, x, use_reentrant=False)):
        (first,) = torch.autograd.grad(y.sum(), x, create_graph=True)
        found.append(torch.autograd.grad((first**2).sum(), x)[0])
    torch.testing.assert_close(*found)


def test_refuses_what_it_cannot_compute_again():
    calls = []

    def function(t):
        calls.append(None)
        return t.exp() if len(calls) == 1 else t.exp().exp().exp().sin()

    x = torch.ones(3, requires_grad=True)
    with pytest.raises(CheckpointError), set_checkpoint_early_stop(False):
        checkpoint(function, x, use_reentrant=False).sum().backward()
    calls.clear()
    shape = iter([(3,), (1, 3)])
    with pytest.raises(CheckpointError, match="different metadata"):
        checkpoint(lambda t: t.reshape(next(shape)).sin(), x, use_reentrant=False).sum().backward()
    with pytest.raises(RuntimeError, match="incompatible with"):
        torch.autograd.grad(checkpoint(torch.exp, x, use_reentrant=True).sum(), x)
    with pytest.raises(ValueError, match="Unexpected keyword"):
        checkpoint(torch.exp, x, use_reentrant=True, some=1)
    with pytest.raises(ValueError, match="determinism_check"):
        checkpoint(torch.exp, x, use_reentrant=False, determinism_check="x")
    with pytest.warns(UserWarning, match="use_reentrant parameter"):
        checkpoint(torch.exp, x)
    with pytest.warns(UserWarning, match="None of the inputs"):
        checkpoint(torch.exp, x.detach(), use_reentrant=True)


def test_hooks_pack_and_unpack():
    packed = []
    w = torch.tensor([3.0], requires_grad=True)
    x = torch.tensor([2.0], requires_grad=True)
    with saved_tensors_hooks(lambda t: packed.append(t) or t.tolist(), lambda n: torch.tensor(n)):
        y = (w * x).exp()
    assert (len(packed) == 3 and packed[0] is x) or packed[0] is w
    assert not packed[2].requires_grad  # what was computed comes without its history
    y.backward()
    torch.testing.assert_close([w.grad, x.grad], [2 * y.detach(), 3 * y.detach()])


def test_hooks_keep_histories():
    x = torch.linspace(0.1, 1, 4, dtype=torch.float64).requires_grad_()
    found = []
    for pack in (None, lambda t: t.clone()):
        context = saved_tensors_hooks(pack, lambda t: t) if pack else torch.enable_grad()
        with context:
            y = (x * x).exp() * x.sigmoid()
        (first,) = torch.autograd.grad(y.sum(), x, create_graph=True)
        found.append(torch.autograd.grad(first.sum(), x)[0])
    torch.testing.assert_close(*found)


def test_hooks_inside_hooks_and_forbidden_ones():
    x = torch.ones(2, requires_grad=True)
    with save_on_cpu():
        y = x * x
    y.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]
    with disable_saved_tensors_hooks("not now"), pytest.raises(RuntimeError, match="not now"):
        save_on_cpu().__enter__()
    with pytest.raises(RuntimeError, match="in place"), saved_tensors_hooks(lambda t: t.add_(1), lambda t: t):
        x.detach().clone().requires_grad_().exp()
    with saved_tensors_hooks(lambda t: 1, lambda t: t):
        y = x.exp()
    with pytest.raises(TypeError, match="expected to be a Tensor"):
        y.sum().backward()
    assert (x * x).grad_fn.saved_tensors[0] is x  # the hooks are gone


def test_saved_in_functions_of_users():
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            y = x * x
            ctx.save_for_backward(x, y)
            return y

        @staticmethod
        def backward(ctx, grad):
            x, y = ctx.saved_tensors
            assert y.tolist() == [4.0]
            return 2 * x * grad

    x = torch.tensor([2.0], requires_grad=True)
    checkpoint(Square.apply, x, use_reentrant=False).backward()
    assert x.grad.tolist() == [4.0]


def test_in_place_changes_under_hooks():
    x = torch.tensor([-1.0, 2.0], requires_grad=True)
    checkpoint(lambda t: (t * 3).relu_().mul_(2).sigmoid_(), x, use_reentrant=False).sum().backward()
    s = torch.tensor(12.0).sigmoid()
    torch.testing.assert_close(x.grad, torch.stack([torch.tensor(0.0), 6 * s * (1 - s)]), rtol=1e-4, atol=1e-9)
