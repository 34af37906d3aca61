"""`Variable`, the older name of a tensor that can be differentiated: every tensor is one."""

from __future__ import annotations

from typing import Any

from rushlight.autograd.value import Value


class VariableMeta(type):
    """Says that every tensor is a Variable."""

    def __instancecheck__(cls, other: object) -> bool:
        return isinstance(other, Value)


class Variable(metaclass=VariableMeta):
    """`Variable(data, requires_grad)` is a tensor that shares the memory of `data`, without its history.

    TypeError for what is no tensor.

    >>> import rushlight as torch
    >>> x = torch.autograd.Variable(torch.ones(2), requires_grad=True)
    >>> type(x).__name__, x.requires_grad, isinstance(x, torch.autograd.Variable)
    ('Tensor', True, True)
    """

    def __new__(cls, data: Any = None, requires_grad: bool = False) -> Any:
        if not isinstance(data, Value):
            raise TypeError(f"Variable data has to be a tensor, but got {type(data).__name__}")
        return data.detach().requires_grad_(requires_grad)
