"""What resampling gives: sizes, scales and errors of `interpolate`, by integers alone.

In: the shape of an input and the arguments of a call. Out: `Resampling`, what happens to each axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rushlight.core.errors import message

SMOOTH = "linear | bilinear | bicubic | trilinear"
# By PyTorch's names: the rule for one axis, and for how many axes it stands (None: one, two and three).
MODES = {
    "nearest": ("nearest", None),
    "nearest-exact": ("nearest-exact", None),
    "area": ("area", None),
    "linear": ("linear", 1),
    "bilinear": ("linear", 2),
    "trilinear": ("linear", 3),
    "bicubic": ("cubic", 2),
    "lanczos": ("lanczos", 2),
}
FILTERED = ("bilinear", "bicubic", "lanczos")


class Resampling(NamedTuple):
    """How the last axes are resampled: each by the same rule, from `size` positions to `out`.

    `scales` are positions of the input for one of the output, where the caller's factor says so, else None.
    """

    rule: str
    size: tuple[int, ...]
    out: tuple[int, ...]
    align_corners: bool = False
    antialias: bool = False
    scales: tuple[float | None, ...] = ()


def interpolate(
    shape: tuple[int, ...],
    size: object,
    scale_factor: object,
    mode: object,
    align_corners: bool | None,
    recompute_scale_factor: bool | None,
    antialias: bool,
) -> Resampling:
    """The checked call, for an input of this shape: (N, C, *size)."""
    if mode in ("nearest", "area", "nearest-exact") and align_corners is not None:
        sentence = f"align_corners option can only be set with the interpolating modes: {SMOOTH}"
        raise ValueError(message(sentence, f"interpolate: mode={mode!r}", fix="leave align_corners out"))
    spatial = shape[2:]
    out, factors = _sizes(list(spatial), len(shape) - 2, size, scale_factor, mode, recompute_scale_factor)
    if antialias and not (mode in FILTERED and len(shape) == 4):
        raise ValueError(
            "Anti-alias option is restricted to bilinear, bicubic, and lanczos modes and requires a 4-D tensor as input"
        )
    _check_mode(len(shape), mode)
    if mode == "lanczos" and align_corners:
        raise ValueError("Lanczos mode does not support align_corners=True")
    if mode == "lanczos" and not antialias:
        raise ValueError("Lanczos mode requires antialias=True")
    if mode != "area":
        _check_extents(shape, out)
    scales = tuple([1.0 / factor if factor > 0 else None for factor in factors]) if factors else (None,) * len(out)
    return Resampling(MODES[mode][0], spatial, out, bool(align_corners), bool(antialias), scales)


def _sizes(
    spatial: list[int], axes: int, size: object, factor: object, mode: object, recompute: bool | None
) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """The resulting sizes, and the factors as far as they decide where positions lie."""
    if size is not None and factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    if size is None and factor is None:
        raise ValueError("either size or scale_factor should be defined")
    if size is not None:
        if recompute:
            raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
        if isinstance(size, (list, tuple)) and len(size) != axes:
            raise ValueError(
                "Input and output must have the same number of spatial dimensions, but got input with spatial "
                f"dimensions of {spatial} and output size of {size}. Please provide input tensor in (N, C, d1, d2, "
                "...,dK) format and output size in (o1, o2, ...,oK) format."
            )
        sizes = tuple(size) if isinstance(size, (list, tuple)) else (size,) * max(axes, 0)
        return tuple([_whole(entry, size) for entry in sizes]), ()
    if isinstance(factor, (list, tuple)) and len(factor) != axes:
        raise ValueError(
            "Input and scale_factor must have the same number of spatial dimensions, but got input with spatial "
            f"dimensions of {spatial} and scale_factor of shape {factor}. Please provide input tensor in (N, C, d1, "
            "d2, ...,dK) format and scale_factor in (s1, s2, ...,sK) format."
        )
    given = tuple(factor) if isinstance(factor, (list, tuple)) else (factor,) * max(axes, 0)
    factors = tuple([_number(entry) for entry in given])
    out = tuple([int(n * by) for n, by in zip(spatial, factors)])
    return out, () if recompute or mode == "area" else factors


def _whole(value: object, size: object) -> int:
    try:
        return value.__index__() if not isinstance(value, bool) else _refused(size)
    except AttributeError:
        return _refused(size)


def _refused(size: object) -> int:
    kinds = [type(entry) for entry in size] if isinstance(size, Sequence) and not isinstance(size, str) else type(size)
    raise TypeError(
        "expected size to be one of int or Tuple[int] or Tuple[int, int] or Tuple[int, int, int], but got size with "
        f"types {kinds}"
    )


def _number(value: object) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(f"scale_factor must be a number or a tuple of numbers, not {type(value).__name__}") from None


def _check_mode(ndim: int, mode: object) -> None:
    rank = MODES[mode][1] if isinstance(mode, str) and mode in MODES else 0
    if ndim in (3, 4, 5) and rank in (None, ndim - 2):
        return
    if ndim in (3, 4, 5) and mode in ("linear", "bilinear", "trilinear"):
        raise NotImplementedError(
            message(
                f"Got {ndim}D input, but {mode} mode needs {rank + 2}D input",
                fix=f"mode={('linear', 'bilinear', 'trilinear')[ndim - 3]!r}",
            )
        )
    raise NotImplementedError(
        f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {ndim}D) for the modes: nearest | linear | "
        f"bilinear | bicubic | trilinear | lanczos | area | nearest-exact (got {mode})"
    )


def _check_extents(shape: tuple[int, ...], out: tuple[int, ...]) -> None:
    spatial = shape[2:]
    names = "DHW"[3 - len(spatial) :]
    if min((*spatial, *out)) <= 0:
        before, after = (", ".join(f"{a}: {n}" for a, n in zip(names, sizes)) for sizes in (spatial, out))
        raise RuntimeError(
            f"Input and output sizes should be greater than 0, but got input ({before}) output ({after})"
        )
    if shape[1] == 0:
        raise RuntimeError(f"Non-empty {len(shape)}D data tensor expected but got a tensor with sizes {list(shape)}")
