"""Rushlight against what PyTorch 2.13.0 gave when the golden files were made; needs no PyTorch."""

import zlib

import numpy as np
import pytest

import rushlight
from tests.parity import expressions
from tests.parity.golden_files import problems, recorded, table
from tests.parity.measure import TOLERANCE, run, worst_error
from tests.parity.problem import Problem


def test_files_say_where_they_come_from():
    assert table("illegal")["torch"].startswith("2.13.0")
    assert table("expressions")["torch"].startswith("2.13.0")
    assert len(problems()) >= 150


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("text", problems())
def test_problem(text, dtype):
    """Small integers: every product and sum is exact, in both dtypes and in any order of summation."""
    worst, name = worst_error(run(rushlight, Problem.parse(text), dtype), problems()[text])
    assert worst <= TOLERANCE[dtype], f"{name} is off by {worst:.2g}"


@pytest.mark.parametrize("text", expressions.EXPRESSIONS)
def test_value(text):
    check_values(text, recorded("expressions", "values", text))


@pytest.mark.parametrize("text", expressions.NORMALS)
def test_normal_draws(text):
    check_values(text, recorded("expressions", "normals", text))


def check_values(text, expected):
    got = expressions.describe(expressions.evaluate(rushlight, text))
    assert {**got, "values": None} == {**expected, "values": None}
    close = 1e-12 if expected["dtype"] == "float64" else 1e-6
    np.testing.assert_allclose(got["values"], expected["values"], rtol=close, atol=close)


@pytest.mark.parametrize("text", expressions.TEXTS)
def test_text(text):
    assert expressions.evaluate(rushlight, text) == recorded("expressions", "texts", text)


@pytest.mark.parametrize("text", expressions.DRAWS)
def test_uniform_draws_to_the_last_bit(text):
    got = expressions.describe(expressions.evaluate(rushlight, text))
    flat = np.array(got["values"], got["dtype"])
    got |= {"values": flat.ravel()[:3].tolist(), "crc32": zlib.crc32(flat.tobytes())}
    assert got == recorded("expressions", "draws", text)


@pytest.mark.parametrize("optimiser", expressions.OPTIMISERS)
def test_training_losses(optimiser):
    expected = recorded("expressions", "losses", optimiser)
    np.testing.assert_allclose(expressions.training(rushlight, optimiser), expected, rtol=2e-5)
