"""The stream of random words: a seed comes in, 32-bit words of MT19937 go out, in order, to the distributions.

The words come from NumPy's bit generator, which seeds and steps as the reference algorithm does
(Matsumoto & Nishimura 1998), and therefore as PyTorch's CPU generator. NumPy's random module is imported
with the first word that is drawn, so that seeding alone costs nothing.
"""

import numpy as np

STATE_WORDS = 624
_LOW_32_BITS = 0xFFFF_FFFF


class WordStream:
    """MT19937 as a stream; `fresh` is True until the first word after a seeding."""

    def __init__(self, seed: int) -> None:
        self.seed(seed)

    def seed(self, seed: int) -> None:
        """Start again from the low 32 bits of `seed`; nothing is computed before a word is needed."""
        self._seed = seed & _LOW_32_BITS
        self._bits = None
        self._numpy_generator = None
        self.fresh = True

    def _start(self) -> None:
        # RandomState keeps the reference seeding; MT19937(seed) would mix the seed first.
        state = np.random.RandomState(self._seed).get_state(legacy=False)
        self._bits = np.random.MT19937(0)
        self._bits.state = state
        self._numpy_generator = np.random.Generator(self._bits)

    def word(self) -> int:
        """The next 32-bit word."""
        if self._bits is None:
            self._start()
        self.fresh = False
        return int(self._bits.random_raw())

    def words(self, count: int) -> np.ndarray:
        """The next `count` 32-bit words, as uint32."""
        if self._bits is None:
            self._start()
        if count:
            self.fresh = False
        # Over the full range NumPy hands the generator's words through one by one, unchanged.
        return self._numpy_generator.integers(0, 1 << 32, size=count, dtype=np.uint32)

    def long_words(self, count: int) -> np.ndarray:
        """The next `count` 64-bit words, as uint64: two draws each, the first is the high half."""
        pairs = self.words(2 * count).astype(np.uint64)
        return (pairs[0::2] << np.uint64(32)) | pairs[1::2]

    def export_state(self) -> tuple[np.ndarray, int]:
        """The 624 state words and how many of them are used up (624: the next draw makes new ones)."""
        if self._bits is None:
            self._start()
        inner = self._bits.state["state"]
        return inner["key"], int(inner["pos"])

    def import_state(self, key: np.ndarray, used: int, fresh: bool) -> None:
        """Continue from what `export_state` gave."""
        if self._bits is None:
            self._start()
        state = {"key": np.asarray(key, dtype=np.uint32), "pos": used}
        self._bits.state = {"bit_generator": "MT19937", "state": state}
        self.fresh = fresh
