"""Optimizer: groups of parameters with their settings, the state an optimiser keeps, and the order of a step.

An optimiser of its own kind defines `_update`, the change of one parameter. The state dict has PyTorch's
format: parameters are numbered through all groups.
"""

from __future__ import annotations

import copy
import functools
import warnings
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np

from rushlight.autograd.hooks import Handle
from rushlight.autograd.modes import enable_grad, no_grad
from rushlight.autograd.version import version_of
from rushlight.core.errors import message
from rushlight.tensor.change import check_writeable
from rushlight.tensor.core import Tensor, memory
from rushlight.tensor.fusing import computed, formulas_of
from rushlight.tensor.numerics import quiet

Group = dict[str, Any]


class Optimizer:
    """The base of all optimisers: `params` are tensors, pairs of a name and a tensor, or dicts of a group each.

    A group dict has its tensors under "params" and settings that differ from the defaults under their names.

    Raises ValueError for no parameters, a computed tensor, or one that is in two groups; TypeError for what
    is no tensor.
    """

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self.state: defaultdict[Tensor, dict[str, Any]] = defaultdict(dict)
        self.param_groups: list[Group] = []
        self._prepare()
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, "
                f"but got {params.type()}"
            )
        if hasattr(params, "parameters") and not hasattr(params, "__iter__"):
            raise TypeError(message(f"{type(params).__name__!r} object is not iterable", fix="model.parameters()"))
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        for group in groups if isinstance(groups[0], dict) else [{"params": groups}]:
            self.add_param_group(dict(group) if isinstance(group, dict) else group)

    _has_stepped = False  # which schedulers ask for

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "step" in vars(cls):
            cls.step = _noting(cls.step)

    def _prepare(self) -> None:
        self._step_pre_hooks: OrderedDict[int, Callable] = OrderedDict()
        self._step_post_hooks: OrderedDict[int, Callable] = OrderedDict()

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if "_step_pre_hooks" not in self.__dict__:
            self._prepare()

    def __repr__(self) -> str:
        text = type(self).__name__ + " ("
        for number, group in enumerate(self.param_groups):
            text += f"\nParameter Group {number}\n"
            text += "".join(f"    {key}: {_plain(group[key])}\n" for key in sorted(group) if key != "params")
        return text + ")"

    def add_param_group(self, param_group: Group) -> None:
        """Add a group of parameters, for layers that join the training later."""
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        params = param_group["params"]
        if isinstance(params, set):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but the ordering of tensors in "
                "sets will change between runs. Please use a list instead."
            )
        param_group["params"] = [params] if isinstance(params, Tensor) else list(params)
        self._split_names(param_group)
        for tensor in param_group["params"]:
            self._check_parameter(tensor)
        for name, default in self.defaults.items():
            param_group.setdefault(name, default)
        self._check_twice(param_group["params"])
        self.param_groups.append(param_group)

    @staticmethod
    def _split_names(group: Group) -> None:
        """Pairs of a name and a tensor become two lists."""
        if any(isinstance(entry, tuple) for entry in group["params"]):
            names, tensors = zip(*group["params"])
            group["params"], group["param_names"] = list(tensors), list(names)

    @staticmethod
    def _check_parameter(tensor: Any) -> None:
        if not isinstance(tensor, Tensor):
            kind = tensor.__class__.__name__
            sentence = f"optimizer can only optimize Tensors, but one of the params is {kind}"
            raise TypeError(message(sentence, fix="model.parameters()" if hasattr(tensor, "parameters") else None))
        if not (tensor.is_leaf or tensor.retains_grad):
            raise ValueError("can't optimize a non-leaf Tensor")

    def _check_twice(self, params: list[Tensor]) -> None:
        if len(set(params)) < len(params):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; in future, this will cause an error; "
                "see github.com/pytorch/pytorch/issues/40967 for more information",
                stacklevel=4,
            )
        if not set(params).isdisjoint(chain(*(group["params"] for group in self.param_groups))):
            raise ValueError("some parameters appear in more than one parameter group")

    # -- stepping

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change every parameter that has a gradient; returns what `closure`, which is called first, returns.

        `closure` computes the loss anew, gradients included.
        """
        self._has_stepped = True
        for hook in list(self._step_pre_hooks.values()):
            hook(self, (closure,), {})
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        with no_grad():
            for group in self.param_groups:
                for parameter in group["params"]:
                    if parameter.grad is not None:
                        kept = self.state.get(parameter, {})
                        self._update(parameter, parameter.grad, kept, group)
                        if kept:  # nothing to remember leaves no entry in the state dict
                            self.state[parameter] = kept
        for hook in list(self._step_post_hooks.values()):
            hook(self, (closure,), {})
        return loss

    def _update(self, parameter: Tensor, grad: Tensor, state: dict[str, Any], group: Group) -> None:
        """Change one parameter in place; `state` is the optimiser's memory of it."""
        raise NotImplementedError(f"{type(self).__name__} does not say how a parameter is changed")

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients, or set them to zero in place."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.grad = None if set_to_none else parameter.grad.detach().zero_()

    def register_step_pre_hook(self, hook: Callable) -> Handle:
        """Call `hook(optimizer, args, kwargs)` before each step."""
        return Handle.into(self._step_pre_hooks, hook)

    def register_step_post_hook(self, hook: Callable) -> Handle:
        """Call `hook(optimizer, args, kwargs)` after each step."""
        return Handle.into(self._step_post_hooks, hook)

    # -- saving and loading

    def state_dict(self) -> dict[str, Any]:
        """The state by parameter number, and the groups with numbers in the place of parameters."""
        numbers = {
            id(tensor): number for number, tensor in enumerate(chain(*(group["params"] for group in self.param_groups)))
        }
        groups = [
            {
                **{key: value for key, value in group.items() if key != "params"},
                "params": [numbers[id(tensor)] for tensor in group["params"]],
            }
            for group in self.param_groups
        ]
        return {"state": {numbers[id(tensor)]: kept for tensor, kept in self.state.items()}, "param_groups": groups}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over state and settings; the state takes the dtype of the parameters.

        Raises ValueError where the number of groups, or of parameters in one, differs.
        """
        saved_groups = state_dict["param_groups"]
        if len(saved_groups) != len(self.param_groups):
            raise ValueError("loaded state dict has a different number of parameter groups")
        for own, saved in zip(self.param_groups, saved_groups):
            if len(own["params"]) != len(saved["params"]):
                raise ValueError(
                    "loaded state dict contains a parameter group that doesn't match the size of optimizer's group"
                )
        saved_numbers = chain(*(saved["params"] for saved in saved_groups))
        by_number = dict(zip(saved_numbers, chain(*(own["params"] for own in self.param_groups))))
        state = defaultdict(dict)
        for number, kept in state_dict["state"].items():
            if number in by_number:
                state[by_number[number]] = _adopted(kept, by_number[number])
            else:
                state[number] = copy.deepcopy(kept)
        groups = [
            {**copy.deepcopy({k: v for k, v in saved.items() if k != "params"}), "params": own["params"]}
            for own, saved in zip(self.param_groups, saved_groups)
        ]
        self.__setstate__({"state": state, "param_groups": groups})


def move(
    key: tuple, formula: Callable, moved: Sequence[Tensor], others: Sequence[Tensor], numbers: Sequence[float]
) -> None:
    """Write `formula(*moved, *others, *numbers)`, of arrays, into the tensors `moved`: in one pass if it is compiled.

    `key` stands for the formula. Nothing is changed before everything that needs memory is done. RuntimeError for
    tensors whose memory must not be written.
    """
    for tensor in moved:
        check_writeable(tensor)
    targets, arrays = [memory(tensor) for tensor in moved], [memory(tensor) for tensor in others]
    wide = np.promote_types(targets[0].dtype, np.float32) if targets[0].dtype.kind == "f" else np.dtype(np.float32)
    given = [*targets, *arrays, *[np.asarray(number, wide) for number in numbers]]
    formulas = formulas_of(key, formula, given) if all(type(array) is np.ndarray for array in given) else None
    if formulas is None or computed(formulas, given, targets) is None:
        for target, result in zip(targets, quiet(formula, *targets, *arrays, *numbers)):
            target[...] = result
    for tensor in moved:
        version_of(tensor).bump()


def _noting(step: Callable) -> Callable:
    """A subclass's own step, which notes that it was called."""

    @functools.wraps(step)
    def noted(self: Optimizer, *args: Any, **kwargs: Any) -> Any:
        self._has_stepped = True
        return step(self, *args, **kwargs)

    return noted


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, Tensor) and value.dim() == 0 else value


def _adopted(value: Any, parameter: Tensor, key: str | None = None) -> Any:
    """A copy of saved state; its tensors get the parameter's dtype, but for the count of steps."""
    if isinstance(value, Tensor):
        convert = key != "step" and parameter.is_floating_point()
        return value.detach().to(parameter.dtype).clone() if convert else value.detach().clone()
    if isinstance(value, Mapping):
        return {name: _adopted(entry, parameter, name) for name, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_adopted(entry, parameter) for entry in value)
    return copy.deepcopy(value)


def check_positive(name: str, value: Any) -> None:
    """ValueError for a negative setting; `name` as PyTorch calls it in its sentence."""
    if isinstance(value, Tensor) and value.numel() != 1:
        raise ValueError(f"Tensor {name} must be 1-element")
    if not value >= 0:
        raise ValueError(f"Invalid {name}: {value}")


def check_unsupported(**settings: Any) -> None:
    """ValueError for settings that belong to other devices or to differentiating through the optimiser."""
    for name, value in settings.items():
        if value:
            raise ValueError(f"{name}={value} is not available: Rushlight steps on the CPU, without a history")
