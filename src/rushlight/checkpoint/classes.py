"""Classes that a file names: PyTorch's become ours, and of the others the error says what can be done.

In: a module and a name, as a pickle has them. Out: the class or function here, or None; or the error.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterable
from typing import Any

from rushlight.autograd.hooks import Handle
from rushlight.checkpoint.rebuild import DATA
from rushlight.checkpoint.storages import CheckpointError, Unsupported
from rushlight.core import absent
from rushlight.core.errors import message

# Where what lies below a module of PyTorch's is here; the first that fits.
_MODULES = {
    "torch.nn.functional": "rushlight.nn.functional",
    "torch.nn.init": "rushlight.nn.init",
    "torch.nn.utils": "rushlight.nn.utils",
    "torch.nn": "rushlight.nn",
    "torch.optim.lr_scheduler": "rushlight.optim.lr_scheduler",
    "torch.optim": "rushlight.optim",
    "torch.utils.data": "rushlight.utils.data",
}
_SAVE_WEIGHTS = "with PyTorch, torch.save(model.state_dict(), file), and load that into a model built here"


class _Handle(Handle):
    """PyTorch's handle of a hook."""

    __slots__ = ()

    def __new__(cls) -> _Handle:
        return object.__new__(cls)

    def __init__(self) -> None:
        pass

    def __setstate__(self, state: tuple) -> None:
        self._hooks, self.id = state[0] or {}, state[1]


class _NoHook:
    """A hook of PyTorch's own, which our modules do by themselves."""

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        return None

    def __setstate__(self, state: Any) -> None:
        pass


def _attribute(thing: Any, name: str) -> Any:
    """`getattr`, which a bound method is pickled by."""
    return _NoHook() if name in ("_lazy_load_hook", "_lazy_state_dict_hook") else getattr(thing, name)


def _nothing(*args: Any) -> None:
    return None


_BY_NAME = {
    ("torch.utils.hooks", "RemovableHandle"): _Handle,
    ("torch.nn.modules.module", "_WrappedHook"): _NoHook,
    ("torch.nn.backends.thnn", "_get_thnn_function_backend"): _nothing,  # up to 1.2
    ("__builtin__", "getattr"): _attribute,
    ("builtins", "getattr"): _attribute,
}


def translated(module: str, name: str) -> Any:
    """What there is here for a class or function of PyTorch's; None if nothing."""
    found = _BY_NAME.get((module, name))
    if found is not None or module.split(".")[0] != "torch":
        return found
    home = _counterpart(module)
    if home is None or name.startswith("_") or "." in name:
        return None
    return getattr(importlib.import_module(home), name, None)


def _counterpart(module: str) -> str | None:
    if module == "torch":
        return "rushlight"
    return next((ours for theirs, ours in _MODULES.items() if f"{module}.".startswith(f"{theirs}.")), None)


def refusal(module: str, name: str, others: Iterable[tuple[str, str]] = (), trusted: bool = False) -> CheckpointError:
    """The error for a name that a file needs; `trusted` if the user said that it may have it.

    `others` are all names of the file: what is advised must work for each of them.
    """
    called = f"{module}.{name}"
    obstacles = {}
    for one in ((module, name), *others):
        if (obstacle := _obstacle(*one, trusted)) is not None:
            obstacles.setdefault(*obstacle)
    fix = next(iter(obstacles.values()), None)
    if trusted:
        return CheckpointError(message(f"the file needs {called}", *obstacles, fix=fix))
    if fix is None:
        fix = "save model.state_dict(); or load with weights_only=False, if you trust the file's author"
        modules = sorted({where for where, _ in ((module, name), *others) if not _loaded(where)})
        if modules:
            fix += f" and {', '.join(modules)} does not need PyTorch"
    elif "weights_only" not in "".join(obstacles):
        obstacles["weights_only=False would fail, too"] = ""
    return CheckpointError(
        message(
            f"Weights only load failed: the file names {called}",
            "That is not plain data, and could run code.",
            *obstacles,
            fix=fix,
        )
    )


def _loaded(module: str) -> bool:
    return module in sys.modules or module.split(".")[0] in ("torch", "__builtin__", "copy_reg", "__torch__")


def _obstacle(module: str, name: str, trusted: bool) -> tuple[str, str] | None:
    """Why a name cannot be had, even if the file is trusted, and what to do then; None if it can."""
    known = DATA.get((module, name))
    if isinstance(known, Unsupported):
        return f"{known.what} not supported: {known.name}", _SAVE_WEIGHTS
    if known is not None or translated(module, name) is not None:
        return None
    top = module.split(".")[0]
    if top == "torch":
        return f"rushlight has no {_short(module, name)}", _instead(module, name)
    if top in ("__builtin__", "copy_reg", "__torch__"):
        return None
    here = sys.modules.get(module)
    found = getattr(here, name.split(".")[0], None)
    if isinstance(found, type) and any(base.__module__.split(".")[0] == "torch" for base in found.__mro__):
        return f"{module}.{name} is written on PyTorch, and rushlight's layers do not fit into it", _SAVE_WEIGHTS
    if here is not None and found is None:
        return f"there is no {name} in the module {module} here", _SAVE_WEIGHTS
    if here is None and not _there(top):
        return f"there is no module {module} here", _SAVE_WEIGHTS
    return None


def _there(top: str) -> bool:
    """Whether a module can be imported; looking for one without a dot runs nothing."""
    try:
        return top in sys.modules or importlib.util.find_spec(top) is not None
    except (ImportError, ValueError):
        return False


def _short(module: str, name: str) -> str:
    """`torch.nn.LSTM` for torch.nn.modules.rnn.LSTM: as people write it."""
    home = _counterpart(module)
    return f"{module if home is None else home.replace('rushlight', 'torch', 1)}.{name}"


def _instead(module: str, name: str) -> str:
    told = next((there for start, there in absent.INSTEAD.items() if _short(module, name) == start and there), None)
    return f"{told}; {_SAVE_WEIGHTS}" if told else _SAVE_WEIGHTS
