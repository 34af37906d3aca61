"""What every picture has around its drawing: the call above, the key and the sizes below."""

from __future__ import annotations

from ..facts import Axis, Facts
from ..lines import width_of, wrapped
from ..text import LEFT_OUT, alike, shown, size
from ..words import Words
from .canvas import CHARACTER, LINE, MARGIN, Canvas
from .view import View

NARROWEST = 66  # characters of a caption, even under a small drawing


def begin(facts: Facts, say: Words) -> tuple[Canvas, float]:
    """A canvas with its title, and where the drawing begins."""
    title = " ".join(facts.asked.text.split())
    shapes = f"{shown(facts.shown[0])} → {shown(facts.shown[1])}"
    canvas = Canvas(title, f"{title}: {shapes}")
    y = MARGIN + 12
    for line in wrapped(title, rest="    ", width=NARROWEST + 8):
        canvas.text(MARGIN, y, line, "head")
        y += LINE
    canvas.text(MARGIN, y, shapes, "soft")
    return canvas, y + 14


def boxes(canvas: Canvas, x: float, y: float, names: tuple[str, ...], shape: tuple[int | str, ...]) -> float:
    """The axes of a shape, a box each; gives where they end."""
    for name, number in zip(names or ("",) * len(shape), map(size, shape)):
        width = max(64.0, CHARACTER * max(width_of(name), width_of(number)) + 16)
        canvas.rect(x, y, width, 40, "cell")
        canvas.text(x + width / 2, y + (16 if name else 25), number, "head mid")
        canvas.text(x + width / 2, y + 32, name, "small mid")
        x += width + 8
    return x


def captions(canvas: Canvas, sentences: list[str], y: float) -> float:
    """Sentences below each other, wrapped; gives where the next may begin."""
    for sentence in sentences:
        for line in wrapped(sentence, rest="  ", width=columns(canvas)):
            canvas.text(MARGIN, y, line)
            y += LINE
    return y


def columns(canvas: Canvas) -> int:
    """Characters that fit below the drawing."""
    return max(NARROWEST, int((canvas.width - MARGIN) / CHARACTER))


def key(canvas: Canvas, entries: list[tuple[str, str]], y: float) -> float:
    """The kinds of cells and what they mean, side by side."""
    x, right = float(MARGIN), max(canvas.width, NARROWEST * CHARACTER)
    for kind, words in entries:
        width = 18 + CHARACTER * width_of(words) + 18
        if x > MARGIN and x + width > right:
            x, y = float(MARGIN), y + LINE + 2
        canvas.squares([(x + 1, y - 10)], 11, kind)
        if kind == "tap":
            canvas.dots([(x + 6.5, y - 4.5)], 2.2, "dot")
        canvas.text(x + 18, y, words)
        x += width
    return y + LINE + 4


def moving_captions(canvas: Canvas, frames: list[str], y: float) -> float:
    """A sentence for each frame that was drawn, at the same position."""
    deepest = y
    for number, sentence in enumerate(frames):
        canvas._target = canvas.frames[number]
        deepest = max(deepest, captions(canvas, [sentence], y))
    canvas.end_frames()
    return deepest


def sizes(facts: Facts, say: Words) -> list[str]:
    """Each axis' size by its rule with the numbers in it."""
    found = []
    for axes in alike(facts.axes):
        name = say(" and ").join(say(axis.name) for axis in axes)
        found.append(f"{name}: {axes[0].rule.explain(**axes[0].numbers)}")
        found += [say(LEFT_OUT)] if axes[0].left_out else []
    return found


def crops(axes: tuple[Axis, ...], views: list[View], say: Words) -> list[str]:
    """For each axis that is not drawn whole, what of it is."""
    found = []
    for axis, view in zip(axes, views):
        if not view.whole:
            sentence = "{name} is drawn in part, as it is: positions {parts}"
            found.append(say(sentence, name=say(axis.name), parts=ranges([p for p in view.positions if p is not None])))
    return found


def ranges(positions: list[int]) -> str:
    """Positions as people list them.

    >>> ranges([-1, 0, 1, 2, 7, 8, 11])
    '−1…2, 7, 8, 11'
    """
    runs: list[list[int]] = []
    for position in positions:
        if runs and position == runs[-1][-1] + 1:
            runs[-1].append(position)
        else:
            runs.append([position])
    words = [f"{run[0]}…{run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs]
    return ", ".join(words).replace("-", "−")
