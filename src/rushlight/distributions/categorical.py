"""The categorical distribution: one of several indices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rushlight.autograd.modes import no_grad
from rushlight.core import dtypes
from rushlight.distributions.distribution import (
    REAL,
    Check,
    Distribution,
    clamped,
    computed_once,
    exactly_one,
    no_gradient,
)
from rushlight.random import multinomial
from rushlight.tensor.core import Tensor
from rushlight.tensor.creation import full
from rushlight.tensor.shape import broadcast_tensors
from rushlight.tensor.size import Size

_REAL_VECTOR: Check = ("IndependentConstraint(Real(), 1)", REAL[1])
_SIMPLEX: Check = ("Simplex()", lambda x: (x >= 0).all(-1) & ((x.sum(-1) - 1).abs() < 1e-6))


class Categorical(Distribution):
    """Index i with the probability `probs[..., i]`, of which the sum is made 1, or softmax(`logits`)[..., i].

    >>> import rushlight as torch
    >>> torch.distributions.Categorical(torch.tensor([1.0, 3.0])).probs
    tensor([0.2500, 0.7500])
    """

    parameters: ClassVar[dict[str, Check]] = {
        "probs": _SIMPLEX,
        "logits": ("IndependentConstraint(Real(), 1)", REAL[1]),
    }

    def __init__(
        self, probs: Tensor | None = None, logits: Tensor | None = None, validate_args: bool | None = None
    ) -> None:
        exactly_one(probs, logits)
        self._of, given = ("probs", probs) if logits is None else ("logits", logits)
        if given.dim() < 1:
            raise ValueError(f"`{self._of}` parameter must be at least one-dimensional.")
        normal = given / given.sum(-1, keepdim=True) if logits is None else given - given.logsumexp(-1, keepdim=True)
        vars(self)[self._of] = normal
        self._num_events = given.shape[-1]
        super().__init__(given.shape[:-1], (), validate_args)

    @computed_once
    def probs(self) -> Tensor:
        """The probabilities."""
        return self.logits.softmax(-1)

    @computed_once
    def logits(self) -> Tensor:
        """Their logarithms."""
        return clamped(self.probs).log()

    @property
    def param_shape(self) -> Size:
        """The shape of the parameter that was given."""
        return getattr(self, self._of).size()

    @property
    def mean(self) -> Tensor:
        """NaN: indices have none."""
        return full(self._extended_shape(), float("nan"), dtype=self.probs.dtype, device=self.probs.device)

    @property
    def mode(self) -> Tensor:
        """The likeliest index."""
        return self.probs.argmax(-1)

    variance = mean

    def expand(self, batch_shape: Sequence[int]) -> Categorical:
        """The same for a larger batch."""
        shape = (*batch_shape, self._num_events)
        return Categorical(**{self._of: getattr(self, self._of).expand(shape)}, validate_args=self._validate_args)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Indices."""
        sample_shape = Size(sample_shape)
        with no_grad():
            flat = self.probs.reshape(-1, self._num_events)
            return multinomial(flat, sample_shape.numel(), True).t().reshape(self._extended_shape(sample_shape))

    rsample = no_gradient

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the probability of these indices."""
        self._check_value(value)
        value, logits = broadcast_tensors(value.long().unsqueeze(-1), self.logits)
        return logits.gather(-1, value[..., :1]).squeeze(-1)

    def entropy(self) -> Tensor:
        """−Σ p·log p."""
        return -(self.logits.clamp(min=dtypes.finfo(self.logits.dtype).min) * self.probs).sum(-1)

    def _support(self) -> Check:
        most = self._num_events - 1
        words = f"IntegerInterval(lower_bound=0, upper_bound={most})"
        return words, lambda x: (x % 1 == 0) & (x >= 0) & (x <= most)
