"""Dropout as functions: numbers, or whole channels, are set to zero by chance while training.

What is kept is divided by the probability to be kept, so that the mean stays. The numbers are drawn as
PyTorch draws them.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from functools import lru_cache

from rushlight.core.dtypes import dtype
from rushlight.random.fill import fill_bernoulli
from rushlight.tensor.core import Tensor
from rushlight.tensor.creation import empty_like, ones

_SELU_LIMIT = 1.7580993408473766  # SELU's scale times its alpha: what it comes to at −∞, negated


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Set each number to zero with probability p; ValueError where p is outside [0, 1].

    >>> import rushlight as torch
    >>> sorted(set(torch.nn.functional.dropout(torch.ones(100), 0.5).tolist()))
    [0.0, 2.0]
    """
    check_probability(p)
    return _dropped(input, lambda: empty_like(input.detach()), p, training, inplace)


def check_probability(p: float) -> None:
    """ValueError for what is no probability."""
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Set whole channels of (batch, channels, L) or (channels, L) to zero with probability p."""
    check_probability(p)
    if input.dim() not in (2, 3):
        raise RuntimeError(
            f"dropout1d: Expected 2D or 3D input, but received a {input.dim()}D input. Note that dropout1d exists "
            "to provide channel-wise dropout on inputs with 1 spatial dimension, a channel dimension, and an "
            "optional batch dimension (i.e. 2D or 3D inputs)."
        )
    return _drop_channels(input, p, training, inplace, batched=input.dim() == 3)


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Set whole channels of (batch, channels, H, W) to zero with probability p.

    As in PyTorch, three axes are read as (batch, channels, L), with a warning.
    """
    check_probability(p)
    if input.dim() not in (3, 4):
        _warn_of_axes("dropout2d", input.dim(), 2)
    if input.dim() == 3:
        warnings.warn(
            "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout behavior is "
            "desired - input is interpreted as shape (N, C, L), where C is the channel dim. This behavior will "
            "change in a future release to interpret the input as one without a batch dimension, "
            "i.e. shape (C, H, W). To maintain the 1D channel-wise dropout behavior, please switch to using "
            "dropout1d instead.",
            stacklevel=2,
        )
    return _drop_channels(input, p, training, inplace, batched=True)


def dropout3d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Set whole channels of (batch, channels, D, H, W) or (channels, D, H, W) to zero with probability p."""
    check_probability(p)
    if input.dim() not in (4, 5):
        _warn_of_axes("dropout3d", input.dim(), 3)
    return _drop_channels(input, p, training, inplace, batched=input.dim() == 5)


def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """Set each number to SELU's limit −1.7581 with probability p, and scale and shift all so that mean 0 and variance 1
    stay (Klambauer et al. 2017); ValueError where p is outside [0, 1]."""
    check_probability(p)
    return _alpha_dropped(input, lambda: empty_like(input.detach()), p, training, inplace)


def feature_alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """`alpha_dropout` of whole channels (axis 1)."""
    check_probability(p)
    return _alpha_dropped(input, lambda: _channel_noise(input, 2), p, training, inplace)


def _alpha_dropped(input: Tensor, memory: Callable[[], Tensor], p: float, training: bool, inplace: bool) -> Tensor:
    if not training or p == 0 or input.numel() == 0:
        return input
    if p == 1:
        return input.mul_(0.0) if inplace else input * 0.0
    noise = memory()
    fill_bernoulli(noise._array, 1 - p)
    scale = 1 / math.sqrt((_SELU_LIMIT * _SELU_LIMIT * p + 1) * (1 - p))
    shift = noise.sub(1).mul_(_SELU_LIMIT * scale).add_(_SELU_LIMIT * scale * p)
    noise.mul_(scale)
    return input.mul_(noise).add_(shift) if inplace else input * noise + shift


def _warn_of_axes(name: str, dim: int, rank: int) -> None:
    warnings.warn(
        f"{name}: Received a {dim}-D input to {name}, which is deprecated and will result in an error in a future "
        "release. To retain the behavior and silence this warning, please use dropout instead. Note that "
        f"{name} exists to provide channel-wise dropout on inputs with {rank} spatial dimensions, a channel "
        f"dimension, and an optional batch dimension (i.e. {rank + 1}D or {rank + 2}D inputs).",
        stacklevel=3,
    )


def _drop_channels(input: Tensor, p: float, training: bool, inplace: bool, batched: bool) -> Tensor:
    lead = 2 if batched else 1
    return _dropped(input, lambda: _channel_noise(input, lead), p, training, inplace)


def _channel_noise(input: Tensor, lead: int) -> Tensor:
    """Memory for a number a channel: an entry of the first `lead` axes."""
    if lead == 2 and input.dim() < 2:
        raise RuntimeError("Feature dropout requires at least 2 dimensions in the input")
    return input.detach().new_empty((*input.shape[:lead], *[1] * (input.dim() - lead)))


def _dropped(input: Tensor, memory: Callable[[], Tensor], p: float, training: bool, inplace: bool) -> Tensor:
    """The input times noise that is 0 or 1 / (1 − p), in `memory()`; the input itself where nothing is dropped."""
    if not training or p == 0 or input.numel() == 0:
        return input
    if not input.dtype.is_floating_point:
        kind = input.type().removeprefix("torch.").removesuffix("Tensor")
        raise RuntimeError(f"result type Float can't be cast to the desired output type {kind}")
    noise = memory()
    if p == 1:
        noise.zero_()
    else:
        fill_bernoulli(noise._array, 1 - p, one=_kept(input.dtype, p))
    return input.mul_(noise) if inplace else input * noise


@lru_cache(maxsize=256)
def _kept(kind: dtype, p: float) -> float:
    """What a number that is kept is multiplied with, in its dtype."""
    return ones((), dtype=kind).div_(1 - p).item()
