"""Winograd layers of every rank and both directions against the reference engine in float64."""

import random

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import rushlight as torch
from rushlight.backends import reference, registry
from rushlight.backends.cpu.winograd import WinogradCall
from rushlight.backends.cpu.winograd_gradient import WinogradGradientCall
from rushlight.plan import winograd_gradient
from rushlight.plan.target import Target
from rushlight.plan.winograd_gradient import plan_gradient
from rushlight.plan.winograd_layer import plan_winograd
from rushlight.rules.spec import ConvSpec
from tests.fuzz.geometries import DTYPES, ROUNDING, laid_out


def draw(rng):
    rank = rng.choice((1, 2, 2, 3))
    size = tuple(rng.randint(3, 40 if rank < 3 else 12) for _ in range(rank))
    taps = [rng.choice((1, 2, 3, 3, 4, 5)) for _ in range(rank - 1)] + [rng.choice((2, 3, 3, 4, 5, 7))]
    dilation = [rng.choice((1, 1, 2, 3)) for _ in range(rank)]
    if rank == 3:
        taps[0], dilation[0] = rng.choice((1, 2, 3)), rng.choice((1, 2))
    padding = tuple((rng.randint(-1, 2), rng.randint(0, 2)) for _ in range(rank))
    stride = [rng.choice((1, 1, 2, 3)) if step == 1 else 1 for step in dilation] if rng.random() < 0.4 else [1] * rank
    groups = rng.choice((1, 1, 1, 2, 3))
    ci, co = (groups * rng.randint(16, 70 // groups) for _ in range(2))
    dtype = rng.choice(("f32", "f32", "f16", "bf16"))
    return ConvSpec.of(
        rng.randint(1, 3),
        ci,
        co,
        size=size,
        taps=tuple(taps),
        stride=tuple(stride),
        padding=padding,
        dilation=tuple(dilation),
        groups=groups,
        dtype=dtype,
    )


def draw_layer(rng, plan):
    """A layer for which there is a plan."""
    while isinstance(plan(spec := draw(rng)), str):
        pass
    return spec


def arrays(spec, kernel, seed, channels_last):
    rng, dtype = np.random.default_rng(seed), DTYPES[spec.dtype]
    shape = spec.x_shape if kernel == "fprop" else spec.y_shape
    source = rng.standard_normal(shape).astype(dtype)
    if channels_last:
        source = laid_out(source, "channels last")
    made = spec.out_channels if kernel == "fprop" else spec.in_channels
    return source, rng.standard_normal(spec.w_shape).astype(dtype), rng.standard_normal(made).astype(dtype)


@pytest.mark.parametrize("seed", range(60))
def test_against_the_reference(seed):
    rng = random.Random(seed)
    kernel = rng.choice(("fprop", "dgrad"))
    check(rng, draw_layer(rng, lambda spec: plan_winograd(spec, kernel, Target.host(), 1)), kernel, seed)


@pytest.mark.parametrize("seed", range(30))
def test_phases_of_transposed_layers(seed):
    rng = random.Random(f"phases{seed}")

    def plan(spec):
        found = plan_winograd(spec, "dgrad", Target.host(), 1)
        return found if isinstance(found, str) or len(found.phases) > 1 else "one phase"

    check(rng, draw_layer(rng, plan), "dgrad", seed)


@pytest.mark.parametrize("seed", range(30))
def test_layers_with_a_stride(seed):
    rng = random.Random(f"classes{seed}")

    def plan(spec):
        found = plan_winograd(spec, "fprop", Target.host(), 1)
        return found if isinstance(found, str) or found.phases[0].classes > 1 else "no stride"

    check(rng, draw_layer(rng, plan), "fprop", seed)


@pytest.mark.parametrize("seed", range(24))
def test_taps_along_other_axes_than_the_last(seed):
    rng = random.Random(f"order{seed}")
    kernel = rng.choice(("fprop", "dgrad"))

    def draw_one():
        spec = draw(rng)
        if spec.rank == 1:
            return spec
        taps = (*spec.taps[:-1], 1)
        return ConvSpec.of(
            spec.batch, spec.in_channels, spec.out_channels, size=spec.size, taps=taps, stride=spec.stride,
            padding=spec.padding, dilation=spec.dilation, groups=spec.groups, dtype=spec.dtype,
        )  # fmt: skip

    while isinstance(plan_winograd(spec := draw_one(), kernel, Target.host(), 1), str) or spec.rank == 1:
        pass
    check(rng, spec, kernel, seed)


def check(rng, spec, kernel, seed):
    """The layer on one to three threads: the same bits, near the reference, and those of float32 rounded once."""
    plans = [plan_winograd(spec, kernel, Target.host(), threads) for threads in (1, 2, 3)]
    activation, bias = rng.choice((None, "relu")), rng.random() < 0.5
    source, w, b = arrays(spec, kernel, seed, rng.random() < 0.5)
    b = b if bias else None
    calls = [WinogradCall(plan, spec, source, activation, Target.host(), i + 1) for i, plan in enumerate(plans)]
    results = [call(source, w, b, None) for call in calls]
    assert all(np.array_equal(results[0], other) for other in results[1:])
    for layout in layouts(w):
        np.testing.assert_array_equal(results[0], calls[1](source, layout, b, None))
    exact = [a if a is None else a.astype("f8") for a in (source, w, b)]
    near(spec, results[0], getattr(reference, kernel)(spec, *exact, activation))
    source, w, b = (a if a is None else a.astype("f4") for a in (source, w, b))
    wide = spec._replace(dtype="f32")
    call = WinogradCall(plan_winograd(wide, kernel, Target.host(), 2), wide, source, activation, Target.host(), 2)
    np.testing.assert_array_equal(results[0], call(source, w, b, None).astype(results[0].dtype))


def layouts(w):
    """The same weight with input channels, output channels, or nothing but every second number as neighbours."""
    yield laid_out(w, "channels last")
    yield np.moveaxis(np.ascontiguousarray(np.moveaxis(w, 0, -1)), -1, 0)
    yield np.repeat(w, 2, axis=-1)[..., ::2]
    # An axis of one tap has any stride.
    yield np.lib.stride_tricks.as_strided(w, w.shape, [step if n > 1 else 0 for step, n in zip(w.strides, w.shape)])


def near(spec, found, wanted):
    """Of the layer's type, and of an error that Winograd's algorithm and one rounding explain."""
    assert found.dtype == DTYPES[spec.dtype]
    assert np.linalg.norm(found.astype("f8") - wanted) <= (1e-5 + ROUNDING[spec.dtype]) * np.linalg.norm(wanted)


@pytest.mark.parametrize("seed", range(60))
def test_weight_gradient_against_the_reference(seed):
    rng = random.Random(seed)
    spec = draw_layer(rng, lambda spec: plan_gradient(spec, Target.host()))
    plan = plan_gradient(spec, Target.host())
    x, _, _ = arrays(spec, "fprop", seed, rng.random() < 0.5)
    y, _, _ = arrays(spec, "dgrad", seed + 1, rng.random() < 0.5)
    results = [WinogradGradientCall(plan, spec, x, y, Target.host(), threads)(x, y) for threads in (1, 2, 3)]
    assert all(np.array_equal(results[0], other) for other in results[1:])
    near(spec, results[0], reference.wgrad(spec, x.astype("f8"), y.astype("f8")))
    x, y = x.astype("f4"), y.astype("f4")
    wide = WinogradGradientCall(plan, spec._replace(dtype="f32"), x, y, Target.host(), 2)(x, y)
    np.testing.assert_array_equal(results[0], wide.astype(results[0].dtype))


def test_one_tile_an_image_reads_no_more_weights_than_it_must():
    for size, channels, inputs in [(4, 512, 4), (4, 256, 6), (7, 512, 6)]:
        for kernel in ("fprop", "dgrad"):
            plans = [
                plan_winograd(
                    ConvSpec.of(batch, channels, channels, (size, size), (3, 3), padding=1), kernel, target, 2
                )
                for batch in (1, 64)
                for target in (Target.host(), Target.named("avx2"))
            ]
            assert {phase.rows.inputs for plan in plans for phase in plan.phases} == {inputs}
    spec = ConvSpec.of(3, 528, 512, (4, 3), (3, 3), padding=1)
    check(random.Random(0), spec, "fprop", 0)


def test_sums_that_are_large_are_made_some_panels_at_a_time(monkeypatch):
    monkeypatch.setattr(winograd_gradient, "SUM_BYTES", 1 << 20)
    spec = ConvSpec.of(2, 64, 150, (16, 17), (3, 3), padding=1)
    plan = plan_gradient(spec, Target.host())
    assert plan.panels * 8 < 150
    x, _, _ = arrays(spec, "fprop", 0, False)
    y, _, _ = arrays(spec, "dgrad", 1, False)
    results = [WinogradGradientCall(plan, spec, x, y, Target.host(), threads)(x, y) for threads in (1, 2, 3)]
    assert all(np.array_equal(results[0], other) for other in results[1:])
    near(spec, results[0], reference.wgrad(spec, x.astype("f8"), y.astype("f8")))
    assert "too much memory" in plan_gradient(spec._replace(batch=8), Target.host())


def test_a_gradient_whose_classes_hold_one_position_multiplies_no_less():
    spec = ConvSpec.of(3, 32, 32, (6, 10, 4), (1, 1, 2), dilation=(1, 1, 3), padding=(0, 0, 1))
    assert "no multiplications are saved" in plan_gradient(spec, Target.host())


def test_the_bits_do_not_depend_on_the_batch():
    spec = ConvSpec.of(5, 32, 48, size=(14, 14), taps=(3, 3), padding=1)
    source, w, _ = arrays(spec, "fprop", 0, False)
    with registry.using(registry._engine_of("compiled")):
        together = registry.current().fprop(spec, source, w)
        alone = registry.current().fprop(spec._replace(batch=1), np.ascontiguousarray(source[3:4]), w)
    assert np.array_equal(together[3:4], alone)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
def test_set_exact_turns_it_off(dtype):
    x, w = torch.randn(1, 32, 12, 12).to(dtype), torch.randn(32, 32, 3, 3).to(dtype)
    x[0, 0, 5, 5] = float("inf")
    before = torch.get_engine()
    torch.set_engine("compiled")
    try:
        torch.set_exact(True)
        finite = torch.conv2d(x, w, padding=1).isfinite()
        assert not finite[0, :, 4:7, 4:7].any()
        assert finite.sum().item() == 32 * (12 * 12 - 9)
    finally:
        torch.set_exact(False)
        torch.set_engine(before)
