"""Kernels of items, ready to be called with arrays: on the calling thread without a launch, or by the team.

In: the function that does one item, emitted by `emit_entries` as a kernel. Out: what takes the arrays of a call.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any

import numpy as np

from ... import runtime
from ...language.ir import Function, Module, Params, Type, i64
from ...runtime import native_call


def emit_entries(k: Module, params: Params, item: Function, of: Sequence[Type], direct: bool) -> None:
    """Exports `run`, which threads share, and `mode`, which writes down the calling thread's floating-point mode for
    the others; where Python calls kernels itself, `direct` and `fill`.

    `item(words, arrays…, number of the item)`: the arrays, of these types, are the first of the words, which have
    `mode` and `items`, too."""
    names = list(params.types)[: len(of)]
    with k.kernel("run", params, flushed=False) as (f, p), f.in_mode(p.mode), f.dynamic_loop(p.next, p.items) as index:
        f.call(item, p.words, *[getattr(p, name) for name in names], index)
    with k.kernel("mode", params, flushed=False) as (f, p):
        p.words[params.index("mode")].store(f.mode_word())
    if not direct:
        return
    with native_call.function(k, "direct", of) as (f, words, pointers), f.loop(0, params.read(f, words).items) as index:
        f.call(item, words, *pointers, index)
    with native_call.function(k, "fill", [i64, *of], words=True) as (f, _, (words, *pointers)):
        for n, pointer in enumerate(pointers):
            words[2 + n].store(pointer.address())
        words[params.index("mode")].store(f.mode_word())


class Direct:
    """A kernel of `emit_entries` with its words; call it with its arrays."""

    def __init__(self, code: Any, words: array, small: bool) -> None:
        """`small`: not worth a team."""
        self.entry, self.mode, self.words, self.small = code["run"], code["mode"], words, small
        self.fill = self.direct = None
        if native_call.available():
            own = np.frombuffer(words, np.int64)
            self.bound = [native_call.Bound(code[name], own) for name in ("direct", "fill")]
            self.fill = self.bound[1].call
            self.direct = self.bound[0].call if small else None

    def __call__(self, *arrays: np.ndarray) -> None:
        if self.direct is not None:
            self.direct(*arrays)
        else:
            runtime.launch(self.entry, self.filled(arrays), 1 if self.small else runtime.team_size())

    def filled(self, arrays: Sequence[np.ndarray]) -> array:
        """The words of a launch."""
        words = self.words[:]
        if self.fill is not None:
            self.fill(words, *arrays)
        else:
            for at, given in enumerate(arrays, 2):
                words[at] = runtime.address(given)
            self.mode.call(words.buffer_info()[0])
        return words
