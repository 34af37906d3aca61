"""`as_torch()`: code written for PyTorch, on Rushlight; each in a process of its own, which has imported nothing."""

import subprocess
import sys

import pytest

import rushlight as torch

HEAD = "import sys, rushlight\nalias = rushlight.as_torch()\n"


def run(code, head=HEAD):
    """What a program prints; its last line of an error."""
    done = subprocess.run([sys.executable, "-W", "error", "-c", head + code], capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else done.stderr.strip().splitlines()[-1]


def test_modules_are_ours():
    code = """
import torch, torch.nn.functional as F, torch.utils.data, torch.optim.lr_scheduler, torch.nn.modules.conv as conv
from torch import nn, Tensor
from torch.autograd import Function
assert torch.nn is rushlight.nn and F is rushlight.nn.functional and Tensor is rushlight.Tensor
assert conv.Conv2d is nn.Conv2d and nn.modules.batchnorm._BatchNorm in nn.BatchNorm2d.__mro__
assert nn.modules.conv._ConvNd in nn.Conv1d.__mro__ and torch.utils.data is rushlight.utils.data
from torch.nn.modules.utils import _pair, _ntuple
from torch.nn.modules.instancenorm import InstanceNorm2d
from torch.nn.modules.upsampling import Conv2d
assert _pair(3) == (3, 3) and _pair([1, 2]) == (1, 2) and _ntuple(5)(0) == (0,) * 5
print(torch.__version__.split("+")[1], torch.version.cuda, torch.nn.Linear(2, 3)(torch.zeros(1, 2)).shape)
"""
    assert run(code) == "rushlight None torch.Size([1, 3])"


def test_profilers():
    code = """
import torch
from torch.profiler import *
from torch.autograd.profiler import record_function as same
import torch.autograd.profiler as older
from torch.autograd.profiler_util import EventList
with profile(activities=[ProfilerActivity.CPU]) as prof:
    with record_function("mine"):
        torch.ones(2).exp()
assert same is record_function and type(prof.events()) is EventList and older.profile is not profile
print([event.name for event in prof.events()])
"""
    assert run(code) == "['mine', 'aten::ones', 'aten::exp']"


def test_decorators_do_nothing():
    code = """
import torch, torch.fx, torch.library
from torch.jit import Final
from torch.jit.annotations import BroadcastingList2
class Net(torch.nn.Module):
    size: Final[int]
    @torch.jit.ignore
    def a(self): return 1
    @torch.jit.unused
    def b(self): return 2
    @torch.jit.export
    def c(self): return 3
    @torch.jit.ignore(drop=True)
    def d(self): return 4
    @torch.library.register_fake("a::b")
    def e(self): return 5
    @torch.fx.wrap
    def f(self): return 6
    @torch.compiler.disable(recursive=False)
    def g(self): return 7
    @torch.compiler.disable
    def h(self, edges: BroadcastingList2[int] = 8): return edges
torch.fx.wrap("len")
net = torch.jit.script(Net())
print(*[getattr(net, name)() for name in "abcdefgh"], torch.jit.is_scripting(), torch.compiler.is_compiling())
traced = torch.jit.trace(net, torch.zeros(1))
print(traced is net, isinstance(net, torch.jit.ScriptModule), torch.jit.isinstance(1, int))
"""
    assert run(code) == "1 2 3 4 5 6 7 8 False False\nTrue False True"


def test_what_is_not_here_says_so_when_it_is_used():
    code = """
import torch, torch.fx
from torch.hub import load_state_dict_from_url
class Mine(torch.fx.Tracer):
    def path(self, node: torch.fx.node.Target): ...
assert not isinstance(Mine, torch.fx.Node)
for used in (Mine, lambda: load_state_dict_from_url("x"), lambda: torch.ops.torchvision.nms(1)):
    try: used()
    except NotImplementedError as error: print(str(error).splitlines()[0])
torch._assert(True, "no"), torch._check(True)
for check in (lambda: torch._assert(False, "so"), lambda: torch._check(False, lambda: "so")):
    try: check()
    except (AssertionError, RuntimeError) as error: print(type(error).__name__, error)
try: torch.ops.load_library("x.so")
except OSError as error: print(str(error).splitlines()[0])
for name in ("torch.nothing", "torch.explain", "torch.jit.nothing"):
    try: __import__(name)
    except ModuleNotFoundError as error: print(error)
print(hasattr(torch, "explain"), hasattr(torch, "nothing"), torch.distributed.is_available())
"""
    assert run(code).splitlines() == [
        "PyTorch has torch.fx.Tracer, rushlight does not",
        "PyTorch has torch.hub.load_state_dict_from_url, rushlight does not",
        "PyTorch has torch.ops.torchvision.nms, rushlight does not",
        "AssertionError so",
        "RuntimeError so",
        "x.so needs PyTorch's own library",
        "No module named 'torch.nothing'",
        "No module named 'torch.explain'",
        "No module named 'torch.jit.nothing'",
        "False False False",
    ]


def test_is_undone():
    code = """
import torch.nn.modules.conv, torch.utils.cpp_extension
from torch import nn
before = len(sys.meta_path)
with rushlight.as_torch():
    import torch
assert "torch" in sys.modules and nn is rushlight.nn
alias.undo(), alias.undo()
assert not [name for name in sys.modules if name.startswith("torch")] and len(sys.meta_path) == before - 1
assert "cpp_extension" not in vars(rushlight.utils)
with rushlight.as_torch() as again:
    import torch
    assert torch.nn is nn and torch.ones is rushlight.ones
print("torch" in sys.modules)
"""
    assert run(code) == "False"


def test_refuses_beside_pytorch():
    head = "import sys, types, rushlight\nsys.modules['torch'] = types.ModuleType('torch')\n"
    assert run("try: rushlight.as_torch()\nexcept RuntimeError as error: print(error)", head).splitlines() == [
        "as_torch(): PyTorch is already imported",
        "torch is <module 'torch'>",
        "Try: rushlight.as_torch() before anything imports torch",
    ]


def test_types_of_tensors():
    code = """
import torch
x = torch.FloatTensor(2, 3)
assert x.shape == (2, 3) and x.dtype is torch.float32 and isinstance(x, torch.FloatTensor)
assert not isinstance(x, torch.LongTensor) and not isinstance(1, torch.FloatTensor)
print(torch.LongTensor([[1, 2]]), x.type(torch.DoubleTensor).dtype, torch.BoolTensor([1, 0]), torch.FloatTensor)
try: torch.FloatTensor(torch.zeros(1, dtype=torch.float64))
except TypeError as error: print(str(error).splitlines()[-1])
"""
    assert run(code).splitlines() == [
        "tensor([[1, 2]]) torch.float64 tensor([ True, False]) <class 'torch.FloatTensor'>",
        "Try: .to(torch.float32)",
    ]


def test_names_of_devices_and_dtypes():
    code = """
import pickle, torch
print(repr(torch.device("cuda")), torch.device("cuda:1"), torch.device("xpu", 2), torch.cuda.is_available())
for make in (lambda: torch.zeros(1, device="cuda"), lambda: torch.zeros(1).to("cuda:0"), lambda: torch.zeros(1).cuda(),
             lambda: torch.nn.Linear(1, 1, device=torch.device("cuda")), lambda: torch.Generator("cuda"),
             lambda: torch.as_tensor([1], device="mps"), lambda: torch.empty_like(torch.ones(1), device="cuda"),
             lambda: torch.nn.Linear(1, 1).to("cuda"), lambda: torch.zeros(1, dtype=torch.complex64)):
    try: make()
    except (RuntimeError, TypeError) as error: print(str(error).splitlines()[0])
print(torch.complex64.is_complex, torch.cfloat.is_floating_point, torch.ones(1).is_complex(), torch.complex128)
print(pickle.loads(pickle.dumps(torch.complex64)) is torch.complex64, torch.zeros(1).is_xpu, torch.zeros(1).layout)
"""
    sentence = "Torch not compiled with CUDA enabled"
    assert run(code).splitlines() == [
        "device(type='cuda') cuda:1 xpu:2 False",
        *[sentence] * 5,
        "Torch not compiled with MPS enabled",
        *[sentence] * 2,
        "there are no tensors of torch.complex64",
        "True False False torch.complex128",
        "True False torch.strided",
    ]


@pytest.mark.parametrize(
    ("values", "options", "text"),
    [
        ((b"",), {}, "both buffer length (0) and count (-1) must not be 0"),
        ((b"12345",), {"count": 0}, "both buffer length (5) and count (0) must not be 0"),
        (
            (b"12345",),
            {"count": 9},
            "requested buffer length (9 * 1 bytes) after offset (0 bytes) must not be greater than",
        ),
        (
            (b"12345",),
            {"offset": 5},
            "offset (5 bytes) must be non-negative and no greater than buffer length (5 bytes)",
        ),
        ((b"12345",), {"offset": -1}, "offset (-1 bytes) must be non-negative"),
        (
            (b"12345",),
            {"dtype": torch.int32},
            "buffer length (5 bytes) after offset (0 bytes) must be a multiple of element",
        ),
        ((3,), {}, "object does not implement Python buffer protocol."),
    ],
)
def test_frombuffer_refuses(values, options, text):
    with pytest.raises(ValueError) as caught:
        torch.frombuffer(*values, **{"dtype": torch.uint8, **options})
    assert str(caught.value).startswith(text)


def test_frombuffer_shares_memory():
    memory = bytearray(b"\0\0\0\0\0\0\x80?")
    found = torch.frombuffer(memory, dtype=torch.float32)
    assert found.tolist() == [0.0, 1.0]
    memory[3:4], found[1] = b"@", 2.0
    assert found.tolist() == [2.0, 2.0] and memory == b"\0\0\0@\0\0\0@"
    with pytest.warns(UserWarning, match="not writable"):
        assert torch.frombuffer(b"\0\1\2", dtype=torch.uint8, count=1, offset=1).tolist() == [1]
