"""How far to go: a step length that keeps the strong Wolfe conditions.

In: a function of the length, and its value and slope at 0. Out: a length at which the function is low enough (Armijo)
and flat enough (curvature). From Nocedal & Wright, "Numerical Optimization", algorithms 3.5 and 3.6: first an interval
is found that has such a point, then it is made smaller, by the lowest point of a cubic through both ends.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from rushlight.tensor.core import Tensor

ARMIJO = 1e-4
"""The share of what the slope promises by which the function must have become smaller."""
CURVATURE = 0.9
"""The share of the first slope that may be left."""
LEAST = 1e-9
"""Changes of the parameters that are too small to look on."""
MARGIN = 0.1
"""The share of an interval by which a new point keeps away from its ends."""


class Point(NamedTuple):
    """A length, with the function's value, its gradient and its slope there."""

    t: Any
    value: float
    grad: Tensor
    slope: Tensor


def strong_wolfe(
    evaluate: Callable[[Any], tuple[float, Tensor]], t: Any, d: Tensor, value: float, grad: Tensor, slope: Tensor,
    most: int = 25,
) -> tuple[float, Tensor, Any, int]:  # fmt: skip
    """The value, the gradient and the length that were found, and how many evaluations that took.

    `evaluate(t)` gives value and gradient at length t along d; `most` is how often it goes on after the first.
    """

    def at(t: Any) -> Point:
        found, there = evaluate(t)
        return Point(t, found, there.clone(), there.dot(d))

    def is_low(point: Point) -> bool:
        return not point.value > value + ARMIJO * point.t * slope

    def is_flat(point: Point) -> bool:
        return bool(abs(point.slope) <= -CURVATURE * slope)

    begin = before = Point(0, value, grad.clone(), slope)
    point, looked = at(t), 0
    while looked < most:
        if not is_low(point) or (looked > 1 and point.value >= before.value):
            ends = [before, point]
            break
        if is_flat(point):
            return point.value, point.grad, point.t, looked + 1
        if point.slope >= 0:
            ends = [before, point]
            break
        bounds = point.t + 0.01 * (point.t - before.t), point.t * 10
        before, point = point, at(cubic_minimum(before, point, bounds))
        looked += 1
    else:
        ends = [begin, point]
    return _zoomed(at, is_low, is_flat, d, ends, looked, most)


def _zoomed(
    at: Callable, is_low: Callable, is_flat: Callable, d: Tensor, ends: list[Point], looked: int, most: int
) -> tuple[float, Tensor, Any, int]:
    """The same within an interval, of which one end is the lowest point so far."""
    length, hesitated = d.abs().max(), False
    low, high = (0, 1) if ends[0].value <= ends[1].value else (1, 0)
    while looked < most:
        if abs(ends[1].t - ends[0].t) * length < LEAST:
            break
        least, greatest = min(ends[0].t, ends[1].t), max(ends[0].t, ends[1].t)
        t, margin = cubic_minimum(*ends), MARGIN * (greatest - least)
        if min(greatest - t, t - least) < margin:  # close to an end: the second time, or beyond it, away from there
            moves = hesitated or t >= greatest or t <= least
            if moves:
                t = greatest - margin if abs(t - greatest) < abs(t - least) else least + margin
            hesitated = not moves
        else:
            hesitated = False
        point = at(t)
        looked += 1
        if not is_low(point) or point.value >= ends[low].value:
            ends[high] = point
            low, high = (0, 1) if ends[0].value <= ends[1].value else (1, 0)
            continue
        done = is_flat(point)
        if not done and point.slope * (ends[high].t - ends[low].t) >= 0:
            ends[high] = ends[low]
        ends[low] = point
        if done:
            break
    return ends[low].value, ends[low].grad, ends[low].t, looked + 1


def cubic_minimum(a: Point, b: Point, bounds: tuple[Any, Any] | None = None) -> Any:
    """Where the cubic with these values and slopes is lowest, within the bounds (or the two points); their middle where
    it has no such place."""
    if not a.t <= b.t:
        a, b = b, a
    least, greatest = (a.t, b.t) if bounds is None else bounds
    bend = a.slope + b.slope - 3 * (a.value - b.value) / (a.t - b.t)
    square = bend**2 - a.slope * b.slope
    if not square >= 0:
        return (least + greatest) / 2.0
    root = square.sqrt()
    lowest = b.t - (b.t - a.t) * ((b.slope + root - bend) / (b.slope - a.slope + 2 * root))
    return min(max(lowest, least), greatest)
