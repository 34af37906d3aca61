"""What one thread switches, another does not see: engines, grad modes, generators, print options, NumPy's warnings."""

import os
import signal
import threading
import time

import numpy as np
import pytest

import rushlight as torch
from rushlight import nn
from rushlight.backends import registry

SECONDS = 0.6


def together(*programs):
    """Run every program again and again in a thread of its own, and hand on the first error."""
    stop, errors = threading.Event(), []

    def repeat(program):
        try:
            while not stop.is_set():
                program()
        except BaseException as error:
            errors.append(error)
            stop.set()

    threads = [threading.Thread(target=repeat, args=(program,)) for program in programs]
    for thread in threads:
        thread.start()
    stop.wait(SECONDS)
    stop.set()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


@pytest.fixture(scope="module")
def inference():
    """A small network's inference, which checks its own numbers."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 4, 3)
    )
    model.eval()
    x = torch.randn(2, 3, 12, 12)
    right = model(x).detach().numpy().copy()

    def infer():
        with torch.no_grad():
            y = model(x)
        assert not y.requires_grad
        np.testing.assert_allclose(y.numpy(), right, rtol=1e-4, atol=1e-5)

    return infer


def shapes():
    layer = nn.Sequential(nn.Conv2d(3, 5, 3), nn.Dropout(), nn.MaxPool2d(2))
    assert torch.output_shape(layer, ("N", 3, 9, 9)) == ("N", 5, 3, 3)
    assert "Conv2d" in str(torch.summary(layer, (1, 3, 9, 9)))


def grad_modes():
    x = torch.ones(2, requires_grad=True)
    assert (x * 2).requires_grad
    with torch.no_grad():
        assert not (x * 2).requires_grad
        with torch.enable_grad():
            assert (x * 2).requires_grad
    with torch.set_grad_enabled(False):
        assert not (x * 2).requires_grad
    with torch.inference_mode():
        assert torch.is_inference_mode_enabled()
    assert torch.is_grad_enabled()


def forked_numbers():
    with torch.random.fork_rng():
        torch.manual_seed(3)
        first = torch.rand(5).tolist()
        torch.manual_seed(3)
        assert torch.rand(5).tolist() == first


def printed():
    for precision in (2, 6):
        torch.set_printoptions(precision=precision)
    torch.set_printoptions(profile="default")
    assert str(torch.tensor([1, 2])) == "tensor([1, 2])"


def test_context_managers_against_inference(inference):
    try:
        together(inference, inference, inference, shapes, grad_modes, forked_numbers, printed, shapes)
    finally:
        torch.set_printoptions(profile="default")


def test_engines_may_be_exchanged_under_inference(inference):
    before = torch.get_engine()

    def exchange():
        for name in ("reference", "auto"):
            torch.set_engine(name)

    try:
        together(inference, inference, exchange, exchange, shapes)
    finally:
        torch.set_engine(before)


def test_overlapping_shape_calls_leave_the_engine_alone():
    before = registry.current()
    inside, leave = threading.Event(), threading.Event()

    def forward(x):
        inside.set()
        leave.wait(5)
        return x

    other = threading.Thread(target=torch.output_shape, args=(forward, (2, 3)))
    other.start()
    inside.wait(5)
    assert registry.current() is before
    assert torch.output_shape(lambda x: x, (1,)) == (1,)
    leave.set()
    other.join()
    assert registry.current() is before


def test_a_forked_generator_does_not_rewind_others():
    torch.manual_seed(11)
    right = torch.rand(64).tolist()
    torch.manual_seed(11)
    drawn = torch.rand(16).tolist()
    with torch.random.fork_rng():
        torch.rand(7)
        other = threading.Thread(target=lambda: drawn.extend(torch.rand(16).tolist()))
        other.start()
        other.join()
        assert torch.initial_seed() == 11
        torch.manual_seed(5)
        torch.default_generator.manual_seed(6)
        assert torch.initial_seed() == torch.default_generator.initial_seed() == 6
    assert torch.initial_seed() == 11
    drawn += torch.rand(32).tolist()
    assert drawn == right


def test_threads_draw_one_after_the_other():
    """Whatever the order: each call takes one stretch of the stream, none twice and none torn."""
    count, calls, threads = 1000, 30, 4
    torch.manual_seed(2)
    right = sorted(torch.randn(count).tolist() for _ in range(calls * threads))
    torch.manual_seed(2)
    drawn = []

    def draw():
        for _ in range(calls):
            drawn.append(torch.randn(count).tolist())

    workers = [threading.Thread(target=draw) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(drawn) == right


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_does_not_inherit_a_held_lock():
    held, done = threading.Event(), threading.Event()

    def hold():
        with torch.default_generator.lock:
            held.set()
            done.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(5)
    child = os.fork()
    if not child:
        signal.alarm(10)
        torch.rand(3)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    done.set()
    thread.join()


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no interval timer here")
def test_a_signal_handler_may_compute_whatever_it_interrupts():
    handled, x = [], torch.linspace(-3, 3, 4001)

    def handler(*_):
        handled.append(float((torch.ones(3) / 2).exp().sum()))

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    try:
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            torch.erf(x)
            torch.exp(x).sum()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert len(handled) > 50
