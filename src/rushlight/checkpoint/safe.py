"""What a user calls safe: functions and classes that files may name although they are more than data."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

# Never safe, whoever says so: their functions run programs.
NEVER = frozenset({"sys", "os", "posix", "nt", "subprocess"})

_lock = threading.Lock()
_everywhere: dict[str, Any] = {}  # replaced as a whole
_here: ContextVar[dict[str, Any] | None] = ContextVar("rushlight_safe_globals", default=None)

SafeGlobal = Callable | type | tuple[Any, str]


def _named(things: list[SafeGlobal]) -> dict[str, Any]:
    found = {}
    for thing in things:
        if not isinstance(thing, tuple):
            found[f"{thing.__module__}.{thing.__qualname__}"] = thing
            continue
        if len(thing) != 2:
            raise ValueError(
                f"Expected tuple of length 2 (global, str of callable full path), but got tuple of length: {len(thing)}"
            )
        if type(thing[1]) is not str:
            raise TypeError(f"Expected second item in tuple to be str of callable full path, but got: {type(thing[1])}")
        found[thing[1]] = thing[0]
    return found


def add_safe_globals(safe_globals: list[SafeGlobal]) -> None:
    """Let `load` with `weights_only=True` make what these classes and functions make.

    An entry is a class or function, or a pair of one and the name that files call it.

    >>> import rushlight as torch, collections
    >>> torch.serialization.add_safe_globals([collections.deque])
    >>> torch.serialization.get_safe_globals()
    [<class 'collections.deque'>]
    >>> torch.serialization.clear_safe_globals()
    """
    global _everywhere
    added = _named(safe_globals)
    with _lock:
        _everywhere = {**_everywhere, **added}


def get_safe_globals() -> list[Any]:
    """What was added."""
    return list(allowed().values())


def clear_safe_globals() -> None:
    """Forget what was added."""
    global _everywhere
    with _lock:
        _everywhere = {}


@contextlib.contextmanager
def safe_globals(safe_globals: list[SafeGlobal]) -> Iterator[None]:
    """The same for the loads of a `with` block, in the thread that runs it.

    >>> import rushlight as torch, collections
    >>> with torch.serialization.safe_globals([collections.deque]):
    ...     len(torch.serialization.get_safe_globals())
    1
    """
    token = _here.set({**(_here.get() or {}), **_named(safe_globals)})
    try:
        yield
    finally:
        _here.reset(token)


def allowed() -> dict[str, Any]:
    """What is safe now, by the name that files call it."""
    return {**_everywhere, **(_here.get() or {})}
