"""The picture of a layer whose windows move over its input: Conv, Unfold, and Fold, which goes the other way.

In come `Facts`; out comes a canvas: the input with its padding, the taps that make one output, the outputs. Frames
step through the outputs that are drawn.
"""

from __future__ import annotations

from itertools import product
from math import prod

from ..facts import Axis, Facts
from ..kept import pooling
from ..reading import CONV, FOLD, POOL
from ..text import MODES
from ..words import Words
from .canvas import MARGIN, Canvas
from .grid import Grid
from .sheet import begin, captions, crops, key, moving_captions, ranges, sizes
from .view import Moving, View, ends, view_of, with_gaps

# By the number of axes: positions and windows to draw on each, and a cell's size.
ROOM = {1: ((26, 12),), 2: ((17, 7), (17, 7)), 3: ((5, 2), (9, 3), (9, 3))}
FEW = {1: ((26, 12),), 2: ((12, 4), (12, 4)), 3: ((4, 2), (7, 2), (7, 2))}  # where each is a column of its own
CELL = {1: 24, 2: 24, 3: 19}
RIM = 34  # beside a grid, for its numbers
Position = tuple[int, ...]


class Volume:
    """Cells at positions of one, two or three axes: planes of rows and columns below each other."""

    def __init__(self, x: float, y: float, axes: list[tuple[int | None, ...]], cell: float) -> None:
        *depths, rows, columns = axes
        self.grids: dict[Position, Grid] = {}
        for depth in [d for d in depths[0] if d is not None] if depths else [()]:
            lead = (depth,) if depths else ()
            self.grids[lead] = Grid(x, y, rows, columns, cell)
            y += self.grids[lead].height + 36
        self.x, self.bottom, self.right = x, y - 36, x + next(iter(self.grids.values())).width

    def draw(self, canvas: Canvas, kind_of: object, depth_name: str = "") -> None:
        """All cells, with the numbers of rows and columns."""
        for lead, grid in self.grids.items():
            grid.draw(canvas, lambda row, column, lead=lead: kind_of((*lead, row, column)))
            grid.label_columns(canvas)
            grid.label_rows(canvas)
            if lead:
                canvas.text(grid.x, grid.y - 17, f"{depth_name} {lead[0]}".replace("-", "−"), "small")

    def split(self, positions: list[Position]) -> list[tuple[Grid, list[tuple[int, int]]]]:
        """Places by the plane that they are in."""
        found = [
            (grid, [position[-2:] for position in positions if position[:-2] == lead])
            for lead, grid in self.grids.items()
        ]
        return [(grid, cells) for grid, cells in found if cells]

    def mark(self, canvas: Canvas, positions: list[Position], kind: str, dots: bool = False) -> None:
        """Cells of another kind, on top."""
        for grid, cells in self.split(positions):
            canvas.squares(grid.corners(cells), grid.cell, kind)
            if dots:
                canvas.dots(grid.centres(cells), grid.cell / 8, "dot")


def moving(axis: Axis) -> Moving:
    """The windows of an axis over its padded input."""
    n = axis.numbers
    first, end = -n["before"], n["size"] + n["after"]
    return Moving(axis.out, n["taps"], n["stride"], n["dilation"], n["before"], first, end)


def windows_picture(facts: Facts, say: Words) -> Canvas:
    """The whole sheet."""
    canvas, y = begin(facts, say)
    rank = len(facts.axes)
    axes = [moving(axis) for axis in facts.axes]
    views = [view_of(axis, *room) for axis, room in zip(axes, (ROOM if facts.way in (CONV, POOL) else FEW)[rank])]
    drawing = _Drawing(facts, axes, views, say)
    sentences = drawing.draw(canvas, y + 30)
    y = canvas.height + 26
    y = moving_captions(canvas, sentences, y) + 4
    y = key(canvas, drawing.key(), y)
    captions(canvas, [*drawing.remarks(), *sizes(facts, say), *crops(facts.axes, views, say)], y)
    return canvas


def rims(facts: Facts, say: Words) -> str:
    """What rows and columns of a grid are."""
    names = [say(axis.name) for axis in facts.axes]
    rows = say("channels") if len(names) == 1 else names[-2]
    return f"{rows} × {names[-1]}"


class _Drawing:
    """The two grids and the frames."""

    def __init__(self, facts: Facts, axes: list[Moving], views: list[View], say: Words) -> None:
        self.facts, self.axes, self.views, self.say = facts, axes, views, say
        self.lines = len(axes) == 1  # one axis: the channels are drawn beside it
        self.cell = CELL[len(axes)]
        self.channels = _channels(facts)
        self.groups = self.channels[0] if facts.way == POOL else facts.groups
        self.columns = facts.way not in (CONV, POOL)  # the target is what unfold gives

    def draw(self, canvas: Canvas, y: float) -> list[str]:
        """Draw, and give a sentence a frame."""
        say, folding = self.say, self.facts.way == FOLD
        x = MARGIN + RIM
        positions = [view.positions for view in self.views]
        lead = [ends(self.channels[0], 5)] if self.lines else []
        self.source = Volume(x, y + 18, [*lead, *positions], self.cell)
        self._title(canvas, x, y, say("image") if folding else say("input"))
        self.source.draw(canvas, self._kind, say("depth"))
        self._draw_target(canvas, self.source.right + 2 * RIM + 30, y)
        if folding or len(positions) > 2:
            self._arrow(canvas, y + 18, folding)
        return self._frames(canvas)

    def _arrow(self, canvas: Canvas, top: float, back: bool) -> None:
        """From the input to the output, or from the blocks back to the image."""
        x, y = self.source.right + 14, (top + self.source.bottom) / 2
        if back:
            canvas.path(f"M{x + 30:.0f} {y:.0f}h-30m6 -5l-6 5l6 5", "wire")
        else:
            canvas.arrow(x, y, 30)

    def _title(self, canvas: Canvas, x: float, y: float, name: str) -> None:
        high = 10 if len(self.axes) > 2 else 0  # the planes have names of their own
        canvas.text(x - RIM + 8, y - 8 - high, f"{name}: {rims(self.facts, self.say)}", "head")

    def _draw_target(self, canvas: Canvas, x: float, y: float) -> None:
        """The outputs; of unfold and fold the columns."""
        say = self.say
        if self.columns:
            rows = self.channels[0] * prod(axis.taps for axis in self.axes)
            blocks = sorted(self._block(window) for window in self._windows())
            axes = [ends(rows, 9), with_gaps(blocks)]
        else:
            lead = [ends(self.channels[1], 5)] if self.lines else []
            axes = [*lead, *(with_gaps(list(view.windows)) for view in self.views)]
        top = y + 18 + max(0, (self.source.bottom - Volume(x, y + 18, axes, self.cell).bottom) / 2)
        self.target = Volume(x, top, axes, self.cell)
        if self.columns:
            canvas.text(x - RIM + 8, top - 26, say("columns: {rows} entries × blocks", rows=rows), "head")
        else:
            self._title(canvas, x, top - 18, say("output"))
        self.target.draw(canvas, lambda _: "cell", say("depth"))

    def _kind(self, position: Position) -> str:
        """Padding or not; with channels beside, only the last number is a position."""
        position = position[-1:] if self.lines else position
        return "cell" if all(0 <= p < axis.size for p, axis in zip(position, self.facts.axes)) else "pad"

    def _windows(self) -> list[Position]:
        return [*product(*(view.windows for view in self.views))]

    def _block(self, window: Position) -> int:
        """The number of a window, row by row."""
        number = 0
        for at, axis in zip(window, self.axes):
            number = number * axis.count + at
        return number

    def _frames(self, canvas: Canvas) -> list[str]:
        made = [None] if not self.lines or self.columns else _two_ends(self.channels[1])
        sentences = []
        for channel, window in product(made, self._windows()):
            canvas.begin_frame()
            positions = [*product(*(axis.positions(at) for axis, at in zip(self.axes, window)))]
            read, written = self._cells(channel, window, positions)
            funnel(canvas, self.source, read, self.target, written)
            self.source.mark(canvas, read, "tap", dots=True)
            self.target.mark(canvas, written, "out")
            canvas.end_frames()
            sentences.append(self._sentence(channel, window))
        return sentences

    def _cells(
        self, channel: int | None, window: Position, positions: list[Position]
    ) -> tuple[list[Position], list[Position]]:
        """The cells of the source and of the target in one frame."""
        if self.lines:
            rows = self._rows(channel)
            positions = [(row, *position) for row in rows for position in positions]
        if self.columns:
            rows = [row for row in next(iter(self.target.grids.values())).rows if row is not None]
            return positions, [(row, self._block(window)) for row in rows]
        return positions, [(channel, *window) if self.lines else window]

    def _rows(self, channel: int | None) -> range:
        """The input channels that make an output channel: those of its group."""
        if channel is None:
            return range(self.channels[0])
        each_in, each_out = (n // self.groups for n in self.channels)
        group = channel // each_out
        return range(group * each_in, (group + 1) * each_in)

    def _sentence(self, channel: int | None, window: Position) -> str:
        say = self.say
        names = [say(axis.name) for axis in self.facts.axes]
        where = ", ".join(f"{name} {at}" for name, at in zip(names, window))
        there = "; ".join(f"{name} {ranges(axis.positions(at))}" for name, axis, at in zip(names, self.axes, window))
        if self.facts.way == FOLD:
            return say("block {n} is added to the image at {there}", n=self._block(window), there=there)
        if self.facts.way == POOL:
            return self._pooled(channel, where, there)
        if self.columns:
            return say("block {n} ({where}) is the input at {there}", n=self._block(window), where=where, there=there)
        if channel is None:
            return say("output {where} = bias + Σ weight · input at {there}", where=where, there=there)
        rows = self._rows(channel)
        sentence = "output channel {o}, {where} = bias + Σ weight · input channels {c}, {there}"
        return say(sentence, o=channel, c=ranges([*rows]), where=where, there=there)

    def _pooled(self, channel: int | None, where: str, there: str) -> str:
        say = self.say
        if channel is not None:
            where, there = (f"{say('channel {c}', c=channel)}, {position}" for position in (where, there))
        if "max" in self.facts.asked.kind.lower():
            return say("output {where} is the largest of the input at {there}", where=where, there=there)
        return say("output {where} is made of the input at {there}", where=where, there=there)

    def key(self) -> list[tuple[str, str]]:
        """The kinds of cells."""
        say = self.say
        drawn = [(p, axis) for view, axis in zip(self.views, self.facts.axes) for p in view.positions if p is not None]
        padded = any(not 0 <= position < axis.size for position, axis in drawn)
        entries = [("cell", say("a number")), ("pad", say("padding"))] if padded else [("cell", say("a number"))]
        if self.facts.way == FOLD:
            return [*entries, ("out", say("one block")), ("tap", say("where it is added"))]
        if self.facts.way == POOL:
            return [*entries, ("tap", say("a window")), ("out", say("what it becomes"))]
        made = say("the column they make") if self.columns else say("the output they make")
        return [*entries, ("tap", say("what the taps read")), ("out", made)]

    def remarks(self) -> list[str]:
        """What the drawing leaves out."""
        say, facts = self.say, self.facts
        found = []
        if facts.way == CONV and not self.lines:
            each = facts.channels[0] // facts.groups
            sentence = "one plane is drawn; the taps read the same places of {n} input channels, and all is summed"
            found = [say(sentence, n=each)] if each > 1 else []
        if facts.way == POOL:
            found = [*pooling(facts, say)]
        if facts.mode in MODES:
            found.append(say(MODES[facts.mode]))
        for axis in facts.axes:
            left = axis.steps[2] if axis.steps else 0
            if left:
                positions = ranges(
                    [*range(axis.size + axis.numbers["after"] - left, axis.size + axis.numbers["after"])]
                )
                found.append(say("{name}: left over at the end: {positions}", name=say(axis.name), positions=positions))
        return found


def funnel(canvas: Canvas, source: Volume, read: list[Position], target: Volume, written: list[Position]) -> None:
    """Two lines from some cells to others on their right, where both are on one plane."""
    if len(source.grids) + len(target.grids) > 2:
        return
    [(grid, cells)], [(goal, made)] = source.split(read), target.split(written)
    here, there = grid.corners(cells), goal.corners(made)
    if here and there:
        right, left = max(x for x, _ in here) + grid.cell, min(x for x, _ in there)
        top, bottom = min(y for _, y in here), max(y for _, y in here) + grid.cell
        high, low = min(y for _, y in there), max(y for _, y in there) + goal.cell
        canvas.path(
            f"M{right:.0f} {top:.0f}L{left:.0f} {high:.0f}M{right:.0f} {bottom:.0f}L{left:.0f} {low:.0f}", "thin"
        )


def _two_ends(count: int) -> list[int]:
    return [0] if count == 1 else [0, count - 1]


def _channels(facts: Facts) -> tuple[int, int]:
    if facts.way == CONV:
        return facts.channels
    image = facts.y if facts.way == FOLD else facts.x
    return (image[len(image) - len(facts.axes) - 1],) * 2
