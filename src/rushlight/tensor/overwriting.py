"""Changes in place in one pass over memory, where the old elements are needed by nobody.

In: a tensor, the row of an operation of each element, and what else it takes. Out: whether the tensor was changed, and
its history with it; if not, `change.change` does it by way of a copy.
"""

from __future__ import annotations

import numpy as np

from rushlight.autograd.graph import edge_of, record
from rushlight.autograd.modes import mode
from rushlight.autograd.operation import Operation
from rushlight.autograd.version import bump
from rushlight.core.dtypes import FLOATING
from rushlight.tensor.change import attach, check_leaf, check_writeable, is_recorded
from rushlight.tensor.core import Tensor, memory, wrap
from rushlight.tensor.fusing import as_they_lie, computed, formulas_of, is_large, key_of


def overwrite(self: Tensor, row: Operation, attributes: tuple, *others: Tensor, saves: str = "nothing") -> bool:
    """Write `row` of this tensor and others into this one, with its history; False, and nothing, where that cannot be.

    `saves`: whether the row's derivative needs its "result", its "input" (which a recorded change must keep), or
    "nothing" of both.
    """
    own = memory(self)
    if not is_large(own) or self.dtype.category != FLOATING or mode.watcher is not None:
        return False
    if any(memory(t) is not own and np.may_share_memory(memory(t), own) for t in others):
        return False  # it would read what it has written
    check_writeable(self)
    arrays, _ = as_they_lie([self, *others])
    if row.results([(a.shape, a.dtype) for a in arrays], *attributes) != [(own.shape, own.dtype)]:
        return False
    formulas = formulas_of(key_of(row, attributes), lambda *arrays: row.lowering(*arrays, *attributes), arrays)
    if formulas is None:
        return False
    recorded = is_recorded(self, *others)
    if recorded and saves == "input":
        return False
    if recorded:
        check_leaf(self)
    edge = edge_of(self)
    if computed(formulas, arrays, arrays[:1]) is None:
        return False
    bump(self)
    if recorded:
        before, result = wrap(arrays[0]), self.detach()
        if edge is not None:
            before._node, before._index, before._requires_grad = edge[0], edge[1], True
        node = record(row, attributes, result, (before, *others), (result,) if saves == "result" else ())
        attach(self, before, node, 0)
    return True
