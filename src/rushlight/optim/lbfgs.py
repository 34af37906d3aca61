"""LBFGS: steps along an estimate of Newton's direction, made of the last changes of the gradient."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from rushlight.autograd.modes import enable_grad, no_grad
from rushlight.optim.line_search import strong_wolfe
from rushlight.optim.optimizer import Optimizer
from rushlight.optim.settings import check_lr
from rushlight.tensor.core import Tensor
from rushlight.tensor.creation import zeros_like
from rushlight.tensor.parts import cat


class LBFGS(Optimizer):
    """Up to `max_iter` steps a call, each with its own evaluation of the closure, at most `max_eval` of them in all.

    The direction comes from the last `history_size` pairs of a step and the change of the gradient (Liu & Nocedal
    1989). Without `line_search_fn` each step has the length lr; "strong_wolfe" looks for one that keeps the strong
    Wolfe conditions. It stops where no gradient is larger than `tolerance_grad`, or a step or the loss changes by less
    than `tolerance_change`. One group of parameters only.

    Raises ValueError for a negative lr or several groups; RuntimeError for another line search.

    >>> import rushlight as torch
    >>> w = torch.nn.Parameter(torch.tensor([1.0, 3.0]))
    >>> optimizer = torch.optim.LBFGS([w], line_search_fn="strong_wolfe")
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = ((w - 2) ** 4).sum()
    ...     loss.backward()
    ...     return loss
    >>> optimizer.step(closure), closure().item() < 1e-6
    (tensor(2., grad_fn=<SumBackward0>), True)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        check_lr(lr)
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")

    def step(self, closure: Callable[[], Any]) -> Any:
        """Several steps; `closure` computes the loss anew, gradients included. Returns the first loss."""
        if len(self.param_groups) != 1:
            raise AssertionError(f"Expected exactly one param_group, but got {len(self.param_groups)}")
        with no_grad():
            return self._iterate(closure)

    def _iterate(self, closure: Callable[[], Any]) -> Any:
        group = self.param_groups[0]
        state = self.state[self._params[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        first, grad = self._evaluated(closure)
        loss, evaluations = float(first), 1
        state["func_evals"] += 1
        if self._is_optimal(grad):
            return first
        lr = group["lr"].squeeze() if isinstance(group["lr"], Tensor) else group["lr"]
        for iteration in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            self._turn(state, grad)
            d, state["prev_loss"] = state["d"], loss
            t = state["t"] = min(1.0, 1.0 / grad.abs().sum()) * lr if state["n_iter"] == 1 else lr
            slope = grad.dot(d)
            if slope > -group["tolerance_change"]:
                break
            optimal, spent = False, 0
            if group["line_search_fn"] is not None:
                if group["line_search_fn"] != "strong_wolfe":
                    raise RuntimeError("only 'strong_wolfe' is supported")
                loss, grad, t, spent = self._searched(closure, t, d, loss, grad, slope, evaluations)
                state["t"] = t
                self._go(t, d)
                optimal = self._is_optimal(grad)
            else:
                self._go(t, d)
                if iteration < group["max_iter"]:  # after the last step nobody asks
                    found, grad = self._evaluated(closure)
                    loss, optimal, spent = float(found), self._is_optimal(grad), 1
            evaluations += spent
            state["func_evals"] += spent
            if (
                evaluations >= group["max_eval"]
                or optimal
                or (d * t).abs().max() <= group["tolerance_change"]
                or abs(loss - state["prev_loss"]) < group["tolerance_change"]
            ):
                break
        return first

    def _turn(self, state: dict[str, Any], grad: Tensor) -> None:
        """The next direction, from the gradient and what is remembered, in `state`."""
        if state["n_iter"] == 1:
            state |= {"d": grad.neg(), "old_dirs": [], "old_stps": [], "ro": [], "H_diag": 1}
        else:
            change, step = grad - state["prev_flat_grad"], state["d"] * state["t"]
            self._remember(state, change, step)
            changes, steps, ro = state["old_dirs"], state["old_stps"], state["ro"]
            shares = state.setdefault("al", [None] * self.param_groups[0]["history_size"])
            d = grad.neg()
            for i in reversed(range(len(changes))):
                shares[i] = steps[i].dot(d) * ro[i]
                d = d - changes[i] * shares[i]
            d = d * state["H_diag"]
            for i, (change, step) in enumerate(zip(changes, steps)):
                d = d + step * (shares[i] - change.dot(d) * ro[i])
            state["d"] = d
        state["prev_flat_grad"] = grad.clone()

    def _remember(self, state: dict[str, Any], change: Tensor, step: Tensor) -> None:
        """Keep a step and the change of the gradient along it, where that curves upwards."""
        curve = change.dot(step)
        if curve > 1e-10:
            kept = state["old_dirs"], state["old_stps"], state["ro"]
            for values, new in zip(kept, (change, step, 1.0 / curve)):
                if len(values) == self.param_groups[0]["history_size"]:
                    values.pop(0)
                values.append(new)
            state["H_diag"] = curve / change.dot(change)

    def _searched(
        self, closure: Callable, t: Any, d: Tensor, loss: float, grad: Tensor, slope: Tensor, evaluations: int
    ) -> tuple[float, Tensor, Any, int]:
        """The length of a step that keeps the strong Wolfe conditions, with what was found there."""
        before = [parameter.clone() for parameter in self._params]

        def evaluate(t: Any) -> tuple[float, Tensor]:
            self._go(t, d)
            found, grad = self._evaluated(closure)
            for parameter, old in zip(self._params, before):
                parameter.copy_(old)
            return float(found), grad

        return strong_wolfe(evaluate, t, d, loss, grad, slope, most=self.param_groups[0]["max_eval"] - evaluations)

    @property
    def _params(self) -> list[Tensor]:
        return self.param_groups[0]["params"]

    def _evaluated(self, closure: Callable) -> tuple[Any, Tensor]:
        """The loss, and the gradients of all parameters as one vector."""
        with enable_grad():
            loss = closure()
        grads = [zeros_like(p.detach()) if p.grad is None else p.grad.detach() for p in self._params]
        return loss, cat([grad.reshape(-1) for grad in grads])

    def _is_optimal(self, grad: Tensor) -> bool:
        return bool(grad.abs().max() <= self.param_groups[0]["tolerance_grad"])

    def _go(self, t: Any, d: Tensor) -> None:
        """Move all parameters by t·d."""
        start = 0
        for parameter in self._params:
            stop = start + parameter.numel()
            parameter.add_(d[start:stop].reshape(parameter.shape) * t)
            start = stop
