"""Other sizes and other places of the same picture, as functions: interpolation and the older names for it.

`functional` shows them to users; the layers of `upsampling` hold their arguments, `ops/resample.py` computes.
"""

from __future__ import annotations

import warnings

from rushlight.ops import resample as _resample
from rushlight.tensor.core import Tensor

Sizes = int | tuple[int, ...]
Factors = float | tuple[float, ...]


def interpolate(
    input: Tensor,
    size: Sizes | None = None,
    scale_factor: Factors | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """The input at another size of its last axes: (N, C, *size) → (N, C, *out).

    The size is `size`, or ⌊size·scale_factor⌋. `mode` is 'nearest', 'nearest-exact' or 'area' for one to three axes,
    'linear' for one, 'bilinear', 'bicubic' or 'lanczos' for two, 'trilinear' for three. With `align_corners` the
    outermost positions stay where they are; without, positions are the middles of squares. Positions lie by
    `scale_factor`, or by the two sizes with `recompute_scale_factor`. `antialias` widens the filter of 'bilinear',
    'bicubic' and 'lanczos' where the result is smaller.

    ValueError where arguments contradict each other, NotImplementedError for a mode that does not take so many axes,
    RuntimeError for sizes of 0.

    >>> import rushlight as torch
    >>> x = torch.tensor([[[1.0, 2.0, 4.0]]])
    >>> torch.nn.functional.interpolate(x, scale_factor=2)
    tensor([[[1., 1., 2., 2., 4., 4.]]])
    >>> torch.nn.functional.interpolate(x, 5, mode="linear", align_corners=True)
    tensor([[[1.0000, 1.5000, 2.0000, 3.0000, 4.0000]]])
    """
    return _resample.interpolate(input, size, scale_factor, mode, align_corners, recompute_scale_factor, antialias)


def upsample(
    input: Tensor,
    size: Sizes | None = None,
    scale_factor: Factors | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """`interpolate` under its older name, with a warning.

    Shapes: (N, C, *size) → (N, C, *out).
    """
    _older("upsample", "nn.functional.interpolate")
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input: Tensor, size: Sizes | None = None, scale_factor: Factors | None = None) -> Tensor:
    """`interpolate` in the mode 'nearest', under its older name, with a warning.

    Shapes: (N, C, *size) → (N, C, *out).
    """
    _older("upsample_nearest", "nn.functional.interpolate")
    return interpolate(input, size, scale_factor, mode="nearest")


def upsample_bilinear(input: Tensor, size: Sizes | None = None, scale_factor: Factors | None = None) -> Tensor:
    """`interpolate` in the mode 'bilinear' with aligned corners, under its older name, with a warning.

    Shapes: (N, C, H, W) → (N, C, H_out, W_out).
    """
    _older("upsample_bilinear", "nn.functional.interpolate")
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)


def _older(name: str, instead: str) -> None:
    sentence = f"`nn.functional.{name}` is deprecated. Use `{instead}` instead."
    warnings.warn(sentence, stacklevel=3)
