"""The picture of a layer that moves no window: the axes of its input and output, and what it does to the numbers."""

from __future__ import annotations

from .. import kept
from ..facts import Facts
from ..reading import ADAPTIVE
from ..text import adaptive_windows, input_axes, output_axes
from ..words import Words
from .canvas import MARGIN, Canvas
from .sheet import begin, boxes, captions


def plain_picture(facts: Facts, say: Words) -> Canvas:
    """The whole sheet."""
    canvas, y = begin(facts, say)
    x = boxes(canvas, MARGIN, y, input_axes(facts, say), facts.shown[0])
    canvas.arrow(x, y + 20, 30)
    boxes(canvas, x + 40, y, output_axes(facts, say), facts.shown[1])
    if facts.way == ADAPTIVE:
        sentences = [f"{say(axis.name)}: {adaptive_windows(axis, say)}" for axis in facts.axes]
        sentences += kept.pooling(facts, say)
    else:
        sentences = [*kept.does(facts, say)]
    captions(canvas, sentences, y + 66)
    return canvas
