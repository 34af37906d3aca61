"""From words to numbers: each distribution fills a flat array in order, drawing exactly what PyTorch draws.

In: a source of words and a one-dimensional array of the wanted type. Out: nothing; the array is filled and the
generator has moved on. Long arrays are filled piece by piece, so that the passing memory stays small.

What is drawn for one number (observed in PyTorch 2.13):

    uniform     float64: 53 bits of a 64-bit word; the narrower types: 24 bits of a 32-bit word, rounded
    normal      at least 16 contiguous numbers: Box–Muller over blocks of 16 uniforms (box_muller.py);
                otherwise pairs from two 64-bit words, where the second of a pair waits in the generator
    integers    a 32-bit word modulo the span; a 64-bit word where the span is 2²⁸ or more
    bernoulli   a float64 uniform; a float32 uniform where the probability is a tensor that is not float64
    exponential a float64 uniform
"""

from collections.abc import Iterator

import numpy as np

from rushlight.random.box_muller import box_muller
from rushlight.random.rounding import fused_float32, fused_float64
from rushlight.random.source import Source
from rushlight.random.stream import WordStream

BLOCK = 16
LONG_SPAN = 1 << 28
_PIECE = 1 << 18  # numbers at a time; a multiple of BLOCK
_HALF_BLOCK = BLOCK // 2


def unit_float32(stream: WordStream, count: int) -> np.ndarray:
    """Uniform float32 in [0, 1): multiples of 2⁻²⁴."""
    low_bits = stream.words(count) & np.uint32((1 << 24) - 1)
    return low_bits.astype(np.float32) * np.float32(2.0**-24)


def unit_float64(stream: WordStream, count: int) -> np.ndarray:
    """Uniform float64 in [0, 1): multiples of 2⁻⁵³."""
    low_bits = stream.long_words(count) & np.uint64((1 << 53) - 1)
    return low_bits.astype(np.float64) * 2.0**-53


def uniform(generator: Source, out: np.ndarray, low: float, high: float) -> None:
    """Fill `out` with uniform numbers in [low, high)."""
    draw = _uniform_float64 if out.dtype == np.float64 else _uniform_float32
    for piece in _pieces(out):
        draw(generator.stream, piece, low, high)


def _uniform_float64(stream: WordStream, out: np.ndarray, low: float, high: float) -> None:
    unit = unit_float64(stream, out.size)
    out[...] = unit if (low, high) == (0, 1) else fused_float64(unit, high - low, low)
    out[out >= high] = low  # rounding can reach the end that is excluded


def _uniform_float32(stream: WordStream, out: np.ndarray, low: float, high: float) -> None:
    unit = unit_float32(stream, out.size)
    low, high = np.float32(low), np.float32(high)
    out[...] = unit if (low, high) == (0, 1) else fused_float32(unit.astype(np.float64), high - low, low)
    if out.dtype != np.float32 or (low, high) != (0, 1):
        out[out >= high.astype(out.dtype)] = low.astype(out.dtype)


def block_normal(generator: Source, out: np.ndarray, mean: float, std: float) -> None:
    """Fill `out`, which holds at least 16 numbers, with normal numbers, block by block.

    Where the length is no multiple of 16 the last 16 are computed anew, and float32 and float64 (not the halves)
    first draw numbers for the rest and drop them: that is what PyTorch does.
    """
    stream = generator.stream
    unit = unit_float64 if out.dtype == np.float64 else unit_float32
    fused = out.dtype == np.float32  # PyTorch's kernel has vectors for this type alone
    rest = out.size % BLOCK
    for piece in _pieces(out[: out.size - rest]):
        piece[...] = _box_muller(unit(stream, piece.size), mean, std, fused)
    if rest:
        if out.dtype.itemsize > 2:
            unit(stream, rest)
        out[-BLOCK:] = _box_muller(unit(stream, BLOCK), mean, std, fused)


def _box_muller(unit: np.ndarray, mean: float, std: float, fused: bool) -> np.ndarray:
    """The first 8 uniforms of a block give the radii, the other 8 the angles; in the type of `unit`."""
    if fused:
        return box_muller(unit, mean, std)
    kind = unit.dtype.type
    blocks = unit.reshape(-1, 2, _HALF_BLOCK)
    # Functions of float32 by float64 are rounded as those of C's library; NumPy's own differ in the last bit.
    radius = np.sqrt(kind(-2) * np.log((1 - blocks[:, 0]).astype(np.float64)).astype(kind))
    angle = (kind(2 * np.pi) * blocks[:, 1]).astype(np.float64)
    normal = np.empty_like(blocks)
    np.multiply(radius, np.cos(angle).astype(kind), out=normal[:, 0])
    np.multiply(radius, np.sin(angle).astype(kind), out=normal[:, 1])
    normal = normal.reshape(-1).astype(np.float64)
    if kind is np.float64:
        return normal if (mean, std) == (0, 1) else fused_float64(normal, std, mean)
    return fused_float32(normal, kind(std), kind(mean))


def paired_normal(generator: Source, out: np.ndarray, mean: float, std: float) -> None:
    """Fill `out` with normal numbers made two at a time; an odd one is left in the generator for the next call."""
    for piece in _pieces(out):
        piece[...] = _standard_pairs(generator, piece.size) * std + mean


def _standard_pairs(generator: Source, count: int) -> np.ndarray:
    waiting = [] if generator.waiting_normal is None or not count else [generator.waiting_normal]
    fresh = -(-(count - len(waiting)) // 2)
    unit = unit_float64(generator.stream, 2 * fresh)
    radius = np.sqrt(-2 * np.log1p(-unit[1::2]))
    angle = 2 * np.pi * unit[0::2]
    pairs = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).reshape(-1)
    normal = np.concatenate([waiting, pairs])
    if count:
        generator.waiting_normal = float(normal[count]) if normal.size > count else None
    return normal[:count]


def integers(generator: Source, out: np.ndarray, low: int, span: int, long: bool | None = None) -> None:
    """Fill `out` with integers in [low, low + span), span ≤ 2⁶⁴; `long` overrides the rule for the word's width."""
    if long is None:
        long = span >= LONG_SPAN
    for piece in _pieces(out):
        words = generator.stream.long_words(piece.size) if long else generator.stream.words(piece.size)
        if span < 1 << 64:
            words = words % words.dtype.type(span)
        # Modulo 2⁶⁴, read as signed: the sum is right wherever the result itself fits into 64 bits.
        shifted = words.astype(np.uint64) + np.uint64(low % (1 << 64))
        piece[...] = shifted.view(np.int64).astype(out.dtype)


def bernoulli(generator: Source, out: np.ndarray, probability: float) -> None:
    """Fill `out` with ones, each with the given probability, and zeros."""
    for piece in _pieces(out):
        piece[...] = unit_float64(generator.stream, piece.size) < probability


def bernoulli_each(generator: Source, out: np.ndarray, probability: np.ndarray) -> None:
    """The same with a probability for each number; its type decides how a uniform is drawn."""
    unit = unit_float64 if probability.dtype == np.float64 else unit_float32
    out[...] = unit(generator.stream, out.size) < probability


def exponential(generator: Source, out: np.ndarray, rate: float) -> None:
    """Fill `out` with exponential numbers of the given rate."""
    for piece in _pieces(out):
        piece[...] = -np.log1p(-unit_float64(generator.stream, piece.size)) / rate


def permutation(generator: Source, count: int) -> list[int]:
    """The numbers 0 … count−1 shuffled: place i is exchanged with one of the places i … count−1."""
    order = list(range(count))
    last = max(count - 1, 0)
    left = np.arange(count, 1, -1, dtype=np.uint64)
    partners = generator.stream.words(last).astype(np.uint64) % left
    for place, distance in enumerate(partners.tolist()):
        partner = place + distance
        order[place], order[partner] = order[partner], order[place]
    return order


def _pieces(out: np.ndarray) -> Iterator[np.ndarray]:
    return (out[start : start + _PIECE] for start in range(0, out.size, _PIECE))
