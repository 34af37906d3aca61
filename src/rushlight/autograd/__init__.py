"""Reverse-mode differentiation: the graph, walking it backwards, grad modes, hooks, Function and gradient checks.

In: operations that call `graph.record`. Out: `backward` and `grad`, which leave gradients in `.grad` or return them.
"""

from __future__ import annotations

from rushlight.core import absent as _absent

_WHERE = {
    "Function": "function",
    "Variable": "variable",
    "FunctionCtx": "function",
    "once_differentiable": "function",
    "backward": "engine",
    "grad": "engine",
    "enable_grad": "modes",
    "inference_mode": "modes",
    "is_grad_enabled": "modes",
    "no_grad": "modes",
    "set_grad_enabled": "modes",
    "gradcheck": "check",
    "gradgradcheck": "check",
}
_SUBMODULES = {
    "check",
    "engine",
    "function",
    "graph",
    "hooks",
    "modes",
    "operation",
    "profiler",
    "profiler_util",
    "saving",
    "value",
    "variable",
    "version",
}


__getattr__ = _absent.getter(__name__, _WHERE, _SUBMODULES)


def __dir__() -> list[str]:
    return sorted({*globals(), *_WHERE, *_SUBMODULES})
