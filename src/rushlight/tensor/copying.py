"""What is written into tensors: the rows of `copy_` and `fill_`, and the arrays that these write.

In: a tensor and what it is to hold. Out: arrays on its device and in its dtype, and the rows that say what a change in
place has written. `change`, `inplace`, `indexing` and `output` write.
"""

from __future__ import annotations

import numpy as np

from rushlight.autograd.operation import Gradients, Needs, define
from rushlight.core import dtypes
from rushlight.rules.results import Layout, as_first
from rushlight.tensor.core import Tensor
from rushlight.tensor.layout import device_of
from rushlight.tensor.numerics import quiet
from rushlight.tensor.operands import number_in_dtype
from rushlight.tensor.pointwise import _converted
from rushlight.tensor.size import carried


def fitting(target: np.ndarray, array: np.ndarray) -> np.ndarray:
    """An array on the device and in the dtype of another."""
    if type(array) is not type(target) or type(array) is not np.ndarray:
        array = carried(array, device_of(target))
    return array if array.dtype == target.dtype else _converted(array, target.dtype)


def copied(target: np.ndarray, source: np.ndarray) -> np.ndarray:
    """An array like the first with the elements of the second, broadcast and cast."""
    array = np.empty_like(target)
    quiet(np.copyto, array, fitting(target, source))
    return array


def _copy_rule(needs: Needs, grad: Tensor) -> Gradients:
    return _zeros(needs, grad), with_axes_of(needs[1], grad) if needs[1] else None


def _zeros(needs: Needs, grad: Tensor) -> Tensor | None:
    return grad._filled_like(0) if needs[0] else None


def with_axes_of(layout: Layout, grad: Tensor) -> Tensor:
    """The gradient with as many axes as its input, which has leading ones of one entry where it has more."""
    lead = len(layout[0]) - grad.ndim
    return grad.reshape((*[1] * lead, *grad.shape)) if lead > 0 else grad


COPY = define("copy", "torch::autograd::CopyBackwards", derivative=_copy_rule, results=as_first, lowering=copied)


def filled(like: np.ndarray, value: np.ndarray) -> np.ndarray:
    """An array like another, full of one value."""
    array = np.empty_like(like)
    array[...] = value
    return array


def _fill_rule(needs: Needs, grad: Tensor) -> Gradients:
    return _zeros(needs, grad), grad.sum() if needs[1] else None


FILL_TENSOR = define("fill.tensor", "FillBackward3", derivative=_fill_rule, results=as_first, lowering=filled)
FILL = define(
    "fill",
    "FillBackward2",
    derivative=lambda number, needs, grad: (_zeros(needs, grad),),
    results=as_first,
    lowering=lambda like, number: filled(like, number_in_dtype(number, dtypes.of_numpy(like.dtype))),
)
ZERO = define(
    "zero",
    "ZeroBackward0",
    derivative=lambda needs, grad: (_zeros(needs, grad),),
    results=as_first,
    lowering=lambda like: filled(like, like.dtype.type(0)),
)
