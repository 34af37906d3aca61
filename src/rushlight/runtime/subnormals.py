"""Whether operations on tensors take subnormal numbers for zero.

In: a wish. Out: the floating-point mode of the calling thread, which NumPy's loops run in. Kernels have a mode of
their own, in which subnormals are zero always: a layer whose weights have decayed into them costs what others do.
"""

from __future__ import annotations

import sys

from ..compiler import jit
from ..core.errors import message
from ..language.ir import Module, Params, i64
from ..plan.target import Target

_PARAMS = Params(flush=i64)


def set_flush_denormal(mode: bool) -> bool:
    """Take subnormal numbers (float32 below 1.2e-38) for zero in this thread's operations, or keep them (the default).

    Returns whether the machine can. Compiled layers take them for zero either way; pooling keeps them in what it
    compares. RuntimeError where `mode` is no bool.

    >>> import rushlight as torch
    >>> torch.set_flush_denormal(True)
    True
    >>> torch.tensor([1e-323], dtype=torch.float64) * 1
    tensor([0.], dtype=torch.float64)
    >>> torch.set_flush_denormal(False)
    True
    """
    if not isinstance(mode, bool):
        what = f"flush_denormal expects a bool, but got {type(mode).__name__}"
        raise RuntimeError(message(what, fix="torch.set_flush_denormal(True)"))
    if sys.platform not in ("linux", "darwin", "win32"):
        return False
    target = Target.host()

    def build() -> Module:
        k = Module(target)
        with k.kernel("flush", _PARAMS, flushed=False) as (f, p):
            f.set_flushed(p.flush != 0)
        return k

    try:
        entry = jit.kernel("flush subnormals", build, target)["flush"]
    except (RuntimeError, ValueError, OSError):  # no compiler, no target, no memory for code
        return False
    words = _PARAMS.pack(flush=mode)
    entry.call(words.buffer_info()[0])
    return True
