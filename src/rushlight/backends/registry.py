"""Which engine computes: the compiled one where it can, the reference otherwise, and why not the other.

In comes a kernel's name with its spec and arrays, out comes the array of the first engine in order that takes the
call. An engine is a module (or object) with the kernels `fprop`, `dgrad`, `wgrad`, `bias_grad`, `max_pool`,
`pad_copies` and so on, and `drawing`, which gives what makes random numbers; it declines a call by raising `Refusal`
with the reason, which is kept in `refusals`.
"""

from __future__ import annotations

import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from rushlight.backends import reference
from rushlight.backends.array import Array
from rushlight.backends.protocol import KERNELS, Refusal, Refused, Task, Unavailable, refusals
from rushlight.core import environment
from rushlight.core.errors import message
from rushlight.core.extras import how_to_install
from rushlight.rules.spec import ConvSpec

if TYPE_CHECKING:
    pass

CHOICES = ("auto", "compiled", "reference")


class Ordered:
    """Engines in order of preference, itself an engine."""

    name = "auto"

    def __init__(self, *engines: Any) -> None:
        self.engines = engines

    def fprop(self, spec: ConvSpec, *arguments: Any) -> Any:
        """`fprop` of the first engine that takes it."""
        return self._first("fprop", spec, arguments)

    def dgrad(self, spec: ConvSpec, *arguments: Any) -> Any:
        """`dgrad` of the first engine that takes it."""
        return self._first("dgrad", spec, arguments)

    def drawing(self, algorithm: str) -> Any:
        """`drawing` of the first engine that does not decline."""
        return self._first("drawing", algorithm, ())

    def pointwise(self, expressions: tuple, *arrays: Any, out: Sequence[Any] | None = None) -> list[Any]:
        """`pointwise` of the first engine that takes it."""
        try:  # small operations notice how they are called
            return self.engines[0].pointwise(expressions, *arrays, out=out)
        except Refusal:
            pass
        return self._first("pointwise", expressions, arrays, {} if out is None else {"out": out})

    def __getattr__(self, name: str) -> Callable:
        if name not in KERNELS:
            raise AttributeError(f"{type(self).__name__} has no {name}")
        kernels = [getattr(engine, name, None) for engine in self.engines]
        same = all(kernel is kernels[0] for kernel in kernels)  # as where NumPy does it anyhow
        kernel = kernels[0] if same and kernels[0] is not None else partial(self._any, name)
        setattr(self, name, kernel)
        return kernel

    def _any(self, kernel: str, attribute: Any, *arguments: Any) -> Any:
        return self._first(kernel, attribute, arguments)

    def _first(self, kernel: str, attribute: Any, arguments: tuple, options: Mapping[str, Any] = {}) -> Any:
        for engine in self.engines:
            try:
                return getattr(engine, kernel)(attribute, *arguments, **options)
            except Refusal as refusal:
                refusals.append(Refused(engine.name, kernel, str(attribute), str(refusal)))
                if isinstance(refusal, Unavailable):
                    self.do_without(engine, str(refusal))
        raise RuntimeError(f"no engine takes {attribute}: {refusals[-1].reason}")

    def do_without(self, engine: object, reason: str) -> None:
        """Ask an engine no more, which said that it can take no call on this machine."""
        self.engines = tuple(other for other in self.engines if other is not engine)
        _warn_once(reason)


_choosing = threading.RLock()
_loading = False  # whether the thread that has the lock is loading the engine
_default: tuple[str, Any] | None = None  # what the environment asks for, and the engine; None: not asked yet
_here: ContextVar[Any] = ContextVar("rushlight_backend", default=None)  # what `set_engine` or `using` say instead
_choice: ContextVar[str | None] = ContextVar("rushlight_engine", default=None)  # and the name that was given


def _unlock_in_child() -> None:
    """A lock that another thread held when the process forked nobody would release in the child."""
    global _choosing
    _choosing = threading.RLock()


_loading = False  # whether the thread that has the lock is loading the engine


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_unlock_in_child)


def current() -> Any:
    """The engine of the host that runs calls now, in this context."""
    return _here.get() or (_default or _resolve())[1]


def get_engine() -> str:
    """The engine chosen in this context: "auto", "compiled" or "reference".

    >>> import rushlight as torch
    >>> torch.get_engine() in ("auto", "compiled", "reference")
    True
    """
    return _choice.get() or _resolve()[0]


def set_engine(name: str) -> None:
    """Choose who computes: "reference" (NumPy), "compiled" (nothing else), or "auto" (compiled where it can).

    It holds in this context (`contextvars`: this thread, or this task of asyncio). Elsewhere, and where this is not
    called, the environment variable RUSHLIGHT_ENGINE chooses. ValueError for another name, RuntimeError where
    "compiled" cannot run here.

    >>> import rushlight as torch
    >>> before = torch.get_engine()
    >>> torch.set_engine("reference"); torch.get_engine()
    'reference'
    >>> torch.set_engine(before)
    """
    if name not in CHOICES:
        raise ValueError(message(f"unknown engine {name!r}", fix=f"one of {', '.join(CHOICES)}"))
    _here.set(_engine_of(name))
    _choice.set(name)


def _resolve() -> tuple[str, Any]:
    """What holds where nobody chose: the environment is asked once."""
    global _default, _loading
    with _choosing:
        if _default is None and not _loading:
            _loading = True
            try:
                name = _asked_for()
                _default = name, _engine_of(name)
            finally:
                _loading = False
        return _default or ("reference", reference)  # the latter for a signal's handler that interrupts the loading


def _asked_for() -> str:
    """What the environment asks for."""
    for line in environment.misspelt():
        warnings.warn(line, RuntimeWarning, stacklevel=4)
    name = environment.value_of("RUSHLIGHT_ENGINE") or "auto"
    if name not in CHOICES:
        raise environment.refusal("RUSHLIGHT_ENGINE", name, f"one of {', '.join(CHOICES)}")
    return name


def _engine_of(name: str) -> object:
    if name == "reference":
        return reference
    compiled, reason = _compiled()
    if compiled is None and name == "compiled":
        raise RuntimeError(message("the compiled engine cannot run here", reason, fix='set_engine("reference")'))
    if compiled is None:
        _warn_once(reason)
        return reference
    return compiled if name == "compiled" else Ordered(compiled, reference)


def _compiled() -> tuple[object | None, str]:
    """The compiled engine, or None and why there is none."""
    from importlib.util import find_spec

    if find_spec("rushlight.backends.cpu") is None:
        return None, ""
    try:
        if find_spec("llvmlite") is None:
            return None, f"llvmlite is not installed; {how_to_install('llvmlite')}"
        from rushlight.backends import cpu as compiled
    except ImportError as error:
        return None, str(error)
    return compiled, ""


def compiled_is_loaded() -> bool:
    """Whether something has asked for the compiled engine, whose import takes longer than many a small task."""
    return "rushlight.backends.cpu" in sys.modules


_warned = False


def _warn_once(reason: str) -> None:
    global _warned
    if reason and not _warned:
        _warned = True
        warnings.warn(f"rushlight runs on its slow reference engine: {reason}", RuntimeWarning, stacklevel=4)


@contextmanager
def using(engine: object) -> Iterator[None]:
    """Run the calls of this thread (of this context) on this engine for a while."""
    before = _here.get()
    _here.set(engine)
    try:
        yield
    finally:
        _here.set(before)


def beside(*arrays: Any) -> Any:
    """The engine for these arrays: that of the first which is on a device of its own, else the host's."""
    for array in arrays:
        if type(array) is Array:
            return array.backend
    return current()


def apply(kernel: tuple, x: Any) -> Any:
    """What a kernel (its name, then its attributes) makes of x."""
    name, *attributes = kernel
    return getattr(current() if type(x) is np.ndarray else beside(x), name)(*attributes, x)


def run(task: Task, inputs: Sequence[Any]) -> list[Any]:
    """The results of a task on the host."""
    engine, attributes = current(), task.attributes
    if task.kernel in ("fprop", "dgrad"):
        spec, activation = attributes
        return [getattr(engine, task.kernel)(spec, *inputs, activation, None)]
    if task.kernel == "max_pool":
        grid, wanted = attributes
        return list(engine.max_pool(grid, *inputs, wanted))[: 1 + wanted]
    if task.kernel == "pointwise":
        return engine.pointwise(attributes[0], *inputs)
    results = getattr(engine, task.kernel)(*attributes, *inputs)
    return list(results) if KERNELS[task.kernel].several else [results]
