"""Each number of an array is written by one item of a launch, and each of a result by some; and the numbers are right.

Layers of every algorithm, on every instruction set; rows near the length of vectors. `test_any_layer` draws others from
a fresh seed, which it prints: `RUSHLIGHT_SEED` repeats it.
"""

import os
import random
import time
from itertools import islice

import numpy as np
import pytest

from rushlight import runtime
from rushlight.backends import cpu as compiled
from rushlight.backends import reference
from rushlight.backends.exactness import get_exact, set_exact
from rushlight.compiler import jit
from rushlight.language.ir import Module, Params, f32, i64, ptr
from rushlight.plan.target import Target
from rushlight.plan.threads import Work
from rushlight.rules.expression import inputs
from rushlight.rules.normalization import Norm
from rushlight.rules.reduction import Reduction
from rushlight.rules.sampling import Sampling
from rushlight.rules.spec import ConvSpec
from rushlight.runtime import cpus
from tests import instruction_sets
from tests.backends.ownership import OwnershipError, recording
from tests.fuzz.geometries import DTYPES, laid_out
from tests.fuzz.layers import Layer

ISAS = instruction_sets.asked()
SECONDS = 4 * float(os.environ.get("RUSHLIGHT_SWEEP", "1"))
WIDTHS = (7, 8, 9, 13, 15, 16, 17, 31, 32, 33)

LAYERS = {
    "depthwise rows": ("n2_c4_i4x20x{w}_o4_k3x3x3_s1_p1_g1_f32", "contiguous"),
    "depthwise rows of groups": ("n2_c6_i24x{w}_o6_k3x3_s1_p1_g6_f32", "contiguous"),
    "depthwise rows, float16": ("n1_c3_i24x{w}_o3_k5x5_s1_p2_g1_f16", "contiguous"),
    "lanes in place": ("n2_c40_i6x{w}_o40_k3x3_s1_p1_g40_f32", "channels last"),
    "lanes packed": ("n1_c36_i6x{w}_o36_k3x3_s2x1_p1_g36_f32", "spaced"),
    "small groups": ("n2_c24_i5x{w}_o48_k3x3_s1_p1_g8_f32", "contiguous"),
    "long rows of taps": ("n1_c20_i3x{w}_o20_k3x9_s1_p1x4_g20_f32", "channels last"),
    "product": ("n2_c20_i6x{w}_o37_k3x3_s2_p1_g1_f32", "contiguous"),
    "product in pieces": ("n1_c300_i2x{w}_o41_k3x3_s1_p1_g1_f32", "contiguous"),
    "product, double": ("n1_c9_i6x{w}_o19_k3x2_s1_p1_g1_f64", "channels last"),
    "product, bfloat16": ("n1_c17_i6x{w}_o23_k1x1_s1_p0_g1_bf16", "channels last"),
    "few channels out": ("n1_c40_i6x{w}_o3_k3x3_s1_p1_g1_f32", "contiguous"),
    "wide groups": ("n1_c34_i5x{w}_o66_k3x3_s1_p1_g2_f32", "contiguous"),
    "winograd": ("n1_c33_i14x{w}_o35_k3x3_s1_p1_g1_f32", "contiguous"),
    "winograd of one axis": ("n3_c32_i{w}_o48_k5_s1_p2_g1_f32", "contiguous"),
    "winograd of strides": ("n1_c32_i16x{w}_o48_k4x4_s2_p1_g1_f32", "contiguous"),
    "linear": ("n{w}_c37_o50_g1_f32", "contiguous"),
    "linear, few": ("n3_c{w}_o130_g1_f32", "contiguous"),
    "overlap": ("n1_c1_i5{w}0_o64_k256_s64_p0_g1_f32", "contiguous"),
}


@pytest.fixture(autouse=True)
def three_threads(monkeypatch):
    threads, exact = runtime.get_num_threads(), get_exact()
    monkeypatch.setattr(cpus, "_allowed", lambda: 3)
    runtime.set_num_threads(3)
    yield
    monkeypatch.undo()
    runtime.set_num_threads(threads)
    set_exact(exact)


def run_all(ledger, spec: ConvSpec, layout: str) -> None:
    """Result and gradients of a layer, each number written once and right."""
    numbers, dtype = np.random.default_rng(0), DTYPES[spec.dtype]
    unit = 1 if get_exact() else 3  # whole numbers are never summed by Winograd's algorithm
    shapes = (spec.x_shape, spec.w_shape, spec.y_shape)
    x, w, y = ((numbers.integers(-3, 4, shape) / unit).astype(dtype) for shape in shapes)
    bias = numbers.integers(-3, 4, spec.out_channels).astype(dtype)
    lying_x, lying_y = laid_out(x, layout), laid_out(y, layout)
    calls = {
        "fprop": ((lying_x, w, bias, "relu"), (x, w, bias, "relu")),
        "dgrad": ((lying_y, w), (y, w)),
        "wgrad": ((lying_x, lying_y), (x, y)),
        "bias_grad": ((lying_y,), (y,)),
    }
    for kernel, (given, plain) in calls.items():
        ledger.arrays.clear()
        want = getattr(reference, kernel)(spec, *plain)
        weights_caches = [[{}], [{}]] if kernel in ("fprop", "dgrad") else [[]]
        for weights_cache in weights_caches:
            found = getattr(compiled, kernel)(spec, *given, *([None] * (kernel == "dgrad") * 2), *weights_cache)
            assert ledger.covers(found), f"{kernel}: something of the result is not written"
            close(found, want, kernel, spec)


def close(found: np.ndarray, want: np.ndarray, kernel: str, spec: ConvSpec) -> None:
    """Equal in plain sums, near in Winograd's."""
    found, want = found.astype("f8"), want.astype("f8")
    room = 0 if get_exact() else 2e-5 * max(1, np.abs(want).max())
    np.testing.assert_allclose(found, want, rtol=0, atol=room, err_msg=f"{kernel} {spec}")


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("name", LAYERS)
def test_every_number_is_written_by_one_item(name, isa, monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_TARGET", isa)
    text, layout = LAYERS[name]
    set_exact("winograd" not in name)
    rng = random.Random(name)
    with recording() as ledger:
        for width in rng.sample(WIDTHS, 3):
            run_all(ledger, ConvSpec.parse(text.format(w=width)), layout)


@pytest.mark.parametrize("isa", ISAS)
def test_winograd_weight_gradient(isa, monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_TARGET", isa)
    spec = ConvSpec.parse("n2_c33_i17x33_o40_k3x3_s1_p1_g1_f32")
    with recording() as ledger:
        run_all(ledger, spec, "contiguous")
        fast = [getattr(call, "fast", call) for call in compiled._calls.values()]
        assert any("WinogradGradient" in type(call).__name__ for call in fast)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("kind", ["max_pool", "avg_pool"])
def test_pooling(kind, isa, monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_TARGET", isa)
    rng = random.Random(kind)
    layers = (layer for layer in iter(lambda: Layer.draw(rng), None) if layer.kind == kind)
    with recording() as ledger:
        for layer in islice(layers, 10):
            ledger.arrays.clear()
            assert layer.fault() is None, layer


@pytest.mark.parametrize("isa", ISAS)
def test_normalization(isa, monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_TARGET", isa)
    monkeypatch.setattr("rushlight.backends.cpu.passes.Passes.together", False)
    numbers = np.random.default_rng(0)
    cases = [((3, 6, 7, 5), Norm("batch")), ((3, 6, 7, 5), Norm("groups", 2)), ((300, 33), Norm("batch"))]
    cases += [((2, 1100, 3), Norm("batch")), ((2, 12, 700), Norm("groups", 12)), ((70, 33), Norm("last"))]
    with recording() as ledger:
        for shape, norm in cases:
            for lying in (lambda a: a, lambda a: laid_out(a, "channels last")) if len(shape) > 2 else (lambda a: a,):
                ledger.arrays.clear()
                x, grad = (lying(numbers.standard_normal(shape).astype(np.float32)) for _ in range(2))
                weight = numbers.standard_normal(norm.scales(shape)).astype(np.float32)
                y, statistics = compiled.norm(norm, x, weight)
                found = (y, *compiled.norm_grad(norm, False, (True,) * 3, x, grad, statistics, weight))
                want = reference.norm_grad(norm, False, (True,) * 3, x, grad, reference.norm(norm, x)[1], weight)
                assert all(map(ledger.covers, (*found, statistics)))
                for some, right in zip(found, (reference.norm(norm, x, weight)[0], *want)):
                    np.testing.assert_allclose(some, right, 1e-4, 1e-4 * np.abs(right).max())


@pytest.mark.parametrize("isa", ISAS)
def test_pointwise(isa, monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_TARGET", isa)
    monkeypatch.setattr(Work, "pays", lambda *_: True)  # all by the team
    x, y = inputs(2)
    shapes = (50_000,), (3, 300, 70), (2, 3, 4, 5, 700)
    for shape in shapes:
        a = np.ones(shape, np.float32)
        for b in (a, a[0], a.T.copy().T, a[..., :1]):
            with recording() as ledger:
                results = compiled.pointwise((x + y, x > y), a, b)
                assert ledger.items > 1 and all(map(ledger.covers, results))


@pytest.mark.parametrize("isa", ISAS)
def test_pointwise_together(isa, monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_TARGET", isa)
    monkeypatch.setattr(Work, "pays", lambda *_: True)  # all by the team
    _, y, z = inputs(3)
    with recording() as ledger:
        rows = [[runtime.empty((size,), np.dtype(np.float32)) for _ in range(2)] for size in (50_000, 3, 2000, 1)]
        for row in rows:
            row[0][:], row[1][:] = 1, 2
        assert compiled.pointwise_together((y * z,), rows, np.full(1, 4, np.float32))
        assert ledger.items > 4 and all(ledger.covers(row[0]) for row in rows if row[0].nbytes >= 4096)
    assert all((row[0] == 8).all() for row in rows)


@pytest.mark.parametrize("isa", ISAS)
def test_reductions(isa, monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_TARGET", isa)
    monkeypatch.setattr(Work, "pays", lambda *_: True)  # all by the team
    x, y = inputs(2)
    formula = Reduction(("sum", "max"), (x, x), (x, y), (None, None))
    for shape in (200_000,), (300, 700), (3, 300, 1100), (2, 3, 40, 5, 700):
        for axes in ((0,), (len(shape) - 1,), tuple(range(len(shape)))):
            with recording() as ledger:
                results = compiled.reduction(formula, axes, False, (), np.ones(shape, np.float32))
                assert ledger.items >= 1 and all(map(ledger.covers, results))


@pytest.mark.parametrize("isa", ISAS)
def test_softmax(isa, monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_TARGET", isa)
    for shape in (500, 300), (40, 5000), (3, 70, 300):
        x = np.ones(shape, np.float32)
        for axis in range(len(shape)):
            with recording() as ledger:
                y = compiled.softmax(False, axis, x)
                gradient = compiled.softmax_grad(True, axis, y, x)
                assert ledger.items > 1 and ledger.covers(y) and ledger.covers(gradient)


@pytest.mark.parametrize("isa", ISAS)
def test_cross_entropy(isa, monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_TARGET", isa)
    for shape in (5000, 40), (3, 70, 300):
        x = np.ones(shape, np.float32)
        for target in np.zeros((shape[0], *shape[2:]), np.int64), x:
            with recording() as ledger:
                losses, weights, y = compiled.cross_entropy(True, 0.1, -100, None, x, target)
                gradient = compiled.cross_entropy_grad(0.1, -100, None, y, target, losses)
                assert ledger.items > 1 and all(map(ledger.covers, (losses, weights, y, gradient)))


@pytest.mark.parametrize("isa", ISAS)
def test_sampling(isa, monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_TARGET", isa)
    numbers = np.random.default_rng(0)
    for size, out, channels in (((7, 9), (20, 33), 3), ((6, 5), (20, 33), 37), ((3, 4, 5), (5, 7, 11), 20)):
        how, orders = Sampling("linear", "border", False, size), (0,) * len(size)
        grid = numbers.uniform(-1.3, 1.3, (2, *out, len(out))).astype(np.float32)
        for layout in ("contiguous", "channels last"):
            x, y = (laid_out(np.ones((2, channels, *n), np.float32), layout) for n in (size, out))
            with recording() as ledger:
                found = compiled.grid_sample(how, orders, x, grid), compiled.grid_sample_grad(how, orders, y, grid)
                found += (compiled.grid_sample_grid_grad(how, x, grid, y),)
                assert ledger.items > 3 and all(map(ledger.covers, found))


@pytest.mark.parametrize("isa", ISAS)
def test_running_sums(isa, monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_TARGET", isa)
    for shape in (500, 300), (40, 5000), (3, 70, 300):
        for axis in range(len(shape)):
            with recording() as ledger:
                y = compiled.running("sum", axis == 1, axis, np.ones(shape, np.float32))
                assert ledger.items > 1 and ledger.covers(y)


@pytest.mark.parametrize("isa", ISAS)
def test_any_layer(isa, monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_TARGET", isa)
    seed = int(os.environ.get("RUSHLIGHT_SEED", int.from_bytes(os.urandom(4), "little")))
    print(f"RUSHLIGHT_SEED={seed}")
    rng, end = random.Random(seed), time.monotonic() + SECONDS
    set_exact(True)
    with recording() as ledger:
        while time.monotonic() < end:
            layer = Layer.draw(rng)
            ledger.arrays.clear()
            compiled._calls.clear()
            assert layer.fault() is None, f"{layer}, seed {seed}"


@pytest.mark.parametrize("extent", [1, 2])
def test_a_number_that_two_items_write_is_found(extent):
    with recording():
        launch = prepared(f"extent {extent}", lambda f, p, item: [p.out[item + i].store(1.0) for i in range(extent)])
        if extent == 1:
            launch(8)
        else:
            with pytest.raises(OwnershipError, match="items 0 and 1 both write"):
                launch(8)


@pytest.mark.parametrize("place", [-1, 8])
def test_a_number_beside_an_array_is_found(place):
    with recording(), pytest.raises(OwnershipError, match=f"wrote {min(place * 4, 0)} bytes beside an array"):
        prepared(f"place {place}", lambda f, p, item: p.out[place].store(1.0))(8)


def test_what_is_a_threads_own_may_be_written_by_every_item():
    with recording() as ledger:
        prepared("scratch", lambda f, p, item: p.out[p.ticket.fetch_add(1) * 4].store(1.0))(8)
        assert ledger.items == 8


def prepared(title, body):
    """A launch of a kernel of eight items on an array of so many numbers."""
    params = Params(out=ptr(f32), items=i64)

    def build() -> Module:
        k = Module(Target.host())
        with k.kernel("given", params) as (f, p), f.dynamic_loop(p.next, p.items) as item:
            body(f, p, item)
        return k

    def launch(count: int) -> None:
        out = runtime.empty((count,), np.dtype("f4"))
        runtime.launch(
            jit.kernel(f"ownership test, {title}", build, Target.host())["given"],
            params.pack(out=out, items=8),
            1,
        )

    return launch
