"""Coming back to Python while a kernel runs, so that Ctrl-C and other signals are seen within a fifth of a second.

In: `team.launch` names what the main thread runs. Out: while it takes long, it stops between two items of work every
tenth of a second, Python handles its signals, and the kernel goes on where it stopped.

The threads of a kernel take items from a counter. A watch adds a huge number to it: nobody finds another item, so
all return, and what the counter was tells what comes next. The watch is a thread that only the main thread's launches
wake (signals are handled there alone), and that goes to its end when nothing was launched for a while.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
import time
from array import array

from . import memory

STOPPED = 1 << 62
"""A counter from here on was stopped."""
_TICK = 0.1
_IDLE = 20
"""Ticks without a launch after which the watch ends."""

main = threading.main_thread().ident
running: array | None = None
"""The words of the main thread's launch."""
asleep = True
"""Whether there is no watch."""
_stopped: dict[int, tuple[array, int]] = {}  # by identity, the words that were stopped, and the item that comes next
_starting, _stopping = threading.Lock(), threading.Lock()


def wake() -> None:
    """Start the thread that watches, unless it runs."""
    global asleep
    with _starting:
        if asleep:
            asleep = False
            with contextlib.suppress(RuntimeError):  # no thread to be had: signals wait for the end of each kernel
                threading.Thread(target=_watch, name="rushlight watch", daemon=True).start()


def resume(words: array) -> None:
    """Let a launch that was stopped go on with the next item when it is launched again."""
    while id(words) not in _stopped:
        time.sleep(0)  # the watch has not yet written it down
    words[0], words[1] = _stopped.pop(id(words))[1], 0


def forget(words: array) -> None:
    """Nobody goes on with a launch: where it was stopped is of no use to the next one with these words."""
    while words[0] >= STOPPED and id(words) not in _stopped:
        time.sleep(0)  # the watch has not yet written it down
    _stopped.pop(id(words), None)


def _watch() -> None:
    """Stop whatever has run for a tick, keep idle memory within its limit, end after some ticks without a launch."""
    global asleep
    before, idle = None, 0
    while True:
        time.sleep(_TICK)
        memory.trim()
        words = running
        if words is None:
            idle += 1
        else:
            idle = 0
            if words is before and words[0] < STOPPED:
                _stop(words)
        before = words
        if idle > _IDLE:
            _stopped.clear()  # of launches that ended while they were stopped
            asleep = True
            if running is None or not asleep:  # else one came meanwhile, and nobody else watches it
                return
            asleep, idle = False, 0


def _stop(words: array) -> None:
    """Let nobody take another item of a launch, and write down which one comes next.

    Once: two watches (one that is about to end, and the next) would stop it twice, and the counter would overflow."""
    with _stopping:
        if words[0] < STOPPED:
            _stopped[id(words)] = words, _fetch_add(words.buffer_info()[0], STOPPED)


def _fetch_add(address: int, number: int) -> int:
    """Adds to an integer in memory, atomically; gives what was there."""
    from ..compiler import jit
    from ..language.ir import Module, Params, i64, ptr
    from ..plan.target import Target

    params, target = Params(counter=ptr(i64), number=i64, before=ptr(i64)), Target.host()

    def build() -> Module:
        k = Module(target)
        with k.kernel("fetch_add", params) as (_, p):
            p.before.store(p.counter.fetch_add(p.number))
        return k

    before = ctypes.c_int64()
    words = params.pack(counter=address, number=number, before=ctypes.addressof(before))
    jit.kernel("fetch and add", build, target)["fetch_add"].call(words.buffer_info()[0])
    return before.value


def _after_fork() -> None:
    """The thread that forked is the child's main one, and alone."""
    global main, running, asleep, _starting, _stopping
    main, running, asleep = threading.get_ident(), None, True
    _starting, _stopping = threading.Lock(), threading.Lock()
    _stopped.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
