"""The reduction of partial sums: what threads summed chunk by chunk, added in the order of the chunks.

In: memory in which the sums of each chunk lie alike, at a fixed distance. Out: their totals as values
(`add_partial_sums`), or the kernel `totals`, which writes a row of them. Chunks follow from a layer's geometry alone,
so that any team gives the same bits.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..language.ir import Array, Fields, Function, Mask, Module, Params, Pointer, Type, Value, Word, f64, vec

UNROLL = 4
"""Vectors under way at once."""

BLOCK = 256
"""Totals that a thread takes at once."""


def add_partial_sums(
    f: Function, first: Sequence[Pointer], chunks: Value, distance: Value, lanes: int, number: Type,
    masks: Sequence[Mask | None] | None = None,
) -> list[Value]:  # fmt: skip
    """For each pointer into the first chunk the total of its vector (its number, for 0 lanes) over all `chunks`, of
    which there is one at least; added as numbers of type `number`."""
    masks = masks or [None] * len(first)

    def load(at: Pointer, mask: Mask | None) -> Value:
        return at.load(lanes, mask=mask).to(number)

    type = vec(number, lanes) if lanes else number
    totals = [f.var(type, load(at, mask)) for at, mask in zip(first, masks)]
    with f.loop(1, chunks) as chunk:
        for total, at, mask in zip(totals, first, masks):
            total.value = total.value + load(at[chunk * distance], mask)
    return [total.value for total in totals]


class TotalsFields(Fields):
    """The words of `totals`: `rows` rows of `channels` sums, a chunk each."""

    sums: Array
    result: Array
    rows: Word
    channels: Word


def totals_params(number: Type, result: Type) -> Params[TotalsFields]:
    """The words of `totals` for these types."""
    return Params(TotalsFields, sums=number, result=result)


def emit_totals(k: Module, number: Type, result: Type) -> None:
    """Exports `totals`:  result[c] = Σ over rows, in order and in double precision,  sums[row][c]."""
    lanes = k.lanes(f64)
    with (
        k.kernel("totals", totals_params(number, result)) as (f, p),
        f.dynamic_loop(p.next, f.ceil_div(p.channels, BLOCK)) as item,
    ):
        begin = item * BLOCK
        end = f.min(begin + BLOCK, p.channels)
        block = UNROLL * lanes
        many = begin + (end - begin) // block * block

        def write(c: Value, count: int, masks: Sequence[Sequence[Mask | None]]) -> None:
            """The totals of `count` vectors from channel c on; `masks` of the sums and of the result."""
            first = [p.sums[c][v * lanes] for v in range(count)]
            totals = add_partial_sums(f, first, p.rows, p.channels, lanes, f64, masks[0])
            for v, total in enumerate(totals):
                p.result[c][v * lanes].store(total.to(result), mask=masks[1][v])

        with f.loop(begin, many, block) as c:
            write(c, UNROLL, [[None] * UNROLL] * 2)
        with f.loop(many, end, lanes) as c:
            write(c, 1, [[f.mask(end - c, lanes, of)] for of in (number, result)])
