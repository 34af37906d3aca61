"""Schedules that go up and down: CyclicLR, OneCycleLR, CosineAnnealingWarmRestarts."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from rushlight.optim.optimizer import Optimizer
from rushlight.optim.scheduler import (
    LRScheduler,
    Rates,
    check_optimizer,
    cycles_beta,
    one_a_group,
    set_momentum,
    set_value,
)  # fmt: skip
from rushlight.optim.schedules import kept_of


class CyclicLR(LRScheduler):
    """lr from base_lr up to max_lr in `step_size_up` steps and down again, over and over (Smith 2015).

    The height of a cycle is always the same ("triangular"), half of that before ("triangular2"), or times gamma^steps
    ("exp_range"); `scale_fn` says it itself, of the number of the cycle or, with `scale_mode` "iterations", of the
    steps. With `cycle_momentum` the momentum (of Adam the first beta) goes the other way.

    Raises ValueError for an unknown mode, lists of another length than the groups, an optimiser without momentum.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | list[float],
        max_lr: float | list[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float = 0.8,
        max_momentum: float = 0.9,
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(optimizer)
        self.optimizer = optimizer
        base_lrs = one_a_group("base_lr", optimizer, base_lr)
        if last_epoch == -1:
            for group, lr in zip(optimizer.param_groups, base_lrs):
                set_value(group, "lr", lr)
        self.max_lrs = one_a_group("max_lr", optimizer, max_lr)
        up = float(step_size_up)
        self.total_size = up + (up if step_size_down is None else float(step_size_down))
        self.step_ratio = up / self.total_size
        if mode not in ("triangular", "triangular2", "exp_range") and scale_fn is None:
            raise ValueError("mode is invalid and scale_fn is None")
        self.mode = mode
        self.gamma = gamma
        self._scale_fn_custom = scale_fn
        self.scale_mode = scale_mode
        self._set_scale_mode()
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.use_beta1 = cycles_beta(optimizer)
            self.base_momentums = one_a_group("base_momentum", optimizer, base_momentum)
            self.max_momentums = one_a_group("max_momentum", optimizer, max_momentum)
            if last_epoch == -1:
                _begin_momentum(optimizer, self.use_beta1, self.base_momentums, self.max_momentums)
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    def _set_scale_mode(self) -> None:
        if self._scale_fn_custom is None:
            self.scale_mode = "iterations" if self.mode == "exp_range" else "cycle"

    def scale_fn(self, x: float) -> float:
        """The height of a cycle, as a share of that of the first."""
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        if self.mode == "exp_range":
            return self.gamma**x
        return 1 / 2.0 ** (x - 1) if self.mode == "triangular2" else 1.0

    def get_lr(self) -> Rates:
        """On the slope that the number of steps is on; sets the momentum, too."""
        self._check_within()
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        share = x / self.step_ratio if x <= self.step_ratio else (x - 1) / (self.step_ratio - 1)
        scale = self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            for group, least, most in zip(self.optimizer.param_groups, self.base_momentums, self.max_momentums):
                set_momentum(group, self.use_beta1, most - (most - least) * share * scale)
        return [least + (most - least) * share * scale for least, most in zip(self.base_lrs, self.max_lrs, strict=True)]

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimiser; of a `scale_fn` only an object's attributes."""
        custom = self._scale_fn_custom
        return {**super().state_dict(), "_scale_fn_custom": None if custom is None else kept_of(custom)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` returned; the function stays."""
        super().load_state_dict({key: value for key, value in state_dict.items() if key != "_scale_fn_custom"})
        if state_dict["_scale_fn_custom"] is not None:
            vars(self._scale_fn_custom).update(state_dict["_scale_fn_custom"])
        self._set_scale_mode()


class OneCycleLR(LRScheduler):
    """One cycle in all: lr from max_lr / div_factor up to max_lr, and down to a 1 / final_div_factor of the first.

    The way up takes `pct_start` of all steps (`total_steps`, or epochs · steps_per_epoch); with `three_phase` the way
    down to the first lr takes as many, and what is left goes on to the least. Along half cosines ("cos") or lines
    ("linear"). With `cycle_momentum` the momentum (of Adam the first beta) goes the other way (Smith & Topin 2017).

    Raises ValueError for settings out of their range, an optimiser without momentum, and a step more than there are.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85,
        max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(optimizer)
        self.optimizer = optimizer
        self.total_steps = _steps(total_steps, epochs, steps_per_epoch)
        up = float(pct_start * self.total_steps) - 1
        self._schedule_phases = [_phase(up, "initial", "max")]
        if three_phase:
            down = float(2 * pct_start * self.total_steps) - 2
            self._schedule_phases.append(_phase(down, "max", "initial"))
            self._schedule_phases.append(_phase(self.total_steps - 1, "initial", "min"))
        else:
            self._schedule_phases.append(_phase(self.total_steps - 1, "max", "min"))
        if pct_start < 0 or pct_start > 1 or not isinstance(pct_start, float):
            raise ValueError(f"Expected float between 0 and 1 pct_start, but got {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        self._anneal_func_type = anneal_strategy
        max_lrs = one_a_group("max_lr", optimizer, max_lr)
        if last_epoch == -1:
            for group, lr in zip(optimizer.param_groups, max_lrs):
                first = lr / div_factor
                group |= {"initial_lr": first, "max_lr": lr, "min_lr": first / final_div_factor}
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.use_beta1 = cycles_beta(optimizer)
            most = one_a_group("max_momentum", optimizer, max_momentum)
            least = one_a_group("base_momentum", optimizer, base_momentum)
            if last_epoch == -1:
                _begin_momentum(optimizer, self.use_beta1, least, most)
        super().__init__(optimizer, last_epoch)

    def _between(self, start: Any, end: Any, share: float) -> Any:
        if self._anneal_func_type == "cos":
            return end + (start - end) / 2.0 * (math.cos(math.pi * share) + 1)
        return (end - start) * share + start

    def get_lr(self) -> Rates:
        """On the way that the number of steps is on; sets the momentum, too."""
        self._check_within()
        if self.last_epoch > self.total_steps:
            raise ValueError(
                f"Tried to step {self.last_epoch} times. The specified number of total steps is {self.total_steps}"
            )
        start, phase = 0.0, self._schedule_phases[-1]
        for one in self._schedule_phases:
            if self.last_epoch <= one["end_step"]:
                phase = one
                break
            if one is not phase:
                start = one["end_step"]
        share = (self.last_epoch - start) / (phase["end_step"] - start)
        if self.cycle_momentum:
            for group in self.optimizer.param_groups:
                ends = group[phase["start_momentum"]], group[phase["end_momentum"]]
                set_momentum(group, self.use_beta1, self._between(*ends, share))
        groups = self.optimizer.param_groups
        return [self._between(group[phase["start_lr"]], group[phase["end_lr"]], share) for group in groups]


def _steps(total: int | None, epochs: int | None, steps_per_epoch: int | None) -> int:
    """How many steps there are; ValueError where that is not said."""
    given = {"total_steps": total} if total is not None else {"epochs": epochs, "steps_per_epoch": steps_per_epoch}
    if None in given.values():
        raise ValueError("You must define either total_steps OR (epochs AND steps_per_epoch)")
    for name, count in given.items():
        if count <= 0 or not isinstance(count, int):
            raise ValueError(f"Expected positive integer {name}, but got {count}")
    return math.prod(given.values())


def _phase(end: float, start_lr: str, end_lr: str) -> dict[str, Any]:
    """One way of a cycle: the momentum is low where lr is high."""
    momentum = {"initial": "max_momentum", "min": "max_momentum", "max": "base_momentum"}
    return {
        "end_step": end,
        "start_lr": f"{start_lr}_lr",
        "end_lr": f"{end_lr}_lr",
        "start_momentum": momentum[start_lr],
        "end_momentum": momentum[end_lr],
    }


def _begin_momentum(optimizer: Optimizer, is_beta: bool, least: list[float], most: list[float]) -> None:
    for group, low, high in zip(optimizer.param_groups, least, most):
        set_momentum(group, is_beta, high)
        group |= {"max_momentum": high, "base_momentum": low}


class CosineAnnealingWarmRestarts(LRScheduler):
    """Down from the first lr to `eta_min` along half a cosine of T_0 steps, again and again.

    Each half cosine is `T_mult` times as long as the one before it (Loshchilov & Hutter 2016). `step(epoch)` takes
    fractions of an epoch, too.

    Raises ValueError for a T_0 or T_mult that is no positive integer, and negative epochs.
    """

    def __init__(
        self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        if T_0 <= 0 or not isinstance(T_0, int):
            raise ValueError(f"Expected positive integer T_0, but got {T_0}")
        if T_mult < 1 or not isinstance(T_mult, int):
            raise ValueError(f"Expected integer T_mult >= 1, but got {T_mult}")
        if not isinstance(eta_min, (float, int)):
            raise ValueError(f"Expected float or int eta_min, but got {eta_min} of type {type(eta_min)}")
        self.T_0 = T_0
        self.T_i = T_0
        self.T_mult = T_mult
        self.eta_min = eta_min
        self.T_cur = last_epoch
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> Rates:
        """From the first lr, by how far the half cosine is done."""
        self._check_within()
        share = (1 + math.cos(math.pi * self.T_cur / self.T_i)) / 2
        return [self.eta_min + (lr - self.eta_min) * share for lr in self.base_lrs]

    def step(self, epoch: float | None = None) -> None:
        """Go one step on, or to `epoch`, which may be a fraction: batches done of all."""
        if epoch is None and self.last_epoch < 0:
            epoch = 0
        if epoch is None:
            epoch = self.last_epoch + 1
            self.T_cur += 1
            if self.T_cur >= self.T_i:
                self.T_cur %= self.T_i
                self.T_i *= self.T_mult
        else:
            if epoch < 0:
                raise ValueError(f"Expected non-negative epoch, but got {epoch}")
            self._go_to(epoch)
        self.last_epoch = math.floor(epoch)
        with self._noted("_get_lr_called_within_step"):
            found = self.get_lr()
        self._set(found)

    def _go_to(self, epoch: float) -> None:
        if epoch < self.T_0:
            self.T_i, self.T_cur = self.T_0, epoch
        elif self.T_mult == 1:
            self.T_cur = epoch % self.T_0
        else:
            done = int(math.log(epoch / self.T_0 * (self.T_mult - 1) + 1, self.T_mult))
            self.T_cur = epoch - self.T_0 * (self.T_mult**done - 1) / (self.T_mult - 1)
            self.T_i = self.T_0 * self.T_mult**done
