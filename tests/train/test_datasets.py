"""Datasets: what IDX files give, and that damaged, foreign and missing ones are refused by name."""

import gzip
import hashlib
import struct
from pathlib import Path

import numpy as np
import pytest

import rushlight as torch
from rushlight import datasets
from rushlight.datasets.download import fetch
from rushlight.datasets.resize import resize

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "fashion-mnist"


def idx(array):
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def write_set(folder, count=6, size=(28, 28), labels=None, pack=gzip.compress, suffix=".gz"):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, *size), dtype=np.uint8)
    labels = np.arange(count, dtype=np.uint8) % 10 if labels is None else labels
    folder.mkdir(parents=True, exist_ok=True)
    for part in ("train", "t10k"):
        (folder / f"{part}-images-idx3-ubyte{suffix}").write_bytes(pack(idx(images)))
        (folder / f"{part}-labels-idx1-ubyte{suffix}").write_bytes(pack(idx(labels)))
    return images


def test_digits():
    train, test = datasets.Digits(train=True), datasets.Digits(train=False)
    assert (len(train), len(test)) == (1442, 355)
    assert train.data.dtype is torch.uint8
    assert train.targets.dtype is torch.int64
    image, label = train[0]
    assert (image.shape, image.dtype, label) == ((1, 8, 8), torch.float32, 0)
    assert float(image.min()) >= 0 and float(image.max()) <= 1
    counts = np.bincount(test.targets.numpy(), minlength=10)
    assert counts.min() >= 34 and counts.max() <= 37
    total = int(train.data.long().sum()) + int(test.data.long().sum())
    assert total == 561718  # the sum of the original table


@pytest.mark.parametrize("place", ["", "raw", "FashionMNIST/raw"])
@pytest.mark.parametrize("pack, suffix", [(gzip.compress, ".gz"), (bytes, "")])
def test_fashion_mnist_reads_idx(tmp_path, place, pack, suffix):
    images = write_set(tmp_path / place, pack=pack, suffix=suffix)
    data = datasets.FashionMNIST(tmp_path, train=True)
    assert len(data) == 6
    assert data.classes[9] == "Ankle boot"
    assert data.class_to_idx["Trouser"] == 1
    image, label = data[3]
    assert label == 3
    assert np.array_equal(image.numpy()[0], images[3].astype(np.float32) / np.float32(255))
    assert np.array_equal(data.data.numpy(), images)


def test_transforms(tmp_path):
    images = write_set(tmp_path)
    data = datasets.MNIST(tmp_path, transform=lambda pixels: pixels.sum(), target_transform=lambda label: -label)
    assert data[2] == (images[2].sum(), -2)


BROKEN = {
    "truncated": (lambda raw: gzip.compress(raw[:-1]), "truncated.*4704 bytes, it holds 4703"),
    "trailing": (lambda raw: gzip.compress(raw + b"x"), "trailing bytes"),
    "gzip cut": (lambda raw: gzip.compress(raw)[:-20], "gzip wrapping is damaged"),
    "gzip flipped": (lambda raw: gzip.compress(raw)[:-6] + b"\0\0\0\0\0\0", "gzip wrapping is damaged"),
    "foreign": (lambda raw: b"\x89PNG\r\n\x1a\n" + raw, "no IDX file"),
    "html": (lambda raw: b"<html>404</html>", "no IDX file"),
    "empty": (lambda raw: b"", "truncated: it has 0 bytes"),
    "no header": (lambda raw: raw[:10], "within its header"),
    "labels": (lambda raw: idx(np.zeros(6, np.uint8)), "1 axes where 3 are expected"),
    "floats": (lambda raw: raw[:2] + b"\x0d" + raw[3:], "type 0x0d"),
    "huge": (lambda raw: raw[:4] + b"\xff" * 12 + raw[16:], "truncated: its header promises"),
    "27 pixels": (lambda raw: idx(np.zeros((6, 27, 27), np.uint8)), "27×27 pixels, expected 28×28"),
    "five": (lambda raw: idx(np.zeros((5, 28, 28), np.uint8)), "6 labels for the 5 images"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files_are_refused_by_name(tmp_path, name):
    images = write_set(tmp_path)
    damage, text = BROKEN[name]
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(damage(idx(images)))
    with pytest.raises(datasets.IDXError, match=text) as caught:
        datasets.FashionMNIST(tmp_path)
    assert "train-images-idx3-ubyte.gz" in str(caught.value)
    datasets.FashionMNIST(tmp_path, train=False)


def test_labels_out_of_range(tmp_path):
    write_set(tmp_path, labels=np.array([0, 1, 2, 3, 4, 10], np.uint8))
    with pytest.raises(datasets.IDXError, match="label 10 where labels are 0 to 9"):
        datasets.MNIST(tmp_path)


def test_missing_files(tmp_path):
    with pytest.raises(RuntimeError, match=r"Dataset not found\. You can use download=True"):
        datasets.FashionMNIST(tmp_path)


def test_download_checks_the_checksum(tmp_path):
    source = tmp_path / "source"
    source.write_bytes(b"images")
    target = tmp_path / "new" / "images.gz"
    right = hashlib.md5(b"images").hexdigest()
    fetch(["file:///nowhere/at/all", source.as_uri()], target, right)
    assert target.read_bytes() == b"images"
    other = tmp_path / "other" / "images.gz"
    with pytest.raises(RuntimeError, match=r"Error downloading images\.gz") as caught:
        fetch(["file:///nowhere/at/all", source.as_uri()], other, "0" * 32)
    assert "checksum" in str(caught.value) and "nowhere" in str(caught.value)
    assert list(other.parent.iterdir()) == []


def test_no_download_where_files_are(tmp_path, monkeypatch):
    write_set(tmp_path / "FashionMNIST" / "raw")
    monkeypatch.setattr(datasets.FashionMNIST, "mirrors", ("file:///nowhere/",))
    assert len(datasets.FashionMNIST(tmp_path, download=True)) == 6
    (tmp_path / "FashionMNIST" / "raw" / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(RuntimeError, match="Error downloading t10k-labels"):
        datasets.FashionMNIST(tmp_path, download=True)


def test_load_data_fashion_mnist(tmp_path):
    write_set(tmp_path, count=10)
    train, test = datasets.load_data_fashion_mnist(4, root=tmp_path)
    assert [tuple(images.shape) for images, _ in train] == [(4, 1, 28, 28), (4, 1, 28, 28), (2, 1, 28, 28)]
    assert torch.cat([labels for _, labels in test]).tolist() == list(range(10))
    assert {int(label) for _, labels in train for label in labels} == set(range(10))
    wide, _ = datasets.load_data_fashion_mnist(4, root=tmp_path, resize=(32, 48))
    assert next(iter(wide))[0].shape == (4, 1, 32, 48)


@pytest.mark.parametrize("size", [(56, 56), (96, 40), (28, 28), (14, 14), (9, 31)])
def test_resize_equals_pillow(size):
    image = pytest.importorskip("PIL.Image")
    pixels = np.random.default_rng(1).integers(0, 256, (28, 28), dtype=np.uint8)
    wanted = np.asarray(image.fromarray(pixels).resize(size[::-1], image.Resampling.BILINEAR))
    assert np.abs(resize(pixels, *size).astype(int) - wanted.astype(int)).max() <= 1


@pytest.mark.skipif(not SHARED.is_dir(), reason="the Fashion-MNIST images lie beside a development checkout only")
def test_real_fashion_mnist():
    train, test = datasets.FashionMNIST(SHARED), datasets.FashionMNIST(SHARED, train=False)
    assert len(train) + len(test) == 4000
    assert 0.2 < float(train.data.float().mean()) / 255 < 0.4
    assert set(train.targets.tolist()) == set(range(10))
