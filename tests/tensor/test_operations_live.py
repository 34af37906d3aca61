"""Every operation against PyTorch while it runs: values, dtype, shape, first and second gradients."""

import numpy as np
import pytest

import rushlight
from tests.tensor.operations import SAMPLES, arrays

pytestmark = pytest.mark.live
BOUND = {"float64": 1e-12, "float32": 2e-5, "float16": 4e-3, "bfloat16": 4e-2}


def results(t, name, dtype):
    """Output, first gradients, and gradients of a function of those."""
    kind = getattr(t, dtype)
    inputs = [t.tensor(a, dtype=t.float32).to(kind).detach().requires_grad_() for a in arrays(name)]
    output = SAMPLES[name][0](t, *inputs)
    found = [output]
    if output.requires_grad:
        weights = t.tensor(np.cos(np.arange(output.numel())).reshape(tuple(output.shape)), dtype=output.dtype)
        first = t.autograd.grad((output * weights).sum(), inputs, create_graph=True, allow_unused=True)
        found += first
        total = sum(((g * g).sum() for g in first if g is not None and g.requires_grad), t.zeros((), dtype=kind))
        if total.requires_grad:
            found += t.autograd.grad(total, inputs, allow_unused=True)
    return found


def as_array(t, tensor):
    return tensor.detach().to(t.float64).numpy(force=True)


@pytest.mark.parametrize("dtype", BOUND)
@pytest.mark.parametrize("name", SAMPLES)
def test_agrees(torch, name, dtype):
    ours, theirs = results(rushlight, name, dtype), results(torch, name, dtype)
    assert [t is None for t in ours[:1]] == [t is None for t in theirs[:1]]
    assert str(ours[0].dtype) == str(theirs[0].dtype)
    for mine, other in zip(ours, theirs):
        mine = None if mine is None else as_array(rushlight, mine)
        other = None if other is None else as_array(torch, other)
        if mine is None or other is None:  # None and zeros mean the same gradient
            assert mine is other or not np.any(mine if other is None else other)
            continue
        assert mine.shape == other.shape
        if not np.isfinite(other).all():  # beyond half precision's range: the last rounding decides
            continue
        scale = max(np.abs(other).max(initial=0), 1.0)
        np.testing.assert_allclose(mine, other, atol=BOUND[dtype] * scale, rtol=BOUND[dtype])
    if len(ours) != len(theirs):  # where PyTorch has no second gradient, ours is zero
        longer = max(ours, theirs, key=len)
        assert all(t is None or not t.detach().abs().sum().item() for t in longer[min(len(ours), len(theirs)) :])


@pytest.mark.parametrize("name", SAMPLES)
def test_node_has_the_same_name(torch, name):
    names = []
    for t in (rushlight, torch):
        inputs = [t.tensor(a, dtype=t.float32, requires_grad=True) for a in arrays(name)]
        names.append(getattr(SAMPLES[name][0](t, *inputs).grad_fn, "name", lambda: None)())
    different = {  # one node here and several in PyTorch, or the reverse
        "rdiv", "norm_inf", "norm_1", "reshape_transposed", "repeat_interleave", "index_step", "prod_dim",
        "matmul_batch", "matmul_vector", "vector_matmul", "batch_vector", "vector_batch", "outer", "mm", "bmm", "mv",
        "dot", "addmm", "einsum", "einsum_trace", "einsum_three", "einsum_dots", "tensordot",
    }  # fmt: skip
    if name not in different:
        assert names[0] == names[1]
