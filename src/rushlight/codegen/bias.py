"""The bias's gradient: the sum of an array over everything but its channels.

In: an array whose channels, or whose positions, are neighbours in memory. Out: the kernel `sums`, which writes partial
sums [chunk][channel]; `lanewise_wgrad.emit_finish` adds them in order. What a chunk is, the geometry decides alone.
"""

from __future__ import annotations

from .ir import Function, Module, Params, Pointer, Type, Value, i64, ptr, vec
from .loops import divide

UNROLL = 4
"""Vectors under way at once."""


def bias_params(source: Type, number: Type) -> Params:
    """The words of `sums`: `pieces` of each image's positions make the chunks; `image`, `step` are strides in numbers
    of images and of channels or positions, whichever are not neighbours."""
    words = ["images", "pieces", "piece", "positions", "channels", "image", "step"]
    return Params(y=ptr(source), sums=ptr(number), **dict.fromkeys(words, i64))


def emit_bias(k: Module, source: Type, number: Type, inner: str) -> None:
    """Exports `sums`; `inner` is what lies next to each other: channels or positions."""
    lanes = k.lanes(number)
    with k.kernel("sums", bias_params(source, number)) as (f, p):
        p.source, p.number, p.lanes = source, number, lanes
        if inner == "channels":
            with f.claim(p.next, p.images * p.pieces) as chunk:
                image, piece = divide(chunk, p.pieces)
                begin = piece * p.piece
                count = f.min(p.piece, p.positions - begin)
                _sum_rows(f, p, p.y[image * p.image + begin * p.step], count, p.sums[chunk * p.channels])
            return
        with f.claim(p.next, p.images * p.pieces * p.channels) as item:
            chunk, channel = divide(item, p.channels)
            image, piece = divide(chunk, p.pieces)
            begin = piece * p.piece
            count = f.min(p.piece, p.positions - begin)
            line = p.y[image * p.image + channel * p.step + begin]
            p.sums[item].store(_sum_line(f, p, line, count))


def _sum_rows(f: Function, p, rows: Pointer, count: Value, target: Pointer) -> None:  # noqa: ANN001
    """for blocks of channels:  target[channels] = Σ over positions rows[position][channels]"""
    block = UNROLL * p.lanes
    whole = p.channels // block * block
    with f.loop(0, whole, block) as c:
        _sum_block(f, p, rows[c], count, target[c], [None] * UNROLL)
    with f.loop(whole, p.channels, p.lanes) as c:
        left = p.channels - c
        _sum_block(f, p, rows[c], count, target[c], [left])


def _sum_block(f: Function, p, rows: Pointer, count: Value, target: Pointer, lefts: list) -> None:  # noqa: ANN001
    kinds = (p.source, p.number)
    masks = [[None if left is None else f.mask(left, p.lanes, kind) for kind in kinds] for left in lefts]
    totals = [f.var(vec(p.number, p.lanes), 0.0) for _ in lefts]
    with f.loop(0, count) as position:
        row = rows[position * p.step]
        for v, total in enumerate(totals):
            total.value = total.value + row[v * p.lanes].load(p.lanes, mask=masks[v][0]).to(p.number)
    for v, total in enumerate(totals):
        target[v * p.lanes].store(total.value, mask=masks[v][1])


def _sum_line(f: Function, p, line: Pointer, count: Value) -> Value:  # noqa: ANN001
    """Σ over `count` neighbours."""
    block = UNROLL * p.lanes
    totals = [f.var(vec(p.number, p.lanes), 0.0) for _ in range(UNROLL)]
    whole = count // block * block
    with f.loop(0, whole, block) as i:
        for v, total in enumerate(totals):
            total.value = total.value + line[i + v * p.lanes].load(p.lanes).to(p.number)
    with f.loop(whole, count, p.lanes) as i:
        some = line[i].load(p.lanes, mask=f.mask(count - i, p.lanes, p.source))
        totals[0].value = totals[0].value + some.to(p.number)
    first, second = totals[0].value + totals[1].value, totals[2].value + totals[3].value
    return f.sum_lanes(first + second)
