"""The bias's gradient, exactly, in every layout."""

import random
import sys

import numpy as np
import pytest

from rushlight import runtime
from rushlight.backends import cpu as compiled
from rushlight.backends.cpu.bias import BiasCall
from rushlight.backends.protocol import Refusal
from rushlight.plan.target import Target
from rushlight.rules.spec import ConvSpec
from rushlight.runtime import guard
from tests.backends.test_compiled import DTYPES, arranged
from tests.backends.test_wgrad import ISAS


@pytest.fixture(autouse=True)
def threads_as_before():
    before = runtime.get_num_threads()
    yield
    runtime.set_num_threads(before)


def spec_of(dtype: str) -> ConvSpec:
    """Any spec: of this one only the dtype counts."""
    return ConvSpec.of(1, 1, 1, dtype=dtype)


def random_array(rng: random.Random, dtype: str) -> np.ndarray:
    rank = rng.randint(0, 3)
    most = [None, 3000, 60, 12][rank]
    shape = (rng.choice([1, 2, 5, 300 if rank == 0 else 3]), rng.choice([1, 3, 16, 17, 70, 130]))
    shape += tuple(rng.randint(1, most) for _ in range(rank))
    numbers = np.random.default_rng(rng.randrange(1 << 30)).integers(-2, 3, shape)
    return numbers.astype(DTYPES[dtype])


@pytest.mark.parametrize("dtype", ["f32", "f64"])
@pytest.mark.parametrize("side", ["start", "end"])
def test_sums_of_every_layout(dtype, side):
    rng = random.Random(dtype + side)
    for _ in range(60):
        y = arranged(random_array(rng, dtype), rng)
        want = y.sum((0, *range(2, y.ndim)))
        if y.flags.c_contiguous:
            y = guard.guarded_copy(y, side)
        for threads in (1, 2, 3):
            runtime.set_num_threads(threads)
            with guard.guarding(side):
                np.testing.assert_array_equal(
                    compiled.bias_grad(spec_of(dtype), y), want, err_msg=f"{y.shape} {y.strides}"
                )


LARGE = {
    "rows of few channels": (5003, 3),
    "rows of odd channels": (700, 33),
    "rows of many channels": (130, 2050),
    "one channel": (70_001, 1),
    "long lines": (2, 3, 181, 191),
    "lines of one more than a run": (1, 3, 1025),
    "lines longer than an item": (1, 2, 300, 301),
    "short lines of many images": (150, 70, 3, 3),
    "lines of one vector": (3, 9, 16),
}


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("name", LARGE)
def test_every_way_of_summing(name, isa):
    numbers = np.random.default_rng(0).integers(-2, 3, LARGE[name]).astype(np.float32)
    want = numbers.sum((0, *range(2, numbers.ndim)))
    for kind, y in memories(numbers).items():
        found = BiasCall("f32", y, Target.named(isa), 2)(y)
        np.testing.assert_array_equal(found, want, err_msg=kind)


def memories(array: np.ndarray) -> dict[str, np.ndarray]:
    """The same numbers, contiguous and channels last, each also as a slice of something larger; and transposed."""
    found = {}
    for kind, order in (("contiguous", range(array.ndim)), ("channels last", [0, *range(2, array.ndim), 1])):
        laid, back = array.transpose(order), np.argsort(order)
        room = np.full([size + 2 for size in laid.shape], np.nan, array.dtype)
        inside = room[tuple(slice(1, -1) for _ in laid.shape)]
        inside[...] = laid
        found[kind] = np.ascontiguousarray(laid).transpose(back)
        found[f"{kind}, sliced"] = inside.transpose(back)
    found["transposed"] = np.ascontiguousarray(array.T).T
    return found


@pytest.mark.parametrize("name", LARGE)
def test_any_team_gives_the_same_bits(name):
    numbers = np.random.default_rng(1).random(LARGE[name], np.float32)
    want = numbers.sum((0, *range(2, numbers.ndim)), np.float64)
    for kind, y in memories(numbers).items():
        found = []
        for threads in (1, 2, 3):
            runtime.set_num_threads(threads)
            found.append(compiled.bias_grad(spec_of("f32"), y))
        assert found[0].tobytes() == found[1].tobytes() == found[2].tobytes(), kind
        np.testing.assert_allclose(found[0], want, rtol=1e-6, err_msg=kind)


@pytest.mark.parametrize("shape", [(100_000, 3), (100_000, 64), (40_000, 70), (1, 2, 1_000_000), (20_000, 4, 3, 3)])
def test_long_sums_of_equal_numbers_round_little(shape):
    """Where all are equal, errors of a running sum have one sign: that of 20,000 numbers is 1e-4 and more."""
    for number in (0.1, 0.3, 0.7, 1 / 3):
        y = np.full(shape, number, np.float32)
        want = np.float64(np.float32(number)) * (y.size // shape[1])
        for kind in (y, np.full((shape[0], shape[1] + 1, *shape[2:]), number, np.float32)[:, 1:]):
            found = compiled.bias_grad(spec_of("f32"), kind)
            np.testing.assert_allclose(found, np.full(shape[1], want), rtol=1e-6, err_msg=str(kind.strides))


@pytest.mark.parametrize("isa", ISAS)
def test_every_instruction_set(isa):
    rng = random.Random(isa)
    for _ in range(30):
        y = arranged(random_array(rng, "f32"), rng)
        y = np.ascontiguousarray(y) if min(y.strides) < 0 else y
        np.testing.assert_array_equal(BiasCall("f32", y, Target.named(isa), 1)(y), y.sum((0, *range(2, y.ndim))))


@pytest.mark.parametrize("dtype", ["f16", "bf16"])
def test_halves_are_summed_in_single_precision(dtype):
    for shape in [(300, 20), (3, 5, 33), (70, 6, 3, 3), (9000, 3)]:
        numbers = np.random.default_rng(2).random(shape, np.float32).astype(DTYPES[dtype])
        want = numbers.astype(np.float64).sum((0, *range(2, numbers.ndim)))
        for kind, y in memories(numbers).items():
            found = compiled.bias_grad(spec_of(dtype), y)
            assert found.dtype == numbers.dtype
            rounding = 2.0**-10 if dtype == "f16" else 2.0**-8
            np.testing.assert_allclose(found.astype(np.float64), want, rtol=rounding, err_msg=f"{shape} {kind}")


def test_expanded_gradients_and_halves():
    wide = np.broadcast_to(np.ones((), np.float32), (3, 5, 7, 9))
    np.testing.assert_array_equal(compiled.bias_grad(spec_of("f32"), wide), np.full(5, 3 * 63, np.float32))
    half = np.full((4, 3, 33), 0.5, np.float16)
    np.testing.assert_array_equal(compiled.bias_grad(spec_of("f16"), half), np.full(3, 66, np.float16))


def test_what_it_cannot_do_is_refused():
    with pytest.raises(Refusal):
        compiled.bias_grad(spec_of("i32"), np.ones((2, 3), np.int32))
    with pytest.raises(Refusal):
        compiled.bias_grad(spec_of("f32"), np.ones((2, 3), ">f4" if sys.byteorder == "little" else "<f4"))


@pytest.mark.parametrize("shape", [(0, 3), (0, 3, 4, 4), (2, 3, 0, 4), (2, 0)])
def test_sums_of_nothing_are_zero(shape):
    found = compiled.bias_grad(spec_of("f64"), np.ones(shape))
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, np.zeros(shape[1]))
