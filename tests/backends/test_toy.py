"""A device whose arrays are lists: the one that docs/backends.md adds, run as it is written there."""

import contextlib
import io
import re
from pathlib import Path

import numpy as np
import pytest

import rushlight
from rushlight import nn
from rushlight.backends.devices import DEVICES
from rushlight.backends.protocol import refusals
from tests.backends.devices import Beside, check_numbers
from tests.tensor.operations import SAMPLES

PAGE = Path(__file__).parents[2] / "docs" / "backends.md"


@pytest.fixture(scope="module", autouse=True)
def printed():
    """What the code of the page prints; afterwards there is no such device."""
    code = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.S)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec("\n".join(code), {"np": np, "torch": rushlight})
    yield out.getvalue().splitlines()
    del DEVICES["toy"]
    refusals.clear()


def test_what_the_page_prints(printed):
    assert printed == [
        "toy torch.Size([2, 4])",
        "toy | n1_c1_i4x4_o2_k3x3_s1_p0_g1_f32 | toy multiplies matrices; it knows no windows",
        "doubtful has looked at fprop and thought better of it",
    ]


def train(device):
    """A step of training two layers, with what is seen on the way."""
    t = Beside(device)
    rushlight.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3)).to(device)
    optimizer = rushlight.optim.SGD(model.parameters(), 0.1, momentum=0.9)
    x, target = t.tensor([[1.0, -2.0, 3.0, 0.5]] * 2).requires_grad_(), t.tensor([0, 2])
    for _ in range(2):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), target)
        loss.backward()
        optimizer.step()
    tensors = [loss, x.grad, *model.parameters(), *[p.grad for p in model.parameters()]]
    assert {str(tensor.device) for tensor in tensors} == {device}
    return [tensor.detach().cpu().numpy() for tensor in tensors]


def test_training_gives_the_numbers_of_the_cpu():
    refusals.clear()
    for found, wanted in zip(train("toy"), train("cpu")):
        np.testing.assert_allclose(found, wanted, rtol=2e-5, atol=1e-6)
    kernels = {refused.kernel for refused in refusals if refused.engine == "toy"}
    assert not kernels & {"fprop", "dgrad", "wgrad", "bias_grad"}  # its own products did it
    assert "maximum" in kernels  # NumPy the ReLU


def test_a_layer_that_it_lacks_runs_on_the_host():
    refusals.clear()
    layer, x = nn.Conv2d(2, 3, 3, padding=1), rushlight.rand(1, 2, 5, 5)
    here = layer(x)
    here.sum().backward()
    wanted = layer.weight.grad.numpy()
    layer.zero_grad()
    there = layer.to("toy")(x.to("toy"))
    assert str(there.device) == "toy" and rushlight.equal(there.cpu(), here)
    there.sum().backward()
    assert str(layer.weight.grad.device) == "toy"
    np.testing.assert_array_equal(layer.weight.grad.cpu().numpy(), wanted)
    reasons = {refused.kernel: refused.reason for refused in refusals if refused.engine == "toy"}
    assert reasons["fprop"] == reasons["wgrad"] == "toy multiplies matrices; it knows no windows"
    assert reasons["sum"] if "sum" in reasons else reasons["reduce"]


@pytest.mark.parametrize("name", sorted(SAMPLES.keys() - {"view_of_bytes"}))  # its memory has no bytes
def test_every_operation_gives_the_numbers_of_the_cpu(name):
    check_numbers(name, "toy")


def test_views_share_memory():
    x = rushlight.zeros(3, 4, device="toy")
    x.t()[1].fill_(2)
    x.view(12)[0] = 5
    x[1:, ::2] += 1
    assert x.tolist() == [[5, 2, 0, 0], [1, 2, 1, 0], [1, 2, 1, 0]]
    assert x.transpose(0, 1).storage_offset() == 0 and x[1].storage_offset() == 4


def test_what_users_see():
    x = rushlight.tensor([1.0, 2.0], device="toy", dtype=rushlight.float64)
    assert repr(x) == "tensor([1., 2.], device='toy', dtype=torch.float64)"
    assert rushlight.device("toy") == x.device and not x.is_cpu and not x.is_meta
    with pytest.raises(TypeError, match=r"can't convert toy device type tensor to numpy\. Use"):
        x.numpy()
    with pytest.raises(RuntimeError, match="same device, but found at least two devices, toy and cpu!"):
        x + rushlight.ones(2, dtype=rushlight.float64)
    with pytest.raises(RuntimeError, match="same device"):
        nn.Linear(2, 3)(x.float())
    assert (x + rushlight.tensor(1.0)).tolist() == [2, 3]
    assert x[0].item() == 1 and float(x[1]) == 2 and rushlight.ones(2).to(x).device == x.device
    rushlight.manual_seed(0)
    here = rushlight.randn(3, 4)
    rushlight.manual_seed(0)
    assert rushlight.equal(rushlight.randn(3, 4, device="toy").cpu(), here)


def test_state_goes_there_and_back():
    layer = nn.Linear(2, 3)
    there = nn.Linear(2, 3, device="toy")
    there.load_state_dict(layer.state_dict())
    assert rushlight.equal(there.weight.cpu(), layer.weight)
    layer.zero_grad()
    layer.load_state_dict(nn.Linear(2, 3, device="toy").state_dict())
    assert layer.weight.is_cpu
