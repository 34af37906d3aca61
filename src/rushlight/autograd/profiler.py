"""PyTorch's older profiler, `torch.autograd.profiler`: the same recording (`rushlight.profiler`) under its names.

In: a `with` block. Out: an object that is itself the list of events: `print(prof)` shows the table.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rushlight.core import absent as _absent
from rushlight.core.errors import message
from rushlight.profiler.events import EventList, FunctionEvent, FunctionEventAvg
from rushlight.profiler.sessions import Session, kineto_available, record_function

__all__ = ["EventList", "FunctionEvent", "FunctionEventAvg", "kineto_available", "profile", "record_function"]


class profile:
    """Record the operations of this thread. `enabled=False` records nothing.

    RuntimeError for results while it runs, and for a second use; see `rushlight.profiler.profile` for the rest.

    >>> import rushlight as torch
    >>> with torch.autograd.profiler.profile() as prof:
    ...     x = torch.ones(2).exp()
    >>> [row.key for row in prof.key_averages()]
    ['aten::ones', 'aten::exp']
    """

    def __init__(
        self,
        enabled: bool = True,
        *,
        use_cuda: bool = False,
        use_device: str | None = None,
        record_shapes: bool = False,
        with_flops: bool = False,
        profile_memory: bool = False,
        with_stack: bool = False,
        with_modules: bool = False,
        use_kineto: bool = False,
        use_cpu: bool = True,
        experimental_config: object = None,
        acc_events: bool = False,
        custom_trace_id_callback: Callable[[], str] | None = None,
        post_processing_timeout_s: float | None = None,
        activity_filters: object = None,
    ) -> None:
        self.enabled = enabled
        self.function_events: EventList | None = None
        self._session = Session(record_shapes, profile_memory, with_stack, with_modules, with_flops)
        self._entered = False

    def __enter__(self) -> profile | None:
        if not self.enabled:
            return None
        if self._entered:
            raise RuntimeError("Profiler context manager is not reentrant")
        self._session.start()
        self._entered = True
        return self

    def __exit__(self, *error: object) -> bool:
        if self.enabled:
            self.function_events = self._session.stop()
        return False

    def _finished(self) -> EventList:
        if self.function_events is None:
            raise RuntimeError(message("Profiler didn't finish running", fix="results after the end of `with`"))
        return self.function_events

    def table(self, *args: Any, **options: Any) -> str:
        """The table of all events; see `EventList.table`."""
        return self._finished().table(*args, **options)

    def key_averages(
        self, group_by_input_shape: bool = False, group_by_stack_n: int = 0, group_by_overload_name: bool = False
    ) -> EventList:
        """An average for each name."""
        return self._finished().key_averages(group_by_input_shape, group_by_stack_n)

    def total_average(self) -> FunctionEventAvg:
        """All events as one."""
        return self._finished().total_average()

    @property
    def self_cpu_time_total(self) -> float:
        """Microseconds of all events together."""
        return self._finished().self_cpu_time_total

    def export_chrome_trace(self, path: str) -> None:
        """Write a file for chrome://tracing or ui.perfetto.dev."""
        self._finished().export_chrome_trace(path)

    def export_stacks(self, path: str, metric: str = "self_cpu_time_total") -> None:
        """Write what each stack of calls took, for flame graphs; needs `with_stack=True`."""
        self._finished().export_stacks(path, metric)

    def __str__(self) -> str:
        return "<unfinished profiler_legacy_profile>" if self.function_events is None else str(self.function_events)

    __repr__ = __str__


__getattr__ = _absent.getter(__name__)
