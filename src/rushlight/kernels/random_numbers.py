"""From random words to numbers: each kernel fills a flat array, its blocks taken by the threads of a team.

In: tempered words, as `random_words` makes them. Out: the numbers of one distribution, in order. What is computed, and
how it is rounded, is that of `backends.reference.draws`; the bits are the same on every instruction set.

Logarithms, sines and cosines of float64 are the C library's, called by address: PyTorch calls the same ones, so that
its bits are the same on any machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from math import pi

from ..language.ir import Fields, Function, Module, Params, Pointer, Type, Value, f32, f64, i32, i64, ptr, vec
from ..rules.polynomials import TWO_PI
from .box_muller import standard_normal
from .fused import fused

BLOCK = 2048
"""Numbers that a thread takes at once."""

GROUP = 16
"""Numbers of one group of the Box–Muller transform: the first half gives the radii, the other the angles."""


def params(of: Type, **fields: Type) -> Params:
    """The words of a kernel that writes numbers of type `of`."""
    return Params(words=ptr(i32), out=ptr(of), count=i64, **fields)


UNIFORM = {"low": f64, "width": f64, "high": f64}
NORMAL = {"mean": f64, "std": f64}
BLOCK_NORMAL = {**NORMAL, "log": i64, "sin": i64, "cos": i64}
PAIRED_NORMAL = {**NORMAL, "log1p": i64, "sin": i64, "cos": i64}
"""Where the library has `sincos`, which does the work of both, that is `sin`."""
BERNOULLI = {"probability": f64, "one": i64}
EXPONENTIAL = {"factor": f64, "log1p": i64}
CAUCHY = {"median": f64, "sigma": f64, "tan": i64}
GEOMETRIC = {"divisor": f64, "log": i64, "ceil": i64}
INTEGERS = {"low": i64, "span": i64}
POWERS = {"exp": i64}
SHUFFLE = Params(words=ptr(i32), order=ptr(i32), partners=ptr(i32), start=i64, stop=i64, total=i64)


# -------------------------------------------------------------------- uniforms


def unit_float32(words: Value) -> Value:
    """Uniform float32 in [0, 1): 24 bits of a word."""
    return (words & 0xFFFFFF).to(f32) * 2.0**-24


def unit_float64(pairs: Value) -> Value:
    """Uniform float64 in [0, 1): 53 bits of two words, the first of which (the lower half here) is the higher one."""
    high, low = pairs & 0x1FFFFF, pairs >> 32
    # An integer below 2⁵² becomes a float64 where it is put behind the exponent of 2⁵², or in units of 2³² of 2⁸⁴.
    low = (low | _bits_of(2.0**52)).bits(f64) - 2.0**52
    high = (high | _bits_of(2.0**84)).bits(f64) - 2.0**84
    return (high + low) * 2.0**-53


def _bits_of(number: float) -> int:
    """The bits of a positive power of two in float64."""
    _, exponent = number.hex().split("p")
    return (int(exponent) + 1023) << 52


def _unit(f: Function, p: Fields, of: Type, i: Value, lanes: int) -> Value:
    """The uniform numbers from the i-th on, in the type in which numbers of type `of` are computed."""
    if of.bits == 64:
        return unit_float64(p.words.to(i64)[i].load(lanes, align=4))
    return unit_float32(p.words[i].load(lanes))


# -------------------------------------------------------------------- kernels


@contextmanager
def _items(k: Module, name: str, of: Type, fields: dict[str, Type]) -> Iterator[tuple]:
    """A kernel; gives the function, its words, and the first and last number of a block that a thread takes."""
    with (
        k.kernel(name, params(of, **fields), flushed=False) as (f, p),
        f.dynamic_loop(p.next, f.ceil_div(p.count, BLOCK)) as item,
    ):
        start = item * BLOCK
        yield f, p, start, f.min(start + BLOCK, p.count)


def _each(
    f: Function, start: Value | int, stop: Value, lanes: int, make: Callable[[int], Callable[[Value], None]]
) -> None:
    """`make(lanes)(i)` for whole vectors, `make(0)(i)` for single numbers; `make` emits what all have in common."""
    whole = start + (stop - start) // lanes * lanes
    for width, first, end in ((lanes, start, whole), (0, whole, stop)):
        draw = make(width)
        with f.loop(first, end, width or 1) as i:
            draw(i)


def _splat(number: Value, of: Type, lanes: int) -> Value:
    number = number.to(of)
    return number.splat(lanes) if lanes else number


def emit_uniform(k: Module, of: Type) -> None:
    """Exports `uniform`:  out = u·width + low, rounded once; low where rounding has reached `high`."""
    number = f64 if of is f64 else f32
    with _items(k, "uniform", of, UNIFORM) as (f, p, start, stop):

        def make(lanes: int) -> Callable[[Value], None]:
            low, width, high = (_splat(value, number, lanes) for value in (p.low, p.width, p.high))
            # Halves are compared as numbers of their type, which are exact in float32.
            least, limit = (low.to(of), high.to(of).to(f32)) if of.kind == "h" else (low, high)

            def draw(i: Value) -> None:
                drawn = fused(f, _unit(f, p, number, i, lanes), width, low).to(of)
                reached = (drawn.to(f32) if of.kind == "h" else drawn) >= limit
                p.out[i].store(f.select(reached, least, drawn))

            return draw

        _each(f, start, stop, k.lanes(number), make)


def emit_bernoulli(k: Module, of: Type) -> None:
    """Exports `bernoulli`:  out = the bits `one` where u < probability, else 0; `of` is an integer of numbers' size."""
    with _items(k, "bernoulli", of, BERNOULLI) as (f, p, start, stop):

        def make(lanes: int) -> Callable[[Value], None]:
            probability, one = _splat(p.probability, f64, lanes), _splat(p.one, of, lanes)
            zero = f.const(one.type, 0)

            def draw(i: Value) -> None:
                p.out[i].store(f.select(_unit(f, p, f64, i, lanes) < probability, one, zero))

            return draw

        _each(f, start, stop, k.lanes(f32), make)


def chances(of: Type) -> dict[str, Type]:
    """The fields of `bernoulli_each`, whose probabilities are of that type."""
    return {"chances": ptr(of), "one": i64}


def emit_bernoulli_each(k: Module, of: Type, chance: Type) -> None:
    """Exports `bernoulli_each`:  out = the bits `one` where u < chances, else 0."""
    number = f64 if chance is f64 else f32
    with _items(k, "bernoulli_each", of, chances(chance)) as (f, p, start, stop):

        def make(lanes: int) -> Callable[[Value], None]:
            one = _splat(p.one, of, lanes)
            zero = f.const(one.type, 0)

            def draw(i: Value) -> None:
                below = _unit(f, p, number, i, lanes) < p.chances[i].load(lanes).to(number)
                p.out[i].store(f.select(below, one, zero))

            return draw

        _each(f, start, stop, k.lanes(f32), make)


def emit_exponential(k: Module, of: Type) -> None:
    """Exports `exponential`:  out = factor · ln(1 − u)."""
    with _items(k, "exponential", of, EXPONENTIAL) as (f, p, start, stop), f.loop(start, stop) as i:
        log = f.call_address(p.log1p, -_unit(f, p, f64, i, 0), returns=f64)
        p.out[i].store(_narrowed(p.factor * log, of))


def emit_cauchy(k: Module, of: Type) -> None:
    """Exports `cauchy`:  out = tan(π(u − ½)) · sigma + median, rounded once."""
    with _items(k, "cauchy", of, CAUCHY) as (f, p, start, stop), f.loop(start, stop) as i:
        tangent = f.call_address(p.tan, (_unit(f, p, f64, i, 0) - 0.5) * pi, returns=f64)
        p.out[i].store(_narrowed(fused(f, tangent, p.sigma, p.median), of))


def emit_geometric(k: Module, of: Type) -> None:
    """Exports `geometric`:  out = ⌈ln u / divisor⌉, as an integer where `of` is one."""
    with _items(k, "geometric", of, GEOMETRIC) as (f, p, start, stop), f.loop(start, stop) as i:
        log = f.call_address(p.log, f.max(5e-324, _unit(f, p, f64, i, 0)), returns=f64)
        trials = f.call_address(p.ceil, log / p.divisor, returns=f64)
        p.out[i].store(trials.to(i64).to(of) if of.kind == "i" else _narrowed(trials, of))


def emit_powers(k: Module, of: Type) -> None:
    """Exports `powers`:  out = e to the power of the float64 numbers that lie in the place of the words."""
    with _items(k, "powers", of, POWERS) as (f, p, start, stop), f.loop(start, stop) as i:
        p.out[i].store(_narrowed(f.call_address(p.exp, p.words.to(f64)[i].load(), returns=f64), of))


def emit_integers(k: Module, of: Type, long: bool) -> None:
    """Exports `integers`:  out = low + word modulo span; the word has 64 bits where `long`."""
    with _items(k, "integers", of, INTEGERS) as (f, p, start, stop):
        if long:
            with f.loop(start, stop) as i:
                pair = p.words.to(i64)[i].load(align=4)
                p.out[i].store(_shifted(((pair << 32) | (pair >> 32)) % p.span, p.low).to(of))
            return
        span = _as_float(f, p.span)

        def make(lanes: int) -> Callable[[Value], None]:
            divisor, low = (value.splat(lanes) if lanes else value for value in (span, p.low))
            inverse = 1.0 / divisor

            def draw(i: Value) -> None:
                rest = _modulo(f, _word_as_float(f, p.words[i], lanes), divisor, inverse)
                p.out[i].store(_shifted(_integer(f, rest), low).to(of))

            return draw

        _each(f, start, stop, k.lanes(i32), make)


def _shifted(number: Value, low: Value) -> Value:
    """The sum modulo 2⁶⁴."""
    return number.f.emit(number.type, f"add {number.type.text} {number.text}, {low.text}")


def emit_block_normal(k: Module, of: Type, both: bool = False) -> None:
    """Exports `block_normal`, by groups of 16 uniforms: 8 radii and 8 angles. float64 calls the C library; the
    narrower types are float32's vectors."""
    with _items(k, "block_normal", of, BLOCK_NORMAL) as (f, p, start, stop):
        if of is f64:
            with f.loop(start, stop, GROUP) as group, f.loop(0, GROUP // 2) as j:
                _pair_of_block(f, p, group + j, both)
            return
        whole = start + (stop - start) // (2 * GROUP) * (2 * GROUP)
        with f.loop(start, whole, 2 * GROUP) as i:
            _two_groups(f, p, i, of)
        with f.if_(whole < stop):
            words = p.words[whole].load(GROUP)
            for offset, half in enumerate(_scaled(f, p, _halves(f, words), of)):
                p.out[whole + offset * (GROUP // 2)].store(half)


def _two_groups(f: Function, p: Fields, i: Value, of: Type) -> None:
    """Two groups in vectors of 16 numbers."""
    a, b = (p.words[i + offset].load(GROUP) for offset in (0, GROUP))
    (a_radial, a_angular), (b_radial, b_angular) = _halves(f, a), _halves(f, b)
    cosine, sine = _scaled(f, p, (f.concat(a_radial, b_radial), f.concat(a_angular, b_angular)), of)
    for offset, half in ((0, 0), (GROUP, GROUP // 2)):
        both = [f.part(value, half, GROUP // 2) for value in (cosine, sine)]
        p.out[i + offset].store(f.concat(*both))


def _halves(f: Function, words: Value) -> tuple[Value, Value]:
    return f.part(words, 0, GROUP // 2), f.part(words, GROUP // 2, GROUP // 2)


def _scaled(f: Function, p: Fields, words: tuple[Value, Value], of: Type) -> list[Value]:
    """The normal numbers of words for radii and angles: those of cosines, those of sines."""
    lanes = words[0].type.lanes
    std, mean = (_splat(value, f32, lanes) for value in (p.std, p.mean))
    standard = standard_normal(f, *(unit_float32(some) for some in words))
    return [fused(f, value, std, mean).to(of) for value in standard]


def _pair_of_block(f: Function, p: Fields, i: Value, both: bool) -> None:
    log = f.call_address(p.log, 1.0 - _unit(f, p, f64, i, 0), returns=f64)
    _store_pair(f, p, log, _unit(f, p, f64, i + GROUP // 2, 0), (p.out[i], p.out[i + GROUP // 2]), f64, both)


def emit_paired_normal(k: Module, of: Type, both: bool) -> None:
    """Exports `paired_normal`; `count` is even: the first uniform of two gives the angle, the other the radius."""
    with _items(k, "paired_normal", of, PAIRED_NORMAL) as (f, p, start, stop), f.loop(start, stop, 2) as i:
        log = f.call_address(p.log1p, -_unit(f, p, f64, i + 1, 0), returns=f64)
        _store_pair(f, p, log, _unit(f, p, f64, i, 0), (p.out[i], p.out[i + 1]), of, both)


def _store_pair(
    f: Function, p: Fields, log: Value, angular: Value, pointers: tuple[Pointer, Pointer], of: Type, both: bool
) -> None:
    """radius · cos and radius · sin, scaled; of float64 numbers by the C library's functions, or function."""
    radius, angle = f.sqrt(log * -2.0), angular * TWO_PI
    if both:
        sine, cosine = f.local(f64, 1), f.local(f64, 1)
        f.call_address(p.sin, angle, sine, cosine)
        directions = cosine.load(), sine.load()
    else:
        directions = (f.call_address(function, angle, returns=f64) for function in (p.cos, p.sin))
    for pointer, direction in zip(pointers, directions):
        pointer.store(_narrowed(fused(f, radius * direction, p.std, p.mean), of))


def _narrowed(number: Value, of: Type) -> Value:
    """A float64 in another type; halves by way of float32, rounded twice as PyTorch does."""
    return number.to(f32).to(of) if of.kind == "h" else number.to(of)


# -------------------------------------------------------------------- remainders, in float64


def _as_float(f: Function, number: Value) -> Value:
    """An integer from 0 to 2⁵² − 1 as float64; vectors of them, where machines have no conversion."""
    return (number | _bits_of(2.0**52)).bits(f64) - 2.0**52


def _integer(f: Function, number: Value) -> Value:
    """Back again."""
    return (number + 2.0**52).bits(i64) & ((1 << 52) - 1)


def _word_as_float(f: Function, pointer: Pointer, lanes: int) -> Value:
    words = pointer.load(lanes)
    wide = vec(i64, lanes) if lanes else i64
    return _as_float(f, f.emit(wide, f"zext {words.type.text} {words.text} to {wide.text}"))


def _modulo(f: Function, number: Value, divisor: Value, inverse: Value) -> Value:
    """The remainder of a word, exactly: products and differences stay below 2⁵³, and the quotient is the nearest
    integer, so that what is left lies within half a divisor (and a little) of 0."""
    quotient = (number * inverse + 2.0**52) - 2.0**52
    rest = number - quotient * divisor
    zero = f.const(rest.type, 0.0)
    return rest + f.select(rest < 0.0, divisor, zero)


# -------------------------------------------------------------------- permutations

PREFETCHED = 16
"""Exchanges whose memory is prefetched before they are made."""


def emit_shuffle(k: Module, long: bool) -> None:
    """Exports `shuffle`, for one thread; words have 64 bits where `long`.

    for positions from start to stop:  partner = position + word modulo (total − position), and the two are exchanged

    `partners` has room for stop − start numbers and PREFETCHED more.
    """
    with k.kernel("shuffle", SHUFFLE, flushed=False) as (f, p):
        count = p.stop - p.start
        if long:
            with f.loop(0, count) as i:
                pair = p.words.to(i64)[i].load(align=4)
                rest = ((pair << 32) | (pair >> 32)) % (p.total - p.start - i)
                p.partners[i].store((p.start + i + rest).to(i32))
        else:
            _each(f, 0, count, k.lanes(f64), partial(_partner, f, p))
        with f.loop(0, PREFETCHED) as i:
            p.partners[count + i].store(0)
        with f.loop(0, count) as i:
            p.order[p.partners[i + PREFETCHED].load().to(i64)].prefetch(write=True)
            here, there = p.order[p.start + i], p.order[p.partners[i].load().to(i64)]
            number, other = here.load(), there.load()
            here.store(other)
            there.store(number)


def _partner(f: Function, p: Fields, lanes: int) -> Callable[[Value], None]:
    left = _as_float(f, p.total - p.start)
    if lanes:
        left = left.splat(lanes) - f.iota(f64, lanes)
    total = _splat(_as_float(f, p.total), f64, lanes)

    def choose(i: Value) -> None:
        here = left - _splat(_as_float(f, i), f64, lanes)
        rest = _modulo(f, _word_as_float(f, p.words[i], lanes), here, 1.0 / here)
        p.partners[i].store(_integer(f, rest + total - here).to(i32))

    return choose
