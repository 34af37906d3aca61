"""A module called with other parameters and buffers than its own, which it has again afterwards."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rushlight.nn.module import Module
from rushlight.tensor.core import Tensor


def functional_call(
    module: Module,
    parameters_and_buffers: dict[str, Tensor],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """`torch.func.functional_call` under its older name, with PyTorch's warning."""
    warnings.warn(
        "`torch.nn.utils.stateless.functional_call` is deprecated as of PyTorch 2.0 and will be removed in a future "
        "version of PyTorch. Please use `torch.func.functional_call` instead which is a drop-in replacement.",
        FutureWarning,
        stacklevel=2,
    )
    return call_with(module, parameters_and_buffers, args, kwargs, tie_weights, strict)


def call_with(
    module: Module,
    tensors: dict[str, Tensor],
    args: Any,
    kwargs: dict[str, Any] | None,
    tie_weights: bool,
    strict: bool,
) -> Any:
    """The module's result with `tensors` in place of its own; buffers that it sets are found in `tensors`."""
    args = () if args is None else args if isinstance(args, tuple) else (args,)
    with _in_place_of_own(module, tensors, tie_weights, strict):
        return module(*args, **(kwargs or {}))


@contextmanager
def _in_place_of_own(module: Module, tensors: dict[str, Tensor], tie_weights: bool, strict: bool) -> Iterator[None]:
    own = {
        **dict(module.named_parameters(remove_duplicate=False)),
        **dict(module.named_buffers(remove_duplicate=False)),
    }
    given = _tied(own, tensors) if tie_weights else dict(tensors)
    missing = [name for name in own if name not in given]
    unexpected = [name for name in given if name not in own]
    if strict and (missing or unexpected):
        raise RuntimeError(_mismatch(module, missing, unexpected))
    tables = {name: _table(module, name) for name in given}
    before = {name: tables[name][0].get(tables[name][1]) for name in given}
    try:
        for name, tensor in given.items():
            table, key = tables[name]
            table[key] = tensor
        yield
    finally:
        for name, tensor in before.items():
            table, key = tables[name]
            if name in tensors and key in table:
                tensors[name] = table[key]
            if name in own:
                table[key] = tensor
            else:
                table.pop(key, None)


def _tied(own: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What is given, under all names of each of the module's tensors."""
    names: dict[int, list[str]] = {}
    for name, tensor in own.items():
        names.setdefault(id(tensor), []).append(name)
    result = dict(tensors)
    for together in names.values():
        given = [name for name in together if name in tensors]
        if len({id(tensors[name]) for name in given}) > 1:
            raise ValueError(
                f"functional_call got multiple values for keys {sorted(given)}, which are tied. "
                "Consider using tie_weights=False"
            )
        for name in together if given else ():
            result[name] = tensors[given[0]]
    return result


def _table(module: Module, name: str) -> tuple[dict[str, Any], str]:
    """Where a tensor of that name stands in a module: the dictionary, and its key there."""
    path, _, key = name.rpartition(".")
    owner = module.get_submodule(path) if path else module
    for table in (owner._parameters, owner._buffers):
        if key in table:
            return table, key
    return owner.__dict__, key


def _mismatch(module: Module, missing: list[str], unexpected: list[str]) -> str:
    lines = []
    if unexpected:
        lines.append("Unexpected key(s): {}.".format(", ".join(f'"{name}"' for name in unexpected)))
    if missing:
        lines.append("Missing key(s): {}.".format(", ".join(f'"{name}"' for name in missing)))
    return "Error(s) in reparametrizing for {}:\n\t{}".format(type(module).__name__, "\n\t".join(lines))
