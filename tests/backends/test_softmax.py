"""Compiled softmax and log_softmax, and their gradients, against NumPy in double precision."""

import itertools

import numpy as np
import pytest

from rushlight import runtime
from rushlight.backends import cpu as compiled
from rushlight.core import dtypes
from rushlight.runtime.guard import guarded_copy, guarding
from tests import instruction_sets

ISAS = instruction_sets.asked()
SHAPES = (70,), (200, 10), (3, 33, 7, 9), (5, 3000), (2, 21, 12, 13), (70, 1, 3), (130, 64)


def softmax(log, axis, x):
    x = x.astype(np.float64)
    shifted = x - x.max(axis, keepdims=True)
    total = np.exp(shifted).sum(axis, keepdims=True)
    return shifted - np.log(total) if log else np.exp(shifted) / total


def gradient(log, axis, y, grad):
    y, grad = y.astype(np.float64), grad.astype(np.float64)
    if log:
        return grad - np.exp(y) * grad.sum(axis, keepdims=True)
    return y * (grad - (grad * y).sum(axis, keepdims=True))


def layouts(x):
    yield x
    yield np.ascontiguousarray(x.T).T
    if x.ndim > 2:
        yield np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)
        yield x[:, ::-1]


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.float16, dtypes.bfloat16.numpy], ids=str)
@pytest.mark.parametrize("isa", ISAS)
def test_against_numpy(isa, kind, monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_TARGET", isa)
    compiled._calls.clear()
    rng = np.random.default_rng(0)
    bound = {"float32": 4e-6, "float64": 1e-13, "float16": 2e-3, "bfloat16": 2e-2}[np.dtype(kind).name]
    for shape in SHAPES:
        plain = (3 * rng.standard_normal(shape)).astype(kind)
        for x, log in itertools.product(layouts(plain), (False, True)):
            for axis in range(x.ndim):
                y = compiled.softmax(log, axis, x)
                assert (y.shape, y.dtype) == (x.shape, x.dtype)
                np.testing.assert_allclose(y.astype(np.float64), softmax(log, axis, x), bound, bound)
                grad = rng.standard_normal(shape).astype(kind)
                found = compiled.softmax_grad(log, axis, y, grad).astype(np.float64)
                # the sum over the line is taken off, times what the line has at most
                np.testing.assert_allclose(found, gradient(log, axis, y, grad), 8 * bound, 8 * bound)


@pytest.mark.parametrize("isa", ISAS)
def test_what_is_not_finite(isa, monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_TARGET", isa)
    compiled._calls.clear()
    for numbers, want in (
        ([np.inf, 1, 2], [np.nan] * 3),
        ([-np.inf] * 3, [np.nan] * 3),
        ([1, np.nan, 2], [np.nan] * 3),
        ([-np.inf, 0, 0], [0, 0.5, 0.5]),
        ([1e38, -1e38, 1e38], [0.5, 0, 0.5]),
        ([0, -87, -200], [1, np.exp(-87.0), 0]),
    ):
        x = np.tile(np.array(numbers, np.float32), (40, 1))
        np.testing.assert_allclose(compiled.softmax(False, 1, x)[7], want, 1e-6)
        np.testing.assert_allclose(compiled.softmax(False, 0, x.T.copy())[:, 7], want, 1e-6)
        with np.errstate(all="ignore"):
            want = softmax(True, 1, x)[7]
        np.testing.assert_allclose(compiled.softmax(True, 1, x)[7], want, 1e-6)


@pytest.mark.parametrize("isa", ISAS)
def test_nothing_is_read_or_written_beside_the_arrays(isa, monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_TARGET", isa)
    compiled._calls.clear()
    for shape in ((1,), (17,), (40, 9), (9, 40), (3, 5, 67), (2, 1100)):
        x = guarded_copy(np.arange(np.prod(shape), dtype=np.float32).reshape(shape) % 5)
        for axis, log in itertools.product(range(len(shape)), (False, True)):
            with guarding():
                y = compiled.softmax(log, axis, x)
                compiled.softmax_grad(log, axis, y, x)


def test_bits_do_not_depend_on_threads_or_other_lines():
    before = runtime.get_num_threads()
    x = np.random.default_rng(0).standard_normal((300, 130, 7)).astype(np.float32)
    try:
        for axis, log in itertools.product((0, 1, 2), (False, True)):
            found = []
            for threads in (1, 2, 3):
                runtime.set_num_threads(threads)
                found.append(compiled.softmax(log, axis, x).tobytes())
            assert len(set(found)) == 1
            some = [slice(None) if at == axis else slice(2, 5) for at in range(3)]
            part = compiled.softmax(log, axis, np.ascontiguousarray(x[tuple(some)]))
            assert part.tobytes() == compiled.softmax(log, axis, x)[tuple(some)].tobytes()
    finally:
        runtime.set_num_threads(before)
