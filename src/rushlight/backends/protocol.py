"""What a backend and the rest of the package agree on: how a backend says that it does not take a call."""

from __future__ import annotations

from typing import NamedTuple


class Refusal(Exception):
    """Raised by an engine that does not take a call; the text says why."""


class Unavailable(Refusal):
    """Raised by an engine that can take no call at all on this machine."""


class Refused(NamedTuple):
    """One recorded refusal."""

    engine: str
    kernel: str
    problem: str
    reason: str
