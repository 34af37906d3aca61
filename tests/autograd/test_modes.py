"""Grad modes."""

import threading


def test_as_context(t):
    x = t.ones(1, requires_grad=True)
    with t.no_grad():
        assert not (x * 2).requires_grad
        with t.enable_grad():
            assert (x * 2).requires_grad
        assert not t.is_grad_enabled()
    assert t.is_grad_enabled()


def test_as_decorator(t):
    @t.no_grad()
    def with_parentheses():
        return t.is_grad_enabled()

    @t.no_grad
    def without():
        return t.is_grad_enabled()

    @t.inference_mode()
    def inference():
        return t.is_grad_enabled(), t.is_inference_mode_enabled()

    @t.set_grad_enabled(False)
    def switched():
        return t.is_grad_enabled()

    assert t.is_grad_enabled()
    assert (with_parentheses(), without(), inference(), switched()) == (False, False, (False, True), False)
    assert t.is_grad_enabled() and not t.is_inference_mode_enabled()


def test_generator(t):
    @t.no_grad()
    def numbers():
        for _ in range(2):
            received = yield t.is_grad_enabled()
            assert received in (None, "sent")

    steps = numbers()
    assert next(steps) is False and t.is_grad_enabled()
    assert steps.send("sent") is False and t.is_grad_enabled()
    assert list(numbers()) == [False, False]


def test_set_grad_enabled_at_once(t):
    t.set_grad_enabled(False)
    assert not t.is_grad_enabled()
    t.set_grad_enabled(True)
    with t.set_grad_enabled(False):
        assert not t.is_grad_enabled()
    assert t.is_grad_enabled()


def test_restored_after_an_exception(t):
    try:
        with t.no_grad():
            raise KeyError
    except KeyError:
        assert t.is_grad_enabled()


def test_each_thread_has_its_own(t):
    seen = []
    with t.no_grad():
        thread = threading.Thread(target=lambda: seen.append(t.is_grad_enabled()))
        thread.start()
        thread.join()
    assert seen == [True]


def test_leaf_made_without_grad(t):
    with t.no_grad():
        x = t.ones(1, requires_grad=True)
    assert x.requires_grad and x.is_leaf
