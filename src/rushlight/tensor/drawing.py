"""Random contents: `x.uniform_()`, `x.normal_()` and their like.

In: a tensor, a distribution's parameters and a generator. Out: the same tensor, filled with what `random.fill` draws.
"""

from __future__ import annotations

from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from rushlight.autograd.modes import mode
from rushlight.autograd.version import version_of
from rushlight.core.memory import worded
from rushlight.tensor.change import check_leaf, check_writeable
from rushlight.tensor.core import Tensor, wrap
from rushlight.tensor.inplace import copy_

if TYPE_CHECKING:
    from rushlight.random.source import Source


@cache
def _filling() -> ModuleType:
    from rushlight.random import fill

    return fill


@worded
def _drawn(self: Tensor, name: str, *args: object) -> Tensor:
    draw = getattr(_filling(), name)
    check_writeable(self)
    if mode.enabled and self.requires_grad:
        check_leaf(self)
        fresh = np.empty_like(self._array)
        draw(fresh, *args)
        return copy_(self, wrap(fresh))
    draw(self._array, *args)
    version_of(self).bump()
    return self


def _limits(function: str, given: tuple, named: dict[str, float]) -> dict[str, float]:
    """`from` and `to`, by position or by keyword; Python's grammar does not let a parameter be called `from`."""
    if not given and not named:
        return {}
    found = dict(zip(("from", "to"), given))
    if len(given) > 2 or named.keys() - {"from", "to"} or found.keys() & named.keys():
        words = ", ".join([*map(str, given), *[f"{name}={value}" for name, value in named.items()]])
        raise TypeError(f"{function}() received an invalid combination of arguments - got ({words})")
    return found | named


def uniform_(self: Tensor, *limits: float, generator: Source | None = None, **named: float) -> Tensor:
    """Fill with uniform numbers from [from, to): `uniform_(from=0, to=1)`."""
    bounds = _limits("uniform_", limits, named)
    return _drawn(self, "fill_uniform", bounds.get("from", 0.0), bounds.get("to", 1.0), generator)


def normal_(self: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Source | None = None) -> Tensor:
    """Fill with normal numbers of this mean and standard deviation."""
    return _drawn(self, "fill_normal", mean, std, generator)


def bernoulli_(self: Tensor, p: float | Tensor = 0.5, *, generator: Source | None = None) -> Tensor:
    """Fill with ones, with probability `p` each, and zeros."""
    return _drawn(self, "fill_bernoulli", p._array if isinstance(p, Tensor) else p, generator)


def exponential_(self: Tensor, lambd: float = 1.0, *, generator: Source | None = None) -> Tensor:
    """Fill with exponential numbers of the rate `lambd`."""
    return _drawn(self, "fill_exponential", lambd, generator)


def cauchy_(self: Tensor, median: float = 0.0, sigma: float = 1.0, *, generator: Source | None = None) -> Tensor:
    """Fill with Cauchy numbers around `median`, as wide as `sigma` says."""
    return _drawn(self, "fill_cauchy", median, sigma, generator)


def log_normal_(self: Tensor, mean: float = 1.0, std: float = 2.0, *, generator: Source | None = None) -> Tensor:
    """Fill with numbers whose logarithms are normal, of this mean and standard deviation."""
    return _drawn(self, "fill_log_normal", mean, std, generator)


def geometric_(self: Tensor, p: float, *, generator: Source | None = None) -> Tensor:
    """Fill with the number of trials, each of probability `p`, up to the first success."""
    return _drawn(self, "fill_geometric", p, generator)


def random_(self: Tensor, *limits: int | None, generator: Source | None = None, **named: int | None) -> Tensor:
    """Fill with integers: `random_(from, to)` from [from, to), `random_(to)` from [0, to).

    `random_(from, None)` ends with the last that the dtype holds; `random_()` begins at 0 and ends there.
    """
    bounds = _limits("random_", limits if len(limits) != 1 or named else (0, *limits), named)
    low = bounds.get("from", 0 if bounds else None)
    return _drawn(self, "fill_random_int", low, bounds.get("to"), generator)
