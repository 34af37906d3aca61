"""Normalisation of channels, ready to be called: batch, group and instance norm, and their gradients.

In: arrays of any strides; what has gaps is copied first. Out: results that lie as their input does, contiguous or with
channels innermost. Each pass over memory is a launch (`kernels.normalization`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ... import runtime
from ...core.dtypes import CODES
from ...kernels.bias import RUN
from ...kernels.channel_pieces import ROW_MULTIPLE
from ...kernels.normalization import (
    apply_params,
    emit_apply,
    emit_gather,
    emit_given,
    emit_input_gradient,
    emit_moments,
    emit_settle,
    emit_slopes,
    gather_params,
    given_params,
    input_gradient_params,
    moments_params,
    settle_params,
    slopes_params,
)
from ...kernels.partial_sums import emit_totals, totals_params
from ...language.ir import BY_NAME, Type, f64
from ...plan.normalization import Layout, inner_of, layout_of, plan_channels
from ...plan.target import Target
from ...plan.threads import CHANNELS, MEANS
from ...rules.normalization import ENDS, Norm
from ..protocol import Refusal, scale_dtype
from .kernels import addressable, kernel, number_types
from .passes import Launch, Passes

_DOUBLE = np.dtype(np.float64)


class Pieces:
    """How arrays of one shape are gone through: the words, and rows of partial sums."""

    def __init__(self, layout: Layout, groups: int, numbers: int, threads: int) -> None:
        self.layout, plan = layout, plan_channels(layout)
        outers, channels = layout.outers, layout.channels
        leading_dimension = -(-plan.width // ROW_MULTIPLE) * ROW_MULTIPLE
        items = outers * plan.chunks * plan.spans
        each = channels // groups
        self.words = {
            "items": items, "outer_stride": layout.images * channels * layout.positions, "images": plan.images,
            "group": plan.group, "positions": plan.positions, "pieces": plan.pieces, "piece": plan.piece,
            "width": plan.width, "spans": plan.spans, "span": plan.span, "extra": plan.extra, "chunks": plan.chunks,
            "leading_dimension": leading_dimension, "channels": channels, "groups": groups, "each": each,
        }  # fmt: skip
        left = plan.extra // channels if layout.inner == "channels" else 0
        self.settling = {**self.words, "outers": outers, "fold": plan.fold, "left": left, "count": numbers}
        self.short = plan.piece <= RUN
        self.grouped = each > 1
        self.partial = outers * plan.chunks * leading_dimension + 2 * 64  # vectors of the last ones may go beyond
        self.means = outers * groups
        size = outers * layout.images * channels * layout.positions
        self.threads = CHANNELS.threads(size, threads, items)
        self.few = MEANS.threads(outers * plan.chunks * plan.width, threads)

    def sums(self) -> np.ndarray:
        """Memory for partial sums, those of one kind behind those of the other."""
        return runtime.empty((2 * self.partial,), _DOUBLE)


class Channels:
    """What all calls for one shape and order share: types, results, and how arrays are laid."""

    def __init__(self, norm: Norm, x: np.ndarray, target: Target, threads: int) -> None:
        code = CODES.get(x.dtype.name)
        if code not in ("f32", "f64", "f16", "bf16") or not x.dtype.isnative:
            raise Refusal(f"no normalisation of {x.dtype} is compiled")
        if 0 in x.shape:
            raise Refusal("there are no numbers")
        self.norm, self.shape, self.dtype, self.target = norm, x.shape, x.dtype, target
        self.stored, self.number, _ = number_types(code)
        steps = [stride // x.itemsize for stride in x.strides]
        self.inner = inner_of(x.shape, steps) if addressable(x) else None
        self.laid = self.inner is not None
        if self.inner is None:
            least = min(range(x.ndim), key=lambda axis: (abs(x.strides[axis]), -axis))
            self.inner = "channels" if least == 1 else inner_of(x.shape, np.empty(x.shape, np.int8).strides)
        merged = norm.kind == "batch"
        self.layout = layout_of(x.shape, self.inner, merged)
        self.groups = x.shape[1] if merged else norm.count
        self.numbers = norm.numbers(x.shape)
        self.threads = threads
        self.pieces = Pieces(self.layout, self.groups, self.numbers, threads)
        self.order = (0, x.ndim - 1, *range(1, x.ndim - 1))
        self.moved = self.inner == "channels" and x.ndim > 2
        self.strides = self.empty().strides

    def empty(self) -> np.ndarray:
        """Memory for a result."""
        shape = self.shape
        if not self.moved:
            return runtime.empty(shape, self.dtype)
        return runtime.empty((shape[0], *shape[2:], shape[1]), self.dtype).transpose(self.order)

    def arranged(self, a: np.ndarray) -> np.ndarray:
        """The numbers as results lie."""
        if a.dtype == self.dtype:
            if a.strides == self.strides:
                return a
            if inner_of(a.shape, [step // a.itemsize for step in a.strides]) == self.inner and addressable(a):
                return a
        copy = self.empty()
        copy[...] = a
        return copy

    def kernel(self, title: str, name: str, emit: Callable, *arguments: object) -> Any:
        """An entry of the kernel for these types."""
        return kernel(self.target, title, emit, *arguments)[name]


def scale_type(*parameters: np.ndarray | None) -> Type:
    """The type of weight and bias."""
    kinds = {a.dtype.name for a in parameters if a is not None} or {"float32"}
    if len(kinds) > 1:
        raise Refusal("weight and bias of different types are not compiled")
    return BY_NAME[CODES[kinds.pop()]]


def start_of(a: np.ndarray | None) -> int:
    """Its address; 0 of None."""
    return 0 if a is None else runtime.address(a)


def dense(a: np.ndarray | None) -> np.ndarray | None:
    """The array, contiguous."""
    return a if a is None or a.flags.c_contiguous else np.ascontiguousarray(a)


class _Applying:
    """y of x, statistics, weight, bias and residual."""

    def __init__(self, c: Channels, weight: Any, bias: Any, residual: Any) -> None:
        if c.norm.activation not in ENDS:
            raise Refusal(f"no activation {c.norm.activation!r}")
        scale = scale_type(weight, bias)
        has = tuple(a is not None for a in (weight, bias, residual))
        grouped = c.pieces.grouped
        entry = c.kernel(
            "norm apply",
            "apply",
            emit_apply,
            c.stored,
            c.number,
            scale,
            c.layout.inner,
            grouped,
            has,
            c.norm.activation,
        )
        self.launch = Launch(entry, apply_params(c.stored, scale), c.pieces.threads, **c.pieces.words)
        self.scales = 16 * c.pieces.means  # bytes from means to scales

    def addresses(self, x: int, y: int, statistics: int, weight: Any, bias: Any, residual: Any) -> tuple[int, ...]:
        """Of a launch; weight and bias without gaps, held by the caller until it is over."""
        return x, y, start_of(residual), statistics, statistics + self.scales, start_of(weight), start_of(bias)


class NormCall:
    """One prepared normalisation by x's own statistics; call it with x, weight, bias and residual: (y, statistics)."""

    def __init__(
        self, norm: Norm, x: np.ndarray, weight: Any, bias: Any, residual: Any, target: Target, threads: int
    ) -> None:
        if not norm.centred:
            raise Refusal("means of channels are not left out")
        self.channels = c = Channels(norm, x, target, threads)
        layout, groups = c.layout, c.groups
        if layout.inner == "positions" and c.pieces.grouped:  # a group's channels are one line
            each = layout.channels // groups
            layout = layout._replace(channels=groups, positions=layout.positions * each)
        self.pieces = pieces = Pieces(layout, groups, c.numbers, threads)
        entry = c.kernel("norm moments", "moments", emit_moments, c.stored, c.number, layout.inner, pieces.short)
        moments = Launch(entry, moments_params(c.stored), pieces.threads, **pieces.words)
        entry = c.kernel("norm settle", "settle", emit_settle, pieces.grouped)
        settle = Launch(entry, settle_params(), pieces.few, eps=norm.eps, **pieces.settling)
        self.apply = _Applying(c, weight, bias, residual)
        self.passes = Passes(target, moments, settle, self.apply.launch)
        self.shape = (3, *norm.statistics(x.shape))

    def empty(self) -> tuple[np.ndarray, ...]:
        """Memory for the results."""
        return self.channels.empty(), runtime.empty(self.shape, _DOUBLE)

    def __call__(self, *given: Any) -> tuple[np.ndarray, ...]:
        return self.into(self.empty(), *given)

    def into(
        self, outs: Any, x: np.ndarray, weight: Any = None, bias: Any = None, residual: Any = None
    ) -> tuple[np.ndarray, ...]:
        """The results, written to `outs`."""
        c, (y, statistics) = self.channels, outs
        if not c.laid or residual is not None:
            x, residual = c.arranged(x), None if residual is None else c.arranged(residual)
        weight, bias = dense(weight), dense(bias)
        partial = self.pieces.sums()
        first = runtime.address(partial)
        second = first + 8 * self.pieces.partial
        start, of_x = runtime.address(statistics), runtime.address(x)
        applied = self.apply.addresses(of_x, runtime.address(y), start, weight, bias, residual)
        self.passes((of_x, first, second), (first, second, start), applied)
        return outs


class ApplyCall:
    """One prepared normalisation by given statistics; call it with x, mean, variance, weight, bias and residual: y."""

    def __init__(
        self,
        norm: Norm,
        x: np.ndarray,
        mean: np.ndarray,
        variance: np.ndarray,
        weight: Any,
        bias: Any,
        residual: Any,
        target: Target,
        threads: int,
    ) -> None:
        self.channels = c = Channels(norm, x, target, threads)
        self.apply = _Applying(c, weight, bias, residual)
        self.shape = (3, *norm.statistics(x.shape))
        kind = scale_type(mean, variance)
        entry = c.kernel("norm given", "given", emit_given, kind)
        given = Launch(entry, given_params(kind), 1, eps=norm.eps, total=c.pieces.means)
        self.passes = Passes(target, given, self.apply.launch)

    def empty(self) -> tuple[np.ndarray, ...]:
        """Memory for the result."""
        return (self.channels.empty(),)

    def __call__(self, *given: Any) -> np.ndarray:
        return self.into(self.empty(), *given)[0]

    def into(
        self,
        outs: Any,
        x: np.ndarray,
        mean: np.ndarray,
        variance: np.ndarray,
        weight: Any = None,
        bias: Any = None,
        residual: Any = None,
    ) -> tuple[np.ndarray, ...]:
        """The result, written to `outs`."""
        c, (y,) = self.channels, outs
        if not c.laid or residual is not None:
            x, residual = c.arranged(x), None if residual is None else c.arranged(residual)
        mean, variance, weight, bias = map(dense, (mean, variance, weight, bias))
        statistics = runtime.empty(self.shape, _DOUBLE)
        start = runtime.address(statistics)
        applied = self.apply.addresses(runtime.address(x), runtime.address(y), start, weight, bias, residual)
        self.passes((runtime.address(mean), runtime.address(variance), start), applied)
        return outs


class GradCall:
    """One prepared gradient; call it with x, grad, statistics, weight and the result of an activation, if there is one:
    the wanted ones of x, weight and bias."""

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
        self.channels = c = Channels(norm, x, target, threads)
        self.wanted, pieces, inner, grouped = wanted, c.pieces, c.layout.inner, c.pieces.grouped
        self.scale_dtype, has = scale_dtype(x.dtype, weight), weight is not None
        scale = scale_type(weight) if has else c.number
        self.summed, self.activated = any(wanted[1:]) or not fixed, norm.activation is not None
        launches = []
        if self.summed:
            given = c.stored, c.number, inner, pieces.short, grouped, norm.activation
            entry = c.kernel("norm slopes", "slopes", emit_slopes, *given)
            params = slopes_params(c.stored, norm.activation)
            launches.append(Launch(entry, params, pieces.threads, **pieces.words))
            entry = c.kernel("norm gather", "gather", emit_gather, scale, grouped, has)
            launches.append(Launch(entry, gather_params(scale), pieces.few, **pieces.settling))
        if any(wanted[1:]):
            entry = c.kernel("bias totals", "totals", emit_totals, f64, scale)
            rows = {"rows": c.layout.outers, "channels": c.layout.channels}
            launches += [Launch(entry, totals_params(f64, scale), 1, **rows)] * sum(wanted[1:])
        if wanted[0]:
            entry = c.kernel(
                "norm input gradient",
                "input_gradient",
                emit_input_gradient,
                c.stored,
                c.number,
                scale,
                inner,
                grouped,
                has,
                fixed,
                norm.activation,
            )
            params = input_gradient_params(c.stored, scale, norm.activation)
            launches.append(Launch(entry, params, pieces.threads, **pieces.words))
        self.passes = Passes(target, *launches)

    def empty(self) -> tuple[np.ndarray, ...]:
        """Memory for what is wanted."""
        c = self.channels
        parameters = [runtime.empty(c.shape[1:2], self.scale_dtype) for asked in self.wanted[1:] if asked]
        return (c.empty(), *parameters) if self.wanted[0] else tuple(parameters)

    def __call__(self, *given: Any) -> tuple[np.ndarray, ...]:
        return self.into(self.empty(), *given)

    def into(
        self,
        outs: Any,
        x: np.ndarray,
        grad: np.ndarray,
        statistics: np.ndarray,
        weight: Any = None,
        result: Any = None,
    ) -> tuple[np.ndarray, ...]:
        """The results, written to `outs`."""
        c, pieces = self.channels, self.channels.pieces
        x, grad, weight = c.arranged(x), c.arranged(grad), dense(weight)
        result = c.arranged(result) if self.activated else None
        more = (start_of(result),) if self.activated else ()
        statistics = dense(statistics)
        means = pieces.means
        start, of_x, of_grad, of_weight = map(start_of, (statistics, x, grad, weight))
        scales, level, slope, addresses = start + 16 * means, 0, 0, []
        if self.summed:
            partial = pieces.sums()
            first = runtime.address(partial)
            second = first + 8 * pieces.partial
            count = c.layout.outers * c.layout.channels
            found = runtime.empty((2 * means + 2 * count,), _DOUBLE)
            level = runtime.address(found)
            slope = level + 8 * means
            weights = slope + 8 * means
            biases = weights + 8 * count
            addresses.append((of_x, of_grad, start, first, second, *more))
            addresses.append((first, second, scales, of_weight, level, slope, weights, biases))
            asked = [sums for sums, wanted in zip((weights, biases), self.wanted[1:]) if wanted]
            addresses += [(sums, runtime.address(out)) for sums, out in zip(asked, outs[self.wanted[0] :])]
        if self.wanted[0]:
            addresses.append((of_x, of_grad, runtime.address(outs[0]), start, scales, of_weight, level, slope, *more))
        self.passes(*addresses)
        return outs
