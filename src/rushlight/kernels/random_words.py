"""The words of MT19937 (Matsumoto & Nishimura 1998), many at a time.

In: the 624 words of the state and how many of them are used. Out: the next words, in order, and the state after them.
Every word follows from words at least 227 before it, so vectors of them can be computed at once:

    y = (x[i] & upper bit) | (x[i+1] & lower bits)
    x[i+624] = x[i+397] ^ (y >> 1) ^ (matrix where y is odd)
"""

from __future__ import annotations

from ..language.ir import Fields, Function, Module, Params, Pointer, Value, i32, i64, ptr

STATE = 624
_MIDDLE = 397
_AT_ONCE = 8  # blocks of 624 words whose untempered form the first cache holds

SLACK = STATE + 64
"""Words that may be written behind those that were asked for."""

ROOM = STATE * (_AT_ONCE + 1) + 64
"""Words of the memory that holds the state, which lies at its beginning."""

WORDS = Params(state=ptr(i32), out=ptr(i32), used=i64, count=i64)
"""`out` has room for count + SLACK words, `state` for ROOM."""


def emit_words(k: Module) -> None:
    """Exports `words`.

    out = tempered(state[used:])
    while there are not enough: the next blocks of 624 words, and out goes on with those, tempered
    state = the last block
    """
    lanes = min(k.lanes(i32), 16)
    with k.kernel("words", WORDS, flushed=False) as (f, p):
        rest = f.min(p.count, STATE - p.used)
        with f.loop(0, rest, lanes) as i:
            p.out[i].store(_tempered(p.state[p.used + i].load(lanes)))
        with f.if_(rest < p.count):
            _blocks(f, p, p.out[rest], p.count - rest, lanes)


def _blocks(f: Function, p: Fields, out: Pointer, count: Value, lanes: int) -> None:
    blocks, x = f.ceil_div(count, STATE), p.state
    with f.loop(0, blocks, _AT_ONCE) as first:
        some = f.min(blocks - first, _AT_ONCE) * STATE
        here = out[first * STATE]
        with f.loop(0, some, lanes) as i:
            new = _next(f, x[i], lanes)
            x[i + STATE].store(new)
            here[i].store(_tempered(new))
        with f.loop(0, STATE, lanes) as i:
            x[i].store(x[some + i].load(lanes))


def _next(f: Function, x: Pointer, lanes: int) -> Value:
    """The words 624 further on."""
    following = x[1].load(lanes)
    y = (x.load(lanes) & -(1 << 31)) | (following & 0x7FFFFFFF)
    odd = f.select((following & 1) == 0, f.const(y.type, 0), _word(f, y, 0x9908B0DF))
    return x[_MIDDLE].load(lanes) ^ (y >> 1) ^ odd


def _tempered(y: Value) -> Value:
    f = y.f
    y = y ^ (y >> 11)
    y = y ^ ((y << 7) & _word(f, y, 0x9D2C5680))
    y = y ^ ((y << 15) & _word(f, y, 0xEFC60000))
    return y ^ (y >> 18)


def _word(f: Function, like: Value, number: int) -> Value:
    """An unsigned constant among LLVM's signed ones."""
    return f.const(like.type, number - (1 << 32))
