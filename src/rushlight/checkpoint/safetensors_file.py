"""Safetensors: named tensors and nothing else. A dict of tensors comes in and a file goes out, or the other way round.

A file is the length of its header (8 bytes, lowest first), the header (JSON: for each name a dtype, a shape, and where
its bytes begin and end), and the bytes of the tensors, one behind the other, without a gap.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from typing import BinaryIO

import numpy as np

from rushlight.checkpoint.storages import CheckpointError
from rushlight.core import dtypes
from rushlight.core.atomic_file import replacing
from rushlight.core.errors import message
from rushlight.tensor import Tensor, wrap

# What the format calls a type.
_CODES = {
    "F64": dtypes.float64,
    "F32": dtypes.float32,
    "F16": dtypes.float16,
    "BF16": dtypes.bfloat16,
    "I64": dtypes.int64,
    "I32": dtypes.int32,
    "I16": dtypes.int16,
    "I8": dtypes.int8,
    "U64": dtypes.uint64,
    "U32": dtypes.uint32,
    "U16": dtypes.uint16,
    "U8": dtypes.uint8,
    "BOOL": dtypes.bool,
}
_NAMES = {kind: code for code, kind in _CODES.items()}
_LENGTH_BYTES = 8


def save_safetensors(
    tensors: Mapping[str, Tensor], path: str | os.PathLike, metadata: Mapping[str, str] | None = None
) -> None:
    """Write named tensors, each on its own: shared memory is written twice, as the format has it.

    `metadata` are texts that travel along. The package `safetensors` is not needed.

    Raises TypeError for anything that is no tensor or has no name.

    >>> import rushlight as torch, tempfile, os
    >>> from rushlight.checkpoint import load_safetensors, save_safetensors
    >>> path = os.path.join(tempfile.mkdtemp(), "weights.safetensors")
    >>> save_safetensors({"w": torch.ones(2)}, path)
    >>> load_safetensors(path)
    {'w': tensor([1., 1.])}
    """
    for name, tensor in tensors.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            raise TypeError(
                message(
                    f"safetensors holds named tensors only, but {name!r} is of type {type(tensor).__name__}",
                    mend="a flat dict such as model.state_dict(), or torch.save(…) for other structures",
                )
            )
    names = sorted(tensors, key=lambda name: -tensors[name].dtype.itemsize)  # wide types first: all stay aligned
    header = _header({name: tensors[name] for name in names}, metadata)
    with replacing(path) as file:
        file.write(len(header).to_bytes(_LENGTH_BYTES, "little") + header)
        for name in names:
            file.write(np.ascontiguousarray(tensors[name]._array).reshape(-1).view(np.uint8).data)


def _header(tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None) -> bytes:
    entries: dict[str, dict] = {"__metadata__": dict(metadata)} if metadata else {}
    start = 0
    for name, tensor in tensors.items():
        end = start + tensor.nbytes
        entries[name] = {"dtype": _NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [start, end]}
        start = end
    text = json.dumps(entries, separators=(",", ":"), ensure_ascii=False).encode()
    return text + b" " * (-len(text) % _LENGTH_BYTES)


def load_safetensors(path: str | os.PathLike) -> dict[str, Tensor]:
    """The named tensors of a file.

    Raises FileNotFoundError, or CheckpointError where the file is truncated, damaged or no safetensors file.
    """
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        try:
            entries = _read_header(file, size)
            data = np.fromfile(file, dtype=np.uint8)
            _check_cover(entries, len(data))
            return {name: _tensor(name, entry, data) for name, entry in entries.items()}
        except (CheckpointError, ValueError, TypeError, KeyError) as problem:
            reason = problem if isinstance(problem, CheckpointError) else f"its header is damaged ({problem!r})"
            raise CheckpointError(
                message(f"{path}: {reason}", f"the file has {size} bytes", mend="copy or download it again")
            ) from None


def _read_header(file: BinaryIO, size: int) -> dict[str, dict]:
    length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
    if size < _LENGTH_BYTES or length > size - _LENGTH_BYTES:
        raise CheckpointError("truncated, or no safetensors file: its header is longer than the file")
    entries = json.loads(file.read(length))
    entries.pop("__metadata__", None)
    return entries


def _check_cover(entries: dict[str, dict], size: int) -> None:
    """The tensors must lie one behind the other and fill the rest of the file."""
    position = 0
    for start, end in sorted(entry["data_offsets"] for entry in entries.values()):
        if start != position or end < start:
            raise CheckpointError(f"damaged: a tensor begins at byte {start}, expected {position}")
        position = end
    if position != size:
        state = "truncated" if size < position else "trailing bytes"
        raise CheckpointError(f"{state}: its tensors take {position} bytes, {size} are there")


def _tensor(name: str, entry: dict, data: np.ndarray) -> Tensor:
    shape, (start, end) = tuple(entry["shape"]), entry["data_offsets"]
    kind = _CODES.get(entry["dtype"])
    if kind is None:
        raise CheckpointError(f"the tensor {name!r} is of type {entry['dtype']}, which Rushlight does not have")
    if not all(type(length) is int and length >= 0 for length in shape):
        raise CheckpointError(f"damaged: the tensor {name!r} has the shape {shape}")
    if math.prod(shape) * kind.itemsize != end - start:
        raise CheckpointError(f"damaged: the tensor {name!r} of shape {shape} has {end - start} bytes")
    return wrap(data[start:end].copy().view(kind.numpy).reshape(shape))
