"""One formula for many tensors: their arrays in rows, which one launch takes where the engine of this context has one.

In: formulas, rows of arrays that lie alike, and numbers that all rows share. Out: the first arrays of each row,
written.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.backends import registry
from rushlight.rules.expression import Expression


def computed_together(
    formulas: tuple[Expression, ...], rows: Sequence[Sequence[np.ndarray]], numbers: np.ndarray
) -> bool:
    """Write the formulas of each row's arrays and the numbers into its first arrays, which are inputs, too; False, and
    nothing is changed, where no engine does that fast, or rows share memory."""
    return bool(_first("pointwise_together", formulas, rows, numbers))


def squares_together(arrays: Sequence[np.ndarray]) -> np.ndarray | None:
    """The sum of squares of each array, in float64: floats of one dtype, without gaps. None where no engine does it."""
    return _first("squares_together", arrays)


def _first(kernel: str, *given: Any) -> Any:
    """What the first engine of this context gives; None where it has no such kernel, or declines."""
    engine = registry.current()
    first = getattr(engine, "engines", (engine,))[0]
    if first is registry.reference or not hasattr(first, kernel):
        return None
    try:
        return getattr(first, kernel)(*given)
    except registry.Refusal:
        return None


def kinds_alike(row: list[np.ndarray]) -> tuple | None:
    """The dtypes of arrays of the host that lie alike and without gaps; None where they do not."""
    first = row[0]
    if type(first) is not np.ndarray:
        return None
    kind, strides, shape = first.dtype, first.strides, first.shape
    for array in row:
        if type(array) is not np.ndarray or array.strides != strides or array.dtype != kind or array.shape != shape:
            return None
    whole = first.flags.c_contiguous or is_whole(shape, strides, first.itemsize)
    return (kind.num,) if whole else None


@functools.lru_cache(maxsize=4096)
def is_whole(shape: tuple[int, ...], strides: tuple[int, ...], itemsize: int) -> bool:
    """Whether elements lie without gaps and each by itself, in any order of the axes."""
    for stride, count in sorted((stride, count) for stride, count in zip(strides, shape) if count != 1):
        if stride != itemsize:
            return False
        itemsize *= count
    return True
