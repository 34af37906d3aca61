"""Compiled running sums and products against NumPy's in wider types."""

import itertools

import numpy as np
import pytest

from rushlight.backends import cpu as compiled
from rushlight.core import dtypes
from rushlight.runtime.guard import guarded_copy, guarding
from tests import instruction_sets

ISAS = instruction_sets.asked()
SHAPES = (1,), (70,), (20, 33), (5, 300), (3, 4, 37, 5), (300, 3), (2, 1, 130)


def running(kind, backwards, axis, x):
    x = x if x.dtype == np.int64 else x.astype(np.float64)
    x = np.flip(x, axis) if backwards else x
    with np.errstate(all="ignore"):
        found = np.cumsum(x, axis) if kind == "sum" else np.cumprod(x, axis)
    return np.flip(found, axis) if backwards else found


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.float16, dtypes.bfloat16.numpy, np.int64], ids=str)
@pytest.mark.parametrize("isa", ISAS)
def test_against_numpy(isa, kind, monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_TARGET", isa)
    compiled._calls.clear()
    rng = np.random.default_rng(0)
    bound = {"float32": 1e-6, "float64": 1e-12, "float16": 1e-3, "bfloat16": 1e-2, "int64": 0}[np.dtype(kind).name]
    for shape in SHAPES:
        plain = (rng.standard_normal(shape) * (1 if bound else 50)).astype(kind)
        for x in (plain, np.ascontiguousarray(plain.T).T, plain[::-1]):
            for axis, op, backwards in itertools.product(range(x.ndim), ("sum", "prod"), (False, True)):
                if op == "prod" and x.shape[axis] > 40:
                    continue
                found, want = compiled.running(op, backwards, axis, x), running(op, backwards, axis, x)
                assert (found.shape, found.dtype) == (x.shape, x.dtype)
                np.testing.assert_allclose(found.astype(want.dtype), want, bound, bound)


@pytest.mark.parametrize("isa", ISAS)
def test_nothing_is_read_or_written_beside_the_arrays(isa, monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_TARGET", isa)
    compiled._calls.clear()
    for shape in ((1,), (9,), (9, 17), (17, 9), (3, 5, 67)):
        x = guarded_copy(np.ones(shape, np.float32))
        for axis, backwards in itertools.product(range(len(shape)), (False, True)):
            with guarding():
                compiled.running("sum", backwards, axis, x)
