"""What is to be explained, as plain values.

In comes a module, a function with shapes and arguments, or (by way of `parse`) the text of either; out comes an
`Asked`: the kind of layer and its arguments by PyTorch's names, with the shape of the weight. Nothing is allocated:
a layer that is only written down is checked, but never made. Next: `facts`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from difflib import get_close_matches
from functools import cache, partial
from typing import NamedTuple

from rushlight import nn
from rushlight.core.dtypes import CODES
from rushlight.core.errors import message
from rushlight.nn import functional
from rushlight.ops.conv import code
from rushlight.ops.shapes import output_shape
from rushlight.rules.construction import check_layer

Shape = tuple[int, ...]

# way: how a kind of layer computes, which decides what is said and drawn about it
CONV, TRANSPOSED, LINEAR, FLATTEN, UNFOLD, FOLD, PAD, POOL, ADAPTIVE, OTHER = (
    "conv", "transposed", "linear", "flatten", "unfold", "fold", "pad", "pool", "adaptive", "other",
)  # fmt: skip
# Where the layers and functions are that are explained by what they keep: normalisation, activations, dropout, …
_OTHERS = frozenset({"norm", "activation", "dropout", "shape", "pooling", "upsampling", "shuffling"})
_BY_NAME = {"Linear": LINEAR, "LazyLinear": LINEAR, "Flatten": FLATTEN, "Unfold": UNFOLD, "Fold": FOLD}
_FUNCTIONS = {"linear": LINEAR, "flatten": FLATTEN, "unfold": UNFOLD, "fold": FOLD, "pad": PAD}
_TENSORS = ("input", "weight", "bias", "running_mean", "running_var")
KNOWN = (
    "Conv, ConvTranspose, Linear, their Lazy forms, Flatten, Unfold, Fold, the Pad layers, pooling, normalisation, "
    "activations, dropout, and their functions"
)


class Asked(NamedTuple):
    """One call of the family: `weight` and `bias` are shapes, None where there is none (or none yet: `lazy`)."""

    kind: str  # "Conv2d", "LazyConv2d", "conv2d", "ReflectionPad2d", "pad", …
    way: str
    rank: int  # spatial axes of a convolution, 0 elsewhere
    arguments: dict[str, object]
    weight: Shape | None
    bias: Shape | None
    lazy: bool
    dtype: str
    text: str
    shape_of: Callable[[Shape], Shape] | None = None  # of a layer that is explained by what it keeps: its output


def way_of(name: str) -> str | None:
    """How a class or function of this name computes; None where it is not of the family."""
    short = name.removeprefix("Lazy")
    if name in _BY_NAME:
        return _BY_NAME[name]
    if short.startswith("ConvTranspose") or name.startswith("conv_transpose"):
        return TRANSPOSED
    if short.startswith("Conv") or name.startswith("conv"):
        return CONV
    if name[-5:-2] == "Pad":
        return PAD
    return _FUNCTIONS.get(name) or _way_of_others(name)


@cache
def _way_of_others(name: str) -> str | None:
    """Pooling by its name, the rest by the file that it is written in."""
    if name.startswith(("MaxPool", "AvgPool", "LPPool", "max_pool", "avg_pool", "lp_pool")):
        return POOL
    if name.startswith(("Adaptive", "adaptive_")) and "ool" in name:
        return ADAPTIVE
    found = vars(nn if name[:1].isupper() else nn.functional).get(name)
    home = getattr(found, "__module__", "").removeprefix("rushlight.nn.").removeprefix("functional_")
    return OTHER if home in _OTHERS and not name.startswith("_") else None


def known() -> list[str]:
    """The names of all layers and functions that are explained."""
    classes = [name for name, found in vars(nn).items() if isinstance(found, type)]
    functions = [name for name, found in vars(nn.functional).items() if inspect.isfunction(found)]
    return [name for name in [*classes, *functions] if name[0].isalpha() and way_of(name)]


def rank_of(name: str) -> int:
    """The number of spatial axes that a name tells: 2 of "Conv2d"."""
    return int(name[-2]) if name[-1:] == "d" and name[-2:-1].isdigit() else 0


# -- a module


def of_module(module: object) -> Asked:
    """A layer as it is; TypeError where it is not of the family."""
    kind = next((base.__name__ for base in type(module).__mro__ if _is_family(base)), None)
    if kind is None:
        raise unknown(type(module).__name__)
    if way_of(kind) == OTHER:
        return _of_other(kind, module, repr(module))
    names = signature(type_named(kind)).parameters
    arguments = {name: getattr(module, name) for name in names if name not in ("bias", "device", "dtype")}
    if way_of(kind) == PAD:
        arguments = _pad_arguments(module)
    weight, bias = getattr(module, "weight", None), getattr(module, "bias", None)
    lazy = type(weight).__name__ == "UninitializedParameter"
    shape = None if weight is None or lazy else tuple(weight.shape)
    return Asked(
        kind, way_of(kind), rank_of(kind), arguments, shape, _bias_shape(way_of(kind), bias, arguments), lazy,
        _code(weight), repr(module),
    )  # fmt: skip


def _of_other(kind: str, module: object, text: str) -> Asked:
    """A layer that is explained by what it keeps; a lazy one as it will be."""
    weight, bias = (_shape_of(getattr(module, name, None)) for name in ("weight", "bias"))
    lazy = type(getattr(module, "weight", None)).__name__ == "UninitializedParameter"
    names = [name for name in vars(module) if not name.startswith("_") and name != "training"]
    arguments = {name: getattr(module, name) for name in names} | {"training": module.training}
    run = partial(output_shape, module)
    return Asked(kind, OTHER, rank_of(kind), arguments, weight, bias, lazy, _code(None), text, run)


def _shape_of(tensor: object) -> Shape | None:
    return None if tensor is None or type(tensor).__name__ == "UninitializedParameter" else tuple(tensor.shape)


def _is_family(base: type) -> bool:
    return base.__module__.startswith("rushlight.nn.") and way_of(base.__name__) is not None


def _code(weight: object) -> str:
    return "f32" if weight is None else code(weight)


def _bias_shape(way: str, bias: object, arguments: dict) -> Shape | None:
    """The bias's shape, of a lazy layer as it will be."""
    if bias is None or bias is False:
        return None
    return (arguments["out_features" if way == LINEAR else "out_channels"],)


def _pad_arguments(layer: object) -> dict[str, object]:
    return {"pad": tuple(layer.padding), "mode": layer.mode, "value": layer.value}


# -- a layer that is only written down


def of_class(name: str, arguments: tuple, keywords: dict[str, object], text: str) -> Asked:
    """The layer `name(*arguments, **keywords)`, checked as its constructor checks it, and not made."""
    kind, way = type_named(name), way_of(name)
    if way == OTHER:
        return _of_other(name, kind(*arguments, **keywords), text)
    values = _bound(name, kind, arguments, keywords)
    bias, dtype = values.pop("bias", False), _dtype_code(values.pop("dtype", None))
    values.pop("device", None)
    if way in (UNFOLD, FOLD, FLATTEN, POOL, ADAPTIVE):
        rank = rank_of(name) if way in (POOL, ADAPTIVE) else 0
        return Asked(name, way, rank, values, None, None, False, "f32", text)
    if way == PAD:
        return Asked(name, way, 0, _pad_arguments(kind(*arguments, **keywords)), None, None, False, "f32", text)
    lazy = name.startswith("Lazy")
    weight = _checked_weight(name, way, {"in_channels": 0, "in_features": 0, **values})
    bias_shape = _bias_shape(way, bias, values)
    return Asked(name, way, rank_of(name), values, None if lazy else weight, bias_shape, lazy, dtype, text)


def _checked_weight(name: str, way: str, values: dict) -> Shape:
    if way == LINEAR:
        check_layer(name, values["in_features"], values["out_features"])
        return values["out_features"], values["in_features"]
    names = ("in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups", "padding_mode")
    check_layer(name, *(values[key] for key in names))
    return weight_shape(way, rank_of(name), values, values["in_channels"])


def weight_shape(way: str, rank: int, values: dict, in_channels: int) -> Shape:
    """The shape of a convolution's weight for this many input channels."""
    size = values["kernel_size"]
    taps = tuple(size) if isinstance(size, list | tuple) else (size,) * rank
    ends = in_channels, values["out_channels"]
    first, second = ends if way == TRANSPOSED else reversed(ends)
    return (first, second // values["groups"], *taps)


def _dtype_code(dtype: object) -> str:
    return "f32" if dtype is None else CODES[str(dtype).rpartition(".")[2]]


# -- a call of a function


def of_function(function: Callable | str, shapes: tuple, keywords: dict[str, object], text: str = "") -> Asked:
    """The call of a function of `nn.functional`: tensors are given as shapes (tuples), the input's comes first."""
    name = function if isinstance(function, str) else function.__name__
    way = way_of(name)
    if way is None or name[:1].isupper():
        raise unknown(name)
    values = _bound(name, function_named(name), shapes, keywords)
    tensors = {key: _as_shape(name, key, values.pop(key)) for key in _TENSORS if key in values}
    text = text or f"{name}({_written(shapes, keywords)})"
    run = partial(_shape_of_call, function_named(name), tensors, values) if way == OTHER else None
    weight, bias = tensors.get("weight"), tensors.get("bias")
    if way == OTHER:
        values = {**values, **tensors}
    return Asked(name, way, rank_of(name), values, weight, bias, False, "f32", text, run)


def _shape_of_call(function: Callable, tensors: dict[str, Shape | None], values: dict, x: Shape) -> Shape:
    """The shape that a function of one input gives. A normalisation, which keeps it, takes a corner of the input: it
    would compute."""
    corner = x
    if function.__module__.endswith("functional_norm") and len(x) > 1:
        keep = max(x) if function.__name__ == "layer_norm" else 2
        corner = (min(2, x[0]), x[1], *(min(keep, n) for n in x[2:]))
    given = {name: shape for name, shape in {**tensors, "input": corner}.items() if shape is not None}
    call = lambda *found: function(**dict(zip(given, found)), **values)  # noqa: E731
    y = output_shape(call, *given.values())
    return x if corner != x and tuple(y) == corner else y


def _bound(name: str, function: Callable, arguments: tuple, keywords: dict[str, object]) -> dict[str, object]:
    """The arguments by their names, those left out with their defaults; TypeError as the call's own."""
    rules = signature(function)
    try:
        bound = rules.bind(*arguments, **keywords)
    except TypeError as error:
        wrong = next((key for key in keywords if key not in rules.parameters), None)
        close = get_close_matches(wrong, rules.parameters, 1) if wrong else []
        order = f"{name}({', '.join(key for key in rules.parameters if key not in ('device', 'dtype'))})"
        raise TypeError(
            message(f"{name}: {error}", f"its arguments: {order}", fix=close[0] if close else None)
        ) from None
    bound.apply_defaults()
    return dict(bound.arguments)


def _as_shape(name: str, argument: str, value: object) -> Shape | None:
    if value is None:
        return None
    value = getattr(value, "shape", value)
    if not isinstance(value, list | tuple) or not all(isinstance(n, int) for n in value):
        raise TypeError(
            message(
                f"{name}(): {argument} is given by its shape, not by {value!r}",
                fix=f"explain({name}, (20, 16, 50), (33, 16, 3), stride=2)",
            )
        )
    return tuple(value)


def _written(shapes: tuple, keywords: dict[str, object]) -> str:
    return ", ".join([*map(repr, shapes), *(f"{key}={value!r}" for key, value in keywords.items())])


# -- the family by name


@cache
def signature(function: Callable) -> inspect.Signature:
    """The signature of a class or function."""
    return inspect.signature(function)


def type_named(name: str) -> type:
    """The class of the family that has this name."""
    found = getattr(nn, name, None)
    if not isinstance(found, type) or way_of(name) is None:
        raise unknown(name)
    return found


def function_named(name: str) -> Callable:
    """The function of the family that has this name."""
    if name == "flatten":
        return _flatten
    found = getattr(functional, name, None)
    if found is None:
        raise unknown(name)
    return found


def _flatten(input: Shape, start_dim: int = 0, end_dim: int = -1) -> None:
    """The signature of `torch.flatten`."""


def unknown(name: str) -> TypeError:
    """The error for what is not of the family."""
    alike = [other for other in known() if other[0].isupper() == name[:1].isupper()]
    lower = {other.lower(): other for other in [*reversed(known()), *alike]}
    close = get_close_matches(name.lower(), lower, 1, 0.7)
    fix = "rushlight.summary(model, input_shape), which lists the layers of a model"
    fix = lower[close[0]] if close else fix
    return TypeError(message(f"{name} is not a layer that explain knows", f"it knows {KNOWN}", fix=fix))
