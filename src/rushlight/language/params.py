"""The one argument of a kernel, seen from both sides: as named fields in its text, as packed words in Python."""

from __future__ import annotations

from array import array

from .emitter import Emitter
from .types import Type, i64
from .values import Pointer


class Params:
    """The one argument of a kernel: an array of 64-bit words with named fields.

    In front of the fields stand two counters, 0 at launch: `next` (the next item of work) and `ticket` (how many
    threads have joined), both pointers to i64 for `dynamic_loop` and `fetch_add`.

    >>> from rushlight.language.types import f32, i64, ptr
    >>> params = Params(x=ptr(f32), n=i64)
    >>> params.pack(4096, 7)
    array('q', [0, 0, 4096, 7])
    >>> params.pack(4096)
    Traceback (most recent call last):
    TypeError: 1 values for the 2 fields of a kernel: x, n
    """

    def __init__(self, **fields: Type) -> None:
        for name, type in fields.items():
            if type.bits != 64 or type.lanes:
                raise TypeError(f"{name} is {type}: fields are i64, f64 and pointers")
        self.fields, self.count = fields, len(fields)

    def pack(self, *values: int) -> array:
        """Values in the order of the fields, as the words that `runtime.launch` takes. Addresses are integers."""
        if len(values) != self.count:
            raise TypeError(self._misfit(values))
        return array("q", (0, 0, *values))

    def _misfit(self, values: tuple[int, ...]) -> str:
        names = ", ".join(self.fields)
        return f"{len(values)} values for the {self.count} fields of a kernel: {names}"

    def index(self, name: str) -> int:
        """Which word a field is."""
        return 2 + list(self.fields).index(name)

    def read(self, f: Emitter, where: Pointer) -> Fields:
        """Load every field; at the entry of a kernel."""
        loaded = Fields()
        words = loaded.words = where.to(i64)
        loaded.next, loaded.ticket = words[0], words[1]
        for index, (name, type) in enumerate(self.fields.items()):
            value = words[2 + index].to(type).load()
            setattr(loaded, name, Pointer(f, value.text, type.of) if type.kind == "p" else value)
        return loaded


class Fields:
    """The loaded fields of a `Params`, as attributes."""

    words: Pointer  # all of them, to hand on
    next: Pointer
    ticket: Pointer
