"""Clipping of gradients against PyTorch while it runs."""

import warnings

import numpy as np
import pytest

import rushlight

pytestmark = pytest.mark.live

CALLS = (
    "clip_grad_norm_(p, 1.5)", "clip_grad_norm_(p, 1.5, 1)", "clip_grad_norm_(p, 0.5, float('inf'))",
    "clip_grad_norm_(p, 0.5, 0)", "clip_grad_norm_(p, 1.5, 3.5)", "clip_grad_norm_(p, 1e6)",
    "clip_grad_norm_(p[1], 0.5)",
    "clip_grad_value_(p, 0.4)", "clip_grad_value_(p[1], 0.4)", "get_total_norm([q.grad for q in p[:4]])",
    "clip_grads_with_norm_(p, 2.0, library.tensor(4.0))", "clip_grad_norm_((q for q in ()), 1.0)",
    "clip_grad_norm_([], 1.0)", "clip_grad_norm(p, 1.5)", "get_total_norm([])",
)  # fmt: skip


def parameters(library, dtype, bad):
    draw = np.random.RandomState(0)
    made = []
    for shape in ((3,), (20, 30), (2, 3, 4, 4), ()):
        one = library.nn.Parameter(library.tensor(np.asarray(draw.randn(*shape))).to(getattr(library, dtype)))
        one.grad = library.tensor(np.asarray(draw.randn(*shape))).to(one.dtype)
        made.append(one)
    made[2].grad = made[2].grad.contiguous(memory_format=library.channels_last)
    if bad is not None:
        made[0].grad[1] = bad
    return [*made, library.nn.Parameter(library.ones(2))]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float16"])
def test_clipping(call, dtype):
    import torch

    tolerance = {"float32": 1e-5, "float64": 1e-12, "bfloat16": 2e-2, "float16": 2e-3}[dtype]
    for bad in (None, float("nan"), float("inf")):
        found = []
        for library in (rushlight, torch):
            p = parameters(library, dtype, bad)
            with warnings.catch_warnings(record=True) as warned:
                warnings.simplefilter("always")
                result = eval(f"library.nn.utils.{call}", {"p": p, "library": library})
            arrays = [q.grad.double().numpy() for q in p if q.grad is not None]
            arrays += [] if result is None else [result.double().numpy()]
            kind = None if result is None else str(result.dtype)
            found.append((arrays, kind, [(w.category, str(w.message)) for w in warned]))
        (ours, kind, warned), (theirs, *rest) = found
        assert [kind, warned] == rest
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


def test_a_norm_that_is_not_finite():
    import torch

    found = []
    for library in (rushlight, torch):
        p = parameters(library, "float32", float("nan"))
        before = [q.grad.clone() for q in p[:4]]
        with pytest.raises(RuntimeError) as failure:
            library.nn.utils.clip_grad_norm_(p, 1.0, error_if_nonfinite=True)
        assert all(library.equal(q.grad.nan_to_num(), old.nan_to_num()) for q, old in zip(p, before))
        found.append(str(failure.value))
    assert found[0] == found[1]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_norms_of_many_tensors_round_as_theirs(dtype):
    import torch

    for seed in range(20):
        draw, found = np.random.RandomState(seed), []
        arrays = [draw.randn(*shape) for shape in ((300,), (7, 9), (), (0,), (2, 3, 5, 5))]
        for library in (rushlight, torch):
            tensors = [library.tensor(array).to(getattr(library, dtype)) for array in arrays]
            found.append(library.nn.utils.get_total_norm(tensors))
        assert str(found[0].dtype) == str(found[1].dtype)
        np.testing.assert_allclose(found[0].item(), found[1].item(), 2e-7 if dtype == "float32" else 0)


def test_gradients_that_are_small_enough_stay_and_are_seen_as_changed():
    from rushlight.nn.utils import clip_grad_norm_

    p = parameters(rushlight, "float32", None)
    before = [(q.grad.clone(), q.grad._version) for q in p[:4]]
    clip_grad_norm_(p, 1e6)
    for q, (old, version) in zip(p, before):
        assert rushlight.equal(q.grad, old) and q.grad._version > version
