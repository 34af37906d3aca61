"""`map_location`: what PyTorch takes as the place of storages comes in, a rule for each storage's place goes out.

There is one place, the CPU. Storages of other devices come to it unless they are sent elsewhere by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from rushlight.core.errors import message
from rushlight.tensor.size import check_device, device


class Storage:
    """The memory of tensors, as a `map_location` function sees it."""

    def __init__(self, array: np.ndarray) -> None:
        self._array = array

    device = device("cpu")

    def cpu(self) -> Storage:
        """Itself."""
        return self

    def nbytes(self) -> int:
        """The number of bytes."""
        return self._array.nbytes

    def size(self) -> int:
        """The number of elements."""
        return self._array.size

    __len__ = size


Place = str | device | Mapping[str, str | device] | Callable[[Storage, str], Storage | None] | None


def restorer(map_location: Place) -> Callable[[np.ndarray, str], np.ndarray] | None:
    """What to do with each storage and the place it was saved from; None where there is nothing to do.

    Raises RuntimeError for a place that is not the CPU, TypeError for what names no place.
    """
    if map_location is None or isinstance(map_location, (str, device)):
        check_device(map_location)
        return None
    if isinstance(map_location, Mapping):
        for place in map_location.values():
            check_device(place)
        return None
    if not callable(map_location):
        raise TypeError(
            message(
                f"map_location is of type {type(map_location).__name__}",
                mend="'cpu', a device, a dict of places such as {'cuda:0': 'cpu'}, or a function (storage, place)",
            )
        )

    def restore(array: np.ndarray, place: str) -> np.ndarray:
        found = map_location(Storage(array), place)
        if found is None:
            return array
        if not isinstance(found, Storage):
            raise TypeError(f"map_location gave a {type(found).__name__}, expected the storage or None")
        return found._array

    return restore
