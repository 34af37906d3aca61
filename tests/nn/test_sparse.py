"""Embedding beside PyTorch: values, gradients of both orders, changes in place, errors."""

import itertools

import pytest

import rushlight
from rushlight import nn
from rushlight.nn import functional as F

SPECIALS = [
    {}, {"padding_idx": 1}, {"padding_idx": -1}, {"scale_grad_by_freq": True}, {"max_norm": 1.0},
    {"max_norm": 0.5, "norm_type": 1.0, "padding_idx": 2, "scale_grad_by_freq": True},
]  # fmt: skip
NUMBERS = [[[1, 2, 1], [0, 4, 1]], [3], 2, [], [[]]]


def of(torch, options, numbers, kind, index):
    torch.manual_seed(3)
    weight = torch.randn(5, 3).to(getattr(torch, kind)).requires_grad_()
    given = torch.tensor(numbers, dtype=getattr(torch, index))
    y = torch.nn.functional.embedding(given, weight, **options)
    first = torch.linspace(-1, 1, max(y.numel(), 1))[: y.numel()].reshape(y.shape).to(y.dtype).requires_grad_()
    (grad,) = torch.autograd.grad(y, weight, first, create_graph=True)
    # PyTorch has no second derivative of nothing, and forgets the scale in it
    twice = numbers not in ([], [[]]) and not options.get("scale_grad_by_freq")
    second = torch.autograd.grad((grad * grad).sum(), first)[0] if twice else grad
    return [y, weight, grad, second], y.grad_fn.name()


@pytest.mark.live
@pytest.mark.parametrize("options", SPECIALS, ids=str)
@pytest.mark.parametrize("numbers", NUMBERS, ids=str)
def test_beside_pytorch(numbers, options):
    torch = pytest.importorskip("torch")
    for kind, index in itertools.product(("float32", "float64", "bfloat16", "float16"), ("int64", "int32")):
        (ours, name), (theirs, other) = (of(side, options, numbers, kind, index) for side in (rushlight, torch))
        assert name == other
        for a, b in zip(ours, theirs):
            near = {"float64": 1e-12, "float32": 1e-6, "float16": 4e-3, "bfloat16": 3e-2}[kind]
            found, want = rushlight.tensor(a.tolist()), rushlight.tensor(b.tolist())
            rushlight.testing.assert_close(found, want, rtol=near, atol=near)


def test_gradients():
    weight = rushlight.randn(5, 3, dtype=rushlight.float64, requires_grad=True)
    numbers = rushlight.tensor([[1, 0, 1], [4, 4, 2]])
    assert rushlight.autograd.gradcheck(lambda w: F.embedding(numbers, w).sin(), (weight,))
    assert rushlight.autograd.gradgradcheck(lambda w: F.embedding(numbers, w).sin(), (weight,))
    y = F.embedding(numbers, weight, padding_idx=0, scale_grad_by_freq=True)
    first = rushlight.randn(*y.shape, dtype=y.dtype, requires_grad=True)
    (grad,) = rushlight.autograd.grad(y, weight, first, create_graph=True)
    (second,) = rushlight.autograd.grad(grad.sum(), first)
    assert second[..., 0].tolist() == [[0.5, 0, 0.5], [0.5, 0.5, 1]]


def test_the_padding_gets_no_gradient_even_where_it_is_not_finite():
    layer = nn.Embedding(4, 2, padding_idx=-2)
    assert layer.weight[2].tolist() == [0, 0] and layer.padding_idx == 2
    y = layer(rushlight.tensor([2, 1]))
    y.backward(rushlight.full_like(y, float("inf")))
    assert layer.weight.grad.tolist() == [[0, 0], [float("inf")] * 2, [0, 0], [0, 0]]


def test_the_layer():
    layer = nn.Embedding(10, 3, padding_idx=1, max_norm=2.0, norm_type=1.0, scale_grad_by_freq=True)
    assert repr(layer) == ("Embedding(10, 3, padding_idx=1, max_norm=2.0, norm_type=1.0, scale_grad_by_freq=True)")
    assert list(layer.state_dict()) == ["weight"] and layer(rushlight.zeros(2, 0, dtype=rushlight.int64)).shape == (
        2,
        0,
        3,
    )
    pretrained = nn.Embedding.from_pretrained(rushlight.ones(4, 2))
    assert not pretrained.weight.requires_grad and pretrained(rushlight.tensor(3)).tolist() == [1, 1]
    assert nn.Embedding.from_pretrained(rushlight.ones(4, 2), freeze=False).weight.requires_grad
    short = nn.Embedding.from_pretrained(rushlight.full((3, 4), 2.0), max_norm=1.0)
    short(rushlight.tensor([1, 1]))
    assert short.weight.norm(dim=1).tolist() == pytest.approx([4, 1, 4])


@pytest.mark.parametrize(
    "call, error, text",
    [
        (
            lambda t: F.embedding(t([1.0]), t([[1.0]])),
            RuntimeError,
            "scalar types: Long, Int; but got torch.FloatTensor",
        ),
        (lambda t: F.embedding(t([1]), t([[1.0]])), IndexError, "index out of range in self\n1: there are rows 0"),
        (lambda t: F.embedding(t([-1]), t([[1.0]])), IndexError, "index out of range in self"),
        (lambda t: F.embedding(t([0]), t([1.0])), RuntimeError, "'weight' must be 2-D"),
        (
            lambda t: F.embedding([0], t([[1.0]])),
            TypeError,
            r"argument 'indices' \(position 2\) must be Tensor, not list",
        ),
        (lambda t: F.embedding(t([0]), t([[1.0]]), sparse=True), RuntimeError, "sparse gradients are not supported"),
        (lambda t: F.embedding(t([0]), t([[1.0]]), padding_idx=1), AssertionError, "Padding_idx must be within"),
        (lambda t: nn.Embedding(3, 2, padding_idx=-4), AssertionError, "Padding_idx must be within num_embeddings"),
        (lambda t: nn.Embedding.from_pretrained(t([1.0])), AssertionError, "expected to be 2-dimensional"),
        (lambda t: nn.Embedding(3, 2, _weight=t([[1.0]])), AssertionError, "Shape of weight does not match"),
    ],
)
def test_errors(call, error, text):
    with pytest.raises(error, match=text):
        call(rushlight.tensor)
