"""Depthwise layers, channel multipliers and small groups against the reference, exactly."""

import random
import sys

import numpy as np
import pytest

from rushlight import runtime
from rushlight.backends import cpu as compiled
from rushlight.backends import reference
from rushlight.backends.cpu.depthwise_channels import DepthwiseChannelsCall
from rushlight.backends.cpu.depthwise_channels_wgrad import DepthwiseChannelsWgradCall
from rushlight.plan.depthwise_channels import serves
from rushlight.plan.target import Target
from rushlight.rules.spec import ConvSpec
from rushlight.runtime import guard
from tests.backends.test_compiled import arranged, arrays, random_axis
from tests.backends.test_wgrad import ISAS, exact, operands


@pytest.fixture(autouse=True)
def threads_as_before():
    before = runtime.get_num_threads()
    yield
    runtime.set_num_threads(before)


def random_depthwise_channels(rng: random.Random) -> ConvSpec:
    """A geometry whose groups are small."""
    rank = rng.choice([1, 2, 2, 3])
    kind = rng.choice(["depthwise", "depthwise", "multiplier", "groups", "square"])
    groups = rng.choice([2, 3, 8, 16, 17, 30, 40, 64] if kind == "depthwise" else [2, 3, 5, 8, 17])
    inner = {"groups": rng.randint(1, 8), "square": rng.choice([2, 4, 8])}.get(kind, 1)
    outer = {"depthwise": 1, "square": inner}.get(kind, rng.randint(1, 8))
    axes = [random_axis(rng, [None, 80, 24, 9][rank]) for _ in range(rank)]
    size, taps, stride, dilation, padding = zip(*axes)
    return ConvSpec.of(
        rng.choice([1, 2, 3]), groups * inner, groups * outer, size, taps,
        stride=stride, dilation=dilation, padding=padding, groups=groups,
        dtype=rng.choice(["f32", "f64", "f16", "bf16"]),
    )  # fmt: skip


@pytest.mark.parametrize("kernel", ["fprop", "dgrad"])
@pytest.mark.parametrize("seed", range(6))
def test_any_geometry_gives_the_reference_numbers_on_any_team(kernel, seed):
    rng = random.Random(f"{kernel}{seed}")
    for _ in range(20):
        spec = random_depthwise_channels(rng)
        assert serves(spec)
        given = arrays(spec, kernel, rng)
        want = getattr(reference, kernel)(spec, *given)
        for threads in (1, 2, 3):
            runtime.set_num_threads(threads)
            found = getattr(compiled, kernel)(spec, *given)
            np.testing.assert_array_equal(found, want, err_msg=f"{kernel} {spec} {given[0].strides} {threads}")


@pytest.mark.parametrize("isa", ISAS)
def test_every_instruction_set(isa):
    rng = random.Random(isa)
    for _ in range(25):
        spec, kernel = random_depthwise_channels(rng), rng.choice(["fprop", "dgrad"])
        source, weight, bias, activation = arrays(spec, kernel, rng)
        want = getattr(reference, kernel)(spec, source, weight, bias, activation)
        source = np.ascontiguousarray(source) if rng.random() < 0.5 else channels_last(source)
        call = DepthwiseChannelsCall(kernel, spec, source, activation, Target.named(isa), 2)
        np.testing.assert_array_equal(call(source, weight, bias, None), want, err_msg=f"{kernel} {spec}")


@pytest.mark.parametrize("seed", range(6))
def test_weight_gradients_on_any_team(seed):
    rng = random.Random(f"wgrad{seed}")
    for n in range(20):
        spec = exact(random_depthwise_channels(rng))
        x, y = (arranged(a, rng) for a in operands(spec, n))
        want = reference.wgrad(spec, x, y)
        for threads in (1, 2, 3):
            runtime.set_num_threads(threads)
            np.testing.assert_array_equal(compiled.wgrad(spec, x, y), want, err_msg=f"{spec} {x.strides} {y.strides}")


@pytest.mark.parametrize("isa", ISAS)
def test_weight_gradients_on_every_instruction_set(isa):
    rng = random.Random(isa)
    for n in range(25):
        spec = exact(random_depthwise_channels(rng))
        x, y = (channels_last(a) if rng.random() < 0.6 else a for a in operands(spec, n))
        found = DepthwiseChannelsWgradCall(spec, x, y, Target.named(isa), 2)(x, y)
        np.testing.assert_array_equal(found, reference.wgrad(spec, x, y), err_msg=str(spec))


def channels_last(array: np.ndarray) -> np.ndarray:
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(array, 1, -1)), -1, 1)


@pytest.mark.parametrize(
    "text",
    [
        "n1_c40_i20x33_o40_k31x31_s1_p15_g40_f32",
        "n2_c33_i19x50_o33_k1x3_s1_p0x1_g33_f32",
        "n2_c33_i50x19_o33_k3x1_s1_p1x0_g33_f32",
        "n1_c16_i40x40_o16_k7x7_s1_p9_d3_g16_f32",
        "n2_c20_i300_o20_k31_s1_p15_g20_f32",
        "n1_c24_i500_o24_k4_s1_p3_g24_f32",
        "n2_c16_i12x12_o16_k4x4_s2_p1_g16_f32",
        "n1_c17_i9x9_o17_k2x2_s5_p0_g17_f32",
        "n2_c33_i8_o33_k9_s1_p4:5_d2_g33_f32",
        "n1_c33_i4x9_o33_k1x8_s1_p0x12_d4_g33_f32",
    ],
)
def test_unusual_taps(text):
    rng = random.Random(text)
    spec = ConvSpec.parse(text)
    for kernel in ("fprop", "dgrad"):
        source, weight, bias, activation = arrays(spec, kernel, rng)
        for one in (np.ascontiguousarray(source), channels_last(source)):
            want = getattr(reference, kernel)(spec, one, weight, bias, activation)
            np.testing.assert_array_equal(getattr(compiled, kernel)(spec, one, weight, bias, activation), want)


@pytest.mark.skipif(sys.platform == "win32", reason="guard pages need POSIX")
@pytest.mark.parametrize("side", ["start", "end"])
def test_no_kernel_leaves_its_arrays(side):
    rng = random.Random(side)
    runtime.set_num_threads(2)
    for _ in range(60):
        spec, kernel = random_depthwise_channels(rng), rng.choice(["fprop", "dgrad"])
        source, weight, bias, activation = arrays(spec, kernel, rng)
        want = getattr(reference, kernel)(spec, source, weight, bias, activation)
        source = guarded(source, side, rng.random() < 0.5)
        weight = guard.guarded_copy(weight, side)
        with guard.guarding(side):
            found = getattr(compiled, kernel)(spec, source, weight, bias, activation)
            np.testing.assert_array_equal(found, want, err_msg=f"{kernel} {spec}")
        x, y = operands(spec._replace(dtype="f32"), 0)
        want = reference.wgrad(spec._replace(dtype="f32"), x, y)
        x, y = (guarded(a, side, rng.random() < 0.5) for a in (x, y))
        with guard.guarding(side):
            np.testing.assert_array_equal(compiled.wgrad(spec._replace(dtype="f32"), x, y), want, err_msg=str(spec))


def guarded(array: np.ndarray, side: str, inner: bool) -> np.ndarray:
    """A guarded copy, its channels innermost in memory if asked for."""
    if not inner:
        return guard.guarded_copy(np.ascontiguousarray(array), side)
    return np.moveaxis(guard.guarded_copy(np.ascontiguousarray(np.moveaxis(array, 1, -1)), side), -1, 1)


def test_bits_depend_neither_on_batch_nor_on_threads():
    spec = ConvSpec.of(5, 40, 40, (9, 17), (3, 3), padding=1, groups=40)
    numbers = np.random.default_rng(0)
    weight = numbers.standard_normal(spec.w_shape, np.float32)
    for source in (numbers.standard_normal(spec.x_shape, np.float32),):
        for x in (source, channels_last(source)):
            runtime.set_num_threads(1)
            want = compiled.fprop(spec, x, weight)
            for threads in (1, 2, 3):
                runtime.set_num_threads(threads)
                np.testing.assert_array_equal(compiled.fprop(spec, x, weight), want)
                one = compiled.fprop(spec._replace(batch=1), x[1:2], weight)
                np.testing.assert_array_equal(one[0], want[1])


def test_wide_groups_are_not_for_lanes():
    assert not serves(ConvSpec.of(1, 32, 32, (8,), (3,), groups=2))
    assert not serves(ConvSpec.of(1, 1, 1, (8,), (3,)))


def test_infinite_weights_meet_padding():
    """A padded zero times infinity is NaN, as the reference has it, also where finite weights skip the padding."""
    spec = ConvSpec.of(2, 16, 16, size=(6, 6), taps=(3, 3), padding=1, groups=16)
    rng = np.random.default_rng(0)
    x = np.moveaxis(rng.standard_normal((2, 6, 6, 16)).astype("f4"), -1, 1)
    w = rng.standard_normal(spec.w_shape).astype("f4")
    w[3, 0, 0, 0] = np.inf
    assert np.array_equal(np.isnan(compiled.fprop(spec, x, w)), np.isnan(reference.fprop(spec, x, w)))
