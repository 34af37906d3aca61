"""What a kernel's text handles: numbers in registers, addresses, masks, mutable variables.

In: a `Function` of `ir`, which makes them. Out: instructions, appended to that function by every operation.
"""

from __future__ import annotations

from collections.abc import Callable

from .emitter import Emitter
from .types import Type, element, i1, i64, like, literal, ptr, type_code, vec

_INTEGER = {"+": "add nsw", "-": "sub nsw", "*": "mul nsw", "//": "udiv", "%": "urem"}
_INTEGER |= {"<<": "shl", ">>": "lshr", "&": "and", "|": "or", "^": "xor"}
_FLOAT = {"+": "fadd", "-": "fsub", "*": "fmul", "/": "fdiv"}
_COMPARE = {"<": ("slt", "olt"), "<=": ("sle", "ole"), ">": ("sgt", "ogt"), ">=": ("sge", "oge")}
_COMPARE |= {"==": ("eq", "oeq"), "!=": ("ne", "une")}
# What multiplying by 0, adding 0 and the like come to, without an instruction: (operator, constant) → constant.
_NEUTRAL = {("+", 0), ("-", 0), ("*", 1), ("//", 1), ("<<", 0), (">>", 0), ("|", 0), ("^", 0)}
_ABSORBING = {("*", 0), ("&", 0), ("%", 1)}


def _binary_operator(op: str) -> tuple[Callable, Callable]:
    """The two methods of an operator: with the value on its left, and on its right."""
    return (lambda self, other: self.binary(op, other)), (lambda self, other: self.binary(op, other, swapped=True))


def _comparison(op: str) -> Callable:
    return lambda self, other: self.compare(op, other)


class Value:
    """A number or vector in a register. Made by a `Function`; immutable."""

    __slots__ = ("f", "text", "type")

    def __init__(self, f: Emitter, text: str, type: Type) -> None:
        self.f, self.text, self.type = f, text, type

    def binary(self, op: str, other: Value | int | float, swapped: bool = False) -> Value | int:
        """self op other, or other op self; what needs no instruction gets none."""
        type = self.type
        if isinstance(other, Value):
            if other.type != type:
                raise TypeError(f"{type} {op} {other.type}: convert one with .to() or .splat()")
            right = other.text
        else:
            if type.kind == "i" and not type.lanes:
                if (op, other) in _NEUTRAL and (not swapped or op in "+*|^"):
                    return self
                if (op, other) in _ABSORBING and (not swapped or op in "*&"):
                    return 0
            right = literal(type, other)
        left, right = (right, self.text) if swapped else (self.text, right)
        table = _FLOAT if type.kind == "f" else _INTEGER if type.kind == "i" else {}
        if op not in table:
            raise TypeError(f"{type} has no {op}: widen halves with .to(f32), divide integers with //")
        return self.f.emit(type, f"{table[op]} {type.text} {left}, {right}")

    def compare(self, op: str, other: Value | int | float) -> Value:
        """self op other as an i1, lane by lane; signed, and false where a float is NaN (except !=)."""
        type = self.type
        right = other.text if isinstance(other, Value) else literal(type, other)
        signed, ordered = _COMPARE[op]
        test = f"fcmp {ordered}" if type.kind == "f" else f"icmp {signed}"
        return self.f.emit(like(type, i1), f"{test} {type.text} {self.text}, {right}")

    def wrapping(self, op: str, other: Value | int) -> Value:
        """self op other for op +, − or ·, modulo 2^bits: for integers that may overflow."""
        right = other.text if isinstance(other, Value) else literal(self.type, other)
        verb = _INTEGER[op].removesuffix(" nsw")
        return self.f.emit(self.type, f"{verb} {self.type.text} {self.text}, {right}")

    __add__, __radd__ = _binary_operator("+")
    __sub__, __rsub__ = _binary_operator("-")
    __mul__, __rmul__ = _binary_operator("*")
    __truediv__, __rtruediv__ = _binary_operator("/")
    __floordiv__, __rfloordiv__ = _binary_operator("//")
    __mod__, __rmod__ = _binary_operator("%")
    __lshift__, __rlshift__ = _binary_operator("<<")
    __rshift__, __rrshift__ = _binary_operator(">>")
    __and__, __rand__ = _binary_operator("&")
    __or__, __ror__ = _binary_operator("|")
    __xor__, __rxor__ = _binary_operator("^")
    __lt__, __le__ = _comparison("<"), _comparison("<=")
    __gt__, __ge__ = _comparison(">"), _comparison(">=")
    __eq__, __ne__ = _comparison("=="), _comparison("!=")

    __hash__ = None

    def __neg__(self) -> Value:
        return self.f.emit(self.type, f"fneg {self.type.text} {self.text}") if self.type.kind == "f" else 0 - self

    def __bool__(self) -> bool:
        raise TypeError("the kernel decides this when it runs: use f.if_ or f.select instead of Python's if/and/or")

    def __getitem__(self, lane: int) -> Value:
        """The number in one lane."""
        return self.f.emit(element(self.type), f"extractelement {self.type.text} {self.text}, i32 {lane}")

    def splat(self, lanes: int) -> Value:
        """This number in every lane of a vector."""
        return self.f.splat(self, lanes)

    def to(self, of: Type) -> Value:
        """Converted to numbers of type `of`; rounds to nearest even; floats become integers towards zero."""
        return self.f.converted(self, of)

    def unsigned_to(self, of: Type) -> Value:
        """An integer as a longer one, its upper bits 0 whatever its sign."""
        type = like(self.type, of)
        return self.f.emit(type, f"zext {self.type.text} {self.text} to {type.text}")

    def bits(self, of: Type) -> Value:
        """The same bits read as numbers of type `of` (of equal size)."""
        return self.f.emit(like(self.type, of), f"bitcast {self.type.text} {self.text} to {like(self.type, of).text}")


class Mask:
    """Which lanes of a vector take part in a load or store; made by `Function.mask`."""

    __slots__ = ("count", "lanes", "value")

    def __init__(self, value: Value, count: Value | None = None) -> None:
        self.value, self.lanes, self.count = value, value.type.lanes, count

    def i1(self, type: Type) -> Value:
        """As the i1 vector that masked instructions take."""
        wide = self.value
        if wide.type.bits == 1:
            return wide
        # Kept as full lanes between uses: an i1 vector that crosses blocks is narrowed and widened each time.
        return wide < 0


class Pointer:
    """An address of numbers of type `of`. `p[i]` is i numbers further on."""

    __slots__ = ("base", "f", "of", "offset")

    def __init__(self, f: Emitter, base: str, of: Type, offset: int = 0) -> None:
        self.f, self.base, self.of, self.offset = f, base, of, offset

    def __getitem__(self, index: Value | int) -> Pointer:
        """The address `index` numbers further on (before, where negative)."""
        if isinstance(index, Value):
            base = self.f.emit_text(f"getelementptr {self.of.text}, ptr {self.base}, {index.type.text} {index.text}")
            return Pointer(self.f, base, self.of, self.offset)
        return Pointer(self.f, self.base, self.of, self.offset + index * self.of.bytes)

    def bytes(self, count: Value | int) -> Pointer:
        """The address `count` bytes further on."""
        if isinstance(count, Value):
            base = self.f.emit_text(f"getelementptr i8, ptr {self.base}, {count.type.text} {count.text}")
            return Pointer(self.f, base, self.of, self.offset)
        return Pointer(self.f, self.base, self.of, self.offset + count)

    def to(self, of: Type) -> Pointer:
        """The same address, read as numbers of type `of`."""
        return Pointer(self.f, self.base, of, self.offset)

    @property
    def type(self) -> Type:
        """Its type, as a parameter would declare it."""
        return ptr(self.of)

    @property
    def text(self) -> str:
        """The operand, with the constant offset added."""
        if self.offset:
            return self.f.emit_text(f"getelementptr i8, ptr {self.base}, i64 {self.offset}")
        return self.base

    def address(self) -> Value:
        """The address as an i64."""
        return self.f.emit(i64, f"ptrtoint ptr {self.text} to i64")

    def load(self, lanes: int = 0, mask: Mask | None = None, align: int = 0) -> Value:
        """One number, or a vector of `lanes` of them; lanes outside `mask` are not read and come as 0.

        `align` is in bytes; without it, that of one number."""
        f, type = self.f, vec(self.of, lanes) if lanes else self.of
        align = align or self.of.bytes
        if mask is None:
            return f.emit(type, f"load {type.text}, ptr {self.text}, align {align}")
        if mask.count is not None and self.of.bits == 16:
            return f.load_first(self, lanes, mask.count)
        name = f"llvm.masked.load.v{lanes}{type_code(self.of)}.p0"
        bits = f"<{lanes} x i1>"
        f.module.declare(f"{type.text} @{name}(ptr, i32, {bits}, {type.text})")
        which, where = mask.i1(type).text, self.text
        call = f"call {type.text} @{name}(ptr {where}, i32 {align}, {bits} {which}, {type.text} zeroinitializer)"
        return f.emit(type, call)

    def broadcast(self, lanes: int) -> Value:
        """One number, loaded into every lane."""
        return self.load().splat(lanes)

    def store(self, value: Value | int | float, mask: Mask | None = None, align: int = 0) -> None:
        """Write a number or vector; lanes outside `mask` are left alone."""
        f, align = self.f, align or self.of.bytes
        type = value.type if isinstance(value, Value) else self.of
        if element(type) != self.of:
            raise TypeError(f"a {type} into memory of {self.of}: convert it with .to()")
        text = value.text if isinstance(value, Value) else literal(type, value)
        if mask is None:
            f.line(f"store {type.text} {text}, ptr {self.text}, align {align}")
            return
        if mask.count is not None:
            f.store_first(self, value, mask.count)
            return
        name = f"llvm.masked.store.v{type.lanes}{type_code(self.of)}.p0"
        bits = f"<{type.lanes} x i1>"
        f.module.declare(f"void @{name}({type.text}, ptr, i32, {bits})")
        which = mask.i1(type).text
        f.line(f"call void @{name}({type.text} {text}, ptr {self.text}, i32 {align}, {bits} {which})")

    def prefetch(self, write: bool = False, locality: int = 3) -> None:
        """Ask for the cache line of this address; locality 3 is all levels, 0 none but the nearest."""
        self.f.module.declare("void @llvm.prefetch.p0(ptr, i32, i32, i32)")
        self.f.line(f"call void @llvm.prefetch.p0(ptr {self.text}, i32 {int(write)}, i32 {locality}, i32 1)")

    def fetch_add(self, count: Value | int) -> Value:
        """Add to the integer here, atomically among threads; gives what was there before."""
        text = count.text if isinstance(count, Value) else literal(self.of, count)
        operation = f"atomicrmw add ptr {self.text}, {self.of.text} {text} monotonic, align {self.of.bytes}"
        return self.f.emit(self.of, operation)


class Variable:
    """A mutable variable; reads and writes of `.value` become registers."""

    __slots__ = ("_address", "f", "type")

    def __init__(self, f: Emitter, type: Type, initial: Value | Pointer | int | float | None) -> None:
        self.f, self.type = f, type
        self._address = f.reserve(type)
        if initial is not None:
            self.value = initial

    @property
    def value(self) -> Value | Pointer:
        """What it holds now."""
        text = self.f.emit_text(f"load {self.type.text}, ptr {self._address}")
        return Pointer(self.f, text, self.type.of) if self.type.kind == "p" else Value(self.f, text, self.type)

    @value.setter
    def value(self, new: Value | Pointer | int | float) -> None:
        self.f.line(f"store {self.type.text} {self.f.operand(new, self.type)}, ptr {self._address}")
