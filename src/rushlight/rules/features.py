"""From a call of `linear` to a valid `ConvSpec`: the convolution that has no spatial axis.

In come shapes and element types; out comes the spec, or PyTorch's exception with a fix.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import NoReturn

from rushlight.core import memory
from rushlight.core.errors import message

from . import fixes
from .arguments import TYPE_NAMES, mixed_types, shown, unsupported_type
from .hints import raise_hinted
from .spec import ITEM_BYTES, ConvSpec


@lru_cache(maxsize=4096)
def linear(
    x: tuple[int, ...], w: tuple[int, ...], bias: tuple[int, ...] | None, types: tuple[str, str, str | None]
) -> ConvSpec:
    """The spec of `linear(x, w, bias)`: a convolution without spatial axes, every leading axis its batch."""
    _check_linear_types(types)
    try:
        _check_linear_shapes(x, w, bias)
    except RuntimeError as error:
        raise_hinted(error, "linear", (x, w, bias))
    rows, out_features = prod(x[:-1]), w[0] if len(w) == 2 else 1
    memory.check((rows, out_features), ITEM_BYTES[types[0]], "linear: the output")
    return ConvSpec(rows, x[-1], out_features, (), (), (), (), (), 1, (), types[0])


def _check_linear_types(types: tuple[str, str, str | None]) -> None:
    x_type, w_type, bias_type = types
    if w_type != x_type or bias_type not in (x_type, None):
        other, other_type = ("weight", w_type) if w_type != x_type else ("bias", bias_type)
        raise RuntimeError(message(_types_sentence(*types), str(mixed_types("linear", x_type, other, other_type))))
    if x_type not in ITEM_BYTES:
        raise unsupported_type("addmm_impl_cpu_", x_type)


def _types_sentence(x_type: str, w_type: str, bias_type: str | None) -> str:
    """PyTorch's sentence, which depends on which two it compares first."""
    if bias_type is None:
        kinds = TYPE_NAMES[x_type][0], TYPE_NAMES[w_type][0]
        return f"expected m1 and m2 to have the same dtype, but got: {kinds[0]} != {kinds[1]}"
    names, first = ("self and mat2", bias_type) if bias_type != w_type else ("mat1 and mat2", x_type)
    return f"{names} must have the same dtype, but got {TYPE_NAMES[first][1]} and {TYPE_NAMES[w_type][1]}"


def _check_linear_shapes(x: tuple[int, ...], w: tuple[int, ...], bias: tuple[int, ...] | None) -> None:
    _check_linear_dimensions(x, w, bias)
    if x[-1] != w[-1]:
        _raise_features(x, w)
    if bias is not None:
        _check_linear_bias(x, w, bias)


def _check_linear_dimensions(x: tuple[int, ...], w: tuple[int, ...], bias: tuple[int, ...] | None) -> None:
    if not x or not w:
        sentence = f"both arguments to linear need to be at least 1D, but they are {len(x)}D and {len(w)}D"
        raise RuntimeError(message(sentence, fix="x.reshape(1)"))
    if len(w) > 2:
        sentence = f"t() expects a tensor with <= 2 dimensions, but self is {len(w)}D"
        raise RuntimeError(message(sentence, f"linear: weight of size {shown(w)} is not (out_features, in_features)"))
    if len(w) == 1 and bias is not None and not (len(x) == 1 and bias == ()):
        sentence = "mat2 must be a matrix, got 1-D tensor"
        raise RuntimeError(message(sentence, "linear: a weight of one axis takes no bias", fix="w.unsqueeze(0)"))


def _raise_features(x: tuple[int, ...], w: tuple[int, ...]) -> NoReturn:
    fact = f"linear, axis {len(x) - 1} (features): {x[-1]} ≠ in_features = weight.size(-1) = {w[-1]}"
    if len(w) == 2:
        sentence = f"mat1 and mat2 shapes cannot be multiplied ({prod(x[:-1])}x{x[-1]} and {w[1]}x{w[0]})"
    elif len(x) == 1:
        sentence = (
            f"inconsistent tensor size, expected tensor {shown(x)} and src {shown(w)} to have the same number of "
            f"elements, but got {x[0]} and {w[0]} elements respectively"
        )
    else:
        sentence = f"size mismatch, got input ({prod(x[:-1])}), mat ({prod(x[:-1])}x{x[-1]}), vec ({w[0]})"
    raise RuntimeError(message(sentence, fact, fix=fixes.features(x, w[-1])))


def _check_linear_bias(x: tuple[int, ...], w: tuple[int, ...], bias: tuple[int, ...]) -> None:
    """A bias broadcasts to the output, or to the output with its leading axes joined."""
    if len(w) == 1:
        return
    joined = (prod(x[:-1]), w[0]) if len(x) > 1 else (w[0],)
    if broadcasts(bias, (*x[:-1], w[0])) or broadcasts(bias, joined):
        return
    if len(bias) > len(joined):
        raise RuntimeError(
            message(f"output with shape {shown(joined)} doesn't match the broadcast shape {shown(bias)}")
        )
    shift = len(joined) - len(bias)
    axis = max(i for i, n in enumerate(bias) if n not in (1, joined[i + shift]))
    raise RuntimeError(
        message(
            f"The expanded size of the tensor ({joined[axis + shift]}) must match the existing size ({bias[axis]}) at "
            f"non-singleton dimension {axis + shift}.  Target sizes: {shown(joined)}.  Tensor sizes: {shown(bias)}",
            f"linear: one bias for each of the {w[0]} output features",
        )
    )


def broadcasts(shape: tuple[int, ...], target: tuple[int, ...]) -> bool:
    """Whether a tensor of `shape` can be added to one of `target` without making it larger."""
    tail = target[len(target) - len(shape) :]
    return len(shape) <= len(target) and all(n in (1, m) for n, m in zip(shape, tail))
