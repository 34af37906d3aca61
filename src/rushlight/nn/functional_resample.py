"""Other sizes and other places of the same picture, as functions: interpolation, the older names for it, and sampling.

`functional` shows them to users; the layers of `upsampling` hold their arguments, `ops/resample.py` and `ops/sample.py`
compute.
"""

from __future__ import annotations

import warnings

from rushlight.ops import resample as _resample
from rushlight.ops import sample as _sample
from rushlight.rules import sampling as _rules
from rushlight.tensor.autocasting import in_float32
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


@in_float32
def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """The input at places of a grid: (N, C, H, W) and (N, H_out, W_out, 2) → (N, C, H_out, W_out), or the same of
    (N, C, D, H, W) and (N, D_out, H_out, W_out, 3).

    A place is (x, y) or (x, y, z), each from -1 to 1 along the last, the last but one and the third last axis: with
    `align_corners` from the middle of the first position to that of the last, else from end to end (None means False,
    with a warning). `mode` is 'bilinear' (linear along each axis), 'nearest', or 'bicubic' (4-D alone). What lies
    outside is 0, the nearest position ('border'), or mirrored at the ends ('reflection').

    Both are differentiated, any number of times; 'nearest' has no slope. ValueError for other modes, RuntimeError for
    shapes or dtypes that do not fit.

    >>> import rushlight as torch
    >>> x = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    >>> places = torch.tensor([[[[-1.0, -1.0], [0.0, 0.0], [1.0, 0.0], [3.0, 0.0]]]])
    >>> torch.nn.functional.grid_sample(x, places, align_corners=True)
    tensor([[[[1.0000, 2.5000, 3.0000, 0.0000]]]])
    """
    _rules.checked_names(mode, padding_mode)
    return _sample.grid_sample(input, grid, mode, padding_mode, _corners(align_corners))


def affine_grid(theta: Tensor, size: tuple[int, ...], align_corners: bool | None = None) -> Tensor:
    """The grid for `grid_sample` of an affine map: (N, 2, 3) and a size (N, C, H, W) → (N, H, W, 2), or (N, 3, 4) and
    (N, C, D, H, W) → (N, D, H, W, 3).

    `theta` holds a matrix for each image, which brings a place (x, y, 1) of the output to one of the input. What
    `align_corners` means, `grid_sample` says. ValueError for shapes that do not fit.

    >>> import rushlight as torch
    >>> flipped = torch.tensor([[[-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    >>> torch.nn.functional.affine_grid(flipped, (1, 1, 1, 2), align_corners=False)
    tensor([[[[ 0.5000,  0.0000],
              [-0.5000,  0.0000]]]])
    """
    corners = _corners(align_corners)
    if not theta.is_floating_point():
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    if align_corners and len(size) in (4, 5) and min(size[2:]) == 1:
        warnings.warn(
            "Since version 1.3.0, affine_grid behavior has changed for unit-size grids when align_corners=True. This "
            "is not an intended use case of affine_grid. See the documentation of affine_grid for details.",
            stacklevel=2,
        )
    return _sample.affine_grid(theta, size, corners)


def _corners(align_corners: bool | None) -> bool:
    if align_corners is None:
        warnings.warn(
            "Default grid_sample and affine_grid behavior has changed to align_corners=False since 1.3.0. Please "
            "specify align_corners=True if the old behavior is desired. See the documentation of grid_sample for "
            "details.",
            stacklevel=3,
        )
        return False
    return align_corners


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
