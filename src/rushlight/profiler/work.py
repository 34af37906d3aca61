"""What an operation has to do at least: bytes that it reads and writes, and multiply-adds.

In: an operation with its attributes, inputs and outputs, or a node of the graph. Out: a `Work`, which `limit` holds
against what the machine can do (`bench.peak`). Only shapes are read: no memory is touched, none is put in order.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from rushlight.autograd.graph import Node, PackedNode
from rushlight.autograd.operation import Operation
from rushlight.autograd.value import Layout, Value
from rushlight.bench.peak import Peak
from rushlight.nn.parameter import is_lazy
from rushlight.rules.spec import ConvSpec

VIEWS = frozenset(
    (
        "view", "view.dtype", "squeeze", "unsqueeze", "permute", "transpose", "t", "expand", "split",
        "split_with_sizes", "unbind", "unfold", "diagonal", "select", "slice", "as_strided", "detach",
    )
)  # fmt: skip
"""Operations that move nothing: their results are the memory of their inputs."""
_READ_IN_PART = frozenset(("index", "index_select", "gather", "take", "read_at"))
_PRODUCTS = frozenset(("mm", "matmul", "dot"))


class Work(NamedTuple):
    """Bytes read and written, each once, and multiply-adds of float32 (one of float64 counts as two)."""

    bytes: int
    macs: int

    def limit(self, peak: Peak) -> float:
        """The seconds that a machine needs at least; the larger of the two counts, for they go on at the same time."""
        return max(self.bytes / peak.bytes_per_second, self.macs / peak.macs_per_second)


NOTHING = Work(0, 0)


def has_memory(value: object) -> bool:
    """Whether this is a tensor, and not one that has no shape yet (of a lazy layer)."""
    return isinstance(value, Value) and not is_lazy(value)


def size_of(layout: Layout) -> int:
    """The bytes of a tensor with this shape and dtype."""
    return math.prod(layout[0]) * layout[1].itemsize


def stored_size(value: Value) -> int:
    """The bytes of memory that a tensor's elements are: those that an expanded axis repeats count once."""
    shape, kind = value._layout()
    if getattr(value, "_lying", value) is None:
        steps = getattr(value._ordered, "strides", None)
        if steps is not None:
            shape = [n for n, step in zip(shape, steps) if step or not n]
    return math.prod(shape) * kind.itemsize


def total_size(values: Iterable[object]) -> int:
    """The bytes of all tensors among these, each once."""
    found = {id(value): value for value in values if has_memory(value)}
    return sum(map(stored_size, found.values()))


def of_operation(operation: Operation, attributes: tuple, outputs: Sequence[Any], inputs: Sequence[Any]) -> Work:
    """The work of a call of an operation."""
    if operation.name in VIEWS or any(given is outputs[0] for given in inputs):  # the latter: done with the one before
        return NOTHING
    written = total_size(outputs)
    read = total_size(inputs)
    if operation.name in _READ_IN_PART:
        read = min(read, written + total_size(inputs[1:]))
    return Work(read + written, _macs(operation, attributes, outputs, inputs))


def of_step(optimizer: Any) -> Work:
    """The work of an optimiser's step: a parameter and what is remembered of it are read and written, its
    gradient is read."""
    found = 0
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            if parameter.grad is not None:
                kept = optimizer.state.get(parameter, {}).values()
                found += 2 * total_size([parameter, *kept]) + total_size([parameter.grad])
    return Work(found, 0)


def is_traced(value: Value) -> bool:
    """Whether a tensor holds formulas in the place of numbers (`tensor.tracing`), so that nothing was computed."""
    return getattr(getattr(getattr(value, "_ordered", None), "backend", None), "traces", False)


def of_call(name: str, args: Sequence[Any], results: Sequence[Any]) -> Work | None:
    """The work of a function that told of no operation; None where it gives no tensor."""
    given = {id(value) for value in args if has_memory(value)}
    found = [value for value in results if has_memory(value)]
    if not found:
        return None
    if not all(id(value) in given for value in found):
        return Work(total_size(args) + total_size(found), 0)
    return Work(total_size(args) + total_size(found), 0) if name.endswith("_") else NOTHING


def _macs(operation: Operation, attributes: tuple, outputs: Sequence[Any], inputs: Sequence[Any]) -> int:
    spec = spec_of(attributes)
    if spec is not None:
        return spec.macs * (2 if spec.dtype == "f64" else 1)
    if operation.name in _PRODUCTS and isinstance(inputs[0], Value) and isinstance(outputs[0], Value):
        (shape, kind), result = inputs[0]._layout(), outputs[0]._layout()[0]
        return math.prod(result) * (shape[-1] if shape else 1) * (2 if kind.itemsize == 8 else 1)
    return 0


def spec_of(attributes: tuple) -> ConvSpec | None:
    """The convolution that an operation is, if it is one."""
    return attributes[0] if attributes and isinstance(attributes[0], ConvSpec) else None


def of_node(node: Node, grads: Sequence[Value | None], wanted: Sequence[Layout]) -> Work:
    """The work of a node whose gradients of these layouts are wanted: what came, what was saved, and what goes.

    Of a layer each gradient but the bias's has as many multiply-adds as the layer. What else multiplies are operations
    inside the node, which count themselves.
    """
    operation = node.operation
    if operation.name in VIEWS or type(node) not in (Node, PackedNode):  # the latter leave their work to another node
        return NOTHING
    saved = [kept for kept in node.saved or () if isinstance(kept, Value)]
    macs, spec = 0, spec_of(node.attributes)
    if spec is not None:
        macs = spec.macs * (2 if spec.dtype == "f64" else 1) * sum(len(shape) > 1 for shape, _ in wanted)
    return Work(total_size([*grads, *saved]) + sum(map(size_of, wanted)), macs)
