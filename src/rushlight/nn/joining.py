"""Neighbours of a Sequential in one pass over memory: a batch norm and the ReLU or ReLU6 behind it.

In: two modules and the input of the first. Out: the second's result with the history that both would have recorded, or
None where somebody could tell (hooks, a forward of one's own, observers, other devices): then they run one by one.
"""

from __future__ import annotations

import numpy as np

from rushlight.autograd.modes import mode
from rushlight.nn.activation import ReLU, ReLU6
from rushlight.nn.formulas import ROWS
from rushlight.nn.module import Module
from rushlight.nn.norm import BatchNorm1d, BatchNorm2d, BatchNorm3d
from rushlight.ops.normalization import After
from rushlight.tensor.core import Tensor, memory
from rushlight.tensor.pointwise import RELU

BATCH_NORMS = frozenset((BatchNorm1d, BatchNorm2d, BatchNorm3d))
_AFTER = {ReLU: After(RELU, ()), ReLU6: After(ROWS["hardtanh"], (0, 6))}
_FORWARDS = {kind: kind.forward for kind in (*BATCH_NORMS, *_AFTER)}


def joined(norm: Module, activation: Module, input: Tensor) -> Tensor | None:
    """The activation of the normalised input, in one pass; None where each has to run by itself."""
    after = _AFTER.get(type(activation))
    if after is None or type(input) is not Tensor or mode.watcher is not None or mode.packing is not None:
        return None
    array = memory(input)
    if type(array) is not np.ndarray or not array.size or not (_is_plain(norm) and _is_plain(activation)):
        return None
    if after.numbers and after.numbers != (activation.min_val, activation.max_val):
        return None
    return norm.normalized(input, after._replace(in_place=True) if activation.inplace else after)


def _is_plain(module: Module) -> bool:
    """Whether a call is the forward of its class and nothing else."""
    hooked = module._forward_hooks or module._forward_pre_hooks or module._backward_hooks or module._backward_pre_hooks
    kind = type(module)
    return not hooked and "forward" not in module.__dict__ and kind.forward is _FORWARDS[kind]
