"""Memory that lies in another order than its tensors' strides say: nobody can tell."""

import gc
import threading
import weakref

import numpy as np
import pytest

import rushlight
from rushlight import nn
from rushlight.tensor.core import elements, memory, wrap, wrap_unordered
from rushlight.tensor.storage import counterpart


def lying(*shape):
    """A tensor of whole numbers whose channels lie innermost, and the same one in order."""
    ordered = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    last = np.moveaxis(np.ascontiguousarray(np.moveaxis(ordered, 1, -1)), -1, 1)
    return wrap_unordered(last), wrap(ordered.copy())


def test_layers_leave_their_results_as_they_lie():
    y = nn.Sequential(nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2))(rushlight.randn(2, 3, 9, 9))
    assert y._lying is not None and y.shape == (2, 16, 3, 3) and y.is_contiguous() and y.stride() == (144, 9, 3, 1)
    assert y._lying is not None, "asking for strides moves nothing"
    assert y.contiguous() is y
    assert y.detach().numpy().flags.c_contiguous and y._lying is None


def test_all_views_follow():
    x, right = lying(2, 3, 4, 5)
    made = [lambda t: t[1], lambda t: t.permute(3, 0, 2, 1)[::2], lambda t: t[:, 1:, ::2, 3], lambda t: t.unsqueeze(1)]
    made += [lambda t: t.detach(), lambda t: t.data, lambda t: t.transpose(0, 1).squeeze(), lambda t: t[:1, :, 2:3]]
    views, rights = [make(x) for make in made], [make(right) for make in made]
    assert x._lying is not None and all(view._lying is not None for view in views)
    x.view(-1)[7:50] = -1.0
    right.view(-1)[7:50] = -1.0
    assert x._lying is None
    for view, expected in zip(views, rights, strict=True):
        assert view.stride() == expected.stride() and rushlight.equal(view, expected)
        assert np.shares_memory(view.detach().numpy(), x.detach().numpy())


@pytest.mark.parametrize("write", ["base", "view"])
def test_writes_before_the_memory_is_in_order_stay(write):
    x, right = lying(2, 3, 4, 5)
    for t in (x, right):
        view = t[:, 1]
        (t if write == "base" else view).add_(100)
        assert t._lying is None or view._lying is not None
        t.view(-1)[0] = 5
    assert rushlight.equal(x, right)


def test_counterparts():
    whole = np.moveaxis(np.arange(120.0).reshape(2, 4, 5, 3), -1, 1)
    other = np.ascontiguousarray(whole)
    for take in (
        lambda a: a[1, :, ::3, 1:4],
        lambda a: a.transpose(2, 0, 3, 1)[3:],
        lambda a: np.diagonal(a, 0, 1, 2),
        lambda a: np.broadcast_to(a[:, None], (2, 7, 3, 4, 5)),
        lambda a: a[..., 4:5],
        lambda a: a[:0],
    ):
        found = counterpart(take(whole), whole, other)
        np.testing.assert_array_equal(found, take(other))
        assert found.size == 0 or np.shares_memory(found, other)


def test_memory_is_given_back_at_once():
    gc.disable()
    try:
        x, _ = lying(2, 3, 4, 5)
        view = x[0]
        gone = weakref.ref(memory(x).base if memory(x).base is not None else memory(x))
        del x, view
        assert gone() is None
    finally:
        gc.enable()


def test_several_threads_ask_at_once():
    for _ in range(50):
        x, right = lying(2, 8, 16, 16)
        views = [x[:, i] for i in range(8)]
        start = threading.Barrier(8)

        def look(view, start=start):
            start.wait()
            view.sum()
            view.numpy()

        threads = [threading.Thread(target=look, args=(view,)) for view in views]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert all(np.shares_memory(view.numpy(), x.numpy()) for view in views) and rushlight.equal(x, right)


def test_operations_on_two_orders():
    x, right = lying(2, 3, 4, 5)
    for other in (right, rushlight.ones(3, 1, 1), 2.5, x, right.contiguous(memory_format=rushlight.channels_last)):
        for operate in (lambda a, b: a + b, lambda a, b: b - a, lambda a, b: a > b, lambda a, b: a * b):
            mixed, expected = operate(x, other), operate(right, right if other is x else other)
            assert mixed.stride() == expected.stride() and rushlight.equal(mixed, expected)
    assert elements(x) is memory(x)


def test_random_numbers_fall_in_the_order_of_the_strides():
    x, right = lying(2, 3, 4, 5)
    for draw in (rushlight.randn_like, rushlight.rand_like, rushlight.bernoulli, nn.functional.dropout):
        found = []
        for t in (x, right):
            rushlight.manual_seed(0)
            found.append(draw(t.clamp(0, 1)))
        assert rushlight.equal(*found)
