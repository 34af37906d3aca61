"""Cross entropy, ready to be called, and its gradient.

In: numbers that are not normalised yet, with the classes on axis 1; a class or probabilities for each position; a
factor for each class, or None. Out: a loss in float64 for each position, its weight, and the probabilities.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import runtime
from ...kernels.cross_entropy import Form, cross_entropy_params, emit_cross_entropy
from ...language.ir import Module
from ...plan.target import Target
from ...plan.threads import ELEMENTS, FUNCTION
from ...runtime import native_call
from ...runtime.memory import empty_small
from ..array import order_of
from ..protocol import Refusal
from .direct import Direct, emit_entries
from .kernels import kernel
from .lines import Lines

_DOUBLE, _INTEGER = np.dtype(np.float64), np.dtype(np.int64)


class _Lines(Lines):
    """What losses and gradients share: types, sizes, how arrays lie."""

    def __init__(self, gradient: bool, kept: bool, smoothing: float, ignore: int, x: np.ndarray, soft: bool,
        weight: np.ndarray | None, step: int, target: Target) -> None:  # fmt: skip
        if x.ndim < 2:
            raise Refusal("there is no batch")
        order = order_of(x.strides)
        if [axis for axis in order if axis != 1] != [0, *range(2, x.ndim)]:  # positions in another order than targets'
            order = list(range(x.ndim))
        super().__init__(x, 1, "cross entropy", order=order)
        self.soft = soft
        self.form = form = Form(
            self.stored, gradient, self.neighbours, soft, weight is not None, smoothing > 0, kept
        )  # fmt: skip
        params = cross_entropy_params(form)
        words = params.pack(
            **dict.fromkeys([name for name, type in params.types.items() if type.kind == "p"]), **self.words,
            ignore=ignore, step=step, smoothing=smoothing,
        )  # fmt: skip
        self.count = np.full(1, self.n, _DOUBLE)
        entry = kernel(target, "cross entropy", _emit, form, native_call.available())
        self.run = Direct(entry, words, not ELEMENTS.pays(x.size * FUNCTION, self.items))
        self.none = np.empty(1, x.dtype)  # where an array is left out

    def given(self, target: np.ndarray, weight: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """Targets and factors as kernels read them."""
        if self.soft:
            target = self.arranged(target)
        elif target.dtype != _INTEGER or not target.flags.c_contiguous:
            target = np.ascontiguousarray(target, _INTEGER)
        return target, self.none if weight is None else np.ascontiguousarray(weight, self.dtype)


class LossCall(_Lines):
    """One prepared loss; call it with x, targets and factors: losses, weights, probabilities or None."""

    def __init__(self, kept: bool, smoothing: float, ignore: int, x: np.ndarray, soft: bool, weight: Any,
        target: Target) -> None:  # fmt: skip
        super().__init__(False, kept, smoothing, ignore, x, soft, weight, 0, target)

    def __call__(
        self, x: np.ndarray, target: np.ndarray, weight: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """IndexError, with the class as its argument, where one is not there."""
        y = self.empty() if self.form.kept else self.none
        lines = self.outers * self.inner
        allocate = empty_small if lines <= 512 else runtime.empty
        losses = allocate((lines,), _DOUBLE)
        weights = losses if self.soft else allocate((lines,), _DOUBLE)
        wrong = np.zeros(2, _INTEGER)
        target, factors = self.given(target, weight)
        self.run(self.arranged(x), target, factors, y, losses, weights, wrong)
        if wrong[0]:
            raise IndexError(int(wrong[1]))
        return losses, weights, y if self.form.kept else None


class LossGradCall(_Lines):
    """One prepared gradient; call it with probabilities, targets, factors of classes, and those of lines."""

    def __init__(self, smoothing: float, ignore: int, x: np.ndarray, soft: bool, weight: Any, step: int,
        target: Target) -> None:  # fmt: skip
        super().__init__(True, False, smoothing, ignore, x, soft, weight, step, target)

    def __call__(
        self, y: np.ndarray, target: np.ndarray, weight: np.ndarray | None, factors: np.ndarray
    ) -> np.ndarray:  # fmt: skip
        out = self.empty()
        target, given = self.given(target, weight)
        whole = self.count if weight is None else given.astype(_DOUBLE).sum(keepdims=True)
        self.run(out, self.arranged(y), target, given, whole, factors)
        return out


def _emit(k: Module, form: Form, direct: bool) -> None:
    params = cross_entropy_params(form)
    of = [type.of for type in params.types.values() if type.kind == "p"]
    emit_entries(k, params, emit_cross_entropy(k, form), of, direct)
