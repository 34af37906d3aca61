"""Every float32 number through every vector function of one: `python -m tests.kernels.sweep_mathematics [NAME …]`.

Prints the largest error of each in units in the last place, with a fused multiply-add and without, and where it is;
fails where one is above 2. The reference is NumPy's float64, and for erf and its kin our own float64, which
test_mathematics holds to Python's. Takes about a minute a function and a core.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from rushlight.kernels.mathematics import FUNCTIONS
from rushlight.language.ir import Module, Params, f32, f64, i32, i64, ptr
from rushlight.plan.target import Target
from tests import instruction_sets

from .mathematics import BOUND, BY_NUMBER, REFERENCE, load, run

CHUNK = 1 << 16
PARAMS = Params(found=ptr(f32), exact=ptr(f64), off=ptr(f32), n=i64)
INFINITY = float("inf")


def emit(target):
    """The kernel of `mathematics.errors` for float32: NumPy would take longer than what it measures."""
    k = Module(target)
    lanes = k.lanes(f64)
    with k.kernel("errors", PARAMS, flushed=False) as (f, p), f.loop(0, p.n, lanes) as i:
        found, exact = p.found[i].load(lanes), p.exact[i].load(lanes)
        nearest = exact.to(f32)
        power = (exact.bits(i64) & 0x7FF0000000000000).bits(f64)
        unit = f.max(2.0**-126, f.min(2.0**127, power)) * 2.0**-23
        off = (f.abs(found.to(f64) - exact) / unit).to(f32)
        off = f.select((off < INFINITY) & (found != nearest), off, INFINITY)
        off = f.select((found != found) & (nearest != nearest), 0.0 * unit.to(f32), off)
        same = found.bits(i32) == nearest.bits(i32)
        p.off[i].store(f.select(same, f.min((f.abs(found.to(f64) - exact) / unit).to(f32), 0.5), off))
    return k


def sweep(name, isas, chunks):
    """By instruction set, the largest error and its argument, over the floats of some chunks."""
    native = instruction_sets.native()[0]
    measure = load(emit(Target.named(native)))["errors"]
    worst = dict.fromkeys(isas, (0.0, 0.0))
    steps, off = np.arange(CHUNK, dtype=np.uint32), np.empty(CHUNK, np.float32)
    for chunk in chunks:
        x = (steps + np.uint32(chunk * CHUNK)).view(np.float32)
        wide = x.astype(np.float64)
        exact = run(name, native, wide) if name in BY_NUMBER else REFERENCE[name](wide)
        for isa in isas:
            found = run(name, isa, x)
            words = PARAMS.pack(found=found, exact=exact, off=off, n=CHUNK)
            measure.call(words.buffer_info()[0])
            place = off.argmax()
            if off[place] > worst[isa][0]:
                worst[isa] = float(off[place]), float(x[place])
    return worst


def main(names):
    fused, *_, plain = instruction_sets.asked() * 2
    failed = False
    for name in names or FUNCTIONS:
        begin = time.perf_counter()
        with np.errstate(all="ignore"):
            found = sweep(name, list(dict.fromkeys((fused, plain))), range((1 << 32) // CHUNK))
        texts = [f"{isa} {off:.3f} at {x!r}" for isa, (off, x) in found.items()]
        print(f"{name:12}", *texts, f"({time.perf_counter() - begin:.0f} s)", sep="  ", flush=True)
        failed |= any(off > BOUND[np.float32] for off, _ in found.values())
    sys.exit(failed)


if __name__ == "__main__":
    main(sys.argv[1:])
