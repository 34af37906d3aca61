"""Expressions, ready to be called: small ones on the calling thread without a launch, large ones by the team."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from ... import runtime
from ...core.dtypes import code_of
from ...kernels.pointwise import Form, emit_pointwise, pointwise_params
from ...kernels.steps import FUNCTIONS, in_memory, missing
from ...language.ir import Module, i64
from ...plan.pointwise import plan_pointwise
from ...plan.target import Target
from ...plan.threads import ELEMENTS, FUNCTION
from ...rules.expression import lowered
from ...rules.layout import broadcast_strides
from ...runtime import native_call
from ...runtime.memory import empty_small
from ..protocol import Layout, Refusal, Task, results_of, strides_of
from .kernels import kernel


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
        self.work = prod(shape) * (FUNCTION if any(step.op in FUNCTIONS for step in program.steps) else 1)
        self.size, self.words, self.direct, self.fill = prod(shape), None, None, None
        self.numbers = not all(layout.shape for layout in layouts)  # which may be NumPy's scalars: they are no arrays
        self.allocations = [allocation_of(layout) for layout in self.outputs]
        one = len(self.allocations) == 1 and self.allocations[0][3] is None
        self.allocation = self.allocations[0][:3] if one else None  # the usual case, without a loop
        if not self.size:
            return
        strides = [out.strides for out in self.outputs]
        if lying is not None and any(n != 1 and not s for own in strides for n, s in zip(shape, own)):
            raise Refusal("memory that is written more than once")
        strides += [broadcast_strides(layout.shape, strides_of(layout), shape) for layout in layouts]
        itemsizes = [layout.dtype.itemsize for layout in (*self.outputs, *layouts)]
        plan = plan_pointwise(shape, strides, itemsizes, len(self.outputs))
        form = Form(program, plan.moves)
        code = kernel(target, "pointwise", _emit, form, native_call.available())
        self.entry, self.mode = code["run"], code["mode"]
        self.words = pointwise_params(form).pack(
            **{f"a{n}": None for n in range(len(strides))}, mode=0, items=plan.items, inner_chunks=plan.inner_chunks,
            middle_chunks=plan.middle_chunks, inner=plan.inner, middle=plan.middle, outers=plan.outers,
            inner_span=plan.inner_span, middle_span=plan.middle_span, group=plan.group, rank=len(plan.axes),
            **{f"inner_stride{n}": stride for n, stride in enumerate(plan.inner_strides)},
            **{f"middle_stride{n}": stride for n, stride in enumerate(plan.middle_strides)},
        )  # fmt: skip
        for size, steps in plan.axes:
            self.words.extend([size, *steps])
        if native_call.available():
            own = np.frombuffer(self.words, np.int64)
            self.bound = [native_call.Bound(code[name], own) for name in ("direct", "fill")]
            self.fill = self.bound[1].call
            self.direct = self.bound[0].call if not ELEMENTS.pays(self.work) else None

    def __call__(self, arrays: Sequence[np.ndarray], out: Sequence[np.ndarray] | None = None) -> Sequence[np.ndarray]:
        """The results, of memory of their own where none is given."""
        if out is None:
            if self.allocation is not None:
                allocate, shape, dtype = self.allocation
                out = (allocate(shape, dtype),)
            else:
                out = [_allocated(*allocation) for allocation in self.allocations]
        if self.words is None:
            return out
        if self.numbers:
            arrays = list(map(np.asarray, arrays))
        if self.direct is not None:
            self.direct(*out, *arrays)
        else:
            self._launch((*out, *arrays))
        return out

    def _launch(self, operands: Sequence[np.ndarray]) -> None:
        words = self.words[:]
        threads = ELEMENTS.threads(self.work, runtime.team_size())
        if self.fill is not None:
            self.fill(words, *operands)
        else:
            for at, array in enumerate(operands, 2):
                words[at] = runtime.address(array)
            self.mode.call(words.buffer_info()[0])
        runtime.launch(self.entry, words, threads)

    def run(
        self, outputs: Sequence[Any], inputs: Sequence[Any], scratch: Any = None, weights_cache: dict | None = None
    ) -> None:
        """Write the results."""
        self(inputs, outputs)


def _emit(k: Module, form: Form, direct: bool) -> None:
    do = emit_pointwise(k, form)
    if direct:
        of, params = [in_memory(dtype) for dtype in form.dtypes], pointwise_params(form)
        with native_call.function(k, "direct", of) as (f, words, pointers):
            do(f, words, pointers)
        with native_call.function(k, "fill", [i64, *of], words=True) as (f, _, (words, *pointers)):
            for n, pointer in enumerate(pointers):
                words[params.index(f"a{n}")].store(pointer.address())
            words[params.index("mode")].store(f.mode_word())


def _allocated(allocate: Callable, shape: tuple[int, ...], dtype: np.dtype, back: list[int] | None) -> np.ndarray:
    array = allocate(shape, dtype)
    return array if back is None else array.transpose(back)


def allocation_of(layout: Layout) -> tuple:
    """How a result is made: what makes it, of which shape, and the order in which its axes are then taken."""
    shape, strides = layout.shape, layout.strides
    order = sorted(range(len(shape)), key=lambda axis: -strides[axis])
    back = sorted(range(len(shape)), key=order.__getitem__)
    allocate = empty_small if prod(shape) * layout.dtype.itemsize <= 4096 else runtime.empty
    in_order = back == list(range(len(shape)))
    return allocate, tuple([shape[axis] for axis in order]), layout.dtype, None if in_order else back
