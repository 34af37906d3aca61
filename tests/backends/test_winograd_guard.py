"""Winograd's algorithm is not seen: what is not finite, whole, of one sign or far from the rest is summed plainly."""

import numpy as np
import pytest

import rushlight
from rushlight.backends import registry
from rushlight.backends.cpu.winograd_guard import is_learned, outside
from rushlight.plan.choose import choose, choose_gradient
from rushlight.plan.target import Target
from rushlight.rules.spec import ConvSpec

F = rushlight.nn.functional
RNG = np.random.default_rng(0)
LAYERS = {
    "conv1d": (F.conv1d, (2, 32, 60), (32, 32, 3), {"padding": 1}),
    "conv2d": (F.conv2d, (2, 32, 20, 22), (32, 32, 3, 3), {"padding": 1}),
    "conv3d": (F.conv3d, (1, 32, 8, 10, 9), (32, 32, 3, 3, 3), {"padding": 1}),
    "groups": (F.conv2d, (2, 64, 20, 22), (64, 32, 3, 3), {"padding": 1, "groups": 2}),
    "transposed": (F.conv_transpose2d, (2, 32, 20, 22), (32, 32, 3, 3), {"padding": 1}),
}


def numbers(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def run(layer, x, w, grad=None, last=False):
    """The result, and the gradients where one is given, and the same in float64."""
    found = []
    for kind in (np.float32, np.float64):
        a, b = (rushlight.from_numpy(array.astype(kind)).requires_grad_(grad is not None) for array in (x, w))
        given = a.contiguous(memory_format=rushlight.channels_last) if last else a
        y = layer[0](given, b, **layer[3])
        results = [y]
        if grad is not None:
            results += rushlight.autograd.grad(y, (a, b), rushlight.from_numpy(grad.astype(kind)))
        found.append([result.detach().numpy() for result in results])
    return found


@pytest.fixture(params=sorted(LAYERS))
def layer(request):
    return LAYERS[request.param]


def test_these_layers_use_winograd():
    """Else the others would prove nothing."""
    spec = ConvSpec.of(2, 32, 32, (20, 22), (3, 3), padding=1)
    for name in ("avx512", "avx2"):
        assert choose(spec, "fprop", Target.named(name), 2, exact=False).algorithm == "winograd"
    assert choose_gradient(ConvSpec.of(8, 64, 64, (56, 56), (3, 3), padding=1), Target.named("avx2"), False)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_reaches_its_windows_alone(layer, value):
    x, w = numbers(*layer[1]), numbers(*layer[2])
    x[(0, 3, *(n // 2 for n in x.shape[2:]))] = value
    (y,), (right,) = run(layer, x, w)
    np.testing.assert_array_equal(np.isfinite(y), np.isfinite(right))
    np.testing.assert_array_equal(np.isnan(y), np.isnan(right))


def test_ones_around_a_pixel_that_is_not_a_number():
    x = numbers(1, 16, 12, 12)
    x[0, 3, 6, 6] = np.nan
    y = F.conv2d(rushlight.from_numpy(x), rushlight.ones(16, 16, 3, 3), padding=1)
    assert int(y[0, 0].isnan().sum()) == 9


@pytest.mark.parametrize("weights", [(-8, 9), (-1, 2), (0, 2), (1, 2)])
def test_whole_numbers_are_exact(layer, weights):
    x = RNG.integers(-8, 9, layer[1]).astype(np.float32)
    w = RNG.integers(*weights, layer[2]).astype(np.float32)
    grad = RNG.integers(-8, 9, run(layer, x, w)[0][0].shape).astype(np.float32)
    ours, right = run(layer, x, w, grad)
    for a, b in zip(ours, right, strict=True):
        np.testing.assert_array_equal(a, b)


def test_sums_of_positive_numbers_are_positive(layer):
    x, w = np.maximum(numbers(*layer[1]), 0), np.abs(numbers(*layer[2]))
    x[0] = 0
    (y,), _ = run(layer, x, w)
    assert y.min() >= 0 and not y[0].any()


@pytest.mark.parametrize("last", [False, True])
def test_one_huge_pixel_does_not_reach_its_neighbours(last):
    layer = (F.conv2d, (1, 256, 32, 32), (256, 256, 3, 3), {"padding": 1})
    x, w = numbers(*layer[1]), numbers(*layer[2]) / 50
    x[0, 5, 9, 9] = 1e6
    (y,), (right,) = run(layer, x, w, last=last)
    error = np.abs(y - right)
    error[:, :, 8:11, 8:11] = 0
    assert error.max() < 6e-5


def test_one_huge_number_in_a_gradient():
    layer = LAYERS["conv2d"]
    x, w = numbers(*layer[1]), numbers(*layer[2])
    grad = numbers(*layer[1])
    grad[1, 7, 4, 4] = 1e6
    ours, right = run(layer, x, w, grad)
    error = np.abs(ours[1] - right[1])
    error[1, :, 3:6, 3:6] = 0
    assert error.max() < 1e-4


@pytest.mark.parametrize("activation", [None, "relu"])
def test_windows_in_padding_are_the_bias(activation):
    x, w, bias = numbers(2, 32, 20, 9), numbers(32, 32, 3, 3), numbers(32)
    spec = ConvSpec.of(2, 32, 32, (20, 9), (3, 3), padding=4)
    y = registry.current().fprop(spec, x, w, bias, activation)
    expected = np.maximum(bias, 0) if activation else bias
    for window in (y[:, :, :2], y[:, :, -2:], y[..., :2], y[..., -2:]):
        np.testing.assert_array_equal(window, np.broadcast_to(expected[:, None, None], window.shape))


def test_positions_outside():
    spec = ConvSpec.of(1, 1, 1, (5, 3), (3, 2), padding=(3, 0))
    assert [(axis, list(at)) for axis, at in outside("fprop", spec)] == [(2, [0, 8])]
    assert outside("dgrad", spec) == []
    cropped = ConvSpec.of(1, 1, 1, (6,), (1,), stride=2)
    assert [(axis, list(at)) for axis, at in outside("dgrad", cropped)] == [(2, [1, 3, 5])]


def test_which_weights_are_learned():
    w = numbers(16, 8, 3, 3)
    assert is_learned(w, "fprop", 1) and is_learned(w, "dgrad", 2) and is_learned(w.astype(np.float16), "fprop", 1)
    for spoil in (np.round, np.abs, lambda part: part * np.nan, lambda part: np.round(part * 4) / 4):
        whole, one = spoil(w), w.copy()
        one[3] = spoil(one[3])
        assert not is_learned(whole, "fprop", 1) and not is_learned(one, "fprop", 1)
        across = w.copy()
        across[:, 5] = spoil(across[:, 5])
        assert not is_learned(across, "dgrad", 1)
    few = w.copy()
    few[2, 0] = np.abs(few[2, 0])  # the first channel alone has one sign
    assert is_learned(few, "fprop", 1)


def test_a_changed_weight_is_looked_at_anew():
    x = rushlight.from_numpy(RNG.integers(-8, 9, (1, 32, 20, 20)).astype(np.float32))
    layer = rushlight.nn.Conv2d(32, 32, 3, padding=1, bias=False)
    with rushlight.no_grad():
        layer(x)
        layer.weight.copy_(layer.weight.sign())
        y = layer(x)
    assert rushlight.equal(y, y.round())
