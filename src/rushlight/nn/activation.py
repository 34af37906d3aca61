"""Activations as layers: they hold the arguments, `functional_activation` computes."""

from __future__ import annotations

from typing import Any

from rushlight.core.dtypes import dtype as DType
from rushlight.nn import functional_activation as A
from rushlight.nn.functional_random import rrelu
from rushlight.nn.module import Module
from rushlight.nn.parameter import Parameter
from rushlight.tensor.core import Tensor
from rushlight.tensor.creation import full


class _InPlace(Module):
    """Activations whose only choice is whether they write over their input."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def extra_repr(self) -> str:
        """Only what differs from the default."""
        return "inplace=True" if self.inplace else ""


class ReLU(_InPlace):
    """max(x, 0).

    >>> import rushlight as torch
    >>> torch.nn.ReLU()(torch.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """

    def forward(self, input: Tensor) -> Tensor:
        """max(x, 0)."""
        return A.relu(input, self.inplace)


class SiLU(_InPlace):
    """x·sigmoid(x)."""

    def forward(self, input: Tensor) -> Tensor:
        """x·sigmoid(x)."""
        return A.silu(input, self.inplace)


class Mish(_InPlace):
    """x·tanh(softplus(x))."""

    def forward(self, input: Tensor) -> Tensor:
        """x·tanh(softplus(x))."""
        return A.mish(input, self.inplace)


class SELU(_InPlace):
    """elu with the alpha and scale that keep mean 0 and variance 1."""

    def forward(self, input: Tensor) -> Tensor:
        """selu(x)."""
        return A.selu(input, self.inplace)


class Hardswish(_InPlace):
    """x·hardsigmoid(x)."""

    def forward(self, input: Tensor) -> Tensor:
        """x·hardsigmoid(x)."""
        return A.hardswish(input, self.inplace)

    def extra_repr(self) -> str:
        """Nothing, as in PyTorch."""
        return ""


class Hardsigmoid(Hardswish):
    """(x + 3) / 6, kept between 0 and 1."""

    def forward(self, input: Tensor) -> Tensor:
        """hardsigmoid(x)."""
        return A.hardsigmoid(input, self.inplace)


class LeakyReLU(Module):
    """x where it is positive, negative_slope·x elsewhere."""

    def __init__(self, negative_slope: float = 1e-2, inplace: bool = False) -> None:
        super().__init__()
        self.negative_slope = negative_slope
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """leaky_relu(x)."""
        return A.leaky_relu(input, self.negative_slope, self.inplace)

    def extra_repr(self) -> str:
        """The slope."""
        return f"negative_slope={self.negative_slope}" + (", inplace=True" if self.inplace else "")


class PReLU(Module):
    """x where it is positive, weight·x elsewhere; the weight, one or one a channel, is trained."""

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: DType | None = None
    ) -> None:
        super().__init__()
        self.num_parameters = num_parameters
        self.init = init
        self.weight = Parameter(full((num_parameters,), float(init), device=device, dtype=dtype))

    def forward(self, input: Tensor) -> Tensor:
        """prelu(x)."""
        return A.prelu(input, self.weight)

    def extra_repr(self) -> str:
        """How many weights."""
        return f"num_parameters={self.num_parameters}"


class ELU(Module):
    """x where it is positive, alpha·(eˣ − 1) elsewhere."""

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha = alpha
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """elu(x)."""
        return A.elu(input, self.alpha, self.inplace)

    def extra_repr(self) -> str:
        """The alpha."""
        return f"alpha={self.alpha}" + (", inplace=True" if self.inplace else "")


class CELU(ELU):
    """x where it is positive, alpha·(e^(x / alpha) − 1) elsewhere."""

    def forward(self, input: Tensor) -> Tensor:
        """celu(x)."""
        return A.celu(input, self.alpha, self.inplace)


class Threshold(Module):
    """x where it is above the threshold, the value elsewhere."""

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__()
        self.threshold = threshold
        self.value = value
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """threshold(x)."""
        return A.threshold(input, self.threshold, self.value, self.inplace)

    def extra_repr(self) -> str:
        """The two numbers."""
        return f"threshold={self.threshold}, value={self.value}" + (", inplace=True" if self.inplace else "")


class Hardshrink(Module):
    """x, or 0 where it lies between −lambd and lambd."""

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def forward(self, input: Tensor) -> Tensor:
        """hardshrink(x)."""
        return A.hardshrink(input, self.lambd)

    def extra_repr(self) -> str:
        """The bound."""
        return f"{self.lambd}"


class Softshrink(Hardshrink):
    """x nearer to 0 by lambd, 0 where that passes it."""

    def forward(self, input: Tensor) -> Tensor:
        """softshrink(x)."""
        return A.softshrink(input, self.lambd)


class RReLU(Module):
    """x where it is positive, slope·x elsewhere: in training a slope between lower and upper drawn for each number,
    in evaluation their mean."""

    def __init__(self, lower: float = 1.0 / 8, upper: float = 1.0 / 3, inplace: bool = False) -> None:
        super().__init__()
        self.lower = lower
        self.upper = upper
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """rrelu(x)."""
        return rrelu(input, self.lower, self.upper, self.training, self.inplace)

    def extra_repr(self) -> str:
        """The ends of the slopes."""
        return f"lower={self.lower}, upper={self.upper}" + (", inplace=True" if self.inplace else "")


class Hardtanh(Module):
    """x, kept between min_val and max_val; AssertionError where these are not in order."""

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        if max_val <= min_val:
            raise AssertionError(f"max_val ({max_val}) must be greater than min_val ({min_val})")  # PyTorch's kind
        self.min_val = min_val
        self.max_val = max_val
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """hardtanh(x)."""
        return A.hardtanh(input, self.min_val, self.max_val, self.inplace)

    def extra_repr(self) -> str:
        """The limits."""
        return f"min_val={self.min_val}, max_val={self.max_val}" + (", inplace=True" if self.inplace else "")


class ReLU6(Hardtanh):
    """min(max(x, 0), 6)."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(0.0, 6.0, inplace)

    def extra_repr(self) -> str:
        """Only what differs from the default."""
        return "inplace=True" if self.inplace else ""


class GELU(Module):
    """x·Φ(x), Φ the normal distribution function; approximate="tanh" is faster and nearly the same."""

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        """gelu(x)."""
        return A.gelu(input, self.approximate)

    def extra_repr(self) -> str:
        """Which form."""
        return f"approximate={self.approximate!r}"


class Softplus(Module):
    """ln(1 + e^(beta·x)) / beta; x itself where beta·x is above the threshold."""

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta = beta
        self.threshold = threshold

    def forward(self, input: Tensor) -> Tensor:
        """softplus(x)."""
        return A.softplus(input, self.beta, self.threshold)

    def extra_repr(self) -> str:
        """The arguments."""
        return f"beta={self.beta}, threshold={self.threshold}"


class _NoArguments(Module):
    """Activations without a choice; like PyTorch's, they take any arguments and ignore them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()


class Sigmoid(_NoArguments):
    """1 / (1 + e⁻ˣ)."""

    def forward(self, input: Tensor) -> Tensor:
        """sigmoid(x)."""
        return A.sigmoid(input)


class Tanh(_NoArguments):
    """The hyperbolic tangent."""

    def forward(self, input: Tensor) -> Tensor:
        """tanh(x)."""
        return A.tanh(input)


class LogSigmoid(_NoArguments):
    """ln sigmoid(x)."""

    def forward(self, input: Tensor) -> Tensor:
        """logsigmoid(x)."""
        return A.logsigmoid(input)


class Softsign(_NoArguments):
    """x / (1 + |x|)."""

    def forward(self, input: Tensor) -> Tensor:
        """softsign(x)."""
        return A.softsign(input)


class Tanhshrink(_NoArguments):
    """x − tanh(x)."""

    def forward(self, input: Tensor) -> Tensor:
        """tanhshrink(x)."""
        return A.tanhshrink(input)


class GLU(Module):
    """The first half of an axis times the sigmoid of the second."""

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """glu(x)."""
        return A.glu(input, self.dim)

    def extra_repr(self) -> str:
        """The axis."""
        return f"dim={self.dim}"


class _AlongAxis(Module):
    """Activations along an axis."""

    _function = None

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """The function along the axis."""
        return self._function(input, self.dim, _stacklevel=5)

    def extra_repr(self) -> str:
        """The axis."""
        return f"dim={self.dim}"


class Softmax(_AlongAxis):
    """eˣ / Σ eˣ along the axis `dim`.

    >>> import rushlight as torch
    >>> torch.nn.Softmax(dim=1)(torch.zeros(1, 2))
    tensor([[0.5000, 0.5000]])
    """

    _function = staticmethod(A.softmax)


class Softmin(_AlongAxis):
    """softmax(−x) along the axis `dim`."""

    _function = staticmethod(A.softmin)


class LogSoftmax(_AlongAxis):
    """ln softmax(x) along the axis `dim`."""

    _function = staticmethod(A.log_softmax)


class Softmax2d(_NoArguments):
    """softmax over the channels of (batch, channels, H, W) or (channels, H, W)."""

    def forward(self, input: Tensor) -> Tensor:
        """softmax over the third axis from the end."""
        if input.dim() not in (3, 4):
            raise ValueError(f"Softmax2d: expected input to be 3D or 4D, got {input.dim()}D instead")
        return A.softmax(input, -3)
