"""set_flush_denormal: what PyTorch's does to operations on tensors."""

import threading

import pytest

import rushlight

TINY = 1e-40


@pytest.fixture
def flushed():
    if not rushlight.set_flush_denormal(True):
        pytest.skip("not on this machine")
    yield
    rushlight.set_flush_denormal(False)


def doubled():
    """A subnormal number, and what adding it to itself gives."""
    x = rushlight.tensor([TINY] * 40)
    return (x + x).numpy().view("u4").any()


def test_they_are_kept_by_default():
    assert doubled()


def test_they_are_zero_where_asked_and_in_this_thread_alone(flushed):
    assert not doubled()
    found = []
    thread = threading.Thread(target=lambda: found.append(rushlight.set_flush_denormal(False) and doubled()))
    thread.start()
    thread.join()
    assert found == [True] and not doubled()
    x = rushlight.ones(4, 8)
    rushlight.nn.functional.linear(x, x)  # a kernel gives back the mode that it found
    assert not doubled()


def test_they_are_kept_again(flushed):
    assert rushlight.set_flush_denormal(False) and doubled()


def test_what_is_no_bool():
    with pytest.raises(RuntimeError, match="flush_denormal expects a bool, but got int"):
        rushlight.set_flush_denormal(1)


@pytest.mark.live
def test_as_pytorch():
    torch = pytest.importorskip("torch")
    assert torch.set_flush_denormal(False) == rushlight.set_flush_denormal(False)
    with pytest.raises(RuntimeError) as theirs:
        torch.set_flush_denormal(1)
    with pytest.raises(RuntimeError) as ours:
        rushlight.set_flush_denormal(1)
    assert str(theirs.value) in str(ours.value)
