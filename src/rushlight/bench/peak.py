"""What the machine can do at most: its multiply-add rate and its memory bandwidth, through generated kernels.

In: the number of threads. Out: a `Peak`, the measure that every layer's time is held against.
"""

from __future__ import annotations

import time
from typing import NamedTuple

from ..compiler import jit
from ..language.ir import Module, Params, f32, i64, ptr, vec
from ..plan.target import Target

_FMA = Params(out=ptr(f32), turns=i64, items=i64)
_COPY = Params(source=ptr(f32), out=ptr(f32), blocks=i64)
_CHAINS = 12
"""Independent sums: more than the latency of a multiply-add times how many start a cycle, fewer than the registers."""
_BLOCK = 1 << 14
_COPIED = 1 << 26
"""Numbers that are copied: 256 MiB, far more than any cache."""


class Peak(NamedTuple):
    """Multiply-adds of float32 a second, and bytes a second read and written, both over all threads."""

    macs_per_second: float
    bytes_per_second: float


def emit_fma(target: Target) -> Module:
    """out[i·lanes …] = sums that never leave their registers, one item a thread."""
    k = Module(target)
    lanes = k.lanes(f32)
    with k.kernel("peak_fma", _FMA) as (f, p), f.dynamic_loop(p.next, p.items) as item:
        sums = [f.var(vec(f32, lanes), float(chain)) for chain in range(_CHAINS)]
        factor = f.const(vec(f32, lanes), 0.5)
        with f.loop(0, p.turns, sure=True):
            for total in sums:
                total.value = f.fma(total.value, factor, factor)
        value = sums[0].value
        for total in sums[1:]:
            value = value + total.value
        p.out[item * lanes].store(value)
    return k


def emit_copy(target: Target) -> Module:
    """out = source, in blocks that threads take."""
    k = Module(target)
    lanes = k.lanes(f32)
    with k.kernel("peak_copy", _COPY) as (f, p), f.dynamic_loop(p.next, p.blocks) as block:
        source, out = p.source[block * _BLOCK], p.out[block * _BLOCK]
        with f.loop(0, _BLOCK, 4 * lanes) as i:
            for j in range(4):
                out[i + j * lanes].store(source[i + j * lanes].load(lanes))
    return k


def measure_peak(threads: int, rounds: int = 5) -> Peak:
    """The best of `rounds` of each, about half a second in all; of more of the short one, as a system may keep two
    threads on one core for tens of milliseconds after they slept."""
    import numpy as np

    from ..runtime import launch

    target = Target.host()
    lanes, turns, items = target.lanes(4), 2_000_000, threads
    out = np.zeros(lanes * items, np.float32)
    fma = jit.kernel("peak_fma", lambda: emit_fma(target), target)["peak_fma"]
    took = min(_time(launch, fma, _FMA.pack(out=out, turns=turns, items=items), threads) for _ in range(6 * rounds))
    macs = turns * items * _CHAINS * lanes / took
    source, copied = np.ones(_COPIED, np.float32), np.zeros(_COPIED, np.float32)
    copy = jit.kernel("peak_copy", lambda: emit_copy(target), target)["peak_copy"]
    words = _COPY.pack(source=source, out=copied, blocks=_COPIED // _BLOCK)
    took = min(_time(launch, copy, words, threads) for _ in range(rounds))
    return Peak(macs, 2 * source.nbytes / took)


def _time(launch: object, entry: jit.Entry, words: object, threads: int) -> float:
    start = time.perf_counter()
    launch(entry, words, threads)
    return time.perf_counter() - start
