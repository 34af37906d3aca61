"""LRScheduler: what all schedulers have in common, the count of steps and the setting of the groups' step sizes.

In: an optimiser. Out: `lr` in each of its groups, set at each step. What a scheduler keeps has PyTorch's names, so that
its state goes to PyTorch and back.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rushlight.optim.optimizer import Group, Optimizer
from rushlight.tensor.core import Tensor

Rates = list[float | Tensor]

EPOCH = (
    "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where possible. Please use "
    "`scheduler.step()` to step the scheduler. During the deprecation, if epoch is different from None, the closed "
    "form is used instead of the new chainable form, where available."
)


class LRScheduler:
    """The base: it counts the steps in `last_epoch`, and `get_lr` says what the next one makes of each group's lr.

    With `last_epoch` from 0 on the schedule goes on after so many steps; the optimiser's groups must have `initial_lr`,
    else KeyError. A subclass may have `_get_closed_form_lr`, which says what the step sizes of any epoch are.
    """

    _get_lr_called_within_step = False
    _is_initial = False  # while the scheduler is made, which takes a step of its own

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        check_optimizer(optimizer)
        self.optimizer = optimizer
        for number, (group, lr) in enumerate(zip(optimizer.param_groups, values(optimizer, "lr"))):
            if last_epoch == -1:
                group.setdefault("initial_lr", lr)
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{number}] when resuming scheduler with "
                    "last_epoch >= 0: load the optimizer's state dict first, or leave last_epoch out"
                )
        self.base_lrs: Rates = values(optimizer, "initial_lr")
        self.last_epoch = last_epoch
        optimizer._step_when_scheduled = vars(optimizer).get("step")
        self._initial_step()

    def _initial_step(self) -> None:
        """The step that sets the first step sizes."""
        self._step_count = 0
        with self._noted("_is_initial"):
            self.step()

    @contextmanager
    def _noted(self, name: str) -> Iterator[None]:
        setattr(self, name, True)
        try:
            yield
        finally:
            setattr(self, name, False)

    def get_lr(self) -> Rates:
        """The step size of each group after one step more, from the one that it has."""
        raise NotImplementedError(f"{type(self).__name__} does not say what the step size is")

    def get_last_lr(self) -> Rates:
        """The step sizes that were set last."""
        return self._last_lr

    def step(self, epoch: int | None = None) -> None:
        """Go one step on, or to `epoch` (deprecated in PyTorch, with a warning), and set the step sizes."""
        if self._step_count == 1:
            self._check_order()
        self._step_count += 1
        if epoch is not None:
            warnings.warn(EPOCH, UserWarning, stacklevel=2)
        self._update_lr(epoch)

    def _check_order(self) -> None:
        """Warn where the optimiser has not stepped yet, or nobody can know."""
        own = vars(self.optimizer).get("step")
        if own is not getattr(self.optimizer, "_step_when_scheduled", None):
            warnings.warn(
                "Seems like `optimizer.step()` has been overridden after learning rate scheduler initialization. "
                "Please, make sure to call `optimizer.step()` before `lr_scheduler.step()`.",
                stacklevel=3,
            )
        elif own is None and not self.optimizer._has_stepped:
            warnings.warn(
                "Detected call of `lr_scheduler.step()` before `optimizer.step()`. In PyTorch 1.1.0 and later, you "
                "should call them in the opposite order: `optimizer.step()` before `lr_scheduler.step()`.  Failure to "
                "do this will result in PyTorch skipping the first value of the learning rate schedule.",
                stacklevel=3,
            )

    def _update_lr(self, epoch: int | None = None) -> None:
        with self._noted("_get_lr_called_within_step"):
            if epoch is None:
                self.last_epoch += 1
                found = self.get_lr()
            else:
                self.last_epoch = epoch
                found = getattr(self, "_get_closed_form_lr", self.get_lr)()
        self._set(found)

    def _set(self, rates: Rates) -> None:
        for group, lr in zip(self.optimizer.param_groups, rates, strict=True):
            set_value(group, "lr", lr)
        self._last_lr = values(self.optimizer, "lr")

    def _now(self) -> Rates:
        """The step sizes that the groups have, for `get_lr`, which users are not to call."""
        self._check_within()
        return values(self.optimizer, "lr")

    def _check_within(self) -> None:
        if not self._get_lr_called_within_step:
            warnings.warn(
                "To get the last learning rate computed by the scheduler, please use `get_last_lr()`.", stacklevel=4
            )

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimiser."""
        return {key: value for key, value in self.__dict__.items() if key != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` returned."""
        self.__dict__.update(state_dict)


def check_optimizer(optimizer: Any) -> None:
    """TypeError for what is no optimiser."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")


def own(value: Any) -> Any:
    """A setting that stays as it is: a tensor's copy."""
    return value.detach().clone() if isinstance(value, Tensor) else value


def values(optimizer: Optimizer, name: str) -> list[Any]:
    """A setting of each group."""
    return [own(group[name]) for group in optimizer.param_groups]


def set_value(group: Group, name: str, value: Any) -> None:
    """Change a group's setting; one that is a tensor stays that tensor."""
    if isinstance(group[name], Tensor):
        group[name].fill_(value.squeeze() if isinstance(value, Tensor) else value)
    else:
        group[name] = value


def one_a_group(name: str, optimizer: Optimizer, given: Any) -> list[Any]:
    """A setting of a scheduler for each group; ValueError for a list of another length."""
    count = len(optimizer.param_groups)
    if not isinstance(given, list | tuple):
        given = [given] * count
    elif len(given) != count:
        raise ValueError(
            f"{name} must have the same length as optimizer.param_groups. "
            f"{name} has {len(given)} values, param_groups has {count}."
        )
    return [own(value) for value in given]


def cycles_beta(optimizer: Optimizer) -> bool:
    """Whether what stands for the momentum is the first of `betas`; ValueError for an optimiser that has neither."""
    if "momentum" not in optimizer.defaults and "betas" not in optimizer.defaults:
        raise ValueError("optimizer must support momentum or beta1 with `cycle_momentum` option enabled")
    return "betas" in optimizer.defaults


def set_momentum(group: Group, is_beta: bool, value: float) -> None:
    """Set a group's momentum, or what stands for it."""
    if is_beta:
        group["betas"] = (value, *group["betas"][1:])
    else:
        group["momentum"] = value
