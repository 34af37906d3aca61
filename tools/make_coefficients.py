"""Writes src/rushlight/kernels/mathematics/coefficients.py: the polynomials of our vector functions.

Each is the polynomial whose greatest weighted error over an interval is the least (Remez's exchange on a grid of
Chebyshev points, in mpmath's numbers of 70 digits), of the lowest degree that meets the precision asked for. Its
coefficients are rounded one after the other from the constant upward, and those above fitted anew each time, so that
what rounding takes they give back. `python tools/make_coefficients.py [NAME …]` needs mpmath and takes minutes.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import mpmath as mp

mp.mp.dps = 70
FILE = Path(__file__).parents[1] / "src/rushlight/kernels/mathematics/coefficients.py"
SINGLE, MIDDLE, DOUBLE = 24, 34, 53
# How far below a unit in the last place of 1 the polynomial's own error is: float32 in float32, float32 in float64
# (whose result is rounded but once), float64.
WANTED = {SINGLE: 27.5, MIDDLE: 33.0, DOUBLE: 56.5}


class Fit(NamedTuple):
    """target(x) ≈ polynomial in variable(x), with error · weight(x) as small as can be on low ≤ x ≤ high."""

    what: str
    target: Callable
    variable: Callable
    weight: Callable
    ends: dict[int, tuple]  # by precision


def everywhere(low: float, high: float, *precisions: int) -> dict[int, tuple]:
    """The same interval for several precisions, or all."""
    return {bits: (mp.mpf(low), mp.mpf(high)) for bits in precisions or WANTED}


def square(x: mp.mpf) -> mp.mpf:
    return x * x


def series(function: Callable, terms: int) -> Callable:
    """Its Taylor coefficients at 0 as a polynomial: for quotients that cancel near 0."""
    numbers = mp.taylor(function, 0, terms + 60)
    return lambda x: mp.polyval(numbers[: terms - 1 : -1], x)


def odd(function: Callable) -> Callable:
    """(function(x) − x) / x³."""
    tail = series(function, 3)
    return lambda x: tail(x) if abs(x) < 0.05 else (function(x) - x) / x**3


_exp_tail = series(mp.exp, 2)
_log_tail = series(lambda x: mp.log(1 + x), 3)
_cos_tail = series(mp.cos, 4)
HALF_LN2 = mp.log(2) / 2 * mp.mpf("1.0001")
QUARTER = mp.pi / 4 * mp.mpf("1.0001")
ROOT = mp.sqrt(2)
ROOT_ATANH = (ROOT - 1) / (ROOT + 1)
OCTANT = mp.tan(mp.pi / 8) * mp.mpf("1.0001")


def _log1p_rest(x: mp.mpf) -> mp.mpf:
    return _log_tail(x) if abs(x) < 0.05 else (mp.log(1 + x) - x + x * x / 2) / x**3


def _erfcx(q: mp.mpf) -> mp.mpf:
    a = 4 * (1 + q) / (1 - q)
    return (1 + 2 * a) * mp.exp(a * a) * mp.erfc(a)


def _erfinv(w: mp.mpf) -> mp.mpf:
    """erfinv(x) / x by w = −log(1 − x²)."""
    x = mp.sqrt(-mp.expm1(-w))
    return mp.erfinv(x) / x if x else mp.sqrt(mp.pi) / 2


def _inverse(what: str, low: float, middle: float, high: float, root: bool, *precisions: int) -> Fit:
    """A piece of erfinv, in s = √w or in w itself."""
    target = (lambda s: _erfinv(s * s)) if root else _erfinv
    return Fit(what, target, lambda s: s - middle, lambda s: 1 / target(s), everywhere(low, high, *precisions))


FITS = {
    "EXP": Fit(
        "(exp(r) − 1 − r) / r², |r| ≤ ln 2 / 2",
        lambda r: _exp_tail(r), lambda r: r, abs, everywhere(-HALF_LN2, HALF_LN2),
    ),
    "LOG": Fit(
        "(log(1 + f) − f + f²/2) / f³, √½ ≤ 1 + f ≤ √2",
        _log1p_rest, lambda f: f, lambda f: abs(f**3 / mp.log(1 + f)), everywhere(1 / ROOT - 1, ROOT - 1),
    ),
    "SINH": Fit("(sinh x − x) / x³ in x², |x| ≤ 1", odd(mp.sinh), square, square, everywhere(0, 1, MIDDLE, DOUBLE)),
    "TANH": Fit("(tanh x − x) / x³ in x², |x| ≤ 0.6", odd(mp.tanh), square, square, everywhere(0, 0.6, SINGLE, DOUBLE)),
    "SIN": Fit(
        "(sin r − r) / r³ in r², |r| ≤ π/4",
        odd(mp.sin), square, square, everywhere(0, QUARTER, MIDDLE, DOUBLE),
    ),
    "COS": Fit(
        "(cos r − 1 + r²/2) / r⁴ in r², |r| ≤ π/4",
        lambda r: _cos_tail(r), square, lambda r: r**4 / mp.cos(r), everywhere(0, QUARTER, MIDDLE, DOUBLE),
    ),
    "ASIN": Fit("(asin x − x) / x³ in x², |x| ≤ 1/2", odd(mp.asin), square, square, everywhere(0, 0.5, MIDDLE, DOUBLE)),
    "ATAN": Fit(
        "(atan x − x) / x³ in x², |x| ≤ tan π/8",
        odd(mp.atan), square, square, everywhere(0, OCTANT, MIDDLE, DOUBLE),
    ),
    "ERF": Fit(
        "erf(x) / x − 1 in x², |x| ≤ 1 (float32: 0.925)",
        lambda x: mp.erf(x) / x - 1, square, lambda x: x / mp.erf(x),
        {SINGLE: (mp.mpf(0), mp.mpf("0.925")), DOUBLE: (mp.mpf(0), mp.mpf(1))},
    ),
    "LOG_ERFC": Fit(
        "log erfc(x), 0.92 ≤ x ≤ 4",
        lambda x: mp.log(mp.erfc(x)), lambda x: x, mp.erfc, {SINGLE: (mp.mpf("0.92"), mp.mpf(4))},
    ),
    "ERFCX": Fit(
        "(1 + 2a) exp(a²) erfc(a) in q = (a − 4) / (a + 4), 0 ≤ a ≤ 28 (float32: 10.5)",
        _erfcx, lambda q: q, lambda q: 1 / _erfcx(q),
        {MIDDLE: (mp.mpf(-1), mp.mpf(6.5) / 14.5), DOUBLE: (mp.mpf(-1), mp.mpf(24) / 32)},
    ),
    "ERFINV": _inverse(
        "erfinv(x) / x in w − 3.125, w = −log(1 − x²), 0 ≤ w ≤ 6.25", 0, 3.125, 6.25, False, MIDDLE, DOUBLE
    ),
    "ERFINV_FAR": _inverse("the same in √w − 3.25, 2.5 ≤ √w ≤ 4", 2.5, 3.25, 4, True, MIDDLE, DOUBLE),
    "ERFINV_FARTHEST": _inverse("the same in √w − 5.0625, 4 ≤ √w ≤ 6.125", 4, 5.0625, 6.125, True, DOUBLE),
    "ATANH": Fit(
        "(2 atanh(s) / s − 2 − 2/3 s²) / s⁴ in s², |s| ≤ (√2 − 1) / (√2 + 1); eleven bits more",
        series(lambda s: 2 * mp.atanh(s), 5), square, lambda s: 2**10 * s**4, {DOUBLE: (mp.mpf(0), ROOT_ATANH)},
    ),
}  # fmt: skip


def rounded(number: mp.mpf, bits: int) -> mp.mpf:
    if bits == SINGLE:
        return mp.mpf(struct.unpack("f", struct.pack("f", float(number)))[0])
    return mp.mpf(float(number))


class Grid:
    """The points at which a fit is looked at, with everything there that doesn't change."""

    def __init__(self, fit: Fit, bits: int) -> None:
        low, high = fit.ends[bits]
        count = 700
        points = [
            (low + high) / 2 - (high - low) / 2 * mp.cos(mp.pi * (i + mp.mpf("0.5")) / count) for i in range(count)
        ]
        self.points = [x for x in points if x]
        self.target = [fit.target(x) for x in self.points]
        self.variable = [fit.variable(x) for x in self.points]
        self.weight = [abs(fit.weight(x)) for x in self.points]

    def minimax(self, degree: int) -> tuple[list[mp.mpf], mp.mpf]:
        """The best polynomial of a degree, and its greatest weighted error."""
        n, free = len(self.points), degree + 1
        nodes = [round((n - 1) * i / free) for i in range(free + 1)]
        for _ in range(30):
            rows = [
                [self.variable[i] ** k for k in range(free)] + [(-1) ** j / self.weight[i]] for j, i in enumerate(nodes)
            ]
            solved = mp.lu_solve(mp.matrix(rows), mp.matrix([self.target[i] for i in nodes]))
            found, level = list(solved)[:free], abs(solved[free])
            error = self.error(found)
            worst = max(abs(e) for e in error)
            if worst < level * mp.mpf("1.02"):
                break
            nodes = exchanged(error, free + 1) or nodes
        return found, worst

    def error(self, numbers: list[mp.mpf]) -> list[mp.mpf]:
        """The weighted error of a polynomial at every point."""
        return [(t - mp.polyval(numbers[::-1], v)) * w for t, v, w in zip(self.target, self.variable, self.weight)]

    def nudged(self, numbers: list[mp.mpf], free: int) -> list[mp.mpf]:
        """The last `free` coefficients changed so that the weighted squares are least."""
        first = len(numbers) - free
        columns = [[w * v ** (first + k) for v, w in zip(self.variable, self.weight)] for k in range(free)]
        error = self.error(numbers)
        products = [[mp.fdot(a, b) for b in columns] for a in columns]
        change = mp.lu_solve(mp.matrix(products), mp.matrix([mp.fdot(a, error) for a in columns]))
        return numbers[:first] + [c + d for c, d in zip(numbers[first:], change)]


def exchanged(error: list[mp.mpf], count: int) -> list[int]:
    """The extremes of the runs of one sign, `count` of them; none where there are fewer."""
    extremes: list[int] = []
    for i, e in enumerate(error):
        if extremes and (e > 0) == (error[extremes[-1]] > 0):
            if abs(e) > abs(error[extremes[-1]]):
                extremes[-1] = i
        else:
            extremes.append(i)
    while len(extremes) > count:
        smallest = min(range(len(extremes)), key=lambda j: abs(error[extremes[j]]))
        if smallest in (0, len(extremes) - 1):
            extremes.pop(smallest)
        else:
            del extremes[smallest : smallest + 2]
            if len(extremes) < count:
                return []
    return extremes if len(extremes) == count else []


def coefficients(fit: Fit, bits: int) -> tuple[list[float], float]:
    """The lowest degree that will do, rounded; and the error in bits."""
    grid = Grid(fit, bits)
    limit = mp.mpf(2) ** -WANTED[bits]
    degree, numbers, worst = 1, [], limit + 1
    while worst > limit:
        degree += 1
        numbers, worst = grid.minimax(degree)
    for i in range(degree):
        numbers[i] = rounded(numbers[i], bits)
        if bits == SINGLE or i < 3:
            numbers = grid.nudged(numbers, degree - i)
    numbers[degree] = rounded(numbers[degree], bits)
    return [float(c) for c in numbers], float(-mp.log(max(abs(e) for e in grid.error(numbers)), 2))


HEAD = '''"""The polynomials of the vector functions, lowest power first; written by tools/make_coefficients.py.

By precision: 24 for float32 computed in float32, 34 for float32 computed in float64, 53 for float64.
"""

'''


def main(names: list[str]) -> None:
    parts = {}
    for name, fit in FITS.items():
        if names and name not in names:
            continue
        lines = [f"# {fit.what}", f"{name} = {{"]
        for bits in fit.ends:
            numbers, error = coefficients(fit, bits)
            print(name, bits, "degree", len(numbers) - 1, "error 2 **", round(-error, 1), flush=True)
            lines += [f"    {bits}: (  # greatest error 2 ** {-error:.1f}"]
            lines += [*(f"        {number!r}," for number in numbers), "    ),"]
        parts[name] = "\n".join([*lines, "}"])
    if not names:
        FILE.write_text(HEAD + "\n\n".join(parts.values()) + "\n")
    else:
        print("\n\n".join(parts.values()))


if __name__ == "__main__":
    main(sys.argv[1:])
