"""SGD: stochastic gradient descent with momentum."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rushlight.optim.optimizer import Group, Optimizer, check_positive, check_unsupported
from rushlight.tensor.core import Tensor


class SGD(Optimizer):
    """p ← p − lr·v, v ← momentum·v + (1 − dampening)·(g + weight_decay·p), v beginning as the first gradient.

    Without momentum v is the gradient itself; with `nesterov` the step goes along g + momentum·v (Sutskever
    et al. 2013); with `maximize` along −g. `foreach` and `fused` are taken and change nothing.

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
        check_positive("learning rate", lr)
        check_positive("momentum value", momentum)
        check_positive("weight_decay value", weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        check_unsupported(differentiable=differentiable)
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

    def _update(self, parameter: Tensor, grad: Tensor, state: dict[str, Any], group: Group) -> None:
        grad = -grad if group["maximize"] else grad
        if group["weight_decay"] != 0:
            grad = grad.add(parameter, alpha=float(group["weight_decay"]))
        if group["momentum"] != 0:
            velocity = self._velocity(grad, state, group)
            grad = grad.add(velocity, alpha=group["momentum"]) if group["nesterov"] else velocity
        parameter.add_(grad, alpha=-float(group["lr"]))
        if group["momentum"] != 0:
            state["momentum_buffer"] = velocity  # a first one not before all went well

    @staticmethod
    def _velocity(grad: Tensor, state: dict[str, Any], group: Group) -> Tensor:
        velocity = state.get("momentum_buffer")
        if velocity is None:
            return grad.detach().clone()
        return velocity.mul_(group["momentum"]).add_(grad, alpha=1 - group["dampening"])
