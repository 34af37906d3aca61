"""Compiled expressions against their definition, bit for bit: every operation, dtype and instruction set."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rushlight import runtime
from rushlight.backends import reference
from rushlight.backends.cpu.pointwise_call import PointwiseCall
from rushlight.backends.protocol import Refusal, Task, layout_of
from rushlight.core import dtypes
from rushlight.kernels import steps
from rushlight.plan.target import Target
from rushlight.plan.threads import Work
from rushlight.rules.expression import (
    FUNCTIONS,
    ROUNDINGS,
    alike,
    cast,
    copysign,
    equal,
    function,
    inputs,
    is_float,
    is_signed,
    logical_and,
    logical_not,
    logical_xor,
    maximum,
    minimum,
    not_equal,
    where,
)
from rushlight.runtime import guard
from tests.instruction_sets import asked

pytest.importorskip("llvmlite")
ml_dtypes = pytest.importorskip("ml_dtypes")
x, y, z = inputs(3)
ISAS = asked()
CODES = list(dtypes.CODES.values())
FLOATS, INTEGERS = [c for c in CODES if is_float(c)], [c for c in CODES if not is_float(c) and c != "b1"]


def numbers(code, count, seed):
    """Numbers of a dtype, those at its ends among them."""
    rng, kind = np.random.default_rng(seed), dtypes.of_code(code).numpy
    if code == "b1":
        return rng.integers(0, 2, count).astype(bool)
    if is_float(code):
        values = rng.standard_normal(count) * 10.0 ** rng.integers(-3, 4, count)
        special = [
            0.0,
            -0.0,
            math.inf,
            -math.inf,
            math.nan,
            0.5,
            1.5,
            2.5,
            -0.5,
            -2.5,
            1e-45,
            -1e-40,
            3e38,
            1e-310,
            70000,
        ]
        special += [
            2.0**23,
            2.0**23 + 1,
            -(2.0**22) - 0.5,
            2.0**52 + 1,
            127.5,
            -129.0,
            3e9,
            -3e9,
            0.49999997,
            1 - 2**-53,
        ]
        at = rng.permutation(count)[: count // 2]
        values[at] = rng.choice(special, len(at))
        with np.errstate(all="ignore"):
            return values.astype(kind)
    limits = np.iinfo(kind)
    values = rng.integers(limits.min, limits.max, count, kind, endpoint=True)
    at = rng.permutation(count)[: count // 2]
    values[at] = rng.choice(np.array([0, 1, 2, 3, limits.min, limits.max, limits.max - 1], kind), len(at))
    return values


def assert_same_bits(found, wanted, what=""):
    assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape), what
    if wanted.dtype.kind not in "biu":
        nan = np.isnan(wanted)
        np.testing.assert_array_equal(np.isnan(found), nan, err_msg=what)
        found, wanted = np.where(nan, 0, found).astype(found.dtype), np.where(nan, 0, wanted).astype(found.dtype)
    bits = f"u{wanted.itemsize}"
    np.testing.assert_array_equal(found.view(bits), wanted.view(bits), err_msg=what)


def prepared(isa, formulas, arrays, out=None):
    lying = None if out is None else tuple([array.strides for array in out])
    return PointwiseCall(Task("pointwise", (formulas, lying)), [layout_of(a) for a in arrays], Target.named(isa))


def check(isa, formulas, *arrays):
    found, wanted = prepared(isa, formulas, arrays)(arrays), reference.pointwise(formulas, *arrays)
    for formula, a, b in zip(formulas, found, wanted, strict=True):
        assert a.strides == b.strides
        assert_same_bits(a, b, f"{formula} of {[array.dtype.name for array in arrays]}, {isa}")


ARITHMETIC = (x + y, x * y, maximum(x, y), minimum(x, y), x < y, x <= y, x > y, x >= y, equal(x, y), not_equal(x, y))
LOGICAL = (logical_and(x, y), logical_not(x), logical_xor(x, y), where(x, y, x), abs(x))


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("code", CODES)
def test_every_operation(code, isa):
    count = 203
    a, b = numbers(code, count, 1), numbers(code, count, 2)
    formulas = ARITHMETIC + LOGICAL
    if code != "b1":
        formulas += (x - y, -x, x * 3 + 1, 1 - x, maximum(2, x), minimum(x, 2))
    if is_float(code):
        formulas += (
            x / y,
            copysign(x, y),
            function("sqrt", x),
            maximum(math.nan, x),
            *[function(n, x) for n in ROUNDINGS],
        )
        formulas += (x * 0.1, x + 1e300, alike(where(x > 0, 1, where(x < 0, -1, 0)), x))
    else:
        formulas += (x & y, x | y, x ^ y, ~x)
    if code in INTEGERS:
        counts = (numbers(code, count, 3) % 70).astype(a.dtype) if not is_signed(code) else b
        check(isa, (x << y, x >> y, x << 3, function("floor", x)), a, counts)
    check(isa, formulas, a, b)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("code", CODES)
def test_every_conversion(code, isa):
    a = numbers(code, 203, 4)
    targets = [target for target in CODES if not (target == "u64" and is_float(code))]
    check(isa, tuple([cast(x, target) for target in targets]), a)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("pair", [("f32", "i64"), ("f16", "bf16"), ("u8", "i8"), ("b1", "f64"), ("i16", "f16")])
def test_dtypes_that_meet(pair, isa):
    check(isa, (x + y, x * y, x < y, where(x, x, y)), numbers(pair[0], 99, 5), numbers(pair[1], 99, 6))


# -- layouts


@st.composite
def arranged(draw, shape, code, seed):
    """An array that broadcasts to a shape: its axes in any order in memory, cut, reversed, of one entry or left out."""
    own = [draw(st.sampled_from([n, n, n, 1])) for n in shape]
    order = draw(st.permutations(range(len(own))))
    steps_ = [draw(st.sampled_from([1, 1, 1, 2, -1])) for _ in own]
    wide = [own[axis] * abs(steps_[axis]) for axis in order]
    array = numbers(code, max(1, math.prod(wide)), seed)[: math.prod(wide)].reshape(wide)
    array = array.transpose(np.argsort(order).tolist()) if own else array.reshape(())
    array = array[tuple([slice(None, None, step) for step in steps_])]
    cut = draw(st.integers(0, next((i for i, n in enumerate(own) if n != 1), len(own))))
    return array.reshape(array.shape[cut:]) if array.size else array


PROGRAMS = [
    ((x * y + 1.0, x > y), "f32 f32"),
    ((x + y,), "f16 f32"),
    ((where(z, x, y),), "f64 f64 b1"),
    ((maximum(x, y), x & y), "u8 u8"),
    ((where(x > 0, y, 0), x - y), "bf16 bf16"),
    ((where(y, x, -x),), "i32 b1"),
]


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("formulas, codes", PROGRAMS, ids=[str(codes) for _, codes in PROGRAMS])
@settings(max_examples=60)
@given(data=st.data())
def test_every_layout(isa, formulas, codes, data):
    shape = data.draw(
        st.lists(st.sampled_from([0, 1, 2, 3, 5, 17, 33]), max_size=4).filter(lambda s: math.prod(s) < 20000)
    )
    if data.draw(st.integers(0, 3)):
        shape = [n or 4 for n in shape]
    arrays = [data.draw(arranged(shape, code, 7 + n)) for n, code in enumerate(codes.split())]
    check(isa, formulas, *arrays)


@pytest.mark.parametrize("isa", ISAS)
@settings(max_examples=60)
@given(data=st.data())
def test_results_where_they_are_told(isa, data):
    """In memory with any strides, one of the inputs' own among them."""
    shape = data.draw(st.lists(st.sampled_from([1, 2, 3, 17, 40]), min_size=1, max_size=3))
    a = data.draw(arranged(shape, "f32", 3))
    b = data.draw(arranged(shape, "f32", 4))
    wide = np.broadcast_shapes(a.shape, b.shape)
    wanted = reference.pointwise((x - y, x < y), a, b)
    order = data.draw(st.permutations(range(len(wide))))
    own = np.zeros([2 * wide[axis] for axis in order], np.float32).transpose(np.argsort(order).tolist())
    own = own[(..., *[slice(None, None, data.draw(st.sampled_from([2, -2]))) for _ in wide])]
    if data.draw(st.booleans()):
        own[...] = a
        a = own
    less = np.zeros(wide, bool)
    call = prepared(isa, (x - y, x < y), (a, b), (own, less))
    call.run((own, less), (a, b))
    assert_same_bits(own.copy(), wanted[0].copy())
    np.testing.assert_array_equal(less, wanted[1])


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("side", ["start", "end"])
def test_nothing_beside_the_arrays(isa, side):
    for n in (1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 64, 127, 129, 1000):
        for code in ("f32", "f64", "f16", "u8"):
            a = guard.guarded_copy(numbers(code, n * 5, n), side)
            square, transposed = a.reshape(5, n), guard.guarded_copy(numbers(code, n * 5, n), side).reshape(n, 5).T
            column = guard.guarded_copy(numbers(code, 5, n), side)[:, None]
            with guard.guarding(side):
                for arrays in (
                    (a, a),
                    (square, transposed),
                    (transposed, square),
                    (square, column),
                    (square[:, ::2], column),
                ):
                    check(isa, (maximum(x, y), x > y), *arrays)


@pytest.mark.parametrize("isa", ISAS)
def test_any_number_of_threads(isa, monkeypatch):
    monkeypatch.setattr(Work, "pays", lambda *_: True)
    monkeypatch.setattr(runtime, "team_size", lambda: 3)
    for shape in ((300_000,), (7, 60, 999), (40_000, 3), (3, 5, 4, 2000)):
        a, b = (numbers("f32", math.prod(shape), seed).reshape(shape) for seed in (1, 2))
        check(isa, (x * y, x < y), a, b)
        check(isa, (x * y, x < y), a, b[0])
        check(isa, (x * y,), a, np.ascontiguousarray(b.T).T)


def test_subnormals_are_as_this_thread_has_them(monkeypatch):
    from rushlight.runtime.subnormals import set_flush_denormal

    monkeypatch.setattr(runtime, "team_size", lambda: 3)
    tiny = np.full(1 << 20, 1e-40, np.float32)
    for a in (tiny, tiny[:100]):
        call = prepared(Target.host().isa, (x + x,), (a,))
        assert set_flush_denormal(True)
        try:
            (flushed,) = call((a,))
        finally:
            set_flush_denormal(False)
        assert not flushed.any() and call((a,))[0].all()


@pytest.mark.parametrize("code", ["f64", "f32"])
def test_what_is_not_compiled_is_refused(code):
    a = numbers(code, 5, 1)
    for formula in (function("atan2", x, y), cast(x, "u64"), function("fmod", x, y)):
        with pytest.raises(Refusal, match=r"compiled|converted"):
            prepared("avx2", (formula,), (a, a))
    with pytest.raises(Refusal, match="byte order"):
        prepared("avx2", (x + 1,), (a.astype(a.dtype.newbyteorder()),))
    with pytest.raises(Refusal, match="more than once"):
        prepared("avx2", (x + 1,), (a,), (np.broadcast_to(a[:1], (5,)),))


def test_functions_have_definitions():
    assert set(steps.FUNCTIONS) <= set(reference.pointwise.__globals__["_OPERATIONS"])


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("code", FLOATS)
def test_functions(code, isa):
    """Within a few units of the definition's; how near, `test_mathematics` says."""
    one = numbers(code, 300, 8)
    base, power = abs(numbers(code, 300, 9)), numbers(code, 300, 10)
    names = [name for name in FUNCTIONS if name in steps.FUNCTIONS]
    formulas = (*[function(name, x) for name in names], x**y, x * function("sigmoid", x))
    unit = {"f64": 1e-15, "f32": 5e-7, "f16": 1e-3, "bf16": 8e-3}[code]
    within = np.linspace(-1, 1, 300).astype(one.dtype)
    for arrays in ((one, power), (base, power), (within, power)):
        found, wanted = prepared(isa, formulas, arrays)(arrays), reference.pointwise(formulas, *arrays)
        for formula, a, b in zip(formulas, found, wanted, strict=True):
            a, b = a.astype(np.float64), b.astype(np.float64)
            tiny = {"f64": 1e-300, "f32": 1e-37, "f16": 1e-7, "bf16": 1e-37}[code]
            np.testing.assert_allclose(a, b, rtol=4 * unit, atol=tiny, err_msg=f"{formula} {isa}")
