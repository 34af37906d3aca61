"""What was recorded, as PyTorch's profiler gives it: events, and averages of those with one name.

In: the spans of a `Recorder`. Out: an `EventList`, whose `table` is text for people (`table.py`) and whose
`export_chrome_trace` a file for a trace viewer (`trace.py`). Times are microseconds, memory is bytes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from rushlight.core.errors import message
from rushlight.profiler import table, trace
from rushlight.profiler.recorder import KERNEL, Recorder, Span
from rushlight.profiler.work import NOTHING, Work


class Interval(NamedTuple):
    """Microseconds since the recording began."""

    start: float
    end: float

    def elapsed_us(self) -> float:
        """Its length."""
        return self.end - self.start


class _Counted:
    """What events and averages have in common."""

    name: str
    count: int
    cpu_time_total: float
    self_cpu_time_total: float
    kernel_time_total: float
    works: Counter

    # So that tables for other devices can be asked for; there is none.
    device_time = device_time_total = self_device_time_total = cuda_time = cuda_time_total = 0.0
    self_cuda_time_total = 0.0
    device_memory_usage = self_device_memory_usage = 0

    @property
    def cpu_time(self) -> float:
        """Microseconds a call."""
        return self.cpu_time_total / self.count if self.count else 0.0

    @property
    def bytes(self) -> int:
        """Bytes that it has to read and write at least, each tensor once."""
        return sum(work.bytes * times for work, times in self.works.items())

    @property
    def flops(self) -> int:
        """Floating-point operations of its products, two a multiply-add."""
        return sum(2 * work.macs * times for work, times in self.works.items())

    def limit_time(self, peak: Any) -> float:
        """Microseconds that a machine with this `bench.peak.Peak` needs for its work at least."""
        return 1e6 * sum(work.limit(peak) * times for work, times in self.works.items())


class FunctionEvent(_Counted):
    """One call of an operation, one node of a backward pass, or one range."""

    def __init__(self, id: int, span: Span, parent: FunctionEvent | None, recorder: Recorder) -> None:
        self.id, self.name, self.thread, self.count = id, span.name, recorder.thread, 1
        self.cpu_parent, self.cpu_children = parent, []
        self.time_range = Interval((span.start - recorder.begin) / 1e3, (span.end - recorder.begin) / 1e3)
        self.input_shapes, self.stack = span.shapes, span.stack
        self.cpu_time_total = self.time_range.elapsed_us()
        self.kernel_time_total = sum(kernel.end - kernel.start for kernel in span.kernels()) / 1e3
        self.cpu_memory_usage = span.memory
        self.work = span.work
        if parent is not None:
            parent.cpu_children.append(self)

    @property
    def key(self) -> str:
        """The name that averages go by: steps are one, whatever their number."""
        return "ProfilerStep*" if self.name.startswith("ProfilerStep#") else self.name

    @property
    def self_cpu_time_total(self) -> float:
        """Microseconds without the events inside it."""
        return self.cpu_time_total - sum(child.cpu_time_total for child in self.cpu_children)

    @property
    def self_cpu_memory_usage(self) -> int:
        """Bytes taken (or, below 0, given back) without the events inside it."""
        return self.cpu_memory_usage - sum(child.cpu_memory_usage for child in self.cpu_children)

    @property
    def self_kernel_time_total(self) -> float:
        """Microseconds in compiled kernels without those of the events inside it."""
        return self.kernel_time_total - sum(child.kernel_time_total for child in self.cpu_children)

    @property
    def works(self) -> Counter:
        """Its own work, or where it is no single operation that of the events inside it."""
        inside: Counter = Counter()
        for child in self.cpu_children:
            inside.update(child.works)
        if self.work is None:
            return inside
        macs = self.work.macs or sum(work.macs * times for work, times in inside.items())
        return Counter({Work(self.work.bytes, macs): 1})

    def __repr__(self) -> str:
        return (
            f"<FunctionEvent id={self.id} name={self.name} cpu_time={table.time_text(self.cpu_time)} "
            f"start_us={self.time_range.start:.3f} end_us={self.time_range.end:.3f} "
            f"cpu_children={[child.id for child in self.cpu_children]} thread={self.thread} "
            f"input_shapes={self.input_shapes}>"
        )


class FunctionEventAvg(_Counted):
    """All events of one name, and of the same shapes or stack where those were asked for."""

    _SUMS = (
        "count", "cpu_time_total", "self_cpu_time_total", "kernel_time_total", "self_kernel_time_total",
        "cpu_memory_usage", "self_cpu_memory_usage",
    )  # fmt: skip

    def __init__(self) -> None:
        self.key, self.input_shapes, self.stack, self.works = "", [], [], Counter()
        for name in self._SUMS:
            setattr(self, name, 0)

    name = property(lambda self: self.key)

    def add(self, event: FunctionEvent | FunctionEventAvg) -> FunctionEventAvg:
        """Count one more."""
        self.key = self.key or event.key
        for name in self._SUMS:
            setattr(self, name, getattr(self, name) + getattr(event, name))
        self.works.update(event.works)
        return self

    def __repr__(self) -> str:
        return (
            f"<FunctionEventAvg key={self.key} count={self.count} "
            f"self_cpu_time={table.time_text(self.self_cpu_time_total)} cpu_time={table.time_text(self.cpu_time)} "
            f"input_shapes={self.input_shapes} cpu_memory_usage={self.cpu_memory_usage}>"
        )


class EventList(list):
    """Events or averages; also where the recording took place, for what is said of it as a whole."""

    def __init__(
        self, events: Iterable[Any] = (), recorders: Iterable[Recorder] = (), with_flops: bool = False
    ) -> None:
        super().__init__(events)
        self.recorders, self.with_flops = list(recorders), with_flops

    def _like(self, events: Iterable[Any]) -> EventList:
        return EventList(events, self.recorders, self.with_flops)

    @property
    def self_cpu_time_total(self) -> float:
        """Microseconds of all events together, each counted once."""
        return sum(event.self_cpu_time_total for event in self)

    @property
    def peak_memory(self) -> int:
        """Bytes that were in use at most beyond those at the start; 0 without `profile_memory=True`."""
        return max([recorder.memory.peak for recorder in self.recorders if recorder.memory is not None], default=0)

    def key_averages(
        self, group_by_input_shapes: bool = False, group_by_stack_n: int = 0, group_by_overload_name: bool = False
    ) -> EventList:
        """One average for each name; for each name and shapes of inputs; or each name and innermost calls of yours."""
        found: dict[tuple, FunctionEventAvg] = {}
        for event in self:
            shapes = repr(event.input_shapes) if group_by_input_shapes else ""
            stack = event.stack[:group_by_stack_n] if group_by_stack_n else []
            average = found.setdefault((event.key, shapes, *stack), FunctionEventAvg()).add(event)
            average.input_shapes, average.stack = event.input_shapes if group_by_input_shapes else [], stack
        return self._like(found.values())

    def total_average(self) -> FunctionEventAvg:
        """All events as one."""
        total = FunctionEventAvg()
        for event in self:
            total.add(event)
        total.key = "Total"
        return total

    def sorted_by(self, key: str | None) -> EventList:
        """The largest first; AttributeError where events have no such number."""
        if key is None:
            return self
        if self and (key.startswith("_") or not isinstance(getattr(self[0], key, None), int | float)):
            sentence = f"{type(self[0]).__name__!r} object has no attribute {key!r}"
            raise AttributeError(message(sentence, fix=f"sort_by={', '.join(map(repr, table.SORTS))}"))
        return self._like(sorted(self, key=lambda event: getattr(event, key), reverse=True))

    def table(
        self,
        sort_by: str | None = None,
        row_limit: int = 100,
        max_src_column_width: int = 75,
        max_name_column_width: int = 55,
        max_shapes_column_width: int = 80,
        header: str | None = None,
        top_level_events_only: bool = False,
        time_unit: str | None = None,
    ) -> str:
        """A table: `row_limit` rows (−1: all), the largest by `sort_by` first. docs/profiler.md tells its columns.

        `time_unit` is "ns", "us", "ms" or "s"; without one, each time has its own.
        """
        widths = max_name_column_width, max_shapes_column_width, max_src_column_width
        return table.text(self, sort_by, row_limit, widths, header, top_level_events_only, time_unit)

    def __str__(self) -> str:
        return self.table()

    def export_chrome_trace(self, path: str) -> None:
        """Write a file for chrome://tracing or ui.perfetto.dev, gzipped where its name ends in `.gz`."""
        trace.write_chrome(path, self.recorders)

    def export_stacks(self, path: str, metric: str = "self_cpu_time_total") -> None:
        """Write how much of `metric` each stack of calls took, in the form that flame graphs are drawn of."""
        trace.write_stacks(path, self, metric)


def events_of(recorder: Recorder, with_flops: bool = False) -> EventList:
    """The events of a recording, in the order in which they began."""
    found: list[FunctionEvent] = []

    def add(spans: Iterable[Span], parent: FunctionEvent | None) -> None:
        for span in spans:
            if span.kind != KERNEL:
                found.append(FunctionEvent(len(found), span, parent, recorder))
                add(span.children, found[-1])

    add(recorder.roots, None)
    return EventList(found, [recorder], with_flops)


def all_kernels(recorder: Recorder) -> Iterator[Span]:
    """The kernels of a recording."""
    for span in recorder.roots:
        if span.kind == KERNEL:
            yield span
        else:
            yield from span.kernels()


__all__ = ["NOTHING", "EventList", "FunctionEvent", "FunctionEventAvg", "Interval", "all_kernels", "events_of"]
