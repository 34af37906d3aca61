"""Compiled products of matrices: small integers, so that every order of summation gives the same numbers."""

import itertools

import numpy as np
import pytest

from rushlight import runtime
from rushlight.backends import cpu as compiled
from rushlight.backends import reference
from rushlight.backends.protocol import Refusal, Task, layout_of, results_of
from rushlight.core import dtypes
from rushlight.runtime import cpus
from rushlight.runtime.guard import guarded_copy, guarding
from tests import instruction_sets
from tests.backends.ownership import recording

ISAS = instruction_sets.asked()
KINDS = np.float32, np.float64, np.float16, dtypes.bfloat16.numpy
SHAPES = [
    ((2, 1), (1, 3)), ((5, 7), (7, 2)), ((33, 20), (20, 40)), ((70, 300), (300, 65)), ((9, 1300), (1300, 35)),
    ((4, 33, 20), (20, 40)), ((33, 20), (4, 20, 40)), ((4, 33, 20), (4, 20, 40)), ((2, 1, 33, 20), (3, 20, 40)),
    ((2, 3, 9, 20), (2, 1, 20, 5)), ((30, 200), (200,)), ((200,), (200, 30)), ((200,), (200,)), ((1, 20), (20, 1)),
    ((3, 1, 20), (3, 20, 9)), ((3, 9, 20), (3, 20, 1)), ((4, 9, 20), (20,)), ((20,), (4, 20, 9)),
    ((6, 9, 1), (6, 1, 17)),
]  # fmt: skip


def lying(x):
    """The same numbers as they may lie: contiguous, by columns, every second of a larger array, the batch inside."""
    yield x
    if x.ndim > 1:
        yield np.ascontiguousarray(x.swapaxes(-1, -2)).swapaxes(-1, -2)
        yield (
            np.ascontiguousarray(np.moveaxis(x, -2, 0)).swapaxes(0, -2)
            if x.ndim == 2
            else np.moveaxis(np.ascontiguousarray(np.moveaxis(x, -2, 0)), 0, -2)
        )
    yield np.repeat(x, 2, -1)[..., ::2]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: np.dtype(kind).name)
@pytest.mark.parametrize("isa", ISAS)
def test_against_the_reference(isa, kind, monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_TARGET", isa)
    compiled._calls.clear()
    numbers = np.random.default_rng(0)
    for shapes in SHAPES:
        a, b = (numbers.integers(-2, 3, shape).astype(kind) for shape in shapes)
        want = reference.matmul(a, b)
        for x, y in itertools.product(lying(a), lying(b)):
            found = compiled.matmul(x, y)
            assert layout_of(found)[:2] == results_of(Task("matmul", ()), [layout_of(x), layout_of(y)])[0][:2]
            assert found.flags.c_contiguous
            np.testing.assert_array_equal(found.astype(float), want.astype(float), str(shapes))


def test_numbers_that_are_not_finite_reach_their_rows_and_columns():
    a, b = np.ones((2, 40, 30), np.float32), np.ones((2, 30, 50), np.float32)
    a[0, 3, 4], b[1, 5, 6], b[1, 7, 8], a[1, 2, 7] = np.nan, np.inf, np.inf, 0
    np.testing.assert_array_equal(compiled.matmul(a, b), reference.matmul(a, b))


def test_bits_depend_neither_on_threads_nor_on_the_batch_nor_on_how_arrays_lie(monkeypatch):
    numbers = np.random.default_rng(0)
    before = runtime.get_num_threads()
    monkeypatch.setattr(cpus, "_allowed", lambda: 3)
    for kind, (n, k, m) in itertools.product(KINDS, ((65, 3000, 67), (1, 3000, 67), (65, 3000, 1), (1, 90_000, 1))):
        a, b = numbers.standard_normal((4, n, k)).astype(kind), numbers.standard_normal((4, k, m)).astype(kind)
        want = compiled.matmul(a, b)
        for threads in (1, 3):
            runtime.set_num_threads(threads)
            if min(n, m) > 1:  # products with vectors are sums, whose pieces follow from shape and strides
                assert (compiled.matmul(a[1], b[1]) == want[1]).all(), (kind, n, k, m)
                for x, y in itertools.product(lying(a), lying(b)):
                    assert (compiled.matmul(x, y) == want).all(), (kind, n, k, m)
            assert (compiled.matmul(a, b) == want).all(), (kind, n, k, m)
    monkeypatch.undo()
    runtime.set_num_threads(before)


@pytest.mark.parametrize("isa", ISAS)
def test_nothing_is_read_beside_the_arrays_and_every_number_is_written_once(isa, monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_TARGET", isa)
    compiled._calls.clear()
    for kind, (m, k) in itertools.product(KINDS, ((3, 2), (33, 65), (64, 1), (31, 300))):
        for turned in itertools.product((False, True), repeat=2):
            given = np.ones((3, 37, k), kind), np.ones((3, k, m), kind)
            given = [
                guarded_copy(np.ascontiguousarray(x.swapaxes(1, 2))).swapaxes(1, 2) if turn else guarded_copy(x)
                for x, turn in zip(given, turned)
            ]
            with guarding():
                assert (compiled.matmul(*given).astype(float) == k).all()
        with recording() as ledger:
            assert ledger.covers(compiled.matmul(np.ones((3, 37, k), kind), np.ones((3, k, m), kind)))


def test_what_is_declined():
    for a, b in (
        (np.ones((2, 3), int), np.ones((3, 2), int)),
        (np.ones((2, 0)), np.ones((0, 3))),
        (np.ones((2, 3), ">f4"), np.ones((3, 2), ">f4")),
    ):
        with pytest.raises(Refusal):
            compiled.matmul(a, b)
