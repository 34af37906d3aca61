"""A sheet to draw on: shapes and words come in, an SVG file that needs nothing else goes out.

What moves is drawn in frames, of which one is seen at a time: by an animation in CSS, which works in a file, in an
`<img>` and in a notebook, or by a script that puts the class `still` on the picture and `on` on a frame. Colours
follow the reader's light or dark setting; what they say is said by lines, dots and dashes, too.
"""

from __future__ import annotations

import hashlib
from html import escape

from ..lines import width_of

SECONDS = 0.9  # a frame
MARGIN, LINE = 16, 18
CHARACTER = 7.4  # width of one at font size 12.5, in the monospaced fonts below; Chinese takes two

# What each class is drawn with, and its colours: light, and dark where the reader's setting says so. They are written
# out a class: programs that are no browsers know no variables, and would draw everything black.
_SHAPES = """
#ID{font:12.5px ui-monospace,Menlo,Consolas,"DejaVu Sans Mono","Noto Sans Mono CJK SC","Noto Sans CJK SC",monospace}
#ID .small{font-size:10px}
#ID .mini{font-size:9px}
#ID .head{font-weight:bold}
#ID .mid{text-anchor:middle}
#ID .end{text-anchor:end}
#ID .pad{fill:url(#ID-hatch);stroke-dasharray:2 2}
#ID .tap,#ID .over,#ID .out{stroke-width:2.2}
#ID .over,#ID .wire,#ID .thin{fill:none}
#ID .wire{stroke-width:1.6}
#ID .thin{stroke-width:1}
#ID .hatch{stroke-width:1.4}
"""
_PAPER, _INK, _SOFT, _LINE, _EDGE = range(5)
_NAMED = {_PAPER: ("#fff", "#12161c"), _INK: ("#15191f", "#e8ecf2"), _SOFT: ("#5b6470", "#a3adba"),
          _LINE: ("#aab2bd", "#566070"), _EDGE: ("#15191f", "#ffd58a")}  # fmt: skip
_COLOURS: dict[str, dict[str, int | tuple[str, str]]] = {
    ".paper": {"fill": _PAPER},
    "text": {"fill": _INK},
    ".soft": {"fill": _SOFT},
    ".small": {"fill": _SOFT},
    ".mini": {"fill": _INK},
    ".cell": {"fill": ("#eef1f5", "#212833"), "stroke": _LINE},
    ".pad": {"stroke": _LINE},
    ".shade": {"fill": _PAPER, "stroke": _LINE},
    ".tap": {"fill": ("#ffc247", "#a86a00"), "stroke": _EDGE},
    ".over": {"stroke": _EDGE},
    ".dot": {"fill": _EDGE},
    ".out": {"fill": ("#1d5fc4", "#86b6ff"), "stroke": _EDGE},
    ".done": {"fill": ("#cfe0fa", "#233a5e"), "stroke": _LINE},
    ".wire": {"stroke": _EDGE},
    ".thin": {"stroke": _SOFT},
    ".hatch": {"stroke": ("#c4cad3", "#3d4654")},
}
_FRAMES = """
#ID .f{visibility:hidden}
#ID .first{visibility:visible}
#ID .f{animation:ID-show ALLs step-end infinite}
#ID.still .f{animation:none;visibility:hidden}
#ID.still .on{visibility:visible}
@keyframes ID-show{0%{visibility:visible}PART%{visibility:hidden}100%{visibility:hidden}}
@media(prefers-reduced-motion:reduce){#ID .f{animation:none}}
"""


def _coloured(dark: bool) -> str:
    """A rule for each class with its colours."""
    rules = []
    for name, colours in _COLOURS.items():
        pairs = [(key, _NAMED[colour] if isinstance(colour, int) else colour) for key, colour in colours.items()]
        rules.append(f"#ID {name}{{{';'.join(f'{key}:{colour[dark]}' for key, colour in pairs)}}}")
    return "\n".join(rules)


_STYLE = f"{_SHAPES}{_coloured(False)}\n@media(prefers-color-scheme:dark){{\n{_coloured(True)}\n}}{_FRAMES}"


class Canvas:
    """Elements in the order in which they are drawn, and frames."""

    def __init__(self, title: str, description: str) -> None:
        self.title, self.description = title, description
        self.width, self.height = 0.0, 0.0
        self.frames: list[list[str]] = []
        self._static: list[str] = []
        self._target = self._static

    # -- drawing

    def rect(self, x: float, y: float, width: float, height: float, kind: str) -> None:
        """A rectangle; `kind` is a class of the style."""
        self._reach(x + width, y + height)
        size = f'width="{_n(width)}" height="{_n(height)}"'
        self._target.append(f'<rect x="{_n(x)}" y="{_n(y)}" {size} class="{kind}"/>')

    def squares(self, corners: list[tuple[float, float]], size: float, kind: str) -> None:
        """Squares of one kind as one path."""
        if corners:
            steps = "".join(f"M{_n(x)} {_n(y)}h{_n(size)}v{_n(size)}h-{_n(size)}z" for x, y in corners)
            self._target.append(f'<path d="{steps}" class="{kind}"/>')
            self._reach(max(x for x, _ in corners) + size, max(y for _, y in corners) + size)

    def path(self, steps: str, kind: str) -> None:
        """A path as SVG writes it."""
        self._target.append(f'<path d="{steps}" class="{kind}"/>')

    def dots(self, centres: list[tuple[float, float]], radius: float, kind: str) -> None:
        """Circles of one kind as one path."""
        r, d = _n(radius), _n(2 * radius)
        round_trip = f"a{r} {r} 0 1 0 {d} 0a{r} {r} 0 1 0 -{d} 0"
        if centres:
            steps = "".join(f"M{_n(x - radius)} {_n(y)}{round_trip}" for x, y in centres)
            self._target.append(f'<path d="{steps}" class="{kind}"/>')

    def text(self, x: float, y: float, words: str, kind: str = "") -> None:
        """Words whose baseline begins at (x, y); `mid` and `end` in `kind` move them."""
        if "mid" not in kind and "end" not in kind:
            scale = 0.8 if "small" in kind or "mini" in kind else 1
            self._reach(x + CHARACTER * scale * width_of(words), y + 4)
        mark = f' class="{kind}"' if kind else ""
        self._target.append(f'<text x="{_n(x)}" y="{_n(y)}"{mark}>{escape(words, quote=False)}</text>')

    def arrow(self, x: float, y: float, length: float) -> None:
        """An arrow to the right."""
        tip, back = _n(x + length), _n(x + length - 6)
        self.path(f"M{_n(x)} {_n(y)}H{tip}M{back} {_n(y - 5)}L{tip} {_n(y)}L{back} {_n(y + 5)}", "wire")

    def begin_frame(self) -> None:
        """What follows is seen for a moment only."""
        self._target = []
        self.frames.append(self._target)

    def end_frames(self) -> None:
        """What follows is always seen."""
        self._target = self._static

    def _reach(self, x: float, y: float) -> None:
        self.width, self.height = max(self.width, x), max(self.height, y)

    # -- the file

    @property
    def name(self) -> str:
        """An id that no other picture on the page has, and that is the same for the same picture."""
        content = "".join(self._static) + "".join(map("".join, self.frames))
        return "rl" + hashlib.blake2b(content.encode(), digest_size=5).hexdigest()

    def svg(self) -> str:
        """The whole file."""
        name, width, height = self.name, round(self.width + MARGIN), round(self.height + MARGIN)
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" id="{name}" viewBox="0 0 {width} {height}" width="{width}" '
            f'height="{height}" role="img"><title>{escape(self.title)}</title><desc>{escape(self.description)}</desc>'
        )
        hatch = (
            f'<defs><pattern id="{name}-hatch" width="6" height="6" patternUnits="userSpaceOnUse" '
            'patternTransform="rotate(45)"><path d="M0 0V6" class="hatch"/></pattern></defs>'
        )
        paper = f'<rect width="{width}" height="{height}" class="paper"/>'
        body = "\n".join([paper, *self._static, *self._groups()])
        return f"{head}<style>{self._style(name)}</style>{hatch}\n{body}\n</svg>"

    def _style(self, name: str) -> str:
        count = max(1, len(self.frames))
        style = _STYLE if count > 1 else _STYLE.replace("#ID .f{animation:ID-show ALLs step-end infinite}\n", "")
        return style.replace("ID", name).replace("ALL", _n(count * SECONDS)).replace("PART", f"{100 / count:.4f}")

    def _groups(self) -> list[str]:
        count = len(self.frames)
        groups = []
        for number, elements in enumerate(self.frames):
            delay = f' style="animation-delay:-{_n((count - number) * SECONDS)}s"' if number else ""
            groups.append(f'<g class="f{"" if number else " first"}"{delay}>{"".join(elements)}</g>')
        return groups


def _n(number: float) -> str:
    """A coordinate, short."""
    return f"{number:.1f}".rstrip("0").rstrip(".") if number % 1 else str(int(number))
