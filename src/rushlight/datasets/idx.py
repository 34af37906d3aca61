"""IDX files, the format of MNIST: a path comes in, a checked uint8 array goes out to the datasets.

An IDX file is two zero bytes, a type byte (8: unsigned bytes), the number of axes, the length of each axis as four
bytes, highest first, and the bytes themselves; often in a gzip wrapping. Whatever is not exactly that is refused by
name, before anything of the size it claims is allocated.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np

from rushlight.core.errors import bytes_in_words, message

_UNSIGNED_BYTES = 8
_GZIP_MAGIC = b"\x1f\x8b"
_PIECE = 1 << 20


class IDXError(ValueError):
    """A file that is no IDX file, or only a part of one."""


def read_idx(path: str | Path, axes: int) -> np.ndarray:
    """The uint8 array of the given number of axes that `path` holds.

    Raises FileNotFoundError where there is no such file, IDXError where it is foreign, truncated or too long.
    """
    path = Path(path)
    try:
        with path.open("rb") as raw:
            wrapped = raw.read(2) == _GZIP_MAGIC
            raw.seek(0)
            return _read(gzip.GzipFile(fileobj=raw) if wrapped else raw, axes)
    except (EOFError, zlib.error, gzip.BadGzipFile) as problem:
        raise _refusal(path, f"its gzip wrapping is damaged ({problem})") from None
    except IDXError as problem:
        raise _refusal(path, str(problem)) from None


def _read(file: BinaryIO, axes: int) -> np.ndarray:
    shape = _read_shape(file, axes)
    expected = math.prod(shape)
    content = _read_up_to(file, expected + 1)
    if len(content) < expected:
        raise IDXError(
            f"truncated: its header promises {' × '.join(map(str, shape))} = {expected} bytes, it holds {len(content)}"
        )
    if len(content) > expected:
        raise IDXError(f"trailing bytes: more follows the {expected} bytes that its header promises")
    return np.frombuffer(content, dtype=np.uint8).reshape(shape)


def _read_shape(file: BinaryIO, axes: int) -> tuple[int, ...]:
    start = file.read(4)
    if len(start) < 4:
        raise IDXError(f"truncated: it has {len(start)} bytes, and an IDX header begins with 4")
    zero, kind, found_axes = struct.unpack(">HBB", start)
    if zero != 0:
        raise IDXError(f"no IDX file: it begins with {start.hex(' ')}, an IDX file with 00 00 08")
    if kind != _UNSIGNED_BYTES:
        raise IDXError(f"its elements are of IDX type 0x{kind:02x}; images and labels are unsigned bytes, 0x08")
    if found_axes != axes:
        raise IDXError(f"it has {found_axes} axes where {axes} are expected ({'images' if axes == 3 else 'labels'})")
    lengths = file.read(4 * axes)
    if len(lengths) < 4 * axes:
        raise IDXError("truncated: it ends within its header")
    return struct.unpack(f">{axes}I", lengths)


def _read_up_to(file: BinaryIO, limit: int) -> bytearray:
    """At most `limit` bytes, asked for in pieces: a header that lies costs no memory."""
    content = bytearray()
    while len(content) < limit:
        piece = file.read(min(_PIECE, limit - len(content)))
        if not piece:
            break
        content += piece
    return content


def _refusal(path: Path, reason: str) -> IDXError:
    size = bytes_in_words(path.stat().st_size)
    return IDXError(message(f"{path}: {reason}", f"the file has {size}", fix="fetch the file again"))
