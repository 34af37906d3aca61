"""Saving and loading: what a module's state is, as a dictionary of names and tensors.

`Stateful` is the half of `Module` that turns its parameters, buffers and children into a flat dictionary
(`state_dict`) and fills them from one again (`load_state_dict`). The names are PyTorch's, so checkpoints
written by either are read by the other.
"""

from __future__ import annotations

import itertools
import warnings
from collections import OrderedDict, namedtuple
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from rushlight.autograd.hooks import Handle
from rushlight.autograd.modes import no_grad
from rushlight.nn.hooks import register
from rushlight.nn.parameter import Parameter, is_lazy
from rushlight.tensor.core import Tensor

EXTRA_STATE = "_extra_state"
LATER = "load_later"  # the key of local_metadata with the list of what to do after all checks


class _IncompatibleKeys(namedtuple("IncompatibleKeys", ["missing_keys", "unexpected_keys"])):
    """What `load_state_dict` found missing in the given state, and what it did not know."""

    __slots__ = ()

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"_IncompatibleKeys({', '.join(f'{k}={v!r}' for k, v in self._asdict().items())})"

    __str__ = __repr__


class Stateful:
    """Parameters and buffers as a dictionary, and back. A module is one; it is not used by itself.

    Subclasses with state of their own shape override `_save_to_state_dict` and `_load_from_state_dict`, or
    give `get_extra_state` and `set_extra_state`.
    """

    _version: int = 1

    # -- saving

    def state_dict(
        self,
        *args: Any,
        destination: dict | None = None,
        prefix: str = "",
        keep_vars: bool = False,
    ) -> dict[str, Any]:
        """All parameters and persistent buffers by name, in order of registration, those of children after.

        The tensors share memory with the module; they are detached unless `keep_vars`. `destination` is
        filled and returned where it is given; every name begins with `prefix`.

        >>> import rushlight as torch
        >>> list(torch.nn.Sequential(torch.nn.Linear(2, 3)).state_dict())
        ['0.weight', '0.bias']
        """
        destination, prefix, keep_vars = _positional(args, destination, prefix, keep_vars)
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        local_metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = local_metadata
        for hook in self._state_dict_pre_hooks.values():
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, child in self._modules.items():
            if child is not None:
                child.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        for hook in self._state_dict_hooks.values():
            replaced = hook(self, destination, prefix, local_metadata)
            destination = destination if replaced is None else replaced
        return destination

    def _save_to_state_dict(self, destination: dict, prefix: str, keep_vars: bool) -> None:
        """Put this module's own tensors (not its children's) into `destination`."""
        for name, tensor in self._persistent_tensors():
            if tensor is not None:
                destination[prefix + name] = tensor if keep_vars or is_lazy(tensor) else tensor.detach()
        if type(self).get_extra_state is not Stateful.get_extra_state:
            destination[prefix + EXTRA_STATE] = self.get_extra_state()

    def _persistent_tensors(self) -> Iterator[tuple[str, Tensor | None]]:
        transient = self._non_persistent_buffers_set
        kept = ((name, buffer) for name, buffer in self._buffers.items() if name not in transient)
        return itertools.chain(self._parameters.items(), kept)

    def get_extra_state(self) -> Any:
        """Anything else to be kept in the state dict; a subclass that overrides it also sets `set_extra_state`."""
        raise RuntimeError(
            "Reached a code path in Module.get_extra_state() that should never be called. "
            "Override get_extra_state and set_extra_state together to keep extra state."
        )

    def set_extra_state(self, state: Any) -> None:
        """Take back what `get_extra_state` returned."""
        raise RuntimeError(
            "Reached a code path in Module.set_extra_state() that should never be called. "
            "Override get_extra_state and set_extra_state together to keep extra state."
        )

    # -- loading

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> _IncompatibleKeys:
        """Copy the tensors of `state_dict` into the parameters and buffers of the same names.

        The Parameter objects stay the same and keep their dtype, to which the values are converted;
        `assign=True` puts the given tensors in their place instead. With `strict` names that are missing or
        not known are an error, otherwise they are only returned.

        Raises a RuntimeError that lists every missing name, unexpected name and shape that does not fit; nothing
        has been loaded then (where PyTorch loads what fits).

        >>> import rushlight as torch
        >>> layer = torch.nn.Linear(2, 3)
        >>> layer.load_state_dict(torch.nn.Linear(2, 3).state_dict())
        <All keys matched successfully>
        >>> layer.load_state_dict({"weight": torch.zeros(3, 2)}, strict=False)
        _IncompatibleKeys(missing_keys=['bias'], unexpected_keys=[])
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        loading = _Loading(state_dict, strict, assign)
        loading.check(self)
        loading.commit(self)
        return loading.result

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Fill this module's own tensors (not its children's); append what goes wrong to the three lists."""
        for hook in self._load_state_dict_pre_hooks.values():
            hook(state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)
        assign = local_metadata.get("assign_to_params_buffers", False)
        for name, tensor in self._persistent_tensors():
            if tensor is None:
                continue
            key = prefix + name
            if key in state_dict:
                error = self._misfit(key, tensor, state_dict[key])
                if error:
                    error_msgs.append(error)
                else:
                    load = partial(self._load_tensor, name, key, tensor, state_dict[key], assign, error_msgs)
                    after_checks(local_metadata, load)
            elif strict:
                missing_keys.append(key)
        after_checks(local_metadata, partial(self._load_extra_state, state_dict, prefix + EXTRA_STATE))
        self._compare_extra_state(state_dict, prefix + EXTRA_STATE, strict, missing_keys, unexpected_keys)
        if strict:
            unexpected_keys += self._unknown_keys(state_dict, prefix)

    def _misfit(self, key: str, tensor: Tensor, value: Any) -> str | None:
        """Why a value cannot be loaded into a tensor, as text."""
        if not isinstance(value, Tensor):
            return (
                f'While copying the parameter named "{key}", expected torch.Tensor or Tensor-like object '
                f"from checkpoint but received {type(value)}"
            )
        if is_lazy(tensor) or value.shape == tensor.shape:
            return None
        if value.shape == (1,) and tensor.dim() == 0:  # so files of PyTorch 0.3 and before keep single numbers
            return None
        return (
            f"size mismatch for {key}: copying a param with shape {value.shape} from checkpoint, "
            f"the shape in current model is {tensor.shape}."
        )

    def _load_tensor(
        self, name: str, key: str, tensor: Tensor, value: Tensor, assign: bool, error_msgs: list[str]
    ) -> None:
        """Load one tensor that fits; append what goes wrong nevertheless to the list."""
        lazy = is_lazy(tensor)
        if not lazy and value.shape != tensor.shape:
            value = value[0]
        try:
            with no_grad():
                if assign:
                    self._assign_tensor(name, tensor, value)
                elif lazy and not is_lazy(value):
                    tensor.materialize(value.shape)
                    tensor.copy_(value)
                elif not lazy:
                    if tensor.is_meta and not value.is_meta:
                        _warn_of_no_memory(key)
                    tensor.copy_(value)
        except Exception as error:  # the report names every tensor that failed, not only the first
            error_msgs.append(
                f'While copying the parameter named "{key}", whose dimensions in the model are {tensor.size()} '
                f"and whose dimensions in the checkpoint are {value.size()}, "
                f"an exception occurred : {error.args}."
            )

    def _assign_tensor(self, name: str, tensor: Tensor, value: Tensor) -> None:
        if isinstance(tensor, Parameter):
            if not isinstance(value, Parameter):
                value = Parameter(value, requires_grad=tensor.requires_grad)
            else:
                value.requires_grad_(tensor.requires_grad)
        setattr(self, name, value)

    def _load_extra_state(self, state_dict: dict, key: str) -> None:
        if key in state_dict and type(self).set_extra_state is not Stateful.set_extra_state:
            self.set_extra_state(state_dict[key])

    def _compare_extra_state(
        self, state_dict: dict, key: str, strict: bool, missing_keys: list[str], unexpected_keys: list[str]
    ) -> None:
        wanted = type(self).set_extra_state is not Stateful.set_extra_state
        if strict and wanted != (key in state_dict):
            (missing_keys if wanted else unexpected_keys).append(key)

    def _unknown_keys(self, state_dict: dict, prefix: str) -> list[str]:
        """The keys under `prefix` that name no child and no tensor of this module."""
        own = {name for name, tensor in self._persistent_tensors() if tensor is not None}
        unknown = []
        for key in state_dict:
            if key.startswith(prefix) and key != prefix + EXTRA_STATE:
                name, *rest = key[len(prefix) :].split(".", 1)
                if not (name in self._modules if rest else name in own):
                    unknown.append(key)
        return unknown

    # -- hooks

    def register_state_dict_pre_hook(self, hook: Callable) -> Handle:
        """Call `hook(module, prefix, keep_vars)` before the state is collected."""
        return register(self._state_dict_pre_hooks, hook)

    def register_state_dict_post_hook(self, hook: Callable) -> Handle:
        """Call `hook(module, state_dict, prefix, local_metadata)` after; it may change the dict in place."""
        return register(self._state_dict_hooks, partial(_after_the_fact, hook))

    def _register_state_dict_hook(self, hook: Callable) -> Handle:
        """As the post hook, but what the hook returns takes the place of the state dict."""
        return register(self._state_dict_hooks, hook)

    def register_load_state_dict_pre_hook(self, hook: Callable) -> Handle:
        """Call `hook(module, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys,
        error_msgs)` before this module is loaded."""
        return register(self._load_state_dict_pre_hooks, partial(hook, self))

    def _register_load_state_dict_pre_hook(self, hook: Callable, with_module: bool = False) -> Handle:
        """As the public one; the hook receives the module only where `with_module` asks for it."""
        return register(self._load_state_dict_pre_hooks, partial(hook, self) if with_module else hook)

    def register_load_state_dict_post_hook(self, hook: Callable) -> Handle:
        """Call `hook(module, incompatible_keys)` after loading; it may edit the two lists of keys."""
        return register(self._load_state_dict_post_hooks, hook)


class _Loading:
    """One call of load_state_dict: the state, and what was missing, unexpected or wrong on the way."""

    def __init__(self, state_dict: Mapping[str, Any], strict: bool, assign: bool) -> None:
        self.metadata = getattr(state_dict, "_metadata", None)
        self.state = OrderedDict(state_dict)  # hooks may edit it
        if self.metadata is not None:
            self.state._metadata = self.metadata
        self.strict, self.assign = strict, assign
        self.missing_keys: list[str] = []
        self.unexpected_keys: list[str] = []
        self.errors: list[str] = []
        self.later: list[Callable[[], None]] = []

    @property
    def result(self) -> _IncompatibleKeys:
        return _IncompatibleKeys(self.missing_keys, self.unexpected_keys)

    def check(self, module: Stateful) -> None:
        """Compare every tensor with what is to be loaded into it; raise before anything is changed.

        A post hook may forgive missing and unexpected names, but wants to see the values: it waits for `commit`.
        """
        self._compare(module)
        if self.errors or not any(m._load_state_dict_post_hooks for m in module.modules()):
            self._raise(module)

    def commit(self, module: Stateful) -> None:
        """Load what has been checked, and call the post hooks, children first."""
        for load in self.later:
            load()
        self._call_post_hooks(module)
        self._raise(module)

    def _raise(self, module: Stateful) -> None:
        errors = self.errors
        if self.strict:
            names = [*_names("Missing", self.missing_keys), *_names("Unexpected", self.unexpected_keys)]
            errors = [*names, *errors]
        if errors:
            listed = "\n\t".join(errors)
            raise RuntimeError(f"Error(s) in loading state_dict for {type(module).__name__}:\n\t{listed}")

    def _compare(self, module: Stateful, prefix: str = "") -> None:
        metadata = {} if self.metadata is None else dict(self.metadata.get(prefix[:-1], {}))
        metadata[LATER] = self.later
        if self.assign:
            metadata["assign_to_params_buffers"] = True
        module._load_from_state_dict(
            self.state, prefix, metadata, True, self.missing_keys, self.unexpected_keys, self.errors
        )
        for name, child in module._modules.items():
            if child is not None:
                self._compare(child, f"{prefix}{name}.")

    def _call_post_hooks(self, module: Stateful) -> None:
        for child in module._modules.values():
            if child is not None:
                self._call_post_hooks(child)
        for hook in module._load_state_dict_post_hooks.values():
            if hook(module, self.result) is not None:
                raise AssertionError(  # PyTorch's kind
                    "Hooks registered with ``register_load_state_dict_post_hook`` are not expected to return "
                    "new values, if incompatible_keys need to be modified, it should be done inplace."
                )


def after_checks(local_metadata: dict[str, Any], action: Callable[[], None]) -> None:
    """Do this once every module of a `load_state_dict` has been checked; at once where there is none."""
    if LATER in local_metadata:
        local_metadata[LATER].append(action)
    else:
        action()


def _after_the_fact(hook: Callable, *args: Any) -> None:
    if hook(*args) is not None:
        raise RuntimeError("state_dict post-hook must return None")


def _names(kind: str, keys: list[str]) -> list[str]:
    listed = ", ".join(f'"{key}"' for key in keys)
    return [f"{kind} key(s) in state_dict: {listed}. "] if keys else []


def _positional(args: tuple, destination: dict | None, prefix: str, keep_vars: bool) -> tuple:
    """PyTorch's older signature, state_dict(destination, prefix, keep_vars)."""
    if args:
        destination = args[0] if destination is None else destination
        prefix = args[1] if len(args) > 1 and prefix == "" else prefix
        keep_vars = args[2] if len(args) > 2 and keep_vars is False else keep_vars
    return destination, prefix, keep_vars


def _warn_of_no_memory(key: str) -> None:
    warnings.warn(
        f"for {key}: copying from a non-meta parameter in the checkpoint to a meta parameter in the current model, "
        "which is a no-op. (Did you mean to pass `assign=True` to assign items in the state dictionary to their "
        "corresponding key in the module instead of copying them in place?)",
        stacklevel=2,
    )
