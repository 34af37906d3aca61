"""What `import rushlight` costs and pulls in."""

import os
import subprocess
import sys

TIMED = """
import time
start = time.perf_counter()
import numpy
middle = time.perf_counter()
import rushlight
{}
print((time.perf_counter() - start) / (middle - start))
"""
HEAVY = ("llvmlite", "matplotlib", "ml_dtypes", "torch", "tqdm", "safetensors", "inspect", "dataclasses")


def times_numpy(folder, code=""):
    """How many times as long as `import numpy` alone it takes, compiled before; the best of several interpreters."""
    program = [sys.executable, "-c", TIMED.format(code)]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(folder)}
    runs = [subprocess.run(program, capture_output=True, text=True, check=True, env=environment) for _ in range(6)]
    return min(float(run.stdout) for run in runs[1:])


def test_costs_little_more_than_numpy(tmp_path):
    assert times_numpy(tmp_path) <= 1.3


def test_tensors_cost_little_more_than_numpy(tmp_path):
    assert times_numpy(tmp_path, "rushlight.Tensor") <= 1.6


def loaded_by(code):
    """Which of the heavy modules some code loads that NumPy does not."""
    program = f"import sys, numpy; before = set(sys.modules); {code}; print(*(set(sys.modules) - before))"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    return {name for name in found if name.partition(".")[0] in HEAVY}


# What the first tensor loads of the floors below: all of a folder ("*"), or these files.
WITH_A_TENSOR = {
    "core": "*",
    "rules": "*",
    "runtime": "allocation copying memory",
    "backends": "array devices",
    "autograd": "*",
    "tensor": "*",
}
OF_LAYERS = {"construction", "formula", "geometry", "hints", "rules", "spec", "windows"}


def files_loaded_by(code):
    """Our own files that some code loads."""
    program = f"import sys; {code}; print(*(name for name in sys.modules if name.startswith('rushlight.')))"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()


def test_the_first_tensor_loads_no_layers_and_no_kernels():
    loaded = files_loaded_by("import rushlight; rushlight.zeros(1)")
    for name in loaded:
        folder, _, file = name.removeprefix("rushlight.").partition(".")
        assert WITH_A_TENSOR[folder] == "*" or file in ("", *WITH_A_TENSOR[folder].split()), name
    assert not {f"rushlight.rules.{file}" for file in OF_LAYERS} & set(loaded)
    assert len(loaded) <= 80


def test_import_loads_one_file():
    assert files_loaded_by("import rushlight") == []


def test_loads_nothing_heavy():
    assert loaded_by("import rushlight") == set()


def test_tensors_load_nothing_heavy():
    assert loaded_by("import rushlight as t; (t.ones(2, requires_grad=True) * 2).sum().backward()") == set()


def test_every_public_name_is_there():
    import rushlight

    missing = [name for name in rushlight._WHERE if not hasattr(rushlight, name)]
    assert missing == []
    assert set(rushlight._WHERE) <= set(dir(rushlight))


def test_either_package_may_come_first():
    names = (
        "tensor",
        "autograd",
        "tensor.core",
        "autograd.graph",
        "autograd.engine",
        "tensor.views",
        "tensor.shape",
        "core.dtypes",
    )
    for name in names:
        subprocess.run([sys.executable, "-c", f"import rushlight.{name}"], check=True)
