"""What NumPy's functions give, without computing it: shape, dtype and order of the axes.

In: the arguments of a call, arrays with or without memory. Out: the `Layout` of the result, or a list of several. The
dtype is found by calling the function itself on arrays of one entry.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np

from rushlight.backends.array import ARRAYS, Shape, broadcast, steps, steps_in_order
from rushlight.backends.protocol import Layout
from rushlight.core.errors import message


def of_ufunc(function: Any, args: tuple, options: dict[str, Any]) -> Layout | list[Layout] | None:
    """What a ufunc gives, or one of its methods."""
    if isinstance(function, np.ufunc):
        return _product(*args) if function.signature else _by_element(function, args, options)
    name = function.__name__
    if name == "at":
        return None
    if name == "reduce":
        return _reduced(function, *args, **{"axis": 0, **options})
    if name == "accumulate":
        return Layout(args[0].shape, _kind(function, args[:1], options))
    raise NotImplementedError(f"{name} of {function.__self__.__name__}")


def _tiny(value: Any, ndim: int | None = None) -> Any:
    """A stand-in of one entry; numbers are themselves."""
    if isinstance(value, ARRAYS):
        return np.ones((1,) * (value.ndim if ndim is None else ndim), value.dtype)
    return value


@np.errstate(all="ignore")
def _kind(function: Callable, args: Sequence, options: dict[str, Any]) -> np.dtype:
    return np.asarray(function(*map(_tiny, args), **options)).dtype


def in_order(shape: Shape, operands: Sequence[Any], itemsize: int) -> Shape:
    """The strides of a result without gaps whose axes follow each other as NumPy lets those of the operands do."""
    arrays = [a for a in operands if isinstance(a, ARRAYS)]
    if all(a.flags.c_contiguous for a in arrays):
        return steps(shape, itemsize)
    lacking = [(0,) * (len(shape) - a.ndim) for a in arrays]
    strides = [
        [*lead, *(0 if n == 1 else abs(s) for n, s in zip(a.shape, a.strides))] for lead, a in zip(lacking, arrays)
    ]
    return steps_in_order(shape, _sorted_axes(len(shape), strides), itemsize)


def _sorted_axes(ndim: int, strides: Sequence[Sequence[int]]) -> list[int]:
    """Axes by falling strides; where operands do not agree, and where they say nothing, in their own order."""
    order = list(range(ndim))[::-1]  # innermost first
    for i in range(1, ndim):
        at = i
        for j in range(i - 1, -1, -1):
            pairs = [(its[order[i]], its[order[j]]) for its in strides if its[order[i]] and its[order[j]]]
            if pairs:
                if any(inner <= outer for outer, inner in pairs):
                    break
                at = j
        order.insert(at, order.pop(i))
    return order[::-1]


def copied_onto(shape: Shape, other: Shape) -> None:
    """ValueError where an array of the other shape cannot be written to one of the first."""
    lead = len(shape) - len(other)
    if any(n != 1 for n in other[: max(-lead, 0)]) or any(
        n not in (1, m) for n, m in zip(other[max(-lead, 0) :], shape[max(lead, 0) :])
    ):
        raise ValueError(f"could not broadcast input array from shape {other} into shape {shape}")


# -- rules of functions


def _by_element(function: Callable, args: Sequence, options: dict[str, Any]) -> Layout | list[Layout]:
    shape = broadcast(*[a.shape for a in args if isinstance(a, ARRAYS)])
    with np.errstate(all="ignore"):
        found = function(*[_tiny(a, 1) for a in args], **options)
    results = [Layout(shape, r.dtype, in_order(shape, args, r.itemsize)) for r in np.atleast_1d(*_listed(found))]
    return results if isinstance(found, tuple) else results[0]


def _listed(found: Any) -> tuple:
    return (*found, np.zeros(1)) if isinstance(found, tuple) else (found, np.zeros(1))


def _reduced(
    function: Callable, a: Any, axis: Any = None, dtype: Any = None, out: None = None, keepdims: bool = False,
    **options: Any,
) -> Layout:  # fmt: skip
    axes = (
        range(a.ndim) if axis is None else [n % max(a.ndim, 1) for n in (axis if isinstance(axis, tuple) else (axis,))]
    )
    if dtype is not None:
        options["dtype"] = dtype
    if 0 in [a.shape[i] for i in axes if a.ndim]:
        function(np.empty([0 if i in axes else 1 for i in range(a.ndim)], a.dtype), axis=tuple(axes), **options)
    kept = [n if i not in axes else 1 for i, n in enumerate(a.shape) if keepdims or i not in axes]
    tiny = np.ones((1,), a.dtype)
    with np.errstate(all="ignore"):
        kind = np.asarray(function(tiny, axis=0, **options)).dtype
    return Layout(tuple(kept), kind)


def _reduction(function: Callable) -> Callable:
    return lambda a, *args, **options: _reduced(function, a, *args, **options)


def _index_of(function: Callable) -> Callable:
    return lambda a, axis=None, **options: _reduced(function, a, axis, **options)


def _alike(function: Callable) -> Callable:
    """A function that keeps the shape and the dtype."""
    return lambda a, *args, **options: Layout(a.shape, a.dtype, in_order(a.shape, (a,), a.itemsize))


def _element(function: Callable) -> Callable:
    return lambda *args, **options: _by_element(function, args, options)


def _running(function: Callable) -> Callable:
    def rule(a: Any, axis: int | None = None, dtype: Any = None) -> Layout:
        shape = (a.size,) if axis is None else a.shape
        return Layout(shape, _kind(function, [np.ones(1, a.dtype)], {"dtype": dtype}))

    return rule


def _like(a: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None) -> Layout:
    kind = a.dtype if dtype is None else np.dtype(dtype)
    shape = a.shape if shape is None else tuple(shape)
    return Layout(shape, kind, in_order(shape, (a,), kind.itemsize))


def _full_like(a: Any, value: Any, *args: Any, **options: Any) -> Layout:
    return _like(a, *args, **options)


def _product(a: Any, b: Any) -> Layout:
    """A matrix product, of stacks of matrices too."""
    if not a.ndim or not b.ndim or a.shape[-1] != b.shape[-2 if b.ndim > 1 else 0]:
        raise ValueError(f"matmul: Input operands do not fit: {a.shape} and {b.shape}")
    lead = broadcast(a.shape[:-2], b.shape[:-2])
    core = (*a.shape[-2:-1], *(b.shape[-1:] if b.ndim > 1 else ()))
    kind = np.result_type(a.dtype, b.dtype)
    many = [x[(..., *[0] * min(x.ndim, 2))] for x in (a, b) if x.size]  # what is one of each matrix
    outer = in_order(lead, many, math.prod(core) * kind.itemsize)
    return Layout((*lead, *core), kind, (*outer, *steps(core, kind.itemsize)))


def _dot(a: Any, b: Any) -> Layout | list[Layout]:
    if a.ndim > 1 and b.ndim > 2:
        raise NotImplementedError("dot of stacks")
    return _product(a, b) if a.ndim and b.ndim else _by_element(np.multiply, (a, b), {})


def _tensor_product(a: Any, b: Any, axes: Any = 2) -> Layout:
    if isinstance(axes, int):
        axes = range(a.ndim - axes, a.ndim), range(axes)
    mine, its = ([n % x.ndim for n in (v if hasattr(v, "__iter__") else (v,))] for v, x in zip(axes, (a, b)))
    kept = [n for i, n in enumerate(a.shape) if i not in mine] + [n for i, n in enumerate(b.shape) if i not in its]
    return Layout(tuple(kept), np.result_type(a.dtype, b.dtype))


def _summed(subscripts: str, *operands: Any, **options: Any) -> Layout:
    """einsum, with its axes named by letters."""
    inputs, _, output = subscripts.replace(" ", "").partition("->")
    sizes: dict[str, int] = {}
    for names, operand in zip(inputs.split(","), operands):
        sizes |= {name: n for name, n in zip(names, operand.shape) if sizes.get(name, 1) == 1}
    return Layout(tuple([sizes[name] for name in output]), np.result_type(*[a.dtype for a in operands]))


def _joined(arrays: Sequence[Any], axis: int = 0, **options: Any) -> Layout:
    first = arrays[0]
    shape = list(first.shape)
    shape[axis] = sum(a.shape[axis] for a in arrays)
    kind = np.result_type(*[a.dtype for a in arrays])
    return Layout(tuple(shape), kind, in_order(tuple(shape), arrays, kind.itemsize))


def _stacked(arrays: Sequence[Any], axis: int = 0) -> Layout:
    at = axis % (arrays[0].ndim + 1)
    return _joined([a[(*[slice(None)] * at, None)] for a in arrays], at)


def _repeated(a: Any, repeats: int, axis: int | None = None) -> Layout:
    shape = [a.size] if axis is None else list(a.shape)
    shape[axis or 0] = shape[axis or 0] * repeats if np.ndim(repeats) == 0 else int(np.sum(repeats))
    return Layout(tuple(shape), a.dtype)


def _tiled(a: Any, reps: Sequence[int]) -> Layout:
    counts = np.atleast_1d(reps).tolist()
    ndim = max(len(counts), a.ndim)
    shape, times = (1,) * (ndim - a.ndim) + a.shape, [1] * (ndim - len(counts)) + counts
    return Layout(tuple([n * r for n, r in zip(shape, times)]), a.dtype)


def _along(a: Any, indices: Any, axis: int) -> Layout:
    at = axis % a.ndim
    shape = [n if i == at else max(n, m) for i, (n, m) in enumerate(zip(indices.shape, a.shape))]
    return Layout(tuple(shape), a.dtype)


def _taken(a: Any, indices: Any, axis: int | None = None, **options: Any) -> Layout:
    if axis is None:
        return Layout(np.shape(indices), a.dtype)
    at = axis % a.ndim
    return Layout((*a.shape[:at], *np.shape(indices), *a.shape[at + 1 :]), a.dtype)


def _diagonal_matrix(v: Any, k: int = 0) -> Layout:
    if v.ndim == 1:
        return Layout((v.size + abs(k),) * 2, v.dtype)
    rows, columns = v.shape[0] - max(-k, 0), v.shape[1] - max(k, 0)
    return Layout((max(min(rows, columns), 0),), v.dtype)


def _copied(dst: Any, src: Any, casting: str = "same_kind", where: Any = True) -> None:
    copied_onto(dst.shape, np.shape(src))


def _whole(kind: type, of: int) -> Callable:
    return lambda *args, **options: Layout(np.shape(args[of]), np.dtype(kind))


def _nothing(*args: Any, **options: Any) -> None:
    pass


def _singular(a: Any, full_matrices: bool = True) -> list[Layout]:
    """The singular vectors and values of matrices."""
    *lead, rows, columns = a.shape
    few = min(rows, columns)
    sides = (rows, columns) if full_matrices else (few, few)
    shapes = (*lead, rows, sides[0]), (*lead, few), (*lead, sides[1], columns)
    return [Layout(shape, a.dtype) for shape in shapes]


def _depends(function: Callable) -> Callable:
    def rule(*args: Any, **options: Any) -> NoReturn:
        raise NotImplementedError(
            message(f"{function.__name__}: its result depends on numbers, which a tensor on the meta device lacks")
        )

    return rule


RULES: dict[Callable, Callable] = {
    **{f: _element(f) for f in (np.where, np.clip, np.nan_to_num, np.round, np.isclose, np.isposinf, np.isneginf)},
    **{f: _reduction(f) for f in (np.sum, np.prod, np.mean, np.std, np.var)},
    **{f: _index_of(f) for f in (np.max, np.min, np.amax, np.amin, np.any, np.all, np.argmax, np.argmin)},
    **{f: _index_of(f) for f in (np.count_nonzero, np.median)},
    **{f: _running(f) for f in (np.cumsum, np.cumprod)},
    **{f: _alike(f) for f in (np.sort, np.roll, np.tril, np.triu)},
    **dict.fromkeys((np.zeros_like, np.ones_like, np.empty_like), _like),
    **dict.fromkeys((np.put_along_axis, np.fill_diagonal), _nothing),
    **{f: _depends(f) for f in (np.nonzero, np.unique, np.bincount, np.allclose, np.array_equal)},
    np.linalg.svd: _singular, np.full_like: _full_like, np.copyto: _copied, np.argsort: _whole(np.int64, 0),
    np.searchsorted: _whole(np.int64, 1), np.isin: _whole(np.bool_, 0), np.dot: _dot, np.tensordot: _tensor_product,
    np.einsum: _summed, np.concatenate: _joined, np.stack: _stacked, np.repeat: _repeated, np.tile: _tiled,
    np.take_along_axis: _along, np.take: _taken, np.diag: _diagonal_matrix,
}  # fmt: skip
