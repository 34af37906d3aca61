"""Parametrizations that are used often: weight norm and spectral norm as properties of a layer."""

from __future__ import annotations

from typing import TypeVar

from rushlight.autograd.modes import no_grad
from rushlight.core import absent as _absent
from rushlight.nn.functional_norm import normalize
from rushlight.nn.module import Module
from rushlight.nn.utils.parametrize import register_parametrization
from rushlight.nn.utils.spectral_norm import matrix, output_axis
from rushlight.nn.utils.weight_norm import norm_except
from rushlight.tensor.core import Tensor

Layer = TypeVar("Layer", bound=Module)


class _WeightNorm(Module):
    """g·v / ‖v‖."""

    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        """The weight of that length and direction."""
        return weight_v * (weight_g / norm_except(weight_v, self.dim))

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Length and direction of a weight."""
        return norm_except(weight, self.dim), weight


def weight_norm(module: Layer, name: str = "weight", dim: int | None = 0) -> Layer:
    """Train a weight as g·v / ‖v‖, the norm over all axes but `dim` (None: over all).

    The originals are `parametrizations.weight.original0` (g) and `original1` (v); state dicts of `nn.utils.weight_norm`
    with `weight_g` and `weight_v` are taken, too. From Salimans & Kingma, "Weight normalization" (2016).

    >>> import rushlight as torch
    >>> layer = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(20, 40))
    >>> layer.parametrizations.weight.original0.shape
    torch.Size([40, 1])
    """
    register_parametrization(module, name, _WeightNorm(dim), unsafe=True)

    def take_older_names(state_dict: dict, prefix: str, *others: object) -> None:
        older = [f"{prefix}{name}_g", f"{prefix}{name}_v"]
        if all(key in state_dict for key in older):
            for index, key in enumerate(older):
                state_dict[f"{prefix}parametrizations.{name}.original{index}"] = state_dict.pop(key)

    module._register_load_state_dict_pre_hook(take_older_names)
    return module


class _SpectralNorm(Module):
    """The weight divided by its largest singular value; of a vector, by its norm."""

    def __init__(self, weight: Tensor, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12) -> None:
        super().__init__()
        axes = weight.dim()
        if not -axes <= dim < axes:
            raise IndexError(f"Dimension out of range (expected to be in range of [-{axes}, {axes - 1}] but got {dim})")
        if n_power_iterations <= 0:
            raise ValueError(
                f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
            )
        self.dim = dim % axes
        self.eps = eps
        if axes > 1:
            self.n_power_iterations = n_power_iterations
            rows = matrix(weight.detach(), self.dim)
            u, v = (rows.new_empty(size).normal_(0, 1) for size in rows.shape)
            self.register_buffer("_u", normalize(u, dim=0, eps=eps))
            self.register_buffer("_v", normalize(v, dim=0, eps=eps))
            self._improve(rows, 15)

    def _improve(self, rows: Tensor, steps: int) -> None:
        """Bring both vectors nearer to the singular ones."""
        with no_grad():
            for _ in range(steps):
                self._u.copy_(normalize(rows.mv(self._v), dim=0, eps=self.eps))
                self._v.copy_(normalize(rows.t().mv(self._u), dim=0, eps=self.eps))

    def forward(self, weight: Tensor) -> Tensor:
        """The weight with a largest singular value of about 1."""
        if weight.dim() == 1:
            return normalize(weight, dim=0, eps=self.eps)
        rows = matrix(weight, self.dim)
        if self.training:
            self._improve(rows, self.n_power_iterations)
        u, v = self._u.clone(), self._v.clone()  # the next call may change them before this one's backward
        return weight / u.dot(rows.mv(v))

    def right_inverse(self, value: Tensor) -> Tensor:
        """The value itself, which is not made smaller."""
        return value


def spectral_norm(
    module: Layer,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> Layer:
    """Divide a weight by its largest singular value, which power iteration estimates: one step each call in training.

    `dim` is the axis of the outputs: 0, in transposed layers 1. Raises ValueError where there is no such tensor. From
    Miyato et al., "Spectral normalization for generative adversarial networks" (2018).

    >>> import rushlight as torch
    >>> layer = torch.nn.utils.parametrizations.spectral_norm(torch.nn.Linear(20, 40))
    >>> list(layer.parametrizations.weight.state_dict())
    ['original', '0._u', '0._v']
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    axis = output_axis(module) if dim is None else dim
    register_parametrization(module, name, _SpectralNorm(weight, n_power_iterations, axis, eps))
    return module


__getattr__ = _absent.getter(__name__)
