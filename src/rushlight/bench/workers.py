"""A process a library: it answers one question a line, the least time of a case within a budget of seconds.

In: JSON questions on standard input. Out: JSON answers on standard output. Each library runs in a process of its
own, so that one thread team never spins against the other's work; `measure` lets the processes take turns.
The library is named and used as PyTorch is, so this file imports none.
"""

import importlib
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable
from types import ModuleType

from .cases import Case
from .operations import function_of

FORMATS = {2: "channels_last", 3: "channels_last_3d"}


def formats(case: Case) -> list[bool]:
    """Whether the input is channels-last: contiguous always, channels-last where PyTorch has such a format."""
    return [False] if case["op"] == "linear" or len(case["input"]) in (2, 3) else [False, True]


def build(lib: ModuleType, case: Case, channels_last: bool) -> tuple:
    """The layer and its input, and the memory format (None: contiguous)."""
    import numpy as np

    x = lib.from_numpy(np.random.default_rng(0).standard_normal(case["input"], dtype=np.float32))
    if case["op"] == "operation":
        memory_format = lib.channels_last if channels_last else None
        x = x.contiguous(memory_format=memory_format) if channels_last else x
        return function_of(lib, case, x.clone()), x, memory_format
    if case["op"] == "linear":
        return lib.nn.Linear(case["input"][-1], case["out_features"], bias=case["bias"]), x, None
    rank, padding = len(case["input"]) - 2, case["padding"]
    arguments = {key: case[key] for key in ("groups", "bias", "padding_mode")}
    arguments |= {key: tuple(case[key]) for key in ("stride", "dilation")}
    arguments["padding"] = padding if isinstance(padding, str) else tuple(padding)
    name = f"Conv{rank}d"
    if case["op"] == "conv_transpose":
        name, arguments["output_padding"] = f"ConvTranspose{rank}d", tuple(case["output_padding"])
    layer = getattr(lib.nn, name)(case["input"][1], case["out_channels"], tuple(case["kernel_size"]), **arguments)
    if not channels_last:
        return layer, x, None
    memory_format = getattr(lib, FORMATS[rank])
    return layer.to(memory_format=memory_format), x.contiguous(memory_format=memory_format), memory_format


def workload(lib: ModuleType, case: Case, mode: str, channels_last: bool) -> Callable[[], None]:
    """A function of no arguments that runs the case once, forward or forward and backward."""
    layer, x, memory_format = build(lib, case, channels_last)

    def forward() -> None:
        with lib.no_grad():
            layer(x)

    if mode == "fwd":
        return forward
    import numpy as np

    x.requires_grad_(True)
    result = layer(x)
    if not result.requires_grad:  # as positions have none
        return forward
    drawn = np.random.default_rng(1).standard_normal(tuple(result.shape), dtype=np.float32)
    gradient = lib.from_numpy(np.asarray(drawn, np.float32))
    if memory_format is not None and gradient.dim() == len(case["input"]):
        gradient = gradient.contiguous(memory_format=memory_format)
    parameters = [x, *(layer.parameters() if hasattr(layer, "parameters") else ())]

    def train() -> None:
        for parameter in parameters:
            parameter.grad = None
        layer(x).backward(gradient)

    return train


def answer(run: Callable[[], None], budget: float) -> float:
    """The least time of `run` in seconds, repeated for `budget` seconds and three times at least."""
    least, total, count = math.inf, 0.0, 0
    while total < budget or count < 3:
        start = time.perf_counter()
        run()
        took = time.perf_counter() - start
        least, total, count = min(least, took), total + took, count + 1
    return least


def serve(name: str, threads: int) -> None:
    """Answer questions until standard input ends."""
    lib = importlib.import_module(name)
    importlib.import_module(name + ".nn")
    lib.set_num_threads(threads)
    known, run, first = None, None, 0.0
    for line in sys.stdin:
        question = json.loads(line)
        key = json.dumps([question["case"], question["mode"], question["channels_last"]])
        try:
            if key != known:
                run = workload(lib, question["case"], question["mode"], question["channels_last"])
                start = time.perf_counter()
                run()
                known, first = key, time.perf_counter() - start
                run()
            reply = {"time": answer(run, question["budget"]), "first": first}
        except Exception as error:
            known, run = None, None
            reply = {"error": f"{type(error).__name__}: {error}"[:300]}
        print(json.dumps(reply), flush=True)


class Worker:
    """The process of one library, as a thing to ask."""

    def __init__(self, lib: str, threads: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", f"from rushlight.bench.workers import serve; serve({lib!r}, {threads})"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=dict(os.environ, OMP_NUM_THREADS=str(threads)),
        )  # fmt: skip

    def ask(self, **question: object) -> dict:
        """The answer to one question; an error where the process has died."""
        try:
            self.process.stdin.write(json.dumps(question) + "\n")
            self.process.stdin.flush()
            reply = self.process.stdout.readline()
        except BrokenPipeError:
            reply = ""
        return json.loads(reply) if reply else {"error": "the worker process died"}

    def close(self) -> None:
        """End the process and wait for it."""
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()
