"""What pooling does to its windows, and normalisation, activations and dropout to numbers whose shape they keep.

In come `Facts` and `Words`; out come sentences for `text` and the pictures.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from .facts import Facts
from .lines import wrapped
from .words import Words

INDENT = "    "
# Activations that look at more than one number, by the start of their names.
_ALONG = ("softmax", "softmin", "logsoftmax")


def _name(facts: Facts) -> str:
    """The kind without what tells a class from a function: "batchnorm2d" of both."""
    return facts.asked.kind.lower().replace("_", "")


def weight_axes(facts: Facts) -> tuple[str, ...]:
    """What the weight's axes are."""
    if _name(facts).startswith("layernorm"):
        return ("the last axes",)
    return ("channels",)


def pooling(facts: Facts, say: Words) -> Iterator[str]:
    """What a window becomes."""
    name, given = _name(facts), facts.asked.arguments
    if "max" in name:
        yield say("the largest number of each window, channel by channel; there is nothing to learn")
        if any(axis.numbers.get("before") for axis in facts.axes):
            yield say("padding is never the largest: it stands for minus infinity")
    elif "avg" in name:
        yield say("the mean of each window, channel by channel; there is nothing to learn")
        if any(axis.numbers.get("before") for axis in facts.axes):
            if given.get("count_include_pad", True):
                yield say("padded zeros count in the mean: count_include_pad=True")
            else:
                yield say("padded zeros do not count in the mean: count_include_pad=False")
    if given.get("ceil_mode"):
        yield say("ceil_mode rounds up: the last window may reach over the end, where nothing is counted")


def sizes(facts: Facts, say: Words) -> Iterator[str]:
    """The rule of the shape, and what is done."""
    if facts.y == facts.x:
        yield say("the shape stays as it is")
    else:
        yield say("shape  {x} → {y}", x=_shape(facts.shown[0]), y=_shape(facts.shown[1]))
    for sentence in does(facts, say):
        yield from wrapped(sentence, INDENT)


def does(facts: Facts, say: Words) -> Iterator[str]:
    """What happens to the numbers."""
    name, given = _name(facts).removeprefix("lazy"), facts.asked.arguments
    if "norm" in name:
        yield from _normalises(name, facts, say)
    elif name.startswith(_ALONG):
        dim = given.get("dim")
        if name == "softmax2d":
            dim = -3
        yield say("along axis {dim}: every number depends on all others of its line there", dim=_axis(dim, facts))
    elif name == "glu":
        yield say(
            "axis {dim} is halved: the first half times the sigmoid of the second", dim=_axis(given["dim"], facts)
        )
    elif "dropout" in name:
        yield from _drops(name, facts, say)
    elif name == "unflatten":
        yield say("one axis becomes several; not a number changes")
    elif facts.y == facts.x:
        yield say("every number by itself: none sees another")


def _drops(name: str, facts: Facts, say: Words) -> Iterator[str]:
    given = facts.asked.arguments
    whole = name[-2:] in ("1d", "2d", "3d") or name == "featurealphadropout"
    sentence = "while training, each channel is zero with probability {p}, the others are divided by 1 − {p}"
    if not whole:
        sentence = "while training, each number is zero with probability {p}, the others are divided by 1 − {p}"
    if "alpha" in name:
        sentence = "while training, each number is set to a constant with probability {p}; mean and variance are kept"
    if given.get("training", True):
        yield say(sentence, p=f"{given['p']:g}")
        yield say("after eval() nothing is changed")
    else:
        yield say("nothing is changed: training is off")


def _normalises(name: str, facts: Facts, say: Words) -> Iterator[str]:
    """Over which numbers mean and variance are taken."""
    x, given = facts.x, facts.asked.arguments
    batch = facts.batch.symbol if facts.batch else None
    collects = given.get("running_mean") is not None or given.get("track_running_stats")
    collected = name.startswith("batchnorm") and given.get("training") is False
    collected |= name.startswith("instancenorm") and given.get("training", given.get("use_input_stats")) is False
    if collects and collected:
        yield say("each channel is normalised with the running mean and variance, which training has collected")
    elif name.startswith("batchnorm"):
        count = prod(x[:1] + x[2:])
        numbers = _times(count // x[0], batch, say) if batch and x[0] else count
        sentence = "each channel is normalised over its {n} numbers: the batch and all positions"
        yield say(sentence, n=numbers)
        if collects:
            yield say("after eval() with the running mean and variance, which training has collected")
    elif name.startswith("instancenorm"):
        sentence = "each channel of each example is normalised over its {n} positions"
        yield say(sentence, n=prod(x[-facts.asked.rank :]) if facts.asked.rank else prod(x[2:]))
    elif name.startswith("groupnorm"):
        groups = given["num_groups"]
        sentence = "{groups} groups of {c} channels: each of every example is normalised over its {n} numbers"
        yield say(sentence, groups=groups, c=x[1] // groups, n=prod(x[1:]) // groups)
    elif name.startswith(("layernorm", "rmsnorm")):
        shape = given["normalized_shape"]
        last = len(shape) if isinstance(shape, list | tuple) else 1
        sentence = "the last axes, {k} of them: their {n} numbers are normalised, at every place before them"
        yield say(sentence, k=last, n=prod(x[len(x) - last :]))
    elif name == "normalize":
        yield say(
            "along axis {dim}: every number is divided by the norm of its line there", dim=_axis(given["dim"], facts)
        )
    if name.startswith(("batchnorm", "instancenorm", "groupnorm", "layernorm")) and "eps" in given:
        yield say("(x − mean) / sqrt(variance + {eps})", eps=f"{given['eps']:g}")


def _times(count: int, symbol: str, say: Words) -> str:
    return say.plain(f"{count}·{symbol}" if count != 1 else symbol)


def _axis(dim: object, facts: Facts) -> object:
    """The axis as counted from the start."""
    return dim % len(facts.x) if isinstance(dim, int) and facts.x else dim


def _shape(shape: tuple) -> str:
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
