"""Memory for results and scratch, recycled.

In: a shape and a dtype. Out: an uninitialised NumPy array, aligned to 64 bytes if it has 4 KB, whose memory returns
here when the last array that looks at it is gone. The system hands out memory page by page on first touch: 25 MB cost
13.9 ms that way, 3.0 ms in huge pages, and 0.4 ms when they were used before (AMD EPYC under KVM) — less than the
kernel that fills them.

Blocks come in sizes of eight steps to the doubling, so that a block serves similar shapes and at most an eighth of it
is waste. Idle blocks are kept up to a limit; those of the size longest unused go first.
"""

from __future__ import annotations

import contextlib
import ctypes
import math
import mmap
import os
import threading
import weakref
from collections.abc import Callable

import numpy as np

from rushlight.core import environment
from rushlight.core.memory import refused, total

ALIGNMENT = 64  # of guarded arrays; no kernel needs more than that of one number
ANONYMOUS = getattr(mmap, "MAP_ANONYMOUS", 0)
Allocator = Callable[[tuple[int, ...], np.dtype], np.ndarray]

_allocator: Allocator | None = None
_MOST = 1 << 30  # bytes kept, and never more than an eighth of the memory that this process may use
_SMALL = 4096  # below, malloc recycles well by itself
_HUGE = 4 << 20
_LARGE = 64
"""Blocks of more than a 64th of the limit go back to the system at once where enough are idle."""
_REMEMBERED = 4096  # exact sizes whose free list is known at once


def empty(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An uninitialised array of recycled memory; RuntimeError with PyTorch's sentence where there is none."""
    if _allocator is not None:
        return _allocator(shape, dtype)
    size = math.prod(shape) * dtype.itemsize
    if size < _SMALL:
        return np.empty(shape, dtype) if size else np.ndarray(shape, dtype, bytearray(1))  # with strides of its axes
    free_list = _free_lists.get(size)
    if free_list is None:
        free_list = _pool.free_list(size)
    try:
        ended = free_list.pop()
        del _blocks[id(ended)]
        memory = ended.memory
        free_list.used = _pool.clock
    except IndexError:
        memory = _pool.make(free_list)
    array = np.ndarray(shape, dtype, memory)
    # What views and other libraries hold on to is this array, never the block alone: a view's base is the last
    # array on the way to memory that is no array's. So when this array dies, nothing looks at the block.
    block = _Block(array, free_list.append if free_list.size * _LARGE <= _pool.limit else _returned)
    block.memory, block.free_list = memory, free_list
    _blocks[id(block)] = block
    return array


def empty_small(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """As `empty`, of memory that is not recycled: quicker for arrays that are known to be small."""
    return np.empty(shape, dtype) if _allocator is None else _allocator(shape, dtype)


def is_recycled(array: np.ndarray) -> bool:
    """Whether this very array was made by `empty` of recycled memory."""
    return any(type(reference) is _Block for reference in weakref.getweakrefs(array))


def in_use() -> list[np.ndarray]:
    """The arrays that have recycled memory now."""
    return [array for block in list(_blocks.values()) if (array := block()) is not None]


def block_size(array: np.ndarray) -> int:
    """The bytes that are taken for an array which owns its memory: its whole block, where it has one."""
    return array.base.nbytes if type(array.base) is memoryview else array.nbytes


def set_allocator(allocate: Allocator | None) -> Allocator | None:
    """Let `empty` take its arrays from elsewhere (the guarded ones of tests); gives what was there before."""
    global _allocator
    before, _allocator = _allocator, allocate
    return before


def release_cached() -> int:
    """Give idle memory back to the system; returns how many bytes."""
    return _pool.shrink(0)


# -------------------------------------------------------------------- addresses


def _choose_address() -> tuple[Callable[[np.ndarray], int], int]:
    """The quickest way to an array's address that is right on this interpreter; and where in the array object it
    stands, −1 if nowhere.

    `array.ctypes.data` takes 0.95 µs, four times a small kernel's launch. In CPython the address is the first field
    of the array object; whether it is so here is tried out on arrays of several kinds."""
    field, at = ctypes.c_void_p.from_address, object.__basicsize__

    def first_field(array: np.ndarray) -> int:
        return field(id(array) + at).value

    probe = np.arange(24, dtype=np.float32).reshape(4, 6)
    kinds = (probe, probe[1:, ::2], probe[::-1], probe.T, np.empty((3, 0)))
    try:
        fits = np.ndarray.__basicsize__ >= at + 8 and all(first_field(kind) == kind.ctypes.data for kind in kinds)
    except (ValueError, OSError):
        fits = False
    return (first_field, at) if fits else (lambda array: array.ctypes.data, -1)


address, FIRST_FIELD = _choose_address()


# -------------------------------------------------------------------- blocks


class _FreeList(list):
    """Idle blocks of one size. What puts one here must be a function of C's: Python's own would be where it handles
    Ctrl-C now and then, and an exception in it is lost."""

    __slots__ = ("size", "used")

    def __init__(self, size: int) -> None:
        self.size, self.used = size, 0


class _Block(weakref.ref):
    """Memory that was given to an array, and comes back when that array dies: a weak reference to it."""

    __slots__ = ("free_list", "memory")


class Pool:
    """Idle blocks in free lists by size.

    Arrays die anywhere: on any thread, and inside the collector while this very pool works. So taking from a list
    and returning to it are single steps without a lock. Whenever a block is made there are too many no longer."""

    def __init__(self, limit: int | None = None) -> None:
        self.limit = -1 if limit is None else limit  # below 0: not found out yet
        self.clock = 0  # counts blocks made: what was not taken from for long belongs to shapes gone by
        self._by_size: dict[int, _FreeList] = {}
        self._lock = threading.Lock()

    @property
    def idle(self) -> int:
        """Bytes of idle blocks."""
        return sum(len(free_list) * free_list.size for free_list in list(self._by_size.values()))

    def free_list(self, size: int) -> _FreeList:
        """The free list of the blocks that hold `size` bytes."""
        rounded = _rounded(size)
        with self._lock:
            if len(_free_lists) > _REMEMBERED:
                _free_lists.clear()
            free_list = _free_lists[size] = self._by_size.setdefault(rounded, _FreeList(rounded))
        return free_list

    def make(self, free_list: _FreeList) -> memoryview:
        """A new block, and room for it among the idle ones when it comes back."""
        self.clock += 1
        free_list.used = self.clock
        if self.limit < 0:
            self.limit = min(_MOST, total() // 8)
        self.shrink(max(0, self.limit - free_list.size))
        try:
            return _fresh(free_list.size)
        except MemoryError:
            self.shrink(0)
        try:
            return _fresh(free_list.size)
        except MemoryError:
            raise refused(free_list.size) from None

    def shrink(self, limit: int) -> int:
        """Free idle blocks down to `limit` bytes, the sizes longest unused first; gives the bytes freed."""
        with self._lock:
            free_lists = sorted(self._by_size.values(), key=_last_use)
            before = idle = self.idle
            for free_list in free_lists:
                with contextlib.suppress(IndexError):
                    while idle > limit:
                        del _blocks[id(free_list.pop())]
                        idle -= free_list.size
            return before - idle

    def after_fork(self) -> None:
        """In a child, another thread of the parent may have held the lock for ever."""
        self._lock = threading.Lock()


def _last_use(free_list: _FreeList) -> int:
    return free_list.used


def _rounded(size: int) -> int:
    """The size of block that holds `size` bytes: k · 2ⁿ with 8 ≤ k ≤ 15, whole pages."""
    step = 1 << max(12, (size - 1).bit_length() - 4)
    return -(-size // step) * step


def _fresh(size: int) -> memoryview:
    """Fresh memory of the system's, in huge pages where it is large. Freed with the memoryview."""
    try:
        if not ANONYMOUS:
            return memoryview(mmap.mmap(-1, size))
        memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | ANONYMOUS)
    except (OSError, ValueError, OverflowError) as error:
        raise MemoryError from error
    if size >= _HUGE and hasattr(mmap, "MADV_HUGEPAGE"):
        with contextlib.suppress(OSError):
            memory.madvise(mmap.MADV_HUGEPAGE)
    return memoryview(memory)


_blocks: dict[int, _Block] = {}  # a weak reference must live to see its array die
_free_lists: dict[int, _FreeList] = {}  # by the exact size asked for
_pool = Pool(environment.whole_number("RUSHLIGHT_POOL_BYTES"))


def trim() -> None:
    """Give back what is idle beyond the limit; the watch of long kernels does so now and then."""
    if _pool.idle > _pool.limit >= 0:
        _pool.shrink(_pool.limit)


def _returned(block: _Block, blocks: dict = _blocks, pool: Pool = _pool) -> None:
    """The array of a large block is gone: keep the block, unless there is enough idle memory already.

    (Its globals are bound as defaults, because it may run while the interpreter takes its modules down.)"""
    if pool.idle + block.free_list.size <= pool.limit:
        block.free_list.append(block)
    else:
        blocks.pop(id(block), None)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.after_fork)
