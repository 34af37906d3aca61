"""The vector functions as kernels over arrays, what they should give, and how far off they are."""

from __future__ import annotations

import functools
import math

import numpy as np

from rushlight.compiler import compiler
from rushlight.compiler.executable import Mapping
from rushlight.compiler.jit import Code
from rushlight.compiler.objects import link
from rushlight.core.error_function import erfinv
from rushlight.kernels.mathematics import FUNCTIONS, FUNCTIONS_OF_TWO
from rushlight.language.ir import Module, Params, f32, f64, i64, ptr
from rushlight.plan.target import Target

BOUND = {np.float32: 2.0, np.float64: 4.0}
"""In units in the last place."""


def _lifted(function):
    return lambda x: np.frompyfunc(function, 1, 1)(x).astype(np.float64)


def _softplus(x):
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


_NUMPY = ("sqrt", "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sinh", "cosh", "tanh", "sin", "cos", "tan")
REFERENCE = {
    **{name: getattr(np, name) for name in _NUMPY},
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "softplus": _softplus,
    "log_sigmoid": lambda x: -_softplus(-x),
    "erf": _lifted(math.erf),
    "erfc": _lifted(math.erfc),
    "erfinv": _lifted(erfinv),
    "pow": np.power,
}
"""In the precision of the argument, which should be higher; but those of `BY_NUMBER` in Python's float."""
BY_NUMBER = ("erf", "erfc", "erfinv")


PARAMS = {of: Params(x=ptr(of), y=ptr(of), z=ptr(of), n=i64) for of in (f32, f64)}


def emit(target, name, of, width=1.0):
    """The kernel of a function; its vectors are `width` registers long, or single numbers where that is 0."""
    two = name in FUNCTIONS_OF_TWO
    function = (FUNCTIONS_OF_TWO if two else FUNCTIONS)[name]
    k = Module(target)
    lanes = int(k.lanes(of) * width)
    with k.kernel("map", PARAMS[of], flushed=False) as (f, p):
        with f.loop(0, p.n, lanes or 1) as i:
            mask = f.mask(p.n - i, lanes, of) if lanes else None
            given = [pointer[i].load(lanes, mask=mask) for pointer in (p.x, p.y)[: 1 + two]]
            p.z[i].store(function(f, *given), mask=mask)
    return k


def load(module):
    """The kernels of a module, without any cache."""
    image = link(compiler.compile_object(module.text(), module.target), module.exports)
    mapping = Mapping(image.code)
    return Code(mapping, mapping.size, {name: mapping.address + at for name, at in image.entries.items()})


@functools.cache
def _entry(name, of, isa, width):
    return load(emit(Target.named(isa), name, of, width))["map"]


def run(name, isa, x, y=None, width=1.0):
    """The function of every number, computed with the instructions of `isa`."""
    z = np.empty_like(x)
    y = x if y is None else y
    of = f32 if x.dtype == np.float32 else f64
    words = PARAMS[of].pack(x=x, y=y, z=z, n=x.size)
    _entry(name, of, isa, width).call(words.buffer_info()[0])
    return z


def errors(found, exact):
    """By how many units in the last place each number is off; infinity where NaN, ±∞ or the sign of 0 is wrong."""
    kind = found.dtype.type
    digits, lowest = (23, -126) if kind is np.float32 else (52, -1022)
    with np.errstate(all="ignore"):
        nearest = exact.astype(kind)
        _, exponents = np.frexp(exact)
        unit = np.ldexp(exact.dtype.type(1), np.maximum(exponents - 1, lowest) - digits)
        off = np.abs(found - exact) / unit
    bits = f"u{found.itemsize}"
    same = (found.view(bits) == nearest.view(bits)) | (np.isnan(found) & np.isnan(nearest))
    wrong = ~same & ((found == nearest) | ~np.isfinite(off))
    return np.where(wrong, np.inf, np.where(same & ~np.isfinite(off), 0, off)).astype(np.float64)
