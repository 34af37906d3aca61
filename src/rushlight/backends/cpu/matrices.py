"""Products of matrices, or of a batch of them, by the kernels of product layers: each matrix is a group.

In: two arrays (…, n, k) and (…, k, m) like those to come. Out: a callable that gives (…, n, m), contiguous. The second
one is the layer's weight, read as fprop's where its numbers are neighbours along k, else as dgrad's. The order of a sum
follows from k alone, so that bits depend neither on how the arrays lie nor on the batch.
"""

from __future__ import annotations

from itertools import pairwise
from math import prod

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ... import runtime
from ...core import memory
from ...core.dtypes import CODES
from ...kernels.weights import WeightsFields
from ...language.ir import index_of
from ...plan.product import ProductPlan, Source, plan_product
from ...plan.target import Target
from ...rules.layout import broadcast
from ...rules.spec import ConvSpec
from ...runtime.copying import copy_into
from .kernels import addressable, packed_in_use, remembered
from .product import ProductCall

_GROUP, _LANE, _OUTER, _CHANNEL = (
    index_of(WeightsFields, f"stride_{name}") for name in ("group", "lane", "outer", "channel")
)
IN_USE = 3
"""Blocks of results up to which a panel of the second matrix is packed where it is needed, by each of them. 784 × 10
in 3 blocks 0.7 of the time that packing all before takes, 4096 × 64 in 3 1.1, 1024 × 1024 in 15 1.3."""


class MatricesCall(ProductCall):
    """One prepared product; call it with (a, b)."""

    def __init__(self, a: np.ndarray, b: np.ndarray, target: Target, threads: int) -> None:
        lead, m = broadcast(a.shape[:-2], b.shape[:-2]), b.shape[-1]
        self.results, self.lead = (*lead, a.shape[-2], m), lead
        memory.check(self.results, a.itemsize)
        left, right = self._batches(a, b)
        groups, n, k = left.shape
        size = a.itemsize
        self.along_k = right.strides[2] != size
        channels = (groups * k, groups * m) if self.along_k else (groups * m, groups * k)
        spec = ConvSpec.of(n, *channels, groups=groups, dtype=CODES[a.dtype.name])
        super().__init__("fprop" if self.along_k else "dgrad", spec, left, None, target, threads)
        self.shape = self.results
        self.keep = packed_in_use if self.plan.packed_tiles.blocks <= IN_USE else remembered
        words, strides = self.weight_words, [stride // size for stride in right.strides]
        words[_GROUP], words[_CHANNEL], words[_LANE] = strides
        words[_OUTER] = words[_CHANNEL]

    def _batches(self, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Both with one axis for the batch; copies where they have to be for that."""
        left, right = (_joined(x, self.lead) for x in (a, b))
        self.copy_a = left is None
        if left is None:
            left = _joined(_copied(a, self.lead), self.lead)
        self.copy_b = right is None or (a.itemsize not in right.strides[1:] and right.shape[1] > 1)
        if self.copy_b:
            right = _joined(_copied(b, self.lead), self.lead)
        groups, n, k = left.shape
        if groups > 1 and right.strides[0] == 0 and left.strides[0] == left.strides[1] * n:
            # One matrix for all, and all rows of the batch at one stride: a single product.
            left, right = as_strided(left, (1, groups * n, k), (0, *left.strides[1:])), right[:1]
        return left, right

    def _plan(self, source: np.ndarray) -> ProductPlan:
        group, row, channel = (stride // source.itemsize for stride in source.strides)
        found = Source(row, channel, (), self.stored is self.number, group)
        return plan_product(self.spec, self.kernel, found, self.target, self.threads, self.number.bytes)

    def __call__(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:  # type: ignore[override]
        a = _copied(a, self.lead) if self.copy_a else a
        b = _copied(b, self.lead) if self.copy_b else b
        return super().__call__(a, b, None, None)

    def _lying(self, w: np.ndarray) -> np.ndarray:
        return w


def _joined(x: np.ndarray, lead: tuple[int, ...]) -> np.ndarray | None:
    """x broadcast to a batch, whose axes are one; None where no stride makes them so, or one is no whole number."""
    if not addressable(x):
        return None
    x = np.broadcast_to(x, (*lead, *x.shape[-2:]))
    axes = [(n, stride) for n, stride in zip(lead, x.strides) if n != 1] or [(1, 0)]
    if any(stride != inner * n for (_, stride), (n, inner) in pairwise(axes)):
        return None
    return as_strided(x, (prod(lead), *x.shape[-2:]), (axes[-1][1], *x.strides[-2:]))


def _copied(x: np.ndarray, lead: tuple[int, ...]) -> np.ndarray:
    """x for each of the batch, contiguous; matrices whose columns are, by columns."""
    shape = (*lead, *x.shape[-2:])
    turned = x.strides[-2] == x.itemsize != x.strides[-1]
    if turned:
        x, shape = x.swapaxes(-1, -2), (*lead, shape[-1], shape[-2])
    copy = runtime.empty(shape, x.dtype)
    copy_into(copy, np.broadcast_to(x, shape))
    return copy.swapaxes(-1, -2) if turned else copy
