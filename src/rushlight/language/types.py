"""The types of the kernel language: numbers, vectors of them, and pointers that know what they point to."""

from __future__ import annotations

import struct
from typing import NamedTuple


class Type(NamedTuple):
    """A number, a vector of `lanes` numbers (lanes > 0) or a pointer (`of` is what it points to)."""

    name: str
    kind: str  # i: integer, f: computes as floating point, h: stored half, computes after .to(f32), p: pointer
    bits: int
    text: str  # LLVM's spelling
    lanes: int = 0
    of: Type | None = None

    @property
    def bytes(self) -> int:
        """Size in memory."""
        return self.bits // 8 * (self.lanes or 1)

    def __str__(self) -> str:
        return f"{self.name}x{self.lanes}" if self.lanes else self.name


f32 = Type("f32", "f", 32, "float")
f64 = Type("f64", "f", 64, "double")
# Halves live in integer registers until they are widened: LLVM would call a library for them on older CPUs.
f16 = Type("f16", "h", 16, "i16")
bf16 = Type("bf16", "h", 16, "i16")
i1 = Type("i1", "i", 1, "i1")
i8 = Type("i8", "i", 8, "i8")
i16 = Type("i16", "i", 16, "i16")
i32 = Type("i32", "i", 32, "i32")
i64 = Type("i64", "i", 64, "i64")
i128 = Type("i128", "i", 128, "i128")  # a product of two i64: to compute with, not to store

BY_NAME = {type.name: type for type in (f32, f64, f16, bf16, i8, i16, i32, i64)}


def vec(of: Type, lanes: int) -> Type:
    """`lanes` numbers of type `of`."""
    return Type(of.name, of.kind, of.bits, f"<{lanes} x {of.text}>", lanes)


def element(type: Type) -> Type:
    """The number that a vector is made of; a number is its own element."""
    if not type.lanes:
        return type
    return Type(type.name, type.kind, type.bits, type.text[type.text.index("x") + 2 : -1])


def in_registers(stored: Type) -> Type:
    """The type in which numbers of a type in memory are computed with: halves as f32, others as they are."""
    return f32 if stored.kind == "h" else stored


def like(type: Type, of: Type) -> Type:
    """Type `of` in the shape of `type`: a vector of as many lanes, or a number."""
    return vec(of, type.lanes) if type.lanes else of


def ptr(of: Type) -> Type:
    """A pointer to numbers of type `of`."""
    return Type(f"ptr_{of.name}", "p", 64, "ptr", 0, of)


def literal(type: Type, number: int | float) -> str:
    """A Python number as a constant of `type`; vectors repeat it in every lane."""
    if type.lanes:
        if number == 0 and not str(number).startswith("-"):
            return "zeroinitializer"
        one = literal(element(type), number)
        scalar = element(type).text
        return f"<{', '.join([f'{scalar} {one}'] * type.lanes)}>"
    if type.kind == "f":
        rounded = struct.unpack("f", struct.pack("f", number))[0] if type.bits == 32 else float(number)
        return f"0x{struct.pack('>d', rounded).hex().upper()}"
    if type.bits == 1:
        return "true" if number else "false"
    if type.kind == "p":
        return "null"
    if number != int(number):
        raise TypeError(f"{number} is no {type}")
    return str(int(number))


def type_code(type: Type) -> str:
    """A number's type as LLVM spells it in the names of intrinsics."""
    return f"f{type.bits}" if type.kind == "f" else f"i{type.bits}"
