"""Layers that only move numbers: Identity, Flatten, Unflatten, Unfold, Fold and the padding layers."""

from __future__ import annotations

from typing import Any

from rushlight.nn import functional as F
from rushlight.nn.conv import each_axis
from rushlight.nn.module import Module, shown
from rushlight.tensor.core import Tensor

Sizes = int | tuple[int, ...]


class Identity(Module):
    """Passes its input on; takes any arguments and ignores them.

    >>> import rushlight as torch
    >>> torch.nn.Identity(54, unused=True)(torch.ones(2))
    tensor([1., 1.])
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:
        """The input itself."""
        return input


class Flatten(Module):
    """Joins the axes start_dim … end_dim into one; a view where the input's memory allows it.

    Raises IndexError for an axis that is not there, RuntimeError where start_dim comes after end_dim.

    >>> import rushlight as torch
    >>> torch.nn.Flatten()(torch.zeros(32, 1, 5, 5)).shape
    torch.Size([32, 25])
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Tensor) -> Tensor:
        """The input with fewer axes."""
        return input.flatten(self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        """The two axes."""
        return shown(self, "start_dim", "end_dim")


class Unflatten(Module):
    """Splits the axis `dim` into axes of the sizes `unflattened_size`, one of which may be −1.

    Raises TypeError at construction where the sizes are not whole numbers, RuntimeError at the call where
    they do not multiply to the size of the axis.

    >>> import rushlight as torch
    >>> torch.nn.Unflatten(1, (2, 5, 5))(torch.zeros(2, 50)).shape
    torch.Size([2, 2, 5, 5])
    """

    def __init__(self, dim: int, unflattened_size: tuple[int, ...] | list[int]) -> None:
        super().__init__()
        if not isinstance(unflattened_size, (tuple, list)):
            raise TypeError(
                f"unflattened_size must be a tuple of ints, but found type {type(unflattened_size).__name__}"
            )
        for position, size in enumerate(unflattened_size):
            if not isinstance(size, int):
                raise TypeError(
                    "unflattened_size must be tuple of ints, "
                    f"but found element of type {type(size).__name__} at pos {position}"
                )
        self.dim = dim
        self.unflattened_size = unflattened_size

    def forward(self, input: Tensor) -> Tensor:
        """The input with more axes."""
        return input.unflatten(self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        """The axis and its sizes."""
        return shown(self, "dim", "unflattened_size")


class Unfold(Module):
    """Cuts out every window that a convolution would look at, as columns; for one, two or three axes.

    Shapes: x (batch, channels, *size), or without the batch, to (batch, channels · taps, windows), with the
    channel slowest. A convolution is the weight, as a matrix, times this.

    >>> import rushlight as torch
    >>> torch.nn.Unfold((2, 3))(torch.zeros(2, 5, 3, 4)).shape
    torch.Size([2, 30, 4])
    """

    def __init__(self, kernel_size: Sizes, dilation: Sizes = 1, padding: Sizes = 0, stride: Sizes = 1) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Tensor) -> Tensor:
        """The windows of the input."""
        return F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        """The arguments."""
        return shown(self, "kernel_size", "dilation", "padding", "stride")


class Fold(Module):
    """Puts windows back where `Unfold` cut them out; what overlaps is summed.

    Shapes: x (batch, channels · taps, windows), or without the batch, to (batch, channels, *output_size).

    >>> import rushlight as torch
    >>> torch.nn.Fold((4, 5), (2, 2))(torch.zeros(1, 3 * 2 * 2, 12)).shape
    torch.Size([1, 3, 4, 5])
    """

    def __init__(
        self,
        output_size: Sizes,
        kernel_size: Sizes,
        dilation: Sizes = 1,
        padding: Sizes = 0,
        stride: Sizes = 1,
    ) -> None:
        super().__init__()
        self.output_size = output_size
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Tensor) -> Tensor:
        """The sum of the windows."""
        return F.fold(input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        """The arguments."""
        return shown(self, "output_size", "kernel_size", "dilation", "padding", "stride")


_PAD_DOC = """Pads {axes}, {how}.

`padding` is one number for every side, or two for each axis, before and after, the last axis first. A
negative one crops. Shapes: (batch, channels, {sizes}) or (channels, {sizes}).{limit}

>>> import rushlight as torch
>>> torch.nn.{name}(1{value})(torch.zeros(1, 2, {example})).shape
torch.Size([1, 2, {result}])
"""


class _PadNd(Module):
    """The padding layers: a mode, and how many axes."""

    rank: int
    mode: str
    how: str
    limit = ""
    value: float | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "rank" in cls.__dict__ and cls.__doc__ is None:
            letters = "DHW"[3 - cls.rank :] if cls.rank > 1 else "L"
            cls.__doc__ = _PAD_DOC.format(
                axes={1: "the last axis", 2: "the last two axes", 3: "the last three axes"}[cls.rank],
                how=cls.how,
                limit=cls.limit,
                name=cls.__name__,
                sizes=", ".join(letters),
                value=", 3.5" if cls.__name__.startswith("Constant") else "",
                example=", ".join(["4"] * cls.rank),
                result=", ".join(["6"] * cls.rank),
            )

    def __init__(self, padding: Sizes) -> None:
        super().__init__()
        self.padding = each_axis(padding, 2 * self.rank)

    def forward(self, input: Tensor) -> Tensor:
        """The input with more (or fewer) positions at its ends."""
        return F.pad(input, self.padding, self.mode, self.value)

    def extra_repr(self) -> str:
        """The pads."""
        return f"{self.padding}"


class _ConstantPadNd(_PadNd):
    mode, how = "constant", "with one number"

    def __init__(self, padding: Sizes, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def extra_repr(self) -> str:
        """The pads and the number."""
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPadNd):
    rank = 1


class ConstantPad2d(_ConstantPadNd):
    rank = 2


class ConstantPad3d(_ConstantPadNd):
    rank = 3


class _ZeroPadNd(_PadNd):
    mode, how, value = "constant", "with zeros", 0.0


class ZeroPad1d(_ZeroPadNd):
    rank = 1


class ZeroPad2d(_ZeroPadNd):
    rank = 2


class ZeroPad3d(_ZeroPadNd):
    rank = 3


class _ReflectionPadNd(_PadNd):
    mode, how = "reflect", "with what is inside mirrored at the first and last position"
    limit = " Each pad must be\nsmaller than its axis."


class ReflectionPad1d(_ReflectionPadNd):
    rank = 1


class ReflectionPad2d(_ReflectionPadNd):
    rank = 2


class ReflectionPad3d(_ReflectionPadNd):
    rank = 3


class _ReplicationPadNd(_PadNd):
    mode, how = "replicate", "with the first and the last value repeated"


class ReplicationPad1d(_ReplicationPadNd):
    rank = 1


class ReplicationPad2d(_ReplicationPadNd):
    rank = 2


class ReplicationPad3d(_ReplicationPadNd):
    rank = 3


class _CircularPadNd(_PadNd):
    mode, how = "circular", "with what is at the other end"
    limit = " No pad may be\nlarger than its axis."

    def forward(self, input: Tensor) -> Tensor:
        """The input continued round its ends."""
        if input.dim() not in (self.rank + 1, self.rank + 2):
            raise ValueError(f"expected {self.rank + 1}D or {self.rank + 2}D input (got {input.dim()}D input)")
        return super().forward(input)


class CircularPad1d(_CircularPadNd):
    rank = 1


class CircularPad2d(_CircularPadNd):
    rank = 2


class CircularPad3d(_CircularPadNd):
    rank = 3
