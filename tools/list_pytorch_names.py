"""Write down the names that PyTorch has, which `rushlight.core.absent` reads where one of ours is missing.

    python tools/list_pytorch_names.py

Needs torch==2.13.0; `tests/parity/test_absent.py` compares the committed list with it.
"""

import importlib
import pkgutil
import textwrap
from pathlib import Path
from types import BuiltinFunctionType, ModuleType

LIST = Path(__file__).parents[1] / "src/rushlight/data/pytorch-names.txt"
MODULES = (
    "torch.Tensor",  # the first, because tensors read it when they are made ready
    "torch",
    "torch.accelerator",
    "torch.autograd",
    "torch.backends",
    "torch.cuda",
    "torch.nn",
    "torch.nn.Module",
    "torch.nn.functional",
    "torch.nn.init",
    "torch.nn.utils",
    "torch.optim",
    "torch.optim.lr_scheduler",
    "torch.profiler",
    "torch.random",
    "torch.testing",
    "torch.utils",
    "torch.utils.data",
)
# What modules import for themselves, by where it comes from.
_BORROWED = ("torch._jit_internal", "torch.overrides", "torch.types", "torch._utils", "torch._prims_common", "typing")
_HELPERS = ("has_torch_function", "assert_int_or_pair")
_VALUES = ("dtype", "layout", "memory_format", "qscheme", "float", "NoneType")


def text() -> str:
    """The list: a line in brackets for each module, its names below."""
    parts = [f"[{name}]\n{textwrap.fill(' '.join(names(name)), 120)}" for name in MODULES]
    return "\n".join([f"PyTorch {_torch().__version__.partition('+')[0]}", *parts, ""])


def names(place: str) -> list[str]:
    """The public names of a module or class."""
    owner = _named(place)
    found = {name for name in dir(owner) if not name.startswith("_") and _belongs(owner, name)}
    if hasattr(owner, "__path__"):  # submodules that are loaded when first used
        found |= {entry.name for entry in pkgutil.iter_modules(owner.__path__) if entry.name[0] != "_"}
    return sorted(found)


def _belongs(owner: object, name: str) -> bool:
    value = getattr(owner, name, None)
    if isinstance(owner, type):
        return True
    if isinstance(value, ModuleType):
        return value.__name__.startswith("torch.")
    if name.startswith(_HELPERS) or type(value).__name__ == "pybind11_type":  # C++'s classes, there by chance
        return False
    if name in getattr(owner, "__all__", ()):
        return True
    if isinstance(value, BuiltinFunctionType) or type(value).__name__ in _VALUES:
        return not name.isupper()
    place = getattr(value, "__module__", None) or ""
    return callable(value) and place.startswith("torch") and not place.startswith(_BORROWED)


def _named(place: str) -> object:
    try:
        return importlib.import_module(place)
    except ModuleNotFoundError:
        owner, _, name = place.rpartition(".")
        return getattr(_named(owner), name)


def _torch() -> ModuleType:
    import torch

    return torch


if __name__ == "__main__":
    LIST.write_text(text(), encoding="utf-8")
    print(f"{LIST.name}: {len(LIST.read_text().split())} words")
