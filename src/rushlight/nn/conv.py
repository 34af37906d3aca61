"""The convolution layers: Conv, ConvTranspose and their lazy forms, for one, two and three spatial axes.

A layer holds the arguments and the parameters; `ops.conv` checks and computes. Everything is written once
for any number of axes, a class for each number only says which.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import update_wrapper
from types import FunctionType
from typing import Any

from rushlight.core.dtypes import dtype as DType
from rushlight.core.errors import message
from rushlight.nn.lazy import LazyModuleMixin
from rushlight.nn.linear import reset_as_torch
from rushlight.nn.module import CALL_ERRORS, Module, name_layer
from rushlight.nn.parameter import Parameter, UninitializedParameter
from rushlight.ops.conv import code, conv_transpose, convolution
from rushlight.rules.construction import check_layer
from rushlight.rules.formula import CONV_OUTPUT, TRANSPOSED_OUTPUT
from rushlight.rules.geometry import convolution as check_convolution
from rushlight.rules.geometry import transposed as check_transposed
from rushlight.tensor.core import Tensor
from rushlight.tensor.creation import empty
from rushlight.tensor.size import limits_of

Steps = int | tuple[int, ...]
Padding = str | int | tuple


def each_axis(value: Any, rank: int) -> tuple:
    """One value for all axes, or the values as they were given, as a tuple."""
    return tuple(value) if isinstance(value, Iterable) else (value,) * rank


def _name_after(cls: type, *methods: str) -> None:
    """The class's own copies of inherited methods. Where arguments do not fit, Python's TypeError names the function's
    class, which must be Conv2d as in PyTorch; and a method written once for any rank is one function, with one name."""
    for name in methods:
        shared = getattr(cls, name)
        own = FunctionType(shared.__code__, shared.__globals__, name, shared.__defaults__, shared.__closure__)
        own = update_wrapper(own, shared)
        del own.__wrapped__
        own.__qualname__ = f"{cls.__qualname__}.{name}"
        setattr(cls, name, own)


class _ConvNd(Module):
    """What all convolution layers share: arguments, parameters, their first values, and the repr."""

    rank: int
    transposed: bool = False
    in_channels: int
    out_channels: int
    weight: Tensor
    bias: Tensor | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Steps,
        stride: Steps,
        padding: Padding,
        dilation: Steps,
        output_padding: Steps,
        groups: int,
        bias: bool,
        padding_mode: str,
        device: Any,
        dtype: DType | None,
    ) -> None:
        super().__init__()
        with limits_of(device):
            check_layer(
                self._kind, in_channels, out_channels, kernel_size, stride, padding, dilation, groups, padding_mode
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = each_axis(kernel_size, self.rank)
        self.stride = each_axis(stride, self.rank)
        self.padding = padding if isinstance(padding, str) else each_axis(padding, self.rank)
        self.dilation = each_axis(dilation, self.rank)
        self.output_padding = each_axis(output_padding, self.rank)
        self.groups = groups
        self.padding_mode = padding_mode
        self.weight = Parameter(empty(self._weight_shape(in_channels), device=device, dtype=dtype))
        self.register_parameter("bias", Parameter(empty(out_channels, device=device, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Name the kind and the operation after the rank; subclasses of users keep them."""
        super().__init_subclass__(**kwargs)
        if hasattr(cls, "rank"):
            cls._kind = f"Conv{'Transpose' if cls.transposed else ''}{cls.rank}d"
            cls._op = f"conv{'_transpose' if cls.transposed else ''}{cls.rank}d"
            if cls.__module__ == __name__:
                _name_after(cls, "__init__", "forward")

    def _weight_shape(self, in_channels: int) -> tuple[int, ...]:
        ends = (in_channels, self.out_channels) if self.transposed else (self.out_channels, in_channels)
        return (ends[0], ends[1] // self.groups, *self.kernel_size)

    def reset_parameters(self) -> None:
        """Draw the weights anew."""
        reset_as_torch(self.weight, self.bias)

    def extra_repr(self) -> str:
        """The arguments that differ from their defaults."""
        words = [
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}",
            f"padding={self.padding}" if self.padding != (0,) * len(self.padding) else "",
            f"dilation={self.dilation}" if self.dilation != (1,) * len(self.dilation) else "",
            f"output_padding={self.output_padding}" if any(self.output_padding) else "",
            f"groups={self.groups}" if self.groups != 1 else "",
            "bias=False" if self.bias is None else "",
            f"padding_mode={self.padding_mode}" if self.padding_mode != "zeros" else "",
        ]
        return ", ".join(filter(None, words))


class _Conv(_ConvNd):
    """The layers that convolve; their docstring is written once, below."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Steps,
        stride: Steps = 1,
        padding: Padding = 0,
        dilation: Steps = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__(
            *(in_channels, out_channels, kernel_size, stride, padding, dilation, 0, groups),
            *(bias, padding_mode, device, dtype),
        )

    def _arguments(self) -> tuple:
        """In the order of `convolution`."""
        return self.stride, self.padding, self.dilation, self.groups, self.padding_mode

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return convolution(self._op, self.rank, input, weight, bias, *self._arguments())

    def forward(self, input: Tensor) -> Tensor:
        """Convolve the input with the layer's weight and add the bias."""
        try:
            return self._conv_forward(input, self.weight, self.bias)
        except CALL_ERRORS as error:
            name_layer(error, self)
            raise


class _ConvTranspose(_ConvNd):
    """The layers that convolve the other way; their docstring is written once, below."""

    transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Steps,
        stride: Steps = 1,
        padding: Padding = 0,
        output_padding: Steps = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Steps = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__(
            *(in_channels, out_channels, kernel_size, stride, padding, dilation, output_padding, groups),
            *(bias, padding_mode, device, dtype),
        )

    def forward(self, input: Tensor, output_size: tuple[int, ...] | None = None) -> Tensor:
        """Convolve the other way; `output_size` picks one of the sizes that the stride maps onto the input's.

        It has one entry a spatial axis, or those of batch and channels too (which are not looked at), and
        takes the place of output_padding. ValueError with the possible sizes where it is none of them.
        """
        try:
            return conv_transpose(
                self._op, self.rank, input, self.weight, self.bias, *self._arguments(), output_size=output_size
            )
        except CALL_ERRORS as error:
            name_layer(error, self)
            raise

    def _arguments(self) -> tuple:
        """In the order of `conv_transpose`."""
        steps = self.stride, self.padding, self.output_padding, self.groups, self.dilation
        return (*steps, self.padding_mode)


class Conv1d(_Conv):
    rank = 1


class Conv2d(_Conv):
    rank = 2


class Conv3d(_Conv):
    rank = 3


class ConvTranspose1d(_ConvTranspose):
    rank = 1


class ConvTranspose2d(_ConvTranspose):
    rank = 2


class ConvTranspose3d(_ConvTranspose):
    rank = 3


class _LazyConvNd(LazyModuleMixin):
    """in_channels from the first input: what the lazy convolution layers share."""

    def _become_lazy(self, out_channels: int, bias: bool, device: Any, dtype: DType | None) -> None:
        """Put parameters without a shape in the place of those that the plain constructor made."""
        self.out_channels = out_channels
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def reset_parameters(self) -> None:
        """Draw the weights anew; nothing happens before their shape is known."""
        if not self.has_uninitialized_params() and self.in_channels != 0:
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor, *args: Any, **kwargs: Any) -> None:
        """Give weight and bias the shape that fits this input; where the call would fail, nothing changes."""
        if not self.has_uninitialized_params():
            return
        in_channels = self._channels_of(input)
        if in_channels % self.groups:
            raise ValueError(
                message(
                    "in_channels must be divisible by groups",
                    f"{self._get_name()}: the input has {in_channels} channels, groups={self.groups}",
                    fix=f"groups=1, or an input with a multiple of {self.groups} channels",
                )
            )
        weight_shape = self._weight_shape(in_channels)
        self._check_call(input, weight_shape, *args, **kwargs)
        self.in_channels = in_channels
        self.weight.materialize(weight_shape)
        if self.bias is not None:
            self.bias.materialize((self.out_channels,))
        self.reset_parameters()

    def _check_call(self, input: Tensor, weight_shape: tuple[int, ...], output_size: Any = None) -> None:
        """Raise what the call would raise with a weight of this shape."""
        shapes = input.shape, weight_shape, None if self.bias is None else (self.out_channels,)
        types = code(input), code(self.weight), None if self.bias is None else code(self.bias)
        extra = (output_size,) if self.transposed else ()
        check = check_transposed if self.transposed else check_convolution
        try:
            with limits_of(input.device):
                check(self._op, self.rank, *shapes, types, *self._arguments(), *extra)
        except CALL_ERRORS as error:
            name_layer(error, self)
            raise

    def _channels_of(self, input: Tensor) -> int:
        dim = input.dim()
        if dim not in (self.rank + 1, self.rank + 2):
            raise RuntimeError(
                message(
                    f"Expected {self.rank + 1}D (unbatched) or {self.rank + 2}D (batched) input to "
                    f"{type(self).__name__}, but got input of size: {input.shape}",
                    f"the input has {dim} dimensions",
                    fix="x.unsqueeze(…) for a missing channel or batch axis",
                )
            )
        return input.shape[dim - self.rank - 1]

    def sizes_from_parameters(self) -> None:
        """Read the channels off the weight, after a state has been loaded."""
        first, second = self.weight.shape[0], self.weight.shape[1] * self.groups
        ends = (first, second) if self.transposed else (second, first)
        self.in_channels, self.out_channels = ends


class _LazyConv(_LazyConvNd):
    def __init__(
        self,
        out_channels: int,
        kernel_size: Steps,
        stride: Steps = 1,
        padding: Padding = 0,
        dilation: Steps = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__(0, 0, kernel_size, stride, padding, dilation, groups, False, padding_mode)
        self._become_lazy(out_channels, bias, device, dtype)


class _LazyConvTranspose(_LazyConvNd):
    def __init__(
        self,
        out_channels: int,
        kernel_size: Steps,
        stride: Steps = 1,
        padding: Padding = 0,
        output_padding: Steps = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Steps = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__(0, 0, kernel_size, stride, padding, output_padding, groups, False, dilation, padding_mode)
        self._become_lazy(out_channels, bias, device, dtype)


class LazyConv1d(_LazyConv, Conv1d):
    cls_to_become = Conv1d


class LazyConv2d(_LazyConv, Conv2d):
    cls_to_become = Conv2d


class LazyConv3d(_LazyConv, Conv3d):
    cls_to_become = Conv3d


class LazyConvTranspose1d(_LazyConvTranspose, ConvTranspose1d):
    cls_to_become = ConvTranspose1d


class LazyConvTranspose2d(_LazyConvTranspose, ConvTranspose2d):
    cls_to_become = ConvTranspose2d


class LazyConvTranspose3d(_LazyConvTranspose, ConvTranspose3d):
    cls_to_become = ConvTranspose3d


_CONV_DOC = """A convolution over {axes}: every output is a weighted sum of the inputs under the taps.

    y[n, o, p] = bias[o] + Σ weight[o, c, k] · x[n, c, p·stride + k·dilation − padding]

summed over the channels c of o's group and the taps k (a cross-correlation: the taps are not flipped).

Shapes: x (batch, in_channels, {sizes}), or without the batch; y (batch, out_channels, {outs}); weight
(out_channels, in_channels / groups, {taps}); bias (out_channels). For each axis

    {formula}

Arguments: `kernel_size`, `stride`, `dilation` and `padding` are an int, or one for each axis. `padding` is
what is added at both ends of an axis; a pair (before, after) for each axis; 'valid', none; 'same', the
output as long as the input (stride 1); 'same_strided', ⌈size / stride⌉ outputs{causal}. `padding_mode` is
what it is filled with: 'zeros', 'reflect', 'replicate' or 'circular'. `groups` cuts the channels into
groups that do not see each other; groups=in_channels is a depthwise convolution. Weight and bias begin
uniform in ±1/√(in_channels / groups · taps).

Raises ValueError where groups does not divide both channel counts or a padding is unknown; RuntimeError at
the call where input and layer do not fit: channels, number of axes, dtype, a kernel beyond the padded input.

>>> import rushlight as torch
>>> layer = torch.nn.{name}(16, 33, 3, stride=2)
>>> layer(torch.zeros({example})).shape
torch.Size([{result}])
"""

_TRANSPOSE_DOC = """A convolution over {axes} run the other way: every input is spread over the outputs under the taps.

    y[n, o, p·stride + k·dilation − padding] += weight[c, o, k] · x[n, c, p]

It is the gradient of the {forward} of the same arguments with regard to its input, so it restores the shape
that a convolution had (not the values).

Shapes: x (batch, in_channels, {sizes}), or without the batch; y (batch, out_channels, {outs}); weight
(in_channels, out_channels / groups, {taps}); bias (out_channels). For each axis

    {formula}

Arguments are those of {forward}. `padding` crops the output: an int, one for each axis, a pair (before,
after) for each axis, 'valid', none, or 'same', which gives size·stride. A stride s maps s sizes onto the
same output; `output_padding`, or `output_size` at the call, says which of them to go back to (it adds no
zeros). `padding_mode` says what the input is continued with beyond its ends. Weight and bias begin uniform
in ±1/√(out_channels / groups · taps).

Raises as {forward} does, and RuntimeError where output_padding is not smaller than stride or dilation.

>>> import rushlight as torch
>>> down = torch.nn.{forward}(16, 16, 3, stride=2, padding=1)
>>> up = torch.nn.{name}(16, 16, 3, stride=2, padding=1)
>>> x = torch.zeros({square})
>>> up(down(x), output_size=x.size()).shape
torch.Size([{square}])
"""

_LAZY_DOC = """A {name} whose in_channels is that of its first input; then it is a `{name}`.

The arguments are those of `{name}` without in_channels. Loading a state dict settles in_channels too.

>>> import rushlight as torch
>>> layer = torch.nn.Lazy{name}(4, 3)
>>> layer
Lazy{name}(0, 4, kernel_size={kernel}, stride={stride})
>>> layer(torch.zeros({square})).shape[1], layer
(4, {name}(16, 4, kernel_size={kernel}, stride={stride}))
"""


def _document(template: str, cls: type) -> None:
    """Fill in what the number of axes changes in the text."""
    rank, letters = cls.rank, "DHW"[3 - cls.rank :] if cls.rank > 1 else "L"
    sizes = {1: (50, 24), 2: (50, 100, 24, 49), 3: (10, 50, 100, 4, 24, 49)}[rank]
    cls.__doc__ = template.format(
        name=cls._kind,
        forward=f"Conv{rank}d",
        axes={1: "one axis (time, length)", 2: "two axes (height, width)", 3: "three axes (depth, height, width)"}[
            rank
        ],
        sizes=", ".join(letters),
        outs=", ".join(f"{letter}_out" for letter in letters),
        taps=", ".join(["taps"] * rank),
        formula=TRANSPOSED_OUTPUT if cls.transposed else CONV_OUTPUT,
        causal="; 'causal', all of it\nbefore, so that no output sees the future" if rank == 1 else "",
        example=", ".join(map(str, (20, 16, *sizes[:rank]))),
        result=", ".join(map(str, (20, 33, *sizes[rank:]))),
        square=", ".join(map(str, (1, 16, *[12] * rank))),
        kernel=(3,) * rank,
        stride=(1,) * rank,
    )


for _cls in (Conv1d, Conv2d, Conv3d):
    _document(_CONV_DOC, _cls)
for _cls in (ConvTranspose1d, ConvTranspose2d, ConvTranspose3d):
    _document(_TRANSPOSE_DOC, _cls)
for _cls in (LazyConv1d, LazyConv2d, LazyConv3d, LazyConvTranspose1d, LazyConvTranspose2d, LazyConvTranspose3d):
    _document(_LAZY_DOC, _cls)
