"""Functions under observation, and only while somebody observes.

In: functions of this package. Out: while `installed`, each call of one goes through what observes it, whoever holds the
function and by whatever name; before and after, nothing is different, so nothing is paid.

A probe replaces the code of a function, not the function: modules, methods and users that have it keep it, and what
looks at it (pickle, tables whose keys are functions) finds the same object. Python 3.12's `sys.monitoring` would do the
same; a trace function of Python 3.11 makes all code several times slower, that of users too.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterable
from types import FunctionType
from typing import Any

Around = Callable[..., Any]


def _probed(*args: Any, **kwargs: Any) -> Any:
    around = "around"
    return around(*args, **kwargs)


class Probe:
    """One function, and what is called in its place while it is observed: `observer(original)`."""

    __slots__ = ("_code", "_probed", "_wraps", "function", "original")

    def __init__(self, function: FunctionType, observer: Callable[[FunctionType], Around]) -> None:
        self.function, self._code = function, function.__code__
        self._wraps = hasattr(function, "__wrapped__")
        self.original = FunctionType(
            self._code, function.__globals__, function.__name__, function.__defaults__, function.__closure__
        )
        for name in ("__kwdefaults__", "__qualname__", "__annotations__", "__doc__", "__module__"):
            setattr(self.original, name, getattr(function, name))
        around = observer(self.original)
        template = _probed.__code__
        self._probed = template.replace(
            co_consts=tuple([around if constant == "around" else constant for constant in template.co_consts]),
            co_freevars=self._code.co_freevars,  # Python wants as many as the function has
            co_name=self._code.co_name,
        )

    def install(self) -> None:
        """From now on calls are observed."""
        if not self._wraps:
            self.function.__wrapped__ = self.original  # whoever asks for the signature finds that of the function
        self.function.__code__ = self._probed

    def remove(self) -> None:
        """From now on they are not."""
        self.function.__code__ = self._code
        if not self._wraps:
            del self.function.__wrapped__


class Probes:
    """Many functions: observed as long as somebody has asked for it. Safe from any thread."""

    def __init__(self, make: Callable[[], Iterable[Probe]]) -> None:
        """`make` is called when they are first needed."""
        self._make, self._probes, self._users, self._lock = make, None, 0, threading.Lock()

    def acquire(self) -> None:
        """Observe, if nobody does yet."""
        with self._lock:
            if self._probes is None:
                self._probes = list(self._make())
            if not self._users:
                for probe in self._probes:
                    probe.install()
            self._users += 1

    def release(self) -> None:
        """Stop, if nobody else observes."""
        with self._lock:
            if not self._users:  # in a forked child, where nobody observes
                return
            self._users -= 1
            if not self._users:
                for probe in self._probes:
                    probe.remove()

    def after_fork(self) -> None:
        """In a child nobody observes: the thread that did may not be there, and what it recorded is the parent's."""
        self._lock = threading.Lock()
        if self._users:
            self._users = 0
            for probe in self._probes:
                probe.remove()


def can_be_probed(function: object) -> bool:
    """Whether this is a function of Python's that ends when it returns: no generator, no coroutine."""
    waits = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
    return isinstance(function, FunctionType) and not function.__code__.co_flags & waits
