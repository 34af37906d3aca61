"""Vectors at the end of a row, of which only the first lanes are there: how they are loaded and stored.

In: a pointer, how many lanes a vector has, and its `Tail`, None where all lanes are there.
"""

from __future__ import annotations

from ..language.ir import Function, Mask, Pointer, Type, Value, vec


class Tail:
    """The first `count` lanes of a vector, fewer than all."""

    def __init__(self, f: Function, count: Value, lanes: int) -> None:
        self.count = count
        self.mask: Mask | None = f.mask(count, lanes) if f.target.isa == "avx512" else None

    def load(self, pointer: Pointer, lanes: int) -> Value:
        """Those lanes; the others are 0."""
        if self.mask is not None:
            return pointer.load(lanes, mask=self.mask)
        return pointer.f.load_first(pointer, lanes, self.count)

    def store(self, pointer: Pointer, value: Value) -> None:
        """Write those lanes."""
        if self.mask is not None:
            pointer.store(value, mask=self.mask)
        else:
            pointer.f.store_first(pointer, value, self.count)


def load(pointer: Pointer, lanes: int, tail: Tail | None) -> Value:
    """A vector; lanes that are not there are 0."""
    return pointer.load(lanes) if tail is None else tail.load(pointer, lanes)


def store(pointer: Pointer, value: Value, tail: Tail | None) -> None:
    """Write the lanes that are there."""
    if tail is None:
        pointer.store(value)
    else:
        tail.store(pointer, value)


class Line:
    """Vectors of a line: numbers of type `stored` in memory, of type `number` in registers."""

    def __init__(self, f: Function, stored: Type, number: Type) -> None:
        self.f, self.stored, self.number = f, stored, number
        self.lanes = f.module.lanes(number)
        self.type = vec(number, self.lanes)

    def load(self, pointer: Pointer, tail: Tail | None) -> Value:
        """A vector as registers hold it; lanes that are not there are 0."""
        return load(pointer, self.lanes, tail).to(self.number)

    def store(self, pointer: Pointer, value: Value, tail: Tail | None) -> None:
        """Write the lanes that are there."""
        store(pointer, value.to(self.stored), tail)

    def inside(self, value: Value, tail: Tail | None, otherwise: float) -> Value:
        """The lanes that are there, and a number in the others."""
        if tail is None:
            return value
        mask = self.f.mask(tail.count, self.lanes, self.number).i1(self.number)
        return self.f.select(mask, value, self.f.const(self.type, otherwise))
