"""What `explain` gives back: the facts of one call, ready to be printed, shown in a notebook, and saved.

In come `Facts`; out come text, SVG and HTML, each made when it is asked for.
"""

from __future__ import annotations

from pathlib import Path

from rushlight.core.errors import message

from .facts import Axis, Facts
from .text import text_of
from .words import Words, terminal_is_ascii


class Explanation:
    """One call, explained: print it, look at it in a notebook, or save it as .svg, .html or .txt."""

    __slots__ = ("facts",)

    def __init__(self, facts: Facts) -> None:
        self.facts = facts

    @property
    def output_shape(self) -> tuple[int | str, ...]:
        """The output's shape, a batch by its name; raises what the call raises."""
        if self.facts.error:
            raise self.facts.error
        return self.facts.shown[1]

    @property
    def error(self) -> Exception | None:
        """What the call raises; None where it runs."""
        return self.facts.error

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The axes that change their size, each with its rule and numbers."""
        return self.facts.axes

    @property
    def parameters(self) -> int:
        """Weights and biases."""
        return self.facts.parameters

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the call, those with padding included; for a named batch those of one example."""
        return self.facts.macs // self.facts.examples

    @property
    def receptive_field(self) -> tuple[int, ...]:
        """For each axis the input positions, from first to last, that one output depends on."""
        return self.facts.field

    def text(self, language: str = "en", ascii: bool = False, machine: bool = True) -> str:
        """The explanation as text of 80 columns; `language` is "en" or "zh", `ascii` does without Unicode, and without
        `machine` it leaves out what the planner does on this one."""
        return text_of(self.facts, Words(language, ascii), machine)

    def svg(self, language: str = "en") -> str:
        """The animated picture, a whole SVG file."""
        from .pictures import picture

        return picture(self.facts, Words(language)).svg()

    def html(self, language: str = "en") -> str:
        """A whole page: the picture with its slider, and the text."""
        from .html import page

        return page(self.facts, Words(language))

    def save(self, path: str | Path, language: str = "en") -> Path:
        """Write a file that needs nothing else: .svg, .html or .txt, by its suffix; ValueError for another one."""
        path = Path(path)
        forms = {".svg": self.svg, ".html": self.html, ".htm": self.html, ".txt": self.text}
        form = forms.get(path.suffix.lower())
        if form is None:
            raise ValueError(
                message(f"cannot save as {path.suffix or 'a file without suffix'}", fix=".svg, .html or .txt")
            )
        path.write_text(f"{form(language)}\n", encoding="utf-8")
        return path

    def __str__(self) -> str:
        return self.text(ascii=terminal_is_ascii())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from .html import fragment

        return fragment(self.facts, Words())
