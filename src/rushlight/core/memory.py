"""What fits into memory: an allocation that cannot is refused before it is tried.

In come a shape and the bytes an element; out comes nothing, or a RuntimeError with the size in words. Systems
that promise memory they do not have end the process later instead, so asking NumPy is not enough.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, update_wrapper
from math import prod
from threading import local
from types import FunctionType
from typing import TypeVar

from rushlight.core import cgroups
from rushlight.core.errors import bytes_in_words, message

_FIX = "a smaller batch or size, or a smaller dtype"
_LARGE = 256 << 20
"""Bytes from which on it is found out again what there is: touching so many takes a thousand times as long."""


@cache
def total() -> int:
    """Bytes of memory this process may use: the machine's, or the least of its control groups' where that is less."""
    try:
        machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not a POSIX system
        machine = 2**47
    limit = cgroups.memory_limit()
    return machine if limit is None else min(machine, limit)


Function = TypeVar("Function", bound=Callable)


def worded(function: Function) -> Function:
    """A function that calls NumPy itself, whose MemoryErrors become those of `of_numpy`.

    It costs a frame, so it is for what takes many microseconds; the others call NumPy by `numerics.quiet`."""

    def call(*args: object, **kwargs: object) -> object:
        try:
            return function(*args, **kwargs)
        except MemoryError as error:
            raise told(error) from None

    told = of_numpy
    # With the globals of its module, in which doctest looks for a module's own functions.
    made = FunctionType(call.__code__, function.__globals__, function.__name__, None, call.__closure__)
    return update_wrapper(made, function)


class _Here(local):
    """What holds in this thread: the limit that stands in the place of this machine's memory."""

    limit = 0


_here = _Here()


@contextmanager
def elsewhere() -> Iterator[None]:
    """For a while sizes are those of arrays that do not lie in this machine's memory: any that can be counted."""
    before, _here.limit = _here.limit, 2**63 - 1
    try:
        yield
    finally:
        _here.limit = before


def check(shape: tuple[int, ...], itemsize: int, *facts: str) -> None:
    """RuntimeError where an array of this shape cannot be allocated.

    >>> check((2, 3), 4)
    >>> check((2**40, 2**40), 4)
    Traceback (most recent call last):
    ...
    RuntimeError: Storage size calculation overflowed with sizes=[1099511627776, 1099511627776]
    ...
    """
    size = prod(shape) * itemsize
    if size > _LARGE and not _here.limit:
        total.cache_clear()
    if size <= (_here.limit or total()):
        return
    words = f"a tensor of shape {list(shape)} takes {bytes_in_words(size)}; there are {bytes_in_words(total())} in all"
    if size >= 2**63:
        sentence = f"Storage size calculation overflowed with sizes={list(shape)}"
        raise RuntimeError(message(sentence, words, *facts, fix=_FIX))
    raise refused(size, words, *facts)


def refused(size: int | None, *facts: str) -> RuntimeError:
    """The error for memory of so many bytes (None: nobody knows how many) that is not to be had.

    >>> print(refused(2**40))
    DefaultCPUAllocator: can't allocate memory: you tried to allocate 1099511627776 bytes.
    1.0 TiB; there is no such piece free
    Try: a smaller batch or size, or a smaller dtype
    """
    if size is None:
        return RuntimeError(message("DefaultCPUAllocator: can't allocate memory", *facts, fix=_FIX))
    sentence = f"DefaultCPUAllocator: can't allocate memory: you tried to allocate {size} bytes."
    facts = facts or (f"{bytes_in_words(size)}; there is no such piece free",)
    return RuntimeError(message(sentence, *facts, fix=_FIX))


def refused_array(shape: Sequence[int], itemsize: int) -> RuntimeError:
    """The same error for an array of this shape."""
    size = prod(shape) * itemsize
    words = f"a tensor of shape {list(shape)} takes {bytes_in_words(size)}; there is no such piece free"
    return refused(size, words)


def of_numpy(error: MemoryError) -> RuntimeError:
    """The same error for one of NumPy's or Python's, which may know a shape.

    >>> import numpy as np
    >>> try:
    ...     np.empty((2**40, 2**10))
    ... except MemoryError as error:
    ...     print(str(of_numpy(error)).splitlines()[0])
    DefaultCPUAllocator: can't allocate memory: you tried to allocate 9007199254740992 bytes.
    """
    shape, kind = getattr(error, "shape", None), getattr(error, "dtype", None)
    if shape is None or kind is None:
        return refused(None, str(error))
    return refused_array(shape, kind.itemsize)
