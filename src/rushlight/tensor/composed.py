"""Operations that are written with others: what computes them, for the table of operations.

In: a function of tensors. Out: the same function of arrays, which no watcher sees and no graph keeps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rushlight.autograd.modes import mode
from rushlight.backends.array import ARRAYS
from rushlight.tensor.core import memory, wrap


def composed(function: Callable) -> Callable:
    """The lowering of an operation whose numbers `function(*tensors, *attributes)` computes.

    >>> import numpy as np
    >>> composed(lambda x, factor: x * factor + 1)(np.ones(2), 3)
    array([4., 4.])
    """

    def lower(*operands: Any) -> Any:
        tensors = [wrap(operand) if isinstance(operand, ARRAYS) else operand for operand in operands]
        before = mode.enabled, mode.watcher
        mode.enabled, mode.watcher = False, None
        try:
            return memory(function(*tensors))
        finally:
            mode.enabled, mode.watcher = before

    return lower
