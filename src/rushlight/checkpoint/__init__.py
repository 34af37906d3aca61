"""Checkpoints: a Python structure with tensors goes into a file, and comes out of it.

`save` and `load` speak PyTorch's formats, in which state dicts travel both ways; a name that ends in `.safetensors`
means that format. Files are replaced as a whole: an interrupted `save` leaves the old one.
"""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

from rushlight.checkpoint.map_location import MapLocation, moved, restorer
from rushlight.checkpoint.safetensors_file import load_safetensors, save_safetensors
from rushlight.checkpoint.storages import CheckpointError
from rushlight.core.atomic_file import replacing
from rushlight.core.errors import message

__all__ = [
    "CheckpointError",
    "get_unsafe_globals_in_checkpoint",
    "load",
    "load_safetensors",
    "save",
    "save_safetensors",
]

_SAFETENSORS = ".safetensors"
_PROTOCOL = 2  # the one that PyTorch's restricted reader follows


def save(
    obj: Any,
    f: str | os.PathLike | BinaryIO,
    pickle_module: ModuleType = pickle,
    pickle_protocol: int = _PROTOCOL,
    _use_new_zipfile_serialization: bool = True,
) -> None:
    """Write tensors, state dicts, and structures of them into a file that `torch.load` reads too.

    `f` is a path or a writable, seekable binary file. Tensors that share memory share it in the file. Of the protocols
    of pickle, 2 to 5, PyTorch's `load` with `weights_only=True` follows 2 alone; ours follows all.
    `_use_new_zipfile_serialization=False` writes the format before PyTorch 1.6.

    Raises ValueError for another protocol, or a `pickle_module` whose Pickler is not written in Python.

    >>> import rushlight as torch, io
    >>> file = io.BytesIO()
    >>> torch.save({"weight": torch.ones(2), "epoch": 3}, file)
    >>> torch.load(file)
    {'weight': tensor([1., 1.]), 'epoch': 3}
    """
    from rushlight.checkpoint.writer import Writer

    writer = Writer(pickle_module, pickle_protocol, zipped=_use_new_zipfile_serialization)
    if not isinstance(f, (str, os.PathLike)):
        if not hasattr(f, "write"):
            raise AttributeError(
                "expected 'f' to be string, path, or a file-like object with a 'write' attribute, "
                f"got {type(f).__name__}"
            )
        return writer.write(obj, f)
    path = Path(f)
    if path.suffix == _SAFETENSORS:
        return save_safetensors(obj, path)
    with replacing(path) as file:
        writer.write(obj, file, folder=path.stem or "archive")


def load(
    f: str | os.PathLike | BinaryIO,
    map_location: MapLocation = None,
    pickle_module: ModuleType | None = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
    **pickle_load_args: Any,
) -> Any:
    """What `save`, or PyTorch's `torch.save` of any version, wrote; on the CPU unless sent elsewhere.

    Unless `weights_only=False`, nothing in the file can run code, and a file that wants to is refused; classes that you
    trust are named by `torch.serialization.add_safe_globals`. Pass False only for a file whose author you trust: it
    loads whole models, whose `torch.nn` layers become ours. Of a TorchScript archive the weights are loaded, as a dict.

    `map_location` may be a device, a dict of locations, or a function of a storage and its location. With `mmap=True`
    (a path to a zip archive) numbers are read when they are used, without comparing checksums. `encoding` is that of
    texts which Python 2 wrote.

    Raises FileNotFoundError; CheckpointError (a RuntimeError) where the file is foreign, truncated, damaged, or
    holds more than data.
    """
    from rushlight.checkpoint.reader import Request, read
    from rushlight.checkpoint.source import opened

    if weights_only is None:
        weights_only = True
    if weights_only and pickle_module is not None:
        raise RuntimeError(
            message(
                "Can not safely load weights when explicit pickle_module is specified",
                fix="weights_only=False, if you trust the file's author",
            )
        )
    is_path = isinstance(f, (str, os.PathLike))
    if mmap and not is_path:
        raise ValueError("f must be a file path in order to use the mmap argument")
    if is_path and Path(f).suffix == _SAFETENSORS:
        restorer(map_location)
        return moved(load_safetensors(f), map_location)
    request = Request(weights_only, map_location, bool(mmap), pickle_module, pickle_load_args)
    with opened(f) as source:
        return moved(read(source, request), map_location)


def get_unsafe_globals_in_checkpoint(f: str | os.PathLike | BinaryIO) -> list[str]:
    """The classes and functions that `load` with `weights_only=True` would refuse in a file, by name.

    >>> import rushlight as torch, collections, io
    >>> file = io.BytesIO()
    >>> torch.save(collections.deque([1]), file)
    >>> torch.serialization.get_unsafe_globals_in_checkpoint(file)
    ['collections.deque']
    """
    from rushlight.checkpoint.reader import unsafe_names
    from rushlight.checkpoint.source import opened

    with opened(f) as source:
        return unsafe_names(source)
