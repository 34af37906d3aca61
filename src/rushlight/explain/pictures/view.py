"""Which positions of an axis are drawn: all of a short one, of a long one both ends, as they are.

In come the numbers of an axis whose windows move over a grid (the input of a convolution, the output of a transposed
one); out come the grid positions to draw, with gaps where some are left out, and the windows that are wholly seen.
"""

from __future__ import annotations

from typing import NamedTuple


class View(NamedTuple):
    """Positions in order, None for a gap; `windows` are the numbers of those drawn; `whole` if nothing is left out."""

    positions: tuple[int | None, ...]
    windows: tuple[int, ...]
    whole: bool

    def index(self, position: int) -> int | None:
        """Where a position is drawn."""
        return self.positions.index(position) if position in self.positions else None


class Moving(NamedTuple):
    """Windows on one axis: window o has taps at `o·stride + k·dilation − before`, for `count` windows."""

    count: int
    taps: int
    stride: int
    dilation: int
    before: int
    first: int  # grid positions that there are to draw: first … end − 1
    end: int

    def positions(self, window: int) -> list[int]:
        """The grid positions under a window's taps; of very many taps the first and the last."""
        taps = range(self.taps) if self.taps <= 64 else [*range(8), *range(self.taps - 8, self.taps)]
        return [window * self.stride + k * self.dilation - self.before for k in taps]

    @property
    def span(self) -> int:
        return self.dilation * (self.taps - 1) + 1


def view_of(axis: Moving, room: int, most: int) -> View:
    """A view of at most `room` positions and `most` windows."""
    if axis.end - axis.first <= room:
        windows = tuple(window for window in ends(axis.count, most) if window is not None)
        return View(tuple(range(axis.first, axis.end)), windows, True)
    if axis.span > room:
        return _sparse(axis, room)
    last = (axis.count - 1) * axis.stride - axis.before  # where the last window begins
    head = min(_fitting(axis, room - (axis.end - last)), most - 1, axis.count - 1)
    tail = 1 if head > 0 else 0
    if not tail:
        head = min(_fitting(axis, room), most, axis.count)
    windows = [*range(head), *range(axis.count - tail, axis.count)]
    positions = set(range(axis.first, min((head - 1) * axis.stride + axis.span - axis.before, axis.end)))
    if tail:
        positions |= set(range(last, axis.end))
    return View(with_gaps(sorted(positions)), tuple(windows), len(positions) == axis.end - axis.first)


def _fitting(axis: Moving, room: int) -> int:
    """How many neighbouring windows fit into so many positions."""
    return (room - axis.span) // axis.stride + 1 if room >= axis.span else 0


def _sparse(axis: Moving, room: int) -> View:
    """Windows wider than the room: only what their taps stand on; of too many taps the first and the last."""
    for windows in (range(min(axis.count, 2)), range(1)):
        positions = sorted({position for window in windows for position in axis.positions(window)})
        if len(positions) <= room:
            break
    else:
        positions = positions[: room - room // 3] + positions[-(room // 3) :]
    return View(with_gaps(positions), tuple(windows), False)


def with_gaps(positions: list[int]) -> tuple[int | None, ...]:
    """Sorted positions with a None wherever some are left out."""
    found: list[int | None] = []
    for position in positions:
        if found and position != found[-1] + 1:
            found.append(None)
        found.append(position)
    return tuple(found)


def ends(count: int, most: int) -> tuple[int | None, ...]:
    """Positions 0 … count − 1, the middle left out where they are too many."""
    if count <= most:
        return tuple(range(count))
    return with_gaps([*range(most - 1), count - 1])
