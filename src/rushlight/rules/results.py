"""What operations give: shapes and dtypes from shapes and dtypes, by integers alone.

In come the layout of each operand, (shape, dtype) or None where there is none, and an operation's attributes; out comes
the layout of each result. These are the parts from which the rows of the table of operations take their `results`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import zip_longest
from typing import Any

from rushlight.core import dtypes

Layout = tuple[tuple[int, ...], Any]  # a shape, and the dtype as the arrays have it
Layouts = Sequence[Layout | None]


def as_first(inputs: Layouts, *attributes: Any) -> list[Layout]:
    """One result like the first operand."""
    return [inputs[0]]


def of_shape(inputs: Layouts, shape: tuple[int, ...], *attributes: Any) -> list[Layout]:
    """One result of the first operand's dtype, whose shape is the first attribute."""
    return [(tuple(shape), inputs[0][1])]


def floating(inputs: Layouts, *attributes: Any) -> list[Layout]:
    """One result like the first operand; of integers and bools, in the default dtype."""
    shape, kind = inputs[0]
    return [(shape, kind if is_floating(kind) else dtypes.get_default_dtype().numpy)]


def broadcast(inputs: Layouts, *attributes: Any) -> list[Layout]:
    """One result of the common shape and dtype; the last attribute is the operand that is a number, or None."""
    return [(shape_of(inputs), promoted(inputs, attributes[-1:]).numpy)]


def of_dtype(kind: Any) -> Callable[..., list[Layout]]:
    """One result of the common shape, in this dtype: comparisons give bools, positions int64."""
    return lambda inputs, *attributes: [(shape_of(inputs), kind)]


def reduced(inputs: Layouts, axes: tuple[int, ...], keepdim: bool, *attributes: Any) -> list[Layout]:
    """One result without those axes, or with 1 in their place."""
    shape, kind = inputs[0]
    return [(without(shape, axes, keepdim), kind)]


def truths(inputs: Layouts, axes: tuple[int, ...], keepdim: bool) -> list[Layout]:
    """One bool for the elements along axes, as an uint8 where they are such."""
    shape, kind = inputs[0]
    return [(without(shape, axes, keepdim), kind if kind == dtypes.uint8.numpy else dtypes.bool.numpy)]


def positions(inputs: Layouts, axis: int | None, keepdim: bool) -> list[Layout]:
    """One position, an int64, along an axis, or among all elements."""
    shape = inputs[0][0]
    axes = range(len(shape)) if axis is None else (axis,)
    return [(without(shape, axes, keepdim), dtypes.int64.numpy)]


def without_axes(inputs: Layouts, axes: tuple[int, ...]) -> list[Layout]:
    """One result without those axes."""
    return reduced(inputs, axes, False)


def with_axis(inputs: Layouts, at: int) -> list[Layout]:
    """One result with an axis of one entry more."""
    shape, kind = inputs[0]
    return [((*shape[:at], 1, *shape[at:]), kind)]


def permuted(inputs: Layouts, order: tuple[int, ...]) -> list[Layout]:
    """One result with the axes in that order."""
    shape, kind = inputs[0]
    return [(tuple([shape[axis] for axis in order]), kind)]


def repeated(inputs: Layouts, times: tuple[int, ...]) -> list[Layout]:
    """One result with each axis so many times as long, the last axes being the operand's."""
    shape, kind = inputs[0]
    shape = (1,) * (len(times) - len(shape)) + shape
    return [(tuple([n * count for n, count in zip(shape, times)]), kind)]


def reinterpreted(inputs: Layouts, kind: Any) -> list[Layout]:
    """One result of the same bytes, read as another dtype."""
    shape, before = inputs[0]
    if before.itemsize == kind.itemsize:
        return [(shape, kind)]
    return [((*shape[:-1], shape[-1] * before.itemsize // kind.itemsize), kind)]


def pieces_of(inputs: Layouts, dim: int, sizes: Sequence[int]) -> list[Layout]:
    """Pieces of an axis, of these sizes."""
    shape, kind = inputs[0]
    return [((*shape[:dim], n, *shape[dim + 1 :]), kind) for n in sizes]


def entries_of(inputs: Layouts, dim: int) -> list[Layout]:
    """The entries of an axis."""
    shape, kind = inputs[0]
    return [((*shape[:dim], *shape[dim + 1 :]), kind)] * shape[dim]


def joined_of(inputs: Layouts, dim: int, sizes: Sequence[int | None]) -> list[Layout]:
    """One result of operands behind each other along an axis, where each has that size; None: it is passed over."""
    shape = next((layout[0] for layout, n in zip(inputs, sizes) if n is not None), inputs[0][0])
    total = sum(n or 0 for n in sizes)
    return [((*shape[:dim], total, *shape[dim + 1 :]), promoted(inputs).numpy)]


def stacked_of(inputs: Layouts, dim: int) -> list[Layout]:
    """One result of operands of one shape along a new axis."""
    shape = inputs[0][0]
    return [((*shape[:dim], len(inputs), *shape[dim:]), promoted(inputs).numpy)]


def windows_of(inputs: Layouts, dim: int, size: int, step: int) -> list[Layout]:
    """One result with the windows of an axis along a new last one."""
    shape, kind = inputs[0]
    if not shape:
        return [((size,), kind)]
    return [((*shape[:dim], (shape[dim] - size) // step + 1, *shape[dim + 1 :], size), kind)]


def diagonal_of(inputs: Layouts, offset: int, a: int, b: int) -> list[Layout]:
    """One result with the diagonal of two axes as its last."""
    shape, kind = inputs[0]
    n = min(shape[a] - max(-offset, 0), shape[b] - max(offset, 0))
    return [((*without(shape, (a, b), False), max(n, 0)), kind)]


def multiplied(inputs: Layouts) -> list[Layout]:
    """One result of two matrices, or batches of them, or vectors."""
    (a, kind), (b, _) = inputs
    batch = shape_of([(a[:-2], kind), (b[:-2], kind)])
    return [((*batch, *a[-2:-1], *(b[-1:] if len(b) > 1 else ())), kind)]


TENSOR = "tensor"
"""What stands in an index for a tensor, which is an operand."""


def indexed(inputs: Layouts, index: tuple) -> list[Layout]:
    """One result: the part of the first operand at an index, its slices as tuples, its tensors the other operands."""
    (shape, kind), *tensors = inputs
    return [(indexed_shape(shape, index, shape_of(tensors) if tensors else ()), kind)]


# -- of what they are made


def indexed_shape(shape: tuple[int, ...], index: tuple, common: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of a part; its tensors broadcast to `common`, which comes where they are if they stand together.

    >>> indexed_shape((4, 5, 6), (0, ..., (1, None, 2), None), ())
    (5, 3, 1)
    >>> indexed_shape((4, 5, 6), ((None, None, None), TENSOR, TENSOR), (7,))
    (4, 7)
    """
    more = len(shape) - sum(item is not None and item is not Ellipsis for item in index)
    found, axis = [], 0
    tensors = [at for at, item in enumerate(index) if item == TENSOR]
    for at, item in enumerate(index):
        if at in tensors[:1] and tensors[-1] - at + 1 == len(tensors):
            found.extend(common)
        if type(item) is tuple:
            found.append(len(range(*slice(*item).indices(shape[axis]))))
        elif item is None:
            found.append(1)
        elif item is Ellipsis:
            found.extend(shape[axis : axis + more])
            axis += more - 1
        axis += item is not None
    found.extend(shape[axis:])
    together = not tensors or tensors[-1] - tensors[0] + 1 == len(tensors)
    return tuple(found) if together else (*common, *found)


def without(shape: tuple[int, ...], axes: Sequence[int], keepdim: bool) -> tuple[int, ...]:
    """A shape without axes, or with 1 in their place.

    >>> without((2, 3, 4), (1,), False), without((2, 3, 4), (1,), True)
    ((2, 4), (2, 1, 4))
    """
    if keepdim:
        return tuple([1 if axis in axes else n for axis, n in enumerate(shape)])
    return tuple([n for axis, n in enumerate(shape) if axis not in axes])


def shape_of(inputs: Layouts) -> tuple[int, ...]:
    """The shape to which operands broadcast."""
    shapes = [layout[0] for layout in inputs if layout is not None]
    if len(shapes) == 1:
        return shapes[0]
    axes = zip_longest(*[shape[::-1] for shape in shapes], fillvalue=1)
    return tuple([next((n for n in sizes if n != 1), 1) for sizes in axes])[::-1]


def promoted(inputs: Layouts, numbers: Sequence[Any] = ()) -> dtypes.dtype:
    """The dtype that an operation on these operands, and on numbers (None where there is none), computes in."""
    kinds = [(dtypes.of_numpy(kind), len(shape)) for shape, kind in filter(None, inputs)]
    return promoted_kinds([*kinds, *((dtypes.of_scalar(number), None) for number in numbers if number is not None)])


def promoted_kinds(operands: Sequence[tuple[dtypes.dtype, int | None]]) -> dtypes.dtype:
    """The common dtype of operands by their dtypes and numbers of axes, None for a number of Python's.

    Three classes, each weaker than the one before: tensors with axes, 0-dim tensors, numbers.
    """
    classes: list[dtypes.dtype | None] = [None, None, None]
    for kind, axes in operands:
        at = 2 if axes is None else 1 if axes == 0 else 0
        classes[at] = kind if classes[at] is None else dtypes.promote_types(classes[at], kind)
    return dtypes.common(classes[0], dtypes.common(classes[1], classes[2]))


def is_floating(kind: Any) -> bool:
    """Whether elements of this dtype are floating-point numbers."""
    return dtypes.of_numpy(kind).category == dtypes.FLOATING
