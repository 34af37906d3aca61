"""Tensors: the class, and every operation on tensors that is not the layer family.

In: Python numbers, NumPy arrays. Out: `Tensor` objects that the layers compute on. `rushlight.tensor` is both this
package and the function that makes a tensor: calling the package calls `creation.tensor`.
"""

from __future__ import annotations

import sys
from types import ModuleType

from rushlight.tensor.core import Tensor, wrap, wrap_view  # isort: skip  the class comes before its methods
from rushlight.tensor import (  # noqa: F401  each gives Tensor its methods
    activation,
    arithmetic,
    comparison,
    creation,
    drawing,
    gradient,
    indexing,
    inplace,
    interchange,
    parts,
    pointwise,
    products,
    reductions,
    selection,
    shape,
    views,
)
from rushlight.tensor.size import Size, device

from rushlight.tensor import missing  # noqa: F401  isort: skip  when all methods are there

__all__ = ["Size", "Tensor", "device", "wrap", "wrap_view"]


class _CallableModule(ModuleType):
    def __call__(self, *args, **kwargs) -> Tensor:
        return creation.tensor(*args, **kwargs)


_CallableModule.__call__.__doc__ = creation.tensor.__doc__
sys.modules[__name__].__class__ = _CallableModule
