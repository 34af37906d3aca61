"""Following a checkpoint's structure, which is a pickle, and a pickle is a program.

In: a stream of opcodes, and where the storages are. Out: the structure with its tensors. `DataUnpickler` is for files
that nobody vouches for: it makes only what holds data, and its time and memory follow the size of the file.
`trusting` makes an unpickler that follows a file wherever it leads.
"""

from __future__ import annotations

import collections
import contextlib
import pickle
import pickletools
from collections.abc import Iterator
from types import ModuleType
from typing import Any, ClassVar, Protocol

import numpy as np

from rushlight.checkpoint import safe
from rushlight.checkpoint.classes import refusal, translated
from rushlight.checkpoint.rebuild import DATA, SCRIPT, LoadedParameter
from rushlight.checkpoint.source import Stream
from rushlight.checkpoint.storages import CheckpointError, Unsupported, shown
from rushlight.core import dtypes
from rushlight.nn.parameter import Parameter
from rushlight.tensor import Tensor
from rushlight.tensor.size import device

# The opcodes of what holds data, without those that look objects up by number or run what is on the stack.
_OPCODES = frozenset(
    opcode[0]
    for opcode in (
        pickle.PROTO, pickle.STOP, pickle.MARK, pickle.POP, pickle.POP_MARK, pickle.DUP, pickle.FRAME,
        pickle.NONE, pickle.NEWTRUE, pickle.NEWFALSE, pickle.INT, pickle.BININT, pickle.BININT1, pickle.BININT2,
        pickle.LONG, pickle.LONG1, pickle.LONG4, pickle.FLOAT, pickle.BINFLOAT,
        pickle.UNICODE, pickle.BINUNICODE, pickle.SHORT_BINUNICODE, pickle.BINUNICODE8,
        pickle.BINSTRING, pickle.SHORT_BINSTRING, pickle.BINBYTES, pickle.SHORT_BINBYTES, pickle.BINBYTES8,
        pickle.EMPTY_TUPLE, pickle.TUPLE, pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3,
        pickle.EMPTY_LIST, pickle.LIST, pickle.EMPTY_DICT, pickle.EMPTY_SET,
        pickle.GET, pickle.BINGET, pickle.LONG_BINGET, pickle.PUT, pickle.BINPUT, pickle.LONG_BINPUT, pickle.MEMOIZE,
        pickle.GLOBAL, pickle.STACK_GLOBAL, pickle.BINPERSID,
    )
)  # fmt: skip
_FREE = 200_000  # steps that any file may take
_STEPS_A_BYTE = 16  # and how many more for each of its bytes
_DEPTH = 500  # how deep a structure may be nested: half of what Python's repr and copy follow
_KEY_DEPTH = 50
_ATOMS = frozenset({str, int, float, bool, bytes, type(None), complex, Tensor, Parameter, dtypes.dtype, device})
_SAME_HASH = 1000
_LARGEST_KEY = 2**63  # larger integers may all have one hash


class Storages(Protocol):
    """Where the bytes of tensors are."""

    def array(self, key: str, kind: np.dtype, count: int, location: str, view: object) -> np.ndarray:
        """The storage `key`, or the part of it that `view` says."""

    def numbered(self, number: int) -> Any:
        """A tensor or storage of the first format."""


def _persistent(storages: Storages, reference: object) -> Any:
    """The array of `("storage", class, key, location, elements)`; the stream format adds a part of it, or None."""
    if type(reference) in (int, str):
        return storages.numbered(int(reference))
    if type(reference) is not tuple or not reference:
        raise CheckpointError(f"damaged: an unknown reference {shown(reference)}")
    if len(reference) == 3:  # a class with its source, in the first format
        return reference[0]
    kind = _text(reference[0])
    if len(reference) == 4 and type(kind) is str and kind == "module":
        return reference[1]
    if len(reference) not in (5, 6) or type(kind) is not str or kind != "storage":
        raise CheckpointError(f"damaged: an unknown reference {shown(reference)}")
    _, kind, key, location, count = reference[:5]
    if isinstance(kind, Unsupported):
        return kind
    if not (isinstance(kind, dtypes.dtype) and type(key) in (str, bytes) and type(count) is int and count >= 0):
        raise CheckpointError(f"damaged: an unknown storage {shown(reference)}")
    return storages.array(_text(key), kind.numpy, count, _text(location), reference[5] if len(reference) == 6 else None)


def _text(thing: object) -> Any:
    """Texts of Python 2 come as bytes where `encoding='bytes'`."""
    return thing.decode("ascii", "replace") if isinstance(thing, bytes) else thing


def names(stream: Stream) -> list[tuple[str, str]]:
    """The classes and functions (module, name) that a structure names, as far as it can be read."""
    found: dict[tuple[str, str], None] = {}
    texts: list[Any] = [None, None]  # what was pushed last, if it was a text
    memo: dict[int, Any] = {}
    with contextlib.suppress(Exception):
        for opcode, argument, _ in pickletools.genops(stream):
            if opcode.name == "GLOBAL":
                module, name = argument.split(" ", 1)
                found[module, name] = None
            elif opcode.name == "STACK_GLOBAL":
                found[texts[0], texts[1]] = None
            elif "PUT" in opcode.name or opcode.name == "MEMOIZE":
                memo[len(memo) if argument is None else argument] = texts[1]
                continue
            texts = [texts[1], memo.get(argument) if "GET" in opcode.name else argument]
    return [pair for pair in found if all(type(text) is str for text in pair)]


class ScriptObject(dict):
    """A module of a TorchScript archive: its attributes by name."""


class DataUnpickler(pickle._Unpickler):
    """Makes what holds data, and what the user called safe.

    Python's own unpickler instead of the C one: it can be restricted, and its memory does not follow the numbers in
    the file.
    """

    dispatch: ClassVar = {opcode: follow for opcode, follow in pickle._Unpickler.dispatch.items() if opcode in _OPCODES}

    def __init__(self, stream: Stream, storages: Storages, script: bool = False, **options: Any) -> None:
        super().__init__(stream, **options)
        self._stream, self._begin = stream, stream.position
        self._storages = storages
        self._script = script
        self._safe = safe.allowed()
        self._taken = 0
        self._met: dict[int, collections.Counter[int]] = {}

    def persistent_load(self, reference: object) -> Any:
        return _persistent(self._storages, reference)

    def find_class(self, module: str, name: str) -> Any:
        found = DATA.get((module, name))
        if found is not None:
            return found
        if self._script and (module, name) in SCRIPT:
            return SCRIPT[module, name]
        if self._script and module.split(".")[0] == "__torch__":
            return ScriptObject
        full = f"{_modern(module)}.{name}"
        if module.split(".")[0] not in safe.NEVER:
            for safe_name, thing in self._safe.items():
                if _modern(safe_name) == full or thing is translated(module, name):
                    return thing
        raise refusal(module, name, names(self._stream.again(self._begin)))

    def whole(self) -> Any:
        """The structure; CheckpointError for whatever is wrong with it."""
        try:
            result = self.load()
            self.spend(sum(1 for _ in _unfolded(result, _DEPTH, self._left())))
        except (CheckpointError, ImportError, MemoryError):
            raise  # they say what is wrong; ImportError: the ml_dtypes that bfloat16 needs is missing
        except Exception as problem:
            raise CheckpointError(
                f"damaged: its structure cannot be followed ({type(problem).__name__}: {str(problem)[:200]})"
            ) from None
        return result

    # -- what it costs

    def _left(self) -> int:
        return _FREE + _STEPS_A_BYTE * (self._stream.position - self._begin) - self._taken

    def spend(self, steps: int) -> None:
        """Count steps, or elements that were copied."""
        self._taken += steps
        if self._left() < 0:
            raise CheckpointError("damaged, or made to harm: it unfolds to many times its size")

    def _check_key(self, key: object, owner: int) -> None:
        """Something is to be hashed, which takes as long as it is when all that it shares is written out.

        Its `owner` is the dict or set that it goes into: many of one hash there would be compared with one another.
        """
        if type(key) is str:
            return
        if isinstance(key, int) and not -_LARGEST_KEY <= key < _LARGEST_KEY:
            raise CheckpointError("damaged: a key of more than 64 bits")
        if type(key) not in _ATOMS:
            self.spend(sum(1 for _ in _unfolded(key, _KEY_DEPTH, self._left())))
        elif type(key) is not complex:
            return
        met = self._met.setdefault(owner, collections.Counter())
        met[hash(key)] += 1
        if met[hash(key)] > _SAME_HASH:
            raise CheckpointError("damaged, or made to harm: too many keys of one hash")

    def _check_keys(self, keys: Any, owner: int | None = None) -> None:
        """The keys of a set or dict that is made of them, or of the `owner` that they join."""
        if owner is None:
            owner = id(keys)
            self._met.pop(owner, None)  # of what was freed since
        for key in keys:
            self._check_key(key, owner)

    # -- opcodes that change what was made, or call

    def _append(self) -> None:
        value = self.stack.pop()
        self._list().append(value)

    def _appends(self) -> None:
        values = self.pop_mark()
        self._list().extend(values)

    def _list(self) -> Any:
        target = self.stack[-1]
        return target if self._is_safe(target) else _plain(target, list)

    def _is_safe(self, target: object) -> bool:
        """Whether it is of a class that the user called safe."""
        return any(isinstance(thing, type) and isinstance(target, thing) for thing in self._safe.values())

    def _setitem(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._set_items([key, value])

    def _setitems(self) -> None:
        self._set_items(self.pop_mark())

    def _set_items(self, items: list) -> None:
        target = _plain(self.stack[-1], dict, collections.OrderedDict, collections.Counter)
        for key, value in zip(items[::2], items[1::2], strict=True):
            self._check_key(key, id(target))
            target[key] = value

    def _dict(self) -> None:
        items = self.pop_mark()
        self.append({})
        self._set_items(items)

    def _additems(self) -> None:
        values = self.pop_mark()
        target = _plain(self.stack[-1], set)
        self._check_keys(values, id(target))
        target.update(values)

    def _frozenset(self) -> None:
        values = self.pop_mark()
        self._check_keys(values)
        self.append(frozenset(values))

    def _bytearray8(self) -> None:
        length = int.from_bytes(self.read(8), "little")
        content = self.read(min(length, 1 << 40))
        if len(content) != length:
            raise CheckpointError("damaged: bytes that end too early")
        self.append(bytearray(content))

    def _reduce(self) -> None:
        arguments = self.stack.pop()
        function = self.stack[-1]
        if type(arguments) is not tuple:
            raise CheckpointError(f"damaged: a call with {shown(arguments)}")
        if not callable(function):
            raise CheckpointError(f"damaged: a call of {shown(function)}")
        if function not in _CALLABLE and not any(function is thing for thing in self._safe.values()):
            raise CheckpointError(f"it calls {type(function).__name__}, which no plain data needs")
        self.spend(sum(_length(argument) for argument in arguments))
        if function in _HASHING and arguments:
            self._check_hashed(function, arguments[0])
        self.stack[-1] = function(*arguments)

    def _check_hashed(self, function: Any, content: Any) -> None:
        if function is collections.OrderedDict and not isinstance(content, dict):
            self._check_keys([next(iter(pair), None) if isinstance(pair, (tuple, list)) else None for pair in content])
        else:
            self._check_keys(content)

    def _newobj(self) -> None:
        arguments = self.stack.pop()
        cls = self.stack[-1]
        if cls is ScriptObject or cls is LoadedParameter:
            self.stack[-1] = cls(*arguments)
        elif isinstance(cls, type) and any(cls is thing for thing in self._safe.values()):
            self.stack[-1] = cls.__new__(cls, *arguments)
        else:
            raise CheckpointError(f"it makes a {getattr(cls, '__name__', shown(cls))}, which no plain data needs")

    def _build(self) -> None:
        """Attributes are set on ordered dicts (a state dict's `_metadata`), parameters, and what was called safe."""
        state, target = self.stack.pop(), self.stack[-1]
        if type(target) is collections.OrderedDict and type(state) is dict:
            self.spend(len(state))
            if any(type(name) is not str or hasattr(collections.OrderedDict, name) for name in state):
                raise CheckpointError("it replaces a method of a dict, which no plain data needs")
            target.__dict__.update(state)
        elif isinstance(target, ScriptObject):
            target.update(state if type(state) is dict else {})
        elif type(target) is Parameter and type(state) is tuple:
            _set_old_state(target, state)
        elif isinstance(target, Unsupported):
            pass
        elif self._is_safe(target):
            self.append(state)
            pickle._Unpickler.load_build(self)
        else:
            raise CheckpointError(f"it sets attributes of a {type(target).__name__}, which no plain data needs")

    for _opcode, _follow in (
        (pickle.APPEND, _append), (pickle.APPENDS, _appends), (pickle.SETITEM, _setitem), (pickle.SETITEMS, _setitems),
        (pickle.DICT, _dict), (pickle.ADDITEMS, _additems), (pickle.FROZENSET, _frozenset),
        (pickle.BYTEARRAY8, _bytearray8), (pickle.REDUCE, _reduce), (pickle.NEWOBJ, _newobj), (pickle.BUILD, _build),
    ):  # fmt: skip
        dispatch[_opcode[0]] = _follow


_HASHING = (set, frozenset, collections.OrderedDict, collections.Counter)
_CALLABLE = frozenset(made for made in (*DATA.values(), *SCRIPT.values()) if callable(made) and made is not Tensor)


def _length(thing: object) -> int:
    return len(thing) if isinstance(thing, (str, bytes, bytearray, tuple, list, dict, set, frozenset)) else 0


def _plain(target: Any, *kinds: type) -> Any:
    if type(target) not in kinds:
        raise CheckpointError(f"it fills a {type(target).__name__}, which no plain data needs")
    return target


def _set_old_state(parameter: Parameter, state: tuple) -> None:
    """(data, requires_grad, hooks) of PyTorch 0.4, or (requires_grad, volatile, hooks) of what was before."""
    if state and isinstance(state[0], bool) and parameter.dtype.is_floating_point:
        parameter.requires_grad_(state[0])
    elif len(state) > 1 and isinstance(state[1], bool) and parameter.dtype.is_floating_point:
        parameter.requires_grad_(state[1])


def _modern(name: str) -> str:
    """NumPy renamed what its pickles name."""
    return "numpy._core." + name.removeprefix("numpy.core.") if name.startswith("numpy.core.") else name


def _unfolded(root: Any, depth: int, limit: int) -> Iterator[None]:
    """One step for everything in a structure, shared things each time they are met, as `repr` and `hash` meet them."""
    levels = [iter((root,))]
    while levels:
        for thing in levels[-1]:
            yield
            limit -= 1
            if limit < 0:
                raise CheckpointError("damaged, or made to harm: it unfolds to many times its size")
            if type(thing) not in _ATOMS and (inner := _inside(thing)):
                if len(levels) > depth:
                    raise CheckpointError(f"damaged: it is nested more than {depth} levels deep, or holds itself")
                levels.append(iter(inner))
                break
        else:
            levels.pop()


def _inside(thing: Any) -> list:
    if isinstance(thing, dict):
        return [*thing.keys(), *thing.values(), *getattr(thing, "__dict__", {}).values()]
    if isinstance(thing, slice):
        return [thing.start, thing.stop, thing.step]
    return list(thing) if isinstance(thing, (tuple, list, set, frozenset)) else []


def trusting(module: ModuleType | None, stream: Stream, storages: Storages, **options: Any) -> Any:
    """An unpickler of `module` (Python's own if None) that makes whatever the file names."""
    base = pickle._Unpickler if module is None or module is pickle else module.Unpickler

    class Trusting(base):
        def persistent_load(self, reference: object) -> Any:
            return _persistent(storages, reference)

        def find_class(self, module: str, name: str) -> Any:
            found = DATA.get((module, name))
            if found is None:
                found = translated(module, name)
            if found is not None:
                return found
            if module.split(".")[0] == "torch":
                raise refusal(module, name, trusted=True)
            return _checked(super().find_class(module, name), module, name)

    return Trusting(stream, **options)


def _checked(found: Any, module: str, name: str) -> Any:
    """Refuse classes that were written on PyTorch's modules: ours do not fit into them."""
    if isinstance(found, type) and any(base.__module__.split(".")[0] == "torch" for base in found.__mro__):
        raise refusal(module, name, trusted=True)
    return found
