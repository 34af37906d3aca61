"""Linear: the convolution that has no spatial axis, on the same kernels.

In come tensors; leading axes of the input are joined into a batch, and the batch taken apart again behind.
"""

from __future__ import annotations

from rushlight.tensor.core import Tensor, memory

from ..rules.features import broadcasts
from ..rules.features import linear as geometry
from .conv import LINEAR, LINEAR_OF_VECTOR, LINEAR_WITHOUT_BIAS, fprop, shapes


def linear(x: Tensor, w: Tensor, bias: Tensor | None = None) -> Tensor:
    """`x @ w.T + bias`: x (..., in_features), w (out_features, in_features) or (in_features,)."""
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
