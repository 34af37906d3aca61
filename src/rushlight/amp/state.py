"""What autocast is set to in this thread, by type of device, and the functions that ask and set it.

In: settings. Out: `mode.autocast`, the half of the CPU's operations, which `tensor.autocasting` reads.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from rushlight.autograd.modes import mode
from rushlight.core.dtypes import bfloat16, dtype, float16
from rushlight.core.errors import message
from rushlight.tensor.size import device as Device

DEVICES = ("cpu", "cuda", "xpu", "hpu", "mps", "xla", "mtia", "maia", "ipu", "privateuseone")


class _State(threading.local):
    def __init__(self) -> None:
        self.enabled = dict.fromkeys(DEVICES, False)
        self.dtypes = {device: float16 if device in ("cuda", "xpu", "mps") else bfloat16 for device in DEVICES}
        self.depth = 0
        self.caches = True


_state = _State()


def _check(device_type: str) -> str:
    if not isinstance(device_type, str):
        raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
    if device_type not in _state.enabled:
        raise RuntimeError(message(f"unknown device type for autocast: {Device(device_type)}"))
    return device_type


def is_autocast_enabled(device_type: str = "cuda") -> bool:
    """Whether autocast changes types on that kind of device, here and now."""
    return _state.enabled[_check(device_type)]


def set_autocast_enabled(device_type: str | bool, enabled: bool | None = None) -> None:
    """Switch autocast on or off; with one argument, that of "cuda"."""
    if enabled is None:
        device_type, enabled = "cuda", bool(device_type)
    _state.enabled[_check(device_type)] = bool(enabled)
    _settle()


def get_autocast_dtype(device_type: str) -> dtype:
    """The half that autocast computes in on that kind of device.

    >>> import rushlight as torch
    >>> torch.get_autocast_dtype("cpu")
    torch.bfloat16
    """
    return _state.dtypes[_check(device_type)]


def set_autocast_dtype(device_type: str, dtype: dtype) -> None:
    """Set the half that autocast computes in."""
    _state.dtypes[_check(device_type)] = dtype
    _settle()


def is_autocast_cpu_enabled() -> bool:
    """`is_autocast_enabled("cpu")`."""
    return is_autocast_enabled("cpu")


def set_autocast_cpu_enabled(enabled: bool) -> None:
    """`set_autocast_enabled("cpu", enabled)`."""
    set_autocast_enabled("cpu", enabled)


def get_autocast_cpu_dtype() -> dtype:
    """`get_autocast_dtype("cpu")`."""
    return get_autocast_dtype("cpu")


def set_autocast_cpu_dtype(dtype: dtype) -> None:
    """`set_autocast_dtype("cpu", dtype)`."""
    set_autocast_dtype("cpu", dtype)


def get_autocast_gpu_dtype() -> dtype:
    """`get_autocast_dtype("cuda")`."""
    return get_autocast_dtype("cuda")


def set_autocast_gpu_dtype(dtype: dtype) -> None:
    """`set_autocast_dtype("cuda", dtype)`."""
    set_autocast_dtype("cuda", dtype)


def is_autocast_cache_enabled() -> bool:
    """Whether parameters that were cast are kept until autocast ends."""
    return _state.caches


def set_autocast_cache_enabled(enabled: bool) -> None:
    """Say whether they are."""
    _state.caches = bool(enabled)
    _settle()


def autocast_increment_nesting() -> int:
    """Go in one deeper; the depth."""
    _state.depth += 1
    return _state.depth


def autocast_decrement_nesting() -> int:
    """Come out again; the depth, 0 outside of all."""
    _state.depth -= 1
    return _state.depth


def clear_autocast_cache() -> None:
    """Forget the parameters that were cast."""
    mode.casts = {} if mode.casts is not None else None


def _settle() -> None:
    """Tell the operations, which read one thing only."""
    mode.autocast = _state.dtypes["cpu"] if _state.enabled["cpu"] else None
    if not _state.caches:
        mode.casts = None
    elif mode.casts is None:
        mode.casts = {}


def snapshot() -> tuple[Any, ...]:
    """The settings as they are."""
    return dict(_state.enabled), dict(_state.dtypes), _state.caches


def restore(settings: tuple[Any, ...]) -> None:
    """The settings as they were."""
    _state.enabled, _state.dtypes, _state.caches = dict(settings[0]), dict(settings[1]), settings[2]
    _settle()


def captured() -> Callable[[], AbstractContextManager]:
    """A context in which autocast is what it is now."""
    then = snapshot()

    @contextmanager
    def again() -> Any:
        now = snapshot()
        restore(then)
        autocast_increment_nesting()
        try:
            yield
        finally:
            if autocast_decrement_nesting() == 0:
                clear_autocast_cache()
            restore(now)

    return again
