"""Memory beyond arrays that the caller sees: scratch, packed weights and partial sums, counted as they are made."""

import math

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from rushlight import runtime
from rushlight.backends import cpu as compiled
from rushlight.backends.exactness import set_exact
from rushlight.rules.spec import ConvSpec
from rushlight.runtime import memory

SMALL = 512 << 10
"""Bytes that any call may take: packed tiles that fit a core's second cache, a few for each thread."""

PROBLEMS = {
    "3x3": "n8_c64_i56x56_o64_k3x3_s1_p1_g1_f32",
    "3x3, small images": "n8_c512_i7x7_o512_k3x3_s1_p1_g1_f32",
    "3x3, a wide layer": "n8_c512_i14x14_o512_k3x3_s1_p1_g1_f32",
    "3x3, a weight larger than the images": "n1_c512_i4x4_o512_k3x3_s1_p1_g1_f32",
    "strided": "n4_c64_i57x57_o128_k3x3_s2_p1_g1_f32",
    "dilated": "n2_c64_i40x40_o64_k3x3_s1_p2_d2_g1_f32",
    "first layer": "n8_c3_i160x160_o64_k7x7_s2_p3_g1_f32",
    "patches": "n8_c3_i224x224_o384_k16x16_s16_p0_g1_f32",
    "1x1": "n8_c256_i28x28_o128_k1x1_s1_p0_g1_f32",
    "linear": "n256_c768_o3072_g1_f32",
    "depthwise": "n4_c96_i56x56_o96_k7x7_s1_p3_g96_f32",
    "depthwise 1-D": "n4_c64_i4000_o64_k31_s1_p15_g64_f32",
    "groups": "n4_c64_i56x56_o64_k3x3_s1_p1_g16_f32",
    "wide groups": "n4_c128_i28x28_o128_k3x3_s1_p1_g4_f32",
    "long 1-D": "n4_c1_i32000_o64_k400_s160_p0_g1_f32",
    "transposed": "n4_c64_i28x28_o128_k4x4_s2_p1_g1_f32",
    "synthesis": "n1_c1_i50000_o514_k512_s128_p0_g1_f32",
    "3-D": "n2_c32_i12x24x24_o32_k3x3x3_s1_p1_g1_f32",
    "double": "n2_c48_i30x30_o48_k3x3_s1_p1_g1_f64",
}

WINOGRAD = 4
"""Times the weight: the exception. F(4×4, 3×3) keeps 36 numbers for 9 while the weight is unchanged, and its gradient
sums as many. They are larger than the arrays only where the weight is, on images of some 7×7. Layers with a stride keep
what their phases or classes need: 100 numbers for 16 with four taps and a stride of two."""

SPREAD = 4 << 20
"""Bytes of transformed x and y that a weight's gradient holds at a time. Wide layers hold all of them, up to 16 MB of
each, and fewer sums instead: less than the exception above."""


@pytest.fixture
def counted(monkeypatch):
    """The bytes of arrays that `runtime.empty` made while the list was in use, and the exactness as before."""
    made = []

    def allocate(shape, dtype):
        made.append(math.prod(shape) * dtype.itemsize)
        return np.empty(shape, dtype)

    threads, before = runtime.get_num_threads(), memory.set_allocator(allocate)
    compiled._calls.clear()
    yield made
    runtime.set_num_threads(threads)
    memory.set_allocator(before)
    set_exact(False)
    compiled._calls.clear()


def extra(kernel: str, spec: ConvSpec, made: list[int], use: int = 1) -> int:
    """Bytes beyond the result that a call allocates, packed weights included; what lives at once is no more. The first
    `use` of a weight, or a later one."""
    dtype = np.dtype({"f32": np.float32, "f64": np.float64}[spec.dtype])
    noise = np.random.default_rng(0).standard_normal  # zeros and whole numbers are never summed by Winograd's algorithm
    x, w, y = (noise(shape).astype(dtype) for shape in (spec.x_shape, spec.w_shape, spec.y_shape))
    given = {"fprop": (x, w), "dgrad": (y, w), "wgrad": (x, y)}[kernel]
    compiled._calls.clear()
    weights_cache = [] if kernel == "wgrad" else [None, None, {} if use > 1 else None]
    for _ in range(use):
        made.clear()
        result = getattr(compiled, kernel)(spec, *given, *weights_cache)
    return sum(made) - result.nbytes


@pytest.mark.parametrize("kernel", ["fprop", "dgrad", "wgrad"])
@pytest.mark.parametrize("name", PROBLEMS)
def test_plain_sums_take_less_than_their_arrays(name, kernel, counted):
    set_exact(True)
    spec = ConvSpec.parse(PROBLEMS[name])
    found = extra(kernel, spec, counted)
    assert found <= spec.bytes + SMALL, f"{found >> 10} KB beyond {spec.bytes >> 10} KB"


@pytest.mark.parametrize("kernel", ["fprop", "dgrad", "wgrad"])
@pytest.mark.parametrize("name", PROBLEMS)
def test_winograd_takes_its_transformed_weight_besides(name, kernel, counted):
    spec = ConvSpec.parse(PROBLEMS[name])
    found = extra(kernel, spec, counted)
    most = spec.bytes + SMALL
    call = next(iter(compiled._calls.values()))
    if "winograd" in type(call).__module__:
        phases = getattr(call.fast.plan, "phases", ())
        times = max(WINOGRAD, sum(phase.points for phase in phases) / math.prod(spec.taps))
        most += int(times * 4 * math.prod(spec.w_shape)) + (SPREAD if kernel == "wgrad" else 0)
    assert found <= most, f"{found >> 10} KB, at most {most >> 10} KB are right"


def test_a_batch_takes_no_more_scratch_than_an_image(counted):
    """Scratch belongs to threads, not to images: 32 images need what 4 do."""
    runtime.set_num_threads(2)
    for name in ("3x3", "strided", "depthwise", "transposed"):
        few, many = (ConvSpec.parse(PROBLEMS[name])._replace(batch=batch) for batch in (4, 32))
        for kernel in ("fprop", "dgrad"):
            first = extra(kernel, few, counted, use=3)
            assert extra(kernel, many, counted, use=3) <= first + SMALL, (name, kernel)


@pytest.mark.parametrize("kernel", ["fprop", "dgrad"])
def test_small_images_of_wide_layers_keep_no_transformed_weight(kernel, counted):
    """512 channels on 7×7: four times the weight would be kept, for a few hundredths of the time."""
    spec = ConvSpec.parse(PROBLEMS["3x3, small images"])
    for use in (1, 2, 3):
        assert extra(kernel, spec, counted, use) <= spec.bytes
