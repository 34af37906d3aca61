"""Running kernels: how many threads, launching them, and the memory that they work in.

In: an `Entry` of `compiler.jit` and its packed words. Out: the kernel has run. Results lie in arrays of `empty`, whose
memory is recycled.
"""

from typing import TYPE_CHECKING

from rushlight.core import absent

from .memory import address, empty, release_cached

if TYPE_CHECKING:
    from .cpus import get_num_threads, set_num_threads, team_size
    from .team import launch, run_whole

__all__ = [
    "address",
    "empty",
    "get_num_threads",
    "launch",
    "release_cached",
    "run_whole",
    "set_num_threads",
    "team_size",
]

# Tensors want the memory alone; threads come with the first kernel.
__getattr__ = absent.getter(
    __name__,
    {"launch": "team", "run_whole": "team", "get_num_threads": "cpus", "set_num_threads": "cpus", "team_size": "cpus"},
)
