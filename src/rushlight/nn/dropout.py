"""Dropout layers: in training they set numbers or whole channels to zero; in evaluation they do nothing."""

from __future__ import annotations

from rushlight.nn import functional_dropout as D
from rushlight.nn.module import Module
from rushlight.tensor.core import Tensor


class _DropoutNd(Module):
    """The arguments; each class says which function drops."""

    _function = None

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        D.check_probability(p)
        self.p = p
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """The input with zeros in it, while training."""
        return self._function(input, self.p, self.training, self.inplace)

    def extra_repr(self) -> str:
        """The arguments."""
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_DropoutNd):
    """Sets each number to zero with probability p while training, and divides the others by 1 − p.

    From Hinton et al., "Improving neural networks by preventing co-adaptation of feature detectors" (2012).

    >>> import rushlight as torch
    >>> torch.nn.Dropout(0.5).eval()(torch.ones(3))
    tensor([1., 1., 1.])
    """

    _function = staticmethod(D.dropout)


class Dropout1d(_DropoutNd):
    """Sets whole channels of (batch, channels, L) or (channels, L) to zero with probability p."""

    _function = staticmethod(D.dropout1d)


class Dropout2d(_DropoutNd):
    """Sets whole channels of (batch, channels, H, W) to zero with probability p."""

    _function = staticmethod(D.dropout2d)


class Dropout3d(_DropoutNd):
    """Sets whole channels of (batch, channels, D, H, W) or (channels, D, H, W) to zero with probability p."""

    _function = staticmethod(D.dropout3d)


class AlphaDropout(_DropoutNd):
    """Sets each number to SELU's limit with probability p while training, and keeps mean 0 and variance 1."""

    _function = staticmethod(D.alpha_dropout)

    def forward(self, input: Tensor) -> Tensor:
        """As in PyTorch, never in place."""
        return self._function(input, self.p, self.training)


class FeatureAlphaDropout(AlphaDropout):
    """`AlphaDropout` of whole channels (axis 1)."""

    _function = staticmethod(D.feature_alpha_dropout)
