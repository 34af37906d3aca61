"""Compiled normalisation against NumPy's: every kind, type and order of memory; the same bits on any team."""

import random

import numpy as np
import pytest

from rushlight import runtime
from rushlight.backends import cpu as compiled
from rushlight.backends.reference import normalizing
from rushlight.plan.threads import Work
from rushlight.rules.normalization import Norm
from rushlight.runtime import guard
from tests.backends.test_compiled import DTYPES, arranged
from tests.backends.test_wgrad import ISAS

TOLERANCE = {"f32": 2e-5, "f64": 1e-12, "f16": 2e-3, "bf16": 2e-2}


@pytest.fixture(autouse=True)
def threads_as_before(monkeypatch):
    before = runtime.get_num_threads()
    monkeypatch.setattr(Work, "pays", lambda *_: True)
    compiled._calls.clear()
    yield
    runtime.set_num_threads(before)
    compiled._calls.clear()


SHAPES = [
    (4, 3, 5, 5), (2, 6, 7, 7), (3, 64, 9, 9), (5, 32), (1, 6, 40, 33), (9, 12, 1, 1), (2, 2048, 3, 3), (3, 36, 30, 31),
    (200, 6), (2, 4, 3000), (40, 1, 9), (2, 1, 9000), (3, 130, 40), (2, 18, 3, 4, 5), (700, 33), (1, 16, 1100),
    (300, 127, 2), (2, 1100, 5),
]  # fmt: skip


def kinds(shape):
    """Every normalisation of channels that a shape has."""
    yield Norm("batch")
    for groups in sorted({1, 2, 3, shape[1]}):
        if shape[1] % groups == 0:
            yield Norm("groups", groups, 1e-3)


def last(array):
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(array, 1, -1)), -1, 1)


def close(found, want, dtype, case):
    assert found.dtype == want.dtype and found.shape == want.shape, case
    found, want = found.astype(np.float64), want.astype(np.float64)
    size = max(1.0, float(np.abs(want).max(initial=0)))
    np.testing.assert_allclose(found, want, TOLERANCE[dtype], TOLERANCE[dtype] * size, err_msg=str(case))


def draw(numbers, shape, dtype):
    return numbers.standard_normal(shape).astype(np.float32).astype(DTYPES[dtype])


def check(norm, x, dtype, rng):
    """Results, statistics and gradients, with some of weight, bias and residual."""
    numbers = np.random.default_rng(rng.randrange(1 << 30))
    kind = rng.choice([dtype, "f32"]) if dtype in ("f16", "bf16") else dtype
    scales = norm.scales(x.shape)
    weight = draw(numbers, scales, kind) if rng.random() < 0.7 else None
    bias = draw(numbers, scales, kind) if rng.random() < 0.7 else None
    residual = arranged(draw(numbers, x.shape, dtype), rng) if norm.kind != "last" and rng.random() < 0.3 else None
    norm = norm._replace(activation="relu" if residual is not None and rng.random() < 0.5 else None)
    case = norm, x.shape, x.strides, x.dtype
    given = x, weight, bias, residual
    y, statistics = compiled.norm(norm, *given)
    want, exact = normalizing.norm(norm, *given)
    close(y, want, dtype, case)
    np.testing.assert_allclose(statistics, exact, 2e-5, 2e-6, err_msg=str(case))
    grad = arranged(draw(numbers, x.shape, dtype), rng) if x.ndim > 1 else draw(numbers, x.shape, dtype)
    wanted = tuple(rng.random() < 0.8 for _ in range(3))
    wanted = (wanted[0], wanted[1] and weight is not None, wanted[2])
    plain = norm._replace(activation=None)
    for fixed in (False, True):
        if fixed and norm.kind != "batch":
            continue
        given = plain, fixed, wanted, x, grad, exact, weight
        for found, right in zip(compiled.norm_grad(*given), normalizing.norm_grad(*given), strict=True):
            close(found, right, dtype, (*case, fixed, wanted))
    if norm.kind == "batch":
        mean, variance = (s.astype(DTYPES[kind]) for s in exact[:2])
        given = norm, x, mean, variance, weight, bias, residual
        close(compiled.norm_apply(*given), normalizing.norm_apply(*given), dtype, case)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_kind_in_any_layout(shape, dtype):
    rng = random.Random(f"{shape} {dtype}")
    numbers = np.random.default_rng(7)
    for n, norm in enumerate(kinds(shape)):
        if norm.numbers(shape) > 1:
            runtime.set_num_threads(1 + n % 3)
            check(norm, arranged(draw(numbers, shape, dtype) * 2 + 3, rng), dtype, rng)


ROWS = [
    ((5, 96), 1),
    ((7, 3, 100), 1),
    ((9, 7, 5), 2),
    ((3, 1025), 1),
    ((2, 5000), 1),
    ((130, 17), 1),
    ((2, 3, 4, 5), 3),
]
ROWS += [((70, 16), 1), ((4,), 1), ((1, 3000), 2), ((6, 1), 1), ((300, 33), 1)]


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("shape, count", ROWS, ids=str)
def test_rows(shape, count, dtype):
    rng = random.Random(f"{shape} {dtype}")
    numbers = np.random.default_rng(9)
    for n, centred in enumerate((True, True, False, False)):
        runtime.set_num_threads(1 + n % 3)
        x = draw(numbers, shape, dtype) * 2 + 3
        x = arranged(x, rng) if x.ndim > 1 else x
        check(Norm("last", count, 1e-5 if n % 2 else 1e-2, centred), x, dtype, rng)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("side", ["start", "end"])
def test_rows_of_every_instruction_set_touch_nothing_around(isa, side, monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_TARGET", isa)
    rng, numbers = random.Random(isa + side), np.random.default_rng(8)
    for shape, count in ROWS:
        dtype = rng.choice(["f32", "f32", "f64", "f16", "bf16"])
        x = guard.guarded_copy(draw(numbers, shape, dtype), side)
        with guard.guarding(side):
            check(Norm("last", count, 1e-5, rng.random() < 0.6), x, dtype, rng)


def test_rows_do_not_see_each_other_and_any_team_gives_the_same_bits():
    numbers = np.random.default_rng(1)
    for width in (96, 768, 33, 5000):
        x, grad = (draw(numbers, (71, width), "f32") for _ in range(2))
        weight, bias = (draw(numbers, (width,), "f32") for _ in range(2))
        for norm in (Norm("last"), Norm("last", centred=False)):
            found = []
            for threads in (1, 2, 3):
                runtime.set_num_threads(threads)
                y, statistics = compiled.norm(norm, x, weight, bias)
                grads = compiled.norm_grad(norm, False, (True,) * 3, x, grad, statistics, weight)
                found.append([a.tobytes() for a in (y, statistics, *grads)])
            assert found[0] == found[1] == found[2]
            for row in (0, 6, 70):
                alone, its = compiled.norm(norm, x[row : row + 1], weight, bias)
                assert alone.tobytes() == y[row].tobytes()
                back = compiled.norm_grad(norm, False, (True, False, False), x[row:][:1], grad[row:][:1], its, weight)
                assert back[0].tobytes() == grads[0][row].tobytes()


def test_rows_far_above_their_deviation():
    x = (np.random.default_rng(2).standard_normal((40, 768)) + 1e6).astype(np.float32)
    y, statistics = compiled.norm(Norm("last"), x)
    want, exact = normalizing.norm(Norm("last"), x)
    np.testing.assert_allclose(statistics[1], exact[1], 1e-5)
    np.testing.assert_allclose(y, want, 1e-4, 1e-4)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("side", ["start", "end"])
def test_every_instruction_set_touches_nothing_around(isa, side, monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_TARGET", isa)
    rng, numbers = random.Random(isa + side), np.random.default_rng(8)
    for n in range(24):
        dtype = rng.choice(["f32", "f32", "f64", "f16", "bf16"])
        shape = (
            rng.choice([1, 2, 5]),
            rng.choice([1, 4, 6, 17, 32, 48]),
            *rng.choice([(), (1,), (7,), (33, 4), (9, 9)]),
        )
        norm = rng.choice([k for k in kinds(shape) if k.numbers(shape) > 1] or [None])
        if norm is None:
            continue
        x = guard.guarded_copy(draw(numbers, shape, dtype), side)
        if n % 2 and x.ndim > 2:
            order = [0, *range(2, x.ndim), 1]
            x = guard.guarded_copy(np.ascontiguousarray(x.transpose(order)), side).transpose(np.argsort(order))
        with guard.guarding(side):
            check(norm, x, dtype, rng)


@pytest.mark.parametrize("shape", [(6, 40, 33, 31), (3, 100, 9), (40, 33), (2, 2048, 3, 3)], ids=str)
def test_any_team_gives_the_same_bits_and_samples_do_not_see_each_other(shape):
    numbers = np.random.default_rng(1)
    x, grad, weight = (draw(numbers, s, "f32") for s in (shape, shape, shape[1:2]))
    for order in (lambda a: a, last):
        for norm in (Norm("batch"), Norm("groups", shape[1] // 2 if shape[1] % 2 == 0 else 3)):
            found = []
            for threads in (1, 2, 3):
                runtime.set_num_threads(threads)
                y, statistics = compiled.norm(norm, order(x), weight)
                grads = compiled.norm_grad(norm, False, (True,) * 3, order(x), order(grad), statistics, weight)
                found.append([a.tobytes() for a in (y, statistics, *grads)])
            assert found[0] == found[1] == found[2]
            if norm.kind == "groups":
                alone, _ = compiled.norm(norm, order(x)[1:2], weight)
                assert alone.tobytes() == np.ascontiguousarray(y[1:2]).tobytes()


@pytest.mark.parametrize("shape", [(32, 8, 56, 56), (64, 40), (4, 16, 300)], ids=str)
def test_a_mean_far_above_the_deviation_costs_no_digits(shape):
    x = (np.random.default_rng(2).standard_normal(shape) + 1e6).astype(np.float32)
    for order in (lambda a: a, last):
        for norm in (Norm("batch"), Norm("groups", 4)):
            y, statistics = compiled.norm(norm, order(x))
            want, exact = normalizing.norm(norm, x)
            np.testing.assert_allclose(statistics[1], exact[1], 1e-5)
            np.testing.assert_allclose(y, want, 1e-4, 1e-4)


def test_an_outlier_at_the_start_costs_little():
    x = np.random.default_rng(3).standard_normal((4, 32, 4096)).astype(np.float32)
    x[:, :, 0] = 64
    for order in (lambda a: a, last):
        _, statistics = compiled.norm(Norm("batch"), order(x))
        np.testing.assert_allclose(statistics, normalizing.norm(Norm("batch"), x)[1], 1e-5, 1e-6)


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_what_is_not_finite_spreads_over_its_own_mean_alone(number):
    for where in ((0, 1, 0, 0), (1, 1, 6, 5)):
        x = np.random.default_rng(4).standard_normal((2, 6, 7, 7)).astype(np.float32)
        x[where] = number
        for order in (lambda a: a, last):
            for norm in (Norm("batch"), Norm("groups", 3)):
                y, _ = compiled.norm(norm, order(x))
                np.testing.assert_array_equal(np.isnan(y), np.isnan(normalizing.norm(norm, x)[0]))


def test_weights_with_gaps_live_until_the_launch_is_over():
    """Their copies without gaps must outlive the kernel, though nothing else holds them."""
    generator = np.random.default_rng(5)
    x = generator.standard_normal((2, 512, 6, 6)).astype(np.float32)
    weight, bias = generator.standard_normal((2, 1024)).astype(np.float32)[:, ::2]
    for order in (lambda a: a, last):
        for norm in (Norm("batch"), Norm("groups", 4)):
            want, _ = normalizing.norm(norm, x, weight, bias)
            for _ in range(20):
                y, found = compiled.norm(norm, order(x), weight, bias)
                np.testing.assert_allclose(y, want, 1e-4, 1e-5)
                mean, variance = np.float32(found[0]), np.float32(found[1])
        for _ in range(20):
            y = compiled.norm_apply(Norm("groups", 4), order(x), mean, variance, weight, bias)
            np.testing.assert_allclose(y, want, 1e-4, 1e-4)
