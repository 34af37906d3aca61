"""The guide is what `explain` says now, and every sentence has its Chinese."""

import ast
import importlib.util
from pathlib import Path

import rushlight.explain.text
from rushlight.explain.chinese import CHINESE
from rushlight.explain.table import TITLES
from rushlight.explain.text import ALGORITHMS, MODES, TRANSPOSED_TERMS
from rushlight.rules import formula

DOCS = Path(__file__).parents[2] / "docs"
EXPLAIN = Path(rushlight.explain.text.__file__).parent


def test_the_pages_are_what_explain_says():
    spec = importlib.util.spec_from_file_location("make_pages", DOCS / "make_pages.py")
    make_pages = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make_pages)
    wanted = make_pages.files()
    there = {p.relative_to(DOCS).as_posix() for p in DOCS.glob("guide/*/*")}
    assert there == {path for path in wanted if path.startswith("guide/")}
    stale = [path for path, text in wanted.items() if (DOCS / path).read_text(encoding="utf-8") != text]
    assert not stale, "run: python docs/make_pages.py"


def sentences():
    """Every literal that is said, and the tables that are."""
    for path in EXPLAIN.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and name_of(node.func) in ("say", "say.one"):
                yield from (c.value for a in node.args for c in ast.walk(a) if is_text(c))
            if isinstance(node, ast.Assign) and name_of(node.targets[0]) == "sentence":
                yield from (c.value for c in ast.walk(node.value) if is_text(c))
    yield from (*ALGORITHMS.values(), *MODES.values(), *TITLES[:-1], *TRANSPOSED_TERMS.values())
    yield from (term.meaning for term in vars(formula).values() if isinstance(term, formula.Term))


def name_of(node):
    return ast.unparse(node)


def is_text(node):
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def test_every_sentence_has_its_chinese():
    missing = sorted({sentence for sentence in sentences() if sentence not in CHINESE})
    assert not missing


def test_the_names_in_a_sentence_are_in_its_chinese():
    import string

    fields = lambda text: {field for _, field, _, _ in string.Formatter().parse(text) if field}  # noqa: E731
    for english, chinese in CHINESE.items():
        assert fields(english) == fields(chinese), english
