# Written by tools/make_stubs.py: change the source, or tools/overloads.pyi, and run it again.

from collections.abc import Callable as _Callable
from collections.abc import Iterator as _Iterator
from collections.abc import Sequence as _Sequence
from rushlight.autograd.hooks import Handle as _Handle
from rushlight.autograd.value import Value as _Value
from rushlight.core.dtypes import dtype as _dtype
from rushlight.random.generator import Generator as _Generator
from rushlight.random.source import Source as _Source
from rushlight.tensor.creation import Options as _Options
from rushlight.tensor.layout import MemoryFormat as _MemoryFormat
from rushlight.tensor.layout import Strided as _Strided
from rushlight.tensor.size import Size as _Size
from rushlight.tensor.size import device as _device
from typing import Any as _Any
from typing import Literal as _Literal
from typing import NamedTuple as _NamedTuple
from typing import Self as _Self
from typing import SupportsIndex as _SupportsIndex
from typing import Unpack as _Unpack
from typing import overload as _overload
import builtins as _b
import numpy as _np
import rushlight.core.dtypes as _dtypes

class ValuesAndIndices(_NamedTuple):
    values: Tensor
    indices: Tensor

class Tensor(_Value):
    """A strided n-dimensional array that can be differentiated."""

    @property
    def requires_grad(self) -> _b.bool:
        """Whether gradients flow to or through this tensor."""
    @requires_grad.setter
    def requires_grad(self, value: _b.bool) -> None: ...
    def requires_grad_(self, requires_grad: _b.bool = True) -> _Self:
        """Say whether gradients are wanted for this leaf; returns itself."""
    def is_inference(self) -> _b.bool:
        """Whether this tensor was made in inference mode: it cannot be saved for a gradient, nor changed outside."""
    @property
    def grad_fn(self) -> _b.object | None:
        """The graph node that computed this tensor; None for a leaf."""
    @property
    def is_leaf(self) -> _b.bool:
        """True where no recorded operation computed this tensor."""
    @property
    def output_nr(self) -> _b.int:
        """Which output of `grad_fn` this is."""
    @property
    def grad(self) -> Tensor | None:
        """What `backward` has accumulated for this leaf."""
    @grad.setter
    def grad(self, value: Tensor | None) -> None: ...
    @grad.deleter
    def grad(self) -> None: ...
    @property
    def retains_grad(self) -> _b.bool:
        """Whether `retain_grad` was called on this computed tensor."""
    def detach_(self) -> _Self:
        """Forget the history of this tensor; returns itself."""
    def detach(self) -> Tensor:
        """The same memory without history; a change of either is seen by both, and by autograd."""
    __array_priority__: _b.int
    @property
    def shape(self) -> _Size:
        """The shape, a `Size`."""
    @property
    def dtype(self) -> _dtypes.dtype:
        """The element type."""
    @property
    def device(self) -> _device:
        """Where its numbers are: the CPU, or a device of its own."""
    @property
    def is_meta(self) -> _b.bool:
        """Whether it has a shape alone, and no numbers."""
    @property
    def is_cpu(self) -> _b.bool:
        """Whether its numbers are on the CPU."""
    @property
    def ndim(self) -> _b.int:
        """The number of axes."""
    @property
    def itemsize(self) -> _b.int:
        """Bytes an element."""
    @property
    def nbytes(self) -> _b.int:
        """Bytes of all elements."""
    is_cuda: _b.bool
    is_sparse: _b.bool
    is_sparse_csr: _b.bool
    is_quantized: _b.bool
    is_mps: _b.bool
    is_xpu: _b.bool
    is_ipu: _b.bool
    is_mtia: _b.bool
    is_maia: _b.bool
    is_vulkan: _b.bool
    is_xla: _b.bool
    is_mkldnn: _b.bool
    is_nested: _b.bool
    @property
    def data(self) -> Tensor:
        """The same memory without history; changes through it are not seen by autograd."""
    @data.setter
    def data(self, value: Tensor) -> None: ...
    def as_subclass(self, cls) -> Tensor:
        """The same memory as an object of a subclass of Tensor, without history."""
    def __len__(self) -> _b.int: ...
    def __hash__(self) -> _b.int: ...
    def __format__(self, spec: _b.str) -> _b.str:
        """One number as Python writes it, as in PyTorch; several take no format, which is a TypeError."""
    def backward(self, gradient: Tensor | None = None, retain_graph: _b.bool | None = None, create_graph: _b.bool = False, inputs: Tensor | _Sequence[Tensor] | None = None) -> None:
        """Add the gradients of this tensor to `.grad` of the leaves it came from; see `rushlight.autograd.backward`."""
    def register_hook(self, hook: _Callable) -> _Handle:
        """Call `hook(grad)` whenever the gradient of this tensor is computed; what it returns replaces the gradient."""
    def register_post_accumulate_grad_hook(self, hook: _Callable) -> _Handle:
        """Call `hook(tensor)` after `backward` has added to `tensor.grad`; leaves only."""
    def retain_grad(self) -> None:
        """Keep the gradient of this computed tensor in `.grad`, as leaves do."""
    @_overload
    def stride(self, dim: None=None) -> _b.tuple[_b.int, ...]:
        """How many elements apart neighbours along each axis lie in memory."""
    @_overload
    def stride(self, dim: _b.int) -> _b.int:
        """How many elements apart neighbours along each axis lie in memory."""
    @property
    def layout(self) -> _Strided:
        """`torch.strided`: there are no others."""
    def is_contiguous(self, memory_format: _MemoryFormat = ...) -> _b.bool:
        """Whether the elements lie in memory without gaps, in the order of that format."""
    def contiguous(self, memory_format: _MemoryFormat = ...) -> Tensor:
        """The tensor in that memory order: itself where it is already, else a copy."""
    def clone(self, *, memory_format: _MemoryFormat | None = ...) -> Tensor:
        """A copy, recorded; in the same memory order unless told."""
    def as_strided(self, size: _Sequence[_b.int], stride: _Sequence[_b.int], storage_offset: _b.int | None = None) -> Tensor:
        """A view with strides of one's own, in elements, of the memory that this tensor is a part of."""
    @_overload
    def size(self, dim: None=None) -> _Size:
        """The shape, or the length of one axis."""
    @_overload
    def size(self, dim: _b.int) -> _b.int:
        """The shape, or the length of one axis."""
    def dim(self) -> _b.int:
        """The number of axes."""
    def ndimension(self) -> _b.int:
        """The number of axes."""
    def numel(self) -> _b.int:
        """The number of elements."""
    def nelement(self) -> _b.int:
        """The number of elements."""
    def element_size(self) -> _b.int:
        """Bytes an element."""
    def reshape(self, *sizes: _b.int | _Sequence[_b.int], shape: _Sequence[_b.int] | None = None) -> Tensor:
        """The same elements in another shape; one size may be -1. A view where the memory allows it."""
    def view(self, *sizes: _b.int | _Sequence[_b.int], size: _Sequence[_b.int] | None = None, dtype: _dtypes.dtype | None = None) -> Tensor:
        """The same memory in another shape; `view(dtype)` reinterprets the bytes."""
    def view_as(self, other: Tensor) -> Tensor:
        """`view` in the shape of another tensor."""
    def reshape_as(self, other: Tensor) -> Tensor:
        """`reshape` in the shape of another tensor."""
    def flatten(self, start_dim: _b.int = 0, end_dim: _b.int = -1) -> Tensor:
        """Axes `start_dim` to `end_dim` as one."""
    def ravel(self) -> Tensor:
        """All axes as one."""
    def unflatten(self, dim: _b.int, sizes: _Sequence[_b.int]) -> Tensor:
        """One axis as several; one of `sizes` may be -1."""
    def squeeze(self, dim: _b.int | _Sequence[_b.int] | None = None, *more: _b.int) -> Tensor:
        """Without the axes of length 1: all, or those named."""
    def unsqueeze(self, dim: _b.int) -> Tensor:
        """With a new axis of length 1 at `dim`."""
    def permute(self, *order: _b.int | _Sequence[_b.int], dims: _Sequence[_b.int] | None = None) -> Tensor:
        """The axes in another order."""
    def transpose(self, dim0: _b.int, dim1: _b.int) -> Tensor:
        """Two axes exchanged."""
    def swapdims(self, dim0: _b.int, dim1: _b.int) -> Tensor:
        """Two axes exchanged."""
    def swapaxes(self, axis0: _b.int, axis1: _b.int) -> Tensor:
        """Two axes exchanged, as `transpose`."""
    @property
    def T(self) -> Tensor:
        """The axes in reverse."""
    @property
    def mT(self) -> Tensor:
        """The last two axes exchanged."""
    def t(self) -> Tensor:
        """The transpose of a matrix; a tensor of fewer axes is itself."""
    def movedim(self, source: _b.int | _Sequence[_b.int], destination: _b.int | _Sequence[_b.int]) -> Tensor:
        """Axes moved to other places, the others kept in order."""
    def moveaxis(self, source: _b.int | _Sequence[_b.int], destination: _b.int | _Sequence[_b.int]) -> Tensor:
        """Axes moved to other places, the others kept in order."""
    def expand(self, *sizes: _b.int | _Sequence[_b.int], size: _Sequence[_b.int] | None = None, implicit: _b.bool = False) -> Tensor:
        """Axes of length 1 seen as longer, without a copy; -1 keeps an axis. `implicit` says nothing."""
    def expand_as(self, other: Tensor) -> Tensor:
        """`expand` to the shape of another tensor."""
    def broadcast_to(self, size: _Sequence[_b.int]) -> Tensor:
        """`expand` as a function."""
    def repeat(self, *sizes: _b.int | _Sequence[_b.int], repeats: _Sequence[_b.int] | None = None) -> Tensor:
        """The tensor several times along each axis, copied."""
    def tile(self, *counts: _b.int | _Sequence[_b.int], dims: _Sequence[_b.int] | None = None) -> Tensor:
        """As `repeat`; missing leading counts are 1."""
    def repeat_interleave(self, repeats: _b.int | Tensor, dim: _b.int | None = None, *, output_size: _b.int | None = None) -> Tensor:
        """Each element along an axis several times, one after the other."""
    def sum_to_size(self, *sizes: _b.int | _Sequence[_b.int], size: _Sequence[_b.int] | None = None) -> Tensor:
        """The sum over the axes that broadcasting from `size` to this shape would add or stretch."""
    def flip(self, *axes: _b.int | _Sequence[_b.int], dims: _Sequence[_b.int] | None = None) -> Tensor:
        """The entries of these axes in reverse, copied."""
    def roll(self, shifts: _b.int | _Sequence[_b.int], dims: _b.int | _Sequence[_b.int] | None = None) -> Tensor:
        """The entries moved along axes, those that leave coming back at the other end."""
    def narrow(self, dim: _b.int, start: _b.int, length: _b.int) -> Tensor:
        """`length` entries of one axis from `start` on, as a view."""
    def select(self, dim: _b.int, index: _b.int) -> Tensor:
        """One entry of an axis, as a view without that axis."""
    def split(self, split_size: _b.int | _Sequence[_b.int], dim: _b.int = 0) -> _b.tuple[Tensor, ...]:
        """Pieces of one axis, as `torch.split`."""
    def chunk(self, chunks: _b.int, dim: _b.int = 0) -> _b.tuple[Tensor, ...]:
        """At most `chunks` pieces of one axis, of equal size except the last."""
    def tensor_split(self, indices_or_sections: _b.int | _Sequence[_b.int] | None = None, dim: _b.int = 0, *, indices: _Sequence[_b.int] | None = None, sections: _b.int | None = None, tensor_indices_or_sections: Tensor | None = None) -> _b.tuple[Tensor, ...]:
        """Pieces of one axis, cut at the indices, or into a number of nearly equal ones."""
    def unbind(self, dim: _b.int = 0) -> _b.tuple[Tensor, ...]:
        """The entries of one axis, each a view."""
    def unfold(self, dimension: _b.int, size: _b.int, step: _b.int) -> Tensor:
        """All windows of `size` entries of one axis, `step` apart, along a new last axis: a view."""
    def diagonal(self, offset: _b.int = 0, dim1: _b.int = 0, dim2: _b.int = 1) -> Tensor:
        """The diagonal of two axes, as the last axis of a view."""
    def diff(self, n: _b.int = 1, dim: _b.int = -1, prepend: Tensor | None = None, append: Tensor | None = None) -> Tensor:
        """x[i + 1] − x[i] along an axis, n times over; of bools, whether they differ."""
    def __getitem__(self, index: _b.object) -> Tensor:
        """The part of the tensor at `index`."""
    def __setitem__(self, index: _b.object, value: Tensor | _b.float) -> None:
        """Set the part of the tensor at `index`; the value is broadcast and cast."""
    def index_put(self, indices: _b.tuple, values: Tensor, accumulate: _b.bool = False) -> Tensor:
        """A copy with the elements at `indices` replaced, or added to."""
    def __iter__(self) -> _Iterator[Tensor]: ...
    def __contains__(self, element: _b.object) -> _b.bool: ...
    def where(self, condition: Tensor, other: Tensor | _b.float | _b.int | _b.bool) -> Tensor:
        """This tensor where the condition is true, `other` elsewhere."""
    def masked_fill(self, mask: Tensor, value: _b.float | Tensor) -> Tensor:
        """A copy with `value` where the mask is true."""
    def masked_select(self, mask: Tensor) -> Tensor:
        """The elements where the mask is true, in one axis."""
    @_overload
    def nonzero(self, *, as_tuple: _Literal[False]=False) -> Tensor:
        """Where the elements are not 0: a row of indices each, or a tensor an axis."""
    @_overload
    def nonzero(self, *, as_tuple: _Literal[True]) -> _b.tuple[Tensor, ...]:
        """Where the elements are not 0: a row of indices each, or a tensor an axis."""
    def argwhere(self) -> Tensor:
        """Where the elements are not 0: a row of indices each."""
    def tril(self, diagonal: _b.int = 0) -> Tensor:
        """The lower triangle of matrices, zeros above."""
    def triu(self, diagonal: _b.int = 0) -> Tensor:
        """The upper triangle of matrices, zeros below."""
    def diag(self, diagonal: _b.int = 0) -> Tensor:
        """The diagonal of a matrix, or a matrix with this diagonal."""
    def index_select(self, dim: _b.int, index: Tensor) -> Tensor:
        """The entries of one axis at these indices, copied."""
    def index_add(self, dim: _b.int, index: Tensor, source: Tensor, *, alpha: _b.float = 1) -> Tensor:
        """A copy with the entries of `source` added at these indices of one axis."""
    def gather(self, dim: _b.int, index: Tensor, *, sparse_grad: _b.bool = False) -> Tensor:
        """For each position of `index`, the element of `input` there, with the axis `dim` replaced by the index."""
    def scatter_add(self, dim: _b.int, index: Tensor, src: Tensor) -> Tensor:
        """A copy with each element of `src` added where `index` says; the reverse of `gather`."""
    def scatter(self, dim: _b.int, index: Tensor, src: Tensor | _b.float | None = None, *, value: _b.float | None = None, reduce: _b.str | None = None) -> Tensor:
        """A copy with each element of `src`, or one number (`value`), put where `index` says."""
    def take(self, index: Tensor) -> Tensor:
        """The elements at these positions of the flattened tensor."""
    def take_along_dim(self, indices: Tensor, dim: _b.int | None = None) -> Tensor:
        """The elements at the indices that `argsort` or `argmax` gave, broadcast to each other along the other axes."""
    def index_fill(self, dim: _b.int, index: Tensor, value: _b.float | Tensor) -> Tensor:
        """A copy with the entries at these indices of one axis set to a value."""
    def argsort(self, dim: _b.int = -1, descending: _b.bool = False, stable: _b.bool = False) -> Tensor:
        """The indices that sort along an axis; equal elements keep their order."""
    def sort(self, dim: _b.int=-1, descending: _b.bool=False, stable: _b.bool=False) -> ValuesAndIndices:
        """The elements sorted along an axis and where they were, as `(values, indices)`."""
    def topk(self, k: _b.int, dim: _b.int=-1, largest: _b.bool=True, sorted: _b.bool=True) -> ValuesAndIndices:
        """The `k` largest (or smallest) elements along an axis and where they are, as `(values, indices)`."""
    def kthvalue(self, k: _b.int, dim: _b.int=-1, keepdim: _b.bool=False) -> ValuesAndIndices:
        """The k-th smallest element along an axis, counted from 1, and where it is, as `(values, indices)`."""
    @_overload
    def median(self) -> Tensor:
        """The middle element (the lower of two), NaN where there is one; with `dim` also where it is."""
    @_overload
    def median(self, dim: _b.int, keepdim: _b.bool=False) -> ValuesAndIndices:
        """The middle element (the lower of two), NaN where there is one; with `dim` also where it is."""
    @_overload
    def unique(self, sorted: _b.bool=True, return_inverse: _Literal[False]=False, return_counts: _Literal[False]=False, dim: _b.int | None=None) -> Tensor:
        """The distinct elements, or the distinct entries of an axis, sorted; where each went; how often each occurs."""
    @_overload
    def unique(self, sorted: _b.bool=True, return_inverse: _b.bool=False, return_counts: _b.bool=False, dim: _b.int | None=None) -> _Any:
        """The distinct elements, or the distinct entries of an axis, sorted; where each went; how often each occurs."""
    def bincount(self, weights: Tensor | None = None, minlength: _b.int = 0) -> Tensor:
        """How often each integer from 0 on occurs, or the sum of its weights."""
    def __add__(self, other: Tensor | _b.float | _b.int | _b.bool) -> Tensor: ...
    def __radd__(self, other: Tensor | _b.float | _b.int | _b.bool) -> Tensor: ...
    def __sub__(self, other: Tensor | _b.float | _b.int | _b.bool) -> Tensor: ...
    def __rsub__(self, other: Tensor | _b.float | _b.int | _b.bool) -> Tensor: ...
    def __mul__(self, other: Tensor | _b.float | _b.int | _b.bool) -> Tensor: ...
    def __rmul__(self, other: Tensor | _b.float | _b.int | _b.bool) -> Tensor: ...
    def __truediv__(self, other: Tensor | _b.float | _b.int | _b.bool) -> Tensor: ...
    def __rtruediv__(self, other: Tensor | _b.float | _b.int | _b.bool) -> Tensor: ...
    def __floordiv__(self, other: Tensor | _b.float | _b.int | _b.bool) -> Tensor: ...
    def __rfloordiv__(self, other: Tensor | _b.float | _b.int | _b.bool) -> Tensor: ...
    def __mod__(self, other: Tensor | _b.float | _b.int | _b.bool) -> Tensor: ...
    def __rmod__(self, other: Tensor | _b.float | _b.int | _b.bool) -> Tensor: ...
    def __pow__(self, other: Tensor | _b.float | _b.int | _b.bool) -> Tensor: ...
    def __rpow__(self, other: Tensor | _b.float | _b.int | _b.bool) -> Tensor: ...
    def __eq__(self, other: Tensor | _b.float | _b.int | _b.bool) -> Tensor: ...  # type: ignore[override]
    def __ne__(self, other: Tensor | _b.float | _b.int | _b.bool) -> Tensor: ...  # type: ignore[override]
    def __lt__(self, other: Tensor | _b.float | _b.int | _b.bool) -> Tensor: ...
    def __le__(self, other: Tensor | _b.float | _b.int | _b.bool) -> Tensor: ...
    def __gt__(self, other: Tensor | _b.float | _b.int | _b.bool) -> Tensor: ...
    def __ge__(self, other: Tensor | _b.float | _b.int | _b.bool) -> Tensor: ...
    def __and__(self, other: Tensor | _b.float | _b.int | _b.bool) -> Tensor: ...
    def __rand__(self, other: Tensor | _b.float | _b.int | _b.bool) -> Tensor: ...
    def __or__(self, other: Tensor | _b.float | _b.int | _b.bool) -> Tensor: ...
    def __ror__(self, other: Tensor | _b.float | _b.int | _b.bool) -> Tensor: ...
    def __xor__(self, other: Tensor | _b.float | _b.int | _b.bool) -> Tensor: ...
    def __rxor__(self, other: Tensor | _b.float | _b.int | _b.bool) -> Tensor: ...
    def __lshift__(self, other: Tensor | _b.float | _b.int | _b.bool) -> Tensor: ...
    def __rlshift__(self, other: Tensor | _b.float | _b.int | _b.bool) -> Tensor: ...
    def __rshift__(self, other: Tensor | _b.float | _b.int | _b.bool) -> Tensor: ...
    def __rrshift__(self, other: Tensor | _b.float | _b.int | _b.bool) -> Tensor: ...
    def add(self, other: Tensor | _b.float | _b.int | _b.bool, *, alpha: _b.float = 1) -> Tensor:
        """`input + alpha * other`, broadcast."""
    def sub(self, other: Tensor | _b.float | _b.int | _b.bool, *, alpha: _b.float = 1) -> Tensor:
        """`input - alpha * other`, broadcast; not for bool tensors."""
    def subtract(self, other: Tensor | _b.float | _b.int | _b.bool, *, alpha: _b.float = 1) -> Tensor:
        """`input - alpha * other`, broadcast; not for bool tensors."""
    def mul(self, other: Tensor | _b.float | _b.int | _b.bool) -> Tensor:
        """`input * other`, broadcast."""
    def multiply(self, other: Tensor | _b.float | _b.int | _b.bool) -> Tensor:
        """`input * other`, broadcast."""
    def div(self, other: Tensor | _b.float | _b.int | _b.bool, *, rounding_mode: _b.str | None = None) -> Tensor:
        """`input / other`; integers give floats, unless `rounding_mode` is "floor" or "trunc"."""
    def divide(self, other: Tensor | _b.float | _b.int | _b.bool, *, rounding_mode: _b.str | None = None) -> Tensor:
        """`input / other`; integers give floats, unless `rounding_mode` is "floor" or "trunc"."""
    def true_divide(self, other: Tensor | _b.float | _b.int | _b.bool) -> Tensor:
        """`input / other`."""
    def floor_divide(self, other: Tensor | _b.float | _b.int | _b.bool) -> Tensor:
        """`input // other`, rounded down; RuntimeError for an integer division by zero."""
    def remainder(self, other: Tensor | _b.float | _b.int | _b.bool) -> Tensor:
        """`input % other` with the sign of `other`."""
    def fmod(self, other: Tensor | _b.float | _b.int | _b.bool) -> Tensor:
        """The remainder with the sign of `input`."""
    def pow(self, exponent: Tensor | _b.float | _b.int | _b.bool) -> Tensor:
        """`input ** exponent`, broadcast; integers to negative powers are a RuntimeError."""
    def float_power(self, exponent: Tensor | _b.float | _b.int | _b.bool) -> Tensor:
        """`input ** exponent` in float64."""
    def maximum(self, other: Tensor) -> Tensor:
        """The larger of each pair of elements; NaN wins."""
    def minimum(self, other: Tensor) -> Tensor:
        """The smaller of each pair of elements; NaN wins."""
    def lerp(self, end: Tensor, weight: Tensor | _b.float | _b.int | _b.bool) -> Tensor:
        """`input + weight * (end - input)`; from a weight of 0.5 on reckoned from `end`, so that a weight of 1 gives it."""
    def addcmul(self, tensor1: Tensor, tensor2: Tensor, *, value: _b.float = 1) -> Tensor:
        """`input + value * tensor1 * tensor2`."""
    def addcdiv(self, tensor1: Tensor, tensor2: Tensor, *, value: _b.float = 1) -> Tensor:
        """`input + value * tensor1 / tensor2`."""
    def eq(self, other: Tensor | _b.float | _b.int | _b.bool) -> Tensor:
        """Whether elements are equal."""
    def ne(self, other: Tensor | _b.float | _b.int | _b.bool) -> Tensor:
        """Whether elements differ."""
    def not_equal(self, other: Tensor | _b.float | _b.int | _b.bool) -> Tensor:
        """Whether elements differ."""
    def lt(self, other: Tensor | _b.float | _b.int | _b.bool) -> Tensor:
        """Whether elements are less."""
    def less(self, other: Tensor | _b.float | _b.int | _b.bool) -> Tensor:
        """Whether elements are less."""
    def le(self, other: Tensor | _b.float | _b.int | _b.bool) -> Tensor:
        """Whether elements are less or equal."""
    def less_equal(self, other: Tensor | _b.float | _b.int | _b.bool) -> Tensor:
        """Whether elements are less or equal."""
    def gt(self, other: Tensor | _b.float | _b.int | _b.bool) -> Tensor:
        """Whether elements are greater."""
    def greater(self, other: Tensor | _b.float | _b.int | _b.bool) -> Tensor:
        """Whether elements are greater."""
    def ge(self, other: Tensor | _b.float | _b.int | _b.bool) -> Tensor:
        """Whether elements are greater or equal."""
    def greater_equal(self, other: Tensor | _b.float | _b.int | _b.bool) -> Tensor:
        """Whether elements are greater or equal."""
    def logical_and(self, other: Tensor) -> Tensor:
        """True where both are not 0."""
    def logical_or(self, other: Tensor) -> Tensor:
        """True where one is not 0."""
    def logical_xor(self, other: Tensor) -> Tensor:
        """True where exactly one is not 0."""
    def logical_not(self) -> Tensor:
        """True where the element is 0."""
    def bitwise_and(self, other: Tensor | _b.float | _b.int | _b.bool) -> Tensor:
        """`input & other`, bit by bit; logic for bool tensors."""
    def bitwise_or(self, other: Tensor | _b.float | _b.int | _b.bool) -> Tensor:
        """`input | other`, bit by bit; logic for bool tensors."""
    def bitwise_xor(self, other: Tensor | _b.float | _b.int | _b.bool) -> Tensor:
        """`input ^ other`, bit by bit; logic for bool tensors."""
    def bitwise_not(self) -> Tensor:
        """`~input`, bit by bit; `not` for bool tensors."""
    def __invert__(self) -> Tensor:
        """`~input`, bit by bit; `not` for bool tensors."""
    def bitwise_left_shift(self, other: Tensor | _b.float | _b.int | _b.bool) -> Tensor:
        """`input << other`, bit by bit."""
    def bitwise_right_shift(self, other: Tensor | _b.float | _b.int | _b.bool) -> Tensor:
        """`input >> other`, bit by bit."""
    def isnan(self) -> Tensor:
        """Whether elements are NaN."""
    def isinf(self) -> Tensor:
        """Whether elements are infinite."""
    def isfinite(self) -> Tensor:
        """Whether elements are finite numbers."""
    def isposinf(self) -> Tensor:
        """Whether elements are plus infinity."""
    def isneginf(self) -> Tensor:
        """Whether elements are minus infinity."""
    def equal(self, other: Tensor) -> _b.bool:
        """Whether two tensors have one shape and the same elements."""
    def isclose(self, other: Tensor, rtol: _b.float = 1e-05, atol: _b.float = 1e-08, equal_nan: _b.bool = False) -> Tensor:
        """Whether |input - other| <= atol + rtol * |other|, element by element."""
    def allclose(self, other: Tensor, rtol: _b.float = 1e-05, atol: _b.float = 1e-08, equal_nan: _b.bool = False) -> _b.bool:
        """Whether all elements are close, as `isclose` says."""
    def is_floating_point(self) -> _b.bool:
        """Whether the dtype is a floating one."""
    def is_complex(self) -> _b.bool:
        """False: there are no complex tensors."""
    def is_nonzero(self) -> _b.bool:
        """Whether the only element is not 0."""
    def __bool__(self) -> _b.bool: ...
    def exp(self) -> Tensor:
        """e to the power of each element."""
    def exp2(self) -> Tensor:
        """2 to the power of each element."""
    def expm1(self) -> Tensor:
        """exp(x) - 1, exact near 0."""
    def log(self) -> Tensor:
        """The natural logarithm of each element."""
    def log2(self) -> Tensor:
        """The logarithm to base 2."""
    def log10(self) -> Tensor:
        """The logarithm to base 10."""
    def log1p(self) -> Tensor:
        """log(1 + x), exact near 0."""
    def sqrt(self) -> Tensor:
        """The square root of each element."""
    def rsqrt(self) -> Tensor:
        """1 / sqrt(x)."""
    def sin(self) -> Tensor:
        """The sine of each element (radians)."""
    def cos(self) -> Tensor:
        """The cosine of each element (radians)."""
    def tan(self) -> Tensor:
        """The tangent (radians)."""
    def asin(self) -> Tensor:
        """The arc sine, in radians."""
    def acos(self) -> Tensor:
        """The arc cosine, in radians."""
    def atan(self) -> Tensor:
        """The arc tangent, in radians."""
    def sinh(self) -> Tensor:
        """The hyperbolic sine."""
    def cosh(self) -> Tensor:
        """The hyperbolic cosine."""
    def tanh(self) -> Tensor:
        """The hyperbolic tangent."""
    def sigmoid(self) -> Tensor:
        """1 / (1 + exp(-x)), without overflow."""
    def reciprocal(self) -> Tensor:
        """1 / x; integers give floats."""
    def erf(self) -> Tensor:
        """The error function of each element."""
    def erfc(self) -> Tensor:
        """1 - erf(x), exact where erf is near 1."""
    def erfinv(self) -> Tensor:
        """The inverse of the error function: infinite at ±1, NaN beyond."""
    def neg(self) -> Tensor:
        """`-input`; not for bool tensors."""
    def negative(self) -> Tensor:
        """`-input`; not for bool tensors."""
    def __neg__(self) -> Tensor:
        """`-input`; not for bool tensors."""
    def __pos__(self) -> Tensor:
        """The tensor itself."""
    def positive(self) -> Tensor:
        """The tensor itself."""
    def abs(self) -> Tensor:
        """The absolute value of each element; its gradient at 0 is 0."""
    def absolute(self) -> Tensor:
        """The absolute value of each element; its gradient at 0 is 0."""
    def __abs__(self) -> Tensor:
        """The absolute value of each element; its gradient at 0 is 0."""
    def square(self) -> Tensor:
        """`input ** 2`."""
    def floor(self) -> Tensor:
        """Each element rounded down."""
    def ceil(self) -> Tensor:
        """Each element rounded up."""
    def trunc(self) -> Tensor:
        """Each element rounded towards 0."""
    def sign(self) -> Tensor:
        """-1, 0 or 1 for each element; 0 for NaN."""
    def round(self, *, decimals: _b.int = 0) -> Tensor:
        """Each element rounded to `decimals` places, halves to even."""
    def frac(self) -> Tensor:
        """The part of each element behind the point."""
    def clamp(self, min: Tensor | _b.float | _b.int | _b.bool | None = None, max: Tensor | _b.float | _b.int | _b.bool | None = None) -> Tensor:
        """Each element, at least `min` and at most `max` (numbers or tensors; one may be left out)."""
    def clip(self, min: Tensor | _b.float | _b.int | _b.bool | None = None, max: Tensor | _b.float | _b.int | _b.bool | None = None) -> Tensor:
        """Each element, at least `min` and at most `max` (numbers or tensors; one may be left out)."""
    def clamp_min(self, min: Tensor | _b.float | _b.int | _b.bool) -> Tensor:
        """Each element, at least `min`."""
    def clamp_max(self, max: Tensor | _b.float | _b.int | _b.bool) -> Tensor:
        """Each element, at most `max`."""
    def relu(self) -> Tensor:
        """Each element, or 0 where it is negative; the gradient at 0 is 0."""
    def nan_to_num(self, nan: _b.float = 0.0, posinf: _b.float | None = None, neginf: _b.float | None = None) -> Tensor:
        """NaN and the infinities replaced: by `nan`, and by the largest and smallest finite numbers unless given."""
    def softmax(self, dim: _b.int, dtype: _dtypes.dtype | None = None) -> Tensor:
        """exp(x) / sum(exp(x)) along an axis, without overflow."""
    def log_softmax(self, dim: _b.int, dtype: _dtypes.dtype | None = None) -> Tensor:
        """log(softmax(x)) along an axis, exact where softmax would be 0."""
    def float(self, memory_format: _MemoryFormat = ...) -> Tensor:
        """The tensor in torch.float32; itself where it is that already, in that memory order."""
    def double(self, memory_format: _MemoryFormat = ...) -> Tensor:
        """The tensor in torch.float64; itself where it is that already, in that memory order."""
    def half(self, memory_format: _MemoryFormat = ...) -> Tensor:
        """The tensor in torch.float16; itself where it is that already, in that memory order."""
    def bfloat16(self, memory_format: _MemoryFormat = ...) -> Tensor:
        """The tensor in torch.bfloat16; itself where it is that already, in that memory order."""
    def int(self, memory_format: _MemoryFormat = ...) -> Tensor:
        """The tensor in torch.int32; itself where it is that already, in that memory order."""
    def long(self, memory_format: _MemoryFormat = ...) -> Tensor:
        """The tensor in torch.int64; itself where it is that already, in that memory order."""
    def short(self, memory_format: _MemoryFormat = ...) -> Tensor:
        """The tensor in torch.int16; itself where it is that already, in that memory order."""
    def bool(self, memory_format: _MemoryFormat = ...) -> Tensor:
        """The tensor in torch.bool; itself where it is that already, in that memory order."""
    def char(self, memory_format: _MemoryFormat = ...) -> Tensor:
        """The tensor in torch.int8; itself where it is that already, in that memory order."""
    def byte(self, memory_format: _MemoryFormat = ...) -> Tensor:
        """The tensor in torch.uint8; itself where it is that already, in that memory order."""
    def sum(self, dim: _b.int | _Sequence[_b.int] | None = None, keepdim: _b.bool = False, *, dtype: _dtypes.dtype | None = None) -> Tensor:
        """The sum over all axes, or those named."""
    def nansum(self, dim: _b.int | _Sequence[_b.int] | None = None, keepdim: _b.bool = False, *, dtype: _dtypes.dtype | None = None) -> Tensor:
        """The sum, NaN counting as 0."""
    def mean(self, dim: _b.int | _Sequence[_b.int] | None = None, keepdim: _b.bool = False, *, dtype: _dtypes.dtype | None = None) -> Tensor:
        """The mean over all axes, or those named; RuntimeError for integers."""
    def var(self, dim: _b.int | _Sequence[_b.int] | None = None, unbiased: _b.bool = True, keepdim: _b.bool = False, *, correction: _b.int | None = None) -> Tensor:
        """The variance; `correction` (1 unless told, 0 for `unbiased=False`) is taken off the count."""
    def std(self, dim: _b.int | _Sequence[_b.int] | None = None, unbiased: _b.bool = True, keepdim: _b.bool = False, *, correction: _b.int | None = None) -> Tensor:
        """The standard deviation; arguments as `var`."""
    def prod(self, dim: _b.int | None = None, keepdim: _b.bool = False, *, dtype: _dtypes.dtype | None = None) -> Tensor:
        """The product over all axes, or one."""
    @_overload
    def max(self) -> Tensor:
        """The largest element; with `dim`, the largest along that axis and where they are, as `(values, indices)`."""
    @_overload
    def max(self, other: Tensor) -> Tensor:
        """The largest element; with `dim`, the largest along that axis and where they are, as `(values, indices)`."""
    @_overload
    def max(self, dim: _b.int, keepdim: _b.bool=False) -> ValuesAndIndices:
        """The largest element; with `dim`, the largest along that axis and where they are, as `(values, indices)`."""
    @_overload
    def min(self) -> Tensor:
        """The smallest element; arguments as `max`."""
    @_overload
    def min(self, other: Tensor) -> Tensor:
        """The smallest element; arguments as `max`."""
    @_overload
    def min(self, dim: _b.int, keepdim: _b.bool=False) -> ValuesAndIndices:
        """The smallest element; arguments as `max`."""
    def amax(self, dim: _b.int | _Sequence[_b.int] | None = ..., keepdim: _b.bool = False) -> Tensor:
        """The largest elements along axes; equal ones share the gradient."""
    def amin(self, dim: _b.int | _Sequence[_b.int] | None = ..., keepdim: _b.bool = False) -> Tensor:
        """The smallest elements along axes; equal ones share the gradient."""
    def argmax(self, dim: _b.int | None = None, keepdim: _b.bool = False) -> Tensor:
        """Where the largest element is: in the flattened tensor, or along an axis."""
    def argmin(self, dim: _b.int | None = None, keepdim: _b.bool = False) -> Tensor:
        """Where the smallest element is: in the flattened tensor, or along an axis."""
    def all(self, dim: _b.int | _Sequence[_b.int] | None = None, keepdim: _b.bool = False) -> Tensor:
        """Whether every element is true (not 0)."""
    def any(self, dim: _b.int | _Sequence[_b.int] | None = None, keepdim: _b.bool = False) -> Tensor:
        """Whether some element is true (not 0)."""
    def count_nonzero(self, dim: _b.int | _Sequence[_b.int] | None = None) -> Tensor:
        """How many elements are not 0."""
    def cumsum(self, dim: _b.int, *, dtype: _dtypes.dtype | None = None) -> Tensor:
        """The running sum along an axis."""
    def cumprod(self, dim: _b.int, *, dtype: _dtypes.dtype | None = None) -> Tensor:
        """The running product along an axis."""
    def norm(self, p: _b.float | _b.str | None = 'fro', dim: _b.int | _Sequence[_b.int] | None = None, keepdim: _b.bool = False, dtype: _dtypes.dtype | None = None) -> Tensor:
        """The p-norm over axes: `p` a number, `inf`, or "fro" for 2; computed in `dtype` where one is given."""
    def logsumexp(self, dim: _b.int | _Sequence[_b.int] | None, keepdim: _b.bool = False) -> Tensor:
        """log(sum(exp(x))) along axes, without overflow; of integers as floats."""
    def matmul(self, other: Tensor) -> Tensor:
        """The matrix product; leading axes broadcast, one-dimensional operands are vectors."""
    def __matmul__(self, other: Tensor) -> Tensor: ...
    def __rmatmul__(self, other: Tensor | _np.ndarray) -> Tensor: ...
    def mm(self, mat2: Tensor) -> Tensor:
        """The product of two matrices, without broadcasting."""
    def bmm(self, mat2: Tensor) -> Tensor:
        """The products of two batches of matrices: (b, n, k) × (b, k, m) → (b, n, m)."""
    def mv(self, vec: Tensor) -> Tensor:
        """A matrix times a vector."""
    def dot(self, tensor: Tensor) -> Tensor:
        """The inner product of two vectors."""
    def outer(self, vec2: Tensor) -> Tensor:
        """The outer product of two vectors."""
    def ger(self, vec2: Tensor) -> Tensor:
        """The outer product of two vectors."""
    def addmm(self, mat1: Tensor, mat2: Tensor, *, beta: _b.float = 1, alpha: _b.float = 1) -> Tensor:
        """`beta * input + alpha * (mat1 @ mat2)`."""
    def addmv(self, mat: Tensor, vec: Tensor, *, beta: _b.float = 1, alpha: _b.float = 1) -> Tensor:
        """`beta * input + alpha * (mat @ vec)`."""
    def baddbmm(self, batch1: Tensor, batch2: Tensor, *, beta: _b.float = 1, alpha: _b.float = 1) -> Tensor:
        """`beta * input + alpha * (batch1 @ batch2)`."""
    def __iadd__(self, other: Tensor | _b.float | _b.int | _b.bool) -> _Self: ...
    def __isub__(self, other: Tensor | _b.float | _b.int | _b.bool) -> _Self: ...
    def __imul__(self, other: Tensor | _b.float | _b.int | _b.bool) -> _Self: ...
    def __itruediv__(self, other: Tensor | _b.float | _b.int | _b.bool) -> _Self: ...
    def __ifloordiv__(self, other: Tensor | _b.float | _b.int | _b.bool) -> _Self: ...
    def __imod__(self, other: Tensor | _b.float | _b.int | _b.bool) -> _Self: ...
    def __ipow__(self, other: Tensor | _b.float | _b.int | _b.bool) -> _Self: ...
    def copy_(self, other: Tensor, non_blocking: _b.bool = False) -> _Self:
        """Take the elements of `other`, broadcast and cast."""
    def fill_(self, value: _b.float | Tensor) -> _Self:
        """Set every element to one value."""
    def zero_(self) -> _Self:
        """Set every element to 0."""
    def fill_diagonal_(self, fill_value: _b.float, wrap: _b.bool = False) -> _Self:
        """Set the main diagonal to one value; with `wrap` that of a tall matrix begins again below."""
    def add_(self, other: Tensor | _b.float | _b.int | _b.bool, *, alpha: _b.float = 1) -> _Self:
        """`input + alpha * other`, broadcast."""
    def sub_(self, other: Tensor | _b.float | _b.int | _b.bool, *, alpha: _b.float = 1) -> _Self:
        """`input - alpha * other`, broadcast; not for bool tensors."""
    def mul_(self, other: Tensor | _b.float | _b.int | _b.bool) -> _Self:
        """`input * other`, broadcast."""
    def div_(self, other: Tensor | _b.float | _b.int | _b.bool, *, rounding_mode: _b.str | None = None) -> _Self:
        """`input / other`; integers give floats, unless `rounding_mode` is "floor" or "trunc"."""
    def floor_divide_(self, other: Tensor | _b.float | _b.int | _b.bool) -> _Self:
        """`input // other`, rounded down; RuntimeError for an integer division by zero."""
    def remainder_(self, other: Tensor | _b.float | _b.int | _b.bool) -> _Self:
        """`input % other` with the sign of `other`."""
    def fmod_(self, other: Tensor | _b.float | _b.int | _b.bool) -> _Self:
        """The remainder with the sign of `input`."""
    def pow_(self, exponent: Tensor | _b.float | _b.int | _b.bool) -> _Self:
        """`input ** exponent`, broadcast; integers to negative powers are a RuntimeError."""
    def lerp_(self, end: Tensor, weight: Tensor | _b.float | _b.int | _b.bool) -> _Self:
        """`input + weight * (end - input)`; from a weight of 0.5 on reckoned from `end`, so that a weight of 1 gives it."""
    def addcmul_(self, tensor1: Tensor, tensor2: Tensor, *, value: _b.float = 1) -> _Self:
        """`input + value * tensor1 * tensor2`."""
    def addcdiv_(self, tensor1: Tensor, tensor2: Tensor, *, value: _b.float = 1) -> _Self:
        """`input + value * tensor1 / tensor2`."""
    def neg_(self) -> _Self:
        """`-input`; not for bool tensors."""
    def abs_(self) -> _Self:
        """The absolute value of each element; its gradient at 0 is 0."""
    def square_(self) -> _Self:
        """`input ** 2`."""
    def exp_(self) -> _Self:
        """e to the power of each element."""
    def exp2_(self) -> _Self:
        """2 to the power of each element."""
    def expm1_(self) -> _Self:
        """exp(x) - 1, exact near 0."""
    def log_(self) -> _Self:
        """The natural logarithm of each element."""
    def log2_(self) -> _Self:
        """The logarithm to base 2."""
    def log10_(self) -> _Self:
        """The logarithm to base 10."""
    def log1p_(self) -> _Self:
        """log(1 + x), exact near 0."""
    def sqrt_(self) -> _Self:
        """The square root of each element."""
    def rsqrt_(self) -> _Self:
        """1 / sqrt(x)."""
    def sin_(self) -> _Self:
        """The sine of each element (radians)."""
    def cos_(self) -> _Self:
        """The cosine of each element (radians)."""
    def tan_(self) -> _Self:
        """The tangent (radians)."""
    def tanh_(self) -> _Self:
        """The hyperbolic tangent."""
    def sigmoid_(self) -> _Self:
        """1 / (1 + exp(-x)), without overflow."""
    def reciprocal_(self) -> _Self:
        """1 / x; integers give floats."""
    def erf_(self) -> _Self:
        """The error function of each element."""
    def erfc_(self) -> _Self:
        """1 - erf(x), exact where erf is near 1."""
    def erfinv_(self) -> _Self:
        """The inverse of the error function: infinite at ±1, NaN beyond."""
    def floor_(self) -> _Self:
        """Each element rounded down."""
    def ceil_(self) -> _Self:
        """Each element rounded up."""
    def trunc_(self) -> _Self:
        """Each element rounded towards 0."""
    def sign_(self) -> _Self:
        """-1, 0 or 1 for each element; 0 for NaN."""
    def round_(self, *, decimals: _b.int = 0) -> _Self:
        """Each element rounded to `decimals` places, halves to even."""
    def clamp_(self, min: Tensor | _b.float | _b.int | _b.bool | None = None, max: Tensor | _b.float | _b.int | _b.bool | None = None) -> _Self:
        """Each element, at least `min` and at most `max` (numbers or tensors; one may be left out)."""
    def clamp_min_(self, min: Tensor | _b.float | _b.int | _b.bool) -> _Self:
        """Each element, at least `min`."""
    def clamp_max_(self, max: Tensor | _b.float | _b.int | _b.bool) -> _Self:
        """Each element, at most `max`."""
    def relu_(self) -> _Self:
        """Each element, or 0 where it is negative; the gradient at 0 is 0."""
    def nan_to_num_(self, nan: _b.float = 0.0, posinf: _b.float | None = None, neginf: _b.float | None = None) -> _Self:
        """NaN and the infinities replaced: by `nan`, and by the largest and smallest finite numbers unless given."""
    def addmm_(self, mat1: Tensor, mat2: Tensor, *, beta: _b.float = 1, alpha: _b.float = 1) -> _Self:
        """`beta * input + alpha * (mat1 @ mat2)`."""
    def addmv_(self, mat: Tensor, vec: Tensor, *, beta: _b.float = 1, alpha: _b.float = 1) -> _Self:
        """`beta * input + alpha * (mat @ vec)`."""
    def baddbmm_(self, batch1: Tensor, batch2: Tensor, *, beta: _b.float = 1, alpha: _b.float = 1) -> _Self:
        """`beta * input + alpha * (batch1 @ batch2)`."""
    def masked_fill_(self, mask: Tensor, value: _b.float | Tensor) -> _Self:
        """A copy with `value` where the mask is true."""
    def scatter_(self, dim: _b.int, index: Tensor, src: Tensor | _b.float | None = None, *, value: _b.float | None = None, reduce: _b.str | None = None) -> _Self:
        """A copy with each element of `src`, or one number (`value`), put where `index` says."""
    def scatter_add_(self, dim: _b.int, index: Tensor, src: Tensor) -> _Self:
        """A copy with each element of `src` added where `index` says; the reverse of `gather`."""
    def index_add_(self, dim: _b.int, index: Tensor, source: Tensor, *, alpha: _b.float = 1) -> _Self:
        """A copy with the entries of `source` added at these indices of one axis."""
    def index_fill_(self, dim: _b.int, index: Tensor, value: _b.float | Tensor) -> _Self:
        """A copy with the entries at these indices of one axis set to a value."""
    def tril_(self, diagonal: _b.int = 0) -> _Self:
        """The lower triangle of matrices, zeros above."""
    def triu_(self, diagonal: _b.int = 0) -> _Self:
        """The upper triangle of matrices, zeros below."""
    def index_put_(self, indices: _b.tuple, values: Tensor, accumulate: _b.bool = False) -> _Self:
        """A copy with the elements at `indices` replaced, or added to."""
    def subtract_(self, other: Tensor | _b.float | _b.int | _b.bool, *, alpha: _b.float = 1) -> _Self:
        """`input - alpha * other`, broadcast; not for bool tensors."""
    def multiply_(self, other: Tensor | _b.float | _b.int | _b.bool) -> _Self:
        """`input * other`, broadcast."""
    def divide_(self, other: Tensor | _b.float | _b.int | _b.bool, *, rounding_mode: _b.str | None = None) -> _Self:
        """`input / other`; integers give floats, unless `rounding_mode` is "floor" or "trunc"."""
    def true_divide_(self, other: Tensor | _b.float | _b.int | _b.bool, *, rounding_mode: _b.str | None = None) -> _Self:
        """`input / other`; integers give floats, unless `rounding_mode` is "floor" or "trunc"."""
    def clip_(self, min: Tensor | _b.float | _b.int | _b.bool | None = None, max: Tensor | _b.float | _b.int | _b.bool | None = None) -> _Self:
        """Each element, at least `min` and at most `max` (numbers or tensors; one may be left out)."""
    def squeeze_(self, dim: _b.int | _Sequence[_b.int] | None = None, *more: _b.int) -> _Self:
        """Without the axes of length 1: all, or those named."""
    def unsqueeze_(self, dim: _b.int) -> _Self:
        """With a new axis of length 1 at `dim`."""
    def t_(self) -> _Self:
        """The transpose of a matrix; a tensor of fewer axes is itself."""
    def transpose_(self, dim0: _b.int, dim1: _b.int) -> _Self:
        """Two axes exchanged."""
    def uniform_(self, from_: _b.float=0.0, to: _b.float=1.0, *, generator: _Generator | None=None) -> Tensor:
        """Fill with uniform numbers from [from, to): `uniform_(from=0, to=1)`."""
    def normal_(self, mean: _b.float = 0.0, std: _b.float = 1.0, *, generator: _Source | None = None) -> _Self:
        """Fill with normal numbers of this mean and standard deviation."""
    def bernoulli_(self, p: _b.float | Tensor = 0.5, *, generator: _Source | None = None) -> _Self:
        """Fill with ones, with probability `p` each, and zeros."""
    def exponential_(self, lambd: _b.float = 1.0, *, generator: _Source | None = None) -> _Self:
        """Fill with exponential numbers of the rate `lambd`."""
    def cauchy_(self, median: _b.float = 0.0, sigma: _b.float = 1.0, *, generator: _Source | None = None) -> _Self:
        """Fill with Cauchy numbers around `median`, as wide as `sigma` says."""
    def log_normal_(self, mean: _b.float = 1.0, std: _b.float = 2.0, *, generator: _Source | None = None) -> _Self:
        """Fill with numbers whose logarithms are normal, of this mean and standard deviation."""
    def geometric_(self, p: _b.float, *, generator: _Source | None = None) -> _Self:
        """Fill with the number of trials, each of probability `p`, up to the first success."""
    def random_(self, from_: _b.int=..., to: _b.int | None=..., *, generator: _Generator | None=None) -> Tensor:
        """Fill with integers: `random_(from, to)` from [from, to), `random_(to)` from [0, to)."""
    def new_empty(self, *sizes: _b.int | _Sequence[_b.int], size: _Sequence[_b.int] | None = None, dtype: _dtypes.dtype | None = None, **options: _Unpack[_Options]) -> Tensor:
        """An uninitialised tensor of this one's dtype."""
    def new_zeros(self, *sizes: _b.int | _Sequence[_b.int], size: _Sequence[_b.int] | None = None, dtype: _dtypes.dtype | None = None, **options: _Unpack[_Options]) -> Tensor:
        """Zeros of this tensor's dtype."""
    def new_ones(self, *sizes: _b.int | _Sequence[_b.int], size: _Sequence[_b.int] | None = None, dtype: _dtypes.dtype | None = None, **options: _Unpack[_Options]) -> Tensor:
        """Ones of this tensor's dtype."""
    def new_full(self, size: _Sequence[_b.int], fill_value: _b.float, *, dtype: _dtypes.dtype | None = None, **options: _Unpack[_Options]) -> Tensor:
        """One value in this tensor's dtype."""
    def new_tensor(self, data: _b.object, *, dtype: _dtypes.dtype | None = None, device: _b.str | _device | None = None, requires_grad: _b.bool = False, pin_memory: _b.bool = False) -> Tensor:
        """A copy of `data` in this tensor's dtype."""
    def numpy(self, *, force: _b.bool = False) -> _np.ndarray:
        """The tensor's memory as a NumPy array; `force=True` also where a gradient is required."""
    def __array__(self, dtype: _np.dtype | None = None, copy: _b.bool | None = None) -> _np.ndarray: ...
    def __array_wrap__(self, array: _np.ndarray, context: _b.object = None, return_scalar: _b.bool = False) -> Tensor: ...
    def __dlpack__(self, *, stream: _b.object = None, max_version: _b.tuple | None = None, **options: _b.object) -> _b.object: ...
    def __dlpack_device__(self) -> _b.tuple[_b.int, _b.int]: ...
    def item(self) -> _Any:
        """The only element as a Python number; RuntimeError where there are more."""
    def tolist(self) -> _Any:
        """The elements as nested lists of Python numbers."""
    def __float__(self) -> _b.float: ...
    def __int__(self) -> _b.int: ...
    def __index__(self) -> _b.int: ...
    @_overload
    def to(self, dtype: _dtype, non_blocking: _b.bool=False, copy: _b.bool=False, *, memory_format: _MemoryFormat | None=None) -> Tensor:
        """The tensor in another dtype or memory order, or on another device."""
    @_overload
    def to(self, device: _b.str | _device | None=None, dtype: _dtype | None=None, non_blocking: _b.bool=False, copy: _b.bool=False, *, memory_format: _MemoryFormat | None=None) -> Tensor:
        """The tensor in another dtype or memory order, or on another device."""
    @_overload
    def to(self, other: Tensor, non_blocking: _b.bool=False, copy: _b.bool=False, *, memory_format: _MemoryFormat | None=None) -> Tensor:
        """The tensor in another dtype or memory order, or on another device."""
    def type_as(self, other: Tensor) -> Tensor:
        """The tensor in the dtype of another."""
    @_overload
    def type(self, dtype: None=None, non_blocking: _b.bool=False) -> _b.str:
        """The tensor in another dtype; without one, the name of its type."""
    @_overload
    def type(self, dtype: _dtype | _b.str, non_blocking: _b.bool=False) -> Tensor:
        """The tensor in another dtype; without one, the name of its type."""
    def cpu(self, memory_format: _MemoryFormat = ...) -> Tensor:
        """The tensor on the CPU: itself where it is there and lies in the order asked for."""
    def cuda(self, device: _b.object = None, non_blocking: _b.bool = False, memory_format: _MemoryFormat = ...) -> Tensor:
        """RuntimeError: there is no other device."""
    def data_ptr(self) -> _b.int:
        """The address of the first element."""
    def storage_offset(self) -> _b.int:
        """How many elements into the memory of its base a view begins."""
    def get_device(self) -> _b.int:
        """The number of its device; -1 on the CPU."""
    def __deepcopy__(self, memo: _b.dict) -> Tensor: ...
    def __copy__(self) -> Tensor: ...
    def __reduce_ex__(self, protocol: _SupportsIndex) -> _b.tuple: ...
    def __repr__(self) -> _b.str:
        """What `repr` says."""

def wrap(array: _np.ndarray, cls=...) -> Tensor:
    """A Tensor of an array: no copy, no checks, no history. (NumPy gives scalars for 0-dim results; they are taken.)"""
def wrap_beside(array: _np.ndarray, source: Tensor) -> Tensor:
    """A Tensor of an array of the host, carried to the device of another."""
def wrap_unordered(array: _np.ndarray) -> Tensor:
    """A Tensor that is contiguous, of an array that nobody else holds and that may lie in memory in another order."""
def wrap_like(array: _np.ndarray, source: Tensor) -> Tensor:
    """A Tensor of what was computed element by element from `elements(source)`, with the strides of PyTorch's."""
def memory(tensor: Tensor) -> _np.ndarray:
    """A tensor's numbers as they lie, of which to take the shape or a view; `_array` without moving anything."""
def elements(tensor: Tensor) -> _np.ndarray:
    """A tensor's numbers in any order, for what computes with them one by one and makes its result by `wrap_like`."""
def settled(tensor: Tensor) -> Tensor:
    """The tensor, its memory in the order of its strides from now on."""
def is_in_order(tensor: Tensor) -> _b.bool:
    """Whether what is made of a tensor element by element is contiguous: contiguous ones and, of layers, slices."""
def take_memory(tensor: Tensor, source: Tensor) -> None:
    """Let a tensor see the memory of another from now on."""
def alias(source: Tensor, cls=...) -> Tensor:
    """Another tensor object, of class `cls`, for the same memory: no history, same version."""
def wrap_view(array: _np.ndarray, source: Tensor) -> Tensor:
    """A Tensor of an array that lies in `memory(source)`: a change of one is a change of the other."""
def wrap_maybe_view(array: _np.ndarray, source: Tensor) -> Tensor:
    """As `wrap_view` where NumPy gave a view of the source's memory, as `wrap` where it copied."""
