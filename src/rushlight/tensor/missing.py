"""PyTorch's methods that our tensors lack: each says what there is instead.

In come the class, with all methods that it has, and the list in `data/`; the class gets an entry for each name that is
missing, which raises an AttributeError. A `__getattr__` would do without the list, and cost every attribute of every
tensor 30 ns: Python looks attributes up otherwise for classes that have one.
"""

from __future__ import annotations

from typing import NoReturn

from rushlight.core import absent
from rushlight.tensor.core import Tensor


class Missing:
    """An attribute that is not there."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, tensor: Tensor | None, kind: type) -> NoReturn:
        raise absent.of_object(kind if tensor is None else tensor, "torch.Tensor", self.name)


def names(self: Tensor) -> list[str]:
    """What `dir` lists of a tensor: not what is missing."""
    return [name for name in object.__dir__(self) if not isinstance(vars(Tensor).get(name), Missing)]


def say_what_is_missing() -> None:
    """Give the class an entry for each of PyTorch's names that it lacks."""
    for name in absent.tensor_names() - set(dir(Tensor)):
        setattr(Tensor, name, Missing(name))
