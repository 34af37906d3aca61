"""Adam, and AdamW with its weight decay apart from the gradient."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np

from rushlight.core.dtypes import float32
from rushlight.optim.optimizer import Group, Optimizer, check_positive, check_unsupported, move
from rushlight.tensor.core import Tensor
from rushlight.tensor.creation import scalar_tensor, zeros_like


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
        (beta1, beta2), decay, lr = group["betas"], float(group["weight_decay"]), float(group["lr"])
        decoupled, count = group["decoupled_weight_decay"], float(state["step"]._array) + 1
        numbers = (
            beta1, 1 - beta1, beta2, 1 - beta2, -lr / (1 - beta1**count), math.sqrt(1 - beta2**count), group["eps"],
            1 - lr * decay if decoupled else decay,
        )  # fmt: skip
        kinds = group["maximize"], decay != 0 and not decoupled, decay != 0 and decoupled
        moved = [parameter, *[state[name] for name in _MEANS if name in state]]
        move(("adam", len(moved), *kinds), partial(_step, *kinds), moved, [grad], numbers)
        state["step"] += 1

    @staticmethod
    def _begin(parameter: Tensor, state: dict[str, Any], amsgrad: bool) -> None:
        names = _MEANS[: 3 if amsgrad else 2]
        state |= {"step": scalar_tensor(0.0, dtype=float32), **{name: zeros_like(parameter.detach()) for name in names}}


_MEANS = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")


def _step(maximize: bool, adds: bool, shrinks: bool, p: Any, mean: Any, square: Any, *given: Any) -> list[Any]:
    """The parameter and its running means after a step, of arrays and numbers; halves are computed in float32."""
    *largest, g, beta1, rest1, beta2, rest2, back, correction, eps, decay = given
    kinds = [x.dtype for x in (p, mean, square, *largest)]
    p, mean, square, g, *largest = (
        x.astype(np.float32) if x.dtype.itemsize == 2 else x for x in (p, mean, square, g, *largest)
    )
    g = -g if maximize else g
    g = g + p * decay if adds else g
    mean = mean * beta1 + g * rest1
    square = square * beta2 + g * g * rest2
    largest = [np.maximum(x, square) for x in largest]
    divisor = np.sqrt(largest[0] if largest else square) / correction + eps
    p = (p * decay if shrinks else p) + mean * back / divisor
    return [x.astype(kind, copy=False) for x, kind in zip((p, mean, square, *largest), kinds)]


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
