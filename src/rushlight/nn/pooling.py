"""Pooling layers: one number for each window of the input, the largest or the mean."""

from __future__ import annotations

from typing import Any

from rushlight.nn import functional as F
from rushlight.nn.conv import each_axis
from rushlight.nn.module import Module, shown
from rushlight.rules.formula import CONV_OUTPUT
from rushlight.tensor.core import Tensor

Sizes = int | tuple[int, ...]

_DOC = """{what} of each window, over {axes}.

Shapes: (batch, channels, {sizes}), or without the batch; {windows}{more}

>>> import rushlight as torch
>>> torch.nn.{name}({arguments})(torch.zeros(1, 3, {example})).shape
torch.Size([1, 3, {pooled}])
"""
_BY_SIZE = f"""for each axis

    {CONV_OUTPUT}

or, with ceil_mode, rounded up, if the last window starts within the input or its padding. `stride` is
kernel_size where it is not given."""
_BY_COUNT = "there are output_size windows an axis (None: as\nmany as positions)."


class _PoolNd(Module):
    """What pooling layers share: the text, written once, and the rank."""

    rank: int
    _what: str
    _windows = _BY_SIZE
    _more = ""
    _arguments = "2"

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "rank" in cls.__dict__ and cls.__doc__ is None:
            cls.__doc__ = _DOC.format(
                what=cls._what,
                axes={1: "one axis", 2: "two axes", 3: "three axes"}[cls.rank],
                sizes=", ".join("DHW"[3 - cls.rank :] if cls.rank > 1 else "L"),
                windows=cls._windows,
                more=cls._more,
                name=cls.__name__,
                arguments=cls._arguments,
                example=", ".join(["8"] * cls.rank),
                pooled=", ".join(["4"] * cls.rank),
            )

    def _call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        return getattr(F, f"{name}{self.rank}d")(*args, **kwargs)


class _MaxPoolNd(_PoolNd):
    _what = "The largest number"
    _more = " `padding` never wins. With `return_indices` the index of each in its flattened plane, too."

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        dilation: Sizes = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def forward(self, input: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """The largest number of each window."""
        return self._call(
            "max_pool",
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            ceil_mode=self.ceil_mode,
            return_indices=self.return_indices,
        )

    def extra_repr(self) -> str:
        """The arguments."""
        return shown(self, "kernel_size", "stride", "padding", "dilation", "ceil_mode")


class MaxPool1d(_MaxPoolNd):
    rank = 1


class MaxPool2d(_MaxPoolNd):
    rank = 2


class MaxPool3d(_MaxPoolNd):
    rank = 3


class _AvgPoolNd(_PoolNd):
    _what = "The mean"
    _more = " Padding counts as zeros, unless `count_include_pad=False`."

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def forward(self, input: Tensor) -> Tensor:
        """The mean of each window."""
        arguments = (self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)
        return self._call("avg_pool", input, *arguments, self.divisor_override)

    def extra_repr(self) -> str:
        """The arguments."""
        return shown(self, "kernel_size", "stride", "padding")


class AvgPool1d(_AvgPoolNd):
    rank = 1

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        stride = kernel_size if stride is None else stride
        windows = (each_axis(value, 1) for value in (kernel_size, stride, padding))
        super().__init__(*windows, ceil_mode, count_include_pad)

    def forward(self, input: Tensor) -> Tensor:
        """The mean of each window."""
        arguments = (self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)
        return F.avg_pool1d(input, *arguments)


class AvgPool2d(_AvgPoolNd):
    rank = 2


class AvgPool3d(_AvgPoolNd):
    rank = 3


class _AdaptivePoolNd(_PoolNd):
    _windows = _BY_COUNT
    _arguments = "4"

    def __init__(self, output_size: Sizes | tuple[int | None, ...] | None) -> None:
        super().__init__()
        self.output_size = output_size

    def extra_repr(self) -> str:
        """The number of windows."""
        return f"output_size={self.output_size}"


class _AdaptiveAvgPoolNd(_AdaptivePoolNd):
    _what = "The mean"

    def forward(self, input: Tensor) -> Tensor:
        """The mean of each window."""
        return self._call("adaptive_avg_pool", input, self.output_size)


class AdaptiveAvgPool1d(_AdaptiveAvgPoolNd):
    rank = 1


class AdaptiveAvgPool2d(_AdaptiveAvgPoolNd):
    rank = 2


class AdaptiveAvgPool3d(_AdaptiveAvgPoolNd):
    rank = 3
