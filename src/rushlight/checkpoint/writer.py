"""Writing a checkpoint: a Python structure with tensors comes in, a file that PyTorch reads goes out.

The pickle names PyTorch's classes, so that `torch.load(weights_only=True)` makes its own tensors of ours. Tensors
that look at the same memory share one storage in the file, and again after loading.
"""

from __future__ import annotations

import io
import pickle
import sys
import zipfile
from collections import OrderedDict
from types import ModuleType
from typing import Any, BinaryIO, ClassVar

import numpy as np

from rushlight.checkpoint import storages
from rushlight.core import dtypes
from rushlight.core.errors import message
from rushlight.nn.parameter import Parameter, is_lazy
from rushlight.tensor import Tensor
from rushlight.tensor.size import Size, carried, device

_PROTOCOLS = range(2, 6)
_ALIGNMENT = 64  # bytes; so that a reader may map a storage into memory as it lies in the file
_LOCAL_HEADER = 30
_PADDING_HEADER = 4
_LARGE = 1 << 30  # bytes of a record from which its length is written in 64 bits,
_LARGE_FIELD = 20  # in a field of this many
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same content gives the same file


class Writer:
    """How to write: the pickler, its protocol, and whether into a zip archive or the stream from before 1.6.

    Raises ValueError for a protocol, or a module, that tensors cannot be written with.
    """

    def __init__(self, module: ModuleType = pickle, protocol: int = 2, zipped: bool = True) -> None:
        base = pickle._Pickler if module is pickle else module.Pickler
        if protocol not in _PROTOCOLS:
            raise ValueError(
                message(f"pickle_protocol is {protocol}", fix="2 (PyTorch reads it with weights_only=True, too) to 5")
            )
        if not issubclass(base, pickle._Pickler):
            raise ValueError(
                message(
                    f"pickle_module: the Pickler of {module.__name__} is not written in Python",
                    fix="pickle, or a module such as dill",
                )
            )
        self._pickler = _Pickler if base is pickle._Pickler else type("_Pickler", (_Pickler, base), {})
        self._protocol, self._zipped = protocol, zipped

    def write(self, obj: Any, file: BinaryIO, folder: str = "archive") -> None:
        """Write `obj` into `file`; `folder` is the name of the archive's only folder."""
        structure = io.BytesIO()
        pickler = self._pickler(structure, protocol=self._protocol)
        pickler.zipped = self._zipped
        pickler.dump(obj)
        put = self._put_zip if self._zipped else self._put_stream
        put(structure, pickler.memories, file, folder)

    def _put_zip(self, structure: io.BytesIO, memories: list[np.ndarray], file: BinaryIO, folder: str) -> None:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            _add(archive, f"{folder}/data.pkl", structure.getbuffer())
            _add(archive, f"{folder}/.format_version", b"1")
            _add(archive, f"{folder}/.storage_alignment", str(_ALIGNMENT).encode())
            _add(archive, f"{folder}/byteorder", sys.byteorder.encode())
            for key, memory in enumerate(memories):
                _add(archive, f"{folder}/data/{key}", _bytes(memory))
            _add(archive, f"{folder}/version", b"3\n")

    def _put_stream(self, structure: io.BytesIO, memories: list[np.ndarray], file: BinaryIO, folder: str) -> None:
        machine = {
            "protocol_version": storages.STREAM_VERSION,
            "little_endian": True,
            "type_sizes": {"short": 2, "int": 4, "long": 4},
        }
        for head in (storages.MAGIC, storages.STREAM_VERSION, machine):
            file.write(pickle.dumps(head, protocol=self._protocol))
        file.write(structure.getbuffer())
        file.write(pickle.dumps([str(key) for key in range(len(memories))], protocol=self._protocol))
        for memory in memories:
            count = memory.size if storages.has_storage(memory.dtype) else memory.nbytes
            file.write(count.to_bytes(8, "little"))
            file.write(_bytes(memory))


def _bytes(memory: np.ndarray) -> bytes | memoryview:
    return memory.view(np.uint8).data if memory.size else b""


def _add(archive: zipfile.ZipFile, name: str, content: bytes | memoryview) -> None:
    """One record, whose content begins at a multiple of the alignment."""
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.file_size = len(content)
    large = len(content) >= _LARGE
    start = archive.fp.tell() + _LOCAL_HEADER + len(name.encode()) + _PADDING_HEADER + large * _LARGE_FIELD
    padding = -start % _ALIGNMENT
    entry.extra = b"FB" + padding.to_bytes(2, "little") + b"Z" * padding
    with archive.open(entry, "w", force_zip64=large) as target:
        target.write(content)


class _Name:
    """A global of PyTorch's, pickled by name alone."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name

    def __call__(self) -> None:  # the pickler insists that what rebuilds an object can be called
        raise TypeError(f"{self.module}.{self.name} is only a name")


class _Storage:
    """A reference to the bytes of one memory."""

    def __init__(self, name: _Name, key: int, count: int, zipped: bool) -> None:
        self.reference = ("storage", name, str(key), "cpu", count, *(() if zipped else (None,)))


class _Pickler(pickle._Pickler):
    """Python's own pickler, which spells tensors as calls of PyTorch's rebuilding functions.

    `memories` are the arrays to store, in the order of their keys.
    """

    dispatch: ClassVar = dict(pickle._Pickler.dispatch)
    zipped = True

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.memories: list[np.ndarray] = []
        self._keys: dict[tuple[int, str], int] = {}
        self._names: dict[tuple[str, str], _Name] = {}

    def _name(self, module: str, name: str) -> _Name:
        return self._names.setdefault((module, name), _Name(module, name))

    def _save_name(self, name: _Name) -> None:
        self.write(pickle.GLOBAL + f"{name.module}\n{name.name}\n".encode())
        self.memoize(name)

    dispatch[_Name] = _save_name

    def _save_dtype(self, kind: dtypes.dtype) -> None:
        self.write(pickle.GLOBAL + f"torch\n{kind.name}\n".encode())
        self.memoize(kind)

    dispatch[dtypes.dtype] = _save_dtype

    def persistent_id(self, obj: object) -> tuple | None:
        return obj.reference if isinstance(obj, _Storage) else None

    def reducer_override(self, obj: object) -> object:
        if is_lazy(obj):
            return self._name(*storages.LAZY_PARAMETER), (obj.requires_grad, None, obj.dtype)
        if isinstance(obj, Parameter):
            return self._name(*storages.REBUILD_PARAMETER), (obj.data, obj.requires_grad, OrderedDict())
        if isinstance(obj, Tensor):
            return self._reduce_tensor(obj)
        if isinstance(obj, Size):
            return self._name("torch", "Size"), (tuple(obj),)
        if isinstance(obj, device):
            return self._name("torch", "device"), (str(obj),)
        return NotImplemented

    def _reduce_tensor(self, tensor: Tensor) -> tuple:
        array, kind = tensor._array, tensor.dtype
        if tensor.is_meta:
            return self._name(*storages.REBUILD_META), (kind, tuple(array.shape), tensor.stride(), tensor.requires_grad)
        base = array if tensor._base is None else tensor._base._array
        memory, offset = _memory_of(array, base) if tensor.is_cpu else (None, 0)
        if memory is None:
            array = np.array(carried(array, "cpu"), order="K")
            memory, offset = _flat(array), 0
        steps = tuple(stride // array.itemsize for stride in array.strides)
        strides = steps if array.size else tuple(tensor.stride())  # NumPy has none for what is empty
        layout = (self._storage(memory, kind), offset, tuple(array.shape), strides, tensor.requires_grad, OrderedDict())
        if kind in storages.STORAGE_NAMES:
            return self._name(*storages.REBUILD_TENSOR), layout
        return self._name(*storages.REBUILD_UNTYPED_TENSOR), (*layout, kind)

    def _storage(self, memory: np.ndarray, kind: dtypes.dtype) -> _Storage:
        identity = (memory.ctypes.data, memory.size, kind.name)
        key = self._keys.get(identity)
        if key is None:
            key = self._keys[identity] = len(self.memories)
            self.memories.append(memory)
        if kind in storages.STORAGE_NAMES:
            return _Storage(self._name("torch", storages.STORAGE_NAMES[kind]), key, memory.size, self.zipped)
        return _Storage(self._name(*storages.UNTYPED), key, memory.nbytes, self.zipped)


def _memory_of(array: np.ndarray, owner: np.ndarray) -> tuple[np.ndarray | None, int]:
    """The flat memory that `array` looks at, and where in it; None where that is no dense block of its type.

    `owner` is the array of the tensor that it is a view of; recycled memory, which that may lie in, is of bytes.
    """
    while isinstance(owner.base, np.ndarray) and owner.base.dtype == array.dtype:
        owner = owner.base
    memory = _flat(owner)
    if (
        memory is None
        or owner.dtype != array.dtype
        or any(stride % array.itemsize or stride < 0 for stride in array.strides)
    ):
        return None, 0
    start = array.ctypes.data - owner.ctypes.data if array.size else 0
    return memory, start // array.itemsize


def _flat(array: np.ndarray) -> np.ndarray | None:
    """The memory of a dense array, whatever the order of its axes (channels last, say); None where it has gaps."""
    array = array.transpose(sorted(range(array.ndim), key=lambda axis: -array.strides[axis]))
    return array.reshape(-1) if array.flags.c_contiguous else None
