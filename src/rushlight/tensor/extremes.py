"""Extremes along axes, and where they are: max, min, amax, amin, aminmax, argmax, argmin.

In: a tensor, axes (none means all) and `keepdim`. Out: tensors, recorded. Of equal extremes the first is
found; NaN is an extreme where there is one.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable
from functools import partial

import numpy as np

from rushlight.autograd.graph import record
from rushlight.autograd.operation import Gradients, Needs, Operation, define
from rushlight.backends.array import as_array
from rushlight.core.errors import message
from rushlight.rules.reduction import Reduction
from rushlight.rules.results import positions, reduced
from rushlight.runtime.allocation import zeros_beside
from rushlight.tensor import reducing, stretching
from rushlight.tensor.arithmetic import maximum, minimum
from rushlight.tensor.core import Tensor, elements, memory, wrap, wrap_unordered
from rushlight.tensor.layout import check_dim
from rushlight.tensor.numerics import quiet
from rushlight.tensor.reductions import Dims, axes_of, expand_reduced, is_whole


def _extreme_pair(name: str) -> type:
    found = namedtuple(name, ("values", "indices"))
    found.__module__ = __name__
    found.__repr__ = lambda self: f"torch.return_types.{name}(\nvalues={self.values!r},\nindices={self.indices!r})"
    return found


_PAIRS = {name: _extreme_pair(name) for name in ("max", "min", "sort", "topk", "median", "kthvalue")}


_MinMax = namedtuple("aminmax", ("min", "max"))


def check_not_empty(name: str, input: Tensor, dim: int | None) -> None:
    size = memory(input).size if dim is None else (memory(input).shape or (1,))[dim]
    if size == 0 and dim is None:
        sentence = f"{name}(): Expected reduction dim to be specified for input.numel() == 0."
        if name.startswith("arg"):
            raise IndexError(sentence)
        raise RuntimeError(f"{sentence} Specify the reduction dim with the 'dim' argument.")
    if size == 0:
        raise IndexError(f"{name}(): Expected reduction dim {dim} to have non-zero size.")


def _extreme(name: str, input: Tensor, dim: int | Tensor | None, keepdim: bool) -> Tensor | tuple[Tensor, Tensor]:
    if isinstance(dim, Tensor):
        return (maximum if name == "max" else minimum)(input, dim)
    if dim is None:
        return _extreme_of_all(name, input)
    at = check_dim(dim, memory(input).ndim)
    check_not_empty(name, input, at)
    position = "argmax" if name == "max" else "argmin"
    array = elements(input)
    both = (
        reducing.reduced(reducing.MAX if name == "max" else reducing.MIN, (at,), keepdim, array) if array.ndim else None
    )
    if both is None:
        indices = _position_along(position, input, at, keepdim)
        return _PAIRS[name](picked(PICKED[name], input, indices, at, keepdim), indices)
    values, indices = map(wrap_unordered, both)
    record(POSITIONS[position], (at, keepdim), indices, (input,))
    record(PICKED[name], (at, keepdim), values, (input, indices), (indices,))
    return _PAIRS[name](values, indices)


def picked(row: Operation, input: Tensor, indices: Tensor, dim: int, keepdim: bool) -> Tensor:
    """The elements at `indices` along one axis, which stays with `keepdim`; `row` is one of `PICKED`."""
    result = wrap(_picked(input._array, indices._array, dim, keepdim))
    record(row, (dim, keepdim), result, (input, indices), (indices,))
    return result


def _picked(array: np.ndarray, indices: np.ndarray, dim: int, keepdim: bool) -> np.ndarray:
    if not array.ndim:
        return array.copy()
    if keepdim:
        return np.take_along_axis(array, indices, dim)
    return np.take_along_axis(array, np.expand_dims(indices, dim), dim).squeeze(dim)


def _picked_rule(dim: int, keepdim: bool, needs: Needs, grad: Tensor, indices: Tensor) -> Gradients:
    if not needs[0][0]:
        return (grad,)
    if not keepdim:
        grad, indices = grad.unsqueeze(dim), indices.unsqueeze(dim)
    zeros = wrap(zeros_beside(memory(grad), needs[0][0], memory(grad).dtype))
    return (zeros.scatter_add(dim, indices, grad),)


PICKED = {
    name: define(
        f"{name}.dim",
        f"{name.title()}Backward{int(name == 'median')}",
        derivative=_picked_rule,
        results=lambda inputs, dim, keepdim: [(inputs[1][0], inputs[0][1])],
        lowering=_picked,
        differentiable=1,
    )
    for name in ("max", "min", "sort", "topk", "median", "kthvalue")
}


def _extreme_of_all(name: str, input: Tensor) -> Tensor:
    check_not_empty(name, input, None)
    row = EXTREMES[name]
    result = wrap(row.lowering(elements(input)))
    record(row, (), result, (input,), (input, result))
    return result


def _extreme_of_numbers(function: Callable, formula: Reduction, array: np.ndarray) -> np.ndarray:
    return _extreme_along(function, formula, array, tuple(range(array.ndim)), False)


def shared_rule(needs: Needs, grad: Tensor, input: Tensor, result: Tensor) -> Gradients:
    found = stretching.of_extremes(input, grad, result, tuple(range(memory(input).ndim)), True)
    return (grad * _shares(input, result, None, grad),) if found is None else found


def _shares(input: Tensor, extremes: Tensor, axes: tuple[int, ...] | None, grad: Tensor) -> Tensor:
    """What of a gradient of extremes goes to each element: equal extremes share it equally, as in PyTorch."""
    attributes = axes, memory(grad).dtype
    result = wrap(_shared(input._array, extremes._array, *attributes))
    record(SHARES, attributes, result, (input, extremes))
    return result


def _shared(array: np.ndarray, extremes: np.ndarray, axes: tuple[int, ...] | None, kind: np.dtype) -> np.ndarray:
    mask = array == extremes
    if axes is None:
        mask = mask | (quiet(np.isnan, array) & quiet(np.isnan, extremes))
    return quiet(np.divide, mask, mask.sum(axis=axes, keepdims=True)).astype(kind)


SHARES = define(
    "extreme_shares",
    "",
    derivative=None,
    results=lambda inputs, axes, kind: [(inputs[0][0], kind)],
    lowering=_shared,
)
EXTREMES = {
    name: define(
        name,
        f"{name.title()}Backward1",
        derivative=shared_rule,
        results=lambda inputs: [((), inputs[0][1])],
        lowering=partial(_extreme_of_numbers, function, formula),
    )
    for name, function, formula in (("max", np.max, reducing.AMAX), ("min", np.min, reducing.AMIN))
}


def max(
    input: Tensor, dim: int | Tensor | None = None, keepdim: bool = False, *, other: Tensor | None = None
) -> Tensor | tuple[Tensor, Tensor]:
    """The largest element; with `dim`, the largest along that axis and where they are, as `(values, indices)`.

    `max(input, other)` is `maximum`.

    >>> import rushlight as torch
    >>> torch.tensor([[1, 5], [7, 2]]).max(1).indices
    tensor([1, 0])
    """
    return _extreme("max", input, dim if other is None else other, keepdim)


def min(
    input: Tensor, dim: int | Tensor | None = None, keepdim: bool = False, *, other: Tensor | None = None
) -> Tensor | tuple[Tensor, Tensor]:
    """The smallest element; arguments as `max`."""
    return _extreme("min", input, dim if other is None else other, keepdim)


def amax(input: Tensor, dim: Dims = (), keepdim: bool = False) -> Tensor:
    """The largest elements along axes; equal ones share the gradient."""
    return _amount(AMAX, input, dim, keepdim)


def amin(input: Tensor, dim: Dims = (), keepdim: bool = False) -> Tensor:
    """The smallest elements along axes; equal ones share the gradient."""
    return _amount(AMIN, input, dim, keepdim)


def _amount(row: Operation, input: Tensor, dim: Dims, keepdim: bool) -> Tensor:
    axes = axes_of(dim, memory(input).ndim)
    for axis in [None] if is_whole(dim) else axes:
        check_not_empty(row.name, input, axis)
    result = wrap_unordered(row.lowering(elements(input), axes, keepdim))
    record(row, (axes, keepdim), result, (input,), (input, result))
    return result


def _extreme_along(
    function: Callable, formula: Reduction, array: np.ndarray, axes: tuple[int, ...], keepdim: bool
) -> np.ndarray:
    found = reducing.reduced(formula, axes, keepdim, array)
    return quiet(function, array, axis=axes, keepdims=keepdim) if found is None else found[0]


def _amount_rule(
    axes: tuple[int, ...], keepdim: bool, needs: Needs, grad: Tensor, input: Tensor, result: Tensor
) -> Gradients:
    found = stretching.of_extremes(input, grad, result, axes, False)
    if found is not None:
        return found
    shape = memory(input).shape
    shares = _shares(input, expand_reduced(result.detach(), shape, axes, keepdim), axes, grad)
    return (expand_reduced(grad, shape, axes, keepdim) * shares,)


AMAX, AMIN = (
    define(name, node, derivative=_amount_rule, results=reduced, lowering=partial(_extreme_along, function, formula))
    for name, node, function, formula in (
        ("amax", "AmaxBackward0", np.max, reducing.AMAX),
        ("amin", "AminBackward0", np.min, reducing.AMIN),
    )
)


def aminmax(input: Tensor, *, dim: int | None = None, keepdim: bool = False) -> tuple[Tensor, Tensor]:
    """The smallest and the largest elements."""
    axes = () if dim is None else dim
    return _MinMax(amin(input, axes, keepdim), amax(input, axes, keepdim))


def _position(name: str, input: Tensor, dim: int | None, keepdim: bool) -> Tensor:
    array = memory(input)
    if array.dtype == np.bool_:
        raise RuntimeError(message(f"\"{name}_cpu\" not implemented for 'Bool'", fix=".int() first"))
    at = None if dim is None else check_dim(dim, array.ndim)
    check_not_empty(name, input, at)
    return _position_along(name, input, at, keepdim)


def _position_along(name: str, input: Tensor, at: int | None, keepdim: bool) -> Tensor:
    row = POSITIONS[name]
    result = wrap_unordered(row.lowering(elements(input) if at is not None else input._array, at, keepdim))
    record(row, (at, keepdim), result, (input,))
    return result


def _found_at(function: Callable, formula: Reduction, array: np.ndarray, at: int | None, keepdim: bool) -> np.ndarray:
    if array.ndim:
        found = reducing.reduced(formula, tuple(range(array.ndim)) if at is None else (at,), keepdim, array)
        if found is not None:
            return found[0]
    if at is None:
        found = as_array(function(array.ravel()))
        return (found.reshape((1,) * array.ndim) if keepdim else found).astype(np.int64)
    if array.ndim == 0:
        return zeros_beside(array, (), np.dtype(np.int64))
    return as_array(function(array, axis=at, keepdims=keepdim)).astype(np.int64)


POSITIONS = {
    name: define(name, "", derivative=None, results=positions, lowering=partial(_found_at, function, formula))
    for name, function, formula in (
        ("argmax", np.argmax, reducing.ARGMAX),
        ("argmin", np.argmin, reducing.ARGMIN),
    )
}


def argmax(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Where the largest element is: in the flattened tensor, or along an axis."""
    return _position("argmax", input, dim, keepdim)


def argmin(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Where the smallest element is: in the flattened tensor, or along an axis."""
    return _position("argmin", input, dim, keepdim)
