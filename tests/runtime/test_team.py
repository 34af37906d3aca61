"""Launching: every item once, whoever runs it; forks, Python threads, all teams."""

import os
import signal
import threading
import time

import numpy as np
import pytest

from rushlight import runtime
from rushlight.compiler import jit
from rushlight.language.ir import Module, Params, f32, i64, ptr
from rushlight.language.params import BEHIND
from rushlight.plan.target import Target
from rushlight.runtime import team

HOST = Target.host()
PARAMS = Params(hits=ptr(i64), x=ptr(f32), items=i64)
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="POSIX")


def entry():
    """Counts each item's visits and the threads that joined; adds a subnormal to itself meanwhile."""

    def build():
        k = Module(HOST)
        with k.kernel("count", PARAMS) as (f, p):
            p.ticket.fetch_add(1)
            with f.dynamic_loop(p.next, p.items, chunk=3) as item:
                p.hits[item].fetch_add(1)
                p.x[item].store(p.x[item].load() + p.x[item].load())
        return k

    return jit.kernel("test team 1", build, HOST)["count"]


def run(threads, items=1000):
    hits, x = np.zeros(items, np.int64), np.full(items, 1e-40, np.float32)
    words = PARAMS.pack(hits=hits, x=x, items=items)
    runtime.launch(entry(), words, threads)
    assert (hits == 1).all() and (x == 0).all()
    return words[1]


@pytest.fixture(params=["best", "python"])
def any_team(request, monkeypatch):
    monkeypatch.setattr(team, "_team", team._python if request.param == "python" else None)


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
def test_every_item_once(any_team, threads):
    joined = run(threads)
    assert joined == 1 if threads == 1 else 1 <= joined <= threads


@pytest.mark.parametrize("items", [0, 1, 2, 3, 4, 7, 1000])
@pytest.mark.parametrize("behind", [0, BEHIND])
def test_items_are_taken_from_either_side(items, behind):
    hits, x = np.zeros(items, np.int64), np.zeros(items, np.float32)
    words = PARAMS.pack(hits=hits, x=x, items=items)
    entry().call(words.buffer_info()[0] + behind)
    assert (hits == 1).all()


@pytest.mark.parametrize("behind", [0, BEHIND])
def test_items_left_between_both_sides_are_taken_once(behind):
    hits, x = np.zeros(20, np.int64), np.zeros(20, np.float32)
    words = PARAMS.pack(hits=hits, x=x, items=20)
    words[0] = 6 | 9 << 31  # taken so far from the front, and from the back
    entry().call(words.buffer_info()[0] + behind)
    assert hits.tolist() == [0] * 6 + [1] * 5 + [0] * 9


@pytest.mark.parametrize("behind", [0, BEHIND])
def test_more_items_than_half_of_the_counter_counts(behind):
    """All are taken from the front: here the last two."""
    items = 5 << 30
    hits, x = np.zeros(2, np.int64), np.zeros(2, np.float32)
    words = PARAMS.pack(hits=hits.ctypes.data - 8 * (items - 2), x=x.ctypes.data - 4 * (items - 2), items=items)
    words[0] = items - 2
    entry().call(words.buffer_info()[0] + behind)
    assert hits.tolist() == [1, 1]


def test_words_may_be_launched_again(any_team):
    hits, x = np.zeros(100, np.int64), np.zeros(100, np.float32)
    words = PARAMS.pack(hits=hits, x=x, items=100)
    for _ in range(3):
        runtime.launch(entry(), words, 2)
    assert (hits == 3).all()


def test_no_items(any_team):
    run(2, items=0)


def test_many_python_threads_launch_at_once(any_team):
    failures = []

    def work():
        try:
            for _ in range(50):
                run(2, items=200)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_modes_of_the_caller_and_of_workers_are_restored(any_team):
    run(2)
    tiny = np.full(4, 1e-40, np.float32)
    assert (tiny + tiny > 0).all()


def in_child(work):
    """Run `work` in a forked child that has ten seconds; its exit code."""
    child = os.fork()
    if not child:
        signal.alarm(10)
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_does_not_hang(any_team):
    run(2)

    def work():
        for _ in range(20):
            run(2)

    assert in_child(work) == 0
    assert in_child(lambda: in_child(work) and 1 / 0) == 0
    run(2)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_fork_while_others_work():
    """Locks that other threads hold at the moment of the fork are free in the child."""
    stop = threading.Event()

    def work():
        index = 0
        while not stop.is_set():
            run(2, items=50)
            runtime.empty((5000 + 16 * index,), np.dtype("f4"))
            jit.kernel(f"unknown {index}", lambda: Module(HOST), HOST) if index < 20 else None
            index += 1

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(10):
            assert in_child(lambda: (run(2), runtime.empty((99999,), np.dtype("f4")), runtime.release_cached())) == 0
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_an_interrupt_waits_for_the_workers():
    """Ctrl-C while others are inside must not free the memory that they work in."""
    inside, leave = threading.Event(), threading.Event()

    def call(words):
        inside.set()
        leave.wait()

    descriptor = team._Launch(call, 0)
    worker = threading.Thread(target=descriptor.join)
    worker.start()
    inside.wait()
    threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
    threading.Timer(0.3, leave.set).start()
    with pytest.raises(KeyboardInterrupt):
        descriptor.close()
    assert leave.is_set() and descriptor.inside == 0
    worker.join()
    descriptor.join()
    assert descriptor.inside == 0, "closed to those who come late"


@pytest.mark.parametrize("kind", ["native", "python"])
def test_no_threads_to_be_had(kind, monkeypatch):
    """Said once, and not asked for at every launch, but again after a while."""
    asked = []

    def refuse(self):
        asked.append(self)
        if kind == "python":
            raise RuntimeError("can't start new thread")
        return len(asked) == 1  # else there is no team at all

    monkeypatch.setattr(team, "_refused", team._Refused())
    monkeypatch.setattr(team, "_workers", 0)
    if kind == "python":
        monkeypatch.setattr(team, "_team", team._python)
        monkeypatch.setattr(threading.Thread, "start", refuse)
    else:
        monkeypatch.setattr(team._Workers, "_start", refuse)
        monkeypatch.setattr(team, "_team", team._native())
        if team._team is None:
            pytest.skip("no team of our own here")
    with pytest.warns(RuntimeWarning, match="grants no more threads: layers run on"):
        run(4)
    before = len(asked)
    for _ in range(5):
        run(4)
    assert len(asked) == before
    monkeypatch.setattr(team._refused, "until", 0.0)
    run(4)
    assert len(asked) == before + 1


def test_thousands_of_launches_lose_nothing(any_team):
    """Small launches at once from three threads: tickets, generations and sleeping workers in every order."""
    failures, launches = [], 1500

    def work(seed):
        hits, x, kernel = np.zeros(8, np.int64), np.zeros(8, np.float32), entry()
        for index in range(launches):
            words = PARAMS.pack(hits=hits, x=x, items=index * seed % 9)
            runtime.launch(kernel, words, 2 + index % 3)
            if words[1] > 2 + index % 3:
                failures.append("more threads than asked for")
        expected = [sum(index * seed % 9 > item for index in range(launches)) for item in range(8)]
        if hits.tolist() != expected:
            failures.append((hits.tolist(), expected))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in (1, 2, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_workers_that_slept_are_woken():
    deadline = time.monotonic() + 20
    while run(2, items=100_000) < 2:
        assert time.monotonic() < deadline, "nobody ever came"
        time.sleep(0.002)


def test_workers_take_no_signals():
    """A signal to the process interrupts the main thread's sleep, although workers could take it."""
    run(4)
    before = signal.signal(signal.SIGALRM, lambda *_: 1 / 0)
    try:
        for _ in range(5):
            signal.setitimer(signal.ITIMER_REAL, 0.01)
            with pytest.raises(ZeroDivisionError):
                signal.pause()
    finally:
        signal.signal(signal.SIGALRM, before)


def test_without_a_native_team_python_threads_serve(monkeypatch):
    monkeypatch.setattr(team, "_team", None)
    monkeypatch.setattr(team.sys, "platform", "plan9")
    run(3)
    assert team.name() == "python"


def test_no_native_thread_to_be_had(monkeypatch):
    monkeypatch.setattr(team, "_team", None)
    monkeypatch.setattr(team._Workers, "_start", lambda self: False)
    run(3)
    assert team.name() in ("python", "dispatch")
