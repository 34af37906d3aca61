"""Random numbers by kernels: the words of MT19937, and what distributions make of them, ready to be called.

In: the memory of a generator's state, or tempered words, and a one-dimensional array. Out: nothing; memory is filled.
What is declined (`Refusal`), NumPy makes of the same words (`backends.reference.draws`).
"""

from __future__ import annotations

import ctypes
import math
import struct
import sys
import warnings
from array import array
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from ... import runtime
from ...compiler import jit
from ...kernels import random_numbers as emitted
from ...kernels.fused import LARGEST, SMALLEST
from ...kernels.random_words import ROOM, SLACK, STATE, WORDS, emit_words
from ...language.ir import BY_NAME, Type, f64, i8, i16, i32, i64
from ...plan.target import Target
from ...plan.threads import DRAWS, LIBRARY
from ..protocol import Refusal
from ..reference.draws import store
from .kernels import kernel

_FLOATS = {"f": "f32", "d": "f64", "e": "f16"}
_INTEGERS = {"b": i8, "B": i8, "h": i16, "i": i32, "l": i64, "q": i64}
_FROM_LIBRARY = {"log", "log1p", "sin", "cos", "tan", "exp"}
_BITS = {1: i8, 2: i16, 4: i32, 8: i64}


class Draws:
    """The words, and the distributions by name; each kernel but that of the words is made when it is first used."""

    state_room, slack = ROOM, SLACK

    def __init__(self, target: Target) -> None:
        self.target = target
        self._words = kernel(target, "random words", emit_words)["words"]
        self._entries: dict[tuple, tuple] = {}

    def words(self, state: np.ndarray, out: np.ndarray) -> Callable[[int, int], int]:
        """What writes words into `out`: given how many of the state's are used, and how many are wanted, it returns how
        many of the state's are used then. `state` (uint32, of `state_room` words, of which the first 624 are the state)
        and `out` (uint32, with room for `slack` more) are in its hands."""
        packed = WORDS.pack(state=state, out=out, used=0, count=0)
        at_used, at_count = WORDS.index("used"), WORDS.index("count")

        def step(used: int, count: int) -> int:
            packed[at_used], packed[at_count] = used, count
            runtime.run_whole(self._words, packed)
            return used + count if count <= STATE - used else (used + count - 1) % STATE + 1

        return step

    def uniform(self, words: np.ndarray, out: np.ndarray, low: float, high: float) -> None:
        """Numbers in [low, high)."""
        if out.dtype.char == "d":
            self._check(low, high - low)
        elif (low, high) != (0.0, 1.0):
            low, high = np.float32(low), np.float32(high)
        self._run("uniform", emitted.UNIFORM, words, out, _float_type(out), low=low, width=high - low, high=high)

    def bernoulli(self, words: np.ndarray, out: np.ndarray, probability: float, one: float) -> None:
        """`one`, each with the given probability, and zeros."""
        given = {"probability": probability, "one": _bits(one, out.dtype)}
        self._run("bernoulli", emitted.BERNOULLI, words, out, _BITS[out.itemsize], **given)

    def bernoulli_each(self, words: np.ndarray, out: np.ndarray, chances: np.ndarray) -> None:
        """Ones, each with a probability of its own, and zeros."""
        if not _dense(chances):
            raise Refusal("the probabilities do not lie one behind the other")
        of, given = _float_type(chances), {"chances": runtime.address(chances), "one": _bits(1.0, out.dtype)}
        self._run("bernoulli_each", emitted.chances(of), words, out, _BITS[out.itemsize], (of,), **given)

    def exponential(self, words: np.ndarray, out: np.ndarray, rate: float) -> None:
        """Exponential numbers of the given rate."""
        self._run(
            "exponential", emitted.EXPONENTIAL, words, out, _float_type(out), **_with("log1p", factor=-1.0 / rate)
        )

    def cauchy(self, words: np.ndarray, out: np.ndarray, median: float, sigma: float) -> None:
        """Cauchy numbers."""
        self._check(median, sigma)
        self._run("cauchy", emitted.CAUCHY, words, out, _float_type(out), **_with("tan", median=median, sigma=sigma))

    def geometric(self, words: np.ndarray, out: np.ndarray, probability: float) -> None:
        """How many trials it takes to succeed."""
        of = _INTEGERS.get(out.dtype.char) or _float_type(out)
        given = _with("log", "ceil", divisor=math.log1p(-probability))
        self._run("geometric", emitted.GEOMETRIC, words, out, of, **given)

    def powers(self, out: np.ndarray, exponents: np.ndarray) -> None:
        """e to the power of float64 numbers."""
        self._run("powers", emitted.POWERS, exponents, out, _float_type(out), **_with("exp"))

    def integers(self, words: np.ndarray, out: np.ndarray, low: int, span: int, long: bool) -> None:
        """Integers in [low, low + span), of 64-bit words where `long`."""
        if span == 1 << 64 or (span > 1 << 32 and not long):
            raise Refusal("words are taken as they are")
        of = _INTEGERS.get(out.dtype.char)
        drawn = np.empty(out.size, np.int64) if of is None else out
        given = {"low": _signed(low), "span": _signed(span)}
        self._run("integers", emitted.INTEGERS, words, drawn, of or i64, (long,), **given)
        if drawn is not out:
            store(out, drawn)

    def block_normal(self, words: np.ndarray, out: np.ndarray, mean: float, std: float) -> None:
        """Normal numbers in blocks of 16."""
        if out.dtype.char == "d":
            self._check(mean, std)
            both, angular = _angular()
            given = _with("log", mean=mean, std=std) | angular
            self._run("block_normal", emitted.BLOCK_NORMAL, words, out, f64, (both,), **given)
        else:
            given = {"mean": mean, "std": std, "log": 0, "sin": 0, "cos": 0}
            self._run("block_normal", emitted.BLOCK_NORMAL, words, out, _float_type(out), **given)

    def paired_normal(self, words: np.ndarray, out: np.ndarray, mean: float, std: float) -> None:
        """Normal numbers two at a time."""
        self._check(mean, std)
        both, angular = _angular()
        given = _with("log1p", mean=mean, std=std) | angular
        self._run("paired_normal", emitted.PAIRED_NORMAL, words, out, _float_type(out), (both,), **given)

    def shuffle(self, words: np.ndarray, order: np.ndarray, start: int, long: bool) -> None:
        """Exchange position i of `order` with one of those from i on, for as many i as there are words."""
        if order.dtype != np.int32:
            raise Refusal("so many numbers are not compiled")
        entry, _ = self._entry("shuffle", {}, long)
        count = words.size >> long
        partners = np.empty(count + emitted.PREFETCHED, np.int32)
        packed = emitted.SHUFFLE.pack(
            words=words, order=order, partners=partners, start=start, stop=start + count, total=order.size
        )
        runtime.run_whole(entry, packed)

    def _check(self, low: float, width: float) -> None:
        """Where float64's fused sums are emulated, within their limits."""
        limited = abs(low) <= LARGEST and (width == 0 or SMALLEST <= abs(width) <= LARGEST)
        if not (self.target.fma or limited):
            raise Refusal(f"{width} and {low} are too far apart for fused sums by emulation")

    def _run(
        self,
        name: str,
        fields: dict[str, Type],
        words: np.ndarray,
        out: np.ndarray,
        of: Type,
        variant: tuple = (),
        **values: float,
    ) -> None:
        """Launch a kernel; TypeError for values that are not its `fields`."""
        if values.keys() != fields.keys():
            raise TypeError(f"{name} takes {', '.join(fields)}, not {', '.join(values)}")
        if not _dense(out):
            raise Refusal("the numbers do not lie one behind the other")
        entry, packing = self._entry(name, fields, of, *variant)
        packed = array(
            "q",
            packing.pack(
                0, 0, runtime.address(words), runtime.address(out), out.size, *[values[field] for field in fields]
            ),
        )
        library = any(value for field, value in values.items() if field in _FROM_LIBRARY)
        work = out.size * (LIBRARY if library else 1)
        items = -(-out.size // emitted.BLOCK)
        runtime.launch(entry, packed, DRAWS.threads(work, runtime.team_size(), items))

    def _entry(self, name: str, fields: dict, *arguments: object) -> tuple[jit.Entry, struct.Struct]:
        """A kernel, and how its words are packed: two counters, two addresses, a count, and the fields."""
        key = (name, *arguments)
        known = self._entries.get(key)
        if known is None:
            emit = getattr(emitted, f"emit_{name}")
            try:
                entry = kernel(self.target, f"random {name}", emit, *arguments)[name]
            except (jit.CompilerMissing, jit.KernelFailed) as failed:
                warnings.warn(f"{failed}; NumPy draws these numbers", RuntimeWarning, stacklevel=2)
                entry = None
            codes = ["d" if kind is f64 else "q" for kind in fields.values()]
            known = self._entries[key] = entry, struct.Struct("=5q" + "".join(codes))
        if known[0] is None:
            raise Refusal(f"the kernel {name} does not compile")
        return known


def _float_type(out: np.ndarray) -> Type:
    return BY_NAME[_FLOATS.get(out.dtype.char, "bf16")]


def _dense(numbers: np.ndarray) -> bool:
    flags = numbers.flags
    return flags.c_contiguous and flags.aligned and numbers.dtype.isnative


def _bits(number: float, dtype: np.dtype) -> int:
    """The bits of a number of that type."""
    return int.from_bytes(np.array(number, dtype).tobytes(), sys.byteorder, signed=True)


def _signed(number: int) -> int:
    """An integer modulo 2⁶⁴, as int64 holds it."""
    return (number + (1 << 63)) % (1 << 64) - (1 << 63)


_PROBES = (0.1, 0.625, 0.9999, 3.0, 6.25)


@lru_cache(maxsize=16)
def _library(name: str) -> int:
    """The address of a function of the C library: the one that `math` calls."""
    function = _found(name)
    function.argtypes, function.restype = [ctypes.c_double], ctypes.c_double
    probes = [-x / 8 for x in _PROBES] if name == "log1p" else _PROBES
    if [function(x) for x in probes] != [getattr(math, name)(x) for x in probes]:
        raise Refusal(f"the C library's {name} is not Python's")
    return ctypes.cast(function, ctypes.c_void_p).value


def _with(*functions: str, **values: float) -> dict[str, float]:
    """A kernel's values, and the addresses of functions of the C library under their names."""
    return values | {name: _library(name) for name in functions}


@lru_cache(maxsize=1)
def _angular() -> tuple[bool, dict[str, int]]:
    """Whether the C library has a `sincos`, which gives the same bits in half of the time; its address, or those of
    the two."""
    try:
        function = _found("sincos")
    except Refusal:
        return False, _with("sin", "cos")
    sine, cosine = ctypes.c_double(), ctypes.c_double()
    function.argtypes, function.restype = [ctypes.c_double, ctypes.c_void_p, ctypes.c_void_p], None
    for x in _PROBES:
        function(x, ctypes.byref(sine), ctypes.byref(cosine))
        if (sine.value, cosine.value) != (math.sin(x), math.cos(x)):
            return False, _with("sin", "cos")
    return True, {"sin": ctypes.cast(function, ctypes.c_void_p).value, "cos": 0}


def _found(name: str) -> ctypes._CFuncPtr:
    try:
        return ctypes.CDLL("ucrtbase" if sys.platform == "win32" else None)[name]
    except (OSError, AttributeError):
        raise Refusal(f"the C library's {name} is not found") from None
