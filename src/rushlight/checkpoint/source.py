"""The bytes of a file: a path or an open file comes in; reads come out that never go past its end.

Only what has an end is read: devices and pipes are refused before the first byte.
"""

from __future__ import annotations

import contextlib
import io
import mmap
import os
import stat
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from rushlight.checkpoint.storages import CheckpointError, Damaged
from rushlight.core.errors import message

_PIECE = 1 << 16  # bytes that a stream reads ahead
_LINE = 1 << 16  # bytes that a line may have


class Source:
    """A file from where it stands to its end; `name` is what errors call it."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        _check_kind(file, name)
        try:
            self._start = file.tell()
            end = file.seek(0, os.SEEK_END)
        except (io.UnsupportedOperation, AttributeError) as problem:
            raise type(problem)(
                f"{problem}. You can only torch.load from a file that is seekable. Please pre-load the data into a "
                "buffer like io.BytesIO and try to load from it instead."
            ) from None
        if self._start >= end:
            self._start = 0  # just written, or read before: from the start
        self.size = end - self._start
        self.name = name
        self._file = file

    def read(self, at: int, count: int) -> bytes:
        """Up to `count` bytes from `at`; fewer at the end."""
        count = min(count, self.size - at)
        if count <= 0:
            return b""
        self._file.seek(self._start + at)
        pieces = []
        while count and (piece := self._file.read(count)):
            pieces.append(piece)
            count -= len(piece)
        return b"".join(pieces)

    def fill(self, at: int, memory: memoryview) -> None:
        """Fill `memory` with the bytes from `at`; Damaged if there are too few."""
        self._file.seek(self._start + at)
        while memory:
            piece = memory[: 1 << 26]
            if hasattr(self._file, "readinto"):
                got = self._file.readinto(piece)
            else:
                content = self._file.read(len(piece))
                got = len(content)
                piece[:got] = content
            if not got:
                raise Damaged("it ends too early")
            memory = memory[got:]

    def leave(self, at: int) -> None:
        """Let the file stand where what was read ended."""
        self._file.seek(self._start + at)

    def mapped(self) -> mmap.mmap:
        """The file as memory; writes stay in this process."""
        return mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_COPY)


class Stream:
    """What an unpickler reads from: bytes of a source from `position` to `end`, one behind the other."""

    def __init__(self, source: Source, position: int, end: int) -> None:
        self._source, self._end = source, end
        self._ahead, self._used = b"", 0
        self.position = position

    def read(self, count: int = -1) -> bytes:
        left = self._end - self.position
        count = left if count < 0 else min(count, left)
        if self._used + count > len(self._ahead):
            self._ahead = self._source.read(self.position, min(max(count, _PIECE), left))
            self._used = 0
        found = self._ahead[self._used : self._used + count]
        self._used += len(found)
        self.position += len(found)
        return found

    def again(self, position: int) -> Stream:
        """The same bytes from an earlier position."""
        return Stream(self._source, position, self._end)

    @property
    def left(self) -> int:
        """Bytes to the end."""
        return self._end - self.position

    def skip(self, count: int) -> None:
        """Go on behind what was read by other means."""
        self._ahead, self._used = b"", 0
        self.position += count

    def readline(self) -> bytes:
        end = self._ahead.find(b"\n", self._used)
        if end >= 0:
            return self.read(end + 1 - self._used)
        line = self.read(_LINE)
        whole = line[: line.find(b"\n") + 1] or line
        self._used -= len(line) - len(whole)
        self.position -= len(line) - len(whole)
        return whole


def fill(source: Source, at: int, array: np.ndarray) -> None:
    """Fill an array with the bytes from `at`; truth values must be 0 or 1."""
    source.fill(at, memoryview(array.view(np.uint8)))
    check_truth(array)


def check_truth(array: np.ndarray) -> None:
    """CheckpointError for truth values that are neither 0 nor 1, which NumPy takes for something else each time."""
    if array.dtype == np.bool_ and array.size and array.view(np.uint8).max() > 1:
        raise CheckpointError("damaged: a truth value that is neither 0 nor 1")


@contextlib.contextmanager
def opened(f: str | os.PathLike | BinaryIO) -> Iterator[Source]:
    """The source of a path, or of an open file."""
    if not isinstance(f, (str, os.PathLike)):
        source = Source(f, str(getattr(f, "name", "the file")))
        try:
            yield source
        except BaseException:
            source.leave(0)  # so that it may be tried once more
            raise
        return
    with open(f, "rb", opener=_without_waiting) as file:
        yield Source(file, os.fsdecode(f))


def _without_waiting(path: str, flags: int) -> int:
    """Opening a pipe waits for its other end, unless told not to."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _check_kind(file: BinaryIO, name: str) -> None:
    try:
        found = os.fstat(file.fileno())
    except (AttributeError, OSError, ValueError):  # no file of the system's: it has to know its end itself
        return
    if not stat.S_ISREG(found.st_mode):
        raise CheckpointError(
            message(f"{name}: a device or a pipe, not a file", fix="a file; or read its bytes into io.BytesIO first")
        )
