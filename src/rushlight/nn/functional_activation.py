"""Activations as functions: from a tensor to a tensor of the same shape, element by element (softmax: along an axis).

`functional` shows them to users, `formulas` has what most of them compute; integers are refused where PyTorch refuses
them.
"""

from __future__ import annotations

import warnings
from functools import partial

import numpy as np

from rushlight.autograd.graph import in_single, record, widen
from rushlight.autograd.operation import Gradients, Needs, define
from rushlight.backends.array import found
from rushlight.core.dtypes import dtype as DType
from rushlight.core.dtypes import finfo
from rushlight.core.errors import message
from rushlight.nn import formulas
from rushlight.ops.conv import code
from rushlight.rules.arguments import TYPE_NAMES, unsupported_type
from rushlight.rules.expression import function as function_of
from rushlight.rules.expression import inputs, where
from rushlight.rules.results import Layout, Layouts, broadcast
from rushlight.runtime.allocation import check_axes
from rushlight.tensor import selection
from rushlight.tensor.autocasting import lowered
from rushlight.tensor.change import change
from rushlight.tensor.composed import composed
from rushlight.tensor.core import Tensor, wrap, wrap_beside
from rushlight.tensor.fusing import define_pointwise
from rushlight.tensor.numerics import expressed
from rushlight.tensor.operands import lowering_of_pair, pair
from rushlight.tensor.overwriting import overwrite
from rushlight.tensor.parts import cat

SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805


def _activation(
    name: str, kernel: str, input: Tensor, *numbers: float, inplace: bool = False, by_result: bool = False
) -> Tensor:
    """The row of that name in `formulas`, written over the input with `inplace`; `kernel` is PyTorch's name in errors.

    `by_result`: the slope may be told the result in place of the input."""
    check_floating(kernel, input)
    row = formulas.ROWS[name]
    if not inplace:
        return formulas.activation(row, input, *numbers)
    if overwrite(input, row, formulas.plain(numbers), saves="result" if by_result else "input"):
        return input
    return change(input, partial(formulas.activation, row), *numbers)


def check_floating(kernel: str, input: Tensor) -> None:
    """TypeError for what is no tensor, NotImplementedError for one that is not floating point."""
    if not isinstance(input, Tensor):
        raise TypeError(f"{kernel}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    if not input.dtype.is_floating_point:
        raise unsupported_type(kernel, code(input))


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(x, 0).

    >>> import rushlight as torch
    >>> torch.nn.functional.relu(torch.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    if not isinstance(input, Tensor):
        raise TypeError(f"relu(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    return input.relu_() if inplace else input.relu()


def relu_(input: Tensor) -> Tensor:
    """max(x, 0), written over the input."""
    return relu(input, inplace=True)


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """x, kept between min_val and max_val; ValueError where these are the wrong way round."""
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")

    if isinstance(input, Tensor) and not input.dtype.is_floating_point:
        whole = partial(formulas.activation, formulas.ROWS["hardtanh"])
        return change(input, whole, int(min_val), int(max_val)) if inplace else whole(input, int(min_val), int(max_val))
    return _activation("hardtanh", "hardtanh_cpu", input, min_val, max_val, inplace=inplace, by_result=True)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(x, 0), 6)."""
    return hardtanh(input, 0, 6, inplace)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """x where it is positive, negative_slope·x elsewhere."""
    by_result = negative_slope >= 0  # whose signs are those of the input
    return _activation("leaky_relu", "leaky_relu_cpu", input, negative_slope, inplace=inplace, by_result=by_result)


@lowered
def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """x where it is positive, weight·x elsewhere; one weight, or one a channel (axis 1)."""
    if weight.dim() > 1:
        raise RuntimeError(f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {weight.dim()}")
    channels = input.shape[1] if input.dim() > 1 else 1
    if weight.numel() not in (1, channels):
        raise RuntimeError(
            f"Mismatch of parameter numbers and input channel size. Found parameter numbers = {weight.numel()} "
            f"and channel size = {channels}."
        )
    if weight.dtype is not input.dtype:
        kinds = " and ".join(TYPE_NAMES[code(t)][1] for t in (input, weight))
        raise RuntimeError(message(f"prelu: Type promoting not supported. Got {kinds}", fix="weight.to(input.dtype)"))
    weight = weight.reshape(-1, *[1] * (input.dim() - 2)) if weight.numel() > 1 else weight.reshape(())
    result = pair(_rectified, input, weight)
    record(PRELU, (None,), result, (input, weight), (input, weight))
    return result


def _rectified(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    return np.where(x > 0, x, weight * x)


_X, _Y = inputs(2)
expressed(_rectified, where(_X > 0, _X, _Y * _X), rounds=False)


def _prelu_rule(number: None, needs: Needs, grad: Tensor, x: Tensor, weight: Tensor) -> Gradients:
    grad, x, weight = widen(grad), widen(x), widen(weight)
    return (
        selection.where(x > 0, grad, grad * weight) if needs[0] else None,
        selection.where(x > 0, 0.0, grad * x) if needs[1] else None,
    )


PRELU = define_pointwise(
    "prelu",
    "PreluKernelBackward0",
    derivative=_prelu_rule,
    results=broadcast,
    lowering=lowering_of_pair(_rectified),
)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where it is positive, alpha·(eˣ − 1) elsewhere."""
    return _activation("elu", "elu_cpu", input, alpha, 1.0, inplace=inplace)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """elu with the alpha and scale that keep mean 0 and variance 1 (Klambauer et al. 2017)."""
    return _activation("elu", "elu_cpu", input, SELU_ALPHA, SELU_SCALE, inplace=inplace)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where it is positive, alpha·(e^(x / alpha) − 1) elsewhere: an elu with a slope without jumps (Barron 2017).

    Raises RuntimeError for an alpha of 0.
    """
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    return _activation("celu", "elu_cpu", input, alpha, inplace=inplace)


def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x, or 0 where it lies between −lambd and lambd."""
    return _activation("hardshrink", "hardshrink_cpu", input, lambd)


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x nearer to 0 by lambd, 0 where that passes it; RuntimeError for a lambd that is negative or not finite.

    >>> import rushlight as torch
    >>> torch.nn.functional.softshrink(torch.tensor([-2.0, 0.25, 1.0]))
    tensor([-1.5000,  0.0000,  0.5000])
    """
    check_floating("softshrink_cpu", input)
    largest = finfo(input.dtype).max
    if not 0 <= lambd <= largest:
        kind = TYPE_NAMES[code(input)][1]
        raise RuntimeError(f"lambda must be in range [0, {largest:g}] for input dtype {kind}, but found {lambd:g}")
    return _activation("softshrink", "softshrink_cpu", input, lambd)


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """x where it is above the threshold, the value elsewhere."""
    if isinstance(input, Tensor) and not input.dtype.is_floating_point:
        whole = partial(formulas.activation, formulas.ROWS["threshold"])
        numbers = int(threshold), int(value)
        return change(input, whole, *numbers) if inplace else whole(input, *numbers)
    return _activation("threshold", "threshold_cpu", input, threshold, value, inplace=inplace)


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """x·Φ(x), Φ the normal distribution function; with approximate="tanh" its approximation (Hendrycks 2016).

    Raises RuntimeError for another `approximate`.
    """
    if approximate not in ("none", "tanh"):
        raise RuntimeError("approximate argument must be either none or tanh.")
    return _activation("gelu" if approximate == "none" else "gelu_tanh", "GeluKernelImpl", input)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """x·sigmoid(x)."""
    return _activation("silu", "silu_cpu", input, inplace=inplace)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """x·tanh(softplus(x))."""
    return _activation("mish", "mish_cpu", input, inplace=inplace)


def softplus(input: Tensor, beta: float = 1, threshold: float = 20) -> Tensor:
    """ln(1 + e^(beta·x)) / beta; x itself where beta·x is above the threshold."""
    return _activation("scaled_softplus", "softplus_cpu", input, beta, threshold)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """(x + 3) / 6, kept between 0 and 1."""
    return _activation("hardsigmoid", "hardsigmoid_cpu", input, inplace=inplace)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """x·hardsigmoid(x)."""
    return _activation("hardswish", "hardswish_cpu", input, inplace=inplace)


def logsigmoid(input: Tensor) -> Tensor:
    """ln sigmoid(x)."""
    return _activation("log_sigmoid", "log_sigmoid_cpu", input)


def softsign(input: Tensor) -> Tensor:
    """x / (1 + |x|)."""
    return input / (input.abs() + 1)


def tanhshrink(input: Tensor) -> Tensor:
    """x − tanh(x)."""
    return input - input.tanh()


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """The first half of an axis times the sigmoid of the second; RuntimeError where the axis is odd."""
    if not input.dim():
        raise RuntimeError("glu does not support scalars because halving size must be even")
    if input.shape[dim] % 2:
        raise RuntimeError(
            f"Halving dimension must be even, but dimension {dim % input.dim()} is size {input.shape[dim]}"
        )
    at = dim % input.dim()
    result = wrap(_halves_gated(input._array, at))
    record(GLU, (at,), result, (input,), (input,))
    return result


@composed
def _halves_gated(input: Tensor, dim: int) -> Tensor:
    return pair(_gated, *input.chunk(2, dim))


def _gated(x: np.ndarray, gate: np.ndarray) -> np.ndarray:
    return x / (1 + np.exp(-gate))


expressed(_gated, _X * function_of("sigmoid", _Y))


def _glu_rule(dim: int, needs: Needs, grad: Tensor, input: Tensor) -> Gradients:
    x, gate = input.chunk(2, dim)
    open = gate.sigmoid()
    return (cat([grad * open, grad * x * open * (1 - open)], dim),)


def _halved(inputs: Layouts, dim: int) -> list[Layout]:
    shape, kind = inputs[0]
    return [((*shape[:dim], shape[dim] // 2, *shape[dim + 1 :]), kind)]


GLU = define("glu", "GluBackward0", derivative=in_single(_glu_rule), results=_halved, lowering=_halves_gated)


def sigmoid(input: Tensor) -> Tensor:
    """1 / (1 + e⁻ˣ)."""
    return input.sigmoid()


def tanh(input: Tensor) -> Tensor:
    """The hyperbolic tangent."""
    return input.tanh()


def softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: DType | None = None) -> Tensor:
    """eˣ / Σ eˣ along an axis; with `dtype` converted first.

    >>> import rushlight as torch
    >>> torch.nn.functional.softmax(torch.zeros(2, 4), dim=1)[0]
    tensor([0.2500, 0.2500, 0.2500, 0.2500])
    """
    return input.softmax(_axis("softmax", input, dim, _stacklevel), dtype=dtype)


def softmin(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: DType | None = None) -> Tensor:
    """softmax(−x)."""
    return (-input).softmax(_axis("softmin", input, dim, _stacklevel), dtype=dtype)


def log_softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: DType | None = None) -> Tensor:
    """ln softmax(x), without the loss of precision of computing it so."""
    return input.log_softmax(_axis("log_softmax", input, dim, _stacklevel), dtype=dtype)


def _axis(name: str, input: Tensor, dim: int | None, stacklevel: int) -> int:
    """The axis; where none was given, the one that PyTorch takes, with its warning."""
    if dim is not None:
        return dim
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an argument.",
        stacklevel=stacklevel + 1,
    )
    return 0 if input.dim() in (0, 1, 3) else 1


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """Class numbers as rows of zeros with a one; as many classes as the largest number needs, for −1.

    Raises RuntimeError for numbers that are not int64, negative, or not below num_classes.

    >>> import rushlight as torch
    >>> torch.nn.functional.one_hot(torch.tensor([0, 2]))
    tensor([[1, 0, 0],
            [0, 0, 1]])
    """
    classes = tensor._array
    if classes.dtype != np.int64:
        raise RuntimeError("one_hot is only applicable to index tensor of type LongTensor.")
    if classes.size == 0 and num_classes <= 0:
        raise RuntimeError("Can not infer total number of classes from empty tensor.")
    if found(classes < 0):
        raise RuntimeError("Class values must be non-negative.")
    count = int(classes.max()) + 1 if num_classes == -1 else num_classes
    check_axes(classes.ndim + 1)
    if found(classes >= count):
        sentence = "Class values must be smaller than num_classes."
        raise RuntimeError(message(sentence, f"one_hot: {classes.max()} with num_classes={num_classes}"))
    return wrap((classes[..., None] == wrap_beside(np.arange(count), tensor)._array).astype(np.int64))


# -- written over the input


def celu_(input: Tensor, alpha: float = 1.0) -> Tensor:
    """`celu`, written over the input."""
    return celu(input, alpha, inplace=True)


def elu_(input: Tensor, alpha: float = 1.0) -> Tensor:
    """`elu`, written over the input."""
    return elu(input, alpha, inplace=True)


def hardtanh_(input: Tensor, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """`hardtanh`, written over the input."""
    return hardtanh(input, min_val, max_val, inplace=True)


def leaky_relu_(input: Tensor, negative_slope: float = 0.01) -> Tensor:
    """`leaky_relu`, written over the input."""
    return leaky_relu(input, negative_slope, inplace=True)


def selu_(input: Tensor) -> Tensor:
    """`selu`, written over the input."""
    return selu(input, inplace=True)


def threshold_(input: Tensor, threshold: float, value: float) -> Tensor:
    """`threshold`, written over the input."""
    return _threshold(input, threshold, value, inplace=True)


_threshold = threshold  # which `threshold_` has an argument of the name of
