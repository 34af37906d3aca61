"""MNIST and Fashion-MNIST: a folder of their IDX files comes in, a dataset goes out."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from rushlight.core.errors import message
from rushlight.datasets.images import LabelledImages, read_pair


class DatasetMissing(RuntimeError):
    """There are no files where a data set was looked for."""


class MNIST(LabelledImages):
    """Handwritten digits of 28×28 pixels, 60,000 to train with and 10,000 to test with.

    The files (`train-images-idx3-ubyte` and so on, with `.gz` or without) may lie in `root` itself or where
    torchvision puts them, in `root/MNIST/raw`. With `download=True` missing files are fetched there and held against
    their published checksums.

    Raises RuntimeError where files are missing or cannot be fetched, IDXError (a ValueError) where one is damaged.
    """

    folder = "MNIST"
    mirrors: tuple[str, ...] = (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    )
    md5: dict[str, str] = {  # noqa: RUF012
        "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
        "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
        "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
    }

    def __init__(
        self,
        root: str | os.PathLike,
        train: bool = True,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        download: bool = False,
    ) -> None:
        self.root, self.train = Path(root), train
        if download:
            self._download()
        part = "train" if train else "t10k"
        images, labels = read_pair(
            self._find(f"{part}-images-idx3-ubyte"), self._find(f"{part}-labels-idx1-ubyte"), 10, (28, 28)
        )
        super().__init__(images, labels, transform, target_transform)

    @property
    def raw_folder(self) -> Path:
        """Where downloaded files are put."""
        return self.root / self.folder / "raw"

    def _candidates(self, name: str) -> list[Path]:
        places = (self.root, self.root / "raw", self.raw_folder)
        return [place / file for place in places for file in (name, f"{name}.gz")]

    def _find(self, name: str) -> Path:
        for path in self._candidates(name):
            if path.is_file():
                return path
        raise DatasetMissing(
            message(
                "Dataset not found. You can use download=True to download it",
                f"no {name} or {name}.gz in {self.root} or {self.raw_folder}",
                fix=f"{self.folder}(root, download=True), or another root",
            )
        )

    def _download(self) -> None:
        from rushlight.datasets.download import fetch

        for name, md5 in self.md5.items():
            if not any(path.is_file() for path in self._candidates(name.removesuffix(".gz"))):
                fetch([mirror + name for mirror in self.mirrors], self.raw_folder / name, md5)


class FashionMNIST(MNIST):
    """Pictures of ten kinds of clothing, 28×28 pixels, 60,000 to train with and 10,000 to test with.

    Xiao, Rasul & Vollgraf 2017, MIT licence. Files, arguments and errors as for `MNIST`, in `root/FashionMNIST/raw`.
    """

    folder = "FashionMNIST"
    classes = (
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    )
    mirrors = (
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    )
    md5 = {  # noqa: RUF012
        "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
        "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
        "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
    }
