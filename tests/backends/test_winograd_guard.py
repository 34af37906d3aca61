"""Winograd's algorithm is not seen: what is not finite, whole, of one sign or far from the rest is summed plainly."""

import numpy as np
import pytest

import rushlight
from rushlight.backends import registry
from rushlight.backends.cpu.winograd import WinogradCall
from rushlight.backends.cpu.winograd_guard import GuardedCall, is_learned, outside
from rushlight.plan.choose import choose, choose_gradient
from rushlight.plan.target import Target
from rushlight.plan.winograd_layer import plan_winograd
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


FORMS = {
    "7 taps, dilation": (F.conv1d, (2, 32, 61), (32, 32, 7), {"padding": 3, "dilation": 2}),
    "groups of 24": (F.conv2d, (2, 96, 13, 11), (48, 24, 3, 3), {"padding": 1, "groups": 4}),
    "stride": (F.conv2d, (2, 64, 21, 25), (64, 64, 3, 3), {"padding": 1, "stride": 2}),
    "5 taps, stride": (F.conv2d, (1, 128, 41, 45), (128, 128, 5, 5), {"padding": 2, "stride": 2}),
    "5 taps": (F.conv2d, (2, 32, 20, 23), (32, 32, 5, 5), {"padding": 2}),
    "dilation": (F.conv2d, (1, 32, 20, 23), (32, 32, 3, 3), {"padding": 2, "dilation": 2}),
    "2 taps": (F.conv2d, (1, 32, 20, 23), (32, 32, 2, 2), {}),
    "rows": (F.conv2d, (2, 32, 20, 23), (32, 32, 3, 1), {"padding": (1, 0)}),
    "transposed, stride": (F.conv_transpose2d, (2, 32, 12, 13), (32, 32, 4, 4), {"padding": 1, "stride": 2}),
    "long taps": (F.conv_transpose1d, (2, 32, 40), (32, 32, 16), {"padding": 4, "stride": 8}),
    "chunks of channels": (F.conv2d, (2, 200, 9, 9), (32, 200, 3, 3), {"padding": 1}),
    "one tile": (F.conv2d, (2, 32, 4, 4), (32, 32, 3, 3), {"padding": 1}),
} | LAYERS  # fmt: skip


def spoil(x, kind, at):
    """What a plain sum would keep to itself."""
    if kind == "not finite":
        x[at] = RNG.choice([np.nan, np.inf, -np.inf])
    elif kind == "patch":
        kept = np.zeros(x.shape, bool)
        kept[(slice(None), slice(None), *(slice(a, a + int(RNG.integers(1, 4))) for a in at[2:]))] = True
        x[~kept] = RNG.choice([0.0, -0.0])
    elif kind == "huge":
        x[at] = 10.0 ** RNG.integers(3, 30)
    else:
        x[..., : at[-1] + 1] *= 10.0 ** RNG.integers(3, 10)


@pytest.mark.parametrize("kind", ["not finite", "patch", "huge", "strong part"])
@pytest.mark.parametrize("form", sorted(FORMS))
def test_nothing_reaches_a_window_that_does_not_hold_it(form, kind):
    function, shape, weight, options = FORMS[form]
    x, w = numbers(*shape), numbers(*weight)
    if RNG.random() < 0.5:
        x = np.maximum(x, 0)
    spoil(x, kind, tuple(int(RNG.integers(0, n)) for n in shape))
    (y,), (right,) = run(FORMS[form], x, w)
    np.testing.assert_array_equal(np.isnan(y), np.isnan(right))
    np.testing.assert_array_equal(np.isposinf(y), np.isposinf(right))
    known = np.nan_to_num(np.abs(x), nan=0, posinf=0).astype(np.float64)
    scale = function(rushlight.from_numpy(known), rushlight.from_numpy(np.abs(w).astype(np.float64)), **options).numpy()
    finite = np.isfinite(right)
    error = np.abs(np.subtract(y, right, where=finite, out=np.zeros_like(right)))
    assert (error <= 1e-4 * scale).all()  # exact where the window is all zeros


def test_an_image_does_not_depend_on_its_neighbours():
    x, w = numbers(4, 32, 20, 22), numbers(32, 32, 3, 3)
    (alone,), _ = run(LAYERS["conv2d"], x, w)
    x[1, 2, 3, 4], x[2, 7, 9, 9] = np.nan, 1e8
    (y,), (right,) = run(LAYERS["conv2d"], x, w)
    np.testing.assert_array_equal(y[[0, 3]], alone[[0, 3]])
    for image in (1, 2):
        (one,), _ = run(LAYERS["conv2d"], x[image : image + 1], w)
        np.testing.assert_array_equal(y[image], one[0])
    assert np.isnan(y[1]).sum() == 32 * 9 and not np.isnan(right[2]).any()


def test_weights_that_are_not_finite():
    x, w = numbers(2, 32, 20, 22), numbers(32, 32, 3, 3)
    w[5, 3, 1, 2] = np.inf
    (y,), (right,) = run(LAYERS["conv2d"], x, w)
    np.testing.assert_array_equal(np.isposinf(y), np.isposinf(right))
    np.testing.assert_array_equal(np.isnan(y), np.isnan(right))


def test_activations_and_gradients_keep_the_algorithm():
    """Of real kinds: images with black surroundings, gradients behind a pooling."""
    seen = []
    spec = ConvSpec.of(4, 32, 32, (28, 28), (3, 3), padding=1)
    guarded = GuardedCall(fast_call(spec), lambda **_: seen.append, "fprop", spec, None)
    field = np.linspace(-2, 2, 28) ** 2
    shape = np.exp(-field[:, None] - field).astype(np.float32)
    pooled = numbers(4, 32, 28, 28) * (RNG.random((4, 32, 28, 28)) < 0.125)
    for x in (np.maximum(numbers(4, 32, 28, 28), 0) * shape + 0.01, pooled.astype(np.float32)):
        guarded(x, numbers(32, 32, 3, 3), None, None)
    assert not seen


def fast_call(spec):
    target = Target.host()
    plan = plan_winograd(spec, "fprop", target, 2)
    return WinogradCall(plan, spec, np.zeros(spec.x_shape, np.float32), None, target, 2)


def test_a_gradient_with_numbers_that_stand_out():
    """Taps that a pixel of the edge is not multiplied with."""
    layer = (F.conv2d, (8, 64, 28, 28), (64, 64, 3, 3), {"padding": 1})
    for value in (1e8, np.nan):
        x, w, grad = numbers(*layer[1]), numbers(*layer[2]), numbers(*layer[1])
        x[0, 5, 0, 0] = value
        ours, right = run(layer, x, w, grad)
        np.testing.assert_array_equal(np.isnan(ours[2]), np.isnan(right[2]))
        np.testing.assert_allclose(ours[2][:, 5, 2, 2], right[2][:, 5, 2, 2], atol=1e-3)


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
    assert error[1].max() < 1e-4  # the other image is Winograd's


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
    for change in (np.round, np.abs, lambda part: np.round(part * 4) / 4):
        whole, one = change(w), w.copy()
        one[3] = change(one[3])
        assert not is_learned(whole, "fprop", 1) and not is_learned(one, "fprop", 1)
        across = w.copy()
        across[:, 5] = change(across[:, 5])
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
