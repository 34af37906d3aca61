"""Module without PyTorch: registering, walking, calling, hooks, state, copies."""

import copy
import pickle
import weakref

import numpy as np
import pytest

import rushlight as torch
from rushlight import nn


class Net(nn.Module):
    """One of everything that a module can own."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(2, 3)
        self.register_buffer("kept", torch.zeros(2))
        self.register_buffer("passing", torch.zeros(2), persistent=False)
        self.scale = nn.Parameter(torch.ones(1))
        self.nothing = None

    def forward(self, x, bias=0.0):
        return self.linear(x) * self.scale + bias


def names(pairs):
    return [name for name, _ in pairs]


def test_what_is_assigned_is_registered_under_its_name():
    net = Net()
    assert names(net.named_parameters()) == ["scale", "linear.weight", "linear.bias"]
    assert names(net.named_buffers()) == ["kept", "passing"]
    assert names(net.named_modules()) == ["", "linear"]
    assert list(net.state_dict()) == ["scale", "kept", "linear.weight", "linear.bias"]
    assert {"scale", "kept", "linear", "forward"} <= set(dir(net))


def test_assigning_moves_a_name_from_one_kind_to_another():
    net = Net()
    net.kept = nn.Parameter(torch.ones(1))
    assert "kept" in net._parameters and "kept" not in net._buffers
    net.plain = 3
    net.plain = nn.ReLU()
    assert "plain" in net._modules and "plain" not in vars(net)
    net.passing = torch.ones(2)  # a buffer keeps its place and stays out of the state
    assert "passing" in net._buffers and "passing" not in net.state_dict()
    net.passing = nn.Buffer(torch.ones(2))
    assert "passing" in net.state_dict()
    del net.plain, net.scale
    assert not hasattr(net, "plain") and not hasattr(net, "scale")


def test_none_takes_the_place_of_a_parameter_and_a_child():
    net = Net()
    net.scale = None
    net.linear = None
    net.kept = None
    assert list(net.parameters()) == [] and list(net.children()) == [] and list(net.state_dict()) == []
    assert "(linear): None" in repr(net)


def test_assignments_before_init_say_what_is_missing():
    class Forgot(nn.Module):
        def __init__(self, value):
            self.value = value

    for value, kind in ((nn.ReLU(), "module"), (nn.Parameter(torch.ones(1)), "parameters")):
        with pytest.raises(AttributeError, match=f"cannot assign {kind} before Module.__init__"):
            Forgot(value)


def test_state_shares_memory_and_loading_keeps_the_parameter_objects():
    net, other = Net(), Net()
    weight = net.linear.weight
    assert repr(net.load_state_dict(other.state_dict())) == "<All keys matched successfully>"
    assert net.linear.weight is weight and torch.equal(weight, other.linear.weight)
    net.state_dict()["scale"].fill_(7.0)
    assert net.scale.item() == 7.0


def test_loading_casts_to_the_dtype_of_the_parameter_and_assign_does_not():
    net = Net()
    state = Net().double().state_dict()
    net.load_state_dict(state)
    assert net.scale.dtype is torch.float32
    net.load_state_dict(state, assign=True)
    assert net.scale.dtype is torch.float64 and isinstance(net.scale, nn.Parameter) and net.scale.requires_grad


def test_everything_that_does_not_fit_is_reported_at_once():
    state = Net().state_dict()
    state["scale"] = torch.ones(2)
    state["linear.bias"] = np.zeros(3, np.float32)
    state["linear.unknown"] = state.pop("kept")
    with pytest.raises(RuntimeError) as failure:
        Net().load_state_dict(state)
    assert str(failure.value) == (
        "Error(s) in loading state_dict for Net:\n"
        '\tMissing key(s) in state_dict: "kept". \n'
        '\tUnexpected key(s) in state_dict: "linear.unknown". \n'
        "\tsize mismatch for scale: copying a param with shape torch.Size([2]) from checkpoint, "
        "the shape in current model is torch.Size([1]).\n"
        '\tWhile copying the parameter named "linear.bias", expected torch.Tensor or Tensor-like object from '
        "checkpoint but received <class 'numpy.ndarray'>"
    )


def test_shapes_that_would_only_broadcast_are_refused():
    with pytest.raises(RuntimeError, match="size mismatch for bias"):
        nn.Linear(1, 3).load_state_dict({"weight": torch.ones(3, 1), "bias": torch.ones(1)})


def test_not_strict_loading_returns_what_did_not_match():
    keys = Net().load_state_dict({"scale": torch.ones(1), "other": 1}, strict=False)
    assert keys.missing_keys == ["kept", "linear.weight", "linear.bias"] and keys.unexpected_keys == ["other"]


def test_hooks_of_the_state_dict():
    net, seen = Net(), []

    def without_kept(module, state, prefix, metadata):
        del state[prefix + "kept"]

    net.register_state_dict_pre_hook(lambda module, prefix, keep_vars: seen.append(prefix))
    net.register_state_dict_post_hook(without_kept)
    assert list(net.state_dict(prefix="x.")) == ["x.scale", "x.linear.weight", "x.linear.bias"] and seen == ["x."]


def test_hooks_of_loading():
    net, seen = Net(), []
    net.linear.register_load_state_dict_pre_hook(lambda module, state, prefix, *rest: seen.append(prefix))
    net.load_state_dict(Net().state_dict())
    assert seen == ["linear."]
    handle = net.register_load_state_dict_post_hook(lambda module, keys: keys.missing_keys.clear())
    net.load_state_dict({"scale": torch.ones(1)})
    handle.remove()
    with pytest.raises(RuntimeError, match="Missing key"):
        net.load_state_dict({"scale": torch.ones(1)})


def test_extra_state_goes_through_the_state_dict():
    class Counting(nn.Module):
        count = 5

        def get_extra_state(self):
            return self.count

        def set_extra_state(self, state):
            self.count = state

    net = nn.Sequential(Counting())
    state = net.state_dict()
    assert dict(state) == {"0._extra_state": 5}
    state["0._extra_state"] = 6
    net.load_state_dict(state)
    assert net[0].count == 6


def test_forward_hooks_in_order_and_replacing():
    net, calls = Net(), []
    net.register_forward_pre_hook(lambda module, args: calls.append("pre") or (args[0] * 2,))
    net.register_forward_pre_hook(
        lambda module, args, kwargs: calls.append("first") or (args, {"bias": 1.0}), with_kwargs=True, prepend=True
    )
    handle = net.register_forward_hook(lambda module, args, output: calls.append("post") or output * 10)
    x = torch.ones(1, 2)
    out = net(x)
    assert calls == ["first", "pre", "post"]
    assert torch.allclose(out, (net.linear(x * 2) + 1.0) * 10)
    with handle:
        pass
    net(x)
    assert calls[-1] == "pre"


def test_a_hook_that_is_always_called_sees_a_failing_forward():
    seen = []
    layer = nn.Linear(2, 3)
    layer.register_forward_hook(lambda module, args, output: seen.append(output), always_call=True)
    with pytest.raises(RuntimeError):
        layer(torch.ones(1, 5))
    assert seen == [None]


def test_full_backward_hooks_see_and_replace_gradients():
    layer, seen = nn.Linear(2, 1, bias=False), []
    layer.register_full_backward_pre_hook(lambda module, grads: seen.append("pre") or (grads[0] * 2,))
    layer.register_full_backward_hook(
        lambda module, inputs, outputs: seen.append((inputs, outputs)) or (inputs[0] * 3,)
    )
    x = torch.ones(1, 2, requires_grad=True)
    layer(x).sum().backward()
    (inputs, outputs) = seen[1]
    assert seen[0] == "pre" and outputs[0].item() == 2.0
    assert torch.allclose(inputs[0], layer.weight * 2) and torch.allclose(x.grad, layer.weight * 6)
    assert torch.allclose(layer.weight.grad, torch.full((1, 2), 2.0))


def test_backward_hooks_without_input_gradients():
    layer, seen = nn.Linear(2, 1), []
    layer.register_full_backward_hook(lambda module, inputs, outputs: seen.append(inputs))
    layer(torch.ones(1, 2)).sum().backward()
    assert seen == [(None,)]


def test_conversions_keep_the_parameter_objects_and_the_integers():
    net = nn.BatchNorm1d(3)
    weight = net.weight
    weight.grad = torch.ones(3)
    assert net.double() is net and net.weight is weight
    assert weight.dtype is weight.grad.dtype is net.running_mean.dtype is torch.float64
    assert net.num_batches_tracked.dtype is torch.int64
    assert net.to(torch.float16).weight.dtype is torch.float16
    assert net.to("cpu", torch.bfloat16).weight.dtype is torch.bfloat16
    assert net.to(torch.ones(1)).weight.dtype is torch.float32
    with pytest.raises(RuntimeError, match="CPU only"):
        net.to("cuda")


def test_modes_and_gradients():
    net = nn.Sequential(nn.Dropout(), nn.Linear(1, 1))
    assert not net.eval()[0].training and net.train()[0].training
    net(torch.ones(1, 1)).sum().backward()
    weight = net[1].weight
    assert weight.grad is not None
    net.zero_grad(set_to_none=False)
    assert weight.grad.item() == 0.0
    net.zero_grad()
    assert weight.grad is None
    net.requires_grad_(False)
    assert not weight.requires_grad


def test_copies_and_pickles_are_equal_and_apart():
    net = Net()
    net.linear.register_forward_hook(_double)
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        x = torch.ones(1, 2)
        assert torch.equal(other(x), net(x)) and isinstance(other.scale, nn.Parameter)
        other.scale.data.fill_(0.0)
        assert net.scale.item() == 1.0
    tied = nn.Sequential(net.linear, net.linear)
    clone = copy.deepcopy(tied)
    assert clone[0].weight is clone[1].weight


def _double(module, args, output):
    return output * 2


def test_modules_go_when_nobody_holds_them():
    net = Net()
    handle = net.register_forward_hook(_double)
    reference = weakref.ref(net)
    del net
    assert reference() is None
    handle.remove()


def test_submodules_by_dotted_name():
    net = nn.Sequential(nn.Sequential(nn.ReLU()), nn.BatchNorm1d(2))
    assert isinstance(net.get_submodule("0.0"), nn.ReLU) and net.get_submodule("") is net
    assert net.get_parameter("1.weight") is net[1].weight and net.get_buffer("1.running_var") is net[1].running_var
    net.set_submodule("0.0", nn.Tanh())
    assert isinstance(net[0][0], nn.Tanh)


def test_apply_visits_children_first():
    seen = []
    nn.Sequential(nn.ReLU(), nn.Sequential(nn.Tanh())).apply(lambda module: seen.append(type(module).__name__))
    assert seen == ["ReLU", "Tanh", "Sequential", "Sequential"]


def test_shared_memory_with_the_data_of_a_parameter():
    data = torch.ones(2)
    parameter = nn.Parameter(data)
    data[0] = 5.0
    assert parameter[0].item() == 5.0 and type(parameter * 2) is torch.Tensor and type(parameter.data) is torch.Tensor


@pytest.mark.parametrize("layer", [nn.Conv1d(8, 32, 1), nn.Linear(8, 32)])
def test_pointwise_convolution_and_linear_have_the_same_parameters(layer):
    assert sum(parameter.numel() for parameter in layer.parameters()) == 288
