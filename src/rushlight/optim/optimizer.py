"""Optimizer: groups of parameters with their settings, the state an optimiser keeps, and the order of a step.

An optimiser of its own kind defines `_update`, the change of one parameter. The state dict has PyTorch's
format: parameters are numbered through all groups.
"""

from __future__ import annotations

import copy
import functools
import warnings
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from typing import Any

from rushlight.autograd.hooks import Handle
from rushlight.autograd.modes import enable_grad, no_grad
from rushlight.core.dtypes import float32, float64, get_default_dtype
from rushlight.core.errors import message
from rushlight.optim.moves import Moves
from rushlight.optim.settings import check_step
from rushlight.tensor.core import Tensor
from rushlight.tensor.creation import scalar_tensor, zeros_like

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
    _captured = "params and state_steps"  # in a graph, on devices that have such

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "step" in vars(cls):
            cls.step = _hooked(cls.step)

    def _prepare(self) -> None:
        for name in _HOOKS:
            setattr(self, name, OrderedDict())

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if _HOOKS[0] not in self.__dict__:
            self._prepare()
        self.defaults.setdefault("differentiable", False)
        if type(self)._update is not Optimizer._update:  # one of ours: what those of others remember is theirs
            for group in self.param_groups:
                self._complete(group)

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
            if default is required and name not in param_group:
                raise ValueError(f"parameter group didn't specify a value of required optimization parameter {name}")
            param_group.setdefault(name, default)
        self._check_named(param_group)
        self._check_twice(param_group["params"])
        self.param_groups.append(param_group)

    @staticmethod
    def _split_names(group: Group) -> None:
        """Pairs of a name and a tensor become two lists."""
        named = [entry for entry in group["params"] if isinstance(entry, tuple)]
        if named and len(named) < len(group["params"]):
            raise ValueError("all optimizer params should be with/without names. Some param names are missing")
        if named:
            names, tensors = zip(*named)
            group["params"], group["param_names"] = list(tensors), list(names)

    def _check_parameter(self, tensor: Any) -> None:
        if not isinstance(tensor, Tensor):
            kind = tensor.__class__.__name__
            sentence = f"optimizer can only optimize Tensors, but one of the params is {kind}"
            raise TypeError(message(sentence, fix="model.parameters()" if hasattr(tensor, "parameters") else None))
        if not (self.defaults.get("differentiable") or tensor.is_leaf or tensor.retains_grad):
            raise ValueError("can't optimize a non-leaf Tensor")

    def _check_named(self, group: Group) -> None:
        for other in self.param_groups:
            if ("param_names" in group) != ("param_names" in other):
                kind = "with names" if "param_names" in group else "without names"
                raise ValueError(
                    "all optimizer param groups should be with/without names. "
                    f"cannot add param group {kind} to the optimizer"
                )

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
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        moves = Moves()
        with no_grad():
            for group in self.param_groups:
                check_step(group, self._captured)
                self._update_group(group, moves)
            moves.run()
        return loss

    def _update_group(self, group: Group, moves: Moves) -> None:
        """Say how each parameter of a group that has a gradient changes."""
        for parameter in group["params"]:
            grad = parameter.grad
            if grad is not None:
                moves.begin(parameter)
                kept = self.state.get(parameter)
                if kept is None:
                    kept = {}
                    moves.keep(self.state, parameter, kept)
                self._update(parameter, grad, kept, group, moves)

    def _update(self, parameter: Tensor, grad: Tensor, state: dict[str, Any], group: Group, moves: Moves) -> None:
        """Say how one parameter changes; `state` is the optimiser's memory of it, empty at first."""
        raise NotImplementedError(f"{type(self).__name__} does not say how a parameter is changed")

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients, or set them to zero in place."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.grad = None if set_to_none else parameter.grad.detach().zero_()

    def register_step_pre_hook(self, hook: Callable) -> Handle:
        """Call `hook(optimizer, args, kwargs)` before each step; it may return other (args, kwargs)."""
        return Handle.into(self._optimizer_step_pre_hooks, hook)

    def register_step_post_hook(self, hook: Callable) -> Handle:
        """Call `hook(optimizer, args, kwargs)` after each step."""
        return Handle.into(self._optimizer_step_post_hooks, hook)

    def register_state_dict_pre_hook(self, hook: Callable, prepend: bool = False) -> Handle:
        """Call `hook(optimizer)` before a state dict is made."""
        return _placed(self._optimizer_state_dict_pre_hooks, hook, prepend)

    def register_state_dict_post_hook(self, hook: Callable, prepend: bool = False) -> Handle:
        """Call `hook(optimizer, state_dict)` after one is made; it may return another."""
        return _placed(self._optimizer_state_dict_post_hooks, hook, prepend)

    def register_load_state_dict_pre_hook(self, hook: Callable, prepend: bool = False) -> Handle:
        """Call `hook(optimizer, state_dict)` before one is taken over; it may return another."""
        return _placed(self._optimizer_load_state_dict_pre_hooks, hook, prepend)

    def register_load_state_dict_post_hook(self, hook: Callable, prepend: bool = False) -> Handle:
        """Call `hook(optimizer)` after a state dict was taken over."""
        return _placed(self._optimizer_load_state_dict_post_hooks, hook, prepend)

    # -- saving and loading

    def state_dict(self) -> dict[str, Any]:
        """The state by parameter number, and the groups with numbers in the place of parameters."""
        for hook in list(self._optimizer_state_dict_pre_hooks.values()):
            hook(self)
        numbers: dict[int, int] = {}
        for number, tensor in enumerate(chain(*(group["params"] for group in self.param_groups))):
            numbers.setdefault(id(tensor), number)
        groups = [
            {
                **{key: value for key, value in group.items() if key != "params"},
                "params": [numbers[id(tensor)] for tensor in group["params"]],
            }
            for group in self.param_groups
        ]
        state = {numbers[id(key)] if isinstance(key, Tensor) else key: kept for key, kept in self.state.items()}
        state_dict = {"state": state, "param_groups": groups}
        for hook in list(self._optimizer_state_dict_post_hooks.values()):
            state_dict = _or(hook(self, state_dict), state_dict)
        return state_dict

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over state and settings; the state takes the dtype of the parameters.

        Raises ValueError where the number of groups, or of parameters in one, differs.
        """
        state_dict = state_dict.copy()
        for hook in list(self._optimizer_load_state_dict_pre_hooks.values()):
            state_dict = _or(hook(self, state_dict), state_dict)
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
            {
                **copy.deepcopy({key: value for key, value in saved.items() if key != "params"}),
                **({"param_names": own["param_names"]} if "param_names" in own and "param_names" not in saved else {}),
                "params": own["params"],
            }
            for own, saved in zip(self.param_groups, saved_groups)
        ]
        self.__setstate__({"state": state, "param_groups": groups})
        for hook in list(self._optimizer_load_state_dict_post_hooks.values()):
            hook(self)

    def _complete(self, group: Group) -> None:
        """Give a group that was saved by an older version what this one wants, and its counts of steps as tensors."""
        for name, default in self.defaults.items():
            if default is not required and name != "lr":
                group.setdefault(name, default)
        for parameter in group["params"]:
            kept = self.state.get(parameter)
            for name in _SCALARS:
                if kept and name in kept and not isinstance(kept[name], Tensor):
                    kept[name] = scalar_of(float(kept[name]))


_SCALARS = ("step", "eta", "mu", "mu_product")
"""What optimisers remember of a parameter as a tensor of one number."""
_HOOKS = tuple(
    f"_optimizer_{place}_hooks"
    for place in (
        "step_pre", "step_post", "state_dict_pre", "state_dict_post", "load_state_dict_pre", "load_state_dict_post"
    )
)  # fmt: skip


class _Required:
    """A setting that every group must have."""

    def __repr__(self) -> str:
        return "<required parameter>"


required = _Required()
"""As a default: every group must have this setting."""

_before_all: OrderedDict[int, Callable] = OrderedDict()
_after_all: OrderedDict[int, Callable] = OrderedDict()


def register_optimizer_step_pre_hook(hook: Callable) -> Handle:
    """Call `hook(optimizer, args, kwargs)` before each step of any optimiser."""
    return Handle.into(_before_all, hook)


def register_optimizer_step_post_hook(hook: Callable) -> Handle:
    """Call `hook(optimizer, args, kwargs)` after each step of any optimiser."""
    return Handle.into(_after_all, hook)


def _placed(hooks: OrderedDict, hook: Callable, first: bool) -> Handle:
    handle = Handle.into(hooks, hook)
    if first:
        hooks.move_to_end(handle.id, last=False)
    return handle


def _or(value: Any, default: Any) -> Any:
    return default if value is None else value


def begun(parameter: Tensor, *names: str) -> dict[str, Any]:
    """What most optimisers remember of a parameter at first: no steps, and zeros of its shape by these names."""
    return {"step": scalar_of(0.0), **{name: zeros_like(parameter.detach()) for name in names}}


def scalar_of(number: float) -> Tensor:
    """A number that an optimiser remembers, as a tensor: of float64 where that is the default dtype, else float32."""
    return scalar_tensor(number, dtype=float64 if get_default_dtype() is float64 else float32)


def _hooked(step: Callable) -> Callable:
    """A step with the hooks around it; it notes that it was called."""

    @functools.wraps(step)
    def hooked(self: Optimizer, *args: Any, **kwargs: Any) -> Any:
        self._has_stepped = True
        if type(self).step is not hooked:  # called by the step of a subclass, around which the hooks are
            return step(self, *args, **kwargs)
        given = (self, *args)
        for hook in (*_before_all.values(), *self._optimizer_step_pre_hooks.values()):
            found = hook(self, given, kwargs)
            if found is not None:
                if not (isinstance(found, tuple) and len(found) == 2):
                    raise RuntimeError(
                        f"{step} must return None or a tuple of (new_args, new_kwargs), but got {found}."
                    )
                given, kwargs = found
        result = step(*given, **kwargs)
        for hook in (*self._optimizer_step_post_hooks.values(), *_after_all.values()):
            hook(self, given, kwargs)
        return result

    return hooked


Optimizer.step = _hooked(Optimizer.step)


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
