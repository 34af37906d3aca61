"""Deep graphs: neither backward nor freeing them may recurse; and nothing keeps a graph alive."""

import gc
import weakref

import rushlight as torch


def chain(length, step):
    x = torch.ones(1, requires_grad=True)
    y = x
    for _ in range(length):
        y = step(y)
    return x, y


def test_deep_backward():
    x, y = chain(30_000, lambda y: y * 1.0)
    y.backward()
    assert x.grad.item() == 1


def test_deep_free_without_backward():
    for step in (lambda y: y + 1, lambda y: y.exp(), lambda y: y * y, lambda y: y.reshape(1, 1).reshape(1)):
        x, y = chain(50_000, step)
        del y
        gc.collect()
        assert x.grad is None


def test_deep_grad_of_some_inputs():
    x, y = chain(20_000, lambda y: y + 1)
    assert torch.autograd.grad(y, x)[0].item() == 1


def test_deep_chain_of_in_place_changes():
    x = torch.ones(2, requires_grad=True)
    y = x * 1
    for _ in range(3_000):
        y[0] += 1
    y.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]


def test_freed_by_counting_alone():
    """No reference cycles: memory of a graph goes when its last tensor goes, not when the collector comes by."""
    gc.disable()
    try:
        x = torch.ones(3, requires_grad=True)
        for compute in (
            lambda: x.exp().sum(),
            lambda: x.sigmoid().softmax(0).max(),
            lambda: (x * 2).relu_().sum() + (x * 2).tanh_().sum(),
            lambda: x.std() + x.norm() + x.prod(),
            lambda: x.sort().values.cumsum(0).sum(),
        ):
            y = compute()
            node = weakref.ref(y.grad_fn)
            y.backward()
            del y
            assert node() is None
    finally:
        gc.enable()


def test_backward_frees_what_was_saved():
    x = torch.ones(3, requires_grad=True)
    y = x.exp()
    array = weakref.ref(y._array)
    z = y.sum()
    del y
    z.backward()
    assert array() is None
