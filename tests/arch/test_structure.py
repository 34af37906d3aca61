"""The cut of the package, held by its imports: see the rules in docs/design.md."""

import ast
import importlib
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "src" / "rushlight"
MODULES = sorted(PACKAGE.rglob("*.py"))
HEAVY = {"llvmlite", "matplotlib", "ml_dtypes", "tqdm", "safetensors", "IPython"}
FRAMEWORKS = {"torch", "jax", "tensorflow", "flax", "keras"}


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def absolute(path: Path, node: ast.ImportFrom) -> str:
    """The full name of the module that a `from … import` names."""
    if not node.level:
        return node.module
    package = ["rushlight", *path.relative_to(PACKAGE).parent.parts]
    base = package[: len(package) - node.level + 1]
    return ".".join([*base, node.module] if node.module else base)


def imports(path: Path, *, run_at_import: bool = False) -> set[str]:
    """Full names of all that a module imports, at its top only if asked for."""
    found = set()
    for node in statements(tree(path)) if run_at_import else ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = absolute(path, node)
            found |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
    return found


def statements(node: ast.AST, *, types: bool = False) -> list[ast.AST]:
    """What runs when the module is imported: everything outside functions and (unless asked for) `if TYPE_CHECKING`."""
    found = []
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test) and not types:
            continue
        found += [child, *statements(child, types=types)]
    return found


def roots(names: set[str]) -> set[str]:
    return {name.split(".")[0] for name in names}


def parts(names: set[str]) -> set[str]:
    """The parts of this package that are imported: ops, plan, tensor, …"""
    return {name.split(".")[1] for name in names if name.startswith("rushlight.")}


def of_folder(folder: str) -> list[Path]:
    return [path for path in MODULES if name_of(path).startswith((f"{folder}/", f"{folder}.py"))]


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_every_module(path):
    module = tree(path)
    assert ast.get_docstring(module), "says what comes in, what goes out and where it goes next"
    assert not roots(imports(path, run_at_import=True)) & HEAVY, "is imported inside the function that needs it"
    if "adapters" not in path.parts:
        assert not roots(imports(path)) & FRAMEWORKS, "only adapters know other frameworks"
    assert path.stem not in ("utils", "helpers", "misc", "common"), "a file is named for what it holds"


# The floors from the ground up; each imports only from those below it and from itself. What stands in one line is one
# floor. A folder is one, but for the files of it that have a line of their own. `__init__` is the surface that users
# see: it names everything above and below it, which is loaded when asked for, and imports nothing of it.
FLOORS = """
core
rules
plan
language
compiler
kernels
runtime
backends
autograd
random/stream random/source random/distributions random/fill
tensor
random
ops
amp
nn
optim utils distributions
accelerator datasets checkpoint serialization cpu cuda testing jit func absences
alias
__init__
explain
training
bench
profiler autograd/profiler autograd/profiler_util
info
cli
__main__
"""
HEIGHT = {name: height for height, line in enumerate(FLOORS.split("\n")) for name in line.split()}


def height(module: str) -> int:
    """The floor of a file, by its full name."""
    names = module.split(".")[1:] or ["__init__"]
    return HEIGHT["/".join(names[:2])] if "/".join(names[:2]) in HEIGHT else HEIGHT[names[0]]


def module_of(path: Path) -> str:
    """The full name of a file as a module."""
    names = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(["rushlight", *(names[:-1] if names[-1] == "__init__" else names)])


@cache
def files() -> dict[str, Path]:
    """All files by their full names."""
    return {module_of(path): path for path in MODULES}


def imported(path: Path) -> set[str]:
    """The files of this package that one imports: inside functions and for type checkers, too."""
    found = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = absolute(path, node)
            names = [f"{module}.{alias.name}" for alias in node.names]
            found |= {name if name in files() else module for name in names}
    return found & files().keys()


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_import_runs_upward(path):
    own = module_of(path)
    assert [name for name in sorted(imported(path)) if height(name) > height(own)] == []


def test_no_files_import_each_other():
    """Not over any number of steps, inside functions and for type checkers included."""
    ways = {name: imported(path) - {name} for name, path in files().items()}
    while True:  # take away what leads to nothing that is left, until only circles and what leads to them are
        ended = {name for name, targets in ways.items() if not targets & ways.keys()}
        if not ended:
            break
        ways = {name: targets for name, targets in ways.items() if name not in ended}
    assert [name for name in ways if _leads_back(name, ways)] == []


def _leads_back(start: str, ways: dict[str, set[str]]) -> bool:
    seen, todo = set(), [start]
    while todo:
        for target in ways.get(todo.pop(), ()):
            if target == start:
                return True
            if target not in seen:
                seen.add(target)
                todo.append(target)
    return False


# What is imported inside functions, and why; all else stands at the top of its file.
WHEN_USED = {
    "large, or not required": "llvmlite matplotlib ml_dtypes tqdm",
    "slow to load, and of the standard library or NumPy": (
        "difflib importlib.util multiprocessing multiprocessing.context numpy.random opcode statistics"
    ),
    "not on every system": "fcntl pwd",
}
# By file: of which this is what start-up time needs.
LATER = {
    "a surface, whose names are loaded when asked for": {
        "__init__.py": "rushlight.core.absent rushlight.tensor.expected",
        "explain/__init__.py": (
            "rushlight.ops.shapes rushlight.explain.explanation rushlight.explain.facts rushlight.explain.parse "
            "rushlight.explain.reading"
        ),
    },
    "a command, which answers --help before it loads NumPy": {
        "bench/command.py": "rushlight.runtime",
        "bench/peak.py": "numpy rushlight.runtime",
        "bench/workers.py": "numpy",
        "explain/command.py": "rushlight.explain rushlight.explain.parse rushlight.explain.words",
        "explain/summary_command.py": "rushlight.explain.parse rushlight.explain.summary rushlight.nn",
        "profiler/command.py": "rushlight.alias rushlight.profiler.sessions",
        "info.py": "rushlight rushlight.backends.registry rushlight.compiler.cache rushlight.runtime",
        "training/command.py": (
            "rushlight.datasets.mnist rushlight.training.pictures rushlight.training.progress "
            "rushlight.training.report rushlight.training.run rushlight.training.sources"
        ),
    },
    "kernels and their compiler, which tensors alone do not need": {
        "tensor/fusing.py": "rushlight.backends.protocol rushlight.backends.registry rushlight.tensor.tracing",
        "backends/registry.py": "rushlight.backends.cpu",
        "backends/cpu/__init__.py": "rushlight.backends.cpu.sums",
        "runtime/pauses.py": "rushlight.compiler.jit rushlight.language.ir rushlight.plan.target",
        "tensor/numerics.py": "rushlight.tensor.elementwise",
        "tensor/products.py": "rushlight.backends.registry",
        "tensor/reducing.py": "rushlight.backends.registry",
        "runtime/team_program.py": "rushlight.compiler.jit rushlight.plan.target",
    },
    "reading and writing of files, each of which does without the other; pictures, which text does without": {
        "checkpoint/__init__.py": (
            "rushlight.checkpoint.reader rushlight.checkpoint.source rushlight.checkpoint.writer"
        ),
        "explain/explanation.py": "rushlight.explain.html rushlight.explain.pictures",
    },
    "random numbers, which tensors alone do not need": {"tensor/drawing.py": "rushlight.random"},
    "processes and the network, which few programs use": {
        "datasets/mnist.py": "rushlight.datasets.download",
        "utils/data/iterators.py": "rushlight.utils.data.pool",
        "utils/data/pool.py": "multiprocessing",
    },
}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_inside_functions_have_a_reason(path):
    allowed = {name for names in WHEN_USED.values() for name in names.split()}
    own = {name for files in LATER.values() for name in files.get(name_of(path), "").split()}
    for names in inside_functions(path):
        others = {n for n in names if n not in own and n not in allowed and n.split(".")[0] not in allowed}
        assert not names or len(others) < len(names), f"{others} belongs to the top, or into the list above"


def inside_functions(path: Path) -> list[set[str]]:
    """For each import inside a function, the names that may stand for what it loads: the module, and those in it."""
    at_import = {id(node) for node in statements(tree(path), types=True)}
    found = []
    for node in ast.walk(tree(path)):
        if id(node) in at_import:
            continue
        if isinstance(node, ast.Import):
            found += [{alias.name} for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = absolute(path, node)
            found += [{module, f"{module}.{alias.name}"} for alias in node.names]
    return found


# Who loads files by names that are put together: surfaces their own, the command line commands, others what users name.
BY_NAME = {
    "__init__.py": "the surface that users see",
    "alias.py": "the module of this package that code calls torch's",
    "nn/modules.py": "the file that has the layers of one of PyTorch's",
    "core/absent.py": "the surface of a package, whose own files it loads",
    "cli.py": "the command that is asked for",
    "backends/cpu/__init__.py": "the algorithm that a plan names, beside it",
    "backends/devices.py": "the device that is asked for, beside it",
    "bench/workers.py": "the library that is measured",
    "checkpoint/classes.py": "the classes that a file names",
}


def test_few_load_files_by_name():
    """Which no list of imports would show."""
    loading = {
        name_of(path) for path in MODULES for name in imports(path) if name.startswith("importlib.import_module")
    }
    loading |= {name_of(path) for path in MODULES if "importlib.import_module(" in path.read_text()}
    assert loading == BY_NAME.keys()


def test_nothing_is_listed_that_is_not_there():
    for files in LATER.values():
        for file, names in files.items():
            there = set().union(*inside_functions(PACKAGE / file))
            assert there >= set(names.split()), file


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_every_import_finds_its_names(path):
    """Those inside functions too, which no test may reach."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom) and (module := absolute(path, node)).startswith("rushlight"):
            found = importlib.import_module(module)
            for alias in node.names:
                assert hasattr(found, alias.name) or importlib.import_module(f"{module}.{alias.name}")


def test_every_folder_has_its_floor():
    there = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in MODULES}
    assert there == {name for name in HEIGHT if "/" not in name}
    assert all((PACKAGE / f"{name}.py").exists() for name in HEIGHT if "/" in name)


@pytest.mark.parametrize("path", [*of_folder("rules"), *of_folder("plan")], ids=name_of)
def test_rules_and_plans_are_plain_integers(path):
    assert "numpy" not in roots(imports(path))


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_only_the_compiled_backend_joins_plans_kernels_and_launches(path):
    # Benchmarks, the command line and explanations may look at one of the three, never at two.
    joined = parts(imports(path)) & {"plan", "kernels", "runtime"} - {path.relative_to(PACKAGE).parts[0]}
    if not name_of(path).startswith(("backends/cpu/", "kernels/", "runtime/", "bench/")):
        assert len(joined) < 2, joined


def test_methods_of_tensors_come_from_one_table():
    """Nothing else gives the class an attribute, so that readers find every method's function in one place."""
    for path in MODULES:
        for node in ast.walk(tree(path)):
            targets = node.targets if isinstance(node, ast.Assign) else []
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "setattr":
                targets = [ast.Attribute(node.args[0], "")]
            given = [t for t in targets if isinstance(t, ast.Attribute) and ast.unparse(t.value) == "Tensor"]
            assert not given or name_of(path) in ("tensor/methods.py", "tensor/missing.py"), ast.unparse(node)


def test_reference_engine_is_short():
    """The definition is read in one sitting."""
    assert len((PACKAGE / "backends/reference/__init__.py").read_text().splitlines()) < 200


def test_import_loads_nothing_heavy():
    script = "import sys, rushlight; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert not roots(set(loaded)) & (HEAVY | FRAMEWORKS)
    assert not {"dataclasses", "inspect", "asyncio"} & set(loaded) - numpy_loads()


def numpy_loads() -> set[str]:
    script = "import sys, numpy; print(*sys.modules)"
    return set(
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    )
