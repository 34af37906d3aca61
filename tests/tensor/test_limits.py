"""Numbers at the limits: axes, kernels, orders of norms."""

import math
import pickle
import time

import pytest

import rushlight as torch
import rushlight.nn.functional as F

MANY = [1] * 65


@pytest.mark.parametrize(
    "call",
    [
        lambda: torch.ones(*MANY),
        lambda: torch.zeros(MANY),
        lambda: torch.empty([0] * 65),
        lambda: torch.full(MANY, 2),
        lambda: torch.rand(MANY),
        lambda: torch.randint(3, MANY),
        lambda: torch.ones(1).new_zeros(MANY),
        lambda: torch.ones(1).expand(MANY),
        lambda: torch.ones(1).reshape(MANY),
        lambda: torch.ones(1).view(MANY),
        lambda: torch.ones([1] * 64).unsqueeze(0),
    ],
)
def test_too_many_axes_are_named(call):
    with pytest.raises((RuntimeError, IndexError), match="at most 64 dimensions, got 65"):
        call()
    assert torch.ones([1] * 64).dim() == 64


def test_large_windows_take_no_time():
    x = torch.arange(64.0).reshape(1, 1, 8, 8).requires_grad_()
    largest = 2**31 - 1
    start = time.perf_counter()
    for options in ({}, {"padding": largest // 2}, {"padding": (largest // 2, 0), "ceil_mode": True}):
        y, places = F.max_pool2d(x, largest, **{"ceil_mode": True, **options}, return_indices=True)
        assert y.item() == 63 and places.item() == 63
        assert torch.autograd.grad(y.sum(), x)[0].nonzero().tolist() == [[0, 0, 7, 7]]
    assert F.max_pool2d(x, largest, ceil_mode=True).item() == 63
    assert F.avg_pool2d(x, largest, ceil_mode=True).item() == pytest.approx(31.5)
    for kernel in (2**31, 2**40):
        with pytest.raises(RuntimeError, match="without overflow"):
            F.max_pool2d(x, kernel, ceil_mode=True)
    assert time.perf_counter() - start < 5


NORMS = {0: 2, 1: 12, 2: 50**0.5, 3: (27 + 64 + 125) ** (1 / 3), -1: 0, math.inf: 5, -math.inf: 0}


@pytest.mark.parametrize("order", NORMS)
def test_clip_grad_norm_of_every_order(order):
    weights = [torch.nn.Parameter(torch.zeros(2)) for _ in range(2)]
    for weight, grad in zip(weights, ([3.0, 4.0], [0.0, -5.0])):
        weight.grad = torch.tensor(grad)
    total = torch.nn.utils.clip_grad_norm_(weights, 1.0, norm_type=order)
    assert total.dtype is torch.float32 and total.item() == pytest.approx(NORMS[order])
    assert weights[0].grad[1].item() == pytest.approx(4 / max(NORMS[order], 1), rel=1e-5)
    one = torch.nn.Parameter(torch.zeros(1))
    one.grad = torch.tensor([3.0])
    assert torch.nn.utils.clip_grad_norm_([one], 1.0, norm_type=0).item() == 1


def test_a_parameter_is_an_array_where_nothing_is_recorded():
    parameter = torch.nn.Parameter(torch.ones(2))
    with torch.no_grad():
        assert parameter.numpy().tolist() == [1, 1]
        assert (parameter * 2).numpy().tolist() == [2, 2]
    with torch.inference_mode():
        assert parameter.numpy().tolist() == [1, 1]
    with pytest.raises(RuntimeError, match="requires grad"):
        parameter.numpy()


def test_a_tensor_without_axes_has_no_size_of_one():
    for dim in (0, -1):
        with pytest.raises(IndexError, match=f"Dimension specified as {dim} but tensor has no dimensions"):
            torch.tensor(5).size(dim)
    assert torch.tensor(5).size() == ()


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("protocol", [2, 5])
def test_pickles_keep_strides(kind, protocol):
    x = torch.rand(2, 3, 4, 5).to(kind)
    for tensor in (x.to(memory_format=torch.channels_last), x.permute(1, 3, 0, 2), x[:, ::2], x.expand(2, 3, 4, 5)):
        back = pickle.loads(pickle.dumps(tensor, protocol))
        assert torch.equal(back, tensor) and back.dtype is kind
    last = x.to(memory_format=torch.channels_last)
    assert pickle.loads(pickle.dumps(last, protocol)).stride() == last.stride()
    assert pickle.loads(pickle.dumps(x.permute(1, 3, 0, 2), protocol)).stride() == x.permute(1, 3, 0, 2).stride()


@pytest.mark.parametrize("expression", [
    "ones([1] * 60)[(None,) * 10]", "ones([1] * 60)[(slice(None),) + (None,) * 9]", "zeros(1)[(None,) * 66]",
    "ones(2).as_strided([1] * 70, [0] * 70)", "ones(2).unflatten(0, [1] * 69 + [2])", "ones([1] * 64).unfold(0, 1, 1)",
    "tensordot(ones([1] * 40), ones([1] * 40), 0)", "stack([ones([1] * 64)] * 2)", "ones(1).expand([1] * 70)",
    "ones([1] * 64).unsqueeze(0)", "nn.functional.one_hot(zeros([1] * 64, dtype=int64))", "ones(1).tile([1] * 70)",
])  # fmt: skip
def test_more_axes_than_there_can_be(expression):
    """By our text, wherever they come from."""
    names = {name: getattr(torch, name) for name in ("ones", "zeros", "tensordot", "stack", "nn", "int64")}
    with pytest.raises(RuntimeError, match=r"tensors have at most 64 dimensions, got \d+"):
        eval(expression, names)


def test_as_many_axes_as_there_can_be():
    x = torch.ones([1] * 63)
    assert x[(None, None, 0)].dim() == 64 and x[None].dim() == 64
