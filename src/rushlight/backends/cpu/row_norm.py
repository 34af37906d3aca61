"""Layer norm and RMS norm, ready to be called, and their gradients.

In: arrays of any strides; what is not contiguous is copied first. Out: contiguous results.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ... import runtime
from ...core.dtypes import CODES
from ...kernels.partial_sums import emit_totals, totals_params
from ...kernels.row_norm import RUN, emit_row_grads, emit_rows, row_grads_params, rows_params
from ...plan.normalization import rows_at_once, rows_of_sum
from ...plan.target import Target
from ...plan.threads import ROWS, SUMS
from ...rules.normalization import Norm
from ..protocol import Refusal, scale_dtype
from .kernels import kernel, number_types
from .normalization import dense, scale_type, start_of
from .passes import Launch, Passes

_DOUBLE = np.dtype(np.float64)


class _Rows:
    """Rows of one width, and their types."""

    def __init__(self, norm: Norm, x: np.ndarray, threads: int) -> None:
        self.norm, self.shape, self.dtype = norm, x.shape, x.dtype
        self.stored, self.number, self.number_dtype = number_types(CODES[x.dtype.name])
        self.width = prod(norm.scales(x.shape))
        self.rows = x.size // self.width
        self.short = self.width <= RUN
        self.threads = ROWS.threads(x.size, threads, self.rows)


class RowNormCall:
    """One prepared normalisation; call it with x, weight, bias and residual: (y, statistics)."""

    def __init__(
        self, norm: Norm, x: np.ndarray, weight: Any, bias: Any, residual: Any, target: Target, threads: int
    ) -> None:
        if norm.activation not in (None, "relu"):
            raise Refusal(f"no activation {norm.activation!r}")
        self.rows = r = _Rows(norm, x, threads)
        has = tuple(a is not None for a in (weight, bias, residual))
        scale = scale_type(weight, bias)
        entry = kernel(
            target, "norm rows", emit_rows, r.stored, r.number, scale, r.short, norm.centred, has, norm.activation
        )["rows"]  # fmt: skip
        self.launch = Launch(
            entry, rows_params(r.stored, scale), r.threads,
            eps=norm.eps, share=1 / r.width, rows=r.rows, width=r.width, block=rows_at_once(r.rows, r.width),
        )  # fmt: skip
        self.statistics = (3, *norm.statistics(x.shape))

    def empty(self) -> tuple[np.ndarray, ...]:
        """Memory for the results."""
        return runtime.empty(self.rows.shape, self.rows.dtype), runtime.empty(self.statistics, _DOUBLE)

    def __call__(self, *given: Any) -> tuple[np.ndarray, ...]:
        return self.into(self.empty(), *given)

    def into(
        self, outs: Any, x: np.ndarray, weight: Any = None, bias: Any = None, residual: Any = None
    ) -> tuple[np.ndarray, ...]:
        """The results, written to `outs`."""
        dtype = self.rows.dtype
        x, weight, bias = np.ascontiguousarray(x), *(dense(a) for a in (weight, bias))
        residual = None if residual is None else np.ascontiguousarray(residual, dtype)
        y, statistics = outs
        self.launch(tuple([start_of(a) for a in (x, y, residual, statistics, weight, bias)]))
        return outs


class RowGradCall:
    """One prepared gradient; call it with x, grad, statistics and weight: the wanted ones of x, weight and bias."""

    def __init__(
        self,
        norm: Norm,
        fixed: bool,
        wanted: tuple[bool, bool, bool],
        x: np.ndarray,
        weight: Any,
        target: Target,
        threads: int,
    ) -> None:
        if fixed:
            raise Refusal("rows have statistics of their own")
        if norm.activation is not None:
            raise Refusal("the gradient of rows with an activation is not compiled")
        self.rows = r = _Rows(norm, x, threads)
        self.wanted, has = wanted, weight is not None
        self.scale_dtype, self.scale_shape = scale_dtype(x.dtype, weight), norm.scales(x.shape)
        scale = scale_type(weight) if has else r.number
        entry = kernel(
            target, "norm row grads", emit_row_grads, r.stored, r.number, scale, r.short, norm.centred, has, wanted
        )["row_grads"]  # fmt: skip
        block = rows_of_sum(r.rows, r.width)
        params = row_grads_params(r.stored, r.number, scale)
        launches = [Launch(entry, params, r.threads, share=1 / r.width, rows=r.rows, width=r.width, block=block)]
        self.blocks = -(-r.rows // block)
        if any(wanted[1:]):
            entry = kernel(target, "bias totals", emit_totals, r.number, scale)["totals"]
            few = SUMS.threads(self.blocks * r.width, threads)
            rows = {"rows": self.blocks, "channels": r.width}
            launches += [Launch(entry, totals_params(r.number, scale), few, **rows)] * sum(wanted[1:])
        self.passes = Passes(target, *launches)

    def empty(self) -> tuple[np.ndarray, ...]:
        """Memory for what is wanted."""
        r = self.rows
        parameters = [runtime.empty(self.scale_shape, self.scale_dtype) for asked in self.wanted[1:] if asked]
        return (runtime.empty(r.shape, r.dtype), *parameters) if self.wanted[0] else tuple(parameters)

    def __call__(self, *given: Any) -> tuple[np.ndarray, ...]:
        return self.into(self.empty(), *given)

    def into(
        self, outs: Any, x: np.ndarray, grad: np.ndarray, statistics: np.ndarray, weight: Any = None
    ) -> tuple[np.ndarray, ...]:
        """The results, written to `outs`."""
        r, left = self.rows, list(outs)
        x, grad, statistics = np.ascontiguousarray(x), np.ascontiguousarray(grad, r.dtype), dense(statistics)
        weight = dense(weight)
        y = left.pop(0) if self.wanted[0] else None
        partial = [runtime.empty((self.blocks * r.width,), r.number_dtype) if a else None for a in self.wanted[1:]]
        sums = [(start_of(some), start_of(out)) for some, out in zip([s for s in partial if s is not None], left)]
        self.passes(tuple([start_of(a) for a in (x, grad, y, statistics, weight, *partial)]), *sums)
        return outs
