"""Compiled pooling against NumPy's, bit for bit: maxima, winners, averages and the gradients of drawn geometries."""

import random
from functools import partial

import numpy as np
import pytest

from rushlight import runtime
from rushlight.backends import cpu as compiled
from rushlight.backends.cpu.pool import PoolCall, PoolGradCall
from rushlight.backends.reference import averaging, pooling
from rushlight.plan.pool import AdaptiveWindows, Axis, covered
from rushlight.plan.target import Target
from rushlight.plan.threads import Work
from rushlight.rules import windows
from rushlight.rules.windows import Counts, Windows
from rushlight.runtime import guard
from tests.backends.test_compiled import arranged
from tests.backends.test_wgrad import ISAS


@pytest.fixture(autouse=True)
def threads_as_before():
    before = runtime.get_num_threads()
    yield
    runtime.set_num_threads(before)


def random_case(rng: random.Random, dtype: str) -> tuple[Windows, np.ndarray]:
    """Windows and an array of few different numbers, among them infinities, zeros of both signs, subnormals and NaN."""
    rank = rng.randint(1, 3)
    size = tuple(rng.randint(1, [60, 24, 9][rank - 1]) for _ in range(rank))
    shape = (rng.choice([1, 2, 3]), rng.choice([1, 3, 8, 16, 17, 20, 50]), *size)[rng.random() < 0.2 :]
    kernel = tuple(rng.randint(1, 20 if rng.random() < 0.1 else 4) for _ in range(rank))
    stride = kernel if rng.random() < 0.3 else tuple(rng.randint(1, 4) for _ in range(rank))
    dilation = tuple(rng.choice([1, 1, 2, 3]) for _ in range(rank))
    padding = tuple(rng.randint(0, (d * (k - 1) + 1) // 2) for k, d in zip(kernel, dilation))
    try:
        grid = windows.pool("pool", rank, shape, kernel, stride, padding, dilation, rng.random() < 0.5)
    except RuntimeError:
        return random_case(rng, dtype)
    numbers = np.random.default_rng(rng.randrange(1 << 30))
    x = numbers.integers(-3, 4, shape).astype(dtype)
    tiny = np.finfo(x.dtype).smallest_subnormal
    for number in (np.nan, np.inf, -np.inf, -np.inf, -np.inf, tiny, 2 * tiny, -tiny, -0.0):
        x[numbers.random(shape) < rng.choice([0, 0.02, 0.2])] = number
    return grid, arranged(x, rng) if len(shape) == rank + 2 else x


def gradient(rng: random.Random, like: np.ndarray, batched: bool) -> np.ndarray:
    """Numbers whose sums round, so that their order shows; as `like` lies in memory, or otherwise."""
    y = pooling.laid_like(like, like.shape, like.dtype)
    y[...] = np.random.default_rng(rng.randrange(1 << 30)).standard_normal(y.shape)
    y[..., -1:] *= 1e-40
    if rng.random() < 0.2:
        y[..., :1] = np.inf
    return arranged(y, rng) if batched and rng.random() < 0.5 else y


def same_bits(found: np.ndarray, want: np.ndarray, case: object) -> None:
    assert found.dtype == want.dtype
    np.testing.assert_array_equal(found, want, err_msg=str(case))


def check(grid: Windows, x: np.ndarray, rng: random.Random, pool: object, grad: object) -> None:
    case = grid, x.shape, x.strides
    values, winners = pooling.max_pool(grid, x, True)
    for wanted in (True, False):
        found, chosen = pool(grid, x, wanted)
        same_bits(found, values, case)
        assert (chosen is not None) == wanted
        if wanted:
            same_bits(chosen, winners, case)
    y = gradient(rng, values, x.ndim == len(grid.size) + 2)
    want = pooling.max_pool_grad(grid, x.shape, winners, y)
    same_bits(grad(grid, x.shape, pool(grid, x, True)[1], y), want, case)
    same_bits(grad(grid, x.shape, winners, y), want, case)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("seed", range(4))
def test_any_windows_in_any_layout_on_any_team(seed, dtype, monkeypatch):
    monkeypatch.setattr(Work, "pays", lambda *_: True)
    compiled._calls.clear()
    rng = random.Random(f"{seed} {dtype}")
    for n in range(40):
        runtime.set_num_threads(1 + n % 3)
        check(*random_case(rng, dtype), rng, compiled.max_pool, compiled.max_pool_grad)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("isa", ISAS)
def test_every_instruction_set(isa, threads):
    target, rng = Target.named(isa), random.Random(isa)

    def pool(grid: Windows, x: np.ndarray, wanted: bool) -> tuple:
        return PoolCall(grid, x, wanted, target, threads)(x)

    def grad(grid: Windows, shape: tuple, winners: np.ndarray, y: np.ndarray) -> np.ndarray:
        return PoolGradCall(grid, shape, winners, y, target, threads)(winners, y)

    for n in range(40):
        grid, x = random_case(rng, "f4" if n % 2 else "f8")
        if covered(grid):
            check(grid, x, rng, pool, grad)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("side", ["start", "end"])
def test_averages_on_every_instruction_set(isa, threads, side):
    target, rng = Target.named(isa), random.Random(isa)
    for n in range(60):
        grid, x = random_case(rng, "f4" if n % 2 else "f8")
        with np.errstate(all="ignore"):
            divisors = averaging.divisors(grid, rng.choice([7, Counts(grid, True)]), x.dtype)
            want = pooling.window_sums(grid, x) / divisors
        x = _fenced(x, side)
        with guard.guarding(side):
            same_bits(PoolCall(grid, x, False, target, threads, divisors)(x)[0], want, (grid, x.shape, x.strides))


@pytest.mark.parametrize("isa", ISAS)
def test_adaptive_windows_on_every_instruction_set(isa):
    target, rng = Target.named(isa), random.Random(isa)
    for n in range(60):
        rank = rng.randint(1, 3)
        size = tuple(rng.randint(1, [60, 24, 9][rank - 1]) for _ in range(rank))
        out = tuple(rng.choice([m, -(-m // 2), rng.randint(1, m + 2)]) for m in size)
        shape = (rng.choice([1, 3]), rng.choice([1, 3, 8, 17, 50]))
        numbers = np.random.default_rng(rng.randrange(1 << 30))
        x = arranged(numbers.integers(-9, 9, (*shape, *size)).astype("f4" if n % 2 else "f8"), rng)
        windows, lengths = AdaptiveWindows(size, out), averaging.lengths(size, out, x.dtype)
        want = averaging.adaptive_avg_pool(out, x.astype("f8"))
        found = PoolCall(windows, x, False, target, 2, lengths)(x)[0]
        np.testing.assert_allclose(found, want, rtol=1e-5, atol=1e-5)
        y = arranged(numbers.integers(-9, 9, want.shape).astype(x.dtype), rng)
        adjoint = PoolCall(AdaptiveWindows(out, size, True), y, False, target, 2, np.ones(size, x.dtype))
        again = averaging.adaptive_avg_pool_grad(size, (y * lengths).astype("f8"))
        np.testing.assert_allclose(adjoint(y)[0], again, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("side", ["start", "end"])
def test_nothing_around_the_arrays_is_touched(side, isa, monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_TARGET", isa)
    compiled._calls.clear()
    rng = random.Random(side + isa)
    for n in range(40):
        grid, x = random_case(rng, "f4" if n % 2 else "f8")
        values, winners = pooling.max_pool(grid, x, True)
        y = gradient(rng, values, False)
        want = pooling.max_pool_grad(grid, x.shape, winners, y)
        x, y, winners = (_fenced(a, side) for a in (x, y, winners))
        with guard.guarding(side):
            same_bits(compiled.max_pool(grid, x, True)[0], values, grid)
            same_bits(compiled.max_pool_grad(grid, x.shape, winners, y), want, grid)
    compiled._calls.clear()


def _fenced(array: np.ndarray, side: str) -> np.ndarray:
    order = sorted(range(array.ndim), key=lambda axis: -array.strides[axis])
    return guard.guarded_copy(np.ascontiguousarray(array.transpose(order)), side).transpose(np.argsort(order))


def test_results_lie_as_their_source_does():
    grid = windows.pool("pool", 2, (2, 20, 8, 8), 2, None, 0)
    last = np.zeros((2, 8, 8, 20), np.float32).transpose(0, 3, 1, 2)
    for x in (last, np.ascontiguousarray(last)):
        y, winners = compiled.max_pool(grid, x, True)
        grad = compiled.max_pool_grad(grid, x.shape, winners, y)
        assert (y.strides[1] == 4) == (winners.strides[1] == 1) == (grad.strides[1] == 4) == (x is last)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_an_infinite_gradient_reaches_the_winner_alone(dtype):
    x = np.array([[[1, 3, 2, 2]]], dtype)
    grid = windows.pool("pool", 1, x.shape, 2, 2, 0)
    for engine in (pooling, compiled):
        winners = engine.max_pool(grid, x, True)[1]
        grad = engine.max_pool_grad(grid, x.shape, winners, np.array([[[np.inf, np.nan]]], dtype))
        np.testing.assert_array_equal(grad, np.array([[[0, np.inf, np.nan, 0]]], dtype))


def test_what_is_not_compiled_numpy_does():
    make = partial(windows.pool, "pool", 1)
    for x in (np.arange(12).reshape(1, 2, 6), np.ones((1, 2, 6), np.float16), np.ones((0, 2, 6), np.float32)):
        values, winners = compiled.max_pool(grid := make(x.shape, 2, 2, 0), x, True)
        np.testing.assert_array_equal(values, x[..., 1::2])
        assert compiled.max_pool_grad(grid, x.shape, winners, values).shape == x.shape
    # Both taps of the only window lie in the padding.
    grid, x = make((1, 1, 1), 2, 1, 2, 4), np.ones((1, 1, 1), np.float32)
    assert not covered(grid)
    values, winners = compiled.max_pool(grid, x, True)
    assert values.tolist() == [[[-np.inf]]] and winners.tolist() == [[[0]]]
    assert compiled.max_pool_grad(grid, x.shape, winners, np.ones_like(values)).tolist() == [[[0]]]


def test_lists_of_an_axis_are_each_others_transposes():
    for axis in (Axis(7, 3, 2, 1, 1, 4), Axis(9, 2, 3, 4, 2, 3), Axis(5, 4, 1, 1, 2, 6)):
        forward = {(o, i, k) for o in range(axis.out) for i, k in axis.inputs(o)}
        assert forward == {(o, i, k) for i in range(axis.size) for o, k in axis.outputs(i)}
        begin, end = axis.whole()
        assert [o for o in range(axis.out) if len(axis.inputs(o)) == axis.taps] == list(range(begin, end))


# -------------------------------------------------------------------- sums over windows


def random_sums(rng: random.Random) -> tuple[Windows, np.ndarray, np.ndarray]:
    """Windows without dilation, with integers to sum and to scatter: sums are exact in any order."""
    rank = rng.randint(1, 3)
    size = tuple(rng.randint(1, [60, 24, 9][rank - 1]) for _ in range(rank))
    shape = (rng.choice([1, 2, 3]), rng.choice([1, 3, 8, 17, 50]), *size)[rng.random() < 0.2 :]
    taps = tuple(rng.randint(1, min(n, 20 if rng.random() < 0.1 else 4)) for n in size)
    stride, padding = (
        tuple(rng.randint(*bounds) for bounds in each) for each in zip(*(((1, 4), (0, k // 2)) for k in taps))
    )
    grid = windows.pool("pool", rank, shape, taps, stride, padding, 1, rng.random() < 0.5)
    numbers, dtype = np.random.default_rng(rng.randrange(1 << 30)), rng.choice(["f4", "f8"])
    x, y = (numbers.integers(-9, 10, (*shape[:-rank], *axes)).astype(dtype) for axes in (size, grid.out))
    return grid, *(arranged(a, rng) if a.ndim == rank + 2 else a for a in (x, y))


@pytest.mark.parametrize("seed", range(4))
def test_sums_over_windows_and_their_adjoint(seed):
    rng = random.Random(seed)
    for n in range(40):
        runtime.set_num_threads(1 + n % 3)
        grid, x, y = random_sums(rng)
        same_bits(compiled.window_sums(grid, x), pooling.window_sums(grid, x), (grid, x.strides))
        found, want = compiled.window_sums_grad(grid, x.shape, y), pooling.window_sums_grad(grid, x.shape, y)
        same_bits(found, want, (grid, y.strides))


def test_sums_that_are_not_compiled_numpy_adds():
    grid = windows.pool("pool", 1, (1, 2, 6), 2, 2, 0)
    for x in (np.arange(12).reshape(1, 2, 6), np.ones((1, 2, 6), np.float16), np.ones((0, 2, 6), np.float32)):
        found = compiled.window_sums(grid, x)
        assert found.dtype == x.dtype and found.tolist() == (x[..., ::2] + x[..., 1::2]).tolist()
        assert compiled.window_sums_grad(grid, x.shape, found).tolist() == np.repeat(found, 2, axis=-1).tolist()
