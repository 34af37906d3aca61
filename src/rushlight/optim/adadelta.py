"""Adadelta: steps as large as earlier steps were, for gradients as large as earlier ones."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from rushlight.optim.moves import Moves, in_float32, mean, root
from rushlight.optim.optimizer import Group, Optimizer, begun
from rushlight.optim.settings import check_lr, check_positive
from rushlight.tensor.core import Tensor


class Adadelta(Optimizer):
    """p ← p − lr·d, d = g·√(u + eps) / √(v + eps), v and u running means of g² and of d².

    Both keep `rho` of what they were. `weight_decay` adds weight_decay·p to the gradient. From Zeiler, "ADADELTA"
    (2012). `foreach` changes nothing; with `differentiable` the step is recorded for autograd.

    Raises ValueError for negative settings and rho outside [0, 1].

    >>> import rushlight as torch
    >>> w = torch.nn.Parameter(torch.tensor([1.0]))
    >>> optimizer = torch.optim.Adadelta([w])
    >>> (w * w).sum().backward(); optimizer.step(); w
    Parameter containing:
    tensor([0.9968], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Invalid rho value: {rho}")
        check_positive("epsilon value", eps)
        check_positive("weight_decay value", weight_decay)
        defaults = {
            "lr": lr,
            "rho": rho,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "capturable": capturable,
            "foreach": foreach,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _update(self, parameter: Tensor, grad: Tensor, state: dict[str, Any], group: Group, moves: Moves) -> None:
        if not state:
            state |= begun(parameter, "square_avg", "acc_delta")
        moves.count(state["step"])
        decay, rho = float(group["weight_decay"]), float(group["rho"])
        kinds = group["maximize"], decay != 0
        numbers = -float(group["lr"]), decay, rho, 1 - rho, float(group["eps"])
        moved = parameter, state["square_avg"], state["acc_delta"]
        moves.add(("adadelta", *kinds), partial(_step, *kinds), moved, grad, numbers, group["differentiable"])


@in_float32
def _step(
    maximize: bool, decays: bool, p: Any, square: Any, change: Any, g: Any, back: Any, decay: Any, rho: Any, rest: Any,
    eps: Any,
) -> list[Any]:  # fmt: skip
    """The parameter and the means of both squares after a step."""
    g = -g if maximize else g
    g = g + p * decay if decays else g
    square = mean(square, g * g, rho, rest)
    step = root(change + eps) / root(square + eps) * g
    return [p + step * back, square, mean(change, step * step, rho, rest)]
