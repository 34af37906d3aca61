"""Build the wheel and the sdist, install each in an empty environment, and use it there, far from this clone.

    python -m tests.package

Needs the package `build` and, for what is installed, a package index. Run by `make package`.
"""

import os
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
# Run where it is installed, from an empty folder: what a user does first, and that all files came along.
USE = """
import importlib, pkgutil, sys
from importlib import metadata
from pathlib import Path

import rushlight as torch

here = Path(torch.__file__).parent
assert Path(sys.prefix) in here.parents, here
assert metadata.version("rushlight") == torch.__version__ == sys.argv[1], metadata.version("rushlight")
needed = [line for line in metadata.requires("rushlight") if "extra" not in line]
assert sorted(line[:5] for line in needed) == ["llvml", "numpy"], needed
torch.set_engine("compiled")
torch.manual_seed(0)
layer = torch.nn.Conv2d(16, 33, 3, stride=2)
layer(torch.randn(2, 16, 20, 30)).sum().backward()
assert layer.weight.grad.shape == (33, 16, 3, 3)
for entry in pkgutil.walk_packages(torch.__path__, "rushlight."):
    if not entry.name.endswith("__main__"):
        importlib.import_module(entry.name)
from rushlight.core import absent
from rushlight.datasets import Digits
from rushlight.bench.cases import load_cases
assert len(Digits(train=True)) > 1000 and len(load_cases()) > 10 and "LSTM" in absent.names()["torch.nn"]
assert (here / "py.typed").is_file() and (here / "__init__.pyi").is_file()
assert not [name for name in ("tests", "docs", "tools") if importlib.util.find_spec(name)]
"""
COMMANDS = (
    ["--version"],
    ["info"],
    ["explain", "Conv2d(16, 33, 3)", "20,16,50,100"],
    ["train", "--epochs", "1", "--limit", "40"],
)


def main() -> None:
    """Build, install, use; an exception where something is wrong."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        run(sys.executable, "-m", "build", "--outdir", place / "dist", ROOT, quiet=True)
        [wheel], [sdist] = (place / "dist").glob("*.whl"), (place / "dist").glob("*.tar.gz")
        version = wheel.name.split("-")[1]
        check_contents(wheel, sdist, version)
        for number, archive in enumerate((wheel, sdist)):
            use(archive, place / f"environment{number}", place / f"empty{number}", version)
            print(f"{archive.name}: installs and runs")


def check_contents(wheel: Path, sdist: Path, version: str) -> None:
    """The wheel has the package and nothing else; the sdist everything that is kept here."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert "version" not in project, "the version stands in rushlight/__init__.py alone"
    kept = run("git", "ls-files", quiet=True).splitlines() if (ROOT / ".git").exists() else []
    with zipfile.ZipFile(wheel) as archive:
        inside = {name for name in archive.namelist() if not name.startswith(f"rushlight-{version}.dist-info/")}
    with tarfile.open(sdist) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    package = {name.removeprefix("src/") for name in kept if name.startswith("src/rushlight/")}
    if kept:
        assert inside == package, sorted(inside ^ package)
        assert packed >= set(kept), sorted(set(kept) - packed)


def use(archive: Path, environment: Path, empty: Path, version: str) -> None:
    """Install an archive in an environment of its own, and run it from an empty folder."""
    venv.create(environment, with_pip=True)
    python = environment / ("Scripts" if os.name == "nt" else "bin") / "python"
    run(python, "-m", "pip", "install", "-q", "--disable-pip-version-check", archive)
    empty.mkdir()
    run(python, "-W", "error", "-c", USE, version, cwd=empty)
    for words in COMMANDS:
        said = run(python.with_name("rushlight"), *words, cwd=empty, quiet=True)
        assert said.strip() and "Traceback" not in said, said


def run(*command: object, cwd: Path = ROOT, quiet: bool = False) -> str:
    """Run a command without our own paths; its output."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "RUSHLIGHT"))}
    done = subprocess.run(
        [*map(str, command)], cwd=cwd, env=clean, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if done.returncode or not quiet:
        print(done.stdout, end="")
    if done.returncode:
        raise SystemExit(f"failed: {' '.join(map(str, command))[:200]}")
    return done.stdout


if __name__ == "__main__":
    main()
