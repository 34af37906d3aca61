"""Random contents: `x.uniform_()`, `x.normal_()` and their like.

In: a tensor, a distribution's parameters and a generator. Out: the same tensor, filled with what `random.fill` draws.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from rushlight.autograd.graph import record, record_write
from rushlight.autograd.operation import Gradients, Operation, define
from rushlight.backends.array import ARRAYS
from rushlight.core.memory import worded
from rushlight.rules.results import as_first
from rushlight.runtime.allocation import zeros_beside
from rushlight.tensor.change import change, check_writeable, is_recorded
from rushlight.tensor.core import Tensor, alias, memory, wrap

if TYPE_CHECKING:
    from rushlight.random.source import Source


@cache
def _filling() -> ModuleType:
    from rushlight.random import fill

    return fill


def no_slope(*told: Any) -> Gradients:
    """What was drawn does not depend on what was there, nor on its chances."""
    *_, needs, grad = told
    return tuple([need and wrap(zeros_beside(memory(grad), *need)) for need in needs])


def _lower(array: np.ndarray, *others: Any) -> np.ndarray:
    """What was drawn is an operand: the last array."""
    return next(x for x in reversed(others) if isinstance(x, ARRAYS)).copy()


def _row(name: str, node: str, differentiable: int = 1) -> Operation:
    """Of the tensor as it was, of chances where there are any, and of what was drawn."""
    return define(name, node, derivative=no_slope, results=as_first, lowering=_lower, differentiable=differentiable)


UNIFORM = _row("uniform_", "UniformBackward0")
NORMAL = _row("normal_", "NormalBackward0")
BERNOULLI = _row("bernoulli_", "BernoulliBackward2")
BERNOULLI_TENSOR = _row("bernoulli_.tensor", "BernoulliBackward1", 2)
EXPONENTIAL = _row("exponential_", "ExponentialBackward0")
CAUCHY = _row("cauchy_", "CauchyBackward0")
LOG_NORMAL = _row("log_normal_", "LogNormalBackward0")
GEOMETRIC = _row("geometric_", "GeometricBackward0")
RANDOM = _row("random_", "RandomBackward2")
RANDOM_TO = _row("random_.to", "RandomBackward1")
RANDOM_FROM = _row("random_.from", "RandomBackward0")


@worded
def _drawn(self: Tensor, row: Operation, name: str, *given: Any, chances: Tensor | None = None) -> Tensor:
    """Fill by what is called `name`, which takes what is given, a generator last; `chances` if that is of a tensor."""
    draw = getattr(_filling(), name)
    check_writeable(self)
    if is_recorded(self, chances):
        return change(self, partial(_apart, row, draw, given), chances)
    draw(self._array, *given)
    inputs = (self,) if chances is None else (self, chances)
    attributes = given[:-1] if chances is None else ()
    record_write(row, attributes, self, lambda: (*inputs, wrap(self._array.copy())))
    return self


def _apart(row: Operation, draw: Callable, given: tuple, self: Tensor, chances: Tensor | None) -> Tensor:
    """What is drawn for a tensor that stays as it is."""
    drawn = wrap(np.empty_like(self._array))
    draw(drawn._array, *given)
    result = alias(drawn)
    if chances is None:
        record(row, given[:-1], result, (self, drawn))
    else:
        record(row, (), result, (self, chances, drawn))
    return result


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
    return _drawn(self, UNIFORM, "fill_uniform", bounds.get("from", 0.0), bounds.get("to", 1.0), generator)


def normal_(self: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Source | None = None) -> Tensor:
    """Fill with normal numbers of this mean and standard deviation."""
    return _drawn(self, NORMAL, "fill_normal", mean, std, generator)


def bernoulli_(self: Tensor, p: float | Tensor = 0.5, *, generator: Source | None = None) -> Tensor:
    """Fill with ones, with probability `p` each, and zeros."""
    if isinstance(p, Tensor):
        return _drawn(self, BERNOULLI_TENSOR, "fill_bernoulli", memory(p), generator, chances=p)
    return _drawn(self, BERNOULLI, "fill_bernoulli", p, generator)


def exponential_(self: Tensor, lambd: float = 1.0, *, generator: Source | None = None) -> Tensor:
    """Fill with exponential numbers of the rate `lambd`."""
    return _drawn(self, EXPONENTIAL, "fill_exponential", lambd, generator)


def cauchy_(self: Tensor, median: float = 0.0, sigma: float = 1.0, *, generator: Source | None = None) -> Tensor:
    """Fill with Cauchy numbers around `median`, as wide as `sigma` says."""
    return _drawn(self, CAUCHY, "fill_cauchy", median, sigma, generator)


def log_normal_(self: Tensor, mean: float = 1.0, std: float = 2.0, *, generator: Source | None = None) -> Tensor:
    """Fill with numbers whose logarithms are normal, of this mean and standard deviation."""
    return _drawn(self, LOG_NORMAL, "fill_log_normal", mean, std, generator)


def geometric_(self: Tensor, p: float, *, generator: Source | None = None) -> Tensor:
    """Fill with the number of trials, each of probability `p`, up to the first success."""
    return _drawn(self, GEOMETRIC, "fill_geometric", p, generator)


def random_(self: Tensor, *limits: int | None, generator: Source | None = None, **named: int | None) -> Tensor:
    """Fill with integers: `random_(from, to)` from [from, to), `random_(to)` from [0, to).

    `random_(from, None)` ends with the last that the dtype holds; `random_()` begins at 0 and ends there.
    """
    alone = len(limits) == 1 and not named
    bounds = _limits("random_", (0, *limits) if alone else limits, named)
    low = bounds.get("from", 0 if bounds else None)
    row = RANDOM_TO if alone or bounds.keys() == {"to"} else RANDOM_FROM if bounds else RANDOM
    return _drawn(self, row, "fill_random_int", low, bounds.get("to"), generator)
