"""Expressions on many arrays at once: one launch whose items are pieces of all of them; and sums of their squares.

In: a program whose results go where its first inputs are, its array inputs first and then numbers that all arrays
share. Out: the kernels `run`, which threads share, and `mode`. Arrays lie alike within a row and without gaps, so an
item is a run of elements: three words say of which row, from where on, and how many.
"""

from __future__ import annotations

from ..language.ir import Function, Module, Params, Pointer, f64, i64, ptr, vec
from ..language.types import Type
from ..plan.pointwise import SAME, UNIT
from ..rules.expression import Program
from .pointwise import Form, Loops
from .steps import REGISTERS, in_memory

ENTRIES = 3
"""Words of an item: the number of its row, its first element, how many."""


def together_form(program: Program, arrays: int) -> Form:
    """How operands move: arrays to their neighbours, numbers not at all."""
    numbers = len(program.inputs) - arrays
    return Form(program, (UNIT,) * (len(program.results) + arrays) + (SAME,) * numbers)


def together_params(arrays: int, program: Program) -> Params:
    """The words: the addresses of all arrays, row by row, the pieces, the numbers, and how many pieces."""
    number = REGISTERS[program.inputs[-1]] if len(program.inputs) > arrays else i64
    return Params(table=ptr(i64), pieces=ptr(i64), numbers=ptr(number), mode=i64, items=i64)


def emit_together(k: Module, form: Form, arrays: int) -> None:
    """Exports `run` and `mode`."""
    params = together_params(arrays, form.program)
    item = _emit_item(k, form, params, arrays)
    with k.kernel("run", params, flushed=False) as (f, p), f.in_mode(p.mode), f.dynamic_loop(p.next, p.items) as index:
        f.call(item, p.words, index)
    with k.kernel("mode", params, flushed=False) as (f, p):
        p.words[params.index("mode")].store(f.mode_word())


def _emit_item(k: Module, form: Form, params: Params, arrays: int) -> Function:
    """The function that does one item."""
    program = form.program
    types = [in_memory(dtype) for dtype in program.inputs[:arrays]]
    with k.function("item", [("words", ptr(i64)), ("index", i64)], inline=False, distinct=False) as (f, words, index):
        p = params.read(f, words)
        piece = p.pieces[index * ENTRIES]
        row = p.table[piece.load() * arrays]
        start, count = piece[1].load(), piece[2].load()
        pointers = [Pointer(f, row[n].to(ptr(of)).load().text, of)[start] for n, of in enumerate(types)]
        numbers = [p.numbers[n] for n in range(len(program.inputs) - arrays)]
        Loops(f, form).row([*pointers[: len(program.results)], *pointers, *numbers], count)
    return f


SUMS = 4
"""Vectors that a piece is summed in."""


def squares_params() -> Params:
    """The words: the addresses of all arrays, the pieces, the sum of each, and how many pieces."""
    return Params(table=ptr(i64), pieces=ptr(i64), parts=ptr(f64), items=i64)


def emit_squares(k: Module, source: Type) -> None:
    """Exports `run`: the sum of squares of each piece, in float64, so that none overflows or is lost."""
    lanes = k.lanes(f64)
    with k.kernel("run", squares_params(), flushed=False) as (f, p), f.dynamic_loop(p.next, p.items) as index:
        piece = p.pieces[index * ENTRIES]
        start, count = piece[1].load(), piece[2].load()
        x = Pointer(f, p.table[piece.load()].to(ptr(source)).load().text, source)[start]
        sums = [f.var(vec(f64, lanes), 0.0) for _ in range(SUMS)]
        whole = count - count % (SUMS * lanes)
        with f.loop(0, whole, SUMS * lanes) as i:
            for number, total in enumerate(sums):
                value = x[i + number * lanes].load(lanes).to(f64)
                total.value = f.fma(value, value, total.value)
        with f.loop(whole, count, lanes) as i:
            value = x[i].load(lanes, mask=f.mask(count - i, lanes, source)).to(f64)
            sums[0].value = f.fma(value, value, sums[0].value)
        first, second, third, fourth = (total.value for total in sums)
        p.parts[index].store(f.sum_lanes((first + second) + (third + fourth)))
