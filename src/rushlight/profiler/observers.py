"""Where the profiler looks: the functions that tell it what runs, each with what it does about a call.

In: nothing; the functions are those that users call (`tensor/methods.py`, `rushlight`, `nn.functional`), `record` of
operations, the visit of a node, the call of a module, and those that start kernels. Out: `PROBES`. On a thread without
a recorder an observed function does what it always does.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from time import perf_counter_ns
from types import FunctionType
from typing import Any

import rushlight
from rushlight.autograd import engine, graph
from rushlight.backends.cpu.direct import Direct
from rushlight.backends.cpu.pointwise_call import PointwiseCall
from rushlight.nn import functional, joining
from rushlight.nn.hooks import Hooked
from rushlight.optim.optimizer import Optimizer
from rushlight.profiler.probes import Around, Probe, Probes, can_be_probed
from rushlight.profiler.recorder import CALL, LAYER, MODULE, NODE, RANGE, Span, here
from rushlight.profiler.work import of_node
from rushlight.runtime import memory, team
from rushlight.tensor.methods import METHODS
from rushlight.utils.data import iterators

_UNSEEN = frozenset(
    (
        "backward", "register_hook", "register_post_accumulate_grad_hook", "retain_grad", "_replay",
        "_add_in_place", "_adopt", "_cast", "stride", "is_contiguous", "size", "dim", "ndimension", "numel",
        "nelement", "element_size", "is_floating_point", "is_complex", "data_ptr", "get_device",
        "storage_offset", "__array_wrap__", "__dlpack_device__", "__deepcopy__", "__copy__", "__reduce_ex__",
        "__repr__", "__dir__", "type", "is_tensor", "result_type", "promote_types", "can_cast",
    )
)  # fmt: skip
"""Methods that compute nothing, or are seen elsewhere."""
_SURFACES = ("tensor.", "nn.functional")


def _functions() -> dict[int, tuple[FunctionType, str]]:
    """The functions that users call, those that they wrap among them, and what each is called."""
    found: dict[int, tuple[FunctionType, str]] = {}

    def add(name: str, member: object) -> None:
        while member is not None:
            home = getattr(member, "__module__", None) or ""
            if name not in _UNSEEN and can_be_probed(member) and home.partition(".")[0] == "rushlight":
                found.setdefault(id(member), (member, name))
            member, name = getattr(member, "__wrapped__", None), getattr(member, "__name__", name)

    for name, module in rushlight._WHERE.items():  # all at once: what is loaded later would look at observed functions
        if module.startswith(_SURFACES) or (
            module == "random" and name.startswith(("rand", "normal", "bern", "multi"))
        ):
            add(name, getattr(rushlight, name))
    for name in dir(functional):
        if not name.startswith("_"):
            add(name, getattr(functional, name))
    for name, member in METHODS.items():
        add(name, member)
    return found


def _probes() -> Iterator[Probe]:
    for function, name in _functions().values():
        yield Probe(function, _observe_call(_aten(name)))
    yield Probe(graph.record, _observe_record)
    yield Probe(engine.BackwardPass.visit, _observe_visit)
    yield Probe(engine.backward, _observe_range(lambda *given, **options: "autograd::backward"))
    yield Probe(engine.grad, _observe_range(lambda *given, **options: "autograd::grad"))
    yield Probe(engine.accumulate, _observe_range(lambda *given: "torch::autograd::AccumulateGrad"))
    yield Probe(Hooked.__call__, _observe_module)
    yield Probe(joining.joined, _observe_joined)
    yield Probe(Optimizer.zero_grad, _observe_range(lambda own, *given, **options: step_name(own, "zero_grad")))
    for kind, name in ((iterators.Here, "SingleProcess"), (iterators.InWorkers, "MultiProcessing")):
        text = f"enumerate(DataLoader)#_{name}DataLoaderIter.__next__"
        yield Probe(kind.__next__, _observe_range(lambda *given, text=text: text))
    yield Probe(team.launch, _observe_launch)
    yield Probe(team.run_whole, _observe_launch)
    yield Probe(memory.empty, _observe_memory)
    for prepared in (PointwiseCall, Direct):
        yield Probe(prepared.__call__, _observe_direct)


def _aten(name: str) -> str:
    """PyTorch's name of a function: `__iadd__` is add_."""
    plain = name.strip("_") if name.startswith("__") else name
    if name.startswith("__i") and name not in ("__iter__", "__invert__", "__int__", "__index__"):
        plain = f"{plain[1:]}_"
    return f"aten::{plain}"


def step_name(optimizer: object, method: str) -> str:
    """PyTorch's name of a range around an optimiser's method."""
    return f"Optimizer.{method}#{type(optimizer).__name__}.{method}"


# -------------------------------------------------------------------- what is done about a call


def _observe_call(name: str) -> Callable[[FunctionType], Around]:
    """A function that users call."""

    def observer(original: FunctionType) -> Around:
        code = original.__code__

        def around(*args: Any, **kwargs: Any) -> Any:
            recorder = here.recorder
            if recorder is None:
                return original(*args, **kwargs)
            span = recorder.open(CALL, name, code)
            try:
                result = original(*args, **kwargs)
            except BaseException:
                recorder.close(span)
                raise
            recorder.close_call(span, args, result)
            return result

        return around

    return observer


def _observe_record(original: FunctionType) -> Around:
    def around(operation: Any, attributes: tuple, outputs: Any, inputs: Any, *saved: Any, **options: Any) -> Any:
        node = original(operation, attributes, outputs, inputs, *saved, **options)
        recorder = here.recorder
        if recorder is not None:
            recorder.told(operation, attributes, outputs, inputs, sys._getframe(2))  # behind this and the probe
        return node

    return around


def _observe_range(name: Callable[..., str]) -> Callable[[FunctionType], Around]:
    def observer(original: FunctionType) -> Around:
        def around(*args: Any, **kwargs: Any) -> Any:
            recorder = here.recorder
            if recorder is None:
                return original(*args, **kwargs)
            span = recorder.open(RANGE, name(*args, **kwargs))
            try:
                return original(*args, **kwargs)
            finally:
                recorder.close(span)

        return around

    return observer


def _observe_visit(original: FunctionType) -> Around:
    def around(own: Any, node: Any, grads: list) -> None:
        recorder = here.recorder
        if recorder is None:
            original(own, node, grads)
            return
        span = recorder.open(NODE, node.name())
        wanted = [engine._layout(edge) for edge in node.edges if edge is not None and own.leads_somewhere(edge[0])]
        span.work = of_node(node, grads, wanted)
        recorder.restart(span)
        try:
            original(own, node, grads)
        finally:
            recorder.close(span)

    return around


def _observe_module(original: FunctionType) -> Around:
    def around(own: Any, *args: Any, **kwargs: Any) -> Any:
        recorder = here.recorder
        if recorder is None:
            return original(own, *args, **kwargs)
        own_layer = type(own).__module__.startswith("rushlight.") and not own._modules
        kind = LAYER if own_layer and not recorder.with_modules else MODULE
        span = recorder.open(kind, recorder.name_of_module(own) if recorder.with_modules else "")
        try:
            return original(own, *args, **kwargs)
        finally:
            recorder.close(span)

    return around


def _observe_joined(original: FunctionType) -> Around:
    """Two modules in one pass: the first's row is theirs."""

    def around(first: Any, second: Any, *args: Any) -> Any:
        recorder = here.recorder
        if recorder is None:
            return original(first, second, *args)
        span = recorder.open(LAYER, recorder.name_of_module(first) if recorder.with_modules else "")
        try:
            result = original(first, second, *args)
            if recorder.with_modules and result is not None:  # else each is called by itself
                span.kind = MODULE
            return result
        finally:
            recorder.close(span)

    return around


def _observe_launch(original: FunctionType) -> Around:
    def around(entry: Any, words: Any, threads: int = 1) -> None:
        recorder = here.recorder
        if recorder is None:
            original(entry, words, *([] if threads == 1 else [threads]))
            return
        begin = perf_counter_ns()
        try:
            original(entry, words, *([] if threads == 1 else [threads]))
        finally:
            recorder.kernel(entry.name, begin, perf_counter_ns(), threads)

    return around


def _observe_direct(original: FunctionType) -> Around:
    def around(own: Any, *args: Any) -> Any:
        recorder = here.recorder
        if recorder is None or own.direct is None:  # with None it launches
            return original(own, *args)
        begin = perf_counter_ns()
        try:
            return original(own, *args)
        finally:
            recorder.kernel(type(own).__name__, begin, perf_counter_ns(), 1)

    return around


def _observe_memory(original: FunctionType) -> Around:
    def around(shape: tuple, dtype: Any) -> Any:
        array = original(shape, dtype)
        recorder = here.recorder
        if recorder is not None and recorder.memory is not None:
            recorder.memory.see_array(array)
        return array

    return around


PROBES = Probes(_probes)


def _after_fork() -> None:
    here.recorder = None
    PROBES.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def open_range(name: str) -> Span | None:
    """Begin a range on this thread, if it is recorded."""
    return None if here.recorder is None else here.recorder.open(RANGE, name)


def close_range(span: Span | None) -> None:
    """End it."""
    if span is not None and here.recorder is not None:
        here.recorder.close(span)
