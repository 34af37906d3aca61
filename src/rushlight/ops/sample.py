"""Sampling at places of a grid: `grid_sample`, and `affine_grid`, which makes such places.

In come an input (N, C, *size) and a grid (N, *out, rank); out comes (N, C, *out). The result is linear in the input,
and its weights are polynomials of the places; so every derivative is a sum of the same form, with other weights, or its
adjoint, and all can be differentiated again.
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any

import numpy as np

from rushlight.autograd.graph import record
from rushlight.autograd.operation import Gradients, Needs, define
from rushlight.backends import registry
from rushlight.core.errors import message
from rushlight.core.memory import check
from rushlight.rules import sampling as rules
from rushlight.rules.results import Layout, Layouts
from rushlight.rules.sampling import Sampling
from rushlight.tensor.core import Tensor, memory, wrap, wrap_unordered
from rushlight.tensor.creation import zeros_like
from rushlight.tensor.parts import stack
from rushlight.tensor.products import matmul

from ..rules.arguments import TYPE_NAMES, not_a_tensor, unsupported_type, wrong_type
from .conv import code
from .linear_map import bounded_itemsize

# -- the operation


def grid_sample(x: Tensor, grid: Tensor, mode: str, padding_mode: str, align_corners: bool) -> Tensor:
    """The input at the places of the grid."""
    for position, (name, given) in enumerate((("input", x), ("grid", grid)), 1):
        if not isinstance(given, Tensor):
            raise not_a_tensor("grid_sampler", name, position, given)
    if not isinstance(align_corners, bool):
        raise wrong_type("grid_sampler", "align_corners", "bool", align_corners)
    how = rules.grid_sample(memory(x).shape, memory(grid).shape, mode, padding_mode, align_corners)
    _check_types(x, grid, len(how.size))
    if bounded_itemsize(memory(x)):
        check((*memory(x).shape[:2], *memory(grid).shape[1:-1]), memory(x).dtype.itemsize)
    return _sample(how, (0,) * len(how.size), x, grid)


def _check_types(x: Tensor, grid: Tensor, rank: int) -> None:
    if memory(x).dtype.kind in "biu":
        raise unsupported_type("grid_sampler_2d_cpu_kernel_impl" if rank == 2 else "grid_sampler3d_cpu", code(x))
    if memory(x).dtype != memory(grid).dtype:
        names = [TYPE_NAMES[code(t)][1] for t in (x, grid)]
        raise RuntimeError(
            message(f"expected scalar type {names[0]} but found {names[1]}", fix="grid.to(input.dtype), or the reverse")
        )


def _sample(how: Sampling, orders: tuple[int, ...], x: Tensor, grid: Tensor) -> Tensor:
    """The derivative of these orders in the places; the value itself for orders of 0."""
    arrays = memory(x), memory(grid)
    y = wrap_unordered(registry.beside(*arrays).grid_sample(how, orders, *arrays))
    record(SAMPLE[len(how.size)], (how, orders), y, (x, grid), (x, grid))
    return y


def _adjoint(how: Sampling, orders: tuple[int, ...], y: Tensor, grid: Tensor) -> Tensor:
    """The adjoint of `_sample` in x."""
    arrays = memory(y), memory(grid)
    x = wrap_unordered(registry.beside(*arrays).grid_sample_grad(how, orders, *arrays))
    record(ADJOINT[len(how.size)], (how, orders), x, (y, grid), (y, grid))
    return x


def _slope(how: Sampling, x: Tensor, grid: Tensor, y: Tensor) -> Tensor:
    """The gradient of the values in the grid, y being theirs."""
    arrays = memory(x), memory(grid), memory(y)
    slope = wrap_unordered(registry.beside(*arrays).grid_sample_grid_grad(how, *arrays))
    record(SLOPE[len(how.size)], (how,), slope, (x, grid, y), (x, grid, y))
    return slope


# -- grids


def affine_grid(theta: Tensor, size: tuple[int, ...], align_corners: bool) -> Tensor:
    """The places that matrices bring the middles of an image's positions to."""
    out = rules.affine_grid(memory(theta).shape, size)
    if not isinstance(align_corners, bool):
        raise wrong_type("affine_grid_generator", "align_corners", "bool", align_corners)
    if size[0] != memory(theta).shape[0]:
        wanted, given = ([n, len(out) + 1] for n in (size[0], memory(theta).shape[0]))
        sentence = f"Expected size for first two dimensions of batch2 tensor to be: {wanted} but got: {given}."
        raise RuntimeError(message(sentence, fix="size begins with as many images as theta has matrices"))
    if bounded_itemsize(memory(theta)):
        check((size[0], *out, len(out)), memory(theta).dtype.itemsize)
    grid = wrap(_placed(memory(theta), out, align_corners))
    record(AFFINE, (out, align_corners), grid, (theta,))
    return grid


def _placed(theta: Any, out: tuple[int, ...], align_corners: bool) -> Any:
    """base @ thetaᵀ, halves in float32."""
    number = np.dtype(np.float64 if theta.dtype == np.float64 else np.float32)
    places = np.matmul(_beside(_base(out, align_corners, number), theta), theta.astype(number).swapaxes(1, 2))
    return places.reshape(theta.shape[0], *out, len(out)).astype(theta.dtype, copy=False)


@lru_cache(maxsize=32)
def _base(out: tuple[int, ...], align_corners: bool, number: np.dtype) -> np.ndarray:
    """The middles of all positions, (places, rank + 1): x first, and a 1 at last. Between -1 and 1 without the ends,
    unless corners are aligned."""
    base = np.ones((*out, len(out) + 1), number)
    for axis, n in enumerate(out):
        line = np.linspace(-1, 1, n) if n > 1 else np.zeros(1)
        line = line if align_corners else line * ((n - 1) / n)
        base[..., len(out) - 1 - axis] = line.reshape(-1, *[1] * (len(out) - 1 - axis))
    base.setflags(write=False)
    return base.reshape(-1, len(out) + 1)


def _beside(base: np.ndarray, theta: Any) -> Any:
    return base if type(theta) is np.ndarray else theta.backend.from_host(base)


def _affine_rule(out: tuple[int, ...], align_corners: bool, needs: Needs, grad: Tensor) -> Gradients:
    kind = memory(grad).dtype
    number = np.dtype(np.float64 if kind == np.float64 else np.float32)
    base = wrap(_beside(np.array(_base(out, align_corners, number)), memory(grad)))
    turned = grad.to(base.dtype).reshape(grad.shape[0], -1, len(out)).transpose(1, 2)
    return (matmul(turned, base).to(grad.dtype),)


AFFINE = define(
    "affine_grid_generator",
    "AffineGridGeneratorBackward0",
    derivative=_affine_rule,
    results=lambda inputs, out, align_corners: [((inputs[0][0][0], *out, len(out)), inputs[0][1])],
    lowering=_placed,
)


# -- derivatives


def _sample_rule(
    how: Sampling, orders: tuple[int, ...], needs: Needs, grad: Tensor, x: Tensor, grid: Tensor
) -> Gradients:
    if not needs[1]:
        return _adjoint(how, orders, grad, grid), None
    slope = _slope(how, x, grid, grad) if not any(orders) else _along_grid(how, orders, x, grid, grad)
    return needs[0] and _adjoint(how, orders, grad, grid), slope


def _adjoint_rule(
    how: Sampling, orders: tuple[int, ...], needs: Needs, grad: Tensor, y: Tensor, grid: Tensor
) -> Gradients:
    slope = needs[1] and _along_grid(how, orders, grad, grid, y)
    return needs[0] and _sample(how, orders, grad, grid), slope


def _slope_rule(how: Sampling, needs: Needs, grad: Tensor, x: Tensor, grid: Tensor, y: Tensor) -> Gradients:
    """slope[n, o, a] = Σ_c y[n, c, o]·∂ sample[n, c, o] / ∂ grid[n, o, a], so with grad it is Σ_a of such sums."""
    rank = len(how.size)
    of_x = of_grid = of_y = None
    for axis in range(rank):
        orders = tuple([int(axis == other) for other in range(rank)])
        if how.vanishes(orders):
            continue
        part = grad.select(-1, rank - 1 - axis).unsqueeze(1)
        if needs[0]:
            of_x = _sum(of_x, _adjoint(how, orders, part * y, grid))
        if needs[1]:
            of_grid = _sum(of_grid, _along_grid(how, orders, x, grid, part * y))
        if needs[2]:
            of_y = _sum(of_y, part * _sample(how, orders, x, grid))
    found = (of_x, x), (of_grid, grid), (of_y, y)
    return tuple([need and (zeros_like(like) if one is None else one) for need, (one, like) in zip(needs, found)])


def _sum(a: Tensor | None, b: Tensor) -> Tensor:
    return b if a is None else a + b


def _along_grid(how: Sampling, orders: tuple[int, ...], x: Tensor, grid: Tensor, y: Tensor) -> Tensor:
    """Σ_c y·∂ sample / ∂ grid for samples that are derivatives of these orders themselves."""
    parts = []
    for axis in reversed(range(len(how.size))):
        more = tuple([order + (axis == other) for other, order in enumerate(orders)])
        gone = how.vanishes(more)
        parts.append(zeros_like(grid.select(-1, 0)) if gone else (y * _sample(how, more, x, grid)).sum(1))
    return stack(parts, -1)


def _sample_results(inputs: Layouts, how: Sampling, orders: tuple[int, ...]) -> list[Layout]:
    (shape, kind), (places, _) = inputs
    return [((*shape[:2], *places[1:-1]), kind)]


def _adjoint_results(inputs: Layouts, how: Sampling, orders: tuple[int, ...]) -> list[Layout]:
    (shape, kind), _ = inputs
    return [((*shape[:2], *how.size), kind)]


def _lower(kernel: str, arrays: int, *given: Any) -> Any:
    inputs, attributes = given[:arrays], given[arrays:]
    return getattr(registry.beside(*inputs), kernel)(*attributes, *inputs)


SAMPLE, ADJOINT, SLOPE = {}, {}, {}
for _rank in (2, 3):
    SAMPLE[_rank] = define(
        f"grid_sampler_{_rank}d",
        f"GridSampler{_rank}DBackward0",
        derivative=_sample_rule,
        results=_sample_results,
        lowering=partial(_lower, "grid_sample", 2),
    )
    ADJOINT[_rank] = define(
        f"grid_sampler_{_rank}d_backward",
        f"GridSampler{_rank}DBackwardBackward0",
        derivative=_adjoint_rule,
        results=_adjoint_results,
        lowering=partial(_lower, "grid_sample_grad", 2),
    )
    SLOPE[_rank] = define(
        f"grid_sampler_{_rank}d_backward_grid",
        f"GridSampler{_rank}DBackwardBackward0",
        derivative=_slope_rule,
        results=lambda inputs, how: [inputs[1]],
        lowering=partial(_lower, "grid_sample_grid_grad", 3),
    )
