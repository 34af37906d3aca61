"""What the language's verbs compute, on every instruction set that this machine runs, against NumPy."""

import numpy as np
import pytest

from rushlight.language.ir import bf16, f16, f32, f64, i16, i32, i64, i128, ptr, vec

from .machine import RUNNABLE, emit, load, run

targets = pytest.mark.parametrize("target", RUNNABLE)
NUMPY = {"f32": np.float32, "f64": np.float64, "i32": np.int32, "i64": np.int64}


@targets
@pytest.mark.parametrize("n", [0, 1, 7, 16, 33, 100])
def test_masked_loops_touch_nothing_beyond(target, n):
    x, y = np.arange(128, dtype=np.float32), np.full(128, -1, np.float32)

    def body(f, p):
        lanes = f.module.lanes(f32)
        with f.loop(0, p.n, lanes) as i:
            mask = f.mask(p.n - i, lanes)
            p.y[i].store(p.x[i].load(lanes, mask=mask) * 2.0 + 1.0, mask=mask)

    run(target, body, (x, y, n), x=ptr(f32), y=ptr(f32), n=i64)
    np.testing.assert_array_equal(y[:n], x[:n] * 2 + 1)
    assert (y[n:] == -1).all()


@targets
@pytest.mark.parametrize("of", [f32, f64, i32, i64, f16, bf16], ids=str)
@pytest.mark.parametrize("count", [-3, 0, 1, 3, 5, 9])
def test_masks_of_every_width(target, of, count):
    lanes = target.vector_bytes // of.bytes
    x, y = np.arange(1, 65, dtype=f"u{of.bytes}"), np.zeros(64, f"u{of.bytes}")

    def body(f, p):
        mask = f.mask(p.n, lanes, of)
        p.y.store(p.x.load(lanes, mask=mask), mask=mask)

    run(target, body, (x, y, count), x=ptr(of), y=ptr(of), n=i64)
    kept = min(max(count, 0), lanes)
    np.testing.assert_array_equal(y, np.where(np.arange(64) < kept, x, 0))


@targets
@pytest.mark.parametrize("of", [f32, f64, i32, f16], ids=str)
@pytest.mark.parametrize("lanes", [2, 4, 8, 16])
def test_transpose(target, of, lanes):
    kind = f"i{of.bytes}"
    x, y = np.arange(lanes * lanes, dtype=kind), np.zeros(lanes * lanes, kind)

    def body(f, p):
        rows = [p.x[r * lanes].load(lanes) for r in range(lanes)]
        for r, column in enumerate(f.transpose(rows)):
            p.y[r * lanes].store(column)

    run(target, body, (x, y), x=ptr(of), y=ptr(of))
    np.testing.assert_array_equal(y.reshape(lanes, lanes), x.reshape(lanes, lanes).T)


@targets
def test_transpose_of_fewer_rows(target):
    x, y = np.arange(24, dtype=np.float32), np.zeros(64, np.float32)

    def body(f, p):
        for r, column in enumerate(f.transpose([p.x[r * 8].load(8) for r in range(3)])):
            p.y[r * 8].store(column)

    run(target, body, (x, y), x=ptr(f32), y=ptr(f32))
    np.testing.assert_array_equal(y.reshape(8, 8)[:, :3], x.reshape(3, 8).T)


@targets
def test_shuffles(target):
    x, y = np.arange(16, dtype=np.float32), np.zeros((8, 8), np.float32)

    def body(f, p):
        a, b = p.x.load(8), p.x[8].load(8)
        low, high = f.interleave(a, b)
        even, odd = f.deinterleave(a, b)
        lane, gathered = f.lane(a, 3), f.gather(p.x, 2, 8, 5)
        reverse = f.shuffle(a, b, range(15, 7, -1))
        both = f.concat(f.part(a, 4, 4), f.part(b, 0, 4))
        for r, row in enumerate((low, high, even, odd, lane, gathered, reverse, both)):
            p.y[8 * r].store(row)

    run(target, body, (x, y), x=ptr(f32), y=ptr(f32))
    a, b = x[:8], x[8:]
    low_high = np.stack([a, b], 1).ravel()
    expected = [low_high[:8], low_high[8:], x[::2], x[1::2], [3] * 8, [0, 2, 4, 6, 8, 0, 0, 0], b[::-1], x[4:12]]
    np.testing.assert_array_equal(y, np.array(expected))


@targets
def test_arithmetic_of_integers(target):
    y = np.zeros(20, np.int64)

    def body(f, p):
        a, b = p.a, p.b
        answers = [a + b, a - b, b - a, a * b, a // b, a % b, a << 2, a >> 1, a & b, a | b, a ^ b, 100 - a, 100 // a]
        answers += [f.min(a, b), f.max(a, 50), f.ceil_div(a, b), f.select(a > b, a, 7), -a, f.select(a == 37, 1, 0)]
        for i, value in enumerate(answers):
            p.y[i].store(value)

    run(target, body, (y, 37, 5), y=ptr(i64), a=i64, b=i64)
    a, b = 37, 5
    expected = [
        a + b,
        a - b,
        b - a,
        a * b,
        a // b,
        a % b,
        a << 2,
        a >> 1,
        a & b,
        a | b,
        a ^ b,
        63,
        2,
        5,
        50,
        8,
        37,
        -37,
        1,
    ]
    assert y[:19].tolist() == expected


@targets
def test_integers_that_overflow(target):
    y, most = np.zeros(6, np.int64), 2**63 - 1

    def body(f, p):
        wide = p.a.unsigned_to(i128).wrapping("*", p.b.unsigned_to(i128))
        answers = [p.a.wrapping("+", p.b), p.b.wrapping("-", p.a), p.a.wrapping("*", 3), (wide >> 64).to(i64)]
        answers += [wide.to(i64), f.const(i32, -1).unsigned_to(i64)]
        for i, value in enumerate(answers):
            p.y[i].store(value)

    run(target, body, (y, most, -2), y=ptr(i64), a=i64, b=i64)
    product = most * (2**64 - 2)
    low = product % 2**64
    assert y.tolist()[:3] == [most - 2, (-2 - most + 2**63) % 2**64 - 2**63, (3 * most + 2**63) % 2**64 - 2**63]
    assert y.tolist()[3:] == [product >> 64, low - (low >> 63 << 64), 2**32 - 1]


def test_constants_need_no_instructions():
    def body(f, p):
        before = len(f._lines)
        assert (p.n * 0, p.n & 0, p.n % 1) == (0, 0, 0)
        assert p.n + 0 is p.n and 0 + p.n is p.n and p.n * 1 is p.n and p.n // 1 is p.n and p.n << 0 is p.n
        assert f.min(3, 4) == 3 and f.ceil_div(9, 4) == 3 and f.select(3 < 4, 1, 2) == 1
        assert f.mask(16, 16) is None
        with f.if_(3 < 4), f.loop(5, 6) as i:
            assert i == 5
        with f.loop(0, 8, 8) as i:
            assert i == 0
        assert len(f._lines) == before

    emit(RUNNABLE[0].values[0], body, n=i64)


def test_python_cannot_decide_what_the_kernel_must():
    def body(f, p):
        with pytest.raises(TypeError, match="use f"):
            assert p.n < 3
        with pytest.raises(TypeError, match="convert one"):
            p.n + p.n.to(i32)
        with pytest.raises(TypeError, match="a f64 into memory of f32"):
            p.x.store(p.n.to(f64))
        with pytest.raises(TypeError, match="widen halves"):
            p.h.load() + p.h.load()
        with pytest.raises(SyntaxError, match="else_"), f.else_():
            pass

    emit(RUNNABLE[0].values[0], body, n=i64, x=ptr(f32), h=ptr(f16))


@targets
def test_branches_and_variables(target):
    y = np.zeros(8, np.int64)

    def body(f, p):
        total = f.var(i64, 0)
        with f.loop(0, p.n) as i:
            with f.if_(i % 2 == 0):
                total.value = total.value + i
            with f.else_():
                with f.if_(i > 5):
                    total.value = total.value + 100
        p.y[0].store(total.value)
        for case, known in enumerate((True, False)):
            with f.if_(known):
                p.y[1 + case].store(1)
            with f.else_():
                p.y[1 + case].store(2)
        where = f.var(ptr(i64), p.y[3])
        with f.loop(0, 3):
            where.value.store(5)
            where.value = where.value[1]
        with f.loop(9, 9):
            p.y[6].store(1)
        with f.loop(p.n, 4):
            p.y[7].store(1)

    run(target, body, (y, 9), y=ptr(i64), n=i64)
    assert y.tolist() == [20 + 100, 1, 2, 5, 5, 5, 0, 0]


@targets
def test_functions_call_each_other(target):
    from rushlight.language.ir import Module, Params

    y, k, params = np.zeros(4, np.float32), Module(target), Params(y=ptr(f32), n=i64)
    with k.function("twice", [("x", f32)], returns=f32, inline=False) as (twice, x):
        twice.ret(x * 2.0)
    with k.function("fill", [("y", ptr(f32)), ("value", f32)], inline=True) as (fill, where, value):
        where.store(value)
    with k.kernel("k", params) as (f, p):
        table = k.table(f, f32, [1.5, 2.5, 3.5])
        with f.loop(0, p.n) as i:
            f.call(fill, p.y[i], f.call(twice, table[i].load()))
    words = params.pack(y=y, n=3)
    load(k)["k"].call(words.buffer_info()[0])
    assert y.tolist() == [3, 5, 7, 0]


@targets
def test_parts_of_a_module_share_functions(target):
    defined = []

    def define(module, name):
        defined.append(name)
        with module.function(name, [("x", i64)], returns=i64, inline=False) as (thrice, x):
            thrice.ret(x * 3)
        return thrice

    y = np.zeros(2, np.int64)

    def body(f, p):
        for i in range(2):
            p.y[i].store(f.call(f.module.shared("thrice", define), p.n + i))

    run(target, body, (y, 5), y=ptr(i64), n=i64)
    assert y.tolist() == [15, 18] and defined == ["thrice"]


@targets
def test_fma_is_one_rounding_where_there_is_one(target):
    y = np.zeros(4, np.float32)
    a = np.float32(1 + 2**-12)

    def body(f, p):
        x = f.const(vec(f32, 4), 0.0) + p.x.broadcast(4)
        p.y.store(f.fma(x, x, f.const(vec(f32, 4), -1.0)))

    run(target, body, (np.array([a]), y), x=ptr(f32), y=ptr(f32))
    exact = np.float64(a) * np.float64(a) - 1
    assert (y == np.float32(exact if target.fma else a * a - np.float32(1))).all()


@targets
def test_max_lets_nan_of_the_second_pass(target):
    x, y = np.array([-1, 2, np.nan, -0.0], np.float32), np.zeros(4, np.float32)
    run(target, lambda f, p: p.y.store(f.max(0.0, p.x.load(4))), (x, y), x=ptr(f32), y=ptr(f32))
    np.testing.assert_array_equal(y, [0, 2, np.nan, 0])


@targets
def test_sums_and_roots(target):
    x, y = np.arange(8, dtype=np.float64), np.zeros(2, np.float64)

    def body(f, p):
        v = p.x.load(8)
        p.y.store(f.sum_lanes(v))
        p.y[1].store(f.sqrt(f.abs(-v[4])))

    run(target, body, (x, y), x=ptr(f64), y=ptr(f64))
    assert y.tolist() == [28, 2]


@targets
@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 9])
@pytest.mark.parametrize("lanes", [4, 16])
def test_sums_of_several_vectors(target, count, lanes):
    x, y = np.arange(count * lanes, dtype=np.float32), np.zeros(count, np.float32)

    def body(f, p):
        for i, total in enumerate(f.sum_each([p.x[i * lanes].load(lanes) for i in range(count)])):
            p.y[i].store(total)

    run(target, body, (x, y), x=ptr(f32), y=ptr(f32))
    np.testing.assert_array_equal(y, x.reshape(count, lanes).sum(axis=1))


@targets
def test_whether_any_lane_holds(target):
    x, y = np.array([0, 0, 5, 0, 0, 0, 0, 0], np.float32), np.zeros(2, np.int64)

    def body(f, p):
        for i in range(2):
            p.y[i].store(f.select(f.any_lane(p.x[4 * i].load(4) > 1), 1, 0))

    run(target, body, (x, y), x=ptr(f32), y=ptr(i64))
    assert y.tolist() == [1, 0]


# -------------------------------------------------------------------- halves

SPECIAL = np.array([0, -0.0, 1, -1, 65504, 65519, 65520, 1e9, np.inf, -np.inf, np.nan, 2**-14, 2**-24, 2**-25,
                    1.5 * 2**-25, 3e-8, 1e-30, 0.1, 1 / 3, 2049, 2051, 3.4028235e38, 1e38], np.float32)  # fmt: skip


def every_half():
    return np.arange(65536, dtype=np.uint16)


@targets
@pytest.mark.parametrize("of", [f16, bf16], ids=str)
def test_widening_is_exact_for_all_halves(target, of):
    x, y = every_half(), np.zeros(65536, np.float32)

    def body(f, p):
        with f.loop(0, 65536, 8) as i:
            p.y[i].store(p.x[i].load(8).to(f32))

    run(target, body, (x, y), x=ptr(of), y=ptr(f32))
    wide = x.view(np.float16).astype(np.float32) if of is f16 else (x.astype(np.uint32) << 16).view(np.float32)
    # bfloat16 subnormals are float32 subnormals: moved as bits, not flushed.
    np.testing.assert_array_equal(np.isnan(y), np.isnan(wide))
    np.testing.assert_array_equal(y[~np.isnan(wide)].view(np.uint32), wide[~np.isnan(wide)].view(np.uint32))


@targets
@pytest.mark.parametrize("of", [f16, bf16], ids=str)
def test_narrowing_rounds_to_nearest_even(target, of):
    random = np.random.default_rng(0).integers(0, 2**32, 4096, np.uint32).view(np.float32)
    near = np.arange(0x7C00, dtype=np.uint16)[1::32].view(np.float16).astype(np.float32)
    x = np.concatenate([SPECIAL, random, near, near * np.float32(1 + 2**-12)])
    # Kernels flush float32 subnormals, where bfloat16 has some, too.
    x = np.resize(x[(np.abs(x) >= 2.0**-126) | (x == 0) | np.isnan(x)], 5120)
    y = np.zeros(x.size, np.uint16)

    def body(f, p):
        with f.loop(0, x.size, 8) as i:
            p.y[i].store(p.x[i].load(8).to(of))

    run(target, body, (x, y), x=ptr(f32), y=ptr(of))
    if of is f16:
        with np.errstate(all="ignore"):
            expected, nan = x.astype(np.float16).view(np.uint16), (y & 0x7FFF) > 0x7C00
    else:
        ml_dtypes = pytest.importorskip("ml_dtypes")
        with np.errstate(all="ignore"):
            expected, nan = x.astype(ml_dtypes.bfloat16).view(np.uint16), (y & 0x7FFF) > 0x7F80
    np.testing.assert_array_equal(nan, np.isnan(x))
    np.testing.assert_array_equal(y[~nan], expected[~nan])


@targets
def test_conversions_of_numbers(target):
    y, z = np.zeros(8, np.float64), np.zeros(8, np.int64)

    def body(f, p):
        n = p.n
        p.y.store(n.to(f32).to(f64))
        p.y[1].store(n.to(i32).to(f64) + 0.5)
        p.z.store(f.const(f64, -2.7).to(i64))
        p.z[1].store(n.to(i16).to(i64))
        p.z[2].store((n > 3).to(i64))
        p.z[3].store(f.const(f32, 1.0).bits(i32).to(i64))

    run(target, body, (y, z, -70000), y=ptr(f64), z=ptr(i64), n=i64)
    assert y[:2].tolist() == [-70000, -69999.5]
    assert z[:4].tolist() == [-2, -4464, 0, 0x3F800000]


# -------------------------------------------------------------------- subnormals


@targets
def test_subnormals_are_flushed_inside_and_live_outside(target):
    tiny = np.full(4, 1e-40, np.float32)
    y = np.ones(4, np.float32)
    run(target, lambda f, p: p.y.store(p.x.load(4) * 2.0), (tiny, y), x=ptr(f32), y=ptr(f32))
    assert (y == 0).all()
    assert (tiny * np.float32(2) > 0).all(), "the caller's mode is restored"
