"""What the two sides of a checkpoint agree on: the names PyTorch gives to storages and rebuilding functions.

A checkpoint is a zip archive: `data.pkl` holds the structure, in which a tensor is a call of one of the functions
named here on a storage, and `data/<key>` the bytes of each storage. Before PyTorch 1.6 it was a stream of pickles with
the storages behind them (`legacy.py`).
"""

from __future__ import annotations

from pickle import UnpicklingError
from typing import NamedTuple

import numpy as np

from rushlight.core import dtypes

STORAGE_DTYPES = {
    "FloatStorage": dtypes.float32,
    "DoubleStorage": dtypes.float64,
    "HalfStorage": dtypes.float16,
    "BFloat16Storage": dtypes.bfloat16,
    "ByteStorage": dtypes.uint8,
    "CharStorage": dtypes.int8,
    "ShortStorage": dtypes.int16,
    "IntStorage": dtypes.int32,
    "LongStorage": dtypes.int64,
    "BoolStorage": dtypes.bool,
}
STORAGE_NAMES = {kind: name for name, kind in STORAGE_DTYPES.items()}
# Storages and dtypes of PyTorch's that there are none of here.
FOREIGN_STORAGES = {
    "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
    "ComplexHalfStorage": "complex32",
    "QInt8Storage": "qint8",
    "QUInt8Storage": "quint8",
    "QInt32Storage": "qint32",
    "QUInt4x2Storage": "quint4x2",
    "QUInt2x4Storage": "quint2x4",
}
_FOREIGN = """
complex32 complex64 complex128 chalf cfloat cdouble qint8 quint8 qint32 quint4x2 quint2x4
float8_e4m3fn float8_e4m3fnuz float8_e5m2 float8_e5m2fnuz float8_e8m0fnu float4_e2m1fn_x2
bits1x8 bits2x4 bits4x2 bits8 bits16 uint1 uint2 uint3 uint4 uint5 uint6 uint7 int1 int2 int3 int4 int5 int6 int7
"""
FOREIGN_DTYPES = _FOREIGN.split()

# The dtypes without a storage class of their own lie in untyped bytes, and the rebuilding call names the dtype.
UNTYPED = ("torch.storage", "UntypedStorage")
REBUILD_TENSOR = ("torch._utils", "_rebuild_tensor_v2")
REBUILD_UNTYPED_TENSOR = ("torch._utils", "_rebuild_tensor_v3")
REBUILD_META = ("torch._utils", "_rebuild_meta_tensor_no_storage")
REBUILD_PARAMETER = ("torch._utils", "_rebuild_parameter")
PARAMETER = ("torch.nn.parameter", "Parameter")
LAZY_PARAMETER = ("torch.nn.parameter", "UninitializedParameter")

# The stream before 1.6 begins with these two numbers.
MAGIC = 0x1950A86A20F9469CFC6C
STREAM_VERSION = 1001


def has_storage(kind: np.dtype) -> bool:
    """Whether PyTorch has a storage class for these numbers; otherwise they lie in untyped bytes."""
    return any(kind.name == one.name for one in STORAGE_NAMES)


class CheckpointError(RuntimeError, UnpicklingError):
    """A file that is no checkpoint, is damaged, or asks for more than data (PyTorch raises one kind or the other)."""


class Damaged(CheckpointError):
    """The file's own frame is broken, whatever it holds."""


class Unsupported(NamedTuple):
    """Stands for a tensor of a kind that there is none of here, until its name in the structure is known."""

    what: str  # "dtype", "layout"
    name: str


def shown(thing: object) -> str:
    """A few characters of something out of a file, whose `repr` may have no end."""
    if isinstance(thing, (str, bytes)):
        return repr(thing[:40])
    if thing is None or isinstance(thing, (bool, float)) or (isinstance(thing, int) and abs(thing) < 2**64):
        return repr(thing)
    if isinstance(thing, tuple):
        return f"({', '.join(shown(item) if not isinstance(item, tuple) else '(…)' for item in thing[:8])})"
    return type(thing).__name__
