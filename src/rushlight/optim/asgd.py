"""ASGD: stochastic gradient descent that also keeps the average of where it has been."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from rushlight.optim.moves import Moves, in_float32
from rushlight.optim.optimizer import Group, Optimizer, begun, scalar_of
from rushlight.optim.settings import check_lr, check_positive
from rushlight.tensor.core import Tensor, memory


class ASGD(Optimizer):
    """p ← (1 − lambd·η)·p − η·g, η = lr / (1 + lambd·lr·t)^alpha; the average of p from step `t0` on is in state["ax"].

    `weight_decay` adds weight_decay·p to the gradient. From Polyak & Juditsky (1992). `foreach` changes nothing; with
    `differentiable` the step is recorded for autograd.

    Raises ValueError for a negative lr or weight_decay.

    >>> import rushlight as torch
    >>> w = torch.nn.Parameter(torch.tensor([1.0]))
    >>> optimizer = torch.optim.ASGD([w], lr=0.05)
    >>> (w * w).sum().backward(); optimizer.step(); w
    Parameter containing:
    tensor([0.9000], requires_grad=True)
    """

    _captured = "params, mus, etas, and state_steps"

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_lr(lr)
        check_positive("weight_decay value", weight_decay)
        defaults = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _update(self, parameter: Tensor, grad: Tensor, state: dict[str, Any], group: Group, moves: Moves) -> None:
        decay, lr, lambd = float(group["weight_decay"]), float(group["lr"]), float(group["lambd"])
        if not state:
            kept = begun(parameter, "ax")
            state |= {"step": kept["step"], "eta": scalar_of(lr), "mu": scalar_of(1.0), "ax": kept["ax"]}
        count, eta, mu = moves.count(state["step"]), float(memory(state["eta"])), float(memory(state["mu"]))
        moves.set(state["eta"], lr / (1 + lambd * lr * count) ** group["alpha"])
        moves.set(state["mu"], 1 / max(1, count - group["t0"]))
        kinds = group["maximize"], decay != 0, mu != 1
        numbers = -eta, decay, 1 - lambd * eta, mu
        moved = parameter, state["ax"]
        moves.add(("asgd", *kinds), partial(_step, *kinds), moved, grad, numbers, group["differentiable"])


@in_float32
def _step(
    maximize: bool,
    decays: bool,
    averages: bool,
    p: Any,
    average: Any,
    g: Any,
    back: Any,
    decay: Any,
    shrink: Any,
    mu: Any,
) -> list[Any]:
    """The parameter and its average after a step."""
    g = -g if maximize else g
    g = g + p * decay if decays else g
    p = p * shrink + g * back
    return [p, average + (p - average) * mu if averages else p]
