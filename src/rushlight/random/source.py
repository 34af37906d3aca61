"""A source of random words: a seed, the stream it starts, and the normal number that may be waiting.

In: seeds, and states as bytes in PyTorch's layout, so that states travel both ways. Out: the `stream` and
`waiting_normal` that the distributions draw from. One source is the process's own; `drawn()` is that, or the copy that
only the code inside `forked` draws from. What users hold is `generator.Generator`, which has states as tensors.
"""

from __future__ import annotations

import operator
import os
import struct
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Self

import numpy as np

from rushlight.core.errors import message
from rushlight.random.stream import STATE_WORDS, WordStream

UNSEEDED = 67280421310721  # the seed of a Generator that nobody has seeded, as in PyTorch

# seed; draws until the next refill; seeded; words used; the words; three doubles of which the second is the
# waiting normal number; whether it is there; the rest belongs to another generator of PyTorch's and stays zero.
_LAYOUT = struct.Struct(f"<QiiQ{STATE_WORDS}Qdddi12x")
STATE_BYTES = _LAYOUT.size


class Source:
    """A stream of random words with a state, and the lock that is held while an operation draws from it."""

    def __init__(self) -> None:
        self.lock = threading.RLock()  # held while an operation draws, so that threads draw one after the other
        _locked.add(self)
        self._restart(UNSEEDED)

    def drawn(self) -> Source:
        """The source whose numbers are drawn: itself."""
        return self

    def _restart(self, seed: int) -> None:
        with self.lock:
            self._seed = seed
            self.stream = WordStream(seed)
            self.waiting_normal: float | None = None

    def manual_seed(self, seed: int) -> Self:
        """Start from `seed`, −2⁶³ ≤ seed < 2⁶⁴; a negative seed counts from 2⁶⁴ down.

        Raises RuntimeError where `seed` is no integer, ValueError where it is out of range.
        """
        if isinstance(seed, bool) or not hasattr(seed, "__index__"):
            raise RuntimeError(f"manual_seed expected a long, but got {type(seed).__name__}")
        self._restart(_unsigned(operator.index(seed)))
        return self

    def initial_seed(self) -> int:
        """The seed that it was last started from."""
        return self._seed

    def seed(self) -> int:
        """Start from a seed that the operating system gives, and return it."""
        self._restart(int.from_bytes(os.urandom(8), "little") >> 1)
        return self._seed

    def packed(self) -> bytes:
        """The whole state, as PyTorch lays it out."""
        with self.lock:
            words, used = self.stream.export_state()
            waiting = self.waiting_normal
        until_refill = 1 if self.stream.fresh else STATE_WORDS + 1 - used
        counted = 0 if self.stream.fresh else used
        normal = (0.0, waiting or 0.0, 0.0, waiting is not None)
        return _LAYOUT.pack(self._seed, until_refill, 1, counted, *words.tolist(), *normal)

    def unpack(self, state: bytes) -> None:
        """Continue from a state that `packed` gave, here or in PyTorch; RuntimeError where it is none."""
        seed, until_refill, seeded, used, *rest = _LAYOUT.unpack(state)
        words, (_, waiting, _, is_waiting) = rest[:STATE_WORDS], rest[STATE_WORDS:]
        if not (seeded == 1 and 1 <= until_refill <= STATE_WORDS and used <= STATE_WORDS and max(words) < 1 << 32):
            raise RuntimeError(message("Invalid mt19937 state", fix="a tensor that get_state() returned"))
        with self.lock:
            self._restart(seed)
            self.stream.import_state(
                np.array(words, dtype=np.uint32),
                STATE_WORDS if until_refill == 1 else used,
                fresh=until_refill == 1 and used == 0,
            )
            self.waiting_normal = waiting if is_waiting else None


def _unsigned(seed: int) -> int:
    if not -(1 << 63) <= seed < 1 << 64:
        raise ValueError(message("Overflow when unpacking long long", f"manual_seed: {seed} is outside −2⁶³ … 2⁶⁴−1"))
    return seed % (1 << 64)


_locked: weakref.WeakSet[Source] = weakref.WeakSet()


def _unlock_in_child() -> None:
    """A lock that another thread held when the process forked nobody would release in the child."""
    for source in list(_locked):
        source.lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_unlock_in_child)

# The process's own, and what a `with forked()` draws from instead; other threads go on with the process's.
_own = Source()
_own.seed()
_copy: ContextVar[Source | None] = ContextVar("rushlight_default_generator", default=None)


def drawn() -> Source:
    """The source whose numbers are drawn, here and now, where no generator is given."""
    return _copy.get() or _own


@contextmanager
def forked() -> Iterator[None]:
    """Draw from a copy until the block ends."""
    before, copy = _copy.get(), Source()
    copy.unpack(drawn().packed())
    _copy.set(copy)
    try:
        yield
    finally:
        _copy.set(before)


def checked(generator: Source | None) -> Source:
    """The source to draw from: the default one for None. TypeError for anything else that is none."""
    if generator is None:
        return drawn()
    if not isinstance(generator, Source):
        raise TypeError(f"argument 'generator' must be torch.Generator, not {type(generator).__name__}")
    return generator.drawn()
