"""New tensors of random numbers: a shape comes in, a leaf tensor filled from a generator goes out."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Unpack

import numpy as np

from rushlight.autograd.graph import record
from rushlight.autograd.operation import define
from rushlight.backends.array import found
from rushlight.core import dtypes
from rushlight.core.errors import message
from rushlight.core.memory import worded
from rushlight.random import distributions
from rushlight.random.fill import fill_bernoulli, fill_normal, fill_random_int, fill_uniform
from rushlight.random.generator import Generator
from rushlight.random.source import checked
from rushlight.rules.results import as_first
from rushlight.tensor.composed import composed
from rushlight.tensor.core import Tensor, alias, wrap, wrap_beside
from rushlight.tensor.creation import Options, OptionsLike, dtype_or_default, empty, empty_like, shape_of
from rushlight.tensor.drawing import no_slope
from rushlight.tensor.operands import number_in_dtype
from rushlight.tensor.size import carried

_LARGEST_INT64 = (1 << 63) - 1
_RANDINT_CALL = "randint(0, 10, (2, 3))"


def rand(
    *sizes: int | Sequence[int],
    size: Sequence[int] | None = None,
    generator: Generator | None = None,
    dtype: dtypes.dtype | None = None,
    **options: Unpack[Options],
) -> Tensor:
    """Uniform numbers in [0, 1). `options` as for `empty`.

    Raises NotImplementedError for a dtype that is not floating.

    >>> import rushlight as torch
    >>> _ = torch.manual_seed(0)
    >>> torch.rand(2, 2)
    tensor([[0.4963, 0.7682],
            [0.0885, 0.1320]])
    """
    result = empty(shape_of("rand", _some(sizes, size, "rand"), size), dtype=dtype, **options)
    fill_uniform(result._array, 0, 1, generator)
    return result


def randn(
    *sizes: int | Sequence[int],
    size: Sequence[int] | None = None,
    generator: Generator | None = None,
    dtype: dtypes.dtype | None = None,
    **options: Unpack[Options],
) -> Tensor:
    """Normal numbers of mean 0 and standard deviation 1. `options` as for `empty`.

    Raises NotImplementedError for a dtype that is not floating.

    >>> import rushlight as torch
    >>> _ = torch.manual_seed(0)
    >>> torch.randn(3)
    tensor([ 1.5410, -0.2934, -2.1788])
    """
    result = empty(shape_of("randn", _some(sizes, size, "randn"), size), dtype=dtype, **options)
    fill_normal(result._array, 0, 1, generator)
    return result


def randint(
    *bounds_and_size: int | Sequence[int],
    low: int | None = None,
    high: int | None = None,
    size: Sequence[int] | None = None,
    generator: Generator | None = None,
    dtype: dtypes.dtype | None = None,
    **options: Unpack[Options],
) -> Tensor:
    """`randint(high, size)` or `randint(low, high, size)`: integers in [low, high), int64 unless `dtype` says other.

    `options` as for `empty`.
    Raises RuntimeError for an empty range, or one that the dtype does not hold; TypeError for what is no integer.

    >>> import rushlight as torch
    >>> _ = torch.manual_seed(0)
    >>> torch.randint(10, (4,))
    tensor([4, 9, 3, 0])
    """
    named = {name: value for name, value in (("low", low), ("high", high), ("size", size)) if value is not None}
    low, high, size = _bounds_and_size(bounds_and_size, named)
    result = empty(size, dtype=dtypes.int64 if dtype is None else dtype_or_default(dtype), **options)
    fill_random_int(result._array, low, high, generator)
    return result


def randperm(
    n: int,
    *,
    generator: Generator | None = None,
    dtype: dtypes.dtype | None = dtypes.int64,
    **options: Unpack[Options],
) -> Tensor:
    """The numbers 0 … n−1 in a random order.

    Raises RuntimeError where n is negative or the dtype does not hold n − 1.

    >>> import rushlight as torch
    >>> _ = torch.manual_seed(0)
    >>> torch.randperm(5)
    tensor([4, 0, 1, 3, 2])
    """
    n, dtype = _integer(n, "randperm", "n"), dtypes.int64 if dtype is None else dtype
    _check_holds_order(dtype_or_default(dtype), n)
    result = empty((n,), dtype=dtype, **options)
    source = checked(generator)
    with source.lock:
        result._array[...] = distributions.permutation(source, n)
    return result


def normal(
    mean: float | Tensor,
    std: float | Tensor = 1.0,
    size: Sequence[int] | None = None,
    *,
    generator: Generator | None = None,
    dtype: dtypes.dtype | None = None,
    **options: Unpack[Options],
) -> Tensor:
    """Normal numbers: `normal(mean, std, size)` with numbers, or with a tensor of means, of deviations, or both.

    Raises RuntimeError where a deviation is negative.

    >>> import rushlight as torch
    >>> torch.normal(torch.zeros(2, 1), torch.ones(3)).shape
    torch.Size([2, 3])
    """
    if not isinstance(mean, Tensor) and not isinstance(std, Tensor):
        if size is None:
            raise TypeError(message("normal() takes mean, std and size where both are numbers", fix="size=(2, 3)"))
        result = empty(tuple(size), dtype=dtype, **options)
        fill_normal(result._array, mean, std, generator)
        return result
    if size is not None:
        raise TypeError(message("normal() takes no size where mean or std is a tensor", f"got size={size}"))
    if isinstance(std, Tensor) and found(std._array < 0):
        raise RuntimeError("normal expects all elements of std >= 0.0")
    if not isinstance(std, Tensor) and not std >= 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std}")
    return _normal_around(mean, std, generator)


def _normal_around(mean: float | Tensor, std: float | Tensor, generator: Generator | None) -> Tensor:
    leading = mean if isinstance(mean, Tensor) else std
    shapes = [value._array.shape for value in (mean, std) if isinstance(value, Tensor)]
    try:
        shape = np.broadcast_shapes(*shapes)
    except ValueError:
        raise RuntimeError(f"normal: mean of shape {shapes[0]} and std of shape {shapes[1]} do not broadcast") from None
    drawn = empty(shape, dtype=leading.dtype, device=leading.device)
    fill_normal(drawn._array, 0, 1 if isinstance(std, Tensor) else std, generator)
    given = tuple([value if isinstance(value, Tensor) else None for value in (mean, std)])
    number = None if isinstance(mean, Tensor) else mean
    arrays = [None if value is None else value._array for value in given]
    result = wrap(_placed(*arrays, drawn._array, number))
    record(NORMAL, (number,), result, (*given, drawn))
    return result


@composed
def _placed(mean: Tensor | None, std: Tensor | None, drawn: Tensor, number: float | None) -> Tensor:
    """Rounded as PyTorch rounds: after each step, and a number before it is added. Without `std` it was drawn so."""
    kind = drawn.dtype
    mean = wrap_beside(number_in_dtype(number, kind), drawn) if mean is None else mean
    scaled = drawn if std is None else (drawn * std).to(kind)
    return (scaled + mean).to(kind)


NORMAL = define(
    "normal",
    "NormalBackward0",
    derivative=no_slope,
    results=lambda inputs, number: [inputs[2]],
    lowering=_placed,
    differentiable=2,
)


def bernoulli(input: Tensor, p: float | None = None, *, generator: Generator | None = None) -> Tensor:
    """Ones and zeros: one with the probability that `input` says for each element, or with `p` for all.

    Raises RuntimeError where a probability lies outside [0, 1].

    >>> import rushlight as torch
    >>> torch.bernoulli(torch.tensor([0.0, 1.0]))
    tensor([0., 1.])
    """
    drawn = empty_like(input)
    fill_bernoulli(drawn._array, input._array if p is None else p, generator)
    result = alias(drawn)
    record(BERNOULLI, (p,), result, (input, drawn))
    return result


BERNOULLI = define(
    "bernoulli",
    "BernoulliBackward0",
    derivative=no_slope,
    results=as_first,
    lowering=lambda input, drawn, p: drawn,
    differentiable=1,
)


@worded
def multinomial(
    input: Tensor, num_samples: int, replacement: bool = False, *, generator: Generator | None = None
) -> Tensor:
    """Draw categories: `input` (…, categories) holds their weights, the result (…, num_samples) their numbers.

    Raises RuntimeError for weights that are negative, not finite, or sum to nothing, for more samples than
    categories without replacement, and for a dtype that is not floating.

    >>> import rushlight as torch
    >>> torch.multinomial(torch.tensor([0.0, 3.0]), 2, replacement=True)
    tensor([1, 1])
    """
    source, weights = checked(generator), input._array
    if input.is_meta:
        return input.new_empty((*weights.shape[:-1], num_samples), dtype=dtypes.int64)
    weights = carried(weights, "cpu")
    _check_multinomial(input, _integer(num_samples, "multinomial", "num_samples"), replacement)
    if num_samples == 1 or not replacement:
        waits = np.empty(weights.shape, dtype=weights.dtype)
        with source.lock:
            distributions.exponential(source, waits.reshape(-1), 1.0)
        order = np.argsort(-(weights / waits), axis=-1, kind="stable")
        return wrap(np.ascontiguousarray(order[..., :num_samples], dtype=np.int64))
    if weights.itemsize == 2:
        weights = weights.astype(np.float32)
    rows = np.atleast_2d(weights)
    with source.lock:
        unit = distributions.unit_float64(source.stream, len(rows) * num_samples).reshape(len(rows), num_samples)
    drawn = [_categories(row, at) for row, at in zip(rows, unit)]
    return wrap(np.array(drawn, dtype=np.int64).reshape(*weights.shape[:-1], num_samples))


def _categories(weights: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """Where the uniforms fall among the summed weights; a category without weight is never hit."""
    summed = np.cumsum(weights)
    last = np.flatnonzero(weights)[-1]
    return np.minimum(np.searchsorted(summed / summed[-1], unit, side="left"), last)


def _check_multinomial(input: Tensor, count: int, replacement: bool) -> None:
    weights = input._array
    if not input.dtype.is_floating_point:
        raise RuntimeError(f"multinomial only supports floating-point dtypes for input, got: {input.dtype}")
    if weights.ndim not in (1, 2):
        raise RuntimeError(message("prob_dist must be 1 or 2 dim", f"multinomial: the input has {weights.ndim}"))
    if count <= 0:
        raise RuntimeError(message("cannot sample n_sample <= 0 samples", f"multinomial: num_samples is {count}"))
    if not replacement and count > weights.shape[-1]:
        sentence = "cannot sample n_sample > prob_dist.size(-1) samples without replacement"
        raise RuntimeError(message(sentence, f"multinomial: {count} > {weights.shape[-1]}", fix="replacement=True"))
    if not (np.isfinite(weights) & (weights >= 0)).all():
        raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
    if not (weights.sum(axis=-1) > 0).all():
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")


def rand_like(input: Tensor, *, generator: Generator | None = None, **options: Unpack[OptionsLike]) -> Tensor:
    """`rand` in the shape, dtype and memory order of `input`; options as `empty_like`."""
    result = empty_like(input, **options)
    fill_uniform(result._array, 0, 1, generator)
    return result


def randn_like(input: Tensor, *, generator: Generator | None = None, **options: Unpack[OptionsLike]) -> Tensor:
    """`randn` in the shape, dtype and memory order of `input`; options as `empty_like`."""
    result = empty_like(input, **options)
    fill_normal(result._array, 0, 1, generator)
    return result


def randint_like(
    input: Tensor,
    low: int | None = None,
    high: int | None = None,
    *,
    generator: Generator | None = None,
    **options: Unpack[OptionsLike],
) -> Tensor:
    """`randint_like(input, high)` or `(input, low, high)`: `randint` in the shape, dtype and order of `input`."""
    low, high = (0, low) if high is None else (0 if low is None else low, high)
    if high is None:
        raise TypeError("randint_like() takes high, or low and high")
    result = empty_like(input, **options)
    fill_random_int(result._array, low, high, generator)
    return result


def _some(sizes: tuple, size: object, name: str) -> tuple:
    if not sizes and size is None:
        raise TypeError(message(f"{name}() received an invalid combination of arguments - got ()", fix=f"{name}(())"))
    return sizes


def _bounds_and_size(args: tuple, named: dict) -> tuple[int, int, tuple[int, ...]]:
    """low, high and size of the two ways in which randint is called."""
    names = ("high", "size") if len(args) + len(named) == 2 else ("low", "high", "size")
    found = dict(zip(names, args))
    if len(args) > 3 or found.keys() & named.keys():
        raise TypeError(message("randint() received an invalid combination of arguments", fix="randint(0, 10, (2, 3))"))
    found |= named
    if "high" not in found or "size" not in found:
        raise TypeError(message("randint() takes high and size, or low, high and size", fix=_RANDINT_CALL))
    size = found["size"]
    if not isinstance(size, (tuple, list)):
        raise TypeError(f"randint(): argument 'size' must be tuple of ints, not {type(size).__name__}")
    low, high = (_integer(found.get(name, 0), "randint", name) for name in ("low", "high"))
    return low, high, shape_of("randint", (size,))


def _integer(value: object, function: str, name: str) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{function}(): argument '{name}' must be int, not {type(value).__name__}")
    number = operator.index(value)
    if not -_LARGEST_INT64 - 1 <= number <= _LARGEST_INT64:
        raise ValueError(message("Overflow when unpacking long long", f"{function}: {name} is {number}"))
    return number


def _check_holds_order(kind: dtypes.dtype, n: int) -> None:
    """randperm's promise: every number from 0 on is there once, so the dtype must tell all of them apart."""
    limit = {dtypes.float16: 2**11 + 1, dtypes.bfloat16: 2**8 + 1, dtypes.float32: 2**24 + 1, dtypes.bool: 2}.get(kind)
    if limit is None:
        limit = 2**53 + 1 if kind.is_floating_point else dtypes.iinfo(kind).max + 1
    if n > limit:
        raise RuntimeError(message(f"n cannot be greater than {limit} for {kind} type.", fix="dtype=torch.int64"))
