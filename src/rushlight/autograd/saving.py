"""Who keeps what the graph saves for backward: users' hooks that pack it away and get it back.

In: a pair of functions. Out: `mode.packing`, by which `graph` packs each tensor that an operation saves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rushlight.autograd.modes import mode
from rushlight.core.errors import message


class saved_tensors_hooks:
    """Inside, whatever an operation saves for backward is given to `pack_hook`, and asked back from `unpack_hook`.

    `pack_hook(tensor)` may return anything; `unpack_hook` is given that when backward needs the tensor, and returns one
    of the same numbers. The innermost pair counts. RuntimeError where `disable_saved_tensors_hooks` forbids it.

    >>> import rushlight as torch
    >>> x = torch.tensor([2.0], requires_grad=True)
    >>> with torch.autograd.graph.saved_tensors_hooks(lambda t: t.tolist(), lambda numbers: torch.tensor(numbers)):
    ...     y = x * x
    >>> y.backward(); x.grad
    tensor([4.])
    """

    def __init__(self, pack_hook: Callable[[Any], Any], unpack_hook: Callable[[Any], Any]) -> None:
        self.pack_hook = pack_hook
        self.unpack_hook = unpack_hook
        self._before: list[tuple[Callable, Callable] | None] = []

    def __enter__(self) -> None:
        if mode.no_packing is not None:
            raise RuntimeError(mode.no_packing)
        self._before.append(mode.packing)
        mode.packing = self.pack_hook, self.unpack_hook

    def __exit__(self, *error: object) -> None:
        mode.packing = self._before.pop()


class save_on_cpu(saved_tensors_hooks):
    """Keep what is saved for backward in the host's memory. On the CPU it is there: copies are made, as in PyTorch."""

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        super().__init__(_to_host, _from_host)


def _to_host(tensor: Any) -> tuple[Any, Any]:
    return tensor.device, tensor.clone() if tensor.is_cpu else tensor.cpu()


def _from_host(packed: tuple[Any, Any]) -> Any:
    return packed[1].to(packed[0])


@contextmanager
def disable_saved_tensors_hooks(error_message: str) -> Iterator[None]:
    """Inside, `saved_tensors_hooks` is a RuntimeError of that text; so it is here, where one is active."""
    if mode.packing is not None:
        raise RuntimeError(error_message)
    before, mode.no_packing = mode.no_packing, error_message
    try:
        yield
    finally:
        mode.no_packing = before


def checked_unpacked(found: Any, kind: type) -> Any:
    """What an unpack hook returned; TypeError where it is no tensor."""
    if not isinstance(found, kind):
        name = type(found).__name__
        raise TypeError(
            message(f"Output of saved tensor unpack_hook expected to be a Tensor but got result of type {name}")
        )
    return found
