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

from rushlight.autograd.graph import Gradients, Needs, in_single, record
from rushlight.backends.array import as_array
from rushlight.core import dtypes
from rushlight.core.dtypes import FLOATING, HALVES
from rushlight.core.errors import message
from rushlight.runtime.allocation import zeros_beside
from rushlight.tensor.arithmetic import maximum, minimum
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


def _reduce(function: Callable, array: np.ndarray, axes: tuple[int, ...], keepdim: bool) -> np.ndarray:
    """Run a reduction; half precision in float32, rounded once at the end, integers in their own dtype."""
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
    return wrap(input._array.astype(np.int64))


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
    input = _widened(input, dtype)
    array = elements(input)
    axes = _axes(dim, array.ndim)
    result = wrap_unordered(_reduce(np.add.reduce, array, axes, keepdim))
    name = "SumBackward0" if dim is None else "SumBackward1"
    record(name, result, (input,), partial(_sum_rule, array.shape, axes, keepdim))
    return result


def _sum_rule(shape: tuple[int, ...], axes: tuple[int, ...], keepdim: bool, needs: Needs, grad: Tensor) -> Gradients:
    return (expand_reduced(grad, shape, axes, keepdim),)


def nansum(input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: dtypes.dtype | None = None) -> Tensor:
    """The sum, NaN counting as 0."""
    return sum(input.masked_fill(wrap(np.isnan(input._array)), 0), dim, keepdim, dtype=dtype)


def mean(input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: dtypes.dtype | None = None) -> Tensor:
    """The mean over all axes, or those named; RuntimeError for integers."""
    input = input if dtype is None else input.to(dtype)
    _check_floating("mean", input)
    array = elements(input)
    axes = _axes(dim, array.ndim)
    count = math.prod([array.shape[axis] for axis in axes])
    result = wrap_unordered(_reduce(_mean, array, axes, keepdim))
    name = "MeanBackward0" if dim is None else "MeanBackward1"
    record(name, result, (input,), partial(_mean_rule, array.shape, axes, keepdim, count))
    return result


def _mean(array: np.ndarray, axis: tuple[int, ...], keepdims: bool) -> np.ndarray:
    count = math.prod([array.shape[a] for a in axis])
    return np.add.reduce(array, axis=axis, keepdims=keepdims) / array.dtype.type(count)


def _mean_rule(
    shape: tuple[int, ...], axes: tuple[int, ...], keepdim: bool, count: int, needs: Needs, grad: Tensor
) -> Gradients:
    return (expand_reduced(grad, shape, axes, keepdim) / count,)


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
    correction = int(unbiased) if correction is None else correction
    axes = _axes(dim, memory(input).ndim)
    count = math.prod([memory(input).shape[axis] for axis in axes])
    free = builtins.max(count - correction, 0)
    if free == 0:
        _warn_of_freedom()
    result = wrap_unordered(_reduce(partial(_variance, free), input._array, axes, keepdim))
    record("VarBackward0", result, (input,), partial(_var_rule, axes, keepdim, free), (input,))
    return result


def _variance(free: float, array: np.ndarray, axis: tuple[int, ...], keepdims: bool) -> np.ndarray:
    wide = array.astype(np.float64)
    centred = wide - np.sum(wide, axis=axis, keepdims=True) / builtins.max(math.prod([array.shape[a] for a in axis]), 1)
    total = np.sum(centred * centred, axis=axis, keepdims=keepdims)
    return as_array(np.divide(total, free)).astype(array.dtype)


def _warn_of_freedom() -> None:
    warnings.warn(
        "std(): degrees of freedom is <= 0. Correction should be strictly less than the reduction factor (input numel "
        "divided by output numel).",
        UserWarning,
        stacklevel=3,
    )


def _var_rule(axes: tuple, keepdim: bool, free: float, needs: Needs, grad: Tensor, input: Tensor) -> Gradients:
    expanded = expand_reduced(grad, memory(input).shape, axes, keepdim)
    return (expanded * (2 / free if free else math.nan) * (input - mean(input, axes, True)),)


def std(
    input: Tensor, dim: Dims = None, unbiased: bool = True, keepdim: bool = False, *, correction: int | None = None
) -> Tensor:
    """The standard deviation; arguments as `var`."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    _check_floating_spread(input)
    variance = var(input.detach().double(), dim, unbiased, keepdim, correction=correction)
    result = variance.sqrt().to(input.dtype)
    correction = int(unbiased) if correction is None else correction
    rule = partial(_std_rule, _axes(dim, memory(input).ndim), keepdim, correction)
    record("StdBackward0", result, (input,), rule, (input, result))
    return result


def _std_rule(
    axes: tuple, keepdim: bool, correction: int, needs: Needs, grad: Tensor, input: Tensor, result: Tensor
) -> Gradients:
    count = math.prod([memory(input).shape[axis] for axis in axes])
    slope = (grad / (result * 2)).masked_fill(result.detach() == 0, 0)
    return _var_rule(axes, keepdim, builtins.max(count - correction, 0), needs, slope, input)


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


def prod(input: Tensor, dim: int | None = None, keepdim: bool = False, *, dtype: dtypes.dtype | None = None) -> Tensor:
    """The product over all axes, or one."""
    input = _widened(input, dtype)
    axes = _axes(dim, memory(input).ndim)
    result = wrap_unordered(_reduce(np.multiply.reduce, input._array, axes, keepdim))
    record("ProdBackward0", result, (input,), partial(_prod_rule, axes, keepdim), (input,))
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


# -- extremes


def _extreme_pair(name: str) -> type:
    found = namedtuple(name, ("values", "indices"))
    found.__module__ = __name__
    found.__repr__ = lambda self: f"torch.return_types.{name}(\nvalues={self.values!r},\nindices={self.indices!r})"
    return found


_PAIRS = {name: _extreme_pair(name) for name in ("max", "min", "sort", "topk", "median")}


_MinMax = namedtuple("aminmax", ("min", "max"))


def _check_not_empty(name: str, input: Tensor, dim: int | None) -> None:
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
    _check_not_empty(name, input, at)
    indices = _position_along(np.argmax if name == "max" else np.argmin, input, at, keepdim)
    values = _picked(input, indices, at, keepdim, f"{name.title()}Backward0")
    return _PAIRS[name](values, indices)


def _picked(input: Tensor, indices: Tensor, dim: int, keepdim: bool, name: str) -> Tensor:
    """The elements at `indices` along one axis."""
    if memory(input).ndim == 0:
        return input.clone()
    where = indices._array if keepdim else np.expand_dims(indices._array, dim)
    found = np.take_along_axis(input._array, where, dim)
    result = wrap(found if keepdim else found.squeeze(dim))
    record(name, result, (input,), partial(_picked_rule, memory(input).shape, wrap(where), dim))
    return result


def _picked_rule(shape: tuple[int, ...], where: Tensor, dim: int, needs: Needs, grad: Tensor) -> Gradients:
    zeros = wrap(zeros_beside(memory(grad), shape, memory(grad).dtype))
    return (zeros.scatter_add(dim, where, grad.reshape(memory(where).shape)),)


def _extreme_of_all(name: str, input: Tensor) -> Tensor:
    _check_not_empty(name, input, None)
    result = wrap(quiet(np.max if name == "max" else np.min, input._array))
    record(f"{name.title()}Backward1", result, (input,), _shared_rule, (input, result))
    return result


def _shared_rule(needs: Needs, grad: Tensor, input: Tensor, result: Tensor) -> Gradients:
    """Equal extremes share the gradient equally, as in PyTorch."""
    x, best = input._array, result._array
    mask = (x == best) | (quiet(np.isnan, x) & quiet(np.isnan, best))
    share = (mask / mask.sum()).astype(memory(grad).dtype)
    return (grad * wrap(share),)


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
    return _amount(np.max, "AmaxBackward0", input, dim, keepdim)


def amin(input: Tensor, dim: Dims = (), keepdim: bool = False) -> Tensor:
    """The smallest elements along axes; equal ones share the gradient."""
    return _amount(np.min, "AminBackward0", input, dim, keepdim)


def _amount(function: Callable, name: str, input: Tensor, dim: Dims, keepdim: bool) -> Tensor:
    axes = _axes(dim, memory(input).ndim)
    for axis in [None] if _is_whole(dim) else axes:
        _check_not_empty(name[:4].lower(), input, axis)
    result = wrap_unordered(quiet(function, elements(input), axis=axes, keepdims=keepdim))
    record(name, result, (input,), partial(_amount_rule, axes, keepdim), (input, result))
    return result


def _amount_rule(
    axes: tuple[int, ...], keepdim: bool, needs: Needs, grad: Tensor, input: Tensor, result: Tensor
) -> Gradients:
    shape = memory(input).shape
    mask = input._array == expand_reduced(result.detach(), shape, axes, keepdim)._array
    share = (mask / mask.sum(axis=axes, keepdims=True)).astype(memory(grad).dtype)
    return (expand_reduced(grad, shape, axes, keepdim) * wrap(share),)


def aminmax(input: Tensor, *, dim: int | None = None, keepdim: bool = False) -> tuple[Tensor, Tensor]:
    """The smallest and the largest elements."""
    axes = () if dim is None else dim
    return _MinMax(amin(input, axes, keepdim), amax(input, axes, keepdim))


def _position(function: Callable, name: str, input: Tensor, dim: int | None, keepdim: bool) -> Tensor:
    array = input._array
    if array.dtype == np.bool_:
        raise RuntimeError(message(f"\"{name}_cpu\" not implemented for 'Bool'", fix=".int() first"))
    if dim is None:
        _check_not_empty(name, input, None)
        found = as_array(function(array.ravel()))
        return wrap((found.reshape((1,) * array.ndim) if keepdim else found).astype(np.int64))
    at = check_dim(dim, array.ndim)
    _check_not_empty(name, input, at)
    return _position_along(function, input, at, keepdim)


def _position_along(function: Callable, input: Tensor, at: int, keepdim: bool) -> Tensor:
    array = input._array
    if array.ndim == 0:
        return wrap(zeros_beside(array, (), np.dtype(np.int64)))
    return wrap(as_array(function(array, axis=at, keepdims=keepdim)).astype(np.int64))


def argmax(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Where the largest element is: in the flattened tensor, or along an axis."""
    return _position(np.argmax, "argmax", input, dim, keepdim)


def argmin(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Where the smallest element is: in the flattened tensor, or along an axis."""
    return _position(np.argmin, "argmin", input, dim, keepdim)


# -- truth


def _truth(function: Callable, input: Tensor, dim: Dims, keepdim: bool) -> Tensor:
    result = as_array(function(input._array, axis=_axes(dim, memory(input).ndim), keepdims=keepdim))
    return wrap(result.astype(np.uint8) if memory(input).dtype == np.uint8 else result)


def all(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Whether every element is true (not 0)."""
    return _truth(np.all, input, dim, keepdim)


def any(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Whether some element is true (not 0)."""
    return _truth(np.any, input, dim, keepdim)


def count_nonzero(input: Tensor, dim: Dims = None) -> Tensor:
    """How many elements are not 0."""
    return wrap(as_array(np.count_nonzero(input._array, axis=_axes(dim, memory(input).ndim)), np.int64))


# -- running sums and products


def cumsum(input: Tensor, dim: int, *, dtype: dtypes.dtype | None = None) -> Tensor:
    """The running sum along an axis."""
    input = _widened(input, dtype)
    result = wrap_unordered(_running(np.cumsum, input, dim))
    record("CumsumBackward0", result, (input,), partial(_cumsum_rule, dim))
    return result


def _running(function: Callable, input: Tensor, dim: int) -> np.ndarray:
    array, at = input._array, check_dim(dim, memory(input).ndim)
    if array.ndim == 0:
        return array.copy()
    if input.dtype in HALVES:
        return quiet(quiet(function, array.astype(np.float32), axis=at).astype, array.dtype)
    return quiet(function, array, axis=at, dtype=array.dtype)


def _cumsum_rule(dim: int, needs: Needs, grad: Tensor) -> Gradients:
    return (cumsum(grad.flip(dim), dim).flip(dim) if memory(grad).ndim else grad,)


def cumprod(input: Tensor, dim: int, *, dtype: dtypes.dtype | None = None) -> Tensor:
    """The running product along an axis."""
    input = _widened(input, dtype)
    result = wrap_unordered(_running(np.cumprod, input, dim))
    record("CumprodBackward0", result, (input,), partial(_cumprod_rule, dim), (input,))
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
    result = wrap_unordered(_reduce(partial(_p_norm_of_array, p), input._array, axes, keepdim))
    record(
        "LinalgVectorNormBackward0",
        result,
        (input,),
        in_single(partial(_p_norm_rule, p, axes, keepdim)),
        (input, result),
    )
    return result


def _p_norm_of_array(p: float, array: np.ndarray, axis: tuple[int, ...], keepdims: bool) -> np.ndarray:
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
    total, grad = expand_reduced(result, shape, axes, keepdim), expand_reduced(grad, shape, axes, keepdim)
    direction = input if p == 2 else input.sign() * input.abs() ** (p - 1)
    slope = grad * direction / total ** (1 if p == 2 else p - 1)
    return (slope.masked_fill(total.detach() == 0, 0),)


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
    wide = np.float64 if memory(input).dtype == np.float64 else np.float32
    matrices = np.moveaxis(input._array, axes, (-2, -1)).astype(wide)
    left, values, right = np.linalg.svd(matrices, full_matrices=False)
    total = as_array(values.sum(-1), memory(input).dtype)
    result = wrap(np.expand_dims(total, tuple(sorted(axes))) if keepdim else total)
    turned = np.moveaxis(left @ right, (-2, -1), axes).astype(memory(input).dtype)
    record("LinalgMatrixNormBackward0", result, (input,), partial(_nuclear_rule, axes, keepdim, turned), (input,))
    return result


def _nuclear_rule(
    axes: tuple[int, ...], keepdim: bool, turned: np.ndarray, needs: Needs, grad: Tensor, input: Tensor
) -> Gradients:
    found = wrap(expand_reduced(grad.detach(), turned.shape, axes, keepdim)._array * turned)
    record("LinalgMatrixNormBackwardBackward0", found, (grad, input), _not_twice)
    return (found,)


def _not_twice(needs: Needs, grad: Tensor) -> Gradients:
    raise RuntimeError("the nuclear norm is differentiable once")


def logsumexp(input: Tensor, dim: Dims, keepdim: bool = False) -> Tensor:
    """log(sum(exp(x))) along axes, without overflow; of integers as floats."""
    input = input if input.dtype.is_floating_point else input.to(dtypes.get_default_dtype())
    if not memory(input).size:
        return input.exp().sum(dim, keepdim).log()
    peak = amax(input.detach(), dim, True)
    peak = peak.masked_fill(wrap(~np.isfinite(peak._array)), 0)
    total = (input.detach() - peak).exp().sum(dim, True).log() + peak
    axes = _axes(dim, memory(input).ndim)
    result = total if keepdim else total.squeeze(axes).clone()
    record("LogsumexpBackward0", result, (input,), partial(_logsumexp_rule, axes, keepdim), (input, result))
    return result


def _logsumexp_rule(axes: tuple, keepdim: bool, needs: Needs, grad: Tensor, input: Tensor, result: Tensor) -> Gradients:
    shape = memory(input).shape
    return (expand_reduced(grad, shape, axes, keepdim) * (input - expand_reduced(result, shape, axes, keepdim)).exp(),)
