"""Users' own differentiable functions.

In: a subclass of `Function` with static `forward` and `backward`. Out: `apply`, which runs forward without recording
and leaves one node that calls backward.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from typing import Any

from rushlight.autograd.graph import Node, record
from rushlight.autograd.modes import mode
from rushlight.autograd.operation import Gradients, Needs, Operation
from rushlight.autograd.value import Value
from rushlight.autograd.version import bump
from rushlight.core import dtypes
from rushlight.core.errors import message


class FunctionCtx:
    """What `forward` leaves for `backward`; any other attribute may be set too.

    `needs_input_grad` says, for each argument of `apply`, whether its gradient is wanted.
    """

    def __init__(self, needs: tuple[bool, ...]) -> None:
        self.needs_input_grad = needs
        self._to_save: tuple[Value | None, ...] = ()
        self._not_differentiable: tuple[Value, ...] = ()
        self._dirty: tuple[Value, ...] = ()
        self._materialize = True
        self._unpack: Callable | None = None

    def save_for_backward(self, *tensors: Value | None) -> None:
        """Keep inputs and outputs for backward; changing one in place before that is an error."""
        self._to_save = tensors

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What `save_for_backward` kept."""
        return self._to_save if self._unpack is None else self._unpack()

    def mark_non_differentiable(self, *outputs: Value) -> None:
        """Outputs through which no gradient flows."""
        self._not_differentiable = outputs

    def mark_dirty(self, *inputs: Value) -> None:
        """Inputs that forward changed in place."""
        self._dirty = inputs

    def set_materialize_grads(self, value: bool) -> None:
        """Whether backward gets zeros (the default) or None for outputs that no gradient reached."""
        self._materialize = value


class Function:
    """A differentiable function with its own backward.

    `forward(ctx, *args)` returns a tensor or a tuple; `backward(ctx, *grads)` returns a gradient, or None, for each
    argument. With a static `setup_context(ctx, inputs, output)`, forward takes no ctx.

    >>> import rushlight as torch
    >>> class Double(torch.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         return x * 2
    ...     @staticmethod
    ...     def backward(ctx, grad):
    ...         return grad * 2
    >>> x = torch.ones(2, requires_grad=True)
    >>> Double.apply(x).sum().backward(); x.grad
    tensor([2., 2.])
    """

    setup_context: Callable | None = None

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Compute the outputs; to be written by the subclass."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def backward(*args: Any, **kwargs: Any) -> Any:
        """Compute the gradients of the arguments; to be written by the subclass."""
        raise NotImplementedError(
            message(
                "You must implement either the backward or vjp method for your custom autograd.Function to use it with "
                "backward mode AD."
            )
        )

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Run forward and record."""
        inputs = tuple(arg if isinstance(arg, Value) else None for arg in args)
        needs = tuple(mode.enabled and t is not None and t.requires_grad for t in inputs)
        ctx = FunctionCtx(needs)
        before, mode.enabled = mode.enabled, False
        try:
            returned = _run_forward(cls, ctx, args, kwargs)
        finally:
            mode.enabled = before
        outputs = returned if isinstance(returned, tuple) else (returned,)
        outputs = tuple(_as_output(ctx, output, inputs) for output in outputs)
        if any(needs):
            _record(cls, ctx, inputs, outputs)
        return outputs if isinstance(returned, tuple) else outputs[0]


def _run_forward(cls: type[Function], ctx: FunctionCtx, args: tuple, kwargs: dict) -> object:
    if cls.setup_context is None:
        return cls.forward(ctx, *args, **kwargs)
    output = cls.forward(*args, **kwargs)
    cls.setup_context(ctx, args, output)
    return output


def _contains(tensors: tuple, tensor: object) -> bool:
    return any(tensor is other for other in tensors)


def _as_output(ctx: FunctionCtx, output: object, inputs: tuple) -> object:
    """An input that forward returned unchanged gets an object of its own, so that it can carry a history."""
    if not isinstance(output, Value) or not _contains(inputs, output) or _contains(ctx._dirty, output):
        return output
    fresh = output.detach()
    ctx._to_save = tuple(fresh if t is output else t for t in ctx._to_save)
    return fresh


def _record(cls: type[Function], ctx: FunctionCtx, inputs: tuple, outputs: tuple) -> None:
    differentiable = tuple(t for t in outputs if _is_differentiable(ctx, t))
    slots = [next((i for i, d in enumerate(differentiable) if d is t), None) for t in outputs]
    if not differentiable:
        return
    for tensor in ctx._dirty:
        _check_dirty(tensor)
        bump(tensor)
    rule = _Rule(cls, ctx, slots, outputs)
    operation = Operation(cls.__name__, f"{cls.__name__}Backward", rule)
    node = record(operation, (), differentiable, inputs, ctx._to_save)
    rule.own = node.own or {}
    node.own = None  # the ctx hands saved outputs out, below
    ctx._unpack = functools.partial(_unpack, weakref.ref(node), rule.own)
    ctx._to_save = ()


def _is_differentiable(ctx: FunctionCtx, output: object) -> bool:
    return (
        isinstance(output, Value)
        and output.dtype.category == dtypes.FLOATING
        and not _contains(ctx._not_differentiable, output)
    )


def _check_dirty(tensor: Value) -> None:
    if tensor._node is None and tensor._requires_grad:
        raise RuntimeError("a leaf Variable that requires grad has been used in an in-place operation.")


def _unpack(reference: weakref.ref[Node], own: dict[int, int]) -> tuple[Value | None, ...]:
    node = reference()  # weak, because the node holds the ctx
    if node is None:
        raise RuntimeError("the graph of these saved tensors is gone")
    tensors = list(node.unpack())
    for position, index in own.items():
        output = tensors[position] = tensors[position].detach()
        output._node, output._index, output._requires_grad = node, index, True
    return tuple(tensors)


class _Rule:
    """The rule of a Function's node: calls the user's backward and checks what it returns."""

    __slots__ = ("cls", "ctx", "own", "slots", "zeros")
    asks_itself = True  # for the tensors that it saved, by the ctx

    def __init__(self, cls: type[Function], ctx: FunctionCtx, slots: list[int | None], outputs: tuple) -> None:
        self.cls = cls
        self.ctx = ctx
        self.slots = slots
        values = [output if isinstance(output, Value) else None for output in outputs]
        self.zeros = [None if value is None else value._blank() for value in values]
        self.own: dict[int, int] = {}

    def __call__(self, needs: Needs, *grads_and_saved: Value | None) -> Gradients:
        grads = [None if slot is None else grads_and_saved[slot] for slot in self.slots]
        if self.ctx._materialize:
            grads = [self._zeros(i) if grad is None else grad for i, grad in enumerate(grads)]
        self.ctx.needs_input_grad = tuple([need is not None for need in needs])
        results = self.cls.backward(self.ctx, *grads)
        results = results if isinstance(results, tuple) else (results,)
        if len(results) > len(needs) and all(extra is None for extra in results[len(needs) :]):
            results = results[: len(needs)]
        return results

    def _zeros(self, index: int) -> Value | None:
        zeros = self.zeros[index]
        return None if zeros is None else zeros()


def once_differentiable(backward: Callable) -> Callable:
    """Mark a `backward` that is not written in differentiable operations: differentiating it again is an error.

    >>> from rushlight.autograd.function import once_differentiable
    """

    @functools.wraps(backward)
    def wrapper(ctx: FunctionCtx, *grads: Value) -> object:
        recorded = mode.enabled
        before, mode.enabled = mode.enabled, False
        try:
            results = backward(ctx, *grads)
        finally:
            mode.enabled = before
        if not recorded or not any(isinstance(g, Value) and g.requires_grad for g in grads):
            return results
        many = results if isinstance(results, tuple) else (results,)
        fresh = tuple(t.detach() if isinstance(t, Value) else t for t in many)
        for tensor in fresh:
            if isinstance(tensor, Value):
                record(_DELAYED_ERROR, (), tensor, grads)
        return fresh if isinstance(results, tuple) else fresh[0]

    return wrapper


def _refuse(needs: Needs, *grads: Value) -> tuple:
    raise RuntimeError("trying to differentiate twice a function that was marked with @once_differentiable")


_DELAYED_ERROR = Operation("delayed_error", "DelayedErrorBackward", _refuse)
