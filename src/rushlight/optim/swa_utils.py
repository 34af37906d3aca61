"""Averages of weights: a copy of a network whose parameters are means of those that training went through.

In: a network that is trained. Out: an `AveragedModel` of it, updated when asked; the step sizes that belong to it
(`SWALR`); and the running statistics of batch norm, which averages of weights have not (`update_bn`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from copy import deepcopy
from itertools import chain
from typing import Any

from rushlight.autograd.modes import no_grad
from rushlight.core import absent as _absent
from rushlight.core.dtypes import int64
from rushlight.nn.module import Module
from rushlight.nn.norm import _BatchNorm
from rushlight.optim.optimizer import Optimizer
from rushlight.optim.scheduler import LRScheduler, Rates, one_a_group
from rushlight.tensor.core import Tensor
from rushlight.tensor.creation import tensor

AvgFn = Callable[[Tensor, Tensor, Any], Tensor]
MultiAvgFn = Callable[[list[Tensor], list[Tensor], Any], None]


def _check_decay(decay: float) -> None:
    if decay < 0.0 or decay > 1.0:
        raise ValueError(f"Invalid decay value {decay} provided. Please provide a value in [0,1] range.")


def get_ema_avg_fn(decay: float = 0.999) -> AvgFn:
    """For `avg_fn`: decay·average + (1 − decay)·parameter. ValueError for a decay outside [0, 1]."""
    _check_decay(decay)

    def ema_update(ema_param: Tensor, current_param: Tensor, num_averaged: Any) -> Tensor:
        with no_grad():
            return decay * ema_param + (1 - decay) * current_param

    return ema_update


def get_swa_avg_fn() -> AvgFn:
    """For `avg_fn`: the mean of all that were averaged, each as much as the others."""

    def swa_update(averaged_param: Tensor, current_param: Tensor, num_averaged: Any) -> Tensor:
        with no_grad():
            return averaged_param + (current_param - averaged_param) / (num_averaged + 1)

    return swa_update


def get_ema_multi_avg_fn(decay: float = 0.999) -> MultiAvgFn:
    """For `multi_avg_fn`: the same as `get_ema_avg_fn`, in place, of a list of tensors."""
    _check_decay(decay)

    def ema_update(ema_param_list: list[Tensor], current_param_list: list[Tensor], num_averaged: Any) -> None:
        with no_grad():
            for average, current in zip(ema_param_list, current_param_list, strict=True):
                if average.is_floating_point():
                    average.lerp_(current, 1 - decay)
                else:
                    average.copy_(average * decay + current * (1 - decay))

    return ema_update


def get_swa_multi_avg_fn() -> MultiAvgFn:
    """For `multi_avg_fn`: the same as `get_swa_avg_fn`, in place, of a list of tensors."""

    def swa_update(averaged_param_list: list[Tensor], current_param_list: list[Tensor], num_averaged: Any) -> None:
        share = 1 / (float(num_averaged) + 1)
        with no_grad():
            for average, current in zip(averaged_param_list, current_param_list, strict=True):
                if average.is_floating_point():
                    average.lerp_(current, share)
                else:
                    average.add_((current - average) / (num_averaged + 1))

    return swa_update


class AveragedModel(Module):
    """A copy of `model` whose parameters become averages of the model's, at each `update_parameters`.

    `avg_fn(average, parameter, number)` gives the next average, or `multi_avg_fn(averages, parameters, number)` changes
    all of a dtype in place; without either they are means of all (Izmailov et al. 2018). Buffers are averaged with
    `use_buffers`, else copied.

    >>> import rushlight as torch
    >>> net = torch.nn.Linear(1, 1, bias=False); torch.nn.init.zeros_(net.weight)
    Parameter containing:
    tensor([[0.]], requires_grad=True)
    >>> averaged = torch.optim.swa_utils.AveragedModel(net)
    >>> for value in (1.0, 3.0): torch.nn.init.constant_(net.weight, value) is None; averaged.update_parameters(net)
    False
    False
    >>> averaged.module.weight.item()
    2.0
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: AvgFn | None = None,
        multi_avg_fn: MultiAvgFn | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", tensor(0, dtype=int64, device=device))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The averaged network's."""
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Module) -> None:
        """Take the model's parameters into the averages; the first time they are copied."""
        averages, currents = [], []
        for average, current in zip(*(self._averaged(one) for one in (self.module, model)), strict=False):
            averages.append(average.detach())
            currents.append(current.detach().to(average.device))
        if self.n_averaged == 0:
            for average, current in zip(averages, currents):
                average.copy_(current)
        elif self.avg_fn is None:
            self._average_many(averages, currents)
        else:
            for average, current in zip(averages, currents):
                average.copy_(self.avg_fn(average, current, self.n_averaged))
        if not self.use_buffers:
            for average, current in zip(self.module.buffers(), model.buffers(), strict=True):
                average.detach().copy_(current.detach().to(average.device))
        self.n_averaged += 1

    def _averaged(self, model: Module) -> Iterable[Tensor]:
        return chain(model.parameters(), model.buffers()) if self.use_buffers else model.parameters()

    def _average_many(self, averages: list[Tensor], currents: list[Tensor]) -> None:
        by_dtype: dict[Any, tuple[list[Tensor], list[Tensor]]] = {}
        for average, current in zip(averages, currents):
            mine, theirs = by_dtype.setdefault(average.dtype, ([], []))
            mine.append(average)
            theirs.append(current)
        for mine, theirs in by_dtype.values():
            (self.multi_avg_fn or get_swa_multi_avg_fn())(mine, theirs, self.n_averaged)


def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Let the network see all of `loader` (inputs, or lists that begin with one), for its batch norms' statistics."""
    momenta = {one: one.momentum for one in model.modules() if isinstance(one, _BatchNorm)}
    if not momenta:
        return
    for norm in momenta:
        norm.reset_running_stats()
    was_training = model.training
    model.train()
    for norm in momenta:
        norm.momentum = None  # means of all batches
    with no_grad():
        for batch in loader:
            batch = batch[0] if isinstance(batch, list | tuple) else batch
            model(batch if device is None else batch.to(device))
    for norm, momentum in momenta.items():
        norm.momentum = momentum
    model.train(was_training)


class SWALR(LRScheduler):
    """From each group's lr to `swa_lr` in `anneal_epochs` steps, along half a cosine ("cos") or a line ("linear").

    Raises ValueError for another strategy, a negative number of steps, and a list of another length than the groups.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | list[float],
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        for group, lr in zip(optimizer.param_groups, one_a_group("swa_lr", optimizer, swa_lr)):
            group["swa_lr"] = lr
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        self._anneal_strategy = anneal_strategy
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def _share(self, step: int) -> float:
        """How much of swa_lr there is after so many steps."""
        done = max(0, min(1, step / max(1, self.anneal_epochs)))
        return (1 - math.cos(math.pi * done)) / 2 if self._anneal_strategy == "cos" else done

    def get_lr(self) -> Rates:
        """From the last step's share of swa_lr to the next one's."""
        now, step = self._now(), self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, share = self._share(step - 1), self._share(step)
        found = []
        for group, lr in zip(self.optimizer.param_groups, now, strict=True):
            goal = group["swa_lr"]
            first = goal if before == 1 else (lr - before * goal) / (1 - before)
            found.append(goal * share + first * (1 - share))
        return found


__getattr__ = _absent.getter(__name__)
