"""The picture of a transposed convolution: every input is spread over the outputs under the taps.

In come `Facts`; out comes a canvas: the input, and the output with what padding crops of it. Frames step through the
inputs; the number in an output's cell says how many products are added there.
"""

from __future__ import annotations

from itertools import product
from math import prod

from rushlight.rules.in_bounds import in_bounds_range

from ..facts import Axis, Facts
from ..text import MODES, alike
from ..words import Words
from .canvas import MARGIN, Canvas
from .sheet import begin, captions, crops, key, moving_captions, ranges, sizes
from .view import Moving, ends, view_of, with_gaps
from .windows import CELL, RIM, ROOM, Position, Volume, funnel, rims


def spreading(axis: Axis) -> Moving:
    """The taps of each input over the outputs, cropped ones included."""
    n = axis.numbers
    end = (n["size"] - 1) * n["stride"] + axis.span - n["before"]
    first = min(0, -n["before"])
    return Moving(n["size"], n["taps"], n["stride"], n["dilation"], n["before"], first, max(end, axis.out))


def added(axis: Axis, position: int) -> int:
    """How many inputs reach an output position of this axis: the taps that stand on an input."""
    n = axis.numbers
    last = position + n["before"] - n["dilation"] * (n["taps"] - 1)  # what the last tap would have to stand on
    taps, _ = in_bounds_range(last, n["dilation"], n["taps"], n["size"], n["stride"])
    return len(range(*taps.indices(n["taps"])))


def scatter_picture(facts: Facts, say: Words) -> Canvas:
    """The whole sheet."""
    canvas, y = begin(facts, say)
    rank = len(facts.axes)
    axes = [spreading(axis) for axis in facts.axes]
    views = [view_of(axis, *room) for axis, room in zip(axes, ROOM[rank])]
    lines, cell = rank == 1, CELL[rank]
    lead_in, lead_out = ([ends(n, 5)] if lines else [] for n in facts.channels)
    x, top = MARGIN + RIM, y + 48
    source_axes = [*lead_in, *(with_gaps(list(view.windows)) for view in views)]
    target_axes = [*lead_out, *(view.positions for view in views)]
    goal = Volume(x, top, target_axes, cell)
    source = Volume(x, top, source_axes, cell)
    shift = max(0.0, (goal.bottom - source.bottom) / 2)
    source = Volume(x, top + shift, source_axes, cell)
    goal = Volume(source.right + 2 * RIM + 30, top, target_axes, cell)
    high = 26 if rank < 3 else 36
    canvas.text(x - RIM + 8, top + shift - high, f"{say('input')}: {rims(facts, say)}", "head")
    canvas.text(goal.x - RIM + 8, top - high, f"{say('output')}: {rims(facts, say)}", "head")
    source.draw(canvas, lambda _: "cell", say("depth"))
    goal.draw(canvas, lambda position: _kind(facts, position), say("depth"))
    for lead, grid in goal.grids.items():
        grid.write(canvas, lambda *position, lead=lead: _count(facts, (*lead, *position)))
    sentences = _frames(canvas, facts, axes, [view.windows for view in views], source, goal, say)
    y = moving_captions(canvas, sentences, canvas.height + 26) + 4
    y = key(canvas, _key(facts, axes, say), y)
    captions(canvas, [*_remarks(facts, say), *sizes(facts, say), *crops(facts.axes, views, say)], y)
    return canvas


def _inside(facts: Facts, position: Position) -> bool:
    return all(0 <= p < axis.out for p, axis in zip(position[-len(facts.axes) :], facts.axes))


def _kind(facts: Facts, position: Position) -> str:
    return "cell" if _inside(facts, position) else "pad"


def _count(facts: Facts, position: Position) -> str:
    """How many products are added at a position, for one pair of channels."""
    position = position[-len(facts.axes) :]
    return str(prod(added(axis, p) for p, axis in zip(position, facts.axes))) if _inside(facts, position) else ""


def _frames(
    canvas: Canvas, facts: Facts, axes: list[Moving], windows: list[tuple[int, ...]], source: Volume, goal: Volume,
    say: Words,
) -> list[str]:  # fmt: skip
    lines = len(axes) == 1
    channels = [None] if not lines else [0] if facts.channels[0] == 1 else [0, facts.channels[0] - 1]
    names = [say(axis.name) for axis in facts.axes]
    sentences = []
    for channel, window in product(channels, [*product(*windows)]):
        positions = [*product(*(axis.positions(at) for axis, at in zip(axes, window)))]
        rows = _rows(facts, channel)
        canvas.begin_frame()
        one = [(channel, *window) if lines else window]
        positions = [(row, *position) for row in rows for position in positions] if lines else positions
        funnel(canvas, source, one, goal, positions)
        source.mark(canvas, one, "out")
        goal.mark(canvas, positions, "tap", dots=True)
        canvas.end_frames()
        where = ", ".join(f"{name} {at}" for name, at in zip(names, window))
        there = "; ".join(f"{name} {ranges(axis.positions(at))}" for name, axis, at in zip(names, axes, window))
        if channel is None:
            sentences.append(
                say("input {where} times weight is added to the output at {there}", where=where, there=there)
            )
        else:
            sentence = "input channel {c}, {where} times weight is added to output channels {o}, {there}"
            sentences.append(say(sentence, c=channel, where=where, there=there, o=ranges([*rows])))
    return sentences


def _rows(facts: Facts, channel: int | None) -> range:
    """The output channels that an input channel is spread over: those of its group."""
    first, second = (n // facts.groups for n in facts.channels)
    group = (channel or 0) // first
    return range(group * second, (group + 1) * second)


def _key(facts: Facts, axes: list[Moving], say: Words) -> list[tuple[str, str]]:
    cropped = any(axis.first < 0 or axis.end > one.out for axis, one in zip(axes, facts.axes))
    entries = [("cell", say("a number"))] + ([("pad", say("cropped by padding"))] if cropped else [])
    return [*entries, ("out", say("one input")), ("tap", say("where it is added"))]


def _remarks(facts: Facts, say: Words) -> list[str]:
    found = [say("the number in a cell: how many products are added there, for a pair of channels")]
    for axes in alike(facts.axes):
        extra, name = axes[0].numbers["output_padding"], say(" and ").join(say(axis.name) for axis in axes)
        if extra:
            sentence = "{name}: output_padding={n} lets the output end {n} later; nothing is padded"
            found.append(say(sentence, name=name, n=extra))
    if len(facts.axes) > 1 and facts.channels[0] // facts.groups > 1:
        sentence = "one plane is drawn; {n} input channels are added up in every output channel"
        found.append(say(sentence, n=facts.channels[0] // facts.groups))
    if facts.mode in MODES:
        found.append(say("the input goes on past its ends (padding_mode); only its own positions are drawn"))
    return found
