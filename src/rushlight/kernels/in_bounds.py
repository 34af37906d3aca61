"""The in-bounds range of a tap, as a table of `plan` holds it, within what a thread goes through.

In: where a tap's entry is (its offset, and the first and one behind the last position that belong to it, which
`rules.in_bounds` finds), and a range of positions. Out: those of them that belong to the tap.
"""

from __future__ import annotations

from ..language.ir import Function, Pointer, Value


def within(f: Function, entry: Pointer, begin: Value, end: Value) -> tuple[Value, Value]:
    """The first of the positions from `begin` to `end` that belong to a tap, and one behind the last: not behind the
    first where there are none."""
    return f.max(entry[1].load(), begin), f.min(entry[2].load(), end)


def first_within(f: Function, entry: Pointer, begin: Value, end: Value) -> tuple[Value, Value]:
    """The first of them, and how many there are."""
    first, last = within(f, entry, begin, end)
    return first, f.max(last - first, 0)
