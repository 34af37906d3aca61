"""Layers of few channels over contiguous images against the reference, exactly."""

import random
import sys
from itertools import product

import numpy as np
import pytest

from rushlight import runtime
from rushlight.backends import cpu as compiled
from rushlight.backends import reference
from rushlight.backends.cpu.depthwise_rows import DepthwiseRowsCall
from rushlight.plan.choose import choose
from rushlight.plan.depthwise_rows import plan_depthwise_rows, serves
from rushlight.plan.target import Target
from rushlight.rules.spec import ConvSpec
from rushlight.runtime import guard
from tests.backends.test_compiled import DTYPES, random_axis
from tests.backends.test_wgrad import ISAS


def random_depthwise_rows(rng: random.Random, target: Target, kernel: str) -> ConvSpec:
    """A geometry for vectors along rows: narrow and wide, strides and dilations, groups of any number of channels."""
    while True:
        rank, groups = rng.choice([2, 2, 2, 3]), rng.choice([1, 2, 3, 8, 17, 40])
        reduced_channels, made = rng.choice(
            [(1, 1), (1, 1), (1, 3), (2, 2), (3, 1), (4, 4), (4, 7), (8, 2), (1, 20), (20, 1)]
        )
        axes = [random_axis(rng, {2: rng.choice([8, 20, 70]), 3: 9}[rank]) for _ in range(rank)]
        size, taps, stride, dilation, padding = zip(*axes)
        spec = ConvSpec.of(
            rng.choice([1, 2, 3]), groups * reduced_channels, groups * made, size, taps,
            stride=(*stride[:-1], 1) if rng.random() < 0.5 else 1, dilation=dilation, padding=padding, groups=groups,
            dtype=rng.choice(["f32", "f32", "f64", "f16", "bf16"]),
        )  # fmt: skip
        if min(spec.out) > 0 and serves(spec._replace(role=kernel), target):
            return spec


def operands(spec: ConvSpec, kernel: str, rng: random.Random) -> tuple:
    """Integers, so that sums are exact; sources whose images, channels and rows may have something between them."""
    numbers, dtype = np.random.default_rng(rng.randrange(1 << 30)), DTYPES[spec.dtype]
    shape = spec.x_shape if kernel == "fprop" else spec.y_shape
    source = numbers.integers(-4, 5, shape).astype(dtype)
    if rng.random() < 0.4:
        room = [n + rng.choice([0, 0, 1, 5]) for n in shape]
        wide = np.full(room, 9, dtype)
        wide[tuple(map(slice, shape))] = source
        source = wide[tuple(map(slice, shape))]
    channels = spec.out_channels if kernel == "fprop" else spec.in_channels
    bias = numbers.integers(-4, 5, channels).astype(dtype) if rng.random() < 0.5 else None
    return source, numbers.integers(-4, 5, spec.w_shape).astype(dtype), bias, rng.choice([None, "relu"])


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("kernel", ["fprop", "dgrad"])
def test_any_geometry_on_every_instruction_set_and_team(kernel, isa):
    rng, target = random.Random(f"{kernel}{isa}"), Target.named(isa)
    for _ in range(60):
        spec = random_depthwise_rows(rng, target, kernel)
        source, weight, bias, activation = operands(spec, kernel, rng)
        want = getattr(reference, kernel)(spec, source, weight, bias, activation)
        for threads in (1, 2, 3):
            found = DepthwiseRowsCall(kernel, spec, source, activation, target, threads)(source, weight, bias, None)
            np.testing.assert_array_equal(found, want, err_msg=f"{kernel} {spec} {source.strides} {threads}")


@pytest.mark.parametrize(
    "text",
    [
        "n3_c7_i4x4_o7_k3x3_s1_p1_g7_f32",  # vectors longer than rows, the last of an item in part
        "n2_c5_i7x7_o10_k3x3_s1_p1_g5_f64",
        "n1_c3_i90x100_o3_k7x7_s1_p3_g3_f32",  # several blocks
        "n1_c2_i200x15_o2_k3x3_s3x1_p1_g2_f32",
        "n1_c2_i40x40_o2_k3x3_s1_p12_d12_g2_f32",  # rows of taps at a large stride
        "n1_c2_i9x40x40_o2_k5x5x5_s1_p2_g2_f32",
        "n1_c3_i30x30_o3_k12x2_s1_p11x0_g3_f32",  # more taps above each other than are summed at once
        "n2_c3_i20x20_o3_k3x3_s1_p9_g3_f32",  # whole tiles of padding
    ],
)
def test_unusual_rows(text):
    spec, rng = ConvSpec.parse(text), random.Random(text)
    for kernel in ("fprop", "dgrad"):
        if serves(spec._replace(role=kernel), Target.host()):
            given = operands(spec, kernel, rng)
            want = getattr(reference, kernel)(spec, *given)
            source, weight, bias, activation = given
            for threads in (1, 2, 3):
                found = DepthwiseRowsCall(kernel, spec, source, activation, Target.host(), threads)(
                    source, weight, bias, None
                )
                np.testing.assert_array_equal(found, want, err_msg=f"{kernel} {threads}")


@pytest.mark.parametrize("isa", ISAS)
def test_blocks_of_some_depths_and_some_rows_keep_to_their_own(isa):
    """A vector longer than its row must not write into a depth whose first rows another block has finished."""
    interrupted, numbers = 0, np.random.default_rng(0)
    for l1, width, (depth, height) in product((8, 16, 32, 48), (3, 7, 13, 14, 15, 16, 31), ((2, 16), (6, 40), (3, 24))):
        target = Target.named(isa, l1=l1 << 10)
        channels, groups = ((4, 1), (1, 1), (3, 3))[(width + l1) % 3]
        spec = ConvSpec.of(2, channels, channels, (depth, height, width), (3, 3, 3), padding=1, groups=groups)
        if not serves(spec, target):
            continue
        plan = plan_depthwise_rows(spec, target)
        if not (width < plan.lanes and plan.block[0] > 1 and plan.block[1] < height) and width % 4:
            continue
        interrupted += width < plan.lanes
        x, weight = (numbers.integers(-4, 5, shape).astype("f4") for shape in (spec.x_shape, spec.w_shape))
        found = DepthwiseRowsCall("fprop", spec, x, None, target, 2)(x, weight, None, None)
        np.testing.assert_array_equal(found, reference.fprop(spec, x, weight), err_msg=f"{spec} {plan}")
    assert interrupted or target.lanes(4) == 4  # rows of three fill no vector


def test_few_images_of_few_channels_are_shared_by_their_rows():
    spec, numbers = ConvSpec.of(1, 2, 2, (9, 300, 64), (3, 3, 3), padding=1, groups=2), np.random.default_rng(0)
    x, weight = numbers.integers(-4, 5, spec.x_shape).astype("f4"), numbers.integers(-4, 5, spec.w_shape).astype("f4")
    call = DepthwiseRowsCall("fprop", spec, x, None, Target.named("avx2", cores=4), 3)
    assert call.items == 32 and call.plan.parts == 16 and call.plan.block[1] < 300
    if Target.named("avx2").runs_here():
        np.testing.assert_array_equal(call(x, weight, None, None), reference.fprop(spec, x, weight))


@pytest.mark.skipif(sys.platform == "win32", reason="guard pages need POSIX")
@pytest.mark.parametrize("side", ["start", "end"])
def test_no_kernel_leaves_its_arrays(side):
    rng, target = random.Random(side), Target.host()
    for _ in range(60):
        kernel = rng.choice(["fprop", "dgrad"])
        spec = random_depthwise_rows(rng, target, kernel)
        source, weight, bias, activation = operands(spec, kernel, rng)
        want = getattr(reference, kernel)(spec, source, weight, bias, activation)
        source = guard.guarded_copy(np.ascontiguousarray(source), side)
        weight = guard.guarded_copy(weight, side)
        with guard.guarding(side):
            found = DepthwiseRowsCall(kernel, spec, source, activation, target, 2)(source, weight, bias, None)
            np.testing.assert_array_equal(found, want, err_msg=f"{kernel} {spec}")


def test_they_are_chosen_for_contiguous_rows_alone():
    spec, target = ConvSpec.of(2, 32, 32, (28, 28), (3, 3), padding=1, groups=32), Target.named("avx2")
    assert choose(spec, "fprop", target, 2, exact=False).algorithm == "depthwise_rows"
    assert choose(spec, "fprop", target, 2, exact=False, rows=False).algorithm == "depthwise_channels"
    for other in (
        ConvSpec.of(2, 32, 32, (28, 28), (3, 1), padding=(1, 0), groups=32),  # little is summed from one load
        ConvSpec.of(2, 32, 32, (28,), (3,), padding=1, groups=32),
        ConvSpec.of(2, 32, 32, (28, 28), (31, 31), padding=15, groups=32),  # half of the taps meet padding
        ConvSpec.of(2, 32, 32, (3, 28), (1, 3), groups=32),
        ConvSpec.of(2, 32, 32, (28, 10), (3, 3), padding=1, groups=32),  # two vectors for ten positions
        ConvSpec.of(2, 32, 32, (28, 28), (3, 3), stride=2, padding=1, groups=32),
    ):
        assert choose(other, "fprop", target, 2, exact=False).algorithm == "depthwise_channels"
    few = ConvSpec.of(2, 8, 3, (28, 28), (3, 3), padding=1)
    assert choose(few, "fprop", target, 2, exact=False).algorithm == "depthwise_rows"
    assert choose(few, "dgrad", target, 2, exact=False).algorithm == "product"
    rows = ConvSpec.of(2, 32, 32, (28, 28), (3, 3), stride=(2, 1), padding=1, groups=32)
    assert choose(rows, "fprop", target, 2, exact=False).algorithm == "depthwise_rows"
    assert choose(rows, "dgrad", target, 2, exact=False).algorithm == "depthwise_channels"


def test_results_are_contiguous_and_bits_depend_neither_on_batch_nor_on_threads():
    spec = ConvSpec.of(5, 40, 40, (9, 31), (3, 3), padding=1, groups=40)
    numbers, before = np.random.default_rng(0), runtime.get_num_threads()
    weight, x = numbers.standard_normal(spec.w_shape, np.float32), numbers.standard_normal(spec.x_shape, np.float32)
    try:
        runtime.set_num_threads(1)
        want = compiled.fprop(spec, x, weight)
        assert serves(spec, Target.host()) and want.flags.c_contiguous
        for threads in (1, 2, 3):
            runtime.set_num_threads(threads)
            np.testing.assert_array_equal(compiled.fprop(spec, x, weight), want)
            one = compiled.fprop(spec._replace(batch=1), x[1:2], weight)
            np.testing.assert_array_equal(one[0], want[1])
    finally:
        runtime.set_num_threads(before)
