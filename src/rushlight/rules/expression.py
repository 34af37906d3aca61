"""Operations on numbers, element by element, as values: a formula written once for every dtype and every backend.

In: formulas of inputs and constants, `x * 0.5 * (1 + erf(x * SQRT1_2))`. Out: `Expression`s, equal where they are the
same formula; and by `lowered`, for the dtypes of the inputs, a `Program`: single steps, each of one dtype, every
common part once. What a step is, `backends.reference.pointwise` defines in NumPy; the kernels of
`kernels.pointwise` compute the same.

    >>> x, y = inputs(2)
    >>> print(maximum(x * y, 0.5))
    maximum(x0 * x1, 0.5)
    >>> print(lowered((x * y, x * y + 1), ("f32", "f16")))
    x0: f32, x1: f16
    %0 = f32 input 0
    %1 = f16 input 1
    %2 = f32 convert %1
    %3 = f32 mul %0 %2
    %4 = f32 constant 1.0
    %5 = f32 add %3 %4
    results %3 %5

Dtypes have the short names of specs (f32, u8, b1). Two dtypes give the one of PyTorch's promotion; constants
take that of what they stand beside. Halves are computed in float32 and rounded once, where a result is one or a `cast`
makes one. Integers wrap around.
"""

from __future__ import annotations

import functools
import math
import weakref
from collections.abc import Sequence
from typing import NamedTuple

from rushlight.core import dtypes
from rushlight.core.dtypes import of_code

Number = bool | int | float
_ARITHMETIC = {"add": "+", "sub": "-", "mul": "*", "div": "/"}
_COMPARISONS = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}
_BITS = {"and": "&", "or": "|", "xor": "^", "shift_left": "<<", "shift_right": ">>"}
_SYMBOLS = {**_ARITHMETIC, **_COMPARISONS, **_BITS}

FUNCTIONS = (
    "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt", "rsqrt", "sin", "cos", "tan", "asin", "acos",
    "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "sigmoid", "log_sigmoid", "softplus", "erf", "erfc",
    "erfinv",
)  # fmt: skip
"""Functions of one floating number."""
FUNCTIONS_OF_TWO = ("pow", "atan2", "fmod", "remainder", "floor_divide")
"""Functions of two numbers. The last three are of integers, too: `remainder` has the divisor's sign."""
ROUNDINGS = ("floor", "ceil", "trunc", "round")
"""To whole numbers; `round` takes halves to even ones. Integers they leave as they are."""


class Expression:
    """A formula; made by `inputs`, operators and the functions below. The same formula is the same object.

    `==` compares the formulas; `equal` makes a formula that compares numbers."""

    __slots__ = ("__weakref__", "op", "operands", "value")

    op: str
    operands: tuple[Expression, ...]
    value: Number | str | None  # of an input its number, of a constant the number, of a cast the dtype

    def __new__(cls, op: str, *operands: Expression, value: Number | str | None = None) -> Expression:
        """The one object for this formula."""
        key = (op, operands, type(value), repr(value))
        known = _known.get(key)
        if known is None:
            made = super().__new__(cls)
            made.op, made.operands, made.value = op, operands, value
            known = _known.setdefault(key, made)
        return known

    def __reduce__(self) -> tuple:
        return (_rebuilt, (self.op, self.operands, self.value))

    def __copy__(self) -> Expression:
        return self

    def __deepcopy__(self, memo: dict) -> Expression:
        return self

    def __bool__(self) -> bool:
        raise TypeError("an expression is known when it runs: use where(), & and | instead of Python's if, and, or")

    def __str__(self) -> str:
        return _text(self)

    def __repr__(self) -> str:
        return f"<{_text(self)}>"

    def __add__(self, other: Operand) -> Expression:
        return _binary("add", self, other)

    def __radd__(self, other: Operand) -> Expression:
        return _binary("add", other, self)

    def __sub__(self, other: Operand) -> Expression:
        return _binary("sub", self, other)

    def __rsub__(self, other: Operand) -> Expression:
        return _binary("sub", other, self)

    def __mul__(self, other: Operand) -> Expression:
        return _binary("mul", self, other)

    def __rmul__(self, other: Operand) -> Expression:
        return _binary("mul", other, self)

    def __truediv__(self, other: Operand) -> Expression:
        return _binary("div", self, other)

    def __rtruediv__(self, other: Operand) -> Expression:
        return _binary("div", other, self)

    def __pow__(self, other: Operand) -> Expression:
        return _binary("pow", self, other)

    def __neg__(self) -> Expression:
        return Expression("neg", self)

    def __abs__(self) -> Expression:
        return Expression("abs", self)

    def __lt__(self, other: Operand) -> Expression:
        return _binary("lt", self, other)

    def __le__(self, other: Operand) -> Expression:
        return _binary("le", self, other)

    def __gt__(self, other: Operand) -> Expression:
        return _binary("gt", self, other)

    def __ge__(self, other: Operand) -> Expression:
        return _binary("ge", self, other)

    def __and__(self, other: Operand) -> Expression:
        return _binary("and", self, other)

    def __rand__(self, other: Operand) -> Expression:
        return _binary("and", other, self)

    def __or__(self, other: Operand) -> Expression:
        return _binary("or", self, other)

    def __ror__(self, other: Operand) -> Expression:
        return _binary("or", other, self)

    def __xor__(self, other: Operand) -> Expression:
        return _binary("xor", self, other)

    def __rxor__(self, other: Operand) -> Expression:
        return _binary("xor", other, self)

    def __lshift__(self, other: Operand) -> Expression:
        return _binary("shift_left", self, other)

    def __rshift__(self, other: Operand) -> Expression:
        return _binary("shift_right", self, other)

    def __invert__(self) -> Expression:
        return Expression("invert", self)


Operand = Expression | bool | int | float

# Weak, so that formulas with constants that never come again are forgotten with their last user.
_known: weakref.WeakValueDictionary[tuple, Expression] = weakref.WeakValueDictionary()


def _rebuilt(op: str, operands: tuple[Expression, ...], value: Number | str | None) -> Expression:
    return Expression(op, *operands, value=value)


def _binary(op: str, a: Operand, b: Operand) -> Expression:
    return Expression(op, constant(a), constant(b))


# -- what formulas are made of


def inputs(count: int) -> tuple[Expression, ...]:
    """The inputs, by number."""
    return tuple([Expression("input", value=number) for number in range(count)])


def constant(value: Operand) -> Expression:
    """A Python number as an expression; expressions stay what they are. TypeError for anything else."""
    if isinstance(value, Expression):
        return value
    if not isinstance(value, bool | int | float):
        raise TypeError(f"{type(value).__name__} is no constant: bools, ints and floats are")
    return Expression("constant", value=value)


def cast(a: Operand, dtype: str) -> Expression:
    """a in another dtype, by its short name. Floats become integers towards zero, through int64, and wrap around;
    anything but 0 is True. What has that dtype already stays as it is, computed in float32 if it is a half."""
    if dtype not in dtypes.CODES.values():
        raise ValueError(f"no dtype {dtype!r}: {', '.join(dtypes.CODES.values())}")
    return Expression("cast", constant(a), value=dtype)


def alike(a: Operand, like: Expression) -> Expression:
    """a in the dtype of another expression: for what has constants only, `alike(where(x > 0, 1, 0), x)`."""
    return Expression("alike", constant(a), like)


def where(condition: Operand, a: Operand, b: Operand) -> Expression:
    """a where the condition is not 0, else b."""
    return Expression("where", constant(condition), constant(a), constant(b))


def maximum(a: Operand, b: Operand) -> Expression:
    """a where it is greater or NaN, else b: NaN wherever one of them is."""
    return _binary("maximum", a, b)


def minimum(a: Operand, b: Operand) -> Expression:
    """a where it is smaller or NaN, else b: NaN wherever one of them is."""
    return _binary("minimum", a, b)


def equal(a: Operand, b: Operand) -> Expression:
    """Whether two numbers are equal."""
    return _binary("eq", a, b)


def not_equal(a: Operand, b: Operand) -> Expression:
    """Whether they differ; a NaN does from everything."""
    return _binary("ne", a, b)


def logical_not(a: Operand) -> Expression:
    """Whether a is 0."""
    return Expression("invert", cast(a, "b1"))


def logical_and(a: Operand, b: Operand) -> Expression:
    """Whether neither is 0."""
    return cast(a, "b1") & cast(b, "b1")


def logical_or(a: Operand, b: Operand) -> Expression:
    """Whether one is not 0."""
    return cast(a, "b1") | cast(b, "b1")


def logical_xor(a: Operand, b: Operand) -> Expression:
    """Whether exactly one is not 0."""
    return cast(a, "b1") ^ cast(b, "b1")


def copysign(a: Operand, b: Operand) -> Expression:
    """The size of a with the sign of b, a zero's and a NaN's too; of floats."""
    return _binary("copysign", a, b)


def function(name: str, *arguments: Operand) -> Expression:
    """One of `FUNCTIONS`, `FUNCTIONS_OF_TWO` or `ROUNDINGS` by its name."""
    counts = {1: (*FUNCTIONS, *ROUNDINGS), 2: FUNCTIONS_OF_TWO}
    if name not in counts.get(len(arguments), ()):
        raise ValueError(f"no function {name!r} of {len(arguments)} numbers")
    return Expression(name, *map(constant, arguments))


exp, expm1, log, log1p, sqrt, sin, cos, tanh, sigmoid, erf, floor, ceil, trunc, round_half_even = [
    functools.partial(function, name)
    for name in (
        "exp", "expm1", "log", "log1p", "sqrt", "sin", "cos", "tanh", "sigmoid", "erf", "floor", "ceil", "trunc",
        "round",
    )
]  # fmt: skip


def arity(expressions: Sequence[Expression]) -> int:
    """How many inputs they have: one more than the highest number."""
    highest, seen, todo = -1, set(), list(expressions)
    while todo:
        node = todo.pop()
        if node not in seen:
            seen.add(node)
            todo += node.operands
            if node.op == "input":
                highest = max(highest, node.value)
    return highest + 1


def _text(node: Expression, within: bool = False) -> str:
    if node.op == "input":
        return f"x{node.value}"
    if node.op == "constant":
        return repr(node.value)
    if node.op in _SYMBOLS:
        left, right = (_text(operand, True) for operand in node.operands)
        return f"({left} {_SYMBOLS[node.op]} {right})" if within else f"{left} {_SYMBOLS[node.op]} {right}"
    name = node.value if node.op == "cast" else node.op
    return f"{name}({', '.join(map(_text, node.operands))})"


# -- for dtypes: single steps


class Step(NamedTuple):
    """One operation on earlier steps, by their numbers; `dtype` is that of what it gives.

    `input` and `constant` have a value instead. Halves are only what inputs are, what `convert` makes of float32 and
    what it makes float32 again."""

    op: str
    dtype: str
    args: tuple[int, ...] = ()
    value: Number | None = None

    def __str__(self) -> str:
        value = [] if self.value is None else [repr(self.value)]
        return " ".join([self.dtype, self.op, *[f"%{arg}" for arg in self.args], *value])


class Program(NamedTuple):
    """Steps in an order in which they can be taken, for inputs of these dtypes; and which of them are the results."""

    inputs: tuple[str, ...]
    steps: tuple[Step, ...]
    results: tuple[int, ...]

    @property
    def outputs(self) -> tuple[str, ...]:
        """The dtypes of the results."""
        return tuple([self.steps[result].dtype for result in self.results])

    def __str__(self) -> str:
        given = ", ".join(f"x{number}: {dtype}" for number, dtype in enumerate(self.inputs))
        lines = [f"%{number} = {step}" for number, step in enumerate(self.steps)]
        return "\n".join([given, *lines, f"results {' '.join(f'%{result}' for result in self.results)}"])


_WEAK = ("weak b1", "weak int", "weak float")  # constants, by category: their dtype is that of what they stand beside
_HALVES = ("f16", "bf16")
_SAME_KIND = ("where", "maximum", "minimum", *_ARITHMETIC, *_BITS, *FUNCTIONS_OF_TWO, "copysign")


@functools.lru_cache(maxsize=1024)
def lowered(expressions: tuple[Expression, ...], inputs: tuple[str, ...]) -> Program:
    """The steps of some formulas for inputs of these dtypes.

    TypeError for what has no meaning: a float constant beside integers, the sine of one (cast first), a result that
    is made of constants alone."""
    if arity(expressions) > len(inputs):
        raise TypeError(f"{arity(expressions)} inputs are needed, {len(inputs)} dtypes given")
    lowering = _Lowering(inputs)
    results = tuple([lowering.result(node) for node in expressions])
    return _pruned(inputs, lowering.steps, results)


def _pruned(inputs: tuple[str, ...], steps: list[Step], results: tuple[int, ...]) -> Program:
    """The program of the steps that `results` are made of, numbered anew; the others are left out."""
    used = set(results)
    for number in range(len(steps) - 1, -1, -1):
        if number in used:
            used.update(steps[number].args)
    numbers = {old: new for new, old in enumerate(sorted(used))}
    kept = [steps[old]._replace(args=tuple([numbers[arg] for arg in steps[old].args])) for old in numbers]
    return Program(inputs, tuple(kept), tuple([numbers[result] for result in results]))


def result_dtypes(expressions: tuple[Expression, ...], inputs: tuple[str, ...]) -> tuple[str, ...]:
    """The short dtypes of the results, for inputs of these."""
    return lowered(expressions, inputs).outputs


def is_float(dtype: str) -> bool:
    """Whether a short dtype (f32, bf16) is a floating one."""
    return of_code(dtype).category == dtypes.FLOATING


def is_signed(dtype: str) -> bool:
    """Whether a short dtype has negative numbers."""
    return of_code(dtype).is_signed


def bits_of(dtype: str) -> int:
    """The bits of a number of a short dtype in memory."""
    return of_code(dtype).itemsize * 8


class _Lowering:
    """Turns expressions into steps of single operations on inputs of these dtypes; equal ones are one step."""

    def __init__(self, inputs: tuple[str, ...]) -> None:
        self.inputs = inputs
        self.steps: list[Step] = []
        self._numbers: dict[tuple, int] = {}
        self._kinds: dict[Expression, str] = {}
        self._done: dict[tuple[Expression, str], int] = {}

    def result(self, node: Expression) -> int:
        """The step that a result is, in its dtype."""
        kind = self.kind(node)
        if kind in _WEAK:
            raise TypeError(f"{node} has no dtype: cast() gives it one")
        return self.converted(self.number(node, kind), kind)

    # -- which dtype

    def kind(self, node: Expression) -> str:
        """The dtype of an expression as PyTorch has it, halves included; or how weak a constant it is."""
        todo = [node]
        while todo:  # no recursion: formulas that were made by a program may be deep
            top = todo[-1]
            missing = [operand for operand in top.operands if operand not in self._kinds]
            if missing:
                todo += missing
                continue
            todo.pop()
            if top not in self._kinds:
                self._kinds[top] = self._kind_of(top, [self._kinds[operand] for operand in top.operands])
        return self._kinds[node]

    def _kind_of(self, node: Expression, given: list[str]) -> str:
        op = node.op
        if op == "input":
            return self.inputs[node.value]
        if op == "constant":
            return _WEAK[0 if isinstance(node.value, bool) else 1 if isinstance(node.value, int) else 2]
        if op == "cast":
            return node.value
        if op == "alike":
            return given[1]
        if op in _COMPARISONS:
            common = _common_dtype(node, *given)
            if common in _WEAK:
                raise TypeError(f"{node} compares constants")
            return "b1"
        kind = _common_dtype(node, *(given[1:] if op == "where" else given)) if op in _SAME_KIND else given[0]
        _check(node, kind)
        return kind

    # -- steps

    def step(self, op: str, dtype: str, *args: int, value: Number | None = None) -> int:
        """The number of a step; a new one where there is none like it."""
        key = (op, dtype, args, type(value), repr(value))
        if key not in self._numbers:
            self._numbers[key] = len(self.steps)
            self.steps.append(Step(op, dtype, args, value))
        return self._numbers[key]

    def converted(self, number: int, dtype: str) -> int:
        """A step in another dtype. Halves come from float32 and become it; integers come from floats through int64."""
        source = self.steps[number].dtype
        if source == dtype:
            return number
        step = self.steps[number]
        if step.op == "convert" and self.steps[step.args[0]].dtype == dtype in _HALVES:
            return step.args[0]  # back to the half that it was made of
        if source in _HALVES:
            return self.converted(self.step("convert", "f32", number), dtype)
        between = None
        if dtype in _HALVES and source != "f32":
            between = "f32"
        elif is_float(source) and not is_float(dtype) and dtype not in ("b1", "i64", "u64"):
            between = "i64"
        if between:
            number = self.converted(number, between)
        return self.step("convert", dtype, number)

    def number(self, node: Expression, kind: str) -> int:
        """The step that computes an expression as `kind`, halves as float32."""
        todo = [(node, kind)]
        while todo:
            top, wanted = todo[-1]
            if (top, wanted) in self._done:
                todo.pop()
                continue
            own = self._kinds[top]
            if own not in _WEAK and own != wanted:
                needed = [(top, own)]
            else:
                needed = self._needed(top, wanted)
            missing = [pair for pair in needed if pair not in self._done]
            if missing:
                todo += reversed(missing)
                continue
            todo.pop()
            args = [self._done[pair] for pair in needed]
            if needed == [(top, own)]:
                self._done[top, wanted] = _wide_step(self, self.converted(args[0], wanted))
            else:
                self._done[top, wanted] = self._made(top, wanted, args)
        return self._done[node, kind]

    def _needed(self, node: Expression, wanted: str) -> list[tuple[Expression, str]]:
        """The operands of an expression that is computed as `wanted`, and as what they are."""
        op, operands = node.op, node.operands
        if op in _COMPARISONS:
            common = _common_dtype(node, *[self._kinds[operand] for operand in operands])
            return [(operand, common) for operand in operands]
        if op in ("cast", "alike"):
            return [(operands[0], wanted)]
        if op == "where":
            condition = self._kinds[operands[0]]
            return [(operands[0], "b1" if condition in _WEAK else condition), *[(o, wanted) for o in operands[1:]]]
        return [(operand, wanted) for operand in operands]

    def _made(self, node: Expression, wanted: str, args: list[int]) -> int:
        op, computed = node.op, _computed(wanted)
        if op == "input":
            return _wide_step(self, self.step("input", wanted, value=node.value))
        if op == "constant":
            return self.step("constant", computed, value=_number_in(node.value, computed))
        if op == "cast":
            return _wide_step(self, self.converted(args[0], wanted))  # a constant is a half then, too
        if op == "alike":
            return args[0]
        if op in _COMPARISONS:
            return self.step(op, "b1", *args)
        if op == "where":
            return self.step("where", computed, self.converted(args[0], "b1"), *args[1:])
        if computed == "b1":
            op = {"add": "or", "mul": "and", "maximum": "or", "minimum": "and"}.get(op, op)
        if (not is_float(wanted) and op in ROUNDINGS) or (op == "abs" and not is_signed(wanted)):
            return args[0]
        return self.step(op, computed, *args)


def _wide_step(lowering: _Lowering, number: int) -> int:
    """A half as float32."""
    return lowering.converted(number, _computed(lowering.steps[number].dtype))


def _computed(kind: str) -> str:
    """What numbers of a dtype are computed as."""
    return "f32" if kind in _HALVES else kind


def _common_dtype(node: Expression, first: str, *others: str) -> str:
    """The dtype that several are promoted to; TypeError for a constant that it does not hold."""
    common = first
    for other in others:
        if common in _WEAK and other in _WEAK:
            common = max(common, other, key=_WEAK.index)
        elif common in _WEAK or other in _WEAK:
            weak, common = (common, other) if common in _WEAK else (other, common)
            if _WEAK.index(weak) > of_code(common).category:
                raise TypeError(f"{node}: {weak.removeprefix('weak ')} constants beside {common}: cast() one of them")
        else:
            common = dtypes.CODES[dtypes.promote_types(of_code(common), of_code(other)).name]
    return common


def _check(node: Expression, kind: str) -> None:
    """TypeError for an operation that its dtype does not have."""
    op, category = node.op, _WEAK.index(kind) if kind in _WEAK else of_code(kind).category
    if op in (*FUNCTIONS, "div", "pow", "atan2", "copysign") and category != dtypes.FLOATING:
        raise TypeError(f"{node}: {op} is of floating numbers: cast() first")
    if op in ("sub", "neg", *FUNCTIONS_OF_TWO, "shift_left", "shift_right") and category == dtypes.BOOL:
        raise TypeError(f"{node}: {op} is not of bools: cast() first")
    if op in (*_BITS, "invert") and category == dtypes.FLOATING:
        raise TypeError(f"{node}: {op} is of integers and bools")


_BEYOND = (2 - 2**-24) * 2.0**127  # from here on float32 has only infinity


def _number_in(value: Number, dtype: str) -> Number:
    """A constant in the dtype that it takes; integers wrap around."""
    if dtype == "f32" and abs(value) >= _BEYOND:
        return math.copysign(math.inf, value)
    if is_float(dtype):
        return float(value)
    if dtype == "b1":
        return bool(value)
    bits = bits_of(dtype)
    wrapped = int(value) & (1 << bits) - 1
    return wrapped - (1 << bits) if is_signed(dtype) and wrapped >> bits - 1 else wrapped
