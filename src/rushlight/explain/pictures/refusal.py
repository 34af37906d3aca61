"""The picture of a call that is refused: what it raises, and each axis with its numbers."""

from __future__ import annotations

from rushlight.rules.hints import HINT

from ..facts import Facts
from ..lines import wrapped
from ..text import input_axes
from ..words import Words
from .canvas import LINE, MARGIN, Canvas
from .sheet import boxes, sizes


def picture(facts: Facts, say: Words) -> Canvas:
    """The input's axes as boxes, and the error below them."""
    title = " ".join(facts.asked.text.split())
    canvas = Canvas(title, str(facts.error))
    y = MARGIN + 12
    for line in wrapped(title, rest="    ", width=74):
        canvas.text(MARGIN, y, line, "head")
        y += LINE
    boxes(canvas, MARGIN, y, input_axes(facts, say), facts.shown[0])
    y += 40 + 26
    canvas.text(MARGIN, y, say("refused with {kind}", kind=type(facts.error).__name__), "head")
    lines = [line for line in str(facts.error).split("\n") if not line.startswith(HINT)]
    for sentence in [*lines, *sizes(facts, say)]:
        for line in wrapped(sentence, rest="  ", width=74):
            y += LINE
            canvas.text(MARGIN, y, line)
    return canvas
