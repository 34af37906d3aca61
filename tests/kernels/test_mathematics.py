"""Vector functions: units in the last place, special values, and the same bits from every machine with fma."""

import functools
import re

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from rushlight.compiler import compiler
from rushlight.kernels.mathematics import FUNCTIONS, FUNCTIONS_OF_TWO
from rushlight.language.ir import Module, f32, f64, ptr
from rushlight.plan.target import Target
from tests import instruction_sets

from .mathematics import BOUND, BY_NUMBER, REFERENCE, errors, run

ISAS = instruction_sets.asked()
FUSED = [isa for isa in instruction_sets.every() if Target.named(isa).fma]
INF, NAN = np.inf, np.nan
SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 1.5, -1.5, 3.0, INF, -INF, NAN]
# Ends of the functions and of their parts.
ENDS = [0.6, 0.922, 1.0, 4.0, 6.0, 8e5, 27.3, 10.06, 1 / 2**0.5, 2**0.5, 2**0.5 - 1, 2**0.5 + 1]
ENDS += [0.9990341, 0.99999994, 0.9999998874648253, 1 - 2.0**-53]
ENDS += [88.72284, 89.41599, 103.97208, 709.782712893384, 710.4758600739439, 745.1332191019411, 149.0, 1074.0, 17.5]


def around(numbers, kind):
    """Numbers, their negatives and their neighbours."""
    found = np.array(numbers, kind)
    found = np.concatenate([found, -found])
    with np.errstate(all="ignore"):
        return np.concatenate([found, np.nextafter(found, kind(INF)), np.nextafter(found, kind(-INF))])


@functools.cache
def singles():
    """float32 numbers: a stride through all, and those where something ends."""
    with np.errstate(invalid="ignore"):
        strided = np.arange(0, 1 << 32, 4093, dtype=np.uint64).astype(np.uint32).view(np.float32)
    tiny = np.finfo(np.float32)
    edges = around([*ENDS, tiny.tiny, tiny.smallest_subnormal, tiny.max, tiny.eps], np.float32)
    return np.concatenate([strided, edges, np.array(SPECIAL, np.float32)])


@functools.cache
def doubles():
    """float64 numbers of all sizes, and those where something ends."""
    rng = np.random.default_rng(0)
    tiny = np.finfo(np.float64)
    sizes = np.exp2(rng.uniform(-1080, 1024, 8000))
    return np.concatenate(
        [
            sizes, -sizes, rng.uniform(-1, 1, 8000), rng.uniform(0.5, 2, 8000), rng.normal(size=8000) * 8,
            rng.uniform(-760, 760, 8000), np.exp2(rng.uniform(-60, 4, 4000)), rng.uniform(0, 28, 8000),
            around([*ENDS, tiny.tiny, tiny.smallest_subnormal, tiny.max, tiny.eps, 2.0**52], np.float64),
            around([np.pi / 2, np.pi, 3 * np.pi, 355.0], np.float64), SPECIAL,
        ]
    )  # fmt: skip


@functools.cache
def exact(name, numbers, wide):
    with np.errstate(all="ignore"):
        return REFERENCE[name](numbers().astype(np.float64 if name in BY_NUMBER else wide))


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_float32(name, isa):
    off = errors(run(name, isa, singles()), exact(name, singles, np.float64))
    assert off.max() <= BOUND[np.float32], singles()[off.argmax()]


@pytest.mark.skipif(np.finfo(np.longdouble).nmant < 63, reason="needs a float of more bits to compare with")
@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_float64(name, isa):
    off = errors(run(name, isa, doubles()), exact(name, doubles, np.longdouble))
    assert off.max() <= BOUND[np.float64] + (name in BY_NUMBER), doubles()[off.argmax()]


@pytest.mark.parametrize("numbers", [singles, doubles])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_bits_are_those_of_every_machine_that_fuses(name, numbers):
    x = numbers()[-70_000:]
    first, *others = (run(name, isa, x) for isa in FUSED)
    for other in others:
        np.testing.assert_array_equal(first, other)
        np.testing.assert_array_equal(np.signbit(first[~np.isnan(first)]), np.signbit(other[~np.isnan(other)]))


@pytest.mark.parametrize("width", [0, 0.5, 2])
@pytest.mark.parametrize("numbers", [singles, doubles])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_bits_do_not_depend_on_the_vectors_length(name, numbers, width):
    x = numbers()[-1000:]
    np.testing.assert_array_equal(run(name, ISAS[0], x, width=width), run(name, ISAS[0], x))


@pytest.mark.parametrize("isa", instruction_sets.NATIVE)
def test_no_library_is_called(isa):
    target = Target.named(isa)
    k = Module(target)
    for of in (f32, f64):
        with k.function(f"all_{of}", [("x", ptr(of))], export=True) as (f, x):
            for place, function in enumerate(FUNCTIONS.values()):
                x[64 * place].store(function(f, x[64 * place].load(k.lanes(of))))
            for place, function in enumerate(FUNCTIONS_OF_TWO.values()):
                x[-64 * place].store(function(f, x.load(k.lanes(of)), x[64].load(k.lanes(of))))
            f.ret()
    called = re.findall(r"\b(?:callq?|jmpq?|bl?)\s+([a-zA-Z_]\w*)", compiler.assembly(k.text(), target))
    assert set(called) == {"reduce_far"}


def test_whole_results():
    for kind in BOUND:
        powers = np.arange(-126, 128).astype(kind)
        np.testing.assert_array_equal(run("log2", ISAS[0], np.ldexp(kind(1), powers.astype(int))), powers)
        np.testing.assert_array_equal(run("exp2", ISAS[0], powers), np.ldexp(kind(1), powers.astype(int)))
        tens = np.arange(0, 11 if kind is np.float32 else 23).astype(kind)
        np.testing.assert_array_equal(run("log10", ISAS[0], kind(10) ** tens), tens)
        np.testing.assert_array_equal(run("exp", ISAS[0], np.zeros(3, kind)), np.ones(3, kind))


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("kind", BOUND)
def test_pow(kind, isa):
    rng = np.random.default_rng(1)
    most = np.log(np.finfo(kind).max) * 1.05
    x = np.exp(rng.uniform(-most / 1.06, most / 1.06, 20_000)).astype(kind)
    y = (rng.uniform(-1.05, 1.05, x.size) * most / np.log(x.astype(np.float64))).astype(kind)
    near = np.concatenate([x, 1 + rng.normal(size=5000).astype(kind) / 1000, rng.integers(-9, 10, 5000).astype(kind)])
    power = np.concatenate([y, rng.normal(size=5000).astype(kind) * 1000, rng.integers(-9, 10, 5000).astype(kind)])
    with np.errstate(all="ignore"):
        wanted = np.power(near.astype(np.longdouble), power.astype(np.longdouble))
        finite = np.isfinite(wanted.astype(kind)) & (wanted.astype(kind) != 0)
    off = errors(run("pow", isa, near, power), wanted)
    assert off[finite].max() <= BOUND[kind], (near[off.argmax()], power[off.argmax()])
    assert not np.isinf(off).any()


@pytest.mark.parametrize("kind", BOUND)
def test_pow_at_special_values(kind):
    whole = [2.0**23, 2.0**23 + 1, 2.0**24, 2.0**24 - 1, 2.0**52 + 1, 2.0**53 - 1, 2.0**53, 4194304.5]
    numbers = np.array([*SPECIAL, *whole, *(-x for x in whole), -3.0, 1e300, 1e-300, 5e-324], np.float64)
    with np.errstate(all="ignore"):
        x, y = (a.ravel().copy() for a in np.meshgrid(numbers.astype(kind), numbers.astype(kind)))
        wanted = np.power(x.astype(np.longdouble), y.astype(np.longdouble))
    for isa in ISAS:
        off = errors(run("pow", isa, x, y), wanted)
        assert off.max() <= BOUND[kind], (x[off.argmax()], y[off.argmax()])
