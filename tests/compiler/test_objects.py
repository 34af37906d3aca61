"""The linker of objects: what it lays out, what it refuses, relocations by hand."""

import struct

import pytest

from rushlight.compiler import compiler, objects
from rushlight.compiler.objects import Unlinkable, link
from rushlight.language.ir import Module, Params, f32, i64, ptr
from rushlight.plan.target import Target
from rushlight.runtime import team_program as team

PARAMS = Params(y=ptr(f32), n=i64)


def module(isa):
    """A kernel that calls a function and reads a table of constants."""
    k = Module(Target.named(isa))
    with k.function("half", [("x", f32)], returns=f32, inline=False) as (half, x):
        half.ret(x * 0.37)
    with k.kernel("k", PARAMS) as (f, p):
        table = k.table(f, f32, [1.0, 2.0, 3.0])
        p.y.store(f.call(half, table[p.n].load()))
    return k


@pytest.mark.parametrize("isa", ["x86-64", "avx512", "neon"])
def test_image_of_code_and_constants(isa):
    k = module(isa)
    image = link(compiler.compile_object(k.text(), k.target), k.exports)
    assert set(image.entries) == {"k"}
    assert struct.pack("<3f", 1, 2, 3) in image.code


def test_arm_relocations_reach_their_targets():
    """Bits by the architecture's manual: BL, ADRP, ADD and LDR with a place to go."""
    image = bytearray(0x6000)
    for at, word in ((0x1000, 0x94000000), (0x1004, 0x90000000), (0x1008, 0x91000000), (0x100C, 0xBD400000)):
        struct.pack_into("<I", image, at, word)
    objects._relocate_aarch64(image, 0x1000, 283, 0x0800)  # CALL26, backwards
    objects._relocate_aarch64(image, 0x1004, 275, 0x5124)  # ADR_PREL_PG_HI21
    objects._relocate_aarch64(image, 0x1008, 277, 0x5124)  # ADD_ABS_LO12_NC
    objects._relocate_aarch64(image, 0x100C, 285, 0x5124)  # LDST32_ABS_LO12_NC
    call, page, add, load = struct.unpack_from("<4I", image, 0x1000)
    assert call == 0x94000000 | (-0x800 >> 2) & 0x3FFFFFF
    assert page == 0x90000000 | (4 & 3) << 29 | (4 >> 2) << 5
    assert add == 0x91000000 | 0x124 << 10
    assert load == 0xBD400000 | (0x124 >> 2) << 10


def test_unknown_relocations_are_refused():
    with pytest.raises(Unlinkable, match="relocation 9"):
        objects._relocate_x86_64(bytearray(8), 0, 9, 0)
    with pytest.raises(Unlinkable, match="relocation 999"):
        objects._relocate_aarch64(bytearray(8), 0, 999, 0)


@pytest.mark.parametrize("data", [b"", b"\x7fELF\x01\x01" + bytes(80), b"MZ" + bytes(100)])
def test_what_is_no_elf_object_is_refused(data):
    with pytest.raises(Unlinkable):
        link(data, [])


def test_libraries_are_not_linked():
    target = Target.named("x86-64")
    text = (
        f'target triple = "{target.triple}"\ndeclare void @puts()\n'
        "define void @k() {\n call void @puts()\n ret void\n}"
    )
    with pytest.raises(Unlinkable, match="'puts' lies outside"):
        link(compiler.compile_object(text, target), ["k"])


def test_writable_data_is_not_linked():
    target = Target.named("x86-64")
    text = (
        f'target triple = "{target.triple}"\n@x = global i32 7\n'
        "define void @k() {\n store i32 1, ptr @x\n ret void\n}"
    )
    with pytest.raises(Unlinkable):
        link(compiler.compile_object(text, target), ["k"])


def test_a_missing_export_is_named():
    k = module("x86-64")
    with pytest.raises(Unlinkable, match="no function 'other'"):
        link(compiler.compile_object(k.text(), k.target), ["other"])


@pytest.mark.parametrize("isa", ["x86-64", "neon"])
def test_the_team_is_compiled_for_every_architecture(isa):
    target = Target.named(isa)
    text = team._Text(target.triple, target.arch)
    entries = set(link(compiler.compile_object(text.text(), target), text.exports).entries)
    assert entries == {"launch", "rest", "before", "behind"}
