"""Changes in place: a tensor gets new contents, and the history that belongs to them.

In: a tensor and an out-of-place function. Out: the same tensor with new contents. The result is computed first and then
written, so that a call that fails leaves the tensor as it was. The change bumps the version that autograd and packed
weights are checked against.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rushlight.autograd.graph import Node, edge_of, record_write
from rushlight.autograd.modes import mode
from rushlight.autograd.version import version_of
from rushlight.core import dtypes
from rushlight.core.errors import message
from rushlight.tensor.copying import COPY
from rushlight.tensor.core import Tensor, elements, memory, take_memory, wrap_like
from rushlight.tensor.numerics import quiet
from rushlight.tensor.operands import word
from rushlight.tensor.views import rebase


def change(self: Tensor, function: Callable, *args: object, **kwargs: object) -> Tensor:
    """Write `function(self, *args)` into this tensor, and its history with it."""
    check_writeable(self)
    if not is_recorded(self, *args, *kwargs.values()):
        _write(self, function(self, *args, **kwargs))
        return self
    check_leaf(self)
    before = _before(self)
    result = function(before, *args, **kwargs)
    _write(self, result)
    if result._node is not None:
        attach(self, before, result._node, result._index)
    return self


def is_recorded(self: Tensor, *args: object) -> bool:
    """Whether the graph is to know of a change of this tensor by these arguments."""
    if not mode.enabled:
        return False
    if self.requires_grad:
        return True
    for argument in args:  # noqa: SIM110 (a generator takes as long as all else)
        if isinstance(argument, Tensor) and argument.requires_grad:
            return True
    return False


def check_not_inference(self: Tensor) -> None:
    """Raise where a tensor of inference mode would be changed outside of it."""
    version = self._memory_version
    if version is not None and version.inference and not mode.inference:
        raise RuntimeError(
            message(
                "Inplace update to inference tensor outside InferenceMode is not allowed."
                "You can make a clone to get a normal tensor before doing inplace update.",
                fix="x = x.clone(), or torch.no_grad() instead of torch.inference_mode()",
            )
        )


def check_writeable(self: Tensor) -> None:
    """Raise where the memory must not be written, or one element would be written twice."""
    check_not_inference(self)
    array = memory(self)
    if not array.flags.writeable:
        raise RuntimeError(
            message(
                "a read-only tensor is being used in an in-place operation.",
                "its memory belongs to a NumPy array that is not writeable",
                fix=".clone() first",
            )
        )
    repeats = not array.flags.c_contiguous and any(step == 0 and n > 1 for step, n in zip(array.strides, array.shape))
    if repeats and (type(array) is np.ndarray or array.backend.has_numbers):
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
        fix="x[i] or x.narrow(...), whose views may be changed",
    )


def _leaf_text(what: str) -> str:
    return message(
        f"{what} is being used in an in-place operation.",
        fix="with torch.no_grad(): around it, or the out-of-place form",
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
                fix="the out-of-place form, which may change the dtype",
            )
        )
    if target.shape != array.shape:
        raise RuntimeError(
            f"output with shape {list(target.shape)} doesn't match the broadcast shape {list(array.shape)}"
        )
    quiet(np.copyto, target, array, casting="unsafe")
    record_write(COPY, (), self, (self, result))


def attach(self: Tensor, before: Tensor, node: Node, index: int) -> None:
    """Make `node` the history of this tensor, or of its base where it is a view."""
    if node.own is not None:  # what the node saved of its output lies in this tensor now
        for position in node.own:
            saved = node.saved[position]
            take_memory(saved, self)
            saved._memory_version = version_of(self)
            node.versions[position] = saved._memory_version.count
    if self._base is not None:
        rebase(self, node, edge_of(before))
    else:
        self._node, self._index, self._requires_grad = node, index, True
