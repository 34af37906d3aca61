"""From a key to code that can be called: memory, then disk, then the compiler.

In: a key that names a kernel (the planner's), a function that emits it as an `ir.Module`, and the `Target`. Out: a
`Code`, whose entries `runtime` launches. A key found in memory or on disk emits nothing and loads no LLVM.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from . import cache, compiler, debug
from .executable import Mapping
from .objects import Unlinkable, link

if TYPE_CHECKING:
    from ..language.ir import Module
    from ..plan.target import Target

CompilerMissing = compiler.CompilerMissing


class KernelFailed(RuntimeError):
    """LLVM did not compile a kernel."""


# A kernel takes the address of its `ir.Params` words and returns nothing; the GIL is free while it runs.
_KERNEL = ctypes.CFUNCTYPE(None, ctypes.c_void_p)

_IN_MEMORY = 1024


class Entry:
    """A kernel that can be launched.

    `call(address of the words)` runs it on this thread, and keeps its code in memory; `address` is for thread
    teams."""

    __slots__ = ("address", "call", "name")

    def __init__(self, name: str, address: int, code: Any) -> None:
        self.name, self.address = name, address
        self.call = _KERNEL(address)
        self.call.code = code


class Code:
    """The loaded code of one module: `code["name"]` is an `Entry`."""

    __slots__ = ("_entries", "size")

    def __init__(self, holder: Any, size: int, addresses: dict[str, int]) -> None:
        self.size = size
        self._entries = {name: Entry(name, address, holder) for name, address in addresses.items()}

    def __getitem__(self, name: str) -> Entry:
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)


_loaded: OrderedDict[tuple[str, Target], Code] = OrderedDict()
_building: dict[tuple[str, Target], threading.Lock] = {}
_lock = threading.Lock()


def kernel(key: str, build: Callable[[], Module], target: Target) -> Code:
    """The code named by `key` for `target`, emitted by `build` and compiled if it is not known yet.

    `key` must say everything that `build` depends on besides the target and the sources of this package; where
    `build` is of other sources, it is emitted at every call, and its text belongs to the key. Safe from any thread; a
    key is built once. Raises `CompilerMissing` if it must compile and llvmlite is not there."""
    if not _is_ours(build):
        module = build()
        key, build = f"{key} {hashlib.sha256(module.text().encode()).hexdigest()}", lambda: module
    name = (key, target)
    with _lock:
        code = _loaded.get(name)
        if code is not None:
            _loaded.move_to_end(name)
            return code
        turn = _building.setdefault(name, threading.Lock())
    with turn:
        code = _loaded.get(name)
        if code is None:
            try:
                code = _load(key, build, target)
                _remember(name, code)
            finally:
                _building.pop(name, None)
        return code


def _is_ours(build: Callable) -> bool:
    """Whether a function is of this package."""
    function = build.func if isinstance(build, functools.partial) else build
    return (getattr(function, "__module__", None) or "").partition(".")[0] == __name__.partition(".")[0]


def _remember(name: tuple[str, Target], code: Code) -> None:
    with _lock:
        _loaded[name] = code
        while len(_loaded) > _IN_MEMORY:
            _loaded.popitem(last=False)


def forget() -> None:
    """Drop every kernel in memory; those in use live on until their users let go."""
    with _lock:
        _loaded.clear()


def _after_fork() -> None:
    """In a child, no thread goes on building what a thread of the parent began, nor lets go of its locks."""
    global _lock
    _lock = threading.Lock()
    _building.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _load(key: str, build: Callable[[], Module], target: Target) -> Code:
    if debug.wanted("ir") or debug.wanted("asm"):
        _show(key, build(), target)
    identity = f"{_identity()}\n{target.machine}\n{key}"
    image = cache.load(identity)
    if image is None:
        module = build()
        try:
            object_code = compiler.compile_object(module.text(), target)
        except CompilerMissing:
            raise
        except RuntimeError as error:  # what llvmlite raises
            raise KernelFailed(f"LLVM does not compile {key!r} for {target.isa}: {error}") from error
        try:
            image = link(object_code, module.exports)
        except Unlinkable:
            holder, addresses = compiler.link_with_llvm(object_code, module.exports)
            return Code(holder, len(object_code), addresses)
        cache.save(identity, image)
    mapping = Mapping(image.code)
    return Code(mapping, mapping.size, {name: mapping.address + at for name, at in image.entries.items()})


def _show(key: str, module: Module, target: Target) -> None:
    text = module.text()
    debug.show("ir", key, text)
    if debug.wanted("asm"):
        debug.show("asm", key, compiler.assembly(text, target))


@functools.lru_cache(maxsize=1)
def _identity() -> str:
    """What makes the code of two installations differ, besides key and target: LLVM and our own emitters."""
    try:
        from llvmlite import __version__ as llvm  # a version number only; llvmlite.binding loads LLVM
    except ImportError:
        llvm = "none"
    return f"llvmlite {llvm}, sources {_sources()}"


def _sources() -> str:
    """A digest of the files that plan, emit, compile and launch kernels."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    digest = hashlib.sha256()
    for part in ("plan", "language", "compiler", "kernels", "runtime"):
        for folder, inner, names in os.walk(os.path.join(package, part)):
            inner.sort()
            for name in sorted(names):
                if name.endswith(".py"):
                    with open(os.path.join(folder, name), "rb") as file:
                        digest.update(name.encode() + b"\0" + file.read() + b"\0")
    return digest.hexdigest()[:32]
