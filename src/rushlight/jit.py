"""PyTorch's marks for its compiler: here Python runs functions as they are, so that each gives back what it was given.

PyTorch does the same where its compiler is turned off (`PYTORCH_JIT=0`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from rushlight.core import absent as _absent
from rushlight.nn.module import Module

__path__: list[str] = []  # `alias.py` finds what lies in it

__all__ = ["Attribute", "Final", "ScriptFunction", "ScriptModule", "annotate", "export", "ignore", "interface"]
__all__ += ["is_scripting", "is_tracing", "isinstance", "script", "script_if_tracing", "script_method", "trace"]
__all__ += ["unused"]

Something = TypeVar("Something")


def script(obj: Something, *args: Any, **options: Any) -> Something:
    """The function, class or module as it is.

    >>> import rushlight as torch
    >>> @torch.jit.script
    ... def twice(x):
    ...     return x + x
    >>> twice(torch.ones(2))
    tensor([2., 2.])
    """
    return obj


def trace(func: Something, *args: Any, **options: Any) -> Something:
    """The function or module as it is; it is not called."""
    return func


def export(fn: Something) -> Something:
    """The method as it is."""
    return fn


unused = interface = script_method = script_if_tracing = _script_if_tracing = _overload = _overload_method = export


def ignore(drop: Any = False, **options: Any) -> Any:
    """The function as it is, or a decorator that gives it back.

    >>> import rushlight as torch
    >>> torch.jit.ignore(len)([1]), torch.jit.ignore(drop=True)(len)([1])
    (1, 1)
    """
    return drop if callable(drop) else export


def is_scripting() -> bool:
    """False: nothing is compiled."""
    return False


def is_tracing() -> bool:
    """False: nothing is traced."""
    return False


def annotate(the_type: Any, the_value: Something) -> Something:
    """The value."""
    return the_value


def Attribute(value: Something, type: Any) -> Something:
    """The value."""
    return value


def _isinstance(obj: Any, target_type: Any) -> bool:
    return isinstance(obj, getattr(target_type, "__origin__", None) or target_type)


class ScriptModule(Module):
    """A module like any other; no module is one unless it says so."""


class ScriptFunction:
    """What a compiled function would be; no function is one."""


def fork(func: Callable[..., Something], *args: Any, **options: Any) -> Something:
    """What the function gives; `wait` gives it again."""
    return func(*args, **options)


def wait(future: Something) -> Something:
    """What `fork` gave."""
    return future


def __getattr__(name: str) -> object:
    if name == "isinstance":  # kept out of this file's own names, which would hide Python's
        return _isinstance
    raise _absent.of_module(__name__, name)
