"""Averages of events as a table.

In: an `events.EventList`. Out: text. A column says how much of the machine's limit an operation reaches; the
limit is measured (`bench.peak`, half a second) when the first table is made.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

from rushlight.bench.peak import Peak, measure_peak
from rushlight.runtime.cpus import get_num_threads

UNITS = {"ns": 1e-3, "us": 1.0, "ms": 1e3, "s": 1e6}
SORTS = (
    "bytes", "count", "cpu_memory_usage", "cpu_time", "cpu_time_total", "flops", "kernel_time_total",
    "self_cpu_memory_usage", "self_cpu_time_total", "self_kernel_time_total",
)  # fmt: skip


class Column(NamedTuple):
    """A heading, and what stands below it."""

    heading: str
    text: Callable[[Any], str]
    width: int = 12


@functools.lru_cache(maxsize=8)
def peak_of(threads: int) -> Peak | None:
    """What this machine can do on so many threads; None where no kernel can run or its memory is too small."""
    try:
        return measure_peak(threads)
    except (RuntimeError, MemoryError, ImportError):
        return None


def time_text(microseconds: float, unit: str | None = None) -> str:
    """A time with its unit.

    >>> time_text(12.3456), time_text(2500.0), time_text(1.2e7), time_text(2500.0, "s")
    ('12.346us', '2.500ms', '12.000s', '0.003s')
    """
    if unit is None:
        unit = "s" if abs(microseconds) >= 1e6 else "ms" if abs(microseconds) >= 1e3 else "us"
    return f"{microseconds / UNITS[unit]:.3f}{unit}"


def size_text(count: float) -> str:
    """A number of bytes.

    >>> size_text(0), size_text(-2048), size_text(3 << 20)
    ('0 B', '-2.00 KB', '3.00 MB')
    """
    for unit, size in (("GB", 1 << 30), ("MB", 1 << 20), ("KB", 1 << 10)):
        if abs(count) >= size:
            return f"{count / size:.2f} {unit}"
    return f"{count} B"


def share_text(part: float, whole: float) -> str:
    """A share in percent; a dash of nothing.

    >>> share_text(1.0, 8.0), share_text(1.0, 0.0)
    ('12.50%', '--')
    """
    return f"{100 * part / whole:.2f}%" if whole else "--"


def text(
    events: Any, sort_by: str | None, row_limit: int, widths: tuple[int, int, int], header: str | None,
    top_level_events_only: bool, time_unit: str | None,
) -> str:  # fmt: skip
    """The table of these events; "" where there are none."""
    if not events:
        return ""
    if time_unit is not None and time_unit not in UNITS:
        raise ValueError(f"Invalid time_unit {time_unit!r}: one of {', '.join(UNITS)}")
    peak = peak_of(get_num_threads())
    rows = [e for e in events.sorted_by(sort_by) if not top_level_events_only or getattr(e, "cpu_parent", None) is None]
    rows = rows if row_limit < 0 else rows[:row_limit]
    columns = _columns(events, peak, widths, time_unit)
    name = min(widths[0], max(len(row.key) for row in rows)) if rows else 4
    columns[0] = columns[0]._replace(width=max(name, 4))
    line = "  ".join("-" * column.width for column in columns)
    found = [line, "  ".join(f"{column.heading:>{column.width}}" for column in columns), line]
    found += ["  ".join(f"{column.text(row):>{column.width}}" for column in columns) for row in rows]
    if header is not None:
        found = ["=" * len(line), header, *found]
    return "\n".join([*found, line, *_footer(events, peak, time_unit)]) + "\n"


def _columns(events: Any, peak: Peak | None, widths: tuple[int, int, int], unit: str | None) -> list[Column]:
    whole = events.self_cpu_time_total
    found = [
        Column("Name", lambda e: _cut(e.key, widths[0])),
        Column("Self CPU %", lambda e: share_text(e.self_cpu_time_total, whole), 10),
        Column("Self CPU", lambda e: time_text(e.self_cpu_time_total, unit), 10),
        Column("CPU total %", lambda e: share_text(e.cpu_time_total, whole), 11),
        Column("CPU total", lambda e: time_text(e.cpu_time_total, unit), 10),
        Column("CPU time avg", lambda e: time_text(e.cpu_time, unit), 12),
        Column("In kernels", lambda e: share_text(e.kernel_time_total, e.cpu_time_total), 10),
        Column("Bytes", lambda e: size_text(e.bytes) if e.works else "--", 10),
    ]
    if peak is not None:
        found.append(Column("Of limit", lambda e: _share_of_limit(e, peak), 8))
    if events.with_flops:
        found.append(Column("Total FLOPs", lambda e: f"{e.flops:,}" if e.flops else "--", 16))
    if any(recorder.memory is not None for recorder in events.recorders):
        found.append(Column("CPU Mem", lambda e: size_text(e.cpu_memory_usage)))
        found.append(Column("Self CPU Mem", lambda e: size_text(e.self_cpu_memory_usage)))
    found.append(Column("# of Calls", lambda e: str(e.count), 10))
    if any(event.input_shapes for event in events):
        width = min(widths[1], max(len(str(event.input_shapes)) for event in events))
        found.append(Column("Input Shapes", lambda e: _cut(str(e.input_shapes), widths[1]), max(12, width)))
    if any(event.stack for event in events):
        width = min(widths[2], max(len(line) for event in events for line in [*event.stack[:1], ""]))
        found.append(Column("Source Location", lambda e: _cut(e.stack[0] if e.stack else "", -widths[2]), width))
    return found


def _share_of_limit(event: Any, peak: Peak) -> str:
    limit = event.limit_time(peak)
    return share_text(limit, event.cpu_time_total) if limit else "--"


def _cut(text: str, width: int) -> str:
    """At most |width| characters: the first, or the last where it is below 0; all where it is 0."""
    if not width or len(text) <= abs(width):
        return text
    return f"{text[: width - 3]}..." if width > 0 else f"...{text[width + 3 :]}"


def _footer(events: Any, peak: Peak | None, unit: str | None) -> list[str]:
    whole = events.self_cpu_time_total
    kernels = sum(event.self_kernel_time_total for event in events)
    found = [
        f"Self CPU time total: {time_text(whole, unit)}",
        f"In compiled kernels: {time_text(kernels, unit)} ({share_text(kernels, whole)}); the rest is Python and NumPy",
    ]
    if peak is not None:
        found.append(
            f"The limit: {peak.macs_per_second / 1e9:.0f} thousand million multiply-adds of float32 a second, "
            f"{peak.bytes_per_second / 1e9:.0f} GB/s, on {get_num_threads()} threads"
        )
    if any(recorder.memory is not None for recorder in events.recorders):
        found.append(f"Peak memory: {size_text(events.peak_memory)} beyond what was in use at the start")
    return found
