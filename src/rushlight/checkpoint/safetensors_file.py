"""Safetensors: named tensors and nothing else. A dict of tensors comes in and a file goes out, or the other way round.

A file is the length of its header (8 bytes, lowest first), the header (JSON: for each name a dtype, a shape, and where
its bytes begin and end), and the bytes of the tensors, one behind the other, without a gap.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from rushlight.checkpoint.source import Source, fill, opened
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
_LONGEST_HEADER = 100_000_000  # bytes, by the format
_METADATA = "__metadata__"
_AXES = 64
_SHOWN = 80  # characters of a name


def save_safetensors(
    tensors: Mapping[str, Tensor], path: str | os.PathLike, metadata: Mapping[str, str] | None = None
) -> None:
    """Write named tensors, each on its own: shared memory is written twice, as the format has it.

    `metadata` are texts that travel along. The package `safetensors` is not needed.

    Raises TypeError for anything that is no tensor or has no name, CheckpointError for the name `__metadata__`.

    >>> import rushlight as torch, tempfile, os
    >>> from rushlight.checkpoint import load_safetensors, save_safetensors
    >>> path = os.path.join(tempfile.mkdtemp(), "weights.safetensors")
    >>> save_safetensors({"w": torch.ones(2)}, path)
    >>> load_safetensors(path)
    {'w': tensor([1., 1.])}
    """
    if _METADATA in tensors:
        raise CheckpointError(
            message(f"{os.fspath(path)}: {_METADATA} is no name for a tensor: the format keeps texts there")
        )
    for name, tensor in tensors.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            raise TypeError(
                message(
                    f"safetensors holds named tensors only, but {name!r} is of type {type(tensor).__name__}",
                    fix="a flat dict such as model.state_dict(), or torch.save(…) for other structures",
                )
            )
    names = sorted(tensors, key=lambda name: -tensors[name].dtype.itemsize)  # wide types first: all stay aligned
    header = _header({name: tensors[name] for name in names}, metadata)
    with replacing(path) as file:
        file.write(len(header).to_bytes(_LENGTH_BYTES, "little") + header)
        for name in names:
            file.write(np.ascontiguousarray(tensors[name]._array).reshape(-1).view(np.uint8).data)


def _header(tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None) -> bytes:
    entries: dict[str, dict] = {_METADATA: dict(metadata)} if metadata else {}
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
    with opened(path) as source:
        try:
            entries, start = _read_header(source)
            _check_cover(entries, source.size - start)
            return {name: _tensor(name, entry, source, start) for name, entry in entries.items()}
        except CheckpointError as problem:
            raise CheckpointError(
                message(
                    f"{source.name}: {problem}",
                    f"the file has {source.size} bytes",
                    fix="copy or download it again" if "not supported" not in str(problem) else None,
                )
            ) from None


def _read_header(source: Source) -> tuple[dict[str, _Entry], int]:
    """What the file says of its tensors, and where their bytes begin."""
    length = int.from_bytes(source.read(0, _LENGTH_BYTES), "little")
    if source.size < _LENGTH_BYTES or length > source.size - _LENGTH_BYTES:
        raise CheckpointError("truncated, or no safetensors file: its header is longer than the file")
    if length > _LONGEST_HEADER:
        raise CheckpointError(f"no safetensors file: a header of {length} bytes")
    try:
        header = json.loads(source.read(_LENGTH_BYTES, length).decode(), object_pairs_hook=_once)
    except (ValueError, RecursionError) as problem:
        raise CheckpointError(f"its header is damaged ({str(problem)[:200]})") from None
    if not isinstance(header, dict):
        raise CheckpointError(f"its header is damaged: it is a {type(header).__name__}, expected names of tensors")
    _check_metadata(header.pop(_METADATA, {}))
    return {name: _entry(name, entry) for name, entry in header.items()}, _LENGTH_BYTES + length


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands there twice")
    return found


def _check_metadata(metadata: object) -> None:
    if not isinstance(metadata, dict) or not all(isinstance(text, str) for text in metadata.values()):
        raise CheckpointError(f"its header is damaged: {_METADATA} is no dict of texts, nor the name of a tensor")


class _Entry(NamedTuple):
    """What the header says of a tensor."""

    kind: dtypes.dtype
    shape: tuple[int, ...]
    start: int
    end: int


def _entry(name: str, entry: object) -> _Entry:
    shown = repr(name[:_SHOWN])
    if not isinstance(entry, dict) or not {"dtype", "shape", "data_offsets"} <= entry.keys():
        raise CheckpointError(f"its header is damaged: the tensor {shown} has no dtype, shape and data_offsets")
    code, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if type(code) is not str:
        raise CheckpointError(f"its header is damaged: the dtype of the tensor {shown}")
    if code not in _CODES:
        raise CheckpointError(f"dtype not supported: {shown} is {code[:_SHOWN]}")
    if not _are_lengths(shape) or len(shape) > _AXES:
        raise CheckpointError(f"its header is damaged: the shape of the tensor {shown}")
    if not _are_lengths(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise CheckpointError(f"its header is damaged: the data_offsets of the tensor {shown}")
    kind = _CODES[code]
    if math.prod(shape) * kind.itemsize != offsets[1] - offsets[0]:
        raise CheckpointError(f"damaged: the tensor {shown} of shape {shape} has {offsets[1] - offsets[0]} bytes")
    return _Entry(kind, tuple(shape), *offsets)


def _are_lengths(numbers: object) -> bool:
    return isinstance(numbers, list) and all(type(number) is int and 0 <= number < 2**63 for number in numbers)


def _check_cover(entries: dict[str, _Entry], size: int) -> None:
    """The tensors must lie one behind the other and fill the rest of the file."""
    position = 0
    for start, end in sorted((entry.start, entry.end) for entry in entries.values()):
        if start != position:
            raise CheckpointError(f"damaged: a tensor begins at byte {start}, expected {position}")
        position = end
    if position != size:
        state = "truncated" if size < position else "trailing bytes"
        raise CheckpointError(f"{state}: its tensors take {position} bytes, {size} are there")


def _tensor(name: str, entry: _Entry, source: Source, start: int) -> Tensor:
    array = np.empty(math.prod(entry.shape), entry.kind.numpy)
    fill(source, start + entry.start, array)
    try:
        return wrap(array.reshape(entry.shape))
    except ValueError:  # no elements, and more than memory has along another axis
        raise CheckpointError(f"damaged: the tensor {name[:_SHOWN]!r} of shape {entry.shape}") from None
