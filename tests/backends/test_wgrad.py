"""The compiled weight gradient against the reference, exactly: small integers, whose sums are exact in any order."""

import random
import sys

import numpy as np
import pytest

from rushlight import runtime
from rushlight.backends import cpu as compiled
from rushlight.backends import reference
from rushlight.backends.cpu.product_wgrad import WgradCall
from rushlight.backends.exactness import set_exact
from rushlight.plan.target import Target
from rushlight.rules.spec import ConvSpec
from rushlight.runtime import guard
from tests import instruction_sets
from tests.backends.test_compiled import DTYPES, arranged, random_spec

ISAS = instruction_sets.asked()


@pytest.fixture(autouse=True)
def threads_as_before():
    """Direct sums only: Winograd's rounding has tests of its own."""
    before = runtime.get_num_threads()
    set_exact(True)
    yield
    runtime.set_num_threads(before)
    set_exact(False)


def operands(spec: ConvSpec, seed: int, most: int = 2) -> tuple[np.ndarray, np.ndarray]:
    numbers = np.random.default_rng(seed)
    return tuple(
        numbers.integers(-most, most + 1, shape).astype(DTYPES[spec.dtype]) for shape in (spec.x_shape, spec.y_shape)
    )


def exact(spec: ConvSpec) -> ConvSpec:
    """Halves round sums beyond 2048 (bf16 beyond 256): keep to what is exact, and leave rounding to its own test."""
    return spec._replace(dtype="f32") if spec.dtype in ("f16", "bf16") else spec


@pytest.mark.parametrize("seed", range(8))
def test_any_geometry_gives_the_reference_numbers_and_the_same_bits_on_any_team(seed):
    rng = random.Random(seed)
    for n in range(20):
        spec = exact(random_spec(rng))
        x, y = (arranged(a, rng) for a in operands(spec, n))
        want = reference.wgrad(spec, x, y)
        for threads in (1, 2, 3):
            runtime.set_num_threads(threads)
            np.testing.assert_array_equal(compiled.wgrad(spec, x, y), want, err_msg=f"{spec} {x.strides} {y.strides}")


@pytest.mark.parametrize("isa", ISAS)
def test_every_instruction_set(isa):
    rng = random.Random(isa)
    for n in range(25):
        spec = exact(random_spec(rng))._replace(batch=2)
        x, y = operands(spec, n)
        if rng.random() < 0.5:
            x, y = (np.moveaxis(np.ascontiguousarray(np.moveaxis(a, 1, -1)), -1, 1) for a in (x, y))
        found = WgradCall(spec, x, y, Target.named(isa), 2)(x, y)
        np.testing.assert_array_equal(found, reference.wgrad(spec, x, y), err_msg=str(spec))


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("size, stride", [("2x16", "1x3"), ("1x5", "1x2"), ("2x8", "1x2")])
def test_what_a_stride_leaves_out_does_not_reach_the_padding_below(size, stride, isa):
    """Tiles that are transposed write it behind a row, where the next row may begin."""
    spec = ConvSpec.parse(f"n2_c18_i{size}_o20_k1x1_s{stride}_p0:2x0_g1_f32")
    x, y = operands(spec, 0)
    found = WgradCall(spec, x, y, Target.named(isa), 2)(x, y)
    np.testing.assert_array_equal(found, reference.wgrad(spec, x, y))


HALVES = ["n3_c20_i9x11_o33_k3x3_s1_p1_g1", "n1_c300_o130_g1", "n8_c70_o33_g1", "n65_c100_o10_g1", "n1100_c40_o64_g1"]
HALVES += ["n2_c40_i9x30_o40_k3x3_s1_p1_g40"]


@pytest.mark.parametrize("dtype", ["f16", "bf16"])
@pytest.mark.parametrize("problem", HALVES)
@pytest.mark.parametrize("channels_last", [False, True])
def test_halves_are_summed_in_single_precision_and_rounded_once(problem, dtype, channels_last):
    spec = ConvSpec.parse(f"{problem}_{dtype}")
    x, y = operands(spec, 0, most=2)
    if spec.rank and channels_last:
        x, y = (np.moveaxis(np.ascontiguousarray(np.moveaxis(a, 1, -1)), -1, 1) for a in (x, y))
    wide = reference.wgrad(spec._replace(dtype="f32"), x.astype(np.float32), y.astype(np.float32))
    found = compiled.wgrad(spec, x, y)
    assert found.dtype == x.dtype
    np.testing.assert_array_equal(found.astype(np.float32), wide.astype(x.dtype).astype(np.float32))


def test_bits_do_not_depend_on_threads():
    spec = ConvSpec.of(6, 24, 40, (19, 23), (3, 3), padding=1)
    numbers = np.random.default_rng(0)
    x, y = numbers.standard_normal(spec.x_shape, np.float32), numbers.standard_normal(spec.y_shape, np.float32)
    runtime.set_num_threads(1)
    want = compiled.wgrad(spec, x, y)
    for threads in (2, 3, 5):
        runtime.set_num_threads(threads)
        np.testing.assert_array_equal(compiled.wgrad(spec, x, y), want)


@pytest.mark.skipif(sys.platform == "win32", reason="guard pages need POSIX")
@pytest.mark.parametrize("side", ["start", "end"])
def test_no_kernel_leaves_its_arrays(side):
    rng = random.Random(side)
    runtime.set_num_threads(2)
    for n in range(60):
        spec = exact(random_spec(rng))
        x, y = operands(spec, n)
        want = reference.wgrad(spec, x, y)
        if rng.random() < 0.5:  # channels innermost, read in place
            x, y = (np.ascontiguousarray(np.moveaxis(a, 1, -1)) for a in (x, y))
            x, y = (np.moveaxis(guard.guarded_copy(a, side), -1, 1) for a in (x, y))
        else:
            x, y = (guard.guarded_copy(a, side) for a in (x, y))
        with guard.guarding(side):
            np.testing.assert_array_equal(compiled.wgrad(spec, x, y), want, err_msg=str(spec))


def test_memory_beyond_operands_and_result_is_less_than_they_are():
    for text in (
        "n8_c64_i56x56_o64_k3x3_s1_p1_g1_f32",
        "n8_c512_i7x7_o512_k3x3_s1_p1_g1_f32",
        "n512_c1024_o4096_g1_f32",
        "n8_c3_i224x224_o64_k7x7_s2_p3_g1_f32",
    ):
        spec = ConvSpec.parse(text)
        x, y = (np.empty(shape, np.float32) for shape in (spec.x_shape, spec.y_shape))
        call = WgradCall(spec, x, y, Target.named("avx512"), 2)
        extra = call.chunks * call.chunk_size + 2 * call.scratch_size
        assert extra * 4 <= spec.bytes, (text, extra)


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("groups", [1, 2])
def test_images_of_one_position_are_rows_of_a_matrix(rank, groups):
    """As a squeeze-and-excite layer has them: all images are one product, whatever their strides."""
    spec = ConvSpec.of(37, 48, 40, (1,) * rank, (1,) * rank, groups=groups)
    rng = np.random.default_rng(rank)
    x = rng.standard_normal((37, 60, *spec.size)).astype(np.float32)[:, :48]
    y, w = (rng.standard_normal(shape).astype(np.float32) for shape in (spec.y_shape, spec.w_shape))
    near(compiled.wgrad(spec, x, y), reference.wgrad(spec, x, y))
    near(compiled.fprop(spec, x, w), reference.fprop(spec, x, w))
    near(compiled.dgrad(spec, y, w), reference.dgrad(spec, y, w))


def near(found, wanted):
    assert found.shape == wanted.shape
    assert np.linalg.norm(found - wanted) <= 1e-6 * np.linalg.norm(wanted)
