"""PyTorch's CPU random stream: seeds come in, the numbers that PyTorch draws from them go out.

stream         words of MT19937
rounding       the last bit of a uniform
distributions  words to numbers, in flat arrays
generator      seed, state, default generator
fill           numbers into tensors, in memory order
factories      new tensors: rand, randn, …
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from rushlight.core import absent as _absent
from rushlight.random.factories import (
    bernoulli,
    multinomial,
    normal,
    rand,
    rand_like,
    randint,
    randint_like,
    randn,
    randn_like,
    randperm,
)
from rushlight.random.fill import fill_bernoulli, fill_exponential, fill_normal, fill_random_int, fill_uniform
from rushlight.random.generator import (
    Generator,
    default_generator,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)

__all__ = [
    "Generator",
    "bernoulli",
    "default_generator",
    "fill_bernoulli",
    "fill_exponential",
    "fill_normal",
    "fill_random_int",
    "fill_uniform",
    "fork_rng",
    "get_rng_state",
    "initial_seed",
    "manual_seed",
    "multinomial",
    "normal",
    "rand",
    "rand_like",
    "randint",
    "randint_like",
    "randn",
    "randn_like",
    "randperm",
    "seed",
    "set_rng_state",
]


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
    with default_generator.forked() if enabled else contextlib.nullcontext():
        yield


__getattr__ = _absent.getter(__name__)
