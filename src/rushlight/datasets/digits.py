"""The embedded handwritten digits: files of the package come in, a dataset goes out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rushlight.datasets.images import LabelledImages, read_pair

_DATA = Path(__file__).resolve().parents[1] / "data"


class Digits(LabelledImages):
    """1,797 handwritten digits of 8×8 pixels: 1,442 to train with, 355 to test with, always the same ones.

    Source: Alpaydin & Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, 1998,
    CC BY 4.0 (see `data/README.md` in the package).

    >>> from rushlight.datasets import Digits
    >>> image, label = Digits(train=False)[0]
    >>> image.shape, label
    (torch.Size([1, 8, 8]), 5)
    """

    brightest = 16

    def __init__(
        self, train: bool = True, transform: Callable | None = None, target_transform: Callable | None = None
    ) -> None:
        self.train = train
        part = "train" if train else "t10k"
        images, labels = read_pair(
            _DATA / f"digits-{part}-images-idx3-ubyte.gz", _DATA / f"digits-{part}-labels-idx1-ubyte.gz", 10, (8, 8)
        )
        super().__init__(images, labels, transform, target_transform)
