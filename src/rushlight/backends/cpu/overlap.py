"""A transposed layer of few channels and long taps: one matrix product, whose columns are added where they overlap.

In: a ConvSpec (dgrad, one axis) and an array like those to come. Out: a callable like `ProductCall`. With one to three
result channels a product has no vectors of channels; with all taps of all channels as its columns it has thousands.

    columns[n, o, ci, k] = Σ over co  y[n, co, o] · w[co, ci, k];   x[n, ci, o·stride + k − lo] += columns[n, o, ci, k]
"""

from __future__ import annotations

import numpy as np

from ... import runtime
from ...plan.target import Target
from ...rules.spec import ConvSpec
from ..protocol import Layout
from .kernels import laid
from .product import ProductCall


class OverlapCall:
    """One prepared layer; call it with (source, weight, bias, weights_cache)."""

    def __init__(
        self, kernel: str, spec: ConvSpec, source: np.ndarray, activation: str | None, target: Target, threads: int
    ) -> None:
        self.spec, self.relu, self.dtype = spec, activation == "relu", source.dtype
        columns = spec.in_channels * spec.taps[0]
        # The adjoint, too, of a layer with one tap and all columns as its channels: the weight is taken as it lies.
        flat = ConvSpec.of(spec.batch, columns, spec.out_channels, spec.out, (1,), dtype=spec.dtype)
        self.product = ProductCall("dgrad", flat, source, None, target, threads, widened=True)

    @property
    def layout(self) -> Layout:
        """How the result lies."""
        return laid((self.spec.batch, self.spec.in_channels, *self.spec.size), None, self.dtype)

    @property
    def scratch_bytes(self) -> int:
        """Memory that the threads work in."""
        return 0

    def __call__(
        self, source: np.ndarray, w: np.ndarray, bias: np.ndarray | None, weights_cache: dict | None,
        out: np.ndarray | None = None, scratch: np.ndarray | None = None,
    ) -> np.ndarray:  # fmt: skip
        spec, (taps,), (stride,) = self.spec, self.spec.taps, self.spec.stride
        columns = self.product(source, w.reshape(spec.out_channels, -1, 1), None, weights_cache).transpose(0, 2, 1)
        columns = columns.reshape(spec.batch, spec.out[0], spec.in_channels, taps).transpose(0, 2, 1, 3)
        lo, (size,), length = spec.padding[0][0], spec.size, spec.out[0]
        blocks = max(-(-taps // stride) + length - 1, -(-(lo + size) // stride))
        whole = np.zeros((spec.batch, spec.in_channels, blocks, stride), columns.dtype)
        for block in range(-(-taps // stride)):
            some = columns[..., block * stride : (block + 1) * stride]
            whole[:, :, block : block + length, : some.shape[-1]] += some
        sums = whole.reshape(spec.batch, spec.in_channels, -1)[..., lo : lo + size]
        if bias is not None:
            sums += bias.reshape(-1, 1).astype(sums.dtype)
        if self.relu:
            np.maximum(sums, 0, out=sums)
        result = runtime.empty(sums.shape, source.dtype) if out is None else out
        result[...] = sums
        return result

    def describe(self) -> str:
        """The plan for people."""
        return f"columns of all taps, added where they overlap\n{self.product.describe()}"
