"""Reductions: sums, means, extremes, norms and running sums along axes.

In: a tensor, axes (none means all) and `keepdim`. Out: a tensor without those axes, recorded. Half precision is summed
in float32 and rounded once; sums of integers and bools are int64.
"""

from __future__ import annotations

import builtins
import math
import warnings
from collections import namedtuple
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from rushlight.autograd.graph import in_single, record
from rushlight.autograd.modes import mode
from rushlight.autograd.operation import Gradients, Needs, Operation, define
from rushlight.backends.array import as_array
from rushlight.core import dtypes
from rushlight.core.dtypes import FLOATING, HALVES
from rushlight.core.errors import message
from rushlight.rules.reduction import Reduction
from rushlight.rules.results import as_first, positions, reduced, truths
from rushlight.runtime.allocation import zeros_beside
from rushlight.tensor import reducing, stretching
from rushlight.tensor.arithmetic import maximum, minimum
from rushlight.tensor.autocasting import in_float32
from rushlight.tensor.composed import composed
from rushlight.tensor.core import Tensor, elements, memory, wrap, wrap_unordered
from rushlight.tensor.layout import check_dim
from rushlight.tensor.numerics import quiet
from rushlight.tensor.parts import cat, stack, unbind
from rushlight.tensor.shape import check_dims, flip

Dims = int | Sequence[int] | None


def _is_whole(dim: Dims) -> bool:
    """Whether no axis is named."""
    return dim is None or (isinstance(dim, list | tuple) and not dim)


def _axes(dim: Dims, ndim: int) -> tuple[int, ...]:
    """The axes to reduce; none named means all."""
    if _is_whole(dim):
        return tuple(range(ndim))
    axes = check_dims(dim, ndim)
    return axes if ndim else ()


_GROWING = (np.add.reduce, np.multiply.reduce, np.cumsum, np.cumprod)  # NumPy widens what they give for integers


def _reduce(
    function: Callable, formula: Reduction | None, array: np.ndarray, axes: tuple[int, ...], keepdim: bool
) -> np.ndarray:
    """Run a reduction: the engine its formula, elsewhere NumPy the function; half precision in float32, rounded once at
    the end, integers in their own dtype."""
    found = None if formula is None else reducing.reduced(formula, axes, keepdim, array)
    if found is not None:
        return found[0]
    if function in _GROWING and array.dtype.kind in "iub":
        return quiet(function, array, axis=axes, keepdims=keepdim, dtype=array.dtype)
    if array.itemsize == 2 and dtypes.of_numpy(array.dtype) in HALVES:
        wide = quiet(function, array.astype(np.float32), axis=axes, keepdims=keepdim)
        return quiet(as_array(wide).astype, array.dtype)
    return quiet(function, array, axis=axes, keepdims=keepdim)


def _widened(input: Tensor, dtype: dtypes.dtype | None) -> Tensor:
    """The input in the dtype that a sum or product is computed in: int64 for integers and bools."""
    if dtype is not None:
        return input.to(dtype)
    if input.dtype.category == FLOATING or memory(input).dtype == np.int64:
        return input
    return input._cast(np.dtype(np.int64))


def expand_reduced(grad: Tensor, shape: tuple[int, ...], axes: tuple[int, ...], keepdim: bool) -> Tensor:
    """The gradient of a reduction, seen in the shape of the input: its axes put back and stretched."""
    if not keepdim and memory(grad).ndim != len(shape):
        grad = grad.reshape([1 if axis in axes else n for axis, n in enumerate(shape)])
    return grad.expand(shape)


# -- sums and means


def sum(input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: dtypes.dtype | None = None) -> Tensor:
    """The sum over all axes, or those named.

    >>> import rushlight as torch
    >>> torch.tensor([[1, 2], [3, 4]]).sum(0)
    tensor([4, 6])
    """
    if dtype is None and mode.watcher is None and input.dtype.category != FLOATING:
        found = _of_integers(reducing.SUM_OF_INTEGERS, input, dim, keepdim)
        if found is not None:
            return found
    input = _widened(input, dtype)
    array = elements(input)
    axes = _axes(dim, array.ndim)
    result = wrap_unordered(_summed(array, axes, keepdim))
    record(SUM if dim is None else SUM_DIM, (axes, keepdim), result, (input,))
    return result


def _of_integers(formula: Reduction, input: Tensor, dim: Dims, keepdim: bool) -> Tensor | None:
    """A sum or product of integers or bools in int64, without a copy of them in it."""
    array = elements(input)
    found = reducing.reduced(formula, _axes(dim, array.ndim), keepdim, array)
    return None if found is None else wrap_unordered(found[0])


def _sum_rule(axes: tuple[int, ...], keepdim: bool, needs: Needs, grad: Tensor) -> Gradients:
    return (expand_reduced(grad, needs[0][0], axes, keepdim),)


_summed = partial(_reduce, np.add.reduce, reducing.SUM)
_of_sum = {"derivative": _sum_rule, "results": reduced, "lowering": _summed}
SUM = define("sum", "SumBackward0", **_of_sum)
SUM_DIM = define("sum.dim", "SumBackward1", **_of_sum)


def nansum(input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: dtypes.dtype | None = None) -> Tensor:
    """The sum, NaN counting as 0."""
    input = _widened(input, dtype)
    axes = _axes(dim, memory(input).ndim)
    result = wrap_unordered(_nansum(input._array, axes, keepdim))
    record(NANSUM, (axes, keepdim), result, (input,), (input,))
    return result


@composed
def _nansum(input: Tensor, axes: tuple[int, ...], keepdim: bool) -> Tensor:
    return sum(input.masked_fill(input.isnan(), 0), axes, keepdim)


def _nansum_rule(axes: tuple[int, ...], keepdim: bool, needs: Needs, grad: Tensor, input: Tensor) -> Gradients:
    return (expand_reduced(grad, needs[0][0], axes, keepdim).masked_fill(input.isnan(), 0),)


NANSUM = define("nansum", "NansumBackward0", derivative=_nansum_rule, results=reduced, lowering=_nansum)


def mean(input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: dtypes.dtype | None = None) -> Tensor:
    """The mean over all axes, or those named; RuntimeError for integers."""
    input = input if dtype is None else input.to(dtype)
    _check_floating("mean", input)
    array = elements(input)
    axes = _axes(dim, array.ndim)
    result = wrap_unordered(_averaged(array, axes, keepdim))
    record(MEAN if dim is None else MEAN_DIM, (axes, keepdim), result, (input,))
    return result


def _count(shape: tuple[int, ...], axes: tuple[int, ...]) -> int:
    """How many elements become one."""
    return math.prod([shape[axis] for axis in axes])


def _mean(array: np.ndarray, axis: tuple[int, ...], keepdims: bool) -> np.ndarray:
    return np.add.reduce(array, axis=axis, keepdims=keepdims) / array.dtype.type(_count(array.shape, axis))


def _mean_rule(axes: tuple[int, ...], keepdim: bool, needs: Needs, grad: Tensor) -> Gradients:
    shape = needs[0][0]
    return (expand_reduced(grad / _count(shape, axes), shape, axes, keepdim),)


_averaged = partial(_reduce, _mean, reducing.MEAN)
_of_mean = {"derivative": _mean_rule, "results": reduced, "lowering": _averaged}
MEAN = define("mean", "MeanBackward0", **_of_mean)
MEAN_DIM = define("mean.dim", "MeanBackward1", **_of_mean)


def _check_floating_spread(input: Tensor) -> None:
    if input.dtype.category != FLOATING:
        raise RuntimeError(
            message("std and var only support floating point and complex dtypes", f"got {input.dtype}", fix=".float()")
        )


def _check_floating(name: str, input: Tensor) -> None:
    if input.dtype.category != FLOATING:
        got = input.dtype.name.replace("int64", "Long").replace("int32", "Int").replace("bool", "Bool")
        raise RuntimeError(
            message(
                f"{name}(): could not infer output dtype. Input dtype must be either a floating point or complex "
                f"dtype. Got: {got}",
                fix=".float() first",
            )
        )


def var(
    input: Tensor, dim: Dims = None, unbiased: bool = True, keepdim: bool = False, *, correction: int | None = None
) -> Tensor:
    """The variance; `correction` (1 unless told, 0 for `unbiased=False`) is taken off the count."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    _check_floating_spread(input)
    attributes = _spread_of(memory(input).shape, dim, keepdim, int(unbiased) if correction is None else correction)
    result = wrap_unordered(_variance(elements(input), *attributes))
    record(VAR, attributes, result, (input,), (input,))
    return result


def _spread_of(shape: tuple[int, ...], dim: Dims, keepdim: bool, correction: float) -> tuple:
    """The attributes of a variance: the axes, whether they stay, and the degrees of freedom."""
    axes = _axes(dim, len(shape))
    free = builtins.max(_count(shape, axes) - correction, 0)
    if free == 0:
        _warn_of_freedom()
    return axes, keepdim, free


def _variance(array: np.ndarray, axes: tuple[int, ...], keepdim: bool, free: float) -> np.ndarray:
    found = reducing.spread(reducing.VAR, array, axes, keepdim, free)
    return _reduce(partial(_mean_square, free), None, array, axes, keepdim) if found is None else found


def _mean_square(free: float, array: np.ndarray, axis: tuple[int, ...], keepdims: bool) -> np.ndarray:
    wide = array.astype(np.float64)
    centred = wide - np.sum(wide, axis=axis, keepdims=True) / builtins.max(_count(array.shape, axis), 1)
    total = np.sum(centred * centred, axis=axis, keepdims=keepdims)
    return as_array(np.divide(total, free)).astype(array.dtype)


def _warn_of_freedom() -> None:
    warnings.warn(
        "std(): degrees of freedom is <= 0. Correction should be strictly less than the reduction factor (input numel "
        "divided by output numel).",
        UserWarning,
        stacklevel=4,
    )


def _var_rule(axes: tuple, keepdim: bool, free: float, needs: Needs, grad: Tensor, input: Tensor) -> Gradients:
    factor = 2 / free if free else math.nan
    found = stretching.of_variance(input, grad, axes, factor)
    if found is not None:
        return found
    return (expand_reduced(grad, memory(input).shape, axes, keepdim) * factor * (input - mean(input, axes, True)),)


VAR = define("var", "VarBackward0", derivative=_var_rule, results=reduced, lowering=_variance)


def std(
    input: Tensor, dim: Dims = None, unbiased: bool = True, keepdim: bool = False, *, correction: int | None = None
) -> Tensor:
    """The standard deviation; arguments as `var`."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    _check_floating_spread(input)
    attributes = _spread_of(memory(input).shape, dim, keepdim, int(unbiased) if correction is None else correction)
    result = wrap_unordered(_deviation(elements(input), *attributes))
    record(STD, attributes, result, (input,), (input, result))
    return result


def _deviation(array: np.ndarray, axes: tuple[int, ...], keepdim: bool, free: float) -> np.ndarray:
    found = reducing.spread(reducing.STD, array, axes, keepdim, free)
    if found is not None:
        return found
    variance = _variance(quiet(array.astype, np.float64, copy=False), axes, keepdim, free)
    return as_array(quiet(as_array(quiet(np.sqrt, variance)).astype, array.dtype))


def _std_rule(
    axes: tuple, keepdim: bool, free: float, needs: Needs, grad: Tensor, input: Tensor, result: Tensor
) -> Gradients:
    found = stretching.of_deviation(input, grad, result, axes, 1 / free if free else math.nan)
    if found is not None:
        return found
    slope = (grad / (result * 2)).masked_fill(result.detach() == 0, 0)
    return _var_rule(axes, keepdim, free, needs, slope, input)


STD = define("std", "StdBackward0", derivative=_std_rule, results=reduced, lowering=_deviation)


def std_mean(
    input: Tensor, dim: Dims = None, unbiased: bool = True, keepdim: bool = False, *, correction: float | None = None
) -> tuple[Tensor, Tensor]:
    """`std` and `mean` together."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    return std(input, dim, unbiased, keepdim, correction=correction), mean(input, dim, keepdim)


def var_mean(
    input: Tensor, dim: Dims = None, unbiased: bool = True, keepdim: bool = False, *, correction: float | None = None
) -> tuple[Tensor, Tensor]:
    """`var` and `mean` together."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    return var(input, dim, unbiased, keepdim, correction=correction), mean(input, dim, keepdim)


@in_float32
def prod(input: Tensor, dim: int | None = None, keepdim: bool = False, *, dtype: dtypes.dtype | None = None) -> Tensor:
    """The product over all axes, or one."""
    if dtype is None and mode.watcher is None and input.dtype.category != FLOATING:
        found = _of_integers(reducing.PROD_OF_INTEGERS, input, dim, keepdim)
        if found is not None:
            return found
    input = _widened(input, dtype)
    axes = _axes(dim, memory(input).ndim)
    result = wrap_unordered(_multiplied(elements(input), axes, keepdim))
    record(PROD, (axes, keepdim), result, (input,), (input,))
    return result


def _prod_rule(axes: tuple[int, ...], keepdim: bool, needs: Needs, grad: Tensor, input: Tensor) -> Gradients:
    """Each element's gradient is the product of the others: that before it times that behind it, safe with zeros."""
    shape = memory(input).shape
    rest = [axis for axis in range(len(shape)) if axis not in axes]
    order = (*rest, *axes)
    flat = input.permute(order).reshape(*[shape[a] for a in rest], math.prod([shape[a] for a in axes]))
    if not memory(input).size:
        return (expand_reduced(grad, shape, axes, keepdim) * input,)
    one = flat.new_ones((*memory(flat).shape[:-1], 1))
    before = cat([one, cumprod(flat, -1)[..., :-1]], -1)
    behind = flip(cat([one, cumprod(flip(flat, -1), -1)[..., :-1]], -1), -1)
    others = (before * behind).reshape([shape[a] for a in order]).permute(np.argsort(order).tolist())
    return (expand_reduced(grad, shape, axes, keepdim) * others,)


_multiplied = partial(_reduce, np.multiply.reduce, reducing.PROD)
PROD = define("prod", "ProdBackward0", derivative=_prod_rule, results=reduced, lowering=_multiplied)


# -- extremes


def _extreme_pair(name: str) -> type:
    found = namedtuple(name, ("values", "indices"))
    found.__module__ = __name__
    found.__repr__ = lambda self: f"torch.return_types.{name}(\nvalues={self.values!r},\nindices={self.indices!r})"
    return found


_PAIRS = {name: _extreme_pair(name) for name in ("max", "min", "sort", "topk", "median")}


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
    for name in ("max", "min", "sort", "topk", "median")
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
    axes = _axes(dim, memory(input).ndim)
    for axis in [None] if _is_whole(dim) else axes:
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


# -- truth


def _truth(row: Operation, input: Tensor, dim: Dims, keepdim: bool) -> Tensor:
    axes = _axes(dim, memory(input).ndim)
    result = wrap_unordered(row.lowering(elements(input), axes, keepdim))
    record(row, (axes, keepdim), result, (input,))
    return result


def _true(
    function: Callable, formula: Reduction, array: np.ndarray, axes: tuple[int, ...], keepdim: bool
) -> np.ndarray:
    found = None if array.dtype == np.uint8 else reducing.reduced(formula, axes, keepdim, array)
    if found is not None:
        return found[0]
    result = as_array(function(array, axis=axes, keepdims=keepdim))
    return result.astype(np.uint8) if array.dtype == np.uint8 else result


ALL, ANY = (
    define(name, "", derivative=None, results=truths, lowering=partial(_true, function, formula))
    for name, function, formula in (("all", np.all, reducing.ALL), ("any", np.any, reducing.ANY))
)


def all(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Whether every element is true (not 0)."""
    return _truth(ALL, input, dim, keepdim)


def any(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Whether some element is true (not 0)."""
    return _truth(ANY, input, dim, keepdim)


def count_nonzero(input: Tensor, dim: Dims = None) -> Tensor:
    """How many elements are not 0."""
    axes = _axes(dim, memory(input).ndim)
    result = wrap_unordered(_nonzeros(elements(input), axes))
    record(COUNT_NONZERO, (axes,), result, (input,))
    return result


def _nonzeros(array: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    found = reducing.reduced(reducing.COUNT_NONZERO, axes, False, array)
    return as_array(np.count_nonzero(array, axis=axes), np.int64) if found is None else found[0]


COUNT_NONZERO = define(
    "count_nonzero",
    "",
    derivative=None,
    results=lambda inputs, axes: [(reduced(inputs, axes, False)[0][0], np.dtype(np.int64))],
    lowering=_nonzeros,
)


# -- running sums and products


def cumsum(input: Tensor, dim: int, *, dtype: dtypes.dtype | None = None) -> Tensor:
    """The running sum along an axis."""
    input = _widened(input, dtype)
    at = check_dim(dim, memory(input).ndim)
    result = wrap_unordered(_summed_up(elements(input), at))
    record(CUMSUM, (at,), result, (input,))
    return result


def _running(function: Callable, kind: str, array: np.ndarray, at: int) -> np.ndarray:
    if array.ndim == 0:
        return array.copy()
    found = reducing.by_engine("running", (kind, False, at), array)
    if found is not None:
        return found
    if array.itemsize == 2 and dtypes.of_numpy(array.dtype) in HALVES:
        return quiet(quiet(function, array.astype(np.float32), axis=at).astype, array.dtype)
    return quiet(function, array, axis=at, dtype=array.dtype)


_summed_up, _multiplied_up = partial(_running, np.cumsum, "sum"), partial(_running, np.cumprod, "prod")


def _cumsum_rule(dim: int, needs: Needs, grad: Tensor) -> Gradients:
    array = memory(grad)
    if not mode.enabled and array.ndim:
        found = reducing.by_engine("running", ("sum", True, dim), elements(grad))
        if found is not None:
            return (wrap_unordered(found),)
    return (cumsum(grad.flip(dim), dim).flip(dim) if memory(grad).ndim else grad,)


CUMSUM = define("cumsum", "CumsumBackward0", derivative=_cumsum_rule, results=as_first, lowering=_summed_up)


def cumprod(input: Tensor, dim: int, *, dtype: dtypes.dtype | None = None) -> Tensor:
    """The running product along an axis."""
    input = _widened(input, dtype)
    at = check_dim(dim, memory(input).ndim)
    result = wrap_unordered(_multiplied_up(elements(input), at))
    record(CUMPROD, (at,), result, (input,), (input,))
    return result


def _cumprod_rule(dim: int, needs: Needs, grad: Tensor, input: Tensor) -> Gradients:
    """Built entry by entry from differentiable steps, exact with zeros."""
    if memory(input).ndim == 0:
        return (grad,)
    entries, grads = unbind(input, dim), unbind(grad, dim)
    slopes = []
    for i in range(len(entries)):
        product, total = None, None
        for j in range(len(entries)):
            if j != i:
                product = entries[j] if product is None else product * entries[j]
            if j >= i:
                term = grads[j] if product is None else grads[j] * product
                total = term if total is None else total + term
        slopes.append(total)
    return (stack(slopes, dim),) if slopes else (grad,)


CUMPROD = define("cumprod", "CumprodBackward0", derivative=_cumprod_rule, results=as_first, lowering=_multiplied_up)


# -- norms


def norm(
    input: Tensor,
    p: float | str | None = "fro",
    dim: Dims = None,
    keepdim: bool = False,
    dtype: dtypes.dtype | None = None,
) -> Tensor:
    """The p-norm over axes: `p` a number, `inf`, or "fro" for 2; computed in `dtype` where one is given."""
    if input.dtype.category != FLOATING:
        raise RuntimeError(
            message(
                f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {input.dtype}",
                fix=".float() first",
            )
        )
    input = input if dtype is None else input.to(dtype)
    p = 2 if p in ("fro", None) else p
    if p == math.inf:
        return amax(input.abs(), () if dim is None else dim, keepdim)
    if p == -math.inf:
        return amin(input.abs(), () if dim is None else dim, keepdim)
    if p == "nuc":
        return _nuclear_norm(input, dim, keepdim)
    if isinstance(p, str):
        raise RuntimeError(f"only valid if p is 'fro' or 'nuc', got {p}")
    if p == 1:
        return sum(input.abs(), dim, keepdim)
    return _p_norm(input, p, dim, keepdim)


def _p_norm(input: Tensor, p: float, dim: Dims, keepdim: bool) -> Tensor:
    axes = _axes(dim, memory(input).ndim)
    p = p.item() if isinstance(p, Tensor) else p
    result = wrap_unordered(_norm_along(elements(input), p, axes, keepdim))
    record(VECTOR_NORM, (p, axes, keepdim), result, (input,), (input, result))
    return result


def _norm_along(array: np.ndarray, p: float, axes: tuple[int, ...], keepdim: bool) -> np.ndarray:
    return _reduce(partial(_norm_in_one_dtype, p), reducing.NORMS.get(p), array, axes, keepdim)


def _norm_in_one_dtype(p: float, array: np.ndarray, axis: tuple[int, ...], keepdims: bool) -> np.ndarray:
    if p == 0:
        return np.sum(array != 0, axis=axis, keepdims=keepdims, dtype=array.dtype)
    if p == 2:
        return np.sqrt(np.sum(array * array, axis=axis, keepdims=keepdims))
    return np.sum(np.abs(array) ** p, axis=axis, keepdims=keepdims) ** (1 / p)


def _p_norm_rule(
    p: float, axes: tuple, keepdim: bool, needs: Needs, grad: Tensor, input: Tensor, result: Tensor
) -> Gradients:
    shape = memory(input).shape
    if p == 0:
        return (None,)
    found = stretching.of_norm(input, grad, result, axes) if p == 2 else None
    if found is not None:
        return found
    total, grad = expand_reduced(result, shape, axes, keepdim), expand_reduced(grad, shape, axes, keepdim)
    direction = input if p == 2 else input.sign() * input.abs() ** (p - 1)
    slope = grad * direction / total ** (1 if p == 2 else p - 1)
    return (slope.masked_fill(total.detach() == 0, 0),)


VECTOR_NORM = define(
    "linalg_vector_norm",
    "LinalgVectorNormBackward0",
    derivative=in_single(_p_norm_rule),
    results=lambda inputs, p, axes, keepdim: reduced(inputs, axes, keepdim),
    lowering=_norm_along,
)


def _nuclear_norm(input: Tensor, dim: Dims, keepdim: bool) -> Tensor:
    """The sum of the singular values of matrices, along two axes; differentiable once."""
    axes = _axes(dim, memory(input).ndim)
    if len(axes) != 2:
        raise RuntimeError(
            message(
                "linalg.matrix_norm: dim must be a 2-tuple"
                if dim
                else "linalg.matrix_norm: The input tensor A must have at least 2 dimensions.",
                f"p='nuc' over the axes {list(axes)}",
            )
        )
    total, turned = map(wrap, _sum_of_singular_values(input._array, axes, keepdim))
    record(MATRIX_NORM, (axes, keepdim), total, (input,), (input, turned))
    return total


def _sum_of_singular_values(array: np.ndarray, axes: tuple[int, ...], keepdim: bool) -> tuple[np.ndarray, np.ndarray]:
    """The nuclear norms, and their slopes at the matrices."""
    wide = np.float64 if array.dtype == np.float64 else np.float32
    matrices = np.moveaxis(array, axes, (-2, -1)).astype(wide)
    left, values, right = np.linalg.svd(matrices, full_matrices=False)
    total = as_array(values.sum(-1), array.dtype)
    total = np.expand_dims(total, tuple(sorted(axes))) if keepdim else total
    return total, np.moveaxis(left @ right, (-2, -1), axes).astype(array.dtype)


def _nuclear_rule(
    axes: tuple[int, ...], keepdim: bool, needs: Needs, grad: Tensor, input: Tensor, turned: Tensor
) -> Gradients:
    found = wrap(_nuclear_slope(grad._array, None, turned._array, axes, keepdim))
    record(MATRIX_NORM_BACKWARD, (axes, keepdim), found, (grad, input, turned))
    return (found,)


def _nuclear_slope(
    grad: np.ndarray, array: np.ndarray | None, turned: np.ndarray, axes: tuple[int, ...], keepdim: bool
) -> np.ndarray:
    return memory(expand_reduced(wrap(grad), turned.shape, axes, keepdim)) * turned


def _not_twice(axes: tuple[int, ...], keepdim: bool, needs: Needs, grad: Tensor) -> Gradients:
    raise RuntimeError("the nuclear norm is differentiable once")


MATRIX_NORM = define(
    "linalg_matrix_norm",
    "LinalgMatrixNormBackward0",
    derivative=_nuclear_rule,
    results=reduced,
    lowering=lambda array, axes, keepdim: _sum_of_singular_values(array, axes, keepdim)[0],
)
MATRIX_NORM_BACKWARD = define(
    "linalg_matrix_norm_backward",
    "LinalgMatrixNormBackwardBackward0",
    derivative=_not_twice,
    results=lambda inputs, axes, keepdim: [(inputs[2][0], inputs[0][1])],
    lowering=_nuclear_slope,
    differentiable=2,
)


def logsumexp(input: Tensor, dim: Dims, keepdim: bool = False) -> Tensor:
    """log(sum(exp(x))) along axes, without overflow; of integers as floats."""
    input = input if input.dtype.is_floating_point else input.to(dtypes.get_default_dtype())
    if not memory(input).size:
        return input.exp().sum(dim, keepdim).log()
    axes = _axes(dim, memory(input).ndim)
    result = wrap_unordered(_log_of_sum(elements(input), axes, keepdim))
    record(LOGSUMEXP, (axes, keepdim), result, (input,), (input, result))
    return result


@composed
def _logsumexp(input: Tensor, axes: tuple[int, ...], keepdim: bool) -> Tensor:
    peak = amax(input, axes, True)
    peak = peak.masked_fill(wrap(~np.isfinite(peak._array)), 0)
    total = (input - peak).exp().sum(axes, True).log() + peak
    return total if keepdim else total.squeeze(axes)


def _log_of_sum(array: np.ndarray, axes: tuple[int, ...], keepdim: bool) -> np.ndarray:
    peak = reducing.reduced(reducing.PEAK, axes, True, array)
    found = None if peak is None else reducing.reduced(reducing.LOGSUMEXP, axes, keepdim, array, peak[0])
    return _logsumexp(array, axes, keepdim) if found is None else found[0]


def _logsumexp_rule(axes: tuple, keepdim: bool, needs: Needs, grad: Tensor, input: Tensor, result: Tensor) -> Gradients:
    found = stretching.of_logsumexp(input, grad, result, axes)
    if found is not None:
        return found
    shape = memory(input).shape
    return (expand_reduced(grad, shape, axes, keepdim) * (input - expand_reduced(result, shape, axes, keepdim)).exp(),)


LOGSUMEXP = define("logsumexp", "LogsumexpBackward0", derivative=_logsumexp_rule, results=reduced, lowering=_log_of_sum)
