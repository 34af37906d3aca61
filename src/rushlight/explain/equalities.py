"""Layers that are the same, shown by running them.

In come two layers (or one, and the name of an equality) and an input; both run with the same weights, and out comes
a `Comparison`: the steps that lead from one to the other, and how far apart the results are.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from rushlight.autograd.engine import grad
from rushlight.autograd.modes import enable_grad, no_grad
from rushlight.core.errors import message
from rushlight.nn.functional import fold, linear, pad, unfold
from rushlight.ops.conv import convolution
from rushlight.random.factories import randn
from rushlight.random.generator import Generator
from rushlight.tensor.core import Tensor
from rushlight.tensor.creation import zeros
from rushlight.tensor.parts import cat

from .facts import facts_of
from .lines import wrapped
from .reading import CONV, LINEAR, TRANSPOSED, of_module, way_of
from .words import Words, terminal_is_ascii

Steps = list[str]


class Comparison(NamedTuple):
    """What two ways of computing the same gave: `difference` is the largest, relative to the largest value."""

    first: str
    second: str
    steps: tuple[str, ...]
    shapes: tuple[tuple[int, ...], tuple[int, ...]]
    difference: float
    tolerance: float

    @property
    def equal(self) -> bool:
        """Whether they differ by no more than rounding does."""
        return self.shapes[0] == self.shapes[1] and self.difference <= self.tolerance

    def text(self, language: str = "en", ascii: bool = False) -> str:
        """The comparison in 80 columns."""
        say = Words(language, ascii)
        lines = [*wrapped(say.plain(self.first)), *wrapped(say.plain(self.second))]
        for step in self.steps:
            lines += wrapped(say(step) if "{" not in step else say.plain(step), "  - ")
        return "\n".join([*lines, *wrapped(_verdict(self, say), "  ")])

    def __str__(self) -> str:
        return self.text(ascii=terminal_is_ascii())


def _verdict(found: Comparison, say: Words) -> str:
    if found.shapes[0] != found.shapes[1]:
        return say("not equal: the shapes are {a} and {b}", a=str(found.shapes[0]), b=str(found.shapes[1]))
    if not found.equal:
        return say("not equal: they differ by {d}", d=f"{found.difference:.0e}")
    return say("equal, bit for bit") if not found.difference else say("equal to {d}", d=f"{found.difference:.0e}")


def compare(first: Callable, second: Callable | str, input: Tensor | tuple) -> Comparison:
    """Run two layers with the same weights on the same input, and say how far apart the results are.

    `input` is a tensor, or the shape of one, which is then filled with random numbers. Where the layers are of the
    same kind of sum, `second` gets the weights of `first` (a copy of it: nothing of yours changes), and data are laid
    out as each needs them, which the steps tell. `second` may name an equality of `first`:

    - "linear": Conv with one tap is Linear on the channels of every position
    - "unfold": Conv is Unfold, a matrix product, and Fold
    - "per-channel": a depthwise Conv is a Conv for each channel
    - "gradient": ConvTranspose is the gradient of the Conv with the same arguments
    - "zeros-between": a dilated kernel is a kernel with zeros between its taps

    ValueError where the equality is not one of this layer.

    >>> import rushlight as torch
    >>> torch.compare(torch.nn.Conv1d(8, 4, 1), torch.nn.Linear(8, 4), (2, 8, 10)).equal
    True
    >>> torch.compare(torch.nn.Conv2d(8, 4, 3, dilation=2), "zeros-between", (2, 8, 10, 10)).equal
    True
    """
    x = input if isinstance(input, Tensor) else _random(tuple(input), first)
    if isinstance(second, str):
        if second not in EQUALITIES:
            raise ValueError(message(f"unknown equality {second!r}", fix=", ".join(EQUALITIES)))
        if way_of(_kind(first)) not in (CONV, TRANSPOSED):
            raise ValueError(message(f"{second!r} is an equality of convolutions, not of {_kind(first)}"))
        with no_grad():
            expected = first(x)
        title, steps, result = EQUALITIES[second](first, x)
        return _measured(repr(first), title, steps, expected, result)
    steps: Steps = []
    with no_grad():
        a, b = _run_of(first, x, first, steps), _run_of(_with_weights(first, second, steps), x, first, steps)
    return _measured(repr(first), repr(second), steps, a, b)


def _measured(first: str, second: str, steps: Steps, a: Tensor, b: Tensor) -> Comparison:
    p, q = (np.asarray(t.detach().double().numpy()) for t in (a, b))
    shapes = tuple(a.shape), tuple(b.shape)
    difference = float("nan")
    if p.shape == q.shape:
        scale = max(np.abs(p).max(initial=0), np.abs(q).max(initial=0), np.finfo(np.float64).tiny)
        difference = float(np.abs(p - q).max(initial=0) / scale)
    # rounding of sums: a few hundred times that of one number
    tolerance = 300 * float(np.finfo(a.dtype.numpy).eps) if a.dtype.is_floating_point else 0.0
    return Comparison(first, second, tuple(steps), shapes, difference, tolerance)


def _random(shape: tuple[int, ...], layer: Callable) -> Tensor:
    """Normal numbers, without moving the user's random stream."""
    weight = getattr(layer, "weight", None)
    return randn(shape, generator=Generator().manual_seed(0), dtype=None if weight is None else weight.dtype)


def _kind(layer: object) -> str:
    return type(layer).__name__


# -- two layers of the user


def _with_weights(first: Callable, second: Callable, steps: Steps) -> Callable:
    """A copy of the second layer with the weights of the first, where they are as many and lie alike."""
    source, target = getattr(first, "weight", None), getattr(second, "weight", None)
    if source is None or target is None or source.numel() != target.numel() or source.shape[0] != target.shape[0]:
        return second
    second = copy.deepcopy(second)
    second.weight.data = source.data.reshape(target.shape).clone()
    if getattr(first, "bias", None) is not None and getattr(second, "bias", None) is not None:
        second.bias.data = first.bias.data.clone()
    if source.shape != target.shape:
        steps.append(f"weight {tuple(source.shape)} as {tuple(target.shape)}")
    steps.append("the second layer gets the weights of the first (a copy of it does)")
    return second


def _run_of(layer: Callable, x: Tensor, first: Callable, steps: Steps) -> Tensor:
    """The layer on x, laid out for `first`; a Linear among convolutions has the channels last."""
    kinds = way_of(_kind(first)), way_of(_kind(layer))
    if kinds == (CONV, LINEAR):
        there, back = _channels_last(x.dim()), _channels_second(x.dim())
        steps.append(f"Linear: x.permute{there}, then the result .permute{back}")
        return layer(x.permute(*there)).permute(*back)
    if kinds == (LINEAR, CONV):
        there, back = _channels_second(x.dim()), _channels_last(x.dim())
        steps.append(f"{_kind(layer)}: x.permute{there}, then the result .permute{back}")
        return layer(x.permute(*there)).permute(*back)
    return layer(x)


def _channels_last(dims: int) -> tuple[int, ...]:
    return (0, *range(2, dims), 1)


def _channels_second(dims: int) -> tuple[int, ...]:
    return (0, dims - 1, *range(1, dims - 1))


# -- the equalities by name; each gives a title, the steps, and the result


def _as_linear(layer: Callable, x: Tensor) -> tuple[str, Steps, Tensor]:
    plain = {*layer.kernel_size, *layer.stride, layer.groups} == {1} and layer.padding in ("valid", (0,) * layer.rank)
    _require(plain and not layer.transposed, layer, "one tap, stride 1, groups 1 and no padding")
    last, second = _channels_last(x.dim()), _channels_second(x.dim())
    matrix = layer.weight.flatten(1)
    with no_grad():
        result = linear(x.permute(*last), matrix, layer.bias).permute(*second)
    title = f"F.linear with weight {tuple(layer.weight.shape)} as {tuple(matrix.shape)}"
    return title, [f"x.permute{last}, linear, and the result .permute{second}"], result


def _as_unfold(layer: Callable, x: Tensor) -> tuple[str, Steps, Tensor]:
    """Windows as columns, the weight as a matrix, and the columns of results put back."""
    padded, out = _padded(layer, x)
    with no_grad():
        columns = unfold(padded, layer.kernel_size, layer.dilation, (0,) * layer.rank, layer.stride)
        rows = columns.unflatten(1, (layer.groups, -1))  # (batch, groups, channels·taps, blocks)
        matrix = layer.weight.flatten(1).unflatten(0, (layer.groups, -1))
        product = (matrix @ rows).flatten(1, 2)
        product = product if layer.bias is None else product + layer.bias.unsqueeze(1)
        result = fold(product, out, (1,) * layer.rank)
    steps = [
        f"unfold makes columns of {columns.shape[1]} entries, one for each of {columns.shape[2]} outputs",
        f"the weight as a matrix {tuple(layer.weight.flatten(1).shape)} times these columns",
        f"fold puts the {columns.shape[2]} results back as {' × '.join(map(str, out))}",
    ]
    return "Unfold + matrix product + Fold", steps, result


def _padded(layer: Callable, x: Tensor) -> tuple[Tensor, tuple[int, ...]]:
    """The input with the layer's own padding, and the output's size."""
    _require(not layer.transposed and x.dim() == layer.rank + 2, layer, "a convolution and a batched input")
    axes = _facts(layer, x).axes
    sides = tuple(n for axis in reversed(axes) for n in (axis.numbers["before"], axis.numbers["after"]))
    mode = "constant" if layer.padding_mode == "zeros" else layer.padding_mode
    return (pad(x, sides, mode=mode) if any(sides) else x), tuple(axis.out for axis in axes)


def _facts(layer: Callable, x: Tensor) -> object:
    return facts_of(of_module(layer), tuple(x.shape))


def _per_channel(layer: Callable, x: Tensor) -> tuple[str, Steps, Tensor]:
    _require(layer.groups == layer.in_channels and not layer.transposed, layer, "groups=in_channels")
    each = layer.out_channels // layer.groups
    with no_grad():
        parts = [_one_group(layer, x, channel, each) for channel in range(layer.groups)]
    steps = [
        f"channel c alone makes outputs {each}·c … {each}·c + {each - 1}"
        if each > 1
        else "channel c alone makes output c"
    ]
    return f"{layer.groups} convolutions of one channel each, concatenated", steps, cat(parts, 1)


def _one_group(layer: Callable, x: Tensor, channel: int, each: int) -> Tensor:
    rows = slice(channel * each, (channel + 1) * each)
    one = _changed(layer, layer.weight[rows], groups=1)
    return one(x[:, channel : channel + 1], None if layer.bias is None else layer.bias[rows])


def _changed(layer: Callable, weight: Tensor, **changes: object) -> Callable[[Tensor, Tensor | None], Tensor]:
    """The layer's convolution with another weight and other arguments."""
    names = ("stride", "padding", "dilation", "groups", "padding_mode")
    arguments = {name: changes.get(name, getattr(layer, name)) for name in names}

    def call(x: Tensor, bias: Tensor | None) -> Tensor:
        return convolution(f"conv{layer.rank}d", layer.rank, x, weight, bias, **arguments)

    return call


def _as_gradient(layer: Callable, x: Tensor) -> tuple[str, Steps, Tensor]:
    """The gradient of ⟨conv(z), x⟩ in z, for any z of the output's shape."""
    _require(layer.transposed and layer.padding_mode == "zeros", layer, "a transposed layer with padding mode zeros")
    shape = _facts(layer, x).y
    with enable_grad():
        z = zeros(shape, dtype=x.dtype, requires_grad=True)
        y = _changed(layer, layer.weight.detach())(z, None)
        [result] = grad(y, z, x.detach())
    bias = layer.bias
    result = result if bias is None else result + bias.detach().reshape(-1, *[1] * layer.rank)
    steps = [
        f"a Conv{layer.rank}d with the same weight and arguments maps {tuple(shape)} to {tuple(x.shape)}",
        "its gradient with regard to its input, where the gradient of its output is x, and the bias added",
    ]
    return f"the gradient of Conv{layer.rank}d", steps, result


def _zeros_between(layer: Callable, x: Tensor) -> tuple[str, Steps, Tensor]:
    _require(not layer.transposed, layer, "a convolution")
    taps = tuple((k - 1) * d + 1 for k, d in zip(layer.kernel_size, layer.dilation))
    with no_grad():
        weight = zeros((*layer.weight.shape[:2], *taps), dtype=layer.weight.dtype)
        weight[(..., *(slice(None, None, d) for d in layer.dilation))] = layer.weight
        result = _changed(layer, weight, dilation=1)(x, layer.bias)
    steps = [f"{' × '.join(map(str, layer.kernel_size))} taps written into {' × '.join(map(str, taps))}, the rest zero"]
    return "the same without dilation, its kernel with zeros between the taps", steps, result


EQUALITIES = {
    "linear": _as_linear,
    "unfold": _as_unfold,
    "per-channel": _per_channel,
    "gradient": _as_gradient,
    "zeros-between": _zeros_between,
}


def _require(holds: bool, layer: Callable, what: str) -> None:
    if not holds:
        raise ValueError(message(f"this equality needs {what}", f"got {layer!r}"))
