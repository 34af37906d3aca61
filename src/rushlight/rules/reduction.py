"""Reductions as values: what becomes of many numbers, written once for every dtype and every backend.

In: formulas of the elements, how their values are brought together, formulas of what that gives. Out: `Reduction`s.
What one computes, `backends.reference.reduction` defines in NumPy; the kernels of `kernels.reduction` compute the same.

    result = after(brought together over the axes: before(x, …), …, count, numbers …)

    >>> x, total, count = inputs(3)
    >>> mean = Reduction.of("sum", before=x, after=inputs(2)[0] / inputs(2)[1])
    >>> print(mean)
    sum(x0): x0 / x1
"""

from __future__ import annotations

from collections.abc import Sequence

from rushlight.core.dtypes import of_code
from rushlight.rules.expression import Expression, cast, inputs, is_float, result_dtypes

KINDS = ("sum", "prod", "max", "min", "argmax", "argmin")
"""How values are brought together. The largest and the smallest are NaN where one is; the last two give two values:
the extreme, and where it first is."""


class Reduction:
    """One or several sums, products or extremes over the same axes, with formulas before and behind.

    `before` has a formula of the arrays for each of `kinds`. `after` are the results, of what these give (an
    argmax gives two), then of how many numbers became one, in float64, then of numbers of the call, in float64, too.
    `gives` are the dtypes of the results; None stands for that of the first array."""

    __slots__ = ("after", "before", "gives", "kinds")

    def __init__(
        self,
        kinds: Sequence[str],
        before: Sequence[Expression],
        after: Sequence[Expression],
        gives: Sequence[str | None],
    ) -> None:
        if not set(kinds) <= set(KINDS) or len(kinds) != len(before) or len(after) != len(gives):
            raise ValueError(f"no reduction: {kinds}, {len(before)} formulas before, {len(after)} behind")
        self.kinds, self.before, self.after, self.gives = tuple(kinds), tuple(before), tuple(after), tuple(gives)

    @classmethod
    def of(
        cls, kind: str, before: Expression | None = None, after: Expression | None = None, gives: str | None = None
    ) -> Reduction:
        """A reduction of one array to one result: `kind` of `before` of x, then `after` of that."""
        x = inputs(1)[0]
        return cls((kind,), (x if before is None else before,), (x if after is None else after,), (gives,))

    def __str__(self) -> str:
        told = ", ".join(f"{kind}({before})" for kind, before in zip(self.kinds, self.before))
        return f"{told}: {', '.join(map(str, self.after))}"

    @property
    def is_position(self) -> bool:
        """Whether the result is a position (argmax, argmin)."""
        return any(kind.startswith("arg") for kind in self.kinds)

    def values(self, dtypes: Sequence[str]) -> tuple[Expression, ...]:
        """The formulas before, in the dtypes in which values are brought together: halves in float32."""
        kinds = result_dtypes(self.before, tuple(dtypes))
        return tuple([_in(before, _widened(kind)) for before, kind in zip(self.before, kinds)])

    def held(self, dtypes: Sequence[str]) -> tuple[str, ...]:
        """The dtypes of what `after` is told, before the count."""
        found: list[str] = []
        for kind, dtype in zip(self.kinds, result_dtypes(self.values(dtypes), tuple(dtypes))):
            found += held(kind, dtype)
        return tuple(found)

    def results(self, dtypes: Sequence[str]) -> tuple[Expression, ...]:
        """The formulas behind, in the dtypes of the results."""
        return tuple([_in(after, kind or dtypes[0]) for after, kind in zip(self.after, self.gives)])

    def outputs(self, dtypes: Sequence[str]) -> tuple[str, ...]:
        """The dtypes of the results."""
        return tuple([kind or dtypes[0] for kind in self.gives])


def held(kind: str, dtype: str) -> tuple[str, ...]:
    """The dtypes of what a kind gives of numbers of a dtype: sums and products of floats are float64."""
    if kind in ("sum", "prod"):
        return ("f64",) if is_float(dtype) else (dtype,)
    return (dtype, "i64") if kind.startswith("arg") else (dtype,)


def _widened(dtype: str) -> str:
    of_float = is_float(dtype) and of_code(dtype).itemsize == 2
    return "f32" if of_float else "u8" if dtype == "b1" else dtype


def _in(formula: Expression, dtype: str) -> Expression:
    return cast(formula, dtype)


MEAN = Reduction.of("sum", after=inputs(2)[0] / inputs(2)[1])
DOT = Reduction.of("sum", before=inputs(2)[0] * inputs(2)[1])
WIDE_DOT = Reduction.of("sum", before=cast(inputs(2)[0], "f32") * cast(inputs(2)[1], "f32"))
"""The sum of products, and that of halves, whose products are not rounded."""
