"""A test mode in which a kernel that leaves its arrays is caught at once.

In: an array, or `with guarding():` around calls of the library. Out: arrays that end (or begin) at a page which may
not be touched, so that the first stray load or store ends the process with SIGSEGV; the few bytes that alignment
leaves in between carry a pattern which is looked at afterwards. POSIX only; not for production, which it slows down.
"""

from __future__ import annotations

import ctypes
import math
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from ..core import pages
from . import memory

_PATTERN = 0xA5
_UNSET = 0xFF  # NaN in every floating type: what is read before it is written shows in the result


class StrayWrite(AssertionError):
    """A kernel wrote next to an array."""


def guarded_copy(array: np.ndarray, side: str = "end") -> np.ndarray:
    """A contiguous copy with an untouchable page right behind its `end` or before its `start`."""
    copy = _allocate(array.shape, array.dtype, side, array.dtype.itemsize)
    copy[...] = array
    return copy


@contextmanager
def guarding(side: str = "end") -> Iterator[None]:
    """Inside, every array of `runtime.empty` is guarded, and filled with NaN. Raises StrayWrite at the end if the
    bytes between an array and its guard have changed."""
    made: list[_Fenced] = []

    def allocate(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        return _allocate(shape, dtype, side, memory.ALIGNMENT, made)

    before = memory.set_allocator(allocate)
    try:
        yield
    finally:
        memory.set_allocator(before)
    for fenced in made:
        fenced.check()


class _Fenced:
    """Pages between two that may not be touched; freed with the last array that looks at them."""

    def __init__(self, size: int, start: int, address: int, room: int) -> None:
        self.size, self.start = size, start
        self.bytes = np.ctypeslib.as_array((ctypes.c_uint8 * room).from_address(address))

    def check(self) -> None:
        """Raise StrayWrite if the bytes around the array are not as they were."""
        around = np.concatenate([self.bytes[: self.start], self.bytes[self.start + self.size :]])
        if (around != _PATTERN).any():
            at = int(np.flatnonzero(around != _PATTERN)[0])
            where = f"{self.start - at} bytes before" if at < self.start else f"{at - self.start} bytes after"
            raise StrayWrite(f"a kernel wrote {where} an array of {self.size} bytes")


def _allocate(
    shape: tuple[int, ...], dtype: np.dtype, side: str, alignment: int, made: list[_Fenced] | None = None
) -> np.ndarray:
    if side not in ("start", "end"):
        raise ValueError(f"side must be 'start' or 'end', got {side!r}")
    page, size = pages.SIZE, math.prod(shape) * dtype.itemsize
    room = pages.whole(size)
    start = (room - size) // alignment * alignment if side == "end" else 0
    base = pages.map_memory(room + 2 * page, pages.READ | pages.WRITE)
    for fence in (base, base + page + room):
        pages.protect(fence, page, pages.NONE)
    fenced = _Fenced(size, start, base + page, room)
    fenced.bytes.fill(_PATTERN)
    fenced.bytes[start : start + size] = _UNSET
    # The array's base is the ctypes buffer, whose end gives the pages back; `made` keeps them for the check.
    weakref.finalize(fenced.bytes.base, pages.release, base, room + 2 * page)
    if made is not None:
        made.append(fenced)
    return np.ndarray(shape, dtype, fenced.bytes, start)
