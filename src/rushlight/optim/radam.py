"""RAdam: Adam that divides by the gradient's size once that is known well enough."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import partial
from typing import Any

from rushlight.optim.moves import Moves, in_float32, mean, root
from rushlight.optim.optimizer import Group, Optimizer, begun
from rushlight.optim.settings import check_adam
from rushlight.tensor.core import Tensor


class RAdam(Optimizer):
    """p ← p − lr·r·m̂ / (√v̂ + eps/√(1 − β₂ᵗ)), m̂ and v̂ as in Adam, r the rectification; p − lr·m̂ at first.

    With ρ∞ = 2/(1 − β₂) − 1 and ρ = ρ∞ − 2t·β₂ᵗ/(1 − β₂ᵗ), r² = (ρ−4)(ρ−2)ρ∞ / ((ρ∞−4)(ρ∞−2)ρ), from ρ > 5 on.
    `weight_decay` adds weight_decay·p to the gradient, or, with `decoupled_weight_decay`, takes lr·weight_decay·p off
    the parameter. From Liu et al., "On the variance of the adaptive learning rate and beyond" (2019). `foreach` changes
    nothing; with `differentiable` the step is recorded for autograd.

    Raises ValueError for negative settings and betas outside [0, 1).

    >>> import rushlight as torch
    >>> w = torch.nn.Parameter(torch.tensor([1.0]))
    >>> optimizer = torch.optim.RAdam([w], lr=0.1)
    >>> (w * w).sum().backward(); optimizer.step(); w
    Parameter containing:
    tensor([0.8000], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_adam(lr, betas, eps, weight_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _update(self, parameter: Tensor, grad: Tensor, state: dict[str, Any], group: Group, moves: Moves) -> None:
        if not state:
            state |= begun(parameter, "exp_avg", "exp_avg_sq")
        decay, count, lr = float(group["weight_decay"]), moves.count(state["step"]), float(group["lr"])
        (beta1, beta2), decoupled = map(float, group["betas"]), group["decoupled_weight_decay"]
        most, correction = 2 / (1 - beta2) - 1, 1 - beta2**count
        length = most - 2 * count * beta2**count / correction
        factor = -lr / (1 - beta1**count)
        if length > 5:
            rectified = (length - 4) * (length - 2) * most / ((most - 4) * (most - 2) * length)
            factor *= math.sqrt(rectified) * math.sqrt(correction)
        kinds = group["maximize"], decay != 0 and not decoupled, decay != 0 and decoupled, length > 5
        numbers = (
            factor, 1 - lr * decay if decoupled else decay, beta1, 1 - beta1, beta2, 1 - beta2, float(group["eps"]),
        )  # fmt: skip
        moved = parameter, state["exp_avg"], state["exp_avg_sq"]
        moves.add(("radam", *kinds), partial(_step, *kinds), moved, grad, numbers, group["differentiable"])


@in_float32
def _step(
    maximize: bool, adds: bool, shrinks: bool, divides: bool, p: Any, first: Any, second: Any, g: Any, factor: Any,
    decay: Any, beta1: Any, rest1: Any, beta2: Any, rest2: Any, eps: Any,
) -> list[Any]:  # fmt: skip
    """The parameter and its running means after a step."""
    g = -g if maximize else g
    g = g + p * decay if adds else g
    first = mean(first, g, beta1, rest1)
    second = mean(second, g * g, beta2, rest2)
    step = first * factor
    return [(p * decay if shrinks else p) + (step / (root(second) + eps) if divides else step), first, second]
