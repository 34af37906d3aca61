"""Layers that give a picture another size: they hold the arguments of `interpolate`."""

from __future__ import annotations

from typing import Any

from rushlight.nn import functional_resample as R
from rushlight.nn.module import Module
from rushlight.tensor.core import Tensor

Sizes = int | tuple[int, ...]
Factors = float | tuple[float, ...]


class Upsample(Module):
    """The input at another size of its last axes, as `functional.interpolate` computes it.

    Shapes: (N, C, *size) → (N, C, *out), where out is `size`, or ⌊size·scale_factor⌋. The errors are those of
    `interpolate`, at the call.

    >>> import rushlight as torch
    >>> torch.nn.Upsample(scale_factor=2, mode="bilinear")(torch.zeros(1, 3, 8, 6)).shape
    torch.Size([1, 3, 16, 12])
    """

    def __init__(
        self,
        size: Sizes | None = None,
        scale_factor: Factors | None = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        super().__init__()
        self.name = type(self).__name__
        self.size = size
        if isinstance(scale_factor, tuple):
            self.scale_factor: Factors | None = tuple(float(factor) for factor in scale_factor)
        else:
            self.scale_factor = float(scale_factor) if scale_factor else None
        self.mode = mode
        self.align_corners = align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, input: Tensor) -> Tensor:
        """The input at the new size."""
        return R.interpolate(
            input, self.size, self.scale_factor, self.mode, self.align_corners, self.recompute_scale_factor
        )

    def __setstate__(self, state: dict[str, Any]) -> None:
        state.setdefault("recompute_scale_factor", True)  # of layers stored before there was one
        super().__setstate__(state)

    def extra_repr(self) -> str:
        """The factor or the size, and the mode."""
        given = f"size={self.size!r}" if self.scale_factor is None else f"scale_factor={self.scale_factor!r}"
        return f"{given}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """Upsample in the mode 'nearest', for two axes.

    Shapes: (N, C, H, W) → (N, C, H_out, W_out).
    """

    def __init__(self, size: Sizes | None = None, scale_factor: Factors | None = None) -> None:
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """Upsample in the mode 'bilinear' with aligned corners.

    Shapes: (N, C, H, W) → (N, C, H_out, W_out).
    """

    def __init__(self, size: Sizes | None = None, scale_factor: Factors | None = None) -> None:
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)
