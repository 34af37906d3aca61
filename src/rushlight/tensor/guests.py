"""Memory that others can write: the arrays that tensors lend, and packed-weight caches that are not trusted meanwhile.

In: a tensor whose memory is asked for (`numpy`, DLPack), or which lies in memory of others (`from_numpy`). Out: an
array by whose life one can tell how long anybody may write; a cache that compares numbers before it gives anything.
"""

from __future__ import annotations

import weakref
from pickle import PickleBuffer
from typing import Any

import numpy as np

from rushlight.autograd.version import Version


def lent(array: np.ndarray, version: Version) -> np.ndarray:
    """An array of the same memory for others, who are guests of that version of it as long as that array or any view
    of it lives.

    A view of an array holds on to the last array on the way to memory that is no array's. So what lies between the two
    here is no array, and lives as long as the last array that others made of this one.
    """
    if array.flags.c_contiguous:
        between = PickleBuffer(array)
        result = np.ndarray(array.shape, array.dtype, between, 0, array.strides)
    else:
        between = _Strided(array)
        result = np.asarray(between)
    version.admit(weakref.ref(between))
    return result


class _Strided:
    """An array in any order, as an object that is none."""

    __slots__ = ("__array_interface__", "__weakref__", "_array")

    def __init__(self, array: np.ndarray) -> None:
        self._array, self.__array_interface__ = array, array.__array_interface__


def owner() -> bool:
    """The guest that never leaves: whose memory it is."""
    return True


class Watched(dict):
    """The packed-weight cache of a tensor with guests. What it keeps is given only where the weight's bits are what
    they were; of what can be done as well while the weight is read, it never knows."""

    __slots__ = ("_array", "_copy", "_doubted")

    def __init__(self, array: np.ndarray) -> None:
        self._array, self._copy, self._doubted = _bits(array), None, True

    def doubt(self) -> None:
        """Compare again before anything else is given."""
        self._doubted = True

    def get(self, key: object, default: Any = None) -> Any:
        """What is kept under a key, if the weight has not changed."""
        if self._doubted:
            self._doubted = False
            if self._copy is None or not (self._array == self._copy).all():
                self.clear()
                self._copy = self._array.copy("K")
        return super().get(key, default)

    def __contains__(self, key: object) -> bool:
        return False


def _bits(array: np.ndarray) -> np.ndarray:
    """The numbers as whole ones, of which each equals itself."""
    return array.view(f"i{array.itemsize}")
