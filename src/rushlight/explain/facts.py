"""The numbers of one call: what is said in text, drawn in pictures and counted in summaries.

In come an `Asked` and the input's shape; out come `Facts`, or the exception that the call raises. The rules are
those of `ops`: shapes and padding from `geometry` and `windows`, sizes from `formula`, the algorithm from `plan`.
"""

from __future__ import annotations

import re
from math import gcd, prod
from typing import NamedTuple

from rushlight.backends.exactness import get_exact
from rushlight.backends.protocol import refusals
from rushlight.core.dtypes import int8
from rushlight.core.environment import SettingError
from rushlight.core.errors import message
from rushlight.ops.shapes import grown, in_batches
from rushlight.plan.choose import Choice, choose
from rushlight.plan.target import Target
from rushlight.rules import features, formula, geometry, windows
from rushlight.rules.arguments import AXES, integers
from rushlight.rules.formula import Expression, Formula
from rushlight.rules.rules import Pairs, Request
from rushlight.rules.spec import ITEM_BYTES, ConvSpec
from rushlight.tensor.creation import empty

from .reading import (
    ADAPTIVE,
    CONV,
    FLATTEN,
    FOLD,
    LINEAR,
    OTHER,
    PAD,
    POOL,
    TRANSPOSED,
    UNFOLD,
    Asked,
    Shape,
    weight_shape,
)  # fmt: skip

# How padding by name becomes numbers: its total, then the two sides.
_HALVES = (formula.HALF_BEFORE, formula.REST_AFTER)
NAMED = {
    (CONV, "same"): (formula.SAME_TOTAL, *_HALVES),
    (CONV, "same_strided"): (formula.SAME_STRIDED_TOTAL, *_HALVES),
    (CONV, "causal"): (formula.CAUSAL_BEFORE,),
    (TRANSPOSED, "same"): (formula.TRANSPOSED_SAME_TOTAL, *_HALVES),
}


class Axis(NamedTuple):
    """One axis that changes its size: the rule, the numbers in it, and what comes out."""

    name: str
    index: int  # which axis of the input
    rule: Formula
    numbers: dict[str, int]
    resolved: tuple[Formula, ...] = ()  # how a padding by name became numbers
    left_out: int = 0  # windows that the rule counts, and pooling leaves out: they would begin behind the input

    @property
    def size(self) -> int:
        return self.numbers["size"]

    @property
    def out(self) -> int:
        return self.rule(**self.numbers) - self.left_out

    @property
    def span(self) -> int:
        """Input positions from the first tap to the last."""
        return formula.SPAN(**self.numbers)

    @property
    def steps(self) -> tuple[Expression, int, int] | None:
        """Where the rule rounds down: its numerator, the numerator's value, and what the division leaves over."""
        quotient = next(iter(self.rule.expression.operands), None)
        if not (isinstance(quotient, Expression) and quotient.symbol == "//"):
            return None
        room = Formula("", "", quotient.operands[0])(**self.numbers)
        return quotient.operands[0], room, room % self.numbers["stride"]

    @property
    def alike(self) -> tuple[int, int]:
        """The smallest and the largest input that give as many outputs as this one."""
        if self.rule is formula.TRANSPOSED_OUTPUT:
            return self.size, self.size
        left = self.steps[2]
        return self.size - left, self.size - left + self.numbers["stride"] - 1

    @property
    def choices(self) -> tuple[int, int]:
        """Of a transposed axis, the sizes that the convolution the other way maps onto its input."""
        least = self.rule(**{**self.numbers, "output_padding": 0})
        return least, formula.TRANSPOSED_LARGEST(**self.numbers)

    @property
    def seen(self) -> int:
        """The receptive field: input positions from the first to the last that one output depends on, at most."""
        if self.rule is formula.ADAPTIVE_OUTPUT:
            return max(stop - start for start, stop in self.adaptive)
        if self.rule is not formula.TRANSPOSED_OUTPUT:
            return self.span if "taps" in self.numbers else 1
        period, step = self.phases
        return (self.numbers["taps"] - 1) // period * step + 1

    @property
    def adaptive(self) -> list[tuple[int, int]]:
        """Of an adaptive pooling: where each window starts and stops."""
        rules = formula.ADAPTIVE_START, formula.ADAPTIVE_STOP
        return [tuple(rule(index=i, **self.numbers) for rule in rules) for i in range(self.out)]

    @property
    def phases(self) -> tuple[int, int]:
        """Of a transposed axis: every which tap reaches the same output, and how many inputs lie between those taps."""
        stride, dilation = self.numbers["stride"], self.numbers["dilation"]
        common = gcd(stride, dilation)
        return stride // common, dilation // common

    @property
    def unreached(self) -> bool:
        """Whether a transposed axis has outputs that no tap reaches, which hold the bias alone."""
        reached = min(self.numbers["taps"], self.phases[0])
        return reached < self.numbers["stride"] and self.out > 1


class Batch(NamedTuple):
    """A batch that is only named: what the facts, which are those of some batch, say in terms of the name."""

    symbol: str
    x: tuple[int | str, ...]
    y: tuple[int | str, ...]
    rows: str  # Linear's: all axes but the last, multiplied


class Facts(NamedTuple):
    """All there is to know about one call."""

    asked: Asked
    x: Shape
    y: Shape
    axes: tuple[Axis, ...] = ()
    weight: Shape | None = None
    spec: ConvSpec | None = None
    choice: Choice | None = None
    mode: str = "zeros"
    pad: Pairs = ()  # of `pad`: a pair for each of the last axes
    error: Exception | None = None
    batch: Batch | None = None

    @property
    def shown(self) -> tuple[tuple[int | str, ...], tuple[int | str, ...]]:
        """The shapes of input and output, a batch by its name."""
        return (self.batch.x, self.batch.y) if self.batch else (self.x, self.y)

    @property
    def examples(self) -> int:
        """How many examples stand for a batch that is only named; 1 where it has a number."""
        return self.x[0] if self.batch else 1

    @property
    def way(self) -> str:
        return self.asked.way

    @property
    def groups(self) -> int:
        return self.spec.groups if self.spec else 1

    @property
    def declined(self) -> list[tuple[str, str]]:
        """Which engines have declined a call of just these numbers, and why: each reason once."""
        problem = str(self.spec)
        return list(dict.fromkeys((one.engine, one.reason) for one in refusals if one.problem == problem))

    @property
    def batched(self) -> bool:
        """Whether the first axis of the input is a batch."""
        lead = {LINEAR: 1, FLATTEN: 1, PAD: len(self.pad) + 1, FOLD: 2}.get(self.way, len(self.axes) + 1)
        return len(self.x) > lead

    @property
    def channels(self) -> tuple[int, int]:
        """Of a convolution: channels in and out."""
        ends = self.spec.in_channels, self.spec.out_channels
        return ends[::-1] if self.way == TRANSPOSED else ends

    @property
    def parameters(self) -> int:
        return (prod(self.weight) if self.weight else 0) + prod(self.asked.bias or (0,))

    @property
    def macs(self) -> int:
        """Multiply-accumulates, those with padding included."""
        return self.spec.macs if self.spec else 0

    @property
    def bytes(self) -> tuple[int, int, int]:
        """Bytes of input, parameters and output."""
        item = ITEM_BYTES.get(self.asked.dtype, 4)
        return item * prod(self.x), item * self.parameters, item * prod(self.y)

    @property
    def field(self) -> tuple[int, ...]:
        """The receptive field, a number an axis."""
        return tuple(axis.seen for axis in self.axes)

    def named(self, symbol: str, other: Facts) -> Facts:
        """These facts for a batch of which only the name is known; `other` are those of another batch."""
        if self.error:
            return self._replace(batch=Batch(symbol, (symbol, *self.x[1:]), (), symbol))
        if self.way not in (FLATTEN, PAD, OTHER) and not self.batched:
            axes = f"{len(self.x)} axes" if len(self.x) > 1 else "one axis"
            what = f"{symbol} stands for a batch, and an input of {axes} has none for {self.asked.kind}"
            raise ValueError(message(what, fix=f"({symbol!r}, …) with an axis more, or a number"))
        y = in_batches(symbol, tuple(self.y), tuple(other.y))
        rows = str(grown(symbol, prod(self.x[:-1]), prod(other.x[:-1])))
        return self._replace(batch=Batch(symbol, (symbol, *self.x[1:]), y, rows))


def facts_of(asked: Asked, x: Shape, output_size: object = None) -> Facts:
    """The facts of a call that is valid; raises what the call raises."""
    if asked.way == TRANSPOSED:
        return _transposed(asked, x, output_size or asked.arguments.get("output_size"))
    return _WAYS[asked.way](asked, x)


def refused(asked: Asked, x: Shape, error: Exception) -> Facts:
    """What is known of a call that raised: its input, its weight, and the axes where they can be computed."""
    try:
        weight = _weight(asked, x) if asked.way in (CONV, TRANSPOSED) else asked.weight
        axes = _conv_axes(asked, x, weight, None) if asked.way == CONV else ()
        [axis.out for axis in axes]  # a stride of 0 has no sizes
    except (RuntimeError, ValueError, TypeError, IndexError, ZeroDivisionError, KeyError):
        weight, axes = asked.weight, ()
    return Facts(asked, x, (), axes, weight, error=error)


# -- convolutions


def _conv(asked: Asked, x: Shape) -> Facts:
    weight = _weight(asked, x)
    given = asked.arguments
    mode = given["padding_mode"]
    call = geometry.convolution(
        _op(asked), asked.rank, x, weight, asked.bias, _types(asked), given["stride"], given["padding"],
        given["dilation"], given["groups"], mode,
    )  # fmt: skip
    axes = _conv_axes(asked, x, weight, call.pad or call.spec.padding)
    return Facts(asked, x, _batched_like(call, call.spec.y_shape), axes, weight, call.spec, _choice(call.spec), mode)


def _transposed(asked: Asked, x: Shape, output_size: object) -> Facts:
    weight = _weight(asked, x)
    given = asked.arguments
    mode = given["padding_mode"]
    call = geometry.transposed(
        _op(asked), asked.rank, x, weight, asked.bias, _types(asked), given["stride"], given["padding"],
        given["output_padding"], given["groups"], given["dilation"], mode, output_size,
    )  # fmt: skip
    spec = call.spec.dgrad()
    axes = _transposed_axes(asked, x, weight, call.spec.size)
    choice = _choice(call.spec, "dgrad")
    return Facts(asked, x, _batched_like(call, spec.y_shape), axes, weight, call.spec, choice, mode)


def _op(asked: Asked) -> str:
    return f"conv{'_transpose' if asked.way == TRANSPOSED else ''}{asked.rank}d"


def _types(asked: Asked) -> tuple[str, str, str | None]:
    return asked.dtype, asked.dtype, asked.dtype if asked.bias else None


def _batched_like(call: geometry.Call, shape: Shape) -> Shape:
    return shape if call.batched else shape[1:]


def _weight(asked: Asked, x: Shape) -> Shape:
    """The weight's shape; a lazy layer's is what this input makes it."""
    if asked.weight is not None:
        return asked.weight
    in_channels = x[-asked.rank - 1] if len(x) > asked.rank else 0
    return weight_shape(asked.way, asked.rank, asked.arguments, in_channels)


def _request(asked: Asked, x: Shape, weight: Shape) -> Request:
    given, op, rank = asked.arguments, _op(asked), asked.rank
    steps = integers(op, "stride", given["stride"], rank), integers(op, "dilation", given["dilation"], rank)
    return Request(op, rank, x, weight, asked.bias, *steps, given["groups"], asked.way == TRANSPOSED)


def _conv_axes(asked: Asked, x: Shape, weight: Shape, pairs: Pairs | None) -> tuple[Axis, ...]:
    request, padding = _request(asked, x, weight), asked.arguments["padding"]
    pairs = geometry.conv_padding(request, padding) if pairs is None else pairs
    return _axes(asked, request, pairs, formula.CONV_OUTPUT, [{}] * request.rank)


def _transposed_axes(asked: Asked, x: Shape, weight: Shape, out: Shape) -> tuple[Axis, ...]:
    """With the output_padding that gives this output, whether it was asked for so or by output_size."""
    request = _request(asked, x, weight)
    pairs = geometry.transposed_padding(request, asked.arguments["padding"])
    none = [{"output_padding": 0}] * request.rank
    least = [axis.out for axis in _axes(asked, request, pairs, formula.TRANSPOSED_OUTPUT, none)]
    extra = [{"output_padding": size - low} for size, low in zip(out, least)]
    return _axes(asked, request, pairs, formula.TRANSPOSED_OUTPUT, extra)


def _axes(asked: Asked, request: Request, pairs: Pairs, rule: Formula, more: list[dict]) -> tuple[Axis, ...]:
    rank, padding = request.rank, asked.arguments["padding"]
    resolved = NAMED.get((asked.way, padding), ()) if isinstance(padding, str) else ()
    columns = zip(request.size, request.taps, request.stride, request.dilation, pairs, more)
    rows = [
        dict(size=n, taps=k, stride=s, dilation=d, before=lo, after=hi, total=lo + hi) | extra
        for n, k, s, d, (lo, hi), extra in columns
    ]
    lead = len(request.x) - rank
    return tuple(Axis(AXES[rank][i], lead + i, rule, numbers, resolved) for i, numbers in enumerate(rows))


def _choice(spec: ConvSpec, kernel: str = "fprop") -> Choice | None:
    """What the planner takes on this machine; None where nothing is compiled for it, or nothing to compute."""
    if spec.dtype not in ("f32", "f64", "f16", "bf16") or 0 in (*spec.x_shape, *spec.y_shape):
        return None
    try:
        return choose(spec, kernel, Target.host(), threads=1, exact=get_exact())
    except SettingError:
        raise
    except ValueError:  # no kernels for this machine
        return None


# -- the rest of the family


def _linear(asked: Asked, x: Shape) -> Facts:
    weight = asked.weight or (asked.arguments["out_features"], x[-1] if x else 0)
    spec = features.linear(x, weight, asked.bias, _types(asked))
    y = (*x[:-1], weight[0]) if len(weight) == 2 else x[:-1]
    return Facts(asked, x, y, (), weight, spec, _choice(spec))


def _flatten(asked: Asked, x: Shape) -> Facts:
    given = asked.arguments
    y = empty(x, dtype=int8, device="meta").flatten(given["start_dim"], given["end_dim"])
    return Facts(asked, x, tuple(y.shape))


def _unfold(asked: Asked, x: Shape) -> Facts:
    given = asked.arguments
    grid = windows.unfold(x, given["kernel_size"], given["dilation"], given["padding"], given["stride"])
    lead = x[: -len(grid.size) - 1]
    columns = (*lead, x[len(lead)] * prod(grid.taps), prod(grid.out))
    return Facts(asked, x, columns, grid_axes(grid, len(lead) + 1))


def _fold(asked: Asked, x: Shape) -> Facts:
    """The axes are those of the image: its blocks are what an unfold of it gives."""
    given = asked.arguments
    steps = given["kernel_size"], given["dilation"], given["padding"], given["stride"]
    grid = windows.fold(x, given["output_size"], *steps)
    image = (*x[:-2], x[-2] // prod(grid.taps), *grid.size)
    return Facts(asked, x, image, grid_axes(grid, len(image) - len(grid.size)))


def grid_axes(grid: windows.Windows, lead: int, rule: Formula = formula.CONV_OUTPUT) -> tuple[Axis, ...]:
    """The axes of windows without weights; `lead` axes of the input come before them."""
    columns = zip(grid.size, grid.taps, grid.stride, grid.dilation, grid.padding)
    rows = [dict(size=n, taps=k, stride=s, dilation=d, before=p, after=p) for n, k, s, d, p in columns]
    names = AXES[len(rows)]
    return tuple(
        Axis(names[i], lead + i, rule, numbers, left_out=rule(**numbers) - grid.out[i])
        for i, numbers in enumerate(rows)
    )


def _pool(asked: Asked, x: Shape) -> Facts:
    given, rank = asked.arguments, asked.rank
    steps = given["kernel_size"], given["stride"], given.get("padding", 0), given.get("dilation", 1)
    ceil_mode = given["ceil_mode"]
    grid = windows.pool(_snake(asked.kind), rank, x, *steps, ceil_mode)
    rule = formula.POOL_OUTPUT_CEIL if ceil_mode else formula.CONV_OUTPUT
    lead = len(x) - rank
    return Facts(asked, x, (*x[:lead], *grid.out), grid_axes(grid, lead, rule))


def _adaptive(asked: Asked, x: Shape) -> Facts:
    rank = asked.rank
    out = windows.adaptive(_snake(asked.kind), rank, x, asked.arguments["output_size"])
    lead = len(x) - rank
    rows = [dict(size=n, out=m) for n, m in zip(x[lead:], out)]
    axes = tuple(Axis(AXES[rank][i], lead + i, formula.ADAPTIVE_OUTPUT, row) for i, row in enumerate(rows))
    return Facts(asked, x, (*x[:lead], *out), axes)


def _snake(kind: str) -> str:
    """The function of a class: "max_pool2d" of "MaxPool2d"."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind).lower().replace("lppool", "lp_pool")


def _other(asked: Asked, x: Shape) -> Facts:
    return Facts(asked, x, tuple(asked.shape_of(x)), weight=asked.weight)


def _pad(asked: Asked, x: Shape) -> Facts:
    given = asked.arguments
    pairs = windows.pad(x, given["pad"], given["mode"], given["value"])
    lead = len(x) - len(pairs)
    rows = [dict(size=n, before=lo, after=hi) for n, (lo, hi) in zip(x[lead:], pairs)]
    names = AXES.get(len(rows), tuple(f"axis {lead + i}" for i in range(len(rows))))
    axes = tuple(Axis(names[i], lead + i, formula.PADDED_SIZE, row) for i, row in enumerate(rows))
    y = (*x[:lead], *(axis.out for axis in axes))
    return Facts(asked, x, y, axes, mode=given["mode"], pad=pairs)


_WAYS = {
    CONV: _conv, LINEAR: _linear, FLATTEN: _flatten, UNFOLD: _unfold, FOLD: _fold, PAD: _pad, POOL: _pool,
    ADAPTIVE: _adaptive, OTHER: _other,
}  # fmt: skip
