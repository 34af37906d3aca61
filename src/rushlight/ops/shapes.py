"""The shape that a layer, a model or a function gives, without computing a number of it.

In come a module (or function) and input shapes; out comes the output's shape. The call really runs, so every check
and every `forward` of a user applies, but on the meta device, whose tensors have no numbers and no memory. A batch
that is only named runs twice, with two sizes: what depends on it is told from what does not.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import NamedTuple

from rushlight.autograd.graph import record
from rushlight.autograd.modes import set_grad_enabled
from rushlight.autograd.operation import Operation
from rushlight.backends.meta import numbers_are_zero
from rushlight.core import dtypes
from rushlight.core.errors import message
from rushlight.random.source import forked
from rushlight.tensor.core import Tensor, alias, wrap
from rushlight.tensor.creation import empty
from rushlight.tensor.size import Size


def _no_rule(*_: object) -> tuple:
    raise RuntimeError("a run on shapes alone has no gradients")


INPUT = Operation("input", "Input", _no_rule)
"""What gives a model's input in a run with a graph: not a leaf, for a model may change its input in place."""


def output_shape(layer: Callable, *input_shapes: tuple[int, ...], **arguments: object) -> Size | tuple:
    """The shape of `layer(input, …)` for inputs of these shapes; a tuple of shapes where it gives several.

    `layer` is a module, a whole model or a function of `nn.functional`; tuples in the call are shapes of tensors,
    keyword arguments are passed on. Nothing is changed: lazy layers stay lazy, random streams stay where they are.
    The first number of a shape may be a name, as "N": the batch, whatever its size. Raises what the call would raise.

    >>> import rushlight as torch
    >>> layer = torch.nn.Conv2d(16, 33, (3, 5), stride=(2, 1), padding=(4, 2))
    >>> torch.output_shape(layer, (20, 16, 50, 100))
    torch.Size([20, 33, 28, 100])
    >>> torch.output_shape(torch.nn.functional.conv1d, (1, 4, 9), (6, 4, 3), padding="same")
    torch.Size([1, 6, 9])
    >>> torch.output_shape(layer, ("N", 16, 50, 100))
    ('N', 33, 28, 100)
    """
    symbol = batch_symbol(input_shapes)
    if symbol is None:
        return shapes_in(run(stand_in(layer), input_shapes, arguments))
    results = [shapes_in(run(stand_in(layer), shapes, arguments)) for shapes in with_batches(input_shapes)]
    return in_batches(symbol, *results)


def run(layer: Callable, input_shapes: tuple, arguments: dict[str, object], graph: bool = False) -> object:
    """Call a stand-in on tensors of shapes alone; with `graph`, results know what they were computed from."""
    kind = _dtype_of(layer)
    inputs = [empty(tuple(shape), dtype=kind, device="meta") for shape in input_shapes]
    # A user's own forward may draw numbers: the random stream is put back.
    with set_grad_enabled(graph), numbers_are_zero(), forked():
        for tensor in inputs:
            record(INPUT, (), tensor, (wrap(tensor._array).requires_grad_(),))
        return layer(*inputs, **arguments)


def stand_in(layer: Callable) -> Callable:
    """A copy on the meta device, so that the call may change it."""
    if not hasattr(layer, "parameters"):
        return layer
    tensors = [*layer.parameters(), *(layer.buffers() if hasattr(layer, "buffers") else ())]
    return copy.deepcopy(layer, {id(tensor): _on_meta(tensor) for tensor in tensors})


def _on_meta(tensor: Tensor) -> Tensor:
    """A parameter or buffer without its numbers."""
    if _shapeless(tensor):
        return type(tensor)(tensor.requires_grad, "meta", tensor.dtype)
    twin = alias(tensor.detach().to("meta"), type(tensor))
    twin._requires_grad = tensor.requires_grad
    twin.__dict__.update(tensor.__dict__)
    return twin


def _shapeless(parameter: Tensor) -> bool:
    return type(parameter).__name__.startswith("Uninitialized")


def _dtype_of(layer: Callable) -> object:
    """The element type that the layer's parameters ask for."""
    for parameter in layer.parameters() if hasattr(layer, "parameters") else ():
        if parameter.dtype.is_floating_point:
            return parameter.dtype
    return dtypes.get_default_dtype()


def shapes_in(result: object) -> object:
    """What a call returned, with shapes in the place of tensors."""
    if isinstance(result, Tensor):
        return result.shape
    if isinstance(result, list | tuple):
        return tuple(map(shapes_in, result))
    if isinstance(result, dict):
        return {key: shapes_in(value) for key, value in result.items()}
    return result


# -- a batch of any size

BATCHES = (5, 7)  # sizes that no layer treats apart


class Batches(NamedTuple):
    """A number that grows with the batch: factor·N + offset."""

    symbol: str
    factor: int
    offset: int

    def __str__(self) -> str:
        times = self.symbol if self.factor == 1 else f"{self.factor}*{self.symbol}"
        return f"{times} + {self.offset}" if self.offset else times


def check_shapes(shapes: tuple) -> None:
    """TypeError where what should be a shape for each input is none."""
    wrong = next((shape for shape in shapes if not isinstance(shape, list | tuple)), None)
    if wrong is None:
        return
    if all(isinstance(entry, int | str) for entry in shapes):
        fix = f"one shape for each input, {shapes}"
    else:
        fix = "the input's shape, x.shape" if isinstance(wrong, Tensor) else "one shape for each input, (1, 3, 32, 32)"
    raise TypeError(message(f"a shape is a tuple of sizes, not {type(wrong).__name__}", fix=fix))


def batch_symbol(shapes: tuple) -> str | None:
    """The name that stands in the place of the batch, if any does; ValueError where a name stands elsewhere."""
    check_shapes(shapes)
    names = {shape[0] for shape in shapes if len(shape) and isinstance(shape[0], str)}
    if len(names) > 1 or any(isinstance(n, str) for shape in shapes for n in shape[1:]):
        raise ValueError(message(f"one name may stand in a shape, for the batch, its first number: got {shapes}"))
    return names.pop() if names else None


def with_batches(shapes: tuple) -> tuple[tuple, tuple]:
    """The shapes with two sizes in the place of the named batch."""
    return tuple(
        tuple((size, *shape[1:]) if len(shape) and isinstance(shape[0], str) else shape for shape in shapes)
        for size in BATCHES
    )


def in_batches(symbol: str, first: object, second: object) -> object:
    """What two runs gave, joined: numbers that differ are written in terms of the batch."""
    if isinstance(first, dict):
        return {key: in_batches(symbol, first[key], second[key]) for key in first}
    if isinstance(first, tuple):
        return tuple(in_batches(symbol, *pair) for pair in zip(first, second))
    return str(grown(symbol, first, second)) if first != second else first


def grown(symbol: str, first: int, second: int) -> Batches:
    """The line through the numbers of both runs; ValueError where it is none of whole numbers."""
    factor, rest = divmod(second - first, BATCHES[1] - BATCHES[0])
    if rest:
        raise ValueError(f"this does not grow evenly with the batch {symbol}: {first} and {second}")
    return Batches(symbol, factor, first - factor * BATCHES[0])
