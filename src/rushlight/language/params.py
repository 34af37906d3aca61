"""The one argument of a kernel, seen from both sides: as named fields in its text, as packed words in Python.

A kernel's fields are a class, so that readers and type checkers see what there is:

    class ScaleFields(Fields):
        x: Array      # the element type is given where the kernel is made
        rows: Table   # the address of i64 numbers
        factor: Real
        block: Axes   # three words: p.block.d, p.block.h, p.block.w

    params = Params(ScaleFields, x=f32)
    words = params.pack(x=None, rows=table, factor=0.5, block=(1, 8, 8))     # once; None: not known yet
    X = index_of(ScaleFields, "x")
    words[X] = address                                                       # at each launch

`Params(x=ptr(f32), n=i64)` is the short form for a kernel of few fields.
"""

from __future__ import annotations

import struct
from array import array
from functools import cache
from operator import index
from typing import Annotated, Any, Generic, NamedTuple, TypeAlias, TypeVar

from .emitter import Emitter
from .types import Type, f64, i64, ptr
from .values import Pointer, Value

Word: TypeAlias = Annotated[Value, "Word"]
"""A whole number."""
Real: TypeAlias = Annotated[Value, "Real"]
"""A float64."""
Table: TypeAlias = Annotated[Pointer, "Table"]
"""The address of i64 numbers."""
Array: TypeAlias = Annotated[Pointer, "Array"]
"""The address of numbers whose type is given where the kernel is made."""


class Axes(NamedTuple):
    """A whole number for each spatial axis."""

    d: Value
    h: Value
    w: Value


class AxisTables(NamedTuple):
    """A table for each spatial axis."""

    d: Pointer
    h: Pointer
    w: Pointer


# What may be annotated: the words that it stands for, their type (None: given later), and the tuple that they become.
_KINDS: dict[str, tuple[tuple[str, ...], Type | None, type | None]] = {
    "Word": ((), i64, None),
    "Real": ((), f64, None),
    "Table": ((), ptr(i64), None),
    "Array": ((), None, None),
    "Axes": (Axes._fields, i64, Axes),
    "AxisTables": (AxisTables._fields, ptr(i64), AxisTables),
}
G = TypeVar("G")


def word_group(cls: type[G]) -> type[G]:
    """A NamedTuple of whole numbers as one more kind of field; its name must be its own in the package."""
    _KINDS[cls.__name__] = cls._fields, i64, cls
    return cls


COUNTERS = 2
BEHIND = 1
"""What a thread adds to the address of a kernel's words to take items from the back."""
"""Words in front of the fields."""


class Fields:
    """The loaded fields of a `Params`, as attributes. A subclass annotates its fields with the kinds of this file;
    with other types it may annotate what a kernel notes beside them."""

    words: Pointer  # all of them, to hand on
    next: Pointer
    ticket: Pointer


F = TypeVar("F", bound=Fields)


class Params(Generic[F]):
    """The one argument of a kernel: an array of 64-bit words with named fields.

    In front of the fields stand two counters, 0 at launch: `next` (the next item of work) and `ticket` (how many
    threads have joined), both pointers to i64 for `dynamic_loop` and `fetch_add`.

    TypeError for element types that are missing, or of fields that are no `Array`.

    >>> from rushlight.language.types import f32, i64, ptr
    >>> params = Params(x=ptr(f32), n=i64)
    >>> params.pack(x=4096, n=7)
    array('q', [0, 0, 4096, 7])
    >>> params.pack(x=4096)
    Traceback (most recent call last):
    TypeError: a kernel's fields without a value: n
    """

    def __init__(self, fields: type[F] = Fields, /, **types: Type) -> None:
        self._fields = fields
        declared = _declared(fields)
        arrays = {name for name, kind in declared.items() if kind == "Array"}
        if declared and arrays != types.keys():
            given, wanted = (", ".join(sorted(names)) or "nothing" for names in (types, arrays))
            raise TypeError(f"element types of {given}; wanted: {wanted}")
        self.types = types if not declared else {
            name: _KINDS[kind][1] or ptr(types[name]) for name, kind in declared.items()
        }  # fmt: skip
        for name, type in self.types.items():
            if type.bits != 64 or type.lanes:
                raise TypeError(f"{name} is {type}: fields are i64, f64 and pointers")
        self._layout = [(name, type, *_KINDS[declared.get(name, "Word")][::2]) for name, type in self.types.items()]
        self.count = sum(len(parts) or 1 for _, _, parts, _ in self._layout)  # words without the counters

    def pack(self, **values: Any) -> array:
        """The words that `runtime.launch` takes. A pointer is an address, None, or an array that lives as long as the
        words do; a group of words is a sequence.

        TypeError: missing or unknown names, a value or array of another type than the field."""
        if values.keys() != self.types.keys():
            raise TypeError(_misfit(self.types, values))
        words = [0] * COUNTERS
        for name, type, parts, _ in self._layout:
            if parts:
                words += [_word(f"{name}.{part}", type, v) for part, v in zip(parts, values[name], strict=True)]
            else:
                words.append(_word(name, type, values[name]))
        return array("q", words)

    def index(self, name: str) -> int:
        """Which word a field is, the first one of several."""
        return _index({other: parts for other, _, parts, _ in self._layout}, name)

    def read(self, f: Emitter, where: Pointer) -> F:
        """Load every field; at the entry of a kernel."""
        loaded = self._fields()
        words = loaded.words = where.to(i64)
        loaded.next, loaded.ticket = words[0], words[1]
        at = COUNTERS
        for name, type, parts, group in self._layout:
            values = [_loaded(f, words[at + i], type) for i in range(len(parts) or 1)]
            at += len(values)
            setattr(loaded, name, group(*values) if group else values[0])
        return loaded


def index_of(fields: type[Fields], name: str) -> int:
    """`Params.index` of a class of fields, whatever its types."""
    return _index({other: _KINDS[kind][0] for other, kind in _declared(fields).items()}, name)


def _index(parts: dict[str, tuple[str, ...]], name: str) -> int:
    names = list(parts)
    return COUNTERS + sum(len(parts[other]) or 1 for other in names[: names.index(name)])


def size_of(fields: type[Fields]) -> int:
    """How many words there are, counters included."""
    return COUNTERS + sum(len(_KINDS[kind][0]) or 1 for kind in _declared(fields).values())


@cache
def _declared(fields: type[Fields]) -> dict[str, str]:
    """The fields that a class annotates, in order, and of which kind each is."""
    found = {}
    for cls in reversed(fields.__mro__):
        if cls not in (object, Fields):
            kinds = {name: _kind_of(annotation) for name, annotation in cls.__annotations__.items()}
            found |= {name: kind for name, kind in kinds.items() if kind in _KINDS}
    return found


def _kind_of(annotation: Any) -> str:
    """The name of a kind, of an annotation that is text or what the text means."""
    if isinstance(annotation, str):
        return annotation
    return getattr(annotation, "__metadata__", (getattr(annotation, "__name__", ""),))[0]


def _misfit(types: dict[str, Type], values: dict[str, Any]) -> str:
    missing, unknown = [n for n in types if n not in values], [n for n in values if n not in types]
    parts = [f"a kernel's fields without a value: {', '.join(missing)}"] * bool(missing)
    return "; ".join([*parts, *[f"values of no field: {', '.join(unknown)}"] * bool(unknown)])


def _loaded(f: Emitter, where: Pointer, type: Type) -> Value | Pointer:
    value = where.to(type).load()
    return Pointer(f, value.text, type.of) if type.kind == "p" else value


def _word(name: str, type: Type, value: Any) -> int:
    """A field's value as a word."""
    if type.kind == "p":
        if value is None:
            return 0
        interface = getattr(value, "__array_interface__", None)
        if interface is not None and interface["shape"] != ():
            return _address(name, type.of, interface)
    try:
        return struct.unpack("q", struct.pack("d", value))[0] if type.kind == "f" else index(value)
    except (TypeError, struct.error):
        raise TypeError(f"{name} is {type}, not {value.__class__.__name__}") from None


def _address(name: str, of: Type, interface: dict) -> int:
    """The address of an array, whose elements must be of this type: halves and unsigned integers by their size."""
    code = interface["typestr"]
    if int(code[2:]) != of.bytes or (of.kind == "f") != (code[1] == "f" and of.kind != "h"):
        raise TypeError(f"{name} points to {of}, not to an array of {code}")
    return interface["data"][0]
