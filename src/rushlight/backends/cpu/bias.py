"""The bias's gradient, ready to be called: the sum of y over everything but its channels."""

from __future__ import annotations

import numpy as np

from ... import runtime
from ...kernels.bias import SumsFields, bias_params, emit_lines, emit_rows
from ...kernels.partial_sums import TotalsFields, emit_totals, totals_params
from ...language.ir import index_of
from ...plan.bias import Layout, layout_of, plan_bias
from ...plan.target import Target
from ...plan.threads import SUMS
from .kernels import kernel, number_types

_Y, _SUMS = (index_of(SumsFields, name) for name in ("y", "sums"))
_TOTALLED, _RESULT = (index_of(TotalsFields, name) for name in ("sums", "result"))


class BiasCall:
    """One prepared sum; call it with y.

    One launch writes partial sums, a second one adds them. Where there is only one of each channel, and of the
    result's type, the first launch writes the result."""

    def __init__(self, dtype: str, y: np.ndarray, target: Target, threads: int) -> None:
        stored, number, self.sums_dtype = number_types(dtype)
        self.channels, self.dtype = y.shape[1], y.dtype
        layout = _layout(y)
        self.copies = layout is None
        layout = layout or _layout(np.empty(y.shape, np.int8))
        plan = plan_bias(layout)
        self.offsets = _offsets(layout)
        items = plan.chunks * plan.spans
        self.words = bias_params(stored, number).pack(
            y=None, sums=None, offsets=self.offsets, items=items, images=plan.images, group=plan.group,
            positions=plan.positions, pieces=plan.pieces, piece=plan.piece, width=plan.width, spans=plan.spans,
            span=plan.span, step=plan.step, extra=plan.extra,
        )  # fmt: skip
        title, emit = ("bias rows", emit_rows) if plan.inner == "channels" else ("bias lines", emit_lines)
        self.entry = kernel(target, title, emit, stored, number)["sums"]
        self.threads = SUMS.threads(y.size, threads, items)
        rows = plan.chunks * plan.fold
        self.sums = None if rows == 1 and stored is number else (rows * self.channels,)
        if self.sums:
            self.totals = kernel(target, "bias totals", emit_totals, number, stored)["totals"]
            self.totals_words = totals_params(number, stored).pack(
                sums=None, result=None, rows=rows, channels=self.channels
            )
            self.totals_threads = SUMS.threads(self.sums[0], threads)

    def __call__(self, y: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        if self.copies:
            y = np.ascontiguousarray(y)
        result = runtime.empty((self.channels,), self.dtype) if out is None else out
        sums = runtime.empty(self.sums, self.sums_dtype) if self.sums else result
        words = self.words[:]
        words[_Y], words[_SUMS] = runtime.address(y), runtime.address(sums)
        runtime.launch(self.entry, words, self.threads)
        if self.sums:
            words = self.totals_words[:]
            words[_TOTALLED], words[_RESULT] = runtime.address(sums), runtime.address(result)
            runtime.launch(self.totals, words, self.totals_threads)
        return result


def _layout(y: np.ndarray) -> Layout | None:
    return layout_of(y.shape, [stride // y.itemsize for stride in y.strides])


def _offsets(layout: Layout) -> np.ndarray:
    """Where each image begins, in numbers, outer axes first."""
    offsets = np.zeros(1, np.int64)
    for size, distance in layout.images:
        offsets = (offsets[:, None] + np.arange(size, dtype=np.int64) * distance).ravel()  # (images so far · size,)
    return offsets
