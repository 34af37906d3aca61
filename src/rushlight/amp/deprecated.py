"""What `torch.cpu.amp` and `torch.cuda.amp` share: the older names of `torch.amp`'s classes, which warn."""

from __future__ import annotations

import warnings
from typing import ClassVar

from rushlight.amp import grad_scaler


def warn(device: str, name: str) -> None:
    """PyTorch's warning, at the line that made an object of this class."""
    warnings.warn(
        f"`torch.{device}.amp.{name}(args...)` is deprecated. "
        f"Please use `torch.amp.{name}('{device}', args...)` instead.",
        FutureWarning,
        stacklevel=3,
    )


class GradScaler(grad_scaler.GradScaler):
    """`torch.amp.GradScaler` for the device of a subclass."""

    _older_device: ClassVar[str]

    def __init__(
        self,
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        warn(self._older_device, "GradScaler")
        super().__init__(self._older_device, init_scale, growth_factor, backoff_factor, growth_interval, enabled)
