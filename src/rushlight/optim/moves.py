"""What a step changes: collected parameter by parameter, then written, all that one formula moves in one launch.

In: formulas of arrays, written once each, and the tensors and numbers that they are of. Out: the tensors, changed. A
formula takes the tensors that it moves, the gradient and then numbers, and gives what the moved ones become. Where it
is compiled, one launch takes all tensors whose formula and numbers are the same; else NumPy runs it, tensor by tensor.
A differentiable step runs the same formula on tensors.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rushlight.autograd.graph import record_write
from rushlight.autograd.modes import enable_grad
from rushlight.autograd.operation import define
from rushlight.tensor.change import check_writeable
from rushlight.tensor.copying import FILL
from rushlight.tensor.core import Tensor, memory
from rushlight.tensor.creation import full_like
from rushlight.tensor.fusing import computed, formulas_of
from rushlight.tensor.numerics import quiet
from rushlight.tensor.together import computed_together, kinds_alike

Formula = Callable[..., Sequence[Any]]


_FORMULAS: dict[tuple, Formula] = {}  # by their keys


def _moved(*arrays_and_attributes: Any) -> Sequence[Any]:
    *arrays, key, numbers = arrays_and_attributes
    return _FORMULAS[key](*arrays, *numbers)


STEP = define(
    "optimizer_step",
    "",
    derivative=None,
    results=lambda inputs, key, numbers: list(inputs[:-1]),
    lowering=_moved,
)
"""What a formula makes of tensors and a gradient; its attributes are the formula's key and the numbers."""


class Moves:
    """The changes of one step. Nothing is changed before `run`, so that a step that is refused changes nothing."""

    def __init__(self) -> None:
        self._batches: dict[tuple, _Batch] = {}
        self._numbers: list[tuple[Tensor, float]] = []
        self._kept: list[tuple[dict, Tensor, dict]] = []
        self._seen: set[int] = set()

    def begin(self, parameter: Tensor) -> None:
        """What follows moves this parameter. One that was moved already (it is twice in a group) waits for nothing."""
        if id(parameter) in self._seen:
            self.run()
        self._seen.add(id(parameter))

    def add(
        self,
        key: tuple,
        formula: Formula,
        moved: Sequence[Tensor],
        grad: Tensor,
        numbers: tuple[float, ...],
        differentiable: bool = False,
    ) -> None:
        """Let the `moved` tensors become `formula(*moved, grad, *numbers)`; `key` stands for the formula.

        A differentiable change is made at once, in operations on tensors."""
        for tensor in moved:
            check_writeable(tensor)
        if differentiable:
            with enable_grad():
                for tensor, result in zip(moved, formula(*[t.clone() for t in moved], grad, *numbers)):
                    tensor.copy_(result)
            return
        whole = key, numbers
        batch = self._batches.get(whole)
        if batch is None:
            batch = self._batches[whole] = _Batch(key, formula, numbers)
            _FORMULAS.setdefault(key, formula)
        batch.entries.append((moved, grad))

    def keep(self, state: dict, parameter: Tensor, kept: dict) -> None:
        """Remember this of a parameter, once all else is done: what is empty leaves no entry in a state dict."""
        self._kept.append((state, parameter, kept))

    def count(self, step: Tensor) -> float:
        """The number of this step, which the tensor that counts them will have."""
        number = float(memory(step)) + 1
        self._numbers.append((step, number))
        return number

    def set(self, tensor: Tensor, number: float) -> None:
        """Let a tensor of one number become this number, once all else is done."""
        self._numbers.append((tensor, number))

    def run(self) -> None:
        """Change everything."""
        for batch in self._batches.values():
            batch.run()
        for tensor, number in self._numbers:
            memory(tensor)[...] = number
            record_write(FILL, (number,), tensor, (tensor,))
        for state, parameter, kept in self._kept:
            if kept:
                state[parameter] = kept
        self._batches, self._numbers, self._kept = {}, [], []
        self._seen.clear()


class _Batch:
    """All that one formula moves with the same numbers."""

    def __init__(self, key: tuple, formula: Formula, numbers: Sequence[float]) -> None:
        self.key, self.formula, self.numbers = key, formula, numbers
        self.entries: list[tuple[Sequence[Tensor], Tensor]] = []

    def run(self) -> None:
        """Move all tensors."""
        together: dict[tuple, list[list[np.ndarray]]] = {}
        for moved, grad in self.entries:
            row = [memory(tensor) for tensor in (*moved, grad)]
            kinds = kinds_alike(row)
            if kinds is None:
                self._move(row)
            else:
                together.setdefault(kinds, []).append(row)
        for rows in together.values():
            if not self._launch(rows):
                for row in rows:
                    self._move(row)
        attributes = self.key, self.numbers
        for moved, grad in self.entries:
            record_write(STEP, attributes, tuple(moved), (*moved, grad))

    def _launch(self, rows: list[list[np.ndarray]]) -> bool:
        """Move all these in one launch; False, and nothing is changed, where that cannot be."""
        numbers = np.array(self.numbers, self._wide(rows[0]))
        formulas = formulas_of(self.key, self.formula, [*rows[0], *numbers])
        if formulas is None:
            return False
        return computed_together(formulas, rows, numbers)

    def _move(self, row: list[np.ndarray]) -> None:
        """Move one by itself."""
        plain = all(type(array) is np.ndarray for array in row)
        if plain and any(np.may_share_memory(row[-1], array) for array in row[:-1]):
            row = [*row[:-1], row[-1].copy()]
        wide = self._wide(row)
        given = [*row, *[np.asarray(number, wide) for number in self.numbers]]
        formulas = formulas_of(self.key, self.formula, given) if plain else None
        if formulas is None or computed(formulas, given, row[: len(formulas)]) is None:
            for target, result in zip(row, quiet(self.formula, *row, *self.numbers)):
                target[...] = result

    @staticmethod
    def _wide(row: list[np.ndarray]) -> np.dtype:
        """The dtype of the numbers."""
        kind = row[0].dtype
        return np.promote_types(kind, np.float32) if kind.kind == "f" else np.dtype(np.float32)


def in_float32(formula: Formula) -> Formula:
    """A formula that computes halves in float32, and gives what it moves in the dtypes that it has."""

    @functools.wraps(formula)
    def widened(*given: Any) -> Sequence[Any]:
        arrays = [x for x in given if hasattr(x, "dtype")]
        if isinstance(arrays[0], Tensor):
            return formula(*given)
        if any(x.dtype.itemsize == 2 for x in arrays):
            given = [x.astype(np.float32) if hasattr(x, "dtype") and x.dtype.itemsize == 2 else x for x in given]
        return [result.astype(x.dtype, copy=False) for result, x in zip(formula(*given), arrays)]

    return widened


# -- what formulas are made of, beside operators: functions of arrays and of tensors


def root(x: Any) -> Any:
    """√x."""
    return x.sqrt() if isinstance(x, Tensor) else np.sqrt(x)


def size(x: Any) -> Any:
    """|x|."""
    return abs(x)


def larger(x: Any, y: Any) -> Any:
    """The larger one; NaN where one is."""
    return x.maximum(y) if isinstance(x, Tensor) else np.maximum(x, y)


def within(x: Any, least: Any, most: Any) -> Any:
    """x, but at least and at most so much."""
    return x.clamp(least, most) if isinstance(x, Tensor) else np.minimum(np.maximum(x, least), most)


def by_sign(x: Any, above: Any, below: Any, otherwise: Any) -> Any:
    """`above` where x is positive, `below` where it is negative, `otherwise` where it is 0 or NaN."""
    if isinstance(x, Tensor):
        above, below, otherwise = (
            value if isinstance(value, Tensor) else full_like(x.detach(), value) for value in (above, below, otherwise)
        )
        return above.where(x > 0, below.where(x < 0, otherwise))
    above, below, otherwise = (
        value if hasattr(value, "dtype") else np.asarray(value, x.dtype) for value in (above, below, otherwise)
    )
    return np.where(x > 0, above, np.where(x < 0, below, otherwise))


def mean(old: Any, new: Any, share: Any, rest: Any) -> Any:
    """A running mean: share·old + rest·new, with rest = 1 − share."""
    return old * share + new * rest
