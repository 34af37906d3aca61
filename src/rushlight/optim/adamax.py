"""Adamax: Adam with the largest gradient of late instead of the root of their squares."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from rushlight.optim.moves import Moves, in_float32, larger, mean, size
from rushlight.optim.optimizer import Group, Optimizer, begun
from rushlight.optim.settings import check_adam
from rushlight.tensor.core import Tensor


class Adamax(Optimizer):
    """p ← p − lr / (1 − β₁ᵗ) · m / u, m the running mean of the gradient, u ← max(β₂·u, |g| + eps).

    `weight_decay` adds weight_decay·p to the gradient. From Kingma & Ba, "Adam" (2014), section 7.1. `foreach` changes
    nothing; with `differentiable` the step is recorded for autograd.

    Raises ValueError for negative settings and betas outside [0, 1).

    >>> import rushlight as torch
    >>> w = torch.nn.Parameter(torch.tensor([1.0]))
    >>> optimizer = torch.optim.Adamax([w], lr=0.1)
    >>> (w * w).sum().backward(); optimizer.step(); w
    Parameter containing:
    tensor([0.9000], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_adam(lr, betas, eps, weight_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _update(self, parameter: Tensor, grad: Tensor, state: dict[str, Any], group: Group, moves: Moves) -> None:
        if not state:
            state |= begun(parameter, "exp_avg", "exp_inf")
        decay, count = float(group["weight_decay"]), moves.count(state["step"])
        beta1, beta2 = map(float, group["betas"])
        kinds = group["maximize"], decay != 0
        numbers = -float(group["lr"]) / (1 - beta1**count), decay, beta1, 1 - beta1, beta2, float(group["eps"])
        moved = parameter, state["exp_avg"], state["exp_inf"]
        moves.add(("adamax", *kinds), partial(_step, *kinds), moved, grad, numbers, group["differentiable"])


@in_float32
def _step(
    maximize: bool, decays: bool, p: Any, first: Any, most: Any, g: Any, back: Any, decay: Any, beta1: Any, rest1: Any,
    beta2: Any, eps: Any,
) -> list[Any]:  # fmt: skip
    """The parameter, the mean and the largest gradient after a step."""
    g = -g if maximize else g
    g = g + p * decay if decays else g
    first = mean(first, g, beta1, rest1)
    most = larger(most * beta2, size(g) + eps)
    return [p + first * back / most, first, most]
