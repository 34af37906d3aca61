"""The backend of shapes alone: arrays of the right shape and dtype that hold one number in memory."""

from __future__ import annotations

import numpy as np

from ...rules.spec import ConvSpec


class Shapes:
    """Computes shapes alone: arrays of the right shape that hold one number in memory."""

    name = "shapes"

    def fprop(self, spec: ConvSpec, x: np.ndarray, *_: object) -> np.ndarray:
        """An array shaped like y."""
        return hollow(spec.y_shape, x.dtype)

    def dgrad(self, spec: ConvSpec, y: np.ndarray, *_: object) -> np.ndarray:
        """An array shaped like x."""
        return hollow(spec.x_shape, y.dtype)

    def wgrad(self, spec: ConvSpec, x: np.ndarray, *_: object) -> np.ndarray:
        """An array shaped like w."""
        return hollow(spec.w_shape, x.dtype)

    def bias_grad(self, spec: ConvSpec, y: np.ndarray) -> np.ndarray:
        """An array with an entry a channel."""
        return hollow(y.shape[1:2], y.dtype)


def hollow(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Zeros of any shape in the memory of one; they may be written to."""
    return np.lib.stride_tricks.as_strided(np.zeros((), dtype), shape, (0,) * len(shape))
