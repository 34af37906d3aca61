"""Autocast: operations that compute in a half where the user says so, and those that compute in float32 even then.

In: `mode.autocast`, the half that `amp.autocast` has chosen, or None. Out: decorators of functions of tensors, which
change the types of what these are given. Inside such a function nothing is changed any more. Which function does what
is PyTorch's list for the CPU.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from typing import Any, TypeVar

from rushlight.autograd.modes import mode
from rushlight.core.dtypes import HALVES, dtype, float32
from rushlight.tensor.core import Tensor

F = TypeVar("F", bound=Callable[..., Any])


def is_eligible(value: Any) -> bool:
    """Whether autocast may change the type of this: a tensor of halves or float32."""
    return isinstance(value, Tensor) and (value.dtype is float32 or value.dtype in HALVES)


def cast(value: Any, to: dtype) -> Any:
    """A tensor in that type, where autocast may change it; lists of tensors entry by entry; all else as it is.

    A parameter in the half is kept until the outermost `autocast` ends, as long as it is not changed.
    """
    if isinstance(value, (list, tuple)) and value and isinstance(value[0], Tensor):
        return type(value)([cast(entry, to) for entry in value])
    if not is_eligible(value) or value.dtype is to:
        return value
    keeps = mode.casts is not None and to is not float32 and value.dtype is float32 and _is_weight(value)
    if not keeps:
        return value.to(to)
    version = 0 if value._memory_version is None else value._memory_version.count
    kept = mode.casts.get((id(value), to))
    if kept is not None and kept[0]() is value and kept[1] == version:
        return kept[2]
    result = value.to(to)
    mode.casts[id(value), to] = weakref.ref(value), version, result
    return result


def _is_weight(value: Tensor) -> bool:
    return mode.enabled and value._requires_grad and value._node is None and value._base is None


def computed_in(to: dtype | None, function: Callable, args: tuple, kwargs: dict[str, Any]) -> Any:
    """A function's result for arguments of that type (None: as they are), within which autocast changes nothing."""
    if to is not None:
        args = tuple([cast(arg, to) for arg in args])
        kwargs = {name: cast(arg, to) for name, arg in kwargs.items()}
    before, mode.autocast = mode.autocast, None
    try:
        return function(*args, **kwargs)
    finally:
        mode.autocast = before


def as_given(function: F) -> F:
    """A function made of others, in all of which autocast changes nothing."""

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        if mode.autocast is None:
            return function(*args, **kwargs)
        return computed_in(None, function, args, kwargs)

    return run


def lowered(function: F) -> F:
    """A function that autocast computes in its half."""

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        if mode.autocast is None:
            return function(*args, **kwargs)
        return computed_in(mode.autocast, function, args, kwargs)

    return run


def in_float32(function: F) -> F:
    """A function that autocast computes in float32."""

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        if mode.autocast is None:
            return function(*args, **kwargs)
        return computed_in(float32, function, args, kwargs)

    return run


def in_widest(function: F) -> F:
    """A function of a list of tensors that autocast computes in float32 where one of them has that, else in a half."""

    @functools.wraps(function)
    def run(tensors: Any, *args: Any, **kwargs: Any) -> Any:
        if mode.autocast is None or not isinstance(tensors, (list, tuple)):
            return function(tensors, *args, **kwargs)
        wide = any(is_eligible(tensor) and tensor.dtype is float32 for tensor in tensors)
        return computed_in(float32 if wide else mode.autocast, function, (list(tensors), *args), kwargs)

    return run
