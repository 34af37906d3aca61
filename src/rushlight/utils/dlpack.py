"""DLPack under PyTorch's name: `torch.utils.dlpack.to_dlpack` and `from_dlpack`.

>>> import numpy as np, rushlight as torch
>>> torch.utils.dlpack.from_dlpack(np.ones(2))
tensor([1., 1.], dtype=torch.float64)
"""

# ruff: noqa: F401  (this file only shows what the others define)

from rushlight.tensor.interchange import from_dlpack, to_dlpack
