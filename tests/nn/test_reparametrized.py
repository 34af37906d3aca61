"""Weights made of others (weight and spectral norm, parametrizations, masks, folded norms), with fixed right values."""

import copy
import warnings

import pytest

import rushlight as torch
from rushlight import nn
from rushlight.nn.utils import parametrizations, parametrize, prune


def layer():
    result = nn.Linear(2, 2)
    result.weight.data = torch.tensor([[3.0, 4.0], [0.0, 2.0]])
    result.bias.data = torch.tensor([1.0, -1.0])
    return result


def test_weight_norm_trains_length_and_direction():
    made = parametrizations.weight_norm(layer())
    length, direction = made.parametrizations.weight.original0, made.parametrizations.weight.original1
    assert length.tolist() == [[5.0], [2.0]] and made.weight.tolist() == [[3.0, 4.0], [0.0, 2.0]]
    made(torch.ones(1, 2))[0, 0].backward()
    assert torch.allclose(length.grad, torch.tensor([[1.4], [0.0]]))
    # (I − v·vᵀ / ‖v‖²) of a gradient of ones: perpendicular to the direction
    assert torch.allclose(direction.grad[0], torch.tensor([4 / 25, -3 / 25]))
    assert torch.allclose((direction.grad * direction).sum(), torch.tensor(0.0), atol=1e-6)


def test_older_weight_norm_makes_the_weight_at_each_call():
    with pytest.warns(FutureWarning):
        made = nn.utils.weight_norm(layer())
    made.weight_g.data = torch.tensor([[10.0], [2.0]])
    assert made(torch.ones(1, 2)).tolist() == [[15.0, 1.0]]
    nn.utils.remove_weight_norm(made)
    assert made.weight.tolist() == [[6.0, 8.0], [0.0, 2.0]] and isinstance(made.weight, nn.Parameter)
    assert not made._forward_pre_hooks and list(made.state_dict()) == ["bias", "weight"]


@pytest.mark.parametrize("norm", [nn.utils.spectral_norm, parametrizations.spectral_norm])
def test_spectral_norm_comes_to_one(norm):
    made = norm(layer())
    for _ in range(50):
        made(torch.ones(1, 2))
    assert abs(made.weight.detach().norm("nuc").item() - (1 + 6 / 27.7004)) < 1e-3  # σ₁ + σ₂ = 1 + |det| / σ₁²
    u = (made.weight_u if hasattr(made, "weight_u") else made.parametrizations.weight[0]._u).clone()
    made.eval()(torch.ones(1, 2))
    assert torch.equal(u, made.weight_u if hasattr(made, "weight_u") else made.parametrizations.weight[0]._u)


class Twice(nn.Module):
    def forward(self, x):
        return 2 * x

    def right_inverse(self, x):
        return x / 2


def test_assigning_goes_through_the_right_inverse():
    made = layer()
    before = made.weight
    parametrize.register_parametrization(made, "weight", Twice())
    assert made.parametrizations.weight.original is before  # what an optimiser may have already
    assert made.weight.tolist() == [[3.0, 4.0], [0.0, 2.0]]
    made.weight = torch.eye(2)
    assert made.parametrizations.weight.original.tolist() == [[0.5, 0.0], [0.0, 0.5]]
    other = copy.deepcopy(made)
    other.weight = torch.zeros(2, 2)
    assert made.weight.tolist() == [[1.0, 0.0], [0.0, 1.0]] and type(other).__name__ == "ParametrizedLinear"
    with parametrize.cached():
        assert made.weight is made.weight
    assert made.weight is not made.weight
    parametrize.remove_parametrizations(made, "weight")
    assert type(made) is nn.Linear and made.weight is before and made.weight.tolist() == [[1.0, 0.0], [0.0, 1.0]]


def test_a_failed_registration_leaves_the_module_as_it_was():
    made = layer()
    with pytest.raises(ValueError, match="may not change the shape"):
        parametrize.register_parametrization(made, "weight", nn.Flatten(0))
    assert type(made) is nn.Linear and list(made.state_dict()) == ["weight", "bias"]
    with pytest.raises(ValueError, match="should be smaller"):
        prune.l1_unstructured(made, "weight", 9)
    assert list(made.state_dict()) == ["weight", "bias"] and not made._forward_pre_hooks


def test_masks_join():
    made = prune.l1_unstructured(layer(), "weight", 1)
    assert made.weight_mask.tolist() == [[1.0, 1.0], [0.0, 1.0]]
    prune.l1_unstructured(made, "weight", 1)  # the least of those that are left
    assert made.weight_mask.tolist() == [[1.0, 1.0], [0.0, 0.0]] and prune.is_pruned(made)
    made(torch.ones(1, 2)).sum().backward()
    assert made.weight_orig.grad.tolist() == [[1.0, 1.0], [0.0, 0.0]]
    prune.remove(made, "weight")
    assert made.weight.tolist() == [[3.0, 4.0], [0.0, 0.0]] and not prune.is_pruned(made)


def test_fused_layers_compute_both():
    conv, norm = nn.Conv2d(3, 4, 2, bias=False), nn.BatchNorm2d(4)
    x = torch.rand(2, 3, 5, 5)
    norm(conv(x))
    both = nn.utils.fuse_conv_bn_eval(conv.eval(), norm.eval())
    assert torch.allclose(both(x), norm(conv(x)), atol=1e-5) and conv.bias is None


def test_a_functional_call_gives_everything_back():
    made = layer()
    weight = made.weight
    with pytest.raises(RuntimeError):
        torch.func.functional_call(made, {"weight": torch.ones(3, 3)}, torch.ones(1, 2))
    assert made.weight is weight
    w = torch.eye(2, requires_grad=True)
    torch.func.functional_call(made, {"weight": w}, torch.ones(1, 2)).sum().backward()
    assert w.grad.tolist() == [[1.0, 1.0], [1.0, 1.0]] and made.weight is weight and weight.grad is None


def test_skip_init_draws_nothing():
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = nn.utils.skip_init(nn.Conv2d, 3, 4, 2)
    assert made.weight.shape == (4, 3, 2, 2) and torch.equal(torch.rand(2), expected)
