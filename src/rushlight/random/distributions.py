"""From words to numbers: each distribution fills a flat array in order, drawing exactly what PyTorch draws.

In: a source of words and a one-dimensional array of the wanted type. Out: nothing; the array is filled and the
generator has moved on. Long arrays are filled piece by piece, so that the passing memory stays small. What becomes of
the words, `backends.reference.draws` defines; once words come from a kernel, kernels compute the rest, too.

What is drawn for one number (observed in PyTorch 2.13):

    uniform     float64: 53 bits of a 64-bit word; the narrower types: 24 bits of a 32-bit word, rounded
    normal      at least 16 contiguous numbers: Box–Muller over blocks of 16 uniforms;
                otherwise pairs from two 64-bit words, where the second of a pair waits in the generator
    log normal  always such pairs
    integers    a 32-bit word modulo the span; a 64-bit word where the span is 2²⁸ or more
    bernoulli   a float64 uniform; a float32 uniform where the probability is a tensor that is not float64
    exponential, cauchy, geometric: a float64 uniform
    permutation a 32-bit word for each exchange; a 64-bit word where there are more than a twentieth of 2³² numbers
"""

from collections.abc import Iterator

import numpy as np

from rushlight.backends.protocol import Refusal
from rushlight.backends.reference import draws
from rushlight.backends.reference.rounding import fused_float64
from rushlight.random.source import Source
from rushlight.random.stream import WordStream

BLOCK = 16
LONG_SPAN = 1 << 28
_PIECE = 1 << 15  # numbers at a time, a multiple of BLOCK: their words stay in the second cache
_LONG_ORDER = ((1 << 32) - 1) // 20  # numbers from which on a permutation takes 64-bit words


def unit_float32(stream: WordStream, count: int) -> np.ndarray:
    """Uniform float32 in [0, 1): multiples of 2⁻²⁴."""
    return _unit(stream, np.empty(count, np.float32))


def unit_float64(stream: WordStream, count: int) -> np.ndarray:
    """Uniform float64 in [0, 1): multiples of 2⁻⁵³."""
    return _unit(stream, np.empty(count, np.float64))


def _unit(stream: WordStream, unit: np.ndarray) -> np.ndarray:
    _draw(stream, "uniform", unit, draws.words_each(unit.dtype), 0.0, 1.0)
    return unit


def uniform(generator: Source, out: np.ndarray, low: float, high: float) -> None:
    """Fill `out` with uniform numbers in [low, high)."""
    _draw(generator.stream, "uniform", out, draws.words_each(out.dtype), low, high)


def block_normal(generator: Source, out: np.ndarray, mean: float, std: float) -> None:
    """Fill `out`, which holds at least 16 numbers, with normal numbers, block by block.

    Where the length is no multiple of 16 the last 16 are computed anew, and float32 and float64 (not the halves)
    first draw numbers for the rest and drop them: that is what PyTorch does.
    """
    stream, each = generator.stream, draws.words_each(out.dtype)
    rest = out.size % BLOCK
    _draw(stream, "block_normal", out[: out.size - rest], each, mean, std)
    if rest:
        if out.dtype.itemsize > 2:
            stream.words(each * rest)
        _draw(stream, "block_normal", out[-BLOCK:], each, mean, std)


def paired_normal(generator: Source, out: np.ndarray, mean: float, std: float) -> None:
    """Fill `out` with normal numbers made two at a time; an odd one is left in the generator for the next call."""
    if out.size > BLOCK:
        first = 0 if generator.waiting_normal is None else 1
        end = out.size - (out.size - first) % 2
        _few_normals(generator, out[:first], mean, std)
        _draw(generator.stream, "paired_normal", out[first:end], 2, mean, std)
        out = out[end:]
    _few_normals(generator, out, mean, std)


def _few_normals(generator: Source, out: np.ndarray, mean: float, std: float) -> None:
    """The same by way of standard ones, of which one may have waited, and one may be left to wait."""
    if not out.size:
        return
    waiting = [] if generator.waiting_normal is None else [generator.waiting_normal]
    pairs = np.empty((out.size - len(waiting) + 1) // 2 * 2, np.float64)
    _draw(generator.stream, "paired_normal", pairs, 2, -0.0, 1.0)  # x·1 − 0 is x, with its sign where x is 0
    normal = np.concatenate([waiting, pairs]) if waiting else pairs
    draws.store(out, fused_float64(normal[: out.size], std, mean))
    generator.waiting_normal = float(normal[-1]) if normal.size > out.size else None


def log_normal(generator: Source, out: np.ndarray, mean: float, std: float) -> None:
    """Fill `out` with numbers whose logarithms are normal."""
    for piece in _pieces(out):
        exponents = np.empty(piece.size, np.float64)
        paired_normal(generator, exponents, mean, std)
        _compute(generator.stream, "powers", piece, exponents)


def integers(generator: Source, out: np.ndarray, low: int, span: int, long: bool | None = None) -> None:
    """Fill `out` with integers in [low, low + span), span ≤ 2⁶⁴; `long` overrides the rule for the word's width."""
    if long is None:
        long = span >= LONG_SPAN
    _draw(generator.stream, "integers", out, 1 + long, low, span, long)


def bernoulli(generator: Source, out: np.ndarray, probability: float, one: float = 1.0) -> None:
    """Fill `out` with ones (or what stands for them), each with the given probability, and zeros."""
    _draw(generator.stream, "bernoulli", out, 2, probability, one)


def bernoulli_each(generator: Source, out: np.ndarray, probability: np.ndarray) -> None:
    """The same with a probability for each number; its type decides how a uniform is drawn."""
    stream, each = generator.stream, draws.words_each(probability.dtype)
    stream.prepare(each * out.size)
    for piece, chances in zip(_pieces(out), _pieces(probability)):
        _compute(stream, "bernoulli_each", stream.words(each * piece.size), piece, chances)


def exponential(generator: Source, out: np.ndarray, rate: float) -> None:
    """Fill `out` with exponential numbers of the given rate."""
    _draw(generator.stream, "exponential", out, 2, rate)


def cauchy(generator: Source, out: np.ndarray, median: float, sigma: float) -> None:
    """Fill `out` with Cauchy numbers."""
    _draw(generator.stream, "cauchy", out, 2, median, sigma)


def geometric(generator: Source, out: np.ndarray, probability: float) -> None:
    """Fill `out` with how many trials it takes to succeed."""
    _draw(generator.stream, "geometric", out, 2, probability)


def permutation(generator: Source, count: int) -> np.ndarray:
    """The numbers 0 … count−1 shuffled: position i is exchanged with one of i … count−1."""
    order = np.arange(count, dtype=np.int32 if count < 1 << 31 else np.int64)
    long = count >= _LONG_ORDER
    generator.stream.prepare(count << long)
    for start in range(0, count - 1, _PIECE):
        words = generator.stream.words(min(_PIECE, count - 1 - start) << long)
        _compute(generator.stream, "shuffle", words, order, start, long)
    return order


def _draw(stream: WordStream, kind: str, out: np.ndarray, each: int, *parameters: float) -> None:
    """Fill `out` with numbers of a distribution that takes `each` words for one, piece by piece."""
    stream.prepare(each * out.size)
    for piece in (out,) if 0 < out.size <= _PIECE else _pieces(out):
        _compute(stream, kind, stream.words(each * piece.size), piece, *parameters)


def _compute(stream: WordStream, kind: str, *arguments: object) -> None:
    """What becomes of words, by a kernel where they come from one."""
    if stream.kernels is not None:
        try:
            return getattr(stream.kernels, kind)(*arguments)
        except Refusal:
            pass
    getattr(draws, kind)(*arguments)


def _pieces(out: np.ndarray) -> Iterator[np.ndarray]:
    return (out[start : start + _PIECE] for start in range(0, out.size, _PIECE))
