"""Weight norm by a hook: a layer's weight as a length and a direction, which are trained in its place.

In: a layer. Out: the same layer, with the parameters `weight_g` and `weight_v`, from which a hook before each call
makes `weight`. `parametrizations.weight_norm` is the newer form of it; both share `norm_except`.
"""

from __future__ import annotations

import warnings
from typing import Any, TypeVar

from rushlight.nn.module import Module
from rushlight.nn.parameter import Parameter, UninitializedParameter
from rushlight.tensor.core import Tensor

Layer = TypeVar("Layer", bound=Module)


def norm_except(v: Tensor, dim: int) -> Tensor:
    """The norms over all axes but one, which are kept with size 1; over all of them for −1.

    Salimans & Kingma, "Weight normalization" (2016): the weight is g·v / ‖v‖.
    """
    if dim == -1:
        return v.norm(2)
    dim = dim % v.dim()
    others = [axis for axis in range(v.dim()) if axis != dim]
    return v.norm(2, others, True) if others else v.abs()


class WeightNorm:
    """The hook: makes the weight before each call."""

    def __init__(self, name: str, dim: int | None) -> None:
        self.name = name
        self.dim = -1 if dim is None else dim

    def compute_weight(self, module: Module) -> Tensor:
        """g·v / ‖v‖."""
        length, direction = getattr(module, f"{self.name}_g"), getattr(module, f"{self.name}_v")
        return direction * (length / norm_except(direction, self.dim))

    @staticmethod
    def apply(module: Module, name: str, dim: int | None) -> WeightNorm:
        """Put length and direction in the weight's place, and the hook into the module."""
        for hook in module._forward_pre_hooks.values():
            if isinstance(hook, WeightNorm) and hook.name == name:
                raise RuntimeError(f"Cannot register two weight_norm hooks on the same parameter {name}")
        norm = WeightNorm(name, dim)
        weight = getattr(module, name)
        if isinstance(weight, UninitializedParameter):
            raise ValueError(
                "The module passed to `WeightNorm` can't have uninitialized parameters. "
                "Make sure to run the dummy forward before applying weight normalization"
            )
        del module._parameters[name]
        data = weight.detach()
        module.register_parameter(f"{name}_g", Parameter(norm_except(data, norm.dim)))
        module.register_parameter(f"{name}_v", Parameter(data))
        setattr(module, name, norm.compute_weight(module))
        module.register_forward_pre_hook(norm)
        return norm

    def remove(self, module: Module) -> None:
        """Put the weight, as it is now, in place of length and direction."""
        weight = self.compute_weight(module)
        delattr(module, self.name)
        del module._parameters[f"{self.name}_g"], module._parameters[f"{self.name}_v"]
        setattr(module, self.name, Parameter(weight.detach()))

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module))


def weight_norm(module: Layer, name: str = "weight", dim: int | None = 0) -> Layer:
    """Train a weight as g·v / ‖v‖, the norm over all axes but `dim` (None: over all).

    Deprecated as in PyTorch, with its warning: `parametrizations.weight_norm` is the newer one.

    >>> import rushlight as torch, warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     layer = torch.nn.utils.weight_norm(torch.nn.Linear(20, 40))
    >>> layer.weight_g.shape, layer.weight_v.shape
    (torch.Size([40, 1]), torch.Size([40, 20]))
    """
    warnings.warn(
        "`torch.nn.utils.weight_norm` is deprecated in favor of `torch.nn.utils.parametrizations.weight_norm`.",
        FutureWarning,
        stacklevel=2,
    )
    WeightNorm.apply(module, name, dim)
    return module


def remove_weight_norm(module: Layer, name: str = "weight") -> Layer:
    """Make the weight a parameter again; ValueError where it has no weight norm."""
    for key, hook in module._forward_pre_hooks.items():
        if isinstance(hook, WeightNorm) and hook.name == name:
            hook.remove(module)
            del module._forward_pre_hooks[key]
            return module
    raise ValueError(f"weight_norm of '{name}' not found in {module}")
