"""`map_location`: what PyTorch takes for it comes in, what becomes of each storage goes out.

Numbers come to the CPU first, whatever device they were saved from; a map_location that is a device sends all of them
there (`moved`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from rushlight.core.errors import message
from rushlight.tensor.core import Tensor
from rushlight.tensor.size import backend_of, check_device, device


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


MapLocation = str | device | Mapping[str, str | device] | Callable[[Storage, str], Storage | None] | None


def restorer(map_location: MapLocation) -> Callable[[np.ndarray, str], np.ndarray] | None:
    """What to do with each storage and the location it was saved from; None where there is nothing to do.

    Raises RuntimeError for a location that is not here, TypeError for what names no location.
    """
    if map_location is None or isinstance(map_location, (str, device)):
        check_device(map_location)
        return None
    if isinstance(map_location, Mapping):
        for location in map_location.values():
            if backend_of(location) is not None:
                raise RuntimeError(
                    message(f"a dict of locations sends to the CPU alone, not to {location}", fix=f"'{location}'")
                )
        return None
    if not callable(map_location):
        raise TypeError(
            message(
                f"map_location is of type {type(map_location).__name__}",
                fix="'cpu', a device, a dict of locations such as {'cuda:0': 'cpu'}, or a function (storage, location)",
            )
        )

    def restore(array: np.ndarray, location: str) -> np.ndarray:
        found = map_location(Storage(array), location)
        if found is None:
            return array
        if not isinstance(found, Storage):
            raise TypeError(f"map_location gave a {type(found).__name__}, expected the storage or None")
        return found._array

    return restore


def moved(result: Any, map_location: MapLocation) -> Any:
    """What was loaded, with its tensors on the device that is asked for: each remains the object that it is."""
    if isinstance(map_location, (str, device)) and backend_of(map_location) is not None:
        _move(result, map_location, set())
    return result


def _move(value: Any, location: str | device, seen: set[int]) -> None:
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, Tensor):
        if not value.is_meta:
            value.data = value.data.to(location)
    elif isinstance(value, Mapping):
        for entry in value.values():
            _move(entry, location, seen)
    elif isinstance(value, (list, tuple, set)):
        for entry in value:
            _move(entry, location, seen)
    elif hasattr(value, "parameters") and hasattr(value, "to"):
        value.to(location)
