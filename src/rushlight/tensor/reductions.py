"""Reductions: sums, means, variances, products, truth, and counts along axes.

In: a tensor, axes (none means all) and `keepdim`. Out: a tensor without those axes, recorded. Half precision is summed
in float32 and rounded once; sums of integers and bools are int64.
"""

from __future__ import annotations

import builtins
import math
import warnings
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from rushlight.autograd.graph import record
from rushlight.autograd.modes import mode
from rushlight.autograd.operation import Gradients, Needs, Operation, define
from rushlight.backends.array import as_array
from rushlight.core import dtypes
from rushlight.core.dtypes import FLOATING, HALVES
from rushlight.core.errors import message
from rushlight.rules.reduction import Reduction
from rushlight.rules.results import reduced, truths
from rushlight.tensor import reducing, stretching
from rushlight.tensor.autocasting import in_float32
from rushlight.tensor.composed import composed
from rushlight.tensor.core import Tensor, elements, memory, wrap_unordered
from rushlight.tensor.numerics import quiet
from rushlight.tensor.parts import cat
from rushlight.tensor.shape import check_dims, flip

Dims = int | Sequence[int] | None


def is_whole(dim: Dims) -> bool:
    """Whether no axis is named."""
    return dim is None or (isinstance(dim, list | tuple) and not dim)


def axes_of(dim: Dims, ndim: int) -> tuple[int, ...]:
    """The axes to reduce; none named means all."""
    if is_whole(dim):
        return tuple(range(ndim))
    axes = check_dims(dim, ndim)
    return axes if ndim else ()


_GROWING = (np.add.reduce, np.multiply.reduce, np.cumsum, np.cumprod)  # NumPy widens what they give for integers


def reduce_along(
    function: Callable, formula: Reduction | None, array: np.ndarray, axes: tuple[int, ...], keepdim: bool
) -> np.ndarray:
    """Run a reduction: the engine its formula, elsewhere NumPy the function; half precision in float32, rounded once at
    the end, integers in their own dtype."""
    if formula is not None and array.size > reducing.TINY:
        found = reducing.reduced(formula, axes, keepdim, array)
        if found is not None:
            return found[0]
    if array.dtype.kind in "iub" and function in _GROWING:
        return quiet(function, array, axis=axes, keepdims=keepdim, dtype=array.dtype)
    if array.itemsize == 2 and dtypes.of_numpy(array.dtype) in HALVES:
        wide = quiet(function, array.astype(np.float32), axis=axes, keepdims=keepdim)
        return quiet(as_array(wide).astype, array.dtype)
    return quiet(function, array, axis=axes, keepdims=keepdim)


def widened(input: Tensor, dtype: dtypes.dtype | None) -> Tensor:
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
    input = widened(input, dtype)
    array = elements(input)
    axes = axes_of(dim, array.ndim)
    result = wrap_unordered(_summed(array, axes, keepdim))
    record(SUM if dim is None else SUM_DIM, (axes, keepdim), result, (input,))
    return result


def _of_integers(formula: Reduction, input: Tensor, dim: Dims, keepdim: bool) -> Tensor | None:
    """A sum or product of integers or bools in int64, without a copy of them in it."""
    array = elements(input)
    found = reducing.reduced(formula, axes_of(dim, array.ndim), keepdim, array)
    return None if found is None else wrap_unordered(found[0])


def _sum_rule(axes: tuple[int, ...], keepdim: bool, needs: Needs, grad: Tensor) -> Gradients:
    return (expand_reduced(grad, needs[0][0], axes, keepdim),)


_summed = partial(reduce_along, np.add.reduce, reducing.SUM)
_of_sum = {"derivative": _sum_rule, "results": reduced, "lowering": _summed}
SUM = define("sum", "SumBackward0", **_of_sum)
SUM_DIM = define("sum.dim", "SumBackward1", **_of_sum)


def nansum(input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: dtypes.dtype | None = None) -> Tensor:
    """The sum, NaN counting as 0."""
    input = widened(input, dtype)
    axes = axes_of(dim, memory(input).ndim)
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
    axes = axes_of(dim, array.ndim)
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


_averaged = partial(reduce_along, _mean, reducing.MEAN)
_of_mean = {"derivative": _mean_rule, "results": reduced, "lowering": _averaged}
MEAN = define("mean", "MeanBackward0", **_of_mean)
MEAN_DIM = define("mean.dim", "MeanBackward1", **_of_mean)


def _check_floating_variance(input: Tensor) -> None:
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
    attributes = _variance_attributes(input, dim, unbiased, keepdim, correction)
    result = wrap_unordered(_variance(elements(input), *attributes))
    record(VAR, attributes, result, (input,), (input,))
    return result


def _variance_attributes(
    input: Tensor, dim: Dims | bool, unbiased: bool, keepdim: bool, correction: int | None
) -> tuple[tuple[int, ...], bool, float]:
    """The attributes of a variance: the axes, whether they stay, and the degrees of freedom."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    _check_floating_variance(input)
    shape = memory(input).shape
    axes = axes_of(dim, len(shape))
    free = builtins.max(_count(shape, axes) - (int(unbiased) if correction is None else correction), 0)
    if free == 0:
        _warn_of_freedom()
    return axes, keepdim, free


def _variance(array: np.ndarray, axes: tuple[int, ...], keepdim: bool, free: float) -> np.ndarray:
    found = reducing.variance(reducing.VAR, array, axes, keepdim, free)
    return reduce_along(partial(_mean_square, free), None, array, axes, keepdim) if found is None else found


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
    attributes = _variance_attributes(input, dim, unbiased, keepdim, correction)
    result = wrap_unordered(_deviation(elements(input), *attributes))
    record(STD, attributes, result, (input,), (input, result))
    return result


def _deviation(array: np.ndarray, axes: tuple[int, ...], keepdim: bool, free: float) -> np.ndarray:
    found = reducing.variance(reducing.STD, array, axes, keepdim, free)
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
    input = widened(input, dtype)
    axes = axes_of(dim, memory(input).ndim)
    result = wrap_unordered(_multiplied(elements(input), axes, keepdim))
    record(PROD if dim is None else PROD_DIM, (axes, keepdim), result, (input,), (input,))
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
    before = cat([one, flat.cumprod(-1)[..., :-1]], -1)
    behind = flip(cat([one, flip(flat, -1).cumprod(-1)[..., :-1]], -1), -1)
    others = (before * behind).reshape([shape[a] for a in order]).permute(np.argsort(order).tolist())
    return (expand_reduced(grad, shape, axes, keepdim) * others,)


_multiplied = partial(reduce_along, np.multiply.reduce, reducing.PROD)
_of_prod = {"derivative": _prod_rule, "results": reduced, "lowering": _multiplied}
PROD = define("prod", "ProdBackward0", **_of_prod)
PROD_DIM = define("prod.dim", "ProdBackward1", **_of_prod)


# -- truth


def _truth(row: Operation, input: Tensor, dim: Dims, keepdim: bool) -> Tensor:
    axes = axes_of(dim, memory(input).ndim)
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
    axes = axes_of(dim, memory(input).ndim)
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
