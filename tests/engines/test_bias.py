"""The bias's gradient, exactly, in every layout."""

import random
import sys

import numpy as np
import pytest

from rushlight import runtime
from rushlight.engines import compiled
from rushlight.engines.compiled.bias import BiasCall
from rushlight.engines.dispatch import Refusal
from rushlight.ops.spec import ConvSpec
from rushlight.plan.target import Target
from rushlight.runtime import guard
from tests.engines.test_compiled import DTYPES, arranged
from tests.engines.test_wgrad import ISAS


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


@pytest.mark.parametrize("isa", ISAS)
def test_every_instruction_set(isa):
    rng = random.Random(isa)
    for _ in range(30):
        y = arranged(random_array(rng, "f32"), rng)
        y = np.ascontiguousarray(y) if min(y.strides) < 0 else y
        np.testing.assert_array_equal(BiasCall("f32", y, Target.named(isa), 1)(y), y.sum((0, *range(2, y.ndim))))


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
