"""Microkernels as assembly: sums stay in registers, and each k costs the multiply-adds it must."""

import re

import pytest

from rushlight.compiler import compiler
from rushlight.kernels.product import emit_dots, emit_tiles
from rushlight.language.ir import Module, f32, f64
from rushlight.plan.product import register_blocks, tile_cycles
from rushlight.plan.target import Target
from rushlight.plan.tiles import tile_steps

MULTIPLY = r"\s(vfmadd\w+|fmla|mulp[sd])\s"


def inner_loops(text, verb=MULTIPLY):
    """The bodies of blocks that jump back to their own label and multiply, or hold another verb."""
    for label, body in re.findall(r"^(\.LBB\w+):(.*?)(?=^\.LBB|\Z)", text, re.S | re.M):
        closed = re.search(rf"\b(j\w+|b\.\w+|b|tb\w+|cb\w+)\s+.*{re.escape(label)}\b", body)
        if closed and re.search(verb, body[: closed.end()]):
            yield body[: closed.end()]


@pytest.mark.parametrize("isa", ["x86-64", "avx2", "avx512", "neon"])
@pytest.mark.parametrize("number", [f32, f64], ids=str)
def test_inner_loops_do_not_spill_and_multiply_no_more_than_they_must(isa, number):
    target = Target.named(isa)
    for register in register_blocks(target, number.bytes):
        k = Module(target)
        emit_tiles(k, number, number, register.lanes, register.vectors, register.heights)
        loops = list(inner_loops(compiler.assembly(k.text(), target)))
        assert len(loops) == len(register.heights)
        for body in loops:
            assert "%rsp" not in body and "sp," not in body and "[sp" not in body
        counts = sorted(len(re.findall(MULTIPLY, body)) for body in loops)
        assert counts == sorted(height * register.vectors for height in register.heights)


def test_dot_tiles_do_not_spill():
    target = Target.named("avx512")
    k = Module(target)
    emit_dots(k, f32, f32, 3, (8, 4, 2, 1))
    loops = list(inner_loops(compiler.assembly(k.text(), target)))
    assert len(loops) == 4
    assert all("%rsp" not in body for body in loops)


def test_rows_are_cut_into_tiles_that_cost_least():
    for register in register_blocks(Target.named("avx512"), 4):
        costs = dict(zip(register.heights, tile_cycles(register, 4)))
        steps = tile_steps(list(costs), list(costs.values()), 63)
        for n in range(1, len(steps)):
            left, cost = n, 0.0
            while left:
                height, count = steps[left]
                cost += costs[height] * count
                left -= height * count
            assert left == 0
            assert cost <= costs[1] * n
