"""gradcheck itself: it must find what is wrong."""

import pytest


def wrong(t):
    class Wrong(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * x

        @staticmethod
        def backward(ctx, grad):
            return grad * 2

    return Wrong.apply


def test_finds_a_wrong_gradient(t):
    x = t.tensor([1.0, 3.0], dtype=t.float64, requires_grad=True)
    with pytest.raises(RuntimeError, match="Jacobian mismatch for output 0 with respect to input 0"):
        t.autograd.gradcheck(wrong(t), x)
    assert t.autograd.gradcheck(wrong(t), x, raise_exception=False) is False


def test_finds_a_wrong_second_gradient(t):
    class Wrong(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, grad):
            (x,) = ctx.saved_tensors
            return grad * 3 * x.detach() ** 2

    x = t.tensor([1.0, 3.0], dtype=t.float64, requires_grad=True)
    assert t.autograd.gradcheck(Wrong.apply, x)
    with pytest.raises(RuntimeError, match="Jacobian mismatch"):
        t.autograd.gradgradcheck(Wrong.apply, x)


def test_needs_something_to_check(t):
    with pytest.raises(ValueError, match="gradcheck expects at least one input tensor to require gradient"):
        t.autograd.gradcheck(lambda x: x, t.ones(1, dtype=t.float64))
