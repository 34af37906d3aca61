"""New tensors: from values, filled with a number, ranges.

In: values or a shape. Out: a leaf tensor. Sizes are checked as Python integers before anything is allocated.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Sequence
from typing import TypedDict, Unpack

import numpy as np

from rushlight.core import dtypes
from rushlight.core.errors import message
from rushlight.runtime.allocation import MOST_AXES, allocate, empty_like_array, too_many_axes
from rushlight.tensor.core import Tensor, alias, is_in_order, memory, wrap
from rushlight.tensor.interchange import check_kind, check_strides, from_numpy
from rushlight.tensor.keywords import either
from rushlight.tensor.layout import MemoryFormat, empty_in_format, preserve_format
from rushlight.tensor.numerics import quiet
from rushlight.tensor.operands import is_number, number_in_dtype
from rushlight.tensor.size import CPU, backend_of, check_device, default_devices, device, device_of_new

Device = str | device | None


class Options(TypedDict, total=False):
    """What functions that make tensors take by keyword, beside what they are about."""

    layout: object
    device: Device
    requires_grad: bool
    pin_memory: bool


class OptionsLike(Options, total=False):
    """And those that make them in the likeness of another."""

    dtype: dtypes.dtype | None
    memory_format: MemoryFormat | None


# -- arguments


def shape_of(name: str, size: tuple, named: object = None, argument: str = "size") -> tuple[int, ...]:
    """A shape from `f(2, 3)`, `f((2, 3))`, `f([2, 3])` or `f(size=(2, 3))`, whose size is `named`.

    TypeError for what is no integer, RuntimeError for < 0.
    """
    if named is not None or not size:
        size = either(name, argument, size, named)
    if len(size) == 1 and not isinstance(size[0], (int, np.integer)):
        if isinstance(size[0], (tuple, list)):
            size = size[0]
        elif isinstance(size[0], Tensor) and size[0]._array.ndim > 0:
            size = size[0].tolist()
    try:
        shape = tuple([operator.index(n) for n in size])
    except TypeError:
        wrong = next(n for n in size if not hasattr(n, "__index__"))
        raise TypeError(
            message(
                f"{name}(): argument 'size' must be tuple of ints, but found element of type {type(wrong).__name__}",
                fix="integers, as in (2, 3)",
            )
        ) from None
    if len(shape) > MOST_AXES:
        raise too_many_axes(len(shape))
    for n in shape:
        if n < 0:
            raise RuntimeError(
                "zeros: Dimension size must be non-negative."  # PyTorch has a sentence of its own for zeros
                if name == "zeros"
                else message(
                    f"Trying to create tensor with negative dimension {n}: {list(shape)}",
                    f"{name}: axis {shape.index(n)} has size {n}",
                )
            )
    return shape


def dtype_or_default(dtype: dtypes.dtype | type | None) -> dtypes.dtype:
    """`dtype`, or the default floating dtype for None; TypeError for anything else.

    Python's float, int and bool mean float64, int64 and bool, as in PyTorch.
    """
    if dtype is None:
        return dtypes.get_default_dtype()
    if isinstance(dtype, type) and (kind := dtypes.of_python(dtype)):
        return kind
    if not isinstance(dtype, dtypes.dtype):
        raise TypeError(
            message(
                f"argument 'dtype' must be torch.dtype, not {type(dtype).__name__}", fix="torch.float32 and its like"
            )
        )
    return dtype


def _leaf(array: np.ndarray, device: Device, requires_grad: bool, pin_memory: bool = False) -> Tensor:
    if device is not CPU and (device := device_of_new(device)) is not None:
        backend = backend_of(device)
        if backend is not None and type(array) is np.ndarray:
            array = backend.from_host(array)
    if pin_memory:
        raise RuntimeError(
            message(
                "pin_memory=True requires a CUDA or other accelerator backend; no pinned memory allocator is available "
                "on this system.",
                fix="leave pin_memory out",
            )
        )
    result = wrap(array)
    if requires_grad and result.dtype.category != dtypes.FLOATING:
        raise RuntimeError(
            message("Only Tensors of floating point and complex dtype can require gradients", f"not {result.dtype}")
        )
    return result.requires_grad_() if requires_grad else result


# -- from values


def tensor(
    data: object,
    *,
    dtype: dtypes.dtype | None = None,
    device: Device = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor that copies `data`: a number, nested lists, a NumPy array, or a tensor.

    Python floats give the default dtype, ints int64, bools bool; arrays keep their dtype.
    ValueError for ragged lists, TypeError for values that are no numbers.

    >>> import rushlight as torch
    >>> torch.tensor([[1, 2], [3, 4]]), torch.tensor(2.5).dtype
    (tensor([[1, 2],
            [3, 4]]), torch.float32)
    """
    if dtype is not None:
        dtype = dtype_or_default(dtype)
    return _leaf(_array_of(data, dtype, copy=True), device, requires_grad, pin_memory)


def as_tensor(data: object, dtype: dtypes.dtype | None = None, device: Device = None) -> Tensor:
    """`data` as a tensor, sharing memory with tensors and arrays of that dtype."""
    given = device_of_new(device)
    if given is not None:
        return _on_host(data, dtype).to(given)
    return _on_host(data, dtype)


def _on_host(data: object, dtype: dtypes.dtype | None) -> Tensor:
    """A tensor as it is, and anything else as a tensor of the CPU."""
    dtype = None if dtype is None else dtype_or_default(dtype)
    if isinstance(data, Tensor):
        return data if dtype is None else data.to(dtype)
    if isinstance(data, np.ndarray) and (dtype is None or dtypes.of_numpy(data.dtype) is dtype):
        return from_numpy(data)
    return wrap(_array_of(data, dtype, copy=False))


def asarray(
    obj: object,
    *,
    dtype: dtypes.dtype | None = None,
    device: Device = None,
    copy: bool | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """`obj` as a tensor: sharing its memory where it can, a copy for `copy=True`; ValueError for False where it must.

    >>> import rushlight as torch
    >>> torch.asarray([1, 2], dtype=torch.float32)
    tensor([1., 2.])
    """
    result = as_tensor(obj, dtype, device)
    source = obj._array if isinstance(obj, Tensor) else obj
    shared = isinstance(source, np.ndarray) and np.may_share_memory(result._array, source)
    if copy is False and not shared:
        raise ValueError("can't alias arbitrary sequence into a tensor: the data must be copied")
    if shared and copy:
        result = result.clone()
    return result.detach().requires_grad_() if requires_grad else result


def _array_of(data: object, dtype: dtypes.dtype | None, copy: bool) -> np.ndarray:
    if isinstance(data, Tensor):
        return quiet(np.array, data._array, dtype=None if dtype is None else dtype.numpy, order="C")
    if isinstance(data, (np.ndarray, np.generic)):
        return _from_array(np.asarray(data), dtype)
    if is_number(data):
        kind = dtype or dtypes.of_scalar(data)
        return _pack([data], kind).reshape(())
    return _from_sequence(data, dtype)


def _from_array(array: np.ndarray, dtype: dtypes.dtype | None) -> np.ndarray:
    kind = check_kind(array, foreign_order=True)
    check_strides(array)
    target = (dtype or kind).numpy
    return quiet(np.array, array, dtype=target, order="C", copy=True)


def _from_sequence(data: object, dtype: dtypes.dtype | None) -> np.ndarray:
    if not isinstance(data, Sequence) or isinstance(data, (str, bytes)):
        if not hasattr(data, "__array__"):
            if isinstance(data, (str, bytes)):
                raise TypeError(f"new(): invalid data type '{type(data).__name__}'")
            raise RuntimeError(f"Could not infer dtype of {type(data).__name__}")
        return _from_array(np.asarray(data), dtype)
    shape = _nested_shape(data)
    values = _Values(shape, dtype)
    values.take(data, 0)
    return _pack(values.leaves, dtype or values.kind()).reshape(shape)


def _pack(leaves: list, kind: dtypes.dtype) -> np.ndarray:
    """Python numbers as a flat array; RuntimeError or ValueError where one does not fit the dtype."""
    if kind in dtypes.HALVES:
        return quiet(quiet(np.asarray(leaves, np.float64).astype, np.float32).astype, kind.numpy)
    try:
        if kind.category == dtypes.INTEGER and any(isinstance(v, float) for v in leaves):
            leaves = [int(v) for v in leaves]
        if kind.category == dtypes.INTEGER and not kind.is_signed:
            last = np.iinfo(kind.numpy).max
            leaves = [v + last + 1 if -last <= v < 0 else v for v in leaves]  # −1 is the last, as in C
        return quiet(np.array, leaves, kind.numpy) if leaves else np.empty(0, kind.numpy)
    except (OverflowError, ValueError):  # ValueError: NaN as an integer
        if any(isinstance(value, int) and not -(2**63) <= value < 2**63 for value in leaves):
            raise ValueError("Overflow when unpacking long long: a value needs more than 64 bits") from None
        raise RuntimeError(f"value cannot be converted to type {kind.name} without overflow") from None


def _is_sequence(data: object) -> bool:
    """Whether `data` is a level of nesting; a tensor is a number, of one element."""
    return isinstance(data, (Sequence, np.ndarray)) and not isinstance(data, (str, bytes))


def _nested_shape(data: object) -> tuple[int, ...]:
    shape: list[int] = []
    while _is_sequence(data):
        if isinstance(data, np.ndarray):
            return (*shape, *data.shape) if data.ndim else (*shape, len(data))  # TypeError: it has no length
        shape.append(len(data))
        if not data:
            break
        data = data[0]
        if len(shape) > MOST_AXES:
            raise ValueError(f"too many dimensions: the sequences are nested more than {MOST_AXES} deep")
    if shape and isinstance(data, str):
        raise ValueError(f"too many dimensions '{type(data).__name__}'")
    return tuple(shape)


class _Values:
    """What nested sequences hold, in order, as Python numbers, and the dtypes they have."""

    def __init__(self, shape: tuple[int, ...], dtype: dtypes.dtype | None) -> None:
        self.shape = shape
        self.dtype = dtype
        self.leaves: list = []
        self.kinds: set[dtypes.dtype] = set()

    def kind(self) -> dtypes.dtype:
        """The dtype that holds all of them."""
        return functools.reduce(dtypes.promote_types, self.kinds or (dtypes.get_default_dtype(),))

    def take(self, data: object, depth: int) -> None:
        """Take in what lies `depth` levels inside; TypeError or ValueError where it has another shape."""
        if depth == len(self.shape):
            self.leaves.append(self.number(data))
            return
        data = data._array if isinstance(data, Tensor) and data._array.ndim else data
        if not _is_sequence(data):
            raise TypeError(f"not a sequence: expected one of length {self.shape[depth]} at dim {depth}, got a number")
        if len(data) != self.shape[depth]:
            raise ValueError(f"expected sequence of length {self.shape[depth]} at dim {depth} (got {len(data)})")
        if isinstance(data, np.ndarray) and data.shape == self.shape[depth:]:
            self.take_array(data)
        elif depth == len(self.shape) - 1 and data and all(type(v) is float for v in data):
            self.kinds.add(dtypes.get_default_dtype())
            self.leaves.extend(data)
        else:
            for item in data:
                self.take(item, depth + 1)

    def take_array(self, array: np.ndarray) -> None:
        """Take in an array, whose dtype counts, not that of its numbers."""
        kind = check_kind(array, foreign_order=True)
        self.kinds.add(kind)
        self.leaves.extend((array.astype(np.float32) if kind in dtypes.HALVES else array).reshape(-1).tolist())

    def number(self, value: object) -> float | int | bool:
        """A value as a number of Python; its dtype is noted."""
        if isinstance(value, Tensor):
            return self.element(value)
        if isinstance(value, np.ndarray) and value.ndim:
            raise TypeError("only 0-dimensional arrays can be converted to Python scalars: the lists are ragged")
        if isinstance(value, (np.ndarray, np.generic)):
            self.take_array(np.asarray(value))
            return self.leaves.pop()
        if isinstance(value, (int, float)):
            self.kinds.add(dtypes.of_scalar(value))
            return value
        if isinstance(value, (str, bytes)):
            raise TypeError(f"new(): invalid data type '{type(value).__name__}'")
        if _is_sequence(value):
            kind = type(value).__name__
            raise TypeError(f"'{kind}' object cannot be interpreted as an integer: the lists are ragged")
        raise RuntimeError(f"Could not infer dtype of {type(value).__name__}")

    def element(self, tensor: Tensor) -> float | int | bool:
        """The number that a tensor of one element is."""
        if tensor._array.size != 1:
            raise ValueError(_NO_NUMBER)
        if self.dtype is not None and self.dtype.category == dtypes.INTEGER and tensor.dtype.is_floating_point:
            raise TypeError("only integer tensors of a single element can be converted to an index")
        self.kinds.add(tensor.dtype)
        return tensor.item()


_NO_NUMBER = message(
    "only one element tensors can be converted to Python scalars",
    "a tensor in a list stands for one number",
    fix="torch.stack(tensors)",
)


def new(cls: type[Tensor], *args: object, dtype: dtypes.dtype | None = None, device: Device = None) -> Tensor:
    """What `Tensor(...)` makes: uninitialised from sizes, float values from a sequence, an alias of a tensor."""
    check_device(device)
    if len(args) == 1 and isinstance(args[0], Tensor):
        return alias(args[0], cls)
    if len(args) == 1 and isinstance(args[0], (list, tuple, np.ndarray)) and type(args[0]).__name__ != "Size":
        return alias(tensor(args[0], dtype=dtype or dtypes.get_default_dtype()), cls)
    return alias(empty(*(args or (0,)), dtype=dtype), cls)


# -- filled


def empty(
    *sizes: int | Sequence[int],
    size: Sequence[int] | None = None,
    dtype: dtypes.dtype | None = None,
    device: Device = None,
    requires_grad: bool = False,
    memory_format: MemoryFormat | None = None,
    pin_memory: bool = False,
    layout: object = None,
) -> Tensor:
    """An uninitialised tensor."""
    shape = shape_of("empty", sizes, size)
    kind = dtype_or_default(dtype).numpy
    if memory_format is None and device is None and default_devices.get()[-1] is None:  # the usual call
        array = allocate(shape, kind)
    else:
        array = _room(shape, kind, device) if memory_format is None else _in_format(shape, kind, memory_format, device)
    return _leaf(array, CPU, requires_grad, pin_memory)


def _in_format(shape: tuple, kind: np.dtype, memory_format: MemoryFormat, device: Device) -> np.ndarray:
    return empty_in_format(shape, kind, memory_format, device_of_new(device))


def _room(shape: tuple, kind: np.dtype, device: Device) -> np.ndarray:
    """Uninitialised memory on a device."""
    backend = backend_of(device_of_new(device))
    return allocate(shape, kind) if backend is None else backend.empty(shape, kind)


def zeros(
    *sizes: int | Sequence[int],
    size: Sequence[int] | None = None,
    dtype: dtypes.dtype | None = None,
    device: Device = None,
    requires_grad: bool = False,
    layout: object = None,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor of zeros.

    >>> import rushlight as torch
    >>> torch.zeros(2, dtype=torch.int64)
    tensor([0, 0])
    """
    return _filled(shape_of("zeros", sizes, size), 0, dtype_or_default(dtype), device, requires_grad, pin_memory)


def ones(
    *sizes: int | Sequence[int],
    size: Sequence[int] | None = None,
    dtype: dtypes.dtype | None = None,
    device: Device = None,
    requires_grad: bool = False,
    layout: object = None,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor of ones."""
    return _filled(shape_of("ones", sizes, size), 1, dtype_or_default(dtype), device, requires_grad, pin_memory)


def full(
    size: Sequence[int],
    fill_value: float,
    *,
    dtype: dtypes.dtype | None = None,
    device: Device = None,
    requires_grad: bool = False,
    layout: object = None,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor of one value, whose dtype it takes unless told."""
    if isinstance(fill_value, Tensor):
        fill_value = fill_value.item()
    kind = dtype_or_default(dtype) if dtype is not None else dtypes.of_scalar(fill_value)
    size = (size,) if isinstance(size, int) else size
    return _filled(shape_of("full", (tuple(size),)), fill_value, kind, device, requires_grad, pin_memory)


def _filled(
    shape: tuple, value: float, kind: dtypes.dtype, device: Device, requires_grad: bool, pin_memory: bool
) -> Tensor:
    plain = device is None and default_devices.get()[-1] is None
    array = allocate(shape, kind.numpy) if plain else _room(shape, kind.numpy, device)
    array[...] = number_in_dtype(value, kind)
    return _leaf(array, CPU, requires_grad, pin_memory)


def empty_like(
    input: Tensor,
    *,
    dtype: dtypes.dtype | None = None,
    device: Device = None,
    requires_grad: bool = False,
    memory_format: MemoryFormat | None = preserve_format,
    layout: object = None,
    pin_memory: bool = False,
) -> Tensor:
    """An uninitialised tensor of the shape, dtype and memory order of `input`."""
    kind = memory(input).dtype if dtype is None else dtype_or_default(dtype).numpy
    if device is None:
        device = CPU if type(memory(input)) is np.ndarray else input.device
    if backend_of(device) is not None:
        array = _like_elsewhere(input, kind, device, memory_format)
    elif is_in_order(input) and memory_format in (preserve_format, None):
        array = allocate(memory(input).shape, kind)
    elif memory_format is preserve_format or memory_format is None:
        array = empty_like_array(input._array, kind)
    else:
        array = empty_in_format(memory(input).shape, kind, memory_format)
    return _leaf(array, device, requires_grad, pin_memory)


def _like_elsewhere(input: Tensor, kind: np.dtype, device: Device, memory_format: MemoryFormat | None) -> np.ndarray:
    """Memory on a device of its own, laid out like a tensor or in a memory format."""
    shape = memory(input).shape
    if memory_format is not preserve_format and memory_format is not None:
        return empty_in_format(shape, kind, memory_format, device)
    backend = backend_of(device)
    return backend.empty(shape, kind) if is_in_order(input) else backend.empty_like(input._array, kind)


def full_like(input: Tensor, fill_value: float, **options: Unpack[OptionsLike]) -> Tensor:
    """A tensor of one value, of the shape, dtype and memory order of `input`."""
    result = empty_like(input, **options)
    result._array[...] = number_in_dtype(fill_value, result.dtype)
    return result


def zeros_like(input: Tensor, **options: Unpack[OptionsLike]) -> Tensor:
    """Zeros of the shape, dtype and memory order of `input`; options as `empty_like`."""
    return full_like(input, 0, **options)


def ones_like(input: Tensor, **options: Unpack[OptionsLike]) -> Tensor:
    """Ones of the shape, dtype and memory order of `input`; options as `empty_like`."""
    return full_like(input, 1, **options)


def _beside(self: Tensor, options: Options) -> Options:
    """The options of a tensor that is made on the device of this one unless they say another."""
    if options.get("device") is None:
        options["device"] = CPU if type(memory(self)) is np.ndarray else self.device
    return options


def new_empty(
    self: Tensor,
    *sizes: int | Sequence[int],
    size: Sequence[int] | None = None,
    dtype: dtypes.dtype | None = None,
    **options: Unpack[Options],
) -> Tensor:
    """An uninitialised tensor of this one's dtype."""
    return empty(*sizes, size=size, dtype=dtype or self.dtype, **_beside(self, options))


def new_zeros(
    self: Tensor,
    *sizes: int | Sequence[int],
    size: Sequence[int] | None = None,
    dtype: dtypes.dtype | None = None,
    **options: Unpack[Options],
) -> Tensor:
    """Zeros of this tensor's dtype."""
    return zeros(*sizes, size=size, dtype=dtype or self.dtype, **_beside(self, options))


def new_ones(
    self: Tensor,
    *sizes: int | Sequence[int],
    size: Sequence[int] | None = None,
    dtype: dtypes.dtype | None = None,
    **options: Unpack[Options],
) -> Tensor:
    """Ones of this tensor's dtype."""
    return ones(*sizes, size=size, dtype=dtype or self.dtype, **_beside(self, options))


def new_full(
    self: Tensor,
    size: Sequence[int],
    fill_value: float,
    *,
    dtype: dtypes.dtype | None = None,
    **options: Unpack[Options],
) -> Tensor:
    """One value in this tensor's dtype."""
    return full(size, fill_value, dtype=dtype or self.dtype, **_beside(self, options))


def new_tensor(
    self: Tensor,
    data: object,
    *,
    dtype: dtypes.dtype | None = None,
    device: Device = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A copy of `data` in this tensor's dtype."""
    kind = dtype or self.dtype
    device = self.device if device is None else device
    return tensor(data, dtype=kind, device=device, requires_grad=requires_grad, pin_memory=pin_memory)


# -- ranges


def arange(
    start: float | None = None,
    end: float | None = None,
    step: float = 1,
    *,
    dtype: dtypes.dtype | None = None,
    layout: object = None,
    device: Device = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """The numbers from `start` (0 if one argument) up to but not including `end`, `step` apart.

    >>> import rushlight as torch
    >>> torch.arange(4), torch.arange(1.0, 2.0, 0.5)
    (tensor([0, 1, 2, 3]), tensor([1.0000, 1.5000]))
    """
    if start is None and end is None:
        raise TypeError('arange() missing 1 required positional arguments: "end"')
    start, end = (0, start) if end is None else (0 if start is None else start, end)
    start, end, step = (t.item() if isinstance(t, Tensor) else t for t in (start, end, step))
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if not all(math.isfinite(t) for t in (start, end, step)):
        raise RuntimeError(f"unsupported range: {start} -> {end}")
    if (end - start) * step < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    integers = all(isinstance(t, (int, np.integer)) for t in (start, end, step))
    kind = dtype_or_default(dtype) if dtype is not None or not integers else dtypes.int64
    if kind is dtypes.bool:
        raise NotImplementedError(message("\"arange_cpu\" not implemented for 'Bool'", fix=".bool() of the result"))
    count = None
    if kind.category == dtypes.INTEGER and not integers:
        # PyTorch counts the steps between the numbers as they are; those of int64 are integers first.
        count = None if kind is dtypes.int64 else math.ceil((end - start) / step)
        start, end, step, integers = int(start), int(end), int(step), True
        if step == 0 and count is None:
            raise ValueError("step must be nonzero")
    if count is None:
        count = -((start - end) // step) if integers else math.ceil((end - start) / step)
    array = allocate((count,), kind.numpy)
    exact = np.arange(count, dtype=np.int64 if integers else np.float64)
    array[...] = quiet((exact * step + start).astype, kind.numpy)
    return _leaf(array, device, requires_grad, pin_memory)


def linspace(
    start: float,
    end: float,
    steps: int,
    *,
    dtype: dtypes.dtype | None = None,
    layout: object = None,
    device: Device = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """`steps` numbers from `start` to `end`, both included, evenly spaced."""
    steps = operator.index(steps)
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    kind = dtype_or_default(dtype)
    start, end = (_end_in(kind, t) for t in (start, end))
    array = allocate((steps,), kind.numpy)
    wide = np.float64 if kind is dtypes.float64 or not kind.is_floating_point else np.float32
    array[...] = quiet(_even_steps(start, end, steps, wide).astype, kind.numpy)
    return _leaf(array, device, requires_grad, pin_memory)


def _end_in(kind: dtypes.dtype, end: float | Tensor) -> float:
    """An end of a range, in the dtype of the range: an integer for one of integers."""
    end = end.item() if isinstance(end, Tensor) else end
    return end if kind.is_floating_point else int(end)


def _even_steps(start: float, end: float, steps: int, kind: type) -> np.ndarray:
    """Counted from both ends, so that both are exact and the middle is symmetric, as in PyTorch."""
    if steps == 1:
        return np.full(1, start, kind)
    start, end = kind(start), kind(end)
    # A float32 product and sum in float64 is rounded once, as by PyTorch's fused multiply-add.
    step = np.float64(kind((end - start) / kind(max(steps - 1, 1))))
    position = np.arange(steps)
    return np.where(position < steps // 2, start + step * position, end - step * (steps - 1 - position)).astype(kind)


def logspace(
    start: float,
    end: float,
    steps: int,
    base: float = 10.0,
    *,
    dtype: dtypes.dtype | None = None,
    layout: object = None,
    device: Device = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """`base` to the power of `steps` evenly spaced numbers."""
    kind = dtype_or_default(dtype)
    wide = dtypes.float32 if kind in dtypes.HALVES else kind if kind.is_floating_point else dtypes.float64
    start, end = (_end_in(kind, t) for t in (start, end))
    result = (base ** linspace(start, end, steps, dtype=wide)).to(kind)
    return _leaf(result._array, device, requires_grad, pin_memory)


def eye(n: int, m: int | None = None, *, dtype: dtypes.dtype | None = None, **options: Unpack[Options]) -> Tensor:
    """A matrix with ones on its diagonal."""
    if n < 0:
        raise RuntimeError(f"n must be greater or equal to 0, got {n}")
    result = zeros(n, n if m is None else m, dtype=dtype, **options)
    np.fill_diagonal(result._array, 1)
    return result


def scalar_tensor(
    s: float,
    *,
    dtype: dtypes.dtype | None = None,
    layout: object = None,
    device: Device = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A 0-dim tensor of the default dtype."""
    kind = dtype_or_default(dtype)
    return tensor(s, dtype=kind, device=device, requires_grad=requires_grad, pin_memory=pin_memory)
