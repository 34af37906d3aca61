"""What a file's structure is made of: the calls that it makes by PyTorch's names, and what each makes here.

Nothing here runs code of the file, and nothing takes more memory than the file has. Tensors of kinds that there are
none of here become `Unsupported`, so that the error can say which they are.
"""

from __future__ import annotations

import codecs
import collections
from collections.abc import Callable
from typing import Any

import numpy as np

from rushlight.backends.devices import find
from rushlight.checkpoint import storages
from rushlight.checkpoint.storages import CheckpointError, Unsupported, shown
from rushlight.core import dtypes
from rushlight.nn.parameter import Buffer, Parameter, UninitializedBuffer, UninitializedParameter
from rushlight.tensor import Tensor, wrap
from rushlight.tensor.size import CPU, Size, device


def rebuild_tensor(
    storage: np.ndarray | Unsupported,
    offset: int,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    requires_grad: bool = False,
    hooks: object = None,
    metadata: object = None,
) -> Tensor | Unsupported:
    """A tensor that looks at a part of a storage; several may look at the same."""
    if isinstance(storage, Unsupported):
        return storage
    if not isinstance(storage, np.ndarray):
        raise CheckpointError(f"damaged: a tensor in the storage {shown(storage)}")
    if isinstance(shape, int):  # as the first versions wrote a single axis
        shape, strides = (shape,), (strides,)
    numbers = (offset, *shape, *strides)
    if len(shape) != len(strides) or not all(type(number) is int and number >= 0 for number in numbers):
        raise CheckpointError(f"damaged: a tensor of shape {shown(shape)} with strides {shown(strides)}")
    step = storage.itemsize
    end = offset + sum((size - 1) * stride for size, stride in zip(shape, strides)) + 1
    if 0 not in shape and end > storage.size:
        raise CheckpointError(
            f"damaged: a tensor of shape {shown(shape)} reaches beyond its storage of {storage.size} elements"
        )
    memory, start = storage.view(np.uint8), min(offset, storage.size) * step
    array = np.ndarray(shape, storage.dtype, memory, start, tuple(stride * step for stride in strides))
    return wrap(array).requires_grad_(bool(requires_grad))


def _rebuild_untyped_tensor(
    storage: np.ndarray | Unsupported,
    offset: int,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    requires_grad: bool,
    hooks: object,
    kind: dtypes.dtype | Unsupported,
    metadata: object = None,
) -> Tensor | Unsupported:
    if isinstance(kind, Unsupported):
        return kind
    if not isinstance(kind, dtypes.dtype) or not isinstance(storage, np.ndarray) or storage.size % kind.itemsize:
        raise CheckpointError(f"damaged: {shown(storage)} holds a tensor of dtype {shown(kind)}")
    return rebuild_tensor(storage.view(kind.numpy), offset, shape, strides, requires_grad)


def _rebuild_meta(
    kind: dtypes.dtype | Unsupported, shape: tuple[int, ...], strides: tuple[int, ...], requires_grad: bool = False
) -> Tensor | Unsupported:
    """A tensor of a shape alone."""
    if isinstance(kind, Unsupported):
        return kind
    numbers = (*shape, *strides) if isinstance(shape, tuple) and isinstance(strides, tuple) else (-1,)
    if (
        not isinstance(kind, dtypes.dtype)
        or len(shape) != len(strides)
        or not all(type(number) is int and 0 <= number < 2**63 for number in numbers)
    ):
        raise CheckpointError(f"damaged: a meta tensor of shape {shown(shape)} with strides {shown(strides)}")
    steps = tuple([stride * kind.itemsize for stride in strides])
    return wrap(find("meta").empty(tuple(shape), kind.numpy, steps)).requires_grad_(bool(requires_grad))


def _rebuild_parameter(data: Tensor, requires_grad: bool = True, hooks: object = None, state: object = None) -> Any:
    if isinstance(data, Unsupported):
        return data
    result = Parameter(data, requires_grad=bool(requires_grad))
    _set_attributes(result, state)
    return result


def _rebuild_from_type(function: Callable, kind: object, arguments: tuple, state: object) -> Any:
    """A tensor with attributes of the user's."""
    if not callable(function) or function not in _TENSORS:
        raise CheckpointError(f"damaged: a tensor made by {shown(function)}")
    result = function(*arguments)
    if isinstance(result, Tensor):
        if kind is Parameter and not isinstance(result, Parameter):
            result = Parameter(result, result.requires_grad)
        _set_attributes(result, state)
    return result


def _set_attributes(tensor: Tensor, state: object) -> None:
    if isinstance(state, tuple) and len(state) == 2:
        state = state[0]  # what lies in slots is ours
    if isinstance(state, dict):
        for name, value in state.items():
            if type(name) is str and not name.startswith("_") and not hasattr(Tensor, name):
                setattr(tensor, name, value)


class LoadedParameter:
    """`Parameter` as old files make it: a class called with its data, which then gets its state."""

    def __new__(cls, data: Any = None, requires_grad: bool = True) -> Any:
        return _rebuild_parameter(data, requires_grad)


def _unsupported(what: str, name: str) -> Callable[..., Unsupported]:
    """A function that makes a tensor of which there are none here."""

    def rebuild(*arguments: object, **keywords: object) -> Unsupported:
        return Unsupported(what, name)

    return rebuild


def _rebuild_sparse(layout: object, data: object) -> Unsupported:
    return layout if isinstance(layout, Unsupported) else Unsupported("layout", "sparse")


def _rebuild_quantised(storage: object, *rest: object) -> Unsupported:
    return storage if isinstance(storage, Unsupported) else Unsupported("dtype", "quantised")


def _layout(name: str) -> Unsupported | str:
    short = name.removeprefix("torch.")
    return short if short == "strided" else Unsupported("layout", short[:40])


def _encode(text: str, encoding: str) -> bytes:
    """How the pickle protocol of checkpoints spells bytes."""
    if encoding not in ("latin1", "latin-1"):
        raise CheckpointError(f"damaged: bytes in the encoding {shown(encoding)}")
    return codecs.encode(text, encoding)


def _bytearray(content: bytes | str = b"", encoding: str = "latin-1") -> bytearray:
    """`bytearray`, without its way of allocating any size."""
    return bytearray(_encode(content, encoding) if isinstance(content, str) else bytes(memoryview(content)))


def _no_bytes() -> bytes:
    """How the pickle protocol of checkpoints spells b""."""
    return b""


def _size(numbers: tuple[int, ...] = ()) -> Size:
    if not all(type(number) is int for number in numbers):
        raise CheckpointError("damaged: a size that is not of integers")
    return Size(numbers)


def _device(kind: str = "cpu", index: int | None = None) -> device:
    """Every device is the CPU."""
    return device("cpu", index if type(index) is int else None) if kind == "cpu" else CPU


def _uninitialised(cls: type) -> Callable:
    def rebuild(requires_grad: bool = True, device: object = None, dtype: dtypes.dtype | None = None) -> Any:
        if isinstance(dtype, Unsupported):
            return dtype
        return cls(requires_grad=bool(requires_grad), dtype=dtype)

    return rebuild


def _identity(thing: Any, *rest: object) -> Any:
    return thing


_TENSORS = {
    storages.REBUILD_TENSOR: rebuild_tensor,
    ("torch._utils", "_rebuild_tensor"): rebuild_tensor,
    storages.REBUILD_UNTYPED_TENSOR: _rebuild_untyped_tensor,
    storages.REBUILD_META: _rebuild_meta,
    storages.REBUILD_PARAMETER: _rebuild_parameter,
    ("torch._utils", "_rebuild_parameter_with_state"): _rebuild_parameter,
    ("torch._utils", "_rebuild_sparse_tensor"): _rebuild_sparse,
    ("torch._utils", "_rebuild_qtensor"): _rebuild_quantised,
    ("torch._utils", "_rebuild_nested_tensor"): _unsupported("layout", "nested"),
    ("torch._utils", "_rebuild_wrapper_subclass"): _unsupported("layout", "that of a subclass of Tensor"),
}
_BUILTINS = {
    "set": set,
    "frozenset": frozenset,
    "complex": complex,
    "slice": slice,
    "bytearray": _bytearray,
    "bytes": _no_bytes,
}
# `__builtin__` is what the protocol that checkpoints use calls `builtins`.
DATA: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("collections", "Counter"): collections.Counter,
    ("_codecs", "encode"): _encode,
    **_TENSORS,
    ("torch._tensor", "_rebuild_from_type_v2"): _rebuild_from_type,
    ("torch.serialization", "_get_layout"): _layout,
    storages.PARAMETER: LoadedParameter,
    ("torch.nn.parameter", "Buffer"): Buffer,
    ("torch", "Tensor"): Tensor,
    storages.LAZY_PARAMETER: _uninitialised(UninitializedParameter),
    ("torch.nn.parameter", "UninitializedBuffer"): _uninitialised(UninitializedBuffer),
    storages.UNTYPED: dtypes.uint8,
    ("torch", "Size"): _size,
    ("torch", "device"): _device,
    **{("torch", name): kind for name, kind in storages.STORAGE_DTYPES.items()},
    # The classes of tensors before 0.4, which the first format names beside each tensor.
    **{("torch", name.replace("Storage", "Tensor")): kind for name, kind in storages.STORAGE_DTYPES.items()},
    **{("torch", name): Unsupported("dtype", kind) for name, kind in storages.FOREIGN_STORAGES.items()},
    **{("torch", name): Unsupported("dtype", name) for name in storages.FOREIGN_DTYPES},
    **{
        ("torch", name): name
        for name in (
            "per_tensor_affine",
            "per_tensor_symmetric",
            "per_channel_affine",
            "per_channel_symmetric",
            "per_channel_affine_float_qparams",
        )
    },
    **{("torch", kind.name): kind for kind in dtypes.ALL},
    **{(module, name): made for module in ("__builtin__", "builtins") for name, made in _BUILTINS.items()},
}
# What TorchScript's archives name besides.
SCRIPT: dict[tuple[str, str], Any] = {
    **{("torch.jit._pickle", f"build_{kind}list"): list for kind in ("int", "double", "bool", "tensor")},
    ("torch.jit._pickle", "restore_type_tag"): _identity,
}
_TENSORS = frozenset(_TENSORS.values())
