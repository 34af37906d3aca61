"""Pages of memory, straight from a POSIX system: mapped, protected, given back. For code and for guarded arrays."""

from __future__ import annotations

import ctypes
import functools
import mmap
from typing import Any

SIZE = mmap.PAGESIZE
NONE, READ, WRITE, EXECUTE = 0, 1, 2, 4
PRIVATE, FIXED = 0x2, 0x10
ANONYMOUS = getattr(mmap, "MAP_ANONYMOUS", 0)


@functools.lru_cache(maxsize=1)
def libc() -> Any:
    """The C library of the process, its functions for pages declared."""
    library = ctypes.CDLL(None, use_errno=True)
    library.mmap.restype = ctypes.c_void_p
    library.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
    library.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    library.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    return library


def whole(size: int) -> int:
    """`size` rounded up to pages, one at least."""
    return max(1, -(-size // SIZE)) * SIZE


def map_memory(
    size: int, protection: int, flags: int = PRIVATE | ANONYMOUS, file: int = -1, over: int | None = None
) -> int:
    """Map `size` bytes and give their address, with FIXED that of pages which they replace; raises OSError."""
    address = libc().mmap(over, size, protection, flags, file, 0)
    if address in (None, ctypes.c_void_p(-1).value):
        raise OSError(ctypes.get_errno(), f"cannot map {size} bytes")
    return address


def protect(address: int, size: int, protection: int) -> None:
    """Change what may be done with pages; raises OSError."""
    if libc().mprotect(address, size, protection):
        raise OSError(ctypes.get_errno(), "cannot change the protection of memory")


def release(address: int, size: int) -> None:
    """Give pages back."""
    libc().munmap(address, size)
