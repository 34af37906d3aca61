"""Operations as values: what each is called, what it gives, how it is computed and how it is differentiated.

In: `define`, once for each operation, where its numbers are computed. Out: `OPERATIONS`, the table of all by name, and
`Op`, one operation with the attributes of a call: what a node of the graph is (`node.op`), what `watched` is told, what
`explain` reads. Arrays are operands, never attributes; attributes are plain values, so an Op can be compared and kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from rushlight.autograd.modes import mode
from rushlight.autograd.value import Layout, Value

# What a derivative is told first: for each input the shape and dtype, None where its gradient is not wanted.
Needs = tuple[Layout | None, ...]
# What it returns: a gradient for each input. One may still have the broadcast shape or the promoted dtype of the
# output: the engine sums and casts it to what the input has.
Gradients = tuple[Value | None, ...]


class Operation:
    """A row of the table.

    `derivative(*attributes, needs, *grads, *saved)` gives a gradient for each input in terms of operations, so that it
    can be differentiated again; it is None where results are no floating-point numbers. Only the first `differentiable`
    inputs are its business, where that is a number: masks and indices stand behind them. `results(inputs, *attributes)`
    gives the shape and dtype of each result from those of the inputs (None stands for an operand that is left out), by
    integers alone. `lowering(*arrays, *attributes)` computes the results' arrays by NumPy's functions, which any
    device's arrays answer: the definition of the numbers.
    """

    __slots__ = ("derivative", "differentiable", "lowering", "name", "node", "results")

    def __init__(
        self,
        name: str,
        node: str,
        derivative: Callable[..., Gradients] | None,
        results: Callable[..., list[Layout]] | None = None,
        lowering: Callable[..., Any] | None = None,
        differentiable: int | None = None,
    ) -> None:
        self.name = name
        self.node = node  # PyTorch's name of its node, as `grad_fn` shows it
        self.derivative = derivative
        self.results = results
        self.lowering = lowering
        self.differentiable = differentiable

    def differentiate(
        self, attributes: tuple, needs: Needs, grads: Sequence[Value | None], saved: Sequence[Value | None]
    ) -> Gradients:
        """The gradients of the inputs; how, is an operation's own affair where they are not differentiated again."""
        return self.derivative(*attributes, needs, *grads, *saved)

    def __repr__(self) -> str:
        return f"<operation {self.name}>"


OPERATIONS: dict[str, Operation] = {}
"""Every operation whose results are known before it runs. A user's `Function`, whose are not, is none of the table."""


def define(
    name: str,
    node: str,
    *,
    derivative: Callable[..., Gradients] | None,
    results: Callable[..., list[Layout]],
    lowering: Callable[..., Any],
    differentiable: int | None = None,
    of: type[Operation] = Operation,
) -> Operation:
    """A new row of the table, of a class; ValueError where the name is taken."""
    if name in OPERATIONS:
        raise ValueError(f"there are two operations {name}")
    row = OPERATIONS[name] = of(name, node, derivative, results, lowering, differentiable)
    return row


class Op(NamedTuple):
    """An operation with the attributes of one call."""

    operation: Operation
    attributes: tuple

    @property
    def name(self) -> str:
        """The operation's name in the table."""
        return self.operation.name

    def __str__(self) -> str:
        return f"{self.operation.name}({', '.join(map(str, self.attributes))})"


Watcher = Callable[[Op, tuple[Value, ...], tuple[Value | None, ...]], None]


@contextmanager
def watched(watcher: Watcher) -> Iterator[None]:
    """Tell `watcher(op, outputs, inputs)` of every operation of this thread until the end, recorded or not.

    A change in place is told after it was done: outputs are the first of the inputs themselves.
    """
    before, mode.watcher = mode.watcher, watcher
    try:
        yield
    finally:
        mode.watcher = before
