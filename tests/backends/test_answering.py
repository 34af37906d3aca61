"""A device whose arrays answer NumPy's functions, as CuPy's would: here NumPy's own, out of reach of all else."""

import numpy as np
import pytest

import rushlight
from rushlight import nn
from rushlight.backends.answering import Answering
from rushlight.backends.devices import DEVICES, register
from rushlight.backends.protocol import refusals
from tests.backends.devices import check_numbers, facts
from tests.tensor.operations import SAMPLES


class Hidden(Answering):
    name = "hidden"

    def room(self, count, dtype):
        return Memory(np.empty(count * np.dtype(dtype).itemsize, np.uint8))

    def read(self, array):
        return np.array(self.native(array))

    def write(self, array, values):
        self.native(array)[...] = values

    def seen(self, base, shape, dtype, strides, offset):
        return np.ndarray(shape, dtype, base.bytes, offset, strides)

    def memory(self, native):
        if not isinstance(native, np.ndarray):
            native = np.asarray(native)
        copy = Memory(np.frombuffer(native.tobytes(), np.uint8).copy())  # CuPy's arrays know their memory
        return copy, 0

    def wrapped(self, native):
        if isinstance(native, np.generic):
            native = np.asarray(native)
        return super().wrapped(np.array(native, order="C") if isinstance(native, np.ndarray) else native)


class Memory:
    """What no NumPy function takes."""

    def __init__(self, memory):
        self.bytes = memory


@pytest.fixture(scope="module", autouse=True)
def device():
    register(Hidden())
    yield
    del DEVICES["hidden"]
    refusals.clear()


@pytest.mark.parametrize("name", SAMPLES)
def test_every_operation(name):
    refusals.clear()
    check_numbers(name, "hidden")
    lacking = {refused.kernel for refused in refusals if refused.engine == "hidden"}
    layers = {"fprop", "dgrad", "wgrad", "bias_grad", "grid_sample", "grid_sample_grad", "grid_sample_grid_grad"}
    assert not lacking - layers  # kernels are the device's to add


def test_a_network_trains():
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Flatten())
    model.append(nn.Linear(36, 3))
    there = nn.Sequential(*model).to("hidden")
    optimizer = rushlight.optim.Adam(there.parameters(), 1e-2)
    x, target = rushlight.rand(8, 1, 8, 8, device="hidden"), rushlight.arange(8, device="hidden") % 3
    losses = []
    for _ in range(8):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(there(x), target)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]
    assert {str(p.grad.device) for p in there.parameters()} == {"hidden"}
    assert facts(there[0].weight) == ((4, 1, 3, 3), rushlight.float32, (9, 9, 3, 1))
