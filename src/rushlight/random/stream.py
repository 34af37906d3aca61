"""The stream of random words: a seed comes in, 32-bit words of MT19937 go out, in order, to the distributions.

Few words come from the generator of Python's own `random.Random`, which steps as the reference algorithm does
(Matsumoto & Nishimura 1998), and therefore as PyTorch's CPU generator. NumPy has the same one, but its random module
takes ten times as long to import, which a first layer would wait for. From the first long draw on the words come from a
kernel, twenty times as fast, where the engine has one; the state moves over.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from rushlight.backends import registry
from rushlight.backends.protocol import Refusal
from rushlight.core.memory import of_numpy

STATE_WORDS = 624
_LOW_32_BITS = 0xFFFF_FFFF
_AT_ONCE = 1 << 16  # words; more than the caches hold take twice as long
_MANY = 1 << 16  # words, from which on kernels are worth being loaded, with the engine that has them
_SOME = 1 << 6  # words, from which on they are worth their launch, once the engine is loaded


class WordStream:
    """MT19937 as a stream; `fresh` is True until the first word after a seeding.

    The state is in one of three places: nowhere yet (`_seed` says it), in `_generator`, or in `_memory` and `_used`,
    where `kernels` step it, which make numbers of the words as well (None: NumPy does)."""

    def __init__(self, seed: int) -> None:
        self.seed(seed)

    def seed(self, seed: int) -> None:
        """Start again from the low 32 bits of `seed`; nothing is computed before a word is needed."""
        self._seed = seed & _LOW_32_BITS
        self._generator: random.Random | None = None
        self._memory: np.ndarray | None = None
        self._used = 0
        self._room: np.ndarray | None = None
        self._step: Any = None
        self.kernels: Any = None
        self.fresh = True

    def prepare(self, count: int) -> None:
        """Let kernels draw the words that follow, if the engine chosen now has them and so many words are worth it."""
        if self.kernels is None and not _pays(count):
            return
        try:
            self.kernels = registry.current().drawing("mt19937")
        except Refusal:
            self.kernels = None

    def words(self, count: int) -> np.ndarray:
        """The next `count` 32-bit words, as uint32; the memory is used again by the next call."""
        try:
            found = self._by_python(count) if self.kernels is None else self._by_kernel(count)
        except MemoryError as error:
            raise of_numpy(error) from None
        self.fresh = self.fresh and not count
        return found

    def _by_kernel(self, count: int) -> np.ndarray:
        kernels = self.kernels
        if self._memory is None:
            key, self._used = self.export_state()
            self._memory = np.zeros(kernels.state_room, np.uint32)
            self._memory[:STATE_WORDS] = key
            self._generator = self._room = None
        if self._room is None or self._room.size < count + kernels.slack:
            self._room = np.empty(count + kernels.slack, np.uint32)
            self._step = kernels.words(self._memory, self._room)
        self._used = self._step(self._used, count)
        return self._room[:count]

    def _by_python(self, count: int) -> np.ndarray:
        generator, found = self._started(), np.empty(count, np.uint32)
        for start in range(0, count, _AT_ONCE):
            some = min(_AT_ONCE, count - start)
            # Of a number of many bits, the first word drawn is the lowest.
            drawn = generator.getrandbits(32 * some).to_bytes(4 * some, "little")
            found[start : start + some] = np.frombuffer(drawn, "<u4")
        return found

    def _started(self) -> random.Random:
        if self._generator is None:
            self._generator = _python_generator(*self.export_state())
            self._memory = None
        return self._generator

    def export_state(self) -> tuple[np.ndarray, int]:
        """The 624 state words and how many of them are used up (624: the next draw makes new ones)."""
        if self._memory is not None:
            return self._memory[:STATE_WORDS].copy(), self._used
        if self._generator is not None:
            *key, used = self._generator.getstate()[1]
            return np.array(key, np.uint32), used
        return np.array(_seeded(self._seed), np.uint32), STATE_WORDS

    def import_state(self, key: np.ndarray, used: int, fresh: bool) -> None:
        """Continue from what `export_state` gave."""
        self._memory = self.kernels = None
        self._generator = _python_generator(np.asarray(key, dtype=np.uint32), int(used))
        self.fresh = fresh


def _pays(count: int) -> bool:
    """Whether so many words, and what becomes of them, are quicker by kernels than by Python."""
    return count >= (_SOME if registry.compiled_is_loaded() else _MANY)


def _python_generator(key: np.ndarray, used: int) -> random.Random:
    generator = random.Random(0)
    version, _, gauss = generator.getstate()
    generator.setstate((version, (*key.tolist(), used), gauss))
    return generator


def _seeded(seed: int) -> list[int]:
    """The reference's initial state for a 32-bit seed (`Random.seed` would mix it first)."""
    key = [seed]
    for index in range(1, STATE_WORDS):
        key.append((1812433253 * (key[-1] ^ (key[-1] >> 30)) + index) & _LOW_32_BITS)
    return key
