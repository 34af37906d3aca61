# Written by tools/make_stubs.py: change the source, or tools/overloads.pyi, and run it again.

from collections.abc import Callable as _Callable
from collections.abc import Sequence as _Sequence
from rushlight.core.dtypes import dtype as _dtype
from rushlight.tensor.core import Tensor as _Tensor
from typing import Literal as _Literal
from typing import overload as _overload
import builtins as _b

def celu(input: _Tensor, alpha: _b.float = 1.0, inplace: _b.bool = False) -> _Tensor:
    """x where it is positive, alpha·(e^(x / alpha) − 1) elsewhere: an elu with a slope without jumps (Barron 2017)."""
def celu_(input: _Tensor, alpha: _b.float = 1.0) -> _Tensor:
    """`celu`, written over the input."""
def elu(input: _Tensor, alpha: _b.float = 1.0, inplace: _b.bool = False) -> _Tensor:
    """x where it is positive, alpha·(eˣ − 1) elsewhere."""
def elu_(input: _Tensor, alpha: _b.float = 1.0) -> _Tensor:
    """`elu`, written over the input."""
def gelu(input: _Tensor, approximate: _b.str = 'none') -> _Tensor:
    """x·Φ(x), Φ the normal distribution function; with approximate="tanh" its approximation (Hendrycks 2016)."""
def glu(input: _Tensor, dim: _b.int = -1) -> _Tensor:
    """The first half of an axis times the sigmoid of the second; RuntimeError where the axis is odd."""
def hardshrink(input: _Tensor, lambd: _b.float = 0.5) -> _Tensor:
    """x, or 0 where it lies between −lambd and lambd."""
def hardsigmoid(input: _Tensor, inplace: _b.bool = False) -> _Tensor:
    """(x + 3) / 6, kept between 0 and 1."""
def hardswish(input: _Tensor, inplace: _b.bool = False) -> _Tensor:
    """x·hardsigmoid(x)."""
def hardtanh(input: _Tensor, min_val: _b.float = -1.0, max_val: _b.float = 1.0, inplace: _b.bool = False) -> _Tensor:
    """x, kept between min_val and max_val; ValueError where these are the wrong way round."""
def hardtanh_(input: _Tensor, min_val: _b.float = -1.0, max_val: _b.float = 1.0) -> _Tensor:
    """`hardtanh`, written over the input."""
def leaky_relu(input: _Tensor, negative_slope: _b.float = 0.01, inplace: _b.bool = False) -> _Tensor:
    """x where it is positive, negative_slope·x elsewhere."""
def leaky_relu_(input: _Tensor, negative_slope: _b.float = 0.01) -> _Tensor:
    """`leaky_relu`, written over the input."""
def log_softmax(input: _Tensor, dim: _b.int | None = None, _stacklevel: _b.int = 3, dtype: _dtype | None = None) -> _Tensor:
    """ln softmax(x), without the loss of precision of computing it so."""
def logsigmoid(input: _Tensor) -> _Tensor:
    """ln sigmoid(x)."""
def mish(input: _Tensor, inplace: _b.bool = False) -> _Tensor:
    """x·tanh(softplus(x))."""
def one_hot(tensor: _Tensor, num_classes: _b.int = -1) -> _Tensor:
    """Class numbers as rows of zeros with a one; as many classes as the largest number needs, for −1."""
def prelu(input: _Tensor, weight: _Tensor) -> _Tensor:
    """x where it is positive, weight·x elsewhere; one weight, or one a channel (axis 1)."""
def relu(input: _Tensor, inplace: _b.bool = False) -> _Tensor:
    """max(x, 0)."""
def relu6(input: _Tensor, inplace: _b.bool = False) -> _Tensor:
    """min(max(x, 0), 6)."""
def relu_(input: _Tensor) -> _Tensor:
    """max(x, 0), written over the input."""
def selu(input: _Tensor, inplace: _b.bool = False) -> _Tensor:
    """elu with the alpha and scale that keep mean 0 and variance 1 (Klambauer et al. 2017)."""
def selu_(input: _Tensor) -> _Tensor:
    """`selu`, written over the input."""
def sigmoid(input: _Tensor) -> _Tensor:
    """1 / (1 + e⁻ˣ)."""
def silu(input: _Tensor, inplace: _b.bool = False) -> _Tensor:
    """x·sigmoid(x)."""
def softmax(input: _Tensor, dim: _b.int | None = None, _stacklevel: _b.int = 3, dtype: _dtype | None = None) -> _Tensor:
    """eˣ / Σ eˣ along an axis; with `dtype` converted first."""
def softmin(input: _Tensor, dim: _b.int | None = None, _stacklevel: _b.int = 3, dtype: _dtype | None = None) -> _Tensor:
    """softmax(−x)."""
def softplus(input: _Tensor, beta: _b.float = 1, threshold: _b.float = 20) -> _Tensor:
    """ln(1 + e^(beta·x)) / beta; x itself where beta·x is above the threshold."""
def softshrink(input: _Tensor, lambd: _b.float = 0.5) -> _Tensor:
    """x nearer to 0 by lambd, 0 where that passes it; RuntimeError for a lambd that is negative or not finite."""
def softsign(input: _Tensor) -> _Tensor:
    """x / (1 + |x|)."""
def tanh(input: _Tensor) -> _Tensor:
    """The hyperbolic tangent."""
def tanhshrink(input: _Tensor) -> _Tensor:
    """x − tanh(x)."""
def threshold(input: _Tensor, threshold: _b.float, value: _b.float, inplace: _b.bool = False) -> _Tensor:
    """x where it is above the threshold, the value elsewhere."""
def threshold_(input: _Tensor, threshold: _b.float, value: _b.float) -> _Tensor:
    """`threshold`, written over the input."""
def multi_head_attention_forward(query: _Tensor, key: _Tensor, value: _Tensor, embed_dim_to_check: _b.int, num_heads: _b.int, in_proj_weight: _Tensor | None, in_proj_bias: _Tensor | None, bias_k: _Tensor | None, bias_v: _Tensor | None, add_zero_attn: _b.bool, dropout_p: _b.float, out_proj_weight: _Tensor, out_proj_bias: _Tensor | None, training: _b.bool = True, key_padding_mask: _Tensor | None = None, need_weights: _b.bool = True, attn_mask: _Tensor | None = None, use_separate_proj_weight: _b.bool = False, q_proj_weight: _Tensor | None = None, k_proj_weight: _Tensor | None = None, v_proj_weight: _Tensor | None = None, static_k: _Tensor | None = None, static_v: _Tensor | None = None, average_attn_weights: _b.bool = True, is_causal: _b.bool = False) -> _b.tuple[_Tensor, _Tensor | None]:
    """`nn.MultiheadAttention` with its parameters as arguments."""
def scaled_dot_product_attention(query: _Tensor, key: _Tensor, value: _Tensor, attn_mask: _Tensor | None = None, dropout_p: _b.float = 0.0, is_causal: _b.bool = False, scale: _b.float | None = None, enable_gqa: _b.bool = False) -> _Tensor:
    """softmax(query · keyᵀ · scale + mask) · value (Vaswani et al. 2017)."""
def cosine_similarity(x1: _Tensor, x2: _Tensor, dim: _b.int = 1, eps: _b.float = 1e-08) -> _Tensor:
    """x1·x2 / (max(‖x1‖, eps)·max(‖x2‖, eps)) along an axis."""
def pairwise_distance(x1: _Tensor, x2: _Tensor, p: _b.float = 2.0, eps: _b.float = 1e-06, keepdim: _b.bool = False) -> _Tensor:
    """‖x1 − x2 + eps‖ₚ along the last axis."""
def pdist(input: _Tensor, p: _b.float = 2) -> _Tensor:
    """‖xᵢ − xⱼ‖ₚ of every pair of rows i < j."""
def alpha_dropout(input: _Tensor, p: _b.float = 0.5, training: _b.bool = False, inplace: _b.bool = False) -> _Tensor:
    """Set each number to SELU's limit −1.7581 with probability p, and scale and shift all so that mean 0 and variance 1"""
def dropout(input: _Tensor, p: _b.float = 0.5, training: _b.bool = True, inplace: _b.bool = False) -> _Tensor:
    """Set each number to zero with probability p; ValueError where p is outside [0, 1]."""
def dropout1d(input: _Tensor, p: _b.float = 0.5, training: _b.bool = True, inplace: _b.bool = False) -> _Tensor:
    """Set whole channels of (batch, channels, L) or (channels, L) to zero with probability p."""
def dropout2d(input: _Tensor, p: _b.float = 0.5, training: _b.bool = True, inplace: _b.bool = False) -> _Tensor:
    """Set whole channels of (batch, channels, H, W) to zero with probability p."""
def dropout3d(input: _Tensor, p: _b.float = 0.5, training: _b.bool = True, inplace: _b.bool = False) -> _Tensor:
    """Set whole channels of (batch, channels, D, H, W) or (channels, D, H, W) to zero with probability p."""
def feature_alpha_dropout(input: _Tensor, p: _b.float = 0.5, training: _b.bool = False, inplace: _b.bool = False) -> _Tensor:
    """`alpha_dropout` of whole channels (axis 1)."""
def gaussian_nll_loss(input: _Tensor, target: _Tensor, var: _Tensor | _b.float, full: _b.bool = False, eps: _b.float = 1e-06, reduction: _b.str = 'mean') -> _Tensor:
    """(ln(var) + (input − target)² / var) / 2, the variance no less than eps; `full` adds ln(2π) / 2."""
def poisson_nll_loss(input: _Tensor, target: _Tensor, log_input: _b.bool = True, full: _b.bool = False, size_average: _b.bool | None = None, eps: _b.float = 1e-08, reduce: _b.bool | None = None, reduction: _b.str = 'mean') -> _Tensor:
    """exp(input) − target·input, or without `log_input` input − target·ln(input + eps)."""
def binary_cross_entropy(input: _Tensor, target: _Tensor, weight: _Tensor | None = None, size_average: _b.bool | None = None, reduce: _b.bool | None = None, reduction: _b.str = 'mean') -> _Tensor:
    """−(target·ln(input) + (1 − target)·ln(1 − input)), the logarithms no less than −100."""
def binary_cross_entropy_with_logits(input: _Tensor, target: _Tensor, weight: _Tensor | None = None, size_average: _b.bool | None = None, reduce: _b.bool | None = None, reduction: _b.str = 'mean', pos_weight: _Tensor | None = None) -> _Tensor:
    """The binary cross-entropy of sigmoid(input), computed without overflow; pos_weight scales target = 1."""
def cross_entropy(input: _Tensor, target: _Tensor, weight: _Tensor | None = None, size_average: _b.bool | None = None, ignore_index: _b.int = -100, reduce: _b.bool | None = None, reduction: _b.str = 'mean', label_smoothing: _b.float = 0.0) -> _Tensor:
    """−ln softmax(input)[target], over the class axis."""
def huber_loss(input: _Tensor, target: _Tensor, reduction: _b.str = 'mean', delta: _b.float = 1.0, weight: _Tensor | None = None) -> _Tensor:
    """d² / 2 where |d| < delta, delta·(|d| − delta / 2) elsewhere, d = input − target."""
def kl_div(input: _Tensor, target: _Tensor, size_average: _b.bool | None = None, reduce: _b.bool | None = None, reduction: _b.str = 'mean', log_target: _b.bool = False) -> _Tensor:
    """target·(ln target − input), the input (and with log_target the target) being logarithms."""
def l1_loss(input: _Tensor, target: _Tensor, size_average: _b.bool | None = None, reduce: _b.bool | None = None, reduction: _b.str = 'mean', weight: _Tensor | None = None) -> _Tensor:
    """|input − target|."""
def mse_loss(input: _Tensor, target: _Tensor, size_average: _b.bool | None = None, reduce: _b.bool | None = None, reduction: _b.str = 'mean', weight: _Tensor | None = None) -> _Tensor:
    """(input − target)²."""
def nll_loss(input: _Tensor, target: _Tensor, weight: _Tensor | None = None, size_average: _b.bool | None = None, ignore_index: _b.int = -100, reduce: _b.bool | None = None, reduction: _b.str = 'mean') -> _Tensor:
    """−input[target] over the class axis, the input being logarithms of probabilities."""
def smooth_l1_loss(input: _Tensor, target: _Tensor, size_average: _b.bool | None = None, reduce: _b.bool | None = None, reduction: _b.str = 'mean', beta: _b.float = 1.0) -> _Tensor:
    """d² / (2·beta) where |d| < beta, |d| − beta / 2 elsewhere, d = input − target."""
def cosine_embedding_loss(input1: _Tensor, input2: _Tensor, target: _Tensor, margin: _b.float = 0, size_average: _b.bool | None = None, reduce: _b.bool | None = None, reduction: _b.str = 'mean') -> _Tensor:
    """1 − cos(input1, input2) where the target is 1; max(0, cos − margin) where it is −1."""
def hinge_embedding_loss(input: _Tensor, target: _Tensor, margin: _b.float = 1.0, size_average: _b.bool | None = None, reduce: _b.bool | None = None, reduction: _b.str = 'mean') -> _Tensor:
    """The input, a distance, where the target is 1; max(0, margin − input) where it is −1."""
def margin_ranking_loss(input1: _Tensor, input2: _Tensor, target: _Tensor, margin: _b.float = 0, size_average: _b.bool | None = None, reduce: _b.bool | None = None, reduction: _b.str = 'mean') -> _Tensor:
    """max(0, margin − target·(input1 − input2)): target 1 wants input1 to be the larger, −1 input2."""
def multi_margin_loss(input: _Tensor, target: _Tensor, p: _b.int = 1, margin: _b.float = 1.0, weight: _Tensor | None = None, size_average: _b.bool | None = None, reduce: _b.bool | None = None, reduction: _b.str = 'mean') -> _Tensor:
    """Σ over the other classes j of weight[y]·max(0, margin − x[y] + x[j])ᵖ / classes, y being the target."""
def multilabel_margin_loss(input: _Tensor, target: _Tensor, size_average: _b.bool | None = None, reduce: _b.bool | None = None, reduction: _b.str = 'mean') -> _Tensor:
    """Σ over the labels y and the classes j that are none of max(0, 1 − x[y] + x[j]) / classes."""
def multilabel_soft_margin_loss(input: _Tensor, target: _Tensor, weight: _Tensor | None = None, size_average: _b.bool | None = None, reduce: _b.bool | None = None, reduction: _b.str = 'mean') -> _Tensor:
    """The binary cross-entropy of sigmoid(input), weighted by class and averaged over the classes (the last axis)."""
def soft_margin_loss(input: _Tensor, target: _Tensor, size_average: _b.bool | None = None, reduce: _b.bool | None = None, reduction: _b.str = 'mean') -> _Tensor:
    """ln(1 + exp(−target·input)), target being 1 or −1; without overflow, unlike PyTorch's."""
def triplet_margin_loss(anchor: _Tensor, positive: _Tensor, negative: _Tensor, margin: _b.float = 1.0, p: _b.float = 2, eps: _b.float = 1e-06, swap: _b.bool = False, size_average: _b.bool | None = None, reduce: _b.bool | None = None, reduction: _b.str = 'mean') -> _Tensor:
    """max(0, margin + d(anchor, positive) − d(anchor, negative)), d the distance of order p along the last axis."""
def triplet_margin_with_distance_loss(anchor: _Tensor, positive: _Tensor, negative: _Tensor, *, distance_function: _Callable[[_Tensor, _Tensor], _Tensor] | None = None, margin: _b.float = 1.0, swap: _b.bool = False, reduction: _b.str = 'mean') -> _Tensor:
    """`triplet_margin_loss` with a distance of the user's; `pairwise_distance` where there is none."""
def batch_norm(input: _Tensor, running_mean: _Tensor | None, running_var: _Tensor | None, weight: _Tensor | None = None, bias: _Tensor | None = None, training: _b.bool = False, momentum: _b.float = 0.1, eps: _b.float = 1e-05) -> _Tensor:
    """Normalise each channel (axis 1) over all other axes; from Ioffe & Szegedy (2015)."""
def group_norm(input: _Tensor, num_groups: _b.int, weight: _Tensor | None = None, bias: _Tensor | None = None, eps: _b.float = 1e-05) -> _Tensor:
    """Normalise each group of channels of each sample; RuntimeError where the groups do not come out even."""
def instance_norm(input: _Tensor, running_mean: _Tensor | None = None, running_var: _Tensor | None = None, weight: _Tensor | None = None, bias: _Tensor | None = None, use_input_stats: _b.bool = True, momentum: _b.float = 0.1, eps: _b.float = 1e-05) -> _Tensor:
    """Normalise each channel of each sample over its positions."""
def layer_norm(input: _Tensor, normalized_shape: _Sequence[_b.int], weight: _Tensor | None = None, bias: _Tensor | None = None, eps: _b.float = 1e-05) -> _Tensor:
    """Normalise over the last axes, those of normalized_shape; RuntimeError where the input ends otherwise."""
def normalize(input: _Tensor, p: _b.float = 2.0, dim: _b.int = 1, eps: _b.float = 1e-12, out: _Tensor | None = None) -> _Tensor:
    """Divide by the p-norm along an axis, or by eps where that is larger; into `out` where it is given."""
def rms_norm(input: _Tensor, normalized_shape: _Sequence[_b.int], weight: _Tensor | None = None, eps: _b.float | None = None) -> _Tensor:
    """Divide by the root of the mean square over the last axes, those of normalized_shape, then scale."""
def gumbel_softmax(logits: _Tensor, tau: _b.float = 1, hard: _b.bool = False, eps: _b.float = 1e-10, dim: _b.int = -1) -> _Tensor:
    """A sample of softmax((logits + Gumbel noise) / tau): nearly one-hot, and differentiable by the logits."""
def rrelu(input: _Tensor, lower: _b.float = 0.125, upper: _b.float = 0.3333333333333333, training: _b.bool = False, inplace: _b.bool = False) -> _Tensor:
    """x where it is positive, slope·x elsewhere: in training a slope between lower and upper drawn for each number."""
def rrelu_(input: _Tensor, lower: _b.float = 0.125, upper: _b.float = 0.3333333333333333, training: _b.bool = False) -> _Tensor:
    """`rrelu`, written over the input."""
def affine_grid(theta: _Tensor, size: _b.tuple[_b.int, ...], align_corners: _b.bool | None = None) -> _Tensor:
    """The grid for `grid_sample` of an affine map: (N, 2, 3) and a size (N, C, H, W) → (N, H, W, 2), or (N, 3, 4) and"""
def grid_sample(input: _Tensor, grid: _Tensor, mode: _b.str = 'bilinear', padding_mode: _b.str = 'zeros', align_corners: _b.bool | None = None) -> _Tensor:
    """The input at places of a grid: (N, C, H, W) and (N, H_out, W_out, 2) → (N, C, H_out, W_out), or the same of"""
def interpolate(input: _Tensor, size: _b.int | _b.tuple[_b.int, ...] | None = None, scale_factor: _b.float | _b.tuple[_b.float, ...] | None = None, mode: _b.str = 'nearest', align_corners: _b.bool | None = None, recompute_scale_factor: _b.bool | None = None, antialias: _b.bool = False) -> _Tensor:
    """The input at another size of its last axes: (N, C, *size) → (N, C, *out)."""
def upsample(input: _Tensor, size: _b.int | _b.tuple[_b.int, ...] | None = None, scale_factor: _b.float | _b.tuple[_b.float, ...] | None = None, mode: _b.str = 'nearest', align_corners: _b.bool | None = None) -> _Tensor:
    """`interpolate` under its older name, with a warning."""
def upsample_bilinear(input: _Tensor, size: _b.int | _b.tuple[_b.int, ...] | None = None, scale_factor: _b.float | _b.tuple[_b.float, ...] | None = None) -> _Tensor:
    """`interpolate` in the mode 'bilinear' with aligned corners, under its older name, with a warning."""
def upsample_nearest(input: _Tensor, size: _b.int | _b.tuple[_b.int, ...] | None = None, scale_factor: _b.float | _b.tuple[_b.float, ...] | None = None) -> _Tensor:
    """`interpolate` in the mode 'nearest', under its older name, with a warning."""
def embedding(input: _Tensor, weight: _Tensor, padding_idx: _b.int | None = None, max_norm: _b.float | None = None, norm_type: _b.float = 2.0, scale_grad_by_freq: _b.bool = False, sparse: _b.bool = False) -> _Tensor:
    """The rows of `weight` that `input` names: (…) whole numbers → (…, width)."""
def bilinear(input1: _Tensor, input2: _Tensor, weight: _Tensor, bias: _Tensor | None = None) -> _Tensor:
    """Σ input1[i]·weight[o, i, j]·input2[j] + bias[o]."""
def channel_shuffle(input: _Tensor, groups: _b.int) -> _Tensor:
    """The channels of all groups in turn: channel i of group g goes to i·groups + g. Input (N, C, …)."""
def native_channel_shuffle(input: _Tensor, groups: _b.int) -> _Tensor:
    """`channel_shuffle` under PyTorch's other name for it."""
def pixel_shuffle(input: _Tensor, upscale_factor: _b.int) -> _Tensor:
    """Channels become positions: (…, C·r², H, W) → (…, C, H·r, W·r) with r the factor."""
def pixel_unshuffle(input: _Tensor, downscale_factor: _b.int) -> _Tensor:
    """Positions become channels: (…, C, H·r, W·r) → (…, C·r², H, W) with r the factor."""
def conv1d(input: _Tensor, weight: _Tensor, bias: _Tensor | None = None, stride: _b.int | _b.tuple[_b.int, ...] = 1, padding: _b.int | _b.str | _b.tuple[_b.int, ...] | _b.tuple[_b.tuple[_b.int, _b.int], ...] = 0, dilation: _b.int | _b.tuple[_b.int, ...] = 1, groups: _b.int = 1, *, padding_mode: _b.str = 'zeros') -> _Tensor:
    """Slide the taps over one axis and add up what they weigh."""
def conv2d(input: _Tensor, weight: _Tensor, bias: _Tensor | None = None, stride: _b.int | _b.tuple[_b.int, ...] = 1, padding: _b.int | _b.str | _b.tuple[_b.int, ...] | _b.tuple[_b.tuple[_b.int, _b.int], ...] = 0, dilation: _b.int | _b.tuple[_b.int, ...] = 1, groups: _b.int = 1, *, padding_mode: _b.str = 'zeros') -> _Tensor:
    """Slide the taps over two axes and add up what they weigh."""
def conv3d(input: _Tensor, weight: _Tensor, bias: _Tensor | None = None, stride: _b.int | _b.tuple[_b.int, ...] = 1, padding: _b.int | _b.str | _b.tuple[_b.int, ...] | _b.tuple[_b.tuple[_b.int, _b.int], ...] = 0, dilation: _b.int | _b.tuple[_b.int, ...] = 1, groups: _b.int = 1, *, padding_mode: _b.str = 'zeros') -> _Tensor:
    """Slide the taps over three axes and add up what they weigh."""
def conv_transpose1d(input: _Tensor, weight: _Tensor, bias: _Tensor | None = None, stride: _b.int | _b.tuple[_b.int, ...] = 1, padding: _b.int | _b.str | _b.tuple[_b.int, ...] | _b.tuple[_b.tuple[_b.int, _b.int], ...] = 0, output_padding: _b.int | _b.tuple[_b.int, ...] = 0, groups: _b.int = 1, dilation: _b.int | _b.tuple[_b.int, ...] = 1, *, padding_mode: _b.str = 'zeros', output_size: _b.tuple[_b.int, ...] | None = None) -> _Tensor:
    """Spread every input over one axis under the taps: the gradient of `conv1d` with regard to its input."""
def conv_transpose2d(input: _Tensor, weight: _Tensor, bias: _Tensor | None = None, stride: _b.int | _b.tuple[_b.int, ...] = 1, padding: _b.int | _b.str | _b.tuple[_b.int, ...] | _b.tuple[_b.tuple[_b.int, _b.int], ...] = 0, output_padding: _b.int | _b.tuple[_b.int, ...] = 0, groups: _b.int = 1, dilation: _b.int | _b.tuple[_b.int, ...] = 1, *, padding_mode: _b.str = 'zeros', output_size: _b.tuple[_b.int, ...] | None = None) -> _Tensor:
    """Spread every input over two axes under the taps: the gradient of `conv2d` with regard to its input."""
def conv_transpose3d(input: _Tensor, weight: _Tensor, bias: _Tensor | None = None, stride: _b.int | _b.tuple[_b.int, ...] = 1, padding: _b.int | _b.str | _b.tuple[_b.int, ...] | _b.tuple[_b.tuple[_b.int, _b.int], ...] = 0, output_padding: _b.int | _b.tuple[_b.int, ...] = 0, groups: _b.int = 1, dilation: _b.int | _b.tuple[_b.int, ...] = 1, *, padding_mode: _b.str = 'zeros', output_size: _b.tuple[_b.int, ...] | None = None) -> _Tensor:
    """Spread every input over three axes under the taps: the gradient of `conv3d` with regard to its input."""
def linear(input: _Tensor, weight: _Tensor, bias: _Tensor | None = None) -> _Tensor:
    """y = x·Wᵀ + b on the last axis: input (…, in), weight (out, in) or (in), bias (out) or what broadcasts."""
def unfold(input: _Tensor, kernel_size: _b.int | _b.tuple[_b.int, ...], dilation: _b.int | _b.tuple[_b.int, ...] = 1, padding: _b.int | _b.tuple[_b.int, ...] = 0, stride: _b.int | _b.tuple[_b.int, ...] = 1) -> _Tensor:
    """The blocks that a kernel slides over, as columns: (N, C, *size) → (N, C·taps, blocks)."""
def fold(input: _Tensor, output_size: _b.int | _b.tuple[_b.int, ...], kernel_size: _b.int | _b.tuple[_b.int, ...], dilation: _b.int | _b.tuple[_b.int, ...] = 1, padding: _b.int | _b.tuple[_b.int, ...] = 0, stride: _b.int | _b.tuple[_b.int, ...] = 1) -> _Tensor:
    """Add blocks up to the image they lie in: (N, C·taps, blocks) → (N, C, *output_size); the adjoint of `unfold`."""
def pad(input: _Tensor, pad: _b.tuple[_b.int, ...], mode: _b.str = 'constant', value: _b.float | None = None) -> _Tensor:
    """Continue the last axes of a tensor: `pad` is (before, after) of the last axis, then of the one before, …."""
@_overload
def max_pool1d(input: _Tensor, kernel_size: _b.int | _Sequence[_b.int], stride: _b.int | _Sequence[_b.int] | None=None, padding: _b.int | _Sequence[_b.int]=0, dilation: _b.int | _Sequence[_b.int]=1, ceil_mode: _b.bool=False, return_indices: _Literal[False]=False) -> _Tensor:
    """The largest entry of each window over one axis; NaN counts as larger than all."""
@_overload
def max_pool1d(input: _Tensor, kernel_size: _b.int | _Sequence[_b.int], stride: _b.int | _Sequence[_b.int] | None=None, padding: _b.int | _Sequence[_b.int]=0, dilation: _b.int | _Sequence[_b.int]=1, ceil_mode: _b.bool=False, *, return_indices: _Literal[True]) -> _b.tuple[_Tensor, _Tensor]:
    """The largest entry of each window over one axis; NaN counts as larger than all."""
@_overload
def max_pool2d(input: _Tensor, kernel_size: _b.int | _Sequence[_b.int], stride: _b.int | _Sequence[_b.int] | None=None, padding: _b.int | _Sequence[_b.int]=0, dilation: _b.int | _Sequence[_b.int]=1, ceil_mode: _b.bool=False, return_indices: _Literal[False]=False) -> _Tensor:
    """The largest entry of each window over two axes; NaN counts as larger than all."""
@_overload
def max_pool2d(input: _Tensor, kernel_size: _b.int | _Sequence[_b.int], stride: _b.int | _Sequence[_b.int] | None=None, padding: _b.int | _Sequence[_b.int]=0, dilation: _b.int | _Sequence[_b.int]=1, ceil_mode: _b.bool=False, *, return_indices: _Literal[True]) -> _b.tuple[_Tensor, _Tensor]:
    """The largest entry of each window over two axes; NaN counts as larger than all."""
@_overload
def max_pool3d(input: _Tensor, kernel_size: _b.int | _Sequence[_b.int], stride: _b.int | _Sequence[_b.int] | None=None, padding: _b.int | _Sequence[_b.int]=0, dilation: _b.int | _Sequence[_b.int]=1, ceil_mode: _b.bool=False, return_indices: _Literal[False]=False) -> _Tensor:
    """The largest entry of each window over three axes; NaN counts as larger than all."""
@_overload
def max_pool3d(input: _Tensor, kernel_size: _b.int | _Sequence[_b.int], stride: _b.int | _Sequence[_b.int] | None=None, padding: _b.int | _Sequence[_b.int]=0, dilation: _b.int | _Sequence[_b.int]=1, ceil_mode: _b.bool=False, *, return_indices: _Literal[True]) -> _b.tuple[_Tensor, _Tensor]:
    """The largest entry of each window over three axes; NaN counts as larger than all."""
def avg_pool1d(input: _Tensor, kernel_size: _b.int | _b.tuple[_b.int, ...], stride: _b.int | _b.tuple[_b.int, ...] | None = None, padding: _b.int | _b.tuple[_b.int, ...] = 0, ceil_mode: _b.bool = False, count_include_pad: _b.bool = True) -> _Tensor:
    """The mean of each window over one axis."""
def avg_pool2d(input: _Tensor, kernel_size: _b.int | _b.tuple[_b.int, ...], stride: _b.int | _b.tuple[_b.int, ...] | None = None, padding: _b.int | _b.tuple[_b.int, ...] = 0, ceil_mode: _b.bool = False, count_include_pad: _b.bool = True, divisor_override: _b.int | None = None) -> _Tensor:
    """The mean of each window over two axes."""
def avg_pool3d(input: _Tensor, kernel_size: _b.int | _b.tuple[_b.int, ...], stride: _b.int | _b.tuple[_b.int, ...] | None = None, padding: _b.int | _b.tuple[_b.int, ...] = 0, ceil_mode: _b.bool = False, count_include_pad: _b.bool = True, divisor_override: _b.int | None = None) -> _Tensor: ...
def adaptive_avg_pool1d(input: _Tensor, output_size: _b.int | _b.tuple[_b.int, ...]) -> _Tensor:
    """Means over one axis, of windows such that the result has `output_size` (None keeps an axis)."""
def adaptive_avg_pool2d(input: _Tensor, output_size: _b.int | _b.tuple[_b.int, ...]) -> _Tensor:
    """Means over two axes, of windows such that the result has `output_size` (None keeps an axis)."""
def adaptive_avg_pool3d(input: _Tensor, output_size: _b.int | _b.tuple[_b.int, ...]) -> _Tensor: ...
