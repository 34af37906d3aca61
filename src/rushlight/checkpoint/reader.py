"""Reading a checkpoint: PyTorch's zip archive comes in, the Python structure with its tensors goes out.

The structure is a pickle, and a pickle is a program. Here it may only name what holds data (containers, numbers,
tensors, sizes, dtypes), so that a file from anywhere can be read; `weights_only=False` lifts that. Sizes are checked
against the bytes that are there before anything is allocated.
"""

from __future__ import annotations

import codecs
import collections
import io
import pickle
import sys
import zipfile
from collections.abc import Callable
from typing import Any, BinaryIO, ClassVar

import numpy as np

from rushlight.checkpoint import storages
from rushlight.checkpoint.storages import CheckpointError
from rushlight.core import dtypes
from rushlight.core.errors import message
from rushlight.nn.parameter import Parameter, UninitializedParameter
from rushlight.tensor import Tensor, wrap
from rushlight.tensor.size import Size, device

# The opcodes of the protocol that checkpoints are written in, without those that make instances of classes or
# look objects up by number.
_OPCODES = frozenset(
    opcode[0]
    for opcode in (
        pickle.PROTO, pickle.STOP, pickle.MARK, pickle.POP, pickle.POP_MARK, pickle.DUP,
        pickle.NONE, pickle.NEWTRUE, pickle.NEWFALSE, pickle.INT, pickle.BININT, pickle.BININT1, pickle.BININT2,
        pickle.LONG, pickle.LONG1, pickle.LONG4, pickle.FLOAT, pickle.BINFLOAT,
        pickle.UNICODE, pickle.BINUNICODE, pickle.SHORT_BINUNICODE, pickle.BINSTRING, pickle.SHORT_BINSTRING,
        pickle.BINBYTES, pickle.SHORT_BINBYTES,
        pickle.EMPTY_TUPLE, pickle.TUPLE, pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3,
        pickle.EMPTY_LIST, pickle.LIST, pickle.APPEND, pickle.APPENDS,
        pickle.EMPTY_DICT, pickle.DICT, pickle.SETITEM, pickle.SETITEMS, pickle.EMPTY_SET, pickle.ADDITEMS,
        pickle.GET, pickle.BINGET, pickle.LONG_BINGET, pickle.PUT, pickle.BINPUT, pickle.LONG_BINPUT, pickle.MEMOIZE,
        pickle.GLOBAL, pickle.REDUCE, pickle.BUILD, pickle.BINPERSID,
    )
)  # fmt: skip


def read(file: BinaryIO, name: str, weights_only: bool = True) -> Any:
    """What `torch.save` or `rushlight.save` wrote into `file`; `name` is what errors call it.

    Raises CheckpointError (a RuntimeError) where the file is foreign, damaged, or needs more than data.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            return _follow(_Archive(archive), weights_only)
    except (zipfile.BadZipFile, EOFError) as problem:
        raise CheckpointError(_what_it_is(file, name, problem)) from None
    except CheckpointError as problem:
        raise CheckpointError(f"{name}: {problem}") from None


def _follow(archive: _Archive, weights_only: bool) -> Any:
    if not weights_only:
        return _TensorUnpickler(archive).load()
    try:
        return _DataUnpickler(archive).load()
    except (CheckpointError, ImportError, zipfile.BadZipFile):
        raise  # they say what is wrong; ImportError: the ml_dtypes that bfloat16 needs is missing
    except Exception as problem:
        raise CheckpointError(
            f"damaged: its structure cannot be followed ({type(problem).__name__}: {problem})"
        ) from None


def _what_it_is(file: BinaryIO, name: str, problem: Exception) -> str:
    """The text for a file that is no whole zip archive."""
    file.seek(0)
    start = file.read(4)
    if not start:
        return message(f"{name}: the file is empty", mend="save it again")
    if start == b"PK\x03\x04":
        return message(
            f"PytorchStreamReader failed reading zip archive: {problem}",
            f"{name}: the file is truncated or damaged",
            mend="copy or download it again",
        )
    if start[:1] == b"\x80":
        return message(
            f"{name}: a plain pickle or a checkpoint of PyTorch before 1.6, which is not read",
            mend="load it with PyTorch and torch.save() it again",
        )
    return message(f"{name}: not a checkpoint; it begins with {start!r}", mend="a file that torch.save() wrote")


class _Archive:
    """The records of a checkpoint's zip archive, by their name below the archive's own folder."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._zip = archive
        pickles = [entry for entry in archive.namelist() if entry.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise CheckpointError("a zip archive, but no checkpoint: it has no data.pkl")
        self._folder = pickles[0].removesuffix("data.pkl")
        if "byteorder" in self and self.bytes("byteorder").strip() != sys.byteorder.encode():
            raise CheckpointError("it was written on a machine with the other byte order")

    def __contains__(self, record: str) -> bool:
        return self._folder + record in self._zip.NameToInfo

    def _entry(self, record: str) -> zipfile.ZipInfo:
        if record not in self:
            raise CheckpointError(f"damaged: the record {record} is missing")
        entry = self._zip.getinfo(self._folder + record)
        # Checkpoints are never compressed. What is stored as it is cannot be larger than the file.
        if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size:
            raise CheckpointError(f"the record {record} is compressed, which no checkpoint is")
        return entry

    def bytes(self, record: str) -> bytes:
        return self._zip.read(self._entry(record))

    def array(self, record: str, kind: np.dtype, count: int) -> np.ndarray:
        """The record as a writable array of `count` elements."""
        entry = self._entry(record)
        if entry.file_size != count * kind.itemsize:
            raise CheckpointError(
                f"damaged: the record {record} has {entry.file_size} bytes, {count} elements of {kind} need "
                f"{count * kind.itemsize}"
            )
        array = np.empty(count, dtype=kind)
        rest = memoryview(array.view(np.uint8))
        with self._zip.open(entry) as source:
            while rest:
                got = source.readinto(rest)
                if not got:
                    raise CheckpointError(f"truncated within the record {record}")
                rest = rest[got:]
            source.read(1)  # the end of the record is where its checksum is compared
        return array


class _TensorUnpickler(pickle._Unpickler):
    """Follows `data.pkl`, loading each storage once, however many tensors share it.

    Python's own unpickler instead of the C one: it can be restricted, and its memory does not follow the numbers in
    the file.
    """

    def __init__(self, archive: _Archive) -> None:
        super().__init__(io.BytesIO(archive.bytes("data.pkl")), encoding="utf-8")
        self._archive = archive
        self._loaded: dict[str, np.ndarray] = {}

    def persistent_load(self, reference: object) -> np.ndarray:
        """The array of `("storage", class, key, place, elements)`; every place becomes the CPU."""
        if not (isinstance(reference, tuple) and len(reference) == 5 and reference[0] == "storage"):
            raise CheckpointError(f"damaged: an unknown reference {reference!r:.80}")
        _, kind, key, _, count = reference
        if not (isinstance(kind, dtypes.dtype) and isinstance(key, str) and type(count) is int and count >= 0):
            raise CheckpointError(f"damaged: an unknown storage {reference!r:.80}")
        if key not in self._loaded:
            self._loaded[key] = self._archive.array(f"data/{key}", kind.numpy, count)
        found = self._loaded[key]
        if (found.dtype, found.size) != (kind.numpy, count):
            raise CheckpointError(f"damaged: the storage {key} is described in two ways")
        return found

    def find_class(self, module: str, name: str) -> object:
        found = _DATA.get((module, name))
        return super().find_class(module, name) if found is None else found


class _DataUnpickler(_TensorUnpickler):
    """The same for files that nobody vouches for: names from `_DATA` only, no opcode that could change them."""

    dispatch: ClassVar = {opcode: follow for opcode, follow in pickle._Unpickler.dispatch.items() if opcode in _OPCODES}

    def find_class(self, module: str, name: str) -> object:
        if (module, name) not in _DATA:
            raise CheckpointError(
                message(
                    f"Weights only load failed: the file names {module}.{name}",
                    "That is not plain data, and could run code.",
                    mend="save model.state_dict(); or load with weights_only=False, if you trust the file's author",
                )
            )
        return _DATA[module, name]

    def load_build(self) -> None:
        """Attributes are set on ordered dicts alone (a state dict's `_metadata`)."""
        state = self.stack.pop()
        if type(self.stack[-1]) is not collections.OrderedDict or type(state) is not dict:
            raise CheckpointError(f"it sets attributes of a {type(self.stack[-1]).__name__}, which no plain data needs")
        self.stack[-1].__dict__.update(state)

    dispatch[pickle.BUILD[0]] = load_build


def _rebuild_tensor(
    storage: np.ndarray,
    offset: int,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    requires_grad: bool = False,
    hooks: object = None,
    metadata: object = None,
) -> Tensor:
    """A tensor that looks at a part of a storage; several may look at the same."""
    numbers = (offset, *shape, *strides)
    if len(shape) != len(strides) or not all(type(number) is int and number >= 0 for number in numbers):
        raise CheckpointError(f"damaged: a tensor of shape {shape!r:.60} with strides {strides!r:.60}")
    step = storage.itemsize
    reach = offset + sum((size - 1) * stride for size, stride in zip(shape, strides)) + 1
    if 0 not in shape and reach > storage.size:
        raise CheckpointError(
            f"damaged: a tensor of shape {shape} reaches beyond its storage of {storage.size} elements"
        )
    memory, start = storage.view(np.uint8), min(offset, storage.size) * step
    array = np.ndarray(shape, storage.dtype, memory, start, tuple(stride * step for stride in strides))
    return wrap(array).requires_grad_(bool(requires_grad))


def _rebuild_untyped_tensor(
    storage: np.ndarray,
    offset: int,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    requires_grad: bool,
    hooks: object,
    kind: dtypes.dtype,
    metadata: object = None,
) -> Tensor:
    if not isinstance(kind, dtypes.dtype) or storage.size % kind.itemsize:
        raise CheckpointError(f"damaged: a storage of {storage.size} bytes for a tensor of dtype {kind!r:.40}")
    return _rebuild_tensor(storage.view(kind.numpy), offset, shape, strides, requires_grad)


def _rebuild_parameter(data: Tensor, requires_grad: bool, hooks: object = None) -> Tensor:
    return Parameter(data, requires_grad=bool(requires_grad))


def _encode(text: str, encoding: str) -> bytes:
    """How the pickle protocol of checkpoints spells bytes."""
    if encoding != "latin1":
        raise CheckpointError(f"damaged: bytes in the encoding {encoding!r:.40}")
    return codecs.encode(text, encoding)


def _bytearray(content: bytes | str = b"", encoding: str = "latin-1") -> bytearray:
    """`bytearray`, without its way of allocating any size."""
    return bytearray(content, encoding) if isinstance(content, str) else bytearray(bytes(memoryview(content)))


def _no_bytes() -> bytes:
    """How the pickle protocol of checkpoints spells b""."""
    return b""


# `__builtin__` is what the protocol that checkpoints use calls `builtins`.
_DATA: dict[tuple[str, str], Callable | object] = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("collections", "Counter"): collections.Counter,
    ("_codecs", "encode"): _encode,
    storages.REBUILD_TENSOR: _rebuild_tensor,
    storages.REBUILD_UNTYPED_TENSOR: _rebuild_untyped_tensor,
    storages.REBUILD_PARAMETER: _rebuild_parameter,
    storages.LAZY_PARAMETER: UninitializedParameter,
    storages.UNTYPED: dtypes.uint8,
    ("torch", "Size"): Size,
    ("torch", "device"): device,
    **{("torch", name): kind for name, kind in storages.STORAGE_DTYPES.items()},
    **{("torch", kind.name): kind for kind in dtypes.ALL},
    **{("__builtin__", made.__name__): made for made in (set, frozenset, complex, slice)},
    ("__builtin__", "bytearray"): _bytearray,
    ("__builtin__", "bytes"): _no_bytes,
}
