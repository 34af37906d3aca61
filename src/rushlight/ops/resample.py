"""Resampling of the last one, two or three axes: `interpolate` in all its modes.

In comes (N, C, *size), out comes (N, C, *out) of the same memory format. Each mode is a linear map of each axis, so the
gradient is the adjoint map, and the gradient of that the map itself.
"""

from __future__ import annotations

import numpy as np

from rushlight.autograd.graph import record
from rushlight.autograd.operation import Gradients, Needs, Operation, define
from rushlight.backends.reference.resampling import resampled
from rushlight.core.memory import check
from rushlight.rules import resampling as rules
from rushlight.rules.resampling import Resampling
from rushlight.rules.results import Layout, Layouts
from rushlight.tensor.core import Tensor, memory
from rushlight.tensor.layout import wrap_formatted

from ..rules.arguments import not_a_tensor, unsupported_type
from .conv import code
from .linear_map import bounded_itemsize
from .pool import adaptive_avg_pool


def interpolate(
    x: Tensor,
    size: object,
    scale_factor: object,
    mode: object,
    align_corners: bool | None,
    recompute_scale_factor: bool | None,
    antialias: bool,
) -> Tensor:
    """The input at other sizes of its last axes."""
    if not isinstance(x, Tensor):
        raise not_a_tensor("interpolate", "input", 1, x)
    shape = tuple(memory(x).shape)
    how = rules.interpolate(shape, size, scale_factor, mode, align_corners, recompute_scale_factor, antialias)
    rank = len(how.size)
    if how.rule == "area":
        return adaptive_avg_pool(f"adaptive_avg_pool{rank}d", rank, x, how.out)
    kind = memory(x).dtype
    if kind.kind in "bi" or (kind.kind == "u" and kind != np.uint8):
        raise unsupported_type(_NAMES[how.rule, how.antialias, rank][0], code(x))
    if how.antialias and kind.itemsize == 2:
        raise unsupported_type("compute_index_ranges_weights", code(x))
    if kind == np.uint8 and how.rule == "linear" and rank != 2:
        raise unsupported_type("compute_indices_weights_linear", code(x))
    if bounded_itemsize(memory(x)):
        check((*shape[:2], *how.out), kind.itemsize)
    return _resample(ROWS[how.rule, how.antialias, rank][0], x, how, False)


def _resample(row: Operation, x: Tensor, how: Resampling, adjoint: bool) -> Tensor:
    y = wrap_formatted(resampled(memory(x), how, adjoint), x)
    record(row, (how, adjoint), y, (x,))
    return y


def _rule(how: Resampling, adjoint: bool, needs: Needs, grad: Tensor) -> Gradients:
    rows = ROWS[how.rule, how.antialias, len(how.size)]
    return (_resample(rows[not adjoint], grad, how, not adjoint),)


def _results(inputs: Layouts, how: Resampling, adjoint: bool) -> list[Layout]:
    (shape, kind), sizes = inputs[0], how.size if adjoint else how.out
    return [((*shape[: -len(sizes)], *sizes), kind)]


def _rows(name: str, node: str) -> tuple[Operation, Operation]:
    """The map's row and that of its adjoint."""
    given = {"derivative": _rule, "results": _results, "lowering": resampled}
    back = define(f"{name}_backward", f"{node}BackwardBackward0", **given)
    return define(name, f"{node}Backward0", **given), back


_NAMES = {
    **{("nearest", False, n): (f"upsample_nearest{n}d", f"UpsampleNearest{n}D") for n in (1, 2, 3)},
    **{("nearest-exact", False, n): (f"_upsample_nearest_exact{n}d", f"UpsampleNearestExact{n}D") for n in (1, 2, 3)},
    ("linear", False, 1): ("upsample_linear1d", "UpsampleLinear1D"),
    ("linear", False, 2): ("upsample_bilinear2d", "UpsampleBilinear2D"),
    ("linear", False, 3): ("upsample_trilinear3d", "UpsampleTrilinear3D"),
    ("cubic", False, 2): ("upsample_bicubic2d", "UpsampleBicubic2D"),
    ("linear", True, 2): ("_upsample_bilinear2d_aa", "UpsampleBilinear2DAa"),
    ("cubic", True, 2): ("_upsample_bicubic2d_aa", "UpsampleBicubic2DAa"),
    ("lanczos", True, 2): ("_upsample_lanczos2d_aa", "UpsampleLanczos2DAa"),
}
ROWS = {key: _rows(*names) for key, names in _NAMES.items()}
