"""Sorts, the largest few and the k-th against a stable sort of NumPy's, for every kind of number."""

import numpy as np
import pytest

from rushlight.core import dtypes
from rushlight.tensor import ordered

KINDS = ["float32", "float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool"]
SHAPES = [(7,), (5000,), (70, 90), (3, 1000, 2), (20, 300), (2, 4097)]


def numbers(shape, kind, seed):
    """Of many kinds: with ties, with few ties, with NaN, infinities and both zeros; in both orders of memory."""
    generator = np.random.default_rng(seed)
    a = generator.standard_normal(shape) * (3, 1000)[seed % 2]
    a = (np.round(a) if seed % 3 == 0 else a).astype(getattr(dtypes, kind).numpy)
    if "float" in kind and seed % 2:
        for special in (np.nan, -np.nan, np.inf, -np.inf, -0.0, 0.0):
            a.reshape(-1)[generator.integers(0, a.size, a.size // 40)] = special
    return np.asfortranarray(a) if seed % 4 == 2 else a


def stable(a, at, descending):
    a = a.astype(np.float64)
    if not descending:
        return np.argsort(a, axis=at, kind="stable")
    return a.shape[at] - 1 - np.flip(np.argsort(np.flip(a, at), axis=at, kind="stable"), at)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_positions(shape, kind):
    for seed in range(6):
        a = numbers(shape, kind, seed)
        for at in range(len(shape)):
            for descending in (False, True):
                want = stable(a, at, descending)
                np.testing.assert_array_equal(ordered.positions_in_order(a, at, descending), want)
                for k in {0, 1, 3, min(17, shape[at]), shape[at]} - {n for n in (3,) if n > shape[at]}:
                    found = ordered.positions_of_largest(a, at, k, descending)
                    few = np.take(want, range(k), axis=at)
                    values = [np.take_along_axis(a, where, at).astype(np.float64) for where in (found, few)]
                    np.testing.assert_array_equal(*values)
                    lines = np.moveaxis(found, at, -1).reshape(-1, k) if k else []
                    assert found.dtype == np.int64 and all(len(set(line)) == k for line in lines)
            for k in {0, shape[at] // 2, shape[at] - 1}:
                want = np.take(stable(a, at, False), k, axis=at)
                np.testing.assert_array_equal(ordered.position_of_kth(a, at, k), want)
