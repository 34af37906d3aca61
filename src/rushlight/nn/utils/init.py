"""Layers without the drawing of their first weights."""

from __future__ import annotations

import inspect
from typing import Any

from rushlight.nn.module import Module
from rushlight.tensor.size import device as Device


def skip_init(module_cls: type[Module], *args: Any, **kwargs: Any) -> Module:
    """A module whose parameters and buffers have memory and no numbers: they are whatever was there.

    The class is called with these arguments and `device="meta"`, so it must have a `device`; then `to_empty` gives
    memory on the device that was asked for. Raises RuntimeError for what is no module or takes no device.

    >>> import rushlight as torch
    >>> torch.nn.utils.skip_init(torch.nn.Linear, 3, 2).weight.shape
    torch.Size([2, 3])
    """
    if not issubclass(module_cls, Module):
        raise RuntimeError(f"Expected a Module; got {module_cls}")
    if "device" not in inspect.signature(module_cls).parameters:
        raise RuntimeError("Module must support a 'device' arg to skip initialization")
    final = kwargs.pop("device", Device("cpu"))
    return module_cls(*args, **kwargs, device="meta").to_empty(device=final)
