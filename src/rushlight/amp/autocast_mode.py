"""`autocast` as a context and a decorator, and how users' own functions take part in it."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from rushlight.amp import state
from rushlight.core.dtypes import bfloat16, float16
from rushlight.core.dtypes import dtype as DType
from rushlight.core.errors import message
from rushlight.tensor.core import Tensor
from rushlight.tensor.size import device as Device


def is_autocast_available(device_type: str) -> bool:
    """Whether autocast knows that kind of device."""
    Device(device_type)  # which refuses what is none
    return device_type in state.DEVICES


class autocast:
    """Inside, convolutions, linear layers and matrix products compute in a half; losses and the like in float32.

    `dtype` is bfloat16 (the default on the CPU) or float16. What is given in float32 is cast, and so are the gradients
    on their way back; weights that were cast are kept until the outermost autocast ends, unless `cache_enabled=False`.
    `enabled=False` turns it off within another. Also a decorator. Backward belongs outside.

    With a dtype that is no half, or where there is no such device, it warns and changes nothing.

    >>> import rushlight as torch
    >>> layer = torch.nn.Linear(2, 3)
    >>> with torch.autocast("cpu", dtype=torch.bfloat16):
    ...     y = layer(torch.ones(1, 2))
    >>> y.dtype, layer.weight.dtype
    (torch.bfloat16, torch.float32)
    """

    def __init__(
        self, device_type: str, dtype: DType | None = None, enabled: bool = True, cache_enabled: bool | None = None
    ) -> None:
        if not isinstance(device_type, str):
            raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
        if not is_autocast_available(device_type):
            raise RuntimeError(message(f"User specified an unsupported autocast device_type '{device_type}'"))
        self.device = device_type
        self.fast_dtype = state.get_autocast_dtype(device_type) if dtype is None else dtype
        self._cache_enabled = state.is_autocast_cache_enabled() if cache_enabled is None else cache_enabled
        if device_type == "cpu":
            if enabled and self.fast_dtype not in (bfloat16, float16):
                warnings.warn(
                    "In CPU autocast, but the target dtype is not supported. Disabling autocast.\n"
                    "CPU Autocast only supports dtypes of torch.bfloat16, torch.float16 currently.",
                    stacklevel=2,
                )
                enabled = False
        elif enabled and device_type == "cuda":
            sentence = "CUDA is not available or torch_xla is imported. Disabling autocast."
            warnings.warn(sentence, stacklevel=2)
            enabled = False
        self._enabled = enabled
        self._before: list[tuple] = []

    def __enter__(self) -> autocast:
        self._before.append(state.snapshot())
        state.set_autocast_cache_enabled(self._cache_enabled)
        state.set_autocast_enabled(self.device, self._enabled)
        state.set_autocast_dtype(self.device, self.fast_dtype)
        state.autocast_increment_nesting()
        return self

    def __exit__(self, *error: object) -> None:
        if state.autocast_decrement_nesting() == 0:
            state.clear_autocast_cache()
        state.restore(self._before.pop())

    def __call__(self, function: Callable) -> Callable:
        """Run `function` so at each call."""

        @functools.wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return run


def _cast(value: Any, dtype: DType) -> Any:
    """Floating tensors other than float64 in that type, in containers too."""
    if isinstance(value, Tensor):
        return value.to(dtype) if value.is_floating_point() and value.dtype.itemsize != 8 else value
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return {_cast(key, dtype): _cast(entry, dtype) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)([_cast(entry, dtype) for entry in value])
    return value


def custom_fwd(fwd: Callable | None = None, *, device_type: str, cast_inputs: DType | None = None) -> Callable:
    """Decorate `forward` of a `Function`: it runs as autocast is, or without it on inputs of `cast_inputs`."""
    if not isinstance(device_type, str):
        raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)

    @functools.wraps(fwd)
    def run(*args: Any, **kwargs: Any) -> Any:
        ctx = args[0]
        ctx._dtype = state.get_autocast_dtype(device_type)
        if cast_inputs is None:
            ctx._fwd_used_autocast = state.is_autocast_enabled(device_type)
            return fwd(*args, **kwargs)
        was_enabled = state.is_autocast_enabled(device_type)
        ctx._fwd_used_autocast = False
        if not was_enabled:
            return fwd(*args, **kwargs)
        with autocast(device_type=device_type, enabled=False):
            return fwd(*_cast(args, cast_inputs), **_cast(kwargs, cast_inputs))

    return run


def custom_bwd(bwd: Callable | None = None, *, device_type: str) -> Callable:
    """Decorate `backward` of a `Function`: it runs with autocast as `forward` did."""
    if not isinstance(device_type, str):
        raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)

    @functools.wraps(bwd)
    def run(*args: Any, **kwargs: Any) -> Any:
        with autocast(device_type=device_type, enabled=args[0]._fwd_used_autocast, dtype=args[0]._dtype):
            return bwd(*args, **kwargs)

    return run
