"""What the graph keeps on a tensor, and what it asks of one.

In: nothing but opaque values: the graph, the engine and `Function` know this class and no tensor, array or memory.
Out: `Value`, the class that tensors are made from. What an engine needs of numbers (a shape and a dtype, a sum, zeros,
a copy to keep) are the methods of the second half, which the tensors' floor defines.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Self

from rushlight.autograd.modes import mode
from rushlight.core import dtypes
from rushlight.core.errors import message

Layout = tuple[tuple[int, ...], Any]  # a shape, and a dtype that can be compared

# The slots of a class of values: what the graph keeps on each. (In a class of their own they cost each tensor 5 ns.)
STATE = (
    "__weakref__",
    "_base",  # the value this one is a view of, or None
    "_grad",
    "_hooks",  # a leaf's hooks, or None
    "_index",  # which output of `_node` this is
    "_node",  # the graph node that computed it, or None for a leaf
    "_requires_grad",  # of a leaf; True also where `_node` is set
    "_seen",  # the version at which a view's `_node` was right; -1: made in no_grad
    "_memory_version",  # a Version; None stands for an untouched one
)


class Value:
    """Something that can be differentiated: its node, its gradient, its hooks, and the version of its memory."""

    __slots__ = ()

    @property
    def requires_grad(self) -> bool:
        """Whether gradients flow to or through this tensor."""
        if self._base is not None:
            refresh(self)
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Say whether gradients are wanted for this leaf; returns itself.

        RuntimeError for an integer or bool tensor, and for switching off what the graph computed.
        """
        if requires_grad and self.dtype.category != dtypes.FLOATING:
            raise RuntimeError(
                message(
                    "only Tensors of floating point dtype can require gradients",
                    f"this one is {self.dtype}",
                    fix=".float() first",
                )
            )
        if requires_grad and self.is_inference() and not mode.inference:
            raise RuntimeError("Setting requires_grad=True on inference tensor outside InferenceMode is not allowed.")
        if not requires_grad and self.grad_fn is not None:
            raise RuntimeError(
                message(
                    "you can only change requires_grad flags of leaf variables. If you want to use a computed variable "
                    "in a subgraph that doesn't require differentiation use var_no_grad = var.detach().",
                )
            )
        if self._node is None:
            self._requires_grad = bool(requires_grad)
        return self

    def is_inference(self) -> bool:
        """Whether this tensor was made in inference mode: it cannot be saved for a gradient, nor changed outside."""
        version = self._memory_version
        return version is not None and version.inference

    @property
    def grad_fn(self) -> object | None:
        """The graph node that computed this tensor; None for a leaf."""
        if self._base is not None:
            refresh(self)
        return self._node

    @property
    def is_leaf(self) -> bool:
        """True where no recorded operation computed this tensor."""
        return self.grad_fn is None

    @property
    def output_nr(self) -> int:
        """Which output of `grad_fn` this is."""
        return self._index

    @property
    def grad(self) -> Value | None:
        """What `backward` has accumulated for this leaf."""
        if self._grad is None and self._node is not None and not self.retains_grad:
            _warn_of_no_grad()
        return self._grad

    @grad.setter
    def grad(self, value: Value | None) -> None:
        if value is not None:
            _check_grad(self, value)
        self._grad = value

    @grad.deleter
    def grad(self) -> None:
        self._grad = None

    @property
    def retains_grad(self) -> bool:
        """Whether `retain_grad` was called on this computed tensor."""
        return self._node is not None and self._node.retains(self._index)

    @property
    def _version(self) -> int:
        return 0 if self._memory_version is None else self._memory_version.count

    def _is_view(self) -> bool:
        return self._base is not None

    def detach_(self) -> Self:
        """Forget the history of this tensor; returns itself."""
        if self._base is not None:
            raise RuntimeError(message("Can't detach views in-place. Use detach() instead", fix="x = x.detach()"))
        self._node, self._index, self._requires_grad = None, 0, False
        return self

    # -- what the graph asks of it, defined where numbers are

    shape: Any
    dtype: Any

    def _layout(self) -> Layout:
        """The shape and the dtype."""
        raise NotImplementedError

    def detach(self) -> Value:
        """The same memory without history, and the same version."""
        raise NotImplementedError

    def __add__(self, other: Value) -> Value:
        raise NotImplementedError

    def sum_to_size(self, shape: tuple[int, ...]) -> Value:
        """Summed over the axes along which a value of that shape was broadcast."""
        raise NotImplementedError

    def _cast(self, dtype: Any) -> Value:
        """In another dtype, recorded."""
        raise NotImplementedError

    def _filled_like(self, number: float) -> Value:
        """Another value of the same layout, full of one number."""
        raise NotImplementedError

    def _blank(self) -> Callable[[], Value]:
        """What makes zeros of this layout, and does not hold on to this value."""
        raise NotImplementedError

    def _replay(self) -> None:
        """Give a view the node that leads to its base as the base is now."""
        raise NotImplementedError

    def _add_in_place(self, grad: Value) -> None:
        """Add the numbers of a gradient to this one's, and bump its version."""
        raise NotImplementedError

    def _adopt(self, entry: list) -> Value:
        """What becomes `.grad` of this leaf: the gradient in `entry[1]`, or a copy where others hold it."""
        raise NotImplementedError


def refresh(view: Value) -> None:
    """Give a view the history that its base got from an in-place change since."""
    if view._seen != view._memory_version.count and view._seen >= 0:
        view._replay()


def _check_grad(value: Value, grad: Value) -> None:
    if not isinstance(grad, Value):
        raise TypeError(f"assigned grad expected to be a Tensor or None but got grad of type {type(grad).__name__}")
    if grad is value:
        raise RuntimeError("can't assign Variable as its own grad")
    if grad.dtype is not value.dtype:
        raise RuntimeError(
            message(
                f"attempting to assign a gradient with dtype '{grad.dtype.name}' "
                f"to a tensor with grad_dtype '{value.dtype.name}'.",
                fix=f"grad.to({value.dtype})",
            )
        )
    if grad._layout()[0] != value._layout()[0]:
        raise RuntimeError(
            f"attempting to assign a gradient of size '{list(grad.shape)}' to a tensor of size "
            f"'{list(value.shape)}'. Please ensure that the gradient and the tensor are the same size"
        )


def _warn_of_no_grad() -> None:
    warnings.warn(
        "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad attribute won't be "
        "populated during autograd.backward(). If you indeed want the .grad field to be populated for a non-leaf "
        "Tensor, use .retain_grad() on the non-leaf Tensor.",
        UserWarning,
        stacklevel=3,
    )
