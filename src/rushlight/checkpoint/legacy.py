"""The formats before PyTorch 1.6: a source comes in, the structure with its tensors goes out.

The *stream* is five pickles one behind the other (a number, a version, the machine, the structure, and the keys of the
storages in the order in which they follow), then for each storage its length and its bytes. The *first format*, before
0.1.10, is a tar archive of `storages`, `tensors` and `pickle`, in which the structure names tensors by number.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import numpy as np

from rushlight.checkpoint.rebuild import rebuild_tensor
from rushlight.checkpoint.source import Source, Stream, fill
from rushlight.checkpoint.storages import MAGIC, STREAM_VERSION, CheckpointError, Damaged, Unsupported, shown
from rushlight.checkpoint.unpickling import DataUnpickler
from rushlight.core import dtypes
from rushlight.core.errors import message
from rushlight.tensor import Tensor, wrap

_BLOCK = 512  # bytes, of which a tar archive is made
_COUNT = 8  # bytes that say how many elements a storage has
_AXES = 64

Follow = Callable[[Stream, Any], Any]  # a stream and its storages come in, the structure goes out
Restore = Callable[[np.ndarray, str], np.ndarray] | None


def read_stream(source: Source, follow: Follow, restore: Restore, **options: Any) -> Any:
    """What `torch.save` wrote before 1.6."""
    stream = Stream(source, 0, source.size)
    storages = _StreamStorages(source, restore)
    if _number(stream) != MAGIC:
        raise CheckpointError(
            message(
                "Invalid magic number; corrupt file?",
                "it is a plain pickle, no checkpoint",
                fix="pickle.load, if you trust its author",
            )
        )
    if (version := _number(stream)) != STREAM_VERSION:
        raise CheckpointError(f"Invalid protocol version: {version}")
    DataUnpickler(stream, storages).whole()  # the machine; storages are written lowest byte first on every one
    result = follow(stream, storages)
    keys = DataUnpickler(stream, storages, **options).whole()
    if type(keys) is not list:
        raise CheckpointError("damaged: the storages have no list")
    source.leave(storages.fill(keys, stream.position))
    return result


def _number(stream: Stream) -> int | str:
    found = DataUnpickler(stream, _StreamStorages(None, None)).whole()
    return found if type(found) is int else shown(found)


class _StreamStorages:
    """Storages whose bytes come behind the structure: memory first, filled when the structure is known."""

    def __init__(self, source: Source | None, restore: Restore) -> None:
        self._source, self._restore = source, restore
        self._whole: dict[str, np.ndarray] = {}
        self._given: dict[str, np.ndarray] = {}
        self._bytes = 0

    def array(self, key: str, kind: np.dtype, count: int, location: str, view: object) -> np.ndarray:
        if key not in self._whole:
            self._bytes += count * kind.itemsize
            if self._source is None or self._bytes > self._source.size:
                raise CheckpointError(f"damaged or truncated: its storages need {self._bytes} bytes and more")
            self._whole[key] = np.empty(count, kind)
            self._given[key] = self._restore(self._whole[key], location) if self._restore else self._whole[key]
        found = self._given[key]
        if (found.dtype, self._whole[key].size) != (kind, count):
            raise CheckpointError(f"damaged: the storage {shown(key)} is described in two ways")
        return found if view is None else _part(found, *_numbers(view))

    def numbered(self, number: int) -> Any:
        raise CheckpointError(f"damaged: an unknown reference {shown(number)}")

    def fill(self, keys: list, at: int) -> int:
        """Read the bytes of the storages, which begin at `at`; where they end."""
        texts = [key.decode("ascii", "replace") if isinstance(key, bytes) else key for key in keys]
        if not all(type(key) is str for key in texts) or sorted(texts) != sorted(self._whole):
            raise CheckpointError("damaged: its storages are not those of its tensors")
        for key in texts:
            array = self._whole[key]
            count = self._source.read(at, _COUNT)
            if len(count) < _COUNT:
                raise Damaged(f"it ends before the storage {shown(key)}")
            if int.from_bytes(count, "little") != array.size:
                raise CheckpointError(f"damaged: the storage {shown(key)} has another length than its tensors say")
            fill(self._source, at + _COUNT, array)
            at += _COUNT + array.nbytes
        return at


def _numbers(view: object) -> tuple[int, int]:
    if type(view) is not tuple or len(view) != 3 or not all(type(n) is int and n >= 0 for n in view[1:]):
        raise CheckpointError(f"damaged: an unknown part of a storage {shown(view)}")
    return view[1:]


def _part(array: np.ndarray, start: int, count: int) -> np.ndarray:
    if start + count > array.size:
        raise CheckpointError(f"damaged: a part that reaches beyond its storage of {array.size} elements")
    return array[start : start + count]


# -------------------------------------------------------------------- the first format


def is_first_format(source: Source) -> bool:
    """Whether it is a tar archive with what belongs into a checkpoint."""
    start = source.read(0, _BLOCK)
    return len(start) == _BLOCK and start[257:262] == b"ustar"


def read_first_format(source: Source, follow: Follow, restore: Restore, **options: Any) -> Any:
    """What `torch.save` wrote before 0.1.10."""
    members = _members(source)
    if not {"storages", "tensors", "pickle"} <= set(members):
        raise CheckpointError("a tar archive, but no checkpoint: it has no storages, tensors and pickle")
    things = _Numbered()
    _read_storages(source, Stream(source, *members["storages"]), things, restore, options)
    _read_tensors(Stream(source, *members["tensors"]), things, options)
    return follow(Stream(source, *members["pickle"]), things)


class _Numbered:
    """Storages and tensors by their numbers."""

    def __init__(self) -> None:
        self.found: dict[int, Any] = {}

    def array(self, key: str, kind: np.dtype, count: int, location: str, view: object) -> np.ndarray:
        raise CheckpointError(f"damaged: an unknown storage {shown(key)}")

    def numbered(self, number: int) -> Any:
        if number not in self.found:
            raise CheckpointError(f"damaged: there is nothing with the number {shown(number)}")
        return self.found[number]


def _members(source: Source) -> dict[str, tuple[int, int]]:
    """Where the files of a tar archive begin and end."""
    found, at = {}, 0
    while len(header := source.read(at, _BLOCK)) == _BLOCK and header.strip(b"\0"):
        total = sum(header[:148]) + 8 * ord(" ") + sum(header[156:])
        size, checksum = _octal(header[124:136]), _octal(header[148:156])
        if size is None or checksum != total or at + _BLOCK + size > source.size:
            raise Damaged("a tar archive that is not whole")
        if header[156:157] in (b"0", b"\0"):  # an ordinary file
            name = header[:100].rstrip(b"\0").decode("latin-1").removeprefix("./")
            found[name] = at + _BLOCK, at + _BLOCK + size
        at += _BLOCK + -(-size // _BLOCK) * _BLOCK
    return found


def _octal(field: bytes) -> int | None:
    digits = field.strip(b" \0")
    return int(digits, 8) if digits and not digits.strip(b"01234567") else None


def _read_storages(source: Source, stream: Stream, things: _Numbered, restore: Restore, options: dict) -> None:
    """A count; for each storage its number, location and type, its length and its bytes; then which lies in which."""

    def follow() -> Any:
        return DataUnpickler(stream, things, **options).whole()

    for _ in range(_count(follow())):
        number, location, kind = _of_length(follow(), 3)
        if isinstance(kind, Unsupported):
            raise CheckpointError(f"{kind.what} not supported: a storage is of {kind.name}")
        if type(number) is not int or not isinstance(kind, dtypes.dtype):
            raise CheckpointError(f"damaged: an unknown storage {shown(number)}")
        count = int.from_bytes(stream.read(_COUNT), "little")
        if count * kind.itemsize > stream.left:
            raise Damaged(f"it ends within the storage {shown(number)}")
        array = np.empty(count, kind.numpy)
        fill(source, stream.position, array)
        stream.skip(array.nbytes)
        things.found[number] = restore(array, str(location)) if restore and type(location) is str else array
    views = follow()
    for view in views if type(views) is list else ():
        target, root, offset, count = _of_length(view, 4)
        whole = things.numbered(root) if type(root) is int else None
        if type(target) is not int or not isinstance(whole, np.ndarray):
            raise CheckpointError("damaged: a part of no storage")
        things.found[target] = _part(whole, *_numbers((0, offset, count)))


def _read_tensors(stream: Stream, things: _Numbered, options: dict) -> None:
    """A count; for each tensor its number, storage and type, then axes, sizes, strides and where it begins."""
    for _ in range(_count(DataUnpickler(stream, things, **options).whole())):
        number, storage, _ = _of_length(DataUnpickler(stream, things, **options).whole(), 3)
        if type(number) is not int or type(storage) is not int:
            raise CheckpointError("damaged: a tensor without a number")
        axes = int.from_bytes(stream.read(8)[:4], "little")
        if axes > _AXES:
            raise CheckpointError(f"damaged: a tensor of {axes} axes")
        try:
            *numbers, offset = struct.unpack(f"<{2 * axes + 1}q", stream.read(8 * (2 * axes + 1)))
        except struct.error:
            raise Damaged("it ends within a tensor's shape") from None
        things.found[number] = _tensor(things.numbered(storage), offset, numbers[:axes], numbers[axes:])


def _tensor(storage: Any, offset: int, shape: list[int], strides: list[int]) -> Tensor:
    if not shape:
        return wrap(np.empty(0, storage.dtype) if isinstance(storage, np.ndarray) else np.empty(0, np.float32))
    return rebuild_tensor(storage, offset, tuple(shape), tuple(strides))


def _count(thing: object) -> int:
    if type(thing) is not int or not 0 <= thing < 2**31:
        raise CheckpointError(f"damaged: {shown(thing)} things")
    return thing


def _of_length(thing: object, length: int) -> tuple:
    if type(thing) is not tuple or len(thing) != length:
        raise CheckpointError(f"damaged: {shown(thing)} where {length} things belong")
    return thing
