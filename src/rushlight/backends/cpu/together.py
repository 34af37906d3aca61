"""One formula, or one sum, for many arrays: a table of their addresses, pieces of a few microseconds, one launch."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np

from ... import runtime
from ...core.dtypes import code_of
from ...kernels.steps import FUNCTIONS, missing
from ...kernels.together import (
    ENTRIES,
    emit_squares,
    emit_together,
    squares_params,
    together_form,
    together_params,
)
from ...language.ir import BY_NAME, Module
from ...plan.pointwise import BLOCK
from ...plan.target import Target
from ...plan.threads import ELEMENTS, FUNCTION
from ...rules.expression import Expression, lowered
from ...runtime import native_call
from ..protocol import Refusal
from .kernels import kernel

_REMEMBERED = 64  # sets of sizes whose pieces are kept


class Rows:
    """What calls for rows of arrays share: the pieces of rows of some sizes, and the table of their addresses."""

    def __init__(self, width: int, itemsizes: Sequence[int], target: Target) -> None:
        self.width, self.itemsizes = width, np.array(itemsizes)
        self.pieces: dict[tuple[int, ...], tuple[np.ndarray, int, np.ndarray]] = {}
        self.fill = None
        if native_call.available():
            address = kernel(target, "addresses", _emit_addresses)["addresses"]
            self.bound = native_call.Bound(address, np.zeros(1, np.int64))
            self.fill = self.bound.call

    def cut(self, rows: Sequence[Sequence[np.ndarray]]) -> tuple[np.ndarray, int, np.ndarray]:
        """The pieces of these rows, how many elements they are, and the bytes of each array."""
        sizes = tuple([row[0].size for row in rows])
        found = self.pieces.get(sizes)
        if found is not None:
            return found
        cut = [
            (row, start, min(BLOCK, size - start)) for row, size in enumerate(sizes) for start in range(0, size, BLOCK)
        ]
        if len(self.pieces) >= _REMEMBERED:
            self.pieces.clear()
        pieces = np.array(cut, np.int64).reshape(-1, ENTRIES)
        found = self.pieces[sizes] = pieces, sum(sizes), np.array(sizes)[:, None] * self.itemsizes
        return found

    def table(self, rows: Sequence[Sequence[np.ndarray]]) -> np.ndarray:
        """The addresses of all arrays, row by row."""
        table = np.empty((len(rows), self.width), np.int64)
        if self.fill is not None:
            self.fill(table, *chain.from_iterable(rows))
        else:
            table.reshape(-1)[:] = [runtime.address(array) for array in chain.from_iterable(rows)]
        return table


class TogetherCall(Rows):
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
        super().__init__(arrays, [kind.itemsize for kind in kinds], target)
        form = together_form(program, arrays)
        code = kernel(target, "together", _emit, form, arrays)
        self.entry, self.mode = code["run"], code["mode"]
        self.results = len(program.results)
        self.weight = FUNCTION if any(step.op in FUNCTIONS for step in program.steps) else 1
        params = together_params(arrays, program)
        self.words = params.pack(table=None, pieces=None, numbers=None, mode=0, items=0)
        self.at = {name: params.index(name) for name in params.types}

    def __call__(self, rows: Sequence[Sequence[np.ndarray]], numbers: np.ndarray) -> bool:
        """Write the results over the first arrays of each row; False where rows share memory that is written."""
        pieces, work, counts = self.cut(rows)
        if not work:
            return True
        table = self.table(rows)
        if self._overlap(table, counts):
            return False
        words, at = self.words[:], self.at
        words[at["table"]], words[at["pieces"]] = runtime.address(table), runtime.address(pieces)
        words[at["numbers"]], words[at["items"]] = runtime.address(numbers), len(pieces)
        self.mode.call(words.buffer_info()[0])
        runtime.launch(self.entry, words, ELEMENTS.threads(work * self.weight, runtime.team_size()))
        return True

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


class SquaresCall(Rows):
    """The sums of squares of arrays of one dtype, whatever their sizes, in float64."""

    def __init__(self, kind: np.dtype, target: Target) -> None:
        """Refusal for what is not compiled."""
        if not kind.isnative:
            raise Refusal("foreign byte order")
        super().__init__(1, [kind.itemsize], target)
        source = BY_NAME[code_of(kind)]
        self.entry = kernel(target, "squares together", emit_squares, source)["run"]
        self.words = squares_params().pack(table=None, pieces=None, parts=None, items=0)

    def __call__(self, arrays: Sequence[np.ndarray]) -> np.ndarray:
        """One sum for each array, which lies without gaps."""
        rows = [(array,) for array in arrays]
        pieces, work, _ = self.cut(rows)
        table, parts, words = self.table(rows), np.empty(len(pieces)), self.words[:]
        words[_TABLE], words[_PIECES], words[_PARTS] = map(runtime.address, (table, pieces, parts))
        words[_ITEMS] = len(pieces)
        runtime.launch(self.entry, words, ELEMENTS.threads(work, runtime.team_size()))
        return np.bincount(pieces[:, 0], parts, len(rows))


_TABLE, _PIECES, _PARTS, _ITEMS = (squares_params().index(name) for name in ("table", "pieces", "parts", "items"))


def _emit(k: Module, form: object, arrays: int) -> None:
    emit_together(k, form, arrays)


def _emit_addresses(k: Module) -> None:
    native_call.addresses(k, "addresses")
