"""Make the embedded handwritten digits: scikit-learn's digits.csv.gz comes in, four small IDX files go out.

    python -m venv /tmp/digits && /tmp/digits/bin/pip install scikit-learn
    python tools/make_digits.py /tmp/digits/lib/python3.*/site-packages/sklearn/datasets/data/digits.csv.gz

A row of the table is 64 brightnesses, 0 to 16, and the digit. Every fifth image of a digit becomes a test image,
so that both parts hold the ten digits alike. The order is kept, and the bytes are the same at each run.
"""

import gzip
import struct
import sys
from pathlib import Path

import numpy as np

TARGET = Path(__file__).resolve().parents[1] / "src" / "rushlight" / "data"


def main(source: str) -> None:
    with gzip.open(source, "rt") as text:
        table = np.loadtxt(text, delimiter=",")
    images, labels = table[:, :64].astype(np.uint8).reshape(-1, 8, 8), table[:, 64].astype(np.uint8)
    is_test = np.zeros(len(labels), dtype=bool)
    for digit in range(10):
        is_test[np.flatnonzero(labels == digit)[4::5]] = True
    for part, chosen in (("train", ~is_test), ("t10k", is_test)):
        write_idx(TARGET / f"digits-{part}-images-idx3-ubyte.gz", images[chosen])
        write_idx(TARGET / f"digits-{part}-labels-idx1-ubyte.gz", labels[chosen])


def write_idx(path: Path, array: np.ndarray) -> None:
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    path.write_bytes(gzip.compress(header + array.tobytes(), 9, mtime=0))
    print(path.name, array.shape, path.stat().st_size, "bytes")


if __name__ == "__main__":
    main(sys.argv[1])
