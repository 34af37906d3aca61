"""Who computes: the NumPy reference, the compiled kernels for the CPU, or shapes alone; `registry` chooses.

`mps` and `cudnn` answer for code that asks PyTorch's package of this name for them.
"""

from rushlight.core import absent as _absent

__getattr__ = _absent.getter(__name__, files=("cudnn", "mps"))
