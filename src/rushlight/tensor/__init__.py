"""Tensors: the class, and every operation on tensors that is not the layer family.

In: Python numbers, NumPy arrays. Out: `Tensor` objects that the layers compute on. `rushlight.tensor` is both this
package and the function that makes a tensor: calling the package calls `creation.tensor`.
"""

from __future__ import annotations

import sys
from types import ModuleType

from rushlight.tensor import creation, methods
from rushlight.tensor.core import Tensor, wrap, wrap_view
from rushlight.tensor.size import Size, device

methods.attach()

__all__ = ["Size", "Tensor", "device", "wrap", "wrap_view"]


class _CallableModule(ModuleType):
    def __call__(self, *args, **kwargs) -> Tensor:
        return creation.tensor(*args, **kwargs)


_CallableModule.__call__.__doc__ = creation.tensor.__doc__
sys.modules[__name__].__class__ = _CallableModule
