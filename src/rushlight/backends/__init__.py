"""Who computes: the NumPy reference, the compiled kernels for the CPU, or shapes alone; `registry` chooses.

`mps` and `cudnn` answer for code that asks PyTorch's package of this name for them.
"""

from importlib import import_module as _import_module

_ANSWERS = ("cudnn", "mps")


def __getattr__(name: str) -> object:
    if name in _ANSWERS:
        return _import_module(f"{__name__}.{name}")
    from rushlight.core.absent import of_module

    raise of_module(__name__, name)
