"""Expressions on strided and broadcast arrays: the loops of a `plan.pointwise.Plan`, a vector at a time.

In: a program of steps, and how each operand moves along the inner axis. Out: the kernels `run`, which threads share,
and `mode`, which writes down the calling thread's floating-point mode for the others. Sizes and strides are words, so
shapes do not compile anew. Subnormals are computed with, as NumPy does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from ..language.ir import Function, Module, Params, Pointer, Value, i64, ptr
from ..language.loops import divide
from ..plan.pointwise import SAME, STRIDED, TRANSPOSED, UNIT
from ..rules.expression import Program, bits_of
from .steps import FUNCTIONS, Vectors, in_memory
from .tails import Tail, load, store
from .transpose import transpose_tile

UNROLL = 4
"""Vectors of an iteration of the main loop, of programs that are short."""
SHORT = 12
"""Steps of a short program."""
WIDEST = 32
"""Lanes at most, as many as the masks that machines are good at."""


class Form(NamedTuple):
    """What a kernel depends on: its program, and how each operand moves (see `plan.pointwise`), results first."""

    program: Program
    moves: tuple[str, ...]

    def __str__(self) -> str:
        return f"{' '.join(self.moves)}\n{self.program}"

    @property
    def dtypes(self) -> tuple[str, ...]:
        """Of all operands, results first."""
        return (*self.program.outputs, *self.program.inputs)


_SIZES = (
    "mode", "items", "inner_chunks", "middle_chunks", "inner", "middle", "outers", "inner_span", "middle_span", "group",
    "rank",
)  # fmt: skip


def pointwise_params(form: Form) -> Params:
    """The words of both kernels: addresses first, then sizes, strides of the inner and the middle axis; behind
    them for each other axis, innermost first, its size and strides."""
    count = range(len(form.moves))
    addresses = {f"a{n}": ptr(in_memory(dtype)) for n, dtype in enumerate(form.dtypes)}
    strides = {f"{axis}{n}": i64 for axis in ("inner_stride", "middle_stride") for n in count}
    return Params(**addresses, **dict.fromkeys(_SIZES, i64), **strides)


def emit_pointwise(k: Module, form: Form) -> Callable[..., None]:
    """Exports `run` and `mode`. Gives what does all items: `do(f, words, pointers)`, in another function."""
    params = pointwise_params(form)
    item = _emit_item(k, form, params)
    count = len(form.moves)
    with k.kernel("run", params, flushed=False) as (f, p), f.in_mode(p.mode), f.dynamic_loop(p.next, p.items) as index:
        f.call(item, p.words, *[getattr(p, f"a{n}") for n in range(count)], index)
    with k.kernel("mode", params, flushed=False) as (f, p):
        p.words[params.index("mode")].store(f.mode_word())

    def do(f: Function, words: Pointer, pointers: list[Pointer]) -> None:
        with f.loop(0, params.read(f, words).items) as index:
            f.call(item, words, *pointers, index)

    return do


def _emit_item(k: Module, form: Form, params: Params) -> Function:
    """The function that does one item."""
    count = len(form.moves)
    pointers = [(f"a{n}", ptr(in_memory(dtype))) for n, dtype in enumerate(form.dtypes)]
    parameters = [("words", ptr(i64)), *pointers, ("index", i64)]
    with k.function("item", parameters, inline=False, distinct=False) as (f, words, *bases, index):
        p = params.read(f, words)
        strides = [[getattr(p, f"{axis}_stride{n}") for n in range(count)] for axis in ("inner", "middle")]
        loops = Loops(f, form, *strides)
        part, inner_chunk = divide(index, p.inner_chunks)
        group, middle_chunk = divide(part, p.middle_chunks)
        first_j, first_i, first = middle_chunk * p.middle_span, inner_chunk * p.inner_span, group * p.group
        last_j, last_i = f.min(first_j + p.middle_span, p.middle), f.min(first_i + p.inner_span, p.inner)
        with f.loop(first, f.min(first + p.group, p.outers)) as outer:
            offsets = [f.var(i64, 0) for _ in range(count)]
            rest = f.var(i64, outer)
            with f.loop(0, p.rank) as axis:
                entry = p.words[axis * (count + 1)][2 + params.count]
                rest.value, position = divide(rest.value, entry.load())
                for n, offset in enumerate(offsets):
                    offset.value = offset.value + position * entry[1 + n].load()
            starts = [base.bytes(offset.value) for base, offset in zip(bases, offsets)]
            body = loops.transposed if TRANSPOSED in form.moves else loops.rows
            body(starts, first_j, last_j, first_i, last_i)
    return f


class Loops:
    """The middle and the inner loop of an item, of operands with these strides in bytes: of those that move on by them,
    no others are asked for."""

    def __init__(self, f: Function, form: Form, inner: Sequence[Value] = (), middle: Sequence[Value] = ()) -> None:
        self.f, self.form, self.program = f, form, form.program
        self.types = [in_memory(dtype) for dtype in form.dtypes]
        widest = max(bits_of(step.dtype) for step in self.program.steps) // 8
        self.lanes = min(f.target.vector_bytes // widest, WIDEST)
        self.vectors = Vectors(f, self.program, self.lanes)
        self.results = len(self.program.results)
        self.inner, self.middle = inner, middle
        heavy = any(step.op in FUNCTIONS for step in self.program.steps)
        plain = STRIDED not in form.moves
        self.unroll = UNROLL if plain and not heavy and len(self.program.steps) <= SHORT else 1

    def rows(self, starts: list[Pointer], first_j: Value, last_j: Value, first_i: Value, last_i: Value) -> None:
        """A row for each position of the middle axis."""
        with self.f.loop(first_j, last_j) as j:
            row = [start.bytes(j * stride) for start, stride in zip(starts, self.middle)]
            self.row([self.moved(n, pointer, first_i) for n, pointer in enumerate(row)], last_i - first_i)

    def moved(self, n: int, pointer: Pointer, i: Value) -> Pointer:
        """The address i further on along the inner axis."""
        move = self.form.moves[n]
        return pointer if move == SAME else pointer[i] if move == UNIT else pointer.bytes(i * self.inner[n])

    def row(self, row: list[Pointer], count: Value) -> None:
        """Some vectors an iteration, then one, then a part of one."""
        f, lanes, block = self.f, self.lanes, self.lanes * self.unroll
        fixed = self.fixed(row)
        whole = count // lanes * lanes
        many = count // block * block if self.unroll > 1 else 0
        if self.unroll > 1:
            with f.loop(0, many, block) as i:
                self.vector(row, fixed, [i + v * lanes for v in range(self.unroll)])
        with f.loop(many, whole, lanes) as i:
            self.vector(row, fixed, [i])
        with f.if_(whole < count):
            self.vector(row, fixed, [whole], Tail(f, count - whole, lanes))

    def transposed(self, starts: list[Pointer], first_j: Value, last_j: Value, first_i: Value, last_i: Value) -> None:
        """Tiles of both axes. Those of transposed operands are transposed into a tile on the stack first."""
        f, lanes = self.f, self.lanes
        tiles = {n: f.local(of, lanes * lanes) for n, of in enumerate(self.types) if self.form.moves[n] == TRANSPOSED}
        with f.loop(first_j, last_j, lanes) as j, f.loop(first_i, last_i, lanes) as i:
            rows, columns = f.min(last_j - j, lanes), f.min(last_i - i, lanes)
            here = [
                self.moved(n, start.bytes(j * stride), i) for n, (start, stride) in enumerate(zip(starts, self.middle))
            ]
            for n, tile in tiles.items():
                self.transpose(here[n], self.inner[n], tile, rows, columns)
            with f.loop(0, rows, sure=True) as r:
                row = [
                    tiles[n][r * lanes] if n in tiles else pointer.bytes(r * stride)
                    for n, (pointer, stride) in enumerate(zip(here, self.middle))
                ]
                fixed = self.fixed(row)
                with f.if_(columns == lanes):
                    self.vector(row, fixed, [0])
                with f.else_():
                    self.vector(row, fixed, [0], Tail(f, columns, lanes))

    def transpose(self, pointer: Pointer, stride: Value, tile: Pointer, rows: Value, columns: Value) -> None:
        """Columns with that stride, as rows of the tile."""
        f, lanes = self.f, self.lanes

        def write(tail: Tail | None) -> None:
            held = (pointer.bytes(f.min(columns - 1, column) * stride) for column in range(lanes))
            for r, row in enumerate(transpose_tile(f, held, 0, lanes, pointer.of, tail)):
                tile[r * lanes].store(row)

        with f.if_(rows == lanes):
            write(None)
        with f.else_():
            write(Tail(f, rows, lanes))

    # -- vectors

    def fixed(self, row: list[Pointer]) -> dict[int, Value]:
        """The steps that a row's vectors share: constants, what does not move, and what is made of them."""
        values: dict[int, Value] = {}
        for number, step in enumerate(self.program.steps):
            if step.op == "input":
                n = self.results + step.value
                if self.form.moves[n] == SAME:
                    loaded = self.vectors.loaded(row[n].load(), step.dtype)
                    values[number] = loaded.splat(self.lanes)
            elif all(arg in values for arg in step.args):
                values[number] = self.vectors.step(step, [values[arg] for arg in step.args])
        return values

    def vector(
        self, row: list[Pointer], fixed: dict[int, Value], at: list[Value | int], tail: Tail | None = None
    ) -> None:
        """The vectors of a row that begin at these positions: all are read before one is written."""
        found = [dict(fixed) for _ in at]
        for number, step in enumerate(self.program.steps):
            if number in fixed:
                continue
            for i, values in zip(at, found):
                if step.op == "input":
                    values[number] = self.load(self.results + step.value, row, i, tail)
                else:
                    values[number] = self.vectors.step(step, [values[arg] for arg in step.args])
        for i, values in zip(at, found):
            for n, result in enumerate(self.program.results):
                self.store(n, row, i, self.vectors.stored(values[result], self.form.dtypes[n]), tail)

    def load(self, n: int, row: list[Pointer], i: Value | int, tail: Tail | None) -> Value:
        """An operand's vector."""
        move, pointer, lanes = self.form.moves[n], row[n], self.lanes
        if move == TRANSPOSED:
            value = pointer[i].load(lanes)
        elif move == UNIT:
            value = load(pointer[i], lanes, tail)
        else:
            value = self.gathered(n, pointer, i, tail)
        return self.vectors.loaded(value, self.form.dtypes[n])

    def gathered(self, n: int, pointer: Pointer, i: Value | int, tail: Tail | None) -> Value:
        """Numbers with a stride, one by one; behind the last one it again."""
        f, value = self.f, None
        for lane in range(self.lanes):
            position = lane if tail is None else f.min(tail.count - 1, lane)
            number = pointer.bytes((i + position) * self.inner[n]).load()
            value = number.splat(self.lanes) if value is None else f.insert(value, lane, number)
        return value

    def store(self, n: int, row: list[Pointer], i: Value | int, value: Value, tail: Tail | None) -> None:
        """Write a result's vector."""
        pointer = row[n]
        if self.form.moves[n] == UNIT:
            store(pointer[i], value, tail)
            return
        for lane in range(self.lanes):
            with self.f.if_(True if tail is None or not lane else tail.count > lane):
                pointer.bytes((i + lane) * self.inner[n]).store(value[lane])
