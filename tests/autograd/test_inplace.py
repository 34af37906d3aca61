"""In-place changes: the history of views and bases, and saved tensors that were changed."""

import pytest


def test_saved_tensor_was_changed(t):
    x = t.ones(2, requires_grad=True)
    y = x.exp()
    y.add_(1)
    with pytest.raises(RuntimeError, match="one of the variables needed for gradient computation has been modified by"):
        y.sum().backward()


def test_changed_through_a_view(t):
    x = t.ones(2, requires_grad=True)
    w = t.ones(2)
    y = (x * w).sum()
    w[0] = 5
    with pytest.raises(RuntimeError, match="is at version 1; expected version 0 instead"):
        y.backward()


def test_changed_through_detach(t):
    x = t.ones(2, requires_grad=True)
    w = t.ones(2)
    y = (x * w).sum()
    w.detach().zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


def test_data_is_not_tracked(t):
    x = t.ones(2, requires_grad=True)
    w = t.ones(2)
    y = (x * w).sum()
    w.data.fill_(3)
    y.backward()
    assert x.grad.tolist() == [3.0, 3.0]


def test_what_no_rule_needs_may_change(t):
    x = t.ones(2, requires_grad=True)
    w = t.ones(2)
    y = x * w
    x.data.zero_()
    z = (y + 1).sum()
    y.add_(1)
    z.backward()
    assert x.grad.tolist() == [1.0, 1.0]


def test_leaf(t):
    x = t.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad is being used in an in-place operation"):
        x.add_(1)
    with pytest.raises(RuntimeError, match="a view of a leaf Variable that requires grad is being used in an in-place"):
        x[0] = 1
    with t.no_grad():
        x.add_(1)
        x[0] = 7
    assert x.tolist() == [7.0, 2.0]


def test_view_made_without_grad(t):
    x = t.ones(2, requires_grad=True) * 1
    with t.no_grad():
        v = x[0]
    with pytest.raises(RuntimeError, match="A view was created in no_grad mode and is being modified inplace"):
        v.mul_(t.ones((), requires_grad=True))


def test_worked_example(t):
    x = t.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = x * 2
    y[0] = 5
    y[1:].mul_(3)
    y.sum().backward()
    assert y.tolist() == [5.0, 12.0, 18.0]
    assert x.grad.tolist() == [0.0, 6.0, 6.0]


def test_view_gets_its_history_from_the_base(t):
    x = t.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = x * 2
    view = y[1:]
    assert view.grad_fn.name() == "SliceBackward0"
    y.mul_(3)
    assert view.grad_fn.name() == "AsStridedBackward0"
    view.sum().backward()
    assert x.grad.tolist() == [0.0, 6.0, 6.0]


def test_buffer_becomes_part_of_the_graph(t):
    w = t.tensor([2.0, 3.0], requires_grad=True)
    buffer = t.zeros(2, 2)
    row = buffer[1]
    row.copy_(w)
    assert buffer.requires_grad and row.requires_grad
    (buffer * t.tensor([[1.0, 2.0], [3.0, 4.0]])).sum().backward()
    assert w.grad.tolist() == [3.0, 4.0]


def test_transposed_view_of_a_transposed_base(t):
    x = t.arange(6.0).reshape(2, 3).requires_grad_()
    y = (x * 1).t()
    v = y.t()
    v[0].mul_(2)
    y[2].add_(v[1, 2].detach())
    (y * t.arange(6.0).reshape(3, 2)).sum().backward()
    assert x.grad.tolist() == [[0.0, 4.0, 8.0], [1.0, 3.0, 5.0]]


def test_expanded_memory_is_not_written(t):
    with pytest.raises(RuntimeError, match="more than one element of the written-to tensor refers to a single memory"):
        t.zeros(1).expand(3).add_(1)


def test_kept_shape_and_dtype(t):
    x = t.ones(2)
    with pytest.raises(RuntimeError, match=r"output with shape \[2\] doesn't match the broadcast shape \[3, 2\]"):
        x.add_(t.ones(3, 2))
    with pytest.raises(RuntimeError, match="result type Float can't be cast to the desired output type Long"):
        t.ones(2, dtype=t.int64).add_(1.5)
    assert x.tolist() == [1.0, 1.0]
    y = t.ones(2)
    y += t.ones(2, dtype=t.float64)
    assert y.dtype is t.float32


def test_second_derivative_through_a_changed_view(t):
    x = t.tensor([1.0, 2.0, 3.0], dtype=t.float64, requires_grad=True)

    def function(x):
        y = x * x
        y[1:].mul_(x[:-1])
        return (y**2).sum()

    assert t.autograd.gradcheck(function, x)
    assert t.autograd.gradgradcheck(function, x)


def test_version(t):
    x = t.zeros(3)
    view, other, data = x[1:], x.detach(), x.data
    view.add_(1)
    other.add_(1)
    data.add_(1)
    with t.no_grad():
        x.zero_()
    assert [v._version for v in (x, view, other, data)] == [3, 3, 3, 1]


@pytest.mark.parametrize("pieces", [lambda x: x.unbind(), lambda x: x.split(1), lambda x: x.chunk(2)])
def test_one_of_many_views_is_not_changed_in_place(t, pieces):
    x = t.ones(2, 2, requires_grad=True) * 1
    with pytest.raises(RuntimeError, match="is the output of a function that returns multiple views"):
        pieces(x)[1].add_(1)


def test_gradients_of_overlapping_views_add_up(t):
    x = t.arange(6.0).view(2, 3).requires_grad_()
    x.unfold(1, 2, 1).sum().backward()
    assert x.grad.tolist() == [[1, 2, 1], [1, 2, 1]]
    x.grad = None
    x.as_strided((2, 2), (1, 1)).sum().backward()
    assert x.grad.tolist() == [[1, 2, 1], [0, 0, 0]]


OVERWRITTEN = {
    "FillBackward2": lambda x, p: x.fill_(2),
    "FillBackward3": lambda x, p: x.fill_(p[0]),
    "ZeroBackward0": lambda x, p: x.zero_(),
    "CopyBackwards": lambda x, p: x.copy_(p),
    "UniformBackward0": lambda x, p: x.uniform_(),
    "NormalBackward0": lambda x, p: x.normal_(),
    "BernoulliBackward1": lambda x, p: x.bernoulli_(p),
    "BernoulliBackward2": lambda x, p: x.bernoulli_(0.3),
    "ExponentialBackward0": lambda x, p: x.exponential_(),
    "CauchyBackward0": lambda x, p: x.cauchy_(),
    "LogNormalBackward0": lambda x, p: x.log_normal_(),
    "GeometricBackward0": lambda x, p: x.geometric_(0.3),
    "RandomBackward0": lambda x, p: x.random_(2, 9),
    "RandomBackward1": lambda x, p: x.random_(9),
    "RandomBackward2": lambda x, p: x.random_(),
}


@pytest.mark.parametrize("name", OVERWRITTEN)
def test_what_is_overwritten_gets_no_gradient(t, name):
    x, p = t.ones(2, requires_grad=True), t.tensor([0.3, 0.6], requires_grad=True)
    node = OVERWRITTEN[name](x * 1, p).grad_fn
    assert node.name().rsplit("::", 1)[-1] == name
    edges = [None if function is None else function.name() for function, _ in node.next_functions]
    assert edges[0] == "MulBackward0"
    assert len(edges) == 1 + (name in ("FillBackward3", "BernoulliBackward1", "CopyBackwards"))
    result = OVERWRITTEN[name](x * 1, p)
    assert t.autograd.grad(result.sum(), x)[0].tolist() == [0, 0]


def test_chances_are_part_of_the_graph(t):
    p = t.tensor([0.3, 0.6], requires_grad=True)
    drawn = t.ones(2).bernoulli_(p)
    assert drawn.grad_fn.name() == "BernoulliBackward1"
    assert t.autograd.grad(drawn.sum(), p)[0].tolist() == [0, 0]
