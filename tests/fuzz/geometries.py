"""Calls of the three kernels, drawn by hypothesis: every rank, nasty geometries often, any order of memory.

In: nothing but hypothesis' choices. Out: a `Case`, which prints as a problem string, and its arrays of small integers:
their sums are exact in any order, so engines are compared to the last bit.
"""

from __future__ import annotations

from typing import NamedTuple

import ml_dtypes
import numpy as np
from hypothesis import strategies as st

from rushlight.rules.spec import ConvSpec

DTYPES = {"f32": np.float32, "f64": np.float64, "f16": np.float16, "bf16": ml_dtypes.bfloat16}
ROUNDING = {"f32": 0.0, "f64": 0.0, "f16": 2.0**-11, "bf16": 2.0**-8}
"""The relative error of rounding a result, summed wider, to what is stored."""
MOST = (None, 40, 20, 9)  # the size of an axis, by rank
LAYOUTS = ("contiguous", "channels last", "spaced", "padded rows", "turned")


class Case(NamedTuple):
    """One call: its spec, how its two operands lie in memory, its epilogue, and the seed of its numbers."""

    kernel: str
    spec: ConvSpec
    layouts: tuple[str, str]
    bias: bool
    relu: bool
    seed: int

    def __str__(self) -> str:
        extras = " bias" * self.bias + " relu" * self.relu
        return f"{self.kernel} {self.spec} from {' and '.join(self.layouts)}{extras}, seed {self.seed}"

    def arrays(self) -> tuple:
        """What the engine's function of this kernel takes after the spec."""
        spec, numbers, dtype = self.spec, np.random.default_rng(self.seed), DTYPES[self.spec.dtype]
        x, w, y = (numbers.integers(-3, 4, shape).astype(dtype) for shape in (spec.x_shape, spec.w_shape, spec.y_shape))
        if self.kernel == "wgrad":
            return laid_out(x, self.layouts[0]), laid_out(y, self.layouts[1])
        source, made = (x, spec.out_channels) if self.kernel == "fprop" else (y, spec.in_channels)
        bias = numbers.integers(-3, 4, made).astype(dtype) if self.bias else None
        return laid_out(source, self.layouts[0]), w, bias, "relu" if self.relu else None


def laid_out(array: np.ndarray, layout: str) -> np.ndarray:
    """The same numbers in memory of this kind; what lies in between is NaN."""
    if layout == "channels last":
        return np.moveaxis(np.ascontiguousarray(np.moveaxis(array, 1, -1)), -1, 1)
    if layout == "turned":
        return np.flip(np.ascontiguousarray(np.flip(array, -1)), -1)
    if layout == "contiguous":
        return np.ascontiguousarray(array)
    channel, last = (2, 3) if layout == "spaced" else (1, 1)
    last = last if array.ndim > 2 else channel
    *outer, inner = array.shape
    if array.ndim > 2:
        outer[1] *= channel
    wide = np.full((*outer, inner * last + 5), np.nan, array.dtype)
    view = wide[..., : inner * last : last]
    view = view[:, ::channel] if array.ndim > 2 else view
    view[...] = array
    return view


@st.composite
def axes(draw: st.DrawFn, most: int) -> tuple:
    """size, taps, stride, dilation and (lo, hi) of one axis that has a result."""
    kind = draw(
        st.sampled_from(["plain"] * 5 + ["one result", "taps as large as the input", "dilation past the input"])
    )
    size, stride, dilation = draw(st.integers(1, most)), draw(st.sampled_from([1, 1, 1, 2, 2, 3, 4])), 1
    sides = [draw(st.sampled_from([0, 0, 0, 1, 1, 2, 3, -1, -2])) for _ in range(2)]
    if kind == "taps as large as the input":
        size = min(size, 12)
        return size, size, stride, dilation, (max(sides[0], 0), max(sides[1], 0))
    if kind == "dilation past the input":
        size, dilation = min(size, 6), draw(st.integers(2, 9))
        dilation, taps = max(dilation, size), draw(st.integers(2, 3))
    else:
        taps = draw(st.sampled_from([1, 1, 2, 3, 3, 3, 4, 5, 7, 9]))
        dilation = draw(st.sampled_from([1, 1, 1, 1, 2, 3]))
    span = dilation * (taps - 1) + 1
    lo, hi = (max(side, -((size - 1) // 2)) for side in sides)  # a crop leaves something of the input
    missing = max(0, span - size - lo - hi)
    lo, hi = lo + missing // 2, hi + missing - missing // 2
    if kind == "one result":
        stride = size + lo + hi - span + 1
    return size, taps, stride, dilation, (lo, hi)


FEW = st.integers(1, 7)
SOME = st.sampled_from([1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 24, 31, 33, 40, 64, 65])


@st.composite
def channels(draw: st.DrawFn) -> tuple[int, int, int]:
    """in_channels, out_channels, groups: dense, depthwise, multipliers, small and large groups."""
    kind = draw(st.sampled_from(["few", "some", "some", "many", "depthwise", "multiplier", "groups", "wide groups"]))
    if kind == "few":
        return draw(FEW), draw(st.one_of(FEW, SOME)), 1
    if kind == "some":
        return draw(SOME), draw(st.one_of(SOME, FEW)), 1
    if kind == "many":
        pair = draw(st.sampled_from([100, 272, 300, 520])), draw(SOME)
        return (*(pair if draw(st.booleans()) else pair[::-1]), 1)
    groups = draw(st.sampled_from([2, 3, 5, 8, 16, 17, 30, 33, 64] if kind != "wide groups" else [2, 3]))
    inner = {"depthwise": st.just(1), "multiplier": st.just(1), "groups": st.integers(1, 3), "wide groups": SOME}[kind]
    outer = {"depthwise": st.just(1), "multiplier": st.integers(2, 3)}.get(kind, inner)
    return groups * draw(inner), groups * draw(outer), groups


@st.composite
def specs(draw: st.DrawFn) -> ConvSpec:
    """Any legal geometry."""
    rank = draw(st.sampled_from([0, 1, 1, 2, 2, 2, 3]))
    counts = draw(channels())
    batch, dtype = draw(st.sampled_from([0, 1, 1, 2, 3, 5])), draw(st.sampled_from(["f32", "f32", "f64"]))
    if not rank:
        return ConvSpec.of(draw(st.sampled_from([batch, 17, 130])), *counts[:2], dtype=dtype)
    most = MOST[rank] if max(counts) < 100 else max(5, MOST[rank] // 2)
    size, taps, stride, dilation, padding = zip(*(draw(axes(most)) for _ in range(rank)))
    steps = {"stride": stride, "dilation": dilation, "padding": padding, "groups": counts[2]}
    return ConvSpec.of(batch, *counts[:2], size, taps, dtype=dtype, **steps)


@st.composite
def winograd_specs(draw: st.DrawFn, kernel: str) -> ConvSpec:
    """Dense layers of two to five taps, which Winograd's algorithm may compute: of stride 1, in dgrad of any.

    The sums of halves are rounded, so that these are never compared to the last bit."""
    rank = draw(st.sampled_from([1, 2, 2, 2, 3]))
    size = tuple(draw(st.integers(3, (None, 60, 30, 10)[rank])) for _ in range(rank))
    taps = (
        *(draw(st.sampled_from([1, 3, 3, 3, 3, 5])) for _ in range(rank - 1)),
        draw(st.sampled_from([2, 3, 3, 4, 5])),
    )
    padding = tuple((draw(st.integers(0, 2)), draw(st.integers(0, 2))) for _ in range(rank))
    groups, least = (1, 32) if kernel == "wgrad" else (draw(st.sampled_from([1, 1, 1, 2, 3])), 16)
    counts = [groups * draw(st.integers(least, 70 // groups)) for _ in range(2)]
    dilation = tuple(draw(st.sampled_from([1, 1, 1, 2, 3])) for _ in range(rank))
    size = tuple(max(n, d * (k - 1) + 1) for n, d, k in zip(size, dilation, taps))
    steps_of_axis = [1, 1, 1, 2] if kernel == "dgrad" else [1]
    stride = tuple(draw(st.sampled_from(steps_of_axis)) if step == 1 else 1 for step in dilation)
    steps = {"padding": padding, "stride": stride, "dilation": dilation, "groups": groups}
    steps["dtype"] = draw(st.sampled_from(["f32", "f32", "f16", "bf16"]))
    return ConvSpec.of(draw(st.integers(1, 3)), *counts, size, taps, **steps)


def cases(kernel: str, of: st.SearchStrategy = specs()) -> st.SearchStrategy:  # noqa: B008 - a strategy is a value
    """Calls of this kernel; wgrad has neither bias nor activation."""
    flag = st.just(False) if kernel == "wgrad" else st.booleans()
    layout = st.sampled_from(LAYOUTS)
    return st.builds(Case, st.just(kernel), of, st.tuples(layout, layout), flag, flag, st.integers(0, 999))
