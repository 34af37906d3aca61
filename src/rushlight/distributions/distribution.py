"""What all distributions share: shapes, checks of parameters and values, and how parameters are broadcast."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property, wraps
from numbers import Number
from typing import Any, ClassVar, NoReturn

from rushlight.autograd.modes import enable_grad, no_grad
from rushlight.core import dtypes
from rushlight.core.errors import message
from rushlight.tensor.core import Tensor
from rushlight.tensor.creation import tensor
from rushlight.tensor.shape import broadcast_tensors
from rushlight.tensor.size import Size

Check = tuple[str, Callable[[Tensor], Tensor]]
"""What a value must be, in words, and a function that says where it is."""

REAL: Check = ("Real()", lambda x: x == x)
POSITIVE: Check = ("GreaterThan(lower_bound=0.0)", lambda x: x > 0)
UNIT: Check = ("Interval(lower_bound=0.0, upper_bound=1.0)", lambda x: (x >= 0) & (x <= 1))
BOOLEAN: Check = ("Boolean()", lambda x: (x == 0) | (x == 1))


class Distribution:
    """The base of the distributions: `batch_shape` of independent ones, each of numbers of `event_shape`.

    `sample(shape)` draws numbers (*shape, *batch_shape, *event_shape), `rsample` so that gradients reach the
    parameters, where a distribution can; `log_prob(value)` is the logarithm of the density. With `validate_args` (as it
    begins) parameters and values that are none raise ValueError.
    """

    has_rsample = False
    _checks_all = True
    parameters: ClassVar[dict[str, Check]] = {}
    """By name, what the parameters must be."""

    def __init__(
        self, batch_shape: Sequence[int] = (), event_shape: Sequence[int] = (), validate_args: bool | None = None
    ) -> None:
        self._batch_shape, self._event_shape = Size(batch_shape), Size(event_shape)
        self._validate_args = Distribution._checks_all if validate_args is None else validate_args
        if not self._validate_args:
            return
        for name, (words, holds) in self.parameters.items():
            value = vars(self).get(name)
            if value is not None and not bool(holds(value).all()):
                raise ValueError(
                    f"Expected parameter {name} ({type(value).__name__} of shape {tuple(value.shape)}) of distribution "
                    f"{self!r} to satisfy the constraint {words}, but found invalid values:\n{value}"
                )

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Whether distributions check, from now on, that are not told."""
        if value not in (True, False):
            raise ValueError
        Distribution._checks_all = bool(value)

    @property
    def batch_shape(self) -> Size:
        """The shape of the parameters: one distribution for each place."""
        return self._batch_shape

    @property
    def event_shape(self) -> Size:
        """The shape of one draw."""
        return self._event_shape

    @property
    def stddev(self) -> Tensor:
        """The standard deviation."""
        return self.variance.sqrt()

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Numbers, without history."""
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Numbers through which gradients reach the parameters; NotImplementedError where that cannot be."""
        raise NotImplementedError

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the density, or of the probability, at a value."""
        raise NotImplementedError

    def entropy(self) -> Tensor:
        """The expected −log_prob, in nats."""
        raise NotImplementedError

    def perplexity(self) -> Tensor:
        """exp(entropy)."""
        return self.entropy().exp()

    def _support(self) -> Check:
        """What values may be."""
        return REAL

    def _extended_shape(self, sample_shape: Sequence[int] = ()) -> Size:
        return Size((*sample_shape, *self._batch_shape, *self._event_shape))

    def _check_value(self, value: Any) -> None:
        """ValueError for a value that none of these distributions gives."""
        if not self._validate_args:
            return
        if not isinstance(value, Tensor):
            raise ValueError("The value argument to log_prob must be a Tensor")
        own, given = (*self._batch_shape, *self._event_shape), tuple(value.shape)
        for a, b in zip(reversed(given), reversed(own)):
            if a != 1 and b != 1 and a != b:
                raise ValueError(f"Value is not broadcastable with batch_shape+event_shape: {given} vs {own}.")
        words, holds = self._support()
        if not bool(holds(value).all()):
            raise ValueError(
                f"Expected value argument ({type(value).__name__} of shape {given}) to be within the support ({words}) "
                f"of the distribution {self!r}, but found invalid values:\n{value}"
            )

    def __repr__(self) -> str:
        shown = {name: vars(self).get(name) for name in self.parameters}
        texts = [f"{n}: {x if x.numel() == 1 else x.size()}" for n, x in shown.items() if x is not None]
        return f"{type(self).__name__}({', '.join(texts)})"


def together(*values: Tensor | float) -> tuple[Tensor, ...]:
    """Parameters as tensors of one shape; numbers take the dtype of the tensors."""
    for value in values:
        if not isinstance(value, Tensor | Number):
            raise ValueError("Input arguments must all be instances of Number or Tensor.")
    kinds = [value.dtype for value in values if isinstance(value, Tensor)]
    kind = kinds[0] if kinds else dtypes.get_default_dtype()
    return tuple(broadcast_tensors(*(v if isinstance(v, Tensor) else tensor(float(v), dtype=kind) for v in values)))


def computed_once(function: Callable[[Any], Tensor]) -> cached_property:
    """A property that is computed when it is first asked for, with its history even where that is in `no_grad`."""

    @wraps(function)
    def value(self: Any) -> Tensor:
        with enable_grad():
            return function(self)

    return cached_property(value)


def exactly_one(probs: object, logits: object) -> None:
    """ValueError unless one of the two is given."""
    if (probs is None) == (logits is None):
        raise ValueError("Either `probs` or `logits` must be specified, but not both.")


def clamped(probs: Tensor) -> Tensor:
    """Probabilities whose logarithms are finite."""
    eps = dtypes.finfo(probs.dtype).eps
    return probs.clamp(eps, 1 - eps)


def no_gradient(self: Distribution, *args: object) -> NoReturn:
    """NotImplementedError: such draws have no gradient."""
    raise NotImplementedError(message(f"{type(self).__name__}: draws have no gradient", fix="sample() and log_prob()"))
