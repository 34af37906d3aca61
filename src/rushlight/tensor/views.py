"""In-place changes of views, as the graph sees them.

A view and its base lie in one piece of memory. Where a view is changed in place, the base gets a new node
("CopySlices": its old value with the slice replaced), and
every other view of that base gets its history again from the base when next asked for it. Both need only where the view
lies in the base's memory, which the two arrays tell.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from rushlight.autograd.graph import Edge, Node, edge_of, record
from rushlight.autograd.operation import Gradients, Needs, Operation, define
from rushlight.backends.array import steps
from rushlight.rules.results import as_first
from rushlight.runtime.allocation import zeros_beside
from rushlight.tensor.core import Tensor, wrap


class Region(NamedTuple):
    """Where a view lies in its base: shapes, and strides and offsets in bytes into a buffer of `nbytes`."""

    base_shape: tuple[int, ...]
    base_strides: tuple[int, ...]
    base_offset: int
    view_shape: tuple[int, ...]
    view_strides: tuple[int, ...]
    view_offset: int
    nbytes: int

    @classmethod
    def of(cls, view: np.ndarray, base: np.ndarray) -> Region:
        """The region of `view` in `base`."""
        if type(base) is not np.ndarray:
            extents = [(n - 1) * s for n, s in zip(base.shape, base.strides)] if base.size else []
            low, high = sum(r for r in extents if r < 0), sum(r for r in extents if r > 0) + base.itemsize
            return cls(
                base.shape, base.strides, -low, view.shape, view.strides, view.offset - base.offset - low, high - low
            )
        low, high = np.lib.array_utils.byte_bounds(base)
        start, at = base.__array_interface__["data"][0], view.__array_interface__["data"][0]
        return cls(base.shape, base.strides, start - low, view.shape, view.strides, at - low, high - low)

    @classmethod
    def cut(cls, shape: tuple[int, ...], kind: np.dtype, cut: Callable) -> Region:
        """The region of the view that `cut` takes of a contiguous array of this shape and dtype."""
        # One element stands for all: where they would be is asked, not what they are.
        whole = np.lib.stride_tricks.as_strided(np.empty((), kind), shape, steps(shape, kind.itemsize))
        return cls.of(cut(whole), whole)

    def lay_out(self, like: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Fresh memory of an array's dtype, on its device, seen as the base and as the view."""
        kind = like.dtype
        if type(like) is not np.ndarray:
            memory = like.backend.zeros((self.nbytes // kind.itemsize,), kind)
            views = (
                (self.base_shape, self.base_strides, self.base_offset),
                (self.view_shape, self.view_strides, self.view_offset),
            )
            return memory.seen(*views[0]), memory.seen(*views[1])
        buffer = np.zeros(self.nbytes, np.uint8)
        base = np.ndarray(self.base_shape, kind, buffer, self.base_offset, self.base_strides)
        if 0 in self.view_shape:
            return base, np.empty(self.view_shape, kind)
        return base, np.ndarray(self.view_shape, kind, buffer, self.view_offset, self.view_strides)

    def overlaps(self) -> bool:
        """Whether two elements of the view may be one in memory (`expand`, `unfold`)."""
        extent = 0
        for stride, size in sorted((s, n) for s, n in zip(self.view_strides, self.view_shape) if n > 1):
            if stride <= extent:
                return True
            extent += (size - 1) * stride
        return False


def read(base: Tensor, region: Region) -> Tensor:
    """The part of `base` at `region`, as a copy."""
    result = wrap(part_at(base._array, region))
    record(READ, (region,), result, (base,))
    return result


def add(part: Tensor, region: Region) -> Tensor:
    """Zeros of the base's shape with `part` added at `region`; the adjoint of `read`."""
    result = wrap(_added(part._array, region))
    record(ADD_AT, (region,), result, (part,))
    return result


def part_at(base: np.ndarray, region: Region) -> np.ndarray:
    """The part of an array at `region`, as a copy."""
    whole, part = region.lay_out(base)
    whole[...] = base
    return part.copy()


def _added(part: np.ndarray, region: Region) -> np.ndarray:
    whole, target = region.lay_out(part)
    if region.overlaps() and type(part) is not np.ndarray:
        device = part.backend  # a view that its memory cannot tell apart is added up by the host
        return device.from_host(_added(device.to_host(part), region)) if device.has_numbers else whole
    if region.overlaps():
        _add_overlapping(target, part)
    else:
        target[...] = part
    return whole


READ = define(
    "read_at",
    "AsStridedBackward0",
    derivative=lambda region, needs, grad: (add(grad, region),),
    results=lambda inputs, region: [(region.view_shape, inputs[0][1])],
    lowering=part_at,
)
ADD_AT = define(
    "add_at",
    "AsStridedBackward0",
    derivative=lambda region, needs, grad: (read(grad, region),),
    results=lambda inputs, region: [(region.base_shape, inputs[0][1])],
    lowering=_added,
)


def _add_overlapping(target: np.ndarray, part: np.ndarray) -> None:
    if not part.size:
        return
    at = sum(np.ix_(*(np.arange(n) * (s // target.itemsize) for n, s in zip(target.shape, target.strides))))
    sums = np.bincount(at.reshape(-1), part.reshape(-1).astype(np.float64))
    whole = np.lib.stride_tricks.as_strided(target, sums.shape, (target.itemsize,))
    whole[...] = sums.astype(target.dtype)


def replace(base: Tensor, part: Tensor, region: Region) -> Tensor:
    """`base` with the part at `region` replaced."""
    result = wrap(_replaced(base._array, part._array, region))
    record(REPLACE, (region,), result, (base, part))
    return result


def _replaced(base: np.ndarray, part: np.ndarray, region: Region) -> np.ndarray:
    whole, target = region.lay_out(base)
    whole[...] = base
    target[...] = part
    return whole


def _replace_rule(region: Region, needs: Needs, grad: Tensor) -> Gradients:
    in_region = read(grad, region)
    return replace(grad, wrap(np.zeros_like(in_region._array)), region), in_region


REPLACE = define("replace_at", "CopySlices", derivative=_replace_rule, results=as_first, lowering=_replaced)


def replay_history(view: Tensor) -> None:
    """Give a view the node that leads to its base as the base is now."""
    base = view._base
    if base.requires_grad:
        region = Region.of(view._array, base._array)
        edge = edge_of(base)
        view._node = Node(READ, (region,), [edge], (view,))
        view._index, view._requires_grad = 0, True
    view._seen = view._memory_version.count


_COPY_SLICES = Operation("copy_slices", "torch::autograd::CopySlices", None)


class CopySlices(Node):
    """An in-place change of a view, as a node of its base: outside of the slice the gradient passes by."""

    __slots__ = ("change", "first", "region")

    def __init__(self, view: Tensor, change: Node, before: Edge | None) -> None:
        base = view._base
        # The change's way to the view as it was, where it has one at its first input, is taken over by the base.
        self.first = 1 if _same_edge(change.edges[0], before) else 0
        super().__init__(_COPY_SLICES, (), [edge_of(base), *change.edges[self.first :]], (base,))
        self.change = change
        self.region = Region.of(view._array, base._array)

    def apply(self, grads: list[Tensor | None], needs: Needs) -> Gradients:
        """The gradients of the base before the change, and of what the change took in."""
        (grad,) = grads
        others = needs[1:]
        if self.first:
            others = (needs[0] and (self.region.view_shape, needs[0][1]), *others)
        results = self.change.apply([read(grad, self.region)], others)
        others = results[self.first :]
        if not needs[0]:
            return (None, *others)
        part = results[0] if self.first else None
        if part is None:
            part = wrap(zeros_beside(grad._array, self.region.view_shape, grad._array.dtype))
        return (replace(grad, part, self.region), *others)

    def release(self) -> None:
        """Let go of what the change saved."""
        self.change.release()


def _same_edge(a: Edge | None, b: Edge | None) -> bool:
    return a is b or (a is not None and b is not None and a[0] is b[0] and a[1] == b[1])


def rebase(view: Tensor, change: Node, before: Edge | None) -> None:
    """Give the base of a view the history of an in-place change of the view, which `change` recorded.

    `before` is the edge that led to the view until then.
    """
    base = view._base
    node = CopySlices(view, change, before)
    base._node, base._index, base._requires_grad = node, 0, True
