"""Adam, and AdamW with its weight decay apart from the gradient."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import partial
from typing import Any

from rushlight.optim.moves import Moves, in_float32, larger, mean, root
from rushlight.optim.optimizer import Group, Optimizer, begun
from rushlight.optim.settings import check_adam, check_fused
from rushlight.tensor.core import Tensor


class Adam(Optimizer):
    """p ← p − lr · m̂ / (√v̂ + eps), m and v running means of the gradient and of its square.

    m ← β₁·m + (1 − β₁)·g and v ← β₂·v + (1 − β₂)·g², both beginning at 0, which m̂ = m / (1 − β₁ᵗ) and
    v̂ = v / (1 − β₂ᵗ) make up for. `weight_decay` adds weight_decay·p to the gradient, or, with
    `decoupled_weight_decay`, takes lr·weight_decay·p off the parameter; `amsgrad` uses the largest v so far.
    From Kingma & Ba, "Adam" (2014). `foreach` and `fused` change nothing; with
    `differentiable` the step is recorded for autograd.

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
        if isinstance(lr, Tensor) and foreach and not capturable:
            raise ValueError(_TENSOR.format("lr"))
        check_adam(lr, betas, eps, weight_decay)
        self._check_tensors(betas, foreach, capturable)
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
        check_fused(fused, foreach, differentiable)

    @staticmethod
    def _check_tensors(betas: tuple, foreach: bool | None, capturable: bool) -> None:
        """ValueError for shares that are tensors where PyTorch takes none."""
        if not any(all(isinstance(beta, kind) for beta in betas) for kind in (float, Tensor)):
            raise ValueError("betas must be either both floats or both Tensors")
        for index, beta in enumerate(betas):
            if isinstance(beta, Tensor):
                if foreach and not capturable:
                    raise ValueError(_TENSOR.format(f"betas[{index}]"))
                if beta.numel() != 1:
                    raise ValueError(f"Tensor betas[{index}] must be 1-element")

    def _update(self, parameter: Tensor, grad: Tensor, state: dict[str, Any], group: Group, moves: Moves) -> None:
        if group["foreach"] and isinstance(group["lr"], Tensor):
            raise RuntimeError(_TENSOR.format("lr"))
        if not state:
            state |= begun(parameter, *_MEANS[: 3 if group["amsgrad"] else 2])
        (beta1, beta2), decay, lr = group["betas"], float(group["weight_decay"]), float(group["lr"])
        beta1, beta2, decoupled = float(beta1), float(beta2), group["decoupled_weight_decay"]
        count = moves.count(state["step"])
        numbers = (
            beta1, 1 - beta1, beta2, 1 - beta2, -lr / (1 - beta1**count), math.sqrt(1 - beta2**count), group["eps"],
            1 - lr * decay if decoupled else decay,
        )  # fmt: skip
        kinds = group["maximize"], decay != 0 and not decoupled, decay != 0 and decoupled
        moved = [parameter, state["exp_avg"], state["exp_avg_sq"]]
        if group["amsgrad"]:
            moved.append(state["max_exp_avg_sq"])
        key = "adam", len(moved), *kinds
        moves.add(key, partial(_step, *kinds), moved, grad, numbers, group["differentiable"])


_MEANS = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")
_TENSOR = "{} as a Tensor is not supported for capturable=False and foreach=True"


@in_float32
def _step(maximize: bool, adds: bool, shrinks: bool, p: Any, first: Any, second: Any, *given: Any) -> list[Any]:
    """The parameter and its running means after a step."""
    *largest, g, beta1, rest1, beta2, rest2, back, correction, eps, decay = given
    g = -g if maximize else g
    g = g + p * decay if adds else g
    first = mean(first, g, beta1, rest1)
    second = mean(second, g * g, beta2, rest2)
    largest = [larger(x, second) for x in largest]
    divisor = root(largest[0] if largest else second) / correction + eps
    p = (p * decay if shrinks else p) + first * back / divisor
    return [p, first, second, *largest]


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
