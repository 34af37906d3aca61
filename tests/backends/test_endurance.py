"""The compiled engine over time and under stress: many shapes, small caches, damage, forks, threads, no compiler."""

import gc
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import rushlight as torch
from rushlight import nn, runtime
from rushlight.backends import cpu as compiled
from rushlight.compiler import cache, compiler, jit, seal
from rushlight.nn import functional as F

LAYERS = {
    "dense": lambda: (nn.Conv2d(20, 24, 3, padding=1), (2, 20, 11, 12)),
    "winograd": lambda: (nn.Conv2d(32, 32, 3, padding=1), (2, 32, 22, 22)),
    "depthwise": lambda: (nn.Conv1d(24, 24, 5, padding=2, groups=24), (2, 24, 50)),
    "small groups": lambda: (nn.Conv3d(12, 24, 2, groups=6), (2, 12, 5, 6, 7)),
    "transposed": lambda: (nn.ConvTranspose2d(9, 17, 4, stride=2, padding=1), (2, 9, 7, 6)),
    "linear": lambda: (nn.Linear(70, 33), (9, 70)),
}


@pytest.fixture(autouse=True)
def compiled_engine():
    before = torch.get_engine()
    torch.set_engine("compiled")
    yield
    torch.set_engine(before)


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    """An empty cache of kernels, on disk and in memory."""
    monkeypatch.setenv("RUSHLIGHT_CACHE_DIR", str(tmp_path / "kernels"))
    forget()
    yield tmp_path / "kernels"
    forget()


def forget():
    compiled._calls.clear()
    jit.forget()


def made(kind):
    torch.manual_seed(0)
    layer, shape = LAYERS[kind]()
    return layer, torch.randn(shape)


def numbers(layer, x):
    """The result and all gradients of a layer, as arrays."""
    x = x.clone().requires_grad_()
    y = layer(x)
    grads = torch.autograd.grad(y, [x, *layer.parameters()], torch.ones_like(y))
    return [np.array(t.detach()) for t in (y, *grads)]


def same(found, wanted):
    return all(np.array_equal(a, b) for a, b in zip(found, wanted, strict=True))


# -------------------------------------------------------------------- memory

SOAK = """
import gc, random
import rushlight as torch
from rushlight import nn
from rushlight.compiler import jit
from rushlight.backends import cpu as compiled

def resident():
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

rng, sizes = random.Random(0), []
for index in range(200):
    rank = rng.choice([1, 2, 3])
    groups = rng.choice([1, 1, 2, 8])
    layer = getattr(nn, rng.choice(["Conv", "ConvTranspose"]) + f"{rank}d")(
        groups * rng.randint(1, 9), groups * rng.randint(1, 9), rng.randint(1, 4), rng.randint(1, 2), groups=groups)
    size = [rng.randint(8, (None, 4000, 90, 20)[rank]) for _ in range(rank)]
    x = torch.randn(rng.randint(1, 4), layer.in_channels, *size, requires_grad=True)
    layer(x).sum().backward()
    del layer, x
    if index in (99, 199):
        sizes.append(resident())
print(sizes[1] - sizes[0], len(compiled._calls), len(jit._loaded))
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="resident memory is read from /proc")
def test_two_hundred_shapes_keep_memory_bounded():
    environment = os.environ | {"RUSHLIGHT_POOL_BYTES": str(16 << 20)}
    done = subprocess.run([sys.executable, "-c", SOAK], capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
    growth, calls, kernels = map(int, done.stdout.split())
    assert growth < 48 << 20, f"{growth >> 20} MB more after the second hundred"
    assert calls <= compiled._REMEMBERED and kernels <= jit._IN_MEMORY


def test_small_caches_forget_what_is_in_use_elsewhere(monkeypatch):
    """Kernels that the caches have dropped live on in the calls that use them, and come again when needed."""
    wanted = {kind: numbers(*made(kind)) for kind in LAYERS}
    monkeypatch.setattr(compiled, "_REMEMBERED", 2)
    monkeypatch.setattr(jit, "_IN_MEMORY", 1)
    forget()
    for _ in range(3):
        for kind in LAYERS:
            assert same(numbers(*made(kind)), wanted[kind]), kind
            gc.collect()
            assert len(compiled._calls) <= 2 and len(jit._loaded) <= 1


def test_calls_keep_their_kernels():
    """A prepared call holds all the code whose addresses stand in its tables."""
    for kind in LAYERS:
        layer, x = made(kind)
        wanted = numbers(layer, x)
        jit.forget()
        gc.collect()
        for _ in range(2):
            assert same(numbers(layer, x), wanted), kind


# -------------------------------------------------------------------- the cache on disk

FIRST_CALLS = """
import sys
sys.stdin.readline()
import numpy as np
from tests.backends.test_endurance import LAYERS, made, numbers
for kind in LAYERS:
    for array in numbers(*made(kind)):
        sys.stdout.buffer.write(array.tobytes())
"""


def test_two_processes_build_the_same_kernels_at_once(own_cache):
    environment = os.environ | {"RUSHLIGHT_ENGINE": "compiled", "OMP_NUM_THREADS": "1"}
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    running = [subprocess.Popen([sys.executable, "-c", FIRST_CALLS], env=environment, **pipes) for _ in range(2)]
    for process in running:  # both wait until told, so that they start together
        process.stdin.write(b"\n")
        process.stdin.flush()
    outputs = [process.communicate(timeout=120) for process in running]
    assert all(process.returncode == 0 for process in running), outputs[0][1] + outputs[1][1]
    assert outputs[0][0] == outputs[1][0] and outputs[0][0]
    assert not list(own_cache.glob(".*"))
    assert all(is_whole(file) for file in own_cache.iterdir())


def is_whole(file):
    data = file.read_bytes()
    end = len(cache._MAGIC) + 32
    return cache.hashlib.sha256(data[end + seal.SIZE :]).digest() == data[len(cache._MAGIC) : end]


def damage(file, kind):
    data = bytearray(file.read_bytes())
    if kind == "cut short":
        data = data[: len(data) // 2]
    elif kind == "emptied":
        data = b""
    else:
        data[len(data) * 2 // 3] ^= 16
    file.write_bytes(bytes(data))


@pytest.mark.parametrize("kind", ["cut short", "bit flipped", "emptied"])
def test_damaged_kernels_are_built_again(own_cache, kind, monkeypatch):
    compile_object, built = compiler.compile_object, []
    monkeypatch.setattr(compiler, "compile_object", lambda *a: built.append(1) or compile_object(*a))
    wanted = {name: numbers(*made(name)) for name in LAYERS}
    first = len(built)
    assert first and len(list(own_cache.iterdir())) == first
    forget()
    assert all(same(numbers(*made(name)), wanted[name]) for name in LAYERS)
    assert len(built) == first, "whole files are read"
    for file in own_cache.iterdir():
        damage(file, kind)
    forget()
    assert all(same(numbers(*made(name)), wanted[name]) for name in LAYERS)
    assert len(built) == 2 * first
    assert all(is_whole(file) for file in own_cache.iterdir())


# -------------------------------------------------------------------- forks and threads


@pytest.mark.skipif(not hasattr(os, "fork"), reason="POSIX")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_trains_on():
    before = runtime.get_num_threads()
    runtime.set_num_threads(3)
    wanted = {kind: numbers(*made(kind)) for kind in LAYERS}
    children = []
    for _ in range(3):
        child = os.fork()
        if not child:
            signal.alarm(60)
            code = 1
            try:
                fresh = F.conv2d(torch.ones(1, 3, 9, 5), torch.ones(4, 3, 2, 2))  # prepared in the child
                code = int(not (fresh == 12).all() or any(not same(numbers(*made(k)), wanted[k]) for k in LAYERS))
            finally:
                os._exit(code)
        children.append(child)
    runtime.set_num_threads(before)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0, 0, 0]
    assert all(same(numbers(*made(kind)), wanted[kind]) for kind in LAYERS)


def test_eight_threads_share_layers(own_cache):
    """From nothing compiled: every thread calls every layer, forward and backward, in an order of its own."""
    layers = {kind: made(kind) for kind in LAYERS}
    failures, results = [], {kind: [] for kind in LAYERS}

    def work(index):
        try:
            kinds = list(LAYERS)[index % len(LAYERS) :] + list(LAYERS)[: index % len(LAYERS)]
            for _ in range(3):
                for kind in kinds:
                    results[kind].append(numbers(*layers[kind]))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures[0]
    for kind, found in results.items():
        assert len(found) == 24 and all(same(one, found[0]) for one in found), kind


# -------------------------------------------------------------------- without a compiler

WITHOUT = """
import sys, warnings
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "llvmlite":
            {how}
sys.meta_path.insert(0, Blocker())
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import rushlight as torch
    layer = torch.nn.Conv2d(3, 4, 3, groups=1)
    for _ in range(2):
        layer(torch.ones(1, 3, 5, 5)).sum().backward()
    torch.nn.functional.linear(torch.ones(2, 3), torch.ones(4, 3))
print(len(caught), caught[0].category.__name__, str(caught[0].message))
"""


@pytest.mark.parametrize("how", ["raise ModuleNotFoundError(name)", "raise ImportError('broken')"])
def test_without_llvmlite_the_reference_engine_serves_with_one_warning(how, tmp_path):
    program = WITHOUT.format(how=how)
    environment = os.environ | {"RUSHLIGHT_CACHE_DIR": str(tmp_path)}
    environment.pop("RUSHLIGHT_ENGINE", None)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("1 RuntimeWarning rushlight runs on its slow reference engine"), done.stdout


def test_a_llvmlite_that_does_not_load_is_said_once(tmp_path):
    """Installed, but for another system, say: importing it fails when something is first compiled."""
    (tmp_path / "llvmlite").mkdir()
    (tmp_path / "llvmlite" / "__init__.py").write_text("raise ImportError('no libllvmlite.so')")
    environment = os.environ | {"RUSHLIGHT_CACHE_DIR": str(tmp_path / "kernels"), "PYTHONPATH": str(tmp_path)}
    environment.pop("RUSHLIGHT_ENGINE", None)
    program = WITHOUT.format(how="return None")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("1 RuntimeWarning rushlight runs on its slow reference engine"), done.stdout
    assert "no libllvmlite.so" in done.stdout


# -------------------------------------------------------------------- subnormals


@pytest.mark.long
@pytest.mark.parametrize("kind", LAYERS)
def test_subnormal_weights_cost_what_normal_ones_do(kind):
    """Elsewhere they cost 5 to 100 times as much; the bound leaves room for a busy machine."""
    times = {}
    for scale in (1.0, 1e-40):
        layer, x = made(kind)
        x = x.repeat(4, *[1] * (x.ndim - 1))
        with torch.no_grad():
            for parameter in layer.parameters():
                parameter.mul_(scale)
        numbers(layer, x)
        best = []
        for _ in range(30):
            start = time.perf_counter()
            numbers(layer, x)
            best.append(time.perf_counter() - start)
        times[scale] = min(best)
    assert times[1e-40] < 2.5 * times[1.0], times
