"""Long kernels let Python handle its signals, and go on to the same bits."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest

import rushlight
from rushlight import runtime
from rushlight.runtime import pauses

F = rushlight.nn.functional
RNG = np.random.default_rng(0)

# A layer of each family of kernels that takes some hundredths of a second, forward and backward.
LAYERS = {
    "product": (F.conv2d, (8, 96, 64, 64), (96, 96, 1, 1), {}),
    "winograd": (F.conv2d, (8, 64, 96, 96), (64, 64, 3, 3), {"padding": 1}),
    "depthwise channels": (F.conv2d, (4, 256, 64, 64), (256, 1, 5, 5), {"padding": 2, "groups": 256}),
    "one channel": (F.conv2d, (16, 1, 256, 256), (8, 1, 5, 5), {}),
    "depthwise rows": (F.conv3d, (2, 8, 32, 48, 48), (8, 8, 3, 3, 3), {"padding": 1}),
    "transposed": (F.conv_transpose2d, (4, 64, 48, 48), (64, 64, 4, 4), {"stride": 2}),
    "linear": (F.linear, (2048, 1024), (1024, 1024), {}),
}


def tensors(name):
    _, shape, weight, _ = LAYERS[name]
    made = (rushlight.from_numpy(RNG.standard_normal(s).astype(np.float32)) for s in (shape, weight))
    return [tensor.requires_grad_() for tensor in made]


def results(name, x, w):
    function, _, _, options = LAYERS[name]
    y = function(x, w, **options)
    return [r.detach().numpy() for r in (y, *rushlight.autograd.grad((y * y).sum(), (x, w)))]


@pytest.mark.parametrize("name", sorted(LAYERS))
def test_a_kernel_that_is_stopped_goes_on_to_the_same_bits(name, monkeypatch):
    x, w = tensors(name)
    before = results(name, x, w)
    stops, stop = [], pauses._stop

    def counted(words):
        stops.append(words)
        stop(words)

    stop(runtime_words())  # compiles what stops
    monkeypatch.setattr(pauses, "_stop", counted)
    monkeypatch.setattr(pauses, "_TICK", 2e-4)
    monkeypatch.setattr(pauses, "asleep", True)  # another watch, which ticks so often
    for _ in range(100):  # the watch is a thread: where the cores have other work, it may sleep through a layer
        for ours, right in zip(results(name, x, w), before, strict=True):
            np.testing.assert_array_equal(ours, right)
        if stops:
            break
    assert stops


def runtime_words():
    from array import array

    return array("q", [0, 0])


SCRIPT = """
import os, signal, sys, threading, time
import rushlight as torch
from rushlight import runtime
torch.set_num_threads(int(sys.argv[1]))
layer = torch.nn.Conv2d(128, 128, 5, padding=2)
x = torch.randn(1, 128, 32, 32)
y = layer(x)
big = torch.full((96, 128, 96, 96), 0.3).requires_grad_(sys.argv[2] == "backward")
out = layer(big[:1]) if sys.argv[2] == "forward" else layer(big[:8])
sent = []
def interrupt():
    time.sleep(0.15)
    sent.append(time.perf_counter())
    os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=interrupt).start()
begin = time.perf_counter()
try:
    while True:
        layer(big) if sys.argv[2] == "forward" else layer(big).sum().backward()
except KeyboardInterrupt:
    print("late by", time.perf_counter() - sent[0])
assert torch.equal(layer(x), y)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="POSIX")
@pytest.mark.parametrize("way", ["forward", "backward"])
@pytest.mark.parametrize("threads", [1, 2])
def test_ctrl_c_arrives_soon(threads, way):
    """Within 0.3 s where the machine is idle; others may work beside it here."""
    code = textwrap.dedent(SCRIPT)
    done = subprocess.run([sys.executable, "-c", code, str(threads), way], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout.split()[-1]) < 1.5, done.stdout


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="POSIX")
def test_a_handler_may_run_layers_itself(monkeypatch):
    """While a kernel is stopped; it goes on after it."""
    x, w = tensors("winograd")
    before, layer = results("winograd", x, w), lambda: F.linear(w[0, 0], w[1, 1]).sum().item()
    ran = [layer()]
    monkeypatch.setattr(pauses, "_TICK", 2e-3)
    monkeypatch.setattr(pauses, "asleep", True)
    handler = signal.signal(signal.SIGALRM, lambda *_: ran.append(layer()))
    try:
        end = time.monotonic() + 20
        while len(ran) < 4 and time.monotonic() < end:
            signal.setitimer(signal.ITIMER_REAL, 5e-3)
            for ours, right in zip(results("winograd", x, w), before, strict=True):
                np.testing.assert_array_equal(ours, right)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
    assert len(ran) == 4 and len(set(ran)) == 1


def test_a_launch_that_was_interrupted_leaves_nothing_behind():
    """Else the next launch with the same words would go on where that one stopped."""
    words = runtime_words()

    class Interrupted:
        """A kernel that is stopped, and behind which a signal's handler raises."""

        @staticmethod
        def call(_):
            pauses._stopped[id(words)] = words, 7
            words[0] = pauses.STOPPED
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        runtime.launch(Interrupted, words, 1)
    assert id(words) not in pauses._stopped and pauses.running is None


def test_other_threads_are_not_stopped():
    """Python handles signals on its main thread alone."""
    x, w = tensors("product")
    before, found = results("product", x, w), []
    thread = threading.Thread(target=lambda: found.append(results("product", x, w)))
    thread.start()
    thread.join()
    for ours, right in zip(found[0], before, strict=True):
        np.testing.assert_array_equal(ours, right)
    assert pauses.running is None


def test_the_watch_ends_and_comes_again(monkeypatch):
    monkeypatch.setattr(pauses, "_TICK", 1e-3)
    monkeypatch.setattr(pauses, "asleep", True)
    layer, x = rushlight.nn.Linear(8, 8), rushlight.zeros(2, 8)
    for _ in range(2):
        layer(x)
        assert not pauses.asleep
        end = time.monotonic() + 10
        while not pauses.asleep and time.monotonic() < end:
            time.sleep(0.005)
        assert pauses.asleep
    assert runtime.team_size() >= 1


def test_two_watches_stop_a_launch_once():
    words = runtime_words()
    words[0] = 7
    for _ in range(3):
        pauses._stop(words)
    assert words[0] == pauses.STOPPED + 7
    pauses.resume(words)
    assert words[0] == 7
