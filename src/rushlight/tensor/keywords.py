"""Keywords as PyTorch takes them: NumPy's names beside its own, and sizes by name or one by one.

In: the keyword arguments of a call. Out: the same under the function's own names. A call without keywords pays for one
frame at most, and only where a function knows an axis.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable

import numpy as np

from rushlight.core import dtypes

# NumPy's names of arguments, which PyTorch takes beside its own.
NUMPY = {"axis": "dim", "keepdims": "keepdim", "x": "input", "a": "input", "x1": "input", "x2": "other"}
_SHORT = ("size", "stride")  # a frame would take as long as they do
_EXTREMES = {"max": "amax", "min": "amin"}


def parameters(function: Callable) -> frozenset[str]:
    """The names that a function takes by keyword, those of `**options: Unpack[Options]` among them."""
    function = inspect.unwrap(function)
    code = function.__code__
    count = code.co_argcount + code.co_kwonlyargcount
    names = code.co_varnames[:count]
    if code.co_flags & inspect.CO_VARKEYWORDS:
        of_options = code.co_varnames[count + bool(code.co_flags & inspect.CO_VARARGS)]
        unpacked = re.fullmatch(r"Unpack\[(\w+)\]", function.__annotations__.get(of_options, ""))
        if unpacked:
            names += tuple(function.__globals__[unpacked[1]].__optional_keys__)
    return frozenset(names)


def renamed(kwargs: dict[str, object], names: frozenset[str]) -> dict[str, object]:
    """Keywords with NumPy's names replaced; what fits nothing stays, for the function to refuse."""
    found = {}
    for key, value in kwargs.items():
        own = NUMPY.get(key)
        found[own if key not in names and own in names and own not in kwargs else key] = value
    return found


def takes_axes(function: Callable) -> Callable:
    """A method that takes `axis` for `dim` and `keepdims` for `keepdim`; the function itself where it has no `dim`.

    NumPy's own functions call such methods with `out=None`, `dtype=None` and (`np.std`) `ddof`, so that `np.sum(t)`
    and its like give a tensor. `np.max` and `np.min` want values alone.

    >>> import numpy as np, rushlight as torch
    >>> np.max(torch.tensor([[1, 5], [7, 2]]), axis=0)
    tensor([7, 5])
    """
    names = parameters(function)
    name = function.__name__
    if "dim" not in names or name in _SHORT:
        return function

    @functools.wraps(function)
    def method(*args: object, **kwargs: object) -> object:
        if not kwargs:
            return function(*args)
        if names.issuperset(kwargs):
            return function(*args, **kwargs)
        if "out" in kwargs and kwargs["out"] is None:
            return _for_numpy(function, name, names, args, kwargs)
        return function(*args, **renamed(kwargs, names))

    return method


def _for_numpy(function: Callable, name: str, names: frozenset[str], args: tuple, kwargs: dict[str, object]) -> object:
    kwargs = {key: value for key, value in kwargs.items() if key != "out"}
    if "dtype" in kwargs:
        kind = kwargs.pop("dtype")
        if kind is not None:
            kwargs["dtype"] = kind if isinstance(kind, dtypes.dtype) else dtypes.of_numpy(np.dtype(kind))
    if "correction" in names and "ddof" in kwargs:
        kwargs["correction"] = kwargs.pop("ddof")
    if name in _EXTREMES:
        return getattr(args[0], _EXTREMES[name])(*args[1:], **kwargs)
    return function(*args, **renamed(kwargs, names))


def either(function: str, name: str, listed: tuple, named: object) -> tuple:
    """Sizes or axes given one by one, as one sequence, or by keyword; TypeError for both or none.

    >>> either("view", "size", (2, 3), None), either("view", "size", (), (2, 3))
    ((2, 3), ((2, 3),))
    """
    if named is None:
        if not listed:
            raise TypeError(f'{function}() missing 1 required positional arguments: "{name}"')
        return listed
    if listed:
        raise TypeError(f"{function}() got multiple values for argument '{name}'")
    if not isinstance(named, (tuple, list)):
        raise TypeError(f"{function}(): argument '{name}' must be tuple of ints, not {type(named).__name__}")
    return (named,)
