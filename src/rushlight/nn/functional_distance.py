"""Distances and similarities of vectors, as functions: differences and norms of tensors.

`functional` shows them to users; the losses with a margin are made of them.
"""

from __future__ import annotations

import numpy as np

from rushlight.autograd.modes import no_grad
from rushlight.core.dtypes import CODES
from rushlight.core.errors import message
from rushlight.rules.arguments import TYPE_NAMES, unsupported_type
from rushlight.tensor.arithmetic import rounded_once
from rushlight.tensor.core import Tensor, wrap_beside
from rushlight.tensor.operands import result_type


def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """‖x1 − x2 + eps‖ₚ along the last axis.

    Shapes: x1 and x2 (…, features), broadcast → (…), or (…, 1) with `keepdim`.

    >>> import rushlight as torch
    >>> torch.nn.functional.pairwise_distance(torch.tensor([[3.0, 4.0]]), torch.zeros(1, 2))
    tensor([5.0000])
    """
    axis = max(x1.dim(), x2.dim()) - 1
    return rounded_once(lambda a, b: (a - b + eps).norm(p, axis, keepdim), x1, x2)


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """x1·x2 / (max(‖x1‖, eps)·max(‖x2‖, eps)) along an axis.

    Shapes: x1 and x2 broadcast; the result lacks the axis. Raises RuntimeError for two tensors of integers.

    >>> import rushlight as torch
    >>> torch.nn.functional.cosine_similarity(torch.tensor([[3.0, 4.0]]), torch.tensor([[1.0, 0.0]]))
    tensor([0.6000])
    """
    kind = result_type(x1, x2)
    if not kind.is_floating_point:
        name = TYPE_NAMES[CODES[kind.name]][1]
        sentence = f"expected common dtype to be floating point, yet common dtype is {name}"
        raise RuntimeError(message(sentence, fix="x1.float()"))

    def cosine(a: Tensor, b: Tensor) -> Tensor:
        a, b = a.broadcast_to(shape), b.broadcast_to(shape)
        return (a / _length(a, dim, eps) * (b / _length(b, dim, eps))).sum(dim)

    shape = np.broadcast_shapes(tuple(x1.shape), tuple(x2.shape)) if x1.shape != x2.shape else tuple(x1.shape)
    return rounded_once(cosine, x1.to(kind), x2.to(kind))


def _length(x: Tensor, dim: int, eps: float) -> Tensor:
    """The norm, no less than eps; its derivative is that of the norm."""
    length = x.norm(2, dim, True).clone()
    with no_grad():
        length.clamp_(min=eps)
    return length


def pdist(input: Tensor, p: float = 2) -> Tensor:
    """‖xᵢ − xⱼ‖ₚ of every pair of rows i < j.

    Shapes: (rows, features) → (rows·(rows − 1) / 2,). Raises RuntimeError for another number of axes, for p < 0.

    >>> import rushlight as torch
    >>> torch.nn.functional.pdist(torch.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]]))
    tensor([5.0000, 1.0000, 4.2426])
    """
    if input.dim() != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {input.dim()}D")
    if not input.dtype.is_floating_point:
        raise unsupported_type("pdist", CODES[input.dtype.name])
    if p < 0:
        raise RuntimeError("pdist only supports non-negative p values")
    first, second = (wrap_beside(rows, input) for rows in np.triu_indices(input.shape[0], 1))
    if not input.shape[1]:
        return input.new_zeros(first.shape)
    return rounded_once(lambda x: _norm_of_rows(x.index_select(0, first) - x.index_select(0, second), p), input)


def _norm_of_rows(x: Tensor, p: float) -> Tensor:
    if p:
        return x.norm(p, 1)
    return x.masked_fill(x != 0, 1).masked_fill(x == 0, 0).sum(1)  # how many differ, with a gradient of zeros
