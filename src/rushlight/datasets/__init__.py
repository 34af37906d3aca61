"""Data sets: images with labels from files come in, what a DataLoader iterates over goes out.

`Digits` is in the package; `MNIST` and `FashionMNIST` read the standard IDX files.
"""

from __future__ import annotations

import os

from rushlight.datasets.digits import Digits
from rushlight.datasets.idx import IDXError, read_idx
from rushlight.datasets.images import LabelledImages
from rushlight.datasets.mnist import MNIST, FashionMNIST
from rushlight.datasets.resize import Resize
from rushlight.utils.data import DataLoader

__all__ = [
    "MNIST",
    "Digits",
    "FashionMNIST",
    "IDXError",
    "LabelledImages",
    "Resize",
    "load_data_fashion_mnist",
    "read_idx",
]


def load_data_fashion_mnist(
    batch_size: int, root: str | os.PathLike = "data", resize: int | tuple[int, int] | None = None
) -> tuple[DataLoader, DataLoader]:
    """The train batches (in a new order each time) and the test batches of Fashion-MNIST.

    A batch is `(images, labels)`: float32 (batch, 1, height, width) of brightness 0 to 1, and int64 (batch,).
    `resize` gives the images another height and width. Missing files are downloaded to `root`.

    Raises as `FashionMNIST` does.
    """
    train, test = (FashionMNIST(root, train=part, transform=_resizing(resize), download=True) for part in (True, False))
    return DataLoader(train, batch_size, shuffle=True), DataLoader(test, batch_size, shuffle=False)


def _resizing(size: int | tuple[int, int] | None) -> Resize | None:
    if size is None:
        return None
    return Resize(size, size) if isinstance(size, int) else Resize(*size)
