"""Memory that is not to be had: one error and one text, and nothing is changed."""

import subprocess
import sys

import numpy as np
import pytest

import rushlight as torch
from rushlight.core import memory
from rushlight.runtime import memory as pool
from rushlight.tensor.core import wrap

SENTENCE = r"^DefaultCPUAllocator: can't allocate memory: you tried to allocate \d+ bytes\.\n.*\nTry: a smaller"


def none(size):
    raise MemoryError


@pytest.fixture
def no_blocks(monkeypatch):
    torch.conv2d(torch.ones(1, 8, 9, 9), torch.ones(8, 8, 3, 3))
    pool.release_cached()
    monkeypatch.setattr(pool, "_fresh", none)


@pytest.mark.parametrize(
    "make",
    [
        lambda x: torch.empty(300, 300),
        lambda x: torch.zeros(300, 300),
        lambda x: torch.full((300, 300), 2.0),
        lambda x: torch.randn(300, 300),
        lambda x: x + x,
        lambda x: x.exp(),
        lambda x: torch.nn.functional.relu(x),
        lambda x: torch.conv2d(x, torch.ones(4, 8, 3, 3)),
        lambda x: torch.conv_transpose2d(x, torch.ones(8, 4, 3, 3)),
        lambda x: torch.max_pool2d(x, 2),
    ],
)
def test_no_block_for_results_and_scratch(no_blocks, make):
    x = wrap(np.ones((4, 8, 64, 64), np.float32))
    with pytest.raises(RuntimeError, match=SENTENCE):
        make(x)


LIMITED = """
import resource, rushlight as torch
from rushlight import runtime
from rushlight.nn import functional as F
x, whole = torch.rand(6 << 20), torch.arange(6 << 20)
square, images = x.reshape(2048, 3072), x.reshape(6, 4, 512, 512)
torch.rand(600, 600) @ torch.rand(600, 600)  # starts the threads, whose stacks are memory
makes = dict(
    sin=lambda: x.sin(), divide=lambda: 1 / x, double=lambda: x.double(), cat=lambda: torch.cat([x, x]),
    softmax=lambda: square.softmax(1), sort=lambda: x.sort(), argsort=lambda: square.argsort(1),
    median=lambda: x.median(), topk=lambda: x.topk(3 << 20), unique=lambda: x.unique(), nonzero=lambda: x.nonzero(),
    where=lambda: torch.where(x), argwhere=lambda: square.argwhere(), diag=lambda: torch.diag(x[:1 << 15]),
    searchsorted=lambda: torch.searchsorted(x, x), repeat=lambda: x.repeat_interleave(2),
    multinomial=lambda: torch.multinomial(x, 2), relu6=lambda: F.relu6(x), hardtanh=lambda: F.hardtanh(x),
    norm=lambda: F.group_norm(images, 2),
    instance=lambda: F.instance_norm(images), unfold=lambda: F.unfold(images, 2), pad=lambda: F.pad(images, (9, 9)),
    diagonal=lambda: square.fill_diagonal_(9), draw=lambda: torch.rand_like(x),
    add=lambda: x.index_add_(0, whole, x), put=lambda: x.scatter_(0, whole, x), gather=lambda: x.gather(0, whole),
    new=lambda: x.new_tensor(x), zeros=lambda: torch.zeros_like(x), like=lambda: torch.randn_like(x),
)
here = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (here + (12 << 20), resource.RLIM_INFINITY))
for name, make in makes.items():
    try:
        make()
        print(name, "was made")
    except BaseException as error:
        words = "can't allocate memory: you tried to allocate"
        if type(error) is not RuntimeError or words not in str(error):
            print(name, type(error).__name__, str(error)[:60])
for kind in (torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD):
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)
    steps = []
    for fails in (False, True):
        p = torch.nn.Parameter(torch.ones(2 << 20))
        p.grad = torch.full((2 << 20,), 0.5)
        optimizer = kind([p], **({"momentum": 0.9} if kind is torch.optim.SGD else {"weight_decay": 0.1}))
        if fails:
            runtime.release_cached()
            here = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (here + (6 << 20), resource.RLIM_INFINITY))
            try:
                optimizer.step()
                print(kind, "had memory")
            except RuntimeError:
                resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)
        optimizer.step()
        steps.append(p.detach())
    if not torch.equal(*steps):
        print(kind, "is half changed")
print(x._version, "changes")
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits the address space")
def test_no_memory_in_any_operation():
    made = subprocess.run([sys.executable, "-W", "ignore", "-c", LIMITED], capture_output=True, text=True)
    assert made.stdout == "0 changes\n", made.stdout + made.stderr


def test_the_words_of_errors():
    with pytest.raises(MemoryError) as caught:
        np.empty((1 << 40, 1 << 10), np.float32)
    assert str(memory.of_numpy(caught.value)).startswith(
        "DefaultCPUAllocator: can't allocate memory: you tried to allocate 4503599627370496 bytes.\na tensor of shape"
    )
    assert str(memory.of_numpy(MemoryError("none left"))).startswith("DefaultCPUAllocator: can't allocate memory\nnone")
