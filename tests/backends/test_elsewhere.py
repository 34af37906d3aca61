"""Machines that cannot run kernels: NumPy computes, and says so once."""

import os
import subprocess
import sys

import numpy as np
import pytest

import rushlight
from rushlight.backends import cpu, registry
from rushlight.compiler import compiler, executable, jit
from rushlight.core import pages

PROGRAM = """
import sys, warnings
import numpy
{before}
import rushlight as torch
with warnings.catch_warnings(record=True) as seen:
    warnings.simplefilter("always")
    for _ in range(3):
        layer = torch.nn.Sequential(torch.nn.Conv2d(3, 20, 3), torch.nn.MaxPool2d(2), torch.nn.AvgPool2d(2))
        y = layer(torch.ones(2, 3, 12, 12, requires_grad=True))
        y.sum().backward()
        torch.nn.functional.linear(y.flatten(1), torch.ones(4, 80)).sum().backward
print(len(seen), y.shape, *[w.message for w in seen])
"""
MACHINE = """
import os
class Other:
    machine = "{}"
os.uname = lambda: Other
"""
NOT_EXECUTABLE = """
from rushlight.core import pages
place, protect = pages.map_memory, pages.protect
def refuse(*arguments):
    raise PermissionError(13, "Permission denied")
def placed(size, rights, *more):
    return refuse() if rights & pages.EXECUTE else place(size, rights, *more)
pages.map_memory, pages.protect = placed, refuse
"""


@pytest.mark.parametrize("before", [MACHINE.format("riscv64"), MACHINE.format("ppc64le"), NOT_EXECUTABLE])
def test_one_warning_and_right_results(before, tmp_path):
    environment = os.environ | {"RUSHLIGHT_CACHE_DIR": str(tmp_path / "kernels")}
    for name in ("RUSHLIGHT_ENGINE", "RUSHLIGHT_TARGET"):
        environment.pop(name, None)
    program = PROGRAM.format(before=before)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("1 torch.Size([2, 20, 2, 2])"), done.stdout


def test_a_kernel_that_does_not_compile_is_done_without(monkeypatch):
    if registry.get_engine() == "reference":
        pytest.skip("nothing is compiled")
    x, w = np.ones((1, 3, 7, 5), np.float32), np.ones((4, 3, 3, 3), np.float32)

    def fails(text, target):
        raise RuntimeError("LLVM ERROR: out of registers")

    with monkeypatch.context() as patched:
        patched.setattr(compiler, "compile_object", fails)
        patched.setattr(jit.cache, "load", lambda identity: None)
        jit.forget()
        cpu._calls.clear()
        with pytest.warns(RuntimeWarning, match="out of registers") as seen:
            for _ in range(3):
                y = rushlight.nn.functional.conv2d(rushlight.from_numpy(x), rushlight.from_numpy(w))
        assert len([each for each in seen if "out of registers" in str(each.message)]) == 1
        assert y.unique().tolist() == [27.0]
    jit.forget()
    cpu._calls.clear()
    assert rushlight.nn.functional.conv2d(rushlight.from_numpy(x), rushlight.from_numpy(w)).unique().tolist() == [27.0]


def test_parts_of_a_kernel_are_written_until_all_is_there(monkeypatch):
    if not hasattr(os, "memfd_create"):
        pytest.skip("no files in memory")
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, data: write(file, bytes(data)[:1000]))
    image = os.urandom(5000)
    address = executable._load_in_file(image, pages.whole(len(image)))
    import ctypes

    assert ctypes.string_at(address, len(image)) == image
    pages.release(address, pages.whole(len(image)))


def test_a_thousand_layers_are_prepared_once():
    if registry.get_engine() == "reference":
        pytest.skip("nothing is prepared")
    layers = [(rushlight.ones(1, 1, 40 + n % 40, 40 + n // 40), rushlight.ones(1, 1, 1, 1)) for n in range(600)]
    for x, w in layers:
        rushlight.nn.functional.conv2d(x, w)
    before = list(cpu._calls.values())
    for x, w in layers:
        rushlight.nn.functional.conv2d(x, w)
    assert list(cpu._calls.values()) == before
