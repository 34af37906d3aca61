"""What values need of the function whose body they are part of.

`ir.Function` is one. Values, pointers and what is done among lanes are written against this, so that they lie below it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from .types import Type

Value = Any  # of `values`, whose classes hold an `Emitter`


class Emitter(Protocol):
    """Appends instructions to a body, and has the verbs that are made of several."""

    module: Any
    target: Any

    def line(self, text: str) -> None:
        """Append an instruction without a result."""

    def emit_text(self, text: str) -> str:
        """Append an instruction; gives the name of its result."""

    def emit(self, type: Type, text: str) -> Value:
        """Append an instruction whose result has `type`."""

    def intrinsic(self, type: Type, name: str, *arguments: Value) -> Value:
        """Call one of LLVM's own functions."""

    def operand(self, value: Value, type: Type) -> str:
        """A value, pointer or Python number as text."""

    def reserve(self, type: Type, count: int = 1, align: int = 0) -> str:
        """An allocation on the stack."""

    def const(self, type: Type, number: int | float) -> Value:
        """A Python number as a value."""

    def vector(self, of: Type, numbers: Sequence[int | float]) -> Value:
        """A constant vector."""

    def iota(self, of: Type, lanes: int) -> Value:
        """0, 1, 2, …"""

    def select(self, condition: Value, a: Value, b: Value) -> Value:
        """One of two."""

    def max(self, a: Value, b: Value) -> Value:
        """The greater one."""

    def min(self, a: Value, b: Value) -> Value:
        """The smaller one."""

    def shuffle(self, a: Value, b: Value, lanes: Sequence[int]) -> Value:
        """Chosen lanes of two vectors."""

    def part(self, a: Value, start: int, lanes: int) -> Value:
        """Some lanes of a vector."""

    def insert(self, a: Value, lane: int, number: Value) -> Value:
        """A vector with one lane replaced."""

    def splat(self, a: Value, lanes: int) -> Value:
        """A number in every lane."""

    def converted(self, a: Value, of: Type) -> Value:
        """Numbers as those of another type."""

    def load_first(self, pointer: Value, lanes: int, count: Value) -> Value:
        """The first `count` lanes, and zeros."""

    def store_first(self, pointer: Value, value: Value, count: Value) -> None:
        """Write the first `count` lanes."""
