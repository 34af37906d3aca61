"""Transposed layers of few channels and long taps: columns of a product, added where they overlap, exactly."""

import random

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from rushlight import runtime
from rushlight.backends import cpu as compiled
from rushlight.backends import reference
from rushlight.backends.cpu.overlap import OverlapCall
from rushlight.plan.choose import overlaps
from rushlight.rules.spec import ConvSpec
from tests.fuzz.geometries import DTYPES


def draw(rng: random.Random) -> ConvSpec:
    """A layer that runs so, with padding and output padding."""
    while True:
        stride, out = rng.choice((64, 70, 100)), rng.randint(1, 30)
        taps, lo, more = stride * rng.randint(1, 4) + rng.randint(0, 9), rng.randint(0, 20), rng.randint(0, 63)
        size, hi = (out - 1) * stride + taps - 2 * lo + more, lo - more if lo >= more else lo
        if size < 1:
            continue
        channels = rng.randint(1, 3), rng.choice((64, 65, 130))
        spec = ConvSpec.of(
            rng.randint(1, 3), *channels, (size,), (taps,), stride=stride, padding=((lo, hi),),
            dtype=rng.choice(tuple(DTYPES)),
        )  # fmt: skip
        if overlaps(spec, "dgrad"):
            return spec


@pytest.mark.parametrize("seed", range(40))
def test_exactly_the_reference(seed):
    rng, numbers = random.Random(seed), np.random.default_rng(seed)
    spec = draw(rng)
    shapes = spec.y_shape, spec.w_shape, (spec.in_channels,)
    y, w, bias = (numbers.integers(-2, 3, shape).astype(DTYPES[spec.dtype]) for shape in shapes)
    if rng.random() < 0.5:
        y = np.moveaxis(np.ascontiguousarray(np.moveaxis(y, 1, -1)), -1, 1)
    rest = rng.choice((None, bias)), rng.choice((None, "relu"))
    wanted, before = reference.dgrad(spec, y, w, *rest), runtime.get_num_threads()
    try:
        for threads in (1, 2, 3):
            runtime.set_num_threads(threads)
            np.testing.assert_array_equal(compiled.dgrad(spec, y, w, *rest), wanted, err_msg=str(spec))
    finally:
        runtime.set_num_threads(before)
    assert isinstance(next(reversed(compiled._calls.values())), OverlapCall)
