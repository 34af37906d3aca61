"""Gradients of reductions in one pass are those in operations on tensors; and what reductions are at their edges."""

import math

import numpy as np
import pytest

import rushlight as torch

REDUCTIONS = {
    "amax": lambda x, *axes: x.amax(*axes),
    "amin kept": lambda x, *axes: x.amin(*axes, keepdim=True),
    "max": lambda x, *axes: x.max() if not axes else x.max(axes[0][0])[0],
    "var": lambda x, *axes: x.var(*axes),
    "var kept": lambda x, *axes: x.var(axes[0] if axes else None, keepdim=True, correction=0),
    "std": lambda x, *axes: x.std(*axes),
    "norm": lambda x, *axes: x.norm(2, *axes),
    "logsumexp": lambda x, *axes: x.logsumexp(*axes or (tuple(range(x.ndim)),)),
    "mean": lambda x, *axes: x.mean(*axes),
    "softmax": lambda x, *axes: x.softmax(axes[0][0] if axes else 0),
    "log_softmax": lambda x, *axes: x.log_softmax(axes[0][0] if axes else 0),
    "prod": lambda x, *axes: (x / 4 + 1).prod(axes[0][0] if axes else 0),
}
BOUNDS = {torch.float32: 1e-5, torch.float64: 1e-12, torch.float16: 4e-3, torch.bfloat16: 4e-2}


@pytest.mark.parametrize("dtype", BOUNDS, ids=str)
@pytest.mark.parametrize("name", REDUCTIONS)
def test_one_pass_or_several(name, dtype):
    rng, bound = np.random.default_rng(0), BOUNDS[dtype]
    for shape, last in (((6, 20, 3), False), ((5, 6, 4, 7), True), ((90,), False)):
        x = torch.tensor(np.round(2 * rng.standard_normal(shape), 1)).to(dtype)
        x = x.to(memory_format=torch.channels_last) if last else x
        for axes in ((), ((0,),), ((1, 2),), ((-1,),)):
            if axes and max(axes[0]) >= len(shape):
                continue
            found = []
            for graph in (False, True):
                leaf = x.clone().requires_grad_()
                result = REDUCTIONS[name](leaf, *axes)
                slope = torch.tensor(np.random.default_rng(1).standard_normal(result.shape)).to(dtype)
                (grad,) = torch.autograd.grad(result, leaf, slope, create_graph=graph)
                assert grad.dtype == dtype and grad.shape == leaf.shape
                found.append(grad.detach().double().numpy())
            scale = max(float(np.abs(found[1]).max()), 1.0)
            np.testing.assert_allclose(*found, bound * 4, bound * scale, err_msg=f"{shape} {axes}")


def test_no_spread_and_no_length():
    x = torch.full((100,), 3.0, requires_grad=True)
    x.std().backward()
    assert x.grad.tolist() == [0.0] * 100
    zero = torch.zeros(100, requires_grad=True)
    zero.norm().backward()
    assert zero.grad.tolist() == [0.0] * 100


def test_extremes_among_nan():
    x = torch.tensor([1.0, float("nan"), 5.0, float("nan")] * 20, requires_grad=True)
    x.max().backward()
    assert abs(x.grad.sum().item() - 1) < 1e-5 and x.grad[1] == 1 / 40 and x.grad[0] == 0
    x.grad = None
    x.amax().backward()
    assert x.grad.isnan().all()


def test_variance_of_far_numbers():
    rng = np.random.default_rng(0)
    near = rng.standard_normal(10_000)
    for dtype, far, bound in ((torch.float32, 1e4, 2e-3), (torch.float64, 1e8, 1e-7)):
        x = torch.tensor(near + far).to(dtype)
        right = x.double().numpy().var(ddof=1)
        assert abs(x.var().item() / right - 1) < 1e-6
        x[0] = 100 * far  # a number that is far from the others is no harm, wherever it stands
        assert abs(x.var().item() / x.double().numpy().var(ddof=1) - 1) < bound


def test_logarithms_of_sums_without_overflow():
    x = torch.tensor([[1000.0] * 50, [-1000.0] * 50, [float("-inf")] * 50, [float("inf")] + [0.0] * 49])
    found = x.logsumexp(1).tolist()
    assert found[:2] == pytest.approx([1000 + np.log(50), -1000 + np.log(50)])
    assert found[2:] == [float("-inf"), float("inf")]


def test_integers_and_truths():
    x = torch.arange(300).reshape(3, 100)
    for kind in (torch.int64, torch.int32, torch.uint8, torch.int8, torch.bool):
        y = (x % 100).to(kind)
        wide = y.numpy().astype(np.int64)
        assert y.sum().item() == wide.sum() and y.sum(0).tolist() == wide.sum(0).tolist()
        assert y.sum().dtype == torch.int64 and y.sum(1).dtype == torch.int64
        assert y.amax(1).tolist() == wide.max(1).tolist() and y.amax().dtype == kind
        assert y.any(1).tolist() == [1, 1, 1] and y.all(1).tolist() == [0, 0, 0]
        assert torch.count_nonzero(y).item() == np.count_nonzero(wide)
    assert x.max(1).indices.tolist() == [99] * 3 and x.argmin(0).tolist() == [0] * 100


@pytest.mark.parametrize("kind", ["float32", "float64", "float16", "bfloat16"])
def test_nan_is_the_median_and_equal_elements_share_its_gradient(kind):
    nan = math.nan
    for numbers, want, slopes in (
        ([1, 2, 2, 2, 3], 2, [0, 1 / 3, 1 / 3, 1 / 3, 0]),
        ([4, 1, 3, 2], 2, [0, 0, 0, 1]),
        ([1, nan, 3, nan], nan, [0, 0.5, 0, 0.5]),
    ):
        x = torch.tensor(numbers, dtype=getattr(torch, kind), requires_grad=True)
        y = x.median()
        assert str(y.item()) == str(float(want)) and y.grad_fn.name() == "MedianBackward0"
        y.backward()
        assert x.grad.tolist() == torch.tensor(slopes, dtype=x.dtype).tolist()
    x = torch.tensor([[3, nan, 2, nan], [9, 7, 8, 6]], dtype=getattr(torch, kind), requires_grad=True)
    values, indices = x.median(1)
    assert str(values.tolist()) == "[nan, 7.0]" and indices.tolist() == [1, 1]
    values.sum().backward()
    assert values.grad_fn.name() == "MedianBackward1" and x.grad.tolist() == [[0, 1, 0, 0], [0, 1, 0, 0]]


def test_the_median_of_nothing():
    assert math.isnan(torch.empty(0).median()) and torch.empty(0, dtype=torch.int64).median() == -(2**63)
    assert torch.zeros(2, 0, 3).median(0).values.shape == (0, 3)
    with pytest.raises(IndexError, match="Expected reduction dim 1 to have non-zero size"):
        torch.zeros(2, 0).median(1)


def test_what_picks_one_of_one_number_says_so():
    x = torch.tensor(5.0, requires_grad=True)
    for name, *arguments in (("max", 0), ("min", 0), ("sort", 0), ("topk", 1), ("median", 0), ("kthvalue", 1)):
        values, indices = getattr(x, name)(*arguments)
        assert values.grad_fn.name().startswith(name.title()) and indices.item() == 0
        assert torch.autograd.grad(values, x)[0] == 1
