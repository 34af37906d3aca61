"""Kernels by what they are made of: their keys in one file, so that layers share what they have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ...compiler import jit
from ...kernels.pack import emit_pack
from ...language.ir import BY_NAME, Module, Type, f32
from ...language.types import in_registers
from ...plan.target import Target
from ..array import steps
from ..protocol import Layout


def kernel(target: Target, title: str, emit: Callable[..., None], *arguments: object) -> jit.Code:
    """The code of `emit(module, *arguments)`; title and arguments, as text, are its key."""

    def build() -> Module:
        k = Module(target)
        emit(k, *arguments)
        return k

    key = " ".join([title, *(a.name if isinstance(a, Type) else str(a) for a in arguments)])
    return jit.kernel(key, build, target)


def pack_entry(target: Target, form: str, source: Type, number: Type) -> jit.Entry:
    """The function that packs sources of type `source` that lie as `form` says (see `kernels.pack`)."""
    code = kernel(target, f"pack_{form}", _emit_pack, form, source, number)
    return code[f"pack_{form}_{source.name}_{number.name}"]


def _emit_pack(k: Module, form: str, source: Type, number: Type) -> None:
    emit_pack(k, form, source, number, export=True)


def number_types(dtype: str) -> tuple[Type, Type, np.dtype]:
    """What a spec's numbers are in memory, and in registers (halves are float32 there); and the latter as NumPy's."""
    stored = BY_NAME[dtype]
    number = in_registers(stored)
    return stored, number, np.dtype(np.float32 if number is f32 else np.float64)


def remembered(weights_cache: dict | None, key: object, make: Callable[[np.ndarray], object], w: np.ndarray) -> object:
    """`make(w)`, kept in the packed-weight cache of that weight, which lives until the weight changes."""
    if weights_cache is None:
        return make(w)
    made = weights_cache.get(key)
    if made is None:
        made = make(w)
        keep(weights_cache, key, made, w)
    return made


def worth_packing(
    weights_cache: dict | None, key: object, make: Callable[[np.ndarray], object], w: np.ndarray
) -> object | None:
    """The same where a weight can be packed while it is used, too: None at the first use, which may be the only one."""
    if weights_cache is None:
        return None
    if key not in weights_cache:
        keep(weights_cache, key, None, w)
        return None
    return remembered(weights_cache, key, make, w)


def keep(weights_cache: dict, key: object, made: object, w: np.ndarray) -> None:
    """Put something made of a weight into its cache; the oldest goes where that becomes too large.

    A layer and its gradient take up to 18 times the weight (Winograd's 36 points of 2 × 2 taps, twice; all phases of a
    transposed layer); images of other sizes want other tiles and so other forms, 91 times the weight in all. They are
    counted where something was packed, so that a call that finds what it needs pays nothing."""
    weights_cache[key] = made
    if len(weights_cache) <= _FEW:
        return
    room = _TIMES * max(w.size * 4, w.nbytes, _LEAST)
    sizes = [(other, _bytes_of(value)) for other, value in list(weights_cache.items())]
    total, count = sum(size for _, size in sizes), len(sizes)
    for other, size in sizes[:-1]:
        if count > _MOST or (size and total > room):
            weights_cache.pop(other, None)
            total, count = total - size, count - 1


_FEW, _MOST = 4, 64
"""Entries of a packed-weight cache from which on their size is looked at, and which there never are more of."""
_TIMES, _LEAST = 24, 1024
"""How much larger than a weight, in registers' numbers, all that is kept of it may be; bytes of a weight at least."""


def _bytes_of(made: object) -> int:
    if isinstance(made, tuple):
        return sum(map(_bytes_of, made))
    return made.nbytes if isinstance(made, np.ndarray) else 0


def packed_in_use(weights_cache: dict | None, key: object, make: Callable[[np.ndarray], object], w: np.ndarray) -> None:
    """Always None: where a packed weight is never worth its memory."""


KEEPING = {
    remembered: "packed before they are used, and kept",
    worth_packing: "packed where they are used the first time; kept from the second on",
    packed_in_use: "packed where they are used, every time",
}
"""What becomes of packed weights, for people."""


def laid(shape: Sequence[int], order: Sequence[int] | None, dtype: np.dtype) -> Layout:
    """The layout of an array of this shape whose axes are then taken in this order."""
    strides = steps(tuple(shape), dtype.itemsize)
    order = range(len(shape)) if order is None else order
    return Layout(tuple([shape[axis] for axis in order]), dtype, tuple([strides[axis] for axis in order]))


def addressable(a: np.ndarray) -> bool:
    """Whether all strides are whole numbers, none negative."""
    return all(stride >= 0 and stride % a.itemsize == 0 for stride in a.strides) and a.flags.aligned
