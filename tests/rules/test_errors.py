"""What is rejected, with which kind of exception, in which words; the live half asks PyTorch."""

import numpy as np
import pytest

import rushlight
from rushlight.nn import functional as F
from rushlight.rules import geometry

from .illegal_calls import ILLEGAL


def names(library, functional):
    """What the calls of the table refer to."""
    z = library.zeros
    x2, w2, x1, w1 = z(2, 4, 9, 8), z(6, 4, 3, 2), z(2, 4, 9), z(6, 4, 3)
    doubles = dict(d2=x2.double(), dw2=w2.double(), d1=x1.double(), dw1=w1.double())
    x3, w3 = z(2, 4, 5, 6, 7), z(6, 4, 3, 2, 2)
    return dict(F=functional, z=z, torch=library, np=np, x=x2, x1=x1, w1=w1, x2=x2, w2=w2, x3=x3, w3=w3, **doubles)


@pytest.mark.parametrize(("call", "kind", "text"), ILLEGAL)
def test_rejected(call, kind, text):
    with pytest.raises(Exception) as caught:
        eval(call, names(rushlight, F))
    assert type(caught.value).__name__ == kind
    assert str(caught.value).startswith(text)


@pytest.mark.live
@pytest.mark.parametrize(("call", "kind", "text"), ILLEGAL)
def test_pytorch_rejects_it_too(call, kind, text):
    torch = pytest.importorskip("torch")
    with pytest.raises(Exception) as caught:
        eval(call, names(torch, torch.nn.functional))
    assert type(caught.value).__name__ == kind


def refused(function, *arguments, kind=RuntimeError):
    with pytest.raises(kind) as caught:
        function(*arguments)
    return str(caught.value)


def conv(x, w, bias=None, stride=1, padding=0, dilation=1, groups=1, mode="zeros"):
    rank = len(w) - 2
    steps = stride, padding, dilation, groups, mode
    return geometry.convolution(f"conv{rank}d", rank, x, w, bias, ("f32", "f32", bias and "f32"), *steps)


@pytest.mark.parametrize(
    ("x", "w", "fix"),
    [
        ((20, 50, 16), (33, 16, 3), "x.permute(0, 2, 1)"),
        ((8, 32, 32, 3), (6, 3, 5, 5), "x.permute(0, 3, 1, 2)"),
        ((32, 32, 3), (6, 3, 5, 5), "x.permute(2, 0, 1)"),
        ((8, 28, 28), (6, 1, 5, 5), "x.unsqueeze(1), if the first axis is the batch"),
        ((28, 28), (6, 1, 5, 5), "x.unsqueeze(0) for one channel, and once more for a batch of one"),
        ((2, 3, 4, 28, 28), (6, 4, 5, 5), "x.flatten(0, 1), which joins the first two axes into the batch"),
        ((2, 8, 9), (6, 4, 3), "groups=2, or a layer with in_channels=8, or an input with 4 channels on axis 1"),
        ((2, 3, 9), (6, 4, 3), "a layer with in_channels=3, or an input with 4 channels on axis 1"),
    ],
)
def test_fixes(x, w, fix):
    assert f"\nTry: {fix}\nMore: rushlight.explain(" in refused(conv, x, w)


def test_says_axis_and_both_numbers():
    text = refused(conv, (256, 3, 227, 227), (4, 5, 4, 4))
    assert text.startswith(
        "Given groups=1, weight of size [4, 5, 4, 4], expected input[256, 3, 227, 227] to have 5 channels, "
        "but got 3 channels instead\n"
    )
    assert "conv2d, axis 1 (channels): 3 ≠ 5 = weight.size(1)·groups = 5·1" in text
    text = refused(conv, (2, 4, 9, 8), (6, 4, 3, 9), None, 1, 0, 3)
    assert "conv2d, axis 3 (width): 3·(9 − 1) + 1 ≤ 8 + 0 + 0 does not hold" in text


def test_four_numbers_for_two_axes_are_meant_as_pairs():
    text = refused(conv, (2, 4, 9, 8), (6, 4, 3, 3), None, 1, [1, 2, 3, 4])
    assert "padding=((1, 2), (3, 4)) for one (before, after) pair an axis" in text


@pytest.mark.parametrize("true", [True, 1.0, np.float32(1)])
def test_what_equals_one_but_is_no_integer(true):
    legal = (1, 1, 9), (1, 1, 3), None, ("f32", "f32", None)
    geometry.known_convolution("conv1d", 1, *legal, (1,), 0, 1, 1)
    refused(geometry.known_convolution, "conv1d", 1, *legal, (true,), 0, 1, 1, kind=TypeError)
    refused(geometry.known_convolution, "conv1d", 1, *legal, true, 0, 1, 1, kind=TypeError)


@pytest.mark.parametrize("huge", [2**45, 2**61, 2**62 - 1, 2**63 - 1, 2**63, 2**200])
@pytest.mark.parametrize("name", ["stride", "padding", "dilation", "groups"])
def test_huge_numbers_neither_wrap_nor_allocate(name, huge):
    x, w = (1, 1, 9), (1, 1, 3)
    try:
        call = conv(x, w, **{name: huge})
    except (RuntimeError, ValueError) as error:
        assert "\n" in str(error)
    else:
        assert call.spec.out == (1,)
        assert name == "stride"


def test_a_failed_call_changes_nothing():
    x = rushlight.ones(2, 3, 5, requires_grad=True)
    w = rushlight.ones(4, 2, 3, requires_grad=True)
    with pytest.raises(RuntimeError):
        F.conv1d(x, w)
    assert x.grad is None and x.tolist() == rushlight.ones(2, 3, 5).tolist() and w.is_leaf
