"""What sampling at places of a grid gives: shapes and errors of `grid_sample` and `affine_grid`, by integers alone.

In: the shapes of an input and a grid and the arguments of a call. Out: `Sampling`, how places are read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rushlight.core.errors import message

RULES = {"bilinear": "linear", "nearest": "nearest", "bicubic": "cubic"}
PADDINGS = ("zeros", "border", "reflection")
TAPS = {"nearest": 1, "linear": 2, "cubic": 4}
"""How many positions each rule reads along an axis; one fewer is the degree of its weights."""

_CUBIC = [((0, -0.75, 1.5, -0.75), (1, 0, -2.25, 1.25), (0, 0.75, 1.5, -1.25), (0, 0, -0.75, 0.75))]
for _ in range(3):
    _CUBIC.append(tuple([tuple([power * number for power, number in enumerate(one)][1:]) for one in _CUBIC[-1]]))
WEIGHTS = {
    "nearest": (((1,),),),
    "linear": (((1, -1), (0, 1)), ((-1,), (1,))),
    "cubic": tuple(_CUBIC),
}
"""By rule, order of the derivative and tap: the coefficients of the weight in t, the distance from the position below,
the constant first. The cubic is R. Keys' ("Cubic convolution interpolation", 1981) with a = -3/4."""


class Sampling(NamedTuple):
    """How places of a grid, -1 to 1 along each axis, are read from an input whose last axes have these sizes.

    With `align_corners` -1 and 1 are the middles of the outermost positions, else their outer ends.
    """

    rule: str
    padding: str
    align_corners: bool
    size: tuple[int, ...]

    def vanishes(self, orders: tuple[int, ...]) -> bool:
        """Whether the derivative of these orders along the axes is 0 everywhere."""
        return max(orders) >= TAPS[self.rule]


def checked_names(mode: object, padding_mode: object) -> None:
    """ValueError for modes that are not there."""
    if mode not in RULES:
        sentence = "nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: "
        raise ValueError(f"{sentence}'{mode}'")
    if padding_mode not in PADDINGS:
        sentence = "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or 'reflection', but "
        raise ValueError(f"{sentence}got: '{padding_mode}'")


def grid_sample(shape: Sequence[int], grid: Sequence[int], mode: str, padding: str, align_corners: bool) -> Sampling:
    """The checked call, for an input (N, C, *size) and a grid (N, *out, rank)."""
    shape, grid = list(shape), list(grid)
    if not shape or not grid or shape[0] != grid[0]:
        raise _refused("expected grid and input to have same batch size", shape, grid)
    rank = len(shape) - 2
    if grid[-1] != rank:
        sentence = f"expected grid to have size {rank} in last dimension, but got grid with sizes {grid}"
        fix = "coordinates come last, that of the last axis (x) first"
        raise RuntimeError(message(f"grid_sampler(): {sentence}", fix=fix))
    for axis, count in enumerate(shape[2:], 2):
        if count <= 0:
            raise RuntimeError(
                "grid_sampler(): expected input to have non-empty spatial dimensions, but input has sizes "
                f"{shape} with dimension {axis} being empty"
            )
    wanted = 4 if rank == 2 else 5
    if len(shape) != wanted or len(grid) != wanted:
        raise _refused(f"expected {wanted}D input and grid with same number of dimensions", shape, grid)
    if rank == 3 and mode == "bicubic":
        raise RuntimeError(
            message("grid_sampler(): bicubic interpolation only supports 4D input", fix="mode='bilinear' takes 5-D")
        )
    return Sampling(RULES[mode], padding, align_corners, tuple(shape[2:]))


def _refused(what: str, shape: list[int], grid: list[int]) -> RuntimeError:
    return RuntimeError(
        message(
            f"grid_sampler(): {what}, but got input with sizes {shape} and grid with sizes {grid}",
            fix="input (N, C, H, W) and grid (N, H_out, W_out, 2); or (N, C, D, H, W) and (N, D_out, H_out, W_out, 3)",
        )
    )


def affine_grid(theta: Sequence[int], size: Sequence[int]) -> tuple[int, ...]:
    """The spatial sizes of a grid for matrices of the shape `theta` and an output of the shape `size`."""
    if len(size) not in (4, 5):
        raise NotImplementedError(
            "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, respectively. "
            f"Got size {size}."
        )
    rank = len(size) - 2
    if len(theta) != 3 or tuple(theta[1:]) != (rank, rank + 1):
        raise ValueError(
            f"Expected a batch of {rank}D affine matrices of shape Nx{rank}x{rank + 1} for size {size}. "
            f"Got torch.Size({list(theta)})."
        )
    if min(size) <= 0:
        raise ValueError(f"Expected non-zero, positive output size. Got {size}")
    return tuple(size[2:])
