"""Layers without PyTorch: shapes, equalities between layers, memory, containers."""

import math
from collections import OrderedDict

import numpy as np
import pytest

import rushlight as torch
from rushlight import nn

SHAPES = [
    (lambda: nn.Linear(28, 10), (256, 1, 28, 28), (256, 1, 28, 10)),
    (lambda: nn.Linear(8, 3), (8,), (3,)),
    (lambda: nn.Conv2d(3, 4, 3, padding="same_strided", stride=2), (1, 3, 7, 8), (1, 4, 4, 4)),
    (lambda: nn.Conv1d(3, 4, 3, padding="causal", stride=2), (1, 3, 9), (1, 4, 5)),
    (lambda: nn.Conv2d(3, 4, 3, padding=((1, 0), (2, 1))), (3, 7, 8), (4, 6, 9)),
    (lambda: nn.Conv3d(3, 4, 2, padding=1, padding_mode="circular"), (0, 3, 4, 5, 6), (0, 4, 5, 6, 7)),
    (lambda: nn.ConvTranspose2d(3, 4, 3, stride=2, padding="same"), (1, 3, 7, 8), (1, 4, 14, 16)),
    (lambda: nn.ConvTranspose1d(3, 4, 3, padding_mode="reflect"), (1, 3, 7), (1, 4, 9)),
    (lambda: nn.Unfold(2), (1, 3, 5, 6), (1, 12, 20)),
    (lambda: nn.Unfold((2, 2, 2)), (1, 3, 3, 3, 3), (1, 24, 8)),
    (lambda: nn.MaxPool3d(2), (1, 3, 4, 6, 8), (1, 3, 2, 3, 4)),
    (lambda: nn.AvgPool1d(3, 2, 1), (1, 3, 8), (1, 3, 4)),
    (lambda: nn.AdaptiveAvgPool2d((1, None)), (1, 3, 4, 6), (1, 3, 1, 6)),
    (lambda: nn.ReflectionPad3d((1, 0, 2, 1, 0, 1)), (1, 2, 4, 5, 6), (1, 2, 5, 8, 7)),
    (lambda: nn.Unflatten(1, (2, 5, -1)), (2, 50), (2, 2, 5, 5)),
]


@pytest.mark.parametrize("make, given, expected", SHAPES)
def test_shape(make, given, expected):
    assert make()(torch.zeros(given)).shape == expected


def test_pointwise_convolution_and_linear_agree_with_shared_weights():
    conv, linear = nn.Conv1d(8, 32, 1), nn.Linear(8, 32)
    linear.weight.data, linear.bias.data = conv.weight.data.squeeze(-1), conv.bias.data
    x = torch.rand(128, 256, 8)
    assert torch.allclose(linear(x), conv(x.permute(0, 2, 1)).permute(0, 2, 1), atol=1e-6)


def test_output_size_goes_back_to_where_the_stride_came_from():
    down, up = nn.Conv2d(16, 16, 3, 2, 1), nn.ConvTranspose2d(16, 16, 3, 2, 1)
    x = torch.rand(1, 16, 12, 12)
    y = up(down(x), output_size=x.size())
    assert y.shape == x.shape and not torch.allclose(x, y)
    with pytest.raises(ValueError, match="valid sizes range from"):
        up(down(x), output_size=(13, 13))


def test_flatten_is_a_view_of_contiguous_memory():
    x = torch.zeros(2, 3, 4)
    nn.Flatten()(x)[0, 0] = 1.0
    assert x[0, 0, 0].item() == 1.0


def test_dropout_drops_in_training_only():
    layer, x = nn.Dropout(0.25), torch.ones(1000)
    kept = layer(x)
    assert sorted(set(kept.tolist())) == pytest.approx([0.0, 1 / 0.75]) and 0.6 < (kept > 0).float().mean().item() < 0.9
    assert layer.eval()(x) is x
    channels = nn.Dropout2d(0.5)(torch.ones(4, 8, 3, 3))
    assert torch.equal(channels.amax((2, 3)), channels.amin((2, 3)))


def test_in_place_activations_write_over_their_input():
    x = torch.tensor([-1.0, 2.0])
    assert nn.ReLU(inplace=True)(x) is x and x.tolist() == [0.0, 2.0]
    leaf = torch.tensor([-1.0, 2.0], requires_grad=True)
    y = leaf * 3
    assert nn.LeakyReLU(0.5, inplace=True)(y) is y
    y.sum().backward()
    assert leaf.grad.tolist() == [1.5, 3.0]
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
        nn.ReLU(inplace=True)(leaf)


def test_running_statistics_follow_the_batches():
    layer = nn.BatchNorm1d(2, momentum=0.5)
    layer(torch.tensor([[0.0, 2.0], [4.0, 2.0]]))
    assert layer.running_mean.tolist() == [1.0, 1.0] and layer.running_var.tolist() == [4.5, 0.5]
    assert layer.num_batches_tracked.item() == 1
    assert torch.allclose(layer.eval()(torch.tensor([[1.0, 1.0]])), torch.zeros(1, 2))


def test_sequential_is_a_list_with_names():
    net = nn.Sequential(OrderedDict(a=nn.ReLU(), b=nn.Tanh(), c=nn.GELU()))
    assert list(net[1:]._modules) == ["b", "c"] and net.a is net[0] and net[-1] is net.c
    net.append(nn.SiLU())
    assert isinstance(net.pop(0), nn.ReLU) and len(net) == 3
    assert [type(module).__name__ for module in net] == ["Tanh", "GELU", "SiLU"]
    joined = nn.Sequential(nn.ReLU()) + nn.Sequential(nn.Tanh())
    joined *= 2
    assert len(joined) == 4 and joined[0] is joined[2]


def test_module_dict_and_list_register():
    choices = nn.ModuleDict({"conv": nn.Conv1d(1, 1, 1), "relu": nn.ReLU()})
    assert list(choices) == ["conv", "relu"] and "conv" in choices and len(list(choices.parameters())) == 2
    choices.update([("conv", nn.Identity())])
    assert isinstance(choices.pop("conv"), nn.Identity) and len(choices) == 1
    layers = nn.ModuleList(nn.Linear(1, 1) for _ in range(3))
    layers.insert(0, nn.ReLU())
    del layers[1:3]
    assert len(layers) == 2 and [name for name, _ in layers.named_parameters()] == ["1.weight", "1.bias"]


def test_parameters_in_containers_are_trained():
    values = nn.ParameterDict({"scale": torch.ones(2)})
    values["shift"] = torch.zeros(1)
    assert sorted(name for name, _ in values.named_parameters()) == ["scale", "shift"] and values.get("x") is None
    assert len(list(nn.ParameterList([torch.ones(1)] * 2).parameters())) == 2


def test_truncated_normals_lie_within_and_narrow_ranges_end():
    for low, high in ((-1.0, 1.0), (3.0, 3.5), (-0.01, 0.01)):
        with pytest.warns(UserWarning) if low > 2 else _nothing():
            values = nn.init.trunc_normal_(torch.empty(500), a=low, b=high)
        assert low <= values.min().item() and values.max().item() <= high and len(set(values.tolist())) > 400


class _nothing:
    def __enter__(self):
        return self

    def __exit__(self, *exception):
        return None


@pytest.mark.parametrize(
    "layer, shape",
    [
        (nn.Conv2d(5, 4, 4), (2, 3, 9, 9)),
        (nn.ConvTranspose1d(5, 4, 4), (2, 3, 9)),
        (nn.Linear(5, 4), (2, 3)),
        (nn.LazyConv1d(4, 9), (2, 3, 5)),
    ],
)
def test_errors_of_a_call_name_the_layer(layer, shape):
    with pytest.raises(RuntimeError) as failure:
        nn.Sequential(layer)(torch.zeros(shape))
    assert str(failure.value).endswith(f"Layer: {layer!r}") and str(failure.value).count("Layer: ") == 1


@pytest.mark.parametrize(("inputs", "outputs"), [(3, 0), (0, 4), (0, 0)])
def test_a_linear_layer_without_features_has_gradients_of_nothing_and_zeros(inputs, outputs):
    """As in PyTorch: a sum over no outputs is 0."""
    x, w = torch.randn(2, inputs, requires_grad=True), torch.randn(outputs, inputs, requires_grad=True)
    y = torch.nn.functional.linear(x, w)
    y.backward(torch.ones_like(y))
    assert y.shape == (2, outputs) and not y.any()
    assert x.grad.shape == x.shape and w.grad.shape == w.shape and not x.grad.any() and not w.grad.any()


@pytest.mark.parametrize("size", [5, 5000])
def test_a_slope_of_minus_zero_is_not_that_of_zero(size):
    """Formulas are remembered by their numbers, and -0.0 == 0.0."""
    for slope, signs in ((0.0, True), (-0.0, False), (0.0, True)):
        x = torch.full((size,), -1.0, requires_grad=True)
        y = torch.nn.functional.leaky_relu(x, slope)
        y.backward(torch.ones_like(y))
        assert np.signbit(y.detach().numpy()).all() == signs
        assert np.signbit(x.grad.detach().numpy()).all() == (not signs)
        z = torch.full((size,), -1.0)
        torch.nn.functional.leaky_relu(z, slope, inplace=True)
        assert np.signbit(z.detach().numpy()).all() == signs


@pytest.mark.parametrize("size", [1, 5000])
def test_infinities_and_nan_reach_their_own_results(size):
    inf, nan = float("inf"), float("nan")
    x = torch.tensor([inf, -inf, nan, 2.0, -2.0] * size, requires_grad=True)
    w = torch.tensor([0.25], requires_grad=True)
    y = nn.functional.prelu(x, w)
    assert str(y.tolist()) == str([inf, -inf, nan, 2.0, -0.5] * size)
    y.backward(torch.full_like(y, inf))
    assert x.grad.tolist() == [inf] * (5 * size)
    x.grad = None
    y = x.clamp(-3, 3)
    y.backward(torch.full_like(y, inf))
    assert str(y.tolist()) == str([3.0, -3.0, nan, 2.0, -2.0] * size)
    assert x.grad.tolist() == [0, 0, 0, inf, inf] * size


def test_a_weight_of_one_gives_the_end():
    for weight in (1.0, torch.tensor(1.0)):
        assert torch.lerp(torch.tensor([1e8] * 9), torch.tensor(1.0).expand(9), weight).tolist() == [1.0] * 9


def test_bounds_that_cross_or_meet_share_no_gradient():
    x = torch.tensor([-2.0, 0.0, 5.0], requires_grad=True)
    for low, high, of_x, of_low, of_high in (
        (1, 1, [0, 0, 0], [0, 0, 0], [0, 0, 1]), (2, 1, [0, 0, 0], [0, 0, 0], [1, 1, 1]),
        (0, 3, [0, 1, 0], [1, 0, 0], [0, 0, 1]),
    ):  # fmt: skip
        low, high = (torch.full((3,), float(n), requires_grad=True) for n in (low, high))
        found = torch.autograd.grad(x.clamp(low, high).sum(), (x, low, high))
        assert [g.tolist() for g in found] == [of_x, of_low, of_high]


@pytest.mark.parametrize("size", [1, 5000])
@pytest.mark.parametrize(
    "name, flat, sloped",
    [
        ("relu", (-1, 0), (1, math.nan)),
        ("relu6", (-1, 0, 6, 7), (3, math.nan)),
        ("hardtanh", (-2, -1, 1, 2), (0, math.nan)),
        ("hardshrink", (-0.5, 0, 0.5), (-1, 1, math.nan)),
        ("softshrink", (-0.5, 0, 0.5), (-1, 1, math.nan)),
        ("hardsigmoid", (-4, -3, 3, 4), (0,)),
        ("hardswish", (-4, -3), (0, 3, 4, math.nan)),
    ],
)
def test_flat_parts_stop_gradients_that_are_not_finite(name, flat, sloped, size):
    for at in (*flat, *sloped):
        for create_graph in (False, True):
            x = torch.full((3 * size,), float(at), requires_grad=True)
            y = getattr(nn.functional, name)(x)
            grads = torch.tensor([math.inf, math.nan, -math.inf] * size)
            (found,) = torch.autograd.grad(y, x, grads, create_graph=create_graph)
            want = [0.0] * 3 if at in flat else [math.inf, math.nan, -math.inf]
            assert str(found.tolist()) == str(want * size), (at, create_graph)


def test_the_second_derivative_of_mish_at_zero():
    x = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(nn.functional.mish(x).sum(), x, create_graph=True)
    (curve,) = torch.autograd.grad(slope.sum(), x)
    assert curve.tolist() == pytest.approx([0.64] * 3, abs=1e-12)
