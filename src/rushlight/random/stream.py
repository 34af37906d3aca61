"""The stream of random words: a seed comes in, 32-bit words of MT19937 go out, in order, to the distributions.

The words come from the generator of Python's own `random.Random`, which steps as the reference algorithm does
(Matsumoto & Nishimura 1998), and therefore as PyTorch's CPU generator. NumPy has the same one, but its random module
takes ten times as long to import, which a first layer would wait for.
"""

from __future__ import annotations

import random

import numpy as np

from rushlight.core.memory import of_numpy

STATE_WORDS = 624
_LOW_32_BITS = 0xFFFF_FFFF
_AT_ONCE = 1 << 16  # words; more than the caches hold take twice as long


class WordStream:
    """MT19937 as a stream; `fresh` is True until the first word after a seeding."""

    def __init__(self, seed: int) -> None:
        self.seed(seed)

    def seed(self, seed: int) -> None:
        """Start again from the low 32 bits of `seed`; nothing is computed before a word is needed."""
        self._seed = seed & _LOW_32_BITS
        self._generator: random.Random | None = None
        self.fresh = True

    def _started(self) -> random.Random:
        if self._generator is None:
            self._generator = random.Random(0)
            self._set(_seeded(self._seed), STATE_WORDS)
        return self._generator

    def _set(self, key: list[int], used: int) -> None:
        version, _, gauss = self._generator.getstate()
        self._generator.setstate((version, (*key, used), gauss))

    def word(self) -> int:
        """The next 32-bit word."""
        self.fresh = False
        return self._started().getrandbits(32)

    def words(self, count: int) -> np.ndarray:
        """The next `count` 32-bit words, as uint32."""
        try:
            generator, found = self._started(), np.empty(count, np.uint32)
        except MemoryError as error:
            raise of_numpy(error) from None
        for start in range(0, count, _AT_ONCE):
            self.fresh = False
            some = min(_AT_ONCE, count - start)
            # Of a number of many bits, the first word drawn is the lowest.
            drawn = generator.getrandbits(32 * some).to_bytes(4 * some, "little")
            found[start : start + some] = np.frombuffer(drawn, "<u4")
        return found

    def long_words(self, count: int) -> np.ndarray:
        """The next `count` 64-bit words, as uint64: two draws each, the first is the high half."""
        pairs = self.words(2 * count).astype(np.uint64)
        return (pairs[0::2] << np.uint64(32)) | pairs[1::2]

    def export_state(self) -> tuple[np.ndarray, int]:
        """The 624 state words and how many of them are used up (624: the next draw makes new ones)."""
        *key, used = self._started().getstate()[1]
        return np.array(key, np.uint32), used

    def import_state(self, key: np.ndarray, used: int, fresh: bool) -> None:
        """Continue from what `export_state` gave."""
        self._started()
        self._set(np.asarray(key, dtype=np.uint32).tolist(), int(used))
        self.fresh = fresh


def _seeded(seed: int) -> list[int]:
    """The reference's initial state for a 32-bit seed (`Random.seed` would mix it first)."""
    key = [seed]
    for index in range(1, STATE_WORDS):
        key.append((1812433253 * (key[-1] ^ (key[-1] >> 30)) + index) & _LOW_32_BITS)
    return key
