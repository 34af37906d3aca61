"""Adagrad: steps divided by the root of the sum of all squares of the gradient so far."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from rushlight.optim.moves import Moves, in_float32, root
from rushlight.optim.optimizer import Group, Optimizer, scalar_of
from rushlight.optim.settings import check_fused, check_lr, check_positive
from rushlight.tensor.core import Tensor
from rushlight.tensor.creation import full_like


class Adagrad(Optimizer):
    """p ← p − lr / (1 + (t − 1)·lr_decay) · g / (√s + eps), s ← s + g², t the number of the step.

    s begins as `initial_accumulator_value`. `weight_decay` adds weight_decay·p to the gradient. From Duchi, Hazan &
    Singer (2011). `foreach` and `fused` change nothing; with `differentiable` the step is recorded for autograd.

    Raises ValueError for negative settings.

    >>> import rushlight as torch
    >>> w = torch.nn.Parameter(torch.tensor([1.0]))
    >>> optimizer = torch.optim.Adagrad([w], lr=0.1)
    >>> (w * w).sum().backward(); optimizer.step(); w
    Parameter containing:
    tensor([0.9000], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_lr(lr)
        check_positive("lr_decay value", lr_decay)
        check_positive("weight_decay value", weight_decay)
        check_positive("initial_accumulator_value value", initial_accumulator_value)
        check_positive("epsilon value", eps)
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)
        check_fused(fused, foreach, differentiable)
        for group in self.param_groups:
            for parameter in group["params"]:
                self.state[parameter] = self._begun(parameter, group)

    @staticmethod
    def _begun(parameter: Tensor, group: Group) -> dict[str, Any]:
        return {"step": scalar_of(0.0), "sum": full_like(parameter.detach(), group["initial_accumulator_value"])}

    def share_memory(self) -> None:
        """Put the sums into memory that other processes see."""
        for kept in self.state.values():
            kept["sum"].share_memory_()

    def _update(self, parameter: Tensor, grad: Tensor, state: dict[str, Any], group: Group, moves: Moves) -> None:
        if not state:
            state |= self._begun(parameter, group)
        decay, count = float(group["weight_decay"]), moves.count(state["step"])
        kinds = group["maximize"], decay != 0
        numbers = -float(group["lr"]) / (1 + (count - 1) * group["lr_decay"]), decay, float(group["eps"])
        moved = parameter, state["sum"]
        moves.add(("adagrad", *kinds), partial(_step, *kinds), moved, grad, numbers, group["differentiable"])


@in_float32
def _step(maximize: bool, decays: bool, p: Any, total: Any, g: Any, back: Any, decay: Any, eps: Any) -> list[Any]:
    """The parameter and the sum of squares after a step."""
    g = -g if maximize else g
    g = g + p * decay if decays else g
    total = total + g * g
    return [p + g * back / (root(total) + eps), total]
