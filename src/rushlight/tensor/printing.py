"""How a tensor reads: PyTorch's repr.

In: a tensor. Out: text such as `tensor([1., 2.], requires_grad=True)`. Numbers share one width; floats are written in
full, or in scientific notation where they span too far; large tensors show their edges.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from rushlight.core import dtypes
from rushlight.core.dtypes import FLOATING
from rushlight.tensor.core import Tensor
from rushlight.tensor.numerics import quiet
from rushlight.tensor.size import carried


class _Options(NamedTuple):
    """What `set_printoptions` sets: one value, replaced as a whole, so that no thread prints by half a change."""

    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


_options = _Options()
_PROFILES = {"default": (4, 1000, 3), "short": (2, 1000, 2), "full": (4, math.inf, 3)}


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """How tensors print: digits behind the point, elements before summarising, edge items, line width.

    >>> import rushlight as torch
    >>> torch.set_printoptions(precision=2); torch.tensor([1.2345])
    tensor([1.23])
    >>> torch.set_printoptions(profile="default")
    """
    global _options
    changed: dict[str, object] = {"sci_mode": sci_mode}
    if profile is not None:
        if profile not in _PROFILES:
            raise ValueError(f"unknown profile {profile!r}: default, short or full")
        changed.update(zip(("precision", "threshold", "edgeitems"), _PROFILES[profile]), linewidth=80)
    asked = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    changed.update({name: value for name, value in asked.items() if value is not None})
    _options = _options._replace(**changed)


class _Numbers:
    """How the numbers of one tensor are written: all alike."""

    def __init__(self, values: np.ndarray) -> None:
        self.floating = values.dtype.kind == "f"
        self.integral = True
        self.scientific = False
        self.width = 1
        if not self.floating:
            self.width = max([len(str(value)) for value in values.tolist()], default=1)
            return
        finite = values[np.isfinite(values) & (values != 0)]
        if not finite.size:  # zeros, NaN and infinities alone are not aligned
            return
        size = np.abs(finite)
        large, small = size.max(), size.min()
        self.integral = bool(np.all(finite == np.ceil(finite)))
        spans = large / small > 1000.0 or large > 1.0e8
        self.scientific = spans if self.integral else spans or small < 1.0e-4
        if _options.sci_mode is not None:
            self.scientific = _options.sci_mode
        self.width = max(len(self._plain(value)) for value in finite.tolist())
        if not np.isfinite(values).all():
            self.width = max(self.width, *(len(str(v)) for v in values[~np.isfinite(values)].tolist()))

    def _plain(self, value: float) -> str:
        if self.scientific:
            return f"{value:.{_options.precision}e}"
        if not self.integral:
            return f"{value:.{_options.precision}f}"
        return f"{value:.0f}." if math.isfinite(value) else f"{value:.0f}"

    def text(self, value: object) -> str:
        """One number, right-aligned."""
        return (self._plain(value) if self.floating else str(value)).rjust(self.width)


def tensor_text(tensor: Tensor) -> str:
    """What `repr` says."""
    name = "Parameter containing:\ntensor" if _is_parameter(tensor) else "tensor"
    prefix = "tensor("
    array = tensor._array
    suffixes = _suffixes(tensor)
    if tensor.is_meta or (array.size == 0 and array.ndim != 1):
        suffixes.insert(0, f"size={tuple(array.shape)}")
    if not tensor.is_cpu:
        suffixes.insert(0, f"device='{tensor.device}'")
    if tensor.is_meta:
        body = "..."
    else:
        body = "[]" if array.size == 0 else _array_text(carried(array, "cpu"), tensor.dtype, len(prefix))
    return name + "(" + _with_suffixes(prefix, body, suffixes)[len(prefix) :]


def _is_parameter(tensor: Tensor) -> bool:
    return type(tensor).__name__ == "Parameter"


def _suffixes(tensor: Tensor) -> list[str]:
    kind = tensor.dtype
    found = []
    implied = kind in (dtypes.get_default_dtype(), *(() if tensor.is_meta else (dtypes.int64, dtypes.bool)))
    if not (implied and (tensor._array.size or kind is not dtypes.int64)) or (
        tensor._array.size == 0 and kind is not dtypes.get_default_dtype()
    ):
        found.append(f"dtype={kind}")
    if tensor.grad_fn is not None:
        found.append(f"grad_fn=<{tensor.grad_fn.name().rsplit('::', 1)[-1]}>")
    elif tensor.requires_grad:
        found.append("requires_grad=True")
    return found


def _with_suffixes(prefix: str, body: str, suffixes: list[str]) -> str:
    """Suffixes behind the numbers, each on the last line while it fits."""
    parts = [prefix + body]
    length = len(parts[0]) - parts[0].rfind("\n") + 1
    for suffix in suffixes:
        if length + len(suffix) + 2 > _options.linewidth:
            parts.append(",\n" + " " * len(prefix) + suffix)
            length = len(prefix) + len(suffix)
        else:
            parts.append(", " + suffix)
            length += len(suffix) + 2
    return "".join(parts) + ")"


def _array_text(array: np.ndarray, kind: dtypes.dtype, indent: int) -> str:
    if kind.category == FLOATING and kind.itemsize == 2:
        array = quiet(array.astype, np.float32)  # quietly, for a signalling NaN
    summarise = array.size > _options.threshold
    shown = _edges(array) if summarise else array
    if kind.category == FLOATING:
        shown = quiet(shown.astype, np.float64)
        array = quiet(array.astype, np.float64)
    return _nested(array, indent, summarise, _Numbers(shown.reshape(-1)))


def _edges(array: np.ndarray) -> np.ndarray:
    """Only the items that a summary shows."""
    edge = _options.edgeitems
    for axis, n in enumerate(array.shape):
        if n > 2 * edge:
            array = np.take(array, [*range(edge), *range(n - edge, n)], axis)
    return array


def _nested(array: np.ndarray, indent: int, summarise: bool, numbers: _Numbers) -> str:
    if array.ndim == 0:
        return numbers.text(array.item())
    if array.ndim == 1:
        return _row(array, indent, summarise, numbers)
    edge = _options.edgeitems
    cut = summarise and len(array) > 2 * edge
    entries = [*array[:edge], None, *array[len(array) - edge :]] if cut else list(array)
    parts = ["..." if entry is None else _nested(entry, indent + 1, summarise, numbers) for entry in entries]
    return "[" + ("," + "\n" * (array.ndim - 1) + " " * (indent + 1)).join(parts) + "]"


def _row(array: np.ndarray, indent: int, summarise: bool, numbers: _Numbers) -> str:
    edge = _options.edgeitems
    values = array.tolist()
    texts = [numbers.text(v) for v in (values if not summarise or len(values) <= 2 * edge else values[:edge])]
    if summarise and len(values) > 2 * edge:
        texts += [" ...", *[numbers.text(v) for v in values[len(values) - edge :]]]
    per_line = max(1, (_options.linewidth - indent) // (numbers.width + 2))
    lines = [", ".join(texts[start : start + per_line]) for start in range(0, len(texts), per_line)]
    return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"
