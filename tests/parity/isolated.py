"""Runs a function in a child process with limits on memory and time: some calls crash or hang PyTorch.

Comes in: a function without arguments, whose result is JSON. Goes out: its result, or how the child ended.
"""

import json
import os
import resource
import select
import signal
from collections.abc import Callable


def isolated(work: Callable[[], object], seconds: float = 20, memory: int = 6 * 2**30) -> object:
    """The result of `work()` run in a fork; a crash, a hang or memory without end come back as a dict."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        run_child(work, reading, writing, memory)
    os.close(writing)
    received, alive = receive(reading, seconds)
    if not alive:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if received:
        return json.loads(received)
    return {"ended": f"no answer within {seconds:g} s" if not alive else ending(status)}


def run_child(work: Callable[[], object], reading: int, writing: int, memory: int) -> None:
    os.close(reading)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    with os.fdopen(writing, "w") as pipe:
        json.dump(work(), pipe)
    os._exit(0)


def receive(reading: int, seconds: float) -> tuple[bytes, bool]:
    """What the child wrote until it closed the pipe, and whether it did so in time."""
    received = b""
    with os.fdopen(reading, "rb", buffering=0) as pipe:
        while True:
            ready, _, _ = select.select([pipe], [], [], seconds)
            if not ready:
                return received, False
            piece = pipe.read(65536)
            if not piece:
                return received, True
            received += piece


def ending(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f"killed by {signal.Signals(os.WTERMSIG(status)).name}"
    return f"exit status {os.WEXITSTATUS(status)}"
