"""softmax and log_softmax, ready to be called, and their gradients.

In: an array of any strides and an axis. Out: results that lie as the array does, without gaps.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from ... import runtime
from ...core.dtypes import CODES
from ...kernels.softmax import Form, emit_softmax, softmax_params
from ...language.ir import BY_NAME, Module
from ...plan.target import Target
from ...runtime import native_call
from ...runtime.memory import empty_small
from ..array import order_of
from ..protocol import Refusal
from .direct import Direct, emit_entries
from .kernels import kernel
from .pointwise_call import FEW

BLOCK = 1 << 13
"""Numbers of an item at least: some microseconds."""
COLUMNS = 64
"""Columns of an item at least: whole cache lines."""


class SoftmaxCall:
    """One prepared softmax, or its gradient; call it with x, or with the results and their gradient."""

    def __init__(self, log: bool, gradient: bool, axis: int, x: np.ndarray, target: Target) -> None:
        code = CODES.get(x.dtype.name)
        if code not in ("f32", "f64", "f16", "bf16") or not x.dtype.isnative:
            raise Refusal(f"no softmax of {x.dtype} is compiled")
        if not x.size or not x.ndim:
            raise Refusal("there are no numbers, or no axis")
        order = order_of(x.strides)
        self.dtype, self.shape = x.dtype, tuple([x.shape[at] for at in order])
        self.back = None if order == sorted(order) else np.argsort(order).tolist()
        self.allocate = empty_small if x.nbytes <= 4096 else runtime.empty
        self.strides = self.empty().strides
        outers, n, inner = lines_of(self.shape, order.index(axis))
        form = Form(BY_NAME[code], log, gradient, inner == 1)
        group, span = max(1, BLOCK // n), COLUMNS * max(1, BLOCK // (COLUMNS * n))
        chunks = 1 if form.neighbours else -(-inner // span)
        items = -(-outers // group) if form.neighbours else outers * chunks
        params = softmax_params(form)
        words = params.pack(
            **dict.fromkeys([name for name, type in params.types.items() if type.kind == "p"]), mode=0, items=items,
            outers=outers, n=n, inner=inner, group=group, span=span, chunks=chunks,
        )  # fmt: skip
        entry = kernel(target, "softmax", _emit, form, native_call.available())
        self.run = Direct(entry, words, x.size * 4 < FEW or items == 1)

    def empty(self) -> np.ndarray:
        """Memory for a result."""
        array = self.allocate(self.shape, self.dtype)
        return array if self.back is None else array.transpose(self.back)

    def arranged(self, a: np.ndarray) -> np.ndarray:
        """The numbers as results lie."""
        if a.strides == self.strides and a.dtype == self.dtype:
            return a
        copy = self.empty()
        copy[...] = a
        return copy

    def __call__(self, *arrays: np.ndarray) -> np.ndarray:
        out = self.empty()
        self.run(out, *map(self.arranged, arrays))
        return out


def lines_of(shape: Sequence[int], at: int) -> tuple[int, int, int]:
    """How many positions are outside of an axis, on it and inside, in an array without gaps.

    >>> lines_of((2, 3, 4), 1)
    (2, 3, 4)
    """
    return prod(shape[:at]), shape[at], prod(shape[at + 1 :])


def _emit(k: Module, form: Form, direct: bool) -> None:
    params = softmax_params(form)
    emit_entries(k, params, emit_softmax(k, form), [form.stored] * (3 if form.gradient else 2), direct)
