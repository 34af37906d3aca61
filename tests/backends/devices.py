"""The library as code sees it that makes its tensors on a device: factories without `device=` make them there."""

import numpy as np

import rushlight
from tests.tensor.operations import SAMPLES, arrays

FACTORIES = ("arange", "empty", "eye", "full", "ones", "tensor", "zeros")


class Beside:
    """`rushlight` with the device of new tensors set."""

    def __init__(self, device):
        self.device = device

    def __getattr__(self, name):
        found = getattr(rushlight, name)
        if name not in FACTORIES:
            return found
        return lambda *args, **options: found(*args, **{"device": self.device, **options})


def facts(value):
    """Shape, dtype and strides of tensors, in whatever they are in."""
    if isinstance(value, tuple | list):
        return [facts(entry) for entry in value]
    if isinstance(value, rushlight.Tensor):
        return tuple(value.shape), value.dtype, value.stride()
    return value


def check_numbers(name, device):
    """A sample's results and gradients on a device: the CPU's."""
    for found, wanted in zip(_run(name, device), _run(name, "cpu"), strict=True):
        if wanted is None:
            assert found is None
        else:
            np.testing.assert_allclose(found, wanted, rtol=1e-5)  # exp and its kin are NumPy's there


def _run(name, device):
    t = Beside(device)
    inputs = [t.tensor(a, dtype=t.float32).requires_grad_() for a in arrays(name)]
    output = SAMPLES[name][0](t, *inputs)
    grads = t.autograd.grad(output.sum(), inputs, allow_unused=True) if output.requires_grad else []
    return [None if tensor is None else tensor.detach().cpu().numpy() for tensor in (output, *grads)]
