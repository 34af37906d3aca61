"""The bias's gradient, ready to be called: the sum of y over everything but its channels."""

from __future__ import annotations

from math import prod
from typing import NamedTuple

import numpy as np

from ... import runtime
from ...codegen.bias import bias_params, emit_bias
from ...codegen.ir import BY_NAME, f32
from ...codegen.lanewise_wgrad import emit_finish, finish_params
from ...plan.target import Target
from .kernels import kernel
from .product_wgrad import is_even

_PIECE = 4096
"""Numbers a partial sum, about: short sums round less."""

_CHUNKS = 256
"""Partial sums of a channel, at most, unless there are more images."""


class Layout(NamedTuple):
    """How y lies: what is `inner`most in memory; how many images of how many positions; strides of images and of
    channels or positions, whichever are not neighbours."""

    inner: str
    images: int
    positions: int
    image: int
    step: int


def layout_of(y: np.ndarray) -> Layout | None:
    """The layout of an array whose channels or positions are neighbours; None where neither are."""
    image, channel, *steps = (stride // y.itemsize for stride in y.strides)
    images, channels, positions = y.shape[0], y.shape[1], prod(y.shape[2:])
    step = next((stride for stride, size in zip(reversed(steps), reversed(y.shape[2:])) if size > 1), image)
    if not is_even(y):
        return None
    if channel == 1 or channels == 1:
        if positions == 1 or image == positions * step:  # images follow each other at the positions' distance
            return Layout("channels", 1, images * positions, 0, image if positions == 1 else step)
        return Layout("channels", images, positions, image, step)
    return Layout("positions", images, positions, image, channel) if step == 1 and positions > 1 else None


class BiasCall:
    """One prepared sum; call it with y."""

    def __init__(self, dtype: str, y: np.ndarray, target: Target, threads: int) -> None:
        stored = BY_NAME[dtype]
        number = f32 if stored.kind == "h" else stored
        self.dtype, self.result_dtype, self.channels = _NUMPY[number.name], y.dtype, y.shape[1]
        layout = layout_of(y)
        self.copies = layout is None
        inner, images, positions, image, step = layout or layout_of(np.empty(y.shape, np.int8))
        rest = -(-positions * images // _CHUNKS)
        piece = max(rest, _PIECE // self.channels if inner == "channels" else _PIECE, 1)
        pieces = -(-positions // piece)
        chunks = self.chunks = images * pieces
        self.entry = kernel(target, "bias", emit_bias, stored, number, inner)["sums"]
        self.words = bias_params(stored, number).pack(
            0, 0, images, pieces, piece, positions, self.channels, image, step
        )
        self.place = np.arange(self.channels, dtype=np.int64)
        self.finish = kernel(target, "lanes wgrad finish", emit_finish, number, stored)["finish"]
        words = self.channels, chunks, self.channels, runtime.address(self.place)
        self.finish_words = finish_params(number, stored).pack(0, 0, *words)
        self.threads_used = threads if y.size > 50_000 else 1

    def __call__(self, y: np.ndarray) -> np.ndarray:
        if self.copies:
            y = np.ascontiguousarray(y)
        result = runtime.empty((self.channels,), self.result_dtype)
        sums = runtime.empty((self.chunks * self.channels,), self.dtype)
        words = self.words[:]
        words[2], words[3] = runtime.address(y), runtime.address(sums)
        runtime.launch(self.entry, words, self.threads_used)
        words = self.finish_words[:]
        words[2], words[3] = runtime.address(sums), runtime.address(result)
        runtime.launch(self.finish, words, 1)
        return result


_NUMPY = {"f32": np.dtype(np.float32), "f64": np.dtype(np.float64)}
