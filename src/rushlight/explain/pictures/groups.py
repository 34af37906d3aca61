"""Groups as blocks: which channels make which, by their real numbers. Drawn below a layer's picture."""

from __future__ import annotations

from ..facts import Facts
from ..lines import width_of
from ..text import shown
from ..words import Words
from .canvas import CHARACTER, MARGIN, Canvas
from .grid import number
from .view import ends

HEIGHT, STEP = 26, 36


def add_groups(canvas: Canvas, facts: Facts, say: Words) -> None:
    """A row for each group (of many, the first and the last): channels in, its part of the weight, channels out."""
    y = canvas.height + 34
    sentence = "groups: {n} blocks that do not see each other"
    canvas.text(MARGIN, y, say(sentence, n=facts.groups), "head")
    y += 14
    rows = [(group, _boxes(facts, group, say)) for group in ends(facts.groups, 4) if group is not None]
    widths = [max(CHARACTER * width_of(words[i]) + 20 for _, words in rows) for i in range(3)]
    before = -1
    for group, words in rows:
        if group != before + 1:
            canvas.dots([(MARGIN + widths[0] / 2, y + 4 + d) for d in (0, 6, 12)], 1.6, "dot")
            y += 24
        before = group
        _row(canvas, y, words, widths)
        y += STEP


def _row(canvas: Canvas, y: float, words: tuple[str, ...], widths: list[float]) -> None:
    x = float(MARGIN)
    for position, (text, width) in enumerate(zip(words, widths)):
        kind = ("cell", "tap", "done")[position]
        canvas.rect(x, y, width, HEIGHT, kind)
        canvas.text(x + width / 2, y + 17, text, "mid")
        if position < 2:
            canvas.arrow(x + width + 6, y + HEIGHT / 2, 28)
        x += width + 40


def _boxes(facts: Facts, group: int, say: Words) -> tuple[str, str, str]:
    first, second = (n // facts.groups for n in facts.channels)
    rows = facts.weight[0] // facts.groups
    weight = f"weight[{_span(group, rows, ':')}] {shown((rows, *facts.weight[1:]))}"
    return (
        say("input channel {c}" if first == 1 else "input channels {c}", c=_span(group, first, "…")),
        say.plain(weight),
        say("output channel {c}" if second == 1 else "output channels {c}", c=_span(group, second, "…")),
    )


def _span(group: int, size: int, between: str) -> str:
    """Numbers of a group's channels; as a slice, the end is the next group's first."""
    if between == ":":
        return f"{group * size}:{(group + 1) * size}"
    return number(group * size) if size == 1 else f"{group * size}{between}{(group + 1) * size - 1}"
