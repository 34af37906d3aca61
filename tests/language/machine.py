"""Compile a small kernel for a target and run it here."""

import pytest

from rushlight.compiler import compiler
from rushlight.compiler.executable import Mapping
from rushlight.compiler.jit import Code
from rushlight.compiler.objects import link
from rushlight.language.ir import Module, Params
from rushlight.plan.target import Target

RUNNABLE = [
    pytest.param(Target.named(isa), id=isa)
    for isa in ("x86-64", "avx2", "avx512", "neon")
    if Target.named(isa).runs_here()
]


def emit(target, body, **fields):
    """The module of one kernel `k`, its body written by `body(f, p)`."""
    k = Module(target)
    with k.kernel("k", Params(**fields)) as (f, p):
        body(f, p)
    return k


def load(module):
    """The code of a module, without any cache."""
    image = link(compiler.compile_object(module.text(), module.target), module.exports)
    mapping = Mapping(image.code)
    return Code(mapping, mapping.size, {name: mapping.address + at for name, at in image.entries.items()})


def run(target, body, arrays, **fields):
    """Compile `body` and run it on arrays (by address) and integers, in the order of the fields."""
    values = [value if isinstance(value, int) else value.ctypes.data for value in arrays]
    code = load(emit(target, body, **fields))
    words = Params(**fields).pack(**dict(zip(fields, values, strict=True)))
    code["k"].call(words.buffer_info()[0])
