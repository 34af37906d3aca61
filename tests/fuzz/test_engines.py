"""The compiled engine against the reference on drawn geometries: all three kernels, on teams of 1, 2 and 3 threads.

`make test` runs a few hundred cases; those marked `long` are some 3,500, and RUSHLIGHT_SWEEP multiplies them. A
chunk's draws depend on its name alone, and a case that fails prints as a problem string.
"""

import os

import numpy as np
import pytest
from hypothesis import given, seed, settings

pytest.importorskip("llvmlite")

from rushlight import runtime
from rushlight.backends import cpu as compiled
from rushlight.backends import reference
from rushlight.backends.exactness import get_exact, set_exact
from rushlight.plan.choose import choose, choose_gradient
from rushlight.plan.target import Target
from rushlight.runtime import cpus
from tests import instruction_sets
from tests.fuzz.geometries import ROUNDING, Case, cases, winograd_specs

KERNELS = ("fprop", "dgrad", "wgrad")
BUDGET = int(os.environ.get("RUSHLIGHT_SWEEP", "1"))
LOWER = instruction_sets.asked()[1:]
THREADS = (1, 2, 3)


@pytest.fixture(autouse=True)
def as_before(monkeypatch):
    """Three threads also where there are two cores; everything as it was afterwards."""
    threads, exact = runtime.get_num_threads(), get_exact()
    monkeypatch.setattr(cpus, "_allowed", lambda: max(THREADS))
    yield
    monkeypatch.undo()
    compiled._calls.clear()
    runtime.set_num_threads(threads)
    set_exact(exact)


def run(case: Case, arrays: tuple, threads: int) -> np.ndarray:
    """The compiled result, computed by `threads` threads however small it is."""
    runtime.set_num_threads(threads)
    assert runtime.team_size() == threads  # scratch is for so many
    compiled._calls.clear()
    function = getattr(compiled, case.kernel)
    found = function(case.spec, *arrays)
    (call,) = compiled._calls.values()
    forced = [name for name in ("threads_used", "finish_threads") if hasattr(call, name)]
    if not forced:
        return found
    for name in forced:
        setattr(call, name, threads)
    again = function(case.spec, *arrays)
    np.testing.assert_array_equal(again, found, err_msg=f"{case}: once more on {threads} threads")
    if threads == 2 and case.kernel != "wgrad":
        weights_cache: dict = {}
        for use in ("first", "second"):
            again = function(case.spec, *arrays, weights_cache)
            np.testing.assert_array_equal(again, found, err_msg=f"{case}: {use} use of a weight with a cache")
    return again


def check(case: Case) -> None:
    """Plain sums give the reference's numbers to the last bit, on any team."""
    set_exact(True)
    arrays = case.arrays()
    want = getattr(reference, case.kernel)(case.spec, *arrays)
    for threads in THREADS:
        found = run(case, arrays, threads)
        assert found.dtype == want.dtype
        np.testing.assert_array_equal(found, want, err_msg=f"{case} on {threads} threads")


def is_winograd(case: Case) -> bool:
    if case.kernel == "wgrad":
        return choose_gradient(case.spec, Target.host(), False).algorithm == "winograd"
    return choose(case.spec, case.kernel, Target.host(), 2, False).algorithm == "winograd"


def check_winograd(case: Case) -> bool:
    """Within 1e-5 of the reference in the norm, and what both round to halves; with the same bits on any team. Whether
    it was Winograd's algorithm."""
    set_exact(False)
    arrays = case.arrays()
    want = getattr(reference, case.kernel)(case.spec, *arrays)
    first, *others = (run(case, arrays, threads) for threads in THREADS)
    for found in others:
        np.testing.assert_array_equal(found, first, err_msg=f"{case}: other bits on another team")
    apart, size = (np.linalg.norm(a) for a in (first.astype("f8") - want.astype("f8"), want.astype("f8")))
    assert first.dtype == want.dtype and apart <= (1e-5 + 2 * ROUNDING[case.spec.dtype]) * size, str(case)
    return is_winograd(case)


def sweep(kernel: str, chunk: int, examples: int) -> None:
    """`examples` cases; the numbers of a chunk's draws begin with its name."""

    @seed(1000 * KERNELS.index(kernel) + chunk)
    @settings(max_examples=examples, derandomize=False)
    @given(cases(kernel))
    def any_geometry(case: Case) -> None:
        check(case)

    any_geometry()


def sweep_winograd(kernel: str, chunk: int, examples: int) -> None:
    """The like for layers that may run by Winograd's algorithm; some of them must."""
    taken = []

    @seed(1000 * KERNELS.index(kernel) + chunk)
    @settings(max_examples=examples, derandomize=False)
    @given(cases(kernel, winograd_specs(kernel)))
    def three_taps(case: Case) -> None:
        taken.append(check_winograd(case))

    three_taps()
    assert any(taken)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("chunk", range(2))
def test_some_geometries(kernel, chunk):
    sweep(kernel, chunk, 45)


@pytest.mark.parametrize("kernel", KERNELS)
def test_some_winograd_layers(kernel):
    sweep_winograd(kernel, 0, 12)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("isa", LOWER)
def test_some_geometries_on_lower_instruction_sets(isa, kernel, monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_TARGET", isa)
    sweep(kernel, 50 + LOWER.index(isa), 20)
    sweep_winograd(kernel, 50, 12)


@pytest.mark.long
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("chunk", range(100, 100 + 10 * BUDGET))
def test_many_geometries(kernel, chunk):
    sweep(kernel, chunk, 110)


@pytest.mark.long
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("chunk", range(100, 100 + 2 * BUDGET))
def test_many_winograd_layers(kernel, chunk):
    sweep_winograd(kernel, chunk, 40)


@pytest.mark.long
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("isa", LOWER)
@pytest.mark.parametrize("chunk", range(200, 200 + 2 * BUDGET))
def test_many_geometries_on_lower_instruction_sets(isa, kernel, chunk, monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_TARGET", isa)
    sweep(kernel, chunk, 110)
    sweep_winograd(kernel, chunk, 20)
