"""What becomes of the inner loop of a convolution: counts in the assembly, on every target."""

import re

import pytest

from rushlight.compiler import compiler
from rushlight.compiler.objects import link
from rushlight.language.ir import Module, Params, f32, i64, ptr, vec
from rushlight.plan.target import Target

PARAMS = Params(y=ptr(f32), x=ptr(f32), w=ptr(f32), taps=i64, channels=i64, pixel=i64)
# Register blocks (pixels × vectors) that fill each register file, with room for the weights and one input.
BLOCKS = {"avx512": (14, 2), "avx2": (6, 2), "x86-64": (4, 2), "neon": (8, 3)}


def tile(isa, rows=None):
    """y[m][n] = Σ x[m][c] · w[c][n]: rows × vectors accumulators over taps and channels."""
    k = Module(Target.named(isa))
    lanes = k.lanes(f32)
    (block, vectors), zero = BLOCKS[isa], 0.0
    rows = rows or block
    with k.kernel("tile", PARAMS) as (f, p):
        acc = [[f.var(vec(f32, lanes), zero) for _ in range(vectors)] for _ in range(rows)]
        with f.loop(0, p.taps, sure=True) as tap, f.loop(0, p.channels, sure=True) as c:
            w, x = p.w[(tap * p.channels + c) * (vectors * lanes)], p.x[tap * p.pixel + c]
            weights = [w[n * lanes].load(lanes) for n in range(vectors)]
            for m in range(rows):
                pixel = x[m * 64].broadcast(lanes)
                for n in range(vectors):
                    acc[m][n].value = f.fma(pixel, weights[n], acc[m][n].value)
        for m in range(rows):
            for n in range(vectors):
                p.y[(m * vectors + n) * lanes].store(acc[m][n].value)
    return k


def inner_loop(text):
    """The lines of the first loop without a loop inside: a backward branch, and what it jumps over."""
    lines = text.splitlines()
    for end, line in enumerate(lines):
        jump = re.match(r"\s+(?:j[a-z]+|b\.?[a-z]*|cbnz\s+\S+,)\s+(\.LBB\S+)", line)
        starts = [i for i in range(end) if jump and lines[i].startswith(jump[1] + ":")]
        if starts:
            return lines[starts[0] : end + 1]
    raise AssertionError(f"no loop in\n{text}")


@pytest.mark.parametrize("isa", BLOCKS)
def test_inner_loop_is_multiplications_and_little_else(isa):
    module = tile(isa)
    loop = inner_loop(compiler.assembly(module.text(), module.target))
    rows, vectors = BLOCKS[isa]
    multiply = {"neon": r"\bfmla\b", "x86-64": r"\bmulps\b"}.get(isa, r"\bvfmadd\d+ps\b")
    assert len(re.findall(multiply, "\n".join(loop))) == rows * vectors
    assert not [line for line in loop if "sp]" in line or "(%rsp)" in line], "registers are spilled"
    others = len(loop) - rows * vectors * (3 if isa == "x86-64" else 1)
    assert others <= rows * (3 if isa in ("x86-64", "neon") else 1) + vectors + 10, "\n".join(loop)


def test_512_bit_registers_are_used():
    module = tile("avx512")
    loop = "\n".join(inner_loop(compiler.assembly(module.text(), module.target)))
    assert "%zmm" in loop and "%ymm" not in loop
    assert "vbroadcastss" in loop or "{1to16}" in loop


@pytest.mark.parametrize("isa", BLOCKS)
def test_kernels_are_closed(isa):
    """No calls into libraries: an object links by itself, whatever the target."""
    module = tile(isa)
    with module.kernel("clear", PARAMS) as (f, p), f.loop(0, p.taps) as i:
        p.y[i].store(0.0)  # what an optimiser likes to make a memset of
    with module.kernel("copy", PARAMS) as (f, p), f.loop(0, p.taps) as i:
        p.y[i].store(p.x[i].load())
    with module.kernel("constants", PARAMS) as (f, p):
        table = module.table(f, f32, [1.0, 2.0, 3.0, 5.0])
        p.y.store(table[p.taps].load())
        p.y[1].store(f.vector(f32, [1.5, 2.5, 3.5, 4.5]))
    image = link(compiler.compile_object(module.text(), module.target), module.exports)
    assert set(image.entries) == {"tile", "clear", "copy", "constants"}


@pytest.mark.parametrize("isa", BLOCKS)
def test_mode_is_flushed_at_entry_and_restored_at_exit(isa):
    module = tile(isa)
    text = compiler.assembly(module.text(), module.target)
    assert len(re.findall("fpcr" if isa == "neon" else "ldmxcsr", text.lower())) == (3 if isa == "neon" else 2)
