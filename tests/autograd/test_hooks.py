"""Hooks on tensors and nodes."""

import pytest


def test_replaces_the_gradient_of_a_leaf(t):
    x = t.ones(2, requires_grad=True)
    handle = x.register_hook(lambda grad: grad * 10)
    (x * 2 + x * 3).sum().backward()
    assert x.grad.tolist() == [50.0, 50.0]
    handle.remove()
    handle.remove()
    x.grad = None
    x.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]


def test_sees_the_whole_gradient_once(t):
    seen = []
    x = t.ones(1, requires_grad=True)
    y = x * 2
    y.register_hook(lambda grad: seen.append(grad.item()))
    (y * 3 + y * 4).backward()
    assert seen == [7.0]


def test_replaces_the_gradient_of_a_computed_tensor(t):
    x = t.ones(1, requires_grad=True)
    y = x * 2
    y.register_hook(lambda grad: grad + 1)
    y.register_hook(lambda grad: grad * 10)
    (y * 3).backward()
    assert x.grad.item() == 80


def test_on_a_tensor_without_gradient(t):
    with pytest.raises(RuntimeError, match="cannot register a hook on a tensor that doesn't require gradient"):
        t.ones(1).register_hook(print)


def test_of_a_wrong_kind(t):
    x = t.ones(2, requires_grad=True)
    x.register_hook(lambda grad: 3)
    with pytest.raises(TypeError):
        x.sum().backward()


def test_after_accumulating(t):
    seen = []
    x = t.ones(1, requires_grad=True)
    handle = x.register_post_accumulate_grad_hook(lambda p: seen.append(p.grad.item()))
    (x * 3).backward()
    (x * 3).backward()
    handle.remove()
    (x * 3).backward()
    assert seen == [3.0, 6.0]
    with pytest.raises(RuntimeError, match="post accumulate grad hooks cannot be registered on non-leaf tensors"):
        (x * 1).register_post_accumulate_grad_hook(print)


def test_retain_grad(t):
    x = t.ones(2, requires_grad=True)
    y = x * 2
    y.retain_grad()
    assert y.retains_grad
    (y * 3).sum().backward()
    assert y.grad.tolist() == [3.0, 3.0]
    with pytest.raises(RuntimeError, match="can't retain_grad on Tensor that has requires_grad=False"):
        t.ones(1).retain_grad()


def test_retained_gradient_is_that_after_the_hooks(t):
    x = t.ones(1, requires_grad=True)
    y = x * 2
    y.retain_grad()
    y.register_hook(lambda grad: grad * 10)
    y.backward()
    assert y.grad.item() == 10 and x.grad.item() == 20


def test_node_hooks(t):
    seen = []
    x = t.ones(1, requires_grad=True)
    y = x * 2
    y.grad_fn.register_prehook(lambda grads: seen.append(len(grads)))
    y.grad_fn.register_hook(lambda of_inputs, of_outputs: seen.append(of_outputs[0].item()))
    (y * 5).backward()
    assert seen == [1, 5.0]


def test_gradient_asked_for_is_that_after_the_hooks(t):
    x = t.ones(1, requires_grad=True)
    y = x * 2
    y.register_hook(lambda grad: grad * 10)
    x.register_hook(lambda grad: grad + 1)
    z = y * 3
    assert t.autograd.grad(z, y, retain_graph=True)[0].item() == 30
    assert t.autograd.grad(z, x)[0].item() == 61
