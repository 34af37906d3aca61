"""Grad modes: whether operations are recorded, for each thread.

In: `with no_grad():` or `@no_grad()` around code. Out: `mode.enabled`, which `graph.record` reads.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TypeVar

    F = TypeVar("F", bound=Callable[..., object])


class _Mode(threading.local):
    """The state of one thread; the class attributes are what a new thread begins with."""

    enabled = True
    inference = False
    watcher: Callable | None = None  # see `operation.watched`
    packing: tuple[Callable, Callable] | None = None  # see `saving.saved_tensors_hooks`
    no_packing: str | None = None  # why there must be none
    autocast: object | None = None  # the half that operations compute in: see `tensor.autocasting`
    casts: dict | None = None  # the weights that were cast to it
    running: object | None = None  # the backward pass that runs, innermost


mode = _Mode()


def is_grad_enabled() -> bool:
    """Whether operations are recorded now, in this thread."""
    return mode.enabled


def is_inference_mode_enabled() -> bool:
    """Whether this thread is inside `inference_mode`."""
    return mode.inference


class _Switch:
    """A grad mode as a context manager and as a decorator."""

    __slots__ = ("_before", "_enable")

    def __init__(self, enable: bool) -> None:
        self._enable = enable
        self._before: list[tuple[bool, bool]] = []

    def __enter__(self) -> None:
        self._before.append((mode.enabled, mode.inference))
        mode.enabled = self._enable and not mode.inference

    def __exit__(self, *exception: object) -> None:
        mode.enabled, mode.inference = self._before.pop()

    def _again(self) -> _Switch:
        return type(self)()

    def __call__(self, function: F) -> F:
        """Run `function` in this mode at each call."""
        if _is_generator(function):
            return self._wrap_generator(function)

        @functools.wraps(function)
        def switched(*args, **kwargs):
            with self._again():
                return function(*args, **kwargs)

        return switched

    def _wrap_generator(self, function: Callable) -> Callable:
        """Switch for each step of a generator only, so that its consumer keeps its own mode."""

        @functools.wraps(function)
        def switched(*args, **kwargs):
            steps = function(*args, **kwargs)
            step, value = steps.send, None
            while True:
                try:
                    with self._again():
                        produced = step(value)
                except StopIteration as end:
                    return end.value
                try:
                    step, value = steps.send, (yield produced)
                except GeneratorExit:
                    with self._again():
                        steps.close()
                    raise
                except BaseException as error:
                    step, value = steps.throw, error

        return switched


def _is_generator(function: Callable) -> bool:
    code = getattr(function, "__code__", None)
    return code is not None and bool(code.co_flags & 0x20)  # CO_GENERATOR; `inspect` is slow to import


class no_grad(_Switch):
    """Do not record operations: results require no gradient.

    >>> import rushlight as torch
    >>> x = torch.ones(2, requires_grad=True)
    >>> with torch.no_grad():
    ...     (x * 2).requires_grad
    False
    """

    __slots__ = ()

    def __new__(cls, function: Callable | None = None) -> no_grad:  # `@no_grad` without parentheses works too
        switch = object.__new__(cls)
        switch.__init__()
        return switch if function is None else switch(function)

    def __init__(self, function: Callable | None = None) -> None:
        super().__init__(False)


class enable_grad(no_grad):
    """Record operations again inside `no_grad`."""

    __slots__ = ()

    def __init__(self, function: Callable | None = None) -> None:
        _Switch.__init__(self, True)


class set_grad_enabled(_Switch):
    """Switch recording on or off, at once and until the end of a `with` block.

    >>> import rushlight as torch
    >>> with torch.set_grad_enabled(False):
    ...     torch.is_grad_enabled()
    False
    """

    __slots__ = ()

    def __init__(self, mode: bool) -> None:
        super().__init__(bool(mode))
        self._before.append((_current().enabled, _current().inference))
        _current().enabled = self._enable

    def __enter__(self) -> None:
        _current().enabled = self._enable  # the state before was kept at construction

    def __exit__(self, *exception: object) -> None:
        mode.enabled, mode.inference = self._before[-1]

    def __call__(self, function: Callable) -> Callable:
        self.__exit__()  # a decorator does not switch anything outside of the calls
        return super().__call__(function)

    def _again(self) -> _Switch:
        return set_grad_enabled(self._enable)


class inference_mode(_Switch):
    """Like `no_grad`, for code that will never be differentiated; `inference_mode(False)` leaves it again."""

    __slots__ = ("_inference",)

    def __new__(cls, mode: bool | Callable = True) -> inference_mode:
        switch = object.__new__(cls)
        if not callable(mode):
            return switch
        switch.__init__(True)
        return switch(mode)

    def __init__(self, mode: bool | Callable = True) -> None:
        super().__init__(not mode)
        self._inference = bool(mode)

    def __enter__(self) -> None:
        super().__enter__()
        mode.inference = self._inference
        mode.enabled = self._enable

    def _again(self) -> _Switch:
        return inference_mode(self._inference)


def _current() -> _Mode:
    return mode  # `set_grad_enabled(mode=…)` hides the name in its constructor
