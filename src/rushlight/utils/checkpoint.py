"""Checkpointing: parts of a network that save nothing for backward, and are computed again when backward needs it.

In: a function and its arguments. Out: its results; what its operations save is recomputed by the first of them that
backward reaches (`use_reentrant=False`, by hooks on what is saved), or a whole backward pass runs inside the other
(`use_reentrant=True`). Chen et al., "Training deep nets with sublinear memory cost" (2016).
"""

from __future__ import annotations

import contextlib
import warnings
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from rushlight.amp.state import captured
from rushlight.autograd.engine import backward
from rushlight.autograd.function import Function
from rushlight.autograd.graph import Packed, saved_tensors_hooks
from rushlight.autograd.modes import enable_grad, mode, no_grad
from rushlight.core.errors import message
from rushlight.nn.containers import Sequential
from rushlight.random import fork_rng, get_rng_state, set_rng_state
from rushlight.tensor.core import Tensor

Contexts = tuple[contextlib.AbstractContextManager, contextlib.AbstractContextManager]


class CheckpointError(RuntimeError):
    """What was computed again is not what was computed first."""


class _Stop(Exception):
    """Everything that is needed has been computed again."""


class _Settings:
    """What `set_checkpoint_early_stop` says; None leaves it to each call."""

    early_stop: bool | None = None


@contextlib.contextmanager
def set_checkpoint_early_stop(enable: bool) -> Iterator[None]:
    """Inside, whether recomputation ends as soon as all that is needed is there, whatever the calls say."""
    before, _Settings.early_stop = _Settings.early_stop, enable
    try:
        yield
    finally:
        _Settings.early_stop = before


def noop_context_fn() -> Contexts:
    """Two contexts that do nothing: of the forward pass, and of the recomputation."""
    return contextlib.nullcontext(), contextlib.nullcontext()


def checkpoint(
    function: Callable,
    *args: Any,
    use_reentrant: bool | None = None,
    context_fn: Callable[[], Contexts] = noop_context_fn,
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool = True,
    **kwargs: Any,
) -> Any:
    """`function(*args, **kwargs)`, which is run again in backward instead of keeping what it saves.

    `use_reentrant=True` is the older form: it needs an argument that wants a gradient, takes no keywords, and fails
    where gradients of some inputs alone are asked for. `preserve_rng_state=False` lets the second run draw other random
    numbers. `context_fn` gives the contexts of both runs. `determinism_check="none"` leaves out the comparison of
    shapes and dtypes. `debug` is there for PyTorch's sake.

    Raises CheckpointError in backward where the second run saves other tensors than the first.

    >>> import rushlight as torch
    >>> from rushlight.utils.checkpoint import checkpoint
    >>> x = torch.tensor([2.0], requires_grad=True)
    >>> checkpoint(lambda t: (t * t).exp(), x, use_reentrant=False).backward(); x.grad
    tensor([218.3926])
    """
    if use_reentrant is None:
        _warn_of_default(
            "torch.utils.checkpoint",
            "Starting in PyTorch 2.9, calling checkpoint without use_reentrant will raise an exception.",
        )
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if use_reentrant:
        if kwargs:
            raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
        if context_fn is not noop_context_fn or debug is not False:
            raise ValueError("Passing `context_fn` or `debug` is only supported when use_reentrant=False.")
        return CheckpointFunction.apply(function, preserve, *args)
    if determinism_check not in ("default", "none"):
        raise ValueError(f"determinism_check should be one of {['default', 'none']}, but got {determinism_check}")
    forward_context, second_context = context_fn()
    if not mode.enabled:
        return function(*args, **kwargs)
    run_again = _second_run(function, kwargs, preserve, second_context)
    stops = early_stop if _Settings.early_stop is None else _Settings.early_stop
    frame = _Frame(run_again, args, stops, determinism_check == "default")
    with saved_tensors_hooks(frame.pack, frame.unpack), forward_context:
        result = function(*args, **kwargs)
    frame.is_complete = True
    return result


def _warn_of_default(name: str, what_comes: str) -> None:
    warnings.warn(
        f"{name}: the use_reentrant parameter should be passed explicitly. {what_comes} use_reentrant=False is "
        "recommended, but if you need to preserve the current default behavior, you can pass use_reentrant=True. "
        "Refer to docs for more details on the differences between the two variants.",
        stacklevel=3,
    )


def _second_run(
    function: Callable, kwargs: dict[str, Any], preserve: bool, context: contextlib.AbstractContextManager
) -> Callable:
    """The function in the state of random numbers and of autocast that it is called in now."""
    state, cast = get_rng_state() if preserve else None, captured()

    def run(*args: Any) -> Any:
        with fork_rng(enabled=preserve), cast(), context:
            if state is not None:
                set_rng_state(state)
            return function(*args, **kwargs)

    return run


class _Holder:
    """Stands for a tensor that was not saved: the number of it."""

    __slots__ = ("__weakref__", "index")

    def __init__(self, index: int) -> None:
        self.index = index


class _Frame:
    """One checkpointed call: what it was given, and what it would have saved."""

    def __init__(self, run_again: Callable, args: tuple, stops: bool, compares: bool) -> None:
        self.run_again, self.stops, self.compares = run_again, stops, compares
        # The arguments are saved tensors themselves: of a checkpoint around this one, if there is one.
        self.args = [_saved(arg) if isinstance(arg, Tensor) else arg for arg in args]
        self.holders: list[weakref.ref[_Holder]] = []
        self.kinds: list[tuple] = []
        self.is_complete = False
        self.found: weakref.WeakKeyDictionary[Any, dict[int, Tensor]] = weakref.WeakKeyDictionary()

    def pack(self, tensor: Tensor) -> _Holder:
        """Note that this would have been saved."""
        holder = _Holder(len(self.holders))
        self.holders.append(weakref.ref(holder))
        self.kinds.append(_kind(tensor))
        return holder

    def unpack(self, holder: _Holder) -> Tensor:
        """What was not saved: computed again at the first request of a backward pass."""
        within = mode.running
        found = None if within is None else self.found.get(within)
        if found is None:
            found = self._compute_again()
            if within is not None:
                self.found[within] = found
        if holder.index not in found:
            raise CheckpointError(
                message(
                    "torch.utils.checkpoint: Unpack is being triggered for a tensor that was already unpacked once. "
                    "If you are calling ctx.saved_tensors in backward, make sure to do so only once. Otherwise please "
                    "open an issue with details on your use case."
                )
            )
        return found.pop(holder.index)

    def _compute_again(self) -> dict[int, Tensor]:
        found: dict[int, Tensor] = {}
        kinds: list[tuple] = []

        def keep(tensor: Tensor) -> Tensor:
            tensor = tensor.detach()
            index = len(kinds)
            kinds.append(_kind(tensor))
            if index >= len(self.holders):
                if not self.is_complete:  # backward runs inside of the function itself
                    return tensor
                raise CheckpointError(
                    message(
                        "torch.utils.checkpoint: trying to save more tensors during recomputation than during the "
                        "original forward pass."
                    )
                )
            if self.holders[index]() is not None:
                found[index] = tensor
            if self.stops and len(kinds) == len(self.holders):
                raise _Stop
            return tensor

        args = [arg() if isinstance(arg, _Argument) else arg for arg in self.args]
        with contextlib.suppress(_Stop), saved_tensors_hooks(keep, _itself), enable_grad():
            self.run_again(*args)
        self._compare(kinds)
        return found

    def _compare(self, kinds: list[tuple]) -> None:
        if len(kinds) != len(self.holders):
            if not self.is_complete:
                return
            raise CheckpointError(
                message(
                    "torch.utils.checkpoint: A different number of tensors was saved during the original forward and "
                    f"recomputation.\nNumber of tensors saved during forward: {len(self.holders)}\n"
                    f"Number of tensors saved during recomputation: {len(kinds)}."
                )
            )
        differing = [
            f"tensor at position {index}:\nsaved metadata: {_shown(first)}\nrecomputed metadata: {_shown(second)}\n"
            for index, (first, second) in enumerate(zip(self.kinds, kinds))
            if first != second and self.holders[index]() is not None
        ]
        if differing and self.compares:
            raise CheckpointError(
                message(
                    "torch.utils.checkpoint: Recomputed values for the following tensors have different metadata than "
                    "during the forward pass.\n" + "".join(differing)
                )
            )


def _kind(tensor: Tensor) -> tuple:
    return tensor.shape, tensor.dtype, tensor.device


def _shown(kind: tuple) -> dict[str, Any]:
    return dict(zip(("shape", "dtype", "device"), kind))


def _itself(tensor: Tensor) -> Tensor:
    return tensor


class _Argument:
    """An argument of a checkpointed call: `()` gives it back."""

    def __init__(self, tensor: Tensor) -> None:
        self.packed = None if mode.packing is None else Packed(tensor)
        self.tensor = tensor if self.packed is None else None

    def __call__(self) -> Tensor:
        return self.tensor if self.packed is None else self.packed.unpack()


def _saved(tensor: Tensor) -> _Argument:
    return _Argument(tensor)


class CheckpointFunction(Function):
    """The older form: backward runs the function again with recording, and a backward pass through it."""

    @staticmethod
    def forward(ctx: Any, run_function: Callable, preserve_rng_state: bool, *args: Any) -> Any:
        """Run without recording."""
        if not any(isinstance(arg, Tensor) and arg.requires_grad for arg in args):
            warnings.warn("None of the inputs have requires_grad=True. Gradients will be None", stacklevel=2)
        ctx.run = _second_run(run_function, {}, preserve_rng_state, contextlib.nullcontext())
        ctx.indices = [index for index, arg in enumerate(args) if isinstance(arg, Tensor)]
        ctx.others = [None if isinstance(arg, Tensor) else arg for arg in args]
        ctx.save_for_backward(*[args[index] for index in ctx.indices])
        with no_grad():
            return run_function(*args)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple:
        """Run with recording, and backward through that."""
        if mode.running is not None and mode.running.needed is not None:
            raise RuntimeError(
                message(
                    "When use_reentrant=True, torch.utils.checkpoint is incompatible with .grad() or passing an "
                    "`inputs` parameter to .backward(). To resolve this error, you can either set use_reentrant=False, "
                    "or call .backward() without passing the `inputs` argument."
                )
            )
        inputs = list(ctx.others)
        for index, tensor in zip(ctx.indices, ctx.saved_tensors):
            inputs[index] = tensor.detach()
            inputs[index].requires_grad = tensor.requires_grad
        with enable_grad():
            outputs = ctx.run(*inputs)
        outputs = (outputs,) if isinstance(outputs, Tensor) else outputs
        wanted = [
            (output, grad)
            for output, grad in zip(outputs, grads)
            if isinstance(output, Tensor) and output.requires_grad
        ]
        if not wanted:
            raise RuntimeError("none of output has requires_grad=True, this checkpoint() is not necessary")
        backward(*map(list, zip(*wanted)))
        return None, None, *[tensor.grad if isinstance(tensor, Tensor) else None for tensor in inputs]


def checkpoint_sequential(
    functions: Sequential | Sequence[Callable],
    segments: int,
    input: Any,
    use_reentrant: bool | None = None,
    **kwargs: Any,
) -> Any:
    """Run layers one after the other, in segments that are checkpointed: all but the last.

    >>> import rushlight as torch
    >>> from rushlight.utils.checkpoint import checkpoint_sequential
    >>> layers = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU(), torch.nn.Linear(3, 1))
    >>> checkpoint_sequential(layers, 2, torch.zeros(4, 2), use_reentrant=False).shape
    torch.Size([4, 1])
    """
    if use_reentrant is None:
        _warn_of_default(
            "torch.utils.checkpoint.checkpoint_sequential",
            "In version 2.9 we will raise an exception if use_reentrant is not passed.",
        )
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    layers = list(functions.children()) if isinstance(functions, Sequential) else list(functions)

    def segment(first: int, end: int) -> Callable:
        def run(value: Any) -> Any:
            for layer in layers[first:end]:
                value = layer(value)
            return value

        return run

    size, start = len(layers) // segments, 0
    for _ in range(segments - 1 if size else 0):
        given = {"use_reentrant": use_reentrant, "preserve_rng_state": preserve}
        input = checkpoint(segment(start, start + size), input, **given)
        start += size
    return segment(start, len(layers))(input)
