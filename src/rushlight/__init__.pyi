# Written by tools/make_stubs.py: change the source, or tools/overloads.pyi, and run it again.

from collections.abc import Callable as _Callable
from collections.abc import Sequence as _Sequence
from rushlight import accelerator as accelerator
from rushlight import amp as amp
from rushlight import autograd as autograd
from rushlight import backends as backends
from rushlight import checkpoint as checkpoint
from rushlight import core as core
from rushlight import cpu as cpu
from rushlight import cuda as cuda
from rushlight import datasets as datasets
from rushlight import distributions as distributions
from rushlight import func as func
from rushlight import jit as jit
from rushlight import nn as nn
from rushlight import ops as ops
from rushlight import optim as optim
from rushlight import profiler as profiler
from rushlight import random as random
from rushlight import serialization as serialization
from rushlight import testing as testing
from rushlight import training as training
from rushlight import utils as utils
from rushlight.alias import Alias as _Alias
from rushlight.amp.autocast_mode import autocast as autocast
from rushlight.amp.grad_scaler import GradScaler as GradScaler
from rushlight.autograd.modes import enable_grad as enable_grad
from rushlight.autograd.modes import inference_mode as inference_mode
from rushlight.autograd.modes import no_grad as no_grad
from rushlight.autograd.modes import set_grad_enabled as set_grad_enabled
from rushlight.core.dtypes import dtype as _dtype
from rushlight.core.dtypes import dtype as dtype
from rushlight.core.dtypes import finfo as finfo
from rushlight.core.dtypes import iinfo as iinfo
from rushlight.explain.equalities import Comparison as _Comparison
from rushlight.explain.explanation import Explanation as _Explanation
from rushlight.explain.summary import Summary as _Summary
from rushlight.random.generator import Generator as Generator
from rushlight.random.generator import Generator as _Generator
from rushlight.random.generator import _DefaultGenerator as _DefaultGenerator
from rushlight.tensor.core import Tensor as Tensor
from rushlight.tensor.core import Tensor as _Tensor
from rushlight.tensor.core import ValuesAndIndices as _ValuesAndIndices
from rushlight.tensor.creation import Options as _Options
from rushlight.tensor.creation import OptionsLike as _OptionsLike
from rushlight.tensor.kinds import BFloat16Tensor as BFloat16Tensor
from rushlight.tensor.kinds import BoolTensor as BoolTensor
from rushlight.tensor.kinds import ByteTensor as ByteTensor
from rushlight.tensor.kinds import CharTensor as CharTensor
from rushlight.tensor.kinds import DoubleTensor as DoubleTensor
from rushlight.tensor.kinds import FloatTensor as FloatTensor
from rushlight.tensor.kinds import HalfTensor as HalfTensor
from rushlight.tensor.kinds import IntTensor as IntTensor
from rushlight.tensor.kinds import LongTensor as LongTensor
from rushlight.tensor.kinds import ShortTensor as ShortTensor
from rushlight.tensor.layout import MemoryFormat as _MemoryFormat
from rushlight.tensor.layout import MemoryFormat as memory_format
from rushlight.tensor.layout import Strided as _Strided
from rushlight.tensor.size import Size as Size
from rushlight.tensor.size import Size as _Size
from rushlight.tensor.size import device as _device
from rushlight.tensor.size import device as device
from typing import Any as _Any
from typing import BinaryIO as _BinaryIO
from typing import Literal as _Literal
from typing import Unpack as _Unpack
from typing import overload as _overload
import builtins as _b
import numpy as _np
import os as _os
import rushlight.core.dtypes as _dtypes

__version__: str
def abs(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The absolute value of each element; its gradient at 0 is 0."""
def absolute(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The absolute value of each element; its gradient at 0 is 0."""
def acos(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The arc cosine, in radians."""
def adaptive_avg_pool1d(input: _Tensor, output_size: _b.int | _b.tuple[_b.int, ...]) -> _Tensor:
    """Means over one axis, of windows such that the result has `output_size` (None keeps an axis)."""
def add(input: _Tensor | _b.float | _b.int | _b.bool, other: _Tensor | _b.float | _b.int | _b.bool, *, alpha: _b.float = 1, out: _Tensor | None = None) -> _Tensor:
    """`input + alpha * other`, broadcast."""
def addcdiv(input: _Tensor, tensor1: _Tensor, tensor2: _Tensor, *, value: _b.float = 1, out: _Tensor | None = None) -> _Tensor:
    """`input + value * tensor1 / tensor2`."""
def addcmul(input: _Tensor, tensor1: _Tensor, tensor2: _Tensor, *, value: _b.float = 1, out: _Tensor | None = None) -> _Tensor:
    """`input + value * tensor1 * tensor2`."""
def addmm(input: _Tensor, mat1: _Tensor, mat2: _Tensor, *, beta: _b.float = 1, alpha: _b.float = 1, out: _Tensor | None = None) -> _Tensor:
    """`beta * input + alpha * (mat1 @ mat2)`."""
def addmv(input: _Tensor, mat: _Tensor, vec: _Tensor, *, beta: _b.float = 1, alpha: _b.float = 1, out: _Tensor | None = None) -> _Tensor:
    """`beta * input + alpha * (mat @ vec)`."""
def all(input: _Tensor, dim: _b.int | _Sequence[_b.int] | None = None, keepdim: _b.bool = False, *, out: _Tensor | None = None) -> _Tensor:
    """Whether every element is true (not 0)."""
def allclose(input: _Tensor, other: _Tensor, rtol: _b.float = 1e-05, atol: _b.float = 1e-08, equal_nan: _b.bool = False) -> _b.bool:
    """Whether all elements are close, as `isclose` says."""
def amax(input: _Tensor, dim: _b.int | _Sequence[_b.int] | None = ..., keepdim: _b.bool = False, *, out: _Tensor | None = None) -> _Tensor:
    """The largest elements along axes; equal ones share the gradient."""
def amin(input: _Tensor, dim: _b.int | _Sequence[_b.int] | None = ..., keepdim: _b.bool = False, *, out: _Tensor | None = None) -> _Tensor:
    """The smallest elements along axes; equal ones share the gradient."""
def aminmax(input: _Tensor, *, dim: _b.int | None = None, keepdim: _b.bool = False, out: _b.tuple[_Tensor, ...] | None = None) -> _b.tuple[_Tensor, _Tensor]:
    """The smallest and the largest elements."""
def any(input: _Tensor, dim: _b.int | _Sequence[_b.int] | None = None, keepdim: _b.bool = False, *, out: _Tensor | None = None) -> _Tensor:
    """Whether some element is true (not 0)."""
@_overload
def arange(end: _b.float, *, out: _Tensor | None=None, dtype: _dtype | None=None, layout: _b.object=None, device: _b.str | _device | None=None, requires_grad: _b.bool=False, pin_memory: _b.bool=False) -> _Tensor:
    """The numbers from `start` (0 if one argument) up to but not including `end`, `step` apart."""
@_overload
def arange(start: _b.float, end: _b.float, step: _b.float=1, *, out: _Tensor | None=None, dtype: _dtype | None=None, layout: _b.object=None, device: _b.str | _device | None=None, requires_grad: _b.bool=False, pin_memory: _b.bool=False) -> _Tensor:
    """The numbers from `start` (0 if one argument) up to but not including `end`, `step` apart."""
def argmax(input: _Tensor, dim: _b.int | None = None, keepdim: _b.bool = False, *, out: _Tensor | None = None) -> _Tensor:
    """Where the largest element is: in the flattened tensor, or along an axis."""
def argmin(input: _Tensor, dim: _b.int | None = None, keepdim: _b.bool = False, *, out: _Tensor | None = None) -> _Tensor:
    """Where the smallest element is: in the flattened tensor, or along an axis."""
def argsort(input: _Tensor, dim: _b.int = -1, descending: _b.bool = False, stable: _b.bool = False, *, out: _Tensor | None = None) -> _Tensor:
    """The indices that sort along an axis; equal elements keep their order."""
def argwhere(input: _Tensor) -> _Tensor:
    """Where the elements are not 0: a row of indices each."""
def as_strided(input: _Tensor, size: _Sequence[_b.int], stride: _Sequence[_b.int], storage_offset: _b.int | None = None) -> _Tensor:
    """A view with strides of one's own, in elements, of the memory that this tensor is a part of."""
def as_tensor(data: _b.object, dtype: _dtypes.dtype | None = None, device: _b.str | _device | None = None) -> _Tensor:
    """`data` as a tensor, sharing memory with tensors and arrays of that dtype."""
def as_torch() -> _Alias:
    """Make `import torch` mean Rushlight, in this process and from now on."""
def asarray(obj: _b.object, *, dtype: _dtypes.dtype | None = None, device: _b.str | _device | None = None, copy: _b.bool | None = None, requires_grad: _b.bool = False) -> _Tensor:
    """`obj` as a tensor: sharing its memory where it can, a copy for `copy=True`; ValueError for False where it must."""
def asin(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The arc sine, in radians."""
def atan(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The arc tangent, in radians."""
@_overload
def atleast_1d(tensor: _Tensor, /) -> _Tensor:
    """The tensor, or each of several (one by one or in a sequence), with an axis at least."""
@_overload
def atleast_1d(*tensors: _Tensor) -> _b.tuple[_Tensor, ...]:
    """The tensor, or each of several (one by one or in a sequence), with an axis at least."""
def autocast_decrement_nesting() -> _b.int:
    """Come out again; the depth, 0 outside of all."""
def autocast_increment_nesting() -> _b.int:
    """Go in one deeper; the depth."""
def avg_pool1d(input: _Tensor, kernel_size: _b.int | _b.tuple[_b.int, ...], stride: _b.int | _b.tuple[_b.int, ...] | None = None, padding: _b.int | _b.tuple[_b.int, ...] = 0, ceil_mode: _b.bool = False, count_include_pad: _b.bool = True) -> _Tensor:
    """The mean of each window over one axis."""
def baddbmm(input: _Tensor, batch1: _Tensor, batch2: _Tensor, *, beta: _b.float = 1, alpha: _b.float = 1, out: _Tensor | None = None) -> _Tensor:
    """`beta * input + alpha * (batch1 @ batch2)`."""
def bernoulli(input: _Tensor, p: _b.float | None = None, *, generator: _Generator | None = None, out: _Tensor | None = None) -> _Tensor:
    """Ones and zeros: one with the probability that `input` says for each element, or with `p` for all."""
bfloat16: _dtype
def bincount(input: _Tensor, weights: _Tensor | None = None, minlength: _b.int = 0) -> _Tensor:
    """How often each integer from 0 on occurs, or the sum of its weights."""
def bitwise_and(input: _Tensor | _b.float | _b.int | _b.bool, other: _Tensor | _b.float | _b.int | _b.bool, *, out: _Tensor | None = None) -> _Tensor:
    """`input & other`, bit by bit; logic for bool tensors."""
def bitwise_not(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """`~input`, bit by bit; `not` for bool tensors."""
def bitwise_or(input: _Tensor | _b.float | _b.int | _b.bool, other: _Tensor | _b.float | _b.int | _b.bool, *, out: _Tensor | None = None) -> _Tensor:
    """`input | other`, bit by bit; logic for bool tensors."""
def bitwise_xor(input: _Tensor | _b.float | _b.int | _b.bool, other: _Tensor | _b.float | _b.int | _b.bool, *, out: _Tensor | None = None) -> _Tensor:
    """`input ^ other`, bit by bit; logic for bool tensors."""
def bmm(input: _Tensor, mat2: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The products of two batches of matrices: (b, n, k) × (b, k, m) → (b, n, m)."""
bool: _dtype
def broadcast_shapes(*shapes: _Sequence[_b.int]) -> _Size:
    """The shape that tensors of these shapes broadcast to; RuntimeError where they do not."""
def broadcast_tensors(*tensors: _Tensor) -> _b.tuple[_Tensor, ...]:
    """The tensors expanded to their common shape."""
def broadcast_to(input: _Tensor, size: _Sequence[_b.int]) -> _Tensor:
    """`expand` as a function."""
def can_cast(from_: _dtype, to: _dtype) -> _b.bool:
    """Whether a result of `from_` may be stored in `to`: never down a category."""
def cat(tensors: _Sequence[_Tensor], dim: _b.int = 0, *, out: _Tensor | None = None) -> _Tensor:
    """The tensors one after the other along an axis they have."""
cdouble: _dtype
def ceil(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """Each element rounded up."""
def celu(input: _Tensor, alpha: _b.float = 1.0, inplace: _b.bool = False) -> _Tensor:
    """x where it is positive, alpha·(e^(x / alpha) − 1) elsewhere: an elu with a slope without jumps (Barron 2017)."""
def celu_(input: _Tensor, alpha: _b.float = 1.0) -> _Tensor:
    """`celu`, written over the input."""
cfloat: _dtype
chalf: _dtype
def channel_shuffle(input: _Tensor, groups: _b.int) -> _Tensor:
    """The channels of all groups in turn: channel i of group g goes to i·groups + g. Input (N, C, …)."""
channels_last: _MemoryFormat
channels_last_3d: _MemoryFormat
def chunk(input: _Tensor, chunks: _b.int, dim: _b.int = 0) -> _b.tuple[_Tensor, ...]:
    """At most `chunks` pieces of one axis, of equal size except the last."""
def clamp(input: _Tensor, min: _Tensor | _b.float | _b.int | _b.bool | None = None, max: _Tensor | _b.float | _b.int | _b.bool | None = None, *, out: _Tensor | None = None) -> _Tensor:
    """Each element, at least `min` and at most `max` (numbers or tensors; one may be left out)."""
def clamp_max(input: _Tensor, max: _Tensor | _b.float | _b.int | _b.bool, *, out: _Tensor | None = None) -> _Tensor:
    """Each element, at most `max`."""
def clamp_min(input: _Tensor, min: _Tensor | _b.float | _b.int | _b.bool, *, out: _Tensor | None = None) -> _Tensor:
    """Each element, at least `min`."""
def clear_autocast_cache() -> None:
    """Forget the parameters that were cast."""
def clip(input: _Tensor, min: _Tensor | _b.float | _b.int | _b.bool | None = None, max: _Tensor | _b.float | _b.int | _b.bool | None = None, *, out: _Tensor | None = None) -> _Tensor:
    """Each element, at least `min` and at most `max` (numbers or tensors; one may be left out)."""
def clone(input: _Tensor, *, memory_format: _MemoryFormat | None = ...) -> _Tensor:
    """A copy, recorded; in the same memory order unless told."""
def compare(first: _Callable, second: _Callable | _b.str, input: _Tensor | _b.tuple) -> _Comparison:
    """Run two layers with the same weights on the same input, and say how far apart the results are."""
complex128: _dtype
complex32: _dtype
complex64: _dtype
def concat(tensors: _Sequence[_Tensor], dim: _b.int = 0, *, out: _Tensor | None = None) -> _Tensor:
    """The tensors one after the other along an axis they have."""
def concatenate(tensors: _Sequence[_Tensor], dim: _b.int = 0, *, out: _Tensor | None = None) -> _Tensor:
    """The tensors one after the other along an axis they have."""
contiguous_format: _MemoryFormat
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
def cos(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The cosine of each element (radians)."""
def cosh(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The hyperbolic cosine."""
def cosine_similarity(x1: _Tensor, x2: _Tensor, dim: _b.int = 1, eps: _b.float = 1e-08) -> _Tensor:
    """x1·x2 / (max(‖x1‖, eps)·max(‖x2‖, eps)) along an axis."""
def count_nonzero(input: _Tensor, dim: _b.int | _Sequence[_b.int] | None = None) -> _Tensor:
    """How many elements are not 0."""
def cumprod(input: _Tensor, dim: _b.int, *, dtype: _dtypes.dtype | None = None, out: _Tensor | None = None) -> _Tensor:
    """The running product along an axis."""
def cumsum(input: _Tensor, dim: _b.int, *, dtype: _dtypes.dtype | None = None, out: _Tensor | None = None) -> _Tensor:
    """The running sum along an axis."""
default_generator: _DefaultGenerator
def diag(input: _Tensor, diagonal: _b.int = 0, *, out: _Tensor | None = None) -> _Tensor:
    """The diagonal of a matrix, or a matrix with this diagonal."""
def diagonal(input: _Tensor, offset: _b.int = 0, dim1: _b.int = 0, dim2: _b.int = 1) -> _Tensor:
    """The diagonal of two axes, as the last axis of a view."""
def diff(input: _Tensor, n: _b.int = 1, dim: _b.int = -1, prepend: _Tensor | None = None, append: _Tensor | None = None, *, out: _Tensor | None = None) -> _Tensor:
    """x[i + 1] − x[i] along an axis, n times over; of bools, whether they differ."""
def div(input: _Tensor | _b.float | _b.int | _b.bool, other: _Tensor | _b.float | _b.int | _b.bool, *, rounding_mode: _b.str | None = None, out: _Tensor | None = None) -> _Tensor:
    """`input / other`; integers give floats, unless `rounding_mode` is "floor" or "trunc"."""
def divide(input: _Tensor | _b.float | _b.int | _b.bool, other: _Tensor | _b.float | _b.int | _b.bool, *, rounding_mode: _b.str | None = None, out: _Tensor | None = None) -> _Tensor:
    """`input / other`; integers give floats, unless `rounding_mode` is "floor" or "trunc"."""
def dot(input: _Tensor, tensor: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The inner product of two vectors."""
double: _dtype
e: _b.float
def einsum(equation: _b.str, *operands: _Tensor) -> _Tensor:
    """Einstein's summation, as `einsum("ik,kj->ij", a, b)`; differentiable."""
def empty(*sizes: _b.int | _Sequence[_b.int], size: _Sequence[_b.int] | None = None, dtype: _dtypes.dtype | None = None, device: _b.str | _device | None = None, requires_grad: _b.bool = False, memory_format: _MemoryFormat | None = None, pin_memory: _b.bool = False, layout: _b.object = None, out: _Tensor | None = None) -> _Tensor:
    """An uninitialised tensor."""
def empty_like(input: _Tensor, *, dtype: _dtypes.dtype | None = None, device: _b.str | _device | None = None, requires_grad: _b.bool = False, memory_format: _MemoryFormat | None = ..., layout: _b.object = None, pin_memory: _b.bool = False) -> _Tensor:
    """An uninitialised tensor of the shape, dtype and memory order of `input`."""
def eq(input: _Tensor | _b.float | _b.int | _b.bool, other: _Tensor | _b.float | _b.int | _b.bool, *, out: _Tensor | None = None) -> _Tensor:
    """Whether elements are equal."""
def equal(input: _Tensor, other: _Tensor) -> _b.bool:
    """Whether two tensors have one shape and the same elements."""
def erf(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The error function of each element."""
def erfc(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """1 - erf(x), exact where erf is near 1."""
def erfinv(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The inverse of the error function: infinite at ±1, NaN beyond."""
def exp(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """e to the power of each element."""
def exp2(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """2 to the power of each element."""
def explain(layer: _Callable[..., _Any] | _b.str, *shapes: _b.object, **arguments: _b.object) -> _Explanation:
    """What a layer does with an input of this shape, and why: it prints as text, shows as a picture, and is saved."""
def expm1(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """exp(x) - 1, exact near 0."""
def eye(n: _b.int, m: _b.int | None = None, *, dtype: _dtypes.dtype | None = None, out: _Tensor | None = None, **options: _Unpack[_Options]) -> _Tensor:
    """A matrix with ones on its diagonal."""
def flatten(input: _Tensor, start_dim: _b.int = 0, end_dim: _b.int = -1) -> _Tensor:
    """Axes `start_dim` to `end_dim` as one."""
def flip(input: _Tensor, *axes: _b.int | _Sequence[_b.int], dims: _Sequence[_b.int] | None = None) -> _Tensor:
    """The entries of these axes in reverse, copied."""
float: _dtype
float16: _dtype
float32: _dtype
float64: _dtype
def float_power(input: _Tensor | _b.float | _b.int | _b.bool, exponent: _Tensor | _b.float | _b.int | _b.bool, *, out: _Tensor | None = None) -> _Tensor:
    """`input ** exponent` in float64."""
def floor(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """Each element rounded down."""
def floor_divide(input: _Tensor | _b.float | _b.int | _b.bool, other: _Tensor | _b.float | _b.int | _b.bool, *, out: _Tensor | None = None) -> _Tensor:
    """`input // other`, rounded down; RuntimeError for an integer division by zero."""
def fmod(input: _Tensor, other: _Tensor | _b.float | _b.int | _b.bool, *, out: _Tensor | None = None) -> _Tensor:
    """The remainder with the sign of `input`."""
def frac(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The part of each element behind the point."""
def from_dlpack(ext_tensor: _b.object, *, device: _b.object = None, copy: _b.bool | None = None) -> _Tensor:
    """A tensor in the memory of any object with `__dlpack__` (NumPy, PyTorch, JAX, … on the CPU), or in a copy of it."""
def from_numpy(ndarray: _np.ndarray) -> _Tensor:
    """A tensor in the memory of a NumPy array: a change of one is a change of the other."""
def frombuffer(buffer: _b.object, *, dtype: _dtypes.dtype, count: _b.int = -1, offset: _b.int = 0, requires_grad: _b.bool = False) -> _Tensor:
    """A one-dimensional tensor in the memory of any object with Python's buffer protocol."""
def full(size: _Sequence[_b.int], fill_value: _b.float, *, dtype: _dtypes.dtype | None = None, device: _b.str | _device | None = None, requires_grad: _b.bool = False, layout: _b.object = None, pin_memory: _b.bool = False, out: _Tensor | None = None) -> _Tensor:
    """A tensor of one value, whose dtype it takes unless told."""
def full_like(input: _Tensor, fill_value: _b.float, **options: _Unpack[_OptionsLike]) -> _Tensor:
    """A tensor of one value, of the shape, dtype and memory order of `input`."""
def gather(input: _Tensor, dim: _b.int, index: _Tensor, *, sparse_grad: _b.bool = False, out: _Tensor | None = None) -> _Tensor:
    """For each position of `index`, the element of `input` there, with the axis `dim` replaced by the index."""
def ge(input: _Tensor | _b.float | _b.int | _b.bool, other: _Tensor | _b.float | _b.int | _b.bool, *, out: _Tensor | None = None) -> _Tensor:
    """Whether elements are greater or equal."""
def ger(input: _Tensor, vec2: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The outer product of two vectors."""
def get_autocast_cpu_dtype() -> _dtype:
    """`get_autocast_dtype("cpu")`."""
def get_autocast_dtype(device_type: _b.str) -> _dtype:
    """The half that autocast computes in on that kind of device."""
def get_autocast_gpu_dtype() -> _dtype:
    """`get_autocast_dtype("cuda")`."""
def get_default_device() -> _device:
    """Where tensors are made in this context."""
def get_default_dtype() -> _dtype:
    """The dtype of new floating tensors that name none."""
def get_engine() -> _b.str:
    """The engine chosen in this context: "auto", "compiled" or "reference"."""
def get_exact() -> _b.bool:
    """Whether only plain sums are allowed."""
def get_num_threads() -> _b.int:
    """The number of threads asked for; without a wish, as many as there are cores to run on."""
def get_rng_state() -> _Tensor:
    """The default generator's state, a uint8 tensor."""
def greater(input: _Tensor | _b.float | _b.int | _b.bool, other: _Tensor | _b.float | _b.int | _b.bool, *, out: _Tensor | None = None) -> _Tensor:
    """Whether elements are greater."""
def greater_equal(input: _Tensor | _b.float | _b.int | _b.bool, other: _Tensor | _b.float | _b.int | _b.bool, *, out: _Tensor | None = None) -> _Tensor:
    """Whether elements are greater or equal."""
def gt(input: _Tensor | _b.float | _b.int | _b.bool, other: _Tensor | _b.float | _b.int | _b.bool, *, out: _Tensor | None = None) -> _Tensor:
    """Whether elements are greater."""
half: _dtype
def hstack(tensors: _Sequence[_Tensor], *, out: _Tensor | None = None) -> _Tensor:
    """Joined along axis 1 (axis 0 for one-dimensional tensors)."""
def index_add(input: _Tensor, dim: _b.int, index: _Tensor, source: _Tensor, *, alpha: _b.float = 1, out: _Tensor | None = None) -> _Tensor:
    """A copy with the entries of `source` added at these indices of one axis."""
def index_fill(input: _Tensor, dim: _b.int, index: _Tensor, value: _b.float | _Tensor) -> _Tensor:
    """A copy with the entries at these indices of one axis set to a value."""
def index_select(input: _Tensor, dim: _b.int, index: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The entries of one axis at these indices, copied."""
inf: _b.float
def initial_seed() -> _b.int:
    """The seed that the default generator was last started from."""
int: _dtype
int16: _dtype
int32: _dtype
int64: _dtype
int8: _dtype
def is_autocast_cache_enabled() -> _b.bool:
    """Whether parameters that were cast are kept until autocast ends."""
def is_autocast_cpu_enabled() -> _b.bool:
    """`is_autocast_enabled("cpu")`."""
def is_autocast_enabled(device_type: _b.str = 'cuda') -> _b.bool:
    """Whether autocast changes types on that kind of device, here and now."""
def is_complex(input: _Tensor) -> _b.bool:
    """False: there are no complex tensors."""
def is_floating_point(input: _Tensor) -> _b.bool:
    """Whether the dtype is a floating one."""
def is_grad_enabled() -> _b.bool:
    """Whether operations are recorded now, in this thread."""
def is_inference_mode_enabled() -> _b.bool:
    """Whether this thread is inside `inference_mode`."""
def is_nonzero(input: _Tensor) -> _b.bool:
    """Whether the only element is not 0."""
def is_tensor(obj: _b.object) -> _b.bool:
    """Whether an object is a tensor."""
def isclose(input: _Tensor, other: _Tensor, rtol: _b.float = 1e-05, atol: _b.float = 1e-08, equal_nan: _b.bool = False) -> _Tensor:
    """Whether |input - other| <= atol + rtol * |other|, element by element."""
def isfinite(input: _Tensor) -> _Tensor:
    """Whether elements are finite numbers."""
def isin(elements: _Tensor | _b.float | _b.int | _b.bool, test_elements: _Tensor | _b.float | _b.int | _b.bool, *, assume_unique: _b.bool = False, invert: _b.bool = False, out: _Tensor | None = None) -> _Tensor:
    """Whether each element is among others; with `invert`, whether it is not. Either may be a number."""
def isinf(input: _Tensor) -> _Tensor:
    """Whether elements are infinite."""
def isnan(input: _Tensor) -> _Tensor:
    """Whether elements are NaN."""
def isneginf(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """Whether elements are minus infinity."""
def isposinf(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """Whether elements are plus infinity."""
def kthvalue(input: _Tensor, k: _b.int, dim: _b.int=-1, keepdim: _b.bool=False, *, out: _b.tuple[_Tensor, _Tensor] | None=None) -> _ValuesAndIndices:
    """The k-th smallest element along an axis, counted from 1, and where it is, as `(values, indices)`."""
def le(input: _Tensor | _b.float | _b.int | _b.bool, other: _Tensor | _b.float | _b.int | _b.bool, *, out: _Tensor | None = None) -> _Tensor:
    """Whether elements are less or equal."""
def lerp(input: _Tensor, end: _Tensor, weight: _Tensor | _b.float | _b.int | _b.bool, *, out: _Tensor | None = None) -> _Tensor:
    """`input + weight * (end - input)`; from a weight of 0.5 on reckoned from `end`, so that a weight of 1 gives it."""
def less(input: _Tensor | _b.float | _b.int | _b.bool, other: _Tensor | _b.float | _b.int | _b.bool, *, out: _Tensor | None = None) -> _Tensor:
    """Whether elements are less."""
def less_equal(input: _Tensor | _b.float | _b.int | _b.bool, other: _Tensor | _b.float | _b.int | _b.bool, *, out: _Tensor | None = None) -> _Tensor:
    """Whether elements are less or equal."""
def linspace(start: _b.float, end: _b.float, steps: _b.int, *, dtype: _dtypes.dtype | None = None, layout: _b.object = None, device: _b.str | _device | None = None, requires_grad: _b.bool = False, pin_memory: _b.bool = False, out: _Tensor | None = None) -> _Tensor:
    """`steps` numbers from `start` to `end`, both included, evenly spaced."""
def load(f: _Any, map_location: _Any=None, *args: _Any, **options: _Any) -> _Any:
    """What `save`, or PyTorch's `torch.save` of any version, wrote; on the CPU unless sent elsewhere."""
def log(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The natural logarithm of each element."""
def log10(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The logarithm to base 10."""
def log1p(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """log(1 + x), exact near 0."""
def log2(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The logarithm to base 2."""
def log_softmax(input: _Tensor, dim: _b.int, dtype: _dtypes.dtype | None = None, *, out: _Tensor | None = None) -> _Tensor:
    """log(softmax(x)) along an axis, exact where softmax would be 0."""
def logical_and(input: _Tensor, other: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """True where both are not 0."""
def logical_not(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """True where the element is 0."""
def logical_or(input: _Tensor, other: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """True where one is not 0."""
def logical_xor(input: _Tensor, other: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """True where exactly one is not 0."""
def logspace(start: _b.float, end: _b.float, steps: _b.int, base: _b.float = 10.0, *, dtype: _dtypes.dtype | None = None, layout: _b.object = None, device: _b.str | _device | None = None, requires_grad: _b.bool = False, pin_memory: _b.bool = False, out: _Tensor | None = None) -> _Tensor:
    """`base` to the power of `steps` evenly spaced numbers."""
def logsumexp(input: _Tensor, dim: _b.int | _Sequence[_b.int] | None, keepdim: _b.bool = False, *, out: _Tensor | None = None) -> _Tensor:
    """log(sum(exp(x))) along axes, without overflow; of integers as floats."""
long: _dtype
def lt(input: _Tensor | _b.float | _b.int | _b.bool, other: _Tensor | _b.float | _b.int | _b.bool, *, out: _Tensor | None = None) -> _Tensor:
    """Whether elements are less."""
def manual_seed(seed: _b.int) -> _Generator:
    """Start the default generator from `seed`, and return it."""
def masked_fill(input: _Tensor, mask: _Tensor, value: _b.float | _Tensor) -> _Tensor:
    """A copy with `value` where the mask is true."""
def masked_select(input: _Tensor, mask: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The elements where the mask is true, in one axis."""
def matmul(input: _Tensor, other: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The matrix product; leading axes broadcast, one-dimensional operands are vectors."""
@_overload
def max(input: _Tensor, *, out: _Tensor | None=None) -> _Tensor:
    """The largest element; with `dim`, the largest along that axis and where they are, as `(values, indices)`."""
@_overload
def max(input: _Tensor, other: _Tensor, *, out: _Tensor | None=None) -> _Tensor:
    """The largest element; with `dim`, the largest along that axis and where they are, as `(values, indices)`."""
@_overload
def max(input: _Tensor, dim: _b.int, keepdim: _b.bool=False, *, out: _b.tuple[_Tensor, _Tensor] | None=None) -> _ValuesAndIndices:
    """The largest element; with `dim`, the largest along that axis and where they are, as `(values, indices)`."""
def max_pool1d(input: _Tensor, kernel_size: _b.int | _b.tuple[_b.int, ...], stride: _b.int | _b.tuple[_b.int, ...] | None = None, padding: _b.int | _b.tuple[_b.int, ...] = 0, dilation: _b.int | _b.tuple[_b.int, ...] = 1, ceil_mode: _b.bool = False, return_indices: _b.bool = False) -> _Tensor | _b.tuple[_Tensor, _Tensor]:
    """The largest entry of each window over one axis; NaN counts as larger than all."""
def max_pool2d(input: _Tensor, kernel_size: _b.int | _b.tuple[_b.int, ...], stride: _b.int | _b.tuple[_b.int, ...] | None = None, padding: _b.int | _b.tuple[_b.int, ...] = 0, dilation: _b.int | _b.tuple[_b.int, ...] = 1, ceil_mode: _b.bool = False, return_indices: _b.bool = False) -> _Tensor | _b.tuple[_Tensor, _Tensor]:
    """The largest entry of each window over two axes; NaN counts as larger than all."""
def max_pool3d(input: _Tensor, kernel_size: _b.int | _b.tuple[_b.int, ...], stride: _b.int | _b.tuple[_b.int, ...] | None = None, padding: _b.int | _b.tuple[_b.int, ...] = 0, dilation: _b.int | _b.tuple[_b.int, ...] = 1, ceil_mode: _b.bool = False, return_indices: _b.bool = False) -> _Tensor | _b.tuple[_Tensor, _Tensor]:
    """The largest entry of each window over three axes; NaN counts as larger than all."""
def maximum(input: _Tensor, other: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The larger of each pair of elements; NaN wins."""
def mean(input: _Tensor, dim: _b.int | _Sequence[_b.int] | None = None, keepdim: _b.bool = False, *, dtype: _dtypes.dtype | None = None, out: _Tensor | None = None) -> _Tensor:
    """The mean over all axes, or those named; RuntimeError for integers."""
@_overload
def median(input: _Tensor) -> _Tensor:
    """The middle element (the lower of two), NaN where there is one; with `dim` also where it is."""
@_overload
def median(input: _Tensor, dim: _b.int, keepdim: _b.bool=False, *, out: _b.tuple[_Tensor, _Tensor] | None=None) -> _ValuesAndIndices:
    """The middle element (the lower of two), NaN where there is one; with `dim` also where it is."""
def meshgrid(*tensors: _Tensor, indexing: _b.str | None = None) -> _b.tuple[_Tensor, ...]:
    """Coordinates of a grid from those of its axes; `indexing` is "ij" or "xy"."""
@_overload
def min(input: _Tensor, *, out: _Tensor | None=None) -> _Tensor:
    """The smallest element; arguments as `max`."""
@_overload
def min(input: _Tensor, other: _Tensor, *, out: _Tensor | None=None) -> _Tensor:
    """The smallest element; arguments as `max`."""
@_overload
def min(input: _Tensor, dim: _b.int, keepdim: _b.bool=False, *, out: _b.tuple[_Tensor, _Tensor] | None=None) -> _ValuesAndIndices:
    """The smallest element; arguments as `max`."""
def minimum(input: _Tensor, other: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The smaller of each pair of elements; NaN wins."""
def mm(input: _Tensor, mat2: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The product of two matrices, without broadcasting."""
def moveaxis(input: _Tensor, source: _b.int | _Sequence[_b.int], destination: _b.int | _Sequence[_b.int]) -> _Tensor:
    """Axes moved to other places, the others kept in order."""
def movedim(input: _Tensor, source: _b.int | _Sequence[_b.int], destination: _b.int | _Sequence[_b.int]) -> _Tensor:
    """Axes moved to other places, the others kept in order."""
def mul(input: _Tensor | _b.float | _b.int | _b.bool, other: _Tensor | _b.float | _b.int | _b.bool, *, out: _Tensor | None = None) -> _Tensor:
    """`input * other`, broadcast."""
def multinomial(input: _Tensor, num_samples: _b.int, replacement: _b.bool = False, *, generator: _Generator | None = None, out: _Tensor | None = None) -> _Tensor:
    """Draw categories: `input` (…, categories) holds their weights, the result (…, num_samples) their numbers."""
def multiply(input: _Tensor | _b.float | _b.int | _b.bool, other: _Tensor | _b.float | _b.int | _b.bool, *, out: _Tensor | None = None) -> _Tensor:
    """`input * other`, broadcast."""
def mv(input: _Tensor, vec: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """A matrix times a vector."""
nan: _b.float
def nan_to_num(input: _Tensor, nan: _b.float = 0.0, posinf: _b.float | None = None, neginf: _b.float | None = None, *, out: _Tensor | None = None) -> _Tensor:
    """NaN and the infinities replaced: by `nan`, and by the largest and smallest finite numbers unless given."""
def nansum(input: _Tensor, dim: _b.int | _Sequence[_b.int] | None = None, keepdim: _b.bool = False, *, dtype: _dtypes.dtype | None = None, out: _Tensor | None = None) -> _Tensor:
    """The sum, NaN counting as 0."""
def narrow(input: _Tensor, dim: _b.int, start: _b.int, length: _b.int) -> _Tensor:
    """`length` entries of one axis from `start` on, as a view."""
def native_channel_shuffle(input: _Tensor, groups: _b.int) -> _Tensor:
    """`channel_shuffle` under PyTorch's other name for it."""
def ne(input: _Tensor | _b.float | _b.int | _b.bool, other: _Tensor | _b.float | _b.int | _b.bool, *, out: _Tensor | None = None) -> _Tensor:
    """Whether elements differ."""
def neg(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """`-input`; not for bool tensors."""
def negative(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """`-input`; not for bool tensors."""
newaxis: None
@_overload
def nonzero(input: _Tensor, *, as_tuple: _Literal[False]=False, out: _Tensor | None=None) -> _Tensor:
    """Where the elements are not 0: a row of indices each, or a tensor an axis."""
@_overload
def nonzero(input: _Tensor, *, as_tuple: _Literal[True]) -> _b.tuple[_Tensor, ...]:
    """Where the elements are not 0: a row of indices each, or a tensor an axis."""
def norm(input: _Tensor, p: _b.float | _b.str | None = 'fro', dim: _b.int | _Sequence[_b.int] | None = None, keepdim: _b.bool = False, dtype: _dtypes.dtype | None = None, *, out: _Tensor | None = None) -> _Tensor:
    """The p-norm over axes: `p` a number, `inf`, or "fro" for 2; computed in `dtype` where one is given."""
def normal(mean: _b.float | _Tensor, std: _b.float | _Tensor = 1.0, size: _Sequence[_b.int] | None = None, *, generator: _Generator | None = None, dtype: _dtypes.dtype | None = None, out: _Tensor | None = None, **options: _Unpack[_Options]) -> _Tensor:
    """Normal numbers: `normal(mean, std, size)` with numbers, or with a tensor of means, of deviations, or both."""
def not_equal(input: _Tensor | _b.float | _b.int | _b.bool, other: _Tensor | _b.float | _b.int | _b.bool, *, out: _Tensor | None = None) -> _Tensor:
    """Whether elements differ."""
def numel(input: _Tensor) -> _b.int:
    """The number of elements."""
def ones(*sizes: _b.int | _Sequence[_b.int], size: _Sequence[_b.int] | None = None, dtype: _dtypes.dtype | None = None, device: _b.str | _device | None = None, requires_grad: _b.bool = False, layout: _b.object = None, pin_memory: _b.bool = False, out: _Tensor | None = None) -> _Tensor:
    """A tensor of ones."""
def ones_like(input: _Tensor, **options: _Unpack[_OptionsLike]) -> _Tensor:
    """Ones of the shape, dtype and memory order of `input`; options as `empty_like`."""
def outer(input: _Tensor, vec2: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The outer product of two vectors."""
def output_shape(layer: _Callable, *input_shapes: _b.tuple[_b.int, ...], **arguments: _b.object) -> _Size | _b.tuple:
    """The shape of `layer(input, …)` for inputs of these shapes; a tuple of shapes where it gives several."""
def pairwise_distance(x1: _Tensor, x2: _Tensor, p: _b.float = 2.0, eps: _b.float = 1e-06, keepdim: _b.bool = False) -> _Tensor:
    """‖x1 − x2 + eps‖ₚ along the last axis."""
def pdist(input: _Tensor, p: _b.float = 2) -> _Tensor:
    """‖xᵢ − xⱼ‖ₚ of every pair of rows i < j."""
def permute(input: _Tensor, *order: _b.int | _Sequence[_b.int], dims: _Sequence[_b.int] | None = None) -> _Tensor:
    """The axes in another order."""
pi: _b.float
def pixel_shuffle(input: _Tensor, upscale_factor: _b.int) -> _Tensor:
    """Channels become positions: (…, C·r², H, W) → (…, C, H·r, W·r) with r the factor."""
def pixel_unshuffle(input: _Tensor, downscale_factor: _b.int) -> _Tensor:
    """Positions become channels: (…, C, H·r, W·r) → (…, C·r², H, W) with r the factor."""
def positive(input: _Tensor) -> _Tensor:
    """The tensor itself."""
def pow(input: _Tensor | _b.float | _b.int | _b.bool, exponent: _Tensor | _b.float | _b.int | _b.bool, *, out: _Tensor | None = None) -> _Tensor:
    """`input ** exponent`, broadcast; integers to negative powers are a RuntimeError."""
def prelu(input: _Tensor, weight: _Tensor) -> _Tensor:
    """x where it is positive, weight·x elsewhere; one weight, or one a channel (axis 1)."""
preserve_format: _MemoryFormat
def prod(input: _Tensor, dim: _b.int | None = None, keepdim: _b.bool = False, *, dtype: _dtypes.dtype | None = None, out: _Tensor | None = None) -> _Tensor:
    """The product over all axes, or one."""
def promote_types(type1: _dtype, type2: _dtype) -> _dtype:
    """The smallest dtype that holds both, by PyTorch's rule."""
def rand(*sizes: _b.int | _Sequence[_b.int], size: _Sequence[_b.int] | None = None, generator: _Generator | None = None, dtype: _dtypes.dtype | None = None, out: _Tensor | None = None, **options: _Unpack[_Options]) -> _Tensor:
    """Uniform numbers in [0, 1). `options` as for `empty`."""
def rand_like(input: _Tensor, *, generator: _Generator | None = None, **options: _Unpack[_OptionsLike]) -> _Tensor:
    """`rand` in the shape, dtype and memory order of `input`; options as `empty_like`."""
@_overload
def randint(high: _b.int, size: _Sequence[_b.int], *, generator: _Generator | None=None, out: _Tensor | None=None, dtype: _dtype | None=None, layout: _b.object=None, device: _b.str | _device | None=None, requires_grad: _b.bool=False, pin_memory: _b.bool=False) -> _Tensor:
    """`randint(high, size)` or `randint(low, high, size)`: integers in [low, high), int64 unless `dtype` says other."""
@_overload
def randint(low: _b.int, high: _b.int, size: _Sequence[_b.int], *, generator: _Generator | None=None, out: _Tensor | None=None, dtype: _dtype | None=None, layout: _b.object=None, device: _b.str | _device | None=None, requires_grad: _b.bool=False, pin_memory: _b.bool=False) -> _Tensor:
    """`randint(high, size)` or `randint(low, high, size)`: integers in [low, high), int64 unless `dtype` says other."""
def randint_like(input: _Tensor, low: _b.int | None = None, high: _b.int | None = None, *, generator: _Generator | None = None, **options: _Unpack[_OptionsLike]) -> _Tensor:
    """`randint_like(input, high)` or `(input, low, high)`: `randint` in the shape, dtype and order of `input`."""
def randn(*sizes: _b.int | _Sequence[_b.int], size: _Sequence[_b.int] | None = None, generator: _Generator | None = None, dtype: _dtypes.dtype | None = None, out: _Tensor | None = None, **options: _Unpack[_Options]) -> _Tensor:
    """Normal numbers of mean 0 and standard deviation 1. `options` as for `empty`."""
def randn_like(input: _Tensor, *, generator: _Generator | None = None, **options: _Unpack[_OptionsLike]) -> _Tensor:
    """`randn` in the shape, dtype and memory order of `input`; options as `empty_like`."""
def randperm(n: _b.int, *, generator: _Generator | None = None, dtype: _dtypes.dtype | None = ..., out: _Tensor | None = None, **options: _Unpack[_Options]) -> _Tensor:
    """The numbers 0 … n−1 in a random order."""
def ravel(input: _Tensor) -> _Tensor:
    """All axes as one."""
def reciprocal(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """1 / x; integers give floats."""
def relu(input: _Tensor) -> _Tensor:
    """Each element, or 0 where it is negative; the gradient at 0 is 0."""
def remainder(input: _Tensor | _b.float | _b.int | _b.bool, other: _Tensor | _b.float | _b.int | _b.bool, *, out: _Tensor | None = None) -> _Tensor:
    """`input % other` with the sign of `other`."""
def repeat_interleave(input: _Tensor | None = None, repeats: _b.int | _Tensor | None = None, dim: _b.int | None = None, *, output_size: _b.int | None = None) -> _Tensor:
    """Each element along an axis several times, one after the other; of counts alone, the indices that do so."""
def reshape(input: _Tensor, *sizes: _b.int | _Sequence[_b.int], shape: _Sequence[_b.int] | None = None) -> _Tensor:
    """The same elements in another shape; one size may be -1. A view where the memory allows it."""
def result_type(tensor: _Tensor | _b.float | _b.int | _b.bool, other: _Tensor | _b.float | _b.int | _b.bool) -> _dtypes.dtype:
    """The dtype that an operation on two operands computes in."""
def roll(input: _Tensor, shifts: _b.int | _Sequence[_b.int], dims: _b.int | _Sequence[_b.int] | None = None) -> _Tensor:
    """The entries moved along axes, those that leave coming back at the other end."""
def round(input: _Tensor, *, decimals: _b.int = 0, out: _Tensor | None = None) -> _Tensor:
    """Each element rounded to `decimals` places, halves to even."""
def rsqrt(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """1 / sqrt(x)."""
def rsub(input: _Tensor, other: _Tensor | _b.float | _b.int | _b.bool, *, alpha: _b.float = 1) -> _Tensor:
    """`other - alpha * input`."""
def save(obj: _Any, f: _b.str | _os.PathLike | _BinaryIO, pickle_module: _b.module = ..., pickle_protocol: _b.int = 2, _use_new_zipfile_serialization: _b.bool = True) -> None:
    """Write tensors, state dicts, and structures of them into a file that `torch.load` reads too."""
def scalar_tensor(s: _b.float, *, dtype: _dtypes.dtype | None = None, layout: _b.object = None, device: _b.str | _device | None = None, requires_grad: _b.bool = False, pin_memory: _b.bool = False) -> _Tensor:
    """A 0-dim tensor of the default dtype."""
def scatter(input: _Tensor, dim: _b.int, index: _Tensor, src: _Tensor | _b.float | None = None, *, value: _b.float | None = None, reduce: _b.str | None = None, out: _Tensor | None = None) -> _Tensor:
    """A copy with each element of `src`, or one number (`value`), put where `index` says."""
def scatter_add(input: _Tensor, dim: _b.int, index: _Tensor, src: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """A copy with each element of `src` added where `index` says; the reverse of `gather`."""
def searchsorted(sorted_sequence: _Tensor, input: _Tensor | _b.float | _b.int | _b.bool, *, out_int32: _b.bool = False, right: _b.bool = False, side: _b.str | None = None, sorter: _Tensor | None = None, out: _Tensor | None = None) -> _Tensor:
    """Where values would be inserted into a sorted vector, or each row of them into the row beside it."""
def seed() -> _b.int:
    """Start the default generator from a seed that the operating system gives, and return it."""
def select(input: _Tensor, dim: _b.int, index: _b.int) -> _Tensor:
    """One entry of an axis, as a view without that axis."""
def selu(input: _Tensor, inplace: _b.bool = False) -> _Tensor:
    """elu with the alpha and scale that keep mean 0 and variance 1 (Klambauer et al. 2017)."""
def selu_(input: _Tensor) -> _Tensor:
    """`selu`, written over the input."""
def set_autocast_cache_enabled(enabled: _b.bool) -> None:
    """Say whether they are."""
def set_autocast_cpu_dtype(dtype: _dtype) -> None:
    """`set_autocast_dtype("cpu", dtype)`."""
def set_autocast_cpu_enabled(enabled: _b.bool) -> None:
    """`set_autocast_enabled("cpu", enabled)`."""
def set_autocast_dtype(device_type: _b.str, dtype: _dtype) -> None:
    """Set the half that autocast computes in."""
def set_autocast_enabled(device_type: _b.str | _b.bool, enabled: _b.bool | None = None) -> None:
    """Switch autocast on or off; with one argument, that of "cuda"."""
def set_autocast_gpu_dtype(dtype: _dtype) -> None:
    """`set_autocast_dtype("cuda", dtype)`."""
def set_debug(what: _b.str | _Callable[[_b.str, _b.str, _b.str], None] | None, kinds: _b.str = 'plan,ir,asm') -> None:
    """Show plans, IR or assembly from now on."""
def set_default_device(device: _b.str | _device | None) -> None:
    """Make tensors on this device from now on in this context, unless they are told elsewhere; None: on the CPU."""
def set_default_dtype(d: _dtype) -> None:
    """Make `d` the dtype of new floating tensors that name none."""
def set_engine(name: _b.str) -> None:
    """Choose who computes: "reference" (NumPy), "compiled" (nothing else), or "auto" (compiled where it can)."""
def set_exact(exact: _b.bool) -> None:
    """Allow only algorithms that sum the products of a convolution as they are (True), or Winograd's too (False)."""
def set_flush_denormal(mode: _b.bool) -> _b.bool:
    """Take subnormal numbers (float32 below 1.2e-38) for zero in this thread's operations, or keep them (the default)."""
def set_num_threads(count: _b.int) -> None:
    """Use `count` threads in kernels, or as many of them as this process may run at once."""
def set_printoptions(precision: _b.int | None = None, threshold: _b.float | None = None, edgeitems: _b.int | None = None, linewidth: _b.int | None = None, profile: _b.str | None = None, sci_mode: _b.bool | None = None) -> None:
    """How tensors print: digits behind the point, elements before summarising, edge items, line width."""
def set_rng_state(new_state: _Tensor) -> None:
    """Make the default generator continue from a state."""
short: _dtype
def sigmoid(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """1 / (1 + exp(-x)), without overflow."""
def sign(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """-1, 0 or 1 for each element; 0 for NaN."""
def sin(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The sine of each element (radians)."""
def sinh(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The hyperbolic sine."""
def softmax(input: _Tensor, dim: _b.int, dtype: _dtypes.dtype | None = None, *, out: _Tensor | None = None) -> _Tensor:
    """exp(x) / sum(exp(x)) along an axis, without overflow."""
def sort(input: _Tensor, dim: _b.int=-1, descending: _b.bool=False, stable: _b.bool=False, *, out: _b.tuple[_Tensor, _Tensor] | None=None) -> _ValuesAndIndices:
    """The elements sorted along an axis and where they were, as `(values, indices)`."""
def split(tensor: _Tensor, split_size_or_sections: _b.int | _Sequence[_b.int], dim: _b.int = 0) -> _b.tuple[_Tensor, ...]:
    """Pieces of one axis: of `split_size` entries each (the last may be shorter), or of the sizes listed."""
def sqrt(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The square root of each element."""
def square(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """`input ** 2`."""
def squeeze(input: _Tensor, dim: _b.int | _Sequence[_b.int] | None = None, *more: _b.int) -> _Tensor:
    """Without the axes of length 1: all, or those named."""
def stack(tensors: _Sequence[_Tensor], dim: _b.int = 0, *, out: _Tensor | None = None) -> _Tensor:
    """The tensors, of one shape, along a new axis."""
def std(input: _Tensor, dim: _b.int | _Sequence[_b.int] | None = None, unbiased: _b.bool = True, keepdim: _b.bool = False, *, correction: _b.int | None = None, out: _Tensor | None = None) -> _Tensor:
    """The standard deviation; arguments as `var`."""
def std_mean(input: _Tensor, dim: _b.int | _Sequence[_b.int] | None = None, unbiased: _b.bool = True, keepdim: _b.bool = False, *, correction: _b.float | None = None) -> _b.tuple[_Tensor, _Tensor]:
    """`std` and `mean` together."""
strided: _Strided
def sub(input: _Tensor | _b.float | _b.int | _b.bool, other: _Tensor | _b.float | _b.int | _b.bool, *, alpha: _b.float = 1, out: _Tensor | None = None) -> _Tensor:
    """`input - alpha * other`, broadcast; not for bool tensors."""
def subtract(input: _Tensor | _b.float | _b.int | _b.bool, other: _Tensor | _b.float | _b.int | _b.bool, *, alpha: _b.float = 1, out: _Tensor | None = None) -> _Tensor:
    """`input - alpha * other`, broadcast; not for bool tensors."""
def sum(input: _Tensor, dim: _b.int | _Sequence[_b.int] | None = None, keepdim: _b.bool = False, *, dtype: _dtypes.dtype | None = None, out: _Tensor | None = None) -> _Tensor:
    """The sum over all axes, or those named."""
def summary(model: _Callable, *input_shapes: _b.tuple, **arguments: _b.object) -> _Summary:
    """The layers of a model in the order in which they run, for inputs of these shapes, without running it."""
def swapaxes(input: _Tensor, axis0: _b.int, axis1: _b.int) -> _Tensor:
    """Two axes exchanged, as `transpose`."""
def swapdims(input: _Tensor, dim0: _b.int, dim1: _b.int) -> _Tensor:
    """Two axes exchanged."""
def t(input: _Tensor) -> _Tensor:
    """The transpose of a matrix; a tensor of fewer axes is itself."""
def take(input: _Tensor, index: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The elements at these positions of the flattened tensor."""
def take_along_dim(input: _Tensor, indices: _Tensor, dim: _b.int | None = None, *, out: _Tensor | None = None) -> _Tensor:
    """The elements at the indices that `argsort` or `argmax` gave, broadcast to each other along the other axes."""
def tan(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The tangent (radians)."""
def tanh(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The hyperbolic tangent."""
def tensor(data: _b.object, *, dtype: _dtype | None=None, device: _b.str | _device | None=None, requires_grad: _b.bool=False, pin_memory: _b.bool=False) -> _Tensor:
    """A tensor that copies `data`: a number, nested lists, a NumPy array, or a tensor."""
def tensor_split(input: _Tensor, indices_or_sections: _b.int | _Sequence[_b.int] | None = None, dim: _b.int = 0, *, indices: _Sequence[_b.int] | None = None, sections: _b.int | None = None, tensor_indices_or_sections: _Tensor | None = None) -> _b.tuple[_Tensor, ...]:
    """Pieces of one axis, cut at the indices, or into a number of nearly equal ones."""
def tensordot(a: _Tensor, b: _Tensor, dims: _b.int | _Sequence[_Sequence[_b.int]] = 2, *, out: _Tensor | None = None) -> _Tensor:
    """The product summed over pairs of axes: the last `dims` of `a` with the first of `b`, or two lists."""
def tile(input: _Tensor, *counts: _b.int | _Sequence[_b.int], dims: _Sequence[_b.int] | None = None) -> _Tensor:
    """As `repeat`; missing leading counts are 1."""
def to_dlpack(tensor: _Tensor) -> _b.object:
    """The tensor's memory as a DLPack capsule."""
def topk(input: _Tensor, k: _b.int, dim: _b.int=-1, largest: _b.bool=True, sorted: _b.bool=True, *, out: _b.tuple[_Tensor, _Tensor] | None=None) -> _ValuesAndIndices:
    """The `k` largest (or smallest) elements along an axis and where they are, as `(values, indices)`."""
def transpose(input: _Tensor, dim0: _b.int, dim1: _b.int) -> _Tensor:
    """Two axes exchanged."""
def tril(input: _Tensor, diagonal: _b.int = 0, *, out: _Tensor | None = None) -> _Tensor:
    """The lower triangle of matrices, zeros above."""
def triu(input: _Tensor, diagonal: _b.int = 0, *, out: _Tensor | None = None) -> _Tensor:
    """The upper triangle of matrices, zeros below."""
def true_divide(input: _Tensor | _b.float | _b.int | _b.bool, other: _Tensor | _b.float | _b.int | _b.bool, *, out: _Tensor | None = None) -> _Tensor:
    """`input / other`."""
def trunc(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """Each element rounded towards 0."""
uint16: _dtype
uint32: _dtype
uint64: _dtype
uint8: _dtype
def unbind(input: _Tensor, dim: _b.int = 0) -> _b.tuple[_Tensor, ...]:
    """The entries of one axis, each a view."""
def unflatten(input: _Tensor, dim: _b.int, sizes: _Sequence[_b.int]) -> _Tensor:
    """One axis as several; one of `sizes` may be -1."""
@_overload
def unique(input: _Tensor, sorted: _b.bool=True, return_inverse: _Literal[False]=False, return_counts: _Literal[False]=False, dim: _b.int | None=None) -> _Tensor:
    """The distinct elements, or the distinct entries of an axis, sorted; where each went; how often each occurs."""
@_overload
def unique(input: _Tensor, sorted: _b.bool=True, return_inverse: _b.bool=False, return_counts: _b.bool=False, dim: _b.int | None=None) -> _Any:
    """The distinct elements, or the distinct entries of an axis, sorted; where each went; how often each occurs."""
def unsqueeze(input: _Tensor, dim: _b.int) -> _Tensor:
    """With a new axis of length 1 at `dim`."""
def var(input: _Tensor, dim: _b.int | _Sequence[_b.int] | None = None, unbiased: _b.bool = True, keepdim: _b.bool = False, *, correction: _b.int | None = None, out: _Tensor | None = None) -> _Tensor:
    """The variance; `correction` (1 unless told, 0 for `unbiased=False`) is taken off the count."""
def var_mean(input: _Tensor, dim: _b.int | _Sequence[_b.int] | None = None, unbiased: _b.bool = True, keepdim: _b.bool = False, *, correction: _b.float | None = None) -> _b.tuple[_Tensor, _Tensor]:
    """`var` and `mean` together."""
def vstack(tensors: _Sequence[_Tensor], *, out: _Tensor | None = None) -> _Tensor:
    """Joined as rows."""
@_overload
def where(condition: _Tensor) -> _b.tuple[_Tensor, ...]:
    """`input` where the condition is true, `other` elsewhere, broadcast; with one argument, where it is true."""
@_overload
def where(condition: _Tensor, input: _Tensor | _b.float, other: _Tensor | _b.float, *, out: _Tensor | None=None) -> _Tensor:
    """`input` where the condition is true, `other` elsewhere, broadcast; with one argument, where it is true."""
def zeros(*sizes: _b.int | _Sequence[_b.int], size: _Sequence[_b.int] | None = None, dtype: _dtypes.dtype | None = None, device: _b.str | _device | None = None, requires_grad: _b.bool = False, layout: _b.object = None, pin_memory: _b.bool = False, out: _Tensor | None = None) -> _Tensor:
    """A tensor of zeros."""
def zeros_like(input: _Tensor, **options: _Unpack[_OptionsLike]) -> _Tensor:
    """Zeros of the shape, dtype and memory order of `input`; options as `empty_like`."""
