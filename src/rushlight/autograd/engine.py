"""The backward pass through the graph.

In: tensors and the gradients that flow into them. Out: gradients, in `.grad` of the leaves (`backward`) or returned
(`grad`). Nodes run in descending order of their sequence numbers, from a heap: no recursion, however deep the graph.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from heapq import heappop, heappush

from rushlight.autograd.graph import Edge, Node, edge_of
from rushlight.autograd.hooks import run_tensor_hooks
from rushlight.autograd.modes import mode
from rushlight.autograd.value import Layout, Value
from rushlight.core.errors import message

Values = Value | Sequence[Value]


class BackwardPass:
    """One backward pass: the gradients that have arrived so far, and where they are wanted."""

    __slots__ = (
        "__weakref__", "create_graph", "heap", "leaves", "needed", "pending", "retain_graph", "wanted", "wanted_leaves",
    )  # fmt: skip

    def __init__(self, retain_graph: bool, create_graph: bool) -> None:
        self.retain_graph = retain_graph
        self.create_graph = create_graph
        self.heap: list[tuple[int, Node]] = []
        self.pending: dict[Node, list[Value | None]] = {}
        self.leaves: dict[int, list] = {}  # id → [leaf, gradient]
        self.needed: set[Node] | None = None  # None: every node runs and every leaf is wanted
        self.wanted: dict[Node, dict[int, Value | None]] = {}
        self.wanted_leaves: set[int] = set()

    def want(self, inputs: Sequence[Value], roots: Sequence[Value]) -> None:
        """Compute only what leads to `inputs`."""
        for tensor in inputs:
            target, index = edge_of(tensor)
            if isinstance(target, Node):
                self.wanted.setdefault(target, {})[index] = None
            else:
                self.wanted_leaves.add(id(target))
        self.needed = set()
        for node in sorted(_reachable(roots), key=lambda node: node.sequence):
            if any(edge is not None and self.leads_somewhere(edge[0]) for edge in node.edges):
                self.needed.add(node)

    def leads_somewhere(self, target: Node | Value) -> bool:
        """Whether a gradient that goes to `target` is of use."""
        if self.needed is None:
            return True
        if isinstance(target, Node):
            return target in self.needed or target in self.wanted
        return id(target) in self.wanted_leaves

    def deliver(self, target: Node | Value, index: int, grad: Value) -> None:
        """Add a gradient to what has arrived at a node or leaf."""
        if isinstance(target, Node):
            arrived = self.pending.get(target)
            if arrived is None:
                arrived = self.pending[target] = [None] * len(target.outputs)
                heappush(self.heap, (-target.sequence, target))
            arrived[index] = grad if arrived[index] is None else arrived[index] + grad
            return
        entry = self.leaves.get(id(target))
        if entry is None:
            self.leaves[id(target)] = [target, grad]
        else:
            entry[1] = entry[1] + grad

    def run(self) -> None:
        """Run every node that gradients reach."""
        before = mode.enabled, mode.running
        mode.enabled, mode.running = self.create_graph, self
        try:
            while self.heap:
                node = heappop(self.heap)[1]
                self.visit(node, self.pending.pop(node))
            for entry in self.leaves.values():
                hooks = entry[0]._hooks
                if hooks is not None and hooks.on_grad:
                    entry[1] = run_tensor_hooks(hooks.on_grad, entry[1])
        finally:
            mode.enabled, mode.running = before

    def visit(self, node: Node, grads: list[Value | None]) -> None:
        """Run one node and hand its results on."""
        hooks = node.hooks
        if hooks is not None:
            grads = hooks.see(grads)
        if self.needed is not None:
            for index in self.wanted.get(node, ()):
                self.wanted[node][index] = grads[index]
            if node not in self.needed:
                return
        edges = node.edges
        needs = tuple([_layout(edge) if edge is not None and self.leads_somewhere(edge[0]) else None for edge in edges])
        results = node.apply(grads, needs)
        if hooks is not None and hooks.after:
            results = hooks.see_results(results, grads)
        if len(results) != len(edges):
            raise RuntimeError(_wrong_number(node, len(results)))
        if not self.retain_graph:
            node.release()
        for position, result in enumerate(results):
            if result is not None and needs[position]:
                target, index = edges[position]
                self.deliver(target, index, _fitted(result, needs[position], node, position))

    def result(self, tensor: Value) -> Value | None:
        """The gradient of a wanted input."""
        target, index = edge_of(tensor)
        if isinstance(target, Node):
            return self.wanted[target][index]
        return self.leaves.get(id(target), (None, None))[1]


def _reachable(roots: Sequence[Value]) -> set[Node]:
    found: set[Node] = set()
    todo = [edge_of(root)[0] for root in roots]
    while todo:
        node = todo.pop()
        if isinstance(node, Node) and node not in found:
            found.add(node)
            todo.extend(edge[0] for edge in node.edges if edge is not None)
    return found


def _layout(edge: Edge) -> Layout:
    """The shape and dtype of the input that an edge leads to."""
    target, index = edge
    return target.outputs[index] if isinstance(target, Node) else target._layout()


def _fitted(grad: Value, layout: Layout, node: Node, position: int) -> Value:
    """The gradient in the shape and dtype of what it is the gradient of: summed where that was broadcast."""
    shape, kind = layout
    if not isinstance(grad, Value):
        raise TypeError(f"{node.name()} returned a {type(grad).__name__} as gradient {position}, expected a Tensor")
    found, dtype = grad._layout()
    if found != shape:
        if not _broadcasts(shape, found):
            raise RuntimeError(
                f"Function {node.name()} returned an invalid gradient at index {position} - got {list(found)} "
                f"but expected shape compatible with {list(shape)}"
            )
        grad = grad.sum_to_size(shape)
    if dtype is not kind and dtype != kind:
        grad = grad._cast(kind)
    return grad


def _broadcasts(shape: tuple[int, ...], larger: tuple[int, ...]) -> bool:
    if len(shape) > len(larger):
        return False
    return all(a in (b, 1) for a, b in zip(shape[::-1], larger[::-1]))


def _wrong_number(node: Node, count: int) -> str:
    return f"function {node.name()} returned an incorrect number of gradients (expected {len(node.edges)}, got {count})"


# -- accumulating into .grad


def accumulate(entry: list, create_graph: bool) -> None:
    """Add the gradient of `entry`, a list of a leaf and its gradient, to the leaf's `.grad`."""
    leaf, old = entry[0], entry[0]._grad
    if old is not None and create_graph:
        leaf._grad = old + entry[1]
    elif old is not None:
        old._add_in_place(entry[1])
    else:
        leaf._grad = entry[1] if create_graph else leaf._adopt(entry)
    if leaf._hooks is not None:
        for hook in list(leaf._hooks.after_accumulate.values()):
            hook(leaf)


# -- what users call


def backward(
    tensors: Values,
    grad_tensors: Values | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Values | None = None,
) -> None:
    """Add the gradients of `tensors` to `.grad` of the leaves they came from (or of `inputs` only).

    `grad_tensors` are the gradients that flow into `tensors`; None stands for 1 where a tensor has one element.
    RuntimeError: no gradient wanted anywhere, a shape that does not fit, a graph that was freed.

    >>> import rushlight as torch
    >>> x = torch.tensor(3.0, requires_grad=True)
    >>> torch.autograd.backward(x * x); x.grad
    tensor(6.)
    """
    wanted = None if inputs is None else _as_tuple(inputs)
    if wanted is not None and not wanted:
        raise RuntimeError("'inputs' argument to backward() cannot be empty.")
    backward_pass = _start(_as_tuple(tensors), grad_tensors, retain_graph, create_graph, wanted)
    backward_pass.run()
    with_leaf = backward_pass.leaves.values()
    if wanted is not None:
        with_leaf = _entries(backward_pass, wanted)
    before, mode.enabled = mode.enabled, create_graph
    try:
        for entry in list(with_leaf):
            if entry[1] is not None:
                accumulate(entry, create_graph)
    finally:
        mode.enabled = before


def _entries(backward_pass: BackwardPass, wanted: tuple[Value, ...]) -> list[list]:
    distinct = {id(tensor): tensor for tensor in wanted}.values()
    return [[tensor, backward_pass.result(tensor)] for tensor in distinct]


def grad(
    outputs: Values,
    inputs: Values,
    grad_outputs: Values | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Value, ...]:
    """The gradients of `outputs` with respect to `inputs`, as a tuple; `.grad` is left alone.

    `create_graph=True` makes them differentiable. RuntimeError where an input was not used, unless
    `allow_unused=True` (then None) or `materialize_grads=True` (then zeros).

    >>> import rushlight as torch
    >>> x = torch.tensor(3.0, requires_grad=True)
    >>> (first,) = torch.autograd.grad(x ** 3, x, create_graph=True)
    >>> first.item(), torch.autograd.grad(first, x)[0].item()
    (27.0, 18.0)
    """
    if is_grads_batched:
        raise NotImplementedError(message("is_grads_batched is not supported", fix="one call for each gradient"))
    if materialize_grads and allow_unused is False:
        raise ValueError("Expected allow_unused to be True or not passed when materialize_grads=True, but got: False")
    wanted = _as_tuple(inputs)
    if not wanted:
        raise ValueError("grad requires non-empty inputs.")
    backward_pass = _start(_as_tuple(outputs), grad_outputs, retain_graph, create_graph, wanted)
    backward_pass.run()
    results = [backward_pass.result(tensor) for tensor in wanted]
    if materialize_grads:
        return tuple(t._filled_like(0) if r is None else r for t, r in zip(wanted, results))
    if not allow_unused and any(result is None for result in results):
        raise RuntimeError(
            f"The differentiated Tensor at index {next(i for i, r in enumerate(results) if r is None)} appears to not "
            "have been used in the graph. Set allow_unused=True if this is the desired behavior."
        )
    return tuple(results)


def backward_method(
    self: Value,
    gradient: Value | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Values | None = None,
) -> None:
    """Add the gradients of this tensor to `.grad` of the leaves it came from; see `rushlight.autograd.backward`."""
    backward(self, gradient, retain_graph, create_graph, inputs)


def _as_tuple(tensors: Values) -> tuple[Value, ...]:
    return (tensors,) if isinstance(tensors, Value) else tuple(tensors)


def _start(
    roots: tuple[Value, ...],
    grads: Values | None,
    retain_graph: bool | None,
    create_graph: bool,
    wanted: tuple[Value, ...] | None,
) -> BackwardPass:
    """Check the arguments of a backward pass and lay out its first gradients."""
    if grads is None:
        grads = (None,) * len(roots)
    elif isinstance(grads, Value):
        grads = (grads,)
    if len(grads) != len(roots):
        raise RuntimeError(f"got {len(roots)} tensors and {len(grads)} gradients")
    for position, root in enumerate(roots):
        if not root.requires_grad:
            raise RuntimeError(
                message(
                    f"element {position} of tensors does not require grad and does not have a grad_fn",
                    fix="requires_grad=True where the leaf is made; and look for no_grad, detach() or argmax between",
                )
            )
    for position, tensor in enumerate(wanted or ()):
        if not tensor.requires_grad:
            raise RuntimeError(
                message("One of the differentiated Tensors does not require grad", f"inputs: number {position}")
            )
    first = [_first_gradient(position, root, given) for position, (root, given) in enumerate(zip(roots, grads))]
    backward_pass = BackwardPass(create_graph if retain_graph is None else retain_graph, create_graph)
    if wanted is not None:
        backward_pass.want(wanted, roots)
    for root, given in zip(roots, first):
        target, index = edge_of(root)
        if isinstance(target, Node) or backward_pass.leads_somewhere(target):
            backward_pass.deliver(target, index, given)
    return backward_pass


def _first_gradient(position: int, root: Value, given: Value | None) -> Value:
    if given is None:
        if math.prod(root.shape) != 1:
            raise RuntimeError(
                message(
                    "grad can be implicitly created only for scalar outputs",
                    f"this output has shape {list(root.shape)}",
                    fix=".sum() or .mean() of it, or give backward a gradient of that shape",
                )
            )
        return root._filled_like(1)
    if not isinstance(given, Value):
        raise TypeError(f"gradients can be either Tensors or None, but got {type(given).__name__}")
    dtype = root._layout()[1]
    if given.shape != root.shape:
        raise RuntimeError(
            f"Mismatch in shape: grad_output[{position}] has a shape of {given.shape} and output[{position}] "
            f"has a shape of {root.shape}."
        )
    return given if given._layout()[1] == dtype else given._cast(dtype)
