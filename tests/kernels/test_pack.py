"""Packed tiles against the coordinates that they promise, for every layout of the source."""

import ctypes
import itertools
import random

import numpy as np
import pytest

from rushlight.compiler import jit
from rushlight.kernels.pack import FORMS, Gather, emit_pack
from rushlight.language.ir import BY_NAME, Module
from rushlight.plan.axes import forward_phase, transposed_phases
from rushlight.plan.blocking import cut_axis, lay_packed_tile
from rushlight.plan.target import Target

HOST = Target.host()
_PACK = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 3, *[ctypes.c_int64] * 4)


def pack_function(form, source, number):
    def build():
        k = Module(HOST)
        emit_pack(k, form, BY_NAME[source], BY_NAME[number], export=True)
        return k

    code = jit.kernel(f"test pack {form} {source} {number}", build, HOST)
    return _PACK(code[f"pack_{form}_{source}_{number}"].address), code


def random_axis(rng):
    while True:
        taps, stride, dilation, lo, hi, size = (
            rng.randint(*r) for r in [(1, 4), (1, 4), (1, 3), (-2, 4), (-2, 4), (1, 40)]
        )
        out = (size + lo + hi - dilation * (taps - 1) - 1) // stride + 1
        if out < 1:
            continue
        block = rng.randint(1, 20)
        if rng.random() < 0.5:
            return cut_axis([forward_phase(taps, stride, dilation, lo, out)], size, block)
        return cut_axis(transposed_phases(taps, stride, dilation, lo, size), out, block)


def arrange(array, form, rng):
    """The array (channels, d, h, w) in memory of the kind that leads to `form`."""
    if form == "rows":
        return np.ascontiguousarray(array.transpose(1, 2, 3, 0)).transpose(3, 0, 1, 2)
    if form == "columns":
        return np.ascontiguousarray(array)
    if form == "across":
        return np.ascontiguousarray(array.swapaxes(2, 3)).swapaxes(2, 3)
    wide = np.repeat(array, 3, axis=3)
    return wide[..., ::3]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", ["f32", "f64"])
def test_every_slot_that_a_result_reads_holds_its_source_or_zero(form, dtype):
    rng = random.Random(f"{form}{dtype}")
    numpy_type = np.float32 if dtype == "f32" else np.float64
    call, _code = pack_function(form, dtype, dtype)
    served = 0
    for _ in range(60):
        axes = [random_axis(rng) for _ in range(3)]
        channels = rng.choice([1, 2, 3, 5, 8, 16, 17, 40])
        source = np.random.default_rng(0).integers(1, 100, (channels, *(a.size for a in axes))).astype(numpy_type)
        source = arrange(source, form, rng)
        packed_tiles = lay_packed_tile(axes, channels, HOST.lanes(source.itemsize), source.itemsize)
        stride = [s // source.itemsize for s in source.strides]
        gather = Gather(packed_tiles, (*stride[1:], stride[0]), HOST.lanes(source.itemsize))
        if gather.form != form:
            continue
        served += 1
        packed_tile = np.full(packed_tiles.size, -7, numpy_type)
        blocks = list(itertools.product(*(range(a.count) for a in axes)))
        for block in {blocks[0], blocks[-1], rng.choice(blocks)}:
            call(gather.address, source.ctypes.data, packed_tile.ctypes.data, *block, channels)
            check(axes, packed_tiles, packed_tile, source, block, rng)
    assert served > 15 or form == "panels"


def check(axes, packed_tiles, packed_tile, source, block, rng):
    places = [list(needed(axis, b)) for axis, b in zip(axes, block)]
    places = [rng.sample(some, min(len(some), 9)) for some in places]
    packed_h = len(axes[1].packing.coordinates)
    for (sd, d), (sh, h), (sw, w) in itertools.product(*places):
        inside = all(0 <= i < axis.size for i, axis in zip((d, h, w), axes))
        want = source[:, d, h, w] if inside else np.zeros(len(source))
        start = (sd * packed_h + sh) * packed_tiles.row + sw * packed_tiles.leading_dimension
        np.testing.assert_array_equal(packed_tile[start : start + len(source)], want)


def needed(axis, b):
    """(packed index, source coordinate) of every result of the block."""
    start = axis.first + b * axis.block
    for phase, bases in zip(axis.phases, axis.packing.base):
        for t in range(max(start, phase.begin), min(start + axis.block, phase.end)):
            for offset, base in zip(phase.offsets, bases):
                yield base + t - start, phase.step * t + offset
