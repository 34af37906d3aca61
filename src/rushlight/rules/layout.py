"""How the result of an operation on numbers, element by element, lies: its shape, and the order of its axes in memory.

In: shapes and strides of the operands. Out: PyTorch's answer, which all backends give. Integers only.
"""

from __future__ import annotations

from collections.abc import Sequence

Shape = tuple[int, ...]


def broadcast(*shapes: Shape) -> Shape:
    """The shape that several broadcast to; ValueError where they do not.

    >>> broadcast((3, 1), (4,)), broadcast((2, 3, 4), (3, 1), ())
    ((3, 4), (2, 3, 4))
    """
    first = shapes[0]
    if all(shape == first for shape in shapes):
        return first
    rank = max(map(len, shapes))
    found = []
    for sizes in zip(*[(1,) * (rank - len(shape)) + shape for shape in shapes]):
        size = next((n for n in sizes if n != 1), 1)
        if any(n not in (1, size) for n in sizes):
            raise ValueError(f"shapes {', '.join(str(list(shape)) for shape in shapes)} do not broadcast")
        found.append(size)
    return tuple(found)


def broadcast_strides(shape: Shape, strides: Sequence[int], to: Shape) -> Shape:
    """The strides of an array seen in the shape that it is broadcast to: 0 where it repeats.

    >>> broadcast_strides((3, 1), (4, 4), (2, 3, 5))
    (0, 4, 0)
    """
    more = len(to) - len(shape)
    return (0,) * more + tuple([0 if n == 1 != m else stride for n, stride, m in zip(shape, strides, to[more:])])


def is_contiguous(shape: Shape, strides: Shape, itemsize: int) -> bool:
    """Whether elements lie without gaps in the order of the axes; axes of one entry may have any stride."""
    if 0 in shape:
        return True
    step = itemsize
    for n, stride in zip(reversed(shape), reversed(strides)):
        if n != 1:
            if stride != step:
                return False
            step *= n
    return True


def axis_order(shape: Shape, operands: Sequence[tuple[Shape, Shape, int]]) -> tuple[int, ...]:
    """The axes of a result in this shape, from the outermost to the innermost in memory.

    Operands have a shape, strides in bytes and an item size. Where all are contiguous so is the result, and so for
    channels-last ones. Otherwise the first operand decides in which two axes differ and both move, and where none
    does, they keep their order.

    >>> axis_order((2, 3, 4), [((2, 3, 4), (12, 1, 3), 1)]), axis_order((2, 3), [((3,), (1,), 1), ((2, 1), (1, 1), 1)])
    ((0, 2, 1), (0, 1))
    """
    rank = len(shape)
    for order in (tuple(range(rank)), (0, *range(2, rank), 1)):
        if all(_lies_so(order, shape, *operand) for operand in operands):
            return order
        if rank not in (4, 5):
            break
    strides = [broadcast_strides(own, given, shape) for own, given, _ in operands]
    inward = list(range(rank - 1, -1, -1))  # from the innermost axis out, sorted by insertion
    for last in range(1, rank):
        here = last
        for before in range(last - 1, -1, -1):
            order = _compare(inward[before], inward[here], shape, strides)
            if order > 0:
                inward[before], inward[here] = inward[here], inward[before]
                here = before
            elif order < 0:
                break
    return tuple(reversed(inward))


def _lies_so(order: Sequence[int], shape: Shape, own: Shape, strides: Shape, itemsize: int) -> bool:
    """Whether an operand has the whole shape, without gaps in this order of its axes."""
    if own != shape:
        return False
    return is_contiguous(tuple([own[axis] for axis in order]), tuple([strides[axis] for axis in order]), itemsize)


def _compare(inner: int, outer: int, shape: Shape, operands: Sequence[Shape]) -> int:
    """Above 0 where the axis `inner` belongs outside of `outer`, below 0 where it belongs inside, else 0."""
    for strides in operands:
        a, b = abs(strides[inner]), abs(strides[outer])
        if not a or not b:
            continue
        if a != b:
            return 1 if a > b else -1
        if shape[inner] > shape[outer]:
            return 1
    return 0


def order_of_copy(shape: tuple[int, ...], strides: tuple[int, ...], itemsize: int) -> list[int]:
    """The order in memory of the axes of what is like an array: as they follow each other in it. Of an expanded axis
    nobody knows where it belongs: it stays where it is.

    >>> order_of_copy((2, 3), (4, 8), 4), order_of_copy((2, 3), (0, 4), 4)
    ([1, 0], [0, 1])
    """
    if 0 in strides:
        return list(axis_order(shape, [(shape, strides, itemsize)]))
    return sorted(range(len(shape)), key=lambda axis: -abs(strides[axis]))  # stable: ties keep their order
