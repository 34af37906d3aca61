"""RMSprop: steps divided by the root of a running mean of the gradient's square."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from rushlight.optim.moves import Moves, in_float32, mean, root
from rushlight.optim.optimizer import Group, Optimizer, begun
from rushlight.optim.settings import check_lr, check_positive
from rushlight.tensor.core import Tensor


class RMSprop(Optimizer):
    """p ← p − lr·g / (√v + eps), v ← alpha·v + (1 − alpha)·g².

    With `centered` the divisor is √(v − m²) + eps, m being the running mean of the gradient (Graves 2013); with
    `momentum` the step goes along b ← momentum·b + g / divisor. `weight_decay` adds weight_decay·p to the gradient.
    From Hinton's lecture 6e of "Neural Networks for Machine Learning" (2012). `foreach` changes nothing; with
    `differentiable` the step is recorded for autograd.

    Raises ValueError for negative settings.

    >>> import rushlight as torch
    >>> w = torch.nn.Parameter(torch.tensor([1.0]))
    >>> optimizer = torch.optim.RMSprop([w], lr=0.01)
    >>> (w * w).sum().backward(); optimizer.step(); w
    Parameter containing:
    tensor([0.9000], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        check_positive("epsilon value", eps)
        check_positive("momentum value", momentum)
        check_positive("weight_decay value", weight_decay)
        check_positive("alpha value", alpha)
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "capturable": capturable,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _update(self, parameter: Tensor, grad: Tensor, state: dict[str, Any], group: Group, moves: Moves) -> None:
        decay, momentum, alpha = float(group["weight_decay"]), float(group["momentum"]), float(group["alpha"])
        rolls, centered = momentum > 0, group["centered"]
        names = ["square_avg", *["momentum_buffer"] * rolls, *["grad_avg"] * bool(centered)]
        if not state:
            state |= begun(parameter, *names)
        moves.count(state["step"])
        kinds = group["maximize"], decay != 0, rolls, centered
        numbers = -float(group["lr"]), decay, alpha, 1 - alpha, float(group["eps"]), momentum
        moved = [parameter, *[state[name] for name in names]]
        moves.add(("rmsprop", *kinds), partial(_step, *kinds), moved, grad, numbers, group["differentiable"])


@in_float32
def _step(maximize: bool, decays: bool, rolls: bool, centered: bool, p: Any, square: Any, *given: Any) -> list[Any]:
    """The parameter, the mean of the square, and what else is kept, after a step."""
    *kept, g, back, decay, alpha, rest, eps, momentum = given
    buffer, average = kept[:1] if rolls else [], kept[-1:] if centered else []
    g = -g if maximize else g
    g = g + p * decay if decays else g
    square = mean(square, g * g, alpha, rest)
    average = [mean(x, g, alpha, rest) for x in average]
    divisor = root(square - average[0] * average[0] if average else square) + eps
    buffer = [x * momentum + g / divisor for x in buffer]
    p = p + buffer[0] * back if buffer else p + g * back / divisor
    return [p, square, *buffer, *average]
