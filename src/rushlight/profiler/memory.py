"""How much memory tensors and scratch take, at each moment and at most.

In: arrays, as they are made. Out: `current` and `peak`, bytes beyond what was there at the start; an array counts from
when it is seen until it dies. Recycled blocks count with their whole size (`runtime.memory`), small arrays as they are.
"""

from __future__ import annotations

import gc
import weakref
from functools import partial

import numpy as np

from rushlight.autograd.value import Value
from rushlight.nn.parameter import is_lazy
from rushlight.runtime import memory as blocks


class Memory:
    """Counts arrays from now on."""

    def __init__(self, outer: Memory | None = None) -> None:
        """`outer` counts them, too."""
        self._outer = outer
        self.current = self.peak = 0
        self._alive: dict[int, weakref.ref] = {}
        there = [
            _memory_of(value) for value in gc.get_objects() if issubclass(type(value), Value) and not is_lazy(value)
        ]
        for array in map(_owner, [*blocks.in_use(), *there]):
            if array is not None and id(array) not in self._alive:
                self._follow(array)

    def see(self, value: Value) -> None:
        """A tensor has been made: its memory counts, if it does not yet."""
        self.see_array(_memory_of(value))

    def see_array(self, array: object) -> None:
        """An array has been made."""
        array = _owner(array)
        if array is not None and id(array) not in self._alive:
            self.current += self._follow(array)
            self.peak = max(self.peak, self.current)
        if self._outer is not None:
            self._outer.see_array(array)

    def _follow(self, array: np.ndarray) -> int:
        """Notice when this array dies; gives its bytes."""
        size = blocks.block_size(array)
        self._alive[id(array)] = weakref.ref(array, partial(self._ended, id(array), size))
        return size

    def _ended(self, key: int, size: int, reference: object) -> None:
        if self._alive.pop(key, None) is not None:
            self.current -= size

    def finish(self) -> None:
        """Count no more."""
        self._alive.clear()


def _memory_of(value: Value) -> object:
    """The array of a tensor, wherever its elements lie."""
    lying = getattr(value, "_lying", None)
    return getattr(value, "_ordered", None) if lying is None else lying.array


def _owner(array: object) -> np.ndarray | None:
    """The array whose memory it is; None where it is no array of the host."""
    if type(array) is not np.ndarray:
        return None
    while type(array.base) is np.ndarray:
        array = array.base
    return array
