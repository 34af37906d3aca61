"""A summary as text of 80 columns (or wider, a line for each layer), and as a table for notebooks."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from rushlight.core.errors import bytes_in_words
from rushlight.ops.shapes import Batches
from rushlight.rules import formula
from rushlight.rules.hints import HINT

from .facts import Axis, Facts
from .lines import fill, width_of, wrapped
from .reading import FLATTEN, LINEAR
from .rows import Found, Row, Stop
from .words import Words, grouped, short

WIDE = 132


def text_of(summary: Found, say: Words, width: int) -> str:
    """The table, totals, and where it stopped."""
    titles = [say(title) for title in TITLES]
    rows = [[say.plain(cell) for cell in cells(row, say)] for row in summary.rows]
    lines = [*_wide(titles, rows)] if width >= WIDE else [*_narrow(titles, rows, width)]
    lines += _stopped(summary.stop, say, width) if summary.stop else []
    lines += ["", *_totals(summary, say, width)]
    return "\n".join(line.rstrip() for line in lines)


TITLES = ("layer", "class", "input", "output", "why this size", "parameters", "MACs", "field")


def cells(row: Row, say: Words) -> tuple[str, ...]:
    """A row's cells, in the order of the titles."""
    field = "?" if row.field is None else "×".join(map(str, dict.fromkeys(row.field))) if row.field else "-"
    parameters = "" if not row.parameters else say("shared") if row.again else grouped(row.parameters)
    why = why_of(row.facts, say) if row.facts else rules(row.axes, say)
    return row.name, row.kind, shape(row.x), shape(row.y), why, parameters, count(row.macs), field


def count(number: int | Batches) -> str:
    """A number of multiply-accumulates, short; for a named batch, that of one example."""
    if isinstance(number, Batches):
        return f"{short(number.factor)}·{number.symbol}" + (f" + {short(number.offset)}" if number.offset else "")
    return short(number) if number else ""


def shape(value: object) -> str:
    """Shapes as Python writes them, batches by their name."""
    if isinstance(value, tuple) and not any(isinstance(entry, tuple) for entry in value):
        return f"({', '.join(map(str, value))}{',' if len(value) == 1 else ''})"
    return "(…)" if isinstance(value, tuple | dict) else str(value)


def why_of(facts: Facts, say: Words) -> str:
    """The sizes by their rules, axes that are alike once; facts of a valid call."""
    if facts.way == LINEAR:
        return f"{facts.y[-1]} = out_features"
    if facts.way == FLATTEN:
        given = facts.asked.arguments
        start, end = (given[name] % len(facts.x) for name in ("start_dim", "end_dim"))
        return f"{facts.y[start]} = {'·'.join(map(str, facts.x[start : end + 1]))}"
    return rules(facts.axes, say)


def rules(axes: tuple[Axis, ...], say: Words) -> str:
    """Each axis by its rule, those that are alike once."""
    return ", ".join(dict.fromkeys(_short_rule(axis, say) for axis in axes))


def _short_rule(axis: Axis, say: Words) -> str:
    """The rule with what is 0 or 1 in it left out."""
    n = axis.numbers
    if axis.rule is formula.ADAPTIVE_OUTPUT:
        return f"{axis.out} = output_size"
    if "taps" not in n:
        return f"{axis.out} = {n['size']} + {n['before']} + {n['after']}"
    padding = "".join(f" + {n[side]}" for side in ("before", "after") if n[side])
    if "output_padding" in n:
        parts = [f"{n['size'] - 1}·{n['stride']}", f"{axis.span}"]
        line = " + ".join(parts) + "".join(f" − {n[side]}" for side in ("before", "after") if n[side])
        return f"{axis.out} = {line}" + (f" + {n['output_padding']}" if n["output_padding"] else "")
    room = f"{n['size']}{padding} − {axis.span}"
    word, opening, closing = ("ceil", "⌈", "⌉") if axis.rule is formula.POOL_OUTPUT_CEIL else ("floor", "⌊", "⌋")
    whole = f"{word}(({room}) / {n['stride']})" if say.ascii else f"{opening}({room}) / {n['stride']}{closing}"
    steps = room if n["stride"] == 1 else whole
    return f"{axis.out} = {steps}" + ("" if axis.left_out else " + 1")


# -- as text


def _wide(titles: list[str], rows: list[list[str]]) -> Iterator[str]:
    widths = [max(map(width_of, column)) for column in zip(titles, *rows)]
    for row in (titles, *rows):
        yield "  ".join(_aligned(cell, width, i) for i, (cell, width) in enumerate(zip(row, widths)))


def _aligned(cell: str, width: int, column: int) -> str:
    """Numbers to the right, words to the left."""
    return " " * (width - width_of(cell)) + cell if column in (5, 6) else fill(cell, width)


def _narrow(titles: list[str], rows: list[list[str]], width: int) -> Iterator[str]:
    """Two lines a layer: the second says where the shape comes from."""
    columns = (0, 1, 3, 5, 6, 7)
    widths = [max(width_of(row[i]) for row in (titles, *rows)) for i in columns]
    spare = width - 2 * (len(columns) - 1) - sum(widths[1:])
    widths[0] = min(widths[0], max(8, spare))
    while sum(widths) + 2 * (len(columns) - 1) > width and max(widths) > 8:
        widths[widths.index(max(widths))] -= 1
    for row in (titles, *rows):
        yield "  ".join(_aligned(_cut(row[i], w), w, i) for i, w in zip(columns, widths))
        if row is titles:
            yield "  ".join("-" * w for w in widths)
        elif row[4]:
            yield from wrapped(f"{row[2]} {row[4]}", "    ", "      ", width)


def _cut(cell: str, width: int) -> str:
    """The end of a cell that is too long: names differ at their ends."""
    return cell if width_of(cell) <= width else ".." + cell[-(width - 2) :]


def _stopped(stop: Stop, say: Words, width: int) -> Iterator[str]:
    yield ""
    sentence = "stopped at {name} ({kind}), whose input is {x}: {error}"
    kind = type(stop.error).__name__
    yield from wrapped(
        say(sentence, name=stop.name, kind=stop.kind, x=say.plain(shape(stop.x)), error=kind), width=width
    )
    for line in str(stop.error).split("\n"):
        if line.startswith(HINT):
            continue
        yield from wrapped(say.plain(line), "    ", "      ", width)


def _totals(summary: Found, say: Words, width: int) -> Iterator[str]:
    macs = summary.macs
    work = say.plain(f"{grouped(macs.factor)}·{macs.symbol}") if isinstance(macs, Batches) else grouped(macs)
    sentence = "{kind}: {parameters} parameters ({bytes} in float32), {macs} multiply-accumulates"
    text = say(sentence, kind=summary.kind, parameters=summary.parameters,
               bytes=bytes_in_words(4 * summary.parameters), macs=work)  # fmt: skip
    yield from wrapped(text, width=width)
    if summary.stop is None:
        yield from wrapped(
            say.plain(f"{', '.join(map(shape, summary.x))} → {shape(summary.output_shape)}"), width=width
        )


# -- as HTML


def html_of(summary: Found, say: Words) -> str:
    """A table that notebooks show in their own style."""
    head = "".join(f"<th>{escape(say(title))}</th>" for title in TITLES)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells(row, say)) + "</tr>" for row in summary.rows
    )
    rest = [*(_stopped(summary.stop, say, 100) if summary.stop else ()), *_totals(summary, say, 100)]
    end = escape("\n".join(rest).strip())
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table><pre>{end}</pre>"
