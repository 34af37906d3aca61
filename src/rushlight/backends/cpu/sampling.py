"""Sampling at places of a grid, its adjoint and its gradient in the places, ready to be called.

In: arrays of any strides. Out: results that lie channels-last where channels are read as vectors, else contiguous.
Channels are where they lie side by side in what is read: in x, or in y for the adjoint.
"""

from __future__ import annotations

from array import array
from math import prod

import numpy as np

from ... import runtime
from ...core.dtypes import CODES
from ...kernels.sampling import Form, SamplingFields, emit_sampling, sampling_params
from ...language.ir import index_of
from ...plan.sampling import BLOCK, group
from ...plan.target import Target
from ...plan.threads import WINDOWS
from ...rules.sampling import TAPS, Sampling
from ..protocol import Refusal
from ..reference.sampling import wide
from .kernels import kernel

FEW = 8
"""Channels from which on they are read as vectors where they lie side by side."""

_X, _Y, _GRID, _OUT = (index_of(SamplingFields, name) for name in ("x", "y", "grid", "out"))


class _Call:
    """One kernel for arrays that lie so: `source` is what is read at places, or what belongs to places."""

    kind = ""

    def __init__(
        self, how: Sampling, orders: tuple[int, ...], source: np.ndarray, grid: np.ndarray, target: Target, threads: int
    ) -> None:
        code, self.number = CODES.get(source.dtype.name, ""), wide(source.dtype)
        if code not in ("f32", "f64", "f16", "bf16") or not (source.dtype.isnative and grid.dtype.isnative):
            raise Refusal(f"no sampling of {source.dtype} is compiled")
        if not source.flags.aligned or any(step % source.itemsize for step in source.strides):
            raise Refusal("memory that is not aligned")
        lanes = target.vector_bytes // self.number.itemsize
        images, channels = source.shape[:2]
        self.channels = channels >= FEW and source.strides[1] == source.itemsize
        form = Form(self.kind, code, how.rule, how.padding, how.align_corners, orders, self.channels)
        self.places, self.dtype = prod(grid.shape[1:-1]), source.dtype
        from_image, from_channel, *step = self.steps(how, source)
        if sum((n - 1) * abs(s) for n, s in zip(how.size, step)) >= 1 << 31:
            raise Refusal("an image of 2³¹ numbers and more")
        block = min(BLOCK, -(-self.places // lanes) * lanes)
        blocks = -(-self.places // block)
        outer = images * (1 if self.kind == "scatter" else blocks)
        size = channels if self.kind == "slope" else group(outer, channels, lanes if self.channels else 1, threads)
        groups = -(-channels // size)
        missing = 3 - len(how.size)
        self.words = sampling_params(form).pack(
            x=None, y=None, grid=None, out=None, images=images, channels=channels, places=self.places, block=block,
            blocks=blocks, group=size, groups=groups, from_image=from_image, from_channel=from_channel,
            size=(1,) * missing + how.size, step=(0,) * missing + tuple(step), volume=prod(how.size),
        )  # fmt: skip
        self.entry = kernel(target, "sampling", emit_sampling, form)["sampling"]
        work = images * channels * self.places * TAPS[how.rule] ** len(how.size)
        self.threads = WINDOWS.threads(work, threads, outer * groups)

    def steps(self, how: Sampling, source: np.ndarray) -> list[int]:
        """Distances of images, channels and positions in what is read, in numbers."""
        return [step // source.itemsize for step in source.strides]

    def launch(self, **arrays: np.ndarray) -> np.ndarray:
        """Run the kernel; gives what it wrote."""
        words: array = self.words[:]
        for name, index in (("x", _X), ("y", _Y), ("grid", _GRID), ("out", _OUT)):
            words[index] = runtime.address(arrays[name]) if name in arrays else 0
        runtime.launch(self.entry, words, self.threads)
        return arrays["out"]

    def laid(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """Memory of this shape without gaps, with channels innermost where they are vectors."""
        if not self.channels:
            return runtime.empty(shape, dtype)
        return np.moveaxis(runtime.empty((shape[0], *shape[2:], shape[1]), dtype), -1, 1)

    def dense(self, y: np.ndarray) -> np.ndarray:
        """The same numbers, lying so."""
        if (np.moveaxis(y, 1, -1) if self.channels else y).flags.c_contiguous:
            return y
        copy = self.laid(y.shape, y.dtype)
        copy[...] = y
        return copy


class SampleCall(_Call):
    """Call it with x and grid: y."""

    kind = "sample"

    def __call__(self, x: np.ndarray, grid: np.ndarray) -> np.ndarray:
        y = self.laid((*x.shape[:2], *grid.shape[1:-1]), x.dtype)
        return self.launch(x=x, grid=np.ascontiguousarray(grid), out=y)


class ScatterCall(_Call):
    """Call it with y and grid: x."""

    kind = "scatter"

    def steps(self, how: Sampling, source: np.ndarray) -> list[int]:
        """Those of the result, which lies without gaps."""
        shape = (*source.shape[:2], *how.size)
        return [step // self.number.itemsize for step in self.laid(shape, self.number).strides]

    def __call__(self, y: np.ndarray, grid: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
        x = self.laid((*y.shape[:2], *size), self.number)
        return _rounded(self.launch(y=self.dense(y), grid=np.ascontiguousarray(grid), out=x), y.dtype)


class SlopeCall(_Call):
    """Call it with x, grid and y: the grid's gradient."""

    kind = "slope"

    def __call__(self, x: np.ndarray, grid: np.ndarray, y: np.ndarray) -> np.ndarray:
        out = runtime.empty(grid.shape, self.number)
        return _rounded(self.launch(x=x, y=self.dense(y), grid=np.ascontiguousarray(grid), out=out), x.dtype)


def _rounded(found: np.ndarray, kind: np.dtype) -> np.ndarray:
    return found if found.dtype == kind else found.astype(kind)
