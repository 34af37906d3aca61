"""PyTorch's name for what saving and loading have besides `save` and `load`: which classes a file may hold."""

from rushlight.checkpoint import get_unsafe_globals_in_checkpoint, load, save
from rushlight.checkpoint.safe import add_safe_globals, clear_safe_globals, get_safe_globals, safe_globals

__all__ = [
    "add_safe_globals",
    "clear_safe_globals",
    "get_safe_globals",
    "get_unsafe_globals_in_checkpoint",
    "load",
    "safe_globals",
    "save",
]
