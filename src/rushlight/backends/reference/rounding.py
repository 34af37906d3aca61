"""Products and sums rounded once, as a fused multiply-add rounds: factors come in, the exact result's
nearest number goes out, to the uniform and the normal distribution.

PyTorch's compiled kernels contract `u * width + low` into one fused multiply-add, and NumPy has none. The last
bit of every uniform weight depends on it.
"""

from math import isfinite

import numpy as np

_SPLITTER = float(2**27 + 1)  # Dekker's: cuts a 53-bit significand into two halves
_LARGE = 2.0**512
_BITS_BELOW_FLOAT32 = np.int64((1 << 29) - 1)
_HALFWAY_FLOAT32 = np.int64(1 << 28)


def fused_float32(factor: np.ndarray, width: np.ndarray | float, low: np.ndarray | float) -> np.ndarray:
    """`factor * width + low` rounded once to float32; `factor` is float64, and all three hold float32 values."""
    product = factor * np.float64(width)  # exact: 24 + 24 bits fit into 53
    total = product + low
    result = total.astype(np.float32)
    # Rounding twice (to 53, then to 24 bits) goes wrong only where the first rounding lands halfway.
    doubtful = np.flatnonzero((total.view(np.int64) & _BITS_BELOW_FLOAT32) == _HALFWAY_FLOAT32)
    if doubtful.size:
        rest = low[doubtful] if isinstance(low, np.ndarray) else low
        lost = _two_sum(product[doubtful], np.float64(rest))[1]
        result[doubtful] = _round_to_odd(total[doubtful], lost).astype(np.float32)
    return result


def fused_float64(factor: np.ndarray, width: float, low: float) -> np.ndarray:
    """`factor * width + low` rounded once to float64 (Boldo & Melquiond 2008, emulation of the FMA)."""
    if low == 0 or abs(width) == 1 or not (isfinite(width) and isfinite(low)):  # nothing that is rounded twice
        return factor * width + low
    if width > _LARGE:  # cutting it into halves would overflow
        return fused_float64(factor, width / _LARGE, low / _LARGE) * _LARGE
    product, product_rest = _two_product(factor, width)
    middle, middle_rest = _two_sum(np.float64(low), product_rest)
    total, total_rest = _two_sum(product, middle)
    return total + _round_to_odd(*_two_sum(middle_rest, total_rest))


def _two_sum(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """a + b, and what rounding it lost (Knuth)."""
    total = a + b
    shadow = total - a
    return total, (a - (total - shadow)) + (b - shadow)


def _two_product(a: np.ndarray, b: float) -> tuple[np.ndarray, np.ndarray]:
    """a · b, and what rounding it lost (Dekker)."""
    a_high, a_low = _split(a)
    b_high, b_low = _split(b)
    product = a * b
    return product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low


def _split(a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    scaled = a * _SPLITTER
    high = scaled - (scaled - a)
    return high, a - high


def _round_to_odd(total: np.ndarray, lost: np.ndarray) -> np.ndarray:
    """The sum cut so that an inexact one ends in an odd bit: rounding it again then cannot go wrong."""
    even = (total.view(np.int64) & np.int64(1)) == 0
    return np.where((lost != 0) & even, np.nextafter(total, np.copysign(np.inf, lost)), total)
