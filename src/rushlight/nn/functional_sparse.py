"""Rows of a table chosen by number: embedding, and its gradient, which adds up what comes back to each row.

In: whole numbers and a weight of rows. Out: the numbers' rows, recorded.
"""

from __future__ import annotations

import numpy as np

from rushlight.autograd.graph import record
from rushlight.autograd.modes import no_grad
from rushlight.autograd.operation import Gradients, Needs, define
from rushlight.backends.array import as_array
from rushlight.core import dtypes
from rushlight.core.errors import message
from rushlight.core.memory import worded
from rushlight.rules.results import Layout, Layouts
from rushlight.runtime.allocation import zeros_beside
from rushlight.tensor import ordered
from rushlight.tensor.core import Tensor, memory, wrap
from rushlight.tensor.norms import norm
from rushlight.tensor.numerics import quiet
from rushlight.tensor.ordering import bincount, unique
from rushlight.tensor.selection import where


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """The rows of `weight` that `input` names: (…) whole numbers → (…, width).

    Row `padding_idx` gets no gradient. Rows that are used and longer than `max_norm` (by the `norm_type`-norm) are made
    that long first, in place. With `scale_grad_by_freq` each row's gradient is divided by how often it is named.

    IndexError: a number without a row. RuntimeError: numbers that are not int32 or int64, a weight without two axes,
    and `sparse=True`, since there are no sparse gradients.

    >>> import rushlight as torch
    >>> torch.nn.functional.embedding(torch.tensor([2, 0]), torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
    tensor([[5., 6.],
            [1., 2.]])
    """
    _check(input, weight)
    rows = memory(weight).shape[0]
    if padding_idx is not None:
        if not -rows <= padding_idx < rows:
            raise AssertionError("Padding_idx must be within num_embeddings")
        padding_idx %= rows
    if sparse:
        raise RuntimeError(message("embedding: sparse gradients are not supported", fix="sparse=False"))
    numbers = memory(input)
    if type(numbers) is np.ndarray and numbers.size and not 0 <= numbers.min() <= numbers.max() < rows:
        wrong = numbers[(numbers < 0) | (numbers >= rows)].reshape(-1)[0]
        raise IndexError(message("index out of range in self", f"{wrong}: there are rows 0 … {rows - 1}"))
    if max_norm is not None:
        _shorten(weight, input, max_norm, norm_type)
    attributes = -1 if padding_idx is None else padding_idx, bool(scale_grad_by_freq)
    result = wrap(_rows(weight._array, input._array, *attributes))
    record(EMBEDDING, attributes, result, (weight, input), (input,))
    return result


def _check(input: Tensor, weight: Tensor) -> None:
    for name, position, value in (("weight", 1, weight), ("indices", 2, input)):
        if not isinstance(value, Tensor):
            kind = type(value).__name__
            raise TypeError(f"embedding(): argument '{name}' (position {position}) must be Tensor, not {kind}")
    if memory(weight).ndim != 2:
        raise RuntimeError(message("'weight' must be 2-D", f"its shape is {list(weight.shape)}"))
    if input.dtype not in (dtypes.int64, dtypes.int32):
        raise RuntimeError(
            message(
                "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; "
                f"but got {input.type()} instead (while checking arguments for embedding)",
                fix=".long()",
            )
        )


def _shorten(weight: Tensor, input: Tensor, most: float, p: float) -> None:
    """Make the rows that are used no longer than `most`, in place."""
    with no_grad():
        used = unique(input)
        rows = weight.detach()[used]
        lengths = norm(rows, p, 1, True).double()
        factors = where(lengths > most, most / (lengths + 1e-7), 1.0).to(rows.dtype)
        if bool((lengths > most).any()):
            weight[used] = rows * factors


@worded
def _rows(weight: np.ndarray, index: np.ndarray, padding: int, scaled: bool) -> np.ndarray:
    return as_array(np.take(weight, index, axis=0))


def _rows_layout(inputs: Layouts, *attributes: object) -> list[Layout]:
    (shape, kind), (index, _) = inputs
    return [((*index, shape[1]), kind)]


def _rows_rule(padding: int, scaled: bool, needs: Needs, grad: Tensor, index: Tensor) -> Gradients:
    attributes = needs[0][0][0], padding, scaled
    if type(memory(grad)) is not np.ndarray:  # another device has its own way to add
        rows = (_masked_rows(grad, index, *attributes)).reshape(-1, needs[0][0][1])
        return (grad.new_zeros(needs[0][0]).index_add(0, index.reshape(-1), rows),)
    result = wrap(_added(grad._array, index._array, *attributes))
    record(EMBEDDING_BACKWARD, attributes, result, (grad, index), (index,))
    return (result,)


@worded
def _added(grad: np.ndarray, index: np.ndarray, count: int, padding: int, scaled: bool) -> np.ndarray:
    """The sum of the gradients of each row, in the order of the numbers; halves are summed in float32."""
    width = grad.shape[-1]
    result = zeros_beside(grad, (count, width), grad.dtype)
    if not grad.size:
        return result
    flat, rows = index.reshape(-1), grad.reshape(-1, width)
    rows = rows.astype(np.float32) if dtypes.of_numpy(grad.dtype) in dtypes.HALVES else rows
    order = ordered.positions_in_order(flat, 0)
    flat = flat[order]
    if padding >= 0:
        order, flat = order[flat != padding], flat[flat != padding]
    if not flat.size:
        return result
    starts = np.flatnonzero(np.concatenate([[True], flat[1:] != flat[:-1]]))
    rows = rows[order]
    if scaled:
        often = np.diff(np.append(starts, flat.size))
        rows = quiet(np.multiply, rows, np.repeat(1 / often, often)[:, None].astype(rows.dtype))
    result[flat[starts]] = quiet(quiet(np.add.reduceat, rows, starts, axis=0).astype, grad.dtype)
    return result


def _added_layout(inputs: Layouts, count: int, *attributes: object) -> list[Layout]:
    shape, kind = inputs[0]
    return [((count, shape[-1]), kind)]


def _added_rule(count: int, padding: int, scaled: bool, needs: Needs, grad: Tensor, index: Tensor) -> Gradients:
    return (_masked_rows(embedding(index, grad), index, count, padding, scaled),)


def _masked_rows(found: Tensor, index: Tensor, count: int, padding: int, scaled: bool) -> Tensor:
    """Rows of numbers, 0 for the padding, divided by how often their number is named."""
    if padding >= 0:
        found = found.masked_fill((index == padding).unsqueeze(-1), 0.0)
    if scaled:
        often = bincount(index.reshape(-1), minlength=count)[index]
        found = found * (1 / often.double()).to(found.dtype).unsqueeze(-1)
    return found


EMBEDDING = define(
    "embedding", "EmbeddingBackward0", derivative=_rows_rule, results=_rows_layout, lowering=_rows, differentiable=1
)
EMBEDDING_BACKWARD = define(
    "embedding_dense_backward",
    "EmbeddingDenseBackwardBackward0",
    derivative=_added_rule,
    results=_added_layout,
    lowering=_added,
    differentiable=1,
)
