"""Code that says `import torch` on Rushlight: `as_torch()` gives Python the one for the other.

In: nothing. Out: `torch` and the modules under it are ours from then on, until it is undone. `torch.nn` is
`rushlight.nn` itself, and so for every module that is here. Of what is not here, `absences.py` lists the names that
code mentions while it is loaded: decorators for compilers, base classes of tracers.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType

from rushlight import absences
from rushlight.core.errors import message

_OURS = __name__.partition(".")[0]
# Packages of ours that are not what PyTorch calls so.
_DIFFERENT = ("ops", "compiler", "core", "explain", "datasets", "training", "tensor", "alias", "absences")


class Torch(ModuleType):
    """The module `torch`: every name of Rushlight's, PyTorch's version, and the absences."""

    def __init__(self) -> None:
        super().__init__("torch", sys.modules[_OURS].__doc__)
        self.__path__: list[str] = []
        self.__spec__ = ModuleSpec("torch", None, is_package=True)
        self.__version__ = absences.VERSION

    def __getattr__(self, name: str) -> object:
        if name in absences.TOP:
            return import_module(f"torch.{name}")
        if name in _DIFFERENT and name != "tensor":
            raise AttributeError(f"module 'torch' has no attribute {name!r}")
        value = absences.FUNCTIONS.get(name) or getattr(sys.modules[_OURS], name)
        setattr(self, name, value)
        return value

    def __dir__(self) -> list[str]:
        return sorted({*dir(sys.modules[_OURS]), *absences.TOP} - {*_DIFFERENT} | {"tensor"})


class Finder:
    """Finds `torch.nn` in `rushlight.nn`; for `sys.meta_path`."""

    def __init__(self) -> None:
        self.given: list[tuple[ModuleType, str]] = []
        """Attributes that Python gave our modules for a module under them."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """Where Python asks for a module's spec: ours for all of torch, and no other's."""
        if not name.startswith("torch."):
            return None
        return None if self._module(name) is None else ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> None:
        """Python makes an empty module, which `exec_module` replaces."""

    def exec_module(self, module: ModuleType) -> None:
        """Give Python the module that there is instead of the new one."""
        name = module.__name__
        parent, _, child = name.rpartition(".")
        if child not in vars(sys.modules[parent]):
            self.given.append((sys.modules[parent], child))
        sys.modules[name] = self._module(name)

    def _module(self, name: str) -> ModuleType | None:
        below = name.removeprefix("torch.")
        if name in absences.MODULES:
            return absences.module(name)
        if below.partition(".")[0] in _DIFFERENT:
            return None
        try:
            return import_module(f"{_OURS}.{below}")
        except ModuleNotFoundError:
            parent, _, child = below.rpartition(".")
            found = getattr(sys.modules[f"torch.{parent}"], child, None) if parent else None
            return found if isinstance(found, ModuleType) else None


class Alias:
    """What `as_torch` gives: `undo()` takes it back; so does the end of a `with` block."""

    def __init__(self) -> None:
        self._is_undone = False

    def undo(self) -> None:
        """From now on `import torch` means what it meant before; modules that were loaded meanwhile keep Rushlight."""
        if not self._is_undone:
            self._is_undone = True
            _active.remove(self)
            if not _active:
                _take_back()

    def __enter__(self) -> Alias:
        return self

    def __exit__(self, *error: object) -> None:
        self.undo()


_active: list[Alias] = []
_finder = Finder()


def as_torch() -> Alias:
    """Make `import torch` mean Rushlight, in this process and from now on.

    So code that is written for PyTorch runs as it is, that of packages, too. Beside what Rushlight has, it finds
    decorators and classes that such code mentions while it is loaded (`torch.fx.wrap`, `torch.library`, `torch.hub`,
    …); what they stand for says that it is not here when it is used. `torch.__version__` is that of the PyTorch whose
    names they are. Nothing is downloaded, and a package that needs PyTorch's own compiled library says so itself.

    Raises RuntimeError where PyTorch itself is loaded already. `.undo()` of the result, or the end of a `with` block,
    takes it back.

    >>> import rushlight
    >>> with rushlight.as_torch():  # doctest: +SKIP
    ...     import torch
    ...     from torch.nn.modules.conv import Conv2d
    >>> Conv2d is rushlight.nn.Conv2d, torch.zeros(2)  # doctest: +SKIP
    (True, tensor([0., 0.]))
    """
    loaded = sys.modules.get("torch")
    if loaded is not None and not isinstance(loaded, Torch):
        raise RuntimeError(
            message(
                "as_torch(): PyTorch is already imported",
                f"torch is {getattr(loaded, '__file__', loaded)}",
                fix="rushlight.as_torch() before anything imports torch",
            )
        )
    if loaded is None:
        sys.modules["torch"] = Torch()
        sys.meta_path.insert(0, _finder)
    alias = Alias()
    _active.append(alias)
    return alias


def _take_back() -> None:
    sys.meta_path.remove(_finder)
    for name in [name for name in sys.modules if name == "torch" or name.startswith("torch.")]:
        del sys.modules[name]
    while _finder.given:
        owner, name = _finder.given.pop()
        vars(owner).pop(name, None)
