"""Winograd's matrices in exact fractions: the identity itself, and that the short steps are the matrices."""

import random
from fractions import Fraction

import pytest

from rushlight.plan.winograd import by_columns, by_rows, evaluate, winograd

SIZES = [(results, taps) for results in range(1, 8) for taps in range(1, 8) if results + taps <= 9]


def apply(matrix, vector):
    return [sum(a * b for a, b in zip(row, vector)) for row in matrix]


@pytest.mark.parametrize("results, taps", SIZES)
def test_minimal_filtering_is_the_convolution(results, taps):
    rng = random.Random(0)
    f = winograd(results, taps)
    data = [Fraction(rng.randint(-9, 9)) for _ in range(f.inputs)]
    weights = [Fraction(rng.randint(-9, 9)) for _ in range(taps)]
    products = [a * b for a, b in zip(apply(f.filter, weights), apply(f.data, data))]
    assert apply(f.result, products) == [sum(data[i + k] * weights[k] for k in range(taps)) for i in range(results)]


@pytest.mark.parametrize("results, taps", SIZES)
def test_steps_are_the_matrices(results, taps):
    rng = random.Random(1)
    f = winograd(results, taps)
    for matrix, steps in ((f.data, by_rows(f.data)), (f.filter, by_rows(f.filter)), (f.result, by_columns(f.result))):
        data = [Fraction(rng.randint(-9, 9)) for _ in matrix[0]]
        assert evaluate(steps, data) == apply(matrix, data)


def test_f43_counts():
    """36 multiplications for 16 results of 9 taps, and few additions around them."""
    f = winograd(4, 3)
    assert f.inputs**2 / (16 * 9) == 0.25

    def operations(t):
        """A term is a multiply-add, but the first one with coefficient 1 costs nothing."""
        steps = (*t.shared, *t.rows)
        return sum(len(step.terms) - any(c == 1 for c, _ in step.terms) for step in steps)

    assert operations(by_rows(f.data)) <= 12
    assert operations(by_columns(f.result)) <= 14


def test_data_matrix_is_exact_in_binary():
    for row in winograd(4, 3).data:
        assert all(x.denominator & (x.denominator - 1) == 0 for x in row)
