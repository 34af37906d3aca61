"""Kernels that are launched one after the other, each time with other addresses; as one where a thread alone does all.

In: entries with the words that stay. Out: what takes the addresses of a call.
"""

from __future__ import annotations

from array import array
from typing import Any

from ... import runtime
from ...kernels.in_turn import emit_in_turn
from ...language.params import COUNTERS, Params
from ...plan.target import Target
from .kernels import kernel


class Launch:
    """A kernel whose words are known, by name, but for the addresses, which come first.

    TypeError for words that the kernel's `params` do not have, or have not."""

    __slots__ = ("addresses", "entry", "rest", "threads")

    def __init__(self, entry: Any, params: Params, threads: int, **words: float) -> None:
        pointers = [name for name, of in params.types.items() if of.kind == "p"]
        packed = params.pack(**dict.fromkeys(pointers), **words)
        self.entry, self.threads, self.addresses = entry, threads, len(pointers)
        self.rest = packed[COUNTERS + len(pointers) :]

    def __call__(self, addresses: tuple[int, ...]) -> None:
        runtime.launch(self.entry, array("q", (0, 0, *addresses)) + self.rest, self.threads)


class Passes:
    """Launches one after the other; call it with a tuple of addresses for each."""

    together = True
    """Whether those of one thread are one launch."""

    def __init__(self, target: Target, *launches: Launch) -> None:
        self.launches = launches
        self.alone = self.together and len(launches) > 1 and all(launch.threads == 1 for launch in self.launches)
        if not self.alone:
            return
        self.entry = kernel(target, "in turn", emit_in_turn, len(launches))["in_turn"]
        words = array("q", [0] * (2 + 2 * len(launches)))
        self.parts = []  # of each: the word that says where its words are, theirs in bytes, and its addresses
        for n, launch in enumerate(launches):
            count = launch.addresses
            words[2 + 2 * n] = launch.entry.address
            start = len(words)
            words.extend([0] * (2 + count))
            words.extend(launch.rest)
            self.parts.append((3 + 2 * n, 8 * start, slice(start + 2, start + 2 + count)))
        self.words = words

    def __call__(self, *addresses: tuple[int, ...]) -> None:
        if not self.alone:
            for launch, some in zip(self.launches, addresses):
                launch(some)
            return
        words = self.words[:]
        base = words.buffer_info()[0]
        for (where, start, addressed), some in zip(self.parts, addresses):
            words[where] = base + start
            words[addressed] = array("q", some)
        runtime.run_whole(self.entry, words)
