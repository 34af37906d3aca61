"""Drawn geometries with guard pages around every array: no kernel reads or writes outside of what it was given.

Sources, weights and biases end (or begin) at a page that may not be touched; so do results, scratch and packed
weights, whose unwritten numbers are NaN.
"""

import os
import sys

import numpy as np
import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

pytest.importorskip("llvmlite")

from rushlight import runtime
from rushlight.backends import cpu as compiled
from rushlight.backends import reference
from rushlight.backends.exactness import set_exact
from rushlight.runtime import guard
from tests import instruction_sets
from tests.fuzz.geometries import ROUNDING, Case, cases, specs, winograd_specs

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="guard pages need POSIX")
BUDGET = int(os.environ.get("RUSHLIGHT_SWEEP", "1"))
ISAS = instruction_sets.asked()
SIDES = st.sampled_from(["start", "end"])


@pytest.fixture(autouse=True)
def as_before():
    threads = runtime.get_num_threads()
    runtime.set_num_threads(2)
    compiled._calls.clear()
    yield
    compiled._calls.clear()
    runtime.set_num_threads(threads)
    set_exact(False)


def fenced(array: object, side: str) -> object:
    """A guarded copy, in the same order of memory where that is dense; other arguments as they are."""
    if not isinstance(array, np.ndarray):
        return array
    order = sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis]))
    return guard.guarded_copy(np.ascontiguousarray(array.transpose(order)), side).transpose(np.argsort(order))


def check(case: Case, side: str) -> None:
    """Equal to the reference where sums are plain, near it by Winograd's algorithm; and nothing stray."""
    arrays = case.arrays()
    want = getattr(reference, case.kernel)(case.spec, *arrays)
    arrays = [fenced(array, side) for array in arrays]
    weights_cache: list = [] if case.kernel == "wgrad" else [{}]
    want = want.astype("f8")
    bounds = {"rtol": 2 * ROUNDING[case.spec.dtype], "atol": 1e-5 * np.linalg.norm(want)}
    with guard.guarding(side):
        for _ in range(1 + len(weights_cache)):  # a weight's first use may pack it otherwise than its second
            found = getattr(compiled, case.kernel)(case.spec, *arrays, *weights_cache)
            np.testing.assert_allclose(found.astype("f8"), want, **bounds, err_msg=str(case))
    compiled._calls.clear()


def check_bias(case: Case, side: str) -> None:
    """The bias's gradient of the case's y."""
    _, y = case.arrays()
    if 0 in y.shape:
        return
    want = reference.bias_grad(case.spec, y)
    with guard.guarding(side):
        np.testing.assert_array_equal(compiled.bias_grad(case.spec, fenced(y, side)), want, err_msg=str(case))


def sweep(number: int, examples: int, of: st.SearchStrategy, check: object) -> None:
    @seed(number)
    @settings(max_examples=examples, derandomize=False)
    @given(of, SIDES)
    def any_case(case: Case, side: str) -> None:
        check(case, side)

    any_case()


def families(kernel: str) -> dict[str, st.SearchStrategy]:
    """Cases by the algorithm that takes them."""
    lanes = specs().filter(lambda spec: spec.groups > 1)
    return {
        "any": cases(kernel),
        "grouped": cases(kernel, lanes),
        "winograd": cases(kernel, winograd_specs(kernel)),
    }


@pytest.mark.parametrize("kernel", ["fprop", "dgrad", "wgrad"])
@pytest.mark.parametrize("family", ["any", "grouped", "winograd"])
@pytest.mark.parametrize("isa", ISAS)
def test_no_kernel_leaves_its_arrays(isa, family, kernel, monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_TARGET", isa)
    set_exact(family != "winograd")
    sweep(ISAS.index(isa), 8 if family == "winograd" else 15, families(kernel)[family], check)


@pytest.mark.parametrize("isa", ISAS)
def test_no_sum_of_a_bias_leaves_its_arrays(isa, monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_TARGET", isa)
    sweep(ISAS.index(isa), 30, cases("wgrad"), check_bias)


@pytest.mark.long
@pytest.mark.parametrize("kernel", ["fprop", "dgrad", "wgrad"])
@pytest.mark.parametrize("family", ["any", "grouped", "winograd"])
@pytest.mark.parametrize("chunk", range(100, 100 + 3 * BUDGET))
def test_no_kernel_leaves_its_arrays_in_many_geometries(family, kernel, chunk):
    set_exact(family != "winograd")
    sweep(chunk, 30 if family == "winograd" else 100, families(kernel)[family], check)
