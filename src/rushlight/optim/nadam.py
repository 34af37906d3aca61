"""NAdam: Adam that looks a step ahead, as Nesterov's momentum does."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np

from rushlight.optim.moves import Moves, in_float32, mean, root
from rushlight.optim.optimizer import Group, Optimizer, begun, scalar_of
from rushlight.optim.settings import check_adam, check_positive
from rushlight.tensor.core import Tensor, memory


class NAdam(Optimizer):
    """p ← p − lr·((1 − μₜ)/(1 − Πμ)·g + μₜ₊₁/(1 − Πμ·μₜ₊₁)·m) / (√v̂ + eps), m, v̂ as in Adam.

    μₜ = β₁·(1 − 0.96^(t·momentum_decay) / 2), and Πμ the product of all μ so far. `weight_decay` adds weight_decay·p to
    the gradient, or, with `decoupled_weight_decay`, takes lr·weight_decay·p off the parameter. From Dozat,
    "Incorporating Nesterov Momentum into Adam" (2016). `foreach` changes nothing; with `differentiable` the step is
    recorded for autograd.

    Raises ValueError for negative settings and betas outside [0, 1).

    >>> import rushlight as torch
    >>> w = torch.nn.Parameter(torch.tensor([1.0]))
    >>> optimizer = torch.optim.NAdam([w], lr=0.1)
    >>> (w * w).sum().backward(); optimizer.step(); w.item() < 0.92
    True
    """

    _captured = "params, mu_products and state_steps"

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_adam(lr, betas, eps, weight_decay)
        check_positive("momentum_decay value", momentum_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _update(self, parameter: Tensor, grad: Tensor, state: dict[str, Any], group: Group, moves: Moves) -> None:
        if not state:
            kept = begun(parameter, "exp_avg", "exp_avg_sq")
            state |= {"step": kept.pop("step"), "mu_product": scalar_of(1.0), **kept}
        decay, count, lr = float(group["weight_decay"]), moves.count(state["step"]), float(group["lr"])
        (beta1, beta2), decoupled = map(float, group["betas"]), group["decoupled_weight_decay"]
        now, soon = [beta1 * (1 - 0.5 * 0.96 ** (n * group["momentum_decay"])) for n in (count, count + 1)]
        product = memory(state["mu_product"])
        product = float(product[()] * product.dtype.type(now))  # rounded as the tensor rounds it
        moves.set(state["mu_product"], product)
        with np.errstate(all="ignore"):
            ahead = float(np.float64(-lr * soon) / (1 - product * soon))
            along = float(np.float64(-lr * (1 - now)) / (1 - product))
        numbers = (
            along, ahead, 1 - lr * decay if decoupled else decay, beta1, 1 - beta1, beta2, 1 - beta2, 1 - beta2**count,
            float(group["eps"]),
        )  # fmt: skip
        kinds = group["maximize"], decay != 0 and not decoupled, decay != 0 and decoupled
        moved = parameter, state["exp_avg"], state["exp_avg_sq"]
        moves.add(("nadam", *kinds), partial(_step, *kinds), moved, grad, numbers, group["differentiable"])


@in_float32
def _step(
    maximize: bool, adds: bool, shrinks: bool, p: Any, first: Any, second: Any, g: Any, along: Any, ahead: Any,
    decay: Any, beta1: Any, rest1: Any, beta2: Any, rest2: Any, correction: Any, eps: Any,
) -> list[Any]:  # fmt: skip
    """The parameter and its running means after a step."""
    g = -g if maximize else g
    g = g + p * decay if adds else g
    first = mean(first, g, beta1, rest1)
    second = mean(second, g * g, beta2, rest2)
    divisor = root(second / correction) + eps
    p = p * decay if shrinks else p
    return [p + g * along / divisor + first * ahead / divisor, first, second]
