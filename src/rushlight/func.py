"""Modules as functions of their parameters: `torch.func.functional_call`.

Transforms of functions (`vmap`, `grad`, `jacrev`, …) are not here: `autograd.grad` with create_graph differentiates.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rushlight.core import absent as _absent
from rushlight.nn.module import Module
from rushlight.nn.utils.stateless import call_with
from rushlight.tensor.core import Tensor


def functional_call(
    module: Module,
    parameter_and_buffer_dicts: dict[str, Tensor] | Sequence[dict[str, Tensor]],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Call a module with the given tensors in place of its parameters and buffers, which it has again afterwards.

    Names are those of `named_parameters` and `named_buffers`; what is not given stays the module's. Names of one
    tensor get what one of them is given, unless `tie_weights=False`. With `strict` every name must be given and known.

    Raises ValueError for names given twice, for different tensors under tied names; RuntimeError where `strict` fails.

    >>> import rushlight as torch
    >>> layer = torch.nn.Linear(2, 1)
    >>> zeros = {name: torch.zeros_like(p) for name, p in layer.named_parameters()}
    >>> torch.func.functional_call(layer, zeros, torch.ones(1, 2))
    tensor([[0.]])
    """
    if isinstance(parameter_and_buffer_dicts, dict):
        return call_with(module, parameter_and_buffer_dicts, args, kwargs, tie_weights, strict)
    if not isinstance(parameter_and_buffer_dicts, Sequence):
        raise ValueError(
            "Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, "
            f"but got {type(parameter_and_buffer_dicts)}"
        )
    if not all(isinstance(part, dict) for part in parameter_and_buffer_dicts):
        raise ValueError("Expected all elements of parameter_and_buffer_dicts to be dictionaries")
    names = [name for part in parameter_and_buffer_dicts for name in part]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(f"{repeated} appeared in multiple dictionaries; behavior of functional call is ambiguous")
    joined = {name: tensor for part in parameter_and_buffer_dicts for name, tensor in part.items()}
    return call_with(module, joined, args, kwargs, tie_weights, strict)


__getattr__ = _absent.getter(__name__)
