"""Write the guide: a page for each layer in English and in Simplified Chinese, with its picture.

    python docs/make_pages.py

Every number, formula, error and drawing comes from `rushlight.explain`; a test compares the committed files with
what it says now.
"""

import sys
from pathlib import Path

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS))

from guide_pages import PAGES, WORDS  # noqa: E402

from rushlight.explain import explain  # noqa: E402

LANGUAGES = ("en", "zh")
README_PICTURE = "Conv2d(3, 8, 3, stride=2, padding=1)", (1, 3, 8, 8)


def files() -> dict[str, str]:
    """Every file of the guide by its path below docs/."""
    found = {"pictures/conv2d.svg": explain(*README_PICTURE).svg() + "\n"}
    for place, language in enumerate(LANGUAGES):
        found[f"guide/{language}/README.md"] = index(place)
        for page in PAGES:
            found[f"guide/{language}/{page[0]}.md"] = text_of(page, place)
            found[f"guide/{language}/{page[0]}.svg"] = explain(page[2], *page[3]).svg(language) + "\n"
    return found


def text_of(page: tuple, place: int) -> str:
    """One page."""
    name, title, layer, shapes, purpose, mistakes = page
    found = explain(layer, *shapes)
    lines = [
        f"# {title}", "", purpose[place], "", f"![{layer}]({name}.svg)", "", f"## {WORDS['sizes'][place]}", "",
        *fenced(found.text(LANGUAGES[place], machine=False)), "", f"## {WORDS['mistakes'][place]}",
    ]  # fmt: skip
    for question, call, given in mistakes:
        lines += ["", f"**{question[place]}**", "", *fenced(f"{call}    # {', '.join(map(str, given))}", "python"), ""]
        lines += said(explain(call, *given), place)
    lines += ["", f"## {WORDS['ask'][place]}", "", *fenced(question_of(layer, shapes), "python")]
    return "\n".join([*lines, "", f"[{WORDS['back'][place]}](README.md)", ""])


def said(found: object, place: int) -> list[str]:
    """The error, or the shape where there is none."""
    if found.error is not None:
        return fenced(f"{type(found.error).__name__}: {found.error}")
    return [WORDS["no_error"][place], "", *fenced(str(found.output_shape))]


def question_of(layer: str, shapes: tuple) -> str:
    """The call that made the page."""
    arguments = ", ".join([f'"{layer}"', *map(str, shapes)])
    return f'import rushlight\n\nrushlight.explain({arguments}).save("layer.html")'


def fenced(text: str, kind: str = "text") -> list[str]:
    """A block of code."""
    return [f"```{kind}", text, "```"]


def index(place: int) -> str:
    """The first page."""
    examples = [
        ("start", 'rushlight.explain(layer, (20, 16, 50, 100)).save("layer.html")'),
        ("same", 'rushlight.compare(nn.Conv1d(8, 4, 1), nn.Linear(8, 4), (2, 8, 10))\n'
                 'rushlight.compare(nn.Conv2d(8, 4, 3), "unfold", (2, 8, 10, 10))\n'
                 'rushlight.compare(nn.Conv2d(8, 8, 3, groups=8), "per-channel", (2, 8, 10, 10))\n'
                 'rushlight.compare(nn.ConvTranspose2d(8, 4, 3, stride=2), "gradient", (2, 8, 10, 10))\n'
                 'rushlight.compare(nn.Conv2d(8, 4, 3, dilation=2), "zeros-between", (2, 8, 10, 10))'),
        ("model", 'rushlight.summary(model, ("N", 3, 224, 224))'),
    ]  # fmt: skip
    lines = [f"# {WORDS['title'][place]}"]
    for name, code in examples:
        lines += ["", WORDS[name][place], "", *fenced(code, "python")]
    lines += ["", f"## {WORDS['contents'][place]}", ""]
    lines += [f"- [{title}]({name}.md): {purpose[place]}" for name, title, _, _, purpose, _ in PAGES]
    other = ("[简体中文](../zh/README.md)", "[English](../en/README.md)")[place]
    return "\n".join([*lines, "", other, ""])


def write() -> None:
    """Write all files; what is no longer part of the guide goes."""
    wanted = files()
    for old in [*DOCS.glob("guide/*/*.md"), *DOCS.glob("guide/*/*.svg")]:
        if old.relative_to(DOCS).as_posix() not in wanted:
            old.unlink()
    for path, text in wanted.items():
        (DOCS / path).parent.mkdir(parents=True, exist_ok=True)
        (DOCS / path).write_text(text, encoding="utf-8")
    print(f"{len(wanted)} files in {DOCS}")


if __name__ == "__main__":
    write()
