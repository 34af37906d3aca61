"""A worker: a process that fetches batches ahead of the network.

In: tasks (numbered lists of indices) from one connection, in order. Out: batches, failures and ends of streams into
another. `pool` starts workers and talks to them.

A worker lives as PyTorch's do: one thread for kernels; `random`, `numpy.random` and the library's own default generator
seeded from the loader's seed and the worker's number; Ctrl-C is the main process's business; it ends when it is told
to, when the main process closes the connection, and when that process dies.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import queue
import random
import select
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection, wait
from typing import Any

from rushlight.core import pages
from rushlight.random.generator import manual_seed
from rushlight.runtime.cpus import set_num_threads
from rushlight.utils.data.failure import Failure
from rushlight.utils.data.transport import Parcel, Received, pack, receive, send
from rushlight.utils.data.workers import (
    BATCH,
    END,
    FAILURE,
    RESUME,
    RESUMED,
    STOP,
    Job,
    WorkerInfo,
    become_worker,
)

WATCH = 5.0  # seconds between two looks at whether the other process is still there
_END_WITH_PARENT = 1  # PR_SET_PDEATHSIG


def work(job: Job, tasks: Connection, results: Connection) -> None:
    """The life of a worker."""
    _settle(job, tasks)
    _seed(job)
    become_worker(WorkerInfo(job.id, job.num_workers, job.base_seed + job.id, job.fetching.dataset))
    answer = _Answers(results).put
    where = f"in DataLoader worker process {job.id}"
    fetch = _prepared(job, where)
    ended = False
    for label, indices in _incoming(tasks):
        if label == RESUME:
            fetch, ended = _started(job, where), False
            answer(pack((None, RESUMED)))
        elif not ended:
            parcel, ended = _answer(label, indices, fetch, where, job.fetching.stream)
            answer(parcel)
            del parcel, indices  # they hold a batch while the next task is waited for


def _prepared(job: Job, where: str) -> Callable[[Any], Any] | Failure:
    try:
        if job.init is not None:
            job.init(job.id)
    except Exception as error:
        return Failure.of(error, where)
    return _started(job, where)


def _started(job: Job, where: str) -> Callable[[Any], Any] | Failure:
    try:
        return job.fetching.start()
    except Exception as error:
        return Failure.of(error, where)


def _answer(number: int, indices: Callable, fetch: Callable | Failure, where: str, stream: bool) -> tuple[Parcel, bool]:
    """A task's answer, and whether the stream has ended."""
    try:
        if isinstance(fetch, Failure):
            return _failed(number, fetch), False
        return pack((number, BATCH), fetch(indices()), share=True), False
    except Exception as error:
        if stream and isinstance(error, StopIteration):
            return pack((number, END)), True
        return _failed(number, Failure.of(error, where)), False


def _failed(number: int, failure: Failure) -> Parcel:
    try:
        return pack((number, FAILURE), failure)
    except Exception:  # a class that was made inside a function
        return pack((number, FAILURE), failure.unnamed())


# -------------------------------------------------------------------- becoming a worker


def _settle(job: Job, tasks: Connection) -> None:
    """Leave behind what belongs to the main process."""
    signal.set_wakeup_fd(-1)  # an event loop of the main process would hear our signals
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, _Interrupt(tasks))
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    _end_with_parent(job)
    set_num_threads(1)


def _end_with_parent(job: Job) -> None:
    """End when the process that started this one is killed, also while a sample takes long."""
    parent = multiprocessing.parent_process()
    if sys.platform.startswith("linux") and job.by_main_thread and parent.pid == os.getppid():
        # Linux ends it with the thread that started it, so that must be one that lives as long as the process.
        pages.libc().prctl(_END_WITH_PARENT, signal.SIGKILL)
    else:
        threading.Thread(target=_end_after, args=(parent.sentinel,), daemon=True).start()


def _end_after(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)


class _Interrupt:
    """Ctrl-C reaches the whole group. What follows from it the main process decides: it may go on. But when it hangs
    up after one, nobody waits for the sample at hand."""

    def __init__(self, tasks: Connection) -> None:
        self._tasks, self._watched = tasks, not hasattr(select, "poll")

    def __call__(self, *_: object) -> None:
        if not self._watched:
            self._watched = True
            threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        poll = select.poll()
        poll.register(self._tasks, 0)  # no events but that the other end is closed
        poll.poll()
        os._exit(1)


def _seed(job: Job) -> None:
    """Python's generator and ours from base seed + number; NumPy's from both, mixed so that its numbers differ from
    those of `random`, which is the same algorithm."""
    import numpy.random

    random.seed(job.base_seed + job.id)
    manual_seed(job.base_seed + job.id)
    # A generator of its own: the lock of the forked one may be held, for ever, by a thread that is not in this process.
    numpy.random.set_bit_generator(numpy.random.MT19937(0))
    entropy = [job.id, job.base_seed & 0xFFFF_FFFF, job.base_seed >> 32, 0]
    numpy.random.seed(numpy.random.SeedSequence(entropy).generate_state(4))


# -------------------------------------------------------------------- messages


def _incoming(tasks: Connection) -> Iterator[Received]:
    """The messages, until there will be no more. All that have come are read before one is worked on, so that a stop
    is heard before work that nobody waits for."""
    waiting: deque[Received] = deque()
    while True:
        try:
            while not waiting or tasks.poll():
                if waiting or wait([tasks], WATCH):
                    received = receive(tasks)
                    if received.label == STOP:
                        return
                    waiting.append(received)
                elif not multiprocessing.parent_process().is_alive():
                    return
        except (EOFError, OSError):
            return
        yield waiting.popleft()


class _Answers:
    """Sends in a thread of its own: a worker that waited for the main process to read could not read itself, and the
    two might wait for each other."""

    def __init__(self, results: Connection) -> None:
        self._results, self._waiting = results, queue.SimpleQueue()
        self.put = self._waiting.put
        threading.Thread(target=self._send, daemon=True).start()

    def _send(self) -> None:
        with contextlib.suppress(OSError):  # nobody reads any more
            while True:
                send(self._results, self._waiting.get())
