"""Running sums and products, ready to be called.

In: an array of any strides and an axis. Out: results that lie as the array does, without gaps.
"""

from __future__ import annotations

import numpy as np

from ...kernels.running import Form, emit_running, running_params
from ...kernels.steps import in_memory
from ...language.ir import Module
from ...plan.target import Target
from ...plan.threads import ELEMENTS
from ...runtime import native_call
from .direct import Direct, emit_entries
from .kernels import kernel
from .lines import Lines


class RunningCall:
    """One prepared running sum or product; call it with x."""

    def __init__(self, kind: str, backwards: bool, axis: int, x: np.ndarray, target: Target) -> None:
        self.lines = lines = Lines(x, axis, "running sum", ("f32", "f64", "f16", "bf16", "i64"))
        form = Form(lines.code, kind, backwards, lines.neighbours)
        words = running_params(form).pack(y=None, x=None, **lines.words)
        entry = kernel(target, "running", _emit, form, native_call.available())
        self.run = Direct(entry, words, not ELEMENTS.pays(x.size * 2, lines.items))

    def __call__(self, x: np.ndarray) -> np.ndarray:
        out = self.lines.empty()
        self.run(out, self.lines.arranged(x))
        return out


def _emit(k: Module, form: Form, direct: bool) -> None:
    emit_entries(k, running_params(form), emit_running(k, form), [in_memory(form.dtype)] * 2, direct)
