"""The compiled engine against the reference, exactly: small integers, whose sums are exact in any order."""

import random
import sys

import ml_dtypes
import numpy as np
import pytest

from rushlight import runtime
from rushlight.backends import cpu as compiled
from rushlight.backends import reference
from rushlight.backends.exactness import set_exact
from rushlight.backends.protocol import Refusal
from rushlight.rules.expression import cast, inputs
from rushlight.rules.spec import ConvSpec
from rushlight.runtime import guard

DTYPES = {"f32": np.float32, "f64": np.float64, "f16": np.float16, "bf16": ml_dtypes.bfloat16}


@pytest.fixture(autouse=True)
def threads_as_before():
    """Direct sums only: Winograd's rounding has tests of its own."""
    before = runtime.get_num_threads()
    set_exact(True)
    yield
    runtime.set_num_threads(before)
    set_exact(False)


def random_spec(rng: random.Random) -> ConvSpec:
    """Any legal geometry, the nasty ones often."""
    rank = rng.choice([0, 1, 1, 2, 2, 2, 3])
    groups = rng.choice([1, 1, 1, 1, 2, 3])
    few = [1, 2, 3, 5, 7, 8, 16, 17, 20, 33, 40]
    channels = [groups * rng.choice(few) for _ in range(2)]
    if rng.random() < 0.1:
        channels[rng.randrange(2)] = groups * rng.choice([100, 272, 600])
    if rng.random() < 0.1:
        groups = channels[0]
        channels[1] = groups * rng.choice([1, 1, 2, 3])
    batch = rng.choice([0, 1, 1, 2, 3, 5])
    axes = [random_axis(rng, [None, 70, 24, 9][rank]) for _ in range(rank)]
    size, taps, stride, dilation, padding = zip(*axes) if axes else ((), (), 1, 1, 0)
    steps = {"stride": stride, "dilation": dilation, "padding": padding}
    dtype = rng.choice(["f32", "f32", "f64", "f16", "bf16"])
    return ConvSpec.of(batch, *channels, size, taps, groups=groups, dtype=dtype, **steps)


def random_axis(rng: random.Random, most: int) -> tuple:
    while True:
        size, taps, stride, dilation = rng.randint(1, most), rng.choice([1, 1, 2, 3, 3, 4, 5, 7]), rng.randint(1, 4), 1
        if rng.random() < 0.5:
            stride = 1
        if rng.random() < 0.3:
            dilation = rng.randint(1, 4)
        if rng.random() < 0.1:
            taps = size
        lo, hi = (rng.choice([0, 0, 1, 1, 2, taps // 2, taps, -1]) for _ in range(2))
        if size + min(lo, 0) + min(hi, 0) < 1:
            continue
        if size + lo + hi - dilation * (taps - 1) - 1 >= 0:
            return size, taps, stride, dilation, (lo, hi)


def arrays(spec: ConvSpec, kernel: str, rng: random.Random) -> tuple:
    numbers = np.random.default_rng(rng.randrange(1 << 30))
    dtype = DTYPES[spec.dtype]
    source = numbers.integers(-4, 5, spec.x_shape if kernel == "fprop" else spec.y_shape).astype(dtype)
    weight = numbers.integers(-4, 5, spec.w_shape).astype(dtype)
    channels = spec.out_channels if kernel == "fprop" else spec.in_channels
    bias = numbers.integers(-4, 5, channels).astype(dtype) if rng.random() < 0.5 else None
    return arranged(source, rng), weight, bias, rng.choice([None, None, "relu"])


def arranged(array: np.ndarray, rng: random.Random) -> np.ndarray:
    """The same numbers in memory of some other kind."""
    kind = rng.choice(["contiguous", "contiguous", "channels last", "channels last", "spaced", "permuted"])
    if kind == "channels last":
        return np.moveaxis(np.ascontiguousarray(np.moveaxis(array, 1, -1)), -1, 1)
    if kind == "spaced":
        wide = np.repeat(np.repeat(array, 2, axis=-1), 2, axis=1)
        return wide[:, ::2][..., ::2]
    if kind == "permuted":
        return np.flip(np.ascontiguousarray(np.flip(array, -1)), -1)
    return array


@pytest.mark.parametrize("kernel", ["fprop", "dgrad"])
@pytest.mark.parametrize("seed", range(8))
def test_any_geometry_gives_the_reference_numbers_and_the_same_bits_on_any_team(kernel, seed):
    rng = random.Random(f"{kernel}{seed}")
    for _ in range(20):
        spec = random_spec(rng)
        given = arrays(spec, kernel, rng)
        want = getattr(reference, kernel)(spec, *given)
        for threads in (1, 2, 3):
            runtime.set_num_threads(threads)
            found = getattr(compiled, kernel)(spec, *given)
            assert found.dtype == want.dtype
            np.testing.assert_array_equal(found, want, err_msg=f"{kernel} {spec} {given[0].strides} {threads}")


@pytest.mark.parametrize("kernel", ["fprop", "dgrad"])
def test_bits_depend_neither_on_batch_nor_on_threads(kernel):
    spec = ConvSpec.of(5, 272, 48, (9, 17), (3, 3), padding=1, stride=2)
    numbers = np.random.default_rng(0)
    source = numbers.standard_normal(spec.x_shape if kernel == "fprop" else spec.y_shape, np.float32)
    weight = numbers.standard_normal(spec.w_shape, np.float32)
    runtime.set_num_threads(1)
    want = getattr(compiled, kernel)(spec, source, weight)
    for threads in (1, 2, 3):
        runtime.set_num_threads(threads)
        for n in range(spec.batch):
            one = getattr(compiled, kernel)(spec._replace(batch=1), source[n : n + 1], weight)
            np.testing.assert_array_equal(one[0], want[n])
        np.testing.assert_array_equal(getattr(compiled, kernel)(spec, source, weight), want)


@pytest.mark.skipif(sys.platform == "win32", reason="guard pages need POSIX")
@pytest.mark.parametrize("side", ["start", "end"])
def test_no_kernel_leaves_its_arrays(side):
    rng = random.Random(side)
    runtime.set_num_threads(2)
    for _ in range(60):
        spec, kernel = random_spec(rng), rng.choice(["fprop", "dgrad"])
        source, weight, bias, activation = arrays(spec, kernel, rng)
        want = getattr(reference, kernel)(spec, source, weight, bias, activation)
        if source.flags.c_contiguous:
            source = guard.guarded_copy(source, side)
        weight = guard.guarded_copy(weight, side)
        with guard.guarding(side):
            found = getattr(compiled, kernel)(spec, source, weight, bias, activation)
            np.testing.assert_array_equal(found, want, err_msg=f"{kernel} {spec}")


@pytest.mark.parametrize("kernel", ["fprop", "dgrad"])
def test_padding_is_multiplied_by_weights_that_are_not_finite(kernel):
    rng = random.Random(kernel)
    for _ in range(40):
        spec = random_spec(rng)._replace(dtype=rng.choice(["f32", "f64"]))
        if spec.groups > 1:
            continue
        source, weight, bias, _ = arrays(spec, kernel, rng)
        weight.flat[rng.randrange(weight.size)] = rng.choice([np.inf, -np.inf, np.nan])
        with np.errstate(invalid="ignore"):
            want = getattr(reference, kernel)(spec, source, weight, bias)
        np.testing.assert_array_equal(getattr(compiled, kernel)(spec, source, weight, bias), want, err_msg=str(spec))


def test_integers_are_refused_with_a_reason():
    spec = ConvSpec.of(1, 2, 3, (4,), (1,), dtype="i32")
    with pytest.raises(Refusal, match="i32 is not compiled"):
        compiled.fprop(spec, np.ones(spec.x_shape, np.int32), np.ones(spec.w_shape, np.int32))


def test_results_go_only_where_they_fit():
    (x,) = inputs(1)
    a = np.ones((3, 5), np.float32)
    for out in (np.zeros((3, 5), np.float16), np.zeros((3, 4), np.float32), np.zeros(5, np.float32)):
        with pytest.raises(Refusal, match="other shapes or dtypes"):
            compiled.pointwise((x + x,), a, out=[out])
        assert not out.any()
    row = [np.ones(5, np.float16), a[0]]
    with pytest.raises(Refusal, match="other dtypes"):
        compiled.pointwise_together((x * cast(x, "f64"),), [row], np.zeros(0, np.float32))
