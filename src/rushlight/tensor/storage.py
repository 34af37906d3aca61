"""Memory that lies in another order than the strides of its tensors say, until someone looks.

In: the array that a layer computed, its channels innermost, where PyTorch's result would be contiguous. Out: the same
elements in the order of those strides, for all tensors that see them, as soon as one of them is asked for memory.

A tensor's `_array` always has PyTorch's strides. Where the elements lie otherwise the tensor has only `_lying` yet;
reading `_array` puts the memory in order, once for the tensor and all its views (`settle`). Operations that
do not mind the order take `memory(tensor)` or `elements(tensor)`, which move nothing; what they make of it gets the
strides of PyTorch's result by `wrap_like`. So a network runs on the order that is fastest, and nobody can tell.
"""

from __future__ import annotations

import itertools
import threading
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from rushlight.runtime.allocation import allocate
from rushlight.runtime.copying import copy_into


class Lying:
    """Where the elements of one tensor are: `array`, a view of `whole.array`, which should be contiguous and is not."""

    __slots__ = ("array", "ordered", "tensors", "whole")

    def __init__(self, array: np.ndarray, whole: Lying | None = None) -> None:
        self.array = array
        self.whole = whole  # None for that itself
        self.ordered: np.ndarray | None = None  # of the whole: the elements in order, once somebody asked
        self.tensors: list[weakref.ref] | None = None  # of the whole: who else sees this memory

    def share(self, owner: Any, other: Any, array: np.ndarray) -> None:
        """Let tensor `other`, whose elements are `array`, see the memory that `owner` sees."""
        whole = self.whole or self
        if whole.tensors is None:
            whole.tensors = [weakref.ref(owner)]
        whole.tensors.append(weakref.ref(other))
        other._lying = Lying(array, whole)
        del other._ordered

    def is_entire(self) -> bool:
        """Whether the tensor has all elements of the memory in its order, so that it is contiguous."""
        return self.whole is None or self.array is self.whole.array

    def is_in_order(self) -> bool:
        """Whether the tensor's axes are in the order of its strides, so that what is made of it is contiguous."""
        if self.is_entire():
            return True
        steps = [step for step, n in zip(self.strides(), self.array.shape) if n > 1]
        return all(a >= b for a, b in itertools.pairwise(steps)) and 0 not in steps

    def strides(self) -> tuple[int, ...]:
        """The tensor's strides in bytes, as they will be."""
        whole = (self.whole or self).array
        moved = _mover(whole, contiguous_steps(whole))
        return tuple([moved(step) for step in self.array.strides])


_settling = threading.RLock()  # a signal handler may interrupt a settling with one of its own


def settle(tensor: Any) -> np.ndarray:
    """Put a tensor's memory in the order of its strides, and that of all tensors that see it; the tensor's array."""
    with _settling:
        lying = tensor._lying
        if lying is None:  # another thread was here
            return tensor._ordered
        base = lying.whole or lying
        whole = base.array
        if base.ordered is None:
            ordered = allocate(whole.shape, whole.dtype)
            copy_into(ordered, whole)
            base.ordered = ordered if base.ordered is None else base.ordered
        for other in (tensor, *[found for ref in base.tensors or () if (found := ref()) is not None]):
            its = other._lying
            if its is not None and (its.whole or its) is base:  # a tensor may have been given other memory since
                other._ordered = counterpart(its.array, whole, base.ordered)
                other._lying = None
        return tensor._ordered


def counterpart(view: np.ndarray, whole: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The view of `other` with the elements that `view` takes of `whole`: two arrays of one shape, of other strides.

    >>> whole, other = np.arange(6).reshape(3, 2).T, np.arange(6).reshape(3, 2).T.copy()
    >>> counterpart(whole[:, 1], whole, other).strides == other[:, 1].strides
    True
    """
    if view is whole:
        return other
    moved = _mover(whole, other.strides)
    start = moved(address(view) - address(whole))
    flat = np.ndarray((other.nbytes - start,), np.uint8, buffer=other.reshape(-1).view(np.uint8), offset=start)
    strides = [moved(step) for step in view.strides]
    first = flat[: other.itemsize].view(other.dtype) if view.size else np.empty(0, other.dtype)
    return np.lib.stride_tricks.as_strided(first, view.shape, strides, writeable=view.flags.writeable)


def _mover(whole: np.ndarray, strides: tuple[int, ...]) -> Callable[[int], int]:
    """What a distance in bytes in `whole`, so many steps along each axis, is where the axes have these strides."""
    axes = [axis for axis in range(whole.ndim) if whole.shape[axis] > 1]
    axes.sort(key=lambda axis: -whole.strides[axis])

    def moved(distance: int) -> int:
        total = 0
        for axis in axes:
            steps, distance = divmod(distance, whole.strides[axis])
            total += steps * strides[axis]
        return total

    return moved


def contiguous_steps(array: np.ndarray) -> tuple[int, ...]:
    """The strides in bytes that an array of this shape has in the order of its axes."""
    steps = [array.itemsize]
    for n in array.shape[:0:-1]:
        steps.append(steps[-1] * n)
    return tuple(steps[::-1])


def address(array: np.ndarray) -> int:
    """Where the first element is."""
    return array.__array_interface__["data"][0]
