"""Pictures of layers without windows: Linear, a matrix times a row; Flatten, axes laid end to end."""

from __future__ import annotations

from math import prod

from ..facts import Facts
from ..words import Words
from .canvas import MARGIN, Canvas
from .grid import Grid
from .sheet import begin, captions, key, moving_captions, ranges
from .view import ends, with_gaps

CELL, RIM = 24, 34


def linear_picture(facts: Facts, say: Words) -> Canvas:
    """x as a row above the weight, y as a column beside it; frames step through the outputs."""
    canvas, y = begin(facts, say)
    first, second = facts.x[-1], facts.weight[0] if len(facts.weight) == 2 else 1
    columns, rows = ends(first, 14), ends(second, 9)
    x = MARGIN + RIM + 26
    canvas.text(MARGIN, y + 44, say("input"), "head")
    source = Grid(x, y + 30, (0,), columns, CELL)
    canvas.text(MARGIN, y + 92, say("weight"), "head")
    weight = Grid(x, y + 96, rows, columns, CELL)
    target = Grid(x + weight.width + 76, y + 96, rows, (0,), CELL)
    canvas.text(target.x - 20, y + 86, say("output"), "head")
    for grid in (source, weight, target):
        grid.draw(canvas, lambda row, column: "cell")
    source.label_columns(canvas)
    weight.label_rows(canvas)
    target.label_rows(canvas)
    sentences = []
    for row in [row for row in rows if row is not None]:
        canvas.begin_frame()
        drawn = [column for column in columns if column is not None]
        for grid, line in (source, 0), (weight, row):
            canvas.squares(grid.corners([(line, column) for column in drawn]), CELL, "tap")
            canvas.dots(grid.centres([(line, column) for column in drawn]), CELL / 8, "dot")
        canvas.squares(target.corners([(row, 0)]), CELL, "out")
        canvas.arrow(x + weight.width + 10, y + 96 + weight._top[row] + CELL / 2, 26)
        canvas.end_frames()
        sentences.append(say("output {o} = bias {o} + Σ weight[{o}, i] · input i over {n} features", o=row, n=first))
    y = moving_captions(canvas, sentences, canvas.height + 26) + 4
    read = say("row of weights and the input: multiplied, summed")
    y = key(canvas, [("tap", read), ("out", say("the output they make"))], y)
    remarks = [say("the same for every position of the axes before the last one")] if len(facts.x) > 1 else []
    if None in (*rows, *columns):
        outputs, inputs = (len([position for position in line if position is not None]) for line in (rows, columns))
        sentence = "drawn in part: {a} of {b} outputs, {c} of {d} inputs"
        remarks.append(say(sentence, a=outputs, b=second, c=inputs, d=first))
    captions(canvas, remarks, y)
    return canvas


def flatten_picture(facts: Facts, say: Words) -> Canvas:
    """The joined axes as a grid whose last axis runs to the right, and below it the line that they become."""
    canvas, y = begin(facts, say)
    joined = _joined(facts)
    last, lead = (joined[-1], joined[:-1]) if joined else (1, ())
    rows, columns = ends(prod(lead), 5), ends(last, 7)
    cells = [(row, column) for row in rows if row is not None for column in columns if column is not None]
    x = MARGIN + RIM + 46
    source = Grid(x, y + 48, rows, columns, CELL)
    canvas.text(MARGIN, y + 22, say("input: axes {a} as rows, the last one to the right", a=_names(facts)), "head")
    source.draw(canvas, lambda row, column: "cell")
    source.label_columns(canvas)
    for row, top in source._top.items():
        canvas.text(x - 4, source.y + top + CELL / 2 + 4, str(_index(row, lead)), "small end")
    line = with_gaps(sorted(row * last + column for row, column in cells))
    scale = CELL if len(line) <= 22 else 19
    target = Grid(x, source.y + source.height + 56, (0,), line, scale)
    canvas.text(
        MARGIN,
        target.y - 18,
        say("output: axis {a}", a=facts.asked.arguments["start_dim"] % max(1, len(facts.x))),
        "head",
    )
    target.draw(canvas, lambda row, column: "cell")
    target.label_columns(canvas)
    sentences = []
    for row, column in cells:
        canvas.begin_frame()
        canvas.squares(source.corners([(row, column)]), CELL, "tap")
        canvas.dots(source.centres([(row, column)]), CELL / 8, "dot")
        canvas.squares(target.corners([(0, row * last + column)]), scale, "out")
        canvas.end_frames()
        position = (*_index(row, lead), column)
        sentences.append(say("input {position} becomes entry {n}", position=position, n=row * last + column))
    y = moving_captions(canvas, sentences, canvas.height + 28) + 4
    y = key(canvas, [("tap", say("one number")), ("out", say("where it goes"))], y)
    parts = [say("drawn in part, as it is: entries {parts}", parts=ranges([n for n in line if n is not None]))]
    captions(canvas, parts if None in (*rows, *columns) else [], y)
    return canvas


def _joined(facts: Facts) -> tuple[int, ...]:
    given, dims = facts.asked.arguments, max(1, len(facts.x))
    return facts.x[given["start_dim"] % dims : given["end_dim"] % dims + 1]


def _names(facts: Facts) -> str:
    given, dims = facts.asked.arguments, max(1, len(facts.x))
    start, end = given["start_dim"] % dims, given["end_dim"] % dims
    return str(start) if start == end else f"{start} … {end}"


def _index(row: int, lead: tuple[int, ...]) -> tuple[int, ...]:
    """The indices of the leading joined axes that a row stands for."""
    found: list[int] = []
    for size in reversed(lead):
        found.append(row % size)
        row //= size
    return tuple(reversed(found))
