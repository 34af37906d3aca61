"""Versions: how often the memory of a value has been changed.

In: `bump()` from whoever writes. Out: the count that saved tensors, the history of views and packed weights are
checked against. Values of one memory share one `Version`.
"""

from __future__ import annotations

from rushlight.autograd.value import Value


class Version:
    """Counts the in-place changes of one piece of memory; shared by all tensors that look at it.

    `count` is what autograd compares. `writes` also counts changes through `.data`, which autograd must not see
    but a packed copy of a weight must. `shared` says that others may write without telling us, `inference` that the
    memory was made in inference mode.
    """

    __slots__ = ("_memory", "_shared", "_writes", "count", "inference")

    def __init__(self, memory: Version | None = None) -> None:
        self.count = 0
        self.inference = False
        self._writes = 0
        self._shared = False
        self._memory = memory  # the Version that keeps `writes` and `shared`; None means this one

    @property
    def writes(self) -> int:
        return (self._memory or self)._writes

    @property
    def shared(self) -> bool:
        return (self._memory or self)._shared

    def bump(self) -> None:
        """Note that the memory has changed."""
        self.count += 1
        (self._memory or self)._writes += 1

    def share(self) -> None:
        """Note that the memory is visible to others."""
        (self._memory or self)._shared = True

    def __bool__(self) -> bool:
        return True


# Stands for the untouched version of a value that was made in inference mode, as None does for others.
UNTOUCHED_INFERENCE = Version()
UNTOUCHED_INFERENCE.inference = True


def version_of(value: Value) -> Version:
    """The version of a value's memory, which from now on is kept."""
    version = value._version
    if version is None or version is UNTOUCHED_INFERENCE:
        inference = version is not None
        version = value._version = Version()
        version.inference = inference
    return version
