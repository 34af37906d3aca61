"""`torch.cuda.amp`: the older names of `torch.amp`'s classes for this device, with PyTorch's warnings."""

from __future__ import annotations

from collections.abc import Callable

from rushlight.amp import autocast_mode, deprecated
from rushlight.core import absent as _absent
from rushlight.core.dtypes import dtype as DType
from rushlight.core.dtypes import float16


class autocast(autocast_mode.autocast):
    """`torch.amp.autocast("cuda", ...)`."""

    def __init__(self, enabled: bool = True, dtype: DType = float16, cache_enabled: bool = True) -> None:
        deprecated.warn("cuda", "autocast")
        super().__init__("cuda", dtype, enabled, cache_enabled)


class GradScaler(deprecated.GradScaler):
    """`torch.amp.GradScaler("cuda", ...)`."""

    _older_device = "cuda"


def custom_fwd(fwd: Callable | None = None, *, cast_inputs: DType | None = None) -> Callable:
    """`torch.amp.custom_fwd` for CUDA."""
    return autocast_mode.custom_fwd(fwd, device_type="cuda", cast_inputs=cast_inputs)


def custom_bwd(bwd: Callable) -> Callable:
    """`torch.amp.custom_bwd` for CUDA."""
    return autocast_mode.custom_bwd(bwd, device_type="cuda")


__getattr__ = _absent.getter(__name__)
