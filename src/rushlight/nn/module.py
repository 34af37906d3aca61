"""Module: the base of every layer and network.

A module owns parameters, buffers and child modules, each under a name; assigning one as an attribute
registers it. What comes in are tensors (`module(x)` runs the hooks and `forward`); what goes out is whatever
`forward` returns. `hooks.py` holds the half that runs a module, `state_dict.py` the half that saves and loads it.
"""

from __future__ import annotations

import builtins
from collections import OrderedDict
from collections.abc import Callable, Iterator
from types import NoneType
from typing import Any

from rushlight.autograd.modes import no_grad
from rushlight.core import absent, dtypes
from rushlight.core.errors import message
from rushlight.nn.hooks import HOOK_TABLES, Hooked
from rushlight.nn.older import completed
from rushlight.nn.parameter import Buffer, Parameter, is_lazy
from rushlight.nn.state_dict import Stateful
from rushlight.tensor.core import Tensor
from rushlight.tensor.creation import empty_like
from rushlight.tensor.size import check_device
from rushlight.tensor.size import device as Device

# What a layer raises for a call that it does not take.
CALL_ERRORS = (RuntimeError, ValueError, TypeError)


def _blank_state() -> dict[str, Any]:
    """The attributes of a module that has nothing registered yet."""
    state = {"training": True, "_parameters": {}, "_buffers": {}, "_non_persistent_buffers_set": set()}
    state.update((table, OrderedDict()) for table in HOOK_TABLES)
    state["_modules"] = {}
    return state


class Module(Hooked, Stateful):
    """The base class of layers and networks.

    Subclass it, call `super().__init__()`, assign parameters and child modules as attributes, and define
    `forward`. Calling the module runs `forward` and the registered hooks.

    >>> import rushlight as torch
    >>> class Twice(torch.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.inner = torch.nn.Linear(3, 3)
    ...
    ...     def forward(self, x):
    ...         return self.inner(self.inner(x))
    >>> Twice()(torch.zeros(5, 3)).shape
    torch.Size([5, 3])
    >>> Twice()
    Twice(
      (inner): Linear(in_features=3, out_features=3, bias=True)
    )
    """

    training: bool
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Module | None]

    def __init__(self) -> None:
        self.__dict__.update(_blank_state())

    def _no_forward(self, *input: Any) -> Any:
        """What the module computes; every subclass defines it."""
        raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    forward: Callable[..., Any] = _no_forward  # so that checkers take the arguments of any subclass

    # -- registering

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter (or None, for one that the module does without) under `name`.

        Raises TypeError for what is no Parameter, ValueError for one that is computed from others,
        KeyError for a name that is empty, has a dot or is taken.
        """
        self._check_name("parameter", name, self._own_table("_parameters", "parameter"))
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(
                f"cannot assign '{_typename(param)}' object to parameter '{name}' (torch.nn.Parameter or None required)"
            )
        if param is not None and param.grad_fn:
            raise ValueError(
                f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be created "
                f"explicitly. To express '{name}' as a function of another Tensor, compute the value in the "
                "forward() method."
            )
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that is state but not trained; it is part of the state dict where `persistent`."""
        self._check_name("buffer", name, self._own_table("_buffers", "buffer"))
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"cannot assign '{_typename(tensor)}' object to buffer '{name}' (torch Tensor or None required)"
            )
        self._buffers[name] = tensor
        self._mark_persistent(name, persistent)

    def register_module(self, name: str, module: Module | None) -> None:
        """The same as `add_module`."""
        self.add_module(name, module)

    def add_module(self, name: str, module: Module | None) -> None:
        """Add a child module under `name`."""
        if module is not None and not isinstance(module, Module):
            several = "the modules one by one: Sequential(*modules)" if isinstance(module, list | tuple) else None
            raise TypeError(message(f"{_typename(module)} is not a Module subclass", fix=several))
        self._check_name("module", name, self._own_table("_modules", "module"))
        self._modules[name] = module

    def _own_table(self, table: str, kind: str) -> dict:
        try:
            return self.__dict__[table]
        except KeyError:
            raise AttributeError(f"cannot assign {kind} before Module.__init__() call") from None

    def _check_name(self, kind: str, name: str, table: dict) -> None:
        if not isinstance(name, str):
            raise TypeError(f"{kind} name should be a string. Got {_typename(name)}")
        if hasattr(self, name) and name not in table:
            raise KeyError(f"attribute '{name}' already exists")
        if "." in name:
            raise KeyError(f'{kind} name can\'t contain "."' + (f", got: {name}" if kind == "module" else ""))
        if name == "":
            raise KeyError(f'{kind} name can\'t be empty string ""')

    def _mark_persistent(self, name: str, persistent: bool) -> None:
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    # -- attributes

    def __getattr__(self, name: str) -> Any:
        # Only called for what is not an ordinary attribute.
        for table in ("_parameters", "_buffers", "_modules"):
            entries = self.__dict__.get(table)
            if entries is not None and name in entries:
                return entries[name]
        raise absent.of_object(self, "torch.nn.Module", name)

    def __setattr__(self, name: str, value: Any) -> None:
        entries = self.__dict__
        if isinstance(value, Parameter):
            self._own_table("_parameters", "parameters")
            self._forget(name, keep="_parameters")
            self.register_parameter(name, value)
        elif name in entries.get("_parameters", ()):
            if value is not None:
                raise TypeError(_cannot_assign(value, "parameter", name, "torch.nn.Parameter or None"))
            self.register_parameter(name, None)
        elif isinstance(value, Module):
            table = self._own_table("_modules", "module")
            self._forget(name, keep="_modules")
            table[name] = value
        elif name in entries.get("_modules", ()):
            if value is not None:
                raise TypeError(_cannot_assign(value, "child module", name, "torch.nn.Module or None"))
            entries["_modules"][name] = None
        elif isinstance(value, Buffer) or name in entries.get("_buffers", ()):
            self._set_buffer(name, value)
        else:
            object.__setattr__(self, name, value)

    def _set_buffer(self, name: str, value: Any) -> None:
        if value is not None and not isinstance(value, Tensor):
            raise TypeError(_cannot_assign(value, "buffer", name, "torch.nn.Buffer, torch.Tensor or None"))
        table = self._own_table("_buffers", "buffer")
        if isinstance(value, Buffer):
            self._forget(name, keep="_buffers")
            self._mark_persistent(name, value.persistent)
        table[name] = value

    def _forget(self, name: str, keep: str) -> None:
        """Take `name` out of every place but `keep`: it is about to be registered there."""
        self.__dict__.pop(name, None)
        for table in ("_parameters", "_buffers", "_modules"):
            if table != keep:
                self.__dict__.get(table, {}).pop(name, None)
        if keep != "_buffers":
            self.__dict__.get("_non_persistent_buffers_set", set()).discard(name)

    def __delattr__(self, name: str) -> None:
        for table in (self._parameters, self._buffers, self._modules):
            if name in table:
                del table[name]
                self._non_persistent_buffers_set.discard(name)
                return
        object.__delattr__(self, name)

    def __dir__(self) -> list[str]:
        own = [*dir(type(self)), *self.__dict__, *self._parameters, *self._modules, *self._buffers]
        return sorted({name for name in own if not name[:1].isdigit()})

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update({**_blank_state(), **completed(self, state)})

    # -- walking over parameters, buffers and modules

    def named_modules(
        self, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """This module and all below it with their dotted names, each one once (unless told otherwise)."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, child in self._modules.items():
            if child is not None:
                yield from child.named_modules(memo, f"{prefix}.{name}" if prefix else name, remove_duplicate)

    def modules(self, remove_duplicate: bool = True) -> Iterator[Module]:
        """This module and all below it."""
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules directly below this one, with their names."""
        seen = set()
        for name, child in self._modules.items():
            if child is not None and child not in seen:
                seen.add(child)
                yield name, child

    def children(self) -> Iterator[Module]:
        """The modules directly below this one."""
        for _, child in self.named_children():
            yield child

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """The parameters with their dotted names, each one once; of this module only, without `recurse`.

        >>> import rushlight as torch
        >>> [name for name, _ in torch.nn.Sequential(torch.nn.Conv1d(2, 3, 1)).named_parameters()]
        ['0.weight', '0.bias']
        """
        yield from self._named_members(lambda m: m._parameters.items(), prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters of this module and of all below it: what an optimiser is given."""
        for _, parameter in self.named_parameters(recurse=recurse):
            yield parameter

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """The buffers with their dotted names, each one once."""
        yield from self._named_members(lambda m: m._buffers.items(), prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """The buffers of this module and of all below it."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def _named_members(
        self,
        get_members_fn: Callable,
        prefix: str = "",
        recurse: bool = True,
        remove_duplicate: bool = True,
    ) -> Iterator[tuple[str, Tensor]]:
        modules = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)
        seen: set[int] = set()
        for module_prefix, module in modules if recurse else [(prefix, self)]:
            for name, tensor in get_members_fn(module):
                if tensor is None or id(tensor) in seen:
                    continue
                if remove_duplicate:
                    seen.add(id(tensor))
                yield f"{module_prefix}.{name}" if module_prefix else name, tensor

    # -- by dotted name

    def get_submodule(self, target: str) -> Module:
        """The module of the dotted name `target`; AttributeError where there is none."""
        module = self
        for name in target.split(".") if target else ():
            module = _attribute(module, name)
            if not isinstance(module, Module):
                raise AttributeError(f"`{name}` is not an nn.Module")
        return module

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Put `module` at the dotted name `target`; with `strict` there must be one already."""
        if target == "":
            raise ValueError("Cannot set the submodule without a target name!")
        if not isinstance(module, Module):
            raise ValueError(f"`module` is not an nn.Module, found {type(module)}")
        parent_name, _, name = target.rpartition(".")
        parent = self.get_submodule(parent_name)
        if strict or hasattr(parent, name):
            existing = _attribute(parent, name)
            if not isinstance(existing, Module):
                raise AttributeError(f"`{name}` is not an nn.Module")
        setattr(parent, name, module)

    def get_parameter(self, target: str) -> Parameter:
        """The parameter of the dotted name `target`."""
        module_name, _, name = target.rpartition(".")
        parameter = _attribute(self.get_submodule(module_name), name)
        if not isinstance(parameter, Parameter):
            raise AttributeError(f"`{name}` is not an nn.Parameter")
        return parameter

    def get_buffer(self, target: str) -> Tensor:
        """The buffer of the dotted name `target`."""
        module_name, _, name = target.rpartition(".")
        module = self.get_submodule(module_name)
        buffer = _attribute(module, name)
        if name not in module._buffers:
            raise AttributeError(f"`{name}` is not a buffer")
        return buffer

    # -- changing all tensors or modules at once

    def apply(self, fn: Callable[[Module], None]) -> Module:
        """Call `fn` with every module below and then with this one; returns this one."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Module:
        """Replace the data of every parameter, its gradient and every buffer by `fn` of it.

        The Parameter objects stay the same, so an optimiser that holds them goes on working.
        """
        if recurse:
            for child in self.children():
                child._apply(fn, recurse)
        with no_grad():
            for parameter in self._parameters.values():
                if parameter is not None:
                    gradient = parameter.grad
                    parameter.data = fn(parameter.data)
                    if gradient is not None:
                        parameter.grad = fn(gradient.detach()).requires_grad_(gradient.requires_grad)
            for name, buffer in self._buffers.items():
                if is_lazy(buffer):
                    buffer.data = fn(buffer.data)
                elif buffer is not None:
                    self._buffers[name] = fn(buffer)
        return self

    def to(self, *args: Any, **kwargs: Any) -> Module:
        """Convert all floating-point parameters and buffers, or move them to a device; returns this module.

        Called as `to(dtype)`, `to(device)`, `to(device, dtype)`, `to(tensor)` (as it is), or
        `to(memory_format=…)` (for parameters with four or five axes). Integer buffers keep their dtype.
        Raises TypeError for a dtype that is not floating point.
        """
        dtype, memory_format, device = _parse_to(args, **kwargs)

        def convert(tensor: Tensor) -> Tensor:
            if dtype is not None and tensor.is_floating_point():
                tensor = tensor.to(dtype)
            if device is not None:
                _check_has_numbers(tensor, device)
                tensor = tensor.to(device)
            if memory_format is not None and tensor.dim() in (4, 5):
                tensor = tensor.contiguous(memory_format=memory_format)
            return tensor

        return self._apply(convert)

    def type(self, dst_type: Any) -> Module:
        """Convert all parameters and buffers to `dst_type`, integer ones too."""
        return self._apply(lambda tensor: tensor.type(dst_type))

    def float(self) -> Module:
        """Convert all floating-point parameters and buffers to float32."""
        return self._convert_floating(dtypes.float32)

    def double(self) -> Module:
        """Convert all floating-point parameters and buffers to float64."""
        return self._convert_floating(dtypes.float64)

    def half(self) -> Module:
        """Convert all floating-point parameters and buffers to float16."""
        return self._convert_floating(dtypes.float16)

    def bfloat16(self) -> Module:
        """Convert all floating-point parameters and buffers to bfloat16."""
        return self._convert_floating(dtypes.bfloat16)

    def _convert_floating(self, dtype: dtypes.dtype) -> Module:
        return self._apply(lambda tensor: tensor.to(dtype) if tensor.is_floating_point() else tensor)

    def cpu(self) -> Module:
        """Move everything to the CPU."""
        return self._apply(lambda tensor: tensor.cpu())

    def cuda(self, device: Any = None) -> Module:
        """Rushlight computes on the CPU: an error that says so."""
        return self.to("cuda" if device is None else device)

    def to_empty(self, *, device: Any, recurse: bool = True) -> Module:
        """Replace all parameters and buffers by uninitialised ones of the same shape and dtype."""
        return self._apply(lambda tensor: empty_like(tensor, device=device), recurse=recurse)

    def train(self, mode: bool = True) -> Module:
        """Set training mode (dropout drops, batch normalisation measures) here and below; returns this module."""
        if not isinstance(mode, builtins.bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for child in self.children():
            child.train(mode)
        return self

    def eval(self) -> Module:
        """Set evaluation mode: `train(False)`."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Module:
        """Say of every parameter whether gradients are recorded for it; returns this module."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or set them to zero in place."""
        for parameter in self.parameters():
            if parameter.grad is not None:
                parameter.grad = None if set_to_none else parameter.grad.detach().zero_()

    # -- printing

    def _get_name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        """What stands between the parentheses of the repr; subclasses override it."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        own_lines = extra.split("\n") if extra else []
        children = [f"({name}): {_indented(repr(child))}" for name, child in self._modules.items()]
        return _block(self._get_name(), own_lines, children)


def shown(layer: Module, *names: str) -> str:
    """`name=value, …` of these attributes: an `extra_repr`."""
    return ", ".join(f"{name}={getattr(layer, name)}" for name in names)


def name_layer(error: Exception, layer: Module) -> None:
    """Add to the text of an error, once, which layer it happened in."""
    text = str(error)
    if "\nLayer: " not in text:
        error.args = (f"{text}\nLayer: {layer!r}",)


def _block(name: str, own_lines: list[str], children: list[str]) -> str:
    """The repr of a module: on one line where nothing but one line of its own is in it."""
    if not own_lines and not children:
        return f"{name}()"
    if len(own_lines) == 1 and not children:
        return f"{name}({own_lines[0]})"
    inner = "\n  ".join(own_lines + children)
    return f"{name}(\n  {inner}\n)"


def _indented(text: str) -> str:
    return text.replace("\n", "\n  ")


def _parse_to(
    args: tuple,
    device: Any = None,
    dtype: dtypes.dtype | None = None,
    non_blocking: bool = False,
    *,
    tensor: Tensor | None = None,
    memory_format: Any = None,
) -> tuple[dtypes.dtype | None, Any, Any]:
    """The dtype, the memory format and the device asked for in one of the forms of `Module.to`."""
    for arg in args if tensor is None else (tensor, *args):
        if isinstance(arg, Tensor):
            dtype, device = arg.dtype, arg.device
        elif isinstance(arg, dtypes.dtype):
            dtype = arg
        elif not isinstance(arg, (bool, NoneType)):  # a bool in this place is non_blocking
            device = arg
    check_device(device)
    if dtype is not None and not dtype.is_floating_point:
        raise TypeError(f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={dtype}")
    return dtype, memory_format, device


def _check_has_numbers(tensor: Tensor, device: Any) -> None:
    if tensor.is_meta and Device(device).type != "meta":
        raise NotImplementedError(
            "Cannot copy out of meta tensor; no data! Please use torch.nn.Module.to_empty() instead of "
            "torch.nn.Module.to() when moving module from meta to a different device."
        )


def _attribute(module: Module, name: str) -> Any:
    if not hasattr(module, name):
        raise AttributeError(f"{module._get_name()} has no attribute `{name}`")
    return getattr(module, name)


def _cannot_assign(value: Any, kind: str, name: str, expected: str) -> str:
    return f"cannot assign '{_typename(value)}' as {kind} '{name}' ({expected} expected)"


def _typename(value: Any) -> str:
    """The type of a value as PyTorch names it in errors: 'torch.FloatTensor', 'int', 'numpy.ndarray'."""
    if isinstance(value, Tensor):
        return value.type()
    kind = type(value)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
