"""The workers of an iterator, seen from the main process: started, spoken to, watched and stopped.

In: a job for each. Out: their answers as they come; RuntimeError that names a worker which has died.

Each worker has two connections, so that nothing is shared by workers: one that is killed at any moment blocks no other.
A process that is forked from this one closes the copies it gets of them, and leaves the workers alone.
"""

from __future__ import annotations

import _thread
import contextlib
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
import warnings
import weakref
from collections.abc import Iterator
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from rushlight.core.errors import message
from rushlight.utils.data.transport import CAN_SHARE, Received, pack, receive, send
from rushlight.utils.data.worker_process import WATCH, work
from rushlight.utils.data.workers import STOP, Job

PATIENCE = 5.0  # seconds that a worker which is told to stop has for the batch at hand


class Worker:
    """A process, and our ends of its two connections."""

    def __init__(self, context: Any, job: Job) -> None:
        self.listened_to = True
        their_tasks, self.tasks = context.Pipe(duplex=False)
        self.results, their_results = context.Pipe(duplex=CAN_SHARE)  # a socket, which can hand over files
        self.process: BaseProcess = context.Process(target=work, args=(job, their_tasks, their_results), daemon=True)
        _open.add(self)  # before it forks
        try:
            self.process.start()
        except BaseException:
            self.hang_up()
            raise
        finally:
            their_tasks.close()
            their_results.close()

    def hang_up(self) -> None:
        """Close our ends."""
        self.listened_to = False
        with _closing:
            for connection in (self.tasks, self.results):
                with contextlib.suppress(OSError):
                    connection.close()

    def tell_to_stop(self) -> None:
        """Say so, if that is possible without waiting."""
        with contextlib.suppress(OSError, ValueError):
            if os.name == "posix":
                os.set_blocking(self.tasks.fileno(), False)
            send(self.tasks, pack(STOP))


_open: weakref.WeakSet[Worker] = weakref.WeakSet()
# Held while a connection closes and while the process forks: half closed, its number might be another file's already.
_closing = threading.RLock()


def _hang_up_in_child() -> None:
    try:
        for worker in list(_open):
            worker.hang_up()
    finally:
        _closing.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_closing.acquire, after_in_parent=_closing.release, after_in_child=_hang_up_in_child)


class Pool:
    """Processes that work for one iterator. They end with it."""

    def __init__(self, context: Any, jobs: list[Job]) -> None:
        import numpy.random  # noqa: F401  (what is forked has it, and need not load it in each process)

        self._pid = os.getpid()
        self._workers: list[Worker] = []
        self._heard: set[int] = set()  # of whom there was an answer
        self._method = context.get_start_method()
        self.close = weakref.finalize(self, _stop, self._workers, self._pid)
        self.close.atexit = False  # multiprocessing ends its daemons then, and waits for none
        try:
            with _deaf_to_interrupts(self._method), _forking_allowed(self._method):
                for job in jobs:
                    self._workers.append(Worker(context, job))
        except (pickle.PicklingError, TypeError, AttributeError) as error:
            self.close()
            raise _unpicklable(error, self._method) from error
        except BaseException:
            self.close()
            raise

    @property
    def closed(self) -> bool:
        """Whether its workers are gone."""
        return not self.close.alive or os.getpid() != self._pid

    def send(self, worker: int, label: Any, value: Any = None) -> None:
        """Tell a worker something; a dead one hears nothing, which is noticed when its answer is waited for."""
        self._check_open()
        parcel = pack(label, value)
        with self._whole(), contextlib.suppress(BrokenPipeError, ConnectionResetError):
            send(self._workers[worker].tasks, parcel)

    def dismiss(self, worker: int) -> None:
        """Let a worker end which has nothing to do any more."""
        self._workers[worker].tell_to_stop()
        self._workers[worker].listened_to = False

    def receive(self, timeout: float | None) -> Received:
        """The next answer of any worker.

        Raises TimeoutError when there is none in time, RuntimeError where a worker has died.
        """
        self._check_open()
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            left = WATCH if deadline is None else max(0.0, min(WATCH, deadline - time.monotonic()))
            listened = {w.results: n for n, w in enumerate(self._workers) if w.listened_to}
            sentinels = {self._workers[n].process.sentinel: n for n in listened.values()}
            ready = wait([*listened, *sentinels], left)
            for connection in ready:
                if connection in listened:
                    return self._read(listened[connection], connection)
            lost = {sentinels[sentinel] for sentinel in ready} | self._dead()
            if lost:
                raise self._lost(lost)
            if deadline is not None and time.monotonic() >= deadline:
                raise TimeoutError

    def _read(self, worker: int, connection: Connection) -> Received:
        try:
            with self._whole():
                received = receive(connection)
        except (EOFError, OSError) as error:
            raise self._lost({worker}) from error
        self._heard.add(worker)
        return received

    @contextlib.contextmanager
    def _whole(self) -> Iterator[None]:
        """A message is written or read as a whole: after half of one nothing can be understood."""
        try:
            yield
        except BaseException as error:
            if not isinstance(error, (EOFError, OSError)):
                self.close()
            raise

    def check_owner(self) -> None:
        """RuntimeError in a process that was forked from the one which started the workers."""
        if os.getpid() != self._pid:
            raise RuntimeError(
                message("DataLoader: its workers belong to another process", fix="a new iterator in this one")
            )

    def _check_open(self) -> None:
        self.check_owner()
        if self.closed:
            raise RuntimeError(message("DataLoader: its workers have ended", fix="a new iterator: iter(loader)"))

    def _dead(self) -> set[int]:
        return {n for n, worker in enumerate(self._workers) if worker.listened_to and not worker.process.is_alive()}

    def _lost(self, numbers: set[int]) -> RuntimeError:
        """The error that names workers which have died; the others are stopped."""
        for number in numbers:
            self._workers[number].process.join(1)
        lost = sorted(numbers | self._dead())
        pids = ", ".join(str(self._workers[n].process.pid) for n in lost)
        facts = [_how_it_ended(n, self._workers[n].process) for n in lost]
        failed_early = any(self._workers[n].process.exitcode == 1 and n not in self._heard for n in lost)
        unguarded = self._method != "fork" and failed_early
        fix = 'if __name__ == "__main__": around what the script does, for workers import it' if unguarded else None
        self.close()
        return RuntimeError(message(f"DataLoader worker (pid(s) {pids}) exited unexpectedly", *facts, fix=fix))


def _how_it_ended(number: int, process: BaseProcess) -> str:
    code = process.exitcode
    if code is None:
        return f"worker {number} no longer answers"
    if code >= 0:
        return f"worker {number} ended with exit code {code}"
    name = signal.strsignal(-code) or f"signal {-code}"
    hint = " (is memory short? Linux kills processes then)" if -code == getattr(signal, "SIGKILL", 9) else ""
    return f"worker {number} is killed by signal: {name}{hint}"


def _unpicklable(error: Exception, method: str) -> Exception:
    """The same kind of error with its reason."""
    forks = "fork" in multiprocessing.get_all_start_methods()
    other = ", or multiprocessing_context='fork'" if forks and method != "fork" else ""
    text = message(
        str(error),
        f"DataLoader: with {method!r}, dataset, collate_fn and worker_init_fn are pickled on their way to a worker",
        fix=f"functions and classes at the top level of a module (no lambda), no open files{other}",
    )
    return type(error)(text)


def _stop(workers: list[Worker], pid: int) -> None:
    """End the workers: told, then asked by signal, then killed. Nothing in a process that is not theirs."""
    if os.getpid() != pid:
        return
    with _interrupts_noted() as noted:
        for worker in workers:
            worker.tell_to_stop()
            worker.hang_up()
        deadline = time.monotonic() + PATIENCE
        while (alive := _alive(workers)) and not noted and time.monotonic() < deadline:
            wait([process.sentinel for process in alive], 0.1)
        for end in (BaseProcess.terminate, BaseProcess.kill):
            for process in alive:
                end(process)
            for process in alive:
                process.join(1)
            alive = _alive(workers)


def _alive(workers: list[Worker]) -> list[BaseProcess]:
    return [worker.process for worker in workers if worker.process.is_alive()]


@contextlib.contextmanager
def _interrupts_noted() -> Iterator[list]:
    """Ctrl-C is noted in the block and comes after it: neither may a block be left half done, nor an interrupt get
    lost, as Python loses what is raised where an object is finalized."""
    noted: list[int] = []
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield noted
        return
    signal.signal(signal.SIGINT, lambda number, _: noted.append(number))
    try:
        yield noted
    except Exception:
        if noted:  # which is why it failed: what multiprocessing starts hears the terminal, too
            handler(noted.pop(), None)
        raise
    finally:
        signal.signal(signal.SIGINT, handler)
        if noted:
            threading.Timer(0.01, _interrupt).start()


def _interrupt() -> None:
    """Ctrl-C for the main thread, and it wakes up from what it waits for where the system can do that."""
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
    else:
        _thread.interrupt_main()


@contextlib.contextmanager
def _deaf_to_interrupts(method: str) -> Iterator[None]:
    """Ctrl-C waits until the workers are there; they do not hear it before they know what to do."""
    if method != "fork" and os.name == "posix":
        from multiprocessing import forkserver, resource_tracker

        # What multiprocessing starts beside them lifts the mask, or would pass it on to processes of others.
        server = forkserver if method == "forkserver" else resource_tracker
        server.ensure_running()
    with _interrupts_noted():
        if not hasattr(signal, "pthread_sigmask"):
            yield
            return
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # inherited, by programs too
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _forking_allowed(method: str) -> Iterator[None]:
    """Python 3.12 and later warn of forks beside threads; the library's are ready for them."""
    if method != "fork" or sys.version_info < (3, 12):
        yield
        return
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*multi-threaded", DeprecationWarning)
        yield


def started_by_main_thread() -> bool:
    """Whether this is the main thread."""
    return threading.current_thread() is threading.main_thread()
