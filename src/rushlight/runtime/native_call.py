"""Kernels that Python calls itself, as it calls a function written in C: in 50 ns, where ctypes takes 500.

In: a compiled function of `emit`'s kind, and an array for it. Out: a callable that takes arrays and gives the first one
back. It runs with the GIL held, on this thread, so it is for what takes a few microseconds.

This knows how objects of CPython lie in memory: that a reference count comes first, and an array's address where
`memory.FIRST_FIELD` found it. Where that may be otherwise (`available`) nothing of it is used.
"""

from __future__ import annotations

import ctypes
import functools
import sys
import sysconfig
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from ..compiler.jit import Entry
from ..language.ir import Function, Module, Pointer, Type, i64, ptr
from .memory import FIRST_FIELD

_FASTCALL = 0x0080  # METH_FASTCALL: (self, arguments, how many) → a new reference


class _Method(ctypes.Structure):
    """CPython's PyMethodDef."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


_WORDS = 24  # where in an array of Python's (`Params.pack` makes them) the address of its numbers stands


@functools.lru_cache(maxsize=1)
def available() -> bool:
    """Whether objects lie in memory as this file believes: in CPython with a GIL, compiled without tracing."""
    if sys.implementation.name != "cpython" or sysconfig.get_config_var("Py_GIL_DISABLED"):
        return False
    words = array("q", (1, 2))
    if object.__basicsize__ != 16 or FIRST_FIELD != 16 or type(words).__basicsize__ < _WORDS + 8:
        return False
    return ctypes.c_void_p.from_address(id(words) + _WORDS).value == words.buffer_info()[0]


@contextmanager
def function(k: Module, name: str, of: Sequence[Type], words: bool = False) -> Iterator[tuple]:
    """Define a function that `Bound` makes a callable: gives its body, the memory of the array that it is bound to (of
    i64), and that of the arrays that it is called with, of these types; with `words` the first is no array of NumPy's
    but the words of a kernel."""
    parameters = [("bound", ptr(i64)), ("arguments", ptr(i64)), ("count", i64)]
    with k.function(name, parameters, ptr(i64), export=True, distinct=False) as (f, own, arguments, _):
        objects = [_pointer(f, arguments[n], i64) for n in range(len(of))]
        fields = [_WORDS if words and not n else FIRST_FIELD for n in range(len(of))]
        pointers = [_pointer(f, object.bytes(field), type) for object, field, type in zip(objects, fields, of)]
        yield f, _pointer(f, own.bytes(FIRST_FIELD), i64), pointers
        objects[0].store(objects[0].load() + 1)  # one more reference to it: the caller's
        f.ret(objects[0])


def addresses(k: Module, name: str) -> None:
    """Export a function that `Bound` makes a callable: called as `(table, array, …)`, it writes the addresses of the
    arrays behind the first into it, an array of i64, in their order."""
    parameters = [("bound", ptr(i64)), ("arguments", ptr(i64)), ("count", i64)]
    with k.function(name, parameters, ptr(i64), export=True, distinct=False) as (f, _, arguments, count):
        table = _pointer(f, arguments[0], i64)
        pointers = _pointer(f, table.bytes(FIRST_FIELD), i64)
        with f.loop(1, count) as n:
            pointers[n - 1].store(_pointer(f, arguments[n], i64).bytes(FIRST_FIELD).load())
        table.store(table.load() + 1)  # one more reference to it: the caller's
        f.ret(table)


def _pointer(f: Function, pointer: Pointer, of: Type) -> Pointer:
    return Pointer(f, pointer.to(ptr(of)).load().text, of)


class Bound:
    """A compiled function with the array that it is bound to, ready to be called as `.call(first, …)`."""

    __slots__ = ("_entry", "_method", "call")

    def __init__(self, entry: Entry, own: np.ndarray) -> None:
        self._entry = entry  # what runs must stay in memory
        self._method = _Method(b"kernel", entry.address, _FASTCALL, None)
        make = ctypes.pythonapi.PyCFunction_NewEx
        make.restype, make.argtypes = ctypes.py_object, (ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p)
        self.call: Callable = make(ctypes.addressof(self._method), own, None)
