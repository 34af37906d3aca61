"""Public functions of tensors: `out=`, NumPy's names, and a clear TypeError for a list or a number for a tensor.

In: a function of tensors, under its public name. Out: the same function, which looks at its arguments when, and only
when, an attribute that tensors have was missing on one of them: a call that succeeds pays for one more frame.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable

from rushlight.rules.arguments import not_a_tensor
from rushlight.tensor.core import Tensor
from rushlight.tensor.keywords import parameters, renamed
from rushlight.tensor.output import TAKES_OUT, into


def takes_tensors(function: Callable, name: str, module: str, numpy_names: bool = True) -> Callable:
    """`function` as `module.name`; an argument that should be a tensor and is not is a TypeError.

    It takes `out=` where PyTorch's does and, unless told, NumPy's names of arguments beside PyTorch's.

    >>> import rushlight as torch
    >>> torch.relu([1.0])
    Traceback (most recent call last):
        ...
    TypeError: relu(): argument 'input' (position 1) must be Tensor, not list
    Try: rushlight.tensor(input)
    >>> torch.sum(torch.ones(2, 3), axis=0, out=torch.empty(3))
    tensor([2., 2., 2.])
    """
    names, has_out = parameters(function), numpy_names and name in TAKES_OUT

    @functools.wraps(function)
    def checked(*args: object, **kwargs: object) -> object:
        if kwargs and numpy_names and not names.issuperset(kwargs):
            if has_out and "out" in kwargs:
                out = kwargs.pop("out")
                if out is not None:
                    return into(name, function, args, renamed(kwargs, names), out, "dtype" in names)
            kwargs = renamed(kwargs, names)
            unknown = [key for key in kwargs if key not in names]
            if unknown:  # said here, for `**options` reach functions of other names
                raise TypeError(f"{name}() got an unexpected keyword argument {unknown[0]!r}")
        try:
            return function(*args, **kwargs)
        except AttributeError as error:
            wrong = misplaced(error, name, function, args, kwargs)
            if wrong is None:
                raise
        raise wrong

    checked.__name__ = checked.__qualname__ = name  # pickles look where users do
    checked.__module__ = module
    return checked


def misplaced(
    error: AttributeError, name: str, function: Callable, args: tuple, kwargs: dict[str, object], bound: bool = False
) -> TypeError | None:
    """The TypeError for the argument on which a tensor's attribute was missing; None where it was something else.

    `bound` says that the function has a `self`, which is not among the arguments.
    """
    if isinstance(error.obj, Tensor) or not hasattr(Tensor, error.name or ""):
        return None
    code = inspect.unwrap(function).__code__
    names = code.co_varnames[bound : code.co_argcount]
    for position, value in enumerate(args):
        if value is error.obj:
            return not_a_tensor(name, names[position] if position < len(names) else "tensors", position + 1, value)
    for key, value in kwargs.items():
        if value is error.obj:
            return not_a_tensor(name, key, names.index(key) + 1 if key in names else len(args) + 1, value)
    return None
