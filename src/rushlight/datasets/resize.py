"""Bilinear resizing of greyscale images: a uint8 array comes in, one of another size goes out.

Each axis is one product with a matrix of triangle weights (as wide as the step between the new pixels where the
image shrinks, so that nothing is skipped), rounded to whole brightness after each axis, as Pillow does.
"""

from __future__ import annotations

import numpy as np

from rushlight.tensor import Tensor, wrap


class Resize:
    """A transform for the datasets: uint8 pixels to a float32 tensor (1, height, width) of brightness 0 to 1."""

    def __init__(self, height: int, width: int) -> None:
        self.height, self.width = height, width

    def __call__(self, pixels: np.ndarray) -> Tensor:
        return wrap(resize(pixels, self.height, self.width)[None].astype(np.float32) / np.float32(255))


def resize(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """`pixels` (…, rows, columns) as (…, height, width).

    >>> resize(np.array([[0, 100]], dtype=np.uint8), 1, 4)
    array([[  0,  25,  75, 100]], dtype=uint8)
    """
    rows, columns = pixels.shape[-2:]
    wide = _whole(pixels @ _weights(columns, width).T)
    return _whole(_weights(rows, height) @ wide).astype(np.uint8)


def _weights(size: int, new_size: int) -> np.ndarray:
    """(new_size, size): how much each old pixel counts for each new one."""
    scale = size / new_size
    support = max(scale, 1.0)
    centres = (np.arange(new_size) + 0.5) * scale - 0.5
    distance = np.abs(centres[:, None] - np.arange(size)) / support
    weights = np.maximum(0.0, 1.0 - distance)
    return weights / weights.sum(axis=1, keepdims=True)


def _whole(values: np.ndarray) -> np.ndarray:
    return np.clip(np.floor(values + 0.5), 0, 255)
