"""In-place forms: `x.add_(y)`, `x += y`, `x.copy_(y)`, `x.zero_()` and their like.

In: out-of-place functions. Out: functions that do the same to a tensor in place, by `change`, for the table of methods.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from rushlight.autograd.graph import record, record_write
from rushlight.autograd.modes import mode
from rushlight.autograd.operation import Operation
from rushlight.autograd.version import bump
from rushlight.core.errors import message
from rushlight.core.memory import worded
from rushlight.tensor import arithmetic, pointwise
from rushlight.tensor.change import change, check_not_inference, check_writeable, is_recorded
from rushlight.tensor.copying import COPY, FILL, FILL_TENSOR, ZERO, copied, fitting
from rushlight.tensor.core import Tensor, elements, memory, take_memory, wrap_like
from rushlight.tensor.fusing import computed, formulas_of, is_large
from rushlight.tensor.numerics import quiet
from rushlight.tensor.operands import Operand, is_number, number_in_dtype
from rushlight.tensor.overwriting import overwrite

# -- copying and filling


def copy_(self: Tensor, other: Tensor, non_blocking: bool = False) -> Tensor:
    """Take the elements of `other`, broadcast and cast."""
    if not isinstance(other, Tensor):
        other = self.new_tensor(other)
    return _overwrite(self, COPY, (), fitting(memory(self), memory(other)), (other,))


def _overwrite(
    self: Tensor, row: Operation, attributes: tuple, array: np.ndarray, others: tuple[Tensor, ...] = ()
) -> Tensor:
    """Write an array, broadcast: what `row` gives of this tensor and others, whatever this one's numbers are."""
    if is_recorded(self, *others):
        return change(self, partial(_with_elements, row, attributes, array), *others)
    check_writeable(self)
    quiet(np.copyto, memory(self), array)
    record_write(row, attributes, self, (self, *others))
    return self


def _with_elements(row: Operation, attributes: tuple, array: np.ndarray, self: Tensor, *others: Tensor) -> Tensor:
    result = wrap_like(copied(elements(self), array), self)
    record(row, attributes, result, (self, *others))
    return result


def fill_(self: Tensor, value: float | Tensor) -> Tensor:
    """Set every element to one value."""
    if isinstance(value, Tensor) and memory(value).ndim:
        raise RuntimeError(
            f"fill_ only supports 0-dimension value tensor but got tensor with {memory(value).ndim} dimensions."
        )
    if not isinstance(value, Tensor):
        return _overwrite(self, FILL, (value,), number_in_dtype(value, self.dtype))
    value = value.to(self.dtype)
    return _overwrite(self, FILL_TENSOR, (), value._array, (value,))


def zero_(self: Tensor) -> Tensor:
    """Set every element to 0."""
    return _overwrite(self, ZERO, (), number_in_dtype(0, self.dtype))


@worded
def fill_diagonal_(self: Tensor, fill_value: float, wrap: bool = False) -> Tensor:
    """Set the main diagonal to one value; with `wrap` that of a tall matrix begins again below."""
    array = self._array.copy()
    np.fill_diagonal(array, fill_value, wrap)
    return copy_(self, self.new_tensor(array))


# -- the in-place form of out-of-place functions


def form_of(function: Callable) -> Callable:
    """The in-place form of a function of a tensor."""

    def in_place(self: Tensor, *args: object, **kwargs: object) -> Tensor:
        return change(self, function, *args, **kwargs)

    return _named(in_place, function)


def _named(in_place: Callable, function: Callable) -> Callable:
    in_place.__name__ = in_place.__qualname__ = f"{function.__name__}_"
    in_place.__doc__ = f"The in-place form of `{function.__name__}`; returns the tensor itself."
    in_place.__module__ = __name__
    in_place.__wrapped__ = function  # whose arguments it takes
    return in_place


def overwriting_form_of(function: Callable, row: Operation, saves: str = "result") -> Callable:
    """That of one whose derivative needs its result or nothing (`saves`): in one pass if the tensor is large."""

    def in_place(self: Tensor) -> Tensor:
        return self if overwrite(self, row, (), saves=saves) else change(self, function)

    return _named(in_place, function)


def direct_form_of(function: Callable, ufunc: np.ufunc, row: Operation | None = None) -> Callable:
    """That of an arithmetic one, which writes straight into the tensor unless recorded: optimisers live on it."""

    def in_place(self: Tensor, other: Operand, **options: object) -> Tensor:
        if mode.watcher is None and _is_direct(self, other):
            return _write_directly(self, ufunc, other, options.get("alpha", 1), function)
        if row is not None and isinstance(other, Tensor) and not options and overwrite(self, row, (1, None), other):
            return self
        return change(self, function, other, **options)

    return _named(in_place, function)


def _is_direct(self: Tensor, other: Operand) -> bool:
    array = memory(self)
    if array.dtype.kind != "f" or array.itemsize < 4 or is_recorded(self, other):
        return False
    if isinstance(other, Tensor):
        operand = memory(other)
        return operand.dtype is array.dtype and operand.shape == array.shape
    return type(other) in (float, int)


def _write_directly(self: Tensor, ufunc: np.ufunc, other: Operand, alpha: float, function: Callable) -> Tensor:
    check_writeable(self)
    array = memory(self)
    operand = memory(other) if isinstance(other, Tensor) else float(other)
    if not _write_in_one_pass(array, ufunc, operand, alpha):
        if alpha != 1:
            operand = quiet(np.multiply, operand, float(alpha))
        quiet(ufunc, array, operand, out=array, casting="unsafe")
    bump(self)
    return self


def _write_in_one_pass(array: np.ndarray, ufunc: np.ufunc, operand: np.ndarray | float, alpha: float) -> bool:
    if not is_large(array):
        return False
    operands = [array, operand, *[float(alpha)] * (alpha != 1)]
    operands = [np.asarray(value, array.dtype) if type(value) is float else value for value in operands]
    if operands[1] is not array and np.may_share_memory(array, operands[1]):
        return False
    scaled = lambda a, b, scale=1: ufunc(a, b if alpha == 1 else np.multiply(b, scale))  # noqa: E731
    formulas = formulas_of((ufunc, "scaled"), scaled, operands)
    return formulas is not None and computed(formulas, operands, [array]) is not None


def operator(in_place: Callable) -> Callable:
    """An in-place form as `x += y` and its like, which leaves what is no operand to Python."""

    def by_operator(self: Tensor, other: Operand) -> Tensor:
        if not (isinstance(other, Tensor) or is_number(other)):
            return NotImplemented
        return in_place(self, other)

    return by_operator


# -- shapes in place: the same object with another view of its memory


def reshaping(function: Callable) -> Callable:
    """The in-place form of a function that gives another view of a tensor."""

    def in_place(self: Tensor, *args: object, **kwargs: object) -> Tensor:
        if self._base is not None or (self._node is None and self._requires_grad and mode.enabled):
            name = function.__name__
            raise RuntimeError(message(f"{name}_ of a view, or of a leaf that requires grad", fix=f"x = x.{name}(…)"))
        check_not_inference(self)
        result = function(self, *args, **kwargs)
        take_memory(self, result)
        self._node, self._index = result._node, result._index
        return self

    return _named(in_place, function)


add_ = direct_form_of(arithmetic.add, np.add, arithmetic.ADD)
sub_ = direct_form_of(arithmetic.sub, np.subtract, arithmetic.SUB)
mul_ = direct_form_of(arithmetic.mul, np.multiply)
div_, floor_divide_ = form_of(arithmetic.div), form_of(arithmetic.floor_divide)
remainder_, pow_, clamp_ = form_of(arithmetic.remainder), form_of(arithmetic.pow), form_of(pointwise.clamp)
