"""Linear: the convolution that has no spatial axis, on the same kernels.

In come tensors; leading axes of the input are joined into a batch, and the batch taken apart again behind.
"""

from __future__ import annotations

from rushlight.autograd.modes import mode
from rushlight.tensor.arithmetic import rounded_once
from rushlight.tensor.autocasting import cast
from rushlight.tensor.core import Tensor, memory

from ..rules.features import broadcasts
from ..rules.features import linear as geometry
from .conv import LINEAR, LINEAR_OF_VECTOR, LINEAR_WITHOUT_BIAS, fprop, shapes


def linear(x: Tensor, w: Tensor, bias: Tensor | None = None) -> Tensor:
    """`x @ w.T + bias`: x (..., in_features), w (out_features, in_features) or (in_features,)."""
    if mode.autocast is not None:
        x, w, bias = cast((x, w, bias), mode.autocast)
    try:
        spec = geometry(*shapes("linear", x, w, bias))
    except RuntimeError:
        if not isinstance(x, Tensor) or x.is_cpu:
            raise
        with memory(x).backend.limits():  # it may be too large for this machine alone
            spec = geometry.__wrapped__(*shapes("linear", x, w, bias))
    lead = (x._ordered if x._lying is None else x._lying.array).shape[:-1]
    rows = x if len(lead) == 1 else x.reshape(spec.batch, spec.in_channels)
    if w._array.ndim == 1:
        y = fprop(spec, rows, w.unsqueeze(0), None, LINEAR_OF_VECTOR).reshape(lead)
        return y if bias is None else y + bias
    fused = bias is not None and bias._array.shape == (spec.out_channels,)
    y = fprop(spec, rows, w, bias if fused else None, LINEAR_WITHOUT_BIAS if bias is None else LINEAR)
    if bias is None or fused:
        return y if len(lead) == 1 else y.reshape(*lead, spec.out_channels)
    return _with_bias(y, bias, (*lead, spec.out_channels))


def _with_bias(y: Tensor, bias: Tensor, shape: tuple[int, ...]) -> Tensor:
    """A bias that is not one number a feature: broadcast to the output, else to its rows."""
    if broadcasts(memory(bias).shape, shape):
        return y.reshape(shape) + bias
    return (y + bias).reshape(shape)


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Σ input1[i]·weight[o, i, j]·input2[j] + bias[o].

    Shapes: input1 (…, in1), input2 (…, in2), weight (out, in1, in2), bias (out) → (…, out).

    >>> import rushlight as torch
    >>> torch.nn.functional.bilinear(torch.ones(2, 3), torch.ones(2, 4), torch.ones(5, 3, 4))[0]
    tensor([12., 12., 12., 12., 12.])
    """
    if input1.dim() != input2.dim():
        raise RuntimeError(f"bilinear(): input dimensions do not match: got {input1.dim()} and {input2.dim()}")
    lead = input1.shape[:-1]
    for axis, (a, b) in enumerate(zip(lead, input2.shape[:-1])):
        if a != b:
            raise RuntimeError(f"bilinear(): input batch dimensions do not match at dim {axis}: got {a} and {b}")
    for position, x in ((1, input1), (2, input2)):
        if x.shape[-1] != weight.shape[position]:
            raise RuntimeError(
                f"bilinear(): input{position} size does not match weight size: got {x.shape[-1]} but expected "
                f"{weight.shape[position]}"
            )
    outputs, first, second = weight.shape
    if bias is not None and tuple(bias.shape) != (outputs,):
        raise RuntimeError(
            f"bilinear(): bias size does not match weight size: got {bias.shape[0]} but expected {outputs}"
        )

    def product(input1: Tensor, input2: Tensor, weight: Tensor, *bias: Tensor) -> Tensor:
        by_first = weight.permute(1, 0, 2).reshape(first, outputs * second)
        rows = input1.reshape(-1, first).matmul(by_first).reshape(-1, outputs, second)
        found = rows.matmul(input2.reshape(-1, second, 1)).reshape(*lead, outputs)
        return found + bias[0] if bias else found

    return rounded_once(product, input1, input2, weight, *([] if bias is None else [bias]))
