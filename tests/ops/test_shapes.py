"""output_shape: what running would give, without running, and without changing anything."""

import pytest

import rushlight
from rushlight import nn
from rushlight.nn import functional as F
from rushlight.ops.shapes import output_shape


@pytest.mark.parametrize(
    ("layer", "x", "y"),
    [
        (nn.Conv1d(16, 33, 3, stride=2), (20, 16, 50), (20, 33, 24)),
        (nn.Conv2d(16, 33, (3, 5), (2, 1), (4, 2), (3, 1)), (20, 16, 50, 100), (20, 33, 26, 100)),
        (nn.ConvTranspose2d(16, 33, 3, (2, 1), (4, 2), (1, 0)), (20, 16, 50, 100), (20, 33, 94, 98)),
        (nn.Linear(20, 30), (128, 20), (128, 30)),
        (nn.LazyConv2d(8, 3), (1, 3, 10, 10), (1, 8, 8, 8)),
        (nn.Sequential(nn.LazyConv2d(8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()), (2, 3, 10, 10), (2, 128)),
        (nn.Sequential(nn.Sequential(nn.Conv1d(1, 4, 3)), nn.Dropout(0.5)), (5, 1, 9), (5, 4, 7)),
    ],
)
def test_layers(layer, x, y):
    before, state = repr(layer), rushlight.get_rng_state()
    assert output_shape(layer, x) == y
    assert repr(layer) == before
    assert rushlight.equal(rushlight.get_rng_state(), state)


def test_functions():
    assert output_shape(F.conv2d, (1, 3, 9, 9), (6, 3, 3, 3), (6,), padding=1) == (1, 6, 9, 9)
    assert output_shape(F.max_pool2d, (1, 3, 9, 9), kernel_size=2, ceil_mode=True) == (1, 3, 5, 5)
    assert output_shape(F.unfold, (1, 3, 9, 9), kernel_size=3) == (1, 27, 49)


def test_a_forward_of_the_user():
    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(4, 4, 3, padding=1)

        def forward(self, x):
            return F.relu(self.conv(x) + x).mean((2, 3)), x

    assert output_shape(Residual(), (2, 4, 8, 8)) == ((2, 4), (2, 4, 8, 8))


def test_raises_what_the_call_raises():
    with pytest.raises(RuntimeError, match="to have 3 channels, but got 4 channels instead"):
        output_shape(nn.Conv2d(3, 6, 3), (1, 4, 9, 9))


def test_memory_stays_small():
    layer = nn.Conv2d(1, 64, 3, padding=1)
    assert output_shape(layer, (64, 1, 1024, 1024)) == (64, 64, 1024, 1024)
