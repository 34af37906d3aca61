"""An explanation as text of 80 columns.

In come `Facts` and `Words`; out come lines. Each section is a function that yields its lines; which sections there
are depends on how the layer computes.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from rushlight.core.errors import bytes_in_words
from rushlight.rules import formula
from rushlight.rules.arguments import AXES
from rushlight.rules.formula import Formula
from rushlight.rules.hints import HINT

from . import kept
from .facts import Axis, Facts
from .lines import WIDTH, fill, width_of, wrapped
from .reading import ADAPTIVE, CONV, FLATTEN, FOLD, LINEAR, OTHER, PAD, POOL, TRANSPOSED, UNFOLD
from .words import Words, grouped

Lines = Iterator[str]
INDENT = "    "


def text_of(facts: Facts, say: Words, machine: bool = True) -> str:
    """The whole explanation; without `machine`, only what is the same on every one."""
    lines = [*_title(facts, say), "", *_shapes(facts, say)]
    sections = (_refusal,) if facts.error else (_order, _sizes, _weights, _cost, _planned, _notes)
    sections = [section for section in sections if machine or section is not _planned]
    for section in sections:
        found = [*section(facts, say)]
        lines += ["", *found] if found else []
    return "\n".join(line.rstrip() for line in lines)


def _title(facts: Facts, say: Words) -> Lines:
    yield from wrapped(say.plain(facts.asked.text.replace("\n", " ")), rest=INDENT)
    if facts.asked.lazy and facts.weight:
        if facts.way == LINEAR:
            yield from wrapped(say("lazy: in_features becomes {n} with this input", n=facts.weight[1]), "  ")
        elif facts.spec or facts.axes:
            channels = facts.x[-facts.asked.rank - 1]
            yield from wrapped(say("lazy: in_channels becomes {n} with this input", n=channels), "  ")


# -- shapes


def _shapes(facts: Facts, say: Words) -> Lines:
    titles = say("input"), say("output")
    width = max(map(width_of, titles)) + 3
    rows = [(titles[0], facts.shown[0], input_axes(facts, say))]
    if not facts.error:
        rows.append((titles[1], facts.shown[1], output_axes(facts, say)))
    for title, shape, names in rows:
        meaning = ", ".join(f"{name} {size(n)}" for name, n in zip(names, shape)) if names else ""
        lead = f"  {fill(title, width)}{shown(shape)}"
        if width_of(lead) + width_of(meaning) + 3 <= WIDTH:
            yield f"{lead}   {meaning}"
        else:
            yield lead
            yield from wrapped(meaning, " " * (width + 2))


def shown(shape: tuple) -> str:
    """A shape as Python writes it."""
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"


def size(number: int | str) -> str:
    """A size as people write it; a batch by its name."""
    return number if isinstance(number, str) else grouped(number)


def input_axes(facts: Facts, say: Words) -> tuple[str, ...]:
    """What each axis of the input is, where the layer tells."""
    dims, rank = len(facts.x), facts.asked.rank
    if facts.way in (CONV, TRANSPOSED, POOL, ADAPTIVE) or (facts.way == OTHER and rank):
        return _named(dims, (say("channels"), *map(say, AXES[rank])), say)
    if facts.way == LINEAR:
        return (
            *(say("batch") for _ in range(min(1, dims - 1))),
            *(say("kept") for _ in range(dims - 2)),
            say("features"),
        )
    if facts.way == FOLD:
        return _named(dims, (say("channels·taps"), say("blocks")), say)
    if facts.way in (UNFOLD, PAD) and facts.axes:
        names = tuple(say(axis.name) for axis in facts.axes)
        return _named(dims, (say("channels"), *names), say) if dims - len(names) in (1, 2) else ()
    return ()


def output_axes(facts: Facts, say: Words) -> tuple[str, ...]:
    """What each axis of the output is."""
    dims = len(facts.y)
    if facts.way == UNFOLD:
        return _named(dims, (say("channels·taps"), say("blocks")), say)
    if facts.way == FOLD:
        return _named(dims, (say("channels"), *(say(axis.name) for axis in facts.axes)), say)
    return input_axes(facts, say)


def _named(dims: int, names: tuple[str, ...], say: Words) -> tuple[str, ...]:
    if dims == len(names) + 1:
        return (say("batch"), *names)
    return names if dims == len(names) else ()


# -- sizes, axis by axis


def _sizes(facts: Facts, say: Words) -> Lines:
    if facts.way == LINEAR:
        yield from _linear_sizes(facts, say)
    if facts.way == FLATTEN:
        yield from _flatten_sizes(facts, say)
    if facts.way == OTHER:
        yield from kept.sizes(facts, say)
    for number, axes in enumerate(alike(facts.axes)):
        if number:
            yield ""
        yield from (_adaptive_axis(axes, say) if facts.way == ADAPTIVE else _axis(facts, axes, say, first=not number))
    if facts.way in (UNFOLD, FOLD):
        yield ""
        yield from _blocks(facts, say)


def alike(axes: tuple[Axis, ...]) -> list[list[Axis]]:
    """Axes with the same numbers together, so that they are explained once."""
    found: list[list[Axis]] = []
    for axis in axes:
        same = next((group for group in found if group[0].numbers == axis.numbers), None)
        same.append(axis) if same else found.append([axis])
    return found


def _axis(facts: Facts, axes: list[Axis], say: Words, first: bool) -> Lines:
    """An axis (or several alike); what the terms mean is said once."""
    axis, numbers = axes[0], axes[0].numbers
    name = say(" and ").join(say(one.name) for one in axes)
    if facts.way == FOLD:
        yield say("{name}  {size} positions, {out} blocks", name=name, size=axis.size, out=axis.out)
    else:
        yield say("{name}  {size} → {out}", name=name, size=axis.size, out=axis.out)
    yield from equation(axis.rule, numbers, say)
    for rule in axis.resolved:
        yield from _resolved(rule, axis, say)
    other = {TRANSPOSED: TRANSPOSED_TERMS, POOL: POOLED}.get(facts.way, {})
    legend = axis.rule.legend(**numbers) if first else ()
    rows = [(name, grouped(n), say(other.get(name, meaning))) for name, meaning, n in legend]
    yield from table([*rows, *_marked(axis, say)], say)
    if axis.left_out:
        yield from wrapped(say(LEFT_OUT), INDENT)
    yield from _same_size(axis, say)
    if axis.rule is formula.TRANSPOSED_OUTPUT:
        yield from _choices(axis, say)


LEFT_OUT = "minus 1: the last of these windows would begin behind the input and the padding before it, and is left out"
# What the taps are where there are no weights.
POOLED = {
    "taps": "positions of a window on this axis (the kernel size)",
    "dilation": "input positions from one of them to the next",
}
# What the terms are where inputs are spread over outputs.
TRANSPOSED_TERMS = {
    "stride": "output positions from one input to the next",
    "dilation": "output positions from one tap to the next",
    "before": "cropped before the first position",
    "after": "cropped behind the last position",
}


def equation(rule: Formula, numbers: dict[str, int], say: Words) -> Lines:
    """The rule in names, below it with the numbers."""
    for line in rule.symbols(say.ascii), rule.explain(say.ascii, **numbers):
        right = line.removeprefix(f"{rule.result} = ")
        lead = f"{INDENT}{rule.result} = " if line is not right and line[0] and line == rule.symbols(say.ascii) else ""
        lead = lead or f"{INDENT}{' ' * len(rule.result)} = "
        yield from wrapped(right, lead, " " * len(lead))


def table(rows: list[tuple[str, str, str]], say: Words) -> Lines:
    """Names, numbers to the right, and what they mean, wrapped."""
    if not rows:
        return
    names, numbers = (max(width_of(row[i]) for row in rows) for i in (0, 1))
    for name, number, meaning in rows:
        lead = f"{INDENT}{fill(name, names)}  {' ' * (numbers - width_of(number))}{number}   "
        yield from wrapped(meaning, lead)


def _adaptive_axis(axes: list[Axis], say: Words) -> Lines:
    """An axis whose windows cover it evenly."""
    axis = axes[0]
    name = say(" and ").join(say(one.name) for one in axes)
    yield say("{name}  {size} → {out}", name=name, size=axis.size, out=axis.out)
    for rule in (formula.ADAPTIVE_START, formula.ADAPTIVE_STOP):
        yield from wrapped(rule.symbols(say.ascii), INDENT)
    yield from wrapped(adaptive_windows(axis, say), INDENT)


def adaptive_windows(axis: Axis, say: Words) -> str:
    """What each window of an adaptive axis reads."""
    found = axis.adaptive
    windows = ", ".join(f"{start}…{stop - 1}" if stop - start > 1 else str(start) for start, stop in found[:6])
    windows = say.plain(windows + (", …" if len(found) > 6 else ""))
    lengths = say(" or ").join(map(str, sorted({stop - start for start, stop in found})))
    sentence = "output number index reads the positions from start to stop − 1, which are {lengths}: {windows}"
    return say(sentence, lengths=lengths, windows=windows)


def _resolved(rule: Formula, axis: Axis, say: Words) -> Lines:
    lead = f"{INDENT}{rule.name}: " if rule.name.startswith("padding") else f"{INDENT}{say(rule.name)}: "
    yield from wrapped(rule.explain(say.ascii, **axis.numbers), say.plain(lead))


def _marked(axis: Axis, say: Words) -> list[tuple[str, str, str]]:
    """The floor and the +1, said in words."""
    if axis.steps is None:
        return []
    room, left = axis.steps[1:]
    stride = axis.numbers["stride"]
    floor = f"floor({room} / {stride})" if say.ascii else f"⌊{room} / {stride}⌋"
    steps = say("whole steps of {stride} behind the first output", stride=stride)
    over = say.one(
        left,
        "{n} position is left over at the end, too few for another output",
        "{n} positions are left over at the end, too few for another output",
    )
    return [
        (floor, grouped(room // stride), f"{steps}{say('; ')}{over}" if left else steps),
        ("+ 1", "1", say("the first output itself, which takes no step")),
    ]


def _same_size(axis: Axis, say: Words) -> Lines:
    if axis.steps is None or axis.numbers["stride"] == 1:
        return
    low, high = axis.alike
    sentence = "every size from {low} to {high} gives {out} outputs"
    yield from wrapped(say(sentence, low=low, high=high, out=axis.out), INDENT)


def _choices(axis: Axis, say: Words) -> Lines:
    low, high = axis.choices
    stride, chosen = axis.numbers["stride"], axis.numbers["output_padding"]
    if stride == 1:
        return
    sentence = (
        "stride {stride} makes {size} of every size from {low} to {high}, so the way back is a choice: "
        "output_padding={chosen} chooses {out} (it adds no zeros, it says where to stop)"
    )
    yield from wrapped(
        say(sentence, stride=stride, size=axis.size, low=low, high=high, chosen=chosen, out=axis.out), INDENT
    )


def _linear_sizes(facts: Facts, say: Words) -> Lines:
    yield say("features  {size} → {out}", size=facts.x[-1], out=facts.y[-1] if len(facts.weight) == 2 else 1)
    sentence = "y = x·Wᵀ + b on the last axis; every axis before it is kept as it is"
    yield from wrapped(say(sentence), INDENT)


def _flatten_sizes(facts: Facts, say: Words) -> Lines:
    given, dims = facts.asked.arguments, len(facts.x)
    start, end = (given[name] % dims if dims else 0 for name in ("start_dim", "end_dim"))
    joined = facts.x[start : end + 1]
    yield say("axes {start} … {end}  become axis {start}", start=start, end=end)
    product = say.plain(" · ".join(map(str, joined)))
    yield f"{INDENT}{product} = {grouped(prod(joined))}"
    yield from wrapped(say("the last of these axes runs fastest; the batch (axis 0) stays where start_dim=1"), INDENT)


def _blocks(facts: Facts, say: Words) -> Lines:
    taps, out = (
        say.plain("·".join(map(str, numbers))) for numbers in zip(*[(a.numbers["taps"], a.out) for a in facts.axes])
    )
    lead = facts.y if facts.way == FOLD else facts.x
    channels = lead[len(lead) - len(facts.axes) - 1]
    blocks, rows = prod(a.out for a in facts.axes), channels * prod(a.numbers["taps"] for a in facts.axes)
    yield from wrapped(say("columns  {taps} taps of {channels} channels = {rows} entries in each, the channel slowest",
                           taps=taps, channels=channels, rows=rows))  # fmt: skip
    yield from wrapped(say("blocks   {out} = {blocks}, row by row", out=out, blocks=blocks))
    if facts.way == FOLD:
        yield from wrapped(say("where blocks overlap their entries are added up, so Fold is not the inverse of Unfold"))


# -- weights, cost, plan


def weight_axes(facts: Facts) -> tuple[str, ...]:
    """The weight's axes by name."""
    if facts.way == LINEAR:
        return ("out_features", "in_features")[-len(facts.weight) :]
    if facts.way == OTHER:
        return kept.weight_axes(facts)
    ends = ("out_channels", "in_channels / groups")
    if facts.way == TRANSPOSED:
        ends = ("in_channels", "out_channels / groups")
    return (*ends, *(f"{axis.name} taps" for axis in facts.axes))


def _weights(facts: Facts, say: Words) -> Lines:
    if not facts.weight:
        return
    names = ", ".join(say(name) for name in weight_axes(facts))
    yield from wrapped(f"{shown(facts.weight)} = ({names})", f"{say('weight')}   ")
    if facts.asked.bias:
        each = {
            LINEAR: say("one number for each output feature"),
            OTHER: say("added to the result, as many as weights"),
        }.get(facts.way, say("one number for each output channel"))
        yield from wrapped(f"{shown(facts.asked.bias)}   {each}", f"{say('bias')}     ")
    if facts.way in (LINEAR, OTHER):
        return
    [first, second] = facts.channels
    if facts.groups > 1:
        a, b = first // facts.groups, second // facts.groups
        sentence = (
            "groups   {groups} groups that do not see each other: {a} channels in, {b} out in each; channels 0 … {i} "
            "make outputs 0 … {o}"
        )
        yield from wrapped(say(sentence, groups=facts.groups, a=a, b=b, i=a - 1, o=b - 1), rest=" " * 9)


def _cost(facts: Facts, say: Words) -> Lines:
    if facts.weight:
        bias = prod(facts.asked.bias or (0,))
        text = say("{n} = {weights} weights + {bias} biases", n=facts.parameters, weights=prod(facts.weight), bias=bias)
        yield from wrapped(text, say("parameters") + "   ")
        if facts.spec:
            yield from wrapped(_macs(facts, say), say("multiply-accumulates") + "   ")
    item = [bytes_in_words(count) for count in facts.bytes]
    if facts.batch:
        one = [f"{bytes_in_words(count // facts.examples)}·{facts.batch.symbol}" for count in facts.bytes]
        item = [one[0], item[1], one[2]]
    sentence = "input {x}, parameters {w}, output {y}" if facts.weight else "input {x}, output {y}"
    item = [say.plain(size) for size in item]
    yield from wrapped(say(sentence, x=item[0], w=item[1], y=item[2]), say("memory") + "   ")
    if facts.axes and facts.way in (CONV, TRANSPOSED, UNFOLD, POOL, ADAPTIVE):
        yield from wrapped(_field(facts, say), say("receptive field") + "   ")


def _macs(facts: Facts, say: Words) -> str:
    sentence = "{macs} = batch {batch} · {positions} outputs of a channel · {weights} weights"
    if facts.way == TRANSPOSED:
        sentence = "{macs} = batch {batch} · {positions} inputs of a channel · {weights} weights"
    if facts.way == LINEAR:
        sentence = "{macs} = {batch} rows · {weights} weights"
    spec, weights = facts.spec, prod(facts.weight)
    macs, batch = facts.macs, spec.batch
    if facts.batch:
        macs = say.plain(f"{grouped(facts.macs // facts.examples)}·{facts.batch.symbol}")
        batch = facts.batch.rows if facts.way == LINEAR else facts.batch.symbol
    return say(sentence, macs=macs, batch=batch, positions=prod(spec.out), weights=weights)


def _field(facts: Facts, say: Words) -> str:
    times = say.plain(" × ")
    field = times.join(str(axis.seen) for axis in facts.axes)
    if facts.way == TRANSPOSED:
        return say("{field}: an output takes from at most so many inputs an axis", field=field)
    taps = times.join(str(axis.numbers.get("taps", axis.seen)) for axis in facts.axes)
    if field == taps:
        return say("{field}: the input positions that one output depends on", field=field)
    return say("{field} input positions from the first tap to the last, {taps} of them read", field=field, taps=taps)


def _planned(facts: Facts, say: Words) -> Lines:
    if facts.choice is None:
        if facts.spec is not None and prod(facts.y):
            yield from wrapped(
                say("by the reference engine: nothing is compiled for this dtype or machine"), say("computed") + " "
            )
            yield from _declined(facts, say)
        return
    yield from wrapped(say(ALGORITHMS[facts.choice.algorithm]), f"{say('computed')} ")
    for reason in facts.choice.reasons if facts.way != LINEAR else ():
        yield from wrapped(say.plain(reason), INDENT + "- ")
    yield from _declined(facts, say)


def _declined(facts: Facts, say: Words) -> Lines:
    """Who declined this very problem when it was called, and why."""
    for engine, reason in facts.declined:
        yield from wrapped(say("declined by {engine}: {reason}", engine=engine, reason=reason), INDENT + "- ")


ALGORITHMS = {
    "product": "as a matrix product over taps and channels, in blocks that fit registers and caches",
    "winograd": "by Winograd's algorithm: tiles of outputs at once, with fewer multiplications than taps",
    "depthwise_channels": "lane by lane: the channels of a group are too few for a matrix product",
    "depthwise_rows": "channel by channel: few input channels are summed for each, and their rows are contiguous",
    "overlap": "as one matrix product with all taps as its columns, which are added where they overlap",
}


# -- what people stumble over


def _order(facts: Facts, say: Words) -> Lines:
    """Where the channels are."""
    if facts.way in (CONV, TRANSPOSED) and facts.asked.rank == 1 and facts.batched:
        sentence = "channels come before length: data as (batch, length, channels) goes in by x.permute(0, 2, 1)"
        yield from wrapped(say(sentence))


def _notes(facts: Facts, say: Words) -> Lines:
    for note in notes(facts, say):
        yield from wrapped(note, "* ")


def notes(facts: Facts, say: Words) -> Lines:
    """What is worth knowing about this very layer."""
    if facts.way == TRANSPOSED:
        yield say("not the inverse of a convolution but its gradient: it gives back the shape, not the values")
        if any(axis.unreached for axis in facts.axes):
            yield say("the taps span less than the stride: some outputs are reached by no tap and hold the bias")
        elif any(axis.numbers["taps"] % axis.phases[0] for axis in facts.axes if axis.numbers["stride"] > 1):
            yield say(
                "the kernel size is no multiple of the stride: outputs sum unequal numbers of taps (a checkerboard)"
            )
    if facts.way in (POOL, ADAPTIVE):
        yield from kept.pooling(facts, say)
    if facts.way == CONV and facts.groups == facts.spec.in_channels > 1:
        yield say("depthwise: every input channel is convolved on its own")
    pointwise = facts.way == CONV and prod(facts.spec.taps) == 1 == facts.groups
    if pointwise and set(facts.spec.stride) == {1} and not any(map(any, facts.spec.padding)):
        yield say("one tap: the same as a Linear layer on the channels of every position")
    if facts.mode not in ("zeros", "constant"):
        yield say(MODES[facts.mode])


MODES = {
    "reflect": "padding mirrors the input at its ends, without repeating the end itself",
    "replicate": "padding repeats the first and the last position",
    "circular": "padding continues with the other end of the input",
}


# -- a call that is refused


def _refusal(facts: Facts, say: Words) -> Lines:
    yield say("refused with {kind}", kind=type(facts.error).__name__)
    for line in str(facts.error).split("\n"):
        if not line.startswith(HINT):
            yield from wrapped(say.plain(line), INDENT, INDENT + "  ")
    for number, axes in enumerate(alike(facts.axes)):
        yield from [""] if not number else []
        name = say(" and ").join(say(axis.name) for axis in axes)
        sentence = "{name}  {size} → {out}" if axes[0].out > 0 else "{name}  {size} → nothing: no output fits"
        yield say(sentence, name=name, size=axes[0].size, out=axes[0].out)
        yield from equation(axes[0].rule, axes[0].numbers, say)
    if facts.weight:
        names = ", ".join(say(name) for name in weight_axes(facts))
        yield ""
        yield from wrapped(f"{shown(facts.weight)} = ({names})", f"{say('weight')}   ")
