"""Spectral norm by a hook: a layer's weight divided by its largest singular value.

In: a layer. Out: the same layer, with the parameter `weight_orig` and the buffers `weight_u` and `weight_v` (the
singular vectors, which come nearer with each call in training), from which a hook before each call makes `weight`.
`parametrizations.spectral_norm` is the newer form of it; both share `matrix` and `power_steps`.
"""

from __future__ import annotations

from typing import Any, TypeVar

from rushlight.autograd.modes import no_grad
from rushlight.nn.conv import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from rushlight.nn.functional_norm import normalize
from rushlight.nn.module import Module
from rushlight.nn.parameter import Parameter, UninitializedParameter
from rushlight.tensor.core import Tensor

Layer = TypeVar("Layer", bound=Module)


def matrix(weight: Tensor, dim: int) -> Tensor:
    """A weight as a matrix whose rows are those of the axis `dim`."""
    if dim:
        weight = weight.permute(dim, *[axis for axis in range(weight.dim()) if axis != dim])
    return weight.reshape(weight.shape[0], -1)


def output_axis(module: Module) -> int:
    """The axis of a layer's weight that has its outputs."""
    return 1 if isinstance(module, (ConvTranspose1d, ConvTranspose2d, ConvTranspose3d)) else 0


class SpectralNorm:
    """The hook: makes the weight before each call."""

    _version = 1

    def __init__(self, name: str = "weight", n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12) -> None:
        if n_power_iterations <= 0:
            raise ValueError(
                f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
            )
        self.name = name
        self.dim = dim
        self.n_power_iterations = n_power_iterations
        self.eps = eps

    def reshape_weight_to_matrix(self, weight: Tensor) -> Tensor:
        """The weight as a matrix, an output a row."""
        return matrix(weight, self.dim)

    def compute_weight(self, module: Module, do_power_iteration: bool) -> Tensor:
        """The weight divided by uᵀ·W·v, after steps that bring u and v nearer to the singular vectors, if asked for."""
        weight = getattr(module, f"{self.name}_orig")
        u, v = getattr(module, f"{self.name}_u"), getattr(module, f"{self.name}_v")
        rows = matrix(weight, self.dim)
        if do_power_iteration:
            with no_grad():
                for _ in range(self.n_power_iterations):
                    v.copy_(normalize(rows.t().mv(u), dim=0, eps=self.eps))
                    u.copy_(normalize(rows.mv(v), dim=0, eps=self.eps))
            u, v = u.clone(), v.clone()  # the next call may change them before this one's backward
        return weight / u.dot(rows.mv(v))

    def remove(self, module: Module) -> None:
        """Put the weight, as it is now, in place of the original."""
        with no_grad():
            weight = self.compute_weight(module, do_power_iteration=False)
        delattr(module, self.name)
        for suffix in ("_u", "_v", "_orig"):
            delattr(module, self.name + suffix)
        module.register_parameter(self.name, Parameter(weight.detach()))

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module, do_power_iteration=module.training))

    @staticmethod
    def apply(module: Module, name: str, n_power_iterations: int, dim: int, eps: float) -> SpectralNorm:
        """Put the original and the vectors in the weight's place, and the hook into the module."""
        for hook in module._forward_pre_hooks.values():
            if isinstance(hook, SpectralNorm) and hook.name == name:
                raise RuntimeError(f"Cannot register two spectral_norm hooks on the same parameter {name}")
        norm = SpectralNorm(name, n_power_iterations, dim, eps)
        weight = module._parameters[name]
        if weight is None:
            raise ValueError(f"`SpectralNorm` cannot be applied as parameter `{name}` is None")
        if isinstance(weight, UninitializedParameter):
            raise ValueError(
                "The module passed to `SpectralNorm` can't have uninitialized parameters. "
                "Make sure to run the dummy forward before applying spectral normalization"
            )
        with no_grad():
            height, width = matrix(weight, dim).shape
            u, v = (normalize(weight.new_empty(n).normal_(0, 1), dim=0, eps=eps) for n in (height, width))
        delattr(module, name)
        module.register_parameter(f"{name}_orig", weight)
        setattr(module, name, weight.data)  # a plain attribute, before the hook makes it
        module.register_buffer(f"{name}_u", u)
        module.register_buffer(f"{name}_v", v)
        module.register_forward_pre_hook(norm)
        module._register_state_dict_hook(norm.write_version)
        return norm

    def write_version(self, module: Module, state_dict: dict, prefix: str, local_metadata: dict) -> None:
        """Say in a state dict's metadata that it has both vectors."""
        versions = local_metadata.setdefault("spectral_norm", {})
        key = f"{self.name}.version"
        if key in versions:
            raise RuntimeError(f"Unexpected key in metadata['spectral_norm']: {key}")
        versions[key] = self._version


def spectral_norm(
    module: Layer,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> Layer:
    """Divide a weight by its largest singular value, which power iteration estimates: one step each call in training.

    `dim` is the axis of the outputs: 0, in transposed layers 1. From Miyato et al., "Spectral normalization for
    generative adversarial networks" (2018). `parametrizations.spectral_norm` is the newer one.

    >>> import rushlight as torch
    >>> layer = torch.nn.utils.spectral_norm(torch.nn.Linear(20, 40))
    >>> list(layer.state_dict()), layer.weight_u.shape
    (['bias', 'weight_orig', 'weight_u', 'weight_v'], torch.Size([40]))
    """
    SpectralNorm.apply(module, name, n_power_iterations, output_axis(module) if dim is None else dim, eps)
    return module


def remove_spectral_norm(module: Layer, name: str = "weight") -> Layer:
    """Make the weight a parameter again; ValueError where it has no spectral norm."""
    for key, hook in module._forward_pre_hooks.items():
        if isinstance(hook, SpectralNorm) and hook.name == name:
            hook.remove(module)
            del module._forward_pre_hooks[key]
            break
    else:
        raise ValueError(f"spectral_norm of '{name}' not found in {module}")
    for key, hook in list(module._state_dict_hooks.items()):
        if isinstance(getattr(hook, "__self__", None), SpectralNorm) and hook.__self__.name == name:
            del module._state_dict_hooks[key]
    return module
