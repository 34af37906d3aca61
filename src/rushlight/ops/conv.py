"""Convolution as a differentiable operation, in both directions and for any number of axes.

In come tensors and a call's arguments; out comes a tensor whose gradients of any order are again convolutions:
`fprop`, `dgrad` and `wgrad` are one trilinear form, so each is differentiated by the other two. The arguments are
checked by `geometry`, the numbers computed by the engine that `registry` chooses.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rushlight.autograd.graph import record
from rushlight.autograd.modes import mode
from rushlight.autograd.operation import Gradients, Needs, Operation, define
from rushlight.backends import registry
from rushlight.core import dtypes
from rushlight.tensor.autocasting import cast
from rushlight.tensor.core import Tensor, memory, wrap, wrap_unordered
from rushlight.tensor.layout import wrap_formatted

from ..rules import geometry
from ..rules.arguments import not_a_tensor
from ..rules.geometry import Call, known_convolution, known_transposed
from ..rules.spec import ConvSpec
from .pad import pad_axes

_ndarray = np.ndarray


class _CodeOfNumber(dict):
    """Codes by NumPy's type number, the cheapest thing to ask an array for."""

    def __missing__(self, number: int) -> str:
        return self.setdefault(number, dtypes.CODES[dtypes._by_number[number].name])


_code_of = _CodeOfNumber()


def code(tensor: Tensor) -> str:
    """The spec's name of a tensor's element type (which a parameter has before it has a shape)."""
    return dtypes.CODES[tensor.dtype.name]


def convolution(
    op: str,
    rank: int,
    x: Tensor,
    w: Tensor,
    bias: Tensor | None = None,
    stride: object = 1,
    padding: object = 0,
    dilation: object = 1,
    groups: object = 1,
    padding_mode: str = "zeros",
) -> Tensor:
    """`conv{rank}d`: x (batch, in_channels, *size) or without batch; w (out_channels, in_channels / groups, *taps)."""
    if mode.autocast is not None:
        x, w, bias = cast((x, w, bias), mode.autocast)
    try:
        call = known_convolution(op, rank, *shapes(op, x, w, bias), stride, padding, dilation, groups, padding_mode)
    except RuntimeError:
        if not _is_elsewhere(x):
            raise
        with memory(x).backend.limits():  # it may be too large for this machine alone
            call = geometry.convolution(
                op, rank, *shapes(op, x, w, bias), stride, padding, dilation, groups, padding_mode
            )
    return _run(call, fprop, x, w, bias)


def conv_transpose(
    op: str,
    rank: int,
    x: Tensor,
    w: Tensor,
    bias: Tensor | None = None,
    stride: object = 1,
    padding: object = 0,
    output_padding: object = 0,
    groups: object = 1,
    dilation: object = 1,
    padding_mode: str = "zeros",
    output_size: object = None,
) -> Tensor:
    """`conv_transpose{rank}d`: the dgrad of the convolution that runs the other way; w (in, out / groups, *taps)."""
    steps = stride, padding, output_padding, groups, dilation
    if mode.autocast is not None:
        x, w, bias = cast((x, w, bias), mode.autocast)
    try:
        call = known_transposed(op, rank, *shapes(op, x, w, bias), *steps, padding_mode, output_size)
    except RuntimeError:
        if not _is_elsewhere(x):
            raise
        with memory(x).backend.limits():
            call = geometry.transposed(op, rank, *shapes(op, x, w, bias), *steps, padding_mode, output_size)
    return _run(call, dgrad, x, w, bias)


def _is_elsewhere(x: object) -> bool:
    """Whether this is a tensor on a device of its own."""
    return isinstance(x, Tensor) and not x.is_cpu


def _run(call: Call, product: Callable, x: Tensor, w: Tensor, bias: Tensor | None) -> Tensor:
    """A checked call: the product, with what comes before it (a batch axis, padding) and after it."""
    if not call.batched:
        x = x.unsqueeze(0)
    if call.pad is not None:
        x = pad_axes(x, call.pad, call.mode)
    y = product(call.spec, x, w, bias)
    return y if call.batched else y.squeeze(0)


def shapes(op: str, x: Tensor, w: Tensor, bias: Tensor | None) -> tuple:
    """What geometry needs of the tensors: their shapes and element types."""
    if not (isinstance(x, Tensor) and isinstance(w, Tensor) and (bias is None or isinstance(bias, Tensor))):
        _raise_no_tensor(op, input=x, weight=w, bias=bias)
    x = x._ordered if x._lying is None else x._lying.array  # as `memory`, which would be a call
    w = w._array
    if bias is None:
        return x.shape, w.shape, None, (_code_of[x.dtype.num], _code_of[w.dtype.num], None)
    bias = bias._array
    return x.shape, w.shape, bias.shape, (_code_of[x.dtype.num], _code_of[w.dtype.num], _code_of[bias.dtype.num])


def _raise_no_tensor(op: str, **tensors: object) -> None:
    for position, (name, tensor) in enumerate(tensors.items(), 1):
        if not isinstance(tensor, Tensor):
            raise not_a_tensor(op, name, position, tensor)


# -- the three kernels as recorded operations


def fprop(spec: ConvSpec, x: Tensor, w: Tensor, bias: Tensor | None = None, row: Operation | None = None) -> Tensor:
    """x and w to y; `row` is the operation that it is, if not a convolution."""
    array = None if bias is None else bias._array
    source = x._ordered if x._lying is None else x._lying.array
    weight = w._array
    engine = registry.current()
    if type(source) is not _ndarray or type(weight) is not _ndarray:
        engine = registry.beside(source, weight)
    y = _formatted(spec, engine.fprop(spec, source, weight, array, None, w._weights_cache()), x, w)
    record(row or CONVOLUTION, (spec,), y, (x, w, bias), (x, w))
    return y


def dgrad(spec: ConvSpec, y: Tensor, w: Tensor, bias: Tensor | None = None, row: Operation | None = None) -> Tensor:
    """y and w to x; `row` is the operation that it is, if not a transposed convolution."""
    array = None if bias is None else bias._array
    source = y._ordered if y._lying is None else y._lying.array
    weight = w._array
    engine = registry.current()
    if type(source) is not _ndarray or type(weight) is not _ndarray:
        engine = registry.beside(source, weight)
    x = _formatted(spec, engine.dgrad(spec, source, weight, array, None, w._weights_cache()), y, w)
    record(row or CONV_TRANSPOSE, (spec,), x, (y, w, bias), (y, w))
    return x


def wgrad(spec: ConvSpec, x: Tensor, y: Tensor) -> Tensor:
    """x and y to w."""
    w = _formatted(spec, registry.beside(memory(x), memory(y)).wgrad(spec, memory(x), memory(y)), x, y)
    record(WGRAD, (spec,), w, (x, y), (x, y))
    return w


def _formatted(spec: ConvSpec, array: np.ndarray, *sources: Tensor) -> Tensor:
    """A result in PyTorch's memory format: channels-last where a source is; never so for float64 in three axes."""
    if array.ndim < 4 or (array.ndim == 5 and spec.dtype == "f64"):
        return wrap_unordered(array)
    return wrap_formatted(array, *sources)


def _fprop_rule(spec: ConvSpec, needs: Needs, grad: Tensor, x: Tensor, w: Tensor) -> Gradients:
    return (
        dgrad(spec, grad, w, row=SECOND_DGRAD) if needs[0] else None,
        wgrad(spec, x, grad) if needs[1] else None,
        bias_grad(spec, grad) if needs[2] else None,
    )


def _dgrad_rule(spec: ConvSpec, needs: Needs, grad: Tensor, y: Tensor, w: Tensor) -> Gradients:
    return (
        fprop(spec, grad, w, row=SECOND_FPROP) if needs[0] else None,
        wgrad(spec, grad, y) if needs[1] else None,
        bias_grad(spec, grad) if needs[2] else None,
    )


def _wgrad_rule(spec: ConvSpec, needs: Needs, grad: Tensor, x: Tensor, y: Tensor) -> Gradients:
    return (
        dgrad(spec, y, grad, row=SECOND_DGRAD) if needs[0] else None,
        fprop(spec, x, grad, row=SECOND_FPROP) if needs[1] else None,
    )


def _product(name: str, node: str, kernel: str) -> Operation:
    """A row whose numbers are a kernel's of the backends."""
    derivative = {"fprop": _fprop_rule, "dgrad": _dgrad_rule, "wgrad": _wgrad_rule}[kernel]
    shape = {"fprop": "y_shape", "dgrad": "x_shape", "wgrad": "w_shape"}[kernel]

    def lower(*given: object) -> np.ndarray:
        *arrays, spec = given
        return getattr(registry.beside(*arrays), kernel)(spec, *arrays)

    return define(
        name,
        node,
        derivative=derivative,
        results=lambda inputs, spec: [(getattr(spec, shape), inputs[0][1])],
        lowering=lower,
    )


_FIRST, _SECOND = "ConvolutionBackward0", "ConvolutionBackwardBackward0"
CONVOLUTION = _product("convolution", _FIRST, "fprop")
CONV_TRANSPOSE = _product("conv_transpose", _FIRST, "dgrad")
SECOND_FPROP = _product("convolution_backward.fprop", _SECOND, "fprop")
SECOND_DGRAD = _product("convolution_backward.dgrad", _SECOND, "dgrad")
WGRAD = _product("convolution_backward.wgrad", _SECOND, "wgrad")
LINEAR = _product("linear", "AddmmBackward0", "fprop")
LINEAR_WITHOUT_BIAS = _product("linear.without_bias", "MmBackward0", "fprop")
LINEAR_OF_VECTOR = _product("linear.vector", "MvBackward0", "fprop")


def bias_grad(spec: ConvSpec, grad: Tensor) -> Tensor:
    """The bias's gradient: the sum over batch and positions."""
    if grad.requires_grad:
        return grad.sum((0, *range(2, grad.ndim)))
    return wrap(registry.beside(memory(grad)).bias_grad(spec, memory(grad)))
