"""Adam, and AdamW with its weight decay apart from the gradient."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from rushlight.autograd.version import version_of
from rushlight.core.dtypes import float32
from rushlight.optim.optimizer import Group, Optimizer, check_positive, check_unsupported
from rushlight.tensor.core import Tensor
from rushlight.tensor.creation import scalar_tensor, zeros_like
from rushlight.tensor.numerics import quiet


class Adam(Optimizer):
    """p ← p − lr · m̂ / (√v̂ + eps), m and v running means of the gradient and of its square.

    m ← β₁·m + (1 − β₁)·g and v ← β₂·v + (1 − β₂)·g², both beginning at 0, which m̂ = m / (1 − β₁ᵗ) and
    v̂ = v / (1 − β₂ᵗ) make up for. `weight_decay` adds weight_decay·p to the gradient, or, with
    `decoupled_weight_decay`, takes lr·weight_decay·p off the parameter; `amsgrad` uses the largest v so far.
    From Kingma & Ba, "Adam" (2014). `foreach` and `fused` are taken and change nothing.

    Raises ValueError for negative settings and betas outside [0, 1).

    >>> import rushlight as torch
    >>> w = torch.nn.Parameter(torch.tensor([1.0]))
    >>> optimizer = torch.optim.Adam([w], lr=0.1)
    >>> (w * w).sum().backward(); optimizer.step(); w.item() < 0.91
    True
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        check_positive("learning rate", lr)
        check_positive("epsilon value", eps)
        for index, beta in enumerate(betas):
            if not 0.0 <= beta < 1.0:
                raise ValueError(f"Invalid beta parameter at index {index}: {beta}")
        check_positive("weight_decay value", weight_decay)
        check_unsupported(capturable=capturable, differentiable=differentiable)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
            "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)

    def _update(self, parameter: Tensor, grad: Tensor, state: dict[str, Any], group: Group) -> None:
        if not state:
            self._begin(parameter, state, group["amsgrad"])
        quiet(_step, parameter._array, grad._array, {name: kept._array for name, kept in state.items()}, group)
        version_of(parameter).bump()

    @staticmethod
    def _begin(parameter: Tensor, state: dict[str, Any], amsgrad: bool) -> None:
        names = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")[: 3 if amsgrad else 2]
        state |= {"step": scalar_tensor(0.0, dtype=float32), **{name: zeros_like(parameter.detach()) for name in names}}


def _step(p: np.ndarray, g: np.ndarray, state: dict[str, np.ndarray], group: Group) -> None:
    """One step on arrays, in place; half precision is computed in float32. Nothing changes before everything that needs
    memory is done."""
    wide = p.dtype if p.dtype.itemsize > 2 else np.float32
    lr, decay, (beta1, beta2) = float(group["lr"]), group["weight_decay"], group["betas"]
    g = -g.astype(wide) if group["maximize"] else g.astype(wide, copy=False)
    decoupled = decay != 0 and group["decoupled_weight_decay"]
    if decay != 0 and not decoupled:
        g = g + p.astype(wide, copy=False) * decay
    mean = _towards(state["exp_avg"], g, beta1, wide)
    moved = {"exp_avg": mean}
    moved["exp_avg_sq"] = square = _towards(state["exp_avg_sq"], g * g, beta2, wide)
    if group["amsgrad"]:
        moved["max_exp_avg_sq"] = square = np.maximum(state["max_exp_avg_sq"], square)
    count = float(state["step"]) + 1
    divisor = np.sqrt(square)
    divisor /= math.sqrt(1 - beta2**count)
    divisor += group["eps"]
    change = (mean * (-lr / (1 - beta1**count)) / divisor).astype(p.dtype, copy=False)
    state["step"] += 1
    for name, value in moved.items():
        state[name][...] = value
    if decoupled:
        p *= 1 - lr * decay
    p += change


def _towards(mean: np.ndarray, value: np.ndarray, beta: float, wide: type) -> np.ndarray:
    """A running mean moved to beta·mean + (1 − beta)·value, in the wide type."""
    moved = mean * beta if mean.dtype == wide else mean.astype(wide) * beta
    moved += value * (1 - beta)
    return moved


class AdamW(Adam):
    """Adam with the weight decay taken off the parameter, apart from the gradient (Loshchilov & Hutter 2017)."""

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            maximize=maximize,
            foreach=foreach,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )
