"""Labelled images as a dataset: two uint8 arrays come in, (image, label) pairs go out to a DataLoader."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import numpy as np

from rushlight.datasets.idx import IDXError, read_idx
from rushlight.tensor import Tensor, wrap
from rushlight.utils.data import Dataset


class LabelledImages(Dataset):
    """Greyscale images with a label each.

    `data` is a uint8 tensor (images, height, width), `targets` an int64 tensor (images,), `classes` the labels' names.
    Item i is `(image, label)`: without a `transform` the image is a float32 tensor (1, height, width) of brightness 0
    to 1 and the label an int. A `transform` receives the uint8 NumPy array (height, width), a `target_transform` the
    int, and what they return is the item.
    """

    classes: tuple[str, ...] = tuple("0123456789")
    brightest = 255

    def __init__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
    ) -> None:
        self.data = wrap(images)
        self.targets = wrap(labels.astype(np.int64))
        self.transform = transform
        self.target_transform = target_transform
        self._labels = labels.tolist()

    @property
    def class_to_idx(self) -> dict[str, int]:
        """The label of each class name."""
        return {name: label for label, name in enumerate(self.classes)}

    def first(self, count: int) -> LabelledImages:
        """The same without what follows the first `count` images."""
        part = copy.copy(self)
        part.data, part.targets, part._labels = self.data[:count], self.targets[:count], self._labels[:count]
        return part

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, index: int) -> tuple:
        pixels, label = self.data._array[index], self._labels[index]
        image = self.transform(pixels) if self.transform else self._to_tensor(pixels)
        return image, self.target_transform(label) if self.target_transform else label

    def _to_tensor(self, pixels: np.ndarray) -> Tensor:
        return wrap(pixels[None].astype(np.float32) / np.float32(self.brightest))

    def __repr__(self) -> str:
        height, width = self.data.shape[1:]
        return f"{type(self).__name__}({len(self)} images of {height}×{width})"


def read_pair(images_path: Path, labels_path: Path, classes: int, size: tuple[int, int]) -> tuple:
    """The images and labels of two IDX files that belong together.

    Raises IDXError where one is damaged, the images are not of `size`, or the two do not fit each other.
    """
    images, labels = read_idx(images_path, axes=3), read_idx(labels_path, axes=1)
    if images.shape[1:] != size:
        found = f"{images.shape[1]}×{images.shape[2]}"
        raise IDXError(f"{images_path}: its images are {found} pixels, expected {size[0]}×{size[1]}")
    if len(images) != len(labels):
        raise IDXError(f"{labels_path}: {len(labels)} labels for the {len(images)} images of {images_path}")
    if labels.size and labels.max() >= classes:
        raise IDXError(f"{labels_path}: label {labels.max()} where labels are 0 to {classes - 1}")
    return images, labels
