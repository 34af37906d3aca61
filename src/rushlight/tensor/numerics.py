"""NumPy's functions as tensors call them: without its warnings, and with PyTorch's words for what does not fit.

In: a function of NumPy's and its arguments. Out: its result, of a function of each element in recycled memory where it
is large.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from contextvars import Context
from typing import NamedTuple

import numpy as np

from rushlight.backends.array import ARRAYS, Array
from rushlight.core import memory
from rushlight.core.dtypes import code_of
from rushlight.core.errors import message
from rushlight.rules.expression import (
    Expression,
    cast,
    equal,
    inputs,
    logical_and,
    logical_or,
    logical_xor,
    maximum,
    minimum,
    not_equal,
    where,
)
from rushlight.rules.expression import function as function_of
from rushlight.runtime.allocation import empty_like_array

# Contexts in which NumPy gives no floating-point warnings (PyTorch gives none). `np.errstate` around every operation
# would cost four times a small addition; running in a context costs nothing. A call takes one away and puts it back, so
# that no two calls meet in one: not those of two threads, nor that of a signal handler and the one it interrupts, nor
# one inside another.
_contexts: list[Context] = []


def _quiet_context() -> Context:
    context = Context()
    context.run(np.seterr, all="ignore")
    return context


def quiet(function: Callable, *args: object, **kwargs: object) -> object:
    """Call a NumPy function with floating-point warnings off, whatever the caller's `np.seterr` says.

    A large result of a function of each element lies in recycled memory. RuntimeError for arrays whose shapes do not
    broadcast, and for a result that is larger than memory.

    >>> quiet(np.divide, 1.0, 0.0)
    np.float64(inf)
    """
    known = _EXPRESSIONS.get(function)
    if known is not None and not kwargs:
        if known.rounds or _is_large(args):
            result = _compiled(function, known, args)
            if result is not None:
                return result
        if function in _KEEP_DTYPE and getattr(args[0], "nbytes", 0) >= _LARGE:
            kwargs = _recycled(args)
    try:
        context = _contexts.pop()
    except IndexError:
        context = _quiet_context()
    try:
        return context.run(function, *args, **kwargs)
    except (ValueError, MemoryError) as error:
        wrong = _in_words(error, function, args)
        if wrong is None:
            raise
        raise wrong from None
    finally:
        _contexts.append(context)


# -- functions that the engine has as expressions


class _Known(NamedTuple):
    """A function of NumPy's, or one made of them, as an expression."""

    expressions: tuple[Expression]
    floating: bool
    """Whether it is of floating numbers only."""
    rounds: bool
    """Whether the last bit may differ from NumPy's: then the engine computes it always, whatever the size."""


def expressed(function: Callable, expression: Expression, floating: bool = True, rounds: bool = True) -> Callable:
    """Let `quiet(function, …)` of the host's arrays be computed by the engine, as this expression."""
    _EXPRESSIONS[function] = _Known((expression,), floating, rounds)
    return function


def expression_of(function: Callable) -> _Known | None:
    """The function as an expression, if it is one."""
    return _EXPRESSIONS.get(function)


MANY = 1 << 13
"""Elements from which on the engine is quicker than NumPy at what both give the same bits of: 2 µs are as good as 8,000
additions."""


def _is_large(args: tuple) -> bool:
    return any(type(arg) is np.ndarray and arg.size >= MANY for arg in args)


def cast_many(array: np.ndarray, kind: np.dtype) -> np.ndarray:
    """A copy of a large array of the host in another dtype, by the engine."""
    from rushlight.tensor.elementwise import evaluated

    return evaluated((cast(_x, code_of(kind)),), array)[0]


def _compiled(function: Callable, known: _Known, args: tuple) -> np.ndarray | None:
    for arg in args:
        if type(arg) is Array:
            return arg.backend.call(function, args, {}) if getattr(arg.backend, "traces", False) else None
    from rushlight.tensor.elementwise import computed

    return computed(known.expressions, known.floating, args)


_x, _y, _z = inputs(3)
_EXPRESSIONS: dict[Callable, _Known] = {}
for _ufunc, _expression in {
    np.add: _x + _y, np.subtract: _x - _y, np.multiply: _x * _y, np.negative: -_x, np.absolute: abs(_x),
    np.less: _x < _y, np.less_equal: _x <= _y, np.greater: _x > _y, np.greater_equal: _x >= _y,
    np.equal: equal(_x, _y), np.not_equal: not_equal(_x, _y), np.where: where(_x, _y, _z),
    np.bitwise_and: _x & _y, np.bitwise_or: _x | _y, np.bitwise_xor: _x ^ _y, np.invert: ~_x,
    np.logical_and: logical_and(_x, _y), np.logical_or: logical_or(_x, _y), np.logical_xor: logical_xor(_x, _y),
    np.maximum: maximum(_x, _y), np.minimum: minimum(_x, _y), np.isnan: not_equal(_x, _x),
}.items():  # fmt: skip
    expressed(_ufunc, _expression, floating=_ufunc in (np.negative, np.isnan), rounds=False)
for _ufunc, _expression in {
    np.divide: _x / _y, np.sqrt: function_of("sqrt", _x), np.floor: function_of("floor", _x),
    np.ceil: function_of("ceil", _x), np.trunc: function_of("trunc", _x), np.rint: function_of("round", _x),
}.items():  # fmt: skip
    expressed(_ufunc, _expression, rounds=False)
for _ufunc, _name in {
    np.exp: "exp", np.exp2: "exp2", np.expm1: "expm1", np.log: "log", np.log2: "log2", np.log10: "log10",
    np.log1p: "log1p", np.sin: "sin", np.cos: "cos", np.tan: "tan", np.arcsin: "asin", np.arccos: "acos",
    np.arctan: "atan", np.sinh: "sinh", np.cosh: "cosh", np.tanh: "tanh",
}.items():  # fmt: skip
    expressed(_ufunc, function_of(_name, _x))


# Fresh memory for a large result costs several times the arithmetic: each page is handed out at its first touch.
_KEEP_DTYPE = frozenset({np.add, np.subtract, np.multiply, np.divide, np.maximum, np.minimum, np.negative, np.exp})
_LARGE = 1 << 18


def _recycled(args: tuple) -> dict:
    """`out=` recycled memory for operands of one shape and floating dtype (numbers aside); else nothing."""
    first = args[0]
    for other in args:
        if not isinstance(other, np.ndarray | np.generic) or other.dtype != first.dtype or other.dtype.kind != "f":
            return {}
        if other.ndim and other.shape != first.shape:
            return {}
    return {"out": empty_like_array(first, first.dtype)}


# -- what does not fit


def _in_words(error: ValueError | MemoryError, function: Callable, args: tuple) -> RuntimeError | None:
    """PyTorch's error for operands that do not broadcast, or are too large together; None for anything else."""
    if isinstance(error, MemoryError):
        return memory.of_numpy(error)
    shapes = [arg.shape for arg in args if isinstance(arg, ARRAYS)]
    outer = [shape[:-2] for shape in shapes] if getattr(function, "signature", None) else shapes  # matmul's batches
    found = shape_mismatch(outer)
    if found is not None:
        return RuntimeError(found)
    lengths = [math.prod(arg) for arg in args if isinstance(arg, tuple) and all(isinstance(n, int) for n in arg)]
    if not shapes or math.prod(lengths) * math.prod(map(max, zip(*_padded(outer)))) < 1 << 59:
        return None
    return RuntimeError(message("numel: integer multiplication overflow", f"numpy: {error}"))


def _padded(shapes: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    rank = max(map(len, shapes), default=0)
    return [(1,) * (rank - len(shape)) + shape for shape in shapes]


def shape_mismatch(shapes: list[tuple[int, ...]]) -> str | None:
    """PyTorch's sentence for the first pair of shapes that do not broadcast."""
    for a, b in itertools.combinations(shapes, 2):
        for axis, (m, n) in reversed([*enumerate(zip(*_padded([a, b])))]):
            if m != n and 1 not in (m, n):
                sentence = f"The size of tensor a ({m}) must match the size of tensor b ({n})"
                return message(f"{sentence} at non-singleton dimension {axis}", f"shapes {list(a)} and {list(b)}")
    return None
