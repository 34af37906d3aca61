"""Schedulers: they set the step sizes of an optimiser as training goes on.

Each call of `step`, usually once an epoch after the optimiser's steps, sets `lr` in every group. As in PyTorch `step()`
goes on from the step sizes that the groups have, which may have been loaded, set by hand or by another scheduler
(`get_lr`); `step(epoch)` computes those of that epoch from the first ones, where the schedule has a closed form
(`_at_epoch`). What a scheduler keeps goes through `state_dict` and `load_state_dict`; it can be copied and pickled with
its optimiser.
"""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Callable, Iterable
from types import FunctionType
from typing import Any

from rushlight.core import absent as _absent
from rushlight.optim.optimizer import Group, Optimizer
from rushlight.tensor.core import Tensor

_EPOCH = (
    "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where possible. Please use "
    "`scheduler.step()` to step the scheduler. During the deprecation, if epoch is different from None, the closed "
    "form is used instead of the new chainable form, where available."
)


class LRScheduler:
    """The base: it counts the steps in `last_epoch`, and `get_lr` says what the next one makes of each group's lr.

    With `last_epoch` from 0 on the schedule goes on after so many steps; the optimiser's groups must have `initial_lr`,
    else KeyError.
    """

    _begins = False  # while the scheduler is made, which takes a step of its own

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
        self.optimizer = optimizer
        for number, (group, lr) in enumerate(zip(optimizer.param_groups, self._current())):
            if last_epoch == -1:
                group.setdefault("initial_lr", lr)
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{number}] when resuming scheduler with "
                    "last_epoch >= 0: load the optimizer's state dict first, or leave last_epoch out"
                )
        self.base_lrs = [_own(group["initial_lr"]) for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._step_count = 0
        self._begins = True
        try:
            self.step()
        finally:
            del self._begins

    def get_lr(self) -> list[float]:
        """The step size of each group after one step more, from the one that it has."""
        raise NotImplementedError(f"{type(self).__name__} does not say what the step size is")

    def get_last_lr(self) -> list[float]:
        """The step sizes that were set last."""
        return self._last_lr

    def step(self, epoch: int | None = None) -> None:
        """Go one step on, or to `epoch` (deprecated in PyTorch, with a warning), and set the step sizes."""
        if self._step_count == 1 and not self.optimizer._has_stepped and "step" not in vars(self.optimizer):
            warnings.warn(
                "Detected call of `lr_scheduler.step()` before `optimizer.step()`. In PyTorch 1.1.0 and later, you "
                "should call them in the opposite order: `optimizer.step()` before `lr_scheduler.step()`.  Failure to "
                "do this will result in PyTorch skipping the first value of the learning rate schedule.",
                stacklevel=2,
            )
        self._step_count += 1
        if epoch is None:
            self.last_epoch += 1
            found = self.get_lr()
        else:
            warnings.warn(_EPOCH, UserWarning, stacklevel=2)
            self.last_epoch = epoch
            found = self._at_epoch()
        for group, lr in zip(self.optimizer.param_groups, found, strict=True):
            _set(group, lr)
        self._last_lr = self._current()

    def _at_epoch(self) -> list[float]:
        """The step sizes after `last_epoch` steps from the first ones; where there is no such form, as `get_lr`."""
        return self.get_lr()

    def _current(self) -> list[float]:
        return [_own(group["lr"]) for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimiser."""
        return {key: value for key, value in self.__dict__.items() if key != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` returned."""
        self.__dict__.update(state_dict)


def _own(lr: float | Tensor) -> float | Tensor:
    """A step size that stays as it is: a tensor's copy."""
    return lr.detach().clone() if isinstance(lr, Tensor) else lr


def _set(group: Group, lr: float | Tensor) -> None:
    """Set a group's step size; one that is a tensor stays that tensor."""
    if isinstance(group["lr"], Tensor):
        group["lr"].fill_(lr)
    else:
        group["lr"] = lr


class StepLR(LRScheduler):
    """lr · gamma every `step_size` steps.

    >>> import rushlight as torch
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    >>> scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=2)
    >>> for _ in range(4): optimizer.step(); scheduler.step(); print(optimizer.param_groups[0]["lr"])
    1.0
    0.1
    0.1
    0.010000000000000002
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Smaller at every multiple of step_size."""
        due = self.last_epoch != 0 and self.last_epoch % self.step_size == 0
        return [lr * self.gamma if due else lr for lr in self._current()]

    def _at_epoch(self) -> list[float]:
        return [lr * self.gamma ** (self.last_epoch // self.step_size) for lr in self.base_lrs]


class MultiStepLR(LRScheduler):
    """lr · gamma at each of the `milestones`."""

    def __init__(
        self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.milestones = Counter(milestones)
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Smaller at every milestone, twice where it is named twice."""
        count = self.milestones[self.last_epoch]
        return [lr * self.gamma**count if count else lr for lr in self._current()]

    def _at_epoch(self) -> list[float]:
        passed = sum(count for milestone, count in self.milestones.items() if milestone <= self.last_epoch)
        return [lr * self.gamma**passed for lr in self.base_lrs]


class ExponentialLR(LRScheduler):
    """lr · gamma at every step."""

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Smaller at every step but the first, which only begins."""
        return [lr if self._begins else lr * self.gamma for lr in self._current()]

    def _at_epoch(self) -> list[float]:
        return [lr * self.gamma**self.last_epoch for lr in self.base_lrs]


class LambdaLR(LRScheduler):
    """The first lr times what `lr_lambda` (one function, or one a group) returns for the number of steps."""

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | list[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:
        count = len(optimizer.param_groups)
        self.lr_lambdas = list(lr_lambda) if isinstance(lr_lambda, (list, tuple)) else [lr_lambda] * count
        if len(self.lr_lambdas) != count:
            raise ValueError(f"Expected {count} lr_lambdas, but got {len(self.lr_lambdas)}")
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Computed from the first lr, whatever was set since."""
        return [lr * function(self.last_epoch) for lr, function in zip(self.base_lrs, self.lr_lambdas)]

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimiser and functions, which cannot be saved; of callable objects their attributes."""
        kept = [None if isinstance(f, FunctionType) else dict(getattr(f, "__dict__", {})) for f in self.lr_lambdas]
        return super().state_dict() | {"lr_lambdas": kept}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` returned; the functions stay."""
        super().load_state_dict({key: value for key, value in state_dict.items() if key != "lr_lambdas"})
        for function, kept in zip(self.lr_lambdas, state_dict.get("lr_lambdas", ())):
            if kept is not None:
                vars(function).update(kept)


class LinearLR(LRScheduler):
    """The first lr times a factor that goes from start_factor to end_factor in `total_iters` steps."""

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if not 0 < start_factor <= 1.0:
            raise ValueError("Starting multiplicative factor expected to be greater than 0 and less or equal to 1.")
        if not 0 <= end_factor <= 1.0:
            raise ValueError("Ending multiplicative factor expected to be between 0 and 1.")
        self.start_factor = start_factor
        self.end_factor = end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """On the line between the two factors."""
        if self.last_epoch == 0:
            return [lr * self.start_factor for lr in self._current()]
        if self._begins or self.last_epoch > self.total_iters:
            return self._current()
        rise = self.end_factor - self.start_factor
        before = self.total_iters * self.start_factor + (self.last_epoch - 1) * rise  # total_iters times the factor
        return [lr * (1.0 + rise / before) for lr in self._current()]

    def _at_epoch(self) -> list[float]:
        progress = min(self.total_iters, self.last_epoch) / self.total_iters
        factor = self.start_factor + (self.end_factor - self.start_factor) * progress
        return [lr * factor for lr in self.base_lrs]


class CosineAnnealingLR(LRScheduler):
    """Down from the first lr to `eta_min` along half a cosine of `T_max` steps (Loshchilov & Hutter 2016)."""

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        self.T_max = T_max
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """From the share of the half cosine that the last step had to that of the next."""
        if self._begins:
            return self._current()
        if self._step_count == 1 and self.last_epoch > 0:
            return self._at_epoch()
        if (self.last_epoch - 1 - self.T_max) % (2 * self.T_max) == 0:  # the last step's share was 0
            rise = (1 - math.cos(math.pi / self.T_max)) / 2
            return [lr + (base - self.eta_min) * rise for base, lr in zip(self.base_lrs, self._current())]
        ratio = self._share(self.last_epoch) / self._share(self.last_epoch - 1)
        return [ratio * (lr - self.eta_min) + self.eta_min for lr in self._current()]

    def _share(self, epoch: int) -> float:
        return 1 + math.cos(math.pi * epoch / self.T_max)

    def _at_epoch(self) -> list[float]:
        return [self.eta_min + (lr - self.eta_min) * self._share(self.last_epoch) / 2 for lr in self.base_lrs]


class ReduceLROnPlateau(LRScheduler):
    """lr · factor once a measure has not become better for more than `patience` steps.

    `mode` says what better is, "min" or "max"; by `threshold`, relative ("rel") or absolute ("abs"). After a
    change `cooldown` steps pass before counting begins again.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | list[float] = 0,
        eps: float = 1e-8,
    ) -> None:
        if factor >= 1.0:
            raise ValueError("Factor should be < 1.0.")
        if mode not in ("min", "max"):
            raise ValueError(f"mode {mode} is unknown!")
        if threshold_mode not in ("rel", "abs"):
            raise ValueError(f"threshold mode {threshold_mode} is unknown!")
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
        count = len(optimizer.param_groups)
        self.min_lrs = list(min_lr) if isinstance(min_lr, (list, tuple)) else [min_lr] * count
        if len(self.min_lrs) != count:
            raise ValueError(f"expected {count} min_lrs, got {len(self.min_lrs)}")
        self.optimizer = optimizer
        self.mode, self.factor, self.patience = mode, factor, patience
        self.threshold, self.threshold_mode = threshold, threshold_mode
        self.cooldown, self.eps = cooldown, eps
        self.best = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = self.cooldown_counter = self.last_epoch = 0
        self._last_lr = self._current()

    def step(self, metrics: float, epoch: int | None = None) -> None:
        """Look at the measure of the next epoch, or of `epoch` (deprecated, with a warning)."""
        current = float(metrics)
        if epoch is not None:
            warnings.warn(_EPOCH, UserWarning, stacklevel=2)
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        if self.is_better(current, self.best):
            self.best, self.num_bad_epochs = current, 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
        self._last_lr = self._current()

    def is_better(self, current: float, best: float) -> bool:
        """Whether a measure is better than the best so far, by more than the threshold."""
        sign = 1 if self.mode == "min" else -1
        if self.threshold_mode == "abs" or math.isinf(best):
            return sign * current < sign * best - self.threshold
        return sign * current < sign * best * (1 - sign * self.threshold)

    def _reduce(self) -> None:
        for group, least in zip(self.optimizer.param_groups, self.min_lrs):
            old = float(group["lr"])
            lr = max(old * self.factor, least)
            if old - lr > self.eps:
                _set(group, lr)


__getattr__ = _absent.getter(__name__)
