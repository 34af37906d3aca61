"""`profile`: what runs inside a `with` block on this thread, recorded; `record_function`: a range with a name in it.

In: what to record, and perhaps a schedule of steps. Out: events, averages, tables and traces (`events.py`). The two
kinds of `profile` are PyTorch's: `torch.profiler.profile` here, the older one in `autograd/profiler.py` on top of
`Session`.
"""

from __future__ import annotations

import json
import os
import socket
import time
import warnings
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

from rushlight.core.errors import message
from rushlight.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook
from rushlight.profiler.events import EventList, FunctionEventAvg, events_of
from rushlight.profiler.memory import Memory
from rushlight.profiler.observers import PROBES, close_range, open_range, step_name
from rushlight.profiler.recorder import Recorder, Span, here
from rushlight.profiler.schedules import ProfilerAction, ProfilerActivity, supported_activities
from rushlight.profiler.work import of_step

_RECORDING = (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE)


class Session:
    """One recording of this thread, from `start` to `stop`."""

    def __init__(
        self, record_shapes: bool, profile_memory: bool, with_stack: bool, with_modules: bool, with_flops: bool
    ) -> None:
        self._options = record_shapes, with_stack, with_modules
        self._memory, self._with_flops = profile_memory, with_flops
        self._hooks: list[Any] = []
        self._steps: dict[int, Span | None] = {}
        self.recorder: Recorder | None = None
        self._averages: _Averages | None = None

    def start(self) -> None:
        """Record. What another recording of this thread would see meanwhile, it gets at the end of this one."""
        PROBES.acquire()
        self._hooks = [
            register_optimizer_step_pre_hook(self._before_step),
            register_optimizer_step_post_hook(self._after_step),
        ]
        outer = here.recorder
        memory = None if outer is None else outer.memory
        memory = Memory(memory) if self._memory else memory
        self.recorder = here.recorder = Recorder(*self._options, memory, outer)

    def stop(self) -> EventList:
        """What was recorded."""
        recorder = self.recorder
        recorder.finish()
        _take_out(recorder)
        PROBES.release()
        for hook in self._hooks:
            hook.remove()
        events = events_of(self.recorder, self._with_flops)
        return events if self._averages is None else self._averages.with_rest(events)

    def forget(self, by_shapes: bool = False) -> None:
        """Keep averages and no events, as of programs that run for long; they come in the place of events."""
        self._averages = _Averages(by_shapes, self._with_flops)
        self.recorder.fold = self._averages

    def _before_step(self, optimizer: object, args: tuple, kwargs: dict) -> None:
        if here.recorder is self.recorder:
            self._steps[id(optimizer)] = open_range(step_name(optimizer, "step"))

    def _after_step(self, optimizer: object, args: tuple, kwargs: dict) -> None:
        span = self._steps.pop(id(optimizer), None)
        if span is not None and here.recorder is self.recorder:
            close_range(span)
            span.work = of_step(optimizer)


def _take_out(recorder: Recorder) -> None:
    """This thread has one recorder less; those that began later go on."""
    if here.recorder is recorder:
        here.recorder = recorder.outer
        return
    inner = here.recorder
    while inner is not None:
        if inner.outer is recorder:
            inner.outer = recorder.outer
        inner = inner.outer


class _Averages:
    """Averages of a recording whose events are forgotten."""

    def __init__(self, by_shapes: bool, with_flops: bool) -> None:
        self._by_shapes, self._with_flops = by_shapes, with_flops
        self._found: dict[tuple[str, str], FunctionEventAvg] = {}

    def __call__(self, recorder: Recorder) -> None:
        self._add(events_of(recorder))

    def _add(self, events: EventList) -> None:
        for average in events.key_averages(self._by_shapes):
            known = self._found.setdefault((average.key, repr(average.input_shapes)), average)
            if known is not average:
                known.add(average)

    def with_rest(self, events: EventList) -> EventList:
        """All averages, with those of the last events."""
        self._add(events)
        return EventList(self._found.values(), events.recorders, self._with_flops)


class record_function:
    """A range with a name in what is recorded, as a context manager or a decorator; nothing where nobody records.

    TypeError for a name that is no string.

    >>> import rushlight as torch
    >>> with torch.profiler.profile() as prof:
    ...     with torch.profiler.record_function("twice"):
    ...         x = torch.ones(3) + torch.ones(3)
    >>> [event.name for event in prof.events()]
    ['twice', 'aten::ones', 'aten::ones', 'aten::add']
    """

    def __init__(self, name: str, args: str | None = None) -> None:
        if not isinstance(name, str):
            raise TypeError(f"record_function(): argument 'name' must be str, not {type(name).__name__}")
        self.name, self.args = name, args
        self._spans: list[Span | None] = []

    def __enter__(self) -> record_function:
        self._spans.append(open_range(self.name))
        return self

    def __exit__(self, *error: object) -> None:
        close_range(self._spans.pop())

    def __call__(self, function: Callable) -> Callable:
        """The function, a range at each call."""

        @wraps(function)
        def recorded(*args: Any, **kwargs: Any) -> Any:
            with record_function(self.name, self.args):
                return function(*args, **kwargs)

        return recorded


class profile:
    """Record the operations of this thread: their time, bytes, share of the machine's limit, and memory.

    `activities` must hold `ProfilerActivity.CPU`, if it is given. `schedule` says by steps when to record, and each
    `step()` begins the next; `on_trace_ready` is called with this profiler whenever a cycle has ended, and at the end
    (`events()` are those of the last cycle, or of all with `acc_events=True`). `record_shapes` keeps the inputs'
    shapes, `profile_memory` what is allocated and its peak, `with_stack` the lines of your code that called,
    `with_modules` the modules as ranges with their dotted names, `with_flops` adds a column. The other arguments have
    no meaning on a CPU and are ignored.

    AssertionError for no activity that can be recorded, and for results before there are any.

    >>> import rushlight as torch
    >>> x = torch.ones(4, 4, requires_grad=True)
    >>> with torch.profiler.profile(record_shapes=True) as prof:
    ...     (x @ x).sum().backward()
    >>> [event.name for event in prof.events() if event.cpu_parent is None]
    ['aten::mm', 'aten::sum', 'autograd::backward']
    >>> prof.events()[0].input_shapes
    [[4, 4], [4, 4]]
    """

    def __init__(
        self,
        *,
        activities: Iterable[ProfilerActivity] | None = None,
        schedule: Callable[[int], ProfilerAction] | None = None,
        on_trace_ready: Callable[..., Any] | None = None,
        record_shapes: bool = False,
        profile_memory: bool = False,
        with_stack: bool = False,
        with_flops: bool = False,
        with_modules: bool = False,
        experimental_config: object = None,
        execution_trace_observer: object = None,
        acc_events: bool = False,
        use_cuda: bool | None = None,
        custom_trace_id_callback: Callable[[], str] | None = None,
        post_processing_timeout_s: float | None = None,
    ) -> None:
        self.activities = _checked(activities)
        self.schedule = schedule or _always
        self.on_trace_ready, self.acc_events = on_trace_ready, acc_events
        self._options = record_shapes, profile_memory, with_stack, with_modules, with_flops
        self.record_shapes, self.profile_memory, self.with_stack = record_shapes, profile_memory, with_stack
        self.with_flops, self.with_modules = with_flops, with_modules
        self._has_schedule = schedule is not None
        self.step_num = 0
        self.current_action = self.schedule(0)
        self.metadata: dict[str, Any] = {}
        self._session: Session | None = None
        self._events: EventList | None = None
        self._step: record_function | None = None
        self._runs = False

    # -- recording

    def start(self) -> None:
        """Begin, with the first step."""
        self._enter(self.current_action)
        self._runs = True
        self._begin_step()

    def stop(self) -> None:
        """End; `on_trace_ready` is called where something that counts was being recorded."""
        self._end_step()
        self._runs = False
        if self._session is not None:
            counts = self.current_action in _RECORDING
            self._leave(counts)
            if counts and self.on_trace_ready is not None:
                self.on_trace_ready(self)

    def __enter__(self) -> profile:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def step(self) -> None:
        """The next step begins."""
        self._end_step()
        before, self.step_num = self.current_action, self.step_num + 1
        self.current_action = now = self.schedule(self.step_num)
        if before is ProfilerAction.RECORD_AND_SAVE or (before in _RECORDING and now not in _RECORDING):
            self._leave(True)
            if self.on_trace_ready is not None:
                self.on_trace_ready(self)
        elif self._session is not None and (now is ProfilerAction.NONE or before is ProfilerAction.WARMUP != now):
            self._leave(False)  # what warmed up does not count
        if self._runs:
            self._enter(now)
            self._begin_step()

    def _enter(self, action: ProfilerAction) -> None:
        if action is not ProfilerAction.NONE and self._session is None:
            session = Session(*self._options)
            session.start()
            self._session = session

    def _leave(self, counts: bool) -> None:
        session, self._session = self._session, None
        events = session.stop()
        if not counts:
            return
        if self.acc_events and self._events is not None:
            events = EventList([*self._events, *events], [*self._events.recorders, *events.recorders], self.with_flops)
        self._events = events

    def _begin_step(self) -> None:
        if self._has_schedule and self._session is not None:
            self._step = record_function(f"ProfilerStep#{self.step_num}")
            self._step.__enter__()

    def _end_step(self) -> None:
        if self._step is not None:
            self._step.__exit__()
            self._step = None

    # -- results

    def _recorded(self, what: str) -> EventList:
        if self._session is not None and self.current_action in _RECORDING:
            raise RuntimeError(message(f"the profiler still runs: {what} come when it has stopped", fix="after `with`"))
        if self._events is None:
            raise AssertionError(f"Profiler must be initialized before {what}")
        return self._events

    def events(self) -> EventList:
        """All events, in the order in which they began; AssertionError before there are any."""
        return self._recorded("accessing events")

    def key_averages(
        self, group_by_input_shape: bool = False, group_by_stack_n: int = 0, group_by_overload_name: bool = False
    ) -> EventList:
        """An average for each name (and shapes, or innermost lines of your code); AssertionError before there are any.

        >>> import rushlight as torch
        >>> with torch.profiler.profile() as prof:
        ...     x = torch.ones(2) + 1 + 1
        >>> [(row.key, row.count) for row in prof.key_averages()]
        [('aten::ones', 1), ('aten::add', 2)]
        """
        return self._recorded("getting key averages").key_averages(group_by_input_shape, group_by_stack_n)

    @property
    def peak_memory(self) -> int:
        """Bytes in use at most beyond those at the start, with `profile_memory=True`."""
        return self._recorded("asking for its peak").peak_memory

    def export_chrome_trace(self, path: str, use_python_export: bool = False) -> None:
        """Write a file for chrome://tracing or ui.perfetto.dev, gzipped where its name ends in `.gz`."""
        self._recorded("exporting chrome trace").export_chrome_trace(path)

    def export_stacks(self, path: str, metric: str = "self_cpu_time_total") -> None:
        """Write what each stack of calls took, for flame graphs; needs `with_stack=True`."""
        self._recorded("exporting stacks").export_stacks(path, metric)

    def add_metadata(self, key: str, value: str) -> None:
        """Keep a text beside the recording, in `metadata`."""
        self.metadata[key] = value

    def add_metadata_json(self, key: str, value: str) -> None:
        """Keep a value that is written as JSON beside the recording, in `metadata`."""
        self.metadata[key] = json.loads(value)


def _always(step: int) -> ProfilerAction:
    return ProfilerAction.RECORD


def _checked(activities: Iterable[ProfilerActivity] | None) -> set[ProfilerActivity]:
    found = supported_activities() if activities is None else set(activities)
    for activity in found - supported_activities():
        if isinstance(activity, ProfilerActivity):
            warnings.warn(
                f"{activity.name} is not available, disabling {activity.name} profiling", UserWarning, stacklevel=4
            )
    found &= supported_activities()
    if not found:
        raise AssertionError(message("No valid profiler activities found", fix="activities=[ProfilerActivity.CPU]"))
    return found


def tensorboard_trace_handler(
    dir_name: str, worker_name: str | None = None, use_gzip: bool = False, use_python_export: bool = False
) -> Callable[[profile], None]:
    """For `on_trace_ready`: writes each trace into a folder, under a name of its own.

    RuntimeError where the folder cannot be made.
    """
    name = worker_name or f"{socket.gethostname()}_{os.getpid()}"

    def write(prof: profile) -> None:
        try:
            os.makedirs(dir_name, exist_ok=True)
        except OSError as error:
            raise RuntimeError(f"Can't create directory: {dir_name}") from error
        ending = ".gz" if use_gzip else ""
        prof.export_chrome_trace(os.path.join(dir_name, f"{name}.{time.time_ns()}.pt.trace.json{ending}"))

    return write


def kineto_available() -> bool:
    """Whether PyTorch's library of that name records; here the profiler is our own, so False."""
    return False
