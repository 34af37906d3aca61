"""Checkpoints: a Python structure with tensors goes into a file, and comes out of it.

`save` and `load` speak PyTorch's format, in which state dicts travel both ways; a name that ends in `.safetensors`
means that format. Files are replaced as a whole: an interrupted `save` leaves the old one.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, BinaryIO

from rushlight.checkpoint.safetensors_file import load_safetensors, save_safetensors
from rushlight.checkpoint.storages import CheckpointError
from rushlight.tensor.size import check_device, device

__all__ = ["CheckpointError", "load", "load_safetensors", "save", "save_safetensors"]

_SAFETENSORS = ".safetensors"


def save(obj: Any, f: str | os.PathLike | BinaryIO) -> None:
    """Write tensors, state dicts, and structures of them into a file that `torch.load` reads too.

    `f` is a path or a writable, seekable binary file. Tensors that share memory share it in the file.

    >>> import rushlight as torch, io
    >>> file = io.BytesIO()
    >>> torch.save({"weight": torch.ones(2), "epoch": 3}, file)
    >>> torch.load(file)
    {'weight': tensor([1., 1.]), 'epoch': 3}
    """
    from rushlight.checkpoint.writer import write
    from rushlight.core.atomic_file import replacing

    if not isinstance(f, (str, os.PathLike)):
        return write(obj, f)
    path = Path(f)
    if path.suffix == _SAFETENSORS:
        return save_safetensors(obj, path)
    with replacing(path) as file:
        write(obj, file, folder=path.stem or "archive")


def load(
    f: str | os.PathLike | BinaryIO, map_location: str | device | None = None, *, weights_only: bool = True
) -> Any:
    """What `save`, or PyTorch's `torch.save`, wrote: every tensor is then on the CPU.

    With `weights_only=True` nothing in the file can run code, and a file that wants to is refused. Pass False only
    for a file whose author you trust.

    Raises FileNotFoundError; CheckpointError (a RuntimeError) where the file is foreign, truncated, damaged, or
    holds more than data.
    """
    from rushlight.checkpoint.reader import read

    check_device(map_location)
    if not isinstance(f, (str, os.PathLike)):
        f.seek(0)
        return read(f, getattr(f, "name", "the file"), weights_only)
    if Path(f).suffix == _SAFETENSORS:
        return load_safetensors(f)
    with open(f, "rb") as file:
        return read(file, os.fspath(f), weights_only)
