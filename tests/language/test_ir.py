"""The text that the language emits: golden, so that a change of the emitter shows what it changes."""

import subprocess
import sys

import numpy as np
import pytest

from rushlight.language.ir import (
    Array,
    Axes,
    AxisTables,
    Fields,
    Module,
    Params,
    Real,
    Table,
    Word,
    f16,
    f32,
    f64,
    i1,
    i32,
    i64,
    index_of,
    ptr,
    vec,
)
from rushlight.language.types import element, literal
from rushlight.plan.target import Target


def body_of(k):
    """The instructions of a module's only function."""
    text = k.text()
    return [line.strip() for line in text[text.index("entry:") :].splitlines()[1:-2]]


def test_a_loop():
    k = Module(Target.named("avx2"))
    with k.function("f", [("x", ptr(f32)), ("n", i64)]) as (f, x, n), f.loop(0, n, 8) as i:
        x[i][4].store(x[i].load(8))
    assert body_of(k) == [
        "%v1 = icmp sgt i64 %n, 0",
        "br i1 %v1, label %then2, label %end3",
        "then2:",
        "br label %loop4",
        "loop4:",
        "%i5 = phi i64 [0, %then2], [%n5, %latch5]",
        "%v6 = getelementptr float, ptr %x, i64 %i5",
        "%v7 = getelementptr float, ptr %x, i64 %i5",
        "%v8 = load <8 x float>, ptr %v7, align 4",
        "%v9 = getelementptr i8, ptr %v6, i64 16",
        "store <8 x float> %v8, ptr %v9, align 4",
        "br label %latch5",
        "latch5:",
        "%n5 = add nsw i64 %i5, 8",
        "%v10 = icmp slt i64 %n5, %n",
        "br i1 %v10, label %loop4, label %done11",
        "done11:",
        "br label %end3",
        "end3:",
        "ret void",
    ]


def test_head_of_a_module():
    k = Module(Target.named("avx512"))
    with k.function("g", [("x", ptr(f32)), ("a", f32)], returns=f32, inline=True) as (f, _x, a):
        f.ret(a)
    with k.function("h", [("n", i64)], inline=False, export=True) as (f, _n):
        pass
    text = k.text()
    assert "define internal float @g(ptr noalias %x, float %a) #0 alwaysinline {" in text
    assert "define void @h(i64 %n) #0 noinline {" in text
    assert 'attributes #0 = { nounwind "no-builtins" "min-legal-vector-width"="512" }' in text
    assert k.exports == ["h"]


def test_plain_x86_multiplies_and_adds():
    for isa, fused in (("x86-64", False), ("avx2", True), ("neon", True)):
        k = Module(Target.named(isa))
        with k.function("f", [("a", f32)], returns=f32) as (f, a):
            f.ret(f.fma(a, a, a))
        assert ("llvm.fma" in k.text()) == fused


@pytest.mark.parametrize(
    "type, number, text",
    [
        (f32, 0.1, "0x3FB99999A0000000"),
        (f64, 0.1, "0x3FB999999999999A"),
        (i32, -7, "-7"),
        (i1, True, "true"),
        (ptr(f32), 0, "null"),
        (vec(f32, 2), 0.0, "zeroinitializer"),
        (vec(f32, 2), -0.0, "<float 0x8000000000000000, float 0x8000000000000000>"),
        (vec(i32, 2), 3, "<i32 3, i32 3>"),
    ],
)
def test_literals(type, number, text):
    assert literal(type, number) == text


def test_a_fraction_is_no_integer():
    with pytest.raises(TypeError, match="no i64"):
        literal(i64, 0.5)


def test_types_know_their_shape():
    assert str(vec(f16, 8)) == "f16x8" and vec(f16, 8).bytes == 16 and element(vec(f64, 4)) == f64
    assert str(ptr(f32)) == "ptr_f32" and ptr(f32).of is f32


def test_params_are_two_counters_and_the_fields():
    params = Params(x=ptr(f32), n=i64, scale=f64)
    assert list(params.pack(x=4096, n=7, scale=0.5)) == [0, 0, 4096, 7, 0x3FE0000000000000]
    with pytest.raises(TypeError, match="i64, f64 and pointers"):
        Params(x=f32)


def test_masks_stay_registers_where_the_target_has_mask_registers():
    for isa, kind in (("avx512", "<16 x i1>"), ("avx2", "<16 x i32>")):
        k = Module(Target.named(isa))
        with k.function("f", [("n", i64)]) as (f, n):
            assert f.mask(n, 16).value.type.text == kind


def test_transposes_follow_every_lane():
    """The shuffles are followed in Python; a wrong plan raises while emitting, for sizes no test runs, too."""
    k = Module(Target.named("avx512"))
    for of, lanes in ((f32, 16), (f64, 8), (f16, 32), (f32, 2)):
        with k.function(f"t{of}{lanes}", []) as (f,):
            assert len(f.transpose([f.const(vec(of, lanes), 0)] * lanes)) == lanes
            with pytest.raises(ValueError, match="power of two"):
                f.transpose([f.const(vec(of, 6), 0)] * 6)


def test_the_language_needs_no_compiler():
    script = "import sys, rushlight.language.ir; print('llvmlite' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stdout == "False\n"


class FrameFields(Fields):
    x: Array
    rows: Table
    factor: Real
    block: Axes
    tables: AxisTables
    n: Word
    lanes: int


def test_fields_of_a_class_are_packed_by_name():
    params, x, table = Params(FrameFields, x=f32), np.zeros(3, np.float32), np.zeros(2, np.int64)
    given = dict(x=x, rows=None, factor=1.0, block=(1, 2, 3), tables=[table] * 3, n=np.int64(7))
    words = params.pack(**given)
    at = table.ctypes.data
    assert list(words) == [0, 0, x.ctypes.data, 0, 0x3FF0000000000000, 1, 2, 3, at, at, at, 7]
    assert index_of(FrameFields, "block") == 5 and index_of(FrameFields, "n") == 11 and len(words) == 2 + params.count


@pytest.mark.parametrize("wrong, said", [
    (dict(n=None), "n is i64, not NoneType"),
    (dict(n=1.5), "n is i64, not float"),
    (dict(factor="1"), "factor is f64, not str"),
    (dict(x=np.zeros(3)), "x points to f32, not to an array of <f8"),
    (dict(rows=np.zeros(3, np.int32)), "rows points to i64, not to an array of <i4"),
    (dict(block=(1, 2)), "argument 2 is shorter"),
    (dict(m=3), "values of no field: m"),
])  # fmt: skip
def test_fields_are_checked(wrong, said):
    given = dict(x=None, rows=None, factor=1.0, block=(1, 2, 3), tables=(0, 0, 0), n=7)
    with pytest.raises((TypeError, ValueError), match=said):
        Params(FrameFields, x=f32).pack(**{**given, **wrong})


def test_missing_fields_and_types_are_named():
    with pytest.raises(TypeError, match="without a value: rows, block"):
        Params(FrameFields, x=f32).pack(x=0, factor=1.0, tables=(0, 0, 0), n=7)
    with pytest.raises(TypeError, match="element types of nothing; wanted: x"):
        Params(FrameFields)
    with pytest.raises(TypeError, match="element types of rows, x; wanted: x"):
        Params(FrameFields, x=f32, rows=i64)
