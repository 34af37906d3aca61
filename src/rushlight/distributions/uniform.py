"""The uniform distribution."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Number
from typing import ClassVar

from rushlight.distributions.distribution import REAL, Check, Distribution, together
from rushlight.random import rand
from rushlight.tensor.core import Tensor


class Uniform(Distribution):
    """Numbers from [low, high), each as likely as the others.

    >>> import rushlight as torch
    >>> torch.distributions.Uniform(1.0, 3.0).entropy()
    tensor(0.6931)
    """

    has_rsample = True
    parameters: ClassVar[dict[str, Check]] = {"low": REAL, "high": REAL}

    def __init__(self, low: Tensor | float, high: Tensor | float, validate_args: bool | None = None) -> None:
        self.low, self.high = together(low, high)
        super().__init__(
            () if isinstance(low, Number) and isinstance(high, Number) else self.low.shape, (), validate_args
        )
        if self._validate_args and not bool((self.low < self.high).all()):
            raise ValueError("Uniform is not defined when low>= high")

    @property
    def mean(self) -> Tensor:
        """The middle."""
        return (self.high + self.low) / 2

    @property
    def variance(self) -> Tensor:
        """(high − low)² / 12."""
        return (self.high - self.low).pow(2) / 12

    @property
    def stddev(self) -> Tensor:
        """(high − low) / √12."""
        return (self.high - self.low) / 12**0.5

    def expand(self, batch_shape: Sequence[int]) -> Uniform:
        """The same for a larger batch."""
        return Uniform(self.low.expand(batch_shape), self.high.expand(batch_shape), self._validate_args)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """low + (high − low) · numbers from [0, 1)."""
        shape = self._extended_shape(sample_shape)
        return self.low + rand(shape, dtype=self.low.dtype, device=self.low.device) * (self.high - self.low)

    def log_prob(self, value: Tensor) -> Tensor:
        """−log(high − low) within, −∞ outside."""
        self._check_value(value)
        within = self.low.le(value).type_as(self.low) * self.high.gt(value).type_as(self.low)
        return within.log() - (self.high - self.low).log()

    def cdf(self, value: Tensor) -> Tensor:
        """The probability of at most `value`."""
        self._check_value(value)
        return ((value - self.low) / (self.high - self.low)).clamp(0, 1)

    def icdf(self, value: Tensor) -> Tensor:
        """The number below which a draw lies with probability `value`."""
        return value * (self.high - self.low) + self.low

    def entropy(self) -> Tensor:
        """log(high − low)."""
        return (self.high - self.low).log()

    def _support(self) -> Check:
        words = f"Interval(lower_bound={self.low}, upper_bound={self.high})"
        return words, lambda x: (x >= self.low) & (x <= self.high)
