"""Winograd's minimal filtering F(m, r): the matrices, from exact fractions, and cheap ways to apply them.

In: the number of results m and of taps r. Out: `Transform`s, short lists of multiply-adds that `kernels.winograd`
emits over vectors of channels and that `evaluate` runs on anything that adds and multiplies (tests use fractions).

m results of an r-tap filter need m + r − 1 multiplications instead of m·r:  y = Aᵀ[(G g) ⊙ (Bᵀ d)], for d the
m + r − 1 inputs and g the taps (S. Winograd, 1980; A. Lavin and S. Gray, 2016). In two dimensions the matrices are
applied along both axes, so F(4×4, 3×3) multiplies 36 times where the sum itself needs 144.

Rounding decides the points at which the polynomials are evaluated. 0, ±3/4, ±3/2 and ∞ give F(4×4, 3×3) half the
error of the customary 0, ±1, ±2 and ∞ (1.6e-6 against 3.1e-6 in the norm, 256 channels, float32), are exact in binary,
and their symmetry halves the additions.
"""

from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from typing import NamedTuple

Matrix = tuple[tuple[Fraction, ...], ...]

POINTS = {
    0: (),
    1: (0,),
    2: (0, 1),
    3: (0, 1, -1),
    4: (0, Fraction(3, 4), Fraction(-3, 4), Fraction(3, 2)),
    5: (0, Fraction(3, 4), Fraction(-3, 4), Fraction(3, 2), Fraction(-3, 2)),
    6: (0, Fraction(1, 2), Fraction(-1, 2), 1, -1, 2),
    7: (0, Fraction(1, 2), Fraction(-1, 2), 1, -1, 2, -2),
}
"""The finite points for each number of inputs less one; the last point is always infinity."""


class Step(NamedTuple):
    """One value of a transform: the sum of `coefficient · value`, over inputs 0, 1, … and shared steps −1, −2, …"""

    terms: tuple[tuple[Fraction, int], ...]


class Transform(NamedTuple):
    """A matrix as steps: shared sums first, then one step a row. Step j has index −1−j when later steps read it."""

    inputs: int
    shared: tuple[Step, ...]
    rows: tuple[Step, ...]


class Winograd(NamedTuple):
    """F(m, r): `data` is Bᵀ, `filter` is G and `result` is Aᵀ, with `inputs = m + r − 1`."""

    results: int
    taps: int
    data: Matrix
    filter: Matrix
    result: Matrix

    @property
    def inputs(self) -> int:
        return self.results + self.taps - 1


def _product(a: Sequence[Fraction], b: Sequence[Fraction]) -> list[Fraction]:
    """The product of two polynomials given by their coefficients, lowest first."""
    result = [Fraction(0)] * (len(a) + len(b) - 1)
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            result[i + j] += x * y
    return result


def _roots(points: Sequence[Fraction]) -> list[Fraction]:
    """The polynomial that is zero at `points`."""
    polynomial = [Fraction(1)]
    for point in points:
        polynomial = _product(polynomial, (-point, Fraction(1)))
    return polynomial


@cache
def winograd(results: int, taps: int) -> Winograd:
    """The matrices of F(results, taps), by Toom and Cook's interpolation with exact fractions.

    >>> winograd(2, 3).inputs
    4
    """
    inputs = results + taps - 1
    points = tuple(Fraction(p) for p in POINTS[inputs - 1])
    data, filters = [], []
    for i, point in enumerate(points):
        others = points[:i] + points[i + 1 :]
        denominator = Fraction(1)
        for other in others:
            denominator *= point - other
        data.append((*_roots(others), Fraction(0)))
        filters.append(tuple(point**k / denominator for k in range(taps)))
    data.append(tuple(_roots(points)))
    filters.append(tuple(Fraction(int(k == taps - 1)) for k in range(taps)))
    result = tuple((*(point**i for point in points), Fraction(int(i == results - 1))) for i in range(results))
    return Winograd(results, taps, tuple(data), tuple(filters), result)


def by_rows(matrix: Matrix) -> Transform:
    """Steps for a matrix some of whose rows are e + o and e − o (Bᵀ: the points p and −p)."""
    shared: list[Step] = []
    rows: list[Step | None] = [None] * len(matrix)
    for i, row in enumerate(matrix):
        partner = _mirror(matrix, i)
        if partner is None:
            rows[i] = _step(row)
        elif partner > i:
            even = tuple((x + y) / 2 for x, y in zip(row, matrix[partner]))
            odd = tuple((x - y) / 2 for x, y in zip(row, matrix[partner]))
            unit = next((x for x in reversed(odd) if x), Fraction(1))
            shared += [_step(even), _step([x / unit for x in odd])]
            e, o = -len(shared) + 1, -len(shared)
            rows[i], rows[partner] = Step(((Fraction(1), e), (unit, o))), Step(((Fraction(1), e), (-unit, o)))
    return Transform(len(matrix[0]), tuple(shared), tuple(rows))


def by_columns(matrix: Matrix) -> Transform:
    """Steps for a matrix some of whose columns are equal up to signs (Aᵀ: the powers of p and of −p)."""
    columns = tuple(zip(*matrix))
    shared: list[Step] = []
    use: dict[int, tuple[int, int]] = {}  # first column of a pair → its sum and its difference
    for j, column in enumerate(columns):
        for k in range(j + 1, len(columns)):
            signs = {y / x for x, y in zip(column, columns[k]) if x}
            if any(column) and signs == {1, -1} and all(bool(x) == bool(y) for x, y in zip(column, columns[k])):
                one = Fraction(1)
                shared += [Step(((one, j), (one, k))), Step(((one, j), (-one, k)))]
                use[j] = (k, len(shared))
    seconds = {k for k, _ in use.values()}
    rows = []
    for row in matrix:
        terms = []
        for j, x in enumerate(row):
            if not x or j in seconds:
                continue
            if j in use:
                k, count = use[j]
                terms.append((x, -count + 1 if row[k] == x else -count))
            else:
                terms.append((x, j))
        rows.append(Step(tuple(terms)))
    return Transform(len(columns), tuple(shared), tuple(rows))


def _mirror(matrix: Matrix, i: int) -> int | None:
    """The row that equals row i with the sign of every second entry changed, if there is another.

    A row without even or without odd entries shares nothing with its mirror image.

    >>> _mirror(((1, 2), (1, -2)), 0), _mirror(((1, 0), (1, 0)), 0), _mirror(((1,), (1,)), 0)
    (1, None, None)
    """
    if not any(matrix[i][::2]) or not any(matrix[i][1::2]):
        return None
    for j, other in enumerate(matrix):
        plus = all(x == (y if k % 2 == 0 else -y) for k, (x, y) in enumerate(zip(matrix[i], other)))
        minus = all(x == (-y if k % 2 == 0 else y) for k, (x, y) in enumerate(zip(matrix[i], other)))
        if j != i and (plus or minus):
            return j
    return None


def _step(row: Sequence[Fraction]) -> Step:
    return Step(tuple((x, j) for j, x in enumerate(row) if x))


def evaluate(transform: Transform, inputs: Sequence) -> list:
    """Run the steps on numbers.

    >>> evaluate(by_rows(winograd(2, 3).data), [1, 2, 3, 4]) == [sum(a * d for a, d in zip(row, (1, 2, 3, 4)))
    ...     for row in winograd(2, 3).data]
    True
    """
    shared: list = []

    def run(step: Step) -> object:
        values = [c * (inputs[i] if i >= 0 else shared[-1 - i]) for c, i in step.terms]
        return sum(values[1:], values[0])

    for step in transform.shared:
        shared.append(run(step))
    return [run(step) for step in transform.rows]


class Tiling(NamedTuple):
    """How the tiles of a layer fall into items of work: `images` × `rows` × `columns` tiles each."""

    images: int
    rows: int
    columns: int

    @property
    def tiles(self) -> int:
        """Tiles of an item, for one depth."""
        return self.images * self.rows * self.columns


def tile(count: tuple[int, int], images: int, wanted: int) -> Tiling:
    """Items of about `wanted` tiles, for images of `count` (rows, columns) of tiles; nearly equal parts.

    >>> tile((14, 14), 8, 56), tile((2, 2), 8, 28), tile((1, 1000), 1, 56)
    (Tiling(images=1, rows=4, columns=14), Tiling(images=8, rows=2, columns=2), Tiling(images=1, rows=1, columns=56))
    """
    rows, columns = count
    if rows * columns <= wanted:
        return Tiling(_even(images, wanted * 4 // 3 // (rows * columns)), rows, columns)
    columns = _even(columns, min(columns, wanted))
    return Tiling(1, _even(rows, max(1, wanted // columns)), columns)


def _even(count: int, most: int) -> int:
    """The length of parts of `count`, none longer than `most`, that differ as little as can be."""
    parts = -(-count // most)
    return -(-count // parts)
