"""Functions that draw random numbers where they compute, other than dropout: randomised leaky ReLU, Gumbel's softmax.

`functional` shows them to users. The numbers are drawn as PyTorch draws them.
"""

from __future__ import annotations

import warnings

import numpy as np

from rushlight.nn import functional_activation as A
from rushlight.random.fill import fill_uniform
from rushlight.tensor.core import Tensor, wrap_beside
from rushlight.tensor.creation import empty_like, zeros_like


def rrelu(
    input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False, inplace: bool = False
) -> Tensor:
    """x where it is positive, slope·x elsewhere: in training a slope between lower and upper drawn for each number.

    In evaluation the slope is the mean of the two. From Xu et al., "Empirical evaluation of rectified activations"
    (2015). Raises RuntimeError where lower is above upper or one of them is not finite.
    """
    A.check_floating("rrelu_with_noise_out_cpu", input)
    if not np.isfinite((lower, upper)).all():
        wrong = "lower" if not np.isfinite(lower) else "upper"
        raise RuntimeError(f"rrelu: {wrong} bound must be finite, got {lower if wrong == 'lower' else upper:g}")
    if lower > upper:
        raise RuntimeError(f"Lower bound should be less than or equal to the upper bound, got {lower:g} and {upper:g}")
    if not training:
        return A.leaky_relu(input, (lower + upper) / 2, inplace)
    if input.is_meta:  # no numbers, none drawn
        return input.mul_(1.0) if inplace else input * empty_like(input)
    negative = np.asarray(input._array <= 0)
    drawn = np.empty(int(np.count_nonzero(negative)), np.float64)
    fill_uniform(drawn, lower, upper)
    slopes = np.ones(negative.shape, input._array.dtype)
    slopes[negative] = drawn.astype(slopes.dtype)
    slope = wrap_beside(slopes, input)
    return input.mul_(slope) if inplace else input * slope


def rrelu_(input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False) -> Tensor:
    """`rrelu`, written over the input."""
    return rrelu(input, lower, upper, training, inplace=True)


def gumbel_softmax(logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> Tensor:
    """A sample of softmax((logits + Gumbel noise) / tau): nearly one-hot, and differentiable by the logits.

    With `hard` the result is one-hot, and its gradient that of the soft one. From Jang et al., "Categorical
    reparameterization with Gumbel-softmax" (2017). `eps` does nothing any more.

    >>> import rushlight as torch
    >>> torch.nn.functional.gumbel_softmax(torch.zeros(2, 5), hard=True).sum().item()
    2.0
    """
    if eps != 1e-10:
        warnings.warn("`eps` parameter is deprecated and has no effect.", stacklevel=2)
    noise = -empty_like(logits.detach()).exponential_().log()
    soft = ((logits + noise) / tau).softmax(dim)
    if not hard:
        return soft
    chosen = soft.detach().max(dim, keepdim=True)[1]
    return zeros_like(logits.detach()).scatter_(dim, chosen, 1.0) - soft.detach() + soft
