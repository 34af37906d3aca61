"""PyTorch's own samples of its operations (OpInfo), given to both sides and compared.

In: the name of a function, a method or a layer function, and a dtype. Out: what differs, a line a sample: outputs in
dtype, shape, values and what they are views of; gradients; and the class of what is raised for PyTorch's error inputs.
"""

from __future__ import annotations

import contextlib
import functools
import re
import warnings
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

import rushlight
from rushlight.tensor import wrap

LARGE = 20_000  # elements of a sample that is passed over
SAMPLES = 40  # of one operation in one dtype, spread evenly


class Call(NamedTuple):
    """One sample as both sides get it; `path` names the callable in either namespace."""

    path: str
    arguments: tuple
    keywords: dict


@functools.cache
def operations() -> dict[str, list]:
    """The OpInfos under the names of functions (`nn.functional.pad`), aliases among them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.testing._internal.common_methods_invocations import op_db
    found: dict[str, list] = {}
    for info in op_db:
        for name in {info.name, *(alias.name for alias in info.aliases)}:
            found.setdefault(name, []).append(info)
    return found


def variants(name: str, info: object) -> list[str]:
    """The callables of an operation that both sides have: function, method and in-place method."""
    import torch

    short = name.rpartition(".")[2]
    in_place = short + "_" if info.inplace_variant is not None else short
    paths = [name, f"Tensor.{short}", f"Tensor.{in_place}"]
    return [path for path in dict.fromkeys(paths) if resolved(torch, path) and resolved(rushlight, path)]


def resolved(torch: object, path: str) -> object | None:
    for part in path.split("."):
        torch = getattr(torch, part, None)
    return torch if callable(torch) else None


# -- across


def across(value: object, seen: dict) -> object:
    """A value of PyTorch's as ours; `seen` keeps each tensor one tensor."""
    import torch

    if isinstance(value, torch.Tensor):
        if id(value) not in seen:
            seen[id(value)] = _tensor_across(value)
        return seen[id(value)]
    if isinstance(value, (torch.dtype, torch.memory_format, torch.layout)):
        return getattr(rushlight, str(value).removeprefix("torch."))
    if isinstance(value, torch.device):
        return rushlight.device(str(value))
    if isinstance(value, torch.Generator):
        return rushlight.Generator().manual_seed(value.initial_seed())
    if isinstance(value, dict):
        return {key: across(entry, seen) for key, entry in value.items()}
    if isinstance(value, (tuple, list)) and not isinstance(value, torch.Size):
        return type(value)(across(entry, seen) for entry in value)
    return tuple(value) if isinstance(value, torch.Size) else value


def _tensor_across(value: object) -> rushlight.Tensor:
    import torch

    kind = getattr(rushlight, str(value.dtype).removeprefix("torch."))
    plain = value.detach()
    flat = torch.empty(0, dtype=value.dtype).set_(plain.untyped_storage())
    memory = np.frombuffer(flat.view(torch.uint8).numpy().tobytes(), kind.numpy).copy()
    found = wrap(memory).as_strided(value.shape, value.stride(), value.storage_offset())
    return found.requires_grad_(value.requires_grad)


# -- a call and what it gives


def flat(found: object) -> list:
    """The tensors and plain values of a result, in order."""
    if isinstance(found, (tuple, list)):
        return [entry for part in found for entry in flat(part)]
    if isinstance(found, dict):
        return [entry for key in sorted(found) for entry in flat(found[key])]
    return [found]


def _is_tensor(value: object) -> bool:
    return hasattr(value, "dtype") and hasattr(value, "backward")


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def call(torch: object, at: Call) -> list:
    """The outputs; an in-place call works on a copy of its first argument."""
    function = resolved(torch, at.path)
    first, *rest = at.arguments
    if re.search(r"[a-z]_$", at.path) or at.path.endswith("__setitem__"):
        first = first.clone()
    torch.manual_seed(3)
    with quiet():
        return flat(function(first, *rest, **at.keywords))


def gradients(torch: object, outputs: list, inputs: list) -> list:
    """Gradients of a weighted sum of the outputs that have one."""
    outputs = [t for t in outputs if _is_tensor(t) and t.requires_grad]
    inputs = [t for t in inputs if _is_tensor(t) and t.requires_grad]
    if not outputs or not inputs:
        return []
    weights = [_weight(torch, t) for t in outputs]
    return list(torch.autograd.grad(outputs, inputs, weights, allow_unused=True))


def _weight(torch: object, output: object) -> object:
    numbers = (np.arange(output.numel()) % 7 * 0.25 - 0.5).reshape(tuple(output.shape))
    return torch.tensor(numbers.tolist(), dtype=output.dtype).reshape(tuple(output.shape))


def difference(theirs: object, ours: object, view_of: list | None = None, loose: float = 1) -> str | None:
    """What is not the same in a tensor or a plain value; None where all is."""
    import torch

    if not isinstance(theirs, torch.Tensor):
        if isinstance(theirs, (int, float)) and not isinstance(theirs, bool):
            return None if theirs == ours or np.isclose(theirs, ours, 1e-4, equal_nan=True) else f"{ours}, not {theirs}"
        return None if str(theirs) == str(ours) else f"{ours}, not {theirs}"
    if not isinstance(ours, rushlight.Tensor):
        return f"{type(ours).__name__}, not a tensor"
    if str(theirs.dtype) != str(ours.dtype):
        return f"{ours.dtype}, not {theirs.dtype}"
    if tuple(theirs.shape) != tuple(ours.shape):
        return f"shape {tuple(ours.shape)}, not {tuple(theirs.shape)}"
    a, b = theirs.detach().double().numpy(), ours.detach().double().numpy()
    relative, absolute = TOLERANCES.get(str(theirs.dtype), (0, 0))
    scale = np.abs(b[np.isfinite(b)]).max(initial=0)
    small = torch.finfo(theirs.dtype).eps * scale / 2 if theirs.dtype.is_floating_point else 0
    close = np.isclose(b, a, relative * loose, (absolute + small) * loose, equal_nan=True)
    if not close.all():
        at = tuple(int(i) for i in np.argwhere(~close)[0]) if a.ndim else ()
        return f"{b[at]} at {at}, not {a[at]}; {(~close).sum()} of {a.size}"
    return None


TOLERANCES = {
    "torch.float64": (1e-7, 1e-7),
    "torch.float32": (5e-6, 1e-5),
    "torch.bfloat16": (1.6e-2, 1e-5),
    "torch.float16": (1e-3, 1e-5),
}


def _same_memory(torch: object, output: object, inputs: list) -> list[bool]:
    if torch is rushlight:
        roots = [t._array if t._base is None else t._base._array for t in (output, *inputs)]
        return [np.may_share_memory(roots[0], root) for root in roots[1:]]
    place = output.untyped_storage().data_ptr()
    return [t.untyped_storage().data_ptr() == place for t in inputs]


def compare(at: Call, differentiable: bool) -> str | None:
    """What differs in one call; None also where PyTorch refuses it (its wrapper calls it otherwise)."""
    import torch

    seen: dict = {}
    try:
        mine = Call(at.path, across(at.arguments, seen), across(at.keywords, seen))
    except (AttributeError, KeyError):
        return None  # a dtype that is not here
    try:
        theirs = call(torch, at)
    except Exception:
        return None
    if any(isinstance(t, torch.Tensor) and (t.is_complex() or t.layout != torch.strided) for t in theirs):
        return None
    try:
        ours = call(rushlight, mine)
    except Exception as error:
        return f"raises {type(error).__name__}: {str(error)[:160]}"
    if len(theirs) != len(ours):
        return f"{len(ours)} outputs, not {len(theirs)}"
    their_inputs = [t for t in flat([at.arguments, at.keywords]) if isinstance(t, torch.Tensor)]
    our_inputs = [t for t in flat([mine.arguments, mine.keywords]) if isinstance(t, rushlight.Tensor)]
    for a, b in zip(theirs, ours, strict=True):
        if "empty" in at.path and isinstance(a, torch.Tensor):
            a, b = a.zero_(), b.zero_()
        if wrong := difference(a, b):
            return wrong
        if isinstance(a, torch.Tensor) and a.numel():
            shared = _same_memory(torch, a, their_inputs)
            if shared != _same_memory(rushlight, b, our_inputs):
                return "is a view" if any(_same_memory(rushlight, b, our_inputs)) else "is not a view"
            steps = [[s for s, n in zip(t.stride(), t.shape) if n > 1] for t in (a, b)]
            if any(shared) and steps[0] != steps[1]:
                return f"strides {b.stride()}, not {a.stride()}"
    return _compare_gradients(theirs, ours, their_inputs, our_inputs) if differentiable else None


def _compare_gradients(theirs: list, ours: list, their_inputs: list, our_inputs: list) -> str | None:
    import torch

    wants = [isinstance(t, torch.Tensor) and t.requires_grad for t in theirs]
    if wants != [isinstance(t, rushlight.Tensor) and t.requires_grad for t in ours]:
        return f"requires_grad is not {wants}"
    try:
        with quiet():
            expected = gradients(torch, theirs, their_inputs)
    except Exception:
        return None
    try:
        with quiet():
            found = gradients(rushlight, ours, our_inputs)
    except Exception as error:
        return f"gradient raises {type(error).__name__}: {str(error)[:160]}"
    for place, (a, b) in enumerate(zip(expected, found, strict=True)):
        if (a is None) != (b is None):
            return f"gradient {place} is {'missing' if b is None else 'there'}"
        if a is not None and (wrong := difference(a, b, loose=4)):
            return f"gradient {place}: {wrong}"
    return None


# -- the samples


def samples(info: object, dtype: object, gradient: bool) -> list:
    """A spread of an operation's samples that are not large."""
    import torch

    torch.manual_seed(1)
    with quiet():
        found = [
            s
            for s in info.sample_inputs("cpu", dtype, requires_grad=gradient)
            if sum(t.numel() for t in flat([s.input, s.args, s.kwargs]) if isinstance(t, torch.Tensor)) < LARGE
        ]
    return found[:: -(-len(found) // SAMPLES)] if found else []


def written(value: object) -> str:
    """A sample's argument in short."""
    import torch

    if isinstance(value, torch.Tensor):
        shape = ",".join(map(str, value.shape))
        return f"{str(value.dtype).removeprefix('torch.')}[{shape}]" + ("" if value.is_contiguous() else "~")
    if isinstance(value, (tuple, list)) and not isinstance(value, torch.Size):
        return "[" + ", ".join(map(written, value)) + "]"
    return repr(value)


def shown(at: Call) -> str:
    given = [*map(written, at.arguments), *(f"{key}={written(value)}" for key, value in at.keywords.items())]
    return f"{at.path}({', '.join(given)})"


def differences(name: str, dtype_name: str) -> list[str]:
    """A line for each sample of an operation that differs in a dtype, outputs or gradients."""
    import torch

    dtype = getattr(torch, dtype_name)
    wrong = []
    for info in operations().get(name, ()):
        if dtype not in info.supported_dtypes("cpu"):
            continue
        gradient = info.supports_autograd and dtype in info.supported_backward_dtypes("cpu")
        for sample in samples(info, dtype, gradient):
            for path in variants(name, info):
                at = Call(path, (sample.input, *sample.args), sample.kwargs)
                if found := compare(at, gradient):
                    wrong.append(f"{shown(at)}: {found}")
    return wrong


def refusals(name: str) -> list[str]:
    """A line for each of PyTorch's error inputs that is taken, or refused by another class of exception."""
    import torch

    wrong = []
    for info in operations().get(name, ()):
        if info.error_inputs_func is None:
            continue
        torch.manual_seed(1)
        with quiet():
            given = list(info.error_inputs("cpu"))
        for entry in given:
            sample = entry.sample_input
            for path in variants(name, info):
                at = Call(path, (sample.input, *sample.args), sample.kwargs)
                if found := _refused_otherwise(at):
                    wrong.append(f"{shown(at)}: {found}")
    return wrong


def _refused_otherwise(at: Call) -> str | None:
    import torch

    seen: dict = {}
    try:
        mine = Call(at.path, across(at.arguments, seen), across(at.keywords, seen))
    except (AttributeError, KeyError, TypeError, ValueError, RuntimeError):
        return None
    try:
        call(torch, at)
    except Exception as error:
        expected = error
    else:
        return None
    try:
        call(rushlight, mine)
    except Exception as error:
        if type(expected).__name__ in [kind.__name__ for kind in type(error).__mro__]:
            return None
        return f"{type(error).__name__} ({str(error)[:70]}), not {type(expected).__name__} ({str(expected)[:70]})"
    return f"taken, not {type(expected).__name__} ({str(expected)[:90]})"
