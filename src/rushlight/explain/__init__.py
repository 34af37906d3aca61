"""Explanations of layers: every shape, size and weight, in text and pictures.

The way of a question: `reading` (a module, or a function) and `parse` (text) make an `Asked` of it, `facts` computes
its numbers by the rules of `ops`, and `text`, `pictures` and `html` show them. `summary` lists the layers of a
model, `equalities` shows by running them that two layers are the same.

The package can be called: `rushlight.explain(layer, input_shape)` is `explain` below.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING

from rushlight.core.environment import SettingError
from rushlight.core.errors import message

if TYPE_CHECKING:
    from .explanation import Explanation
    from .facts import Facts


def explain(layer: Callable | str, *shapes: object, **arguments: object) -> Explanation:
    """What a layer does with an input of this shape, and why: it prints as text, shows as a picture, and is saved.

    `layer` is a module of the family, a function of `nn.functional` with the shapes of its tensors, or the text of
    either, which is read and never evaluated; a layer that is only written down is not made. `arguments` are those of
    the call. The first number of a shape may be a name, as "N": the batch, whatever its size. A call that is refused
    is explained too: see `.error`.

    TypeError for what is not of the family, ValueError for text that cannot be read.

    >>> import rushlight as torch
    >>> found = torch.explain(torch.nn.Conv2d(16, 33, 3, stride=2), (20, 16, 50, 100))
    >>> found.output_shape, found.parameters
    ((20, 33, 24, 49), 4785)
    >>> torch.explain("F.conv1d(x, w, padding=1)", (2, 4, 9), (6, 4, 3)).output_shape
    (2, 6, 9)
    >>> torch.explain("MaxPool2d(3, 2)", ("N", 16, 50, 100)).output_shape
    ('N', 16, 24, 49)
    """
    from rushlight.ops.shapes import batch_symbol, with_batches

    from .explanation import Explanation

    shapes = tuple(_shape(shape) for shape in shapes)
    symbol = batch_symbol(tuple(shape for shape in shapes if isinstance(shape, tuple)))
    if symbol is None:
        return Explanation(_facts(layer, shapes, arguments))
    first, second = (_facts(layer, numbers, arguments) for numbers in with_batches(shapes))
    return Explanation(first.named(symbol, second))


def _facts(layer: Callable | str, shapes: tuple, arguments: dict) -> Facts:
    """What there is to know about the call, a refused one included."""
    from .facts import facts_of, refused

    arguments = dict(arguments)
    output_size = arguments.pop("output_size", None) if hasattr(layer, "parameters") else None  # of a layer's call
    asked, x = _asked(layer, shapes, arguments)
    if output_size is not None:
        asked = asked._replace(text=f"{asked.text}, output_size={tuple(output_size)}")
    try:
        return facts_of(asked, x, output_size)
    except SettingError:
        raise
    except (RuntimeError, ValueError, TypeError, IndexError) as error:  # NotImplementedError is a RuntimeError
        return refused(asked, x, error)


def _asked(layer: Callable | str, shapes: tuple, arguments: dict) -> tuple:
    """What is asked about, and the input's shape."""
    from .parse import parse
    from .reading import of_function, of_module

    if isinstance(layer, str):
        if arguments:
            raise TypeError(message("the text has its arguments in it", f"got {', '.join(arguments)} beside it"))
        return parse(layer, shapes)
    if hasattr(layer, "parameters"):
        if len(shapes) != 1 or arguments:
            apart = shapes if len(shapes) > 1 and all(isinstance(n, int | str) for n in shapes) else (20, 16, 50, 100)
            raise TypeError(
                message(
                    f"explain a layer with the one shape of its input, got {len(shapes)} shapes",
                    fix=f"rushlight.explain(layer, {apart})",
                )
            )
        return of_module(layer), shapes[0]
    return of_function(layer, shapes, arguments), shapes[0] if shapes else ()


def _shape(shape: object) -> object:
    """A shape as a tuple of ints; tensors stand for theirs."""
    shape = getattr(shape, "shape", shape)
    if not isinstance(shape, list | tuple):
        return shape
    return tuple(n.__index__() if hasattr(n, "__index__") else n for n in shape)


class _Callable(ModuleType):
    """This package's own type: importing a file of it puts the package where the function `explain` is looked for."""

    def __call__(self, layer: Callable | str, *shapes: object, **arguments: object) -> Explanation:
        return explain(layer, *shapes, **arguments)


_Callable.__call__.__doc__ = explain.__doc__
sys.modules[__name__].__class__ = _Callable
