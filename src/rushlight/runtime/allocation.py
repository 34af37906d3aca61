"""Memory for new tensors, refused in words before NumPy or the machine can fail on it.

In: a shape (any sequence of ints) and a NumPy dtype. Out: an uninitialised array of recycled memory, aligned.
Used by creation and by the layers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.core import memory
from rushlight.core.errors import message
from rushlight.rules.layout import order_of_copy
from rushlight.runtime.memory import empty

MOST_AXES = 64  # NumPy's limit
_SMALL = 1 << 24  # bytes; below this nothing is asked of the operating system


def allocate(shape: Sequence[int], kind: np.dtype) -> np.ndarray:
    """An uninitialised array; RuntimeError, with the size in words, where it cannot fit this machine.

    >>> allocate((2, 3), np.dtype("float32")).shape
    (2, 3)
    """
    nbytes = math.prod(shape) * kind.itemsize
    check_axes(len(shape))
    if nbytes > _SMALL:
        memory.check(tuple(shape), kind.itemsize)
    try:
        return empty(tuple(shape), kind)
    except (RuntimeError, ValueError):  # ValueError: a product of axes beyond 2**63 beside an axis of 0
        raise memory.refused_array(shape, kind.itemsize) from None


def check_axes(count: int) -> None:
    """RuntimeError where a tensor would have more axes than there can be."""
    if count > MOST_AXES:
        raise too_many_axes(count)


def too_many_axes(count: int) -> RuntimeError:
    """The error for a tensor of more axes than there can be."""
    return RuntimeError(
        message(f"tensors have at most {MOST_AXES} dimensions, got {count}", "NumPy, which holds them, has no more")
    )


def zeros_beside(array: Any, shape: Sequence[int], kind: np.dtype) -> Any:
    """Zeros on the device of an array."""
    if type(array) is not np.ndarray:
        return array.backend.zeros(tuple(shape), kind)
    try:
        return np.zeros(shape, kind)
    except MemoryError as error:
        raise memory.of_numpy(error) from None


def empty_like_array(array: Any, kind: np.dtype) -> Any:
    """An uninitialised array of the same shape, device and order of axes in memory, without gaps."""
    if type(array) is not np.ndarray:
        return array.backend.empty_like(array, kind)
    if array.flags.c_contiguous:
        return allocate(array.shape, kind)
    order = order_of_copy(array.shape, array.strides, array.itemsize)
    memory = allocate([array.shape[axis] for axis in order], kind)
    return memory.transpose(np.argsort(order))
