"""Lazy modules: layers whose parameters take their shape from the first input.

`LazyModuleMixin` goes in front of a layer's class. Until the first call (or until a state dict is loaded)
some parameters are uninitialised; before the first `forward` they are given their shape, and the module
becomes an instance of `cls_to_become`, with the same Parameter objects.
"""

from __future__ import annotations

import itertools
from typing import Any

from rushlight.nn.module import Module
from rushlight.nn.parameter import is_lazy
from rushlight.nn.state_dict import after_checks


class LazyModuleMixin:
    """Makes a module lazy: subclasses define `initialize_parameters` and, usually, `cls_to_become`.

    >>> import rushlight as torch
    >>> class LazyScale(torch.nn.LazyModuleMixin, torch.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.scale = torch.nn.UninitializedParameter()
    ...
    ...     def initialize_parameters(self, x):
    ...         self.scale.materialize(x.shape[-1:])
    ...         torch.nn.init.ones_(self.scale)
    ...
    ...     def forward(self, x):
    ...         return x * self.scale
    >>> LazyScale()(torch.zeros(2, 3)).shape
    torch.Size([2, 3])
    """

    cls_to_become: type[Module] | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._initialize_hook = self.register_forward_pre_hook(self._infer_parameters, with_kwargs=True)

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Materialize the parameters for this input; called with the arguments of `forward`."""
        raise NotImplementedError(f"initialize_parameters is not implemented for {type(self).__name__}")

    def sizes_from_parameters(self) -> None:
        """Set the attributes that name sizes, after a state has been loaded; nothing by default."""

    def has_uninitialized_params(self) -> bool:
        """Whether a parameter or buffer of this module (not of children) has no shape yet."""
        return any(map(is_lazy, itertools.chain(self._parameters.values(), self._buffers.values())))

    def _infer_parameters(self, module: Module, args: tuple, kwargs: dict[str, Any]) -> None:
        """The hook before the first forward."""
        module.initialize_parameters(*args, **kwargs)
        if module.has_uninitialized_params():
            raise RuntimeError(f"module {self._get_name()} has not been fully initialized")
        module._initialize_hook.remove()
        del module._initialize_hook
        if module.cls_to_become is not None:
            module.__class__ = module.cls_to_become

    def _load_from_state_dict(self, state_dict: dict, prefix: str, local_metadata: dict, *rest: Any) -> None:
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)
        after_checks(local_metadata, self._settle_sizes)

    def _settle_sizes(self) -> None:
        if not self.has_uninitialized_params():
            self.sizes_from_parameters()
