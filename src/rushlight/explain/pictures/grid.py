"""Grids of cells: positions with gaps come in, a drawing with the real numbers at its rims comes out."""

from __future__ import annotations

from collections.abc import Callable

from .canvas import Canvas

GAP = 0.7  # of a cell
Positions = tuple[int | None, ...]


class Grid:
    """Rows and columns of square cells at a position on the canvas."""

    def __init__(self, x: float, y: float, rows: Positions, columns: Positions, cell: float) -> None:
        self.x, self.y, self.rows, self.columns, self.cell = x, y, rows, columns, cell
        self._left, self.width = _offsets(columns, cell)
        self._top, self.height = _offsets(rows, cell)

    def at(self, row: int, column: int) -> tuple[float, float] | None:
        """The corner of a cell; None where it is not drawn."""
        if row not in self._top or column not in self._left:
            return None
        return self.x + self._left[column], self.y + self._top[row]

    def corners(self, cells: list[tuple[int, int]]) -> list[tuple[float, float]]:
        """The corners of those cells that are drawn."""
        return [corner for corner in (self.at(*cell) for cell in cells) if corner]

    def centres(self, cells: list[tuple[int, int]]) -> list[tuple[float, float]]:
        """The middles of those cells that are drawn."""
        return [(x + self.cell / 2, y + self.cell / 2) for x, y in self.corners(cells)]

    def draw(self, canvas: Canvas, kind_of: Callable[[int, int], str]) -> None:
        """All cells, each of the kind that the function gives."""
        kinds: dict[str, list[tuple[int, int]]] = {}
        for row in self._top:
            for column in self._left:
                kinds.setdefault(kind_of(row, column), []).append((row, column))
        for kind, cells in kinds.items():
            canvas.squares(self.corners(cells), self.cell, kind)
        self._draw_gaps(canvas)

    def _draw_gaps(self, canvas: Canvas) -> None:
        """Dots where rows or columns are left out."""
        for position, row in enumerate(self.rows):
            if row is None:
                y = self.y + self._top[self.rows[position - 1]] + self.cell * (1 + GAP / 2)
                canvas.dots([(self.x + self.width / 2 + d, y) for d in (-5, 0, 5)], 1.3, "dot")
        for position, column in enumerate(self.columns):
            if column is None:
                x = self.x + self._left[self.columns[position - 1]] + self.cell * (1 + GAP / 2)
                canvas.dots([(x, self.y + self.height / 2 + d) for d in (-5, 0, 5)], 1.3, "dot")

    def label_columns(self, canvas: Canvas) -> None:
        """The columns' numbers above them; only some where they are narrow."""
        every = 1 if self.cell >= 18 and max(map(len, map(str, self._left))) <= 3 else 2
        for position, (column, left) in enumerate(self._left.items()):
            if position % every == 0:
                canvas.text(self.x + left + self.cell / 2, self.y - 4, number(column), "small mid")

    def label_rows(self, canvas: Canvas) -> None:
        """The rows' numbers on their left."""
        for row, top in self._top.items():
            canvas.text(self.x - 4, self.y + top + self.cell / 2 + 3.5, number(row), "small end")

    def write(self, canvas: Canvas, words: Callable[[int, int], str]) -> None:
        """A word in each cell."""
        for row in self._top:
            for column in self._left:
                x, y = self.at(row, column)
                word = words(row, column)
                if word:
                    canvas.text(x + self.cell / 2, y + self.cell / 2 + 3.2, word, "mini mid")


def number(n: int) -> str:
    """A number with a true minus."""
    return str(n) if n >= 0 else f"−{-n}"


def _offsets(positions: Positions, cell: float) -> tuple[dict[int, float], float]:
    offsets, at = {}, 0.0
    for position in positions:
        if position is None:
            at += GAP * cell
        else:
            offsets[position] = at
            at += cell
    return offsets, at
