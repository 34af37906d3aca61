"""The stubs are what the package is, and what mypy and pyright make of a program with them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import rushlight

HERE = Path(__file__).resolve().parent
SOURCE = Path(rushlight.__file__).resolve().parent.parent


def test_stubs_are_up_to_date():
    found = _run(
        sys.executable, str(HERE.parents[1] / "tools" / "make_stubs.py"), "--check"
    )  # as nobody has changed it
    assert found.returncode == 0, f"run `python tools/make_stubs.py` for\n{found.stdout}{found.stderr}"


@pytest.mark.parametrize("name", ["zeros", "Tensor", "tensor", "explain", "float32", "nn", "inf", "Size"])
def test_names_of_the_stub(name):
    text = (SOURCE / "rushlight/__init__.pyi").read_text()
    assert any(f"{before}{name}{behind}" in text for before, behind in (("def ", "("), ("as ", "\n"), ("\n", ":")))


def _run(*command: str) -> subprocess.CompletedProcess:
    path = os.pathsep.join([str(SOURCE), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONPATH": path, "MYPYPATH": str(SOURCE)}
    return subprocess.run(command, capture_output=True, text=True, cwd=HERE, env=environment, timeout=300)


def _mypy(file: str) -> set[int]:
    """The lines where mypy sees an error."""
    if find_spec("mypy") is None:
        pytest.skip("mypy is not installed")
    found = _run(
        sys.executable, "-m", "mypy", "--no-incremental", "--follow-imports=silent", "--cache-dir", os.devnull, file
    )
    assert found.returncode in (0, 1), found.stdout + found.stderr
    return {int(line.split(":")[1]) for line in found.stdout.splitlines() if ": error:" in line}


def _pyright(file: str) -> set[int]:
    """The lines where pyright sees an error."""
    if shutil.which("pyright") is None:
        pytest.skip("pyright is not installed")
    try:
        found = _run("pyright", "--outputjson", "--pythonpath", sys.executable, file)
    except subprocess.TimeoutExpired:
        pytest.skip("pyright does not answer: it may wait for a download of Node.js")
    if not found.stdout.startswith("{"):
        pytest.skip(f"pyright does not run here (it needs Node.js): {found.stderr[-200:]}")
    report = json.loads(found.stdout)["generalDiagnostics"]
    return {entry["range"]["start"]["line"] + 1 for entry in report if entry["severity"] == "error"}


@pytest.mark.parametrize("errors", [_mypy, _pyright])
@pytest.mark.parametrize("program", ["program.py", "idioms.py", "backends.py"])
def test_right_programs(errors, program):
    assert errors(program) == set()


@pytest.mark.parametrize("errors", [_mypy, _pyright])
def test_mistakes(errors):
    lines = (HERE / "mistakes.py").read_text().splitlines()
    assert errors("mistakes.py") == {at for at, line in enumerate(lines, 1) if line.endswith("# wrong")}
