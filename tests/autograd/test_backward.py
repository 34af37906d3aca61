"""backward and grad: where gradients go, what frees the graph, and what is refused."""

import numpy as np
import pytest


def leaf(t, *values):
    return t.tensor(list(values), requires_grad=True)


def test_accumulates(t):
    x = leaf(t, 1.0, 2.0)
    for _ in range(2):
        (x * x).sum().backward()
    assert x.grad.tolist() == [4.0, 8.0]
    assert not x.grad.requires_grad


def test_gradient_is_not_shared_between_leaves(t):
    x, y = leaf(t, 1.0), leaf(t, 2.0)
    (x + y).backward()
    x.grad.mul_(5)
    assert y.grad.tolist() == [1.0]


def test_gradient_given_by_the_user_is_not_taken_over(t):
    x, given = leaf(t, 1.0, 2.0), t.tensor([3.0, 4.0])
    (x + 0).backward(given)
    x.grad.zero_()
    assert given.tolist() == [3.0, 4.0]
    x.grad = None
    x.backward(given)
    x.grad.zero_()
    assert given.tolist() == [3.0, 4.0]


def test_gradient_has_memory_of_its_own(t):
    x = leaf(t, 1.0, 2.0, 3.0)
    x.sum().backward()
    x.grad[0] = 9
    assert x.grad.tolist() == [9.0, 1.0, 1.0]


def test_large_gradients_of_layers_become_grad_without_a_copy():
    import rushlight as torch
    from rushlight.runtime.memory import is_recycled

    layer, x, given = torch.nn.Linear(300, 200), torch.randn(64, 300, requires_grad=True), torch.randn(64, 200)
    grads = []
    for factor in (1.0, 2.0):
        layer.weight.grad = x.grad = None
        (layer(x) * factor).backward(given)
        grads.append((layer.weight.grad, x.grad))
    with torch.no_grad():
        result = torch.nn.functional.linear(x, layer.weight)._array
    owners = [array for array in (result, result.base) if isinstance(array, np.ndarray)]
    assert is_recycled(layer.weight.grad._array) == any(map(is_recycled, owners))
    for first, second in zip(*grads):
        assert torch.allclose(second, 2 * first, rtol=1e-5, atol=1e-5)
        assert not np.shares_memory(first._array, second._array)
    assert not any(np.shares_memory(grad._array, a._array) for grad in grads[1] for a in (given, layer.weight, x))


def test_scalar_only_without_gradient(t):
    with pytest.raises(RuntimeError, match="grad can be implicitly created only for scalar outputs"):
        leaf(t, 1.0, 2.0).exp().backward()


def test_gradient_of_another_shape(t):
    with pytest.raises(RuntimeError, match=r"Mismatch in shape: grad_output\[0\]"):
        leaf(t, 1.0, 2.0).exp().backward(t.ones(3))


def test_nothing_requires_grad(t):
    with pytest.raises(RuntimeError, match="element 0 of tensors does not require grad and does not have a grad_fn"):
        t.ones(1).backward()


def test_second_time(t):
    y = leaf(t, 1.0).exp()
    y.backward()
    with pytest.raises(RuntimeError, match="Trying to backward through the graph a second time"):
        y.backward()


def test_second_time_where_nothing_was_saved(t):
    x = leaf(t, 1.0)
    y = x + 1
    y.backward()
    y.backward()
    assert x.grad.item() == 2


def test_retain_graph(t):
    x = leaf(t, 1.0)
    y = x * x
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.item() == 4


def test_inputs_argument(t):
    x, y = leaf(t, 2.0), leaf(t, 3.0)
    (x * y).backward(inputs=[x])
    assert x.grad.item() == 3 and y.grad is None


def test_backward_of_several(t):
    x = leaf(t, 2.0)
    t.autograd.backward([x * 2, x * 3], [t.ones(1), t.tensor([10.0])])
    assert x.grad.item() == 32


def test_grad_leaves_grad_alone(t):
    x = leaf(t, 3.0)
    (found,) = t.autograd.grad((x**2).sum(), x)
    assert found.item() == 6 and x.grad is None


def test_grad_of_computed_tensors(t):
    x = leaf(t, 3.0)
    y = x * 2
    z = y * y
    assert [g.item() for g in t.autograd.grad(z, [y, x, z])] == [12.0, 24.0, 1.0]


def test_unused(t):
    x, y = leaf(t, 3.0), leaf(t, 4.0)
    with pytest.raises(RuntimeError, match="appears to not have been used in the graph"):
        t.autograd.grad(x * 2, [x, y])
    assert t.autograd.grad(x * 2, [x, y], allow_unused=True)[1] is None
    assert t.autograd.grad(x * 2, [x, y], materialize_grads=True)[1].tolist() == [0.0]
    with pytest.raises(RuntimeError, match="One of the differentiated Tensors does not require grad"):
        t.autograd.grad(x * 2, t.ones(1))


def test_third_derivative(t):
    x = leaf(t, 2.0)
    y = x**4
    for expected in (32.0, 48.0, 48.0, 24.0):
        (y,) = t.autograd.grad(y, x, create_graph=True)
        assert y.item() == pytest.approx(expected)
        expected -= 1


def test_create_graph_in_backward(t):
    x = leaf(t, 3.0)
    with pytest.warns(UserWarning) if t.__name__ == "torch" else _nothing():
        (x**3).backward(create_graph=True)
    assert x.grad.requires_grad
    (second,) = t.autograd.grad(x.grad, x)
    assert second.item() == 18
    x.grad = None


class _nothing:
    def __enter__(self):
        return self

    def __exit__(self, *exception):
        return None


def test_only_needed_nodes_run(t):
    seen = []
    x, y = leaf(t, 2.0), leaf(t, 3.0)
    left, right = x * 2, y * 3
    right.register_hook(lambda grad: seen.append("right"))
    t.autograd.grad(left + right, x)
    assert seen in ([], ["right"])  # PyTorch may call the hook; the node behind it must not run
    assert y.grad is None


def test_dtype_of_the_gradient_is_that_of_the_input(t):
    x = t.ones(2, requires_grad=True)
    (x * t.ones(2, dtype=t.float64)).sum().backward()
    assert x.grad.dtype is t.float32


def test_next_functions(t):
    x = leaf(t, 2.0)
    y = x.exp() * 2
    assert y.grad_fn.name() == "MulBackward0"
    (exp, _), *_ = y.grad_fn.next_functions
    assert exp.name() == "ExpBackward0"
    accumulate = exp.next_functions[0][0]
    assert accumulate.variable is x
    assert "MulBackward0" in repr(y.grad_fn)


def test_requires_grad_rules(t):
    with pytest.raises(RuntimeError, match=r"[Oo]nly Tensors of floating point"):
        t.ones(2, dtype=t.int64).requires_grad_()
    with pytest.raises(RuntimeError, match="you can only change requires_grad flags of leaf variables"):
        leaf(t, 1.0).exp().requires_grad_(False)
    assert leaf(t, 1.0).detach().is_leaf
    assert not leaf(t, 1.0).exp().is_leaf


def test_grad_of_a_computed_tensor_warns(t):
    y = leaf(t, 1.0).exp()
    with pytest.warns(UserWarning, match=r"The \.grad attribute of a Tensor that is not a leaf"):
        assert y.grad is None


def test_assigning_grad(t):
    x = leaf(t, 1.0, 2.0)
    x.grad = t.ones(2)
    for wrong in (t.ones(3), t.ones(2, dtype=t.float64)):
        with pytest.raises(RuntimeError):
            x.grad = wrong
    with pytest.raises(TypeError):
        x.grad = 3
    assert x.grad.tolist() == [1.0, 1.0]


def test_a_failed_backward_leaves_grads_alone():
    import rushlight as t

    x = leaf(t, 1.0)
    y = x.exp()
    z = y * x
    z.backward(retain_graph=True)
    before = x.grad.item()
    with t.no_grad():
        y.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.backward()
    assert x.grad.item() == before
