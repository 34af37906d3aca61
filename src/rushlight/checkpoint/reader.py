"""Reading a checkpoint: a source comes in, the Python structure with its tensors goes out.

Which of PyTorch's formats it is, its first bytes say: a zip archive, or what there was before 1.6 (`legacy.py`). The
structure is followed by `unpickling.py`; sizes are checked against the bytes that are there before anything is
allocated.
"""

from __future__ import annotations

import io
import pickle
import struct
import sys
from collections import OrderedDict
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from rushlight.checkpoint import legacy
from rushlight.checkpoint.map_location import MapLocation, restorer
from rushlight.checkpoint.source import Source, Stream, check_truth
from rushlight.checkpoint.storages import CheckpointError, Damaged, Unsupported, shown
from rushlight.checkpoint.unpickling import DataUnpickler, ScriptObject, names, trusting
from rushlight.checkpoint.zip_file import ZipFile
from rushlight.core.errors import message
from rushlight.nn.module import Module
from rushlight.tensor import Tensor

_TABLES = ("_parameters", "_buffers", "_modules")  # of a module, whose entries go by their own names


class Request:
    """How to read: what `load` was asked for."""

    def __init__(
        self,
        weights_only: bool = True,
        map_location: MapLocation = None,
        mapped: bool = False,
        module: ModuleType | None = None,
        options: dict[str, Any] | None = None,
    ) -> None:
        self.weights_only, self.mapped, self.module = weights_only, mapped, module
        self.restore = restorer(map_location)
        self.options = {"encoding": "utf-8", **(options or {})}

    def follow(self, stream: Stream, storages: Any, script: bool = False) -> Any:
        """The structure in a stream."""
        if self.weights_only or script:
            result = DataUnpickler(stream, storages, script, **self.options).whole()
        else:
            try:
                result = trusting(self.module, stream, storages, **self.options).load()
            except CheckpointError:
                raise
            except (pickle.UnpicklingError, EOFError, LookupError, UnicodeError, struct.error) as problem:
                raise CheckpointError(
                    f"damaged: its structure cannot be followed ({type(problem).__name__}: {str(problem)[:200]})"
                ) from problem
        missing = _find(result, lambda thing: isinstance(thing, Unsupported))
        if missing is not None:
            name, kind = missing
            where = f"{name!r} is" if name else "a tensor is"
            raise CheckpointError(
                message(
                    f"{kind.what} not supported: {where} {kind.name}",
                    fix="convert it with PyTorch (dequantize(), to_dense(), float(), real and imaginary part) and "
                    "save it again",
                )
            )
        return result


def read(source: Source, request: Request) -> Any:
    """What `torch.save` or `rushlight.save` wrote.

    Raises CheckpointError (a RuntimeError) where the file is foreign, damaged, or needs more than data.
    """
    try:
        return _read(source, request)
    except Damaged as problem:
        reader = "PytorchStreamReader failed reading zip archive" if _is_zip(source) else "Unexpected end, or damage"
        raise CheckpointError(
            message(
                f"{reader}: {problem}",
                f"{source.name}: the file is truncated or damaged",
                fix="copy or download it again",
            )
        ) from None
    except CheckpointError as problem:
        raise CheckpointError(f"{source.name}: {problem}") from None


def unsafe_names(source: Source) -> list[str]:
    """The names of a zip archive's structure that a file may not have unless the user says so."""
    try:
        archive = _Archive(ZipFile(source), Request())
        found = [pair for pair in names(archive.stream("data.pkl")) if not archive.allows(*pair)]
        source.leave(0)
        return sorted(f"{module}.{name}" for module, name in found)
    except CheckpointError as problem:
        raise CheckpointError(f"{source.name}: {problem}") from None


def _read(source: Source, request: Request) -> Any:
    if _is_zip(source):
        archive = _Archive(ZipFile(source), request)
        result = request.follow(archive.stream("data.pkl"), archive, archive.is_script)
        source.leave(source.size)
        return _weights(result) if archive.is_script else result
    if request.mapped:
        raise RuntimeError(
            message(
                "mmap can only be used with files saved with `torch.save(_use_new_zipfile_serialization=True)`",
                f"{source.name}: a file of PyTorch before 1.6, or no checkpoint",
                fix="torch.save() it again; or mmap=False",
            )
        )
    if legacy.is_first_format(source):
        return legacy.read_first_format(source, request.follow, request.restore, **request.options)
    start = source.read(0, 4)
    if start[:1] != b"\x80":
        raise CheckpointError(_what_it_is(start))
    return legacy.read_stream(source, request.follow, request.restore, **request.options)


def _is_zip(source: Source) -> bool:
    return source.read(0, 2) == b"PK"


def _what_it_is(start: bytes) -> str:
    """The text for a file that begins like no checkpoint."""
    if not start:
        return message("the file is empty", fix="save it again")
    return message(f"not a checkpoint; it begins with {start!r}", fix="a file that torch.save() wrote")


class _Archive:
    """The records of a checkpoint's zip archive, by their name below the archive's own folder."""

    def __init__(self, archive: ZipFile, request: Request) -> None:
        self._zip = archive
        self._request = request
        self._loaded: dict[str, np.ndarray] = {}
        pickles = [name for name in archive.names() if name.endswith("/data.pkl") and name.count("/") == 1]
        if len(pickles) != 1:
            raise CheckpointError("a zip archive, but no checkpoint: it has no data.pkl")
        self._folder = pickles[0].removesuffix("data.pkl")
        code = self._folder + "code/"
        self.is_script = self._folder + "constants.pkl" in archive and any(n.startswith(code) for n in archive.names())
        order = self._folder + "byteorder"
        if order in archive and archive.bytes(order).strip() != sys.byteorder.encode():
            raise CheckpointError("it was written on a machine with the other byte order")

    def stream(self, record: str) -> Stream:
        """A record to follow."""
        content = self._zip.bytes(self._folder + record)
        return Stream(Source(io.BytesIO(content), record), 0, len(content))

    def allows(self, module: str, name: str) -> bool:
        """Whether the structure may name this."""
        try:
            DataUnpickler(self.stream("data.pkl"), self, self.is_script).find_class(module, name)
        except CheckpointError:
            return False
        return True

    def array(self, key: str, kind: np.dtype, count: int, location: str, view: object) -> np.ndarray:
        """The storage `key`, read once, however many tensors share it."""
        if view is not None:
            raise CheckpointError("damaged: a part of a storage, which this format does not have")
        if key not in self._loaded:
            array = self._read(self._folder + f"data/{key}", kind, count)
            self._loaded[key] = self._request.restore(array, location) if self._request.restore else array
        found = self._loaded[key]
        if (found.dtype, found.size) != (kind, count):
            raise CheckpointError(f"damaged: the storage {key} is described in two ways")
        return found

    def numbered(self, number: int) -> Any:
        raise CheckpointError(f"damaged: an unknown reference {number}")

    def _read(self, record: str, kind: np.dtype, count: int) -> np.ndarray:
        """The record as a writable array of `count` elements."""
        size = self._zip.size(record)
        if size != count * kind.itemsize:
            raise CheckpointError(
                f"damaged: the record {record.removeprefix(self._folder)} has {size} bytes, {count} elements of {kind} "
                f"need {count * kind.itemsize}"
            )
        if self._request.mapped and size and self._zip.start(record) % kind.itemsize == 0:
            return self._zip.mapped(record).view(kind)
        array = np.empty(count, dtype=kind)
        self._zip.fill(record, memoryview(array.view(np.uint8)))
        check_truth(array)
        return array


def _weights(script: Any) -> dict[str, Tensor]:
    """The tensors of a TorchScript module, named as its state dict names them."""
    found: OrderedDict[str, Tensor] = OrderedDict()
    levels = [("", script)]
    while levels:
        name, thing = levels.pop()
        if isinstance(thing, Tensor):
            found[name] = thing.detach()
        elif isinstance(thing, ScriptObject):
            prefix = f"{name}." if name else ""
            levels += [(f"{prefix}{key}", value) for key, value in reversed(thing.items())]
    return found


def _find(root: Any, wanted: Callable[[Any], bool]) -> tuple[str, Any] | None:
    """The first thing of a structure that is wanted, and its dotted name; everything is looked at once."""
    seen: set[int] = set()
    levels = [("", root)]
    while levels:
        name, thing = levels.pop()
        if wanted(thing):
            return name, thing
        if isinstance(thing, dict):
            inner = list(thing.items())
        elif isinstance(thing, (list, tuple)):
            inner = list(enumerate(thing))
        elif isinstance(thing, Module):
            inner = [item for table in _TABLES for item in thing.__dict__.get(table, {}).items()]
        else:
            continue
        if id(thing) not in seen:
            seen.add(id(thing))
            prefix = f"{name}." if name else ""
            inner = [(key, one) for key, one in inner if isinstance(one, (dict, list, tuple, Module))]
            levels += [(prefix + (key if type(key) is str else shown(key)), one) for key, one in reversed(inner)]
    return None
