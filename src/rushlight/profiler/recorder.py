"""What happened on a thread, as a tree of spans.

In: the start and the end of calls, as `observers` sees them, and what `graph.record` was told. Out: `Recorder.roots`,
spans of which each knows its name, its time, its work and what it called. The clock stands still while the recorder
itself works, so that small operations do not look slower than they are.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from time import perf_counter_ns
from types import CodeType, FrameType
from typing import Any

from rushlight.autograd.operation import OPERATIONS, Operation
from rushlight.profiler.memory import Memory
from rushlight.profiler.work import Work, has_memory, is_traced, of_call, of_operation

CALL, OPERATION, KERNEL, NODE, RANGE, MODULE, LAYER = range(7)
"""What a span is: a function that users call, an operation that was told of, compiled code that runs, a node of a
backward pass, a range with a name, a module, and a module of ours without others in it."""
_EVENTS = frozenset((CALL, OPERATION, NODE, RANGE))
_RENAMED = {"to_copy": "_to_copy", "conv_transpose": "convolution", "read_at": "index"}
_MANY = 4096
_PACKAGE = __name__.partition(".")[0]


class Span:
    """Something that took time."""

    __slots__ = (
        "children", "code", "end", "kind", "memory", "name", "operation", "shapes", "stack", "start", "threads", "work",
    )  # fmt: skip

    def __init__(self, kind: int, name: str, start: int, code: CodeType | None = None) -> None:
        self.kind, self.name, self.start, self.end, self.code = kind, name, start, start, code
        self.children: list[Span] = []
        self.operation: Operation | None = None
        self.work: Work | None = None
        self.shapes: list[list[int]] = []
        self.stack: list[str] = []
        self.memory, self.threads = 0, 0

    def kernels(self) -> Iterator[Span]:
        """The kernels that ran within it."""
        for child in self.children:
            if child.kind == KERNEL:
                yield child
            else:
                yield from child.kernels()


class _Here(threading.local):
    """The recorder of a thread, if it has one."""

    recorder: Recorder | None = None


here = _Here()


class Recorder:
    """Records one thread; in the place of `outer`, which gets the spans at the end."""

    def __init__(
        self, record_shapes: bool = False, with_stack: bool = False, with_modules: bool = False,
        memory: Memory | None = None, outer: Recorder | None = None,
    ) -> None:  # fmt: skip
        self.record_shapes, self.with_stack, self.with_modules, self.memory = (
            record_shapes, with_stack, with_modules, memory,
        )  # fmt: skip
        self.thread = threading.get_native_id()
        self.names: dict[int, str] = {}  # of modules, by id
        self.fold: Callable[[Recorder], None] | None = None  # takes what `_MANY` outermost spans are, to forget them
        self._mark = 0  # bytes in use where the last span began or ended
        self.outer = outer
        self._stopped = 0 if outer is None else outer._stopped  # nanoseconds for which the clock stood still
        self.begin = self.end = perf_counter_ns() - self._stopped
        self._top = Span(RANGE, "", self.begin)
        self._open = [self._top]

    @property
    def roots(self) -> list[Span]:
        """The outermost spans."""
        return self._top.children

    def finish(self) -> None:
        """Close what is still open."""
        now = perf_counter_ns()
        self.end = now - self._stopped
        while len(self._open) > 1:
            self._pop(self._open[-1], self.end)
        if self.outer is not None:
            self.outer._open[-1].children += self.roots
            self.outer._stopped = self._stopped

    # -- spans

    def open(self, kind: int, name: str, code: CodeType | None = None) -> Span:
        """Something begins."""
        now = perf_counter_ns()
        span = Span(kind, name, now - self._stopped, code)
        if self.memory is not None:
            span.memory = self._mark = self.memory.current
        if self.with_stack and kind == CALL and not any(other.kind == CALL for other in self._open):
            span.stack = _lines(sys._getframe(2))
        self._open.append(span)
        self._stopped += perf_counter_ns() - now
        return span

    def restart(self, span: Span) -> None:
        """It begins now only: what was done about it since is not its own."""
        self._stopped = perf_counter_ns() - span.start

    def name_of_module(self, module: Any) -> str:
        """A module's class, and its name within the first module that was called around it."""
        if id(module) not in self.names:
            for name, other in module.named_modules():
                kind = type(other).__name__
                self.names[id(other)] = f"nn.Module: {kind} ({name})" if name else f"nn.Module: {kind}"
        return self.names[id(module)]

    def close(self, span: Span) -> None:
        """It ended, or failed; and so did all that began within it and is still open."""
        now = perf_counter_ns()
        end = now - self._stopped
        if span in self._open:
            while self._open[-1] is not span:
                self._pop(self._open[-1], end)
            self._pop(span, end)
        self._stopped += perf_counter_ns() - now

    def close_call(self, span: Span, args: Sequence[Any], result: Any) -> None:
        """A function that users call has given its result."""
        now = perf_counter_ns()
        if span.operation is None and not any(child.kind in _EVENTS for child in span.children):
            results = result if type(result) in (tuple, list) else (result,)
            if any(has_memory(value) and is_traced(value) for value in results):
                span.kind = LAYER  # nothing was computed: it leaves no event
            else:
                span.work = of_call(span.name, args, results)
                self._describe(span, args, results)
        self._stopped += perf_counter_ns() - now
        self.close(span)

    def _pop(self, span: Span, end: int) -> None:
        self._open.pop()
        span.end = end
        if self.memory is not None:
            self._mark = self.memory.current
            span.memory = self._mark - span.memory
        parent = self._open[-1]
        events = [child for child in span.children if child.kind in _EVENTS]
        if span.kind == MODULE and not self.with_modules:
            parent.children += span.children
            return
        if span.kind in (CALL, LAYER) and span.operation is None:
            if len(events) == 1 and events[0].operation is not None:
                _take_over(span, events[0])
            elif span.kind == CALL and len(events) == 1 and events[0].kind == CALL:
                _absorb(span, events[0])
            elif span.kind == CALL and events and events[-1].operation is not None and events[-1].name == span.name:
                _take_over(span, events[-1])
            elif span.kind == LAYER:
                parent.children += span.children
                return
        if span.kind == MODULE:
            span.kind = RANGE
        parent.children.append(span)
        if self.fold is not None and parent is self._top and len(parent.children) >= _MANY:
            self.fold(self)
            parent.children.clear()

    # -- what is told

    def told(self, operation: Operation, attributes: tuple, outputs: Any, inputs: Any, frame: FrameType) -> None:
        """`graph.record` was called, by the function of this frame."""
        now = perf_counter_ns()
        outputs = outputs if type(outputs) is tuple else (outputs,)
        inputs = () if callable(inputs) else inputs
        if has_memory(outputs[0]) and is_traced(outputs[0]):
            return
        top, end = self._open[-1], now - self._stopped
        if top.kind == CALL and top.operation is None and top.code is frame.f_code:
            span = top
            span.name = name_of(operation)
        else:
            span = self._last_part(top, operation, end)
        span.operation = operation
        span.work = of_operation(operation, attributes, outputs, inputs)
        self._describe(span, inputs, outputs)
        if self.memory is not None and span is not top:
            span.memory, self._mark = self.memory.current - self._mark, self.memory.current
        if self.with_stack and span is not top and not any(other.kind == CALL for other in self._open):
            span.stack = _lines(frame)
        self._stopped += perf_counter_ns() - now

    def _last_part(self, top: Span, operation: Operation, end: int) -> Span:
        """An operation that ends now, and began where the one before it ended, or what it is a part of began."""
        at = len(top.children)
        while at and top.children[at - 1].kind == KERNEL:
            at -= 1
        start = top.children[at - 1].end if at else top.start
        span = Span(OPERATION, name_of(operation), start)
        span.children, span.end = top.children[at:], end
        top.children[at:] = [span]
        return span

    def _describe(self, span: Span, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
        if self.record_shapes:
            span.shapes = [list(value._layout()[0]) if has_memory(value) else [] for value in inputs]
        if self.memory is not None:
            for value in outputs:
                if has_memory(value):
                    self.memory.see(value)

    def kernel(self, name: str, begin: int, end: int, threads: int) -> None:
        """Compiled code ran between these times of `perf_counter_ns`."""
        span = Span(KERNEL, name, begin - self._stopped)
        span.end, span.threads = end - self._stopped, threads
        self._open[-1].children.append(span)
        self._stopped += perf_counter_ns() - end


def name_of(operation: Operation) -> str:
    """PyTorch's name of an operation; a user's Function has its own."""
    name = operation.name
    if OPERATIONS.get(name) is not operation:
        return name
    plain = name.partition(".")[0]
    return f"aten::{_RENAMED.get(plain, plain)}"


def _take_over(span: Span, only: Span) -> None:
    """A call that did one operation is that operation, with its own checks before and after."""
    at = span.children.index(only)
    span.children[at : at + 1] = only.children
    if not span.name.endswith("_"):  # what is in place is called so, whatever it does
        span.name = only.name
    span.kind, span.operation, span.work = only.kind, only.operation, only.work
    span.shapes, span.stack = only.shapes or span.shapes, span.stack or only.stack


def _absorb(span: Span, only: Span) -> None:
    """A call that did one other, neither of which told of an operation, keeps its own name (`randn` is no `empty`)."""
    at = span.children.index(only)
    span.children[at : at + 1] = only.children
    span.work = span.work or only.work


def _lines(frame: FrameType | None) -> list[str]:
    """The calls of users that led here, innermost first."""
    lines = []
    while frame is not None:
        if frame.f_globals.get("__name__", "").partition(".")[0] != _PACKAGE:
            lines.append(f"{frame.f_code.co_filename}({frame.f_lineno}): {frame.f_code.co_name}")
        frame = frame.f_back
    return lines
