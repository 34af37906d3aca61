"""Compiled sampling at places of a grid against NumPy's, on each instruction set: rules, paddings, derivatives."""

import itertools

import numpy as np
import pytest

from rushlight import runtime
from rushlight.backends import cpu as compiled
from rushlight.backends import reference
from rushlight.rules.sampling import PADDINGS, TAPS, Sampling
from rushlight.runtime.guard import guarded_copy, guarding
from tests import instruction_sets

ISAS = instruction_sets.asked()
SHAPES = [
    ((2, 3, 5, 7), (4, 9)),
    ((1, 17, 6, 1), (7, 43)),
    ((1, 2, 4, 5, 3), (2, 3, 11)),
    ((2, 20, 3, 4, 2), (3, 1, 3)),
]
BOUNDS = {"float32": 2e-5, "float64": 1e-12, "float16": 2e-3}


@pytest.fixture(autouse=True)
def threads_as_before():
    before = runtime.get_num_threads()
    yield
    runtime.set_num_threads(before)


def places(rng, shape, dtype):
    """Inside, outside and far outside, at ends and at no place at all."""
    grid = rng.uniform(-1.7, 1.7, shape).astype(dtype)
    grid[rng.random(shape) < 0.1] *= 10
    grid[rng.random(shape) < 0.1] = 1
    for number in (np.nan, np.inf, -np.inf):
        grid[rng.random(shape) < 0.02] = number
    return grid


def laid(array, last):
    copied = np.moveaxis(np.moveaxis(guarded_copy(np.moveaxis(array, 1, -1)), 0, 0), -1, 1)
    return copied if last else guarded_copy(array)


def close(found, want, dtype, case):
    assert found.dtype == want.dtype and found.shape == want.shape
    scale = max(np.abs(want[np.isfinite(want)]).max(initial=0), 1)
    np.testing.assert_allclose(found, want, BOUNDS[dtype], BOUNDS[dtype] * scale, err_msg=str(case))


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("dtype", BOUNDS)
@pytest.mark.parametrize("rule", TAPS)
def test_against_the_reference(rule, dtype, isa, monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_TARGET", isa)
    rng = np.random.default_rng(0)
    for (shape, out), padding in itertools.product(SHAPES, PADDINGS):
        rank = len(out)
        if rank == 3 and rule == "cubic":
            continue
        how = Sampling(rule, padding, rng.random() < 0.5, shape[2:])
        x, y = (rng.standard_normal((*shape[:2], *n)).astype(dtype) for n in (shape[2:], out))
        x[rng.random(x.shape) < 0.01] = np.inf  # outside, it must not be read
        grid = places(rng, (shape[0], *out, rank), dtype)
        orders = (0,) * rank
        want = reference.grid_sample(how, orders, x, grid), reference.grid_sample_grad(how, orders, y, grid)
        finite = np.where(np.isfinite(x), x, 0)
        want += (reference.grid_sample_grid_grad(how, finite, grid, y),)
        for last, threads in itertools.product((False, True), (1, 2)):
            runtime.set_num_threads(threads)
            case = how, shape, last, threads
            with guarding():
                at = guarded_copy(grid)
                found = compiled.grid_sample(how, orders, laid(x, last), at)
                close(found, want[0], dtype, case)
                close(compiled.grid_sample_grad(how, orders, laid(y, last), at), want[1], dtype, case)
                close(compiled.grid_sample_grid_grad(how, laid(finite, last), at, laid(y, last)), want[2], dtype, case)


@pytest.mark.parametrize("isa", ISAS)
def test_derivatives_of_every_order(isa, monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_TARGET", isa)
    rng = np.random.default_rng(0)
    x, y, grid = (
        rng.standard_normal((1, 9, 5, 6)),
        rng.standard_normal((1, 9, 3, 4)),
        rng.uniform(-1.3, 1.3, (1, 3, 4, 2)),
    )
    for rule, padding in itertools.product(("linear", "cubic"), PADDINGS):
        how = Sampling(rule, padding, False, (5, 6))
        for orders in itertools.product(range(TAPS[rule]), repeat=2):
            for last in (False, True):
                found = compiled.grid_sample(how, orders, laid(x, last), grid)
                close(found, reference.grid_sample(how, orders, x, grid), "float64", (how, orders))
                found = compiled.grid_sample_grad(how, orders, laid(y, last), grid)
                close(found, reference.grid_sample_grad(how, orders, y, grid), "float64", (how, orders))


def test_the_same_bits_for_any_threads_and_batch():
    rng = np.random.default_rng(0)
    x, grid = rng.standard_normal((4, 40, 9, 9)).astype("f4"), rng.uniform(-1.2, 1.2, (4, 30, 31, 2)).astype("f4")
    y, how = rng.standard_normal((4, 40, 30, 31)).astype("f4"), Sampling("linear", "reflection", False, (9, 9))

    def results(x, grid, y):
        first = compiled.grid_sample(how, (0, 0), x, grid), compiled.grid_sample_grad(how, (0, 0), y, grid)
        return [*first, compiled.grid_sample_grid_grad(how, x, grid, y)]

    runtime.set_num_threads(1)
    alone = results(x, grid, y)
    for threads in (2, 3):
        runtime.set_num_threads(threads)
        for one, other, single in zip(alone, results(x, grid, y), results(x[1:2], grid[1:2], y[1:2])):
            np.testing.assert_array_equal(one, other)
            np.testing.assert_array_equal(one[1:2], single)


def test_any_strides():
    rng = np.random.default_rng(0)
    whole = rng.standard_normal((3, 8, 10, 20)).astype("f4")
    grid = rng.uniform(-1.2, 1.2, (2, 5, 3, 2)).astype("f4").transpose(0, 2, 1, 3)
    for x in (whole[::2, ::3, ::-1, ::2], np.broadcast_to(whole[:1], (2, 8, 10, 20)), whole[:2].swapaxes(1, 3)):
        how = Sampling("linear", "zeros", True, x.shape[2:])
        want = reference.grid_sample(how, (0, 0), x, grid)
        np.testing.assert_allclose(compiled.grid_sample(how, (0, 0), x, grid), want, 1e-5, 1e-5)
