"""Parameters and buffers: the tensors that a module owns, and those whose shape is not known yet.

A `Parameter` is a leaf tensor that registers itself when it is assigned to a module. An uninitialised one
stands in its place in a lazy module: it has a dtype but no shape, refuses to be computed with, and becomes
the plain class, the same object, when `materialize` gives it a shape.
"""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

import numpy as np

from rushlight.core import dtypes
from rushlight.core.errors import message
from rushlight.tensor.core import Tensor, alias, wrap
from rushlight.tensor.size import Size, backend_of, device_of_new
from rushlight.tensor.size import device as Device


def _asked_for(frame: FrameType) -> str:
    """The operation that a user called: the outermost of the frames that lie in the tensor package."""
    while frame.f_back is not None and frame.f_back.f_globals.get("__name__", "").startswith("rushlight.tensor"):
        frame = frame.f_back
    name = frame.f_code.co_name
    return name if hasattr(Tensor, name) else "an operation"


class Parameter(Tensor):
    """A tensor that is trained: assigned to a module, it is one of the module's parameters.

    It shares memory with `data`. RuntimeError for an integer tensor with `requires_grad`.

    >>> import rushlight as torch
    >>> torch.nn.Parameter(torch.ones(2))
    Parameter containing:
    tensor([1., 1.], requires_grad=True)
    """

    __slots__ = ()

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True) -> Parameter:
        data = wrap(np.empty(0, np.float32)) if data is None else data
        _check_tensor(data, "Parameter")
        if requires_grad and data.dtype.category != dtypes.FLOATING:
            raise RuntimeError(
                message(
                    "Only Tensors of floating point and complex dtype can require gradients",
                    f"nn.Parameter: the data is {data.dtype}",
                    fix="Parameter(data.float()), or requires_grad=False",
                )
            )
        result = alias(data, cls)
        if requires_grad:
            result.requires_grad_()
        return result

    def __deepcopy__(self, memo: dict) -> Parameter:
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.data.clone(), self.requires_grad)
        return memo[id(self)]

    def __reduce_ex__(self, protocol: int) -> tuple:
        return _rebuild_parameter, (type(self), self.data, self.requires_grad, self.__dict__)


class Buffer(Tensor):
    """A tensor that is state but not trained: assigned to a module, it is one of the module's buffers.

    It is part of the state dict where `persistent`. It shares memory with `data`.
    """

    __slots__ = ()

    def __new__(cls, data: Tensor | None = None, *, persistent: bool = True) -> Buffer:
        data = wrap(np.empty(0, np.float32)) if data is None else data
        _check_tensor(data, "Buffer")
        result = alias(data, cls)
        result._requires_grad = data.requires_grad
        result.persistent = persistent
        return result


class UninitializedTensorMixin:
    """What has a dtype and no shape yet. Every use of its numbers is a ValueError, of its shape a RuntimeError."""

    __slots__ = ()
    cls_to_become: type = Tensor

    def materialize(self, shape: tuple[int, ...], device: Any = None, dtype: dtypes.dtype | None = None) -> None:
        """Give it a shape: it becomes the plain class, the same object, its memory uninitialised."""
        target, kind = self.data.device if device is None else device, self.dtype if dtype is None else dtype
        backend = backend_of(target)
        memory = np.empty(tuple(shape), kind.numpy) if backend is None else backend.empty(tuple(shape), kind.numpy)
        self._array = memory
        self.__class__ = self.cls_to_become

    @property
    def _ordered(self) -> np.ndarray:
        # Everything that computes with a tensor reads this, so this is the one place that refuses.
        raise ValueError(
            message(
                f"Attempted to use an uninitialized parameter in {_asked_for(sys._getframe(1))}. "
                "This error happens when you are using a `LazyModule` or explicitly manipulating "
                f"`torch.nn.parameter.{type(self).__name__}` objects. When using LazyModules Call `forward` "
                "with a dummy batch to initialize the parameters before calling torch functions",
                fix="model(example_input) once, right after building the model",
            )
        )

    @_ordered.setter
    def _ordered(self, memory: np.ndarray) -> None:
        Tensor._ordered.__set__(self, memory)

    @property
    def shape(self) -> Size:
        """Not known: a RuntimeError."""
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter or buffer. "
            "This error usually happens in `load_state_dict` when trying to load an uninitialized parameter "
            "into an initialized one. Call `forward` to initialize the parameters before accessing their "
            "attributes."
        )

    def size(self, dim: int | None = None) -> Size | int:
        """As in PyTorch: that of a tensor without elements."""
        return Size((0,)) if dim is None else 0

    @property
    def data(self) -> Tensor:
        """A tensor without elements that has the dtype; assigning one gives its dtype to this."""
        return wrap(Tensor._ordered.__get__(self))

    @data.setter
    def data(self, value: Tensor) -> None:
        self._array = value._array

    @property
    def dtype(self) -> dtypes.dtype:
        """The dtype that it will have."""
        return self.data.dtype

    @property
    def device(self) -> Device:
        """The device where it will be."""
        return self.data.device

    def is_floating_point(self) -> bool:
        """Whether its dtype is floating point."""
        return self.dtype.is_floating_point

    def to(self, *args: Any, **kwargs: Any) -> Tensor:
        """The conversion of a tensor without elements: it yields the dtype, nothing else."""
        return self.data.to(*args, **kwargs)

    def share_memory_(self) -> None:
        """Not possible without memory: a RuntimeError."""
        raise RuntimeError(
            "Can't share memory on an uninitialized parameter or buffer. Call `forward` to initialize the "
            "parameters before calling `module.share_memory()`."
        )

    def __deepcopy__(self, memo: dict) -> UninitializedTensorMixin:
        if id(self) not in memo:
            memo[id(self)] = _rebuild_uninitialized(type(self), self.dtype, self.requires_grad, str(self.device))
        return memo[id(self)]

    def __reduce_ex__(self, protocol: int) -> tuple:
        return _rebuild_uninitialized, (type(self), self.dtype, self.requires_grad, str(self.device))

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class UninitializedParameter(UninitializedTensorMixin, Parameter):
    """A parameter whose shape is not known yet.

    >>> import rushlight as torch
    >>> parameter = torch.nn.UninitializedParameter()
    >>> parameter
    <UninitializedParameter>
    >>> parameter.materialize((2, 3))
    >>> type(parameter).__name__, parameter.shape
    ('Parameter', torch.Size([2, 3]))
    """

    __slots__ = ()
    cls_to_become = Parameter

    def __new__(
        cls, requires_grad: bool = True, device: Any = None, dtype: dtypes.dtype | None = None
    ) -> UninitializedParameter:
        return _rebuild_uninitialized(cls, dtype, requires_grad, device)


class UninitializedBuffer(UninitializedTensorMixin, Tensor):
    """A buffer whose shape is not known yet."""

    __slots__ = ()
    cls_to_become = Tensor

    def __new__(
        cls,
        requires_grad: bool = False,
        device: Any = None,
        dtype: dtypes.dtype | None = None,
        persistent: bool = True,
    ) -> UninitializedBuffer:
        result = _rebuild_uninitialized(cls, dtype, requires_grad, device)
        result.persistent = persistent
        return result


def is_lazy(param: Any) -> bool:
    """Whether this is a parameter or buffer without a shape."""
    return isinstance(param, UninitializedTensorMixin)


def _check_tensor(data: Any, kind: str) -> None:
    if not isinstance(data, Tensor):
        name = type(data).__name__
        raise AttributeError(  # the kind that PyTorch raises
            message(
                f"'{name}' object has no attribute 'detach'",
                f"nn.{kind} takes a tensor, not a {name}",
                fix=f"nn.{kind}(torch.tensor(...))",
            )
        )


def _rebuild_parameter(cls: type, data: Tensor, requires_grad: bool, attributes: dict) -> Parameter:
    result = cls(data, requires_grad)
    result.__dict__.update(attributes)
    return result


def _rebuild_uninitialized(cls: type, dtype: dtypes.dtype | None, requires_grad: bool, device: Any = None) -> Any:
    kind = (dtypes.get_default_dtype() if dtype is None else dtype).numpy
    backend = backend_of(device_of_new(device))
    result = alias(wrap(np.empty(0, kind) if backend is None else backend.empty((0,), kind)), cls)
    result._requires_grad = bool(requires_grad)
    return result
