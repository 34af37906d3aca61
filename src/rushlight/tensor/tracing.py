"""Formulas out of code: what NumPy functions of each element make of arrays, written down in place of computed.

In: a function of arrays, and their dtypes. Out: the `rules.expression`s of its results; `Untraceable` where the
function does more than compute element by element. The function is called once with arrays of a device of its own, that
hold formulas and no numbers: every function of NumPy asks the device, as it would ask any other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rushlight.backends.array import ARRAYS, Array
from rushlight.backends.device import Device
from rushlight.core import dtypes
from rushlight.rules.expression import Expression, cast, constant, lowered, result_dtypes
from rushlight.tensor.numerics import expression_of


class Untraceable(Exception):
    """Raised where code does what no formula of one element says."""


class _Cell:
    """The memory of a traced array: the formula that it holds now."""

    __slots__ = ("formula",)

    def __init__(self, formula: Expression | None = None) -> None:
        self.formula = formula


SHAPE = (2, 3)
"""The shape of all traced arrays with axes: formulas know no sizes, and a function that asks for them is none."""


class Tracing(Device):
    """Writes down what it is asked to compute."""

    name = "tracing"
    is_bounded = True
    traces = True

    def room(self, count: int, dtype: np.dtype) -> _Cell:
        """A cell without a formula."""
        return _Cell()

    def input(self, number: int, dtype: np.dtype, shape: tuple[int, ...] = SHAPE) -> Array:
        """An array that is an input of the formulas."""
        return Array(self, _Cell(Expression("input", value=number)), shape, np.dtype(dtype))

    def read(self, array: Array) -> np.ndarray:
        """Untraceable: there are no numbers."""
        raise Untraceable("asks for numbers")

    number = take = read_unasked = read

    def write(self, array: Array, values: np.ndarray) -> None:
        """One number for all elements; Untraceable for several."""
        if values.size != 1:
            raise Untraceable("sets single elements")
        self._set(array, values.reshape(()).item())

    def put(self, array: Array, index: tuple, value: Any) -> None:
        """Set all elements; Untraceable for some of them."""
        if index not in ((Ellipsis,), (slice(None),) * array.ndim):
            raise Untraceable("sets single elements")
        self._set(array, value)

    def cast(self, array: Array, dtype: np.dtype, order: str = "K") -> Array:
        """The elements in another dtype."""
        result = self.empty(array.shape, dtype)
        self._set(result, array)
        return result

    def from_host(self, values: np.ndarray) -> Array:
        """One number for all elements."""
        result = self.empty(values.shape, values.dtype)
        self.write(result, values)
        return result

    def call(self, function: Callable, args: tuple, options: dict[str, Any]) -> Any:
        """A function of NumPy's, written down."""
        options = dict(options)
        out = options.pop("out", None)
        out = out[0] if isinstance(out, tuple) else out
        if function is np.copyto:
            self._set(args[0], args[1])
            return None
        if function in (np.empty_like, np.zeros_like, np.ones_like):
            like = args[0]
            result = self.empty(like.shape, options.get("dtype") or (args[1:] or (like.dtype,))[0] or like.dtype)
            if function is not np.empty_like:
                self._set(result, int(function is np.ones_like))
            return result
        known = expression_of(function)
        if known is None or options.keys() - {"casting"}:
            raise Untraceable(f"calls {getattr(function, '__name__', function)}")
        kinds = _result_dtype(function, args)
        formula = _substituted(known.expressions[0], self._operands(known.floating, function, args), {})
        shape = SHAPE if any(isinstance(a, ARRAYS) and a.shape for a in args) else ()
        result = Array(self, _Cell(cast(formula, code_of(kinds))), shape, kinds)
        if out is None:
            return result
        self._set(out, result)
        return out

    def pointwise(
        self, expressions: tuple[Expression, ...], *arrays: Array, out: Sequence[Array] | None = None
    ) -> list[Array]:
        """Formulas of formulas."""
        operands = [self.formula(array) for array in arrays]
        kinds = result_dtypes(expressions, tuple([code_of(array.dtype) for array in arrays]))
        shape = SHAPE if any(array.shape for array in arrays) else ()
        results = [
            Array(self, _Cell(_substituted(formula, operands, {})), shape, dtypes.of_code(kind).numpy)
            for formula, kind in zip(expressions, kinds)
        ]
        for target, result in zip(out or (), results):
            self._set(target, result)
        return list(out or results)

    def _operands(self, floating: bool, function: Callable, args: tuple) -> list[Expression]:
        """The arguments in the dtype in which NumPy brings them together."""
        first = int(function is np.where)
        kind = np.result_type(*[_stand_in(a) for a in args[first:]])
        if floating and kind.kind in "iub":
            raise Untraceable("integers that become floats")
        return [*map(self.formula, args[:first]), *(_cast(self.formula(a), kind, a) for a in args[first:])]

    def formula(self, value: Any) -> Expression:
        """What an array holds; a number as a constant."""
        if type(value) is Array:
            if value.base.formula is None or value.offset or value.shape not in ((), SHAPE):
                raise Untraceable("reads a part, or what nobody wrote")
            return value.base.formula
        array = np.asarray(value)
        if array.ndim:
            raise Untraceable("an array of numbers")
        return constant(array.item())

    def _set(self, array: Array, value: Any) -> None:
        if array.offset or array.shape not in ((), SHAPE):
            raise Untraceable("sets a part")
        array.base.formula = _cast(self.formula(value), array.dtype, None)


def _substituted(formula: Expression, operands: Sequence[Expression], done: dict) -> Expression:
    """A formula with others in the place of its inputs."""
    if formula.op == "input":
        return operands[formula.value]
    if formula not in done:
        parts = [_substituted(part, operands, done) for part in formula.operands]
        done[formula] = Expression(formula.op, *parts, value=formula.value)
    return done[formula]


def _stand_in(value: Any) -> Any:
    return np.ones((1,) * value.ndim, value.dtype) if isinstance(value, ARRAYS) else value


def _cast(formula: Expression, kind: np.dtype, value: Any) -> Expression:
    """A formula in a dtype, if it is not in it."""
    if isinstance(value, ARRAYS) and value.dtype == kind:
        return formula
    return cast(formula, code_of(kind))


def code_of(kind: np.dtype) -> str:
    """The short name of a dtype; Untraceable for one that tensors do not have."""
    found = dtypes.of_numpy(np.dtype(kind))
    if found is None:
        raise Untraceable(f"dtype {kind}")
    return dtypes.CODES[found.name]


@np.errstate(all="ignore")
def _result_dtype(function: Callable, args: tuple) -> np.dtype:
    return np.asarray(function(*map(_stand_in, args))).dtype


TRACING = Tracing()


def traced(function: Callable, dtypes_of_inputs: Sequence[np.dtype], scalars: Sequence[bool]) -> tuple[Expression, ...]:
    """The formulas of what `function(*arrays)` gives for arrays of these dtypes, 0-dim where `scalars` says so."""
    given = [
        TRACING.input(i, kind, () if flat else SHAPE) for i, (kind, flat) in enumerate(zip(dtypes_of_inputs, scalars))
    ]
    found = function(*given)
    results = found if isinstance(found, tuple | list) else (found,)
    if not all(type(result) is Array and result.backend is TRACING for result in results):
        raise Untraceable("gives what is no array")
    formulas = tuple([TRACING.formula(result) for result in results])
    lowered(formulas, tuple(map(code_of, dtypes_of_inputs)))  # a TypeError for what no dtype of these has
    return formulas
