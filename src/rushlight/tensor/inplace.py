"""In-place changes: `x.add_(y)`, `x += y`, `x.copy_(y)`, `x.zero_()` and their like.

In: a tensor and an out-of-place function. Out: the same tensor with new contents. The result is computed first and then
written, so that a call that fails leaves the tensor as it was. The change bumps the version that autograd and packed
weights are checked against.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rushlight.autograd.graph import Gradients, Needs, Node, edge_of, record
from rushlight.autograd.modes import mode
from rushlight.autograd.version import version_of
from rushlight.core import dtypes
from rushlight.core.errors import message
from rushlight.tensor import arithmetic, indexing, pointwise, products, selection
from rushlight.tensor.core import Tensor, elements, memory, method, quiet, take_memory, wrap, wrap_like
from rushlight.tensor.operands import Operand, is_number, number_in_dtype, word
from rushlight.tensor.size import carried
from rushlight.tensor.views import rebase


def change(self: Tensor, function: Callable, *args: object, **kwargs: object) -> Tensor:
    """Write `function(self, *args)` into this tensor, and its history with it."""
    check_writeable(self)
    if not _is_recorded(self, *args, *kwargs.values()):
        _write(self, function(self, *args, **kwargs))
        return self
    check_leaf(self)
    before = _before(self)
    result = function(before, *args, **kwargs)
    _write(self, result)
    if result._node is not None:
        _attach(self, before, result._node, result._index)
    return self


def _is_recorded(self: Tensor, *args: object) -> bool:
    return mode.enabled and (self.requires_grad or any(isinstance(a, Tensor) and a.requires_grad for a in args))


def check_writeable(self: Tensor) -> None:
    """Raise where the memory must not be written, or one element would be written twice."""
    array = memory(self)
    version = self._version
    if version is not None and version.inference and not mode.inference:
        raise RuntimeError(
            message(
                "Inplace update to inference tensor outside InferenceMode is not allowed."
                "You can make a clone to get a normal tensor before doing inplace update.",
                mend="x = x.clone(), or torch.no_grad() instead of torch.inference_mode()",
            )
        )
    if not array.flags.writeable:
        raise RuntimeError(
            message(
                "a read-only tensor is being used in an in-place operation.",
                "its memory belongs to a NumPy array that is not writeable",
                mend=".clone() first",
            )
        )
    repeats = not array.flags.c_contiguous and any(step == 0 and n > 1 for step, n in zip(array.strides, array.shape))
    if repeats:
        raise RuntimeError(
            message(
                "unsupported operation: more than one element of the written-to tensor refers to a single memory "
                "location. Please clone() the tensor before performing the operation.",
                f"shape {list(array.shape)}, stride {self.stride()}",
            )
        )


def check_leaf(self: Tensor) -> None:
    """Raise where a change cannot be recorded: of a leaf that requires grad, or of some views."""
    if self._base is not None:
        if self._seen < 0:
            raise RuntimeError(
                "A view was created in no_grad mode and is being modified inplace with grad mode enabled. Given that "
                "this use case is ambiguous and error-prone, it is forbidden. You can clarify your code by moving both "
                "the view and the inplace either both inside the no_grad block (if you don't want the inplace to be "
                "tracked) or both outside (if you want the inplace to be tracked)."
            )
        if self._base._node is None and self._base._requires_grad:
            raise RuntimeError(_leaf_text("a view of a leaf Variable that requires grad"))
        if self._node is not None and self._node.name() in _MANY_VIEWS:
            raise RuntimeError(_one_of_many_text(self._node.name().removesuffix("Backward0"), self._index))
    elif self._node is None and self._requires_grad:
        raise RuntimeError(_leaf_text("a leaf Variable that requires grad"))


_MANY_VIEWS = ("UnbindBackward0", "SplitBackward0", "SplitWithSizesBackward0")


def _one_of_many_text(name: str, index: int) -> str:
    return message(
        f"Output {index} of {name} is a view and is being modified inplace. This view is the output of a function that "
        "returns multiple views. Such functions do not allow the output views to be modified inplace. You should "
        "replace the inplace operation by an out-of-place one.",
        mend="x[i] or x.narrow(...), whose views may be changed",
    )


def _leaf_text(what: str) -> str:
    return message(
        f"{what} is being used in an in-place operation.",
        mend="with torch.no_grad(): around it, or the out-of-place form",
    )


def _before(self: Tensor) -> Tensor:
    """The tensor as it was: a copy, because rules may save it, with the history so far."""
    edge = edge_of(self)
    array = elements(self)
    before = wrap_like(array.copy(order="K"), self)
    if edge is not None:
        before._node, before._index, before._requires_grad = edge[0], edge[1], True
    return before


def _write(self: Tensor, result: Tensor) -> None:
    target, array = memory(self), memory(result)
    if target.dtype is not array.dtype and not dtypes.can_cast(result.dtype, self.dtype):
        raise RuntimeError(
            message(
                f"result type {word(result.dtype)} can't be cast to the desired output type {word(self.dtype)}",
                mend="the out-of-place form, which may change the dtype",
            )
        )
    if target.shape != array.shape:
        raise RuntimeError(
            f"output with shape {list(target.shape)} doesn't match the broadcast shape {list(array.shape)}"
        )
    quiet(np.copyto, target, array, casting="unsafe")
    version_of(self).bump()


def _attach(self: Tensor, before: Tensor, node: Node, index: int) -> None:
    """Make `node` the history of this tensor, or of its base where it is a view."""
    if node.own is not None:  # what the node saved of its output lies in this tensor now
        for position in node.own:
            saved = node.saved[position]
            take_memory(saved, self)
            saved._version = version_of(self)
            node.versions[position] = saved._version.count
    if self._base is not None:
        rebase(self, node, edge_of(before))
    else:
        self._node, self._index, self._requires_grad = node, index, True


# -- copying and filling


def _copied(self: Tensor, src: Tensor) -> Tensor:
    array = np.empty_like(elements(self))
    quiet(np.copyto, array, _in_dtype_of(self, src))
    result = wrap_like(array, self)
    record("CopyBackwards", result, (self, src), _copy_rule)
    return result


def _in_dtype_of(self: Tensor, src: Tensor) -> np.ndarray:
    target, array = memory(self), memory(src)
    if type(array) is not type(target) or type(array) is not np.ndarray:
        array = carried(array, self.device)
    return array if array.dtype == target.dtype else pointwise._converted(array, target.dtype)


def _copy_rule(needs: Needs, grad: Tensor) -> Gradients:
    return wrap(np.zeros_like(grad._array)) if needs[0] else None, grad


@method()
def copy_(self: Tensor, other: Tensor, non_blocking: bool = False) -> Tensor:
    """Take the elements of `other`, broadcast and cast."""
    if not isinstance(other, Tensor):
        other = self.new_tensor(other)
    if _is_recorded(self, other):
        return change(self, _copied, other)
    return _overwrite(self, _in_dtype_of(self, other))


def _overwrite(self: Tensor, array: np.ndarray) -> Tensor:
    """Write an array, broadcast, without a history."""
    check_writeable(self)
    quiet(np.copyto, memory(self), array)
    version_of(self).bump()
    return self


def _filled(self: Tensor, value: Tensor) -> Tensor:
    array = np.empty_like(elements(self))
    array[...] = value._array
    result = wrap_like(array, self)
    record("FillBackward0", result, (self, value), _fill_rule)
    return result


def _fill_rule(needs: Needs, grad: Tensor) -> Gradients:
    return wrap(np.zeros_like(grad._array)) if needs[0] else None, grad.sum() if needs[1] else None


@method()
def fill_(self: Tensor, value: float | Tensor) -> Tensor:
    """Set every element to one value."""
    if isinstance(value, Tensor) and memory(value).ndim:
        raise RuntimeError(
            f"fill_ only supports 0-dimension value tensor but got tensor with {memory(value).ndim} dimensions."
        )
    if not isinstance(value, Tensor):
        value = wrap(number_in_dtype(value, self.dtype))
    value = value.to(self.dtype)
    return change(self, _filled, value) if _is_recorded(self, value) else _overwrite(self, value._array)


@method()
def zero_(self: Tensor) -> Tensor:
    """Set every element to 0."""
    return fill_(self, 0)


@method()
def fill_diagonal_(self: Tensor, fill_value: float, wrap: bool = False) -> Tensor:
    """Set the main diagonal to one value; with `wrap` that of a tall matrix begins again below."""
    array = self._array.copy()
    np.fill_diagonal(array, fill_value, wrap)
    return copy_(self, self.new_tensor(array))


# -- the in-place form of out-of-place functions


def _define(function: Callable) -> None:
    def in_place(self: Tensor, *args: object, **kwargs: object) -> Tensor:
        return change(self, function, *args, **kwargs)

    _name(in_place, function)


def _name(in_place: Callable, function: Callable, *names: str) -> None:
    in_place.__name__ = in_place.__qualname__ = f"{function.__name__}_"
    in_place.__doc__ = f"The in-place form of `{function.__name__}`; returns the tensor itself."
    in_place.__module__ = __name__
    in_place.__wrapped__ = function  # whose arguments it takes
    method(in_place.__name__, *names)(in_place)


def _define_direct(function: Callable, ufunc: np.ufunc, operator: str) -> None:
    """An arithmetic one, which writes straight into the tensor where nothing is recorded: optimisers live on it."""

    def in_place(self: Tensor, other: Operand, **options: object) -> Tensor:
        if _is_direct(self, other):
            return _write_directly(self, ufunc, other, options.get("alpha", 1), function)
        return change(self, function, other, **options)

    def by_operator(self: Tensor, other: Operand) -> Tensor:
        if not (isinstance(other, Tensor) or is_number(other)):
            return NotImplemented
        return in_place(self, other)

    _name(in_place, function)
    setattr(Tensor, operator, by_operator)


def _is_direct(self: Tensor, other: Operand) -> bool:
    array = memory(self)
    if array.dtype.kind != "f" or array.itemsize < 4 or _is_recorded(self, other):
        return False
    if isinstance(other, Tensor):
        operand = memory(other)
        return operand.dtype is array.dtype and operand.shape == array.shape
    return type(other) in (float, int)


def _write_directly(self: Tensor, ufunc: np.ufunc, other: Operand, alpha: float, function: Callable) -> Tensor:
    check_writeable(self)
    array = memory(self)
    operand = memory(other) if isinstance(other, Tensor) else float(other)
    if alpha != 1:
        operand = quiet(np.multiply, operand, float(alpha))
    quiet(ufunc, array, operand, out=array, casting="unsafe")
    version_of(self).bump()
    return self


for _function, _ufunc, _operator in (
    (arithmetic.add, np.add, "__iadd__"),
    (arithmetic.sub, np.subtract, "__isub__"),
    (arithmetic.mul, np.multiply, "__imul__"),
):
    _define_direct(_function, _ufunc, _operator)

for _function in (
    arithmetic.div,
    arithmetic.floor_divide,
    arithmetic.remainder,
    arithmetic.fmod,
    arithmetic.pow,
    arithmetic.lerp,
    arithmetic.addcmul,
    arithmetic.addcdiv,
    pointwise.neg,
    pointwise.abs,
    pointwise.square,
    pointwise.exp,
    pointwise.exp2,
    pointwise.expm1,
    pointwise.log,
    pointwise.log2,
    pointwise.log10,
    pointwise.log1p,
    pointwise.sqrt,
    pointwise.rsqrt,
    pointwise.sin,
    pointwise.cos,
    pointwise.tan,
    pointwise.tanh,
    pointwise.sigmoid,
    pointwise.reciprocal,
    pointwise.erf,
    pointwise.floor,
    pointwise.ceil,
    pointwise.trunc,
    pointwise.sign,
    pointwise.round,
    pointwise.clamp,
    pointwise.clamp_min,
    pointwise.clamp_max,
    pointwise.relu,
    pointwise.nan_to_num,
    products.addmm,
    products.addmv,
    products.baddbmm,
    selection.masked_fill,
    selection.scatter,
    selection.scatter_add,
    selection.index_add,
    selection.index_fill,
    selection.tril,
    selection.triu,
    indexing.index_put,
):
    _define(_function)

Tensor.subtract_, Tensor.multiply_ = Tensor.sub_, Tensor.mul_
Tensor.divide_ = Tensor.true_divide_ = Tensor.div_
Tensor.clip_ = Tensor.clamp_


def _define_operator(name: str, in_place: Callable) -> None:
    def by_operator(self: Tensor, other: Operand) -> Tensor:
        if not (isinstance(other, Tensor) or is_number(other)):
            return NotImplemented
        return in_place(self, other)

    by_operator.__name__ = name
    setattr(Tensor, name, by_operator)


for _name_, _method in {
    "__itruediv__": Tensor.div_,
    "__ifloordiv__": Tensor.floor_divide_,
    "__imod__": Tensor.remainder_,
    "__ipow__": Tensor.pow_,
}.items():
    _define_operator(_name_, _method)


# -- shapes in place: the same object with another view of its memory


def _define_reshaping(name: str, function: Callable) -> None:
    def in_place(self: Tensor, *args: object, **kwargs: object) -> Tensor:
        if self._base is not None or (self._node is None and self._requires_grad and mode.enabled):
            raise RuntimeError(
                message(f"{name} of a view, or of a leaf that requires grad", mend=f"x = x.{name[:-1]}(…)")
            )
        result = function(self, *args, **kwargs)
        take_memory(self, result)
        self._node, self._index = result._node, result._index
        return self

    in_place.__name__ = in_place.__qualname__ = name
    in_place.__doc__ = f"The in-place form of `{name[:-1]}`; returns the tensor itself."
    in_place.__wrapped__ = function
    method(name)(in_place)


for _name_ in ("squeeze_", "unsqueeze_", "t_", "transpose_"):
    _define_reshaping(_name_, getattr(Tensor, _name_[:-1]))
