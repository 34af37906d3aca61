"""Functions of NumPy's that the engine has as expressions, on arrays of the host.

In: expressions, and the arguments of the NumPy function that says the same. Out: its result, by the engine that runs
calls now; None where the arguments are not of one dtype, so that NumPy's own rules decide.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rushlight.backends import registry
from rushlight.backends.array import Array
from rushlight.core.dtypes import FLOATING, of_numpy
from rushlight.rules.expression import Expression

_PLAIN = (bool, int, float)


def evaluated(expressions: tuple[Expression, ...], *arrays: Any) -> Any:
    """The value of each expression for arrays of any device."""
    for array in arrays:
        if type(array) is Array:
            return registry.beside(*arrays).pointwise(expressions, *arrays)
    return registry.current().pointwise(expressions, *arrays)


def computed(expressions: tuple[Expression, ...], floating: bool, args: tuple) -> np.ndarray | None:
    """The value of an expression for a NumPy function's arguments: arrays of one dtype or of bools, and Python numbers.

    `floating` ones are of floating numbers only."""
    kind = None
    for arg in args:
        if isinstance(arg, np.ndarray):
            if kind is None or kind.kind == "b":
                kind = arg.dtype
            elif arg.dtype is not kind and arg.dtype != kind and arg.dtype.kind != "b":
                return None
        elif isinstance(arg, np.generic):
            if kind is not None and arg.dtype != kind:
                return None
        elif type(arg) not in _PLAIN:
            return None
    known = None if kind is None else of_numpy(kind)
    if known is None or (floating and known.category != FLOATING):
        return None
    arrays = args
    for arg in args:
        if not isinstance(arg, np.ndarray):
            if known.category != FLOATING and not isinstance(arg, np.generic):
                return None  # a Python number may ask for another dtype
            arrays = [value if isinstance(value, np.ndarray) else np.asarray(value, kind) for value in args]
            break
    try:
        return registry.current().pointwise(expressions, *arrays)[0]
    except (TypeError, ValueError):  # bools subtracted, shapes that do not broadcast: NumPy finds the words
        return None
