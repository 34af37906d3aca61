"""Losses that are negative logarithms of a distribution's likelihood, as functions: Poisson's and Gauss's.

`functional` shows them to users. All are compositions of operations on tensors; halves are computed in float32 and
rounded once.
"""

from __future__ import annotations

import math

from rushlight.autograd.modes import no_grad
from rushlight.nn.functional_loss import Flag, checked_reduction, reduced
from rushlight.tensor.arithmetic import rounded_once
from rushlight.tensor.autocasting import in_float32
from rushlight.tensor.core import Tensor


@in_float32
def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    size_average: Flag = None,
    eps: float = 1e-8,
    reduce: Flag = None,
    reduction: str = "mean",
) -> Tensor:
    """exp(input) − target·input, or without `log_input` input − target·ln(input + eps).

    `full` adds Stirling's approximation of ln(target!) where the target is above 1.

    >>> import rushlight as torch
    >>> torch.nn.functional.poisson_nll_loss(torch.zeros(2), torch.tensor([1.0, 3.0]))
    tensor(1.)
    """
    reduction = checked_reduction(size_average, reduce, reduction)

    def losses(x: Tensor, t: Tensor) -> Tensor:
        found = x.exp() - t * x if log_input else x - t * (x + eps).log()
        if full:
            stirling = t * t.log() - t + 0.5 * (2 * math.pi * t).log()
            found = found + stirling.masked_fill(t <= 1, 0)
        return found

    return reduced(rounded_once(losses, input, target), reduction)


def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """(ln(var) + (input − target)² / var) / 2, the variance no less than eps; `full` adds ln(2π) / 2.

    Shapes: input and target (…), var the same, or with the last axis 1 or left out, or one number. Raises ValueError
    for a variance of another shape, or below 0.

    >>> import rushlight as torch
    >>> torch.nn.functional.gaussian_nll_loss(torch.zeros(2), torch.tensor([1.0, 3.0]), torch.ones(2))
    tensor(2.5000)
    """
    if not isinstance(var, Tensor):
        if var < 0:
            raise ValueError("var has negative entry/entries")
        var = input.detach().new_full(input.shape, var)
    elif bool((var < 0).any()):
        raise ValueError("var has negative entry/entries")
    if var.shape != input.shape:
        if input.shape[:-1] == var.shape:
            var = var.unsqueeze(-1)
        elif input.shape[:-1] != var.shape[:-1] or var.shape[-1] != 1:
            raise ValueError("var is of incorrect size")
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not valid")
    var = var.clone()
    with no_grad():
        var.clamp_(min=eps)  # its derivative is that of var itself

    def losses(x: Tensor, t: Tensor, v: Tensor) -> Tensor:
        found = 0.5 * (v.log() + (x - t) ** 2 / v)
        return found + 0.5 * math.log(2 * math.pi) if full else found

    return reduced(rounded_once(losses, input, target, var), reduction)
