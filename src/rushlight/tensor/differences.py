"""Differences of neighbours along an axis, written with views and a subtraction."""

from __future__ import annotations

from rushlight.core import dtypes
from rushlight.tensor.arithmetic import sub
from rushlight.tensor.comparison import logical_xor
from rushlight.tensor.core import Tensor
from rushlight.tensor.layout import check_dim, clone
from rushlight.tensor.parts import cat, narrow


def diff(
    input: Tensor, n: int = 1, dim: int = -1, prepend: Tensor | None = None, append: Tensor | None = None
) -> Tensor:
    """x[i + 1] − x[i] along an axis, n times over; of bools, whether they differ.

    `prepend` and `append` are put before and behind first. RuntimeError for a 0-dim tensor, n below 0, or ends whose
    other axes are not the input's.

    >>> import rushlight as torch
    >>> torch.diff(torch.tensor([1, 4, 9, 16])), torch.diff(torch.tensor([1, 4, 9, 16]), 2)
    (tensor([3, 5, 7]), tensor([2, 2]))
    """
    if input.dim() == 0:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}")
    axis = check_dim(dim, input.dim())
    for end in (prepend, append):
        if end is not None:
            _check_end(input, end, axis)
    if n == 0:
        return clone(input)
    ends = [tensor for tensor in (prepend, input, append) if tensor is not None]
    result = input if len(ends) == 1 else cat(ends, axis)
    for _ in range(min(n, result.shape[axis])):
        size = result.shape[axis] - 1
        upper, lower = narrow(result, axis, 1, size), narrow(result, axis, 0, size)
        result = logical_xor(upper, lower) if result.dtype is dtypes.bool else sub(upper, lower)
    return result


def _check_end(input: Tensor, end: Tensor, axis: int) -> None:
    if end.dim() != input.dim():
        raise RuntimeError("diff expects prepend or append to be the same dimension as input")
    for other, (size, its) in enumerate(zip(input.shape, end.shape)):
        if other != axis and size != its:
            raise RuntimeError(
                "diff expects the shape of tensor to prepend or append to match that of input except along the "
                f"differencing dimension; input.size({other}) = {size}, but got tensor.size({other}) = {its}"
            )
