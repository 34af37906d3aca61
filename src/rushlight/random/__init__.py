"""PyTorch's CPU random stream: seeds come in, the numbers that PyTorch draws from them go out.

Below tensors, on arrays:

stream         words of MT19937
source         seed, state, the process's own source
distributions  words to numbers, in flat arrays, by the engine
fill           numbers into arrays of any strides, in memory order

Above them, loaded when first asked for:

generator      Generator, default_generator, fork_rng
factories      new tensors: rand, randn, …
"""

from __future__ import annotations

from rushlight.core import absent as _absent

_NAMES = {
    "factories": "bernoulli multinomial normal rand rand_like randint randint_like randn randn_like randperm",
    "generator": "Generator default_generator fork_rng get_rng_state initial_seed manual_seed seed set_rng_state",
}
_WHERE = {name: module for module, names in _NAMES.items() for name in names.split()}
__all__ = sorted(_WHERE)
_SUBMODULES = {"distributions", "factories", "fill", "generator", "source", "stream"}


__getattr__ = _absent.getter(__name__, _WHERE, _SUBMODULES)


def __dir__() -> list[str]:
    return sorted({*globals(), *_WHERE, *_SUBMODULES})
