"""The library as code sees it that makes its tensors on a device: factories without `device=` make them there."""

import rushlight

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
