"""Expressions, ready to be called: small ones on the calling thread without a launch, large ones by the team."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from ... import runtime
from ...core.dtypes import code_of
from ...kernels.pointwise import Form, emit_pointwise, pointwise_params
from ...kernels.steps import missing
from ...plan.pointwise import plan_pointwise
from ...plan.target import Target
from ...rules.expression import lowered
from ...rules.layout import broadcast_strides
from ...runtime.memory import FIRST_FIELD, empty_small
from ..protocol import Layout, Refusal, Task, results_of, strides_of
from .kernels import kernel

FEW = 1 << 15
"""Elements from which on a team is worth its launch (1 to 2 µs, if it is awake): two threads add 16,384 float32 in the
time of one, 65,536 in 0.6 of it."""


class PointwiseCall:
    """One prepared call of expressions; call it with arrays that lie so."""

    scratch_bytes = 0

    def __init__(self, task: Task, layouts: Sequence[Layout], target: Target) -> None:
        """Refusal for what is not compiled."""
        expressions, lying = task.attributes
        if not all(layout.dtype.isnative for layout in layouts):
            raise Refusal("foreign byte order")
        program = lowered(expressions, tuple([code_of(layout.dtype) for layout in layouts]))
        lacking = missing(program)
        if lacking:
            raise Refusal(lacking)
        self.outputs = results_of(task, layouts)
        shape = self.outputs[0].shape
        self.size, self.words = prod(shape), None
        self.numbers = not all(layout.shape for layout in layouts)  # which may be NumPy's scalars: they are no arrays
        self.allocations = [_allocation(layout) for layout in self.outputs]
        if not self.size:
            return
        strides = [out.strides for out in self.outputs]
        if lying is not None and any(n != 1 and not s for own in strides for n, s in zip(shape, own)):
            raise Refusal("memory that is written more than once")
        strides += [broadcast_strides(layout.shape, strides_of(layout), shape) for layout in layouts]
        itemsizes = [layout.dtype.itemsize for layout in (*self.outputs, *layouts)]
        plan = plan_pointwise(shape, strides, itemsizes, len(self.outputs))
        form = Form(program, plan.moves)
        code = kernel(target, "pointwise", emit_pointwise, form, FIRST_FIELD)
        self.entry, self.mode = code["run"], code["mode"]
        self.words = pointwise_params(form).pack(
            *[0] * len(strides), 0, plan.items, plan.inner_chunks, plan.middle_chunks, plan.inner, plan.middle,
            plan.outers, plan.inner_span, plan.middle_span, plan.group, len(plan.axes), *plan.inner_strides,
            *plan.middle_strides,
        )  # fmt: skip
        for size, steps in plan.axes:
            self.words.extend([size, *steps])
        self.small = self.size < FEW and FIRST_FIELD >= 0
        self.where = self.words.buffer_info()[0]
        self.direct = ctypes.PYFUNCTYPE(None, ctypes.c_void_p, *[ctypes.py_object] * len(strides))(
            code["direct"].address
        )
        self.direct.code = code["direct"].call  # what runs must stay in memory
        self.at_mode = 2 + len(strides)

    def __call__(self, arrays: Sequence[np.ndarray], out: Sequence[np.ndarray] | None = None) -> list[np.ndarray]:
        """The results, of memory of their own where none is given."""
        if out is None:
            out = [
                allocate(shape, dtype) if back is None else allocate(shape, dtype).transpose(back)
                for allocate, shape, dtype, back in self.allocations
            ]
        if self.words is None:
            return out
        if self.numbers:
            arrays = list(map(np.asarray, arrays))
        if self.small:
            self.direct(self.where, *out, *arrays)
        else:
            self._launch((*out, *arrays))
        return out

    def _launch(self, operands: Sequence[np.ndarray]) -> None:
        words = self.words[:]
        for at, array in enumerate(operands, 2):
            words[at] = runtime.address(array)
        threads = runtime.team_size() if self.size >= FEW else 1
        if threads > 1:
            self.mode.call(words.buffer_info()[0])
        runtime.launch(self.entry, words, threads)

    def run(
        self, outputs: Sequence[Any], inputs: Sequence[Any], scratch: Any = None, weights_cache: dict | None = None
    ) -> None:
        """Write the results."""
        self(inputs, outputs)


def _allocation(layout: Layout) -> tuple:
    """How a result is made: what makes it, of which shape, and the order in which its axes are then taken."""
    shape, strides = layout.shape, layout.strides
    order = sorted(range(len(shape)), key=lambda axis: -strides[axis])
    back = sorted(range(len(shape)), key=order.__getitem__)
    allocate = empty_small if prod(shape) * layout.dtype.itemsize <= 4096 else runtime.empty
    in_order = back == list(range(len(shape)))
    return allocate, tuple([shape[axis] for axis in order]), layout.dtype, None if in_order else back
