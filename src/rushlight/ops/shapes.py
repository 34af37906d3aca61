"""The shape that a layer, a model or a function gives, without computing a number of it.

In come a module (or function) and input shapes; out comes the output's shape. The call really runs, so every check
and every `forward` of a user applies, but on tensors that hold one number in memory, with the engine `Shapes`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

from rushlight import dtypes
from rushlight.autograd.modes import no_grad
from rushlight.engines import dispatch
from rushlight.random import fork_rng
from rushlight.tensor.core import Tensor, wrap
from rushlight.tensor.size import Size

# Modules of one input that give its shape; they need not run.
SAME_SHAPE = {
    "AlphaDropout",
    "Dropout",
    "Dropout1d",
    "Dropout2d",
    "Dropout3d",
    "ELU",
    "GELU",
    "Hardtanh",
    "Identity",
    "LeakyReLU",
    "LogSoftmax",
    "ReLU",
    "ReLU6",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
}


def output_shape(layer: Callable, *input_shapes: tuple[int, ...], **arguments: object) -> Size | tuple:
    """The shape of `layer(input, …)` for inputs of these shapes; a tuple of shapes where it gives several.

    `layer` is a module, a whole model or a function of `nn.functional`; tuples in the call are shapes of tensors,
    keyword arguments are passed on. Nothing is changed: lazy layers stay lazy, random streams stay where they are.
    Raises what the call would raise.

    >>> import rushlight as torch
    >>> layer = torch.nn.Conv2d(16, 33, (3, 5), stride=(2, 1), padding=(4, 2))
    >>> torch.output_shape(layer, (20, 16, 50, 100))
    torch.Size([20, 33, 28, 100])
    >>> torch.output_shape(torch.nn.functional.conv1d, (1, 4, 9), (6, 4, 3), padding="same")
    torch.Size([1, 6, 9])
    """
    kind = _dtype_of(layer)
    inputs = [wrap(dispatch.hollow(tuple(shape), kind)) for shape in input_shapes]
    # A lazy layer draws its weights and a dropout its mask: the random stream is put back.
    with no_grad(), dispatch.using(dispatch.Shapes()), fork_rng():
        return _shapes_in(_run(_stand_in(layer), inputs, arguments))


def _run(layer: Callable, inputs: list[Tensor], arguments: dict[str, object]) -> object:
    """Call a layer; a Sequential is walked, so that its activations need not be computed."""
    ours = type(layer).__module__.startswith("rushlight.nn.")
    if ours and type(layer).__name__ == "Sequential" and not arguments and not _hooked(layer):
        for child in layer:
            inputs = [_run(child, inputs, {})]
        return inputs[0]
    if ours and type(layer).__name__ in SAME_SHAPE and len(inputs) == 1 and not _hooked(layer):
        return inputs[0]
    return layer(*inputs, **arguments)


def _hooked(layer: Callable) -> bool:
    return bool(getattr(layer, "_forward_hooks", None) or getattr(layer, "_forward_pre_hooks", None))


def _stand_in(layer: Callable) -> Callable:
    """A copy that shares the parameters which have a shape, so that the call may change it."""
    if not hasattr(layer, "parameters"):
        return layer
    memo = {id(parameter): parameter for parameter in layer.parameters() if not _shapeless(parameter)}
    return copy.deepcopy(layer, memo)


def _shapeless(parameter: Tensor) -> bool:
    return type(parameter).__name__ == "UninitializedParameter"


def _dtype_of(layer: Callable) -> object:
    """The element type that the layer's parameters ask for."""
    for parameter in layer.parameters() if hasattr(layer, "parameters") else ():
        if parameter.dtype.is_floating_point:
            return parameter.dtype.numpy
    return dtypes.get_default_dtype().numpy


def _shapes_in(result: object) -> object:
    if isinstance(result, Tensor):
        return result.shape
    if isinstance(result, list | tuple):
        return tuple(map(_shapes_in, result))
    if isinstance(result, dict):
        return {key: _shapes_in(value) for key, value in result.items()}
    return result
