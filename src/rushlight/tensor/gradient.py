"""A leaf's gradient: what arrives for the first time may become `.grad` as it is, what comes later is added to it.

In: gradients that the engine has computed. Out: the tensor in `.grad`, whose memory nobody else holds.

Whether anybody else holds it only the reference counts of the tensor and of its memory say, as in PyTorch (which steals
a gradient by the same test). A rule may return what it was given, one tensor for two inputs, a view, or what a user
keeps; a mark "fresh" on results would have to be right in every rule, those of users too, and wrong once it would let
`zero_grad` or an optimiser write into another's numbers. To copy always costs a pass over all weights and fresh memory
in every step (28 ms for 100 MB). What the counts are when nobody else looks depends on the interpreter (how it counts
its own stack has changed between versions), so they are taken once, by the very function that compares.
"""

from __future__ import annotations

import sys

import numpy as np

from rushlight.autograd.graph import record_write
from rushlight.runtime.allocation import empty_like_array
from rushlight.runtime.copying import copy_into
from rushlight.runtime.memory import is_recycled
from rushlight.tensor.arithmetic import ADD
from rushlight.tensor.core import Tensor, elements, memory, wrap, wrap_unordered


def add_in_place(old: Tensor, grad: Tensor) -> None:
    """Add a gradient to the one there is."""
    np.add(old._array, elements(grad), out=old._array)
    record_write(ADD, (1, None), old, (old, grad))


def adopt(leaf: Tensor, entry: list) -> Tensor:
    """The gradient in `entry[1]`, as it is where nobody else holds it, else a copy in the order of the leaf."""
    if _is_ours(entry) and _dense(memory(entry[1])):
        return entry[1]
    copy = empty_like_array(leaf._array, leaf._array.dtype)
    copy_into(copy, elements(entry[1]))
    return wrap(copy)


def _references(entry: list) -> tuple[int, int]:
    return sys.getrefcount(entry[1]), sys.getrefcount(memory(entry[1]))


def _owner_references(array: np.ndarray) -> int:
    owner = array.base
    return sys.getrefcount(owner)


# What the counts are where nobody else holds the gradient; measured, because Pythons differ in how they count.
_ALONE = _references([None, wrap(np.zeros(2))])
_LYING_ALONE = _references([None, wrap_unordered(np.zeros((2, 2)).T)])
_OWNER_ALONE = _owner_references(np.zeros(4)[:2])


def _is_ours(entry: list) -> bool:
    """Whether nobody but `entry` holds the gradient and its memory, so that it may become `.grad` as it is."""
    lying = entry[1]._lying
    if _references(entry) != (_ALONE if lying is None else _LYING_ALONE):
        return False
    if lying is not None and (lying.whole is not None or lying.tensors):
        return False
    array = memory(entry[1])
    if array.base is None:
        return array.flags.owndata
    if isinstance(array.base, np.ndarray):
        return array.flags.writeable and _owner_references(array) == _OWNER_ALONE
    return is_recycled(array)


def _dense(a: np.ndarray) -> bool:
    """Whether an array fills its memory, contiguous or channels-last: such a gradient stays as it lies."""
    return a.flags.c_contiguous or (a.ndim > 2 and a.transpose(0, *range(2, a.ndim), 1).flags.c_contiguous)
