"""Users' own functions."""

import pytest


def cube(t):
    class Cube(t.autograd.Function):
        @staticmethod
        def forward(ctx, x, power):
            ctx.save_for_backward(x)
            ctx.power = power
            return x**power

        @staticmethod
        def backward(ctx, grad):
            assert ctx.needs_input_grad == (True, False)
            (x,) = ctx.saved_tensors
            return grad * ctx.power * x ** (ctx.power - 1), None

    return Cube


def test_forward_and_backward(t):
    x = t.tensor([2.0], requires_grad=True)
    y = cube(t).apply(x, 3)
    assert y.grad_fn.name() == "CubeBackward" and "CubeBackward" in repr(y)
    y.backward()
    assert x.grad.item() == 12


def test_twice_differentiable(t):
    x = t.tensor([2.0], dtype=t.float64, requires_grad=True)
    apply = cube(t).apply
    assert t.autograd.gradcheck(lambda x: apply(x, 3), x)
    assert t.autograd.gradgradcheck(lambda x: apply(x, 3), x)


def test_saved_output(t):
    class Exp(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            result = x.exp()
            ctx.save_for_backward(result)
            return result

        @staticmethod
        def backward(ctx, grad):
            return grad * ctx.saved_tensors[0]

    x = t.tensor([1.0], dtype=t.float64, requires_grad=True)
    assert t.autograd.gradgradcheck(Exp.apply, x)
    y = Exp.apply(x)
    y.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


def test_several_outputs_and_missing_gradients(t):
    seen = []

    class Two(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2, x * 3

        @staticmethod
        def backward(ctx, first, second):
            seen.append(second)
            return first * 2 + second * 3

    x = t.ones(2, requires_grad=True)
    Two.apply(x)[0].sum().backward()
    assert x.grad.tolist() == [2.0, 2.0] and seen[0].tolist() == [0.0, 0.0]


def test_gradients_not_materialized(t):
    class Two(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(False)
            return x * 2, x * 3

        @staticmethod
        def backward(ctx, first, second):
            assert second is None
            return first * 2

    x = t.ones(2, requires_grad=True)
    Two.apply(x)[0].sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_non_differentiable_output(t):
    class Sorted(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            index = x.argsort()
            values = x[index]
            flags = values * 0
            ctx.mark_non_differentiable(index, flags)
            ctx.save_for_backward(index)
            return values, index, flags

        @staticmethod
        def backward(ctx, grad, *_):
            (index,) = ctx.saved_tensors
            return t.zeros_like(grad).index_add(0, index, grad)

    x = t.tensor([2.0, 1.0], requires_grad=True)
    values, index, flags = Sorted.apply(x)
    assert values.requires_grad and not index.requires_grad and not flags.requires_grad
    (values * t.tensor([1.0, 10.0])).sum().backward()
    assert x.grad.tolist() == [10.0, 1.0]


def test_dirty_input(t):
    class Double(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            x.mul_(2)
            ctx.mark_dirty(x)
            return x

        @staticmethod
        def backward(ctx, grad):
            return grad * 2

    x = t.ones(2, requires_grad=True)
    y = x * 1
    z = Double.apply(y)
    assert z is y
    z.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_input_returned_unchanged(t):
    class Reverse(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x

        @staticmethod
        def backward(ctx, grad):
            return -grad

    x = t.ones(2, requires_grad=True)
    y = Reverse.apply(x)
    assert y is not x
    y.sum().backward()
    assert x.grad.tolist() == [-1.0, -1.0]


def test_setup_context(t):
    class Scale(t.autograd.Function):
        @staticmethod
        def forward(x, factor):
            return x * factor

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.factor = inputs[1]

        @staticmethod
        def backward(ctx, grad):
            return grad * ctx.factor, None

    x = t.ones(1, requires_grad=True)
    Scale.apply(x, 4).backward()
    assert x.grad.item() == 4


def test_once_differentiable(t):
    from importlib import import_module

    once = import_module(f"{t.__name__}.autograd.function").once_differentiable

    class Square(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        @once
        def backward(ctx, grad):
            return grad * 2 * ctx.saved_tensors[0]

    x = t.tensor([3.0], requires_grad=True)
    (first,) = t.autograd.grad(Square.apply(x), x, t.ones(1, requires_grad=True), create_graph=True)
    assert first.item() == 6
    with pytest.raises(RuntimeError, match="marked with @once_differentiable"):
        first.backward()


def test_wrong_number_of_gradients(t):
    class Wrong(t.autograd.Function):
        @staticmethod
        def forward(ctx, x, y):
            return x + y

        @staticmethod
        def backward(ctx, grad):
            return grad

    x = t.ones(1, requires_grad=True)
    with pytest.raises(RuntimeError, match=r"returned an incorrect number of gradients \(expected 2, got 1\)"):
        Wrong.apply(x, x).backward()


def test_wrong_shape_of_gradient(t):
    class Wrong(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, grad):
            return t.ones(5)

    x = t.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match=r"returned an invalid gradient at index 0 - got \[5\] but expected shape"):
        Wrong.apply(x).sum().backward()


def test_not_written(t):
    class Empty(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

    with pytest.raises(NotImplementedError, match="You must implement"):
        Empty.apply(t.ones(1, requires_grad=True)).backward()


def test_forward_is_not_recorded(t):
    class Nothing(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            assert not t.is_grad_enabled()
            return x * 2

        @staticmethod
        def backward(ctx, grad):
            return grad

    assert not Nothing.apply(t.ones(1)).requires_grad
