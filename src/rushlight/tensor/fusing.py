"""Code that computes element by element, in one pass over memory.

In: a function of arrays as an operation's derivative or an optimiser's step is written, with NumPy's functions or in
operations on tensors. Out: what it gives, by the engine's `pointwise` of the formulas that `tracing` reads out of it;
None where the code does something else, and then it runs as it is written.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rushlight.autograd.modes import mode
from rushlight.autograd.operation import Gradients, Needs, Operation, define
from rushlight.tensor.core import Tensor, elements, is_in_order, memory, settled, wrap, wrap_unordered

if TYPE_CHECKING:
    from rushlight.rules.expression import Expression

MANY = 1 << 11
"""Elements from which on one pass is quicker than several operations on tensors, at 2 to 4 us each."""

_REMEMBERED = 4096
_formulas: dict[Hashable, tuple | None] = {}


def formulas_of(key: Hashable, function: Callable, arrays: Sequence[np.ndarray]) -> tuple[Expression, ...] | None:
    """The formulas of a function for arrays of these dtypes; None where it has none.

    `key` stands for the function: equal ones do the same with arrays of the same dtypes.
    """
    parts = [key]
    for array in arrays:
        parts += array.dtype.num, array.ndim == 0
    whole = tuple(parts)
    try:
        return _formulas[whole]
    except KeyError:
        pass
    if len(_formulas) >= _REMEMBERED:
        _formulas.clear()
    found = _formulas[whole] = _traced(function, arrays)
    return found


def key_of(row: Operation, attributes: tuple) -> tuple[str, str]:
    """What stands for an operation with its attributes; as text, in which 1, 1.0 and True, and 0.0 and -0.0 differ."""
    return row.name, repr(attributes)


def _traced(function: Callable, arrays: Sequence[np.ndarray]) -> tuple | None:
    from rushlight.backends.protocol import Refused, refusals
    from rushlight.tensor.tracing import traced

    try:
        return traced(function, [array.dtype for array in arrays], [not array.ndim for array in arrays])
    except Exception as error:  # whatever code does with arrays that have no numbers: then NumPy runs it
        refusals.append(Refused("tracing", getattr(function, "__name__", "a partial function"), "", str(error)))
        return None


def computed(
    formulas: tuple[Expression, ...], arrays: Sequence[np.ndarray], out: Sequence[np.ndarray] | None = None
) -> list[np.ndarray] | None:
    """The results of formulas in one pass; None where the engine of this context has none that is fast."""
    from rushlight.backends import registry

    engine = registry.current()
    first = getattr(engine, "engines", (engine,))[0]  # of several: the others are no faster than NumPy's functions
    if first is registry.reference or not hasattr(first, "pointwise"):
        return None
    try:
        return first.pointwise(formulas, *arrays, out=out)
    except (registry.Refusal, ValueError):  # the latter: shapes that do not broadcast, of which the plain code tells
        return None


def prepared(formulas: tuple[Expression, ...], arrays: Sequence[np.ndarray]) -> Callable | None:
    """What computes the formulas of arrays that lie so, in one pass; None where the engine has none that is fast."""
    from rushlight.backends import registry

    engine = registry.current()
    first = getattr(engine, "engines", (engine,))[0]
    if first is registry.reference or not hasattr(first, "prepared_pointwise"):
        return None
    try:
        call = first.prepared_pointwise(formulas, arrays)
        return call if call.outputs else None  # asked for them, what is declined says so
    except (registry.Refusal, ValueError):
        return None


def is_large(*arrays: Any) -> bool:
    """Whether these are the host's, and one has many elements."""
    large = False
    for array in arrays:
        if type(array) is not np.ndarray:
            return False
        large = large or array.size >= MANY
    return large


class _Plan(NamedTuple):
    """A derivative in one pass: its prepared call, and for each gradient its index among what the derivative is told
    and, behind it, what the call gives (None: not wanted). No call where nothing has to be computed."""

    call: Callable | None
    outputs: list[int | None]


_plans: dict[tuple, _Plan | int | None] = {}  # a number: how often the derivative of few elements was computed
_SOON = 4
"""Derivatives of few elements that are computed as they are written, before one pass is worth its compilation. (Of
arrays that lie alike: the results of others may lie otherwise, and sums over them differ in the last bits.)"""


def _are_alike(arrays: Sequence[np.ndarray]) -> bool:
    first = arrays[0]
    return all(array.shape == first.shape and array.strides == first.strides for array in arrays)


def _plan_of(formulas: tuple[Expression, ...], needs: Needs, arrays: list[np.ndarray]) -> _Plan | None:
    fresh = tuple([formula for formula in formulas if formula.op != "input"])
    call = prepared(fresh, arrays) if fresh else None
    if fresh and call is None:
        return None
    each, computed = iter(formulas), len(arrays)
    outputs = []
    for need in needs:
        formula = None if need is None else next(each)
        if formula is None:
            outputs.append(None)
        elif formula.op == "input":
            outputs.append(formula.value)
        else:
            outputs.append(computed)
            computed += 1
    return _Plan(call, outputs)


class Pointwise(Operation):
    """An operation of each element, whose derivative is one pass where nobody differentiates it again."""

    __slots__ = ()

    def differentiate(
        self, attributes: tuple, needs: Needs, grads: Sequence[Tensor | None], saved: Sequence[Tensor | None]
    ) -> Gradients:
        """The gradients of the inputs."""
        if saved and not mode.enabled:
            found = self._in_one_pass(attributes, needs, (*grads, *saved))
            if found is not None:
                return found
        return self.derivative(*attributes, needs, *grads, *saved)

    def _in_one_pass(self, attributes: tuple, needs: Needs, told: tuple[Tensor | None, ...]) -> Gradients | None:
        from rushlight.backends import registry

        key = [self, registry.current(), repr(attributes) if attributes else ""]
        key += [need and need[1] for need in needs]
        arrays, wrapped = [], wrap
        for tensor in told:
            if tensor is None:
                key.append(None)
            elif tensor._lying is None:
                array = tensor._ordered
                if type(array) is not np.ndarray:  # of another device
                    return None
                key += array.shape, array.strides, array.dtype
                arrays.append(array)
            else:
                arrays, wrapped = as_they_lie([tensor for tensor in told if tensor is not None])
                key += [tensor is None for tensor in told]
                for array in arrays:
                    if type(array) is not np.ndarray:
                        return None
                    key += array.shape, array.strides, array.dtype
                break
        key = tuple(key)
        plan = _plans.get(key, 0)
        if type(plan) is int:
            plan = self._planned(key, plan, attributes, needs, told, arrays)
        if plan is None:
            return None
        results = plan.call(arrays) if plan.call is not None else ()
        tensors = [tensor for tensor in told if tensor is not None]
        tensors += map(wrapped, results)
        return tuple([None if output is None else tensors[output] for output in plan.outputs])

    def _planned(
        self, key: tuple, seen: int, attributes: tuple, needs: Needs, told: tuple[Tensor | None, ...], arrays: list
    ) -> _Plan | None:
        """The one pass for these arrays, remembered; None where there is none, or no reason yet to compile it."""
        if len(_plans) >= _REMEMBERED:
            _plans.clear()
        if not is_large(*arrays) and (seen < _SOON or not _are_alike(arrays)):
            _plans[key] = seen + 1 if _are_alike(arrays) else None
            return None
        wanted = [need and need[1] for need in needs]
        name = (*key_of(self, attributes), tuple([tensor is not None for tensor in told]), tuple(wanted))
        formulas = formulas_of(name, partial(self._formulas, attributes, needs, told), arrays)
        plan = _plans[key] = None if formulas is None else _plan_of(formulas, needs, arrays)
        return plan

    def _formulas(
        self, attributes: tuple, needs: Needs, told: Sequence[Tensor | None], *arrays: Any
    ) -> list[np.ndarray]:
        """What the derivative makes of arrays, in the dtypes that the inputs have."""
        rest, watcher = iter(arrays), mode.watcher
        told = [None if tensor is None else wrap(next(rest)) for tensor in told]
        mode.watcher = None
        try:
            gradients = self.derivative(*attributes, needs, *told)
        finally:
            mode.watcher = watcher
        return [memory(g).astype(need[1], copy=False) for g, need in zip(gradients, needs) if need is not None]


define_pointwise = partial(define, of=Pointwise)


def as_they_lie(tensors: Sequence[Tensor]) -> tuple[list[np.ndarray], Callable[[np.ndarray], Tensor]]:
    """Arrays to compute with element by element, and what makes a tensor of the result."""
    arrays = []
    for tensor in tensors:
        if tensor._lying is not None:
            break
        arrays.append(tensor._ordered)
    else:
        return arrays, wrap
    if all(map(is_in_order, tensors)):
        return [elements(tensor) for tensor in tensors], wrap_unordered
    return [settled(tensor)._array for tensor in tensors], wrap
