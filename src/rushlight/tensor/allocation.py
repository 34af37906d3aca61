"""Memory for new tensors, refused in words before NumPy or the machine can fail on it.

In: a shape (any sequence of ints) and a NumPy dtype. Out: an uninitialised array. Used by creation and by the layers.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence

import numpy as np

from rushlight.errors import bytes_in_words, message

_SMALL = 1 << 24  # bytes; below this nothing is asked of the operating system


def allocate(shape: Sequence[int], kind: np.dtype) -> np.ndarray:
    """An uninitialised array; RuntimeError, with the size in words, where it cannot fit this machine.

    >>> allocate((2, 3), np.dtype("float32")).shape
    (2, 3)
    """
    nbytes = math.prod(shape) * kind.itemsize
    if nbytes > _SMALL or nbytes < 0:
        check_fits(shape, nbytes)
    try:
        return np.empty(shape, kind)
    except (MemoryError, ValueError):  # ValueError: a product of axes beyond 2**63 beside an axis of 0
        raise RuntimeError(_refusal(shape, nbytes, "the machine has no such piece free")) from None


def check_fits(shape: Sequence[int], nbytes: int) -> None:
    """Raise RuntimeError where an array of `nbytes` cannot fit this machine."""
    for axis, size in enumerate(shape):
        if size < 0:
            raise RuntimeError(
                f"Trying to create tensor with negative dimension {size}: {list(shape)}\naxis {axis} has size {size}"
            )
    if nbytes >= 1 << 63:
        raise RuntimeError(_refusal(shape, nbytes, "beyond what 64 bits can address"))
    limit = machine_memory()
    if nbytes > limit:
        raise RuntimeError(_refusal(shape, nbytes, f"this machine has {bytes_in_words(limit)}"))


def machine_memory() -> int:
    """The bytes of memory of this machine."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # no sysconf (Windows): let the allocator decide
        return 1 << 62


def _refusal(shape: Sequence[int], nbytes: int, why: str) -> str:
    return message(
        f"DefaultCPUAllocator: can't allocate memory: you tried to allocate {nbytes} bytes.",
        f"A tensor of shape {list(shape)} takes {bytes_in_words(nbytes)}; {why}",
        mend="a smaller batch or size, or a smaller dtype",
    )
