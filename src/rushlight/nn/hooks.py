"""Calling a module: the hooks before and after `forward`, and the wiring of backward hooks.

In come the arguments of a call, out comes what `forward` and the hooks make of them. A backward hook needs the
gradients of a module's inputs and outputs, so a call with backward hooks sends both through an identity in the
graph, whose gradient rule is where the hooks are run.
"""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from rushlight.autograd.graph import record
from rushlight.autograd.hooks import Handle
from rushlight.autograd.operation import Operation
from rushlight.tensor.core import Tensor, alias
from rushlight.tensor.expected import misplaced


def register(hooks: OrderedDict, hook: Callable, *, prepend: bool = False, flags: Sequence[OrderedDict] = ()) -> Handle:
    """Add `hook` to `hooks` (in front with `prepend`) and mark it in each of the `flags`; returns its handle.

    A mark outlives its hook, which does no harm: no second hook gets the same id.
    """
    handle = Handle.into(hooks, hook)
    for table in flags:
        table[handle.id] = True
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


# The dictionaries of hooks that every module owns; the flags say how the hook of the same id is called.
HOOK_TABLES = (
    "_backward_pre_hooks",
    "_backward_hooks",
    "_forward_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
    "_state_dict_hooks",
    "_state_dict_pre_hooks",
    "_load_state_dict_pre_hooks",
    "_load_state_dict_post_hooks",
)


class Hooked:
    """Calls `forward` with the hooks around it: the half of `Module` that runs. It is not used by itself."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        # A layer without hooks pays for one test.
        if self._forward_hooks or self._forward_pre_hooks or self._backward_hooks or self._backward_pre_hooks:
            return self._call_with_hooks(args, kwargs)
        try:
            return self.forward(*args, **kwargs)
        except AttributeError as error:
            if error.name not in ("_array", "_lying", "_ordered"):  # what only operations on tensors ask for
                raise
            wrong = misplaced(error, type(self).__name__, type(self).forward, args, kwargs, bound=True)
            if wrong is None:
                raise
        raise wrong

    def _call_with_hooks(self, args: tuple, kwargs: dict[str, Any]) -> Any:
        called: set[int] = set()
        try:
            return self._call_in_order(args, kwargs, called)
        except Exception:
            for key in [key for key in self._forward_hooks_always_called if key not in called]:
                try:
                    self._run_forward_hook(key, args, kwargs, None)
                except Exception as error:  # the first error is the one to report
                    warnings.warn(
                        "module forward hook with ``always_call=True`` raised an exception that was silenced "
                        f"as another error was raised in forward: {error}",
                        stacklevel=3,
                    )
            raise

    def _call_in_order(self, args: tuple, kwargs: dict[str, Any], called: set[int]) -> Any:
        """Pre-hooks, forward, hooks; the identities for backward hooks lie inside and outside of them."""
        for key in list(self._forward_pre_hooks):
            args, kwargs = self._run_forward_pre_hook(key, args, kwargs)
        backward = None
        if self._backward_hooks or self._backward_pre_hooks:
            backward = BackwardHooks(self, [*self._backward_hooks.values()], [*self._backward_pre_hooks.values()])
            args = backward.watch_inputs(args)
        result = self.forward(*args, **kwargs)
        for key in list(self._forward_hooks):
            called.add(key)
            replaced = self._run_forward_hook(key, args, kwargs, result)
            if replaced is not None:
                result = replaced
        return result if backward is None else backward.watch_outputs(result)

    def _run_forward_pre_hook(self, key: int, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict]:
        hook = self._forward_pre_hooks[key]
        if key in self._forward_pre_hooks_with_kwargs:
            result = hook(self, args, kwargs)
            if result is None:
                return args, kwargs
            if not isinstance(result, tuple) or len(result) != 2:
                raise RuntimeError(
                    f"forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got {result}."
                )
            return result
        result = hook(self, args)
        if result is None:
            return args, kwargs
        return (result if isinstance(result, tuple) else (result,)), kwargs

    def _run_forward_hook(self, key: int, args: tuple, kwargs: dict[str, Any], result: Any) -> Any:
        hook = self._forward_hooks[key]
        if key in self._forward_hooks_with_kwargs:
            return hook(self, args, kwargs, result)
        return hook(self, args, result)

    def register_forward_pre_hook(self, hook: Callable, *, prepend: bool = False, with_kwargs: bool = False) -> Handle:
        """Call `hook(module, args)` before forward; what it returns, if anything, replaces the arguments.

        With `with_kwargs` it is called as `hook(module, args, kwargs)` and returns None or both.
        """
        flags = [self._forward_pre_hooks_with_kwargs] if with_kwargs else []
        return register(self._forward_pre_hooks, hook, prepend=prepend, flags=flags)

    def register_forward_hook(
        self, hook: Callable, *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> Handle:
        """Call `hook(module, args, output)` after forward; what it returns, if anything, replaces the output.

        With `with_kwargs` it is called as `hook(module, args, kwargs, output)`; with `always_call` also
        where forward raised (then with output None).
        """
        flags = [self._forward_hooks_with_kwargs] if with_kwargs else []
        flags += [self._forward_hooks_always_called] if always_call else []
        return register(self._forward_hooks, hook, prepend=prepend, flags=flags)

    def register_full_backward_pre_hook(self, hook: Callable, prepend: bool = False) -> Handle:
        """Call `hook(module, grad_output)` when the outputs' gradients are known; it may return new ones."""
        return register(self._backward_pre_hooks, hook, prepend=prepend)

    def register_full_backward_hook(self, hook: Callable, prepend: bool = False) -> Handle:
        """Call `hook(module, grad_input, grad_output)` when the inputs' gradients are known.

        It may return new gradients for the inputs. Entries are None for arguments that are no tensors or
        require no gradient.
        """
        return register(self._backward_hooks, hook, prepend=prepend)


class BackwardHooks:
    """The backward hooks of one call of one module.

    `watch_inputs` and `watch_outputs` return what they were given with every tensor that takes part in the
    graph replaced by itself behind an identity. When gradients arrive at the outputs the pre-hooks see (and
    may replace) them; when the module's inputs have theirs, the hooks do.
    """

    def __init__(self, module: Any, hooks: Sequence[Callable], pre_hooks: Sequence[Callable]) -> None:
        self.module, self.hooks, self.pre_hooks = module, hooks, pre_hooks
        self.input_count = 0
        self.has_input_gradients = False
        self.grad_outputs: tuple | None = None

    def watch_inputs(self, args: tuple) -> tuple:
        self.input_count = len(args)
        watched, positions = _behind_identity("BackwardHookFunctionBackward", args, self._at_inputs)
        self.has_input_gradients = bool(positions)
        return watched

    def watch_outputs(self, result: Any) -> Any:
        single = isinstance(result, Tensor)
        if not single and not isinstance(result, tuple):
            warnings.warn(
                "For backward hooks to be called, module output should be a Tensor or a tuple of Tensors "
                f"but received {type(result)}",
                stacklevel=4,
            )
            return result
        outputs = (result,) if single else result
        watched, _ = _behind_identity("BackwardHookFunctionBackward", outputs, self._at_outputs)
        return watched[0] if single else watched

    def _at_outputs(self, grad_outputs: tuple) -> tuple:
        for hook in self.pre_hooks:
            grad_outputs = _replaced("pre hook", "grad_output", hook(self.module, grad_outputs), grad_outputs)
        self.grad_outputs = grad_outputs
        if not self.has_input_gradients:
            self._without_input_gradients(grad_outputs)
        return grad_outputs

    def _without_input_gradients(self, grad_outputs: tuple) -> None:
        for hook in self.hooks:
            result = hook(self.module, (None,) * self.input_count, grad_outputs)
            if result is not None and not (isinstance(result, tuple) and all(g is None for g in result)):
                raise RuntimeError(
                    "Backward hook for Modules where no input requires gradient should always return None "
                    "or None for all gradients."
                )

    def _at_inputs(self, grad_inputs: tuple) -> tuple:
        if self.grad_outputs is None:  # the inputs were used without the module's outputs
            return grad_inputs
        for hook in self.hooks:
            result = hook(self.module, grad_inputs, self.grad_outputs)
            grad_inputs = _replaced("hook", "grad_input", result, grad_inputs)
        self.grad_outputs = None
        return grad_inputs


def _replaced(kind: str, what: str, result: Any, gradients: tuple) -> tuple:
    """The gradients that go on: the hook's `result` where it gave one."""
    if result is None:
        return gradients
    result = result if isinstance(result, tuple) else (result,)
    if len(result) != len(gradients):
        raise RuntimeError(
            f"Backward {kind} returned an invalid number of {what}, got {len(result)}, but expected {len(gradients)}"
        )
    return result


def _behind_identity(name: str, values: tuple, at_gradients: Callable[[tuple], tuple]) -> tuple[tuple, list[int]]:
    """`values` with the tensors that require a gradient behind an identity; and where these are.

    `at_gradients` receives and returns one gradient for each of `values` (None for what has none).
    """
    positions = [i for i, value in enumerate(values) if isinstance(value, Tensor) and value.requires_grad]
    if not positions:
        return values, positions
    inputs = tuple(values[i] for i in positions)
    outputs = tuple(alias(tensor) for tensor in inputs)

    def rule(needs: tuple, *gradients: Tensor | None) -> tuple:
        of_all = [None] * len(values)
        for i, gradient in zip(positions, gradients):
            of_all[i] = gradient
        of_all = at_gradients(tuple(of_all))
        return tuple(of_all[i] for i in positions)

    record(Operation(name, name, rule), (), outputs, inputs)
    watched = list(values)
    for i, output in zip(positions, outputs):
        watched[i] = output
    return tuple(watched), positions
