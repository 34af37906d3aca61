"""Arrays as lines along one axis, for kernels that go through each line several times, or in order.

In: an array of any strides and an axis. Out: how many lines of which length there are, of neighbours or across columns,
and memory for arrays that lie as it does, without gaps.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from ... import runtime
from ...core.dtypes import CODES
from ...language.ir import BY_NAME
from ...runtime.memory import empty_small
from ..array import order_of
from ..protocol import Refusal

BLOCK = 1 << 13
"""Numbers of an item at least: some microseconds."""
COLUMNS = 64
"""Columns of an item at least: whole cache lines."""


class Lines:
    """The lines of arrays of one shape, dtype and order."""

    def __init__(
        self, x: np.ndarray, axis: int, what: str, of: Sequence[str] = ("f32", "f64", "f16", "bf16"),
        order: Sequence[int] | None = None,
    ) -> None:  # fmt: skip
        """Refusal for other dtypes than `of`, and where there are no numbers. `order`: of the axes in memory."""
        code = CODES.get(x.dtype.name)
        if code not in of or not x.dtype.isnative:
            raise Refusal(f"no {what} of {x.dtype} is compiled")
        if not x.size or not x.ndim:
            raise Refusal("there are no numbers, or no axis")
        order = order_of(x.strides) if order is None else list(order)
        self.code, self.stored, self.dtype = code, BY_NAME.get(code), x.dtype
        self.shape = tuple([x.shape[at] for at in order])
        self.back = None if order == sorted(order) else np.argsort(order).tolist()
        self.allocate = empty_small if x.nbytes <= 4096 else runtime.empty
        self.strides = self.empty().strides
        self.outers, self.n, self.inner = lines_of(self.shape, order.index(axis))
        self.neighbours = self.inner == 1
        group, span = max(1, BLOCK // self.n), COLUMNS * max(1, BLOCK // (COLUMNS * self.n))
        chunks = 1 if self.neighbours else -(-self.inner // span)
        self.items = -(-self.outers // group) if self.neighbours else self.outers * chunks
        self.words: dict[str, Any] = {
            "mode": 0, "items": self.items, "outers": self.outers, "n": self.n, "inner": self.inner, "group": group,
            "span": span, "chunks": chunks,
        }  # fmt: skip

    def empty(self) -> np.ndarray:
        """Memory for an array like x."""
        array = self.allocate(self.shape, self.dtype)
        return array if self.back is None else array.transpose(self.back)

    def arranged(self, a: np.ndarray) -> np.ndarray:
        """The numbers as results lie."""
        if a.strides == self.strides and a.dtype == self.dtype:
            return a
        copy = self.empty()
        copy[...] = a
        return copy


def lines_of(shape: Sequence[int], at: int) -> tuple[int, int, int]:
    """How many positions are outside of an axis, on it and inside, in an array without gaps.

    >>> lines_of((2, 3, 4), 1)
    (2, 3, 4)
    """
    return prod(shape[:at]), shape[at], prod(shape[at + 1 :])
