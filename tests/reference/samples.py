"""Random legal specs, small enough for nested loops, and small integers to fill them with."""

import random

import numpy as np

from rushlight.rules.spec import ConvSpec


def sample(seed):
    """One spec: any rank, groups, strides, dilations, uneven and negative padding, zero batch now and then."""
    draw = random.Random(seed)
    while True:
        rank = draw.choice([0, 1, 1, 2, 2, 3])
        groups = draw.choice([1, 1, 2, 3])
        spec = ConvSpec.of(
            draw.choice([0, 1, 2, 3]),
            groups * draw.choice([1, 2]),
            groups * draw.choice([1, 2, 3]),
            size=tuple(draw.randint(1, 7 - rank) for _ in range(rank)),
            taps=tuple(draw.randint(1, 4) for _ in range(rank)),
            stride=tuple(draw.randint(1, 3) for _ in range(rank)),
            dilation=tuple(draw.randint(1, 3) for _ in range(rank)),
            padding=tuple((draw.randint(-2, 4), draw.randint(-2, 4)) for _ in range(rank)),
            groups=groups,
            input_dilation=tuple(draw.choice([1, 1, 2, 3]) for _ in range(rank)),
        )
        if all(n >= 1 for n in spec.out):
            return spec


def integers(shape, seed, dtype=np.float32):
    """Integers in -4 … 4, so that sums in float32 are exact."""
    return np.random.default_rng(seed).integers(-4, 5, shape).astype(dtype)
