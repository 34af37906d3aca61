"""Initialisation: fill a parameter in place with the numbers that training starts from.

In: a tensor whose shape is that of a layer's weight. Out: the same tensor, filled without a trace in the
graph. Random numbers are drawn in PyTorch's order, so the same seed gives the same weights.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from rushlight.autograd.modes import no_grad
from rushlight.core import absent as _absent
from rushlight.random.distributions import permutation
from rushlight.random.source import checked
from rushlight.tensor.core import Tensor, wrap

if TYPE_CHECKING:
    from rushlight.random.generator import Generator

_LINEAR = ("linear", *(f"conv{n}d" for n in (1, 2, 3)), *(f"conv_transpose{n}d" for n in (1, 2, 3)))
_GAINS = {**dict.fromkeys(_LINEAR, 1), "sigmoid": 1, "tanh": 5.0 / 3, "relu": math.sqrt(2.0), "selu": 3.0 / 4}
_REJECTION_FROM = 0.3  # the share of a normal distribution below which drawing again takes too long


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor that keeps the spread of values through the nonlinearity; ValueError for an unknown name.

    linear, conv… and sigmoid: 1; tanh: 5/3; relu: √2; selu: ¾; leaky_relu: √(2 / (1 + param²)), param 0.01 if None.

    >>> import rushlight as torch
    >>> torch.nn.init.calculate_gain("leaky_relu", 0.2)
    1.3867504905630728
    """
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, (int, float)):
            raise ValueError(f"negative_slope {param} not a valid number")
        return math.sqrt(2.0 / (1 + slope**2))
    if nonlinearity not in _GAINS:
        raise ValueError(f"Unsupported nonlinearity {nonlinearity}")
    return _GAINS[nonlinearity]


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    """How many inputs reach one output, and how many outputs one input, for a weight of this shape."""
    if tensor.dim() < 2:
        raise ValueError("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions")
    rows, columns, *taps = tensor.shape
    return columns * math.prod(taps), rows * math.prod(taps)


def _calculate_correct_fan(tensor: Tensor, mode: str) -> int:
    """The fan that `mode` names, "fan_in" or "fan_out"."""
    modes = ["fan_in", "fan_out"]
    if mode.lower() not in modes:
        raise ValueError(f"Mode {mode} not supported, please use one of {modes}")
    return _calculate_fan_in_and_fan_out(tensor)[modes.index(mode.lower())]


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill with uniform numbers from [a, b)."""
    with no_grad():
        return tensor.uniform_(a, b, generator=generator)


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill with normal numbers."""
    with no_grad():
        return tensor.normal_(mean, std, generator=generator)


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Fill with normal numbers from [a, b], the rest of the distribution cut off.

    Numbers outside are drawn again; where that would take long (less than 30 % of the distribution lies in
    [a, b]) the distribution function is inverted instead, there the numbers are not PyTorch's.
    """
    from statistics import NormalDist

    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. "
            "The distribution of values may be incorrect.",
            stacklevel=2,
        )
    if tensor.is_meta:  # nothing is drawn
        return tensor
    normal = NormalDist(mean, std)
    low, high = normal.cdf(a), normal.cdf(b)
    with no_grad():
        if high - low >= _REJECTION_FROM:
            return _redraw_outside(tensor, mean, std, a, b, generator)
        uniform = tensor.clone().double().uniform_(low, high, generator=generator)._array
        tiny = np.finfo(np.float64).tiny
        inverse = [normal.inv_cdf(min(max(p, tiny), 1 - 2**-53)) for p in uniform.ravel().tolist()]
        return tensor.copy_(wrap(np.clip(np.array(inverse), a, b).reshape(uniform.shape)))


def _redraw_outside(tensor: Tensor, mean: float, std: float, a: float, b: float, generator: Generator | None) -> Tensor:
    tensor.normal_(mean, std, generator=generator)
    while True:
        outside = (tensor._array < a) | (tensor._array > b)
        if not outside.any():
            return tensor
        again = tensor.clone().normal_(mean, std, generator=generator)
        tensor.copy_(wrap(np.where(outside, again._array, tensor._array)))


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with one number."""
    with no_grad():
        return tensor.fill_(val)


def ones_(tensor: Tensor) -> Tensor:
    """Fill with ones."""
    return constant_(tensor, 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    """Fill with zeros."""
    return constant_(tensor, 0.0)


def eye_(tensor: Tensor) -> Tensor:
    """Fill a matrix with the identity."""
    if tensor.dim() != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    return _copy(tensor, np.eye(*tensor.shape))


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Fill a convolution's weight so that each input channel, while there are any, is passed on unchanged.

    >>> import rushlight as torch
    >>> weight = torch.nn.init.dirac_(torch.empty(2, 2, 3))
    >>> x = torch.rand(1, 2, 5)
    >>> torch.equal(torch.nn.functional.conv1d(x, weight, padding=1), x)
    True
    """
    if tensor.dim() not in (3, 4, 5):
        raise ValueError("Only tensors with 3, 4, or 5 dimensions are supported")
    rows, columns, *taps = tensor.shape
    if rows % groups:
        raise ValueError("dim 0 must be divisible by groups")
    values = np.zeros(tensor.shape)
    rows_a_group = rows // groups
    middle = tuple(n // 2 for n in taps)
    for group in range(groups):
        for channel in range(min(rows_a_group, columns)):
            values[(group * rows_a_group + channel, channel, *middle)] = 1
    return _copy(tensor, values)


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill with uniform numbers from [−b, b), b = gain·√(6 / (fan_in + fan_out)).

    From Glorot & Bengio, "Understanding the difficulty of training deep feedforward neural networks" (2010).
    """
    bound = math.sqrt(3.0) * _xavier_std(tensor, gain)
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill with normal numbers, std = gain·√(2 / (fan_in + fan_out)); source as `xavier_uniform_`."""
    return normal_(tensor, 0.0, _xavier_std(tensor, gain), generator)


def _xavier_std(tensor: Tensor, gain: float) -> float:
    return gain * math.sqrt(2.0 / float(sum(_calculate_fan_in_and_fan_out(tensor))))


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Fill with uniform numbers from [−b, b), b = gain·√(3 / fan); `a` is the slope of a leaky_relu.

    From He et al., "Delving deep into rectifiers" (2015).

    >>> import rushlight as torch
    >>> torch.nn.init.kaiming_uniform_(torch.empty(4, 6)).abs().max() <= 1
    tensor(True)
    """
    if _nothing_to_fill(tensor):
        return tensor
    bound = math.sqrt(3.0) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Fill with normal numbers, std = gain / √fan; source as `kaiming_uniform_`."""
    if _nothing_to_fill(tensor):
        return tensor
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity), generator)


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    fan = _calculate_correct_fan(tensor, mode)
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


def _nothing_to_fill(tensor: Tensor) -> bool:
    if 0 not in tensor.shape:
        return False
    warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=3)
    return True


def orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator | None = None) -> Tensor:
    """Fill with a matrix of orthogonal rows (or columns, where these are fewer), times `gain`.

    Axes beyond the first are one axis. From Saxe et al., "Exact solutions to the nonlinear dynamics of
    learning in deep linear neural networks" (2013).
    """
    if tensor.dim() < 2:
        raise ValueError("Only tensors with 2 or more dimensions are supported")
    if tensor.numel() == 0 or tensor.is_meta:
        return tensor
    rows = tensor.shape[0]
    columns = tensor.numel() // rows
    with no_grad():
        flat = tensor.new_empty((rows, columns)).normal_(0, 1, generator=generator)._array
    wide = rows < columns
    # LAPACK has no half precision
    q, r = np.linalg.qr((flat.T if wide else flat).astype(np.promote_types(flat.dtype, np.float32)))
    q = q * np.sign(np.diag(r))  # makes the decomposition unique, so that q is uniform
    return _copy(tensor, (q.T if wide else q).reshape(tensor.shape) * gain)


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None) -> Tensor:
    """Fill a matrix with normal numbers, and the share `sparsity` of each column with zeros.

    From Martens, "Deep learning via Hessian-free optimization" (2010).
    """
    if tensor.dim() != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    normal_(tensor, 0, std, generator)
    rows, columns = tensor.shape
    values = tensor._array.copy()
    for column in range(columns):
        order = permutation(checked(generator), rows)
        values[order[: math.ceil(sparsity * rows)], column] = 0
    return _copy(tensor, values)


def _copy(tensor: Tensor, values: np.ndarray) -> Tensor:
    with no_grad():
        return tensor.copy_(wrap(values))


def _deprecated(function: Callable) -> Callable:
    """A function under its name without the underscore, with PyTorch's warning."""
    name = function.__name__.removesuffix("_")

    def older(*args: Any, **kwargs: Any) -> Tensor:
        warnings.warn(f"`nn.init.{name}` is now deprecated in favor of `nn.init.{name}_`.", FutureWarning, stacklevel=2)
        return function(*args, **kwargs)

    older.__name__ = older.__qualname__ = name
    older.__doc__ = f"The older name of `{name}_`."
    return older


uniform, normal, constant, eye, dirac = map(_deprecated, (uniform_, normal_, constant_, eye_, dirac_))
xavier_uniform, xavier_normal = _deprecated(xavier_uniform_), _deprecated(xavier_normal_)
kaiming_uniform, kaiming_normal = _deprecated(kaiming_uniform_), _deprecated(kaiming_normal_)
orthogonal, sparse = _deprecated(orthogonal_), _deprecated(sparse_)

__getattr__ = _absent.getter(__name__)
