"""Linear: the layer with no spatial axis; and its lazy form."""

from __future__ import annotations

import math
from typing import Any

from rushlight.core.dtypes import dtype as DType
from rushlight.nn import functional as F
from rushlight.nn import init
from rushlight.nn.lazy import LazyModuleMixin
from rushlight.nn.module import CALL_ERRORS, Module, name_layer
from rushlight.nn.parameter import Parameter, UninitializedParameter
from rushlight.rules.construction import check_layer
from rushlight.tensor.core import Tensor
from rushlight.tensor.creation import empty
from rushlight.tensor.size import limits_of


def reset_as_torch(weight: Parameter, bias: Parameter | None) -> None:
    """The family's first weights: uniform in ±1/√fan_in, the weight drawn before the bias.

    The slope √5 of `kaiming_uniform_` is how PyTorch writes that bound.
    """
    init.kaiming_uniform_(weight, a=math.sqrt(5))
    if bias is not None:
        fan_in, _ = init._calculate_fan_in_and_fan_out(weight)
        bound = 1 / math.sqrt(fan_in) if fan_in else 0
        init.uniform_(bias, -bound, bound)


class Linear(Module):
    """y = x·Wᵀ + b, on the last axis.

    Shapes: x (…, in_features) → (…, out_features); weight (out_features, in_features); bias (out_features),
    left out with `bias=False`. Weight and bias begin uniform in ±1/√in_features.

    Raises RuntimeError at the call where the last axis of x is not in_features long, or the dtypes differ.
    `Conv1d(…, kernel_size=1)` is the same layer with the channels on axis 1: `x.permute(0, 2, 1)` leads from
    one to the other.

    >>> import rushlight as torch
    >>> torch.nn.Linear(20, 30)(torch.zeros(128, 20)).shape
    torch.Size([128, 30])
    >>> torch.nn.Linear(28, 10)(torch.zeros(256, 1, 28, 28)).shape
    torch.Size([256, 1, 28, 10])
    """

    in_features: int
    out_features: int
    weight: Tensor
    bias: Tensor | None

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        with limits_of(device):
            check_layer("Linear", in_features, out_features)
        self.in_features = in_features
        self.out_features = out_features
        self.weight = Parameter(empty((out_features, in_features), device=device, dtype=dtype))
        self.register_parameter("bias", Parameter(empty(out_features, device=device, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weights anew."""
        reset_as_torch(self.weight, self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """x·Wᵀ + b."""
        try:
            return F.linear(input, self.weight, self.bias)
        except CALL_ERRORS as error:
            name_layer(error, self)
            raise

    def extra_repr(self) -> str:
        """The sizes, and whether there is a bias."""
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class Bilinear(Module):
    """Σ x1[i]·weight[o, i, j]·x2[j] + bias[o].

    Shapes: x1 (…, in1_features), x2 (…, in2_features) → (…, out_features). Weight and bias begin uniform in
    ±1/√in1_features.

    >>> import rushlight as torch
    >>> torch.nn.Bilinear(3, 4, 5)(torch.zeros(2, 3), torch.zeros(2, 4)).shape
    torch.Size([2, 5])
    """

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        if in1_features <= 0:
            raise ValueError(f"in1_features must be > 0, but got {in1_features}")
        self.in1_features = in1_features
        self.in2_features = in2_features
        self.out_features = out_features
        self.weight = Parameter(empty((out_features, in1_features, in2_features), device=device, dtype=dtype))
        self.register_parameter("bias", Parameter(empty(out_features, device=device, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weights anew."""
        bound = 1 / math.sqrt(self.weight.shape[1])
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        """The bilinear form of both."""
        return F.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        """The sizes, and whether there is a bias."""
        sizes = f"in1_features={self.in1_features}, in2_features={self.in2_features}"
        return f"{sizes}, out_features={self.out_features}, bias={self.bias is not None}"


class LazyLinear(LazyModuleMixin, Linear):
    """A Linear whose in_features is the last axis of its first input; then it is a `Linear`.

    Loading a state dict settles in_features too.

    >>> import rushlight as torch
    >>> layer = torch.nn.LazyLinear(3)
    >>> layer(torch.zeros(2, 5)).shape, layer
    (torch.Size([2, 3]), Linear(in_features=5, out_features=3, bias=True))
    """

    cls_to_become = Linear

    def __init__(self, out_features: int, bias: bool = True, device: Any = None, dtype: DType | None = None) -> None:
        super().__init__(0, 0, False)
        self.out_features = out_features
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def reset_parameters(self) -> None:
        """Draw the weights anew; nothing happens before their shape is known."""
        if not self.has_uninitialized_params() and self.in_features != 0:
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor) -> None:
        """Give weight and bias the shape that fits this input."""
        if not self.has_uninitialized_params():
            return
        in_features = input.shape[-1]
        with limits_of(input.device):
            check_layer("Linear", in_features, self.out_features)
        self.in_features = in_features
        self.weight.materialize((self.out_features, in_features))
        if self.bias is not None:
            self.bias.materialize((self.out_features,))
        self.reset_parameters()

    def sizes_from_parameters(self) -> None:
        """Read the sizes off the weight, after a state has been loaded."""
        self.out_features, self.in_features = self.weight.shape
