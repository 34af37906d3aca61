"""Keeping gradients small: by their norm, or number by number."""

from __future__ import annotations

import math
from collections.abc import Iterable

from rushlight.autograd.modes import no_grad
from rushlight.tensor.core import Tensor
from rushlight.tensor.creation import scalar_tensor
from rushlight.tensor.parts import stack


def _gradients(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    parameters = [parameters] if isinstance(parameters, Tensor) else parameters
    return [parameter.grad for parameter in parameters if parameter.grad is not None]


def get_total_norm(
    tensors: Tensor | Iterable[Tensor],
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The norm of all tensors as one vector: of order 0 the norms' number, as in PyTorch.

    RuntimeError, if asked for, where it is not finite.
    """
    tensors = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    if not tensors:
        return scalar_tensor(0.0)
    norms = stack([_norm(tensor, float(norm_type)) for tensor in tensors])
    total = _norm(norms, float(norm_type))
    if error_if_nonfinite and not abs(total.item()) < float("inf"):
        raise RuntimeError(
            f"The total norm of order {float(norm_type)} for gradients from `parameters` is non-finite, so it cannot "
            "be clipped. To disable this error and scale the gradients by the non-finite norm anyway, set "
            "`error_if_nonfinite=False`"
        )
    return total


def _norm(tensor: Tensor, order: float) -> Tensor:
    size = tensor.abs()
    if order in (math.inf, -math.inf):
        return size.max() if order > 0 else size.min()
    if order == 0:
        return (size != 0).sum().to(size.dtype)
    if order == 1:
        return size.sum()
    return (size * size).sum().sqrt() if order == 2 else (size**order).sum() ** (1 / order)


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale all gradients down, in place, so that their norm is at most max_norm; returns the norm before.

    >>> import rushlight as torch
    >>> w = torch.nn.Parameter(torch.zeros(2)); w.grad = torch.tensor([3.0, 4.0])
    >>> torch.nn.utils.clip_grad_norm_([w], 1.0), w.grad
    (tensor(5.), tensor([0.6000, 0.8000]))
    """
    gradients = _gradients(parameters)
    with no_grad():
        total = get_total_norm(gradients, norm_type, error_if_nonfinite)
        factor = (max_norm / (total + 1e-6)).clamp(max=1.0)
        for gradient in gradients:
            gradient.mul_(factor)
    return total


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None) -> None:
    """Keep every number of the gradients, in place, between −clip_value and clip_value."""
    with no_grad():
        for gradient in _gradients(parameters):
            gradient.clamp_(-float(clip_value), float(clip_value))
