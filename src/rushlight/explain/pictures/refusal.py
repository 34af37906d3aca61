"""The picture of a call that is refused: what it raises, and each axis with its numbers."""

from __future__ import annotations

from rushlight.rules.hints import HINT

from ..facts import Facts
from ..lines import wrapped
from ..text import input_axes
from ..words import Words, grouped
from .canvas import CHARACTER, LINE, MARGIN, Canvas
from .sheet import sizes


def picture(facts: Facts, say: Words) -> Canvas:
    """The input's axes as boxes, and the error below them."""
    title = " ".join(facts.asked.text.split())
    canvas = Canvas(title, str(facts.error))
    y = MARGIN + 12
    for line in wrapped(title, rest="    ", width=74):
        canvas.text(MARGIN, y, line, "head")
        y += LINE
    x = float(MARGIN)
    names = input_axes(facts, say) or ("",) * len(facts.x)
    for name, size in zip(names, facts.x):
        width = max(64.0, CHARACTER * (len(name) * (2 if say.language == "zh" else 1)) + 16)
        canvas.rect(x, y, width, 40, "cell")
        canvas.text(x + width / 2, y + 16, grouped(size), "head mid")
        canvas.text(x + width / 2, y + 32, name, "small mid")
        x += width + 8
    y += 40 + 26
    canvas.text(MARGIN, y, say("refused with {kind}", kind=type(facts.error).__name__), "head")
    lines = [line for line in str(facts.error).split("\n") if not line.startswith(HINT)]
    for sentence in [*lines, *sizes(facts, say)]:
        for line in wrapped(sentence, rest="  ", width=74):
            y += LINE
            canvas.text(MARGIN, y, line)
    return canvas
