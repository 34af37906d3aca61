"""What fits into memory: an allocation that cannot is refused before it is tried.

In come a shape and the bytes an element; out comes nothing, or a RuntimeError with the size in words. Systems
that promise memory they do not have end the process later instead, so asking NumPy is not enough.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from math import prod
from threading import local

from rushlight.core import cgroups
from rushlight.core.errors import bytes_in_words, message

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
    sentence = f"DefaultCPUAllocator: can't allocate memory: you tried to allocate {size} bytes."
    if size >= 2**63:
        sentence = f"Storage size calculation overflowed with sizes={list(shape)}"
    words = f"a tensor of shape {list(shape)} takes {bytes_in_words(size)}; there are {bytes_in_words(total())} in all"
    raise RuntimeError(message(sentence, words, *facts, mend="a smaller batch or size, or a smaller dtype"))
