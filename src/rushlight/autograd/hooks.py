"""Hooks: functions of users that see, and may replace, gradients on their way.

In: `tensor.register_hook(f)` and its like. Out: a `Handle` that removes the hook; the engine calls what is there.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable

from rushlight.autograd.value import Value
from rushlight.core.errors import message

_keys = itertools.count()


class Handle:
    """Removes a hook: `handle.remove()`, or the end of a `with` block."""

    __slots__ = ("__weakref__", "_hooks", "id")

    def __init__(self, hooks: dict, key: int) -> None:
        self._hooks = hooks
        self.id = key

    @classmethod
    def into(cls, hooks: dict, hook: Callable) -> Handle:
        """Add `hook` to `hooks`."""
        handle = cls(hooks, next(_keys))
        hooks[handle.id] = hook
        return handle

    def remove(self) -> None:
        """Take the hook away; a second time does nothing."""
        self._hooks.pop(self.id, None)

    def __enter__(self) -> Handle:
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()


class NodeHooks:
    """What users attached to one node."""

    __slots__ = ("after", "before", "metadata", "of_output", "retained")

    def __init__(self) -> None:
        self.before: dict[int, Callable] = {}
        self.after: dict[int, Callable] = {}
        self.of_output: dict[int, dict[int, Callable]] = {}
        self.retained: dict[int, weakref.ref] = {}
        self.metadata: dict = {}

    def see(self, grads: list[Value | None]) -> list[Value | None]:
        """Let the hooks see the gradients that arrive at the node; what they return counts."""
        for index, hooks in self.of_output.items():
            grads[index] = run_tensor_hooks(hooks, grads[index])
        for hook in list(self.before.values()):
            replaced = hook(tuple(grads))
            if replaced is not None:
                grads = list(replaced) if isinstance(replaced, (tuple, list)) else [replaced]
        for index, reference in self.retained.items():
            tensor = reference()
            if tensor is not None and grads[index] is not None:
                tensor._grad = grads[index] if tensor._grad is None else tensor._grad + grads[index]
        return grads

    def see_results(self, results: tuple, grads: list[Value | None]) -> tuple:
        """Let the hooks see the gradients that leave the node."""
        for hook in list(self.after.values()):
            replaced = hook(tuple(results), tuple(grads))
            if replaced is not None:
                results = tuple(replaced) if isinstance(replaced, (tuple, list)) else (replaced,)
        return results


class LeafHooks:
    """What users attached to one leaf."""

    __slots__ = ("after_accumulate", "on_grad")

    def __init__(self) -> None:
        self.on_grad: dict[int, Callable] = {}
        self.after_accumulate: dict[int, Callable] = {}


def run_tensor_hooks(hooks: dict[int, Callable], grad: Value | None) -> Value | None:
    """Call each hook with the gradient; a tensor returned replaces it."""
    if grad is None:
        return None
    for hook in list(hooks.values()):
        replaced = hook(grad)
        if replaced is not None:
            _check_replacement(hook, replaced, grad)
            grad = replaced
    return grad


def _check_replacement(hook: Callable, replaced: object, grad: Value) -> None:
    name = getattr(hook, "__name__", type(hook).__name__)
    if not isinstance(replaced, Value):
        raise TypeError(f"hook '{name}' has changed the type of value: it returned {type(replaced).__name__}")
    if replaced.shape != grad.shape:
        raise RuntimeError(
            f"hook '{name}' has changed the size of value: from {list(grad.shape)} to {list(replaced.shape)}"
        )


def register_hook(self: Value, hook: Callable) -> Handle:
    """Call `hook(grad)` whenever the gradient of this tensor is computed; what it returns replaces the gradient.

    Returns a handle with `remove()`. RuntimeError where the tensor requires no gradient.

    >>> import rushlight as torch
    >>> x = torch.ones(2, requires_grad=True)
    >>> handle = x.register_hook(lambda grad: grad * 10)
    >>> x.sum().backward(); x.grad
    tensor([10., 10.])
    """
    _check_requires_grad(self)
    if self.grad_fn is not None:
        return Handle.into(self._node._hooks().of_output.setdefault(self._index, {}), hook)
    return Handle.into(_leaf_hooks(self).on_grad, hook)


def _check_requires_grad(self: Value) -> None:
    if not self.requires_grad:
        raise RuntimeError(
            message("cannot register a hook on a tensor that doesn't require gradient", fix="x.requires_grad_()")
        )


def register_post_accumulate_grad_hook(self: Value, hook: Callable) -> Handle:
    """Call `hook(tensor)` after `backward` has added to `tensor.grad`; leaves only."""
    _check_requires_grad(self)
    if self.grad_fn is not None:
        raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
    return Handle.into(_leaf_hooks(self).after_accumulate, hook)


def retain_grad(self: Value) -> None:
    """Keep the gradient of this computed tensor in `.grad`, as leaves do."""
    if not self.requires_grad:
        raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
    if self.grad_fn is not None:
        self._node._hooks().retained[self._index] = weakref.ref(self)


def _leaf_hooks(leaf: Value) -> LeafHooks:
    if leaf._hooks is None:
        leaf._hooks = LeafHooks()
    return leaf._hooks
