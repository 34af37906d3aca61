"""Compiled reductions against NumPy's definition: every kind, any axes of any layout, and the order of sums."""

import random

import numpy as np
import pytest

from rushlight import runtime
from rushlight.backends import cpu as compiled
from rushlight.backends import reference
from rushlight.core import dtypes
from rushlight.plan.threads import Work
from rushlight.rules.expression import cast, exp, inputs, sqrt
from rushlight.rules.reduction import Reduction
from rushlight.runtime.guard import guarded_copy, guarding
from tests import instruction_sets

ISAS = instruction_sets.asked()
a, b, c, d = inputs(4)
FORMULAS = {
    "sum": Reduction.of("sum"),
    "prod": Reduction.of("prod"),
    "max": Reduction.of("max"),
    "min": Reduction.of("min"),
    "argmax": Reduction(("argmax",), (a,), (a, b), (None, "i64")),
    "argmin": Reduction(("argmin",), (a,), (b,), ("i64",)),
    "any": Reduction.of("max", before=cast(a, "b1"), gives="b1"),
    "mean": Reduction.of("sum", after=a / b),
    "norm": Reduction.of("sum", before=a * a, after=sqrt(a)),
    "exps": Reduction.of("sum", before=exp(a)),
    "two": Reduction(("sum", "max"), (a * 2, a), (a / c * d, b), (None, None)),
}
OF_FLOATS = ("mean", "norm", "exps", "two")
SHAPES = (
    (1,), (5,), (70,), (4097,), (150_000,), (7, 33), (40, 17), (3, 5, 4, 6), (2, 33, 14, 15), (700, 301), (3, 60_000),
    (60_000, 3), (2, 300, 300), (4, 1, 5),
)  # fmt: skip


@pytest.fixture(autouse=True)
def threads_as_before():
    before = runtime.get_num_threads()
    yield
    runtime.set_num_threads(before)


def drawn(rng: random.Random, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Numbers, NaN and infinities among the floating ones, in some order of memory, not always without gaps."""
    numbers = np.random.default_rng(rng.randrange(1 << 30))
    x = (numbers.standard_normal(shape) * (1 if dtype.kind not in "iu" else 30)).astype(dtype)
    if dtype.kind not in "iub":
        for number in (np.nan, np.inf, -np.inf, 1e-40, -0.0):
            x[numbers.random(shape) < rng.choice([0, 0, 2 / x.size])] = number
    order = rng.sample(range(x.ndim), x.ndim) if rng.random() < 0.5 else range(x.ndim)
    x = np.ascontiguousarray(x.transpose(order)).transpose(np.argsort(order))
    if rng.random() < 0.2:
        x = x[tuple([slice(None, None, rng.choice([1, -1, 2])) for _ in shape])]
    return x


def compared(formula: Reduction, axes: tuple[int, ...], keepdim: bool, x: np.ndarray, numbers=()) -> None:
    found = compiled.reduction(formula, axes, keepdim, numbers, x)
    want = reference.reduction(formula, axes, keepdim, numbers, x)
    for some, right in zip(found, want, strict=True):
        assert (some.shape, some.dtype) == (right.shape, right.dtype)
        if some.dtype.kind in "iub":
            np.testing.assert_array_equal(some, right)
        else:
            close = {2: 1e-2, 4: 2e-5, 8: 1e-10}[some.dtype.itemsize]
            np.testing.assert_allclose(some.astype(np.float64), right.astype(np.float64), close, close)


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("isa", ISAS)
def test_against_numpy(isa, name, monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_TARGET", isa)
    compiled._calls.clear()
    rng = random.Random(name)
    kinds = [np.float32, np.float64, np.float16, dtypes.bfloat16.numpy]
    kinds += [] if name in OF_FLOATS else [np.int64, np.int32, np.uint8, np.bool_]
    for kind in map(np.dtype, kinds):
        if kind == np.bool_ and name in ("sum", "prod", "two"):
            continue
        for shape in rng.sample(SHAPES, 7):
            x = drawn(rng, shape, kind)
            if name in ("prod", "exps") and (x.size > 5000 or kind.itemsize < 4):
                continue
            axes = tuple(sorted(rng.sample(range(x.ndim), rng.randint(1, x.ndim))))
            if name.startswith("arg") and kind.itemsize < 4:
                axes = axes[:1]
            try:
                compared(FORMULAS[name], axes, rng.random() < 0.3, x, (0.5,) if name == "two" else ())
            except compiled.Refusal:
                assert name.startswith("arg") and (len(axes) > 1 or kind.itemsize < 4)


@pytest.mark.parametrize("isa", ISAS)
def test_nothing_is_read_or_written_beside_the_arrays(isa, monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_TARGET", isa)
    compiled._calls.clear()
    for shape in ((1,), (7,), (33,), (9, 17), (17, 9), (3, 7, 5), (40, 31), (200_001,), (1000, 129)):
        x = np.arange(np.prod(shape), dtype=np.float32).reshape(shape) % 7
        x = guarded_copy(x)
        for axes in ((0,), (len(shape) - 1,), tuple(range(len(shape)))):
            for name in ("sum", "max", "argmax"):
                if name == "argmax" and len(axes) > 1 and len(shape) > 2:
                    continue
                with guarding():
                    (found, *_) = compiled.reduction(FORMULAS[name], axes, False, (), x)
                    (want, *_) = reference.reduction(FORMULAS[name], axes, False, (), x)
                    np.testing.assert_allclose(found, want, 1e-6)


def test_bits_do_not_depend_on_threads(monkeypatch):
    rng = np.random.default_rng(0)
    for shape in ((400_001,), (70, 5000), (5000, 70), (6, 40, 50, 60)):
        x = rng.standard_normal(shape).astype(np.float32)
        for axes in ((0,), (len(shape) - 1,), tuple(range(len(shape)))):
            found = []
            for threads in (1, 2, 3):
                runtime.set_num_threads(threads)
                found.append(compiled.reduction(FORMULAS["exps"], axes, False, (), x)[0])
            assert found[0].tobytes() == found[1].tobytes() == found[2].tobytes()


def test_sums_are_right_to_the_last_bit_or_two():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1 << 20, 3)).astype(np.float32) + 10
    exact = x.astype(np.float64).sum(0)
    for layout in (x, np.ascontiguousarray(x.T).T):
        (found,) = compiled.reduction(FORMULAS["sum"], (0,), False, (), layout)
        assert (np.abs(found - exact) <= 2e-7 * exact).all()
    halves = np.ones(100_000, np.float16)
    assert compiled.reduction(FORMULAS["sum"], (0,), False, (), halves)[0] == np.inf
    assert compiled.reduction(FORMULAS["mean"], (0,), False, (), halves)[0] == 1


def test_positions_are_those_of_the_first():
    x = np.zeros((3, 1000), np.float32)
    x[1, 700:] = np.inf
    x[2, [40, 300]] = np.nan
    assert compiled.reduction(FORMULAS["argmax"], (1,), False, (), x)[1].tolist() == [0, 700, 40]
    assert compiled.reduction(FORMULAS["argmax"], (1,), False, (), x.T.copy().T)[1].tolist() == [0, 700, 40]
    x[...] = -np.inf
    assert compiled.reduction(FORMULAS["argmax"], (1,), False, (), x)[1].tolist() == [0, 0, 0]
    assert compiled.reduction(FORMULAS["argmax"], (0,), False, (), x)[1].tolist() == [0] * 1000


def test_all_by_the_team(monkeypatch):
    monkeypatch.setattr(Work, "pays", lambda *_: True)
    compiled._calls.clear()
    rng = random.Random(0)
    for shape in SHAPES:
        compared(FORMULAS["mean"], (0,), False, drawn(rng, shape, np.dtype("f4")))
    compiled._calls.clear()


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.float16, dtypes.bfloat16.numpy], ids=str)
@pytest.mark.parametrize("isa", ISAS)
def test_squares_of_many_arrays(isa, kind, monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_TARGET", isa)
    monkeypatch.setattr(Work, "pays", lambda *_: True)  # all by the team
    compiled._calls.clear()
    numbers, sizes = np.random.default_rng(0), (0, 1, 3, 16, 33, 100, 4097, 30_000, 0)
    arrays = [guarded_copy(numbers.integers(-9, 10, size).astype(kind)) for size in sizes]
    want = [(array.astype(float) ** 2).sum() for array in arrays]
    for threads in (1, 2):
        runtime.set_num_threads(threads)
        with guarding():
            assert compiled.squares_together(arrays).tolist() == want
    arrays[3][2], arrays[5][99] = np.nan, -np.inf
    assert np.isnan(compiled.squares_together(arrays)[3]) and compiled.squares_together(arrays)[5] == np.inf
    big = np.full(5, 1e30, np.float32)
    np.testing.assert_allclose(compiled.squares_together([big, 1 / big]), [5e60, 5e-60], 1e-6)
