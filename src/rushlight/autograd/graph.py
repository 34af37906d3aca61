"""The graph: what each operation leaves behind so that it can be differentiated.

In: `record(operation, attributes, outputs, inputs, saved)` from whoever computed something. Out: a `Node` on each
output (`grad_fn`), whose edges lead to the nodes of the inputs, or to the inputs themselves where they are leaves.
`autograd.engine` runs them.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable
from typing import Any

from rushlight.autograd.hooks import Handle, NodeHooks
from rushlight.autograd.modes import mode
from rushlight.autograd.operation import Gradients, Needs, Op, Operation
from rushlight.autograd.saving import (  # noqa: F401  (where PyTorch has them)
    checked_unpacked,
    disable_saved_tensors_hooks,
    save_on_cpu,
    saved_tensors_hooks,
)
from rushlight.autograd.value import Value, refresh
from rushlight.autograd.version import bump
from rushlight.core.dtypes import HALVES, float32
from rushlight.core.errors import message

_sequence = itertools.count()

Edge = tuple  # (Node or leaf Value, which output of it)


class Node:
    """One recorded operation: `grad_fn` of its outputs."""

    __slots__ = (
        "__weakref__", "attributes", "edges", "hooks", "operation", "outputs", "own", "saved", "sequence", "versions",
    )  # fmt: skip

    def __init__(
        self, operation: Operation, attributes: tuple, edges: list[Edge | None], outputs: tuple[Value, ...]
    ) -> None:
        self.operation = operation
        self.attributes = attributes
        self.edges = edges
        self.outputs = [output._layout() for output in outputs]
        self.saved: tuple | None = ()
        self.versions: list[int] | None = None
        self.own: dict[int, int] | None = None  # which saved tensors are this node's own outputs
        self.hooks: NodeHooks | None = None
        # A node is younger than everything it leads to, so descending numbers are a topological order.
        self.sequence = next(_sequence)

    def name(self) -> str:
        """PyTorch's name of the operation, as `MulBackward0`."""
        return self.operation.node

    @property
    def op(self) -> Op:
        """The operation with its attributes."""
        return Op(self.operation, self.attributes)

    def __repr__(self) -> str:
        return f"<{self.name().rsplit('::', 1)[-1]} object at 0x{id(self):x}>"

    @property
    def next_functions(self) -> tuple[tuple[object | None, int], ...]:
        """For each input the node that computed it (AccumulateGrad for a leaf, None where no gradient flows)."""
        return tuple(_next_function(edge) for edge in self.edges)

    @property
    def metadata(self) -> dict:
        """A place for users to keep things beside the node."""
        return self._hooks().metadata

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """The tensors kept for backward; RuntimeError where they are freed or were changed in place."""
        return self.unpack()

    def _hooks(self) -> NodeHooks:
        if self.hooks is None:
            self.hooks = NodeHooks()
        return self.hooks

    def register_prehook(self, fn: Callable) -> Handle:
        """Call `fn(grad_outputs)` before this node; a tuple returned replaces them."""
        return Handle.into(self._hooks().before, fn)

    def register_hook(self, fn: Callable) -> Handle:
        """Call `fn(grad_inputs, grad_outputs)` after this node; a tuple returned replaces `grad_inputs`."""
        return Handle.into(self._hooks().after, fn)

    def retains(self, index: int) -> bool:
        """Whether output `index` keeps its gradient."""
        return self.hooks is not None and index in self.hooks.retained

    def keep(self, saved: Iterable[Value | None], outputs: tuple[Value, ...]) -> None:
        """Hold on to the tensors that the rule needs, and to what their versions are now."""
        if mode.packing is not None:
            self.__class__ = PackedNode
            self.saved = tuple(None if tensor is None else Packed(tensor, outputs) for tensor in saved)
            return
        kept, versions = [], []
        for position, tensor in enumerate(saved):
            version = None if tensor is None else tensor._memory_version
            if version is not None and version.inference:
                raise RuntimeError(_INFERENCE)
            for index, output in enumerate(outputs):
                if tensor is output:  # the output itself would be a cycle: node → output → node
                    tensor = output.detach()
                    self.own = {**(self.own or {}), position: index}
                    break
            kept.append(tensor)
            versions.append(0 if version is None else version.count)
        self.saved, self.versions = tuple(kept), versions

    def unpack(self) -> tuple[Value | None, ...]:
        """The saved tensors, checked."""
        if self.saved is None:
            raise RuntimeError(_SECOND_TIME)
        for position, tensor in enumerate(self.saved):
            version = None if tensor is None else tensor._memory_version
            if version is not None and version.count != self.versions[position]:
                raise RuntimeError(_changed(tensor, self.name(), self.versions[position]))
        return self.saved if self.own is None else self._with_own_outputs()

    def _with_own_outputs(self) -> tuple[Value | None, ...]:
        tensors = list(self.saved)
        for position, index in self.own.items():
            output = tensors[position] = tensors[position].detach()
            output._node, output._index, output._requires_grad = self, index, True
        return tuple(tensors)

    def apply(self, grads: list[Value | None], needs: Needs) -> Gradients:
        """The gradients of the inputs from those of the outputs."""
        if self.saved is None:
            raise RuntimeError(_SECOND_TIME)
        return self.operation.differentiate(self.attributes, needs, grads, self.unpack() if self.saved else ())

    def release(self) -> None:
        """Let go of the saved tensors; a node that saved none may run again."""
        if self.saved:
            self.saved = None


class Packed:
    """A saved tensor that is in the hands of a user's hooks (`saving.saved_tensors_hooks`)."""

    __slots__ = ("edge", "own", "unpack_hook", "value")

    def __init__(self, tensor: Value, outputs: tuple[Value, ...] = ()) -> None:
        pack_hook, self.unpack_hook = mode.packing
        version = tensor._memory_version
        if version is not None and version.inference:
            raise RuntimeError(_INFERENCE)
        self.own = next((index for index, output in enumerate(outputs) if tensor is output), None)
        self.edge = edge_of(tensor) if self.own is None else None
        # Only a leaf is given as it is: of what was computed the hook must not keep the history.
        given = tensor if self.edge is not None and self.edge[0] is tensor else tensor.detach()
        before = mode.enabled, None if given._memory_version is None else given._memory_version.count
        mode.enabled = False
        try:
            self.value = pack_hook(given)
        finally:
            mode.enabled = before[0]
        if given._memory_version is not None and given._memory_version.count != (before[1] or 0):
            raise RuntimeError(_CHANGED_BY_HOOK)

    def unpack(self, node: Node | None = None) -> Value:
        """The tensor, with the history that it had; `node` is the one that saved it."""
        result = checked_unpacked(self.unpack_hook(self.value), Value).detach()
        if self.own is not None:
            result._node, result._index, result._requires_grad = node, self.own, True
        elif self.edge is not None and isinstance(self.edge[0], Node):
            result._node, result._index, result._requires_grad = *self.edge, True
        elif self.edge is not None:
            record(_UNPACKED, (), result, (self.edge[0],))
        return result


class PackedNode(Node):
    """A node whose saved tensors are in the hands of a user's hooks."""

    __slots__ = ()

    def unpack(self) -> tuple[Value | None, ...]:
        """The saved tensors, asked back from the hooks."""
        if self.saved is None:
            raise RuntimeError(_SECOND_TIME)
        return tuple([None if packed is None else packed.unpack(self) for packed in self.saved])

    def apply(self, grads: list[Value | None], needs: Needs) -> Gradients:
        """The gradients of the inputs; the rule of a user's function asks for what it saved itself, and once."""
        if self.saved is None:
            raise RuntimeError(_SECOND_TIME)
        saved = () if getattr(self.operation.derivative, "asks_itself", False) else self.unpack()
        return self.operation.differentiate(self.attributes, needs, grads, saved)


def _given_on(needs: Needs, grad: Value) -> Gradients:
    return (grad,)


_UNPACKED = Operation("unpacked", "UnpackedBackward0", _given_on)


class AccumulateGrad:
    """Stands in `next_functions` for a leaf; `variable` is the leaf."""

    __slots__ = ("variable",)

    operation = None

    def __init__(self, variable: Value) -> None:
        self.variable = variable

    def name(self) -> str:
        return "torch::autograd::AccumulateGrad"

    next_functions = ()

    def __repr__(self) -> str:
        return f"<AccumulateGrad object at 0x{id(self.variable):x}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AccumulateGrad) and self.variable is other.variable

    def __hash__(self) -> int:
        return id(self.variable)


def record(
    operation: Operation,
    attributes: tuple,
    outputs: Value | tuple[Value, ...],
    inputs: tuple[Value | None, ...],
    saved: Iterable[Value | None] = (),
) -> Node | None:
    """Say what computed `outputs` from `inputs` (None: a number, or left out), and keep what its derivative needs.

    `saved` are handed to the derivative. Nothing is kept where no gradient is wanted.
    """
    if mode.watcher is not None:
        mode.watcher(Op(operation, attributes), outputs if type(outputs) is tuple else (outputs,), inputs)
    if not mode.enabled or operation.derivative is None:
        return None
    if operation.differentiable is not None:
        inputs = inputs[: operation.differentiable]
    edges = [None if tensor is None else edge_of(tensor) for tensor in inputs]
    for edge in edges:
        if edge is not None:
            break
    else:
        return None
    if type(outputs) is not tuple:
        outputs = (outputs,)
    node = Node(operation, attributes, edges, outputs)
    if saved:
        node.keep(saved, outputs)
    for index, output in enumerate(outputs):
        output._node = node
        output._index = index
        output._requires_grad = True
    return node


def record_write(
    operation: Operation,
    attributes: tuple,
    outputs: Value | tuple[Value, ...],
    inputs: tuple[Value | None, ...] | Callable[[], tuple[Value | None, ...]],
) -> None:
    """Say that `outputs`, the first of the inputs, have the numbers of this operation now, written over their own.

    Whoever must know of a change is told here: the versions, and who watches. The history is the affair of `record`.
    `inputs` is a function where they are made for the watcher alone.
    """
    if type(outputs) is not tuple:
        bump(outputs)
    else:
        for output in outputs:
            bump(output)
    if mode.watcher is not None:
        outputs = outputs if type(outputs) is tuple else (outputs,)
        mode.watcher(Op(operation, attributes), outputs, inputs() if callable(inputs) else inputs)


def in_single(rule: Callable) -> Callable:
    """A derivative of several steps, which of halves computes in float32: the engine rounds what it gives, once."""

    @functools.wraps(rule)
    def widened(*told: Any) -> Gradients:
        return rule(*[widen(value) if isinstance(value, Value) else value for value in told])

    return widened


def widen(tensor: Value | None) -> Value | None:
    """A tensor of halves in float32; any other as it is."""
    return tensor._cast(float32.numpy) if tensor is not None and tensor.dtype in HALVES else tensor


def edge_of(tensor: Value) -> Edge | None:
    """Where the gradient of a tensor goes: its node, itself if it is a leaf, or nowhere."""
    if tensor._base is not None:
        refresh(tensor)
    if not tensor._requires_grad:
        return None
    node = tensor._node
    return (tensor, 0) if node is None else (node, tensor._index)


def _next_function(edge: Edge | None) -> tuple[object | None, int]:
    if edge is None:
        return (None, 0)
    target, index = edge
    return (target if isinstance(target, Node) else AccumulateGrad(target), index)


_INFERENCE = message(
    "Inference tensors cannot be saved for backward. Please do not use Tensors created in inference mode in "
    "computation tracked by autograd. To work around this, you can make a clone to get a normal tensor and use it in "
    "autograd, or use `torch.no_grad()` instead of `torch.inference_mode()`."
)
_CHANGED_BY_HOOK = message(
    "A saved tensor pack hook is modifying its input in place. Tensors provided as input to pack hook can not be "
    "modified by in-place operations as this can lead to unexpected side-effects. Please open an issue if you need to "
    "perform in-place operations on the input to a pack hook."
)
_SECOND_TIME = message(
    "Trying to backward through the graph a second time (or directly access saved tensors after they have already been "
    "freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify "
    "retain_graph=True if you need to backward through the graph a second time or if you need to access saved tensors "
    "after calling backward."
)


def _changed(tensor: Value, name: str, expected: int) -> str:
    kind = "torch.FloatTensor" if tensor.dtype is float32 else f"torch.{tensor.dtype.name}"
    return message(
        "one of the variables needed for gradient computation has been modified by an inplace operation: "
        f"[{kind} {list(tensor.shape)}] is at version {tensor._memory_version.count}; "
        f"expected version {expected} instead.",
        f"{name} saved it for backward",
        fix="the out-of-place form (x = x + 1 for x += 1), or .clone() before the change",
    )
