"""The steps of an expression's program on vectors: what `backends.reference.pointwise` says, in instructions.

In: a `rules.expression.Program`, and the vectors that are its inputs. Out: a vector for each step. Everything rounds as
NumPy does, and integers wrap around.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from ..language.ir import Function, Type, Value, bf16, f16, f32, f64, i1, i8, i16, i32, i64, like, vec
from ..rules.expression import Program, Step, bits_of, is_float, is_signed
from . import mathematics

REGISTERS = {
    "b1": i1, "i8": i8, "u8": i8, "i16": i16, "u16": i16, "i32": i32, "u32": i32, "i64": i64, "u64": i64,
    "f16": f16, "bf16": bf16, "f32": f32, "f64": f64,
}  # fmt: skip
"""What numbers of a dtype are in registers."""

FUNCTIONS: dict[str, Callable[..., Value]] = {**mathematics.FUNCTIONS, **mathematics.FUNCTIONS_OF_TWO}
"""Functions of floating numbers that are compiled."""


def in_memory(dtype: str) -> Type:
    """What numbers of a dtype are in memory: truth takes a byte."""
    return i8 if dtype == "b1" else REGISTERS[dtype]


def missing(program: Program) -> str:
    """What of a program is not compiled; empty where all is."""
    for step in program.steps:
        source = program.steps[step.args[0]].dtype if step.args else ""
        if step.op == "convert":
            if step.dtype == "u64" and is_float(source):
                return f"{source} is not converted to u64"
        elif step.op in FUNCTIONS:
            if not is_float(step.dtype):
                return f"no {step.op} of {step.dtype} is compiled"
        elif step.op not in ("input", "constant") and step.op not in _OPERATIONS:
            return f"no {step.op} is compiled"
    return ""


class Vectors:
    """Emits steps of a program, vectors of `lanes` numbers each."""

    def __init__(self, f: Function, program: Program, lanes: int) -> None:
        self.f, self.program, self.lanes = f, program, lanes

    def type(self, dtype: str) -> Type:
        """A vector of a dtype."""
        return vec(REGISTERS[dtype], self.lanes)

    def step(self, step: Step, args: list[Value]) -> Value:
        """What a step that is no input gives."""
        if step.op == "constant":
            return self.f.const(self.type(step.dtype), step.value)
        source = self.program.steps[step.args[0]].dtype
        if step.op == "convert":
            return converted(self.f, args[0], source, step.dtype)
        if step.op in FUNCTIONS:
            return FUNCTIONS[step.op](self.f, *args)
        if step.op in ("maximum", "minimum"):
            known = [self.program.steps[arg] for arg in step.args]
            never_nan = [s.op == "constant" and not math.isnan(s.value) for s in known]
            return _extreme(self.f, source, step.op, *args, never_nan)
        return _OPERATIONS[step.op](self.f, source, *args)

    def loaded(self, value: Value, dtype: str) -> Value:
        """What was in memory, as it is in registers."""
        return value != 0 if dtype == "b1" else value

    def stored(self, value: Value, dtype: str) -> Value:
        """What goes to memory."""
        return value.to(i8) if dtype == "b1" else value


def converted(f: Function, a: Value, source: str, target: str) -> Value:
    """A vector of one dtype as one of another."""
    if "f16" in (source, target) or "bf16" in (source, target):
        return a.to(REGISTERS[target])
    if target == "b1":
        return a != 0
    of, bits = REGISTERS[target], (bits_of(source), bits_of(target))
    if is_float(source):
        if is_float(target):
            return a.to(of)
        return _cast(f, a, "fptosi" if is_signed(target) else "fptoui", of)
    signed = is_signed(source)
    if is_float(target):
        return _cast(f, a, "sitofp" if signed else "uitofp", of)
    if source == "b1" or bits[1] > bits[0]:
        return _cast(f, a, "sext" if signed else "zext", of)
    return _cast(f, a, "trunc", of) if bits[1] < bits[0] else Value(f, a.text, like(a.type, of))


def _cast(f: Function, a: Value, verb: str, of: Type) -> Value:
    type = like(a.type, of)
    return f.emit(type, f"{verb} {a.type.text} {a.text} to {type.text}")


# -- operations: of the function, the dtype of the (last) operands, and the operands

_WRAPPING = {"add": "add", "sub": "sub", "mul": "mul"}
_FLOATING = {"add": "fadd", "sub": "fsub", "mul": "fmul", "div": "fdiv"}


def _two(op: str) -> Callable:
    def emit(f: Function, dtype: str, a: Value, b: Value) -> Value:
        verb = _FLOATING[op] if is_float(dtype) else _WRAPPING[op]
        return f.emit(a.type, f"{verb} {a.type.text} {a.text}, {b.text}")

    return emit


def _compare(op: str) -> Callable:
    def emit(f: Function, dtype: str, a: Value, b: Value) -> Value:
        if is_float(dtype):
            test = "fcmp " + ("une" if op == "ne" else f"o{op}")
        else:
            test = "icmp " + (op if op in ("eq", "ne") else f"{'s' if is_signed(dtype) else 'u'}{op}")
        return f.emit(like(a.type, i1), f"{test} {a.type.text} {a.text}, {b.text}")

    return emit


def _bitwise(verb: str) -> Callable:
    return lambda f, dtype, a, b: f.emit(a.type, f"{verb} {a.type.text} {a.text}, {b.text}")


def _extreme(f: Function, dtype: str, op: str, a: Value, b: Value, never_nan: list[bool]) -> Value:
    """a where it is the greater (smaller) one or NaN, else b."""
    if not is_float(dtype):
        name = ("s" if is_signed(dtype) else "u") + op[:3]
        return f.intrinsic(a.type, name, a, b)
    chosen = f.select(a.compare(">" if op == "maximum" else "<", b), a, b)
    return chosen if never_nan[0] else f.select(a.compare("!=", a), a, chosen)


def _negative(f: Function, dtype: str, a: Value) -> Value:
    return -a if is_float(dtype) else f.emit(a.type, f"sub {a.type.text} zeroinitializer, {a.text}")


def _absolute(f: Function, dtype: str, a: Value) -> Value:
    return f.abs(a) if is_float(dtype) else f.select(a < 0, _negative(f, dtype, a), a)


def _shift_left(f: Function, dtype: str, a: Value, b: Value) -> Value:
    """0 for counts that are no bits of the number."""
    bits = f.const(a.type, bits_of(dtype))
    within = f.emit(like(a.type, i1), f"icmp ult {a.type.text} {b.text}, {bits.text}")
    count = f.select(within, b, 0)
    return f.select(within, f.emit(a.type, f"shl {a.type.text} {a.text}, {count.text}"), 0)


def _shift_right(f: Function, dtype: str, a: Value, b: Value) -> Value:
    """0, or −1 for what is negative, for counts that are no bits of the number."""
    signed, last = is_signed(dtype), bits_of(dtype) - 1
    count = f.intrinsic(a.type, "umin", b, f.const(a.type, last))
    if signed:
        return f.emit(a.type, f"ashr {a.type.text} {a.text}, {count.text}")
    moved = f.emit(a.type, f"lshr {a.type.text} {a.text}, {count.text}")
    beyond = f.emit(like(a.type, i1), f"icmp ugt {a.type.text} {b.text}, {f.const(a.type, last).text}")
    return f.select(beyond, 0, moved)


def _inverted(f: Function, dtype: str, a: Value) -> Value:
    return f.emit(a.type, f"xor {a.type.text} {a.text}, {f.const(a.type, True if dtype == 'b1' else -1).text}")


def _copysign(f: Function, dtype: str, a: Value, b: Value) -> Value:
    return f.intrinsic(a.type, "copysign", a, b)


def rounding(op: str) -> Callable:
    """What rounds numbers of a dtype to whole ones: "floor", "ceil", "trunc" or "round", to the nearest even."""
    name = {"round": "rint"}.get(op, op)

    def emit(f: Function, dtype: str, a: Value) -> Value:
        return _rounded(f, op, dtype, a) if f.target.isa == "x86-64" else f.intrinsic(a.type, name, a)

    return emit


def _rounded(f: Function, op: str, dtype: str, a: Value) -> Value:
    """Where the machine cannot round to whole numbers: the sum with a number whose last bit is worth 1 does it."""
    whole, size = 2.0**23 if dtype == "f32" else 2.0**52, f.abs(a)
    nearest = f.select(size < whole, (size + whole) - whole, size)
    if op == "trunc":
        nearest = f.select(nearest > size, nearest - 1.0, nearest)
    result = _copysign(f, dtype, nearest, a)
    if op == "floor":
        result = f.select(result > a, result - 1.0, result)
    if op == "ceil":
        result = f.select(result < a, result + 1.0, result)
    return _copysign(f, dtype, result, a)


_OPERATIONS: dict[str, Callable[..., Value]] = {
    **{op: _two(op) for op in ("add", "sub", "mul", "div")},
    **{op: _compare(op) for op in ("lt", "le", "gt", "ge", "eq", "ne")},
    **{op: rounding(op) for op in ("floor", "ceil", "trunc", "round")},
    "and": _bitwise("and"),
    "or": _bitwise("or"),
    "xor": _bitwise("xor"),
    "invert": _inverted,
    "shift_left": _shift_left,
    "shift_right": _shift_right,
    "neg": _negative,
    "abs": _absolute,
    "maximum": _extreme,
    "minimum": _extreme,
    "copysign": _copysign,
    "where": lambda f, dtype, condition, a, b: f.select(condition, a, b),
}
