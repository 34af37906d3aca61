"""Reverse-mode differentiation: the graph, walking it backwards, grad modes, hooks, Function and gradient checks.

In: operations that call `graph.record`. Out: `backward` and `grad`, which leave gradients in `.grad` or return them.
"""

from __future__ import annotations

import importlib

_WHERE = {
    "Function": "function",
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
_SUBMODULES = {"check", "engine", "function", "graph", "hooks", "modes", "value", "version"}


def __getattr__(name: str) -> object:
    if name in _SUBMODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name not in _WHERE:
        from rushlight.core.absent import of_module

        raise of_module(__name__, name)
    value = globals()[name] = getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_WHERE, *_SUBMODULES})
