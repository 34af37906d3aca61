"""Random words to numbers, in NumPy: the definition of what each distribution makes of them.

In: tempered words of MT19937 as uint32, and a one-dimensional array. Out: nothing; the array is filled.

Logarithms, sines and the like of float64 are the C library's (`math`), as PyTorch's are: NumPy's own differ in the last
bit. Products and sums that PyTorch's compiler fuses are rounded once.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from rushlight.backends.reference.box_muller import box_muller
from rushlight.backends.reference.rounding import fused_float32, fused_float64

_HALF_BLOCK = 8


def words_each(dtype: np.dtype) -> int:
    """How many words a uniform number of this type takes: 53 bits of two, or 24 of one."""
    return 2 if dtype.char == "d" else 1


def unit_float32(words: np.ndarray) -> np.ndarray:
    """Uniform float32 in [0, 1): multiples of 2⁻²⁴, one word each."""
    return (words & np.uint32((1 << 24) - 1)).astype(np.float32) * np.float32(2.0**-24)


def unit_float64(words: np.ndarray) -> np.ndarray:
    """Uniform float64 in [0, 1): multiples of 2⁻⁵³, two words each."""
    return (long_words(words) & np.uint64((1 << 53) - 1)).astype(np.float64) * 2.0**-53


def long_words(words: np.ndarray) -> np.ndarray:
    """64-bit words of two words each, the first of which is the high half."""
    pairs = words.astype(np.uint64)
    return (pairs[0::2] << np.uint64(32)) | pairs[1::2]


def uniform(words: np.ndarray, out: np.ndarray, low: float, high: float) -> None:
    """Numbers in [low, high)."""
    if out.dtype == np.float64:
        unit = unit_float64(words)
        out[...] = unit if (low, high) == (0, 1) else fused_float64(unit, high - low, low)
        out[out >= high] = low  # rounding can reach the end that is excluded
        return
    unit, low, high = unit_float32(words), np.float32(low), np.float32(high)
    out[...] = unit if (low, high) == (0, 1) else fused_float32(unit.astype(np.float64), high - low, low)
    if out.dtype != np.float32 or (low, high) != (0, 1):
        out[out >= high.astype(out.dtype)] = low.astype(out.dtype)


def bernoulli(words: np.ndarray, out: np.ndarray, probability: float, one: float) -> None:
    """`one`, each with the given probability, and zeros."""
    out[...] = np.where(unit_float64(words) < probability, out.dtype.type(one), out.dtype.type(0))


def bernoulli_each(words: np.ndarray, out: np.ndarray, chances: np.ndarray) -> None:
    """Ones, each with a probability of its own, whose type decides how a uniform is drawn, and zeros."""
    unit = unit_float64 if words_each(chances.dtype) == 2 else unit_float32
    out[...] = unit(words) < chances


def exponential(words: np.ndarray, out: np.ndarray, rate: float) -> None:
    """Exponential numbers of the given rate."""
    store(out, (-1.0 / rate) * _by_library(math.log1p, -unit_float64(words)))


def cauchy(words: np.ndarray, out: np.ndarray, median: float, sigma: float) -> None:
    """Cauchy numbers: the tangents of uniform angles."""
    tangent = _by_library(math.tan, math.pi * (unit_float64(words) - 0.5))
    store(out, fused_float64(tangent, sigma, median))


def geometric(words: np.ndarray, out: np.ndarray, probability: float) -> None:
    """How many trials of the given probability it takes to succeed."""
    unit = np.maximum(unit_float64(words), 5e-324)
    trials = np.ceil(_by_library(math.log, unit) / math.log1p(-probability))
    store(out, trials if out.dtype.kind not in "iu" else trials.astype(np.int64))


def integers(words: np.ndarray, out: np.ndarray, low: int, span: int, long: bool) -> None:
    """Integers in [low, low + span), span ≤ 2⁶⁴, of 64-bit words where `long`."""
    drawn = long_words(words) if long else words
    if span < 1 << drawn.itemsize * 8:
        drawn = drawn % drawn.dtype.type(span)
    # Modulo 2⁶⁴, read as signed: the sum is right wherever the result itself fits into 64 bits.
    shifted = drawn.astype(np.uint64) + np.uint64(low % (1 << 64))
    store(out, shifted.view(np.int64))


def block_normal(words: np.ndarray, out: np.ndarray, mean: float, std: float) -> None:
    """Normal numbers in blocks of 16, whose first 8 uniforms give the radii, the other 8 the angles; the halves are
    float32's, rounded."""
    if out.dtype != np.float64:
        out[...] = box_muller(unit_float32(words), mean, std)
        return
    blocks = unit_float64(words).reshape(-1, 2, _HALF_BLOCK)
    radius = np.sqrt(-2 * _by_library(math.log, 1 - blocks[:, 0].reshape(-1)))
    angle = 2 * math.pi * blocks[:, 1].reshape(-1)
    for position, function in enumerate((math.cos, math.sin)):
        normal = fused_float64(radius * _by_library(function, angle), std, mean)
        out.reshape(blocks.shape)[:, position] = normal.reshape(-1, _HALF_BLOCK)


def paired_normal(words: np.ndarray, out: np.ndarray, mean: float, std: float) -> None:
    """Normal numbers two at a time, of two uniforms, the first of which gives the angle; in float64, rounded."""
    turns, units = unit_float64(words).reshape(-1, 2).T.tolist()
    pairs = []
    for turn, unit in zip(turns, units):
        radius, angle = math.sqrt(-2.0 * math.log1p(-unit)), 2.0 * math.pi * turn
        pairs += (radius * math.cos(angle), radius * math.sin(angle))
    store(out, fused_float64(np.array(pairs), std, mean))


def powers(out: np.ndarray, exponents: np.ndarray) -> None:
    """e to the power of float64 numbers."""
    store(out, _by_library(_exp, exponents))


def _exp(x: float) -> float:
    try:
        return math.exp(x)
    except OverflowError:
        return math.inf


def shuffle(words: np.ndarray, order: np.ndarray, start: int, long: bool) -> None:
    """Exchange position i of `order` with one of those from i on, from `start` on, for as many i as there are words
    (of 64 bits where `long`)."""
    drawn = long_words(words) if long else words.astype(np.uint64)
    left = np.arange(order.size - start, order.size - start - drawn.size, -1, dtype=np.uint64)
    numbers = memoryview(order)  # four times as fast as the array, number by number
    for position, distance in enumerate((drawn % left).tolist(), start):
        partner = position + distance
        numbers[position], numbers[partner] = numbers[partner], numbers[position]


def _by_library(function: Callable[[float], float], numbers: np.ndarray) -> np.ndarray:
    return np.fromiter(map(function, numbers.tolist()), np.float64, numbers.size)


def store(out: np.ndarray, numbers: np.ndarray) -> None:
    """Rounded to the type of `out`, what is too large to infinity; to halves by way of float32, as PyTorch does."""
    if out.dtype.char == "d":
        out[...] = numbers
        return
    with np.errstate(over="ignore", invalid="ignore"):
        out[...] = numbers.astype(np.float32) if out.itemsize == 2 and out.dtype.kind not in "iu" else numbers
