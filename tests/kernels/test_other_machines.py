"""Whole layers planned and compiled for machines that are not at hand, and read as assembly: NEON above all.

The planner and the emitters run as they would there; only loading and launching are left out.
"""

import re
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from rushlight.backends import cpu as compiled
from rushlight.backends.cpu.bias import BiasCall
from rushlight.backends.cpu.pool import PoolCall
from rushlight.backends.exactness import set_exact
from rushlight.compiler import compiler, jit
from rushlight.plan.target import Target
from rushlight.rules import windows
from rushlight.rules.spec import ConvSpec
from tests.fuzz.geometries import DTYPES
from tests.kernels.test_product import inner_loops

LAYERS = {
    "product": ("n4_c64_i28x28_o64_k3x3_s2_p1_g1_f32", False),
    "product, double": ("n2_c24_i20x20_o40_k3x3_s1_p1_g1_f64", False),
    "product, few channels": ("n2_c3_i20x20_o5_k3x3_s1_p1_g1_f32", False),
    "pointwise": ("n4_c64_i28x28_o96_k1x1_s1_p0_g1_f32", False),
    "linear": ("n64_c100_o130_g1_f32", False),
    "depthwise channels": ("n2_c40_i28x28_o40_k3x3_s1_p1_g40_f32", False),
    "lanes, double": ("n2_c40_i28x28_o40_k3x3_s1_p1_g40_f64", False),
    "lanes, large taps": ("n1_c24_i9x60_o24_k7x31_s1_p3x15_g24_f32", False),
    "small groups": ("n2_c24_i20x20_o48_k3x3_s1_p1_g8_f32", False),
    "winograd": ("n4_c64_i28x28_o64_k3x3_s1_p1_g1_f32", True),
    "winograd 1-D": ("n4_c64_i400_o64_k3_s1_p1_g1_f32", True),
    "winograd 3-D": ("n2_c32_i8x16x16_o32_k3x3x3_s1_p1_g1_f32", True),
    "winograd, float16": ("n4_c64_i28x28_o64_k3x3_s1_p1_g1_f16", True),
    "winograd, bfloat16": ("n4_c64_i28x28_o64_k3x3_s1_p1_g1_bf16", True),
    "lanes, float16": ("n2_c40_i28x28_o40_k3x3_s1_p1_g40_f16", False),
    "lanes, bfloat16": ("n2_c40_i28x28_o40_k3x3_s1_p1_g40_bf16", False),
    "linear, float16": ("n64_c100_o130_g1_f16", False),
}
MULTIPLY = {"neon": r"\bfmla\b", "avx2": r"\bvfn?m(add|sub)\d+p[sd]\b", "x86-64": r"\bmulp[sd]\b"}
STACK = {
    "neon": r"\bq\d+, .*\[sp",
    "avx512": r"%[xyz]mm\d+, .*%rsp|%rsp.*%[xyz]mm",
    "avx2": r"%[xyz]mm\d+, .*%rsp|%rsp.*%[xyz]mm",
    "x86-64": r"%xmm\d+, .*%rsp|%rsp.*%xmm",
}
STORE = r"\bst[rpu]+\s+[qd]\d+, (?!.*\[sp)|\bst1\b|\bv?movu?a?p[sd]\s+%[xyz]mm\d+, (?!.*%rsp).*\("


@pytest.fixture
def modules(monkeypatch):
    """Every module that would be loaded, as assembly; code that would run has the address 0."""
    made = {}

    def kernel(key, build, target):
        module = build()
        text = module.text()
        made[key] = compiler.assembly(text, target)
        return {name: SimpleNamespace(address=0, name=name) for name in module.exports}

    monkeypatch.setattr(jit, "kernel", kernel)
    yield made
    set_exact(False)


def prepare(kernel, spec, channels_last):
    """The call of a layer, not made."""
    dtype = DTYPES[spec.dtype]
    x, y = np.zeros(spec.x_shape, dtype), np.zeros(spec.y_shape, dtype)
    if channels_last:
        x, y = (np.moveaxis(np.ascontiguousarray(np.moveaxis(a, 1, -1)), -1, 1) for a in (x, y))
    if kernel == "wgrad":
        return compiled._choose_wgrad(spec, x, y)
    return compiled._choose(kernel, spec, x if kernel == "fprop" else y, "relu")


ORDERS = [("neon", False), ("neon", True), ("avx2", True), ("x86-64", True)]


@pytest.mark.parametrize("kernel", ["fprop", "dgrad", "wgrad"])
@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize(("isa", "channels_last"), ORDERS)
def test_layers_are_sums_in_registers(isa, name, kernel, channels_last, modules, monkeypatch):
    monkeypatch.setattr(Target, "host", classmethod(lambda cls: Target.named(isa)))
    text, winograd = LAYERS[name]
    set_exact(not winograd)
    call = prepare(kernel, ConvSpec.parse(text), channels_last)
    assert ("winograd" in type(call).__module__) == winograd, "planned otherwise than here"
    everything = "\n".join(modules.values())
    assert re.search(MULTIPLY[isa], everything)
    foreign = {"neon": r"%[xyz]mm", "avx2": r"%zmm", "x86-64": r"%[yz]mm"}[isa]
    assert not re.search(foreign, everything)
    loops = [loop for assembly in modules.values() for loop in inner_loops(assembly)]
    # Winograd's transforms store as they go, and have more numbers than there are registers; sums must not.
    loops = [loop for loop in loops if len(re.findall(MULTIPLY[isa], loop)) >= 4 and not re.search(STORE, loop)]
    allowed = 2 if isa == "x86-64" else 0  # one sum out and in: sixteen registers, none to multiply into
    spilled = [loop for loop in loops if len(re.findall(STACK[isa], loop)) > allowed]
    assert loops and not spilled, "\n".join(spilled)


@pytest.mark.parametrize("inner", ["channels", "positions"])
@pytest.mark.parametrize(("isa", "selects"), [("neon", r"\bb(if|it|sl)\b"), ("avx2", r"\bvblendvps\b")])
def test_pooling_chooses_without_branches(isa, selects, inner, modules):
    x = np.zeros((2, 20, 30, 30), np.float32)
    if inner == "channels":
        x = np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)
    PoolCall(windows.pool("pool", 2, x.shape, 3, 2, 1), x, True, Target.named(isa), 2)
    (assembly,) = modules.values()
    assert re.search(selects, assembly)
    assert re.search(STACK[isa], assembly) is None, "winners leave the registers"


ADD = [("neon", r"\bfadd\s+v"), ("avx2", r"\bvaddps\b"), ("avx512", r"\bvaddps\b.*%zmm"), ("x86-64", r"\baddps\b")]


@pytest.mark.parametrize("shape", [(600, 200), (600, 2, 900)], ids=["rows", "lines"])
@pytest.mark.parametrize(("isa", "add"), ADD)
def test_sums_of_a_bias_stay_in_registers(isa, add, shape, modules):
    BiasCall("f32", np.zeros(shape, np.float32), Target.named(isa), 2)
    sums, _ = modules.values()
    loops = [loop for loop in inner_loops(sums, add) if len(re.findall(add, loop)) >= 4]
    assert loops and not any(re.search(STACK[isa], loop) for loop in loops)
