"""Sentences for people: in English, in Chinese, and for terminals without Unicode.

In comes an English sentence with {names} for numbers; out comes the sentence of the language asked for, with the
numbers in it. The English sentence is the key, so that the code reads as what it prints; `chinese` holds the rest.
"""

from __future__ import annotations

import sys

from .chinese import CHINESE

LANGUAGES = ("en", "zh")
_ASCII = str.maketrans(
    {
        "−": "-", "·": "*", "×": "x", "→": "->", "…": "...", "≤": "<=", "≥": ">=", "≠": "!=", "⌊": "floor(",
        "⌋": ")", "⌈": "ceil(", "⌉": ")", "Σ": "sum ", "≈": "~", "ᵀ": "^T", "–": "-", "—": "-", "█": "#",
    }
)  # fmt: skip


class Words:
    """A language and whether Unicode may be used; call it with a sentence.

    >>> Words()("{n} → {m}", n=3, m=4), Words(ascii=True)("{n} → {m}", n=3, m=4)
    ('3 → 4', '3 -> 4')
    """

    def __init__(self, language: str = "en", ascii: bool = False) -> None:
        if language not in LANGUAGES:
            raise ValueError(f"language is one of {', '.join(LANGUAGES)}, not {language!r}")
        self.language, self.ascii = language, ascii
        self._table: dict[str, str] = {}
        if language == "zh":
            self._table = CHINESE

    def __call__(self, sentence: str, **numbers: object) -> str:
        text = self._table.get(sentence, sentence).format(**{k: _shown(v) for k, v in numbers.items()})
        return self.plain(text)

    def plain(self, text: str) -> str:
        """Text that is the same in every language, made ASCII where it must be."""
        return text.translate(_ASCII) if self.ascii else text

    def one(self, count: int, singular: str, plural: str, **numbers: object) -> str:
        """A sentence whose form depends on a number, which is {n} in it."""
        return self(singular if count == 1 else plural, n=count, **numbers)


def _shown(value: object) -> object:
    return grouped(value) if value.__class__ is int else value


def grouped(number: int) -> str:
    """A number with its thousands apart.

    >>> grouped(411840000), grouped(1024)
    ('411,840,000', '1024')
    """
    return f"{number:,}" if abs(number) >= 10_000 else str(number)


def short(number: int) -> str:
    """A count in five characters or so.

    >>> short(411_840_000), short(999), short(25_600)
    ('412M', '999', '25.6k')
    """
    size = float(number)
    for unit in ("", "k", "M", "G", "T", "P"):
        if size < 999.5 or unit == "P":
            return f"{number}" if not unit else f"{size:.3g}{unit}"
        size /= 1000
    raise AssertionError("unreachable")


def terminal_is_ascii() -> bool:
    """Whether standard output cannot show what the text is written in."""
    encoding = getattr(sys.stdout, "encoding", None) or "ascii"
    try:
        "⌊·−→×≈".encode(encoding)
    except (UnicodeError, LookupError):
        return True
    return False
