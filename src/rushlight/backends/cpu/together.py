"""One formula for many arrays: a table of their addresses, pieces of a few microseconds, one launch."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np

from ... import runtime
from ...core.dtypes import code_of
from ...kernels.steps import FUNCTIONS, missing
from ...kernels.together import ENTRIES, emit_together, together_form, together_params
from ...language.ir import Module
from ...plan.pointwise import BLOCK
from ...plan.target import Target
from ...plan.threads import ELEMENTS, FUNCTION
from ...rules.expression import Expression, lowered
from ...runtime import native_call
from ..protocol import Refusal
from .kernels import kernel

_REMEMBERED = 64  # sets of sizes whose pieces are kept


class TogetherCall:
    """The call of expressions for rows of arrays of these dtypes, whatever their sizes."""

    def __init__(
        self, expressions: tuple[Expression, ...], kinds: Sequence[np.dtype], number: np.dtype, numbers: int,
        target: Target,
    ) -> None:  # fmt: skip
        """Refusal for what is not compiled."""
        if not all(kind.isnative for kind in kinds):
            raise Refusal("foreign byte order")
        codes = tuple([code_of(kind) for kind in (*kinds, *[number] * numbers)])
        program = lowered(expressions, codes)
        lacking = missing(program)
        if lacking:
            raise Refusal(lacking)
        if program.outputs != codes[: len(program.results)]:
            raise Refusal("results of other dtypes than the arrays that they go to")
        arrays = len(kinds)
        form = together_form(program, arrays)
        code = kernel(target, "together", _emit, form, arrays)
        self.entry, self.mode = code["run"], code["mode"]
        self.results, self.width = len(program.results), arrays
        self.itemsizes = np.array([kind.itemsize for kind in kinds])
        self.weight = FUNCTION if any(step.op in FUNCTIONS for step in program.steps) else 1
        params = together_params(arrays, program)
        self.words = params.pack(table=None, pieces=None, numbers=None, mode=0, items=0)
        self.at = {name: params.index(name) for name in params.types}
        self.pieces: dict[tuple[int, ...], tuple[np.ndarray, int, np.ndarray]] = {}
        self.fill = None
        if native_call.available():
            address = kernel(target, "addresses", _emit_addresses)["addresses"]
            self.bound = native_call.Bound(address, np.zeros(1, np.int64))
            self.fill = self.bound.call

    def __call__(self, rows: Sequence[Sequence[np.ndarray]], numbers: np.ndarray) -> bool:
        """Write the results over the first arrays of each row; False where rows share memory that is written."""
        sizes = tuple([row[0].size for row in rows])
        pieces, work, counts = self.pieces.get(sizes) or self._cut(sizes)
        if not work:
            return True
        table = np.empty((len(rows), self.width), np.int64)
        if self.fill is not None:
            self.fill(table, *chain.from_iterable(rows))
        else:
            table.reshape(-1)[:] = [runtime.address(array) for array in chain.from_iterable(rows)]
        if self._overlap(table, counts):
            return False
        words, at = self.words[:], self.at
        words[at["table"]], words[at["pieces"]] = runtime.address(table), runtime.address(pieces)
        words[at["numbers"]], words[at["items"]] = runtime.address(numbers), len(pieces)
        self.mode.call(words.buffer_info()[0])
        runtime.launch(self.entry, words, ELEMENTS.threads(work * self.weight, runtime.team_size()))
        return True

    def _cut(self, sizes: tuple[int, ...]) -> tuple[np.ndarray, int, np.ndarray]:
        """The pieces of arrays of these sizes, how many elements they are, and the sizes as an array."""
        cut = [
            (row, start, min(BLOCK, size - start)) for row, size in enumerate(sizes) for start in range(0, size, BLOCK)
        ]
        if len(self.pieces) >= _REMEMBERED:
            self.pieces.clear()
        pieces = np.array(cut, np.int64).reshape(-1, ENTRIES)
        found = self.pieces[sizes] = pieces, sum(sizes), np.array(sizes)[:, None] * self.itemsizes
        return found

    def _overlap(self, starts: np.ndarray, counts: np.ndarray) -> bool:
        """Whether one row's memory that is written is another's, too."""
        ends = starts + counts
        written = slice(0, self.results)
        order = np.argsort(starts[:, written], axis=None)
        first, last = starts[:, written].ravel()[order], ends[:, written].ravel()[order]
        if (last[:-1] > first[1:]).any():
            return True
        read, behind = starts[:, self.results :].ravel(), ends[:, self.results :].ravel()
        before = np.searchsorted(first, behind) - 1  # the last one that begins before its end
        return bool(((before >= 0) & (last[before] > read)).any())


def _emit(k: Module, form: object, arrays: int) -> None:
    emit_together(k, form, arrays)


def _emit_addresses(k: Module) -> None:
    native_call.addresses(k, "addresses")
