"""What the two sides of a checkpoint agree on: the names PyTorch gives to storages and rebuilding functions.

A checkpoint is a zip archive: `data.pkl` holds the structure, in which a tensor is a call of one of the functions
named here on a storage, and `data/<key>` the bytes of each storage.
"""

from __future__ import annotations

from pickle import UnpicklingError

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

# The dtypes without a storage class of their own lie in untyped bytes, and the rebuilding call names the dtype.
UNTYPED = ("torch.storage", "UntypedStorage")
REBUILD_TENSOR = ("torch._utils", "_rebuild_tensor_v2")
REBUILD_UNTYPED_TENSOR = ("torch._utils", "_rebuild_tensor_v3")
REBUILD_PARAMETER = ("torch._utils", "_rebuild_parameter")
LAZY_PARAMETER = ("torch.nn.parameter", "UninitializedParameter")


class CheckpointError(RuntimeError, UnpicklingError):
    """A file that is no checkpoint, is damaged, or asks for more than data (PyTorch raises one kind or the other)."""
