"""Keeping gradients small: by their norm, or number by number.

All gradients that lie without gaps are changed in one launch, as an optimiser changes parameters.
"""

from __future__ import annotations

import types
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from rushlight.autograd.graph import record_write
from rushlight.autograd.modes import mode, no_grad
from rushlight.autograd.operation import Operation, define
from rushlight.rules.results import as_first
from rushlight.tensor.change import check_writeable
from rushlight.tensor.core import Tensor, memory, wrap
from rushlight.tensor.creation import scalar_tensor
from rushlight.tensor.fusing import formulas_of
from rushlight.tensor.norms import norm
from rushlight.tensor.parts import stack
from rushlight.tensor.together import computed_together, kinds_alike, squares_together

Parameters = Tensor | Iterable[Tensor]


def _gradients(parameters: Parameters) -> list[Tensor]:
    parameters = [parameters] if isinstance(parameters, Tensor) else parameters
    return [parameter.grad for parameter in parameters if parameter.grad is not None]


def get_total_norm(
    tensors: Parameters, norm_type: float = 2.0, error_if_nonfinite: bool = False, foreach: bool | None = None
) -> Tensor:
    """The norm of all tensors as one vector: of order 0 the norms' number, as in PyTorch.

    RuntimeError, if asked for, where it is not finite.
    """
    tensors = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    order = float(norm_type)
    if not tensors:
        return scalar_tensor(0.0)
    with no_grad():
        total = _length(tensors) if order == 2 and mode.watcher is None else None
        if total is None:
            total = norm(stack([norm(tensor, order) for tensor in tensors]), order)
    if error_if_nonfinite and not abs(total.item()) < float("inf"):
        raise RuntimeError(
            f"The total norm of order {order} for gradients from `parameters` is non-finite, so it cannot "
            "be clipped. To disable this error and scale the gradients by the non-finite norm anyway, set "
            "`error_if_nonfinite=False`"
        )
    return total


def _length(tensors: Sequence[Tensor]) -> Tensor | None:
    """The norm of order 2, all tensors' numbers read in one launch; None where there is none for them. Each tensor's
    norm has the tensor's dtype, as in PyTorch."""
    arrays = [memory(tensor) for tensor in tensors]
    kind = kinds_alike(arrays[:1])
    if kind is None or not tensors[0].is_floating_point() or any(kinds_alike([array]) != kind for array in arrays):
        return None
    sums = squares_together(arrays)
    if sums is None:
        return None
    with np.errstate(all="ignore"):
        norms = np.sqrt(sums).astype(arrays[0].dtype).astype(np.float64)
        return wrap(np.sqrt((norms * norms).sum()).astype(arrays[0].dtype))


def clip_grad_norm_(
    parameters: Parameters,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale all gradients down, in place, so that their norm is at most max_norm; returns the norm before.

    >>> import rushlight as torch
    >>> w = torch.nn.Parameter(torch.zeros(2)); w.grad = torch.tensor([3.0, 4.0])
    >>> torch.nn.utils.clip_grad_norm_([w], 1.0), w.grad
    (tensor(5.), tensor([0.6000, 0.8000]))
    """
    if not isinstance(parameters, Tensor):
        given, parameters = parameters, list(parameters)
        if isinstance(given, types.GeneratorType) and not parameters:
            warnings.warn("`parameters` is an empty generator, no gradient clipping will occur.", stacklevel=2)
    total = get_total_norm(_gradients(parameters), norm_type, error_if_nonfinite)
    clip_grads_with_norm_(parameters, max_norm, total)
    return total


def clip_grads_with_norm_(
    parameters: Parameters, max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    """Scale all gradients, in place, by max_norm / total_norm where that is less than 1."""
    gradients = _gradients(parameters)
    if not gradients:
        return
    with no_grad():
        factor = (float(max_norm) / (total_norm + 1e-6)).clamp(max=1.0)
        _change(gradients, BY_NORM, (factor,), lambda gradient: gradient.mul_(factor))


def clip_grad_value_(parameters: Parameters, clip_value: float, foreach: bool | None = None) -> None:
    """Keep every number of the gradients, in place, between −clip_value and clip_value."""
    most = float(clip_value)
    with no_grad():
        ends = -most, most
        _change(_gradients(parameters), BY_VALUE, ends, lambda gradient: gradient.clamp_(*ends))


def clip_grad_norm(
    parameters: Parameters,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The older name of `clip_grad_norm_`."""
    warnings.warn(
        "`torch.nn.utils.clip_grad_norm` is now deprecated in favor of `torch.nn.utils.clip_grad_norm_`.",
        FutureWarning,
        stacklevel=2,
    )
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)


def _scaled(g: Any, factor: Any) -> Any:
    return (g * _wide(factor, g)).astype(g.dtype)


def _clamped(g: Any, least: Any, most: Any) -> Any:
    return np.minimum(np.maximum(g, _wide(least, g)), _wide(most, g)).astype(g.dtype)


def _wide(number: Any, beside: Any) -> Any:
    """A number in the dtype that gradients are changed in: halves in float32."""
    return number if hasattr(number, "dtype") else np.asarray(number, np.promote_types(beside.dtype, np.float32))


def _row(name: str, formula: Callable) -> Operation:
    return define(name, "", derivative=None, results=as_first, lowering=formula)


BY_NORM, BY_VALUE = _row("clip_grad_norm_", _scaled), _row("clip_grad_value_", _clamped)


def _change(
    gradients: Sequence[Tensor], row: Operation, numbers: tuple[Any, ...], one: Callable[[Tensor], Any]
) -> None:
    """Change all by a row's formula, those of one dtype in one launch; by `one` those for which there is none."""
    together: dict[tuple, list[Tensor]] = {}
    for gradient in gradients:
        check_writeable(gradient)
        kinds = kinds_alike([memory(gradient)])
        if kinds is None or not gradient.is_floating_point():
            one(gradient)
        else:
            together.setdefault(kinds, []).append(gradient)
    for alike in together.values():
        rows = [[memory(gradient)] for gradient in alike]
        numbers = tuple([float(number) for number in numbers])
        given = np.array([_wide(number, rows[0][0]) for number in numbers])
        if not (row is BY_NORM and numbers == (1.0,)) and not _written(row, rows, given):  # times 1 nothing changes
            for gradient in alike:
                one(gradient)
        else:
            for gradient in alike:
                record_write(row, numbers, gradient, (gradient,))


def _written(row: Operation, rows: list[list[Any]], numbers: np.ndarray) -> bool:
    """Whether a launch has written a row's formula of all arrays and the numbers over the arrays."""
    formulas = formulas_of((row.name,), row.lowering, [*rows[0], *numbers])
    return formulas is not None and computed_together(formulas, rows, numbers)
