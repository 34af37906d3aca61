"""The worked examples that the project promises, each as an input and the output that must come out."""

import re

import pytest

import rushlight as torch
from rushlight import nn

LONG, IMAGE, VOLUME = (20, 16, 50), (20, 16, 50, 100), (20, 16, 10, 50, 100)

SHAPES = [
    ("nn.Conv1d(16, 33, 3, stride=2)", LONG, (20, 33, 24)),
    ("nn.Conv1d(16, 33, 5, stride=2)", LONG, (20, 33, 23)),
    ("nn.Conv1d(16, 33, 3, stride=3)", LONG, (20, 33, 16)),
    ("nn.Conv1d(16, 33, 3, stride=2, padding=2)", LONG, (20, 33, 26)),
    ("nn.Conv1d(16, 33, 3, stride=2, dilation=3)", LONG, (20, 33, 22)),
    ("nn.Conv1d(16, 24, 3, stride=2, groups=1)", LONG, (20, 24, 24)),
    ("nn.Conv1d(16, 24, 3, stride=2, groups=2)", LONG, (20, 24, 24)),
    ("nn.Conv2d(16, 33, 3, stride=2)", IMAGE, (20, 33, 24, 49)),
    ("nn.Conv2d(16, 33, (3, 5), stride=(2, 1), padding=(4, 2))", IMAGE, (20, 33, 28, 100)),
    ("nn.Conv2d(16, 33, (3, 5), stride=(2, 1), padding=(4, 2), dilation=(3, 1))", IMAGE, (20, 33, 26, 100)),
    ("nn.Conv3d(16, 33, 3, stride=2)", VOLUME, (20, 33, 4, 24, 49)),
    ("nn.Conv3d(16, 33, (3, 5, 2), stride=(2, 1, 1), padding=(4, 2, 0))", VOLUME, (20, 33, 8, 50, 99)),
    ("nn.ConvTranspose1d(16, 33, 3, stride=2)", (20, 16, 30), (20, 33, 61)),
    ("nn.ConvTranspose1d(16, 33, 3, stride=2, padding=2)", (20, 16, 30), (20, 33, 57)),
    ("nn.ConvTranspose1d(16, 33, 3, stride=2, padding=2, output_padding=1)", (20, 16, 30), (20, 33, 58)),
    ("nn.ConvTranspose1d(16, 33, 3, stride=2, padding=2, output_padding=1, dilation=3)", (20, 16, 30), (20, 33, 62)),
    ("nn.ConvTranspose2d(16, 33, 3, stride=2)", IMAGE, (20, 33, 101, 201)),
    ("nn.ConvTranspose2d(16, 33, (3, 5), stride=(2, 1), padding=(4, 2))", IMAGE, (20, 33, 93, 100)),
    ("nn.ConvTranspose2d(16, 33, 3, stride=(2, 1), padding=(4, 2), output_padding=(1, 0))", IMAGE, (20, 33, 94, 98)),
    ("nn.ConvTranspose3d(16, 33, 3, stride=2)", VOLUME, (20, 33, 21, 101, 201)),
    ("nn.ConvTranspose3d(16, 33, (3, 5, 2), stride=(2, 1, 1), padding=(0, 4, 2))", VOLUME, (20, 33, 21, 46, 97)),
    (
        "nn.ConvTranspose3d(16, 33, (3, 5, 2), stride=(2, 1, 1), padding=(0, 4, 2), output_padding=(1, 0, 0))",
        VOLUME,
        (20, 33, 22, 46, 97),
    ),
    ("nn.Linear(20, 30)", (128, 20), (128, 30)),
    ("nn.Linear(28, 10)", (256, 1, 28, 28), (256, 1, 28, 10)),
    ("nn.Linear(8, 3)", (128, 64, 16, 8), (128, 64, 16, 3)),
    ("nn.Sequential(nn.Conv2d(1, 32, 5, 1, 1), nn.Flatten())", (32, 1, 5, 5), (32, 288)),
    ("nn.Conv2d(16, 16, 3, stride=2, padding=1)", (1, 16, 12, 12), (1, 16, 6, 6)),
]


def layer(text: str) -> nn.Module:
    return eval(text, {"nn": nn})


@pytest.mark.parametrize(("text", "size", "expected"), SHAPES, ids=[text for text, _, _ in SHAPES])
def test_shape_without_running(text, size, expected):
    assert tuple(torch.output_shape(layer(text), size)) == expected


@pytest.mark.parametrize(("text", "size", "expected"), SHAPES, ids=[text for text, _, _ in SHAPES])
def test_shape_of_a_run(text, size, expected):
    """The first axis, the batch, is cut to one where the example is large."""
    if len(size) == 5:
        size, expected = (1, *size[1:]), (1, *expected[1:])
    with torch.no_grad():
        assert tuple(layer(text)(torch.ones(size)).shape) == expected


def test_down_and_up_again():
    torch.manual_seed(0)
    x = torch.randn(1, 16, 12, 12)
    down = nn.Conv2d(16, 16, 3, stride=2, padding=1)
    up = nn.ConvTranspose2d(16, 16, 3, stride=2, padding=1)
    small = down(x)
    back = up(small, output_size=x.size())
    assert (tuple(small.shape), tuple(back.shape)) == ((1, 16, 6, 6), (1, 16, 12, 12))
    assert not torch.allclose(back, x)


def test_pointwise_convolution_is_linear():
    convolution, linear = nn.Conv1d(8, 32, 1), nn.Linear(8, 32)
    for module in (convolution, linear):
        assert sum(p.numel() for p in module.parameters()) == 288
    with torch.no_grad():
        convolution.weight.copy_(linear.weight.unsqueeze(2))
        convolution.bias.copy_(linear.bias)
    x = torch.rand(128, 256, 8)
    across = convolution(x.permute(0, 2, 1)).permute(0, 2, 1)
    assert torch.allclose(across, linear(x), atol=1e-6)


def test_wrong_channels_say_so_and_how_to_fix_it():
    sentence = (
        "Given groups=1, weight of size [4, 5, 4, 4], expected input[256, 3, 227, 227] to have 5 channels, "
        "but got 3 channels instead"
    )
    with pytest.raises(RuntimeError, match="^" + re.escape(sentence)) as caught:
        nn.Conv2d(5, 4, (4, 4))(torch.empty(256, 3, 227, 227))
    assert "Try:" in str(caught.value)


def test_an_input_that_fits_after_a_permute_says_so():
    with pytest.raises(RuntimeError, match=re.escape("x.permute(0, 2, 1)")):
        nn.Conv1d(8, 32, 1)(torch.ones(128, 256, 8))
