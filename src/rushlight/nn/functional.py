"""The functions behind the layers, under PyTorch's names: `rushlight.nn.functional`.

In come tensors and arguments, out come tensors; a layer holds its parameters and calls one of these. The numbers of
spatial axes share one body in `ops`; here are only the names and signatures. Activations, losses, dropout and
normalisation live in the files beside this one.
"""

from __future__ import annotations

from rushlight.autograd.modes import mode as _mode
from rushlight.core import absent as _absent
from rushlight.core.dtypes import float32 as _float32
from rushlight.nn.functional_activation import (
    celu,
    celu_,
    elu,
    elu_,
    gelu,
    glu,
    hardshrink,
    hardsigmoid,
    hardswish,
    hardtanh,
    hardtanh_,
    leaky_relu,
    leaky_relu_,
    log_softmax,
    logsigmoid,
    mish,
    one_hot,
    prelu,
    relu,
    relu6,
    relu_,
    selu,
    selu_,
    sigmoid,
    silu,
    softmax,
    softmin,
    softplus,
    softshrink,
    softsign,
    tanh,
    tanhshrink,
    threshold,
    threshold_,
)
from rushlight.nn.functional_attention import multi_head_attention_forward, scaled_dot_product_attention
from rushlight.nn.functional_distance import (
    cosine_similarity,
    pairwise_distance,
    pdist,
)
from rushlight.nn.functional_dropout import (
    alpha_dropout,
    dropout,
    dropout1d,
    dropout2d,
    dropout3d,
    feature_alpha_dropout,
)
from rushlight.nn.functional_likelihood import (
    gaussian_nll_loss,
    poisson_nll_loss,
)
from rushlight.nn.functional_loss import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    huber_loss,
    kl_div,
    l1_loss,
    mse_loss,
    nll_loss,
    smooth_l1_loss,
)
from rushlight.nn.functional_margin import (
    cosine_embedding_loss,
    hinge_embedding_loss,
    margin_ranking_loss,
    multi_margin_loss,
    multilabel_margin_loss,
    multilabel_soft_margin_loss,
    soft_margin_loss,
    triplet_margin_loss,
    triplet_margin_with_distance_loss,
)
from rushlight.nn.functional_norm import batch_norm, group_norm, instance_norm, layer_norm, normalize, rms_norm
from rushlight.nn.functional_random import (
    gumbel_softmax,
    rrelu,
    rrelu_,
)
from rushlight.nn.functional_resample import (
    affine_grid,
    grid_sample,
    interpolate,
    upsample,
    upsample_bilinear,
    upsample_nearest,
)
from rushlight.nn.functional_sparse import embedding
from rushlight.ops import conv as _conv
from rushlight.ops import fold as _fold
from rushlight.ops import linear as _linear
from rushlight.ops import pad as _pad
from rushlight.ops import pool as _pool
from rushlight.ops.linear import bilinear
from rushlight.tensor.autocasting import cast as _cast
from rushlight.tensor.autocasting import in_float32 as _in_float32
from rushlight.tensor.core import Tensor
from rushlight.tensor.expected import takes_tensors as _takes_tensors
from rushlight.tensor.shuffling import channel_shuffle, native_channel_shuffle, pixel_shuffle, pixel_unshuffle

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "affine_grid",
    "alpha_dropout",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "batch_norm",
    "bilinear",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "celu",
    "celu_",
    "channel_shuffle",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "cosine_embedding_loss",
    "cosine_similarity",
    "cross_entropy",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "elu",
    "elu_",
    "embedding",
    "feature_alpha_dropout",
    "fold",
    "gaussian_nll_loss",
    "gelu",
    "glu",
    "grid_sample",
    "group_norm",
    "gumbel_softmax",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "hardtanh_",
    "hinge_embedding_loss",
    "huber_loss",
    "instance_norm",
    "interpolate",
    "kl_div",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "leaky_relu_",
    "linear",
    "log_softmax",
    "logsigmoid",
    "margin_ranking_loss",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "mish",
    "mse_loss",
    "multi_head_attention_forward",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "native_channel_shuffle",
    "nll_loss",
    "normalize",
    "one_hot",
    "pad",
    "pairwise_distance",
    "pdist",
    "pixel_shuffle",
    "pixel_unshuffle",
    "poisson_nll_loss",
    "prelu",
    "relu",
    "relu6",
    "relu_",
    "rms_norm",
    "rrelu",
    "rrelu_",
    "scaled_dot_product_attention",
    "selu",
    "selu_",
    "sigmoid",
    "silu",
    "smooth_l1_loss",
    "soft_margin_loss",
    "softmax",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "tanh",
    "tanhshrink",
    "threshold",
    "threshold_",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
    "unfold",
    "upsample",
    "upsample_bilinear",
    "upsample_nearest",
]

Steps = int | tuple[int, ...]
Padding = int | str | tuple[int, ...] | tuple[tuple[int, int], ...]


def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Steps = 1,
    padding: Padding = 0,
    dilation: Steps = 1,
    groups: int = 1,
    *,
    padding_mode: str = "zeros",
) -> Tensor:
    return _conv.convolution("conv1d", 1, input, weight, bias, stride, padding, dilation, groups, padding_mode)


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Steps = 1,
    padding: Padding = 0,
    dilation: Steps = 1,
    groups: int = 1,
    *,
    padding_mode: str = "zeros",
) -> Tensor:
    return _conv.convolution("conv2d", 2, input, weight, bias, stride, padding, dilation, groups, padding_mode)


def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Steps = 1,
    padding: Padding = 0,
    dilation: Steps = 1,
    groups: int = 1,
    *,
    padding_mode: str = "zeros",
) -> Tensor:
    return _conv.convolution("conv3d", 3, input, weight, bias, stride, padding, dilation, groups, padding_mode)


def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Steps = 1,
    padding: Padding = 0,
    output_padding: Steps = 0,
    groups: int = 1,
    dilation: Steps = 1,
    *,
    padding_mode: str = "zeros",
    output_size: tuple[int, ...] | None = None,
) -> Tensor:
    steps = stride, padding, output_padding, groups, dilation, padding_mode, output_size
    return _conv.conv_transpose("conv_transpose1d", 1, input, weight, bias, *steps)


def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Steps = 1,
    padding: Padding = 0,
    output_padding: Steps = 0,
    groups: int = 1,
    dilation: Steps = 1,
    *,
    padding_mode: str = "zeros",
    output_size: tuple[int, ...] | None = None,
) -> Tensor:
    steps = stride, padding, output_padding, groups, dilation, padding_mode, output_size
    return _conv.conv_transpose("conv_transpose2d", 2, input, weight, bias, *steps)


def conv_transpose3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Steps = 1,
    padding: Padding = 0,
    output_padding: Steps = 0,
    groups: int = 1,
    dilation: Steps = 1,
    *,
    padding_mode: str = "zeros",
    output_size: tuple[int, ...] | None = None,
) -> Tensor:
    steps = stride, padding, output_padding, groups, dilation, padding_mode, output_size
    return _conv.conv_transpose("conv_transpose3d", 3, input, weight, bias, *steps)


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """y = x·Wᵀ + b on the last axis: input (…, in), weight (out, in) or (in), bias (out) or what broadcasts.

    RuntimeError where the last axis of input and weight differ, or the dtypes do.

    >>> import rushlight as torch
    >>> torch.nn.functional.linear(torch.ones(2, 3), torch.ones(4, 3), torch.ones(4))
    tensor([[4., 4., 4., 4.],
            [4., 4., 4., 4.]])
    """
    return _linear.linear(input, weight, bias)


def unfold(input: Tensor, kernel_size: Steps, dilation: Steps = 1, padding: Steps = 0, stride: Steps = 1) -> Tensor:
    """The blocks that a kernel slides over, as columns: (N, C, *size) → (N, C·taps, blocks).

    For one, two and three spatial axes, as kernel_size has entries; an int means those of the input where it is 5-D,
    else two (PyTorch's unfold is 2-D). Without the batch too. RuntimeError where no block fits.

    >>> import rushlight as torch
    >>> torch.nn.functional.unfold(torch.zeros(2, 5, 3, 4), (2, 3)).shape
    torch.Size([2, 30, 4])
    >>> torch.nn.functional.unfold(torch.zeros(2, 5, 9), (3,), stride=(2,)).shape
    torch.Size([2, 15, 4])
    """
    return _fold.unfold(input, kernel_size, dilation, padding, stride)


def fold(
    input: Tensor,
    output_size: Steps,
    kernel_size: Steps,
    dilation: Steps = 1,
    padding: Steps = 0,
    stride: Steps = 1,
) -> Tensor:
    """Add blocks up to the image they lie in: (N, C·taps, blocks) → (N, C, *output_size); the adjoint of `unfold`.

    RuntimeError where the number of blocks is not that of an unfold of output_size.

    >>> import rushlight as torch
    >>> torch.nn.functional.fold(torch.ones(1, 4, 2), (2, 3), (2, 2))
    tensor([[[[1., 2., 1.],
              [1., 2., 1.]]]])
    """
    return _fold.fold(input, output_size, kernel_size, dilation, padding, stride)


def pad(input: Tensor, pad: tuple[int, ...], mode: str = "constant", value: float | None = None) -> Tensor:
    """Continue the last axes of a tensor: `pad` is (before, after) of the last axis, then of the one before, ….

    mode 'constant' fills with `value` (0), for any axes; 'reflect', 'replicate' and 'circular' take 1 to 3 axes behind
    batch and channels. Negative numbers crop. NotImplementedError for another mode or number of axes, RuntimeError
    where an axis is too short.

    >>> import rushlight as torch
    >>> torch.nn.functional.pad(torch.tensor([[1.0, 2.0, 3.0]]), (2, 1), mode="reflect")
    tensor([[3., 2., 1., 2., 3., 2.]])
    """
    if _mode.autocast is not None and (mode == "replicate" or (mode == "reflect" and len(pad) < 6)):
        input = _cast(input, _float32)  # PyTorch's list for the CPU
    return _pad.pad(input, pad, mode, value)


def max_pool1d(
    input: Tensor,
    kernel_size: Steps,
    stride: Steps | None = None,
    padding: Steps = 0,
    dilation: Steps = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    arguments = kernel_size, stride, padding, dilation, ceil_mode, return_indices
    return _pool.max_pool("max_pool1d", 1, input, *arguments)


def max_pool2d(
    input: Tensor,
    kernel_size: Steps,
    stride: Steps | None = None,
    padding: Steps = 0,
    dilation: Steps = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    arguments = kernel_size, stride, padding, dilation, ceil_mode, return_indices
    return _pool.max_pool("max_pool2d", 2, input, *arguments)


def max_pool3d(
    input: Tensor,
    kernel_size: Steps,
    stride: Steps | None = None,
    padding: Steps = 0,
    dilation: Steps = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    arguments = kernel_size, stride, padding, dilation, ceil_mode, return_indices
    if _mode.autocast is not None and not return_indices:
        input = _cast(input, _float32)  # PyTorch's list for the CPU
    return _pool.max_pool("max_pool3d", 3, input, *arguments)


def avg_pool1d(
    input: Tensor,
    kernel_size: Steps,
    stride: Steps | None = None,
    padding: Steps = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    return _pool.avg_pool("avg_pool1d", 1, input, kernel_size, stride, padding, ceil_mode, count_include_pad)


def avg_pool2d(
    input: Tensor,
    kernel_size: Steps,
    stride: Steps | None = None,
    padding: Steps = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    arguments = kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    return _pool.avg_pool("avg_pool2d", 2, input, *arguments)


@_in_float32
def avg_pool3d(
    input: Tensor,
    kernel_size: Steps,
    stride: Steps | None = None,
    padding: Steps = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    arguments = kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    return _pool.avg_pool("avg_pool3d", 3, input, *arguments)


def adaptive_avg_pool1d(input: Tensor, output_size: Steps) -> Tensor:
    return _pool.adaptive_avg_pool("adaptive_avg_pool1d", 1, input, output_size)


def adaptive_avg_pool2d(input: Tensor, output_size: Steps) -> Tensor:
    return _pool.adaptive_avg_pool("adaptive_avg_pool2d", 2, input, output_size)


@_in_float32
def adaptive_avg_pool3d(input: Tensor, output_size: Steps) -> Tensor:
    return _pool.adaptive_avg_pool("adaptive_avg_pool3d", 3, input, output_size)


# Texts that are the same for every number of axes are written once.

_CONV = """Slide the taps over {axes} and add up what they weigh.

    y[n, o, p] = bias[o] + Σ weight[o, c, k] · x[n, c, p·stride + k·dilation − padding]

input (N, C, {size}) or (C, {size}); weight (out_channels, C / groups, {taps}); bias (out_channels); the result is
(N, out_channels, {out}) with ⌊(size + 2·padding − dilation·(taps − 1) − 1) / stride⌋ + 1 positions an axis.
`padding` is a number, one an axis, one (before, after) pair an axis, 'valid', 'same' (stride 1) or 'same_strided'
(⌈size / stride⌉ positions){causal}; `padding_mode` is 'zeros', 'reflect', 'replicate' or 'circular'.

RuntimeError where shapes, dtypes or arguments do not fit; TypeError for what is no tensor or no integer.

>>> import rushlight as torch
>>> x, w = torch.zeros({x}), torch.zeros({w})
>>> torch.nn.functional.conv{rank}d(x, w, stride=2, padding=1).shape
torch.Size([{y}])
"""

_TRANSPOSE = """Spread every input over {axes} under the taps: the gradient of `conv{rank}d` with regard to its input.

input (N, C, {size}) or (C, {size}); weight (C, out_channels / groups, {taps}); bias (out_channels); the result is
(N, out_channels, {out}) with (size − 1)·stride − 2·padding + dilation·(taps − 1) + output_padding + 1 positions an
axis. `padding` crops: a number, one an axis, one (before, after) pair an axis, 'valid' or 'same' (size·stride
positions). `output_size` takes the place of output_padding; `padding_mode` continues the input past its ends.

RuntimeError where shapes, dtypes or arguments do not fit, ValueError for an impossible output_size.

>>> import rushlight as torch
>>> x, w = torch.zeros({y}), torch.zeros({w})
>>> torch.nn.functional.conv_transpose{rank}d(x, w, stride=2, padding=1, output_padding=1).shape
torch.Size([{x}])
"""

_MAX = """The largest entry of each window over {axes}; NaN counts as larger than all.

(N, C, {size}) → (N, C, {out}), or without N. `stride` is the kernel size where it is None; `padding` is of −∞ and at
most half the window; `ceil_mode` keeps a last window that is only partly inside. With `return_indices` the positions
in the flattened spatial axes come too. RuntimeError where no window fits.

>>> import rushlight as torch
>>> torch.nn.functional.max_pool{rank}d(torch.zeros({x}), 2).shape
torch.Size([{y}])
"""

_AVG = """The mean of each window over {axes}.

(N, C, {size}) → (N, C, {out}), or without N. `stride` is the kernel size where it is None; padded zeros count unless
`count_include_pad` is False{divisor}. RuntimeError where no window fits.

>>> import rushlight as torch
>>> torch.nn.functional.avg_pool{rank}d(torch.zeros({x}), 2).shape
torch.Size([{y}])
"""

_ADAPTIVE = """Means over {axes}, of windows such that the result has `output_size` (None keeps an axis).

(N, C, {size}) → (N, C, *output_size), or without N. Window i is ⌊i·size / out⌋ … ⌈(i + 1)·size / out⌉.

>>> import rushlight as torch
>>> torch.nn.functional.adaptive_avg_pool{rank}d(torch.zeros({x}), 4).shape
torch.Size([{y}])
"""


def _document(template: str, functions: tuple) -> None:
    for rank, function in enumerate(functions, 1):
        letters = "DHW"[3 - rank :] if rank > 1 else "L"
        channels = ", ".join(["2", "3"] + ["8"] * rank), ", ".join(["2", "3"] + ["4"] * rank)
        function.__doc__ = template.format(
            rank=rank,
            axes=("one axis", "two axes", "three axes")[rank - 1],
            size=", ".join(letters),
            out=", ".join(f"{letter}_out" for letter in letters),
            taps=", ".join(["taps"] * rank),
            causal=" or 'causal'\n(all before, so that no output sees what comes later)" if rank == 1 else "",
            divisor="" if rank == 1 else "; `divisor_override` divides instead of the count",
            x=channels[0],
            y=channels[1],
            w=", ".join(["3", "3"] + ["3"] * rank),
        )


_document(_CONV, (conv1d, conv2d, conv3d))
_document(_TRANSPOSE, (conv_transpose1d, conv_transpose2d, conv_transpose3d))
_document(_MAX, (max_pool1d, max_pool2d, max_pool3d))
_document(_AVG, (avg_pool1d, avg_pool2d, avg_pool3d))
_document(_ADAPTIVE, (adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d))
for _name in __all__:
    if "_pool" in _name or _name in ("hardtanh", "relu6"):  # the others look at their arguments anyway
        globals()[_name] = _takes_tensors(globals()[_name], _name, __name__, numpy_names=False)

__getattr__ = _absent.getter(__name__)
