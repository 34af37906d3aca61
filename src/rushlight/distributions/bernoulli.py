"""The Bernoulli distribution: 1 with a probability, else 0."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Number
from typing import ClassVar

from rushlight.autograd.modes import no_grad
from rushlight.distributions.distribution import (
    BOOLEAN,
    REAL,
    UNIT,
    Check,
    Distribution,
    clamped,
    computed_once,
    exactly_one,
    no_gradient,
    together,
)
from rushlight.nn.functional import binary_cross_entropy_with_logits
from rushlight.random import bernoulli
from rushlight.tensor.core import Tensor
from rushlight.tensor.shape import broadcast_tensors


class Bernoulli(Distribution):
    """1 with probability `probs`, or 1 / (1 + exp(−`logits`)), else 0.

    >>> import rushlight as torch
    >>> torch.distributions.Bernoulli(0.25).variance
    tensor(0.1875)
    """

    parameters: ClassVar[dict[str, Check]] = {"probs": UNIT, "logits": REAL}

    def __init__(
        self,
        probs: Tensor | float | None = None,
        logits: Tensor | float | None = None,
        validate_args: bool | None = None,
    ) -> None:
        exactly_one(probs, logits)
        name, given = ("probs", probs) if logits is None else ("logits", logits)
        (value,) = together(given)
        vars(self)[name] = value
        self._of = name
        super().__init__(() if isinstance(given, Number) else value.shape, (), validate_args)

    @computed_once
    def probs(self) -> Tensor:
        """The probability of 1."""
        return self.logits.sigmoid()

    @computed_once
    def logits(self) -> Tensor:
        """log(probs / (1 − probs))."""
        probs = clamped(self.probs)
        return probs.log() - (-probs).log1p()

    @property
    def mean(self) -> Tensor:
        """`probs`."""
        return self.probs

    @property
    def mode(self) -> Tensor:
        """The likelier number; NaN where both are as likely."""
        return (self.probs >= 0.5).to(self.probs).masked_fill(self.probs == 0.5, float("nan"))

    @property
    def variance(self) -> Tensor:
        """probs · (1 − probs)."""
        return self.probs * (1 - self.probs)

    @property
    def param_shape(self) -> object:
        """The shape of the parameter that was given."""
        return getattr(self, self._of).size()

    def expand(self, batch_shape: Sequence[int]) -> Bernoulli:
        """The same for a larger batch."""
        return Bernoulli(**{self._of: getattr(self, self._of).expand(batch_shape)}, validate_args=self._validate_args)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Zeros and ones."""
        with no_grad():
            return bernoulli(self.probs.expand(self._extended_shape(sample_shape)))

    rsample = no_gradient

    def log_prob(self, value: Tensor) -> Tensor:
        """log(probs) at 1, log(1 − probs) at 0."""
        self._check_value(value)
        logits, value = broadcast_tensors(self.logits, value)
        return -binary_cross_entropy_with_logits(logits, value, reduction="none")

    def entropy(self) -> Tensor:
        """−p·log p − (1 − p)·log(1 − p)."""
        return binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none")

    def _support(self) -> Check:
        return BOOLEAN
