"""Slots and phases against the definition: every result finds, for every tap, the coordinate that it must read."""

import random

import pytest

from rushlight.plan.axes import forward_phase, pack_axis, transposed_phases


def random_axis(rng):
    return dict(taps=rng.randint(1, 7), stride=rng.randint(1, 4), dilation=rng.randint(1, 5), lo=rng.randint(-2, 6))


def check_packing(phases, block, share):
    packing = pack_axis(phases, block, share)
    for phase, bases in zip(phases, packing.base):
        for offset, base in zip(phase.offsets, bases):
            found = packing.coordinates[base : base + block]
            assert found == tuple(offset + phase.step * r for r in range(block))
    if share:
        assert len(set(packing.coordinates)) == len(packing.coordinates)


@pytest.mark.parametrize("seed", range(200))
def test_forward_slots(seed):
    rng = random.Random(seed)
    check_packing([forward_phase(**random_axis(rng), out=20)], rng.randint(1, 9), rng.random() < 0.7)


@pytest.mark.parametrize("seed", range(200))
def test_transposed_phases_cover_every_result_once(seed):
    rng = random.Random(seed)
    axis, size = random_axis(rng), rng.randint(1, 20)
    phases = transposed_phases(**axis, size=size)
    seen = {}
    for phase in phases:
        for t in range(phase.begin, phase.end):
            i = phase.target_step * t + phase.target_start
            assert i not in seen
            seen[i] = {(k, t + offset) for k, offset in zip(phase.taps, phase.offsets)}
    assert sorted(seen) == list(range(size))
    for i, pairs in seen.items():
        brute = {
            (k, o)
            for k in range(axis["taps"])
            for o in range(-60, 60)
            if o * axis["stride"] + k * axis["dilation"] - axis["lo"] == i
        }
        assert pairs == brute
    if any(phase.taps for phase in phases):
        check_packing(phases, rng.randint(1, 9), rng.random() < 0.7)
