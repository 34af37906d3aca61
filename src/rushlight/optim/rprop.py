"""Rprop: the sign of the gradient alone, with a step size for each number that grows and shrinks."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from rushlight.optim.moves import Moves, by_sign, in_float32, within
from rushlight.optim.optimizer import Group, Optimizer, begun
from rushlight.optim.settings import check_lr
from rushlight.tensor.core import Tensor
from rushlight.tensor.creation import full_like


class Rprop(Optimizer):
    """p ← p − s·sign(g); s grows by etas[1] where the gradient keeps its sign, and shrinks by etas[0] where it changes.

    Where the sign changed, this step is left out. s begins as lr and stays within `step_sizes`. For gradients of the
    whole data, not of batches. From Riedmiller & Braun (1993). `foreach` changes nothing; with `differentiable` the
    step is recorded for autograd.

    Raises ValueError for a negative lr, and etas that are not 0 < etas[0] < 1 < etas[1].

    >>> import rushlight as torch
    >>> w = torch.nn.Parameter(torch.tensor([1.0]))
    >>> optimizer = torch.optim.Rprop([w], lr=0.1)
    >>> (w * w).sum().backward(); optimizer.step(); w
    Parameter containing:
    tensor([0.9000], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        defaults = {
            "lr": lr,
            "etas": etas,
            "step_sizes": step_sizes,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _update(self, parameter: Tensor, grad: Tensor, state: dict[str, Any], group: Group, moves: Moves) -> None:
        if not state:
            state |= {**begun(parameter, "prev"), "step_size": full_like(grad.detach(), float(group["lr"]))}
        moves.count(state["step"])
        numbers = *map(float, group["etas"]), *map(float, group["step_sizes"])
        moved, key = (parameter, state["prev"], state["step_size"]), ("rprop", group["maximize"])
        moves.add(key, partial(_step, group["maximize"]), moved, grad, numbers, group["differentiable"])


@in_float32
def _step(
    maximize: bool, p: Any, before: Any, step: Any, g: Any, shrink: Any, grow: Any, least: Any, most: Any
) -> list[Any]:
    """The parameter, the gradient, and the step size of each number after a step."""
    g = -g if maximize else g
    same = g * before
    step = within(step * by_sign(same, grow, shrink, 1.0), least, most)
    g = by_sign(same, g, 0.0, g)
    return [p - by_sign(g, 1.0, -1.0, 0.0) * step, g, step]
