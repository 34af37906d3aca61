"""Where the time of a network goes: `profile`, a table of its operations, and `record_function`.

    probes (functions under observation) → observers (which ones) → recorder (a tree of spans) → events (averages)
                                                                  → table, trace (text, files)

Names and arguments are those of `torch.profiler`; docs/profiler.md tells what the columns say. Where nobody profiles,
nothing of it is loaded and no call takes longer.
"""

from __future__ import annotations

from rushlight.core import absent as _absent

_WHERE = {
    "profile": "sessions",
    "record_function": "sessions",
    "tensorboard_trace_handler": "sessions",
    "kineto_available": "sessions",
    "schedule": "schedules",
    "supported_activities": "schedules",
    "ProfilerAction": "schedules",
    "ProfilerActivity": "schedules",
}

_FILES = {"events", "memory", "observers", "probes", "recorder", "schedules", "sessions", "table", "trace", "work"}

__all__ = [*_WHERE]

__getattr__ = _absent.getter(__name__, _WHERE, _FILES)


def __dir__() -> list[str]:
    return sorted({*globals(), *_WHERE, *_FILES})
