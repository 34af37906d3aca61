"""Integer rules as data: each formula computes its value and prints itself.

In come named integers (Python's, which do not overflow); out come the value, the formula in symbols, and
the formula with the numbers substituted. Geometry, error texts, `explain` and the documentation all read
these, so that a rule is written down once.
"""

from __future__ import annotations

from collections.abc import Iterator

_BINDING = {"=": 0, "<=": 0, "<": 0, ">=": 0, "+": 1, "-": 1, "*": 2}  # how tightly an operator binds
_SOURCE = {"//": "({} // {})", "ceil": "(-(-{} // {}))", "max": "max({}, {})", "=": "({} == {})"}
_SIGNS = {"-": "−", "*": "·", "<=": "≤", ">=": "≥"}
_FRAMES = {"//": ("⌊", "⌋", "floor"), "ceil": ("⌈", "⌉", "ceil")}


class Expression:
    """A tree of integer operations over terms: `size + 2 * padding` builds one."""

    __slots__ = ("operands", "symbol")

    def __init__(self, symbol: str, *operands: Expression | int) -> None:
        self.symbol = symbol
        self.operands = operands

    def __add__(self, other: Expression | int) -> Expression:
        return Expression("+", self, other)

    def __sub__(self, other: Expression | int) -> Expression:
        return Expression("-", self, other)

    def __mul__(self, other: Expression | int) -> Expression:
        return Expression("*", self, other)

    def __floordiv__(self, other: Expression | int) -> Expression:
        return Expression("//", self, other)

    def __le__(self, other: Expression | int) -> Expression:
        return Expression("<=", self, other)

    def __lt__(self, other: Expression | int) -> Expression:
        return Expression("<", self, other)

    def __ge__(self, other: Expression | int) -> Expression:
        return Expression(">=", self, other)

    def equals(self, other: Expression | int) -> Expression:
        """The condition that both sides are the same number."""
        return Expression("=", self, other)


class Term(Expression):
    """A named integer of a formula, with its meaning in words."""

    __slots__ = ("meaning", "name")

    def __init__(self, name: str, meaning: str) -> None:
        super().__init__("term")
        self.name = name
        self.meaning = meaning

    def __repr__(self) -> str:
        return self.name


def ceiling(numerator: Expression | int, denominator: Expression | int) -> Expression:
    """The quotient rounded up."""
    return Expression("ceil", numerator, denominator)


def largest(left: Expression | int, right: Expression | int) -> Expression:
    """The larger of two."""
    return Expression("max", left, right)


class Formula:
    """One rule: a name, what it gives, and the expression.

    >>> print(CONV_OUTPUT)
    out = ⌊(size + before + after − dilation·(taps − 1) − 1) / stride⌋ + 1
    >>> numbers = dict(size=50, before=4, after=4, dilation=3, taps=3, stride=2)
    >>> CONV_OUTPUT(**numbers)
    26
    >>> print(CONV_OUTPUT.explain(**numbers))
    out = ⌊(50 + 4 + 4 − 3·(3 − 1) − 1) / 2⌋ + 1 = 26
    """

    __slots__ = ("_function", "expression", "name", "result", "terms")

    def __init__(self, name: str, result: str, expression: Expression) -> None:
        self.name = name
        self.result = result
        self.expression = expression
        self.terms = tuple(dict.fromkeys(_terms(expression)))
        self._function = None

    def __call__(self, **numbers: int) -> int:
        """The value (for a condition: whether it holds)."""
        if self._function is None:
            arguments = ", ".join(term.name for term in self.terms)
            self._function = eval(f"lambda {arguments}, **_: {_source(self.expression)}", {"max": max})
        return self._function(**numbers)

    def __str__(self) -> str:
        return self.symbols()

    def symbols(self, ascii: bool = False) -> str:
        """The formula in the names of its terms."""
        return self._titled(_render(self.expression, None, ascii))

    def substituted(self, ascii: bool = False, **numbers: int) -> str:
        """The formula's right side with the numbers in place of the names."""
        return _render(self.expression, numbers, ascii)

    def explain(self, ascii: bool = False, **numbers: int) -> str:
        """Result, numbers and value in one line."""
        line = self._titled(self.substituted(ascii, **numbers))
        return f"{line} = {self(**numbers)}" if self.result else line

    def legend(self, **numbers: int) -> tuple[tuple[str, str, int | None], ...]:
        """Each term as (name, meaning, number), in the order in which it first appears."""
        return tuple((term.name, term.meaning, numbers.get(term.name)) for term in self.terms)

    def _titled(self, right_side: str) -> str:
        return f"{self.result} = {right_side}" if self.result else right_side


def _terms(expression: Expression | int) -> Iterator[Term]:
    if isinstance(expression, Term):
        yield expression
    elif isinstance(expression, Expression):
        for operand in expression.operands:
            yield from _terms(operand)


def _source(expression: Expression | int) -> str:
    """The expression as Python source."""
    if isinstance(expression, int):
        return str(expression)
    if isinstance(expression, Term):
        return expression.name
    form = _SOURCE.get(expression.symbol, f"({{}} {expression.symbol} {{}})")
    return form.format(*map(_source, expression.operands))


def _render(expression: Expression | int, numbers: dict | None, ascii: bool, outer: int = 0) -> str:
    """The expression for people: minimal parentheses, floors as brackets."""
    if isinstance(expression, Term):
        if numbers is None:
            return expression.name
        expression = numbers[expression.name]
    if isinstance(expression, int):
        return _number(expression, ascii, outer)
    left, right = expression.operands
    if expression.symbol in _FRAMES:
        opening, closing, word = _FRAMES[expression.symbol]
        quotient = f"{_render(left, numbers, ascii, 2)} / {_render(right, numbers, ascii, 3)}"
        return f"{word}({quotient})" if ascii else f"{opening}{quotient}{closing}"
    if expression.symbol == "max":
        return f"max({_render(left, numbers, ascii)}, {_render(right, numbers, ascii)})"
    binding = _BINDING[expression.symbol]
    sign = expression.symbol if ascii else _SIGNS.get(expression.symbol, expression.symbol)
    gap = "" if expression.symbol == "*" else " "
    text = f"{_render(left, numbers, ascii, binding)}{gap}{sign}{gap}{_render(right, numbers, ascii, binding + 1)}"
    return f"({text})" if binding < outer else text


def _number(value: int, ascii: bool, outer: int) -> str:
    if value >= 0:
        return str(value)
    text = str(value) if ascii else f"−{-value}"
    return f"({text})" if outer > 1 else text


# The terms. One name means the same thing in every formula.
size = Term("size", "input positions on this axis")
out = Term("out", "output positions on this axis")
taps = Term("taps", "weight positions on this axis (the kernel size)")
stride = Term("stride", "input positions from one output to the next")
dilation = Term("dilation", "input positions from one tap to the next")
before = Term("before", "padding before the first position")
after = Term("after", "padding behind the last position")
output_padding = Term("output_padding", "positions added behind the transposed output")
total = Term("total", "padding on both sides together")
span = Term("span", "input positions from the first tap to the last")
index = Term("index", "number of the output position")
batch = Term("batch", "examples in the batch")
in_channels = Term("in_channels", "channels of the input")
out_channels = Term("out_channels", "channels of the output")
groups = Term("groups", "groups of channels that do not mix")
positions = Term("positions", "output positions, all axes multiplied")
all_taps = Term("all_taps", "taps, all axes multiplied")

# What a convolution gives.
SPAN = Formula("span of the taps", "span", dilation * (taps - 1) + 1)
CONV_OUTPUT = Formula(
    "convolution output size",
    "out",
    (size + before + after - dilation * (taps - 1) - 1) // stride + 1,
)
PADDED_SIZE = Formula("padded size", "padded", size + before + after)
TRANSPOSED_OUTPUT = Formula(
    "transposed convolution output size",
    "out",
    (size - 1) * stride - before - after + dilation * (taps - 1) + output_padding + 1,
)
TRANSPOSED_LARGEST = Formula(
    "largest output_size",
    "largest",
    (size - 1) * stride - before - after + dilation * (taps - 1) + 1 + (stride - 1),
)

# Padding that is asked for by name: the total, then its split.
SAME_TOTAL = Formula("padding='same'", "total", dilation * (taps - 1))
SAME_STRIDED_TOTAL = Formula(
    "padding='same_strided'",
    "total",
    largest(0, (ceiling(size, stride) - 1) * stride + dilation * (taps - 1) + 1 - size),
)
CAUSAL_BEFORE = Formula("padding='causal'", "before", dilation * (taps - 1))
TRANSPOSED_SAME_TOTAL = Formula(
    "padding='same' of a transposed convolution", "total", dilation * (taps - 1) + 1 - stride
)
HALF_BEFORE = Formula("half before", "before", total // 2)
REST_AFTER = Formula("the rest behind", "after", total - total // 2)

# How far a transposed convolution with a padding mode looks past the ends of its input.
CONTINUED_BEFORE = Formula("input continued before its start", "before", largest(0, (span - 1 - before) // stride))
CONTINUED_AFTER = Formula(
    "input continued behind its end", "after", largest(0, (out - 1 + before) // stride - (size - 1))
)

# Windows of pooling, unfold and fold (`before` and `after` are both the padding).
POOL_OUTPUT_CEIL = Formula(
    "pooling output size, rounded up",
    "out",
    ceiling(size + before + after - dilation * (taps - 1) - 1, stride) + 1,
)
ADAPTIVE_OUTPUT = Formula("adaptive output size", "out", out)
ADAPTIVE_START = Formula("first position of an adaptive window", "start", (index * size) // out)
ADAPTIVE_STOP = Formula("end of an adaptive window", "stop", ceiling((index + 1) * size, out))

# What a call costs.
MACS = Formula(
    "multiply-accumulates",
    "macs",
    batch * out_channels * positions * (in_channels // groups) * all_taps,
)
WEIGHTS = Formula("weights", "weights", out_channels * (in_channels // groups) * all_taps)

# Conditions: what must hold, axis by axis.
STRIDE_POSITIVE = Formula("positive stride", "", stride >= 1)
DILATION_POSITIVE = Formula("positive dilation", "", dilation >= 1)
TAPS_POSITIVE = Formula("positive kernel size", "", taps >= 1)
GROUPS_POSITIVE = Formula("positive groups", "", groups >= 1)
TAPS_FIT = Formula("kernel within the padded input", "", dilation * (taps - 1) + 1 <= size + before + after)
OUTPUT_PADDING_SMALL = Formula("small output_padding", "", output_padding < largest(stride, dilation))
REFLECT_FITS = Formula("reflection within the input", "", total < size)
CIRCULAR_FITS = Formula("at most once around", "", total <= size)
