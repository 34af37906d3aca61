"""The normal distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Number
from typing import ClassVar

from rushlight.autograd.modes import no_grad
from rushlight.distributions.distribution import POSITIVE, REAL, Check, Distribution, together
from rushlight.random import normal
from rushlight.tensor.core import Tensor
from rushlight.tensor.creation import ones, zeros


class Normal(Distribution):
    """Normal numbers with a mean `loc` and a standard deviation `scale`.

    >>> import rushlight as torch
    >>> torch.distributions.Normal(0.0, 1.0).log_prob(torch.tensor(0.0))
    tensor(-0.9189)
    """

    has_rsample = True
    parameters: ClassVar[dict[str, Check]] = {"loc": REAL, "scale": POSITIVE}

    def __init__(self, loc: Tensor | float, scale: Tensor | float, validate_args: bool | None = None) -> None:
        self.loc, self.scale = together(loc, scale)
        super().__init__(
            () if isinstance(loc, Number) and isinstance(scale, Number) else self.loc.shape, (), validate_args
        )

    @property
    def mean(self) -> Tensor:
        """`loc`."""
        return self.loc

    mode = mean

    @property
    def stddev(self) -> Tensor:
        """`scale`."""
        return self.scale

    @property
    def variance(self) -> Tensor:
        """`scale`²."""
        return self.scale.pow(2)

    def expand(self, batch_shape: Sequence[int]) -> Normal:
        """The same for a larger batch."""
        return Normal(self.loc.expand(batch_shape), self.scale.expand(batch_shape), self._validate_args)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Numbers, without history."""
        shape = self._extended_shape(sample_shape)
        with no_grad():
            return normal(self.loc.expand(shape), self.scale.expand(shape))

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """loc + scale · standard normal numbers."""
        shape, options = self._extended_shape(sample_shape), {"dtype": self.loc.dtype, "device": self.loc.device}
        return self.loc + normal(zeros(shape, **options), ones(shape, **options)) * self.scale

    def log_prob(self, value: Tensor) -> Tensor:
        """−(x − loc)² / 2 scale² − log(scale · √2π)."""
        self._check_value(value)
        return -((value - self.loc) ** 2) / (2 * self.variance) - self.scale.log() - math.log(math.sqrt(2 * math.pi))

    def cdf(self, value: Tensor) -> Tensor:
        """The probability of at most `value`."""
        self._check_value(value)
        return 0.5 * (1 + ((value - self.loc) * self.scale.reciprocal() / math.sqrt(2)).erf())

    def icdf(self, value: Tensor) -> Tensor:
        """The number below which a draw lies with probability `value`."""
        return self.loc + self.scale * (2 * value - 1).erfinv() * math.sqrt(2)

    def entropy(self) -> Tensor:
        """½ + log(scale · √2π)."""
        return 0.5 + 0.5 * math.log(2 * math.pi) + self.scale.log()
