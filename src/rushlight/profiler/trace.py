"""Recordings as files for other programs: trace viewers and flame graphs.

In: recorders, or events. Out: JSON in the Trace Event Format (chrome://tracing, ui.perfetto.dev), or lines of stacks.
"""

from __future__ import annotations

import gzip
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from rushlight.profiler.recorder import KERNEL, MODULE, NODE, RANGE, Recorder, Span

_CATEGORIES = {KERNEL: "kernel", RANGE: "user_annotation", NODE: "cpu_op", MODULE: "python_function"}


def write_chrome(path: str, recorders: Iterable[Recorder]) -> None:
    """Write the spans of recordings, kernels among them."""
    found: list[dict[str, Any]] = []
    for recorder in recorders:
        names = {"pid": os.getpid(), "tid": recorder.thread}
        found.append({"ph": "M", "name": "process_name", **names, "args": {"name": "rushlight"}})
        found += [_event(span, names) for span in _all(recorder.roots)]
    text = json.dumps({"schemaVersion": 1, "displayTimeUnit": "ms", "traceEvents": found})
    path = os.fspath(path)
    with gzip.open(path, "wt") if path.endswith(".gz") else open(path, "w", encoding="utf-8") as file:
        file.write(text)


def _all(spans: Iterable[Span]) -> Iterator[Span]:
    for span in spans:
        yield span
        yield from _all(span.children)


def _event(span: Span, names: dict[str, int]) -> dict[str, Any]:
    args: dict[str, Any] = {}
    if span.shapes:
        args["Input Dims"] = span.shapes
    if span.work is not None:
        args |= {"Bytes": span.work.bytes, "Multiply-adds": span.work.macs}
    if span.threads:
        args["Threads"] = span.threads
    if span.stack:
        args["Call stack"] = ";".join(span.stack)
    return {
        "ph": "X", "cat": _CATEGORIES.get(span.kind, "cpu_op"), "name": span.name, **names, "ts": span.start / 1e3,
        "dur": (span.end - span.start) / 1e3, "args": args,
    }  # fmt: skip


def write_stacks(path: str, events: Iterable[Any], metric: str) -> None:
    """Write a line for each stack of calls, outermost call first, with the whole microseconds that it took."""
    found: Counter[str] = Counter()
    for event in events:
        if event.stack:
            found[";".join(reversed(event.stack))] += int(getattr(event, metric))
    with open(os.fspath(path), "w", encoding="utf-8") as file:
        file.writelines(f"{stack} {amount}\n" for stack, amount in found.items() if amount > 0)
