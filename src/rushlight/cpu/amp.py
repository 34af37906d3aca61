"""`torch.cpu.amp`: the older names of `torch.amp`'s classes for this device, with PyTorch's warnings."""

from __future__ import annotations

from rushlight.amp import autocast_mode, deprecated
from rushlight.core import absent as _absent
from rushlight.core.dtypes import bfloat16
from rushlight.core.dtypes import dtype as DType


class autocast(autocast_mode.autocast):
    """`torch.amp.autocast("cpu", ...)`."""

    def __init__(self, enabled: bool = True, dtype: DType = bfloat16, cache_enabled: bool = True) -> None:
        deprecated.warn("cpu", "autocast")
        super().__init__("cpu", dtype, enabled, cache_enabled)


class GradScaler(deprecated.GradScaler):
    """`torch.amp.GradScaler("cpu", ...)`."""

    _older_device = "cpu"


__getattr__ = _absent.getter(__name__)
