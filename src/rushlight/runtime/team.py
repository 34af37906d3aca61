"""Launching a kernel on several threads.

In: an `Entry` (its address, its `call`), the words of its `Params`, a number of threads. A kernel shares out its own
work: each thread that calls it claims items until none are left. So a team only has to call it from n threads and
wait; fewer than n is slower, never wrong, and no thread needs a number.

The platform's own team is taken: GOMP_parallel of libgomp (1.4 µs a launch on two threads), or of an OpenMP library
that the process has loaded anyway; Grand Central Dispatch on macOS. Else Python threads (15 µs). A forked child has
none of the parent's threads, and OpenMP would wait for them for ever: it takes Python threads.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import queue
import sys
import threading
from array import array
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import cpus

if TYPE_CHECKING:
    from ..codegen.jit import Entry

Team = Callable[["Entry", int, int], None]

_team: Team | None = None
_forked = False


def launch(entry: Entry, words: array, threads: int = 1) -> None:
    """Run a kernel on this thread and `threads` − 1 others; returns when all are done.

    `words` is what `Params.pack` made, for this launch only: it holds the counters of the work claimed."""
    if threads <= 1:
        entry.call(words.buffer_info()[0])
    else:
        (_team or _choose())(entry, words.buffer_info()[0], threads)


def name() -> str:
    """Which team is used, for people."""
    return (_team or _choose()).__name__.strip("_")


def _choose() -> Team:
    global _team
    _team = _python if _forked else _openmp() or _dispatch() or _python
    return _team


# -------------------------------------------------------------------- the platform's teams


def _openmp() -> Team | None:
    """GOMP_parallel, which LLVM's and Intel's OpenMP have as well."""
    for path in ("libgomp.so.1", *_loaded_openmp()):
        try:
            parallel = ctypes.CDLL(path).GOMP_parallel
        except (OSError, AttributeError):
            continue
        parallel.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
        parallel.restype = None
        return _team_of(parallel)
    return None


def _team_of(parallel: Any) -> Team:
    def openmp(entry: Entry, words: int, threads: int) -> None:
        parallel(entry.address, words, threads, 0)

    return openmp


def _loaded_openmp() -> list[str]:
    """OpenMP libraries in this process: a second copy of one may end the process, the one at hand will not."""
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="replace") as file:
            paths = {line.split(maxsplit=5)[-1].strip() for line in file if "omp" in line}
    except OSError:
        return []
    known = ("libgomp", "libomp", "libiomp5")
    return sorted(path for path in paths if os.path.basename(path).startswith(known))


def _dispatch() -> Team | None:
    """Grand Central Dispatch: calls the kernel with its words and a number, which it ignores."""
    if sys.platform != "darwin":
        return None
    try:
        system = ctypes.CDLL("/usr/lib/libSystem.dylib")
        apply, queue_of = system.dispatch_apply_f, system.dispatch_get_global_queue
    except (OSError, AttributeError):
        return None
    queue_of.restype, queue_of.argtypes = ctypes.c_void_p, [ctypes.c_long, ctypes.c_ulong]
    apply.restype, apply.argtypes = None, [ctypes.c_size_t, *[ctypes.c_void_p] * 3]
    user_initiated = queue_of(0x19, 0)

    def dispatch(entry: Entry, words: int, threads: int) -> None:
        apply(threads, user_initiated, words, entry.address)

    return dispatch


# -------------------------------------------------------------------- Python threads


class _Job:
    """One launch. Workers enter while it is open; who comes late finds it closed, and nobody waits for him."""

    __slots__ = ("call", "changed", "inside", "open", "words")

    def __init__(self, call: Callable[[int], None], words: int) -> None:
        self.call, self.words = call, words
        self.inside, self.open, self.changed = 0, True, threading.Condition()

    def join(self) -> None:
        """Work on it, if it is open."""
        with self.changed:
            if not self.open:
                return
            self.inside += 1
        self.call(self.words)
        with self.changed:
            self.inside -= 1
            self.changed.notify()

    def close(self) -> None:
        """Return when nobody is inside any more: the memory that the words name may go then, and no sooner. So not
        even Ctrl-C ends the wait; it is raised after it."""
        interrupted = None
        while self.open or self.inside:
            try:
                with self.changed:
                    self.open = False
                    while self.inside:
                        self.changed.wait()
            except KeyboardInterrupt as interrupt:
                interrupted = interrupt
        if interrupted is not None:
            raise interrupted


_jobs: queue.SimpleQueue = queue.SimpleQueue()
_workers = 0
_growing = threading.Lock()


def _python(entry: Entry, words: int, threads: int) -> None:
    """Ask others to join, work, wait for those that did."""
    _grow(threads - 1)
    job = _Job(entry.call, words)
    try:
        for _ in range(threads - 1):
            _jobs.put(job)
        entry.call(words)
    finally:
        job.close()


def _grow(count: int) -> None:
    """Have `count` workers, or as many as the system grants; they sleep until asked, and end with the process."""
    global _workers
    if _workers >= count:
        return
    with _growing, contextlib.suppress(RuntimeError):
        while _workers < count:
            threading.Thread(target=_work, args=(_jobs,), name="rushlight", daemon=True).start()
            _workers += 1


def _work(jobs: queue.SimpleQueue) -> None:
    while True:
        jobs.get().join()


def _after_fork() -> None:
    global _team, _forked, _jobs, _workers, _growing
    _team, _forked, _workers = None, True, 0
    _jobs, _growing = queue.SimpleQueue(), threading.Lock()
    cpus.refresh()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
