"""softmax and log_softmax, ready to be called, and their gradients.

In: an array of any strides and an axis. Out: results that lie as the array does, without gaps.
"""

from __future__ import annotations

import numpy as np

from ...kernels.softmax import Form, emit_softmax, softmax_params
from ...language.ir import Module
from ...plan.target import Target
from ...plan.threads import ELEMENTS, FUNCTION
from ...runtime import native_call
from .direct import Direct, emit_entries
from .kernels import kernel
from .lines import Lines


class SoftmaxCall:
    """One prepared softmax, or its gradient; call it with x, or with the results and their gradient."""

    def __init__(self, log: bool, gradient: bool, axis: int, x: np.ndarray, target: Target) -> None:
        self.lines = lines = Lines(x, axis, "softmax")
        form = Form(lines.stored, log, gradient, lines.neighbours)
        params = softmax_params(form)
        words = params.pack(
            **dict.fromkeys([name for name, type in params.types.items() if type.kind == "p"]), **lines.words
        )
        entry = kernel(target, "softmax", _emit, form, native_call.available())
        self.run = Direct(entry, words, not ELEMENTS.pays(x.size * FUNCTION, lines.items))

    def __call__(self, *arrays: np.ndarray) -> np.ndarray:
        out = self.lines.empty()
        self.run(out, *map(self.lines.arranged, arrays))
        return out


def _emit(k: Module, form: Form, direct: bool) -> None:
    params = softmax_params(form)
    emit_entries(k, params, emit_softmax(k, form), [form.stored] * (3 if form.gradient else 2), direct)
