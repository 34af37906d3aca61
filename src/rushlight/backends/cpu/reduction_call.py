"""Reductions, ready to be called: small ones on the calling thread without a launch, large ones by the team."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from ... import runtime
from ...core.dtypes import code_of
from ...kernels.reduction import Form, emit_reduction, reduction_params
from ...kernels.steps import FUNCTIONS, in_memory, missing
from ...language.ir import Module
from ...plan.reduction import Plan, plan_reduction
from ...plan.target import Target
from ...plan.threads import ELEMENTS, FUNCTION, JOINS
from ...rules.expression import Program, bits_of, lowered
from ...rules.layout import axis_order, broadcast, broadcast_strides
from ...rules.reduction import Reduction
from ...runtime import native_call
from ..protocol import Layout, Refusal, Task, results_of, strides_of
from .direct import Direct, emit_entries
from .kernels import kernel
from .pointwise_call import allocation_of

_DOUBLE = np.dtype(np.float64)


class ReductionCall:
    """One prepared reduction; call it with arrays that lie so: a list of results."""

    scratch_bytes = 0

    def __init__(self, task: Task, layouts: Sequence[Layout], target: Target) -> None:
        """Refusal for what is not compiled."""
        formula, axes, _, numbers = task.attributes
        if not all(layout.dtype.isnative for layout in layouts):
            raise Refusal("foreign byte order")
        self.outputs = results_of(task, layouts)
        shape = broadcast(*[layout.shape for layout in layouts])
        size, many = prod(shape), prod([shape[axis] for axis in axes])
        if not size:
            raise Refusal("there are no numbers")
        before, after = _programs(formula, [code_of(layout.dtype) for layout in layouts], 1 + len(numbers))
        self.allocations = [allocation_of(layout) for layout in self.outputs]
        self.numbers = not all(layout.shape for layout in layouts)  # which may be NumPy's scalars: they are no arrays
        operands = [(layout.shape, strides_of(layout), layout.dtype.itemsize) for layout in layouts]
        strides = [broadcast_strides(own, given, shape) for own, given, _ in operands]
        itemsizes = [layout.dtype.itemsize for layout in layouts]
        order = axis_order(shape, operands)
        plan = plan_reduction(shape, order, frozenset(axes), strides, itemsizes)
        if formula.is_position:
            _check_positions(plan, [axis for axis in order if axis in axes and shape[axis] > 1], many, before)
        form = Form(formula.kinds, before, after, plan.moves, plan.reduced, plan.short, plan.pieces > 1)
        told = (float(many), *map(float, numbers))
        code = kernel(target, "reduction", _emit, form, len(told), native_call.available())
        self.work = size * (FUNCTION if any(step.op in FUNCTIONS for step in before.steps) else 1)
        self.plan, room = plan, plan.pieces * plan.outputs
        self.items = Direct(code, _words(form, plan, told, 8 * room), not ELEMENTS.pays(self.work))
        self.join = None
        if form.split:
            held = len(formula.held([code_of(layout.dtype) for layout in layouts]))
            self.join, self.partial = code["join"], (held * room + 64,)
            self.first = 2 + len(self.outputs) + len(layouts)  # where the address of the pieces' sums stands

    def __call__(self, arrays: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
        """The results."""
        out = []
        for allocate, shape, dtype, back in self.allocations:
            array = allocate(shape, dtype)
            out.append(array if back is None else array.transpose(back))
        self.into(out, arrays)
        return out

    def into(self, out: Sequence[np.ndarray], arrays: Sequence[np.ndarray]) -> None:
        """The results, written to `out`."""
        if self.numbers:
            arrays = list(map(np.asarray, arrays))
        if self.join is None:
            self.items(*out, *arrays)
            return
        words, partial = self.items.filled((*out, *arrays)), runtime.empty(self.partial, _DOUBLE)
        words[self.first] = runtime.address(partial)
        threads = runtime.team_size()
        runtime.launch(self.items.entry, words, threads)
        runtime.launch(self.join, words, JOINS.threads(self.plan.outputs, threads))

    def run(
        self, outputs: Sequence[Any], inputs: Sequence[Any], scratch: Any = None, weights_cache: dict | None = None
    ) -> None:
        """Write the results."""
        self.into(outputs, inputs)


def _programs(formula: Reduction, codes: Sequence[str], told: int) -> tuple[Program, Program]:
    before = lowered(formula.values(codes), tuple(codes))
    after = lowered(formula.results(codes), (*formula.held(codes), *["f64"] * told))
    lacking = missing(before) or missing(after)
    if lacking:
        raise Refusal(lacking)
    return before, after


def _check_positions(plan: Plan, order: Sequence[int], many: int, before: Program) -> None:
    """Refusal where positions are not counted as the numbers lie, or not in the bits of a number."""
    if len(plan.positions) > 1 or list(order) != sorted(order):
        raise Refusal("positions in several axes that lie apart")
    if any(bits_of(before.steps[result].dtype) < 32 for result in before.results) or many >= 1 << 31:
        raise Refusal("positions beyond the numbers' bits")


def _words(form: Form, plan: Plan, told: Sequence[float], piece_bytes: int) -> Any:
    params = reduction_params(form, len(told))
    pointers = [name for name in params.types if name[0] in "oa" and name[1:].isdigit()]
    words = params.pack(
        **dict.fromkeys(pointers), partial=None, mode=0, items=plan.items, inner_chunks=plan.inner_chunks,
        near_chunks=plan.near_chunks, rest_chunks=plan.rest_chunks, inner=plan.inner, near=plan.near, rest=plan.rest,
        kept=plan.kept, inner_span=plan.inner_span, near_span=plan.near_span, rest_group=plan.rest_group,
        kept_group=plan.kept_group, outputs=plan.outputs, pieces=plan.pieces, piece_bytes=piece_bytes,
        rest_rank=len(plan.rest_axes), kept_rank=len(plan.kept_axes),
        **{f"number{n}": number for n, number in enumerate(told)},
        **{f"inner_stride{n}": stride for n, stride in enumerate(plan.inner_strides)},
        **{f"near_stride{n}": stride for n, stride in enumerate(plan.near_strides)},
    )  # fmt: skip
    for size, steps in (*plan.rest_axes, *plan.kept_axes):
        words.extend([size, *steps])
    return words


def _emit(k: Module, form: Form, numbers: int, direct: bool) -> None:
    of = [in_memory(dtype) for dtype in (*form.after.outputs, *form.before.inputs)]
    emit_entries(k, reduction_params(form, numbers), emit_reduction(k, form, numbers), of, direct)
