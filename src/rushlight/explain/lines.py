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
    """Lines of at most `width`, broken at spaces, and between Chinese characters; `first` leads the first line, `rest`
    the others.

    >>> wrapped("one two three", "- ", width=10)
    ['- one two', '  three']
    """
    rest = " " * width_of(first) if rest is None else rest
    lines, line, lead = [], first, first
    for word, gap in _words(text, width - max(width_of(first), width_of(rest))):
        if line != lead and width_of(line) + len(gap) + width_of(word) > width:
            lines.append(line)
            line = lead = rest
        line += word if line == lead else gap + word
    return [*lines, line]


_CLOSING = "，。；：）、！？"  # begin no line


def _words(text: str, width: int) -> list[tuple[str, str]]:
    """What stays on one line, each with the space that comes before it."""
    found = []
    for word in text.split(" "):
        gap = " "
        for piece in _characters(word) or [word]:
            while width_of(piece) > width > 0:
                cut = next(i for i in range(len(piece), 0, -1) if width_of(piece[:i]) <= width or i == 1)
                found.append((piece[:cut], gap))
                piece, gap = piece[cut:], ""
            found.append((piece, gap))
            gap = ""
    return found


def _characters(word: str) -> list[str]:
    """A word cut before every wide character that may begin a line."""
    pieces: list[str] = []
    for character in word:
        wide = width_of(character) == 2
        joined = pieces and (character in _CLOSING or not (wide or width_of(pieces[-1][-1]) == 2))
        if joined:
            pieces[-1] += character
        else:
            pieces.append(character)
    return pieces
