"""Launching a kernel on several threads.

In: an `Entry` (its address, its `call`), the words of its `Params`, a number of threads. A kernel shares out its own
work: each thread that calls it takes items until none are left. So a team only has to call it from n threads and
wait for those that came; fewer than n is slower, never wrong, and no thread needs a number.

On Linux the team is our own: threads of the C library that run `runtime.team_program`. On macOS it is Grand Central
Dispatch; elsewhere, Python threads (4 µs a launch). Ours takes 0.6 to 1.8 µs on two threads, as GOMP_parallel does on
an idle machine; where the cores have other work, libgomp took 11 ms in the median, since it waits for every thread to
come and look, and ours 9 µs. In a forked child libgomp hangs; ours is made anew.
"""

from __future__ import annotations

import ctypes
import os
import queue
import signal
import sys
import threading
import time
import warnings
from array import array
from collections.abc import Callable
from threading import get_ident
from typing import TYPE_CHECKING

from ..core import pages
from ..language.params import BEHIND
from . import cpus, pauses
from . import team_program as layout
from .team_program import team_code

if TYPE_CHECKING:
    from ..compiler.jit import Entry

Team = Callable[["Entry", int, int], None]

_WATCH = 200e-6  # seconds that a worker stays awake after a launch: the next layer comes within that
_AGAIN = 10.0  # seconds after which threads that were refused are asked for again
_team: Team | None = None


def launch(entry: Entry, words: array, threads: int = 1) -> None:
    """Run a kernel on this thread and `threads` − 1 others; returns when all are done.

    `words` is what `Params.pack` made: it holds the counters of the work taken, so one launch at a time. A kernel that
    changes what it reads takes items of a counter, or is one for `run_whole`. On the main
    thread, Ctrl-C may end it between two items; what it was to compute is then undefined."""
    if words[0] or words[1]:  # of a launch before
        pauses.forget(words)
        words[0] = words[1] = 0
    if get_ident() != pauses.main:
        _start(entry, words, threads)
        return
    before, pauses.running = pauses.running, words
    try:
        if pauses.asleep:
            pauses.wake()
        _start(entry, words, threads)
        while words[0] >= pauses.STOPPED:
            pauses.resume(words)
            _start(entry, words, threads)
    finally:
        if words[0] >= pauses.STOPPED:  # a signal's handler has raised
            pauses.forget(words)
        pauses.running = before  # another one where a signal's handler launched this one


def run_whole(entry: Entry, words: array) -> None:
    """Run a kernel that takes no items, on this thread, from its start to its end.

    `launch` would run it once more where the watch has stopped it, since nobody took what it has done from a counter:
    wrong for a kernel that goes on with what it has changed (a generator's state, an order that it shuffles)."""
    entry.call(words.buffer_info()[0])


def _start(entry: Entry, words: array, threads: int) -> None:
    if threads <= 1:
        entry.call(words.buffer_info()[0])
    else:
        (_team or _choose())(entry, words.buffer_info()[0], threads)


def name() -> str:
    """Which team is used: native, dispatch or python."""
    return (_team or _choose()).__name__.strip("_")


def _choose() -> Team:
    global _team
    with _growing:
        if _team is None:
            _team = _native() or _dispatch() or _python
    return _team


class _Refused:
    """That the system granted no more threads: not asked again for a while, or for more."""

    def __init__(self) -> None:
        self.count, self.until, self.said = 0, 0.0, False

    def lately(self, count: int) -> bool:
        """Whether so many, or fewer, were refused in the last seconds."""
        return 0 < self.count <= count and time.monotonic() < self.until

    def say(self, there: int, wanted: int) -> None:
        """Remember it; the first time with a warning."""
        self.count, self.until = wanted, time.monotonic() + _AGAIN
        if not self.said:
            self.said = True
            warnings.warn(
                f"the system grants no more threads: layers run on {there + 1} instead of {wanted + 1}; "
                f"set_num_threads({there + 1}) says so beforehand",
                RuntimeWarning,
                stacklevel=2,
            )


_refused = _Refused()


# -------------------------------------------------------------------- our own team


def _native() -> Team | None:
    """A team of C threads; None where this system has no futex, or grants no code or thread."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        code = team_code()
        state = pages.map_memory(pages.whole(layout.SIZE), pages.READ | pages.WRITE)  # for ever: workers look at it
    except (RuntimeError, ValueError, OSError):
        return None
    ctypes.c_void_p.from_address(state + layout.SYSCALL).value = ctypes.cast(
        pages.libc().syscall, ctypes.c_void_p
    ).value
    ctypes.c_int64.from_address(state + layout.TURNS).value = _turns(code["rest"].address)
    workers = _Workers(state, [code[name].address for name in layout.WORKERS])
    start = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 3, ctypes.c_int64)(code["launch"].address)
    start.code = code["launch"].call  # what runs must stay in memory

    def native(entry: Entry, words: int, threads: int) -> None:
        if workers.count < threads - 1 and not _refused.lately(threads - 1) and not workers.grow(threads - 1):
            _refused.say(workers.count, threads - 1)
        start(state, entry.address, words, threads - 1)

    return native if workers.grow(1) else None


def _turns(rest: int) -> int:
    """How many pauses a worker watches for the next launch before it sleeps; they differ by 4 × among CPUs."""
    pause = ctypes.CFUNCTYPE(None, ctypes.c_int64)(rest)
    times = []
    for _ in range(3):
        begin = time.perf_counter()
        pause(500)
        times.append((time.perf_counter() - begin) / 500)
    return max(100, min(100_000, int(_WATCH / min(times))))


class _Workers:
    """The threads of a team. They end with the process."""

    def __init__(self, state: int, work: list[int]) -> None:
        self.count, self._state, self._work, self._lock = 0, state, work, threading.Lock()

    def grow(self, count: int) -> bool:
        """Have `count` of them; False where the system grants no more."""
        with self._lock:
            while self.count < count:
                if not self._start():
                    return False
                self.count += 1
        return True

    def _start(self) -> bool:
        """Signals are Python's main thread's: a worker that took one would leave it asleep."""
        libc, thread = pages.libc(), ctypes.c_void_p()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            work = ctypes.c_void_p(self._work[self.count % len(self._work)])
            state = ctypes.c_void_p(self._state)
            failed = libc.pthread_create(ctypes.byref(thread), None, work, state)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return not failed and not libc.pthread_detach(thread)


# -------------------------------------------------------------------- Grand Central Dispatch


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


class _Launch:
    """The descriptor of one launch. Workers enter while it is open; who comes late finds it closed, and nobody waits
    for him."""

    __slots__ = ("call", "changed", "inside", "open", "words")

    def __init__(self, call: Callable[[int], None], words: int) -> None:
        self.call, self.words = call, words
        self.inside, self.open, self.changed = 0, True, threading.Condition()

    def join(self) -> None:
        """Run the kernel from the back of its items, unless the launch is closed."""
        with self.changed:
            if not self.open:
                return
            self.inside += 1
        self.call(self.words + BEHIND)
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


_launches: queue.SimpleQueue = queue.SimpleQueue()
_workers = 0
_growing = threading.Lock()


def _python(entry: Entry, words: int, threads: int) -> None:
    """The kernel with these words on up to so many of Python's threads, this one among them."""
    _grow(threads - 1)
    descriptor = _Launch(entry.call, words)
    try:
        for _ in range(threads - 1):
            _launches.put(descriptor)
        entry.call(words)
    finally:
        descriptor.close()


def _grow(count: int) -> None:
    """Have `count` workers, or as many as the system grants; they sleep until asked, and end with the process."""
    global _workers
    if _workers >= count or _refused.lately(count):
        return
    with _growing:
        while _workers < count:
            try:
                threading.Thread(target=_work, args=(_launches,), name="rushlight", daemon=True).start()
            except RuntimeError:
                _refused.say(_workers, count)
                return
            _workers += 1


def _work(launches: queue.SimpleQueue) -> None:
    while True:
        launches.get().join()


def _after_fork() -> None:
    """The child has this thread only: it makes a new team when it first needs one."""
    global _team, _launches, _workers, _growing, _refused
    _team, _workers, _refused = None, 0, _Refused()
    _launches, _growing = queue.SimpleQueue(), threading.Lock()
    cpus.refresh()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
