"""The devices there are beside the host, by name: tensors look for theirs here.

In: a name. Out: its `device.Device`, which knows nothing of this table. A file of its own, so that a tensor of the
host's, which asks for none, loads no backend.
"""

from __future__ import annotations

from importlib import import_module

from rushlight.backends.array import Owner

DEVICES: dict[str, Owner] = {}

_BUILT_IN = ("meta",)  # files of this package, which register themselves when they are first asked for


def register(device: Owner) -> None:
    """Make a device known by its name."""
    DEVICES[device.name] = device


def find(name: str) -> Owner | None:
    """The device of this name; None where there is none."""
    if name in _BUILT_IN and name not in DEVICES:
        import_module(f"rushlight.backends.{name}")
    return DEVICES.get(name)
