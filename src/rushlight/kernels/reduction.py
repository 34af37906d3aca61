"""Reductions of strided and broadcast arrays: the loops of a `plan.reduction.Plan`, a vector at a time.

In: a reduction's programs before and behind, and how each operand moves along the inner axis. Out: the function that
does one item, and the kernel `join`, which brings pieces together. Sizes and strides are words, so shapes do not
compile anew. Subnormals are computed with, as NumPy does.

    inner axis reduced                                 inner axis kept
    for each result:                                   for each part of the kept axis:
        far = none                                         far[all columns] = none
        for each line:                                     for each run of lines:
            for each run of it:                                near[all columns] = none
                near = none                                    for some lines at a time:
                for each vector of the run:                        for each column: near[column] += its numbers
                    near += before(its numbers)                for each column: far[column] += near[column]
                far += near                                for each column: result = after(far[column])
        result = after(all lanes of far)

A run is no longer than sums of float32 can be trusted; runs are added in float64.
"""

from __future__ import annotations

from typing import NamedTuple

from ..language.ir import Fields, Function, Module, Params, Pointer, Value, f64, i64, ptr, vec
from ..language.loops import divide
from ..plan.pointwise import SAME, STRIDED, UNIT
from ..plan.reduction import COLUMNS, OUTPUTS
from ..rules.expression import Program, bits_of
from .gathering import Gathering
from .steps import FUNCTIONS, REGISTERS, Vectors, in_memory
from .tails import Tail, load, store

UNROLL = 8
"""Vectors of an iteration, where programs are short."""
SHORT = 4
"""Steps of a short program."""
STEPS = 64
"""Numbers that are added one after the other in each lane of a run."""
ROWS = 8
"""Lines that are gone through together where the inner axis is kept."""
WIDEST = 32
"""Lanes at most."""
BLOCK = 256
"""Results that a thread joins at once."""


class Form(NamedTuple):
    """What a kernel depends on."""

    kinds: tuple[str, ...]
    before: Program
    after: Program
    moves: tuple[str, ...]
    reduced: bool
    short: bool
    split: bool

    def __str__(self) -> str:
        where = f"{'reduced' if self.reduced else 'kept'}{' short' * self.short}{' split' * self.split}"
        return f"{' '.join(self.kinds)} {' '.join(self.moves)} {where}\n{self.before}\n{self.after}"


_SIZES = (
    "mode", "items", "inner_chunks", "near_chunks", "rest_chunks", "inner", "near", "rest", "kept", "inner_span",
    "near_span", "rest_group", "kept_group", "outputs", "pieces", "piece_bytes", "rest_rank", "kept_rank",
)  # fmt: skip


def reduction_params(form: Form, numbers: int) -> Params:
    """The words of the kernels: addresses, sizes, the count and other numbers, strides of the inner and the near axis;
    behind them, for each other reduced axis and then for each kept one, innermost first, its size and strides."""
    addresses = {f"o{n}": ptr(in_memory(dtype)) for n, dtype in enumerate(form.after.outputs)}
    addresses |= {f"a{n}": ptr(in_memory(dtype)) for n, dtype in enumerate(form.before.inputs)}
    strides = {f"{axis}{n}": i64 for axis in ("inner_stride", "near_stride") for n in range(len(form.before.inputs))}
    told = {f"number{n}": f64 for n in range(numbers)}
    return Params(**addresses, partial=ptr(f64), **dict.fromkeys(_SIZES, i64), **told, **strides)


def emit_reduction(k: Module, form: Form, numbers: int) -> Function:
    """The function that does one item; exports `join` where items are pieces."""
    params = reduction_params(form, numbers)
    if form.split:
        _emit_join(k, form, params)
    return _emit_item(k, form, params)


def _emit_item(k: Module, form: Form, params: Params) -> Function:
    """The function that does one item."""
    pointers = [(f"o{n}", ptr(in_memory(dtype))) for n, dtype in enumerate(form.after.outputs)]
    pointers += [(f"a{n}", ptr(in_memory(dtype))) for n, dtype in enumerate(form.before.inputs)]
    parameters = [("words", ptr(i64)), *pointers, ("index", i64)]
    with k.function("item", parameters, inline=False, distinct=False) as (f, words, *bases, index):
        p = params.read(f, words)
        p.numbers = [getattr(p, name) for name in params.types if name.startswith("number")]
        p.table = words[2 + params.count]
        count = len(form.after.outputs)
        loops = (_ShortRows if form.short else _Rows if form.reduced else _Columns)(f, p, form, bases[:count])
        part, inner_chunk = divide(index, p.inner_chunks)
        part, near_chunk = divide(part, p.near_chunks)
        kept_group, rest_chunk = divide(part, p.rest_chunks)
        item = _Item()
        item.piece = rest_chunk * p.near_chunks + near_chunk
        if form.reduced:
            item.piece = item.piece * p.inner_chunks + inner_chunk
        item.first_i, item.first_r = inner_chunk * p.inner_span, near_chunk * p.near_span
        item.first_q, item.first_o = rest_chunk * p.rest_group, kept_group * p.kept_group
        item.last_i = f.min(item.first_i + p.inner_span, p.inner)
        item.last_r = f.min(item.first_r + p.near_span, p.near)
        item.last_q = f.min(item.first_q + p.rest_group, p.rest)
        item.last_o = f.min(item.first_o + p.kept_group, p.kept)
        loops.item(item, bases[count:])
    return f


class _Item:
    """Which part of the axes an item has, and of which piece it is."""

    piece: Value
    first_i: Value
    last_i: Value
    first_r: Value
    last_r: Value
    first_q: Value
    last_q: Value
    first_o: Value
    last_o: Value


class _Loops:
    """What both ways to go share."""

    def __init__(self, f: Function, p: Fields, form: Form, outs: list[Pointer]) -> None:
        self.f, self.p, self.form, self.outs = f, p, form, outs
        self.program = form.before
        widest = max(bits_of(step.dtype) for step in self.program.steps) // 8
        self.lanes = min(f.target.vector_bytes // widest, WIDEST)
        self.vectors = Vectors(f, self.program, self.lanes)
        self.gatherings = gatherings(f, form)
        self.inner = [getattr(p, f"inner_stride{n}") for n in range(len(form.moves))]
        self.near = [getattr(p, f"near_stride{n}") for n in range(len(form.moves))]
        self.heavy = any(step.op in FUNCTIONS for step in self.program.steps)

    def offset(self, pointers: list[Pointer], number: Value, start: Value | int, rank: Value) -> list[Pointer]:
        """The addresses at a position of several axes, by its number; the axes' sizes and strides are in the table."""
        f, width = self.f, len(pointers) + 1
        offsets, rest = [f.var(i64, 0) for _ in pointers], f.var(i64, number)
        with f.loop(0, rank) as axis:
            entry = self.p.table[(axis + start) * width]
            rest.value, position = divide(rest.value, entry.load())
            for n, offset in enumerate(offsets):
                offset.value = offset.value + position * entry[1 + n].load()
        return [pointer.bytes(offset.value) for pointer, offset in zip(pointers, offsets)]

    def moved(self, pointers: list[Pointer], i: Value | int) -> list[Pointer]:
        """Further on along the inner axis."""
        found = []
        for pointer, move, stride in zip(pointers, self.form.moves, self.inner):
            found.append(pointer if move == SAME else pointer[i] if move == UNIT else pointer.bytes(i * stride))
        return found

    def fixed(self, line: list[Pointer]) -> dict[int, Value]:
        """The steps that a line's vectors share."""
        values: dict[int, Value] = {}
        for number, step in enumerate(self.program.steps):
            if step.op == "input":
                if self.form.moves[step.value] == SAME:
                    values[number] = self.vectors.loaded(line[step.value].load(), step.dtype).splat(self.lanes)
            elif all(arg in values for arg in step.args):
                values[number] = self.vectors.step(step, [values[arg] for arg in step.args])
        return values

    def values(self, line: list[Pointer], fixed: dict[int, Value], i: Value | int, tail: Tail | None) -> list[Value]:
        """The formulas before, of the vector at i of a line."""
        values = dict(fixed)
        for number, step in enumerate(self.program.steps):
            if number not in values:
                if step.op == "input":
                    values[number] = self.load(step.value, line, i, tail)
                else:
                    values[number] = self.vectors.step(step, [values[arg] for arg in step.args])
        return [values[result] for result in self.program.results]

    def load(self, n: int, line: list[Pointer], i: Value | int, tail: Tail | None) -> Value:
        """An operand's vector."""
        pointer, lanes, dtype = line[n], self.lanes, self.program.inputs[n]
        if self.form.moves[n] == UNIT:
            value = load(pointer[i], lanes, tail)
        else:
            value = self.gathered(pointer, self.inner[n], i, tail)
        return self.vectors.loaded(value, dtype)

    def gathered(self, pointer: Pointer, stride: Value, i: Value | int, tail: Tail | None) -> Value:
        """Numbers with a stride, one by one; behind the last one it again."""
        f, value = self.f, None
        for lane in range(self.lanes):
            position = lane if tail is None else f.min(tail.count - 1, lane)
            number = pointer.bytes((i + position) * stride).load()
            value = number.splat(self.lanes) if value is None else f.insert(value, lane, number)
        return value

    def finish(self, far: list[Pointer], count: Value, at: Value, piece: Value) -> None:
        """What is held of some results, the first of which is `at`, is made them; or kept, as a piece's."""
        if not self.form.split:
            finish(self.f, self.p, self.form, self.outs, far, count, at)
            return
        f, p = self.f, self.p
        dtypes = held_by(self.gatherings)
        for n, (pointer, dtype) in enumerate(zip(far, dtypes)):
            of = REGISTERS[dtype]
            partial = p.partial.bytes(n * p.piece_bytes).to(of)[piece * p.outputs + at]
            with f.loop(0, count) as i:
                partial[i].store(pointer[i].load())


class _Rows(_Loops):
    """The inner axis is reduced: each result is of whole lines."""

    def item(self, item: _Item, bases: list[Pointer]) -> None:
        """The results of one item."""
        f, p = self.f, self.p
        dtypes = held_by(self.gatherings)
        found = [f.local(REGISTERS[dtype], OUTPUTS + 64) for dtype in dtypes]
        with f.loop(item.first_o, item.last_o) as o:
            starts = self.offset(bases, o, p.rest_rank, p.kept_rank)
            far = [[f.var(value.type, value) for value in g.no_far(self.lanes)] for g in self.gatherings]
            with f.loop(item.first_q, item.last_q) as q:
                lines = self.offset(starts, q, 0, p.rest_rank)
                with f.loop(item.first_r, item.last_r) as r:
                    line = [pointer.bytes(r * stride) for pointer, stride in zip(lines, self.near)]
                    start = (q * p.near + r) * p.inner
                    self.line(line, item.first_i, item.last_i, far, start)
            at = 0
            for g, held in zip(self.gatherings, far):
                for value in g.across([v.value for v in held]):
                    found[at][o - item.first_o].store(value)
                    at += 1
        self.finish(found, item.last_o - item.first_o, item.first_o, item.piece)

    def line(self, line: list[Pointer], first: Value, last: Value, far: list, start: Value) -> None:
        """The numbers of a line, in runs."""
        f, lanes = self.f, self.lanes
        plain = STRIDED not in self.form.moves and not self.heavy
        where = any(g.asks_where for g in self.gatherings)
        unroll = 1 if not plain else 2 if where or len(self.gatherings) > 1 else UNROLL
        unroll = unroll if len(self.program.steps) <= SHORT else min(unroll, 4)
        run, block, fixed = STEPS * unroll * lanes, unroll * lanes, self.fixed(line)
        near = [
            [[f.var(v.type) for v in g.no_near(lanes)] for _ in range(unroll)] for g in self.gatherings
        ]  # [gathering][vector][part]
        with f.loop(first, last, run) as begin:
            here = self.moved(line, begin)
            count = f.min(last - begin, run)
            for g, each in zip(self.gatherings, near):
                for n, parts in enumerate(each):
                    _put(parts, g.no_near(lanes, n * lanes))
            many, whole = count // block * block, count // lanes * lanes
            if unroll > 1:
                with f.loop(0, many, block) as i:
                    for n in range(unroll):
                        self.add(here, fixed, i + n * lanes, [each[n] for each in near])
            with f.loop(many if unroll > 1 else 0, whole, lanes) as i:
                self.add(here, fixed, i, [each[0] for each in near])
            with f.if_(whole < count):
                self.add(here, fixed, whole, [each[0] for each in near], Tail(f, count - whole, lanes))
            for g, each, held in zip(self.gatherings, near, far):
                kept = [[part.value for part in parts] for parts in each]
                while len(kept) > 1:
                    kept = [g.merged(a, b) for a, b in zip(kept[::2], kept[1::2])]
                _put(held, g.merged([v.value for v in held], g.widened(kept[0], start + begin)))

    def add(self, line: list[Pointer], fixed: dict, i: Value | int, near: list, tail: Tail | None = None) -> None:
        """One vector more."""
        f, lanes = self.f, self.lanes
        for g, parts, value in zip(self.gatherings, near, self.values(line, fixed, i, tail)):
            at = _positions(f, g, i, lanes) if g.asks_where else None
            if tail is not None:
                inside = f.mask(tail.count, lanes, g.near[0]).i1(g.near[0])
                value = f.select(inside, value, f.const(value.type, g.neutral))
            _put(parts, g.added([part.value for part in parts], value, at))


class _ShortRows(_Rows):
    """Each result is of one short line: the lanes of several lines are brought together at once."""

    def item(self, item: _Item, bases: list[Pointer]) -> None:
        """The results of one item."""
        f, p, lanes = self.f, self.p, self.lanes
        found = [f.local(of, OUTPUTS + 64) for g in self.gatherings for of in g.far]
        tiles = [[f.local(of, lanes * lanes) for of in g.near] for g in self.gatherings]
        with f.loop(0, lanes) as n:  # lines that are not there are not undefined
            for g, tile in zip(self.gatherings, tiles):
                _store(tile, n * lanes, g.no_near(lanes))
        with f.loop(item.first_o, item.last_o, lanes) as first:
            with f.loop(first, f.min(first + lanes, item.last_o), sure=True) as o:
                line = self.offset(bases, o, p.rest_rank, p.kept_rank)
                near = [[f.var(v.type, v) for v in g.no_near(lanes)] for g in self.gatherings]
                self.whole(line, near)
                for tile, parts in zip(tiles, near):
                    _store(tile, (o - first) * lanes, [part.value for part in parts])
            at = 0
            for g, tile in zip(self.gatherings, tiles):
                rows = [_load(tile, n * lanes, lanes) for n in range(lanes)]
                for value in g.widened(g.across_each(rows), f.const(i64, 0)):
                    found[at][first - item.first_o].store(value)
                    at += 1
        self.finish(found, item.last_o - item.first_o, item.first_o, item.piece)

    def whole(self, line: list[Pointer], near: list) -> None:
        """All numbers of a line."""
        f, lanes, count, fixed = self.f, self.lanes, self.p.inner, self.fixed(line)
        whole = count // lanes * lanes
        with f.loop(0, whole, lanes) as i:
            self.add(line, fixed, i, near)
        with f.if_(whole < count):
            self.add(line, fixed, whole, near, Tail(f, count - whole, lanes))


def _positions(f: Function, g: Gathering, i: Value | int, lanes: int) -> Value:
    iota = f.iota(g.position, lanes)
    if isinstance(i, int):
        return iota + i
    return iota + (i.to(g.position) if g.position is not i64 else i).splat(lanes)


def _put(variables: list, values: list[Value]) -> None:
    for variable, value in zip(variables, values):
        variable.value = value


class _Columns(_Loops):
    """The inner axis is kept: lines are added to each other."""

    def item(self, item: _Item, bases: list[Pointer]) -> None:
        """The results of one item."""
        f, p, lanes = self.f, self.p, self.lanes
        room = COLUMNS + lanes
        near = [[f.local(of, room) for of in g.near] for g in self.gatherings]
        far = [[f.local(of, room) for of in g.far] for g in self.gatherings]
        with (
            f.loop(item.first_o, item.last_o) as o,
            f.loop(item.first_i, item.last_i, COLUMNS) as i,
        ):
            starts = self.moved(self.offset(bases, o, p.rest_rank, p.kept_rank), i)
            width = f.min(item.last_i - i, COLUMNS)
            with f.loop(0, width, lanes) as c:
                for g, pointers in zip(self.gatherings, far):
                    _store(pointers, c, g.no_far(lanes))
            with f.loop(item.first_q, item.last_q) as q:
                lines = self.offset(starts, q, 0, p.rest_rank)
                with f.loop(item.first_r, item.last_r, STEPS * self.rows) as r:
                    last = f.min(r + STEPS * self.rows, item.last_r)
                    self.run(lines, r, last, width, near, far, q * p.near)
            self.finish([pointer for pointers in far for pointer in pointers], width, o * p.inner + i, item.piece)

    @property
    def rows(self) -> int:
        """Lines that are gone through together."""
        wide = len(self.program.steps) > SHORT or len(self.gatherings) > 1 or STRIDED in self.form.moves
        return 1 if self.heavy else ROWS // 4 if wide else ROWS

    def run(
        self, lines: list[Pointer], first: Value, last: Value, width: Value, near: list, far: list, start: Value
    ) -> None:
        """Some lines, near each other; then what they give joins the rest."""
        f, lanes, rows = self.f, self.lanes, self.rows
        with f.loop(0, width, lanes) as c:
            for g, pointers in zip(self.gatherings, near):
                _store(pointers, c, _at_first(f, g, lanes))
        many = first + (last - first) // rows * rows
        if rows > 1:
            with f.loop(first, many, rows) as r:
                self.lines([self.line(lines, r + n) for n in range(rows)], r - first, width, near)
        with f.loop(many if rows > 1 else first, last) as r:
            self.lines([self.line(lines, r)], r - first, width, near)
        with f.loop(0, width, lanes) as c:
            for g, pointers, held in zip(self.gatherings, near, far):
                joined = g.widened(_load(pointers, c, lanes), start + first)
                _store(held, c, g.merged(_load(held, c, lanes), joined))

    def line(self, lines: list[Pointer], r: Value) -> list[Pointer]:
        """The addresses of a line."""
        return [pointer.bytes(r * stride) for pointer, stride in zip(lines, self.near)]

    def lines(self, rows: list[list[Pointer]], at: Value, width: Value, near: list) -> None:
        """Several lines, column by column."""
        f, lanes = self.f, self.lanes
        whole = width // lanes * lanes
        fixed = [self.fixed(row) for row in rows]
        with f.loop(0, whole, lanes) as c:
            self.column(rows, fixed, at, c, near, None)
        with f.if_(whole < width):
            self.column(rows, fixed, at, whole, near, Tail(f, width - whole, lanes))

    def column(
        self, rows: list, fixed: list[dict], at: Value, c: Value, near: list, tail: Tail | None
    ) -> None:  # fmt: skip
        """A vector of columns of several lines."""
        lanes = self.lanes
        found = [self.values(row, own, c, tail) for row, own in zip(rows, fixed)]
        for g, pointers, values in zip(self.gatherings, near, zip(*found)):
            kept = _load(pointers, c, lanes)
            if g.asks_where:
                for n, value in enumerate(values):
                    position = (at + n).to(g.position) if g.position is not i64 else at + n
                    kept = g.added(kept, value, position.splat(lanes))
            else:
                tree = list(values)
                while len(tree) > 1:
                    tree = [g.merged([a], [b])[0] for a, b in zip(tree[::2], tree[1::2])]
                kept = g.added(kept, tree[0], None)
            _store(pointers, c, kept)


def _at_first(f: Function, g: Gathering, lanes: int) -> list[Value]:
    """Of no lines: positions are those of the first one."""
    found = g.no_near(lanes)
    return [found[0], f.const(vec(g.position, lanes), 0)] if g.asks_where else found


def _load(pointers: list[Pointer], at: Value, lanes: int) -> list[Value]:
    return [pointer[at].load(lanes) for pointer in pointers]


def _store(pointers: list[Pointer], at: Value, values: list[Value]) -> None:
    for pointer, value in zip(pointers, values):
        pointer[at].store(value)


# -- what becomes of it


def gatherings(f: Function, form: Form) -> list[Gathering]:
    """How the numbers of each formula are brought together."""
    return [
        Gathering(f, kind, form.before.steps[result].dtype) for kind, result in zip(form.kinds, form.before.results)
    ]


def held_by(gathered: list[Gathering]) -> list[str]:
    """The dtypes of all that is held."""
    return [dtype for g in gathered for dtype in g.held]


def finish(
    f: Function, p: Fields, form: Form, outs: list[Pointer], far: list[Pointer], count: Value, at: Value
) -> None:
    """Results of what is held in `far`, the first of which is `at`. What lies behind the last one may be read."""
    program = form.after
    widest = max([8, *[bits_of(step.dtype) // 8 for step in program.steps]])
    lanes = f.target.vector_bytes // widest
    vectors = Vectors(f, program, lanes)
    told = p.numbers

    def some(i: Value, tail: Tail | None) -> None:
        values: list[Value] = []
        for step in program.steps:
            if step.op != "input":
                values.append(vectors.step(step, [values[arg] for arg in step.args]))
            elif step.value < len(far):
                values.append(far[step.value][i].load(lanes))
            else:
                values.append(told[step.value - len(far)].splat(lanes))
        for out, result, dtype in zip(outs, program.results, program.outputs):
            store(out[at + i], vectors.stored(values[result], dtype), tail)

    whole = count // lanes * lanes
    with f.loop(0, whole, lanes) as i:
        some(i, None)
    with f.if_(whole < count):
        some(whole, Tail(f, count - whole, lanes))


def _emit_join(k: Module, form: Form, params: Params) -> None:
    """Exports `join`: the results of what is held of all pieces."""
    with k.kernel("join", params, flushed=False) as (f, p), f.in_mode(p.mode):
        p.numbers = [getattr(p, name) for name in params.types if name.startswith("number")]
        outs = [getattr(p, f"o{n}") for n in range(len(form.after.outputs))]
        gathered, lanes = gatherings(f, form), k.lanes(f64)
        dtypes = held_by(gathered)
        found = [f.local(REGISTERS[dtype], BLOCK + lanes) for dtype in dtypes]
        pointers = [p.partial.bytes(n * p.piece_bytes).to(REGISTERS[dtype]) for n, dtype in enumerate(dtypes)]
        with f.dynamic_loop(p.next, f.ceil_div(p.outputs, BLOCK)) as block:
            first = block * BLOCK
            count = f.min(p.outputs - first, BLOCK)
            with f.loop(0, count, lanes) as i:
                totals = [[f.var(v.type, v) for v in g.no_far(lanes)] for g in gathered]
                with f.loop(0, p.pieces) as piece:
                    row, at = piece * p.outputs + first + i, 0
                    for g, total in zip(gathered, totals):
                        parts = [pointer[row].load(lanes) for pointer in pointers[at : at + len(total)]]
                        _put(total, g.merged([v.value for v in total], parts))
                        at += len(total)
                at = 0
                for total in totals:
                    for v in total:
                        found[at][i].store(v.value)
                        at += 1
            finish(f, p, form, outs, found, count, first)
