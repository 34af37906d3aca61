"""Fill an array with random numbers in place: limits are checked first, then the numbers drawn in memory order.

In: an array of any strides and a distribution's parameters, from `Tensor.uniform_` and its kin and from the
factories. Out: nothing; the array is filled. A call that raises has drawn nothing and changed nothing.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from rushlight.backends.array import found
from rushlight.core import dtypes
from rushlight.core.errors import message
from rushlight.random import distributions
from rushlight.random.source import Source, checked
from rushlight.rules.arguments import TYPE_NAMES

# What the type is called in PyTorch's sentences.
_CPP_NAMES = {
    "bool": "bool",
    "uint8": "unsigned char",
    "int8": "signed char",
    "int16": "short",
    "int32": "int",
    "int64": "long",
    "float16": "c10::Half",
    "bfloat16": "c10::BFloat16",
    "float32": "float",
    "float64": "double",
}
_SMALLEST_INT64 = -(1 << 63)
_DIGITS = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53}


def fill_uniform(
    array: np.ndarray,
    low: float = 0.0,
    high: float = 1.0,
    generator: Source | None = None,
) -> None:
    """Fill with uniform numbers in [low, high).

    Raises NotImplementedError for a dtype that is not floating, RuntimeError for limits that are no range.
    """
    source, kind = checked(generator), dtypes.of_numpy(array.dtype)
    _require_floating(kind, "check_uniform_bounds")
    largest = _largest(kind)
    for name, value in (("from", low), ("to", high)):
        if not -largest <= value <= largest:
            raise RuntimeError(f"{name} is out of bounds for {_CPP_NAMES[kind.name]}: {value}")
    if low > high:
        raise RuntimeError(f"uniform_ expects to return a [from, to) range, but found from={low} > to={high}")
    if high - low > largest:
        raise RuntimeError(
            f"uniform_ expects to-from <= the largest {kind.name}, but found to={high} and from={low} "
            "which result in to-from to exceed the limit"
        )
    _fill(source, array, lambda flat: distributions.uniform(source, flat, float(low), float(high)))


def fill_normal(
    array: np.ndarray,
    mean: float = 0.0,
    std: float = 1.0,
    generator: Source | None = None,
) -> None:
    """Fill with normal numbers.

    Raises RuntimeError where std is negative, NotImplementedError for a dtype that is not floating.
    """
    source = checked(generator)
    if not std >= 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std}")
    _require_floating(dtypes.of_numpy(array.dtype), "normal_kernel_cpu")
    by_blocks = array.size >= distributions.BLOCK and array.flags.c_contiguous
    draw = distributions.block_normal if by_blocks else distributions.paired_normal
    _fill(source, array, lambda flat: draw(source, flat, float(mean), float(std)))


def fill_bernoulli(
    array: np.ndarray,
    p: float | np.ndarray = 0.5,
    generator: Source | None = None,
    one: float = 1.0,
) -> None:
    """Fill with ones, of probability p (a number, or a floating array that broadcasts), and zeros.

    Where p is a number, `one` says what stands for the ones.

    On some of Intel's machines PyTorch calls a generator of Intel's library instead, whose numbers are others.
    Raises RuntimeError where a probability lies outside [0, 1].
    """
    source = checked(generator)
    if not isinstance(p, float | int):
        _fill_bernoulli_each(array, p, source)
    elif 0 <= p <= 1:
        _fill(source, array, lambda flat: distributions.bernoulli(source, flat, float(p), one))
    else:
        raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p}")


def _fill_bernoulli_each(array: np.ndarray, p: np.ndarray, source: Source) -> None:
    _require_floating(dtypes.of_numpy(p.dtype), "bernoulli_tensor_cpu_p_")
    if found((p < 0) | (p > 1) | (p != p)):
        raise RuntimeError(
            message(
                "Expected p_in >= 0 && p_in <= 1 to be true, but got false.",
                "bernoulli: a probability is outside [0, 1]",
            )
        )
    if type(p) is not np.ndarray:  # on a device: nothing is drawn without numbers, else here
        p = p.backend.to_host(p) if p.backend.has_numbers else np.zeros((), p.dtype)
    chance = np.broadcast_to(p, array.shape).transpose(_memory_order(array)).reshape(-1)
    _fill(source, array, lambda flat: distributions.bernoulli_each(source, flat, chance))


def fill_exponential(array: np.ndarray, lambd: float = 1.0, generator: Source | None = None) -> None:
    """Fill with exponential numbers of the rate `lambd`.

    The numbers are PyTorch's where those of `fill_bernoulli` are.
    Raises RuntimeError where the rate is not positive or the dtype not floating.
    """
    source = checked(generator)
    if not lambd > 0:
        raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={lambd}")
    kind = dtypes.of_numpy(array.dtype)
    _require_continuous("Exponential", kind, _scalar_name(kind))
    _fill(source, array, lambda flat: distributions.exponential(source, flat, float(lambd)))


def fill_cauchy(array: np.ndarray, median: float = 0.0, sigma: float = 1.0, generator: Source | None = None) -> None:
    """Fill with Cauchy numbers around the median.

    Raises RuntimeError where sigma is not positive or the dtype not floating.
    """
    source = checked(generator)
    if not sigma > 0:
        raise RuntimeError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma}")
    kind = dtypes.of_numpy(array.dtype)
    _require_continuous("Cauchy", kind, {"int64": "long int", "int16": "short int"}.get(kind.name))
    _fill(source, array, lambda flat: distributions.cauchy(source, flat, float(median), float(sigma)))


def fill_log_normal(array: np.ndarray, mean: float = 1.0, std: float = 2.0, generator: Source | None = None) -> None:
    """Fill with numbers whose logarithms are normal, of that mean and standard deviation.

    Raises RuntimeError where std is not positive, NotImplementedError for a dtype that is not floating.
    """
    source = checked(generator)
    if not std > 0:
        raise RuntimeError(f"log_normal_ expects std > 0.0, but found std={std}")
    _require_floating(dtypes.of_numpy(array.dtype), "log_normal_cpu")
    _fill(source, array, lambda flat: distributions.log_normal(source, flat, float(mean), float(std)))


def fill_geometric(array: np.ndarray, p: float, generator: Source | None = None) -> None:
    """Fill with the number of trials, each of probability p, up to the first success.

    Raises RuntimeError where p is not between 0 and 1, NotImplementedError for bool and wide unsigned integers.
    """
    source, kind = checked(generator), dtypes.of_numpy(array.dtype)
    if not 0 < p < 1:
        raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={p}")
    if kind.name in ("bool", "uint16", "uint32", "uint64"):
        raise NotImplementedError(_not_implemented("geometric_cpu", kind))
    _fill(source, array, lambda flat: distributions.geometric(source, flat, float(p)))


def fill_random_int(
    array: np.ndarray,
    low: int | None = None,
    high: int | None = None,
    generator: Source | None = None,
) -> None:
    """Fill with integers in [low, high).

    With neither given: from 0 over the whole range of the dtype (over the exact integers of a floating one).
    With `low` alone: from there to the end of that range; the largest int64 included. From −2⁶³ on that is every int64.
    Raises RuntimeError for an empty range or one that the dtype does not hold.
    """
    source, kind = checked(generator), dtypes.of_numpy(array.dtype)
    if kind.name in ("uint16", "uint32", "uint64"):
        raise NotImplementedError(_not_implemented("random_kernel_cpu", kind))
    if low is None and high is None:
        span, long = _largest_exact(kind) + 1, kind.itemsize == 8
        _fill(source, array, lambda flat: distributions.integers(source, flat, 0, span, long))
    elif low == _SMALLEST_INT64 and high is None:
        _require_full_range(kind)
        _fill(source, array, lambda flat: distributions.integers(source, flat, 0, 1 << 64))
    else:
        low = 0 if low is None else low
        span = _span(kind, low, high)
        _fill(source, array, lambda flat: distributions.integers(source, flat, low, span))


def _span(kind: dtypes.dtype, low: int, high: int | None) -> int:
    """The number of integers in [low, high), checked against what the dtype holds."""
    last = _largest_exact(kind) if high is None else high - 1
    if high is not None and low >= high:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    _check_bound("from", low, kind)
    if low > last:
        raise RuntimeError(
            "random_ expects 'from' casted to dtype to be less than or equal to 'to_inc' casted to dtype, "
            f"but got from={low} > to_inc={last}"
        )
    if high is not None:
        _check_bound("to - 1", last, kind)
    return last - low + 1


def _check_bound(name: str, value: int, kind: dtypes.dtype) -> None:
    smallest, largest = _limits(kind)
    if not smallest <= value <= largest:
        sentence = f"{name} is out of bounds for {_CPP_NAMES[kind.name]}"
        raise RuntimeError(message(sentence, f"random_: {value} is not in {smallest:.8g} … {largest:.8g}"))
    digits = _DIGITS.get(kind.name)
    if digits and abs(value) > 1 << digits:
        warnings.warn(
            f"{name} is out of bounds [-(2^{digits}), 2^{digits}]. {kind.name} does not hold every integer beyond",
            UserWarning,
            stacklevel=5,
        )


def _limits(kind: dtypes.dtype) -> tuple[float, float]:
    if kind is dtypes.bool:
        return 0, 1
    limits = dtypes.finfo(kind) if kind.is_floating_point else dtypes.iinfo(kind)
    return limits.min, limits.max


@cache
def _largest(kind: dtypes.dtype) -> float:
    return dtypes.finfo(kind).max


def _largest_exact(kind: dtypes.dtype) -> int:
    """The last of the integers from 0 on that the dtype holds without a gap."""
    digits = _DIGITS.get(kind.name)
    return 1 << digits if digits else int(_limits(kind)[1])


def _scalar_name(kind: dtypes.dtype) -> str:
    return TYPE_NAMES[dtypes.CODES[kind.name]][1]


def _require_floating(kind: dtypes.dtype, kernel: str) -> None:
    if not kind.is_floating_point:
        raise NotImplementedError(_not_implemented(kernel, kind))


def _require_continuous(distribution: str, kind: dtypes.dtype, named: str | None) -> None:
    if not kind.is_floating_point:
        raise RuntimeError(
            f"{distribution} distribution is a continuous probability distribution. dtype must be a floating point "
            f"but you specified {named or _CPP_NAMES.get(kind.name, kind.name)}"
        )


def _require_full_range(kind: dtypes.dtype) -> None:
    """All of int64 fits into few types."""
    kernel = "random_full_64_bits_range_kernel_cpu"
    if kind.name in ("bool", "float16"):
        raise NotImplementedError(_not_implemented(kernel, kind))
    if kind.name not in ("int64", "float64", "float32", "bfloat16"):
        raise RuntimeError(f"{kernel} handles only int64, double, float and bfloat16")


def _not_implemented(kernel: str, kind: dtypes.dtype) -> str:
    return message(
        f"\"{kernel}\" not implemented for '{_scalar_name(kind)}'",
        f"random numbers of this kind do not fit the dtype {kind}",
        fix="a floating dtype, or randint",
    )


def _fill(source: Source, array: np.ndarray, draw: Callable[[np.ndarray], None]) -> None:
    """Let `draw` fill the elements in the order in which they lie in memory, which is PyTorch's order."""
    if type(array) is not np.ndarray:
        return _fill_elsewhere(source, array, draw)
    if array.flags.c_contiguous:
        with source.lock:
            return draw(array.reshape(-1))
    if array.size and any(size > 1 and stride == 0 for size, stride in zip(array.shape, array.strides)):
        raise RuntimeError(
            "unsupported operation: more than one element of the written-to tensor refers to a single memory location. "
            "Please clone() the tensor before performing the operation."
        )
    ordered = array.transpose(_memory_order(array))
    if ordered.flags.c_contiguous:
        with source.lock:
            draw(ordered.reshape(-1))
    else:
        flat = np.empty(math.prod(array.shape), dtype=array.dtype)
        with source.lock:
            draw(flat)
        ordered[...] = flat.reshape(ordered.shape)


def _fill_elsewhere(source: Source, array: Any, draw: Callable[[np.ndarray], None]) -> None:
    """Numbers drawn here for an array on a device of its own; none for one that holds none."""
    if array.backend.has_numbers:
        ordered, flat = array.transpose(_memory_order(array)), np.empty(array.size, dtype=array.dtype)
        with source.lock:
            draw(flat)
        array.backend.write(ordered, flat.reshape(ordered.shape))


def _memory_order(array: np.ndarray) -> list[int]:
    """The axes, the one with the widest stride first."""
    return sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis]))
