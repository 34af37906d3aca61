"""Depthwise kernels and weight gradients as assembly: sums stay in registers, other machines are compiled for."""

import re

import pytest

from rushlight.compiler import compiler
from rushlight.kernels import depthwise_channels, depthwise_channels_wgrad, depthwise_rows, wgrad
from rushlight.kernels.depthwise_channels import RowPhase, Tile
from rushlight.language.ir import Module, f32, f64
from rushlight.plan.target import Target
from rushlight.plan.wgrad import RegisterBlock

pytest.importorskip("llvmlite")

ROW = RowPhase((0, 1, 2), (-1, 0, 1), 1, ((1, 2),), ((0, 2),))
KERNELS = {
    "in place": (depthwise_channels.emit_in_place, Tile(4, 1, (8, 5, 3, 2, 1), True), f32, f32, [ROW], 24, 24),
    "packed": (depthwise_channels.emit_packed, Tile(4, 1, (14, 7, 4, 2, 1), False), f32, f32, (2, 2)),
    "broadcast": (depthwise_channels.emit_packed, Tile(4, 1, (8, 4, 2, 1), False, False, 2, 4), f32, f32, None),
    "broadcast over a register": (
        depthwise_channels.emit_packed,
        Tile(4, 1, (8, 4, 2, 1), False, False, 4),
        f32,
        f32,
        None,
    ),
    "skips": (depthwise_channels.emit_packed, Tile(4, 2, (4, 2, 1), False, True), f32, f32, None),
    "gradient in place": (depthwise_channels_wgrad.emit_in_place, 4, 1, 3, f32, f32, ROW, (24, 24)),
    "gradient packed": (depthwise_channels_wgrad.emit_packed, 4, 1, f32, f32, 9, 1, (2, 2), True),
    "gradient broadcast": (depthwise_channels_wgrad.emit_packed, 4, 1, f32, f32, 8, 4, None, True),
    "depthwise_rows": (
        depthwise_rows.emit_depthwise_rows,
        depthwise_rows.Form(4, 6, ((0, 1), (0,)), 2, True, True),
        f32,
        f32,
    ),
    "product": (wgrad.emit_wgrad, RegisterBlock(6, 2, 4), f32, f32, (False, True), True, False),
    "direct product": (wgrad.emit_wgrad, RegisterBlock(6, 2, 2), f64, f64, (False, False), False, True),
}


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("isa", ["neon", "x86-64"])
def test_every_kernel_compiles_for_every_machine(name, isa):
    emit, *arguments = KERNELS[name]
    k = Module(Target.named(isa))
    emit(k, *arguments)
    assert k.exports[0] in compiler.assembly(k.text(), k.target)


def innermost(assembly: str, function: str) -> str:
    """The loop of a function with the most multiply-adds."""
    body = assembly[assembly.index(f"\n{function}:") :]
    body = body[: body.index(".Lfunc_end")]
    blocks = re.split(r"\n\.LBB\w+:", body)
    return max(blocks, key=lambda block: block.count("vfmadd"))


def test_a_tile_of_the_weight_gradient_is_multiply_adds_and_loads():
    k = Module(Target.named("avx512"))
    wgrad.emit_wgrad(k, RegisterBlock(14, 2, 16), f32, f32, (False, False), True, False)
    loop = innermost(compiler.assembly(k.text(), k.target), "tile")
    assert loop.count("vfmadd") == 28
    assert "rsp" not in loop, loop


def test_rows_of_a_depthwise_gradient_stay_in_registers():
    k = Module(Target.named("avx512"))
    depthwise_channels_wgrad.emit_in_place(k, 16, 2, 3, f32, f32, ROW, (64, 64))
    loop = innermost(compiler.assembly(k.text(), k.target), "tile3")
    assert loop.count("vfmadd") == 4 * 9 * 2
    assert not re.search(r"zmm\d+, .*rsp|rsp.*, %?zmm", loop), loop


def test_channels_of_a_group_are_broadcast_without_leaving_the_registers():
    k = Module(Target.named("avx2"))
    depthwise_channels.emit_packed(k, Tile(8, 1, (7, 4, 2, 1), False, False, 4, 2), f32, f32, None)
    loop = innermost(compiler.assembly(k.text(), k.target), "depthwise_channels")
    assert loop.count("vfmadd") == 7 * 4
    assert loop.count("rsp") <= 4, loop  # two of the sums


def test_rows_stay_in_registers():
    k = Module(Target.named("avx2"))
    depthwise_rows.emit_depthwise_rows(k, depthwise_rows.Form(8, 8, ((0, 1, 2),), 1, False, False), f32, f32)
    loop = innermost(compiler.assembly(k.text(), k.target), "depthwise_rows")
    assert loop.count("vfmadd") == 8 * 3
    assert not re.search(r"ymm\d+, .*rsp|rsp.*, %?ymm", loop), loop
