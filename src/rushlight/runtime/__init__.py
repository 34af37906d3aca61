"""Running kernels: how many threads, launching them, and the memory that they work in.

In: an `Entry` of `compiler.jit` and its packed words. Out: the kernel has run. Results lie in arrays of `empty`, whose
memory is recycled.
"""

from .cpus import get_num_threads, set_num_threads, team_size
from .memory import address, empty, release_cached
from .team import launch

__all__ = ["address", "empty", "get_num_threads", "launch", "release_cached", "set_num_threads", "team_size"]
