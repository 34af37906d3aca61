"""The generator: a seed, the stream of words it starts, and the normal number that may be waiting.

In: seeds and states (PyTorch's byte layout, so that states travel both ways). Out: the `stream` and
`waiting_normal` that the distributions draw from. The functions of the module act on the default generator.
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
from typing import TYPE_CHECKING

import numpy as np

from rushlight.core.errors import message
from rushlight.random.stream import STATE_WORDS, WordStream
from rushlight.tensor.size import CPU, check_device, device

if TYPE_CHECKING:
    from rushlight.tensor import Tensor

UNSEEDED = 67280421310721  # the seed of a Generator that nobody has seeded, as in PyTorch

# seed; draws until the next refill; seeded; words used; the words; three doubles of which the second is the
# waiting normal number; whether it is there; the rest belongs to another generator of PyTorch's and stays zero.
_LAYOUT = struct.Struct(f"<QiiQ{STATE_WORDS}Qdddi12x")
STATE_BYTES = _LAYOUT.size


class Generator:
    """A source of random numbers with a state of its own.

    Draws the numbers that PyTorch's CPU generator draws from the same seed. `manual_seed` and `set_state` return
    the generator.

    >>> import rushlight as torch
    >>> generator = torch.Generator().manual_seed(7)
    >>> first = torch.rand(2, generator=generator)
    >>> torch.equal(first, torch.rand(2, generator=generator.manual_seed(7)))
    True
    """

    def __init__(self, device: str | device = "cpu") -> None:
        check_device(device)
        self.lock = threading.RLock()  # held while an operation draws, so that threads draw one after the other
        _locked.add(self)
        self._restart(UNSEEDED)

    @property
    def device(self) -> device:
        """Always the CPU."""
        return CPU

    def drawn(self) -> Generator:
        """The generator whose numbers are drawn: itself."""
        return self

    def _restart(self, seed: int) -> None:
        with self.lock:
            self._seed = seed
            self.stream = WordStream(seed)
            self.waiting_normal: float | None = None

    def manual_seed(self, seed: int) -> Generator:
        """Start from `seed`, −2⁶³ ≤ seed < 2⁶⁴; a negative seed counts from 2⁶⁴ down.

        Raises RuntimeError where `seed` is no integer, ValueError where it is out of range.
        """
        if isinstance(seed, bool) or not hasattr(seed, "__index__"):
            raise RuntimeError(f"manual_seed expected a long, but got {type(seed).__name__}")
        self._restart(_unsigned(operator.index(seed)))
        return self

    def initial_seed(self) -> int:
        """The seed that the generator was last started from."""
        return self._seed

    def seed(self) -> int:
        """Start from a seed that the operating system gives, and return it."""
        self._restart(int.from_bytes(os.urandom(8), "little") >> 1)
        return self._seed

    def get_state(self) -> Tensor:
        """The whole state: a uint8 tensor of 5056 bytes, as PyTorch lays it out."""
        from rushlight.tensor import wrap

        return wrap(np.frombuffer(self._pack(), dtype=np.uint8).copy())

    def set_state(self, new_state: Tensor) -> None:
        """Continue from a state that `get_state` gave, here or in PyTorch.

        Raises TypeError where it is no uint8 tensor, RuntimeError where its size or content is not a state.
        """
        self._unpack(_state_bytes(new_state))

    def clone_state(self) -> Generator:
        """A new generator that will draw what this one will."""
        return _revive(self._pack())

    def _pack(self) -> bytes:
        with self.lock:
            words, used = self.stream.export_state()
            waiting = self.waiting_normal
        until_refill = 1 if self.stream.fresh else STATE_WORDS + 1 - used
        counted = 0 if self.stream.fresh else used
        normal = (0.0, waiting or 0.0, 0.0, waiting is not None)
        return _LAYOUT.pack(self._seed, until_refill, 1, counted, *words.tolist(), *normal)

    def _unpack(self, state: bytes) -> None:
        seed, until_refill, seeded, used, *rest = _LAYOUT.unpack(state)
        words, (_, waiting, _, is_waiting) = rest[:STATE_WORDS], rest[STATE_WORDS:]
        if not (seeded == 1 and 1 <= until_refill <= STATE_WORDS and used <= STATE_WORDS and max(words) < 1 << 32):
            raise RuntimeError(message("Invalid mt19937 state", mend="a tensor that get_state() returned"))
        with self.lock:
            self._restart(seed)
            self.stream.import_state(
                np.array(words, dtype=np.uint32),
                STATE_WORDS if until_refill == 1 else used,
                fresh=until_refill == 1 and used == 0,
            )
            self.waiting_normal = waiting if is_waiting else None

    def __reduce__(self) -> tuple:
        return _revive, (self._pack(),)

    def __repr__(self) -> str:
        return f"<torch.Generator device=cpu seed={self._seed}>"


class _DefaultGenerator(Generator):
    """The default generator: one of the process, or, inside `forked`, a copy that only the code in that block draws
    from. Other threads go on with the process's."""

    def __init__(self) -> None:
        self._own = Generator()
        self._copy: ContextVar[Generator | None] = ContextVar("rushlight_default_generator", default=None)

    def drawn(self) -> Generator:
        """The generator whose numbers are drawn here and now."""
        return self._copy.get() or self._own

    @contextmanager
    def forked(self) -> Iterator[None]:
        """Draw from a copy until the block ends."""
        before = self._copy.get()
        self._copy.set(self.clone_state())
        try:
            yield
        finally:
            self._copy.set(before)

    def _restart(self, seed: int) -> None:
        self.drawn()._restart(seed)

    def _pack(self) -> bytes:
        return self.drawn()._pack()

    def _unpack(self, state: bytes) -> None:
        self.drawn()._unpack(state)

    @property
    def _seed(self) -> int:
        return self.drawn()._seed

    @property
    def lock(self) -> threading.RLock:
        """The lock of the generator that is drawn from."""
        return self.drawn().lock

    @property
    def stream(self) -> WordStream:
        """The words of the generator that is drawn from."""
        return self.drawn().stream

    @property
    def waiting_normal(self) -> float | None:
        """The second of a pair of normal numbers of the generator that is drawn from."""
        return self.drawn().waiting_normal


_locked: weakref.WeakSet[Generator] = weakref.WeakSet()


def _unlock_in_child() -> None:
    """A lock that another thread held when the process forked nobody would release in the child."""
    for generator in list(_locked):
        generator.lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_unlock_in_child)


def _revive(state: bytes) -> Generator:
    generator = Generator()
    generator._unpack(state)
    return generator


def _unsigned(seed: int) -> int:
    if not -(1 << 63) <= seed < 1 << 64:
        raise ValueError(message("Overflow when unpacking long long", f"manual_seed: {seed} is outside −2⁶³ … 2⁶⁴−1"))
    return seed % (1 << 64)


def _state_bytes(state: object) -> bytes:
    from rushlight.core.dtypes import uint8
    from rushlight.tensor import Tensor

    if not isinstance(state, Tensor):
        raise TypeError(f"expected a torch.ByteTensor, but got {type(state).__name__}")
    if state.dtype is not uint8:
        raise TypeError(message("RNG state must be a torch.ByteTensor", f"its dtype is {state.dtype}"))
    found = state._array.tobytes()
    if len(found) != STATE_BYTES:
        raise RuntimeError(
            f"Expected a CPUGeneratorImplState of size {STATE_BYTES} "
            f"but found the input RNG state size to be {len(found)}"
        )
    return found


default_generator = _DefaultGenerator()
default_generator.seed()


def manual_seed(seed: int) -> Generator:
    """Start the default generator from `seed`, and return it.

    Anything that `int` takes is a seed; it must lie in −2⁶³ … 2⁶⁴−1, else ValueError.

    >>> import rushlight as torch
    >>> generator = torch.manual_seed(0)
    >>> torch.rand(3)
    tensor([0.4963, 0.7682, 0.0885])
    """
    return default_generator.manual_seed(int(seed))


def initial_seed() -> int:
    """The seed that the default generator was last started from."""
    return default_generator.initial_seed()


def seed() -> int:
    """Start the default generator from a seed that the operating system gives, and return it."""
    return default_generator.seed()


def get_rng_state() -> Tensor:
    """The default generator's state, a uint8 tensor."""
    return default_generator.get_state()


def set_rng_state(new_state: Tensor) -> None:
    """Make the default generator continue from a state."""
    default_generator.set_state(new_state)
