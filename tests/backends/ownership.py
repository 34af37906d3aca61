"""A test mode that records who writes what: items of a launch run one by one, each on fresh memory.

In: `with recording() as ledger:` around calls of the compiled engine. Out: the numbers that they give, and an
`OwnershipError` where two items of a launch write the same byte, whichever values they write, or one writes next to its
arrays. `ledger.covers(array)` says whether every byte of a result was written. An item is what one thread takes: what
another one takes may run before it, after it or at the same time.

Each item runs twice, on memory filled with one pattern and with another, so that no value that it writes can hide
behind what was there. Memory of a thread's own moves with the thread's number and may be written by every item.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from rushlight import runtime
from rushlight.backends import cpu as compiled
from rushlight.compiler import jit
from rushlight.language.ir import Function
from rushlight.runtime import memory

MARGIN = 8192
FILLS = 0xFF, 0x5A  # NaN, and a number, in every floating type


class OwnershipError(AssertionError):
    """An item of a launch wrote what is not its own."""


class _Array:
    """The memory of one array: a margin, itself, as much again for a second thread, a margin."""

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype) -> None:
        self.size = math.prod(shape) * dtype.itemsize
        room = np.full(2 * self.size + 2 * MARGIN + 64, FILLS[0], np.uint8)
        skip = -runtime.address(room) % 64
        self.bytes = room[skip : skip + 2 * self.size + 2 * MARGIN]
        self.own = slice(MARGIN, MARGIN + self.size)
        self.written = np.zeros(self.size, bool)
        self.array = np.ndarray(shape, dtype, self.bytes, MARGIN)
        self.shape = shape
        self.starts = runtime.address(self.bytes)
        self.ends = self.starts + len(self.bytes)


class Ledger:
    """Every array of `runtime.empty`, and what was written to each by whom."""

    def __init__(self) -> None:
        self.arrays: list[_Array] = []
        self.launches = 0
        self.items = 0

    def allocate(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """An array that is watched."""
        made = _Array(shape, dtype)
        self.arrays.append(made)
        return made.array

    def covers(self, result: np.ndarray) -> bool:
        """Whether every byte of the memory that a result looks at was written, by items or by NumPy."""
        found = [a for a in self.arrays if np.may_share_memory(a.array, result)]
        return all((a.written | (a.bytes[a.own] != FILLS[0])).all() for a in found)

    def launch(self, entry: jit.Entry, words: array, threads: int = 1) -> None:
        """Run a kernel item by item."""
        self.launches += 1
        given = [a for a in self.arrays if any(a.starts <= word < a.ends for word in words)]
        scenes = [_Scene(a) for a in given]
        at = 0
        while (following := self._item(entry, words, at, 0, scenes)) != at:
            self.items += 1
            for scene in scenes:
                scene.record(at, entry.name)
                if scene.shared is not None and not scene.scratch:
                    self._be_scratch(entry, words, at, scene, scenes)
            at = following
        for scene in scenes:
            scene.finish()

    def _be_scratch(self, entry: jit.Entry, words: array, item: int, scene: _Scene, scenes: list[_Scene]) -> None:
        """Let an array be a thread's own, if what an item writes there is elsewhere when another thread takes it."""
        here = scene.changed
        self._item(entry, words, item, 1, scenes)
        if np.intersect1d(here, scene.changed, assume_unique=True).size:
            first, second = scene.shared
            raise OwnershipError(f"{entry.name}: items {first} and {second} both write an array of {scene.of.shape}")
        scene.scratch = True

    @staticmethod
    def _item(entry: jit.Entry, words: array, item: int, ticket: int, scenes: list[_Scene]) -> int:
        """The next item's number; each scene then knows what this one writes."""
        watched = [scene for scene in scenes if not scene.scratch]
        for fill in FILLS[::-1]:
            for scene in watched:
                scene.set(fill)
            mine = words[:]
            mine[0], mine[1] = item, ticket
            entry.call(mine.buffer_info()[0])
            for scene in watched:
                scene.look()
        for scene in watched:
            scene.changed = np.flatnonzero(scene.differs)
        return mine[0]


class _Scene:
    """One array during a launch: what was there before, and who writes what."""

    def __init__(self, of: _Array) -> None:
        self.of, self.scratch = of, False
        self.before = of.bytes.copy()
        self.owners = np.full(len(self.before), -1, np.int32)
        self.after = self.before.copy()
        self.shared: tuple[int, int] | None = None  # two items that write the same
        # What nobody has written yet is filled; not where NumPy wrote something meanwhile.
        untouched = np.ones(len(self.before), bool)
        untouched[of.own] = ~of.written
        self.filled = untouched if (self.before[untouched] == FILLS[0]).all() else np.zeros(len(self.before), bool)
        self.differs = np.zeros(len(self.before), bool)
        self.changed = np.zeros(0, np.int64)

    def set(self, fill: int) -> None:
        """Before a run: as it was, what is not written yet filled."""
        if fill == FILLS[-1]:
            self.differs[:] = False
        self.start = self.before.copy()
        self.start[self.filled] = fill
        self.of.bytes[:] = self.start

    def look(self) -> None:
        """After a run."""
        self.differs |= self.of.bytes != self.start

    def record(self, item: int, name: str) -> None:
        """Note what an item has written."""
        if self.scratch or not len(self.changed):
            return
        first, last = self.changed[0], self.changed[-1]
        own = self.of.own
        if first < own.start or last >= own.stop:
            where = (self.changed[self.changed >= own.stop][0] - own.stop) if last >= own.stop else first - own.start
            raise OwnershipError(f"{name}, item {item}: wrote {where} bytes beside an array of {self.of.shape}")
        earlier = self.owners[self.changed]
        if (earlier >= 0).any():
            self.shared = int(earlier[earlier >= 0][0]), item
        self.owners[self.changed] = item
        self.after[self.changed] = self.of.bytes[self.changed]

    def finish(self) -> None:
        """Leave what all items have written."""
        self.of.bytes[:] = self.after
        self.of.written |= self.owners[self.of.own] >= 0


def _one_item(self: Function, counter: object, total: object, chunk: int = 1) -> Iterator:
    """What `Function.dynamic_loop` becomes: the item that the counter names, if there is one, and no other."""
    first = counter.load()
    with self.if_(first < total):
        if chunk == 1:
            yield first
        else:
            with self.loop(first, self.min(first + chunk, total), sure=True) as item:
                yield item
        counter.store(first + chunk)


@contextmanager
def recording() -> Iterator[Ledger]:
    """Inside, launches run item by item and are watched."""
    ledger, identity = Ledger(), jit._identity()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Function, "dynamic_loop", contextmanager(_one_item))
        patch.setattr(jit, "_identity", lambda: f"{identity}, an item a call")
        patch.setattr(runtime, "launch", ledger.launch)
        _forget()
        before = memory.set_allocator(ledger.allocate)
        try:
            yield ledger
        finally:
            memory.set_allocator(before)
            _forget()


def _forget() -> None:
    jit.forget()
    compiled._calls.clear()
