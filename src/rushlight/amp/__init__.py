"""Mixed precision: `autocast` chooses the types of operations, `GradScaler` keeps float16 gradients from vanishing."""

from __future__ import annotations

from rushlight.core import absent as _absent

_WHERE = {
    "GradScaler": "grad_scaler",
    "autocast": "autocast_mode",
    "custom_bwd": "autocast_mode",
    "custom_fwd": "autocast_mode",
    "is_autocast_available": "autocast_mode",
}
_SUBMODULES = {"autocast_mode", "grad_scaler", "state"}

__getattr__ = _absent.getter(__name__, _WHERE, _SUBMODULES)


def __dir__() -> list[str]:
    return sorted({*globals(), *_WHERE, *_SUBMODULES})
