"""Tiles along a row of results, and which taps they need: those that read nothing but padding are left out.

In: a phase of an axis, the source's size, what a tile of each height costs. Out: for each result its set of taps
(`tap_sets`), a row in segments of one set each (`segments`), and the best tiles for a segment (`tile_steps`).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from .axes import Phase, results_inside

_CANDIDATES = 24


class Segment(NamedTuple):
    """Results [begin, end) of a phase, in units of t, and the taps (numbers j of the phase) that they need."""

    begin: int
    end: int
    taps: frozenset[int]


def tap_sets(phase: Phase, size: int, all_taps: bool = False) -> list[Segment]:
    """A phase in pieces whose results read the source with the same taps (or need all of them).

    >>> [(s.begin, s.end, sorted(s.taps)) for s in tap_sets(Phase((0, 1, 2), (-2, 0, 2), 1, 0, 5, 1, 0), 5)]
    [(0, 2, [1, 2]), (2, 3, [0, 1, 2]), (3, 5, [0, 1])]
    """
    every = frozenset(range(len(phase.taps)))
    if all_taps:
        return [Segment(phase.begin, phase.end, every)]
    spans = [results_inside(phase, offset, size) for offset in phase.offsets]
    cuts = sorted({phase.begin, phase.end}.union(*spans)) if spans else [phase.begin, phase.end]
    pieces: list[Segment] = []
    for begin, end in pairwise(cuts):
        needed = frozenset(j for j, (lo, hi) in enumerate(spans) if lo <= begin < hi)
        if pieces and pieces[-1].taps == needed:
            pieces[-1] = pieces[-1]._replace(end=end)
        else:
            pieces.append(Segment(begin, end, needed))
    return pieces


def segments(sets: list[Segment], costs: Sequence[float], height: int, once: float = 1.0) -> list[Segment]:
    """Neighbouring pieces joined where one run of tiles with the taps of both costs no more than two.

    `costs[n]` is what n results cost a tap (`row_costs`), `once` what a segment costs besides. A very long list is
    first cut at multiples of `height`."""
    if len(sets) > _CANDIDATES:
        sets = _coarse(sets, max(height, -(-(sets[-1].end - sets[0].begin) // _CANDIDATES // height) * height))
    best: list[tuple[float, int]] = [(0.0, 0)]
    for j in range(1, len(sets) + 1):
        options = []
        for i in range(j):
            taps = frozenset().union(*(piece.taps for piece in sets[i:j]))
            n = sets[j - 1].end - sets[i].begin
            options.append((best[i][0] + cost_of(n, costs, height) * len(taps) + once, i))
        best.append(min(options))
    joined, j = [], len(sets)
    while j:
        i = best[j][1]
        joined.append(Segment(sets[i].begin, sets[j - 1].end, frozenset().union(*(p.taps for p in sets[i:j]))))
        j = i
    return joined[::-1]


def _coarse(sets: list[Segment], width: int) -> list[Segment]:
    begin, end = sets[0].begin, sets[-1].end
    pieces = []
    for lo in range(begin, end, width):
        hi = min(lo + width, end)
        taps = frozenset().union(*(piece.taps for piece in sets if piece.begin < hi and piece.end > lo))
        if pieces and pieces[-1].taps == taps:
            pieces[-1] = pieces[-1]._replace(end=hi)
        else:
            pieces.append(Segment(lo, hi, taps))
    return pieces


# -------------------------------------------------------------------- tiles


def tile_steps(heights: Sequence[int], costs: Sequence[float], limit: int) -> list[tuple[int, int]]:
    """What to take next where n results are left, for n = 0 … `limit`: so many tiles of a height, as (height, count).

    `costs` is what a tile of each height takes; the sum of a row's tiles is the least.

    >>> tile_steps([4, 2, 1], [4.0, 2.5, 2.0], 11)[5:]
    [(4, 1), (4, 1), (4, 1), (4, 2), (4, 2), (4, 2), (4, 2)]
    """
    first = [height for _, height in _best_tiles(heights, costs)]
    most = max(heights)
    steps = [(0, 0)]
    for n in range(1, limit + 1):
        height = first[n] if n < len(first) else most
        before = steps[n - height]
        steps.append((height, before[1] + 1 if before[0] == height else 1))
    return steps


def row_costs(heights: Sequence[int], costs: Sequence[float]) -> list[float]:
    """What n results cost, for n = 0 … 2·max − 1."""
    return [cost for cost, _ in _best_tiles(heights, costs)]


def cost_of(n: int, costs: Sequence[float], height: int) -> float:
    """What n results cost, whatever n, by `row_costs` and the largest height."""
    whole = max(0, -(-(n - len(costs) + 1) // height))
    return whole * costs[height] + costs[n - whole * height]


def _best_tiles(heights: Sequence[int], costs: Sequence[float]) -> list[tuple[float, int]]:
    best = [(0.0, 0)]
    for n in range(1, 2 * max(heights)):
        cost, height = min((best[n - h][0] + cost, -h) for h, cost in zip(heights, costs) if h <= n)
        best.append((cost, -height))
    return best
