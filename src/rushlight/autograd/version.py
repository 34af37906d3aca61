"""Versions: how often the memory of a value has been changed.

In: `bump(value)` from whoever writes. Out: the count that saved tensors, the history of views and packed weights are
checked against. Values of one memory share one `Version`.
"""

from __future__ import annotations

from collections.abc import Callable

from rushlight.autograd.value import Value

_MANY = 16


class Version:
    """Counts the in-place changes of one piece of memory; shared by all tensors that look at it.

    `count` is what autograd compares. `writes` also counts changes through `.data`, which autograd must not see
    but a packed copy of a weight must. `guests` may write without telling us, as long as they are there. `inference`
    says that the memory was made in inference mode.
    """

    __slots__ = ("_memory", "_writes", "count", "guests", "inference")

    def __init__(self, memory: Version | None = None) -> None:
        self.count = 0
        self.inference = False
        self._writes = 0
        self._memory = memory  # the Version that keeps `writes` and `guests`; None means this one
        self.guests: list[Callable[[], object]] = [] if memory is None else memory.guests  # those that left give None

    @property
    def writes(self) -> int:
        return (self._memory or self)._writes

    def has_guests(self) -> bool:
        """Whether others may write into the memory now. Where one has left since, it may have changed."""
        for guest in self.guests[:]:
            if guest() is None:
                (self._memory or self)._writes += 1
                try:  # noqa: SIM105 (`suppress` takes as long as lending an array)
                    self.guests.remove(guest)
                except ValueError:  # another thread was here
                    pass
        return bool(self.guests)

    def admit(self, guest: Callable[[], object]) -> None:
        """Note that others may write into the memory until `guest()` is None."""
        self.guests.append(guest)
        if len(self.guests) > _MANY:
            self.has_guests()  # which forgets those that have left

    def __bool__(self) -> bool:
        return True


# Stands for the untouched version of a value that was made in inference mode, as None does for others.
UNTOUCHED_INFERENCE = Version()
UNTOUCHED_INFERENCE.inference = True


def version_of(value: Value) -> Version:
    """The version of a value's memory, which from now on is kept."""
    version = value._memory_version
    if version is None or version is UNTOUCHED_INFERENCE:
        inference = version is not None
        version = value._memory_version = Version()
        version.inference = inference
    return version


def bump(value: Value) -> None:
    """Note that the memory of a value has changed."""
    version = value._memory_version
    if version is None or version is UNTOUCHED_INFERENCE:
        version = version_of(value)
    version.count += 1
    (version._memory or version)._writes += 1
