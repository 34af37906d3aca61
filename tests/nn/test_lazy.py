"""Lazy layers: before, at and after the first call; loading, copies, errors."""

import copy
import pickle

import pytest

import rushlight as torch
from rushlight import nn

LAYERS = {
    "linear": (lambda: nn.LazyLinear(3), nn.Linear, (2, 5)),
    "conv1d": (lambda: nn.LazyConv1d(4, 3, groups=2), nn.Conv1d, (2, 6, 9)),
    "conv2d": (lambda: nn.LazyConv2d(4, 3, bias=False), nn.Conv2d, (2, 6, 9, 8)),
    "conv3d": (lambda: nn.LazyConv3d(4, (3, 2, 1)), nn.Conv3d, (6, 9, 8, 7)),
    "transpose1d": (lambda: nn.LazyConvTranspose1d(4, 3), nn.ConvTranspose1d, (2, 6, 9)),
    "transpose2d": (lambda: nn.LazyConvTranspose2d(4, 3, groups=2), nn.ConvTranspose2d, (2, 6, 9, 8)),
    "transpose3d": (lambda: nn.LazyConvTranspose3d(4, 3), nn.ConvTranspose3d, (1, 6, 3, 4, 5)),
}


@pytest.fixture(params=LAYERS)
def lazy(request):
    make, plain, shape = LAYERS[request.param]
    return make(), plain, torch.ones(shape)


def size_of(layer):
    return layer.in_features if hasattr(layer, "in_features") else layer.in_channels


def test_first_call_makes_the_plain_layer_with_the_same_parameters(lazy):
    layer, plain, x = lazy
    weight, keys = layer.weight, list(layer.state_dict())
    assert repr(weight) == "<UninitializedParameter>" and layer.has_uninitialized_params()
    torch.manual_seed(0)
    y = layer(x)
    assert type(layer) is plain and layer.weight is weight and type(weight) is nn.Parameter
    assert size_of(layer) == (5 if plain is nn.Linear else 6) and list(layer.state_dict()) == keys
    assert torch.equal(layer(x), y) and y.requires_grad


def test_it_draws_what_the_plain_layer_draws():
    torch.manual_seed(5)
    lazy = nn.LazyConv2d(4, 3)
    lazy(torch.zeros(1, 2, 3, 3))
    torch.manual_seed(5)
    plain = nn.Conv2d(2, 4, 3)
    assert torch.equal(lazy.weight, plain.weight) and torch.equal(lazy.bias, plain.bias)


def test_loading_settles_the_sizes_and_the_class_follows_at_the_call(lazy):
    layer, plain, x = lazy
    other = copy.deepcopy(layer)
    other(x)
    assert repr(layer.load_state_dict(other.state_dict())) == "<All keys matched successfully>"
    assert size_of(layer) == size_of(other) and type(layer) is not plain
    assert torch.equal(layer(x), other(x)) and type(layer) is plain and repr(layer) == repr(other)


def test_lazy_into_lazy_is_fine_and_lazy_into_plain_is_not(lazy):
    layer, _plain, x = lazy
    other = copy.deepcopy(layer)
    layer.load_state_dict(other.state_dict())
    assert layer.has_uninitialized_params()
    layer(x)
    with pytest.raises(RuntimeError, match="Can't access the shape of an uninitialized parameter"):
        layer.load_state_dict(other.state_dict())


def test_copies_and_pickles_stay_lazy(lazy):
    layer, plain, x = lazy
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert repr(other) == repr(layer) and other.has_uninitialized_params()
        other(x)
        assert type(other) is plain and layer.has_uninitialized_params()


def test_conversion_before_the_first_call_counts():
    layer = nn.LazyLinear(3).double()
    assert layer.weight.dtype is torch.float64
    assert layer(torch.ones(2, 4, dtype=torch.float64)).dtype is torch.float64
    assert nn.LazyLinear(3, dtype=torch.float16).weight.dtype is torch.float16


@pytest.mark.parametrize(
    "use",
    [
        lambda p: p.numel(),
        lambda p: p + 1,
        lambda p: p.detach(),
        lambda p: len(p),
        lambda p: nn.init.zeros_(p),
        lambda p: nn.functional.linear(torch.ones(2), p),
    ],
)
def test_every_use_of_a_parameter_without_a_shape_says_so(use):
    with pytest.raises(ValueError, match="Attempted to use an uninitialized parameter"):
        use(nn.LazyLinear(3).weight)


def test_a_failing_first_call_leaves_the_layer_lazy():
    layer = nn.LazyConv1d(4, 5)
    before = torch.get_rng_state()
    with pytest.raises(RuntimeError, match="Kernel size can't be greater"):
        layer(torch.ones(1, 3, 2))
    assert layer.has_uninitialized_params() and torch.equal(torch.get_rng_state(), before)
    assert layer(torch.ones(1, 2, 7)).shape == (1, 4, 3)


def test_wrong_numbers_of_axes_name_the_layer():
    with pytest.raises(RuntimeError, match=r"Expected 3D \(unbatched\) or 4D \(batched\) input to LazyConv2d"):
        nn.LazyConv2d(3, 3)(torch.ones(2, 3))


def test_optimizers_take_lazy_parameters_and_step_after_the_first_call():
    net = nn.Sequential(nn.LazyLinear(3), nn.LazyLinear(2))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    net(torch.ones(4, 5)).sum().backward()
    before = net[0].weight.detach().clone()
    optimizer.step()
    assert not torch.equal(net[0].weight, before)


def test_output_size_reaches_the_first_call():
    assert nn.LazyConvTranspose1d(3, 3, stride=2)(torch.ones(1, 2, 5), output_size=(12,)).shape == (1, 3, 12)
