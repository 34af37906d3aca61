"""An exception on its way from a worker: what it was and where it was raised, as text, since tracebacks do not travel.

In: the exception that is being handled in the worker. Out: one of the same class in the process that waits for it.
"""

from __future__ import annotations

import traceback
from typing import NamedTuple, NoReturn


class _AsItIs(str):
    """A text that KeyError, which shows the repr of its key, shows readably."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class Failure(NamedTuple):
    """An exception that was raised elsewhere."""

    kind: type[BaseException]
    text: str

    @classmethod
    def of(cls, error: BaseException, where: str) -> Failure:
        """The failure that is this exception; `where` completes the sentence “Caught ValueError …”."""
        trace = "".join(traceback.format_exception(error))
        return cls(type(error), f"Caught {type(error).__name__} {where}.\nOriginal {trace}")

    def unnamed(self) -> Failure:
        """The same for a reader who cannot know its class."""
        return self._replace(kind=RuntimeError)

    def reraise(self) -> NoReturn:
        """Raise it here: of its own class where that takes a text, else as RuntimeError."""
        text = _AsItIs(self.text) if issubclass(self.kind, KeyError) else self.text
        try:
            error = self.kind(message=text) if getattr(self.kind, "message", None) else self.kind(text)
        except Exception:
            error = RuntimeError(text)
        try:
            raise error from None
        finally:
            del error  # it holds this frame; the loader's iterator must not wait for the cycle collector
