"""Memory that can be run.

In: the image of a kernel. Out: a `Mapping` with its address, freed when nothing refers to it any more. Memory is
never writable and executable at once: it is filled first, then sealed.
"""

from __future__ import annotations

import ctypes
import functools
import os
import sys
from collections.abc import Callable
from typing import Any

from ..core import pages


class NotExecutable(OSError):
    """The system allows no memory to be run (a hardened kernel, say)."""


class Mapping:
    """An image in executable memory."""

    __slots__ = ("__weakref__", "_release", "address", "size")

    def __init__(self, image: bytes) -> None:
        self._release = None
        self.size = pages.whole(len(image))
        load, self._release = _system()
        self.address = load(image, self.size)

    def __del__(self, is_finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
        """(Bound as a default, because the interpreter may have taken this module down already.)"""
        address = getattr(self, "address", 0)
        if address and self._release and not is_finalizing():
            self._release(address, self.size)


@functools.lru_cache(maxsize=1)
def _system() -> tuple[Any, Any]:
    """The functions that load and release an image on this system."""
    if sys.platform == "win32":
        return _load_windows, _release_windows
    if sys.platform == "darwin" and os.uname().machine == "arm64":
        return _load_apple, pages.release
    if sys.platform == "linux" and os.uname().machine == "aarch64":
        return _load_in_file, pages.release
    return _load_posix, pages.release


def _load_posix(image: bytes, size: int) -> int:
    address = pages.map_memory(size, pages.READ | pages.WRITE)
    ctypes.memmove(address, image, len(image))
    try:
        pages.protect(address, size, pages.READ | pages.EXECUTE)
    except OSError:
        pages.release(address, size)
        return _load_in_file(image, size)
    return address


def _load_in_file(image: bytes, size: int) -> int:
    """Where anonymous memory may not become executable (SELinux's execmem), a file in memory may.

    ARM's instruction caches do not see what a program writes; of a mapped file the system itself takes care."""
    if not hasattr(os, "memfd_create"):
        raise NotExecutable("the system allows no executable memory")
    file = os.memfd_create("rushlight")
    try:
        rest = memoryview(image + bytes(size - len(image)))
        while rest:  # a write may take a part only
            rest = rest[os.write(file, rest) :]
        return pages.map_memory(size, pages.READ | pages.EXECUTE, pages.PRIVATE, file)
    except OSError as error:
        raise NotExecutable(f"the system allows no executable memory ({error})") from error
    finally:
        os.close(file)


def _load_apple(image: bytes, size: int) -> int:
    """Apple's chips run what lies in MAP_JIT memory, which each thread sees as writable or executable."""
    libc, map_jit = pages.libc(), 0x800
    flags = pages.PRIVATE | pages.ANONYMOUS | map_jit
    address = pages.map_memory(size, pages.READ | pages.WRITE | pages.EXECUTE, flags)
    libc.pthread_jit_write_protect_np(0)
    ctypes.memmove(address, image, len(image))
    libc.pthread_jit_write_protect_np(1)
    libc.sys_icache_invalidate(ctypes.c_void_p(address), ctypes.c_size_t(size))
    return address


def _load_windows(image: bytes, size: int) -> int:
    kernel = ctypes.windll.kernel32
    kernel.VirtualAlloc.restype = ctypes.c_void_p
    kernel.VirtualAlloc.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint32, ctypes.c_uint32]
    kernel.VirtualProtect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint32, ctypes.c_void_p]
    address = kernel.VirtualAlloc(None, size, 0x3000, 0x04)  # committed and reserved; read and write
    if not address:
        raise NotExecutable("no memory for a kernel")
    ctypes.memmove(address, image, len(image))
    before = ctypes.c_uint32()
    if not kernel.VirtualProtect(address, size, 0x20, ctypes.byref(before)):  # execute and read
        raise NotExecutable("the system allows no executable memory")
    return address


def _release_windows(address: int, size: int) -> None:
    kernel = ctypes.windll.kernel32
    kernel.VirtualFree.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint32]
    kernel.VirtualFree(address, 0, 0x8000)
