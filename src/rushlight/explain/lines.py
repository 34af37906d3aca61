"""Text in a width: paragraphs and columns of words come in, lines that fit come out."""

from __future__ import annotations

from unicodedata import east_asian_width

WIDTH = 80


def width_of(text: str) -> int:
    """Columns that a text takes in a terminal; Chinese characters take two."""
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)


def fill(text: str, width: int) -> str:
    """The text with spaces behind it."""
    return text + " " * max(0, width - width_of(text))


def wrapped(text: str, first: str = "", rest: str | None = None, width: int = WIDTH) -> list[str]:
    """Lines of at most `width`, broken at spaces where there are any; `first` leads the first, `rest` the others.

    >>> wrapped("one two three", "- ", width=10)
    ['- one two', '  three']
    """
    rest = " " * width_of(first) if rest is None else rest
    lines, line, lead = [], first, first
    for word in _pieces(text, width - max(width_of(first), width_of(rest))):
        gap = "" if line == lead or not line.strip() else " "
        if line != lead and width_of(line) + width_of(gap + word) > width:
            lines.append(line)
            line = lead = rest
            gap = ""
        line += gap + word
    return [*lines, line]


def _pieces(text: str, width: int) -> list[str]:
    """Words, those that are too long cut."""
    found = []
    for word in text.split(" "):
        while width_of(word) > width > 0:
            cut = max(1, next(i for i in range(len(word), 0, -1) if width_of(word[:i]) <= width or i == 1))
            found.append(word[:cut])
            word = word[cut:]
        found.append(word)
    return found
