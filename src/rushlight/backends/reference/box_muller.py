"""Normal numbers of float32, to the bit those of PyTorch's vectorised Box–Muller transform.

In: uniform float32 in [0, 1), by blocks of 16. Out: as many normal ones. The polynomials are in `rules.polynomials`.
"""

import numpy as np

from rushlight.backends.reference.rounding import fused_float32
from rushlight.rules import polynomials

_LANES = 8
_AT_ONCE = 1 << 13  # numbers, whose passing arrays the caches hold
_LN2_HIGH, _LN2_LOW = np.float32(polynomials.LN2_HIGH), np.float32(polynomials.LN2_LOW)
_SQRT_HALF, _FOUR_OVER_PI = np.float32(polynomials.SQRT_HALF), np.float32(polynomials.FOUR_OVER_PI)
_HALF, _ONE, _TWO_PI = np.float32(0.5), np.float32(1), np.float32(polynomials.TWO_PI)


def box_muller(unit: np.ndarray, mean: float, std: float) -> np.ndarray:
    """Normal numbers of uniform ones: of each block of 16 the first 8 give the radii, the other 8 the angles."""
    normal = np.empty_like(unit)
    for start in range(0, unit.size, _AT_ONCE):
        blocks = unit[start : start + _AT_ONCE].reshape(-1, 2, _LANES)
        out = normal[start : start + _AT_ONCE].reshape(blocks.shape)
        radius = np.sqrt(np.float32(-2) * _log(_ONE - blocks[:, 0].reshape(-1)))
        sine, cosine = _sine_and_cosine(_TWO_PI * blocks[:, 1].reshape(-1))
        for half, direction in enumerate((cosine, sine)):
            wide = (radius * direction).astype(np.float64)
            out[:, half] = fused_float32(wide, np.float32(std), np.float32(mean)).reshape(-1, _LANES)
    return normal


def _polynomial(coefficients: tuple[float, ...], x: np.ndarray) -> np.ndarray:
    """Horner's rule, each step rounded once; `x` in float64, which holds float32 values."""
    first, second, *others = map(np.float32, coefficients)
    value = fused_float32(x, first, second)
    for coefficient in others:
        value = fused_float32(x, value, coefficient)
    return value


def _log(x: np.ndarray) -> np.ndarray:
    """ln x of positive normal numbers."""
    mantissa, exponent = np.frexp(x)
    below = mantissa < _SQRT_HALF
    exponent = (exponent - below).astype(np.float32)
    m = (mantissa - _ONE) + np.where(below, mantissa, np.float32(0))
    square = m * m
    cube = _polynomial(polynomials.LOG, m.astype(np.float64)) * m
    value = fused_float32(cube.astype(np.float64), square, exponent * _LN2_LOW)
    value = value - square * _HALF
    return (m + value) + exponent * _LN2_HIGH


def _sine_and_cosine(angle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of angles from 0 on, by the quarter of the circle they lie nearest to."""
    octant = ((angle * _FOUR_OVER_PI).astype(np.int32) + 1) & ~1
    turns = octant.astype(np.float64)
    for part in map(np.float32, polynomials.QUARTER_PI):
        angle = fused_float32(turns, -part, angle)
    square = angle * angle
    wide = square.astype(np.float64)
    cosine = (
        fused_float32((_polynomial(polynomials.COSINE, wide) * square).astype(np.float64), square, -(square * _HALF))
        + _ONE
    )
    sine = fused_float32((_polynomial(polynomials.SINE, wide) * square).astype(np.float64), angle, angle)
    crossed = (octant & 2) != 0
    sine, cosine = np.where(crossed, cosine, sine), np.where(crossed, sine, cosine)
    np.negative(sine, out=sine, where=(octant & 4) != 0)
    np.negative(cosine, out=cosine, where=((octant + 2) & 4) != 0)
    return sine, cosine
