"""SGD: stochastic gradient descent with momentum."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np

from rushlight.optim.moves import Moves
from rushlight.optim.optimizer import Group, Optimizer
from rushlight.optim.settings import check_fused, check_lr, check_positive
from rushlight.tensor.core import Tensor
from rushlight.tensor.creation import zeros_like


class SGD(Optimizer):
    """p ← p − lr·v, v ← momentum·v + (1 − dampening)·(g + weight_decay·p), v beginning as the first gradient.

    Without momentum v is the gradient itself; with `nesterov` the step goes along g + momentum·v (Sutskever
    et al. 2013); with `maximize` along −g. `foreach` and `fused` change nothing; with
    `differentiable` the step is recorded for autograd.

    Raises ValueError for negative settings, and for nesterov without momentum or with dampening.

    >>> import rushlight as torch
    >>> w = torch.nn.Parameter(torch.tensor([1.0]))
    >>> optimizer = torch.optim.SGD([w], lr=0.5)
    >>> (w * w).sum().backward(); optimizer.step(); w.item()
    0.0
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float | Tensor = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_lr(lr)
        check_positive("momentum value", momentum)
        check_positive("weight_decay value", weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
            "foreach": foreach,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)
        check_fused(fused, foreach, differentiable)

    def _update(self, parameter: Tensor, grad: Tensor, state: dict[str, Any], group: Group, moves: Moves) -> None:
        remembers, decay = group["momentum"] != 0, float(group["weight_decay"])
        velocity = state.get("momentum_buffer") if remembers else None
        kinds = group["maximize"], decay != 0, remembers and velocity is None, group["nesterov"]
        numbers = -float(group["lr"]), decay, float(group["momentum"]), 1 - float(group["dampening"])
        moved = [parameter]
        if remembers:
            moved.append(zeros_like(grad.detach()) if velocity is None else velocity)
            state["momentum_buffer"] = moved[1]
        key = "sgd", len(moved), *kinds
        moves.add(key, partial(_step, *kinds), moved, grad, numbers, group["differentiable"])


def _step(maximize: bool, decays: bool, begins: bool, nesterov: bool, p: Any, *given: Any) -> list[Any]:
    """The parameter, and its velocity if it has one, after a step. Halves are computed in float32, and rounded where
    each of PyTorch's operations rounds them."""
    *velocity, g, back, decay, momentum, rate = given
    kind, half = p.dtype, p.dtype.itemsize == 2 and not isinstance(p, Tensor)
    rounded = (lambda x: x.astype(kind).astype(np.float32)) if half else (lambda x: x)
    p, g, *velocity = (x.astype(np.float32) if half else x for x in (p, g, *velocity))
    g = -g if maximize else g
    g = rounded(g + p * decay) if decays else g
    if velocity:
        velocity = [g if begins else rounded(rounded(velocity[0] * momentum) + g * rate)]
        g = rounded(g + velocity[0] * momentum) if nesterov else velocity[0]
    return [x.astype(kind, copy=False) if half else x for x in (p + g * back, *velocity)]
