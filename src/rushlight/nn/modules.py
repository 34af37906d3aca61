"""PyTorch's own cut of the layers into files (`nn.modules.conv`, `nn.modules.batchnorm`, …), for code that names it.

Each of its files is the one of this folder that has those layers; what a file lacks is looked up in `nn`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any

from rushlight.core import absent as _absent

__path__: list[str] = []  # what lies in it is found below

FILES = {
    "activation": "",
    "adaptive": "",
    "batchnorm": "norm",
    "channelshuffle": "",
    "container": "containers",
    "conv": "conv",
    "distance": "",
    "dropout": "dropout",
    "flatten": "shape",
    "fold": "shape",
    "instancenorm": "norm",
    "lazy": "lazy",
    "linear": "linear",
    "loss": "loss",
    "module": "module",
    "normalization": "norm",
    "padding": "shape",
    "pixelshuffle": "",
    "pooling": "pooling",
    "sparse": "sparse",
    "transformer": "",
    "upsampling": "",
    "utils": "modules",
}
"""PyTorch's file: ours, "" where its layers stand in several."""


def _ntuple(n: int, name: str = "parse") -> Callable[[Any], tuple]:
    """A function that makes n values of one, and a tuple of several."""

    def parse(x: Any) -> tuple:
        return tuple(x) if isinstance(x, Iterable) else (x,) * n

    parse.__name__ = parse.__qualname__ = name
    return parse


_single, _pair = _ntuple(1, "_single"), _ntuple(2, "_pair")
_triple, _quadruple = _ntuple(3, "_triple"), _ntuple(4, "_quadruple")


def _reverse_repeat_tuple(t: tuple, n: int) -> tuple:
    """The entries from the last to the first, each n times.

    >>> _reverse_repeat_tuple((1, 2), 2)
    (2, 2, 1, 1)
    """
    return tuple(entry for entry in reversed(t) for _ in range(n))


def consume_prefix_in_state_dict_if_present(state_dict: dict[str, Any], prefix: str) -> None:
    """Take a prefix from the names of a state dict, in place, where they begin with it; its metadata's, too.

    >>> found = {"module.weight": 1, "bias": 2}
    >>> consume_prefix_in_state_dict_if_present(found, "module."); found
    {'bias': 2, 'weight': 1}
    """
    for key in [key for key in state_dict if key.startswith(prefix)]:
        state_dict[key[len(prefix) :]] = state_dict.pop(key)
    metadata: Mapping | None = getattr(state_dict, "_metadata", None)
    for key in list(metadata or ()):
        if key and (key == prefix.rstrip(".") or key.startswith(prefix)):
            metadata[key[len(prefix) :]] = metadata.pop(key)


def __getattr__(name: str) -> object:
    package = __name__.rpartition(".")[0]
    if name in FILES:
        return import_module(f"{package}.{FILES[name]}" if FILES[name] else package)
    found = vars(import_module(package)).get(name)
    if found is None:
        raise _absent.of_module(__name__, name)
    return found
