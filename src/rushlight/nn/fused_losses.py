"""Losses that are a formula of each element, summed: one pass over memory forward, and one backward.

In: a function of tensors that gives the loss of each element, written in operations on tensors; its formula is read out
of it, and so is that of its gradient. Out: the loss, recorded as one operation. Where no engine has the formula, and
where gradients will be differentiated again, the function runs as it is written.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from rushlight.autograd.engine import grad as gradients
from rushlight.autograd.graph import record
from rushlight.autograd.modes import enable_grad, mode, no_grad
from rushlight.autograd.operation import Gradients, Operation, define
from rushlight.core.dtypes import code_of
from rushlight.rules.expression import Expression, inputs, result_dtypes
from rushlight.rules.reduction import Reduction
from rushlight.rules.results import Layout, Layouts, promoted, shape_of
from rushlight.tensor.core import Tensor, memory, wrap
from rushlight.tensor.fusing import as_they_lie, computed, formulas_of
from rushlight.tensor.reducing import TINY, reduced

Function = Callable[..., Tensor]
_total, _count = inputs(2)
_BEHIND = {"sum": _total, "mean": _total / _count}
_known: dict[tuple[Expression, str, str], Reduction] = {}


def define_loss(name: str, node: str, function: Function, slopes: Function | None = None) -> Callable[..., Tensor]:
    """A loss, called as `loss(reduction, attributes, *tensors)`; `function(*tensors, *attributes)` gives that of each
    element. Tensors, the last of which may be None, have one device; those of them that are None are left out.

    `slopes(wanted, slope, *tensors, *attributes)` gives the gradients of those that are wanted, where it isn't that of
    `function`."""
    row = define(
        name,
        node,
        derivative=partial(_rule, name, partial(_slopes, function) if slopes is None else slopes),
        results=_layout,
        lowering=partial(_lowered, function),
    )
    return partial(_computed, row, function)


def _layout(inputs: Layouts, reduction: str, *attributes: Any) -> list[Layout]:
    given = [layout for layout in inputs if layout is not None]
    return [(shape_of(given) if reduction == "none" else (), promoted(given).numpy)]


def _lowered(function: Function, *given: Any) -> np.ndarray:
    count = next(n for n, value in enumerate(given) if isinstance(value, str))
    tensors = [wrap(array) for array in given[:count] if array is not None]
    with no_grad():
        return _finished(function(*tensors, *given[count + 1 :]), given[count])._array


def _finished(losses: Tensor, reduction: str) -> Tensor:
    return losses if reduction == "none" else losses.mean() if reduction == "mean" else losses.sum()


def _computed(row: Operation, function: Function, reduction: str, attributes: tuple, *tensors: Tensor | None) -> Tensor:
    given = [tensor for tensor in tensors if tensor is not None]
    result = _in_one_pass(row.name, function, reduction, attributes, given)
    if result is None:
        with no_grad():
            before, mode.watcher = mode.watcher, None
            try:
                result = _finished(function(*given, *attributes), reduction)
            finally:
                mode.watcher = before
    record(row, (reduction, *attributes), result, tuple(tensors), tensors)
    return result


def _in_one_pass(
    name: str, function: Function, reduction: str, attributes: tuple, tensors: list[Tensor]
) -> Tensor | None:  # fmt: skip
    arrays = _arrays(tensors)
    if arrays is None:
        return None
    arrays, wrapped = arrays
    formulas = formulas_of((name, repr(attributes)), partial(_traced, function, attributes), arrays)
    if formulas is None:
        return None
    if reduction == "none":
        found = computed(formulas, arrays)
        return None if found is None else wrapped(found[0])
    codes = tuple([code_of(array.dtype) for array in arrays])
    found = reduced(_reduction(formulas[0], reduction, codes), tuple(range(_rank(arrays))), False, *arrays)
    return None if found is None else wrap(found[0])


def _arrays(tensors: list[Tensor]) -> tuple[list[np.ndarray], Callable] | None:
    """The tensors' memory and what makes a tensor of a result; None where it is not the host's, or little."""
    if not all(type(memory(tensor)) is np.ndarray for tensor in tensors) or memory(tensors[0]).size <= TINY:
        return None
    return as_they_lie(tensors)


def _rank(arrays: list[np.ndarray]) -> int:
    return max(array.ndim for array in arrays)


def _reduction(formula: Expression, reduction: str, codes: tuple[str, ...]) -> Reduction:
    """The sum or mean of a formula, in the dtype that the formula has."""
    key = (formula, reduction, codes)
    found = _known.get(key)
    if found is None:
        if len(_known) > 1000:
            _known.clear()
        gives = result_dtypes((formula,), codes)
        found = _known[key] = Reduction(("sum",), (formula,), (_BEHIND[reduction],), gives)
    return found


def _traced(function: Function, attributes: tuple, *arrays: Any) -> Any:
    with no_grad():
        return memory(function(*map(wrap, arrays), *attributes))


# -- gradients


def _rule(name: str, slopes: Function, reduction: str, *told: Any) -> Gradients:
    at = next(n for n, value in enumerate(told) if isinstance(value, tuple))  # the needs, behind the attributes
    attributes, needs, slope, tensors = told[:at], told[at], told[at + 1], told[at + 2 :]
    given = [tensor for tensor in tensors if tensor is not None]
    wanted = [need is not None for need, tensor in zip(needs, tensors) if tensor is not None]
    if reduction == "mean":
        slope = slope / max(1, _elements(given))
    found = None if mode.enabled else _slopes_in_one_pass(name, slopes, attributes, wanted, slope, given)
    if found is None:
        found = slopes(wanted, slope, *given, *attributes)
    found = iter(found)
    return tuple([None if need is None else next(found) for need in needs])


def _elements(tensors: list[Tensor]) -> int:
    size = 1
    for n in shape_of([(memory(tensor).shape, None) for tensor in tensors]):
        size *= n
    return size


def _slopes(function: Function, wanted: list[bool], slope: Tensor, *given: Any) -> tuple[Tensor, ...]:
    """By operations on tensors; recorded where this is to be differentiated again."""
    graph, tensors, attributes = mode.enabled, given[: len(wanted)], given[len(wanted) :]
    with enable_grad():
        leaves = [
            tensor if graph and tensor.requires_grad else tensor.detach().requires_grad_(want)
            for tensor, want in zip(tensors, wanted)
        ]
        losses = function(*leaves, *attributes)
        some = [leaf for leaf, want in zip(leaves, wanted) if want]
        return gradients(losses, some, slope.expand(memory(losses).shape), create_graph=graph, materialize_grads=True)


def _slopes_in_one_pass(
    name: str, slopes: Function, attributes: tuple, wanted: list[bool], slope: Tensor, tensors: list[Tensor]
) -> list[Tensor] | None:
    found = _arrays([*tensors, slope])
    shape = shape_of([(memory(tensor).shape, None) for tensor in tensors])
    if found is None or any(memory(tensor).shape != shape for tensor, want in zip(tensors, wanted) if want):
        return None  # what is broadcast is summed, which is no formula
    arrays, wrapped = found

    def traced(*arrays: Any) -> tuple:
        *some, along = map(wrap, arrays)
        kinds = [array.dtype for array, want in zip(arrays, wanted) if want]
        found = slopes(wanted, along, *some, *attributes)
        return tuple([memory(gradient).astype(kind, copy=False) for gradient, kind in zip(found, kinds)])

    formulas = formulas_of((name, "slopes", repr(attributes), tuple(wanted)), traced, arrays)
    results = None if formulas is None else computed(formulas, arrays)
    return None if results is None else list(map(wrapped, results))
