"""How many threads a kernel gets.

In: what the user asked for (`set_num_threads`, OMP_NUM_THREADS), what this process may use (affinity, the quota of
its cgroup) and what helps (cores, not their hyper-threads). Out: `team_size()`.
"""

from __future__ import annotations

import functools
import operator
import os
import sys

from rushlight.core import cgroups
from rushlight.core.system import text_of

_read = functools.lru_cache(maxsize=1024)(text_of)  # how the CPUs lie does not change
_asked: int | None = None
_size: int | None = None
_available: int | None = None


def set_num_threads(count: int) -> None:
    """Use `count` threads in kernels, or as many of them as this process may run at once.

    Raises RuntimeError for counts below 1 and TypeError for what is no integer.

    >>> import rushlight as torch
    >>> torch.set_num_threads(1)
    >>> torch.get_num_threads()
    1
    """
    global _asked
    try:
        count = operator.index(count)
    except TypeError:
        kind = type(count).__name__
        raise TypeError(f"set_num_threads expects an int, but got {kind}") from None
    if count < 1:
        raise RuntimeError(f"set_num_threads expects a positive integer, but got {count}")
    _asked = count
    refresh()


def get_num_threads() -> int:
    """The number of threads asked for; without a wish, as many as there are cores to run on."""
    return _asked or _from_environment() or available()


def team_size() -> int:
    """How many threads a kernel is launched with: never more than can run at once, which would make all of them wait.

    Cheap: found out once, and again after `set_num_threads` and in a forked child."""
    global _size
    if _size is None:
        _size = max(1, min(get_num_threads(), _allowed()))
    return _size


def refresh() -> None:
    """Look again at the next question: affinity and quotas may have changed."""
    global _size, _available
    _size = _available = None


def available() -> int:
    """Cores that this process may use at once: by affinity, without hyper-threads, within the quota of its groups."""
    global _available
    if _available is None:
        _available = max(1, min(_cores(_affinity()), _quota()))
    return _available


def _allowed() -> int:
    """As `available`, but hyper-threads count: the user may want them."""
    return min(len(_affinity()), _quota())


def _affinity() -> set[int]:
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def _cores(cpus: set[int]) -> int:
    """Physical cores among `cpus`: hyper-threads share the multipliers, so two on one core gain nothing."""
    topology = "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"
    return len({_read(topology.format(cpu)) or str(cpu) for cpu in cpus})


def _from_environment() -> int:
    """OMP_NUM_THREADS; of a list, which counts levels of nesting, the first."""
    first = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return int(first) if first.isdigit() else 0


def _quota() -> int:
    """The control groups' CPU quota as whole CPUs, rounded up; no quota is a very large one."""
    return cgroups.cpu_quota() or sys.maxsize
