"""Schedules that one formula says: steps, lines, powers, a half cosine, functions of users.

As in PyTorch `get_lr` goes on from the step sizes that the groups have, which may have been loaded, set by hand or by
another scheduler; `_get_closed_form_lr` computes those of an epoch from the first ones.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable
from types import FunctionType
from typing import Any

from rushlight.optim.optimizer import Optimizer
from rushlight.optim.scheduler import LRScheduler, Rates


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

    def get_lr(self) -> Rates:
        """Smaller at every multiple of step_size."""
        due = self.last_epoch != 0 and self.last_epoch % self.step_size == 0
        return [lr * self.gamma if due else lr for lr in self._now()]

    def _get_closed_form_lr(self) -> Rates:
        return [lr * self.gamma ** (self.last_epoch // self.step_size) for lr in self.base_lrs]


class MultiStepLR(LRScheduler):
    """lr · gamma at each of the `milestones`."""

    def __init__(
        self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.milestones = Counter(milestones)
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> Rates:
        """Smaller at every milestone, twice where it is named twice."""
        count = self.milestones[self.last_epoch]
        return [lr * self.gamma**count if count else lr for lr in self._now()]

    def _get_closed_form_lr(self) -> Rates:
        passed = sum(count for milestone, count in self.milestones.items() if milestone <= self.last_epoch)
        return [lr * self.gamma**passed for lr in self.base_lrs]


class ExponentialLR(LRScheduler):
    """lr · gamma at every step."""

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> Rates:
        """Smaller at every step but the first, which only begins."""
        return [lr if self._is_initial else lr * self.gamma for lr in self._now()]

    def _get_closed_form_lr(self) -> Rates:
        return [lr * self.gamma**self.last_epoch for lr in self.base_lrs]


class _OfFunctions(LRScheduler):
    """Schedules by functions of users, one, or one a group; of their state only objects' attributes are kept."""

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
        self._check_functions()
        super().__init__(optimizer, last_epoch)

    def _check_functions(self) -> None:
        """TypeError for what is no function, where the schedule says so at once."""

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimiser; functions only where they are objects with attributes."""
        return {**super().state_dict(), "lr_lambdas": [kept_of(function) for function in self.lr_lambdas]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` returned; the functions stay."""
        super().load_state_dict({key: value for key, value in state_dict.items() if key != "lr_lambdas"})
        for function, kept in zip(self.lr_lambdas, state_dict["lr_lambdas"]):
            if kept is not None:
                vars(function).update(kept)


def kept_of(function: Any) -> dict[str, Any] | None:
    """What is saved of a user's function."""
    return None if isinstance(function, FunctionType) else vars(function).copy()


class LambdaLR(_OfFunctions):
    """The first lr times what `lr_lambda` (one function, or one a group) returns for the number of steps."""

    def get_lr(self) -> Rates:
        """Computed from the first lr, whatever was set since."""
        self._check_within()
        return [lr * function(self.last_epoch) for lr, function in zip(self.base_lrs, self.lr_lambdas, strict=True)]


class MultiplicativeLR(_OfFunctions):
    """lr times what `lr_lambda` (one function, or one a group) returns for the number of steps, at every step."""

    def _check_functions(self) -> None:
        for function in self.lr_lambdas:
            if not callable(function):
                raise TypeError(f"lr_lambda should be a function, but got {type(function).__name__}")

    def get_lr(self) -> Rates:
        """From the last lr; the first step only begins."""
        now = self._now()
        if self._is_initial:
            return now
        return [lr * function(self.last_epoch) for lr, function in zip(now, self.lr_lambdas, strict=True)]


class ConstantLR(LRScheduler):
    """The first lr times `factor` until `total_iters` steps are done, then the first lr."""

    def __init__(
        self, optimizer: Optimizer, factor: float = 1.0 / 3, total_iters: int = 5, last_epoch: int = -1
    ) -> None:
        if factor > 1.0 or factor < 0:
            raise ValueError("Constant multiplicative factor expected to be between 0 and 1.")
        self.factor = factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> Rates:
        """Multiplied at the first step, divided at the last one."""
        now = self._now()
        if self.last_epoch == 0:
            return [lr * self.factor for lr in now]
        return [lr * (1.0 / self.factor) for lr in now] if self.last_epoch == self.total_iters else now

    def _get_closed_form_lr(self) -> Rates:
        factor = self.factor + (self.last_epoch >= self.total_iters) * (1 - self.factor)
        return [lr * factor for lr in self.base_lrs]


class PolynomialLR(LRScheduler):
    """The first lr times (1 − n / total_iters)^power after n steps, down to 0."""

    def __init__(self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1) -> None:
        self.total_iters = total_iters
        self.power = power
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> Rates:
        """From the last step's power to the next one's."""
        now = self._now()
        if self._is_initial or self.last_epoch > self.total_iters:
            return now
        left, before = (1.0 - n / self.total_iters for n in (self.last_epoch, self.last_epoch - 1))
        return [lr * (left / before) ** self.power for lr in now]

    def _get_closed_form_lr(self) -> Rates:
        left = 1.0 - min(self.total_iters, self.last_epoch) / self.total_iters
        return [lr * left**self.power for lr in self.base_lrs]


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

    def get_lr(self) -> Rates:
        """On the line between the two factors."""
        if self.last_epoch == 0:
            return [lr * self.start_factor for lr in self._now()]
        if self._is_initial or self.last_epoch > self.total_iters:
            return self._now()
        rise = self.end_factor - self.start_factor
        before = self.total_iters * self.start_factor + (self.last_epoch - 1) * rise  # total_iters times the factor
        return [lr * (1.0 + rise / before) for lr in self._now()]

    def _get_closed_form_lr(self) -> Rates:
        progress = min(self.total_iters, self.last_epoch) / self.total_iters
        factor = self.start_factor + (self.end_factor - self.start_factor) * progress
        return [lr * factor for lr in self.base_lrs]


class CosineAnnealingLR(LRScheduler):
    """Down from the first lr to `eta_min` along half a cosine of `T_max` steps (Loshchilov & Hutter 2016)."""

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        self.T_max = T_max
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> Rates:
        """From the share of the half cosine that the last step had to that of the next."""
        if self._is_initial:
            return self._now()
        if self._step_count == 1 and self.last_epoch > 0:
            return self._get_closed_form_lr()
        if (self.last_epoch - 1 - self.T_max) % (2 * self.T_max) == 0:  # the last step's share was 0
            rise = (1 - math.cos(math.pi / self.T_max)) / 2
            return [lr + (base - self.eta_min) * rise for base, lr in zip(self.base_lrs, self._now())]
        ratio = self._share(self.last_epoch) / self._share(self.last_epoch - 1)
        return [ratio * (lr - self.eta_min) + self.eta_min for lr in self._now()]

    def _share(self, epoch: int) -> float:
        return 1 + math.cos(math.pi * epoch / self.T_max)

    def _get_closed_form_lr(self) -> Rates:
        return [self.eta_min + (lr - self.eta_min) * self._share(self.last_epoch) / 2 for lr in self.base_lrs]
