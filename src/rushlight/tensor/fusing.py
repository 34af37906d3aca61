"""Code that computes element by element, in one pass over memory.

In: a function of arrays as an operation's derivative or an optimiser's step is written, with NumPy's functions or in
operations on tensors. Out: what it gives, by the engine's `pointwise` of the formulas that `tracing` reads out of it;
None where the code does something else, and then it runs as it is written.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

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
    except (registry.Refusal, ValueError):  # the latter: shapes that do not meet, of which the plain code tells
        return None


def is_large(*arrays: Any) -> bool:
    """Whether these are the host's, and one has many elements."""
    large = False
    for array in arrays:
        if type(array) is not np.ndarray:
            return False
        large = large or array.size >= MANY
    return large


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

    def _in_one_pass(self, attributes: tuple, needs: Needs, told: Sequence[Tensor | None]) -> Gradients | None:
        tensors = [tensor for tensor in told if tensor is not None]
        if not is_large(*map(memory, tensors)):
            return None
        arrays, wrapped = as_they_lie(tensors)
        wanted = [None if need is None else need[1] for need in needs]
        key = (*key_of(self, attributes), tuple([tensor is not None for tensor in told]), tuple(wanted))
        formulas = formulas_of(key, partial(self._formulas, attributes, needs, told), arrays)
        if formulas is None:
            return None
        fresh = tuple([formula for formula in formulas if formula.op != "input"])
        results = computed(fresh, arrays) if fresh else []
        if results is None:
            return None
        results = map(wrapped, results)
        gradients = iter([tensors[f.value] if f.op == "input" else next(results) for f in formulas])
        return tuple([None if kind is None else next(gradients) for kind in wanted])

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
    if all(tensor._lying is None for tensor in tensors):
        return [tensor._ordered for tensor in tensors], wrap
    if all(map(is_in_order, tensors)):
        return [elements(tensor) for tensor in tensors], wrap_unordered
    return [settled(tensor)._array for tensor in tensors], wrap
