"""The generator as users hold it: a source of random words whose state is a tensor.

In: seeds and states. Out: what `rand(generator=…)` and its like draw from. The functions of the module act on the
default generator.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import numpy as np

from rushlight.core.dtypes import uint8
from rushlight.core.errors import message
from rushlight.random import source
from rushlight.random.source import STATE_BYTES, Source
from rushlight.random.stream import WordStream
from rushlight.tensor.core import Tensor, wrap
from rushlight.tensor.size import CPU, backend_of, device


class Generator(Source):
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
        if backend_of(device) is not None:
            raise RuntimeError(message(f"{str(device).upper()} device type not an accelerator.", fix="device='cpu'"))
        super().__init__()

    @property
    def device(self) -> device:
        """Always the CPU."""
        return CPU

    def get_state(self) -> Tensor:
        """The whole state: a uint8 tensor of 5056 bytes, as PyTorch lays it out."""
        return wrap(np.frombuffer(self.packed(), dtype=np.uint8).copy())

    def set_state(self, new_state: Tensor) -> None:
        """Continue from a state that `get_state` gave, here or in PyTorch.

        Raises TypeError where it is no uint8 tensor, RuntimeError where its size or content is not a state.
        """
        self.unpack(_state_bytes(new_state))

    def clone_state(self) -> Generator:
        """A new generator that will draw what this one will."""
        return _revive(self.packed())

    def __reduce__(self) -> tuple:
        return _revive, (self.packed(),)

    def __repr__(self) -> str:
        return f"<torch.Generator device=cpu seed={self._seed}>"


class _DefaultGenerator(Generator):
    """What is drawn from where no generator is given: the process's source or, inside `fork_rng`, a copy."""

    def __init__(self) -> None:
        pass  # it has no state of its own

    def drawn(self) -> Source:
        """The source whose numbers are drawn here and now."""
        return source.drawn()

    def _restart(self, seed: int) -> None:
        source.drawn()._restart(seed)

    def packed(self) -> bytes:
        """The whole state of the source that is drawn from."""
        return source.drawn().packed()

    def unpack(self, state: bytes) -> None:
        """Let the source that is drawn from continue from a state."""
        source.drawn().unpack(state)

    @property
    def _seed(self) -> int:
        return source.drawn()._seed

    @property
    def lock(self) -> threading.RLock:
        """The lock of the source that is drawn from."""
        return source.drawn().lock

    @property
    def stream(self) -> WordStream:
        """The words of the source that is drawn from."""
        return source.drawn().stream

    @property
    def waiting_normal(self) -> float | None:
        """The second of a pair of normal numbers of the source that is drawn from."""
        return source.drawn().waiting_normal


def _revive(state: bytes) -> Generator:
    generator = Generator()
    generator.unpack(state)
    return generator


def _state_bytes(state: object) -> bytes:
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


@contextlib.contextmanager
def fork_rng(devices: object = None, enabled: bool = True, device_type: str | None = None) -> Iterator[None]:
    """Draw from a copy of the default generator until the block ends. Devices are there for PyTorch's sake.

    What the block draws and seeds is its own: afterwards the default generator stands where it stood, and other threads
    that draw meanwhile see nothing of it.

    >>> import rushlight as torch
    >>> _ = torch.manual_seed(0)
    >>> with torch.random.fork_rng():
    ...     unseen = torch.rand(1)
    >>> torch.rand(1)
    tensor([0.4963])
    """
    with source.forked() if enabled else contextlib.nullcontext():
        yield
