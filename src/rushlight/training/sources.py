"""Which images a training uses: a folder, or none, comes in; a training and a test part go out."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import NamedTuple

from rushlight.datasets import MNIST, Digits, FashionMNIST, LabelledImages


class Source(NamedTuple):
    """Two parts of one set of images."""

    name: str
    train: LabelledImages
    test: LabelledImages
    classes: tuple[str, ...]
    size: tuple[int, int]  # height, width
    batch_size: int  # that suits them, where none is asked for
    epochs: int  # likewise
    fingerprint: int  # of every image and label, so that a resumed training notices other data


def digits(limit: int | None = None) -> Source:
    """The embedded handwritten digits."""
    return _source("digits", [Digits(train=True), Digits(train=False)], limit, batch_size=16, epochs=12)


def folder(path: Path, limit: int | None = None, download: bool = False) -> Source:
    """MNIST or Fashion-MNIST from IDX files: the second where the folder's name, or one in it, says fashion."""
    fashion = "fashion" in path.resolve().name.lower() or (path / FashionMNIST.folder).is_dir()
    kind = FashionMNIST if fashion else MNIST
    parts = [kind(path, train=train, download=download) for train in (True, False)]
    return _source("fashion-mnist" if fashion else "mnist", parts, limit, batch_size=64, epochs=5)


def _source(name: str, parts: list[LabelledImages], limit: int | None, batch_size: int, epochs: int) -> Source:
    train, test = parts if limit is None else [part.first(limit) for part in parts]
    fingerprint = 0
    for part in (train, test):
        fingerprint = zlib.crc32(part.targets._array, zlib.crc32(part.data._array, fingerprint))
    return Source(name, train, test, train.classes, tuple(train.data.shape[1:]), batch_size, epochs, fingerprint)
