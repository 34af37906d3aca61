"""The picture of `pad`: the output, whose padded cells say which position they are a copy of."""

from __future__ import annotations

from itertools import product

from rushlight.backends.reference.padding import source

from ..facts import Axis, Facts
from ..text import MODES
from ..words import Words
from .canvas import MARGIN, Canvas
from .grid import Grid, number
from .sheet import begin, captions, crops, key, moving_captions, sizes
from .view import View, with_gaps

CELL, RIM, ROOM, MOST = 26, 34, 16, 36


def pad_picture(facts: Facts, say: Words) -> Canvas:
    """The last two padded axes (or the one there is); frames step through the cells that are not the input's."""
    canvas, y = begin(facts, say)
    axes = facts.axes[-2:]
    views = [_view(axis) for axis in axes]
    sources = [_sources(axis, facts.mode) for axis in axes]
    rows = views[0].positions if len(axes) == 2 else (0,)
    grid = Grid(MARGIN + RIM, y + 40, rows, views[-1].positions, CELL)
    grid.draw(canvas, lambda *position: "cell" if _inside(axes, position) else "pad")
    grid.label_columns(canvas)
    if len(axes) == 2:
        grid.label_rows(canvas)
    sentences = _frames(canvas, facts, axes, sources, grid, say)
    if facts.mode != "constant" and len(axes) == 1:
        grid.write(canvas, lambda row, column: number(sources[0][column]))
    y = moving_captions(canvas, sentences, canvas.height + 28) + 4
    value = facts.asked.arguments["value"] or 0
    last = [("out", say("what it is a copy of"))] if facts.mode != "constant" else []
    y = key(canvas, [("cell", say("input")), ("tap", say("one padded position")), *last], y)
    how = say("padding is filled with {value}", value=value) if facts.mode == "constant" else say(MODES[facts.mode])
    remarks = [how, say("pads are written last axis first, two numbers an axis: before and after")]
    remarks += [say("negative pads crop: those positions are gone")] if any(min(pair) < 0 for pair in facts.pad) else []
    captions(canvas, [*remarks, *sizes(facts, say), *crops(axes, views, say)], y)
    return canvas


def _view(axis: Axis) -> View:
    """Both ends of the padded axis."""
    n = axis.numbers
    positions = range(-n["before"], n["size"] + n["after"])
    if len(positions) <= ROOM:
        return View(with_gaps([*positions]), (), True)
    half = ROOM // 2
    return View(with_gaps([*positions[:half], *positions[-half:]]), (), False)


def _sources(axis: Axis, mode: str) -> dict[int, int]:
    """For each position of the padded axis the input's position that it shows."""
    n = axis.numbers
    positions = range(-n["before"], n["size"] + n["after"])
    if mode == "constant":
        return {position: position for position in positions}
    return dict(zip(positions, map(int, source(mode, n["size"], n["before"], n["after"]))))


def _inside(axes: tuple[Axis, ...], position: tuple[int, ...]) -> bool:
    return all(0 <= p < axis.size for p, axis in zip(position[-len(axes) :], axes))


def _frames(
    canvas: Canvas, facts: Facts, axes: tuple[Axis, ...], sources: list[dict[int, int]], grid: Grid, say: Words
) -> list[str]:
    cells = [*product(*([p for p in line if p is not None] for line in (grid.rows, grid.columns)))]
    padded = [position for position in cells if not _inside(axes, position)]
    sentences = []
    for position in padded[:: -(-len(padded) // MOST) or 1] if padded else []:
        canvas.begin_frame()
        origin = tuple(line[p] for line, p in zip(sources, position[-len(axes) :]))
        if facts.mode != "constant":
            canvas.squares(grid.corners([(0, *origin)[-2:]]), CELL, "out")
        canvas.squares(grid.corners([position]), CELL, "tap")
        canvas.dots(grid.centres([position]), CELL / 8, "dot")
        canvas.end_frames()
        shown = tuple(position[-len(axes) :])
        if facts.mode == "constant":
            value = facts.asked.arguments["value"] or 0
            sentences.append(say("position {p} is {value}", p=_words(shown), value=value))
        else:
            sentences.append(say("position {p} is a copy of {q}", p=_words(shown), q=_words(origin)))
    return sentences


def _words(position: tuple[int, ...]) -> str:
    return number(position[0]) if len(position) == 1 else f"({', '.join(map(number, position))})"
